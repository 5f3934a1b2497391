//! Documents: lists, one, its history, receipt and verdict; acknowledging what was received.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use mail::{AgencyCode, AgencyId, DocumentId, Timestamp};
use registry::browse::{self, Look, Seen, Side};
use registry::keys::{Caller, Scope};
use registry::status::State as Standing;
use registry::vxp::call::Acknowledgement;
use registry::{Error, receipt as proof, view, words};
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use utoipa::IntoParams;

use super::model::{Acknowledge, AcknowledgeState, DocumentPage, DocumentSummary, History, HistoryLine};
use super::problem::{Answer, Problem};
use super::view::DocumentView;
use super::{Api, Asked, Reader, SMALL_BODY_MAX, cursor, id_of, json, take};

/// Documents of one page, unless asked otherwise, and at most.
const PAGE: u16 = 50;
const PAGE_MAX: u16 = 200;
/// How long a receipt is waited for. The log takes leaves in several times a second.
const RECEIPT_WAIT_MAX: Duration = Duration::from_secs(2);
const RECEIPT_LOOK: Duration = Duration::from_millis(100);

/// Which documents.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// `sent` or `received`.
    #[serde(rename = "box")]
    #[param(pattern = "^(sent|received)$")]
    side: String,
    /// Go on after this place: `next` of the page before.
    after: Option<String>,
    /// So many at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// Of this agency of yours only, by its code.
    agency: Option<String>,
    /// Standing so at a receiver: delivered, arrived, accepted, assigned, in-work, done, returned, cancelled.
    #[param(pattern = "^(delivered|arrived|accepted|assigned|in-work|done|returned|cancelled)$")]
    state: Option<String>,
    /// With these words in subject, number, notation or agency: with marks exactly, without marks in any spelling. The four longest
    /// words count.
    #[param(max_length = 200)]
    q: Option<String>,
    /// Accepted at or after (RFC 3339).
    #[param(format = DateTime)]
    from: Option<String>,
    /// Accepted at or before (RFC 3339).
    #[param(format = DateTime)]
    to: Option<String>,
    /// With this urgency, 0 to 4.
    #[param(minimum = 0, maximum = 4)]
    priority: Option<u8>,
}

/// Lists what your agencies sent or received, newest first.
#[utoipa::path(get, path = "/api/v1/documents", tag = "documents", operation_id = "listDocuments", params(ListQuery),
    security(("key" = ["documents:read"])),
    responses((status = 200, description = "A page of the list.", body = DocumentPage)))]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Asked(query): Asked<ListQuery>,
) -> Answer {
    let look = look_of(&api, &caller, query).await?;
    let Some(look) = look else {
        return Ok(Json(DocumentPage { documents: Vec::new(), next: None }).into_response());
    };
    let page = api
        .house
        .store
        .read((caller.system.clone(), look), |tx, (system, look)| {
            Box::pin(async move { browse::list(tx, system, look).await })
        })
        .await?;
    let documents = page.seen.iter().map(DocumentSummary::of).collect();
    Ok(Json(DocumentPage { documents, next: page.next.map(cursor::of_document) }).into_response())
}

/// Reads what is looked for; `None` when it can be nothing.
async fn look_of(api: &Api, caller: &Caller, query: ListQuery) -> Result<Option<Look>, Problem> {
    let side = match query.side.as_str() {
        "sent" => Side::Sent,
        "received" => Side::Received,
        _ => return Err(Problem::bad_request("/box", "expected sent or received")),
    };
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::bad_request("/limit", "expected 1 to 200"));
    }
    if query.priority.is_some_and(|priority| priority > 4) {
        return Err(Problem::bad_request("/priority", "expected 0 to 4"));
    }
    let moment = |text: Option<String>, pointer: &str| {
        let read = text.map(|text| Timestamp::parse_rfc3339(&text));
        read.transpose().map_err(|_| Problem::bad_request(pointer, "expected a time of RFC 3339"))
    };
    let state = query.state.map(|state| {
        Standing::named(&state).ok_or_else(|| Problem::bad_request("/state", "no state of the list"))
    });
    let sought = match query.q {
        Some(text) if text.chars().count() > 200 => {
            return Err(Problem::bad_request("/q", "expected 200 characters at most"));
        }
        Some(text) => match words::of_query(&text) {
            Some(sought) => Some(sought),
            None => return Ok(None),
        },
        None => None,
    };
    Ok(Some(Look {
        side,
        agencies: agencies_of(api, caller, query.agency.as_deref()).await?,
        before: query.after.map(|text| cursor::document(&text, "/after")).transpose()?,
        from: moment(query.from, "/from")?,
        to: moment(query.to, "/to")?,
        sought,
        state: state.transpose()?,
        priority: query.priority.map(i64::from),
        limit: usize::from(limit),
    }))
}

