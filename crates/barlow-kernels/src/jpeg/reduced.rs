//! Inverse transforms of blocks of 8 x 8 coefficients to 4 x 4, 2 x 2 and 1 sample.

use super::lines::Lines;
use super::transform::{CONSTANT_BITS, Group, LANES, PASS_BITS, descale, sample};
use crate::isa::per_isa;

per_isa! {
    pub(super) fn halves(groups: &mut [Group], steps: &[i16; 64], lines: &mut Lines) {
        for (at, group) in groups.iter_mut().enumerate() {
            // Neither pass reads the fifth row or column.
            let mut half_way = [[[0; LANES]; 8]; 4];
            for x in (0..8).filter(|&x| x != 4) {
                for lane in 0..LANES {
                    let column = std::array::from_fn(|y| dequantised(group, steps, y, x, lane));
                    let column = four_of_eight(column);
                    for y in 0..4 {
                        half_way[y][x][lane] = narrow(column[y], CONSTANT_BITS - PASS_BITS + 1);
                    }
                }
            }
            for (y, half_way) in half_way.iter().enumerate() {
                let mut fours = [0; LANES];
                for lane in 0..LANES {
                    let row = four_of_eight(std::array::from_fn(|x| half_way[x][lane]));
                    fours[lane] = (0..4).fold(0, |four, x| {
                        let value = descale(row[x], CONSTANT_BITS + PASS_BITS + 4);
                        four | sample(value) << (8 * x)
                    });
                }
                let place = lines.place(y, at * LANES);
                for (place, four) in place.iter_mut().zip(&fours) {
                    *place = four.to_le_bytes();
                }
            }
            *group = [[0; LANES]; 64];
        }
    }
}

per_isa! {
    pub(super) fn quarters(groups: &mut [Group], steps: &[i16; 64], lines: &mut Lines) {
        for (at, group) in groups.iter_mut().enumerate() {
            // Both passes read the first and the even rows and columns, counted from 1, only.
            let mut half_way = [[[0; LANES]; 8]; 2];
            for x in [0, 1, 3, 5, 7] {
                for lane in 0..LANES {
                    let column = std::array::from_fn(|y| dequantised(group, steps, y, x, lane));
                    let column = two_of_eight(column);
                    for y in 0..2 {
                        half_way[y][x][lane] = narrow(column[y], CONSTANT_BITS - PASS_BITS + 2);
                    }
                }
            }
            for (y, half_way) in half_way.iter().enumerate() {
                let place = lines.place(y, at * LANES);
                for lane in 0..LANES {
                    let row = two_of_eight(std::array::from_fn(|x| half_way[x][lane]));
                    let [left, right] =
                        row.map(|n| sample(descale(n, CONSTANT_BITS + PASS_BITS + 5)) as u16);
                    place[lane] = (left | right << 8).to_le_bytes();
                }
            }
            *group = [[0; LANES]; 64];
        }
    }
}

per_isa! {
    pub(super) fn eighths(groups: &mut [Group], steps: &[i16; 64], lines: &mut Lines) {
        for (at, group) in groups.iter_mut().enumerate() {
            for (place, mean) in lines.place(0, at * LANES).iter_mut().zip(&group[0]) {
                *place = [sample(descale(i32::from(mean.wrapping_mul(steps[0])), 3)) as u8];
            }
            *group = [[0; LANES]; 64];
        }
    }
}

#[inline(always)]
fn dequantised(group: &Group, steps: &[i16; 64], y: usize, x: usize, lane: usize) -> i16 {
    group[8 * y + x][lane].wrapping_mul(steps[8 * y + x])
}

#[inline(always)]
fn narrow(n: i32, bits: u32) -> i16 {
    descale(n, bits).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

/// Four samples of eight coefficients, times 2^14 · √8; the fifth is not read.
#[inline(always)]
fn four_of_eight(v: [i16; 8]) -> [i32; 4] {
    let v = v.map(i32::from);
    let sum = |terms: [[i32; 2]; 4]| {
        terms
            .into_iter()
            .fold(0, |sum: i32, [n, constant]| sum.wrapping_add(n.wrapping_mul(constant)))
    };
    let mean = v[0] << (CONSTANT_BITS + 1);
    let even = v[2].wrapping_mul(15_137).wrapping_sub(v[6].wrapping_mul(6_270));
    let outer = sum([[v[7], -4_176], [v[5], -4_926], [v[3], 7_373], [v[1], 20_995]]);
    let inner = sum([[v[7], -1_730], [v[5], 11_893], [v[3], -17_799], [v[1], 8_697]]);
    let (plus, minus) = (mean.wrapping_add(even), mean.wrapping_sub(even));
    [
        plus.wrapping_add(outer),
        minus.wrapping_add(inner),
        minus.wrapping_sub(inner),
        plus.wrapping_sub(outer),
    ]
}

/// Two samples of eight coefficients, times 2^15 · √8; only the first and the odd ones are read.
#[inline(always)]
fn two_of_eight(v: [i16; 8]) -> [i32; 2] {
    let product = |at: usize, constant: i32| i32::from(v[at]).wrapping_mul(constant);
    let mean = i32::from(v[0]) << (CONSTANT_BITS + 2);
    let odd = product(7, -5_906)
        .wrapping_add(product(5, 6_967))
        .wrapping_add(product(3, -10_426))
        .wrapping_add(product(1, 29_692));
    [mean.wrapping_add(odd), mean.wrapping_sub(odd)]
}
