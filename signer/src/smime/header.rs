//! Header fields of a message or a part (RFC 5322 §2.2, RFC 2045 §5.1). Strict: where a sloppy reader and a careful
//! one could part ways, nothing is read.

use crate::message::{Code, Reason};
use std::collections::HashMap;

/// Bytes of one header. Mail servers stop at 64 KB to 1 MB; trace fields of a long journey take 20 KB.
const HEADER_BYTES: usize = 256 * 1024;
/// Fields of one header.
const FIELDS: usize = 1000;
/// Comments inside comments.
const COMMENTS: usize = 16;

/// One header field.
#[derive(Debug)]
pub(crate) struct Field<'a> {
    /// In lower case.
    pub(crate) name: String,
    /// As it stands, folded.
    pub(crate) value: &'a [u8],
    /// The whole field as it stands, name and line end included.
    pub(crate) raw: &'a [u8],
}

/// A header block.
#[derive(Debug)]
pub(crate) struct Header<'a> {
    fields: Vec<Field<'a>>,
    /// Where the body begins.
    pub(crate) end: usize,
    /// Its first line ends in a bare LF: the file is Unix text, not what went over the wire.
    pub(crate) is_lf: bool,
}

fn damaged(what: &str) -> Reason {
    Reason::of(Code::MailDamaged, what)
}

impl<'a> Header<'a> {
    /// Reads up to the empty line, or to the end where there is no body.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Reason> {
        let mut fields: Vec<Field<'a>> = Vec::new();
        // Where the field being read and its value begin.
        let mut open: Option<(String, usize, usize)> = None;
        let (mut at, mut is_lf) = (0, false);
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let length =
                rest.iter().take(HEADER_BYTES).position(|b| *b == b'\n').map_or(rest.len(), |n| n + 1);
            if at + length > HEADER_BYTES || fields.len() > FIELDS {
                return Err(Reason::of(Code::Budget, "header"));
            }
            let line = rest.get(..length).unwrap_or_default();
            if at == 0 {
                is_lf = line.ends_with(b"\n") && !line.ends_with(b"\r\n");
            }
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            let is_folded = matches!(text.first(), Some(b' ' | b'\t'));
            if !is_folded && let Some((name, start, from)) = open.take() {
                let raw = bytes.get(start..at).unwrap_or_default();
                let value = bytes.get(from..at).unwrap_or_default().trim_ascii();
                fields.push(Field { name, value, raw });
            }
            at += length;
            if text.is_empty() {
                return Ok(Self { fields, end: at, is_lf });
            }
            // Control characters: readers cut, keep or drop them, each as it likes.
            if text.iter().any(|b| matches!(b, 0..=8 | 11..=31 | 127)) {
                return Err(damaged("control character in a header"));
            }
            match (is_folded, &open) {
                (true, Some(_)) => {}
                (true, None) => return Err(damaged("header begins with a folded line")),
                (false, _) => {
                    let colon = text.iter().position(|b| *b == b':').ok_or(damaged("header line"))?;
                    let name = text.get(..colon).unwrap_or_default();
                    open = Some((field_name(name)?, at - length, at - length + colon + 1));
                }
            }
        }
    }

    /// The values of all fields with this name (lower case), as they stand.
    pub(crate) fn fields(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |field| field.name == name).map(|field| field.value)
    }

    /// All fields in their order.
    pub(crate) fn all(&self) -> &[Field<'a>] {
        &self.fields
    }

    /// The value of a field that may stand once only.
    pub(crate) fn single(&self, name: &str) -> Result<Option<&'a [u8]>, Reason> {
        let mut all = self.fields(name);
        match (all.next(), all.next()) {
            (first, None) => Ok(first),
            _ => Err(Reason::of(Code::MailAmbiguous, format_args!("{name} stands twice"))),
        }
    }

    /// `Content-Type`; `text/plain` when there is none (RFC 2045 §5.2).
    pub(crate) fn content_type(&self) -> Result<ContentType, Reason> {
        let found = self.parameters("content-type")?;
        match found.essence.is_empty() {
            true => Ok(ContentType { essence: "text/plain".to_owned(), ..ContentType::default() }),
            false => Ok(found),
        }
    }

    /// A field of the form `word; name=value; …`, empty when it is not there.
    pub(crate) fn parameters(&self, name: &str) -> Result<ContentType, Reason> {
        match self.single(name)? {
            Some(value) => ContentType::read(value),
            None => Ok(ContentType::default()),
        }
    }
}

