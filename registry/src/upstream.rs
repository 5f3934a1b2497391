//! Other axes that this house is a client of (RULES R26, R65–R71, E40–E43): what is sent to them, what is taken from them, and
//! the record of both.
//!
//! ```text
//! accepting transaction ─ enqueue ─▶ outbox row ─ next ─▶ Outgoing ─ (the transport, the network) ─ settle ─▶ sent | put off | refused
//! list ─ seen? ─ fetch ─ (the package is opened) ─ speaker ─▶ accepted like any package ─ note ─▶ acknowledged
//! ```
//!
//! Handing the same bytes over twice is handing them over once (VXP 3.8 step 6), on both sides. So whatever dies in between, here or
//! there, the next attempt ends in the same state: at least once becomes exactly once.

mod incoming;
mod learn;
mod outgoing;
pub mod schedule;
mod silence;

use mail::AgencyCode;
use store::peer_of_way;

pub use incoming::{Incoming, Named, Report, Speaker};
pub use learn::Learned;
pub(crate) use outgoing::enqueue;
pub use outgoing::{HOLD_ON_EVERY, Outgoing, Resent, Settled};
pub use silence::Silent;

use crate::Error;
use crate::accept::Arrived;
use crate::package::trace::Trace;

/// What this house is as an intermediary.
#[derive(Clone, Debug)]
pub struct Forwarding {
    /// Our own code in the traces of packages (RULES R66).
    pub organ_id: String,
    /// Hands a package may have gone through before it comes here.
    pub hops_max: usize,
    /// Whether our line is added even where it breaks a signature over the whole package (RULES R67).
    pub breaks_whole_signatures: bool,
}

impl Forwarding {
    /// Looks for circles: our own line in a package that arrives, or too many lines.
    ///
    /// # Errors
    /// [`Error::Loop`].
    pub fn check(&self, trace: &Trace) -> Result<(), Error> {
        match trace.has(&self.organ_id) || trace.hops.len() > self.hops_max {
            true => Err(Error::Loop),
            false => Ok(()),
        }
    }
}

/// What came over another axis does not go back to whoever brought it: it has its copy. `way` is a receiver's.
///
/// # Errors
/// [`Error::UnknownAgencies`] when nobody else is left.
pub(crate) fn not_back<R>(
    arrived: &Arrived,
    receivers: Vec<R>,
    way: impl Fn(&R) -> &str,
) -> Result<Vec<R>, Error> {
    let brought_by = arrived.system.system_folded.as_str();
    let sender = arrived.package.sender().organ_id.as_str();
    let came_over = peer_of_way(brought_by).is_some() || arrived.trace.was_forwarded(sender);
    if !came_over {
        return Ok(receivers);
    }
    let others: Vec<R> = receivers.into_iter().filter(|receiver| way(receiver) != brought_by).collect();
    if others.is_empty() {
        let codes: Vec<AgencyCode> = arrived.package.receivers().into_iter().cloned().collect();
        return Err(Error::UnknownAgencies(codes));
    }
    Ok(others)
}
