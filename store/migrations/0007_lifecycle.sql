-- What becomes of a document after it was accepted: recall, update, replacement, and the answers to them.
--
-- Why: an act of the sender has to change the state of the original on both sides, not only to travel behind it (RULES R37
-- to R48); a recalled copy is unreadable at once and really shredded later (R39, R43); what is urgent leaves first (R21); what
-- takes two persons needs a record of each (R13, R43).

-- Which package acted upon which document of the same agency. `original_id` is the document, `act_id` the recall, update or
-- replacement; `ordered_by` is the person behind it as the package names him, JSON (R37). `undone_at`: two persons have
-- reversed it (R43).
CREATE TABLE document_link (
    agency_id BYTES NOT NULL,
    original_id BYTES NOT NULL,
    act_id BYTES NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    ordered_by TEXT NOT NULL,
    at BIGINT NOT NULL,
    undone_at BIGINT,
    PRIMARY KEY (agency_id, original_id, act_id)
) KEYLESS;
CREATE INDEX document_link_by_act ON document_link (agency_id, act_id);

-- `order_id`: the package by which the sender asks, or by which the document was cancelled here. `version_id`: the update
-- this receiver has agreed to last (R44). `duplicate_of`: the document that this one repeats here (R32).
ALTER TABLE document_receiver ADD COLUMN order_id BYTES;
ALTER TABLE document_receiver ADD COLUMN version_id BYTES;
ALTER TABLE document_receiver ADD COLUMN duplicate_of BYTES;

-- `lane`: 1 goes before 0 (R21). `done_at`: when the receiving system had it. `withdrawn_at`: no receiver of this delivery may read it any more (R39); `shred_at`: when its
-- key is to be forgotten (R43).
ALTER TABLE delivery ADD COLUMN lane BIGINT NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN done_at BIGINT;
ALTER TABLE delivery ADD COLUMN withdrawn_at BIGINT;
ALTER TABLE delivery ADD COLUMN shred_at BIGINT;
UPDATE delivery SET lane = 1 WHERE kind = 'edoc' AND EXISTS (SELECT 1 FROM document d
    WHERE d.agency_id = delivery.sender_id AND d.document_id = delivery.document_id AND d.priority >= 1);
UPDATE delivery SET done_at = updated_at WHERE state = 'done';
-- The order in which a system is offered what waits for it, without sorting all of it: the older index is gone, or PostgreSQL
-- would take that one and sort. A delivery is found by its id without reading all of its system's.
DROP INDEX delivery_by_system;
CREATE INDEX delivery_by_id ON delivery (system_folded, delivery_id);
CREATE INDEX delivery_waiting ON delivery (system_folded, lane DESC, created_at, delivery_id)
    WHERE state IN ('initial', 'processing', 'fail');
CREATE INDEX delivery_to_shred ON delivery (shred_at) WHERE shred_at IS NOT NULL;

-- Who behind the reporter said it, as the package names him (R36, R49: JSON), and the code of a refusal's reason (R30).
ALTER TABLE document_status ADD COLUMN actor TEXT NOT NULL DEFAULT '';
ALTER TABLE document_status ADD COLUMN reason_code TEXT NOT NULL DEFAULT '';

-- A status said twice in other bytes is one status (E23); the key is a digest of whom it is for, which document, code and time.
CREATE TABLE status_once (
    reporter_id BYTES NOT NULL,
    key BYTES NOT NULL,
    package_id BYTES NOT NULL,
    PRIMARY KEY (reporter_id, key)
) KEYLESS;

-- Statuses that belong to no document known here (E21), for the agency they were addressed to.
CREATE TABLE status_unlinked (
    addressee_id BYTES NOT NULL,
    package_id BYTES NOT NULL,
    reporter_id BYTES NOT NULL,
    code TEXT NOT NULL,
    identifier TEXT NOT NULL,
    notation TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (addressee_id, package_id)
) KEYLESS;

-- A package refused as a state secret: nothing of it but a digest (R12), so that two persons can release it (R13).
CREATE TABLE secrecy_refusal (
    agency_id BYTES NOT NULL,
    package_sha256 BYTES NOT NULL,
    detector TEXT NOT NULL,
    refused_at BIGINT NOT NULL,
    PRIMARY KEY (agency_id, package_sha256)
) KEYLESS;

-- One person's word for an act that takes two (R13, R43). `subject` is what the act is about: a digest, an id.
CREATE TABLE consent (
    agency_id BYTES NOT NULL,
    act TEXT NOT NULL,
    subject BYTES NOT NULL,
    account_id BYTES NOT NULL,
    role TEXT NOT NULL,
    reason TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (agency_id, act, subject, account_id)
) KEYLESS;
