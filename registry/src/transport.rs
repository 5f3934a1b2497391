//! How packages travel to and from another axis (RULES E43): one trait, with a protocol behind each door.
//!
//! A transport is sans-IO. It says what is to be asked ([`Ask`]) and reads what was heard; whoever has windows does the asking.
//! The package layer, the outbox and the lines' schedules know no more of a protocol than is here.

use std::sync::Arc;

use mail::{AgencyCode, Secret, Timestamp};

use crate::vxp::call::{Acknowledgement, Kind};
use crate::vxp::client::Vxp;

/// A package to send.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// The bytes, as they are to arrive.
    pub bytes: Arc<[u8]>,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// It has the package, under this id.
    Sent(String),
    /// What waits, oldest first.
    Listed(Vec<Waiting>),
    /// The package, whole (RULES E18).
    Fetched(Vec<u8>),
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

/// What is to be asked, in the words of a window. Doors that are no HTTP get a kind of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ask {
    /// A request.
    Http(HttpAsk),
}

/// A request over HTTP/1.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAsk {
    /// `POST` or `GET`.
    pub method: &'static str,
    /// What stands behind the peer's address.
    pub path: &'static str,
    /// Header lines in the order of the wire, ASCII.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Bytes of an answer worth reading.
    pub answer_bytes_max: usize,
}

/// What was heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The status of the answer.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
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
