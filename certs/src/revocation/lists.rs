//! Revocation lists: complete, partitioned, indirect, delta (RFC 5280 §6.3.3).

use super::judge::{Asked, Proof, Statement};
use super::scope;
use super::{Crl, RevocationReason, Shortfall, Source};
use crate::certificate::Certificate;
use crate::name::Name;
use crate::path::budget::Budget;
use crate::path::{self, Profile};
use crate::trust::Purpose;

/// What every list that concerns the certificate says.
pub(super) fn statements(
    certificate: &Certificate,
    issuer: &Certificate,
    asked: &Asked<'_>,
    budget: &mut Budget,
) -> Vec<Result<Statement, Shortfall>> {
    let all = &asked.evidence.crls;
    let mut statements = Vec::new();
    for crl in all.iter().filter(|crl| scope::concerns(crl, certificate)) {
        if budget.step().is_err() {
            statements.push(Err(Shortfall::Budget));
            break;
        }
        statements.push(statement(crl, certificate, issuer, asked, budget));
    }
    statements
}

fn statement(
    crl: &Crl,
    certificate: &Certificate,
    issuer: &Certificate,
    asked: &Asked<'_>,
    budget: &mut Budget,
) -> Result<Statement, Shortfall> {
    usable(crl, asked)?;
    let reasons = scope::reasons(crl, certificate, budget)?;
    let signer = signer(crl, certificate, issuer, asked, budget)?;
    let delta = if crl.is_delta() { None } else { newest_delta(crl, &signer, asked, budget) };
    let own = crl.find_of(certificate.issuer(), certificate.serial()).map(|entry| entry.facts);
    let mut statement = Statement {
        revoked: own,
        reasons,
        this_update: crl.this_update(),
        next_update: crl.next_update(),
        speaks_of_expired_since: crl.keeps_expired_since(),
        proof: Proof { sources: vec![source(crl)], signers: signer.others, late_by: 0 },
    };
    if crl.is_delta() {
        return alone(statement);
    }
    if let Some(delta) = delta {
        add(&mut statement, delta, certificate);
    }
    Ok(statement)
}

/// A delta CRL proves nothing by silence, and what it takes off a list it does not show; who is on it is revoked.
fn alone(statement: Statement) -> Result<Statement, Shortfall> {
    match statement.revoked {
        Some(facts) if facts.reason != RevocationReason::RemoveFromCrl => Ok(statement),
        _ => Err(Shortfall::Delta),
    }
}

/// What the complete list says after the delta's changes (§5.2.4; §6.3.3 i to k).
fn add(statement: &mut Statement, delta: &Crl, certificate: &Certificate) {
    if let Some(change) = delta.find_of(certificate.issuer(), certificate.serial()) {
        let removed = change.facts.reason == RevocationReason::RemoveFromCrl;
        statement.revoked = (!removed).then_some(change.facts);
    }
    statement.this_update = statement.this_update.max(delta.this_update());
    statement.next_update = delta.next_update();
    statement.proof.sources.push(source(delta));
}

fn source(crl: &Crl) -> Source {
    Source::Crl { sha256: crl.sha256(), this_update: crl.this_update(), next_update: crl.next_update() }
}

fn usable(crl: &Crl, asked: &Asked<'_>) -> Result<(), Shortfall> {
    let strict = asked.question.profile != Profile::Lenient;
    if strict && crl.is_malformed() {
        return Err(Shortfall::Malformed);
    }
    if crl.is_unreadable() || (strict && crl.departs()) {
        return Err(Shortfall::Damaged);
    }
    if crl.has_unknown_critical() {
        return Err(Shortfall::UnknownCritical);
    }
    let web = strict && asked.question.purpose == Purpose::Tls;
    if web && !crl.scope().is_none_or(scope::Scope::is_plain_web) {
        return Err(Shortfall::Scope);
    }
    Ok(())
}

/// Who signed a list.
struct Signer {
    certificate: Certificate,
    /// It and its path, when it is not on the certificate's own path.
    others: Vec<Certificate>,
}

/// §6.3.3 f, g: whoever bears the name of the list's issuer, may sign lists, ends at the same anchor, and did sign it.
fn signer(
    crl: &Crl,
    certificate: &Certificate,
    issuer: &Certificate,
    asked: &Asked<'_>,
    budget: &mut Budget,
) -> Result<Signer, Shortfall> {
    let above = asked.chain.iter().skip_while(|one| *one != certificate).skip(1);
    let on_path = [issuer].into_iter().chain(above).chain([asked.anchor.certificate()]);
    let mut why = Shortfall::Signature;
    for one in on_path.filter(|one| one.subject() == crl.issuer()) {
        match signed_by(crl, one, asked, budget) {
            Ok(()) => return Ok(Signer { certificate: one.clone(), others: Vec::new() }),
            Err(shortfall) => why = worse(why, shortfall),
        }
    }
    let others = asked.evidence.certificates.iter().filter(|one| one.subject() == crl.issuer());
    for one in others.filter(|one| *one == certificate || !asked.busy.contains(&one.sha256())) {
        budget.step().map_err(|_| Shortfall::Budget)?;
        match signed_by(crl, one, asked, budget) {
            // A separate signer whose own certificate is covered by the list it signs: its path is what is being
            // looked at, and if the list names it, the list is nobody's.
            Ok(()) if one == certificate => {
                return Ok(Signer { certificate: one.clone(), others: Vec::new() });
            }
            Ok(()) => match vouched_for(one, crl, asked, budget) {
                Some(path) if crl.issuer() != issuer.subject() || is_same_way(&path, issuer, asked) => {
                    let others = path.into_iter().filter(|one| !asked.chain.contains(one)).collect();
                    return Ok(Signer { certificate: one.clone(), others });
                }
                _ => why = worse(why, Shortfall::SignerNotAllowed),
            },
            Err(shortfall) => why = worse(why, shortfall),
        }
    }
    Err(why)
}

