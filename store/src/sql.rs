//! The thin layer over two engines: one way to run a statement, one way to read a row.
//!
//! Numbers are 64-bit integers, texts UTF-8, ids and digests bytes, moments milliseconds, on both engines. Both
//! number parameters as `$1`. Where the text of a statement differs, the two stand side by side in a [`Sql`].

use sqlx::postgres::PgRow;
use sqlx::{Postgres, Row as _};

use crate::error::{Error, Result};
use crate::sqlite::{self, Cells, Pooled};

/// A statement for both engines.
#[derive(Clone, Copy)]
pub(crate) struct Sql {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

impl From<&'static str> for Sql {
    fn from(both: &'static str) -> Self {
        Self { sqlite: both, postgres: both }
    }
}

/// A parameter. PostgreSQL wants a type even for NULL, hence the options inside.
#[derive(Clone, Copy)]
pub(crate) enum Value<'v> {
    Int(Option<i64>),
    Text(Option<&'v str>),
    Bytes(Option<&'v [u8]>),
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<mail::Timestamp> for Value<'_> {
    fn from(value: mail::Timestamp) -> Self {
        Self::Int(Some(value.millis()))
    }
}

impl From<mail::ModSeq> for Value<'_> {
    fn from(value: mail::ModSeq) -> Self {
        Self::Int(Some(value.0))
    }
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(value: &'v str) -> Self {
        Self::Text(Some(value))
    }
}

impl<'v> From<&'v String> for Value<'v> {
    fn from(value: &'v String) -> Self {
        Self::Text(Some(value))
    }
}

impl<'v> From<&'v [u8]> for Value<'v> {
    fn from(value: &'v [u8]) -> Self {
        Self::Bytes(Some(value))
    }
}

impl<'v> From<&'v Vec<u8>> for Value<'v> {
    fn from(value: &'v Vec<u8>) -> Self {
        Self::Bytes(Some(value))
    }
}

impl<'v, const N: usize> From<&'v [u8; N]> for Value<'v> {
    fn from(value: &'v [u8; N]) -> Self {
        Self::Bytes(Some(value))
    }
}

macro_rules! id_values {
    ($($id:ident),*) => {$(
        impl<'v> From<&'v mail::$id> for Value<'v> {
            fn from(id: &'v mail::$id) -> Self {
                Self::Bytes(Some(id.as_bytes()))
            }
        }
        impl<'v> From<Option<&'v mail::$id>> for Value<'v> {
            fn from(id: Option<&'v mail::$id>) -> Self {
                Self::Bytes(id.map(|id| id.as_bytes().as_slice()))
            }
        }
        impl FromBytes for mail::$id {}
    )*};
}

/// Ids a column of bytes can be read as.
pub(crate) trait FromBytes: for<'b> TryFrom<&'b [u8], Error = mail::BadId> {}

id_values!(
    AccountId,
    AgencyId,
    ApiKeyId,
    AuditId,
    BlobId,
    DeliveryId,
    DocumentId,
    EmailId,
    FileUploadId,
    IdentityId,
    ListId,
    MailboxId,
    OutboxId,
    OwnerId,
    PushId,
    QuarantineId,
    SubmissionId,
    ThreadId,
    UnitId
);

impl<'v> From<Option<&'v str>> for Value<'v> {
    fn from(value: Option<&'v str>) -> Self {
        Self::Text(value)
    }
}

impl<'v> From<Option<&'v [u8]>> for Value<'v> {
    fn from(value: Option<&'v [u8]>) -> Self {
        Self::Bytes(value)
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<Option<mail::Timestamp>> for Value<'_> {
    fn from(value: Option<mail::Timestamp>) -> Self {
        Self::Int(value.map(mail::Timestamp::millis))
    }
}

/// `values![a, b, &c]`: parameters of any of the kinds above.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::sql::Value::from($value)),*] };
}
pub(crate) use values;

