-- The whole house, from the first day.
--
-- BYTES, KEYLESS and SERIAL_KEY are put in for the engine (see migrate.rs). Everywhere: ids are 16 bytes (UUIDv7), moments
-- are milliseconds since 1970 UTC, flags are 0 or 1. Every table that can grow leads with its owner's id: that is
-- the shard key. Several columns wait for capabilities that would be painful to add under data: legal hold and
-- retention (they beat every deletion), validity in time, tombstones.

-- Facts about this installation (instance id, log origin, sealed configuration).
CREATE TABLE setting (name TEXT NOT NULL PRIMARY KEY, value BYTES NOT NULL);

-- Who may do what only one may do at a time (the ledger's sequencer, timers).
CREATE TABLE lease (name TEXT NOT NULL PRIMARY KEY, holder TEXT NOT NULL, until BIGINT NOT NULL);

-- Keys that seal blobs, each wrapped by the master key. Number 0 is the owner's own; a document has one to itself.
-- Shredding forgets `wrapped`: what was sealed with it is gone for good.
CREATE TABLE data_key (
    owner_id BYTES NOT NULL,
    key_no BIGINT NOT NULL,
    wrapped BYTES,
    created_at BIGINT NOT NULL,
    shredded_at BIGINT,
    PRIMARY KEY (owner_id, key_no)
) KEYLESS;

-- What is kept once however often it is named. `refs` is exact; a blob with none goes unless it is held.
CREATE TABLE blob (
    owner_id BYTES NOT NULL,
    blob_id BYTES NOT NULL,
    key_no BIGINT NOT NULL,
    size BIGINT NOT NULL,
    stored_size BIGINT NOT NULL,
    is_object BIGINT NOT NULL,
    refs BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    hold_until BIGINT,
    PRIMARY KEY (owner_id, blob_id)
) KEYLESS;
-- Sealed bytes of the small ones, beside the row that is counted up and down.
CREATE TABLE blob_bytes (
    owner_id BYTES NOT NULL,
    blob_id BYTES NOT NULL,
    sealed BYTES NOT NULL,
    PRIMARY KEY (owner_id, blob_id)
);

-- Agencies. What they are called and coded changes with time and is known with time (RULES I6): a version is valid
-- from..to, and was our knowledge from recorded_at to superseded_at.
CREATE TABLE agency (agency_id BYTES NOT NULL PRIMARY KEY, created_at BIGINT NOT NULL);
CREATE TABLE agency_version (
    agency_id BYTES NOT NULL,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT,
    recorded_at BIGINT NOT NULL,
    superseded_at BIGINT,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    mail TEXT NOT NULL,
    parent_id BYTES,
    successor_id BYTES,
    state TEXT NOT NULL,
    decision TEXT NOT NULL,
    PRIMARY KEY (agency_id, valid_from, recorded_at)
);
-- Every code an agency answers to, in any scheme (RULES I5). `code_folded` is upper case.
CREATE TABLE agency_code (
    code_folded TEXT NOT NULL,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT,
    scheme TEXT NOT NULL,
    code TEXT NOT NULL,
    agency_id BYTES NOT NULL,
    PRIMARY KEY (code_folded, valid_from)
);
CREATE INDEX agency_code_by_agency ON agency_code (agency_id);
CREATE TABLE unit (
    agency_id BYTES NOT NULL,
    unit_id BYTES NOT NULL,
    parent_id BYTES,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT,
    PRIMARY KEY (agency_id, unit_id)
);
CREATE UNIQUE INDEX unit_by_code ON unit (agency_id, code);
-- Whose signatures count for an agency, and as what (RULES D25, D29(8)).
CREATE TABLE signer_certificate (
    agency_id BYTES NOT NULL,
    fingerprint BYTES NOT NULL,
    role TEXT NOT NULL,
    holder TEXT NOT NULL,
    account_id BYTES,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT,
    PRIMARY KEY (agency_id, fingerprint)
);
-- Systems that speak for agencies on the exchange, and their secrets (sealed).
CREATE TABLE exchange_system (
    system_folded TEXT NOT NULL PRIMARY KEY,
    system_id TEXT NOT NULL,
    agency_id BYTES NOT NULL,
    secret BYTES NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE exchange_system_agency (
    agency_id BYTES NOT NULL,
    system_folded TEXT NOT NULL,
    PRIMARY KEY (agency_id)
);
CREATE INDEX exchange_system_agency_by_system ON exchange_system_agency (system_folded);

CREATE TABLE domain (
    domain TEXT NOT NULL PRIMARY KEY,
    agency_id BYTES,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT
);
-- Fixed next hops by domain (test sinks, smart hosts). `*` is every domain without its own.
CREATE TABLE mail_route (domain TEXT NOT NULL PRIMARY KEY, target TEXT NOT NULL);

-- Mailbox accounts. `modseq` is the account's change counter; whoever raises it holds the row until the commit, so
-- changes of one account are in one order on both engines.
CREATE TABLE account (
    account_id BYTES NOT NULL PRIMARY KEY,
    agency_id BYTES NOT NULL,
    unit_id BYTES,
    kind TEXT NOT NULL,
    role TEXT NOT NULL,
    state TEXT NOT NULL,
    display_name TEXT NOT NULL,
    position TEXT NOT NULL,
    password_hash TEXT,
    must_change_password BIGINT NOT NULL,
    modseq BIGINT NOT NULL,
    quota_bytes BIGINT NOT NULL,
    used_bytes BIGINT NOT NULL,
    legal_hold BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX account_by_agency ON account (agency_id, account_id);
-- Addresses are never given to somebody else (RULES M23): a closed one keeps its row.
CREATE TABLE address (
    address_folded TEXT NOT NULL PRIMARY KEY,
    address TEXT NOT NULL,
    account_id BYTES NOT NULL,
    kind TEXT NOT NULL,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT
);
CREATE INDEX address_by_account ON address (account_id);

CREATE TABLE mailbox (
    account_id BYTES NOT NULL,
    mailbox_id BYTES NOT NULL,
    parent_id BYTES,
    name TEXT NOT NULL,
    role TEXT,
    sort_order BIGINT NOT NULL,
    is_subscribed BIGINT NOT NULL,
    uid_validity BIGINT NOT NULL,
    uid_next BIGINT NOT NULL,
    total_emails BIGINT NOT NULL,
    unread_emails BIGINT NOT NULL,
    total_threads BIGINT NOT NULL,
    unread_threads BIGINT NOT NULL,
    created_modseq BIGINT NOT NULL,
    modseq BIGINT NOT NULL,
    PRIMARY KEY (account_id, mailbox_id)
) KEYLESS;

-- A message, with everything a list shows, so that no view opens a blob. `facts` is JSON: headers, structure.
CREATE TABLE email (
    account_id BYTES NOT NULL,
    email_id BYTES NOT NULL,
    thread_id BYTES NOT NULL,
    blob_id BYTES NOT NULL,
    size BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    sent_at BIGINT,
    subject TEXT NOT NULL,
    preview TEXT NOT NULL,
    has_attachment BIGINT NOT NULL,
    keywords TEXT NOT NULL,
    facts TEXT NOT NULL,
    created_modseq BIGINT NOT NULL,
    modseq BIGINT NOT NULL,
    legal_hold BIGINT NOT NULL,
    retain_until BIGINT,
    PRIMARY KEY (account_id, email_id)
);
CREATE INDEX email_by_change ON email (account_id, modseq);
CREATE INDEX email_by_date ON email (account_id, received_at, email_id);
CREATE INDEX email_by_thread ON email (account_id, thread_id);

-- Where a message lies. `uid` is its number there (RFC 9051); `thread_id`, `received_at` and `is_unread` are the message's, repeated so that
-- lists and counters are answered by an index.
CREATE TABLE placement (
    account_id BYTES NOT NULL,
    mailbox_id BYTES NOT NULL,
    uid BIGINT NOT NULL,
    email_id BYTES NOT NULL,
    thread_id BYTES NOT NULL,
    received_at BIGINT NOT NULL,
    is_unread BIGINT NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, uid)
) KEYLESS;
CREATE UNIQUE INDEX placement_by_email ON placement (account_id, email_id, mailbox_id);
CREATE INDEX placement_by_date ON placement (account_id, mailbox_id, received_at, email_id);
CREATE INDEX placement_by_thread ON placement (account_id, thread_id, mailbox_id, is_unread);

-- Which conversation a Message-ID belongs to; the key is a digest of the id and the base subject.
CREATE TABLE thread_reference (
    account_id BYTES NOT NULL,
    reference BYTES NOT NULL,
    thread_id BYTES NOT NULL,
    PRIMARY KEY (account_id, reference)
) KEYLESS;

CREATE TABLE thread (
    account_id BYTES NOT NULL,
    thread_id BYTES NOT NULL,
    created_modseq BIGINT NOT NULL,
    modseq BIGINT NOT NULL,
    PRIMARY KEY (account_id, thread_id)
) KEYLESS;
CREATE INDEX thread_by_change ON thread (account_id, modseq);

-- What is gone, so that "what changed since" can name it (RFC 8620 §5.2, RFC 7162 §3.2).
CREATE TABLE tombstone (
    account_id BYTES NOT NULL,
    kind TEXT NOT NULL,
    object_id BYTES NOT NULL,
    created_modseq BIGINT NOT NULL,
    modseq BIGINT NOT NULL,
    PRIMARY KEY (account_id, kind, object_id)
) KEYLESS;
CREATE INDEX tombstone_by_change ON tombstone (account_id, kind, modseq);
CREATE TABLE expunged (
    account_id BYTES NOT NULL,
    mailbox_id BYTES NOT NULL,
    uid BIGINT NOT NULL,
    modseq BIGINT NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, uid)
) KEYLESS;

-- Blobs a client has uploaded and not used yet; they hold one reference until they expire.
CREATE TABLE upload (
    account_id BYTES NOT NULL,
    blob_id BYTES NOT NULL,
    media_type TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, blob_id)
) KEYLESS;

