//! What the quarantine comes to: for whom something new waits, and how much of what there was. Counts, and nothing of any mail.

use mail::{AccountId, AgencyId, Timestamp};

use crate::Tx;
use crate::error::Result;
use crate::sql::values;

/// Rows of one report; a province has some hundreds of units, and a handful of reasons.
const ROWS_MAX: i64 = 20_000;

/// An account for whom held mail waits that it has not been told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestDue {
    /// Whose.
    pub account_id: AccountId,
    /// Up to which it was told.
    pub told_until: Timestamp,
    /// When the newest was held.
    pub newest: Timestamp,
}

/// How many mails of a unit were held for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineCount {
    /// The agency.
    pub agency_id: AgencyId,
    /// The code of the unit, if the accounts are of one.
    pub unit: Option<String>,
    /// [`mail::letter::Hold::reason`].
    pub reason: String,
    /// What became of them: [`crate::HeldState::name`].
    pub state: String,
    /// What people said of them: [`crate::Judgement::name`], or empty.
    pub judgement: String,
    /// How many.
    pub count: i64,
}

impl Tx {
    /// The accounts after `after` for whom something new waits, and who were not told since `again_after`; `limit` at most. What takes two persons
    /// is not theirs to decide, and they were told of it when it was set aside (RULES R11).
    pub async fn digests_due(
        &mut self,
        again_after: Timestamp,
        after: AccountId,
        limit: i64,
    ) -> Result<Vec<DigestDue>> {
        let rows = self
            .rows(
                "SELECT q.account_id, COALESCE(MAX(d.told_until), 0), MAX(q.held_at) FROM quarantine q \
                 LEFT JOIN quarantine_digest d ON d.account_id = q.account_id \
                 WHERE q.state = 'held' AND q.releaser <> 'two-persons' AND q.account_id > $1 \
                 AND (d.account_id IS NULL OR (q.held_at > d.told_until AND d.told_at <= $2)) \
                 GROUP BY q.account_id ORDER BY q.account_id LIMIT $3",
                values![&after, again_after, limit],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(DigestDue { account_id: row.id(0)?, told_until: row.moment(1)?, newest: row.moment(2)? })
            })
            .collect()
    }

    /// Notes that an account is told; `false` when somebody else told it meanwhile.
    pub async fn note_digest(&mut self, due: &DigestDue, now: Timestamp) -> Result<bool> {
        let touched = self
            .exec(
                "INSERT INTO quarantine_digest (account_id, told_until, told_at) VALUES ($1, $2, $3) \
                 ON CONFLICT (account_id) DO UPDATE SET told_until = excluded.told_until, told_at = excluded.told_at \
                 WHERE quarantine_digest.told_until = $4",
                values![&due.account_id, due.newest, now, due.told_until],
            )
            .await?;
        Ok(touched == 1)
    }

    /// How much was held from `from` to before `to`, by unit, reason and what became of it.
    pub async fn quarantine_counts(
        &mut self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<QuarantineCount>> {
        let rows = self
            .rows(
                "SELECT a.agency_id, u.code, q.reason, q.state, q.judgement, COUNT(*) FROM quarantine q \
                 JOIN account a ON a.account_id = q.account_id \
                 LEFT JOIN unit u ON u.agency_id = a.agency_id AND u.unit_id = a.unit_id \
                 WHERE q.held_at >= $1 AND q.held_at < $2 \
                 GROUP BY a.agency_id, u.code, q.reason, q.state, q.judgement \
                 ORDER BY a.agency_id, u.code, q.reason, q.state, q.judgement LIMIT $3",
                values![from, to, ROWS_MAX],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(QuarantineCount {
                    agency_id: row.id(0)?,
                    unit: row.opt_text(1)?,
                    reason: row.text(2)?,
                    state: row.text(3)?,
                    judgement: row.text(4)?,
                    count: row.int(5)?,
                })
            })
            .collect()
    }
}
