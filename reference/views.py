"""Reference values for the views, made by Pillow and torchvision.

Run from the repository root: python reference/views.py
Writes reference/data/views/*.json. Every input picture is made by `picture`, a formula that the
tests repeat, so nothing random and no photograph is stored. Outputs are hexadecimal samples,
row by row with interleaved channels, or the CRC-32 of those bytes where they would be large.
"""

import json
import pathlib
import zlib

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image, ImageFilter, ImageOps
from torchvision.transforms import CenterCrop, InterpolationMode, RandomResizedCrop, Resize
from torchvision.transforms import functional as F

OUT = pathlib.Path(__file__).parent / "data" / "views"
METADATA = {
    "script": "reference/views.py",
    "pillow": PIL.__version__,
    "torchvision": torchvision.__version__,
    "numpy": np.__version__,
    "seed": "none, all inputs are formulas",
    "tolerance": 0,
}


def picture(width, height, channels, cell):
    """A deterministic picture: an integer formula of the coordinates, in blocks of 2**cell."""
    y, x, c = np.mgrid[0:height, 0:width, 0:channels].astype(np.int64)
    x, y = x >> cell, y >> cell
    samples = ((x * 37 + y * 91 + c * 53) ^ (x * y * 7 + ((x * x) >> 2) + c * 29)) & 255
    samples = samples.astype(np.uint8)
    return Image.fromarray(samples[:, :, 0] if channels == 1 else samples)


def case(width, height, channels, cell, **settings):
    return {"width": width, "height": height, "channels": channels, "cell": cell, **settings}


def source(c):
    return picture(c["width"], c["height"], c["channels"], c["cell"])


def samples(image):
    return np.asarray(image).tobytes()


def deep_picture(width, height, channels, cell):
    """The picture with 16 bits a sample, `[h, w, c]`: the 8 bits above, and below them others."""
    y, x, _ = np.mgrid[0:height, 0:width, 0:channels].astype(np.int64)
    high = np.asarray(picture(width, height, channels, cell)).astype(np.int64)
    high = high.reshape(height, width, channels)
    return (high << 8 | (high * 37 + x * 11 + y * 5) & 255).astype(np.uint16)


def write(name, cases):
    write_text(name, json.dumps({"metadata": METADATA, "cases": cases}, indent=0))


def write_lines(name, cases, seed):
    """One case a line, for many cases with parameters from numpy's default generator."""
    metadata = json.dumps(METADATA | {"seed": seed})
    lines = ",\n".join(json.dumps(c) for c in cases)
    write_text(name, f'{{"metadata": {metadata}, "cases": [\n{lines}\n]}}')


def write_text(name, text):
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{name}.json"
    path.write_text(text + "\n")
    assert len(text) < 100_000, (name, len(text))
    print(path, len(text))


def resize():
    """Crop, then resize: left, top, crop width and height, output width and height."""
    cases = []
    for filter_name, mode in [("bicubic", InterpolationMode.BICUBIC), ("bilinear", InterpolationMode.BILINEAR)]:
        for width, height, channels, cell, box, size in [
            (1, 1, 3, 0, (0, 0, 1, 1), (5, 7)),
            (1, 1, 1, 0, (0, 0, 1, 1), (8, 8)),
            (1, 23, 3, 0, (0, 0, 1, 23), (9, 9)),
            (31, 1, 1, 0, (0, 0, 31, 1), (8, 8)),
            (28, 28, 1, 0, (3, 5, 17, 13), (28, 28)),
            (28, 28, 1, 0, (0, 0, 28, 28), (28, 28)),
            (32, 32, 3, 1, (4, 0, 20, 32), (20, 32)),
            (32, 32, 3, 0, (1, 2, 30, 29), (30, 17)),
            (32, 32, 3, 0, (1, 2, 30, 29), (17, 29)),
            (41, 37, 3, 2, (7, 3, 11, 9), (32, 32)),
            (97, 61, 3, 0, (5, 1, 83, 59), (32, 32)),
            (97, 61, 1, 3, (5, 1, 83, 59), (16, 23)),
            (211, 190, 3, 0, (0, 0, 211, 190), (8, 5)),
            (40, 50, 3, 3, (2, 40, 33, 4), (24, 24)),
            (30, 30, 3, 0, (29, 29, 1, 1), (3, 3)),
        ]:
            c = case(width, height, channels, cell, filter=filter_name, crop=box, size=size)
            left, top, w, h = box
            image = F.resized_crop(source(c), top, left, h, w, [size[1], size[0]], mode)
            cases.append(c | {"pixels": samples(image).hex()})
        for width, height, channels, box, size in [
            (500, 333, 3, (0, 0, 500, 333), (224, 224)),
            (500, 333, 3, (13, 40, 190, 201), (224, 224)),
            (333, 500, 1, (1, 2, 331, 497), (224, 224)),
            # On both sides of the point where Pillow 13 changes the order of its passes.
            (100, 136, 3, (0, 0, 100, 136), (64, 64)),
            (100, 137, 3, (0, 0, 100, 137), (64, 64)),
            (64, 90, 1, (3, 4, 50, 80), (60, 79)),
            (64, 90, 1, (3, 4, 50, 80), (60, 81)),
            (300, 400, 3, (3, 1, 200, 350), (100, 149)),
            (300, 400, 3, (3, 1, 200, 350), (100, 150)),
            (60, 320, 3, (0, 0, 60, 320), (96, 32)),
        ]:
            c = case(width, height, channels, 2, filter=filter_name, crop=box, size=size)
            left, top, w, h = box
            image = F.resized_crop(source(c), top, left, h, w, [size[1], size[0]], mode)
            cases.append(c | {"crc": zlib.crc32(samples(image))})
    write("resize", cases)


