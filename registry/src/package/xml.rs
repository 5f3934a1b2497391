//! XML read once, with a budget, into a small tree of local names.
//!
//! The reader is strict about well-formedness, because a receiver's reader is, and blind to prefixes, because field
//! packages use prefixes that nobody declared (VXP 4.2). Only the root and the envelope are looked at with their
//! namespace. No DTD, no entity beyond the five of XML itself. `quick-xml` finds the markup; what it leaves to its
//! caller (characters, names, attributes, the order of prolog, root and epilog) is checked here.
//!
//! RULES E4 refuses undeclared prefixes, E5 skips leading characters with a switch; VXP 4.2 and 6 decide otherwise,
//! because they were tried on the real client: undeclared prefixes are accepted, leading characters never are.

use std::borrow::Cow;

use quick_xml::events::Event;

use super::encoded::{Encoded, Hole};
use super::refusal::{Reason, Refusal};
use super::skim::Cut;
use super::text::{is_xml_char, is_xml_space};
use crate::Limits;

/// The one namespace of edXML (QCVN 102:2016, RULES 2.2).
pub(crate) const NAMESPACE: &str = "http://www.mic.gov.vn/TBT/QCVN_102_2016";

const ROOT: usize = 0;

#[derive(Debug)]
struct Node<'a> {
    local: &'a str,
    text: Cow<'a, str>,
    /// What of the text is not in memory.
    holes: Vec<Hole>,
    parent: usize,
    children: Vec<usize>,
}

/// All elements of a package. Node 0 is the root element and is its own parent; every other node comes after its
/// parent.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    nodes: Vec<Node<'a>>,
}

/// One element of a [`Tree`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'t, 'a> {
    tree: &'t Tree<'a>,
    at: usize,
}

impl<'a> Tree<'a> {
    /// Reads a whole package, of which `cuts` are not in memory.
    pub(crate) fn read(bytes: &'a [u8], cuts: &[Cut], limits: &Limits) -> Result<Self, Refusal> {
        let text = checked_text(bytes)?;
        let skipped = bytes.len() - text.len();
        let mut reader = quick_xml::Reader::from_str(text);
        reader.config_mut().check_comments = true;
        let mut builder = Builder::new(limits);
        loop {
            let before = position(&reader);
            let event = reader.read_event().map_err(|_| builder.refuse(Reason::NotWellFormed))?;
            let after = position(&reader);
            let markup = text.get(before..after).unwrap_or_default();
            builder.holes.clear();
            if matches!(event, Event::Text(_) | Event::CData(_)) {
                let is_literal = matches!(event, Event::CData(_));
                let begins = skipped + before + if is_literal { CDATA_START } else { 0 };
                builder.holes.extend(holes(cuts, begins, skipped + after, is_literal));
            }
            match event {
                Event::Eof => return builder.finish(),
                event => builder.take(event, markup, before == 0)?,
            }
        }
    }

    /// The root element.
    pub(crate) fn root(&self) -> Element<'_, 'a> {
        Element { tree: self, at: ROOT }
    }
}

/// `<![CDATA[`.
const CDATA_START: usize = 9;

/// What was cut out of a text that stands from `begins` to `ends`. No cut is at its beginning: some of each run stays.
fn holes(cuts: &[Cut], begins: usize, ends: usize, is_literal: bool) -> impl Iterator<Item = Hole> {
    let first = cuts.partition_point(|cut| cut.at <= begins);
    let inside = cuts.iter().skip(first).take_while(move |cut| cut.at <= ends);
    inside.map(move |cut| Hole { at: cut.at - begins, source: cut.source.clone(), is_literal })
}

fn position(reader: &quick_xml::Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

/// The text of a package: UTF-8, nothing before the first `<`, no character that XML forbids.
fn checked_text(bytes: &[u8]) -> Result<&str, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::new(Reason::Encoding, ""))?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let start = text.trim_start_matches(is_xml_space);
    if start.is_empty() {
        return Err(Refusal::new(Reason::Empty, ""));
    }
    // UTF-16 without a mark is valid UTF-8 as long as it is ASCII: its every second byte is NUL.
    if start.starts_with('\0') || start.starts_with("<\0") {
        return Err(Refusal::new(Reason::Encoding, ""));
    }
    let blanks_before_declaration = start.len() < text.len() && start.starts_with("<?xml");
    if !start.starts_with('<') || blanks_before_declaration {
        return Err(Refusal::new(Reason::Leading, ""));
    }
    match text.chars().all(is_xml_char) {
        true => Ok(text),
        false => Err(Refusal::new(Reason::ForbiddenCharacter, "")),
    }
}

