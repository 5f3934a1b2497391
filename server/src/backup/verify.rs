//! Checking backups where they lie: no installation, no server, no network. Without the passphrase, that everything which the
//! manifests name is there and whole, and that the ledger's key vouches for them; with it, what is in the chunks too.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use anyhow::Context;
use certs::note::VerifierKey;
use mail::Secret;
use serde::Serialize;
use store::ledger::merkle::{Hash, leaf_hash};
use store::ledger::walk::Walk;

use super::manifest::{self, Manifest};
use super::repository::Files;
use super::rows::Reader;
use super::seal::{Vault, hex};
use super::{Listed, blobs, files};

/// Faults that are told; further ones are counted.
const FAULTS_MAX: usize = 1_000;
/// Leaves that may stand behind a gap in a tree that is walked in the order of writing: as many as are written at once.
const AHEAD_MAX: usize = 1_000_000;

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    /// Stable.
    pub(crate) code: &'static str,
    /// Which backup, chunk or tree.
    pub(crate) at: String,
    pub(crate) vi: &'static str,
    pub(crate) en: &'static str,
}

/// What a check came to.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) backups: Vec<Listed>,
    pub(crate) chunks: usize,
    /// Whether what is in the chunks was looked at.
    pub(crate) opened: bool,
    /// Whether the key was given by whoever checks, and not taken from the backup.
    pub(crate) key_given: bool,
    pub(crate) faults: Vec<Fault>,
    pub(crate) more: usize,
}

impl Report {
    fn fault(&mut self, code: &'static str, at: impl ToString, vi: &'static str, en: &'static str) {
        if self.faults.len() >= FAULTS_MAX {
            self.more += 1;
            return;
        }
        self.faults.push(Fault { code, at: at.to_string(), vi, en });
    }
}

/// Checks one backup, or all.
pub(crate) async fn verify(
    root: &Path,
    only: Option<&str>,
    passphrase: Option<&Secret<String>>,
    key: Option<&VerifierKey>,
) -> anyhow::Result<Report> {
    let files = Files::at(root)?;
    let vault = passphrase.map(|passphrase| files.unlock(passphrase)).transpose()?;
    let mut report = Report { opened: vault.is_some(), key_given: key.is_some(), ..Report::default() };
    let names = files.snapshots()?;
    let chosen: Vec<&String> = names.iter().filter(|name| only.is_none_or(|only| only == *name)).collect();
    anyhow::ensure!(
        !chosen.is_empty(),
        "[backup-none] không có bản sao lưu hoàn tất / there is no finished backup"
    );
    let mut checked: HashMap<String, bool> = HashMap::new();
    for name in chosen {
        let opened = match manifest::open(&files, name, key) {
            Ok(opened) => opened,
            Err(error) => {
                report.fault(
                    "backup-manifest",
                    format!("{name}: {error:#}"),
                    "Bản kê thiếu, bị sửa, hoặc không do khóa của sổ ký.",
                    "The manifest is missing, was changed, or is not signed by the ledger's key.",
                );
                continue;
            }
        };
        let is_whole = chunks(&files, &opened.manifest, &mut checked, &mut report);
        if let Some(vault) = vault.as_ref().filter(|_| is_whole) {
            contents(&files, vault, &opened.manifest, &mut report)?;
        }
        report.backups.push(Listed::of(&opened.manifest));
    }
    report.chunks = checked.len();
    Ok(report)
}

/// Every chunk is there and is what its name says.
fn chunks(
    files: &Files,
    manifest: &Manifest,
    checked: &mut HashMap<String, bool>,
    report: &mut Report,
) -> bool {
    let mut is_whole = true;
    let mut seen = HashSet::new();
    for name in manifest.chunks().filter(|name| seen.insert(name.as_str())) {
        let known = checked.get(name).copied();
        let read = || tokio::task::block_in_place(|| files.read_chunk(name));
        let is_good = known.unwrap_or_else(|| match read() {
            Ok(_) => true,
            Err(why) => {
                let at = format!("{}: {name}", manifest.id);
                match why {
                    "missing" => {
                        report.fault("backup-chunk-missing", at, "Thiếu mảnh.", "A chunk is missing.")
                    }
                    _ => report.fault(
                        "backup-chunk-damaged",
                        at,
                        "Mảnh bị hỏng hoặc bị sửa.",
                        "A chunk is damaged or was changed.",
                    ),
                }
                false
            }
        });
        checked.insert(name.clone(), is_good);
        is_whole &= is_good;
    }
    is_whole
}

/// What is in the chunks: as many rows as are said, every blob where its row says, the ledger's trees.
fn contents(files: &Files, vault: &Vault, manifest: &Manifest, report: &mut Report) -> anyhow::Result<()> {
    const UNREADABLE: (&str, &str) = ("Nội dung mảnh không đọc được.", "What is in a chunk cannot be read.");
    let outcome = tables(files, vault, manifest, report)
        .and_then(|()| all_blobs(files, vault, manifest, report))
        .and_then(|()| all_files(files, vault, manifest, report))
        .and_then(|()| ledger(files, vault, manifest, report));
    if let Err(error) = outcome {
        report.fault("backup-content", format!("{}: {error:#}", manifest.id), UNREADABLE.0, UNREADABLE.1);
    }
    Ok(())
}

fn count(report: &mut Report, at: String, found: u64, said: u64) {
    if found != said {
        report.fault(
            "backup-count",
            format!("{at} ({found}, {said})"),
            "Số dòng không khớp với bản kê.",
            "There are not as many rows as the manifest says.",
        );
    }
}

