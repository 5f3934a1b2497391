//! Filling an empty database.

use std::sync::Arc;

use mail::{Chance, ModSeq, Timestamp};
use object_store::ObjectStoreExt;
use sqlx::ConnectOptions;

use super::tables::Kind;
use super::{Cell, KeptBlob, Table};
use crate::blobs::object_path;
use crate::engine::Tx;
use crate::error::{Error, Result};
use crate::sql::{Conn, Row, Value, values};
use crate::{Audit, Limits, PeerState, Place, Shared, Store, migrate};

/// Rows in one statement.
const ROWS_AT_ONCE: usize = 64;
/// Parameters in one statement; SQLite takes 32,766.
const VALUES_AT_ONCE: usize = 8_000;
/// Bytes in one statement.
const BYTES_AT_ONCE: usize = 4 * 1024 * 1024;
/// Rows in one transaction on SQLite: the log before the database stays small. Nobody uses the file before it is whole.
const ROWS_A_COMMIT: usize = 20_000;
/// How far the changes of accounts are moved on: further than any account went after the snapshot.
const GAP: i64 = 1_000_000_000;

/// The setting that says what a house was restored from.
pub const RESTORED: &str = "restored";

/// The setting with the first state of accounts that means anything, once a house was restored.
const FIRST_STATE: &str = "first state";

/// What a restored house goes on from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// The number that each series of a book gives next: agency, book and year; number.
    pub books: Vec<(String, i64)>,
    /// Rows that wait in the outbox.
    pub outbox: i64,
    /// Accounts.
    pub accounts: i64,
}

/// An empty database being filled. On PostgreSQL all of it is one transaction.
pub struct Loading {
    tx: Tx,
    tables: Vec<Table>,
    uncommitted: usize,
}

impl Loading {
    /// Makes the schema as it was when the snapshot was made.
    ///
    /// # Errors
    /// [`Error::Refused`] when the database is not empty, or the schema is newer than this program.
    pub async fn begin(
        config: crate::Config,
        schema: i64,
        chance: Arc<dyn Chance>,
        now: Timestamp,
    ) -> Result<Self> {
        if schema > migrate::newest() || schema < 1 {
            return Err(Error::Refused("the backup belongs to a newer version of congvan"));
        }
        let shared = Arc::new(Shared::new(&config, chance, None)?);
        let conn = connect(&config.place, &shared.limits).await?;
        let mut tx = Tx::new(conn, shared);
        if !tx.is_database_empty().await? {
            return Err(Error::Refused("the database to restore into is not empty"));
        }
        migrate::migrate_to(tx.conn_mut(), schema, now).await?;
        tx.exec(begin_of(&tx), &[]).await?;
        let tables = tx.backed_up_tables().await?;
        // Migrations put in rows of their own; those of the snapshot take their places.
        for table in &tables {
            tx.rows_composed(format!("DELETE FROM \"{}\"", table.name), &[]).await?;
        }
        Ok(Self { tx, tables, uncommitted: 0 })
    }

    /// Puts rows of a table in.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a table or a column that this schema does not have.
    pub async fn rows(&mut self, table: &str, columns: &[String], rows: &[Vec<Cell>]) -> Result<()> {
        let table = self.tables.iter().find(|known| known.name == table).cloned();
        let table = table.ok_or(Error::Damaged("a table that this schema does not have"))?;
        let place = |name: &String| table.columns.iter().position(|(known, _)| known == name);
        let places: Option<Vec<usize>> = columns.iter().map(place).collect();
        let places = places.filter(|places| places.len() == table.columns.len());
        let places = places.ok_or(Error::Damaged("a table with other columns than this schema's"))?;
        let mut rest = rows;
        while !rest.is_empty() {
            let count = at_once(rest, places.len());
            let (some, others) = rest.split_at(count);
            self.insert(&table, &places, some).await?;
            rest = others;
            self.step(count).await?;
        }
        Ok(())
    }

    async fn insert(&mut self, table: &Table, places: &[usize], rows: &[Vec<Cell>]) -> Result<()> {
        let mut values = Vec::with_capacity(rows.len() * places.len());
        for row in rows {
            if row.len() != places.len() {
                return Err(Error::Damaged("a row of another length"));
            }
            for (cell, place) in row.iter().zip(places) {
                let kind = table.columns.get(*place).map(|(_, kind)| *kind);
                values.push(typed(cell, kind)?);
            }
        }
        let names = table.names(places.iter().copied());
        let overriding = if self.tx.is_postgres() { " OVERRIDING SYSTEM VALUE" } else { "" };
        let mut number = 0;
        let lists: Vec<String> = rows
            .iter()
            .map(|_| {
                let list: Vec<String> = places
                    .iter()
                    .map(|_| {
                        number += 1;
                        format!("${number}")
                    })
                    .collect();
                format!("({})", list.join(", "))
            })
            .collect();
        let sql = format!("INSERT INTO \"{}\" ({names}){overriding} VALUES {}", table.name, lists.join(", "));
        self.tx.rows_composed(sql, &values).await.map(drop)
    }

