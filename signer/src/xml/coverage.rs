//! What of a document its signatures cover, and what they do not. A signature over one element says nothing about what
//! stands beside it: moving the signed element away and putting another in its place (signature wrapping) leaves the
//! signature itself perfect. So everything in a signed document is covered, or is part of a signature, or merely
//! holds what is; anything else is named.

use super::reference::{Covered, attachments, content_id};
use super::signature::{QCVN, is_signature};
use super::tree::{Document, Kind, NO_URI, NodeId, XML_URI};
use super::{Facts, chars};
use crate::coverage::Coverage;
use crate::message::{Code, Reason};
use std::ops::Range;

/// Attributes of a holding element that say nothing about content.
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// What one signature covers.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    pub(super) covered: Vec<Covered>,
}

impl Scope {
    fn content(&self) -> impl Iterator<Item = &Covered> {
        self.covered.iter().filter(|c| matches!(c, Covered::Nodes(_) | Covered::Part(_) | Covered::Outside))
    }
}

/// How much of the document a signature covers.
pub(super) fn coverage(facts: &Facts<'_>, at: usize) -> Coverage {
    let (document, scope) = (&facts.document, facts.scope(at));
    let Some(own) = facts.signatures.get(at).map(|found| found.node) else { return Coverage::None };
    let root = document.root();
    let outside_root =
        document.children(0).any(|node| matches!(document.node(node).kind, Kind::Instruction { .. }));
    let whole = scope.content().any(|covered| match covered {
        Covered::Nodes(subset) => subset.apex == 0 || (subset.apex == root && !outside_root),
        _ => false,
    });
    if scope.content().next().is_none() {
        return Coverage::None;
    }
    // The signature is the document, and all it holds is signed.
    let holds_all = own == root && !outside_root && uncovered_object(document, own, scope).is_none();
    if whole || holds_all { Coverage::WholeDocument } else { Coverage::Parts }
}

/// The covered things by name: `*` for the document, an element's identifier, `cid:…`, `content`.
pub(super) fn names(document: &Document<'_>, scope: &Scope) -> Vec<String> {
    let name = |covered: &Covered| match covered {
        Covered::Nodes(subset) if subset.apex == 0 => "*".to_owned(),
        Covered::Nodes(subset) => document.id_of(subset.apex).unwrap_or_default().to_owned(),
        Covered::Part(name) => format!("cid:{name}"),
        _ => "content".to_owned(),
    };
    scope.content().map(name).collect()
}

fn ranges<'s>(scopes: impl Iterator<Item = &'s Scope>, document: &Document<'_>) -> Vec<Range<NodeId>> {
    let mut ranges = Vec::new();
    for covered in scopes.flat_map(|scope| &scope.covered) {
        let (Covered::Nodes(subset) | Covered::Own(subset) | Covered::Manifest(subset, _)) = covered else {
            continue;
        };
        let all = document.range(subset.apex);
        match &subset.without {
            Some(without) => ranges.extend([all.start..without.start, without.end..all.end]),
            None => ranges.push(all),
        }
    }
    ranges.retain(|range| !range.is_empty());
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<NodeId>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

/// An object of the signature that is neither covered nor its own.
fn uncovered_object(document: &Document<'_>, signature: NodeId, scope: &Scope) -> Option<NodeId> {
    let ranges = ranges(std::iter::once(scope), document);
    document.child_elements(signature).filter(|child| document.local(*child) == "Object").find(|object| {
        let covered = |node: NodeId| ranges.iter().any(|range| range.contains(&node));
        let open = document.children(*object).any(|child| match document.node(child).kind {
            Kind::Element(_) => !covered(child) && document.local(child) != "QualifyingProperties",
            Kind::Text(span) => !covered(child) && !chars::trim(document.str(span)).is_empty(),
            _ => false,
        });
        open && !covered(*object)
    })
}

/// Content that no signature covers, or `None`. An element named like a signed one says that something was moved.
pub(super) fn unsigned(facts: &Facts<'_>) -> Option<Reason> {
    let document = &facts.document;
    let apexes = facts.scopes.iter().flat_map(|scope| &scope.covered).filter_map(|covered| match covered {
        Covered::Nodes(subset) if subset.apex != 0 => Some(subset.apex),
        _ => None,
    });
    let mut walk = Walk {
        facts,
        document,
        ranges: ranges(facts.scopes.iter(), document),
        apexes: apexes.collect(),
        landmarks: Vec::new(),
        first: None,
        wrapped: None,
    };
    walk.landmarks = walk.ranges.iter().map(|range| range.start).collect();
    walk.landmarks.extend(facts.signatures.iter().map(|found| found.node));
    walk.landmarks.sort_unstable();
    walk.run();
    walk.wrapped.or(walk.first)
}

struct Walk<'f, 'a> {
    facts: &'f Facts<'a>,
    document: &'f Document<'a>,
    ranges: Vec<Range<NodeId>>,
    apexes: Vec<NodeId>,
    /// Where something covered begins, and where signatures are.
    landmarks: Vec<NodeId>,
    first: Option<Reason>,
    wrapped: Option<Reason>,
}

