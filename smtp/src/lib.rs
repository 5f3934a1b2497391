//! Mail arriving and leaving.

pub mod codec;
mod envelope;
mod error;
mod limits;

pub use envelope::{
    BadClientName, Body, Client, ClientName, Envelope, EnvelopeId, ForwardPath, Notify, OriginalRecipient,
    Recipient, Ret, ReversePath, Tls,
};
pub use error::{Error, Whose};
pub use limits::{Limits, Patience};
