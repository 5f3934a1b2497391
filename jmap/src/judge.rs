//! The guest who knows signatures and books: this room has never heard of either. The only real one is the program's.

use std::future::Future;
use std::pin::Pin;

use mail::{AccountId, BlobId, Timestamp};

use crate::Caller;

/// Something that is done some time later.
pub type Done<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An official document of a message that is to be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// Its number and notation, or empty.
    pub symbol: String,
    /// The message's subject.
    pub subject: String,
    /// Who sent the message, for the column of the author.
    pub from: String,
    /// The exchange's document that the agency has received, when it is one.
    pub document_id: Option<mail::DocumentId>,
}

/// What a registered document got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The book.
    pub book: String,
    /// The year.
    pub year: i64,
    /// The arrival number (số đến).
    pub number: Option<i64>,
    /// The line in the book.
    pub line: i64,
}

/// Why a document is not registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRegistered {
    /// This person may not write in the agency's book.
    Forbidden,
    /// The book says no: a stable word, and why.
    Refused(&'static str, String),
    /// The memory does not answer.
    Unavailable,
}

/// Judges signatures, and registers what is official.
pub trait Judge: Send + Sync {
    /// Judges the signature of a message now, and keeps what it comes to ([`store::Tx::put_smime`]). It ends within seconds.
    fn smime(&self, account_id: AccountId, blob_id: BlobId) -> Done<'_, ()>;

    /// Looks for official documents in a message, judges them now, and keeps what they come to
    /// ([`store::Tx::put_email_documents`]). It ends within seconds.
    fn documents(&self, account_id: AccountId, blob_id: BlobId) -> Done<'_, ()>;

    /// Registers a document in the incoming book of the caller's agency (RULES R75, R76). The same one a second time is the same line.
    fn register<'a>(
        &'a self,
        caller: &'a Caller,
        document: Registration,
        now: Timestamp,
    ) -> Done<'a, Result<Registered, NotRegistered>>;
}
