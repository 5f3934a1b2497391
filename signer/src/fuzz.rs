//! Entries for fuzzing: each takes bytes from a stranger, must return, and must not panic.

use crate::make::{Ink, Picture, Prepared};
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

/// Pictures of signatures and seals.
pub fn picture(bytes: &[u8]) {
    let _ = Picture::read(bytes, Ink::Seal);
    let _ = Picture::read(bytes, Ink::Signature);
}

/// Signatures in progress.
pub fn prepared(bytes: &[u8]) {
    let _ = Prepared::from_bytes(bytes, &Limits::default());
}
