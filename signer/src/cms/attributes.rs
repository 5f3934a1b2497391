//! Signed and unsigned attributes (RFC 5652 §11, ETSI EN 319 122-1 §5): each at most once, each with the one value it
//! may have, and the signed bytes exactly as they came.

use super::read::{Found, MEMBERS};
use super::signer::same_name;
use crate::asn1::{self, broken, members};
use crate::message::{Code, Reason};
use certs::Certificate;
use certs::algorithm::Digest;
use certs::der::{Element, Oid, Tag};

/// Most signature timestamps looked at in one signature: two authorities, old and new.
const TIMESTAMPS: usize = 4;

/// The certificate named inside what is signed (RFC 2634 §5.4.1, RFC 5035 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// How it was hashed.
    pub digest: Digest,
    /// The hash of the certificate's DER.
    pub hash: Vec<u8>,
    /// Issuer (DER of the name) and serial number, when they are given too.
    pub issuer_serial: Option<(Vec<u8>, Vec<u8>)>,
}

impl Binding {
    /// Whether it names this certificate: by its hash, and by issuer and serial number if they stand there.
    pub fn matches(&self, certificate: &Certificate) -> bool {
        let named = self.issuer_serial.as_ref().is_none_or(|(issuer, serial)| {
            certificate.serial().content() == serial.as_slice() && same_name(issuer, certificate.issuer())
        });
        named && self.digest.of(certificate.der()) == self.hash
    }
}

/// Signed attributes (§5.3).
#[derive(Clone, Debug)]
pub struct Attributes {
    /// What the signature value covers: the attributes as they came, tagged as SET OF.
    pub signed_bytes: Vec<u8>,
    /// The digest of the content.
    pub message_digest: Vec<u8>,
    /// What the signer's clock claimed, Unix seconds.
    pub signing_time: Option<i64>,
    /// The certificate they name, in the old form, the new form or both. Empty: none.
    pub bindings: Vec<Binding>,
}

/// What the unsigned attributes hold for us.
#[derive(Default)]
pub(super) struct Unsigned {
    pub(super) timestamps: Vec<Vec<u8>>,
    pub(super) remarks: Vec<Code>,
}

/// Kind and values of one attribute.
pub(super) fn attribute_of<'a>(attribute: &Element<'a>) -> Result<(Oid, Vec<Element<'a>>), Reason> {
    let mut fields = attribute.of(Tag::SEQUENCE).and_then(|e| e.children()).map_err(broken)?;
    let kind = fields.expect(Tag::OID).and_then(|e| e.oid()).map_err(broken)?;
    let values = fields.expect(Tag::SET).map_err(broken)?;
    fields.finish().map_err(broken)?;
    Ok((kind, members(&values, MEMBERS)?))
}

fn wrong(what: &str) -> Reason {
    Reason::of(Code::CmsAttributes, what)
}

/// The attributes of a set by kind, none twice.
struct Set<'a>(Vec<(Oid, Vec<Element<'a>>)>);

impl<'a> Set<'a> {
    fn read(set: &Element<'a>) -> Result<Self, Reason> {
        let mut found: Vec<(Oid, Vec<Element<'a>>)> = Vec::new();
        for attribute in members(set, MEMBERS)? {
            let (kind, values) = attribute_of(&attribute)?;
            if found.iter().any(|(known, _)| *known == kind) {
                return Err(wrong("doubled"));
            }
            found.push((kind, values));
        }
        Ok(Self(found))
    }

    fn has(&self, kind: Oid) -> bool {
        self.0.iter().any(|(known, _)| *known == kind)
    }

    /// The one value of an attribute. Errors: several, or none in an attribute that is there.
    fn single(&self, kind: Oid, what: &str) -> Result<Option<Element<'a>>, Reason> {
        match self.0.iter().find(|(known, _)| *known == kind).map(|(_, values)| values.as_slice()) {
            None => Ok(None),
            Some([value]) => Ok(Some(*value)),
            Some(_) => Err(wrong(what)),
        }
    }
}

