"""The Barlow Twins loss, its two terms and its gradients, in double precision by autograd.

With A and B the standardised embeddings (over the batch, biased variance, eps 1e-5, each view
alone) and C = A^T B / n:

    loss = sum_i (C_ii - 1)^2 + lambda * sum_{i != j} C_ij^2

The second sum without lambda is the redundancy-reduction term. Gradients are those of the loss
for the raw embeddings, through the standardisation.
"""

from collections.abc import Iterator

import numpy as np
import torch

from fill import fill
from fixture import Fixture

EPS = 1e-5

# name, n, d, lambda, what is special about the embeddings
CASES = [
    ("two_images", 2, 3, 0.0051, "plain"),
    ("small", 4, 7, 0.0051, "plain"),
    ("square", 8, 8, 0.1, "plain"),
    ("tall", 16, 5, 1.0, "plain"),
    ("odd", 33, 17, 0.0051, "plain"),
    ("square_64", 64, 64, 0.005, "plain"),
    ("wide", 8, 200, 0.0051, "plain"),
    ("very_tall", 100, 12, 0.02, "plain"),
    ("wide_odd", 7, 129, 0.0078125, "plain"),
    ("no_redundancy_reduction", 12, 10, 0.0, "plain"),
    ("constant_column", 16, 9, 0.0051, "constant_column"),
    ("constant_column_wide", 6, 20, 0.0051, "constant_column"),
    ("large_offset", 32, 11, 0.0051, "large_offset"),
    ("identical_views", 24, 13, 0.0051, "identical_views"),
]


def embeddings(name: str, n: int, d: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """The two float32 inputs of a case: view B is a noisy copy of view A."""
    a = fill(f"view_a/{name}", (n, d), -1.0, 1.0)
    b = np.float32(0.7) * a + np.float32(0.5) * fill(f"view_b/{name}", (n, d), -1.0, 1.0)
    if kind == "constant_column":
        a[:, 3] = 0.5
    elif kind == "large_offset":
        a, b = a + np.float32(100.0), b + np.float32(100.0)
    elif kind == "identical_views":
        b = a.copy()
    return a, b


def standardise(z: torch.Tensor) -> torch.Tensor:
    """Columns with mean 0 and variance 1 (var / (var + eps), to be exact)."""
    centred = z - z.mean(0)
    return centred / (centred.square().mean(0) + EPS).sqrt()


def terms(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Invariance term and unweighted redundancy-reduction term of two raw embeddings [n, d]."""
    c = standardise(a).T @ standardise(b) / a.shape[0]
    diagonal = c.diagonal()
    off_diagonal = c * (1.0 - torch.eye(c.shape[0], dtype=c.dtype))
    return (diagonal - 1.0).square().sum(), off_diagonal.square().sum()


def fixtures() -> Iterator[Fixture]:
    """One file for every case."""
    for name, n, d, lambda_, kind in CASES:
        inputs = embeddings(name, n, d, kind)
        a, b = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in inputs)
        invariance, redundancy = terms(a, b)
        loss = invariance + lambda_ * redundancy
        loss.backward()
        yield Fixture(
            path=f"objective/{name}.safetensors",
            script="objective.py",
            parameters={"case": name, "n": n, "d": d, "lambda": lambda_, "kind": kind,
                        "eps": EPS},
            tolerance=tolerance(kind, a.grad, b.grad),
            arrays={
                "embedding_a": inputs[0],
                "embedding_b": inputs[1],
                "loss": loss.detach().numpy().reshape(1),
                "invariance_term": invariance.detach().numpy().reshape(1),
                "redundancy_reduction_term": redundancy.detach().numpy().reshape(1),
                "gradient_a": a.grad.numpy(),
                "gradient_b": b.grad.numpy(),
            },
        )


def tolerance(kind: str, *gradients: torch.Tensor) -> dict:
    """For float32: 1e-5 of the value; for gradients 1e-5 of the largest element.

    A naive float32 version of this file stays ten times below. Exceptions: two images, whose
    gradient is what is left (1e-6) when terms of order 1 cancel; an offset of 100, which leaves
    17 bits for the deviations; a constant column, whose gradient is hundreds of times that of
    the others, so that the largest element would hide errors in them.
    """
    relative = 1e-4 if kind == "large_offset" else 1e-5
    columns = torch.cat([g.abs().amax(0) for g in gradients])
    atol = relative * columns.max().item()
    if kind == "constant_column":
        atol = 1e-4 * columns.median().item()
    if gradients[0].shape[0] == 2:
        atol = 5e-8
    gradient = {"atol": float(f"{atol:.1e}"), "rtol": relative}
    return {
        "default": {"atol": 1e-6, "rtol": relative},
        "gradient_a": gradient,
        "gradient_b": gradient,
    }
