//! safetensors files that lie.

use std::fmt::Write;

use super::Case;

/// A file of this header and so many zeros.
fn file(header: impl AsRef<[u8]>, zeros: usize) -> Vec<u8> {
    let header = header.as_ref();
    [&(header.len() as u64).to_le_bytes(), header, &vec![0; zeros]].concat()
}

fn tensor(name: &str, dtype: &str, shape: &str, start: &str, end: &str) -> String {
    format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{start},{end}]}}"#)
}

pub(crate) fn cases() -> Vec<Case> {
    let good = tensor("a", "F32", "[2]", "0", "8");
    let one = |dtype: &str, shape: &str, start: &str, end: &str, zeros: usize| {
        file(format!("{{{}}}", tensor("a", dtype, shape, start, end)), zeros)
    };
    let two = |second: String, zeros: usize| file(format!("{{{good},{second}}}"), zeros);
    let mut many = String::from("{");
    for i in 0..10_001 {
        let comma = if i > 0 { "," } else { "" };
        write!(many, "{comma}{}", tensor(&format!("t{i}"), "F32", "[0]", "0", "0")).unwrap();
    }
    many.push('}');
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let claim = |bytes: u64| [&bytes.to_le_bytes()[..], b"{}"].concat();
    let invalid = "the header is not valid";
    let list: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a header of 16 MiB and one byte", claim((16 << 20) + 1), "at most 16777216 are read"),
        (
            "a header of all bytes there are",
            claim(u64::MAX),
            "the header claims 18446744073709551615 bytes",
        ),
        ("a header longer than the file", claim(3), "the header claims 3 bytes in a file of 10"),
        ("an empty header", [&[0; 8][..], b"{}"].concat(), "the header claims 0 bytes"),
        ("an open header", file("{", 0), invalid),
        ("a header that is not UTF-8", file(b"{\"\xff\xfe\":1}", 0), invalid),
        ("text behind the header", file(format!("{{{good}}}x"), 8), invalid),
        ("JSON 100000 deep", file(deep, 0), invalid),
        ("overlapping tensors", two(tensor("b", "F32", "[2]", "4", "12"), 12), invalid),
        ("one place for two tensors", two(tensor("b", "F32", "[2]", "0", "8"), 8), invalid),
        ("a gap", two(tensor("b", "F32", "[2]", "12", "20"), 20), invalid),
        ("a gap at the start", one("F32", "[2]", "4", "12", 12), invalid),
        ("an end before the start", one("F32", "[2]", "8", "0", 8), invalid),
        ("negative offsets", one("F32", "[2]", "-8", "0", 8), invalid),
        ("offsets of fractions", one("F32", "[2]", "0.0", "8.0", 8), invalid),
        ("a key twice", two(good.clone(), 8), "key `a` stands twice"),
        (
            "a field twice",
            file(r#"{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 8),
            "key `dtype` stands twice",
        ),
        (
            "a key of metadata twice",
            file(r#"{"__metadata__":{"x":"1","x":"2"}}"#, 0),
            "key `x` stands twice",
        ),
        ("metadata that is a number", file(r#"{"__metadata__":{"x":1}}"#, 0), invalid),
        ("an unknown type", one("F33", "[2]", "0", "8", 8), invalid),
        ("a shape that needs more", one("F32", "[3]", "0", "8", 8), invalid),
        ("a shape that needs less", one("F32", "[1]", "0", "8", 8), invalid),
        (
            "a shape that overflows",
            one("F32", "[4294967296,4294967296,4294967296]", "0", "8", 8),
            invalid,
        ),
        (
            "a shape that overflows to what is there",
            one("F32", "[9223372036854775808,2]", "0", "0", 0),
            invalid,
        ),
        ("a negative extent", one("F32", "[-2]", "0", "8", 8), invalid),
        ("no shape", file(r#"{"a":{"dtype":"F32","data_offsets":[0,8]}}"#, 8), invalid),
        ("10001 tensors", file(many, 0), "10001 tensors; at most 10000 are allowed"),
        (
            "bytes behind the values",
            one("F32", "[2]", "0", "8", 9),
            "expected a file of 70 bytes, found 71",
        ),
        ("values cut off", one("F32", "[2]", "0", "8", 7), "expected a file of 70 bytes, found 69"),
        (
            "more values than there can be",
            one("U8", "[1099511627776]", "0", "1099511627776", 8),
            "expected a file of",
        ),
    ];
    list.into_iter().map(|(name, bytes, expected)| (name.into(), bytes, expected.into())).collect()
}
