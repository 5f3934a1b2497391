-- What clients keep beside their mail: submissions that wait, identities, absences.
--
-- A list of submissions is read in the order of leaving, and what changed in it from the change counter: both from an index.
CREATE INDEX submission_by_send ON submission (account_id, send_at, submission_id);
CREATE INDEX submission_by_change ON submission (account_id, modseq);
-- A submission that leaves later can be taken back (RFC 8621 §7): its rows in the outbox are those of its owner, written at `created_at`
-- under its name in the trace, `outbox_rows` of them. Of one that leaves at once nothing is kept here.
ALTER TABLE submission ADD COLUMN created_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE submission ADD COLUMN trace TEXT NOT NULL DEFAULT '';
ALTER TABLE submission ADD COLUMN outbox_rows BIGINT NOT NULL DEFAULT 0;

-- What a person says about an address they may send from (RFC 8621 §6): a row for each address whose identity was changed, and for each
-- further one that was made. Whether the address may be used is asked of the addresses each time, never of this table.
CREATE TABLE identity (
    account_id BYTES NOT NULL,
    identity_id BYTES NOT NULL,
    -- Empty: the identity of an address, changed. Otherwise one more for this address.
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    reply_to TEXT NOT NULL,
    bcc TEXT NOT NULL,
    text_signature TEXT NOT NULL,
    html_signature TEXT NOT NULL,
    PRIMARY KEY (account_id, identity_id)
) KEYLESS;

-- Absences (RFC 8621 §8): what is answered while somebody is away. Off is a row too, so that what was written is not lost.
CREATE TABLE vacation (
    account_id BYTES NOT NULL PRIMARY KEY,
    is_enabled BIGINT NOT NULL,
    from_at BIGINT,
    to_at BIGINT,
    subject TEXT,
    text_body TEXT,
    html_body TEXT
);
-- Mail that arrived for somebody who may be away: written in the transaction that delivers it, taken by whoever writes the answer in the
-- transaction that sends it. So an answer is written once, whatever crashes.
CREATE TABLE vacation_due (
    account_id BYTES NOT NULL,
    email_id BYTES NOT NULL,
    reverse_path TEXT NOT NULL,
    PRIMARY KEY (account_id, email_id)
) KEYLESS;
-- Who was answered already (RFC 3834 §2): a digest of account and address under a key of the house, and when.
CREATE TABLE vacation_told (
    account_id BYTES NOT NULL,
    sender BYTES NOT NULL,
    told_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, sender)
) KEYLESS;
CREATE INDEX vacation_told_by_time ON vacation_told (told_at);
