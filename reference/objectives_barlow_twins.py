"""Barlow Twins in all its variants, the HSIC variant and Mixed Barlow Twins.

With A and B the normalised outputs of two views and C = A^T B / n:

    loss = invariance_weight * sum_i (C_ii - 1)^2 + lambda * redundancy

Barlow Twins: paper, section 2 and the ablations of tables 5 and 6 (normalisation, loss, asymmetry).
HSIC: yaohungt/Barlow-Twins-HSIC, main.py and model.py. Mixed: wgcban/mix-bt, main.py.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from fixture import Fixture
from objectives_case import SHAPES, Inputs, fixture, normalise, standardise, views

DEFAULTS = {
    "lambda": 0.0051, "invariance_weight": 1.0, "normalization": "batch", "redundancy": "cross",
    "loss": "squares", "temperature": 0.1, "stop_gradient": False, "predictor": "",
    "averaged_target": False,
}

VARIANTS = {
    "plain": {"lambda": 0.1},
    "features": {"normalization": "features"},
    "none": {"normalization": "none"},
    "auto": {"redundancy": "auto", "lambda": 0.1},
    "cross_entropy": {"loss": "cross-entropy", "lambda": 1.0},
    "cross_entropy_weights": {"loss": "cross-entropy", "lambda": 0.5, "invariance_weight": 2.0,
                              "temperature": 0.3},
    "invariance_only": {"lambda": 0.0},
    "redundancy_only": {"invariance_weight": 0.0, "lambda": 0.5},
    "weights": {"invariance_weight": 0.3, "lambda": 0.1},
    "stop_gradient": {"stop_gradient": True, "lambda": 0.1},
    "predictor": {"predictor": "9-D", "lambda": 0.1},
    "predictor_stop_gradient": {"predictor": "9-D", "stop_gradient": True, "lambda": 0.1},
    "averaged_target": {"averaged_target": True, "lambda": 0.1},
    "averaged_target_predictor": {"averaged_target": True, "predictor": "9-D", "lambda": 0.1},
    "features_auto_predictor": {"normalization": "features", "redundancy": "auto",
                                "predictor": "9-D", "lambda": 0.1},
    "none_cross_entropy": {"normalization": "none", "loss": "cross-entropy", "lambda": 0.5},
}


def off_diagonal(c: Tensor) -> Tensor:
    """Of [d, d] all but the diagonal, [d (d - 1)]."""
    return c[~torch.eye(c.shape[0], dtype=torch.bool)]


def normalisation(z: Tensor, kind: str) -> Tensor:
    """`batch`: standardised columns; `features`: then rows of length sqrt(d); `none`: centred."""
    if kind == "none":
        return z - z.mean(0)
    if kind == "features":
        return normalise(standardise(z)) * z.shape[1] ** 0.5
    return standardise(z)


def terms(x: Tensor, y: Tensor, k: dict) -> tuple[Tensor, Tensor]:
    """Invariance term and unweighted redundancy-reduction term of two raw outputs [n, d].

    Squares: sum_i (C_ii - 1)^2 and sum_{i != j} C_ij^2, or with `auto` the mean over both views of
    the latter sum for A^T A / n. Cross-entropy: -log sum_i exp(C_ii / T) and
    log sum_{i != j} exp(max(C_ij, 0) / T).
    """
    a, b = (normalisation(z, k["normalization"]) for z in (x, y))
    n = a.shape[0]
    c = a.T @ b / n
    if k["loss"] == "cross-entropy":
        t = k["temperature"]
        return (-torch.logsumexp(c.diagonal() / t, 0),
                torch.logsumexp(torch.relu(off_diagonal(c)) / t, 0))
    crossed = [c] if k["redundancy"] == "cross" else [a.T @ a / n, b.T @ b / n]
    redundancy = sum(off_diagonal(m).square().sum() for m in crossed) / len(crossed)
    return (c.diagonal() - 1.0).square().sum(), redundancy


def barlow_twins(given: dict[str, Tensor], k: dict) -> tuple[Tensor, dict[str, Tensor]]:
    """View 0 (its prediction, if any) against view 1; with a target, each against the other's."""
    part = "prediction" if k["predictor"] else "online"
    if k["averaged_target"]:
        pairs = [(given[f"view_{v}.{part}"], given[f"view_{1 - v}.target"]) for v in (0, 1)]
    else:
        other = given["view_1.online"]
        pairs = [(given[f"view_0.{part}"], other.detach() if k["stop_gradient"] else other)]
    both = [terms(x, y, k) for x, y in pairs]
    invariance, redundancy = (sum(values) / len(pairs) for values in zip(*both))
    loss = k["invariance_weight"] * invariance + k["lambda"] * redundancy
    return loss, {"invariance": invariance, "redundancy_reduction": redundancy}


