//! Entries for fuzzing: each takes bytes from a stranger, must return, and must not panic.

use crate::make::{Ink, MailDraft, MailForm, Picture, Prepared};
use crate::{Evidence, Format, Input, Limits, Policy, Verdict, cms, judge, pdf, smime, tst, xml};
use mail::Timestamp;

/// The PDF reader, change analysis included.
pub fn pdf(bytes: &[u8]) {
    let _ = pdf::read(bytes, &Limits::default());
}

/// The CMS reader.
pub fn cms(bytes: &[u8]) {
    let _ = cms::read(bytes, &Limits::default());
}

/// CMS files with any number of signers, in binary or text, judged as far as nobody is trusted: content types,
/// attributes, confusion with other signatures.
pub fn file(bytes: &[u8]) {
    let limits = Limits::default();
    if let Ok(der) = cms::unwrap(bytes, &limits)
        && let Ok(message) = cms::read_message(&der, &limits)
    {
        let content = message.content.as_deref().unwrap_or_default();
        for signer in message.signers.iter().flatten() {
            let _ = (signer.check_content(&[content]), signer.signing_time());
        }
    }
    let judged = judge(bytes.to_vec(), &Policy::default(), &Evidence::default(), Timestamp::from_secs(0));
    assert_ne!(judged.verdict(), Verdict::Valid, "nobody is trusted");
}

/// Signed mail: what is read is part of the file or made from it, and never larger than it with its line ends.
pub fn mail(bytes: &[u8]) {
    let limits = Limits::default();
    if let Ok(mut mail) = smime::read(bytes, &limits)
        && let smime::Body::Detached { content, .. } = &mail.body
    {
        assert!(content.len() <= 2 * bytes.len());
        let content = content.clone().into_owned();
        mail.compare_headers(bytes, &content);
    }
    for form in [MailForm::Clear, MailForm::Opaque] {
        let _ = MailDraft::new(bytes, form, &limits);
    }
    let input = Input::from(bytes.to_vec()).of(Format::Smime);
    let judged = judge(input, &Policy::default(), &Evidence::default(), Timestamp::from_secs(0));
    assert_ne!(judged.verdict(), Verdict::Valid, "nobody is trusted");
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

/// An evidence bundle: read, written again as it was, and asked about a document that is not its own.
pub fn bundle(bytes: &[u8]) {
    if let Ok(bundle) = crate::bundle::Bundle::read(bytes, &Limits::default()) {
        assert_eq!(bundle.to_bytes().split(|b| *b == b'\n').next(), bytes.split(|b| *b == b'\n').next());
        let _ = bundle.rejudge(b"%PDF-1.7".to_vec());
    }
}
