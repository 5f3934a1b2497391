//! Signatures on documents: make, judge, explain.
//!
//! * [`pdf`], [`cms`], [`xml`], [`tst`]: facts, read from hostile bytes within [`Limits`].
//! * [`judge()`]: facts held against a [`Policy`], evidence and a moment; a [`Judged`] document with its report.
//! * [`Verified`]: proof of a good judgement, made here and nowhere else; it hands out the bytes that were signed.
//! * [`bundle`]: everything a later judgement needs to say the same.
//! * [`page`]: a judgement as a page for people, printed or on the web.
//! * [`make`]: signing, timestamping and archiving evidence in a PDF, checked again before anybody gets the file.
//!
//! Nothing here fetches, reads the clock or draws randomness: what is missing is named, and asked for again.

mod asn1;
pub mod bundle;
pub mod cms;
mod coverage;
mod format;
pub mod fuzz;
mod input;
pub mod judge;
mod limits;
pub mod make;
mod message;
pub mod page;
pub mod pdf;
pub mod smime;
pub mod tst;
mod verified;
pub mod xml;

pub use coverage::Coverage;
pub use format::{BadFormat, Format};
pub use input::Input;
pub use judge::{
    Arrival, Class, Evidence, Integrity, Judged, Known, LegalValue, Policy, Report, Role, SignatureKind,
    SignatureReport, Verdict, judge,
};
pub use limits::Limits;
pub use message::{Code, Reason};
pub use verified::{Basis, Document, Refusal, Verified};
