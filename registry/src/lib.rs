//! Documents exchanged between agencies, and the evidence of it.
//!
//! Nothing here opens a socket, asks for the time or draws randomness: they are handed in. Only [`accept`],
//! [`agency_lists`], [`exchange`], [`deadlines`], [`numbering`], [`refusals`] and [`registers`] know the store; the rest are pure functions over bytes and plain data.
//!
//! | module | what |
//! | --- | --- |
//! | [`package`] | edXML packages: a bounded, tolerant reader and an exact writer (RULES 2, VXP 4–6) |
//! | [`document_id`] | the legal identifier of a document, as agencies compare it (RULES I7–I9) |
//! | [`statistics`] | what the exchange did in a period, counted from its history (RULES R53–R56) |
//! | [`status`] | status codes and what they lead to at one receiver (RULES 1.4) |
//! | [`file_text()`] | the text of a file, for searches |
//! | [`secrecy`] | detectors of state secrets, which never travel here (RULES R7–R13) |
//! | [`accept`] | what it takes for a package to be accepted, and the one transaction that does (RULES R14, R23–R36) |
//! | [`agency_lists`] | the directory as the exchange hands it out (VXP 3.2–3.4) |
//! | [`browse`] | documents as their agencies look through them: lists, one, its history |
//! | [`compose`] | packages from what a caller says plainly: names looked up, what is missing filled in |
//! | [`events`] | the words of the feed: what systems are told of as it happens |
//! | [`exchange`] | the calls of the exchange over the store's verbs (VXP 3) |
//! | [`calendar`] | working days: announced, declared, computed (RULES R19) |
//! | [`deadlines`] | until when to send, to answer, to finish; and who is late (RULES R19, R20, R27, R33, R85) |
//! | [`numbering`] | numbers without gap or repeat, notations, types of documents (RULES R75, R76, R79, R80) |
//! | [`office`] | what heads of agencies decide: who signs by authorisation, regulations, what is sent with paper (RULES R62, R81) |
//! | [`registers`] | the books of the records office, as the law prints them (RULES R77, R90) |
//! | [`lifecycle`] | what is done to documents later: shredding, what takes two persons (RULES R13, R43) |
//! | [`keys`] | keys to our API: what they may do, for whom they speak |
//! | [`known`] | what the registry knows of a file in somebody's hand: recalled, replaced, or nothing |
//! | [`reasons`] | reasons that have a code: of refusals, of paper (RULES R15, R30) |
//! | [`recognise`] | official documents outside the exchange: what a file in a mail is (RULES R3–R5) |
//! | [`receipt`] | what a sender gets in its hand: an act, the log's promise and its proof |
//! | [`refusals`] | what was refused and why (RULES R12) |
//! | [`tombstone`] | what remains of a cancelled document (RULES R39) |
//! | [`two_persons`] | what takes two persons: releases and reversals (RULES R13, R43) |
//! | [`view`] | a document as it is shown to its sender and its receivers: the sixteen items (RULES R31) |
//! | [`transport`] | how packages travel to and from another axis: what to ask, how to read the answer (RULES E43) |
//! | [`upstream`] | what is sent to other axes and taken from them, and the record of it (RULES R26, R65–R71) |
//! | [`vxp`] | the national exchange protocol: who calls, what is asked, how it is answered (VXP 1–3) |
//! | [`words`] | the words a document is found by |
//!
//! One request of the exchange goes through them like this:
//!
//! ```text
//! headers ─ vxp::auth::presented ─ secret of the system ─ vxp::auth::verify ─▶ Signed
//! path    ─ vxp::call::Name::route ─ vxp::call::read(name, &Signed, body) ─▶ Call
//! sendEdoc: body in a spool ─ vxp::send::package_in ─▶ its part + SHA-256 ─ accept::open_from ─▶ Package
//! handlers over `store` verbs ─▶ rows ─ vxp::answer ─▶ status, headers, body
//! any Error ─ vxp::answer::refused(name, &Error) ─▶ status, headers, body
//! ```

pub mod accept;
pub mod agency_lists;
mod arrival;
pub mod browse;
pub mod calendar;
pub mod compose;
pub mod deadlines;
pub mod document_id;
mod error;
pub mod events;
pub mod exchange;
mod file_text;
pub mod fuzz;
pub mod keys;
pub mod known;
pub mod lifecycle;
mod limits;
pub mod numbering;
pub mod office;
pub mod package;
pub mod print_out;
pub mod reasons;
pub mod receipt;
pub mod recognise;
pub mod refusals;
pub mod registers;
pub mod secrecy;
pub mod set_aside;
pub mod statistics;
pub mod status;
pub mod tombstone;
pub mod transport;
pub mod two_persons;
mod units;
pub mod upstream;
pub mod view;
pub mod vxp;
pub mod words;

pub use error::{Error, Gone, Whose};
pub use file_text::file_text;
pub use limits::Limits;
