//! Whom to trust, and our own keys.
//!
//! * [`Certificate`]: one certificate, read once; facts only.
//! * [`trust`]: anchors as data, added by fingerprint.
//! * [`path`]: is this certificate good for that purpose at that moment? Valid, invalid, or what is lacking.
//! * [`public_service`]: what certificates of the public-service hierarchy say of their holders.
//! * [`revocation`]: CRLs and OCSP responses, judged from what somebody supplies.
//! * [`keys`]: the only place where private keys are used.
//! * [`issue`]: a small certificate authority, for the demonstration and for tests.
//! * [`note`]: signed notes, the form of the ledger's checkpoints.
//! * [`fuzz`]: one entry per parser for hostile bytes.
//! * [`der`]: reading and writing ASN.1, for this room and for `signer`.
//!
//! Nothing here opens a socket or a file or asks for the time. What evidence lacks is named, fetched by `server`,
//! and the question asked again. Every count and size has its limit in [`Limits`].

pub mod algorithm;
mod catalogue;
mod certificate;
pub mod der;
mod error;
mod extensions;
mod fingerprint;
pub mod fuzz;
pub mod issue;
pub mod keys;
mod limits;
mod name;
pub mod note;
pub mod oids;
pub mod path;
mod pem;
mod profile;
pub mod public_service;
pub mod revocation;
pub mod trust;
mod verified;

pub use certificate::{Certificate, Serial};
pub use error::{Error, Fault};
pub use extensions::{
    AuthorityKeyId, BasicConstraints, DistributionPoint, KeyUsage, NameConstraints, PolicyConstraints,
};
pub use fingerprint::{BadFingerprint, Fingerprint};
pub use limits::Limits;
pub use name::{Attribute, GeneralName, Name};
pub use profile::Departure;
