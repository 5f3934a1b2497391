//! The body of `sendEdoc`: the file, and two bytes CRLF that are not part of it (VXP 0.3, 3.8).

use std::ops::Range;

use ring::digest::{Context, Digest, SHA256};

use super::hash::names_digest;
use crate::Error;
use crate::package::{self, Source};

/// Hashes a body while it streams in, with and without its last two bytes. Feed it in pieces of any size.
#[derive(Clone)]
pub struct BodyHasher {
    /// Everything but the last two bytes.
    head: Context,
    tail: Vec<u8>,
    len: usize,
}

/// Which bytes of a body are the package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packaged {
    /// How many, from the start.
    pub len: usize,
    /// Their SHA-256: a part of the key by which repeats are known (VXP 3.8 step 6).
    pub sha256: [u8; 32],
}

impl Default for BodyHasher {
    fn default() -> Self {
        Self { head: Context::new(&SHA256), tail: Vec::new(), len: 0 }
    }
}

impl BodyHasher {
    /// A hasher that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.len = self.len.saturating_add(piece.len());
        match piece.len().checked_sub(2).and_then(|keep| piece.split_at_checked(keep)) {
            Some((settled, last_two)) => {
                self.head.update(&self.tail);
                self.head.update(settled);
                self.tail = last_two.to_vec();
            }
            None => {
                self.tail.extend_from_slice(piece);
                let settled = self.tail.len().saturating_sub(2);
                let rest = self.tail.split_off(settled);
                self.head.update(&self.tail);
                self.tail = rest;
            }
        }
    }

    /// How many bytes came.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none came.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Finds the bytes that `hash_file` names: the body without a final CRLF, or the whole body, in that order, so
    /// that a file which itself ends in CRLF is found too.
    ///
    /// # Errors
    /// [`Error::BadParameter`] without a `hash-file`, [`Error::DamagedBody`] when neither matches.
    pub fn finish(self, hash_file: Option<&str>) -> Result<Packaged, Error> {
        let hash_file =
            hash_file.ok_or(Error::BadParameter { name: "hash-file", expected: "SHA-256 of the file" })?;
        let packaged = |digest: Digest, len: usize| {
            let sha256 = <[u8; 32]>::try_from(digest.as_ref()).ok()?;
            names_digest(hash_file, &sha256).then_some(Packaged { len, sha256 })
        };
        let mut whole = self.head.clone();
        whole.update(&self.tail);
        let without = match self.tail.as_slice() == b"\r\n" {
            true => packaged(self.head.finish(), self.len.saturating_sub(2)),
            false => None,
        };
        without.or_else(|| packaged(whole.finish(), self.len)).ok_or(Error::DamagedBody)
    }
}

/// Finds the package in a body that came whole.
///
/// # Errors
/// As [`BodyHasher::finish`]; [`Error::DamagedBody`] too for a multipart body without a first part; [`Error::Unavailable`] when
/// the body cannot be read.
pub fn package_in(
    content_type: Option<&[u8]>,
    body: &dyn Source,
    hash_file: Option<&str>,
) -> Result<(Range<u64>, [u8; 32]), Error> {
    let part = match content_type.and_then(boundary) {
        Some(boundary) => first_part(body, &boundary)?.ok_or(Error::DamagedBody)?,
        None => 0..body.len(),
    };
    let mut hasher = BodyHasher::new();
    let (mut window, mut at) = (vec![0; WINDOW], part.start);
    while at < part.end {
        let most = usize::try_from(part.end - at).unwrap_or(WINDOW).min(WINDOW);
        let read = read_some(body, at, window.get_mut(..most).unwrap_or_default())?;
        hasher.update(window.get(..read).unwrap_or_default());
        at += read as u64;
    }
    let found = hasher.finish(hash_file)?;
    Ok((part.start..part.start.saturating_add(found.len as u64), found.sha256))
}

/// Bytes of a body that are looked at together.
const WINDOW: usize = 128 * 1024;

fn read_some(body: &dyn Source, at: u64, into: &mut [u8]) -> Result<usize, Error> {
    match body.read_at(at, into) {
        Ok(0) | Err(_) => Err(Error::Unavailable),
        Ok(read) => Ok(read),
    }
}

/// Whether a `Content-Type` says that the package is the first part of a form (VXP 3.8 step 1), and its boundary.
/// The real client sends the file as it is, in spite of traces of multipart in it.
pub fn boundary(content_type: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(content_type).ok()?.trim();
    let head = text.get(.."multipart/form-data".len())?;
    if !head.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    text.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        // RFC 2046 §5.1.1: 1 to 70 characters.
        let fits = name.trim().eq_ignore_ascii_case("boundary") && matches!(value.len(), 1..=70);
        fits.then(|| value.as_bytes().to_vec())
    })
}

