"""One fixture file: how it is written, and how a fresh one is compared with the committed one."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

DATA = Path(__file__).parent / "data"
MAX_BYTES = 100_000

# What `--check` allows between two machines, relative to the largest element of the array.
CHECK_TOLERANCE = {"float64": 1e-9, "float32": 1e-6}


@dataclass
class Fixture:
    """Numbers to be compared with, and everything needed to compute them again.

    `path` is relative to `data/`; its suffix says the format: `.safetensors` holds `arrays`,
    `.json` holds `parameters["tensors"]`. `tolerance` is what a float32 implementation should
    meet: |x - expected| <= atol + rtol * |expected|, with the two values under "default" and,
    where some arrays need others, under their names.
    """

    path: str
    script: str
    parameters: dict
    tolerance: dict | None = None
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def record(self) -> dict:
        """The metadata: provenance and parameters. `seed` is null, for names seed `fill`."""
        return {
            "script": self.script,
            "torch": torch.__version__.split("+")[0],
            "seed": None,
            "tolerance": self.tolerance,
            "parameters": self.parameters,
        }

    def write(self) -> None:
        """Writes the file below `data/` and refuses one of 100 kB or more."""
        target = DATA / self.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix == ".json":
            target.write_text(self._json())
        else:
            arrays = {name: np.ascontiguousarray(a) for name, a in self.arrays.items()}
            for name, a in arrays.items():
                if not np.isfinite(a).all():
                    raise ValueError(f"{self.path}: {name} is not finite")
            save_file(arrays, target, {"fixture": json.dumps(self.record(), sort_keys=True)})
        size = target.stat().st_size
        if size >= MAX_BYTES:
            raise ValueError(f"{self.path} has {size} bytes, allowed are fewer than {MAX_BYTES}")

    def differences(self) -> list[str]:
        """What differs from the committed file, one line each; empty if nothing does."""
        target = DATA / self.path
        if not target.exists():
            return [f"{self.path}: missing"]
        if target.suffix == ".json":
            found = json.loads(target.read_text())
            return [] if found == json.loads(self._json()) else [f"{self.path}: differs"]
        with safe_open(target, "np") as file:
            record = json.loads(file.metadata()["fixture"])
            found = {name: file.get_tensor(name) for name in file.keys()}
        lines = []
        # The versions may differ, for --check compares machines; tolerances may be measured.
        for key in ("script", "seed", "parameters"):
            if record[key] != json.loads(json.dumps(self.record()[key])):
                lines.append(f"{self.path}: metadata {key!r} differs")
        for name in sorted(found.keys() ^ self.arrays.keys()):
            lines.append(f"{self.path}: {name} is in only one of the two")
        for name in sorted(found.keys() & self.arrays.keys()):
            lines += self._compare(name, found[name], np.asarray(self.arrays[name]))
        return lines

    def _compare(self, name: str, found: np.ndarray, fresh: np.ndarray) -> list[str]:
        if (found.shape, found.dtype) != (fresh.shape, fresh.dtype):
            return [f"{self.path}: {name} is {found.dtype}{found.shape}, "
                    f"should be {fresh.dtype}{fresh.shape}"]
        scale = float(np.abs(fresh).max(initial=0.0))
        error = float(np.abs(found.astype(np.float64) - fresh).max(initial=0.0))
        allowed = CHECK_TOLERANCE[str(fresh.dtype)] * scale
        return [f"{self.path}: {name} differs by {error:.3g}, allowed {allowed:.3g}"] \
            if error > allowed else []

    def _json(self) -> str:
        """The record with one line for every tensor, so that a change can be read as a diff."""
        record = self.record()
        record["parameters"] = {k: v for k, v in self.parameters.items() if k != "tensors"}
        lines = ",\n".join(json.dumps(t) for t in self.parameters["tensors"])
        return (f'{{"fixture": {json.dumps(record, sort_keys=True)},\n'
                f'"tensors": [\n{lines}\n]}}\n')
