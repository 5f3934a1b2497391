//! Making signatures: PAdES by incremental update (ETSI EN 319 142-1), the original bytes untouched.
//!
//! The steps are apart so that a token, another machine or an authority can stand between them:
//! [`prepare`] gives what is to be signed, [`Prepared::signed`] takes the signature value, [`Stamped`] asks for a
//! timestamp and embeds. [`add_evidence`] archives certificates, OCSP answers and CRLs as a further revision (B-LT),
//! [`prepare_timestamp`] a document timestamp (B-LTA). [`release`] judges the result; who gets past it holds proof.

mod blank;
mod cms_file;
mod evidence;
mod field;
mod smime;
pub mod xml;

pub use blank::blank_pdf;
pub use cms_file::{CmsSigning, PreparedCms, StampedCms, prepare_cms};
pub use evidence::add_evidence;
pub use smime::{MailDraft, MailForm, PreparedMail, StampedMail};

use crate::asn1;
use crate::cms::{self, Parts, Ready};
use crate::coverage::Coverage;
use crate::judge::{Evidence, Judged, Policy, Role, judge};
use crate::limits::Limits;
use crate::message::{Code, Reason};
use crate::pdf::{self, Kind, Signed as PdfSigned};
use crate::tst;
use crate::verified::{Document, Refusal, Verified};
use certs::Certificate;
use certs::algorithm::Digest;
use certs::keys::{Scheme, SigningKey};
use field::Placeholder;
use mail::Timestamp;
use std::sync::Arc;

/// Where a signature shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Appearance {
    /// Page, from 0.
    pub page: usize,
    /// Left, bottom, right, top in points from the page's lower left corner.
    pub rectangle: [f32; 4],
    /// Lines of text, shown without diacritics until a font is embedded.
    pub lines: Vec<String>,
}

/// What is to be signed, how and by whom.
#[derive(Clone, Debug)]
pub struct Signing {
    /// The field's name; one that exists and is empty is filled. `None`: a new one, `ChuKySo1`, `ChuKySo2`…
    pub field: Option<String>,
    /// Why (`/Reason`).
    pub reason: Option<String>,
    /// Where (`/Location`).
    pub location: Option<String>,
    /// The claimed time (`/M`).
    pub time: Timestamp,
    /// Where it shows; `None`: it does not.
    pub appearance: Option<Appearance>,
    /// A certification instead of an approval, with what it permits afterwards (1, 2 or 3). First signature only.
    pub certify: Option<u8>,
    /// The signer's certificate, then those above it.
    pub certificates: Vec<Certificate>,
    /// How the key signs.
    pub scheme: Scheme,
    /// Bytes kept free for a timestamp token; its authority's chain included these are rarely above 8 KB.
    pub token_bytes: usize,
}

impl Signing {
    /// An invisible approval signature with room for a timestamp.
    pub fn new(certificates: Vec<Certificate>, scheme: Scheme, time: Timestamp) -> Self {
        Self {
            field: None,
            reason: None,
            location: None,
            time,
            appearance: None,
            certify: None,
            certificates,
            scheme,
            token_bytes: 12_288,
        }
    }

    /// With a `/Reason`.
    pub fn reason(mut self, reason: &str) -> Self {
        self.reason = Some(reason.to_owned());
        self
    }

    /// In a field of this name.
    pub fn field(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    /// Room for the CMS: attributes and signature value fit in 2 KB, the certificates are known, the token reserved.
    fn reserve(&self) -> usize {
        let certificates: usize = self.certificates.iter().map(|c| c.der().len()).sum();
        2_048 + certificates + self.token_bytes
    }
}

/// A file that waits for a signature value.
pub struct Prepared {
    file: Vec<u8>,
    hole: Placeholder,
    parts: Parts,
    limits: Limits,
}

/// A file whose signature value is known; a timestamp may still be added.
pub struct Stamped {
    file: Vec<u8>,
    hole: Placeholder,
    ready: Ready,
    limits: Limits,
}

/// Appends a signature field to `bytes` (or fills an empty one) and says what is to be signed.
///
/// Errors: the file cannot be read, an earlier signer does not permit more signatures, or the field does not fit.
pub fn prepare(bytes: &[u8], signing: &Signing, limits: &Limits) -> Result<Prepared, Reason> {
    let facts = pdf::read(bytes, limits)?;
    permitted(&facts.signatures)?;
    if signing.certify.is_some() && !facts.signatures.is_empty() {
        return Err(Reason::of(Code::MakeField, "certification comes first"));
    }
    let (file, hole) = field::append(bytes, signing, signing.reserve(), limits)?;
    let digest = cms::digest_pieces(signing.scheme.digest(), &hole.pieces(&file));
    let certificates = signing.certificates.clone();
    let parts = Parts::new(asn1::DATA, None, &digest, certificates, signing.scheme, None)?;
    Ok(Prepared { file, hole, parts, limits: *limits })
}

/// The agency's seal: only on a document that carries a good signature of the competent person (RULES R82).
pub fn prepare_seal(judged: &Judged, signing: &Signing, limits: &Limits) -> Result<Prepared, Reason> {
    let led = judged.report().signatures.iter().any(|s| s.role == Role::Leader && s.class.is_good());
    match led {
        true => prepare(judged.bytes(), signing, limits),
        false => Err(Reason::new(Code::LeaderMissing)),
    }
}

fn permitted(signatures: &[PdfSigned]) -> Result<(), Reason> {
    let closed = signatures.iter().filter_map(|s| s.signature.as_ref().ok());
    match closed.into_iter().any(|s| s.kind == Kind::Certification(1)) {
        true => Err(Reason::new(Code::MakeLocked)),
        false => Ok(()),
    }
}

impl Prepared {
    /// What the key signs (the signed attributes; the key's scheme hashes them).
    pub fn to_sign(&self) -> &[u8] {
        self.parts.signed_bytes()
    }

