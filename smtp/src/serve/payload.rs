//! The words of an envelope, from the wire to the outbox and back.

use mail::envelope::{DsnReturn, OutboundMail, OutboundRecipient};
use mail::{AccountId, Domain};
use store::Lane;

use super::Refusal;
use super::recipient::postmaster;
use crate::codec::table;
use crate::envelope::{
    Body, Envelope, EnvelopeId, ForwardPath, Notify, OriginalRecipient, Recipient, Ret, ReversePath,
};

/// A row's payload for some recipients of an accepted message.
pub(super) fn outbound(
    envelope: &Envelope,
    message: &[u8],
    recipients: Vec<OutboundRecipient>,
) -> OutboundMail {
    OutboundMail {
        reverse_path: envelope.reverse_path.mailbox().cloned(),
        recipients,
        submission: None,
        envid: envelope.envelope_id.as_ref().map(|id| id.as_str().to_owned()),
        ret: envelope.ret.map(|ret| match ret {
            Ret::Full => DsnReturn::Full,
            Ret::Headers => DsnReturn::Hdrs,
        }),
        smtputf8: envelope.smtputf8,
        body_8bit: !message.is_ascii(),
        binary: envelope.body == Body::Binary && mail::recode::is_binary(message),
        require_tls: envelope.require_tls,
        priority: envelope.priority.filter(|_| envelope.client.signed_in_as.is_some()),
        not_before: envelope.not_before,
        deliver_by: envelope.deliver_by,
        via: None,
        received_at: envelope.received_at,
        trace: envelope.id.clone(),
        keywords: Vec::new(),
        list: None,
        forwarded_by: None,
        to_list: None,
    }
}

/// One recipient on the way out.
pub(super) fn recipient_out(
    recipient: &Recipient,
    local_account: Option<AccountId>,
    host: &Domain,
) -> Result<OutboundRecipient, Refusal> {
    let address = match &recipient.path {
        ForwardPath::Mailbox(address) => address.clone(),
        ForwardPath::Postmaster => postmaster(host)?,
    };
    let original = recipient.original.as_ref();
    Ok(OutboundRecipient {
        address,
        notify: recipient.notify.map(notify_out),
        orcpt: original.map(|original| format!("{};{}", original.kind(), original.text())),
        local_account,
    })
}

/// The same recipient as a conversation and a report want it.
pub(super) fn recipient_in(recipient: &OutboundRecipient) -> Recipient {
    let original = recipient.orcpt.as_deref().and_then(|text| text.split_once(';'));
    Recipient {
        path: ForwardPath::Mailbox(recipient.address.clone()),
        notify: recipient.notify.map(notify_in),
        original: original.and_then(|(kind, text)| OriginalRecipient::new(kind, text)),
    }
}

fn notify_out(notify: Notify) -> mail::envelope::Notify {
    match notify {
        Notify::Never => mail::envelope::Notify::NEVER,
        Notify::On { success, failure, delay } => mail::envelope::Notify { success, failure, delay },
    }
}

fn notify_in(notify: mail::envelope::Notify) -> Notify {
    let mail::envelope::Notify { success, failure, delay } = notify;
    match success || failure || delay {
        true => Notify::On { success, failure, delay },
        false => Notify::Never,
    }
}

/// The recipient once its sender has heard of the delay: what is still wished for is all but that, so that nobody is told
/// twice.
pub(super) fn delay_told(recipient: &OutboundRecipient) -> OutboundRecipient {
    let wished = recipient.notify.map_or(Notify::USUAL, notify_in);
    let left = match wished {
        Notify::On { success, failure, .. } => notify_out(Notify::On { success, failure, delay: false }),
        Notify::Never => mail::envelope::Notify::NEVER,
    };
    OutboundRecipient { notify: Some(left), ..recipient.clone() }
}

pub(super) fn reverse_path(mail: &OutboundMail) -> ReversePath {
    mail.reverse_path.clone().map_or(ReversePath::Null, ReversePath::Mailbox)
}

/// What a report brings back. Of a mail that may only travel through TLS it is never the text (RFC 8689 §5), nor of one that no line can hold:
/// the report goes by DATA.
pub(super) fn ret(mail: &OutboundMail) -> Option<Ret> {
    match mail.ret {
        _ if mail.require_tls || mail.binary => Some(Ret::Headers),
        Some(DsnReturn::Full) => Some(Ret::Full),
        Some(DsnReturn::Hdrs) => Some(Ret::Headers),
        None => None,
    }
}

pub(super) fn envelope_id(mail: &OutboundMail) -> Option<EnvelopeId> {
    mail.envid.as_deref().and_then(EnvelopeId::new)
}

/// Which carriers take it.
pub(super) fn lane(mail: &OutboundMail) -> Lane {
    if mail.is_urgent() { Lane::Urgent } else { Lane::Normal }
}

/// As JSON.
pub(super) fn to_json(mail: &OutboundMail) -> Result<String, Refusal> {
    serde_json::to_string(mail).map_err(|_| table::OUR_FAULT.into())
}

/// The message as it comes to lie in a mailbox: with the `Return-Path` that final delivery adds (RFC 5321 §4.4). A message that begins with
/// that very line already has it.
pub(super) fn with_return_path(path: &ReversePath, message: Vec<u8>) -> Vec<u8> {
    let line = return_path(path).into_bytes();
    match message.starts_with(&line) {
        true => message,
        false => [line, message].concat(),
    }
}

/// The message without the `Return-Path` that our own delivery put before it: what is passed on gets another where it arrives (RFC 5321
/// §4.4).
pub(super) fn without_return_path(message: Vec<u8>) -> Vec<u8> {
    let has_path = message.get(..12).is_some_and(|start| start.eq_ignore_ascii_case(b"Return-Path:"));
    let end = message.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    match has_path {
        true => message.get(end..).unwrap_or_default().to_vec(),
        false => message,
    }
}

/// The field that final delivery adds.
pub(super) fn return_path(path: &ReversePath) -> String {
    format!("Return-Path: {path}\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_told_once_and_every_other_wish_stays() {
        let on = |success, failure, delay| mail::envelope::Notify { success, failure, delay };
        let rows = [
            (None, on(false, true, false)),
            (Some(on(true, true, true)), on(true, true, false)),
            (Some(on(false, false, true)), mail::envelope::Notify::NEVER),
            (Some(mail::envelope::Notify::NEVER), mail::envelope::Notify::NEVER),
        ];
        for (notify, left) in rows {
            let plain = OutboundRecipient::plain("b@b.vn".parse().unwrap());
            assert_eq!(delay_told(&OutboundRecipient { notify, ..plain }).notify, Some(left), "{notify:?}");
        }
    }

    #[test]
    fn rfc_5321_4_4_a_return_path_is_added_once() {
        let path = ReversePath::Mailbox("a@b.vn".parse().unwrap());
        let once = with_return_path(&path, b"Subject: x\r\n\r\n".to_vec());
        assert!(once.starts_with(b"Return-Path: <a@b.vn>\r\nSubject"));
        assert_eq!(with_return_path(&path, once.clone()), once);
    }
}
