//! The gradient of a convolution for its input.

use super::forward::Product;
use super::store::{NOWHERE, Places};
use super::weights::{Direction, PackedWeights};
use super::{Convolution, winograd};
use crate::{Activation, Element, Isa, Strip};

impl Convolution {
    /// The gradient for an input in the places `input`, given the one for the output; added to
    /// `before` where there is one.
    ///
    /// # Panics
    /// If the convolution is not supported, the weights are of another, or the shapes do not fit.
    pub fn data_gradient<T: Element>(
        &self,
        isa: Isa,
        gradient: &Activation<T>,
        weights: &PackedWeights<T>,
        input: Strip,
        before: Option<Activation<T>>,
    ) -> Activation<T> {
        self.check(input);
        weights.check(self, Direction::Backward);
        let strip = gradient.strip();
        assert_eq!(strip, self.output_strip(input), "places of the output's gradient");
        let is_added = before.is_some();
        let mut result = match before {
            Some(before) => {
                assert_eq!(before.strip(), input, "places of the gradient to add to");
                before
            }
            // Every pixel is written at stride 1; the phases leave borders, or whole phases, out.
            None if self.stride == 1 => Activation::dirty(input),
            None => Activation::zeroed(input),
        };
        if let Some(points) = &weights.points {
            winograd::multiply(isa, gradient, points, &mut result, is_added);
            return result;
        }
        let parts = self.backward_runs(strip);
        for ((phase, runs), weights) in parts.iter().zip(&weights.parts) {
            let product = Product {
                source: gradient,
                pixels: strip.pixels(),
                runs,
                weights,
                columns: input.channel_pitch(),
                places: self.places(strip, input, *phase),
                is_added,
            };
            product.run(isa, &mut result);
        }
        result
    }

    /// Where the pixels of an image of the output's gradient go in an image of the input.
    fn places(&self, output: Strip, input: Strip, phase: usize) -> Places {
        if self.stride == 1 {
            return Places::of(input);
        }
        let pitch = output.row_pitch();
        let place = |pixel: usize| {
            let (y, x) = (2 * (pixel / pitch) + phase / 2, 2 * (pixel % pitch) + phase % 2);
            let is_inside = y < input.height && x < input.width;
            if is_inside { input.pixel(0, y, x) as i32 } else { NOWHERE }
        };
        let within = (0..output.image_pitch()).map(place).collect();
        Places { within, image: input.image_pitch() }
    }
}
