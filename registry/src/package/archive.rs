//! A look into ZIP archives that strangers packed.
//!
//! Receivers read an archive from its front, entry after entry; most other programs read the directory at its end.
//! An archive that tells the two different stories is refused: two readers must not see two truths. Nothing is ever
//! written to a disk, and nothing is inflated beyond its budget.
//!
//! The archive is read here and not with the `zip` crate, because that crate believes the directory alone, folds
//! entries of the same name into one, and reserves memory for as many entries as a ZIP64 trailer claims.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use super::attachment::zeroed;
use crate::Limits;

/// What was found wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadArchive {
    /// No archive, cut short, encrypted, an unknown method, or telling two stories.
    Broken,
    /// No entries.
    Empty,
    /// More entries than the limit.
    TooManyEntries,
    /// Inflates to more than the budget.
    Bomb,
}

/// One entry, as both the directory and the header before its data describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a [u8],
    method: u16,
    flags: u16,
    crc: u32,
    packed: usize,
    pub(crate) size: usize,
    offset: usize,
}

impl Entry<'_> {
    /// A name that an unwary receiver would write somewhere else than into its own folder (VXP 4.2).
    pub(crate) fn is_hostile(&self) -> bool {
        self.has_folder() || self.leaves_folder()
    }

    /// A name with a folder in it: harmless in an Office file, not in a wrapping.
    fn has_folder(&self) -> bool {
        self.name.contains(&b'/')
    }

    /// A name that leads out of the folder, or that a system reads as something else than a name.
    pub(crate) fn leaves_folder(&self) -> bool {
        let absolute = self.name.first() == Some(&b'/');
        let climbs = self.name.windows(2).any(|pair| pair == b"..");
        absolute || climbs || self.name.iter().any(|b| matches!(b, b'\\' | b':' | 0))
    }
}

/// The bytes of an archive, or as much of its two ends as is at hand: what lies between is not there to be looked at.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    head: &'a [u8],
    tail: &'a [u8],
    len: usize,
}

impl<'a> From<&'a [u8]> for View<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self { head: bytes, tail: &[], len: bytes.len() }
    }
}

impl<'a> View<'a> {
    /// `head` begins where the archive begins, `tail` ends where it ends, and it is `len` bytes long.
    pub(crate) fn of_ends(head: &'a [u8], tail: &'a [u8], len: usize) -> Self {
        Self { head, tail, len }
    }

    fn get(self, range: Range<usize>) -> Option<&'a [u8]> {
        let tail_begins = self.len.checked_sub(self.tail.len())?;
        let of_tail = |at: usize| at.checked_sub(tail_begins);
        self.head.get(range.clone()).or_else(|| self.tail.get(of_tail(range.start)?..of_tail(range.end)?))
    }
}

fn u16_at(bytes: View<'_>, at: usize) -> Option<u16> {
    let found = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(found.try_into().ok()?))
}

fn u32_at(bytes: View<'_>, at: usize) -> Option<u32> {
    let found = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(found.try_into().ok()?))
}

fn size_at(bytes: View<'_>, at: usize) -> Option<usize> {
    // All ones means ZIP64, which nothing below 4 GB needs.
    u32_at(bytes, at).filter(|&n| n != u32::MAX).and_then(|n| usize::try_from(n).ok())
}

/// The end of central directory record: 22 bytes and a comment of at most 65,535 (APPNOTE 4.3.16).
fn end_record(bytes: View<'_>) -> Option<usize> {
    let last = bytes.len.checked_sub(22)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    (first..=last).rev().find(|&at| {
        let comment = u16_at(bytes, at + 20).map(usize::from);
        bytes.get(at..at + 4) == Some(b"PK\x05\x06") && comment.is_some_and(|c| at + 22 + c == bytes.len)
    })
}

/// All entries of an archive, in the order of their data, each checked against the header before its data.
pub(crate) fn entries<'a>(bytes: View<'a>, limits: &Limits) -> Result<Vec<Entry<'a>>, BadArchive> {
    let end = end_record(bytes).ok_or(BadArchive::Broken)?;
    let count = u16_at(bytes, end + 10).map(usize::from).ok_or(BadArchive::Broken)?;
    let mut at = size_at(bytes, end + 16).ok_or(BadArchive::Broken)?;
    if count == 0 {
        return Err(BadArchive::Empty);
    }
    if count > limits.archive_entries_max {
        return Err(BadArchive::TooManyEntries);
    }
    let mut found = Vec::new();
    while at < end && found.len() <= count {
        let (entry, next) = directory_entry(bytes, at).ok_or(BadArchive::Broken)?;
        if !agrees_with_header(bytes, &entry) {
            return Err(BadArchive::Broken);
        }
        found.push(entry);
        at = next;
    }
    found.sort_by_key(|entry| entry.offset);
    // A reader from the front meets the first header at byte 0, so it must be one the directory knows.
    match found.len() == count && found.first().is_some_and(|entry| entry.offset == 0) {
        true => Ok(found),
        false => Err(BadArchive::Broken),
    }
}