struct Builder<'a, 'l> {
    limits: &'l Limits,
    nodes: Vec<Node<'a>>,
    open: Vec<usize>,
    /// The prefix bindings of the root, which the envelope may lean on.
    root_bindings: Vec<(&'a str, &'a str)>,
    closed: bool,
    /// What was cut out of the text that is being read.
    holes: Vec<Hole>,
}

impl<'a, 'l> Builder<'a, 'l> {
    fn new(limits: &'l Limits) -> Self {
        Self {
            limits,
            nodes: Vec::new(),
            open: Vec::new(),
            root_bindings: Vec::new(),
            closed: false,
            holes: Vec::new(),
        }
    }

    fn refuse(&self, reason: Reason) -> Refusal {
        let path = self.open.last().map(|&at| path_of(&self.nodes, at)).unwrap_or_default();
        Refusal::new(reason, path)
    }

    /// Takes one event; `markup` is the text of the package it was read from.
    fn take(&mut self, event: Event<'a>, markup: &'a str, first: bool) -> Result<(), Refusal> {
        match event {
            Event::Start(_) => self.open(markup.strip_prefix('<').and_then(|m| m.strip_suffix('>')), true),
            Event::Empty(_) => self.open(markup.strip_prefix('<').and_then(|m| m.strip_suffix("/>")), false),
            Event::End(_) => {
                self.open.pop();
                self.closed = self.open.is_empty();
                Ok(())
            }
            Event::Text(text) => self.text(text.into_inner()),
            Event::CData(text) if !self.open.is_empty() => self.append(text.into_inner()),
            Event::CData(_) => Err(self.outside()),
            Event::GeneralRef(name) => self.reference(&name),
            Event::Comment(text) if text.ends_with('-') => Err(self.refuse(Reason::NotWellFormed)),
            Event::Comment(_) => Ok(()),
            Event::PI(pi) => match is_name(pi.target()) && !pi.target().eq_ignore_ascii_case("xml") {
                true => Ok(()),
                false => Err(self.refuse(Reason::NotWellFormed)),
            },
            Event::Decl(declaration) if first => self.declaration(&declaration),
            Event::Decl(_) => Err(self.refuse(Reason::NotWellFormed)),
            Event::DocType(_) => Err(self.refuse(Reason::Doctype)),
            Event::Eof => Ok(()),
        }
    }

    /// What is wrong with content that stands outside the root.
    fn outside(&self) -> Refusal {
        Refusal::new(if self.closed { Reason::Trailing } else { Reason::Leading }, "")
    }

    fn declaration(&self, declaration: &str) -> Result<(), Refusal> {
        let malformed = || Refusal::new(Reason::NotWellFormed, "");
        let rest = declaration.strip_prefix("xml").ok_or_else(malformed)?;
        let attributes = scan_attributes(rest, 3).ok_or_else(malformed)?;
        let mut names = attributes.iter();
        let first = names.next().ok_or_else(malformed)?;
        if first.0 != "version" || !matches!(first.1, "1.0" | "1.1") {
            return Err(malformed());
        }
        for (name, value) in names {
            match *name {
                "encoding" if value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("utf8") => {}
                "encoding" => return Err(Refusal::new(Reason::Encoding, "")),
                "standalone" if matches!(*value, "yes" | "no") => {}
                _ => return Err(malformed()),
            }
        }
        Ok(())
    }

    /// Opens an element; `tag` is its tag without the angle brackets.
    fn open(&mut self, tag: Option<&'a str>, has_content: bool) -> Result<(), Refusal> {
        let tag = tag.ok_or_else(|| self.refuse(Reason::NotWellFormed))?;
        let (name, attributes) = tag.split_at(tag.find(is_xml_space).unwrap_or(tag.len()));
        if self.closed {
            return Err(self.outside());
        }
        if self.open.len() >= self.limits.depth_max {
            return Err(self.refuse(Reason::TooDeep));
        }
        if self.nodes.len() >= self.limits.elements_max {
            return Err(self.refuse(Reason::TooMany));
        }
        if !is_name(name) {
            return Err(self.refuse(Reason::NotWellFormed));
        }
        let attributes = scan_attributes(attributes, self.limits.attributes_max)
            .ok_or_else(|| self.refuse(Reason::NotWellFormed))?;
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        self.check_namespace(prefix, local, &attributes)?;
        let at = self.nodes.len();
        let parent = self.open.last().copied().unwrap_or(ROOT);
        self.nodes.push(Node {
            local,
            text: Cow::Borrowed(""),
            holes: Vec::new(),
            parent,
            children: Vec::new(),
        });
        if at != ROOT
            && let Some(parent) = self.nodes.get_mut(parent)
        {
            parent.children.push(at);
        }
        match has_content {
            true => self.open.push(at),
            false => self.closed = self.open.is_empty(),
        }
        Ok(())
    }

