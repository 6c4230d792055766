//! The coefficients of one block.

use barlow_kernels::jpeg::{Group, LANES};

use super::bits::Bits;
use super::huffman::{Table, number};

/// Where in a group the coefficients of its first block lie, in the order in which they are stored;
/// runs that lead beyond the last lead to it.
const ZIGZAG: [u16; 128] = {
    let mut order = [63 * LANES as u16; 128];
    let (mut at, mut diagonal) = (0, 0);
    while diagonal < 15 {
        let mut step = 0;
        while step <= diagonal {
            // Up and to the right on even diagonals, down and to the left on odd ones.
            let (x, y) =
                if diagonal % 2 == 0 { (step, diagonal - step) } else { (diagonal - step, step) };
            if x < 8 && y < 8 {
                order[at] = ((8 * y + x) * LANES) as u16;
                at += 1;
            }
            step += 1;
        }
        diagonal += 1;
    }
    order
};

/// The place in a block of the coefficient that is stored at `at`, 0 to 63.
pub(super) fn place_of(at: usize) -> usize {
    usize::from(ZIGZAG[at]) / LANES
}

/// Reads a block into a lane of a group whose coefficients are 0; `mean` is that of the block before.
///
/// Gives the place, in zigzag order, of the last coefficient; `None` if the data are corrupt.
#[inline(always)]
pub(super) fn read(
    stream: &mut Bits<'_>,
    [dc, ac]: [&Table; 2],
    mean: &mut i16,
    group: &mut Group,
    lane: usize,
) -> Option<u8> {
    let group = group.as_flattened_mut();
    let mut store = |at: usize, coefficient: i16| {
        // Below the length by itself; so the compiler knows.
        group[(usize::from(ZIGZAG[at & 127]) + lane) % (64 * LANES)] = coefficient;
    };
    let mut bits = *stream;
    bits.refill();
    let numbers = dc.numbers(bits.window());
    let difference = if numbers.bits() > 0 {
        bits.skip(numbers.bits());
        numbers.first()
    } else {
        let length = take_symbol(&mut bits, dc)?.into();
        number(bits.take(length), length)
    };
    *mean = mean.wrapping_add(difference);
    store(0, *mean);

    let mut at = 1;
    let mut last = 0;
    'block: while at < 64 {
        bits.refill();
        // 56 bits are enough for what a table has, twice, and any other number.
        for _ in 0..3 {
            let numbers = ac.numbers(bits.window());
            let first = at + numbers.run();
            let second = first + numbers.step();
            // After a number at the end of the block, what follows belongs to another.
            if numbers.bits() > 0 && second < 64 {
                // Where there is only one, it is stored over the 0 of the other.
                store(second, numbers.second());
                store(first, numbers.first());
                last = second;
                at = second + 1;
                bits.skip(numbers.bits());
                if at == 64 {
                    break 'block;
                }
                continue;
            }
            let symbol = take_symbol(&mut bits, ac)?;
            let (run, length) = (usize::from(symbol >> 4), u32::from(symbol & 0xf));
            match (run, length) {
                (0, 0) => break 'block,
                (15, 0) => at += 16,
                (_, 0) => return None,
                _ => {
                    at += run;
                    store(at, number(bits.take(length), length));
                    last = at;
                    at += 1;
                }
            }
            break;
        }
    }
    *stream = bits;
    // A run that leads out of the block.
    (at <= 64).then_some(last as u8)
}

/// Takes the code of a symbol.
#[inline(always)]
fn take_symbol(bits: &mut Bits<'_>, table: &Table) -> Option<u8> {
    let (symbol, length) = table.symbol(bits.window())?;
    bits.skip(length);
    Some(symbol)
}
