//! Mean and deviation of each channel.

use std::cell::RefCell;

use super::{in_parallel, spread};
use crate::source::Source;
use crate::views::{Scratch, ViewPipeline};

/// Mean and deviation of each channel over the evaluation views of some images.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelStatistics {
    /// The mean of each channel.
    pub mean: Vec<f64>,
    /// The deviation of each channel, of all pixels of all images together.
    pub std: Vec<f64>,
    /// Images that were measured.
    pub images: usize,
}

thread_local! {
    /// What views are made in, and the last one.
    static BUFFERS: RefCell<(Scratch, Vec<f32>)> = RefCell::default();
}

impl ChannelStatistics {
    /// Measures `most` images spread over a source (0 for all), as the pipeline gives them; none
    /// where no image can be decoded.
    ///
    /// # Numerics
    /// Sums in f64, of images in their order: the number of threads does not show.
    pub fn measure(
        source: &dyn Source,
        pipeline: &ViewPipeline,
        most: usize,
        workers: usize,
    ) -> Option<Self> {
        let [channels, height, width] = pipeline.evaluation_shape();
        let pixels = height * width;
        let sums = in_parallel(&spread(source.len(), most), workers, |&id| {
            let image = source.load(id).ok()?;
            pipeline.check(&image).ok()?;
            BUFFERS.with_borrow_mut(|(scratch, view)| {
                view.resize(channels * pixels, 0.0);
                pipeline.render_evaluation(&image, scratch, view);
                let of_channel = |values: &[f32]| {
                    let sum = |f: fn(f64) -> f64| values.iter().map(|&v| f(v.into())).sum::<f64>();
                    [sum(|v| v), sum(|v| v * v)]
                };
                Some(view.chunks_exact(pixels).map(of_channel).collect::<Vec<_>>())
            })
        });
        let mut totals = vec![[0.0; 2]; channels];
        let mut images = 0;
        for sums in sums.into_iter().flatten() {
            images += 1;
            for (total, sum) in totals.iter_mut().zip(sums) {
                total[0] += sum[0];
                total[1] += sum[1];
            }
        }
        let count = (images > 0).then_some((images * pixels) as f64)?;
        let mean: Vec<f64> = totals.iter().map(|total| total[0] / count).collect();
        let variance = totals.iter().zip(&mean).map(|(total, mean)| total[1] / count - mean * mean);
        let std = variance.map(|variance| variance.max(0.0).sqrt()).collect();
        Some(Self { mean, std, images })
    }
}
