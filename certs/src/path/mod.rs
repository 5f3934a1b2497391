//! Certification paths: building and validating them at a given moment (RFC 5280 §6, RULES D5, D6).
//!
//! [`judge`] is a pure function of the leaf, the evidence somebody gathered, the trust store and the question. It
//! never fetches: what it lacks it names.

pub(crate) mod budget;
mod build;
mod names;
mod policy;
mod purpose;
mod question;
mod validate;
mod verdict;
mod words;

pub use question::{PeerName, Profile, Question, Revocation};
pub use verdict::{CertificateStatus, Defect, Lack, Path, PathVerdict, Reason, Standing, Weakness};

use crate::Limits;
use crate::certificate::Certificate;
use crate::revocation::{Crl, OcspResponse};
use crate::trust::TrustStore;

/// Everything that may help, in any order: from the signature's container, from files, fetched by the server.
/// Nothing in here is trusted for being here.
#[derive(Clone, Default, Debug)]
pub struct Evidence {
    /// Candidates for issuers and delegated responders.
    pub certificates: Vec<Certificate>,
    /// Revocation lists.
    pub crls: Vec<Crl>,
    /// OCSP responses.
    pub ocsp: Vec<OcspResponse>,
}

impl Evidence {
    /// Adds what somebody else has, such as what the server fetched for the lacks of an earlier verdict.
    pub fn extend(&mut self, more: Evidence) {
        self.certificates.extend(more.certificates);
        self.crls.extend(more.crls);
        self.ocsp.extend(more.ocsp);
    }
}

/// Judges whether `leaf` is good for what the question asks, at the moment it asks about.
///
/// All candidate paths are tried within the limits. One valid path makes the answer [`PathVerdict::Valid`];
/// otherwise the answer is [`PathVerdict::Undecided`] if evidence could still make a path valid, and
/// [`PathVerdict::Invalid`] with the reason of the path that came furthest.
pub fn judge(
    leaf: &Certificate,
    evidence: &Evidence,
    trust: &TrustStore,
    question: &Question,
    limits: &Limits,
) -> PathVerdict {
    // Whatever is wrong with the leaf itself, no evidence will mend.
    if let Err(defect) = validate::leaf(leaf, question) {
        return PathVerdict::Invalid(Reason { defect, certificate: leaf.clone(), depth: 0 });
    }
    build::Search::new(evidence, trust, question, limits).run(leaf)
}
