//! `congvan mail-auth`: what the mail path would find, on the command line. Answers are JSON, in the words of RFC 8601.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::path::{Path as FilePath, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use mail::authentication::{SignatureVerdict, Verdict};
use serde_json::{Value, json};

use super::Outcome;
use crate::authentic::spf::Spf;
use crate::authentic::{Path, Verifier};
use crate::config::Config;

/// A message of more bytes is not judged here.
const MESSAGE_BYTES_MAX: u64 = 256 * 1024 * 1024;

#[derive(Subcommand)]
pub(super) enum MailAuthCommand {
    /// Whether an address may send for a domain (RFC 7208).
    Spf {
        /// The name server to ask; the configuration's without it.
        #[arg(long, value_parser = name_server)]
        dns: Option<SocketAddr>,
        /// Where the client connects from.
        #[arg(long)]
        ip: IpAddr,
        /// What it calls itself.
        #[arg(long)]
        helo: String,
        /// MAIL FROM; empty is the null path.
        #[arg(long, default_value = "")]
        from: String,
    },
    /// The DKIM signatures of a message (RFC 6376).
    Dkim {
        /// The message.
        file: PathBuf,
        /// The name server to ask; the configuration's without it.
        #[arg(long, value_parser = name_server)]
        dns: Option<SocketAddr>,
    },
    /// The ARC chain of a message (RFC 8617).
    Arc {
        /// The message.
        file: PathBuf,
        /// The name server to ask; the configuration's without it.
        #[arg(long, value_parser = name_server)]
        dns: Option<SocketAddr>,
    },
    /// Whether a domain of From is proven, and what it asks for otherwise (DMARC, RFC 7489).
    Dmarc {
        /// The name server to ask; the configuration's without it.
        #[arg(long, value_parser = name_server)]
        dns: Option<SocketAddr>,
        /// The domain of From.
        #[arg(long)]
        from: String,
        /// RESULT:DOMAIN of SPF.
        #[arg(long)]
        spf: Option<String>,
        /// RESULT:DOMAIN of a DKIM signature; more than one may be given.
        #[arg(long)]
        dkim: Vec<String>,
    },
}

impl MailAuthCommand {
    pub(super) fn run(self, file: &FilePath) -> Outcome {
        let answer = super::runtime()?.block_on(self.answer(file))?;
        println!("{answer}");
        Ok(ExitCode::SUCCESS)
    }

    async fn answer(self, config: &FilePath) -> anyhow::Result<Value> {
        Ok(match self {
            Self::Spf { dns, ip, helo, from } => {
                let path = Path { ip, iprev: None, helo: &helo, from: &from, at: super::files::now() };
                let found = verifier(config, dns)?.mail_from(&path).await;
                json!({ "result": found.verdict.as_str(), "explanation": found.explanation.unwrap_or_default() })
            }
            Self::Dkim { file, dns } => {
                let found = verifier(config, dns)?.dkim(&message(&file)?).await;
                let results = found.iter().map(|one| {
                    json!({ "domain": one.domain, "selector": one.selector, "result": one.verdict.as_str() })
                });
                json!({ "results": results.collect::<Vec<_>>() })
            }
            Self::Arc { file, dns } => {
                json!({ "cv": verifier(config, dns)?.arc(&message(&file)?).await.as_str() })
            }
            Self::Dmarc { dns, from, spf, dkim } => {
                let (verdict, domain) =
                    spf.as_deref().map_or(Ok((Verdict::None, String::new())), result_of)?;
                let spf = Spf { domain, verdict, explanation: None };
                let signature = |word: &String| {
                    let (verdict, domain) = result_of(word)?;
                    Ok(SignatureVerdict { domain, selector: String::new(), verdict })
                };
                let dkim = dkim.iter().map(signature).collect::<anyhow::Result<Vec<_>>>()?;
                let (result, policy) = verifier(config, dns)?.dmarc(&from, &spf, &dkim).await;
                json!({ "result": result.as_str(), "policy": policy.map(|policy| policy.as_str()) })
            }
        })
    }
}

/// HOST:PORT; a name is one of this machine's own files, or of its DNS.
fn name_server(text: &str) -> Result<SocketAddr, String> {
    let found = text.to_socket_addrs().ok().and_then(|mut found| found.next());
    found.ok_or_else(|| "like 127.0.0.1:53".to_owned())
}

fn verifier(file: &FilePath, dns: Option<SocketAddr>) -> anyhow::Result<Verifier> {
    let config = match (dns, file.exists()) {
        (Some(dns), _) => {
            let mut config = Config::default();
            config.dns.servers = vec![dns.to_string()];
            config
        }
        (None, true) => Config::read(file)?,
        (None, false) => Config::default(),
    };
    Verifier::new(&config)
}

/// A message's bytes with the line ends it has on the wire (RFC 5321 §2.3.8): files here often have bare LF.
fn message(file: &FilePath) -> anyhow::Result<Vec<u8>> {
    let size = std::fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?.len();
    anyhow::ensure!(size <= MESSAGE_BYTES_MAX, "{}: too large (quá lớn)", file.display());
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut whole = Vec::with_capacity(bytes.len() + bytes.len() / 32);
    let mut last = 0;
    for byte in bytes {
        if byte == b'\n' && last != b'\r' {
            whole.push(b'\r');
        }
        whole.push(byte);
        last = byte;
    }
    Ok(whole)
}

fn result_of(word: &str) -> anyhow::Result<(Verdict, String)> {
    let (result, domain) = word.split_once(':').context("RESULT:DOMAIN is needed, as in pass:example.vn")?;
    let all = [
        Verdict::None,
        Verdict::Pass,
        Verdict::Fail,
        Verdict::SoftFail,
        Verdict::Neutral,
        Verdict::Policy,
        Verdict::TempError,
        Verdict::PermError,
    ];
    let verdict = all.into_iter().find(|verdict| verdict.as_str().eq_ignore_ascii_case(result));
    Ok((verdict.context("no result of RFC 8601 (không phải kết quả theo RFC 8601)")?, domain.to_owned()))
}
