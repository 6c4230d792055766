"""Two official views of each photograph, in one thread, by three libraries.

    python views.py --input jpeg

Inputs: `jpeg`, the bytes of two photographs of 500x333 pixels, to views of 224; `decoded`, the same
as pixels; `small`, random images of 32x32 pixels, to views of 32 without blur. The photographs are
scikit-learn's samples, written to `photos` beside this script when they are not there.
"""

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter, ImageOps

import measure
from measure import Work

MODES = ("torchvision-pil", "torchvision-v2", "albumentations")
PHOTOS = Path(__file__).parent / "photos"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Blur and solarise probabilities of the two views.
VIEWS = ((1.0, 0.0), (0.1, 0.2))
PAIRS = 64


def photographs() -> list[bytes]:
    if not PHOTOS.is_dir():
        from sklearn.datasets import load_sample_images

        samples = load_sample_images()
        PHOTOS.mkdir()
        for name, pixels in zip(samples.filenames, samples.images):
            image = Image.fromarray(pixels).resize((500, 333), Image.Resampling.BICUBIC)
            image.save(PHOTOS / Path(name).name, quality=90)
    return [path.read_bytes() for path in sorted(PHOTOS.glob("*.jpg"))]


def torchvision_pil(size: int, blur: float, solarize: float) -> Callable:
    from torchvision import transforms as T

    class Blur:
        def __call__(self, image: Image.Image) -> Image.Image:
            if np.random.rand() < blur:
                return image.filter(ImageFilter.GaussianBlur(np.random.rand() * 1.9 + 0.1))
            return image

    class Solarize:
        def __call__(self, image: Image.Image) -> Image.Image:
            return ImageOps.solarize(image) if np.random.rand() < solarize else image

    return T.Compose([
        T.RandomResizedCrop(size, interpolation=T.InterpolationMode.BICUBIC),
        T.RandomHorizontalFlip(),
        T.RandomApply([T.ColorJitter(0.4, 0.4, 0.2, 0.1)], p=0.8),
        T.RandomGrayscale(0.2), Blur(), Solarize(), T.ToTensor(), T.Normalize(MEAN, STD),
    ])


def torchvision_v2(size: int, blur: float, solarize: float) -> Callable:
    from torchvision.transforms import v2 as T

    return T.Compose([
        T.RandomResizedCrop(size, interpolation=T.InterpolationMode.BICUBIC, antialias=True),
        T.RandomHorizontalFlip(),
        T.RandomApply([T.ColorJitter(0.4, 0.4, 0.2, 0.1)], p=0.8),
        T.RandomGrayscale(0.2),
        T.RandomApply([T.GaussianBlur(23, (0.1, 2.0))], p=blur),
        T.RandomSolarize(128, p=solarize),
        T.ToDtype(torch.float32, scale=True), T.Normalize(MEAN, STD),
    ])


def albumentations(size: int, blur: float, solarize: float) -> Callable:
    import albumentations as A
    import cv2
    from albumentations.pytorch import ToTensorV2

    cv2.setNumThreads(0)
    made = A.Compose([
        A.RandomResizedCrop((size, size), scale=(0.08, 1.0), interpolation=cv2.INTER_CUBIC),
        A.HorizontalFlip(p=0.5),
        A.ColorJitter((0.6, 1.4), (0.6, 1.4), (0.8, 1.2), (-0.1, 0.1), p=0.8),
        A.ToGray(p=0.2),
        A.GaussianBlur(blur_limit=0, sigma_limit=(0.1, 2.0), p=blur),
        A.Solarize(threshold_range=(0.5, 0.5), p=solarize),
        A.Normalize(MEAN, STD), ToTensorV2(),
    ])
    return lambda image: made(image=image)["image"]


def open_pil(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def open_v2(data: bytes) -> torch.Tensor:
    from torchvision.io import ImageReadMode, decode_jpeg

    return decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8), ImageReadMode.RGB)


def open_cv2(data: bytes) -> np.ndarray:
    import cv2

    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)


MAKERS = dict(zip(MODES, (torchvision_pil, torchvision_v2, albumentations)))
OPENERS = dict(zip(MODES, (open_pil, open_v2, open_cv2)))


def small_images(mode: str) -> list:
    pixels = np.random.default_rng(0).integers(0, 256, (PAIRS, 32, 32, 3), dtype=np.uint8)
    if mode == "torchvision-pil":
        return [Image.fromarray(image) for image in pixels]
    if mode == "torchvision-v2":
        return [torch.from_numpy(image).permute(2, 0, 1).contiguous() for image in pixels]
    return list(pixels)


def views(options: argparse.Namespace, mode: str) -> Work:
    torch.set_num_threads(1)
    is_small, is_jpeg = options.input == "small", options.input == "jpeg"
    make = [MAKERS[mode](32 if is_small else 224, 0.0 if is_small else b, s) for b, s in VIEWS]
    open_one = OPENERS[mode]
    inputs = small_images(mode) if is_small else photographs()
    if not is_small and not is_jpeg:
        inputs = [open_one(data) for data in inputs]

    def repeat() -> None:
        for pair in range(PAIRS):
            image = inputs[pair % len(inputs)]
            if is_jpeg:
                image = open_one(image)
            for view in make:
                view(image)

    return Work(f"views-{options.input}", PAIRS, repeat)


def main() -> None:
    parser = measure.arguments("Two official views of each image.", modes=MODES)
    measure.add_repetitions(parser)
    parser.add_argument("--input", choices=("jpeg", "decoded", "small"), default="jpeg")

    def run(options: argparse.Namespace, mode: str) -> None:
        measure.measure(options, mode, lambda: views(options, mode))

    measure.each_mode(parser, run)


if __name__ == "__main__":
    main()
