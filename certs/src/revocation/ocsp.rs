//! Reading OCSP requests and responses, RFC 6960.

use std::fmt;
use std::sync::Arc;

use super::{RevocationFacts, RevocationReason, damaged};
use crate::algorithm::{Digest, SignatureAlgorithm, digest_identifier};
use crate::certificate::{Certificate, Serial};
use crate::der::{self, Element, Oid, Reader, Tag, Writer};
use crate::error::{Error, reading};
use crate::extensions::read_one;
use crate::keys::PublicKey;
use crate::name::Name;
use crate::verified::Verified;
use crate::{Fingerprint, Limits, oids};

/// Answers read from one response, or questions from one request. Usual is one; stapled chains carry a few.
const MAX_ENTRIES: usize = 256;
/// Certificates read from one response. Usual is one.
const MAX_CERTIFICATES: usize = 16;
/// Longest nonce, RFC 9654 §2.1: 128 octets must be accepted.
const MAX_NONCE: usize = 128;

/// Names a certificate to a responder, RFC 6960 §4.1.1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertId {
    /// `None`: a digest this room does not have; such an id matches nothing.
    digest: Option<Digest>,
    issuer_name: Vec<u8>,
    issuer_key: Vec<u8>,
    serial: Serial,
    /// As it came, so that an answer can repeat it exactly.
    der: Vec<u8>,
}

impl CertId {
    /// Of a certificate under its issuer. Responders commonly know only SHA-1 here, where it protects nothing.
    pub fn new(certificate: &Certificate, issuer: &Certificate, digest: Digest) -> CertId {
        let issuer_name = digest.of(issuer.subject().der());
        let issuer_key = digest.of(issuer.public_key().key_bytes());
        let serial = certificate.serial().clone();
        let der = Writer::build(|w| {
            w.sequence(|w| {
                w.sequence(|w| {
                    w.oid(&digest.oid());
                    w.null();
                });
                w.octets(&issuer_name);
                w.octets(&issuer_key);
                w.element(Tag::INTEGER, false, serial.content());
            });
        });
        CertId { digest: Some(digest), issuer_name, issuer_key, serial, der }
    }

    fn from_element(element: &Element<'_>) -> der::Result<CertId> {
        let mut fields = element.of(Tag::SEQUENCE)?.children()?;
        let digest = digest_identifier(&fields.expect(Tag::SEQUENCE)?)?;
        let issuer_name = fields.expect(Tag::OCTET_STRING)?.octets()?.to_vec();
        let issuer_key = fields.expect(Tag::OCTET_STRING)?.octets()?.to_vec();
        let serial = Serial::from_element(&fields.expect(Tag::INTEGER)?)?;
        fields.finish()?;
        Ok(CertId { digest, issuer_name, issuer_key, serial, der: element.whole().to_vec() })
    }

    /// Names this certificate under this issuer.
    pub fn names(&self, certificate: &Certificate, issuer: &Certificate) -> bool {
        let Some(digest) = self.digest else { return false };
        self.serial == *certificate.serial()
            && self.issuer_name == digest.of(issuer.subject().der())
            && self.issuer_key == digest.of(issuer.public_key().key_bytes())
    }

    /// The serial number asked about.
    pub fn serial(&self) -> &Serial {
        &self.serial
    }

    /// As it came.
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

/// A request, as the server sends it or a responder reads it. Signatures on requests are ignored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OcspRequest {
    ids: Vec<CertId>,
    nonce: Option<Vec<u8>>,
}

impl OcspRequest {
    /// Asks about these certificates. The nonce, when wanted, is drawn by the caller (RFC 9654: 32 bytes).
    pub fn new(ids: Vec<CertId>, nonce: Option<Vec<u8>>) -> OcspRequest {
        OcspRequest { ids, nonce }
    }

    /// Reads a DER request.
    pub fn from_der(bytes: &[u8], limits: &Limits) -> Result<OcspRequest, Error> {
        if bytes.len() > limits.ocsp_bytes {
            return Err(Error::TooLarge { what: "OCSP request", limit: limits.ocsp_bytes });
        }
        Self::parse(bytes).map_err(reading("OCSP request"))
    }

