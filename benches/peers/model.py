"""The rival's networks, of torchvision's parts, and the loss in the official form."""

import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet, resnet50

LAMBDA = 0.0051


class SmallStemResNet18(ResNet):
    """torchvision's ResNet-18 at any base width, entered by a 3x3 convolution, without a classifier."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__(BasicBlock, [2, 2, 2, 2])
        self.inplanes = width
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.Identity()
        self.layer1 = self._make_layer(BasicBlock, width, 2)
        self.layer2 = self._make_layer(BasicBlock, 2 * width, 2, stride=2)
        self.layer3 = self._make_layer(BasicBlock, 4 * width, 2, stride=2)
        self.layer4 = self._make_layer(BasicBlock, 8 * width, 2, stride=2)
        self.fc = nn.Identity()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def resnet50_encoder() -> ResNet:
    """torchvision's ResNet-50 without its classifier."""
    encoder = resnet50()
    encoder.fc = nn.Identity()
    return encoder


def projector(inputs: int, widths: tuple[int, ...] = (512, 512, 512)) -> nn.Sequential:
    """Linear layers without bias, batch norm and ReLU between them."""
    layers: list[nn.Module] = []
    for width in widths[:-1]:
        layers += [nn.Linear(inputs, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(inplace=True)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, widths[-1], bias=False))


class BarlowTwinsLoss(nn.Module):
    """The loss as the official program computes it: batch norm without parameters, the
    cross-correlation matrix, its off-diagonal elements flattened by a shifted view."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(dim, affine=False)

    def forward(self, embedding_a: torch.Tensor, embedding_b: torch.Tensor) -> torch.Tensor:
        """Two [n, dim] to a scalar."""
        c = self.norm(embedding_a).T @ self.norm(embedding_b)
        c.div_(embedding_a.shape[0])
        on_diagonal = torch.diagonal(c).add_(-1).pow_(2).sum()
        return on_diagonal + LAMBDA * off_diagonal(c).pow_(2).sum()


def off_diagonal(c: torch.Tensor) -> torch.Tensor:
    """All elements of [d, d] but the diagonal, [d (d - 1)]."""
    d = c.shape[0]
    return c.flatten()[:-1].view(d - 1, d + 1)[:, 1:].flatten()