fn field_name(name: &[u8]) -> Result<String, Reason> {
    let is_plain = !name.is_empty() && name.iter().all(|b| (33..=126).contains(b));
    match std::str::from_utf8(name) {
        Ok(name) if is_plain => Ok(name.to_ascii_lowercase()),
        // "Content-Type : x" is one field to some readers and another, or none, to others.
        _ => Err(damaged("name of a header field")),
    }
}

/// A folded value on one line, runs of white space as one blank.
pub(crate) fn unfolded(value: &[u8]) -> String {
    String::from_utf8_lossy(value).split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// A media type, or another word, with its parameters.
#[derive(Debug, Default)]
pub(crate) struct ContentType {
    /// `type/subtype` in lower case.
    pub(crate) essence: String,
    parameters: HashMap<String, String>,
}

impl ContentType {
    /// A parameter's value.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    fn read(value: &[u8]) -> Result<Self, Reason> {
        let wrong = || Reason::of(Code::MailAmbiguous, "media type");
        let text = std::str::from_utf8(value).map_err(|_| wrong())?;
        let mut words = Words { rest: text };
        let mut essence = words.token().ok_or_else(wrong)?;
        if words.take('/')? {
            essence = format!("{essence}/{}", words.token().ok_or_else(wrong)?);
        }
        let mut parameters = HashMap::new();
        loop {
            if !words.take(';')? {
                break;
            }
            words.skip()?;
            if words.rest.is_empty() || words.rest.starts_with(';') {
                continue;
            }
            let name = words.token().ok_or_else(wrong)?.to_ascii_lowercase();
            if !words.take('=')? {
                return Err(wrong());
            }
            let value = words.value()?.ok_or_else(wrong)?;
            // RFC 2231 pieces are for file names; on anything that decides what is read they would be a disguise.
            if ["boundary*", "protocol*", "smime-type*"].iter().any(|start| name.starts_with(start)) {
                return Err(wrong());
            }
            if parameters.insert(name, value).is_some() {
                return Err(Reason::of(Code::MailAmbiguous, "parameter stands twice"));
            }
        }
        words.skip()?;
        match words.rest.is_empty() {
            true => Ok(Self { essence: essence.to_ascii_lowercase(), parameters }),
            false => Err(wrong()),
        }
    }
}

/// The lexical tokens of structured fields (RFC 5322 §3.2, RFC 2045 §5.1).
pub(crate) struct Words<'a> {
    pub(crate) rest: &'a str,
}

