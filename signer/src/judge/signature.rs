//! One signature: integrity, signer, time, path, and the class that follows (RULES D29, ETSI EN 319 102-1 §5).

use super::report::{CertificateReport, EvidenceReport, Missing, SignatureReport, readable};
use super::verdict::{Class, Indication, Integrity, Role, SubIndication, TimeSource, Verdict};
use super::{Policy, extend, gather};
use crate::asn1;
use crate::cms::{self, SignedData};
use crate::message::{Code, Reason};
use crate::pdf::{Coverage, Facts, Kind, Signature, Signed, SubFilter};
use crate::tst::{Token, TokenVerdict, parse_certificates};
use certs::Certificate;
use certs::path::{self, Defect, Evidence, Lack, PathVerdict, Question};
use certs::revocation::Source;
use certs::trust::Purpose;
use mail::Timestamp;

/// A report and what it lacks.
pub(crate) struct Judgement {
    pub(crate) report: SignatureReport,
    pub(crate) lacks: Vec<Lack>,
    pub(crate) used: Evidence,
}

/// Seconds by which two timestamps may contradict the order of their signatures: two authorities' clocks.
const ORDER_TOLERANCE: i64 = 300;

/// Judges all signatures, the last first, since a later document timestamp proves when an earlier one existed.
pub(crate) fn judge_all(
    bytes: &[u8],
    facts: &Facts,
    policy: &Policy,
    evidence: &Evidence,
    now: Timestamp,
) -> Vec<Judgement> {
    let evidence = gather(evidence, &facts.store, policy);
    let mut proven: Option<Timestamp> = None;
    let mut judgements = Vec::new();
    for signed in facts.signatures.iter().rev() {
        let mut work = Work::new(signed, bytes, policy, &evidence, now, proven);
        work.run();
        let judgement = work.finish();
        if judgement.report.kind == "timestamp" && judgement.report.class.is_good() {
            proven = judgement.report.time.or(proven);
        }
        judgements.push(judgement);
    }
    judgements.reverse();
    check_order(&mut judgements);
    judgements
}

/// A later signature covers an earlier one's timestamp, so it cannot be older than that.
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
        latest = latest.max(Some(own));
    }
}

struct Work<'a> {
    signed: &'a Signed,
    bytes: &'a [u8],
    policy: &'a Policy,
    evidence: &'a Evidence,
    now: Timestamp,
    /// Existence proven by a later document timestamp.
    proven: Option<Timestamp>,
    report: SignatureReport,
    lacks: Vec<Lack>,
    weak: Vec<Reason>,
    /// What the paths rest on, to be archived (RULES D31).
    used: Evidence,
}

/// Why judging stops early.
struct Stop(Verdict, SubIndication, Reason);

type Step<T = ()> = Result<T, Stop>;

fn failed<T>(sub: SubIndication, reason: Reason) -> Step<T> {
    Err(Stop(Verdict::Invalid, sub, reason))
}

fn unclear<T>(sub: SubIndication, reason: Reason) -> Step<T> {
    Err(Stop(Verdict::Indeterminate, sub, reason))
}

impl<'a> Work<'a> {
    fn new(
        signed: &'a Signed,
        bytes: &'a [u8],
        policy: &'a Policy,
        evidence: &'a Evidence,
        now: Timestamp,
        proven: Option<Timestamp>,
    ) -> Self {
        let facts = signed.signature.as_ref().ok();
        let report = SignatureReport {
            field: signed.field.clone(),
            kind: match facts.map(|f| f.kind) {
                Some(Kind::Certification(_)) => "certification",
                Some(Kind::DocTimestamp) => "timestamp",
                _ => "approval",
            },
            signer: None,
            signer_name: None,
            role: Role::Unknown,
            verdict: Verdict::Indeterminate,
            integrity: Integrity::None,
            class: Class::UnknownRevocation,
            covers_whole_document: signed.coverage == Coverage::WholeDocument,
            coverage: signed.coverage,
            indication: Indication::Indeterminate,
            sub_indication: None,
            time: None,
            time_source: TimeSource::None,
            claimed_time: facts.and_then(|f| f.claimed),
            stated_reason: facts.and_then(|f| f.reason.clone()),
            certificate: None,
            algorithm: None,
            reasons: Vec::new(),
            notes: Vec::new(),
            evidence: Vec::new(),
            missing: Vec::new(),
        };
        Self {
            signed,
            bytes,
            policy,
            evidence,
            now,
            proven,
            report,
            lacks: Vec::new(),
            weak: Vec::new(),
            used: Evidence::default(),
        }
    }

