//! A message made from properties (RFC 8621 §4.6): read and checked first, written then.
//!
//! No text of a client reaches a header field before it was looked at: a line end inside would begin a field of its
//! own.

use std::collections::{HashMap, HashSet};

use mail::{Chance, Domain, EmailAddress, Timestamp};
use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::headers::url::URL;
use mail_builder::mime::{BodyPart, MimePart};
use serde_json::{Map, Value};

use crate::Limits;
use crate::blobs::is_media_type;
use crate::error::SetError;
use crate::headers::{Form, HeaderProperty};

type Header = (String, HeaderType<'static>);

/// Properties that are header fields, in the order they are written.
const FIELDS: [(&str, &str, Form); 11] = [
    ("sentAt", "Date", Form::Date),
    ("from", "From", Form::Addresses),
    ("sender", "Sender", Form::Addresses),
    ("replyTo", "Reply-To", Form::Addresses),
    ("to", "To", Form::Addresses),
    ("cc", "Cc", Form::Addresses),
    ("bcc", "Bcc", Form::Addresses),
    ("subject", "Subject", Form::Text),
    ("messageId", "Message-ID", Form::MessageIds),
    ("inReplyTo", "In-Reply-To", Form::MessageIds),
    ("references", "References", Form::MessageIds),
];

/// Fields that only a mail server writes, or that describe the writing itself.
const NOT_FOR_CLIENTS: [&str; 9] = [
    "received",
    "return-path",
    "delivered-to",
    "authentication-results",
    "received-spf",
    "dkim-signature",
    "mime-version",
    "x-original-to",
    "domainkey-signature",
];

/// A message to be written.
#[derive(Debug)]
pub(crate) struct Draft {
    headers: Vec<Header>,
    body: Piece,
    blob_ids: Vec<String>,
}

/// A part of it.
#[derive(Debug)]
struct Piece {
    media_type: String,
    charset: Option<String>,
    name: Option<String>,
    disposition: Option<String>,
    headers: Vec<Header>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Text(String),
    Blob(String),
    Pieces(Vec<Piece>),
}

impl Draft {
    /// Reads what is left of an Email object once its mailboxes, keywords and date are taken out.
    pub(crate) fn read(mut object: Map<String, Value>, limits: &Limits) -> Result<Self, SetError> {
        let headers = read_headers(&mut object)?;
        let values = read_values(object.remove("bodyValues"))?;
        let mut reader = PieceReader { values, limits, count: 0, blob_ids: Vec::new() };
        let body = reader.body(&mut object)?;
        if let Some(name) = object.keys().next() {
            return Err(SetError::invalid(mail::text::clip(name, 100), "cannot be set"));
        }
        Ok(Self { headers, body, blob_ids: reader.blob_ids })
    }

    /// The blobs it is made of.
    pub(crate) fn blob_ids(&self) -> &[String] {
        &self.blob_ids
    }

    /// Writes the message. `blobs` has every one of [`Draft::blob_ids`].
    pub(crate) fn write(
        self,
        mut blobs: HashMap<String, Vec<u8>>,
        host: &Domain,
        now: Timestamp,
        chance: &dyn Chance,
    ) -> Vec<u8> {
        let mut builder = MessageBuilder::new();
        let has = |name: &str| self.headers.iter().any(|(other, _)| other == name);
        // Written here in any case: the library would ask the clock and the host's name.
        if !has("Date") {
            builder = builder.header("Date", HeaderType::Raw(Raw::new(now.to_rfc5322())));
        }
        if !has("Message-ID") {
            builder = builder.header(
                "Message-ID",
                HeaderType::MessageId(MessageId::new(format!("{}@{host}", draw(chance)))),
            );
        }
        for (name, value) in self.headers {
            builder = builder.header(name, value);
        }
        let mut message = Vec::new();
        builder.body(self.body.into_mime(&mut blobs, chance)).serialize(&mut message);
        message
    }
}

/// 120 random bits, in hexadecimal.
fn draw(chance: &dyn Chance) -> String {
    let mut bytes = [0; 15];
    chance.fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Piece {
    fn multipart(subtype: &str, pieces: Vec<Self>) -> Self {
        Self {
            media_type: format!("multipart/{subtype}"),
            charset: None,
            name: None,
            disposition: None,
            headers: Vec::new(),
            content: Content::Pieces(pieces),
        }
    }

    /// As deep as [`Limits::composed_depth_max`] let it be read, and two levels more for what holds attachments.
    fn into_mime(self, blobs: &mut HashMap<String, Vec<u8>>, chance: &dyn Chance) -> MimePart<'static> {
        let mut content_type = ContentType::new(self.media_type.clone());
        if let Some(charset) = self.charset {
            content_type = content_type.attribute("charset", charset);
        }
        if let Some(name) = &self.name {
            content_type = content_type.attribute("name", name.clone());
        }
        let mut encoding = None;
        let contents = match self.content {
            Content::Text(text) => BodyPart::Text(text.into()),
            Content::Blob(blob_id) => {
                let bytes = blobs.get(&blob_id).cloned().unwrap_or_default();
                encoding = message_encoding(&self.media_type, &bytes);
                BodyPart::Binary(bytes.into())
            }
            Content::Pieces(pieces) => {
                content_type = content_type.attribute("boundary", format!("=_{}", draw(chance)));
                BodyPart::Multipart(pieces.into_iter().map(|piece| piece.into_mime(blobs, chance)).collect())
            }
        };
        let mut headers = vec![("Content-Type".into(), HeaderType::ContentType(content_type))];
        if let Some(disposition) = self.disposition {
            let mut value = ContentType::new(disposition);
            if let Some(name) = self.name {
                value = value.attribute("filename", name);
            }
            headers.push(("Content-Disposition".into(), HeaderType::ContentType(value)));
        }
        headers.extend(self.headers.into_iter().map(|(name, value)| (name.into(), value)));
        if let Some(encoding) = encoding {
            headers.push(("Content-Transfer-Encoding".into(), HeaderType::Raw(Raw::new(encoding))));
        }
        MimePart { headers, contents }
    }
}

/// RFC 2046 §5.2.1: a message inside a message is not encoded. One whose lines would not pass is encoded all the same;
/// readers cope with that better than with a broken transfer.
fn message_encoding(media_type: &str, bytes: &[u8]) -> Option<&'static str> {
    let passes = || {
        bytes.split(|b| *b == b'\n').all(|line| {
            line.len() <= 998 && !line.contains(&0) && !line[..line.len().saturating_sub(1)].contains(&b'\r')
        })
    };
    match media_type {
        "message/rfc822" | "message/global" if passes() => {
            Some(if bytes.is_ascii() { "7bit" } else { "8bit" })
        }
        _ => None,
    }
}

