//! `congvan tls-policy`: what TLS has to be towards a destination (RULES M35), and what we publish ourselves.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use mail::{Domain, OwnerId};
use serde_json::json;
use store::{Audit, TlsLevel, TlsPolicyRow};

use super::Outcome;
use super::provision::{ACTOR, tell};
use crate::config::Config;
use crate::tls_policy::{anchors_in, publish};

/// Names of one policy.
const NAMES_MAX: usize = 16;
/// Bytes of an anchor file.
const ANCHORS_BYTES_MAX: usize = 64 * 1024;
/// Whose act it is in the audit log: the house's.
const HOUSE: OwnerId = OwnerId::from_bytes([0; 16]);

#[derive(Subcommand)]
pub(super) enum TlsPolicyCommand {
    /// Demand something of the way to a destination; it comes before what the destination says itself.
    Set(Box<Set>),
    /// List what is demanded.
    List {
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Demand nothing particular any more.
    Remove {
        /// As it was set.
        domain: String,
    },
    /// Print the MTA-STS policy of our own domains, and the TXT record that announces it.
    Published,
}

#[derive(Args)]
pub(super) struct Set {
    /// The domain, or the host of a fixed route; `.gov.vn` is everything below gov.vn.
    domain: String,
    /// TLS always, with a certificate that leads to an anchor and has a name that counts.
    #[arg(long, required_unless_present_any = ["encrypt", "may"], conflicts_with_all = ["encrypt", "may"])]
    require: bool,
    /// TLS always, with any certificate.
    #[arg(long, conflicts_with_all = ["may", "name", "anchor"])]
    encrypt: bool,
    /// TLS if they have it, whatever they publish.
    #[arg(long, conflicts_with_all = ["name", "anchor"])]
    may: bool,
    /// A name that counts in the certificate, instead of the host's own; may be given more than once.
    #[arg(long)]
    name: Vec<String>,
    /// File of certificates (PEM) that count instead of the usual authorities.
    #[arg(long)]
    anchor: Option<PathBuf>,
}

impl TlsPolicyCommand {
    pub(super) fn run(self, file: &Path) -> Outcome {
        match self {
            Self::Set(set) => set.run(file),
            Self::List { json } => list(file, json),
            Self::Remove { domain } => remove(file, &domain),
            Self::Published => published(file),
        }
    }
}

impl Set {
    fn run(self, file: &Path) -> Outcome {
        let row = self.row()?;
        super::on_data(file, |house| async move {
            let input = (row.clone(), house.now());
            let written = house.store.write("set a TLS policy", input, |tx, (row, now)| {
                Box::pin(async move {
                    tx.put_tls_policy(row, *now).await?;
                    let what = r#"{"what":"tls policy"}"#;
                    tx.audit(HOUSE, *now, ACTOR, Audit::DomainChanged, &row.domain, what).await
                })
            });
            let written: Result<(), store::Error> = written.await;
            written?;
            let (vi, en) = match row.level {
                TlsLevel::Verify => {
                    ("bắt buộc TLS, chứng thư đúng tên", "TLS always, with a certificate of the right name")
                }
                TlsLevel::Encrypt => ("bắt buộc TLS", "TLS always"),
                TlsLevel::May => ("TLS nếu có", "TLS if there is"),
            };
            tell(&format!("Gửi tới {}: {vi}.", row.domain), &format!("To {}: {en}.", row.domain));
            Ok(ExitCode::SUCCESS)
        })
    }

