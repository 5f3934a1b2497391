//! What a part holds, once its transfer encoding is undone.

use std::borrow::Cow;

use mail_parser::{MessageParser, PartType};

use super::{Limits, Part, TransferEncoding, header_end, parse};

/// The decoded content of a part; a text part's is UTF-8. `None` when the message has no such part.
pub fn part_content(raw: &[u8], part_id: &str, limits: &Limits) -> Option<Content> {
    let index: u32 = part_id.parse().ok()?;
    let Some(message) = parse(raw, limits) else {
        // What is one block of bytes: see `opaque`.
        MessageParser::default().parse_headers(raw)?;
        let bytes = raw.get(header_end(raw)..).unwrap_or_default().to_vec();
        return (index == 0).then_some(Content { bytes, had_problem: false });
    };
    let part = message.part(index)?;
    let bytes = match &part.body {
        PartType::Text(text) | PartType::Html(text) => text.as_bytes().to_vec(),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => bytes.to_vec(),
        PartType::Message(inner) => inner.raw_message().to_vec(),
        PartType::Multipart(_) => return None,
    };
    Some(Content { bytes, had_problem: part.is_encoding_problem })
}

/// The bytes of a part of the message that was read, its transfer encoding undone and its charset not: what a scanner looks at.
/// Nothing is parsed again.
pub fn part_bytes<'a>(raw: &'a [u8], part: &Part) -> Cow<'a, [u8]> {
    let place = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
    let body = raw.get(place(part.body_at)..place(part.end_at)).unwrap_or_default();
    let decoded = match part.encoding {
        TransferEncoding::Identity => None,
        // What is no base64 is skipped (RFC 2045 §6.8), as every mail program does.
        TransferEncoding::Base64 => {
            let is_digit = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
            let digits: Vec<u8> = body.iter().filter(is_digit).copied().collect();
            mail_parser::decoders::base64::base64_decode(&digits)
        }
        TransferEncoding::Qp => mail_parser::decoders::quoted_printable::quoted_printable_decode(body),
    };
    decoded.map_or(Cow::Borrowed(body), Cow::Owned)
}

/// What a part holds once its transfer encoding and charset are undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The bytes; UTF-8 for a text part.
    pub bytes: Vec<u8>,
    /// Whether something could not be decoded.
    pub had_problem: bool,
}
