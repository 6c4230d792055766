//! Convolution, normalisation and pooling of values, forward and back.

use std::sync::Arc;

use barlow_kernels::{
    self as kernels, Activation, Coefficients, Convolution, Convolved, Element, Isa, Strip,
};
use burn::tensor::{Device, Tensor, TensorData};

use super::join::values;
use super::tape::{Gradients, Tape, Value};
use crate::collective::Collective;

/// Σ and Σ² of each channel of a convolution's output.
pub(crate) type Sums = [Vec<f32>; 2];

/// A value without gradient.
fn constant<T>(isa: Isa, data: Activation<T>) -> Value<T> {
    Value { data: Arc::new(data), node: None, isa }
}

impl<T: Element> Value<T> {
    /// Convolves the images of a view, `[batch, channels, height, width]`, which have no gradient.
    ///
    /// Their few channels would fill a strip with zeros, so windows become channels first.
    pub(crate) fn of_view(
        isa: Isa,
        tape: Option<&Arc<Tape<T>>>,
        view: Tensor<4>,
        weight: Tensor<4>,
        stride: usize,
    ) -> (Self, Sums) {
        let [output, input, kernel, _] = weight.dims();
        let shape = view.dims();
        let planes = values(view);
        let windows = kernels::unfold(isa, planes.storage::<f32>(), shape, kernel, stride);
        let convolution =
            Convolution { input: input * kernel * kernel, output, kernel: 1, stride: 1 };
        constant(isa, windows).convolve_as(convolution, weight, tape)
    }

    /// Rows of features, `[batch, channels]`, which may have a gradient.
    pub(crate) fn of_rows(isa: Isa, tape: Option<Arc<Tape<T>>>, rows: Tensor<2>) -> Self {
        let [batch, channels] = rows.dims();
        let strip = Strip::rows(batch, channels);
        let data = Activation::from_planes(strip, values(rows.clone()).storage::<f32>());
        let Some(tape) = tape else { return constant(isa, data) };
        let slot = tape.tensor(rows);
        tape.push(isa, data, move |gradients, index| {
            let Some(gradient) = gradients.take(index) else { return };
            gradients.hand_back(slot, gradient.to_planes());
        })
    }

    /// Convolves with a weight `[output, input, kernel, kernel]`, padded by half its kernel.
    pub(crate) fn convolve(&self, weight: Tensor<4>, stride: usize) -> (Self, Sums) {
        let [output, input, kernel, _] = weight.dims();
        let convolution = Convolution { input, output, kernel, stride };
        let tape = self.node.as_ref().map(|(tape, _)| tape);
        if convolution.is_supported() {
            return self.convolve_as(convolution, weight, tape);
        }
        let convolution =
            Convolution { input: input * kernel * kernel, output, kernel: 1, stride: 1 };
        self.unfold(kernel, stride).convolve_as(convolution, weight, tape)
    }

    fn convolve_as(
        &self,
        convolution: Convolution,
        weight: Tensor<4>,
        tape: Option<&Arc<Tape<T>>>,
    ) -> (Self, Sums) {
        let isa = self.isa;
        let weights = values(weight.clone());
        let packed = convolution.pack_forward(isa, weights.storage::<f32>());
        let Convolved { output, sum, sum_of_squares } =
            convolution.forward(isa, &self.data, &packed);
        let sums = [sum, sum_of_squares];
        let Some(tape) = tape else { return (constant(isa, output), sums) };
        let slot = tape.tensor(weight);
        let x = self.data.clone();
        let of = self.node.as_ref().map(|&(_, index)| index);
        let step = move |gradients: &mut Gradients<T>, index: usize| {
            let Some(gradient) = gradients.take(index) else { return };
            gradients.hand_back(slot, convolution.weight_gradient(isa, &x, &gradient));
            if let Some(of) = of {
                let packed = convolution.pack_backward(isa, weights.storage::<f32>());
                let before = gradients.take(of);
                let gradient =
                    convolution.data_gradient(isa, &gradient, &packed, x.strip(), before);
                gradients.put(of, gradient);
            }
        };
        (tape.push(isa, output, step), sums)
    }

    /// Windows as channels, for convolutions that have no kernel of their own.
    fn unfold(&self, kernel: usize, stride: usize) -> Self {
        let isa = self.isa;
        let Strip { batch, channels, height, width, .. } = self.data.strip();
        let shape = [batch, channels, height, width];
        let windows = kernels::unfold(isa, &self.data.to_planes(), shape, kernel, stride);
        let Some((tape, of)) = self.node.clone() else { return constant(isa, windows) };
        let strip = self.data.strip();
        tape.push(isa, windows, move |gradients, index| {
            let Some(gradient) = gradients.take(index) else { return };
            let planes = kernels::fold(&gradient, shape, kernel, stride);
            gradients.add(isa, of, Activation::from_planes(strip, &planes));
        })
    }
}

/// What a value is normalised by.
pub(crate) struct Normalisation {
    /// Mean of each channel, `[channels]`.
    pub(crate) mean: Vec<f32>,
    /// Biased variance of each channel, `[channels]`.
    pub(crate) variance: Vec<f32>,
    /// γ, `[channels]`.
    pub(crate) weight: Tensor<1>,
    /// β, `[channels]`.
    pub(crate) bias: Tensor<1>,
    /// Added to the variance.
    pub(crate) epsilon: f64,
    /// Where mean and variance are the batch's own: its pixels over all ranks, and these.
    pub(crate) batch: Option<(usize, Arc<dyn Collective>)>,
}

