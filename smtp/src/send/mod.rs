//! Mail leaving: a client's side of one SMTP conversation, as a value.
//!
//! The driver connects, hands in bytes, answers and time, gives it a [`Delivery`] with [`Session::deliver`], and asks
//! [`Session::next`] what to do until it says `None`. Each delivery ends in exactly one [`Ask::Done`]; then the same connection may carry the
//! next one, or [`Session::quit`] ends it.
//!
//! ```text
//!   greeting ─► EHLO ─► (STARTTLS ─► TLS ─► EHLO) ─► (AUTH) ─► ready ─► MAIL RCPT… ─► DATA ─► text ─► dot ─► ready
//!                 └► HELO
//! ```
//!
//! What must stay true: a recipient is `Delivered` only by a 2xx to the final dot; each recipient has its own verdict; nothing is sent in
//! the clear that policy wants inside TLS; bytes that came before TLS are never read after it.

mod demand;
mod hello;
mod transaction;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use mail::envelope::{DeliverBy, Priority};
use mail::{Secret, Timestamp};

use crate::codec::{Reply, ReplyReader};
use crate::envelope::{ClientName, EnvelopeId, Recipient, Ret, ReversePath};
use crate::{Error, Limits};
pub use demand::{Demand, Demander, Matching, Proof, Selector, Tlsa, Usage};
use hello::Offers;
use transaction::Transaction;

/// Whether the connection has to be encrypted (RULES M35).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsPolicy {
    /// Never: the driver has tried and the peer's TLS is broken, or the peer is this machine.
    None,
    /// When the peer offers it (RFC 7435).
    Opportunistic,
    /// Always: DANE, MTA-STS, government peers, or because a password is sent.
    Required,
}

/// What holds for the whole connection.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What we call ourselves.
    pub name: ClientName,
    /// TLS by STARTTLS.
    pub tls: TlsPolicy,
    /// TLS before anything is said (port 465, RFC 8314 §3.3).
    pub implicit_tls: bool,
    /// For a smart host; said inside TLS only.
    pub credentials: Option<Credentials>,
}

/// How we sign in at a smart host (RFC 4954).
#[derive(Clone, Debug)]
pub struct Credentials {
    /// How.
    pub mechanism: Mechanism,
    /// Who we are there.
    pub name: String,
    /// The password.
    pub password: Secret<String>,
}

/// How a client signs in; both say the password, so both go through TLS alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// What was there before PLAIN, and is all that some hosts know.
    Login,
}

/// One message for some recipients at this peer.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Where reports go.
    pub reverse_path: ReversePath,
    /// Who gets it.
    pub recipients: Vec<Recipient>,
    /// The whole message.
    pub message: Arc<[u8]>,
    /// The message came with SMTPUTF8.
    pub smtputf8: bool,
    /// RET.
    pub ret: Option<Ret>,
    /// ENVID.
    pub envelope_id: Option<EnvelopeId>,
    /// REQUIRETLS: only to a peer that offers it, inside TLS (RFC 8689 §4.2.1).
    pub require_tls: bool,
    /// The message holds what only BINARYMIME carries as it is (RFC 3030 §3); for a peer without, it is recoded ([`mail::recode`]).
    pub binary: bool,
    /// DELIVERBY: the time left is passed on (RFC 2852 §4.1).
    pub deliver_by: Option<DeliverBy>,
    /// The message says that it need not be safe on its way (`TLS-Required: No`, RFC 8689 §3); then what the destination asks for is passed over.
    pub tls_optional: bool,
    /// MT-PRIORITY; a peer that does not know it gets the message without.
    pub priority: Option<Priority>,
}

/// What became of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The peer has taken responsibility.
    Delivered(Reply),
    /// Not now. After a fault of the connection the reply may be a 5xx, of the host and not about this mail.
    Deferred(Reply),
    /// Never.
    Refused(Reply),
}

impl Verdict {
    /// By the reply's first digit.
    fn of(reply: Reply) -> Self {
        match reply.code() / 100 {
            2 => Self::Delivered(reply),
            5 => Self::Refused(reply),
            _ => Self::Deferred(reply),
        }
    }

    /// The words.
    pub fn reply(&self) -> &Reply {
        match self {
            Self::Delivered(reply) | Self::Deferred(reply) | Self::Refused(reply) => reply,
        }
    }
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// One for each recipient, in the order given.
    pub verdicts: Vec<Verdict>,
    /// What went wrong with the connection, if that is what put the recipients off.
    pub fault: Option<Error>,
    /// When the outcome was known; for what was delivered, when it left our control (RULES M36).
    pub at: Timestamp,
    /// Whether the peer reports successes itself (RFC 3461 §5.2.2); if not, we owe a `relayed` report.
    pub peer_reports: bool,
    /// Whether the peer keeps to the time to deliver by (RFC 2852 §4.1).
    pub keeps_time: bool,
    /// Whether the peer took MAIL: before that, nothing of this delivery was theirs, and another connection may be tried as if this one
    /// had not been.
    pub begun: bool,
}

