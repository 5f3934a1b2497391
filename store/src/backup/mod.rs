//! Everything that is kept, read out on one consistent view and read back in (RULES R59, A26).
//!
//! [`Snapshot`] is one transaction that only reads: on SQLite a reader beside the writer (WAL), on PostgreSQL `REPEATABLE READ`.
//! Rows go out in the order of their keys, in a form that is the same for both engines, so that what was kept on one is read
//! into the other. Blobs stay sealed. A large blob's file is written before its row and never taken away by this program, so
//! every file that the view names can be read as long as it lasts.
//!
//! [`Loading`] fills an empty database with what a snapshot read.

mod loading;
pub mod record;
mod snapshot;
mod tables;

pub use loading::{Loading, RESTORED, Restored};
pub use record::Cell;
pub use snapshot::{KeptBlob, Snapshot};
pub use tables::Table;
