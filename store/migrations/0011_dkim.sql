-- Keys that sign mail which leaves (DKIM, RFC 6376).
--
-- Why in the database: every node signs, with the same keys, and a key's life (published, active, retired) is a fact like any
-- other. `secret` is the private key sealed under the house's own key; `public_key` is what DNS is to say in `p=`. A retired key stays
-- published for some days after `retired_at`, so that what it signed can still be verified where it arrives late.
CREATE TABLE dkim_key (
    domain TEXT NOT NULL,
    selector TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    state TEXT NOT NULL,
    public_key TEXT NOT NULL,
    secret BYTES NOT NULL,
    created_at BIGINT NOT NULL,
    active_at BIGINT,
    retired_at BIGINT,
    PRIMARY KEY (domain, selector)
) KEYLESS;
