//! `congvan sign FILE`: signs a PDF, with a timestamp and revocation evidence where they can be had, and judges the
//! result before anybody gets it (RULES D32).

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};
use signer::make::{self, Prepared, Signing};
use signer::{Evidence, Limits, Policy};

use super::key::KeyOptions;
use super::release::Release;
use super::{Outcome, files};
use crate::evidence::{Case, Fetcher};
use crate::keys::OwnKey;

/// Whom the signature speaks for.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RoleWord {
    /// The competent person.
    Leader,
    /// The agency: only on a document with the competent person's good signature (RULES R82).
    Seal,
}

/// Signs a PDF.
#[derive(Args)]
pub(super) struct Sign {
    /// The PDF.
    file: PathBuf,
    #[command(flatten)]
    key: KeyOptions,
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
        let signer = self.key.open()?;
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

    async fn sign(
        &self,
        bytes: Arc<[u8]>,
        signer: &OwnKey,
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
                make::prepare_seal(&fetcher.judge(&case, Evidence::default()).await, &signing, &limits)
            }
            _ => make::prepare(&bytes, &signing, &limits),
        }
        .map_err(super::release::said)?;
        let stamped = prepared.sign(&*signer.key, scheme).map_err(super::release::said)?;
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
