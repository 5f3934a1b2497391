//! The feed: what happened to your agencies' documents, in one order that never changes behind a reader.
//!
//! A reader keeps the place it has come to and asks for what is after it; nothing is pushed, so no firewall has to be opened. It may
//! wait in the request, or read an event stream (HTML, server-sent events). Whoever comes back after longer than events are kept is told
//! so (410) and reads its lists instead.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use futures_util::stream;
use mail::{AgencyId, DocumentId};
use registry::browse::AGENCIES_MAX;
use registry::keys::Caller;
use serde::Deserialize;
use serde_json::Value;
use store::{Event, Signal};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};
use utoipa::IntoParams;

use super::documents::agencies_of;
use super::model::{EventPage, EventView, moment};
use super::problem::{Answer, Problem};
use super::{Api, Asked, Follower, cursor};

/// Events of one page, unless asked otherwise, and at most.
const PAGE: u16 = 100;
const PAGE_MAX: u16 = 1_000;
/// Seconds a request may wait. Ours: below the minute after which middle boxes hang up.
const WAIT_MAX: u64 = 50;
/// Another node's events raise no signal here: what is true is in the store, and is looked for so often.
const LOOK: Duration = Duration::from_secs(2);
/// A stream says so often that it is alive.
const PING: Duration = Duration::from_secs(20);

/// From where, and how many.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FeedQuery {
    /// What is after this place: `next` of the page before. Without it: from the oldest event that is kept.
    after: Option<String>,
    /// So many at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u16>,
    /// Wait so many seconds for something to happen.
    #[param(minimum = 0, maximum = 50, default = 0)]
    wait: Option<u64>,
    /// Of this agency of yours only, by its code.
    agency: Option<String>,
}

/// Who reads the feed, and where it is.
struct Reading {
    api: Arc<Api>,
    caller: Caller,
    agencies: Vec<AgencyId>,
    place: i64,
    limit: i64,
}

/// Follows what happens to your agencies' documents. With `Accept: text/event-stream` an event stream that goes on after
/// `Last-Event-ID`.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", operation_id = "followEvents",
    params(FeedQuery, ("Last-Event-ID" = Option<String>, Header, description = "For event streams: as `after`.")),
    security(("key" = ["events:read"])),
    responses((status = 200, description = "Events, oldest first.",
               content((EventPage = "application/json"), (String = "text/event-stream"))),
              (status = 410, description = "Events after this place are no longer kept: read your lists, then begin anew.",
               body = crate::api::problem::Problem9457, content_type = "application/problem+json")))]
pub(super) async fn feed(
    State(api): State<Arc<Api>>,
    Follower(caller): Follower,
    Asked(query): Asked<FeedQuery>,
    headers: HeaderMap,
) -> Answer {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::bad_request("/limit", "expected 1 to 1000"));
    }
    let wait = query.wait.unwrap_or_default();
    if wait > WAIT_MAX {
        return Err(Problem::bad_request("/wait", "expected 0 to 50"));
    }
    let last_seen = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let after = last_seen.map(str::to_owned).or(query.after);
    let after = after.map(|text| cursor::event(&text, "/after")).transpose()?;
    let agencies = agencies_of(&api, &caller, query.agency.as_deref()).await?;
    if agencies.len() > AGENCIES_MAX {
        return Err(Problem::bad_request("/agency", "expected one agency: the key speaks for too many"));
    }
    // Listening begins before the feed is read, so nothing falls between.
    let signals = api.house.store.signals();
    let place = begin(&api, after).await?;
    let reading = Reading { api, caller, agencies, place, limit: i64::from(limit) };
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.split(',').any(|kind| kind.trim().starts_with("text/event-stream")) {
        let streaming = Streaming { reading, signals, waiting: Vec::new(), is_new: true };
        let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
        return Ok((headers, Body::from_stream(stream::unfold(streaming, next))).into_response());
    }
    let deadline = Instant::now() + Duration::from_secs(wait);
    page(reading, signals, deadline).await
}

/// Where the reader begins.
///
/// Errors: 410 when something after that place was let go.
async fn begin(api: &Api, after: Option<i64>) -> Result<i64, Problem> {
    let range: Result<(i64, i64), store::Error> =
        api.house.store.read((), |tx, ()| Box::pin(async move { tx.event_range().await })).await;
    let (oldest, _) = range?;
    let first = oldest.saturating_sub(1).max(0);
    match after {
        None => Ok(first),
        Some(place) if place >= first => Ok(place),
        Some(_) => Err(Problem::new(
            StatusCode::GONE,
            "cursor-gone",
            "Các sự kiện sau vị trí này không còn được giữ; hãy đọc danh sách văn bản rồi bắt đầu lại không có after.",
            "Events after this place are no longer kept; read your lists of documents, then begin anew without after.",
        )
        .at("/after", "older than what is kept")),
    }
}