ADJUST = {
    "brightness": F.adjust_brightness,
    "contrast": F.adjust_contrast,
    "saturation": F.adjust_saturation,
    "hue": F.adjust_hue,
}


def jitter():
    """The four colour operations: one by one, in several orders, and hue on every colour."""
    cases = []
    orders = [
        ["brightness", "contrast", "saturation", "hue"],
        ["hue", "saturation", "contrast", "brightness"],
        ["contrast", "hue", "brightness", "saturation"],
    ]
    singles = [
        ("brightness", [0.0, 0.6, 1.0, 1.1234567, 1.4]),
        ("contrast", [0.0, 0.6, 0.9876543, 1.4]),
        ("saturation", [0.0, 0.8, 1.0, 1.2]),
        ("hue", [-0.5, -0.1, -0.00391, 0.0, 0.003922, 0.0731, 0.1, 0.5]),
    ]
    for width, height, channels, cell in [(13, 11, 3, 0), (1, 1, 3, 0), (1, 17, 3, 1), (19, 7, 1, 0)]:
        for name, factors in singles:
            for factor in factors:
                c = case(width, height, channels, cell, order=[name], factors={name: factor})
                cases.append(c | {"pixels": samples(ADJUST[name](source(c), factor)).hex()})
        for number, order in enumerate(orders):
            factors = {
                "brightness": 0.7 + 0.3 * number,
                "contrast": 1.31 - 0.25 * number,
                "saturation": 0.83 + 0.17 * number,
                "hue": -0.1 + 0.08 * number,
            }
            c = case(width, height, channels, cell, order=order, factors=factors)
            image = source(c)
            for name in order:
                image = ADJUST[name](image, factors[name])
            cases.append(c | {"pixels": samples(image).hex()})
    write("jitter", cases)

    # Every colour once: pixel number n has red n % 256, green n / 256 % 256, blue n / 65536.
    n = np.arange(1 << 24, dtype=np.uint32).reshape(4096, 4096)
    cube = Image.fromarray(np.stack([n & 255, (n >> 8) & 255, n >> 16], -1).astype(np.uint8))
    cube_cases = [
        {"order": [name], "factors": {name: factor}, "crc": zlib.crc32(samples(ADJUST[name](cube, factor)))}
        for name, factor in [("hue", 0.0), ("hue", -0.0731), ("hue", 0.1), ("saturation", 0.8123), ("saturation", 1.2)]
    ]
    cube_cases.append(
        {"order": ["grayscale"], "factors": {}, "crc": zlib.crc32(samples(F.to_grayscale(cube, 3)))}
    )
    write("colour_cube", cube_cases)


def blur():
    cases = []
    for width, height, channels, cell in [(1, 1, 3, 0), (1, 9, 3, 0), (13, 1, 1, 0), (3, 2, 3, 0), (24, 19, 3, 0), (28, 28, 1, 2)]:
        for sigma in [0.1, 0.5, 1.0, 1.41, 1.4143, 1.7321, 2.0, 3.3, 11.0]:
            c = case(width, height, channels, cell, sigma=sigma)
            image = source(c).filter(ImageFilter.GaussianBlur(sigma))
            cases.append(c | {"pixels": samples(image).hex()})
    for sigma in [0.1, 0.7, 1.3, 1.999]:
        c = case(224, 224, 3, 1, sigma=sigma)
        cases.append(c | {"crc": zlib.crc32(samples(source(c).filter(ImageFilter.GaussianBlur(sigma))))})
    write("blur", cases)


