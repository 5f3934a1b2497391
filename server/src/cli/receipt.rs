//! `congvan receipt get|show|verify`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use certs::note::VerifierKey;
use clap::Subcommand;
use mail::DocumentId;
use registry::receipt::{self, Receipt, Verdict};

use super::Outcome;
use crate::config::Config;
use crate::house::House;
use crate::proof::LogVerifier;

/// The log takes an act in within a second; whoever asks right after it waits for that.
const PROOF_LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);

#[derive(Subcommand)]
pub(super) enum ReceiptCommand {
    /// Write the complete receipt of a document to a file.
    Get {
        /// The DocId that sendEdoc answered with.
        doc_id: String,
        /// File to write.
        #[arg(long)]
        out: PathBuf,
    },
    /// Print a receipt for people.
    Show {
        /// The receipt.
        file: PathBuf,
    },
    /// Check a receipt offline. Exit: 0 proven, 1 not proven, 2 cannot tell, 3 fault.
    Verify {
        /// The receipt.
        file: PathBuf,
        /// The log's verifier key, "name+hash+key".
        #[arg(long)]
        log_key: String,
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
    },
}

impl ReceiptCommand {
    pub(super) fn run(self, config: &Path) -> Outcome {
        match self {
            Self::Get { doc_id, out } => get(config, &doc_id, &out),
            Self::Show { file } => show(&file),
            Self::Verify { file, log_key, json } => verify(&file, &log_key, json),
        }
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read {} (không đọc được biên nhận)", file.display()))
}

fn get(config: &Path, doc_id: &str, out: &Path) -> Outcome {
    let config = Config::read(config)?;
    let id: DocumentId = doc_id.parse().map_err(|_| {
        anyhow::anyhow!("{doc_id:?} is no DocId: 32 hexadecimal digits (mã gửi không hợp lệ)")
    })?;
    let receipt = super::runtime()?.block_on(async {
        let house = House::open(config).await?;
        let found = complete(&house, id).await;
        let writer = house.writer.clone();
        drop(house);
        writer.wait().await;
        found
    })?;
    let receipt = receipt.context("there is no such document here (không có văn bản này)")?;
    std::fs::write(out, receipt.to_file()).with_context(|| format!("cannot write {}", out.display()))?;
    if receipt.proof.is_none() {
        eprintln!(
            "biên nhận chưa có chứng minh, hãy lấy lại sau / the receipt has no proof yet, get it again later"
        );
    }
    println!("{}", out.display());
    Ok(ExitCode::SUCCESS)
}

/// The receipt of a document of whatever agency, waiting a little for its proof.
async fn complete(house: &House, id: DocumentId) -> anyhow::Result<Option<Receipt>> {
    let mut looks = 0;
    loop {
        let found = house
            .store
            .read(id, |tx, id| {
                Box::pin(async move {
                    // Whoever sent a document has a system.
                    for (agency_id, _) in tx.speakers().await? {
                        if let Some(receipt) = receipt::complete(tx, agency_id, *id).await? {
                            return Ok::<_, store::Error>(Some(receipt));
                        }
                    }
                    Ok(None)
                })
            })
            .await?;
        looks += 1;
        match found {
            Some(receipt) if receipt.proof.is_none() && looks < PROOF_LOOKS => {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
            found => return Ok(found),
        }
    }
}

fn show(file: &Path) -> Outcome {
    let receipt = Receipt::read(&read(file)?)
        .context("the file is no receipt, or of another version (tệp không phải là biên nhận)")?;
    let act = &receipt.record;
    let rows = [
        ("Sổ / log", act.log.clone()),
        ("Việc / act", act.act.clone()),
        ("Mã gửi / DocId", act.doc_id.clone()),
        ("Loại / kind", act.kind.clone()),
        ("Mã định danh văn bản / identifier", act.identifier.clone()),
        ("Bên gửi / from", act.from.clone()),
        ("Bên nhận / to", act.to.join(", ")),
        ("Hệ thống / system", act.system.clone()),
        ("Trạng thái / status", act.status.clone()),
        ("Chữ ký số / signatures", act.class.clone()),
        ("Giá trị / legal value", act.legal_value.clone()),
        ("Thời điểm / at", in_vietnam(&act.at)),
        ("SHA-256 gói tin / package", act.package_sha256.clone()),
        ("SHA-256 văn bản / document", act.document_sha256.clone()),
        ("Vị trí trong sổ / place", receipt.proof.as_ref().map_or_else(String::new, |p| p.index.to_string())),
    ];
    for (label, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        println!("{label}: {}", printable(value));
    }
    Ok(ExitCode::SUCCESS)
}

/// A receipt may come from anybody: nothing in it steers the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

fn verify(file: &Path, log_key: &str, json: bool) -> Outcome {
    let key: VerifierKey =
        log_key.parse().context("--log-key is no verifier key (khóa kiểm tra không hợp lệ)")?;
    let verdict = receipt::verify(&read(file)?, &LogVerifier(key));
    let (number, word, trouble) = match &verdict {
        Verdict::Proven(_) => (0, "proven", None),
        Verdict::NotProven(trouble) => (1, "not-proven", Some(trouble)),
        Verdict::CannotTell(trouble) => (2, "cannot-tell", Some(trouble)),
    };
    if json {
        let answer = serde_json::json!({
            "verdict": word,
            "reason": trouble.map(|t| serde_json::json!({ "code": t.code(), "vi": t.vi(), "en": t.en() })),
            "act": match &verdict {
                Verdict::Proven(receipt) => serde_json::to_value(&receipt.record)?,
                _ => serde_json::Value::Null,
            },
        });
        println!("{answer}");
    } else if let Some(trouble) = trouble {
        println!("{word}: {} / {}", trouble.vi(), trouble.en());
    } else {
        println!("{word}: sổ có ghi việc này / the log holds this act");
    }
    Ok(ExitCode::from(number))
}

/// A moment as a clock in Vietnam shows it (RULES R51); as it stands when it is none.
fn in_vietnam(at: &str) -> String {
    mail::Timestamp::parse_rfc3339(at).map_or_else(|_| at.to_owned(), |at| at.to_string())
}
