//! What the evidence says about one certificate at one moment.

use super::scope::Reasons;
use super::{RevocationFacts, RevocationReason, Shortfall, Source, lists, responders};
use crate::certificate::Certificate;
use crate::path::budget::Budget;
use crate::path::{Evidence, Question};
use crate::trust::Anchor;
use crate::{Fingerprint, Limits};

/// The question, the evidence, and the path on which the certificate stands.
pub(crate) struct Asked<'a> {
    pub(crate) question: &'a Question,
    pub(crate) evidence: &'a Evidence,
    pub(crate) limits: &'a Limits,
    /// The path, leaf first, without its anchor.
    pub(crate) chain: &'a [Certificate],
    /// Where the path ends; whoever signs lists must end there too (RFC 5280 §6.3.3 f).
    pub(crate) anchor: &'a Anchor,
    /// Signers of lists whose own paths are being looked for: none of them can vouch for itself.
    pub(crate) busy: &'a [Fingerprint],
}

impl Asked<'_> {
    /// The moment judged.
    pub(super) fn at(&self) -> i64 {
        self.question.at
    }

    /// The latest moment a piece of evidence may come from.
    pub(super) fn latest(&self) -> i64 {
        self.question.now().saturating_add(self.limits.clock_skew_seconds)
    }
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Finding {
    Good(Proof),
    /// Revoked after the moment judged (RULES D34).
    RevokedLater(RevocationFacts, Proof),
    /// Revoked at or before it.
    Revoked(RevocationFacts),
    /// Nothing conclusive; why each relevant piece was not.
    Unknown(Vec<Shortfall>),
}

/// What a finding rests on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Proof {
    pub(crate) sources: Vec<Source>,
    /// Certificates of those who signed them, as far as they are not on the path itself.
    pub(crate) signers: Vec<Certificate>,
    /// Seconds by which the oldest piece had outlived its own nextUpdate at the moment judged, within the grace the
    /// question allows (RULES D27). 0: none had.
    pub(crate) late_by: i64,
}

impl Proof {
    fn join(&mut self, more: Proof) {
        self.sources.extend(more.sources);
        self.signers.extend(more.signers);
        self.late_by = self.late_by.max(more.late_by);
    }
}

/// One signed statement about the certificate, its signature and signer in order.
pub(super) struct Statement {
    pub(super) revoked: Option<RevocationFacts>,
    /// For which reasons it speaks.
    pub(super) reasons: Reasons,
    pub(super) this_update: i64,
    pub(super) next_update: Option<i64>,
    /// The issuer keeps speaking about certificates that expired since this moment.
    pub(super) speaks_of_expired_since: Option<i64>,
    pub(super) proof: Proof,
}

/// What one statement means for the moment judged.
enum Word {
    Good,
    RevokedLater(RevocationFacts),
    Revoked(RevocationFacts),
}

/// Collects everything the evidence says about `certificate` under `issuer`. One valid "revoked" outweighs any
/// number of "good"; OCSP is read before CRLs (RULES D29 step 7). Lists for some reasons only are good together when
/// they cover all of them (RFC 5280 §6.3.3).
pub(crate) fn look_up(
    certificate: &Certificate,
    issuer: &Certificate,
    asked: &Asked<'_>,
    budget: &mut Budget,
) -> Finding {
    let mut tally = Tally::default();
    for statement in responders::statements(certificate, issuer, asked, budget) {
        tally.take(statement, certificate, asked);
    }
    for statement in lists::statements(certificate, issuer, asked, budget) {
        tally.take(statement, certificate, asked);
    }
    tally.conclude()
}

/// As [`look_up`], by lists alone.
pub(super) fn by_lists(
    certificate: &Certificate,
    issuer: &Certificate,
    asked: &Asked<'_>,
    budget: &mut Budget,
) -> Finding {
    let mut tally = Tally::default();
    for statement in lists::statements(certificate, issuer, asked, budget) {
        tally.take(statement, certificate, asked);
    }
    tally.conclude()
}

/// Weighs statements as they come.
#[derive(Default)]
struct Tally {
    revoked: Option<RevocationFacts>,
    /// Suspended, as of a statement of this moment.
    held: Option<(i64, RevocationFacts)>,
    later: Option<(RevocationFacts, Proof)>,
    /// The first good statement that covers all reasons, and when it was made.
    good: Option<(i64, Proof)>,
    partly_good: Reasons,
    parts: Proof,
    shortfalls: Vec<Shortfall>,
}

