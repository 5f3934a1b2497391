-- What happened to each message, from connection to mailbox: one row for each event, written in the transaction of what it tells.
--
-- Appended in the order of time and let go from the old end, so the key is a number and not the owner: nothing here is updated, and a row of
-- four hundred bytes should cost little more than itself. `name` is what the sender was told after 250; it travels with the message
-- through the outbox and into reports. What is searched is found by digests under a key of the house; what happened, addresses and all, is
-- sealed. `owner_id` is the account or agency concerned; zeroes where nobody of ours is.
CREATE TABLE mail_trace (
    seq SERIAL_KEY,
    name TEXT NOT NULL,
    owner_id BYTES NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    message_digest BYTES,
    sender_digest BYTES,
    sealed BYTES NOT NULL
);
CREATE INDEX mail_trace_by_name ON mail_trace (name);
CREATE INDEX mail_trace_by_owner ON mail_trace (owner_id, seq);
CREATE INDEX mail_trace_by_message ON mail_trace (message_digest) WHERE message_digest IS NOT NULL;
CREATE INDEX mail_trace_by_sender ON mail_trace (sender_digest, seq) WHERE sender_digest IS NOT NULL;
