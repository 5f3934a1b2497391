//! Parts of a message: as clients see them, and their content (RFC 8621 §4.1.4).

use std::borrow::Cow;
use std::collections::HashMap;

use mail::BlobId;
use mail::message::{Facts, Part, TransferEncoding};
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::parsers::MessageStream;
use serde_json::{Map, Value, json};

use crate::Error;
use crate::headers::{Block, Form, HeaderProperty};

/// A property of a part.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PartProperty {
    /// One that the row knows.
    Known(&'static str),
    /// `language`, `location`, `headers`: in the part's header block.
    InBlock(&'static str),
    /// `header:…`, under the name the client wrote.
    Header(String, HeaderProperty),
}

const KNOWN: [&str; 9] =
    ["partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "subParts"];
const IN_BLOCK: [&str; 3] = ["headers", "language", "location"];
/// What is answered when a client does not say (RFC 8621 §4.2).
const DEFAULT: [&str; 10] =
    ["partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "language", "location"];

impl PartProperty {
    /// Reads `bodyProperties`.
    pub(crate) fn read_list(given: Option<Vec<String>>) -> Result<Vec<Self>, Error> {
        match given {
            None => DEFAULT.iter().map(|name| Self::read(name)).collect(),
            Some(names) => names.iter().map(|name| Self::read(name)).collect(),
        }
    }

    fn read(name: &str) -> Result<Self, Error> {
        if let Some(rest) = name.strip_prefix("header:") {
            return HeaderProperty::read(rest).map(|header| Self::Header(name.to_owned(), header));
        }
        if let Some(known) = KNOWN.iter().find(|known| **known == name) {
            return Ok(Self::Known(known));
        }
        match IN_BLOCK.iter().find(|known| **known == name) {
            Some(known) => Ok(Self::InBlock(known)),
            None => Err(Error::InvalidArguments(format!(
                "a part has no property `{}`",
                mail::text::clip(name, 100)
            ))),
        }
    }

    /// Whether the message itself must be at hand.
    pub(crate) fn needs_bytes(&self) -> bool {
        !matches!(self, Self::Known(_))
    }
}

/// The parts of one message, by id.
pub(crate) struct Parts<'m> {
    blob_id: String,
    root: &'m Part,
    by_id: HashMap<&'m str, &'m Part>,
    raw: Option<&'m [u8]>,
}

impl<'m> Parts<'m> {
    /// `raw` may be left out when no property asks for it.
    pub(crate) fn of(facts: &'m Facts, blob_id: &impl ToString, raw: Option<&'m [u8]>) -> Self {
        let mut by_id = HashMap::new();
        let mut waiting = vec![&facts.body];
        while let Some(part) = waiting.pop() {
            if let Some(id) = &part.part_id {
                by_id.insert(id.as_str(), part);
            }
            waiting.extend(&part.parts);
        }
        Self { blob_id: blob_id.to_string(), root: &facts.body, by_id, raw }
    }

    pub(crate) fn get(&self, part_id: &str) -> Option<&'m Part> {
        self.by_id.get(part_id).copied()
    }

    /// The parts with these ids, in order.
    pub(crate) fn list(&self, ids: &[String], properties: &[PartProperty]) -> Value {
        ids.iter().filter_map(|id| self.get(id)).map(|part| self.object(part, properties, false)).collect()
    }

    /// The whole structure; as deep as the memory lets a structure be.
    pub(crate) fn structure(&self, properties: &[PartProperty]) -> Value {
        self.object(self.root, properties, true)
    }

    fn object(&self, part: &Part, properties: &[PartProperty], with_children: bool) -> Value {
        let needs_block = properties.iter().any(PartProperty::needs_bytes);
        let block = self.raw.filter(|_| needs_block).map(|raw| block_of(raw, part)).unwrap_or_default();
        let mut object = Map::new();
        for property in properties {
            let (name, value) = match property {
                PartProperty::Known(name) => (*name, self.known(part, name)),
                PartProperty::InBlock(name) => (*name, in_block(&block, name)),
                PartProperty::Header(name, header) => (name.as_str(), header.value(&block)),
            };
            object.insert(name.to_owned(), value);
        }
        if with_children && part.part_id.is_none() {
            // A structure is a tree whatever was asked for (RFC 8621 §4.2, bodyStructure with subParts).
            let children = part.parts.iter().map(|child| self.object(child, properties, true)).collect();
            object.insert("subParts".to_owned(), children);
        }
        Value::Object(object)
    }

    fn known(&self, part: &Part, name: &str) -> Value {
        match name {
            "partId" => json!(part.part_id),
            "blobId" => json!(part.part_id.as_ref().map(|id| part_blob_id(&self.blob_id, id))),
            "size" => json!(part.size),
            "name" => json!(part.name),
            "type" => json!(part.media_type),
            // RFC 8621 §4.1.4: text without a charset is US-ASCII by declaration, other types have none.
            "charset" if part.media_type.starts_with("text/") => {
                json!(part.charset.as_deref().unwrap_or("us-ascii"))
            }
            "disposition" => json!(part.disposition),
            "cid" => json!(part.cid),
            _ => Value::Null,
        }
    }
}

/// The name of a part's content for the download door: `<blob of the message>-<part id>`, and so on for a part of a message in a message.
pub(crate) fn part_blob_id(blob_id: &str, part_id: &str) -> String {
    format!("{blob_id}-{part_id}")
}

/// Messages in one another whose parts have names.
const NESTED_MAX: usize = 5;

/// What a blob id names: a blob, or a part of the message that a blob is, or a part of the message that such a part is.
pub(crate) fn read_blob_id(text: &str) -> Option<(BlobId, Vec<&str>)> {
    let mut pieces = text.split('-');
    let blob_id = pieces.next()?.parse().ok()?;
    let parts: Vec<&str> = pieces.take(NESTED_MAX + 1).collect();
    let is_part_id = |part: &&str| matches!(part.len(), 1..=9) && part.bytes().all(|b| b.is_ascii_digit());
    (parts.len() <= NESTED_MAX && parts.iter().all(is_part_id)).then_some((blob_id, parts))
}

fn block_of<'m>(raw: &'m [u8], part: &Part) -> Block<'m> {
    range(raw, part.header_at, part.body_at).map(Block::read).unwrap_or_default()
}

