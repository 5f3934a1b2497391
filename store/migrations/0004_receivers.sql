-- Where a document stands at each of its receivers, and the feed of what happened.
--
-- Why: the law wants a record of its own for every receiver (RULES R24), while a delivery is for a system, which may
-- speak for many; and systems that ask "what is new since" need one order that never changes behind them.

-- One receiving agency of one document. `state` and `ask` are what the history of `document_status` adds up to; `code` is the
-- agency's, as it was spelled when the document was sent; `reason` goes with the last word heard. Owned by the receiver; the
-- sender's view has an index. Of deliveries made before this table the first agency of each is here.
CREATE TABLE document_receiver (
    receiver_id BYTES NOT NULL,
    document_id BYTES NOT NULL,
    sender_id BYTES NOT NULL,
    delivery_id BYTES NOT NULL,
    code TEXT NOT NULL,
    state TEXT NOT NULL,
    ask TEXT NOT NULL,
    reason TEXT NOT NULL,
    accepted_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (receiver_id, document_id)
) KEYLESS;
CREATE INDEX document_receiver_by_sender ON document_receiver (sender_id, document_id);
CREATE INDEX document_receiver_by_date ON document_receiver (receiver_id, accepted_at, document_id);
INSERT INTO document_receiver (receiver_id, document_id, sender_id, delivery_id, code, state, ask, reason, accepted_at, changed_at)
    SELECT agency_id, document_id, sender_id, delivery_id, to_codes, 'delivered', '', '', created_at, created_at
    FROM delivery WHERE kind = 'edoc' AND to_codes NOT LIKE '%,%';

-- What happened, for the agency it concerns. `place` is given by the ledger's sequencer, so the order in which events are
-- read is one that no late commit can slip into; until then an event is not read.
CREATE TABLE event (
    seq SERIAL_KEY,
    place BIGINT,
    agency_id BYTES NOT NULL,
    kind TEXT NOT NULL,
    subject_id BYTES NOT NULL,
    facts TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE UNIQUE INDEX event_by_place ON event (place);
CREATE INDEX event_by_agency ON event (agency_id, place);
CREATE INDEX event_pending ON event (seq) WHERE place IS NULL;
