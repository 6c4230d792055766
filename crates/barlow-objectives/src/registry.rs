//! Objectives by name.

use std::collections::BTreeMap;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::barlow_twins::BarlowTwins;
use crate::objective::Objective;

/// `[objective]`: which one, and its constants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectiveConfig {
    /// Its name.
    pub name: String,
    /// Weight of the redundancy-reduction term.
    pub lambda: f64,
}

impl Default for ObjectiveConfig {
    /// Official main.py; the paper rounds λ to 5e-3.
    fn default() -> Self {
        Self { name: BarlowTwins::NAME.to_owned(), lambda: 0.0051 }
    }
}

/// Makes an objective that reads outputs of length `dim` on a device.
pub type Constructor = fn(&ObjectiveConfig, dim: usize, &Device) -> Box<dyn Objective>;

/// The objectives a program knows.
#[derive(Debug, Clone)]
pub struct Registry {
    constructors: BTreeMap<&'static str, Constructor>,
}

impl Default for Registry {
    fn default() -> Self {
        let mut registry = Self { constructors: BTreeMap::new() };
        registry
            .insert(BarlowTwins::NAME, |config, _, _| Box::new(BarlowTwins::new(config.lambda)));
        registry
    }
}

impl Registry {
    /// Adds an objective, or replaces the one of this name.
    pub fn insert(&mut self, name: &'static str, constructor: Constructor) {
        self.constructors.insert(name, constructor);
    }

    /// The names, sorted.
    pub fn names(&self) -> Vec<&'static str> {
        self.constructors.keys().copied().collect()
    }

    /// The objective that `config` names; `None` if there is none of this name.
    pub fn create(
        &self,
        config: &ObjectiveConfig,
        dim: usize,
        device: &Device,
    ) -> Option<Box<dyn Objective>> {
        self.constructors.get(config.name.as_str()).map(|create| create(config, dim, device))
    }
}
