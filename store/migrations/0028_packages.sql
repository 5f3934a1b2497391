-- In how many segments a blob was sealed: 0 for all that were sealed in one piece. A large package is sealed and opened a segment at a time, so
-- that its size is no measure of the memory it takes.
ALTER TABLE blob ADD COLUMN segments BIGINT NOT NULL DEFAULT 0;
-- What an agency's systems were refused, newest first, without reading its whole audit log.
CREATE INDEX audit_refused ON audit (owner_id, audit_id) WHERE action = 'document.refused';
