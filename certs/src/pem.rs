//! PEM, RFC 7468: labelled base64 blocks in a text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Error;

/// Blocks read from one file; a bundle of all public roots has about 150.
const MAX_BLOCKS: usize = 4096;

/// All blocks in order: label and contents. Text between blocks is skipped, as are blocks with headers
/// (`Proc-Type:` of old encrypted keys, which only [`crate::keys`] opens).
pub(crate) fn blocks(text: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let malformed = |why| Error::Malformed { what: "PEM file", why };
    let mut found = Vec::new();
    let mut open: Option<(String, Vec<u8>)> = None;
    for line in text.split(|&byte| byte == b'\n') {
        let line = line.trim_ascii();
        if let Some(label) = marker(line, b"-----BEGIN ") {
            open = Some((label, Vec::new()));
        } else if let Some(label) = marker(line, b"-----END ") {
            let Some((begin, body)) = open.take() else { continue };
            if begin != label {
                return Err(malformed("BEGIN and END do not match"));
            }
            if body.contains(&b':') {
                continue;
            }
            if found.len() == MAX_BLOCKS {
                return Err(Error::TooLarge { what: "PEM file", limit: MAX_BLOCKS });
            }
            found.push((label, STANDARD.decode(&body).map_err(|_| malformed("not base64"))?));
        } else if let Some((_, body)) = &mut open {
            body.extend_from_slice(line);
        }
    }
    if open.is_some() { Err(malformed("END is missing")) } else { Ok(found) }
}

fn marker(line: &[u8], start: &[u8]) -> Option<String> {
    let label = line.strip_prefix(start)?.strip_suffix(b"-----")?;
    String::from_utf8(label.to_vec()).ok()
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
