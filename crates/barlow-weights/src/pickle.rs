//! Python's pickles, as data: what `torch.save` writes is read, nothing is ever executed.
//!
//! A pickle is a program for a stack machine, and in Python two of its instructions import and call
//! whatever the file names. Here a name is only looked up in a short table ([`globals`]); the handful of
//! functions that PyTorch's tensors need are imitated ([`rebuild`]), and what else is called leaves an
//! opaque value that nothing can be done with. Names that no weights need (`os.system`, `eval`) are
//! refused outright, though they could not do anything either: who wrote them meant harm.
//!
//! Values live in one arena and refer to each other by number, so a value that stands in a million
//! places is kept once, and text stays where it is in the file. Instructions, values and nesting are
//! bounded. Instructions and their meaning: `Lib/pickletools.py` of Python.

mod globals;
mod machine;
mod rebuild;
mod value;

pub(crate) use globals::STORAGES;
pub(crate) use machine::read;
pub(crate) use rebuild::View;
pub(crate) use value::{Id, Parsed, Value};

/// The largest pickle: 100 MiB. The weights are not in it.
pub(crate) const MAX_PICKLE_BYTES: u64 = 100 << 20;
/// The most values that a pickle may make; a ResNet-152 with its optimizer's state makes 40,000.
pub(crate) const MAX_VALUES: usize = 1_000_000;
/// The most instructions.
const MAX_INSTRUCTIONS: usize = 4 * MAX_VALUES;
/// The deepest nesting.
pub(crate) const MAX_DEPTH: usize = 1000;

/// Where a pickle is refused.
#[derive(Debug, thiserror::Error)]
#[error("its pickle is refused at byte {at}")]
pub struct PickleError {
    /// Byte of the instruction.
    pub at: usize,
    /// Why.
    pub source: PickleRefusal,
}

/// Why a pickle is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PickleRefusal {
    /// An instruction, text or number is longer than what is left.
    #[error("{wanted} bytes are wanted, {left} are left")]
    Truncated {
        /// Bytes that the instruction says it has.
        wanted: u64,
        /// Bytes to the end.
        left: usize,
    },
    /// A protocol that PyTorch does not write.
    #[error("it has protocol {version}; 2 to 5 are read")]
    Protocol {
        /// The version.
        version: u8,
    },
    /// An instruction that PyTorch does not write.
    #[error("instruction {code:#04x} ({name}) is not one that PyTorch writes")]
    Instruction {
        /// Its byte.
        code: u8,
        /// What it is for.
        name: &'static str,
    },
    /// A function or class that no weights need.
    #[error(
        "it names `{name}`, which no weights need: the file was made to do harm (nothing was run)"
    )]
    Harmful {
        /// Module and name.
        name: String,
    },
    /// Tensors of a kind that is not read.
    #[error("it has a tensor made by `{name}` ({kind}), which is not read")]
    Unsupported {
        /// Module and name.
        name: String,
        /// The kind of tensor.
        kind: &'static str,
    },
    /// Something other than a known function, or with other arguments, touches tensors.
    #[error("`{name}` is not used as PyTorch does: {what}")]
    Misuse {
        /// Function or instruction.
        name: &'static str,
        /// What is unexpected.
        what: &'static str,
    },
    /// A reference to something outside that is no storage of the file.
    #[error("a persistent id is not (\"storage\", type, key, location, number of elements)")]
    PersistentId,
    /// The stack, the memo or a container is not as the instruction needs it.
    #[error("{what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// More of something than is read.
    #[error("more than {limit} {what}")]
    Limit {
        /// Of what.
        what: &'static str,
        /// How many are read.
        limit: usize,
    },
}
