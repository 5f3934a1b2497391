//! A server's side of one IMAP conversation, as a value (RFC 9051, RFC 3501).
//!
//! The driver hands in bytes, answers, news and time, and asks [`Session::next`] what to do until it says `None`:
//!
//! ```text
//!   bytes_arrived ─┐                       ┌─ Write, StartTls, Close       the wire
//!  answer_arrived ─┼─► Session ─► next() ──┼─ SignIn, Wish                 questions: each wants one answer,
//!    news_arrived ─┤                       │                               and no command is read before it came
//!     time_passed ─┘                       └─ WakeAt                       the clock
//!
//!   not authenticated ──LOGIN, AUTHENTICATE──► authenticated ──SELECT──► selected
//!          ▲ STARTTLS         ▲───UNAUTHENTICATE───┘ ▲─────CLOSE, UNSELECT──┘
//! ```
//!
//! A command is a [`Job`](job::Job): it wishes, is answered, writes, and wishes again, one page at a time. The next page is asked for
//! when the last one has been written, so a client that reads slowly costs one page, whatever it asked for.
//!
//! What must stay true: `OK` is written only after the wish was granted, which is after its commit; bytes that came before TLS are
//! never read after it; a number is taken back from the client (`EXPUNGE`) only where RFC 9051 §7.5.1 allows it.

mod append;
mod capability;
mod commands;
mod compress;
mod copy;
mod fetch;
mod flags;
mod idle;
mod job;
mod list;
mod notify;
mod search;
mod select;
mod sign_in;
mod sorted;
mod sync;
mod view;
mod wish;

use mail::{AccountId, Secret, Timestamp};

use crate::Limits;
use crate::codec::response::{Code, Condition, Out};
use crate::codec::{Held, Input, Read};
use job::Job;
use view::View;

pub(crate) use flags::kept;
pub use wish::{Grant, Message, Wish};

/// What the listener knows before the first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Our own name, in the greeting.
    pub host: mail::Domain,
    /// Whether TLS holds already.
    pub is_encrypted: bool,
    /// Whether STARTTLS can be had.
    pub starttls: bool,
    /// The mechanisms that are offered inside TLS, best first.
    pub mechanisms: Vec<&'static str>,
    /// Whether the client has shown a certificate that the house takes: only then EXTERNAL is offered (RFC 4422 appendix A).
    pub is_certified: bool,
}

impl Facts {
    /// The mechanisms that this client can use.
    fn offered(&self) -> impl Iterator<Item = &'static str> {
        let is_certified = self.is_certified;
        self.mechanisms.iter().copied().filter(move |name| is_certified || *name != "EXTERNAL")
    }
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

/// Why somebody is not let in (RFC 5530).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInCode {
    /// `AUTHENTICATIONFAILED`.
    Failed,
    /// `EXPIRED`: a password that has run out.
    Expired,
    /// `UNAVAILABLE`: not now.
    Unavailable,
    /// `CONTACTADMIN`: only a person can help.
    ContactAdmin,
}

/// What the driver is asked to do next.
#[must_use]
#[derive(Debug)]
pub enum Ask {
    /// Send these bytes.
    Write(Vec<u8>),
    /// Begin TLS, then answer [`Answer::TlsStarted`]. If it fails, drop the connection.
    StartTls,
    /// Judge this; answer [`Answer::Challenge`], [`Answer::SignedIn`] or [`Answer::NotSignedIn`].
    SignIn(SignIn),
    /// The account is left (RFC 8437); nothing is answered.
    SignOut,
    /// Grant this; answer [`Answer::Granted`] or [`Answer::Failed`].
    Wish(Box<Wish>),
    /// Call [`Session::time_passed`] at this moment. A later ask replaces an earlier one.
    WakeAt(Timestamp),
    /// Close the connection. Nothing follows.
    Close,
}

