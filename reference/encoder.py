"""Representations of filled ResNets, their running statistics, and torchvision's tensor names.

The forward pass runs in double precision on float32 weights and inputs. In train mode batch
norm uses the biased variance of the batch and moves its running statistics by 0.1 towards the
batch's mean and unbiased variance.
"""

from collections.abc import Iterator

import numpy as np
import torch
import torchvision
from torch import nn

from fill import fill
from fixture import Fixture
from resnet import SIZES, ResNet, fill_model, names_and_shapes

# name, size, width, small stem, input shape
CASES = [
    ("resnet18", "resnet18", 64, False, (4, 3, 64, 64)),
    ("resnet34", "resnet34", 64, False, (4, 3, 64, 64)),
    ("resnet50", "resnet50", 64, False, (4, 3, 64, 64)),
    ("resnet18_small_stem", "resnet18", 16, True, (4, 1, 28, 28)),
    ("resnet50_small_stem", "resnet50", 16, True, (4, 3, 32, 32)),
]


def torchvision_encoder(size: str) -> nn.Module:
    """torchvision's own model, its classifier replaced by the identity."""
    model = torchvision.models.get_model(size, weights=None)
    model.fc = nn.Identity()
    return model


def encode(model: nn.Module, x: np.ndarray, dtype: torch.dtype, train: bool) -> np.ndarray:
    """The representation of `x` by the freshly filled model, [n, representation_dim]."""
    fill_model(model)
    model.to(dtype).train(train)
    with torch.no_grad():
        return model(torch.from_numpy(x).to(dtype)).numpy()


def tolerance(expected: np.ndarray, single: np.ndarray) -> dict:
    """Sixteen times the error of PyTorch's own float32, and no less than 1e-5 of the largest."""
    error = float(np.abs(single - expected).max())
    atol = max(16.0 * error, 1e-5 * float(np.abs(expected).max()))
    return {"default": {"atol": float(f"{atol:.1e}"), "rtol": 1e-5}}


def case(name: str, size: str, width: int, small_stem: bool, shape: tuple) -> Iterator[Fixture]:
    """Representation in eval mode, in train mode, and the running statistics after the latter."""
    x = fill("input", shape, -2.0, 2.0)
    standard = width == 64 and not small_stem
    own = ResNet(size, width, shape[1], small_stem)
    last = f"layer4.{SIZES[size][0][3] - 1}.bn{own.layer4[0].count}"
    parameters = {"size": size, "width": width, "small_stem": small_stem, "input": list(shape)}
    for train in (False, True):
        mode = "train" if train else "eval"
        single = encode(own, x, torch.float32, train)
        expected = encode(own, x, torch.float64, train)
        if standard:
            reference = encode(torchvision_encoder(size), x, torch.float64, train)
            np.testing.assert_allclose(expected, reference, rtol=1e-12, atol=1e-12)
        yield Fixture(
            path=f"encoder/{name}_{mode}.safetensors",
            script="encoder.py",
            parameters={**parameters, "mode": mode},
            tolerance=tolerance(expected, single),
            arrays={"representation": expected},
        )
    state = own.state_dict()
    yield Fixture(
        path=f"encoder/{name}_running_statistics.safetensors",
        script="encoder.py",
        parameters={**parameters, "mode": "train", "momentum": 0.1, "last_norm": last},
        tolerance={"default": {"atol": 1e-5, "rtol": 1e-4}},
        arrays={
            f"{norm}.{kind}": state[f"{norm}.{kind}"].numpy()
            for norm in ("bn1", "layer2.0.downsample.1", last)
            for kind in ("running_mean", "running_var")
        },
    )


def fixtures() -> Iterator[Fixture]:
    """The cases, then one list of names and shapes for each size."""
    for arguments in CASES:
        yield from case(*arguments)
    for size in SIZES:
        with torch.device("meta"):
            tensors = names_and_shapes(torchvision_encoder(size))
            if tensors != names_and_shapes(ResNet(size)):
                raise ValueError(f"{size}: names or shapes differ from torchvision's")
        yield Fixture(
            path=f"encoder/{size}_names.json",
            script="encoder.py",
            parameters={"size": size, "torchvision": torchvision.__version__.split("+")[0],
                        "tensors": tensors},
        )
