//! People lists: read, looked at, applied (UX A6).
//!
//! [`preview`] says line by line what would happen; [`apply`] does exactly that and nothing else. A list may be applied twice:
//! people who are there already are recognised, by their address or else by name and unit, and left alone.

mod apply;
mod fault;
mod plan;
mod read;

pub use apply::{Applied, Batch, Batches, Hashed, apply};
pub use fault::{Fault, FileFault};
pub use plan::{Counts, Create, Outcome, Plan, Row, RowReport, preview};
pub use read::{Cells, Line, LineFault, Table, read};
pub(crate) use read::{decode, line_number, reader, said_separator};

use store::Role;

use crate::Limits;
use crate::address::AddressPolicy;

/// Where the people of a list belong.
#[derive(Clone, Debug)]
pub struct Context {
    /// A code of their agency.
    pub agency: String,
    /// The domain of their addresses.
    pub domain: String,
    /// How addresses are made.
    pub addresses: AddressPolicy,
    /// The role of people the list gives none.
    pub default_role: Role,
    /// Whether the list may make administrators; a list is easily changed on its way, so normally not (RULES A21).
    pub admins_allowed: bool,
    /// The bounds.
    pub limits: Limits,
}
