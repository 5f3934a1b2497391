//! What is kept in files: keys, configuration, trust, exported years of the ledger, and whatever else lies in the data directory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use anyhow::Context;
use certs::keys::KeyName;
use store::backup::Cell;

use super::manifest::FileRows;
use super::repository::Repository;
use super::rows::{Writer, mark};
use crate::config::Config;

/// Where the configuration lies in a restored data directory.
pub(super) const CONFIGURATION: &str = "congvan.toml";
/// Bytes of a file in one row.
const PART: usize = 1024 * 1024;
/// Files that one backup takes.
const FILES_MAX: usize = 1_000_000;
/// Directories within directories.
const DEPTH_MAX: usize = 16;

/// A file to keep, and its name in the data directory that is restored.
struct Kept {
    path: PathBuf,
    name: String,
}

/// The configuration for a data directory that holds everything, and the files from elsewhere that come into it.
fn gathered(config: &Config) -> anyhow::Result<(Config, Vec<Kept>)> {
    let data = &config.house.data;
    let mut inside = config.clone();
    inside.house.data = PathBuf::from(".");
    inside.house.blobs = PathBuf::new();
    let mut kept = Vec::new();
    let mut take = |path: PathBuf, name: &str, key: &mut PathBuf| {
        if !path.starts_with(data) && path.exists() {
            kept.push(Kept { path, name: name.to_owned() });
            *key = PathBuf::from(name);
        }
    };
    take(config.master_key(), "keys/master.key", &mut inside.house.master_key);
    take(config.ledger_key(), "keys/ledger.pem", &mut inside.ledger.key);
    take(config.push_key(), "keys/push.pem", &mut inside.push.key);
    take(config.tls_certificate(), "tls/cert.pem", &mut inside.tls.certificate);
    if let Some(path) = config.peer_anchors() {
        take(path, "trust-of-peers.pem", &mut inside.mail.peer_anchors);
    }
    if let Some(path) = config.push_authorities() {
        take(path, "trust-of-pushes.pem", &mut inside.push.authorities);
    }
    if let KeyName::File(path) = config.tls_key()? {
        let mut named = PathBuf::from(&config.tls.key);
        take(path, "tls/key.pem", &mut named);
        inside.tls.key = named.display().to_string();
    }
    if let Some(archive) = config.ledger_archive().filter(|path| !path.starts_with(data)) {
        walk(&archive, Path::new("ledger-archive"), 0, &|_| false, &mut kept)?;
        inside.ledger.archive = PathBuf::from("ledger-archive");
    }
    Ok((inside, kept))
}

/// Every regular file below a directory. Links are not followed: what they lead to is kept by whoever keeps it.
fn walk(
    folder: &Path,
    name: &Path,
    depth: usize,
    is_left_out: &dyn Fn(&Path) -> bool,
    kept: &mut Vec<Kept>,
) -> anyhow::Result<()> {
    anyhow::ensure!(depth < DEPTH_MAX, "{}: too deep (quá sâu)", folder.display());
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut entries: Vec<_> = entries.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), name.join(entry.file_name()));
        if is_left_out(&path) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&path, &name, depth + 1, is_left_out, kept)?;
        } else if kind.is_file() {
            let name = name.to_str().with_context(|| format!("{}: no UTF-8 name", path.display()))?;
            kept.push(Kept { name: name.to_owned(), path });
            anyhow::ensure!(kept.len() <= FILES_MAX, "more than {FILES_MAX} files (quá nhiều tệp)");
        }
    }
    Ok(())
}

/// Takes all files in.
pub(super) fn take(config: &Config, target: &Path, repository: &mut Repository) -> anyhow::Result<FileRows> {
    let (inside, mut kept) = gathered(config)?;
    let data = &config.house.data;
    let blobs = config.blobs();
    let targets = [target.to_owned(), data.join(&config.backup.to)];
    let targets: Vec<PathBuf> = targets.iter().filter_map(|path| path.canonicalize().ok()).collect();
    let is_left_out = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let at_top = path.parent() == Some(data.as_path());
        let is_our_own = name.starts_with("congvan.db") || name == "serve.lock" || name == CONFIGURATION;
        (at_top && is_our_own)
            || path == blobs
            || name.ends_with(".part")
            || path.canonicalize().is_ok_and(|path| targets.contains(&path))
    };
    walk(data, Path::new(""), 0, &is_left_out, &mut kept)?;
    let mut writer = Writer::default();
    let mut count = 0;
    let configuration = toml::to_string(&inside)?;
    part(repository, &mut writer, CONFIGURATION, 0o600, 0, configuration.as_bytes())?;
    for file in kept {
        let read = || -> std::io::Result<_> {
            let mode = fs::metadata(&file.path)?.permissions().mode() & 0o777;
            Ok((fs::read(&file.path)?, mode))
        };
        let (bytes, mode) = match read() {
            Ok(read) => read,
            // Drafts and locks come and go.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.path.display())),
        };
        count += 1;
        if bytes.is_empty() {
            part(repository, &mut writer, &file.name, mode, 0, &[])?;
        }
        for (number, bytes) in bytes.chunks(PART).enumerate() {
            part(repository, &mut writer, &file.name, mode, number, bytes)?;
        }
    }
    let (_, chunks) = writer.end(repository)?;
    Ok(FileRows { count: count + 1, chunks })
}

fn part(
    repository: &mut Repository,
    writer: &mut Writer,
    name: &str,
    mode: u32,
    number: usize,
    bytes: &[u8],
) -> anyhow::Result<()> {
    let cells = [
        Cell::Text(name.to_owned()),
        Cell::Int(i64::from(mode)),
        Cell::Int(i64::try_from(number)?),
        Cell::Bytes(bytes.to_vec()),
    ];
    writer.row(repository, &cells, mark(name.as_bytes()))
}

/// A part of a file read back: name, mode, number of the part, bytes. A name that leads out of the directory is none.
pub(super) fn read(row: &[Cell]) -> Option<(PathBuf, u32, i64, &[u8])> {
    let [name, mode, number, bytes] = row else { return None };
    let path = PathBuf::from(name.text()?);
    let is_inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    let mode = u32::try_from(mode.int()?).ok()? & 0o777;
    (is_inside && path.file_name().is_some()).then_some((path, mode, number.int()?, bytes.bytes()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a26_no_file_is_restored_outside_the_data() {
        let row = |name: &str| {
            vec![Cell::Text(name.to_owned()), Cell::Int(0o600), Cell::Int(0), Cell::Bytes(b"x".to_vec())]
        };
        assert!(read(&row("keys/master.key")).is_some());
        for name in ["../x", "/etc/passwd", "keys/../../x", "", "keys/.."] {
            assert!(read(&row(name)).is_none(), "{name}");
        }
        assert!(read(&row("x")[..3]).is_none());
    }
}