fn read_headers(object: &mut Map<String, Value>) -> Result<Vec<Header>, SetError> {
    let mut headers = Vec::new();
    let mut seen = HashSet::new();
    for (property, field, form) in FIELDS {
        match object.remove(property) {
            None | Some(Value::Null) => {}
            Some(value) => {
                seen.insert(field.to_ascii_lowercase());
                headers.push((field.to_owned(), read_value(property, form, &value)?));
            }
        }
    }
    let given: Vec<String> = object.keys().filter(|name| name.starts_with("header:")).cloned().collect();
    for property in given {
        let Some(value) = object.remove(&property) else { continue };
        let header = HeaderProperty::read(&property["header:".len()..])
            .map_err(|e| SetError::invalid(property.clone(), e.to_string()))?;
        let lower = header.name.to_ascii_lowercase();
        if lower.starts_with("content-")
            || lower.starts_with("arc-")
            || NOT_FOR_CLIENTS.contains(&lower.as_str())
        {
            return Err(SetError::invalid(property, "not a field for a client to write here"));
        }
        if !seen.insert(lower) {
            return Err(SetError::invalid(property, "the field is given twice"));
        }
        headers.extend(read_header(&property, header, value)?);
    }
    Ok(headers)
}

/// A `header:…` property: one field, or with `:all` one for each item.
fn read_header(property: &str, header: HeaderProperty, value: Value) -> Result<Vec<Header>, SetError> {
    let known = FIELDS.iter().find(|(_, field, _)| field.eq_ignore_ascii_case(&header.name));
    let name = known.map_or(header.name.as_str(), |(_, field, _)| field);
    let one = |value: &Value| Ok((name.to_owned(), read_value(property, header.form, value)?));
    match (header.all, value) {
        (_, Value::Null) => Ok(Vec::new()),
        (false, value) => one(&value).map(|header| vec![header]),
        // RFC 5322 §3.6: the fields that have a property of their own stand once.
        (true, Value::Array(list)) if list.len() > 1 && known.is_some() => {
            Err(SetError::invalid(property, "the field stands once"))
        }
        (true, Value::Array(list)) => list.iter().map(one).collect(),
        (true, _) => Err(SetError::invalid(property, "`:all` is a list")),
    }
}

