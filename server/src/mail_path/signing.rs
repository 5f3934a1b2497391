//! Our signature on what our people send (DKIM, RFC 6376): the last stage, over the message as it will leave.

use std::pin::Pin;
use std::sync::Arc;

use anyhow::Context;
use mail::{Domain, Findings, Letter, Refused, Timestamp};
use store::{DkimSigner, Store};

use super::{Looked, Stage};
use crate::authentic::keys::Keys;
use crate::authentic::sign::{Prepared, Signer};
use crate::house::House;

/// The stage.
pub(super) struct Signing {
    house: Arc<House>,
    keys: Keys,
}

impl Signing {
    pub(super) fn new(house: &Arc<House>) -> Self {
        Self { house: house.clone(), keys: Keys::default() }
    }

    async fn sign(&self, letter: &Letter<'_>, findings: &mut Findings) -> Result<(), Refused> {
        let Some(domain) = author(letter).filter(|_| letter.door.is_ours()) else { return Ok(()) };
        let read: Result<_, store::Error> = self
            .house
            .store
            .read(domain.clone(), |tx, domain| Box::pin(async move { tx.dkim_signers(domain).await }))
            .await;
        let signers = read.map_err(|_| later())?;
        if signers.is_empty() {
            return Ok(());
        }
        let message =
            [findings.fields().as_bytes(), &findings.without_cuts(letter.message.to_vec())].concat();
        let prepared = Prepared::new(&message);
        let mut words = Vec::new();
        for found in &signers {
            let key = self.keys.read(found.secret.expose_secret().as_bytes()).ok_or_else(later)?;
            let signer = Signer {
                domain: domain.as_str(),
                selector: &found.selector,
                algorithm: found.algorithm,
                key: &key,
            };
            let seconds = letter.received_at.millis() / 1_000;
            findings.put_field(&prepared.signature(&signer, seconds).map_err(|_| later())?);
            words.push(found.algorithm.as_str());
        }
        findings.step("sign", words.join(" "));
        Ok(())
    }
}

impl Stage for Signing {
    fn look<'a>(&'a self, letter: &'a Letter<'a>, findings: &'a mut Findings) -> Looked<'a> {
        Box::pin(self.sign(letter, findings))
    }
}

/// Signs the reports of the house: by the domain of the house's name, or the nearest one above it that has keys. The postmaster's address is
/// at the house's name, so what signs is the same organisation (RFC 7489 §3.1.1).
pub(crate) struct ReportSigner {
    store: Store,
    keys: Keys,
}

impl ReportSigner {
    pub(crate) fn new(house: &House) -> Self {
        Self { store: house.store.clone(), keys: Keys::default() }
    }

    async fn signed(&self, host: &Domain, message: &[u8], now: Timestamp) -> anyhow::Result<String> {
        let mut name = Some(host.as_str());
        // A domain's name has no more parts than this (RFC 1035 §3.1), and a domain of one part has no keys of ours.
        while let Some(domain) = name.filter(|name| name.contains('.')).and_then(|name| name.parse().ok()) {
            let read: Result<Vec<DkimSigner>, store::Error> = self
                .store
                .read(domain, |tx, domain| Box::pin(async move { tx.dkim_signers(domain).await }))
                .await;
            let signers = read?;
            if let (false, Some(domain)) = (signers.is_empty(), name) {
                return self.by(domain, &signers, message, now);
            }
            name = name.and_then(|name| name.split_once('.')).map(|(_, above)| above);
        }
        Ok(String::new())
    }

    fn by(
        &self,
        domain: &str,
        signers: &[DkimSigner],
        message: &[u8],
        now: Timestamp,
    ) -> anyhow::Result<String> {
        let prepared = Prepared::new(message);
        let mut fields = String::new();
        for found in signers {
            let key = self.keys.read(found.secret.expose_secret().as_bytes());
            let key = key.context("a DKIM key cannot be read")?;
            let signer = Signer { domain, selector: &found.selector, algorithm: found.algorithm, key: &key };
            fields.push_str(&prepared.signature(&signer, now.secs())?);
        }
        Ok(fields)
    }
}

impl smtp::serve::Signs for ReportSigner {
    fn fields<'a>(
        &'a self,
        domain: &'a Domain,
        message: &'a [u8],
        now: Timestamp,
    ) -> Pin<Box<dyn Future<Output = String> + Send + 'a>> {
        Box::pin(async move {
            // What was delivered has to be written down now, or it is delivered again; the report goes unsigned then.
            self.signed(domain, message, now).await.unwrap_or_else(|error| {
                tracing::error!("a report leaves without a DKIM signature: {error:#}");
                String::new()
            })
        })
    }
}

/// The domain of the one author: that is what DMARC compares (RFC 7489 §3.1).
fn author(letter: &Letter<'_>) -> Option<Domain> {
    let from = letter.facts.from.first()?;
    from.email.rsplit_once('@')?.1.parse().ok()
}

/// What cannot be signed now is not sent unsigned: where it arrives it could be refused for that, and nobody would know why.
fn later() -> Refused {
    Refused {
        code: 451,
        status: (4, 7, 5),
        name: "signing_unavailable",
        vi: "Chưa ký được thư (DKIM), xin gửi lại sau".to_owned(),
        en: "The message cannot be signed (DKIM) at present; try again later".to_owned(),
    }
}
