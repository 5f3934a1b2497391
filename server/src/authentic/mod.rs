//! Where mail really comes from (SPF, DKIM, DMARC, ARC), and our own signature on what leaves.

pub(crate) mod arc;
pub(crate) mod fields;
pub(crate) mod keys;
pub(crate) mod results;
pub(crate) mod sign;
pub(crate) mod spf;
mod verify;

pub(crate) use verify::{Path, Verifier};

#[cfg(test)]
mod tests;
