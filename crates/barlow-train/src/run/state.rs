//! Everything that changes while a run goes, and its way into a checkpoint and back.

use barlow_nn::collective::CollectiveError;
use barlow_nn::named::{self, WeightsMismatch};
use barlow_nn::tensor_file::{Array, Dtype, TensorFileError, Tensors};
use barlow_objectives::{Objective, StepContext};
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::json;

use super::{End, Outcome, Run};
use crate::checkpoint::Snapshot;
use crate::health::Readings;
use crate::networks::Networks;
use crate::optimizer::Optimizer;
use crate::schedule::StepRates;
use crate::settings::OptimizerSettings;
use crate::step::Step;

const OPTIMIZER: &str = "optimizer/";
const OBJECTIVE_PARAMETERS: &str = "objective/parameters/";
const OBJECTIVE_STATE: &str = "objective/state/";
const READINGS: &str = "readings/";

/// Everything that changes while a run goes.
#[derive(Debug)]
pub(super) struct State {
    /// Steps done, those skipped included.
    pub(super) step: u64,
    pub(super) networks: Networks,
    pub(super) objective: Box<dyn Objective>,
    pub(super) optimizer: Optimizer,
    pub(super) readings: Readings,
    /// Steps whose numbers were not finite.
    pub(super) skipped: u64,
    pub(super) skipped_in_a_row: u32,
    /// k-NN accuracy of the untrained encoder, and the one measured last.
    pub(super) knn: [Option<f64>; 2],
}

/// Why a checkpoint is not this run's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The images are others now.
    #[error(
        "the images changed since the run began (then: {then}; now: {now}); start a new run on them"
    )]
    Images {
        /// What the checkpoint was made with.
        then: String,
        /// What there is.
        now: String,
    },
    /// The network is another one.
    #[error(transparent)]
    Weights(#[from] WeightsMismatch),
    /// An array is not of the type it should be.
    #[error(transparent)]
    Array(#[from] TensorFileError),
}

impl State {
    /// The state before the first step.
    pub(super) fn new(
        networks: Networks,
        objective: Box<dyn Objective>,
        optimizer: &OptimizerSettings,
    ) -> Self {
        Self {
            step: 0,
            networks,
            objective,
            optimizer: Optimizer::new(optimizer),
            readings: Readings::default(),
            skipped: 0,
            skipped_in_a_row: 0,
            knn: [None; 2],
        }
    }

    /// Applies a step.
    pub(super) fn apply(
        &mut self,
        step: Step,
        rates: StepRates,
        context: &StepContext,
    ) -> Result<(), CollectiveError> {
        let evaluation = step.evaluation.clone();
        let objective = &mut *self.objective;
        let relative_update =
            step.apply(&mut self.networks, objective, &mut self.optimizer, rates, context)?;
        let has_collapsed = self.objective.has_collapsed(&evaluation);
        self.readings.applied(&evaluation, relative_update, has_collapsed.then_some(context.step));
        self.skipped_in_a_row = 0;
        Ok(())
    }

    /// The state as a checkpoint keeps it.
    pub(super) fn snapshot(&self, run: &Run) -> Snapshot {
        let mut tensors = self.networks.arrays();
        tensors.append(&mut self.optimizer.state(OPTIMIZER));
        tensors.append(&mut self.readings.arrays(READINGS));
        let mut put = |prefix: &str, name: &str, tensor: Tensor<2>| {
            let shape = tensor.dims();
            tensors.insert(format!("{prefix}{name}"), named::array(tensor.flatten(0, 1), &shape));
        };
        for (name, tensor) in self.objective.parameters() {
            put(OBJECTIVE_PARAMETERS, &name, tensor);
        }
        for (name, tensor) in self.objective.state() {
            put(OBJECTIVE_STATE, &name, tensor);
        }
        let knn = self.knn.map(|knn| knn.unwrap_or(f64::NAN));
        let bytes = knn.iter().flat_map(|value| value.to_le_bytes()).collect();
        let knn = Array { dtype: Dtype::F64, shape: vec![knn.len()], bytes };
        tensors.insert("knn".to_owned(), knn);
        let facts = json!({
            "images": run.source.fingerprint(),
            "skipped": self.skipped,
            "skipped_in_a_row": self.skipped_in_a_row,
        });
        Snapshot { step: self.step, tensors, facts }
    }

    /// The state that a checkpoint kept.
    pub(super) fn restore(
        &mut self,
        snapshot: &Snapshot,
        run: &Run,
        device: &Device,
    ) -> Result<(), RestoreError> {
        let Snapshot { step, tensors, facts } = snapshot;
        let then = facts["images"].as_str().unwrap_or_default().to_owned();
        let now = run.source.fingerprint();
        if then != now {
            return Err(RestoreError::Images { then, now });
        }
        let device = device.clone().inner();
        self.step = *step;
        self.networks.load(tensors)?;
        self.optimizer.restore(tensors, OPTIMIZER, &device)?;
        self.readings = Readings::load(tensors, READINGS)?;
        self.objective.set_parameters(matrices(tensors, OBJECTIVE_PARAMETERS, &device)?);
        self.objective.restore(matrices(tensors, OBJECTIVE_STATE, &device)?);
        self.skipped = facts["skipped"].as_u64().unwrap_or(0);
        self.skipped_in_a_row = facts["skipped_in_a_row"].as_u64().unwrap_or(0) as u32;
        if let Some(array) = tensors.get("knn") {
            let knn = array.to_values::<f64>()?;
            let value = |index: usize| knn.get(index).copied().filter(|knn| knn.is_finite());
            self.knn = [value(0), value(1)];
        }
        Ok(())
    }

    /// What became of the run.
    pub(super) fn outcome(&self, end: End, bad_images: usize, run: &Run) -> Outcome {
        Outcome {
            end,
            step: self.step,
            first_knn: self.knn[0],
            last_knn: self.knn[1],
            skipped_steps: self.skipped,
            bad_images,
            encoder: run.directory.encoder_path(),
        }
    }
}

/// The matrices behind a prefix.
fn matrices(
    tensors: &Tensors,
    prefix: &str,
    device: &Device,
) -> Result<std::collections::BTreeMap<String, Tensor<2>>, TensorFileError> {
    let mut found = std::collections::BTreeMap::new();
    for (name, array) in tensors {
        if let (Some(name), &[rows, columns]) = (name.strip_prefix(prefix), array.shape.as_slice())
        {
            let data = TensorData::new(array.to_f32()?, [rows, columns]);
            found.insert(name.to_owned(), Tensor::from_data(data, device));
        }
    }
    Ok(found)
}
