//! A message that came as it is on a disk (BODY=BINARYMIME, RFC 3030 §3), for hosts that read lines: the parts that no line can hold are
//! written in quoted-printable or base64 (RFC 2045 §6), everything else stays to the byte.
//!
//! What is signed is not touched: a part of `multipart/signed` (RFC 1847 §2.1) and a message under DKIM (RFC 6376 §5.3) would not be what
//! was signed any more. Then there is no such form, and whoever carries the message gives it back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;

use crate::fields::{Field, fields};

/// Entities within entities; as deep as [`crate::message::Limits::depth_max`] reads.
const DEPTH_MAX: usize = 30;
/// Entities in all; as many as [`crate::message::Limits::parts_max`] reads.
const PARTS_MAX: usize = 1_000;
/// Octets of a line without its CRLF (RFC 5321 §4.5.3.1.6).
const LINE_MAX: usize = 998;
/// Characters of a line in quoted-printable (RFC 2045 §6.7 rule 5), and of base64 (§6.8).
const ENCODED_LINE_MAX: usize = 76;

/// Why a message has no form made of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotRecode {
    /// Somebody signed or sealed what would have to change.
    #[error("what would have to be recoded is signed")]
    Signed,
    /// It is no MIME message, or one of more parts than anybody writes.
    #[error("the structure cannot be recoded")]
    Structure,
}

/// Whether a text holds what a host that reads lines does not take: a NUL, a bare CR or LF, a line beyond 998 octets.
pub fn is_binary(text: &[u8]) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n' | 0)).unwrap_or(rest.len());
        if end > LINE_MAX {
            return true;
        }
        match rest.get(end..).unwrap_or_default() {
            [] => return false,
            [b'\r', b'\n', after @ ..] => rest = after,
            _ => return true,
        }
    }
    false
}

/// The message with every binary part in lines. Parts in 8bit stay so; a message without binary parts comes back as it is.
///
/// # Errors
/// [`CannotRecode`].
pub fn to_lines(message: &[u8]) -> Result<Vec<u8>, CannotRecode> {
    let is_sealed = |field: Field<'_>| field.is("DKIM-Signature") || field.is("ARC-Message-Signature");
    if !is_binary(message) {
        return Ok(message.to_vec());
    }
    if fields(message).any(is_sealed) {
        return Err(CannotRecode::Signed);
    }
    let mut work = Work { out: Vec::with_capacity(message.len() + message.len() / 2), parts: 0 };
    work.entity(message, 0)?;
    // What a broken structure left behind is nothing to hand on.
    if is_binary(&work.out) { Err(CannotRecode::Structure) } else { Ok(work.out) }
}

/// An entity taken apart.
struct Entity<'a> {
    /// The fields, without the empty line.
    header: &'a [u8],
    body: &'a [u8],
    /// Type and subtype, lower case; text/plain where nothing is said (RFC 2045 §5.2).
    media: (String, String),
    boundary: Option<String>,
}

impl<'a> Entity<'a> {
    fn read(whole: &'a [u8]) -> Self {
        let (header, body) = if let Some(body) = whole.strip_prefix(b"\r\n") {
            (&[][..], body)
        } else if let Some(at) = find(whole, b"\r\n\r\n") {
            (whole.get(..at + 2).unwrap_or_default(), whole.get(at + 4..).unwrap_or_default())
        } else {
            (whole, &[][..])
        };
        let said = fields(header).find(|field| field.is("Content-Type")).map(|field| content_type(&field));
        let plain = || (("text".to_owned(), "plain".to_owned()), None);
        let (media, boundary) = said.flatten().unwrap_or_else(plain);
        Self { header, body, media, boundary }
    }

    fn says_binary(&self) -> bool {
        fields(self.header).any(|field| is_encoding(&field) && field.text().eq_ignore_ascii_case("binary"))
    }
}

fn is_encoding(field: &Field<'_>) -> bool {
    field.is("Content-Transfer-Encoding")
}

/// Type, subtype and boundary.
fn content_type(field: &Field<'_>) -> Option<((String, String), Option<String>)> {
    let ended = [field.value, b"\r\n"].concat();
    let HeaderValue::ContentType(kind) = MessageStream::new(&ended).parse_content_type() else { return None };
    let media = (kind.ctype().to_ascii_lowercase(), kind.subtype().unwrap_or_default().to_ascii_lowercase());
    Some((media, kind.attribute("boundary").map(str::to_owned)))
}

/// The message as it is written anew.
struct Work {
    out: Vec<u8>,
    parts: usize,
}

impl Work {
    fn entity(&mut self, whole: &[u8], depth: usize) -> Result<(), CannotRecode> {
        self.parts += 1;
        if depth > DEPTH_MAX || self.parts > PARTS_MAX {
            return Err(CannotRecode::Structure);
        }
        let entity = Entity::read(whole);
        if !is_binary(whole) {
            // What says binary and is none stays as it is written; it is called 8bit from now on.
            match entity.says_binary() {
                true => {
                    self.header(&entity, None, depth == 0);
                    self.out.extend_from_slice(entity.body);
                }
                false => self.out.extend_from_slice(whole),
            }
            return Ok(());
        }
        if is_binary(entity.header) {
            return Err(CannotRecode::Structure);
        }
        let (media, sub) = &entity.media;
        match (media.as_str(), sub.as_str()) {
            ("multipart", "signed" | "encrypted") => Err(CannotRecode::Signed),
            ("multipart", _) => self.multipart(&entity, depth),
            // RFC 2046 §5.2.1: the message inside is recoded, not its wrapping.
            ("message", "rfc822" | "global") => {
                self.header(&entity, None, depth == 0);
                self.entity(entity.body, depth + 1)
            }
            ("message", _) => Err(CannotRecode::Structure),
            ("text", _) => {
                self.header(&entity, Some("quoted-printable"), depth == 0);
                quoted_printable(entity.body, &mut self.out);
                Ok(())
            }
            _ => {
                self.header(&entity, Some("base64"), depth == 0);
                base64_lines(entity.body, &mut self.out);
                Ok(())
            }
        }
    }

