//! One type for each moment of the conversation: what cannot be said at a moment has no method there.

use mail::Timestamp;

use crate::codec::{Chunk, ChunkDecoder, DotDecoder, Fed, Mail, Reply, WrongText};
use crate::envelope::{Body, ClientName, Recipient};

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
    /// DATA or BDAT was accepted; what comes is text.
    Receiving(Box<Receiving>),
    /// A chunk has come and was not the last; what comes is a command.
    BetweenChunks(Box<Receiving>),
    /// A chunk comes that nobody wants.
    Draining(Box<Draining>),
}

impl Moment {
    /// Whether the client has said SMTPUTF8 for the message under way, so that replies may be UTF-8 (RFC 6531 §3.7.4.2).
    pub(super) fn smtputf8(&self) -> bool {
        match self {
            Self::Connected | Self::Greeted(_) | Self::SigningIn => false,
            Self::Sender(sender) => sender.mail.smtputf8,
            Self::Recipients(recipients) => recipients.sender.mail.smtputf8,
            Self::Receiving(receiving) | Self::BetweenChunks(receiving) => {
                receiving.recipients.sender.mail.smtputf8
            }
            Self::Draining(draining) => draining.smtputf8,
        }
    }
}

/// After the hello.
#[derive(Debug)]
pub(super) struct Greeted;

impl Greeted {
    pub(super) fn mail_from(self, mail: Mail, now: Timestamp) -> Sender {
        Sender { mail, since: now, refused: 0 }
    }
}

/// After MAIL.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) mail: Mail,
    /// When it was said: the time of BY counts from then (RFC 2852 §4).
    pub(super) since: Timestamp,
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
        self.receiving(now, Form::Dots(DotDecoder::new(line_bytes_max)))
    }

    pub(super) fn bdat(self, now: Timestamp, line_bytes_max: usize) -> Receiving {
        let decoder = match self.sender.mail.body {
            Body::Binary => ChunkDecoder::binary(line_bytes_max),
            Body::SevenBit | Body::EightBit => ChunkDecoder::new(line_bytes_max),
        };
        self.receiving(now, Form::Chunks(decoder))
    }

    fn receiving(self, now: Timestamp, form: Form) -> Receiving {
        Receiving { recipients: self, form, text: Vec::new(), bytes: 0, too_large: false, started: now }
    }
}

/// How text is told from commands.
#[derive(Debug)]
pub(super) enum Form {
    /// DATA: up to the lone dot.
    Dots(DotDecoder),
    /// BDAT: by counting.
    Chunks(ChunkDecoder),
}

impl Form {
    pub(super) fn feed(&mut self, input: &[u8], out: impl FnMut(&[u8])) -> Fed {
        match self {
            Self::Dots(decoder) => decoder.feed(input, out),
            Self::Chunks(decoder) => decoder.feed(input, out),
        }
    }

    pub(super) fn wrong(&self) -> Option<WrongText> {
        match self {
            Self::Dots(decoder) => decoder.wrong(),
            Self::Chunks(decoder) => decoder.wrong(),
        }
    }

    /// Whether a chunk without octets is under way: nothing more has to come.
    pub(super) fn is_through(&self) -> bool {
        matches!(self, Self::Chunks(decoder) if decoder.is_through())
    }

    /// Whether the message goes on after this end.
    pub(super) fn goes_on(&self) -> bool {
        matches!(self, Self::Chunks(decoder) if !decoder.is_last())
    }
}

/// A chunk that is read away before it is refused.
#[derive(Debug)]
pub(super) struct Draining {
    pub(super) left: u64,
    pub(super) reply: Reply,
    /// The moment before, which the chunk does not change.
    pub(super) then: Moment,
    pub(super) smtputf8: bool,
    pub(super) started: Timestamp,
}

/// After DATA or BDAT.
#[derive(Debug)]
pub(super) struct Receiving {
    pub(super) recipients: Recipients,
    pub(super) form: Form,
    /// The text so far; emptied for good once the message cannot be taken.
    pub(super) text: Vec<u8>,
    /// Octets of text that came, kept or not.
    pub(super) bytes: usize,
    pub(super) too_large: bool,
    pub(super) started: Timestamp,
}

impl Receiving {
    /// A chunk was announced.
    pub(super) fn begin(&mut self, chunk: Chunk) {
        if let Form::Chunks(decoder) = &mut self.form {
            decoder.begin(chunk);
        }
    }
}

/// The question whose answer is due.
#[derive(Debug)]
pub(super) enum Awaiting {
    Nothing,
    Tls,
    SignIn,
    Sender(Mail),
    Recipient(Recipient),
    Introduced(Told),
    Verdict(Verdict),
}

/// What a front end said that its client says of itself; it counts more than what the front end says of itself afterwards.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) helo: Option<ClientName>,
    pub(super) extended: Option<bool>,
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
