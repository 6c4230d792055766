//! Named studies, embedded in the program: files of the repository's `presets/studies` folder.

use std::sync::LazyLock;

use barlow_report::{Recipes, Study};

/// A named study.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedStudy {
    /// Its name on the command line.
    pub name: &'static str,
    /// The file, TOML.
    pub text: &'static str,
}

macro_rules! study {
    ($name:literal) => {
        NamedStudy {
            name: $name,
            text: include_str!(concat!("../../../presets/studies/", $name, ".toml")),
        }
    };
}

const METHODS: NamedStudy = study!("methods");

/// Every named study, in the order of the paper, then our own.
pub static ALL: [NamedStudy; 12] = [
    study!("table5"),
    study!("table6"),
    study!("table7"),
    study!("figure2"),
    study!("figure3"),
    study!("figure4"),
    study!("figure4-depth"),
    study!("figure5"),
    METHODS,
    study!("pixel-shuffle"),
    study!("averaged-target"),
    study!("entropy"),
];

/// The study of this name.
pub fn find(name: &str) -> Option<&'static NamedStudy> {
    ALL.iter().find(|study| study.name == name)
}

/// The settings of each arm of the study `methods`, for `like`.
pub fn recipes() -> &'static Recipes {
    static RECIPES: LazyLock<Recipes> =
        LazyLock::new(|| Study::read(METHODS.text, &Recipes::new()).0.recipes());
    &RECIPES
}

/// Every name, for a message.
pub(crate) fn names() -> String {
    ALL.map(|study| format!("`{}`", study.name)).join(", ")
}
