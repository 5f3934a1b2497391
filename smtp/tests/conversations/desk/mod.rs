//! The desk over a store of either engine: what is promised is kept, once, whatever crashes.

mod accepting;
mod carrying;
mod delegates;
pub(crate) mod house;
mod lists;
mod moved;
mod redirecting;
mod tracing;
mod wishes;
