//! What we publish ourselves: the MTA-STS policy of our own domains (RFC 8461 §3), from the configuration.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use mail::Domain;
use smtp::mta_sts::{Mode, Policy};

use crate::config::Config;
use crate::house::House;

/// Letters of a policy's id (RFC 8461 §3.1 allows 32).
const ID_LETTERS: usize = 20;

/// The policy of each of our domains.
///
/// # Errors
/// A host in the configuration is none.
pub(crate) fn policy(config: &Config) -> anyhow::Result<Policy> {
    let mail = &config.mail;
    let mode = Mode::from_word(&mail.mta_sts_mode).context("mail.mta_sts_mode")?;
    let hosts = match mail.mta_sts_hosts.is_empty() {
        true => vec![config.house.hostname.clone()],
        false => mail.mta_sts_hosts.clone(),
    };
    let max_age = Duration::from_secs(mail.mta_sts_days.saturating_mul(86_400));
    Policy::new(mode, &hosts, max_age).context("mail.mta_sts_hosts: not a host (tên máy không hợp lệ)")
}

/// The text of `https://mta-sts.DOMAIN/.well-known/mta-sts.txt` for each of our domains.
///
/// # Errors
/// As [`policy`].
pub(crate) fn policy_text(config: &Config) -> anyhow::Result<String> {
    policy(config).map(|policy| policy.to_string())
}

/// The TXT record to publish at `_mta-sts.DOMAIN`: its id changes with the policy, and with nothing else.
///
/// # Errors
/// As [`policy`].
pub(crate) fn record(config: &Config) -> anyhow::Result<String> {
    let digest = ring::digest::digest(&ring::digest::SHA256, policy_text(config)?.as_bytes());
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("v=STSv1; id={};", hex.get(..ID_LETTERS).unwrap_or_default()))
}

/// The place where others fetch it.
pub(crate) fn routes(house: Arc<House>) -> Router {
    Router::new().route("/.well-known/mta-sts.txt", get(answer)).with_state(house)
}

/// The host that was asked says for which domain.
async fn answer(State(house): State<Arc<House>>, uri: axum::http::Uri, headers: HeaderMap) -> Response {
    let none = || (StatusCode::NOT_FOUND, "no policy\n").into_response();
    let named = headers.get(header::HOST).and_then(|host| host.to_str().ok()).or(uri.host());
    let Some(domain) = named.and_then(asked_about) else { return none() };
    let read =
        house.store.read(domain, |tx, domain| Box::pin(async move { tx.is_local_domain(domain).await }));
    let is_ours: Result<bool, store::Error> = read.await;
    match (is_ours, policy_text(&house.config)) {
        (Ok(true), Ok(text)) => ([(header::CONTENT_TYPE, "text/plain")], text).into_response(),
        (Ok(false), _) => none(),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "later\n").into_response(),
    }
}

/// `mta-sts.DOMAIN`, perhaps with a port.
fn asked_about(host: &str) -> Option<Domain> {
    let host = host.split_once(':').map_or(host, |(host, _)| host).to_ascii_lowercase();
    host.strip_prefix("mta-sts.")?.trim_end_matches('.').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_8461_what_we_publish_is_what_others_read() {
        let mut config = Config::default();
        config.house.hostname = "mx.a.vn".to_owned();
        config.mail.mta_sts_mode = "enforce".to_owned();
        let text = policy_text(&config).unwrap();
        let read = Policy::parse(text.as_bytes()).unwrap();
        assert_eq!((read.mode(), read.names("mx.a.vn")), (Mode::Enforce, true));
        let record_before = record(&config).unwrap();
        assert!(smtp::mta_sts::announced(std::slice::from_ref(&record_before)).is_some());
        config.mail.mta_sts_mode = "testing".to_owned();
        assert_ne!(record(&config).unwrap(), record_before);
        config.mail.mta_sts_hosts = vec!["not a host".to_owned()];
        assert!(policy(&config).is_err());
    }

    #[test]
    fn the_host_says_for_which_domain() {
        for (host, domain) in [
            ("mta-sts.a.vn", Some("a.vn")),
            ("MTA-STS.A.VN:443", Some("a.vn")),
            ("a.vn", None),
            ("mta-sts.", None),
        ] {
            let found = asked_about(host);
            assert_eq!(found.as_ref().map(Domain::as_str), domain, "{host}");
        }
    }
}
