//! Backups: made beside a house at work, checked where they lie, put back, and tried out by themselves (RULES R59, A26).
//!
//! A backup is one view of the database (`store::backup`) in the order of its keys, cut into chunks; the blobs that it names,
//! sealed as they are; and the files of the data directory. A chunk is kept once, however many backups name it.

mod blobs;
mod create;
mod files;
mod manifest;
mod repository;
mod restore;
mod rows;
mod schedule;
mod seal;
mod verify;

use std::path::Path;

use certs::keys::PinSource;
use certs::note::VerifierKey;
use mail::{Secret, Timestamp};
use serde::Serialize;

pub(crate) use create::create;
pub(crate) use restore::{Outcome as Restoration, Wanted, beside, restore};
pub(crate) use schedule::{late, read_state, remember, run, try_out};
pub(crate) use verify::{Report, verify};

/// A backup that was made.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Done {
    pub(crate) id: String,
    #[serde(skip)]
    pub(crate) taken_at: Timestamp,
    pub(crate) rows: u64,
    pub(crate) blobs: u64,
    /// Blobs that the backup before did not have.
    pub(crate) blobs_read: u64,
    pub(crate) files: u64,
    pub(crate) chunks_written: u64,
    /// Chunks that were there already.
    pub(crate) chunks_kept: u64,
    pub(crate) bytes_written: u64,
    /// Whether old backups could be taken away, as far as that was asked.
    pub(crate) is_pruned: bool,
    pub(crate) millis: u64,
}

/// A backup in a list.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Listed {
    pub(crate) id: String,
    pub(crate) taken_at: String,
    pub(crate) program: String,
    pub(crate) engine: String,
    pub(crate) rows: u64,
    pub(crate) blobs: u64,
    pub(crate) blob_bytes: u64,
    pub(crate) files: u64,
    /// Leaves of the ledger that were signed.
    pub(crate) leaves: u64,
}

impl Listed {
    fn of(manifest: &manifest::Manifest) -> Self {
        Self {
            id: manifest.id.clone(),
            taken_at: manifest.taken_at.clone(),
            program: manifest.program.clone(),
            engine: manifest.engine.clone(),
            rows: manifest.tables.iter().map(|table| table.rows).sum(),
            blobs: manifest.blobs.count,
            blob_bytes: manifest.blobs.bytes,
            files: manifest.files.count,
            leaves: manifest.trees.iter().map(|tree| tree.size).sum(),
        }
    }
}

/// The finished backups of a repository, oldest first, and those whose manifest does not hold.
pub(crate) fn list(root: &Path, key: Option<&VerifierKey>) -> anyhow::Result<(Vec<Listed>, Vec<String>)> {
    let files = repository::Files::at(root)?;
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for name in files.snapshots()? {
        match manifest::open(&files, &name, key) {
            Ok(opened) => good.push(Listed::of(&opened.manifest)),
            Err(error) => bad.push(format!("{name}: {error:#}")),
        }
    }
    Ok((good, bad))
}

/// The passphrase that a source names.
pub(crate) fn passphrase(source: &PinSource) -> anyhow::Result<Secret<String>> {
    crate::keys::secret(source)
}
