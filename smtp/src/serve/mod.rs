//! What a conversation asks for, done with verbs of the store: may this sender send, does this recipient exist, keep this
//! message, carry what waits in the outbox.
//!
//! ```text
//!   receive::Ask::Sender     ─► Desk::sender      the inbound door asks here
//!   receive::Ask::Recipient  ─► Desk::recipient
//!   receive::Ask::Accept     ─► Desk::accept      one transaction, then 250
//!
//!   store::Claimed (mail)    ─► Desk::open ─► send::Session ─► Desk::settle         one transaction
//!   store::Claimed (local)   ─► Desk::open ─► Desk::deliver_here                     one transaction
//! ```
//!
//! No socket, no clock and no randomness: moments, random bytes and ids are handed in. What must stay true: a message is in
//! exactly one place at a time, an outbox row or a mailbox, and moves from one to the other in one transaction.

mod accept;
mod binary;
mod expand;
mod local;
mod moved;
mod outgoing;
mod pauses;
mod payload;
mod recipient;
mod record;
mod redirect;
mod report;
mod sender;
mod traced;

use std::sync::Arc;

use mail::Domain;
use store::Store;

use crate::Limits;
use crate::codec::{Reply, table};
use crate::retry::Schedule;

pub use outgoing::{Attempt, Dice, Outgoing, Tally};
pub use pauses::Claim;
pub use redirect::{NewWay, Redirection};
pub use report::Signs;
pub use traced::connection;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// For a reason that is told as it stands.
    #[error("refused: {0}")]
    Said(Reply),
    /// The memory could not do it.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<table::Row> for Refusal {
    fn from(row: table::Row) -> Self {
        Self::Said(row.reply())
    }
}

impl From<mail::Refused> for Refusal {
    /// Vietnamese first, then English, as in the table.
    fn from(refused: mail::Refused) -> Self {
        let (class, subject, detail) = refused.status;
        let status = format!("{class}.{subject}.{detail}").parse().ok();
        Self::Said(Reply::new(refused.code, status, [refused.vi, refused.en]))
    }
}

impl Refusal {
    /// What is said to the client.
    pub fn to_reply(&self) -> Reply {
        match self {
            Self::Said(reply) => reply.clone(),
            Self::Store(error) => reply_to(error),
        }
    }

    /// The store's trouble, for the log: the client hears less.
    pub fn trouble(&self) -> Option<&store::Error> {
        match self {
            Self::Said(_) => None,
            Self::Store(error) => Some(error),
        }
    }
}

/// The one place where the store's trouble becomes a reply. Nothing was written, so nothing here is final except what no
/// later attempt can change; even a fault of ours is put off, for an operator may mend it before the sender gives up.
pub fn reply_to(error: &store::Error) -> Reply {
    let row = match error {
        store::Error::Full(_) => table::MAILBOX_FULL,
        store::Error::Unavailable(_)
        | store::Error::Busy
        | store::Error::Conflict(_)
        | store::Error::NotFound(_)
        | store::Error::Damaged(_)
        | store::Error::Internal(_) => table::OUR_FAULT,
        store::Error::Refused(_) | store::Error::SetAside => table::CANNOT_STORE,
    };
    row.reply()
}

/// The store as mail sees it. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    store: Store,
    host: Domain,
    limits: Limits,
    schedule: Schedule,
    /// How much of a message is looked at.
    reading: mail::message::Limits,
    /// How many refusals were traced lately.
    pace: Arc<traced::Pace>,
    /// Signs the reports that leave; `None` where nobody does.
    signer: Option<Arc<dyn Signs>>,
}

impl Desk {
    /// A desk of the house that calls itself `host`.
    pub fn new(store: Store, host: Domain, limits: Limits, schedule: Schedule) -> Self {
        let (reading, pace) = (mail::message::Limits::default(), Arc::default());
        Self { store, host, limits, schedule, reading, pace, signer: None }
    }

    /// The same desk, whose reports are signed.
    #[must_use]
    pub fn signing_with(self, signer: Arc<dyn Signs>) -> Self {
        Self { signer: Some(signer), ..self }
    }
}
