"""An encoder of barlow as torchvision's or timm's module. Needs torch, safetensors, torchvision or timm.

    encoder = torchvision_encoder("encoder.safetensors").eval()
    representation = encoder(images)        # [n, channels, h, w], normalised -> [n, representation_dim]
"""

import json

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn


def read(path: str) -> tuple[dict, dict[str, torch.Tensor]]:
    """What the file says of itself, and its tensors."""
    with safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()["barlow"])
    return facts, load_file(path)


def replace_stem(resnet: nn.Module, facts: dict) -> None:
    """Gives a ResNet of torchvision or timm the channels and the stem of an encoder."""
    encoder = facts["encoder"]
    form = {"kernel_size": 3, "padding": 1} if encoder["stem"] == "small" \
        else {"kernel_size": 7, "stride": 2, "padding": 3}
    resnet.conv1 = nn.Conv2d(encoder["channels"], encoder["width"], bias=False, **form)
    if encoder["stem"] == "small":
        resnet.maxpool = nn.Identity()


def torchvision_encoder(path: str) -> nn.Module:
    """The encoder as torchvision's ResNet, any width, stem and number of channels."""
    from torchvision.models import resnet
    facts, tensors = read(path)
    encoder = facts["encoder"]
    if encoder["width"] == 64:
        module = getattr(resnet, encoder["name"])(weights=None)
    else:
        module = narrow_resnet(encoder["name"], encoder["width"])
    module.fc = nn.Identity()
    replace_stem(module, facts)
    module.load_state_dict(tensors, strict=True)
    return module


def narrow_resnet(name: str, width: int) -> nn.Module:
    """torchvision's ResNet at another width than 64: its stem and stages are built again."""
    from torchvision.models import resnet
    module = getattr(resnet, name)(weights=None)
    block, module.inplanes = type(module.layer1[0]), width
    module.bn1 = nn.BatchNorm2d(width)
    for number in range(1, 5):
        count = len(getattr(module, f"layer{number}"))
        stride = 1 if number == 1 else 2
        stage = module._make_layer(block, width << (number - 1), count, stride=stride)
        setattr(module, f"layer{number}", stage)
    return module


def timm_encoder(path: str) -> nn.Module:
    """The encoder as timm's ResNet; width 64 only."""
    import timm
    facts, tensors = read(path)
    module = timm.create_model(facts["encoder"]["name"], num_classes=0)
    replace_stem(module, facts)
    module.load_state_dict(tensors, strict=True)
    return module
