//! Archives of more than one meaning, damaged ones, and files of other formats.

use super::Case;
use super::archive::{archive, beside_a_tensor, central, checkpoint, local, patched};

pub(crate) fn cases() -> Vec<Case> {
    let pickle = beside_a_tensor(b"N");
    let good = checkpoint(&pickle);
    let storage = "a/data/0";
    let end = good.len() - 22;
    let with = |entries: &[(&str, &[u8])]| {
        let mut all: Vec<(&str, &[u8])> = vec![("a/data.pkl", &pickle), ("a/data/0", &[0; 24])];
        all.extend(entries);
        archive(&all)
    };
    let both = |offset: usize, value: &[u8]| {
        let bytes = patched(&good, local(&good, storage) + offset, value);
        patched(&bytes, central(&good, storage) + offset + 2, value)
    };
    let in_local =
        |offset: usize, value: &[u8]| patched(&good, local(&good, storage) + offset, value);
    let in_central =
        |offset: usize, value: &[u8]| patched(&good, central(&good, storage) + offset, value);
    let huge = 0x7fff_ffff_u32.to_le_bytes();
    let sizes = [huge, huge].concat();
    let pickle_at = (local(&good, "a/data.pkl") as u32).to_le_bytes();
    let mut data = vec![0; 256];
    data[..5].copy_from_slice(b"PK\x03\x04x");

    let mut tar = vec![0; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    let list: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a compressed entry", both(8, &[8, 0]), "entry `a/data/0` is compressed (method 8)"),
        ("compressed in the local header alone", in_local(8, &[8, 0]), "disagree in method"),
        ("an encrypted entry", both(6, &[1, 8]), "entry `a/data/0` has flags 0x0801"),
        ("other flags in the local header", in_local(6, &[0, 0]), "disagree in flags"),
        (
            "two entries of one name",
            with(&[("a/data/0", &[0; 24])]),
            "two entries are named `a/data/0`",
        ),
        ("an absolute name", with(&[("/etc/passwd", b"x")]), "an entry is named `/etc/passwd`"),
        ("a name that leads out", with(&[("a/../../x", b"x")]), "an entry is named `a/../../x`"),
        ("a name with a backslash", with(&[("a\\..\\x", b"x")]), "no relative path of plain names"),
        ("a name with a drive", with(&[("C:/x", b"x")]), "an entry is named `C:/x`"),
        (
            "a name with a control character",
            with(&[("a/\u{7}", b"x")]),
            "an entry is named `a/\\x07`",
        ),
        ("an empty part of a name", with(&[("a//x", b"x")]), "an entry is named `a//x`"),
        (
            "a name that is not UTF-8",
            patched(&good, central(&good, storage) + 46, b"\xff"),
            "no relative path",
        ),
        ("another name in the local header", in_local(37, b"1"), "disagree in name"),
        ("another size in the local header", in_local(18, &[23, 0, 0, 0, 23]), "disagree in size"),
        ("another stored size", in_central(20, &[23]), "disagree in size and stored size"),
        ("a size of 2 GiB", patched(&both(18, &sizes), 0, b"PK"), "entry `a/data/0` ends at byte"),
        (
            "a size of 2 GiB in the directory alone",
            in_central(20, &sizes),
            "entry `a/data/0` ends at byte",
        ),
        ("a zip64 size that is not there", in_central(20, &[0xff; 8]), "disagree in zip64 sizes"),
        ("another check sum in the local header", in_local(14, &[1]), "disagree in check sum"),
        ("a wrong check sum", both(14, &[1, 2, 3, 4]), "entry `a/data/0` is damaged: check sum"),
        (
            "a damaged pickle",
            patched(&good, 50, b"\0\0"),
            "entry `a/data.pkl` is damaged: check sum",
        ),
        (
            "a descriptor that is not there",
            both(6, &[8, 8]),
            "disagree in the descriptor behind the data",
        ),
        (
            "two entries in one place",
            in_central(42, &pickle_at),
            "entry `a/data.pkl` ends at byte 30",
        ),
        (
            "an entry in the directory",
            in_central(42, &(end as u32 - 40).to_le_bytes()),
            "entry `a/data/0` ends at byte",
        ),
        (
            "an entry where none begins",
            in_central(42, &(local(&good, storage) as u32 + 1).to_le_bytes()),
            "disagree in place",
        ),
        ("an entry past the end", in_central(42, &huge), "entry `a/data/0` ends at byte"),
        ("an entry of another disk", in_central(34, &[1]), "it is one of several disks"),
        (
            "a directory of other entries",
            patched(&good, central(&good, storage), b"PK\x01\x03"),
            "an entry of the directory is not one",
        ),
        (
            "more entries than counted",
            patched(&good, end + 8, &[2, 0, 2, 0]),
            "more entries than the end record counts",
        ),
        (
            "fewer entries than counted",
            patched(&good, end + 8, &[4, 0, 4, 0]),
            "fewer entries than it counts",
        ),
        (
            "a directory elsewhere",
            patched(&good, end + 16, &[0; 4]),
            "the directory does not end at the end record",
        ),
        ("several disks", patched(&good, end + 4, &[1]), "it is one of several disks"),
        ("a comment", patched(&good, end + 20, &[1]), "no end record in the last 22 bytes"),
        ("bytes behind the end", [&good[..], b"x"].concat(), "no end record in the last 22 bytes"),
        (
            "two archives, one behind the other",
            [&good[..], &good].concat(),
            "the directory does not end at the end record",
        ),
        (
            "an archive before a good one",
            [&data[..], &good].concat(),
            "the directory does not end at the end record",
        ),
        ("two pickles", with(&[("b/data.pkl", &pickle)]), "2 entries are called `data.pkl`"),
        (
            "two pickles in one folder",
            with(&[("a/b/data.pkl", &pickle)]),
            "2 entries are called `data.pkl`",
        ),
        ("no pickle", archive(&[("a/data/0", &[0; 24])]), "0 entries are called `data.pkl`"),
        (
            "a nested archive",
            with(&[("a/inner.zip", &good)]),
            "entry `a/inner.zip` is not one that `torch.save` writes",
        ),
        ("an entry of another folder", with(&[("b/data/1", b"x")]), "entry `b/data/1` is not one"),
        (
            "a storage with a name",
            with(&[("a/data/weights", b"x")]),
            "entry `a/data/weights` is not one",
        ),
        ("a program", with(&[("a/code/model.py", b"x")]), "it is a TorchScript archive"),
        (
            "constants of a program",
            with(&[("a/constants.pkl", b"x")]),
            "it is a TorchScript archive",
        ),
        ("an exported program", with(&[("a/archive_format", b"pt2")]), "it is an exported program"),
        (
            "the other byte order",
            with(&[("a/byteorder", b"big")]),
            "its byte order is not `little`",
        ),
        ("a tar of PyTorch 0.1", tar, "it has the format of PyTorch before 1.6"),
        (
            "a bare pickle",
            b"\x80\x02cos\nsystem\n.".to_vec(),
            "it has the format of PyTorch before 1.6",
        ),
        ("nothing", Vec::new(), "it is neither a PyTorch checkpoint nor a safetensors file"),
        (
            "text",
            b"conv1.weight = 1".to_vec(),
            "it is neither a PyTorch checkpoint nor a safetensors file",
        ),
        ("an archive's first bytes", b"PK\x03\x04".to_vec(), "no room for an end record"),
        (
            "a pickle of 101 MiB",
            archive(&[("a/data.pkl", &vec![b'N'; 101 << 20])]),
            "its pickle has 105906176 bytes",
        ),
    ];
    let mut cases: Vec<Case> = list
        .into_iter()
        .map(|(name, bytes, expected)| (name.into(), bytes, expected.into()))
        .collect();
    cases.extend(zip64(&good));
    cases
}

