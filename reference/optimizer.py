"""Ten steps of LARS (the official rule and the clipped one), SGD and AdamW, in double precision.

Tensors with one dimension (biases, norms) take the second learning rate and have neither weight
decay nor trust ratio. LARS is written out here; SGD and AdamW are PyTorch's own.
"""

from collections.abc import Iterator

import numpy as np
import torch

from fill import fill
from fixture import Fixture

STEPS = 10
SHAPES = {
    "conv.weight": (4, 3, 3, 3),
    "linear.weight": (5, 7),
    "linear.bias": (5,),
    "norm.weight": (6,),
    "zero.weight": (3, 4),  # starts at zero
    "still.weight": (4, 5),  # gradient always zero
}

# The shape of the rates over the steps; one step in the middle has rate zero.
RATES = np.array([0.25, 0.5, 0.75, 1.0, 0.0, 0.875, 0.625, 0.375, 0.125, 0.025])

LARS = {"rule": "lars", "momentum": 0.9, "trust_coefficient": 0.001, "clip": False,
        "peak_weights": 1.6, "peak_biases_and_norms": 0.0384}
CASES = {
    "lars_official": {**LARS, "weight_decay": 1e-6},
    "lars_decay": {**LARS, "weight_decay": 1e-2},
    "lars_no_decay": {**LARS, "weight_decay": 0.0},
    "lars_large_trust": {**LARS, "weight_decay": 1e-2, "trust_coefficient": 0.5},
    "lars_clipped": {**LARS, "weight_decay": 1e-4, "trust_coefficient": 0.02, "clip": True,
                     "clip_eps": 1e-8, "peak_weights": 0.3, "peak_biases_and_norms": 0.3},
    "lars_clipped_small_rate": {
        **LARS, "weight_decay": 1e-2, "trust_coefficient": 0.02, "clip": True,
        "clip_eps": 1e-8, "peak_weights": 0.02, "peak_biases_and_norms": 0.02},
    "sgd": {"rule": "sgd", "momentum": 0.9, "weight_decay": 1e-4,
            "peak_weights": 0.5, "peak_biases_and_norms": 0.1},
    "adamw": {"rule": "adamw", "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 1e-2,
              "peak_weights": 1e-2, "peak_biases_and_norms": 1e-3},
}


def trust_ratio(weight: torch.Tensor, decayed: torch.Tensor, p: dict) -> float:
    """The official ratio: trust coefficient * |weight| / |gradient + decay * weight|, 1 if either
    norm is 0."""
    norms = weight.norm().item(), decayed.norm().item()
    return 1.0 if 0.0 in norms else p["trust_coefficient"] * norms[0] / norms[1]


def clipped_ratio(weight: torch.Tensor, gradient: torch.Tensor, rate: float, p: dict) -> float:
    """The ratio as a bound on the rate:
    min(trust coefficient * |weight| / (|gradient| + decay * |weight| + eps) / rate, 1)."""
    norm = weight.norm().item()
    bound = norm / (gradient.norm().item() + p["weight_decay"] * norm + p["clip_eps"])
    bound *= p["trust_coefficient"]
    return 1.0 if bound >= rate else bound / rate


def lars_step(
    weight: torch.Tensor, gradient: torch.Tensor, momentum: torch.Tensor, rate: float, p: dict
) -> None:
    """One step, in place on `weight` and `momentum` (zeros at first).

    The clipped rule leaves out weight decay as well where a norm is 0.
    """
    update = gradient
    if weight.ndim != 1:
        if not p["clip"]:
            update = gradient + p["weight_decay"] * weight
            update = update * trust_ratio(weight, update, p)
        elif weight.norm() != 0 and gradient.norm() != 0:
            update = gradient + p["weight_decay"] * weight
            update = update * clipped_ratio(weight, gradient, rate, p)
    momentum.mul_(p["momentum"]).add_(update)
    weight.sub_(rate * momentum)


def initial_weights() -> dict[str, torch.Tensor]:
    """Float32 contents in double precision."""
    weights = {n: torch.from_numpy(fill(f"weight/{n}", s, -1.0, 1.0)) for n, s in SHAPES.items()}
    weights["zero.weight"].zero_()
    return {name: weight.double() for name, weight in weights.items()}


def gradients(step: int) -> dict[str, torch.Tensor]:
    """The gradient of every tensor at `step`, from 0."""
    found = {
        n: torch.from_numpy(fill(f"gradient/{n}/{step}", s, -1.0, 1.0)) for n, s in SHAPES.items()
    }
    found["still.weight"].zero_()
    return {name: gradient.double() for name, gradient in found.items()}


def run_lars(p: dict, rates: dict) -> Iterator[dict[str, np.ndarray]]:
    """The state after every step, by `quantity/tensor`."""
    weights = initial_weights()
    momenta = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    for step in range(STEPS):
        for name, gradient in gradients(step).items():
            rate = rates["biases_and_norms" if gradient.ndim == 1 else "weights"][step]
            lars_step(weights[name], gradient, momenta[name], float(rate), p)
        yield {f"weight/{n}": w.numpy().copy() for n, w in weights.items()} | {
            f"momentum/{n}": m.numpy().copy() for n, m in momenta.items()
        }


def run_torch(p: dict, rates: dict) -> Iterator[dict[str, np.ndarray]]:
    """The same with PyTorch's optimizer, one group for each of the two classes of tensors."""
    weights = {name: torch.nn.Parameter(w) for name, w in initial_weights().items()}
    groups = [
        {"params": [w for w in weights.values() if w.ndim != 1]},
        {"params": [w for w in weights.values() if w.ndim == 1], "weight_decay": 0.0},
    ]
    if p["rule"] == "sgd":
        keys = {"momentum_buffer": "momentum"}
        optimizer = torch.optim.SGD(
            groups, 1.0, momentum=p["momentum"], weight_decay=p["weight_decay"]
        )
    else:
        keys = {"exp_avg": "first_moment", "exp_avg_sq": "second_moment"}
        optimizer = torch.optim.AdamW(
            groups, 1.0, betas=tuple(p["betas"]), eps=p["eps"], weight_decay=p["weight_decay"]
        )
    for step in range(STEPS):
        for group, key in zip(optimizer.param_groups, ("weights", "biases_and_norms")):
            group["lr"] = float(rates[key][step])
        for name, gradient in gradients(step).items():
            weights[name].grad = gradient
        optimizer.step()
        yield {f"weight/{n}": w.detach().numpy().copy() for n, w in weights.items()} | {
            f"{ours}/{n}": optimizer.state[w][theirs].numpy().copy()
            for n, w in weights.items()
            for theirs, ours in keys.items()
        }


def fixtures() -> Iterator[Fixture]:
    """One file for every case: rates, and the state after the first and the last step."""
    for name, p in CASES.items():
        rates = {key: p[f"peak_{key}"] * RATES for key in ("weights", "biases_and_norms")}
        states = list((run_lars if p["rule"] == "lars" else run_torch)(p, rates))
        arrays = {f"learning_rate/{key}": rate for key, rate in rates.items()}
        for step in (1, STEPS):
            arrays |= {f"step{step}/{key}": a for key, a in states[step - 1].items()}
        yield Fixture(
            path=f"optimizer/{name}.safetensors",
            script="optimizer.py",
            parameters={
                **{k: v for k, v in p.items() if not k.startswith("peak_")},
                "shapes": SHAPES,
                "steps": STEPS,
            },
            tolerance={
                key: {"atol": max(float(f"{3e-6 * np.abs(a).max():.1e}"), 1e-12), "rtol": 1e-5}
                for key, a in arrays.items()
            },
            arrays=arrays,
        )
