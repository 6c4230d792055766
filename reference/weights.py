"""Small checkpoints of every kind that is read or refused, by PyTorch, with the values they hold.

Writes `data/weights/NAME` and `data/weights/expected.json`: for each file that is read, its tensors with
type, shape and values. Tensors of networks are filled by name instead (`fill.py`), and listed by no value.

    python reference/weights.py
    python reference/weights.py --load FILE MODULE    loads a file that barlow wrote, strictly

Files of networks keep all tensors in one storage, as views with offsets, which is what makes them small.
"""

import argparse
import collections
import json
import pickle
import sys
import zipfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from fill import fill
from resnet import ResNet, fill_model

OUT = Path(__file__).parent / "data" / "weights"
EXPECTED: dict[str, dict] = {}
MAX_BYTES = 100_000


def save(name: str, value, listed: bool = True, **options) -> None:
    """Writes a checkpoint and notes its tensors."""
    torch.save(value, OUT / name, **options)
    if listed:
        EXPECTED[name] = {path: describe(tensor) for path, tensor in tensors(value)}


def tensors(value, path: str = ""):
    """The tensors in dictionaries, lists and tuples, by dotted path."""
    if isinstance(value, torch.Tensor):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            if type(key) in (str, int):
                yield from tensors(item, f"{path}.{key}" if path else str(key))
    elif type(value) in (list, tuple):
        for index, item in enumerate(value):
            yield from tensors(item, f"{path}.{index}" if path else str(index))


def describe(tensor: torch.Tensor) -> dict:
    """Type, shape, strides and values as 64-bit floats."""
    values = tensor.detach().contiguous().to(torch.float64).flatten().tolist()
    return {"dtype": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape),
            "strides": list(tensor.stride()), "values": values}


def small() -> dict:
    """Two tensors that share nothing."""
    return collections.OrderedDict(
        weight=torch.arange(6, dtype=torch.float32).reshape(2, 3) / 4,
        bias=torch.tensor([-1.5, 2.0]),
    )


def dtypes() -> dict:
    """One tensor of every type that is read."""
    floats = [0.0, -1.25, 0.1, 1e4]
    kinds = {f"{d}".removeprefix("torch."): torch.tensor(floats, dtype=d)
             for d in (torch.float16, torch.bfloat16, torch.float32, torch.float64)}
    for d in (torch.int64, torch.int32, torch.int16, torch.int8):
        kinds[str(d).removeprefix("torch.")] = torch.tensor([0, -1, 7, -128], dtype=d)
    for d in (torch.uint8, torch.uint16, torch.uint32, torch.uint64):
        kinds[str(d).removeprefix("torch.")] = torch.tensor([0, 1, 7, 255], dtype=d)
    kinds["bool"] = torch.tensor([True, False, True])
    return kinds


def views() -> dict:
    """Tensors of one storage, in every order."""
    base = torch.arange(24, dtype=torch.float32)
    cube = base.reshape(2, 3, 4)
    image = torch.arange(2 * 3 * 4 * 5, dtype=torch.float32).reshape(2, 3, 4, 5)
    return {
        "base": base,
        "cube": cube,
        "transposed": base.reshape(4, 6).t(),
        "permuted": cube.permute(2, 0, 1),
        "offset": base[5:11],
        "every_second": base[1::2],
        "inner": cube[:, 1:, 1:3],
        "diagonal": base[:16].reshape(4, 4).diagonal(),
        "number": base[7],
        "empty": base[:0].reshape(0, 4),
        "expanded": base[3:5].reshape(2, 1).expand(2, 3),
        "overlapping": base.unfold(0, 4, 2),
        "channels_last": image.contiguous(memory_format=torch.channels_last),
        "parameter": nn.Parameter(base.reshape(6, 4).t()),
    }


