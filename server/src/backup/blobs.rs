//! Blobs in a backup: a row for each, in order of owner and name, that says where it lies.
//!
//! A blob never changes. The rows of the backup before are read beside those of the snapshot, both in the same order, and what
//! was kept then is not read again: a second backup reads the bytes of new blobs only.

use std::collections::{HashMap, VecDeque};

use anyhow::Context;
use mail::{BlobId, OwnerId};
use store::backup::{Cell, KeptBlob, Snapshot};

use super::manifest::{BlobRows, Manifest};
use super::repository::{Files, Repository};
use super::rows::{self, Reader, Writer, mark};
use super::seal::Vault;

/// Blobs up to this size share chunks; a larger one has its own.
const SHARED_MAX: usize = 1024 * 1024;
/// Bytes of a chunk of a large blob.
const PIECE: usize = 4 * 1024 * 1024;
/// Rows that may wait for the chunk they lie in.
const WAITING_MAX: usize = 16_384;

/// Where a blob lies: `count` packs from `first` on, from a byte on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lies {
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) offset: usize,
}

fn cells(blob: &KeptBlob, lies: Lies) -> Vec<Cell> {
    let number = |value: usize| Cell::Int(i64::try_from(value).unwrap_or(i64::MAX));
    vec![
        Cell::Bytes(blob.owner.as_bytes().to_vec()),
        Cell::Bytes(blob.blob_id.as_bytes().to_vec()),
        Cell::Int(blob.key_no),
        Cell::Int(blob.size),
        Cell::Int(blob.stored_size),
        Cell::Int(i64::from(blob.is_object)),
        Cell::Int(blob.segments),
        Cell::Int(blob.refs),
        Cell::Int(blob.created_at),
        blob.hold_until.map_or(Cell::Null, Cell::Int),
        number(lies.first),
        number(lies.count),
        number(lies.offset),
    ]
}

/// A row read back; `None` for what is none.
pub(super) fn read(row: &[Cell]) -> Option<(KeptBlob, Lies)> {
    let [
        owner,
        blob_id,
        key_no,
        size,
        stored,
        is_object,
        segments,
        refs,
        created,
        hold,
        first,
        count,
        offset,
    ] = row
    else {
        return None;
    };
    let number = |cell: &Cell| usize::try_from(cell.int()?).ok();
    let blob = KeptBlob {
        owner: OwnerId::try_from(owner.bytes()?).ok()?,
        blob_id: BlobId::try_from(blob_id.bytes()?).ok()?,
        key_no: key_no.int()?,
        size: size.int()?,
        stored_size: stored.int()?,
        is_object: is_object.int()? != 0,
        segments: segments.int()?,
        refs: refs.int()?,
        created_at: created.int()?,
        hold_until: match hold {
            Cell::Null => None,
            other => Some(other.int()?),
        },
    };
    Some((blob, Lies { first: number(first)?, count: number(count)?, offset: number(offset)? }))
}

/// What the backup before kept, read along.
pub(super) struct Before<'b> {
    reader: Reader<'b>,
    packs: &'b [String],
    next: Option<(KeptBlob, Lies)>,
}

impl<'b> Before<'b> {
    pub(super) fn new(files: &'b Files, vault: &'b Vault, manifest: &'b Manifest) -> Self {
        let reader = Reader::new(files, vault, &manifest.blobs.chunks);
        Self { reader, packs: &manifest.blobs.packs, next: None }
    }

    /// Where a blob lies, if it was kept then. Asked in order.
    fn find(&mut self, blob: &KeptBlob) -> anyhow::Result<Option<(Lies, &'b [String])>> {
        let place = |b: &KeptBlob| (*b.owner.as_bytes(), *b.blob_id.as_bytes());
        loop {
            if self.next.is_none() {
                let Some(row) = self.reader.next()? else { return Ok(None) };
                self.next = Some(read(&row).context("[backup-chunk] a row of a blob")?);
            }
            match &self.next {
                Some((kept, _)) if place(kept) < place(blob) => self.next = None,
                Some((kept, lies)) if place(kept) == place(blob) => {
                    let packs = self.packs.get(lies.first..lies.first.saturating_add(lies.count));
                    // Deleted and kept anew it may be sealed with another key.
                    let is_same = kept.key_no == blob.key_no && kept.stored_size == blob.stored_size;
                    return Ok(packs.filter(|_| is_same).map(|packs| (*lies, packs)));
                }
                _ => return Ok(None),
            }
        }
    }
}

/// Blobs on their way into a backup.
#[derive(Default)]
pub(super) struct Packing {
    rows: Writer,
    packs: Vec<String>,
    /// What was carried over: packs of before, by their names, and where they are now.
    carried: HashMap<String, usize>,
    /// Of the pack that is being filled.
    pack: Vec<u8>,
    /// Rows in order; `None`: in the pack that is being filled, from that byte on.
    waiting: VecDeque<(KeptBlob, Result<Lies, usize>)>,
    bytes: u64,
    /// Blobs whose bytes were read.
    pub(super) read: u64,
}

