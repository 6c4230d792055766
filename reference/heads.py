"""Projectors as PyTorch has them: outputs, statistics and gradients in training mode.

Linear layers of given widths, with ReLU between them. `batch_norm` puts a norm before each ReLU,
`bias` gives a bias to every layer that no norm follows, `final_norm` puts a norm without scale and
shift last (SimSiam's). Numbered as `nn.Sequential` numbers them. Double precision.
"""

from collections.abc import Iterator

import torch
from torch import nn

from fill import fill
from fixture import Fixture

# case, images, inputs, widths, batch_norm, bias, final_norm.
CASES = [
    ("official", 12, 20, [33, 24, 7], True, False, False),
    ("bias", 12, 20, [33, 24, 7], True, True, False),
    ("final_norm", 16, 20, [33, 24, 7], True, False, True),
    ("bias_final_norm", 16, 20, [33, 24, 7], True, True, True),
    ("no_norm", 12, 20, [33, 24, 7], False, False, False),
    ("bias_no_norm", 12, 20, [33, 24, 7], False, True, False),
    ("final_norm_alone", 16, 20, [33, 24, 7], False, True, True),
    ("one_layer", 9, 17, [12], True, True, False),
    ("one_layer_final_norm", 9, 17, [12], True, True, True),
]


def head(inputs: int, widths: list[int], batch_norm: bool, bias: bool,
         final_norm: bool) -> nn.Sequential:
    """The layers with the contents of their names."""
    layers: list[nn.Module] = []
    for i, width in enumerate(widths):
        if i > 0:
            layers += [nn.BatchNorm1d(inputs)] if batch_norm else []
            layers.append(nn.ReLU())
        is_normed = final_norm if i == len(widths) - 1 else batch_norm
        layers.append(nn.Linear(inputs, width, bias=bias and not is_normed))
        inputs = width
    if final_norm:
        layers.append(nn.BatchNorm1d(inputs, affine=False))
    made = nn.Sequential(*layers).double()
    for name, value in made.named_parameters():
        shape = tuple(value.shape)
        if len(shape) == 2:
            bound = (3.0 / shape[1]) ** 0.5
            contents = fill(name, shape, -bound, bound)
        else:
            contents = fill(name, shape, 0.5, 1.5) if name.endswith("weight") \
                else fill(name, shape, -0.2, 0.2)
        value.data = torch.tensor(contents, dtype=torch.float64)
    return made


def fixtures() -> Iterator[Fixture]:
    """Gradients are those of the sum of the output times `fill("heads/CASE/gradient")`."""
    for case, n, inputs, widths, batch_norm, bias, final_norm in CASES:
        made = head(inputs, widths, batch_norm, bias, final_norm)
        rows = torch.tensor(fill(f"heads/{case}/rows", (n, inputs), -2.0, 2.0),
                            dtype=torch.float64, requires_grad=True)
        weights = torch.tensor(fill(f"heads/{case}/gradient", (n, widths[-1]), -1.0, 1.0),
                               dtype=torch.float64)
        output = made(rows)
        (output * weights).sum().backward()
        arrays = {"output": output.detach().numpy(), "gradient.rows": rows.grad.numpy()}
        arrays |= {f"gradient.{name}": value.grad.numpy()
                   for name, value in made.named_parameters()}
        arrays |= {name: value.numpy() for name, value in made.named_buffers()
                   if "running" in name}
        yield Fixture(
            path=f"heads/{case}.safetensors",
            script="heads.py",
            parameters={"case": case, "n": n, "inputs": inputs,
                        "widths": "-".join(str(width) for width in widths),
                        "batch_norm": batch_norm, "bias": bias, "final_norm": final_norm},
            tolerance={name: {"atol": float(f"{1e-5 * abs(array).max():.1e}"), "rtol": 1e-5}
                       for name, array in arrays.items()},
            arrays=arrays,
        )
