//! `congvan secrecy` and `congvan document reinstate`: what takes two persons (RULES R13, R43), each of whom runs it once, with his own
//! password; and what one person may see and set aside (R11).

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};
use directory::policy::Act;
use mail::{AccountId, DocumentId, QuarantineId};
use registry::accept::Desk;
use registry::set_aside::{BY_EYE, Mark};
use registry::two_persons::{Agreement, Word, release_mail};
use store::{SetAside, SetAsideKind};

use super::Outcome;
use super::provision::{from_standard_input, said, tell};
use crate::house::House;
use crate::{intake, sign_in};

/// The exit code of a word that waits for the other person's.
const WAITING: u8 = 1;

#[derive(Subcommand)]
pub(super) enum SecrecyCommand {
    /// Release a package that was wrongly refused as a state secret. A clerk and a leader of the sending agency each run this;
    /// then that exact file is let through. Exit: 0 released, 1 the other person has not spoken yet, 3 fault.
    Release {
        /// SHA-256 of the refused package, hexadecimal, as the record of the refusal has it.
        sha256: String,
        #[command(flatten)]
        person: Person,
    },
    /// Release a mail that was wrongly refused as a state secret. A clerk and a leader of the agency (the sender's, or the recipient's of a
    /// mail from outside) each run this; then the same content of the same sender is let through for seven days. Exit as above.
    ReleaseMail {
        /// The code that the refusal names, 64 hexadecimal digits.
        code: String,
        #[command(flatten)]
        person: Person,
    },
    /// Set a document aside that bears a mark of secrecy: at once nobody can read it, and nothing of it is deleted. One clerk or leader of
    /// its sender or of a receiver is enough. Exit: 0 set aside, 1 it was before.
    SetAside {
        /// The document's DocId.
        document: DocumentId,
        #[command(flatten)]
        person: Person,
    },
    /// List what is set aside: ids, digests and detectors, nothing of the content.
    List {
        /// Rows at most, newest first.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=1_000))]
        limit: i64,
        /// Answer as JSON: an array.
        #[arg(long)]
        json: bool,
    },
}

/// One of the two.
#[derive(Args)]
pub(super) struct Person {
    /// Your address; the password is read from standard input.
    #[arg(long)]
    by: String,
    /// Why.
    #[arg(long)]
    reason: String,
}

impl SecrecyCommand {
    pub(super) fn run(self, config: &Path) -> Outcome {
        match self {
            Self::Release { sha256, person } => release(config, &sha256, person, Released::Kept),
            Self::ReleaseMail { code, person } => release(config, &code, person, Released::Mail),
            Self::SetAside { document, person } => set_aside(config, document, person),
            Self::List { limit, json } => {
                super::on_data(config, |house| async move { list(&house, limit, json).await })
            }
        }
    }
}

/// What two persons let go.
#[derive(Clone, Copy)]
enum Released {
    /// A package, and what was set aside.
    Kept,
    /// A mail that was refused, of which nothing was kept.
    Mail,
}

fn release(config: &Path, digits: &str, person: Person, what: Released) -> Outcome {
    let digest = digest(digits)
        .with_context(|| format!("{digits:?} is no SHA-256: 64 hexadecimal digits (mã băm không hợp lệ)"))?;
    super::on_data(config, |house| async move {
        let account_id = person.sign_in(&house, Act::ReleaseSecrecy).await?;
        let word = Word { account_id, reason: person.reason };
        let (agreed, vi, en) = match what {
            Released::Mail => (
                release_mail(&house.store, digest, word, house.now()).await,
                "Đã giải tỏa; thư có nội dung này của người gửi này được nhận khi gửi lại, trong 7 ngày.",
                "Released; mail of this content from this sender is taken when it is sent again, for 7 days.",
            ),
            Released::Kept => (
                desk(&house)?.release_secret(digest, word, house.now()).await,
                "Đã giải tỏa; gói tin này sẽ được nhận khi gửi lại, văn bản hoặc thư đang tạm giữ được trả lại.",
                "Released; the package is taken when it is sent again, and what was set aside is given back.",
            ),
        };
        answer(agreed, (vi, en))
    })
}

fn set_aside(config: &Path, document_id: DocumentId, person: Person) -> Outcome {
    super::on_data(config, |house| async move {
        let account_id = person.sign_in(&house, Act::ReleaseSecrecy).await?;
        let sender = house.store.read((account_id, document_id), |tx, (account_id, document_id)| {
            Box::pin(async move {
                let account = tx.account(*account_id).await?.ok_or(store::Error::NotFound("the account"))?;
                let own = tx.document(account.agency_id, *document_id).await?;
                let received = tx.receiver(account.agency_id, *document_id).await?;
                Ok(own.map(|own| own.agency_id).or(received.map(|at| at.sender_id)))
            })
        });
        let sender: Result<_, store::Error> = sender.await;
        let sender = sender?.context("there is no such document of this agency (không có văn bản này)")?;
        let mark = Mark { detector: BY_EYE.to_owned(), by: account_id.to_string() };
        let done = desk(&house)?.set_document_aside(sender, document_id, &mark, house.now()).await;
        match done.map_err(|error| anyhow::anyhow!("[{}] {} / {}", error.code(), error.vi(), error.en()))? {
            true => {
                tell(
                    "Đã tạm giữ văn bản; không ai đọc được.",
                    "The document is set aside; nobody can read it.",
                );
                Ok(ExitCode::SUCCESS)
            }
            false => {
                tell(
                    "Văn bản đã được tạm giữ hoặc đã được giải tỏa trước đó.",
                    "The document was set aside, or released, before.",
                );
                Ok(ExitCode::from(1))
            }
        }
    })
}

