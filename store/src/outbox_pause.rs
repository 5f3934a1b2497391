//! Dead destinations: mail for them is put off by hundreds, so that it never stands before mail that can leave.

use std::time::Duration;

use mail::Timestamp;

use crate::error::Result;
use crate::outbox_places::Term;
use crate::sql::{Sql, values};
use crate::{Claimed, Lane, OutboxKind, Tx};

/// Rows looked at in one round of putting off: one walk along the beginning of an index.
const LOOK_MAX: i64 = 512;
/// Rounds in one claim, so that a long queue of the dead keeps nobody else from writing. What still stands before the living then is passed over, and put
/// off by the next claim.
const ROUNDS_MAX: usize = 4;
/// Dead destinations that are passed over by name in one claim.
const DEAD_MAX: i64 = 1_000;
/// How far rows are put off at most: a destination that answers again gets its mail within this time.
const PUT_OFF: Duration = Duration::from_secs(5 * 60);

/// What is known of the destination of a claimed row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing speaks against trying.
    Open,
    /// It was dead, and this row is the one that tries again.
    Probe,
    /// It is dead, and somebody else tries: the row is late, and its sender has to hear so without another connection.
    Paused,
}

/// How long mail for a dead destination waits.
pub struct Patience<'a> {
    /// Rows written at or before this moment are not put off: they are due for a report (RFC 5321 §4.5.4.1).
    pub late_since: Timestamp,
    /// The pause after so many failures.
    pub pause: &'a (dyn Fn(u32) -> Duration + Sync),
    /// Destinations that bear no more for now: their mail is passed over and stays where it is.
    pub full: &'a [String],
    /// From which destination on others are looked for, where all that is due first is for those.
    pub after: &'a str,
}

/// What a claim came to.
#[derive(Debug, Default)]
pub struct Reachable {
    /// What may leave.
    pub rows: Vec<(Claimed, Reach)>,
    /// Where the next claim looks on.
    pub after: String,
}

/// What the payload of a mail with a time to deliver by holds (RFC 2852), as `serde_json` writes it; inside a text the quotes would be escaped.
/// Such a mail is not put off: its sender hears at that time what became of it.
const TIMED: &str = "\"deliver_by\":";

/// The rows found by the walk that are for dead destinations and not late come back with the next probe, or soon.
const PUT_OFF_DEAD: Sql = Sql {
    sqlite: "UPDATE outbox SET due_at = MIN($1, (SELECT p.paused_until FROM outbox_pause AS p \
            WHERE p.kind = outbox.kind AND p.destination = outbox.destination)) \
        WHERE outbox_id IN (SELECT o.outbox_id FROM (SELECT outbox_id, destination, created_at, payload FROM outbox \
            WHERE kind = $2 AND is_held = 0 AND lane = $3 AND due_at <= $4 ORDER BY due_at LIMIT $5) AS o \
            JOIN outbox_pause AS q ON q.kind = $2 AND q.destination = o.destination \
            WHERE q.paused_until > $4 AND o.created_at > $6 AND o.payload NOT LIKE '%\"deliver_by\":%')",
    postgres: "UPDATE outbox SET due_at = LEAST($1, (SELECT p.paused_until FROM outbox_pause AS p \
            WHERE p.kind = outbox.kind AND p.destination = outbox.destination)) \
        WHERE outbox_id IN (SELECT o.outbox_id FROM (SELECT outbox_id, destination, created_at, payload FROM outbox \
            WHERE kind = $2 AND is_held = 0 AND lane = $3 AND due_at <= $4 ORDER BY due_at LIMIT $5 \
            FOR UPDATE SKIP LOCKED) AS o \
            JOIN outbox_pause AS q ON q.kind = $2 AND q.destination = o.destination \
            WHERE q.paused_until > $4 AND o.created_at > $6 AND o.payload NOT LIKE '%\"deliver_by\":%')",
};

impl Tx {
    /// As [`Tx::claim_lane`], past the rows of dead destinations. When the pause of one is over, one row wins the probe.
    #[allow(clippy::too_many_arguments, reason = "those of claim_lane, and the patience")]
    pub async fn claim_reachable(
        &mut self,
        kind: OutboxKind,
        lane: Lane,
        holder: &str,
        now: Timestamp,
        lasts: Duration,
        limit: i64,
        patience: &Patience<'_>,
    ) -> Result<Reachable> {
        let term = Term { kind, lane, holder, now, lasts, limit };
        if !self.has_pauses(kind).await? {
            let (rows, after) = self.claim_others(&term, patience.full, patience.after).await?;
            return Ok(Reachable { rows: rows.into_iter().map(|row| (row, Reach::Open)).collect(), after });
        }
        let mut full = patience.full.to_vec();
        if !self.put_off_dead(&term, patience).await? {
            full.extend(self.paused(kind, now).await?);
        }
        let mut reachable = Vec::new();
        let (rows, after) = self.claim_others(&term, &full, patience.after).await?;
        for row in rows {
            match self.reach(&row, now, patience).await? {
                Ok(reach) => reachable.push((row, reach)),
                Err(until) => self.give_back(&row, holder, until).await?,
            }
        }
        Ok(Reachable { rows: reachable, after })
    }

