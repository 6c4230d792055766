//! How often a mix takes a source.

use std::fmt;

const ONE: u64 = 1_000_000;

/// How often a mix takes a source: a number from 0.000001 to 1,000,000, exact to millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    millionths: u64,
}

impl Weight {
    /// Reads a decimal number; nothing if it is none, 0, too large or too fine.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.is_empty() || fraction.len() > 6 {
            return None;
        }
        let whole = whole.parse::<u64>().ok().filter(|&whole| whole <= ONE)?;
        let fraction: u64 = format!("{fraction:0<6}").parse().ok()?;
        let millionths = whole * ONE + fraction;
        (1..=ONE * ONE).contains(&millionths).then_some(Self { millionths })
    }

    /// How many whole repeats of so many images, and how many images more; at least one in all.
    pub(super) fn of(self, images: usize) -> (usize, usize) {
        let (whole, part) = (self.millionths / ONE, self.millionths % ONE);
        let rest = (images as u128 * u128::from(part) + u128::from(ONE / 2)) / u128::from(ONE);
        let rest = if whole == 0 { rest.max(1) } else { rest };
        (whole as usize, rest as usize)
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.millionths / ONE)?;
        match self.millionths % ONE {
            0 => Ok(()),
            part => write!(f, ".{}", format!("{part:06}").trim_end_matches('0')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_and_print_back() {
        for (text, printed, images, expected) in [
            ("1", "1", 7, (1, 0)),
            ("2.5", "2.5", 7, (2, 4)),
            ("0.1", "0.1", 1000, (0, 100)),
            ("0.000001", "0.000001", 7, (0, 1)),
            ("003.250", "3.25", 100, (3, 25)),
            ("1000000", "1000000", 1, (1_000_000, 0)),
        ] {
            let weight = Weight::parse(text).unwrap();
            assert_eq!((weight.to_string().as_str(), weight.of(images)), (printed, expected));
        }
        for wrong in ["", "0", "0.0", ".5", "1.", "-1", "1e3", "1000001", "0.0000001", "+1", "1.x"]
        {
            assert_eq!(Weight::parse(wrong), None, "{wrong}");
        }
    }
}
