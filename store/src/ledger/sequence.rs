//! Leaves get their places. Whoever does this holds one row's lock to the end of the transaction, so that any number of
//! sequencers may run and the engine lets one work at a time, whatever their clocks say.

use mail::{OwnerId, Timestamp};

use super::merkle::{self, Hash, TILE_WIDTH};
use super::{CHAIN_LEAF, Checkpoint, Head, Shard, place};
use crate::error::{Error, Result};
use crate::sql::{Sql, values};
use crate::{Signal, Tx};

/// What a sequencer's turn came to.
#[derive(Clone, Debug, Default)]
pub struct Turn {
    /// A root that nobody has signed yet.
    pub unsigned: Option<Head>,
    /// Leaves in the tree that grows.
    pub tree_size: u64,
    /// Leaves taken in.
    pub taken: usize,
    /// There is more to do at once.
    pub more: bool,
}

/// Whose a log's own leaf is.
const NOBODY: OwnerId = OwnerId::from_bytes([0; 16]);
/// Later than any act.
const NO_BORDER: Timestamp = Timestamp::from_millis(i64::MAX);

/// The year on a calendar in Hà Nội.
fn year_of(now: Timestamp) -> i64 {
    i64::from(now.to_vietnam().year())
}

/// Its first moment, 00:00 +07:00.
fn year_begins(year: i64) -> Timestamp {
    Timestamp::parse_rfc3339(&format!("{year:04}-01-01T00:00:00+07:00")).unwrap_or(NO_BORDER)
}

impl Tx {
    /// Writes a leaf; it gets its place within a second.
    pub async fn append_leaf(
        &mut self,
        owner: impl Into<OwnerId>,
        subject_id: &[u8; 16],
        leaf: &[u8],
        record: &[u8],
        now: Timestamp,
    ) -> Result<()> {
        let owner = owner.into();
        let sql = Sql {
            sqlite: "INSERT INTO ledger_leaf (leaf, owner_id, subject_id, record, accepted_at) VALUES ($1, $2, $3, $4, $5)",
            // One trip to the engine: this stands in every act's transaction.
            postgres: "WITH l AS (INSERT INTO ledger_leaf (leaf, owner_id, subject_id, record, accepted_at) \
                       VALUES ($1, $2, $3, $4, $5) RETURNING seq, leaf, accepted_at) \
                       INSERT INTO ledger_waiting (seq, leaf, accepted_at) SELECT seq, leaf, accepted_at FROM l",
        };
        self.exec(sql, values![leaf, &owner, subject_id, record, now]).await?;
        if !self.is_postgres() {
            let waits =
                "INSERT INTO ledger_waiting (seq, leaf, accepted_at) VALUES (last_insert_rowid(), $1, $2)";
            self.exec(waits, values![leaf, now]).await?;
        }
        self.signals.insert(Signal::Ledger);
        Ok(())
    }

