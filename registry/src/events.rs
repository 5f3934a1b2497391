//! What systems are told of as it happens: the words of the feed.
//!
//! An event says little: what happened, to which document, and where to look. It is written in the transaction of what it
//! tells of, so whoever follows the feed sees all of it and nothing that did not happen.

use mail::{AgencyId, DocumentId, Timestamp};
use serde_json::Value;
use store::{NewEvent, Tx};

/// What an event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happened {
    /// To a sender: a document was accepted and is on its way.
    Accepted,
    /// To a receiver: a document has arrived.
    Arrived,
    /// To a sender: a receiving system has stored the package.
    Delivered,
    /// To a sender: a receiving system could not read or store the package.
    Failed,
    /// To whom a status is addressed: a word about a document.
    Status,
    /// To a receiver: its answer to a document is due today (RULES R33).
    ReceiptDue,
    /// To a receiver and to the sender: the answer has not come in time.
    ReceiptLate,
    /// To a receiver: the document's own deadline is near.
    DueSoon,
    /// To a receiver: the document's own deadline has passed.
    Overdue,
    /// To sender and receivers: its sender recalls a document (RULES R37).
    Recalled,
    /// To sender and receivers: its sender updates a document (RULES R44).
    Updated,
    /// To sender and receivers: another document stands in its place (RULES R45).
    Replaced,
    /// To sender and receiver: a recalled document was cancelled there (RULES R39).
    Cancelled,
    /// To sender and receiver: the key to a cancelled copy was forgotten (RULES R43).
    Shredded,
    /// To sender and receivers: two persons reversed a recall (RULES R43).
    Reinstated,
    /// To a receiver: a document repeats one that is there (RULES R32).
    Duplicate,
    /// To whom a status is addressed: it belongs to no document known here (RULES E21).
    Unlinked,
    /// To a sender: a document did not get through by the deadline of the law, and waits for somebody (RULES R26, R27).
    Late,
    /// To an agency: its system has not asked for long (RULES R71).
    Silent,
    /// To sender and receivers: a mark of secrecy was found in a document, and nobody may read it (RULES R11).
    SetAside,
    /// To sender and receivers: two persons have released a document that was set aside (RULES R13).
    LetGo,
}

impl Happened {
    /// Every kind of event, for manuals and tests.
    pub const ALL: [Self; 21] = [
        Self::Accepted,
        Self::Arrived,
        Self::Delivered,
        Self::Failed,
        Self::Status,
        Self::ReceiptDue,
        Self::ReceiptLate,
        Self::DueSoon,
        Self::Overdue,
        Self::Recalled,
        Self::Updated,
        Self::Replaced,
        Self::Cancelled,
        Self::Shredded,
        Self::Reinstated,
        Self::Duplicate,
        Self::Unlinked,
        Self::Late,
        Self::Silent,
        Self::SetAside,
        Self::LetGo,
    ];

    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "document.accepted",
            Self::Arrived => "document.arrived",
            Self::Delivered => "document.delivered",
            Self::Failed => "document.failed",
            Self::Status => "document.status",
            Self::ReceiptDue => "document.receipt-due",
            Self::ReceiptLate => "document.receipt-late",
            Self::DueSoon => "document.due-soon",
            Self::Overdue => "document.overdue",
            Self::Recalled => "document.recalled",
            Self::Updated => "document.updated",
            Self::Replaced => "document.replaced",
            Self::Cancelled => "document.cancelled",
            Self::Shredded => "document.shredded",
            Self::Reinstated => "document.reinstated",
            Self::Duplicate => "document.duplicate",
            Self::Unlinked => "status.unlinked",
            Self::Late => "document.late",
            Self::Silent => "system.silent",
            Self::SetAside => "document.set-aside",
            Self::LetGo => "document.let-go",
        }
    }
}

/// Tells an agency of something that happened to a document.
///
/// # Errors
/// The store's own.
pub(crate) async fn tell(
    tx: &mut Tx,
    agency_id: AgencyId,
    happened: Happened,
    document_id: DocumentId,
    facts: &Value,
    now: Timestamp,
) -> Result<(), store::Error> {
    let event = NewEvent {
        agency_id,
        kind: happened.as_str(),
        subject_id: *document_id.as_bytes(),
        facts: facts.to_string(),
    };
    tx.add_event(&event, now).await
}
