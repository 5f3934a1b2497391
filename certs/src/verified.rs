//! Remembering a verified signature beside what was signed.

use std::sync::OnceLock;

use crate::keys::PublicKey;
use crate::{Error, Fingerprint};

/// The first key that verified the owner's signature. The owner never changes, so neither does the result; an
/// issuing authority's certificate, CRL or OCSP response is then verified once and not once per document.
#[derive(Default, Debug)]
pub(crate) struct Verified(OnceLock<Fingerprint>);

impl Verified {
    /// Runs `check` unless this key has passed it before.
    pub(crate) fn by(&self, key: &PublicKey, check: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        let id = key.id();
        if self.0.get() == Some(&id) {
            return Ok(());
        }
        check()?;
        // Losing a race to another key is fine: that key is then verified anew each time.
        let _ = self.0.set(id);
        Ok(())
    }
}