/// The caller's agency with a code, or all of them.
pub(super) async fn agencies_of(
    api: &Api,
    caller: &Caller,
    code: Option<&str>,
) -> Result<Vec<AgencyId>, Problem> {
    let all = || caller.system.agencies.iter().map(|agency| agency.agency_id);
    let Some(text) = code else { return Ok(all().collect()) };
    let now = api.house.now();
    let code: AgencyCode =
        text.parse().map_err(|_| Problem::bad_request("/agency", "expected the code of an agency"))?;
    let found = api
        .house
        .store
        .read(code, |tx, code| Box::pin(async move { tx.agency_by_code(code, now).await }))
        .await?;
    let own = found.and_then(|agency| all().find(|id| *id == agency.agency_id));
    own.map(|id| vec![id]).ok_or_else(|| {
        Error::NotYourAgency { code: text.to_owned(), system: caller.system.system_id.clone() }.into()
    })
}

/// A document the caller may see.
pub(super) async fn seen(api: &Api, caller: &Caller, id: &str) -> Result<Seen, Problem> {
    let id: DocumentId = id_of(id)?;
    let found = api.house.store.read((caller.system.clone(), id), |tx, (system, id)| {
        Box::pin(async move { browse::find(tx, system, *id).await })
    });
    found.await.map_err(Problem::from)
}

/// A document whose content the caller may see.
///
/// Errors: 410 with what remains, when all of the caller's agencies that had it have cancelled it (RULES R39).
pub(super) async fn readable(api: &Api, caller: &Caller, id: &str) -> Result<Seen, Problem> {
    let seen = seen(api, caller, id).await?;
    let read = api.house.store.read(seen, |tx, seen| {
        Box::pin(async move {
            seen.check_readable(tx).await?;
            Ok::<_, Error>(seen.clone())
        })
    });
    read.await.map_err(Problem::from)
}

/// A digest over what is answered of something.
fn print_of(body: &[u8]) -> String {
    let hash = digest(&SHA256, body);
    registry::vxp::hash::full_hex(hash.as_ref().get(..16).unwrap_or_default())
}

/// Whether a list of entity tags names this one (RFC 9110 §13.1).
pub(super) fn names(list: Option<&HeaderValue>, etag: &str) -> bool {
    let list = list.and_then(|value| value.to_str().ok()).unwrap_or_default();
    list.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// Whether a list of entity tags names the state that this one names.
fn names_state(list: &HeaderValue, etag: &str) -> bool {
    let state = |tag: &str| tag.split('.').next().unwrap_or_default().trim_matches('"').to_owned();
    let list = list.to_str().unwrap_or_default();
    list.split(',').map(str::trim).any(|tag| tag == "*" || state(tag) == state(etag))
}

/// Whether a condition on what is changed holds (RFC 9110 §13.1.1).
pub(super) async fn check_condition(api: &Api, headers: &HeaderMap, seen: &Seen) -> Result<(), Problem> {
    let Some(wanted) = headers.get(header::IF_MATCH) else { return Ok(()) };
    let (_, etag) = shown(api, seen).await?;
    match names_state(wanted, &etag) {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "changed-meanwhile",
            "Văn bản đã thay đổi; hãy đọc lại rồi thử lại.",
            "The document has changed; read it again and try again.",
        )),
    }
}

