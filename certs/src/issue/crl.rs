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
    number: Option<u64>,
    generalized: bool,
    entries: Vec<(RevokedEntry, Extensions)>,
    extensions: Extensions,
}

/// Identifier, critical, contents.
type Extensions = Vec<(Oid, bool, Vec<u8>)>;

impl CrlDraft {
    /// A list without entries. Times in seconds since 1970.
    pub fn new(this_update: i64, next_update: Option<i64>, number: u64) -> CrlDraft {
        let number = Some(number);
        CrlDraft {
            this_update,
            next_update,
            number,
            generalized: false,
            entries: Vec::new(),
            extensions: Vec::new(),
        }
    }

    /// Without cRLNumber, which every list must have.
    pub fn without_number(mut self) -> CrlDraft {
        self.number = None;
        self
    }

    /// With its times as GeneralizedTime, which RFC 5280 allows only from 2050 on.
    pub fn generalized(mut self) -> CrlDraft {
        self.generalized = true;
        self
    }

    /// Adds an entry.
    pub fn entry(mut self, entry: RevokedEntry) -> CrlDraft {
        self.entries.push((entry, Vec::new()));
        self
    }

    /// Adds an entry with one more extension, such as certificateIssuer.
    pub fn entry_with(mut self, entry: RevokedEntry, id: Oid, critical: bool, value: Vec<u8>) -> CrlDraft {
        self.entries.push((entry, vec![(id, critical, value)]));
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
                for moment in [Some(self.this_update), self.next_update].into_iter().flatten() {
                    if self.generalized { w.generalized_time(moment) } else { w.time(moment) }
                }
                if !self.entries.is_empty() {
                    w.sequence(|w| self.entries.iter().for_each(|(entry, more)| write_entry(w, entry, more)));
                }
                w.explicit(0, |w| {
                    w.sequence(|w| {
                        let id = Writer::build(|w| w.sequence(|w| w.element(Tag::context(0), false, key_id)));
                        extension(w, oids::AUTHORITY_KEY_IDENTIFIER, false, &id);
                        if let Some(number) = self.number {
                            let number = Writer::build(|w| w.unsigned(&number.to_be_bytes()));
                            extension(w, oids::CRL_NUMBER, false, &number);
                        }
                        for (id, critical, value) in &self.extensions {
                            extension(w, *id, *critical, value);
                        }
                    });
                });
            });
        })
    }
}

fn write_entry(writer: &mut Writer, entry: &RevokedEntry, more: &[(Oid, bool, Vec<u8>)]) {
    writer.sequence(|w| {
        w.element(Tag::INTEGER, false, entry.serial.content());
        w.time(entry.facts.revoked_at);
        let reason = entry.facts.reason;
        if reason == RevocationReason::Unspecified && entry.facts.invalid_since.is_none() && more.is_empty() {
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
            more.iter().for_each(|(id, critical, value)| extension(w, *id, *critical, value));
        });
    });
}