    /// The two pieces of the file a signature is over, for helpers that make the whole container themselves
    /// (RULES D28: local signing service, remote signing).
    pub fn content(&self) -> [&[u8]; 2] {
        self.hole.pieces(&self.file)
    }

    /// Embeds a detached CMS made elsewhere over [`Self::content`], and reads the result back.
    pub fn embed(self, cms: &[u8]) -> Result<Vec<u8>, Reason> {
        let file = self.hole.fill(self.file, cms)?;
        self_check(&file, &self.limits)?;
        Ok(file)
    }

    /// Takes the signature value.
    pub fn signed(self, signature: Vec<u8>) -> Stamped {
        Stamped { file: self.file, hole: self.hole, ready: self.parts.signed(signature), limits: self.limits }
    }

    /// Signs with one of our keys.
    pub fn sign(self, key: &dyn SigningKey, scheme: Scheme) -> Result<Stamped, Reason> {
        let signature = key.sign(scheme, self.to_sign()).map_err(|e| Reason::of(Code::MakeKey, e.code()))?;
        Ok(self.signed(signature.into_bytes()))
    }
}

impl Stamped {
    /// What to send to a timestamp authority; `nonce` is random and never used twice.
    pub fn timestamp_request(&self, nonce: u64) -> tst::Request {
        tst::Request::over(self.ready.signature(), nonce)
    }

    /// Embeds the signature, with a token (from [`tst::read_response`]) or without, and reads the result back: the
    /// new signature must cover the whole file and every earlier one must still stand (RULES D32).
    pub fn finish(self, token: Option<&[u8]>) -> Result<Vec<u8>, Reason> {
        let cms = self.ready.finish(token);
        let file = self.hole.fill(self.file, &cms)?;
        self_check(&file, &self.limits)?;
        Ok(file)
    }
}

/// A file that waits for a document timestamp.
pub struct PreparedTimestamp {
    file: Vec<u8>,
    hole: Placeholder,
    limits: Limits,
}

/// Appends a document timestamp (ETSI EN 319 142-1 §5.4.3): proof that everything before it existed.
pub fn prepare_timestamp(bytes: &[u8], limits: &Limits) -> Result<PreparedTimestamp, Reason> {
    pdf::read(bytes, limits)?;
    let (file, hole) = field::append_timestamp(bytes, limits)?;
    Ok(PreparedTimestamp { file, hole, limits: *limits })
}

impl PreparedTimestamp {
    /// What to send to a timestamp authority.
    pub fn timestamp_request(&self, nonce: u64) -> tst::Request {
        let imprint = cms::digest_pieces(Digest::Sha256, &self.hole.pieces(&self.file));
        tst::Request::new(Digest::Sha256, imprint, nonce)
    }