fn read_value(property: &str, form: Form, value: &Value) -> Result<HeaderType<'static>, SetError> {
    let read = match form {
        Form::Raw => value.as_str().and_then(raw).map(|text| HeaderType::Raw(Raw::new(text))),
        Form::Text => value
            .as_str()
            .filter(|text| is_one_line(text))
            .map(|text| HeaderType::Text(Text::new(text.to_owned()))),
        Form::Date => value
            .as_str()
            .and_then(|text| Timestamp::parse_rfc3339(text).ok())
            .map(|moment| HeaderType::Raw(Raw::new(moment.to_rfc5322()))),
        Form::Addresses => addresses(value).map(|list| HeaderType::Address(Address::new_list(list))),
        Form::GroupedAddresses => groups(value).map(|list| HeaderType::Address(Address::new_list(list))),
        Form::MessageIds => tokens(value).map(|id| HeaderType::MessageId(MessageId { id })),
        Form::Urls => tokens(value).map(|url| HeaderType::URL(URL { url })),
    };
    read.ok_or_else(|| SetError::invalid(property, "not a value of this field"))
}

/// No control characters but the tabulator.
fn is_one_line(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || c == '\t')
}

/// A raw value, unfolded; ASCII, and every word short enough for a line (RFC 5322 §2.1.1).
fn raw(text: &str) -> Option<String> {
    let text = text.replace("\r\n ", " ").replace("\r\n\t", "\t");
    let fits = text.split([' ', '\t']).all(|word| word.len() <= 900);
    (text.is_ascii() && is_one_line(&text) && fits).then(|| text.trim().to_owned())
}

fn addresses(value: &Value) -> Option<Vec<Address<'static>>> {
    value.as_array()?.iter().map(address).collect()
}

fn address(value: &Value) -> Option<Address<'static>> {
    let email = email(value.get("email")?.as_str()?)?;
    Some(Address::new_address(optional_name(value)?, email))
}

/// A group's or person's name: `Some(None)` when there is none, `None` when it is not one.
fn optional_name(value: &Value) -> Option<Option<String>> {
    match value.get("name") {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(name)) if is_one_line(name) && name.len() <= 2_000 => {
            let name = mail::text::nfc(name.trim());
            Some((!name.is_empty()).then_some(name))
        }
        Some(_) => None,
    }
}

/// An address as it goes into a field. What is being typed need not be whole yet, but is never more than one address.
fn email(text: &str) -> Option<String> {
    if let Ok(address) = text.parse::<EmailAddress>() {
        return Some(address.to_string());
    }
    let is_harmless = matches!(text.len(), 1..=254)
        && text.bytes().all(|b| b.is_ascii_graphic() && !b"<>()[]\\,;:\"".contains(&b));
    is_harmless.then(|| text.to_owned())
}

fn groups(value: &Value) -> Option<Vec<Address<'static>>> {
    let mut all = Vec::new();
    for group in value.as_array()? {
        let members = addresses(group.get("addresses")?)?;
        match optional_name(group)? {
            None => all.extend(members),
            name => all.push(Address::new_group(name, members)),
        }
    }
    Some(all)
}

/// Message ids or URLs: what may stand between angle brackets.
fn tokens(value: &Value) -> Option<Vec<std::borrow::Cow<'static, str>>> {
    let list = value.as_array()?;
    list.iter()
        .map(|item| {
            let text = item.as_str()?;
            let fits = matches!(text.len(), 1..=900)
                && text.bytes().all(|b| b.is_ascii_graphic() && !b"<>".contains(&b));
            fits.then(|| text.to_owned().into())
        })
        .collect()
}

