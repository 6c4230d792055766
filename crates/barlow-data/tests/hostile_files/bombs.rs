//! Small files that declare or unpack to much more than they hold.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// Their names, bytes, and the kinds of error that refuse them.
pub(crate) fn all() -> Vec<(&'static str, Vec<u8>, &'static [&'static str])> {
    const LARGE: &[&str] = &["too-large"];
    const BROKEN: &[&str] = &["corrupt", "truncated", "unsupported"];
    vec![
        ("JPEG of 65535 x 65535", jpeg_of(65_535, 65_535), LARGE),
        ("JPEG of a thousand scans", jpeg_of_scans(1_000), LARGE),
        ("PNG of 2^31 - 1 squared", png(i32::MAX as u32, i32::MAX as u32, &[]), LARGE),
        (
            "PNG with 64 MiB of text",
            png(1, 1, &[(b"zTXt", [b"k\0\0", &zeros()[..]].concat())]),
            BROKEN,
        ),
        (
            "PNG with a 64 MiB profile",
            png(1, 1, &[(b"iCCP", [b"k\0\0", &zeros()[..]].concat())]),
            BROKEN,
        ),
        ("GIF of 65535 x 65535", gif([65_535; 2], [1; 2]), LARGE),
        ("GIF of a frame of 65535 x 65535", gif([1; 2], [65_535; 2]), BROKEN),
        ("BMP of 2^31 - 1 squared", bmp(i32::MAX, i32::MAX), BROKEN_OR_LARGE),
        ("WebP of a canvas of 2^24 squared", webp_canvas(), BROKEN_OR_LARGE),
        ("WebP of a lossy frame of 16383 squared", webp_frame(), LARGE),
        ("WebP of an EXIF chunk of 1 GiB", webp_exif(), BROKEN),
        ("TIFF of 2^32 - 1 squared", tiff(&[(256, u32::MAX), (257, u32::MAX)]), BROKEN_OR_LARGE),
        ("TIFF of 2^32 - 1 strips", tiff(&[(278, 1), (257, u32::MAX)]), BROKEN_OR_LARGE),
        ("TIFF of a tile of 2^31 squared", tiff(&TILED), BROKEN_OR_LARGE),
        ("TIFF of 65535 channels of 8 bytes", tiff(&[(277, 65_535), (258, 64)]), BROKEN_OR_LARGE),
        ("TIFF of 65535 entries", b"II*\0\x08\0\0\0\xff\xff".to_vec(), BROKEN),
        ("BigTIFF of 2^64 - 1 entries", big_tiff(), BROKEN),
        ("TIFF of a circle of pages", tiff_circle(), BROKEN),
        ("PGM of 2^32 - 1 squared", b"P5 4294967295 4294967295 255\n".to_vec(), LARGE),
        ("PAM of 1024 channels", pam(), LARGE),
        ("npy of 2^62 samples", npy("(2147483648, 2147483648)", 118), LARGE),
        (
            "npy of dimensions whose product overflows",
            npy("(4294967296, 4294967296, 3)", 118),
            LARGE,
        ),
        ("npy of a header of 4 GiB", npy_of_header(u32::MAX), BROKEN),
    ]
}

const BROKEN_OR_LARGE: &[&str] = &["corrupt", "truncated", "unsupported", "too-large"];
const TILED: [(u16, u32); 6] =
    [(322, 1 << 31), (323, 1 << 31), (324, 8), (325, 8), (273, 0), (279, 0)];

/// 64 MiB of zeros, packed.
fn zeros() -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    encoder.finish().unwrap()
}

fn original(name: &str) -> Vec<u8> {
    std::fs::read(barlow_testing::data_folder().join("formats").join(name)).unwrap()
}

fn jpeg_of(width: u16, height: u16) -> Vec<u8> {
    let mut jpeg = original("grey.jpg");
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    jpeg
}

/// A progressive image whose last scan is repeated.
fn jpeg_of_scans(count: usize) -> Vec<u8> {
    let jpeg = original("progressive.jpg");
    let last = jpeg.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap();
    let (before, scan) = (&jpeg[..last], &jpeg[last..jpeg.len() - 2]);
    [before, &scan.repeat(count), &[0xff, 0xd9]].concat()
}