CREATE TABLE submission (
    account_id BYTES NOT NULL,
    submission_id BYTES NOT NULL,
    email_id BYTES NOT NULL,
    thread_id BYTES NOT NULL,
    identity_id BYTES NOT NULL,
    envelope TEXT NOT NULL,
    send_at BIGINT NOT NULL,
    undo_status TEXT NOT NULL,
    delivery TEXT NOT NULL,
    created_modseq BIGINT NOT NULL,
    modseq BIGINT NOT NULL,
    PRIMARY KEY (account_id, submission_id)
) KEYLESS;

-- All that leaves the house, one row per destination. A row is deleted when it is done.
CREATE TABLE outbox (
    outbox_id BYTES NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    owner_id BYTES NOT NULL,
    lane BIGINT NOT NULL,
    destination TEXT NOT NULL,
    payload TEXT NOT NULL,
    blob_id BYTES,
    due_at BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    lease_holder TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    last_error TEXT NOT NULL,
    is_held BIGINT NOT NULL
);
CREATE INDEX outbox_by_due ON outbox (is_held, lane DESC, due_at);
CREATE INDEX outbox_by_owner ON outbox (owner_id, created_at);

-- Packages accepted from sending systems, in the words of the sender. The unique key makes a repeat the same act
-- (VXP 3.8 step 6); `receipt` is answered byte for byte again.
CREATE TABLE document (
    agency_id BYTES NOT NULL,
    document_id BYTES NOT NULL,
    system_folded TEXT NOT NULL,
    kind TEXT NOT NULL,
    from_code TEXT NOT NULL,
    package_sha256 BYTES NOT NULL,
    blob_id BYTES NOT NULL,
    key_no BIGINT NOT NULL,
    identifier TEXT NOT NULL,
    notation TEXT NOT NULL,
    promulgated_on TEXT NOT NULL,
    subject TEXT NOT NULL,
    business_type BIGINT NOT NULL,
    priority BIGINT NOT NULL,
    class TEXT NOT NULL,
    legal_value TEXT NOT NULL,
    verdict TEXT NOT NULL,
    facts TEXT NOT NULL,
    receipt BYTES NOT NULL,
    state TEXT NOT NULL,
    accepted_at BIGINT NOT NULL,
    legal_hold BIGINT NOT NULL,
    retain_until BIGINT,
    PRIMARY KEY (agency_id, document_id)
);
CREATE UNIQUE INDEX document_once ON document (agency_id, system_folded, package_sha256);
CREATE INDEX document_by_identifier ON document (agency_id, identifier);
CREATE INDEX document_by_notation ON document (agency_id, notation);
CREATE INDEX document_by_system ON document (system_folded, accepted_at);

