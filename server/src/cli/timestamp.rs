//! `congvan timestamp FILE`: proof that a file existed at a moment. In a PDF a document timestamp (PAdES B-LTA);
//! beside any other file a token (RFC 3161).

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use signer::tst::{Request, Token, TokenVerdict};
use signer::{Evidence, Format, Limits, Policy};

use super::release::{nonce, said};
use super::{Outcome, desk, files};
use crate::evidence::Fetcher;

#[derive(Args)]
pub(super) struct Timestamp {
    /// Tệp. / The file.
    file: PathBuf,
    /// Địa chỉ dịch vụ dấu thời gian. / Address of a timestamp authority.
    #[arg(long)]
    tsa: String,
    /// Tệp PDF kết quả, hoặc tệp dấu thời gian. / Where the stamped PDF, or the token, goes.
    #[arg(long)]
    out: PathBuf,
    /// Ghi đè tệp đã có. / Replace what is there.
    #[arg(long)]
    force: bool,
    /// Trả lời bằng JSON. / Answer as JSON.
    #[arg(long)]
    json: bool,
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
                Some(Format::Pdf) => self.stamp_pdf(&bytes, &fetcher, &policy).await,
                _ => self.stamp_file(&bytes, &fetcher, &policy).await,
            }
        })?;
        Ok(ExitCode::SUCCESS)
    }

    async fn stamp_pdf(&self, bytes: &[u8], fetcher: &Fetcher, policy: &Policy) -> anyhow::Result<()> {
        let released = desk::archive(fetcher, policy, &Evidence::default(), &self.tsa, bytes).await?;
        files::put(&self.out, &released.bytes, self.force)?;
        let summary = released.summary();
        if self.json {
            println!("{}", serde_json::to_string_pretty(&summary)?);
            return Ok(());
        }
        println!("{}: {summary}", files::plain(&self.out.display().to_string()));
        summary.warnings.iter().for_each(|warning| eprintln!("{warning}"));
        Ok(())
    }

    async fn stamp_file(&self, bytes: &[u8], fetcher: &Fetcher, policy: &Policy) -> anyhow::Result<()> {
        let request = Request::over(bytes, nonce());
        let answer = desk::ask(fetcher, &self.tsa, &request).await?;
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
        match self.json {
            true => println!("{}", serde_json::json!({ "time": at, "trust": word })),
            false => println!("{}: {at} ({word})", files::plain(&self.out.display().to_string())),
        }
        Ok(())
    }
}
