//! One `SignerInfo` (RFC 5652 §5.3): whose signature, over what, with which algorithms.

use super::attributes::{self, Attributes, Unsigned, attribute_of};
use super::digest_pieces;
use super::read::Found;
use crate::asn1::{self, broken};
use crate::message::{Code, Reason};
use certs::Certificate;
use certs::algorithm::{Digest, SignatureAlgorithm};
use certs::der::{Element, Oid, Reader, Tag};

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
                certificate.serial().content() == serial.as_slice() && same_name(issuer, certificate.issuer())
            }
            Self::KeyId(id) => certificate.subject_key_id() == Some(id.as_slice()),
        }
    }

    /// The version that goes with it (§5.3).
    fn version(&self) -> i64 {
        match self {
            Self::IssuerSerial { .. } => 1,
            Self::KeyId(_) => 3,
        }
    }
}

/// The same bytes, or the same name as RFC 5280 §7.1 compares.
pub(super) fn same_name(der: &[u8], name: &certs::Name) -> bool {
    name.der() == der || certs::Name::from_der(der).is_ok_and(|read| read == *name)
}

/// One signer.
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
    /// What else is there and is not judged: content and archive timestamps, countersignatures.
    pub remarks: Vec<Code>,
}

impl Signer {
    /// Reads a `SignerInfo` of a message with this content type.
    pub(super) fn read(info: &Element<'_>, content_type: Oid, found: &mut Found) -> Result<Self, Reason> {
        let mut fields = info.of(Tag::SEQUENCE).and_then(|e| e.children()).map_err(broken)?;
        let version = fields.expect(Tag::INTEGER).and_then(|e| e.small()).map_err(broken)?;
        let id = signer_id(&fields.element().map_err(broken)?)?;
        if version != id.version() {
            return Err(Reason::of(Code::CmsVersion, format_args!("SignerInfo {version}")));
        }
        let digest_element = fields.element().map_err(broken)?;
        let digest = asn1::digest_of(&digest_element)?.ok_or(Reason::of(Code::CmsAlgorithm, "digest"))?;
        if !found.digests.contains(&digest) {
            return Err(Reason::of(Code::CmsAlgorithm, "digest not announced"));
        }
        let signed = fields.optional(Tag::context(0)).map_err(broken)?;
        let algorithm_element = fields.element().map_err(broken)?;
        let algorithm = signature_algorithm(&algorithm_element, digest)?;
        let signature = fields.expect(Tag::OCTET_STRING).map_err(broken)?;
        let signature = signature.octets_joined().map_err(broken)?.into_owned();
        let unsigned = fields.optional(Tag::context(1)).map_err(broken)?;
        fields.finish().map_err(broken)?;
        let mut remarks = Vec::new();
        let attributes = match signed {
            Some(set) => {
                let algorithms = [&digest_element, &algorithm_element];
                let (attributes, said) = attributes::signed(&set, content_type, algorithms, found)?;
                remarks.extend(said);
                Some(attributes)
            }
            // §5.3: attributes must be there when the content is anything but plain data.
            None if content_type != asn1::DATA => {
                return Err(Reason::of(Code::CmsAttributes, "signed attributes missing"));
            }
            None => None,
        };
        // RFC 8419 §3.1: with attributes the digest beside Ed25519 is SHA-512.
        if algorithm == SignatureAlgorithm::Ed25519 && attributes.is_some() && digest != Digest::Sha512 {
            return Err(Reason::of(Code::CmsAlgorithm, "Ed25519 without SHA-512"));
        }
        let unsigned = unsigned.map(|set| attributes::unsigned(&set)).transpose()?;
        let Unsigned { timestamps, remarks: more } = unsigned.unwrap_or_default();
        remarks.extend(more);
        Ok(Self { id, digest, algorithm, signature, attributes, timestamps, remarks })
    }

