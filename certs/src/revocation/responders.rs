//! OCSP responses: who signed them, and what they say (RFC 6960 §3.2).

use super::judge::{Asked, Finding, Proof, Statement, by_lists};
use super::scope::Reasons;
use super::{OcspResponse, OcspStatus, Shortfall, SingleResponse, Source};
use crate::certificate::Certificate;
use crate::oids;
use crate::path::Question;
use crate::path::budget::Budget;

/// What every answer about the certificate says.
pub(super) fn statements(
    certificate: &Certificate,
    issuer: &Certificate,
    asked: &Asked<'_>,
    budget: &mut Budget,
) -> Vec<Result<Statement, Shortfall>> {
    let mut statements = Vec::new();
    for response in &asked.evidence.ocsp {
        // One response may hold several answers about the same certificate; each counts.
        for answer in response.answers().iter().filter(|answer| answer.id.names(certificate, issuer)) {
            if budget.step().is_err() {
                statements.push(Err(Shortfall::Budget));
                return statements;
            }
            statements.push(statement(response, answer, issuer, asked, budget));
        }
    }
    statements
}

/// The response is signed by the issuer, or by somebody the issuer authorised for that.
fn statement(
    response: &OcspResponse,
    answer: &SingleResponse,
    issuer: &Certificate,
    asked: &Asked<'_>,
    budget: &mut Budget,
) -> Result<Statement, Shortfall> {
    if response.has_unknown_critical() || answer.unknown_critical {
        return Err(Shortfall::UnknownCritical);
    }
    if response.produced_at() > asked.latest() {
        return Err(Shortfall::FromTheFuture);
    }
    // §2.4: an answer that ends before it begins says nothing about any moment.
    if answer.next_update.is_some_and(|until| until < answer.this_update) {
        return Err(Shortfall::Damaged);
    }
    let signers = signer(response, issuer, asked, budget)?;
    let revoked = match answer.status {
        OcspStatus::Good => None,
        OcspStatus::Revoked(facts) => Some(facts),
        OcspStatus::Unknown => return Err(Shortfall::Unknown),
    };
    let source = Source::Ocsp {
        sha256: response.sha256(),
        produced_at: response.produced_at(),
        this_update: answer.this_update,
        next_update: answer.next_update,
    };
    Ok(Statement {
        revoked,
        reasons: Reasons::ALL,
        this_update: answer.this_update,
        next_update: answer.next_update,
        speaks_of_expired_since: answer.archive_cutoff,
        proof: Proof { sources: vec![source], signers, late_by: 0 },
    })
}

/// The delegate who signed; none when it was the issuer itself.
fn signer(
    response: &OcspResponse,
    issuer: &Certificate,
    asked: &Asked<'_>,
    budget: &mut Budget,
) -> Result<Vec<Certificate>, Shortfall> {
    if response.responder().names(issuer) {
        budget.signature().map_err(|_| Shortfall::Budget)?;
        if response.verify_signature(issuer.public_key()).is_ok() {
            return Ok(Vec::new());
        }
    }
    let mut shortfall = Shortfall::Signature;
    let candidates = response.certificates().iter().chain(&asked.evidence.certificates);
    for delegate in candidates.filter(|c| response.responder().names(c) && c.issuer() == issuer.subject()) {
        budget.step().map_err(|_| Shortfall::Budget)?;
        match delegated(delegate, response, issuer, asked, budget) {
            Ok(()) => return Ok(vec![delegate.clone()]),
            Err(why) => shortfall = why,
        }
    }
    Err(shortfall)
}

/// §4.2.2.2: a certificate from the same issuer with id-kp-OCSPSigning, valid when it signed. With nocheck its own
/// revocation is not looked at; without, a CRL at hand that revokes it counts, and silence does not, as the RFC
/// leaves that to local policy and asking the responder about itself proves nothing.
fn delegated(
    delegate: &Certificate,
    response: &OcspResponse,
    issuer: &Certificate,
    asked: &Asked<'_>,
    budget: &mut Budget,
) -> Result<(), Shortfall> {
    let usages = delegate.extended_key_usage().unwrap_or_default();
    let produced = response.produced_at();
    let in_time = (delegate.not_before()..=delegate.not_after()).contains(&produced);
    let readable =
        delegate.unreadable_extensions().is_empty() && delegate.unknown_critical_extensions().is_empty();
    let may_sign =
        delegate.key_usage().is_none_or(|usage| usage.digital_signature() || usage.non_repudiation());
    if !usages.contains(&oids::OCSP_SIGNING) || !in_time || !readable || !may_sign {
        return Err(Shortfall::SignerNotAllowed);
    }
    for _ in 0..2 {
        budget.signature().map_err(|_| Shortfall::Budget)?;
    }
    delegate.verify_signature(issuer.public_key()).map_err(|_| Shortfall::Signature)?;
    response.verify_signature(delegate.public_key()).map_err(|_| Shortfall::Signature)?;
    if delegate.has_ocsp_no_check() {
        return Ok(());
    }
    let now = asked.question.now().max(produced);
    let moment = Question { at: produced, now: Some(now), ..asked.question.clone() };
    let moment = Asked { question: &moment, ..*asked };
    match by_lists(delegate, issuer, &moment, budget) {
        Finding::Revoked(_) => Err(Shortfall::SignerNotAllowed),
        _ => Ok(()),
    }
}
