//! PEM, RFC 7468: labelled base64 blocks in a text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Error;

/// Blocks read from one file; a bundle of all public roots has about 150.
const MAX_BLOCKS: usize = 4096;

/// The contents of all blocks with these labels, in order. Everything else is skipped without being copied, because
/// people keep private keys in the same file.
pub(crate) fn blocks(text: &[u8], labels: &[&str]) -> Result<Vec<Vec<u8>>, Error> {
    let malformed = |why| Error::Malformed { what: "PEM file", why };
    let mut found = Vec::new();
    let mut open: Option<(&[u8], Vec<u8>)> = None;
    for line in text.split(|&byte| byte == b'\n') {
        let line = line.trim_ascii();
        if let Some(label) = marker(line, b"-----BEGIN ") {
            open = labels.iter().any(|wanted| wanted.as_bytes() == label).then(|| (label, Vec::new()));
        } else if let Some(label) = marker(line, b"-----END ") {
            let Some((begin, body)) = open.take() else { continue };
            if begin != label {
                return Err(malformed("BEGIN and END do not match"));
            }
            if found.len() == MAX_BLOCKS {
                return Err(Error::TooLarge { what: "PEM file", limit: MAX_BLOCKS });
            }
            found.push(STANDARD.decode(&body).map_err(|_| malformed("not base64"))?);
        } else if let Some((_, body)) = &mut open {
            body.extend_from_slice(line);
        }
    }
    if open.is_some() { Err(malformed("END is missing")) } else { Ok(found) }
}

fn marker<'t>(line: &'t [u8], start: &[u8]) -> Option<&'t [u8]> {
    line.strip_prefix(start)?.strip_suffix(b"-----")
}

/// One block.
pub(crate) fn block(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(64) {
        text.extend(line.iter().map(|&byte| char::from(byte)));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}
