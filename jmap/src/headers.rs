//! Header fields as properties: `header:List-Post:asURLs:all` (RFC 8621 §4.1.2, §4.1.3).

use mail::Timestamp;
use mail::text::nfc;
use mail_parser::parsers::MessageStream;
use mail_parser::{Addr, Address, HeaderValue};
use serde_json::{Value, json};

use crate::Error;

/// Fields of one header block that are looked at; the memory of one field is that of its bytes.
const FIELDS_MAX: usize = 1_000;
/// Addresses, message ids or URLs taken from one field.
const ITEMS_MAX: usize = 1_000;

/// How a field is shown (RFC 8621 §4.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Raw,
    Text,
    Addresses,
    GroupedAddresses,
    MessageIds,
    Date,
    Urls,
}

/// A property that is a header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderProperty {
    /// The field's name as the client wrote it.
    pub(crate) name: String,
    pub(crate) form: Form,
    /// Every field of the name instead of the last one.
    pub(crate) all: bool,
}

impl HeaderProperty {
    /// Reads what follows `header:`.
    ///
    /// # Errors
    /// [`Error::InvalidArguments`] when it is no field name, no form, or a form the field does not have.
    pub(crate) fn read(text: &str) -> Result<Self, Error> {
        let wrong =
            || Error::InvalidArguments(format!("no property `header:{}`", mail::text::clip(text, 100)));
        let mut pieces = text.split(':');
        let name = pieces.next().filter(|name| is_field_name(name)).ok_or_else(wrong)?;
        let (mut form, mut all) = (None, false);
        for piece in pieces {
            if all {
                return Err(wrong());
            }
            match piece {
                "all" => all = true,
                _ if form.is_some() => return Err(wrong()),
                _ => form = Some(read_form(piece).ok_or_else(wrong)?),
            }
        }
        let form = form.unwrap_or(Form::Raw);
        match allows(name, form) {
            true => Ok(Self { name: name.to_owned(), form, all }),
            false => Err(Error::InvalidArguments(format!("the field {name} has no such form"))),
        }
    }

    /// The value of the property in a header block.
    pub(crate) fn value(&self, block: &Block<'_>) -> Value {
        let mut matching = block.fields.iter().filter(|field| field.name.eq_ignore_ascii_case(&self.name));
        if self.all {
            return matching.map(|field| field.show(self.form)).collect();
        }
        matching.next_back().map_or(Value::Null, |field| field.show(self.form))
    }
}

fn read_form(text: &str) -> Option<Form> {
    Some(match text {
        "asRaw" => Form::Raw,
        "asText" => Form::Text,
        "asAddresses" => Form::Addresses,
        "asGroupedAddresses" => Form::GroupedAddresses,
        "asMessageIds" => Form::MessageIds,
        "asDate" => Form::Date,
        "asURLs" => Form::Urls,
        _ => return None,
    })
}

/// `ftext` of RFC 5322 §3.6.8.
fn is_field_name(name: &str) -> bool {
    matches!(name.len(), 1..=255) && name.bytes().all(|b| matches!(b, 33..=57 | 59..=126))
}

/// Which forms a field has (RFC 8621 §4.1.2): fields that RFC 5322 and RFC 2369 define have theirs, all others have
/// every one.
pub(crate) fn allows(name: &str, form: Form) -> bool {
    let lower = name.to_ascii_lowercase();
    let only: &[Form] = match lower.as_str() {
        "subject" | "comments" | "keywords" | "list-id" => &[Form::Text],
        "from" | "sender" | "reply-to" | "to" | "cc" | "bcc" | "resent-from" | "resent-sender"
        | "resent-reply-to" | "resent-to" | "resent-cc" | "resent-bcc" => {
            &[Form::Addresses, Form::GroupedAddresses]
        }
        "message-id" | "in-reply-to" | "references" | "resent-message-id" => &[Form::MessageIds],
        "date" | "resent-date" => &[Form::Date],
        "list-help" | "list-unsubscribe" | "list-subscribe" | "list-post" | "list-owner" | "list-archive" => {
            &[Form::Urls]
        }
        "return-path" | "received" => &[],
        _ => return true,
    };
    form == Form::Raw || only.contains(&form)
}

/// One field as it stands in a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'m> {
    pub(crate) name: &'m str,
    /// What follows the colon, without the line end.
    value: &'m [u8],
}

/// The fields of a message or part.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block<'m> {
    pub(crate) fields: Vec<Field<'m>>,
}

impl<'m> Block<'m> {
    /// Takes the first fields apart. Lines that are none are passed over.
    pub(crate) fn read(bytes: &'m [u8]) -> Self {
        Self { fields: lines(bytes).filter_map(field).take(FIELDS_MAX).collect() }
    }

    /// `headers`: every field, raw, in order (RFC 8621 §4.1.3).
    pub(crate) fn list(&self) -> Value {
        self.fields
            .iter()
            .map(|field| json!({ "name": field.name, "value": field.show(Form::Raw) }))
            .collect()
    }
}

