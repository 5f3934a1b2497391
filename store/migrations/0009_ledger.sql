-- The ledger in yearly shards, with leaves that are written once.
--
-- Why: a tree per year can be archived and dropped when nobody asks for it any more, while every proof still works; and an
-- act's row (salt and act, several hundred bytes) was written a second time only to note its place. Now what waits and where
-- a leaf stands are narrow rows of their own, and a leaf is never touched again.

-- One tree. `shard_no` is the year in Vietnam; 0 is the tree from before there were years, under the log's own name. An empty
-- `origin` is filled in by the first sequencer, which knows it. `dropped_at`: its tiles are in the archive, no longer here.
CREATE TABLE ledger_shard (
    shard_no BIGINT NOT NULL PRIMARY KEY,
    origin TEXT NOT NULL,
    tree_size BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    closed_at BIGINT,
    dropped_at BIGINT
) KEYLESS;
INSERT INTO ledger_shard (shard_no, origin, tree_size, opened_at)
    SELECT 0, '', MAX(leaf_index) + 1, MIN(accepted_at) FROM ledger_leaf WHERE leaf_index IS NOT NULL HAVING COUNT(*) > 0;

-- Where a leaf stands.
CREATE TABLE ledger_place (
    seq BIGINT NOT NULL PRIMARY KEY,
    shard_no BIGINT NOT NULL,
    leaf_index BIGINT NOT NULL
) KEYLESS;
INSERT INTO ledger_place (seq, shard_no, leaf_index) SELECT seq, 0, leaf_index FROM ledger_leaf WHERE leaf_index IS NOT NULL;
CREATE UNIQUE INDEX ledger_place_by_index ON ledger_place (shard_no, leaf_index);

-- Leaves that wait for the sequencer.
CREATE TABLE ledger_waiting (
    seq BIGINT NOT NULL PRIMARY KEY,
    leaf BYTES NOT NULL,
    accepted_at BIGINT NOT NULL
) KEYLESS;
INSERT INTO ledger_waiting (seq, leaf, accepted_at) SELECT seq, leaf, accepted_at FROM ledger_leaf WHERE leaf_index IS NULL;

DROP INDEX ledger_leaf_by_index;
DROP INDEX ledger_leaf_pending;
ALTER TABLE ledger_leaf DROP COLUMN leaf_index;

ALTER TABLE ledger_tile RENAME TO ledger_tile_before;
CREATE TABLE ledger_tile (
    shard_no BIGINT NOT NULL,
    level BIGINT NOT NULL,
    tile BIGINT NOT NULL,
    hashes BYTES NOT NULL,
    PRIMARY KEY (shard_no, level, tile)
);
INSERT INTO ledger_tile (shard_no, level, tile, hashes) SELECT 0, level, tile, hashes FROM ledger_tile_before;
DROP TABLE ledger_tile_before;

-- `note` may hold any number of cosignatures below the log's own line. `timestamp_token` is over the note's text, which they do
-- not change.
ALTER TABLE ledger_checkpoint RENAME TO ledger_checkpoint_before;
CREATE TABLE ledger_checkpoint (
    shard_no BIGINT NOT NULL,
    tree_size BIGINT NOT NULL,
    root BYTES NOT NULL,
    note TEXT NOT NULL,
    timestamp_token BYTES,
    signed_at BIGINT NOT NULL,
    PRIMARY KEY (shard_no, tree_size)
);
INSERT INTO ledger_checkpoint (shard_no, tree_size, root, note, timestamp_token, signed_at)
    SELECT 0, tree_size, root, note, timestamp_token, signed_at FROM ledger_checkpoint_before;
DROP TABLE ledger_checkpoint_before;
CREATE INDEX ledger_checkpoint_stamped ON ledger_checkpoint (shard_no, tree_size) WHERE timestamp_token IS NOT NULL;
