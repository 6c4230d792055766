//! The coefficients of an image, one row of units after the other.

use barlow_kernels::jpeg::{Group, LANES};

use super::bits::{Bits, Intervals};
use super::block;
use super::huffman::Table;
use super::layout::Layout;

/// The coefficients of a component's blocks in one row of units.
#[derive(Debug, Default)]
pub(super) struct Coefficients {
    /// For each row of blocks as many groups as hold it. All are 0 before a row of units is read.
    pub(super) groups: Vec<Group>,
    /// For each group the last place at which one of its blocks has a coefficient.
    pub(super) reaches: Vec<u8>,
}

impl Coefficients {
    /// Makes room for rows of units of so many groups in each of so many rows of blocks.
    pub(super) fn reset(&mut self, groups: usize) {
        self.groups.clear();
        self.groups.resize(groups, [[0; LANES]; 64]);
        self.reaches.clear();
        self.reaches.resize(groups, 0);
    }
}

/// Reads rows of units, in order.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    intervals: &'a Intervals,
    /// The tables of each component, of means and of all else.
    tables: &'a [[&'a Table; 2]],
    /// Units in an interval.
    interval: usize,
    stream: Option<Bits<'a>>,
    next_interval: usize,
    /// Units left of the interval.
    left: usize,
    /// The mean of the last block of each component.
    means: [i16; 3],
}

impl<'a> Reader<'a> {
    /// `interval` is the number of units in each interval.
    pub(super) fn new(
        intervals: &'a Intervals,
        tables: &'a [[&'a Table; 2]],
        interval: usize,
    ) -> Self {
        Self { intervals, tables, interval, stream: None, next_interval: 0, left: 0, means: [0; 3] }
    }

    /// Reads a row; `None` if the data are corrupt or end early.
    pub(super) fn read_row(
        &mut self,
        layout: &Layout,
        coefficients: &mut [Coefficients; 3],
    ) -> Option<()> {
        for coefficients in coefficients.iter_mut() {
            coefficients.reaches.fill(0);
        }
        let (mut unit, units) = (0, layout.units[0]);
        while unit < units {
            if self.left == 0 {
                self.stream = Some(self.intervals.get(self.next_interval)?);
                self.next_interval += 1;
                self.left = self.interval;
                self.means = [0; 3];
            }
            let end = units.min(unit + self.left);
            let mut stream = self.stream?;
            for unit in unit..end {
                self.read_unit(&mut stream, unit, layout, coefficients)?;
            }
            if stream.is_overdrawn() {
                return None;
            }
            self.stream = Some(stream);
            self.left -= end - unit;
            unit = end;
        }
        Some(())
    }

    #[inline(always)]
    fn read_unit(
        &mut self,
        stream: &mut Bits<'a>,
        unit: usize,
        layout: &Layout,
        coefficients: &mut [Coefficients; 3],
    ) -> Option<()> {
        let parts = self.tables.iter().zip(&mut self.means).zip(&layout.planes).zip(coefficients);
        for (((tables, mean), plane), coefficients) in parts {
            let [columns, rows] = plane.blocks;
            for row in 0..rows {
                for column in 0..columns {
                    let block = unit * columns + column;
                    let at = row * plane.groups + block / LANES;
                    let group = &mut coefficients.groups[at];
                    let last = block::read(stream, *tables, mean, group, block % LANES)?;
                    let reach = &mut coefficients.reaches[at];
                    *reach = last.max(*reach);
                }
            }
        }
        Some(())
    }
}