/// A statement over a list of rows, JSON in `$2`, each a list of its own: the one form both engines can unfold. The macro that
/// writes it gets what stands before and after a text that is an id in hexadecimal, and the list under the name `t`.
macro_rules! over_list {
    ($text:ident) => {
        $crate::sql::Sql {
            sqlite: $text!("unhex(", ")", "json_each($2) t"),
            postgres: $text!("decode(", ", 'hex')", "json_array_elements(CAST($2 AS json)) AS t(value)"),
        }
    };
}
pub(crate) use over_list;

/// The commonest of such statements: about the rows whose column, the last word of the first text, is in the list.
macro_rules! among {
    ($before:literal, $after:literal) => {
        $crate::sql::Sql {
            sqlite: concat!($before, " IN (SELECT unhex(t.value ->> 0) FROM json_each($2) t)", $after),
            postgres: concat!(
                $before,
                " IN (SELECT decode(t.value ->> 0, 'hex') FROM json_array_elements(CAST($2 AS json)) AS t(value))",
                $after
            ),
        }
    };
}
pub(crate) use among;

/// The list of such a statement.
pub(crate) fn json_list<R: serde::Serialize>(rows: impl Iterator<Item = R>) -> Result<String> {
    let rows: Vec<R> = rows.collect();
    serde_json::to_string(&rows).map_err(|e| Error::Internal(e.to_string()))
}

/// A row of an answer. Columns are read by their place in the `SELECT`.
pub(crate) enum Row {
    Sqlite(Cells),
    Postgres(PgRow),
}

macro_rules! column {
    ($self:ident, $index:ident, $of_sqlite:ident, $type:ty) => {
        match $self {
            Row::Sqlite(cells) => cells.$of_sqlite($index),
            Row::Postgres(row) => row.try_get::<$type, _>($index).map_err(Error::from),
        }
    };
}

impl Row {
    pub(crate) fn int(&self, index: usize) -> Result<i64> {
        self.opt_int(index)?.ok_or(Error::Damaged("a column that is never empty"))
    }

    pub(crate) fn opt_int(&self, index: usize) -> Result<Option<i64>> {
        column!(self, index, int, Option<i64>)
    }

    pub(crate) fn flag(&self, index: usize) -> Result<bool> {
        Ok(self.int(index)? != 0)
    }

    /// A text where it lies, for those that only look at it.
    pub(crate) fn str(&self, index: usize) -> Result<&str> {
        column!(self, index, text, Option<&str>)?.ok_or(Error::Damaged("a column that is never empty"))
    }

    pub(crate) fn text(&self, index: usize) -> Result<String> {
        self.str(index).map(str::to_owned)
    }

    pub(crate) fn opt_text(&self, index: usize) -> Result<Option<String>> {
        Ok(column!(self, index, text, Option<&str>)?.map(str::to_owned))
    }

    fn opt_slice(&self, index: usize) -> Result<Option<&[u8]>> {
        column!(self, index, bytes, Option<&[u8]>)
    }

    pub(crate) fn bytes(&self, index: usize) -> Result<Vec<u8>> {
        self.opt_bytes(index)?.ok_or(Error::Damaged("a column that is never empty"))
    }

    pub(crate) fn opt_bytes(&self, index: usize) -> Result<Option<Vec<u8>>> {
        Ok(self.opt_slice(index)?.map(<[u8]>::to_vec))
    }

    pub(crate) fn moment(&self, index: usize) -> Result<mail::Timestamp> {
        Ok(mail::Timestamp::from_millis(self.int(index)?))
    }

    pub(crate) fn opt_moment(&self, index: usize) -> Result<Option<mail::Timestamp>> {
        Ok(self.opt_int(index)?.map(mail::Timestamp::from_millis))
    }

    pub(crate) fn modseq(&self, index: usize) -> Result<mail::ModSeq> {
        Ok(mail::ModSeq(self.int(index)?))
    }

    pub(crate) fn id<I: FromBytes>(&self, index: usize) -> Result<I> {
        self.opt_id(index)?.ok_or(Error::Damaged("a column that is never empty"))
    }

