//! Entries for fuzzing: each takes bytes from a stranger, must return, and must not panic.

use crate::{Limits, cms, pdf, tst};

/// The PDF reader, change analysis included.
pub fn pdf(bytes: &[u8]) {
    let _ = pdf::read(bytes, &Limits::default());
}

/// The CMS reader.
pub fn cms(bytes: &[u8]) {
    let _ = cms::read(bytes, &Limits::default());
}

/// Timestamp tokens, requests.
pub fn tst(bytes: &[u8]) {
    let _ = tst::Token::read(bytes, &Limits::default());
    let _ = tst::Request::from_der(bytes);
}
