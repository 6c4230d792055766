//! Every kernel on every instruction set against definitions in f64 or plain loops. That the bits are
//! libjpeg's is held in `barlow-data`, by files that Pillow decoded.

use super::{
    BlockSide, Group, LANES, double_columns, double_columns_smoothly, double_smoothly, mix_rows,
    rgb_of_ycbcr, transform_blocks,
};
use crate::Isa;

/// Uncorrelated numbers.
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    fn samples(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// Coefficients in zigzag order, as places in a block (ITU-T T.81, figure A.6, first and last parts).
const BEGIN_OF_ZIGZAG: [usize; 11] = [0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32];

/// Blocks with some coefficients of a size that images have, in the first `reach` places of zigzag
/// order, or anywhere where that is 63.
fn groups(count: usize, reach: u8, noise: &mut Noise) -> Vec<Group> {
    let mut groups = vec![[[0; LANES]; 64]; count];
    for group in &mut groups {
        for lane in 0..LANES {
            group[0][lane] = (noise.next() % 200) as i16 - 100;
            for _ in 0..if reach == 0 { 0 } else { 1 + noise.next() % 12 } {
                let place = if reach < 63 {
                    BEGIN_OF_ZIGZAG[noise.next() as usize % (usize::from(reach) + 1)]
                } else {
                    noise.next() as usize % 64
                };
                group[place][lane] = (noise.next() % 41) as i16 - 20;
            }
        }
    }
    groups
}

/// Steps that grow with the frequency.
fn steps() -> [i16; 64] {
    std::array::from_fn(|place| 4 + (place / 8 + place % 8) as i16)
}

/// The mean of each square of the samples of a block (ITU-T T.81, A.3.3), plus 128.
fn reference(group: &Group, lane: usize, steps: &[i16; 64], side: usize) -> Vec<f64> {
    let scale = |k: usize| if k == 0 { 0.125f64.sqrt() } else { 0.5 };
    let wave = |k: usize, x: usize| {
        scale(k) * ((2 * x + 1) as f64 * k as f64 * std::f64::consts::PI / 16.0).cos()
    };
    let sample = |x: usize, y: usize| -> f64 {
        (0..64)
            .map(|place| {
                let coefficient = f64::from(group[place][lane]) * f64::from(steps[place]);
                coefficient * wave(place % 8, x) * wave(place / 8, y)
            })
            .sum()
    };
    let width = 8 / side;
    (0..side * side)
        .map(|at| {
            let (left, top) = (at % side * width, at / side * width);
            let square = (0..width * width).map(|i| sample(left + i % width, top + i / width));
            (square.sum::<f64>() / (width * width) as f64 + 128.0).clamp(0.0, 255.0)
        })
        .collect()
}

#[test]
fn blocks_are_those_of_the_definition_within_rounding_at_every_side() {
    let mut noise = Noise(7);
    for side in [BlockSide::Eight, BlockSide::Four, BlockSide::Two, BlockSide::One] {
        for reach in [0, 1, 9, 10, 63] {
            let (original, steps) = (groups(2, reach, &mut noise), steps());
            let samples = side.samples();
            let pitch = 2 * LANES * samples + 5;
            for isa in Isa::available() {
                let (mut coefficients, mut found) = (original.clone(), vec![7; samples * pitch]);
                let reaches = [reach; 2];
                transform_blocks(isa, side, &mut coefficients, &reaches, &steps, &mut found, pitch);
                assert!(coefficients.iter().flatten().flatten().all(|&c| c == 0), "{isa}");
                for block in 0..2 * LANES {
                    let group = &original[block / LANES];
                    let expected = reference(group, block % LANES, &steps, samples);
                    for (at, expected) in expected.iter().enumerate() {
                        let (x, y) = (block * samples + at % samples, at / samples);
                        let found = f64::from(found[y * pitch + x]);
                        // Rounded to whole levels after sums of rounding errors below 0.1.
                        assert!(
                            (found - expected).abs() < 0.6,
                            "{isa}, {side:?}, reach {reach}, block {block}, {at}: {found} {expected}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn absurd_coefficients_give_the_same_samples_on_every_instruction_set() {
    let mut noise = Noise(11);
    let mut original = groups(1, 63, &mut noise);
    original[0].as_flattened_mut().fill_with(|| noise.next() as i16);
    for side in [BlockSide::Eight, BlockSide::Four, BlockSide::Two, BlockSide::One] {
        let pitch = LANES * side.samples();
        let samples = |isa| {
            let (mut groups, mut out) = (original.clone(), vec![0; pitch * side.samples()]);
            transform_blocks(isa, side, &mut groups, &[63], &[255; 64], &mut out, pitch);
            out
        };
        let expected = samples(Isa::Portable);
        assert!(Isa::available().all(|isa| samples(isa) == expected), "{side:?}");
    }
}

/// Three parts of the nearer, one part of the farther sample.
fn near_and_far(at: usize, count: usize) -> [usize; 2] {
    let near = at / 2;
    [near, if at.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(count - 1) }]
}

#[test]
fn chroma_is_enlarged_by_triangles_for_every_length() {
    let mut noise = Noise(3);
    for count in (1..=67).chain([127, 128, 129, 1000]) {
        let (row, other) = (noise.samples(count), noise.samples(count));
        let level = |row: &[u8], x: usize| u32::from(row[x]);
        let columns = |mixed: &dyn Fn(usize) -> u32, bits: u32| -> Vec<u8> {
            (0..2 * count)
                .map(|x| {
                    let [near, far] = near_and_far(x, count);
                    // What is halfway is rounded up on one side, down on the other.
                    let bias = if bits == 2 { [1, 2][x % 2] } else { [8, 7][x % 2] };
                    ((3 * mixed(near) + mixed(far) + bias) >> bits) as u8
                })
                .collect()
        };
        let along = columns(&|x| level(&row, x), 2);
        let both = columns(&|x| 3 * level(&row, x) + level(&other, x), 4);
        let down = |bias: u32| -> Vec<u8> {
            (0..count)
                .map(|x| ((3 * level(&row, x) + level(&other, x) + bias) >> 2) as u8)
                .collect()
        };
        let twice: Vec<u8> = row.iter().flat_map(|&sample| [sample; 2]).collect();
        for isa in Isa::available() {
            let mut found = vec![0; 2 * count];
            double_columns_smoothly(isa, &row, &mut found);
            assert_eq!(found, along, "{isa}, {count} columns");
            double_smoothly(isa, &row, &other, &mut found);
            assert_eq!(found, both, "{isa}, {count} columns between rows");
            double_columns(isa, &row, &mut found);
            assert_eq!(found, twice, "{isa}, {count} columns twice");
            for bias in [1, 2] {
                let mut found = vec![0; count];
                mix_rows(isa, &row, &other, bias, &mut found);
                assert_eq!(found, down(bias.into()), "{isa}, {count} samples between rows");
            }
        }
    }
}

#[test]
fn colours_are_those_of_jfif_to_the_nearest_level() {
    let mut noise = Noise(5);
    for count in (0..=67).chain([511, 512, 513, 1100, 1 << 16]) {
        let y = noise.samples(count);
        // The longest has every pair.
        let (cb, cr): (Vec<u8>, Vec<u8>) = if count == 1 << 16 {
            (0..count).map(|i| (i as u8, (i >> 8) as u8)).unzip()
        } else {
            (noise.samples(count), noise.samples(count))
        };
        let mut first = None;
        for isa in Isa::available() {
            let mut found = vec![0; 3 * count];
            rgb_of_ycbcr(isa, [&y, &cb, &cr], &mut found);
            for (at, found) in found.as_chunks::<3>().0.iter().enumerate() {
                let [y, cb, cr] = [y[at], cb[at], cr[at]].map(f64::from);
                let (cb, cr) = (cb - 128.0, cr - 128.0);
                let exact = [y + 1.402 * cr, y - 0.344_14 * cb - 0.714_14 * cr, y + 1.772 * cb];
                for (found, exact) in found.iter().zip(exact) {
                    let error = f64::from(*found) - exact.clamp(0.0, 255.0);
                    // 16 bits of fraction: a half may go either way.
                    assert!(error.abs() < 0.502, "{isa}, {count}, {at}: {found} {exact}");
                }
            }
            assert_eq!(first.get_or_insert_with(|| found.clone()), &found, "{isa}, {count}");
        }
    }
}
