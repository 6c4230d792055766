use std::io::Cursor;

use super::*;
use crate::source::tar::header::BLOCK;
use crate::source::tar::tests::archive;

fn index(bytes: &[u8]) -> ShardIndex {
    ShardIndex::build(Cursor::new(bytes), bytes.len() as u64).unwrap()
}

fn names(index: &ShardIndex) -> Vec<String> {
    (0..index.paths.len())
        .map(|id| String::from_utf8_lossy(&index.paths.path(id)).into_owned())
        .collect()
}

/// A member with this kind and, unless it is empty, this size field; the check sum is right.
fn member(kind: u8, name: &str, size_field: &[u8], data: &[u8]) -> Vec<u8> {
    let mut block = [0; BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    let size = format!("{:011o}\0", data.len());
    block[124..136].copy_from_slice(size.as_bytes());
    block[124..124 + size_field.len()].copy_from_slice(size_field);
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    sum(&mut block);
    let padding = data.len().next_multiple_of(BLOCK) - data.len();
    [&block, data, &vec![0; padding]].concat()
}

fn sum(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
}

/// One record of an extended header.
fn record(text: &str) -> Vec<u8> {
    // The length counts its own digits.
    let bytes = (1..1000).find(|&n| format!("{n} {text}\n").len() == n).unwrap();
    format!("{bytes} {text}\n").into_bytes()
}

#[test]
fn long_names_of_both_kinds_are_read() {
    let long = format!("{}/{}.png", "folder".repeat(30), "name".repeat(40));
    let mut pax = ::tar::Builder::new(Vec::new());
    pax.append_pax_extensions([("path", long.as_bytes()), ("mtime", b"1.5")]).unwrap();
    let mut header = ::tar::Header::new_ustar();
    header.set_path("short.png").unwrap();
    header.set_size(3);
    header.set_cksum();
    pax.append(&header, &b"abc"[..]).unwrap();
    for bytes in [archive(&[(&long, b"abc")]), pax.into_inner().unwrap()] {
        let index = index(&bytes);
        assert_eq!(names(&index), [long.as_str()]);
        let Place { offset, bytes: size, .. } = index.places[0];
        assert_eq!(&bytes[offset as usize..][..size as usize], b"abc");
    }
    let mut header = ::tar::Header::new_ustar();
    let split = format!("{}/{}.png", "f".repeat(120), "n".repeat(60));
    header.set_path(&split).unwrap();
    header.set_size(0);
    header.set_cksum();
    let mut ustar = ::tar::Builder::new(Vec::new());
    ustar.append(&header, &b""[..]).unwrap();
    assert_eq!(names(&index(&ustar.into_inner().unwrap())), [split]);
}

#[test]
fn only_regular_files_are_members_and_what_follows_the_others_is_found() {
    let mut bytes = Vec::new();
    for kind in [b'1', b'2', b'3', b'4', b'6'] {
        // A size, but no data: as hard links of some programs have.
        bytes.extend(member(kind, "link.png", b"00000000777\0", b""));
    }
    bytes.extend(member(b'5', "folder.png/", b"", b""));
    bytes.extend(member(b'0', "old folder.png/", b"", b""));
    bytes.extend(member(b'?', "unknown.png", b"", b"0123"));
    bytes.extend(member(b'x', "pax", b"", &record("GNU.sparse.major=1")));
    bytes.extend(member(b'0', "sparse.png", b"", b"map"));
    let mut sparse = member(b'S', "old sparse.png", b"00000000010\0", b"");
    sparse[482] = 1;
    sum(&mut sparse[..BLOCK]);
    let mut map = vec![0; 2 * BLOCK];
    map[504] = 1;
    bytes.extend([sparse, map, vec![1; 8], vec![0; BLOCK - 8]].concat());
    bytes.extend(member(b'g', "global", b"", &record("path=other.png")));
    bytes.extend(member(b'7', "a.png", b"", b"a"));
    bytes.extend(member(0, "b.png", b"", b"b"));
    bytes.extend([0; 2 * BLOCK]);
    let index = index(&bytes);
    assert_eq!(names(&index), ["a.png", "b.png"]);
    assert_eq!((index.seen.refused, index.trouble), (8, None));
}

#[test]
fn sizes_that_lie_end_the_shard_before_any_memory_is_taken() {
    let good = member(b'0', "a.png", b"", b"a");
    let huge = b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff";
    let negative = [0xff; 12];
    for (bad, trouble) in [
        (member(b'0', "b.png", huge, b""), "is cut off"),
        (member(b'x', "b.png", huge, b""), "is cut off"),
        (member(b'0', "b.png", &negative, b""), "negative"),
        (member(b'0', "b.png", b"1234x", b""), "no digits"),
        (member(b'0', "b.png", b"77777777777\0", b""), "is cut off"),
        (member(b'x', "b.png", b"", &vec![b'1'; 2 << 20]), "too long"),
        (member(b'L', "b.png", b"", &vec![b'1'; 2 << 20]), "too long"),
        (member(b'x', "b.png", b"", b"12 size=xyz\n"), "malformed"),
        (
            [
                member(b'x', "pax", b"", &record("size=18446744073709551615")),
                member(b'0', "b.png", b"00000000000\0", b""),
            ]
            .concat(),
            "is cut off",
        ),
        (
            [member(b'x', "pax", b"", &record("size=1")), member(b'0', "b.png", b"", b"12")]
                .concat(),
            "two sizes",
        ),
    ] {
        let bytes = [&good[..], &bad, &[0; 2 * BLOCK]].concat();
        let index = index(&bytes);
        assert_eq!(names(&index), ["a.png"]);
        let found = index.trouble.unwrap();
        assert!(found.contains(trouble), "{found} is not: {trouble}");
    }
}

#[test]
fn a_size_in_an_extended_header_counts() {
    let bytes = [
        member(b'x', "pax", b"", &record("size=3")),
        member(b'0', "a.png", b"00000000000\0", b"abc"),
        member(b'0', "b.png", b"", b"d"),
        vec![0; 2 * BLOCK],
    ]
    .concat();
    let index = index(&bytes);
    assert_eq!((names(&index), index.trouble), (vec!["a.png".into(), "b.png".into()], None));
    assert_eq!(index.places[0].bytes, 3);
}

#[test]
fn names_that_leave_their_folder_are_passed_over() {
    let index = index(
        &[
            member(b'0', "../a.png", b"", b""),
            member(b'0', "x/../../a.png", b"", b""),
            member(b'0', "/etc/a.png", b"", b""),
            vec![0; 2 * BLOCK],
        ]
        .concat(),
    );
    // The absolute one is a key like any other; nothing is ever opened by it.
    assert_eq!((names(&index), index.seen.nameless), (vec!["/etc/a.png".to_owned()], 2));
}
