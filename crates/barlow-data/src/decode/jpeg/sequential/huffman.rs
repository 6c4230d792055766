//! Tables that give a code's symbol and the number behind it in one step.
//!
//! A symbol says how many bits of a number follow its code. Where code and number together are short,
//! as most are, the table has the number itself, for every way that the bits can go on, and the next
//! number too where that is short as well.

/// Bits that a table is indexed by. With 11 or 12, tables displace coefficients from the first-level cache,
/// which takes more time than the longer codes save.
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

/// One or two numbers that a stream begins with, each with the zeros before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbers(u64);

impl Numbers {
    /// Not one whose bits are all there.
    const NONE: Self = Self(0);

    fn one(number: i16, run: u8, bits: u32) -> Self {
        Self(u64::from(number as u16) << 48 | u64::from(run) << 8 | u64::from(bits))
    }

    /// Two, each given as one.
    fn two(first: Self, second: Self) -> Self {
        let step = second.run() as u64 + 1;
        Self((first.0 | second.0 >> 48 << 32 | step << 16) + u64::from(second.bits()))
    }

    /// How many bits they take; 0 if there is none.
    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        (self.0 & 0x3f) as u32
    }

    /// The zeros before the first.
    #[inline(always)]
    pub(super) fn run(self) -> usize {
        (self.0 >> 8 & 0xff) as usize
    }

    /// How far the second is after the first; 0 if there is only one.
    #[inline(always)]
    pub(super) fn step(self) -> usize {
        (self.0 >> 16 & 0xff) as usize
    }

    /// The first.
    #[inline(always)]
    pub(super) fn first(self) -> i16 {
        (self.0 >> 48) as i16
    }

    /// The second; 0 if there is only one.
    #[inline(always)]
    pub(super) fn second(self) -> i16 {
        (self.0 >> 32) as i16
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
    /// What begins with the index.
    numbers: Box<[Numbers; 1 << INDEX_BITS]>,
    /// The symbol whose code the index begins with, and the code's length; 0 if that is longer.
    symbols: Box<[(u8, u8); 1 << INDEX_BITS]>,
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
            numbers: Box::new([Numbers::NONE; 1 << INDEX_BITS]),
            symbols: Box::new([(0, 0); 1 << INDEX_BITS]),
            limits: [0; LONGEST as usize],
            offsets: [0; LONGEST as usize],
        };
        if !table.fill(kind) {
            return None;
        }
        if kind == Kind::Ac {
            table.join_numbers();
        }
        Some(table)
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

    /// Fills what begins with a code.
    fn fill_code(&mut self, code: u32, bits: u32, symbol: u8, kind: Kind) {
        let free_bits = INDEX_BITS - bits;
        let number_bits = u32::from(symbol & 0xf);
        // Of no bits it is a number only where it cannot be anything else.
        let is_number = number_bits <= free_bits && (number_bits > 0 || kind == Kind::Dc);
        for rest in 0..1 << free_bits {
            let at = (code << free_bits | rest) as usize;
            self.symbols[at] = (symbol, bits as u8);
            if is_number {
                let number = number(rest >> (free_bits - number_bits), number_bits);
                self.numbers[at] = Numbers::one(number, symbol >> 4, bits + number_bits);
            }
        }
    }

    /// Joins numbers with those that follow them within the index.
    fn join_numbers(&mut self) {
        let alone = *self.numbers;
        for (at, numbers) in self.numbers.iter_mut().enumerate() {
            let next = alone[(at << numbers.bits()) % alone.len()];
            let is_there = *numbers != Numbers::NONE && next != Numbers::NONE;
            if is_there && numbers.bits() + next.bits() <= INDEX_BITS {
                *numbers = Numbers::two(*numbers, next);
            }
        }
    }

    /// The numbers that a window begins with, which the table has.
    #[inline(always)]
    pub(super) fn numbers(&self, window: u64) -> Numbers {
        self.numbers[(window >> (u64::BITS - INDEX_BITS)) as usize]
    }

    /// The symbol that a window begins with, and the length of its code; `None` if there is none.
    #[inline(always)]
    pub(super) fn symbol(&self, window: u64) -> Option<(u8, u32)> {
        match self.symbols[(window >> (u64::BITS - INDEX_BITS)) as usize] {
            (_, 0) => self.long_symbol(window),
            (symbol, bits) => Some((symbol, bits.into())),
        }
    }

    /// The same where the code is longer than the index.
    #[cold]
    fn long_symbol(&self, window: u64) -> Option<(u8, u32)> {
        let top = (window >> (u64::BITS - LONGEST)) as u32;
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
