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
