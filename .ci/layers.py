"""Dependencies point one way: fails where a crate of the workspace knows one that it must not.

    cargo metadata --no-deps --format-version 1 | python3 .ci/layers.py
"""

import json
import sys

# The crates of the workspace that each may know; ARCHITECTURE.md says why.
KNOWS = {
    "barlow-random": set(),
    "barlow-report": set(),
    "barlow-testing": set(),
    "barlow-data": {"barlow-kernels", "barlow-random"},
    "barlow-kernels": set(),
    "barlow-nn": {"barlow-kernels", "barlow-random", "barlow-weights"},
    "barlow-weights": set(),
    "barlow-objectives": {"barlow-kernels", "barlow-nn", "barlow-random"},
    "barlow-eval": {"barlow-data", "barlow-kernels", "barlow-random"},
    "barlow-train": {
        "barlow-data", "barlow-eval", "barlow-kernels", "barlow-nn", "barlow-objectives",
        "barlow-random", "barlow-weights"
    },
    "barlow": {
        "barlow-data", "barlow-eval", "barlow-nn", "barlow-objectives", "barlow-report",
        "barlow-train", "barlow-weights"
    },
    "barlow-bench": {
        "barlow", "barlow-data", "barlow-eval", "barlow-kernels", "barlow-nn", "barlow-objectives",
        "barlow-random", "barlow-train"
    },
}

# Tests may know these, too.
FOR_TESTS = {"barlow-random", "barlow-testing"}

# Outside crates that only some may know: the engine, and what belongs to a program.
ONLY = {
    "burn": {
        "barlow-nn", "barlow-objectives", "barlow-train", "barlow", "barlow-bench"
    },
    "clap": {"barlow", "barlow-bench"},
    "anyhow": {"barlow", "barlow-bench"},
    "indicatif": {"barlow"},
}


def main() -> None:
    packages = json.load(sys.stdin)["packages"]
    problems = []
    for package in packages:
        name = package["name"]
        if name not in KNOWS:
            problems.append(f"{name} is in no layer: give it one here and in ARCHITECTURE.md")
            continue
        for dependency in package["dependencies"]:
            other, is_test = dependency["name"], dependency["kind"] == "dev"
            allowed = KNOWS[name] | (FOR_TESTS if is_test else set())
            if other in KNOWS and other not in allowed:
                problems.append(f"{name} must not know {other}")
            if not is_test and name not in ONLY.get(other, {name}):
                problems.append(f"{name} must not know {other}")
    for problem in problems:
        print(problem)
    print(f"{len(packages)} crates, {len(problems)} problem(s)")
    sys.exit(bool(problems))


main()
