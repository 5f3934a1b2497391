//! Mail by destination: for whoever has a connection there already, and for whoever looks past the destinations that bear no more.
//! And leases that are kept up for as long as their carrier lives.

use std::time::Duration;

use mail::Timestamp;

use crate::error::Result;
use crate::outbox::claimed;
use crate::sql::{Sql, values};
use crate::{Claimed, Lane, OutboxKind, Tx};

/// Rows of the turn that are looked at for mail that is not for a full destination: a walk along the beginning of an index.
const LOOK_MAX: i64 = 512;
/// Destinations looked at in one claim; the next one looks on from there.
const PLACES_MAX: i64 = 256;

/// What a claim is for, and for how long.
#[derive(Clone, Copy)]
pub(crate) struct Term<'a> {
    pub(crate) kind: OutboxKind,
    pub(crate) lane: Lane,
    pub(crate) holder: &'a str,
    pub(crate) now: Timestamp,
    pub(crate) lasts: Duration,
    pub(crate) limit: i64,
}

/// The kind stands in the text: the index holds mail alone.
pub(crate) const CLAIM_PLACE: Sql = Sql {
    sqlite: "UPDATE outbox SET due_at = $1, lease_until = $1, lease_holder = $2, attempts = attempts + 1 \
        WHERE outbox_id IN (SELECT outbox_id FROM outbox \
            WHERE kind = 'mail' AND is_held = 0 AND destination = $3 AND lane = $4 AND due_at <= $5 ORDER BY due_at LIMIT $6) \
        RETURNING outbox_id, kind, owner_id, destination, payload, blob_id, attempts, created_at",
    postgres: "UPDATE outbox SET due_at = $1, lease_until = $1, lease_holder = $2, attempts = attempts + 1 \
        WHERE outbox_id IN (SELECT outbox_id FROM outbox \
            WHERE kind = 'mail' AND is_held = 0 AND destination = $3 AND lane = $4 AND due_at <= $5 ORDER BY due_at LIMIT $6 \
            FOR UPDATE SKIP LOCKED) \
        RETURNING outbox_id, kind, owner_id, destination, payload, blob_id, attempts, created_at",
};

/// `$7` is a JSON list. Only what is wanted is locked, and it is due still when it is.
pub(crate) const CLAIM_PAST: Sql = Sql {
    sqlite: "UPDATE outbox SET due_at = $1, lease_until = $1, lease_holder = $2, attempts = attempts + 1 \
        WHERE outbox_id IN (SELECT o.outbox_id FROM (SELECT outbox_id, destination, due_at FROM outbox \
                WHERE kind = $3 AND is_held = 0 AND lane = $4 AND due_at <= $5 ORDER BY due_at LIMIT $8) AS o \
            WHERE o.destination NOT IN (SELECT value FROM json_each($7)) ORDER BY o.due_at LIMIT $6) \
        RETURNING outbox_id, kind, owner_id, destination, payload, blob_id, attempts, created_at",
    postgres: "UPDATE outbox SET due_at = $1, lease_until = $1, lease_holder = $2, attempts = attempts + 1 \
        WHERE outbox_id IN (SELECT outbox_id FROM outbox WHERE due_at <= $5 AND outbox_id IN \
            (SELECT o.outbox_id FROM (SELECT outbox_id, destination, due_at FROM outbox \
                WHERE kind = $3 AND is_held = 0 AND lane = $4 AND due_at <= $5 ORDER BY due_at LIMIT $8) AS o \
            WHERE o.destination NOT IN (SELECT value FROM json_array_elements_text(CAST($7 AS json)) AS t(value)) \
            ORDER BY o.due_at LIMIT $6) FOR UPDATE SKIP LOCKED) \
        RETURNING outbox_id, kind, owner_id, destination, payload, blob_id, attempts, created_at",
};

