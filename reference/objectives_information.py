"""Objectives of variances, covariances and determinants: VICReg, IMAX, CorInfoMax and W-MSE."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from fill import fill
from fixture import Fixture
from objectives_barlow_twins import off_diagonal
from objectives_case import (
    SHAPES, TALL_SHAPES, fixture, normalise, standardise, unit_rows, views,
)

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


def log_determinant(m: Tensor) -> Tensor:
    """Of a symmetric positive definite matrix, by Cholesky."""
    return 2.0 * torch.linalg.cholesky(m).diagonal().log().sum()


def imax(given: dict[str, Tensor], delta: float) -> Loss:
    """IMAX, Barlow Twins paper, section 5: log det Cov(difference) - log det Cov(sum).

    Of standardised views; covariances divide by n - 1 and have delta added to their diagonal.
    """
    first, second = (standardise(given[f"view_{v}.online"]) for v in (0, 1))
    ridge = delta * torch.eye(first.shape[1], dtype=first.dtype)
    difference, total = (log_determinant(z.T @ z / (z.shape[0] - 1) + ridge)
                         for z in (first - second, first + second))
    return difference - total, {"log_determinant_difference": difference,
                                "log_determinant_sum": total}


def imax_fixtures() -> Iterator[Fixture]:
    """delta makes two images and constant columns possible."""
    def case(name: str, shape: tuple[int, int], delta: float, kind: str = "plain",
             scale: float = 1.0) -> Fixture:
        inputs = views(f"imax/{name}", *shape, kind=kind, scale=scale)
        return fixture("imax", name, shape, inputs, lambda given: imax(given, delta), kind=kind,
                       constants={} if delta == 0.01 else {"delta": delta})

    for name, n, d in TALL_SHAPES:
        yield case(name, (n, d), 0.01)
    yield case("delta", (32, 5), 0.3)
    yield case("two_images", (2, 4), 0.3, scale=0.01)
    yield case("identical_views", (24, 6), 0.01, "identical_views")
    yield case("constant_column", (28, 6), 0.01, "constant_column")


def corinfomax(given: dict[str, Tensor], k: dict) -> tuple[Tensor, dict[str, Tensor], dict]:
    """serdarozsoy/corinfomax-ssl, cifars-tiny/loss.py; also the state after the step.

    mu <- f mu + (1 - f) mean(u); R <- f R + (1 - f) ut^T ut / n with ut = u - new mu; loss =
    alpha * mean((u_0 - u_1)^2) - (log det(R_0 + eps I) + log det(R_1 + eps I)) / d. The gradient
    goes through the batch's part of R and mu.
    """
    f, after, determinants = k["forgetting"], {}, []
    u = [normalise(given[f"view_{v}.online"]) for v in (0, 1)]
    n, d = u[0].shape
    for v in (0, 1):
        mean = f * given[f"state.mean_{v}"] + (1.0 - f) * u[v].mean(0, keepdim=True)
        centred = u[v] - mean
        r = f * given[f"state.covariance_{v}"] + (1.0 - f) * centred.T @ centred / n
        after |= {f"state_after.mean_{v}": mean, f"state_after.covariance_{v}": r}
        determinants.append(log_determinant(r + k["epsilon"] * torch.eye(d, dtype=r.dtype)) / d)
    agreement, determinant = (u[0] - u[1]).square().mean(), sum(determinants)
    terms = {"agreement": agreement, "log_determinant": determinant}
    return k["alpha"] * agreement - determinant, terms, after


def corinfomax_case(name: str, shape: tuple[int, int], constants: dict, kind: str = "plain",
                    first: bool = False) -> Fixture:
    """`first`: the state of the first step, mean 0 and covariance I; else that of a later one."""
    k = {"alpha": 250.0, "forgetting": 0.01, "epsilon": 1e-8, **constants}
    d = shape[1]
    inputs = views(f"corinfomax/{name}", *shape, kind=kind)
    for v in (0, 1):
        earlier = unit_rows(f"corinfomax/{name}/earlier_{v}", 3 * d, d)
        mean = 0.0 * earlier[:1] if first else earlier[:5].mean(0, keepdims=True)
        covariance_ = np.eye(d, dtype=np.float32) if first else earlier.T @ earlier / (3 * d)
        inputs[f"state.mean_{v}"] = mean.astype(np.float32)
        inputs[f"state.covariance_{v}"] = covariance_.astype(np.float32)
    given = {input_: torch.tensor(a, dtype=torch.float64) for input_, a in inputs.items()}
    after = {key: value.numpy() for key, value in corinfomax(given, k)[2].items()}
    return fixture("corinfomax", name, shape, inputs, lambda given: corinfomax(given, k)[:2],
                   kind=kind, constants=constants, step=0 if first else 20, more=after)


def corinfomax_fixtures() -> Iterator[Fixture]:
    """The past in R makes two images and constant columns possible."""
    for name, n, d in TALL_SHAPES:
        yield corinfomax_case(name, (n, d), {})
    yield corinfomax_case("first_step", (32, 5), {}, first=True)
    yield corinfomax_case("long_memory", (32, 5), {"forgetting": 0.7, "alpha": 3.0})
    yield corinfomax_case("epsilon", (32, 5), {"epsilon": 0.05, "alpha": 0.0})
    yield corinfomax_case("two_images", (2, 4), {"forgetting": 0.3, "alpha": 3.0})
    yield corinfomax_case("identical_views", (24, 6), {}, "identical_views")
    yield corinfomax_case("constant_column", (28, 6), {"alpha": 3.0}, "constant_column")


def whiten(x: Tensor, epsilon: float) -> Tensor:
    """X - mean times L^-T, L the Cholesky factor of (1 - epsilon) Cov + epsilon I."""
    s = (1.0 - epsilon) * covariance(x) + epsilon * torch.eye(x.shape[1], dtype=x.dtype)
    factor = torch.linalg.cholesky(s)
    return torch.linalg.solve_triangular(factor, (x - x.mean(0)).T, upper=False).T


def w_mse(outputs: list[Tensor], slice_: int, epsilon: float, permutation: list[int]) -> Loss:
    """htdt/self-supervised, methods/w_mse.py and whitening.py.

    The mean over view pairs of 2 - 2 mean cos(w_i, w_j), over slices of whitened rows; all views
    share the slices, rows beyond the last whole slice are left out.
    """
    losses = []
    for start in range(0, len(permutation) - slice_ + 1, slice_):
        rows = permutation[start:start + slice_]
        w = [normalise(whiten(z[rows], epsilon)) for z in outputs]
        losses += [2.0 - 2.0 * (w[i] * w[j]).sum(1).mean()
                   for i in range(len(w)) for j in range(i)]
    loss = sum(losses) / len(losses)
    return loss, {"agreement": loss}


def w_mse_case(name: str, shape: tuple[int, int], constants: dict, kind: str = "plain",
               count: int = 2, floor: float = 0.0) -> Fixture:
    """One slice of the whole batch in any order, unless `constants` has a shorter one."""
    n = shape[0]
    constants = {"slice": n, **constants}
    inputs = views(f"w-mse/{name}", *shape, count=count, kind=kind)
    permutation, by_hand = list(range(n)), {}
    if constants["slice"] < n:
        permutation = np.argsort(fill(f"w-mse/{name}/permutation", (n,), 0.0, 1.0)).tolist()
        by_hand = {"permutation": permutation, "by_hand": True}
    return fixture("w-mse", name, shape, inputs,
                   lambda given: w_mse([given[f"view_{v}.online"] for v in range(count)],
                                       constants["slice"], constants.get("epsilon", 0.0),
                                       permutation),
                   kind=kind, constants=constants, parameters=by_hand, floor=floor)


def w_mse_fixtures() -> Iterator[Fixture]:
    """epsilon makes two images and constant columns possible."""
    for name, n, d in TALL_SHAPES:
        yield w_mse_case(name, (n, d), {})
    yield w_mse_case("epsilon", (32, 5), {"epsilon": 0.2})
    yield w_mse_case("three_views", (32, 5), {}, count=3)
    yield w_mse_case("four_views", (32, 5), {}, count=4)
    yield w_mse_case("slices", (48, 6), {"slice": 16})
    yield w_mse_case("slices_remainder", (50, 6), {"slice": 16})
    yield w_mse_case("two_images", (2, 4), {"epsilon": 0.2})
    # Identical views are whitened alike: loss and gradient are 0.
    yield w_mse_case("identical_views", (24, 6), {}, "identical_views", floor=1e-6)
    yield w_mse_case("constant_column", (28, 6), {"epsilon": 0.1}, "constant_column")


def fixtures() -> Iterator[Fixture]:
    """Every objective here."""
    yield from vicreg_fixtures()
    yield from imax_fixtures()
    yield from corinfomax_fixtures()
    yield from w_mse_fixtures()
