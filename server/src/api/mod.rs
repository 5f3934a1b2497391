//! Our REST API, `/api/v1`: the door for document systems that speak HTTP and JSON. What is accepted and why is `registry`'s
//! business; every package ends at [`crate::intake`], whichever door brings it.
//!
//! | module | what |
//! | --- | --- |
//! | `documents` | lists, one document, its package, files, history, receipt, verdict; acknowledging |
//! | `send` | sending documents and acts about them; statuses |
//! | `repeat` | what is sent twice under one Idempotency-Key is answered once |
//! | `uploads` | large files in parts (tus 1.0) |
//! | `events` | the feed: long poll and event stream |
//! | `agencies` | the directory |
//! | `numbers` | numbers of the records office |
//! | `regulations` | what an agency's head has decided |
//! | `registers` | its books, and what is late |
//! | `statistics` | what the exchange did in a period |
//! | `view` | a document as it is shown |
//! | `problem` | refusals (RFC 9457) |
//! | `openapi` | the description of all this, made from the code |

mod agencies;
mod cursor;
mod documents;
mod events;
mod files;
mod json;
mod model;
mod numbers;
mod openapi;
mod problem;
mod refusals;
mod registers;
mod regulations;
mod repeat;
mod send;
mod statistics;
mod statuses;
mod uploads;
mod view;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn;
use axum::routing::{delete, get, post};
use mail::{AccountId, ApiKeyId};
use registry::Error;
use registry::keys::{self, Caller, Scope};
use serde::de::DeserializeOwned;

use crate::body;
use crate::check::line::network;
use crate::check::visitor;
use crate::house::House;
use crate::http::Peer;
use crate::intake::Intake;
use crate::rate::Rate;
use problem::{Problem, speak};

pub(crate) use openapi::document as openapi_document;

/// Bytes of a request that carries no file.
const SMALL_BODY_MAX: usize = 1024 * 1024;
/// Bytes of a key as it is shown.
const AUTHORIZATION_MAX: usize = 256;

/// What the handlers share.
pub(crate) struct Api {
    house: Arc<House>,
    intake: Arc<Intake>,
    /// How often a key may call.
    callers: Rate<ApiKeyId>,
    /// How often an address may show what is no key.
    strangers: Rate<IpAddr>,
    /// How often somebody on the staff may ask.
    staff: Rate<AccountId>,
}

/// The routes of the API.
pub(crate) fn routes(house: Arc<House>, intake: Arc<Intake>) -> Router {
    let api = Arc::new(Api {
        callers: Rate::new(house.config.api.requests_per_minute),
        strangers: Rate::new(house.config.api.wrong_keys_per_minute),
        staff: Rate::new(house.config.api.requests_per_minute),
        house,
        intake,
    });
    Router::new()
        .route("/api", get(openapi::page))
        .route("/api/openapi.json", get(openapi::json))
        .route("/api/v1/documents", get(documents::list).post(send::document))
        .route("/api/v1/documents/{id}", get(documents::one))
        .route("/api/v1/documents/{id}/package", get(files::package))
        .route("/api/v1/documents/{id}/files/{number}", get(files::file))
        .route("/api/v1/documents/{id}/history", get(documents::history))
        .route("/api/v1/documents/{id}/receipt", get(documents::receipt))
        .route("/api/v1/documents/{id}/verdict", get(documents::verdict))
        .route("/api/v1/documents/{id}/acknowledgement", post(documents::acknowledge))
        .route("/api/v1/documents/{id}/statuses", post(statuses::report))
        .route("/api/v1/documents/{id}/recall", post(send::recall))
        .route("/api/v1/documents/{id}/update", post(send::update))
        .route("/api/v1/documents/{id}/replacement", post(send::replacement))
        .route("/api/v1/refusals", get(refusals::list))
        .route("/api/v1/events", get(events::feed))
        .route("/api/v1/agencies", get(agencies::list))
        .route("/api/v1/agencies/{code}", get(agencies::one))
        .route("/api/v1/numbers", get(numbers::list).post(numbers::reserve))
        .route("/api/v1/numbers/{book}/{year}/{number}/void", post(numbers::void))
        .route("/api/v1/registers/{register}", get(registers::register))
        .route("/api/v1/overdue", get(registers::overdue))
        .route("/api/v1/regulations", get(regulations::list))
        .route("/api/v1/statistics", get(statistics::report))
        .route("/api/v1/statistics/{fact}", get(statistics::facts))
        .route("/api/v1/uploads", post(uploads::create).options(uploads::options))
        .route(
            "/api/v1/uploads/{id}",
            get(uploads::state).patch(uploads::append).merge(delete(uploads::discard)),
        )
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "Địa chỉ này không nhận phương thức đó; xem /api.",
                "This address does not take that method; see /api.",
            )
        })
        .layer(from_fn(speak))
        .with_state(api)
}

