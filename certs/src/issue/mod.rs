//! A small certificate authority: the demonstration's hierarchy, and every certificate the tests need, good or bad.
//!
//! Keys, times and serial numbers are handed in. A [`Draft`] starts from a profile of the public-service hierarchy
//! (RULES 4.3) and can be bent in any way, because a judge is only as good as the forgeries it has seen.

mod crl;
mod draft;
mod names;
mod ocsp;
mod profiles;
mod scope;
pub mod world;

pub use crl::CrlDraft;
pub use draft::{Authority, Draft, Usage, Validity};
pub use names::Subject;
pub use ocsp::{OcspAnswer, OcspDraft, ocsp_refusal};
pub use profiles::{agency_seal, issuing_ca, leader, ocsp_responder, root, timestamp_authority, tls_server};
pub use scope::ListScope;
