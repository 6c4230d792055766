//! One IDX file: its dimensions and values, sizes checked before memory is taken.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::source::SourceError;

/// The type of unsigned bytes, the only one that images come in.
const UNSIGNED_BYTE: u8 = 8;
/// The most that deflate can compress: 258 bytes to two bits, so about 1032 to 1.
const MOST_COMPRESSED: u64 = 1040;

/// An array of bytes.
#[derive(Debug)]
pub(super) struct Array {
    pub(super) dimensions: Vec<usize>,
    /// As many as the product of the dimensions.
    pub(super) values: Vec<u8>,
}

impl Array {
    /// Reads an array of one of the given ranks; `expected` says in messages what it should hold.
    pub(super) fn read(
        path: &Path,
        expected: &'static str,
        ranks: &[u8],
    ) -> Result<Self, SourceError> {
        let failed = |source| SourceError::Read { path: path.to_owned(), source };
        let malformed =
            |reason: String| SourceError::MalformedIdx { path: path.to_owned(), expected, reason };
        let file = File::open(path).map_err(failed)?;
        let file_bytes = file.metadata().map_err(failed)?.len();
        let mut file = BufReader::new(file);
        let is_compressed =
            io::BufRead::fill_buf(&mut file).map_err(failed)?.starts_with(b"\x1f\x8b");
        let mut content: Box<dyn Read> =
            if is_compressed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };

        let header = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof => malformed("its header is cut off".to_owned()),
            _ => SourceError::Read { path: path.to_owned(), source: error },
        };
        let mut magic = [0; 4];
        content.read_exact(&mut magic).map_err(header)?;
        let [0, 0, UNSIGNED_BYTE, rank] = magic else {
            return Err(malformed(format!("it begins with {magic:02x?}")));
        };
        if !ranks.contains(&rank) {
            return Err(malformed(format!("it has {rank} dimensions")));
        }
        let mut dimensions = Vec::new();
        for _ in 0..rank {
            let mut size = [0; 4];
            content.read_exact(&mut size).map_err(header)?;
            dimensions.push(u32::from_be_bytes(size) as usize);
        }
        let declared = dimensions
            .iter()
            .try_fold(1u64, |product, &size| product.checked_mul(size as u64))
            .ok_or_else(|| malformed(format!("its dimensions are {dimensions:?}")))?;

        let wrong_size =
            |found| SourceError::WrongIdxSize { path: path.to_owned(), declared, found };
        let header_bytes = 4 + 4 * u64::from(rank);
        if is_compressed {
            let most = file_bytes.saturating_mul(MOST_COMPRESSED);
            if declared > most {
                return Err(wrong_size(format!("at most {most}")));
            }
        } else if file_bytes != header_bytes + declared {
            return Err(wrong_size(file_bytes.saturating_sub(header_bytes).to_string()));
        }
        let mut values = Vec::with_capacity(declared as usize);
        match content.by_ref().take(declared).read_to_end(&mut values) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
                return Err(failed(error));
            }
            _ if (values.len() as u64) < declared => {
                return Err(wrong_size(format!("only {}", values.len())));
            }
            _ => {}
        }
        // Reading on to the end makes gzip check its sum.
        match content.read(&mut [0]).map_err(failed)? {
            0 => Ok(Self { dimensions, values }),
            _ => Err(wrong_size(format!("more than {declared}"))),
        }
    }
}
