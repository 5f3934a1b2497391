//! The header fields of a message as they lie in it (RFC 5322 §2.2), without any decoding.

use std::ops::Range;

/// Fields looked at in one message. More are left alone: no honest message has as many.
const FIELDS_MAX: usize = 5_000;

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    /// Its name as written, without blanks before the colon (RFC 5322 §4.5.8).
    pub(crate) name: &'a [u8],
    /// What follows the colon, folds and the last line's end included.
    pub(crate) value: &'a [u8],
    /// Where it lies, its last line's end included.
    pub(crate) at: Range<usize>,
}

impl Field<'_> {
    /// Whether it has this name.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// All fields in order, and where the body begins.
pub(crate) fn split(message: &[u8]) -> (Vec<Field<'_>>, usize) {
    let mut fields: Vec<Field<'_>> = Vec::new();
    let mut at = 0;
    while fields.len() < FIELDS_MAX {
        let rest = message.get(at..).unwrap_or_default();
        if rest.starts_with(b"\r\n") {
            return (fields, at + 2);
        }
        let length = field_length(rest);
        let field = rest.get(..length).unwrap_or_default();
        let Some(colon) = field.iter().position(|byte| *byte == b':') else {
            return (fields, at);
        };
        let (name, value) = field.split_at(colon);
        let value = value.get(1..).unwrap_or_default();
        fields.push(Field { name: name.trim_ascii_end(), value, at: at..at + length });
        at += length;
    }
    (fields, at)
}

/// The length of the first field: up to a line that does not begin with a blank.
fn field_length(rest: &[u8]) -> usize {
    let mut from = 0;
    while let Some(end) = rest.get(from..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n')) {
        from += end + 1;
        if !matches!(rest.get(from), Some(b' ' | b'\t')) {
            return from;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_5322_2_2_fields_as_they_lie() {
        let message = b"From: a\r\nSubject : b\r\n c\r\nX:\r\n\r\nbody: no\r\n";
        let (fields, body) = split(message);
        let names: Vec<_> = fields.iter().map(|field| String::from_utf8_lossy(field.name)).collect();
        assert_eq!(names, ["From", "Subject", "X"]);
        assert_eq!(fields[1].value, b" b\r\n c\r\n");
        assert_eq!(&message[fields[1].at.clone()], b"Subject : b\r\n c\r\n");
        assert_eq!(&message[body..], b"body: no\r\n");
        for odd in [&b""[..], b"no field", b"a: b", b"\r\n", b": x\r\n", b"a:\n b"] {
            let (fields, body) = split(odd);
            assert!(body <= odd.len() && fields.iter().all(|field| field.at.end <= odd.len()));
        }
    }
}
