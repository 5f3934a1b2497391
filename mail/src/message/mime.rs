//! What a part's own fields say beside its type (RFC 2045, 2046, 2183, 1864, 3282, 2557), and the text of Date.

use mail_parser::{ContentType, Header, HeaderValue, Message, MessagePart, MimeHeaders};

use super::{NamedBy, Part};
use crate::Timestamp;
use crate::text::{clip, nfc};

/// Parameters kept of one field; mail programs write three or four.
const PARAMETERS_MAX: usize = 20;
/// Bytes kept of a value.
const VALUE_MAX: usize = 255;
/// Languages kept.
const LANGUAGES_MAX: usize = 10;
/// Bytes of a Date that is kept as it is written.
const DATE_MAX: usize = 100;

/// Whether a text is a token (RFC 2045 §5.1); a type that is none is no type.
pub(super) fn is_token(text: &str) -> bool {
    let is_part = |b: u8| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b);
    !text.is_empty() && text.bytes().all(is_part)
}

/// A part with what its fields say of it, and nothing else.
pub(super) fn described(source: &MessagePart<'_>) -> Part {
    let (content_type, disposition) = (source.content_type(), source.content_disposition());
    let name = source.attachment_name();
    let is_name = |declared: Option<&ContentType<'_>>, parameter: &str| {
        name.is_some() && declared.and_then(|field| field.attribute(parameter)) == name
    };
    let named_by = NamedBy {
        content_type: is_name(content_type, "name"),
        disposition: is_name(disposition, "filename"),
    };
    let known = |name: &str| name == "charset" || (name == "name" && named_by.content_type);
    Part {
        parameters: parameters(content_type, known),
        disposition_parameters: parameters(disposition, |name| name == "filename" && named_by.disposition),
        named_by,
        declared_encoding: declared_encoding(source),
        description: source.content_description().map(|text| nfc(clip(text, VALUE_MAX))),
        md5: md5(&source.headers),
        language: languages(source.content_language()),
        location: source.content_location().map(|text| clip(text, VALUE_MAX).to_owned()),
        ..Part::default()
    }
}

fn parameters(field: Option<&ContentType<'_>>, known: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let all = field.and_then(ContentType::attributes).unwrap_or_default();
    let named = all.iter().map(|attribute| (attribute.name.to_ascii_lowercase(), &attribute.value));
    named
        .filter(|(name, _)| !name.is_empty() && !known(name))
        .take(PARAMETERS_MAX)
        .map(|(name, value)| (clip(&name, 64).to_owned(), nfc(clip(value, VALUE_MAX))))
        .collect()
}

/// The declared encoding, where `Part::encoding` does not say it already.
fn declared_encoding(source: &MessagePart<'_>) -> Option<String> {
    let declared = source.content_transfer_encoding()?.trim().to_ascii_lowercase();
    let is_told = matches!(declared.as_str(), "" | "7bit" | "base64" | "quoted-printable");
    (!is_told).then(|| clip(&declared, 64).to_owned())
}

fn md5(headers: &[Header<'_>]) -> Option<String> {
    let field = headers.iter().find(|header| header.name.as_str().eq_ignore_ascii_case("Content-MD5"))?;
    field.value.as_text().map(|text| clip(text.trim(), 64).to_owned())
}

fn languages(value: &HeaderValue<'_>) -> Vec<String> {
    let all: Vec<&str> = match value {
        HeaderValue::Text(one) => vec![one],
        HeaderValue::TextList(many) => many.iter().map(AsRef::as_ref).collect(),
        _ => Vec::new(),
    };
    let tags = all.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|tag| !tag.is_empty());
    tags.take(LANGUAGES_MAX).map(|tag| clip(tag, 64).to_owned()).collect()
}

/// The text of Date, unfolded, where it says anything that [`Timestamp::to_rfc5322`] would not.
pub(super) fn date(message: &Message<'_>, sent_at: Option<Timestamp>) -> Option<String> {
    let raw = message.header_raw("Date")?;
    let unfolded: String = clip(raw, DATE_MAX).replace('\t', " ").split(['\r', '\n']).collect();
    let text = unfolded.trim().to_owned();
    let is_plain = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let is_told = sent_at.is_some_and(|moment| moment.to_rfc5322() == text);
    (is_plain && !is_told).then_some(text)
}