    /// Puts a blob in: its row, and its bytes where they lay.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the disk does not take it.
    pub async fn blob(&mut self, blob: &KeptBlob, sealed: Vec<u8>) -> Result<()> {
        if i64::try_from(sealed.len()) != Ok(blob.stored_size) {
            return Err(Error::Damaged("a blob is not as long as it was"));
        }
        // The file before the row, as always.
        if blob.is_object {
            let path = object_path(blob.owner, blob.blob_id, blob.key_no);
            let put = self.tx.shared.objects.put(&path, sealed.into()).await;
            put.map_err(|e| Error::Unavailable(e.to_string()))?;
        } else {
            self.tx
                .exec(
                    "INSERT INTO blob_bytes (owner_id, blob_id, sealed) VALUES ($1, $2, $3)",
                    values![&blob.owner, &blob.blob_id, &sealed],
                )
                .await?;
        }
        self.tx
            .exec(
                "INSERT INTO blob (owner_id, blob_id, key_no, size, stored_size, is_object, segments, refs, created_at, hold_until) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                values![
                    &blob.owner,
                    &blob.blob_id,
                    blob.key_no,
                    blob.size,
                    blob.stored_size,
                    blob.is_object,
                    blob.segments,
                    blob.refs,
                    blob.created_at,
                    blob.hold_until
                ],
            )
            .await?;
        self.step(1).await
    }

    async fn step(&mut self, rows: usize) -> Result<()> {
        self.uncommitted += rows;
        if self.uncommitted < ROWS_A_COMMIT || self.tx.is_postgres() {
            return Ok(());
        }
        self.uncommitted = 0;
        self.tx.exec("COMMIT", &[]).await?;
        self.tx.exec(begin_of(&self.tx), &[]).await.map(drop)
    }

    /// Holds back what would leave the house: it may have left after the snapshot. Mail waits until it is released, lines to other axes
    /// until they are resumed.
    ///
    /// # Errors
    /// The engine's; then nothing is to be used.
    pub async fn hold_back(&mut self) -> Result<()> {
        self.tx.exec("UPDATE outbox SET is_held = 1 WHERE kind = 'mail'", &[]).await?;
        let paused = PeerState::Paused.as_str();
        self.tx.exec("UPDATE peer SET state = $1", values![paused]).await.map(drop)
    }

    /// Says what the house goes on from, remembers which backup it comes `from` and what is `said` of it, makes clients ask anew for what they may have seen after the snapshot, and commits.
    ///
    /// # Errors
    /// The engine's; then nothing is to be used.
    pub async fn finish(
        mut self,
        numbers_given: &[(String, i64)],
        from: &str,
        said: &str,
        now: Timestamp,
    ) -> Result<Restored> {
        for (name, given) in numbers_given {
            if let Some(table) = self.tables.iter().find(|table| table.name == *name) {
                self.tx.set_number_given(table, *given).await?;
            }
        }
        let tx = &mut self.tx;
        tx.forget_what_clients_saw(now).await?;
        tx.set_setting(RESTORED, said.as_bytes()).await?;
        tx.audit(crate::NOBODY, now, "restore", Audit::BackupRestored, from, "").await?;
        let restored = tx.goes_on_from().await?;
        tx.exec("COMMIT", &[]).await?;
        self.tx.close().await?;
        Ok(restored)
    }
}

impl Store {
    /// The first state of any account that means anything: what clients remember of an earlier one they saw in a house that was
    /// since restored from a backup (RFC 8620 §5.2).
    pub fn first_state(&self) -> ModSeq {
        self.shared.first_state.get().copied().unwrap_or(ModSeq(0))
    }

    /// Reads it, once at the opening.
    pub(crate) async fn read_first_state(&self) -> Result<()> {
        let found: Result<_> =
            self.read((), |tx, ()| Box::pin(async move { tx.setting(FIRST_STATE).await })).await;
        let found: Option<Vec<u8>> = found?;
        let text = found.and_then(|text| String::from_utf8(text).ok());
        // Said once: nobody restores beneath an open store.
        let _ = self.shared.first_state.set(ModSeq(text.and_then(|text| text.parse().ok()).unwrap_or(0)));
        Ok(())
    }
}

impl Tx {
    async fn is_database_empty(&mut self) -> Result<bool> {
        let sql = match self.is_postgres() {
            true => "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema()",
            false => "SELECT COUNT(*) FROM sqlite_schema",
        };
        let row = self.row(sql, &[]).await?;
        Ok(row.map_or(Ok(0), |row| row.int(0))? == 0)
    }

