"""Holds an ONNX model to representations that were computed elsewhere.

    python reference/onnx_check.py MODEL.onnx IMAGES.npy REPRESENTATIONS.npy [--output representation]

IMAGES is f32, [n, channels, height, width], as the model takes it; REPRESENTATIONS is [n, dim], or an
`.npz` with the array `representation` (or what --output names). Prints the largest difference and
fails above 1e-4 of the largest value. Models of fixed batch get the images by so many; what is left
over is not compared. Needs onnxruntime and numpy; with onnx installed, its checker runs, too.
"""

import argparse
import sys

import numpy as np
import onnxruntime

TOLERANCE = 1e-4


def check_format(path: str) -> str:
    """What onnx's checker, with inference of shapes, says of the file."""
    try:
        import onnx
    except ImportError:
        return "onnx is not installed: format not checked"
    onnx.checker.check_model(path, full_check=True)
    return f"onnx {onnx.__version__}: format is valid"


def infer(path: str, images: np.ndarray, output: str) -> np.ndarray:
    """The model's output for all images, [n, dim]; n cut down to whole batches if they are fixed."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (image,) = session.get_inputs()
    batch = image.shape[0] if isinstance(image.shape[0], int) else max(len(images), 1)
    starts = range(0, len(images) - batch + 1, batch)
    parts = [session.run([output], {image.name: images[i:i + batch]})[0] for i in starts]
    if not parts:
        sys.exit(f"{len(images)} images do not fill one batch of {batch}")
    return np.concatenate(parts)


def relative_difference(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, in parts of the largest expected value."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def main() -> int:
    """1 if the outputs differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("images")
    parser.add_argument("representations")
    parser.add_argument("--output", default="representation")
    options = parser.parse_args()

    images = np.load(options.images).astype(np.float32, copy=False)
    expected = np.load(options.representations)
    if isinstance(expected, np.lib.npyio.NpzFile):
        expected = expected[options.output]
    print(check_format(options.model))
    found = infer(options.model, images, options.output)
    expected = expected[:len(found)]
    if found.shape != expected.shape:
        print(f"{options.model}: shape {found.shape}, expected {expected.shape}")
        return 1
    difference = relative_difference(found, expected)
    is_close = difference <= TOLERANCE  # false for NaN
    print(f"onnxruntime {onnxruntime.__version__}: {len(found)} images, largest difference "
          f"{difference:.1e} of the largest value: {'equal' if is_close else 'DIFFERENT'}")
    return 0 if is_close else 1


if __name__ == "__main__":
    sys.exit(main())
