//! Putting a backup back: into a data directory that is not there yet, and a database that is empty.
//!
//! Everything is made beside the directory and moved into its place at the end, so a restore that was cut off is never taken for
//! a house. On PostgreSQL the rows come in one transaction before that.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use certs::note::{Checkpoint, Note, VerifierKey};
use mail::{Chance, Clock, Secret};
use registry::receipt::is_year_of;
use store::backup::{Loading, Restored};
use store::{Limits, MasterKey, Place};

use super::blobs::{self, Unpacking};
use super::files::{self, CONFIGURATION};
use super::manifest::{self, Manifest, TreeHead};
use super::repository::Files;
use super::rows::Reader;
use super::seal::Vault;
use crate::config::Config;
use crate::house::private_directory;

/// What is to be restored, and where to.
pub(crate) struct Wanted<'w> {
    /// The repository.
    pub(crate) from: &'w Path,
    /// Which backup; the newest when left out.
    pub(crate) id: Option<&'w str>,
    /// The data directory to make.
    pub(crate) data: &'w Path,
    /// "sqlite" or a `postgres://` address; what the configuration in the backup says when left out.
    pub(crate) database: Option<&'w str>,
    pub(crate) passphrase: &'w Secret<String>,
    /// The key that has to have signed the backup.
    pub(crate) key: Option<&'w VerifierKey>,
    /// What would leave the house waits for a person.
    pub(crate) hold: bool,
}

/// What was restored.
pub(crate) struct Outcome {
    pub(crate) id: String,
    pub(crate) taken_at: String,
    pub(crate) rows: u64,
    pub(crate) blobs: u64,
    pub(crate) files: u64,
    pub(crate) restored: Restored,
    pub(crate) trees: Vec<TreeHead>,
    pub(crate) key: VerifierKey,
}

/// Restores a backup.
///
/// # Errors
/// Nothing is at the data directory then.
pub(crate) async fn restore(
    wanted: &Wanted<'_>,
    clock: &dyn Clock,
    chance: Arc<dyn Chance>,
) -> anyhow::Result<Outcome> {
    let files = Files::at(wanted.from)?;
    let vault = files.unlock(wanted.passphrase)?;
    let names = files.snapshots()?;
    let name = match wanted.id {
        Some(id) => names.iter().find(|name| *name == id),
        None => names.last(),
    };
    let name = name.context("[backup-none] không có bản sao lưu này / there is no such backup")?;
    let opened = manifest::open(&files, name, wanted.key)?;
    let manifest = opened.manifest;
    let staging = Staging::make(wanted.data)?;
    let source = Source { files: &files, vault: &vault, manifest: &manifest };
    source.files(&staging.path)?;
    let config = configure(&staging.path, wanted.database)?;
    let restored = source.load(config, wanted.hold, clock, chance).await?;
    staging.done(wanted.data)?;
    Ok(Outcome {
        taken_at: manifest.taken_at.clone(),
        rows: manifest.tables.iter().map(|table| table.rows).sum(),
        blobs: manifest.blobs.count,
        files: manifest.files.count,
        restored,
        trees: manifest.trees,
        key: opened.key,
        id: manifest.id,
    })
}

/// The directory that is being made.
struct Staging {
    path: PathBuf,
}

impl Staging {
    fn make(data: &Path) -> anyhow::Result<Self> {
        let is_empty = match fs::read_dir(data) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        anyhow::ensure!(
            is_empty,
            "[restore-not-empty] chỉ phục hồi vào thư mục trống / only into an empty directory: {}",
            data.display()
        );
        let above = data.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if let (Ok(own), Ok(above)) = (fs::metadata(data), fs::metadata(above)) {
            // Nothing can be moved onto the root of a disk.
            anyhow::ensure!(
                own.dev() == above.dev(),
                "[restore-mount] là gốc của một đĩa; hãy chọn thư mục bên trong / is the root of a disk, name a directory in it: {}",
                data.display()
            );
        }
        let name = data.file_name().and_then(|name| name.to_str()).context("--data names no directory")?;
        let path = data.with_file_name(format!(".{name}.congvan-restore"));
        if path.exists() {
            // What an earlier one left that was cut off; nobody else makes this name.
            fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
        private_directory(&path)?;
        Ok(Self { path })
    }

    fn done(self, data: &Path) -> anyhow::Result<()> {
        let folder = File::open(&self.path)?;
        // Every file and name below, in one.
        rustix::fs::syncfs(&folder).context("cannot sync the restored data")?;
        fs::rename(&self.path, data)
            .with_context(|| format!("cannot move the restored data to {}", data.display()))?;
        let above = data.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(above)?.sync_all().with_context(|| format!("cannot sync {}", above.display()))
    }
}

/// The configuration of the restored house, with its database named.
fn configure(data: &Path, database: Option<&str>) -> anyhow::Result<Config> {
    let path = data.join(CONFIGURATION);
    let text = fs::read_to_string(&path)
        .context("[backup-content] bản sao lưu không có cấu hình / the backup has no configuration")?;
    let mut config: Config = toml::from_str(&text).context("[backup-content] the configuration")?;
    if let Some(database) = database {
        config.house.database = database.to_owned();
        fs::write(&path, toml::to_string(&config)?)?;
    }
    config.house.data = data.to_owned();
    Ok(config)
}

struct Source<'s> {
    files: &'s Files,
    vault: &'s Vault,
    manifest: &'s Manifest,
}

