//! Judging: facts first, judgement second. [`judge`] is a pure function of the bytes, the policy, the evidence
//! somebody gathered and the time; it fetches nothing and says what it lacks.

mod claim;
mod cms;
mod cms_file;
mod known;
mod legal;
mod pdf;
mod pieces;
mod proof;
mod report;
pub mod roles;
mod signature;
mod smime;
mod strength;
mod token_file;
mod verdict;
mod whole;
mod xml;

pub use certs::path::{Evidence, Lack};
pub(crate) use claim::SignedBytes;
pub use known::Known;
pub use legal::{Arrival, LegalValue, legal_value};
pub use report::{CertificateReport, EvidenceReport, Missing, Report, SignatureReport};
pub use verdict::{Class, Indication, Integrity, Role, SignatureKind, SubIndication, TimeSource, Verdict};

use crate::format::Format;
use crate::input::Input;
use crate::limits::Limits;
use crate::message::{Code, Reason};
use crate::pdf::Store;
use certs::revocation::{Crl, OcspResponse};
use certs::trust::{Hierarchy, TrustStore};
use certs::{Certificate, Fingerprint};
use claim::Claims;
use mail::Timestamp;
use pieces::Beginnings;
use proof::Places;
use signature::Judgement;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

/// What a judgement is held against.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Whom to trust: agencies, leaders and timestamp authorities, each for its purpose.
    pub trust: TrustStore,
    /// Only signatures of this hierarchy count (RULES D26). `None`: any the store trusts for documents.
    pub hierarchy: Option<Hierarchy>,
    /// Certificates the directory knows, and whom they speak for (RULES D25). Others are placed by their UID's prefix.
    pub roles: HashMap<Fingerprint, Role>,
    /// Bounds on the file.
    pub limits: Limits,
    /// Bounds on paths.
    pub certificate_limits: certs::Limits,
    /// Since when the file and the evidence given beside it have been kept where nothing changes unseen (RULES D31): proof of
    /// existence for what is judged again later (D34). `None`: nobody says.
    pub kept_since: Option<Timestamp>,
    /// What was read before: keep the policy, or clones of it, and each authority's certificates, lists and answers are
    /// read and verified once.
    pub known: Known,
}

impl Policy {
    fn certificates(&self, ders: &[Vec<u8>]) -> Vec<Certificate> {
        self.known.certificates(ders, &self.limits)
    }
}

/// A document and what is thought of it.
#[derive(Clone)]
pub struct Judged {
    bytes: Arc<[u8]>,
    sha256: [u8; 32],
    report: Arc<Report>,
    lacks: Vec<Lack>,
    used: Evidence,
    /// Timestamp tokens the proven times rest on.
    timestamps: Vec<Arc<[u8]>>,
    /// What the signatures cover.
    signed: Option<SignedBytes>,
}

impl fmt::Debug for Judged {
    /// For logs: neither the document nor names of people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judged")
            .field("verdict", &self.report.verdict)
            .field("class", &self.report.class)
            .field("size", &self.report.size)
            .field("lacks", &self.lacks.len())
            .finish_non_exhaustive()
    }
}

impl Judged {
    /// The report.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The answer: valid, invalid, or not yet.
    pub fn verdict(&self) -> Verdict {
        self.report.verdict
    }

    /// The class of RULES D30.
    pub fn class(&self) -> Class {
        self.report.class
    }

    /// Evidence that is missing: fetch it, add it, ask again.
    pub fn lacks(&self) -> &[Lack] {
        &self.lacks
    }

    /// The certificates, lists and answers the good paths rest on, wherever they came from: what is archived with
    /// the document (RULES D31) and what [`crate::make::add_evidence`] puts into it (D32).
    pub fn used_evidence(&self) -> &Evidence {
        &self.used
    }

    /// The timestamp tokens that the proven times of signing rest on (RULES D31).
    pub fn used_timestamps(&self) -> &[Arc<[u8]>] {
        &self.timestamps
    }

    /// What the document is worth (RULES R14).
    pub fn legal_value(&self, arrival: Arrival) -> LegalValue {
        legal_value(&self.report, arrival)
    }

    /// The file as it came.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// SHA-256 of the file.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// The judgement without the file, for whoever has many large ones to keep: it says and proves the same about the file of its
    /// digest, and nothing can be read from it any more.
    #[must_use]
    pub fn without_file(self) -> Self {
        let signed = self.signed.map(|_| SignedBytes::Within(0..0));
        Self { bytes: Arc::default(), signed, ..self }
    }

    pub(crate) fn shared_report(&self) -> Arc<Report> {
        self.report.clone()
    }

    pub(crate) fn signed(&self) -> Option<&SignedBytes> {
        self.signed.as_ref()
    }
}

