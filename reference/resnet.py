"""A ResNet (v1.5) with torchvision's tensor names, any base width, standard or small stem.

Written apart from torchvision so that narrow and small-image variants exist; `encoder.py` holds
it to torchvision where both can be built. No classifier: `forward` gives the representation.
"""

import math

import numpy as np
import torch
from torch import nn

from fill import fill

# name -> (blocks of each layer, bottleneck or basic blocks)
SIZES = {
    "resnet18": ((2, 2, 2, 2), False),
    "resnet34": ((3, 4, 6, 3), False),
    "resnet50": ((3, 4, 6, 3), True),
    "resnet101": ((3, 4, 23, 3), True),
    "resnet152": ((3, 8, 36, 3), True),
}


def convolution(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    """A convolution without bias that keeps the image size at stride 1."""
    return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)


class Block(nn.Module):
    """A residual block: 3x3-3x3, or 1x1-3x3-1x1 with four times as many channels at its end.

    The stride is in the first 3x3 convolution.
    """

    def __init__(self, inputs: int, planes: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        outputs = planes * 4 if bottleneck else planes
        if bottleneck:
            shapes = [(inputs, planes, 1, 1), (planes, planes, 3, stride), (planes, outputs, 1, 1)]
        else:
            shapes = [(inputs, planes, 3, stride), (planes, outputs, 3, 1)]
        self.count = len(shapes)
        for i, shape in enumerate(shapes, 1):
            setattr(self, f"conv{i}", convolution(*shape))
            setattr(self, f"bn{i}", nn.BatchNorm2d(shape[1]))
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, inputs, h, w] -> [n, outputs, h / stride, w / stride]."""
        shortcut = x if self.downsample is None else self.downsample(x)
        for i in range(1, self.count + 1):
            x = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x))
            x = torch.relu(x + shortcut if i == self.count else x)
        return x


class ResNet(nn.Module):
    """The encoder. The small stem is a 3x3 convolution of stride 1 and no max-pool."""

    def __init__(self, size: str, width: int = 64, channels: int = 3, small_stem: bool = False):
        super().__init__()
        blocks, bottleneck = SIZES[size]
        self.conv1 = convolution(channels, width, 3) if small_stem \
            else convolution(channels, width, 7, 2)
        self.bn1 = nn.BatchNorm2d(width)
        self.pool = nn.Identity() if small_stem else nn.MaxPool2d(3, 2, padding=1)
        inputs = width
        for layer, count in enumerate(blocks, 1):
            planes = width * 2 ** (layer - 1)
            group = []
            for i in range(count):
                stride = 2 if layer > 1 and i == 0 else 1
                group.append(Block(inputs, planes, stride, bottleneck))
                inputs = planes * 4 if bottleneck else planes
            setattr(self, f"layer{layer}", nn.Sequential(*group))
        self.representation_dim = inputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, channels, h, w] -> [n, representation_dim], by the mean over the last image."""
        x = self.pool(torch.relu(self.bn1(self.conv1(x))))
        for layer in range(1, 5):
            x = getattr(self, f"layer{layer}")(x)
        return x.mean((2, 3))


def filled(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The float32 contents of the tensor called `name`, by its kind.

    Convolutions: +-sqrt(6 / fan_out), fan_out = outputs * kernel area. Linear weights:
    +-sqrt(3 / fan_in). Norms: weight 0.5..1.5, bias -0.2..0.2, running mean -0.2..0.2 and
    variance 0.5..1.5. Bounds are computed in double precision, then rounded.
    """
    if len(shape) == 4:
        bound = math.sqrt(6.0 / (shape[0] * shape[2] * shape[3]))
    elif len(shape) == 2:
        bound = math.sqrt(3.0 / shape[1])
    elif name.endswith(("weight", "running_var")):
        return fill(name, shape, 0.5, 1.5)
    else:
        bound = 0.2
    return fill(name, shape, -bound, bound)


def names_and_shapes(model: nn.Module) -> list[tuple[str, list[int]]]:
    """Every tensor of the state dict but the batch counters and a classifier, in its order."""
    return [
        (name, list(tensor.shape))
        for name, tensor in model.state_dict().items()
        if not name.endswith("num_batches_tracked") and not name.startswith("fc.")
    ]


def fill_model(model: nn.Module, prefix: str = "") -> None:
    """Fills every tensor by its name, with `prefix` before it."""
    model.load_state_dict(
        {
            name: torch.from_numpy(filled(prefix + name, tuple(shape)))
            for name, shape in names_and_shapes(model)
        },
        strict=False,
    )