/// What the driver found out. Each belongs to one kind of [`Ask`]; an answer out of turn ends the conversation.
#[derive(Debug)]
pub enum Answer {
    /// TLS holds; bytes handed in from now on came through it.
    TlsStarted {
        /// As [`Facts::is_certified`].
        is_certified: bool,
    },
    /// The mechanism wants to say this and hear more.
    Challenge(Vec<u8>),
    /// Somebody is let in.
    SignedIn(AccountId),
    /// Somebody is not, and why.
    NotSignedIn(SignInCode, String),
    /// What was wished for.
    Granted(Box<Grant>),
    /// Why not.
    Failed(crate::Error),
}

/// One conversation.
#[derive(Debug)]
pub struct Session {
    limits: Limits,
    facts: Facts,
    /// The last moment the driver told.
    now: Timestamp,
    input: Input,
    out: Out,
    /// What goes over the wire is packed (RFC 4978).
    packing: Option<Box<compress::Packing>>,
    account: Option<AccountId>,
    view: Option<Box<View>>,
    enabled: Enabled,
    job: Job,
    /// What the messages of the command under way hold of the memory of all.
    held: Held,
    /// A question not yet handed out.
    wish: Option<Ask>,
    /// Whether the answer to a question is due. Invariant: while it is, no command is read.
    is_awaiting: bool,
    /// Something may have happened in the account since it was last looked at.
    has_news: bool,
    /// The same for the mailboxes that are not selected, for a client that wants to hear of them.
    round_due: bool,
    notify: Option<Box<notify::Notifying>>,
    /// What has just been announced.
    arrived: mail::UidSet,
    /// No more is read; `Close` follows what is still to be written.
    closing: bool,
    closed: bool,
    house_closes: bool,
    deadline: Option<Timestamp>,
    announced: Option<Timestamp>,
    errors: usize,
    auth_failures: usize,
}

/// What the client asked to be told, or to be told differently (RFC 5161).
#[derive(Clone, Copy, Debug, Default)]
struct Enabled {
    condstore: bool,
    qresync: bool,
    rev2: bool,
    utf8: bool,
}

impl Session {
    /// A client has connected.
    pub fn new(now: Timestamp, limits: Limits, facts: Facts) -> Self {
        let mut session = Self {
            input: Input::new(limits.input.stranger()),
            out: Out::default(),
            packing: None,
            facts,
            now,
            account: None,
            view: None,
            enabled: Enabled::default(),
            job: Job::Nothing,
            held: Held::default(),
            wish: None,
            is_awaiting: false,
            has_news: false,
            round_due: false,
            notify: None,
            arrived: mail::UidSet::new(),
            closing: false,
            closed: false,
            house_closes: false,
            deadline: None,
            announced: None,
            errors: 0,
            auth_failures: 0,
            limits,
        };
        session.greet();
        session.be_patient();
        session
    }

    /// How many bytes the session takes now. Zero means: read nothing from the client until an answer came (back-pressure).
    pub fn room(&self) -> usize {
        match self.closing || matches!(self.job, Job::StartTls) {
            true => 0,
            false => self.packing.as_ref().map_or_else(|| self.input.room(), |packing| packing.room()),
        }
    }

    /// Whether nothing is under way: the connection may let go of its buffers.
    pub fn is_idle(&self) -> bool {
        self.input.is_empty() && self.out.is_empty()
    }

    /// Bytes arrived from the client; at most [`Session::room`].
    pub fn bytes_arrived(&mut self, now: Timestamp, bytes: &[u8]) {
        self.now = now;
        if self.closing {
            return;
        }
        if matches!(self.job, Job::StartTls) || bytes.len() > self.room() {
            // These bytes did not come through TLS: somebody in between added them (CVE-2011-0411).
            return self.say_bye("Bytes out of turn");
        }
        match &mut self.packing {
            Some(packing) => packing.push(bytes),
            None => self.input.push(bytes),
        }
    }

