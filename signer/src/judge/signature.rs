//! One signature: signer, time, path, and the class that follows (RULES D29, ETSI EN 319 102-1 §5). Whether the bytes
//! are those that were signed is the container's matter: see `cms` beside this file.

use super::claim::{Claim, Claims, Container, Intact};
use super::pieces::Pieces;
use super::proof::{Places, Proofs, add_standing};
use super::report::{CertificateReport, EvidenceReport, Missing, SignatureReport, readable};
use super::strength::weak;
use super::verdict::{Class, Indication, Integrity, Role, SignatureKind, SubIndication, TimeSource, Verdict};
use super::{Policy, gather, revocation_evidence};
use crate::coverage::Coverage;
use crate::message::{Code, Reason};
use crate::tst::{Token, TokenVerdict};
use certs::Certificate;
use certs::path::{self, Defect, Evidence, Lack, PathVerdict, Question};
use certs::revocation::Source;
use certs::trust::Purpose;
use mail::Timestamp;
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

/// A report and what it lacks.
pub(crate) struct Judgement {
    pub(crate) report: SignatureReport,
    pub(crate) lacks: Vec<Lack>,
    pub(crate) used: Evidence,
    /// The tokens of proven times, to be archived too.
    pub(crate) timestamps: Vec<Arc<[u8]>>,
    /// The octets it covers, where they are not simply a piece of the file.
    pub(crate) signed: Vec<Arc<[u8]>>,
    /// The certificate whose signature it is, once the arithmetic is right.
    pub(crate) signer: Option<Certificate>,
}

/// Seconds by which two timestamps may contradict the order of their signatures: two authorities' clocks.
const ORDER_TOLERANCE: i64 = 300;

/// Judges all signatures, the last first, since a later document timestamp proves when an earlier one existed.
pub(crate) fn judge_all(
    claims: &Claims<'_>,
    places: &Places,
    policy: &Policy,
    evidence: &Evidence,
    now: Timestamp,
) -> Vec<Judgement> {
    let evidence = gather(evidence, &claims.store, policy);
    let mut proofs = Proofs::new(places, policy, now);
    let mut proven: Option<Timestamp> = None;
    let mut judgements = Vec::new();
    for (index, claim) in claims.signatures.iter().enumerate().rev() {
        let standing = proofs.standing(&evidence, policy);
        let known_at = proofs.known_at(proofs.end(index));
        let mut work = Work::new(claim, policy, &standing, now, proven, known_at);
        if matches!(standing, Cow::Owned(_)) {
            work.report.notes.push(Reason::new(Code::EvidenceNoProof));
        }
        let judgement = work.run();
        if judgement.report.kind == SignatureKind::Timestamp
            && judgement.report.class.is_good()
            && let Some(time) = judgement.report.time
        {
            proven = Some(time);
            proofs.stamped(proofs.end(index), time);
        }
        judgements.push(judgement);
    }
    judgements.reverse();
    check_order(&mut judgements);
    judgements
}

/// A later signature covers an earlier one's timestamp, so it cannot be older than that. Signatures side by side, which
/// all cover the whole document, have no order.
fn check_order(judgements: &mut [Judgement]) {
    let mut latest: Option<i64> = None;
    for judgement in judgements {
        let report = &mut judgement.report;
        let own =
            report.time.filter(|_| report.time_source == TimeSource::Timestamp && report.class.is_good());
        let Some(own) = own.map(Timestamp::secs) else { continue };
        if latest.is_some_and(|before| own + ORDER_TOLERANCE < before) {
            report.indication = Indication::Indeterminate;
            report.sub_indication = Some(SubIndication::TimestampOrderFailure);
            report.class = Class::Invalid(Code::TimestampOrder);
            report.verdict = Verdict::Indeterminate;
            report.reasons.push(Reason::new(Code::TimestampOrder));
        }
        if report.coverage == Coverage::WholeRevision {
            latest = latest.max(Some(own));
        }
    }
}

