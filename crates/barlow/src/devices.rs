//! Where to compute: what can be asked for, what this program was built for, and opening it.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

/// Kinds of device, fastest first, with the cargo feature (of the same name) that builds each in;
/// `cpu` always is.
const KINDS: [(&str, bool); 6] = [
    ("cuda", cfg!(feature = "cuda")),
    ("rocm", cfg!(feature = "rocm")),
    ("metal", cfg!(feature = "metal")),
    ("vulkan", cfg!(feature = "vulkan")),
    ("webgpu", cfg!(feature = "webgpu")),
    ("cpu", true),
];

/// A device as asked for: `auto`, `cpu`, or a kind that was built in, with a number if there are
/// several (`cuda`, `cuda:1`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The fastest kind that was built in.
    Auto,
    /// This device.
    Named {
        /// One of [`DeviceChoice::kinds`].
        kind: &'static str,
        /// Which of them, from 0.
        index: usize,
    },
}

/// Why a text names no device of this program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// A kind that exists, in another build.
    #[error(
        "this program was built without {kind}; build it with `cargo build --release --features \
         {kind}`"
    )]
    NotBuiltIn {
        /// The kind.
        kind: &'static str,
    },
    /// What follows the colon is not a number.
    #[error("`{index}` is not the number of a device")]
    Index {
        /// As given.
        index: String,
    },
    /// There is one CPU.
    #[error("`cpu` takes no number: it uses all cores")]
    CpuIndex,
    /// No such kind.
    #[error("there is no kind of device called `{kind}`")]
    UnknownKind {
        /// As given.
        kind: String,
    },
}

impl DeviceChoice {
    /// Every kind, fastest first, and whether it was built in.
    pub fn kinds() -> &'static [(&'static str, bool)] {
        &KINDS
    }

    /// The kinds that were built in, for a message.
    pub(crate) fn built_in() -> String {
        let names: Vec<String> = KINDS
            .iter()
            .filter(|(_, is_built_in)| *is_built_in)
            .map(|(kind, _)| format!("`{kind}`"))
            .collect();
        names.join(", ")
    }

    /// The kind and number that are meant.
    pub fn resolve(&self) -> (&'static str, usize) {
        match *self {
            Self::Named { kind, index } => (kind, index),
            Self::Auto => {
                let first = KINDS.iter().find(|(_, is_built_in)| *is_built_in);
                (first.map_or("cpu", |(kind, _)| kind), 0)
            }
        }
    }

    /// The device, without automatic differentiation.
    ///
    /// # Panics
    /// Inside the engine, if there is no such device in the machine.
    pub fn open(&self) -> Device {
        match self.resolve() {
            #[cfg(feature = "cuda")]
            ("cuda", index) => Device::cuda(index),
            #[cfg(feature = "rocm")]
            ("rocm", index) => Device::rocm(index),
            #[cfg(feature = "metal")]
            ("metal", index) => Device::metal(graphics_card(index)),
            #[cfg(feature = "vulkan")]
            ("vulkan", index) => Device::vulkan(graphics_card(index)),
            #[cfg(feature = "webgpu")]
            // `Device::webgpu` is the browser's interface; on a machine of one's own it fails.
            ("webgpu", index) => Device::wgpu(graphics_card(index)),
            _ => Device::flex(),
        }
    }
}

/// Number 0 is the best there is, be it a card or part of the processor; others are cards.
#[cfg(any(feature = "metal", feature = "vulkan", feature = "webgpu"))]
fn graphics_card(index: usize) -> burn::tensor::DeviceKind {
    match index {
        0 => burn::tensor::DeviceKind::DefaultDevice,
        index => burn::tensor::DeviceKind::DiscreteGpu(index),
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let (name, index) = match text.split_once(':') {
            Some((name, index)) => (name, Some(index)),
            None => (text, None),
        };
        let Some(&(kind, is_built_in)) = KINDS.iter().find(|(kind, _)| *kind == name) else {
            return Err(DeviceError::UnknownKind { kind: name.to_owned() });
        };
        if !is_built_in {
            return Err(DeviceError::NotBuiltIn { kind });
        }
        match index {
            None => Ok(Self::Named { kind, index: 0 }),
            Some(_) if kind == "cpu" => Err(DeviceError::CpuIndex),
            Some(text) => match text.parse() {
                Ok(index) => Ok(Self::Named { kind, index }),
                Err(_) => Err(DeviceError::Index { index: text.to_owned() }),
            },
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.resolve() {
            ("cpu", _) => f.write_str("cpu"),
            (kind, index) => write!(f, "{kind}:{index}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_always_there() {
        let cpu = DeviceChoice::Named { kind: "cpu", index: 0 };
        assert_eq!("cpu".parse(), Ok(cpu.clone()));
        assert_eq!("auto".parse(), Ok(DeviceChoice::Auto));
        assert_eq!(cpu.to_string(), "cpu");
        assert_eq!(cpu.open(), Device::flex());
    }

    #[test]
    fn what_is_no_device_says_why() {
        assert_eq!("cpu:1".parse::<DeviceChoice>(), Err(DeviceError::CpuIndex));
        for text in ["", "gpu", "CPU", "tpu:0"] {
            let error = text.parse::<DeviceChoice>().unwrap_err();
            assert!(matches!(error, DeviceError::UnknownKind { .. }), "{text}: {error}");
        }
        for &(kind, is_built_in) in DeviceChoice::kinds() {
            let parsed = kind.parse::<DeviceChoice>();
            if is_built_in {
                assert_eq!(parsed, Ok(DeviceChoice::Named { kind, index: 0 }));
            } else {
                assert_eq!(parsed, Err(DeviceError::NotBuiltIn { kind }));
            }
        }
    }
}
