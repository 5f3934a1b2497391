//! COMPRESS=DEFLATE (RFC 4978): raw DEFLATE in both directions. Its state is made when a client asks for it and not before.
//!
//! A byte of a client may become a thousand: what is unpacked goes to the reader of commands only as far as that has room, and the rest
//! waits packed.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::{Ask, Session};
use crate::codec::response::{Code, Condition};

/// Packed octets that may wait.
const PACKED_MAX: usize = 16 * 1024;
/// Octets unpacked at a time.
const UNPACKED_AT_ONCE: usize = 16 * 1024;
/// Our window, as a power of two: responses repeat themselves within 4 KiB, and the memory of ten thousand clients counts.
const WINDOW_BITS: u8 = 12;

/// Both directions.
pub(super) struct Packing {
    packs: Compress,
    unpacks: Decompress,
    packed: Vec<u8>,
}

impl std::fmt::Debug for Packing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packing").field("packed", &self.packed.len()).finish_non_exhaustive()
    }
}

/// What came is no DEFLATE.
#[derive(Debug)]
pub(super) struct NotDeflate;

impl Packing {
    fn new() -> Self {
        Self {
            packs: Compress::new_with_window_bits(Compression::fast(), false, WINDOW_BITS),
            // The client chooses its window: the largest there is.
            unpacks: Decompress::new(false),
            packed: Vec::new(),
        }
    }

    /// Packed octets it takes now.
    pub(super) fn room(&self) -> usize {
        PACKED_MAX.saturating_sub(self.packed.len())
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.packed.extend_from_slice(bytes);
    }

    /// The next unpacked octets, `room` at most; nothing when all was unpacked.
    pub(super) fn unpack(&mut self, room: usize) -> Result<Vec<u8>, NotDeflate> {
        let mut out = Vec::with_capacity(room.min(UNPACKED_AT_ONCE));
        let before = self.unpacks.total_in();
        let status = self.unpacks.decompress_vec(&self.packed, &mut out, FlushDecompress::Sync);
        let used = usize::try_from(self.unpacks.total_in() - before).map_err(|_| NotDeflate)?;
        self.packed.drain(..used.min(self.packed.len()));
        if self.packed.is_empty() {
            self.packed = Vec::new();
        }
        match status {
            Ok(Status::Ok | Status::BufError) => Ok(out),
            // A stream that ends, ends the conversation: nothing can follow.
            Ok(Status::StreamEnd) | Err(_) => Err(NotDeflate),
        }
    }

    /// Packs an answer so that the client can read all of it.
    pub(super) fn pack(&mut self, bytes: &[u8]) -> Result<Vec<u8>, NotDeflate> {
        let mut out = Vec::with_capacity(bytes.len() / 3 + 64);
        let mut rest = bytes;
        loop {
            let before = self.packs.total_in();
            self.packs.compress_vec(rest, &mut out, FlushCompress::Sync).map_err(|_| NotDeflate)?;
            let used = usize::try_from(self.packs.total_in() - before).map_err(|_| NotDeflate)?;
            rest = rest.get(used..).unwrap_or_default();
            // Room that is left over says that all is out.
            if rest.is_empty() && out.len() < out.capacity() {
                return Ok(out);
            }
            out.reserve(out.len().max(1024));
        }
    }
}

impl Session {
    /// COMPRESS DEFLATE: the answer is the last that is not packed.
    pub(super) fn compress(&mut self, tag: &str) {
        if self.packing.is_some() {
            return self.no(tag, Some(Code::CompressionActive), "Packed already");
        }
        self.out.tagged(tag, Condition::Ok, None, "DEFLATE active");
        self.wish = Some(Ask::Write(self.out.take()));
        // RFC 4978 §3: whoever sends more before the answer came sends nothing that can be read.
        self.input.forget();
        self.packing = Some(Box::new(Packing::new()));
    }

    /// Unpacks what the reader of commands has room for; whether there was something.
    pub(super) fn unpack(&mut self) -> bool {
        let Some(packing) = &mut self.packing else { return false };
        match packing.unpack(self.input.room()) {
            Ok(bytes) if bytes.is_empty() => false,
            Ok(bytes) => {
                self.input.push(&bytes);
                true
            }
            Err(NotDeflate) => {
                self.say_bye("Not DEFLATE");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut packs = Packing::new();
        packs.pack(text).unwrap()
    }

    #[test]
    fn rfc_4978_a_bomb_is_unpacked_as_far_as_there_is_room() {
        let bomb = packed(&vec![b'a'; 10_000_000]);
        assert!(bomb.len() < 100_000, "{}", bomb.len());
        let mut packing = Packing::new();
        let mut rest = bomb.as_slice();
        let mut count = 0;
        while !rest.is_empty() || !packing.packed.is_empty() {
            let (now, later) = rest.split_at(packing.room().min(rest.len()));
            packing.push(now);
            rest = later;
            let out = packing.unpack(1_000).unwrap();
            assert!(out.len() <= 1_000);
            count += out.len();
        }
        while let Ok(out) = packing.unpack(1_000) {
            if out.is_empty() {
                break;
            }
            count += out.len();
        }
        assert_eq!(count, 10_000_000);
        assert!(packing.unpack(1_000).unwrap().is_empty());
        packing.push(b"\xff\xff\xff\xff");
        assert!(packing.unpack(1_000).is_err());
    }

    #[test]
    fn what_is_packed_at_one_end_is_read_at_the_other() {
        let (mut here, mut there) = (Packing::new(), Packing::new());
        for text in [&b"* OK hello\r\n"[..], &[7; 100_000], b"", b"a NOOP\r\n"] {
            there.push(&here.pack(text).unwrap());
            let mut got = Vec::new();
            while got.len() < text.len() {
                got.extend(there.unpack(16 * 1024).unwrap());
            }
            assert_eq!(got, text);
        }
    }
}
