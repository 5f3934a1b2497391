//! The ledger: an append-only Merkle log of accepted acts, one tree for each year (RFC 6962/9162 hashing, C2SP
//! `tlog-tiles` layout).
//!
//! A leaf is written in the transaction of the act it tells of ([`Tx::append_leaf`]) and holds nothing but a salted
//! digest. One sequencer at a time takes waiting leaves in ([`Tx::sequence`]), gives them their places and grows the
//! tiles; the program signs the root it answers with and keeps the signed note ([`Tx::put_checkpoint`]).
//!
//! A year's tree is a *shard*. When a new year begins the old shard gets a last checkpoint and is closed, and that
//! checkpoint is the first leaf of the next one: the years are one chain.

mod audit;
mod checkpoints;
pub mod merkle;
pub mod names;
mod sequence;
pub mod walk;

use std::path::PathBuf;

use mail::{OwnerId, Timestamp};

use crate::error::{Error, Result};
use crate::sql::{Row, values};
use crate::{Store, Tx};
use merkle::{Hash, Missing, TILE_WIDTH, Tiles};
use names::{Kind, TileName};

pub use audit::DoneDelivery;
pub use checkpoints::Checkpoint;
pub use sequence::Turn;

/// First byte of the leaf that begins a shard: the last checkpoint of the one before follows, as its log signed it.
pub const CHAIN_LEAF: u8 = 2;

/// Where a leaf stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which tree.
    pub shard_no: i64,
    /// Its index in the tree, from 0.
    pub index: u64,
}

/// A leaf and where it stands.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Its number in order of writing; local to this database.
    pub seq: i64,
    /// Its place, once the sequencer has taken it in.
    pub place: Option<Place>,
    /// What is hashed into the log.
    pub leaf: Vec<u8>,
    /// Whose act it is; zeroes for the log's own leaves.
    pub owner_id: OwnerId,
    /// What the act is about.
    pub subject_id: [u8; 16],
    /// What opens the digest: the salt and the act. Never part of the log.
    pub record: Vec<u8>,
    /// When the act was accepted.
    pub accepted_at: Timestamp,
}

/// One tree of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// The year in Vietnam; 0 for the tree from before there were years.
    pub shard_no: i64,
    /// The origin in its checkpoints.
    pub origin: String,
    /// Leaves in the tree.
    pub tree_size: u64,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it got its last leaf and checkpoint; `None` while it grows.
    pub closed_at: Option<Timestamp>,
    /// When its tiles were dropped from the database, because the archive has them.
    pub dropped_at: Option<Timestamp>,
}

/// Where a tree stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which tree.
    pub shard_no: i64,
    /// Its origin.
    pub origin: String,
    /// Leaves in the tree.
    pub tree_size: u64,
    /// Its root.
    pub root: Hash,
}

/// Tiles one answer may need, at most: the right edge and one path, with room (levels of 256 each).
const TILES_MAX: usize = 40;

fn number(value: i64) -> Result<u64> {
    u64::try_from(value).map_err(|_| Error::Damaged("a number of the ledger"))
}

fn place(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| Error::Full("the ledger"))
}

fn hash(bytes: Vec<u8>) -> Result<Hash> {
    bytes.try_into().map_err(|_| Error::Damaged("a hash of the ledger"))
}

fn hashes(bytes: &[u8]) -> Result<Vec<Hash>> {
    bytes.chunks(32).map(|chunk| hash(chunk.to_vec())).collect()
}

macro_rules! select_leaf {
    ($tail:literal) => {
        concat!(
            "SELECT l.seq, p.shard_no, p.leaf_index, l.leaf, l.owner_id, l.subject_id, l.record, l.accepted_at ",
            $tail
        )
    };
}

fn leaf(row: &Row) -> Result<Leaf> {
    let place = match (row.opt_int(1)?, row.opt_int(2)?) {
        (Some(shard_no), Some(index)) => Some(Place { shard_no, index: number(index)? }),
        _ => None,
    };
    Ok(Leaf {
        seq: row.int(0)?,
        place,
        leaf: row.bytes(3)?,
        owner_id: row.id(4)?,
        subject_id: row.bytes(5)?.try_into().map_err(|_| Error::Damaged("a leaf's subject"))?,
        record: row.bytes(6)?,
        accepted_at: row.moment(7)?,
    })
}

