"""Regenerates every fixture below `data/`, or checks the committed ones.

    python reference/make.py                 writes all
    python reference/make.py encoder model   writes these areas only
    python reference/make.py --check         writes nothing, fails if anything differs
"""

import argparse
import importlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from fixture import DATA

# Each is a module here with `fixtures()`, and a folder below data/.
AREAS = ["objective", "optimizer", "schedule", "encoder", "model"]


def views(check: bool) -> list[str]:
    """Runs `views.py`, which writes its own files; to check, a copy of it in another folder."""
    script = Path(__file__).parent / "views.py"
    if not check:
        subprocess.run([sys.executable, script], check=True)
        return []
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder, "data", "views")
        fresh.mkdir(parents=True)
        subprocess.run(
            [sys.executable, shutil.copy(script, folder)], check=True, stdout=subprocess.DEVNULL
        )
        names = {f.name for f in fresh.iterdir()} | {f.name for f in (DATA / "views").iterdir()}
        return [f"views/{name}: differs" for name in sorted(names)
                if not same(fresh / name, DATA / "views" / name)]


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
    parser.add_argument("areas", nargs="*", metavar="area", help=f"of {', '.join(AREAS)}, views")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    areas = options.areas or [*AREAS, "views"]
    if unknown := set(areas) - {*AREAS, "views"}:
        parser.error(f"unknown area: {', '.join(sorted(unknown))}")
    torch.use_deterministic_algorithms(True)
    problems = []
    for area in areas:
        problems += views(options.check) if area == "views" else \
            area_problems(area, options.check)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
