//! Rows into chunks, and chunks into rows.
//!
//! A chunk ends where a row says so, by its key: a row that comes or goes changes the chunk it is in and none behind it, and all
//! others are the same bytes in the next backup.

use std::collections::VecDeque;

use anyhow::Context;
use store::backup::{Cell, record};

use super::repository::{Files, Repository};
use super::seal::Vault;

/// A chunk is at least so long, and ends when it is as long as the other.
const CHUNK_MIN: usize = 64 * 1024;
const CHUNK_FULL: usize = 4 * 1024 * 1024;
/// One row in so many ends a chunk.
const ENDS: u64 = 512;

/// FNV-1a: it has to be the same tomorrow, and nothing else.
pub(super) fn mark(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Whether a chunk of this length ends with what is marked so.
pub(super) fn ends(length: usize, mark: u64) -> bool {
    length >= CHUNK_FULL || (length >= CHUNK_MIN && mark.is_multiple_of(ENDS))
}

/// Writes blocks; the thread may wait for the disk.
pub(super) fn put(repository: &mut Repository, plain: &[u8]) -> anyhow::Result<String> {
    tokio::task::block_in_place(|| repository.put(plain))
}

/// Rows on their way into chunks.
#[derive(Default)]
pub(super) struct Writer {
    buffer: Vec<u8>,
    pub(super) rows: u64,
    pub(super) chunks: Vec<String>,
}

impl Writer {
    pub(super) fn row(
        &mut self,
        repository: &mut Repository,
        cells: &[Cell],
        mark: u64,
    ) -> anyhow::Result<()> {
        record::write(cells, &mut self.buffer);
        self.rows += 1;
        if ends(self.buffer.len(), mark) {
            self.flush(repository)?;
        }
        Ok(())
    }

    fn flush(&mut self, repository: &mut Repository) -> anyhow::Result<()> {
        self.chunks.push(put(repository, &self.buffer)?);
        self.buffer.clear();
        Ok(())
    }

    pub(super) fn end(mut self, repository: &mut Repository) -> anyhow::Result<(u64, Vec<String>)> {
        if !self.buffer.is_empty() {
            self.flush(repository)?;
        }
        Ok((self.rows, self.chunks))
    }
}

/// Rows out of chunks, a chunk in memory at a time.
pub(super) struct Reader<'r> {
    files: &'r Files,
    vault: &'r Vault,
    chunks: std::slice::Iter<'r, String>,
    rows: VecDeque<Vec<Cell>>,
}

impl<'r> Reader<'r> {
    pub(super) fn new(files: &'r Files, vault: &'r Vault, chunks: &'r [String]) -> Self {
        Self { files, vault, chunks: chunks.iter(), rows: VecDeque::new() }
    }

    /// The rows of the next chunk; `None` when there is none.
    pub(super) fn page(&mut self) -> anyhow::Result<Option<Vec<Vec<Cell>>>> {
        let Some(name) = self.chunks.next() else { return Ok(None) };
        let plain = tokio::task::block_in_place(|| self.files.open_chunk(self.vault, name))?;
        let mut rest = plain.as_slice();
        let mut rows = Vec::new();
        while let Some(row) = record::read(&mut rest)
            .with_context(|| format!("[backup-chunk] mảnh không đọc được / a chunk cannot be read: {name}"))?
        {
            rows.push(row);
        }
        Ok(Some(rows))
    }

    /// The next row.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Vec<Cell>>> {
        while self.rows.is_empty() {
            match self.page()? {
                Some(rows) => self.rows = rows.into(),
                None => return Ok(None),
            }
        }
        Ok(self.rows.pop_front())
    }
}
