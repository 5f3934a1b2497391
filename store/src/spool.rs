//! Bytes on their way in: small ones in memory, large ones in a file without a name, sealed under a key that lives in memory only. When
//! the last handle goes, so do file and key: what was refused has left nothing that could be read (RULES R12).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::Store;
use crate::error::{Error, Result};
use crate::keyring::{DataKey, TAG_LEN};
use crate::segments::BlobPieces;

/// Bytes that are sealed together, and read at once.
pub const WINDOW: usize = 128 * 1024;
/// Up to this size bytes stay in memory. Ours: most documents without annexes do.
const HELD_MAX: usize = 1024 * 1024;

/// Bytes that came whole. Cheap to clone; all clones are one spool.
#[derive(Clone)]
pub struct Spool {
    bytes: Arc<Bytes>,
    begins: u64,
    len: u64,
}

enum Bytes {
    Held(Vec<u8>),
    Apart { file: File, key: DataKey, len: u64 },
}

/// Bytes that are coming.
pub struct Spooling {
    store: Store,
    /// What is not in the file yet: less than a window when there is one.
    held: Vec<u8>,
    apart: Option<Apart>,
}

struct Apart {
    file: File,
    key: DataKey,
    windows: u32,
}

impl std::fmt::Debug for Spool {
    /// For logs: sizes, never content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool").field("len", &self.len).finish_non_exhaustive()
    }
}

fn unavailable(error: &io::Error) -> Error {
    Error::Unavailable(error.to_string())
}

fn place(window: u32) -> u64 {
    u64::from(window) * (WINDOW + TAG_LEN) as u64
}

impl Store {
    /// Begins to take bytes in.
    pub fn spool(&self) -> Spooling {
        Spooling { store: self.clone(), held: Vec::new(), apart: None }
    }

    /// Puts a blob where it can be read from any place on, and needs no memory when it is large.
    ///
    /// # Errors
    /// As [`BlobPieces::next`]; [`Error::Unavailable`] when the disk is full.
    pub async fn spool_pieces(&self, mut pieces: BlobPieces) -> Result<Spool> {
        let mut spooling = self.spool();
        while let Some(piece) = pieces.next().await? {
            spooling.push(&piece)?;
            // A piece takes a millisecond or two: others want the thread too.
            tokio::task::yield_now().await;
        }
        spooling.finish()
    }
}

impl Spooling {
    /// Takes the next bytes. It may write to a disk: not for an async thread when they are many.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the disk is full or does not answer.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<()> {
        if self.apart.is_none() && self.held.len().saturating_add(bytes.len()) <= HELD_MAX {
            self.held.extend_from_slice(bytes);
            return Ok(());
        }
        if self.apart.is_none() {
            let shared = &self.store.shared;
            let file = tempfile::tempfile_in(&shared.spools).map_err(|e| unavailable(&e))?;
            self.apart = Some(Apart { file, key: DataKey::draw(&*shared.chance), windows: 0 });
            let held = std::mem::take(&mut self.held);
            self.push(&held)?;
        }
        while let Some(room) = WINDOW.checked_sub(self.held.len()) {
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.held.extend_from_slice(now);
            bytes = later;
            if self.held.len() < WINDOW {
                break;
            }
            self.write_window()?;
        }
        Ok(())
    }

    fn write_window(&mut self) -> Result<()> {
        let Some(apart) = &mut self.apart else { return Ok(()) };
        let sealed = apart.key.seal_numbered(apart.windows, std::mem::take(&mut self.held), b"spool");
        apart.file.write_all_at(&sealed, place(apart.windows)).map_err(|e| unavailable(&e))?;
        apart.windows = apart.windows.checked_add(1).ok_or(Error::Refused("too large"))?;
        self.held.reserve_exact(WINDOW + TAG_LEN);
        Ok(())
    }

    /// All that came.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the disk is full or does not answer.
    pub fn finish(mut self) -> Result<Spool> {
        let last = self.held.len();
        if self.apart.is_some() && last > 0 {
            self.write_window()?;
        }
        Ok(match self.apart {
            None => Spool::from(self.held),
            Some(Apart { file, key, windows }) => {
                let before = u64::from(windows).saturating_sub(u64::from(last > 0));
                let len = before * WINDOW as u64 + last as u64;
                Spool { bytes: Arc::new(Bytes::Apart { file, key, len }), begins: 0, len }
            }
        })
    }
}

