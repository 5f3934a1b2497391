//! The facts of a `Signature` element (XMLDSig 1.1 §4): what it is over, by which algorithms, with whose certificate.
//! Its structure is read strictly; nothing is looked for in places where the schema has it not.

use super::algorithm::{self, BASE64, DSIG, DSIG11, ENVELOPED, EXC_C14N};
use super::c14n::Canonical;
use super::chars;
use super::tree::{Document, Kind, NodeId};
use super::xades::{self, Xades};
use crate::limits::Limits;
use crate::message::{Code, Reason};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certs::algorithm::{Digest, SignatureAlgorithm};

/// The namespace of edXML packages (RULES 2.2), in which some of their signatures stand (RULES E31).
pub(super) const QCVN: &str = "http://www.mic.gov.vn/TBT/QCVN_102_2016";

/// Most transforms of one reference: taking the signature out, and one canonical form.
const TRANSFORMS: usize = 4;
/// Most prefixes in one `PrefixList`.
const PREFIXES: usize = 64;
/// Most certificates taken from one `KeyInfo`: a chain of eight is long.
const CERTIFICATES: usize = 16;

/// What happens to the referenced content before it is digested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transform {
    /// The signature is taken out.
    Enveloped,
    /// Written in a canonical form.
    Canonical(Canonical),
    /// Decoded.
    Base64,
}

/// What a reference points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The document the signature is in.
    Document {
        /// With its comments (`#xpointer(/)`).
        comments: bool,
    },
    /// The element with this identifier.
    Element {
        /// The identifier.
        id: String,
        /// With its comments (`#xpointer(id('…'))`).
        comments: bool,
    },
    /// A part beside the document (`cid:…`).
    Part(String),
    /// Anything else: never fetched. `None`: the application is to know.
    Outside(Option<String>),
}

/// A reference (§4.4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// What it points at.
    pub target: Target,
    /// What it says that is.
    pub kind: Option<String>,
    /// In order.
    pub transforms: Vec<Transform>,
    /// The digest.
    pub digest: Digest,
    /// What the digest has to be.
    pub value: Vec<u8>,
}

/// What `KeyInfo` says about the signer (§4.5). A bare key names nobody and is not read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyInfo {
    /// Certificates, in the file's order.
    pub certificates: Vec<Vec<u8>>,
    /// Revocation lists.
    pub crls: Vec<Vec<u8>>,
    /// Serial numbers (of `X509IssuerSerial`), decimal.
    pub serials: Vec<String>,
    /// Subject key identifiers.
    pub key_ids: Vec<Vec<u8>>,
    /// Digests of the certificate.
    pub digests: Vec<(Digest, Vec<u8>)>,
}

/// A signature that could be read.
#[derive(Clone, Debug)]
pub struct Signature {
    pub(super) node: NodeId,
    pub(super) signed_info: NodeId,
    pub(super) value_node: NodeId,
    pub(super) canonical: Canonical,
    /// In the standard's own namespace, not in that of packages (RULES E31).
    pub is_standard: bool,
    /// The signature algorithm.
    pub algorithm: SignatureAlgorithm,
    /// The signature value.
    pub value: Vec<u8>,
    /// What is signed.
    pub references: Vec<Reference>,
    /// Who signed.
    pub key_info: KeyInfo,
    /// XAdES properties.
    pub xades: Option<Xades>,
}

/// A `Signature` element, readable or not.
#[derive(Clone, Debug)]
pub struct Found {
    pub(super) node: NodeId,
    /// Its identifier, for people.
    pub name: String,
    /// The signature, or why it is none.
    pub signature: Result<Signature, Reason>,
}

pub(super) fn is_signature(document: &Document<'_>, node: NodeId) -> bool {
    document.local(node) == "Signature"
        && match document.namespace(node) {
            DSIG => true,
            QCVN => document.child_elements(node).any(|child| document.local(child) == "SignedInfo"),
            _ => false,
        }
}

