//! Mail read by classic clients.