/// The content of the first part (RFC 2046 §5.1.1): after its headers, up to the next delimiter.
fn first_part(body: &dyn Source, boundary: &[u8]) -> Result<Option<Range<u64>>, Error> {
    let delimiter = [b"--", boundary].concat();
    let Some(opened) = find(body, &delimiter, 0)? else { return Ok(None) };
    let Some(headers_end) = find(body, b"\r\n\r\n", opened + delimiter.len() as u64)? else {
        return Ok(None);
    };
    let start = headers_end + 4;
    let end = find(body, &[b"\r\n--", boundary].concat(), start)?;
    Ok(end.map(|end| start..end))
}

fn find(body: &dyn Source, needle: &[u8], from: u64) -> Result<Option<u64>, Error> {
    package::find_in(body, needle, from).map_err(|_| Error::Unavailable)
}

#[cfg(test)]
mod tests {
    use super::super::hash::{full_hex, thin_hex};
    use super::*;

    fn bytes(range: Range<u64>) -> Range<usize> {
        range.start as usize..range.end as usize
    }

    #[test]
    fn vxp_3_8_a_form_larger_than_a_window() {
        let file: Vec<u8> = (0..3 * WINDOW + 5).map(|n| (n % 251) as u8).collect();
        for before in [0, 1, WINDOW - 3, WINDOW - 1] {
            let head = format!("{}--xyz\r\n\r\n", "-".repeat(before));
            let body = [head.as_bytes(), &file, b"\r\n--xyz--\r\n"].concat();
            let hash = thin_hex(&sha(&file));
            let kind = Some(b"multipart/form-data; boundary=xyz".as_slice());
            let (range, _) = package_in(kind, &body.as_slice(), Some(&hash)).unwrap();
            assert!(body[bytes(range)] == file, "{before}");
        }
    }

    fn sha(bytes: &[u8]) -> Vec<u8> {
        ring::digest::digest(&SHA256, bytes).as_ref().to_vec()
    }

    #[test]
    fn vxp_3_8_which_bytes_are_the_package() {
        let rows: &[(&[u8], &[u8])] = &[
            // body, the file that was hashed
            (b"<edXML/>\r\n", b"<edXML/>"),
            (b"<edXML/>\r\n", b"<edXML/>\r\n"),
            (b"<edXML/>\r\n\r\n", b"<edXML/>\r\n"),
            (b"<edXML/>", b"<edXML/>"),
            (b"\r\n", b""),
            (b"", b""),
            (b"\n", b"\n"),
        ];
        for (body, file) in rows {
            for hash in [thin_hex(&sha(file)), full_hex(&sha(file)), full_hex(&sha(file)).to_uppercase()] {
                let (range, sha256) = package_in(None, body, Some(&hash)).unwrap();
                assert_eq!(&body[bytes(range)], *file);
                assert_eq!(sha256.as_slice(), sha(file));
            }
        }
        let other = thin_hex(&sha(b"another"));
        assert_eq!(package_in(None, &&b"<edXML/>\r\n"[..], Some(&other)), Err(Error::DamagedBody));
        assert!(matches!(
            package_in(None, &&b"x"[..], None),
            Err(Error::BadParameter { name: "hash-file", .. })
        ));
    }

    #[test]
    fn vxp_3_8_first_part_of_a_form() {
        let body =
            b"--xyz\r\nContent-Disposition: form-data; name=\"file_doc\"\r\n\r\n<edXML/>\r\n--xyz--\r\n"
                .as_slice();
        let hash = thin_hex(&sha(b"<edXML/>"));
        let kind = b"Multipart/Form-Data; charset=x; boundary=\"xyz\"".as_slice();
        let (range, _) = package_in(Some(kind), &body, Some(&hash)).unwrap();
        assert_eq!(&body[bytes(range)], b"<edXML/>");
        for broken in [&b"--xyz\r\nno end of headers"[..], b"", b"--xyz\r\n\r\n<edXML/>"] {
            assert_eq!(package_in(Some(kind), &broken, Some(&hash)), Err(Error::DamagedBody));
        }
        assert_eq!(boundary(b"application/octet-stream; boundary=x"), None);
        assert_eq!(boundary(b"multipart/form-data"), None);
    }

    proptest::proptest! {
        #[test]
        fn pieces_do_not_matter(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64), cuts in proptest::collection::vec(0usize..8, 0..40)) {
            let mut hasher = BodyHasher::new();
            let mut rest = body.as_slice();
            for cut in cuts {
                let (piece, tail) = rest.split_at(cut.min(rest.len()));
                hasher.update(piece);
                rest = tail;
            }
            hasher.update(rest);
            let hash = thin_hex(&sha(&body));
            proptest::prop_assert_eq!(hasher.finish(Some(&hash)).map(|p| p.len), Ok(body.len()));
        }
    }
}
