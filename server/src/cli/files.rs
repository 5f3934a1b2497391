//! What the commands on signatures and certificates read and write: trust, evidence, keys, results.

use std::fs::{self, File, OpenOptions};
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use certs::revocation::{Crl, OcspResponse};
use certs::trust::{Anchor, Hierarchy, Purpose, TrustStore};
use certs::{Certificate, Limits};
use mail::{Clock, Secret, Timestamp};
use signer::Evidence;

use crate::config::Config;
use crate::evidence::{Fetcher, Settings};
use crate::trust;
use crate::windows::SystemClock;

/// Bytes of a file of certificates or keys. The system's bundle of web authorities has 250 KB.
const CERTIFICATES_MAX: usize = 16 * 1024 * 1024;

/// Reads a file of at most `most` bytes. One byte more is read, so that whoever judges the size can see it.
pub(super) fn read(path: &Path, most: usize) -> anyhow::Result<Vec<u8>> {
    let file =
        File::open(path).with_context(|| format!("cannot read {} (không đọc được tệp)", path.display()))?;
    let mut bytes = Vec::new();
    let end = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    file.take(end).read_to_end(&mut bytes).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(bytes)
}

/// The installation's configuration, when there is one: these commands also work without.
pub(super) fn configuration(file: &Path) -> anyhow::Result<Option<Config>> {
    match file.exists() {
        true => Config::read(file).map(Some),
        false => Ok(None),
    }
}

/// The installation's anchors.
pub(super) fn installed_trust(config: Option<&Config>) -> anyhow::Result<TrustStore> {
    config.map_or_else(|| Ok(TrustStore::new()), trust::read)
}

/// Who gets evidence for a command.
pub(super) fn fetcher(
    config: Option<&Config>,
    trust: &TrustStore,
    is_online: bool,
) -> anyhow::Result<Fetcher> {
    let settings = match config {
        Some(config) => Settings { is_online, ..Settings::of(config, trust) },
        None => {
            let usual = Config::default().exchange;
            Settings {
                from: usual.evidence_from,
                patience: Duration::from_secs(usual.evidence_seconds),
                imports: None,
                anchors: Vec::new(),
                is_online,
            }
        }
    };
    Fetcher::new(settings, Arc::new(SystemClock))
}

/// The present moment.
pub(super) fn now() -> Timestamp {
    SystemClock.now()
}

/// A moment on the command line, RFC 3339.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).map_err(|_| "like 2026-11-22T08:00:00+07:00 (RFC 3339)".to_owned())
}

/// Trusts the certificates of files and of whole directories for every purpose: whoever runs the command vouches.
pub(super) fn anchors(paths: &[PathBuf]) -> anyhow::Result<TrustStore> {
    let mut store = TrustStore::new();
    for path in paths {
        for file in files_of(path)? {
            let bytes = read(&file, CERTIFICATES_MAX)?;
            let whole = Certificate::all_from_file(&bytes, &Limits::default())
                .with_context(|| format!("{} holds no readable certificates", file.display()))?;
            anyhow::ensure!(
                !whole.is_empty(),
                "{} holds no certificate (không có chứng thư)",
                file.display()
            );
            for certificate in whole {
                let fingerprint = certificate.sha256();
                let purposes = [Purpose::Any];
                store.add(Anchor::new(
                    certificate,
                    fingerprint,
                    &purposes,
                    Hierarchy::Other,
                    "command line",
                )?);
            }
        }
    }
    Ok(store)
}

fn files_of(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))?;
    let is_certificate = |path: &PathBuf| {
        path.extension().is_some_and(|kind| ["pem", "crt", "cer", "der"].iter().any(|known| kind == *known))
    };
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(is_certificate).collect();
    files.sort();
    Ok(files)
}

/// The certificates of a file.
pub(super) fn certificates(path: &Path) -> anyhow::Result<Vec<Certificate>> {
    let bytes = read(path, CERTIFICATES_MAX)?;
    Certificate::all_from_file(&bytes, &Limits::default()).with_context(|| {
        format!("{}: not readable as certificates (không đọc được chứng thư)", path.display())
    })
}

/// The certificates of a file, or of all files of a directory; what cannot be read there is said on standard error.
pub(super) fn certificates_in(path: &Path) -> anyhow::Result<Vec<Certificate>> {
    let mut found = Vec::new();
    for file in files_of(path)? {
        let each = Certificate::each_from_file(&read(&file, CERTIFICATES_MAX)?, &Limits::default());
        found.extend(good_ones(&file, each));
    }
    Ok(found)
}

