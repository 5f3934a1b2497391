//! Evidence carried in by hand: lists and issuers' certificates in a directory, for networks without a way out
//! (RULES D27).

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use certs::revocation::Crl;
use certs::{Certificate, Limits};
use signer::Evidence;

/// Files read. A country has fewer issuing authorities.
const FILES_MAX: usize = 256;
/// The directory is looked at so often at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The directory and what was last read from it.
pub(super) struct Imports {
    directory: PathBuf,
    seen: Mutex<Seen>,
}

/// One state of one file.
type Stamp = (PathBuf, Option<SystemTime>, u64);

#[derive(Default)]
struct Seen {
    looked: Option<Instant>,
    files: Vec<Stamp>,
    /// What each file held. A file that did not change is not read again, and what was verified of it stays so.
    held: HashMap<Stamp, Evidence>,
    evidence: Evidence,
}

impl Imports {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory, seen: Mutex::default() }
    }

    /// What lies there now: `*.crl`, `*.crt`, `*.cer` and `*.pem`, in DER or PEM. Reads files: not for async threads.
    pub(super) fn current(&self, limits: &Limits) -> Evidence {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.looked.is_some_and(|when| when.elapsed() < LOOK_EVERY) {
            return seen.evidence.clone();
        }
        seen.looked = Some(Instant::now());
        let files = list(&self.directory);
        if files != seen.files {
            let mut before = std::mem::take(&mut seen.held);
            seen.evidence = Evidence::default();
            for stamp in &files {
                let held = before.remove(stamp).unwrap_or_else(|| held_by(stamp, limits));
                seen.evidence.extend(held.clone());
                seen.held.insert(stamp.clone(), held);
            }
            seen.files = files;
        }
        seen.evidence.clone()
    }
}

/// The lists of a directory, each with its file, and the certificates.
pub(super) fn lists_and_certificates(
    directory: &Path,
    limits: &Limits,
) -> (Vec<(PathBuf, Crl)>, Vec<Certificate>) {
    let (mut lists, mut certificates) = (Vec::new(), Vec::new());
    for stamp in list(directory) {
        let held = held_by(&stamp, limits);
        lists.extend(held.crls.into_iter().map(|crl| (stamp.0.clone(), crl)));
        certificates.extend(held.certificates);
    }
    (lists, certificates)
}

fn held_by((path, _, size): &Stamp, limits: &Limits) -> Evidence {
    let mut held = Evidence::default();
    if let Err(error) = read(path, *size, limits, &mut held) {
        tracing::warn!("{}: not usable as evidence: {error:#}", path.display());
    }
    held
}

fn kind(path: &Path) -> Option<&str> {
    path.extension().and_then(|kind| kind.to_str()).filter(|kind| ["crl", "crt", "cer", "pem"].contains(kind))
}

fn list(directory: &Path) -> Vec<Stamp> {
    // Most installations have no such directory.
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let usable = entries.flatten().map(|entry| entry.path()).filter(|path| kind(path).is_some());
    let mut files: Vec<_> = usable
        .filter_map(|path| {
            let facts = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
            Some((path, facts.modified().ok(), facts.len()))
        })
        .take(FILES_MAX)
        .collect();
    files.sort();
    files
}

fn read(path: &Path, size: u64, limits: &Limits, into: &mut Evidence) -> anyhow::Result<()> {
    anyhow::ensure!(
        usize::try_from(size).is_ok_and(|size| size <= limits.crl_bytes),
        "the file is too large"
    );
    let bytes = fs::read(path)?;
    match kind(path) {
        Some("crl") => into.crls.extend(Crl::all_from_file(&bytes, limits)?),
        _ => into.certificates.extend(Certificate::all_from_file(&bytes, limits)?),
    }
    Ok(())
}
