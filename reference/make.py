"""Regenerates every fixture below `data/`, or checks the committed ones.

    python reference/make.py                 writes all
    python reference/make.py encoder model   writes these areas only
    python reference/make.py --check         writes nothing, fails if anything differs
"""

import argparse
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from fixture import DATA

# Each is a module here with `fixtures()`, and a folder below data/.
AREAS = [
    "objective", "optimizer", "schedule", "encoder", "model", "supervised", "features",
    "evaluation", "objectives", "heads",
]


# Each is a script here that writes its own files to a folder below data/.
SCRIPTS = ["views", "formats", "weights"]


def run_script(name: str, check: bool) -> list[str]:
    """Runs a script that writes its own files; to check, a copy of it in another folder."""
    script = Path(__file__).parent / f"{name}.py"
    if not check:
        subprocess.run([sys.executable, script], check=True)
        return []
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder, "data", name)
        fresh.mkdir(parents=True)
        subprocess.run(
            [sys.executable, shutil.copy(script, folder)], check=True, stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(script.parent)},
        )
        files = {f.name for f in fresh.iterdir()} | {f.name for f in (DATA / name).iterdir()}
        return [f"{name}/{file}: differs" for file in sorted(files)
                if not same(fresh / file, DATA / name / file)]


def same(a: Path, b: Path) -> bool:
    """Whether both files exist and hold the same bytes."""
    return a.exists() and b.exists() and a.read_bytes() == b.read_bytes()


def area_problems(area: str, check: bool) -> list[str]:
    """Writes or checks one area, and names files that no script makes."""
    problems, expected = [], set()
    for fixture in importlib.import_module(area).fixtures():
        expected.add(fixture.path)
        if check:
            problems += fixture.differences()
        else:
            fixture.write()
            print(DATA / fixture.path)
    return problems + [
        f"{area}/{file.name}: no script makes this file"
        for file in sorted((DATA / area).glob("*"))
        if f"{area}/{file.name}" not in expected
    ]


def main() -> int:
    """Runs the areas asked for; 1 if something differs or does not belong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("areas", nargs="*", metavar="area", help=f"of {', '.join(AREAS + SCRIPTS)}")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    areas = options.areas or [*AREAS, *SCRIPTS]
    if unknown := set(areas) - {*AREAS, *SCRIPTS}:
        parser.error(f"unknown area: {', '.join(sorted(unknown))}")
    torch.use_deterministic_algorithms(True)
    problems = []
    for area in areas:
        problems += run_script(area, options.check) if area in SCRIPTS else \
            area_problems(area, options.check)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
