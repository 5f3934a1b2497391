//! Bytes to words and back.

pub mod command;
#[cfg(test)]
mod command_tests;
pub mod fetch;
#[cfg(test)]
mod fetch_tests;
mod input;
#[cfg(test)]
mod input_tests;
mod memory;
mod name;
#[cfg(test)]
mod oracle_tests;
mod parse;
pub mod response;
#[cfg(test)]
mod response_tests;
mod sequence;
pub mod utf7;

pub use command::{Body, Command};
pub use input::{Input, Limits, Read};
pub use memory::{Held, Memory};
pub use name::{DELIMITER, MailboxName};
pub use parse::Refusal;
pub use response::Out;
pub use sequence::{Edge, SequenceSet};

/// The months as IMAP and the Date field write them (RFC 9051 §9, RFC 5322 §3.3).
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