fn tables(files: &Files, vault: &Vault, manifest: &Manifest, report: &mut Report) -> anyhow::Result<()> {
    for table in &manifest.tables {
        let mut reader = Reader::new(files, vault, &table.chunks);
        let mut found = 0;
        while let Some(page) = reader.page()? {
            found += page.len() as u64;
            let is_whole = page.iter().all(|row| row.len() == table.columns.len());
            anyhow::ensure!(is_whole, "{}: a row of another length", table.name);
        }
        count(report, format!("{}: {}", manifest.id, table.name), found, table.rows);
    }
    Ok(())
}

fn all_blobs(files: &Files, vault: &Vault, manifest: &Manifest, report: &mut Report) -> anyhow::Result<()> {
    let mut reader = Reader::new(files, vault, &manifest.blobs.chunks);
    let mut sizes: Vec<Option<usize>> = vec![None; manifest.blobs.packs.len()];
    let mut found = 0;
    while let Some(row) = reader.next()? {
        found += 1;
        let (blob, lies) = blobs::read(&row).context("a row of a blob")?;
        let mut room = 0usize;
        for number in lies.first..lies.first.saturating_add(lies.count) {
            let known = sizes.get(number).copied().context("a blob in a chunk that is not named")?;
            let size = match known {
                Some(size) => size,
                None => {
                    let name = manifest.blobs.packs.get(number).context("a chunk that is not named")?;
                    tokio::task::block_in_place(|| files.open_chunk(vault, name))?.len()
                }
            };
            if let Some(place) = sizes.get_mut(number) {
                *place = Some(size);
            }
            room = room.saturating_add(size);
        }
        let needs = usize::try_from(blob.stored_size).ok().and_then(|size| size.checked_add(lies.offset));
        if needs.is_none_or(|needs| needs > room) {
            report.fault(
                "backup-blob",
                format!("{}: {}", manifest.id, blob.blob_id),
                "Khối dữ liệu không nằm trọn trong các mảnh.",
                "A blob does not lie within its chunks.",
            );
        }
    }
    count(report, format!("{}: blob", manifest.id), found, manifest.blobs.count);
    Ok(())
}

fn all_files(files: &Files, vault: &Vault, manifest: &Manifest, report: &mut Report) -> anyhow::Result<()> {
    let mut reader = Reader::new(files, vault, &manifest.files.chunks);
    let mut found = 0;
    while let Some(row) = reader.next()? {
        let (.., number, _) = files::read(&row).context("a row of a file")?;
        found += u64::from(number == 0);
    }
    count(report, format!("{}: file", manifest.id), found, manifest.files.count);
    Ok(())
}

/// A tree that is walked.
#[derive(Default)]
struct Tree {
    walk: Walk,
    /// Leaves whose turn has not come.
    ahead: BTreeMap<u64, Hash>,
    /// Roots by size, of the sizes that are asked for.
    root: Option<Hash>,
}

impl Tree {
    fn put(&mut self, index: u64, leaf: Hash, size: u64) -> anyhow::Result<()> {
        self.ahead.insert(index, leaf);
        anyhow::ensure!(self.ahead.len() <= AHEAD_MAX, "the ledger lacks a leaf");
        while let Some(leaf) = self.ahead.remove(&self.walk.size()) {
            self.walk.push(leaf);
            if self.walk.size() == size {
                self.root = Some(self.walk.root());
            }
        }
        Ok(())
    }
}

/// The leaves make the trees that were signed.
fn ledger(files: &Files, vault: &Vault, manifest: &Manifest, report: &mut Report) -> anyhow::Result<()> {
    let table = |name| manifest.table(name).with_context(|| format!("there is no table {name}"));
    let (leaves, places) = (table("ledger_leaf")?, table("ledger_place")?);
    let column = |table: &manifest::TableRows, name: &str| {
        table.columns.iter().position(|column| column == name).with_context(|| name.to_owned())
    };
    let (seq, leaf) = (column(leaves, "seq")?, column(leaves, "leaf")?);
    let (of, shard, index) =
        (column(places, "seq")?, column(places, "shard_no")?, column(places, "leaf_index")?);
    let mut leaves = Reader::new(files, vault, &leaves.chunks);
    let mut places = Reader::new(files, vault, &places.chunks);
    let mut trees: BTreeMap<i64, Tree> = BTreeMap::new();
    // Both are in the order of writing, and every place has its leaf.
    while let Some(row) = places.next()? {
        let int = |at: usize| row.get(at).and_then(store::backup::Cell::int);
        let (of, shard, index) =
            (int(of), int(shard), int(index).and_then(|index| u64::try_from(index).ok()));
        let (Some(shard), Some(index)) = (shard, index) else { anyhow::bail!("a place of the ledger") };
        let hash = loop {
            let row = leaves.next()?.context("the ledger lacks a leaf")?;
            if row.get(seq).and_then(store::backup::Cell::int) == of {
                break leaf_hash(row.get(leaf).and_then(store::backup::Cell::bytes).context("a leaf")?);
            }
        };
        let size = manifest.trees.iter().find(|tree| tree.shard_no == shard).map_or(0, |tree| tree.size);
        trees.entry(shard).or_default().put(index, hash, size)?;
    }
    for head in &manifest.trees {
        let root = trees.get(&head.shard_no).and_then(|tree| tree.root);
        if root.is_none_or(|root| hex(&root) != head.root) {
            report.fault(
                "backup-ledger",
                format!("{}: {}", manifest.id, head.origin),
                "Các bản ghi không cho ra mốc đã ký của sổ.",
                "The leaves do not make the signed checkpoint of the ledger.",
            );
        }
    }
    Ok(())
}
