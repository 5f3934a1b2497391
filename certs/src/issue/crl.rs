//! Writing CRLs.

use super::draft::{Authority, extension, signed};
use crate::algorithm::SignatureAlgorithm;
use crate::der::{Oid, Tag, Writer};
use crate::revocation::{Crl, RevocationReason, RevokedEntry};
use crate::{Error, Limits, oids};

/// A CRL before it is signed.
#[derive(Clone, Debug)]
pub struct CrlDraft {
    this_update: i64,
    next_update: Option<i64>,
    number: u64,
    entries: Vec<RevokedEntry>,
    extensions: Vec<(Oid, bool, Vec<u8>)>,
}

impl CrlDraft {
    /// A list without entries. Times in seconds since 1970.
    pub fn new(this_update: i64, next_update: Option<i64>, number: u64) -> CrlDraft {
        CrlDraft { this_update, next_update, number, entries: Vec::new(), extensions: Vec::new() }
    }

    /// Adds an entry.
    pub fn entry(mut self, entry: RevokedEntry) -> CrlDraft {
        self.entries.push(entry);
        self
    }

    /// Adds any extension of the list.
    pub fn extension(mut self, id: Oid, critical: bool, value: Vec<u8>) -> CrlDraft {
        self.extensions.push((id, critical, value));
        self
    }

    /// Signs as this authority.
    pub fn signed_by(&self, issuer: &Authority) -> Result<Crl, Error> {
        let algorithm = issuer.key().usual_scheme().algorithm();
        let tbs = self.tbs(issuer, algorithm);
        let signature = issuer.key().sign_algorithm(algorithm, &tbs)?;
        Crl::from_der(&signed(&tbs, algorithm, signature.as_bytes()), &Limits::default())
    }

    fn tbs(&self, issuer: &Authority, algorithm: SignatureAlgorithm) -> Vec<u8> {
        let certificate = issuer.certificate();
        let own = certificate.public_key().sha1_id();
        let key_id = certificate.subject_key_id().unwrap_or(&own);
        Writer::build(|w| {
            w.sequence(|w| {
                w.integer(1);
                algorithm.write(w);
                w.raw(certificate.subject().der());
                w.time(self.this_update);
                if let Some(next) = self.next_update {
                    w.time(next);
                }
                if !self.entries.is_empty() {
                    w.sequence(|w| self.entries.iter().for_each(|entry| write_entry(w, entry)));
                }
                w.explicit(0, |w| {
                    w.sequence(|w| {
                        let id = Writer::build(|w| w.sequence(|w| w.element(Tag::context(0), false, key_id)));
                        extension(w, oids::AUTHORITY_KEY_IDENTIFIER, false, &id);
                        let number = Writer::build(|w| w.unsigned(&self.number.to_be_bytes()));
                        extension(w, oids::CRL_NUMBER, false, &number);
                        for (id, critical, value) in &self.extensions {
                            extension(w, *id, *critical, value);
                        }
                    });
                });
            });
        })
    }
}

fn write_entry(writer: &mut Writer, entry: &RevokedEntry) {
    writer.sequence(|w| {
        w.element(Tag::INTEGER, false, entry.serial.content());
        w.time(entry.facts.revoked_at);
        let reason = entry.facts.reason;
        if reason == RevocationReason::Unspecified && entry.facts.invalid_since.is_none() {
            return;
        }
        w.sequence(|w| {
            if reason != RevocationReason::Unspecified {
                let value = Writer::build(|w| w.enumerated(reason.code()));
                extension(w, oids::CRL_REASON, false, &value);
            }
            if let Some(since) = entry.facts.invalid_since {
                let value = Writer::build(|w| w.generalized_time(since));
                extension(w, oids::INVALIDITY_DATE, false, &value);
            }
        });
    });
}
