//! The ledger: an append-only Merkle log of accepted acts (RFC 6962/9162 hashing, C2SP `tlog-tiles` layout).
//!
//! A leaf is written in the transaction of the act it tells of ([`Tx::append_leaf`]) and holds nothing but a salted
//! digest. One sequencer takes waiting leaves in ([`Tx::integrate`]), gives them their places and grows the tiles; the
//! program signs the root it answers with and keeps the signed note ([`Tx::put_checkpoint`]).

pub mod merkle;

use mail::{OwnerId, Timestamp};

use crate::error::{Error, Result};
use crate::sql::{Row, values};
use crate::{Signal, Tx};
use merkle::{Hash, Missing, TILE_WIDTH, Tiles};

/// A leaf and where it stands.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Its number in order of writing; local to this database.
    pub seq: i64,
    /// Its place in the log, once the sequencer has taken it in.
    pub index: Option<u64>,
    /// What is hashed into the log.
    pub leaf: Vec<u8>,
    /// What opens the digest: the salt and the act. Never part of the log.
    pub record: Vec<u8>,
    /// When the act was accepted.
    pub accepted_at: Timestamp,
}

/// A signed root.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Leaves in the tree.
    pub tree_size: u64,
    /// Its root.
    pub root: Hash,
    /// The signed note (C2SP tlog-checkpoint).
    pub note: String,
    /// The RFC 3161 timestamp over the note, when there is one.
    pub timestamp_token: Option<Vec<u8>>,
    /// When it was signed.
    pub signed_at: Timestamp,
}

/// Where the log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
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

fn leaf(row: &Row) -> Result<Leaf> {
    Ok(Leaf {
        seq: row.int(0)?,
        index: row.opt_int(1)?.map(number).transpose()?,
        leaf: row.bytes(2)?,
        record: row.bytes(3)?,
        accepted_at: row.moment(4)?,
    })
}

macro_rules! select_checkpoint {
    ($tail:literal) => {
        concat!("SELECT tree_size, root, note, timestamp_token, signed_at FROM ledger_checkpoint ", $tail)
    };
}

