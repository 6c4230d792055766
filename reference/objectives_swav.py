"""SwAV: one view's soft assignment to prototypes is predicted from another view."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from fixture import Fixture
from objectives_case import Inputs, fixture, normalise, unit_rows, views
from objectives_contrastive import CASES, online

Loss = tuple[Tensor, dict[str, Tensor]]
SWAV = {"temperature": 0.1, "epsilon": 0.05, "sinkhorn_iterations": 3, "queue": 0,
        "frozen_steps": 313}


def sinkhorn(scores: Tensor, epsilon: float, iterations: int) -> Tensor:
    """Codes of samples [B, K] from scores [B, K], facebookresearch/swav, main_swav.py.

    Q = exp(scores / epsilon)^T, divided by its sum; then by turns rows to sums of 1/K, columns to
    sums of 1/B; last times B, so that the codes of a sample sum to 1. No gradient.
    """
    q = (scores.detach() / epsilon).exp().T
    q = q / q.sum()
    for _ in range(iterations):
        q = q / q.sum(1, keepdim=True) / q.shape[0]
        q = q / q.sum(0, keepdim=True) / q.shape[1]
    return (q * q.shape[1]).T


def codes(given: dict[str, Tensor], k: dict) -> list[Tensor]:
    """Codes of views 0 and 1; the scores of a queue stand before those of the batch."""
    prototypes, found = given["parameter.prototypes"], []
    for v, z in enumerate(online(given)[:2]):
        u = normalise(z)
        rows = torch.cat([given[f"state.queue_{v}"], u]) if k["queue"] else u
        q = sinkhorn(rows @ prototypes.T, k["epsilon"], k["sinkhorn_iterations"])
        found.append(q[-z.shape[0]:])
    return found


def swav(given: dict[str, Tensor], k: dict) -> Loss:
    """The mean over v = 0, 1 and over w != v of CE(q_v, softmax(u_w C^T / T)).

    The gradient reaches z_w and the prototypes C, as they are stored, through the scores.
    """
    prototypes = given["parameter.prototypes"]
    prototypes = prototypes.detach() if k["step"] < k["frozen_steps"] else prototypes
    logs = [torch.log_softmax(normalise(z) @ prototypes.T / k["temperature"], 1)
            for z in online(given)]
    of_views = []
    for v, q in enumerate(codes(given, k)):
        others = [-(q * log).sum(1).mean() for w, log in enumerate(logs) if w != v]
        of_views.append(sum(others) / len(others))
    loss = sum(of_views) / len(of_views)
    return loss, {"swapped_prediction": loss}


def case(name: str, n: int, d: int, prototypes: int, constants: dict, kind: str = "plain",
         count: int = 2, step: int = 400) -> Fixture:
    """With a queue, it is full; its oldest rows are first and leave first."""
    constants = {"prototypes": prototypes, **constants}
    k = {**SWAV, **constants, "step": step}
    inputs = views(f"swav/{name}", n, d, count=count, kind=kind)
    inputs["parameter.prototypes"] = unit_rows(f"swav/{name}/prototypes", prototypes, d)
    given = {input_: torch.tensor(a, dtype=torch.float64) for input_, a in inputs.items()}
    more: Inputs = {}
    if k["queue"]:
        for v in (0, 1):
            queue = unit_rows(f"swav/{name}/queue_{v}", k["queue"], d)
            inputs[f"state.queue_{v}"] = queue
            given[f"state.queue_{v}"] = torch.tensor(queue, dtype=torch.float64)
            rows = normalise(given[f"view_{v}.online"]).numpy()
            more[f"state_after.queue_{v}"] = np.concatenate([queue, rows])[-k["queue"]:]
        inputs["state.filled"] = np.full((1, 1), k["queue"], np.float32)
        more["state_after.filled"] = np.full((1, 1), float(k["queue"]))
    for v, q in enumerate(codes(given, k)):
        more[f"codes_{v}"] = q.numpy()
        if k["sinkhorn_iterations"] >= 100 and not k["queue"]:
            error = np.abs(q.sum(0).numpy() * prototypes / n - 1.0).max()
            assert error < 1e-6, f"{name}: shares of prototypes off by {error}"
    return fixture("swav", name, (n, d), inputs, lambda given: swav(given, k), kind=kind, step=step,
                   total_steps=1000, constants=constants, more=more)


def fixtures() -> Iterator[Fixture]:
    """SwAV. At step 313 the prototypes are free, at 312 they are not."""
    for name, n, d, kind in CASES:
        yield case(name, n, d, 6, {}, kind)
    yield case("many_prototypes", 8, 5, 20, {})
    yield case("constants", 16, 7, 6,
               {"temperature": 0.3, "epsilon": 0.2, "sinkhorn_iterations": 1})
    yield case("hundred_iterations", 24, 7, 6, {"sinkhorn_iterations": 100, "epsilon": 0.1})
    yield case("queue", 8, 5, 6, {"queue": 24})
    yield case("queue_one_batch", 8, 5, 6, {"queue": 8, "sinkhorn_iterations": 10})
    yield case("four_views", 8, 5, 6, {}, count=4)
    yield case("frozen", 8, 5, 6, {}, step=312)
    yield case("first_free_step", 8, 5, 6, {}, step=313)
    yield case("free_from_start", 8, 5, 6, {"frozen_steps": 0}, step=0)
