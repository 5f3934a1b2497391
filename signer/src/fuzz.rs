//! Entries for fuzzing: each takes bytes from a stranger, must return, and must not panic.

use crate::{Limits, cms, pdf, tst, xml};

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

/// The XML reader, canonical forms of what it read, and the facts of signatures.
pub fn xml(bytes: &[u8]) {
    let limits = Limits { xml_canonical_bytes: 1 << 20, ..Limits::default() };
    let Ok(document) = xml::read(bytes, &limits) else { return };
    let methods = [xml::Method::Inclusive, xml::Method::Inclusive11, xml::Method::Exclusive];
    for (element, method) in [None, Some(0), Some(1)].into_iter().zip(methods) {
        let how = xml::Canonical { method, comments: true, prefixes: vec![String::new(), "p".to_owned()] };
        if let Ok(octets) = xml::canonical(&document, element, &how, &limits) {
            // A canonical form is XML, and its own canonical form. It may have more attributes than what it came from.
            let again = match xml::read(&octets, &limits) {
                Err(reason) if reason.code == crate::Code::Budget => continue,
                again => again.expect("canonical XML is XML"),
            };
            let twice = xml::canonical(&again, None, &how, &limits).expect("and has a canonical form");
            assert!(twice == octets, "a canonical form changed");
        }
    }
    if let Ok(facts) = xml::facts(bytes, &limits) {
        let parts = std::collections::BTreeMap::new();
        let beside = xml::Beside { content: None, parts: &parts };
        let _ = (facts.unsigned(), facts.has_open_comments());
        for (at, found) in facts.signatures.iter().enumerate() {
            let _ = (facts.coverage(at), facts.covers(at));
            if let Ok(signature) = &found.signature {
                let _ = (facts.octets(signature, beside), facts.signed_info(signature));
            }
        }
    }
}
