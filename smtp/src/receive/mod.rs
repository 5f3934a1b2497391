//! Mail arriving: a server's side of one SMTP or LMTP conversation, as a value.
//!
//! The driver hands in bytes, answers and time, and asks [`Session::next`] what to do until it says `None`:
//!
//! ```text
//!   bytes_arrived ─┐                       ┌─ Write, StartTls, Close       the wire
//!  answer_arrived ─┼─► Session ─► next() ──┼─ SignIn, Sender,              questions: each wants one answer,
//!     time_passed ─┘                       │  Recipient, Accept            and nothing is read before it came
//!                                          └─ WakeAt                       the clock
//!
//!   Connected ──EHLO──► Greeted ──MAIL──► Sender ──RCPT──► Recipients ──DATA──► Receiving ──dot──► Greeted
//!       ▲ STARTTLS         ▲─────────────── RSET, EHLO ─────────┘
//! ```
//!
//! What must stay true: `250` after the dot is written only after [`Answer::Stored`] came; bytes that came before TLS are never
//! read after it; only CRLF `.` CRLF ends a message that came with DATA, and only counting ends a chunk that came with BDAT (RFC 3030).

mod commands;
mod front;
mod moment;
mod sign_in;
mod text;
mod trace;

use mail::{Domain, EmailAddress, Secret, Timestamp};

use crate::codec::{Input, Reply, table};
use crate::envelope::{Client, Envelope, Recipient, ReversePath, Tls};
use crate::{Error, Limits};
pub use front::Front;
use moment::{Awaiting, Greeted, Moment, Told};

/// Which door this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Mail from other hosts (port 25). No sign-in is offered.
    Mx,
    /// Mail from our own people (ports 465 and 587; RFC 6409): TLS and sign-in are required (RULES M35).
    Submission,
    /// Mail from a relay of the house (RFC 2033): one answer for each recipient.
    Lmtp,
}

/// What the listener knows before the first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Our own name: in the greeting and in `Received`.
    pub host: Domain,
    /// Names this conversation in traces and `Message-ID`s; letters and digits. Must never repeat: the driver draws it.
    pub session_id: String,
    /// Where the client connects from, and TLS if the port begins with it.
    pub client: Client,
    /// Whether STARTTLS can be had.
    pub starttls: bool,
    /// The mechanisms of AUTH that are offered inside TLS at the submission door, best first (RFC 4954 §3).
    pub mechanisms: Vec<&'static str>,
    /// Whether who connects may say for whom it stands (XCLIENT).
    pub front: Front,
}

/// A step of somebody signing in (RFC 4422 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// It begins; one that was under way is forgotten.
    Begin {
        /// One of [`Facts::mechanisms`].
        mechanism: &'static str,
        /// What came with the command; an empty message is not the same as none.
        initial: Option<Secret<Vec<u8>>>,
    },
    /// The answer to the last challenge.
    Message(Secret<Vec<u8>>),
}

/// A message that has arrived whole and waits to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Who sent it to whom, when and through what.
    pub envelope: Envelope,
    /// The `Received` field, with CRLF; it goes before the message (RFC 5321 §4.4).
    pub trace: String,
    /// The message as it came, without stuffing; a submission got the `Date` and `Message-ID` it lacked (RFC 6409 §8).
    pub message: Vec<u8>,
}

