//! The policies of other domains (RFC 8461): announced in DNS, fetched over HTTPS, kept for as long as they say.
//!
//! What must stay true: a policy that holds is never given up because something cannot be looked up or fetched; whoever can
//! suppress answers must not be able to suppress a policy.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hickory_resolver::proto::rr::RecordType;
use mail::Timestamp;
use reqwest::header::CONTENT_TYPE;
use smtp::mta_sts::{self, POLICY_BYTES_MAX, Policy};
use smtp::send::{Demand, TlsPolicy};
use smtp::tls_report::{Failure, PolicyKind};
use store::MtaStsRow;
use tokio::sync::Semaphore;

use super::outcomes::Counter;
use super::{Policies, Way};
use crate::dns::ask::{Addresses, Asker};
use crate::house::House;

/// How long a fetch may take (RFC 8461 §3.3 advises a minute); mail waits for it.
const PATIENCE: Duration = Duration::from_secs(20);
/// Fetches at once.
const AT_ONCE: usize = 4;
/// After a fetch that failed (RFC 8461 §3.3).
const RETRY: Duration = Duration::from_secs(5 * 60);
/// A policy is fetched again when it is as old as this, or half as old as it may become (RFC 8461 §3.3 advises a day).
const FRESH: Duration = Duration::from_secs(86_400);
/// How often policies are looked over that would end although nobody sends mail there.
const RENEW_EVERY: Duration = Duration::from_secs(3_600);
/// Policies renewed in one turn.
const RENEWED_MAX: i64 = 200;
/// How long what has ended is still remembered.
const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);

/// Gets policies.
pub(super) struct Shelf {
    asker: Arc<Asker>,
    client: reqwest::Client,
    places: Semaphore,
}

impl Shelf {
    pub(super) fn new(house: &House, asker: Arc<Asker>) -> anyhow::Result<Self> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("congvan/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .https_only(true)
            .no_proxy()
            .dns_resolver(Arc::new(Addresses(asker.clone())))
            .timeout(PATIENCE);
        if let Some(path) = house.config.peer_anchors() {
            let pem = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(&pem)?);
        }
        let client = match builder.build() {
            Ok(client) => client,
            Err(error) => {
                // A machine that trusts nobody can still send mail; it finds no policies.
                tracing::warn!("policies of other domains cannot be fetched: {error}");
                reqwest::Client::builder().tls_certs_only([]).build()?
            }
        };
        Ok(Self { asker, client, places: Semaphore::new(AT_ONCE) })
    }

    /// The policy that holds for a domain now.
    ///
    /// # Errors
    /// The store does not answer.
    pub(super) async fn policy(
        &self,
        house: &House,
        counter: &Counter,
        domain: &str,
    ) -> Result<Option<Policy>, store::Error> {
        let row = kept(house, domain).await?;
        let announced = match self.asker.ask(&format!("_mta-sts.{domain}"), RecordType::TXT).await {
            Ok(answer) => mta_sts::announced(&answer.texts()).map(str::to_owned),
            Err(_) => None,
        };
        let holds = row.as_ref().and_then(|row| held(row, house.now()));
        let Some(id) = announced else { return Ok(holds) };
        if row.as_ref().is_some_and(|row| is_settled(row, &id, house.now())) {
            return Ok(holds);
        }
        let Ok(_place) = self.places.acquire().await else { return Ok(holds) };
        // Somebody else may have fetched it meanwhile.
        let row = kept(house, domain).await?;
        match row {
            Some(row) if is_settled(&row, &id, house.now()) => Ok(held(&row, house.now())),
            row => self.renewed(house, counter, domain, (&id, row)).await,
        }
    }

    /// Fetches a policy and keeps it; one that cannot be fetched leaves the old one in force.
    async fn renewed(
        &self,
        house: &House,
        counter: &Counter,
        domain: &str,
        (id, old): (&str, Option<MtaStsRow>),
    ) -> Result<Option<Policy>, store::Error> {
        let fetched = self.fetch(domain).await;
        let now = house.now();
        let (row, policy) = match fetched {
            Ok((text, policy)) => {
                let row = MtaStsRow {
                    domain: domain.to_owned(),
                    policy_id: id.to_owned(),
                    policy: text,
                    fetched_at: now,
                    expires_at: now.plus(policy.max_age()),
                    retry_at: now,
                };
                (row, Some(policy))
            }
            Err(failure) => {
                tracing::info!(reason = failure.as_str(), "a domain's TLS policy cannot be had");
                let demand = Demand::house(TlsPolicy::Opportunistic);
                let way = Way { kind: PolicyKind::Sts, ..Way::plain(demand, domain) };
                counter.add(&way, "", Some(failure), now);
                let none = || MtaStsRow {
                    domain: domain.to_owned(),
                    policy_id: String::new(),
                    policy: String::new(),
                    fetched_at: now,
                    expires_at: now,
                    retry_at: now,
                };
                let row = MtaStsRow { retry_at: now.plus(RETRY), ..old.unwrap_or_else(none) };
                let policy = held(&row, now);
                (row, policy)
            }
        };
        let written = house
            .store
            .write("keep a TLS policy", row, |tx, row| Box::pin(async move { tx.put_mta_sts(row).await }));
        written.await.map(|()| policy)
    }

    /// RFC 8461 §3.3: no redirects, a certificate that is valid for the host, text/plain, of bounded size.
    async fn fetch(&self, domain: &str) -> Result<(String, Policy), Failure> {
        let url = format!("https://mta-sts.{domain}/.well-known/mta-sts.txt");
        let mut response = self.client.get(url).send().await.map_err(|error| network(&error))?;
        let is_text =
            response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
                value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/plain")
            });
        if response.status() != reqwest::StatusCode::OK {
            return Err(Failure::StsPolicyFetchError);
        }
        if !is_text {
            return Err(Failure::StsPolicyInvalid);
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| network(&error))? {
            if bytes.len() + chunk.len() > POLICY_BYTES_MAX {
                return Err(Failure::StsPolicyInvalid);
            }
            bytes.extend_from_slice(&chunk);
        }
        let policy = Policy::parse(&bytes).map_err(|_| Failure::StsPolicyInvalid)?;
        Ok((policy.to_string(), policy))
    }
}

