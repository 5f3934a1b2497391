//! Submissions as clients see them (RFC 8621 §7): `EmailSubmission/get` and `/query`.

use mail::SubmissionId;
use serde_json::{Map, Value, json};
use store::Submission;

use crate::Error;
use crate::args::{self, Args, invalid, state};
use crate::call::Context;
use crate::email_query::Window;

const PROPERTIES: [&str; 10] = [
    "id",
    "identityId",
    "emailId",
    "threadId",
    "envelope",
    "sendAt",
    "undoStatus",
    "deliveryStatus",
    "dsnBlobIds",
    "mdnBlobIds",
];

/// Submissions that a query looks through, newest first. Older ones are history; a client that keeps them asks by id.
const QUERIED_MAX: i64 = 5_000;

impl Context<'_> {
    /// `EmailSubmission/get` (RFC 8621 §7.1).
    pub(crate) async fn submission_get(&mut self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let given = args.texts("ids")?;
        let properties = args.texts("properties")?;
        args.finish()?;
        if let Some(unknown) = properties.iter().flatten().find(|p| !PROPERTIES.contains(&p.as_str())) {
            return Err(Error::InvalidArguments(format!(
                "an EmailSubmission has no property `{}`",
                mail::text::clip(unknown, 100)
            )));
        }
        let most = self.api.limits.objects_in_get_max;
        let ids = args::ids::<SubmissionId>(given, &self.created, most)?;
        let wanted = ids.as_ref().map(|ids| ids.valid.clone());
        let (modseq, found) = self
            .api
            .store
            .read(wanted, move |tx, wanted| {
                Box::pin(async move {
                    let found = match wanted {
                        None => tx.submissions(account_id, i64::try_from(most).unwrap_or(i64::MAX)).await?,
                        Some(ids) => {
                            let mut found = Vec::with_capacity(ids.len());
                            for id in ids {
                                found.extend(tx.submission(account_id, *id).await?);
                            }
                            found
                        }
                    };
                    Ok::<_, store::Error>((tx.modseq(account_id).await?, found))
                })
            })
            .await?;
        let mut not_found = Vec::new();
        if let Some(ids) = ids {
            let is_gone = |id: &&SubmissionId| found.iter().all(|s| s.submission_id != **id);
            not_found = ids.not_found;
            not_found.extend(ids.valid.iter().filter(is_gone).map(SubmissionId::to_string));
        }
        let list: Vec<Value> = found.iter().map(|s| object(s, properties.as_deref())).collect();
        Ok(json!({ "accountId": account_id, "state": state(modseq), "list": list, "notFound": not_found }))
    }

    /// `EmailSubmission/query` (RFC 8621 §7.3), over the newest submissions.
    pub(crate) async fn submission_query(&mut self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let filter = args.object("filter")?.unwrap_or_default();
        let newest_first = read_sort(args.list("sort")?.unwrap_or_default())?;
        let window = Window::read(&mut args, self.api.limits.page_max)?;
        args.finish()?;
        let (modseq, all) = self
            .api
            .store
            .read((), |tx, ()| {
                Box::pin(async move {
                    let all = tx.submissions(account_id, QUERIED_MAX).await?;
                    Ok::<_, store::Error>((tx.modseq(account_id).await?, all))
                })
            })
            .await?;
        let mut found = Vec::new();
        for submission in &all {
            if meets(submission, &filter)? {
                found.push(submission.submission_id);
            }
        }
        if all.is_empty() && !filter.is_empty() {
            check(&filter)?;
        }
        if !newest_first {
            found.reverse();
        }
        let total = found.len();
        let from = window.start(total, |anchor| found.iter().position(|id| id.to_string() == anchor))?;
        let ids: Vec<SubmissionId> = found.into_iter().skip(from).take(window.limit).collect();
        Ok(window.answer(account_id, state(modseq), from, total, json!(ids)))
    }
}

/// A submission with the properties asked for.
pub(crate) fn object(submission: &Submission, properties: Option<&[String]>) -> Value {
    let wanted = |name: &str| name == "id" || properties.is_none_or(|list| list.iter().any(|p| p == name));
    let mut object = Map::new();
    for name in PROPERTIES.into_iter().filter(|name| wanted(name)) {
        object.insert(name.to_owned(), property(submission, name));
    }
    Value::Object(object)
}

fn property(submission: &Submission, name: &str) -> Value {
    match name {
        "id" => json!(submission.submission_id),
        "identityId" => json!(submission.identity_id),
        "emailId" => json!(submission.email_id),
        "threadId" => json!(submission.thread_id),
        "envelope" => serde_json::from_str(&submission.envelope).unwrap_or_default(),
        "sendAt" => json!(submission.send_at.to_rfc3339_utc()),
        "undoStatus" => json!(submission.undo_status),
        "deliveryStatus" => serde_json::from_str(&submission.delivery).unwrap_or_default(),
        // Reports come as mail; they are not tied to submissions.
        _ => json!([]),
    }
}

/// Whether a submission meets every condition (RFC 8621 §7.3).
fn meets(submission: &Submission, conditions: &Map<String, Value>) -> Result<bool, Error> {
    let mut meets = true;
    for (name, value) in conditions {
        let any_of =
            |id: String| -> Result<bool, Error> { Ok(args::texts(value.clone(), name)?.contains(&id)) };
        let moment = || {
            let text = value.as_str().ok_or_else(|| invalid(name, "UTCDate"))?;
            mail::Timestamp::parse_rfc3339(text).map_err(|_| invalid(name, "UTCDate"))
        };
        meets &= match name.as_str() {
            "identityIds" => any_of(submission.identity_id.to_string())?,
            "emailIds" => any_of(submission.email_id.to_string())?,
            "threadIds" => any_of(submission.thread_id.to_string())?,
            "undoStatus" => value.as_str().ok_or_else(|| invalid(name, "text"))? == submission.undo_status,
            "before" => submission.send_at < moment()?,
            "after" => submission.send_at >= moment()?,
            _ => return Err(unsupported(name)),
        };
    }
    Ok(meets)
}

/// A filter must be one even when there is nothing to sift.
fn check(conditions: &Map<String, Value>) -> Result<(), Error> {
    const KNOWN: [&str; 6] = ["identityIds", "emailIds", "threadIds", "undoStatus", "before", "after"];
    conditions
        .keys()
        .find(|name| !KNOWN.contains(&name.as_str()))
        .map_or(Ok(()), |name| Err(unsupported(name)))
}

fn unsupported(name: &str) -> Error {
    Error::UnsupportedFilter(format!("submissions are not sifted by `{}`", mail::text::clip(name, 100)))
}

/// `true` is newest first, which is how they are without a sort.
fn read_sort(list: Vec<Value>) -> Result<bool, Error> {
    let Some(comparator) = list.first() else { return Ok(true) };
    match comparator.get("property").and_then(Value::as_str) {
        Some("sentAt" | "sendAt") if list.len() == 1 => {
            Ok(comparator.get("isAscending").and_then(Value::as_bool) == Some(false))
        }
        _ => Err(Error::UnsupportedSort("submissions are sorted by sentAt here".to_owned())),
    }
}
