//! What a backup consists of, and the note that vouches for it.

use anyhow::Context;
use certs::note::{Note, VerifierKey};
use mail::Timestamp;
use serde::{Deserialize, Serialize};

use super::repository::{Files, is_chunk_name, is_snapshot_name};
use super::seal::digest;
use crate::sequencer::LogKey;

/// The first line of every note: it is never taken for a checkpoint of the log.
const NOTE: &str = "congvan backup 1";

/// A table's rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableRows {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    pub(super) rows: u64,
    pub(super) chunks: Vec<String>,
}

/// Blobs: rows that say where each lies, and the chunks they lie in.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BlobRows {
    pub(super) count: u64,
    /// As they lie there, sealed.
    pub(super) bytes: u64,
    pub(super) chunks: Vec<String>,
    pub(super) packs: Vec<String>,
}

/// Files: keys, configuration, trust, exported years of the ledger.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileRows {
    pub(super) count: u64,
    pub(super) chunks: Vec<String>,
}

/// Where a tree of the ledger stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TreeHead {
    pub(crate) shard_no: i64,
    pub(crate) origin: String,
    /// Of its newest signed checkpoint; leaves that came after it are in the backup and wait for their signature.
    pub(crate) size: u64,
    pub(crate) root: String,
}

/// A backup. It tells of numbers and digests only; what they stand for is sealed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) format: u32,
    pub(super) id: String,
    /// Everything that was promised before this moment is in it.
    pub(super) taken_at: String,
    pub(super) program: String,
    pub(super) engine: String,
    pub(super) schema: i64,
    /// The ledger's verifier key.
    pub(super) log_key: String,
    pub(super) tables: Vec<TableRows>,
    pub(super) numbers: Vec<(String, i64)>,
    pub(super) blobs: BlobRows,
    pub(super) files: FileRows,
    pub(super) trees: Vec<TreeHead>,
}

impl Manifest {
    /// A name for a backup: names in order are moments in order.
    pub(super) fn name(at: Timestamp, random: &str) -> String {
        let at = at.to_rfc3339_utc();
        let digits: String = at.chars().take(19).filter(|c| c.is_ascii_alphanumeric()).collect();
        format!("{digits}Z-{random}")
    }

    /// Every chunk it names.
    pub(super) fn chunks(&self) -> impl Iterator<Item = &String> {
        let tables = self.tables.iter().flat_map(|table| &table.chunks);
        tables.chain(&self.blobs.chunks).chain(&self.blobs.packs).chain(&self.files.chunks)
    }

    pub(super) fn table(&self, name: &str) -> Option<&TableRows> {
        self.tables.iter().find(|table| table.name == name)
    }

    fn vouch(&self, manifest: &[u8]) -> String {
        let mut text = format!("{NOTE}\n{}\n{}\n{}\n", self.id, self.taken_at, digest(manifest));
        for tree in &self.trees {
            text.push_str(&format!("{} {} {}\n", tree.origin, tree.size, tree.root));
        }
        text
    }

    /// The manifest as it is kept, and its note.
    pub(super) fn sign(&self, key: &LogKey) -> anyhow::Result<(Vec<u8>, String)> {
        let bytes = serde_json::to_vec(self)?;
        let note = key.sign_text(&self.vouch(&bytes))?;
        Ok((bytes, note))
    }
}

/// A manifest that was read, and whether the ledger's key vouches for it.
pub(super) struct Opened {
    pub(super) manifest: Manifest,
    pub(super) key: VerifierKey,
}

/// Reads a manifest and its note. `key` is the verifier key that has to have signed it; without one, the key that the manifest
/// itself names: then a whole backup is told from a broken one, but not ours from somebody else's.
pub(super) fn open(files: &Files, name: &str, key: Option<&VerifierKey>) -> anyhow::Result<Opened> {
    let bytes = files.manifest(name)?;
    let manifest: Manifest = serde_json::from_slice(&bytes)
        .context("[backup-manifest] bản kê không đọc được / the manifest cannot be read")?;
    anyhow::ensure!(
        manifest.format == 1 && manifest.id == name && is_snapshot_name(&manifest.id),
        "[backup-format] bản sao lưu của phiên bản khác / the backup is of another version"
    );
    anyhow::ensure!(
        manifest.chunks().all(|chunk| is_chunk_name(chunk)),
        "[backup-manifest] bản kê không đọc được / the manifest names what is no chunk"
    );
    let key = match key {
        Some(key) => key.clone(),
        None => manifest.log_key.parse().context("[backup-manifest] the ledger's key")?,
    };
    let note = Note::open(&files.note(name)?, std::slice::from_ref(&key), &certs::Limits::default());
    let note = note.ok().filter(|note| note.text() == manifest.vouch(&bytes)).context(
        "[backup-signature] bản kê không do khóa của sổ này ký, hoặc đã bị sửa / \
         the manifest is not signed by this ledger's key, or was changed",
    )?;
    drop(note);
    Ok(Opened { manifest, key })
}
