//! The bits of a scan: its bytes without what markers cost, and a window that moves over them.

/// The bytes of a scan's data, each interval between restart markers by itself.
#[derive(Debug, Default)]
pub(super) struct Intervals {
    bytes: Vec<u8>,
    /// Where each interval ends.
    ends: Vec<usize>,
}

const END_OF_IMAGE: u8 = 0xd9;
/// Bytes copied at a time where none is 0xff.
const STRETCH: usize = 32;
/// The most bytes that are kept from file to file.
const KEPT_BYTES: usize = 4 << 20;
/// Bytes that follow the last interval, so that whole words can be read.
const PADDING: usize = 8;

impl Intervals {
    /// Takes the data that follow the header of the only scan, up to the end of the image.
    ///
    /// In the data a 0xff is followed by a 0 that means nothing. `None` if restarts are out of order, or
    /// another marker is there.
    pub(super) fn fill(&mut self, mut data: &[u8]) -> Option<()> {
        self.bytes.clear();
        self.bytes.reserve(data.len() + PADDING);
        self.ends.clear();
        loop {
            while let Some((stretch, rest)) = data.split_first_chunk::<STRETCH>() {
                // All of them, because a search would look at one after the other.
                if stretch.iter().fold(0, |any, &byte| any | u8::from(byte == 0xff)) > 0 {
                    break;
                }
                self.bytes.extend_from_slice(stretch);
                data = rest;
            }
            let stretch = &data[..data.len().min(STRETCH)];
            let Some(length) = stretch.iter().position(|&byte| byte == 0xff) else {
                // The data end without a marker.
                return None;
            };
            self.bytes.extend_from_slice(&data[..length]);
            match *data.get(length + 1)? {
                0 => self.bytes.push(0xff),
                restart @ 0xd0..=0xd7 => {
                    if usize::from(restart & 7) != self.ends.len() % 8 {
                        return None;
                    }
                    self.ends.push(self.bytes.len());
                }
                END_OF_IMAGE => break,
                _ => return None,
            }
            data = &data[length + 2..];
        }
        self.ends.push(self.bytes.len());
        self.bytes.extend_from_slice(&[0; PADDING]);
        Some(())
    }

    /// Frees memory that only a large file needs.
    pub(super) fn give_back(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.ends.clear();
        self.ends.shrink_to(KEPT_BYTES / size_of::<usize>());
    }

    /// The interval of a number, from 0.
    pub(super) fn get(&self, interval: usize) -> Option<Bits<'_>> {
        let end = *self.ends.get(interval)?;
        let at = interval.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(Bits { bytes: &self.bytes, at, end, window: 0, count: 0 })
    }
}

/// A window of up to 64 bits that moves over an interval.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The first byte of which nothing is in the window, or not all is counted.
    at: usize,
    end: usize,
    /// The next bits, first at the top. Below the first `count` are such as follow these, or 0.
    window: u64,
    count: u32,
}

impl Bits<'_> {
    /// Makes the window hold 56 bits or more. Beyond the end of all data they are 0.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        let word = self.bytes.get(self.at..).and_then(|bytes| bytes.first_chunk());
        self.window |= u64::from_be_bytes(word.copied().unwrap_or_default()) >> self.count;
        self.at += ((63 - self.count) / 8) as usize;
        // 8 more for each byte that was counted.
        self.count |= 0b11_1000;
    }

    /// The window; as many bits as are counted are the stream's.
    #[inline(always)]
    pub(super) fn window(&self) -> u64 {
        self.window
    }

    /// Moves on by up to 16 bits that the window has.
    #[inline(always)]
    pub(super) fn skip(&mut self, bits: u32) {
        self.window <<= bits;
        self.count -= bits;
    }

    /// Takes up to 16 bits that the window has.
    #[inline(always)]
    pub(super) fn take(&mut self, bits: u32) -> u32 {
        // In two steps, for a shift by all 64 is none.
        let taken = (self.window >> 1 >> (u64::BITS - 1 - bits)) as u32;
        self.skip(bits);
        taken
    }

    /// Whether more was taken than the interval has.
    pub(super) fn is_overdrawn(&self) -> bool {
        8 * self.at - self.count as usize > 8 * self.end
    }
}
