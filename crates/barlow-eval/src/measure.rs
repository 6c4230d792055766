//! A number with what it means.

/// One number, with everything a reader needs to judge it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measure {
    /// What it is called, in lower case with underscores.
    pub name: &'static str,
    /// The number.
    pub value: f64,
    /// Its unit; empty where it is a plain number.
    pub unit: &'static str,
    /// How it is computed, in symbols.
    pub formula: &'static str,
    /// What it says, in words.
    pub meaning: &'static str,
}
