//! A colour for each class: what [`Synthetic::tinted`](super::Synthetic::tinted) adds to the images.

use barlow_random::Stream;

/// How far the mean of a channel is moved where a hue is pure in it, in levels: more than the 3 by
/// which images without a tint differ, less than their light does from place to place.
const STRENGTH: (f64, f64) = (16.0, 32.0);

/// By how much of the circle an image's hue differs from its class's, at most. Hues of classes are
/// 0.1 apart, so 3 of 7 images have a hue that no other class has, and who knows hues alone is right
/// about 5 of 7 times.
const JITTER: f64 = 0.07;

/// By how many levels the mean of red, green and blue is moved; their sum is 0, so that a tint is
/// no brightness.
pub(super) fn draw(class: usize, classes: usize, stream: &mut Stream) -> [f32; 3] {
    let hue = class as f64 / classes as f64 + stream.uniform(-JITTER, JITTER);
    let strength = stream.uniform(STRENGTH.0, STRENGTH.1);
    // The circle of hues as a hexagon: each channel is full for a third of it, none for a third, and
    // goes straight from one to the other in between.
    let channel = |shift: f64| {
        let turn = hue + shift;
        let sixths = 6.0 * (turn - turn.floor());
        ((sixths - 3.0).abs() - 1.0).clamp(0.0, 1.0)
    };
    let channels = [0.0, 2.0 / 3.0, 1.0 / 3.0].map(channel);
    let mean = channels.iter().sum::<f64>() / 3.0;
    // A corner of the hexagon is 2/3 above its mean or below it.
    channels.map(|value| (1.5 * strength * (value - mean)) as f32)
}