impl Source<'_> {
    /// Writes the files.
    fn files(&self, into: &Path) -> anyhow::Result<()> {
        let mut reader = Reader::new(self.files, self.vault, &self.manifest.files.chunks);
        while let Some(row) = reader.next()? {
            let (name, mode, number, bytes) =
                files::read(&row).context("[backup-content] a row of a file")?;
            let path = into.join(name);
            if let Some(folder) = path.parent() {
                private_directory(folder)?;
            }
            let write = || {
                let mut options = OpenOptions::new();
                options.create(true).append(true).truncate(false).mode(0o600);
                let mut file = options.open(&path)?;
                if number == 0 {
                    file.set_len(0)?;
                }
                file.write_all(bytes)?;
                file.set_permissions(fs::Permissions::from_mode(mode | 0o600))
            };
            write().with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    async fn load(
        &self,
        config: Config,
        hold: bool,
        clock: &dyn Clock,
        chance: Arc<dyn Chance>,
    ) -> anyhow::Result<Restored> {
        let key = fs::read(config.master_key()).ok().and_then(|key| <[u8; 32]>::try_from(key).ok());
        let key = key.context("[backup-content] không có khóa chính / the backup has no master key")?;
        let place = match config.house.database.as_str() {
            "sqlite" => Place::Sqlite(config.house.data.join("congvan.db")),
            url => Place::Postgres(Secret::from(url)),
        };
        let store = store::Config {
            place,
            blobs: config.blobs(),
            master_key: MasterKey::from_bytes(key),
            limits: Limits::default(),
        };
        let mut loading = Loading::begin(store, self.manifest.schema, chance, clock.now())
            .await
            .context("[restore-database] không phục hồi được vào cơ sở dữ liệu / cannot restore the rows")?;
        for table in &self.manifest.tables {
            let mut reader = Reader::new(self.files, self.vault, &table.chunks);
            let mut rows = 0;
            while let Some(page) = reader.page()? {
                rows += page.len() as u64;
                loading
                    .rows(&table.name, &table.columns, &page)
                    .await
                    .with_context(|| format!("[restore-database] {}", table.name))?;
            }
            anyhow::ensure!(rows == table.rows, "[backup-content] {}: {rows}, {}", table.name, table.rows);
        }
        self.blobs(&mut loading).await?;
        if hold {
            loading.hold_back().await.context("[restore-database] outbox")?;
        }
        let said = serde_json::json!({
            "id": self.manifest.id,
            "taken_at": self.manifest.taken_at,
            "trees": self.manifest.trees,
        });
        loading
            .finish(&self.manifest.numbers, &self.manifest.id, &said.to_string(), clock.now())
            .await
            .context("[restore-database] không phục hồi được vào cơ sở dữ liệu / cannot restore the rows")
    }

    async fn blobs(&self, loading: &mut Loading) -> anyhow::Result<()> {
        let mut reader = Reader::new(self.files, self.vault, &self.manifest.blobs.chunks);
        let mut packs = Unpacking::new(self.files, self.vault, self.manifest);
        let mut found = 0;
        while let Some(row) = reader.next()? {
            let (blob, lies) = blobs::read(&row).context("[backup-content] a row of a blob")?;
            let sealed = packs.sealed(&blob, lies)?;
            loading.blob(&blob, sealed).await.context("[restore-database] blob")?;
            found += 1;
        }
        anyhow::ensure!(found == self.manifest.blobs.count, "[backup-content] blob: {found}");
        Ok(())
    }
}

/// A checkpoint that was kept elsewhere beside what was restored: its tree, how many leaves that has now, and how many it had;
/// `None` for one of another log.
pub(crate) fn beside(restored: &Outcome, note: &[u8]) -> Option<(String, u64, u64)> {
    let origin = std::str::from_utf8(note).ok()?.lines().next()?;
    let is_ours = origin == restored.key.name() || is_year_of(restored.key.name(), origin);
    let key = restored.key.named(origin).ok().filter(|_| is_ours)?;
    let note = Note::open(note, &[key], &certs::Limits::default()).ok()?;
    let checkpoint: Checkpoint = note.text().parse().ok()?;
    let tree = restored.trees.iter().find(|tree| tree.origin == origin);
    Some((origin.to_owned(), tree.map_or(0, |tree| tree.size), checkpoint.size))
}