-- One package waiting for one receiving system. `grant_key` is the document's key wrapped for this receiver alone: forgetting it
-- makes the content unreadable to the receiver and to nobody else (RULES R39, R43).
CREATE TABLE delivery (
    agency_id BYTES NOT NULL,
    delivery_id BYTES NOT NULL,
    system_folded TEXT NOT NULL,
    sender_id BYTES NOT NULL,
    document_id BYTES NOT NULL,
    kind TEXT NOT NULL,
    from_code TEXT NOT NULL,
    to_codes TEXT NOT NULL,
    blob_id BYTES NOT NULL,
    grant_key BYTES,
    state TEXT NOT NULL,
    failures BIGINT NOT NULL,
    offered_from BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    legal_hold BIGINT NOT NULL,
    PRIMARY KEY (agency_id, delivery_id)
);
CREATE INDEX delivery_by_system ON delivery (system_folded, state, created_at);
CREATE INDEX delivery_by_document ON delivery (sender_id, document_id);

-- What receivers have said of a document (RULES R49): append-only.
CREATE TABLE document_status (
    agency_id BYTES NOT NULL,
    document_id BYTES NOT NULL,
    status_no BIGINT NOT NULL,
    reporter_id BYTES NOT NULL,
    code TEXT NOT NULL,
    description TEXT NOT NULL,
    package_id BYTES NOT NULL,
    said_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (agency_id, document_id, status_no)
) KEYLESS;

