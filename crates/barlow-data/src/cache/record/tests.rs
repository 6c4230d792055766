use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// A header with any numbers and the right check sum.
fn header(depth: u8, [channels, width, height]: [u32; 3], length: u64) -> Header {
    Header { id: 0, depth, channels, width, height, length, samples_crc: 0 }
}

/// Python: `h = b"bdi1" + struct.pack("<QBIIIQ", 7, 2, 3, 1, 2, 12); h += struct.pack("<I",
/// zlib.crc32(samples)); h += struct.pack("<I", zlib.crc32(h))`.
#[test]
fn records_are_the_bytes_that_python_packs() {
    let pixels = vec![0, 1, 258, 65_535, 4660, 32_768];
    let image = DecodedImage::U16(Image { width: 1, height: 2, channels: 3, pixels });
    let record = Record::new(7, &image).unwrap();
    assert_eq!(
        hex(&record.header),
        "626469310700000000000000020300000001000000020000000c000000000000001056b6d368761675"
    );
    assert_eq!(hex(&record.samples), "000001000201ffff34120080");
    assert_eq!(bytes(&image), 41 + 12);

    let pixels = vec![-0.0, 1.5e-39];
    let image = DecodedImage::F32(Image { width: 1, height: 2, channels: 1, pixels });
    let record = Record::new((1 << 32) + 1, &image).unwrap();
    assert_eq!(
        hex(&record.header),
        "626469310100000001000000040100000001000000020000000800000000000000a5f135408baaeb9e"
    );
    assert_eq!(hex(&record.samples), "0000008064551000");
    assert_eq!(bytes(&image), 41 + 8);
}

#[test]
fn a_parsed_record_is_the_image_that_was_written() {
    for image in [
        DecodedImage::U8(Image { width: 2, height: 1, channels: 3, pixels: (1..7).collect() }),
        DecodedImage::U16(Image { width: 1, height: 1, channels: 2, pixels: vec![1, 65_535] }),
        DecodedImage::F32(Image { width: 1, height: 2, channels: 1, pixels: vec![f32::MAX, -1.5] }),
    ] {
        let record = Record::new(3, &image).unwrap();
        let header = Header::parse(&record.header).unwrap();
        assert_eq!(header.id, 3);
        assert_eq!(header.image(record.samples.to_vec()), Some(image));
    }
}

#[test]
fn headers_with_any_bit_flipped_are_refused() {
    let image = DecodedImage::U8(Image { width: 2, height: 1, channels: 3, pixels: vec![5; 6] });
    let header = Record::new(1, &image).unwrap().header;
    for bit in 0..8 * HEADER_BYTES {
        let mut flipped = header;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Header::parse(&flipped), None, "bit {bit}");
    }
}

#[test]
fn sizes_that_cannot_be_are_refused_for_all_their_check_sums() {
    let most = u32::MAX;
    for (depth, shape, length) in [
        (1, [3, 2, 2], 13),
        (1, [3, 0, 2], 0),
        (0, [3, 2, 2], 0),
        (3, [1, 1, 1], 3),
        (255, [1, 1, 1], 255),
        (1, [1, 65_536, 65_537], 65_536 * 65_537),
        (4, [most, most, most], u64::MAX),
        (4, [most, 1, most], (u64::from(most) * u64::from(most)).wrapping_mul(4)),
    ] {
        let bytes = header(depth, shape, length).to_bytes();
        assert_eq!(Header::parse(&bytes), None, "{depth} {shape:?} {length}");
    }
    // 4 GiB is the limit.
    assert!(Header::parse(&header(1, [1, 65_536, 65_536], 1 << 32).to_bytes()).is_some());
}

#[test]
fn images_that_contradict_themselves_have_no_record() {
    let image = Image { width: 2, height: 2, channels: 1, pixels: vec![0; 3] };
    assert!(Record::new(0, &DecodedImage::U8(image)).is_none());
    assert!(Record::new(0, &DecodedImage::U8(Image::default())).is_none());
}
