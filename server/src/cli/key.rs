//! The options by which a command is told which key to sign with.

use std::path::PathBuf;

use certs::keys::{KeyName, PinSource};
use clap::Args;
use mail::Secret;

use super::files;
use crate::keys::{self, OwnKey};

/// Which key signs. A password or PIN never stands in an argument, where other users of the machine could read it.
#[derive(Args)]
pub(super) struct KeyOptions {
    /// Khóa bí mật: tệp, hoặc khóa trong thiết bị. / The private key: a file (PEM, PKCS #8, PKCS #12), or a key in a token:
    /// pkcs11:token=…;object=…?module-path=…&pin-source=file:… (RFC 7512).
    #[arg(long)]
    key: Option<KeyName>,
    /// Chứng thư số của khóa và các chứng thư cấp trên. / Its certificate and those above it, PEM. Needed unless the key's file or token has it.
    #[arg(long)]
    pub(super) certificate: Option<PathBuf>,
    /// Khóa và chứng thư trong một tệp PKCS #12. / Key and certificates in one PKCS #12 file; the same as --key with that file.
    #[arg(long, conflicts_with = "key")]
    p12: Option<PathBuf>,
    /// Nguồn mật khẩu của khóa hoặc mã PIN. / Where the key's password or the token's PIN comes from: file:PATH (the first line) or env:NAME. Without this option
    /// the environment variable CONGVAN_KEY_PASSWORD, or standard input.
    #[arg(long)]
    key_password: Option<PinSource>,
}

impl KeyOptions {
    /// Opens the key.
    pub(super) fn open(&self) -> anyhow::Result<OwnKey> {
        let name = match (&self.key, &self.p12) {
            (Some(name), _) => name.clone(),
            (None, Some(container)) => KeyName::File(container.clone()),
            (None, None) => anyhow::bail!("--key is needed (thiếu khóa)"),
        };
        let given = match &self.certificate {
            Some(path) => files::certificates(path)?,
            None => Vec::new(),
        };
        OwnKey::open(&name, given, || self.password())
    }

    fn password(&self) -> anyhow::Result<Option<Secret<String>>> {
        match &self.key_password {
            Some(source) => keys::secret(source).map(Some),
            None => files::password(),
        }
    }
}