/// `bodyValues`: the texts by part id.
fn read_values(value: Option<Value>) -> Result<HashMap<String, String>, SetError> {
    let wrong = || SetError::invalid("bodyValues", "a map of {value}, neither truncated nor with a problem");
    let map = match value {
        None | Some(Value::Null) => return Ok(HashMap::new()),
        Some(Value::Object(map)) => map,
        Some(_) => return Err(wrong()),
    };
    map.into_iter()
        .map(|(part_id, mut value)| {
            let object = value.as_object_mut().ok_or_else(wrong)?;
            let is_false = |name: &str| object.get(name).is_none_or(|flag| flag == &Value::Bool(false));
            if !is_false("isEncodingProblem") || !is_false("isTruncated") {
                return Err(wrong());
            }
            match object.remove("value") {
                Some(Value::String(text)) => Ok((part_id, text)),
                _ => Err(wrong()),
            }
        })
        .collect()
}

/// Reads parts, and counts them.
struct PieceReader<'l> {
    values: HashMap<String, String>,
    limits: &'l Limits,
    count: usize,
    blob_ids: Vec<String>,
}

impl PieceReader<'_> {
    /// `bodyStructure`, or the simpler three lists (RFC 8621 §4.6).
    fn body(&mut self, object: &mut Map<String, Value>) -> Result<Piece, SetError> {
        let mut take = |name: &str| object.remove(name).filter(|value| !value.is_null());
        let (structure, text) = (take("bodyStructure"), take("textBody"));
        let (html, attachments) = (take("htmlBody"), take("attachments"));
        if let Some(structure) = structure {
            if text.is_some() || html.is_some() || attachments.is_some() {
                return Err(SetError::invalid("bodyStructure", "stands alone"));
            }
            return self.piece("bodyStructure", structure, 0);
        }
        let text = text.map(|list| self.only("textBody", list, "text/plain")).transpose()?;
        let html = html.map(|list| self.only("htmlBody", list, "text/html")).transpose()?;
        let attachments = match attachments {
            None => Vec::new(),
            Some(Value::Array(list)) => {
                list.into_iter().map(|part| self.piece("attachments", part, 0)).collect::<Result<_, _>>()?
            }
            Some(_) => return Err(SetError::invalid("attachments", "a list of parts")),
        };
        Ok(arrange(text, html, attachments))
    }

    /// The one part of `textBody` or `htmlBody`.
    fn only(&mut self, property: &str, list: Value, media_type: &str) -> Result<Piece, SetError> {
        let wrong = || SetError::invalid(property, format!("one part of type {media_type}"));
        let Value::Array(list) = list else { return Err(wrong()) };
        let [mut part] = <[Value; 1]>::try_from(list).map_err(|_| wrong())?;
        if let Some(object) = part.as_object_mut() {
            object.entry("type").or_insert_with(|| media_type.into());
        }
        let piece = self.piece(property, part, 0)?;
        if piece.media_type == media_type { Ok(piece) } else { Err(wrong()) }
    }

    fn piece(&mut self, property: &str, value: Value, depth: usize) -> Result<Piece, SetError> {
        let wrong = |why: &str| SetError::invalid(property, why);
        let Value::Object(mut object) = value else { return Err(wrong("a part is an object")) };
        self.count += 1;
        if self.count > self.limits.composed_parts_max || depth > self.limits.composed_depth_max {
            return Err(wrong("too many parts, or too deep in one another"));
        }
        let mut text = |name: &str| match object.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong("a property of a part has a wrong type")),
        };
        let (part_id, blob_id) = (text("partId")?, text("blobId")?);
        let (media_type, charset) = (text("type")?, text("charset")?);
        let (name, disposition) = (text("name")?, text("disposition")?);
        let (cid, location) = (text("cid")?, text("location")?);
        object.remove("size");
        let children = object.remove("subParts").filter(|value| !value.is_null());
        let default = if children.is_some() { "multipart/mixed" } else { "text/plain" };
        let media_type = media_type.unwrap_or_else(|| default.to_owned()).to_ascii_lowercase();
        if !is_media_type(&media_type) || media_type.starts_with("multipart/") != children.is_some() {
            return Err(wrong("a media type; multipart with subParts, and only then"));
        }
        let is_word = |word: &str| is_media_type(&format!("x/{word}"));
        if ![&charset, &disposition].into_iter().flatten().all(|word| is_word(word)) {
            return Err(wrong("a charset or disposition that is no word"));
        }
        if name.as_ref().is_some_and(|name| !is_one_line(name) || name.len() > 255) {
            return Err(wrong("a name of one line, 255 bytes at most"));
        }
        let headers = part_headers(property, cid, location, object)?;
        let (content, charset) = match (part_id, blob_id, children) {
            (Some(part_id), None, None) => {
                if charset.is_some() {
                    return Err(wrong("text given by partId has no charset of its own"));
                }
                let text = self.values.get(&part_id).ok_or_else(|| wrong("a partId without a body value"))?;
                (Content::Text(with_crlf(text)), Some("utf-8".to_owned()))
            }
            (None, Some(blob_id), None) => {
                if !self.blob_ids.contains(&blob_id) {
                    self.blob_ids.push(blob_id.clone());
                }
                (Content::Blob(blob_id), charset)
            }
            (None, None, Some(Value::Array(list))) => {
                let pieces = list.into_iter().map(|part| self.piece(property, part, depth + 1));
                (Content::Pieces(pieces.collect::<Result<_, _>>()?), None)
            }
            _ => return Err(wrong("a part has a partId, a blobId or subParts")),
        };
        let name = name.map(|name| mail::text::nfc(&name));
        Ok(Piece {
            media_type,
            charset,
            name,
            disposition: disposition.map(|d| d.to_ascii_lowercase()),
            headers,
            content,
        })
    }
}

