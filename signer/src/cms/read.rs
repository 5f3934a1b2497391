//! Reading `SignedData` (RFC 5652 §5): BER allowed, exactly one signer, each attribute at most once.

use crate::asn1::{self, algorithm_oid, broken, members};
use crate::limits::Limits;
use crate::message::{Code, Reason};
use certs::Certificate;
use certs::algorithm::{Digest, SignatureAlgorithm};
use certs::der::{Element, Oid, Reader, Tag};

/// A signed message, taken apart.
#[derive(Clone, Debug)]
pub struct SignedData {
    /// What is signed: data, a timestamp's content…
    pub content_type: Oid,
    /// The content, when it is inside.
    pub content: Option<Vec<u8>>,
    /// Certificates sent along, still bytes.
    pub certificates: Vec<Vec<u8>>,
    /// Revocation lists sent along.
    pub crls: Vec<Vec<u8>>,
    /// OCSP answers sent along.
    pub ocsp: Vec<Vec<u8>>,
    /// The one signer.
    pub signer: Signer,
}

/// How the signer's certificate is named (§5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignerId {
    /// By issuer (DER of the name) and serial number (content of the INTEGER).
    IssuerSerial {
        /// The issuer's name as it was written.
        issuer: Vec<u8>,
        /// The serial number's bytes.
        serial: Vec<u8>,
    },
    /// By the subject key identifier.
    KeyId(Vec<u8>),
}

impl SignerId {
    /// Whether this names the certificate.
    pub fn names(&self, certificate: &Certificate) -> bool {
        match self {
            Self::IssuerSerial { issuer, serial } => {
                let same_name = certificate.issuer().der() == issuer.as_slice()
                    || certs::Name::from_der(issuer).is_ok_and(|name| name == *certificate.issuer());
                same_name && certificate.serial().content() == serial.as_slice()
            }
            Self::KeyId(id) => certificate.subject_key_id() == Some(id.as_slice()),
        }
    }
}

/// The certificate named inside what is signed (RFC 2634 §5.4.1, RFC 5035 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// How it was hashed.
    pub digest: Digest,
    /// The hash of the certificate's DER.
    pub hash: Vec<u8>,
    /// The serial number, when it is given too.
    pub serial: Option<Vec<u8>>,
}

impl Binding {
    /// Whether it names this certificate.
    pub fn matches(&self, certificate: &Certificate) -> bool {
        self.digest.of(certificate.der()) == self.hash
            && self.serial.as_deref().is_none_or(|serial| serial == certificate.serial().content())
    }
}

/// Signed attributes (§5.3).
#[derive(Clone, Debug)]
pub struct Attributes {
    /// What the signature value covers: the attributes as they came, tagged as SET OF.
    pub signed_bytes: Vec<u8>,
    /// The content type they name.
    pub content_type: Oid,
    /// The digest of the content.
    pub message_digest: Vec<u8>,
    /// What the signer's clock claimed, Unix seconds.
    pub signing_time: Option<i64>,
    /// The certificate they name.
    pub binding: Option<Binding>,
}

/// The one signer.
#[derive(Clone, Debug)]
pub struct Signer {
    /// Which certificate.
    pub id: SignerId,
    /// Digest of the content.
    pub digest: Digest,
    /// Signature algorithm, digest resolved.
    pub algorithm: SignatureAlgorithm,
    /// The signature value.
    pub signature: Vec<u8>,
    /// Signed attributes; `None`: the content itself is signed.
    pub attributes: Option<Attributes>,
    /// Signature timestamps from the unsigned attributes, still bytes.
    pub timestamps: Vec<Vec<u8>>,
}

impl Signer {
    pub(crate) fn binding(&self) -> Option<&Binding> {
        self.attributes.as_ref().and_then(|a| a.binding.as_ref())
    }

    /// The signer's own claim of the time, Unix seconds.
    pub fn signing_time(&self) -> Option<i64> {
        self.attributes.as_ref().and_then(|a| a.signing_time)
    }
}

/// Most members any set in a CMS may have: a signature carries a handful of attributes and certificates.
const MEMBERS: usize = 256;