macro_rules! select_shard {
    ($tail:literal) => {
        concat!(
            "SELECT shard_no, origin, tree_size, opened_at, closed_at, dropped_at FROM ledger_shard ",
            $tail
        )
    };
}

fn shard(row: &Row) -> Result<Shard> {
    Ok(Shard {
        shard_no: row.int(0)?,
        origin: row.text(1)?,
        tree_size: number(row.int(2)?)?,
        opened_at: row.moment(3)?,
        closed_at: row.opt_moment(4)?,
        dropped_at: row.opt_moment(5)?,
    })
}

impl Tx {
    /// The leaves about a subject, oldest first.
    pub async fn leaves_of(&mut self, owner: impl Into<OwnerId>, subject_id: &[u8; 16]) -> Result<Vec<Leaf>> {
        let owner = owner.into();
        let rows = self
            .rows(
                select_leaf!(
                    "FROM ledger_leaf l LEFT JOIN ledger_place p ON p.seq = l.seq \
                     WHERE l.owner_id = $1 AND l.subject_id = $2 ORDER BY l.seq LIMIT 1000"
                ),
                values![&owner, subject_id],
            )
            .await?;
        rows.iter().map(leaf).collect()
    }

    /// Leaves of a tree from an index on, in order.
    pub async fn leaves_from(&mut self, shard_no: i64, index: u64, limit: i64) -> Result<Vec<Leaf>> {
        let rows = self
            .rows(
                select_leaf!(
                    "FROM ledger_place p JOIN ledger_leaf l ON l.seq = p.seq \
                     WHERE p.shard_no = $1 AND p.leaf_index >= $2 ORDER BY p.leaf_index LIMIT $3"
                ),
                values![shard_no, place(index)?, limit],
            )
            .await?;
        rows.iter().map(leaf).collect()
    }

    /// What entry bundle `number` of a tree holds, in order (C2SP tlog-tiles); less than 256 at the right edge.
    pub async fn entries(&mut self, shard_no: i64, number: u64) -> Result<Vec<Vec<u8>>> {
        let Some(first) = number.checked_mul(TILE_WIDTH) else { return Ok(Vec::new()) };
        let rows = self
            .rows(
                "SELECT p.leaf_index, l.leaf FROM ledger_place p JOIN ledger_leaf l ON l.seq = p.seq \
                 WHERE p.shard_no = $1 AND p.leaf_index >= $2 AND p.leaf_index < $3 ORDER BY p.leaf_index",
                values![shard_no, place(first)?, place(first.saturating_add(TILE_WIDTH))?],
            )
            .await?;
        let mut entries = Vec::with_capacity(rows.len());
        for (row, index) in rows.iter().zip(first..) {
            match row.int(0)? == place(index)? {
                true => entries.push(row.bytes(1)?),
                false => return Err(Error::Damaged("the ledger lacks a leaf")),
            }
        }
        Ok(entries)
    }

    /// Every tree, oldest first.
    pub async fn shards(&mut self) -> Result<Vec<Shard>> {
        let rows = self.rows(select_shard!("ORDER BY shard_no"), &[]).await?;
        rows.iter().map(shard).collect()
    }

    /// One tree.
    pub async fn shard(&mut self, shard_no: i64) -> Result<Option<Shard>> {
        let row = self.row(select_shard!("WHERE shard_no = $1"), values![shard_no]).await?;
        row.as_ref().map(shard).transpose()
    }

    /// The tree that grows, or grew last.
    pub async fn newest_shard(&mut self) -> Result<Option<Shard>> {
        let row = self.row(select_shard!("ORDER BY shard_no DESC LIMIT 1"), &[]).await?;
        row.as_ref().map(shard).transpose()
    }

    /// A tile's hashes; empty when there is no such tile. One that was dropped is read from the archive.
    pub async fn tile(&mut self, shard_no: i64, level: u32, tile: u64) -> Result<Vec<Hash>> {
        let row = self
            .row(
                "SELECT hashes FROM ledger_tile WHERE shard_no = $1 AND level = $2 AND tile = $3",
                values![shard_no, i64::from(level), place(tile)?],
            )
            .await?;
        match row {
            Some(row) => hashes(&row.bytes(0)?),
            None => self.archived_tile(shard_no, level, tile).await,
        }
    }

