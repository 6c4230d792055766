//! The inverse cosine transform of whole blocks, and the choice among all.

use super::lines::Lines;
use super::reduced;
use crate::Isa;
use crate::isa::per_isa;

/// Blocks that are transformed at once.
pub const LANES: usize = 16;

/// Coefficients of [`LANES`] blocks side by side: `[8, 8, LANES]`, rows of the block first, not yet
/// multiplied by their quantisation steps.
pub type Group = [[i16; LANES]; 64];

/// Samples along a side of what becomes of a block of 8 x 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BlockSide {
    /// An eighth: the mean.
    One,
    /// A quarter.
    Two,
    /// A half.
    Four,
    /// All samples.
    Eight,
}

impl BlockSide {
    /// The number.
    pub fn samples(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }
}

/// Transforms a row of blocks and adds 128: `side` rows of samples go to `out`, each `pitch` after the
/// one before. Afterwards all coefficients are 0.
///
/// `reaches` has for each group the last place, in zigzag order, at which any of its blocks has a
/// coefficient other than 0; it only saves work.
///
/// # Panics
/// If there are not as many reaches as groups, or a row of samples does not fit in `pitch`, or the
/// last not in `out`.
///
/// # Source
/// libjpeg 6b, `jidctint.c` and `jidctred.c`.
pub fn transform_blocks(
    isa: Isa,
    side: BlockSide,
    groups: &mut [Group],
    reaches: &[u8],
    steps: &[i16; 64],
    out: &mut [u8],
    pitch: usize,
) {
    assert_eq!(groups.len(), reaches.len(), "a reach for each group");
    if groups.is_empty() {
        return;
    }
    let mut lines = Lines::new(out, pitch, side.samples(), groups.len() * LANES * side.samples());
    match side {
        BlockSide::Eight => whole(isa, groups, reaches, steps, &mut lines),
        BlockSide::Four => reduced::halves(isa, groups, steps, &mut lines),
        BlockSide::Two => reduced::quarters(isa, groups, steps, &mut lines),
        BlockSide::One => reduced::eighths(isa, groups, steps, &mut lines),
    }
}

/// The last place in zigzag order of a block whose coefficients lie in its first four rows and
/// columns.
const LAST_OF_FOUR: u8 = 9;

per_isa! {
    fn whole(groups: &mut [Group], reaches: &[u8], steps: &[i16; 64], lines: &mut Lines) {
        for (at, (group, &reach)) in groups.iter_mut().zip(reaches).enumerate() {
            match reach {
                0 => means(group, steps, at, lines),
                1..=LAST_OF_FOUR => group_whole::<4>(group, steps, at, lines),
                _ => group_whole::<8>(group, steps, at, lines),
            }
        }
    }
}

/// Fraction bits of the constants, and of the numbers between the two passes.
pub(super) const CONSTANT_BITS: u32 = 13;
pub(super) const PASS_BITS: u32 = 2;

/// `n / 2^bits`, to the nearest.
#[inline(always)]
pub(super) fn descale(n: i32, bits: u32) -> i32 {
    n.wrapping_add(1 << (bits - 1)) >> bits
}

/// A sample from what is around 0.
#[inline(always)]
pub(super) fn sample(n: i32) -> u32 {
    (n + 128).clamp(0, 255) as u32
}

/// Blocks of one coefficient each are even.
#[inline(always)]
fn means(group: &mut Group, steps: &[i16; 64], at: usize, lines: &mut Lines) {
    let mut eights = [[0; 8]; LANES];
    for (eight, &mean) in eights.iter_mut().zip(&group[0]) {
        let mean = i32::from(mean.wrapping_mul(steps[0]));
        *eight = [sample(descale(mean, 3)) as u8; 8];
    }
    for y in 0..8 {
        lines.place(y, at * LANES).copy_from_slice(&eights);
    }
    group[0] = [0; LANES];
}

