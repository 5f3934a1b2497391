-- The largest UIDVALIDITY that a mailbox of the account was ever given (RFC 9051 §2.3.1.1). It outlives the mailboxes: one that is deleted and made
-- anew in the same second, or takes the name of another, never repeats the number a client has kept its UIDs under.
ALTER TABLE account ADD COLUMN uid_validity BIGINT NOT NULL DEFAULT 0;
UPDATE account SET uid_validity = COALESCE((SELECT MAX(m.uid_validity) FROM mailbox m WHERE m.account_id = account.account_id), 0);

-- Messages by their length, and those with attachments: what clients ask for when a mailbox is full. What is asked for is in the index, so that the rows,
-- which are long, are not read. A blob's messages are found by its size, too: an index by blob would cost every delivery more than the question is worth.
CREATE INDEX email_by_size ON email (account_id, size, email_id);
CREATE INDEX email_with_attachment ON email (account_id, email_id, has_attachment) WHERE has_attachment = 1;