/// End records of zip64 that lie.
fn zip64(good: &[u8]) -> Vec<Case> {
    let end = good.len() - 22;
    let at = |offset: usize| {
        u64::from(u32::from_le_bytes(good[end + offset..][..4].try_into().unwrap()))
    };
    let (size, start) = (at(12), at(16));
    let record = |entries: u64, size: u64, start: u64, locator: u64| {
        let numbers = [entries, entries, size, start].map(u64::to_le_bytes).concat();
        let record = [b"PK\x06\x06", &44_u64.to_le_bytes()[..], &[0; 12], &numbers].concat();
        let locator = [b"PK\x06\x07\0\0\0\0", &locator.to_le_bytes()[..], &[1, 0, 0, 0]].concat();
        [&good[..end], &record, &locator, &good[end..]].concat()
    };
    let here = end as u64;
    let marked = |bytes: Vec<u8>| {
        let at = bytes.len() - 22;
        patched(&bytes, at + 8, &[0xff; 12])
    };
    let cases = [
        (
            "zip64 of another number of entries",
            record(4, size, start, here),
            "the two end records disagree",
        ),
        ("zip64 of another size", record(3, size - 1, start, here), "the two end records disagree"),
        (
            "zip64 that is elsewhere",
            record(3, size, start, 0),
            "the zip64 end record is not before its locator",
        ),
        (
            "zip64 past all numbers",
            record(3, size, start, u64::MAX),
            "the zip64 end record is not before its locator",
        ),
        (
            "zip64 of 2^60 entries",
            marked(record(1 << 60, size, start, here)),
            "1152921504606846976 entries; at most 65536",
        ),
        (
            "zip64 of a directory past all numbers",
            marked(record(3, u64::MAX, start, here)),
            "the directory is not in the file",
        ),
        (
            "zip64 of a directory that ends elsewhere",
            marked(record(3, size + 1, start, here)),
            "the directory does not end at the end record",
        ),
    ];
    cases.map(|(name, bytes, expected)| (name.into(), bytes, expected.into())).into()
}
