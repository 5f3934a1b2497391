//! XAdES properties (ETSI EN 319 132-1): what the signer said and signed about itself, and what was added later.

use super::c14n::{Canonical, Method};
use super::chars;
use super::signature::{Children, base64, canonical_form, digest_method};
use super::tree::{Document, NodeId};
use crate::limits::Limits;
use crate::message::{Code, Reason};
use certs::Certificate;
use certs::algorithm::Digest;
use mail::Timestamp;

/// XAdES 1.3.2, the version the standard writes.
pub(crate) const XADES: &str = "http://uri.etsi.org/01903/v1.3.2#";
/// XAdES 1.4.1 additions.
const XADES141: &str = "http://uri.etsi.org/01903/v1.4.1#";
/// The type of the reference to the signed properties (§4.4.2).
pub(crate) const SIGNED_PROPERTIES: &str = "http://uri.etsi.org/01903#SignedProperties";

/// Most timestamps of one signature looked at.
const TIMESTAMPS: usize = 4;

/// What the properties say.
#[derive(Clone, Debug)]
pub struct Xades {
    pub(super) signed_properties: NodeId,
    pub(super) properties: NodeId,
    /// What the signer's clock claimed.
    pub signing_time: Option<Timestamp>,
    /// Digest of the signer's certificate. `None`: the properties do not name one.
    pub binding: Option<(Digest, Vec<u8>)>,
    /// Signature timestamps, each with the canonical form in which the signature value was stamped.
    pub tokens: Vec<(Vec<u8>, Canonical)>,
    /// Certificates archived with the signature.
    pub certificates: Vec<Vec<u8>>,
    /// Revocation lists archived with it.
    pub crls: Vec<Vec<u8>>,
    /// OCSP answers archived with it.
    pub ocsp: Vec<Vec<u8>>,
    /// Signatures over this one, which are not judged.
    pub counter_signatures: usize,
}

impl Xades {
    /// Whether the properties name this certificate. `None`: they name none.
    pub fn names(&self, certificate: &Certificate) -> Option<bool> {
        let (digest, value) = self.binding.as_ref()?;
        Some(digest.of(certificate.der()) == *value)
    }
}

/// A signature over another one's value, inside that one's properties (§5.2.7.2).
pub(super) fn is_counter_signature(document: &Document<'_>, node: NodeId) -> bool {
    document.is(document.parent(node), XADES, "CounterSignature")
}

fn bad<T>(what: &str) -> Result<T, Reason> {
    Err(Reason::of(Code::XadesProperties, what))
}

/// Reads the properties of the signature `node`, which are in one of its objects.
///
/// Errors: more than one set of properties, or a damaged one.
pub(super) fn read(
    document: &Document<'_>,
    node: NodeId,
    objects: &[NodeId],
    limits: &Limits,
) -> Result<Option<Xades>, Reason> {
    let mut found = objects
        .iter()
        .flat_map(|object| document.child_elements(*object))
        .filter(|child| document.is(*child, XADES, "QualifyingProperties"));
    let Some(properties) = found.next() else { return Ok(None) };
    if found.next().is_some() {
        return bad("QualifyingProperties");
    }
    // They say whose they are (§4.3.2).
    let target = document.attribute(properties, "Target").unwrap_or_default();
    let id = document.attribute(node, "Id").unwrap_or_default();
    if !target.is_empty() && target.strip_prefix('#') != Some(id) {
        return bad("Target");
    }
    let signed: Vec<NodeId> = named(document, properties, "SignedProperties").collect();
    let &[signed_properties] = signed.as_slice() else { return bad("SignedProperties") };
    let mut xades = Xades {
        signed_properties,
        properties,
        signing_time: None,
        binding: None,
        tokens: Vec::new(),
        certificates: Vec::new(),
        crls: Vec::new(),
        ocsp: Vec::new(),
        counter_signatures: 0,
    };
    for about in named(document, signed_properties, "SignedSignatureProperties") {
        read_signed(document, about, &mut xades)?;
    }
    for unsigned in named(document, properties, "UnsignedProperties") {
        for about in named(document, unsigned, "UnsignedSignatureProperties") {
            read_unsigned(document, about, &mut xades, limits)?;
        }
    }
    Ok(Some(xades))
}