    /// The answer to the question that was asked last.
    pub fn answer_arrived(&mut self, now: Timestamp, answer: Answer) {
        self.now = now;
        if self.closing {
            return;
        }
        if !std::mem::replace(&mut self.is_awaiting, false) {
            return self.say_bye("An answer out of turn");
        }
        match answer {
            Answer::TlsStarted { is_certified } => self.tls_started(is_certified),
            Answer::Challenge(challenge) => self.challenged(&challenge),
            Answer::SignedIn(account_id) => self.signed_in(account_id),
            Answer::NotSignedIn(code, words) => self.not_signed_in(code, &words),
            Answer::Granted(grant) => self.granted(*grant),
            Answer::Failed(failure) => self.failed(&failure),
        }
        // A message that was handed on is kept by now, or gone.
        self.held = Held::default();
        self.be_patient();
    }

    /// Something happened in the account that signed in.
    pub fn news_arrived(&mut self, now: Timestamp) {
        self.now = now;
        self.has_news = true;
        self.round_due = self.notify.is_some();
    }

    /// Whether news are worth waking for now: the client waits for them.
    pub fn listens(&self) -> bool {
        let hears_all = self.has_news && (self.round_due || self.notify.is_none());
        self.account.is_some() && !hears_all
    }

    /// Time has passed; called at the moment asked for, and as often as the driver likes.
    pub fn time_passed(&mut self, now: Timestamp) {
        self.now = now;
        if !self.closing && self.deadline.is_some_and(|deadline| deadline <= now) {
            self.say_bye("Autologout; idle for too long");
        }
    }

    /// Whoever signed in may not stay: the conversation ends, and says why (RFC 9051 §7.1.5, RFC 5530).
    pub fn sign_in_is_over(&mut self, now: Timestamp, code: SignInCode, words: &str) {
        self.now = now;
        if !self.closing {
            self.out.untagged(Condition::Bye, Some(code.into()), words);
            self.close();
        }
    }

    /// The house is closing: the conversation ends once the command under way is answered.
    pub fn house_closes(&mut self, now: Timestamp) {
        self.now = now;
        self.house_closes = true;
        if !self.closing && !self.is_awaiting && self.job.is_waiting_for_client() {
            self.say_bye("The server is shutting down");
        }
    }

    /// What to do next; `None` until bytes, an answer, news or time arrive.
    #[allow(clippy::should_implement_trait)] // a conversation is no iterator: `None` is not its end
    pub fn next(&mut self) -> Option<Ask> {
        self.work();
        let urgent = |ask: &mut Ask| !matches!(ask, Ask::StartTls);
        if let Some(question) = self.wish.take_if(urgent) {
            return Some(question);
        }
        // Answers to pipelined commands leave together, unless that would be much.
        if !self.out.is_empty() {
            return Some(Ask::Write(self.written()));
        }
        if let Some(question) = self.wish.take() {
            return Some(question);
        }
        if self.closing {
            return (!std::mem::replace(&mut self.closed, true)).then_some(Ask::Close);
        }
        self.announce()
    }

    /// What waits to be written, packed if that was agreed.
    fn written(&mut self) -> Vec<u8> {
        let bytes = self.out.take();
        match &mut self.packing {
            // Packing fails only by a fault of ours; the client then reads nonsense and goes.
            Some(packing) => packing.pack(&bytes).unwrap_or_default(),
            None => bytes,
        }
    }

    fn announce(&mut self) -> Option<Ask> {
        let deadline = self.deadline?;
        // A clock that was asked for too early is harmless and asks again; so patience that only grows is not announced each time.
        // A deadline already passed is announced once too: it is `time_passed` that acts on it.
        let known = self.announced.is_some_and(|at| at == deadline || (at > self.now && at < deadline));
        (!known).then(|| {
            self.announced = Some(deadline);
            Ask::WakeAt(deadline)
        })
    }

