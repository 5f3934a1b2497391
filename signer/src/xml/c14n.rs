//! Canonical XML 1.0 (REC-xml-c14n-20010315), Canonical XML 1.1 (REC-xml-c14n11-20080502) and Exclusive XML
//! Canonicalization 1.0 (REC-xml-exc-c14n-20020718), each with and without comments, of a whole document or of one
//! element, less the signature taken out of it.
//!
//! One pass in document order. A canonical form can be many times larger than its document: it has a budget.

use super::base;
use super::tree::{Attribute, Document, Element, Kind, NO_URI, NodeId, Span, UriId, XML_URI};
use crate::limits::Limits;
use crate::message::{Code, Reason};
use std::ops::Range;

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Canonical XML 1.0: namespaces and `xml:` attributes of what is around come along.
    Inclusive,
    /// Canonical XML 1.1: the same, without `xml:id`, and with `xml:base` joined.
    Inclusive11,
    /// Exclusive: only the namespaces that are used.
    Exclusive,
}

/// A canonicalisation with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canonical {
    /// Which.
    pub method: Method,
    /// Comments stay.
    pub comments: bool,
    /// Prefixes the exclusive form treats as the inclusive one does (`InclusiveNamespaces PrefixList`); the empty one
    /// is `#default`.
    pub prefixes: Vec<String>,
}

impl Canonical {
    /// Exclusive, without comments: what this house writes (RULES E32).
    pub const EXCLUSIVE: Self = Self { method: Method::Exclusive, comments: false, prefixes: Vec::new() };

    /// By its identifier in a signature.
    pub fn from_uri(uri: &str) -> Option<Self> {
        let (method, comments) = match uri {
            "http://www.w3.org/TR/2001/REC-xml-c14n-20010315" => (Method::Inclusive, false),
            "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments" => (Method::Inclusive, true),
            "http://www.w3.org/2006/12/xml-c14n11" => (Method::Inclusive11, false),
            "http://www.w3.org/2006/12/xml-c14n11#WithComments" => (Method::Inclusive11, true),
            "http://www.w3.org/2001/10/xml-exc-c14n#" => (Method::Exclusive, false),
            "http://www.w3.org/2001/10/xml-exc-c14n#WithComments" => (Method::Exclusive, true),
            _ => return None,
        };
        Some(Self { method, comments, prefixes: Vec::new() })
    }

    fn names(&self, prefix: &str) -> bool {
        self.method != Method::Exclusive || self.prefixes.iter().any(|p| p == prefix)
    }
}

/// What is canonicalised: a node with all that is in it, less the nodes in `without`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subset {
    pub(super) apex: NodeId,
    pub(super) without: Option<Range<NodeId>>,
    /// Comments are part of it; whether they are written is the method's choice.
    pub(super) comments: bool,
}

/// Where the canonical form goes, and how much of it may come.
struct Output<'b> {
    buffer: Vec<u8>,
    budget: &'b mut usize,
}

impl Output<'_> {
    fn put(&mut self, text: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
    }

    /// Counts what came since `before`.
    fn settle(&mut self, before: usize) -> Result<(), Reason> {
        let written = self.buffer.len().saturating_sub(before);
        *self.budget =
            self.budget.checked_sub(written).ok_or_else(|| Reason::of(Code::Budget, "canonical form"))?;
        Ok(())
    }

    fn escaped(&mut self, text: &str, replace: impl Fn(u8) -> Option<&'static str>) {
        let mut rest = text.as_bytes();
        while let Some(at) = rest.iter().position(|byte| replace(*byte).is_some()) {
            let (before, from) = rest.split_at(at);
            self.buffer.extend_from_slice(before);
            let Some((first, after)) = from.split_first() else { break };
            self.buffer.extend_from_slice(replace(*first).unwrap_or_default().as_bytes());
            rest = after;
        }
        self.buffer.extend_from_slice(rest);
    }
}

#[inline]
fn in_text(byte: u8) -> Option<&'static str> {
    Some(match byte {
        b'&' => "&amp;",
        b'<' => "&lt;",
        b'>' => "&gt;",
        b'\r' => "&#xD;",
        _ => return None,
    })
}

#[inline]
fn in_attribute(byte: u8) -> Option<&'static str> {
    Some(match byte {
        b'&' => "&amp;",
        b'<' => "&lt;",
        b'"' => "&quot;",
        b'\t' => "&#x9;",
        b'\n' => "&#xA;",
        b'\r' => "&#xD;",
        _ => return None,
    })
}