    fn run(&mut self) {
        let result = match &self.signed.signature {
            Err(reason) => {
                self.report.integrity = Integrity::Broken;
                match reason.code {
                    Code::SigSubFilter => {
                        self.report.integrity = Integrity::None;
                        unclear(SubIndication::SigConstraintsFailure, reason.clone())
                    }
                    _ => failed(SubIndication::FormatFailure, reason.clone()),
                }
            }
            Ok(facts) if facts.sub_filter == SubFilter::Rfc3161 => self.document_timestamp(facts),
            Ok(facts) => self.signature(facts),
        };
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

    fn finish(mut self) -> Judgement {
        self.report.missing = self.lacks.iter().map(Missing::from).collect();
        Judgement { report: self.report, lacks: self.lacks, used: self.used }
    }

    /// A document timestamp: a token over the file.
    fn document_timestamp(&mut self, facts: &Signature) -> Step {
        self.report.role = Role::Timestamp;
        let token = match Token::read(&facts.contents, &self.policy.limits) {
            Ok(token) => token,
            Err(reason) => return self.damaged(reason),
        };
        if !token.is_over(&facts.pieces(self.bytes)) {
            self.report.integrity = Integrity::Broken;
            return failed(SubIndication::HashFailure, Reason::new(Code::CmsDigest));
        }
        self.report.integrity = Integrity::Intact;
        self.check_changes()?;
        match self.judge_token(&token) {
            TokenVerdict::Valid { path, weak } => {
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
            TokenVerdict::Invalid(reason) => failed(SubIndication::SigCryptoFailure, reason),
            TokenVerdict::Undecided { lacks } => self.undecided(lacks),
        }
    }

    fn damaged<T>(&mut self, reason: Reason) -> Step<T> {
        if reason.code == Code::CmsAlgorithm {
            return unclear(SubIndication::CryptoConstraintsFailure, reason);
        }
        self.report.integrity = Integrity::Broken;
        failed(SubIndication::FormatFailure, reason)
    }

    /// What happened to the file after this signature.
    fn check_changes(&mut self) -> Step {
        match &self.signed.fault {
            None => Ok(()),
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
        extend(&mut evidence, crls, ocsp, self.policy);
        let limits = &self.policy.certificate_limits;
        let verdict = token.judge(&evidence, &self.policy.trust, self.now.secs(), limits);
        if let TokenVerdict::Valid { path, .. } = &verdict {
            self.record(path, &evidence);
        }
        verdict
    }

    fn signature(&mut self, facts: &Signature) -> Step {
        let data = match cms::read(&facts.contents, &self.policy.limits) {
            Ok(data) => data,
            Err(reason) => return self.damaged(reason),
        };
        self.report.algorithm = Some(format!("{:?}, {:?}", data.signer.digest, data.signer.algorithm));
        self.report.claimed_time =
            facts.claimed.or_else(|| data.signer.signing_time().map(Timestamp::from_secs));
        let signer = self.intact(facts, &data)?;
        self.identify(&signer);
        self.check_changes()?;
        self.strength(&data, &signer);
        let mut evidence = self.evidence.clone();
        evidence.certificates.extend(parse_certificates(&data.certificates, &self.policy.limits));
        extend(&mut evidence, &data.crls, &data.ocsp, self.policy);
        self.find_time(&data)?;
        self.path(&signer, &evidence)
    }

    /// Digest, signer's certificate, signature value, binding: whether these are the bytes that were signed.
    fn intact(&mut self, facts: &Signature, data: &SignedData) -> Step<Certificate> {
        let pieces = facts.pieces(self.bytes);
        let cades = facts.sub_filter == SubFilter::CadesDetached;
        // Both containers are detached: content inside would be a second truth.
        if data.content.is_some() {
            return self.damaged(Reason::new(Code::CmsContentType));
        }
        if cades && data.signer.attributes.is_none() {
            return self.damaged(Reason::new(Code::CmsAttributes));
        }
        if let Err(reason) = data.check_content(asn1::DATA, &pieces) {
            self.report.integrity = Integrity::Broken;
            let sub = match reason.code {
                Code::CmsDigest => SubIndication::HashFailure,
                _ => SubIndication::FormatFailure,
            };
            return failed(sub, reason);
        }
        let own = parse_certificates(&data.certificates, &self.policy.limits);
        let Some(signer) = data.find_signer(own.iter().chain(&self.evidence.certificates)) else {
            return unclear(SubIndication::NoSigningCertificateFound, Reason::new(Code::CmsNoCertificate));
        };
        if let Err(reason) = data.check_signature(&signer, &pieces) {
            self.report.integrity = Integrity::Broken;
            return failed(SubIndication::SigCryptoFailure, reason);
        }
        self.report.integrity = Integrity::Intact;
        match data.is_bound_to(&signer) {
            Some(true) => Ok(signer),
            None if !cades => Ok(signer),
            None => failed(SubIndication::FormatFailure, Reason::new(Code::CmsNoBinding)),
            Some(false) => failed(SubIndication::FormatFailure, Reason::new(Code::CmsBinding)),
        }
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

    fn strength(&mut self, data: &SignedData, signer: &Certificate) {
        let weak_binding = data.signer.attributes.is_some() && data.signer.digest.is_weak();
        if weak_binding || data.signer.algorithm.is_weak() {
            self.weak.push(Reason::new(Code::WeakDigest));
        }
        if signer.public_key().is_weak() {
            self.weak.push(Reason::new(Code::WeakKey));
        }
    }

    /// The best signature time: a token that is over this signature and trusted, a later document timestamp, or
    /// the signer's own claim (RULES D29 step 4).
    fn find_time(&mut self, data: &SignedData) -> Step {
        let mut undecided = Vec::new();
        for bytes in &data.signer.timestamps {
            let token = match Token::read(bytes, &self.policy.limits) {
                Ok(token) => token,
                Err(reason) => {
                    return failed(
                        SubIndication::FormatFailure,
                        Reason::of(Code::TimestampInvalid, reason.code),
                    );
                }
            };
            if !token.is_over(&[&data.signer.signature]) {
                return failed(SubIndication::HashFailure, Reason::new(Code::TimestampImprint));
            }
            match self.judge_token(&token) {
                TokenVerdict::Valid { weak, .. } => {
                    let at = Timestamp::from_secs(token.at);
                    if self.report.time.is_none_or(|known| at < known) {
                        self.report.time = Some(at);
                        self.report.time_source = TimeSource::Timestamp;
                    }
                    self.weak.extend(weak.then(|| Reason::new(Code::WeakDigest)));
                }
                TokenVerdict::Invalid(reason) if reason.code == Code::TimestampUntrusted => {
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

    /// The path at the proven time; without proof, now, since a claim proves nothing about revocation.
    fn path(&mut self, signer: &Certificate, evidence: &Evidence) -> Step {
        let proven = self.report.time.filter(|_| self.is_proven());
        let at = proven.unwrap_or(self.now).secs();
        if let (None, Some(claimed)) = (proven, self.report.time)
            && claimed.secs() < signer.not_before()
        {
            return failed(SubIndication::NotYetValid, Reason::new(Code::NotYetValid));
        }
        let mut question = Question::new(Purpose::Document, at);
        question.now = Some(self.now.secs());
        question.hierarchy = self.policy.hierarchy;
        let limits = &self.policy.certificate_limits;
        match path::judge(signer, evidence, &self.policy.trust, &question, limits) {
            PathVerdict::Valid(path) => {
                self.record(&path, evidence);
                self.weak.extend(path.weaknesses().iter().map(|weakness| match weakness {
                    path::Weakness::Digest(_) => Reason::new(Code::WeakDigest),
                    path::Weakness::Key(_) => Reason::new(Code::WeakKey),
                }));
                self.weak.dedup();
                Ok(())
            }
            PathVerdict::Invalid(reason) => self.bad_path(&reason),
            PathVerdict::Undecided { lacks } => self.undecided(lacks),
        }
    }

    /// The standard's word for each defect (ETSI EN 319 102-1 §5.2.6, §5.3).
    fn bad_path(&self, reason: &path::Reason) -> Step {
        let leaf = reason.depth == 0;
        let proven = self.is_proven();
        let say = |code: Code| Reason::of(code, format_args!("certificate {}", reason.depth));
        match &reason.defect {
            Defect::Revoked(_) if leaf && proven => failed(SubIndication::Revoked, say(Code::Revoked)),
            Defect::Revoked(_) if leaf => unclear(SubIndication::RevokedNoPoe, say(Code::RevokedNoProof)),
            Defect::Revoked(_) => unclear(SubIndication::RevokedCaNoPoe, say(Code::Revoked)),
            Defect::Expired(_) if leaf && proven => failed(SubIndication::Expired, say(Code::Expired)),
            Defect::Expired(_) => unclear(SubIndication::OutOfBoundsNoPoe, say(Code::Expired)),
            Defect::NotYetValid(_) if leaf => failed(SubIndication::NotYetValid, say(Code::NotYetValid)),
            Defect::NotTrusted | Defect::AnchorPurpose | Defect::AnchorHierarchy(_) => {
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
            let Some(source) = status.source else { continue };
            self.report.evidence.push(EvidenceReport { certificate: status.certificate.sha256(), source });
            match source {
                Source::Crl { sha256, .. } => {
                    self.used.crls.extend(evidence.crls.iter().find(|c| c.sha256() == sha256).cloned());
                }
                Source::Ocsp { sha256, .. } => {
                    self.used.ocsp.extend(evidence.ocsp.iter().find(|o| o.sha256() == sha256).cloned());
                }
            }
        }
    }
}