/// What the driver is asked to do next.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Ask {
    /// Send these bytes, then call [`Session::written`].
    Write(Vec<u8>),
    /// Begin TLS and check the certificate as policy says, then answer.
    StartTls,
    /// A delivery is over.
    Done(Outcome),
    /// Call [`Session::time_passed`] at this moment. A later ask replaces an earlier one.
    WakeAt(Timestamp),
    /// Close the connection. Nothing follows.
    Close,
}

/// What the driver found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// TLS holds, and the certificate is as policy wants it.
    TlsStarted,
    /// It failed; the connection is of no use any more.
    TlsFailed,
    /// The certificate is not as policy wants it; the connection is of no use any more.
    TlsUntrusted,
}

/// The reply that is expected next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    Auth,
    /// `334` to the user's name, then to the password.
    LoginName,
    LoginPassword,
    Mail,
    /// Of the recipient with this number.
    Rcpt(usize),
    Data,
    Dot,
    Rset,
    Quit,
}

/// One conversation.
#[derive(Debug)]
pub struct Session {
    limits: Limits,
    terms: Terms,
    now: Timestamp,
    reader: ReplyReader,
    out: Vec<u8>,
    /// Replies due, oldest first; with PIPELINING more than one.
    expected: VecDeque<Expect>,
    offers: Offers,
    tls: bool,
    /// Between `Ask::StartTls` and its answer.
    handshake: bool,
    ask_tls: bool,
    /// Hello, TLS and sign-in are done.
    ready: bool,
    /// Handed in, and not begun.
    waiting: Option<Delivery>,
    transaction: Option<Transaction>,
    done: VecDeque<Outcome>,
    needs_reset: bool,
    closing: bool,
    closed: bool,
    deadline: Option<Timestamp>,
    announced: Option<Timestamp>,
}

impl Session {
    /// The connection stands; the peer speaks first.
    pub fn new(now: Timestamp, terms: Terms, limits: Limits) -> Self {
        let mut session = Self {
            now,
            reader: ReplyReader::new(&limits),
            out: Vec::new(),
            expected: VecDeque::from([Expect::Greeting]),
            offers: Offers::default(),
            tls: false,
            handshake: terms.implicit_tls,
            ask_tls: terms.implicit_tls,
            ready: false,
            waiting: None,
            transaction: None,
            done: VecDeque::new(),
            needs_reset: false,
            closing: false,
            closed: false,
            deadline: None,
            announced: None,
            limits,
            terms,
        };
        session.be_patient();
        session
    }

    /// Hands in a message. One at a time: the next after [`Ask::Done`]; a second one before is answered as deferred, and so is one
    /// after the connection has ended.
    pub fn deliver(&mut self, now: Timestamp, delivery: Delivery) {
        self.now = now;
        if self.closing || self.waiting.is_some() || self.transaction.is_some() || !self.done.is_empty() {
            self.done.push_back(deferred(now, delivery.recipients.len(), Error::Lost));
            return;
        }
        self.waiting = Some(delivery);
        self.begin_when_ready();
    }

    /// Says goodbye; what is under way is given up as deferred.
    pub fn quit(&mut self, now: Timestamp) {
        self.now = now;
        if self.closing || self.expected.contains(&Expect::Quit) {
            return;
        }
        if self.ready && self.expected.is_empty() && self.transaction.is_none() {
            self.command("QUIT", Expect::Quit);
        } else {
            self.fault(Error::Lost);
        }
    }

    /// Bytes arrived from the peer.
    pub fn bytes_arrived(&mut self, now: Timestamp, bytes: &[u8]) {
        self.now = now;
        if self.closing || bytes.is_empty() {
            return;
        }
        if self.handshake {
            // Somebody in between answers for the peer.
            return self.fault(Error::BadReply);
        }
        if bytes.len() + self.reader.len() > self.limits.input_bytes_max {
            return self.fault(Error::InputOverrun);
        }
        self.reader.push(bytes);
        while !self.closing && !self.handshake {
            let Some(reply) = self.reader.next_reply() else { break };
            match reply {
                Ok(reply) => self.reply(reply),
                Err(error) => self.fault(error),
            }
            self.be_patient();
        }
    }

    /// The answer to [`Ask::StartTls`].
    pub fn answer_arrived(&mut self, now: Timestamp, answer: Answer) {
        self.now = now;
        if self.closing {
            return;
        }
        match (std::mem::take(&mut self.handshake), answer) {
            // The greeting comes inside.
            (true, Answer::TlsStarted) if self.terms.implicit_tls => self.tls = true,
            (true, Answer::TlsStarted) => self.tls_started(),
            (true, Answer::TlsFailed) => self.fault(Error::NoTls),
            (true, Answer::TlsUntrusted) => self.fault(Error::Untrusted),
            (false, _) => self.fault(Error::AnswerOutOfTurn),
        }
        self.be_patient();
    }

    /// The bytes of the last [`Ask::Write`] have gone out: patience begins anew.
    pub fn written(&mut self, now: Timestamp) {
        self.now = now;
        self.be_patient();
    }