    /// The signer's own claim of the time, Unix seconds.
    pub fn signing_time(&self) -> Option<i64> {
        self.attributes.as_ref().and_then(|a| a.signing_time)
    }

    /// Whether the signed digest is that of the content.
    pub fn check_content(&self, pieces: &[&[u8]]) -> Result<(), Reason> {
        self.check_digest(pieces, |digest| digest_pieces(digest, pieces))
    }

    /// [`Self::check_content`] with somebody who remembers the content's digests for several signers.
    pub(crate) fn check_digest(
        &self,
        pieces: &[&[u8]],
        content_digest: impl FnOnce(Digest) -> Vec<u8>,
    ) -> Result<(), Reason> {
        match &self.attributes {
            Some(attributes) if content_digest(self.digest) == attributes.message_digest => Ok(()),
            Some(_) => Err(Reason::new(Code::CmsDigest)),
            None if is_attributes(pieces) => Err(Reason::new(Code::CmsConfusion)),
            None => Ok(()),
        }
    }

    /// Whether the signature value is the certificate's key's over the attributes (or, without attributes, over
    /// the content itself).
    pub fn check_signature(&self, certificate: &Certificate, pieces: &[&[u8]]) -> Result<(), Reason> {
        let joined;
        let message = match (&self.attributes, pieces) {
            (Some(attributes), _) => attributes.signed_bytes.as_slice(),
            (None, [whole]) => whole,
            (None, _) => {
                joined = pieces.concat();
                joined.as_slice()
            }
        };
        self.algorithm
            .verify(certificate.public_key(), message, &self.signature)
            .map_err(|_| Reason::new(Code::CmsSignature))
    }

    /// The signer's certificate among those at hand: named by the signer, and by its hash if that is bound.
    pub fn find_certificate<'c>(
        &self,
        at_hand: impl Iterator<Item = &'c Certificate>,
    ) -> Option<Certificate> {
        let named: Vec<&Certificate> = at_hand.filter(|c| self.id.names(c)).collect();
        let bound = named.iter().find(|c| self.is_bound_to(c) == Some(true));
        bound.or(named.first()).map(|c| (*c).clone())
    }

    /// Whether the signed attributes name this very certificate. `None`: they name none.
    pub fn is_bound_to(&self, certificate: &Certificate) -> Option<bool> {
        let bindings = &self.attributes.as_ref()?.bindings;
        let any = !bindings.is_empty();
        any.then(|| bindings.iter().all(|binding| binding.matches(certificate)))
    }
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

/// A known algorithm that agrees with the digest named beside it; a digest's identifier where a signature algorithm
/// belongs is none.
fn signature_algorithm(element: &Element<'_>, digest: Digest) -> Result<SignatureAlgorithm, Reason> {
    let algorithm = SignatureAlgorithm::from_element(element).map_err(broken)?.with_digest(digest);
    match algorithm {
        SignatureAlgorithm::Unknown(_) => Err(Reason::new(Code::CmsAlgorithm)),
        _ if algorithm.digest().is_some_and(|named| named != digest) => {
            Err(Reason::of(Code::CmsAlgorithm, "two digests"))
        }
        _ => Ok(algorithm),
    }
}

/// The content is itself a set of signed attributes. Where no attributes are, that is somebody else's signature over
/// attributes passed off as one over content (draft-ietf-lamps-cms-euf-cma-signeddata).
fn is_attributes(pieces: &[&[u8]]) -> bool {
    if pieces.iter().find_map(|piece| piece.first()) != Some(&0x31) {
        return false;
    }
    let joined = pieces.concat();
    let Ok(mut members) = Reader::ber(&joined).only().and_then(|set| set.children()) else { return false };
    while let Ok(member) = members.element() {
        let kind = attribute_of(&member).map(|(kind, _)| kind);
        if kind.is_ok_and(|kind| kind == asn1::CONTENT_TYPE || kind == asn1::MESSAGE_DIGEST) {
            return true;
        }
    }
    false
}