impl Tally {
    fn take(
        &mut self,
        statement: Result<Statement, Shortfall>,
        certificate: &Certificate,
        asked: &Asked<'_>,
    ) {
        let mut statement = match statement {
            Ok(statement) => statement,
            Err(shortfall) => return self.shortfalls.push(shortfall),
        };
        match weigh(&mut statement, certificate, asked) {
            Err(shortfall) => self.shortfalls.push(shortfall),
            Ok(Word::Revoked(facts)) if facts.reason == RevocationReason::CertificateHold => {
                let newer = self.held.as_ref().is_none_or(|(since, _)| statement.this_update > *since);
                self.held = if newer { Some((statement.this_update, facts)) } else { self.held.take() };
            }
            Ok(Word::Revoked(facts)) => self.revoked = self.revoked.or(Some(facts)),
            Ok(Word::RevokedLater(facts)) => self.later = Some((facts, statement.proof)),
            Ok(Word::Good) if statement.reasons.are_all() => self.good(statement, asked),
            Ok(Word::Good) => {
                self.partly_good = self.partly_good.or(statement.reasons);
                self.parts.join(statement.proof);
            }
        }
    }

    /// A statement of the moment judged or before it replaces older ones; among equals one in time is preferred.
    fn good(&mut self, statement: Statement, asked: &Asked<'_>) {
        let made = if statement.this_update <= asked.at() { statement.this_update } else { i64::MIN };
        match &mut self.good {
            None => self.good = Some((made, statement.proof)),
            Some((newest, proof)) => {
                *newest = made.max(*newest);
                if proof.late_by > statement.proof.late_by {
                    *proof = statement.proof;
                }
            }
        }
    }

    fn conclude(mut self) -> Finding {
        if let Some(facts) = self.revoked {
            return Finding::Revoked(facts);
        }
        // A suspension ends with a newer statement that no longer knows of it.
        let lifted = |since: i64| self.good.as_ref().is_some_and(|(made, _)| *made > since);
        if let Some((since, facts)) = self.held
            && !lifted(since)
        {
            return Finding::Revoked(facts);
        }
        if let Some((facts, proof)) = self.later {
            return Finding::RevokedLater(facts, proof);
        }
        if let Some((_, proof)) = self.good {
            return Finding::Good(proof);
        }
        if self.partly_good.are_all() {
            return Finding::Good(self.parts);
        }
        if !self.partly_good.is_empty() {
            self.shortfalls.push(Shortfall::SomeReasons);
        }
        Finding::Unknown(self.shortfalls)
    }
}

/// What a statement means for the moment judged.
fn weigh(statement: &mut Statement, certificate: &Certificate, asked: &Asked<'_>) -> Result<Word, Shortfall> {
    let at = asked.at();
    if statement.this_update > asked.latest() {
        return Err(Shortfall::FromTheFuture);
    }
    let until = statement
        .next_update
        .unwrap_or(statement.this_update.saturating_add(asked.limits.no_next_update_seconds));
    let stale = until.saturating_add(asked.limits.revocation_grace_seconds) < at;
    statement.proof.late_by = at.saturating_sub(until).max(0);
    if let Some(facts) = statement.revoked {
        // removeFromCRL says the opposite of being listed (RFC 5280 §5.3.1).
        if facts.reason == RevocationReason::RemoveFromCrl {
            return if stale { Err(Shortfall::Stale) } else { Ok(Word::Good) };
        }
        // Whoever is on a list issued by the moment judged is revoked at it, whatever date the list gives.
        if facts.effective_at() > at && statement.this_update > at {
            return Ok(Word::RevokedLater(facts));
        }
        // Revocation is for ever, however old the statement; only a suspension may have ended since.
        let suspended = facts.reason == RevocationReason::CertificateHold;
        return if suspended && stale { Err(Shortfall::Stale) } else { Ok(Word::Revoked(facts)) };
    }
    if stale {
        return Err(Shortfall::Stale);
    }
    // Once a certificate has expired its revocation may be forgotten (RFC 5280 §3.3): silence then proves nothing.
    let expired = certificate.not_after() < statement.this_update;
    let still_listed =
        statement.speaks_of_expired_since.is_some_and(|since| since <= certificate.not_after());
    if expired && !still_listed { Err(Shortfall::AfterExpiry) } else { Ok(Word::Good) }
}