/// All signatures of a document, in its order. Those that confirm another signature (XAdES counter-signatures) are
/// part of that one and not among them.
pub(super) fn find(document: &Document<'_>, limits: &Limits) -> Result<Vec<Found>, Reason> {
    let mut found: Vec<Found> = Vec::new();
    let mut references = limits.xml_references;
    for node in 0..document.nodes.len() {
        if !is_signature(document, node) || xades::is_counter_signature(document, node) {
            continue;
        }
        if found.len() >= limits.signatures {
            return Err(Reason::of(Code::Budget, "signatures"));
        }
        let name = document.attribute(node, "Id").unwrap_or_default().to_owned();
        let name = if name.is_empty() { format!("Signature {}", found.len() + 1) } else { name };
        let signature = read(document, node, limits, &mut references);
        found.push(Found { node, name, signature });
    }
    Ok(found)
}

fn structure<T>() -> Result<T, Reason> {
    Err(Reason::new(Code::XmlStructure))
}

/// The element children of a signature's own element, all of them in the signature's namespaces.
pub(super) struct Children<'d, 'a> {
    document: &'d Document<'a>,
    nodes: Vec<NodeId>,
    next: usize,
}

impl<'d, 'a> Children<'d, 'a> {
    /// Most children looked at: a signature's own elements have a handful.
    const MOST: usize = 1_024;

    pub(super) fn of(document: &'d Document<'a>, node: NodeId) -> Result<Self, Reason> {
        let nodes: Vec<NodeId> = document.child_elements(node).take(Self::MOST + 1).collect();
        let stray = document.children(node).any(|child| match document.node(child).kind {
            Kind::Text(span) => !chars::trim(document.str(span)).is_empty(),
            _ => false,
        });
        if stray {
            return structure();
        }
        if nodes.len() > Self::MOST {
            return Err(Reason::of(Code::Budget, "signature elements"));
        }
        Ok(Self { document, nodes, next: 0 })
    }

    /// The next child, if it has this name.
    pub(super) fn optional(&mut self, local: &str) -> Option<NodeId> {
        let node = *self.nodes.get(self.next)?;
        let ours = is_ours(self.document, node) && self.document.local(node) == local;
        self.next += usize::from(ours);
        ours.then_some(node)
    }

    pub(super) fn expect(&mut self, local: &str) -> Result<NodeId, Reason> {
        self.optional(local).ok_or(Reason::of(Code::XmlStructure, local))
    }

    pub(super) fn finish(&self) -> Result<(), Reason> {
        if self.next == self.nodes.len() { Ok(()) } else { structure() }
    }
}

/// An element of a signature itself: XMLDSig's namespace, or that of packages (RULES E31).
fn is_ours(document: &Document<'_>, node: NodeId) -> bool {
    matches!(document.namespace(node), DSIG | QCVN)
}

fn read(
    document: &Document<'_>,
    node: NodeId,
    limits: &Limits,
    left: &mut usize,
) -> Result<Signature, Reason> {
    let mut children = Children::of(document, node)?;
    let signed_info = children.expect("SignedInfo")?;
    let value_node = children.expect("SignatureValue")?;
    let key_info = children.optional("KeyInfo");
    let mut objects = Vec::new();
    while let Some(object) = children.optional("Object") {
        objects.push(object);
    }
    children.finish()?;
    // Comments are no part of the canonical form: what they stand in must not be read differently with and without.
    let quiet = document
        .range(signed_info)
        .all(|inner| !matches!(document.node(inner).kind, Kind::Comment(_) | Kind::Instruction { .. }));
    if !quiet {
        return Err(Reason::of(Code::XmlStructure, "comment in SignedInfo"));
    }
    let mut inside = Children::of(document, signed_info)?;
    let canonical = canonical_form(document, inside.expect("CanonicalizationMethod")?)?;
    let algorithm = signature_method(document, inside.expect("SignatureMethod")?)?;
    let mut references = Vec::new();
    while let Some(reference_node) = inside.optional("Reference") {
        references.push(reference(document, reference_node, left)?);
    }
    inside.finish()?;
    if references.is_empty() {
        return Err(Reason::new(Code::XmlNoReference));
    }
    let key_info = match key_info {
        Some(node) => read_key_info(document, node)?,
        None => KeyInfo::default(),
    };
    let xades = xades::read(document, node, &objects, limits)?;
    let value = base64(document, value_node)?;
    let is_standard = document.namespace(node) == DSIG;
    Ok(Signature {
        node,
        signed_info,
        value_node,
        canonical,
        is_standard,
        algorithm,
        value,
        references,
        key_info,
        xades,
    })
}

