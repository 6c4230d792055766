//! Sums of squares of whole tensors, that wait for no device.

use barlow_kernels::Isa;
use burn::tensor::Tensor;

use super::fixed_sum;

/// A sum of squares.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "all of a run's are of one kind")]
pub enum SquareSum {
    /// Its value.
    Known(f64),
    /// Still on the device, `[1]`.
    Pending(Tensor<1>),
}

impl SquareSum {
    /// Of a tensor, `[n]`, whose bits depend on the values alone.
    ///
    /// On the CPU the tensor is read where it is if nothing else holds it, hence `&mut`; its values
    /// stay.
    pub(crate) fn of(values: &mut Tensor<1>) -> Self {
        if !barlow_nn::serves(values) {
            return Self::Pending(fixed_sum(values.clone() * values.clone()));
        }
        let device = values.device();
        let data = std::mem::replace(values, Tensor::empty([0], &device)).into_data();
        let sum =
            barlow_kernels::sum_of_squares(Isa::best(), data.as_slice().expect("it holds f32"));
        *values = Tensor::from_data(data, &device);
        Self::Known(sum)
    }

    /// The values of many, those on a device read at once.
    pub(crate) fn read(sums: Vec<Self>) -> Vec<f64> {
        let is_pending = |sum: &Self| match sum {
            Self::Known(_) => None,
            Self::Pending(sum) => Some(sum.clone()),
        };
        let pending: Vec<Tensor<1>> = sums.iter().filter_map(is_pending).collect();
        let read = if pending.is_empty() {
            vec![]
        } else {
            Tensor::cat(pending, 0).into_data().iter::<f64>().collect()
        };
        let mut read = read.into_iter();
        let value = |sum| match sum {
            Self::Known(sum) => sum,
            Self::Pending(_) => read.next().expect("one was read for each"),
        };
        sums.into_iter().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn sums_are_read_in_order_and_leave_the_tensor_as_it_was() {
        let device = Device::flex();
        let mut values = Tensor::<1>::from_data(TensorData::new(vec![3.0_f32, 4.0], [2]), &device);
        let held = values.clone();
        let sums = vec![
            SquareSum::of(&mut values),
            SquareSum::Pending(Tensor::ones([1], &device) * 7.0),
            SquareSum::Known(1.0),
            SquareSum::Pending(Tensor::ones([1], &device) * 2.0),
        ];
        assert_eq!(SquareSum::read(sums), [25.0, 7.0, 1.0, 2.0]);
        assert_eq!(values.into_data(), held.into_data());
        assert!(SquareSum::read(vec![]).is_empty());
    }
}
