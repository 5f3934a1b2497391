//! What concerns a file as a whole: whose mail it says it is, and when it was sent.

use super::claim::Whole;
use super::report::Report;
use super::signature::Judgement;
use super::verdict::{Class, Verdict};
use crate::message::{Code, Reason};
use certs::der::{Oid, Reader, Tag};
use certs::{Certificate, GeneralName};
use mail::{EmailAddress, Timestamp};

/// Seconds between a message's date and its signature that need no remark: writing a mail, a slow token, two clocks.
const DATE_TOLERANCE: i64 = 3600;

/// Adds the doubts and remarks about the whole file to a report of its signatures.
pub(super) fn consider(report: &mut Report, whole: &Whole, judgements: &[Judgement]) {
    report.notes.extend(whole.remarks.iter().cloned());
    let mut doubts = whole.doubts.clone();
    let signers = || judgements.iter().filter_map(|judgement| judgement.signer.as_ref());
    if let Some(sender) = &whole.sender
        && signers().next().is_some()
        && !signers().any(|signer| names(signer, sender))
    {
        doubts.push(Reason::new(Code::FromNotSigner));
    }
    let times = judgements.iter().filter_map(|judgement| judgement.report.claimed_time);
    if let Some(sent_at) = whole.sent_at
        && times.map(Timestamp::secs).any(|time| (time - sent_at.secs()).abs() > DATE_TOLERANCE)
    {
        report.notes.push(Reason::new(Code::MailDateDiffers));
    }
    let Some(first) = doubts.first() else { return };
    if judgements.is_empty() {
        // Signed somewhere, but not as a whole: neither signed nor unsigned.
        report.verdict = Verdict::Indeterminate;
        report.reasons.clear();
    }
    report.verdict = report.verdict.max(Verdict::Indeterminate);
    if report.class.is_good() {
        report.class = Class::Invalid(first.code);
    }
    report.reasons.extend(doubts);
}

/// id-on-SmtpUTF8Mailbox (RFC 9598 §3).
const SMTP_UTF8_MAILBOX: Oid = Oid::new(&[1, 3, 6, 1, 5, 5, 7, 8, 9]);

/// The certificate names the mailbox: rfc822Name, its form for letters beyond ASCII, or the subject's e-mail attribute
/// (RFC 8550 §3). Domains compare as DNS does, local parts without regard to case: no host in use tells `An` from `an`.
fn names(certificate: &Certificate, sender: &EmailAddress) -> bool {
    let is_sender = |text: &str| text.parse::<EmailAddress>().is_ok_and(|own| own == *sender);
    certificate.emails().any(is_sender)
        || certificate.alt_names().iter().filter_map(international).any(|own| is_sender(&own))
}

/// `SmtpUTF8Mailbox` of an otherName.
fn international(name: &GeneralName) -> Option<String> {
    let GeneralName::Other(0, content) = name else { return None };
    let mut fields = Reader::der(content);
    let kind = fields.expect(Tag::OID).and_then(|e| e.oid()).ok()?;
    let value = fields.explicit(0).ok()??;
    (kind == SMTP_UTF8_MAILBOX && value.tag() == Tag::UTF8_STRING).then(|| value.text().ok())?
}