/// Most signature timestamps looked at in one signature: two authorities, old and new.
const TIMESTAMPS: usize = 4;

/// Reads a `ContentInfo` with `SignedData`.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<SignedData, Reason> {
    if bytes.len() > limits.cms_bytes {
        return Err(Reason::of(Code::Budget, "signature size"));
    }
    let outer = Reader::ber(bytes).only().and_then(|e| e.of(Tag::SEQUENCE)).map_err(broken)?;
    let mut fields = outer.children().map_err(broken)?;
    let kind = fields.expect(Tag::OID).and_then(|e| e.oid()).map_err(broken)?;
    if kind != asn1::SIGNED_DATA {
        return Err(Reason::new(Code::CmsContentType));
    }
    let inner = fields.expect(Tag::context(0)).map_err(broken)?;
    fields.finish().map_err(broken)?;
    let mut inner = inner.children().map_err(broken)?;
    let data = inner.expect(Tag::SEQUENCE).map_err(broken)?;
    inner.finish().map_err(broken)?;
    signed_data(&data)
}

fn signed_data(data: &Element<'_>) -> Result<SignedData, Reason> {
    let mut fields = data.children().map_err(broken)?;
    fields.expect(Tag::INTEGER).map_err(broken)?;
    fields.expect(Tag::SET).map_err(broken)?;
    let (content_type, content) = content(&fields.expect(Tag::SEQUENCE).map_err(broken)?)?;
    let mut certificates = Vec::new();
    if let Some(set) = fields.optional(Tag::context(0)).map_err(broken)? {
        // Attribute certificates and other choices are not ours to judge.
        let plain = members(&set, MEMBERS)?.into_iter().filter(|c| c.tag() == Tag::SEQUENCE);
        certificates.extend(plain.map(|c| c.whole().to_vec()));
    }
    let (mut crls, mut ocsp) = (Vec::new(), Vec::new());
    if let Some(set) = fields.optional(Tag::context(1)).map_err(broken)? {
        for choice in members(&set, MEMBERS)? {
            match choice.tag() {
                Tag::SEQUENCE => crls.push(choice.whole().to_vec()),
                tag if tag == Tag::context(1) => ocsp.extend(other_revocation(&choice)?),
                _ => {}
            }
        }
    }
    let signers = fields.expect(Tag::SET).map_err(broken)?;
    fields.finish().map_err(broken)?;
    let signers = members(&signers, MEMBERS)?;
    let [signer] = signers.as_slice() else { return Err(Reason::new(Code::CmsSigners)) };
    let signer = signer_info(signer, &mut crls, &mut ocsp)?;
    Ok(SignedData { content_type, content, certificates, crls, ocsp, signer })
}

fn content(info: &Element<'_>) -> Result<(Oid, Option<Vec<u8>>), Reason> {
    let mut fields = info.children().map_err(broken)?;
    let kind = fields.expect(Tag::OID).and_then(|e| e.oid()).map_err(broken)?;
    let content = match fields.explicit(0).map_err(broken)? {
        None => None,
        Some(octets) => {
            let octets = octets.of(Tag::OCTET_STRING).map_err(broken)?;
            Some(octets.octets_joined().map_err(broken)?.into_owned())
        }
    };
    fields.finish().map_err(broken)?;
    Ok((kind, content))
}

/// `OtherRevocationInfoFormat` with an OCSP response (RFC 5940).
fn other_revocation(choice: &Element<'_>) -> Result<Option<Vec<u8>>, Reason> {
    let fields = members(choice, 2)?;
    match fields.as_slice() {
        [kind, answer] if kind.oid().is_ok_and(|oid| oid == asn1::RI_OCSP) => {
            Ok(Some(answer.whole().to_vec()))
        }
        _ => Ok(None),
    }
}

