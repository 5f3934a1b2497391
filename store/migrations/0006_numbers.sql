-- Working days, deadlines, and the numbered books of the records office.
--
-- Why: whether a document was sent in time (RULES R19, K5, K6) must be known from the moment it was accepted and stay so when
-- the calendar is changed later; an alarm is raised once (R33), whichever node looks; and numbers have neither gap nor
-- repeat (R75, R76), so the counter, the line and the document's acceptance are in one transaction.

-- Days an operator declared: Tết, swapped and make-up days of years the program does not know, over what it knows. The country's,
-- so without an owner; bounded.
CREATE TABLE calendar_day (
    day TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    why TEXT NOT NULL,
    declared_at BIGINT NOT NULL,
    declared_by TEXT NOT NULL
) KEYLESS;

-- Hours of the deadlines (end of the morning and so on), minutes after midnight, each from a day on.
CREATE TABLE calendar_hour (
    name TEXT NOT NULL,
    valid_from TEXT NOT NULL,
    minutes BIGINT NOT NULL,
    PRIMARY KEY (name, valid_from)
) KEYLESS;

-- When a document was signed, as far as is known, until when it had to be sent, and whether it was. Owned by the sender.
-- `signed_by` says what the day of signing rests on: a signature, or the date the document states.
CREATE TABLE document_deadline (
    agency_id BYTES NOT NULL,
    document_id BYTES NOT NULL,
    signed_on TEXT NOT NULL,
    signed_by TEXT NOT NULL,
    signed_at BIGINT,
    sealed_at BIGINT,
    sent_at BIGINT NOT NULL,
    send_deadline BIGINT NOT NULL,
    is_late BIGINT NOT NULL,
    is_same_day BIGINT NOT NULL,
    PRIMARY KEY (agency_id, document_id)
) KEYLESS;
CREATE INDEX document_deadline_by_date ON document_deadline (agency_id, sent_at);

-- What a receiver owes: an answer (`receipt`), or the work itself (`due`). One row each, which goes when it is done. `stage`:
-- ahead, soon (reminded), over (late). Owned by the receiver; the sender sees who is late.
CREATE TABLE deadline_watch (
    agency_id BYTES NOT NULL,
    document_id BYTES NOT NULL,
    watch TEXT NOT NULL,
    sender_id BYTES NOT NULL,
    stage TEXT NOT NULL,
    alarm_at BIGINT NOT NULL,
    deadline BIGINT NOT NULL,
    PRIMARY KEY (agency_id, document_id, watch)
) KEYLESS;
CREATE INDEX deadline_watch_alarm ON deadline_watch (alarm_at) WHERE stage <> 'over';
CREATE INDEX deadline_watch_over ON deadline_watch (agency_id, watch, deadline) WHERE stage = 'over';
CREATE INDEX deadline_watch_over_by_sender ON deadline_watch (sender_id, watch, deadline) WHERE stage = 'over';

-- The other lists of what went wrong for a sender (RULES R27): few rows each, whatever was ever sent.
CREATE INDEX delivery_failed ON delivery (sender_id, updated_at) WHERE state = 'fail';
CREATE INDEX document_receiver_returned ON document_receiver (sender_id, changed_at) WHERE state = 'returned';

-- Which books an agency keeps here. `kept`: numbers are given here; `recorded`: its own system gives them, they are only
-- written down; `closed`: nothing new.
CREATE TABLE book (
    agency_id BYTES NOT NULL,
    book TEXT NOT NULL,
    state TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (agency_id, book)
) KEYLESS;

-- The counter of a book's year. Whoever takes a number holds this row until its transaction ends.
CREATE TABLE book_series (
    agency_id BYTES NOT NULL,
    book TEXT NOT NULL,
    year BIGINT NOT NULL,
    first_number BIGINT NOT NULL,
    next_number BIGINT NOT NULL,
    next_line BIGINT NOT NULL,
    last_on TEXT NOT NULL,
    PRIMARY KEY (agency_id, book, year)
) KEYLESS;

-- A line of a book. `number` is one of the series, NULL when it was given elsewhere; `code` is number and notation as the
-- document states them; `state`: reserved, used, void. A line is never removed. `facts` is what the law's columns show, as it
-- was when the line was written, so a register needs no other owner's rows.
CREATE TABLE register_line (
    agency_id BYTES NOT NULL,
    book TEXT NOT NULL,
    year BIGINT NOT NULL,
    line_no BIGINT NOT NULL,
    number BIGINT,
    code TEXT NOT NULL,
    state TEXT NOT NULL,
    on_day TEXT NOT NULL,
    request_key TEXT,
    document_id BYTES,
    identifier TEXT NOT NULL,
    facts TEXT NOT NULL,
    answered_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    taken_at BIGINT NOT NULL,
    taken_by TEXT NOT NULL,
    ended_at BIGINT,
    ended_by TEXT NOT NULL,
    PRIMARY KEY (agency_id, book, year, line_no)
) KEYLESS;
CREATE UNIQUE INDEX register_line_number ON register_line (agency_id, book, year, number);
CREATE UNIQUE INDEX register_line_request ON register_line (agency_id, book, request_key);
CREATE UNIQUE INDEX register_line_document ON register_line (agency_id, book, document_id);
CREATE INDEX register_line_identifier ON register_line (agency_id, identifier);
CREATE INDEX register_line_reserved ON register_line (agency_id, on_day) WHERE state = 'reserved';
