-- Policy as data (RULES M7–M12, M31, M32), and the official documents found in mails (R3–R5).

-- A rule in force at a scope: the house (sixteen zero bytes), an agency, a unit, an account; the nearest to the sender counts.
-- `parameters` is the JSON of the rule's own words. A rule that is changed or taken back ends (`valid_to`) and stays: what was
-- in force on a day can be told.
CREATE TABLE policy_rule (
    owner_id BYTES NOT NULL,
    rule TEXT NOT NULL,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT,
    scope TEXT NOT NULL,
    parameters TEXT NOT NULL,
    decision TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    PRIMARY KEY (owner_id, rule, valid_from)
) KEYLESS;

-- A rule that is not asked at a scope until a day. There is no exception without an end.
CREATE TABLE policy_exception (
    owner_id BYTES NOT NULL,
    rule TEXT NOT NULL,
    granted_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    scope TEXT NOT NULL,
    reason TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    PRIMARY KEY (owner_id, rule, granted_at)
) KEYLESS;

-- What the rules knew of a letter, for "what would this rule have done last week" and for reports: counts and words, never an
-- address, a subject or content. One row for a letter of our own people, and for one from outside that bore an official's name.
-- They go after some weeks.
CREATE TABLE policy_letter (
    owner_id BYTES NOT NULL,
    at BIGINT NOT NULL,
    trace TEXT NOT NULL,
    agency_id BYTES,
    unit_id BYTES,
    outcome TEXT NOT NULL,
    facts TEXT NOT NULL,
    PRIMARY KEY (owner_id, at, trace)
) KEYLESS;
CREATE INDEX policy_letter_by_time ON policy_letter (at);

-- An official document in a mail that was taken in: whose file it is the digest says, what it is worth the judgement. The owner is the account
-- whose transaction took the mail in; `trace` is the mail's name there. `judged_at` is empty while nobody has judged.
CREATE TABLE mail_document (
    owner_id BYTES NOT NULL,
    trace TEXT NOT NULL,
    sha256 BYTES NOT NULL,
    symbol TEXT NOT NULL,
    verdict TEXT NOT NULL,
    is_original BIGINT NOT NULL,
    reasons TEXT NOT NULL,
    found_at BIGINT NOT NULL,
    judged_at BIGINT,
    PRIMARY KEY (owner_id, trace, sha256)
) KEYLESS;

-- The folded name of its holder, by which a stranger who writes under it is found (RULES M9). Empty until it is folded: folding is ours,
-- no engine's.
ALTER TABLE account ADD COLUMN name_folded TEXT;
CREATE INDEX account_by_name ON account (name_folded);
-- The highest warning about a filling mailbox that its holder was given, in percent (RULES M31).
ALTER TABLE account ADD COLUMN quota_warned BIGINT NOT NULL DEFAULT 0;
