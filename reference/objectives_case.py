"""One case of one objective: its inputs, and its loss, terms and gradients by autograd.

A loss is a function of named tensors. `view_V.online`, `view_V.prediction` and `parameter.NAME` are
differentiated; `view_V.target` and `state.NAME` are not. What the loss does not depend on, or only
behind a stop-gradient, has no gradient and is not in the file.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from fill import fill
from fixture import Fixture

# The ordinary cases: name, images, dimensions.
SHAPES = [("small", 8, 5), ("medium", 16, 7), ("odd", 33, 12)]
# For objectives that take determinants: n well above d.
TALL_SHAPES = [("small", 32, 5), ("medium", 48, 7), ("odd", 71, 12)]

Inputs = dict[str, np.ndarray]
Loss = Callable[[dict[str, Tensor]], tuple[Tensor, dict[str, Tensor]]]


def views(key: str, n: int, d: int, *, count: int = 2, parts: tuple[str, ...] = ("online",),
          kind: str = "plain", scale: float = 1.0) -> Inputs:
    """`view_V.PART` for every view and part, float32 [n, d]: what all share plus noise of each.

    `kind` "identical_views" gives all views the outputs of view 0 (online, prediction and target
    still differ), "constant_column" sets column 1 of view 0 to a half.
    """
    image = fill(f"{key}/image", (n, d), -scale, scale)
    made = {}
    for v in range(count):
        for part in parts:
            source = 0 if kind == "identical_views" else v
            noise = fill(f"{key}/view_{source}.{part}", (n, d), -scale, scale)
            made[f"view_{v}.{part}"] = np.float32(0.7) * image + np.float32(0.6) * noise
            if kind == "constant_column" and v == 0:
                made[f"view_{v}.{part}"][:, 1] = np.float32(0.5 * scale)
    return made


def unit_rows(name: str, n: int, d: int) -> np.ndarray:
    """Float32 [n, d] with rows of length 1."""
    rows = fill(name, (n, d), -1.0, 1.0).astype(np.float64)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def normalise(z: Tensor) -> Tensor:
    """Rows of length 1; the length is taken as 1e-12 at least."""
    return z / z.square().sum(1, keepdim=True).sqrt().clamp(min=1e-12)


def standardise(z: Tensor) -> Tensor:
    """Columns with mean 0 and biased variance var / (var + 1e-5)."""
    centred = z - z.mean(0)
    return centred / (centred.square().mean(0) + 1e-5).sqrt()


def tensors(inputs: Inputs, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    """The inputs as tensors, those to be differentiated as leaves."""
    made = {name: torch.tensor(array, dtype=dtype) for name, array in inputs.items()}
    for name, tensor in made.items():
        tensor.requires_grad_(name.startswith("parameter.")
                              or name.endswith((".online", ".prediction")))
    return made


def results(inputs: Inputs, loss: Loss, dtype: torch.dtype = torch.float64) -> Inputs:
    """`loss`, `term.NAME` and `gradient.INPUT` of a loss.

    What is below 1e-12 is 0 there: rounding, which is another on every machine.
    """
    given = tensors(inputs, dtype)
    value, terms = loss(given)
    leaves = {name: tensor for name, tensor in given.items() if tensor.requires_grad}
    gradients = torch.autograd.grad(value, list(leaves.values()), allow_unused=True)
    made = {"loss": value.detach().numpy().reshape(1)}
    made |= {f"term.{name}": term.detach().numpy().reshape(1) for name, term in terms.items()}
    made |= {f"gradient.{name}": gradient.numpy()
             for name, gradient in zip(leaves, gradients) if gradient is not None}
    return {name: np.where(np.abs(array) < 1e-12, 0.0, array) for name, array in made.items()}


def tolerance(made: Inputs, kind: str, loosen: float, floor: float) -> dict:
    """For float32: 1e-5 of the value; for gradients 1e-5 of the largest element.

    A constant column may have a gradient hundreds of times that of the others, so that the largest
    element would hide errors in them: there 1e-4 of the median column's largest at most. `loosen`
    multiplies all of it, `floor` is the least allowed for gradients; who passes them says why.
    """
    stated = {"default": {"atol": 1e-6 * loosen, "rtol": 1e-5 * loosen}}
    for name, gradient in made.items():
        if not name.startswith("gradient."):
            continue
        columns = np.abs(gradient).max(0)
        atol = 1e-5 * columns.max()
        if kind == "constant_column":
            atol = min(atol, 1e-4 * np.median(columns))
        stated[name] = {"atol": float(f"{max(atol * loosen, floor):.1e}"), "rtol": 1e-5 * loosen}
    return stated


def fixture(objective: str, case: str, shape: tuple[int, int], inputs: Inputs, loss: Loss, *,
            constants: dict | None = None, kind: str = "plain", step: int = 20,
            total_steps: int = 100, parameters: dict | None = None, more: Inputs | None = None,
            loosen: float = 1.0, floor: float = 0.0) -> Fixture:
    """A case that is run from its inputs; `more` are arrays beyond loss, terms and gradients."""
    made = results(inputs, loss)
    return Fixture(
        path=f"objectives/{objective}-{case}.safetensors",
        script="objectives.py",
        parameters={"objective": objective, "constants": constants or {}, "n": shape[0],
                    "d": shape[1], "step": step, "total_steps": total_steps,
                    **(parameters or {})},
        tolerance=tolerance(made, kind, loosen, floor),
        arrays={**inputs, **made, **(more or {})},
    )


def by_hand(objective: str, case: str, parameters: dict, arrays: Inputs,
            tolerances: dict | None = None) -> Fixture:
    """A case of something other than loss and gradient, which needs a test of its own."""
    return Fixture(
        path=f"objectives/{objective}-{case}.safetensors",
        script="objectives.py",
        parameters={"objective": objective, "by_hand": True, **parameters},
        tolerance={"default": {"atol": 1e-6, "rtol": 1e-5}, **(tolerances or {})},
        arrays=arrays,
    )