/// One signature on its way to a verdict.
pub(super) struct Work<'a> {
    claim: &'a Claim<'a>,
    pub(super) policy: &'a Policy,
    pub(super) evidence: &'a Evidence,
    now: Timestamp,
    /// Existence proven by a later document timestamp.
    proven: Option<Timestamp>,
    /// When it existed at the latest, Unix seconds: proven, kept since, or now.
    known_at: i64,
    pub(super) report: SignatureReport,
    lacks: Vec<Lack>,
    weak: Vec<Reason>,
    /// What the paths rest on, to be archived (RULES D31).
    used: Evidence,
    /// The tokens of proven times, to be archived too.
    timestamps: Vec<Arc<[u8]>>,
    /// The octets it covers.
    pub(super) signed: Vec<Arc<[u8]>>,
    signer: Option<Certificate>,
}

/// Why judging stops early.
pub(super) struct Stop(Verdict, SubIndication, Reason);

pub(super) type Step<T = ()> = Result<T, Stop>;

pub(super) fn failed<T>(sub: SubIndication, reason: Reason) -> Step<T> {
    Err(Stop(Verdict::Invalid, sub, reason))
}

pub(super) fn unclear<T>(sub: SubIndication, reason: Reason) -> Step<T> {
    Err(Stop(Verdict::Indeterminate, sub, reason))
}

impl<'a> Work<'a> {
    fn new(
        claim: &'a Claim<'a>,
        policy: &'a Policy,
        evidence: &'a Evidence,
        now: Timestamp,
        proven: Option<Timestamp>,
        known_at: i64,
    ) -> Self {
        let report = SignatureReport {
            field: claim.field.clone(),
            kind: claim.kind,
            signer: None,
            signer_name: None,
            role: Role::Unknown,
            verdict: Verdict::Indeterminate,
            integrity: Integrity::None,
            class: Class::UnknownRevocation,
            covers_whole_document: claim.coverage == Coverage::WholeDocument,
            coverage: claim.coverage,
            covers: claim.covers.clone(),
            indication: Indication::Indeterminate,
            sub_indication: None,
            time: None,
            time_source: TimeSource::None,
            claimed_time: claim.claimed,
            stated_reason: claim.stated_reason.clone(),
            certificate: None,
            hierarchy: None,
            algorithm: None,
            profile: None,
            reasons: Vec::new(),
            notes: Vec::new(),
            evidence: Vec::new(),
            missing: Vec::new(),
        };
        Self {
            claim,
            policy,
            evidence,
            now,
            proven,
            known_at,
            report,
            lacks: Vec::new(),
            weak: Vec::new(),
            used: Evidence::default(),
            timestamps: Vec::new(),
            signed: Vec::new(),
            signer: None,
        }
    }

    fn run(mut self) -> Judgement {
        let claim = self.claim;
        let result = match &claim.container {
            Err(reason) => self.no_signature(reason),
            Ok(Container::Token { der, pieces }) => self.document_timestamp(der, pieces),
            Ok(Container::Cms(cms)) => self.open_cms(cms).and_then(|intact| self.signature(intact)),
            Ok(Container::Sha1(cms)) => self.open_sha1(cms).and_then(|intact| self.signature(intact)),
            Ok(Container::Signer(one)) => self.open_signer(one).and_then(|intact| self.signature(intact)),
            Ok(Container::Xml(xml)) => self.open_xml(xml).and_then(|intact| self.signature(intact)),
        };
        self.conclude(result);
        self.report.missing = self.lacks.iter().map(Missing::from).collect();
        let Self { report, lacks, used, timestamps, signed, signer, .. } = self;
        Judgement { report, lacks, used, timestamps, signed, signer }
    }

    fn no_signature(&mut self, reason: &Reason) -> Step {
        let reason = reason.clone();
        match reason.code {
            // It may be a good signature, of a kind nobody here can check.
            Code::SigSubFilter | Code::XmlTransform | Code::Budget => {
                unclear(SubIndication::SigConstraintsFailure, reason)
            }
            Code::SigSubFilterWeak => unclear(SubIndication::CryptoConstraintsFailureNoPoe, reason),
            Code::ContentMissing | Code::XmlExternal => unclear(SubIndication::SignedDataNotFound, reason),
            Code::ContentDiffers => {
                self.report.integrity = Integrity::Broken;
                failed(SubIndication::HashFailure, reason)
            }
            _ => self.damaged(reason),
        }
    }

