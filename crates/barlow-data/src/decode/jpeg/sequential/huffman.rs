//! Tables that give a code's symbol and the number behind it in one step.
//!
//! A symbol says how many bits of a number follow its code. Where code and number together are short,
//! as most are, the table has the number itself, for every way that the bits can go on.

/// Bits that a table is indexed by. With 10, a colour image's four tables take 16 KiB, a third of a
/// first-level cache.
const INDEX_BITS: u32 = 10;
const LONGEST: u32 = 16;

/// A table as a file defines it: how many codes of each length there are, and their symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Definition {
    counts: [u8; LONGEST as usize],
    symbols: [u8; 256],
}

impl Definition {
    /// Takes a definition from the front of a segment; `None` if it is not whole.
    pub(super) fn take(contents: &mut &[u8]) -> Option<Self> {
        let counts: [u8; LONGEST as usize] = *contents.split_off(..LONGEST as usize)?.as_array()?;
        let total: usize = counts.iter().map(|&count| usize::from(count)).sum();
        let mut symbols = [0; 256];
        symbols.get_mut(..total)?.copy_from_slice(contents.split_off(..total)?);
        Some(Self { counts, symbols })
    }
}

/// What the first bits of a stream say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry(u32);

impl Entry {
    const IS_NUMBER: u32 = 0x8000;

    fn number(number: i16, symbol: u8, bits: u32) -> Self {
        Self(
            (u32::from(number as u16) << 16)
                | Self::IS_NUMBER
                | (u32::from(symbol >> 4) << 8)
                | bits,
        )
    }

    /// The symbol and the length of its code, without the number.
    fn symbol(symbol: u8, bits: u32) -> Self {
        Self((u32::from(symbol) << 16) | bits)
    }

    /// How many bits to go on by: those of the code, or of code and number; 0 if the code is longer
    /// than a table's index.
    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        self.0 & 0xff
    }

    /// Whether the number is there; it is also where a symbol has none, and then 0, but for the
    /// symbols 0x00 to 0xf0 of AC tables, which mean more than a number.
    #[inline(always)]
    pub(super) fn has_number(self) -> bool {
        self.0 & Self::IS_NUMBER != 0
    }

    /// The number.
    #[inline(always)]
    pub(super) fn as_number(self) -> i16 {
        (self.0 >> 16) as i16
    }

    /// The zeros before the number.
    #[inline(always)]
    pub(super) fn run(self) -> usize {
        (self.0 >> 8 & 0xf) as usize
    }

    /// The symbol, where the number is not there.
    #[inline(always)]
    pub(super) fn as_symbol(self) -> u8 {
        (self.0 >> 16) as u8
    }
}

/// Which numbers a table is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Differences of means. A symbol is a number's length.
    Dc,
    /// All else. A symbol is a count of zeros and a number's length.
    Ac,
}

/// One code table.
#[derive(Debug)]
pub(super) struct Table {
    definition: Definition,
    entries: Box<[Entry; 1 << INDEX_BITS]>,
    /// For each length from 1 on: one more than its last code, moved to the top of 16 bits.
    limits: [u32; LONGEST as usize],
    /// What to add to a code of that length for the place of its symbol.
    offsets: [i32; LONGEST as usize],
}

impl Table {
    /// `None` if there are more codes of a length than fit, or symbols that no sequential image of 8
    /// bits has.
    pub(super) fn new(definition: &Definition, kind: Kind) -> Option<Self> {
        let mut table = Self {
            definition: *definition,
            entries: Box::new([Entry(0); 1 << INDEX_BITS]),
            limits: [0; LONGEST as usize],
            offsets: [0; LONGEST as usize],
        };
        table.fill(kind).then_some(table)
    }

    /// Whether the table is of this definition.
    pub(super) fn is_of(&self, definition: &Definition) -> bool {
        self.definition == *definition
    }

    fn fill(&mut self, kind: Kind) -> bool {
        let (mut code, mut place) = (0u32, 0usize);
        let Definition { counts, symbols } = self.definition;
        for bits in 1..=LONGEST {
            let count = usize::from(counts[bits as usize - 1]);
            self.offsets[bits as usize - 1] = place as i32 - code as i32;
            for &symbol in &symbols[place..place + count] {
                if code >= 1 << bits || kind == Kind::Dc && symbol > 11 {
                    return false;
                }
                if bits <= INDEX_BITS {
                    self.fill_code(code, bits, symbol, kind);
                }
                code += 1;
            }
            place += count;
            self.limits[bits as usize - 1] = code << (LONGEST - bits);
            code <<= 1;
        }
        true
    }

    /// Fills the entries that begin with a code.
    fn fill_code(&mut self, code: u32, bits: u32, symbol: u8, kind: Kind) {
        let free_bits = INDEX_BITS - bits;
        let first = (code << free_bits) as usize;
        let number_bits = u32::from(symbol & 0xf);
        let is_number = number_bits > 0 || kind == Kind::Dc;
        for (rest, entry) in self.entries[first..first + (1 << free_bits)].iter_mut().enumerate() {
            *entry = if is_number && number_bits <= free_bits {
                let number = number(rest as u32 >> (free_bits - number_bits), number_bits);
                Entry::number(number, symbol, bits + number_bits)
            } else {
                Entry::symbol(symbol, bits)
            };
        }
    }

    /// What a stream of these bits, the first at the top, begins with.
    #[inline(always)]
    pub(super) fn entry(&self, bits: u64) -> Entry {
        self.entries[(bits >> (u64::BITS - INDEX_BITS)) as usize]
    }

    /// A symbol whose code is longer than the index, and the length; `None` if there is no such code.
    #[cold]
    pub(super) fn long_symbol(&self, bits: u64) -> Option<(u8, u32)> {
        let top = (bits >> (u64::BITS - LONGEST)) as u32;
        let length = (INDEX_BITS + 1..=LONGEST).find(|&n| top < self.limits[n as usize - 1])?;
        let code = (top >> (LONGEST - length)) as i32;
        let place = usize::try_from(code + self.offsets[length as usize - 1]).ok()?;
        Some((*self.definition.symbols.get(place)?, length))
    }
}

/// The number that a count of bits stands for: those that begin with 0 are negative.
#[inline(always)]
pub(super) fn number(bits: u32, count: u32) -> i16 {
    // All ones where the first bit is 0.
    let is_negative = (bits << 1 >> count & 1).wrapping_sub(1);
    (bits as i32).wrapping_sub(is_negative as i32 & ((1 << count) - 1)) as i16
}