impl Packing {
    /// Takes in all blobs of a snapshot.
    pub(super) async fn run(
        mut self,
        snapshot: &mut Snapshot,
        repository: &mut Repository,
        before: Option<&Manifest>,
    ) -> anyhow::Result<(BlobRows, u64)> {
        let (files, vault) = (repository.files.clone(), repository.vault.clone());
        let mut before = before.map(|manifest| Before::new(&files, &vault, manifest));
        let mut after = None;
        loop {
            let page = snapshot.blobs(after).await?;
            let Some(last) = page.last() else { break };
            after = Some((last.owner, last.blob_id));
            for blob in page {
                self.bytes += blob.stored_size.unsigned_abs();
                let known = match &mut before {
                    Some(before) => before.find(&blob)?,
                    None => None,
                };
                let carried = known.and_then(|(lies, packs)| self.carry(&files, lies, packs));
                match carried {
                    Some(lies) => self.waiting.push_back((blob, Ok(lies))),
                    None => self.take(snapshot, repository, blob).await?,
                }
                if self.waiting.len() >= WAITING_MAX {
                    self.flush(repository)?;
                }
            }
        }
        self.flush(repository)?;
        let (count, chunks) = self.rows.end(repository)?;
        Ok((BlobRows { count, bytes: self.bytes, chunks, packs: self.packs }, self.read))
    }

    /// Where packs of before are now; `None` when one of them is not there any more.
    fn carry(&mut self, files: &Files, lies: Lies, packs: &[String]) -> Option<Lies> {
        let name = packs.first()?;
        if let Some(first) = self.carried.get(name) {
            return Some(Lies { first: *first, ..lies });
        }
        if !packs.iter().all(|pack| files.chunk(pack).exists()) {
            return None;
        }
        let first = self.packs.len();
        self.packs.extend_from_slice(packs);
        self.carried.insert(name.clone(), first);
        Some(Lies { first, ..lies })
    }

    async fn take(
        &mut self,
        snapshot: &mut Snapshot,
        repository: &mut Repository,
        blob: KeptBlob,
    ) -> anyhow::Result<()> {
        let sealed = snapshot.sealed(&blob).await.with_context(|| {
            format!("[backup-blob] không đọc được khối dữ liệu / a blob cannot be read: {}", blob.blob_id)
        })?;
        self.read += 1;
        if sealed.len() > SHARED_MAX {
            let first = self.packs.len();
            for piece in sealed.chunks(PIECE) {
                self.packs.push(rows::put(repository, piece)?);
            }
            let lies = Lies { first, count: self.packs.len() - first, offset: 0 };
            self.waiting.push_back((blob, Ok(lies)));
            return Ok(());
        }
        let mark = mark(blob.blob_id.as_bytes());
        let offset = self.pack.len();
        self.pack.extend_from_slice(&sealed);
        self.waiting.push_back((blob, Err(offset)));
        if rows::ends(self.pack.len(), mark) {
            self.flush(repository)?;
        }
        Ok(())
    }

    /// Ends the pack, and with it every row that waits for it.
    fn flush(&mut self, repository: &mut Repository) -> anyhow::Result<()> {
        let first = self.packs.len();
        if !self.pack.is_empty() {
            self.packs.push(rows::put(repository, &self.pack)?);
            self.pack.clear();
        }
        for (blob, lies) in std::mem::take(&mut self.waiting) {
            let lies = lies.unwrap_or_else(|offset| Lies { first, count: 1, offset });
            self.rows.row(repository, &cells(&blob, lies), mark(blob.blob_id.as_bytes()))?;
        }
        Ok(())
    }
}

/// Blobs out of a backup. The packs that were opened last stay at hand.
pub(super) struct Unpacking<'u> {
    files: &'u Files,
    vault: &'u Vault,
    packs: &'u [String],
    open: VecDeque<(usize, Vec<u8>)>,
}

/// Packs kept open, at most four MiB each: neighbours in order of name came in one backup or in a few.
const OPEN_MAX: usize = 32;

impl<'u> Unpacking<'u> {
    pub(super) fn new(files: &'u Files, vault: &'u Vault, manifest: &'u Manifest) -> Self {
        Self { files, vault, packs: &manifest.blobs.packs, open: VecDeque::new() }
    }

    /// A blob's sealed bytes.
    pub(super) fn sealed(&mut self, blob: &KeptBlob, lies: Lies) -> anyhow::Result<Vec<u8>> {
        let length = usize::try_from(blob.stored_size).context("[backup-chunk] a length")?;
        let mut sealed = Vec::new();
        for number in lies.first..lies.first.saturating_add(lies.count) {
            let pack = self.pack(number)?;
            if lies.count == 1 {
                let part = pack.get(lies.offset..lies.offset.saturating_add(length));
                sealed.extend_from_slice(part.context("[backup-chunk] a blob beyond its chunk")?);
            } else {
                sealed.extend_from_slice(pack);
            }
        }
        anyhow::ensure!(sealed.len() == length, "[backup-chunk] a blob of another length");
        Ok(sealed)
    }

    fn pack(&mut self, number: usize) -> anyhow::Result<&[u8]> {
        if let Some(place) = self.open.iter().position(|(open, _)| *open == number)
            && let Some(found) = self.open.remove(place)
        {
            self.open.push_back(found);
        } else {
            let name = self.packs.get(number).context("[backup-chunk] a chunk that is not named")?;
            let plain = tokio::task::block_in_place(|| self.files.open_chunk(self.vault, name))?;
            if self.open.len() >= OPEN_MAX {
                self.open.pop_front();
            }
            self.open.push_back((number, plain));
        }
        Ok(self.open.back().map(|(_, pack)| pack.as_slice()).unwrap_or_default())
    }
}
