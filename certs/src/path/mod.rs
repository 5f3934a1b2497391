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

use std::borrow::Cow;

use crate::certificate::Certificate;
use crate::keys::PublicKey;
use crate::revocation::{Asked, Crl, OcspResponse};
use crate::trust::{Purpose, TrustStore};
use crate::{Fingerprint, Limits};
use budget::Budget;

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

/// How deep the search for signers of lists goes, whose certificates may need other lists in turn. Two are seen in
/// practice: a separate CRL signer under a root with its own.
pub(crate) const MAX_NESTED: usize = 3;

/// The key of an issuer, with the DSA parameters it has from its own issuer when it states none (RFC 5280 §6.1.4 e).
pub(crate) fn working_key<'a>(
    issuer: &'a Certificate,
    mut candidates: impl Iterator<Item = &'a Certificate>,
) -> Cow<'a, PublicKey> {
    let own = issuer.public_key();
    if !own.lacks_parameters() {
        return Cow::Borrowed(own);
    }
    let lent = candidates.find_map(|above| {
        let key =
            own.with_parameters_of(above.public_key()).filter(|_| above.subject() == issuer.issuer())?;
        issuer.verify_signature(above.public_key()).is_ok().then_some(key)
    });
    lent.map_or(Cow::Borrowed(own), Cow::Owned)
}

/// A path from a signer of revocation lists to the very anchor the certificate in question stands under.
pub(crate) fn of_list_signer(
    signer: &Certificate,
    at: i64,
    asked: &Asked<'_>,
    busy: &[Fingerprint],
    budget: &mut Budget,
) -> Option<Path> {
    let mut trust = TrustStore::new();
    trust.add(asked.anchor.clone());
    let question = Question {
        purpose: Purpose::Any,
        now: Some(asked.question.now().max(at)),
        at,
        names: Vec::new(),
        policies: Vec::new(),
        explicit_policy: false,
        hierarchy: None,
        max_depth: None,
        ..asked.question.clone()
    };
    validate::leaf(signer, &question).ok()?;
    match build::Search::new(asked.evidence, &trust, &question, asked.limits, busy, budget).run(signer) {
        PathVerdict::Valid(path) => Some(path),
        _ => None,
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
    let mut budget = Budget::new(limits);
    build::Search::new(evidence, trust, question, limits, &[], &mut budget).run(leaf)
}
