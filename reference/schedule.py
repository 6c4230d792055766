"""Learning rates by step: linear warm-up from 0, then half a cosine down to a fraction.

With s the step (from 0), W the warm-up steps and T the steps of the run:

    shape = s / W                                          s < W
    shape = q + final_fraction * (1 - q)                   otherwise,
            q = (1 + cos(pi * (s - W) / (T - W))) / 2

and the rate is base rate * batch size / 256 * shape. The first step's rate is 0 unless there is
no warm-up; the final fraction would be reached one step after the last.
"""

import math
from collections.abc import Iterator

import numpy as np

from fixture import Fixture

BASE = {"weights": 0.2, "biases_and_norms": 0.0048}

# name, epochs, steps per epoch, batch size, warm-up epochs, final fraction
CASES = [
    ("official", 20, 7, 2048, 3, 0.001),
    ("small_batch", 5, 40, 256, 1, 0.001),
    ("no_warm_up", 6, 10, 512, 0, 0.0),
]


def shape(step: int, warm_up_steps: int, steps: int, final_fraction: float) -> float:
    """The rate at `step` as a fraction of the peak."""
    if step < warm_up_steps:
        return step / warm_up_steps
    q = 0.5 * (1.0 + math.cos(math.pi * (step - warm_up_steps) / (steps - warm_up_steps)))
    return q + final_fraction * (1.0 - q)


def fixtures() -> Iterator[Fixture]:
    """One file for every configuration."""
    for name, epochs, steps_per_epoch, batch_size, warm_up_epochs, final_fraction in CASES:
        steps = epochs * steps_per_epoch
        shapes = np.array([
            shape(s, warm_up_epochs * steps_per_epoch, steps, final_fraction)
            for s in range(steps)
        ])
        yield Fixture(
            path=f"schedule/{name}.safetensors",
            script="schedule.py",
            parameters={
                "epochs": epochs,
                "steps_per_epoch": steps_per_epoch,
                "batch_size": batch_size,
                "warm_up_epochs": warm_up_epochs,
                "final_fraction": final_fraction,
                "base_learning_rate": BASE,
            },
            tolerance={"default": {"atol": 1e-15, "rtol": 1e-12}},
            arrays={key: base * batch_size / 256 * shapes for key, base in BASE.items()},
        )
