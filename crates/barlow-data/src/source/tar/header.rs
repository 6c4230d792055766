//! One header of a tar archive: 512 bytes, of which the check sum is verified.
//!
//! Read are the old form, POSIX ustar, and GNU's with its long numbers
//! (<https://www.gnu.org/software/tar/manual/html_node/Standard.html>).

/// Archives are made of blocks.
pub(super) const BLOCK: usize = 512;

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// Bytes of data that follow.
    pub(super) size: u64,
    pub(super) name: Vec<u8>,
}

/// What follows a header, and what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Regular,
    Directory,
    /// A link, a device or a pipe: no data follow, whatever the size says.
    Special,
    /// A file with holes, of which only parts follow; and whether a block of their map does.
    Sparse {
        has_more: bool,
    },
    /// The next member's name and size (PAX).
    Extension,
    /// The next member's name (GNU).
    LongName,
    /// About members, but nothing that counts here.
    Note,
    /// Unknown; data follow.
    Unknown,
}

/// Reads a header; nothing for a block of zeros, which ends an archive.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(block: &[u8; BLOCK]) -> Result<Option<Header>, &'static str> {
    if block.iter().all(|&byte| byte == 0) {
        return Ok(None);
    }
    let declared = number(&block[148..156])?;
    let sums = |value: fn(u8) -> i64| -> i64 {
        let value = |(at, &byte)| if (148..156).contains(&at) { 32 } else { value(byte) };
        block.iter().enumerate().map(value).sum()
    };
    // Some old programs added the bytes as signed numbers.
    let declared = i64::try_from(declared).unwrap_or(-1);
    if declared != sums(i64::from) && declared != sums(|byte| i64::from(byte.cast_signed())) {
        return Err("the check sum of a header is wrong");
    }
    let size = number(&block[124..136])?;
    let mut name = until_zero(&block[..100]).to_vec();
    let is_posix = &block[257..263] == b"ustar\0";
    let prefix = until_zero(&block[345..500]);
    if is_posix && !prefix.is_empty() {
        name = [prefix, b"/", &name].concat();
    }
    let kind = match block[156] {
        b'0' | 0 | b'7' if name.ends_with(b"/") => Kind::Directory,
        b'0' | 0 | b'7' => Kind::Regular,
        b'1'..=b'4' | b'6' => Kind::Special,
        b'5' => Kind::Directory,
        b'S' => Kind::Sparse { has_more: block[482] != 0 },
        b'x' => Kind::Extension,
        b'L' => Kind::LongName,
        b'g' | b'K' | b'V' => Kind::Note,
        _ => Kind::Unknown,
    };
    Ok(Some(Header { kind, size, name }))
}

/// A number in octal digits, or in bytes where the highest bit of the first is set.
fn number(field: &[u8]) -> Result<u64, &'static str> {
    let first = field[0];
    if first & 0x80 != 0 {
        if first & 0x40 != 0 {
            return Err("a number in a header is negative");
        }
        let bytes = std::iter::once(first & 0x3f).chain(field[1..].iter().copied());
        return bytes.into_iter().try_fold(0u64, |number, byte| {
            let number = number.checked_mul(256).filter(|&number| number < 1 << 63);
            number.map(|number| number + u64::from(byte)).ok_or("a number in a header is too large")
        });
    }
    let start = field.iter().position(|&byte| byte != b' ').unwrap_or(field.len());
    let digits = &field[start..];
    let end = digits.iter().position(|&b| b == 0 || b == b' ').unwrap_or(digits.len());
    // At most 12 digits, so at most 36 bits.
    digits[..end].iter().try_fold(0u64, |number, &digit| match digit {
        b'0'..=b'7' => Ok(number * 8 + u64::from(digit - b'0')),
        b'-' => Err("a number in a header is negative"),
        _ => Err("a number in a header has no digits"),
    })
}

fn until_zero(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or(field)
}

/// What an extended header says of the next member.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Extension {
    pub(super) path: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) is_sparse: bool,
}

/// Reads the records `LENGTH KEY=VALUE\n` of an extended header.
///
/// # Errors
/// What is wrong with them.
pub(super) fn parse_extension(mut records: &[u8]) -> Result<Extension, &'static str> {
    const MALFORMED: &str = "an extended header is malformed";
    let mut extension = Extension::default();
    // Some programs pad with zeros.
    while !records.is_empty() && records[0] != 0 {
        let space = records.iter().position(|&byte| byte == b' ').ok_or(MALFORMED)?;
        let length = decimal(&records[..space]).and_then(|length| usize::try_from(length).ok());
        let (record, rest) =
            length.and_then(|length| records.split_at_checked(length)).ok_or(MALFORMED)?;
        let record =
            record.get(space + 1..).and_then(|r| r.strip_suffix(b"\n")).ok_or(MALFORMED)?;
        let equals = record.iter().position(|&byte| byte == b'=').ok_or(MALFORMED)?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        match key {
            b"path" => extension.path = Some(value.to_vec()),
            b"size" => extension.size = Some(decimal(value).ok_or(MALFORMED)?),
            _ if key.starts_with(b"GNU.sparse.") => extension.is_sparse = true,
            _ => {}
        }
        records = rest;
    }
    Ok(extension)
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, &digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_binary_and_never_negative_or_too_large() {
        for (field, expected) in [
            (&b"00000001750\0"[..], Ok(1000)),
            (b"   1750 \0\0\0\0", Ok(1000)),
            (b"777777777777", Ok((1 << 36) - 1)),
            (b"\0\0\0\0\0\0\0\0\0\0\0\0", Ok(0)),
            (b"\x80\0\0\0\0\0\0\x02\0\0\0\0", Ok(1 << 33)),
            (b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", Ok((1 << 63) - 1)),
        ] {
            assert_eq!(number(field), expected, "{field:02x?}");
        }
        for field in [
            &b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"[..],
            b"\x80\x01\0\0\0\0\0\0\0\0\0\0",
            b"\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            b"-0000001750\0",
            b"00000009\0\0\0\0",
            b"0x10\0\0\0\0\0\0\0\0",
        ] {
            assert!(number(field).is_err(), "{field:02x?}");
        }
    }

    #[test]
    fn records_of_an_extended_header_are_counted_by_their_lengths() {
        // The example of POSIX `pax`, and a value with a line break.
        let records = b"20 path=a\nb/c=d.png\n16 size=1234567\n10 mtime=7";
        assert_eq!(parse_extension(records), Err("an extended header is malformed"));
        let extension = parse_extension(b"20 path=a\nb/c=d.png\n16 size=1234567\n\0\0").unwrap();
        assert_eq!(extension.path.as_deref(), Some(&b"a\nb/c=d.png"[..]));
        assert_eq!((extension.size, extension.is_sparse), (Some(1_234_567), false));
        assert!(parse_extension(b"22 GNU.sparse.major=1\n").unwrap().is_sparse);
        for wrong in
            [&b"x"[..], b"5 a=b", b"999 a=b\n", b"6 abc\n", b"2 a=b\n", b"11 size=-1\n", b" a=b\n"]
        {
            assert!(parse_extension(wrong).is_err(), "{wrong:?}");
        }
    }
}