/// Chunks before the image data, of which there are none.
fn png(width: u32, height: u32, chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let chunk = |name: &[u8; 4], data: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(name);
        crc.update(data);
        [&(data.len() as u32).to_be_bytes()[..], name, data, &crc.sum().to_be_bytes()].concat()
    };
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let mut bytes = [b"\x89PNG\r\n\x1a\n", &chunk(b"IHDR", &header)[..]].concat();
    for (name, data) in chunks {
        bytes.extend(chunk(name, data));
    }
    bytes.extend(chunk(b"IEND", &[]));
    bytes
}

fn gif(screen: [u16; 2], frame: [u16; 2]) -> Vec<u8> {
    let pair = |[a, b]: [u16; 2]| [a.to_le_bytes(), b.to_le_bytes()].concat();
    let palette = [0; 6];
    let image = [&[0x2c, 0, 0, 0, 0][..], &pair(frame), &[0, 2, 2, 0x4c, 1, 0, 0x3b]].concat();
    [b"GIF89a", &pair(screen)[..], &[0x80, 0, 0], &palette, &image].concat()
}

fn bmp(width: i32, height: i32) -> Vec<u8> {
    let mut bmp = original("rgb.bmp");
    bmp[18..22].copy_from_slice(&width.to_le_bytes());
    bmp[22..26].copy_from_slice(&height.to_le_bytes());
    bmp
}

fn riff(chunks: &[u8]) -> Vec<u8> {
    [b"RIFF", &(chunks.len() as u32 + 4).to_le_bytes()[..], b"WEBP", chunks].concat()
}

fn webp_canvas() -> Vec<u8> {
    let canvas = [&b"VP8X\x0a\0\0\0\x10\0\0\0"[..], &[0xff; 6]].concat();
    riff(&[&canvas, &original("lossless_alpha.webp")[12..]].concat())
}

fn webp_exif() -> Vec<u8> {
    let mut webp = original("orientation_3.webp");
    let exif = webp.windows(4).position(|name| name == b"EXIF").unwrap();
    webp[exif + 4..exif + 8].copy_from_slice(&(1u32 << 30).to_le_bytes());
    webp
}

/// The size of a key frame is written over.
fn webp_frame() -> Vec<u8> {
    let mut webp = original("lossy.webp");
    let start_code = webp.windows(3).position(|three| three == [0x9d, 0x01, 0x2a]).unwrap();
    webp[start_code + 3..start_code + 7].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]);
    webp
}

/// A page of one pixel whose entries are 4-byte numbers, some of them replaced or added; where the
/// value is 0, taken out.
fn tiff(changes: &[(u16, u32)]) -> Vec<u8> {
    let mut entries = std::collections::BTreeMap::from([
        (256, 1),
        (257, 1),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, 1),
        (279, 1),
    ]);
    entries.extend(changes.iter().copied());
    entries.retain(|_, value| *value > 0);
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (tag, value) in entries {
        let (kind, value) = if tag == 262 { (3u16, 1) } else { (4, value) };
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(1u32.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0; 4]);
    bytes
}

fn big_tiff() -> Vec<u8> {
    [&b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0"[..], &[0xff; 8]].concat()
}

fn tiff_circle() -> Vec<u8> {
    let mut bytes = original("pages.tif");
    // The first directory's link to the second leads to itself.
    let first = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    let entries = usize::from(u16::from_le_bytes(bytes[first..first + 2].try_into().unwrap()));
    let link = first + 2 + 12 * entries;
    bytes[link..link + 4].copy_from_slice(&(first as u32).to_le_bytes());
    bytes
}

fn pam() -> Vec<u8> {
    b"P7\nWIDTH 1024\nHEIGHT 1024\nDEPTH 1024\nMAXVAL 255\nENDHDR\n".to_vec()
}

fn npy(shape: &str, length: usize) -> Vec<u8> {
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}");
    let header = format!("{header:<width$}\n", width = length - 1);
    [b"\x93NUMPY\x01\0", &(length as u16).to_le_bytes()[..], header.as_bytes()].concat()
}

fn npy_of_header(length: u32) -> Vec<u8> {
    [b"\x93NUMPY\x02\0", &length.to_le_bytes()[..], b"{'descr': '|u1'"].concat()
}
