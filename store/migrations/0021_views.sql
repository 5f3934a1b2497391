-- A mailbox as a numbered list (RFC 9051), beside the one that JMAP shows.
--
-- `saved_at` is when a message was put into a mailbox (RFC 8514), empty for what lay there before this was kept. `is_deleted` is \Deleted: it
-- is of a message in a mailbox, not of the message, and JMAP never sees it.
ALTER TABLE placement ADD COLUMN saved_at BIGINT;
ALTER TABLE placement ADD COLUMN is_deleted BIGINT NOT NULL DEFAULT 0;
-- What EXPUNGE takes out is found without going through the mailbox.
CREATE INDEX placement_deleted ON placement (account_id, mailbox_id, uid) WHERE is_deleted = 1;

-- What STATUS tells, exact and at once: bytes, messages without \Seen (drafts count here, unlike in `unread_emails`), messages with \Deleted.
ALTER TABLE mailbox ADD COLUMN bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mailbox ADD COLUMN unseen_emails BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mailbox ADD COLUMN deleted_emails BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mailbox ADD COLUMN deleted_bytes BIGINT NOT NULL DEFAULT 0;
UPDATE mailbox SET bytes = COALESCE((SELECT CAST(SUM(e.size) AS BIGINT) FROM placement p
    JOIN email e ON e.account_id = p.account_id AND e.email_id = p.email_id
    WHERE p.account_id = mailbox.account_id AND p.mailbox_id = mailbox.mailbox_id), 0),
    unseen_emails = (SELECT COUNT(*) FROM placement p
    JOIN email e ON e.account_id = p.account_id AND e.email_id = p.email_id
    WHERE p.account_id = mailbox.account_id AND p.mailbox_id = mailbox.mailbox_id AND e.keywords NOT LIKE '% $seen %');

-- What went since a state (RFC 7162 §3.2), from an index alone. Every number that was given out is at a message or here.
CREATE INDEX expunged_by_change ON expunged (account_id, mailbox_id, modseq, uid);
-- A mailbox that is gone takes the numbers that went before it along.
DELETE FROM expunged WHERE NOT EXISTS (SELECT 1 FROM mailbox m
    WHERE m.account_id = expunged.account_id AND m.mailbox_id = expunged.mailbox_id);
