//! Proof that a document was judged: a type only this room can make. Whoever holds one need not ask again, and
//! reads from the very bytes the signatures cover.

use crate::judge::{Class, Judged, Lack, LegalValue, Report, SignedBytes, Verdict};
use crate::message::{Code, Reason};
use crate::{Arrival, Format};
use std::fmt;
use std::sync::Arc;

/// A value that passed the check its maker promises. No constructor outside this room.
#[derive(Clone, Debug)]
pub struct Verified<T> {
    value: T,
    basis: Basis,
}

/// What the acceptance rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The judgement alone.
    Judgement,
    /// A records officer's decision on an undetermined or weak signature, with the reason given (RULES D30).
    Officer {
        /// The reason the officer stated.
        reason: String,
    },
}

impl<T> Verified<T> {
    /// What the acceptance rests on.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// The value, giving up the proof.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> std::ops::Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// A document whose signatures were judged.
#[derive(Clone)]
pub struct Document {
    bytes: Arc<[u8]>,
    signed: SignedBytes,
    sha256: [u8; 32],
    format: Format,
    report: Arc<Report>,
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("format", &self.format)
            .field("bytes", &self.bytes.len())
            .field("signed", &self.signed_bytes().len())
            .finish_non_exhaustive()
    }
}

impl Document {
    /// The file as it came, evidence added after the last signature included: what is stored and sent on.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// The very bytes the last signature covers (and, in a PDF, the signature itself): what is read and shown. It is
    /// a complete file; of a CMS its content, of a signed mail the part with header fields that was signed. Of XML it
    /// is the first thing covered, in its canonical form; see [`Self::signed_pieces`].
    pub fn signed_bytes(&self) -> &[u8] {
        self.signed_pieces().first().copied().unwrap_or_default()
    }

    /// All that the signatures cover, each piece in the very octets that were digested: one in a PDF; in XML one for
    /// each reference of each signature.
    pub fn signed_pieces(&self) -> Vec<&[u8]> {
        match &self.signed {
            SignedBytes::Prefix(end) => vec![self.bytes.get(..*end).unwrap_or_default()],
            SignedBytes::Within(range) => vec![self.bytes.get(range.clone()).unwrap_or_default()],
            SignedBytes::Apart(bytes) => vec![bytes],
            SignedBytes::Pieces(pieces) => pieces.iter().map(AsRef::as_ref).collect(),
        }
    }

    /// SHA-256 of the file.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// The format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The judgement, for the archive (RULES D31).
    pub fn report(&self) -> &Report {
        &self.report
    }
}

/// Why no proof is given.
#[derive(Clone, thiserror::Error)]
#[error("{}", .reasons.first().map(ToString::to_string).unwrap_or_default())]
pub struct Refusal {
    /// Yes is impossible here; no, or not yet.
    pub verdict: Verdict,
    /// The class (RULES D30).
    pub class: Class,
    /// Why. Not empty.
    pub reasons: Vec<Reason>,
    /// What is missing: fetch it and ask again.
    pub lacks: Vec<Lack>,
}

impl fmt::Debug for Refusal {
    /// For logs: what is missing names certificates, and those name people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("verdict", &self.verdict)
            .field("class", &self.class)
            .field("reasons", &self.reasons)
            .field("lacks", &self.lacks.len())
            .finish()
    }
}

impl Refusal {
    /// Whether asking again with more evidence may help.
    pub fn ask_again(&self) -> bool {
        self.verdict == Verdict::Indeterminate && !self.lacks.is_empty()
    }
}

impl Judged {
    /// The document, if every signature is `VALID` or `VALID_NO_TIMESTAMP` (RULES D30).
    pub fn require_valid(&self) -> Result<Verified<Document>, Refusal> {
        match self.report().verdict {
            Verdict::Valid => self.prove(Basis::Judgement).ok_or_else(|| self.refusal(Vec::new())),
            _ => Err(self.refusal(Vec::new())),
        }
    }

    /// The document, if it is the equal of a paper original (RULES R14).
    pub fn require_original(&self, arrival: Arrival) -> Result<Verified<Document>, Refusal> {
        match self.legal_value(arrival) {
            LegalValue::OriginalEquivalent => self.require_valid(),
            LegalValue::ForInformation { because } => Err(self.refusal(because)),
        }
    }

    /// The document, on a records officer's decision: only where the class is unknown or weak, never against an
    /// invalid signature (RULES D30).
    pub fn accept_by_officer(&self, reason: &str) -> Result<Verified<Document>, Refusal> {
        let reason = reason.trim();
        if !self.report().class.needs_officer() || reason.is_empty() {
            return Err(self.refusal(vec![Reason::new(Code::OfficerInvalid)]));
        }
        self.prove(Basis::Officer { reason: reason.to_owned() }).ok_or_else(|| self.refusal(Vec::new()))
    }

    fn prove(&self, basis: Basis) -> Option<Verified<Document>> {
        let value = Document {
            bytes: self.bytes().clone(),
            signed: self.signed()?.clone(),
            sha256: *self.sha256(),
            format: self.report().format?,
            report: self.shared_report(),
        };
        Some(Verified { value, basis })
    }

    fn refusal(&self, mut reasons: Vec<Reason>) -> Refusal {
        let report = self.report();
        reasons.extend(report.reasons.iter().cloned());
        reasons.extend(report.signatures.iter().flat_map(|s| s.reasons.iter().cloned()));
        if reasons.is_empty() {
            reasons.push(Reason::new(Code::NotAllValid));
        }
        // Where the judgement itself is good, what is missing is another condition: that is a plain no.
        let verdict = match report.verdict {
            Verdict::Valid => Verdict::Invalid,
            other => other,
        };
        Refusal { verdict, class: report.class, reasons, lacks: self.lacks().to_vec() }
    }
}
