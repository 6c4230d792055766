//! Files are written byte by byte after the format's description.

use std::io::Write;

use super::*;

fn idx(dimensions: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
    bytes.extend(dimensions.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend(values);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Opens files with these contents.
fn open(images: &[u8], labels: Option<&[u8]>) -> Result<Idx, SourceError> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name| folder.path().join(name);
    std::fs::write(path("images"), images).unwrap();
    if let Some(labels) = labels {
        std::fs::write(path("labels"), labels).unwrap();
    }
    Idx::open(&path("images"), labels.map(|_| path("labels")).as_deref())
}

#[test]
fn plain_and_compressed_files_give_the_same_images() {
    let values: Vec<u8> = (0..18).collect();
    let images = idx(&[3, 2, 3], &values);
    let labels = idx(&[3], &[2, 0, 2]);
    let plain = open(&images, Some(&labels)).unwrap();
    let compressed = open(&gzip(&images), Some(&gzip(&labels))).unwrap();
    for source in [&plain, &compressed] {
        assert_eq!(source.len(), 3);
        let pixels = (6..12).collect();
        let expected = Image { width: 3, height: 2, channels: 1, pixels };
        assert_eq!(source.load(1).unwrap(), expected.into());
        assert_eq!(source.classes(), ["0", "1", "2"]);
        assert_eq!([0, 1, 2].map(|id| source.label(id)), [Some(2), Some(0), Some(2)]);
    }
    assert_eq!(plain.fingerprint(), compressed.fingerprint());
    assert_ne!(plain.fingerprint(), open(&images, None).unwrap().fingerprint());
}

#[test]
fn colour_has_a_fourth_dimension() {
    let values: Vec<u8> = (0..12).collect();
    let source = open(&idx(&[2, 1, 2, 3], &values), None).unwrap();
    let image = source.load(1).unwrap().to_8_bit().into_owned();
    assert_eq!((image.width, image.height, image.channels), (2, 1, 3));
    assert_eq!(image.pixels, [6, 7, 8, 9, 10, 11]);
    assert_eq!((source.label(0), source.classes().len()), (None, 0));
}

#[test]
fn what_is_wrong_with_a_file_is_said_before_memory_is_taken() {
    let good = idx(&[2, 1, 1], &[1, 2]);
    let huge = idx(&[u32::MAX, 65_535, 65_535], &[1, 2]);
    let overflow = idx(&[u32::MAX, u32::MAX, u32::MAX, 3], &[1]);
    for (images, labels, part) in [
        (good[..good.len() - 1].to_vec(), None, "declares 2 bytes of data and holds 1"),
        (gzip(&good[..good.len() - 1]), None, "declares 2 bytes of data and holds only 1"),
        ([&good[..], &[0]].concat(), None, "holds 3"),
        (gzip(&[&good[..], &[0]].concat()), None, "holds more than 2"),
        (huge.clone(), None, "holds 2"),
        (gzip(&huge), None, "holds at most"),
        (overflow, None, "its dimensions are"),
        (good[..9].to_vec(), None, "its header is cut off"),
        (b"P5 1 1 255\n1".to_vec(), None, "it begins with"),
        (idx(&[2], &[1, 2]), None, "it has 1 dimensions"),
        (idx(&[1, 1, 1, 2], &[1, 2]), None, "its dimensions are [1, 1, 1, 2]"),
        (idx(&[2, 0, 1], &[]), None, "its dimensions are [2, 0, 1]"),
        (idx(&[0, 1, 1], &[]), None, "lists no images"),
        (good.clone(), Some(idx(&[3], &[0, 1, 2])), "holds 3 labels for 2 images"),
        (good.clone(), Some(good.clone()), "it has 3 dimensions"),
    ] {
        let message = open(&images, labels.as_deref()).unwrap_err().to_string();
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    }
    // Cut off within the compressed data, and damaged: gzip's own checksum is checked.
    let mut damaged = gzip(&good);
    assert!(open(&damaged[..damaged.len() - 9], None).is_err());
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    assert!(matches!(open(&damaged, None), Err(SourceError::Read { .. })));
}

#[test]
fn loading_a_small_image_takes_microseconds() {
    let source = open(&idx(&[10, 28, 28], &[7; 7840]), None).unwrap();
    let begin = std::time::Instant::now();
    for id in 0..100_000 {
        std::hint::black_box(source.load(id % 10).unwrap());
    }
    let each = begin.elapsed() / 100_000;
    assert!(each.as_micros() < 10, "{each:?}");
}
