//! How many blocks and samples there are, and of which size.

use barlow_kernels::jpeg::{BlockSide, LANES};

use super::header::Header;

/// The measures of an image that is decoded at a scale.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Columns and rows of pixels.
    pub(super) width: usize,
    pub(super) height: usize,
    /// Units (MCUs: blocks of luma with the chroma that belongs to them) along a row, and rows.
    pub(super) units: [usize; 2],
    pub(super) planes: [Plane; 3],
}

/// The measures of one component.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane {
    /// Blocks of a unit, along a row and down a column.
    pub(super) blocks: [usize; 2],
    /// Samples along the side of a block.
    pub(super) side: BlockSide,
    /// Columns and rows of samples in the image, without what fills the last blocks.
    pub(super) width: usize,
    pub(super) height: usize,
    /// Groups of blocks that hold a row of blocks.
    pub(super) groups: usize,
    /// Samples of luma for each of this, along a row and down a column.
    pub(super) factors: [usize; 2],
}

impl Layout {
    /// The measures at so many samples along the side of each block of luma.
    ///
    /// Chroma takes larger blocks rather than being enlarged, as far as that goes.
    pub(super) fn new(header: &Header<'_>, side: BlockSide) -> Self {
        let luma = header.sampling;
        let size = [header.width, header.height];
        let units: [usize; 2] = std::array::from_fn(|axis| size[axis].div_ceil(8 * luma[axis]));
        let planes = std::array::from_fn(|component| {
            let blocks = if component == 0 { luma } else { [1, 1] };
            let mut factors: [usize; 2] = std::array::from_fn(|axis| luma[axis] / blocks[axis]);
            let mut plane_side = side;
            if factors == [2, 2]
                && let Some(larger) = doubled(plane_side)
            {
                plane_side = larger;
                factors = [1, 1];
            }
            let length = |axis: usize| {
                (size[axis] * blocks[axis] * plane_side.samples()).div_ceil(8 * luma[axis])
            };
            Plane {
                blocks,
                side: plane_side,
                width: length(0),
                height: length(1),
                groups: (units[0] * blocks[0]).div_ceil(LANES),
                factors,
            }
        });
        let scaled = |length: usize| (length * side.samples()).div_ceil(8);
        Self { width: scaled(size[0]), height: scaled(size[1]), units, planes }
    }
}

fn doubled(side: BlockSide) -> Option<BlockSide> {
    match side {
        BlockSide::One => Some(BlockSide::Two),
        BlockSide::Two => Some(BlockSide::Four),
        BlockSide::Four => Some(BlockSide::Eight),
        BlockSide::Eight => None,
    }
}

impl Plane {
    /// Samples between one row and the next.
    pub(super) fn pitch(&self) -> usize {
        self.groups * LANES * self.side.samples()
    }

    /// Rows of samples of a row of units.
    pub(super) fn unit_rows(&self) -> usize {
        self.blocks[1] * self.side.samples()
    }
}
