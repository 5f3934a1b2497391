//! The national exchange protocol as its real client speaks it (VXP 1–3), without a socket and without a database.
//!
//! * [`auth`] – who is calling: the signature over the received bytes, and the one map of parameters it covers
//! * [`call`] – what is asked: call names, and the parameters of each call and no others
//! * [`send`] – the body of `sendEdoc`: which of its bytes are the package
//! * [`hash`] – the client's thin hexadecimal
//! * [`delivery`] – who may send, where a package goes, what an acknowledgement changes
//! * [`answer`] – how answers look, refusals too
//! * [`client`] – the other side: we call (see [`crate::transport`])
//!
//! The handlers between [`call::Call`] and [`answer::Answer`] are functions over `store` verbs and plain data.

pub mod answer;
pub mod auth;
pub mod call;
pub mod client;
pub mod delivery;
pub mod hash;
mod json;
pub mod send;

#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use call::Call;
