//! The public page's door: `/kiem-tra` (UX.md V1–V3). Takes a file in, has it judged as every other judgement is, asks the
//! registry what became of the document, and forgets the file. `web` makes the pages.
//!
//! Everything that anybody could use up has an end: bytes in memory, places at the judge, time for sending and for
//! judging, visits of one address.

pub(crate) mod line;
mod upload;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use certs::note::VerifierKey;
use mail::Timestamp;
use registry::known::{self, Holder, Known};
use registry::receipt::{self, Verdict};
use serde::Deserialize;
use signer::judge::CertificateReport;
use signer::{Evidence, Format, Input, Judged, Policy, SignatureReport};
use tokio::sync::Semaphore;
use tower_http::set_header::SetResponseHeaderLayer;
use web::Lang;
use web::check::{AnchorRow, Checked, Trouble, UPLOAD_MAX};

use crate::evidence::Case;
use crate::house::House;
use crate::http::{Peer, problem};
use crate::metrics::Outcome;
use crate::proof::LogVerifier;
use crate::sequencer::LogKey;
use line::{Line, Rate};
use upload::Upload;

/// Our own style and pictures, forms to ourselves, nothing else: no script at all.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";
/// How long somebody waits in line before being asked to come again.
const IN_LINE: Duration = Duration::from_secs(20);
/// The registry answers within milliseconds; a page does not wait for one that is down.
const REGISTRY: Duration = Duration::from_secs(3);
/// The unit in which memory is shared out.
const KIB: usize = 1024;

/// What checks.
struct Desk {
    house: Arc<House>,
    line: Line,
    rate: Rate,
    /// KiB of uploads that may be in memory.
    memory: Semaphore,
    log: LogVerifier,
}