/// Evidence from files.
pub(super) fn evidence(
    intermediates: &[PathBuf],
    crls: &[PathBuf],
    ocsp: &[PathBuf],
) -> anyhow::Result<Evidence> {
    let limits = Limits::default();
    let mut evidence = Evidence::default();
    for path in intermediates {
        evidence.certificates.extend(certificates(path)?);
    }
    for path in crls {
        let lists = Crl::all_from_file(&read(path, limits.crl_bytes)?, &limits);
        let lists = lists.with_context(|| format!("{}: not readable as a CRL", path.display()))?;
        anyhow::ensure!(!lists.is_empty(), "{} holds no CRL (không có danh sách thu hồi)", path.display());
        evidence.crls.extend(lists);
    }
    for path in ocsp {
        let bytes = read(path, limits.ocsp_bytes)?;
        let response = OcspResponse::from_der(&bytes, &limits);
        evidence
            .ocsp
            .push(response.with_context(|| format!("{}: not readable as an OCSP response", path.display()))?);
    }
    Ok(evidence)
}

/// As [`evidence`], for a judgement of what can be had: certificates and lists that cannot be read are said on standard error
/// and left out, as no evidence at all.
pub(super) fn readable_evidence(
    intermediates: &[PathBuf],
    crls: &[PathBuf],
    ocsp: &[PathBuf],
) -> anyhow::Result<Evidence> {
    let limits = Limits::default();
    let mut evidence = Evidence::default();
    for path in intermediates {
        let each = Certificate::each_from_file(&read(path, CERTIFICATES_MAX)?, &limits);
        evidence.certificates.extend(good_ones(path, each));
    }
    for path in crls {
        // A bundle may hold several of the largest lists.
        let each = Crl::each_from_file(&read(path, limits.crl_bytes.saturating_mul(4))?, &limits);
        evidence.crls.extend(good_ones(path, each));
    }
    for path in ocsp {
        let one = OcspResponse::from_der(&read(path, limits.ocsp_bytes)?, &limits);
        evidence.ocsp.extend(good_ones(path, Ok(vec![one])));
    }
    Ok(evidence)
}

fn good_ones<T>(path: &Path, each: Result<Vec<Result<T, certs::Error>>, certs::Error>) -> Vec<T> {
    let mut good = Vec::new();
    for one in each.unwrap_or_else(|error| vec![Err(error)]) {
        match one {
            Ok(one) => good.push(one),
            Err(error) => {
                eprintln!("{}: {} / {error} [{}]", path.display(), error.vietnamese(), error.code())
            }
        }
    }
    good
}

/// The first certificate of a file, and what else can be read in it.
pub(super) fn leaf_and_rest(path: &Path) -> anyhow::Result<(Certificate, Vec<Certificate>)> {
    let bytes = read(path, CERTIFICATES_MAX)?;
    let unreadable =
        || format!("{}: not readable as certificates (không đọc được chứng thư)", path.display());
    let mut each =
        Certificate::each_from_file(&bytes, &Limits::default()).with_context(unreadable)?.into_iter();
    let leaf = each.next().with_context(|| format!("{} holds no certificate", path.display()))?;
    let leaf = leaf.with_context(unreadable)?;
    Ok((leaf, good_ones(path, Ok(each.collect()))))
}

/// A password from the environment variable `CONGVAN_KEY_PASSWORD`, or else the first line of standard input; a
/// terminal is not asked.
pub(super) fn password() -> anyhow::Result<Option<Secret<String>>> {
    if let Ok(given) = std::env::var("CONGVAN_KEY_PASSWORD") {
        return Ok(Some(Secret::from(given.as_str())));
    }
    let input = std::io::stdin();
    if input.is_terminal() {
        return Ok(None);
    }
    let mut text = String::new();
    let end = u64::try_from(crate::keys::PASSWORD_MAX).unwrap_or(u64::MAX);
    input.lock().take(end).read_to_string(&mut text).context("cannot read the password")?;
    Ok(text.lines().next().map(Secret::from))
}

/// Puts a result in its place, whole or not at all. What is there already stays unless `replace`.
pub(super) fn put(path: &Path, bytes: &[u8], replace: bool) -> anyhow::Result<()> {
    let name = path.file_name().with_context(|| format!("{} is no file name", path.display()))?;
    anyhow::ensure!(replace || !path.exists(), "{} exists; --force replaces it (tệp đã có)", path.display());
    let mut draft = std::ffi::OsString::from(".");
    draft.push(name);
    draft.push(format!(".{}", std::process::id()));
    let draft = path.with_file_name(draft);
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        // A link, unlike a renaming, replaces nothing that came in between.
        if replace { fs::rename(&draft, path) } else { fs::hard_link(&draft, path) }
    };
    let written = write().with_context(|| format!("cannot write {}", path.display()));
    let _ = fs::remove_file(&draft);
    written
}

/// Text of somebody else's making on a terminal: control characters, which could rewrite the screen, are shown as dots.
pub(super) fn plain(text: &str) -> String {
    let is_unsafe =
        |c: char| c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if is_unsafe(c) { '·' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_replaces_nothing_unless_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.pdf");
        put(&path, b"one", false).unwrap();
        assert!(put(&path, b"two", false).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        put(&path, b"two", true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn names_cannot_rewrite_the_screen() {
        assert_eq!(plain("Nguyễn\u{1b}[2J\r\n\u{202E}A"), "Nguyễn·[2J···A");
    }
}