/// The bytes by which a document is shown, and their entity tag: a digest of the document's state, and after a dot one of its places
/// in the ledger, which come a moment later and are no reason to refuse a change.
async fn shown(api: &Api, seen: &Seen) -> Result<(Vec<u8>, String), Problem> {
    let read = api
        .house
        .store
        .read(seen.clone(), |tx, seen| Box::pin(async move { view::for_system(tx, seen).await }));
    let found: Result<_, store::Error> = read.await;
    let written = |view: &DocumentView| serde_json::to_vec(view).map_err(|_| Problem::from(Error::Internal));
    let mut view = DocumentView::of(seen, found?);
    let ledger = view.take_ledger();
    let places = serde_json::to_vec(&ledger).map_err(|_| Error::Internal)?;
    let etag = format!("\"{}.{}\"", print_of(&written(&view)?), print_of(&places));
    view.put_ledger(ledger);
    Ok((written(&view)?, etag))
}

/// Shows a document.
#[utoipa::path(get, path = "/api/v1/documents/{id}", tag = "documents", operation_id = "getDocument",
    params(("id" = String, Path, description = "Our id of it.", example = "0193e8b1c7a07c9f8a3b5d2e4f601234"),
           ("If-None-Match" = Option<String>, Header, description = "The entity tag you have.")),
    security(("key" = ["documents:read"])),
    responses((status = 200, description = "The document.", body = DocumentView,
               headers(("ETag" = String, description = "Changes with anything shown here."))),
              (status = 304, description = "As you have it."),
              (status = 410, description = "Recalled and cancelled: `tombstone` is what remains of it.",
               body = crate::api::problem::Problem9457, content_type = "application/problem+json")))]
pub(super) async fn one(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let seen = readable(&api, &caller, &id).await?;
    let (body, etag) = shown(&api, &seen).await?;
    let is_known = names(headers.get(header::IF_NONE_MATCH), &etag);
    let fixed = [(header::ETAG, etag), (header::CACHE_CONTROL, "private, no-cache".to_owned())];
    Ok(match is_known {
        true => (StatusCode::NOT_MODIFIED, fixed).into_response(),
        false => (fixed, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
    })
}

/// Tells what was said of a document: to its sender all, to a receiver what its own agencies said.
#[utoipa::path(get, path = "/api/v1/documents/{id}/history", tag = "documents", operation_id = "getHistory",
    params(("id" = String, Path, description = "Our id of it.")),
    security(("key" = ["documents:read"])),
    responses((status = 200, description = "The history, oldest first.", body = History)))]
pub(super) async fn history(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<String>,
) -> Answer {
    let seen = readable(&api, &caller, &id).await?;
    let now = api.house.now();
    let said: Result<_, store::Error> = api
        .house
        .store
        .read((caller.system.clone(), seen), |tx, (system, seen)| {
            Box::pin(async move { browse::history(tx, system, seen, now).await })
        })
        .await;
    let history = said?.iter().map(HistoryLine::of).collect();
    Ok(Json(History { history }).into_response())
}

/// Gives the sender its receipt, with the proof once the log holds the act: anybody can check it offline with
/// `congvan receipt verify`.
#[utoipa::path(get, path = "/api/v1/documents/{id}/receipt", tag = "documents", operation_id = "getReceipt",
    params(("id" = String, Path, description = "Our id of it."),
           ("Prefer" = Option<String>, Header, description = "`wait=2`: wait so many seconds, 2 at most, for the proof (RFC 7240).")),
    security(("key" = ["documents:read"])),
    responses((status = 200, description = "The receipt. `proof` is absent until the log holds the act.", body = Object)))]
