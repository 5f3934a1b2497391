//! The header fields of a message by their bytes (RFC 5322 §2.2), for what has to take one out or read one that nobody else reads.

use std::ops::Range;

use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;

use crate::text::{clip, nfc};

/// Fields looked at; what comes after is content to us. Long chains of relays leave about a hundred.
const FIELDS_MAX: usize = 1_000;
/// Bytes of a value that are decoded.
const VALUE_MAX: usize = 2_000;

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name as it stands there.
    pub name: &'a str,
    /// What follows the colon, folded as it stands there, without the last line ending.
    pub value: &'a [u8],
    /// All its bytes in the message, the line ending included.
    pub range: Range<usize>,
}

impl Field<'_> {
    /// Whether it has this name; case does not count.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Its value as text: unfolded, encoded words decoded (RFC 2047), NFC, without blanks at its ends.
    pub fn text(&self) -> String {
        let raw = self.value.get(..VALUE_MAX.min(self.value.len())).unwrap_or_default();
        let ended = [raw, b"\r\n"].concat();
        let text = match MessageStream::new(&ended).parse_unstructured() {
            HeaderValue::Text(text) => nfc(text.trim()),
            _ => String::new(),
        };
        clip(&text, VALUE_MAX).to_owned()
    }
}

/// The fields of a message, in their order. Lines that are no field are passed over, and end nothing.
pub fn fields(message: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let begin = at;
            let mut end = line_end(message, begin)?;
            if is_blank(message.get(begin..end)?) {
                return None;
            }
            while message.get(end).is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
                end = line_end(message, end)?;
            }
            at = end;
            let whole = message.get(begin..end)?;
            let Some(colon) = whole.iter().position(|byte| *byte == b':') else { continue };
            let name = std::str::from_utf8(whole.get(..colon)?).unwrap_or_default().trim_end();
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
                continue;
            }
            let value = whole.get(colon + 1..)?;
            let value = value.strip_suffix(b"\n").unwrap_or(value);
            let value = value.strip_suffix(b"\r").unwrap_or(value);
            return Some(Field { name, value, range: begin..end });
        }
    })
    .take(FIELDS_MAX)
}

/// Where the line after the one that begins at `from` begins; `None` at the end of the message.
fn line_end(message: &[u8], from: usize) -> Option<usize> {
    let rest = message.get(from..).filter(|rest| !rest.is_empty())?;
    Some(from + rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1))
}

fn is_blank(line: &[u8]) -> bool {
    matches!(line, b"\r\n" | b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_5322_2_2_fields_end_with_the_blank_line() {
        let message = "A: 1\r\nno field here\r\nX-Congvan-Purpose :\r\n  =?UTF-8?Q?c=C3=B4ng_d=C3=A2n?=\r\nb: x\n\r\nC: 3\r\n"
            .as_bytes();
        let found: Vec<_> = fields(message).collect();
        let names: Vec<_> = found.iter().map(|field| field.name).collect();
        assert_eq!(names, ["A", "X-Congvan-Purpose", "b"]);
        assert_eq!(found[1].text(), "công dân");
        assert!(found[1].is("x-congvan-purpose"));
        assert!(message[found[1].range.clone()].ends_with(b"?=\r\n"));
        assert_eq!(found[2].value, b" x");
        assert_eq!(fields(b"\r\nA: 1\r\n").count(), 0);
        assert_eq!(fields(b"A: 1").count(), 1);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_fields_or_none(raw in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let mut end = 0;
            for field in fields(&raw) {
                proptest::prop_assert!(field.range.start >= end && field.range.end <= raw.len());
                end = field.range.end;
                let _ = field.text();
            }
        }
    }
}
