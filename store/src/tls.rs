//! How mail leaves: what is demanded of the way to a destination, what destinations demand themselves, and what connections came to.

use mail::Timestamp;

use crate::Tx;
use crate::error::{Error, Result};
use crate::sql::{Row, values};

/// Labels of a name that are looked at for a policy of what is below them; longer names are looked at from their end.
const LABELS_MAX: usize = 10;
/// Kinds of outcome kept of one destination and day. A destination with ever new hosts is counted on without their names.
const OUTCOMES_MAX: i64 = 64;

/// How much is demanded of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsLevel {
    /// TLS, and a certificate that leads to an anchor and has the right name.
    Verify,
    /// TLS, with any certificate.
    Encrypt,
    /// TLS if the peer has it.
    May,
}

impl TlsLevel {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Encrypt => "encrypt",
            Self::May => "may",
        }
    }

    fn from_word(word: &str) -> Result<Self> {
        let known = [Self::Verify, Self::Encrypt, Self::May].into_iter().find(|one| one.as_str() == word);
        known.ok_or(Error::Damaged("a TLS level"))
    }
}

/// What the operator demands of a destination (RULES M35).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsPolicyRow {
    /// A domain, a host or, with a dot in front, everything below one.
    pub domain: String,
    /// How much.
    pub level: TlsLevel,
    /// Names that count in a certificate; none: the host's own.
    pub names: Vec<String>,
    /// Certificates in PEM that count instead of the usual ones; may be empty.
    pub anchors: String,
}

/// What is known of a domain's MTA-STS policy (RFC 8461).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MtaStsRow {
    /// Whose.
    pub domain: String,
    /// The id under which it was announced.
    pub policy_id: String,
    /// The file as it came; empty when none ever came.
    pub policy: String,
    /// When it came.
    pub fetched_at: Timestamp,
    /// Until when it holds.
    pub expires_at: Timestamp,
    /// Not to be fetched before.
    pub retry_at: Timestamp,
}

/// What a number of connections to a destination came to (RFC 8460 §4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsOutcome {
    /// The destination.
    pub domain: String,
    /// Days since 1970, UTC.
    pub day: i64,
    /// `tlsa`, `sts` or `no-policy-found`.
    pub kind: String,
    /// Empty for success.
    pub failure: String,
    /// The host.
    pub host: String,
    /// What was held against it.
    pub policy: String,
    /// How many.
    pub sessions: i64,
}

fn policy(row: &Row) -> Result<TlsPolicyRow> {
    Ok(TlsPolicyRow {
        domain: row.text(0)?,
        level: TlsLevel::from_word(row.str(1)?)?,
        names: row.text(2)?.lines().map(str::to_owned).collect(),
        anchors: row.text(3)?,
    })
}

fn mta_sts(row: &Row) -> Result<MtaStsRow> {
    Ok(MtaStsRow {
        domain: row.text(0)?,
        policy_id: row.text(1)?,
        policy: row.text(2)?,
        fetched_at: row.moment(3)?,
        expires_at: row.moment(4)?,
        retry_at: row.moment(5)?,
    })
}

impl Tx {
    /// Demands something of a destination, instead of what was demanded before.
    pub async fn put_tls_policy(&mut self, new: &TlsPolicyRow, now: Timestamp) -> Result<()> {
        self.exec(
            "INSERT INTO tls_policy (domain, level, names, anchors, created_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (domain) DO UPDATE SET level = excluded.level, names = excluded.names, \
             anchors = excluded.anchors, created_at = excluded.created_at",
            values![&new.domain, new.level.as_str(), &new.names.join("\n"), &new.anchors, now],
        )
        .await
        .map(drop)
    }

    /// Demands nothing particular any more; `false` when nothing was.
    pub async fn remove_tls_policy(&mut self, domain: &str) -> Result<bool> {
        Ok(self.exec("DELETE FROM tls_policy WHERE domain = $1", values![domain]).await? == 1)
    }

    /// Everything that is demanded.
    pub async fn tls_policies(&mut self) -> Result<Vec<TlsPolicyRow>> {
        let rows =
            self.rows("SELECT domain, level, names, anchors FROM tls_policy ORDER BY domain", &[]).await?;
        rows.iter().map(policy).collect()
    }

    /// What is demanded of a destination: its own, or that of the nearest domain above it that has one for what is below.
    pub async fn tls_policy(&mut self, domain: &str) -> Result<Option<TlsPolicyRow>> {
        let mut wanted = vec![domain.to_owned()];
        let dots: Vec<usize> = domain.match_indices('.').map(|(at, _)| at).collect();
        let near = dots.len().saturating_sub(LABELS_MAX);
        wanted.extend(dots.into_iter().skip(near).filter_map(|at| domain.get(at..)).map(str::to_owned));
        for key in wanted {
            let row = self
                .row("SELECT domain, level, names, anchors FROM tls_policy WHERE domain = $1", values![&key])
                .await?;
            if let Some(row) = row {
                return policy(&row).map(Some);
            }
        }
        Ok(None)
    }