/// One record of the directory (APPNOTE 4.3.12), and where the next one begins.
fn directory_entry(bytes: View<'_>, at: usize) -> Option<(Entry<'_>, usize)> {
    if bytes.get(at..at.checked_add(4)?)? != b"PK\x01\x02" {
        return None;
    }
    let name_len = usize::from(u16_at(bytes, at + 28)?);
    let extra_len = usize::from(u16_at(bytes, at + 30)?);
    let comment_len = usize::from(u16_at(bytes, at + 32)?);
    let name = bytes.get(at + 46..at + 46 + name_len)?;
    let entry = Entry {
        name,
        flags: u16_at(bytes, at + 8)?,
        method: u16_at(bytes, at + 10)?,
        crc: u32_at(bytes, at + 16)?,
        packed: size_at(bytes, at + 20)?,
        size: size_at(bytes, at + 24)?,
        offset: size_at(bytes, at + 42)?,
    };
    Some((entry, at + 46 + name_len + extra_len + comment_len))
}

/// Whether the header before the data (APPNOTE 4.3.7) tells the same as the directory.
fn agrees_with_header(bytes: View<'_>, entry: &Entry<'_>) -> bool {
    let at = entry.offset;
    let same_name = || {
        let len = usize::from(u16_at(bytes, at + 26)?);
        (bytes.get(at + 30..at + 30 + len)? == entry.name).then_some(())
    };
    // With bit 3 the header's sizes are zero and follow the data instead.
    let sizes_follow = entry.flags & 0x08 != 0;
    let same_sizes = || {
        let same = u32_at(bytes, at + 14)? == entry.crc
            && size_at(bytes, at + 18)? == entry.packed
            && size_at(bytes, at + 22)? == entry.size;
        (same || sizes_follow).then_some(())
    };
    bytes.get(at..at.saturating_add(4)) == Some(b"PK\x03\x04")
        && u16_at(bytes, at + 6) == Some(entry.flags)
        && u16_at(bytes, at + 8) == Some(entry.method)
        && same_name().is_some()
        && same_sizes().is_some()
}

/// Where the data of an entry begins: behind the header before it.
pub(crate) fn data_begins(bytes: View<'_>, entry: &Entry<'_>) -> Option<usize> {
    let name_len = usize::from(u16_at(bytes, entry.offset + 26)?);
    let extra_len = usize::from(u16_at(bytes, entry.offset + 28)?);
    entry.offset.checked_add(30 + name_len + extra_len)
}

/// Why an entry was not unpacked.
#[derive(Debug)]
pub(crate) enum Unpacking {
    /// It is at fault.
    Bad(BadArchive),
    /// Its bytes cannot be read.
    Read(io::Error),
}

/// The content of an entry, of at most `budget` bytes.
pub(crate) fn unpack(bytes: &[u8], entry: &Entry<'_>, budget: usize) -> Result<Arc<[u8]>, BadArchive> {
    let data = || {
        let start = data_begins(bytes.into(), entry)?;
        bytes.get(start..start.checked_add(entry.packed)?)
    };
    match unpack_from(data().ok_or(BadArchive::Broken)?, entry, budget) {
        Ok(content) => Ok(content),
        Err(Unpacking::Bad(bad)) => Err(bad),
        Err(Unpacking::Read(_)) => Err(BadArchive::Broken),
    }
}

/// The same from where its data begins, read as it is unpacked into the place where it stays: a long file is never held twice.
pub(crate) fn unpack_from(data: impl Read, entry: &Entry<'_>, budget: usize) -> Result<Arc<[u8]>, Unpacking> {
    if entry.size > budget {
        return Err(Unpacking::Bad(BadArchive::Bomb));
    }
    let broken = || Unpacking::Bad(BadArchive::Broken);
    if entry.flags & 0x01 != 0 {
        return Err(broken());
    }
    let data = data.take(entry.packed as u64);
    let content = match entry.method {
        0 if entry.packed == entry.size => fill(data, entry.size)?,
        8 => fill(flate2::read::DeflateDecoder::new(data), entry.size)?,
        _ => return Err(broken()),
    };
    let mut crc = flate2::Crc::new();
    crc.update(&content);
    if crc.sum() == entry.crc { Ok(content) } else { Err(broken()) }
}

/// Exactly so many bytes, and nothing behind them.
fn fill(mut from: impl Read, size: usize) -> Result<Arc<[u8]>, Unpacking> {
    let read = |error: io::Error| match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            Unpacking::Bad(BadArchive::Broken)
        }
        _ => Unpacking::Read(error),
    };
    let mut content = zeroed(size);
    from.read_exact(Arc::get_mut(&mut content).unwrap_or_default()).map_err(read)?;
    match from.read(&mut [0]).map_err(read)? {
        0 => Ok(content),
        _ => Err(Unpacking::Bad(BadArchive::Broken)),
    }
}