impl io::Write for Spooling {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl From<Vec<u8>> for Spool {
    fn from(bytes: Vec<u8>) -> Self {
        let len = bytes.len() as u64;
        Self { bytes: Arc::new(Bytes::Held(bytes)), begins: 0, len }
    }
}

impl Spool {
    /// How many bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A part of it: `len` bytes from `begins`, or what there is of them.
    pub fn part(&self, begins: u64, len: u64) -> Self {
        let begins = begins.min(self.len);
        let len = len.min(self.len - begins);
        Self { bytes: self.bytes.clone(), begins: self.begins + begins, len }
    }

    /// The bytes, when they are in memory.
    pub fn held(&self) -> Option<&[u8]> {
        let Bytes::Held(bytes) = &*self.bytes else { return None };
        let begins = usize::try_from(self.begins).ok()?;
        bytes.get(begins..begins.checked_add(usize::try_from(self.len).ok()?)?)
    }

    /// Reads some bytes from `at` on and says how many: at least one, unless it ends there. What begins where a window begins costs least.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the disk does not answer, [`Error::Damaged`] when it answers something else than was written.
    pub fn read_at(&self, at: u64, into: &mut [u8]) -> Result<usize> {
        let left = self.len.saturating_sub(at).min(into.len() as u64);
        let most = usize::try_from(left).unwrap_or(usize::MAX);
        let at = self.begins + at;
        match &*self.bytes {
            Bytes::Held(bytes) => {
                let at = usize::try_from(at).unwrap_or(usize::MAX);
                let from = bytes.get(at..).unwrap_or_default();
                Ok(copy(from, into, most))
            }
            Bytes::Apart { file, key, len } => {
                let window = at / WINDOW as u64;
                let number = u32::try_from(window).map_err(|_| Error::Refused("too large"))?;
                let long = len.saturating_sub(window * WINDOW as u64).min(WINDOW as u64);
                if most == 0 || long == 0 {
                    return Ok(0);
                }
                let mut sealed = vec![0; usize::try_from(long).unwrap_or(WINDOW) + TAG_LEN];
                file.read_exact_at(&mut sealed, place(number)).map_err(|e| unavailable(&e))?;
                let plain = key.open_numbered(number, &mut sealed, b"spool")?;
                let skip = usize::try_from(at % WINDOW as u64).unwrap_or(WINDOW);
                Ok(copy(plain.get(skip..).unwrap_or_default(), into, most))
            }
        }
    }

    /// Shows all of it, window by window.
    ///
    /// # Errors
    /// As [`Spool::read_at`], and whatever `each` has to say.
    pub fn each_window<E: From<Error>>(
        &self,
        mut each: impl FnMut(&[u8]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        if let Some(bytes) = self.held() {
            return each(bytes);
        }
        let (mut window, mut at) = (vec![0; WINDOW], 0);
        while at < self.len {
            let read = self.read_at(at, &mut window)?;
            each(window.get(..read).unwrap_or_default())?;
            at += read as u64;
        }
        Ok(())
    }

    /// Writes all of it, window by window.
    ///
    /// # Errors
    /// What reading or writing comes to.
    pub fn write_to(&self, out: &mut dyn io::Write) -> io::Result<()> {
        self.each_window(|window| out.write_all(window).map_err(|e| unavailable(&e)))
            .map_err(|error: Error| io::Error::other(error))
    }

    /// All of it in memory.
    ///
    /// # Errors
    /// As [`Spool::read_at`].
    pub fn whole(&self) -> Result<Arc<[u8]>> {
        if let Some(bytes) = self.held() {
            return Ok(bytes.into());
        }
        let len = usize::try_from(self.len).map_err(|_| Error::Refused("too large"))?;
        let mut whole: Arc<[u8]> = std::iter::repeat_n(0, len).collect();
        let room = Arc::get_mut(&mut whole).unwrap_or_default();
        let mut at = 0;
        while at < len {
            at += self.read_at(at as u64, room.get_mut(at..).unwrap_or_default())?;
        }
        Ok(whole)
    }
}

fn copy(from: &[u8], into: &mut [u8], most: usize) -> usize {
    let some = from.len().min(most).min(into.len());
    if let (Some(into), Some(from)) = (into.get_mut(..some), from.get(..some)) {
        into.copy_from_slice(from);
    }
    some
}
