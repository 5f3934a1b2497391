//! Writing OCSP responses.

use super::draft::{Authority, extension};
use crate::der::{Tag, Writer};
use crate::revocation::{CertId, OcspRequest, OcspResponse, OcspStatus, RevocationReason, write_nonce};
use crate::{Error, Limits, oids};

/// The answer about one certificate.
#[derive(Clone, Debug)]
pub struct OcspAnswer {
    /// Which certificate.
    pub id: CertId,
    /// What is said.
    pub status: OcspStatus,
    /// thisUpdate, seconds since 1970.
    pub this_update: i64,
    /// nextUpdate.
    pub next_update: Option<i64>,
}

/// A response before it is signed.
#[derive(Clone, Debug)]
pub struct OcspDraft {
    produced_at: i64,
    answers: Vec<OcspAnswer>,
    nonce: Option<Vec<u8>>,
    by_name: bool,
    archive_cutoff: Option<i64>,
}

impl OcspDraft {
    /// A response without answers. Time in seconds since 1970.
    pub fn new(produced_at: i64) -> OcspDraft {
        OcspDraft { produced_at, answers: Vec::new(), nonce: None, by_name: false, archive_cutoff: None }
    }

    /// Answers every question of a request and repeats its nonce; `status` says what about each.
    pub fn answering(
        request: &OcspRequest,
        produced_at: i64,
        next_update: Option<i64>,
        mut status: impl FnMut(&CertId) -> OcspStatus,
    ) -> OcspDraft {
        let mut draft = OcspDraft::new(produced_at);
        draft.nonce = request.nonce().map(<[u8]>::to_vec);
        for id in request.ids() {
            let (id, status) = (id.clone(), status(id));
            draft.answers.push(OcspAnswer { id, status, this_update: produced_at, next_update });
        }
        draft
    }

    /// Adds an answer.
    pub fn answer(mut self, answer: OcspAnswer) -> OcspDraft {
        self.answers.push(answer);
        self
    }

    /// Names the responder by its subject instead of its key.
    pub fn by_name(mut self) -> OcspDraft {
        self.by_name = true;
        self
    }

    /// Says of every answer that certificates which expired since this moment are still answered about (RFC 6960 §4.4.4).
    pub fn archive_cutoff(mut self, since: i64) -> OcspDraft {
        self.archive_cutoff = Some(since);
        self
    }

    /// Signs as this responder and puts its certificate in, so that nobody has to look for it.
    pub fn signed_by(&self, responder: &Authority) -> Result<OcspResponse, Error> {
        let algorithm = responder.key().usual_scheme().algorithm();
        let tbs = self.tbs(responder);
        let signature = responder.key().sign_algorithm(algorithm, &tbs)?;
        let basic = Writer::build(|w| {
            w.sequence(|w| {
                w.raw(&tbs);
                algorithm.write(w);
                w.bit_bytes(signature.as_bytes());
                w.explicit(0, |w| w.sequence(|w| w.raw(responder.certificate().der())));
            });
        });
        let der = Writer::build(|w| {
            w.sequence(|w| {
                w.enumerated(0);
                w.explicit(0, |w| {
                    w.sequence(|w| {
                        w.oid(&oids::OCSP_BASIC);
                        w.octets(&basic);
                    });
                });
            });
        });
        OcspResponse::from_der(&der, &Limits::default())
    }

    fn tbs(&self, responder: &Authority) -> Vec<u8> {
        let certificate = responder.certificate();
        Writer::build(|w| {
            w.sequence(|w| {
                if self.by_name {
                    w.explicit(1, |w| w.raw(certificate.subject().der()));
                } else {
                    w.explicit(2, |w| w.octets(&certificate.public_key().sha1_id()));
                }
                w.generalized_time(self.produced_at);
                w.sequence(|w| {
                    self.answers.iter().for_each(|answer| write_answer(w, answer, self.archive_cutoff))
                });
                if let Some(nonce) = &self.nonce {
                    w.explicit(1, |w| w.sequence(|w| write_nonce(w, nonce)));
                }
            });
        })
    }
}

fn write_answer(writer: &mut Writer, answer: &OcspAnswer, archive_cutoff: Option<i64>) {
    writer.sequence(|w| {
        w.raw(answer.id.der());
        match answer.status {
            OcspStatus::Good => w.element(Tag::context(0), false, &[]),
            OcspStatus::Unknown => w.element(Tag::context(2), false, &[]),
            OcspStatus::Revoked(facts) => w.constructed(Tag::context(1), |w| {
                w.generalized_time(facts.revoked_at);
                if facts.reason != RevocationReason::Unspecified {
                    w.explicit(0, |w| w.enumerated(facts.reason.code()));
                }
            }),
        }
        w.generalized_time(answer.this_update);
        if let Some(next) = answer.next_update {
            w.explicit(0, |w| w.generalized_time(next));
        }
        if let Some(since) = archive_cutoff {
            let value = Writer::build(|w| w.generalized_time(since));
            w.explicit(1, |w| w.sequence(|w| extension(w, oids::OCSP_ARCHIVE_CUTOFF, false, &value)));
        }
    });
}

/// A response without answers, for a responder that cannot or will not: 1 malformedRequest, 2 internalError,
/// 3 tryLater, 5 sigRequired, 6 unauthorized (RFC 6960 §4.2.1).
pub fn ocsp_refusal(status: u8) -> Vec<u8> {
    Writer::build(|w| w.sequence(|w| w.enumerated(status)))
}
