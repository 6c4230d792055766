//! Backward steps in the order in which they will not be run.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use barlow_kernels::{Activation, Element, Isa};
use burn::tensor::{Device, Tensor};

use super::join::{Joint, join};

/// What one forward pass through an encoder notes for the way back.
pub(crate) struct Tape<T> {
    notes: Mutex<Notes<T>>,
    device: Device,
    /// Gradients for the engine's tensors, by slot, until it asks.
    tensors: Slots,
}

struct Notes<T> {
    steps: Vec<Step<T>>,
    values: usize,
    /// Every tensor is joined to it, so that its gradient depends on what the tape leads to.
    /// Taken when the tape is left: what is left behind must not hold on to the engine's graph.
    token: Option<Tensor<1>>,
}

const LEFT_ONCE: &str = "a tape is left once, after all its layers";

type Step<T> = Box<dyn FnOnce(&mut Gradients<T>) + Send>;

type Slots = Arc<Mutex<Vec<Option<Vec<f32>>>>>;

/// Gradients on the way back.
pub(crate) struct Gradients<T> {
    values: Vec<Option<Activation<T>>>,
    tensors: Slots,
}

/// An activation and its place on the tape, if it has one.
#[derive(Clone)]
pub(crate) struct Value<T> {
    pub(crate) data: Arc<Activation<T>>,
    pub(super) node: Option<(Arc<Tape<T>>, usize)>,
    pub(crate) isa: Isa,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Element> Tape<T> {
    /// A tape whose parameters and rows live on the given autodiff device.
    pub(crate) fn new(device: &Device) -> Arc<Self> {
        let notes = Notes { steps: vec![], values: 0, token: Some(Tensor::zeros([1], device)) };
        let (notes, device) = (Mutex::new(notes), device.clone());
        Arc::new(Self { notes, device, tensors: Slots::default() })
    }

    /// Lets the engine know of a tensor of its own that values are made of, a parameter or rows; the
    /// slot takes its gradient.
    pub(super) fn tensor<const D: usize>(&self, tensor: Tensor<D>) -> usize {
        let slot = {
            let mut slots = lock(&self.tensors);
            slots.push(None);
            slots.len() - 1
        };
        let length = tensor.dims().iter().product();
        let joint = Arc::new(Slot { slots: self.tensors.clone(), index: slot, length });
        let mut notes = lock(&self.notes);
        let token = notes.token.take().expect(LEFT_ONCE);
        notes.token = Some(join(token, tensor, joint));
        slot
    }

    /// A value, with the step that turns its gradient into those of what it was made from.
    pub(super) fn push(
        self: &Arc<Self>,
        isa: Isa,
        data: Activation<T>,
        step: impl FnOnce(&mut Gradients<T>, usize) + Send + 'static,
    ) -> Value<T> {
        self.push_shared(isa, Arc::new(data), step)
    }

    /// As [`Tape::push`], of a value that the step holds, too.
    pub(super) fn push_shared(
        self: &Arc<Self>,
        isa: Isa,
        data: Arc<Activation<T>>,
        step: impl FnOnce(&mut Gradients<T>, usize) + Send + 'static,
    ) -> Value<T> {
        let mut notes = lock(&self.notes);
        let index = notes.values;
        notes.values += 1;
        notes.steps.push(Box::new(move |gradients| step(gradients, index)));
        drop(notes);
        Value { data, node: Some((self.clone(), index)), isa }
    }

    /// Where the engine's tensors live.
    pub(super) fn device(&self) -> Device {
        self.device.clone()
    }

    /// Rows made from a value, `[batch, channels]`, as a tensor of the engine; `backward` makes the
    /// value's gradient of theirs.
    ///
    /// # Panics
    /// If the tape was left before.
    pub(super) fn leave(
        self: &Arc<Self>,
        index: usize,
        rows: Tensor<2>,
        backward: impl Fn(&[f32]) -> Activation<T> + Send + Sync + 'static,
    ) -> Tensor<2> {
        let token = lock(&self.notes).token.take().expect(LEFT_ONCE);
        let tape = self.clone();
        join(rows, token, Arc::new(Exit { tape, index, backward: Box::new(backward) }))
    }

    /// Runs all steps, last first.
    fn run(&self, index: usize, gradient: Activation<T>) {
        let (steps, count) = {
            let mut notes = lock(&self.notes);
            (std::mem::take(&mut notes.steps), notes.values)
        };
        let mut values: Vec<_> = (0..count).map(|_| None).collect();
        values[index] = Some(gradient);
        let mut gradients = Gradients { values, tensors: self.tensors.clone() };
        for step in steps.into_iter().rev() {
            step(&mut gradients);
        }
    }
}

impl<T: Element> Gradients<T> {
    /// The gradient of a value that is done, none where nothing depends on it.
    pub(super) fn take(&mut self, index: usize) -> Option<Activation<T>> {
        self.values[index].take()
    }

