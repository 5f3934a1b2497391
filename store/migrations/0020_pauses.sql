-- Destinations none of whose hosts answers, shared by all nodes: nobody connects there before `paused_until`, whoever found out. A row is
-- here only while a destination is dead; whoever moves `paused_until` on once it has passed may probe. Goes with the first answer.
CREATE TABLE outbox_pause (
    kind         TEXT NOT NULL,
    destination  TEXT NOT NULL,
    paused_until BIGINT NOT NULL,
    -- Failed probes in a row: the pause grows with them.
    failures     BIGINT NOT NULL,
    -- What the last try came to; never a peer's words.
    last_error   TEXT NOT NULL,
    PRIMARY KEY (kind, destination)
);
-- A closed mailbox names the box of its unit (RULES M23): found without going through the people of the agency.
CREATE INDEX account_of_unit ON account (unit_id) WHERE kind = 'agency';