    /// Leaves that wait for a sequencer.
    pub async fn waiting_leaves(&mut self) -> Result<i64> {
        let row = self.row("SELECT COUNT(*) FROM ledger_waiting", &[]).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// Whether a sequencer has anything to do: leaves or events wait, a root is not signed, a year has ended.
    pub async fn has_to_sequence(&mut self, now: Timestamp) -> Result<bool> {
        let row = self
            .row(
                "SELECT CASE WHEN EXISTS (SELECT 1 FROM ledger_waiting) \
                 OR EXISTS (SELECT 1 FROM event WHERE place IS NULL) \
                 OR EXISTS (SELECT 1 FROM ledger_shard s WHERE s.closed_at IS NULL AND (s.shard_no < $1 OR NOT EXISTS \
                 (SELECT 1 FROM ledger_checkpoint c WHERE c.shard_no = s.shard_no AND c.tree_size = s.tree_size))) \
                 THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END",
                values![year_of(now)],
            )
            .await?;
        row.map_or(Ok(false), |row| row.flag(0))
    }

    /// A sequencer's turn: events and waiting leaves get their places, `limit` of each at most, and a year that has ended is
    /// closed. `log` is the log's name; a year's tree has it with the year behind it as its origin.
    ///
    /// Sign what comes back unsigned only after the commit.
    pub async fn sequence(&mut self, log: &str, now: Timestamp, limit: i64) -> Result<Turn> {
        self.exec(
            "INSERT INTO lease (name, holder, until) VALUES ('ledger sequencer', '', $1) \
             ON CONFLICT (name) DO UPDATE SET until = excluded.until",
            values![now],
        )
        .await?;
        let events = self.number_events(limit).await?;
        let mut turn = self.take_turn(log, now, limit).await?;
        turn.more |= events as i64 == limit;
        Ok(turn)
    }

    async fn take_turn(&mut self, log: &str, now: Timestamp, limit: i64) -> Result<Turn> {
        let year = year_of(now);
        match self.newest_shard().await?.filter(|shard| shard.closed_at.is_none()) {
            None => match self.row("SELECT seq FROM ledger_waiting LIMIT 1", &[]).await? {
                None => Ok(Turn::default()),
                Some(_) => {
                    let shard = self.open_shard(log, year, now).await?;
                    self.fill(shard, NO_BORDER, limit).await
                }
            },
            // A clock that went back a year opens nothing: closed trees stay closed.
            Some(shard) if shard.shard_no >= year => self.fill(shard, NO_BORDER, limit).await,
            Some(shard) => self.end_year(log, shard, year, now, limit).await,
        }
    }

    /// Takes in what was accepted before the year ended, has that signed, and opens the next tree with the last checkpoint as
    /// its first leaf. An act of the old year that is committed after that stands in the new tree.
    async fn end_year(
        &mut self,
        log: &str,
        shard: Shard,
        year: i64,
        now: Timestamp,
        limit: i64,
    ) -> Result<Turn> {
        let shard = self.named(shard, log).await?;
        // The tree from before there were years takes nothing more.
        let border = if shard.shard_no == 0 { Timestamp::from_millis(i64::MIN) } else { year_begins(year) };
        let turn = self.fill(shard.clone(), border, limit).await?;
        if turn.taken > 0 || turn.unsigned.is_some() {
            return Ok(Turn { more: true, ..turn });
        }
        let Some(last) = self.checkpoint_at(shard.shard_no, shard.tree_size).await? else {
            return Err(Error::Damaged("the ledger lacks a checkpoint"));
        };
        self.exec("UPDATE ledger_shard SET closed_at = $2 WHERE shard_no = $1", values![shard.shard_no, now])
            .await?;
        let next = self.open_shard(log, year, now).await?;
        let turn = self.begin_with(next, &last, now).await?;
        Ok(Turn { more: true, ..turn })
    }

    /// The tree from before there were years has the log's own name as its origin.
    async fn named(&mut self, shard: Shard, log: &str) -> Result<Shard> {
        if !shard.origin.is_empty() {
            return Ok(shard);
        }
        self.exec("UPDATE ledger_shard SET origin = $2 WHERE shard_no = $1", values![shard.shard_no, log])
            .await?;
        Ok(Shard { origin: log.to_owned(), ..shard })
    }

    async fn open_shard(&mut self, log: &str, year: i64, now: Timestamp) -> Result<Shard> {
        let origin = format!("{log}/{year}");
        self.exec(
            "INSERT INTO ledger_shard (shard_no, origin, tree_size, opened_at) VALUES ($1, $2, 0, $3)",
            values![year, &origin, now],
        )
        .await?;
        Ok(Shard { shard_no: year, origin, tree_size: 0, opened_at: now, closed_at: None, dropped_at: None })
    }

    async fn begin_with(&mut self, shard: Shard, last: &Checkpoint, now: Timestamp) -> Result<Turn> {
        let leaf = [&[CHAIN_LEAF], last.note.as_bytes()].concat();
        // Nobody's, and about nothing: it opens itself.
        let row = self
            .row(
                "INSERT INTO ledger_leaf (leaf, owner_id, subject_id, record, accepted_at) VALUES ($1, $2, $3, $4, $5) \
                 RETURNING seq",
                values![&leaf, &NOBODY, &[0; 16], &Vec::new(), now],
            )
            .await?;
        let seq = row.ok_or_else(|| Error::Internal("a leaf without a number".to_owned()))?.int(0)?;
        self.exec(
            "INSERT INTO ledger_place (seq, shard_no, leaf_index) VALUES ($1, $2, 0)",
            values![seq, shard.shard_no],
        )
        .await?;
        self.grown(shard, vec![merkle::leaf_hash(&leaf)]).await
    }

    /// Takes waiting leaves in, in order of writing.
    async fn fill(&mut self, shard: Shard, before: Timestamp, limit: i64) -> Result<Turn> {
        self.exec(
            "INSERT INTO ledger_place (seq, shard_no, leaf_index) \
             SELECT w.seq, CAST($1 AS BIGINT), CAST($2 AS BIGINT) + ROW_NUMBER() OVER (ORDER BY w.seq) - 1 FROM \
             (SELECT seq FROM ledger_waiting WHERE accepted_at < $3 ORDER BY seq LIMIT $4) w",
            values![shard.shard_no, place(shard.tree_size)?, before, limit],
        )
        .await?;
        let rows = self
            .rows(
                "DELETE FROM ledger_waiting WHERE seq IN \
                 (SELECT seq FROM ledger_place WHERE shard_no = $1 AND leaf_index >= $2) RETURNING seq, leaf",
                values![shard.shard_no, place(shard.tree_size)?],
            )
            .await?;
        let mut taken = Vec::with_capacity(rows.len());
        for row in &rows {
            taken.push((row.int(0)?, merkle::leaf_hash(&row.bytes(1)?)));
        }
        taken.sort_unstable();
        let turn = self.grown(shard, taken.into_iter().map(|(_, hash)| hash).collect()).await?;
        Ok(Turn { more: turn.taken as i64 == limit, ..turn })
    }

    /// Grows a tree, and says whether its root waits for a signature: also one that a sequencer left behind that died.
    async fn grown(&mut self, shard: Shard, hashes: Vec<Hash>) -> Result<Turn> {
        let taken = hashes.len();
        let tree_size = shard.tree_size + taken as u64;
        if taken > 0 {
            self.grow(shard.shard_no, shard.tree_size, hashes).await?;
            // The fence: nobody else may have grown it meanwhile.
            let moved = self
                .exec(
                    "UPDATE ledger_shard SET tree_size = $3 WHERE shard_no = $1 AND tree_size = $2",
                    values![shard.shard_no, place(shard.tree_size)?, place(tree_size)?],
                )
                .await?;
            if moved != 1 {
                return Err(Error::Busy);
            }
        }
        let mut turn = Turn { unsigned: None, tree_size, taken, more: false };
        let is_signed = tree_size == 0 || self.checkpoint_at(shard.shard_no, tree_size).await?.is_some();
        if !is_signed {
            let root = self.root_at(shard.shard_no, tree_size).await?;
            turn.unsigned = Some(Head { shard_no: shard.shard_no, origin: shard.origin, tree_size, root });
        }
        Ok(turn)
    }

    /// Appends hashes to the leaves of a tree that has `have`, and the roots of the tiles they fill to the level above.
    async fn grow(&mut self, shard_no: i64, have: u64, mut hashes: Vec<Hash>) -> Result<()> {
        let (mut level, mut have) = (0u32, have);
        while !hashes.is_empty() {
            let first_tile = have / TILE_WIDTH;
            let mut row = match have % TILE_WIDTH {
                0 => Vec::new(),
                _ => self.tile(shard_no, level, first_tile).await?,
            };
            if row.len() as u64 != have % TILE_WIDTH {
                return Err(Error::Damaged("a tile of the ledger"));
            }
            row.append(&mut hashes);
            let mut above = Vec::new();
            for (tile, chunk) in (first_tile..).zip(row.chunks(TILE_WIDTH as usize)) {
                self.exec(
                    "INSERT INTO ledger_tile (shard_no, level, tile, hashes) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT (shard_no, level, tile) DO UPDATE SET hashes = excluded.hashes",
                    values![shard_no, i64::from(level), place(tile)?, &chunk.concat()],
                )
                .await?;
                if chunk.len() as u64 == TILE_WIDTH {
                    above.push(merkle::tile_root(chunk));
                }
            }
            hashes = above;
            have = first_tile;
            level += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r51_a_year_begins_at_midnight_in_vietnam() {
        let begins = year_begins(2027);
        assert_eq!(begins.to_rfc3339_vietnam(), "2027-01-01T00:00:00+07:00");
        assert_eq!((year_of(Timestamp::from_millis(begins.millis() - 1)), year_of(begins)), (2026, 2027));
    }
}
