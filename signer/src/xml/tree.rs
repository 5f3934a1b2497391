//! A document as XPath sees it (XPath 1.0 §5), kept flat: nodes in document order, each knowing its parent and where
//! its descendants end. Names and texts are spans of the source; what had to be decoded lies in a second text.

use crate::message::{Code, Reason};
use std::ops::Range;

/// The namespace of `xml:lang` and its kin, bound to the prefix `xml` without being declared.
pub(super) const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of declarations themselves.
pub(super) const XMLNS: &str = "http://www.w3.org/2000/xmlns/";
/// WS-Security's `wsu:Id`.
const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";

/// A place in the source or, with the top bit set, in the decoded text. Files stay below 2 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Span {
    start: u32,
    len: u32,
}

const DECODED: u32 = 1 << 31;

impl Span {
    pub(super) fn source(range: Range<usize>) -> Self {
        Self { start: range.start as u32, len: range.len() as u32 }
    }

    pub(super) fn decoded(range: Range<usize>) -> Self {
        Self { start: range.start as u32 | DECODED, len: range.len() as u32 }
    }

    pub(super) fn is_empty(self) -> bool {
        self.len == 0
    }
}

/// A node's number in document order; 0 is the document itself.
pub(super) type NodeId = usize;

/// A namespace's number; 0 is no namespace, 1 that of `xml:`.
pub(super) type UriId = u32;

/// No namespace.
pub(super) const NO_URI: UriId = 0;
/// The namespace of `xml:`.
pub(super) const XML_URI: UriId = 1;

#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) parent: u32,
    /// The number after its last descendant's.
    pub(super) end: u32,
    /// Where it stands in the source.
    pub(super) from: u32,
    pub(super) to: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Document,
    /// With its place among the elements.
    Element(u32),
    Text(Span),
    Comment(Span),
    Instruction {
        target: Span,
        data: Span,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Element {
    pub(super) prefix: Span,
    pub(super) local: Span,
    pub(super) uri: UriId,
    pub(super) attributes: (u32, u32),
    pub(super) declared: (u32, u32),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute {
    pub(super) prefix: Span,
    pub(super) local: Span,
    pub(super) uri: UriId,
    pub(super) value: Span,
}

/// A namespace declaration; the empty prefix is the default namespace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Declared {
    pub(super) prefix: Span,
    pub(super) uri: UriId,
}

/// A document that was read. Everything it says about names is resolved; nothing of it is trusted yet.
#[derive(Debug)]
pub struct Document<'a> {
    pub(super) source: &'a str,
    pub(super) decoded: String,
    pub(super) nodes: Vec<Node>,
    pub(super) elements: Vec<Element>,
    pub(super) attributes: Vec<Attribute>,
    pub(super) declared: Vec<Declared>,
    pub(super) uris: Vec<Span>,
    pub(super) ids: Vec<Id>,
}

/// An attribute that is an identifier by common agreement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Id {
    pub(super) value: Span,
    pub(super) node: NodeId,
    /// Never data, as the lower-case `id` is in many formats.
    pub(super) strict: bool,
}

impl<'a> Document<'a> {
    #[inline]
    pub(super) fn str(&self, span: Span) -> &str {
        let (text, start) = match span.start & DECODED {
            0 => (self.source, span.start),
            _ => (self.decoded.as_str(), span.start & !DECODED),
        };
        text.get(start as usize..start as usize + span.len as usize).unwrap_or_default()
    }

    /// Whether two spans have the same text.
    #[inline]
    pub(super) fn same(&self, a: Span, b: Span) -> bool {
        a.len == b.len && (a.start == b.start || self.str(a) == self.str(b))
    }

    pub(super) fn uri(&self, id: UriId) -> &str {
        match id {
            NO_URI => "",
            XML_URI => XML,
            other => self.uris.get(other as usize).map_or("", |span| self.str(*span)),
        }
    }

    pub(super) fn node(&self, id: NodeId) -> Node {
        self.nodes.get(id).copied().unwrap_or(Node {
            kind: Kind::Document,
            parent: 0,
            end: 0,
            from: 0,
            to: 0,
        })
    }

