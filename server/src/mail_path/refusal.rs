//! The record of a refusal (RULES R12): who, to whom, when, which rule, and a digest of the message; never what was in it.

use mail::{Door, Letter, OwnerId, PolicyRecord, Refused};
use serde_json::json;
use store::Audit;

use crate::house::House;

/// Recipients named in a record, by digest.
const RECIPIENTS_MAX: usize = 50;

/// Keeps the record of a refusal. What cannot be kept is logged, and the letter is refused all the same. People are named by the digests of
/// their addresses, folded: who holds an address can find its refusals, and nobody reads addresses from the log of acts.
pub(super) async fn record(
    house: &House,
    letter: &Letter<'_>,
    refused: &Refused,
    detector: Option<&'static str>,
    policy: Option<PolicyRecord>,
) {
    let owner = letter.account.map_or(directory::HOUSE, OwnerId::from);
    let actor = letter.account.map_or_else(|| door(letter.door).to_owned(), |account| account.to_string());
    let recipients: Vec<String> =
        letter.recipients.iter().take(RECIPIENTS_MAX).map(|one| hex(one.folded().as_bytes())).collect();
    let detail = json!({
        "door": door(letter.door),
        "code": refused.name,
        "detector": detector,
        "from": letter.reverse_path.map(|from| hex(from.folded().as_bytes())),
        "to": recipients,
        "message": hex(letter.message),
    });
    let input = (letter.id.to_owned(), actor, detail.to_string(), policy);
    let now = house.now();
    let kept = house
        .store
        .write("keep the record of a refusal", input, move |tx, (trace, actor, detail, policy)| {
            Box::pin(async move {
                if let Some(policy) = policy {
                    tx.put_policy_letter(owner, trace, policy, now).await?;
                }
                tx.audit(owner, now, actor, Audit::MailRefused, trace, detail).await
            })
        })
        .await;
    if let Err(error) = kept {
        let error: store::Error = error;
        tracing::error!(code = refused.name, "the record of a refusal could not be kept: {error}");
    }
}

/// The stable word of a door.
fn door(door: Door) -> &'static str {
    match door {
        Door::Mx => "smtp",
        Door::Lmtp => "lmtp",
        Door::Submission => "submission",
        Door::Jmap => "jmap",
        Door::Imap => "imap",
    }
}

/// SHA-256, hexadecimal.
fn hex(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