    /// The header, with another Content-Transfer-Encoding: the given one, or 8bit in place of binary.
    fn header(&mut self, entity: &Entity<'_>, encoding: Option<&str>, is_top: bool) {
        let (mut at, mut has_version) = (0, false);
        let mut encoding = encoding;
        for field in fields(entity.header) {
            has_version |= field.is("MIME-Version");
            if is_encoding(&field) && (encoding.is_some() || field.text().eq_ignore_ascii_case("binary")) {
                self.out.extend_from_slice(entity.header.get(at..field.range.start).unwrap_or_default());
                at = field.range.end;
                encoding = encoding.or(Some("8bit"));
            }
        }
        self.out.extend_from_slice(entity.header.get(at..).unwrap_or_default());
        if let Some(encoding) = encoding {
            if is_top && !has_version {
                self.out.extend_from_slice(b"MIME-Version: 1.0\r\n");
            }
            self.out.extend_from_slice(format!("Content-Transfer-Encoding: {encoding}\r\n").as_bytes());
        }
        self.out.extend_from_slice(b"\r\n");
    }

    /// Part by part; what stands between them stays (RFC 2046 §5.1.1).
    fn multipart(&mut self, entity: &Entity<'_>, depth: usize) -> Result<(), CannotRecode> {
        let boundary = entity.boundary.as_ref().filter(|text| !text.is_empty());
        let boundary = boundary.ok_or(CannotRecode::Structure)?;
        let dashes = format!("--{boundary}").into_bytes();
        self.header(entity, None, depth == 0);
        let mut delimiter = next_delimiter(entity.body, 0, &dashes).ok_or(CannotRecode::Structure)?;
        // The preamble, and the first delimiter.
        self.out.extend_from_slice(entity.body.get(..delimiter.end).unwrap_or_default());
        while !delimiter.is_last {
            let from = delimiter.end;
            let next = next_delimiter(entity.body, from, &dashes).ok_or(CannotRecode::Structure)?;
            self.entity(entity.body.get(from..next.begin).unwrap_or_default(), depth + 1)?;
            self.out.extend_from_slice(entity.body.get(next.begin..next.end).unwrap_or_default());
            delimiter = next;
        }
        self.out.extend_from_slice(entity.body.get(delimiter.end..).unwrap_or_default());
        Ok(())
    }
}

/// A line between two parts: the CRLF before it belongs to it (RFC 2046 §5.1.1).
struct Delimiter {
    begin: usize,
    end: usize,
    is_last: bool,
}

/// The next line that begins with the boundary and holds nothing more than blanks, or the dashes of the last one.
fn next_delimiter(body: &[u8], from: usize, dashes: &[u8]) -> Option<Delimiter> {
    let mut at = from;
    loop {
        let found = at + find(body.get(at..)?, dashes)?;
        at = found + 1;
        let begin = match found {
            // A part may be empty, and a multipart may begin with its first delimiter.
            begin if begin == from => begin,
            begin if body.get(begin - 2..begin) == Some(b"\r\n") && begin - 2 >= from => begin - 2,
            _ => continue,
        };
        let after = body.get(found + dashes.len()..)?;
        let (is_last, rest) = match after.strip_prefix(b"--") {
            Some(rest) => (true, rest),
            None => (false, after),
        };
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let line_end = match rest.get(blanks..)? {
            [] => 0,
            [b'\r', b'\n', ..] => 2,
            _ => continue,
        };
        let end = body.len() - rest.len() + blanks + line_end;
        return Some(Delimiter { begin, end, is_last });
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = needle.first()?;
    let mut at = 0;
    loop {
        at += haystack.get(at..)?.iter().position(|byte| byte == first)?;
        if haystack.get(at..)?.starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
}

/// RFC 2045 §6.7. Only CRLF is a line end; a CR or an LF alone is a character like others.
fn quoted_printable(text: &[u8], out: &mut Vec<u8>) {
    let mut column = 0;
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(b"\r\n") {
            out.extend_from_slice(b"\r\n");
            (column, rest) = (0, after);
            continue;
        }
        let ends_line = tail.is_empty() || tail.starts_with(b"\r\n");
        let is_plain = match byte {
            b'=' => false,
            b' ' | b'\t' => !ends_line,
            // Lest anybody on the way takes it for the end of the text, or for a delimiter of mailbox files.
            b'.' | b'F' if column == 0 => false,
            b'!'..=b'~' => true,
            _ => false,
        };
        let width = if is_plain { 1 } else { 3 };
        if column + width > ENCODED_LINE_MAX - usize::from(!ends_line) {
            out.extend_from_slice(b"=\r\n");
            column = 0;
            continue;
        }
        match is_plain {
            true => out.push(byte),
            false => out.extend_from_slice(format!("={byte:02X}").as_bytes()),
        }
        (column, rest) = (column + width, tail);
    }
}

/// RFC 2045 §6.8.
fn base64_lines(bytes: &[u8], out: &mut Vec<u8>) {
    let mut lines = bytes.chunks(ENCODED_LINE_MAX / 4 * 3).peekable();
    while let Some(line) = lines.next() {
        out.extend_from_slice(STANDARD.encode(line).as_bytes());
        if lines.peek().is_some() {
            out.extend_from_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
#[path = "recode_tests.rs"]
mod tests;
