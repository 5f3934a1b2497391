//! What a reference covers, and the octets of it (XMLDSig 1.1 §4.4.3.2). Nothing is fetched: parts and outside content
//! are those the caller brought.

use super::algorithm::MANIFEST;
use super::c14n::{self, Canonical, Method, Subset};
use super::read::read;
use super::signature::{self, QCVN, Reference, Signature, Target, Transform};
use super::tree::{Document, NodeId};
use crate::limits::Limits;
use crate::message::{Code, Reason};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What lies beside the document.
#[derive(Clone, Copy, Debug)]
pub struct Beside<'a> {
    /// Content an outside reference may mean.
    pub content: Option<&'a [u8]>,
    /// Parts by name, for `cid:` references.
    pub parts: &'a BTreeMap<String, Arc<[u8]>>,
}

/// What a reference covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Covered {
    /// Content of the document.
    Nodes(Subset),
    /// The signature's own statements: XAdES properties, its certificates. They are no content.
    Own(Subset),
    /// A list of further references.
    Manifest(Subset, Vec<Reference>),
    /// A part beside the document.
    Part(String),
    /// Content beside the document.
    Outside,
}

/// What a reference covers, before anything is digested.
///
/// Errors: nothing, or more than one thing, is there to be covered; or the signature itself is.
pub(super) fn covered(
    document: &Document<'_>,
    signature: &Signature,
    reference: &Reference,
    manifest_references: &mut usize,
) -> Result<Covered, Reason> {
    let enveloped = reference.transforms.first() == Some(&Transform::Enveloped);
    let (apex, comments) = match &reference.target {
        Target::Part(name) if !enveloped => return Ok(Covered::Part(name.clone())),
        Target::Outside(_) if !enveloped => return Ok(Covered::Outside),
        Target::Part(_) | Target::Outside(_) => return Err(Reason::of(Code::XmlTransform, "enveloped")),
        Target::Document { comments } => (0, *comments),
        Target::Element { id, comments } => (document.by_id(id)?, *comments),
    };
    // Decoding would throw away every tag and attribute inside.
    if reference.transforms.contains(&Transform::Base64) {
        return Err(Reason::of(Code::XmlTransform, "base64"));
    }
    let around = document.contains(apex, signature.node);
    if around && !enveloped {
        return Err(Reason::new(Code::XmlSelf));
    }
    let without = around.then(|| document.range(signature.node));
    // Taken out of itself, or of a document that is nothing else, it leaves nothing to be signed.
    if around && (signature.node == apex || signature.node == document.root()) {
        return Err(Reason::new(Code::XmlSelf));
    }
    let subset = Subset { apex, without, comments };
    if let Some(list) = manifest_in(document, apex) {
        let references = manifest(document, list, manifest_references)?;
        return Ok(Covered::Manifest(subset, references));
    }
    if reference.kind.as_deref() == Some(MANIFEST) {
        return Err(Reason::of(Code::XmlStructure, "Manifest"));
    }
    if document.contains(signature.node, apex) {
        return inside(document, signature, subset);
    }
    Ok(Covered::Nodes(subset))
}

/// A target within the signature: an object is content, the rest are the signature's own statements.
fn inside(document: &Document<'_>, signature: &Signature, subset: Subset) -> Result<Covered, Reason> {
    let apex = subset.apex;
    let part = document.child_elements(signature.node).find(|child| document.contains(*child, apex));
    let part = part.unwrap_or(signature.node);
    match document.local(part) {
        "KeyInfo" => Ok(Covered::Own(subset)),
        "Object" => {
            let Some(xades) = &signature.xades else {
                let statement = matches!(document.local(apex), "SignatureProperties" | "SignatureProperty");
                return Ok(if statement { Covered::Own(subset) } else { Covered::Nodes(subset) });
            };
            if document.contains(xades.signed_properties, apex) {
                Ok(Covered::Own(subset))
            } else if document.contains(xades.properties, apex) || document.contains(apex, xades.properties) {
                // With what may be added after signing.
                Err(Reason::new(Code::XmlSelf))
            } else {
                Ok(Covered::Nodes(subset))
            }
        }
        _ => Err(Reason::new(Code::XmlSelf)),
    }
}

fn manifest_in(document: &Document<'_>, apex: NodeId) -> Option<NodeId> {
    let is_manifest = |node: NodeId| {
        document.local(node) == "Manifest"
            && matches!(document.namespace(node), super::algorithm::DSIG | QCVN)
    };
    if is_manifest(apex) {
        return Some(apex);
    }
    let mut children = document.child_elements(apex);
    let only = children.next().filter(|_| children.next().is_none())?;
    let object = document.local(apex) == "Object";
    (object && is_manifest(only)).then_some(only)
}

