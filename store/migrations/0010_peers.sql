-- Other axes that this house is a client of, which agencies are reached through them, and what went over the line.
--
-- Why: an agency without a system here may be reached through another exchange (RULES R65–R71, E43). What waits for such an
-- agency is a row of `outbox` (kind `package`), leased and retried like everything that leaves; these tables say to
-- whom, by which way, and what became of it.

-- One line each. `secret` is sealed under the house's own key. `door` names the protocol (E43); `ca` are certificates in PEM
-- that the line's TLS trusts beside or instead of the system's; `wrap` is for packages we write (E13); `trace` says whether our
-- TraceHeader is added to what we forward (R66).
CREATE TABLE peer (
    peer TEXT NOT NULL PRIMARY KEY,
    door TEXT NOT NULL,
    url TEXT NOT NULL,
    system_id TEXT NOT NULL,
    secret BYTES NOT NULL,
    ca TEXT NOT NULL,
    wrap TEXT NOT NULL,
    trace BIGINT NOT NULL,
    poll_seconds BIGINT NOT NULL,
    is_default BIGINT NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
-- How each line does; apart from the above because it changes with every poll. Nothing normal is sent before `retry_at`.
CREATE TABLE peer_health (
    peer TEXT NOT NULL PRIMARY KEY,
    polled_at BIGINT,
    heard_at BIGINT,
    sent_at BIGINT,
    failures BIGINT NOT NULL,
    retry_at BIGINT NOT NULL,
    last_error TEXT NOT NULL,
    last_error_at BIGINT,
    clock_millis BIGINT
);
-- Agencies a peer announces, and level-1 groups (a province, a ministry) that lie behind one.
CREATE TABLE peer_agency (agency_id BYTES NOT NULL PRIMARY KEY, peer TEXT NOT NULL);
CREATE INDEX peer_agency_by_peer ON peer_agency (peer);
CREATE TABLE peer_level (level_1 TEXT NOT NULL PRIMARY KEY, peer TEXT NOT NULL);

-- The log of messages (RULES R69): one row for each package on each line, kept when its content is dropped. Going out
-- `message_id` is the delivery's id and the owner the sending agency; coming in the owner is the house, and `quarantine_id` names its
-- blob with the bytes of what could not be taken in (E41).
CREATE TABLE peer_message (
    owner_id BYTES NOT NULL,
    message_id BYTES NOT NULL,
    peer TEXT NOT NULL,
    direction TEXT NOT NULL,
    peer_doc_id TEXT NOT NULL,
    document_id BYTES,
    kind TEXT NOT NULL,
    from_code TEXT NOT NULL,
    to_codes TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 BYTES NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    resends BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    settled_at BIGINT,
    dropped_at BIGINT,
    quarantine_id BYTES,
    PRIMARY KEY (owner_id, message_id)
) KEYLESS;
CREATE INDEX peer_message_by_peer ON peer_message (peer, direction, peer_doc_id);
CREATE INDEX peer_message_by_state ON peer_message (state, created_at);
CREATE INDEX peer_message_by_id ON peer_message (message_id);

-- One line's queue, in the order in which it leaves: the urgent first, then the oldest (RULES R21).
CREATE INDEX outbox_by_destination ON outbox (kind, destination, lane DESC, outbox_id);

-- When each system of the exchange last asked, and whether its silence was told (RULES R71).
CREATE TABLE system_poll (
    system_folded TEXT NOT NULL PRIMARY KEY,
    polled_at BIGINT NOT NULL,
    told_at BIGINT
);