def barlow_twins_case(case: str, shape: tuple[int, int], constants: dict, kind: str = "plain",
                      scale: float = 1.0, loosen: float = 1.0) -> Fixture:
    """One case; a predictor ends at the width of the embedding."""
    if "predictor" in constants:
        constants = {**constants, "predictor": f"9-{shape[1]}"}
    k = {**DEFAULTS, **constants}
    parts = ["online"]
    parts += ["prediction"] if k["predictor"] else []
    parts += ["target"] if k["averaged_target"] else []
    inputs = views(f"barlow-twins/{case}", *shape, parts=tuple(parts), kind=kind, scale=scale)
    return fixture("barlow-twins", case, shape, inputs, lambda given: barlow_twins(given, k),
                   constants=constants, kind=kind, loosen=loosen)


def barlow_twins_fixtures() -> Iterator[Fixture]:
    """The plain form and each variant, tall and wide, with the edge cases."""
    for name, n, d in SHAPES:
        yield barlow_twins_case(name, (n, d), {})
    for name, constants in VARIANTS.items():
        yield barlow_twins_case(f"{name}_tall", (16, 7), constants)
        yield barlow_twins_case(f"{name}_wide", (7, 11), constants)
        # Small, so that eps counts: otherwise the gradient of two images, or of the invariance of
        # identical views, is what float32 leaves when terms of order 1 cancel.
        scale = 1.0 if constants.get("normalization") == "none" else 0.01
        # Two logarithms of order 10 may cancel in the loss of cross-entropies.
        loosen = 4.0 if constants.get("loss") == "cross-entropy" else 1.0
        yield barlow_twins_case(f"{name}_two_images", (2, 4), constants, scale=scale,
                                loosen=loosen)
        yield barlow_twins_case(f"{name}_identical_views", (12, 6), constants, "identical_views",
                                scale)
        # Where a column is constant C_ij is 0; the derivative of max(C_ij, 0) is taken as 0 there.
        yield barlow_twins_case(f"{name}_constant_column", (14, 6), constants, "constant_column")


