//! `congvan receipt get|show|verify`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use certs::note::{VerifierKey, WitnessKey};
use clap::Subcommand;
use mail::DocumentId;
use registry::receipt::{self, Receipt, Trouble, Verdict};
use signer::tst::{Token, TokenVerdict};
use signer::{Evidence, Policy};

use super::{Outcome, files};
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
        /// A witness that has to have cosigned the checkpoint, "name+hash+key" (C2SP tlog-cosignature); may be repeated.
        #[arg(long)]
        witness: Vec<String>,
        /// Certificates to trust for the timestamp (PEM, or a directory of them) instead of the installation's.
        #[arg(long)]
        trust: Vec<PathBuf>,
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
            Self::Verify { file, log_key, witness, trust, json } => {
                verify(config, &Wanted { file, log_key, witness, trust, json })
            }
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
        (
            "Vị trí trong sổ / place",
            receipt.read_proof().map_or_else(String::new, |proof| proof.index.to_string()),
        ),
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

/// What is to be checked, and against what.
struct Wanted {
    file: PathBuf,
    log_key: String,
    witness: Vec<String>,
    trust: Vec<PathBuf>,
    json: bool,
}

fn verify(config: &Path, wanted: &Wanted) -> Outcome {
    let key: VerifierKey =
        wanted.log_key.parse().context("--log-key is no verifier key (khóa kiểm tra không hợp lệ)")?;
    let key = LogVerifier(key);
    let witnesses = wanted.witness.iter().map(|witness| witness.parse());
    let witnesses: Vec<WitnessKey> = witnesses
        .collect::<Result<_, _>>()
        .context("--witness is no witness key (khóa chứng kiến không hợp lệ)")?;
    let mut verdict = receipt::verify(&read(&wanted.file)?, &key);
    let mut stamp = None;
    if let Verdict::Proven(receipt) = &verdict {
        stamp = judge_timestamp(config, &wanted.trust, receipt)?;
        if !is_witnessed(&key, receipt, &witnesses) {
            verdict = Verdict::CannotTell(Trouble::Witness);
        }
    }
    let (number, word, trouble) = match &verdict {
        Verdict::Proven(_) => (0, "proven", None),
        Verdict::NotProven(trouble) => (1, "not-proven", Some(trouble)),
        Verdict::CannotTell(trouble) => (2, "cannot-tell", Some(trouble)),
    };
    if wanted.json {
        let answer = serde_json::json!({
            "verdict": word,
            "reason": trouble.map(|t| serde_json::json!({ "code": t.code(), "vi": t.vi(), "en": t.en() })),
            "act": match &verdict {
                Verdict::Proven(receipt) => serde_json::to_value(&receipt.record)?,
                _ => serde_json::Value::Null,
            },
            "timestamp": stamp.map(|stamp| serde_json::json!({ "at": stamp.at, "verdict": stamp.word, "code": stamp.code })),
        });
        println!("{answer}");
        return Ok(ExitCode::from(number));
    }
    match trouble {
        Some(trouble) => println!("{word}: {} / {}", trouble.vi(), trouble.en()),
        None => println!("{word}: sổ có ghi việc này / the log holds this act"),
    }
    if let Some(stamp) = stamp {
        println!("có trong sổ trước / in the log before {}: {}", stamp.at, stamp.word);
    }
    Ok(ExitCode::from(number))
}

/// What a receipt's timestamp comes to.
struct Stamp {
    at: String,
    /// `valid`, `invalid`, `undecided` when evidence is missing, `untrusted` when nobody here trusts its authority.
    word: &'static str,
    code: Option<&'static str>,
}

/// Judges the timestamp with whom this installation trusts, offline. It is told, not decided on: that the token is whole and of
/// this checkpoint is proven already, and the log's proof outlives the authority's certificate.
fn judge_timestamp(config: &Path, trusted: &[PathBuf], receipt: &Receipt) -> anyhow::Result<Option<Stamp>> {
    let Some(bytes) = receipt.timestamp_token() else { return Ok(None) };
    let trust = match trusted.is_empty() {
        true => files::installed_trust(files::configuration(config)?.as_ref())?,
        false => files::anchors(trusted)?,
    };
    let policy = Policy { trust, ..Policy::default() };
    let Ok(token) = Token::read(&bytes, &policy.limits) else { return Ok(None) };
    let evidence = Evidence { certificates: token.certificates().to_vec(), ..Evidence::default() };
    let verdict = token.judge(&evidence, &policy.trust, files::now().secs(), &policy.certificate_limits);
    let (word, code) = match verdict {
        TokenVerdict::Valid { .. } => ("valid", None),
        TokenVerdict::Undecided { .. } => ("undecided", None),
        TokenVerdict::Invalid(reason) if reason.code == signer::Code::TimestampUntrusted => {
            ("untrusted", Some(reason.code.id()))
        }
        TokenVerdict::Invalid(reason) => ("invalid", Some(reason.code.id())),
    };
    Ok(Some(Stamp { at: mail::Timestamp::from_secs(token.at).to_rfc3339_vietnam(), word, code }))
}

/// Whether every witness has cosigned the proof's checkpoint.
fn is_witnessed(log: &LogVerifier, receipt: &Receipt, witnesses: &[WitnessKey]) -> bool {
    let Some(proof) = receipt.read_proof() else { return false };
    let origin = proof.checkpoint.split('\n').next().unwrap_or_default();
    let Ok(note) = log.note(origin, &proof.checkpoint) else { return false };
    witnesses.iter().all(|witness| witness.cosigned_at(&note).is_some())
}

/// A moment as a clock in Vietnam shows it (RULES R51); as it stands when it is none.
fn in_vietnam(at: &str) -> String {
    mail::Timestamp::parse_rfc3339(at).map_or_else(|_| at.to_owned(), |at| at.to_string())
}
