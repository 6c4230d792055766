//! The networks of a run: the one that is trained, and what the objective wants beside it.

mod groups;

use std::collections::BTreeMap;

use barlow_nn::collective::CollectiveError;
use barlow_nn::named::{self, WeightsMismatch};
use barlow_nn::tensor_file::Tensors;
use barlow_nn::{
    BatchStatistics, EncoderConfig, Initializer, Network, Pass, Precision, Projector,
    ProjectorConfig, commit,
};
use barlow_objectives::{Layer, Needs, StepContext, ViewOutputs};
use burn::module::ParamId;
use burn::tensor::{Device, Gradients, Tensor};

use groups::{Groups, Reader};

/// Statistics of one pass, by the identity of the norm's running mean.
type Statistics = BTreeMap<ParamId, BatchStatistics>;

/// The trained network, its predictor, and its averaged copy.
#[derive(Debug)]
pub struct Networks {
    /// Encoder and projector, trained.
    pub online: Network,
    /// Behind the online network, trained, if the objective wants one.
    predictor: Option<Projector>,
    /// A moving average of the online network, if the objective wants one.
    target: Option<Network>,
    /// Which outputs the objective wants, and of which views.
    needs: Needs,
    layer: Layer,
    /// In which the networks compute while training.
    precision: Precision,
}

/// What a training pass over the views gave.
#[derive(Debug, Default)]
pub struct Forward {
    /// For the objective, outside any graph.
    pub outputs: Vec<ViewOutputs>,
    /// The same in the graph: online output and prediction of each view.
    pub attached: Vec<[Option<Tensor<2>>; 2]>,
    online: Vec<Statistics>,
    predictor: Vec<Statistics>,
    target: Vec<Statistics>,
}

impl Networks {
    /// Networks with their first weights on an autodiff device.
    pub fn new(
        encoder: &EncoderConfig,
        projector: &ProjectorConfig,
        (layer, needs): (Layer, &Needs),
        seed: u64,
        device: &Device,
        precision: Precision,
    ) -> Self {
        let dim = output_dim(encoder, projector, layer);
        let initializer = Initializer::new(seed, device);
        // First weights are a function of seed and name, so the target begins as a copy.
        let target =
            || Network::new(encoder, projector, &Initializer::new(seed, &device.clone().inner()));
        Self {
            online: Network::new(encoder, projector, &initializer),
            predictor: needs
                .predictor
                .as_ref()
                .map(|predictor| predictor.config.init(dim, &initializer.part("predictor"))),
            target: needs.target.map(|_| target()),
            needs: needs.clone(),
            layer,
            precision,
        }
    }

    /// Takes the encoder's weights, `encoder.…`, and the projector's, `projector.…`, if there are any;
    /// the target begins with the same.
    ///
    /// # Errors
    /// If they are another network's; nothing is changed then.
    pub fn begin_with(&mut self, arrays: &Tensors) -> Result<(), WeightsMismatch> {
        let has_projector = arrays.keys().any(|name| name.starts_with("projector."));
        let load = |network: Network| -> Result<Network, WeightsMismatch> {
            let encoder = named::load(network.encoder, arrays, "encoder.")?;
            let projector = if has_projector {
                named::load(network.projector, arrays, "projector.")?
            } else {
                network.projector
            };
            Ok(Network { encoder, projector })
        };
        let online = load(self.online.clone())?;
        self.target = self.target.clone().map(load).transpose()?;
        self.online = online;
        Ok(())
    }

    fn reader<'a>(&self, network: &'a Network, seen: &'a mut Vec<Statistics>) -> Reader<'a> {
        Reader { network, layer: self.layer, precision: self.precision, seen }
    }

    /// A training pass over the views as far as the objective asks for it: one forward pass for each
    /// view, or for each group of its images, with statistics of its own.
    ///
    /// # Shapes
    /// - `views`: each `[n, c, h, w]`, on the autodiff device
    ///
    /// # Errors
    /// If a rank is gone or late.
    pub fn forward(
        &self,
        views: Vec<Tensor<4>>,
        context: &StepContext,
    ) -> Result<Forward, CollectiveError> {
        let collective = context.collective;
        let mut forward = Forward::default();
        let groups = Groups::of(&self.needs, collective);
        for (position, view) in views.into_iter().enumerate() {
            let target = match (&self.target, self.needs.target) {
                (Some(network), Some(wanted)) if wanted.views.contain(position) => {
                    let view = view.clone().inner();
                    let mut reader = self.reader(network, &mut forward.target);
                    Some(if wanted.is_shuffled {
                        groups.read_shuffled(&mut reader, view, position, context)?
                    } else {
                        groups.read(&mut reader, view)?
                    })
                }
                _ => None,
            };
            let online = if self.needs.online.contain(position) {
                Some(groups.read(&mut self.reader(&self.online, &mut forward.online), view)?)
            } else {
                None
            };
            let is_predicted =
                self.needs.predictor.as_ref().is_some_and(|wanted| wanted.views.contain(position));
            let prediction = match (&self.predictor, &online) {
                (Some(predictor), Some(online)) if is_predicted => {
                    let pass = Pass::training(collective, self.precision);
                    let prediction = predictor.forward(online.clone(), &pass)?;
                    forward.predictor.push(pass.into_statistics());
                    Some(prediction)
                }
                _ => None,
            };
            forward.outputs.push(ViewOutputs {
                online: online.clone().map(Tensor::inner),
                prediction: prediction.clone().map(Tensor::inner),
                target,
            });
            forward.attached.push([online, prediction]);
        }
        Ok(forward)
    }

