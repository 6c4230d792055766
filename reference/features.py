"""Measures of features, by NumPy and SciPy in double precision.

Two views of the same images: `view_b` is a noisy copy of `view_a`, whose dimensions are mixed, of
unlike scale and off the origin. Every measure is written from its definition: no tiles, no Gram
form, determinants by LU factors (`slogdet`), eigenvalues from singular values.
"""

from collections.abc import Iterator

import numpy as np
from scipy.spatial.distance import pdist

from fill import fill
from fixture import Fixture

EPS = 1e-5
BETA = 2.0
NOISE_VARIANCE = 1e-3
CORRELATION_NOISE = 1e-6

# name, images, dimensions
CASES = [("tall", 60, 12), ("wide", 14, 40)]


def views(name: str, n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """The two float32 inputs of a case."""
    mix = fill(f"mix/{name}", (d, d), -1.0, 1.0).astype(np.float64)
    scale = np.linspace(0.2, 2.0, d)
    latent = fill(f"view_a/{name}", (n, d), -1.0, 1.0).astype(np.float64)
    a = (latent @ (np.eye(d) + 0.3 * mix)) * scale + 0.5
    b = a + 0.3 * fill(f"view_b/{name}", (n, d), -1.0, 1.0)
    return a.astype(np.float32), b.astype(np.float32)


def of_one_view(a: np.ndarray) -> dict:
    """Measures of a single array of features [n, d]."""
    n, d = a.shape
    centred = a - a.mean(0)
    singular = np.linalg.svd(centred, compute_uv=False)
    eigenvalues = np.square(singular) / n
    used = singular[singular > 1e-5 * singular.max()]
    p = used / used.sum()
    unit = a / np.linalg.norm(a, axis=1, keepdims=True)
    between = (unit @ unit.T)[np.triu_indices(n, 1)]
    noisy = (np.corrcoef(a.T) + CORRELATION_NOISE * np.eye(d)) / (1.0 + CORRELATION_NOISE)
    return {
        "eigenvalues": eigenvalues,
        "explained": np.cumsum(eigenvalues) / eigenvalues.sum(),
        "effective_rank": np.exp(-(p * np.log(p)).sum()),
        "stable_rank": np.square(np.linalg.norm(centred) / np.linalg.norm(centred, 2)),
        "participation_ratio": eigenvalues.sum() ** 2 / np.square(eigenvalues).sum(),
        "deviation_deciles": np.percentile(a.std(0), np.arange(0, 101, 10)),
        "mean_norm": np.linalg.norm(a, axis=1).mean(),
        "variation": a.var(0).sum() / np.square(a).mean(0).sum(),
        "uniformity": np.log(np.exp(-2.0 * np.square(pdist(unit))).mean()),
        "mean_cosine_between_images": between.mean(),
        "total_correlation": -0.5 * np.linalg.slogdet(noisy)[1],
    }


def entropy(covariance: np.ndarray) -> float:
    """Of a Gaussian seen through noise, in nats."""
    d = len(covariance)
    seen = 2.0 * np.pi * np.e * (covariance + NOISE_VARIANCE * np.eye(d))
    return 0.5 * np.linalg.slogdet(seen)[1]


def of_two_views(a: np.ndarray, b: np.ndarray) -> dict:
    """Measures of two views [n, d] of the same images."""
    n, d = a.shape
    x, y = ((z - z.mean(0)) / np.sqrt(z.var(0) + EPS) for z in (a, b))
    c = x.T @ y / n
    off_diagonal = c[~np.eye(d, dtype=bool)]
    unit_a, unit_b = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (a, b))
    within = np.mean([np.cov(np.stack(pair).T) for pair in zip(a, b)], axis=0)
    total, conditional = entropy(np.cov(np.concatenate([a, b]).T)), entropy(within)
    return {
        "cross_correlation": c,
        "mean_diagonal": np.trace(c) / d,
        "rms_off_diagonal": np.sqrt(np.square(off_diagonal).mean()),
        "alignment": np.square(np.linalg.norm(unit_a - unit_b, axis=1)).mean(),
        "mean_cosine_between_views": (unit_a * unit_b).sum(1).mean(),
        "entropy": total,
        "conditional_entropy": conditional,
        "trade_off": conditional + (1.0 - BETA) / BETA * total,
    }


def fixtures() -> Iterator[Fixture]:
    """One file for every case."""
    for name, n, d in CASES:
        inputs = views(name, n, d)
        a, b = (view.astype(np.float64) for view in inputs)
        measures = of_one_view(a) | of_two_views(a, b)
        yield Fixture(
            path=f"features/{name}.safetensors",
            script="features.py",
            parameters={"case": name, "n": n, "d": d, "eps": EPS, "beta": BETA,
                        "noise_variance": NOISE_VARIANCE},
            # Both sides compute in double precision.
            tolerance={"default": {"atol": 1e-10, "rtol": 1e-8}},
            arrays={"view_a": inputs[0], "view_b": inputs[1]}
            | {key: np.atleast_1d(np.asarray(value)) for key, value in measures.items()},
        )