fn manifest(document: &Document<'_>, node: NodeId, left: &mut usize) -> Result<Vec<Reference>, Reason> {
    let mut children = signature::Children::of(document, node)?;
    let mut references = Vec::new();
    while let Some(reference) = children.optional("Reference") {
        references.push(signature::reference(document, reference, left)?);
    }
    children.finish()?;
    match references.is_empty() {
        true => Err(Reason::new(Code::XmlNoReference)),
        false => Ok(references),
    }
}

/// The octets a reference's digest is over.
pub(super) fn octets<'a>(
    document: &Document<'_>,
    covered: &Covered,
    transforms: &[Transform],
    beside: Beside<'a>,
    limits: &Limits,
    budget: &mut usize,
) -> Result<Cow<'a, [u8]>, Reason> {
    let default = Canonical { method: Method::Inclusive, comments: false, prefixes: Vec::new() };
    let how = transforms.iter().find_map(|transform| match transform {
        Transform::Canonical(how) => Some(how),
        _ => None,
    });
    let raw: Cow<'a, [u8]> = match covered {
        Covered::Nodes(subset) | Covered::Own(subset) | Covered::Manifest(subset, _) => {
            let octets = c14n::octets(document, subset, how.unwrap_or(&default), budget)?;
            return Ok(Cow::Owned(octets));
        }
        Covered::Part(name) => part(document, name, beside)?,
        Covered::Outside => Cow::Borrowed(beside.content.ok_or(Reason::new(Code::XmlExternal))?),
    };
    *budget = budget.checked_sub(raw.len()).ok_or(Reason::of(Code::Budget, "content"))?;
    let raw = match transforms.contains(&Transform::Base64) {
        true => {
            let text = std::str::from_utf8(&raw).ok();
            let decoded = text.and_then(signature::decode_base64);
            Cow::Owned(decoded.ok_or(Reason::of(Code::XmlTransform, "base64"))?)
        }
        false => raw,
    };
    match how {
        None => Ok(raw),
        Some(how) => {
            let other = read(&raw, limits)?;
            let whole = Subset { apex: 0, without: None, comments: true };
            c14n::octets(&other, &whole, how, budget).map(Cow::Owned)
        }
    }
}

/// A part: one the package itself carries (RULES 2.5, E34: its decoded bytes), else one the caller brought.
pub(super) fn part<'a>(
    document: &Document<'_>,
    name: &str,
    beside: Beside<'a>,
) -> Result<Cow<'a, [u8]>, Reason> {
    if let Some(attachment) = attachment(document, name)? {
        let content = document
            .child_elements(attachment)
            .find(|child| document.local(*child) == "ContentTransferEncoded")
            .ok_or(Reason::new(Code::XmlReference))?;
        return signature::base64(document, content).map(Cow::Owned);
    }
    let brought = beside.parts.get(name).ok_or(Reason::new(Code::XmlExternal))?;
    Ok(Cow::Borrowed(brought))
}

/// The one attachment of this name in an edXML package (RULES E11). Errors: more than one.
fn attachment(document: &Document<'_>, name: &str) -> Result<Option<NodeId>, Reason> {
    let mut found = attachments(document).filter(|(known, _)| known.as_deref() == Some(name));
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(Reason::new(Code::XmlDuplicateId)),
        (one, None) => Ok(one.map(|(_, node)| node)),
    }
}

impl Document<'_> {
    /// Whether this is an edXML package (RULES 2.2).
    pub fn is_package(&self) -> bool {
        self.is(self.root(), QCVN, "edXML")
    }
}

/// The attachments of a package, by name without `cid:`.
pub(super) fn attachments<'d>(
    document: &'d Document<'_>,
) -> impl Iterator<Item = (Option<String>, NodeId)> + 'd {
    let root = document.is_package().then(|| document.root());
    root.into_iter()
        .flat_map(|root| document.child_elements(root))
        .filter(|list| document.local(*list) == "AttachmentEncoded")
        .flat_map(|list| document.child_elements(list))
        .filter(|child| document.local(*child) == "Attachment")
        .map(|attachment| (content_id(document, attachment), attachment))
}

/// `ContentId` of an attachment or of an entry of the body, without `cid:`.
pub(super) fn content_id(document: &Document<'_>, of: NodeId) -> Option<String> {
    let mut ids = document.child_elements(of).filter(|child| document.local(*child) == "ContentId");
    let only = ids.next().filter(|_| ids.next().is_none())?;
    let text = document.text(only)?;
    let name = super::chars::trim(&text);
    Some(name.strip_prefix("cid:").unwrap_or(name).to_owned())
}
