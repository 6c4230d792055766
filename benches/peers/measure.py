"""How every rival is measured: one work in one mode, in a process of its own.

A script that is given no mode starts itself once for each of its modes, so that each one's peak
memory is its own. Each process prints one JSON line on stdout:

    {"work", "mode", "seconds_median", "seconds", "pairs_per_second", "peak_rss_bytes",
     "peak_growth_bytes", "threads", "torch"}

With --paced the caller sets the pace, so that it can alternate with work of its own: after the
warm-ups the process prints {"ready": true}, then answers every line on stdin with one repetition,
{"seconds": s}, and at the end of stdin prints the line above.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

MODES = ("f32", "f32-channels-last", "bf16", "bf16-channels-last")


@dataclass
class Work:
    """What is timed: `repeat` does it once, on `pairs` source images; its inputs exist."""

    name: str
    pairs: int
    repeat: Callable[[], None]


def arguments(description: str, modes: tuple[str, ...] = MODES) -> argparse.ArgumentParser:
    """The options that all scripts share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--mode", action="append", choices=modes, help="again for more; all by default")
    parser.add_argument("--list-modes", action="store_true", help="print the modes as JSON")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.set_defaults(all_modes=modes)
    return parser


def add_repetitions(parser: argparse.ArgumentParser) -> None:
    """The options of scripts that repeat one piece of work."""
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--warm-ups", type=int, default=2)
    parser.add_argument("--paced", action="store_true", help="one repetition for each line on stdin")


def each_mode(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace, str], None]) -> None:
    """Calls `run` in this process where one mode is asked for, else starts one process a mode."""
    options = parser.parse_args()
    if options.list_modes:
        say({"modes": options.all_modes})
        return
    modes = options.mode or list(options.all_modes)
    if len(modes) == 1:
        torch.set_num_threads(options.threads)
        torch.manual_seed(0)
        run(options, modes[0])
        return
    if getattr(options, "paced", False):
        parser.error("--paced needs exactly one --mode")
    rest = without_modes(sys.argv[1:])
    for mode in modes:
        subprocess.run([sys.executable, sys.argv[0], *rest, "--mode", mode], check=True)


def without_modes(argv: list[str]) -> list[str]:
    """The command line without `--mode MODE` and `--mode=MODE`."""
    kept = []
    words = iter(argv)
    for word in words:
        if word == "--mode":
            next(words, None)
        elif not word.startswith("--mode="):
            kept.append(word)
    return kept


def is_bf16(mode: str) -> bool:
    return mode.startswith("bf16")


def layout(mode: str) -> torch.memory_format:
    return torch.channels_last if mode.endswith("channels-last") else torch.contiguous_format


def measure(options: argparse.Namespace, mode: str, make: Callable[[], Work]) -> None:
    """Warms up, repeats, prints the line."""
    work = make()
    before = resident_bytes("VmRSS")
    for _ in range(options.warm_ups):
        work.repeat()
    seconds = []
    if options.paced:
        say({"ready": True})
        for _ in sys.stdin:
            seconds.append(timed(work.repeat))
            say({"seconds": seconds[-1]})
    else:
        seconds = [timed(work.repeat) for _ in range(options.repetitions)]
    report(work.name, mode, seconds, work.pairs, before)


def report(work: str, mode: str, seconds: list[float], pairs: int, before: int, **more: object) -> None:
    """Prints the line; `before` is what was resident when the work began."""
    median = statistics.median(seconds) if seconds else None
    peak = resident_bytes("VmHWM")
    say({
        "work": work, "mode": mode, "seconds_median": median, "seconds": seconds,
        "pairs_per_second": pairs / median if median else None,
        "peak_rss_bytes": peak, "peak_growth_bytes": peak - before,
        "threads": torch.get_num_threads(), "torch": torch.__version__, **more,
    })


def timed(repeat: Callable[[], None]) -> float:
    start = time.perf_counter()
    repeat()
    return time.perf_counter() - start


def say(line: dict) -> None:
    print(json.dumps(line), flush=True)


def resident_bytes(field: str) -> int:
    """`VmRSS` or `VmHWM` of this process. Not `ru_maxrss`, which Linux carries over from the
    parent; elsewhere there is nothing better."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field + ":"))
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