impl Normalisation {
    /// Normalises, adds a residual, cuts at 0.
    pub(crate) fn apply<T: Element>(
        self,
        y: &Value<T>,
        residual: Option<&Value<T>>,
        has_relu: bool,
    ) -> Value<T> {
        let isa = y.isa;
        let (weight, bias) = (values(self.weight.clone()), values(self.bias.clone()));
        let (mean, variance, epsilon) = (self.mean, self.variance, self.epsilon);
        let (scale, shift) = kernels::scale_and_shift(
            &mean,
            &variance,
            epsilon,
            weight.storage::<f32>(),
            bias.storage::<f32>(),
        );
        let shortcut = residual.map(|residual| &*residual.data);
        let x = kernels::normalise(isa, &y.data, &scale, &shift, shortcut, has_relu);
        let Some((tape, of)) = y.node.clone() else { return constant(isa, x) };
        let slots = [tape.tensor(self.weight), tape.tensor(self.bias)];
        let residual = residual.and_then(|residual| {
            let (other, index) = residual.node.as_ref()?;
            assert!(Arc::ptr_eq(&tape, other), "the residual is of another view");
            Some(*index)
        });
        let (batch, y) = (self.batch, y.data.clone());
        // The step needs the output, which it is made together with.
        let output = Arc::new(x);
        let mask = has_relu.then(|| output.clone());
        tape.push_shared(isa, output, move |gradients, index| {
            let Some(gradient) = gradients.take(index) else { return };
            let mask = mask.as_deref();
            let own = kernels::gradient_sums(isa, &gradient, &y, &mean, mask);
            let (of_weight, of_bias) =
                kernels::parameter_gradients((&own.0, &own.1), &variance, epsilon);
            gradients.hand_back(slots[0], of_weight);
            gradients.hand_back(slots[1], of_bias);
            let weight = weight.storage::<f32>();
            let by = match &batch {
                Some((count, collective)) => {
                    let sums = over_ranks(&own, &**collective);
                    let sums = (&*sums.0, &*sums.1);
                    Coefficients::training(sums, &mean, &variance, epsilon, weight, *count)
                }
                None => Coefficients::evaluation(&variance, epsilon, weight),
            };
            let (of_y, of_residual) =
                kernels::normalise_backward(isa, gradient, &y, mask, &by, residual.is_some());
            gradients.add(isa, of, of_y);
            if let Some((residual, gradient)) = residual.zip(of_residual) {
                gradients.add(isa, residual, gradient);
            }
        })
    }
}

/// The sums over all ranks. Not-a-number where a rank is gone: such a gradient never reaches the
/// weights, and the next call to the collective reports the rank.
fn over_ranks(own: &(Vec<f64>, Vec<f64>), collective: &dyn Collective) -> (Vec<f64>, Vec<f64>) {
    if collective.world() == 1 {
        return own.clone();
    }
    let channels = own.0.len();
    let all: Vec<f32> = own.0.iter().chain(&own.1).map(|&sum| sum as f32).collect();
    let all = Tensor::from_data(TensorData::new(all, [2 * channels]), &Device::flex());
    let mut sums: Vec<f64> = match collective.sum(all) {
        Ok(sums) => sums.into_data().iter::<f64>().collect(),
        Err(_) => vec![f64::NAN; 2 * channels],
    };
    let second = sums.split_off(channels);
    (sums, second)
}

/// As [`crate::layers::relu`].
pub(crate) fn relu<T: Element>(y: &Value<T>) -> Value<T> {
    let isa = y.isa;
    let channels = y.data.strip().channels;
    let (ones, zeros) = (vec![1.0; channels], vec![0.0; channels]);
    let x = kernels::normalise(isa, &y.data, &ones, &zeros, None, true);
    let Some((tape, of)) = y.node.clone() else { return constant(isa, x) };
    let by = Coefficients::evaluation(&ones, 0.0, &ones);
    let output = Arc::new(x);
    let mask = output.clone();
    tape.push_shared(isa, output, move |gradients, index| {
        let Some(gradient) = gradients.take(index) else { return };
        let (gradient, _) =
            kernels::normalise_backward(isa, gradient, &mask, Some(&mask), &by, false);
        gradients.add(isa, of, gradient);
    })
}

/// As [`crate::layers::max_pool_3x3`].
pub(crate) fn max_pool_3x3<T: Element>(x: &Value<T>) -> Value<T> {
    let isa = x.isa;
    let (pooled, positions) = kernels::max_pool_3x3(isa, &x.data);
    let Some((tape, of)) = x.node.clone() else { return constant(isa, pooled) };
    tape.push(isa, pooled, move |gradients, index| {
        let Some(gradient) = gradients.take(index) else { return };
        let gradient = kernels::max_pool_3x3_backward(isa, &gradient, &positions);
        gradients.add(isa, of, gradient);
    })
}

/// As [`crate::layers::global_average_pool`]: back to a tensor of the engine.
pub(crate) fn global_average_pool<T: Element>(x: &Value<T>) -> Tensor<2> {
    let strip = x.data.strip();
    let rows = kernels::global_average_pool(x.isa, &x.data);
    let rows = TensorData::new(rows, [strip.batch, strip.channels]);
    let Some((tape, of)) = &x.node else {
        return Tensor::from_data(rows, &Device::flex());
    };
    let rows = Tensor::from_data(rows, &tape.device());
    tape.leave(*of, rows, move |gradient| kernels::global_average_pool_backward(gradient, strip))
}
