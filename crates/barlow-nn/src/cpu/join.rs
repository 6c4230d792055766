//! Where the tape meets the engine: the one custom operation, and reading tensors without copies.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Tensor, TensorData};
use burn_flex::FlexTensor;

/// The gradient for the second tensor of a [`join`].
pub(super) trait Joint: Debug + Send + Sync {
    /// Its values, given those of the gradient for the first, in order.
    fn backward(&self, gradient: &[f32]) -> Vec<f32>;
}

/// A place to put a tensor's values while the engine is not looking.
type Shelf = Arc<Mutex<Option<FlexTensor>>>;

/// What is asked of the engine's backends.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait Joining: Backend {
    /// Returns `value`; the gradient for `value` passes through, that for `other` is the joint's.
    fn join(
        value: FloatTensor<Self>,
        other: FloatTensor<Self>,
        joint: Arc<dyn Joint>,
    ) -> FloatTensor<Self>;

    /// Returns `value` and leaves it on the shelf.
    fn shelve(value: FloatTensor<Self>, shelf: Shelf) -> FloatTensor<Self>;

    /// A joint's gradient for a tensor of this shape.
    fn backward_of(
        gradient: FloatTensor<Self>,
        shape: Shape,
        joint: Arc<dyn Joint>,
    ) -> FloatTensor<Self>;
}

impl Joining for Flex {
    fn join(
        value: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: Arc<dyn Joint>,
    ) -> FloatTensor<Self> {
        value
    }

    fn shelve(value: FloatTensor<Self>, shelf: Shelf) -> FloatTensor<Self> {
        *shelf.lock().unwrap_or_else(PoisonError::into_inner) = Some(value.clone());
        value
    }

    fn backward_of(
        gradient: FloatTensor<Self>,
        shape: Shape,
        joint: Arc<dyn Joint>,
    ) -> FloatTensor<Self> {
        let gradient = gradient.to_contiguous();
        let values = joint.backward(gradient.storage::<f32>());
        FlexTensor::from_data(TensorData::new(values, shape))
    }
}

/// The backward step of a [`join`].
#[derive(Debug)]
struct Join;

impl<B: Joining> Backward<B, 2> for Join {
    type State = (Shape, Arc<dyn Joint>);

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        let (shape, joint) = ops.state;
        let [value, other] = ops.parents;
        if let Some(other) = other {
            gradients.register::<B>(other.id, B::backward_of(gradient.clone(), shape, joint));
        }
        if let Some(value) = value {
            gradients.register::<B>(value.id, gradient);
        }
    }
}

impl<B: Joining, C: CheckpointStrategy> Joining for Autodiff<B, C> {
    fn join(
        value: FloatTensor<Self>,
        other: FloatTensor<Self>,
        joint: Arc<dyn Joint>,
    ) -> FloatTensor<Self> {
        let guards = [value.node(), other.node()];
        let (value, other) = (value.into_primitive(), other.into_primitive());
        let shape = other.shape();
        let output = B::join(value, other, joint.clone());
        match Join.prepare::<C>(guards).compute_bound().stateful() {
            OpsKind::Tracked(operation) => operation.finish((shape, joint), output),
            OpsKind::UnTracked(operation) => operation.finish(output),
        }
    }

    fn shelve(value: FloatTensor<Self>, shelf: Shelf) -> FloatTensor<Self> {
        drop(B::shelve(value.clone().into_primitive(), shelf));
        value
    }

    fn backward_of(gradient: FloatTensor<Self>, _: Shape, _: Arc<dyn Joint>) -> FloatTensor<Self> {
        // Gradients are first order: backward steps run on the backend within.
        gradient
    }
}

/// `value`, with a gradient for `other` that the joint computes from the gradient for `value`.
pub(super) fn join<const D: usize, const E: usize>(
    value: Tensor<D>,
    other: Tensor<E>,
    joint: Arc<dyn Joint>,
) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::join(value.into_dispatch(), other.into_dispatch(), joint))
}

/// The values of a tensor on the CPU, shared with it, in order.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
    let shelf = Shelf::default();
    drop(Dispatch::shelve(tensor.into_dispatch(), shelf.clone()));
    let shelved = shelf.lock().unwrap_or_else(PoisonError::into_inner).take();
    shelved.expect("every backend listed shelves").to_contiguous()
}