    pub(crate) fn opt_id<I: FromBytes>(&self, index: usize) -> Result<Option<I>> {
        let bytes = self.opt_slice(index)?;
        bytes.map(|bytes| I::try_from(bytes).map_err(|_| Error::Damaged("an id column"))).transpose()
    }
}

/// A connection to either engine, with a statement cache of its own. SQLite's statements run where they are asked, on the caller's thread:
/// they are shorter than the way to another thread and back.
pub(crate) enum Conn {
    Sqlite(rusqlite::Connection),
    SqlitePooled(Pooled),
    Postgres(sqlx::pool::PoolConnection<Postgres>),
}

/// What an engine said instead of an answer.
#[derive(Debug)]
pub(crate) enum Fault {
    Sqlite(rusqlite::Error),
    Postgres(sqlx::Error),
}

type Answer<T> = std::result::Result<T, Fault>;

macro_rules! bound {
    ($sql:expr, $values:expr) => {{
        let mut query = sqlx::query::<Postgres>($sql);
        for value in $values {
            query = match value {
                Value::Int(v) => query.bind(*v),
                Value::Text(v) => query.bind(*v),
                Value::Bytes(v) => query.bind(*v),
            };
        }
        query
    }};
}

/// What SQLite answered. A long row of short statements is no reason to let others wait.
async fn in_turn<T>(answer: T) -> T {
    tokio::task::consume_budget().await;
    answer
}

impl Conn {
    /// SQLite's connection, or PostgreSQL's.
    fn engine(&mut self) -> std::result::Result<&rusqlite::Connection, &mut sqlx::PgConnection> {
        match self {
            Self::Sqlite(conn) => Ok(conn),
            Self::SqlitePooled(conn) => Ok(conn),
            Self::Postgres(conn) => Err(conn),
        }
    }

    /// Runs a statement and says how many rows it touched.
    pub(crate) async fn exec(&mut self, sql: Sql, values: &[Value<'_>]) -> Answer<u64> {
        match self.engine() {
            Ok(conn) => sqlite::exec(conn, sql.sqlite, values).map_err(Fault::Sqlite),
            Err(conn) => {
                let done = bound!(sql.postgres, values).execute(conn).await;
                done.map(|done| done.rows_affected()).map_err(Fault::Postgres)
            }
        }
    }

    /// Runs a query and takes all its rows; the statement itself bounds them.
    pub(crate) async fn rows(&mut self, sql: Sql, values: &[Value<'_>]) -> Answer<Vec<Row>> {
        match self.engine() {
            Ok(conn) => {
                let rows = sqlite::rows(conn, sql.sqlite, values).map_err(Fault::Sqlite);
                in_turn(rows).await
            }
            Err(conn) => {
                let rows = bound!(sql.postgres, values).fetch_all(conn).await.map_err(Fault::Postgres)?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// Runs a query whose text was composed of our own literals, and takes all its rows. Every value is a parameter.
    pub(crate) async fn rows_composed(&mut self, sql: String, values: &[Value<'_>]) -> Answer<Vec<Row>> {
        match self.engine() {
            Ok(conn) => {
                let rows = sqlite::rows(conn, &sql, values).map_err(Fault::Sqlite);
                in_turn(rows).await
            }
            Err(conn) => {
                let query = bound!(sqlx::AssertSqlSafe(sql), values);
                let rows = query.fetch_all(conn).await.map_err(Fault::Postgres)?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// Runs a script of several statements without parameters (migrations).
    pub(crate) async fn script(&mut self, sql: String) -> Answer<()> {
        match self.engine() {
            Ok(conn) => conn.execute_batch(&sql).map_err(Fault::Sqlite),
            // Here and in `rows_composed` statement text is not a literal: our own migration files with the engine's type names
            // put in, and searches, which the store writes from its own words.
            Err(conn) => {
                let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(conn).await;
                done.map(drop).map_err(Fault::Postgres)
            }
        }
    }
}
