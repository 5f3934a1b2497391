//! The options by which a command is told which key to sign with.

use std::path::PathBuf;

use anyhow::Context;
use certs::Certificate;
use certs::keys::Key;
use clap::Args;
use zeroize::Zeroizing;

use super::files;

/// Bytes of a key file or PKCS #12 container.
const KEY_MAX: usize = 1024 * 1024;

/// A password for the key is taken from the environment variable CONGVAN_KEY_PASSWORD, or from standard input.
#[derive(Args)]
pub(super) struct KeyOptions {
    /// Khóa bí mật, PEM. / The private key, PEM.
    #[arg(long, requires = "certificate")]
    key: Option<PathBuf>,
    /// Chứng thư số của khóa và các chứng thư cấp trên, PEM. / The key's certificate and those above it, PEM.
    #[arg(long)]
    pub(super) certificate: Option<PathBuf>,
    /// Khóa và chứng thư trong một tệp PKCS #12. / Key and certificates in one PKCS #12 file.
    #[arg(long, conflicts_with_all = ["key", "certificate"])]
    p12: Option<PathBuf>,
}

/// Who signs.
pub(super) struct OwnKey {
    pub(super) key: Key,
    /// The key's certificate first.
    pub(super) chain: Vec<Certificate>,
}

impl KeyOptions {
    /// Opens the key.
    pub(super) fn open(&self) -> anyhow::Result<OwnKey> {
        let fault =
            |error: certs::Error| anyhow::anyhow!("[{}] {} / {error}", error.code(), error.vietnamese());
        let (key, mut chain) = match (&self.p12, &self.key, &self.certificate) {
            (Some(container), ..) => {
                let bytes = Zeroizing::new(files::read(container, KEY_MAX)?);
                let password = files::password()?;
                let password = password.as_ref().map_or("", |secret| secret.expose_secret().as_str());
                let opened = Key::from_pkcs12(&bytes, password).map_err(fault)?;
                (opened.key, opened.certificate.into_iter().chain(opened.others).collect::<Vec<_>>())
            }
            (None, Some(key), Some(certificate)) => {
                let text = Zeroizing::new(files::read(key, KEY_MAX)?);
                let key = match Key::from_pem(&text, None) {
                    Err(certs::Error::KeyLocked) => {
                        let password = files::password()?;
                        let password = password.as_ref().map(|secret| secret.expose_secret().as_bytes());
                        Key::from_pem(&text, password).map_err(fault)?
                    }
                    other => other.map_err(fault)?,
                };
                (key, files::certificates(certificate)?)
            }
            _ => anyhow::bail!("--key and --certificate, or --p12, are needed (thiếu khóa và chứng thư)"),
        };
        let own = chain.iter().position(|one| one.spki() == key.public().spki());
        let own = own.context("no certificate belongs to this key (chứng thư không khớp với khóa)")?;
        chain.get_mut(..=own).unwrap_or_default().rotate_right(1);
        Ok(OwnKey { key, chain })
    }
}
