//! The outbox: all that leaves the house, and the leases under which workers carry it.
//!
//! A row is written in the transaction of the act that wants it sent, and deleted in the transaction that records
//! what became of it. A worker that dies leaves a lease that runs out.

use std::time::Duration;

use mail::{BlobId, OutboxId, OwnerId, Timestamp};

use crate::blobs::Sealed;
use crate::error::{Error, Result};
use crate::sql::{Row, Sql, values};
use crate::{Signal, Tx};

/// What kind of thing leaves; each has its own carrier and schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OutboxKind {
    /// A mail to the servers of another domain.
    Mail,
    /// A mail to a further account of this house (the first one is delivered in the accepting transaction).
    Local,
    /// A package to another axis; the destination is the peer's name.
    Package,
    /// A push to a client's address (RFC 8620 §7.2); the destination is the subscription.
    Push,
}

impl OutboxKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Local => "local",
            Self::Package => "package",
            Self::Push => "push",
        }
    }

    pub(crate) fn from_name(name: &str) -> Result<Self> {
        match name {
            "mail" => Ok(Self::Mail),
            "local" => Ok(Self::Local),
            "package" => Ok(Self::Package),
            "push" => Ok(Self::Push),
            _ => Err(Error::Damaged("an outbox kind")),
        }
    }
}

/// How much it hurries. An urgent row leaves next, whatever is queued (RULES R21).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// In turn.
    #[default]
    Normal,
    /// Next.
    Urgent,
}

impl Lane {
    pub(crate) const fn number(self) -> i64 {
        match self {
            Self::Normal => 0,
            Self::Urgent => 1,
        }
    }
}

/// Something to send.
#[derive(Clone, Debug)]
pub struct NewOutbox {
    /// Which carrier takes it.
    pub kind: OutboxKind,
    /// Whose it is; the blob is this owner's.
    pub owner: OwnerId,
    /// How much it hurries.
    pub lane: Lane,
    /// Where to: a domain, a peer, an account.
    pub destination: String,
    /// What the carrier needs to know, as JSON; its own business.
    pub payload: String,
    /// The bytes to carry. The row holds one reference, counted here.
    pub blob_id: Option<BlobId>,
    /// Not before.
    pub due_at: Timestamp,
}

/// A row under lease.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Its id.
    pub outbox_id: OutboxId,
    /// Which carrier takes it.
    pub kind: OutboxKind,
    /// Whose it is.
    pub owner: OwnerId,
    /// Where to.
    pub destination: String,
    /// What the carrier needs to know.
    pub payload: String,
    /// The bytes to carry.
    pub blob_id: Option<BlobId>,
    /// How often it was tried, this time included.
    pub attempts: i64,
    /// When it was written.
    pub created_at: Timestamp,
}

/// A lease is folded into `due_at`, so the rows to be had are a stretch at the beginning of `outbox_by_turn`.
const CLAIM: Sql = Sql {
    sqlite: "UPDATE outbox SET due_at = $1, lease_until = $1, lease_holder = $2, attempts = attempts + 1 \
        WHERE outbox_id IN (SELECT outbox_id FROM outbox \
            WHERE kind = $3 AND is_held = 0 AND lane = $4 AND due_at <= $5 ORDER BY due_at LIMIT $6) \
        RETURNING outbox_id, kind, owner_id, destination, payload, blob_id, attempts, created_at",
    postgres: "UPDATE outbox SET due_at = $1, lease_until = $1, lease_holder = $2, attempts = attempts + 1 \
        WHERE outbox_id IN (SELECT outbox_id FROM outbox \
            WHERE kind = $3 AND is_held = 0 AND lane = $4 AND due_at <= $5 ORDER BY due_at LIMIT $6 \
            FOR UPDATE SKIP LOCKED) \
        RETURNING outbox_id, kind, owner_id, destination, payload, blob_id, attempts, created_at",
};

const CLAIM_NEXT: Sql = Sql {
    sqlite: "UPDATE outbox SET due_at = $1, lease_until = $1, lease_holder = $2, attempts = attempts + 1 \
        WHERE outbox_id = (SELECT outbox_id FROM outbox \
            WHERE kind = $3 AND destination = $4 AND lane >= $5 AND is_held = 0 AND due_at <= $6 \
            ORDER BY lane DESC, outbox_id LIMIT 1) \
        RETURNING outbox_id, kind, owner_id, destination, payload, blob_id, attempts, created_at",
    postgres: "UPDATE outbox SET due_at = $1, lease_until = $1, lease_holder = $2, attempts = attempts + 1 \
        WHERE outbox_id = (SELECT outbox_id FROM outbox \
            WHERE kind = $3 AND destination = $4 AND lane >= $5 AND is_held = 0 AND due_at <= $6 \
            ORDER BY lane DESC, outbox_id LIMIT 1 FOR UPDATE SKIP LOCKED) \
        RETURNING outbox_id, kind, owner_id, destination, payload, blob_id, attempts, created_at",
};

