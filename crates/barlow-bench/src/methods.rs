//! `methods`: a whole step of every objective, by turns, as a ratio to Barlow Twins'.
//!
//! Forward and backward of every network, loss, update, and what the objective does after a step, with
//! the networks of its recipe under the preset `fashion-mnist` (ResNet-18 at width 16, 28 px). Views are
//! noise, already in memory. Work before an epoch, a forward pass of all images and their clustering, is
//! timed by itself, from the second epoch on, and shared out to the epoch's steps in a second ratio.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, ensure};
use barlow::settings::{TypedSettings, resolve};
use barlow_nn::collective::SingleRank;
use barlow_nn::{Pass, Precision};
use barlow_objectives::{EpochContext, Layer, Objective, Registry, Scope, StepContext};
use barlow_train::networks::{Networks, output_dim};
use barlow_train::optimizer::Optimizer;
use barlow_train::schedule::{Rates, StepRates};
use barlow_train::settings::Settings;
use barlow_train::step::Step;
use burn::module::Module;
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

/// Settings of objectives that cost more than their recipe: what it is, the objective, the keys.
const SETTINGS: [(&str, &str, &[&str]); 4] = [
    ("barlow-twins, averaged target", BASE, &["objective.averaged_target=true"]),
    ("barlow-twins, 4 small views", BASE, SMALL),
    ("swav, 4 small views", "swav", SMALL),
    ("w-mse, 4 views", "w-mse", &["views.small_views=2", "views.small_image_size=28"]),
];
/// A quarter of the area of a large view each.
const SMALL: &[&str] = &["views.small_views=4", "views.small_image_size=14"];

/// An objective with everything that its steps need.
struct Method {
    label: String,
    networks: Networks,
    objective: Box<dyn Objective>,
    layer: Layer,
    precision: Precision,
    optimizer: Optimizer,
    views: Vec<Tensor<4>>,
    /// All of an epoch.
    images: Tensor<4>,
    epoch: u64,
    step: u64,
}

impl Method {
    fn new(
        label: &str,
        name: &str,
        keys: &[&str],
        images: &Tensor<4>,
        arguments: &MethodsArguments,
    ) -> anyhow::Result<Self> {
        let registry = Registry::default();
        let mut set = vec![
            format!("objective.name={name}"),
            format!("train.batch_size={}", arguments.batch_size),
            format!("encoder.width={}", arguments.width),
        ];
        set.extend(keys.iter().map(|&key| key.to_owned()));
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
        let objective = registry.create(&objective, &scope)?;
        let needs = objective.needs();
        let precision = Precision::of(&train.precision, &device);
        let networks = Networks::new(&encoder, &projector, (layer, &needs), 0, &device, precision);
        let small = std::iter::repeat_n(views.small_image_size, views.small_views);
        let sides = [views.image_size; 2].into_iter().chain(small).zip(1..);
        let of =
            |(side, seed)| normal(seed, [train.batch_size, data.channels, side, side], &device);
        let views = sides.map(of).collect();
        let optimizer = Optimizer::new(&optimizer);
        let label = label.to_owned();
        Ok(Self {
            label,
            networks,
            objective,
            layer,
            precision,
            optimizer,
            views,
            images: images.clone(),
            epoch: 0,
            step: 0,
        })
    }

    /// What is done before an epoch of [`IMAGES`] images.
    fn before_epoch(&mut self) -> anyhow::Result<()> {
        let (epoch, collective) = (self.epoch, &SingleRank);
        let context = EpochContext { epoch, epochs: 100, seed: 0, collective };
        self.epoch += 1;
        let (networks, layer, images) = (&self.networks, self.layer, &self.images);
        let batch_size = self.views[0].dims()[0];
        let pass = Pass::evaluation(self.precision);
        let mut features = || {
            let network = networks.online.valid();
            let mut rows = Vec::new();
            for begin in (0..IMAGES).step_by(batch_size) {
                let batch = images.clone().narrow(0, begin, batch_size.min(IMAGES - begin));
                rows.push(match layer {
                    Layer::Representation => network.encoder.forward(batch, &pass)?,
                    Layer::Embedding => network.forward(batch, &pass)?.embedding,
                });
            }
            Ok(Tensor::cat(rows, 0))
        };
        Ok(self.objective.before_epoch(&context, &mut features)?)
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
        ensure!(step.fault.is_none(), "{}: {:?}", self.label, step.fault);
        let (networks, objective) = (&mut self.networks, &mut *self.objective);
        black_box(step.apply(networks, objective, &mut self.optimizer, rates, &context)?);
        self.step += 1;
        Ok(())
    }

    /// Seconds of the work before an epoch and of a step.
    fn seconds(&mut self) -> anyhow::Result<[f64; 2]> {
        let begin = Instant::now();
        self.before_epoch()?;
        let before = begin.elapsed().as_secs_f64();
        self.step()?;
        Ok([before, begin.elapsed().as_secs_f64() - before])
    }
}

/// Measurements of a method, one of each a turn.
#[derive(Debug, Clone, Default)]
struct Timings {
    before_epoch: Timing,
    step: Timing,
    /// Of a step, to that of Barlow Twins in the same turn.
    ratio: Timing,
    /// The same with each step's share of the work before an epoch.
    epoch_ratio: Timing,
}

/// Times every objective by turns.
pub(crate) fn run(arguments: &MethodsArguments, options: &Options) -> anyhow::Result<()> {
    let images = normal(0, [IMAGES, 1, 28, 28], &Device::flex());
    let registry = Registry::default();
    let own = registry.names().into_iter().map(|name| (name, name, &[][..]));
    let chosen = own.chain(SETTINGS);
    let chosen = chosen.filter(|(label, ..)| *label == BASE || label.contains(&arguments.only));
    let methods = chosen.map(|(label, name, keys)| {
        Method::new(label, name, keys, &images, arguments).context(label)
    });
    let mut methods: Vec<Method> = methods.collect::<anyhow::Result<_>>()?;
    for method in &mut methods {
        // The first of each fills buffers, and memories of images.
        method.seconds()?;
    }
    let base = methods.iter().position(|method| method.label == BASE).context(BASE)?;
    let mut timings = vec![Timings::default(); methods.len()];
    let steps = IMAGES as f64 / arguments.batch_size as f64;
    for _ in 0..options.repetitions {
        let turn: Vec<[f64; 2]> =
            methods.iter_mut().map(Method::seconds).collect::<anyhow::Result<_>>()?;
        let [_, base] = turn[base];
        for (timings, [before, step]) in timings.iter_mut().zip(turn) {
            timings.before_epoch.push(before);
            timings.step.push(step);
            timings.ratio.push(step / base);
            timings.epoch_ratio.push((before / steps + step) / base);
        }
    }
    let columns =
        ["objective", "ms a step", "to Barlow Twins", "spread", "with work before epochs"];
    let mut table = Table::new(columns);
    let mut results = Vec::new();
    for (method, Timings { before_epoch, step, ratio, epoch_ratio }) in methods.iter().zip(&timings)
    {
        table.row([
            method.label.clone(),
            format!("{:.0}", 1e3 * step.median()),
            format!("{:.2}", ratio.median()),
            format!("{:.0} %", 100.0 * ratio.spread()),
            format!("{:.2}", epoch_ratio.median()),
        ]);
        results.push(json!({
            "objective": method.label,
            "milliseconds": 1e3 * step.median(),
            "ratio": ratio.median(),
            "milliseconds_before_epoch": 1e3 * before_epoch.median(),
            "epoch_ratio": epoch_ratio.median(),
        }));
    }
    output::results(options.json, options.threads(), &results, &table)
}