    fn parse(bytes: &[u8]) -> der::Result<OcspRequest> {
        let mut outer = Reader::der(bytes).only()?.of(Tag::SEQUENCE)?.children()?;
        let mut fields = outer.sequence()?;
        outer.optional(Tag::context(0))?;
        outer.finish()?;
        version_one(&mut fields)?;
        fields.optional(Tag::context(1))?;
        let mut list = fields.sequence()?;
        let mut ids = Vec::new();
        while !list.is_empty() {
            if ids.len() == MAX_ENTRIES {
                return Err(damaged(list.position()));
            }
            let mut request = list.sequence()?;
            ids.push(CertId::from_element(&request.expect(Tag::SEQUENCE)?)?);
            request.optional(Tag::context(0))?;
            request.finish()?;
        }
        let mut nonce = None;
        if let Some(list) = fields.explicit(2)? {
            nonce = extensions(&list)?.nonce;
        }
        fields.finish()?;
        Ok(OcspRequest { ids, nonce })
    }

    /// The request to send (`application/ocsp-request`).
    pub fn to_der(&self) -> Vec<u8> {
        Writer::build(|w| {
            w.sequence(|w| {
                w.sequence(|w| {
                    w.sequence(|w| self.ids.iter().for_each(|id| w.sequence(|w| w.raw(id.der()))));
                    if let Some(nonce) = &self.nonce {
                        w.explicit(2, |w| w.sequence(|w| write_nonce(w, nonce)));
                    }
                });
            });
        })
    }

    /// Which certificates are asked about.
    pub fn ids(&self) -> &[CertId] {
        &self.ids
    }

    /// The nonce.
    pub fn nonce(&self) -> Option<&[u8]> {
        self.nonce.as_deref()
    }
}

/// `Extension` with a nonce inside.
pub(crate) fn write_nonce(writer: &mut Writer, nonce: &[u8]) {
    writer.sequence(|w| {
        w.oid(&oids::OCSP_NONCE);
        w.octets(&Writer::build(|w| w.octets(nonce)));
    });
}

/// `version [0] EXPLICIT INTEGER DEFAULT v1`: only v1 exists.
fn version_one(fields: &mut Reader<'_>) -> der::Result<()> {
    let at = fields.position();
    match fields.explicit(0)? {
        Some(number) if number.small()? != 0 => Err(damaged(at)),
        _ => Ok(()),
    }
}

/// What the extensions of requests, responses and single responses can tell us.
#[derive(Default)]
struct Extras {
    nonce: Option<Vec<u8>>,
    archive_cutoff: Option<i64>,
    unknown_critical: bool,
}

fn extensions(list: &Element<'_>) -> der::Result<Extras> {
    let mut extras = Extras::default();
    let mut list = list.of(Tag::SEQUENCE)?.children()?;
    let mut seen: Vec<Oid> = Vec::new();
    while !list.is_empty() {
        let at = list.position();
        let (id, critical, value) = read_one(&mut list)?;
        if seen.contains(&id) || seen.len() == 64 {
            return Err(damaged(at));
        }
        seen.push(id);
        match id {
            oids::OCSP_NONCE => {
                // Old software puts the bare bytes here; RFC 8954 §2.1 an OCTET STRING.
                let inner = Reader::der(value).only().and_then(|e| e.octets()).unwrap_or(value);
                if inner.is_empty() || inner.len() > MAX_NONCE {
                    return Err(damaged(at));
                }
                extras.nonce = Some(inner.to_vec());
            }
            oids::OCSP_ARCHIVE_CUTOFF => {
                extras.archive_cutoff = Some(Reader::der(value).only()?.precise_time()?.0);
            }
            _ => extras.unknown_critical |= critical,
        }
    }
    Ok(extras)
}

/// Who signed a response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ResponderId {
    /// By the subject's name.
    Name(Name),
    /// By SHA-1 of the key.
    Key(Vec<u8>),
}

impl ResponderId {
    /// Names this certificate.
    pub fn names(&self, certificate: &Certificate) -> bool {
        match self {
            ResponderId::Name(name) => name == certificate.subject(),
            ResponderId::Key(hash) => hash.as_slice() == certificate.public_key().sha1_id(),
        }
    }
}

/// What a responder says about a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OcspStatus {
    /// Not revoked.
    Good,
    /// Revoked.
    Revoked(RevocationFacts),
    /// The responder does not know it.
    Unknown,
}

