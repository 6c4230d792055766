"""Small image files of every format and depth that is read, with the samples that they mean.

Writes `data/formats/NAME` and, in `data/formats/expected.json`, for each file the depth (`u8`, `u16`,
`f32`), the shape `[height, width, channels]` and the samples or, where they are many, the name of an
array of them. Lossy files are decoded by Pillow; of the others the
expected samples are those that were written, never read back.

    python reference/formats.py
"""

import io
import json
import struct
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageOps

OUT = Path(__file__).parent / "data" / "formats"
EXPECTED: dict[str, dict] = {}
WIDTH, HEIGHT = 13, 9


def samples(channels: int, dtype: str = "uint8", seed: int = 0, height=HEIGHT, width=WIDTH):
    """Random samples `[height, width, channels]` over the whole range of the type."""
    rng = np.random.default_rng(seed)
    shape = (height, width, channels)
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return rng.normal(0, 3, shape).astype(kind)
    info = np.iinfo(kind)
    return rng.integers(info.min, info.max, shape, dtype=kind, endpoint=True)


def smooth(channels: int):
    """A smooth image `[32, 48, channels]` of 8 bits, as lossy formats like them."""
    y, x = np.mgrid[0:32, 0:48] / 48
    planes = [np.sin(3 * x + c) * np.cos(4 * y + 2 * c) for c in range(channels)]
    return np.clip(np.stack(planes, -1) * 100 + 128, 0, 255).astype(np.uint8)


def expect(name: str, array: np.ndarray, kept: str, tolerance: int = 0, options=None,
           reduction: int = 1, inline: int = 400) -> None:
    """Notes what a file means, under the options of `DecodeOptions` that are not the defaults, or
    decoded at a part of its width and height. Up to `inline` samples stand in the list."""
    array = array if array.ndim == 3 else array[..., None]
    note = {"depth": kept, "shape": list(array.shape), "tolerance": tolerance,
            "options": options or {}}
    key = name if not options else f"{name}#{json.dumps(options, sort_keys=True)}"
    if reduction > 1:
        note["reduction"] = reduction
        key = f"{name}#1/{reduction}"
    if array.size > inline:
        note["samples"] = f"{name}.{len(EXPECTED)}.expected.npy"
        np.save(OUT / note["samples"], array)
    else:
        note["samples"] = array.ravel().tolist()
    EXPECTED[key] = note


def pillow(name: str, image: Image.Image, **options) -> None:
    image.save(OUT / name, **options)


def decoded(name: str, mode: str) -> np.ndarray:
    return np.asarray(Image.open(OUT / name).convert(mode))