    fn conclude(&mut self, result: Step) {
        match result {
            Ok(()) if self.weak.is_empty() => {
                self.report.verdict = Verdict::Valid;
                self.report.indication = Indication::TotalPassed;
                self.report.class = match self.report.time_source {
                    TimeSource::Timestamp | TimeSource::DocumentTimestamp => Class::Valid,
                    _ => Class::ValidNoTimestamp,
                };
            }
            Ok(()) => {
                self.report.verdict = Verdict::Indeterminate;
                self.report.indication = Indication::Indeterminate;
                self.report.sub_indication = Some(SubIndication::CryptoConstraintsFailureNoPoe);
                self.report.class = Class::Weak;
                self.report.reasons.append(&mut self.weak);
            }
            Err(Stop(verdict, sub, reason)) => {
                self.report.verdict = verdict;
                self.report.indication = match verdict {
                    Verdict::Invalid => Indication::TotalFailed,
                    _ => Indication::Indeterminate,
                };
                self.report.sub_indication = Some(sub);
                self.report.class = match reason.code {
                    Code::RevocationUnknown => Class::UnknownRevocation,
                    code => Class::Invalid(code),
                };
                self.report.reasons.push(reason);
            }
        }
    }

    /// A document timestamp: a token over the file.
    fn document_timestamp(&mut self, der: &[u8], pieces: &Pieces<'_>) -> Step {
        self.report.role = Role::Timestamp;
        self.report.profile = Some("RFC 3161");
        let token = match Token::read_known(der, &self.policy.limits, &self.policy.known) {
            Ok(token) => token,
            Err(reason) => return self.damaged(reason),
        };
        if pieces.digest(token.digest) != token.imprint {
            self.report.integrity = Integrity::Broken;
            return failed(SubIndication::HashFailure, Reason::new(Code::CmsDigest));
        }
        self.report.integrity = Integrity::Intact;
        self.check_changes()?;
        match self.judge_token(&token) {
            TokenVerdict::Valid { path, weak } => {
                self.timestamps.push(der.into());
                self.report.time = Some(Timestamp::from_secs(token.at));
                self.report.time_source = TimeSource::Timestamp;
                if let Some(authority) = path.leaf() {
                    self.report.signer = Some(readable(authority.subject()));
                    self.report.certificate = Some(CertificateReport::new(authority));
                }
                self.weak.extend(weak.then(|| Reason::new(Code::WeakDigest)));
                Ok(())
            }
            TokenVerdict::Invalid(reason) if reason.code == Code::TimestampUntrusted => {
                unclear(SubIndication::NoCertificateChainFound, reason)
            }
            TokenVerdict::Invalid(reason) if reason.code == Code::TimestampExpired => {
                unclear(SubIndication::OutOfBoundsNoPoe, reason)
            }
            TokenVerdict::Invalid(reason) => failed(SubIndication::SigCryptoFailure, reason),
            TokenVerdict::Undecided { lacks } => self.undecided(lacks),
        }
    }

    pub(super) fn damaged<T>(&mut self, reason: Reason) -> Step<T> {
        match reason.code {
            Code::CmsAlgorithm => return unclear(SubIndication::CryptoConstraintsFailure, reason),
            Code::Budget => return unclear(SubIndication::SigConstraintsFailure, reason),
            _ => {}
        }
        self.report.integrity = Integrity::Broken;
        failed(SubIndication::FormatFailure, reason)
    }

    /// What happened to the file after this signature.
    fn check_changes(&mut self) -> Step {
        match &self.claim.fault {
            None => Ok(()),
            // The signature itself is good; what it leaves open is no part of it.
            Some(reason) if reason.code == Code::XmlUnsigned => {
                unclear(SubIndication::SigConstraintsFailure, reason.clone())
            }
            Some(reason) => {
                self.report.integrity = Integrity::Broken;
                failed(SubIndication::FormatFailure, reason.clone())
            }
        }
    }

