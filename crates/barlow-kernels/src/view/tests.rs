//! Every kernel on every instruction set against plain loops in Pillow's arithmetic, bit for bit.

mod reference;

use super::{
    BoxFilter, BoxScratch, ColourStep, Rows, Taps, Turned, blend, box_blur, fraction, mirror,
    recolour, standardise, weigh_pixels, weigh_rows,
};
use crate::Isa;

/// Uncorrelated samples.
fn noise(count: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..count).map(|_| next()).collect()
}

/// Numbers of pixels around every vector width and the size of a block.
fn pixel_counts() -> impl Iterator<Item = usize> {
    (0..=65).chain([127, 128, 129, 511, 512, 513, 1024, 1100])
}

const STEPS: [ColourStep; 8] = [
    ColourStep::Blend { towards: 0, factor: 1.234_567 },
    ColourStep::Blend { towards: 117, factor: 0.612_345 },
    ColourStep::Saturate { factor: 0.8123 },
    ColourStep::Saturate { factor: 1.2 },
    ColourStep::TurnHue { shift: 0 },
    ColourStep::TurnHue { shift: 25 },
    ColourStep::TurnHue { shift: 231 },
    ColourStep::Grey,
];

#[test]
fn colours_are_those_of_pillows_arithmetic_for_every_number_of_pixels() {
    for (isa, count) in Isa::available().flat_map(|isa| pixel_counts().map(move |n| (isa, n))) {
        let pixels = noise(3 * count, count as u32);
        for steps in STEPS.iter().map(std::slice::from_ref).chain([&STEPS[..], &[]]) {
            let mut found = pixels.clone();
            let sum = recolour(isa, &mut found, steps);
            let expected = reference::recolour(&pixels, steps);
            assert_eq!(found, expected, "{isa}, {count} pixels, {steps:?}");
            let lumas: u64 =
                expected.as_chunks().0.iter().map(|p| u64::from(reference::luma(*p))).sum();
            assert_eq!(sum, lumas, "{isa}, {count} pixels, {steps:?}");
        }
    }
}

#[test]
fn hue_and_saturation_are_pillows_on_every_colour() {
    for step in [
        ColourStep::TurnHue { shift: 0 },
        ColourStep::TurnHue { shift: 237 },
        ColourStep::Saturate { factor: 1.4 },
    ] {
        for red in (0..256).step_by(16) {
            let pixels: Vec<u8> = (0..16 << 16)
                .flat_map(|n| [(red + (n >> 16)) as u8, (n >> 8) as u8, n as u8])
                .collect();
            let expected = reference::recolour(&pixels, &[step]);
            for isa in [Isa::Portable, Isa::Avx2, Isa::best()] {
                let mut found = pixels.clone();
                recolour(isa, &mut found, &[step]);
                assert!(found == expected, "{isa}, {step:?}, red from {red}");
            }
        }
    }
}

#[test]
fn blends_are_cut_off_not_rounded_for_every_sample_and_many_factors() {
    let samples: Vec<u8> = (0..=255).collect();
    for isa in Isa::available() {
        let factors = (0..255_u16).map(|n| f32::from(n) * 0.0123).chain([f32::INFINITY]);
        for (towards, factor) in (0..=255).zip(factors) {
            let mut found = samples.clone();
            blend(isa, &mut found, towards, factor);
            let expected: Vec<u8> =
                samples.iter().map(|&v| reference::blend(towards, v, factor)).collect();
            assert_eq!(found, expected, "{isa}, {towards}, {factor}");
        }
    }
}

/// Targets of so many weights each, with weights of every size and sign.
fn taps(sources: usize, targets: usize, count: usize) -> (Taps, Vec<(usize, Vec<i32>)>) {
    let mut bytes = noise(4 * targets * count, (sources * count) as u32).into_iter();
    let mut byte = move || i32::from(bytes.next().expect("four bytes a weight"));
    let mut taps = Taps::default();
    taps.reset(targets, count);
    let mut plain = Vec::new();
    for target in 0..targets {
        let first = target * (sources - count) / targets.max(2).saturating_sub(1);
        let weights: Vec<i32> = (0..count)
            .map(|_| ((byte() << 16 | byte() << 8 | byte()) - (1 << 22)) / (2 * count as i32))
            .collect();
        taps.push(first.min(sources - count), weights.iter().copied());
        plain.push((first.min(sources - count), weights));
    }
    (taps, plain)
}

