"""Compares encoders in torchvision, timm and ONNX Runtime.

    cargo run --release -p barlow-weights --example filled_encoder -- FOLDER resnet50 64 standard 3 64
    python docs/interoperability/check_encoders.py FOLDER

For each NAME.safetensors in FOLDER (files of the example): loads it with strict=True, and holds timm and
every NAME*.onnx to torchvision's output in f64. Versions and output: docs/interoperability.md.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from encoder import read, timm_encoder, torchvision_encoder

sys.path.insert(0, str(Path(__file__).parents[2] / "reference"))
from onnx_check import TOLERANCE, check_format, infer, relative_difference  # noqa: E402

IMAGES = 4


def projector(path: Path) -> nn.Module:
    """The example's projector: linear, norm, ReLU, twice, then linear."""
    tensors = load_file(path)
    layers = []
    for outputs, inputs in (tensors[f"{i}.weight"].shape for i in (0, 3, 6)):
        layers += [nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU()]
    module = nn.Sequential(*layers[:-2])
    module.load_state_dict(tensors, strict=True)
    return module


def check(path: Path) -> bool:
    """Compares all that was written of one encoder; whether all agree."""
    facts, _ = read(path)
    encoder, side = facts["encoder"], facts["image_size"]
    label = f"{encoder['name']} width {encoder['width']} {encoder['stem']} stem, " \
        f"{encoder['channels']} channel(s)"
    raw = torch.rand(IMAGES, encoder["channels"], side, side, generator=torch.manual_seed(0))
    mean, std = (torch.tensor(facts[key]).view(1, -1, 1, 1) for key in ("mean", "std"))
    images = (raw - mean) / std

    module = torchvision_encoder(path).eval()
    with torch.inference_mode():
        single = module(images).numpy()
        expected = module.double()(images.double())
        embedding = projector(path.with_suffix(".projector.safetensors")).eval().double()(expected)
        larger = torch.nn.functional.pad(images, (0, 16, 0, 8))
        of_larger = module(larger.double()).numpy()
        found = {"torchvision in f32": (single, expected.numpy())}
        if encoder["width"] == 64:
            of_timm = timm_encoder(path).eval()(images).numpy()
            found["timm, f32"] = (of_timm, expected.numpy())
    expected = expected.numpy()

    stem = path.name.removesuffix(".safetensors")
    for kind, model_input, output, wanted in [
        ("", images, "representation", expected),
        (".batch2", images, "representation", expected),
        (".folded", larger, "representation", of_larger),
        (".raw", raw, "representation", expected),
        (".projector", images, "embedding", embedding.numpy()),
    ]:
        model = str(path.with_name(f"{stem}{kind}.onnx"))
        check_format(model)
        found[f"ONNX Runtime{kind}"] = (infer(model, model_input.numpy(), output), wanted)
    differences = {name: relative_difference(*pair) for name, pair in found.items()}
    print(f"{label}, {side} px, values up to {np.abs(expected).max():.2g}")
    for name, difference in differences.items():
        print(f"  {name:<24}{difference:.1e}")
    return all(difference <= TOLERANCE for difference in differences.values())


def main() -> int:
    """1 if anything differs."""
    import onnx
    import onnxruntime
    import timm
    import torchvision
    torch.set_num_threads(2)
    versions = {m.__name__: m.__version__ for m in (torch, torchvision, timm, onnx, onnxruntime)}
    print(json.dumps(versions))
    paths = [path for path in sorted(Path(sys.argv[1]).glob("*.safetensors"))
             if not path.name.endswith(".projector.safetensors")]
    results = [check(path) for path in paths]
    print(f"{sum(results)} of {len(results)} encoders agree within {TOLERANCE} of the largest value")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
