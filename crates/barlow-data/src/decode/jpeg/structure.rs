//! The markers of a JPEG stream: what its decoder does not tell, or tells too late.

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;

/// The markers that follow `at`, which is outside of scans, each with its segment's contents.
///
/// Segments are stepped over by their lengths, because an embedded thumbnail has markers of its
/// own. After the header of a scan, its data are searched for the next marker: inside them a 0xff
/// is followed by 0 or is a restart.
struct Markers<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Markers<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.at += self.bytes.get(self.at..)?.iter().position(|&byte| byte == 0xff)?;
            self.at += self.bytes[self.at..].iter().position(|&byte| byte != 0xff)?;
            let marker = self.bytes[self.at];
            self.at += 1;
            // Stuffed bytes, restarts and TEM stand alone and say nothing.
            if matches!(marker, 0x00 | 0x01 | 0xd0..=0xd7) {
                continue;
            }
            if matches!(marker, START_OF_IMAGE | END_OF_IMAGE) {
                return Some((marker, &[]));
            }
            let length = self.bytes.get(self.at..self.at + 2)?;
            let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
            let end = (self.at + length).min(self.bytes.len());
            let contents = self.bytes.get(self.at + 2..end).unwrap_or_default();
            self.at += length;
            return Some((marker, contents));
        }
    }
}

fn markers(bytes: &[u8]) -> Markers<'_> {
    Markers { bytes, at: 2 }
}

/// Whether the stream has no end-of-image marker after the start of its first scan.
pub(crate) fn is_cut_off(bytes: &[u8]) -> bool {
    let mut markers = markers(bytes);
    if !markers.any(|(marker, _)| marker == START_OF_SCAN) {
        return true;
    }
    // From the back, for it is the last but for what some programs append.
    let scan = bytes.get(markers.at..).unwrap_or_default();
    !scan.windows(2).rev().any(|pair| pair == [0xff, END_OF_IMAGE])
}

/// How many scans a progressive stream has; 1 of any other, which has few.
pub(super) fn count_scans(bytes: &[u8]) -> usize {
    const PROGRESSIVE: [u8; 2] = [0xc2, 0xca];
    let is_progressive = markers(bytes)
        .take_while(|&(marker, _)| marker != START_OF_SCAN)
        .any(|(marker, _)| PROGRESSIVE.contains(&marker));
    if !is_progressive {
        return 1;
    }
    markers(bytes)
        .take_while(|&(marker, _)| marker != END_OF_IMAGE)
        .filter(|&(marker, _)| marker == START_OF_SCAN)
        .count()
}

/// Width and height of the frame; `None` where there is none before the first scan.
pub(crate) fn frame_size(bytes: &[u8]) -> Option<(u64, u64)> {
    let is_frame = |marker| matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
    let mut before_scan = markers(bytes).take_while(|&(marker, _)| marker != START_OF_SCAN);
    let (_, frame) = before_scan.find(|&(marker, _)| is_frame(marker))?;
    match *frame {
        [_, h1, h0, w1, w0, ..] => {
            Some((u64::from(u16::from_be_bytes([w1, w0])), u64::from(u16::from_be_bytes([h1, h0]))))
        }
        _ => None,
    }
}
