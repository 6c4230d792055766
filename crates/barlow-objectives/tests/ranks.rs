//! Two ranks with half of a batch each do what one does with all of it: same loss, same gradients,
//! and afterwards the same state on both.

use std::collections::BTreeMap;
use std::sync::{Arc, Barrier, Mutex};

use barlow_nn::collective::{Collective, CollectiveError, SingleRank};
use barlow_objectives::{
    ConstantValue, EpochContext, Objective, ObjectiveConfig, Registry, Scope, StepContext,
    ViewOutputs,
};
use barlow_testing::fill;
use burn::tensor::{Device, Tensor, TensorData};

const WORLD: usize = 2;
const N: usize = 8;
const DIM: usize = 6;
const IMAGES: usize = 20;
/// Of the images of the batch, in no order.
const IDS: [u64; N] = [17, 3, 9, 0, 12, 5, 1, 19];

/// A rank among threads of this process.
#[derive(Debug, Clone)]
struct Rank {
    number: usize,
    barrier: Arc<Barrier>,
    rows: Arc<Mutex<[Option<Tensor<2>>; WORLD]>>,
}

impl Rank {
    fn all() -> [Self; WORLD] {
        let (barrier, rows) = (Arc::new(Barrier::new(WORLD)), Arc::default());
        [0, 1].map(|rank| Self {
            number: rank,
            barrier: Arc::clone(&barrier),
            rows: Arc::clone(&rows),
        })
    }
}

impl Collective for Rank {
    fn rank(&self) -> usize {
        self.number
    }

    fn world(&self) -> usize {
        WORLD
    }

    fn sum(&self, tensor: Tensor<1>) -> Result<Tensor<1>, CollectiveError> {
        let shape = [1, tensor.dims()[0]];
        Ok(self.gather(tensor.reshape(shape))?.sum_dim(0).flatten(0, 1))
    }

    fn gather(&self, rows: Tensor<2>) -> Result<Tensor<2>, CollectiveError> {
        self.rows.lock().expect("no rank panics here")[self.number] = Some(rows);
        self.barrier.wait();
        let all = self.rows.lock().expect("no rank panics here").clone();
        self.barrier.wait();
        Ok(Tensor::cat(all.into_iter().flatten().collect(), 0))
    }

    fn broadcast(&self, tensor: Tensor<1>) -> Result<Tensor<1>, CollectiveError> {
        let length = tensor.dims()[0];
        Ok(self.gather(tensor.reshape([1, length]))?.slice(0..1).flatten(0, 1))
    }

    fn barrier(&self) -> Result<(), CollectiveError> {
        self.barrier.wait();
        Ok(())
    }

    fn share(&self) -> Arc<dyn Collective> {
        Arc::new(self.clone())
    }

    fn abort(&self, _reason: &str) {}
}

