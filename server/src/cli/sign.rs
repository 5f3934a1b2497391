//! `congvan sign FILE`: signs a PDF, with a timestamp and revocation evidence where they can be had, and judges the
//! result before anybody gets it (RULES D32).

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use certs::Certificate;
use certs::keys::Key;
use clap::{Args, ValueEnum};
use signer::make::{self, Prepared, SealBasis, Signing};
use signer::{Evidence, Limits, Policy};
use zeroize::Zeroizing;

use super::release::Release;
use super::{Outcome, files};
use crate::evidence::{Case, Fetcher};

/// Bytes of a key file or PKCS #12 container.
const KEY_MAX: usize = 1024 * 1024;

/// Whom the signature speaks for.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RoleWord {
    /// The competent person.
    Leader,
    /// The agency: only on a document with the competent person's good signature (RULES R82).
    Seal,
}

/// A password for the key is taken from the environment variable CONGVAN_KEY_PASSWORD, or from standard input.
#[derive(Args)]
pub(super) struct Sign {
    /// The PDF.
    file: PathBuf,
    /// The private key, PEM.
    #[arg(long, requires = "certificate", required_unless_present = "p12")]
    key: Option<PathBuf>,
    /// Its certificate and those above it, PEM.
    #[arg(long)]
    certificate: Option<PathBuf>,
    /// Key and certificates in one PKCS #12 file.
    #[arg(long, conflicts_with_all = ["key", "certificate"])]
    p12: Option<PathBuf>,
    /// Address of a timestamp authority.
    #[arg(long)]
    tsa: Option<String>,
    /// Whom the signature speaks for.
    #[arg(long)]
    role: Option<RoleWord>,
    /// Why the document is signed, for readers of the signature.
    #[arg(long)]
    reason: Option<String>,
    /// Signature field to fill or to make.
    #[arg(long)]
    field: Option<String>,
    /// Where the signed PDF goes.
    #[arg(long)]
    out: PathBuf,
    /// Replace what is there.
    #[arg(long)]
    force: bool,
    /// Fetch no evidence.
    #[arg(long)]
    offline: bool,
}

/// Who signs.
struct Signer {
    key: Key,
    /// The key's certificate first.
    chain: Vec<Certificate>,
}

impl Sign {
    pub(super) fn run(self, config: &Path) -> Outcome {
        anyhow::ensure!(
            self.force || !self.out.exists(),
            "{} exists; --force replaces it (tệp đã có)",
            self.out.display()
        );
        let config = files::configuration(config)?;
        let trust = files::installed_trust(config.as_ref())?;
        let fetcher = files::fetcher(config.as_ref(), &trust, !self.offline)?;
        let signer = self.signer()?;
        let bytes: Arc<[u8]> = files::read(&self.file, Limits::default().file_bytes)?.into();
        let policy = Policy { trust, ..Policy::default() };
        let released = super::runtime()?.block_on(async {
            let signed = self.sign(bytes, &signer, &fetcher, &policy).await?;
            Release { fetcher: &fetcher, policy, own: &signer.chain }.release(signed).await
        })?;
        files::put(&self.out, &released.bytes, self.force)?;
        released.tell(&self.out);
        Ok(ExitCode::SUCCESS)
    }

    fn signer(&self) -> anyhow::Result<Signer> {
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
        Ok(Signer { key, chain })
    }

    async fn sign(
        &self,
        bytes: Arc<[u8]>,
        signer: &Signer,
        fetcher: &Fetcher,
        policy: &Policy,
    ) -> anyhow::Result<Vec<u8>> {
        let limits = Limits::default();
        let scheme = signer.key.usual_scheme();
        let mut signing = Signing::new(signer.chain.clone(), scheme, files::now());
        signing.reason = self.reason.clone();
        signing.field = self.field.clone();
        let prepared: Prepared = match self.role {
            Some(RoleWord::Seal) => {
                let policy = Arc::new(policy.clone());
                let case = Case { input: bytes.into(), policy, now: files::now() };
                let judged = fetcher.judge(&case, Evidence::default()).await;
                make::prepare_seal(&judged, &SealBasis::Leader, &signing, &limits)
            }
            _ => make::prepare(&bytes, &signing, &limits),
        }
        .map_err(super::release::said)?;
        let stamped = prepared.sign(&signer.key, scheme).map_err(super::release::said)?;
        let token = match &self.tsa {
            Some(url) => {
                let request = stamped.timestamp_request(super::release::nonce());
                Some(
                    fetcher
                        .timestamp(url, &request)
                        .await
                        .with_context(|| format!("timestamp from {url}"))?,
                )
            }
            None => None,
        };
        stamped.finish(token.as_deref()).map_err(super::release::said)
    }
}