fn range(raw: &[u8], from: u64, to: u64) -> Option<&[u8]> {
    raw.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?)
}

fn in_block(block: &Block<'_>, name: &str) -> Value {
    let field = |name: &str| block.fields.iter().rev().find(|field| field.name.eq_ignore_ascii_case(name));
    let text = |name: &str| field(name).map(|field| field.show(Form::Text));
    match name {
        "headers" => block.list(),
        "location" => text("Content-Location").unwrap_or_default(),
        _ => match text("Content-Language") {
            Some(Value::String(list)) => {
                list.split(',').take(100).map(|tag| Value::from(tag.trim())).collect()
            }
            _ => Value::Null,
        },
    }
}

/// The octets of a part once its transfer encoding is undone, and whether that failed.
pub(crate) fn octets<'m>(raw: &'m [u8], part: &Part) -> (Cow<'m, [u8]>, bool) {
    let body = range(raw, part.body_at, part.end_at).unwrap_or_default();
    let decoded = match part.encoding {
        TransferEncoding::Identity => return (Cow::Borrowed(body), false),
        TransferEncoding::Qp => MessageStream::new(body).decode_quoted_printable_mime(b""),
        TransferEncoding::Base64 => MessageStream::new(body).decode_base64_mime(b""),
    };
    match decoded {
        (usize::MAX, _) => (Cow::Borrowed(body), true),
        (_, bytes) => (Cow::Owned(bytes.into_owned()), false),
    }
}

/// The text of a part: UTF-8, line ends LF (RFC 8621 §4.1.4), and whether something could not be decoded.
pub(crate) fn text(raw: &[u8], part: &Part) -> (String, bool) {
    let (bytes, is_broken) = octets(raw, part);
    let declared = part.charset.as_deref().filter(|charset| !charset.eq_ignore_ascii_case("utf-8"));
    let (text, had_problem) = match declared.map(|charset| charset_decoder(charset.as_bytes())) {
        Some(Some(decode)) => {
            let text = decode(&bytes);
            let lost = text.contains('\u{FFFD}');
            (text, lost)
        }
        unknown => match String::from_utf8_lossy(&bytes) {
            // Plain ASCII is what it is under nearly every name.
            Cow::Borrowed(text) => (text.to_owned(), unknown.is_some() && !text.is_ascii()),
            Cow::Owned(text) => (text, true),
        },
    };
    (text.replace("\r\n", "\n"), is_broken || had_problem)
}

#[cfg(test)]
mod tests {
    use mail::message::{Limits, part_content, read};

    use super::*;

    const LETTER: &str = "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\
        Content-Language: vi, en\r\n\r\nS8OtbmggbeG7nWkNCg==\r\n\
        --b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
        C=C3=B4ng v=\r\n=C4=83n\r\nhai\r\n\
        --b\r\nContent-Type: text/html; charset=windows-1258\r\n\r\n<p>plain</p>\r\n\
        --b\r\nContent-Type: text/plain; charset=x-unknown\r\nContent-Transfer-Encoding: 8bit\r\n\r\nV\u{103}n\r\n\
        --b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjcK\r\n\
        --b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nHello\r\n--b--\r\n";

