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
mod font;
mod form;
mod hole;
mod mark;
mod page;
mod picture;
mod png;
mod smime;
mod state;
mod structure;
pub mod xml;

pub use blank::{blank_pages, blank_pdf};
pub use cms_file::{CmsSigning, PreparedCms, StampedCms, prepare_cms};
pub use evidence::add_evidence;
pub use form::Fill;
pub use mark::{Appearance, Copy, Mark, PageChoice, Place, SEAL_MM, attachment_text, copy_text, old_caption};
pub use picture::{Ink, Picture};
pub use smime::{MailDraft, MailForm, PreparedMail, StampedMail};

use crate::asn1;
use crate::cms::{self, Parts, Ready};
use crate::coverage::Coverage;
use crate::judge::{Evidence, Judged, Policy, Role, judge};
use crate::limits::Limits;
use crate::message::{Code, Reason};
use crate::pdf::{self, Facts, Kind, Lock};
use crate::tst;
use crate::verified::{Document, Refusal, Verified};
use certs::Certificate;
use certs::algorithm::Digest;
use certs::keys::{Scheme, Signature, SigningKey};
use hole::Placeholder;
use mail::Timestamp;
use std::sync::Arc;

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
    /// Form fields nobody may change from now on (RULES D23). What a waiting field's own `/Lock` says goes before.
    pub lock: Option<Lock>,
    /// Text put into form fields in the same update, so that this signature covers it (RULES D23).
    pub fill: Vec<Fill>,
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
            lock: None,
            fill: Vec::new(),
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
    certificates: Vec<Certificate>,
    scheme: Scheme,
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
/// Errors: the file cannot be read, a signature in it does not stand, an earlier signer does not permit more
/// signatures, or the field, the mark or a text does not fit.
pub fn prepare(bytes: &[u8], signing: &Signing, limits: &Limits) -> Result<Prepared, Reason> {
    let facts = pdf::read(bytes, limits)?;
    permitted(&facts, signing)?;
    if signing.certify.is_some() && !facts.signatures.is_empty() {
        return Err(Reason::of(Code::MakeField, "certification comes first"));
    }
    let (file, hole) = field::append(bytes, signing, signing.reserve(), limits)?;
    Prepared::new(file, hole, signing.certificates.clone(), signing.scheme, limits)
}

/// What lets an agency put its seal on a document (RULES R82).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealBasis {
    /// The competent person's good signature in the same file.
    Leader,
    /// It is an attachment in a file of its own (RULES D15).
    Attachment,
    /// It is a copy the agency made (RULES D17).
    Copy,
    /// Somebody decided to do without a good signature of the competent person, and said why.
    Decision {
        /// Not empty.
        reason: String,
    },
}

/// The agency's seal, after the competent person (RULES D23, D29.9, R82). A seal to be shown over "the signature" goes over
/// the competent person's; text fields of the form are locked from then on, unless the caller says what is.
///
/// Errors: as [`prepare`]; the basis does not hold.
pub fn prepare_seal(
    judged: &Judged,
    basis: &SealBasis,
    signing: &Signing,
    limits: &Limits,
) -> Result<Prepared, Reason> {
    let signatures = &judged.report().signatures;
    let leader = signatures.iter().rev().find(|s| s.role == Role::Leader && s.class.is_good());
    match basis {
        SealBasis::Leader if leader.is_none() => {
            let found = signatures.iter().rev().find(|s| s.role == Role::Leader);
            let word = found.map_or(judged.class(), |s| s.class).word();
            return Err(Reason::of(Code::LeaderMissing, word));
        }
        SealBasis::Decision { reason } if reason.trim().is_empty() => {
            return Err(Reason::of(Code::LeaderMissing, "a reason is needed"));
        }
        _ => {}
    }
    let mut signing = signing.clone();
    if let Some(Appearance { place: Place::OverSignature(over @ None), .. }) = &mut signing.appearance {
        *over = leader.map(|s| s.field.clone());
    }
    if signing.field.is_none() && judged.report().empty_fields.iter().any(|name| name == field::SEAL_FIELD) {
        signing.field = Some(field::SEAL_FIELD.to_owned());
    }
    if signing.lock.is_none() {
        let fields = form::names(judged.bytes(), limits)?;
        signing.lock = (!fields.is_empty()).then_some(Lock::Include(fields));
    }
    prepare(judged.bytes(), &signing, limits)
}

/// Whether a further signature may be added: those that are there stand, none of them closes the document, and what is
/// to be filled is not locked.
fn permitted(facts: &Facts, signing: &Signing) -> Result<(), Reason> {
    for signed in &facts.signatures {
        if let Some(reason) = signed.fault.as_ref().or(signed.signature.as_ref().err()) {
            return Err(Reason::of(Code::MakeBroken, reason.code));
        }
    }
    let made = || facts.signatures.iter().filter_map(|s| s.signature.as_ref().ok());
    if made().any(|s| s.level == Some(1)) {
        return Err(Reason::new(Code::MakeLocked));
    }
    let field = signing.field.iter().filter(|name| facts.empty_fields.contains(name));
    let mut filled = field.chain(signing.fill.iter().map(|fill| &fill.field));
    match filled.find(|name| made().any(|s| s.locks.iter().any(|lock| lock.holds(name)))) {
        Some(name) => Err(Reason::of(Code::MakeLocked, name)),
        None => Ok(()),
    }
}

impl Prepared {
    fn new(
        file: Vec<u8>,
        hole: Placeholder,
        certificates: Vec<Certificate>,
        scheme: Scheme,
        limits: &Limits,
    ) -> Result<Self, Reason> {
        let digest = cms::digest_pieces(scheme.digest(), &hole.pieces(&file));
        let parts = Parts::new(asn1::DATA, None, &digest, certificates.clone(), scheme, None)?;
        Ok(Self { file, hole, certificates, scheme, parts, limits: *limits })
    }

    /// What the key signs (the signed attributes; the key's scheme hashes them).
    pub fn to_sign(&self) -> &[u8] {
        self.parts.signed_bytes()
    }

    /// The digest of [`Self::to_sign`], for keys that sign digests: a token's raw operation, a SIM, `signatures/signHash` of
    /// the Cloud Signature Consortium's API.
    pub fn digest(&self) -> Vec<u8> {
        self.scheme.digest().of(self.to_sign())
    }

    /// The digest of [`Self::content`], for helpers that make the whole container and want only this.
    pub fn content_digest(&self) -> Vec<u8> {
        cms::digest_pieces(self.scheme.digest(), &self.content())
    }

    /// How the key is to sign.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The signer's certificate, then those above it.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
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

    /// Takes the signature value. ECDSA may come in DER or, as tokens give it, as `r || s`.
    pub fn signed(self, value: Vec<u8>) -> Stamped {
        let key = self.certificates.first().map(Certificate::public_key);
        let taken = key.map(|key| Signature::made_elsewhere(key, self.scheme, self.to_sign(), &value));
        // What is no signature is refused when the file is read back.
        let signature = match taken {
            Some(Ok(signature)) => signature.into_bytes(),
            _ => value,
        };
        self.with(signature)
    }

    fn with(self, signature: Vec<u8>) -> Stamped {
        Stamped { file: self.file, hole: self.hole, ready: self.parts.signed(signature), limits: self.limits }
    }

    /// Signs with one of our keys.
    pub fn sign(self, key: &dyn SigningKey, scheme: Scheme) -> Result<Stamped, Reason> {
        let signature = key.sign(scheme, self.to_sign()).map_err(|e| Reason::of(Code::MakeKey, e.code()))?;
        Ok(self.with(signature.into_bytes()))
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
