use super::*;
use crate::element::{Element, bf16};

/// Fills an array with values that bf16 holds exactly.
fn values<T: Element>(name: &str, length: usize) -> Vec<T> {
    let fill = barlow_testing::fill(name, length, -1.0, 1.0);
    fill.into_iter().map(|v| T::from_f32(bf16::from_f32(v).to_f32())).collect()
}

/// Rows, blocks, lengths of segments.
const CASES: &[(usize, usize, &[usize])] = &[
    (1, 1, &[16]),
    (5, 2, &[32]),
    (16, 3, &[48, 16]),
    (17, 4, &[48, 48, 48]),
    (64, 4, &[192, 192, 192]),
    (66, 1, &[16, 32]),
    (96, 4, &[64]),
    (96, 2, &[160, 2]),
];

fn holds<T: Element>(tolerance: f64) {
    for isa in Isa::available() {
        let _tiles = Tiles::enter(isa);
        for &(rows, blocks, lengths) in CASES {
            let (row, filled) = (40, |k: usize| k.next_multiple_of(T::SEGMENT));
            let left: Vec<T> = values("left", 128 * row + 2048);
            let block: usize = lengths.iter().map(|&k| filled(k) * BLOCK).sum();
            let segments: Vec<Segment> = lengths
                .iter()
                .enumerate()
                .map(|(i, &k)| Segment { offset: 30 * i as isize, k })
                .collect();
            // Plain weights [segment][k][column], and packed ones.
            let columns = blocks * BLOCK;
            let plain: Vec<Vec<T>> =
                lengths.iter().map(|&k| values("right", k * columns)).collect();
            let mut packed = vec![T::default(); block * blocks];
            let group = if T::SEGMENT == 1 { 1 } else { 2 };
            for column in 0..columns {
                let mut start = column / BLOCK * block;
                for (&k, plain) in lengths.iter().zip(&plain) {
                    for k in 0..k {
                        let at = k / group * group * BLOCK + column % BLOCK * group + k % group;
                        packed[start + at] = plain[k * columns + column];
                    }
                    start += filled(k) * BLOCK;
                }
            }
            let mut tile = Tile::new();
            let operand = Left { start: left.as_ptr(), row, step: 1 };
            let right = Right { start: packed.as_ptr(), block };
            // SAFETY: the arrays are longer than the largest tile reaches.
            unsafe { T::multiply(isa, rows, blocks, operand, &segments, right, &mut tile) };
            for i in 0..rows {
                for j in 0..columns {
                    let mut expected = 0.0;
                    for (segment, plain) in segments.iter().zip(&plain) {
                        for k in 0..segment.k {
                            let a = left[i * row + k + segment.offset as usize].to_f32();
                            expected += f64::from(a) * f64::from(plain[k * columns + j].to_f32());
                        }
                    }
                    let found = f64::from(tile.0[i * TILE_PITCH + j]);
                    assert!(
                        (found - expected).abs() <= tolerance,
                        "{isa}, {rows}x{blocks}, {lengths:?}, [{i}, {j}]: {found}, {expected}"
                    );
                }
            }
        }
    }
}

/// f32 sums of up to 576 products within ±1: some hundred roundings of 2^-24 at values near 10.
const TOLERANCE: f64 = 1e-4;

#[test]
fn f32_tiles_agree_with_f64_on_every_instruction_set() {
    holds::<f32>(TOLERANCE);
}

#[test]
fn bf16_tiles_agree_with_f64_on_every_instruction_set() {
    holds::<bf16>(TOLERANCE);
}
