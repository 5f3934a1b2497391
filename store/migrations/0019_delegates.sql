-- Who may act in an agency's box (RULES M1, M26): a person, with rights of their own, for a time, on the word of a decision. `rights` are words
-- with commas. A box has few delegates and a person few boxes; every submission with a foreign From asks by the key. What was granted and
-- taken away before stands in the audit log of the agency.
CREATE TABLE delegate (
    box_id BYTES NOT NULL,
    person_id BYTES NOT NULL,
    rights TEXT NOT NULL,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT NOT NULL,
    decision TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    PRIMARY KEY (box_id, person_id)
) KEYLESS;
CREATE INDEX delegate_by_person ON delegate (person_id);
