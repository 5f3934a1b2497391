//! An export walked offline: every leaf, tile, checkpoint and timestamp, and that the years are one chain.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use registry::receipt::{is_whole_token, is_year_of, open_checkpoint};
use store::ledger::CHAIN_LEAF;
use store::ledger::merkle::{Hash, leaf_hash};
use store::ledger::names::TileName;
use store::ledger::walk::{Walk, read_bundle};

use crate::cli::files;
use crate::proof::LogVerifier;

/// Bytes of a bundle: 256 leaves of 65,535 bytes and their lengths.
const BUNDLE_BYTES_MAX: usize = 256 * (65_535 + 2);
/// Bytes of a checkpoint, cosignatures and all, or of a timestamp.
const SMALL_BYTES_MAX: usize = 64 * 1024;
/// Faults told one by one.
const FAULTS_MAX: usize = 100;

/// What an export comes to.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Origin, leaves, checkpoints.
    pub(super) trees: Vec<(String, u64, u64)>,
    /// What is wrong, and where.
    pub(super) faults: Vec<String>,
}

impl Report {
    fn fault(&mut self, file: &Path, vi: &str, en: &str) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(format!("{}: {vi} / {en}", file.display()));
        }
    }
}

/// Walks every year in a directory.
pub(super) fn check(dir: &Path, key: &LogVerifier) -> anyhow::Result<Report> {
    let mut years = BTreeMap::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let entry = entry?;
        if let Some(year) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) {
            years.insert(year, entry.path());
        }
    }
    anyhow::ensure!(
        !years.is_empty(),
        "{}: no ledger is exported here (không có bản xuất sổ)",
        dir.display()
    );
    let mut report = Report::default();
    let mut before: Option<String> = None;
    for folder in years.values() {
        before = Year { folder, key, report: &mut report }.check(before.as_deref())?;
    }
    Ok(report)
}

struct Year<'y> {
    folder: &'y Path,
    key: &'y LogVerifier,
    report: &'y mut Report,
}

impl Year<'_> {
    /// Answers the text of the year's checkpoint, for the next one to begin with. Years between may be missing: an export may
    /// have only some.
    fn check(&mut self, before: Option<&str>) -> anyhow::Result<Option<String>> {
        let file = self.folder.join("checkpoint");
        let note = String::from_utf8(files::read(&file, SMALL_BYTES_MAX)?).unwrap_or_default();
        let Some((origin, size, root, text)) = self.open(&note) else {
            self.report.fault(
                &file,
                "chữ ký trên mốc không đúng",
                "the checkpoint is not signed by this log",
            );
            return Ok(None);
        };
        let (mut roots, mut checked) = (self.roots(&origin)?, 1);
        roots.retain(|at, _| *at <= size);
        let mut walk = Walk::default();
        for name in TileName::bundles_of(size) {
            let file = self.folder.join(name.to_string());
            let Some(bundle) = self.read(&file, BUNDLE_BYTES_MAX) else { return Ok(Some(text)) };
            let Some(leaves) = read_bundle(&bundle).filter(|leaves| leaves.len() as u64 == name.width) else {
                self.report.fault(&file, "gói mục không đúng", "the entry bundle is damaged");
                return Ok(Some(text));
            };
            for leaf in leaves {
                if walk.size() == 0 && !self.follows(leaf, before) {
                    self.report.fault(
                        &file,
                        "sổ không nối với sổ năm trước",
                        "the tree does not begin with the last checkpoint of the one before",
                    );
                }
                for (name, hashes) in walk.push(leaf_hash(leaf)) {
                    self.tile(name, &hashes);
                }
                if let Some(said) = roots.get(&walk.size()) {
                    checked += 1;
                    if *said != walk.root() {
                        let file = self.folder.join(format!("checkpoints/{}", walk.size()));
                        self.report.fault(
                            &file,
                            "mốc không khớp với sổ",
                            "the checkpoint is not of this tree",
                        );
                    }
                }
            }
        }
        let partial: Vec<_> = walk.partial().map(|(name, hashes)| (name, hashes.to_vec())).collect();
        partial.iter().for_each(|(name, hashes)| self.tile(*name, hashes));
        if walk.root() != root {
            self.report.fault(&file, "mốc không khớp với sổ", "the checkpoint is not of this tree");
        }
        self.report.trees.push((origin, walk.size(), checked));
        Ok(Some(text))
    }

    /// Origin, size, root and text of a note that the log signed for one of its trees.
    fn open(&self, note: &str) -> Option<(String, u64, Hash, String)> {
        let origin = note.split('\n').next()?;
        let log = self.key.0.name();
        let is_ours = origin == log || is_year_of(log, origin);
        let (size, root, text) = open_checkpoint(self.key, origin, note).filter(|_| is_ours)?;
        Some((origin.to_owned(), size, root, text))
    }

    fn read(&mut self, file: &Path, most: usize) -> Option<Vec<u8>> {
        match files::read(file, most) {
            Ok(bytes) if bytes.len() <= most => Some(bytes),
            _ => {
                self.report.fault(file, "thiếu tệp", "the file is missing or too large");
                None
            }
        }
    }

    /// The roots of the year's other checkpoints, by size; their signatures and timestamps are checked here.
    fn roots(&mut self, origin: &str) -> anyhow::Result<BTreeMap<u64, Hash>> {
        let mut roots = BTreeMap::new();
        for file in listed(&self.folder.join("checkpoints"))? {
            let Some(note) = self.read(&file, SMALL_BYTES_MAX) else { continue };
            let note = String::from_utf8(note).unwrap_or_default();
            let Some((_, size, root, text)) = self.open(&note).filter(|(said, ..)| said == origin) else {
                self.report.fault(
                    &file,
                    "chữ ký trên mốc không đúng",
                    "the checkpoint is not signed by this log",
                );
                continue;
            };
            roots.insert(size, root);
            let stamp = self.folder.join(format!("timestamps/{size}.tst"));
            let is_stamped =
                self.read(&stamp, SMALL_BYTES_MAX).is_some_and(|token| is_whole_token(&token, &text));
            if !is_stamped {
                self.report.fault(&stamp, "dấu thời gian không đúng", "the timestamp is wrong");
            }
        }
        for stamp in listed(&self.folder.join("timestamps"))? {
            let size = stamp.file_stem().and_then(|name| name.to_str()?.parse().ok());
            if size.is_none_or(|size| !roots.contains_key(&size)) {
                self.report.fault(&stamp, "dấu thời gian không có mốc", "the timestamp has no checkpoint");
            }
        }
        Ok(roots)
    }

    fn tile(&mut self, name: TileName, hashes: &[Hash]) {
        let file = self.folder.join(name.to_string());
        if let Some(bytes) = self.read(&file, hashes.len() * 32)
            && bytes != hashes.concat()
        {
            self.report.fault(
                &file,
                "mảnh băm không khớp với các mục",
                "the tile is not what the leaves make",
            );
        }
    }

    /// Whether a year's first leaf is the last checkpoint of the year before, where that is here.
    fn follows(&self, leaf: &[u8], before: Option<&str>) -> bool {
        let Some(before) = before else { return true };
        let note = leaf.strip_prefix(&[CHAIN_LEAF]).and_then(|note| std::str::from_utf8(note).ok());
        note.and_then(|note| self.open(note)).is_some_and(|(.., text)| text == before)
    }
}

fn listed(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}