impl Api {
    /// Who calls, if the key may do what it asks.
    async fn admit(&self, parts: &Parts, scope: Scope) -> Result<Caller, Problem> {
        let now = self.house.now();
        let source = parts.extensions.get::<Peer>().map(|peer| network(visitor(*peer, &parts.headers)));
        let source = source.unwrap_or(IpAddr::from([0, 0, 0, 0]));
        // Whoever has a key is not hindered by who else calls from the same address.
        let caller = match self.authenticate(parts).await {
            Err(Error::NotAuthenticated) => {
                self.strangers.visit(source, now).map_err(Problem::too_often)?;
                return Err(Error::NotAuthenticated.into());
            }
            other => other?,
        };
        self.callers.visit(caller.key_id, now).map_err(Problem::too_often)?;
        if caller.use_is_news {
            let noted = self.house.store.write("note the use of a key", caller.key_id, move |tx, key_id| {
                Box::pin(async move { tx.note_api_key_use(*key_id, now).await })
            });
            let noted: Result<(), store::Error> = noted.await;
            // Nobody is refused because a date could not be written.
            if let Err(error) = noted {
                tracing::warn!("the use of a key was not noted: {error}");
            }
        }
        caller.may(scope)?;
        Ok(caller)
    }

    async fn authenticate(&self, parts: &Parts) -> Result<Caller, Error> {
        let shown = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, key) = shown.and_then(|shown| shown.split_once(' ')).ok_or(Error::NotAuthenticated)?;
        if !scheme.eq_ignore_ascii_case("bearer") || key.len() > AUTHORIZATION_MAX {
            return Err(Error::NotAuthenticated);
        }
        let now = self.house.now();
        self.house
            .store
            .read(key.trim().to_owned(), |tx, key| Box::pin(async move { keys::open(tx, key, now).await }))
            .await
    }

    /// As [`Api::admit`], for requests whose body is large: one that is refused is read away first, because a client that is cut
    /// off while it writes hears nothing of the refusal.
    async fn admit_with(&self, parts: &Parts, scope: Scope, body: Body) -> Result<(Caller, Body), Problem> {
        match self.admit(parts, scope).await {
            Ok(caller) => Ok((caller, body)),
            Err(problem) => {
                body::drain(body, SMALL_BODY_MAX).await;
                Err(problem)
            }
        }
    }
}

/// Takes a body to its end, or to `max` bytes.
async fn take(body: Body, max: usize) -> Result<Vec<u8>, Problem> {
    body::take(body, max).await.map_err(cut)
}

/// In the words of HTTP.
fn cut(error: Error) -> Problem {
    match error {
        Error::DamagedBody => Problem::new(
            StatusCode::BAD_REQUEST,
            "body-cut",
            "Nội dung bị cắt hoặc đến quá chậm",
            "The content was cut off or came too slowly",
        ),
        other => other.into(),
    }
}

macro_rules! callers {
    ($($name:ident: $scope:ident,)*) => {$(
        /// A caller whose key has the scope of its name.
        struct $name(Caller);

        impl FromRequestParts<Arc<Api>> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
                api.admit(parts, Scope::$scope).await.map(Self)
            }
        }
    )*};
}

callers! {
    Reader: DocumentsRead,
    Follower: EventsRead,
    LooksUp: AgenciesRead,
    Uploader: DocumentsSend,
    RegisterReader: RegistersRead,
}

/// The query of a request, read strictly.
struct Asked<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(rejection) => {
                use std::error::Error as _;
                let why = rejection.source().map_or_else(|| rejection.to_string(), ToString::to_string);
                Err(Problem::bad_request("/", why))
            }
        }
    }
}

/// The id in a path. What has not the form of one names nothing.
fn id_of<I: std::str::FromStr>(text: &str) -> Result<I, Problem> {
    text.parse().map_err(|_| Error::NoSuchDocument.into())
}