    /// Judges a token with what it brings itself, and keeps what its path rests on.
    fn judge_token(&mut self, token: &Token) -> TokenVerdict {
        let mut evidence = self.evidence.clone();
        evidence.certificates.extend(token.certificates().iter().cloned());
        let (crls, ocsp) = token.revocation();
        let (crls, ocsp) = revocation_evidence(crls, ocsp, self.policy);
        add_standing(&mut evidence, crls, ocsp, self.policy, self.known_at);
        let limits = &self.policy.certificate_limits;
        let verdict =
            token.judge_known(&evidence, &self.policy.trust, self.now.secs(), self.known_at, limits);
        if let TokenVerdict::Valid { path, .. } = &verdict {
            self.record(path, &evidence);
        }
        verdict
    }

    /// The arithmetic is right; now who signed, when, and whether the certificate was good then.
    fn signature(&mut self, intact: Intact) -> Step {
        let Intact { signer, certificates, crls, ocsp, tokens, strength } = intact;
        self.identify(&signer);
        self.signer = Some(signer.clone());
        self.check_changes()?;
        let mut evidence = self.evidence.clone();
        evidence.certificates.extend(certificates);
        add_standing(&mut evidence, crls, ocsp, self.policy, self.known_at);
        self.find_time(&tokens)?;
        self.note_profile();
        match strength.at(signer.public_key(), self.moment()) {
            Ok(weak) => self.weak.extend(weak),
            Err(reason) => return unclear(SubIndication::CryptoConstraintsFailure, reason),
        }
        self.path(&signer, &evidence)
    }

    /// The form a signature has that is a file or in a mail (ETSI EN 319 122-1 §6).
    fn note_profile(&mut self) {
        let is_stamped = self.report.time_source == TimeSource::Timestamp;
        let claim = match &self.claim.container {
            Ok(Container::Signer(claim)) => claim,
            Ok(Container::Xml(claim)) => {
                self.report.profile = Some(match (claim.is_xades(), is_stamped) {
                    (true, true) => "XAdES-B-T",
                    (true, false) => "XAdES-B-B",
                    (false, _) => "XMLDSig",
                });
                return;
            }
            _ => return,
        };
        let attributes = claim.signer.attributes.as_ref();
        let is_baseline = attributes.is_some_and(|a| !a.bindings.is_empty() && a.signing_time.is_some());
        self.report.profile = Some(match (claim.purpose, is_baseline, is_stamped) {
            (Purpose::Smime, ..) => "S/MIME",
            (_, true, true) => "CAdES-B-T",
            (_, true, false) => "CAdES-B-B",
            (_, false, _) => "CMS",
        });
    }

    fn purpose(&self) -> Purpose {
        match &self.claim.container {
            Ok(Container::Signer(claim)) => claim.purpose,
            _ => Purpose::Document,
        }
    }

    /// What the signature says of itself, before anything is proven. The file's own word on the time goes first.
    pub(super) fn note_claims(&mut self, algorithm: &str, claimed: Option<Timestamp>) {
        self.report.algorithm = Some(algorithm.to_owned());
        self.report.claimed_time = self.report.claimed_time.or(claimed);
    }

    /// Names the signer and whom it speaks for: the directory first, then the UID's prefix (RULES D25). The UID's
    /// number is personal data and goes nowhere.
    fn identify(&mut self, signer: &Certificate) {
        self.report.signer = Some(readable(signer.subject()));
        self.report.signer_name = signer.subject().common_name().map(str::to_owned);
        self.report.certificate = Some(CertificateReport::new(signer));
        let uid = signer.subject().user_id().unwrap_or_default();
        self.report.role = match self.policy.roles.get(&signer.sha256()) {
            Some(role) => *role,
            None if uid.starts_with("MST:") => Role::Agency,
            None if uid.starts_with("CCCD:") || uid.starts_with("CMND:") => Role::Leader,
            None => Role::Unknown,
        };
    }

