//! Sums whose bits depend on the values alone.
//!
//! The engine's sum over a whole large tensor is shared out to threads as they become free, so its
//! association, and with it the last bits of a norm, may change from run to run. Sums along a
//! dimension do not have that freedom: each is one thread's, in order.

use burn::tensor::Tensor;

/// Values in one leaf of the tree.
const ROW: usize = 4096;

/// The sum of all values by a tree of fixed shape, `[n]` to `[1]`.
pub fn fixed_sum(values: Tensor<1>) -> Tensor<1> {
    let n = values.dims()[0];
    if n <= ROW {
        return values.reshape([1, n]).sum_dim(1).reshape([1]);
    }
    let rows = n / ROW;
    let whole = values.clone().slice(0..rows * ROW).reshape([rows, ROW]).sum_dim(1).reshape([rows]);
    let whole = fixed_sum(whole);
    if rows * ROW == n { whole } else { whole + fixed_sum(values.slice(rows * ROW..n)) }
}

/// The Euclidean norm of all values, `[n]` to `[1]`.
pub fn norm(values: &Tensor<1>) -> Tensor<1> {
    fixed_sum(values.clone() * values.clone()).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    fn tensor(n: usize) -> (Tensor<1>, f64) {
        let values = barlow_testing::fill("fixed_sum", n, -1.0, 1.0);
        let sum = values.iter().map(|&v| f64::from(v)).sum();
        (Tensor::from_data(TensorData::new(values, [n]), &Device::flex()), sum)
    }

    #[test]
    fn sums_agree_with_f64_at_every_kind_of_length() {
        for n in [1, 2, ROW - 1, ROW, ROW + 1, 3 * ROW, 5 * ROW + 7, ROW * ROW + ROW + 1] {
            let (values, expected) = tensor(n);
            let found = f64::from(fixed_sum(values).into_scalar::<f32>());
            // A tree of f32 sums of n values within ±1: a few ulp of the largest partial sum.
            assert!(
                (found - expected).abs() <= 1e-5 * (n as f64).sqrt(),
                "{n}: {found}, {expected}"
            );
        }
    }

    #[test]
    fn a_large_sum_has_the_same_bits_every_time() {
        let (values, _) = tensor(9_000_001);
        let first = fixed_sum(values.clone()).into_scalar::<f32>().to_bits();
        for _ in 0..10 {
            assert_eq!(fixed_sum(values.clone()).into_scalar::<f32>().to_bits(), first);
        }
    }
}
