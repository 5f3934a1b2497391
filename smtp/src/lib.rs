//! Mail arriving and leaving.
//!
//! Nothing here opens a socket, asks for the time or draws randomness: a conversation is a value that takes bytes, answers and time and
//! returns asks. Four rooms: [`codec`] turns bytes into words and back; [`receive`] and [`send`] are the two sides of a conversation;
//! [`serve`] turns what they ask for into verbs of the store; beside them stand [`dsn`], which writes reports, [`retry`], which
//! says when to try again, [`pace`], which says how much a destination bears, and [`mta_sts`] and [`tls_report`], what domains say and are told about TLS on the way to them.

pub mod codec;
pub mod dsn;
mod envelope;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod limits;
pub mod mta_sts;
pub mod pace;
pub mod receive;
pub mod retry;
pub mod send;
pub mod serve;
pub mod tls_report;

pub use envelope::{
    BadClientName, Body, Client, ClientName, Envelope, EnvelopeId, ForwardPath, Notify, OriginalRecipient,
    Recipient, Ret, ReversePath, Tls,
};
pub use error::{Error, Whose};
pub use limits::{Limits, Patience};
