-- Carriers that keep a connection for the next mail, and smart hosts that ask who we are.

-- Why: whoever has a connection to a destination looks for more mail for it, and whoever passes over the destinations that bear no more
-- looks for others. Both walk this index from a place to the next, however much waits anywhere. Mail that leaves is all it holds, so mail
-- for mailboxes here pays nothing for it.
CREATE INDEX outbox_by_place ON outbox (destination, lane, due_at) WHERE kind = 'mail' AND is_held = 0;

-- How the next hop of a route is spoken to. `tls` is 'policy' (as the policies say), 'starttls' or 'implicit'; `mechanism`, `login` and the sealed
-- `secret` are those of a smart host that wants a sign-in (RFC 4954). What it refused last, and when, is kept for the operator: until then
-- passes, nobody knocks again with the same word.
ALTER TABLE mail_route ADD COLUMN tls TEXT NOT NULL DEFAULT 'policy';
ALTER TABLE mail_route ADD COLUMN mechanism TEXT NOT NULL DEFAULT '';
ALTER TABLE mail_route ADD COLUMN login TEXT NOT NULL DEFAULT '';
ALTER TABLE mail_route ADD COLUMN secret BYTES;
ALTER TABLE mail_route ADD COLUMN refused_at BIGINT;
ALTER TABLE mail_route ADD COLUMN refused TEXT NOT NULL DEFAULT '';