-- The ledger. A leaf is written in the transaction of the act and gets its index when the sequencer takes it in.
CREATE TABLE ledger_leaf (
    seq SERIAL_KEY,
    leaf_index BIGINT,
    leaf BYTES NOT NULL,
    owner_id BYTES NOT NULL,
    subject_id BYTES NOT NULL,
    record BYTES NOT NULL,
    accepted_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX ledger_leaf_by_index ON ledger_leaf (leaf_index);
CREATE INDEX ledger_leaf_pending ON ledger_leaf (seq) WHERE leaf_index IS NULL;
CREATE INDEX ledger_leaf_by_subject ON ledger_leaf (owner_id, subject_id);
-- Hashes in tiles of 256 (C2SP tlog-tiles); a tile that is not full is rewritten as it grows.
CREATE TABLE ledger_tile (
    level BIGINT NOT NULL,
    tile BIGINT NOT NULL,
    hashes BYTES NOT NULL,
    PRIMARY KEY (level, tile)
);
CREATE TABLE ledger_checkpoint (
    tree_size BIGINT NOT NULL PRIMARY KEY,
    root BYTES NOT NULL,
    note TEXT NOT NULL,
    timestamp_token BYTES,
    signed_at BIGINT NOT NULL
);

-- Who did what, in the transaction of what was done (RULES R52). Ids, never addresses or contents.
CREATE TABLE audit (
    owner_id BYTES NOT NULL,
    audit_id BYTES NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (owner_id, audit_id)
) KEYLESS;
