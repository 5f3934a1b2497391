//! A message read once (RFC 5322, RFC 2045–2049), into [`Facts`] that lists and readers use without ever parsing it
//! again.
//!
//! Reading never fails: what cannot be understood is kept as bytes and shown as such. What a stranger sends costs
//! bounded work: see [`Limits`].

use mail_parser::{Addr, Address, Encoding, HeaderValue, Message, MessageParser, MimeHeaders, PartType};
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::text::{clip, nfc};

mod content;
mod mime;
#[cfg(test)]
mod tests;

pub use content::{Content, part_bytes, part_content};

/// How much of a message is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// MIME parts. A message with more is shown as its headers and one unread block of bytes; the largest seen in the
    /// wild (mailing-list digests) have a few hundred.
    pub parts_max: usize,
    /// Messages within messages, counted by their declarations before anything is parsed: the parser keeps each inside
    /// the one before, and a stack has an end.
    pub nested_max: usize,
    /// Multiparts within multiparts. The structure is kept as a tree, and who reads it back goes no deeper than this either.
    pub depth_max: usize,
    /// Addresses kept per field; the rest are in the message itself.
    pub addresses_max: usize,
    /// Bytes kept of a subject, a name, a Message-ID.
    pub text_max: usize,
    /// Characters of the preview (RFC 8621 §4.1.4 allows 256).
    pub preview_chars: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            parts_max: 1_000,
            nested_max: 60,
            depth_max: 30,
            addresses_max: 1_000,
            text_max: 2_000,
            preview_chars: 256,
        }
    }
}

/// A name and an address as a header gives them; the address is whatever text stood there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// Display name, NFC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The address, unchecked.
    pub email: String,
}

/// A part of the message's structure (RFC 8621 §4.1.4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Part {
    /// Its name within the message; `None` for a multipart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part_id: Option<String>,
    /// Media type, lower case.
    pub media_type: String,
    /// Charset of a text part, as declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charset: Option<String>,
    /// File name, NFC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Content-Disposition, lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disposition: Option<String>,
    /// Content-Id without angle brackets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cid: Option<String>,
    /// Length once decoded, bytes.
    pub size: u64,
    /// Where the part's own headers begin in the message.
    pub header_at: u64,
    /// Where its body begins in the message.
    pub body_at: u64,
    /// Where its body ends in the message.
    pub end_at: u64,
    /// Its transfer encoding.
    pub encoding: TransferEncoding,
    /// The transfer encoding as declared, lower case, where that says more than `encoding`: `8bit`, `binary`, one nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_encoding: Option<String>,
    /// Line ends in the body of a text or a message, as it is written.
    #[serde(skip_serializing_if = "is_zero")]
    pub lines: u64,
    /// Where `name` stands.
    #[serde(skip_serializing_if = "NamedBy::is_nobody")]
    pub named_by: NamedBy,
    /// Parameters of Content-Type beside charset and `name`; names lower case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<(String, String)>,
    /// Parameters of Content-Disposition beside `name`; names lower case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disposition_parameters: Vec<(String, String)>,
    /// Content-Description, decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Content-MD5 (RFC 1864).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub md5: Option<String>,
    /// Content-Language (RFC 3282).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub language: Vec<String>,
    /// Content-Location (RFC 2557 §4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The parts of a multipart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// Which fields give a part its name; kept as a number, for every attachment has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
pub struct NamedBy {
    /// `name` of Content-Type.
    pub content_type: bool,
    /// `filename` of Content-Disposition.
    pub disposition: bool,
}

impl NamedBy {
    fn is_nobody(&self) -> bool {
        *self == Self::default()
    }
}

impl From<u8> for NamedBy {
    fn from(bits: u8) -> Self {
        Self { content_type: bits & 1 != 0, disposition: bits & 2 != 0 }
    }
}

