//! Entries for fuzzing: each takes bytes from a stranger, must return, and must not panic.

use crate::form;

/// A form: the Content-Type to the first line's end, the body after it. Every part lies inside the body.
pub fn form(bytes: &[u8]) {
    let mut halves = bytes.splitn(2, |byte| *byte == b'\n');
    let content_type = String::from_utf8_lossy(halves.next().unwrap_or_default()).into_owned();
    let body = halves.next().unwrap_or_default();
    if let Ok(parts) = form::read(&content_type, &body) {
        for part in parts {
            assert!(part.content.end <= body.len() as u64, "a part lies outside the body");
        }
    }
}