    /// Time has passed; called at the moment asked for, and as often as the driver likes.
    pub fn time_passed(&mut self, now: Timestamp) {
        self.now = now;
        if !self.closing && self.deadline.is_some_and(|deadline| deadline <= now) {
            self.fault(Error::Silence);
        }
    }

    /// The peer has gone, or the network says so.
    pub fn connection_lost(&mut self, now: Timestamp) {
        self.now = now;
        if !self.closing {
            self.fault(Error::Lost);
        }
    }

    /// Whether the next delivery may be handed in.
    pub fn is_idle(&self) -> bool {
        let busy = self.waiting.is_some() || self.transaction.is_some() || !self.done.is_empty();
        !busy && !self.closing && !self.expected.contains(&Expect::Quit)
    }

    /// Whether the conversation is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.tls
    }

    /// What to do next; `None` until bytes, an answer or time arrive.
    #[allow(clippy::should_implement_trait)] // a conversation is no iterator: `None` is not its end
    pub fn next(&mut self) -> Option<Ask> {
        if self.out.is_empty() {
            self.write_text();
        }
        if !self.out.is_empty() {
            return Some(Ask::Write(std::mem::take(&mut self.out)));
        }
        if std::mem::take(&mut self.ask_tls) {
            return Some(Ask::StartTls);
        }
        if let Some(outcome) = self.done.pop_front() {
            return Some(Ask::Done(outcome));
        }
        if self.closing {
            return (!std::mem::replace(&mut self.closed, true)).then_some(Ask::Close);
        }
        let deadline = self.deadline?;
        let known = self.announced.is_some_and(|at| at == deadline || (at > self.now && at < deadline));
        (!known).then(|| {
            self.announced = Some(deadline);
            Ask::WakeAt(deadline)
        })
    }

    /// Patience follows the reply that is due (RFC 5321 §4.5.3.2). Nothing due, nothing to be impatient about: the driver ends idle
    /// connections.
    fn be_patient(&mut self) {
        self.deadline = self.patience().map(|patience| self.now.plus(patience));
    }

    fn patience(&self) -> Option<Duration> {
        let patience = &self.limits.patience;
        if self.handshake {
            return Some(patience.command);
        }
        if self.transaction.as_ref().is_some_and(Transaction::is_writing) {
            return Some(patience.block);
        }
        Some(match self.expected.front()? {
            Expect::Greeting => patience.greeting,
            Expect::Mail => patience.mail,
            Expect::Rcpt(_) => patience.rcpt,
            Expect::Data => patience.data,
            Expect::Dot => patience.dot,
            Expect::Quit => patience.quit,
            _ => patience.command,
        })
    }

    fn command(&mut self, line: &str, expect: Expect) {
        self.out.extend_from_slice(line.as_bytes());
        self.out.extend_from_slice(b"\r\n");
        self.expected.push_back(expect);
        self.be_patient();
    }

    fn reply(&mut self, reply: Reply) {
        let Some(expect) = self.expected.pop_front() else {
            // Unasked: a goodbye (421), or nonsense.
            let goodbye = reply.is_transient() || reply.is_permanent();
            return self.fault(if goodbye { Error::Unwelcome(reply) } else { Error::BadReply });
        };
        if reply.code() == 421 && expect != Expect::Quit {
            return self.fault(Error::Unwelcome(reply));
        }
        match expect {
            Expect::Greeting => self.greeted(reply),
            Expect::Ehlo => self.ehlo_answered(reply),
            Expect::Helo => self.helo_answered(reply),
            Expect::StartTls => self.starttls_answered(&reply),
            Expect::LoginName => self.login_asked(&reply),
            Expect::LoginPassword => self.password_asked(&reply),
            Expect::Auth => self.auth_answered(reply),
            Expect::Mail => self.mail_answered(reply),
            Expect::Rcpt(number) => self.rcpt_answered(number, reply),
            Expect::Data => self.data_answered(reply),
            Expect::Dot => self.dot_answered(reply),
            Expect::Rset if reply.is_positive() => {}
            Expect::Rset => self.fault(Error::Unwelcome(reply)),
            Expect::Quit => self.closing = true,
        }
    }

    /// The conversation is over. Whoever has no verdict yet is deferred: a broken connection says nothing about a recipient, and
    /// after the dot twice is better than never.
    fn fault(&mut self, error: Error) {
        self.closing = true;
        self.handshake = false;
        self.ask_tls = false;
        self.out.clear();
        self.expected.clear();
        if let Some(transaction) = self.transaction.take() {
            self.done.push_back(transaction.broken(self.now, &self.offers, error));
        } else if let Some(delivery) = self.waiting.take() {
            self.done.push_back(deferred(self.now, delivery.recipients.len(), error));
        }
    }
}

/// All recipients put off by the same fault.
fn deferred(at: Timestamp, recipients: usize, error: Error) -> Outcome {
    let verdicts = vec![Verdict::Deferred(error.to_reply()); recipients];
    Outcome { verdicts, fault: Some(error), at, peer_reports: false, keeps_time: false, begun: false }
}
