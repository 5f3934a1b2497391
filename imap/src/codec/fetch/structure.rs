//! BODY and BODYSTRUCTURE (RFC 9051 §7.5.2), from the facts of a row.

use mail::message::{self, Facts, Part, TransferEncoding};

use super::super::response::Out;
use super::envelope;

/// Messages within messages that are gone into, and multiparts within multiparts. What lies deeper is shown as a block of bytes.
pub(super) const MESSAGES_MAX: usize = 10;
const PARTS_DEEP_MAX: usize = 100;

/// Whether the structure cannot be told from the facts alone: they were read before parts had parameters and lines, or a message lies
/// within, whose envelope is in its bytes.
pub fn needs_bytes(facts: &Facts) -> bool {
    let mut waiting = vec![&facts.body];
    while let Some(part) = waiting.pop() {
        if is_message(part) {
            return true;
        }
        waiting.extend(&part.parts);
    }
    !facts.is_complete()
}

/// Writes a structure, with RFC 9051's extension data or without. `raw` is the whole message where [`needs_bytes`] says so; without
/// it such a message is told as far as it is known.
pub fn body_structure(out: &mut Out, facts: &Facts, raw: Option<&[u8]>, extended: bool) {
    match raw {
        Some(raw) if !facts.is_complete() => {
            let facts = message::read(raw, &message::Limits::default());
            Writer { out, raw: Some(raw), extended, messages: 0 }.part(&facts.body, 0);
        }
        _ => Writer { out, raw, extended, messages: 0 }.part(&facts.body, 0),
    }
}

/// Whether a part holds a message whose parts have numbers (RFC 2046 §5.2.1, RFC 6532 §3.7).
pub(super) fn is_message(part: &Part) -> bool {
    matches!(part.media_type.as_str(), "message/rfc822" | "message/global") && part.parts.is_empty()
}

struct Writer<'o, 'r> {
    out: &'o mut Out,
    raw: Option<&'r [u8]>,
    extended: bool,
    messages: usize,
}

impl Writer<'_, '_> {
    fn part(&mut self, part: &Part, depth: usize) {
        self.out.raw("(");
        let is_too_deep = depth >= PARTS_DEEP_MAX;
        if !part.parts.is_empty() && !is_too_deep {
            self.multipart(part, depth);
        } else if is_message(part) && self.messages < MESSAGES_MAX && !is_too_deep {
            self.message(part, depth);
        } else {
            self.leaf(part);
        }
        if self.extended {
            self.extension(part);
        }
        self.out.raw(")");
    }

    fn multipart(&mut self, part: &Part, depth: usize) {
        part.parts.iter().for_each(|child| self.part(child, depth + 1));
        self.out.raw(" ");
        self.out.string(part.media_type.split_once('/').map_or("mixed", |(_, subtype)| subtype));
        if self.extended {
            self.out.raw(" ");
            self.parameters(part);
        }
    }

    /// A part that is a message: its envelope, structure and lines.
    fn message(&mut self, part: &Part, depth: usize) {
        self.head(part, "message", "rfc822");
        let bytes = self.raw.map(|raw| message::part_bytes(raw, part)).unwrap_or_default();
        let facts = message::read(&bytes, &message::Limits::default());
        self.out.raw(" ");
        envelope(self.out, &facts);
        self.out.raw(" ");
        let (extended, messages) = (self.extended, self.messages + 1);
        Writer { out: self.out, raw: Some(&bytes), extended, messages }.part(&facts.body, depth + 1);
        self.out.raw(" ");
        self.out.number(part.lines);
    }

    fn leaf(&mut self, part: &Part) {
        let (kind, subtype) = part.media_type.split_once('/').unwrap_or(("application", "octet-stream"));
        match kind {
            // Without a part in it, it is read as text.
            "multipart" => self.head(part, "text", "plain"),
            // As a message it would have to go on.
            "message" if is_message(part) => self.head(part, "application", "octet-stream"),
            _ => self.head(part, kind, subtype),
        }
        if matches!(kind, "text" | "multipart") {
            self.out.raw(" ");
            self.out.number(part.lines);
        }
    }

    /// `body-fields` with the type before them.
    fn head(&mut self, part: &Part, kind: &str, subtype: &str) {
        self.out.string(kind);
        self.out.raw(" ");
        self.out.string(subtype);
        self.out.raw(" ");
        match kind == "text" && part.charset.is_none() {
            true if part.media_type.starts_with("multipart/") || !has_parameters(part) => {
                self.out.raw("(\"charset\" \"us-ascii\")");
            }
            _ => self.parameters(part),
        }
        self.out.raw(" ");
        match &part.cid {
            Some(cid) => self.out.string(&format!("<{cid}>")),
            None => self.out.raw("NIL"),
        }
        self.out.raw(" ");
        match &part.description {
            Some(text) => self.out.header_text(text),
            None => self.out.raw("NIL"),
        }
        self.out.raw(" ");
        self.out.string(match (&part.declared_encoding, part.encoding) {
            (Some(word), _) => word,
            (None, TransferEncoding::Identity) => "7bit",
            (None, TransferEncoding::Qp) => "quoted-printable",
            (None, TransferEncoding::Base64) => "base64",
        });
        self.out.raw(" ");
        self.out.number(part.end_at.saturating_sub(part.body_at));
    }

    /// Parameters of Content-Type.
    fn parameters(&mut self, part: &Part) {
        let name = part.name.as_deref().filter(|_| part.named_by.content_type);
        let first = [("charset", part.charset.as_deref()), ("name", name)];
        let first = first.into_iter().filter_map(|(name, value)| Some((name, value?)));
        self.list(first.chain(part.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))));
    }

    fn list<'t>(&mut self, parameters: impl Iterator<Item = (&'t str, &'t str)>) {
        let mut is_first = true;
        for (name, value) in parameters {
            self.out.raw(if std::mem::take(&mut is_first) { "(" } else { " " });
            self.out.parameter(name, value);
        }
        self.out.raw(if is_first { "NIL" } else { ")" });
    }

    /// `body-ext-1part` and `body-ext-mpart` from the point where both go on alike.
    fn extension(&mut self, part: &Part) {
        if part.parts.is_empty() {
            self.out.raw(" ");
            self.out.nstring(part.md5.as_deref());
        }
        self.out.raw(" ");
        match &part.disposition {
            None => self.out.raw("NIL"),
            Some(word) => {
                self.out.raw("(");
                self.out.string(word);
                self.out.raw(" ");
                let name = part.name.as_deref().filter(|_| part.named_by.disposition);
                let rest = part.disposition_parameters.iter();
                let rest = rest.map(|(name, value)| (name.as_str(), value.as_str()));
                self.list(name.map(|name| ("filename", name)).into_iter().chain(rest));
                self.out.raw(")");
            }
        }
        self.out.raw(" ");
        match part.language.as_slice() {
            [] => self.out.raw("NIL"),
            many => {
                for (index, language) in many.iter().enumerate() {
                    self.out.raw(if index == 0 { "(" } else { " " });
                    self.out.string(language);
                }
                self.out.raw(")");
            }
        }
        self.out.raw(" ");
        self.out.nstring(part.location.as_deref());
    }
}

fn has_parameters(part: &Part) -> bool {
    !part.parameters.is_empty() || (part.name.is_some() && part.named_by.content_type)
}
