//! Batch norm in groups of images, and a batch in another order (MoCo's shuffled batch norm).
//!
//! Several devices that each normalise their own part of a batch leak less of it to each other than
//! one that normalises all (He et al., 2020, section 3.3). On one device the parts are groups of
//! neighbouring images (official demo on CIFAR-10: `SplitBatchNorm`), and what must not leak between
//! the two networks is kept apart by giving one of them the images in another order.

use barlow_nn::collective::{Collective, CollectiveError, SingleRank};
use barlow_nn::{Network, Pass, Precision};
use barlow_objectives::{Layer, Needs, StepContext};
use barlow_random::{Key, Permutation};
use burn::tensor::{Int, Tensor, TensorData};

use super::Statistics;

/// What a random order of a batch is drawn for.
const SHUFFLE: u64 = u64::from_le_bytes(*b"shuffle ");

/// How a batch is cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Groups<'a> {
    collective: &'a dyn Collective,
    /// On this rank; one group of all ranks where it is 0.
    own: usize,
}

/// A network, which of its outputs is wanted, and where its statistics go.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) network: &'a Network,
    pub(super) layer: Layer,
    pub(super) precision: Precision,
    pub(super) seen: &'a mut Vec<Statistics>,
}

impl Reader<'_> {
    fn read(
        &mut self,
        view: Tensor<4>,
        collective: &dyn Collective,
    ) -> Result<Tensor<2>, CollectiveError> {
        let pass = Pass::training(collective, self.precision);
        let output = match self.layer {
            Layer::Representation => self.network.encoder.forward(view, &pass)?,
            Layer::Embedding => self.network.forward(view, &pass)?.embedding,
        };
        self.seen.push(pass.into_statistics());
        Ok(output)
    }
}

impl<'a> Groups<'a> {
    pub(super) fn of(needs: &Needs, collective: &'a dyn Collective) -> Self {
        let own = match needs.batch_norm_groups {
            0 | 1 => 0,
            groups => (groups / collective.world()).max(1),
        };
        Self { collective, own }
    }

    /// What a network makes of a view.
    pub(super) fn read(
        self,
        reader: &mut Reader,
        view: Tensor<4>,
    ) -> Result<Tensor<2>, CollectiveError> {
        if self.own == 0 {
            return reader.read(view, self.collective);
        }
        let images = view.dims()[0];
        let bound = |group: usize| group * images / self.own;
        let outputs = (0..self.own).map(|group| {
            reader.read(view.clone().slice(bound(group)..bound(group + 1)), &SingleRank)
        });
        Ok(Tensor::cat(outputs.collect::<Result<Vec<_>, _>>()?, 0))
    }

    /// The same, the images of all ranks in another order; rows come back in the order of the batch.
    pub(super) fn read_shuffled(
        self,
        reader: &mut Reader,
        view: Tensor<4>,
        position: usize,
        context: &StepContext,
    ) -> Result<Tensor<2>, CollectiveError> {
        let [own, channels, height, width] = view.dims();
        let all = context.collective.gather(view.reshape([own, channels * height * width]))?;
        let images = all.dims()[0];
        let device = all.device();
        let key = Key {
            seed: context.seed,
            purpose: SHUFFLE,
            epoch: context.step,
            position: position as u64,
        };
        let order = Permutation::new(key, images as u64);
        let order: Vec<usize> = (0..images).map(|place| order.at(place as u64) as usize).collect();
        let mut back = vec![0; images];
        order.iter().enumerate().for_each(|(place, &image)| back[image] = place);
        let indices = |places: &[usize]| {
            let places: Vec<i64> = places.iter().map(|&place| place as i64).collect();
            let count = places.len();
            Tensor::<1, Int>::from_data(TensorData::new(places, [count]), &device)
        };
        let first = context.collective.rank() * own;
        let shuffled = all.select(0, indices(&order[first..first + own]));
        let output = self.read(reader, shuffled.reshape([own, channels, height, width]))?;
        Ok(context.collective.gather(output)?.select(0, indices(&back[first..first + own])))
    }
}
