//! What a WebP file's chunks say before its decoder is asked: whether they are all there, and how
//! large its frames are, which the decoder compares with the canvas only once they are decoded.

use super::{DecodeOptions, ImageError};

const RIFF_HEADER: usize = 12;
const CHUNK_HEADER: usize = 8;
/// What an animation's frame says of itself before its chunks.
const FRAME_HEADER: usize = 16;

/// Refuses a file whose data end early or whose lossy frames are larger than `options` allow.
///
/// # Errors
/// If it is refused.
pub(super) fn check(bytes: &[u8], options: &DecodeOptions) -> Result<(), ImageError> {
    let cut_off = ImageError::Truncated { bytes: bytes.len() };
    let Some(&[a, b, c, d]) = bytes.get(4..8) else {
        return Err(cut_off);
    };
    let declared = u64::from(u32::from_le_bytes([a, b, c, d])) + 8;
    // Some writers leave out the padding of the last chunk.
    if declared > bytes.len() as u64 + 1 {
        return Err(cut_off);
    }
    let end = bytes.len().min(declared as usize);
    if check_chunks(bytes.get(RIFF_HEADER..end).unwrap_or_default(), options)? {
        Ok(())
    } else {
        Err(cut_off)
    }
}

/// Whether all chunks are there, for the decoder makes room for them before it reads them.
fn check_chunks(mut chunks: &[u8], options: &DecodeOptions) -> Result<bool, ImageError> {
    while let Some((header, rest)) = chunks.split_at_checked(CHUNK_HEADER) {
        let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        let Some(contents) = rest.get(..length) else {
            return Ok(false);
        };
        match &header[..4] {
            b"ANMF" => {
                let chunks = contents.get(FRAME_HEADER..).unwrap_or_default();
                if !check_chunks(chunks, options)? {
                    return Ok(false);
                }
            }
            // Frame tag and start code of a key frame, then 14 bits each (RFC 6386, 9.1).
            b"VP8 " => {
                if let Some(&[w0, w1, h0, h1]) = contents.get(6..10) {
                    let size = |low, high| u64::from(u16::from_le_bytes([low, high]) & 0x3fff);
                    options.check_size(size(w0, w1), size(h0, h1), 1)?;
                }
            }
            _ => {}
        }
        chunks = rest.get(length.saturating_add(length % 2)..).unwrap_or_default();
    }
    Ok(true)
}
