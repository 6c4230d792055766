//! What can be wrong with a study file, in words that say how to put it right.

/// One thing that is wrong; lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StudyProblem {
    /// It is not TOML.
    #[error("line {line}: not TOML: {message}")]
    Syntax {
        /// Where.
        line: usize,
        /// What the parser said.
        message: String,
    },
    /// A key that has no meaning where it stands.
    #[error("line {line}: key `{key}` is unknown, expected one of {allowed}")]
    UnknownKey {
        /// Where.
        line: usize,
        /// As written.
        key: String,
        /// Those that have one.
        allowed: String,
    },
    /// A key that must be there is not.
    #[error("line {line}: {what} has no `{key}`")]
    Missing {
        /// Where what lacks it begins.
        line: usize,
        /// What lacks it.
        what: String,
        /// The key.
        key: &'static str,
    },
    /// A value that its key does not allow.
    #[error("line {line}: key `{key}` is {value}, expected {expected}")]
    Value {
        /// Where.
        line: usize,
        /// The key.
        key: String,
        /// As written.
        value: String,
        /// What is allowed.
        expected: String,
    },
    /// Two arms of one name.
    #[error("line {line}: there is another arm `{name}`")]
    Twice {
        /// Where the second one stands.
        line: usize,
        /// The name.
        name: String,
    },
    /// Two arms, or two values of an axis, to measure against.
    #[error("line {line}: `{name}` is a second baseline, expected one at most")]
    SecondBaseline {
        /// Where the second one stands.
        line: usize,
        /// Its name.
        name: String,
    },
    /// Two axes of one product with places in a plot.
    #[error("line {line}: axis `{axis}` is a second one with `x`, expected one at most")]
    SecondX {
        /// Where the second one stands.
        line: usize,
        /// Its name.
        axis: String,
    },
    /// An axis some of whose values have a place in a plot.
    #[error(
        "line {line}: axis `{axis}` has `x` on {with_x} of {of} values, expected on all or on none"
    )]
    SomeX {
        /// Where the axis stands.
        line: usize,
        /// Its name.
        axis: String,
        /// Values that have one.
        with_x: usize,
        /// Values.
        of: usize,
    },
    /// A paper's number for an arm that is not there.
    #[error(
        "line {line}: a number of the paper is for arm `{name}`, which is not there; there are {known}"
    )]
    NoSuchArm {
        /// Where.
        line: usize,
        /// As written.
        name: String,
        /// The arms.
        known: String,
    },
    /// More arms than anybody can train.
    #[error("line {line}: these axes make more than {most} arms")]
    TooMany {
        /// Where the first axis stands.
        line: usize,
        /// How many there may be.
        most: usize,
    },
    /// No arm at all.
    #[error("there is no arm: a study has `[[arm]]`, `[[axis]]` or `[[series]]`")]
    NoArms,
}