/// Reads signed attributes, holds their content type against the message's and the algorithms they protect against
/// those the signer names (digest first, then signature). Revocation evidence in them goes to `evidence`.
pub(super) fn signed(
    set: &Element<'_>,
    content_type: Oid,
    algorithms: [&Element<'_>; 2],
    evidence: &mut Found,
) -> Result<(Attributes, Vec<Code>), Reason> {
    let found = Set::read(set)?;
    let kind = found.single(asn1::CONTENT_TYPE, "content-type")?.ok_or(wrong("content-type"))?;
    if kind.oid().map_err(broken)? != content_type {
        return Err(Reason::new(Code::CmsContentType));
    }
    let digest = found.single(asn1::MESSAGE_DIGEST, "message-digest")?.ok_or(wrong("message-digest"))?;
    let digest = digest.of(Tag::OCTET_STRING).and_then(|e| e.octets()).map_err(broken)?;
    let signing_time = found.single(asn1::SIGNING_TIME, "signing-time")?;
    let signing_time = signing_time.map(|e| e.time().map_err(broken)).transpose()?;
    let mut bindings = Vec::new();
    if let Some(value) = found.single(asn1::SIGNING_CERTIFICATE_V2, "signing-certificate-v2")? {
        bindings.push(binding(&value, true)?);
    }
    if let Some(value) = found.single(asn1::SIGNING_CERTIFICATE, "signing-certificate")? {
        bindings.push(binding(&value, false)?);
    }
    if let Some(value) = found.single(asn1::ALGORITHM_PROTECTION, "algorithm-protection")? {
        algorithm_protection(&value, algorithms)?;
    }
    // §11.4: a countersignature cannot be signed by the one it confirms; a timestamp over the value neither.
    if found.has(asn1::COUNTERSIGNATURE) || found.has(asn1::SIGNATURE_TIMESTAMP) {
        return Err(wrong("unsigned attribute among the signed"));
    }
    if let Some(archive) = found.single(asn1::ADOBE_REVOCATION, "revocation archive")? {
        revocation_archive(&archive, evidence)?;
    }
    let remarks = found.has(asn1::CONTENT_TIMESTAMP).then_some(Code::ContentTimestamp).into_iter().collect();
    let message_digest = digest.to_vec();
    Ok((Attributes { signed_bytes: as_set(set)?, message_digest, signing_time, bindings }, remarks))
}

/// Reads unsigned attributes: signature timestamps, and what is there but not judged. Anybody may have added them;
/// what must be signed is refused here (§11.1–§11.3).
pub(super) fn unsigned(set: &Element<'_>) -> Result<Unsigned, Reason> {
    let mut found = Unsigned::default();
    for attribute in members(set, MEMBERS)? {
        let (kind, values) = attribute_of(&attribute)?;
        match kind {
            asn1::SIGNATURE_TIMESTAMP => found.timestamps.extend(values.iter().map(|v| v.whole().to_vec())),
            asn1::CONTENT_TYPE
            | asn1::MESSAGE_DIGEST
            | asn1::SIGNING_TIME
            | asn1::SIGNING_CERTIFICATE
            | asn1::SIGNING_CERTIFICATE_V2
            | asn1::ALGORITHM_PROTECTION => return Err(wrong("signed attribute among the unsigned")),
            asn1::COUNTERSIGNATURE => found.remarks.push(Code::Countersignature),
            _ if asn1::ARCHIVE_TIMESTAMPS.contains(&kind) => found.remarks.push(Code::ArchiveTimestamp),
            _ => {}
        }
    }
    found.timestamps.truncate(TIMESTAMPS);
    found.remarks.dedup();
    Ok(found)
}

/// The attributes tagged as SET OF, otherwise byte for byte (§5.4), also where their producer sorted them wrongly:
/// there is one reading of what was signed, not two. Only an indefinite length is written anew, as the standard
/// wants.
fn as_set(set: &Element<'_>) -> Result<Vec<u8>, Reason> {
    let mut bytes = match set.whole() {
        [_, 0x80, ..] => set.implicit(Tag::SET).to_der().map_err(broken)?,
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
    fields.optional(Tag::SEQUENCE).map_err(broken)?;
    fields.finish().map_err(broken)?;
    let entries = members(&list, MEMBERS)?;
    let first = entries.first().ok_or(wrong("signing-certificate"))?;
    let mut entry = first.of(Tag::SEQUENCE).and_then(|e| e.children()).map_err(broken)?;
    let mut digest = if second { Digest::Sha256 } else { Digest::Sha1 };
    if second && entry.peek() == Some(Tag::SEQUENCE) {
        let named = asn1::digest_of(&entry.element().map_err(broken)?)?;
        digest = named.ok_or(Reason::of(Code::CmsAlgorithm, "signing-certificate"))?;
    }
    let hash = entry.expect(Tag::OCTET_STRING).and_then(|e| e.octets()).map_err(broken)?.to_vec();
    let issuer_serial = match entry.is_empty() {
        true => None,
        false => Some(issuer_serial(&entry.expect(Tag::SEQUENCE).map_err(broken)?)?),
    };
    entry.finish().map_err(broken)?;
    Ok(Binding { digest, hash, issuer_serial })
}

/// `IssuerSerial`: the certificate's issuer as the only name, a directoryName, and its serial number (RFC 5035 §5).
fn issuer_serial(element: &Element<'_>) -> Result<(Vec<u8>, Vec<u8>), Reason> {
    let mut fields = element.children().map_err(broken)?;
    let names = members(&fields.expect(Tag::SEQUENCE).map_err(broken)?, MEMBERS)?;
    let [name] = names.as_slice() else { return Err(wrong("signing-certificate issuer")) };
    if name.tag() != Tag::context(4) {
        return Err(wrong("signing-certificate issuer"));
    }
    let mut inside = name.children().map_err(broken)?;
    let issuer = inside.expect(Tag::SEQUENCE).map_err(broken)?.whole().to_vec();
    inside.finish().map_err(broken)?;
    let serial = fields.expect(Tag::INTEGER).and_then(|e| e.integer()).map_err(broken)?.to_vec();
    fields.finish().map_err(broken)?;
    Ok((issuer, serial))
}

/// `CMSAlgorithmProtection` (RFC 6211 §3): the algorithms repeated where they are signed have to be those used.
fn algorithm_protection(value: &Element<'_>, [digest, signature]: [&Element<'_>; 2]) -> Result<(), Reason> {
    let mut fields = value.of(Tag::SEQUENCE).and_then(|e| e.children()).map_err(broken)?;
    let named_digest = fields.expect(Tag::SEQUENCE).map_err(broken)?;
    let named_signature = fields.expect(Tag::context(1)).map_err(broken)?.implicit(Tag::SEQUENCE);
    fields.finish().map_err(broken)?;
    let same = same_algorithm(&named_digest, digest)? && same_algorithm(&named_signature, signature)?;
    if same { Ok(()) } else { Err(wrong("algorithm-protection")) }
}

/// The same identifier and parameters; absent and NULL parameters are the same.
fn same_algorithm(left: &Element<'_>, right: &Element<'_>) -> Result<bool, Reason> {
    let read = |element: &Element<'_>| -> Result<(Oid, Option<Vec<u8>>), Reason> {
        let mut fields = element.of(Tag::SEQUENCE).and_then(|e| e.children()).map_err(broken)?;
        let kind = fields.expect(Tag::OID).and_then(|e| e.oid()).map_err(broken)?;
        let parameters = if fields.is_empty() { None } else { Some(fields.element().map_err(broken)?) };
        let parameters = parameters.filter(|p| p.tag() != Tag::NULL);
        Ok((kind, parameters.map(|p| p.to_der().map_err(broken)).transpose()?))
    };
    Ok(read(left)? == read(right)?)
}

/// `RevocationInfoArchival` (ISO 32000-1 §12.8.3.3.2): `[0]` revocation lists, `[1]` OCSP answers.
fn revocation_archive(value: &Element<'_>, evidence: &mut Found) -> Result<(), Reason> {
    for part in members(&value.of(Tag::SEQUENCE).map_err(broken)?, 3)? {
        let target = match part.tag() {
            tag if tag == Tag::context(0) => &mut evidence.crls,
            tag if tag == Tag::context(1) => &mut evidence.ocsp,
            _ => continue,
        };
        for list in members(&part, 1)? {
            target.extend(members(&list, MEMBERS)?.iter().map(|item| item.whole().to_vec()));
        }
    }
    Ok(())
}
