"""Holds what the program exports as ONNX to what it embeds, on the same images.

    python reference/onnx_of_program.py target/release/barlow RUN/encoder.safetensors

Writes images of random pixels as .npy files of the encoder's own size, so that the network's input is
(pixel / 255 - mean) / std and nothing else, lets the program embed them in f32, exports the encoder
with batches of any size, of a fixed size, with batch norms folded and with the normalisation in the
model, and compares each by onnx_check.py. Needs onnxruntime and numpy.
"""

import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

IMAGES = 12
BATCH = 4


def facts(path: str) -> dict:
    """What the encoder's file says of itself."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    return json.loads(header["__metadata__"]["barlow"])


def main() -> int:
    """1 if a model differs."""
    program, weights = sys.argv[1:]
    about = facts(weights)
    side, channels = about["image_size"], about["encoder"]["channels"]
    pixels = np.random.default_rng(0).integers(0, 256, (IMAGES, side, side, channels), np.uint8)
    values = pixels.astype(np.float32).transpose(0, 3, 1, 2) / 255
    mean, std = (np.float32(about[key]).reshape(1, -1, 1, 1) for key in ("mean", "std"))
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "images").mkdir()
        for index, image in enumerate(pixels):
            np.save(folder / "images" / f"{index:02}.npy", image)
        np.save(folder / "values.npy", values)
        np.save(folder / "normalised.npy", (values - mean) / std)
        run = [program, "embed", "--weights", weights, "--data", folder / "images", "--image-size",
               str(side), "--precision", "f32", "--out", folder / "found.npy"]
        subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
        for model, options, images in [
            ("dynamic", [], "normalised"),
            ("fixed", ["--batch", str(BATCH)], "normalised"),
            ("folded", ["--fold-batch-norm"], "normalised"),
            ("of any size", ["--dynamic-size"], "normalised"),
            ("with projector", ["--projector"], "normalised"),
            ("normalising", ["--normalise"], "values"),
        ]:
            path = folder / f"{model}.onnx"
            run = [program, "export", "--weights", weights, "--format", "onnx", "--out", path, *options]
            subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
            print(f"{model}: ", end="", flush=True)
            script = Path(__file__).with_name("onnx_check.py")
            check = [sys.executable, script, path, folder / f"{images}.npy", folder / "found.npy"]
            failures += subprocess.run(check, check=False).returncode
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
