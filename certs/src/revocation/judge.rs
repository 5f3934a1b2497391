//! What the evidence says about one certificate at one moment.

use super::{
    Crl, OcspResponse, OcspStatus, RevocationFacts, RevocationReason, Shortfall, SingleResponse, Source,
};
use crate::certificate::Certificate;
use crate::name::GeneralName;
use crate::path::Evidence;
use crate::path::budget::Budget;
use crate::{Limits, oids};

/// The moments and the evidence of a judgement.
pub(crate) struct Asked<'a> {
    /// The moment judged.
    pub(crate) at: i64,
    /// The moment of judging, never before `at`.
    pub(crate) now: i64,
    /// Lists that break their own standard are not used at all.
    pub(crate) strict: bool,
    pub(crate) evidence: &'a Evidence,
    pub(crate) limits: &'a Limits,
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Finding {
    Good(Source),
    /// Revoked after the moment judged (RULES D34).
    RevokedLater(RevocationFacts, Source),
    /// Revoked at or before it.
    Revoked(RevocationFacts),
    /// Nothing conclusive; why each relevant piece was not.
    Unknown(Vec<Shortfall>),
}

/// One signed statement about the certificate, its signature and signer in order.
struct Statement {
    revoked: Option<RevocationFacts>,
    this_update: i64,
    next_update: Option<i64>,
    /// The issuer keeps speaking about certificates that expired since this moment.
    speaks_of_expired_since: Option<i64>,
    source: Source,
}

/// Collects everything the evidence says about `certificate` under `issuer`. One valid "revoked" outweighs any
/// number of "good"; OCSP is read before CRLs (RULES D29 step 7).
pub(crate) fn look_up(
    certificate: &Certificate,
    issuer: &Certificate,
    asked: &Asked<'_>,
    budget: &mut Budget,
) -> Finding {
    let mut shortfalls = Vec::new();
    let mut best: Option<Finding> = None;
    let from_ocsp = asked.evidence.ocsp.iter().filter_map(|response| {
        let answer = response.answers().iter().find(|answer| answer.id.names(certificate, issuer))?;
        Some(Piece::Ocsp(response, answer))
    });
    let from_crls = asked.evidence.crls.iter().filter(|crl| concerns(crl, certificate)).map(Piece::Crl);
    for piece in from_ocsp.chain(from_crls) {
        if budget.step().is_err() {
            shortfalls.push(Shortfall::Budget);
            break;
        }
        let statement = match piece {
            Piece::Ocsp(response, answer) => ocsp(response, answer, issuer, asked, budget),
            Piece::Crl(crl) => self::crl(crl, certificate, issuer, asked.strict, budget),
        };
        match statement.and_then(|statement| weigh(&statement, certificate, asked)) {
            Ok(revoked @ Finding::Revoked(_)) => return revoked,
            Ok(later @ Finding::RevokedLater(..)) => best = Some(later),
            Ok(finding) => best = best.or(Some(finding)),
            Err(shortfall) => shortfalls.push(shortfall),
        }
    }
    best.unwrap_or(Finding::Unknown(shortfalls))
}

enum Piece<'a> {
    Ocsp(&'a OcspResponse, &'a SingleResponse),
    Crl(&'a Crl),
}

/// What a statement means for the moment judged.
fn weigh(statement: &Statement, certificate: &Certificate, asked: &Asked<'_>) -> Result<Finding, Shortfall> {
    if statement.this_update > asked.now.saturating_add(asked.limits.clock_skew_seconds) {
        return Err(Shortfall::FromTheFuture);
    }
    let until = statement
        .next_update
        .unwrap_or(statement.this_update.saturating_add(asked.limits.no_next_update_seconds));
    let stale = until < asked.at;
    if let Some(facts) = statement.revoked {
        // removeFromCRL says the opposite of being listed (RFC 5280 §5.3.1).
        if facts.reason == RevocationReason::RemoveFromCrl {
            return if stale { Err(Shortfall::Stale) } else { Ok(Finding::Good(statement.source)) };
        }
        // Whoever is on a list issued by the moment judged is revoked at it, whatever date the list gives.
        if facts.effective_at() > asked.at && statement.this_update > asked.at {
            return Ok(Finding::RevokedLater(facts, statement.source));
        }
        // Revocation is for ever, however old the statement; only a suspension may have ended since.
        let suspended = facts.reason == RevocationReason::CertificateHold;
        return if suspended && stale { Err(Shortfall::Stale) } else { Ok(Finding::Revoked(facts)) };
    }
    if stale {
        return Err(Shortfall::Stale);
    }
    // Once a certificate has expired its revocation may be forgotten (RFC 5280 §3.3): silence then proves nothing.
    let expired = certificate.not_after() < statement.this_update;
    let still_listed =
        statement.speaks_of_expired_since.is_some_and(|since| since <= certificate.not_after());
    if expired && !still_listed { Err(Shortfall::AfterExpiry) } else { Ok(Finding::Good(statement.source)) }
}

fn verified(result: Result<(), crate::Error>) -> Result<(), Shortfall> {
    result.map_err(|_| Shortfall::Signature)
}

