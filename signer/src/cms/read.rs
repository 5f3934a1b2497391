//! Reading `SignedData` (RFC 5652 §5): BER allowed, every signer on its own.

use super::signer::Signer;
use crate::asn1::{self, broken, members};
use crate::limits::Limits;
use crate::message::{Code, Reason};
use certs::algorithm::Digest;
use certs::der::{Element, Oid, Reader, Tag};
use std::borrow::Cow;

/// Most members any small set in a CMS may have: a signature carries a handful of attributes and certificates.
pub(super) const MEMBERS: usize = 256;

/// Content where it stands, or joined from its pieces.
type Content<'a> = Cow<'a, [u8]>;

/// A signed message as a file holds it: any number of signers, none included.
#[derive(Clone, Debug)]
pub struct SignedMessage<'a> {
    /// What is signed: data, a timestamp's content…
    pub content_type: Oid,
    /// The content, when it is inside.
    pub content: Option<Cow<'a, [u8]>>,
    /// Certificates sent along, still bytes.
    pub certificates: Vec<Vec<u8>>,
    /// Revocation lists sent along.
    pub crls: Vec<Vec<u8>>,
    /// OCSP answers sent along.
    pub ocsp: Vec<Vec<u8>>,
    /// The signers in their order; one that cannot be read does not spoil the others.
    pub signers: Vec<Result<Signer, Reason>>,
}

/// A signed message with exactly one signer, as PDF and timestamps demand.
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

/// What was found on the way to the signers.
#[derive(Default)]
pub(super) struct Found {
    /// The digests announced for streaming (§5.1 `digestAlgorithms`).
    pub(super) digests: Vec<Digest>,
    pub(super) certificates: Vec<Vec<u8>>,
    pub(super) crls: Vec<Vec<u8>>,
    pub(super) ocsp: Vec<Vec<u8>>,
}

/// Reads a `ContentInfo` with `SignedData` of exactly one signer.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<SignedData, Reason> {
    if bytes.len() > limits.cms_bytes {
        return Err(Reason::of(Code::Budget, "signature size"));
    }
    let SignedMessage { content_type, content, certificates, crls, ocsp, mut signers } =
        read_message(bytes, limits)?;
    let signer = match (signers.pop(), signers.is_empty()) {
        (Some(signer), true) => signer?,
        _ => return Err(Reason::new(Code::CmsSigners)),
    };
    let content = content.map(Cow::into_owned);
    Ok(SignedData { content_type, content, certificates, crls, ocsp, signer })
}

/// Reads a `ContentInfo` with `SignedData` of any number of signers. The content may fill a whole file; everything
/// around it may not be larger than one signature may be.
pub fn read_message<'a>(bytes: &'a [u8], limits: &Limits) -> Result<SignedMessage<'a>, Reason> {
    let outer = Reader::ber(bytes).only().and_then(|e| e.of(Tag::SEQUENCE)).map_err(broken)?;
    let mut fields = outer.children().map_err(broken)?;
    let kind = fields.expect(Tag::OID).and_then(|e| e.oid()).map_err(broken)?;
    match kind {
        asn1::SIGNED_DATA => {}
        asn1::ENVELOPED_DATA | asn1::ENCRYPTED_DATA | asn1::AUTH_ENVELOPED_DATA => {
            return Err(Reason::new(Code::Encrypted));
        }
        // What is inside may be signed.
        asn1::COMPRESSED_DATA => return Err(Reason::of(Code::FormatUnsupported, "compressed-data")),
        _ => return Err(Reason::new(Code::CmsContentType)),
    }
    let inner = fields.expect(Tag::context(0)).map_err(broken)?;
    fields.finish().map_err(broken)?;
    let mut inner = inner.children().map_err(broken)?;
    let data = inner.expect(Tag::SEQUENCE).map_err(broken)?;
    inner.finish().map_err(broken)?;
    signed_data(&data, limits)
}

fn signed_data<'a>(data: &Element<'a>, limits: &Limits) -> Result<SignedMessage<'a>, Reason> {
    let mut fields = data.children().map_err(broken)?;
    let version = fields.expect(Tag::INTEGER).and_then(|e| e.small()).map_err(broken)?;
    // §5.1 has 1, 3, 4 and 5. Which of them follows from the contents and many get it wrong; it decides nothing.
    if !(1..=5).contains(&version) {
        return Err(Reason::of(Code::CmsVersion, format_args!("SignedData {version}")));
    }
    let mut found = Found::default();
    for identifier in members(&fields.expect(Tag::SET).map_err(broken)?, MEMBERS)? {
        found.digests.extend(asn1::digest_of(&identifier)?);
    }
    let (content_type, content) = content(&fields.expect(Tag::SEQUENCE).map_err(broken)?, limits)?;
    if fields.rest().len() > limits.cms_bytes {
        return Err(Reason::of(Code::Budget, "signature size"));
    }
    if let Some(set) = fields.optional(Tag::context(0)).map_err(broken)? {
        // Attribute certificates and other choices are not ours to judge.
        let plain = members(&set, limits.evidence_items)?.into_iter().filter(|c| c.tag() == Tag::SEQUENCE);
        found.certificates.extend(plain.map(|c| c.whole().to_vec()));
    }
    if let Some(set) = fields.optional(Tag::context(1)).map_err(broken)? {
        for choice in members(&set, limits.evidence_items)? {
            match choice.tag() {
                Tag::SEQUENCE => found.crls.push(choice.whole().to_vec()),
                tag if tag == Tag::context(1) => found.ocsp.extend(other_revocation(&choice)?),
                _ => {}
            }
        }
    }
    let infos = members(&fields.expect(Tag::SET).map_err(broken)?, limits.signers)?;
    fields.finish().map_err(broken)?;
    let signers = infos.iter().map(|info| Signer::read(info, content_type, &mut found)).collect();
    let Found { certificates, crls, ocsp, .. } = found;
    Ok(SignedMessage { content_type, content, certificates, crls, ocsp, signers })
}

/// `EncapsulatedContentInfo` (§5.2). Content in one piece stays where it is; pieces are joined, up to a size.
fn content<'a>(info: &Element<'a>, limits: &Limits) -> Result<(Oid, Option<Content<'a>>), Reason> {
    let mut fields = info.children().map_err(broken)?;
    let kind = fields.expect(Tag::OID).and_then(|e| e.oid()).map_err(broken)?;
    let octets = fields.explicit(0).map_err(broken)?;
    fields.finish().map_err(broken)?;
    let Some(octets) = octets else { return Ok((kind, None)) };
    // PKCS #7 let any type stand here; what a signature covers of it was never agreed on.
    if octets.tag() != Tag::OCTET_STRING {
        return Err(Reason::new(Code::CmsContentType));
    }
    if octets.is_constructed() && octets.whole().len() > limits.unwrapped_bytes {
        return Err(Reason::of(Code::Budget, "content in pieces"));
    }
    Ok((kind, Some(octets.octets_joined().map_err(broken)?)))
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
