//! Large blobs under a key of their own, sealed segment by segment (the STREAM construction: Hoang, Reyhanitabar, Rogaway, Vizár 2015, with
//! the number of segments beside the segment's own number): writing and reading one takes the memory of a segment. Segments that are cut
//! off, put elsewhere or taken from another blob do not open.
//!
//! In the file each segment is its sealed length (four bytes, big-endian) and the sealed bytes of one byte (how it is packed) and the
//! content. The nonce is the segment's number: the key seals this one blob.

use bytes::{Buf, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};

use crate::blobs::{Blob, PLAIN, ZSTD, ZSTD_LEVEL, context, unread};
use crate::error::{Error, Result};
use crate::keyring::{DataKey, TAG_LEN};
use crate::spool::Spool;

/// Bytes of content in a segment. An object store takes no smaller parts of an upload than 5 MiB, the last one aside; they are gathered.
const SEGMENT: usize = 1024 * 1024;
/// Bytes handed to the object store at once.
const PART: usize = 5 * 1024 * 1024;
/// The longest sealed segment.
const SEALED_MAX: usize = SEGMENT + 1 + TAG_LEN;

/// Under which key, and as what.
pub(crate) struct Sealing<'s> {
    pub(crate) key: &'s DataKey,
    pub(crate) context: &'s [u8; 48],
}

/// What a segment is tied to: whose blob, which segment, of how many.
fn tied(context: &[u8; 48], number: u32, of: u32) -> [u8; 56] {
    let mut tied = [0; 56];
    tied[..48].copy_from_slice(context);
    tied[48..52].copy_from_slice(&number.to_be_bytes());
    tied[52..].copy_from_slice(&of.to_be_bytes());
    tied
}

/// Seals a spool into a file; answers how many segments, and the file's length. The file is on the disk when this returns.
pub(crate) async fn write(
    objects: &dyn ObjectStore,
    path: &Path,
    spool: &Spool,
    sealing: &Sealing<'_>,
) -> Result<(u32, u64)> {
    let failed = |e: object_store::Error| Error::Unavailable(e.to_string());
    let mut upload = objects.put_multipart(path).await.map_err(failed)?;
    let written = match write_parts(&mut *upload, spool, sealing).await {
        Ok(written) => upload.complete().await.map(|_| written).map_err(failed),
        Err(error) => Err(error),
    };
    if written.is_err() {
        // Nothing refers to it; what a dead disk still shows of it is swept up later.
        let _ = upload.abort().await;
    }
    written
}

async fn write_parts(
    upload: &mut dyn MultipartUpload,
    spool: &Spool,
    sealing: &Sealing<'_>,
) -> Result<(u32, u64)> {
    let of = u32::try_from(spool.len().div_ceil(SEGMENT as u64)).map_err(|_| Error::Refused("too large"))?;
    let (mut part, mut stored) = (Vec::new(), 0u64);
    for number in 0..of {
        let content = segment(spool, number)?;
        let sealed = sealing.key.seal_numbered(number, pack(&content), &tied(sealing.context, number, of));
        let length = u32::try_from(sealed.len()).map_err(|_| Error::Refused("too large"))?;
        part.extend_from_slice(&length.to_be_bytes());
        part.extend_from_slice(&sealed);
        if part.len() >= PART || number + 1 == of {
            stored += part.len() as u64;
            let payload = PutPayload::from(std::mem::take(&mut part));
            upload.put_part(payload).await.map_err(|e| Error::Unavailable(e.to_string()))?;
        }
        // A segment takes milliseconds: others want the thread too.
        tokio::task::yield_now().await;
    }
    Ok((of, stored))
}

fn segment(spool: &Spool, number: u32) -> Result<Vec<u8>> {
    let begins = u64::from(number) * SEGMENT as u64;
    let long = spool.len().saturating_sub(begins).min(SEGMENT as u64);
    let mut content = vec![0; usize::try_from(long).unwrap_or(SEGMENT)];
    let mut at = 0;
    while at < content.len() {
        at += spool.read_at(begins + at as u64, content.get_mut(at..).unwrap_or_default())?;
    }
    Ok(content)
}

