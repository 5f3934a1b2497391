-- How mail leaves the house: what TLS has to be towards each destination, and what it came to.

-- What the operator demands of a destination (RULES M35). `domain` is a domain, a host or, with a dot in front, everything below one.
-- `level` is `verify`, `encrypt` or `may`; `names` are names that count in a certificate, a line each; `anchors` are certificates in
-- PEM that count instead of the usual ones.
CREATE TABLE tls_policy (
    domain TEXT NOT NULL PRIMARY KEY,
    level TEXT NOT NULL,
    names TEXT NOT NULL,
    anchors TEXT NOT NULL,
    created_at BIGINT NOT NULL
) KEYLESS;
-- Policies of other domains (RFC 8461), kept across restarts for as long as they say: whoever can suppress an answer of DNS must not
-- make us forget one. `policy` is the file as it came, empty before the first; nothing is fetched before `retry_at`.
CREATE TABLE mta_sts (
    domain TEXT NOT NULL PRIMARY KEY,
    policy_id TEXT NOT NULL,
    policy TEXT NOT NULL,
    fetched_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    retry_at BIGINT NOT NULL
);
CREATE INDEX mta_sts_by_expiry ON mta_sts (expires_at);
-- What connections to a destination came to, a day of UTC each (RFC 8460). `failure` is empty for success. `policy` is what
-- was held against the host, the last one of the day.
CREATE TABLE tls_outcome (
    domain TEXT NOT NULL,
    day BIGINT NOT NULL,
    kind TEXT NOT NULL,
    failure TEXT NOT NULL,
    host TEXT NOT NULL,
    policy TEXT NOT NULL,
    sessions BIGINT NOT NULL,
    PRIMARY KEY (domain, day, kind, failure, host)
) KEYLESS;
CREATE INDEX tls_outcome_by_day ON tls_outcome (day);
-- Days of destinations that were reported, or that nobody wants to hear of.
CREATE TABLE tls_reported (
    domain TEXT NOT NULL,
    day BIGINT NOT NULL,
    reported_at BIGINT NOT NULL,
    PRIMARY KEY (domain, day)
) KEYLESS;
