//! Documents exchanged between agencies, and the evidence of it.
