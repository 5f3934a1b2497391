//! Reading everything on one view.

use mail::{BlobId, OwnerId};
use object_store::ObjectStoreExt;

use super::{Cell, Table};
use crate::blobs::{object_path, unread};
use crate::engine::OpenTx;
use crate::error::{Error, Result};
use crate::ledger::{Checkpoint, Shard};
use crate::sql::{Row, Value, values};
use crate::{Shared, Store};

/// Rows read at a time.
const ROWS: i64 = 256;

/// One view of everything, as it was when [`Store::snapshot`] was called, whatever is written meanwhile.
pub struct Snapshot {
    open: OpenTx,
    tables: Vec<Table>,
    schema: i64,
    shared: std::sync::Arc<Shared>,
}

/// A blob's row, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptBlob {
    /// Its owner.
    pub owner: OwnerId,
    /// Its name.
    pub blob_id: BlobId,
    /// Which of the owner's keys it is sealed with.
    pub key_no: i64,
    /// Length before compression, bytes.
    pub size: i64,
    /// Length as it lies there, bytes.
    pub stored_size: i64,
    /// Whether it lies in a file.
    pub is_object: bool,
    /// How many segments it was sealed in; 0: in one piece.
    pub segments: i64,
    /// How many refer to it.
    pub refs: i64,
    /// When it came, milliseconds.
    pub created_at: i64,
    /// Until when it stays whoever refers to it, milliseconds.
    pub hold_until: Option<i64>,
}

impl KeptBlob {
    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            owner: row.id(0)?,
            blob_id: row.id(1)?,
            key_no: row.int(2)?,
            size: row.int(3)?,
            stored_size: row.int(4)?,
            is_object: row.flag(5)?,
            segments: row.int(6)?,
            refs: row.int(7)?,
            created_at: row.int(8)?,
            hold_until: row.opt_int(9)?,
        })
    }
}

impl Store {
    /// Begins a view of everything. It holds one connection for reading until it is dropped.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        let mut open = self.open_view().await?;
        let tx = open.tx();
        let schema = tx.row("SELECT COALESCE(MAX(number), 0) FROM migration", &[]).await?;
        let schema = schema.map_or(Ok(0), |row| row.int(0))?;
        let tables = tx.backed_up_tables().await?;
        Ok(Snapshot { open, tables, schema, shared: self.shared.clone() })
    }
}

impl Snapshot {
    /// The number of the schema.
    pub fn schema(&self) -> i64 {
        self.schema
    }

    /// The tables whose rows [`Snapshot::page`] reads.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The highest number that each table with numbers of its own has given.
    ///
    /// # Errors
    /// The engine's.
    pub async fn numbers_given(&mut self) -> Result<Vec<(String, i64)>> {
        self.open.tx().numbers_given().await
    }

    /// The ledger's trees, and each one's newest checkpoint.
    ///
    /// # Errors
    /// The engine's.
    pub async fn trees(&mut self) -> Result<Vec<(Shard, Option<Checkpoint>)>> {
        let tx = self.open.tx();
        let mut trees = Vec::new();
        for shard in tx.shards().await? {
            let newest = tx.newest_checkpoint_of(shard.shard_no).await?;
            trees.push((shard, newest));
        }
        Ok(trees)
    }

    /// The next rows of a table in the order of its key, after the row given; none at the end.
    ///
    /// # Errors
    /// The engine's.
    pub async fn page(&mut self, table: &Table, after: Option<&[Cell]>) -> Result<Vec<Vec<Cell>>> {
        let key = table.names(table.keys.iter().copied());
        let columns = table.names(0..table.columns.len());
        let mut sql = format!("SELECT {columns} FROM \"{}\"", table.name);
        let mut values: Vec<Value<'_>> = Vec::new();
        if let Some(row) = after {
            values = table.key_of(row).into_iter().map(Cell::value).collect();
            let places: Vec<String> = (1..=values.len()).map(|n| format!("${n}")).collect();
            sql.push_str(&format!(" WHERE ({key}) > ({})", places.join(", ")));
        }
        sql.push_str(&format!(" ORDER BY {key} LIMIT {ROWS}"));
        let rows = self.open.tx().rows_composed(sql, &values).await?;
        let cells = |row: &Row| {
            let cells = table.columns.iter().enumerate().map(|(index, (_, kind))| kind.cell(row, index));
            cells.collect::<Result<Vec<_>>>()
        };
        rows.iter().map(cells).collect()
    }

    /// The next blobs in order of owner and name; none at the end.
    ///
    /// # Errors
    /// The engine's.
    pub async fn blobs(&mut self, after: Option<(OwnerId, BlobId)>) -> Result<Vec<KeptBlob>> {
        macro_rules! select {
            ($tail:literal) => {
                concat!(
                    "SELECT owner_id, blob_id, key_no, size, stored_size, is_object, segments, refs, created_at, hold_until FROM blob ",
                    $tail
                )
            };
        }
        let tx = self.open.tx();
        let rows = match &after {
            None => tx.rows(select!("ORDER BY owner_id, blob_id LIMIT $1"), values![ROWS]).await?,
            Some((owner, blob_id)) => {
                tx.rows(
                    select!("WHERE (owner_id, blob_id) > ($1, $2) ORDER BY owner_id, blob_id LIMIT $3"),
                    values![owner, blob_id, ROWS],
                )
                .await?
            }
        };
        rows.iter().map(KeptBlob::read).collect()
    }

    /// A blob's bytes as they lie there, sealed.
    ///
    /// # Errors
    /// [`Error::Damaged`] when they are not there, or not as long as the row says.
    pub async fn sealed(&mut self, blob: &KeptBlob) -> Result<Vec<u8>> {
        let bytes = match blob.is_object {
            true => {
                let path = object_path(blob.owner, blob.blob_id, blob.key_no);
                let file = self.shared.objects.get(&path).await.map_err(unread)?;
                file.bytes().await.map_err(unread)?.to_vec()
            }
            false => {
                let row = self
                    .open
                    .tx()
                    .row(
                        "SELECT sealed FROM blob_bytes WHERE owner_id = $1 AND blob_id = $2",
                        values![&blob.owner, &blob.blob_id],
                    )
                    .await?;
                row.ok_or(Error::Damaged("a blob has no bytes"))?.bytes(0)?
            }
        };
        match i64::try_from(bytes.len()) == Ok(blob.stored_size) {
            true => Ok(bytes),
            false => Err(Error::Damaged("a blob is not as long as it was")),
        }
    }
}