/// One byte, and the content as it is or packed, whichever is shorter; with room for the tag.
fn pack(content: &[u8]) -> Vec<u8> {
    let mut packed = vec![0; content.len() + 1];
    packed.reserve_exact(TAG_LEN);
    match zstd::bulk::compress_to_buffer(content, &mut packed[1..], ZSTD_LEVEL) {
        Ok(long) if long < content.len() => {
            packed[0] = ZSTD;
            packed.truncate(long + 1);
        }
        _ => {
            packed[0] = PLAIN;
            packed[1..].copy_from_slice(content);
        }
    }
    packed
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>> {
    match packed.split_first() {
        Some((&PLAIN, content)) => Ok(content.to_vec()),
        Some((&ZSTD, content)) => zstd::bulk::decompress(content, SEGMENT)
            .map_err(|_| Error::Damaged("a segment of a blob does not unpack")),
        _ => Err(Error::Damaged("a segment of a blob is of unknown make")),
    }
}

/// The bytes of a blob, piece by piece. What was handed out is what was written there; that it is all, and under its right name, is certain
/// when the end was reached.
pub struct BlobPieces {
    size: u64,
    state: State,
}

enum State {
    Whole(Option<Vec<u8>>),
    Segments(Box<Reading>),
}

struct Reading {
    blob: Blob,
    key: DataKey,
    naming: blake3::Hasher,
    file: BoxStream<'static, object_store::Result<bytes::Bytes>>,
    /// Read and not opened yet.
    ahead: BytesMut,
    number: u32,
}

impl std::fmt::Debug for BlobPieces {
    /// For logs: sizes, never content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobPieces").field("size", &self.size).finish_non_exhaustive()
    }
}

impl BlobPieces {
    pub(crate) fn whole(bytes: Vec<u8>, size: u64) -> Self {
        Self { size, state: State::Whole(Some(bytes)) }
    }

    pub(crate) fn segments(
        blob: Blob,
        key: DataKey,
        naming: blake3::Hasher,
        file: BoxStream<'static, object_store::Result<bytes::Bytes>>,
    ) -> Self {
        let size = blob.size;
        let reading = Reading { blob, key, naming, file, ahead: BytesMut::new(), number: 0 };
        Self { size, state: State::Segments(Box::new(reading)) }
    }

    /// How many bytes there are in all.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Damaged`] when what lies there is not what was written; [`Error::Unavailable`].
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        match &mut self.state {
            State::Whole(bytes) => Ok(bytes.take()),
            State::Segments(reading) => reading.next().await,
        }
    }

    /// All of it, or the rest.
    ///
    /// # Errors
    /// As [`BlobPieces::next`].
    pub async fn whole_of_it(mut self) -> Result<Vec<u8>> {
        let size = usize::try_from(self.size).map_err(|_| Error::Damaged("a blob's size"))?;
        let Some(first) = self.next().await? else { return Ok(Vec::new()) };
        if first.len() == size {
            return match self.next().await? {
                None => Ok(first),
                Some(_) => Err(Error::Damaged("a blob is longer than it was")),
            };
        }
        let mut whole = Vec::with_capacity(size);
        whole.extend_from_slice(&first);
        while let Some(piece) = self.next().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let of = self.blob.segments;
        if self.number == of {
            return self.check_end().await;
        }
        self.read_ahead(4).await?;
        let sealed_len = self.ahead.get_u32() as usize;
        if sealed_len > SEALED_MAX {
            return Err(Error::Damaged("a segment of a blob is too long"));
        }
        self.read_ahead(sealed_len).await?;
        let mut sealed = self.ahead.split_to(sealed_len);
        let tied = tied(&context(self.blob.owner, self.blob.blob_id), self.number, of);
        let content = unpack(self.key.open_numbered(self.number, &mut sealed, &tied)?)?;
        self.naming.update(&content);
        self.number += 1;
        Ok(Some(content))
    }

    async fn check_end(&mut self) -> Result<Option<Vec<u8>>> {
        let has_more = !self.ahead.is_empty() || self.file.next().await.is_some();
        let is_same = self.naming.count() == self.blob.size
            && <[u8; 32]>::from(self.naming.finalize()) == *self.blob.blob_id.as_bytes();
        match is_same && !has_more {
            true => Ok(None),
            false => Err(Error::Damaged("a blob is not what its name says")),
        }
    }

    /// Reads until so many bytes are at hand.
    async fn read_ahead(&mut self, bytes: usize) -> Result<()> {
        while self.ahead.len() < bytes {
            match self.file.next().await {
                Some(piece) => self.ahead.extend_from_slice(&piece.map_err(unread)?),
                None => return Err(Error::Damaged("a blob's file is cut off")),
            }
        }
        Ok(())
    }
}
