//! Signed roots: kept only when they are roots of the tree that is here.

use mail::Timestamp;

use super::merkle::Hash;
use super::{Place, hash, number, place};
use crate::Tx;
use crate::error::{Error, Result};
use crate::sql::{Row, values};

/// A signed root.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Which tree.
    pub shard_no: i64,
    /// Leaves in the tree.
    pub tree_size: u64,
    /// Its root.
    pub root: Hash,
    /// The signed note (C2SP tlog-checkpoint), with any number of cosignatures.
    pub note: String,
    /// The RFC 3161 timestamp over the note's text, when there is one.
    pub timestamp_token: Option<Vec<u8>>,
    /// When it was signed.
    pub signed_at: Timestamp,
}

macro_rules! select_checkpoint {
    ($tail:literal) => {
        concat!(
            "SELECT c.shard_no, c.tree_size, c.root, c.note, c.timestamp_token, c.signed_at FROM ledger_checkpoint c ",
            $tail
        )
    };
}

fn checkpoint(row: &Row) -> Result<Checkpoint> {
    Ok(Checkpoint {
        shard_no: row.int(0)?,
        tree_size: number(row.int(1)?)?,
        root: hash(row.bytes(2)?)?,
        note: row.text(3)?,
        timestamp_token: row.opt_bytes(4)?,
        signed_at: row.moment(5)?,
    })
}

impl Tx {
    /// Keeps a signed root. One of another tree than the one that is here is refused, so a node that has seen something else
    /// (a copy, a database put back from yesterday) never publishes it: no two trees of one size are signed.
    pub async fn put_checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let shard = self.shard(checkpoint.shard_no).await?.ok_or(Error::NotFound("the shard"))?;
        let is_ours = checkpoint.tree_size <= shard.tree_size
            && self.root_at(checkpoint.shard_no, checkpoint.tree_size).await? == checkpoint.root;
        if !is_ours {
            return Err(Error::Refused("the checkpoint is of another tree"));
        }
        self.exec(
            "INSERT INTO ledger_checkpoint (shard_no, tree_size, root, note, timestamp_token, signed_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (shard_no, tree_size) DO NOTHING",
            values![
                checkpoint.shard_no,
                place(checkpoint.tree_size)?,
                &checkpoint.root,
                &checkpoint.note,
                checkpoint.timestamp_token.as_deref(),
                checkpoint.signed_at
            ],
        )
        .await
        .map(drop)
    }

    async fn one_checkpoint(
        &mut self,
        sql: &'static str,
        values: &[crate::sql::Value<'_>],
    ) -> Result<Option<Checkpoint>> {
        let row = self.row(sql, values).await?;
        row.as_ref().map(checkpoint).transpose()
    }

    /// The newest signed root of all.
    pub async fn newest_checkpoint(&mut self) -> Result<Option<Checkpoint>> {
        self.one_checkpoint(select_checkpoint!("ORDER BY c.shard_no DESC, c.tree_size DESC LIMIT 1"), &[])
            .await
    }

    /// A tree's newest signed root.
    pub async fn newest_checkpoint_of(&mut self, shard_no: i64) -> Result<Option<Checkpoint>> {
        let sql = select_checkpoint!("WHERE c.shard_no = $1 ORDER BY c.tree_size DESC LIMIT 1");
        self.one_checkpoint(sql, values![shard_no]).await
    }

    /// The signed root of a tree of just so many leaves.
    pub async fn checkpoint_at(&mut self, shard_no: i64, size: u64) -> Result<Option<Checkpoint>> {
        let sql = select_checkpoint!("WHERE c.shard_no = $1 AND c.tree_size = $2");
        self.one_checkpoint(sql, values![shard_no, place(size)?]).await
    }

    /// The signed root that says most about a leaf: the first one with a timestamp that covers it, or else the newest.
    pub async fn checkpoint_for(&mut self, leaf: Place) -> Result<Option<Checkpoint>> {
        let sql = select_checkpoint!(
            "WHERE c.shard_no = $1 AND c.tree_size > $2 AND c.timestamp_token IS NOT NULL ORDER BY c.tree_size LIMIT 1"
        );
        match self.one_checkpoint(sql, values![leaf.shard_no, place(leaf.index)?]).await? {
            Some(stamped) => Ok(Some(stamped)),
            None => {
                let newest = self.newest_checkpoint_of(leaf.shard_no).await?;
                Ok(newest.filter(|checkpoint| leaf.index < checkpoint.tree_size))
            }
        }
    }

    /// Signed roots of a tree with more than `size` leaves, smallest first.
    pub async fn checkpoints_after(
        &mut self,
        shard_no: i64,
        size: u64,
        limit: i64,
    ) -> Result<Vec<Checkpoint>> {
        let rows = self
            .rows(
                select_checkpoint!(
                    "WHERE c.shard_no = $1 AND c.tree_size > $2 ORDER BY c.tree_size LIMIT $3"
                ),
                values![shard_no, place(size)?, limit],
            )
            .await?;
        rows.iter().map(checkpoint).collect()
    }

    /// Signed roots of a tree that have a timestamp, smallest first.
    pub async fn stamped_checkpoints(
        &mut self,
        shard_no: i64,
        size: u64,
        limit: i64,
    ) -> Result<Vec<Checkpoint>> {
        let rows = self
            .rows(
                select_checkpoint!(
                    "WHERE c.shard_no = $1 AND c.tree_size > $2 AND c.timestamp_token IS NOT NULL \
                     ORDER BY c.tree_size LIMIT $3"
                ),
                values![shard_no, place(size)?, limit],
            )
            .await?;
        rows.iter().map(checkpoint).collect()
    }

    /// A signed root that wants a timestamp: the newest of its tree, without one. Closed trees come first.
    pub async fn checkpoint_to_stamp(&mut self) -> Result<Option<Checkpoint>> {
        let sql = select_checkpoint!(
            "WHERE c.timestamp_token IS NULL AND c.tree_size = \
             (SELECT MAX(m.tree_size) FROM ledger_checkpoint m WHERE m.shard_no = c.shard_no) \
             ORDER BY c.shard_no LIMIT 1"
        );
        self.one_checkpoint(sql, &[]).await
    }

    /// Keeps the timestamp over a signed root's text; the first one stays.
    pub async fn put_timestamp(&mut self, shard_no: i64, size: u64, token: &[u8]) -> Result<()> {
        self.exec(
            "UPDATE ledger_checkpoint SET timestamp_token = $3 \
             WHERE shard_no = $1 AND tree_size = $2 AND timestamp_token IS NULL",
            values![shard_no, place(size)?, token],
        )
        .await
        .map(drop)
    }
}
