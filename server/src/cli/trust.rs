//! `congvan trust add|list|remove`: whom this installation trusts.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use certs::Fingerprint;
use certs::trust::{Anchor, Hierarchy, Purpose};
use clap::{Subcommand, ValueEnum};

use super::{Outcome, files};
use crate::config::Config;
use crate::trust;

#[derive(Subcommand)]
pub(super) enum TrustCommand {
    /// Trust a certificate whose SHA-256 fingerprint you confirmed on another way than the file itself.
    Add {
        /// One certificate.
        pem: PathBuf,
        /// tls, tls-client, smime, doc, timestamp or any; may be repeated.
        #[arg(long, required = true, value_delimiter = ',')]
        purpose: Vec<Purpose>,
        /// SHA-256 of the certificate, hexadecimal.
        #[arg(long)]
        fingerprint: Fingerprint,
        /// The hierarchy it heads; public-service when left out and the purposes include documents, other if not.
        #[arg(long)]
        hierarchy: Option<HierarchyWord>,
        /// Who confirmed the fingerprint, from which document.
        #[arg(long, default_value = "congvan trust add")]
        source: String,
    },
    /// Show whom the installation trusts.
    List {
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Trust a certificate no longer.
    Remove {
        /// SHA-256 of the certificate, hexadecimal.
        fingerprint: Fingerprint,
    },
}

/// The hierarchies of RULES D26.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum HierarchyWord {
    /// Specialised for public service (Ban Cơ yếu Chính phủ).
    PublicService,
    /// The national root for enterprises and citizens.
    National,
    /// Anybody else.
    Other,
}

impl From<HierarchyWord> for Hierarchy {
    fn from(word: HierarchyWord) -> Self {
        match word {
            HierarchyWord::PublicService => Self::PublicService,
            HierarchyWord::National => Self::National,
            HierarchyWord::Other => Self::Other,
        }
    }
}

impl TrustCommand {
    pub(super) fn run(self, file: &Path) -> Outcome {
        let config = Config::read(file)?;
        match self {
            Self::Add { pem, purpose, fingerprint, hierarchy, source } => {
                let hierarchy = hierarchy.map_or_else(|| usual_hierarchy(&purpose), Hierarchy::from);
                let mut all = files::certificates(&pem)?;
                let certificate = all.pop().filter(|_| all.is_empty());
                let certificate = certificate.with_context(|| {
                    format!("{}: exactly one certificate is expected (cần đúng một chứng thư)", pem.display())
                })?;
                let anchor =
                    Anchor::new(certificate, fingerprint, &purpose, hierarchy, &source).map_err(|error| {
                        anyhow::anyhow!("[{}] {} / {error}", error.code(), error.vietnamese())
                    })?;
                print!("{}", line(&anchor));
                trust::change(&config, |store| {
                    store.add(anchor);
                    Ok(())
                })?;
            }
            Self::List { json } => {
                let store = trust::read(&config)?;
                match json {
                    true => println!("{}", serde_json::to_string_pretty(&store)?),
                    false => store.anchors().iter().for_each(|anchor| print!("{}", line(anchor))),
                }
            }
            Self::Remove { fingerprint } => {
                let found = trust::change(&config, |store| Ok(store.remove(fingerprint)))?;
                anyhow::ensure!(found, "{fingerprint} is not trusted anyway (không có trong kho tin cậy)");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// An anchor for documents of an installation of public service heads that hierarchy unless somebody says otherwise.
fn usual_hierarchy(purposes: &[Purpose]) -> Hierarchy {
    match purposes
        .iter()
        .any(|purpose| matches!(purpose, Purpose::Document | Purpose::Timestamp | Purpose::Any))
    {
        true => Hierarchy::PublicService,
        false => Hierarchy::Other,
    }
}

fn line(anchor: &Anchor) -> String {
    let name = anchor.certificate().subject();
    let name = name.common_name().or(name.organization()).unwrap_or("?");
    format!(
        "{} {}\n  {:?} {:?}, {}\n",
        anchor.fingerprint(),
        files::plain(name),
        anchor.purposes(),
        anchor.hierarchy(),
        files::plain(anchor.source())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d26_the_hierarchy_when_nobody_says() {
        let rows = [
            (&[Purpose::Document][..], Hierarchy::PublicService),
            (&[Purpose::Timestamp], Hierarchy::PublicService),
            (&[Purpose::Tls], Hierarchy::Other),
            (&[Purpose::Tls, Purpose::Smime], Hierarchy::Other),
        ];
        for (purposes, expected) in rows {
            assert_eq!(usual_hierarchy(purposes), expected, "{purposes:?}");
        }
    }
}