def hsic_terms(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """sum_i (C_ii - 1)^2 and sum_{i != j} (C_ij + 1)^2.

    Rows have length 1 first, then columns are centred and divided by their unbiased deviation, at
    least 1e-6; C is A^T B / n.
    """
    normalised = []
    for z in (x, y):
        u = normalise(z)
        centred = u - u.mean(0)
        variance = centred.square().sum(0) / (u.shape[0] - 1)
        normalised.append(centred / variance.clamp(min=1e-12).sqrt())
    c = normalised[0].T @ normalised[1] / x.shape[0]
    return (c.diagonal() - 1.0).square().sum(), (off_diagonal(c) + 1.0).square().sum()


def hsic_fixtures() -> Iterator[Fixture]:
    """A column is constant behind the normalisation of rows only if it is zero."""
    def case(name: str, shape: tuple[int, int], constants: dict, kind: str = "plain",
             **tolerances: float) -> Fixture:
        inputs: Inputs = views(f"hsic/{name}", *shape, kind=kind)
        if name == "zero_column":
            inputs["view_0.online"][:, 1] = 0.0
        weight = constants.get("lambda", 0.0078125)

        def loss(given: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
            invariance, redundancy = hsic_terms(given["view_0.online"], given["view_1.online"])
            return invariance + weight * redundancy, {
                "invariance": invariance, "redundancy_reduction": redundancy}

        return fixture("hsic", name, shape, inputs, loss, constants=constants, kind=kind,
                       **tolerances)

    for name, n, d in SHAPES:
        yield case(name, (n, d), {})
    yield case("weight", (16, 7), {"lambda": 0.2})
    yield case("identical_views", (12, 6), {"lambda": 0.2}, "identical_views")
    yield case("constant_column", (14, 6), {"lambda": 0.2}, "constant_column")
    # The gradient of a zero column is a million times that of the others.
    yield case("zero_column", (14, 6), {"lambda": 0.2})
    # Two standardised images are at plus and minus 1/sqrt(2) wherever they were: the gradient is 0.
    yield case("two_images", (2, 4), {"lambda": 0.2}, floor=1e-5)


def mixed(given: dict[str, Tensor], k: dict) -> tuple[Tensor, dict[str, Tensor]]:
    """Barlow Twins of views 0 and 1 plus the mixing term, which view 2 = mixed images enters.

    mixing = sum_{v = 0, 1} |Z_m^T Z_v / n - (a Z_0^T Z_v + (1 - a) Z_1[permutation]^T Z_v) / n|_F^2
    loss = Barlow Twins + regularization * lambda * mixing
    """
    first, second, mix = (standardise(given[f"view_{v}.online"]) for v in range(3))
    n, a = first.shape[0], k["a"]
    c = first.T @ second / n
    invariance = (c.diagonal() - 1.0).square().sum()
    redundancy = off_diagonal(c).square().sum()
    mixing = sum(
        (mix.T @ z / n - (a * first.T @ z + (1.0 - a) * second[k["permutation"]].T @ z) / n)
        .square().sum() for z in (first, second))
    loss = invariance + k["lambda"] * redundancy + k["regularization"] * k["lambda"] * mixing
    return loss, {"invariance": invariance, "redundancy_reduction": redundancy, "mixing": mixing}


def mixed_fixtures() -> Iterator[Fixture]:
    """By hand, for `a` and the permutation are drawn in the step."""
    def case(name: str, shape: tuple[int, int], a: float, shift: int, constants: dict,
             kind: str = "plain", scale: float = 1.0) -> Fixture:
        n = shape[0]
        stride = 5 if shift and n % 5 else 1
        permutation = [(stride * i + shift) % n for i in range(n)]
        k = {"lambda": 0.0051, "regularization": 4.0, **constants, "a": a,
             "permutation": permutation}
        inputs = views(f"mixed-barlow-twins/{name}", *shape, count=3, kind=kind, scale=scale)
        return fixture("mixed-barlow-twins", name, shape, inputs, lambda given: mixed(given, k),
                       constants=constants, kind=kind,
                       parameters={"a": a, "permutation": permutation, "by_hand": True})

    for (name, n, d), a in zip(SHAPES, (0.25, 0.625, 0.875)):
        yield case(name, (n, d), a, 5, {})
    yield case("identity", (16, 7), 0.375, 0, {"lambda": 0.1})
    yield case("weights", (16, 7), 0.375, 3, {"lambda": 0.1, "regularization": 1.5})
    yield case("two_images", (2, 4), 0.375, 1, {"lambda": 0.1}, scale=0.01)
    yield case("identical_views", (12, 6), 0.375, 5, {"lambda": 0.1}, "identical_views")
    yield case("constant_column", (14, 6), 0.375, 5, {"lambda": 0.1}, "constant_column")


def fixtures() -> Iterator[Fixture]:
    """Barlow Twins, HSIC, Mixed Barlow Twins."""
    yield from barlow_twins_fixtures()
    yield from hsic_fixtures()
    yield from mixed_fixtures()