#[test]
fn weighted_sums_are_those_of_plain_loops_for_every_length_and_count() {
    for (isa, count) in Isa::available().flat_map(|isa| (1..=13).map(move |n| (isa, n))) {
        for (length, channels) in (0..=67).chain([95, 129, 191, 193]).flat_map(|n| [(n, 1), (n, 3)])
        {
            let (height, width) = (count + 7, length);
            let samples = width * channels;
            let image = noise(height * (samples + 5), length as u32);
            let rows = Rows::new(&image, samples + 5, samples, height);
            let (taps, plain) = taps(height, 6, count);
            let mut found = vec![0; 6 * samples];
            weigh_rows(isa, rows, &taps, &mut found);
            let expected = reference::weigh_rows(rows, &plain);
            assert!(found == expected, "{isa}, {count} weights, {samples} samples down");

            // The same image turned over: columns become rows.
            let turned = reference::turn(rows, channels);
            let pitch = height * channels;
            let rows = Rows::new(&turned, pitch, pitch, width);
            let mut along = vec![0; 6 * samples];
            let mut scratch = Turned::default();
            weigh_pixels(isa, rows, channels, &taps, &mut scratch, &mut along);
            let expected = reference::turn(Rows::new(&expected, samples, samples, 6), channels);
            assert!(along == expected, "{isa}, {count} weights, {samples} samples along");
        }
    }
}

#[test]
fn box_filters_are_those_of_the_definition_for_every_radius_and_size() {
    let mut scratch = BoxScratch::default();
    for radius in [0.0, 0.25, 0.999, 1.0, 1.56, 2.5, 7.75, 40.3] {
        let filter = BoxFilter::new(radius);
        for (width, height) in (1..=20).zip((1..=20).rev()).chain([(33, 65), (130, 3), (3, 130)]) {
            for channels in [1, 3] {
                let image = noise(width * height * channels, width as u32);
                let rows = Rows::new(&image, width * channels, width * channels, height);
                let expected = reference::box_blur(rows, channels, radius, 3);
                for isa in Isa::available() {
                    let mut found = image.clone();
                    box_blur(isa, &mut found, [width, height], channels, filter, 3, &mut scratch);
                    assert!(found == expected, "{isa}, {width}x{height}x{channels}, {radius}");
                }
            }
        }
    }
}

#[test]
fn rows_are_mirrored_for_every_width() {
    for (isa, width) in Isa::available().flat_map(|isa| pixel_counts().map(move |n| (isa, n))) {
        for channels in [1, 3] {
            let image = noise(3 * width * channels, width as u32);
            let mut found = image.clone();
            mirror(isa, &mut found, width, channels);
            for (found, row) in (0..3).map(|y| {
                let row = y * width * channels..(y + 1) * width * channels;
                (&found[row.clone()], &image[row])
            }) {
                let expected: Vec<u8> =
                    row.chunks_exact(channels).rev().flatten().copied().collect();
                assert_eq!(found, expected, "{isa}, {width} of {channels} channels");
            }
        }
    }
}

#[test]
fn standardised_values_are_those_of_two_divisions_bit_for_bit() {
    let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    for (isa, count) in Isa::available().flat_map(|isa| pixel_counts().map(move |n| (isa, n))) {
        for channels in [1, 3] {
            let mut pixels = noise(count * channels, count as u32);
            // Every level occurs in the longer ones.
            pixels.iter_mut().zip(0_u8..=255).for_each(|(sample, level)| *sample = level);
            let (mean, std) = (&mean[..channels], &std[..channels]);
            let mut found = vec![0.0; pixels.len()];
            standardise(isa, &pixels, mean, std, &mut found);
            for (at, sample) in pixels.iter().enumerate() {
                let (pixel, channel) = (at / channels, at % channels);
                let expected = (f32::from(*sample) / 255.0 - mean[channel]) / std[channel];
                let found = found[channel * count + pixel];
                assert_eq!(found.to_bits(), expected.to_bits(), "{isa}, {count} pixels, {at}");
            }
        }
    }
}

#[test]
fn fractions_are_those_of_a_division() {
    for v in (0..=255_u8).map(f32::from) {
        assert_eq!(fraction(v).to_bits(), (v / 255.0).to_bits());
    }
}
