//! Text of a file in a message: short, and nothing but text to a terminal.

use crate::source::native::printable;

/// The most characters that are shown.
const MAX_CHARS: usize = 120;

/// The beginning of a text.
pub(super) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => printable(&text.as_bytes()[..end]) + "...",
        None => printable(text.as_bytes()),
    }
}

/// The beginning of a text between backticks.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", excerpt(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_between_characters_and_control_characters_are_escaped() {
        assert_eq!(quoted("a\u{1b}é"), "`a\\u{1b}é`");
        assert_eq!(excerpt(&"é".repeat(120)), "é".repeat(120));
        assert_eq!(excerpt(&"é".repeat(121)), "é".repeat(120) + "...");
    }
}