    /// Root and envelope must be in the namespace (VXP 4.2); everything else goes by local name.
    fn check_namespace(
        &mut self,
        prefix: &str,
        local: &str,
        attributes: &[(&'a str, &'a str)],
    ) -> Result<(), Refusal> {
        let declares = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
        let bound_to = |bindings: &[(&'a str, &'a str)]| {
            bindings.iter().find(|(name, _)| *name == declares).map(|(_, value)| *value)
        };
        match (self.open.len(), local) {
            (0, "edXML") if bound_to(attributes) == Some(NAMESPACE) => {
                self.root_bindings = attributes.to_vec();
                Ok(())
            }
            (0, _) => Err(Refusal::new(Reason::Root, local_for_people(local))),
            (1, "edXMLEnvelope") => {
                let bound = bound_to(attributes).or_else(|| bound_to(&self.root_bindings));
                match bound == Some(NAMESPACE) {
                    true => Ok(()),
                    false => Err(Refusal::new(Reason::Envelope, "edXML/edXMLEnvelope")),
                }
            }
            _ => Ok(()),
        }
    }

    fn text(&mut self, text: Cow<'a, str>) -> Result<(), Refusal> {
        let blank = text.chars().all(is_xml_space);
        if self.open.is_empty() {
            return if blank { Ok(()) } else { Err(self.outside()) };
        }
        if text.contains("]]>") {
            return Err(self.refuse(Reason::NotWellFormed));
        }
        // Indentation between elements is no text worth keeping.
        let indentation =
            blank && self.holes.is_empty() && self.current().is_some_and(|node| node.text.is_empty());
        if indentation { Ok(()) } else { self.append(text) }
    }

    fn reference(&mut self, name: &str) -> Result<(), Refusal> {
        if self.open.is_empty() {
            return Err(self.outside());
        }
        let resolved = resolve_reference(name).map_err(|reason| self.refuse(reason))?;
        self.append(Cow::Owned(resolved.into()))
    }

    fn append(&mut self, more: Cow<'a, str>) -> Result<(), Refusal> {
        let holes = std::mem::take(&mut self.holes);
        if let Some(node) = self.current() {
            let before = node.text.len();
            node.holes.extend(holes.into_iter().map(|hole| Hole { at: before + hole.at, ..hole }));
            match node.text.is_empty() {
                true => node.text = more,
                false => node.text.to_mut().push_str(&more),
            }
        }
        Ok(())
    }

    fn current(&mut self) -> Option<&mut Node<'a>> {
        let at = *self.open.last()?;
        self.nodes.get_mut(at)
    }

    fn finish(self) -> Result<Tree<'a>, Refusal> {
        match self.closed {
            true => Ok(Tree { nodes: self.nodes }),
            false => Err(self.refuse(Reason::NotWellFormed)),
        }
    }
}

/// The character a reference stands for.
fn resolve_reference(name: &str) -> Result<char, Reason> {
    let Some(number) = name.strip_prefix('#') else {
        return match name {
            "lt" => Ok('<'),
            "gt" => Ok('>'),
            "amp" => Ok('&'),
            "apos" => Ok('\''),
            "quot" => Ok('"'),
            _ => Err(Reason::Entity),
        };
    };
    let (digits, radix) = match number.strip_prefix('x') {
        Some(hex) => (hex, 16),
        None => (number, 10),
    };
    let plain = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    let value = if plain { u32::from_str_radix(digits, radix).ok() } else { None };
    value.and_then(char::from_u32).filter(|c| is_xml_char(*c)).ok_or(Reason::ForbiddenCharacter)
}