async fn kept(house: &House, domain: &str) -> Result<Option<MtaStsRow>, store::Error> {
    let read =
        house.store.read(domain.to_owned(), |tx, domain| Box::pin(async move { tx.mta_sts(domain).await }));
    read.await
}

/// The policy that a row still holds.
fn held(row: &MtaStsRow, now: Timestamp) -> Option<Policy> {
    if row.expires_at <= now {
        return None;
    }
    Policy::parse(row.policy.as_bytes()).ok()
}

/// Whether nothing is to be fetched now: it is what is announced and young enough, or fetching failed a moment ago.
fn is_settled(row: &MtaStsRow, id: &str, now: Timestamp) -> bool {
    let half = row.expires_at.since(row.fetched_at) / 2;
    let is_young = row.fetched_at.plus(half.min(FRESH)) > now;
    (row.policy_id == id && row.expires_at > now && is_young) || row.retry_at > now
}

/// Why a fetch failed: by the certificate, or by anything else.
fn network(error: &reqwest::Error) -> Failure {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        tracing::debug!("a policy's host: {cause}");
        let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = cause
            .downcast_ref::<rustls::Error>()
            .or_else(|| inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()));
        if matches!(tls, Some(rustls::Error::InvalidCertificate(_))) {
            return Failure::StsWebpkiInvalid;
        }
        source = cause.source();
    }
    Failure::StsPolicyFetchError
}

/// Renews policies that would end, until the house stops (RFC 8461 §10.2: else whoever waits for it can strip TLS once).
pub(super) async fn renew(policies: Arc<Policies>) {
    let house = &policies.house;
    loop {
        tokio::select! {
            () = house.stop.cancelled() => return,
            () = tokio::time::sleep(RENEW_EVERY) => {}
        }
        if let Err(error) = renew_some(&policies).await {
            tracing::warn!("policies of other domains could not be renewed: {error}");
        }
    }
}

async fn renew_some(policies: &Policies) -> Result<(), store::Error> {
    let house = &policies.house;
    let now = house.now();
    let input = (now, now.plus(FRESH));
    let ending = house.store.read(input, |tx, (now, until)| {
        Box::pin(async move { tx.mta_sts_ending(*now, *until, RENEWED_MAX).await })
    });
    for row in ending.await? {
        if house.stop.is_cancelled() {
            break;
        }
        policies.sts.policy(house, &policies.counter, &row.domain).await?;
    }
    let gone = house.store.write("forget TLS policies", now.minus(REMEMBERED), |tx, before| {
        Box::pin(async move { tx.drop_mta_sts(*before).await })
    });
    let _: u64 = gone.await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, fetched: i64, expires: i64, retry: i64) -> MtaStsRow {
        MtaStsRow {
            domain: "b.vn".to_owned(),
            policy_id: id.to_owned(),
            policy: "version: STSv1\nmode: enforce\nmx: mx.b.vn\nmax_age: 1\n".to_owned(),
            fetched_at: Timestamp::from_secs(fetched),
            expires_at: Timestamp::from_secs(expires),
            retry_at: Timestamp::from_secs(retry),
        }
    }

    #[test]
    fn rfc_8461_section_3_3_when_a_policy_is_fetched_again() {
        let day = 86_400;
        let week = 7 * day;
        for (id, fetched, expires, retry, now, settled, holds) in [
            // As announced, and young.
            ("1", 0, week, 0, day - 1, true, true),
            // A day old.
            ("1", 0, week, 0, day, false, true),
            // Half of its short life.
            ("1", 0, 600, 0, 299, true, true),
            ("1", 0, 600, 0, 300, false, true),
            // Another one is announced.
            ("0", 0, week, 0, 1, false, true),
            // Fetching failed a moment ago: the old one holds, until it ends.
            ("0", 0, week, 300, 1, true, true),
            ("0", 0, 100, 300, 200, true, false),
            ("1", 0, 600, 0, 600, false, false),
        ] {
            let (row, now) = (row(id, fetched, expires, retry), Timestamp::from_secs(now));
            assert_eq!(
                (is_settled(&row, "1", now), held(&row, now).is_some()),
                (settled, holds),
                "{row:?} {now:?}"
            );
        }
    }
}
