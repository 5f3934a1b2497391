//! A message's envelope, structure and sections (RFC 9051 §6.4.5, §7.5.2).
//!
//! Envelope and structure come from the row's facts, sections from the bytes.

mod envelope;
mod section;
mod structure;

pub use envelope::envelope;
pub use section::{BinaryError, binary, partial, section};
pub use structure::{body_structure, needs_bytes};
