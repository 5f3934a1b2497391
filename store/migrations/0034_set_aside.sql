-- What was found to bear a mark of secrecy after it was stored, and how far documents have been looked at again.
--
-- Why: a door looks at first pages, and detectors get better. What is found later is set aside at once: nobody reads it, nothing of it
-- is deleted, and two persons let it go when it was a false alarm (RULES R11, R13). What becomes of it is for people under the law on
-- state secrets.

-- `kind` is `document` (its id is the subject) or `mail` (its id in the quarantine is). `agency_id` is the sender of a document, and the
-- agency of a mailbox. `sha256` is of the package, or of the message: two persons release those very bytes.
CREATE TABLE set_aside (
    agency_id BYTES NOT NULL,
    subject_id BYTES NOT NULL,
    kind TEXT NOT NULL,
    sha256 BYTES NOT NULL,
    detector TEXT NOT NULL,
    found_by TEXT NOT NULL,
    found_at BIGINT NOT NULL,
    released_at BIGINT,
    PRIMARY KEY (agency_id, subject_id)
) KEYLESS;
CREATE INDEX set_aside_by_digest ON set_aside (sha256);

-- The last document of a sender that was looked at again; ids are in the order of time.
CREATE TABLE looked_again (
    agency_id BYTES NOT NULL PRIMARY KEY,
    document_id BYTES NOT NULL
) KEYLESS;
