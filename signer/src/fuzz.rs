//! Entries for fuzzing: each takes bytes from a stranger, must return, and must not panic.

use crate::make::{MailDraft, MailForm};
use crate::{Evidence, Format, Input, Limits, Policy, Verdict, cms, judge, pdf, smime, tst};
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
