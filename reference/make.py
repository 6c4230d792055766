"""Regenerates every PyTorch fixture below `data/`, or checks the committed ones.

    python reference/make.py                 writes all
    python reference/make.py encoder model   writes these areas only
    python reference/make.py --check         writes nothing, fails if anything differs
"""

import argparse
import importlib
import sys

import torch

from fixture import DATA

# Each is a module here with `fixtures()`, and a folder below data/.
AREAS = ["objective", "optimizer", "schedule", "encoder", "model"]


def main() -> int:
    """Runs the areas asked for; 1 if `--check` found a difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("areas", nargs="*", choices=[*AREAS, []], help="default: all")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    torch.use_deterministic_algorithms(True)
    problems = []
    for area in options.areas or AREAS:
        expected = set()
        for fixture in importlib.import_module(area).fixtures():
            expected.add(fixture.path)
            if options.check:
                problems += fixture.differences()
            else:
                fixture.write()
                print(DATA / fixture.path)
        for file in sorted((DATA / area).glob("*")):
            if f"{area}/{file.name}" not in expected:
                problems.append(f"{area}/{file.name}: no script makes this file")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