def nested() -> dict:
    """Tensors among what else training programs save."""
    layer = nn.Linear(2, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(fill("weight", (3, 2), -1, 1)))
        layer.bias.copy_(torch.from_numpy(fill("bias", (3,), -1, 1)))
        layer.weight.grad = torch.full((3, 2), 0.5)
        layer.bias.grad = torch.full((3,), -0.25)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1)
    optimizer.step()
    counts = collections.defaultdict(int)
    counts["seen"] = 3
    return {
        "epoch": 7,
        "best": 0.625,
        "arch": "resnet50",
        "done": False,
        "nothing": None,
        "large": 2**80,
        "negative": -3,
        "raw": b"\x00\xff bytes",
        "args": argparse.Namespace(lr=0.1, layers=[1, 2], device=torch.device("cpu")),
        "path": Path("runs/1"),
        "rng": np.random.default_rng(0).bit_generator.state,
        "loss": np.float64(1.5),
        "array": np.arange(3.0),
        "kinds": {1, 2, 3},
        "frozen": frozenset(["a"]),
        "counter": collections.Counter("hello"),
        "counts": counts,
        "size": torch.Size([2, 3]),
        "range": range(3),
        "dtype": torch.float16,
        "list": [torch.tensor([1.0]), {"inner": (torch.tensor(2.0), "text")}],
        "by_number": {0: torch.tensor([0.5]), 10: torch.tensor([1.5])},
        "by_tuple": {(1, 2): torch.tensor([9.0])},
        "model": layer.state_dict(),
        "optimizer": optimizer.state_dict(),
    }


def network(width: int, size: str = "resnet18", small_stem: bool = True) -> dict:
    """A filled encoder's state, counts of batches included."""
    model = ResNet(size, width, small_stem=small_stem)
    fill_model(model)
    return model.state_dict()


def perceptron(widths: list[int], bias: bool = False, last_bias: bool = False) -> dict:
    """A projector's state, filled if no layer has a bias."""
    layers = []
    for index, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        is_last = index + 2 == len(widths)
        layers.append(nn.Linear(inputs, outputs, bias=bias or last_bias and is_last))
        if index + 2 < len(widths):
            layers += [nn.BatchNorm1d(outputs), nn.ReLU()]
    model = nn.Sequential(*layers)
    if not bias and not last_bias:
        fill_model(model, "projector.")
    return model.state_dict()


def prefixed(prefix: str, state: dict) -> dict:
    """The state under other names."""
    return {prefix + name: tensor for name, tensor in state.items()}


def sequential(state: dict) -> dict:
    """The names that `nn.Sequential(*list(resnet.children())[:-1])` gives."""
    numbers = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}
    parts = (name.split(".", 1) for name in state)
    return {f"{numbers[part]}.{rest}": state[f"{part}.{rest}"] for part, rest in parts}


def in_one_storage(state: dict, dtype=torch.float32) -> dict:
    """The same tensors as views of one storage, whole numbers left as they are."""
    floats = {name: t for name, t in state.items() if t.is_floating_point()}
    flat = torch.cat([t.flatten() for t in floats.values()]).to(dtype)
    result, start = collections.OrderedDict(), 0
    for name, tensor in state.items():
        if name in floats:
            result[name] = flat[start:start + tensor.numel()].view(tensor.shape)
            start += tensor.numel()
        elif "layer" not in name:
            result[name] = tensor
    return result


def networks() -> None:
    """Encoders under the names of those who trained them."""
    classifier = {"fc.weight": torch.ones(3, 8), "fc.bias": torch.zeros(3)}
    save("torchvision.pth", {**network(1, small_stem=False), **classifier}, listed=False)
    save("bottleneck.pth", in_one_storage(network(1, "resnet50")), listed=False)

    loss = {"module.bn.running_mean": torch.zeros(6), "module.bn.running_var": torch.ones(6),
            "module.bn.num_batches_tracked": torch.tensor(3)}
    model = {**prefixed("module.backbone.", network(2, small_stem=False)),
             **prefixed("module.projector.", perceptron([16, 12, 12, 6])), **loss}
    optimizer = {"state": {0: {"mu": torch.zeros(3)}, 1: {"mu": torch.zeros(2)}},
                 "param_groups": [{"lr": 0, "weight_decay": 1e-6, "momentum": 0.9, "eta": 0.001,
                                   "weight_decay_filter": True, "lars_adaptation_filter": True,
                                   "params": [0, 1]}]}
    save("official.pth", {"epoch": 1000, "model": in_one_storage(model), "optimizer": optimizer},
         listed=False)

    state = {**prefixed("backbone.", sequential(network(2))),
             **prefixed("projection_head.layers.", perceptron([16, 8, 4], last_bias=True))}
    save("lightly.ckpt", {"epoch": 3, "global_step": 12, "pytorch-lightning_version": "2.5.0",
                          "state_dict": in_one_storage(state, torch.bfloat16), "loops": {},
                          "hyper_parameters": argparse.Namespace(lr=0.1)}, listed=False)

    state = {**prefixed("backbone.", network(2)), **prefixed("projector.", perceptron([16, 8, 4], True)),
             "classifier.weight": torch.ones(3, 16), "classifier.bias": torch.zeros(3)}
    flat = in_one_storage(state)
    momentum = {name.replace("backbone.", "momentum_backbone."): tensor
                for name, tensor in flat.items() if name.startswith("backbone.")}
    save("solo_learn.ckpt", {"epoch": 5, "state_dict": {**flat, **momentum}}, listed=False)

    flat = in_one_storage(prefixed("module.encoder_q.", network(1)))
    keys = {name.replace("encoder_q", "encoder_k"): tensor for name, tensor in flat.items()}
    save("moco.pth.tar", {"epoch": 200, "arch": "resnet18", "state_dict": {
        **flat, "module.encoder_q.fc.0.weight": torch.ones(8, 8), **keys,
        "module.queue": torch.zeros(8, 4), "module.queue_ptr": torch.tensor([1])}}, listed=False)

    halves = {name: tensor.half() for name, tensor in network(1).items() if tensor.dim()}
    save_file(halves, OUT / "halves.safetensors")