/// The CRL is about certificates of this one's issuer, by its own claim or by the certificate's.
fn concerns(crl: &Crl, certificate: &Certificate) -> bool {
    let named = |name: &GeneralName| matches!(name, GeneralName::Directory(name) if name == crl.issuer());
    crl.issuer() == certificate.issuer()
        || certificate.crl_points().iter().flat_map(|point| &point.crl_issuer).any(named)
}

/// RFC 5280 §6.3.3 for complete CRLs issued by the certificate's own issuer.
fn crl(
    crl: &Crl,
    certificate: &Certificate,
    issuer: &Certificate,
    strict: bool,
    budget: &mut Budget,
) -> Result<Statement, Shortfall> {
    if crl.issuer() != issuer.subject() || crl.is_indirect() {
        return Err(Shortfall::Indirect);
    }
    if crl.is_delta() {
        return Err(Shortfall::Delta);
    }
    if crl.is_unreadable() || (strict && crl.has_duplicates()) {
        return Err(Shortfall::Damaged);
    }
    if crl.has_unknown_critical() {
        return Err(Shortfall::UnknownCritical);
    }
    if !covers(crl, certificate) {
        return Err(Shortfall::Scope);
    }
    if issuer.key_usage().is_some_and(|usage| !usage.crl_sign()) {
        return Err(Shortfall::SignerNotAllowed);
    }
    budget.signature().map_err(|_| Shortfall::Budget)?;
    verified(crl.verify_signature(issuer.public_key()))?;
    Ok(Statement {
        revoked: crl.find(certificate.serial()).map(|entry| entry.facts),
        this_update: crl.this_update(),
        next_update: crl.next_update(),
        speaks_of_expired_since: crl.keeps_expired_since(),
        source: Source::Crl {
            sha256: crl.sha256(),
            this_update: crl.this_update(),
            next_update: crl.next_update(),
        },
    })
}

/// The certificate lies in the scope of the CRL's issuingDistributionPoint (§6.3.3 b 2, d).
fn covers(crl: &Crl, certificate: &Certificate) -> bool {
    let Some(scope) = crl.scope() else { return true };
    if scope.only_attributes || scope.some_reasons || scope.relative {
        return false;
    }
    if (scope.only_users && certificate.is_ca()) || (scope.only_authorities && !certificate.is_ca()) {
        return false;
    }
    // A point without a name stands for the issuer's own (§6.3.3).
    let unnamed = certificate.crl_points().iter().all(|point| point.names.is_empty());
    let own = GeneralName::Directory(certificate.issuer().clone());
    let mut points = certificate.crl_points().iter().flat_map(|point| &point.names);
    scope.names.is_empty()
        || points.any(|name| scope.names.contains(name))
        || (unnamed && scope.names.contains(&own))
}

/// RFC 6960 §3.2: the response is signed by the issuer, or by somebody the issuer authorised for that.
fn ocsp(
    response: &OcspResponse,
    answer: &SingleResponse,
    issuer: &Certificate,
    asked: &Asked<'_>,
    budget: &mut Budget,
) -> Result<Statement, Shortfall> {
    if response.has_unknown_critical() || answer.unknown_critical {
        return Err(Shortfall::UnknownCritical);
    }
    if response.produced_at() > asked.now.saturating_add(asked.limits.clock_skew_seconds) {
        return Err(Shortfall::FromTheFuture);
    }
    signer(response, issuer, asked, budget)?;
    let revoked = match answer.status {
        OcspStatus::Good => None,
        OcspStatus::Revoked(facts) => Some(facts),
        OcspStatus::Unknown => return Err(Shortfall::Unknown),
    };
    Ok(Statement {
        revoked,
        this_update: answer.this_update,
        next_update: answer.next_update,
        speaks_of_expired_since: answer.archive_cutoff,
        source: Source::Ocsp {
            sha256: response.sha256(),
            produced_at: response.produced_at(),
            this_update: answer.this_update,
            next_update: answer.next_update,
        },
    })
}

fn signer(
    response: &OcspResponse,
    issuer: &Certificate,
    asked: &Asked<'_>,
    budget: &mut Budget,
) -> Result<(), Shortfall> {
    if response.responder().names(issuer) {
        budget.signature().map_err(|_| Shortfall::Budget)?;
        if response.verify_signature(issuer.public_key()).is_ok() {
            return Ok(());
        }
    }
    let mut shortfall = Shortfall::Signature;
    let candidates = response.certificates().iter().chain(&asked.evidence.certificates);
    for delegate in candidates.filter(|c| response.responder().names(c) && c.issuer() == issuer.subject()) {
        budget.step().map_err(|_| Shortfall::Budget)?;
        match delegated(delegate, response, issuer, asked, budget) {
            Ok(()) => return Ok(()),
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
    verified(delegate.verify_signature(issuer.public_key()))?;
    verified(response.verify_signature(delegate.public_key()))?;
    if delegate.has_ocsp_no_check() {
        return Ok(());
    }
    for list in asked.evidence.crls.iter().filter(|crl| concerns(crl, delegate)) {
        let Ok(statement) = crl(list, delegate, issuer, asked.strict, budget) else { continue };
        let moment = Asked { at: produced, now: asked.now.max(produced), ..*asked };
        if matches!(weigh(&statement, delegate, &moment), Ok(Finding::Revoked(_))) {
            return Err(Shortfall::SignerNotAllowed);
        }
    }
    Ok(())
}
