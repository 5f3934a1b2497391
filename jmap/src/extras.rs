//! Properties of messages that other documents add: S/MIME verification (RFC 9219), and our official documents.

use std::collections::HashMap;
use std::time::Duration;

use mail::{AccountId, BlobId, EmailId, Timestamp};
use serde_json::{Map, Value, json};
use store::{Email, Smime, SmimeStatus};

use crate::Error;
use crate::call::Context;
use crate::official_documents::OFFICIAL_DOCUMENTS;

/// The capability (RFC 9219 §3).
pub(crate) const SMIME_VERIFY: &str = "urn:ietf:params:jmap:smimeverify";

/// How old a judgement may be that is handed out as the present one: RFC 9219 §4.1 lets it be a day.
const GOOD_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long nobody asks again for evidence that was missing.
const TRIED_FOR: Duration = Duration::from_secs(60);
/// Messages judged anew for one call; the others show their last judgement, and when that was.
const JUDGED_MAX: usize = 5;

/// A property that an extension adds, and the capability that has to be in use for it (RFC 8620 §1.8).
const PROPERTIES: [(&str, &str); 5] = [
    ("smimeStatus", SMIME_VERIFY),
    ("smimeStatusAtDelivery", SMIME_VERIFY),
    ("smimeErrors", SMIME_VERIFY),
    ("smimeVerifiedAt", SMIME_VERIFY),
    ("officialDocuments", OFFICIAL_DOCUMENTS),
];

/// The extension's property of a name, and its capability.
pub(crate) fn property(name: &str) -> Option<(&'static str, &'static str)> {
    PROPERTIES.into_iter().find(|(known, _)| *known == name)
}

/// Whether a filter may be asked: conditions of an extension need its capability in use. The reader of JSON has bounded the depth.
pub(crate) fn may_filter(filter: Option<&Value>, using: &[String]) -> Result<(), Error> {
    let mut waiting: Vec<&Value> = filter.into_iter().collect();
    while let Some(filter) = waiting.pop() {
        let Value::Object(filter) = filter else { continue };
        for (name, value) in filter {
            let is_smime =
                ["hasSmime", "hasVerifiedSmime", "hasVerifiedSmimeAtDelivery"].contains(&name.as_str());
            if is_smime && !using.iter().any(|uri| uri == SMIME_VERIFY) {
                return Err(Error::UnsupportedFilter(format!("`{name}` needs {SMIME_VERIFY}")));
            }
            if let ("conditions", Value::Array(list)) = (name.as_str(), value) {
                waiting.extend(list);
            }
        }
    }
    Ok(())
}

/// What is added to each message.
pub(crate) type Extras = HashMap<EmailId, Map<String, Value>>;

impl Context<'_> {
    /// The wanted properties of extensions.
    ///
    /// # Errors
    /// [`Error::InvalidArguments`] when the capability of one is not in use.
    pub(crate) async fn extras(
        &self,
        account_id: AccountId,
        wanted: &[&'static str],
        emails: &[Email],
    ) -> Result<Extras, Error> {
        for name in wanted {
            if let Some((_, capability)) = property(name)
                && !self.using.iter().any(|uri| uri == capability)
            {
                return Err(Error::InvalidArguments(format!("`{name}` needs {capability}")));
            }
        }
        let mut extras = Extras::new();
        if wanted.iter().any(|name| name.starts_with("smime")) {
            let known = self.smimes(account_id, emails).await?;
            for email in emails {
                let smime = known.get(&email.blob_id);
                let values = wanted.iter().filter(|name| name.starts_with("smime"));
                let object = extras.entry(email.email_id).or_default();
                object.extend(values.map(|name| ((*name).to_owned(), smime_value(name, smime))));
            }
        }
        if wanted.contains(&"officialDocuments") {
            for (email_id, documents) in self.official_documents(account_id, emails).await? {
                extras.entry(email_id).or_default().insert("officialDocuments".to_owned(), documents);
            }
        }
        Ok(extras)
    }

    /// What is known of the signatures of messages, judged anew where that is too old.
    async fn smimes(&self, account_id: AccountId, emails: &[Email]) -> Result<HashMap<BlobId, Smime>, Error> {
        let blobs: Vec<BlobId> = emails.iter().map(|email| email.blob_id).collect();
        let read = async || {
            self.api
                .store
                .read(blobs.clone(), move |tx, blobs| {
                    Box::pin(async move { tx.smimes(account_id, blobs).await })
                })
                .await
        };
        let known = read().await?;
        let is_old = |smime: &Smime| match smime.at_delivery {
            Some(_) => is_old(smime.verified_at, self.now),
            // Evidence is missing: whoever asks again and again does not make authorities be asked so.
            None => smime.verified_at.is_none_or(|at| at.plus(TRIED_FOR) <= self.now),
        };
        let old: Vec<BlobId> = known
            .iter()
            .filter(|(_, smime)| is_old(smime))
            .map(|(blob_id, _)| *blob_id)
            .take(JUDGED_MAX)
            .collect();
        if old.is_empty() {
            return Ok(known);
        }
        for blob_id in old {
            self.api.judge.smime(account_id, blob_id).await;
        }
        Ok(read().await?)
    }
}

/// Whether a judgement of a moment is too old to be handed out as the present one.
pub(crate) fn is_old(judged_at: Option<Timestamp>, now: Timestamp) -> bool {
    judged_at.is_none_or(|at| at.plus(GOOD_FOR) <= now)
}

/// How many messages may be judged anew for one call.
pub(crate) const fn judged_max() -> usize {
    JUDGED_MAX
}

/// A property of RFC 9219 §4.1; null for what is not signed.
fn smime_value(name: &str, smime: Option<&Smime>) -> Value {
    let Some(smime) = smime else { return Value::Null };
    match name {
        "smimeStatus" => json!(smime.status.as_str()),
        // Until it is known, no more is said than that there is a signature.
        "smimeStatusAtDelivery" => json!(smime.at_delivery.unwrap_or(SmimeStatus::Signed).as_str()),
        "smimeErrors" => json!(smime.errors),
        "smimeVerifiedAt" => json!(smime.verified_at.map(Timestamp::to_rfc3339_utc)),
        _ => Value::Null,
    }
}
