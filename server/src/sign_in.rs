//! Who is at the door: `directory` judges, and the slow part runs where blocking is allowed.

use std::net::IpAddr;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use directory::Said;
use directory::sign_in::{Claim, HashWork, Refusal, SignedIn};
use mail::Secret;

use crate::house::House;
use crate::http::problem_headed;

/// A header longer than this is no password.
const AUTHORIZATION_MAX: usize = 4096;

/// Checks an address and a password.
pub(crate) async fn sign_in(
    house: &House,
    address: &str,
    password: Secret<String>,
    source: IpAddr,
) -> Result<SignedIn, Refusal> {
    let address = address.parse().map_err(|_| Refusal::Wrong)?;
    let claim = Claim { address, password, source: source.to_canonical() };
    let blocking = async |work: HashWork| tokio::task::spawn_blocking(|| work.run()).await.ok();
    house.sign_in.sign_in(&house.store, claim, house.now(), blocking).await
}

/// Basic authentication (RFC 7617), over TLS or on a loopback door.
pub(crate) async fn basic(house: &House, headers: &HeaderMap, source: IpAddr) -> Result<SignedIn, Response> {
    let (address, password) = credentials(headers).ok_or_else(|| refused(&Refusal::Wrong))?;
    sign_in(house, &address, password, source).await.map_err(|refusal| refused(&refusal))
}

fn credentials(headers: &HeaderMap) -> Option<(String, Secret<String>)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, pair) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || pair.len() > AUTHORIZATION_MAX {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(pair.trim()).ok()?).ok()?;
    let (address, password) = pair.split_once(':')?;
    Some((address.to_owned(), Secret::from(password)))
}

fn refused(refusal: &Refusal) -> Response {
    if let Refusal::Store(error) = refusal {
        tracing::warn!("signing in failed in the store: {error}");
    }
    let said = refusal.said();
    let status = match refusal {
        Refusal::Busy | Refusal::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::LockedUntil(_) => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Wrong | Refusal::Disabled(_) | Refusal::OneTimeExpired => StatusCode::UNAUTHORIZED,
    };
    let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"congvan\", charset=\"UTF-8\"")];
    problem_headed(status, challenge, said.code, &format!("{} / {}", said.vi, said.en))
}
