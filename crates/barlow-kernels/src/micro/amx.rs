//! Matrix tiles (AMX): 16×16 sums of 32 bf16 products per instruction.
//!
//! Tiles of the left operand are read where they lie, row by row; sums stay in up to four tiles, two
//! by two, which halves the reads. Tiles 0-3 hold sums, 4-5 the left operand, 6-7 the right.

use std::arch::asm;

use super::{BLOCK, Left, Right, Segment, TILE_PITCH, Tile};
use crate::element::bf16;

/// Rows of a tile.
const HEIGHT: usize = 16;

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
    let mut row = 0;
    while row < rows {
        let start = left.start.wrapping_add(row * left.row);
        let left = Left { start, ..left };
        let is_pair = rows - row > HEIGHT;
        let mut block = 0;
        while block < blocks {
            let start = right.start.wrapping_add(block * right.block);
            let right = Right { start, ..right };
            let out = tile.0[row * TILE_PITCH + block * BLOCK..].as_mut_ptr();
            let has_two_blocks = blocks - block > 1;
            // SAFETY: the caller's contract; an even number of tiles' rows fits `ROWS`.
            unsafe {
                match (is_pair, has_two_blocks) {
                    (true, true) => two_by_two(left, segments, right, out),
                    (true, false) => two_by_one(left, segments, right, out),
                    (false, true) => one_by_two(left, segments, right, out),
                    (false, false) => one_by_one(left, segments, right, out),
                }
            }
            block += 2;
        }
        row += 2 * HEIGHT;
    }
}

/// Steps of a segment.
fn steps(segment: &Segment) -> usize {
    segment.k.div_ceil(DEPTH)
}

macro_rules! kernel {
    ($name:ident, zero: [$($zero:literal),*], loop: [$($line:literal),*], store: [$($store:literal),*]) => {
        unsafe fn $name(
            left: Left<bf16>,
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
                    let steps = steps(segment);
                    let first = left.start.wrapping_offset(segment.offset);
                    asm!(
                        "2:",
                        $($line,)*
                        "add {a0}, 64",
                        "add {a1}, 64",
                        "add {b0}, 1024",
                        "add {b1}, 1024",
                        "dec {n}",
                        "jnz 2b",
                        a0 = inout(reg) first => _,
                        a1 = inout(reg) first.wrapping_add(HEIGHT * left.row) => _,
                        b0 = inout(reg) weights => _,
                        b1 = inout(reg) weights.wrapping_add(right.block) => _,
                        n = inout(reg) steps => _,
                        sa = in(reg) left.row * size_of::<bf16>(),
                        sb = in(reg) 64_usize,
                        options(nostack, readonly),
                    );
                    weights = weights.wrapping_add(steps * DEPTH * BLOCK);
                }
                asm!(
                    "# {c1} is not used by a single tile",
                    $($store,)*
                    c0 = in(reg) out,
                    c1 = in(reg) out.wrapping_add(HEIGHT * TILE_PITCH),
                    sc = in(reg) TILE_PITCH * size_of::<f32>(),
                    options(nostack),
                );
            }
        }
    };
}

kernel!(
    two_by_two,
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
        "tilestored [{c0} + {sc}*1], tmm0",
        "tilestored [{c0} + {sc}*1 + 64], tmm1",
        "tilestored [{c1} + {sc}*1], tmm2",
        "tilestored [{c1} + {sc}*1 + 64], tmm3"
    ]
);

kernel!(
    two_by_one,
    zero: ["tilezero tmm0", "tilezero tmm2"],
    loop: [
        "tileloadd tmm6, [{b0} + {sb}*1]",
        "tileloadd tmm4, [{a0} + {sa}*1]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tileloadd tmm5, [{a1} + {sa}*1]",
        "tdpbf16ps tmm2, tmm5, tmm6"
    ],
    store: ["tilestored [{c0} + {sc}*1], tmm0", "tilestored [{c1} + {sc}*1], tmm2"]
);

kernel!(
    one_by_two,
    zero: ["tilezero tmm0", "tilezero tmm1"],
    loop: [
        "tileloadd tmm4, [{a0} + {sa}*1]",
        "tileloadd tmm6, [{b0} + {sb}*1]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tileloadd tmm7, [{b1} + {sb}*1]",
        "tdpbf16ps tmm1, tmm4, tmm7"
    ],
    store: [
        "tilestored [{c0} + {sc}*1], tmm0",
        "tilestored [{c0} + {sc}*1 + 64], tmm1"
    ]
);

kernel!(
    one_by_one,
    zero: ["tilezero tmm0"],
    loop: [
        "tileloadd tmm4, [{a0} + {sa}*1]",
        "tileloadd tmm6, [{b0} + {sb}*1]",
        "tdpbf16ps tmm0, tmm4, tmm6"
    ],
    store: ["tilestored [{c0} + {sc}*1], tmm0"]
);
