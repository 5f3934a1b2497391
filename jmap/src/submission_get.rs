//! Submissions as clients see them (RFC 8621 §7): `EmailSubmission/get` and `/query`.

use mail::{AccountId, SubmissionId, Timestamp};
use serde_json::{Map, Value, json};
use store::{Submission, SubmissionQuery, SubmissionSort, Tx};

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

/// Submissions that are looked through for an anchor in an order that no index keeps.
const ANCHORED_MAX: i64 = 5_000;

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
        let list: Vec<Value> = found.iter().map(|s| object(s, properties.as_deref(), self.now)).collect();
        Ok(json!({ "accountId": account_id, "state": state(modseq), "list": list, "notFound": not_found }))
    }

    /// `EmailSubmission/query` (RFC 8621 §7.3).
    pub(crate) async fn submission_query(&mut self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let query = read_query(&mut args)?;
        let window = Window::read(&mut args, self.api.limits.page_max)?;
        args.finish()?;
        let has_changes = query.has_changes();
        let input = (window, query, self.now);
        let (window, modseq, first, ids, total) = self
            .api
            .store
            .read((), move |tx, ()| {
                Box::pin(async move {
                    let (window, query, now) = input;
                    let (first, ids, total) = page(tx, account_id, &window, &query, now).await?;
                    Ok::<_, Error>((window, tx.modseq(account_id).await?, first, ids, total))
                })
            })
            .await?;
        Ok(window.answer(account_id, state(modseq), has_changes, first, total, json!(ids)))
    }
}

/// The wanted page: where it begins, its ids, and how many match in all.
async fn page(
    tx: &mut Tx,
    account_id: AccountId,
    window: &Window,
    query: &SubmissionQuery,
    now: Timestamp,
) -> Result<(usize, Vec<SubmissionId>, usize), Error> {
    let anchor_at = match &window.anchor {
        None => None,
        Some(anchor) => {
            let anchor: SubmissionId = anchor.parse().map_err(|_| Error::AnchorNotFound)?;
            let place = match query.sort {
                SubmissionSort::SendAt => tx.place_of_submission(account_id, query, anchor, now).await?,
                SubmissionSort::Email | SubmissionSort::Thread => {
                    let (ids, _) = tx.query_submissions(account_id, query, 0, ANCHORED_MAX, now).await?;
                    ids.iter().position(|id| *id == anchor)
                }
            };
            Some(place.ok_or(Error::AnchorNotFound)?)
        }
    };
    let (_, total) = tx.query_submissions(account_id, query, 0, 0, now).await?;
    let total = usize::try_from(total).unwrap_or(0);
    let first = window.first(total, anchor_at);
    let position = i64::try_from(first).unwrap_or(i64::MAX);
    let limit = i64::try_from(window.limit).unwrap_or(i64::MAX);
    let (ids, _) = tx.query_submissions(account_id, query, position, limit, now).await?;
    Ok((first, ids, total))
}

/// A submission with the properties asked for.
pub(crate) fn object(submission: &Submission, properties: Option<&[String]>, now: Timestamp) -> Value {
    let wanted = |name: &str| name == "id" || properties.is_none_or(|list| list.iter().any(|p| p == name));
    let mut object = Map::new();
    for name in PROPERTIES.into_iter().filter(|name| wanted(name)) {
        object.insert(name.to_owned(), property(submission, name, now));
    }
    Value::Object(object)
}

fn property(submission: &Submission, name: &str, now: Timestamp) -> Value {
    match name {
        "id" => json!(submission.submission_id),
        "identityId" => json!(submission.identity_id),
        "emailId" => json!(submission.email_id),
        "threadId" => json!(submission.thread_id),
        "envelope" => serde_json::from_str(&submission.envelope).unwrap_or_default(),
        "sendAt" => json!(submission.send_at.to_rfc3339_utc()),
        "undoStatus" => json!(submission.undo_status_at(now).as_str()),
        "deliveryStatus" => serde_json::from_str(&submission.delivery).unwrap_or_default(),
        // Reports come as mail; they are not tied to submissions.
        _ => json!([]),
    }
}

/// Takes filter and sort.
pub(crate) fn read_query(args: &mut Args) -> Result<SubmissionQuery, Error> {
    let mut query = SubmissionQuery::default();
    for (name, value) in args.object("filter")?.unwrap_or_default() {
        let moment = |value: &Value| {
            let moment = value.as_str().and_then(|text| Timestamp::parse_rfc3339(text).ok());
            moment.ok_or_else(|| invalid(&name, "UTCDate"))
        };
        match name.as_str() {
            "identityIds" => query.identity_ids = Some(some_ids(value, &name)?),
            "emailIds" => query.email_ids = Some(some_ids(value, &name)?),
            "threadIds" => query.thread_ids = Some(some_ids(value, &name)?),
            "undoStatus" => {
                let status = value.as_str().and_then(|text| text.parse().ok());
                query.undo_status = Some(status.ok_or_else(|| invalid(&name, "undo status"))?);
            }
            "before" => query.before = Some(moment(&value)?),
            "after" => query.after = Some(moment(&value)?),
            _ => {
                let name = mail::text::clip(&name, 100);
                return Err(Error::UnsupportedFilter(format!("submissions are not sifted by `{name}`")));
            }
        }
    }
    (query.sort, query.ascending) = read_sort(args.list("sort")?.unwrap_or_default())?;
    Ok(query)
}

/// Ids to look for; what is no id of ours names nothing.
fn some_ids<T: std::str::FromStr>(value: Value, name: &str) -> Result<Vec<T>, Error> {
    Ok(args::texts(value, name)?.iter().filter_map(|text| text.parse().ok()).collect())
}

/// Newest first, without a sort. Ties are broken by the time of handing in, so what follows the first property never decides.
fn read_sort(list: Vec<Value>) -> Result<(SubmissionSort, bool), Error> {
    let Some(comparator) = list.first() else { return Ok((SubmissionSort::SendAt, false)) };
    let ascending = match comparator.get("isAscending") {
        None | Some(Value::Null) => true,
        Some(Value::Bool(ascending)) => *ascending,
        Some(_) => return Err(invalid("isAscending", "boolean")),
    };
    match comparator.get("property").and_then(Value::as_str) {
        Some("sentAt" | "sendAt") if list.len() == 1 => Ok((SubmissionSort::SendAt, ascending)),
        Some("emailId") if list.len() == 1 => Ok((SubmissionSort::Email, ascending)),
        Some("threadId") if list.len() == 1 => Ok((SubmissionSort::Thread, ascending)),
        Some(_) => {
            Err(Error::UnsupportedSort("submissions are sorted by sentAt, emailId or threadId".to_owned()))
        }
        None => Err(invalid("sort", "list of comparators")),
    }
}
