//! The demonstration's authority as it answers on the web: certificates, CRLs, OCSP and timestamps.

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use certs::issue::{Authority, CrlDraft, OcspDraft, ocsp_refusal};
use certs::keys::Key;
use certs::revocation::{CertId, OcspRequest, OcspStatus};
use certs::{Certificate, Limits};

use super::pki::{Files, TIMESTAMP_POLICY};
use crate::house::House;
use crate::http::problem;

/// Requests to the responders are a few hundred bytes.
const REQUEST_MAX: usize = 64 * 1024;
/// How long a CRL or OCSP answer stays good, seconds.
const FRESH: i64 = 24 * 3600;

/// The authority's keys, read once.
struct Responders {
    house: Arc<House>,
    root: Authority,
    ca: Authority,
    ocsp: Authority,
    tsa_key: Key,
    tsa_chain: Vec<Certificate>,
    /// What the issuing CA has certified.
    issued: Vec<Certificate>,
}

/// The routes under `/demo`.
pub(crate) fn routes(house: Arc<House>) -> anyhow::Result<Router> {
    let files = Files::in_data(&house.config.house.data);
    let (tsa_key, tsa_chain) = files.read("tsa")?;
    let mut issued = files.issued()?;
    // The one for TLS lies where the doors read it; who asks about it (mail programs do, before they say a password) is answered as well.
    let tls = house.config.tls_certificate();
    let pem = std::fs::read(&tls).with_context(|| format!("cannot read {}", tls.display()))?;
    issued.extend(Certificate::all_from_pem(&pem, &Limits::default())?.into_iter().take(1));
    let responders = Responders {
        root: files.authority("root")?,
        ca: files.authority("ca")?,
        ocsp: files.authority("ocsp")?,
        tsa_key,
        tsa_chain,
        issued,
        house,
    };
    Ok(Router::new()
        .route("/demo/pki/{file}", get(file))
        .route("/demo/ocsp", post(ocsp))
        .route("/demo/tsa", post(timestamp))
        .layer(DefaultBodyLimit::max(REQUEST_MAX))
        .with_state(Arc::new(responders)))
}

fn typed(media_type: &'static str, body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, media_type)], body).into_response()
}

fn fault(error: certs::Error) -> Response {
    tracing::warn!("the demonstration's authority could not answer: {error}");
    problem(
        StatusCode::INTERNAL_SERVER_ERROR,
        "demo-pki",
        "CA trình diễn gặp lỗi. / The demonstration CA failed.",
    )
}

async fn file(State(responders): State<Arc<Responders>>, Path(file): Path<String>) -> Response {
    let authority = match file.split_once('.') {
        Some(("root", _)) => &responders.root,
        Some(("ca", _)) => &responders.ca,
        _ => {
            return problem(StatusCode::NOT_FOUND, "not-found", "Không có tệp này. / There is no such file.");
        }
    };
    match file.rsplit_once('.').map(|(_, kind)| kind) {
        Some("crt") => typed("application/pkix-cert", authority.certificate().der().to_vec()),
        Some("crl") => {
            let now = responders.house.now().secs();
            // The time is the number: it only grows.
            match CrlDraft::new(now, Some(now + FRESH), now.unsigned_abs()).signed_by(authority) {
                Ok(crl) => typed("application/pkix-crl", crl.der().to_vec()),
                Err(error) => fault(error),
            }
        }
        _ => problem(StatusCode::NOT_FOUND, "not-found", "Không có tệp này. / There is no such file."),
    }
}

async fn ocsp(State(responders): State<Arc<Responders>>, body: Bytes) -> Response {
    const MALFORMED: u8 = 1;
    let answer = match OcspRequest::from_der(&body, &Limits::default()) {
        Err(_) => ocsp_refusal(MALFORMED),
        Ok(request) => {
            let now = responders.house.now().secs();
            let ca = responders.ca.certificate();
            let issued_here = |id: &CertId| match responders.issued.iter().any(|known| id.names(known, ca)) {
                // The demonstration revokes nobody.
                true => OcspStatus::Good,
                false => OcspStatus::Unknown,
            };
            let draft = OcspDraft::answering(&request, now, Some(now + FRESH), issued_here);
            match draft.signed_by(&responders.ocsp) {
                Ok(response) => response.der().to_vec(),
                Err(error) => return fault(error),
            }
        }
    };
    typed("application/ocsp-response", answer)
}

async fn timestamp(State(responders): State<Arc<Responders>>, body: Bytes) -> Response {
    let authority = signer::tst::Authority {
        key: &responders.tsa_key,
        certificates: &responders.tsa_chain,
        policy: TIMESTAMP_POLICY,
    };
    let mut serial = [0; 8];
    responders.house.chance.fill(&mut serial);
    let now = responders.house.now().secs();
    // 63 random bits never repeat in the life of a demonstration.
    let answer = signer::tst::answer(&body, &authority, u64::from_be_bytes(serial) >> 1, now);
    typed("application/timestamp-reply", answer)
}
