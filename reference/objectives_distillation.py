"""Objectives without negatives that predict one view from the other: BYOL and SimSiam."""

import math
from collections.abc import Iterator

import numpy as np
from torch import Tensor

from fill import fill
from fixture import Fixture
from objectives_case import by_hand, fixture, normalise, views
from objectives_contrastive import CASES

Loss = tuple[Tensor, dict[str, Tensor]]


def byol(given: dict[str, Tensor]) -> Loss:
    """google-deepmind byol, byol_experiment.py: the sum of both directions, the mean over samples.

    |p_0 / |p_0| - t_1 / |t_1||^2 + |p_1 / |p_1| - t_0 / |t_0||^2
    """
    loss = sum((normalise(given[f"view_{v}.prediction"]) - normalise(given[f"view_{1 - v}.target"]))
               .square().sum(1).mean() for v in (0, 1))
    return loss, {"regression": loss}


def simsiam(given: dict[str, Tensor], stop_gradient: bool) -> Loss:
    """facebookresearch/simsiam, main_simsiam.py: -1/2 (mean cos(p_0, z_1) + mean cos(p_1, z_0))."""
    cosines = []
    for v in (0, 1):
        z = given[f"view_{1 - v}.online"]
        z = z.detach() if stop_gradient else z
        cosines.append((normalise(given[f"view_{v}.prediction"]) * normalise(z)).sum(1).mean())
    loss = -0.5 * (cosines[0] + cosines[1])
    return loss, {"similarity": loss}


def momentum_fixture(name: str, first: float) -> Fixture:
    """Ten steps of t <- m t + (1 - m) o with m = 1 - (1 - first) (1 + cos(pi step / 10)) / 2.

    byol's schedules.py; `online` holds the o of each step from 0, `targets` the t after it.
    """
    start = fill(f"momentum/{name}/start", (7,), -1.0, 1.0)
    online = fill(f"momentum/{name}/online", (10, 7), -1.0, 1.0)
    momenta, targets, target = [], [], start.astype(np.float64)
    for step in range(10):
        momenta.append(1.0 - (1.0 - first) * (1.0 + math.cos(math.pi * step / 10)) / 2.0)
        target = momenta[-1] * target + (1.0 - momenta[-1]) * online[step]
        targets.append(target)
    return by_hand("momentum", name, {"constants": {"target_momentum": first}, "total_steps": 10},
                   {"start": start, "online": online, "momenta": np.array(momenta),
                    "targets": np.stack(targets)})


def fixtures() -> Iterator[Fixture]:
    """BYOL, SimSiam with and without stop-gradient, the moving average."""
    for name, n, d, kind in CASES:
        inputs = views(f"byol/{name}", n, d, parts=("online", "prediction", "target"), kind=kind)
        predictor = {"predictor": f"8-{d}"}
        yield fixture("byol", name, (n, d), inputs, byol, kind=kind, constants=predictor)
        inputs = views(f"simsiam/{name}", n, d, parts=("online", "prediction"), kind=kind)
        yield fixture("simsiam", name, (n, d), inputs, lambda given: simsiam(given, True),
                      kind=kind, constants=predictor)
        inputs = views(f"simsiam/no_stop_gradient_{name}", n, d, parts=("online", "prediction"),
                       kind=kind)
        yield fixture("simsiam", f"no_stop_gradient_{name}", (n, d), inputs,
                      lambda given: simsiam(given, False), kind=kind,
                      constants={"stop_gradient": False, **predictor})
    yield momentum_fixture("ten_steps", 0.9)
    yield momentum_fixture("ten_steps_slow", 0.99)