/// From one destination to the next, a seek each. Dead ones are left out: what is late there comes in its turn.
pub(crate) const PLACES: Sql = Sql {
    sqlite: "WITH RECURSIVE place(d, n) AS (\
            SELECT (SELECT destination FROM outbox WHERE kind = 'mail' AND is_held = 0 AND destination > $1 \
                ORDER BY destination LIMIT 1), 1 \
            UNION ALL SELECT (SELECT destination FROM outbox WHERE kind = 'mail' AND is_held = 0 \
                AND destination > place.d ORDER BY destination LIMIT 1), place.n + 1 \
            FROM place WHERE place.d IS NOT NULL AND place.n < $2) \
        SELECT d, CASE WHEN d NOT IN (SELECT value FROM json_each($3)) \
            AND EXISTS (SELECT 1 FROM outbox WHERE kind = 'mail' AND is_held = 0 AND destination = d AND lane = $4 AND due_at <= $5) \
            AND NOT EXISTS (SELECT 1 FROM outbox_pause AS p WHERE p.kind = 'mail' AND p.destination = d AND p.paused_until > $5) \
            THEN 1 ELSE 0 END, n FROM place WHERE d IS NOT NULL",
    postgres: "WITH RECURSIVE place(d, n) AS (\
            SELECT (SELECT destination FROM outbox WHERE kind = 'mail' AND is_held = 0 AND destination > $1 \
                ORDER BY destination LIMIT 1), CAST(1 AS BIGINT) \
            UNION ALL SELECT (SELECT destination FROM outbox WHERE kind = 'mail' AND is_held = 0 \
                AND destination > place.d ORDER BY destination LIMIT 1), place.n + 1 \
            FROM place WHERE place.d IS NOT NULL AND place.n < $2) \
        SELECT d, CAST(CASE WHEN d NOT IN (SELECT value FROM json_array_elements_text(CAST($3 AS json)) AS t(value)) \
            AND EXISTS (SELECT 1 FROM outbox WHERE kind = 'mail' AND is_held = 0 AND destination = d AND lane = $4 AND due_at <= $5) \
            AND NOT EXISTS (SELECT 1 FROM outbox_pause AS p WHERE p.kind = 'mail' AND p.destination = d AND p.paused_until > $5) \
            THEN 1 ELSE 0 END AS BIGINT), n FROM place WHERE d IS NOT NULL",
};

/// `$1` is a JSON list. The partial index holds leased rows alone.
const KEEP: Sql = Sql {
    sqlite: "UPDATE outbox SET due_at = $2, lease_until = $2 WHERE lease_holder <> '' \
        AND lease_holder IN (SELECT value FROM json_each($1))",
    postgres: "UPDATE outbox SET due_at = $2, lease_until = $2 WHERE lease_holder <> '' \
        AND lease_holder IN (SELECT value FROM json_array_elements_text(CAST($1 AS json)) AS t(value))",
};

impl Tx {
    /// Leases mail of one lane for one destination: what has waited longest, `limit` rows at most.
    pub async fn claim_place(
        &mut self,
        lane: Lane,
        destination: &str,
        holder: &str,
        now: Timestamp,
        lasts: Duration,
        limit: i64,
    ) -> Result<Vec<Claimed>> {
        let input = values![now.plus(lasts), holder, destination, lane.number(), now, limit];
        let mut rows =
            self.rows(CLAIM_PLACE, input).await?.iter().map(claimed).collect::<Result<Vec<_>>>()?;
        rows.sort_by_key(|row| row.outbox_id);
        Ok(rows)
    }

    /// As [`Tx::claim_lane`], past the rows of the destinations in `full`, a JSON list, in the first stretch of the turn.
    pub(crate) async fn claim_past(&mut self, term: &Term<'_>, full: &str) -> Result<Vec<Claimed>> {
        let Term { kind, lane, holder, now, lasts, limit } = *term;
        let input = values![now.plus(lasts), holder, kind.name(), lane.number(), now, limit, full, LOOK_MAX];
        let mut rows = self.rows(CLAIM_PAST, input).await?.iter().map(claimed).collect::<Result<Vec<_>>>()?;
        rows.sort_by_key(|row| row.outbox_id);
        Ok(rows)
    }

    /// Destinations after `after` with mail that is due, without the full and the dead; and the last one looked at, empty when that was the last
    /// of all.
    pub(crate) async fn due_places(
        &mut self,
        lane: Lane,
        after: &str,
        full: &str,
        now: Timestamp,
        limit: i64,
    ) -> Result<(Vec<String>, String)> {
        let rows = self.rows(PLACES, values![after, PLACES_MAX, full, lane.number(), now]).await?;
        let mut places = rows
            .iter()
            .map(|row| Ok((row.int(2)?, row.text(0)?, row.int(1)? == 1)))
            .collect::<Result<Vec<_>>>()?;
        // In the engine's order of names, which need not be ours.
        places.sort_unstable_by_key(|(number, ..)| *number);
        let is_end = rows.len() < usize::try_from(PLACES_MAX).unwrap_or(usize::MAX);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let (mut due, mut last) = (Vec::new(), String::new());
        for (_, place, is_due) in places {
            if due.len() == limit {
                return Ok((due, last));
            }
            last.clone_from(&place);
            if is_due {
                due.push(place);
            }
        }
        Ok((due, if is_end { String::new() } else { last }))
    }

    /// Prolongs what these holders have leased and not settled: a carrier that lives keeps it.
    pub async fn keep_leases(&mut self, holders: &[String], now: Timestamp, lasts: Duration) -> Result<()> {
        let holders = serde_json::Value::from(holders).to_string();
        self.exec(KEEP, values![&holders, now.plus(lasts)]).await.map(drop)
    }
}
