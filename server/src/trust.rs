//! Whom the installation trusts: `trust/anchors.json` in the data directory, one entry per anchor with its purposes,
//! hierarchy, source, window and confirmed fingerprint, and the store's version. Every reading checks the fingerprints again;
//! every change leaves a line in the log beside it first.

pub(crate) mod log;

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use certs::trust::TrustStore;
use log::{Actor, Log};
use signer::{Known, Policy};

use crate::config::Config;
use crate::house::private_directory;

/// Bytes of the file. A thousand anchors have two million.
const FILE_MAX: u64 = 16 * 1024 * 1024;
/// The file is looked at so often at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The anchors of a running program; follows the file when it changes.
pub(crate) struct Trust {
    directory: PathBuf,
    /// Of judging certificates, as the configuration has it.
    limits: certs::Limits,
    /// What was read before: every document of an agency brings the same certificates and lists.
    known: Known,
    seen: Mutex<Seen>,
}

struct Seen {
    store: Arc<TrustStore>,
    stamp: Stamp,
    looked: Instant,
}

/// Tells one state of the file from another. A file put in place by renaming has another number.
type Stamp = Option<(SystemTime, u64, u64)>;

impl Trust {
    /// Reads the anchors of a directory (`Config::trust`); none when there is no file yet.
    ///
    /// Errors: the file is damaged. A program that starts must not trust less, or more, than was decided.
    pub(crate) fn open(directory: &Path, limits: certs::Limits) -> anyhow::Result<Self> {
        let stamp = stamp(directory);
        let seen = Seen { store: Arc::new(load(directory)?), stamp, looked: Instant::now() };
        Ok(Self { directory: directory.to_owned(), limits, known: Known::default(), seen: Mutex::new(seen) })
    }

    /// The anchors now. A file that became unreadable changes nothing, and is logged.
    pub(crate) fn current(&self) -> Arc<TrustStore> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.looked.elapsed() >= LOOK_EVERY {
            seen.looked = Instant::now();
            self.follow(&mut seen);
        }
        seen.store.clone()
    }

    /// When the list was changed last; `None` when there is none yet.
    pub(crate) fn changed_at(&self) -> Option<mail::Timestamp> {
        let (changed, ..) = stamp(&self.directory)?;
        let since = changed.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(mail::Timestamp::from_secs(i64::try_from(since.as_secs()).ok()?))
    }

    fn follow(&self, seen: &mut Seen) {
        let stamp = stamp(&self.directory);
        if stamp == seen.stamp {
            return;
        }
        seen.stamp = stamp;
        match load(&self.directory) {
            Ok(store) => {
                tracing::info!("the trust store was read again: {} anchors", store.anchors().len());
                seen.store = Arc::new(store);
            }
            Err(error) => tracing::error!("the trust store stays as it was: {error:#}"),
        }
    }

    /// A judging policy under these anchors; hierarchy and roles are the caller's to add.
    pub(crate) fn policy(&self) -> Policy {
        let trust = TrustStore::clone(&self.current());
        Policy { trust, certificate_limits: self.limits, known: self.known.clone(), ..Policy::default() }
    }
}

fn path(directory: &Path) -> PathBuf {
    directory.join("anchors.json")
}

fn stamp(directory: &Path) -> Stamp {
    use std::os::unix::fs::MetadataExt;
    let facts = fs::metadata(path(directory)).ok()?;
    Some((facts.modified().ok()?, facts.len(), facts.ino()))
}

/// The anchors of an installation; none when there is no file yet.
pub(crate) fn read(config: &Config) -> anyhow::Result<TrustStore> {
    load(&config.trust())
}

/// Changes the anchors of an installation and says so in its log; two changes at once follow one another.
pub(crate) fn change<T>(
    config: &Config,
    actor: &Actor,
    change: impl FnOnce(&mut TrustStore) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    change_in(&config.trust(), actor, change)
}

/// The log of an installation's changes.
pub(crate) fn log(config: &Config) -> anyhow::Result<Log> {
    log::read(&config.trust())
}