    /// What was given out after the snapshot is lost, and its numbers are given anew: a client that knows them must not take
    /// the new for the old. Every mailbox gets another UIDVALIDITY, which no other of its account has or had, and its messages keep their UIDs
    /// (RFC 9051 §2.3.1.1); and no state of before is a state any more (RFC 8620 §5.2).
    async fn forget_what_clients_saw(&mut self, now: Timestamp) -> Result<()> {
        self.exec(
            "UPDATE account SET uid_validity = CASE WHEN uid_validity >= $1 THEN uid_validity ELSE $1 END",
            values![now.secs()],
        )
        .await?;
        self.exec(
            "UPDATE mailbox SET uid_validity = (SELECT a.uid_validity FROM account a WHERE a.account_id = mailbox.account_id) + \
             (SELECT COUNT(*) FROM mailbox m WHERE m.account_id = mailbox.account_id AND m.mailbox_id <= mailbox.mailbox_id)",
            &[],
        )
        .await?;
        self.exec(
            "UPDATE account SET uid_validity = uid_validity + \
             (SELECT COUNT(*) FROM mailbox m WHERE m.account_id = account.account_id)",
            &[],
        )
        .await?;
        let newest = self.row("SELECT COALESCE(MAX(modseq), 0) FROM account", &[]).await?;
        let first = newest.map_or(Ok(0), |row| row.int(0))?.saturating_add(GAP);
        self.exec("UPDATE account SET modseq = $1", values![first]).await?;
        self.set_setting(FIRST_STATE, first.to_string().as_bytes()).await
    }

    async fn goes_on_from(&mut self) -> Result<Restored> {
        let series = self
            .rows(
                "SELECT COALESCE((SELECT v.code FROM agency_version v WHERE v.agency_id = s.agency_id \
                 ORDER BY v.recorded_at DESC, v.valid_from DESC LIMIT 1), ''), s.book, s.year, s.next_number \
                 FROM book_series s ORDER BY s.year DESC, 1, 2 LIMIT 1000",
                &[],
            )
            .await?;
        let name =
            |row: &Row| Ok((format!("{} {} {}", row.text(0)?, row.text(1)?, row.int(2)?), row.int(3)?));
        let books = series.iter().map(name).collect::<Result<Vec<_>>>()?;
        let outbox = self.row("SELECT COUNT(*) FROM outbox", &[]).await?.map_or(Ok(0), |row| row.int(0))?;
        let accounts =
            self.row("SELECT COUNT(*) FROM account", &[]).await?.map_or(Ok(0), |row| row.int(0))?;
        Ok(Restored { books, outbox, accounts })
    }
}

fn begin_of(tx: &Tx) -> &'static str {
    if tx.is_postgres() { "BEGIN" } else { "BEGIN IMMEDIATE" }
}

/// How many of the rows go into one statement.
fn at_once(rows: &[Vec<Cell>], columns: usize) -> usize {
    let most = ROWS_AT_ONCE.min(VALUES_AT_ONCE / columns.max(1)).max(1);
    let mut bytes = 0;
    let mut count = 0;
    for row in rows.iter().take(most) {
        bytes += row.iter().map(Cell::weight).sum::<usize>();
        if count > 0 && bytes > BYTES_AT_ONCE {
            break;
        }
        count += 1;
    }
    count
}

/// PostgreSQL wants a type even for nothing.
fn typed(cell: &Cell, kind: Option<Kind>) -> Result<Value<'_>> {
    match (cell, kind) {
        (Cell::Null, Some(Kind::Int)) => Ok(Value::Int(None)),
        (Cell::Null, Some(Kind::Text)) => Ok(Value::Text(None)),
        (Cell::Null, Some(Kind::Bytes)) => Ok(Value::Bytes(None)),
        (Cell::Int(_), Some(Kind::Int))
        | (Cell::Text(_), Some(Kind::Text))
        | (Cell::Bytes(_), Some(Kind::Bytes)) => Ok(cell.value()),
        _ => Err(Error::Damaged("a cell of another kind than its column")),
    }
}

async fn connect(place: &Place, limits: &Limits) -> Result<Conn> {
    match place {
        Place::Sqlite(file) => Ok(Conn::Sqlite(crate::sqlite::open_to_write(file, limits.busy_timeout)?)),
        Place::Postgres(url) => {
            let options: sqlx::postgres::PgConnectOptions = url.expose_secret().parse()?;
            let options = options.application_name("congvan restore").disable_statement_logging();
            let pool = sqlx::postgres::PgPoolOptions::new().max_connections(1);
            let pool = pool.acquire_timeout(limits.busy_timeout).connect_with(options).await?;
            Ok(Conn::Postgres(pool.acquire().await?))
        }
    }
}
