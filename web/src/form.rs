//! A form with files, as browsers send it (RFC 7578): where its parts lie in the body, which may be larger than memory. Nothing is
//! copied, nothing is guessed: a body that is not exactly such a form is refused.

use std::io;
use std::ops::Range;

use registry::package::{Source, find_in};

/// Parts of one form. Ours has three.
const PARTS_MAX: usize = 8;
/// Bytes of a part's header lines. Browsers write about 150 and a file name.
const HEADER_MAX: usize = 4096;
/// Characters of a boundary (RFC 2046 §5.1.1).
const BOUNDARY_MAX: usize = 70;

/// One part of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// The file's name, its folders left out; `None` when the part is no file.
    pub file_name: Option<String>,
    /// Where its content lies in the body.
    pub content: Range<u64>,
}

/// Why there are no parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Not a form with files.
    #[error("the body is no multipart/form-data")]
    NoForm,
    /// The body cannot be read. Not the sender's fault.
    #[error("the body cannot be read")]
    Unread,
}

impl From<io::Error> for FormError {
    fn from(_: io::Error) -> Self {
        Self::Unread
    }
}

/// Whether a Content-Type speaks of such a form, and which line divides its parts.
pub fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })?;
    let is_fine = |c: u8| c.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&c);
    (!value.is_empty() && value.len() <= BOUNDARY_MAX && value.bytes().all(is_fine)).then_some(value)
}

/// The parts of a form.
///
/// # Errors
/// [`FormError::NoForm`]: no such form, cut short, or of more parts than a form has; [`FormError::Unread`].
pub fn read(content_type: &str, body: &dyn Source) -> Result<Vec<Part>, FormError> {
    let line = format!("--{}", boundary(content_type).ok_or(FormError::NoForm)?);
    let dividing = format!("\r\n{line}");
    if !bytes_at(body, 0, line.len())?.starts_with(line.as_bytes()) {
        return Err(FormError::NoForm);
    }
    let mut parts = Vec::new();
    let mut at = line.len() as u64;
    loop {
        let head = bytes_at(body, at, 2 + HEADER_MAX + 4)?;
        if head.starts_with(b"--") {
            return Ok(parts);
        }
        let head = head.strip_prefix(b"\r\n").filter(|_| parts.len() < PARTS_MAX).ok_or(FormError::NoForm)?;
        let header_end = head.windows(4).take(HEADER_MAX).position(|window| window == b"\r\n\r\n");
        let header_end = header_end.ok_or(FormError::NoForm)?;
        let start = at + 2 + header_end as u64 + 4;
        let end = find_in(body, dividing.as_bytes(), start)?.ok_or(FormError::NoForm)?;
        let (name, file_name) = names(head.get(..header_end).unwrap_or_default())?;
        parts.push(Part { name, file_name, content: start..end });
        at = end + dividing.len() as u64;
    }
}

/// Some bytes of a body, or what there is of them.
fn bytes_at(body: &dyn Source, at: u64, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; most];
    let mut have = 0;
    while have < most {
        match body.read_at(at + have as u64, bytes.get_mut(have..).unwrap_or_default())? {
            0 => break,
            read => have += read,
        }
    }
    bytes.truncate(have);
    Ok(bytes)
}

/// The names in a part's Content-Disposition.
fn names(header: &[u8]) -> Result<(String, Option<String>), FormError> {
    let header = std::str::from_utf8(header).map_err(|_| FormError::NoForm)?;
    let disposition = header.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    });
    let disposition = disposition.ok_or(FormError::NoForm)?;
    let name = parameter(disposition, "name").ok_or(FormError::NoForm)?;
    let file_name = parameter(disposition, "filename")
        .map(|path| path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned());
    Ok((name, file_name))
}

/// `name="value"`; browsers write a quotation mark inside as %22, and no backslashes (RFC 7578 §4.2, WHATWG).
fn parameter(disposition: &str, wanted: &str) -> Option<String> {
    let mut rest = disposition;
    while let Some((_, after)) = rest.split_once(';') {
        let (name, value) = after.split_once('=')?;
        let value = value.trim_start();
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_at(value.find(';').unwrap_or(value.len())),
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value.replace("%22", "\"").replace("%0D", "").replace("%0A", ""));
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=----WebKitFormBoundaryx1";

    fn body(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (header, content) in parts {
            body.extend_from_slice(b"------WebKitFormBoundaryx1\r\nContent-Disposition: form-data; ");
            body.extend_from_slice(header.as_bytes());
            body.extend_from_slice(b"\r\nContent-Type: application/pdf\r\n\r\n");
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"------WebKitFormBoundaryx1--\r\n");
        body
    }

    #[test]
    fn a_form_as_browsers_send_it() {
        let tricky = b"%PDF\r\n------WebKitFormBoundaryx\r\n--\r\r\n-";
        let sent = body(&[
            ("name=\"document\"; filename=\"C:\\\\v\u{103}n b\u{1ea3}n %22m\u{1edb}i%22.pdf\"", tricky),
            ("name=\"content\"; filename=\"\"", b""),
            ("name=lang", b"vi"),
        ]);
        let parts = read(TYPE, &sent.as_slice()).unwrap();
        let told: Vec<_> = parts
            .iter()
            .map(|p| {
                (
                    p.name.as_str(),
                    p.file_name.as_deref(),
                    &sent[p.content.start as usize..p.content.end as usize],
                )
            })
            .collect();
        let expected: [(&str, Option<&str>, &[u8]); 3] = [
            ("document", Some("v\u{103}n b\u{1ea3}n \"m\u{1edb}i\".pdf"), tricky),
            ("content", Some(""), b""),
            ("lang", None, b"vi"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let good = body(&[("name=\"a\"", b"1")]);
        assert_eq!(read(TYPE, &good.as_slice()).unwrap().len(), 1);
        for end in 0..good.len() - 4 {
            assert_eq!(read(TYPE, &&good[..end]), Err(FormError::NoForm), "cut at {end}");
        }
        for kind in [
            "",
            "text/plain",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\u{e9}",
        ] {
            assert_eq!(read(kind, &good.as_slice()), Err(FormError::NoForm), "{kind}");
        }
        let many: Vec<(&str, &[u8])> = vec![("name=\"a\"", b"1"); PARTS_MAX + 1];
        assert_eq!(read(TYPE, &body(&many).as_slice()), Err(FormError::NoForm));
        assert_eq!(read(TYPE, &body(&[("filename=\"nameless\"", b"1")]).as_slice()), Err(FormError::NoForm));
        let long = format!("name=\"{}\"", "a".repeat(HEADER_MAX));
        assert_eq!(read(TYPE, &body(&[(&long, b"1")]).as_slice()), Err(FormError::NoForm));
    }
}
