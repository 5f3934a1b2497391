//! The log of changes beside the anchors: `trust/log.jsonl`, one line per change, never rewritten. Each line names the digest
//! of the one before it, so that a line taken out or changed later shows.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use certs::Fingerprint;
use certs::trust::{Anchor, Hierarchy, Purpose, TrustStore, Window};
use mail::Timestamp;
use serde::{Deserialize, Serialize};

/// Bytes of the log. A change takes less than a thousand.
const LOG_MAX: u64 = 64 * 1024 * 1024;

/// What was done to an anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Act {
    /// Trusted from now on.
    Add,
    /// Trusted before, now for something else.
    Change,
    /// Trusted no longer.
    Remove,
}

/// One line: who did when what to which anchor, and what became of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// When, RFC 3339.
    pub(crate) at: String,
    /// The account of the operating system, or the command that acts by itself.
    pub(crate) who: String,
    /// What was done.
    pub(crate) act: Act,
    /// The store's version after it.
    pub(crate) version: u64,
    /// Which anchor: SHA-256 of its certificate.
    pub(crate) fingerprint: Fingerprint,
    /// Its name.
    pub(crate) subject: String,
    /// For what it is trusted after it; before it, when removed.
    pub(crate) purposes: Vec<Purpose>,
    pub(crate) hierarchy: Hierarchy,
    /// Who confirmed the fingerprint, or why it is trusted no longer.
    pub(crate) source: String,
    #[serde(default)]
    pub(crate) window: Window,
    /// SHA-256 of the line before; of nothing for the first.
    pub(crate) previous: Fingerprint,
}

/// Who acts, and why where the anchor itself does not say it.
pub(crate) struct Actor {
    pub(crate) who: String,
    pub(crate) at: Timestamp,
    pub(crate) reason: Option<String>,
}

impl Actor {
    /// The account a command runs under.
    pub(crate) fn of_command(at: Timestamp) -> Self {
        let named = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
        let who = named.filter(|name| !name.is_empty()).unwrap_or_else(own_number);
        Self { who, at, reason: None }
    }
}

/// The account's number, where nobody tells its name.
fn own_number() -> String {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self")
        .map_or_else(|_| "unknown".to_owned(), |facts| format!("uid {}", facts.uid()))
}

/// The log read back.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) entries: Vec<Entry>,
    /// Numbers of lines, from 1, that do not follow from the one before them or cannot be read.
    pub(crate) broken: Vec<usize>,
    last: Option<Fingerprint>,
}

fn path(directory: &Path) -> PathBuf {
    directory.join("log.jsonl")
}

/// Reads the log; an empty one when there is none yet.
pub(crate) fn read(directory: &Path) -> anyhow::Result<Log> {
    let path = path(directory);
    let mut text = String::new();
    match File::open(&path) {
        Ok(file) => file.take(LOG_MAX).read_to_string(&mut text).map(drop),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
    .with_context(|| format!("cannot read {}", path.display()))?;
    let mut log = Log::default();
    let mut previous = Fingerprint::of(b"");
    for (number, line) in text.lines().enumerate() {
        match serde_json::from_str::<Entry>(line) {
            Ok(entry) => {
                if entry.previous != previous {
                    log.broken.push(number + 1);
                }
                log.entries.push(entry);
            }
            Err(_) => log.broken.push(number + 1),
        }
        previous = Fingerprint::of(line.as_bytes());
        log.last = Some(previous);
    }
    Ok(log)
}

/// Adds a line per difference between two states of the store; they are on the disk when this returns.
pub(crate) fn append(
    directory: &Path,
    before: &TrustStore,
    after: &TrustStore,
    actor: &Actor,
) -> anyhow::Result<()> {
    let mut previous = read(directory)?.last.unwrap_or_else(|| Fingerprint::of(b""));
    let mut text = String::new();
    for (act, anchor) in differences(before, after) {
        let entry = entry(act, anchor, after.version(), actor, previous);
        let line = serde_json::to_string(&entry)?;
        previous = Fingerprint::of(line.as_bytes());
        text.push_str(&line);
        text.push('\n');
    }
    let path = path(directory);
    let write = || {
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

fn differences<'a>(before: &'a TrustStore, after: &'a TrustStore) -> Vec<(Act, &'a Anchor)> {
    let gone = before.anchors().iter().filter(|anchor| after.find(anchor.fingerprint()).is_none());
    let gone = gone.map(|anchor| (Act::Remove, anchor));
    let came = after.anchors().iter().filter_map(|anchor| match before.find(anchor.fingerprint()) {
        None => Some((Act::Add, anchor)),
        Some(known) if known != anchor => Some((Act::Change, anchor)),
        Some(_) => None,
    });
    gone.chain(came).collect()
}

fn entry(act: Act, anchor: &Anchor, version: u64, actor: &Actor, previous: Fingerprint) -> Entry {
    Entry {
        at: actor.at.to_rfc3339_vietnam(),
        who: actor.who.clone(),
        act,
        version,
        fingerprint: anchor.fingerprint(),
        subject: anchor.certificate().subject().to_string(),
        purposes: anchor.purposes().to_vec(),
        hierarchy: anchor.hierarchy(),
        source: actor.reason.clone().unwrap_or_else(|| anchor.source().to_owned()),
        window: anchor.window(),
        previous,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::tests::{anchor, root};

    fn actor(secs: i64) -> Actor {
        Actor { who: "lan".to_owned(), at: Timestamp::from_secs(secs), reason: None }
    }

    #[test]
    fn d31_every_change_leaves_a_line_and_a_bent_line_shows() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let mut store = TrustStore::new();
        let mut step = |secs, change: &mut dyn FnMut(&mut TrustStore)| {
            let before = store.clone();
            change(&mut store);
            append(directory, &before, &store, &actor(secs)).unwrap();
        };
        let (one, two) = (root("Gốc 1"), root("Gốc 2"));
        step(1, &mut |store| assert!(store.add(anchor(&one))));
        step(2, &mut |store| assert!(store.add(anchor(&two))));
        step(3, &mut |store| assert!(store.add(anchor(&one).within(Window { from: Some(9), until: None }))));
        step(4, &mut |store| assert!(store.remove(two.sha256())));
        let log = read(directory).unwrap();
        let acts: Vec<(Act, u64)> = log.entries.iter().map(|entry| (entry.act, entry.version)).collect();
        assert_eq!(acts, [(Act::Add, 1), (Act::Add, 2), (Act::Change, 3), (Act::Remove, 4)]);
        assert!(
            log.broken.is_empty()
                && log.entries[0].who == "lan"
                && log.entries[3].fingerprint == two.sha256()
        );

        let text = std::fs::read_to_string(path(directory)).unwrap();
        std::fs::write(path(directory), text.replacen("lan", "minh", 1)).unwrap();
        assert_eq!(read(directory).unwrap().broken, [2]);
        let without: String = text.lines().skip(1).map(|line| format!("{line}\n")).collect();
        std::fs::write(path(directory), without).unwrap();
        assert_eq!(read(directory).unwrap().broken, [1]);
        std::fs::write(path(directory), format!("{text}rubbish\n")).unwrap();
        assert_eq!(read(directory).unwrap().broken, [5]);
    }
}