impl From<NamedBy> for u8 {
    fn from(named_by: NamedBy) -> Self {
        Self::from(named_by.content_type) | Self::from(named_by.disposition) << 1
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// How a part's body is written (RFC 2045 §6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransferEncoding {
    /// As it is (7bit, 8bit, binary).
    #[default]
    Identity,
    /// Quoted-printable.
    Qp,
    /// Base64.
    Base64,
}

/// What reading a message once found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Message-ID without angle brackets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub message_id: Vec<String>,
    /// In-Reply-To.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub in_reply_to: Vec<String>,
    /// References, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// Subject, decoded, NFC.
    pub subject: String,
    /// Date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// The text of Date, where it is not what we would write of that moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// From.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<Mailbox>,
    /// Sender.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sender: Vec<Mailbox>,
    /// Reply-To.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reply_to: Vec<Mailbox>,
    /// To.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Mailbox>,
    /// Cc.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<Mailbox>,
    /// Bcc.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bcc: Vec<Mailbox>,
    /// The beginning of the text, one line.
    pub preview: String,
    /// Whether something is attached.
    pub has_attachment: bool,
    /// The structure.
    pub body: Part,
    /// What of the structure was looked at; see [`Facts::is_complete`].
    pub form: u8,
    /// Part ids to show as plain text, in order (RFC 8621 §4.1.4).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub text_body: Vec<String>,
    /// Part ids to show as HTML, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub html_body: Vec<String>,
    /// Part ids of attachments, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<String>,
}

/// The form of what is read now: parts have their lines and parameters.
const FORM: u8 = 1;

impl Facts {
    /// Whether parts have their lines, parameters and the rest that IMAP's BODYSTRUCTURE tells. Facts kept by an earlier version do not; the
    /// message has to be read again for those.
    pub fn is_complete(&self) -> bool {
        self.form >= FORM
    }

    /// The Message-IDs by which this message finds its conversation: its own, then those it refers to, newest first.
    pub fn thread_message_ids(&self) -> Vec<String> {
        let mut ids = self.message_id.clone();
        for id in self.in_reply_to.iter().chain(self.references.iter().rev()) {
            if !ids.contains(id) {
                ids.push(id.clone());
            }
        }
        ids
    }

    /// What reading the message would find once `bytes` bytes of header fields stand before it.
    pub fn moved(mut self, bytes: usize) -> Self {
        let by = bytes as u64;
        let mut waiting = vec![&mut self.body];
        let mut is_whole = true;
        while let Some(part) = waiting.pop() {
            // The message's own header begins with what was put before it.
            part.header_at += if std::mem::take(&mut is_whole) { 0 } else { by };
            part.body_at += by;
            part.end_at += by;
            waiting.extend(&mut part.parts);
        }
        self
    }

    /// Whether a part that says `binary` makes the message one that no line can hold (RFC 3030 §3). Lines that merely end in LF are none.
    pub fn is_binary(&self, raw: &[u8]) -> bool {
        let mut waiting = vec![&self.body];
        while let Some(part) = waiting.pop() {
            if part.declared_encoding.as_deref() == Some("binary") {
                return crate::recode::is_binary(raw);
            }
            waiting.extend(&part.parts);
        }
        false
    }

    /// The part with an id.
    pub fn part(&self, part_id: &str) -> Option<&Part> {
        let mut waiting = vec![&self.body];
        while let Some(part) = waiting.pop() {
            if part.part_id.as_deref() == Some(part_id) {
                return Some(part);
            }
            waiting.extend(&part.parts);
        }
        None
    }
}

/// Reads a message.
pub fn read(raw: &[u8], limits: &Limits) -> Facts {
    if let Some(message) = parse(raw, limits) {
        return whole(&message, raw, limits);
    }
    match MessageParser::default().parse_headers(raw) {
        Some(message) => opaque(&message, raw, limits),
        None => Facts { body: bytes_part(0, raw.len()), form: FORM, ..Facts::default() },
    }
}

/// The message with its parts; `None` when it has no header at all, too many parts, or parts too deep in one another.
fn parse<'r>(raw: &'r [u8], limits: &Limits) -> Option<Message<'r>> {
    if declares_nesting(raw, limits.nested_max) {
        return None;
    }
    let message = MessageParser::default().parse(raw)?;
    (message.parts.len() <= limits.parts_max && depth(&message) <= limits.depth_max).then_some(message)
}

/// Multiparts within multiparts.
fn depth(message: &Message<'_>) -> usize {
    let mut depths = vec![0; message.parts.len()];
    // A child comes after its parent.
    for (index, part) in message.parts.iter().enumerate().rev() {
        if let PartType::Multipart(children) = &part.body {
            let below = children.iter().filter_map(|child| depths.get(*child as usize)).max();
            depths[index] = below.map_or(0, |deepest| deepest + 1);
        }
    }
    depths.first().copied().unwrap_or_default()
}

