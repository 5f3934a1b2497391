//! A signature as the judge sees it, whatever file it came from. Each format's reader turns its facts into claims;
//! from here on nobody asks which format it was.

use super::verdict::SignatureKind;
use crate::coverage::Coverage;
use crate::message::Reason;
use crate::pdf::Store;
use certs::Certificate;
use certs::revocation::{Crl, OcspResponse};
use mail::Timestamp;
use std::borrow::Cow;

/// One signature that a file claims to carry.
pub(crate) struct Claim<'a> {
    /// Its name in the file: a form field, an element's id, a signer's place.
    pub(crate) field: String,
    /// What it is for.
    pub(crate) kind: SignatureKind,
    /// How much of the file it covers.
    pub(crate) coverage: Coverage,
    /// What the file says about the time, outside the signed attributes.
    pub(crate) claimed: Option<Timestamp>,
    /// Why it was signed, in the signer's words.
    pub(crate) stated_reason: Option<String>,
    /// The signature, or why it is none.
    pub(crate) container: Result<Container<'a>, Reason>,
    /// What happened to the file after it and is not allowed.
    pub(crate) fault: Option<Reason>,
}

/// The signature's own form.
pub(crate) enum Container<'a> {
    /// CMS over pieces of the file or over content beside it.
    Cms(CmsClaim<'a>),
    /// CMS over the SHA-1 digest of pieces of the file (PDF's `adbe.pkcs7.sha1`).
    Sha1(CmsClaim<'a>),
    /// An RFC 3161 token over pieces of the file.
    Token {
        /// The token.
        der: Cow<'a, [u8]>,
        /// What it has to be over.
        pieces: Vec<&'a [u8]>,
    },
}

/// A CMS signature and what it has to be over.
pub(crate) struct CmsClaim<'a> {
    /// `ContentInfo`.
    pub(crate) der: Cow<'a, [u8]>,
    /// The content, which is outside the container.
    pub(crate) pieces: Vec<&'a [u8]>,
    /// The form promises a signing-certificate attribute (CAdES, PAdES).
    pub(crate) is_cades: bool,
}

/// A signature whose arithmetic is right: these bytes were signed with this certificate's key. What is still open is
/// whether that certificate was good, and when.
pub(crate) struct Intact {
    /// The signer's certificate.
    pub(crate) signer: Certificate,
    /// What came along and may help to judge it.
    pub(crate) certificates: Vec<Certificate>,
    /// Lists that came along.
    pub(crate) crls: Vec<Crl>,
    /// Answers that came along.
    pub(crate) ocsp: Vec<OcspResponse>,
    /// Timestamp tokens, each with the bytes it has to be over.
    pub(crate) tokens: Vec<(Vec<u8>, Vec<u8>)>,
    /// Something in the signature's own arithmetic is below what is allowed.
    pub(crate) weak: Vec<Reason>,
}

/// What a reader found in a file.
pub(crate) struct Claims<'a> {
    /// In the order in which they were made, as far as the file tells.
    pub(crate) signatures: Vec<Claim<'a>>,
    /// Fields nobody has signed yet.
    pub(crate) empty_fields: Vec<String>,
    /// Evidence the file holds for all of them.
    pub(crate) store: Store,
    /// What is read and shown, once all is found good.
    pub(crate) signed: Option<SignedBytes>,
}

/// The very bytes the signatures cover.
#[derive(Clone)]
pub(crate) enum SignedBytes {
    /// The file up to here.
    Prefix(usize),
}
