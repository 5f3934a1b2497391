//! Validating one complete path from its anchor down to the leaf, RFC 5280 §6.1. Signatures were checked while
//! building.

use super::budget::Budget;
use super::names::{self, Constraints};
use super::policy::Policies;
use super::purpose;
use super::{Defect, Profile, Question, Reason, Weakness};
use crate::Limits;
use crate::algorithm::Standing;
use crate::certificate::Certificate;
use crate::der::Oid;
use crate::keys::KeyKind;
use crate::oids;
use crate::profile::{Departure, Role, departures};
use crate::trust::Anchor;

/// What a valid path leaves to report.
pub(super) struct Findings {
    pub(super) policies: Vec<Oid>,
    pub(super) weaknesses: Vec<Weakness>,
    pub(super) departures: Vec<(Certificate, Departure)>,
}

/// Checks that need no path: whatever is wrong here, no evidence will mend.
pub(super) fn leaf(leaf: &Certificate, question: &Question) -> Result<(), Defect> {
    standing(leaf, question)?;
    purpose::leaf(leaf, question.purpose)?;
    if question.names.iter().all(|name| names::peer(leaf, name)) { Ok(()) } else { Err(Defect::NameMismatch) }
}

/// Time and extensions: what every certificate of a path must satisfy, the anchor included.
pub(super) fn standing(certificate: &Certificate, question: &Question) -> Result<(), Defect> {
    let at = question.at;
    if at < certificate.not_before() {
        return Err(Defect::NotYetValid(certificate.not_before()));
    }
    if at > certificate.not_after() {
        return Err(Defect::Expired(certificate.not_after()));
    }
    // Where evidence may be found is help, not a rule: damaged help is no help, and still no harm.
    let harmless = |id: &&Oid| {
        let hint = matches!(**id, oids::AUTHORITY_INFO_ACCESS | oids::CRL_DISTRIBUTION_POINTS);
        hint && question.profile == Profile::Lenient && !certificate.is_critical(**id)
    };
    if let Some(&unread) = certificate.unreadable_extensions().iter().find(|id| !harmless(id)) {
        return Err(Defect::Unreadable(unread));
    }
    if let Some(&unknown) = certificate.unknown_critical_extensions().first() {
        return Err(Defect::UnknownCritical(unknown));
    }
    Ok(())
}

/// Whether a certificate may sign others: basicConstraints and keyUsage (§6.1.4 k, n). Old roots of version 1 have
/// neither and are trusted by being an anchor.
pub(super) fn authority(certificate: &Certificate, is_anchor: bool) -> Result<(), Defect> {
    let old_root = is_anchor && certificate.version() < 3;
    if !old_root && !certificate.is_ca() {
        return Err(Defect::NotAuthority);
    }
    if certificate.key_usage().is_some_and(|usage| !usage.certificate_sign()) {
        return Err(Defect::MayNotSignCertificates);
    }
    Ok(())
}

/// Validates `chain` (leaf first, anchor not included) under `anchor`.
pub(super) fn path(
    chain: &[Certificate],
    anchor: &Anchor,
    question: &Question,
    limits: &Limits,
    budget: &mut Budget,
) -> Result<Findings, Reason> {
    let trusted = anchor.certificate();
    let blame = |depth: usize, certificate: &Certificate| {
        let certificate = certificate.clone();
        move |defect: Defect| Reason { defect, certificate, depth }
    };
    let by_anchor = blame(chain.len(), trusted);
    // The leaf may itself be the anchor: then nobody issued it within this path.
    let leaf_is_anchor = chain.first() == Some(trusted);
    if !leaf_is_anchor {
        anchor_itself(anchor, question).map_err(by_anchor)?;
    }
    let mut constraints = Constraints::default();
    let mut path_length = usize::MAX;
    if !leaf_is_anchor {
        constraints.add_from(trusted);
        path_length = length_of(trusted);
    }
    let mut policies = Policies::new(question, chain.len(), limits.policy_nodes);
    for (depth, certificate) in chain.iter().enumerate().rev() {
        let fail = |defect| blame(depth, certificate)(defect);
        standing(certificate, question).map_err(fail)?;
        // §6.1.3: a self-issued intermediate is exempt from name constraints.
        if depth == 0 || !certificate.is_self_issued() {
            let allowed = constraints.allow(certificate, budget).map_err(|_| fail(Defect::Budget))?;
            if !allowed {
                return Err(fail(Defect::NameConstraints));
            }
        }
        policies.certificate(certificate, depth == 0).map_err(fail)?;
        if depth == 0 {
            break;
        }
        authority(certificate, false).map_err(fail)?;
        purpose::allows(certificate, question.purpose).map_err(fail)?;
        // §6.1.4 (l), (m): self-issued certificates do not count.
        if !certificate.is_self_issued() {
            path_length = path_length.checked_sub(1).ok_or_else(|| fail(Defect::PathLength))?;
        }
        path_length = path_length.min(length_of(certificate));
        constraints.add_from(certificate);
        policies.issuer(certificate).map_err(fail)?;
    }
    let Some(leaf) = chain.first() else { return Err(blame(0, trusted)(Defect::NotTrusted)) };
    self::leaf(leaf, question).map_err(blame(0, leaf))?;
    let policies = policies.finish(leaf, &question.policies).map_err(blame(0, leaf))?;
    let weaknesses = weaknesses(chain, trusted, question)?;
    let departures = all_departures(chain, trusted, question)?;
    Ok(Findings { policies, weaknesses, departures })
}