/// Only the rows under lease are touched, however many wait. They were due when they were leased, so they are due again.
const FREE_LEASES: &str =
    "UPDATE outbox SET due_at = created_at, lease_until = 0, lease_holder = '' WHERE lease_holder <> ''";

/// The first row of a lane: one seek.
const NEXT_DUE: &str = "SELECT MIN(due_at) FROM outbox WHERE kind = $1 AND is_held = 0 AND lane = $2";

pub(crate) fn claimed(row: &Row) -> Result<Claimed> {
    Ok(Claimed {
        outbox_id: row.id(0)?,
        kind: OutboxKind::from_name(row.str(1)?)?,
        owner: row.id(2)?,
        destination: row.text(3)?,
        payload: row.text(4)?,
        blob_id: row.opt_id(5)?,
        attempts: row.int(6)?,
        created_at: row.moment(7)?,
    })
}

impl Tx {
    /// Writes a row.
    pub async fn enqueue(&mut self, new: &NewOutbox, now: Timestamp) -> Result<OutboxId> {
        if let Some(blob_id) = new.blob_id {
            self.refer_to_blob(new.owner, blob_id).await?;
        }
        self.enqueue_referring(new, now).await
    }

    /// Keeps a blob and enqueues what sends it: as many references as rows. Without rows nothing is kept.
    pub async fn enqueue_with(&mut self, blob: &Sealed, rows: &[NewOutbox], now: Timestamp) -> Result<()> {
        let Some((first, others)) = rows.split_first() else { return Ok(()) };
        self.put_blob(blob, now).await?;
        if !others.is_empty() {
            self.refer_to_blob_times(first.owner, blob.blob_id(), others.len()).await?;
        }
        for row in rows {
            self.enqueue_referring(row, now).await?;
        }
        Ok(())
    }

    /// Enqueues what has its reference to the blob already.
    pub(crate) async fn enqueue_referring(&mut self, new: &NewOutbox, now: Timestamp) -> Result<OutboxId> {
        let id = OutboxId::new(now, &*self.shared.chance);
        self.exec(
            "INSERT INTO outbox (outbox_id, kind, owner_id, lane, destination, payload, blob_id, due_at, lease_until, \
             lease_holder, attempts, created_at, last_error, is_held) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, '', 0, $9, '', 0)",
            values![
                &id,
                new.kind.name(),
                &new.owner,
                new.lane.number(),
                &new.destination,
                &new.payload,
                new.blob_id.as_ref(),
                new.due_at,
                now
            ],
        )
        .await?;
        self.signals.insert(Signal::Outbox);
        Ok(id)
    }

    /// Leases what is due, the urgent lane first, then the oldest; `limit` rows at most.
    pub async fn claim_outbox(
        &mut self,
        kind: OutboxKind,
        holder: &str,
        now: Timestamp,
        lasts: Duration,
        limit: i64,
    ) -> Result<Vec<Claimed>> {
        let mut claimed = self.claim_lane(kind, Lane::Urgent, holder, now, lasts, limit).await?;
        let left = limit.saturating_sub(i64::try_from(claimed.len()).unwrap_or(i64::MAX));
        if left > 0 {
            claimed.extend(self.claim_lane(kind, Lane::Normal, holder, now, lasts, left).await?);
        }
        Ok(claimed)
    }

    /// Leases what is due in one lane: those that waited longest, `limit` rows at most.
    pub async fn claim_lane(
        &mut self,
        kind: OutboxKind,
        lane: Lane,
        holder: &str,
        now: Timestamp,
        lasts: Duration,
        limit: i64,
    ) -> Result<Vec<Claimed>> {
        let input = values![now.plus(lasts), holder, kind.name(), lane.number(), now, limit];
        let mut rows = self.rows(CLAIM, input).await?.iter().map(claimed).collect::<Result<Vec<_>>>()?;
        // RETURNING keeps no order, and ids are in the order of writing.
        rows.sort_by_key(|row| row.outbox_id);
        Ok(rows)
    }

