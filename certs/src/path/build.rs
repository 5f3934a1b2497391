//! Finding paths: from the leaf up, issuer by issuer, within a budget.

use std::collections::HashMap;

use super::budget::{Budget, Exhausted};
use super::validate::{self, Findings};
use super::{
    CertificateStatus, Defect, Evidence, Lack, Path, PathVerdict, Question, Reason, Revocation, Standing,
};
use crate::certificate::Certificate;
use crate::revocation::{Asked, Finding, Proof, Shortfall, look_up};
use crate::trust::{Anchor, TrustStore};
use crate::{Error, Fingerprint, Limits};

/// How far a failed attempt came; the furthest one's reason is reported.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// The path broke before an anchor.
    Partial(usize),
    /// An anchor was reached, but not one for this question.
    WrongAnchor,
    /// An anchor was reached.
    Anchored(usize),
}

/// The state of one judgement.
pub(super) struct Search<'a> {
    evidence: &'a Evidence,
    trust: &'a TrustStore,
    question: &'a Question,
    limits: &'a Limits,
    /// Signers of lists whose paths are being looked for, this search's leaf among them.
    busy: &'a [Fingerprint],
    budget: &'a mut Budget,
    /// Results of signature checks: child, issuer.
    signatures: HashMap<(Fingerprint, Fingerprint), bool>,
    failure: Option<(Reach, Reason)>,
    /// Revocation evidence lacking on an otherwise valid path.
    unproven: Option<Vec<Lack>>,
    /// Issuers nobody supplied.
    missing: Vec<Lack>,
}

/// Why the search stopped before having tried everything.
enum Stop {
    Found(Box<Path>),
    /// The leaf is revoked; other paths to the same issuer cannot change that.
    Final(Reason),
    Exhausted,
}

impl From<Exhausted> for Stop {
    fn from(_: Exhausted) -> Stop {
        Stop::Exhausted
    }
}

