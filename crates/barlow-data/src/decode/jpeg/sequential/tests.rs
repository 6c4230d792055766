//! That the bits are libjpeg's is held by the files of `reference/formats.py`, in `tests/formats.rs`.

use barlow_testing::mutate::mutated;

use super::super::{any, is_cut_off};
use super::bits::Intervals;
use super::huffman::{Definition, Kind, Table, number};
use super::*;

fn file(name: &str) -> Vec<u8> {
    std::fs::read(barlow_testing::data_folder().join("formats").join(name)).unwrap()
}

fn sampled_files() -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(barlow_testing::data_folder().join("formats")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        let is_sampled = path.file_name().unwrap().to_str().unwrap().starts_with("sampled_");
        is_sampled && path.extension().unwrap() == "jpg"
    });
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn decode_whole(bytes: &[u8]) -> Option<DecodedImage> {
    decode(bytes, &DecodeOptions::default(), &|_| Reduction::None).unwrap().map(|it| it.image)
}

#[test]
fn the_usual_kinds_are_decoded_here_and_all_others_left() {
    let files = sampled_files();
    assert!(files.len() > 30);
    assert!(files.iter().all(|bytes| decode_whole(bytes).is_some()));
    for name in ["grey.jpg", "restart.jpg", "baseline_420.jpg", "orientation_5.jpg"] {
        assert!(decode_whole(&file(name)).is_some(), "{name}");
    }
    for name in ["progressive.jpg", "cmyk.jpg", "ycck.jpg"] {
        assert!(decode_whole(&file(name)).is_none(), "{name}");
    }
    // Adobe's segment with transform 0, for red, green, blue; and a frame of 12 bits.
    let plain = file("baseline_444.jpg");
    let adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0";
    assert!(decode_whole(&[&plain[..2], adobe, &plain[2..]].concat()).is_none());
    let mut deep = plain.clone();
    let frame = deep.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    deep[frame + 4] = 12;
    assert!(decode_whole(&deep).is_none());
}

#[test]
fn what_is_decoded_here_the_decoder_of_all_kinds_decodes_too() {
    let options = DecodeOptions { max_pixels: 1 << 20, ..DecodeOptions::default() };
    let originals = sampled_files();
    let mut decoded = 0;
    for seed in 0..2_000 {
        let damaged = mutated(&originals[seed as usize % originals.len()], seed);
        // As where the two decoders meet.
        if is_cut_off(&damaged) {
            continue;
        }
        let Ok(Some(found)) = decode(&damaged, &options, &|_| Reduction::None) else {
            continue;
        };
        decoded += 1;
        let expected = any::decode(&damaged, &options).and_then(|it| it.finish(&options));
        let expected = expected.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(found.image.shape(), expected.shape(), "seed {seed}");
    }
    assert!(decoded > 100, "{decoded} decoded");
}

#[test]
fn reduced_images_are_turned_as_whole_ones_but_only_where_no_pixel_reaches_beyond_the_end() {
    let at = |bytes: &[u8], orientation| {
        let options = DecodeOptions { orientation, scale_down: true, ..DecodeOptions::default() };
        decode(bytes, &options, &|_| Reduction::Quarter).unwrap().unwrap()
    };
    for number in 1..=8 {
        // 24 x 16 pixels.
        let bytes = file(&format!("orientation_{number}.jpg"));
        let (lying, upright) = (at(&bytes, false), at(&bytes, true));
        assert_eq!(upright.reduction, Reduction::Quarter, "{number}");
        assert_eq!((lying.whole_size, lying.image.width()), ([24, 16], 6), "{number}");
        let expected = if number < 5 { [24, 16] } else { [16, 24] };
        assert_eq!(upright.whole_size, expected, "{number}");
        let header = Header::read(&bytes).unwrap();
        let orientation = orientation::of_exif(header.exif);
        let stored = Stored { orientation, ..Stored::plain(lying.image) };
        assert_eq!(stored.finish(&DecodeOptions::default()).unwrap(), upright.image, "{number}");
    }
    // The same EXIF segment in a file of 33 x 21 pixels.
    let turned = file("orientation_3.jpg");
    let exif = turned.windows(2).position(|pair| pair == [0xff, 0xe1]).unwrap();
    let length = 2 + usize::from(u16::from_be_bytes([turned[exif + 2], turned[exif + 3]]));
    let odd = file("sampled_420_33x21.jpg");
    let odd = [&odd[..2], &turned[exif..exif + length], &odd[2..]].concat();
    assert_eq!(at(&odd, false).reduction, Reduction::Quarter);
    assert_eq!(at(&odd, true).reduction, Reduction::None);
}

