//! Encoder and projector together: what is trained.

use std::collections::BTreeMap;

use barlow_weights::EncoderConfig;
use burn::module::{Module, ParamId};
use burn::tensor::Tensor;

use crate::collective::CollectiveError;
use crate::encoder::Encoder;
use crate::init::Initializer;
use crate::layers::MOMENTUM;
use crate::named;
use crate::pass::{BatchStatistics, Pass};
use crate::projector::{Projector, ProjectorConfig};

/// An encoder and the projector behind it.
#[derive(Module, Debug)]
pub struct Network {
    /// Kept after training.
    pub encoder: Encoder,
    /// Thrown away after training.
    pub projector: Projector,
}

/// What a network makes of one view.
#[derive(Debug, Clone)]
pub struct Outputs {
    /// `[batch, representation_dim]`.
    pub representation: Tensor<2>,
    /// `[batch, embedding_dim]`.
    pub embedding: Tensor<2>,
}

impl Network {
    /// A network with its first weights, a function of the initializer's seed and of names only.
    pub fn new(
        encoder: &EncoderConfig,
        projector: &ProjectorConfig,
        initializer: &Initializer,
    ) -> Self {
        let representation_dim = encoder.representation_dim();
        Self {
            encoder: Encoder::new(encoder, &initializer.part("encoder")),
            projector: projector.init(representation_dim, &initializer.part("projector")),
        }
    }

    /// Representation and embedding of each image of a view.
    ///
    /// # Shapes
    /// - `view`: `[batch, channels, height, width]`
    ///
    /// # Errors
    /// If a rank is gone or late.
    pub fn forward(&self, view: Tensor<4>, pass: &Pass) -> Result<Outputs, CollectiveError> {
        let representation = self.encoder.forward(view, pass)?;
        let embedding = self.projector.forward(representation.clone(), pass)?;
        Ok(Outputs { representation, embedding })
    }
}

/// Moves the running statistics of a module's norms towards what one training pass saw:
/// `running ← 0.9 · running + 0.1 · seen`.
#[must_use]
pub fn commit<M: Module>(module: M, statistics: &BTreeMap<ParamId, BatchStatistics>) -> M {
    let norms: BTreeMap<String, ParamId> =
        named::tensors(&module).into_iter().map(|(name, tensor)| (name, tensor.id)).collect();
    named::replace(module, |name, old| {
        let (norm, is_mean) = match name.strip_suffix("running_mean") {
            Some(norm) => (norm, true),
            None => (name.strip_suffix("running_var")?, false),
        };
        let seen = statistics.get(norms.get(&format!("{norm}running_mean"))?)?;
        let seen = if is_mean { &seen.mean } else { &seen.variance };
        Some(old.values.clone() * (1.0 - MOMENTUM) + seen.clone() * MOMENTUM)
    })
}
