//! Mail read by classic clients: IMAP4rev2 (RFC 9051) and rev1 (RFC 3501).
//!
//! `codec` turns bytes to words and back, `session` is the conversation (a value), `serve` turns the session's wishes into
//! verbs of `store`.

pub mod codec;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod limits;
pub mod order;
pub mod serve;
pub mod session;
mod tree;

pub use codec::Memory;
pub use error::Error;
pub use limits::Limits;
pub use session::{Answer, Ask, Session};
pub use tree::{Node, Tree};
