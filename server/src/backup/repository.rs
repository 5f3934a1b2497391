//! A repository: a directory of chunks, named by their digests, and of manifests that name chunks.
//!
//! | file | what it is |
//! | --- | --- |
//! | `congvan-backup.json` | the secret, wrapped under the passphrase |
//! | `chunks/ab/abcd…` | a sealed chunk, named by its SHA-256 |
//! | `snapshots/ID.json` | the manifest of a backup: what it consists of |
//! | `snapshots/ID.note` | its digest and where the ledger stood, signed by the ledger's key |
//!
//! Chunks are on the disk before the manifest, the manifest before the note; a backup is one when its note is there. What was
//! cut off in between is no backup, and its chunks are found again by the next one.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use mail::{Chance, Secret};

use super::seal::{Lock, PLAIN_MAX, Vault, digest};
use crate::house::private_directory;

/// Bytes of the lock's file.
const LOCK_MAX: u64 = 64 * 1024;
/// Bytes of a manifest: a million chunks and more.
const MANIFEST_MAX: u64 = 512 * 1024 * 1024;
/// Bytes of a chunk's file.
const CHUNK_MAX: u64 = PLAIN_MAX as u64 + 1024;

/// Whether a word is a chunk's name.
pub(super) fn is_chunk_name(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Whether a word is a backup's name.
pub(super) fn is_snapshot_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

pub(super) fn read_bounded(path: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    let facts = fs::metadata(path).with_context(|| format!("{}", path.display()))?;
    anyhow::ensure!(facts.len() <= most, "{} is larger than {most} bytes (tệp quá lớn)", path.display());
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes a file so that it is there whole or not at all; it is on the disk when this returns, its name after the directory is
/// synced.
fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let draft = path.with_extension("part");
    let write = || {
        let options = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).to_owned();
        let mut file = options.open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().with_context(|| format!("cannot write {} (không ghi được)", path.display()))
}

fn sync_directory(path: &Path) -> anyhow::Result<()> {
    let sync = File::open(path).and_then(|directory| directory.sync_all());
    sync.with_context(|| format!("cannot sync {}", path.display()))
}

/// The files of a repository.
pub(super) struct Files {
    root: PathBuf,
}

impl Files {
    /// The files of a repository that is there.
    pub(super) fn at(root: &Path) -> anyhow::Result<Self> {
        anyhow::ensure!(
            root.join("congvan-backup.json").is_file(),
            "[backup-none] {} không phải kho sao lưu / is no repository of backups",
            root.display()
        );
        Ok(Self { root: root.to_owned() })
    }

    fn lock(&self) -> anyhow::Result<Lock> {
        let bytes = read_bounded(&self.root.join("congvan-backup.json"), LOCK_MAX)?;
        serde_json::from_slice(&bytes)
            .context("[backup-format] kho sao lưu không đọc được / the repository cannot be read")
    }

    /// Opens the secret.
    pub(super) fn unlock(&self, passphrase: &Secret<String>) -> anyhow::Result<Vault> {
        self.lock()?.open(passphrase)
    }

    /// Where a chunk lies.
    pub(super) fn chunk(&self, name: &str) -> PathBuf {
        self.root.join("chunks").join(name.get(..2).unwrap_or("00")).join(name)
    }

    /// A chunk's file, if it is what its name says.
    pub(super) fn read_chunk(&self, name: &str) -> Result<Vec<u8>, &'static str> {
        let bytes = read_bounded(&self.chunk(name), CHUNK_MAX).map_err(|_| "missing")?;
        if digest(&bytes) == name { Ok(bytes) } else { Err("damaged") }
    }

    /// A chunk, opened.
    pub(super) fn open_chunk(&self, vault: &Vault, name: &str) -> anyhow::Result<Vec<u8>> {
        let sealed = self.read_chunk(name).map_err(|why| {
            anyhow::anyhow!("[backup-chunk] mảnh sao lưu thiếu hoặc hỏng / a chunk is {why}: {name}")
        })?;
        let opened = vault.open(&sealed);
        opened.with_context(|| format!("[backup-chunk] mảnh không mở được / a chunk does not open: {name}"))
    }

    /// The names of finished backups, oldest first.
    pub(super) fn snapshots(&self) -> anyhow::Result<Vec<String>> {
        let folder = self.root.join("snapshots");
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let mut names = Vec::new();
        for entry in entries {
            let file = entry?.file_name();
            let name = file.to_str().and_then(|file| file.strip_suffix(".note"));
            names.extend(name.filter(|name| is_snapshot_name(name)).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    pub(super) fn manifest(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        read_bounded(&self.root.join(format!("snapshots/{name}.json")), MANIFEST_MAX)
    }

    pub(super) fn note(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        read_bounded(&self.root.join(format!("snapshots/{name}.note")), LOCK_MAX)
    }
}

/// A repository that is written to. One at a time; the kernel gives the lock back however its holder ends.
pub(super) struct Repository {
    pub(super) files: Arc<Files>,
    pub(super) vault: Arc<Vault>,
    touched: HashSet<PathBuf>,
    /// Bytes written.
    pub(super) written: u64,
    /// Chunks written, and chunks that were there.
    pub(super) chunks: (u64, u64),
    _held: File,
}

impl Repository {
    /// Opens a repository, making it in an empty directory.
    pub(super) fn open(
        root: &Path,
        passphrase: &Secret<String>,
        chance: &dyn Chance,
    ) -> anyhow::Result<Self> {
        private_directory(root)?;
        let held = File::options().create(true).write(true).truncate(false).open(root.join("lock"));
        let held = held.with_context(|| format!("cannot open {}", root.join("lock").display()))?;
        match held.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => anyhow::bail!(
                "[backup-busy] một lần sao lưu khác đang chạy / another backup is being written here: {}",
                root.display()
            ),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let (files, vault) = match root.join("congvan-backup.json").exists() {
            true => {
                let files = Files::at(root)?;
                let vault = files.unlock(passphrase)?;
                (files, vault)
            }
            false => Self::make(root, passphrase, chance)?,
        };
        private_directory(&root.join("chunks"))?;
        private_directory(&root.join("snapshots"))?;
        let (files, vault) = (Arc::new(files), Arc::new(vault));
        Ok(Self { files, vault, touched: HashSet::new(), written: 0, chunks: (0, 0), _held: held })
    }

    fn make(root: &Path, passphrase: &Secret<String>, chance: &dyn Chance) -> anyhow::Result<(Files, Vault)> {
        // Whoever was cut off here has left one of these.
        let ours = ["lock", "congvan-backup.part"];
        let is_strange = |entry: &fs::DirEntry| !ours.iter().any(|name| entry.file_name() == *name);
        let entries = fs::read_dir(root).with_context(|| format!("cannot read {}", root.display()))?;
        anyhow::ensure!(
            !entries.flatten().any(|entry| is_strange(&entry)),
            "[backup-not-empty] thư mục không trống và không phải kho sao lưu / \
             the directory is neither empty nor a repository: {}",
            root.display()
        );
        let (lock, vault) = Lock::make(passphrase, chance)?;
        write_whole(&root.join("congvan-backup.json"), &serde_json::to_vec_pretty(&lock)?)?;
        sync_directory(root)?;
        Ok((Files { root: root.to_owned() }, vault))
    }

    /// Keeps a chunk, unless it is there; answers its name.
    pub(super) fn put(&mut self, plain: &[u8]) -> anyhow::Result<String> {
        let sealed = self.vault.seal(plain)?;
        let name = digest(&sealed);
        let path = self.files.chunk(&name);
        // A file gets this name when it is whole; one that the disk has cut since is written anew.
        if fs::metadata(&path).is_ok_and(|facts| facts.len() == sealed.len() as u64) {
            self.chunks.1 += 1;
            return Ok(name);
        }
        if let Some(folder) = path.parent() {
            private_directory(folder)?;
            self.touched.insert(folder.to_owned());
        }
        write_whole(&path, &sealed)?;
        self.chunks.0 += 1;
        self.written += sealed.len() as u64;
        Ok(name)
    }

    /// Everything put so far is on the disk, names too.
    fn sync(&mut self) -> anyhow::Result<()> {
        for folder in self.touched.drain() {
            sync_directory(&folder)?;
        }
        sync_directory(&self.files.root.join("chunks"))?;
        sync_directory(&self.files.root)
    }

    /// Makes a backup of what was put: first the chunks, then the manifest, then the note that says so.
    pub(super) fn commit(&mut self, name: &str, manifest: &[u8], note: &str) -> anyhow::Result<()> {
        self.sync()?;
        let folder = self.files.root.join("snapshots");
        write_whole(&folder.join(format!("{name}.json")), manifest)?;
        sync_directory(&folder)?;
        write_whole(&folder.join(format!("{name}.note")), note.as_bytes())?;
        sync_directory(&folder)
    }

    /// Takes the oldest backups away until `keep` are left, and then every chunk that none of the others names. `chunks_of` reads
    /// which a backup names; when one cannot be read nothing is taken away.
    pub(super) fn prune(
        &mut self,
        keep: usize,
        chunks_of: impl Fn(&Files, &str) -> anyhow::Result<Vec<String>>,
    ) -> anyhow::Result<()> {
        let names = self.files.snapshots()?;
        let (gone, kept) = names.split_at(names.len().saturating_sub(keep.max(1)));
        let mut needed = HashSet::new();
        for name in kept {
            needed.extend(chunks_of(&self.files, name)?);
        }
        let folder = self.files.root.join("snapshots");
        for name in gone {
            // The note first: without it the rest is no backup.
            fs::remove_file(folder.join(format!("{name}.note")))?;
            sync_directory(&folder)?;
        }
        // What is left of those, and of backups that were cut off.
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            let is_part = path.extension().is_none_or(|kind| kind == "part");
            if is_part || !kept.iter().any(|kept| kept == name) {
                fs::remove_file(&path)?;
            }
        }
        for shelf in fs::read_dir(self.files.root.join("chunks"))? {
            for chunk in fs::read_dir(shelf?.path())? {
                let chunk = chunk?;
                if chunk.file_name().to_str().is_none_or(|name| !needed.contains(name)) {
                    fs::remove_file(chunk.path())?;
                }
            }
        }
        Ok(())
    }
}