/// What the driver is asked to do next.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Ask {
    /// Send these bytes.
    Write(Vec<u8>),
    /// Begin TLS, then answer [`Answer::TlsStarted`]. If it fails, drop the connection.
    StartTls,
    /// Judge this; answer [`Answer::Challenge`], [`Answer::SignedIn`] or [`Answer::Refused`].
    SignIn(SignIn),
    /// May this client send with this reverse path? Answer [`Answer::Permitted`] or [`Answer::Refused`]. Who signed in
    /// is in the client.
    Sender {
        /// MAIL.
        reverse_path: ReversePath,
        /// Who hands the mail in.
        client: Client,
    },
    /// Does this recipient exist here, and may it receive? Answer [`Answer::Permitted`] or [`Answer::Refused`]. Who signed in
    /// is in the client.
    Recipient {
        /// MAIL.
        reverse_path: ReversePath,
        /// Who hands the mail in.
        client: Client,
        /// RCPT.
        recipient: Recipient,
    },
    /// A front end says for whom it stands. Look for the name of the address if nobody has, and for the account of who signed in there; answer
    /// [`Answer::Introduced`] with the client as it is from now on, or [`Answer::Refused`].
    Introduced {
        /// The client.
        client: Client,
        /// The address of who signed in at the front end.
        login: Option<EmailAddress>,
    },
    /// Store this durably; answer [`Answer::Stored`], [`Answer::StoredEach`] or [`Answer::Refused`].
    Accept(Box<Arrived>),
    /// Call [`Session::time_passed`] at this moment. A later ask replaces an earlier one.
    WakeAt(Timestamp),
    /// Close the connection. Nothing follows.
    Close,
}

/// What the driver found out. Each belongs to one kind of [`Ask`]; an answer out of turn ends the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// TLS holds; bytes handed in from now on came through it.
    TlsStarted(Tls),
    /// The mechanism wants to say this and hear more.
    Challenge(Vec<u8>),
    /// Somebody is let in; the name goes into the envelope.
    SignedIn(String),
    /// The client that a front end stands for.
    Introduced(Client),
    /// The sender or the recipient is welcome.
    Permitted,
    /// Refused, with the words to say: of the sender, the recipient, the client, the sign-in or the whole message.
    Refused(Reply),
    /// The message is stored for every recipient and survives a power cut.
    Stored,
    /// LMTP only: one answer for each accepted recipient, in order.
    StoredEach(Vec<Result<(), Reply>>),
}

/// One conversation.
#[derive(Debug)]
pub struct Session {
    role: Role,
    limits: Limits,
    host: Domain,
    session_id: String,
    starttls: bool,
    mechanisms: Vec<&'static str>,
    client: Client,
    /// What a front end may still say; see [`Front`].
    front: Front,
    /// What it has said; the hello that follows is the client's.
    told: Option<Told>,
    /// The last moment the driver told.
    now: Timestamp,
    input: Input,
    /// Replies not yet handed out. Replies to pipelined commands leave together (RFC 2920 §3.2).
    out: Vec<u8>,
    moment: Moment,
    /// A question not yet handed out.
    wish: Option<Ask>,
    /// The question whose answer is due. Invariant: while it is not `Nothing`, no input is read.
    awaiting: Awaiting,
    /// The greeting waits until then; whoever talks before is turned away.
    greeting_due: Option<Timestamp>,
    /// No more is read; `Close` follows what is still to be written.
    closing: bool,
    closed: bool,
    house_closes: bool,
    /// When patience ends; `None` while an answer of ours is due.
    deadline: Option<Timestamp>,
    announced: Option<Timestamp>,
    /// Commands since the last accepted message.
    idle_commands: usize,
    errors: usize,
    auth_failures: usize,
    messages: usize,
}

impl Session {
    /// A client has connected.
    pub fn new(now: Timestamp, role: Role, limits: Limits, facts: Facts) -> Self {
        let greeting_due = now.plus(limits.greeting_delay);
        let mut session = Self {
            role,
            host: facts.host,
            session_id: facts.session_id.chars().filter(char::is_ascii_alphanumeric).take(64).collect(),
            starttls: facts.starttls,
            mechanisms: facts.mechanisms,
            client: facts.client,
            front: facts.front,
            told: None,
            now,
            input: Input::default(),
            out: Vec::new(),
            moment: Moment::Connected,
            wish: None,
            awaiting: Awaiting::Nothing,
            greeting_due: Some(greeting_due),
            closing: false,
            closed: false,
            house_closes: false,
            deadline: Some(greeting_due),
            announced: None,
            idle_commands: 0,
            errors: 0,
            auth_failures: 0,
            messages: 0,
            limits,
        };
        session.greet_when_due();
        session
    }

