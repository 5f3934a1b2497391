//! JMAP's doors on the web: `jmap` answers, and this carries its answers over HTTP (RFC 8620 §2, §3, §6, §7.3) and over
//! WebSockets (RFC 8887).

mod socket;

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use directory::Said;
use futures_util::stream;
use jmap::{Api, Caller};
use store::AccountWatch;

use crate::house::House;
use crate::http::{Peer, problem};
use crate::judging::Judging;
use crate::listen::Bounds;
use crate::mail_path::MailPath;
use crate::push::vapid::Vapid;
use crate::still::Still;
use crate::{mail_in, sign_in};

/// What the routes share.
type Doors = Arc<Shared>;

struct Shared {
    house: Arc<House>,
    api: Api,
    /// WebSockets at once, and of one address: a connection leaves its door's count when it becomes one.
    sockets: Arc<Bounds>,
}

/// The routes of JMAP.
///
/// # Errors
/// The key for pushes cannot be had.
pub(crate) fn routes(house: Arc<House>, path: Arc<MailPath>, judge: Arc<Judging>) -> anyhow::Result<Router> {
    let api = Api {
        store: house.store.clone(),
        limits: jmap::Limits {
            // As long as at the submission port.
            hold_seconds_max: mail_in::limits(&house).hold_max.as_secs(),
            ..jmap::Limits::default()
        },
        base_url: house.config.public_url(),
        host: house.host.clone(),
        chance: house.chance.clone(),
        push_key: Vapid::read(&house)?.public(),
        judge,
        examiner: path,
        appending: MailPath::for_appending(&house),
    };
    let connections_max = house.config.http.connections_max;
    let sockets = Bounds::new(connections_max, connections_max);
    let (upload_max, request_max) = (api.limits.size_upload_max, api.limits.size_request_max);
    let upload = post(upload).layer(DefaultBodyLimit::max(upload_max));
    Ok(Router::new()
        .route("/.well-known/jmap", get(async || Redirect::temporary("/jmap/session")))
        .route("/jmap/session", get(session))
        .route("/jmap/api", post(call).layer(DefaultBodyLimit::max(request_max)))
        .route("/jmap/upload/{account}", upload.clone())
        .route("/jmap/upload/{account}/", upload)
        .route("/jmap/download/{account}/{blob}/{name}", get(download))
        .route("/jmap/eventsource", get(event_source))
        .route("/jmap/ws", get(socket::open))
        .with_state(Arc::new(Shared { house, api, sockets })))
}

/// Proof that the request comes from somebody who signed in.
struct SignedIn {
    caller: Caller,
    /// For what stays open longer than a request.
    still: Still,
}

impl FromRequestParts<Doors> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, doors: &Doors) -> Result<Self, Response> {
        let source = parts.extensions.get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip());
        let signed_in = sign_in::basic(&doors.house, &parts.headers, source).await?;
        if signed_in.must_change_password() {
            return Err(problem(
                StatusCode::FORBIDDEN,
                "must_change_password",
                "Phải đổi mật khẩu lần đầu trước khi dùng (/mat-khau). / \
                 The first password must be changed before use (/mat-khau).",
            ));
        }
        Ok(Self {
            caller: Caller { account_id: signed_in.account_id(), agency_id: signed_in.agency_id() },
            still: Still::new(&doors.house, signed_in.standing()),
        })
    }
}

fn answer(response: jmap::Response) -> Response {
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = [(header::CONTENT_TYPE, response.content_type), (header::CACHE_CONTROL, "no-store")];
    (status, headers, response.body).into_response()
}

async fn session(State(doors): State<Doors>, SignedIn { caller, .. }: SignedIn) -> Response {
    match doors.api.session(&caller).await {
        Ok(session) => ([(header::CACHE_CONTROL, "no-store")], axum::Json(session)).into_response(),
        Err(error) => answer(error.to_response()),
    }
}