    /// The same from the archive: the directory of that year, as it was exported.
    async fn archived_tile(&mut self, shard_no: i64, level: u32, tile: u64) -> Result<Vec<Hash>> {
        let Some(folder) = self.shared.ledger_archive.get().cloned() else { return Ok(Vec::new()) };
        let Some(shard) = self.shard(shard_no).await?.filter(|shard| shard.dropped_at.is_some()) else {
            return Ok(Vec::new());
        };
        let all = shard.tree_size.checked_shr(level.saturating_mul(8)).unwrap_or(0);
        let width = all.saturating_sub(tile.saturating_mul(TILE_WIDTH)).min(TILE_WIDTH);
        if width == 0 {
            return Ok(Vec::new());
        }
        let name = TileName { kind: Kind::Hashes(level), number: tile, width };
        let file = folder.join(shard_no.to_string()).join(name.to_string());
        let bytes =
            tokio::fs::read(&file).await.map_err(|_| Error::Damaged("the ledger's archive lacks a tile"))?;
        match bytes.len() as u64 == width * 32 {
            true => hashes(&bytes),
            false => Err(Error::Damaged("a tile in the ledger's archive")),
        }
    }

    /// Answers a question about a tree, fetching the tiles it turns out to need.
    async fn with_tiles<T>(
        &mut self,
        shard_no: i64,
        question: impl Fn(&Tiles) -> std::result::Result<T, Missing>,
    ) -> Result<T> {
        let mut tiles = Tiles::default();
        let mut fetched: Vec<Missing> = Vec::new();
        loop {
            match question(&tiles) {
                Ok(answer) => return Ok(answer),
                Err(missing) if fetched.contains(&missing) || fetched.len() >= TILES_MAX => {
                    return Err(Error::Damaged("the ledger lacks a tile"));
                }
                Err(missing) => {
                    let hashes = self.tile(shard_no, missing.level, missing.tile).await?;
                    tiles.put(missing.level, missing.tile, hashes);
                    fetched.push(missing);
                }
            }
        }
    }

    /// The inclusion proof of a leaf in its tree when that had `size` leaves.
    pub async fn prove_inclusion(&mut self, place: Place, size: u64) -> Result<Vec<Hash>> {
        if place.index >= size {
            return Err(Error::Refused("the leaf is not in that tree"));
        }
        self.with_tiles(place.shard_no, |tiles| tiles.inclusion(place.index, size)).await
    }

    /// The proof that the tree of `old` leaves is the beginning of the tree of `new` leaves.
    pub async fn prove_consistency(&mut self, shard_no: i64, old: u64, new: u64) -> Result<Vec<Hash>> {
        if old == 0 || old > new {
            return Err(Error::Refused("no such pair of trees"));
        }
        self.with_tiles(shard_no, |tiles| tiles.consistency(old, new)).await
    }

    /// The root of a tree's first `size` leaves.
    pub async fn root_at(&mut self, shard_no: i64, size: u64) -> Result<Hash> {
        self.with_tiles(shard_no, |tiles| tiles.root(size)).await
    }

    /// Marks a closed tree's tiles as kept by the archive alone, and drops some of them, `limit` at most; answers how many.
    /// Whoever calls this has made sure that the archive has them.
    pub async fn drop_tiles(&mut self, shard_no: i64, limit: i64, now: Timestamp) -> Result<u64> {
        let marked = self
            .exec(
                "UPDATE ledger_shard SET dropped_at = COALESCE(dropped_at, $2) \
                 WHERE shard_no = $1 AND closed_at IS NOT NULL",
                values![shard_no, now],
            )
            .await?;
        if marked == 0 || self.shared.ledger_archive.get().is_none() {
            return Err(Error::Refused("only a closed year is dropped, and only beside an archive"));
        }
        self.exec(
            "DELETE FROM ledger_tile WHERE shard_no = $1 AND (level, tile) IN \
             (SELECT level, tile FROM ledger_tile WHERE shard_no = $1 ORDER BY level, tile LIMIT $2)",
            values![shard_no, limit],
        )
        .await
    }
}

impl Store {
    /// Names the directory of exported years; tiles that were dropped from the database are read there. Said once.
    pub fn set_ledger_archive(&self, folder: PathBuf) {
        // A second word changes nothing.
        let _ = self.shared.ledger_archive.set(folder);
    }
}
