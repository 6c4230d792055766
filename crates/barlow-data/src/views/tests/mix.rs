//! Mixup: the law of its coefficients, its pairing, and its arithmetic.

use super::distribution::assert_follows;
use crate::views::MixParameters;

#[test]
fn coefficients_follow_the_beta_law() {
    use std::f64::consts::PI;
    // The three whose distribution functions are elementary.
    type Law = fn(f64) -> f64;
    let laws: [(f64, Law); 3] =
        [(0.5, |x| 2.0 / PI * x.sqrt().asin()), (1.0, |x| x), (2.0, |x| x * x * (3.0 - 2.0 * x))];
    for (alpha, law) in laws {
        let drawn = MixParameters::draw(3, 8, 20_000, alpha).coefficient;
        assert_follows(&format!("Beta({alpha})"), drawn.iter().map(|&c| f64::from(c)), law);
    }
    // Almost all at the two ends, and none lost on the way.
    let ends = MixParameters::draw(3, 8, 20_000, 1e-3).coefficient;
    assert!(ends.iter().all(|c| (0.0..=1.0).contains(c)));
    let upper = ends.iter().filter(|&&c| c > 0.5).count() as f64 / 20_000.0;
    assert!((upper - 0.5).abs() < 4.0 * (0.25f64 / 20_000.0).sqrt(), "{upper}");
}

#[test]
fn partners_are_a_uniform_permutation() {
    let images = 6;
    let mut counts = vec![[0u32; 6]; images];
    let draws = 6_000;
    for step in 0..draws {
        let partner = MixParameters::draw(1, step, images, 1.0).partner;
        let mut sorted = partner.clone();
        sorted.sort_unstable();
        assert!(sorted.iter().copied().eq(0..images), "{partner:?}");
        for (image, other) in partner.into_iter().enumerate() {
            counts[image][other] += 1;
        }
    }
    // Each pair a sixth of the time, within four standard errors.
    for count in counts.iter().flatten() {
        assert!((f64::from(*count) - 1_000.0).abs() < 4.0 * (1_000.0f64 * 5.0 / 6.0).sqrt());
    }
}

#[test]
fn what_is_drawn_is_a_function_of_seed_and_step() {
    let first = MixParameters::draw(1, 2, 50, 1.0);
    assert_eq!(first, MixParameters::draw(1, 2, 50, 1.0));
    for other in [MixParameters::draw(2, 2, 50, 1.0), MixParameters::draw(1, 3, 50, 1.0)] {
        assert_ne!(first.partner, other.partner);
        assert_ne!(first.coefficient, other.coefficient);
    }
    // A larger batch has the same coefficients for its first images.
    let larger = MixParameters::draw(1, 2, 60, 1.0);
    assert_eq!(larger.coefficient[..50], first.coefficient);
}

#[test]
fn each_image_is_blended_with_its_partner_in_its_own_share() {
    let parameters = MixParameters { partner: vec![2, 1, 0], coefficient: vec![0.25, 0.5, 1.0] };
    let view = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let other = [-8.0, 8.0, 1.0, 2.0, 100.0, -100.0];
    let mut out = [0.0; 6];
    parameters.mix(&view, &other, &mut out);
    let expected = [75.25, -74.5, 2.0, 3.0, 5.0, 6.0];
    assert_eq!(out.map(f32::to_bits), expected.map(f32::to_bits));
}