/// The decoded text of an element.
pub(super) fn base64(document: &Document<'_>, node: NodeId) -> Result<Vec<u8>, Reason> {
    let text = document.text(node).ok_or(Reason::new(Code::XmlStructure))?;
    decode_base64(&text).ok_or(Reason::of(Code::XmlStructure, "base64"))
}

pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    // Most is on one line.
    if let Ok(decoded) = STANDARD.decode(text) {
        return Some(decoded);
    }
    let packed: Vec<u8> = text.bytes().filter(|b| !chars::is_space(*b)).collect();
    STANDARD.decode(packed).ok()
}

fn algorithm_of<'d>(document: &'d Document<'_>, node: NodeId) -> &'d str {
    document.attribute(node, "Algorithm").unwrap_or_default()
}

/// Only white space inside: a parameter nobody reads would be a parameter somebody else reads.
fn is_bare(document: &Document<'_>, node: NodeId) -> bool {
    document.text(node).is_some_and(|text| chars::trim(&text).is_empty())
}

fn unsupported<T>(uri: &str) -> Result<T, Reason> {
    // Identifiers are public names, but a stranger's text stays short.
    Err(Reason::of(Code::CmsAlgorithm, uri.chars().take(96).collect::<String>()))
}

fn signature_method(document: &Document<'_>, node: NodeId) -> Result<SignatureAlgorithm, Reason> {
    let uri = algorithm_of(document, node);
    match algorithm::method(uri) {
        Some(method) if is_bare(document, node) => Ok(method),
        _ => unsupported(uri),
    }
}

pub(super) fn digest_method(document: &Document<'_>, node: NodeId) -> Result<Digest, Reason> {
    let uri = algorithm_of(document, node);
    match algorithm::digest(uri) {
        Some(digest) if is_bare(document, node) => Ok(digest),
        _ => unsupported(uri),
    }
}

/// A canonicalisation with its parameters.
pub(super) fn canonical_form(document: &Document<'_>, node: NodeId) -> Result<Canonical, Reason> {
    let uri = algorithm_of(document, node);
    let Some(mut canonical) = Canonical::from_uri(uri) else { return unsupported(uri) };
    let mut parameters = document.child_elements(node);
    if let Some(list) = parameters.next() {
        let exclusive = uri.starts_with(EXC_C14N);
        if !exclusive || !document.is(list, EXC_C14N, "InclusiveNamespaces") || parameters.next().is_some() {
            return structure();
        }
        let names = document.attribute(list, "PrefixList").unwrap_or_default();
        for name in names.split(|c: char| c.is_ascii_whitespace()).filter(|name| !name.is_empty()) {
            if canonical.prefixes.len() >= PREFIXES {
                return Err(Reason::of(Code::Budget, "PrefixList"));
            }
            canonical.prefixes.push(if name == "#default" { String::new() } else { name.to_owned() });
        }
    }
    Ok(canonical)
}

/// Reads a reference; `left` is how many more there may be.
pub(super) fn reference(
    document: &Document<'_>,
    node: NodeId,
    left: &mut usize,
) -> Result<Reference, Reason> {
    *left = left.checked_sub(1).ok_or(Reason::of(Code::Budget, "references"))?;
    let mut children = Children::of(document, node)?;
    let transforms = match children.optional("Transforms") {
        Some(list) => transforms(document, list)?,
        None => Vec::new(),
    };
    let digest = digest_method(document, children.expect("DigestMethod")?)?;
    let value = base64(document, children.expect("DigestValue")?)?;
    children.finish()?;
    if value.len() != digest.size() {
        return Err(Reason::of(Code::XmlStructure, "DigestValue"));
    }
    let target = target(document.attribute(node, "URI"))?;
    let kind = document.attribute(node, "Type").map(str::to_owned);
    Ok(Reference { target, kind, transforms, digest, value })
}