/// The routes of the page; none when it is switched off.
pub(crate) fn routes(house: Arc<House>) -> anyhow::Result<Router> {
    let config = &house.config.check;
    if !config.enabled {
        return Ok(Router::new());
    }
    let key: VerifierKey = LogKey::read(&house)?.verifier()?.parse()?;
    let memory = (config.memory_bytes_max / KIB).clamp(UPLOAD_MAX / KIB + 64, Semaphore::MAX_PERMITS);
    let desk = Arc::new(Desk {
        line: Line::new(config.at_once, config.waiting_max),
        rate: Rate::new(config.per_minute),
        memory: Semaphore::new(memory),
        log: LogVerifier(key),
        house,
    });
    let fixed = |name, value| SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value));
    let style =
        |text: &'static str| get(async move || ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], text));
    Ok(Router::new()
        .route("/kiem-tra", get(form).post(check))
        .route("/kiem-tra/cach-doc", get(guide))
        .layer(fixed(header::CONTENT_SECURITY_POLICY, POLICY))
        .layer(fixed(header::VARY, "Accept, Accept-Language"))
        .layer(fixed(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
        .layer(fixed(header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"))
        .route("/bao-cao.css", style(web::REPORT_STYLE))
        .route("/kiem-tra.css", style(web::check::STYLE))
        .with_state(desk))
}

/// `?lang=`.
#[derive(Default, Deserialize)]
struct Asked {
    lang: Option<String>,
}

fn language(asked: &Asked, headers: &HeaderMap) -> Lang {
    let accept = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Lang::choose(asked.lang.as_deref(), accept)
}

async fn form(Query(asked): Query<Asked>, headers: HeaderMap) -> Html<String> {
    Html(web::check::form(language(&asked, &headers), None))
}

async fn guide(
    State(desk): State<Arc<Desk>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Html<String> {
    let trust = desk.house.trust.current();
    let word = |value: serde_json::Result<serde_json::Value>| {
        value.ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let rows: Vec<AnchorRow> = trust
        .anchors()
        .iter()
        .map(|anchor| AnchorRow {
            name: CertificateReport::new(anchor.certificate()).subject,
            fingerprint: anchor.fingerprint().to_string(),
            purposes: anchor.purposes().iter().map(|purpose| word(serde_json::to_value(purpose))).collect(),
            hierarchy: word(serde_json::to_value(anchor.hierarchy())),
            source: anchor.source().to_owned(),
            until: Timestamp::from_secs(anchor.certificate().not_after()),
        })
        .collect();
    Html(web::check::guide(language(&asked, &headers), &rows, desk.house.trust.changed_at()))
}

/// What a check came to.
enum Answer {
    Document { judged: Box<Judged>, known: Option<Known>, holders: Vec<Holder>, file_name: Option<String> },
    Receipt { verdict: Box<Verdict>, known: Option<Known> },
}

async fn check(
    State(desk): State<Arc<Desk>>,
    Query(asked): Query<Asked>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let lang = language(&asked, &parts.headers);
    let answered = match desk.rate.visit(visitor(peer, &parts.headers), desk.house.now()) {
        Ok(()) => desk.clone().answer(&parts, body).await,
        Err(seconds) => {
            upload::drain(body).await;
            Err(Trouble::TooOften { seconds })
        }
    };
    desk.count(&answered);
    let wants_json = parts.headers.get(header::ACCEPT).is_some_and(|accept| accept == "application/json");
    match (answered, wants_json) {
        (Ok(answer), true) => json(&answer),
        (Ok(answer), false) => page(lang, &answer, desk.house.now()),
        (Err(trouble), wants_json) => refused(lang, trouble, wants_json),
    }
}

/// Whose share a visit counts against. On the loopback door a front speaks for its visitors: the last address it wrote.
pub(crate) fn visitor(peer: Peer, headers: &HeaderMap) -> IpAddr {
    let own = peer.0.ip();
    let told = headers
        .get_all("x-forwarded-for")
        .iter()
        .next_back()
        .and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse::<IpAddr>().ok());
    told.filter(|_| own.to_canonical().is_loopback()).unwrap_or(own)
}

impl Desk {
    async fn answer(self: Arc<Self>, parts: &Parts, body: axum::body::Body) -> Result<Answer, Trouble> {
        let length =
            parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let most = upload::BODY_MAX;
        let wanted: usize = length.unwrap_or(most);
        if wanted > most {
            upload::drain(body).await;
            return Err(Trouble::TooLarge);
        }
        let share = u32::try_from(wanted / KIB + 1).unwrap_or(u32::MAX);
        let memory = match tokio::time::timeout(IN_LINE, self.memory.acquire_many(share)).await {
            Ok(Ok(memory)) => memory,
            _ => {
                upload::drain(body).await;
                return Err(Trouble::Busy { ahead: self.line.waiting() });
            }
        };
        let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let body = upload::take(body).await?;
        let upload = upload::read(content_type.unwrap_or_default().to_owned(), body).await?;
        let answer = self.clone().judge(upload).await;
        drop(memory);
        answer
    }

    async fn judge(self: Arc<Self>, upload: Upload) -> Result<Answer, Trouble> {
        let Upload { bytes, content, file_name } = upload;
        if bytes.trim_ascii_start().starts_with(b"{") {
            return Ok(self.receipt(&bytes).await);
        }
        let input = Input::from(bytes).with_content(content);
        if Format::sniff(&input.bytes).is_none() {
            return Err(Trouble::WrongType);
        }
        let place = self.line.enter(IN_LINE).await.map_err(|ahead| Trouble::Busy { ahead })?;
        let case = Case { input, policy: Arc::new(self.house.trust.policy()), now: self.house.now() };
        let desk = self.clone();
        // A task of its own: it keeps its place until the judge is done, also when nobody waits for the answer any more.
        let work = tokio::spawn(async move {
            let judged = judge_as_registered(&desk.house, case).await;
            drop(place);
            judged
        });
        let patience = Duration::from_secs(self.house.config.check.seconds.max(1));
        let (judged, holders) = match tokio::time::timeout(patience, work).await {
            Ok(Ok(judged)) => judged,
            Ok(Err(error)) => {
                tracing::error!("a check on the public page did not end well: {error}");
                return Err(Trouble::Failed);
            }
            Err(_) => return Err(Trouble::TookTooLong),
        };
        let known = self.known(*judged.sha256()).await;
        Ok(Answer::Document { judged: Box::new(judged), known, holders, file_name })
    }

    async fn receipt(&self, file: &[u8]) -> Answer {
        let verdict = Box::new(receipt::verify(file, &self.log));
        let known = match &*verdict {
            Verdict::Proven(receipt) => match receipt.document_digest() {
                Some(sha256) => self.known(sha256).await,
                None => None,
            },
            _ => None,
        };
        Answer::Receipt { verdict, known }
    }

    /// What became of the document a file belongs to; `None` when the registry cannot be asked.
    async fn known(&self, sha256: [u8; 32]) -> Option<Known> {
        let asked = self
            .house
            .store
            .read(sha256, |tx, sha256| Box::pin(async move { known::look_up(tx, sha256).await }));
        match tokio::time::timeout(REGISTRY, asked).await {
            Ok(Ok(known)) => Some(known),
            Ok(Err(error)) => {
                tracing::warn!("the registry could not be asked about a file: {error}");
                None
            }
            Err(_) => None,
        }
    }

    fn count(&self, answered: &Result<Answer, Trouble>) {
        let outcome = match answered {
            Ok(Answer::Document { judged, .. }) => match judged.verdict() {
                signer::Verdict::Valid => "valid",
                signer::Verdict::Indeterminate => "indeterminate",
                signer::Verdict::Invalid => "invalid",
            },
            Ok(Answer::Receipt { .. }) => "receipt",
            Err(_) => "refused",
        };
        self.house.metrics.checks.get_or_create(&Outcome { outcome }).inc();
    }
}

/// Judges, looks up whose certificates these are (RULES D25), and judges again where that changes what a signature
/// speaks for.
pub(crate) async fn judge_as_registered(house: &House, mut case: Case) -> (Judged, Vec<Holder>) {
    let judged = house.fetcher.judge(&case, Evidence::default()).await;
    let now = house.now();
    let asked = house.store.read(judged.clone(), move |tx, judged| {
        Box::pin(async move { known::holders(tx, judged.report(), now).await })
    });
    let holders = match tokio::time::timeout(REGISTRY, asked).await {
        Ok(Ok(holders)) => holders,
        Ok(Err(error)) => {
            tracing::warn!("the register of signers could not be asked: {error}");
            Vec::new()
        }
        Err(_) => Vec::new(),
    };
    let roles: HashMap<_, _> =
        holders.iter().filter_map(|h| Some((h.fingerprint.parse().ok()?, h.role))).collect();
    let is_known = |signature: &SignatureReport| {
        let certificate = signature.certificate.as_ref();
        certificate.and_then(|c| roles.get(&c.sha256)).is_none_or(|role| *role == signature.role)
    };
    if judged.report().signatures.iter().all(is_known) {
        return (judged, holders);
    }
    case.policy = Arc::new(Policy { roles, ..Policy::clone(&case.policy) });
    (house.fetcher.judge(&case, Evidence::default()).await, holders)
}

fn page(lang: Lang, answer: &Answer, now: Timestamp) -> Response {
    let page = match answer {
        Answer::Document { judged, known, holders, file_name } => {
            let file_name = file_name.clone();
            web::check::result(lang, &Checked { judged, known: known.as_ref(), holders, file_name })
        }
        Answer::Receipt { verdict, known } => web::check::receipt(lang, verdict, known.as_ref(), now),
    };
    ([(header::CACHE_CONTROL, "no-store")], Html(page)).into_response()
}

/// The same for programs: the report of `congvan verify --json`, with what the registry knows.
fn json(answer: &Answer) -> Response {
    let standing = |known: &Option<Known>| match known {
        None => serde_json::Value::Null,
        Some(Known::Unknown) => serde_json::json!({ "standing": "unknown" }),
        Some(Known::Active) => serde_json::json!({ "standing": "active" }),
        Some(Known::Recalled { at }) => serde_json::json!({ "standing": "recalled", "at": at.to_string() }),
        Some(Known::Replaced { by, at }) => {
            serde_json::json!({ "standing": "replaced", "by": by, "at": at.to_string() })
        }
    };
    let body = match answer {
        Answer::Document { judged, known, .. } => {
            let mut report = serde_json::to_value(judged.report()).unwrap_or_default();
            report["registry"] = standing(known);
            report
        }
        Answer::Receipt { verdict, known } => {
            let (word, trouble) = match &**verdict {
                Verdict::Proven(_) => ("proven", None),
                Verdict::NotProven(trouble) => ("not-proven", Some(trouble)),
                Verdict::CannotTell(trouble) => ("cannot-tell", Some(trouble)),
            };
            let reason = trouble.map(|t| serde_json::json!({ "code": t.code(), "vi": t.vi(), "en": t.en() }));
            serde_json::json!({ "receipt": word, "reason": reason, "registry": standing(known) })
        }
    };
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (headers, body.to_string()).into_response()
}

fn refused(lang: Lang, trouble: Trouble, wants_json: bool) -> Response {
    let status = StatusCode::from_u16(trouble.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match wants_json {
        true => {
            let text = format!("{} / {}", trouble.text(Lang::Vi), trouble.text(Lang::En));
            problem(status, trouble.code(), &text)
        }
        false => (status, Html(web::check::form(lang, Some(trouble)))).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = trouble.retry_after() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
