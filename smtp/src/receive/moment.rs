//! One type for each moment of the conversation: what cannot be said at a moment has no method there.

use mail::Timestamp;

use crate::codec::{DotDecoder, Mail};
use crate::envelope::Recipient;

/// Where the conversation stands.
#[derive(Debug)]
pub(super) enum Moment {
    /// No hello yet, or TLS has just begun and the hello is due again.
    Connected,
    /// Hello was said; no message is under way.
    Greeted(Greeted),
    /// A challenge of AUTH was said; what comes is its answer.
    SigningIn,
    /// MAIL was accepted; nobody is to receive it yet.
    Sender(Sender),
    /// At least one RCPT was accepted.
    Recipients(Recipients),
    /// DATA was accepted; what comes is text.
    Receiving(Box<Receiving>),
}

impl Moment {
    /// Whether the client has said SMTPUTF8 for the message under way, so that replies may be UTF-8 (RFC 6531 §3.7.4.2).
    pub(super) fn smtputf8(&self) -> bool {
        match self {
            Self::Connected | Self::Greeted(_) | Self::SigningIn => false,
            Self::Sender(sender) => sender.mail.smtputf8,
            Self::Recipients(recipients) => recipients.sender.mail.smtputf8,
            Self::Receiving(receiving) => receiving.recipients.sender.mail.smtputf8,
        }
    }
}

/// After the hello.
#[derive(Debug)]
pub(super) struct Greeted;

impl Greeted {
    pub(super) fn mail_from(self, mail: Mail) -> Sender {
        Sender { mail, refused: 0 }
    }
}

/// After MAIL.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) mail: Mail,
    /// Recipients refused so far.
    pub(super) refused: usize,
}

impl Sender {
    pub(super) fn rcpt_to(self, first: Recipient) -> Recipients {
        Recipients { sender: self, list: vec![first] }
    }
}

/// After the first RCPT. Invariant: `list` is not empty.
#[derive(Debug)]
pub(super) struct Recipients {
    pub(super) sender: Sender,
    pub(super) list: Vec<Recipient>,
}

impl Recipients {
    pub(super) fn rcpt_to(&mut self, next: Recipient) {
        self.list.push(next);
    }

    pub(super) fn data(self, now: Timestamp, line_bytes_max: usize) -> Receiving {
        Receiving {
            recipients: self,
            decoder: DotDecoder::new(line_bytes_max),
            text: Vec::new(),
            bytes: 0,
            too_large: false,
            started: now,
        }
    }
}

/// After DATA.
#[derive(Debug)]
pub(super) struct Receiving {
    pub(super) recipients: Recipients,
    pub(super) decoder: DotDecoder,
    /// The text so far; emptied for good once the message cannot be taken.
    pub(super) text: Vec<u8>,
    /// Octets of text that came, kept or not.
    pub(super) bytes: usize,
    pub(super) too_large: bool,
    pub(super) started: Timestamp,
}

/// The question whose answer is due.
#[derive(Debug)]
pub(super) enum Awaiting {
    Nothing,
    Tls,
    SignIn,
    Sender(Mail),
    Recipient(Recipient),
    Verdict(Verdict),
}

impl Awaiting {
    /// Whether replies wait for the answer, to leave together with it.
    pub(super) fn holds_replies(&self) -> bool {
        !matches!(self, Self::Nothing | Self::Tls)
    }
}

/// What is needed to say whether a message was taken.
#[derive(Debug)]
pub(super) struct Verdict {
    /// The message's id, told to the client.
    pub(super) id: String,
    /// How many recipients there are: LMTP answers each.
    pub(super) recipients: usize,
    pub(super) smtputf8: bool,
}
