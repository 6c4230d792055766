//! Shapes and contents that the tests of all elementwise kernels share, and the strip's own tests.

use std::fmt::Debug;

use barlow_testing::fill;

use super::*;
use crate::bf16;

/// Odd sizes, single pixels, spare channels and none, vectors, and strips of several pieces.
pub(crate) fn strips() -> Vec<Strip> {
    vec![
        Strip::images(1, 1, 1, 1),
        Strip::images(2, 3, 5, 7),
        Strip::images(1, 16, 4, 4),
        Strip::images(3, 17, 6, 5),
        Strip::images(2, 48, 3, 3),
        Strip::images(1, 130, 9, 1),
        Strip::images(1, 2048, 2, 3),
        Strip::images(4, 20, 40, 33),
        Strip::images(40, 512, 1, 1),
        Strip::rows(7, 40),
        Strip::rows(131, 512),
    ]
}

/// Values in `low..high` that depend on the name, rounded to the element.
pub(crate) fn filled<T: Element>(name: &str, strip: Strip, low: f64, high: f64) -> Activation<T> {
    let count = strip.inner_pixels() * strip.channels;
    Activation::from_planes(strip, &fill(name, count, low, high))
}

/// Leaves memory full of not-a-number for the next buffer of this size.
pub(crate) fn poison<T: Element>(strip: Strip) {
    Buffer::dirty(strip.len()).fill(T::from_f32(f32::NAN));
}

/// Holds borders, ends and spare channels to 0.
pub(crate) fn assert_clean<T: Element>(activation: &Activation<T>) {
    let nonzero = |values: &mut dyn Iterator<Item = f32>| values.filter(|v| *v != 0.0).count();
    let all = nonzero(&mut activation.buffer().iter().map(|v| v.to_f32()));
    let inside = nonzero(&mut activation.to_planes().into_iter());
    assert_eq!(all, inside, "{:?}: nonzero values outside of images", activation.strip());
}

/// Holds a result to its reference: relative and absolute tolerance `wide`, and for bf16 half a
/// unit in the last place on top.
pub(crate) fn assert_close<T: Element>(
    found: &[f32],
    expected: &[f64],
    wide: f64,
    case: &dyn Debug,
) {
    assert_eq!(found.len(), expected.len(), "{case:?}");
    let rounding = if T::BITS == 16 { 1.0 / 256.0 } else { 0.0 };
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let tolerance = wide + (wide + rounding) * expected.abs();
        let off = (f64::from(*found) - expected).abs();
        assert!(off <= tolerance, "{case:?} [{i}]: {found}, expected {expected}");
    }
}

/// What `work` gives on one thread, after checking that two give the same.
pub(crate) fn on_any_threads<R: PartialEq + Debug + Send>(work: impl Fn() -> R + Sync) -> R {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(&work)
    };
    let one = on(1);
    assert!(one == on(2), "the result depends on the number of threads");
    one
}

fn planes_come_back<T: Element>() {
    for strip in strips() {
        let count = strip.inner_pixels() * strip.channels;
        let planes: Vec<f32> = (0..count).map(|i| 1.0 + (i % 200) as f32).collect();
        poison::<T>(strip);
        let activation = Activation::<T>::from_planes(strip, &planes);
        assert!(activation.to_planes() == planes, "{strip:?}");
        assert_clean(&activation);
    }
}

#[test]
fn planes_come_back_as_they_went_in_with_zero_borders() {
    planes_come_back::<f32>();
    planes_come_back::<bf16>();
}

#[test]
fn pixels_stand_in_order_with_channels_innermost() {
    let strip = Strip::images(2, 18, 3, 19);
    let planes = fill("order", 2 * 18 * 3 * 19, -1.0, 1.0);
    let activation = Activation::<f32>::from_planes(strip, &planes);
    for (i, value) in planes.iter().enumerate() {
        let (n, c, y, x) = (i / (18 * 57), i / 57 % 18, i / 19 % 3, i % 19);
        let found = activation.pixels()[strip.pixel(n, y, x) * strip.channel_pitch() + c];
        assert_eq!(found.to_bits(), value.to_bits(), "{n} {c} {y} {x}");
    }
}