/// The answer about one certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SingleResponse {
    /// Which certificate.
    pub id: CertId,
    /// What is said.
    pub status: OcspStatus,
    /// Since when this is known to be right, seconds since 1970.
    pub this_update: i64,
    /// When newer knowledge comes at the latest.
    pub next_update: Option<i64>,
    /// The responder keeps answering about certificates that expired after this moment (§4.4.4).
    pub archive_cutoff: Option<i64>,
    /// It has a critical extension nobody here understands.
    pub(crate) unknown_critical: bool,
}

/// A parsed successful response with its original bytes. Cloning is cheap.
#[derive(Clone)]
pub struct OcspResponse(Arc<Facts>);

struct Facts {
    der: Vec<u8>,
    fingerprint: Fingerprint,
    tbs: Vec<u8>,
    responder: ResponderId,
    produced_at: i64,
    answers: Vec<SingleResponse>,
    nonce: Option<Vec<u8>>,
    unknown_critical: bool,
    algorithm: SignatureAlgorithm,
    signature: Vec<u8>,
    certificates: Vec<Certificate>,
    verified: Verified,
}

impl OcspResponse {
    /// Reads a DER `OCSPResponse` that fills the input.
    ///
    /// Errors: besides those of reading, [`Error::Malformed`] when the responder answered with an error status
    /// ("tryLater", "unauthorized", …): such an answer says nothing about any certificate.
    pub fn from_der(bytes: &[u8], limits: &Limits) -> Result<OcspResponse, Error> {
        if bytes.len() > limits.ocsp_bytes {
            return Err(Error::TooLarge { what: "OCSP response", limit: limits.ocsp_bytes });
        }
        let basic = Self::envelope(bytes).map_err(reading("OCSP response"))??;
        Self::parse(bytes, basic, limits).map_err(reading("OCSP response"))
    }

    /// Reads a bare `BasicOCSPResponse`, the form inside CMS `RevocationInfoArchival` and PAdES.
    pub fn from_basic_der(bytes: &[u8], limits: &Limits) -> Result<OcspResponse, Error> {
        if bytes.len() > limits.ocsp_bytes {
            return Err(Error::TooLarge { what: "OCSP response", limit: limits.ocsp_bytes });
        }
        Self::parse(bytes, bytes, limits).map_err(reading("OCSP response"))
    }

    fn envelope(bytes: &[u8]) -> der::Result<Result<&[u8], Error>> {
        let mut outer = Reader::der(bytes).only()?.of(Tag::SEQUENCE)?.children()?;
        let status = outer.expect(Tag::ENUMERATED)?.small()?;
        let body = outer.explicit(0)?;
        outer.finish()?;
        let Some(body) = body.filter(|_| status == 0) else {
            return Ok(Err(Error::Malformed { what: "OCSP response", why: "the responder did not answer" }));
        };
        let mut fields = body.of(Tag::SEQUENCE)?.children()?;
        let kind = fields.expect(Tag::OID)?.oid()?;
        let basic = fields.expect(Tag::OCTET_STRING)?.octets()?;
        fields.finish()?;
        Ok(if kind == oids::OCSP_BASIC {
            Ok(basic)
        } else {
            Err(Error::Unsupported("this type of OCSP response"))
        })
    }

    fn parse(whole: &[u8], basic: &[u8], limits: &Limits) -> der::Result<OcspResponse> {
        let mut outer = Reader::der(basic).only()?.of(Tag::SEQUENCE)?.children()?;
        let tbs = outer.expect(Tag::SEQUENCE)?;
        let algorithm = SignatureAlgorithm::from_element(&outer.expect(Tag::SEQUENCE)?)?;
        let signature = outer.expect(Tag::BIT_STRING)?.bit_bytes()?.to_vec();
        let mut certificates = Vec::new();
        if let Some(list) = outer.explicit(0)? {
            let mut list = list.of(Tag::SEQUENCE)?.children()?;
            while !list.is_empty() && certificates.len() < MAX_CERTIFICATES {
                // A certificate that cannot be read cannot be the signer's either; the others still may.
                certificates.extend(Certificate::from_der_within(list.element()?.whole(), limits).ok());
            }
        }
        outer.finish()?;

        let mut fields = tbs.children()?;
        version_one(&mut fields)?;
        let responder = responder(&mut fields)?;
        let produced_at = fields.element()?.precise_time()?.0;
        let mut list = fields.sequence()?;
        let mut answers = Vec::new();
        while !list.is_empty() {
            if answers.len() == MAX_ENTRIES {
                return Err(damaged(list.position()));
            }
            answers.push(single(list.sequence()?)?);
        }
        let extras = fields.explicit(1)?.map_or(Ok(Extras::default()), |list| extensions(&list))?;
        fields.finish()?;
        Ok(OcspResponse(Arc::new(Facts {
            der: whole.to_vec(),
            fingerprint: Fingerprint::of(whole),
            tbs: tbs.whole().to_vec(),
            responder,
            produced_at,
            answers,
            nonce: extras.nonce,
            unknown_critical: extras.unknown_critical,
            algorithm,
            signature,
            certificates,
            verified: Verified::default(),
        })))
    }

