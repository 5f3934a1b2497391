//! Signatures on documents: make, judge, explain.
mod asn1;
pub mod cms;
mod limits;
mod message;
pub mod pdf;

pub use limits::Limits;
pub use message::{Code, Reason};
