//! Lists of positions as typed: `3`, `0-9`, `1,5,7-9`.

use std::str::FromStr;

/// Positions in the order in which they were typed, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indices(Vec<u64>);

/// Why a text is no list of positions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IndicesError {
    /// A part that is neither a position nor a range.
    #[error("`{part}` is not a position or a range: expected a list such as 1,5,7-9")]
    NotAPosition {
        /// The part.
        part: String,
    },
    /// More than can be looked at.
    #[error("more than {limit} positions")]
    TooMany {
        /// How many there may be.
        limit: usize,
    },
}

/// More images than a contact sheet can show.
const LIMIT: usize = 1024;

impl Indices {
    /// The positions, from 0.
    pub fn as_slice(&self) -> &[u64] {
        &self.0
    }
}

impl FromStr for Indices {
    type Err = IndicesError;

    fn from_str(text: &str) -> Result<Self, IndicesError> {
        let mut positions = Vec::new();
        for part in text.split(',') {
            let wrong = || IndicesError::NotAPosition { part: part.to_owned() };
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let number = |text: &str| text.trim().parse::<u64>().ok();
            let (Some(first), Some(last)) = (number(first), number(last)) else {
                return Err(wrong());
            };
            if first > last {
                return Err(wrong());
            }
            if last - first >= (LIMIT - positions.len()) as u64 {
                return Err(IndicesError::TooMany { limit: LIMIT });
            }
            positions.extend(first..=last);
        }
        Ok(Self(positions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_are_read_in_order() {
        for (text, expected) in
            [("3", vec![3]), ("0-2", vec![0, 1, 2]), ("7,1-2,1", vec![7, 1, 2, 1])]
        {
            assert_eq!(text.parse::<Indices>().unwrap().as_slice(), expected, "{text}");
        }
        let all = format!("{}-{}", u64::MAX - 1023, u64::MAX);
        assert_eq!(all.parse::<Indices>().unwrap().as_slice().len(), 1024);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in ["", "x", "1,", "-3", "5-2", "1..3"] {
            let error = text.parse::<Indices>().unwrap_err();
            assert!(matches!(error, IndicesError::NotAPosition { .. }), "{text}: {error}");
        }
        for text in ["0-1024", "0-18446744073709551615", "0-1023,5"] {
            assert_eq!(text.parse::<Indices>(), Err(IndicesError::TooMany { limit: LIMIT }));
        }
    }
}
