"""Three whole training steps of a tiny model, in double precision.

The step: each view goes alone through encoder and projector, view A first, so that batch norm
takes the statistics of that view and moves its running ones twice; then the Barlow Twins loss,
autograd, and official LARS with constant rates. Everything is filled by name.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

import objective
import optimizer
from fill import fill
from fixture import Fixture
from resnet import ResNet, fill_model

STEPS = 3
VIEW = (8, 3, 16, 16)
PROJECTOR = (24, 24, 16)
LAMBDA = 0.0051
RATES = {"weights": 0.2, "biases_and_norms": 0.0048}
LARS = {"momentum": 0.9, "weight_decay": 1e-6, "trust_coefficient": 0.001, "clip": False}
PARAMETERS = {
    "size": "resnet18", "width": 2, "small_stem": True, "view": list(VIEW),
    "projector": list(PROJECTOR), "lambda": LAMBDA, "learning_rate": RATES, "steps": STEPS,
    **{key: LARS[key] for key in ("momentum", "weight_decay", "trust_coefficient")},
}


class Model(nn.Module):
    """Encoder and projector; the projector ends with a bare linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = ResNet("resnet18", width=2, channels=VIEW[1], small_stem=True)
        a, b, c = PROJECTOR
        self.projector = nn.Sequential(
            nn.Linear(self.encoder.representation_dim, a, bias=False), nn.BatchNorm1d(a), nn.ReLU(),
            nn.Linear(a, b, bias=False), nn.BatchNorm1d(b), nn.ReLU(),
            nn.Linear(b, c, bias=False),
        )

    def forward(self, view: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """[n, 3, h, w] -> representation [n, 16], embedding [n, 16]."""
        representation = self.encoder(view)
        return representation, self.projector(representation)


def views(step: int) -> tuple[np.ndarray, np.ndarray]:
    """The two float32 views of `step`: B is a noisy copy of A."""
    a = fill(f"view_a/step{step}", VIEW, -2.0, 2.0)
    noise = fill(f"noise/step{step}", VIEW, -2.0, 2.0)
    return a, np.float32(0.8) * a + np.float32(0.3) * noise


def train(dtype: torch.dtype) -> dict[str, dict[str, np.ndarray]]:
    """Runs all steps; arrays by file name and key."""
    model = Model()
    fill_model(model)
    model.to(dtype).train()
    momenta = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    files: dict[str, dict[str, np.ndarray]] = {"steps": {}}
    log = files["steps"]
    for step in range(STEPS):
        model.zero_grad()
        a, b = (model(torch.from_numpy(view).to(dtype)) for view in views(step))
        invariance, redundancy = objective.terms(a[1], b[1])
        loss = invariance + LAMBDA * redundancy
        loss.backward()
        found = {
            "loss": loss, "invariance_term": invariance, "redundancy_reduction_term": redundancy,
            "representation_a": a[0], "representation_b": b[0],
            "embedding_a": a[1], "embedding_b": b[1],
        }
        for key, value in found.items():
            value = value.detach().double().numpy()
            log[f"step{step}/{key}"] = value.reshape(1) if value.ndim == 0 else value
        if step in (0, STEPS - 1):
            files[f"gradients_step{step}"] = single(
                {name: p.grad for name, p in model.named_parameters()}
            )
        with torch.no_grad():
            for name, p in model.named_parameters():
                rate = RATES["biases_and_norms" if p.ndim == 1 else "weights"]
                optimizer.lars_step(p, p.grad, momenta[name], rate, LARS)
    files["momentum_end"] = single(momenta)
    files["weights_end"] = single(dict(model.named_parameters()))
    files["running_statistics_end"] = single(
        {name: b for name, b in model.named_buffers() if "running" in name}
    )
    return files


def single(tensors: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Copies in float32, to keep files small."""
    return {name: t.detach().float().numpy().copy() for name, t in tensors.items()}


def single_precision() -> list[dict[str, dict[str, np.ndarray]]]:
    """The steps in float32 in several ways. The errors of one of them are a matter of luck: over
    three steps each rounding grows a hundredfold, and a sum may meet the truth by chance."""
    found = [train(torch.float32)]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found.append(train(torch.float32))
    with torch.backends.mkldnn.flags(enabled=False):
        found.append(train(torch.float32))
    torch.set_num_threads(threads)
    return found


def tolerance(expected: dict[str, np.ndarray], found: list[dict[str, np.ndarray]]) -> dict:
    """For each array, sixteen times the largest error of PyTorch's float32, and no less than 1e-5
    of the largest element."""
    result = {"default": {"atol": 1e-6, "rtol": 1e-5}}
    for name, array in expected.items():
        error = max(float(np.abs(one[name] - array).max()) for one in found)
        atol = max(16.0 * error, 1e-5 * float(np.abs(array).max()))
        result[name] = {"atol": float(f"{atol:.1e}"), "rtol": 1e-5}
    return result


def fixtures() -> Iterator[Fixture]:
    """The log of the steps, gradients of the first and the last, and the state at the end."""
    expected, found = train(torch.float64), single_precision()
    for name, arrays in expected.items():
        yield Fixture(
            path=f"model/{name}.safetensors",
            script="model.py",
            parameters=PARAMETERS,
            tolerance=tolerance(arrays, [one[name] for one in found]),
            arrays=arrays,
        )
