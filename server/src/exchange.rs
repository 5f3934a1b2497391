//! The exchange's door: `/vxp/<call>` (VXP). Takes requests in, has packages judged, and answers in the protocol's own
//! words; what is accepted and why is `registry`'s business.

pub(crate) mod handing;
mod lists;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, Version, header};
use axum::response::Response;
use axum::routing::any;
use registry::Error;
use registry::accept::Desk;
use registry::agency_lists::List;
use registry::vxp::call::{Call, Name, SendParameters};
use registry::vxp::{Answer, answer, auth, call, send};
use store::{ExchangeSystem, Spool};
use tokio::sync::OwnedSemaphorePermit;

use self::lists::Lists;
use crate::body::{drain, spool, take};
use crate::house::House;
use crate::intake::{Intake, blocking};
use crate::upstream::Polls;

/// Below this path stand the calls.
const BASE: &str = "/vxp";
/// Characters of a system's id that are worth looking up. Ours: those known have fewer than 30.
const SYSTEM_ID_MAX: usize = 128;

/// An answer to a call: words; or what is not held as a whole, a list of the register or a package.
enum Answered {
    Text(Answer),
    Ready(Response),
}

/// A package that came whole, and its place in memory.
struct Package {
    bytes: Spool,
    sha256: [u8; 32],
    parameters: SendParameters,
    _room: OwnedSemaphorePermit,
}

/// The exchange and what it works with.
struct Exchange {
    house: Arc<House>,
    intake: Arc<Intake>,
    lists: Lists,
    /// Who has asked when (RULES R71).
    polls: Polls,
}

/// The routes of the exchange.
pub(crate) fn routes(house: Arc<House>, intake: Arc<Intake>) -> Router {
    let exchange = Arc::new(Exchange { house, intake, lists: Lists::default(), polls: Polls::default() });
    let serve = any(move |request: Request| {
        let exchange = exchange.clone();
        async move { exchange.serve(request).await }
    });
    let router = Router::new().route(BASE, serve.clone());
    router.route("/vxp/", serve.clone()).route("/vxp/{*call}", serve)
}

impl Exchange {
    fn desk(&self) -> &Desk {
        self.intake.desk()
    }

    async fn serve(self: Arc<Self>, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().strip_prefix(BASE).unwrap_or_default();
        let routed = Name::route(parts.method.as_str(), path);
        let name = routed.as_ref().ok().copied().or_else(|| Name::of_path(path));
        let caller = match self.authenticate(&parts).await {
            Ok(caller) => routed.map(|name| (name, caller)),
            Err(error) => Err(error),
        };
        let answered = match caller {
            Err(error) => {
                // A client that is cut off while it writes hears nothing of the refusal (VXP 0.10). Nothing is kept.
                drain(body, self.desk().limits.package_bytes_max).await;
                Err(error)
            }
            Ok((Name::Send, (signed, system))) => self.send(&parts, &signed, system, body).await,
            Ok((name, (signed, system))) => match self.call(name, &signed, &system, &parts, body).await {
                Ok(Answered::Ready(response)) => return response,
                Ok(Answered::Text(answer)) => Ok(answer),
                Err(error) => Err(error),
            },
        };
        let answer = answered.unwrap_or_else(|error| {
            tracing::info!(call = ?name, code = error.code(), "a call of the exchange was refused");
            answer::refused(name, &error)
        });
        respond(answer, parts.version)
    }

    /// Who calls (VXP 2).
    async fn authenticate(&self, parts: &Parts) -> Result<(auth::Signed, ExchangeSystem), Error> {
        let headers: Vec<auth::Header<'_>> =
            parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let presented = auth::presented(&headers, &self.desk().limits)?;
        let id = presented.system_id();
        let system = match id.len() <= SYSTEM_ID_MAX {
            true => self
                .house
                .store
                .read((id.to_owned(), self.house.now()), |tx, (id, now)| {
                    Box::pin(async move { tx.system(id, *now).await })
                })
                .await
                .map_err(Error::from)?,
            false => None,
        };
        let secret = system.as_ref().map(|system| &system.secret);
        let signed = auth::verify(&presented, secret, &headers, &self.desk().limits)?;
        // `verify` lets nobody through without a secret; this only says so to the compiler.
        system.map(|system| (signed, system)).ok_or(Error::NotAuthenticated)
    }