async fn call(State(doors): State<Doors>, SignedIn { caller, .. }: SignedIn, body: Bytes) -> Response {
    answer(doors.api.call(&caller, &body, doors.house.now()).await)
}

async fn upload(
    State(doors): State<Doors>,
    SignedIn { caller, .. }: SignedIn,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.unwrap_or("application/octet-stream");
    answer(doors.api.upload(&caller, &account, media_type, &body, doors.house.now()).await)
}

async fn download(
    State(doors): State<Doors>,
    SignedIn { caller, .. }: SignedIn,
    Path((account, blob, name)): Path<(String, String, String)>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let media_type = query.get("type").or_else(|| query.get("accept")).map_or("", String::as_str);
    match doors.api.download(&caller, &account, &blob, &name, media_type).await {
        Ok(found) => {
            let headers = [
                (header::CONTENT_TYPE, found.media_type),
                (header::CONTENT_DISPOSITION, found.disposition),
                // A blob's name is its content: it never changes, and it is private.
                (header::CACHE_CONTROL, "private, immutable, max-age=31536000".to_owned()),
                // Somebody's attachment is never a page of ours.
                (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'".to_owned()),
            ];
            (headers, found.bytes).into_response()
        }
        Err(error) => answer(error.to_response()),
    }
}

/// What a client's stream waits on. There are thousands of them, so it holds no more than it needs.
struct Waiting {
    doors: Doors,
    source: jmap::push::EventSource,
    watch: AccountWatch,
    still: Still,
    /// Nothing has been looked at yet: what a client that came back has missed is told at once.
    is_new: bool,
    is_over: bool,
}

async fn event_source(
    State(doors): State<Doors>,
    SignedIn { caller, still }: SignedIn,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let asked = |name: &str| query.get(name).map_or("", String::as_str);
    let last_event_id = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    // Listening begins before the state is read, so nothing falls between.
    let watch = doors.house.store.watch(caller.account_id);
    let opened = doors
        .api
        .event_source(&caller, asked("types"), asked("closeafter"), asked("ping"), last_event_id)
        .await;
    match opened {
        Ok(source) => {
            let waiting = Waiting { doors, source, watch, still, is_new: true, is_over: false };
            let events = stream::unfold(waiting, next_event);
            let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
            (headers, Body::from_stream(events)).into_response()
        }
        Err(error) => answer(error.to_response()),
    }
}

/// The next thing a stream says; `None` when it is over.
async fn next_event(mut waiting: Waiting) -> Option<(Result<Bytes, Infallible>, Waiting)> {
    if waiting.is_over {
        return None;
    }
    loop {
        if !std::mem::take(&mut waiting.is_new) {
            let ping = waiting.source.ping();
            tokio::select! {
                () = waiting.doors.house.stop.cancelled() => return None,
                () = waiting.watch.changed() => {}
                () = waiting.still.due() => {}
                () = pause(ping) => return Some(told(waiting.source.ping_event(), waiting)),
            }
        }
        if waiting.still.is_due() {
            let doors = waiting.doors.clone();
            match Box::pin(waiting.still.ask(&doors.house)).await {
                Ok(()) => {}
                Err(over) => {
                    let said = over.said();
                    let words = format!("{} / {}", said.vi, said.en);
                    return Some(told(jmap::push::over_event(said.code, &words), waiting));
                }
            }
        }
        // Apart: a thousand streams wait, and a few look.
        match Box::pin(waiting.doors.api.news(&mut waiting.source)).await {
            Ok(Some(event)) => return Some(told(event, waiting)),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!("a push channel ends: {error}");
                return None;
            }
        }
    }
}

/// Until it is time for a ping; for ever when none is asked for.
async fn pause(ping: Option<Duration>) {
    match ping {
        Some(ping) => tokio::time::sleep(ping).await,
        None => std::future::pending().await,
    }
}

fn told(event: jmap::push::Event, mut waiting: Waiting) -> (Result<Bytes, Infallible>, Waiting) {
    waiting.is_over = event.is_last;
    (Ok(Bytes::from(event.text)), waiting)
}
