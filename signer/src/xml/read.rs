//! The reader: XML 1.0 with namespaces, UTF-8, nothing that a document type could bring. One pass, no recursion, a
//! budget for everything a stranger chooses.

use super::chars::{is_char, is_space, ncname_len};
use super::tree::{
    Attribute, Declared, Document, Element, Id, Kind, NO_URI, Node, Span, UriId, XML, XML_URI, XMLNS,
};
use crate::limits::Limits;
use crate::message::{Code, Reason};
use std::collections::HashSet;
use std::ops::Range;

/// Reads a document.
///
/// Errors: not UTF-8 (RFC 3629; other encodings are not transcoded, since two readers could see two texts), not
/// well-formed, with a document type, or beyond the budget.
pub fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Document<'a>, Reason> {
    if bytes.len() > limits.file_bytes.min(i32::MAX as usize) {
        return Err(Reason::new(Code::FileTooLarge));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| Reason::at(Code::XmlEncoding, e.valid_up_to()))?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    check_characters(text)?;
    let mut reader = Reader::new(text, limits);
    reader.document()?;
    check_ids(&reader.document)?;
    Ok(reader.document)
}

/// No character that XML forbids, anywhere. UTF-16 without a mark shows itself here: every second byte is NUL.
fn check_characters(text: &str) -> Result<(), Reason> {
    let bytes = text.as_bytes();
    let bad = |b: &u8| *b < 0x20 && !is_space(*b);
    // Without branches these loops are done many bytes at a time. U+FFFE and U+FFFF are EF BF BE and EF BF BF.
    let (mut control, mut high) = (0u8, 0u8);
    for b in bytes {
        control |= u8::from(*b < 0x20) & u8::from(*b != 9) & u8::from(*b != 10) & u8::from(*b != 13);
        high |= u8::from(*b == 0xEF);
    }
    if control != 0 {
        let at = bytes.iter().position(bad).unwrap_or_default();
        let code = if bytes.get(at) == Some(&0) { Code::XmlEncoding } else { Code::XmlSyntax };
        return Err(Reason::at(code, at));
    }
    if high == 0 {
        return Ok(());
    }
    match text.find(['\u{FFFE}', '\u{FFFF}']) {
        Some(at) => Err(Reason::at(Code::XmlSyntax, at)),
        None => Ok(()),
    }
}

/// Two elements under one identifier: which one was signed would be anybody's guess. The lower-case `id` is data in
/// many formats and only refused where a signature points at it ([`Document::by_id`]).
fn check_ids(document: &Document<'_>) -> Result<(), Reason> {
    let mut seen = HashSet::new();
    let strict = document.ids.iter().filter(|id| id.strict);
    for id in strict {
        if !seen.insert(document.str(id.value)) {
            return Err(Reason::new(Code::XmlDuplicateId));
        }
    }
    Ok(())
}

struct Reader<'a, 'l> {
    document: Document<'a>,
    at: usize,
    limits: &'l Limits,
    /// Bindings in scope, innermost last.
    scope: Vec<Declared>,
    /// Open elements: node, and how long the scope was before it.
    open: Vec<(usize, usize)>,
    /// Attributes of the tag being read, not yet resolved.
    pending: Vec<Attribute>,
}

impl<'a, 'l> Reader<'a, 'l> {
    fn new(source: &'a str, limits: &'l Limits) -> Self {
        let document_node =
            Node { kind: Kind::Document, parent: 0, end: 1, from: 0, to: source.len() as u32 };
        let document = Document {
            source,
            decoded: String::new(),
            nodes: vec![document_node],
            elements: Vec::new(),
            attributes: Vec::new(),
            declared: Vec::new(),
            uris: vec![Span::default(), Span::default()],
            ids: Vec::new(),
        };
        Self { document, at: 0, limits, scope: Vec::new(), open: Vec::new(), pending: Vec::new() }
    }

