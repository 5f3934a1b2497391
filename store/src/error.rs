//! What can go wrong in the memory, whose turn it is, and whether trying again makes sense.

use crate::sql::Fault;

/// An error of the memory.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database or disk did not answer, is full, or is going away. Nothing was written. Trying again later makes
    /// sense, so a mail peer is told 4xx and a caller "try later".
    #[error("storage is not available now: {0}")]
    Unavailable(String),
    /// More work is waiting than [`Limits`](crate::Limits) lets wait. Trying again later makes sense.
    #[error("storage is busy")]
    Busy,
    /// A unique key is taken. The caller decides what that means.
    #[error("already there: {0}")]
    Conflict(String),
    /// What the caller named does not exist.
    #[error("{0} does not exist")]
    NotFound(&'static str),
    /// The account's quota or another bound of the data model is reached.
    #[error("{0} is full")]
    Full(&'static str),
    /// The caller asked for something no state of the data allows. Trying again changes nothing.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// It bears a mark of secrecy and nobody may read it before two persons have released it (RULES R11).
    #[error("set aside because of a mark of secrecy")]
    SetAside,
    /// What was read back is not what was written: a wrong master key or damaged storage. An operator must look.
    #[error("damaged: {0}")]
    Damaged(&'static str),
    /// A fault of ours.
    #[error("internal: {0}")]
    Internal(String),
}

impl Error {
    /// Whether the same request may succeed later without anybody changing it.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Busy)
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(db) if db.is_unique_violation() => Self::Conflict(db.message().to_owned()),
            sqlx::Error::Database(db) if db.is_foreign_key_violation() => {
                Self::NotFound("what a row refers to")
            }
            // PostgreSQL's class 22/23/42 are our own mistakes.
            sqlx::Error::Database(db)
                if db.is_check_violation()
                    || db.code().is_some_and(|c| c.starts_with("22") || c.starts_with("42")) =>
            {
                Self::Internal(db.message().to_owned())
            }
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnIndexOutOfBounds { .. } => {
                Self::Internal(error.to_string())
            }
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ffi;
        match &error {
            rusqlite::Error::SqliteFailure(failure, message) => {
                let message = message.clone().unwrap_or_else(|| failure.to_string());
                match failure.extended_code {
                    ffi::SQLITE_CONSTRAINT_UNIQUE
                    | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                    | ffi::SQLITE_CONSTRAINT_ROWID => Self::Conflict(message),
                    ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Self::NotFound("what a row refers to"),
                    // Our own mistakes.
                    ffi::SQLITE_CONSTRAINT_CHECK | ffi::SQLITE_CONSTRAINT_NOTNULL => Self::Internal(message),
                    _ => Self::Unavailable(message),
                }
            }
            _ => Self::Internal(error.to_string()),
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Sqlite(error) => error.into(),
            Fault::Postgres(error) => error.into(),
        }
    }
}

/// Whether PostgreSQL gave up on one of several transactions that stood in each other's way (serialization failure,
/// deadlock): the same transaction, run again, goes through.
pub(crate) fn is_collision(fault: &Fault) -> bool {
    matches!(fault, Fault::Postgres(sqlx::Error::Database(db)) if db.code().is_some_and(|c| c == "40001" || c == "40P01"))
}

/// What verbs answer.
pub type Result<T> = std::result::Result<T, Error>;
