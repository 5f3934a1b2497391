-- The quarantine: mail that was taken in and waits for a person before anybody carries it further (RULES M33).
--
-- Why: what cannot be judged by machine is neither delivered nor refused. A held row is the outbox row that would have been
-- written, one for each local account or destination domain, so releasing it is writing that row, in one transaction. It holds one
-- reference to the blob until somebody acts or its time runs out; then it stays as a record without payload until it is swept.
-- It leads with the account that sees it: who was to get it, or who sent it. `owner_id` is whose key seals the blob.
CREATE TABLE quarantine (
    account_id BYTES NOT NULL,
    quarantine_id BYTES NOT NULL,
    owner_id BYTES NOT NULL,
    blob_id BYTES NOT NULL,
    kind TEXT NOT NULL,
    destination TEXT NOT NULL,
    payload TEXT NOT NULL,
    trace TEXT NOT NULL,
    door TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    releaser TEXT NOT NULL,
    state TEXT NOT NULL,
    judgement TEXT NOT NULL,
    held_at BIGINT NOT NULL,
    acted_at BIGINT,
    acted_by TEXT NOT NULL,
    PRIMARY KEY (account_id, quarantine_id)
) KEYLESS;
CREATE INDEX quarantine_by_id ON quarantine (quarantine_id);
CREATE INDEX quarantine_by_state ON quarantine (state, held_at);
