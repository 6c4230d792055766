"""Objectives of variances, covariances and determinants: VICReg, IMAX, CorInfoMax and W-MSE."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from fixture import Fixture
from objectives_barlow_twins import off_diagonal
from objectives_case import SHAPES, fixture, views

Loss = tuple[Tensor, dict[str, Tensor]]


def covariance(z: Tensor) -> Tensor:
    """Unbiased, [d, d]."""
    centred = z - z.mean(0)
    return centred.T @ centred / (z.shape[0] - 1)


def vicreg(given: dict[str, Tensor], weights: tuple[float, float, float]) -> Loss:
    """facebookresearch/vicreg, main_vicreg.py.

    invariance = mean((z_0 - z_1)^2); variance = 1/2 sum_v mean_d relu(1 - sqrt(var_d + 1e-4));
    covariance = sum_v sum_{i != j} Cov_ij^2 / d; variances and covariances unbiased.
    """
    first, second = given["view_0.online"], given["view_1.online"]
    invariance = (first - second).square().mean()
    both = [covariance(z) for z in (first, second)]
    variance = sum(torch.relu(1.0 - (c.diagonal() + 1e-4).sqrt()).mean() for c in both) / 2.0
    redundancy = sum(off_diagonal(c).square().sum() / c.shape[0] for c in both)
    loss = weights[0] * invariance + weights[1] * variance + weights[2] * redundancy
    return loss, {"invariance": invariance, "variance": variance, "covariance": redundancy}


def vicreg_case(name: str, shape: tuple[int, int], constants: dict, kind: str = "plain") -> Fixture:
    """Columns deviate by between 0.5 and 1.5, so that some are above the hinge and some below."""
    inputs = views(f"vicreg/{name}", *shape, kind=kind, scale=1.9)
    for array in inputs.values():
        array *= np.linspace(0.5, 1.5, shape[1], dtype=np.float32)
    weights = tuple(constants.get(key, default) for key, default in (
        ("invariance_weight", 25.0), ("variance_weight", 25.0), ("covariance_weight", 1.0)))
    return fixture("vicreg", name, shape, inputs, lambda given: vicreg(given, weights),
                   constants=constants, kind=kind)


def vicreg_fixtures() -> Iterator[Fixture]:
    """Three shapes, each term alone, edge cases."""
    for name, n, d in SHAPES:
        yield vicreg_case(name, (n, d), {})
    for term in ("invariance", "variance", "covariance"):
        others = {f"{other}_weight": 0.0 for other in ("invariance", "variance", "covariance")
                  if other != term}
        yield vicreg_case(f"{term}_only", (16, 7), {**others, f"{term}_weight": 2.0})
    yield vicreg_case("two_images", (2, 4), {})
    yield vicreg_case("identical_views", (12, 6), {}, "identical_views")
    yield vicreg_case("constant_column", (14, 6), {}, "constant_column")


def fixtures() -> Iterator[Fixture]:
    """Every objective here."""
    yield from vicreg_fixtures()
