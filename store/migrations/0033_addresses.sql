-- A domain that is another name of a domain (`alias_of`): what is not an address there itself is the same name at the other. Why no rows for
-- each address: a reorganisation renames an agency in one act, and who joins afterwards has both names too (RULES M5).
ALTER TABLE domain ADD COLUMN alias_of TEXT;
-- Which mailbox takes what is nobody's address in the domain. Off unless somebody wants it; an address that was anybody's is never
-- answered by it (RULES M23).
ALTER TABLE domain ADD COLUMN catch_all BYTES;
CREATE INDEX domain_by_alias ON domain (alias_of);
-- Where an address has moved to (RULES M5). Until its `valid_to` mail goes there, and senders are told; afterwards they hear it in a refusal.
ALTER TABLE address ADD COLUMN moved_to TEXT;
-- Up to which held mail an account has been told what waits for it, and when (at most once a day).
CREATE TABLE quarantine_digest (
    account_id BYTES NOT NULL PRIMARY KEY,
    told_until BIGINT NOT NULL,
    told_at BIGINT NOT NULL
) KEYLESS;
-- Mails that were refused as state secrets, by a digest of what they say and who sent them: what two persons can release (RULES R13). Nothing
-- of the content is kept (R12).
CREATE TABLE mail_secrecy_refusal (
    agency_id BYTES NOT NULL,
    reference BYTES NOT NULL,
    detector TEXT NOT NULL,
    refused_at BIGINT NOT NULL,
    PRIMARY KEY (agency_id, reference)
) KEYLESS;
CREATE INDEX mail_secrecy_refusal_at ON mail_secrecy_refusal (refused_at);