    /// What is due, in turn. Where some destinations are full their mail is passed over: in a stretch of the turn first, and when nothing else
    /// is in that, from one destination to the next.
    async fn claim_others(
        &mut self,
        term: &Term<'_>,
        full: &[String],
        from: &str,
    ) -> Result<(Vec<Claimed>, String)> {
        let Term { kind, lane, holder, now, lasts, limit } = *term;
        if full.is_empty() {
            return Ok((self.claim_lane(kind, lane, holder, now, lasts, limit).await?, from.to_owned()));
        }
        let full = serde_json::Value::from(full).to_string();
        let rows = self.claim_past(term, &full).await?;
        if !rows.is_empty() {
            return Ok((rows, from.to_owned()));
        }
        let (places, after) = self.due_places(lane, from, &full, now, limit).await?;
        // To each the same share.
        let each = limit / i64::try_from(places.len()).unwrap_or(i64::MAX).max(1);
        let mut rows = Vec::new();
        for place in places {
            rows.extend(self.claim_place(lane, &place, holder, now, lasts, each.max(1)).await?);
        }
        Ok((rows, after))
    }

    /// Puts mail for dead destinations off that stands at the beginning of the turn; `false` when there may be more of it.
    async fn put_off_dead(&mut self, term: &Term<'_>, patience: &Patience<'_>) -> Result<bool> {
        let Term { kind, lane, now, .. } = *term;
        for _ in 0..ROUNDS_MAX {
            let input =
                values![now.plus(PUT_OFF), kind.name(), lane.number(), now, LOOK_MAX, patience.late_since];
            if self.exec(PUT_OFF_DEAD, input).await? == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Destinations that are dead now.
    async fn paused(&mut self, kind: OutboxKind, now: Timestamp) -> Result<Vec<String>> {
        let sql = "SELECT destination FROM outbox_pause WHERE kind = $1 AND paused_until > $2 LIMIT $3";
        let rows = self.rows(sql, values![kind.name(), now, DEAD_MAX]).await?;
        rows.iter().map(|row| row.text(0)).collect()
    }

    async fn has_pauses(&mut self, kind: OutboxKind) -> Result<bool> {
        let sql = "SELECT 1 FROM outbox_pause WHERE kind = $1 LIMIT 1";
        Ok(self.row(sql, values![kind.name()]).await?.is_some())
    }

    /// What may be done with a claimed row, or until when it waits.
    async fn reach(
        &mut self,
        row: &Claimed,
        now: Timestamp,
        patience: &Patience<'_>,
    ) -> Result<std::result::Result<Reach, Timestamp>> {
        let Some((until, failures)) = self.outbox_pause(row.kind, &row.destination).await? else {
            return Ok(Ok(Reach::Open));
        };
        let failures = u32::try_from(failures).unwrap_or(u32::MAX).saturating_add(1);
        let next = now.plus((patience.pause)(failures));
        // Grown before the probe: when it fails, or its carrier dies, all is as it must be.
        let won = until <= now
            && self
                .exec(
                    "UPDATE outbox_pause SET paused_until = $3, failures = $4 \
                     WHERE kind = $1 AND destination = $2 AND paused_until <= $5",
                    values![row.kind.name(), &row.destination, next, i64::from(failures), now],
                )
                .await?
                == 1;
        Ok(match won {
            true => Ok(Reach::Probe),
            false if row.created_at <= patience.late_since || row.payload.contains(TIMED) => {
                Ok(Reach::Paused)
            }
            false => Err(until.max(now).min(now.plus(PUT_OFF))),
        })
    }

    /// Until when a destination is left alone, and after how many failures.
    pub async fn outbox_pause(
        &mut self,
        kind: OutboxKind,
        destination: &str,
    ) -> Result<Option<(Timestamp, i64)>> {
        let row = self
            .row(
                "SELECT paused_until, failures FROM outbox_pause WHERE kind = $1 AND destination = $2",
                values![kind.name(), destination],
            )
            .await?;
        row.map(|row| Ok((row.moment(0)?, row.int(1)?))).transpose()
    }

    /// Nobody answers there: the first failure of a destination. Those of attempts that were under way beside it, and of
    /// probes, leave the pause as it is.
    pub async fn pause_outbox(
        &mut self,
        kind: OutboxKind,
        destination: &str,
        until: Timestamp,
        error: &str,
    ) -> Result<()> {
        self.exec(
            "INSERT INTO outbox_pause (kind, destination, paused_until, failures, last_error) \
             VALUES ($1, $2, $3, 1, $4) \
             ON CONFLICT (kind, destination) DO UPDATE SET last_error = excluded.last_error",
            values![kind.name(), destination, until, mail::text::clip(error, 1000)],
        )
        .await?;
        Ok(())
    }

    /// Somebody answered there, or an operator wants it tried.
    pub async fn resume_outbox(&mut self, kind: OutboxKind, destination: &str) -> Result<()> {
        self.exec(
            "DELETE FROM outbox_pause WHERE kind = $1 AND destination = $2",
            values![kind.name(), destination],
        )
        .await?;
        Ok(())
    }

    /// The row was not tried: as if it had not been claimed, but later.
    pub async fn give_back(&mut self, row: &Claimed, holder: &str, until: Timestamp) -> Result<()> {
        self.exec(
            "UPDATE outbox SET due_at = $3, lease_until = 0, lease_holder = '', attempts = attempts - 1 \
             WHERE outbox_id = $1 AND lease_holder = $2",
            values![&row.outbox_id, holder, until],
        )
        .await?;
        Ok(())
    }
}