def pipeline():
    """Whole views with fixed parameters, in the official order."""
    cases = []
    for number, (width, height, channels, cell, size, box) in enumerate([
        (45, 33, 3, 1, 24, (3, 2, 29, 30)),
        (28, 28, 1, 0, 28, (6, 2, 19, 22)),
        (32, 32, 3, 2, 32, (0, 0, 32, 32)),
        (32, 32, 3, 1, 32, (9, 11, 12, 10)),
        (500, 333, 3, 3, 224, (40, 11, 400, 300)),
        (1, 60, 3, 0, 16, (0, 29, 1, 1)),
    ]):
        for flip, jitter, gray, sigma, solarize in [
            (True, True, False, 1.234, False),
            (False, True, True, 0.1, True),
            (True, False, False, None, True),
            (False, True, False, None, False),
        ]:
            order = [["saturation", "brightness", "hue", "contrast"], ["hue", "contrast", "brightness", "saturation"]][number % 2]
            factors = {"brightness": 1.23, "contrast": 0.71, "saturation": 1.17, "hue": 0.06}
            c = case(
                width, height, channels, cell, size=size, crop=box, flip=flip,
                order=order if jitter else [], factors=factors if jitter else {},
                grayscale=gray, sigma=sigma, solarize=solarize,
            )
            left, top, w, h = box
            image = F.resized_crop(source(c), top, left, h, w, [size, size], InterpolationMode.BICUBIC)
            if flip:
                image = F.hflip(image)
            if jitter:
                for name in order:
                    image = ADJUST[name](image, factors[name])
            if gray:
                image = F.to_grayscale(image, channels)
            if sigma is not None:
                image = image.filter(ImageFilter.GaussianBlur(sigma))
            if solarize:
                image = ImageOps.solarize(image)
            tensor = F.normalize(F.to_tensor(image), [0.485, 0.456, 0.406][:channels], [0.229, 0.224, 0.225][:channels])
            cases.append(c | {"crc": zlib.crc32(samples(image)), "normalised_crc": zlib.crc32(tensor.numpy().tobytes())})
    write("pipeline", cases)


def evaluation():
    """Shorter side to `resize` (bilinear), then the centre square of `size`."""
    cases = []
    for width, height, channels, cell, resize, size in [
        (1, 1, 3, 0, 8, 8),
        (1, 5, 3, 0, 9, 8),
        (28, 28, 1, 0, 28, 28),
        (32, 32, 3, 1, 36, 32),
        (47, 31, 3, 0, 31, 24),
        (31, 47, 3, 0, 20, 17),
        (61, 93, 1, 2, 16, 16),
        (500, 333, 3, 2, 256, 224),
        (333, 500, 3, 2, 224, 224),
    ]:
        c = case(width, height, channels, cell, resize=resize, size=size)
        image = CenterCrop(size)(Resize(resize)(source(c)))
        assert image.size == (size, size)
        cases.append(c | {"crc": zlib.crc32(samples(image))})
    write("evaluation", cases)


def crop_fallback():
    """Pictures so thin that all ten tries fail and the centre crop is certain."""
    cases = []
    for width, height in [(1, 100), (100, 1), (1, 2000), (3, 3000), (3001, 3), (7, 5000), (5000, 9)]:
        found = {tuple(RandomResizedCrop.get_params(Image.new("L", (width, height)), (0.08, 1.0), (3 / 4, 4 / 3))) for _ in range(200)}
        assert len(found) == 1, (width, height, found)
        top, left, h, w = found.pop()
        cases.append({"width": width, "height": height, "crop": [left, top, w, h]})
    write("crop_fallback", cases)


MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def draw(rng):
    """One case with random sizes, often of a single pixel, and random parameters."""
    side = lambda: int(rng.choice([1, rng.integers(2, 10), rng.integers(10, 65)], p=[0.15, 0.35, 0.5]))
    width, height = side(), side()
    w, h = int(rng.integers(1, width + 1)), int(rng.integers(1, height + 1))
    size = side()
    eh, ew = int(rng.integers(1, size + 1)), int(rng.integers(1, size + 1))
    number = lambda low, high: round(float(rng.uniform(low, high)), 5)
    coin = lambda: bool(rng.random() < 0.5)
    order = [str(name) for name in rng.permutation(list(ADJUST))]
    return case(
        width, height, int(rng.choice([1, 3], p=[0.2, 0.8])), int(rng.integers(0, 4)),
        crop=[int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1)), w, h],
        size=size, flip=coin(), vertical_flip=coin(), quarter_turns=int(rng.integers(0, 4)),
        order=order,
        factors={
            "brightness": number(0, 2), "contrast": number(0, 2),
            "saturation": number(0, 2), "hue": number(-0.5, 0.5),
        },
        grayscale=coin(), sigma=number(0.1, 4), solarize=coin(), equalize=coin(),
        erase=[int(rng.integers(0, size - ew + 1)), int(rng.integers(0, size - eh + 1)), ew, eh],
    )