/// Judges a document. `evidence`: what the caller has besides what the document brings; `now`: the moment of
/// judging. Never fails: what cannot be read is a verdict with a reason.
pub fn judge(input: impl Into<Input>, policy: &Policy, evidence: &Evidence, now: Timestamp) -> Judged {
    let input = input.into();
    let bytes = input.bytes.clone();
    let read = read(&input, policy);
    let beginnings = read.as_ref().ok().and_then(|(_, shared)| shared.beginnings.as_ref());
    let sha256 = beginnings.and_then(|shared| shared.sha256()).unwrap_or_else(|| sha256(&bytes));
    let mut report = blank_report(&input, &sha256, now);
    let (mut lacks, mut used, mut signed) = (Vec::new(), Evidence::default(), None);
    let mut timestamps = Vec::new();
    match read {
        Err(reason) => unreadable(&mut report, reason),
        Ok((claims, shared)) => {
            let judgements = signature::judge_all(&claims, &shared.places, policy, evidence, now);
            summarise(&mut report, &judgements);
            whole::consider(&mut report, &claims.whole, &judgements);
            signed = claims.signed;
            report.empty_fields = claims.empty_fields;
            let pieces: Vec<_> = judgements.iter().flat_map(|j| j.signed.iter().cloned()).collect();
            if signed.is_none() && !pieces.is_empty() {
                signed = Some(SignedBytes::Pieces(pieces));
            }
            for judgement in judgements {
                lacks.extend(judgement.lacks);
                timestamps.extend(judgement.timestamps);
                used.certificates.extend(judgement.used.certificates);
                used.crls.extend(judgement.used.crls);
                used.ocsp.extend(judgement.used.ocsp);
                report.signatures.push(judgement.report);
            }
        }
    }
    once(&mut used.certificates, |c| c.sha256());
    once(&mut used.crls, |c| c.sha256());
    once(&mut used.ocsp, |o| o.sha256());
    Judged { bytes, sha256, report: Arc::new(report), lacks, used, timestamps, signed }
}

/// What the signatures of a file share beside it.
#[derive(Default)]
struct Shared<'a> {
    beginnings: Option<Rc<Beginnings<'a>>>,
    places: Places,
}

/// The reader of each format.
fn read<'a>(input: &'a Input, policy: &Policy) -> Result<(Claims<'a>, Shared<'a>), Reason> {
    let claims = match input.known_format() {
        Some(Format::Pdf) => {
            return pdf::claims(&input.bytes, &policy.limits);
        }
        Some(Format::Xml) => xml::claims(input, &policy.limits),
        Some(Format::Cms | Format::CmsDetached) => cms_file::claims(input, &policy.limits),
        Some(Format::Smime) => smime::claims(input, &policy.limits),
        Some(Format::Tst) => token_file::claims(input, &policy.limits),
        Some(_) => Err(Reason::new(Code::FormatUnsupported)),
        None => Err(Reason::new(Code::FormatUnknown)),
    };
    claims.map(|claims| (claims, Shared::default()))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut sha256 = [0u8; 32];
    sha256.copy_from_slice(digest.as_ref());
    sha256
}

fn blank_report(input: &Input, sha256: &[u8; 32], now: Timestamp) -> Report {
    Report {
        verdict: Verdict::Indeterminate,
        integrity: Integrity::None,
        class: Class::Unsigned,
        format: input.known_format(),
        sha256: sha256.iter().map(|b| format!("{b:02x}")).collect(),
        size: u64::try_from(input.bytes.len()).unwrap_or(u64::MAX),
        judged_at: Some(now),
        signatures: Vec::new(),
        reasons: Vec::new(),
        notes: Vec::new(),
        empty_fields: Vec::new(),
        software: concat!("congvan ", env!("CARGO_PKG_VERSION")),
    }
}

/// Each item once, in its first place.
fn once<T>(items: &mut Vec<T>, name: impl Fn(&T) -> Fingerprint) {
    let mut seen = HashSet::new();
    items.retain(|item| seen.insert(name(item)));
}

/// A file without facts: no verdict on signatures, but always a reason.
fn unreadable(report: &mut Report, reason: Reason) {
    let cannot_tell = matches!(
        reason.code,
        Code::FormatUnsupported
            | Code::FormatUnknown
            | Code::FileTooLarge
            | Code::Budget
            | Code::PdfEncrypted
            | Code::Encrypted
    );
    report.verdict = if cannot_tell { Verdict::Indeterminate } else { Verdict::Invalid };
    report.class = match reason.code {
        Code::CertificatesOnly => Class::Unsigned,
        code => Class::Invalid(code),
    };
    report.reasons.push(reason);
}

/// The document is as good as its worst signature.
fn summarise(report: &mut Report, judgements: &[Judgement]) {
    if judgements.is_empty() {
        report.verdict = Verdict::Invalid;
        report.reasons.push(Reason::new(Code::Unsigned));
        return;
    }
    let rank = |class: Class| match class {
        Class::Valid => 0,
        Class::ValidNoTimestamp => 1,
        Class::Weak => 2,
        Class::UnknownRevocation => 3,
        Class::Unsigned => 4,
        Class::Invalid(_) => 5,
    };
    let reports = || judgements.iter().map(|j| &j.report);
    report.verdict = reports().map(|s| s.verdict).max().unwrap_or(Verdict::Indeterminate);
    report.class = reports().map(|s| s.class).max_by_key(|c| rank(*c)).unwrap_or(Class::Unsigned);
    report.integrity = if reports().any(|s| s.integrity == Integrity::Broken) {
        Integrity::Broken
    } else if reports().all(|s| s.integrity == Integrity::Intact) {
        Integrity::Intact
    } else {
        Integrity::None
    };
}

/// The caller's evidence and what the document's own store holds.
fn gather(evidence: &Evidence, store: &Store, policy: &Policy) -> Evidence {
    let mut all = evidence.clone();
    all.certificates.extend(policy.certificates(&store.certificates));
    let (crls, ocsp) = revocation_evidence(&store.crls, &store.ocsp, policy);
    all.crls.extend(crls);
    all.ocsp.extend(ocsp);
    all
}

/// Lists and answers that can be read; what cannot proves nothing.
fn revocation_evidence(crls: &[Vec<u8>], ocsp: &[Vec<u8>], policy: &Policy) -> (Vec<Crl>, Vec<OcspResponse>) {
    let most = policy.limits.evidence_items;
    let limits = &policy.certificate_limits;
    let crls = crls.iter().take(most).filter_map(|der| policy.known.crl(der, limits));
    let ocsp = ocsp.iter().take(most).filter_map(|der| policy.known.ocsp(der, limits));
    (crls.collect(), ocsp.collect())
}
