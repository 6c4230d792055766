//! Chroma at twice its columns, its rows, or both: each sample three parts of the nearer one and one
//! part of the farther one, along each axis, rounded by turns up and down.

use crate::isa::per_isa;

per_isa! {
    /// Each sample twice, as libjpeg does where there are only two or fewer, or means of blocks.
    ///
    /// # Panics
    /// If `out` is not twice as long as `row`.
    pub fn double_columns(row: &[u8], out: &mut [u8]) {
        let pairs = pairs(out, row.len());
        for (pair, &sample) in pairs.iter_mut().zip(row) {
            *pair = [sample; 2];
        }
    }
}

per_isa! {
    /// Twice the columns of a row (`h2v1_fancy_upsample`).
    ///
    /// # Panics
    /// If `out` is not twice as long as `row`, or there is no sample.
    pub fn double_columns_smoothly(row: &[u8], out: &mut [u8]) {
        let pairs = pairs(out, row.len());
        let last = row.len() - 1;
        let near = |sample: u8| 3 * u16::from(sample);
        for (pair, three) in pairs[1..].iter_mut().zip(row.windows(3)) {
            let [before, sample, after] = [three[0], three[1], three[2]];
            let left = (near(sample) + u16::from(before) + 1) >> 2;
            let right = (near(sample) + u16::from(after) + 2) >> 2;
            *pair = (left | right << 8).to_le_bytes();
        }
        let after = row[last.min(1)];
        let before = row[last.saturating_sub(1)];
        pairs[0] = [row[0], ((near(row[0]) + u16::from(after) + 2) >> 2) as u8];
        let left = ((near(row[last]) + u16::from(before) + 1) >> 2) as u8;
        pairs[last] = [if last == 0 { row[0] } else { left }, row[last]];
    }
}

per_isa! {
    /// One row at twice the columns between two rows, `near` and `far` (`h2v2_fancy_upsample`).
    ///
    /// # Panics
    /// If the rows differ in length or are empty, or `out` is not twice as long.
    pub fn double_smoothly(near: &[u8], far: &[u8], out: &mut [u8]) {
        let pairs = pairs(out, near.len());
        assert_eq!(near.len(), far.len(), "rows of equal length");
        let last = near.len() - 1;
        let mixed = |near: u8, far: u8| 3 * u16::from(near) + u16::from(far);
        for ((pair, near), far) in
            pairs[1..].iter_mut().zip(near.windows(3)).zip(far.windows(3))
        {
            let before = mixed(near[0], far[0]);
            let sample = mixed(near[1], far[1]);
            let after = mixed(near[2], far[2]);
            let left = (3 * sample + before + 8) >> 4;
            let right = (3 * sample + after + 7) >> 4;
            *pair = (left | right << 8).to_le_bytes();
        }
        let at = |x: usize| mixed(near[x], far[x]);
        let (first, end) = (at(0), at(last));
        pairs[0] = [
            ((4 * first + 8) >> 4) as u8,
            ((3 * first + at(last.min(1)) + 7) >> 4) as u8,
        ];
        let left = (3 * end + at(last.saturating_sub(1)) + 8) >> 4;
        let left = if last == 0 { (4 * first + 8) >> 4 } else { left };
        pairs[last] = [left as u8, ((4 * end + 7) >> 4) as u8];
    }
}

per_isa! {
    /// One row between two, `near` and `far`; `bias` is 1 above `near` and 2 below it
    /// (`h1v2_fancy_upsample`).
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