/// The attributes of a tag (XML 1.0 §3.1): each after white space, quoted, its value free of `<` and of references
/// that lead nowhere, no name twice. `None` when it is not so, or when there are more than `max`.
fn scan_attributes(mut rest: &str, max: usize) -> Option<Vec<(&str, &str)>> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    loop {
        let trimmed = rest.trim_start_matches(is_xml_space);
        if trimmed.is_empty() {
            return Some(found);
        }
        let separated = trimmed.len() < rest.len();
        let (name, after) = trimmed.split_once('=')?;
        let name = name.trim_end_matches(is_xml_space);
        let after = after.trim_start_matches(is_xml_space);
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, tail) = after.get(1..)?.split_once(quote)?;
        let fresh = found.iter().all(|(earlier, _)| *earlier != name);
        if !separated || !is_name(name) || !fresh || found.len() >= max || !is_attribute_value(value) {
            return None;
        }
        found.push((name, value));
        rest = tail;
    }
}

fn is_attribute_value(value: &str) -> bool {
    if value.contains('<') {
        return false;
    }
    value
        .split('&')
        .skip(1)
        .all(|after| after.split_once(';').is_some_and(|(name, _)| resolve_reference(name).is_ok()))
}

/// A name with at most one colon, which stands inside (Namespaces in XML §4). Letters beyond ASCII are not told apart.
fn is_name(name: &str) -> bool {
    let part = |part: &str| {
        let starts =
            part.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii());
        let goes_on = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') || !c.is_ascii();
        starts && part.chars().all(goes_on)
    };
    match name.split_once(':') {
        Some((prefix, local)) => part(prefix) && part(local),
        None => part(name),
    }
}

/// A name as a path shows it: it came from a stranger.
fn local_for_people(local: &str) -> String {
    local.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')).take(40).collect()
}

fn path_of(nodes: &[Node<'_>], at: usize) -> String {
    let mut parts = Vec::new();
    let mut at = at;
    // Parents come before their children, so this ends.
    while let Some(node) = nodes.get(at) {
        let mut part = local_for_people(node.local);
        if at != ROOT
            && let Some(parent) = nodes.get(node.parent)
        {
            let same: Vec<usize> = parent
                .children
                .iter()
                .copied()
                .filter(|&sibling| nodes.get(sibling).is_some_and(|s| s.local == node.local))
                .collect();
            if same.len() > 1 {
                let number = same.iter().position(|&sibling| sibling == at).unwrap_or(0) + 1;
                part.push_str(&format!("[{number}]"));
            }
        }
        parts.push(part);
        if at == ROOT {
            break;
        }
        at = node.parent;
    }
    parts.reverse();
    parts.join("/")
}

impl<'t, 'a> Element<'t, 'a> {
    fn node(&self) -> Option<&'t Node<'a>> {
        self.tree.nodes.get(self.at)
    }

    /// The local name.
    pub(crate) fn local(&self) -> &'a str {
        self.node().map_or("", |node| node.local)
    }

    /// The text directly inside, as it stands; the beginning of it when it is cut.
    pub(crate) fn raw_text(&self) -> &'t str {
        self.node().map_or("", |node| &node.text)
    }

    /// Whether the text is longer than what of it is in memory.
    pub(crate) fn is_cut(&self) -> bool {
        self.node().is_some_and(|node| !node.holes.is_empty())
    }

    /// The text directly inside, wherever it is.
    pub(crate) fn encoded(&self) -> Encoded {
        let node = self.node();
        let holes = node.map(|node| node.holes.clone()).unwrap_or_default();
        Encoded { text: self.raw_text().to_owned(), holes }
    }

    /// All elements directly inside.
    pub(crate) fn elements(self) -> impl Iterator<Item = Element<'t, 'a>> {
        let children = self.node().map_or(&[][..], |node| &node.children);
        children.iter().map(move |&at| Element { tree: self.tree, at })
    }

    /// The elements of that name directly inside.
    pub(crate) fn all(self, name: &'static str) -> impl Iterator<Item = Element<'t, 'a>> {
        self.elements().filter(move |child| child.local() == name)
    }

    /// The element of that name, which may stand once.
    pub(crate) fn one(self, name: &'static str) -> Result<Option<Element<'t, 'a>>, Refusal> {
        let mut found = self.all(name);
        let first = found.next();
        match found.next() {
            Some(second) => Err(second.refuse(Reason::Repeated)),
            None => Ok(first),
        }
    }

    /// Where this element is, for people.
    pub(crate) fn path(self) -> String {
        path_of(&self.tree.nodes, self.at)
    }

    /// Refuses the package because of this element.
    pub(crate) fn refuse(self, reason: Reason) -> Refusal {
        Refusal::new(reason, self.path())
    }

    /// Refuses the package because of an element that should be in this one.
    pub(crate) fn refuse_missing(self, reason: Reason, name: &str) -> Refusal {
        Refusal::new(reason, format!("{}/{name}", self.path()))
    }
}
