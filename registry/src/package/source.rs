//! Where the bytes of a package lie: in memory, or where only windows of them are read.

use std::any::Any;
use std::io;

use super::attachment::Attachment;
use crate::Error;

/// Bytes that can be read from any place on.
pub trait Source: Send + Sync {
    /// How many bytes.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, when they are in memory.
    fn held(&self) -> Option<&[u8]>;

    /// Reads some bytes from `at` on and says how many: at least one, unless it ends there.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize>;
}

impl Source for &[u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn held(&self) -> Option<&[u8]> {
        Some(self)
    }

    fn read_at(&self, at: u64, mut into: &mut [u8]) -> io::Result<usize> {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        io::Write::write(&mut into, self.get(at..).unwrap_or_default())
    }
}

impl Source for store::Spool {
    fn len(&self) -> u64 {
        self.len()
    }

    fn held(&self) -> Option<&[u8]> {
        self.held()
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        self.read_at(at, into).map_err(io::Error::other)
    }
}

/// Bytes that are looked at together.
const WINDOW: usize = 128 * 1024;

/// Where a short text stands first, from `from` on.
///
/// # Errors
/// When the bytes cannot be read.
pub fn find_in(source: &dyn Source, needle: &[u8], from: u64) -> io::Result<Option<u64>> {
    let finder = memchr::memmem::Finder::new(needle);
    // What was read last, with the end of what was before it: a needle may lie across.
    let (mut window, mut begins) = (Vec::new(), from);
    let mut at = from;
    while at < source.len() {
        let before = window.len();
        window.resize(before + WINDOW, 0);
        let read = source.read_at(at, window.get_mut(before..).unwrap_or_default())?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        window.truncate(before + read);
        at += read as u64;
        if let Some(found) = finder.find(&window) {
            return Ok(Some(begins + found as u64));
        }
        let done = window.len().saturating_sub(needle.len().saturating_sub(1));
        window.drain(..done);
        begins += done as u64;
    }
    Ok(None)
}

/// A place in memory, given back when it is dropped.
pub type Room = Box<dyn Any + Send>;

/// Who reads a package along, file by file, and says whether there is memory for the next one.
pub trait Along {
    /// Memory for a file of so many bytes.
    ///
    /// # Errors
    /// [`Error::SlowDown`] when there will be none in time.
    fn room(&self, bytes: usize) -> Result<Room, Error>;

    /// A file with its content, which may be let go afterwards.
    fn file(&mut self, file: &Attachment);
}
