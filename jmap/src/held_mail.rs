//! Our own capability: mail that waits in the quarantine for somebody (RULES M33), shown to whom it is for or who sent it. What came in and only its receiver
//! has to be asked about, they let go or delete; all else waits for an administrator. `docs/JMAP.md` describes it for those who write clients.

use mail::envelope::OutboundMail;
use mail::letter::Releaser;
use mail::{AccountId, QuarantineId};
use serde_json::{Map, Value, json};
use store::{HeldMail, Judgement, Tx};

use crate::Error;
use crate::args::{self, Args};
use crate::call::Context;
use crate::error::SetError;

/// The capability. A public specification may keep the name.
pub(crate) const HELD_MAIL: &str = "https://congvan.vn/jmap/held-mail";

const PROPERTIES: [&str; 8] =
    ["id", "direction", "from", "subject", "heldAt", "reason", "label", "mayRelease"];

/// Why a mail is held, as people are told; the reasons of the stages of the mail path.
const LABELS: [(&str, &str, &str); 6] = [
    ("spam", "nghi là thư rác", "suspected spam"),
    ("malware", "nghi có mã độc", "suspected malware"),
    ("macros", "tệp đính kèm có macro", "an attachment has macros"),
    ("encrypted_archive", "tệp nén có mật khẩu", "an encrypted archive"),
    ("opaque_archive", "tệp nén không đọc được", "an archive that cannot be read"),
    (store::SECRECY, "có dấu hiệu độ mật", "a mark of secrecy"),
];

/// Whether it came to this account, or to a list that it keeps, and was not sent by it.
fn is_incoming(held: &HeldMail) -> bool {
    let is_sent = ["submission", "jmap", "imap"].contains(&held.door.as_str());
    !is_sent || held.owner != held.account_id.into()
}

/// Whether the person may let it go: nobody clears what they send themselves.
fn may_release(held: &HeldMail) -> bool {
    is_incoming(held) && held.releaser == Releaser::Person
}

/// `{"judgement": "phishing"}`, and nothing else.
fn judgement(patch: &Value) -> Option<Judgement> {
    let patch = patch.as_object().filter(|patch| patch.len() == 1)?;
    Judgement::from_name(patch.get("judgement")?.as_str()?)
}

fn property(held: &HeldMail, subject: Option<&str>, name: &str) -> Value {
    match name {
        "id" => json!(held.quarantine_id),
        "direction" => json!(if is_incoming(held) { "incoming" } else { "outgoing" }),
        // Whom else it is for is not shown (decision 23).
        "from" => {
            let envelope: Option<OutboundMail> = serde_json::from_str(&held.payload).ok();
            json!(envelope.and_then(|envelope| envelope.reverse_path).map(|from| from.to_string()))
        }
        "subject" => json!(subject),
        "heldAt" => json!(held.held_at.to_rfc3339_utc()),
        "reason" => json!(held.reason),
        "label" => {
            let known = LABELS.iter().find(|(reason, ..)| *reason == held.reason);
            let (_, vi, en) =
                known.copied().unwrap_or(("", "chờ người có thẩm quyền xem xét", "waits for a decision"));
            json!({ "vi": vi, "en": en })
        }
        _ => json!(may_release(held)),
    }
}