/// The fields of a part; everything of its object that was not taken out must be one.
fn part_headers(
    property: &str,
    cid: Option<String>,
    location: Option<String>,
    object: Map<String, Value>,
) -> Result<Vec<Header>, SetError> {
    let wrong = |why: &str| SetError::invalid(property, why);
    let mut headers: Vec<Header> = Vec::new();
    let is_token = |text: &str| text.bytes().all(|b| b.is_ascii_graphic() && !b"<>".contains(&b));
    for (name, value) in [("Content-ID", cid), ("Content-Location", location)] {
        match value {
            None => {}
            Some(value) if matches!(value.len(), 1..=900) && is_token(&value) => {
                let value = if name == "Content-ID" { format!("<{value}>") } else { value };
                headers.push((name.to_owned(), HeaderType::Raw(Raw::new(value))));
            }
            Some(_) => return Err(wrong("a cid or location that cannot stand in a field")),
        }
    }
    for (name, value) in object {
        if name == "language" {
            let tags: Option<Vec<&str>> =
                value.as_array().map(|list| list.iter().filter_map(Value::as_str).collect());
            match tags {
                _ if value.is_null() => {}
                Some(tags) if !tags.is_empty() && tags.iter().all(|t| is_media_type(&format!("x/{t}"))) => {
                    headers.push(("Content-Language".to_owned(), HeaderType::Raw(Raw::new(tags.join(", ")))));
                }
                _ => return Err(wrong("a language that is no list of tags")),
            }
            continue;
        }
        let Some(rest) = name.strip_prefix("header:") else {
            return Err(wrong(&format!("a part's `{}` cannot be set", mail::text::clip(&name, 100))));
        };
        let header = HeaderProperty::read(rest).map_err(|e| wrong(&e.to_string()))?;
        // Each of these has a property of its own, or is for the server to choose.
        const OWN: [&str; 6] = ["type", "disposition", "id", "language", "location", "transfer-encoding"];
        let lower = header.name.to_ascii_lowercase();
        if lower.strip_prefix("content-").is_none_or(|rest| OWN.contains(&rest)) {
            return Err(wrong("a part's own fields begin with Content- and have no property of their own"));
        }
        headers.extend(read_header(property, header, value)?);
    }
    Ok(headers)
}

