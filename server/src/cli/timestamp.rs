//! `congvan timestamp FILE`: proof that a file existed at a moment. In a PDF a document timestamp (PAdES B-LTA);
//! beside any other file a token (RFC 3161).

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use signer::tst::{Request, Token, TokenVerdict};
use signer::{Evidence, Format, Limits, Policy, make};

use super::release::{Release, nonce, said};
use super::{Outcome, files};
use crate::evidence::{Case, Fetcher};

#[derive(Args)]
pub(super) struct Timestamp {
    /// The file.
    file: PathBuf,
    /// Address of a timestamp authority.
    #[arg(long)]
    tsa: String,
    /// Where the stamped PDF, or the token, goes.
    #[arg(long)]
    out: PathBuf,
    /// Replace what is there.
    #[arg(long)]
    force: bool,
}

impl Timestamp {
    pub(super) fn run(self, config: &Path) -> Outcome {
        anyhow::ensure!(
            self.force || !self.out.exists(),
            "{} exists; --force replaces it (tệp đã có)",
            self.out.display()
        );
        let config = files::configuration(config)?;
        let trust = files::installed_trust(config.as_ref())?;
        let fetcher = files::fetcher(config.as_ref(), &trust, true)?;
        let policy = Policy { trust, ..Policy::default() };
        let most = Limits::default().file_bytes;
        let bytes = files::read(&self.file, most)?;
        anyhow::ensure!(bytes.len() <= most, "the file is larger than {most} bytes (tệp quá lớn)");
        super::runtime()?.block_on(async {
            match Format::sniff(&bytes) {
                Some(Format::Pdf) => self.stamp_pdf(bytes.into(), &fetcher, policy).await,
                _ => self.stamp_file(&bytes, &fetcher, &policy).await,
            }
        })?;
        Ok(ExitCode::SUCCESS)
    }

    async fn stamp_pdf(&self, bytes: Arc<[u8]>, fetcher: &Fetcher, policy: Policy) -> anyhow::Result<()> {
        let limits = Limits::default();
        // First the evidence for what is signed already, so that the stamp covers it (ETSI EN 319 142-1 §5.5).
        let shared = Arc::new(policy.clone());
        let case = Case { input: bytes.into(), policy: shared, now: files::now() };
        let judged = fetcher.judge(&case, Evidence::default()).await;
        let complete =
            make::add_evidence(&case.input.bytes, judged.used_evidence(), &limits).map_err(said)?;
        let prepared = make::prepare_timestamp(&complete, &limits).map_err(said)?;
        let token = self.ask(fetcher, &prepared.timestamp_request(nonce())).await?;
        let stamped = prepared.finish(&token).map_err(said)?;
        let released = Release { fetcher, policy, own: &[] }.release(stamped).await?;
        files::put(&self.out, &released.bytes, self.force)?;
        released.tell(&self.out);
        Ok(())
    }

    async fn stamp_file(&self, bytes: &[u8], fetcher: &Fetcher, policy: &Policy) -> anyhow::Result<()> {
        let request = Request::over(bytes, nonce());
        let answer = self.ask(fetcher, &request).await?;
        let token = Token::read(&answer, &policy.limits).map_err(said)?;
        let (now, limits) = (files::now().secs(), &policy.certificate_limits);
        let evidence = Evidence { certificates: token.certificates().to_vec(), ..Evidence::default() };
        // The token was checked to be over this file; who made it is told, not decided: nobody has to trust it yet.
        let word = match token.judge(&evidence, &policy.trust, now, limits) {
            TokenVerdict::Valid { .. } => "tin cậy / trusted",
            TokenVerdict::Undecided { .. } => "chưa xác định / undecided",
            TokenVerdict::Invalid(reason) if reason.code == signer::Code::TimestampUntrusted => {
                "không thuộc gốc tin cậy / not under a trusted root"
            }
            TokenVerdict::Invalid(reason) => return Err(said(reason)),
        };
        files::put(&self.out, &answer, self.force)?;
        let at = mail::Timestamp::from_secs(token.at).to_rfc3339_vietnam();
        println!("{}: {at} ({word})", files::plain(&self.out.display().to_string()));
        Ok(())
    }

    async fn ask(&self, fetcher: &Fetcher, request: &Request) -> anyhow::Result<Vec<u8>> {
        fetcher.timestamp(&self.tsa, request).await.with_context(|| format!("timestamp from {}", self.tsa))
    }
}
