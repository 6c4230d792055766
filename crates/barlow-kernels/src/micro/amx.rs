//! Matrix tiles (AMX): 16×16 sums of 32 bf16 products per instruction.
//!
//! Tiles of the left operand are read where they lie, row by row; sums stay in four tiles, two by two,
//! which halves the reads, or in six above each other where there is one block of columns only.

use std::arch::asm;

use super::{BLOCK, Left, ROWS, Right, Segment, TILE_PITCH, Tile};
use crate::element::bf16;

/// Rows of a tile.
const HEIGHT: usize = 16;

/// Groups of 16 rows in one call at most.
const GROUPS: usize = ROWS / HEIGHT;

/// Depth of a tile: 32 values of a row, 64 bytes.
const DEPTH: usize = 32;

#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes_per_row: [u16; 16],
    rows: [u8; 16],
}

/// All eight tiles with 16 rows of 64 bytes.
static CONFIGURATION: Configuration = Configuration {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    bytes_per_row: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// Makes the tiles of this thread ready.
pub(super) fn configure() {
    // SAFETY: `Isa::Amx` exists only where the system granted the tiles; the configuration is one
    // of palette 1.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const CONFIGURATION, options(nostack, readonly)) };
}

/// Frees the tiles of this thread.
pub(super) fn release() {
    // SAFETY: as in `configure`.
    unsafe { asm!("tilerelease", options(nostack, nomem)) };
}

/// As [`super::Micro::multiply`].
pub(super) unsafe fn multiply(
    rows: usize,
    blocks: usize,
    left: Left<bf16>,
    segments: &[Segment],
    right: Right<bf16>,
    tile: &mut Tile,
) {
    let mut groups = [left.start; GROUPS];
    for (index, group) in groups.iter_mut().enumerate() {
        *group = left.start.wrapping_add(index * HEIGHT * left.row);
    }
    // SAFETY: the caller's contract.
    unsafe {
        multiply_groups(&groups[..rows.div_ceil(HEIGHT)], left.row, blocks, segments, right, tile);
    }
}

/// As [`super::Micro::multiply_groups`].
pub(super) unsafe fn multiply_groups(
    groups: &[*const bf16],
    row: usize,
    blocks: usize,
    segments: &[Segment],
    right: Right<bf16>,
    tile: &mut Tile,
) {
    for block in (0..blocks).step_by(2) {
        let start = right.start.wrapping_add(block * right.block);
        let right = Right { start, ..right };
        if blocks - block > 1 {
            for (index, pair) in groups.chunks(2).enumerate() {
                let at = 2 * index * HEIGHT * TILE_PITCH + block * BLOCK;
                let out = tile.0[at..].as_mut_ptr();
                // SAFETY: the caller's contract; a tile has rows for an even number of groups.
                unsafe {
                    match *pair {
                        [a, b] => two_by_two([a, b], row, segments, right, out),
                        _ => one_by_two([pair[0]], row, segments, right, out),
                    }
                }
            }
        } else {
            let out = tile.0[block * BLOCK..].as_mut_ptr();
            // Missing groups repeat the first; the tile has rows for their sums.
            let group = |index: usize| groups[if index < groups.len() { index } else { 0 }];
            // SAFETY: the caller's contract.
            unsafe {
                match groups.len() {
                    1 => one_by_one([group(0)], row, segments, right, out),
                    2 | 3 => three_by_one([0, 1, 2].map(group), row, segments, right, out),
                    _ => six_by_one([0, 1, 2, 3, 4, 5].map(group), row, segments, right, out),
                }
            }
        }
    }
}

macro_rules! kernel {
    (
        $name:ident, groups: [$($index:literal $group:ident),*], zero: [$($zero:literal),*],
        loop: [$($line:literal),*], store: [$($store:literal),*]
    ) => {
        /// Sums of groups of 16 rows; the result of an instruction takes some 50 cycles, so several
        /// sums are on the way at once.
        unsafe fn $name(
            groups: [*const bf16; [$($index),*].len()],
            row: usize,
            segments: &[Segment],
            right: Right<bf16>,
            out: *mut f32,
        ) {
            // SAFETY: the caller's contract: every address read belongs to the operands. The
            // compiler knows no tile registers, so they keep their values between the blocks.
            unsafe {
                asm!($($zero),*, options(nostack, nomem));
                let mut weights = right.start;
                for segment in segments {
                    let steps = segment.k.div_ceil(DEPTH);
                    asm!(
                        "2:",
                        $($line,)*
                        $(concat!("add {", stringify!($group), "}, 64"),)*
                        "add {b0}, 1024",
                        "add {b1}, 1024",
                        "dec {n}",
                        "jnz 2b",
                        $($group = inout(reg) groups[$index].wrapping_offset(segment.offset) => _,)*
                        b0 = inout(reg) weights => _,
                        b1 = inout(reg) weights.wrapping_add(right.block) => _,
                        n = inout(reg) steps => _,
                        sa = in(reg) row * size_of::<bf16>(),
                        sb = in(reg) 64_usize,
                        options(nostack, readonly),
                    );
                    weights = weights.wrapping_add(steps * DEPTH * BLOCK);
                }
                asm!(
                    $($store,)*
                    c = in(reg) out,
                    sc = in(reg) TILE_PITCH * size_of::<f32>(),
                    options(nostack),
                );
            }
        }
    };
}

kernel!(
    two_by_two,
    groups: [0 a0, 1 a1],
    zero: ["tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3"],
    loop: [
        "tileloadd tmm4, [{a0} + {sa}*1]",
        "tileloadd tmm6, [{b0} + {sb}*1]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tileloadd tmm7, [{b1} + {sb}*1]",
        "tdpbf16ps tmm1, tmm4, tmm7",
        "tileloadd tmm5, [{a1} + {sa}*1]",
        "tdpbf16ps tmm2, tmm5, tmm6",
        "tdpbf16ps tmm3, tmm5, tmm7"
    ],
    store: [
        "tilestored [{c} + {sc}*1], tmm0",
        "tilestored [{c} + {sc}*1 + 64], tmm1",
        "tilestored [{c} + {sc}*1 + 4096], tmm2",
        "tilestored [{c} + {sc}*1 + 4160], tmm3"
    ]
);

kernel!(
    one_by_two,
    groups: [0 a0],
    zero: ["tilezero tmm0", "tilezero tmm1"],
    loop: [
        "tileloadd tmm4, [{a0} + {sa}*1]",
        "tileloadd tmm6, [{b0} + {sb}*1]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tileloadd tmm7, [{b1} + {sb}*1]",
        "tdpbf16ps tmm1, tmm4, tmm7"
    ],
    store: ["tilestored [{c} + {sc}*1], tmm0", "tilestored [{c} + {sc}*1 + 64], tmm1"]
);

kernel!(
    six_by_one,
    groups: [0 a0, 1 a1, 2 a2, 3 a3, 4 a4, 5 a5],
    zero: [
        "tilezero tmm0",
        "tilezero tmm1",
        "tilezero tmm2",
        "tilezero tmm3",
        "tilezero tmm4",
        "tilezero tmm5"
    ],
    loop: [
        "tileloadd tmm7, [{b0} + {sb}*1]",
        "tileloadd tmm6, [{a0} + {sa}*1]",
        "tdpbf16ps tmm0, tmm6, tmm7",
        "tileloadd tmm6, [{a1} + {sa}*1]",
        "tdpbf16ps tmm1, tmm6, tmm7",
        "tileloadd tmm6, [{a2} + {sa}*1]",
        "tdpbf16ps tmm2, tmm6, tmm7",
        "tileloadd tmm6, [{a3} + {sa}*1]",
        "tdpbf16ps tmm3, tmm6, tmm7",
        "tileloadd tmm6, [{a4} + {sa}*1]",
        "tdpbf16ps tmm4, tmm6, tmm7",
        "tileloadd tmm6, [{a5} + {sa}*1]",
        "tdpbf16ps tmm5, tmm6, tmm7"
    ],
    store: [
        "tilestored [{c} + {sc}*1], tmm0",
        "tilestored [{c} + {sc}*1 + 4096], tmm1",
        "tilestored [{c} + {sc}*1 + 8192], tmm2",
        "tilestored [{c} + {sc}*1 + 12288], tmm3",
        "tilestored [{c} + {sc}*1 + 16384], tmm4",
        "tilestored [{c} + {sc}*1 + 20480], tmm5"
    ]
);

kernel!(
    three_by_one,
    groups: [0 a0, 1 a1, 2 a2],
    zero: ["tilezero tmm0", "tilezero tmm1", "tilezero tmm2"],
    loop: [
        "tileloadd tmm7, [{b0} + {sb}*1]",
        "tileloadd tmm4, [{a0} + {sa}*1]",
        "tdpbf16ps tmm0, tmm4, tmm7",
        "tileloadd tmm5, [{a1} + {sa}*1]",
        "tdpbf16ps tmm1, tmm5, tmm7",
        "tileloadd tmm6, [{a2} + {sa}*1]",
        "tdpbf16ps tmm2, tmm6, tmm7"
    ],
    store: [
        "tilestored [{c} + {sc}*1], tmm0",
        "tilestored [{c} + {sc}*1 + 4096], tmm1",
        "tilestored [{c} + {sc}*1 + 8192], tmm2"
    ]
);

kernel!(
    one_by_one,
    groups: [0 a0],
    zero: ["tilezero tmm0"],
    loop: [
        "tileloadd tmm4, [{a0} + {sa}*1]",
        "tileloadd tmm6, [{b0} + {sb}*1]",
        "tdpbf16ps tmm0, tmm4, tmm6"
    ],
    store: ["tilestored [{c} + {sc}*1], tmm0"]
);
