//! SQLite's side of the layer: how its connections are opened, shared and asked.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::types::Value as Cell;
use rusqlite::{CachedStatement, Connection, OpenFlags};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};
use crate::sql::{Row, Value};

/// Statements of a connection that are kept prepared.
const STATEMENTS_MAX: usize = 512;

/// Opens the database to write, and makes it when it is not there.
pub(crate) fn open_to_write(file: &Path, busy_timeout: Duration) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(file, OpenFlags::default())?;
    conn.busy_timeout(busy_timeout)?;
    // FULL: a commit is on the disk before it returns.
    conn.execute_batch("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    prepare(&conn)?;
    Ok(conn)
}

/// Opens the database to read.
pub(crate) fn open_to_read(file: &Path, busy_timeout: Duration) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.busy_timeout(busy_timeout)?;
    prepare(&conn)?;
    Ok(conn)
}

fn prepare(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    conn.execute_batch(
        "PRAGMA foreign_keys = ON; PRAGMA cache_size = -65536; PRAGMA mmap_size = 268435456; PRAGMA wal_autocheckpoint = 4000;",
    )
}

/// The connections that read, opened when they are wanted.
pub(crate) struct Readers {
    file: PathBuf,
    busy_timeout: Duration,
    free: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    /// At most so many at once.
    pub(crate) fn new(file: PathBuf, connections_max: u32, busy_timeout: Duration) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(connections_max as usize));
        Arc::new(Self { file, busy_timeout, free: Mutex::default(), permits })
    }

    /// A connection, as soon as one is free.
    pub(crate) async fn acquire(self: &Arc<Self>) -> Result<Pooled> {
        let permit = tokio::time::timeout(self.busy_timeout, self.permits.clone().acquire_owned()).await;
        let permit = permit.map_err(|_| Error::Busy)?.map_err(|_| Error::Busy)?;
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let conn = match free {
            Some(conn) => conn,
            None => open_to_read(&self.file, self.busy_timeout)?,
        };
        Ok(Pooled { conn, readers: self.clone(), _permit: permit })
    }
}

/// A connection out of [`Readers`]. Whoever drops it closes it; whoever leaves it as it came gives it back.
pub(crate) struct Pooled {
    conn: Connection,
    readers: Arc<Readers>,
    _permit: OwnedSemaphorePermit,
}

impl Pooled {
    /// Gives it back: no transaction is open in it.
    pub(crate) fn give_back(self) {
        self.readers.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.conn);
    }
}

impl Deref for Pooled {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.conn
    }
}

/// Runs a statement and says how many rows it touched.
pub(crate) fn exec(conn: &Connection, sql: &str, values: &[Value<'_>]) -> rusqlite::Result<u64> {
    let mut statement = bound(conn, sql, values)?;
    let mut rows = statement.raw_query();
    while rows.next()?.is_some() {}
    Ok(conn.changes())
}

/// Runs a query and takes all its rows.
pub(crate) fn rows(conn: &Connection, sql: &str, values: &[Value<'_>]) -> rusqlite::Result<Vec<Row>> {
    let mut statement = bound(conn, sql, values)?;
    let columns = statement.column_count();
    let mut rows = statement.raw_query();
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let cells = (0..columns).map(|index| row.get::<_, Cell>(index)).collect::<rusqlite::Result<_>>()?;
        all.push(Row::Sqlite(Cells(cells)));
    }
    Ok(all)
}

/// A statement with its parameters. To SQLite `$2` is a name like any other: whoever is named first comes first.
fn bound<'c>(conn: &'c Connection, sql: &str, values: &[Value<'_>]) -> rusqlite::Result<CachedStatement<'c>> {
    let mut statement = conn.prepare_cached(sql)?;
    for place in 1..=statement.parameter_count() {
        let name = statement.parameter_name(place).and_then(|name| name.strip_prefix('$'));
        let number = name.and_then(|number| number.parse::<usize>().ok());
        let value = number.and_then(|number| values.get(number.checked_sub(1)?));
        match value.ok_or(rusqlite::Error::InvalidParameterCount(values.len(), place))? {
            Value::Int(value) => statement.raw_bind_parameter(place, value)?,
            Value::Text(value) => statement.raw_bind_parameter(place, value)?,
            Value::Bytes(value) => statement.raw_bind_parameter(place, value)?,
        }
    }
    Ok(statement)
}

/// A row that was read.
pub(crate) struct Cells(Box<[Cell]>);

impl Cells {
    pub(crate) fn int(&self, index: usize) -> Result<Option<i64>> {
        match self.0.get(index) {
            Some(Cell::Integer(value)) => Ok(Some(*value)),
            Some(Cell::Null) => Ok(None),
            other => Err(unlike(index, other)),
        }
    }

    pub(crate) fn text(&self, index: usize) -> Result<Option<&str>> {
        match self.0.get(index) {
            Some(Cell::Text(value)) => Ok(Some(value)),
            Some(Cell::Null) => Ok(None),
            other => Err(unlike(index, other)),
        }
    }

    pub(crate) fn bytes(&self, index: usize) -> Result<Option<&[u8]>> {
        match self.0.get(index) {
            Some(Cell::Blob(value)) => Ok(Some(value)),
            Some(Cell::Null) => Ok(None),
            other => Err(unlike(index, other)),
        }
    }
}

/// A fault of ours: the statement does not answer what is read.
fn unlike(index: usize, found: Option<&Cell>) -> Error {
    let kind = found.map_or("nothing".to_owned(), |cell| cell.data_type().to_string());
    Error::Internal(format!("column {index} holds {kind}"))
}

/// How SQLite would run a statement, step by step.
#[cfg(test)]
pub(crate) fn plan(conn: &Connection, sql: &str) -> Vec<String> {
    let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let steps = statement.raw_query().mapped(|row| row.get("detail")).collect::<rusqlite::Result<_>>();
    steps.unwrap()
}