/// The canonical form of `subset`.
///
/// Errors: the budget, or a namespace that is a relative reference, which has no canonical form (C14N §1.3).
pub(super) fn octets(
    document: &Document<'_>,
    subset: &Subset,
    how: &Canonical,
    budget: &mut usize,
) -> Result<Vec<u8>, Reason> {
    let node = document.node(subset.apex);
    // About as long as it stands in the source.
    let guess = (node.to.saturating_sub(node.from) as usize).min(*budget) + 64;
    let mut writer = Writer {
        document,
        how,
        comments: how.comments && subset.comments,
        output: Output { buffer: Vec::with_capacity(guess), budget },
        rendered: Vec::new(),
        open: Vec::new(),
        namespaces: Vec::new(),
        attributes: Vec::new(),
    };
    match document.node(subset.apex).kind {
        Kind::Document => writer.document(subset)?,
        _ => writer.tree(subset.apex, subset)?,
    }
    Ok(writer.output.buffer)
}

/// The canonical form of the whole document (`None`) or of its n-th element in document order, from 0.
///
/// Errors: no such element, the budget, or a namespace without a canonical form.
pub fn canonical(
    document: &Document<'_>,
    element: Option<usize>,
    how: &Canonical,
    limits: &Limits,
) -> Result<Vec<u8>, Reason> {
    let apex = match element {
        None => 0,
        Some(n) => (0..document.nodes.len())
            .filter(|id| document.element(*id).is_some())
            .nth(n)
            .ok_or(Reason::new(Code::XmlReference))?,
    };
    let mut budget = limits.xml_canonical_bytes;
    octets(document, &Subset { apex, without: None, comments: true }, how, &mut budget)
}

struct Writer<'d, 'a, 'b> {
    document: &'d Document<'a>,
    how: &'d Canonical,
    comments: bool,
    output: Output<'b>,
    /// Namespaces already written by what is open, innermost last.
    rendered: Vec<(Span, UriId)>,
    /// Open elements, and how much was rendered before each.
    open: Vec<(NodeId, usize)>,
    namespaces: Vec<(Span, UriId)>,
    attributes: Vec<(Attribute, Option<String>)>,
}