/// The anchor's own limits are obeyed too, as RFC 5937 recommends and OpenSSL does.
fn anchor_itself(anchor: &Anchor, question: &Question) -> Result<(), Defect> {
    let certificate = anchor.certificate();
    standing(certificate, question)?;
    authority(certificate, true)?;
    purpose::allows(certificate, question.purpose)
}

/// How many non-self-issued intermediates may follow.
fn length_of(certificate: &Certificate) -> usize {
    let length = certificate.basic_constraints().and_then(|constraints| constraints.path_length);
    length.map_or(usize::MAX, |length| length as usize)
}

/// RULES D12, D29 (3): what the catalogue calls weak at the moment judged is reported, not hidden, unless the question
/// refuses it. What it refuses is refused.
fn weaknesses(
    chain: &[Certificate],
    anchor: &Certificate,
    question: &Question,
) -> Result<Vec<Weakness>, Reason> {
    let mut found = Vec::new();
    // The anchor's own signature proves nothing and is not looked at; its key signs the path.
    let top = (chain.first() != Some(anchor)).then_some(anchor);
    for (depth, certificate) in chain.iter().chain(top).enumerate() {
        let fail = |defect| Reason { defect, certificate: certificate.clone(), depth };
        let key = certificate.public_key();
        let by_key = match key.kind() {
            // Nothing verifies with such a key, so it vouches for nothing; whoever uses it finds out.
            KeyKind::Other => Standing::Accepted,
            _ => key.standing(question.at),
        };
        let by_digest = match certificate == anchor {
            true => Standing::Accepted,
            false => certificate.signature_algorithm().standing(question.at),
        };
        if matches!(by_key.max(by_digest), Standing::Refused(_)) {
            return Err(fail(Defect::Algorithm));
        }
        let weak = [
            (by_digest, Weakness::Digest(certificate.clone())),
            (by_key, Weakness::Key(certificate.clone())),
        ];
        for (_, weakness) in weak.into_iter().filter(|(standing, _)| !standing.is_accepted()) {
            if question.refuse_weak {
                return Err(fail(Defect::Weak));
            }
            found.push(weakness);
        }
    }
    Ok(found)
}

fn all_departures(
    chain: &[Certificate],
    anchor: &Certificate,
    question: &Question,
) -> Result<Vec<(Certificate, Departure)>, Reason> {
    let roles = chain.iter().enumerate().map(|(depth, certificate)| {
        (certificate, if depth == 0 { Role::Leaf } else { Role::Intermediate }, depth)
    });
    let top = (chain.first() != Some(anchor)).then_some((anchor, Role::Anchor, chain.len()));
    let mut found = Vec::new();
    for (certificate, role, depth) in roles.chain(top) {
        for departure in departures(certificate, role, question) {
            if question.profile != Profile::Lenient && !departure.is_borne(question.purpose) {
                let certificate = certificate.clone();
                return Err(Reason { defect: Defect::Profile(departure), certificate, depth });
            }
            found.push((certificate.clone(), departure));
        }
    }
    Ok(found)
}
