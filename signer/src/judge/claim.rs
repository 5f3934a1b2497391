//! A signature as the judge sees it, whatever file it came from. Each format's reader turns its facts into claims;
//! from here on nobody asks which format it was.

use super::pieces::Pieces;
use super::strength::Strength;
use super::verdict::SignatureKind;
use crate::cms::Signer;
use crate::coverage::Coverage;
use crate::message::Reason;
use crate::pdf::Store;
use crate::xml;
use certs::Certificate;
use certs::algorithm::Digest;
use certs::revocation::{Crl, OcspResponse};
use certs::trust::Purpose;
use mail::{EmailAddress, Timestamp};
use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

/// One signature that a file claims to carry.
pub(crate) struct Claim<'a> {
    /// Its name in the file: a form field, an element's id, a signer's place.
    pub(crate) field: String,
    /// What it is for.
    pub(crate) kind: SignatureKind,
    /// How much of the file it covers.
    pub(crate) coverage: Coverage,
    /// Names of the parts it covers, where it covers named parts.
    pub(crate) covers: Vec<String>,
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
    /// CMS with one signer, over pieces of the file.
    Cms(CmsClaim<'a>),
    /// CMS over the SHA-1 digest of pieces of the file (PDF's `adbe.pkcs7.sha1`).
    Sha1(CmsClaim<'a>),
    /// One of the signers of a CMS file or of a mail, over content inside it or beside it.
    Signer(Box<SignerClaim<'a>>),
    /// An RFC 3161 token over pieces of the file.
    Token {
        /// The token.
        der: Cow<'a, [u8]>,
        /// What it has to be over.
        pieces: Pieces<'a>,
    },
    /// A signature in XML.
    Xml(XmlClaim<'a>),
}

/// A CMS signature and what it has to be over.
pub(crate) struct CmsClaim<'a> {
    /// `ContentInfo`.
    pub(crate) der: Cow<'a, [u8]>,
    /// The content, which is outside the container.
    pub(crate) pieces: Pieces<'a>,
    /// The form promises a signing-certificate attribute (CAdES, PAdES).
    pub(crate) is_cades: bool,
}

/// One of the signatures of an XML document.
pub(crate) struct XmlClaim<'a> {
    /// The document and all its signatures.
    pub(crate) facts: Rc<xml::Facts<'a>>,
    /// Which of them.
    pub(crate) at: usize,
    /// What lies beside the document.
    pub(crate) beside: xml::Beside<'a>,
}

impl XmlClaim<'_> {
    /// It has the properties XAdES wants signed.
    pub(crate) fn is_xades(&self) -> bool {
        let found = self.facts.signatures.get(self.at);
        found
            .and_then(|found| found.signature.as_ref().ok())
            .is_some_and(|signature| signature.xades.is_some())
    }
}

/// One signer of a message that was read already; its certificates and lists are in the claims' store.
pub(crate) struct SignerClaim<'a> {
    /// The signer.
    pub(crate) signer: Signer,
    /// What it has to be over.
    pub(crate) content: Rc<Content<'a>>,
    /// What the signature is used for: decides which anchors and usages fit.
    pub(crate) purpose: Purpose,
}

/// Content that several signers may have signed; each digest of it is made once.
pub(crate) struct Content<'a> {
    bytes: Bytes<'a>,
    digests: RefCell<Vec<(Digest, Vec<u8>)>>,
}

/// Bytes of the file, or others.
#[derive(Clone)]
pub(crate) enum Bytes<'a> {
    /// As they stand in the file.
    InFile(&'a [u8]),
    /// Unpacked from it, or beside it.
    Apart(Arc<[u8]>),
}

impl Bytes<'_> {
    /// The bytes.
    pub(crate) fn get(&self) -> &[u8] {
        match self {
            Self::InFile(bytes) => bytes,
            Self::Apart(bytes) => bytes,
        }
    }
}

impl<'a> Content<'a> {
    pub(crate) fn new(bytes: Bytes<'a>) -> Rc<Self> {
        Rc::new(Self { bytes, digests: RefCell::default() })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get()
    }

    pub(crate) fn digest(&self, digest: Digest) -> Vec<u8> {
        let mut known = self.digests.borrow_mut();
        if let Some((_, value)) = known.iter().find(|(own, _)| *own == digest) {
            return value.clone();
        }
        let value = digest.of(self.bytes());
        known.push((digest, value.clone()));
        value
    }
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
    /// What its arithmetic rests on.
    pub(crate) strength: Strength,
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
    /// What concerns the file as a whole.
    pub(crate) whole: Whole,
}

/// What concerns the file as a whole and not one of its signatures.
#[derive(Default)]
pub(crate) struct Whole {
    /// Keeps the file from being valid, however good its signatures are.
    pub(crate) doubts: Vec<Reason>,
    /// Changes nothing.
    pub(crate) remarks: Vec<Reason>,
    /// Whose message it says it is: one of the signers has to be that mailbox (RFC 8550 §3).
    pub(crate) sender: Option<EmailAddress>,
    /// When the message says it was sent.
    pub(crate) sent_at: Option<Timestamp>,
}

/// The very bytes the signatures cover.
#[derive(Clone)]
pub(crate) enum SignedBytes {
    /// The file up to here.
    Prefix(usize),
    /// Canonical octets or decoded parts, in the order of the signatures and their references (XML).
    Pieces(Vec<Arc<[u8]>>),
    /// This stretch of the file.
    Within(Range<usize>),
    /// Bytes unpacked from the file, or beside it.
    Apart(Arc<[u8]>),
}
