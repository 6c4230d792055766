//! The innermost kernels: one tile of a sum of matrix products, kept in registers.
//!
//! ```text
//! tile[i][j] = Σ over segments s, Σ over k < s.k   left[s.offset + i·row + k·step] · right[k][j]
//! ```
//!
//! The left operand is read where it lies: the rows of a convolution are pixels, its segments the
//! runs of kernel taps that are contiguous in a strip. The right operand is packed in blocks of 16
//! columns: `[k][16]` in f32, `[k/2][16][2]` in bf16 with every segment filled up to a multiple of
//! 32 by zeros, which is what both `vdpbf16ps` and matrix tiles want.

#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "one contract covers all reads of the operands and writes of the tile"
)]

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use crate::Buffer;
use crate::element::bf16;
use crate::isa::Isa;

/// Most rows of one call: a multiple of the height of every instruction set's register tile.
pub(crate) const ROWS: usize = 96;

/// Rows of a group that [`Micro::multiply_groups`] takes.
pub(crate) const GROUP: usize = 16;

/// Columns of one block.
pub(crate) const BLOCK: usize = 16;

/// Most blocks of one call.
pub(crate) const BLOCKS: usize = 4;

/// Values from one row of a tile to the next.
pub(crate) const TILE_PITCH: usize = BLOCK * BLOCKS;

/// Results of one call, [`ROWS`] rows of [`TILE_PITCH`] values.
pub(crate) struct Tile(pub(crate) Buffer<f32>);

impl Tile {
    pub(crate) fn new() -> Self {
        Self(Buffer::dirty(ROWS * TILE_PITCH))
    }
}

/// The left operand.
#[derive(Clone, Copy)]
pub(crate) struct Left<T> {
    /// Row 0, k 0 of a segment with offset 0.
    pub(crate) start: *const T,
    /// Values from one row to the next.
    pub(crate) row: usize,
    /// Values from one k to the next; 1 in bf16.
    pub(crate) step: usize,
}

/// A run of the left operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Values from the start of the left operand.
    pub(crate) offset: isize,
    /// Length, even.
    pub(crate) k: usize,
}

/// The right operand: its first block, and values from one block to the next.
#[derive(Clone, Copy)]
pub(crate) struct Right<T> {
    pub(crate) start: *const T,
    pub(crate) block: usize,
}

/// What a kernel needs of an element beyond arithmetic.
pub(crate) trait Micro: Copy {
    /// Segments of the right operand are filled up to a multiple of this.
    const SEGMENT: usize;

    /// Computes the first `rows` rows (and perhaps some more) and `blocks` blocks of the tile.
    ///
    /// # Safety
    /// - `isa` is of this machine, and with [`Isa::Amx`] a [`Tiles`] is alive on this thread
    /// - the left operand may be read at all rows up to `rows` rounded up to [`ROWS`]' divisors
    ///   (at most 32 more), and each segment up to its length filled to [`Micro::SEGMENT`]; those
    ///   extra values are finite or the tile's rows for them unused
    /// - the right operand holds `blocks` blocks of all segments
    /// - `rows` is 1 to [`ROWS`], `blocks` 1 to [`BLOCKS`]
    unsafe fn multiply(
        isa: Isa,
        rows: usize,
        blocks: usize,
        left: Left<Self>,
        segments: &[Segment],
        right: Right<Self>,
        tile: &mut Tile,
    );

    /// Whether [`Micro::multiply_groups`] is there, for left operands whose rows do not follow each
    /// other.
    fn has_groups(_: Isa) -> bool {
        false
    }

    /// As [`Micro::multiply`], with the rows in groups of 16 that begin anywhere, at most six.
    ///
    /// # Safety
    /// As for [`Micro::multiply`]; and [`Micro::has_groups`].
    unsafe fn multiply_groups(
        _groups: &[*const Self],
        _row: usize,
        _blocks: usize,
        _segments: &[Segment],
        _right: Right<Self>,
        _tile: &mut Tile,
    ) {
        unreachable!("`has_groups` says no")
    }
}

impl Micro for f32 {
    const SEGMENT: usize = 1;

    unsafe fn multiply(
        isa: Isa,
        rows: usize,
        blocks: usize,
        left: Left<Self>,
        segments: &[Segment],
        right: Right<Self>,
        tile: &mut Tile,
    ) {
        // SAFETY: passed on.
        unsafe {
            match isa {
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 | Isa::Avx512Bf16 | Isa::Amx => {
                    avx512::multiply(rows, blocks, left, segments, right, tile);
                }
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => avx2::multiply(rows, blocks, left, segments, right, tile),
                _ => portable::multiply(rows, blocks, left, segments, right, tile),
            }
        }
    }
}

impl Micro for bf16 {
    const SEGMENT: usize = 32;

    unsafe fn multiply(
        isa: Isa,
        rows: usize,
        blocks: usize,
        left: Left<Self>,
        segments: &[Segment],
        right: Right<Self>,
        tile: &mut Tile,
    ) {
        // SAFETY: passed on.
        unsafe {
            match isa {
                #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
                Isa::Amx => amx::multiply(rows, blocks, left, segments, right, tile),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512Bf16 => {
                    avx512::multiply_bf16(rows, blocks, left, segments, right, tile);
                }
                _ => portable::multiply_bf16(isa, rows, blocks, left, segments, right, tile),
            }
        }
    }

    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    fn has_groups(isa: Isa) -> bool {
        isa == Isa::Amx
    }

    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    unsafe fn multiply_groups(
        groups: &[*const Self],
        row: usize,
        blocks: usize,
        segments: &[Segment],
        right: Right<Self>,
        tile: &mut Tile,
    ) {
        // SAFETY: passed on.
        unsafe { amx::multiply_groups(groups, row, blocks, segments, right, tile) };
    }
}

/// Matrix tiles made ready on this thread until dropped; nothing on other instruction sets.
pub(crate) struct Tiles {
    #[cfg_attr(
        not(all(target_arch = "x86_64", target_os = "linux")),
        expect(dead_code, reason = "there are no tiles to release")
    )]
    isa: Isa,
    /// The state belongs to the thread.
    _not_send: std::marker::PhantomData<*const ()>,
}

impl Tiles {
    /// Also checks that this machine has the instructions, once for many tiles.
    pub(crate) fn enter(isa: Isa) -> Self {
        isa.check();
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if isa == Isa::Amx {
            amx::configure();
        }
        Self { isa, _not_send: std::marker::PhantomData }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if self.isa == Isa::Amx {
            amx::release();
        }
    }
}

#[cfg(test)]
mod tests;