    /// The best signature time: a token that is over this signature and trusted, a later document timestamp, or
    /// the signer's own claim (RULES D29 step 4).
    fn find_time(&mut self, tokens: &[(Vec<u8>, Vec<u8>)]) -> Step {
        let mut undecided = Vec::new();
        for (bytes, over) in tokens {
            let token = match Token::read_known(bytes, &self.policy.limits, &self.policy.known) {
                Ok(token) => token,
                Err(reason) => {
                    return failed(
                        SubIndication::FormatFailure,
                        Reason::of(Code::TimestampInvalid, reason.code),
                    );
                }
            };
            if !token.is_over(&[over]) {
                return failed(SubIndication::HashFailure, Reason::new(Code::TimestampImprint));
            }
            match self.judge_token(&token) {
                TokenVerdict::Valid { weak, .. } => {
                    self.timestamps.push(bytes.as_slice().into());
                    let at = Timestamp::from_secs(token.at);
                    if self.report.time.is_none_or(|known| at < known) {
                        self.report.time = Some(at);
                        self.report.time_source = TimeSource::Timestamp;
                    }
                    self.weak.extend(weak.then(|| Reason::new(Code::WeakDigest)));
                }
                TokenVerdict::Invalid(reason)
                    if matches!(reason.code, Code::TimestampUntrusted | Code::TimestampExpired) =>
                {
                    self.report.notes.push(reason);
                }
                TokenVerdict::Invalid(reason) => return failed(SubIndication::SigCryptoFailure, reason),
                TokenVerdict::Undecided { lacks } => undecided.extend(lacks),
            }
        }
        if self.report.time.is_none()
            && let Some(proven) = self.proven
        {
            self.report.time = Some(proven);
            self.report.time_source = TimeSource::DocumentTimestamp;
        }
        if self.report.time.is_some() {
            return Ok(());
        }
        if !undecided.is_empty() {
            return self.undecided(undecided);
        }
        self.claim()
    }

    fn claim(&mut self) -> Step {
        self.report.notes.push(Reason::new(Code::NoTimestamp));
        let Some(claimed) = self.report.claimed_time else { return Ok(()) };
        self.report.time = Some(claimed);
        self.report.time_source = TimeSource::Claimed;
        let skew = self.policy.certificate_limits.clock_skew_seconds;
        match claimed.secs() > self.now.secs().saturating_add(skew) {
            true => unclear(SubIndication::SigConstraintsFailure, Reason::new(Code::TimeFuture)),
            false => Ok(()),
        }
    }

    fn is_proven(&self) -> bool {
        matches!(self.report.time_source, TimeSource::Timestamp | TimeSource::DocumentTimestamp)
    }

    /// The moment the signature is judged at, in Unix seconds: the proven time, or now.
    fn moment(&self) -> i64 {
        self.report.time.filter(|_| self.is_proven()).unwrap_or(self.now).secs()
    }

    /// The path at the proven time; without proof, now, since a claim proves nothing about revocation.
    fn path(&mut self, signer: &Certificate, evidence: &Evidence) -> Step {
        let proven = self.report.time.filter(|_| self.is_proven());
        let at = self.moment();
        if let (None, Some(claimed)) = (proven, self.report.time)
            && claimed.secs() < signer.not_before()
        {
            return failed(SubIndication::NotYetValid, Reason::new(Code::NotYetValid));
        }
        let mut question = Question::new(self.purpose(), at);
        question.now = Some(self.now.secs());
        question.hierarchy = self.policy.hierarchy;
        let limits = &self.policy.certificate_limits;
        match path::judge(signer, evidence, &self.policy.trust, &question, limits) {
            PathVerdict::Valid(path) => {
                self.report.hierarchy = Some(path.anchor().hierarchy());
                self.record(&path, evidence);
                self.weak.extend(path.weaknesses().iter().filter_map(|weakness| match weakness {
                    path::Weakness::Digest(c) => weak(Code::WeakDigest, c.signature_algorithm().standing(at)),
                    path::Weakness::Key(c) => weak(Code::WeakKey, c.public_key().standing(at)),
                }));
                let mut told = HashSet::new();
                self.weak.retain(|reason| told.insert(reason.code));
                Ok(())
            }
            PathVerdict::Invalid(reason) => self.bad_path(&reason),
            PathVerdict::Undecided { lacks } => self.undecided(lacks),
        }
    }

