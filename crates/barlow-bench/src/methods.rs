//! `methods`: a whole step of every objective, by turns, as a ratio to Barlow Twins'.
//!
//! Forward and backward of every network, loss, update, and what the objective does after a step, with
//! the networks of its recipe under the preset `fashion-mnist` (ResNet-18 at width 16, 28 px). Views are
//! noise, already in memory. Work before an epoch (clustering) is not part of a step and not timed.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, ensure};
use barlow::settings::{TypedSettings, resolve};
use barlow_nn::Precision;
use barlow_nn::collective::SingleRank;
use barlow_objectives::{EpochContext, Objective, Registry, Scope, StepContext};
use barlow_train::networks::{Networks, output_dim};
use barlow_train::optimizer::Optimizer;
use barlow_train::schedule::{Rates, StepRates};
use barlow_train::settings::Settings;
use barlow_train::step::Step;
use burn::tensor::{Device, Tensor};
use serde_json::json;

use crate::arguments::{MethodsArguments, Options};
use crate::output;
use crate::step::normal;
use crate::table::Table;
use crate::timing::Timing;

/// What the others are compared with.
const BASE: &str = "barlow-twins";
/// Images that the objectives are told of, and their classes.
const IMAGES: usize = 4096;
const CLASSES: usize = 10;

/// An objective with everything that its steps need.
struct Method {
    name: &'static str,
    networks: Networks,
    objective: Box<dyn Objective>,
    optimizer: Optimizer,
    views: Vec<Tensor<4>>,
    step: u64,
}

impl Method {
    fn new(name: &'static str, arguments: &MethodsArguments) -> anyhow::Result<Self> {
        let registry = Registry::default();
        let set = vec![
            format!("objective.name={name}"),
            format!("train.batch_size={}", arguments.batch_size),
            format!("encoder.width={}", arguments.width),
        ];
        let preset = Some("fashion-mnist".to_owned());
        let typed = TypedSettings { preset, set, ..TypedSettings::default() };
        let Settings { encoder, projector, objective, optimizer, train, views, data, .. } =
            resolve(&typed, &registry)?.settings;
        let device = Device::flex().autodiff();
        let encoder = encoder.config(data.channels);
        let layer = registry.find(name).context("an objective of the registry")?.layer;
        let dim = output_dim(&encoder, &projector, layer);
        let scope = Scope {
            dim,
            batch_size: train.batch_size,
            images: IMAGES,
            classes: CLASSES,
            seed: 0,
            device: &Device::flex(),
        };
        let mut objective = registry.create(&objective, &scope)?;
        let context = EpochContext { epoch: 0, epochs: 1, seed: 0, collective: &SingleRank };
        let mut features = || Ok(normal(7, [IMAGES, dim], &Device::flex()));
        objective.before_epoch(&context, &mut features)?;
        let needs = objective.needs();
        let precision = Precision::of(&train.precision, &device);
        let networks = Networks::new(&encoder, &projector, (layer, &needs), 0, &device, precision);
        let shape = [train.batch_size, data.channels, views.image_size, views.image_size];
        let views = [1, 2].map(|seed| normal(seed, shape, &device)).to_vec();
        let optimizer = Optimizer::new(&optimizer);
        Ok(Self { name, networks, objective, optimizer, views, step: 0 })
    }

    /// A step, computed and applied.
    fn step(&mut self) -> anyhow::Result<()> {
        let n = self.views[0].dims()[0];
        let ids: Vec<u64> = (0..n).map(|place| (place % IMAGES) as u64).collect();
        let labels: Vec<Option<usize>> = (0..n).map(|place| Some(place % CLASSES)).collect();
        let context =
            StepContext { ids: &ids, labels: &labels, ..StepContext::on_one_rank(self.step, 1000) };
        let rates = Rates { weights: 0.1, biases_and_norms: 0.001 };
        let rates = StepRates { now: rates, peak: rates };
        let step = Step::compute(&self.networks, &*self.objective, self.views.clone(), &context)?;
        ensure!(step.fault.is_none(), "{}: {:?}", self.name, step.fault);
        let (networks, objective) = (&mut self.networks, &mut *self.objective);
        black_box(step.apply(networks, objective, &mut self.optimizer, rates, &context)?);
        self.step += 1;
        Ok(())
    }

    fn seconds(&mut self) -> anyhow::Result<f64> {
        let begin = Instant::now();
        self.step()?;
        Ok(begin.elapsed().as_secs_f64())
    }
}

/// Times every objective by turns.
pub(crate) fn run(arguments: &MethodsArguments, options: &Options) -> anyhow::Result<()> {
    let names = Registry::default().names().into_iter();
    let names = names.filter(|name| *name == BASE || name.contains(&arguments.only));
    let methods = names.map(|name| Method::new(name, arguments).context(name));
    let mut methods: Vec<Method> = methods.collect::<anyhow::Result<_>>()?;
    for method in &mut methods {
        // The first step fills buffers.
        method.step()?;
    }
    let base = methods.iter().position(|method| method.name == BASE).context(BASE)?;
    let mut timings = vec![(Timing::default(), Timing::default()); methods.len()];
    for _ in 0..options.repetitions {
        let turn: Vec<f64> =
            methods.iter_mut().map(Method::seconds).collect::<anyhow::Result<_>>()?;
        for ((seconds, ratios), own) in timings.iter_mut().zip(&turn) {
            seconds.push(*own);
            ratios.push(own / turn[base]);
        }
    }
    let mut table = Table::new(["objective", "ms a step", "to Barlow Twins", "spread"]);
    let mut results = Vec::new();
    for (method, (seconds, ratios)) in methods.iter().zip(&timings) {
        let (milliseconds, ratio) = (1e3 * seconds.median(), ratios.median());
        table.row([
            method.name.to_owned(),
            format!("{milliseconds:.0}"),
            format!("{ratio:.2}"),
            format!("{:.0} %", 100.0 * ratios.spread()),
        ]);
        results.push(
            json!({ "objective": method.name, "milliseconds": milliseconds, "ratio": ratio }),
        );
    }
    output::results(options.json, options.threads(), &results, &table)
}