/// Columns, then rows, of blocks whose coefficients lie in the first `KEPT` rows and columns.
#[inline(always)]
fn group_whole<const KEPT: usize>(
    group: &mut Group,
    steps: &[i16; 64],
    at: usize,
    lines: &mut Lines,
) {
    let mut half_way: Group = [[0; LANES]; 64];
    for x in 0..KEPT {
        for lane in 0..LANES {
            let column = std::array::from_fn(|y| {
                let place = 8 * y + x;
                if y < KEPT { group[place][lane].wrapping_mul(steps[place]) } else { 0 }
            });
            let column = eight_of_eight(column);
            for y in 0..8 {
                let value = descale(column[y], CONSTANT_BITS - PASS_BITS);
                half_way[8 * y + x][lane] =
                    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
            }
        }
    }
    for y in 0..8 {
        let (mut left, mut right) = ([0; LANES], [0; LANES]);
        for lane in 0..LANES {
            let row = std::array::from_fn(|x| if x < KEPT { half_way[8 * y + x][lane] } else { 0 });
            let row = eight_of_eight(row);
            let four = |first: usize| {
                (0..4).fold(0, |four, x| {
                    let value = descale(row[first + x], CONSTANT_BITS + PASS_BITS + 3);
                    four | sample(value) << (8 * x)
                })
            };
            (left[lane], right[lane]) = (four(0), four(4));
        }
        for ((eight, left), right) in
            lines.place::<8>(y, at * LANES).iter_mut().zip(&left).zip(&right)
        {
            let (first, second) = eight.split_at_mut(4);
            first.copy_from_slice(&left.to_le_bytes());
            second.copy_from_slice(&right.to_le_bytes());
        }
    }
    for coefficients in &mut group[..if KEPT == 8 { 64 } else { 32 }] {
        *coefficients = [0; LANES];
    }
}

/// The transform of eight coefficients, times 2^13 · √8.
///
/// The formula is that of `jidctint.c` with its sums of constants multiplied out, which changes no bit
/// and leaves only products of 16 by 16 bits.
#[inline(always)]
fn eight_of_eight(v: [i16; 8]) -> [i32; 8] {
    let v = v.map(i32::from);
    let product = |n: i32, constant: i32| n.wrapping_mul(constant);
    let sum = |terms: [i32; 4]| {
        terms[0].wrapping_add(terms[1]).wrapping_add(terms[2]).wrapping_add(terms[3])
    };

    let (outer, inner) = (
        product(v[2], 4_433 + 6_270).wrapping_add(product(v[6], 4_433)),
        product(v[2], 4_433).wrapping_add(product(v[6], 4_433 - 15_137)),
    );
    let (plus, minus) = ((v[0] + v[4]) << CONSTANT_BITS, (v[0] - v[4]) << CONSTANT_BITS);
    let even = [
        plus.wrapping_add(outer),
        minus.wrapping_add(inner),
        minus.wrapping_sub(inner),
        plus.wrapping_sub(outer),
    ];
    let odd = [
        sum([
            product(v[1], 12_299 - 7_373 - 3_196 + 9_633),
            product(v[3], 9_633),
            product(v[5], 9_633 - 3_196),
            product(v[7], 9_633 - 7_373),
        ]),
        sum([
            product(v[1], 9_633),
            product(v[3], 25_172 - 20_995 - 16_069 + 9_633),
            product(v[5], 9_633 - 20_995),
            product(v[7], 9_633 - 16_069),
        ]),
        sum([
            product(v[1], 9_633 - 3_196),
            product(v[3], 9_633 - 20_995),
            product(v[5], 16_819 - 20_995 - 3_196 + 9_633),
            product(v[7], 9_633),
        ]),
        sum([
            product(v[1], 9_633 - 7_373),
            product(v[3], 9_633 - 16_069),
            product(v[5], 9_633),
            product(v[7], 2_446 - 7_373 - 16_069 + 9_633),
        ]),
    ];
    std::array::from_fn(|i| {
        if i < 4 { even[i].wrapping_add(odd[i]) } else { even[7 - i].wrapping_sub(odd[7 - i]) }
    })
}