    /// How many bytes the session takes now. Zero means: read nothing from the client until an answer came (back-pressure).
    pub fn room(&self) -> usize {
        match self.closing || matches!(self.awaiting, Awaiting::Tls) {
            true => 0,
            false => self.limits.input_bytes_max.saturating_sub(self.input.len()),
        }
    }

    /// Bytes arrived from the client; at most [`Session::room`].
    pub fn bytes_arrived(&mut self, now: Timestamp, bytes: &[u8]) {
        self.now = now;
        if self.closing || bytes.is_empty() {
            return;
        }
        if self.greeting_due.take().is_some() {
            return self.close_with(table::EARLY_TALKER.reply());
        }
        if matches!(self.awaiting, Awaiting::Tls) {
            // These bytes did not come through TLS: somebody in between added them (CVE-2011-0411).
            return self.close_with(table::TLS_INJECTION.reply());
        }
        if bytes.len() > self.room() {
            return self.close_with(Error::InputOverrun.to_reply());
        }
        self.input.push(bytes);
        if matches!(self.moment, Moment::Receiving(_) | Moment::Draining(_)) {
            self.be_patient();
        }
    }

    /// The answer to the question that was asked last.
    pub fn answer_arrived(&mut self, now: Timestamp, answer: Answer) {
        self.now = now;
        if self.closing {
            return;
        }
        match (std::mem::replace(&mut self.awaiting, Awaiting::Nothing), answer) {
            (Awaiting::Tls, Answer::TlsStarted(tls)) => self.tls_started(tls),
            (Awaiting::SignIn, Answer::Challenge(challenge)) => self.challenged(&challenge),
            (Awaiting::SignIn, Answer::SignedIn(name)) => self.signed_in(name),
            (Awaiting::SignIn, Answer::Refused(reply)) => self.not_signed_in(reply),
            (Awaiting::Sender(mail), Answer::Permitted) => self.sender_permitted(mail),
            (Awaiting::Sender(_), Answer::Refused(reply)) => self.say(&reply),
            (Awaiting::Recipient(recipient), Answer::Permitted) => self.recipient_permitted(recipient),
            (Awaiting::Recipient(_), Answer::Refused(reply)) => self.recipient_refused(&reply),
            (Awaiting::Introduced(told), Answer::Introduced(client)) => self.introduced(told, client),
            (Awaiting::Introduced(_), Answer::Refused(reply)) => self.say(&reply),
            (Awaiting::Verdict(verdict), answer) => self.verdict(verdict, answer),
            _ => self.close_with(Error::AnswerOutOfTurn.to_reply()),
        }
        self.be_patient();
    }

    /// Time has passed; called at the moment asked for, and as often as the driver likes.
    pub fn time_passed(&mut self, now: Timestamp) {
        self.now = now;
        self.greet_when_due();
        if !self.closing && self.deadline.is_some_and(|deadline| deadline <= now) {
            self.close_with(table::TOO_SLOW.reply());
        }
    }

    /// The house is closing: the conversation ends at the next command; a message on its way is still taken.
    pub fn house_closes(&mut self, now: Timestamp) {
        self.now = now;
        self.house_closes = true;
        let idle = matches!(self.awaiting, Awaiting::Nothing) && !matches!(self.moment, Moment::Receiving(_));
        if idle && !self.closing {
            self.close_with(table::SHUTTING_DOWN.reply());
        }
    }

    /// Whoever signed in may not be here any more, for the reason in these words: the conversation ends, and a message on its way is not
    /// taken.
    pub fn sign_in_is_over(&mut self, now: Timestamp, vi: &str, en: &str) {
        self.now = now;
        if !self.closing {
            self.close_with(table::SIGN_IN_IS_OVER.because(vi, en));
        }
    }

