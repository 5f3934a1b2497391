//! Proofs of existence (ETSI EN 319 102-1 §5.6): what a later document timestamp covers existed when that was made.
//! Where a certificate has expired nobody guards its key any more, so what it signed counts only if it existed before;
//! this is what lets a verdict stay the same in twenty years.

use super::{Evidence, Policy};
use certs::revocation::{Crl, OcspResponse};
use certs::{Certificate, Fingerprint};
use mail::Timestamp;
use std::borrow::Cow;
use std::collections::HashMap;

/// Where the file's own evidence ends in it, by digest, and where each signature's revision ends, in their order.
#[derive(Default)]
pub(crate) struct Places {
    pub(super) evidence: HashMap<Fingerprint, usize>,
    pub(super) revisions: Vec<usize>,
}

/// What is proven so far, the signatures being judged from the last to the first.
pub(super) struct Proofs<'a> {
    places: &'a Places,
    /// Ends of revisions with a good document timestamp, and its time.
    stamps: Vec<(usize, i64)>,
    /// The moment judged, or the one since when the file has been kept safely with its evidence.
    otherwise: i64,
}

impl<'a> Proofs<'a> {
    pub(super) fn new(places: &'a Places, policy: &Policy, now: Timestamp) -> Self {
        let kept = policy.kept_since.filter(|kept| *kept < now);
        Self { places, stamps: Vec::new(), otherwise: kept.unwrap_or(now).secs() }
    }

    /// The end of a signature's revision; the whole file where there are none.
    pub(super) fn end(&self, signature: usize) -> usize {
        self.places.revisions.get(signature).copied().unwrap_or(usize::MAX)
    }

    /// A document timestamp over the file up to `end` is good.
    pub(super) fn stamped(&mut self, end: usize, time: Timestamp) {
        self.stamps.push((end, time.secs()));
    }

    /// What ends here existed at this moment, in Unix seconds: the earliest that can be proven.
    pub(super) fn known_at(&self, place: usize) -> i64 {
        let covering = self.stamps.iter().filter(|(end, _)| *end >= place).map(|(_, time)| *time);
        covering.min().map_or(self.otherwise, |time| time.min(self.otherwise))
    }

    /// Evidence of which can be said that it was made while its maker's key was guarded. What comes from the caller
    /// existed when judging, or since when the file has been kept.
    pub(super) fn standing<'e>(&self, evidence: &'e Evidence, policy: &Policy) -> Cow<'e, Evidence> {
        let known_at = |name: Fingerprint| match self.places.evidence.get(&name) {
            Some(place) => self.known_at(*place),
            None => self.otherwise,
        };
        let crl = |crl: &Crl| last_day_of_list(crl, evidence, policy) >= Some(known_at(crl.sha256()));
        let answer = |answer: &OcspResponse| {
            last_day_of_answer(answer, evidence, policy) >= Some(known_at(answer.sha256()))
        };
        if evidence.crls.iter().all(crl) && evidence.ocsp.iter().all(answer) {
            return Cow::Borrowed(evidence);
        }
        Cow::Owned(Evidence {
            certificates: evidence.certificates.clone(),
            crls: evidence.crls.iter().filter(|one| crl(one)).cloned().collect(),
            ocsp: evidence.ocsp.iter().filter(|one| answer(one)).cloned().collect(),
        })
    }
}

/// Lists and answers that came along in a container, which existed at `known_at`: those made while their makers' keys
/// were guarded, put beside what is at hand.
pub(super) fn add_standing(
    evidence: &mut Evidence,
    crls: Vec<Crl>,
    ocsp: Vec<OcspResponse>,
    policy: &Policy,
    known_at: i64,
) {
    let crls: Vec<Crl> =
        crls.into_iter().filter(|one| last_day_of_list(one, evidence, policy) >= Some(known_at)).collect();
    let ocsp: Vec<OcspResponse> =
        ocsp.into_iter().filter(|one| last_day_of_answer(one, evidence, policy) >= Some(known_at)).collect();
    evidence.crls.extend(crls);
    evidence.ocsp.extend(ocsp);
}

/// The last second at which a list's issuer is good. Of an anchor, and of an issuer nobody knows, nothing is asked here.
fn last_day_of_list(crl: &Crl, evidence: &Evidence, policy: &Policy) -> Option<i64> {
    let named = |certificate: &Certificate| certificate.subject() == crl.issuer();
    last_day(named, &evidence.certificates, policy)
}

/// The last second at which a responder is good.
fn last_day_of_answer(answer: &OcspResponse, evidence: &Evidence, policy: &Policy) -> Option<i64> {
    let named = |certificate: &Certificate| answer.responder().names(certificate);
    let inside = answer.certificates().iter().filter(|c| named(c)).map(Certificate::not_after).max();
    inside.or_else(|| last_day(named, &evidence.certificates, policy))
}

fn last_day(
    named: impl Fn(&Certificate) -> bool,
    certificates: &[Certificate],
    policy: &Policy,
) -> Option<i64> {
    let is_anchor = policy.trust.anchors().iter().any(|anchor| named(anchor.certificate()));
    let known = certificates.iter().filter(|c| named(c)).map(Certificate::not_after).max();
    if is_anchor { Some(i64::MAX) } else { known.or(Some(i64::MAX)) }
}
