//! The exchange's door: `/vxp/<call>` (VXP). Takes requests in, has packages judged, and answers in the protocol's own
//! words; what is accepted and why is `registry`'s business.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, Version, header};
use axum::response::Response;
use axum::routing::any;
use bytes::Bytes;
use certs::note::{Note, NoteSigner};
use http_body_util::BodyExt;
use registry::accept::{self, Accepted, Arrived, Desk, Examined, Pending, Screened};
use registry::vxp::call::{Call, Name, SendParameters};
use registry::vxp::{Answer, answer, auth, call, send};
use registry::{Error, Limits};
use signer::{Judged, Policy, Role};
use store::{ExchangeSystem, SignerRole};
use tokio::sync::Semaphore;

use crate::evidence;
use crate::house::House;
use crate::metrics::Outcome;
use crate::sequencer::LogKey;

/// Below this path stand the calls.
const BASE: &str = "/vxp";
/// A body that does not move for so long is given up. Clients have no timeout of their own (VXP 1), so we need one; it
/// counts from the last piece, because a large package on a thin line takes its time.
const BODY_STILL: Duration = Duration::from_secs(60);
/// For reading away what is refused anyway, in all: a package of the largest size over a line of 6 Mbit/s. Whoever is
/// slower than that may be nobody we know, holding a connection.
const DRAIN: Duration = Duration::from_secs(300);
/// Characters of a system's id that are worth looking up. Ours: those known have fewer than 30.
const SYSTEM_ID_MAX: usize = 128;

/// The exchange and what it works with.
struct Exchange {
    house: Arc<House>,
    desk: Desk,
    /// Packages in memory at once.
    room: Semaphore,
}

/// The routes of the exchange.
pub(crate) fn routes(house: Arc<House>) -> anyhow::Result<Router> {
    let exchange = Arc::new(Exchange {
        desk: desk(&house)?,
        room: Semaphore::new(house.config.exchange.packages_at_once.max(1)),
        house,
    });
    let serve = any(move |request: Request| {
        let exchange = exchange.clone();
        async move { exchange.serve(request).await }
    });
    let router = Router::new().route(BASE, serve.clone());
    Ok(router.route("/vxp/", serve.clone()).route("/vxp/{*call}", serve))
}

/// What accepts packages for this house.
pub(crate) fn desk(house: &House) -> anyhow::Result<Desk> {
    let config = &house.config;
    let key = LogKey::read(house)?;
    let origin = config.ledger.origin.clone();
    let sign = {
        let origin = origin.clone();
        move |text: &str| {
            let signed = NoteSigner::new(&origin, key.key()).and_then(|signer| Note::sign(text, &[signer]));
            signed.inspect_err(|error| tracing::error!("the log cannot sign a promise: {error}")).ok()
        }
    };
    Ok(Desk {
        store: house.store.clone(),
        limits: Limits { package_bytes_max: config.exchange.package_bytes_max, ..Limits::default() },
        chance: house.chance.clone(),
        hostname: config.house.hostname.clone(),
        log: origin,
        sign: Arc::new(sign),
        signatures_required: config.exchange.signatures == "required",
    })
}