impl Writer<'_, '_, '_> {
    /// Instructions and comments outside the root stand on lines of their own (C14N §2.3).
    fn document(&mut self, subset: &Subset) -> Result<(), Reason> {
        let mut rooted = false;
        for child in self.document.children(0) {
            let before = self.output.buffer.len();
            let is_root = self.document.element(child).is_some();
            let shown = match self.document.node(child).kind {
                Kind::Comment(_) => self.comments,
                Kind::Instruction { .. } => true,
                _ => false,
            };
            if is_root {
                self.tree(child, subset)?;
                rooted = true;
            } else if shown {
                if rooted {
                    self.output.put("\n");
                }
                self.leaf(child);
                if !rooted {
                    self.output.put("\n");
                }
                self.output.settle(before)?;
            }
        }
        Ok(())
    }

    fn tree(&mut self, apex: NodeId, subset: &Subset) -> Result<(), Reason> {
        let end = self.document.end(apex);
        let without = subset.without.clone().unwrap_or(0..0);
        let mut at = apex;
        while at < end {
            if without.start == at && !without.is_empty() {
                at = without.end;
                continue;
            }
            let before = self.output.buffer.len();
            self.close_before(at);
            match self.document.element(at) {
                Some(element) => self.start(at, element, at == apex)?,
                None => self.leaf(at),
            }
            self.output.settle(before)?;
            at += 1;
        }
        let before = self.output.buffer.len();
        self.close_before(usize::MAX);
        self.output.settle(before)
    }

    /// Writes the end tags of all elements that end before this node.
    fn close_before(&mut self, at: NodeId) {
        while let Some((node, rendered)) = self.open.last().copied()
            && self.document.end(node) <= at
        {
            self.open.pop();
            self.rendered.truncate(rendered);
            if let Some(element) = self.document.element(node) {
                self.output.put("</");
                self.qualified(element.prefix, element.local);
                self.output.put(">");
            }
        }
    }

    fn leaf(&mut self, at: NodeId) {
        match self.document.node(at).kind {
            Kind::Text(span) => self.output.escaped(self.document.str(span), in_text),
            Kind::Comment(span) if self.comments => {
                self.output.put("<!--");
                self.output.put(self.document.str(span));
                self.output.put("-->");
            }
            Kind::Instruction { target, data } => {
                self.output.put("<?");
                self.output.put(self.document.str(target));
                if !data.is_empty() {
                    self.output.put(" ");
                    self.output.put(self.document.str(data));
                }
                self.output.put("?>");
            }
            _ => {}
        }
    }

    fn qualified(&mut self, prefix: Span, local: Span) {
        if !prefix.is_empty() {
            self.output.put(self.document.str(prefix));
            self.output.put(":");
        }
        self.output.put(self.document.str(local));
    }

    fn start(&mut self, at: NodeId, element: &Element, apex: bool) -> Result<(), Reason> {
        let before = self.rendered.len();
        self.output.put("<");
        self.qualified(element.prefix, element.local);
        self.find_namespaces(at, element, apex);
        self.write_namespaces()?;
        self.write_attributes(at, element, apex);
        self.output.put(">");
        self.open.push((at, before));
        Ok(())
    }

    /// Which namespaces this element must say, sorted by prefix, each once.
    fn find_namespaces(&mut self, at: NodeId, element: &Element, apex: bool) {
        self.namespaces.clear();
        let document = self.document;
        let plain = self.how.method == Method::Exclusive && self.how.prefixes.is_empty();
        if apex && !plain {
            // What is in scope around the apex comes along, the nearest declaration first.
            let mut around = at;
            while around != 0 {
                if let Some(outer) = document.element(around) {
                    self.add_declared(outer);
                }
                around = document.parent(around);
            }
        } else if !plain {
            self.add_declared(element);
        }
        if self.how.method == Method::Exclusive {
            self.add_used(element.prefix, element.uri);
            for attribute in document.attributes_of(element) {
                if !attribute.prefix.is_empty() {
                    self.add_used(attribute.prefix, attribute.uri);
                }
            }
        }
        let rendered = &self.rendered;
        self.namespaces.retain(|(prefix, uri)| {
            let said = rendered.iter().rev().find(|(other, _)| document.same(*other, *prefix));
            said.map_or(NO_URI, |(_, uri)| *uri) != *uri && *uri != XML_URI
        });
        self.namespaces.sort_unstable_by(|a, b| document.str(a.0).cmp(document.str(b.0)));
    }

    fn add_declared(&mut self, element: &Element) {
        for declared in self.document.declared_by(element) {
            if self.how.names(self.document.str(declared.prefix)) {
                self.add_used(declared.prefix, declared.uri);
            }
        }
    }

    fn add_used(&mut self, prefix: Span, uri: UriId) {
        if !self.namespaces.iter().any(|(known, _)| self.document.same(*known, prefix)) {
            self.namespaces.push((prefix, uri));
        }
    }

    fn write_namespaces(&mut self) -> Result<(), Reason> {
        let document = self.document;
        for (prefix, uri) in &self.namespaces {
            let value = document.uri(*uri);
            if *uri != NO_URI && !base::has_scheme(value) {
                return Err(Reason::of(Code::XmlNamespace, "relative"));
            }
            self.output.put(" xmlns");
            if !prefix.is_empty() {
                self.output.put(":");
                self.output.put(document.str(*prefix));
            }
            self.output.put("=\"");
            self.output.escaped(value, in_attribute);
            self.output.put("\"");
        }
        self.rendered.extend_from_slice(&self.namespaces);
        Ok(())
    }

    fn write_attributes(&mut self, at: NodeId, element: &Element, apex: bool) {
        let document = self.document;
        self.attributes.clear();
        self.attributes.extend(document.attributes_of(element).iter().map(|a| (*a, None)));
        if apex && self.how.method != Method::Exclusive {
            self.inherit(at);
        }
        // By namespace first; no namespace is the least (C14N §2.2).
        self.attributes.sort_unstable_by(|(a, _), (b, _)| {
            let space = if a.uri == b.uri {
                std::cmp::Ordering::Equal
            } else {
                document.uri(a.uri).cmp(document.uri(b.uri))
            };
            space.then_with(|| document.str(a.local).cmp(document.str(b.local)))
        });
        let attributes = std::mem::take(&mut self.attributes);
        for (attribute, joined) in &attributes {
            self.output.put(" ");
            self.qualified(attribute.prefix, attribute.local);
            self.output.put("=\"");
            let value = joined.as_deref().unwrap_or(document.str(attribute.value));
            self.output.escaped(value, in_attribute);
            self.output.put("\"");
        }
        self.attributes = attributes;
    }

    /// The `xml:` attributes an element without its parent takes from around it: all of them in 1.0 (§2.4),
    /// `xml:lang` and `xml:space` in 1.1 (§2.4), where `xml:base` is joined instead and `xml:id` stays at home.
    fn inherit(&mut self, apex: NodeId) {
        let document = self.document;
        let eleven = self.how.method == Method::Inclusive11;
        let mut bases: Vec<Attribute> = Vec::new();
        let mut outer = false;
        let mut around = apex;
        while around != 0 {
            let Some(element) = document.element(around) else { break };
            for attribute in document.attributes_of(element).iter().filter(|a| a.uri == XML_URI) {
                let name = document.str(attribute.local);
                if eleven && name == "base" {
                    bases.push(*attribute);
                    outer |= around != apex;
                }
                let wanted = !eleven || matches!(name, "lang" | "space");
                let known =
                    self.attributes.iter().any(|(a, _)| a.uri == XML_URI && document.str(a.local) == name);
                if wanted && !known && around != apex {
                    self.attributes.push((*attribute, None));
                }
            }
            around = document.parent(around);
        }
        if let (true, Some(first)) = (outer, bases.last()) {
            let start = document.str(first.value).to_owned();
            let joined =
                bases.iter().rev().skip(1).fold(start, |base, b| base::join(&base, document.str(b.value)));
            self.attributes.retain(|(a, _)| !(a.uri == XML_URI && document.str(a.local) == "base"));
            if !joined.is_empty() {
                self.attributes.push((*first, Some(joined)));
            }
        }
    }
}
