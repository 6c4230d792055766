//! Names of files as bytes and back, and as text for messages.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The bytes of a name; nothing where the system's names are no bytes and this one is no text.
#[cfg_attr(unix, expect(clippy::unnecessary_wraps, reason = "other systems have such names"))]
pub(super) fn bytes(name: &OsStr) -> Option<&[u8]> {
    #[cfg(unix)]
    return Some(std::os::unix::ffi::OsStrExt::as_bytes(name));
    #[cfg(not(unix))]
    name.to_str().map(str::as_bytes)
}

/// The path that [`bytes`] were taken from.
pub(super) fn path(bytes: &[u8]) -> Cow<'_, Path> {
    #[cfg(unix)]
    return Cow::Borrowed(Path::new(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes)));
    #[cfg(not(unix))]
    Cow::Owned(PathBuf::from(String::from_utf8_lossy(bytes).into_owned()))
}

/// `folder` and what lies below it.
pub(super) fn join(folder: &Path, below: &[u8]) -> PathBuf {
    folder.join(path(below))
}

/// Text that a terminal takes for nothing but text: control characters are written as escapes.
pub(super) fn printable(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for character in String::from_utf8_lossy(name).chars() {
        if character.is_control() {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_letters_are_not() {
        assert_eq!(printable("a\u{1b}[31m\n\u{9b}é猫".as_bytes()), "a\\u{1b}[31m\\n\\u{9b}é猫");
        assert_eq!(printable(b"\xff.png"), "\u{fffd}.png");
    }
}