impl<'a> Search<'a> {
    pub(super) fn new(
        evidence: &'a Evidence,
        trust: &'a TrustStore,
        question: &'a Question,
        limits: &'a Limits,
        busy: &'a [Fingerprint],
        budget: &'a mut Budget,
    ) -> Search<'a> {
        Search {
            evidence,
            trust,
            question,
            limits,
            busy,
            budget,
            signatures: HashMap::new(),
            failure: None,
            unproven: None,
            missing: Vec::new(),
        }
    }

    pub(super) fn run(mut self, leaf: &Certificate) -> PathVerdict {
        let stopped = self.climb(&mut vec![leaf.clone()]);
        match stopped {
            Err(Stop::Found(path)) => return PathVerdict::Valid(*path),
            Err(Stop::Final(reason)) => return PathVerdict::Invalid(reason),
            Err(Stop::Exhausted) if self.unproven.is_none() => {
                return PathVerdict::Invalid(Reason {
                    defect: Defect::Budget,
                    certificate: leaf.clone(),
                    depth: 0,
                });
            }
            Err(Stop::Exhausted) | Ok(()) => {}
        }
        if let Some(lacks) = self.unproven {
            return PathVerdict::Undecided { lacks };
        }
        match self.failure {
            Some((Reach::Anchored(_), reason)) => PathVerdict::Invalid(reason),
            _ if !self.missing.is_empty() => PathVerdict::Undecided { lacks: self.missing },
            Some((_, reason)) => PathVerdict::Invalid(reason),
            None => PathVerdict::Invalid(Reason {
                defect: Defect::NotTrusted,
                certificate: leaf.clone(),
                depth: 0,
            }),
        }
    }

    /// Tries every way up from the top of `chain`. Recursion is bounded by `limits.path_length`.
    fn climb(&mut self, chain: &mut Vec<Certificate>) -> Result<(), Stop> {
        let Some(top) = chain.last().cloned() else { return Ok(()) };
        if let Some(anchor) = self.trust.find(top.sha256()).filter(|_| chain.len() == 1) {
            self.arrived(chain, anchor)?;
        }
        let mut signed = false;
        let mut identified = false;
        let mut looped = false;
        for anchor in by_key_id(&top, self.trust.anchors(), Anchor::certificate) {
            let certificate = anchor.certificate();
            if *certificate == top {
                continue;
            }
            self.budget.step()?;
            identified |= key_ids(&top, certificate) != Some(false);
            if self.signed_by(&top, certificate, chain.len() - 1)? {
                signed = true;
                self.arrived(chain, anchor)?;
            }
        }
        let evidence = self.evidence;
        for candidate in by_key_id(&top, &evidence.certificates, |certificate| certificate) {
            self.budget.step()?;
            // Anchors were tried above; going on over one makes sense only where it does not serve itself.
            let anchor = self.trust.find(candidate.sha256());
            if anchor.is_some_and(|anchor| anchor.serves(self.question.purpose) || candidate.is_self_issued())
            {
                continue;
            }
            if is_loop(chain, candidate) {
                looped |= candidate != &top;
                continue;
            }
            identified |= key_ids(&top, candidate) != Some(false);
            signed |= self.through(chain, &top, candidate)?;
        }
        if !signed {
            self.dead_end(&top, chain.len() - 1, identified, looped);
        }
        Ok(())
    }

    /// Goes on above `candidate` if it may have issued `top`. `true`: its key did sign `top`.
    fn through(
        &mut self,
        chain: &mut Vec<Certificate>,
        top: &Certificate,
        candidate: &Certificate,
    ) -> Result<bool, Stop> {
        let depth = chain.len();
        let usable = validate::standing(candidate, self.question).and(validate::authority(candidate, false));
        if !self.signed_by(top, candidate, depth - 1)? {
            return Ok(false);
        }
        let max = self.question.max_depth.unwrap_or(usize::MAX).min(self.limits.path_length);
        let usable = if depth > max { usable.and(Err(Defect::TooDeep)) } else { usable };
        match usable {
            Ok(()) => {
                chain.push(candidate.clone());
                let result = self.climb(chain);
                chain.pop();
                result?;
            }
            Err(defect) => {
                self.fail(Reach::Partial(depth), Reason { defect, certificate: candidate.clone(), depth });
            }
        }
        Ok(true)
    }

    /// Nobody at hand signed `top`.
    fn dead_end(&mut self, top: &Certificate, depth: usize, identified: bool, looped: bool) {
        let reason = |defect| Reason { defect, certificate: top.clone(), depth };
        if looped || (top.is_self_issued() && key_ids(top, top) != Some(false)) {
            self.fail(Reach::Partial(depth), reason(Defect::NotTrusted));
        } else if !identified {
            // Whoever bears the issuer's name has another key: the right certificate is still missing. When one
            // matched and its signature failed, `signed_by` has recorded that.
            self.missing.push(Lack::Issuer { of: top.clone(), urls: top.issuer_urls() });
        }
    }

    /// The signature check, remembered.
    fn signed_by(&mut self, child: &Certificate, issuer: &Certificate, depth: usize) -> Result<bool, Stop> {
        let key = (child.sha256(), issuer.sha256());
        if let Some(&known) = self.signatures.get(&key) {
            return Ok(known);
        }
        self.budget.signature()?;
        let anchors = self.trust.anchors().iter().map(Anchor::certificate);
        let above = anchors.chain(&self.evidence.certificates);
        let result = child.verify_signature(&super::working_key(issuer, above));
        if let Err(error) = &result {
            let defect = if *error == Error::BadSignature { Defect::Signature } else { Defect::Algorithm };
            self.fail(Reach::Partial(depth), Reason { defect, certificate: child.clone(), depth });
        }
        self.signatures.insert(key, result.is_ok());
        Ok(result.is_ok())
    }

    fn fail(&mut self, reach: Reach, reason: Reason) {
        if self.failure.as_ref().is_none_or(|(best, _)| reach > *best) {
            self.failure = Some((reach, reason));
        }
    }

    /// `chain` ends under `anchor`: validate it, then its revocation.
    fn arrived(&mut self, chain: &[Certificate], anchor: &Anchor) -> Result<(), Stop> {
        let wrong = if !anchor.serves(self.question.purpose) {
            Some(Defect::AnchorPurpose)
        } else if !anchor.window().holds(self.question.at) {
            Some(Defect::AnchorWindow(anchor.window()))
        } else {
            let hierarchy = anchor.hierarchy();
            let differs = self.question.hierarchy.is_some_and(|wanted| wanted != hierarchy);
            differs.then_some(Defect::AnchorHierarchy(hierarchy))
        };
        if let Some(defect) = wrong {
            let certificate = anchor.certificate().clone();
            self.fail(Reach::WrongAnchor, Reason { defect, certificate, depth: chain.len() });
            return Ok(());
        }
        match validate::path(chain, anchor, self.question, self.limits, self.budget) {
            Err(reason) if reason.defect == Defect::Budget => Err(Stop::Exhausted),
            Err(reason) => {
                self.fail(Reach::Anchored(chain.len() - reason.depth.min(chain.len())), reason);
                Ok(())
            }
            Ok(findings) => self.revocation(chain, anchor, findings),
        }
    }

    fn revocation(&mut self, chain: &[Certificate], anchor: &Anchor, findings: Findings) -> Result<(), Stop> {
        let mut statuses = Vec::new();
        let mut lacks = Vec::new();
        for (depth, certificate) in chain.iter().enumerate() {
            let issuer = chain.get(depth + 1).unwrap_or(anchor.certificate());
            let (standing, proof) = match self.status(certificate, issuer, chain, anchor) {
                Finding::Good(proof) => (Standing::Good, proof),
                Finding::RevokedLater(facts, proof) => (Standing::RevokedLater(facts), proof),
                Finding::Revoked(facts) => {
                    let reason =
                        Reason { defect: Defect::Revoked(facts), certificate: certificate.clone(), depth };
                    if depth == 0 {
                        return Err(Stop::Final(reason));
                    }
                    self.fail(Reach::Anchored(chain.len() - depth), reason);
                    return Ok(());
                }
                Finding::Unknown(shortfalls) => {
                    let matters = match self.question.revocation {
                        Revocation::Require => true,
                        Revocation::IfSupplied => shortfalls.iter().any(|one| *one != Shortfall::Malformed),
                        Revocation::None | Revocation::IfKnown => false,
                    };
                    if matters && certificate != anchor.certificate() {
                        lacks.push(Lack::Revocation {
                            of: certificate.clone(),
                            issuer: issuer.clone(),
                            crl_urls: certificate.crl_urls(),
                            ocsp_urls: certificate.ocsp_urls(),
                            shortfalls,
                        });
                    }
                    (Standing::NotChecked, Proof::default())
                }
            };
            let Proof { sources, signers, late_by } = proof;
            let mut sources = sources.into_iter();
            statuses.push(CertificateStatus {
                certificate: certificate.clone(),
                standing,
                source: sources.next(),
                more_sources: sources.collect(),
                signers,
                late_by,
            });
        }
        if !lacks.is_empty() {
            self.unproven.get_or_insert(lacks);
            return Ok(());
        }
        Err(Stop::Found(Box::new(Path {
            certificates: chain.to_vec(),
            anchor: anchor.clone(),
            statuses,
            policies: findings.policies,
            weaknesses: findings.weaknesses,
            departures: findings.departures,
            at: self.question.at,
        })))
    }

    fn status(
        &mut self,
        certificate: &Certificate,
        issuer: &Certificate,
        chain: &[Certificate],
        anchor: &Anchor,
    ) -> Finding {
        if self.question.revocation == Revocation::None {
            return Finding::Unknown(Vec::new());
        }
        let asked = Asked {
            question: self.question,
            evidence: self.evidence,
            limits: self.limits,
            chain,
            anchor,
            busy: self.busy,
        };
        look_up(certificate, issuer, &asked, self.budget)
    }
}

/// The same certificate again, or the same subject with the same key under another certificate: going round.
fn is_loop(chain: &[Certificate], candidate: &Certificate) -> bool {
    chain.iter().any(|own| own.subject() == candidate.subject() && own.spki() == candidate.spki())
}

/// Whether the key identifiers of child and issuer agree. `None`: one of them states none.
fn key_ids(child: &Certificate, issuer: &Certificate) -> Option<bool> {
    let wanted = child.authority_key_id()?.key.as_deref()?;
    Some(wanted == issuer.subject_key_id()?)
}

/// Most promising candidates first: those whose key identifier agrees, then those without one, then the rest.
fn by_key_id<'c, T>(top: &Certificate, all: &'c [T], of: impl Fn(&T) -> &Certificate) -> Vec<&'c T> {
    let mut ordered: Vec<&T> = all.iter().filter(|one| of(one).subject() == top.issuer()).collect();
    ordered.sort_by_key(|one| match key_ids(top, of(one)) {
        Some(true) => 0,
        None => 1,
        Some(false) => 2,
    });
    ordered
}