    /// What to do next; `None` until bytes, an answer or time arrive.
    #[allow(clippy::should_implement_trait)] // a conversation is no iterator: `None` is not its end
    pub fn next(&mut self) -> Option<Ask> {
        self.read();
        let urgent = |ask: &mut Ask| !matches!(ask, Ask::StartTls);
        if let Some(question) = self.wish.take_if(urgent) {
            return Some(question);
        }
        if self.awaiting.holds_replies() {
            return None;
        }
        if !self.out.is_empty() {
            return Some(Ask::Write(std::mem::take(&mut self.out)));
        }
        if let Some(wish) = self.wish.take() {
            return Some(wish);
        }
        if self.closing {
            return (!std::mem::replace(&mut self.closed, true)).then_some(Ask::Close);
        }
        let deadline = self.deadline?;
        // A clock that was asked for too early is harmless and asks again; so patience that only grows is not announced each time.
        // A deadline already passed is announced once too: it is `time_passed` that acts on it.
        let known = self.announced.is_some_and(|at| at == deadline || (at > self.now && at < deadline));
        (!known).then(|| {
            self.announced = Some(deadline);
            Ask::WakeAt(deadline)
        })
    }

    /// Reads what can be read: nothing while an answer is due, or while too many replies wait.
    fn read(&mut self) {
        while !self.closing
            && self.wish.is_none()
            && matches!(self.awaiting, Awaiting::Nothing)
            && self.out.len() < self.limits.output_bytes_max
        {
            if matches!(self.moment, Moment::Receiving(_) | Moment::Draining(_)) {
                if !self.read_text() {
                    return;
                }
                continue;
            }
            match self.input.next_line(self.limits.command_line_bytes_max) {
                None => return,
                Some(_) if self.house_closes => self.close_with(table::SHUTTING_DOWN.reply()),
                Some(Ok(line)) => self.line(line),
                Some(Err(error)) => self.refuse(&error),
            }
            self.be_patient();
        }
    }

    fn greet_when_due(&mut self) {
        if self.greeting_due.take_if(|due| *due <= self.now).is_some() {
            self.greet();
            self.be_patient();
        }
    }

    fn greet(&mut self) {
        let protocol = if self.role == Role::Lmtp { "LMTP" } else { "ESMTP" };
        self.say(&Reply::new(220, None, [format!("{} {protocol}", self.host)]));
    }

    /// Sets the deadline anew. A half-sent line gets no new patience: this is called once per line, not per byte.
    fn be_patient(&mut self) {
        self.deadline = match (&self.awaiting, &self.moment) {
            (Awaiting::Nothing, Moment::Receiving(receiving) | Moment::BetweenChunks(receiving)) => {
                Some(self.text_deadline(receiving.started))
            }
            (Awaiting::Nothing, Moment::Draining(draining)) => Some(self.text_deadline(draining.started)),
            (Awaiting::Nothing | Awaiting::Tls, _) => Some(self.now.plus(self.limits.command_patience)),
            _ => None,
        };
    }

    /// The next piece must come soon, and the whole in time.
    fn text_deadline(&self, started: Timestamp) -> Timestamp {
        let whole = started.plus(self.limits.message_patience);
        whole.min(self.now.plus(self.limits.text_patience))
    }

    fn say(&mut self, reply: &Reply) {
        reply.write(self.moment.smtputf8(), &mut self.out);
    }

    fn close_with(&mut self, reply: Reply) {
        self.say(&reply);
        self.close();
    }

    fn close(&mut self) {
        self.closing = true;
        self.wish = None;
        self.awaiting = Awaiting::Nothing;
        self.input.clear();
        self.moment = Moment::Connected;
    }

    /// Tells the client what was wrong, and lets it go when that was too much.
    fn refuse(&mut self, error: &Error) {
        self.errors += 1;
        if matches!(self.moment, Moment::SigningIn) {
            // The line that was to answer the challenge is lost, and the sign-in with it.
            self.moment = Moment::Greeted(Greeted);
        }
        self.say(&error.to_reply());
        if error.ends_conversation() {
            self.close();
        } else if self.errors > self.limits.errors_max {
            self.close_with(table::TOO_MANY_ERRORS.reply());
        }
    }
}
