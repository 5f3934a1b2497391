//! Making CMS files: CAdES-B-B, with a timestamp CAdES-B-T (ETSI EN 319 122-1 §6), the content inside or beside.
//!
//! The steps are those of a PDF: prepare, take a signature value from wherever the key is, stamp, finish.

use crate::asn1;
use crate::cms::{self, Parts, Ready, digest_pieces};
use crate::limits::Limits;
use crate::message::{Code, Reason};
use crate::tst;
use certs::Certificate;
use certs::keys::{Scheme, SigningKey};
use mail::Timestamp;

/// Who signs a file, how, and in which form.
#[derive(Clone, Debug)]
pub struct CmsSigning {
    /// The signer's certificate, then those above it.
    pub certificates: Vec<Certificate>,
    /// How the key signs.
    pub scheme: Scheme,
    /// The claimed time.
    pub time: Timestamp,
    /// The content stays outside.
    pub detached: bool,
}

impl CmsSigning {
    /// A detached signature.
    pub fn new(certificates: Vec<Certificate>, scheme: Scheme, time: Timestamp) -> Self {
        Self { certificates, scheme, time, detached: true }
    }

    /// With the content inside.
    pub fn attached(self) -> Self {
        Self { detached: false, ..self }
    }
}

/// A CMS that waits for its signature value.
pub struct PreparedCms<'c> {
    content: &'c [u8],
    parts: Parts,
    limits: Limits,
}

/// A CMS whose signature value is known; a timestamp may still be added.
pub struct StampedCms<'c> {
    content: &'c [u8],
    ready: Ready,
    limits: Limits,
}

/// Says what is to be signed for this content.
///
/// Errors: no certificate, or content larger than would be read back.
pub fn prepare_cms<'c>(
    content: &'c [u8],
    signing: &CmsSigning,
    limits: &Limits,
) -> Result<PreparedCms<'c>, Reason> {
    if content.len() > limits.file_bytes {
        return Err(Reason::new(Code::FileTooLarge));
    }
    let digest = digest_pieces(signing.scheme.digest(), &[content]);
    let inside = (!signing.detached).then(|| content.to_vec());
    let time = Some(signing.time.secs());
    let parts = Parts::new(asn1::DATA, inside, &digest, signing.certificates.clone(), signing.scheme, time)?;
    Ok(PreparedCms { content, parts, limits: *limits })
}

impl<'c> PreparedCms<'c> {
    /// What the key signs (the signed attributes; the key's scheme hashes them).
    pub fn to_sign(&self) -> &[u8] {
        self.parts.signed_bytes()
    }

    /// Takes the signature value, ECDSA in DER. One made elsewhere comes through [`certs::keys::Signature::made_elsewhere`].
    pub fn signed(self, signature: Vec<u8>) -> StampedCms<'c> {
        StampedCms { content: self.content, ready: self.parts.signed(signature), limits: self.limits }
    }

    /// Signs with one of our keys.
    pub fn sign(self, key: &dyn SigningKey, scheme: Scheme) -> Result<StampedCms<'c>, Reason> {
        let signature = key.sign(scheme, self.to_sign()).map_err(|e| Reason::of(Code::MakeKey, e.code()))?;
        Ok(self.signed(signature.into_bytes()))
    }
}

impl StampedCms<'_> {
    /// What to send to a timestamp authority; `nonce` is random and never used twice.
    pub fn timestamp_request(&self, nonce: u64) -> tst::Request {
        tst::Request::over(self.ready.signature(), nonce)
    }

    /// The finished file, with a token (from [`tst::read_response`]) or without, read back: it is over this content
    /// and made with the key its certificate names (RULES D32).
    pub fn finish(self, token: Option<&[u8]>) -> Result<Vec<u8>, Reason> {
        let file = self.ready.finish(token);
        let check = || {
            let message = cms::read_message(&file, &self.limits)?;
            if message.content.as_deref().is_some_and(|inside| inside != self.content) {
                return Err(Reason::new(Code::ContentDiffers));
            }
            let signer = message.signers.into_iter().next().ok_or(Reason::new(Code::CmsSigners))??;
            let own = tst::parse_certificates(&message.certificates, &self.limits);
            let certificate = signer.find_certificate(own.iter()).ok_or(Code::CmsNoCertificate)?;
            signer.check_content(&[self.content])?;
            signer.check_signature(&certificate, &[self.content])
        };
        match check() {
            Ok(()) => Ok(file),
            Err(reason) => Err(Reason::of(Code::MakeCheck, reason.code)),
        }
    }
}