impl Exchange {
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
                drain(body, self.desk.limits.package_bytes_max).await;
                Err(error)
            }
            Ok((Name::Send, (signed, system))) => self.send(&parts, &signed, system, body).await,
            Ok((name, (signed, system))) => self.call(name, &signed, &system, body).await,
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
        let presented = auth::presented(&headers, &self.desk.limits)?;
        let id = presented.system_id();
        let system = match id.len() <= SYSTEM_ID_MAX {
            true => self
                .house
                .store
                .read(id.to_owned(), |tx, id| Box::pin(async move { tx.system(id).await }))
                .await
                .map_err(Error::from)?,
            false => None,
        };
        let secret = system.as_ref().map(|system| &system.secret);
        let signed = auth::verify(&presented, secret, &headers, &self.desk.limits)?;
        // `verify` lets nobody through without a secret; this only says so to the compiler.
        system.map(|system| (signed, system)).ok_or(Error::NotAuthenticated)
    }

    /// Every call but `sendEdoc`.
    async fn call(
        &self,
        name: Name,
        signed: &auth::Signed,
        system: &ExchangeSystem,
        body: Body,
    ) -> Result<Answer, Error> {
        let patience = Duration::from_secs(self.house.config.http.request_seconds);
        let work = async {
            let body = match name.has_body() {
                true => take(body, self.desk.limits.call_body_bytes_max).await?,
                false => Vec::new(),
            };
            let call = call::read(name, signed, &body, &self.desk.limits)?;
            self.desk.answer(system, call, self.house.now()).await
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
        let patience = Duration::from_secs(self.house.config.http.request_seconds);
        let max = self.desk.limits.package_bytes_max;
        let parameters = match call::read(Name::Send, signed, &[], &self.desk.limits) {
            Ok(Call::Send(parameters)) => parameters,
            Ok(_) => return Err(Error::Internal),
            Err(error) => {
                drain(body, max).await;
                return Err(error);
            }
        };
        let Ok(Ok(_room)) = tokio::time::timeout(patience, self.room.acquire()).await else {
            drain(body, max).await;
            return Err(Error::SlowDown);
        };
        // Two bytes CRLF follow the package, and a form has its frame (VXP 3.8).
        let body = take(body, max.saturating_add(64 * 1024)).await.inspect_err(|_| self.count("refused"))?;
        let content_type = parts.headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes().to_vec());
        let system = Arc::new(system);
        let accepted = self.accept(content_type, body, parameters, system).await;
        match &accepted {
            Ok((accepted, _)) => self.count(if accepted.is_repeat { "repeated" } else { "accepted" }),
            Err(_) => self.count("refused"),
        }
        accepted.map(|(accepted, warnings)| {
            answer::sent(&accepted.document_id.to_string(), &warnings, &accepted.receipt)
        })
    }

    fn count(&self, outcome: &'static str) {
        self.house.metrics.packages.get_or_create(&Outcome { outcome }).inc();
    }

    async fn accept(
        &self,
        content_type: Option<Vec<u8>>,
        body: Vec<u8>,
        parameters: SendParameters,
        system: Arc<ExchangeSystem>,
    ) -> Result<(Accepted, Vec<registry::package::Warning>), Error> {
        let limits = self.desk.limits.clone();
        let hash_file = parameters.hash_file.clone();
        let read = blocking(move || {
            let (range, sha256) = send::package_in(content_type.as_deref(), &body, hash_file.as_deref())?;
            let bytes = body.get(range).unwrap_or_default();
            let opened = accept::open(bytes, &limits);
            Ok::<_, Error>((Arc::<[u8]>::from(bytes), sha256, opened))
        });
        let (bytes, sha256, accept::Opened { package, parties }) = read.await??;
        let outcome = async {
            let package = package?;
            let warnings = package.warnings().to_vec();
            let arrived = Arrived { bytes, sha256, package, parameters, system: system.clone() };
            match self.desk.screen(arrived, self.house.now()).await? {
                Screened::Repeated(accepted) => Ok((accepted, warnings)),
                Screened::Pending(pending) => {
                    let (examined, package) = self.judge(&pending).await?;
                    let now = self.house.now();
                    let accepted = self.desk.keep(*pending, &examined, package.as_ref(), now).await?;
                    Ok((accepted, warnings))
                }
            }
        };
        let outcome = outcome.await;
        if let Err(error) = &outcome {
            self.desk.record_refusal(&system, &sha256, &parties, error, self.house.now()).await;
        }
        outcome
    }

    /// Has the files of a package judged, and the package itself where it is signed (RULES E30), with whatever evidence
    /// can be had.
    async fn judge(&self, pending: &Pending) -> Result<(Vec<Examined>, Option<Judged>), Error> {
        if pending.files().is_empty() && pending.signed_package().is_none() {
            return Ok((Vec::new(), None));
        }
        let policy = Arc::new(self.policy(pending));
        let mut examined = Vec::with_capacity(pending.files().len());
        for file in pending.files() {
            let (judged, bundle) = evidence::judge(&self.house, file.clone(), policy.clone()).await;
            examined.push(Examined { judged, bundle });
        }
        let package = match pending.signed_package() {
            Some(package) => Some(evidence::judge(&self.house, package.clone(), policy).await.0),
            None => None,
        };
        Ok((examined, package))
    }

    /// Trusts whom this installation trusts, and places certificates as the sending agency has registered them.
    fn policy(&self, pending: &Pending) -> Policy {
        let roles = pending.signers().iter().filter_map(|signer| {
            let role = match signer.role {
                SignerRole::Leader => Role::Leader,
                SignerRole::Seal => Role::Agency,
            };
            Some((registry::vxp::hash::full_hex(&signer.fingerprint).parse().ok()?, role))
        });
        Policy { roles: roles.collect(), ..self.house.trust.policy() }
    }
}

/// Work that takes longer than an async thread may be kept.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!("work for the exchange did not end well: {error}");
        Error::Internal
    })
}

/// The next piece of a body; `None` at its end.
async fn piece(body: &mut Body) -> Result<Option<Bytes>, Error> {
    loop {
        match tokio::time::timeout(BODY_STILL, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) | Err(_) => return Err(Error::DamagedBody),
        }
    }
}

/// Takes a body to its end, or to `max` bytes; what is more is read away and refused.
async fn take(mut body: Body, max: usize) -> Result<Vec<u8>, Error> {
    let mut taken = Vec::new();
    while let Some(piece) = piece(&mut body).await? {
        if taken.len().saturating_add(piece.len()) > max {
            drop(taken);
            drain(body, max).await;
            return Err(Error::TooLarge { max });
        }
        taken.extend_from_slice(&piece);
    }
    Ok(taken)
}

/// Reads a body away, `max` bytes at most: whoever sends more, or takes too long, is cut off.
async fn drain(mut body: Body, max: usize) {
    let read = async {
        let mut seen = 0usize;
        while seen <= max {
            match piece(&mut body).await {
                Ok(Some(piece)) => seen = seen.saturating_add(piece.len()),
                _ => return,
            }
        }
    };
    let _ = tokio::time::timeout(DRAIN, read).await;
}

fn respond(answer: Answer, version: Version) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        // HTTP/2 has no connections of one request to end (RFC 9113 §8.2.2).
        if name.eq_ignore_ascii_case("connection") && version == Version::HTTP_2 {
            continue;
        }
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests;