/// The allowed transforms, each at most where it makes sense: the signature out, then one canonical form; or
/// decoding. XSLT and XPath are programs that may throw anything away (refused by name).
fn transforms(document: &Document<'_>, list: NodeId) -> Result<Vec<Transform>, Reason> {
    let mut children = Children::of(document, list)?;
    let mut found = Vec::new();
    while let Some(node) = children.optional("Transform") {
        if found.len() >= TRANSFORMS {
            return Err(Reason::of(Code::Budget, "transforms"));
        }
        let uri = algorithm_of(document, node);
        found.push(match uri {
            ENVELOPED if is_bare(document, node) => Transform::Enveloped,
            BASE64 if is_bare(document, node) => Transform::Base64,
            _ if Canonical::from_uri(uri).is_some() => Transform::Canonical(canonical_form(document, node)?),
            _ => return Err(Reason::of(Code::XmlTransform, uri.chars().take(96).collect::<String>())),
        });
    }
    children.finish()?;
    let canonical = |t: &Transform| matches!(t, Transform::Canonical(_));
    let in_order = match found.as_slice() {
        [] | [_] => true,
        [Transform::Enveloped | Transform::Base64, second] => canonical(second),
        _ => false,
    };
    match in_order {
        true => Ok(found),
        false => Err(Reason::of(Code::XmlTransform, "order")),
    }
}

/// Same-document references in the forms XMLDSig §4.4.3.3 names, parts, and everything else.
fn target(uri: Option<&str>) -> Result<Target, Reason> {
    let Some(uri) = uri else { return Ok(Target::Outside(None)) };
    let bare = |id: &str| (!id.is_empty() && !id.contains(['(', ')', '%'])).then(|| id.to_owned());
    let quoted = |inner: &str| {
        let inner = inner.strip_prefix("xpointer(id(")?.strip_suffix("))")?;
        let unquoted = |q: char| inner.strip_prefix(q)?.strip_suffix(q);
        unquoted('\'').or_else(|| unquoted('"')).filter(|id| chars::is_ncname(id)).map(str::to_owned)
    };
    Ok(match uri.strip_prefix('#') {
        _ if uri.is_empty() => Target::Document { comments: false },
        Some("xpointer(/)") => Target::Document { comments: true },
        Some(fragment) => match (quoted(fragment), bare(fragment)) {
            (Some(id), _) => Target::Element { id, comments: true },
            (None, Some(id)) => Target::Element { id, comments: false },
            (None, None) => return Err(Reason::of(Code::XmlReference, "xpointer")),
        },
        None => match uri.strip_prefix("cid:") {
            Some(part) => Target::Part(part.to_owned()),
            None => Target::Outside(Some(uri.to_owned())),
        },
    })
}

fn read_key_info(document: &Document<'_>, node: NodeId) -> Result<KeyInfo, Reason> {
    let mut key_info = KeyInfo::default();
    for data in document.child_elements(node).filter(|n| document.local(*n) == "X509Data") {
        if !is_ours(document, data) {
            continue;
        }
        for item in document.child_elements(data).take(CERTIFICATES * 4) {
            match (document.local(item), document.namespace(item)) {
                ("X509Certificate", DSIG | QCVN) if key_info.certificates.len() < CERTIFICATES => {
                    key_info.certificates.push(base64(document, item)?);
                }
                ("X509CRL", DSIG | QCVN) if key_info.crls.len() < CERTIFICATES => {
                    key_info.crls.push(base64(document, item)?);
                }
                ("X509SKI", DSIG | QCVN) => key_info.key_ids.push(base64(document, item)?),
                ("X509IssuerSerial", DSIG | QCVN) => {
                    let mut children = Children::of(document, item)?;
                    children.expect("X509IssuerName")?;
                    let serial = document.text(children.expect("X509SerialNumber")?).unwrap_or_default();
                    key_info.serials.push(chars::trim(&serial).to_owned());
                }
                ("X509Digest", DSIG11) => {
                    let digest = algorithm::digest(algorithm_of(document, item));
                    key_info.digests.extend(digest.zip(base64(document, item).ok()));
                }
                // Names and what later versions bring do not say which certificate.
                _ => {}
            }
        }
    }
    Ok(key_info)
}