fn signer_info(
    info: &Element<'_>,
    crls: &mut Vec<Vec<u8>>,
    ocsp: &mut Vec<Vec<u8>>,
) -> Result<Signer, Reason> {
    let mut fields = info.of(Tag::SEQUENCE).and_then(|e| e.children()).map_err(broken)?;
    fields.expect(Tag::INTEGER).map_err(broken)?;
    let id = signer_id(&fields.element().map_err(broken)?)?;
    let digest = algorithm_oid(&fields.element().map_err(broken)?)?;
    let digest = Digest::from_oid(digest).ok_or(Reason::of(Code::CmsAlgorithm, "digest"))?;
    let signed = fields.optional(Tag::context(0)).map_err(broken)?;
    let algorithm = fields.element().map_err(broken)?;
    let algorithm = SignatureAlgorithm::from_element(&algorithm).map_err(broken)?.with_digest(digest);
    if matches!(algorithm, SignatureAlgorithm::Unknown(_))
        || algorithm.digest().is_some_and(|named| named != digest)
    {
        return Err(Reason::new(Code::CmsAlgorithm));
    }
    let signature = fields.expect(Tag::OCTET_STRING).map_err(broken)?;
    let signature = signature.octets_joined().map_err(broken)?.into_owned();
    let unsigned = fields.optional(Tag::context(1)).map_err(broken)?;
    fields.finish().map_err(broken)?;
    let attributes = signed.map(|set| signed_attributes(&set, crls, ocsp)).transpose()?;
    let mut timestamps = Vec::new();
    if let Some(set) = unsigned {
        for attribute in members(&set, MEMBERS)? {
            let (kind, values) = attribute_of(&attribute)?;
            if kind == asn1::SIGNATURE_TIMESTAMP {
                timestamps.extend(values.iter().map(|v| v.whole().to_vec()));
            }
        }
    }
    timestamps.truncate(TIMESTAMPS);
    Ok(Signer { id, digest, algorithm, signature, attributes, timestamps })
}

fn signer_id(element: &Element<'_>) -> Result<SignerId, Reason> {
    if element.tag() == Tag::context(0) {
        let id = element.implicit(Tag::OCTET_STRING).octets_joined().map_err(broken)?;
        return Ok(SignerId::KeyId(id.into_owned()));
    }
    let mut fields = element.of(Tag::SEQUENCE).and_then(|e| e.children()).map_err(broken)?;
    let issuer = fields.expect(Tag::SEQUENCE).map_err(broken)?.whole().to_vec();
    let serial = fields.expect(Tag::INTEGER).and_then(|e| e.integer()).map_err(broken)?.to_vec();
    fields.finish().map_err(broken)?;
    Ok(SignerId::IssuerSerial { issuer, serial })
}

fn attribute_of<'a>(attribute: &Element<'a>) -> Result<(Oid, Vec<Element<'a>>), Reason> {
    let mut fields = attribute.of(Tag::SEQUENCE).and_then(|e| e.children()).map_err(broken)?;
    let kind = fields.expect(Tag::OID).and_then(|e| e.oid()).map_err(broken)?;
    let values = fields.expect(Tag::SET).map_err(broken)?;
    fields.finish().map_err(broken)?;
    Ok((kind, members(&values, MEMBERS)?))
}