    /// The gradient of each trained tensor, by name, flattened.
    pub fn gradients(&self, gradients: &Gradients) -> BTreeMap<String, Tensor<1>> {
        let mut all = named::gradients(&self.online, gradients);
        if let Some(predictor) = &self.predictor {
            let own = named::gradients(predictor, gradients).into_iter();
            all.extend(own.map(|(name, gradient)| (format!("predictor.{name}"), gradient)));
        }
        all
    }

    /// Replaces trained tensors by what `update` makes of their name, shape and value; `None` leaves
    /// a tensor as it is.
    pub fn update(
        &mut self,
        mut update: impl FnMut(&str, &[usize], Tensor<1>) -> Option<Tensor<1>>,
    ) {
        self.online = named::replace(self.online.clone(), |name, old| {
            old.is_trained.then(|| update(name, &old.shape, old.values.clone()))?
        });
        self.predictor = self.predictor.take().map(|predictor| {
            named::replace(predictor, |name, old| {
                let name = format!("predictor.{name}");
                old.is_trained.then(|| update(&name, &old.shape, old.values.clone()))?
            })
        });
    }

    /// Moves running statistics by what a pass saw, view by view.
    pub fn commit(&mut self, forward: &Forward) {
        self.online = forward.online.iter().fold(self.online.clone(), commit);
        let predictor = self.predictor.take();
        self.predictor = predictor.map(|module| forward.predictor.iter().fold(module, commit));
        let target = self.target.take();
        self.target = target.map(|module| forward.target.iter().fold(module, commit));
    }

    /// Moves the target's parameters towards the online network's:
    /// `target ← momentum · target + (1 - momentum) · online`; running statistics are its own.
    pub fn average(&mut self, momentum: f64) {
        let Some(target) = self.target.take() else { return };
        let online = named::tensors(&self.online);
        self.target = Some(named::replace(target, |name, old| {
            let own = online.get(name).filter(|own| own.is_trained)?;
            Some(old.values.clone() * momentum + own.values.clone() * (1.0 - momentum))
        }));
    }

    /// Every tensor by name: `online/…`, `predictor/…`, `target/…`.
    pub fn arrays(&self) -> Tensors {
        let mut arrays = named::arrays(&self.online, "online/");
        if let Some(predictor) = &self.predictor {
            arrays.append(&mut named::arrays(predictor, "predictor/"));
        }
        if let Some(target) = &self.target {
            arrays.append(&mut named::arrays(target, "target/"));
        }
        arrays
    }

    /// Takes the tensors that [`Networks::arrays`] gave.
    ///
    /// # Errors
    /// If they are another network's; nothing is changed then.
    pub fn load(&mut self, arrays: &Tensors) -> Result<(), WeightsMismatch> {
        let online = named::load(self.online.clone(), arrays, "online/")?;
        let load = |predictor| named::load(predictor, arrays, "predictor/");
        let predictor = self.predictor.clone().map(load).transpose()?;
        let load = |target| named::load(target, arrays, "target/");
        self.target = self.target.clone().map(load).transpose()?;
        self.predictor = predictor;
        self.online = online;
        Ok(())
    }

    /// Number of trained values in encoder and projector.
    pub fn parameter_count(&self) -> usize {
        let tensors = named::tensors(&self.online);
        tensors.values().filter(|t| t.is_trained).map(|t| t.shape.iter().product::<usize>()).sum()
    }
}

/// Length of what an objective reads.
pub fn output_dim(encoder: &EncoderConfig, projector: &ProjectorConfig, layer: Layer) -> usize {
    match layer {
        Layer::Representation => encoder.representation_dim(),
        Layer::Embedding => projector.widths.embedding_dim(),
    }
}