def textured(width: int, height: int) -> Image.Image:
    """Edges, waves and noise: blocks of many coefficients beside blocks of few."""
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(width * 100 + height).normal(0, 25, (height, width, 3))
    noise[:, width // 2 :] = 0
    waves = np.stack([np.sin(x / 3 + c) * np.cos(y / (c + 2)) for c in range(3)], -1)
    step = ((x + 2 * y) % 40 > 20)[..., None]
    return Image.fromarray(np.clip(90 * waves + 128 + noise - 60 * step, 0, 255).astype(np.uint8))


def sampled_jpeg() -> None:
    """Sizes around those of blocks and units, in every sampling, with the means of the encoders: tables
    of their own, restarts, qualities."""
    sizes = [(1, 1), (2, 3), (9, 7), (15, 17), (16, 16), (33, 21), (67, 45)]
    means = [
        {"quality": 90},
        {"quality": 30, "optimize": True},
        {"quality": 100, "restart_marker_blocks": 3},
        {"quality": 75, "restart_marker_rows": 1},
        {"quality": 5},
    ]
    number = 0
    for width, height in sizes:
        for sampling in ("444", "422", "420", "440", "grey"):
            options = means[number % len(means)] if (width, height) != (67, 45) else means[0]
            number += 1
            name = f"sampled_{sampling}_{width}x{height}.jpg"
            image = textured(width, height)
            if sampling == "grey":
                image = image.convert("L")
            elif sampling == "440":
                write_440(name, width, height, options)
            else:
                options = options | {"subsampling": ("444", "422", "420").index(sampling)}
            if sampling != "440":
                pillow(name, image, **options)
            expect(name, decoded(name, image.mode), "u8", inline=20)
            if width > 30:
                for reduction in (2, 4, 8):
                    reduced = Image.open(OUT / name)
                    reduced.draft(image.mode, (width // reduction, height // reduction))
                    assert reduced.size == (-(-width // reduction), -(-height // reduction))
                    expect(name, np.asarray(reduced), "u8", reduction=reduction, inline=20)


def write_440(name: str, width: int, height: int, options: dict) -> None:
    """Pillow does not write 4:4:0. The units of 4:2:2 are read as such, two blocks of luma below each
    other instead of side by side: as many of them, another picture."""
    across, down = -(-width // 8), -(-height // 16)
    file = io.BytesIO()
    textured(across * 16, down * 8).save(file, "JPEG", subsampling=1, **options)
    data = bytearray(file.getvalue())
    frame = data.index(b"\xff\xc0")
    assert data[frame + 11] == 0x21
    data[frame + 11] = 0x12
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    (OUT / name).write_bytes(data)


def jpeg() -> None:
    rgb = Image.fromarray(smooth(3))
    # The usual kind is decoded to the bit as by libjpeg. In others both decoders round the inverse
    # cosine transform (by at most 1) and the colour conversion (by at most 1).
    for name, image, mode, options in [
        ("baseline_444.jpg", rgb, "RGB", {"subsampling": 0}),
        ("baseline_422.jpg", rgb, "RGB", {"subsampling": 1}),
        ("baseline_420.jpg", rgb, "RGB", {"subsampling": 2}),
        ("progressive.jpg", rgb, "RGB", {"progressive": True, "subsampling": 0}),
        ("restart.jpg", rgb, "RGB", {"restart_marker_blocks": 2, "subsampling": 0}),
        ("grey.jpg", rgb.convert("L"), "L", {}),
        ("cmyk.jpg", Image.fromarray(smooth(4), "CMYK"), "RGB", {}),
    ]:
        pillow(name, image, quality=90, **options)
        is_usual = name not in ("progressive.jpg", "cmyk.jpg")
        expect(name, decoded(name, mode), "u8", tolerance=0 if is_usual else 2)
    # YCCK is what Adobe's programs write: the same stream with transform 2 in its APP14 segment
    # is read as YCbCr and K.
    data = (OUT / "cmyk.jpg").read_bytes()
    at = data.index(b"Adobe")
    assert data[at + 11] == 0
    (OUT / "ycck.jpg").write_bytes(data[: at + 11] + b"\x02" + data[at + 12 :])
    expect("ycck.jpg", decoded("ycck.jpg", "RGB"), "u8", tolerance=2)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        name = f"orientation_{orientation}.jpg"
        pillow(name, Image.fromarray(smooth(3)[:16, :24]), quality=90, exif=exif, subsampling=0)
        upright = np.asarray(ImageOps.exif_transpose(Image.open(OUT / name)))
        expect(name, upright, "u8")
    lying = np.asarray(Image.open(OUT / "orientation_6.jpg"))
    expect("orientation_6.jpg", lying, "u8", options={"orientation": False})


def composite(colour: np.ndarray, alpha: np.ndarray, background: float, full: int) -> np.ndarray:
    """`alpha * colour + (1 - alpha) * background` in double precision, to the nearest sample."""
    share = alpha.astype(np.float64)[..., None] / full
    mixed = share * colour + (1 - share) * background * full
    return np.floor(mixed + 0.5).astype(colour.dtype)


def over(background: float) -> dict:
    return {"alpha": "composite", "alpha_background": background}


def png() -> None:
    rgba = samples(4)
    pillow("rgba.png", Image.fromarray(rgba))
    expect("rgba.png", rgba[..., :3], "u8")
    mixed = composite(rgba[..., :3], rgba[..., 3], 0.25, 255)
    expect("rgba.png", mixed, "u8", options=over(0.25))
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb = samples(3)
    pillow("orientation_6.png", Image.fromarray(rgb), exif=exif)
    expect("orientation_6.png", np.rot90(rgb, -1), "u8")
    indices = samples(1)[..., 0] % 4
    palette = np.array([[10, 20, 30], [200, 100, 0], [0, 255, 7], [90, 90, 90]], np.uint8)
    alphas = np.array([255, 0, 128, 64], np.uint8)
    image = Image.fromarray(indices, "P")
    image.putpalette(palette.tobytes())
    pillow("palette_trns.png", image, transparency=alphas.tobytes(), bits=2)
    expect("palette_trns.png", palette[indices], "u8")
    mixed = composite(palette[indices], alphas[indices], 1.0, 255)
    expect("palette_trns.png", mixed, "u8", options=over(1.0))
    bits = samples(1)[..., 0] > 127
    pillow("bits.png", Image.fromarray(bits))
    expect("bits.png", bits * np.uint8(255), "u8")
    wide = samples(1, "uint16")
    pillow("grey16.png", Image.fromarray(wide[..., 0]))
    expect("grey16.png", wide, "u16")


def tiff(name: str, array: np.ndarray, kept: str, meant: np.ndarray | None = None, **options):
    tifffile.imwrite(OUT / name, array, metadata=None, software="", **options)
    expect(name, array if meant is None else meant, kept)


def tiffs() -> None:
    rgb, five = samples(3), samples(5)
    tiff("strips.tif", rgb, "u8", photometric="rgb", rowsperstrip=4)
    tiff("lzw.tif", rgb, "u8", photometric="rgb", compression="lzw", predictor=True)
    tiff("deflate.tif", rgb, "u8", photometric="rgb", compression="deflate", predictor=True)
    tiff("packbits.tif", rgb, "u8", photometric="rgb", compression="packbits")
    tiff("big_endian.tif", samples(3, "uint16"), "u16", photometric="rgb", byteorder=">")
    tiff("bigtiff.tif", rgb, "u8", photometric="rgb", bigtiff=True)
    large = samples(3, height=37, width=45)
    tiff("tiles.tif", large, "u8", photometric="rgb", tile=(16, 32), compression="deflate")
    channels = np.ascontiguousarray(np.moveaxis(five, -1, 0))
    tiff("planar_5.tif", channels, "u8", meant=five, photometric="minisblack",
         planarconfig="separate")
    planes = np.ascontiguousarray(np.moveaxis(large, -1, 0))
    tiff("planar_tiles.tif", planes, "u8", meant=large, photometric="rgb",
         planarconfig="separate", tile=(16, 16))
    tiff("five_u16.tif", samples(5, "uint16"), "u16", photometric="minisblack",
         planarconfig="contig")
    tiff("rgb_extra.tif", five, "u8", photometric="rgb", planarconfig="contig",
         extrasamples=[0, 0])
    rgba = samples(4)
    tiff("rgba.tif", rgba, "u8", meant=rgba[..., :3], photometric="rgb",
         extrasamples=["unassalpha"])
    mixed = composite(rgba[..., :3], rgba[..., 3], 0.5, 255)
    expect("rgba.tif", mixed, "u8", options=over(0.5))
    for kind in ["uint32", "int8", "int16", "int32", "float16", "float32", "float64"]:
        array = samples(1, kind)[..., 0]
        tiff(f"{kind}.tif", array, "f32", meant=array.astype(np.float32), photometric="minisblack")
    floats = samples(3, "float32")
    tiff("float_predictor.tif", floats, "f32", photometric="rgb", compression="deflate",
         predictor=3)
    grey = samples(1)[..., 0]
    tiff("white_is_zero.tif", grey, "u8", meant=255 - grey, photometric="miniswhite")
    palette = samples(3, "uint16", height=1, width=256)[0]
    tiff("palette.tif", grey, "u8", meant=(palette[grey] >> 8).astype(np.uint8),
         photometric="palette", colormap=np.ascontiguousarray(palette.T))
    bits = grey > 127
    tiff("bits.tif", bits, "u8", meant=bits * np.uint8(255), photometric="minisblack")
    pillow("fax.tif", Image.fromarray(bits), compression="group4")
    expect("fax.tif", bits * np.uint8(255), "u8")
    cmyk = samples(4)
    pillow("cmyk.tif", Image.fromarray(cmyk, "CMYK"))
    expect("cmyk.tif", np.asarray(Image.fromarray(cmyk, "CMYK").convert("RGB")), "u8", tolerance=1)
    pillow("jpeg.tif", Image.fromarray(smooth(3)), compression="jpeg", quality=95)
    expect("jpeg.tif", decoded("jpeg.tif", "RGB"), "u8", tolerance=2)
    pages = samples(3, "uint16", seed=1)
    stack = np.ascontiguousarray(np.moveaxis(pages, -1, 0))
    tiff("pages.tif", stack, "u16", meant=pages[..., :1], photometric="minisblack")
    expect("pages.tif", pages, "u16", options={"pages": "channels"})
    tifffile.imwrite(OUT / "orientation_6.tif", rgb, photometric="rgb", metadata=None,
                     software="", extratags=[(274, "H", 1, 6, True)])
    expect("orientation_6.tif", np.rot90(rgb, -1), "u8")


def webp() -> None:
    pillow("lossy.webp", Image.fromarray(smooth(3)), quality=90)
    expect("lossy.webp", decoded("lossy.webp", "RGB"), "u8", tolerance=2)
    rgba = samples(4)
    rgba[..., 3] |= 1
    pillow("lossless_alpha.webp", Image.fromarray(rgba), lossless=True, exact=True)
    expect("lossless_alpha.webp", rgba[..., :3], "u8")
    mixed = composite(rgba[..., :3], rgba[..., 3], 0.0, 255)
    expect("lossless_alpha.webp", mixed, "u8", options=over(0.0))
    exif = Image.Exif()
    exif[0x0112] = 3
    pillow("orientation_3.webp", Image.fromarray(rgba[..., :3]), lossless=True, exif=exif)
    expect("orientation_3.webp", np.rot90(rgba[..., :3], 2), "u8")
    smooth_alpha = smooth(4)
    smooth_alpha[..., 3] = np.arange(48) * 5 + 1
    pillow("lossy_alpha.webp", Image.fromarray(smooth_alpha), quality=90)
    expect("lossy_alpha.webp", decoded("lossy_alpha.webp", "RGBA")[..., :3], "u8", tolerance=2)
    frames = [Image.fromarray(samples(3, seed=s)) for s in (3, 4)]
    pillow("animation.webp", frames[0], save_all=True, append_images=frames[1:], lossless=True,
           duration=100)
    expect("animation.webp", np.asarray(frames[0]), "u8")


def bmp_and_gif() -> None:
    rgb = samples(3)
    pillow("rgb.bmp", Image.fromarray(rgb))
    expect("rgb.bmp", rgb, "u8")
    rgba = samples(4)
    rgba[..., 3] |= 1
    pillow("rgba.bmp", Image.fromarray(rgba))
    expect("rgba.bmp", rgba[..., :3], "u8")
    grey = samples(1)[..., 0]
    pillow("grey.bmp", Image.fromarray(grey))
    expect("grey.bmp", np.repeat(grey[..., None], 3, -1), "u8")
    bits = grey > 127
    pillow("bits.bmp", Image.fromarray(bits))
    expect("bits.bmp", np.repeat((bits * np.uint8(255))[..., None], 3, -1), "u8")
    palette = samples(3, height=1, width=16)[0]
    frames = []
    for seed in (5, 6):
        image = Image.fromarray(samples(1, seed=seed)[..., 0] % 16, "P")
        image.putpalette(palette.tobytes())
        frames.append(image)
    pillow("animation.gif", frames[0], save_all=True, append_images=frames[1:], optimize=False)
    expect("animation.gif", palette[np.asarray(frames[0])], "u8")


def pnm() -> None:
    grey, rgb = samples(1)[..., 0], samples(3)
    bits = grey > 127
    text = lambda array: " ".join(map(str, array.ravel().tolist())).encode()
    size = f"{WIDTH} {HEIGHT}\n".encode()
    wide = samples(3, "uint16")
    hundred = samples(1)[..., 0] % 101
    stretched = ((hundred.astype(int) * 255 + 50) // 100).astype(np.uint8)
    rgba = samples(4)
    pam = f"P7\nWIDTH {WIDTH}\nHEIGHT {HEIGHT}\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
    packed = np.packbits(~bits, axis=1).tobytes()
    for name, data, meant, kept in [
        ("plain.pbm", b"P1\n# a comment\n" + size + text(~bits * 1), bits * np.uint8(255), "u8"),
        ("plain.pgm", b"P2\n" + size + b"255\n" + text(grey), grey, "u8"),
        ("plain.ppm", b"P3\n" + size + b"# another\n255\n" + text(rgb), rgb, "u8"),
        ("raw.pbm", b"P4\n" + size + packed, bits * np.uint8(255), "u8"),
        ("raw.pgm", b"P5\n" + size + b"255\n" + grey.tobytes(), grey, "u8"),
        ("hundred.pgm", b"P5\n" + size + b"100\n" + hundred.tobytes(), stretched, "u8"),
        ("raw.ppm", b"P6\n" + size + b"255\n" + rgb.tobytes(), rgb, "u8"),
        ("wide.ppm", b"P6\n" + size + b"65535\n" + wide.astype(">u2").tobytes(), wide, "u16"),
        ("rgba.pam", pam.encode() + rgba.tobytes(), rgba[..., :3], "u8"),
    ]:
        (OUT / name).write_bytes(data)
        expect(name, meant, kept)


def npy() -> None:
    for kind, kept in [
        ("|u1", "u8"), ("<u2", "u16"), (">u2", "u16"), ("|i1", "f32"), ("<i2", "f32"),
        (">i4", "f32"), ("<u4", "f32"), ("<f2", "f32"), ("<f4", "f32"), (">f4", "f32"),
        ("<f8", "f32"), (">f8", "f32"),
    ]:
        array = samples(1, kind[1:])[..., 0].astype(kind)
        name = f"{'big' if kind[0] == '>' else 'little'}_{kind[1:]}.npy"
        np.save(OUT / name, array)
        expect(name, array.astype({"u8": "u1", "u16": "u2", "f32": "f4"}[kept]), kept)
    five = samples(5, "uint16")
    np.save(OUT / "hwc.npy", five)
    expect("hwc.npy", five, "u16")
    np.save(OUT / "chw.npy", np.ascontiguousarray(np.moveaxis(five, -1, 0)))
    expect("chw.npy", five, "u16")
    np.save(OUT / "fortran.npy", np.asfortranarray(five))
    expect("fortran.npy", five, "u16")
    cube = samples(4, "uint8", height=4, width=4)
    np.save(OUT / "cube.npy", cube)
    expect("cube.npy", cube, "u8")
    expect("cube.npy", np.moveaxis(cube, 0, -1), "u8", options={"npy_layout": "chw"})


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    for part in (jpeg, png, tiffs, webp, bmp_and_gif, pnm, npy, sampled_jpeg):
        part()
    def line(name: str) -> str:
        return f"{json.dumps(name)}: {json.dumps(EXPECTED[name], separators=(',', ':'))}"

    lines = ",\n".join(map(line, EXPECTED))
    (OUT / "expected.json").write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    main()
