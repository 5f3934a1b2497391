-- Full text: which messages hold which words.
--
-- The index follows the account's changes: nothing is written when a message arrives, and what has changed since `modseq` is
-- caught up with after the commit, at the latest by the next search. What is gone is filtered by the messages themselves and swept with
-- the same pass.

-- How far the index of an account has come. `account_no` stands before every word of the account, so that nobody's words are read
-- to find another's; `next_no` numbers its messages.
CREATE TABLE search_account (
    account_no SERIAL_KEY,
    account_id BYTES NOT NULL,
    modseq BIGINT NOT NULL,
    next_no BIGINT NOT NULL
);
CREATE UNIQUE INDEX search_account_by_id ON search_account (account_id);

-- A message in the index, and what it is sorted by (RFC 8621 §4.4.2). `email_no` is the account's number and the message's. `files` is 1
-- while the texts of its attachments wait to be read.
CREATE TABLE search_email (
    account_id BYTES NOT NULL,
    email_no BIGINT NOT NULL,
    email_id BYTES NOT NULL,
    from_key TEXT NOT NULL,
    to_key TEXT NOT NULL,
    subject_key TEXT NOT NULL,
    files BIGINT NOT NULL,
    PRIMARY KEY (account_id, email_no)
) KEYLESS;
CREATE UNIQUE INDEX search_email_by_id ON search_email (account_id, email_id);
CREATE INDEX search_email_by_files ON search_email (account_id, email_no) WHERE files = 1;

-- The words. On SQLite rowid is twice `email_no`, and one more for the texts of attachments; nothing is stored but the index. On
-- PostgreSQL a long text is several rows, because positions of words end at 16,383. The list of pending entries is off: a search
-- would read all of it.
ON_SQLITE CREATE VIRTUAL TABLE search_words USING fts5(words, content='', contentless_delete=1, tokenize='ascii');
ON_POSTGRES CREATE TABLE search_words (account_id BYTEA NOT NULL, email_no BIGINT NOT NULL, part BIGINT NOT NULL, words TSVECTOR NOT NULL, PRIMARY KEY (account_id, email_no, part));
ON_POSTGRES CREATE INDEX search_words_by_word ON search_words USING gin (words) WITH (fastupdate = off);

-- Messages that are not seen, and those with a keyword besides: few of many, and what clients ask for most. Texts of keywords have a blank before
-- and after each.
CREATE INDEX email_unseen ON email (account_id, email_id) WHERE keywords NOT LIKE '% $seen %';
CREATE INDEX email_by_keyword ON email (account_id, email_id, keywords) WHERE keywords NOT IN ('  ', ' $seen ');
