//! edXML packages (QCVN 102:2016): read with tolerance, written with care, never changed.
//!
//! [`read`] takes the bytes as they came and answers with a [`Package`] or a [`Refusal`]. It refuses exactly what
//! would make a receiver's library fail or would harm it (VXP 4.2), and accepts the irregularities that the field is
//! full of (VXP 6). Reading only routes and judges: the bytes themselves are stored and handed on as they are, so a
//! [`Package`] knows no way to turn itself back into bytes. New packages come from [`write_document`] and
//! [`write_status`].
//!
//! Where RULES 2 and VXP differ, VXP decides, because it was tried on the real client. The places: leading characters
//! and undeclared prefixes (`xml`), depth and element budgets ([`crate::Limits`]), a missing `DocumentId` (refused, not
//! derived), unknown status codes (refused at the door; RULES 1.4 stores them), the Office names of RULES E12
//! (`attachment`).
//!
//! ```
//! let limits = registry::Limits::default();
//! let refusal = registry::package::read(b"1212<?xml version=\"1.0\"?><edXML/>", &limits).unwrap_err();
//! assert_eq!(refusal.code(), "edxml.leading");
//! ```

pub(crate) mod archive;
pub(crate) mod attachment;
mod completeness;
mod encoded;
mod model;
mod read;
mod refusal;
mod skim;
mod sniff;
mod source;
mod text;
pub mod trace;
mod warning;
mod write;
mod xml;

#[cfg(test)]
mod tests;

pub use attachment::{Attachment, Wrapping};
pub use completeness::Completeness;
pub use model::{
    Answered, Business, BusinessType, Code, Document, DocumentType, OtherInfo, Package, Party, Priority,
    PromulgationInfo, ReceiverChange, Reference, Replacement, SignerInfo, Staff, Status, StatusAddress,
    TraceHeader, Update,
};
pub use read::{Opened, open, read};
pub use refusal::{Class, Reason, Refusal};
pub use sniff::{FileKind, sniff};
pub use source::{Along, Room, Source, find_in};
pub(crate) use text::numbers as text_numbers;
pub use warning::{Oddity, Warning};
pub use write::{
    NewAttachment, NewBusiness, NewDocument, NewParty, NewStatus, Packing, Unwritable, write_document,
    write_document_into, write_status,
};
