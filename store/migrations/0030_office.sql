-- What the head of an agency decides about its documents: who signs by authorisation, which regulations hold, for which documents
-- paper is sent too.
--
-- Why: a signature "TUQ." counts only under a written authorisation, for a time (NĐ 30/2020 Đ13.3, RULES R81); paper beside an
-- electronic document needs an item of the list that the head decided (QĐ 28/2018 Đ7.2.b, RULES R15); and both have to be told of a
-- day that is long past, so nothing here is changed or removed: it ends.

-- A written authorisation to sign. Days are Vietnam's, both included; `ended_on` is the first day on which it holds no more, when it was
-- taken back. Keys are names as they are compared.
CREATE TABLE authorisation (
    agency_id BYTES NOT NULL,
    no BIGINT NOT NULL,
    holder TEXT NOT NULL,
    holder_key TEXT NOT NULL,
    granter TEXT NOT NULL,
    granter_key TEXT NOT NULL,
    document TEXT NOT NULL,
    content TEXT NOT NULL,
    from_day TEXT NOT NULL,
    to_day TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    recorded_by TEXT NOT NULL,
    ended_on TEXT,
    ended_by TEXT NOT NULL,
    PRIMARY KEY (agency_id, no)
) KEYLESS;
CREATE INDEX authorisation_by_holder ON authorisation (agency_id, holder_key);

-- A text of the agency's own: `regulation` (quy chế), or `paper-list` (Đ7.2.b). `to_day` empty: until another day is recorded.
CREATE TABLE regulation (
    agency_id BYTES NOT NULL,
    no BIGINT NOT NULL,
    kind TEXT NOT NULL,
    number TEXT NOT NULL,
    title TEXT NOT NULL,
    issued_on TEXT NOT NULL,
    signer TEXT NOT NULL,
    from_day TEXT NOT NULL,
    to_day TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    recorded_by TEXT NOT NULL,
    PRIMARY KEY (agency_id, no)
) KEYLESS;

-- The items of a list.
CREATE TABLE regulation_item (
    agency_id BYTES NOT NULL,
    no BIGINT NOT NULL,
    item TEXT NOT NULL,
    what TEXT NOT NULL,
    PRIMARY KEY (agency_id, no, item)
) KEYLESS;
