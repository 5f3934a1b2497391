//! What was read before: an authority's certificate, its list, a responder's answer stand in thousands of documents.
//! Each keeps what was found out about it (the decoded key, that its signature is right), so each is worth keeping.

use certs::revocation::{Crl, OcspResponse};
use certs::{Certificate, Fingerprint};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of DER kept in each of two generations: a province's certificates, and the lists of a few authorities.
const SHELF: usize = 16 << 20;

/// Certificates, lists and answers read before, by the digest of their bytes. Clones share it. It changes no judgement,
/// only what one costs; it forgets what was not asked for of late, and never holds more than 32 MiB of DER.
#[derive(Clone, Default)]
pub struct Known(Arc<Mutex<Shelves>>);

#[derive(Default)]
struct Shelves {
    young: HashMap<Fingerprint, Item>,
    old: HashMap<Fingerprint, Item>,
    young_bytes: usize,
}

#[derive(Clone)]
enum Item {
    Certificate(Certificate),
    Crl(Crl),
    Ocsp(OcspResponse),
}

impl Known {
    /// A certificate; `None`: these bytes are none.
    pub(crate) fn certificate(&self, der: &[u8]) -> Option<Certificate> {
        match self.item(der, || Certificate::from_der(der).ok().map(Item::Certificate))? {
            Item::Certificate(certificate) => Some(certificate),
            _ => None,
        }
    }

    /// Those of some that can be read; a damaged certificate beside the signer's is nobody's proof and nobody's fault.
    pub(crate) fn certificates(&self, ders: &[Vec<u8>], limits: &crate::Limits) -> Vec<Certificate> {
        ders.iter().take(limits.evidence_items).filter_map(|der| self.certificate(der)).collect()
    }

    /// A list.
    pub(crate) fn crl(&self, der: &[u8], limits: &certs::Limits) -> Option<Crl> {
        match self.item(der, || Crl::from_der(der, limits).ok().map(Item::Crl))? {
            Item::Crl(crl) => Some(crl),
            _ => None,
        }
    }

    /// An answer.
    pub(crate) fn ocsp(&self, der: &[u8], limits: &certs::Limits) -> Option<OcspResponse> {
        match self.item(der, || OcspResponse::from_der(der, limits).ok().map(Item::Ocsp))? {
            Item::Ocsp(answer) => Some(answer),
            _ => None,
        }
    }

    /// The lock is held for looking only, never for reading or verifying.
    fn item(&self, der: &[u8], read: impl FnOnce() -> Option<Item>) -> Option<Item> {
        let name = Fingerprint::of(der);
        let shelves = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shelves().find(name, der.len()) {
            return Some(known);
        }
        let item = read()?;
        shelves().put(name, item.clone(), der.len());
        Some(item)
    }
}

impl Shelves {
    fn find(&mut self, name: Fingerprint, size: usize) -> Option<Item> {
        if let Some(known) = self.young.get(&name) {
            return Some(known.clone());
        }
        let known = self.old.remove(&name)?;
        self.put(name, known.clone(), size);
        Some(known)
    }

    fn put(&mut self, name: Fingerprint, item: Item, size: usize) {
        if size > SHELF {
            return;
        }
        if self.young_bytes + size > SHELF {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += size;
        self.young.insert(name, item);
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known")
    }
}
