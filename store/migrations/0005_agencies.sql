-- The register of agencies through time: two times everywhere, a version, an index for searching.
--
-- Why: what an agency is called and coded changes on a day that a decision names, often ahead of that day, and is sometimes
-- recorded wrongly. So names and codes have both times (RULES I6): when they are true, and when we knew them so. Systems ask
-- what changed since (RULES R70), and clerks search among 111,000 names while they type.

-- One row: whoever changes the register holds it until the commit, so versions grow in the order of commits.
CREATE TABLE agency_register (one BIGINT NOT NULL PRIMARY KEY, version BIGINT NOT NULL, next_no BIGINT NOT NULL);
INSERT INTO agency_register (one, version, next_no) VALUES (1, 0, 0);

-- `version` is the register's at the agency's last change.
ALTER TABLE agency ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE agency ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;
UPDATE agency SET changed_at = created_at;
CREATE INDEX agency_by_version ON agency (version);

-- Who follows a closed agency is in `agency_successor`: there may be several. Who takes packages in for one without a
-- system (RULES R60) is `focal_id`.
ALTER TABLE agency_version DROP COLUMN successor_id;
ALTER TABLE agency_version ADD COLUMN focal_id BYTES;
CREATE TABLE agency_successor (
    agency_id BYTES NOT NULL,
    successor_id BYTES NOT NULL,
    recorded_at BIGINT NOT NULL,
    superseded_at BIGINT,
    decision TEXT NOT NULL,
    PRIMARY KEY (agency_id, successor_id, recorded_at)
);

-- Codes get the second time too, and byte order, so that the codes that begin with another are neighbours in the key.
DROP INDEX agency_code_by_agency;
ALTER TABLE agency_code RENAME TO agency_code_before;
CREATE TABLE agency_code (
    code_folded TEXT BYTEWISE NOT NULL,
    valid_from BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    valid_to BIGINT,
    superseded_at BIGINT,
    scheme TEXT NOT NULL,
    code TEXT NOT NULL,
    agency_id BYTES NOT NULL,
    decision TEXT NOT NULL,
    PRIMARY KEY (code_folded, valid_from, recorded_at)
);
INSERT INTO agency_code (code_folded, valid_from, recorded_at, valid_to, scheme, code, agency_id, decision)
    SELECT code_folded, valid_from, valid_from, valid_to, scheme, code, agency_id, '' FROM agency_code_before;
DROP TABLE agency_code_before;
CREATE INDEX agency_code_by_agency ON agency_code (agency_id);

-- Days on which something recorded before becomes true. Whoever looks first takes them: versions grow, the index follows.
CREATE TABLE agency_due (at BIGINT NOT NULL, agency_id BYTES NOT NULL, PRIMARY KEY (at, agency_id)) KEYLESS;
-- Those that are there already are indexed by the first who looks.
INSERT INTO agency_due (at, agency_id) SELECT 0, agency_id FROM agency;

-- What an agency is found by: the names of all its times, a line each. `no` is its small number in the lists of `agency_word`, `rank`
-- where it stands in them.
CREATE TABLE agency_index (
    agency_id BYTES NOT NULL PRIMARY KEY,
    no BIGINT NOT NULL,
    rank BIGINT NOT NULL,
    names TEXT NOT NULL
);
CREATE UNIQUE INDEX agency_index_by_no ON agency_index (no);
-- Which agencies have a word: lists of 4 bytes each, 4,096 agencies to a chunk, in the order of their numbers. Lists and not rows: two
-- words that 40,000 agencies have are compared in a millisecond, and the whole country takes some megabytes.
CREATE TABLE agency_word (
    word TEXT BYTEWISE NOT NULL,
    chunk BIGINT NOT NULL,
    entries BYTES NOT NULL,
    PRIMARY KEY (word, chunk)
);

-- Whether a system may add and withdraw units below its own (VXP 3.5, 3.6).
ALTER TABLE exchange_system ADD COLUMN may_manage_units BIGINT NOT NULL DEFAULT 0;