    /// Leases the next row of one queue: the urgent lane first, then in the order of writing, so that what was put off comes
    /// before what was written after it. `at_least` leaves the lanes below alone.
    pub async fn claim_next(
        &mut self,
        kind: OutboxKind,
        destination: &str,
        at_least: Lane,
        holder: &str,
        now: Timestamp,
        lasts: Duration,
    ) -> Result<Option<Claimed>> {
        let row = self
            .row(
                CLAIM_NEXT,
                values![now.plus(lasts), holder, kind.name(), destination, at_least.number(), now],
            )
            .await?;
        row.as_ref().map(claimed).transpose()
    }

    /// How many rows wait in one queue, and since when the oldest does.
    pub async fn queue(&mut self, kind: OutboxKind, destination: &str) -> Result<(i64, Option<Timestamp>)> {
        let row = self
            .row(
                "SELECT COUNT(*), MIN(created_at) FROM outbox WHERE kind = $1 AND destination = $2",
                values![kind.name(), destination],
            )
            .await?;
        row.map_or(Ok((0, None)), |row| Ok((row.int(0)?, row.opt_moment(1)?)))
    }

    /// Takes rows of one queue back that nobody carries now, by a word in their payload; answers whether there was one.
    pub async fn withdraw(
        &mut self,
        kind: OutboxKind,
        destination: &str,
        word: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let gone = self
            .exec(
                "DELETE FROM outbox WHERE kind = $1 AND destination = $2 AND payload LIKE '%' || $3 || '%' \
                 AND blob_id IS NULL AND lease_until <= $4",
                values![kind.name(), destination, word, now],
            )
            .await?;
        Ok(gone > 0)
    }

    /// Prolongs how long a claimed row is ours; `false` when the lease was lost.
    pub async fn hold_on(
        &mut self,
        claimed: &Claimed,
        holder: &str,
        now: Timestamp,
        lasts: Duration,
    ) -> Result<bool> {
        let touched = self
            .exec(
                "UPDATE outbox SET due_at = $3, lease_until = $3 WHERE outbox_id = $1 AND lease_holder = $2",
                values![&claimed.outbox_id, holder, now.plus(lasts)],
            )
            .await?;
        Ok(touched == 1)
    }

    /// The row is done: it goes, with its reference to the blob. `false` when the lease was lost and somebody else has
    /// carried it meanwhile; then nothing that depends on it may be written.
    pub async fn finish_outbox(&mut self, claimed: &Claimed, holder: &str, now: Timestamp) -> Result<bool> {
        let gone = self
            .exec(
                "DELETE FROM outbox WHERE outbox_id = $1 AND lease_holder = $2",
                values![&claimed.outbox_id, holder],
            )
            .await?;
        if gone == 1
            && let Some(blob_id) = claimed.blob_id
        {
            self.drop_blob(claimed.owner, blob_id, now).await?;
        }
        Ok(gone == 1)
    }

    /// The row is to be tried again: `payload` as it is now, not before `due_at`.
    pub async fn retry_outbox(
        &mut self,
        claimed: &Claimed,
        holder: &str,
        payload: &str,
        due_at: Timestamp,
        error: &str,
    ) -> Result<bool> {
        let touched = self
            .exec(
                "UPDATE outbox SET payload = $3, due_at = $4, last_error = $5, lease_until = 0, lease_holder = '' \
                 WHERE outbox_id = $1 AND lease_holder = $2",
                values![
                    &claimed.outbox_id,
                    holder,
                    payload,
                    due_at,
                    mail::text::clip(error, 1000)
                ],
            )
            .await?;
        Ok(touched == 1)
    }

    /// Gives every leased row back at once. Only for a program that starts and knows it is the only one on this data: the
    /// holders of these leases are dead.
    pub async fn free_leases(&mut self) -> Result<u64> {
        self.exec(FREE_LEASES, &[]).await
    }

    /// When the next row of a kind is due, counting leases that may run out.
    pub async fn next_outbox_due(&mut self, kind: OutboxKind) -> Result<Option<Timestamp>> {
        let urgent = self.next_due_in_lane(kind, Lane::Urgent).await?;
        let normal = self.next_due_in_lane(kind, Lane::Normal).await?;
        Ok([urgent, normal].into_iter().flatten().min())
    }

    /// The same for one lane.
    pub async fn next_due_in_lane(&mut self, kind: OutboxKind, lane: Lane) -> Result<Option<Timestamp>> {
        let row = self.row(NEXT_DUE, values![kind.name(), lane.number()]).await?;
        row.map(|row| row.opt_moment(0)).transpose().map(Option::flatten)
    }

    /// How many rows wait.
    pub async fn outbox_depth(&mut self) -> Result<i64> {
        let row = self.row("SELECT COUNT(*) FROM outbox", &[]).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }
}

#[cfg(test)]
#[path = "outbox_plans.rs"]
mod plans;
