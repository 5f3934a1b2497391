//! `congvan cert import-crl`: lists for networks without a way out (RULES D27).

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use certs::revocation::Crl;
use certs::{Certificate, Limits};
use clap::Args;
use mail::Timestamp;
use serde_json::{Value, json};

use crate::cli::{Outcome, files};
use crate::config::Config;
use crate::evidence::mirror::{Import, Mirror, Refusal};
use crate::trust;

#[derive(Args)]
pub(in crate::cli) struct ImportCrl {
    /// Revocation lists, PEM or DER.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Certificates of authorities that may have signed them, besides the installation's.
    #[arg(long)]
    issuers: Vec<PathBuf>,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

impl ImportCrl {
    pub(super) fn run(self, config: &Path) -> Outcome {
        let config = Config::read(config)?;
        let limits = Limits::default();
        let mut issuers: Vec<Certificate> = Vec::new();
        for path in &self.issuers {
            issuers.extend(files::certificates(path)?);
        }
        issuers.extend(trust::read(&config)?.anchors().iter().map(|anchor| anchor.certificate().clone()));
        let mirror = Mirror::open(&config)?;
        let now = files::now();
        let mut answers = Vec::new();
        let mut refused = false;
        for path in &self.files {
            let bytes = files::read(path, limits.crl_bytes.saturating_mul(4))?;
            let each = Crl::each_from_file(&bytes, &limits).unwrap_or_else(|error| vec![Err(error)]);
            if each.is_empty() {
                anyhow::bail!("{} holds no CRL (không có danh sách thu hồi)", path.display());
            }
            for one in each {
                let outcome = one.map_err(Refusal::Unreadable);
                let outcome = outcome.and_then(|crl| Ok((mirror.import(&crl, &issuers, now)?, crl)));
                refused |= outcome.is_err();
                match self.json {
                    true => answers.push(value(path, &outcome)),
                    false => say(path, &outcome, now),
                }
            }
        }
        if self.json {
            println!("{}", serde_json::to_string_pretty(&answers)?);
        }
        Ok(ExitCode::from(u8::from(refused)))
    }
}

type Tried = Result<(Import, Crl), Refusal>;

fn say(path: &Path, outcome: &Tried, now: Timestamp) {
    let path = files::plain(&path.display().to_string());
    match outcome {
        Ok((import, crl)) => {
            println!("{path}: {} / {}", import.vietnamese(), import.english());
            println!(
                "  {} (#{}), {} mục / entries",
                files::plain(&crl.issuer().to_string()),
                number(crl),
                crl.len()
            );
            if crl.next_update().is_some_and(|until| until < now.secs()) {
                println!("  Danh sách đã quá hạn cập nhật / the list is past its next update");
            }
        }
        Err(refusal) => eprintln!("{path}: {} / {refusal} [{}]", refusal.vietnamese(), refusal.code()),
    }
}

fn value(path: &Path, outcome: &Tried) -> Value {
    match outcome {
        Ok((import, crl)) => json!({
            "file": path,
            "outcome": import.code(),
            "sha256": crl.sha256(),
            "issuer": crl.issuer().to_string(),
            "number": number(crl),
            "this_update": Timestamp::from_secs(crl.this_update()).to_rfc3339_vietnam(),
            "next_update": crl.next_update().map(|secs| Timestamp::from_secs(secs).to_rfc3339_vietnam()),
            "entries": crl.len(),
            "verified": import.is_verified(),
        }),
        Err(refusal) => json!({
            "file": path,
            "outcome": "refused",
            "code": refusal.code(),
            "vi": refusal.vietnamese(),
            "en": refusal.to_string(),
        }),
    }
}

/// cRLNumber in hexadecimal, as authorities print it.
fn number(crl: &Crl) -> String {
    crl.number()
        .map_or_else(|| "?".to_owned(), |number| number.iter().map(|byte| format!("{byte:02X}")).collect())
}
