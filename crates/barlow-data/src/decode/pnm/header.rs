//! The header of a PNM file: what comes before the samples.

use super::{PnmError, corrupt, number};
use crate::decode::ImageError;

/// Words with white space between them; `#` begins a comment that ends with its line.
pub(super) struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    /// The words after the two bytes that open the file.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 2 }
    }

    /// What follows the one white space after the last word.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at + 1..).unwrap_or_default()
    }

    fn line(&mut self) -> Option<&'a [u8]> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        self.at += length + 1;
        Some(rest[..length].trim_ascii())
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            self.at +=
                self.bytes.get(self.at..)?.iter().position(|byte| !byte.is_ascii_whitespace())?;
            let rest = &self.bytes[self.at..];
            if rest[0] == b'#' {
                self.line();
                continue;
            }
            let end = rest.iter().position(|&byte| byte.is_ascii_whitespace() || byte == b'#');
            let token = &rest[..end.unwrap_or(rest.len())];
            self.at += token.len();
            return Some(token);
        }
    }
}

/// What a header says.
pub(super) struct Header {
    /// The digit of the file's magic.
    pub(super) kind: u8,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) channels: u32,
    pub(super) maximum: u32,
    pub(super) has_alpha: bool,
}

impl Header {
    /// Reads the header and leaves `tokens` at its last word or, in PAM, at the end of its last
    /// line.
    pub(super) fn read(tokens: &mut Tokens<'_>, bytes: &[u8]) -> Result<Self, ImageError> {
        let kind = bytes[1];
        let header = if kind == b'7' {
            Self::read_pam(tokens)?
        } else {
            let mut next = || match tokens.next() {
                Some(token) => number(token),
                None => Err(ImageError::Truncated { bytes: bytes.len() }),
            };
            let (width, height) = (next()?, next()?);
            let maximum = if matches!(kind, b'1' | b'4') { 1 } else { next()? };
            let channels = if matches!(kind, b'3' | b'6') { 3 } else { 1 };
            Self { kind, width, height, channels, maximum, has_alpha: false }
        };
        header.check()
    }

    /// Lines of a key and a value, in any order, up to `ENDHDR`.
    fn read_pam(tokens: &mut Tokens<'_>) -> Result<Self, ImageError> {
        let [mut width, mut height, mut channels, mut maximum] = [None; 4];
        let mut has_alpha = false;
        loop {
            let line = tokens.line().ok_or(corrupt(PnmError::Missing { key: "ENDHDR" }))?;
            let key = line.split(u8::is_ascii_whitespace).next().unwrap_or_default();
            let value = line[key.len()..].trim_ascii();
            match key {
                b"WIDTH" => width = Some(number(value)?),
                b"HEIGHT" => height = Some(number(value)?),
                b"DEPTH" => channels = Some(number(value)?),
                b"MAXVAL" => maximum = Some(number(value)?),
                b"TUPLTYPE" => has_alpha = value.ends_with(b"_ALPHA"),
                b"ENDHDR" => break,
                _ => {}
            }
        }
        // `rest` passes over one white space, which is the line's end here.
        tokens.at -= 1;
        let given = |value: Option<u32>, key| value.ok_or(corrupt(PnmError::Missing { key }));
        let channels = given(channels, "DEPTH")?;
        Ok(Self {
            kind: b'7',
            width: given(width, "WIDTH")?,
            height: given(height, "HEIGHT")?,
            channels,
            maximum: given(maximum, "MAXVAL")?,
            has_alpha: has_alpha && channels > 1,
        })
    }

    fn check(self) -> Result<Self, ImageError> {
        for (key, found, largest, allowed) in [
            ("width", self.width, u32::MAX, "1 and more"),
            ("height", self.height, u32::MAX, "1 and more"),
            ("depth", self.channels, 1024, "1 to 1024"),
            ("maximum", self.maximum, 65_535, "1 to 65535"),
        ] {
            if found == 0 || found > largest {
                return Err(corrupt(PnmError::OutOfRange { key, found, allowed }));
            }
        }
        Ok(self)
    }
}
