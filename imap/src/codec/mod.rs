//! Bytes to words and back.

pub mod command;
mod name;
mod sequence;

pub use command::{Body, Command};
pub use name::{DELIMITER, MailboxName};
pub use sequence::{Edge, SequenceSet};