impl Context<'_> {
    /// `HeldMail/get`: the newest that wait, or those asked for.
    pub(crate) async fn held_mail_get(&self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let given = args.texts("ids")?;
        let properties = args.texts("properties")?;
        args.finish()?;
        if let Some(unknown) = properties.iter().flatten().find(|p| !PROPERTIES.contains(&p.as_str())) {
            let unknown = mail::text::clip(unknown, 100);
            return Err(Error::InvalidArguments(format!("a HeldMail has no property `{unknown}`")));
        }
        let page = self.api.limits.objects_in_get_max;
        let ids = args::ids::<QuarantineId>(given, &self.created, page)?;
        let (found, mut not_found, has_more) = match ids {
            Some(ids) => {
                let found = self.held_by_ids(account_id, ids.valid.clone()).await?;
                let there = |id: &&QuarantineId| found.iter().all(|held| held.quarantine_id != **id);
                let missing = ids.valid.iter().filter(there).map(ToString::to_string).collect::<Vec<_>>();
                (found, [ids.not_found, missing].concat(), false)
            }
            None => {
                let limit = i64::try_from(page).unwrap_or(i64::MAX);
                let mut found = self.newest_held(account_id, limit.saturating_add(1)).await?;
                let has_more = found.len() > page;
                found.truncate(page);
                (found, Vec::new(), has_more)
            }
        };
        not_found.sort_unstable();
        let wanted =
            |name: &str| name == "id" || properties.as_ref().is_none_or(|p| p.iter().any(|n| n == name));
        let mut list = Vec::with_capacity(found.len());
        let mut may_open = if wanted("subject") { self.api.limits.opened_bytes_max } else { 0 };
        for held in &found {
            let subject = self.held_subject(held, &mut may_open).await?;
            let shown = PROPERTIES.into_iter().filter(|name| wanted(name));
            let object: Map<String, Value> =
                shown.map(|name| (name.to_owned(), property(held, subject.as_deref(), name))).collect();
            list.push(Value::Object(object));
        }
        Ok(json!({ "accountId": account_id, "list": list, "notFound": not_found, "hasMore": has_more }))
    }

    /// `HeldMail/set`: `update` with `{"isReleased": true}` lets go, with `{"judgement": …}` says what the person thinks of it; `destroy`
    /// deletes. Each is done once.
    pub(crate) async fn held_mail_set(&self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let update = args.object("update")?.unwrap_or_default();
        let destroy = args.texts("destroy")?.unwrap_or_default();
        args.finish()?;
        if update.len() + destroy.len() > self.api.limits.objects_in_set_max {
            return Err(Error::RequestTooLarge("more objects than maxObjectsInSet"));
        }
        let (mut updated, mut not_updated) = (Map::new(), Map::new());
        for (id, patch) in update {
            let outcome = match judgement(&patch) {
                Some(judgement) => self.judge_held(account_id, &id, judgement).await,
                None if patch == json!({ "isReleased": true }) => {
                    self.settle_held(account_id, &id, true).await
                }
                None => Err(SetError::invalid("isReleased", "only becomes true")),
            };
            match outcome {
                Ok(()) => updated.insert(id, Value::Null),
                Err(error) => not_updated.insert(id, error.into_value()),
            };
        }
        let (mut destroyed, mut not_destroyed) = (Vec::new(), Map::new());
        for id in destroy {
            match self.settle_held(account_id, &id, false).await {
                Ok(()) => destroyed.push(id),
                Err(error) => drop(not_destroyed.insert(id, error.into_value())),
            }
        }
        Ok(json!({
            "accountId": account_id, "updated": updated, "notUpdated": not_updated,
            "destroyed": destroyed, "notDestroyed": not_destroyed,
        }))
    }

    /// Lets a mail go, or deletes it, in one transaction with the question whether this person may.
    async fn settle_held(&self, account_id: AccountId, id: &str, releases: bool) -> Result<(), SetError> {
        let id: QuarantineId = id.parse().map_err(|_| SetError::not_found())?;
        let now = self.now;
        let done = self.api.store.write("settle a held mail", id, move |tx, id| {
            Box::pin(async move {
                let held = of_account(tx, account_id, *id).await?.ok_or_else(SetError::not_found)?;
                if !may_release(&held) {
                    return Err(SetError::new("forbidden", "this mail waits for an administrator"));
                }
                let actor = account_id.to_string();
                let is_done = match releases {
                    true => tx.release_mail(*id, &actor, now).await?,
                    false => tx.discard_mail(*id, &actor, now).await?,
                };
                is_done.then_some(()).ok_or_else(SetError::not_found)
            })
        });
        done.await
    }

    /// Keeps what a person says of a mail that came to them; administrators see it.
    async fn judge_held(
        &self,
        account_id: AccountId,
        id: &str,
        judgement: Judgement,
    ) -> Result<(), SetError> {
        let id: QuarantineId = id.parse().map_err(|_| SetError::not_found())?;
        let now = self.now;
        let done = self.api.store.write("judge a held mail", id, move |tx, id| {
            Box::pin(async move {
                let held = of_account(tx, account_id, *id).await?.ok_or_else(SetError::not_found)?;
                if !is_incoming(&held) {
                    return Err(SetError::new("forbidden", "nobody judges what they send"));
                }
                tx.judge_mail(*id, judgement, &account_id.to_string(), now).await?;
                Ok(())
            })
        });
        done.await
    }

    async fn held_by_ids(
        &self,
        account_id: AccountId,
        ids: Vec<QuarantineId>,
    ) -> Result<Vec<HeldMail>, Error> {
        let read = self.api.store.read(ids, move |tx, ids| {
            Box::pin(async move {
                let mut found = Vec::with_capacity(ids.len());
                for id in ids {
                    found.extend(of_account(tx, account_id, *id).await?);
                }
                Ok::<_, store::Error>(found)
            })
        });
        Ok(read.await?)
    }

    async fn newest_held(&self, account_id: AccountId, limit: i64) -> Result<Vec<HeldMail>, Error> {
        let read = self
            .api
            .store
            .read((), move |tx, ()| Box::pin(async move { tx.held_mails_of(account_id, limit).await }));
        Ok(read.await?)
    }

    /// What its subject says; the rest of it stays closed. `None` when enough has been opened.
    async fn held_subject(&self, held: &HeldMail, may_open: &mut u64) -> Result<Option<String>, Error> {
        if *may_open == 0 {
            return Ok(None);
        }
        let raw = self.api.store.read_blob(held.owner, held.blob_id).await?.unwrap_or_default();
        *may_open = may_open.saturating_sub(raw.len() as u64);
        let end = raw.windows(4).position(|four| four == b"\r\n\r\n").map_or(raw.len(), |at| at + 4);
        let header = raw.get(..end).unwrap_or_default();
        Ok(Some(mail::message::read(header, &self.api.limits.message).subject))
    }
}

