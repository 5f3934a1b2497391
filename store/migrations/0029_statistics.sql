-- What the statistics of the exchange are counted from, and the counts of days that are over.
--
-- Why: statistics come from the history and are never typed in (RULES R53); every figure leads to its documents (K22); and a
-- year of a million documents is added up from the counts of its days, not from its documents.

-- One thing that happened to one document, for the agency that it counts for; written in the transaction of what happened, once,
-- and not changed again. `other_id`: the other side of it, where an agency may count the document several times: the receiver that
-- gave it back, the act that recalled it. `kind`: the document's type, or the code of a reason; `marks`: words in the order of
-- their letters. `weight`: deliveries. `day` is a day in Vietnam.
CREATE TABLE exchange_fact (
    agency_id BYTES NOT NULL,
    document_id BYTES NOT NULL,
    fact TEXT NOT NULL,
    other_id BYTES NOT NULL,
    day TEXT NOT NULL,
    kind TEXT NOT NULL,
    marks TEXT NOT NULL,
    weight BIGINT NOT NULL,
    PRIMARY KEY (agency_id, document_id, fact, other_id)
) KEYLESS;
CREATE INDEX exchange_fact_by_day ON exchange_fact (agency_id, day, fact);

-- The facts of a day that is over, counted.
CREATE TABLE exchange_count (
    agency_id BYTES NOT NULL,
    day TEXT NOT NULL,
    fact TEXT NOT NULL,
    kind TEXT NOT NULL,
    marks TEXT NOT NULL,
    n BIGINT NOT NULL,
    weight BIGINT NOT NULL,
    PRIMARY KEY (agency_id, day, fact, kind, marks)
) KEYLESS;

-- One row: the last day that is counted. Later days are counted from their facts whenever somebody asks.
CREATE TABLE exchange_counted (one BIGINT NOT NULL PRIMARY KEY, through TEXT NOT NULL);
INSERT INTO exchange_counted (one, through) VALUES (1, '');
