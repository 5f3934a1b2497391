-- In how many segments a blob was sealed: 0 for all that were sealed in one piece. A large package is sealed and opened a segment at a time, so
-- that its size is no measure of the memory it takes.
ALTER TABLE blob ADD COLUMN segments BIGINT NOT NULL DEFAULT 0;