    /// Every call but `sendEdoc`.
    async fn call(
        &self,
        name: Name,
        signed: &auth::Signed,
        system: &ExchangeSystem,
        parts: &Parts,
        body: Body,
    ) -> Result<Answered, Error> {
        let patience = Duration::from_secs(self.house.config.http.request_seconds);
        let work = async {
            let body = match name.has_body() {
                true => take(body, self.desk().limits.call_body_bytes_max).await?,
                false => Vec::new(),
            };
            let call = call::read(name, signed, &body, &self.desk().limits)?;
            if name == Name::ReceivedList {
                self.polls.note(&self.house, &system.system_folded).await;
            }
            let now = self.house.now();
            Ok(match List::of(&call) {
                Some(list) => {
                    let lists = &self.lists;
                    let answer = lists.answer(self.desk(), list, now, &parts.headers, parts.version).await?;
                    Answered::Ready(answer)
                }
                None => match self.desk().answer(system, call, now).await? {
                    registry::exchange::Answered::Words(answer) => Answered::Text(answer),
                    registry::exchange::Answered::Package { pieces, is_json } => {
                        Answered::Ready(handing::answer(pieces, is_json, parts.version))
                    }
                },
            })
        };
        tokio::time::timeout(patience, work).await.unwrap_or(Err(Error::Unavailable))
    }

    async fn send(
        &self,
        parts: &Parts,
        signed: &auth::Signed,
        system: ExchangeSystem,
        body: Body,
    ) -> Result<Answer, Error> {
        let system = Arc::new(system);
        let package = match self.package(parts, signed, body).await {
            Ok(package) => package,
            Err(error) => {
                self.intake.refuse_unread(&system, &error).await;
                return Err(error);
            }
        };
        let Package { bytes, sha256, parameters, _room } = package;
        let taken = self.intake.take_in(bytes, sha256, parameters, system).await?;
        let doc_id = taken.accepted.document_id.to_string();
        Ok(answer::sent(&doc_id, &taken.warnings, &taken.accepted.receipt))
    }

    /// Takes a package out of a request, when there is room for it.
    async fn package(&self, parts: &Parts, signed: &auth::Signed, body: Body) -> Result<Package, Error> {
        let max = self.desk().limits.package_bytes_max;
        let parameters = match call::read(Name::Send, signed, &[], &self.desk().limits) {
            Ok(Call::Send(parameters)) => parameters,
            Ok(_) => return Err(Error::Internal),
            Err(error) => {
                drain(body, max).await;
                return Err(error);
            }
        };
        let room = match self.intake.enter(body.size_hint().exact()).await {
            Ok(room) => room,
            Err(error) => {
                drain(body, max).await;
                return Err(error);
            }
        };
        // Two bytes CRLF follow the package, and a form has its frame (VXP 3.8).
        let body = spool(body, max.saturating_add(64 * 1024), self.house.store.spool()).await?;
        let content_type = parts.headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes().to_vec());
        let hash_file = parameters.hash_file.clone();
        let package = blocking(move || {
            let (range, sha256) = send::package_in(content_type.as_deref(), &body, hash_file.as_deref())?;
            Ok::<_, Error>((body.part(range.start, range.end - range.start), sha256))
        });
        let (bytes, sha256) = package.await??;
        Ok(Package { bytes, sha256, parameters, _room: room })
    }
}

fn respond(answer: Answer, version: Version) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    put_headers(&mut response, answer.headers, version);
    response
}

fn put_headers(response: &mut Response, headers: Vec<(&'static str, String)>, version: Version) {
    for (name, value) in headers {
        // HTTP/2 has no connections of one request to end (RFC 9113 §8.2.2).
        if name.eq_ignore_ascii_case("connection") && version == Version::HTTP_2 {
            continue;
        }
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests;
