//! Whom this installation trusts: `trust/anchors.json` in the data directory, changed only by `congvan trust` and the
//! demonstration, each anchor with its confirmed fingerprint.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use certs::trust::TrustStore;

use crate::config::Config;
use crate::house::write_private;

fn file(config: &Config) -> PathBuf {
    config.trust().join("anchors.json")
}

/// The anchors. An installation without the file trusts nobody.
pub(crate) fn read(config: &Config) -> anyhow::Result<TrustStore> {
    let path = file(config);
    match fs::read(&path) {
        Ok(json) => serde_json::from_slice(&json)
            .with_context(|| format!("{} does not hold trust anchors", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(TrustStore::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Replaces the anchors: first whole, then visible.
pub(crate) fn save(config: &Config, anchors: &TrustStore) -> anyhow::Result<()> {
    let path = file(config);
    let draft = path.with_extension("part");
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    write_private(&draft, &serde_json::to_vec_pretty(anchors)?)?;
    fs::rename(&draft, &path).with_context(|| format!("cannot write {}", path.display()))
}