impl Walk<'_, '_> {
    fn run(&mut self) {
        let mut at = 1;
        let mut next_range = 0;
        while at < self.document.nodes.len() {
            while self.ranges.get(next_range).is_some_and(|range| range.end <= at) {
                next_range += 1;
            }
            if let Some(range) = self.ranges.get(next_range).filter(|range| range.contains(&at)) {
                at = range.end;
                continue;
            }
            at = match self.document.node(at).kind {
                Kind::Element(_) => self.element(at),
                Kind::Text(span) => {
                    if !chars::trim(self.document.str(span)).is_empty() {
                        self.blame(at);
                    }
                    at + 1
                }
                _ => at + 1,
            };
        }
    }

    /// Looks at an element that is not covered; where to go on.
    fn element(&mut self, at: NodeId) -> NodeId {
        if is_signature(self.document, at) {
            return at + 1;
        }
        if self.is_machinery(at) || self.is_explained_by_package(at) {
            return self.document.end(at);
        }
        let range = self.document.range(at);
        let from = self.landmarks.partition_point(|mark| *mark < range.start);
        let holds = self.landmarks.get(from).is_some_and(|mark| range.contains(mark));
        if self.is_namesake(at) {
            let place = self.document.node(at).from as usize;
            self.wrapped.get_or_insert_with(|| Reason::at(Code::XmlWrapped, place));
        }
        if !holds || !self.is_plain(at) {
            self.blame(at);
        }
        at + 1
    }

    fn blame(&mut self, at: NodeId) {
        let place = self.document.node(at).from as usize;
        self.first.get_or_insert_with(|| Reason::at(Code::XmlUnsigned, place));
    }

    /// What a signature is made of. Its objects are not: they must be covered, except for XAdES properties, of which
    /// the signed ones are covered and the others prove themselves.
    fn is_machinery(&self, at: NodeId) -> bool {
        let parent = self.document.parent(at);
        if is_signature(self.document, parent) {
            return matches!(self.document.local(at), "SignedInfo" | "SignatureValue" | "KeyInfo");
        }
        let read = self.facts.signatures.iter().filter_map(|found| found.signature.as_ref().ok());
        read.filter_map(|signature| signature.xades.as_ref()).any(|xades| xades.properties == at)
    }

    fn is_namesake(&self, at: NodeId) -> bool {
        self.apexes.iter().any(|apex| {
            self.document.local(*apex) == self.document.local(at)
                && self.document.namespace(*apex) == self.document.namespace(at)
        })
    }

    /// A holding element's attributes say nothing about content: identifiers, `xml:`, where schemas are.
    fn is_plain(&self, at: NodeId) -> bool {
        let Some(element) = self.document.element(at) else { return false };
        // An object of a signature says how its content is encoded, which is covered or blamed itself.
        let object = is_signature(self.document, self.document.parent(at));
        object
            || self.document.attributes_of(element).iter().all(|attribute| {
                self.document.is_id(attribute)
                    || attribute.uri == XML_URI
                    || (attribute.uri != NO_URI && self.document.uri(attribute.uri) == XSI)
            })
    }

    /// The parts of an edXML package that RULES E34 leaves open: hubs append to the trace (R67), attachments are signed
    /// by their bytes, and the body lists just those, in the same order.
    fn is_explained_by_package(&self, at: NodeId) -> bool {
        let document = self.document;
        if !document.is_package() {
            return false;
        }
        let signed: Vec<&str> = self
            .facts
            .scopes
            .iter()
            .flat_map(|scope| &scope.covered)
            .filter_map(|covered| match covered {
                Covered::Part(name) => Some(name.as_str()),
                _ => None,
            })
            .collect();
        let parent = document.local(document.parent(at));
        match document.local(at) {
            "TraceHeaderList" => document.is(at, QCVN, "TraceHeaderList") && parent == "edXMLHeader",
            "AttachmentEncoded" => {
                let mut carried = attachments(document);
                document.parent(at) == document.root()
                    && carried.all(|(name, _)| name.is_some_and(|name| signed.contains(&name.as_str())))
            }
            "edXMLBody" => {
                let listed = document
                    .range(at)
                    .filter(|node| document.local(*node) == "Reference")
                    .filter_map(|node| content_id(document, node));
                parent == "edXMLEnvelope" && listed.eq(signed.iter().copied())
            }
            _ => false,
        }
    }
}

/// Comments the document has and no signature covers: a canonical form without comments lets anybody add and remove
/// them.
pub(super) fn open_comments(facts: &Facts<'_>) -> bool {
    let document = &facts.document;
    let any = document.nodes.iter().any(|node| matches!(node.kind, Kind::Comment(_)));
    any && !facts.signatures.iter().zip(&facts.scopes).any(|(found, scope)| {
        let signature = found.signature.as_ref().ok();
        let written = signature.into_iter().flat_map(|s| &s.references).any(|reference| {
            reference.transforms.iter().any(|t| matches!(t, super::Transform::Canonical(how) if how.comments))
        });
        written
            && scope.content().any(|covered| match covered {
                Covered::Nodes(subset) => subset.comments && subset.apex <= document.root(),
                _ => false,
            })
    })
}