/// The lines of a header block, each with those that continue it, to the empty line: all of them, however many.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() || starts_empty_line(rest) {
            return None;
        }
        let (line, after) = rest.split_at(field_length(rest));
        rest = after;
        Some(line)
    })
}

/// The field that a line is, if it is one.
pub(crate) fn field(whole: &[u8]) -> Option<Field<'_>> {
    let colon = whole.iter().position(|b| *b == b':')?;
    let name = std::str::from_utf8(&whole[..colon]).ok()?.trim_end();
    is_field_name(name).then(|| Field { name, value: without_line_end(&whole[colon + 1..]) })
}

/// When the newest Received field says the message came (the first one: each host puts its own on top).
pub(crate) fn received_at(block: &Block<'_>) -> Option<Timestamp> {
    let newest = block.fields.iter().find(|field| field.name.eq_ignore_ascii_case("Received"))?;
    let (_, date) = std::str::from_utf8(newest.value).ok()?.rsplit_once(';')?;
    let line = format!("{date}\r\n");
    let value = MessageStream::new(line.as_bytes()).parse_date();
    let date = value.as_datetime().filter(|date| date.is_valid())?;
    Some(Timestamp::from_secs(date.to_timestamp()))
}

fn starts_empty_line(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\r\n") || bytes.starts_with(b"\n")
}

/// The length of the field at the beginning, with the lines that continue it.
fn field_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(line_end) = bytes[at..].iter().position(|b| *b == b'\n') {
        at += line_end + 1;
        if !matches!(bytes.get(at), Some(b' ' | b'\t')) {
            return at;
        }
    }
    bytes.len()
}

fn without_line_end(value: &[u8]) -> &[u8] {
    let value = value.strip_suffix(b"\n").unwrap_or(value);
    value.strip_suffix(b"\r").unwrap_or(value)
}

impl Field<'_> {
    /// The field in one of its forms.
    pub(crate) fn show(&self, form: Form) -> Value {
        // The parsers end at the end of a line.
        let mut line = self.value.to_vec();
        line.extend_from_slice(b"\r\n");
        let mut stream = MessageStream::new(&line);
        match form {
            // Bytes beyond UTF-8 become U+FFFD, NUL goes (RFC 8621 §4.1.2.1).
            Form::Raw => String::from_utf8_lossy(self.value).replace('\0', "").into(),
            Form::Text => text(&stream.parse_unstructured()),
            Form::Addresses => addresses(&stream.parse_address()),
            Form::GroupedAddresses => groups(&stream.parse_address()),
            Form::MessageIds if !self.value.contains(&b'<') => Value::Null,
            Form::MessageIds => message_ids(&stream.parse_id()),
            Form::Date => date(&stream.parse_date()),
            Form::Urls => urls(&String::from_utf8_lossy(self.value)),
        }
    }
}

fn text(value: &HeaderValue<'_>) -> Value {
    nfc(value.as_text().unwrap_or_default().trim()).replace('\0', "").into()
}

fn address(addr: &Addr<'_>) -> Option<Value> {
    let email = addr.address.as_deref()?;
    Some(json!({ "name": addr.name.as_deref().map(nfc), "email": email }))
}

fn addresses(value: &HeaderValue<'_>) -> Value {
    match value.as_address() {
        Some(Address::List(list)) => list.iter().filter_map(address).take(ITEMS_MAX).collect(),
        Some(Address::Group(groups)) => {
            groups.iter().flat_map(|group| &group.addresses).filter_map(address).take(ITEMS_MAX).collect()
        }
        None => json!([]),
    }
}

fn groups(value: &HeaderValue<'_>) -> Value {
    let group = |name: Option<&str>, list: &[Addr<'_>]| {
        let list: Vec<Value> = list.iter().filter_map(address).take(ITEMS_MAX).collect();
        json!({ "name": name.map(nfc), "addresses": list })
    };
    match value.as_address() {
        Some(Address::List(list)) => json!([group(None, list)]),
        Some(Address::Group(groups)) => {
            groups.iter().take(ITEMS_MAX).map(|g| group(g.name.as_deref(), &g.addresses)).collect()
        }
        None => json!([]),
    }
}

/// Message ids without angle brackets; null when there is none (RFC 8621 §4.1.2.5).
fn message_ids(value: &HeaderValue<'_>) -> Value {
    let ids: Vec<&str> = match value {
        HeaderValue::Text(one) => vec![one],
        HeaderValue::TextList(many) => many.iter().take(ITEMS_MAX).map(AsRef::as_ref).collect(),
        _ => return Value::Null,
    };
    json!(ids)
}

fn date(value: &HeaderValue<'_>) -> Value {
    // The parser takes any numbers; a moment is made of possible ones.
    let moment = value.as_datetime().filter(|date| date.is_valid());
    moment.map(|date| Timestamp::from_secs(date.to_timestamp()).to_rfc3339_utc()).into()
}