    /// Goes on with what is under way and reads commands: nothing while an answer is due, or while too much waits to be written.
    fn work(&mut self) {
        while !self.closing
            && self.wish.is_none()
            && !self.is_awaiting
            && self.out.len() < self.limits.output_bytes_max
        {
            if self.job.goes_on() {
                self.go_on();
                continue;
            }
            if self.tells_news() {
                continue;
            }
            match self.input.next() {
                None if self.unpack() => {}
                None => return,
                Some(_) if self.house_closes => self.say_bye("The server is shutting down"),
                Some(read) => {
                    self.read(read);
                    self.be_patient();
                }
            }
        }
    }

    fn read(&mut self, read: Read) {
        match read {
            Read::Command(command) => {
                self.held = self.input.take_held();
                self.command(command);
            }
            Read::Continue => self.out.go_on("OK"),
            Read::Line(line) => self.line(line),
            Read::Bad { tag, words } => {
                match tag {
                    Some(tag) => self.bad(&tag, words),
                    None => self.out.untagged(Condition::Bad, None, words),
                }
                self.refused_input();
            }
            Read::No { tag, why } => self.not_understood(&tag, why),
            Read::NoRoom { tag } => {
                let words = "Too many messages are being put away at this moment; try again";
                match tag {
                    Some(tag) => self.no(&tag, Some(Code::Limit), words),
                    None => self.out.untagged(Condition::No, Some(Code::Limit), words),
                }
            }
            Read::TooBig { tag, is_fatal } => {
                let words = "Larger than may be";
                match tag {
                    Some(tag) => self.no(&tag, Some(Code::TooBig), words),
                    None => self.out.untagged(Condition::No, Some(Code::TooBig), words),
                }
                // RFC 7888 §4: what nobody waited with cannot be told from commands.
                if is_fatal {
                    return self.say_bye("What follows cannot be read");
                }
                self.refused_input();
            }
        }
    }

    /// Goes on with the command under way.
    fn go_on(&mut self) {
        match std::mem::take(&mut self.job) {
            Job::Select(selecting) => self.select_on(selecting),
            Job::Fetch(fetching) => self.fetch_on(fetching),
            Job::Store(storing) => self.store_on(storing),
            Job::Copy(copying) => self.copy_on(copying),
            Job::Search(searching) => self.search_on(searching),
            Job::Expunge(expunging) => self.expunge_on(expunging),
            Job::Closing(closing) => self.close_on(closing),
            // These wait for an answer, and nothing goes on before it came.
            other => self.job = other,
        }
    }

    /// Counts what was wrong, and lets the client go when that is too much.
    fn refused_input(&mut self) {
        self.errors += 1;
        if self.errors > self.limits.errors_max {
            self.say_bye("Too many errors");
        }
    }

    /// Puts a question; nothing is read before its answer came.
    fn ask(&mut self, ask: Ask) {
        self.wish = Some(ask);
        self.is_awaiting = true;
    }

    fn wish(&mut self, wish: Wish) {
        self.ask(Ask::Wish(Box::new(wish)));
    }

    /// Sets the deadline anew. A half-sent command gets no new patience: this is called once per command, not per byte.
    fn be_patient(&mut self) {
        let patience = match self.account {
            None => self.limits.sign_in_patience,
            Some(_) => self.limits.idle_patience,
        };
        self.deadline = (!self.is_awaiting).then(|| self.now.plus(patience));
    }

    fn ok(&mut self, tag: &str, words: &str) {
        self.out.tagged(tag, Condition::Ok, None, words);
    }

    fn no(&mut self, tag: &str, code: Option<Code<'_>>, words: &str) {
        self.out.tagged(tag, Condition::No, code, words);
    }

    fn bad(&mut self, tag: &str, words: &str) {
        self.out.tagged(tag, Condition::Bad, None, words);
    }

    fn say_bye(&mut self, words: &str) {
        self.out.untagged(Condition::Bye, None, words);
        self.close();
    }

    fn close(&mut self) {
        self.closing = true;
        self.wish = None;
        self.is_awaiting = false;
        self.job = Job::Nothing;
        self.input.forget();
    }
}