#[test]
fn the_order_of_what_was_decoded_before_does_not_show() {
    let files = sampled_files();
    let images: Vec<_> = files.iter().map(|bytes| decode_whole(bytes)).collect();
    // A file that ends within a row of units leaves coefficients behind.
    for (bytes, image) in files.iter().zip(&images).rev() {
        let cut = [&bytes[..bytes.len() * 9 / 10], &[0xff, 0xd9]].concat();
        decode(&cut, &DecodeOptions::default(), &|_| Reduction::None).unwrap();
        assert_eq!(&decode_whole(bytes), image);
    }
}

/// A definition with so many codes of each length, whose symbols count up from 1.
fn definition(counts: [u8; 16]) -> Definition {
    let total: u8 = counts.iter().sum();
    let bytes = [&counts[..], &(1..=total).collect::<Vec<u8>>()].concat();
    Definition::take(&mut &bytes[..]).unwrap()
}

#[test]
fn numbers_are_those_of_the_standard() {
    // ITU-T T.81, tables F.1 and F.2.
    let negative_first = |bits| (0..1u32 << bits).map(move |n| number(n, bits)).collect::<Vec<_>>();
    assert_eq!(negative_first(0), [0]);
    assert_eq!(negative_first(1), [-1, 1]);
    assert_eq!(negative_first(3), [-7, -6, -5, -4, 4, 5, 6, 7]);
    assert_eq!((number(0, 15), number((1 << 15) - 1, 15)), (-32_767, 32_767));
}

#[test]
fn codes_give_their_symbols_and_numbers_where_these_are_short() {
    // One code of each length: 0, 10, 110, ... with symbols 1, 2, 3, ...
    let table = Table::new(&definition([1; 16]), Kind::Ac).unwrap();
    for length in 1..=16_u32 {
        let code = ((1_u64 << length) - 2) << (64 - length);
        assert_eq!(table.symbol(code), Some((length as u8, length)));
    }
    assert_eq!(table.symbol(u64::MAX), None);
    // 0 and a bit, 10 and two bits, 110 and three, within ten bits.
    for (text, runs, numbers, length) in [
        ("0 1 10 01 0000", [0, 1], [1, -2], 6),
        ("110 101 0 0 00", [0, 1], [5, -1], 8),
        ("10 11 110 000", [0, 1], [3, -7], 10),
        ("1110 1111 10", [0, 0], [15, 0], 8),
        ("11110 11111", [0, 0], [31, 0], 10),
        ("111110 1111", [0, 0], [0, 0], 0),
    ] {
        let bits = u64::from_str_radix(&text.replace(' ', ""), 2).unwrap();
        let found = table.numbers(bits << 54);
        assert_eq!([found.run(), found.step()], runs, "{text}");
        assert_eq!([found.first(), found.second()], numbers, "{text}");
        assert_eq!(found.bits(), length, "{text}");
    }
    let mut counts = [0; 16];
    counts[1] = 5;
    assert!(Table::new(&definition(counts), Kind::Ac).is_none(), "five codes of two bits");
    counts = [0; 16];
    counts[7] = 12;
    assert!(Table::new(&definition(counts), Kind::Dc).is_none(), "means of 12 bits");
    assert_eq!(Definition::take(&mut &[1; 16][..]), None, "no symbols");
}

#[test]
fn stuffed_bytes_and_restarts_are_taken_out_and_too_many_bits_are_seen() {
    let data = [&[7; 40][..], &[0xff, 0, 1, 0xff, 0xd0, 2, 3, 0xff, 0xd9, 9]].concat();
    let mut intervals = Intervals::default();
    intervals.fill(&data).unwrap();
    let mut bits = intervals.get(0).unwrap();
    for expected in [vec![7; 40], vec![0xff, 1]].concat() {
        bits.refill();
        assert_eq!(bits.take(8), expected);
    }
    assert!(!bits.is_overdrawn());
    bits.refill();
    bits.skip(1);
    assert!(bits.is_overdrawn());
    let mut bits = intervals.get(1).unwrap();
    bits.refill();
    assert_eq!((bits.take(8), bits.take(8), bits.is_overdrawn()), (2, 3, false));
    assert!(intervals.get(2).is_none());
    for wrong in [&[1, 2, 3][..], &[0xff], &[1, 0xff, 0xd1, 2, 0xff, 0xd9], &[1, 0xff, 0xff, 0xd9]]
    {
        assert!(intervals.fill(wrong).is_none(), "{wrong:?}");
    }
}