/// What stands in angle brackets (RFC 2369 §2), white space inside taken out; null when there is nothing.
fn urls(text: &str) -> Value {
    let mut found: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<')
        && let Some((inside, next)) = after.split_once('>')
        && found.len() < ITEMS_MAX
    {
        found.push(inside.chars().filter(|c| !c.is_whitespace() && *c != '\0').collect());
        rest = next;
    }
    if found.is_empty() { Value::Null } else { json!(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &[u8] = b"From: =?UTF-8?Q?B=C3=ACnh?= <binh@a.vn>,\r\n An <an@a.vn>\r\n\
        To: V\xc4\x83n ph\xc3\xb2ng: an@a.vn, \"B, C\" <b@a.vn>;, le@a.vn\r\n\
        Subject: =?UTF-8?B?R2nhuqV5IG3hu51p?=\r\nx-a: 1\r\nX-A: 2\r\n  3\r\nno field here\r\n\
        Date: Sun, 22 Nov 2026 08:00:00 +0700\r\nX-Date: nonsense\r\n\
        References: <a@x> <b@y>\r\nList-Post: <mailto:l@a.vn> (no),\r\n <http://a.vn/ l>\r\n\r\nBody: 1\r\n";

    fn shown(property: &str) -> Result<Value, &'static str> {
        let property = HeaderProperty::read(property).map_err(|e| e.kind())?;
        Ok(property.value(&Block::read(BLOCK)))
    }

    #[test]
    #[rustfmt::skip]
    fn forms_of_rfc_8621_4_1_2() {
        let rows = [
            ("Subject:asText",         Ok(json!("Giấy mời"))),
            ("subject",                Ok(json!(" =?UTF-8?B?R2nhuqV5IG3hu51p?="))),
            ("X-A",                    Ok(json!(" 2\r\n  3"))),
            ("X-A:asRaw:all",          Ok(json!([" 1", " 2\r\n  3"]))),
            ("X-A:all",                Ok(json!([" 1", " 2\r\n  3"]))),
            ("X-A:asText",             Ok(json!("2 3"))),
            ("X-None:asText",          Ok(Value::Null)),
            ("X-None:all",             Ok(json!([]))),
            ("Body",                   Ok(Value::Null)),
            ("From:asAddresses",       Ok(json!([{ "name": "Bình", "email": "binh@a.vn" }, { "name": "An", "email": "an@a.vn" }]))),
            ("To:asAddresses",         Ok(json!([{ "name": null, "email": "an@a.vn" }, { "name": "B, C", "email": "b@a.vn" }, { "name": null, "email": "le@a.vn" }]))),
            ("To:asGroupedAddresses",  Ok(json!([
                { "name": "Văn phòng", "addresses": [{ "name": null, "email": "an@a.vn" }, { "name": "B, C", "email": "b@a.vn" }] },
                { "name": null, "addresses": [{ "name": null, "email": "le@a.vn" }] },
            ]))),
            ("References:asMessageIds", Ok(json!(["a@x", "b@y"]))),
            ("X-A:asMessageIds",        Ok(Value::Null)),
            ("Date:asDate",            Ok(json!("2026-11-22T01:00:00Z"))),
            ("X-Date:asDate",          Ok(Value::Null)),
            ("List-Post:asURLs",       Ok(json!(["mailto:l@a.vn", "http://a.vn/l"]))),
            ("X-A:asURLs",             Ok(Value::Null)),
            ("Subject:asAddresses",    Err("invalidArguments")),
            ("From:asText",            Err("invalidArguments")),
            ("Received:asText",        Err("invalidArguments")),
            ("X-A:asText:asRaw",       Err("invalidArguments")),
            ("X-A:all:asText",         Err("invalidArguments")),
            ("X-A:asOther",            Err("invalidArguments")),
            ("X A",                    Err("invalidArguments")),
            ("",                       Err("invalidArguments")),
        ];
        for (property, expected) in rows {
            assert_eq!(shown(property), expected, "{property}");
        }
    }

    #[test]
    fn fields_end_at_the_empty_line() {
        let block = Block::read(BLOCK);
        assert_eq!(block.list().as_array().map(Vec::len), Some(9));
        assert_eq!(lines(BLOCK).map(<[u8]>::len).sum::<usize>(), BLOCK.len() - b"\r\nBody: 1\r\n".len());
        assert_eq!(lines(b"").count(), 0);
        assert_eq!(Block::read(b"A: 1").fields.len(), 1);
        assert_eq!(Block::read(b"A: 1\n B\n\nC: 2").fields.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_have_fields(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            for field in &Block::read(&bytes).fields {
                for form in [Form::Raw, Form::Text, Form::Addresses, Form::GroupedAddresses, Form::MessageIds, Form::Date, Form::Urls] {
                    let _ = field.show(form);
                }
            }
        }

        #[test]
        fn any_text_is_a_property_or_not(text in "\\PC{0,40}") {
            let _ = HeaderProperty::read(&text);
        }
    }
}
