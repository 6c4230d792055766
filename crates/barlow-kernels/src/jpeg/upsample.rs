//! Chroma at twice its columns, its rows, or both: each sample three parts of the nearer one and one
//! part of the farther one, along each axis, halves rounded by turns up and down. Beyond the ends of a
//! row its last samples go on.

use crate::isa::per_isa;

per_isa! {
    /// Each sample twice, as libjpeg does where a row has two or fewer, and where samples are means of
    /// blocks.
    ///
    /// # Panics
    /// If `out` is not twice as long as `row`.
    pub fn double_columns(row: &[u8], out: &mut [u8]) {
        for (pair, &sample) in pairs(out, row.len()).iter_mut().zip(row) {
            *pair = [sample; 2];
        }
    }
}

per_isa! {
    /// Twice the columns of a row (libjpeg's `h2v1_fancy_upsample`).
    ///
    /// # Panics
    /// If `out` is not twice as long as `row`, or there is no sample.
    pub fn double_columns_smoothly(row: &[u8], out: &mut [u8]) {
        let doubled = |[before, sample, after]: [u8; 3]| {
            let sample = 3 * u16::from(sample);
            let [left, right] = [u16::from(before) + 1, u16::from(after) + 2];
            ((sample + left) >> 2 | (sample + right) >> 2 << 8).to_le_bytes()
        };
        let pairs = pairs(out, row.len());
        for (pair, three) in pairs[1..].iter_mut().zip(row.windows(3)) {
            *pair = doubled([three[0], three[1], three[2]]);
        }
        for x in [0, row.len() - 1] {
            pairs[x] = doubled(around(row, x));
        }
    }
}

per_isa! {
    /// Twice the columns of the row between two rows, `near` and `far` (libjpeg's
    /// `h2v2_fancy_upsample`).
    ///
    /// # Panics
    /// If the rows differ in length or are empty, or `out` is not twice as long.
    pub fn double_smoothly(near: &[u8], far: &[u8], out: &mut [u8]) {
        assert_eq!(near.len(), far.len(), "rows of equal length");
        let doubled = |near: [u8; 3], far: [u8; 3]| {
            let mixed = |x: usize| 3 * u16::from(near[x]) + u16::from(far[x]);
            let sample = 3 * mixed(1);
            let [left, right] = [mixed(0) + 8, mixed(2) + 7];
            ((sample + left) >> 4 | (sample + right) >> 4 << 8).to_le_bytes()
        };
        let pairs = pairs(out, near.len());
        let rows = near.windows(3).zip(far.windows(3));
        for (pair, (near, far)) in pairs[1..].iter_mut().zip(rows) {
            *pair = doubled([near[0], near[1], near[2]], [far[0], far[1], far[2]]);
        }
        for x in [0, near.len() - 1] {
            pairs[x] = doubled(around(near, x), around(far, x));
        }
    }
}

per_isa! {
    /// The row between two, `near` and `far`; `bias` is 1 where it is above `near`, 2 where it is below
    /// (libjpeg's `h1v2_fancy_upsample`).
    ///
    /// # Panics
    /// If the rows differ in length.
    pub fn mix_rows(near: &[u8], far: &[u8], bias: u16, out: &mut [u8]) {
        assert!(near.len() == far.len() && far.len() == out.len(), "rows of equal length");
        for ((out, &near), &far) in out.iter_mut().zip(near).zip(far) {
            *out = ((3 * u16::from(near) + u16::from(far) + bias) >> 2) as u8;
        }
    }
}

/// A row that is to be filled, by pairs.
#[inline(always)]
fn pairs(out: &mut [u8], count: usize) -> &mut [[u8; 2]] {
    assert!(count > 0 && out.len() == 2 * count, "{count} samples to {}", out.len());
    out.as_chunks_mut().0
}

/// A sample, the one before it and the one after it.
#[inline(always)]
fn around(row: &[u8], x: usize) -> [u8; 3] {
    [row[x.saturating_sub(1)], row[x], row[(x + 1).min(row.len() - 1)]]
}
