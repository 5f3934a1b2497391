-- A queue of any length is claimed by walking an index from its beginning. A lease is folded into `due_at`: a row under lease is not
-- due before the lease runs out, so one comparison says whether it may be had.
UPDATE outbox SET due_at = lease_until WHERE lease_holder <> '' AND lease_until > due_at;
DROP INDEX outbox_by_due;
CREATE INDEX outbox_by_turn ON outbox (kind, is_held, lane, due_at);
-- What a program that starts alone takes over: the rows under lease and no others.
CREATE INDEX outbox_by_lease ON outbox (lease_until) WHERE lease_holder <> '';
