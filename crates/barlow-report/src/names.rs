//! Names that are parts of arguments and of paths.

/// Longest name of an arm.
pub(crate) const LONGEST: usize = 100;

/// What [`is_name`] allows, in words that follow "expected".
pub(crate) const ALLOWED: &str =
    "a name of letters, digits, `-`, `_` and `.`, beginning with a letter or digit";

/// Whether a text can be a folder on every system and an argument without quotes.
pub(crate) fn is_name(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || ['-', '_', '.'].contains(&c);
    text.len() <= LONGEST
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !text.ends_with('.')
        && text.chars().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_their_folder() {
        for name in ["a", "byol-512", "0.0051", "crop_only"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", ".", "..", "a/b", "-a", "a b", "a.", "ä", &"x".repeat(101)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