/// A mail that waits and is this account's; what is another's, or does not wait any more, is not there.
async fn of_account(
    tx: &mut Tx,
    account_id: AccountId,
    id: QuarantineId,
) -> Result<Option<HeldMail>, store::Error> {
    let held = tx.held_mail(id).await?;
    Ok(held.filter(|held| held.account_id == account_id && held.state == store::HeldState::Held))
}

#[cfg(test)]
mod tests {
    use mail::{BlobId, OwnerId, Timestamp};

    use super::*;

    #[test]
    #[rustfmt::skip]
    fn m33_nobody_clears_what_they_send_or_what_an_administrator_has_to_see() {
        let held = |door: &str, releaser| HeldMail {
            account_id: AccountId::from_bytes([1; 16]), quarantine_id: QuarantineId::from_bytes([1; 16]),
            owner: OwnerId::from_bytes([1; 16]), blob_id: BlobId::from_bytes([1; 32]), kind: store::OutboxKind::Local,
            destination: String::new(), payload: String::new(), trace: String::new(), door: door.to_owned(),
            reason: "spam".to_owned(), detail: String::new(), releaser, state: store::HeldState::Held,
            judgement: String::new(), held_at: Timestamp::from_secs(0), acted_at: None, acted_by: String::new(),
        };
        use mail::letter::Door::{Imap, Jmap, Lmtp, Mx, Submission};
        for (door, may) in [(Mx, true), (Lmtp, true), (Submission, false), (Jmap, false), (Imap, false)] {
            assert_eq!(may_release(&held(door.name(), Releaser::Person)), may, "{door:?}");
            assert_eq!(is_incoming(&held(door.name(), Releaser::Person)), !door.is_ours(), "{door:?}");
            assert!(!may_release(&held(door.name(), Releaser::Administrator)), "{door:?}");
        }
    }
}