    fn rest(&self) -> &'a str {
        self.document.source.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.document.source.as_bytes().get(self.at).copied()
    }

    fn fail<T>(&self, code: Code) -> Result<T, Reason> {
        Err(Reason::at(code, self.at))
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    fn expect(&mut self, text: &str) -> Result<(), Reason> {
        if self.take(text) { Ok(()) } else { self.fail(Code::XmlSyntax) }
    }

    /// Skips white space; whether there was any.
    fn space(&mut self) -> bool {
        let count = self.rest().bytes().take_while(|b| is_space(*b)).count();
        self.at += count;
        count > 0
    }

    /// The text before `mark`, which is consumed too.
    fn until(&mut self, mark: &str) -> Result<Range<usize>, Reason> {
        let start = self.at;
        match self.rest().find(mark) {
            Some(len) => {
                self.at += len + mark.len();
                Ok(start..start + len)
            }
            None => self.fail(Code::XmlSyntax),
        }
    }

    fn document(&mut self) -> Result<(), Reason> {
        self.declaration()?;
        let mut rooted = false;
        loop {
            self.space();
            match self.peek() {
                None if rooted => break,
                Some(b'<') => {}
                _ => return self.fail(Code::XmlSyntax),
            }
            match self.rest().as_bytes().get(1) {
                Some(b'?') => self.instruction()?,
                Some(b'!') => self.comment()?,
                _ if rooted => return self.fail(Code::XmlSyntax),
                _ => {
                    rooted = true;
                    self.start_tag()?;
                    self.content()?;
                }
            }
        }
        if let Some(first) = self.document.nodes.first().map(|n| n.end) {
            let count = self.document.nodes.len() as u32;
            debug_assert!(first <= count);
            if let Some(node) = self.document.nodes.first_mut() {
                node.end = count;
            }
        }
        Ok(())
    }

    /// `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` (§2.8): version 1.0, and an encoding that UTF-8 is.
    fn declaration(&mut self) -> Result<(), Reason> {
        let head = self.rest().as_bytes();
        if !(head.starts_with(b"<?xml") && head.get(5).is_some_and(|b| is_space(*b))) {
            return Ok(());
        }
        self.at += 5;
        let mut stage = 0;
        loop {
            let spaced = self.space();
            if self.take("?>") {
                return if stage > 0 { Ok(()) } else { self.fail(Code::XmlSyntax) };
            }
            let len = ncname_len(self.rest());
            let name = self.rest().get(..len).unwrap_or_default();
            self.at += len;
            let value = self.quoted()?;
            let value = self.document.source.get(value).unwrap_or_default();
            let utf8 = ["utf-8", "utf8", "us-ascii"].iter().any(|e| value.eq_ignore_ascii_case(e));
            stage = match (name, value) {
                ("version", "1.0") if spaced && stage == 0 => 1,
                ("encoding", _) if spaced && stage == 1 && utf8 => 2,
                ("encoding", _) if spaced && stage == 1 => return self.fail(Code::XmlEncoding),
                ("standalone", "yes" | "no") if spaced && (1..3).contains(&stage) => 3,
                _ => return self.fail(Code::XmlSyntax),
            };
        }
    }

    /// `= "value"`, raw.
    fn quoted(&mut self) -> Result<Range<usize>, Reason> {
        self.space();
        self.expect("=")?;
        self.space();
        let quote = match self.peek() {
            Some(quote @ (b'"' | b'\'')) => quote,
            _ => return self.fail(Code::XmlSyntax),
        };
        let start = self.at + 1;
        let inside = self.document.source.as_bytes().get(start..).unwrap_or_default();
        let Some(len) = inside.iter().position(|b| *b == quote) else { return self.fail(Code::XmlSyntax) };
        self.at = start + len + 1;
        Ok(start..start + len)
    }

    fn content(&mut self) -> Result<(), Reason> {
        while !self.open.is_empty() {
            let next = self.rest().bytes().position(|b| b == b'<');
            let Some(len) = next else { return self.fail(Code::XmlSyntax) };
            if len > 0 {
                self.characters(self.at..self.at + len)?;
                self.at += len;
            }
            match self.rest().as_bytes().get(1) {
                Some(b'/') => self.end_tag()?,
                Some(b'?') => self.instruction()?,
                Some(b'!') if self.rest().starts_with("<![CDATA[") => self.cdata()?,
                Some(b'!') => self.comment()?,
                _ => self.start_tag()?,
            }
        }
        Ok(())
    }

    fn push(&mut self, kind: Kind, span: Range<usize>) -> Result<usize, Reason> {
        let id = self.document.nodes.len();
        if id >= self.limits.xml_nodes {
            return Err(Reason::of(Code::Budget, "nodes"));
        }
        let parent = self.open.last().map_or(0, |(node, _)| *node as u32);
        let (from, to) = (span.start as u32, span.end as u32);
        self.document.nodes.push(Node { kind, parent, end: id as u32 + 1, from, to });
        Ok(id)
    }

    fn characters(&mut self, range: Range<usize>) -> Result<(), Reason> {
        let raw = self.document.source.get(range.clone()).unwrap_or_default();
        let bytes = raw.as_bytes();
        let (mut brackets, mut special) = (false, false);
        for byte in bytes {
            brackets |= *byte == b']';
            special |= matches!(byte, b'&' | b'\r');
        }
        if brackets && raw.contains("]]>") {
            return self.fail(Code::XmlSyntax);
        }
        let span = match special {
            true => self.decode(range.clone(), false)?,
            false => Span::source(range.clone()),
        };
        self.push(Kind::Text(span), range).map(drop)
    }

    fn cdata(&mut self) -> Result<(), Reason> {
        let start = self.at;
        self.at += "<![CDATA[".len();
        let range = self.until("]]>")?;
        if range.is_empty() {
            return Ok(());
        }
        let span = self.lines(range);
        self.push(Kind::Text(span), start..self.at).map(drop)
    }

    /// Text with its line ends made one (§2.11).
    fn lines(&mut self, range: Range<usize>) -> Span {
        let raw = self.document.source.get(range.clone()).unwrap_or_default();
        if !raw.contains('\r') {
            return Span::source(range);
        }
        let start = self.document.decoded.len();
        self.document.decoded.push_str(&raw.replace("\r\n", "\n").replace('\r', "\n"));
        Span::decoded(start..self.document.decoded.len())
    }

    /// Resolves references and line ends; in an attribute white space becomes spaces too (§3.3.3, no declared
    /// types).
    fn decode(&mut self, range: Range<usize>, attribute: bool) -> Result<Span, Reason> {
        let raw = self.document.source.get(range.clone()).unwrap_or_default();
        let start = self.document.decoded.len();
        let mut rest = raw;
        while let Some(at) = rest.find(['&', '\r', '\n', '\t']) {
            let (before, from) = rest.split_at(at);
            self.document.decoded.push_str(before);
            let (c, len) = match from.as_bytes().first() {
                Some(b'&') => reference(from).ok_or_else(|| Reason::at(Code::XmlEntity, range.start))?,
                Some(b'\r') if from.as_bytes().get(1) == Some(&b'\n') => ('\n', 2),
                Some(b'\t') => ('\t', 1),
                _ => ('\n', 1),
            };
            let literal = from.as_bytes().first() != Some(&b'&');
            self.document.decoded.push(if literal && attribute { ' ' } else { c });
            rest = from.get(len..).unwrap_or_default();
        }
        self.document.decoded.push_str(rest);
        if self.document.decoded.len() >= i32::MAX as usize {
            return Err(Reason::of(Code::Budget, "text"));
        }
        Ok(Span::decoded(start..self.document.decoded.len()))
    }

    fn comment(&mut self) -> Result<(), Reason> {
        let start = self.at;
        if !self.take("<!--") {
            let code = if self.rest().starts_with("<!DOCTYPE") { Code::XmlDoctype } else { Code::XmlSyntax };
            return self.fail(code);
        }
        let range = self.until("--")?;
        self.expect(">")?;
        let span = self.lines(range);
        self.push(Kind::Comment(span), start..self.at).map(drop)
    }

    fn instruction(&mut self) -> Result<(), Reason> {
        let start = self.at;
        self.at += 2;
        let len = ncname_len(self.rest());
        let target = self.at..self.at + len;
        let name = self.rest().get(..len).unwrap_or_default();
        if len == 0 || name.eq_ignore_ascii_case("xml") {
            return self.fail(Code::XmlSyntax);
        }
        self.at += len;
        let spaced = self.space();
        let data = self.until("?>")?;
        if !spaced && !data.is_empty() {
            return self.fail(Code::XmlSyntax);
        }
        let data = self.lines(data);
        self.push(Kind::Instruction { target: Span::source(target), data }, start..self.at).map(drop)
    }

    /// `prefix:local` or `local`.
    fn name(&mut self) -> Result<(Span, Span), Reason> {
        let part = |reader: &mut Self| {
            let len = ncname_len(reader.rest());
            let range = reader.at..reader.at + len;
            reader.at += len;
            if len == 0 { reader.fail(Code::XmlSyntax) } else { Ok(Span::source(range)) }
        };
        let first = part(self)?;
        match self.peek() {
            Some(b':') => {
                self.at += 1;
                Ok((first, part(self)?))
            }
            _ => Ok((Span::default(), first)),
        }
    }

    fn start_tag(&mut self) -> Result<(), Reason> {
        let start = self.at;
        if self.open.len() >= self.limits.xml_depth {
            return Err(Reason::of(Code::Budget, "depth"));
        }
        self.at += 1;
        let (prefix, local) = self.name()?;
        let before = self.scope.len();
        let declared_from = self.document.declared.len();
        self.pending.clear();
        let closed = loop {
            let spaced = self.space();
            if self.take("/>") {
                break true;
            }
            if self.take(">") {
                break false;
            }
            if !spaced {
                return self.fail(Code::XmlSyntax);
            }
            self.attribute()?;
        };
        let id = self.push(Kind::Element(self.document.elements.len() as u32), start..self.at)?;
        self.declare(declared_from)?;
        let uri = self.resolve(prefix, true)?;
        let attributes = self.resolve_attributes(id)?;
        let declared = (declared_from as u32, self.document.declared.len() as u32);
        self.document.elements.push(Element { prefix, local, uri, attributes, declared });
        match closed {
            true => self.scope.truncate(before),
            false => self.open.push((id, before)),
        }
        Ok(())
    }

    fn attribute(&mut self) -> Result<(), Reason> {
        let (prefix, local) = self.name()?;
        let range = self.quoted()?;
        let raw = self.document.source.get(range.clone()).unwrap_or_default();
        let mut special = false;
        for byte in raw.bytes() {
            if byte == b'<' {
                return self.fail(Code::XmlSyntax);
            }
            special |= matches!(byte, b'&' | b'\r' | b'\n' | b'\t');
        }
        let value = if special { self.decode(range, true)? } else { Span::source(range) };
        let name = self.document.str(if prefix.is_empty() { local } else { prefix });
        if name == "xmlns" {
            let prefix = if prefix.is_empty() { Span::default() } else { local };
            return self.declaration_of(prefix, value);
        }
        let most = self.limits.xml_attributes;
        if self.pending.len() >= most || self.document.attributes.len() >= self.limits.xml_nodes {
            return Err(Reason::of(Code::Budget, "attributes"));
        }
        self.pending.push(Attribute { prefix, local, uri: NO_URI, value });
        Ok(())
    }

    /// A namespace declaration (Namespaces in XML 1.0 §2.2, §3).
    fn declaration_of(&mut self, prefix: Span, value: Span) -> Result<(), Reason> {
        let (name, uri) = (self.document.str(prefix), self.document.str(value));
        let fits = match (name, uri) {
            ("xml", _) => uri == XML,
            ("xmlns", _) => false,
            (_, XML | XMLNS) => false,
            ("", _) => true,
            (_, uri) => !uri.is_empty(),
        };
        if !fits {
            return self.fail(Code::XmlNamespace);
        }
        let uri = self.intern(value)?;
        if self.document.declared.len() >= self.limits.xml_nodes {
            return Err(Reason::of(Code::Budget, "namespaces"));
        }
        self.document.declared.push(Declared { prefix, uri });
        Ok(())
    }

    fn intern(&mut self, value: Span) -> Result<UriId, Reason> {
        let uri = self.document.str(value);
        if uri.is_empty() {
            return Ok(NO_URI);
        }
        if uri == XML {
            return Ok(XML_URI);
        }
        let known = self.document.uris.iter().skip(2).position(|known| self.document.str(*known) == uri);
        if let Some(known) = known {
            return Ok(known as UriId + 2);
        }
        if self.document.uris.len() > self.limits.xml_namespaces {
            return Err(Reason::of(Code::Budget, "namespaces"));
        }
        self.document.uris.push(value);
        Ok(self.document.uris.len() as UriId - 1)
    }

    /// Brings the tag's declarations into scope; none twice.
    fn declare(&mut self, from: usize) -> Result<(), Reason> {
        let new = self.document.declared.get(from..).unwrap_or_default();
        for (at, one) in new.iter().enumerate() {
            let name = self.document.str(one.prefix);
            if new.iter().take(at).any(|other| self.document.str(other.prefix) == name) {
                return self.fail(Code::XmlSyntax);
            }
        }
        self.scope.extend_from_slice(new);
        match self.scope.len() > self.limits.xml_namespaces {
            true => Err(Reason::of(Code::Budget, "namespaces")),
            false => Ok(()),
        }
    }

    /// The namespace of a prefix; the default one is for elements only.
    fn resolve(&self, prefix: Span, element: bool) -> Result<UriId, Reason> {
        if prefix.is_empty() && !element {
            return Ok(NO_URI);
        }
        let name = self.document.str(prefix);
        let found = self.scope.iter().rev().find(|one| self.document.same(one.prefix, prefix));
        match (found, name) {
            (Some(one), _) => Ok(one.uri),
            (None, "") => Ok(NO_URI),
            (None, "xml") => Ok(XML_URI),
            (None, _) => self.fail(Code::XmlNamespace),
        }
    }

    fn resolve_attributes(&mut self, node: usize) -> Result<(u32, u32), Reason> {
        let first = self.document.attributes.len();
        let mut pending = std::mem::take(&mut self.pending);
        for (at, attribute) in pending.iter_mut().enumerate() {
            attribute.uri = self.resolve(attribute.prefix, false)?;
            let earlier = self.document.attributes.get(first..first + at).unwrap_or_default();
            let same =
                |a: &&Attribute| a.uri == attribute.uri && self.document.same(a.local, attribute.local);
            if let Some(other) = earlier.iter().find(same) {
                let prefix = |a: &Attribute| self.document.str(a.prefix);
                let twice = prefix(other) == prefix(attribute);
                return self.fail(if twice { Code::XmlSyntax } else { Code::XmlNamespace });
            }
            if self.document.is_id(attribute) {
                let strict = attribute.uri != NO_URI || self.document.str(attribute.local) != "id";
                self.document.ids.push(Id { value: attribute.value, node, strict });
            }
            self.document.attributes.push(*attribute);
        }
        self.pending = pending;
        Ok((first as u32, self.document.attributes.len() as u32))
    }

    fn end_tag(&mut self) -> Result<(), Reason> {
        self.at += 2;
        let (prefix, local) = self.name()?;
        self.space();
        self.expect(">")?;
        let Some((node, before)) = self.open.pop() else { return self.fail(Code::XmlSyntax) };
        let element = self.document.element(node);
        let fits = element
            .is_some_and(|e| self.document.same(e.prefix, prefix) && self.document.same(e.local, local));
        if !fits {
            return self.fail(Code::XmlSyntax);
        }
        let count = self.document.nodes.len() as u32;
        if let Some(node) = self.document.nodes.get_mut(node) {
            node.end = count;
            node.to = self.at as u32;
        }
        self.scope.truncate(before);
        Ok(())
    }
}

/// `&amp;`, `&#10;`, `&#xA;` at the beginning of `text`: the character and the bytes it takes. No other entity exists
/// without a document type.
fn reference(text: &str) -> Option<(char, usize)> {
    // The longest sensible one: `&#x10FFFF;`, with some zeros before.
    let end = text.bytes().take(32).position(|b| b == b';')?;
    let name = text.get(1..end)?;
    let c = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let (digits, radix) = match number.strip_prefix('x') {
                Some(hex) => (hex, 16),
                None => (number, 10),
            };
            if !digits.bytes().all(|b| char::from(b).is_digit(radix)) {
                return None;
            }
            char::from_u32(u32::from_str_radix(digits, radix).ok()?).filter(|c| is_char(*c))?
        }
    };
    Some((c, end + 1))
}