fn checkpoint(row: &Row) -> Result<Checkpoint> {
    Ok(Checkpoint {
        tree_size: number(row.int(0)?)?,
        root: hash(row.bytes(1)?)?,
        note: row.text(2)?,
        timestamp_token: row.opt_bytes(3)?,
        signed_at: row.moment(4)?,
    })
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
        self.exec(
            "INSERT INTO ledger_leaf (leaf, owner_id, subject_id, record, accepted_at) VALUES ($1, $2, $3, $4, $5)",
            values![leaf, &owner, subject_id, record, now],
        )
        .await?;
        self.signals.insert(Signal::Ledger);
        Ok(())
    }

    /// The leaves about a subject, oldest first.
    pub async fn leaves_of(&mut self, owner: impl Into<OwnerId>, subject_id: &[u8; 16]) -> Result<Vec<Leaf>> {
        let owner = owner.into();
        let rows = self
            .rows(
                "SELECT seq, leaf_index, leaf, record, accepted_at FROM ledger_leaf \
                 WHERE owner_id = $1 AND subject_id = $2 ORDER BY seq LIMIT 1000",
                values![&owner, subject_id],
            )
            .await?;
        rows.iter().map(leaf).collect()
    }

    /// Leaves from a place in the log on, in order, for whoever walks it.
    pub async fn leaves_from(&mut self, index: u64, limit: i64) -> Result<Vec<Leaf>> {
        let rows = self
            .rows(
                "SELECT seq, leaf_index, leaf, record, accepted_at FROM ledger_leaf \
                 WHERE leaf_index >= $1 ORDER BY leaf_index LIMIT $2",
                values![place(index)?, limit],
            )
            .await?;
        rows.iter().map(leaf).collect()
    }

    /// Leaves in the tree now.
    pub async fn tree_size(&mut self) -> Result<u64> {
        let row = self.row("SELECT COALESCE(MAX(leaf_index) + 1, 0) FROM ledger_leaf", &[]).await?;
        number(row.map_or(Ok(0), |row| row.int(0))?)
    }

    /// Takes waiting leaves in, in order of writing, `limit` at most. Only the holder of the sequencer's lease may call
    /// this. Answers where the log stands now, and how many leaves were taken.
    pub async fn integrate(&mut self, limit: i64) -> Result<(Head, usize)> {
        let size = self.tree_size().await?;
        let rows = self
            .rows(
                "UPDATE ledger_leaf SET leaf_index = n.place FROM (SELECT seq, \
                 CAST($1 AS BIGINT) + ROW_NUMBER() OVER (ORDER BY seq) - 1 AS place FROM ledger_leaf \
                 WHERE leaf_index IS NULL ORDER BY seq LIMIT $2) n \
                 WHERE ledger_leaf.seq = n.seq RETURNING ledger_leaf.leaf_index, ledger_leaf.leaf",
                values![place(size)?, limit],
            )
            .await?;
        let mut taken = Vec::with_capacity(rows.len());
        for row in &rows {
            taken.push((row.int(0)?, merkle::leaf_hash(&row.bytes(1)?)));
        }
        taken.sort_unstable();
        let hashes: Vec<Hash> = taken.into_iter().map(|(_, hash)| hash).collect();
        self.grow(0, size, hashes).await?;
        let tree_size = size + rows.len() as u64;
        let root = self.with_tiles(|tiles| tiles.root(tree_size)).await?;
        Ok((Head { tree_size, root }, rows.len()))
    }

    /// Appends hashes to a level that holds `have`, and the roots of the tiles they fill to the level above.
    async fn grow(&mut self, level: u32, have: u64, mut hashes: Vec<Hash>) -> Result<()> {
        let (mut level, mut have) = (level, have);
        while !hashes.is_empty() {
            let first_tile = have / TILE_WIDTH;
            let mut row = match have % TILE_WIDTH {
                0 => Vec::new(),
                _ => self.tile(level, first_tile).await?,
            };
            row.append(&mut hashes);
            let mut above = Vec::new();
            for (tile, chunk) in (first_tile..).zip(row.chunks(TILE_WIDTH as usize)) {
                self.exec(
                    "INSERT INTO ledger_tile (level, tile, hashes) VALUES ($1, $2, $3) \
                     ON CONFLICT (level, tile) DO UPDATE SET hashes = excluded.hashes",
                    values![i64::from(level), place(tile)?, &chunk.concat()],
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

    /// A tile's hashes; empty when there is no such tile.
    pub async fn tile(&mut self, level: u32, tile: u64) -> Result<Vec<Hash>> {
        let row = self
            .row(
                "SELECT hashes FROM ledger_tile WHERE level = $1 AND tile = $2",
                values![i64::from(level), place(tile)?],
            )
            .await?;
        let bytes = row.map_or(Ok(Vec::new()), |row| row.bytes(0))?;
        bytes.chunks(32).map(|chunk| hash(chunk.to_vec())).collect()
    }

    /// Answers a question about the tree, fetching the tiles it turns out to need.
    async fn with_tiles<T>(
        &mut self,
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
                    let hashes = self.tile(missing.level, missing.tile).await?;
                    tiles.put(missing.level, missing.tile, hashes);
                    fetched.push(missing);
                }
            }
        }
    }

    /// The inclusion proof of a leaf in the tree of `size` leaves.
    pub async fn prove_inclusion(&mut self, index: u64, size: u64) -> Result<Vec<Hash>> {
        if index >= size {
            return Err(Error::Refused("the leaf is not in that tree"));
        }
        self.with_tiles(|tiles| tiles.inclusion(index, size)).await
    }

    /// The proof that the tree of `old` leaves is the beginning of the tree of `new` leaves.
    pub async fn prove_consistency(&mut self, old: u64, new: u64) -> Result<Vec<Hash>> {
        if old == 0 || old > new {
            return Err(Error::Refused("no such pair of trees"));
        }
        self.with_tiles(|tiles| tiles.consistency(old, new)).await
    }

    /// The root of the tree of the first `size` leaves.
    pub async fn root_at(&mut self, size: u64) -> Result<Hash> {
        self.with_tiles(|tiles| tiles.root(size)).await
    }

    /// Keeps a signed root.
    pub async fn put_checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.exec(
            "INSERT INTO ledger_checkpoint (tree_size, root, note, timestamp_token, signed_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (tree_size) DO NOTHING",
            values![
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

    /// The newest signed root.
    pub async fn newest_checkpoint(&mut self) -> Result<Option<Checkpoint>> {
        let row = self.row(select_checkpoint!("ORDER BY tree_size DESC LIMIT 1"), &[]).await?;
        row.as_ref().map(checkpoint).transpose()
    }

    /// Signed roots of trees of more than `size` leaves, smallest first.
    pub async fn checkpoints_after(&mut self, size: u64, limit: i64) -> Result<Vec<Checkpoint>> {
        let rows = self
            .rows(
                select_checkpoint!("WHERE tree_size > $1 ORDER BY tree_size LIMIT $2"),
                values![place(size)?, limit],
            )
            .await?;
        rows.iter().map(checkpoint).collect()
    }
}
