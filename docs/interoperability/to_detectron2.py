"""Converts an encoder of barlow to a file that detectron2 loads. Needs torch and safetensors.

    python docs/interoperability/to_detectron2.py encoder.safetensors encoder.pkl
    python docs/interoperability/to_detectron2.py --check

The file is a pickle {"model": {name: array}, "__author__": ..., "matching_heuristics": False}: detectron2's
DetectionCheckpointer tells by "__author__" that the names are its own, and takes arrays by name. What it
does not find (pyramid, heads) keeps its first values. Encoders have the standard stem and 3 channels.

--check compares the names with those of detectron2's ResNet-50 with FPN. detectron2 is not on PyPI, so
they are written down here from its modules (modeling/backbone/resnet.py: BasicStem, BottleneckBlock,
layers/batch_norm.py: FrozenBatchNorm2d), not read from a model of its zoo.
Versions and output: docs/interoperability.md.
"""

import pickle
import re
import sys

PREFIX = "backbone.bottom_up."


def detectron2_name(name: str) -> str:
    """detectron2's name of a tensor of torchvision's ResNet.

    conv1, bn1 -> stem.conv1, stem.conv1.norm; layer1 -> res2; a convolution's norm lies within it;
    downsample.0, .1 -> shortcut, shortcut.norm.
    """
    name = re.sub(r"^conv1\.", "stem.conv1.", name)
    name = re.sub(r"^bn1\.", "stem.conv1.norm.", name)
    name = re.sub(r"^layer(\d)", lambda found: f"res{int(found[1]) + 1}", name)
    name = re.sub(r"\.bn(\d)\.", r".conv\1.norm.", name)
    name = name.replace("downsample.0.", "shortcut.").replace("downsample.1.", "shortcut.norm.")
    return PREFIX + name


def convert(source: str, target: str) -> int:
    """Writes the converted file; the number of tensors."""
    from encoder import read
    facts, tensors = read(source)
    encoder = facts["encoder"]
    if (encoder["stem"], encoder["channels"]) != ("standard", 3):
        sys.exit("detectron2's ResNet has the standard stem and 3 channels")
    model = {detectron2_name(name): tensor.numpy() for name, tensor in tensors.items()}
    content = {"model": model, "__author__": "barlow", "matching_heuristics": False}
    with open(target, "wb") as file:
        pickle.dump(content, file)
    return len(model)


def resnet50_fpn_names() -> set[str]:
    """Names below `backbone.bottom_up` of detectron2's ResNet-50 with FPN and frozen norms."""
    modules = ["stem.conv1"]
    for stage, blocks in [(2, 3), (3, 4), (4, 6), (5, 3)]:
        modules.append(f"res{stage}.0.shortcut")
        modules += [f"res{stage}.{block}.conv{i}" for block in range(blocks) for i in (1, 2, 3)]
    leaves = ["weight"] + [f"norm.{leaf}" for leaf in ("weight", "bias", "running_mean", "running_var")]
    return {f"{PREFIX}{module}.{leaf}" for module in modules for leaf in leaves}


def check() -> int:
    """1 if names of torchvision's ResNet-50 do not become those of detectron2's."""
    import torch
    import torchvision
    with torch.device("meta"):
        names = torchvision.models.resnet50().state_dict()
    found = {detectron2_name(name) for name in names
             if not name.startswith("fc.") and not name.endswith("num_batches_tracked")}
    expected = resnet50_fpn_names()
    print(f"torchvision {torchvision.__version__}: {len(found & expected)} names agree, "
          f"{len(found ^ expected)} differ")
    return 0 if found == expected else 1


def main() -> int:
    """Converts a file, or checks the names."""
    if sys.argv[1:] == ["--check"]:
        return check()
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(f"{convert(*sys.argv[1:])} tensors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