fn signed_attributes(
    set: &Element<'_>,
    crls: &mut Vec<Vec<u8>>,
    ocsp: &mut Vec<Vec<u8>>,
) -> Result<Attributes, Reason> {
    let wrong = |what: &str| Reason::of(Code::CmsAttributes, what);
    let mut found: Vec<(Oid, Vec<Element<'_>>)> = Vec::new();
    for attribute in members(set, MEMBERS)? {
        let (kind, values) = attribute_of(&attribute)?;
        if found.iter().any(|(known, _)| *known == kind) {
            return Err(wrong("doubled"));
        }
        found.push((kind, values));
    }
    let single =
        |kind: Oid, what: &str| match found.iter().find(|(k, _)| *k == kind).map(|(_, v)| v.as_slice()) {
            None => Ok(None),
            Some([value]) => Ok(Some(*value)),
            Some(_) => Err(wrong(what)),
        };
    let content_type = single(asn1::CONTENT_TYPE, "content-type")?.ok_or(wrong("content-type"))?;
    let message_digest = single(asn1::MESSAGE_DIGEST, "message-digest")?.ok_or(wrong("message-digest"))?;
    let message_digest = message_digest.of(Tag::OCTET_STRING).and_then(|e| e.octets()).map_err(broken)?;
    let signing_time = single(asn1::SIGNING_TIME, "signing-time")?;
    let signing_time = signing_time.map(|e| e.time().map_err(broken)).transpose()?;
    let second = single(asn1::SIGNING_CERTIFICATE_V2, "signing-certificate-v2")?;
    let first = single(asn1::SIGNING_CERTIFICATE, "signing-certificate")?;
    let binding = match (second, first) {
        (Some(value), _) => Some(binding(&value, true)?),
        (None, Some(value)) => Some(binding(&value, false)?),
        (None, None) => None,
    };
    if let Some(archive) = single(asn1::ADOBE_REVOCATION, "revocation archive")? {
        revocation_archive(&archive, crls, ocsp)?;
    }
    Ok(Attributes {
        signed_bytes: as_set(set)?,
        content_type: content_type.oid().map_err(broken)?,
        message_digest: message_digest.to_vec(),
        signing_time,
        binding,
    })
}

/// The attributes tagged as SET OF, otherwise byte for byte (§5.4); only an indefinite length is written anew,
/// as the standard wants.
fn as_set(set: &Element<'_>) -> Result<Vec<u8>, Reason> {
    let mut bytes = match set.whole() {
        [_, 0x80, ..] => set.to_der().map_err(broken)?,
        whole => whole.to_vec(),
    };
    match bytes.first_mut() {
        Some(tag) => *tag = 0x31,
        None => return Err(Reason::new(Code::CmsSyntax)),
    }
    Ok(bytes)
}

/// `SigningCertificateV2` or `SigningCertificate`: the first entry is the signer's (RFC 5035 §3).
fn binding(value: &Element<'_>, second: bool) -> Result<Binding, Reason> {
    let mut fields = value.of(Tag::SEQUENCE).and_then(|e| e.children()).map_err(broken)?;
    let list = fields.expect(Tag::SEQUENCE).map_err(broken)?;
    let entries = members(&list, MEMBERS)?;
    let first = entries.first().ok_or(Reason::of(Code::CmsAttributes, "signing-certificate"))?;
    let mut entry = first.of(Tag::SEQUENCE).and_then(|e| e.children()).map_err(broken)?;
    let mut digest = if second { Digest::Sha256 } else { Digest::Sha1 };
    if second && entry.peek() == Some(Tag::SEQUENCE) {
        let oid = algorithm_oid(&entry.element().map_err(broken)?)?;
        digest = Digest::from_oid(oid).ok_or(Reason::of(Code::CmsAlgorithm, "signing-certificate"))?;
    }
    let hash = entry.expect(Tag::OCTET_STRING).and_then(|e| e.octets()).map_err(broken)?.to_vec();
    let serial = match entry.is_empty() {
        true => None,
        false => {
            let mut issuer_serial = entry.expect(Tag::SEQUENCE).and_then(|e| e.children()).map_err(broken)?;
            issuer_serial.expect(Tag::SEQUENCE).map_err(broken)?;
            Some(issuer_serial.expect(Tag::INTEGER).and_then(|e| e.integer()).map_err(broken)?.to_vec())
        }
    };
    Ok(Binding { digest, hash, serial })
}

/// `RevocationInfoArchival` (ISO 32000-1 §12.8.3.3.2): `[0]` revocation lists, `[1]` OCSP answers.
fn revocation_archive(
    value: &Element<'_>,
    crls: &mut Vec<Vec<u8>>,
    ocsp: &mut Vec<Vec<u8>>,
) -> Result<(), Reason> {
    for part in members(&value.of(Tag::SEQUENCE).map_err(broken)?, 3)? {
        let target = match part.tag() {
            tag if tag == Tag::context(0) => &mut *crls,
            tag if tag == Tag::context(1) => &mut *ocsp,
            _ => continue,
        };
        for list in members(&part, 1)? {
            target.extend(members(&list, MEMBERS)?.iter().map(|item| item.whole().to_vec()));
        }
    }
    Ok(())
}
