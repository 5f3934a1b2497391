//! `congvan sign FILE…`: signs PDFs, with a timestamp and revocation evidence where they can be had, and judges each
//! result before anybody gets it (RULES D32). Other files are signed in `sign_file`. The key is opened once for all.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};
use signer::make::{self, MailForm, Prepared, Signing};
use signer::{Evidence, Limits, Policy};

use super::key::KeyOptions;
use super::release::Release;
use super::sign_file::{FileForm, SignFile};
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

/// Signs files.
#[derive(Args)]
pub(super) struct Sign {
    /// The files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What is made: a signature in a PDF, a CMS with the file inside or without it, a signed mail.
    #[arg(long, value_enum, default_value_t = FormWord::Pdf)]
    format: FormWord,
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
    /// Where the signed file goes.
    #[arg(long, required_unless_present = "out_dir", conflicts_with = "out_dir")]
    out: Option<PathBuf>,
    /// The directory where the signed files go: under their own names, as `NAME.p7m` and `NAME.p7s` for CMS.
    #[arg(long)]
    out_dir: Option<PathBuf>,
    /// Replace what is there.
    #[arg(long)]
    force: bool,
    /// Fetch no evidence.
    #[arg(long)]
    offline: bool,
}

/// What is made.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FormWord {
    /// A signature in a PDF.
    Pdf,
    /// A CMS with the file inside.
    Cms,
    /// A CMS beside the file.
    CmsDetached,
    /// A mail everybody can read, with its signature.
    Smime,
    /// A mail inside its signature.
    SmimeOpaque,
}

impl FormWord {
    fn file_form(self) -> Option<FileForm> {
        Some(match self {
            Self::Pdf => return None,
            Self::Cms => FileForm::Cms { detached: false },
            Self::CmsDetached => FileForm::Cms { detached: true },
            Self::Smime => FileForm::Mail(MailForm::Clear),
            Self::SmimeOpaque => FileForm::Mail(MailForm::Opaque),
        })
    }

    /// What is added to a file's name.
    fn ending(self) -> &'static str {
        match self {
            Self::Cms => ".p7m",
            Self::CmsDetached => ".p7s",
            Self::Pdf | Self::Smime | Self::SmimeOpaque => "",
        }
    }
}

impl Sign {
    pub(super) fn run(self, config: &Path) -> Outcome {
        anyhow::ensure!(
            self.format == FormWord::Pdf
                || (self.role.is_none() && self.reason.is_none() && self.field.is_none()),
            "--role, --reason and --field go with a PDF (chỉ dùng cho PDF)"
        );
        let targets = self.targets()?;
        let config = files::configuration(config)?;
        let trust = files::installed_trust(config.as_ref())?;
        let fetcher = files::fetcher(config.as_ref(), &trust, !self.offline)?;
        let signer = self.key.open()?;
        let policy = Policy { trust, ..Policy::default() };
        let runtime = super::runtime()?;
        for (file, out) in targets {
            let bytes: Arc<[u8]> = files::read(file, Limits::default().file_bytes)?.into();
            let one = self.sign_one(bytes, &out, &signer, &fetcher, &policy);
            runtime.block_on(one).with_context(|| files::plain(&file.display().to_string()))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Each file and where its result goes. Nothing is signed when one of them would replace something unasked.
    fn targets(&self) -> anyhow::Result<Vec<(&Path, PathBuf)>> {
        anyhow::ensure!(
            self.out.is_none() || self.files.len() == 1,
            "--out takes one file; --out-dir takes many (nhiều tệp thì dùng --out-dir)"
        );
        let mut targets: Vec<(&Path, PathBuf)> = Vec::new();
        for file in &self.files {
            let out = match (&self.out, &self.out_dir) {
                (Some(out), _) => out.clone(),
                (None, directory) => {
                    let mut name = file.file_name().context("no file name (thiếu tên tệp)")?.to_owned();
                    name.push(self.format.ending());
                    directory.as_deref().unwrap_or(Path::new(".")).join(name)
                }
            };
            anyhow::ensure!(
                self.force || !out.exists(),
                "{} exists; --force replaces it (tệp đã có)",
                out.display()
            );
            anyhow::ensure!(
                targets.iter().all(|(_, other)| *other != out),
                "two files would become {} (hai tệp trùng tên)",
                out.display()
            );
            targets.push((file, out));
        }
        Ok(targets)
    }

    async fn sign_one(
        &self,
        bytes: Arc<[u8]>,
        out: &Path,
        signer: &OwnKey,
        fetcher: &Fetcher,
        policy: &Policy,
    ) -> anyhow::Result<()> {
        if let Some(form) = self.format.file_form() {
            let tsa = self.tsa.as_deref();
            let work = SignFile { form, signer, tsa, fetcher, policy };
            let released = work.run(bytes).await?;
            files::put(out, &released.bytes, self.force)?;
            released.tell(out);
            return Ok(());
        }
        let signed = self.sign(bytes, signer, fetcher, policy).await?;
        let released =
            Release { fetcher, policy: policy.clone(), own: &signer.chain }.release(signed).await?;
        files::put(out, &released.bytes, self.force)?;
        released.tell(out);
        Ok(())
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
