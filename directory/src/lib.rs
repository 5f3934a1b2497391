//! Who is who: agencies, units, people, mailboxes, roles, sign-in, provisioning.
//!
//! Everything here is either a plain function (grammar of codes and addresses, passwords, roles, the reader of people
//! lists) or a verb over [`store::Store`] that ends in one transaction with its audit row. Nothing here asks for the
//! time or draws chance by itself, and nothing here is slow except what says so: hashing a password costs tens of
//! milliseconds on purpose, so it is handed back as work ([`sign_in::HashWork`], [`import::Batch`]) for the caller to run
//! where it may block.
//!
//! What a person may read is said twice, in Vietnamese and English, with a stable code: [`Said`].

pub mod accounts;
pub mod address;
pub mod agencies;
mod bounded;
pub mod codes;
pub mod delegates;
mod error;
pub mod import;
pub mod mail_policy;
pub mod passwords;
pub mod policy;
pub mod register;
pub mod sasl;
pub mod sign_in;
pub mod standing;
pub mod tokens;
mod words;

use std::time::Duration;

use mail::OwnerId;

pub use error::{Error, Result};
pub use words::{Said, Sentence};

/// Whose audit rows are about the house itself (shared domains, routes), not about one agency.
pub const HOUSE: OwnerId = OwnerId::from_bytes([0; 16]);

/// How much of everything.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a people list. A row takes about 120; this is four times [`rows_max`](Self::rows_max) of them.
    pub import_bytes_max: usize,
    /// People in one list. A province has about 20,000 officials; a longer list is split by agency anyway.
    pub rows_max: usize,
    /// Columns of a list; the template has seven, exports of personnel systems about forty.
    pub columns_max: usize,
    /// People created in one transaction. Each is about 25 statements, so 50 hold the writer for some 30 ms.
    pub batch_rows: usize,
    /// Failures of one account from one source before it is locked out there (RULES A15: 10 for systems of this class).
    pub failures_per_account: u32,
    /// How long it stays locked out there, and how long failures are remembered (RULES A15: 12 h at least).
    pub locked_for: Duration,
    /// Failures of one source, whatever the accounts, within [`source_window`](Self::source_window). A whole agency may
    /// stand behind one address, so this is far above the limit for an account.
    pub failures_per_source: u32,
    /// See [`failures_per_source`](Self::failures_per_source).
    pub source_window: Duration,
    /// An account that has signed in from a source within this time is not held up by the failures of others there.
    pub known_for: Duration,
    /// Pairs of account and source remembered, about 200 bytes each. The least recently seen is forgotten first.
    pub pairs_max: usize,
    /// Sources remembered, about 100 bytes each.
    pub sources_max: usize,
    /// Verified credentials remembered, about 200 bytes each.
    pub verified_max: usize,
    /// How long a verified credential is remembered. What is remembered would be quicker to guess from a memory dump
    /// than the stored hash, so this is short; a client that polls is still spared nearly every hash.
    pub verified_for: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            import_bytes_max: 10 << 20,
            rows_max: 20_000,
            columns_max: 64,
            batch_rows: 50,
            failures_per_account: 10,
            locked_for: Duration::from_secs(12 * 3600),
            failures_per_source: 200,
            source_window: Duration::from_secs(15 * 60),
            known_for: Duration::from_secs(30 * 24 * 3600),
            pairs_max: 65_536,
            sources_max: 65_536,
            verified_max: 16_384,
            verified_for: Duration::from_secs(300),
        }
    }
}