fn named<'d>(document: &'d Document<'_>, node: NodeId, local: &'d str) -> impl Iterator<Item = NodeId> + 'd {
    document.child_elements(node).filter(move |child| document.is(*child, XADES, local))
}

fn read_signed(document: &Document<'_>, about: NodeId, xades: &mut Xades) -> Result<(), Reason> {
    for property in document.child_elements(about) {
        match (document.namespace(property), document.local(property)) {
            (XADES, "SigningTime") => {
                let text = document.text(property).unwrap_or_default();
                let time =
                    moment(chars::trim(&text)).ok_or(Reason::of(Code::XadesProperties, "SigningTime"))?;
                if xades.signing_time.replace(time).is_some() {
                    return bad("SigningTime");
                }
            }
            (XADES, "SigningCertificate" | "SigningCertificateV2") => {
                // The first one is the signer's (§5.2.2).
                let Some(first) = named(document, property, "Cert").next() else { return bad("Cert") };
                let digest = cert_digest(document, first)?;
                if xades.binding.replace(digest).is_some() {
                    return bad("SigningCertificate");
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn cert_digest(document: &Document<'_>, cert: NodeId) -> Result<(Digest, Vec<u8>), Reason> {
    let Some(node) = named(document, cert, "CertDigest").next() else { return bad("CertDigest") };
    let mut children = Children::of(document, node)?;
    let digest = digest_method(document, children.expect("DigestMethod")?)?;
    let value = base64(document, children.expect("DigestValue")?)?;
    children.finish()?;
    Ok((digest, value))
}

/// `xsd:dateTime`; without an offset it is taken as UTC, being a claim in any case.
fn moment(text: &str) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(text).or_else(|_| Timestamp::parse_rfc3339(&format!("{text}Z"))).ok()
}

/// What was added after signing. Properties nobody here knows are passed over.
fn read_unsigned(
    document: &Document<'_>,
    about: NodeId,
    xades: &mut Xades,
    limits: &Limits,
) -> Result<(), Reason> {
    let most = limits.evidence_items;
    for property in document.child_elements(about) {
        match (document.namespace(property), document.local(property)) {
            (XADES, "SignatureTimeStamp") => timestamps(document, property, xades)?,
            (XADES, "CounterSignature") => xades.counter_signatures += 1,
            (XADES, "CertificateValues") => {
                gather(document, property, "EncapsulatedX509Certificate", most, &mut xades.certificates)?;
            }
            (XADES, "RevocationValues") => revocation(document, property, xades, most)?,
            (XADES141, "TimeStampValidationData") => {
                for values in document.child_elements(property) {
                    match document.local(values) {
                        "CertificateValues" => {
                            gather(
                                document,
                                values,
                                "EncapsulatedX509Certificate",
                                most,
                                &mut xades.certificates,
                            )?;
                        }
                        "RevocationValues" => revocation(document, values, xades, most)?,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn timestamps(document: &Document<'_>, property: NodeId, xades: &mut Xades) -> Result<(), Reason> {
    let mut canonical = Canonical { method: Method::Inclusive, comments: false, prefixes: Vec::new() };
    for child in document.child_elements(property) {
        match document.local(child) {
            "CanonicalizationMethod" => canonical = canonical_form(document, child)?,
            "EncapsulatedTimeStamp" if xades.tokens.len() < TIMESTAMPS => {
                xades.tokens.push((base64(document, child)?, canonical.clone()));
            }
            _ => {}
        }
    }
    Ok(())
}

fn revocation(document: &Document<'_>, values: NodeId, xades: &mut Xades, most: usize) -> Result<(), Reason> {
    for list in named(document, values, "CRLValues") {
        gather(document, list, "EncapsulatedCRLValue", most, &mut xades.crls)?;
    }
    for list in named(document, values, "OCSPValues") {
        gather(document, list, "EncapsulatedOCSPValue", most, &mut xades.ocsp)?;
    }
    Ok(())
}

fn gather(
    document: &Document<'_>,
    node: NodeId,
    local: &str,
    most: usize,
    into: &mut Vec<Vec<u8>>,
) -> Result<(), Reason> {
    for item in named(document, node, local) {
        if into.len() >= most {
            return Err(Reason::of(Code::Budget, "evidence"));
        }
        into.push(base64(document, item)?);
    }
    Ok(())
}
