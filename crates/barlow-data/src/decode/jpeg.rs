//! Whether a JPEG stream is complete, which its decoder does not tell: it paints what is missing.

const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;

/// Whether the stream has no end-of-image marker after the start of its first scan.
///
/// Segments before the scan are stepped over by their lengths, because an embedded thumbnail has
/// an end-of-image marker of its own. Inside a scan the marker's two bytes cannot occur by chance.
pub(super) fn is_cut_off(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        // Stray bytes between segments are passed over, as decoders do.
        while bytes.get(at).is_some_and(|&byte| byte != 0xff) {
            at += 1;
        }
        while bytes.get(at) == Some(&0xff) {
            at += 1;
        }
        let Some(&marker) = bytes.get(at) else {
            return true;
        };
        if marker == START_OF_SCAN {
            return !bytes[at..].windows(2).rev().any(|pair| pair == [0xff, END_OF_IMAGE]);
        }
        at += 1;
        // Markers that stand alone, without a length: restarts, start and end of image, TEM.
        if matches!(marker, 0xd0..=0xd9 | 0x00 | 0x01) {
            continue;
        }
        let Some(&[high, low]) = bytes.get(at..at + 2) else {
            return true;
        };
        at += usize::from(u16::from_be_bytes([high, low]));
    }
}
