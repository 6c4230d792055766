//! A stream with a checksum for every block: computed on the way out, checked on the way in.

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};

use super::manifest::{StateSummary, hex};

/// Bytes per checksum: 4 MiB.
pub(super) const BLOCK_BYTES: usize = 4 << 20;

/// A block whose bytes are not those that were written.
#[derive(Debug, thiserror::Error)]
#[error("bytes {start}..{end} do not match the checksum in `MANIFEST.json`")]
pub(super) struct BlockDamage {
    start: u64,
    end: u64,
}

/// Hands bytes on in whole blocks and keeps their checksums.
pub(super) struct BlockWriter<W> {
    writer: W,
    block_bytes: usize,
    block: Vec<u8>,
    bytes: u64,
    total: Sha256,
    checksums: Vec<String>,
}

impl<W: Write> BlockWriter<W> {
    pub(super) fn new(writer: W, block_bytes: usize) -> Self {
        Self {
            writer,
            block_bytes,
            block: Vec::with_capacity(block_bytes),
            bytes: 0,
            total: Sha256::new(),
            checksums: Vec::new(),
        }
    }

    /// Writes what is left and sums up.
    pub(super) fn finish(mut self) -> io::Result<StateSummary> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        Ok(StateSummary {
            bytes: self.bytes,
            sha256: hex(&self.total.finalize()),
            block_bytes: self.block_bytes as u64,
            blocks: self.checksums,
        })
    }

    fn end_block(&mut self) -> io::Result<()> {
        self.writer.write_all(&self.block)?;
        self.total.update(&self.block);
        self.checksums.push(hex(&Sha256::digest(&self.block)));
        self.bytes += self.block.len() as u64;
        self.block.clear();
        Ok(())
    }
}

impl<W: Write> Write for BlockWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.block_bytes - self.block.len());
        self.block.extend_from_slice(&bytes[..taken]);
        if self.block.len() == self.block_bytes {
            self.end_block()?;
        }
        Ok(taken)
    }

    /// Does nothing: a block goes out when it is full, the last one at the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads block by block and gives out no byte of a block that does not match its checksum.
pub(super) struct BlockReader {
    reader: Box<dyn Read>,
    expected: StateSummary,
    block: Vec<u8>,
    position: usize,
    blocks_read: usize,
}

impl BlockReader {
    pub(super) fn new(reader: Box<dyn Read>, expected: StateSummary) -> Self {
        Self { reader, expected, block: Vec::new(), position: 0, blocks_read: 0 }
    }

    fn next_block(&mut self) -> io::Result<()> {
        self.block.clear();
        self.position = 0;
        self.reader.by_ref().take(self.expected.block_bytes).read_to_end(&mut self.block)?;
        let Some(checksum) = self.expected.blocks.get(self.blocks_read) else {
            return if self.block.is_empty() { Ok(()) } else { Err(self.damage()) };
        };
        if hex(&Sha256::digest(&self.block)) != *checksum {
            return Err(self.damage());
        }
        self.blocks_read += 1;
        Ok(())
    }

    fn damage(&mut self) -> io::Error {
        let start = self.blocks_read as u64 * self.expected.block_bytes;
        let end = (start + self.expected.block_bytes).min(self.expected.bytes);
        self.block.clear();
        io::Error::new(io::ErrorKind::InvalidData, BlockDamage { start, end })
    }
}

impl Read for BlockReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.position == self.block.len() {
            self.next_block()?;
        }
        let given = out.len().min(self.block.len() - self.position);
        out[..given].copy_from_slice(&self.block[self.position..self.position + given]);
        self.position += given;
        Ok(given)
    }
}