    /// The response as it came.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// SHA-256 of the response.
    pub fn sha256(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// Who signed it.
    pub fn responder(&self) -> &ResponderId {
        &self.0.responder
    }

    /// When it was signed, seconds since 1970.
    pub fn produced_at(&self) -> i64 {
        self.0.produced_at
    }

    /// The answers.
    pub fn answers(&self) -> &[SingleResponse] {
        &self.0.answers
    }

    /// The nonce it repeats. Whoever sent one compares.
    pub fn nonce(&self) -> Option<&[u8]> {
        self.0.nonce.as_deref()
    }

    /// Whether it answers this very request: repeats its nonce, when it had one (RFC 9654 §2.1). A response without the
    /// nonce may be a cached one of before; whether that does is the caller's policy.
    pub fn repeats_nonce_of(&self, request: &OcspRequest) -> bool {
        request.nonce().is_none_or(|nonce| self.nonce() == Some(nonce))
    }

    /// Certificates that came along.
    pub fn certificates(&self) -> &[Certificate] {
        &self.0.certificates
    }

    pub(crate) fn has_unknown_critical(&self) -> bool {
        self.0.unknown_critical
    }

    /// Checks the response's signature with a key.
    pub fn verify_signature(&self, key: &PublicKey) -> Result<(), Error> {
        self.0.verified.by(key, || self.0.algorithm.verify(key, &self.0.tbs, &self.0.signature))
    }
}

fn responder(fields: &mut Reader<'_>) -> der::Result<ResponderId> {
    if let Some(name) = fields.explicit(1)? {
        return Ok(ResponderId::Name(Name::from_element(&name)?));
    }
    let at = fields.position();
    let key = fields.explicit(2)?.ok_or(damaged(at))?;
    Ok(ResponderId::Key(key.octets()?.to_vec()))
}

fn single(mut fields: Reader<'_>) -> der::Result<SingleResponse> {
    let id = CertId::from_element(&fields.expect(Tag::SEQUENCE)?)?;
    let status = fields.element()?;
    let status = match status.tag() {
        tag if tag == Tag::context(0) => status.implicit(Tag::NULL).null().map(|()| OcspStatus::Good)?,
        tag if tag == Tag::context(1) => {
            let mut facts = status.children()?;
            let revoked_at = facts.element()?.precise_time()?.0;
            let at = facts.position();
            let reason = match facts.explicit(0)? {
                Some(code) => RevocationReason::from_code(code.small()?).ok_or(damaged(at))?,
                None => RevocationReason::Unspecified,
            };
            facts.finish()?;
            OcspStatus::Revoked(RevocationFacts { revoked_at, invalid_since: None, reason })
        }
        tag if tag == Tag::context(2) => status.implicit(Tag::NULL).null().map(|()| OcspStatus::Unknown)?,
        _ => return Err(damaged(status.span().start)),
    };
    let this_update = fields.element()?.precise_time()?.0;
    let next_update = fields.explicit(0)?.map(|time| time.precise_time()).transpose()?.map(|time| time.0);
    let extras = fields.explicit(1)?.map_or(Ok(Extras::default()), |list| extensions(&list))?;
    fields.finish()?;
    Ok(SingleResponse {
        id,
        status,
        this_update,
        next_update,
        archive_cutoff: extras.archive_cutoff,
        unknown_critical: extras.unknown_critical,
    })
}

impl PartialEq for OcspResponse {
    fn eq(&self, other: &OcspResponse) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.der == other.0.der
    }
}

impl Eq for OcspResponse {}

impl fmt::Debug for OcspResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OcspResponse({} answers, produced_at {})", self.0.answers.len(), self.0.produced_at)
    }
}
