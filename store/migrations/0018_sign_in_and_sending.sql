-- What SCRAM-SHA-256 needs to check a proof (RFC 5802 §3), sealed by the master key: passwords can be guessed from it at the price of PBKDF2,
-- which is lower than that of the hash beside which it lives. It goes with the password it was made of.
CREATE TABLE account_scram (
    account_id BYTES NOT NULL PRIMARY KEY,
    verifier BYTES NOT NULL
);

-- How much an account, a unit, an agency has sent in an hour (hours since 1970): what sending limits are held against, on every node alike.
-- Written in the transaction that takes a submission in; older than two days it goes.
CREATE TABLE sending_count (
    owner_id BYTES NOT NULL,
    hour BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    recipients BIGINT NOT NULL,
    PRIMARY KEY (owner_id, hour)
) KEYLESS;
CREATE INDEX sending_count_by_hour ON sending_count (hour);
-- Limits of their own for an account, a unit or an agency, for a time.
CREATE TABLE sending_limit (
    owner_id BYTES NOT NULL PRIMARY KEY,
    messages_per_hour BIGINT NOT NULL,
    recipients_per_day BIGINT NOT NULL,
    until BIGINT,
    decision TEXT NOT NULL
);
