//! Names of shards: ranges in braces written out.

/// The most shards that one pattern may stand for.
pub(super) const MAX_SHARDS: usize = 100_000;

/// Why ranges cannot be written out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// A range that ends before it begins.
    #[error("the range `{range}` ends before it begins")]
    Backwards {
        /// As typed.
        range: String,
    },
    /// More shards than are opened.
    #[error("more than {MAX_SHARDS} shards")]
    TooMany,
}

/// The names that a pattern stands for: each `{000..099}` in it is every number of the range, with
/// leading zeros where the bounds have them; the last range turns fastest. Braces that hold no
/// range stand for themselves.
pub(super) fn expand(pattern: &str) -> Result<Vec<String>, RangeError> {
    let mut names = vec![String::new()];
    let mut rest = pattern;
    while let Some((before, range, after)) = next_range(rest) {
        let numbers = range.numbers()?;
        if names.len().saturating_mul(numbers.len()) > MAX_SHARDS {
            return Err(RangeError::TooMany);
        }
        names = names
            .iter()
            .flat_map(|name| numbers.iter().map(move |number| format!("{name}{before}{number}")))
            .collect();
        rest = after;
    }
    for name in &mut names {
        name.push_str(rest);
    }
    Ok(names)
}

struct Range<'a> {
    first: &'a str,
    last: &'a str,
}

/// What comes before the first range, the range, and what comes after it.
fn next_range(text: &str) -> Option<(&str, Range<'_>, &str)> {
    let mut from = 0;
    loop {
        let open = from + text[from..].find('{')?;
        let inside = &text[open + 1..];
        if let Some((inside, after)) = inside.split_once('}')
            && let Some((first, last)) = inside.split_once("..")
            && is_number(first)
            && is_number(last)
        {
            return Some((&text[..open], Range { first, last }, after));
        }
        from = open + 1;
    }
}

/// Up to 18 digits, so that it can be read.
fn is_number(text: &str) -> bool {
    (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Range<'_> {
    fn numbers(&self) -> Result<Vec<String>, RangeError> {
        let Self { first, last } = *self;
        let is_padded = |number: &str| number.len() > 1 && number.starts_with('0');
        let width =
            if is_padded(first) || is_padded(last) { first.len().max(last.len()) } else { 0 };
        let backwards = || RangeError::Backwards { range: format!("{{{first}..{last}}}") };
        let number = |text: &str| text.parse::<u64>().expect("18 digits are a number");
        let (first, last) = (number(first), number(last));
        if last < first {
            return Err(backwards());
        }
        if last - first >= MAX_SHARDS as u64 {
            return Err(RangeError::TooMany);
        }
        Ok((first..=last).map(|number| format!("{number:0width$}")).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_out_as_bash_does() {
        // Expected values: `echo a-{08..11}.tar` and so on in bash 5.2.
        for (pattern, expected) in [
            ("a.tar", "a.tar"),
            ("a-{08..11}.tar", "a-08.tar a-09.tar a-10.tar a-11.tar"),
            ("a-{8..11}.tar", "a-8.tar a-9.tar a-10.tar a-11.tar"),
            ("a-{000..2}.tar", "a-000.tar a-001.tar a-002.tar"),
            ("{0..1}/{08..09}.tar", "0/08.tar 0/09.tar 1/08.tar 1/09.tar"),
            ("{x}{1..2}}.tar", "{x}1}.tar {x}2}.tar"),
            ("{{1..1}.tar", "{1.tar"),
            ("{a..b}{..}{1..}.tar", "{a..b}{..}{1..}.tar"),
            ("{0..9999999999999999999}.tar", "{0..9999999999999999999}.tar"),
        ] {
            assert_eq!(expand(pattern).unwrap().join(" "), expected, "{pattern}");
        }
    }

    #[test]
    fn too_many_and_backwards_are_refused_without_taking_memory() {
        assert_eq!(expand("{1..100000}.tar").unwrap().len(), MAX_SHARDS);
        for pattern in ["{0..100000}.tar", "{0..999}{0..999}.tar", "{0..999999999999999999}.tar"] {
            assert_eq!(expand(pattern), Err(RangeError::TooMany), "{pattern}");
        }
        let backwards = Err(RangeError::Backwards { range: "{9..1}".to_owned() });
        assert_eq!(expand("{9..1}.tar"), backwards);
    }
}