async fn list(house: &House, limit: i64, is_json: bool) -> Outcome {
    let found: Result<Vec<SetAside>, store::Error> =
        house.store.read(limit, |tx, limit| Box::pin(async move { tx.all_set_aside(*limit).await })).await;
    let found = found?;
    let rows: Vec<serde_json::Value> = found.iter().map(shown).collect();
    if is_json {
        println!("{}", serde_json::Value::Array(rows));
        return Ok(ExitCode::SUCCESS);
    }
    for row in &rows {
        let text = |name: &str| row[name].as_str().unwrap_or("-").to_owned();
        let columns = ["found_at", "kind", "id", "detector", "found_by", "sha256"].map(text);
        println!("{}", columns.join("\t"));
    }
    if rows.is_empty() {
        tell("Không có gì bị tạm giữ.", "Nothing is set aside.");
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(aside: &SetAside) -> serde_json::Value {
    let id = match aside.kind {
        SetAsideKind::Document => DocumentId::from_bytes(aside.subject_id).to_string(),
        SetAsideKind::Mail => QuarantineId::from_bytes(aside.subject_id).to_string(),
    };
    serde_json::json!({
        "id": id,
        "kind": aside.kind.as_str(),
        "sha256": registry::vxp::hash::full_hex(&aside.sha256),
        "detector": aside.detector,
        "found_by": aside.found_by,
        "found_at": aside.found_at,
    })
}

/// `congvan document reinstate`.
pub(super) fn reinstate(config: &Path, order: &str, person: Person) -> Outcome {
    let order: DocumentId = order
        .parse()
        .map_err(|_| anyhow::anyhow!("{order:?} is no DocId: 32 hexadecimal digits (mã gửi không hợp lệ)"))?;
    super::on_data(config, |house| async move {
        let account_id = person.sign_in(&house, Act::ReverseRecall).await?;
        let word = Word { account_id, reason: person.reason };
        let agreed = desk(&house)?.reverse_recall(order, word, house.now()).await;
        answer(agreed, ("Lệnh thu hồi đã được hủy bỏ.", "The recall is reversed."))
    })
}

fn desk(house: &Arc<House>) -> anyhow::Result<Desk> {
    intake::desk(house)
}

fn digest(text: &str) -> Option<[u8; 32]> {
    let bytes = text.trim().as_bytes();
    let digits: Vec<u8> =
        bytes.iter().map_while(|byte| (*byte as char).to_digit(16)).map(|d| d as u8).collect();
    let pairs: Vec<u8> =
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |all, d| all << 4 | d)).collect();
    (bytes.len() == 64).then_some(pairs)?.try_into().ok()
}

fn answer(agreed: Result<Agreement, registry::Error>, (vi, en): (&str, &str)) -> Outcome {
    match agreed.map_err(|error| anyhow::anyhow!("[{}] {} / {}", error.code(), error.vi(), error.en()))? {
        Agreement::Done => {
            tell(vi, en);
            Ok(ExitCode::SUCCESS)
        }
        Agreement::Waiting => {
            tell(
                "Đã ghi nhận; cần thêm người thứ hai (văn thư và lãnh đạo).",
                "Recorded; the second person (records officer and head) has yet to speak.",
            );
            Ok(ExitCode::from(WAITING))
        }
    }
}

impl Person {
    /// Who it is, and that the role permits it (RULES A21).
    async fn sign_in(&self, house: &House, act: Act) -> anyhow::Result<AccountId> {
        let password = from_standard_input()?
            .context("the password is read from standard input (mật khẩu được đọc từ đầu vào chuẩn)")?;
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let signed_in = sign_in::sign_in(house, &self.by, password, here).await.map_err(said)?;
        anyhow::ensure!(
            !signed_in.must_change_password(),
            "the one-time password has to be changed first (phải đổi mật khẩu dùng một lần trước)"
        );
        signed_in.actor().may_on_agency(act, signed_in.agency_id()).map_err(said)?;
        Ok(signed_in.account_id())
    }
}

#[cfg(test)]
mod tests {
    use super::digest;

    #[test]
    fn a_digest_is_64_hexadecimal_digits() {
        assert_eq!(digest(&"0f".repeat(32)), Some([15; 32]));
        assert_eq!(digest(&format!(" {}\n", "AB".repeat(32))), Some([0xAB; 32]));
        for text in ["", "0f", &"0".repeat(63), &"0g".repeat(32), &"0".repeat(65)] {
            assert_eq!(digest(text), None, "{text}");
        }
    }
}