impl Reading {
    /// What is after the reader's place, of all its agencies together, and whether more is waiting.
    async fn look(&self) -> Result<(Vec<(AgencyId, Event)>, bool), store::Error> {
        let input = (self.agencies.clone(), self.place, self.limit);
        let found: Result<Vec<(AgencyId, Event)>, store::Error> = self
            .api
            .house
            .store
            .read(input, |tx, (agencies, place, limit)| {
                Box::pin(async move {
                    let mut found = Vec::new();
                    for &agency_id in agencies {
                        let events = tx.events_after(agency_id, *place, limit + 1).await?;
                        found.extend(events.into_iter().map(|event| (agency_id, event)));
                    }
                    Ok(found)
                })
            })
            .await;
        let mut found = found?;
        found.sort_by_key(|(_, event)| event.place);
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = found.len() > limit;
        found.truncate(limit);
        Ok((found, more))
    }

    fn wants(&self, signal: &Signal) -> bool {
        matches!(signal, Signal::Agency(agency_id) if self.agencies.contains(agency_id))
    }

    fn view(&self, agency_id: AgencyId, event: Event) -> EventView {
        let own = self.caller.system.agencies.iter().find(|agency| agency.agency_id == agency_id);
        let mut data: Value = serde_json::from_str(&event.facts).unwrap_or_default();
        // What the other door calls `docId` is here the document's own id, or that of the package which brought a status.
        if let Some(id) = data.as_object_mut().and_then(|data| data.remove("docId"))
            && event.kind == registry::events::Happened::Status.as_str()
        {
            data["package"] = id;
        }
        EventView {
            cursor: cursor::of_event(event.place),
            kind: event.kind,
            document: DocumentId::from_bytes(event.subject_id).to_string(),
            agency: own.map_or_else(String::new, |agency| agency.code.to_string()),
            at: moment(event.at),
            data,
        }
    }
}

/// Waits for news of the reader's agencies, or until it is time to look anyway.
async fn wait_for_news(reading: &Reading, signals: &mut Receiver<Signal>, until: Instant) {
    loop {
        match timeout_at(until, signals.recv()).await {
            Ok(Ok(signal)) if !reading.wants(&signal) => {}
            // Wanted; or some were missed, or time is up: look.
            Ok(Ok(_) | Err(RecvError::Lagged(_))) | Err(_) => return,
            Ok(Err(RecvError::Closed)) => return tokio::time::sleep_until(until).await,
        }
    }
}

async fn page(mut reading: Reading, mut signals: Receiver<Signal>, deadline: Instant) -> Answer {
    loop {
        let (found, more) = reading.look().await?;
        if !found.is_empty() || Instant::now() >= deadline || reading.api.house.stop.is_cancelled() {
            reading.place = found.last().map_or(reading.place, |(_, event)| event.place);
            let next = cursor::of_event(reading.place);
            let events = found.into_iter().map(|(agency, event)| reading.view(agency, event)).collect();
            return Ok(Json(EventPage { events, next, more }).into_response());
        }
        let stop = reading.api.house.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = wait_for_news(&reading, &mut signals, deadline.min(Instant::now() + LOOK)) => {}
        }
    }
}

/// A reader of an event stream.
struct Streaming {
    reading: Reading,
    signals: Receiver<Signal>,
    /// Found and not said yet, the next one last.
    waiting: Vec<(AgencyId, Event)>,
    is_new: bool,
}

/// The next thing a stream says; `None` when it is over.
async fn next(mut streaming: Streaming) -> Option<(Result<Bytes, Infallible>, Streaming)> {
    let ping_at = Instant::now() + PING;
    let stop = streaming.reading.api.house.stop.clone();
    if std::mem::take(&mut streaming.is_new) {
        // The head of the answer goes out at once, so a client knows that it is heard.
        return Some((Ok(Bytes::from_static(b"retry: 3000\n\n")), streaming));
    }
    loop {
        if let Some((agency_id, event)) = streaming.waiting.pop() {
            streaming.reading.place = event.place;
            let view = streaming.reading.view(agency_id, event);
            let data = serde_json::to_string(&view).unwrap_or_default();
            let text = format!("id: {}\nevent: {}\ndata: {data}\n\n", view.cursor, view.kind);
            return Some((Ok(Bytes::from(text)), streaming));
        }
        match streaming.reading.look().await {
            Ok((found, _)) => streaming.waiting = found.into_iter().rev().collect(),
            Err(error) => {
                tracing::warn!("an event stream ends: {error}");
                return None;
            }
        }
        if !streaming.waiting.is_empty() {
            continue;
        }
        if Instant::now() >= ping_at {
            return Some((Ok(Bytes::from_static(b": ping\n\n")), streaming));
        }
        let until = ping_at.min(Instant::now() + LOOK);
        tokio::select! {
            () = stop.cancelled() => return None,
            () = wait_for_news(&streaming.reading, &mut streaming.signals, until) => {}
        }
    }
}
