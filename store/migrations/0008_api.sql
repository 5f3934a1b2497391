-- The API's own memory: keys, answers that are given again, uploads in parts; and the words documents are found by.
--
-- Why: a system that speaks our API has keys of its own, each shown once and kept as a digest; what it sends twice under one
-- name must be answered once; a large file arrives in parts over a thin line, on whichever node; and a list that is searched is
-- answered by an index, never by reading every document.

-- `key_sha256` is all that is kept of a key: 256 random bits need no slow hash. It leads, because whoever shows a key has not yet
-- said whose it is. `agencies` are ids in hexadecimal, separated by commas; empty: all the system speaks for.
CREATE TABLE api_key (
    key_sha256 BYTES NOT NULL PRIMARY KEY,
    key_id BYTES NOT NULL,
    system_folded TEXT NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    agencies TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT
);
CREATE UNIQUE INDEX api_key_by_id ON api_key (key_id);
CREATE INDEX api_key_by_system ON api_key (system_folded, created_at);

-- A request that may be repeated: what it asked (`fingerprint`), the package built for it before anything was accepted, and the
-- answer once there is one. Owned by the key that asked.
CREATE TABLE api_repeat (
    key_id BYTES NOT NULL,
    repeat_key TEXT NOT NULL,
    fingerprint BYTES NOT NULL,
    agency_id BYTES NOT NULL,
    package_id BYTES,
    answer TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (key_id, repeat_key)
) KEYLESS;
CREATE INDEX api_repeat_by_age ON api_repeat (created_at);

-- A file on its way, and its parts in their order. The parts are blobs of `agency_id`, the agency the system belongs to.
CREATE TABLE api_upload (
    system_folded TEXT NOT NULL,
    upload_id BYTES NOT NULL,
    key_id BYTES NOT NULL,
    agency_id BYTES NOT NULL,
    length BIGINT NOT NULL,
    received BIGINT NOT NULL,
    name TEXT NOT NULL,
    metadata TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (system_folded, upload_id)
) KEYLESS;
CREATE INDEX api_upload_by_expiry ON api_upload (expires_at);
CREATE TABLE api_upload_part (
    system_folded TEXT NOT NULL,
    upload_id BYTES NOT NULL,
    begins BIGINT NOT NULL,
    length BIGINT NOT NULL,
    blob_id BYTES NOT NULL,
    PRIMARY KEY (system_folded, upload_id, begins)
) KEYLESS;

-- By which words an agency finds a document it sent or received: folded, and exact with a mark before it where that differs. Ids
-- are ordered by time, so the newest hits come first from the key alone. Documents accepted before this are not in here.
CREATE TABLE document_word (
    agency_id BYTES NOT NULL,
    word TEXT NOT NULL,
    document_id BYTES NOT NULL,
    PRIMARY KEY (agency_id, word, document_id)
) KEYLESS;

-- A system names documents and deliveries by their ids alone; without these its every fetch reads all it ever exchanged.
CREATE INDEX document_of_system ON document (system_folded, document_id);
CREATE INDEX delivery_of_system ON delivery (system_folded, delivery_id);
CREATE INDEX delivery_of_system_by_document ON delivery (system_folded, document_id);
-- Most of what a receiving agency sends are statuses; its list of documents passes them over.
CREATE INDEX document_by_kind ON document (agency_id, kind, document_id);
