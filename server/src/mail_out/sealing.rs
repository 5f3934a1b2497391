//! The seal on what this house passes on under an address of its own (ARC, RFC 8617 §5.1): copies of lists, mail to addresses that have
//! moved. It is put when the message leaves, over what leaves; retries are sealed anew.

use std::sync::Arc;

use mail::Domain;
use smtp::serve::Outgoing;
use store::{DkimAlgorithm, DkimSigner};

use crate::authentic::arc;
use crate::authentic::keys::Keys;
use crate::authentic::sign::Signer;
use crate::house::House;

/// Whoever seals for the domains of this house.
pub(super) struct Sealing {
    house: Arc<House>,
    keys: Keys,
}

impl Sealing {
    pub(super) fn new(house: &Arc<House>) -> Self {
        Self { house: house.clone(), keys: Keys::default() }
    }

    /// Puts a set before a message that is passed on. A seal helps whoever trusts it; where there is none to be had, the message is
    /// worth what it was worth without.
    pub(super) async fn seal(&self, outgoing: &mut Outgoing) {
        let Some(domain) = outgoing.passed_on_by().map(|address| address.domain().clone()) else { return };
        match self.set(outgoing, &domain).await {
            Ok(Some(set)) => outgoing.put_before(&set),
            Ok(None) => {}
            Err(error) => tracing::warn!(%domain, "a message is passed on without a seal: {error:#}"),
        }
    }

    async fn set(&self, outgoing: &Outgoing, domain: &Domain) -> anyhow::Result<Option<String>> {
        let Some(message) = outgoing.message() else { return Ok(None) };
        let Some(found) = self.signer(domain).await? else { return Ok(None) };
        let key = self.keys.read(found.secret.expose_secret().as_bytes());
        let key = key.ok_or_else(|| anyhow::anyhow!("a DKIM key cannot be read"))?;
        let signer = Signer {
            domain: domain.as_str(),
            selector: &found.selector,
            algorithm: found.algorithm,
            key: &key,
        };
        let seconds = self.house.now().millis() / 1_000;
        Ok(arc::seal(message, self.house.host.as_str(), &signer, seconds)?)
    }

    /// A chain has one signature a field, so it is made with the key that everybody can check (RFC 8617 §4.1.3), if there is one.
    async fn signer(&self, domain: &Domain) -> Result<Option<DkimSigner>, store::Error> {
        let signers = self
            .house
            .store
            .read(domain.clone(), |tx, domain| Box::pin(async move { tx.dkim_signers(domain).await }));
        let mut signers: Vec<DkimSigner> = signers.await?;
        signers.sort_by_key(|signer| signer.algorithm != DkimAlgorithm::Rsa);
        Ok(signers.into_iter().next())
    }
}