fn matrix(values: Vec<f32>) -> Tensor<2> {
    let shape = [values.len() / DIM, DIM];
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn values(tensor: &Tensor<2>) -> Vec<f32> {
    tensor.clone().into_data().iter::<f32>().collect()
}

/// What a step of some rows of the batch gave.
#[derive(Debug, PartialEq)]
struct Outcome {
    loss: f64,
    /// For the online output of each view, and for its prediction.
    gradients: Vec<[Option<Vec<f32>>; 2]>,
    parameter_gradients: BTreeMap<String, Vec<f32>>,
    state: BTreeMap<String, Vec<f32>>,
}

fn outcome(config: &ObjectiveConfig, collective: &dyn Collective) -> Outcome {
    let device = Device::flex();
    let scope =
        Scope { dim: DIM, batch_size: N, images: IMAGES, classes: 4, seed: 5, device: &device };
    let mut objective: Box<dyn Objective> =
        Registry::default().create(config, &scope).expect("an objective that fits");
    let context = EpochContext { epoch: 0, epochs: 3, seed: 5, collective };
    let mut features = || Ok(matrix(fill("ranks/features", IMAGES * DIM, -1.0, 1.0)));
    objective.before_epoch(&context, &mut features).expect("all ranks");

    let own = N / collective.world();
    let rows = collective.rank() * own..(collective.rank() + 1) * own;
    let output = |name: String| {
        let all = matrix(fill(&format!("ranks/{name}"), N * DIM, -1.0, 1.0));
        Some(all.slice(rows.clone()))
    };
    let view = |view: usize| ViewOutputs {
        online: output(format!("view_{view}")),
        prediction: output(format!("prediction_{view}")),
        target: output(format!("target_{view}")),
    };
    let views = [view(0), view(1), view(2)];
    let labels = [Some(3), None, Some(0), Some(1), Some(2), None, None, Some(3)];
    let context = StepContext {
        step: 7,
        total_steps: 9,
        seed: 5,
        ids: &IDS[rows.clone()],
        labels: &labels[rows.clone()],
        collective,
    };
    let evaluation = objective.evaluate(&views, &context).expect("all ranks");
    objective.after_step(&views, &context).expect("all ranks");
    let named = |tensors: BTreeMap<String, Tensor<2>>| {
        tensors.into_iter().map(|(name, tensor)| (name, values(&tensor))).collect()
    };
    let gradients = evaluation.gradients.iter();
    Outcome {
        loss: evaluation.loss,
        gradients: gradients
            .map(|of| [&of.online, &of.prediction].map(|of| of.as_ref().map(values)))
            .collect(),
        parameter_gradients: named(evaluation.parameter_gradients),
        state: named(objective.state()),
    }
}

#[test]
fn two_ranks_do_what_one_does() {
    let number = |name, value| (name, ConstantValue::Integer(value));
    let predictor = || ("predictor", ConstantValue::Text("8-6".into()));
    let averaged = || ("averaged_target", ConstantValue::Boolean(true));
    let configs = [
        ("barlow-twins", vec![]),
        ("barlow-twins", vec![("normalization", ConstantValue::Text("features".into()))]),
        ("barlow-twins", vec![averaged(), predictor()]),
        ("byol", vec![predictor()]),
        ("corinfomax", vec![]),
        ("deepcluster", vec![number("prototypes", 5)]),
        ("directclr", vec![number("dimensions", 4)]),
        ("hsic", vec![]),
        ("imax", vec![]),
        ("infonce", vec![]),
        ("mixed-barlow-twins", vec![]),
        ("moco", vec![number("queue", 16), number("batch_norm_groups", 1)]),
        ("sela", vec![number("clusters", 5), number("heads", 2)]),
        ("simclr", vec![]),
        ("simsiam", vec![predictor()]),
        ("simsiam", vec![predictor(), ("stop_gradient", ConstantValue::Boolean(false))]),
        ("supervised", vec![]),
        ("swav", vec![number("prototypes", 5), number("queue", 12), number("frozen_steps", 0)]),
        ("vicreg", vec![]),
        ("w-mse", vec![number("slice", 8)]),
    ];
    for (name, constants) in configs {
        let mut config = ObjectiveConfig { name: name.to_owned(), ..ObjectiveConfig::default() };
        for (constant, value) in constants {
            config.constants.set(constant, value);
        }
        let one = outcome(&config, &SingleRank);
        let ranks = Rank::all();
        let config = &config;
        let [first, second] = std::thread::scope(|scope| {
            ranks
                .each_ref()
                .map(|rank| scope.spawn(move || outcome(config, rank)))
                .map(|thread| thread.join().expect("no rank panics"))
        });
        assert_eq!(first.loss.to_bits(), one.loss.to_bits(), "{name}");
        for rank in [&first, &second] {
            assert_eq!(rank.state, one.state, "{name}");
            assert_eq!(rank.parameter_gradients, one.parameter_gradients, "{name}");
        }
        let halves = first.gradients.iter().flatten().zip(second.gradients.iter().flatten());
        let whole: Vec<_> = one.gradients.iter().flatten().collect();
        assert!(whole.iter().any(|gradient| gradient.is_some()), "{name}");
        for (place, (halves, expected)) in halves.zip(whole).enumerate() {
            let found = halves.0.clone().zip(halves.1.clone()).map(|(a, b)| [a, b].concat());
            assert_eq!(&found, expected, "{name}, output {place}");
            let is_used = |found: &Vec<f32>| found.iter().any(|&gradient| gradient != 0.0);
            // Both outputs of the large views; a small one may be nobody's target.
            let is_large = place < 4;
            assert!(!is_large || found.is_none_or(|found| is_used(&found)), "{name}, {place}");
        }
    }
}

/// The views that Mixed Barlow Twins makes of this rank's part of two.
fn mixed_views(collective: &dyn Collective) -> Vec<Vec<f32>> {
    let device = Device::flex();
    let scope =
        Scope { dim: DIM, batch_size: N, images: IMAGES, classes: 0, seed: 5, device: &device };
    let config =
        ObjectiveConfig { name: "mixed-barlow-twins".to_owned(), ..ObjectiveConfig::default() };
    let objective = Registry::default().create(&config, &scope).expect("an objective that fits");
    let own = N / collective.world();
    let rows = collective.rank() * own..(collective.rank() + 1) * own;
    let view = |name: &str| {
        let all = matrix(fill(&format!("ranks/pixels/{name}"), N * DIM, -1.0, 1.0));
        all.slice(rows.clone()).reshape([own, 1, 2, DIM / 2]).autodiff()
    };
    let context = StepContext {
        step: 7,
        total_steps: 9,
        seed: 5,
        ids: &IDS[rows.clone()],
        labels: &[None; N][rows.clone()],
        collective,
    };
    let views = objective.before_views(vec![view("a"), view("b")], &context).expect("all ranks");
    views.into_iter().map(|view| view.inner().into_data().iter::<f32>().collect()).collect()
}

#[test]
fn two_ranks_mix_images_as_one_does() {
    let one = mixed_views(&SingleRank);
    let ranks = Rank::all();
    let [first, second] = std::thread::scope(|scope| {
        ranks
            .each_ref()
            .map(|rank| scope.spawn(move || mixed_views(rank)))
            .map(|thread| thread.join().expect("no rank panics"))
    });
    assert_eq!(one.len(), 3);
    let halves = first.into_iter().zip(second).map(|(first, second)| [first, second].concat());
    assert_eq!(halves.collect::<Vec<_>>(), one);
}