/// Of two reasons the one that says more: a signer found wanting over none found.
fn worse(one: Shortfall, other: Shortfall) -> Shortfall {
    if one == Shortfall::Signature { other } else { one }
}

fn signed_by(
    crl: &Crl,
    signer: &Certificate,
    asked: &Asked<'_>,
    budget: &mut Budget,
) -> Result<(), Shortfall> {
    // An authority by its key usage, or because it states none; anybody else only by its key usage.
    let allowed = signer.key_usage().map_or(signer.is_ca() || signer.version() < 3, |usage| usage.crl_sign());
    if !allowed {
        return Err(Shortfall::SignerNotAllowed);
    }
    budget.signature().map_err(|_| Shortfall::Budget)?;
    let above = [asked.anchor.certificate()].into_iter().chain(asked.chain);
    crl.verify_signature(&path::working_key(signer, above)).map_err(|_| Shortfall::Signature)
}

/// A path from the signer to the anchor of the certificate's own path, as of the moment judged or, for a younger list, the
/// moment it was signed. Returns its certificates.
fn vouched_for(
    signer: &Certificate,
    crl: &Crl,
    asked: &Asked<'_>,
    budget: &mut Budget,
) -> Option<Vec<Certificate>> {
    if asked.busy.len() == path::MAX_NESTED {
        return None;
    }
    let at = asked.at().max(crl.this_update()).min(asked.question.now());
    let busy = [asked.busy, &[signer.sha256()]].concat();
    let path = path::of_list_signer(signer, at, asked, &busy, budget)?;
    Some(path.certificates().to_vec())
}

/// Whether another certificate of the issuer's name stands where the issuer stands: under authorities of the same names, its
/// own older or newer certificates left out of account. Otherwise any authority below the anchor could certify a namesake
/// and have it speak for the issuer.
fn is_same_way(path: &[Certificate], issuer: &Certificate, asked: &Asked<'_>) -> bool {
    let own = asked.chain.iter().skip_while(|one| *one != issuer);
    let names = |all: &mut dyn Iterator<Item = &'_ Certificate>| {
        let mut names: Vec<Name> = all.map(|one| one.subject().clone()).collect();
        names.push(asked.anchor.certificate().subject().clone());
        names.dedup();
        names
    };
    names(&mut path.iter()) == names(&mut own.into_iter())
}

/// The newest delta that builds on this list, signed with the same key.
fn newest_delta<'a>(base: &Crl, signer: &Signer, asked: &Asked<'a>, budget: &mut Budget) -> Option<&'a Crl> {
    let number = trimmed(base.number()?);
    let builds_on = |delta: &&Crl| {
        let at_most = |one: Option<&[u8]>| one.is_some_and(|one| is_at_most(trimmed(one), number));
        delta.is_delta()
            && delta.is_alike(base)
            && at_most(delta.base_number())
            && delta.number().is_some_and(|own| is_at_most(number, trimmed(own)))
            && delta.this_update() <= asked.latest()
            && delta.next_update().is_none_or(|until| until >= asked.at())
            && usable(delta, asked).is_ok()
    };
    let mut deltas: Vec<&Crl> = asked.evidence.crls.iter().filter(builds_on).collect();
    deltas.sort_by_key(|delta| std::cmp::Reverse(delta.this_update()));
    deltas.into_iter().find(|delta| signed_by(delta, &signer.certificate, asked, budget).is_ok())
}

fn trimmed(magnitude: &[u8]) -> &[u8] {
    let zeros = magnitude.iter().take_while(|byte| **byte == 0).count();
    magnitude.get(zeros..).unwrap_or_default()
}

/// Of two magnitudes without leading zeros.
fn is_at_most(left: &[u8], right: &[u8]) -> bool {
    (left.len(), left) <= (right.len(), right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_lists_are_compared_as_numbers() {
        assert!(is_at_most(trimmed(&[0, 9]), trimmed(&[1, 0])) && is_at_most(trimmed(&[0]), trimmed(&[])));
        assert!(!is_at_most(trimmed(&[1, 0]), trimmed(&[0, 0, 255])));
    }
}