    /// The standard's word for each defect (ETSI EN 319 102-1 §5.2.6, §5.3).
    fn bad_path(&self, reason: &path::Reason) -> Step {
        let leaf = reason.depth == 0;
        // A document timestamp says only that the signature existed by then; it may be much older.
        let dated = self.report.time_source == TimeSource::Timestamp;
        let say = |code: Code| Reason::of(code, format_args!("certificate {}", reason.depth));
        match &reason.defect {
            Defect::Revoked(_) if leaf && dated => failed(SubIndication::Revoked, say(Code::Revoked)),
            Defect::Revoked(_) if leaf => unclear(SubIndication::RevokedNoPoe, say(Code::RevokedNoProof)),
            Defect::Revoked(_) => unclear(SubIndication::RevokedCaNoPoe, say(Code::Revoked)),
            Defect::Expired(_) if leaf && dated => failed(SubIndication::Expired, say(Code::Expired)),
            Defect::Expired(_) => unclear(SubIndication::OutOfBoundsNoPoe, say(Code::Expired)),
            Defect::NotYetValid(_) if leaf => failed(SubIndication::NotYetValid, say(Code::NotYetValid)),
            Defect::AnchorHierarchy(_) => {
                unclear(SubIndication::NoCertificateChainFound, say(Code::NotPublicService))
            }
            Defect::NotTrusted | Defect::AnchorPurpose | Defect::AnchorWindow(_) => {
                unclear(SubIndication::NoCertificateChainFound, say(Code::Untrusted))
            }
            Defect::KeyUsage | Defect::ExtendedKeyUsage => {
                unclear(SubIndication::ChainConstraintsFailure, say(Code::KeyUsage))
            }
            Defect::Algorithm => unclear(SubIndication::CryptoConstraintsFailure, say(Code::CmsAlgorithm)),
            Defect::Weak => unclear(SubIndication::CryptoConstraintsFailureNoPoe, say(Code::WeakKey)),
            _ => unclear(SubIndication::CertificateChainGeneralFailure, say(Code::PathInvalid)),
        }
    }

    /// Something is missing: an issuer (nobody known vouches) or word about revocation (RULES D10).
    fn undecided<T>(&mut self, lacks: Vec<Lack>) -> Step<T> {
        let no_issuer = lacks.iter().any(|l| matches!(l, Lack::Issuer { .. }));
        self.lacks.extend(lacks);
        match no_issuer {
            true => unclear(SubIndication::NoCertificateChainFound, Reason::new(Code::Untrusted)),
            false => unclear(SubIndication::TryLater, Reason::new(Code::RevocationUnknown)),
        }
    }

    fn record(&mut self, path: &path::Path, evidence: &Evidence) {
        self.used.certificates.extend(path.certificates().iter().cloned());
        for status in path.statuses() {
            self.used.certificates.extend(status.signers.iter().cloned());
            for &source in status.source.iter().chain(&status.more_sources) {
                self.report
                    .evidence
                    .push(EvidenceReport { certificate: status.certificate.sha256(), source });
                match source {
                    Source::Crl { sha256, .. } => {
                        self.used.crls.extend(evidence.crls.iter().find(|c| c.sha256() == sha256).cloned());
                    }
                    Source::Ocsp { sha256, .. } => {
                        self.used.ocsp.extend(evidence.ocsp.iter().find(|o| o.sha256() == sha256).cloned());
                    }
                }
            }
            if status.late_by > 0 {
                let days = (status.late_by + 86_399) / 86_400;
                self.report.notes.push(Reason::of(Code::RevocationLate, format_args!("{days} d")));
            }
        }
    }
}