    #[inline]
    pub(super) fn end(&self, id: NodeId) -> NodeId {
        self.nodes.get(id).map_or(0, |node| node.end as usize)
    }

    pub(super) fn parent(&self, id: NodeId) -> NodeId {
        self.nodes.get(id).map_or(0, |node| node.parent as usize)
    }

    /// The numbers of a node and all its descendants.
    pub(super) fn range(&self, id: NodeId) -> Range<NodeId> {
        id..self.end(id)
    }

    #[inline]
    pub(super) fn element(&self, id: NodeId) -> Option<&Element> {
        match self.nodes.get(id)?.kind {
            Kind::Element(at) => self.elements.get(at as usize),
            _ => None,
        }
    }

    pub(super) fn attributes_of(&self, element: &Element) -> &[Attribute] {
        self.attributes.get(element.attributes.0 as usize..element.attributes.1 as usize).unwrap_or_default()
    }

    pub(super) fn declared_by(&self, element: &Element) -> &[Declared] {
        self.declared.get(element.declared.0 as usize..element.declared.1 as usize).unwrap_or_default()
    }

    /// The root element.
    pub(super) fn root(&self) -> NodeId {
        self.children(0).find(|id| self.element(*id).is_some()).unwrap_or_default()
    }

    pub(super) fn children(&self, of: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let end = self.end(of);
        let mut next = of + 1;
        std::iter::from_fn(move || {
            let now = next;
            (now < end).then(|| {
                next = self.end(now).max(now + 1);
                now
            })
        })
    }

    pub(super) fn child_elements(&self, of: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.children(of).filter(|id| self.element(*id).is_some())
    }

    /// Local name; empty for what is no element.
    pub(super) fn local(&self, id: NodeId) -> &str {
        self.element(id).map_or("", |e| self.str(e.local))
    }

    /// Namespace; empty for none.
    pub(super) fn namespace(&self, id: NodeId) -> &str {
        self.element(id).map_or("", |e| self.uri(e.uri))
    }

    pub(super) fn is(&self, id: NodeId, namespace: &str, local: &str) -> bool {
        self.local(id) == local && self.namespace(id) == namespace
    }

    /// An attribute without a namespace.
    pub(super) fn attribute(&self, id: NodeId, local: &str) -> Option<&str> {
        let element = self.element(id)?;
        let found = self.attributes_of(element).iter();
        found.clone().find(|a| a.uri == NO_URI && self.str(a.local) == local).map(|a| self.str(a.value))
    }

    /// The text of an element that has no element in it. Comments and instructions inside are passed over, so that
    /// no reader stops at one; `None`: there are elements inside.
    pub(super) fn text(&self, id: NodeId) -> Option<String> {
        let mut text = String::new();
        for inner in self.range(id).skip(1) {
            match self.node(inner).kind {
                Kind::Text(span) => text.push_str(self.str(span)),
                Kind::Element(_) => return None,
                _ => {}
            }
        }
        Some(text)
    }

    /// Whether `inner` is `outer` or lies in it.
    pub(super) fn contains(&self, outer: NodeId, inner: NodeId) -> bool {
        self.range(outer).contains(&inner)
    }

    /// The one element with this identifier. Errors: none has it, or more than one.
    pub(super) fn by_id(&self, id: &str) -> Result<NodeId, Reason> {
        let mut found = self.ids.iter().filter(|known| self.str(known.value) == id).map(|known| known.node);
        let first = found.next().ok_or(Reason::new(Code::XmlReference))?;
        match found.all(|other| other == first) {
            true => Ok(first),
            false => Err(Reason::new(Code::XmlDuplicateId)),
        }
    }

    /// An element's own identifier.
    pub(super) fn id_of(&self, node: NodeId) -> Option<&str> {
        self.ids.iter().find(|id| id.node == node).map(|id| self.str(id.value))
    }

    /// Whether an attribute is an identifier: `Id`, `ID`, `id`, `xml:id`, `wsu:Id`.
    pub(super) fn is_id(&self, attribute: &Attribute) -> bool {
        match (self.str(attribute.local), attribute.uri) {
            ("Id" | "ID" | "id", NO_URI) | ("id", XML_URI) => true,
            ("Id", uri) => self.uri(uri) == WSU,
            _ => false,
        }
    }
}