fn load(directory: &Path) -> anyhow::Result<TrustStore> {
    let path = path(directory);
    let mut file = match File::open(&path) {
        Ok(file) => file.take(FILE_MAX),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(TrustStore::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let mut text = Vec::new();
    file.read_to_end(&mut text).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text)
        .with_context(|| format!("{} is damaged (kho gốc tin cậy bị hỏng)", path.display()))
}

fn put(directory: &Path, store: &TrustStore) -> anyhow::Result<()> {
    private_directory(directory)?;
    let path = path(directory);
    let fresh = directory.join(".anchors.json.new");
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        serde_json::to_writer_pretty(&mut file, store)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&fresh, &path)?;
        File::open(directory)?.sync_all()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

fn change_in<T>(
    directory: &Path,
    actor: &Actor,
    change: impl FnOnce(&mut TrustStore) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    private_directory(directory)?;
    let turn = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(directory.join(".lock"))?;
    turn.lock().context("cannot lock the trust store")?;
    let before = load(directory)?;
    let mut store = before.clone();
    let told = change(&mut store)?;
    if store != before {
        // No change without its line; a line without its change, after a power cut, only says too much.
        log::append(directory, &before, &store, actor)?;
        put(directory, &store)?;
    }
    Ok(told)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use certs::issue::{self, Subject, Validity};
    use certs::keys::{Key, Size};
    use certs::trust::{Anchor, Hierarchy, Purpose};
    use certs::{Certificate, Serial};
    use mail::Timestamp;

    pub(crate) fn anchor(root: &Certificate) -> Anchor {
        let purposes = [Purpose::Document];
        Anchor::new(root.clone(), root.sha256(), &purposes, Hierarchy::PublicService, "test").unwrap()
    }

    pub(crate) fn root(name: &str) -> Certificate {
        let key = Key::generate(Size::P256).unwrap();
        let name = Subject::vietnamese("THỬ NGHIỆM", name).name().unwrap();
        let validity = Validity { from: 0, until: 4_000_000_000 };
        issue::root(&name, key.public(), Serial::from_u64(1), validity).self_signed(&key).unwrap()
    }

    fn add(directory: &Path, root: &Certificate) {
        let actor = Actor { who: "test".to_owned(), at: Timestamp::from_secs(1), reason: None };
        change_in(directory, &actor, |store| Ok(store.add(anchor(root)))).unwrap();
    }

    /// As if a second had passed.
    fn later(trust: &Trust) -> Arc<TrustStore> {
        trust.seen.lock().unwrap().looked = Instant::now().checked_sub(LOOK_EVERY).unwrap();
        trust.current()
    }

    #[test]
    fn a_running_program_follows_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path().join("trust");
        let trust = Trust::open(&directory, certs::Limits::default()).unwrap();
        assert!(trust.current().anchors().is_empty());
        let (first, second) = (root("Gốc 1"), root("Gốc 2"));
        add(&directory, &first);
        assert!(trust.current().anchors().is_empty(), "looked at only once a second");
        assert_eq!(later(&trust).anchors().len(), 1);
        add(&directory, &second);
        let store = later(&trust);
        assert!(store.find(first.sha256()).is_some() && store.find(second.sha256()).is_some());
        // What is on the disk says the same to the next start.
        assert_eq!(*Trust::open(&directory, certs::Limits::default()).unwrap().current(), *store);
        assert_eq!(store.version(), 2);
        // The same again is no change and leaves no line.
        add(&directory, &second);
        assert_eq!(log::read(&directory).unwrap().entries.len(), 2);
    }

    #[test]
    fn a_damaged_file_stops_a_start_and_changes_nothing_running() {
        let directory = tempfile::tempdir().unwrap();
        add(directory.path(), &root("Gốc"));
        let trust = Trust::open(directory.path(), certs::Limits::default()).unwrap();
        let file = path(directory.path());
        let text = fs::read_to_string(&file).unwrap();
        // Another certificate under the confirmed fingerprint.
        let other: serde_json::Value = serde_json::to_value(root("Kẻ lạ")).unwrap();
        let mut rows: serde_json::Value = serde_json::from_str(&text).unwrap();
        rows["anchors"][0]["certificate"] = other;
        for damaged in [rows.to_string(), text[..text.len() / 2].to_owned(), String::new()] {
            fs::write(&file, damaged).unwrap();
            assert!(Trust::open(directory.path(), certs::Limits::default()).is_err());
            assert_eq!(later(&trust).anchors().len(), 1);
        }
    }
}
