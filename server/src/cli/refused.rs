//! `congvan quarantine packages`: what the exchange refused, or took from another axis and set aside, and why.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{ArgGroup, Args};
use mail::AgencyCode;
use registry::refusals::Refused;
use serde_json::{Value, json};
use store::PeerMessage;

use super::Outcome;
use super::provision::tell;
use crate::house::House;

/// Rows of one list.
const LIST_MAX: i64 = 1_000;

#[derive(Args)]
#[command(group(ArgGroup::new("whose").required(true).args(["agency", "peer"])))]
pub(super) struct Packages {
    /// What the systems of this agency were refused. Of its content nothing is kept.
    #[arg(long)]
    agency: Option<AgencyCode>,
    /// What came from this peer and could not be taken in; its bytes are kept apart, sealed, for a while.
    #[arg(long)]
    peer: Option<String>,
    /// Rows at most, newest first.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=LIST_MAX))]
    limit: i64,
    /// Answer as JSON: an array.
    #[arg(long)]
    json: bool,
}

impl Packages {
    /// Exit 0 when listed, 3 when there is no such agency or peer.
    pub(super) async fn run(self, house: Arc<House>) -> Outcome {
        let (now, limit) = (house.now(), self.limit);
        let rows: Result<Vec<Value>, store::Error> = house
            .store
            .read((self.agency, self.peer), |tx, (agency, peer)| {
                Box::pin(async move {
                    if let Some(code) = agency {
                        let agency = tx.agency_by_code(code, now).await?;
                        let agency = agency.ok_or(store::Error::NotFound("the agency"))?;
                        let refusals = tx.refusals(agency.agency_id, None, limit).await?;
                        return Ok(refusals.into_iter().map(|one| refused(&one.into())).collect());
                    }
                    let peer = peer.as_deref().unwrap_or_default();
                    tx.peer(peer).await?.ok_or(store::Error::NotFound("the peer"))?;
                    let messages = tx.peer_messages(peer, Some("refused"), limit).await?;
                    Ok(messages.iter().map(set_aside).collect())
                })
            })
            .await;
        let rows = rows?;
        if self.json {
            println!("{}", Value::Array(rows));
            return Ok(ExitCode::SUCCESS);
        }
        for row in &rows {
            let to: Vec<&str> =
                row["to"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let text = |name: &str| row[name].as_str().unwrap_or("-");
            println!(
                "{}\t{}\t{} → {}\t{}\t{}",
                text("at"),
                text("system"),
                text("from"),
                if to.is_empty() { "-".to_owned() } else { to.join(",") },
                text("code"),
                words(row)
            );
        }
        if rows.is_empty() {
            tell("Không có gói tin bị từ chối.", "No package was refused.");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Both languages, or the one there is.
fn words(row: &Value) -> String {
    let texts = ["vi", "en"].map(|name| row[name].as_str().unwrap_or_default());
    texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" / ")
}

fn refused(refused: &Refused) -> Value {
    json!({
        "id": refused.id,
        "at": refused.at,
        "system": refused.system,
        "from": refused.from,
        "to": refused.to,
        "code": refused.code,
        "vi": refused.vi,
        "en": refused.en,
        "detector": refused.detector,
        "package_sha256": refused.package_sha256,
        "kept": false,
    })
}

/// `reason` is the stable code and the words in both languages, the first of which the sender was told.
fn set_aside(message: &PeerMessage) -> Value {
    let (code, words) = message.reason.split_once(": ").unwrap_or((&message.reason, ""));
    let (vi, en) = words.split_once(" / ").unwrap_or((words, ""));
    let digest: String = message.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "id": message.message_id,
        "at": message.created_at,
        "system": message.peer,
        "from": message.from_code,
        "to": message.to_codes.split(',').filter(|code| !code.is_empty()).collect::<Vec<_>>(),
        "code": code,
        "vi": vi,
        "en": en,
        "package_sha256": digest,
        "kept": message.quarantine_id.is_some(),
    })
}
