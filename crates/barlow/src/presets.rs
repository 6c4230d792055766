//! Named configurations, embedded in the program: only what differs from the defaults.
//!
//! Each is a commented file of the repository's `presets` folder that says how to run it, on what,
//! at what cost, and what score was measured, or that none was.

use barlow_data::source::SourceKind;

/// A named configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Its name after `--preset`.
    pub name: &'static str,
    /// The file, TOML.
    pub text: &'static str,
}

macro_rules! preset {
    ($name:literal) => {
        Preset { name: $name, text: include_str!(concat!("../../../presets/", $name, ".toml")) }
    };
}

const QUICK: Preset = preset!("quick");
const FASHION_MNIST: Preset = preset!("fashion-mnist");
const SMALL_DATA: Preset = preset!("small-data");
const CIFAR: Preset = preset!("cifar");

/// Every preset, from the quickest; then the published recipes of other objectives.
pub static ALL: [Preset; 19] = [
    QUICK,
    FASHION_MNIST,
    SMALL_DATA,
    CIFAR,
    preset!("imagenet-300"),
    preset!("imagenet"),
    preset!("imagenet-directclr"),
    preset!("cifar-byol"),
    preset!("cifar-corinfomax"),
    preset!("cifar-deepcluster"),
    preset!("cifar-hsic"),
    preset!("cifar-mixed-barlow-twins"),
    preset!("cifar-moco"),
    preset!("cifar-sela"),
    preset!("cifar-simclr"),
    preset!("cifar-simsiam"),
    preset!("cifar-swav"),
    preset!("cifar-vicreg"),
    preset!("cifar-w-mse"),
];

/// The preset of this name.
pub fn find(name: &str) -> Option<&'static Preset> {
    ALL.iter().find(|preset| preset.name == name)
}

/// The preset for images of this kind, where none is named.
pub fn for_source(kind: SourceKind) -> &'static Preset {
    match kind {
        SourceKind::Synthetic => &QUICK,
        SourceKind::FashionMnist => &FASHION_MNIST,
        SourceKind::Cifar => &CIFAR,
        _ => &SMALL_DATA,
    }
}

/// Every name, for a message.
pub(crate) fn names() -> String {
    ALL.map(|preset| format!("`{}`", preset.name)).join(", ")
}