    /// What is known of a domain's own policy.
    pub async fn mta_sts(&mut self, domain: &str) -> Result<Option<MtaStsRow>> {
        let row = self
            .row(
                "SELECT domain, policy_id, policy, fetched_at, expires_at, retry_at FROM mta_sts WHERE domain = $1",
                values![domain],
            )
            .await?;
        row.map(|row| mta_sts(&row)).transpose()
    }

    /// Remembers a domain's own policy, or that there was none to be had.
    pub async fn put_mta_sts(&mut self, new: &MtaStsRow) -> Result<()> {
        self.exec(
            "INSERT INTO mta_sts (domain, policy_id, policy, fetched_at, expires_at, retry_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (domain) DO UPDATE SET policy_id = excluded.policy_id, \
             policy = excluded.policy, fetched_at = excluded.fetched_at, expires_at = excluded.expires_at, \
             retry_at = excluded.retry_at",
            values![
                &new.domain,
                &new.policy_id,
                &new.policy,
                new.fetched_at,
                new.expires_at,
                new.retry_at
            ],
        )
        .await
        .map(drop)
    }

    /// Policies that hold now and not much longer, and may be fetched again.
    pub async fn mta_sts_ending(
        &mut self,
        now: Timestamp,
        until: Timestamp,
        limit: i64,
    ) -> Result<Vec<MtaStsRow>> {
        let rows = self
            .rows(
                "SELECT domain, policy_id, policy, fetched_at, expires_at, retry_at FROM mta_sts \
                 WHERE expires_at > $1 AND expires_at <= $2 AND retry_at <= $1 ORDER BY expires_at LIMIT $3",
                values![now, until, limit],
            )
            .await?;
        rows.iter().map(mta_sts).collect()
    }

    /// Forgets policies that have long ended.
    pub async fn drop_mta_sts(&mut self, ended_before: Timestamp) -> Result<u64> {
        self.exec("DELETE FROM mta_sts WHERE expires_at < $1 AND retry_at < $1", values![ended_before]).await
    }

    /// Adds to the counts of connections.
    pub async fn add_tls_outcomes(&mut self, outcomes: &[TlsOutcome]) -> Result<()> {
        for outcome in outcomes {
            let room = self
                .row(
                    "SELECT COUNT(*) FROM tls_outcome WHERE domain = $1 AND day = $2",
                    values![&outcome.domain, outcome.day],
                )
                .await?
                .map_or(Ok(0), |row| row.int(0))?
                < OUTCOMES_MAX;
            let host = if room { outcome.host.as_str() } else { "" };
            self.exec(
                "INSERT INTO tls_outcome (domain, day, kind, failure, host, policy, sessions) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (domain, day, kind, failure, host) DO UPDATE \
                 SET policy = excluded.policy, sessions = tls_outcome.sessions + excluded.sessions",
                values![
                    &outcome.domain,
                    outcome.day,
                    &outcome.kind,
                    &outcome.failure,
                    host,
                    &outcome.policy,
                    outcome.sessions
                ],
            )
            .await?;
        }
        Ok(())
    }

    /// What the connections of a day came to; of one destination, or of `limit` outcomes of all.
    pub async fn tls_outcomes(
        &mut self,
        day: i64,
        domain: Option<&str>,
        limit: i64,
    ) -> Result<Vec<TlsOutcome>> {
        let rows = self
            .rows(
                "SELECT domain, day, kind, failure, host, policy, sessions FROM tls_outcome \
                 WHERE day = $1 AND ($2 = '' OR domain = $2) ORDER BY domain, kind, failure, host LIMIT $3",
                values![day, domain.unwrap_or_default(), limit],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(TlsOutcome {
                    domain: row.text(0)?,
                    day: row.int(1)?,
                    kind: row.text(2)?,
                    failure: row.text(3)?,
                    host: row.text(4)?,
                    policy: row.text(5)?,
                    sessions: row.int(6)?,
                })
            })
            .collect()
    }

    /// Destinations with days before `day` that were not reported yet.
    pub async fn tls_unreported(&mut self, day: i64, limit: i64) -> Result<Vec<(String, i64)>> {
        let rows = self
            .rows(
                "SELECT DISTINCT o.domain, o.day FROM tls_outcome o WHERE o.day < $1 AND NOT EXISTS \
                 (SELECT 1 FROM tls_reported r WHERE r.domain = o.domain AND r.day = o.day) \
                 ORDER BY o.day, o.domain LIMIT $2",
                values![day, limit],
            )
            .await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.int(1)?))).collect()
    }

    /// A day of a destination is reported; `false` when somebody did before.
    pub async fn mark_tls_reported(&mut self, domain: &str, day: i64, now: Timestamp) -> Result<bool> {
        let written = self
            .exec(
                "INSERT INTO tls_reported (domain, day, reported_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                values![domain, day, now],
            )
            .await?;
        Ok(written == 1)
    }

    /// Forgets the days before `day`.
    pub async fn drop_tls_outcomes(&mut self, day: i64) -> Result<u64> {
        self.exec("DELETE FROM tls_reported WHERE day < $1", values![day]).await?;
        self.exec("DELETE FROM tls_outcome WHERE day < $1", values![day]).await
    }
}