pub(super) async fn receipt(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let seen = seen(&api, &caller, &id).await?;
    if seen.side != Side::Sent {
        return Err(Problem::not_found(
            "no-receipt",
            "Biên nhận thuộc về bên gửi.",
            "The receipt is the sender's.",
        ));
    }
    let (owner, id) = (seen.document.agency_id, seen.document.document_id);
    let wait = headers.get("prefer").and_then(|value| preferred_wait(value.to_str().ok()?));
    let deadline = tokio::time::Instant::now() + wait.unwrap_or_default().min(RECEIPT_WAIT_MAX);
    loop {
        let found: Result<_, store::Error> = api
            .house
            .store
            .read((owner, id), |tx, (owner, id)| {
                Box::pin(async move { proof::complete(tx, *owner, *id).await })
            })
            .await;
        let receipt = found?.ok_or(Error::NoSuchDocument)?;
        if receipt.proof.is_some() || tokio::time::Instant::now() >= deadline {
            return Ok(([(header::CONTENT_TYPE, "application/json")], receipt.to_file()).into_response());
        }
        tokio::time::sleep(RECEIPT_LOOK).await;
    }
}

/// `wait=2` among other preferences (RFC 7240 §4.3).
fn preferred_wait(prefer: &str) -> Option<Duration> {
    let wait = prefer.split(',').find_map(|one| one.trim().strip_prefix("wait="))?;
    wait.split(';').next()?.trim().parse().ok().map(Duration::from_secs)
}

/// Tells how the signatures of a document were judged when it was accepted.
#[utoipa::path(get, path = "/api/v1/documents/{id}/verdict", tag = "documents", operation_id = "getVerdict",
    params(("id" = String, Path, description = "Our id of it.")),
    security(("key" = ["documents:read"])),
    responses((status = 200, description = "A report for each judged file, the main one first (docs/schema/report.schema.json).", body = Vec<Object>)))]
pub(super) async fn verdict(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<String>,
) -> Answer {
    let seen = readable(&api, &caller, &id).await?;
    let verdict = seen.document.verdict;
    if serde_json::from_str::<&serde_json::value::RawValue>(&verdict).is_err() {
        return Err(Problem::not_found(
            "no-verdict",
            "Gói tin này không có tệp nào được kiểm tra chữ ký.",
            "No file of this package was judged.",
        ));
    }
    Ok(([(header::CONTENT_TYPE, "application/json")], verdict).into_response())
}

/// Says what your system did with a document it was sent. `done` is final; saying it again changes nothing.
#[utoipa::path(post, path = "/api/v1/documents/{id}/acknowledgement", tag = "documents", operation_id = "acknowledge",
    params(("id" = String, Path, description = "Our id of it.")),
    request_body(content = Acknowledge, content_type = "application/json"),
    security(("key" = ["documents:read"])),
    responses((status = 204, description = "Taken down.")))]
pub(super) async fn acknowledge(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let (parts, body) = request.into_parts();
    let (caller, body): (Caller, Body) = api.admit_with(&parts, Scope::DocumentsRead, body).await?;
    if !json::is_json(&parts.headers) {
        return Err(json::unsupported("application/json"));
    }
    let Acknowledge { state } = json::read(&take(body, SMALL_BODY_MAX).await?)?;
    let seen = seen(&api, &caller, &id).await?;
    let delivery = seen.delivery.ok_or(Error::Forbidden)?;
    let word = match state {
        AcknowledgeState::Processing => Acknowledgement::Processing,
        AcknowledgeState::Done => Acknowledgement::Done,
        AcknowledgeState::Fail => Acknowledgement::Fail,
    };
    let desk = api.intake.desk();
    desk.acknowledge_delivery(&caller.system, delivery.delivery_id, word, api.house.now()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_on_the_state_and_not_on_its_places_in_the_ledger() {
        let now = "\"aa.22\"";
        for (wanted, holds) in [
            ("\"aa.22\"", true),
            ("\"aa.11\"", true),
            ("\"bb.22\", \"aa.11\"", true),
            ("*", true),
            ("\"bb.22\"", false),
            ("\"aab.22\"", false),
            ("", false),
        ] {
            assert_eq!(names_state(&HeaderValue::from_static(wanted), now), holds, "{wanted}");
        }
        assert!(
            !names(Some(&HeaderValue::from_static("\"aa.11\"")), now),
            "what is cached is the very bytes"
        );
    }
}
