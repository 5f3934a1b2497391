//! The parts of a multipart (RFC 2046 §5.1.1), byte for byte.

use crate::message::{Code, Reason};

/// Parts of one multipart that are looked at.
const PARTS: usize = 256;

/// A multipart taken apart.
#[derive(Debug)]
pub(super) struct Split<'a> {
    /// Each part with its header, without the line end that belongs to the delimiter after it.
    pub(super) parts: Vec<&'a [u8]>,
    /// What follows the closing delimiter.
    pub(super) epilogue: &'a [u8],
}

/// What a line is to a multipart.
enum Line {
    Text,
    Delimiter,
    Close,
}

/// Takes a multipart's body apart.
///
/// Errors: no part, no closing delimiter, or a line that is a delimiter to some readers and text to others: the
/// standard lets readers look at the beginning of a line only.
pub(super) fn split<'a>(body: &'a [u8], boundary: &str) -> Result<Split<'a>, Reason> {
    let damaged = |what: &str| Reason::of(Code::MailDamaged, what);
    // §5.1.1: 1 to 70 characters, the last no blank.
    if boundary.is_empty() || boundary.len() > 70 || boundary.ends_with(' ') {
        return Err(damaged("boundary"));
    }
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    // Where the part being read begins.
    let mut open: Option<usize> = None;
    let mut at = 0;
    while at < body.len() {
        let rest = body.get(at..).unwrap_or_default();
        let length = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |n| n + 1);
        let line = rest.get(..length).unwrap_or_default();
        match classify(line, delimiter.as_bytes())? {
            Line::Text => {}
            kind => {
                if let Some(from) = open {
                    parts.push(part(body, from, at));
                }
                if parts.len() > PARTS {
                    return Err(Reason::of(Code::Budget, "parts"));
                }
                open = Some(at + length);
                if matches!(kind, Line::Close) {
                    let epilogue = body.get(at + length..).unwrap_or_default();
                    return match parts.is_empty() {
                        true => Err(damaged("multipart without parts")),
                        false => Ok(Split { parts, epilogue }),
                    };
                }
            }
        }
        at += length;
    }
    Err(damaged("multipart without end"))
}

fn classify(line: &[u8], delimiter: &[u8]) -> Result<Line, Reason> {
    let Some(rest) = line.strip_prefix(delimiter) else { return Ok(Line::Text) };
    let is_blank = |rest: &[u8]| rest.iter().all(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'));
    match rest.strip_prefix(b"--") {
        Some(rest) if is_blank(rest) => Ok(Line::Close),
        _ if is_blank(rest) => Ok(Line::Delimiter),
        _ => Err(Reason::of(Code::MailAmbiguous, "line that begins like a delimiter")),
    }
}

/// `from..to` without the line end before `to`, which is the delimiter's.
fn part(body: &[u8], from: usize, to: usize) -> &[u8] {
    let part = body.get(from..to).unwrap_or_default();
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    part.strip_suffix(b"\r").unwrap_or(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_2046_parts_byte_for_byte() {
        let rows: [(&str, &[&str], &str); 5] = [
            ("--b\r\none\r\n--b\r\ntwo\r\n--b--\r\n", &["one", "two"], ""),
            ("before\r\n--b \t\r\n\r\none\r\n\r\n--b--\r\nafter", &["\r\none\r\n"], "after"),
            ("--b\none\n--b\ntwo\n\n--b--", &["one", "two\n"], ""),
            ("--b\r\n--b\r\n\r\n--b--\r\n", &["", ""], ""),
            ("--b\r\n-b\r\n --b\r\n--b--\r\n", &["-b\r\n --b"], ""),
        ];
        for (text, parts, epilogue) in rows {
            let split = split(text.as_bytes(), "b").unwrap();
            let found: Vec<_> = split.parts.iter().map(|p| std::str::from_utf8(p).unwrap()).collect();
            assert_eq!((found.as_slice(), split.epilogue), (parts, epilogue.as_bytes()), "{text}");
        }
    }

    #[test]
    fn rfc_2046_what_is_no_multipart() {
        let rows = [
            ("--b\r\none\r\n--b\r\ntwo", "b", Code::MailDamaged),
            ("no part", "b", Code::MailDamaged),
            ("--b--\r\n", "b", Code::MailDamaged),
            ("--b\r\none\r\n--bc\r\ntwo\r\n--b--", "b", Code::MailAmbiguous),
            ("--b\r\none\r\n--b--x\r\ntwo\r\n--b--", "b", Code::MailAmbiguous),
            ("", "", Code::MailDamaged),
            ("", "ends with a blank ", Code::MailDamaged),
        ];
        for (text, boundary, code) in rows {
            assert_eq!(split(text.as_bytes(), boundary).unwrap_err().code, code, "{text}");
        }
        let many = "--b\r\n\r\n".repeat(PARTS + 2);
        assert_eq!(split(many.as_bytes(), "b").unwrap_err().code, Code::Budget);
    }
}