    /// Adds to the gradient of a value.
    pub(super) fn add(&mut self, isa: Isa, index: usize, gradient: Activation<T>) {
        let sum = match self.take(index) {
            Some(before) => {
                let channels = gradient.strip().channels;
                let (ones, zeros) = (vec![1.0; channels], vec![0.0; channels]);
                barlow_kernels::normalise(isa, &gradient, &ones, &zeros, Some(&before), false)
            }
            None => gradient,
        };
        self.put(index, sum);
    }

    /// The gradient of a value so far becomes the given one.
    pub(super) fn put(&mut self, index: usize, gradient: Activation<T>) {
        self.values[index] = Some(gradient);
    }

    /// The gradient of one of the engine's tensors.
    pub(super) fn hand_back(&mut self, slot: usize, gradient: Vec<f32>) {
        lock(&self.tensors)[slot] = Some(gradient);
    }
}

/// A tensor's gradient, once the tape has run.
#[derive(Debug)]
struct Slot {
    slots: Slots,
    index: usize,
    length: usize,
}

impl Joint for Slot {
    fn backward(&self, _: &[f32]) -> Vec<f32> {
        let gradient = lock(&self.slots)[self.index].take();
        // None where nothing that was asked for depends on the tensor.
        gradient.unwrap_or_else(|| vec![0.0; self.length])
    }
}

/// Makes a value's gradient of that of what was made from it.
type Entry<T> = dyn Fn(&[f32]) -> Activation<T> + Send + Sync;

/// The way back onto the tape.
struct Exit<T> {
    tape: Arc<Tape<T>>,
    index: usize,
    backward: Box<Entry<T>>,
}

impl<T: Element> Joint for Exit<T> {
    fn backward(&self, gradient: &[f32]) -> Vec<f32> {
        self.tape.run(self.index, (self.backward)(gradient));
        vec![0.0]
    }
}

impl<T> fmt::Debug for Exit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exit").field("index", &self.index).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Value<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value").field("isa", &self.isa).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::global_average_pool;
    use burn::tensor::TensorData;

    fn tensor(shape: [usize; 4], device: &Device) -> Tensor<4> {
        let values = barlow_testing::fill("tape", shape.iter().product(), -1.0, 1.0);
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    /// One view's tape, its output, and the weight.
    fn forward(weight: &Tensor<4>) -> (std::sync::Weak<Tape<f32>>, Tensor<2>) {
        let device = weight.device();
        let tape = Tape::new(&device);
        let view = tensor([2, 1, 5, 5], &device);
        let isa = Isa::best();
        let (value, _) = Value::of_view(isa, Some(&tape), view, weight.clone(), 1);
        (Arc::downgrade(&tape), global_average_pool(&value))
    }

    #[test]
    fn a_view_without_gradient_is_forgotten_with_the_next_way_back() {
        let device = Device::flex().autodiff();
        let weight = tensor([4, 1, 3, 3], &device).require_grad();
        let (used, output) = forward(&weight);
        let (unused, other) = forward(&weight);
        drop(other);
        let gradients = output.sum().backward();
        assert!(weight.grad(&gradients).is_some());
        assert!(used.upgrade().is_none(), "a tape that was run");
        assert!(unused.upgrade().is_none(), "a tape that nobody will run");
    }
}