/// Text and HTML side by side, pictures that the HTML shows beside the HTML, everything else after.
fn arrange(text: Option<Piece>, html: Option<Piece>, attachments: Vec<Piece>) -> Piece {
    let is_shown = |piece: &Piece| {
        piece.disposition.as_deref() == Some("inline")
            && piece.headers.iter().any(|(name, _)| name == "Content-ID")
    };
    let (shown, others): (Vec<_>, Vec<_>) =
        attachments.into_iter().partition(|piece| html.is_some() && is_shown(piece));
    let html = html.map(|html| match shown.is_empty() {
        true => html,
        false => Piece::multipart("related", std::iter::once(html).chain(shown).collect()),
    });
    let body = match (text, html) {
        (Some(text), Some(html)) => Some(Piece::multipart("alternative", vec![text, html])),
        (Some(one), None) | (None, Some(one)) => Some(one),
        (None, None) => None,
    };
    let empty = || Piece {
        media_type: "text/plain".to_owned(),
        charset: Some("utf-8".to_owned()),
        name: None,
        disposition: None,
        headers: Vec::new(),
        content: Content::Text(String::new()),
    };
    match (body, others.is_empty()) {
        (Some(body), true) => body,
        (None, true) => empty(),
        (body, false) => {
            let all = body.into_iter().chain(others.into_iter().map(|mut piece| {
                piece.disposition.get_or_insert_with(|| "attachment".to_owned());
                piece
            }));
            Piece::multipart("mixed", all.collect())
        }
    }
}

fn with_crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::headers::Block;

    /// Counts up, so that everything drawn differs and every run is the same.
    struct Counter(std::sync::atomic::AtomicU8);

    impl Chance for Counter {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    fn write(object: Value) -> Result<Vec<u8>, SetError> {
        let Value::Object(object) = object else { unreachable!() };
        let draft = Draft::read(object, &Limits::default())?;
        let blobs =
            draft.blob_ids().iter().map(|id| (id.clone(), b"Subject: x\r\n\r\nHello".to_vec())).collect();
        let now = Timestamp::from_secs(1_795_309_200);
        Ok(draft.write(blobs, &"a.gov.vn".parse().unwrap(), now, &Counter(0.into())))
    }

    #[test]
    fn the_same_draft_is_written_the_same() {
        let object = json!({
            "from": [{ "email": "an@a.gov.vn" }], "subject": "Giấy mời",
            "textBody": [{ "partId": "1" }], "htmlBody": [{ "partId": "2" }],
            "attachments": [{ "blobId": "b", "type": "message/rfc822" }],
            "bodyValues": { "1": { "value": "Kính gửi" }, "2": { "value": "<p>" } },
        });
        // Neither a clock nor chance of its own.
        assert_eq!(write(object.clone()), write(object.clone()));
        let message = String::from_utf8(write(object).unwrap()).unwrap();
        assert!(message.starts_with("Date: Sun, 22 Nov 2026 08:00:00 +0700\r\n"), "{message}");
        assert!(
            message.contains("Content-Transfer-Encoding: 7bit\r\n\r\nSubject: x\r\n\r\nHello"),
            "{message}"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_of_a_client_becomes_a_field_of_its_own(
            text in "[\\x00-\\x7f\u{103}]{0,12}", place in 0..9usize,
        ) {
            let object = match place {
                0 => json!({ "subject": text }),
                1 => json!({ "from": [{ "name": text, "email": "an@a.gov.vn" }] }),
                2 => json!({ "to": [{ "email": text }] }),
                3 => json!({ "messageId": [text] }),
                4 => json!({ "header:X-A": text }),
                5 => json!({ "header:X-A:asText": text }),
                6 => json!({ "header:X-A:asURLs": [text] }),
                7 => json!({ "header:X-A:asGroupedAddresses": [{ "name": text, "addresses": [{ "email": "b@b.vn" }] }] }),
                _ => json!({ "attachments": [{ "blobId": "b", "type": "a/b", "name": text, "cid": text, "disposition": text, "language": [text] }] }),
            };
            if let Ok(message) = write(object) {
                let block = Block::read(&message);
                let known = [
                    "Date", "Message-ID", "From", "To", "Subject", "X-A", "MIME-Version", "Content-Type",
                    "Content-Transfer-Encoding",
                ];
                for field in &block.fields {
                    proptest::prop_assert!(known.contains(&field.name), "{:?}", field.name);
                }
                let mut names: Vec<&str> = block.fields.iter().map(|field| field.name).collect();
                names.sort_unstable();
                let count = names.len();
                names.dedup();
                proptest::prop_assert_eq!(names.len(), count);
            }
        }
    }
}
