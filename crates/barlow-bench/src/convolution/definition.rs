//! Single values of a convolution and its gradients by definition, in f64.

use anyhow::ensure;
use barlow_kernels::Convolution;

/// Values looked at.
const SAMPLES: usize = 64;

/// A convolution with its operands in planes.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub convolution: Convolution,
    pub batch: usize,
    /// Of the square input.
    pub side: usize,
    pub x: &'a [f32],
    pub gradient: &'a [f32],
    pub weights: &'a [f32],
}

impl Case<'_> {
    /// Holds values spread over a result to their definition.
    pub(super) fn check(
        &self,
        found: &[f32],
        definition: impl Fn(&Self, usize) -> (f64, f64),
    ) -> anyhow::Result<()> {
        for sample in 0..SAMPLES {
            let at = sample * (found.len() - 1) / (SAMPLES - 1);
            let (expected, size) = definition(self, at);
            let off = (f64::from(found[at]) - expected).abs();
            // Half a unit of bf16, and f32 sums of terms of the given size altogether.
            let allowed = 4e-3 * expected.abs() + 1e-5 * size + 1e-5;
            ensure!(off <= allowed, "value {at} is {}, not {expected}", found[at]);
        }
        Ok(())
    }

    fn output_side(&self) -> usize {
        self.side.div_ceil(self.convolution.stride)
    }

    /// The input under tap `k` of output place `o`, if it is inside.
    fn under(&self, o: usize, k: usize) -> Option<usize> {
        let place = (o * self.convolution.stride + k).checked_sub(self.convolution.kernel / 2)?;
        (place < self.side).then_some(place)
    }

    pub(super) fn output(&self, at: usize) -> (f64, f64) {
        let Convolution { input, output, kernel, .. } = self.convolution;
        let side = self.output_side();
        let (x, y) = (at % side, at / side % side);
        let (o, n) = (at / side / side % output, at / side / side / output);
        let taps = (0..input * kernel * kernel).filter_map(|tap| {
            let (i, ky, kx) = (tap / kernel / kernel, tap / kernel % kernel, tap % kernel);
            let (y, x) = (self.under(y, ky)?, self.under(x, kx)?);
            let value = self.x[((n * input + i) * self.side + y) * self.side + x];
            Some((value, self.weights[o * input * kernel * kernel + tap]))
        });
        sum(taps)
    }

    pub(super) fn data_gradient(&self, at: usize) -> (f64, f64) {
        let Convolution { input, output, kernel, .. } = self.convolution;
        let (side, out) = (self.side, self.output_side());
        let (x, y) = (at % side, at / side % side);
        let (i, n) = (at / side / side % input, at / side / side / input);
        let taps = (0..output * kernel * kernel).filter_map(|tap| {
            let (o, ky, kx) = (tap / kernel / kernel, tap / kernel % kernel, tap % kernel);
            let oy = (0..out).find(|&oy| self.under(oy, ky) == Some(y))?;
            let ox = (0..out).find(|&ox| self.under(ox, kx) == Some(x))?;
            let value = self.gradient[((n * output + o) * out + oy) * out + ox];
            Some((value, self.weights[((o * input + i) * kernel + ky) * kernel + kx]))
        });
        sum(taps)
    }

    pub(super) fn weight_gradient(&self, at: usize) -> (f64, f64) {
        let Convolution { input, output, kernel, .. } = self.convolution;
        let out = self.output_side();
        let (kx, ky) = (at % kernel, at / kernel % kernel);
        let (i, o) = (at / kernel / kernel % input, at / kernel / kernel / input);
        let places = (0..self.batch * out * out).filter_map(|place| {
            let (n, oy, ox) = (place / out / out, place / out % out, place % out);
            let (y, x) = (self.under(oy, ky)?, self.under(ox, kx)?);
            let value = self.x[((n * input + i) * self.side + y) * self.side + x];
            Some((value, self.gradient[((n * output + o) * out + oy) * out + ox]))
        });
        sum(places)
    }
}

/// Σ of products, and Σ of their sizes.
fn sum(terms: impl Iterator<Item = (f32, f32)>) -> (f64, f64) {
    terms.fold((0.0, 0.0), |(sum, size), (a, b)| {
        let term = f64::from(a) * f64::from(b);
        (sum + term, size + term.abs())
    })
}