def draws():
    """Every operation on its own, on the whole picture or (turns) on the view, then all together.

    The last number of `checks` is the CRC-32 of the normalised and erased view's f32 values, the
    others are those of samples, in the order below.
    """
    rng = np.random.default_rng(1)
    for part in range(3):
        cases = []
        for _ in range(100):
            c = draw(rng)
            whole, channels, size = source(c), c["channels"], c["size"]
            left, top, w, h = c["crop"]
            view = F.resized_crop(whole, top, left, h, w, [size, size], InterpolationMode.BICUBIC)
            turned = F.rotate(view, 90 * c["quarter_turns"])
            results = [
                view,
                F.resized_crop(whole, top, left, h, w, [size, size], InterpolationMode.BILINEAR),
                F.hflip(view),
                F.vflip(view),
                turned,
                *(ADJUST[name](whole, c["factors"][name]) for name in ADJUST),
                F.to_grayscale(whole, channels),
                whole.filter(ImageFilter.GaussianBlur(c["sigma"])),
                ImageOps.solarize(whole),
                ImageOps.equalize(whole),
            ]
            image = F.hflip(view) if c["flip"] else view
            image = F.vflip(image) if c["vertical_flip"] else image
            image = F.rotate(image, 90 * c["quarter_turns"])
            for name in c["order"]:
                image = ADJUST[name](image, c["factors"][name])
            results.append(image)
            image = F.to_grayscale(image, channels) if c["grayscale"] else image
            image = image.filter(ImageFilter.GaussianBlur(c["sigma"]))
            image = ImageOps.solarize(image) if c["solarize"] else image
            image = ImageOps.equalize(image) if c["equalize"] else image
            results.append(image)
            tensor = F.normalize(F.to_tensor(image), MEAN[:channels], STD[:channels])
            x, y, ew, eh = c["erase"]
            tensor = F.erase(tensor, y, x, eh, ew, 0.0)
            checks = [zlib.crc32(samples(result)) for result in results]
            cases.append(c | {"checks": [*checks, zlib.crc32(tensor.numpy().tobytes())]})
        write_lines(f"draws_{part}", cases, 1)


def equalize():
    """Channels of few levels and of few samples, and a whole picture's samples."""
    cases = []
    for width, height, channels, cell in [(1, 1, 1, 0), (16, 16, 3, 9), (15, 17, 1, 0), (23, 17, 3, 0), (40, 23, 3, 2)]:
        c = case(width, height, channels, cell)
        cases.append(c | {"pixels": samples(ImageOps.equalize(source(c))).hex()})
    write("equalize", cases)


def float_resize():
    """Crop, then resize, of the 16-bit picture over 65,535 in mode F; samples are f32."""
    rng = np.random.default_rng(2)
    cases = []
    for number in range(220):
        c = draw(rng)
        c = {key: c[key] for key in ["width", "height", "cell", "crop"]} | {"channels": 1}
        c["size"] = [int(n) for n in rng.integers(1, 40, 2)]
        c["filter"] = ["bicubic", "bilinear"][number % 2]
        deep = deep_picture(c["width"], c["height"], 1, c["cell"])[:, :, 0]
        image = Image.fromarray(deep.astype(np.float32) / np.float32(65535))
        assert image.mode == "F"
        left, top, w, h = c["crop"]
        filter_ = {"bicubic": Image.BICUBIC, "bilinear": Image.BILINEAR}[c["filter"]]
        result = image.crop((left, top, left + w, top + h)).resize(c["size"], filter_)
        cases.append(c | {"crc": zlib.crc32(np.asarray(result).tobytes())})
    write_lines("float_resize", cases, 2)


def float_colour():
    """Colour on float tensors of the 16-bit picture over 65,535; samples are f32, by planes."""
    rng = np.random.default_rng(3)
    cases = []
    for number in range(60):
        side = 1 if number == 0 else int(rng.integers(1, 6))
        c = case(side, side, 3, int(rng.integers(0, 2)))
        deep = deep_picture(side, side, 3, c["cell"]).astype(np.float32) / np.float32(65535)
        tensor = torch.from_numpy(deep).permute(2, 0, 1).contiguous()
        name = [*ADJUST, "grayscale", "solarize"][number % 6]
        if name in ADJUST:
            low, high = (-0.5, 0.5) if name == "hue" else (0.0, 2.0)
            factor = round(float(rng.uniform(low, high)), 5)
            c |= {"order": [name], "factors": {name: factor}}
            result = ADJUST[name](tensor, factor)
        elif name == "grayscale":
            c |= {"grayscale": True}
            result = F.rgb_to_grayscale(tensor, 3)
        else:
            c |= {"solarize": True}
            result = F.solarize(tensor, 0.5)
        cases.append(c | {"pixels": result.contiguous().numpy().tobytes().hex()})
    write("float_colour", cases)


if __name__ == "__main__":
    resize()
    jitter()
    blur()
    pipeline()
    evaluation()
    crop_fallback()
    draws()
    equalize()
    float_resize()
    float_colour()