/// Where the body of a message begins: after its first blank line, or at its end.
pub fn header_end(raw: &[u8]) -> usize {
    let mut at = 0;
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        if matches!(line, b"\r\n" | b"\n") {
            break;
        }
    }
    at
}

/// Whether more than `nested_max` messages may lie in one another.
pub fn declares_nesting(raw: &[u8], nested_max: usize) -> bool {
    const WORD: &[u8] = b"message/";
    raw.windows(WORD.len()).filter(|window| window.eq_ignore_ascii_case(WORD)).take(nested_max + 1).count()
        > nested_max
}

/// The headers, and the body as one block of bytes.
fn opaque(message: &Message<'_>, raw: &[u8], limits: &Limits) -> Facts {
    let mut facts = headers(message, limits);
    facts.body = bytes_part(header_end(raw), raw.len());
    facts.attachments = vec!["0".to_owned()];
    facts.has_attachment = true;
    facts
}

fn bytes_part(body_at: usize, end_at: usize) -> Part {
    Part {
        part_id: Some("0".to_owned()),
        media_type: "application/octet-stream".to_owned(),
        size: (end_at - body_at) as u64,
        body_at: body_at as u64,
        end_at: end_at as u64,
        ..Part::default()
    }
}

fn whole(message: &Message<'_>, raw: &[u8], limits: &Limits) -> Facts {
    let mut facts = headers(message, limits);
    let ids = |list: &[u32]| list.iter().map(u32::to_string).collect::<Vec<_>>();
    facts.text_body = ids(&message.text_body);
    facts.html_body = ids(&message.html_body);
    facts.attachments = ids(&message.attachments);
    facts.has_attachment = !message.attachments.is_empty();
    facts.body = structure(message, raw);
    facts.preview = preview(message, limits.preview_chars);
    facts
}

/// The tree of parts. The parser lists every part of this message before those of messages within it, a child after its parent, so
/// building from the back needs no recursion.
fn structure(message: &Message<'_>, raw: &[u8]) -> Part {
    let mut built: Vec<Option<Part>> = message.parts.iter().map(|_| None).collect();
    for (index, source) in message.parts.iter().enumerate().rev() {
        let mut part = part(source, index, raw);
        if let PartType::Multipart(children) = &source.body {
            part.part_id = None;
            part.parts = children
                .iter()
                .filter_map(|child| built.get_mut(*child as usize).and_then(Option::take))
                .collect();
        }
        built[index] = Some(part);
    }
    built.into_iter().next().flatten().unwrap_or_default()
}

fn part(source: &mail_parser::MessagePart<'_>, index: usize, raw: &[u8]) -> Part {
    let within = |offset: u32| (offset as usize).min(raw.len()) as u64;
    let content_type = source.content_type();
    let media_type = match (content_type, &source.body) {
        (Some(declared), _) => {
            let subtype = declared.c_subtype.as_deref().unwrap_or("octet-stream");
            let is_token = [&*declared.c_type, subtype].into_iter().all(mime::is_token);
            match is_token {
                true => format!("{}/{subtype}", declared.c_type).to_ascii_lowercase(),
                false => "application/octet-stream".to_owned(),
            }
        }
        (None, PartType::Text(_)) => "text/plain".to_owned(),
        (None, PartType::Message(_)) => "message/rfc822".to_owned(),
        (None, _) => "application/octet-stream".to_owned(),
    };
    Part {
        part_id: Some(index.to_string()),
        charset: content_type.and_then(|c| c.attribute("charset")).map(|c| clip(c, 64).to_owned()),
        name: source.attachment_name().map(|name| nfc(clip(name, 255))),
        disposition: source.content_disposition().map(|d| d.c_type.to_ascii_lowercase()),
        cid: source.content_id().map(|id| clip(id.trim_matches(['<', '>']), 255).to_owned()),
        size: source.len() as u64,
        header_at: within(source.offset_header),
        body_at: within(source.offset_body),
        end_at: within(source.offset_end),
        encoding: encoding(source),
        lines: lines(source, &media_type, raw),
        media_type: clip(&media_type, 127).to_owned(),
        ..mime::described(source)
    }
}

