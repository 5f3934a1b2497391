-- Push (RFC 8620 §7.2), what the signature of a mail came to (RFC 9219), and which official documents a message holds.

-- Where a client of an account wants to be told that something changed. Nothing but the verification code is sent there before the
-- client has given that back. `told_modseq` is the state it was told of last; while `is_queued`, a row of the outbox is on its way
-- and tells whatever changes meanwhile. One that is gone keeps its row for an hour: it counts against making new ones, since each of
-- them sends something to an address that anybody may have named.
CREATE TABLE push_subscription (
    account_id BYTES NOT NULL,
    push_id BYTES NOT NULL,
    device_client_id TEXT NOT NULL,
    url TEXT NOT NULL,
    p256dh BYTES NOT NULL,
    auth BYTES NOT NULL,
    types TEXT NOT NULL,
    code TEXT NOT NULL,
    is_verified BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    told_modseq BIGINT NOT NULL,
    is_queued BIGINT NOT NULL,
    pushed_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    gone_at BIGINT,
    PRIMARY KEY (account_id, push_id)
) KEYLESS;
CREATE INDEX push_subscription_by_expiry ON push_subscription (expires_at);
-- How many of its subscriptions are verified: the row that counts the account's changes says by the way whether anybody is to be
-- told, so a change costs nothing more where nobody is.
ALTER TABLE account ADD COLUMN push_subscriptions BIGINT NOT NULL DEFAULT 0;

-- What the signature of a mail came to, by the mail's bytes: copies of a message in an account share it. `at_delivery` is written
-- once and stays as long as the message (RFC 9219 §4.1); it is empty while the worker has not judged. `status` is the latest
-- judgement. `due_at` is when the worker looks (again); empty when it has nothing to do. `email_id` is the message that came first:
-- it changes when the answer is there.
CREATE TABLE email_smime (
    account_id BYTES NOT NULL,
    blob_id BYTES NOT NULL,
    email_id BYTES NOT NULL,
    at_delivery TEXT NOT NULL,
    status TEXT NOT NULL,
    errors TEXT NOT NULL,
    verified_at BIGINT,
    attempts BIGINT NOT NULL,
    due_at BIGINT,
    PRIMARY KEY (account_id, blob_id)
) KEYLESS;
CREATE INDEX email_smime_by_due ON email_smime (due_at) WHERE due_at IS NOT NULL;

-- The official documents attached to a message (RULES R3–R5), as they were judged when somebody last asked, by the message's bytes.
-- `mail_document` is the house's own record of a mail that was taken in; this one belongs to each account that has the message, and
-- goes with it. `documents` is JSON.
CREATE TABLE email_document (
    account_id BYTES NOT NULL,
    blob_id BYTES NOT NULL,
    documents TEXT NOT NULL,
    judged_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, blob_id)
) KEYLESS;

-- The class of the signatures (RULES D30) beside the verdict.
ALTER TABLE mail_document ADD COLUMN class TEXT NOT NULL DEFAULT '';
