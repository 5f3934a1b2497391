//! How packages travel to and from another axis (RULES E43): one trait, with a protocol behind each door.
//!
//! A transport is sans-IO. It says what is to be asked ([`Ask`]) and reads what was heard; whoever has windows does the asking.
//! The package layer, the outbox and the lines' schedules know no more of a protocol than is here.

use mail::{AgencyCode, Secret, Timestamp};
use ring::digest::{Context, SHA256};
use store::Spool;

use crate::vxp::call::{Acknowledgement, Kind};
use crate::vxp::client::{Fetched, Vxp};

/// Bytes on their way out: spools one behind the other, so that putting something in between copies nothing.
#[derive(Clone, Debug, Default)]
pub struct Chain(Vec<Spool>);

impl From<Vec<u8>> for Chain {
    fn from(bytes: Vec<u8>) -> Self {
        Self(vec![bytes.into()])
    }
}

impl From<Spool> for Chain {
    fn from(spool: Spool) -> Self {
        Self(vec![spool])
    }
}

impl Chain {
    /// The same with more behind it.
    #[must_use]
    pub fn then(mut self, more: impl Into<Spool>) -> Self {
        self.0.push(more.into());
        self
    }

    /// How many bytes.
    pub fn len(&self) -> u64 {
        self.0.iter().map(Spool::len).fold(0, u64::saturating_add)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it is made of, in its order.
    pub fn spools(&self) -> &[Spool] {
        &self.0
    }

    /// Their SHA-256.
    ///
    /// # Errors
    /// As [`Spool::read_at`].
    pub fn sha256(&self) -> Result<[u8; 32], store::Error> {
        let mut print = Context::new(&SHA256);
        for spool in &self.0 {
            spool.each_window(|window| {
                print.update(window);
                Ok::<_, store::Error>(())
            })?;
        }
        print.finish().as_ref().try_into().map_err(|_| store::Error::Internal("a digest".to_owned()))
    }

    /// All of them in memory.
    ///
    /// # Errors
    /// As [`Spool::read_at`].
    pub fn whole(&self) -> Result<Vec<u8>, store::Error> {
        let mut whole = Vec::with_capacity(usize::try_from(self.len()).unwrap_or_default());
        for spool in &self.0 {
            spool.each_window(|window| {
                whole.extend_from_slice(window);
                Ok::<_, store::Error>(())
            })?;
        }
        Ok(whole)
    }
}

/// A package to send.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// The bytes, as they are to arrive.
    pub bytes: Chain,
    /// Their SHA-256.
    pub sha256: [u8; 32],
    /// The sending agency's code.
    pub from: AgencyCode,
    /// For whom of its receivers it goes this way, in the package's own spelling.
    pub to: Vec<AgencyCode>,
    /// A document or a status.
    pub kind: Kind,
}

/// Something to do at a peer.
#[derive(Clone, Debug)]
pub enum Errand {
    /// Hand a package over. Doing it twice is doing it once (VXP 3.8 step 6).
    Send(Parcel),
    /// What waits for us?
    List(Kind),
    /// A package that waits for us.
    Fetch(String),
    /// What became of it here. `word` goes with it, ASCII.
    Acknowledge {
        /// Which, by the peer's id.
        id: String,
        /// How.
        acknowledgement: Acknowledgement,
        /// A stable code, or empty.
        word: String,
    },
    /// Which agencies does it know?
    Agencies,
}

/// A package that waits for us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The peer's id for it.
    pub id: String,
    /// The sender's code; empty when it was not said.
    pub from: String,
    /// The receivers' codes, as they were said.
    pub to: Vec<String>,
}

/// An agency that a peer knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Its code.
    pub code: AgencyCode,
    /// Another code it answers to (RULES I5).
    pub code102: Option<AgencyCode>,
    /// Its name; its code when none was said.
    pub name: String,
}

/// What an errand came to.
#[derive(Clone, Debug)]
pub enum Done {
    /// It has the package, under this id.
    Sent(String),
    /// What waits, oldest first.
    Listed(Vec<Waiting>),
    /// The package, still as it came (RULES E18).
    Fetched(Fetched),
    /// It took note.
    Acknowledged,
    /// The agencies.
    Agencies(Vec<Announced>),
}

/// What a failure means for what comes next (RULES R26).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outlook {
    /// The line is bad: nothing else would get through either. Try again later.
    Line,
    /// The peer could not now: try this one again later.
    Later,
    /// The peer will not: trying again changes nothing (RULES 2.10).
    Never,
    /// The peer does not let us in: nothing is tried before somebody has seen to it.
    Barred,
}

/// Why an errand came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {words}")]
pub struct Failure {
    /// What it means.
    pub outlook: Outlook,
    /// A stable code.
    pub code: String,
    /// In words; the peer's own where it had some.
    pub words: String,
}

impl Failure {
    /// A failure with a code of ours.
    pub fn new(outlook: Outlook, code: &str, words: &str) -> Self {
        let words = mail::text::clip(words, 500).to_owned();
        Self { outlook, code: mail::text::clip(code, 64).to_owned(), words }
    }

    /// The connection did not stand, broke, or the answer did not come in time.
    pub fn line(words: &str) -> Self {
        Self::new(Outlook::Line, "line.broken", words)
    }
}

impl From<store::Error> for Failure {
    /// Ours, and no fault of the peer's.
    fn from(error: store::Error) -> Self {
        tracing::warn!("an answer could not be kept while it was read: {error}");
        Self::new(Outlook::Line, "line.unkept", "the answer could not be kept")
    }
}

/// What is to be asked, in the words of a window. Doors that are no HTTP get a kind of their own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Ask {
    /// A request.
    Http(HttpAsk),
}

/// A request over HTTP/1.1.
#[derive(Clone, Debug)]
pub struct HttpAsk {
    /// `POST` or `GET`.
    pub method: &'static str,
    /// What stands behind the peer's address.
    pub path: &'static str,
    /// Header lines in the order of the wire, ASCII.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Chain,
    /// Bytes of an answer worth reading.
    pub answer_bytes_max: usize,
}

/// What was heard.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The status of the answer.
    pub status: u16,
    /// Its body.
    pub body: Spool,
}

/// A protocol towards another axis.
pub trait Transport: Send + Sync {
    /// What to ask.
    fn ask(&self, errand: &Errand, now: Timestamp) -> Ask;

    /// What the answer says. Never trusts it: whatever is not an answer of the protocol is a bad line.
    ///
    /// # Errors
    /// A [`Failure`] with its outlook.
    fn read(&self, errand: &Errand, heard: &Heard) -> Result<Done, Failure>;
}

/// What a transport needs to know of the line.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Our id there (RULES I4).
    pub system_id: String,
    /// What we sign with there (RULES E42).
    pub secret: Secret<String>,
}

/// Every door to another axis.
pub const DOORS: &[&str] = &["vxp"];

/// The transport of a door; `None` for one that nobody has built.
pub fn of_door(door: &str, credentials: Credentials, limits: &crate::Limits) -> Option<Box<dyn Transport>> {
    match door {
        "vxp" => Some(Box::new(Vxp::new(credentials, limits))),
        _ => None,
    }
}
