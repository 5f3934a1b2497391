//! The markup of a new package: two blanks per level, LF, one leaf per line.

use std::borrow::Cow;

use super::super::text::trimmed;
use super::super::xml::NAMESPACE;
use super::{Unwritable, check_value};

/// A package in the making. The root and the envelope are open from the start.
pub(super) struct Xml {
    out: String,
    depth: usize,
    places: Vec<usize>,
}

/// A package without the contents of its files.
pub(super) struct Markup {
    pub(super) text: Vec<u8>,
    /// Before which byte of the text each content belongs.
    pub(super) places: Vec<usize>,
}

impl Xml {
    pub(super) fn new() -> Self {
        let mut xml = Self { out: String::with_capacity(16 * 1024), depth: 0, places: Vec::new() };
        xml.line("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        xml.line(&format!("<edXML xmlns=\"{NAMESPACE}\">"));
        xml.depth = 1;
        xml.line(&format!("<edXML:edXMLEnvelope xmlns:edXML=\"{NAMESPACE}\">"));
        xml.depth = 2;
        xml
    }

    fn line(&mut self, text: &str) {
        for _ in 0..self.depth {
            self.out.push_str("  ");
        }
        self.out.push_str(text);
        self.out.push('\n');
    }

    pub(super) fn open(&mut self, name: &'static str) {
        self.line(&format!("<{name}>"));
        self.depth += 1;
    }

    pub(super) fn open_manifest(&mut self) {
        self.line("<edXML:edXMLManifest version=\"1.0\">");
        self.depth += 1;
    }

    pub(super) fn close(&mut self, name: &'static str) {
        self.depth = self.depth.saturating_sub(1);
        self.line(&format!("</{name}>"));
    }

    pub(super) fn close_envelope(&mut self) {
        self.close("edXML:edXMLEnvelope");
    }

    /// An element with a text, its lines ended by LF; an empty element when there is none (RULES E7).
    pub(super) fn leaf(&mut self, name: &'static str, value: &str) -> Result<(), Unwritable> {
        let value = trimmed(value);
        check_value(name.strip_prefix("edXML:").unwrap_or(name), &value)?;
        match value.is_empty() {
            true => self.line(&format!("<{name}/>")),
            false => self.line(&format!("<{name}>{}</{name}>", escaped(&value))),
        }
        Ok(())
    }

    /// A list of texts; nothing when it is empty.
    pub(super) fn list(
        &mut self,
        name: &'static str,
        item: &'static str,
        values: &[String],
    ) -> Result<(), Unwritable> {
        if values.is_empty() {
            return Ok(());
        }
        self.open(name);
        for value in values {
            self.leaf(item, value)?;
        }
        self.close(name);
        Ok(())
    }

    /// The one element below `AttachmentEncoded` that carries the prefix (RULES E2), with a place for what it holds.
    pub(super) fn content_transfer_encoded(&mut self) {
        let name = "edXML:ContentTransferEncoded";
        self.line(&format!("<{name} xmlns:edXML=\"{NAMESPACE}\"></{name}>"));
        // Before the closing tag and the end of the line.
        self.places.push(self.out.len().saturating_sub(name.len() + "</>\n".len()));
    }

    pub(super) fn finish(mut self) -> Markup {
        self.depth = 0;
        self.line("</edXML>");
        Markup { text: self.out.into_bytes(), places: self.places }
    }
}

/// Text between tags.
fn escaped(value: &str) -> Cow<'_, str> {
    if !value.contains(['&', '<', '>']) {
        return Cow::Borrowed(value);
    }
    let mut out = String::with_capacity(value.len() + 16);
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}