/// Line ends in the body of what has lines to IMAP: a text, a message, and a multipart without parts, which is read as text.
fn lines(source: &mail_parser::MessagePart<'_>, media_type: &str, raw: &[u8]) -> u64 {
    let has_lines = match &source.body {
        PartType::Multipart(children) => children.is_empty(),
        _ => ["text/", "message/", "multipart/"].iter().any(|kind| media_type.starts_with(kind)),
    };
    let body = raw.get(source.offset_body as usize..source.offset_end as usize).filter(|_| has_lines);
    body.unwrap_or_default().iter().filter(|byte| **byte == b'\n').count() as u64
}

/// The parser forgets the encoding of a body that breaks it; what looks at the bytes has to know, for mail programs decode them anyway.
fn encoding(source: &mail_parser::MessagePart<'_>) -> TransferEncoding {
    let declared = source.content_transfer_encoding().map(str::trim).unwrap_or_default();
    match source.encoding {
        Encoding::QuotedPrintable => TransferEncoding::Qp,
        Encoding::Base64 => TransferEncoding::Base64,
        Encoding::None if !source.is_encoding_problem => TransferEncoding::Identity,
        Encoding::None if declared.eq_ignore_ascii_case("base64") => TransferEncoding::Base64,
        Encoding::None if declared.eq_ignore_ascii_case("quoted-printable") => TransferEncoding::Qp,
        Encoding::None => TransferEncoding::Identity,
    }
}

fn preview(message: &Message<'_>, chars: usize) -> String {
    let text = message.body_text(0).unwrap_or_default();
    let mut preview = String::new();
    let mut count = 0;
    // Quoted lines say nothing new.
    let words = text.lines().filter(|line| !line.starts_with('>')).flat_map(str::split_whitespace);
    for word in words {
        let length = word.chars().count() + usize::from(count > 0);
        if count + length > chars {
            break;
        }
        if count > 0 {
            preview.push(' ');
        }
        preview.push_str(word);
        count += length;
    }
    nfc(&preview)
}

fn headers(message: &Message<'_>, limits: &Limits) -> Facts {
    let mailboxes = |address: Option<&Address<'_>>| mailboxes(address, limits);
    let sent_at = message.date().map(|date| Timestamp::from_secs(date.to_timestamp()));
    Facts {
        message_id: message_ids(message.header(mail_parser::HeaderName::MessageId), limits),
        in_reply_to: message_ids(message.header(mail_parser::HeaderName::InReplyTo), limits),
        references: message_ids(message.header(mail_parser::HeaderName::References), limits),
        subject: nfc(clip(message.subject().unwrap_or_default(), limits.text_max)),
        sent_at,
        date: mime::date(message, sent_at),
        form: FORM,
        from: mailboxes(message.from()),
        sender: mailboxes(message.sender()),
        reply_to: mailboxes(message.reply_to()),
        to: mailboxes(message.to()),
        cc: mailboxes(message.cc()),
        bcc: mailboxes(message.bcc()),
        ..Facts::default()
    }
}

fn message_ids(value: Option<&HeaderValue<'_>>, limits: &Limits) -> Vec<String> {
    let ids: Vec<&str> = match value {
        Some(HeaderValue::Text(one)) => vec![one],
        Some(HeaderValue::TextList(many)) => many.iter().map(AsRef::as_ref).collect(),
        _ => Vec::new(),
    };
    let first = ids.len().saturating_sub(limits.addresses_max);
    ids[first..].iter().map(|id| clip(id, limits.text_max).to_owned()).collect()
}

fn mailboxes(address: Option<&Address<'_>>, limits: &Limits) -> Vec<Mailbox> {
    let one = |addr: &Addr<'_>| {
        Some(Mailbox {
            name: addr.name.as_deref().map(|name| nfc(clip(name, limits.text_max))),
            email: clip(addr.address.as_deref()?, limits.text_max).to_owned(),
        })
    };
    match address {
        Some(Address::List(list)) => list.iter().take(limits.addresses_max).filter_map(one).collect(),
        Some(Address::Group(groups)) => groups
            .iter()
            .flat_map(|group| &group.addresses)
            .take(limits.addresses_max)
            .filter_map(one)
            .collect(),
        None => Vec::new(),
    }
}