    fn row(&self) -> anyhow::Result<TlsPolicyRow> {
        let level = match (self.encrypt, self.may) {
            (true, _) => TlsLevel::Encrypt,
            (_, true) => TlsLevel::May,
            _ => TlsLevel::Verify,
        };
        anyhow::ensure!(self.name.len() <= NAMES_MAX, "too many names / quá nhiều tên");
        let names = self.name.iter().map(|name| Ok(name_of(name)?.as_str().to_owned()));
        let anchors = match &self.anchor {
            None => String::new(),
            Some(path) => {
                let pem = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read {} / không đọc được tệp", path.display()))?;
                anyhow::ensure!(pem.len() <= ANCHORS_BYTES_MAX, "the file is too large / tệp quá lớn");
                anchors_in(pem.as_bytes()).with_context(|| path.display().to_string())?;
                pem
            }
        };
        Ok(TlsPolicyRow {
            domain: destination(&self.domain)?,
            level,
            names: names.collect::<anyhow::Result<_>>()?,
            anchors,
        })
    }
}

/// A domain, `.domain`, `*.domain` (the same), or the address of a fixed route.
fn destination(text: &str) -> anyhow::Result<String> {
    let text = text.trim();
    if text.parse::<std::net::IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    let below = text.strip_prefix("*.").or_else(|| text.strip_prefix('.'));
    let domain = name_of(below.unwrap_or(text))?;
    Ok(if below.is_some() { format!(".{domain}") } else { domain.as_str().to_owned() })
}

fn name_of(text: &str) -> anyhow::Result<Domain> {
    text.parse().ok().with_context(|| format!("{text}: not a domain / tên miền không hợp lệ"))
}

fn list(file: &Path, as_json: bool) -> Outcome {
    super::on_data(file, |house| async move {
        let rows = house.store.read((), |tx, ()| Box::pin(async move { tx.tls_policies().await }));
        let rows: Result<Vec<TlsPolicyRow>, store::Error> = rows.await;
        let rows = rows?;
        if as_json {
            let rows: Vec<_> = rows
                .iter()
                .map(|row| {
                    json!({ "domain": row.domain, "level": row.level.as_str(), "names": row.names,
                            "anchors": !row.anchors.is_empty() })
                })
                .collect();
            println!("{}", json!(rows));
            return Ok(ExitCode::SUCCESS);
        }
        if rows.is_empty() {
            tell("Chưa đặt yêu cầu TLS nào.", "Nothing is demanded of any destination.");
        }
        for row in rows {
            let own = if row.anchors.is_empty() { "" } else { "\t+anchors" };
            println!("{}\t{}\t{}{own}", row.domain, row.level.as_str(), row.names.join(" "));
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn remove(file: &Path, domain: &str) -> Outcome {
    let domain = destination(domain)?;
    super::on_data(file, |house| async move {
        let input = (domain.clone(), house.now());
        let removed = house.store.write("remove a TLS policy", input, |tx, (domain, now)| {
            Box::pin(async move {
                let removed = tx.remove_tls_policy(domain).await?;
                if removed {
                    let what = r#"{"what":"tls policy removed"}"#;
                    tx.audit(HOUSE, *now, ACTOR, Audit::DomainChanged, domain, what).await?;
                }
                Ok::<_, store::Error>(removed)
            })
        });
        if !removed.await? {
            tell("Không có yêu cầu nào cho nơi này.", "Nothing was demanded of it.");
            return Ok(ExitCode::from(1));
        }
        tell(&format!("Đã bỏ yêu cầu TLS cho {domain}."), &format!("Removed the TLS policy of {domain}."));
        Ok(ExitCode::SUCCESS)
    })
}

fn published(file: &Path) -> Outcome {
    let config = Config::read(file)?;
    println!("_mta-sts.DOMAIN. TXT \"{}\"", publish::record(&config)?);
    println!(
        "https://mta-sts.DOMAIN/.well-known/mta-sts.txt\n{}",
        publish::policy_text(&config)?.replace('\r', "")
    );
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m35_destinations() {
        for (text, expected) in [
            ("Bo.gov.vn", Some("bo.gov.vn")),
            (".gov.vn", Some(".gov.vn")),
            ("*.gov.vn", Some(".gov.vn")),
            ("127.0.0.1", Some("127.0.0.1")),
            ("..gov.vn", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(destination(text).ok().as_deref(), expected, "{text}");
        }
    }
}