impl Words<'_> {
    /// Skips white space and comments; `true`: there was a comment.
    pub(crate) fn skip(&mut self) -> Result<bool, Reason> {
        let mut commented = false;
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
            if !self.rest.starts_with('(') {
                return Ok(commented);
            }
            commented = true;
            self.comment()?;
        }
    }

    fn comment(&mut self) -> Result<(), Reason> {
        let (mut depth, mut escaped) = (0usize, false);
        for (at, c) in self.rest.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.rest = self.rest.get(at + 1..).unwrap_or_default();
                return Ok(());
            }
            if depth > COMMENTS {
                break;
            }
        }
        Err(Reason::of(Code::MailAmbiguous, "comment"))
    }

    /// Takes this character if it comes next.
    pub(crate) fn take(&mut self, wanted: char) -> Result<bool, Reason> {
        self.skip()?;
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn token(&mut self) -> Option<String> {
        self.skip().ok()?;
        let is_token = |c: char| c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?=".contains(c);
        let end = self.rest.find(|c| !is_token(c)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!token.is_empty()).then(|| token.to_owned())
    }

    /// A token or a quoted string. Some producers leave `/` and `=` unquoted in values; that is clear enough.
    fn value(&mut self) -> Result<Option<String>, Reason> {
        self.skip()?;
        if self.rest.starts_with('"') {
            return self.quoted().map(Some);
        }
        let is_value = |c: char| (c.is_ascii_graphic() || !c.is_ascii()) && !"()<>@,;\\\"".contains(c);
        let end = self.rest.find(|c| !is_value(c)).unwrap_or(self.rest.len());
        let (value, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok((!value.is_empty()).then(|| value.to_owned()))
    }

    /// The quoted string that begins here, without its quotes.
    pub(crate) fn quoted(&mut self) -> Result<String, Reason> {
        let (mut inside, mut escaped) = (String::new(), false);
        for (at, c) in self.rest.char_indices().skip(1) {
            match c {
                _ if escaped => {
                    inside.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                '"' => {
                    self.rest = self.rest.get(at + 1..).unwrap_or_default();
                    return Ok(inside);
                }
                '\r' | '\n' => {}
                c => inside.push(c),
            }
        }
        Err(Reason::of(Code::MailAmbiguous, "quoted text"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(value: &str) -> Result<ContentType, Code> {
        let text = format!("Content-Type: {value}\r\n\r\n");
        Header::read(text.as_bytes()).and_then(|h| h.content_type()).map_err(|r| r.code)
    }

    #[test]
    fn rfc_2045_media_types_as_they_are_written() {
        let rows = [
            ("text/plain", "text/plain", None),
            ("Multipart/Signed; boundary=a", "multipart/signed", Some("a")),
            ("multipart/signed;\r\n\tboundary=\"a b\";", "multipart/signed", Some("a b")),
            (
                "multipart/signed; (a comment; boundary=c) BOUNDARY=\"a\\\"b\"",
                "multipart/signed",
                Some("a\"b"),
            ),
            ("multipart/signed; boundary=----=_Part_1", "multipart/signed", Some("----=_Part_1")),
            ("multipart/signed; boundary=a; name*0=x; name*1=y", "multipart/signed", Some("a")),
        ];
        for (text, essence, boundary) in rows {
            let kind = kind(text).unwrap();
            assert_eq!((kind.essence.as_str(), kind.parameter("boundary")), (essence, boundary), "{text}");
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_not_read() {
        let rows = [
            "multipart/signed; boundary=a; boundary=b",
            "multipart/signed; boundary*=utf-8''a",
            "multipart/signed; boundary*0=a; boundary*1=b",
            "multipart/signed; boundary=\"a",
            "multipart/signed; boundary=a b=c",
            "multipart/signed (open; boundary=a",
            "",
            "multipart/; boundary=a",
            "text/plain\r\nContent-Type: text/html",
        ];
        for text in rows {
            assert_eq!(kind(text).map(|_| ()), Err(Code::MailAmbiguous), "{text}");
        }
    }

    #[test]
    fn headers_that_are_none() {
        let rows: [(&[u8], Code); 6] = [
            (b" folded: first\r\n\r\n", Code::MailDamaged),
            (b"no colon\r\n\r\n", Code::MailDamaged),
            (b"Subject : x\r\n\r\n", Code::MailDamaged),
            (b"Subject: a\0b\r\n\r\n", Code::MailDamaged),
            (b"Subject: a\rb\r\n\r\n", Code::MailDamaged),
            (b": empty\r\n\r\n", Code::MailDamaged),
        ];
        for (text, code) in rows {
            assert_eq!(Header::read(text).unwrap_err().code, code, "{text:?}");
        }
        let many = "A: b\r\n".repeat(FIELDS + 2);
        assert_eq!(Header::read(many.as_bytes()).unwrap_err().code, Code::Budget);
        let long = format!("A: {}\r\n\r\n", "b".repeat(HEADER_BYTES));
        assert_eq!(Header::read(long.as_bytes()).unwrap_err().code, Code::Budget);
    }
}
