//! Mail read by modern clients and by our own web page: JMAP (RFC 8620) for mail and submission (RFC 8621).
//!
//! JMAP is request and answer, so this room is a set of method handlers over the memory's verbs: no HTTP (the program
//! maps its routes onto [`Api`]), no sockets, no clock, no randomness of its own.
//!
//! ```text
//! body → request::read → for each call: references::resolve → a method → an answer → Response
//! ```
//!
//! What must stay true:
//! - A caller sees its own account and nothing else: every method asks for the account first, and every look-up in
//!   the memory names it.
//! - A submission and what leaves for it are one transaction; the Bcc field never leaves.
//! - A state named to a client is one after which it can still learn everything it has not been told.

mod args;
mod blob_get;
mod blob_lookup;
mod blob_upload;
mod blobs;
mod body;
mod call;
mod compose;
mod copy;
mod email_get;
mod email_import;
mod email_parse;
mod email_query;
mod email_set;
mod envelope;
mod error;
mod extras;
mod filter;
mod fuzz;
mod hand_in;
mod headers;
mod held_mail;
mod identity;
mod identity_set;
pub mod judge;
mod limits;
mod mailbox_get;
mod mailbox_query;
mod mailbox_set;
mod official_documents;
mod patch;
pub mod push;
mod query_changes;
mod quota;
mod references;
pub mod request;
mod session;
mod set;
mod snippet;
mod speaks;
mod submission_create;
mod submission_get;
mod submission_set;
pub mod subscription;
mod thread;
mod vacation;
pub mod websocket;

use std::sync::Arc;

use mail::{AccountId, AgencyId, Chance, Examine};
use store::Store;

pub use blobs::Download;
pub use call::METHODS;
pub use error::Error;
#[doc(hidden)]
pub use fuzz::fuzz_request;
pub use limits::Limits;

/// The JMAP room.
#[derive(Clone)]
pub struct Api {
    /// The memory.
    pub store: Store,
    /// The bounds.
    pub limits: Limits,
    /// Where clients reach this server, without a slash at the end: `https://mail.a.gov.vn`.
    pub base_url: String,
    /// The domain of Message-IDs made here.
    pub host: mail::Domain,
    /// Where ids and boundaries are drawn from.
    pub chance: Arc<dyn Chance>,
    /// The public key that pushes are signed with, an uncompressed point in base64url (RFC 8292 §3.2).
    pub push_key: String,
    /// Judges signatures, and registers what is official.
    pub judge: Arc<dyn judge::Judge>,
    /// Looks at what is handed in for sending before it is kept.
    pub examiner: Arc<dyn Examine>,
    /// Looks at what is brought into a mailbox without being sent.
    pub appending: Arc<dyn Examine>,
}

/// Who asks: made by the program once somebody has signed in, never from what a client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account that was signed in to.
    pub account_id: AccountId,
    /// Its agency.
    pub agency_id: AgencyId,
}

/// An answer for the program to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Media type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self { status, content_type: "application/json", body: body.to_string().into_bytes() }
    }
}
