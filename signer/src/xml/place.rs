//! Places in a document where a signature and what belongs to it are put: offsets into [`Facts::source`].

use super::reference::attachments;
use super::signature::{self, QCVN, Signature};
use super::tree::{Kind, NodeId};
use super::{Beside, Facts, reference};
use crate::message::{Code, Reason};
use std::ops::Range;

/// Where a signature goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is the document.
    Alone,
    /// In front of this byte, the end tag's first.
    Before(usize),
    /// Into an empty element: in place of the slash of its tag.
    Inside {
        /// Where the slash is.
        slash: usize,
        /// The element's name, prefix included.
        name: String,
    },
}

/// An attachment of a package, decoded.
pub(crate) struct Part {
    /// Without `cid:`.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// An element to be signed by its identifier.
pub(crate) struct Named {
    /// Its local name.
    pub(crate) name: String,
    /// Its identifier, if it has one.
    pub(crate) id: Option<String>,
    /// The byte after its name in the start tag.
    pub(crate) after_name: usize,
}

/// Where a digest stands, and what it has to be.
pub(crate) type Digested = (Range<usize>, Vec<u8>);

/// What of a package is signed (RULES E34).
pub(crate) struct Package {
    pub(crate) elements: Vec<Named>,
    pub(crate) parts: Vec<Part>,
    pub(crate) place: Place,
}

impl Facts<'_> {
    /// The text, without a byte order mark.
    pub(crate) fn source(&self) -> &str {
        self.document.source
    }

    /// An identifier nobody has: this one, or with a number behind it.
    pub(crate) fn free_id(&self, wanted: &str) -> String {
        let taken = |id: &str| self.document.ids.iter().any(|known| self.document.str(known.value) == id);
        let numbered = (2..).map(|n| format!("{wanted}-{n}"));
        let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
        // Identifiers are finite, numbers are not.
        names.find(|id| !taken(id)).unwrap_or_default()
    }

    fn qualified(&self, node: NodeId) -> String {
        let Some(element) = self.document.element(node) else { return String::new() };
        let (prefix, local) = (self.document.str(element.prefix), self.document.str(element.local));
        if prefix.is_empty() { local.to_owned() } else { format!("{prefix}:{local}") }
    }

    /// Behind the last child of an element.
    fn end_of(&self, node: NodeId) -> Place {
        let text = self.source();
        let (from, to) = (self.document.node(node).from as usize, self.document.node(node).to as usize);
        let whole = text.get(from..to).unwrap_or_default();
        match whole.rfind("</") {
            // An empty element has no end tag, and `</` cannot stand in a tag.
            Some(at) => Place::Before(from + at),
            None => Place::Inside { slash: to - 2, name: self.qualified(node) },
        }
    }

    /// Behind the root's last child.
    pub(crate) fn end_of_root(&self) -> Place {
        self.end_of(self.document.root())
    }

    /// What of an edXML package is signed. Errors: it is none, or a part cannot be decoded.
    pub(crate) fn package(&self) -> Result<Package, Reason> {
        let document = &self.document;
        if !document.is_package() {
            return Err(Reason::of(Code::MakeField, "edXML"));
        }
        let child =
            |of: NodeId, name: &str| document.child_elements(of).find(|c| document.is(*c, QCVN, name));
        let missing = || Reason::of(Code::MakeField, "edXMLHeader");
        let envelope = child(document.root(), "edXMLEnvelope").ok_or_else(missing)?;
        let header = child(envelope, "edXMLHeader").ok_or_else(missing)?;
        let message = child(header, "MessageHeader").ok_or_else(missing)?;
        let elements = std::iter::once(message).chain(child(envelope, "edXMLBody"));
        let elements = elements.map(|node| Named {
            name: document.local(node).to_owned(),
            id: document.id_of(node).map(str::to_owned),
            after_name: document.node(node).from as usize + 1 + self.qualified(node).len(),
        });
        let mut parts = Vec::new();
        for (name, _) in attachments(document) {
            let name = name.ok_or(Reason::of(Code::MakeField, "ContentId"))?;
            let none = std::collections::BTreeMap::new();
            let beside = Beside { content: None, parts: &none };
            let bytes = reference::part(document, &name, beside)?.into_owned();
            parts.push(Part { name, bytes });
        }
        Ok(Package { elements: elements.collect(), parts, place: self.end_of(header) })
    }

    /// Where the digest of each of a signature's own references stands, and what it has to be.
    pub(crate) fn digests(&self, signature: &Signature, beside: Beside<'_>) -> Result<Vec<Digested>, Reason> {
        let mut children = signature::Children::of(&self.document, signature.signed_info)?;
        children.expect("CanonicalizationMethod")?;
        children.expect("SignatureMethod")?;
        let mut left = self.limits.xml_references;
        let mut digests = Vec::new();
        for reference in &signature.references {
            let node = children.expect("Reference")?;
            let value = self.document.child_elements(node).find(|c| self.document.local(*c) == "DigestValue");
            let text = value.and_then(|value| self.document.children(value).next());
            let place = text.map(|text| self.document.node(text)).filter(|n| matches!(n.kind, Kind::Text(_)));
            let place = place.ok_or(Reason::new(Code::XmlStructure))?;
            let covered = reference::covered(&self.document, signature, reference, &mut left)?;
            let mut budget = self.limits.xml_canonical_bytes;
            let octets = reference::octets(
                &self.document,
                &covered,
                &reference.transforms,
                beside,
                &self.limits,
                &mut budget,
            )?;
            digests.push((place.from as usize..place.to as usize, reference.digest.of(&octets)));
        }
        Ok(digests)
    }

    /// Where the signature value goes into its empty element.
    pub(crate) fn value_place(&self, signature: &Signature) -> usize {
        match self.end_of(signature.value_node) {
            Place::Before(at) => at,
            _ => 0,
        }
    }

    /// Where unsigned properties go. `None`: the signature has no properties.
    pub(crate) fn unsigned_place(&self, signature: &Signature) -> Option<usize> {
        match self.end_of(signature.xades.as_ref()?.properties) {
            Place::Before(at) => Some(at),
            _ => None,
        }
    }
}
