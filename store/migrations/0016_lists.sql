-- Distribution lists. A list's address is a row of `address` (kind `list`, with the list's id in `account_id`): all addresses have one
-- key, so none is an account's and a list's, and one that ended is never given away (RULES M23).
CREATE TABLE list (
    list_id BYTES NOT NULL PRIMARY KEY,
    agency_id BYTES NOT NULL,
    unit_id BYTES,
    address TEXT NOT NULL,
    name TEXT NOT NULL,
    who_may_send TEXT NOT NULL,
    is_everybody BIGINT NOT NULL,
    responsible_id BYTES NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX list_by_agency ON list (agency_id);
-- Who receives from a list, and who was named as its sender (`part`). A member of this house is an account, whatever becomes of its
-- addresses; anybody else is an address. `member` is the key of either.
CREATE TABLE list_member (
    list_id BYTES NOT NULL,
    part TEXT NOT NULL,
    member TEXT NOT NULL,
    account_id BYTES,
    address TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (list_id, part, member)
) KEYLESS;