def refused() -> None:
    """Files that PyTorch reads and we do not."""
    # The format before 1.6 names storages by address, so only its beginning is always the same.
    with open(OUT / "legacy.pth", "wb") as file:
        for value in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}):
            pickle.dump(value, file, protocol=2)
    save("whole_module.pth", nn.Linear(2, 1), listed=False)
    save("sparse.pth", {"s": torch.eye(2).to_sparse()}, listed=False)
    save("quantised.pth", {"q": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)},
         listed=False)
    save("complex.pth", {"c": torch.ones(2, dtype=torch.complex64)}, listed=False)
    save("meta.pth", {"m": torch.ones(2, device="meta")}, listed=False)
    save("float8.pth", {"f": torch.ones(2).to(torch.float8_e4m3fn)}, listed=False)
    # TorchScript's own archives name the folder of the program that wrote them; these are their entries.
    with zipfile.ZipFile(OUT / "script.pt", "w") as archive:
        for name, content in [("data.pkl", b"\x80\x02}."), ("code/__torch__/linear.py", b"pass\n"),
                              ("constants.pkl", b"\x80\x02).")]:
            method = zipfile.ZIP_DEFLATED if name.startswith("code/") else zipfile.ZIP_STORED
            archive.writestr(zipfile.ZipInfo(f"script/{name}"), content, compress_type=method)


def load(path: str, module: str) -> None:
    """Loads a state dict as data and into a module of torchvision, strictly."""
    import torchvision

    state = torch.load(path, weights_only=True)
    model = torchvision.models.get_model(module, weights=None)
    model.fc = nn.Identity()
    print(type(state).__name__, len(state), "tensors;", model.load_state_dict(state, strict=True))
    different = [name for name, tensor in state.items() if not torch.equal(
        tensor, torch.from_numpy(fill(name, tuple(tensor.shape), -1, 1)))]
    print(len(different), "differ from fill(name, shape, -1, 1)", different[:3])


def main() -> None:
    """Writes all files; each must be small."""
    if sys.argv[1:2] == ["--load"]:
        return load(*sys.argv[2:4])
    OUT.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    for protocol in (2, 3, 4, 5):
        save(f"protocol{protocol}.pth", small(), pickle_protocol=protocol)
    save("dtypes.pth", dtypes())
    save("views.pth", views())
    save("nested.pth", nested())
    save("nested5.pth", nested(), pickle_protocol=5)
    save("tensor.pth", torch.tensor([1.0, 2.0]))
    networks()
    refused()
    (OUT / "expected.json").write_text(json.dumps(EXPECTED, indent=1, sort_keys=True) + "\n")
    for file in sorted(OUT.iterdir()):
        size = file.stat().st_size
        print(f"{size:7d} {file.name}")
        if size >= MAX_BYTES:
            raise ValueError(f"{file.name} has {size} bytes, allowed are fewer than {MAX_BYTES}")


main()
