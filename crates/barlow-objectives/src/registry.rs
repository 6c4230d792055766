//! Objectives by name.

use std::collections::BTreeMap;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::constants::{Constant, Constants};
use crate::objective::{Layer, Objective};

/// `[objective]`: which one, and its constants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectiveConfig {
    /// Its name.
    pub name: String,
    /// Its constants; those not stated have the defaults that it declares.
    #[serde(flatten)]
    pub constants: Constants,
}

impl Default for ObjectiveConfig {
    fn default() -> Self {
        Self { name: crate::barlow_twins::ENTRY.name.to_owned(), constants: Constants::default() }
    }
}

/// What an objective works with.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Length of the outputs it reads.
    pub dim: usize,
    /// Images in a batch, over all ranks.
    pub batch_size: usize,
    /// Images in the source.
    pub images: usize,
    /// Classes of its labels; 0 where there are none.
    pub classes: usize,
    /// The seed of the run.
    pub seed: u64,
    /// Where to compute.
    pub device: &'a Device,
}

/// Why an objective cannot work so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// A key has a value that the objective cannot work with.
    #[error("`{key}` must be {allowed}")]
    Key {
        /// The key, `train.batch_size`.
        key: &'static str,
        /// What would be right, in words that follow "expected".
        allowed: String,
    },
    /// The images are not what the objective needs.
    #[error("{0}")]
    Images(String),
}

/// Makes an objective of complete constants.
pub type Constructor = fn(&Constants, &Scope) -> Result<Box<dyn Objective>, Unfit>;

/// An objective that a program knows.
#[derive(Debug)]
pub struct Entry {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// Which output it reads.
    pub layer: Layer,
    /// Its constants.
    pub constants: &'static [Constant],
    /// What else it wants of a configuration, where a user names it: a text of TOML, its reference
    /// recipe as far as it does not depend on the images.
    pub preset: &'static str,
    /// Makes it of complete constants.
    pub create: Constructor,
}

impl Entry {
    /// The constant of this name.
    pub fn constant(&self, name: &str) -> Option<&'static Constant> {
        self.constants.iter().find(|constant| constant.name == name)
    }

    /// The given constants and the defaults of all others.
    ///
    /// # Errors
    /// If one is given that the objective does not have, or with a value that it does not take.
    fn complete(&self, given: &Constants) -> Result<Constants, ObjectiveError> {
        for (name, value) in given.iter() {
            if !self.constant(name).is_some_and(|constant| constant.allowed.takes(value)) {
                return Err(ObjectiveError::Constant {
                    objective: self.name.to_owned(),
                    constant: name.to_owned(),
                });
            }
        }
        let mut all = given.clone();
        for constant in self.constants.iter().filter(|constant| given.get(constant.name).is_none())
        {
            all.set(constant.name, constant.default.clone());
        }
        Ok(all)
    }
}

/// Why there is no such objective.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectiveError {
    /// No objective has this name.
    #[error("there is no objective `{name}`; known are: {known}")]
    Unknown {
        /// The name.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// A constant is not one of the objective's, or its value is not one that it takes.
    #[error("the objective `{objective}` has no constant `{constant}` with this value")]
    Constant {
        /// The objective.
        objective: String,
        /// The constant.
        constant: String,
    },
    /// It cannot work with these images and networks.
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

/// The objectives a program knows.
#[derive(Debug, Clone)]
pub struct Registry {
    entries: BTreeMap<&'static str, &'static Entry>,
}

impl Default for Registry {
    /// The objectives of this crate.
    fn default() -> Self {
        let mut registry = Self::empty();
        for entry in crate::ALL {
            registry.insert(entry);
        }
        registry
    }
}

impl Registry {
    /// No objective.
    pub fn empty() -> Self {
        Self { entries: BTreeMap::new() }
    }

    /// Adds an objective, or replaces the one of this name.
    pub fn insert(&mut self, entry: &'static Entry) {
        self.entries.insert(entry.name, entry);
    }

    /// All of them, by name.
    pub fn entries(&self) -> impl Iterator<Item = &'static Entry> {
        self.entries.values().copied()
    }

    /// The names, sorted.
    pub fn names(&self) -> Vec<&'static str> {
        self.entries.keys().copied().collect()
    }

    /// The objective of this name.
    pub fn find(&self, name: &str) -> Option<&'static Entry> {
        self.entries.get(name).copied()
    }

    /// The objective that `config` names, before its first step.
    ///
    /// # Errors
    /// If there is none of this name, or it cannot work so.
    pub fn create(
        &self,
        config: &ObjectiveConfig,
        scope: &Scope,
    ) -> Result<Box<dyn Objective>, ObjectiveError> {
        let entry = self.find(&config.name).ok_or_else(|| ObjectiveError::Unknown {
            name: config.name.clone(),
            known: self.names().join(", "),
        })?;
        Ok((entry.create)(&entry.complete(&config.constants)?, scope)?)
    }
}