    #[test]
    #[rustfmt::skip]
    fn texts_are_utf_8_with_line_feeds() {
        let facts = read(LETTER.as_bytes(), &Limits::default());
        let parts = Parts::of(&facts, &BlobId::from_bytes([1; 32]), Some(LETTER.as_bytes()));
        let rows = [
            ("1", "Kính mời\n",    false),
            ("2", "Công văn\nhai", false),
            ("3", "<p>plain</p>",  false),
            ("4", "Văn",           true),
        ];
        for (id, expected, had_problem) in rows {
            assert_eq!(text(LETTER.as_bytes(), parts.get(id).unwrap()), (expected.to_owned(), had_problem), "{id}");
        }
        let pdf = parts.get("5").unwrap();
        assert_eq!(&*octets(LETTER.as_bytes(), pdf).0, b"%PDF-1.7\n");
        assert_eq!(&*octets(LETTER.as_bytes(), parts.get("6").unwrap()).0, b"Subject: inner\r\n\r\nHello");
    }

    #[test]
    fn the_row_knows_where_every_part_lies() {
        let facts = read(LETTER.as_bytes(), &Limits::default());
        let parts = Parts::of(&facts, &BlobId::from_bytes([1; 32]), None);
        for id in ["3", "5", "6"] {
            let content = part_content(LETTER.as_bytes(), id, &Limits::default()).unwrap();
            assert_eq!(&*octets(LETTER.as_bytes(), parts.get(id).unwrap()).0, content.bytes, "{id}");
        }
    }

    #[test]
    fn properties_of_parts_of_rfc_8621_4_1_4() {
        let facts = read(LETTER.as_bytes(), &Limits::default());
        let parts = Parts::of(&facts, &BlobId::from_bytes([0xab; 32]), Some(LETTER.as_bytes()));
        let default = PartProperty::read_list(None).unwrap();
        let structure = parts.structure(&default);
        assert_eq!(structure["type"], "multipart/mixed");
        assert_eq!((&structure["partId"], &structure["blobId"]), (&Value::Null, &Value::Null));
        let first = &structure["subParts"][0];
        assert_eq!(first["language"], json!(["vi", "en"]));
        assert_eq!(first["charset"], "utf-8");
        assert_eq!(structure["subParts"][4]["name"], "a.pdf");
        assert_eq!(structure["subParts"][4]["charset"], Value::Null);
        let blob_id = first["blobId"].as_str().unwrap();
        assert_eq!(read_blob_id(blob_id), Some((BlobId::from_bytes([0xab; 32]), vec!["1"])));
        let asked =
            PartProperty::read_list(Some(vec!["header:content-type".to_owned(), "headers".to_owned()]))
                .unwrap();
        let first = &parts.list(&["5".to_owned()], &asked)[0];
        assert_eq!(first["header:content-type"], " application/pdf; name=a.pdf");
        assert_eq!(first["headers"].as_array().map(Vec::len), Some(2));
        assert!(PartProperty::read_list(Some(vec!["body".to_owned()])).is_err());
    }

    #[test]
    #[rustfmt::skip]
    fn blob_ids() {
        let blob = "ab".repeat(32);
        let rows = [
            (blob.clone(),              true),
            (format!("{blob}-0"),       true),
            (format!("{blob}-12"),      true),
            (format!("{blob}-"),        false),
            (format!("{blob}-1-2"),     true),
            (format!("{blob}-1-2-3-4-5"), true),
            (format!("{blob}-1-2-3-4-5-6"), false),
            (format!("{blob}-1--2"),    false),
            (format!("{blob}-x"),       false),
            (format!("{blob}-+1"),      false),
            (format!("{blob}-9999999999"), false),
            ("../etc/passwd".to_owned(), false),
            (String::new(),             false),
        ];
        for (text, is_one) in rows {
            assert_eq!(read_blob_id(&text).is_some(), is_one, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_damaged_letter_has_content(at in 0..LETTER.len(), byte: u8) {
            let mut raw = LETTER.as_bytes().to_vec();
            raw[at] = byte;
            let facts = read(&raw, &Limits::default());
            let parts = Parts::of(&facts, &BlobId::from_bytes([1; 32]), Some(&raw));
            let _ = parts.structure(&PartProperty::read_list(None).unwrap());
            for part in parts.by_id.values() {
                let _ = (octets(&raw, part), text(&raw, part));
            }
        }
    }
}