    /// Embeds the token.
    pub fn finish(self, token: &[u8]) -> Result<Vec<u8>, Reason> {
        let file = self.hole.fill(self.file, token)?;
        self_check(&file, &self.limits)?;
        Ok(file)
    }
}

/// Reads back what was made.
fn self_check(file: &[u8], limits: &Limits) -> Result<(), Reason> {
    let failed = |what: &Reason| Reason::of(Code::MakeCheck, what.code);
    let facts = pdf::read(file, limits).map_err(|r| failed(&r))?;
    for signed in &facts.signatures {
        if let Some(reason) = signed.fault.as_ref().or(signed.signature.as_ref().err()) {
            return Err(failed(reason));
        }
    }
    let last = facts.signatures.last().filter(|s| s.coverage == Coverage::WholeDocument);
    let signature = last.and_then(|s| s.signature.as_ref().ok()).ok_or(Reason::new(Code::MakeCheck))?;
    let pieces = signature.pieces(file);
    let whole = match signature.kind {
        Kind::DocTimestamp => tst::Token::read(&signature.contents, limits).is_ok_and(|t| t.is_over(&pieces)),
        _ => cms::read(&signature.contents, limits).and_then(|c| own(&c, &pieces, limits)).is_ok(),
    };
    if whole { Ok(()) } else { Err(Reason::of(Code::MakeCheck, Code::CmsSignature)) }
}

/// The new signature is over this file, and made with the key its certificate names.
fn own(cms: &cms::SignedData, pieces: &[&[u8]], limits: &Limits) -> Result<(), Reason> {
    cms.check_content(asn1::DATA, pieces)?;
    let certificates = tst::parse_certificates(&cms.certificates, limits);
    let signer = cms.find_signer(certificates.iter()).ok_or(Reason::new(Code::CmsNoCertificate))?;
    cms.check_signature(&signer, pieces)
}

/// Signs in one go: prepares, signs with our key, asks `stamp` for a token (`None` from it: no timestamp), embeds.
pub fn sign(
    bytes: &[u8],
    signing: &Signing,
    key: &dyn SigningKey,
    stamp: impl FnOnce(&Stamped) -> Result<Option<Vec<u8>>, Reason>,
    limits: &Limits,
) -> Result<Vec<u8>, Reason> {
    let stamped = prepare(bytes, signing, limits)?.sign(key, signing.scheme)?;
    let token = stamp(&stamped)?;
    stamped.finish(token.as_deref())
}

/// The check after signing (RULES D32): a file we made leaves the house only with this proof.
pub fn release(
    file: Vec<u8>,
    policy: &Policy,
    evidence: &Evidence,
    now: Timestamp,
) -> Result<Verified<Document>, Refusal> {
    judge(Arc::from(file), policy, evidence, now).require_valid()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A signature nobody verifies here: what is tested is what may follow it.
    fn closed(bytes: &[u8], signing: &Signing) -> Vec<u8> {
        let limits = Limits::default();
        let (file, hole) = field::append(bytes, signing, 64, &limits).unwrap();
        hole.fill(file, &[0x30, 3, 2, 1, 0]).unwrap()
    }

    fn signing() -> Signing {
        Signing::new(Vec::new(), Scheme::RsaPkcs1Sha256, Timestamp::from_secs(0))
    }

    fn faults(bytes: &[u8]) -> Vec<Option<Code>> {
        let facts = pdf::read(bytes, &Limits::default()).unwrap();
        facts.signatures.iter().map(|s| s.fault.as_ref().map(|r| r.code)).collect()
    }

    #[test]
    fn iso_32000_12_8_2_2_what_a_certification_permits() {
        for (level, expected) in [(1, Some(Code::ChangedDocMdp)), (2, None), (3, None)] {
            let mut first = signing();
            first.certify = Some(level);
            let certified = closed(&blank_pdf("t", &[]), &first);
            assert_eq!(faults(&certified), [None]);
            assert_eq!(faults(&closed(&certified, &signing())), [expected, None], "level {level}");
            let (file, hole) = field::append_timestamp(&certified, &Limits::default()).unwrap();
            let stamped = hole.fill(file, &[0x30, 3, 2, 1, 0]).unwrap();
            assert_eq!(faults(&stamped), [None, None], "a document timestamp is always welcome");
        }
    }

    #[test]
    fn a_locked_field_stays_empty() {
        for (lock, expected) in [
            ("/Action/All", Some(Code::ChangedLocked)),
            ("/Action/Include/Fields[(b)]", Some(Code::ChangedLocked)),
            ("/Action/Exclude/Fields[(b)]", None),
            ("/Action/Include/Fields[(c)]", None),
        ] {
            let blank = blank_pdf("t", &[]);
            let file = pdf::File::open(&blank, &Limits::default()).unwrap();
            let view = pdf::View::last(&file).unwrap();
            let mut update = pdf::PendingUpdate::new(&view).unwrap();
            let (a, b) = (update.allocate(), update.allocate());
            let field = |name: &str, more: &str| format!("<</FT/Sig/T({name}){more}>>").into_bytes();
            update.put_raw(a, field("a", &format!("/Lock<</Type/SigFieldLock{lock}>>")));
            update.put_raw(b, field("b", ""));
            let (root, _) = view.catalog().unwrap();
            let catalog = format!("<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[{a} R {b} R]>>>>");
            update.put_raw(root, catalog.into_bytes());
            let form = update.finish().unwrap().bytes;
            let first = closed(&form, &signing().field("a"));
            let second = closed(&first, &signing().field("b"));
            assert_eq!(faults(&second), [expected, None], "{lock}");
        }
    }
}
