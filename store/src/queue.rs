//! What operators see of waiting mail, and what they may do to it.

use std::time::Duration;

use mail::{OutboxId, OwnerId, Timestamp};

use crate::audit::Audit;
use crate::error::Result;
use crate::outbox::claimed;
use crate::sql::{Row, Value, values};
use crate::{Claimed, OutboxKind, Signal, Tx};

/// Which waiting mail is meant; what is left out is any. Mail only: lines to other axes have hands of their own.
#[derive(Clone, Debug, Default)]
pub struct QueueFilter {
    /// This row.
    pub outbox_id: Option<OutboxId>,
    /// Mail for this domain.
    pub destination: Option<String>,
    /// Waiting since before this moment.
    pub created_before: Option<Timestamp>,
    /// Held by an operator, or not.
    pub is_held: Option<bool>,
    /// These words are in what the last attempt was answered.
    pub error: Option<String>,
}

/// A waiting mail, without what it says.
#[derive(Clone, Debug)]
pub struct Queued {
    /// Its id.
    pub outbox_id: OutboxId,
    /// Whose it is.
    pub owner: OwnerId,
    /// Where to: a domain, or an account of this house.
    pub destination: String,
    /// It goes to a mailbox of this house.
    pub is_for_here: bool,
    /// It is in the urgent lane (RULES R21).
    pub is_urgent: bool,
    /// Somebody carries it now.
    pub is_leased: bool,
    /// It waits for an operator.
    pub is_held: bool,
    /// How often it was tried.
    pub attempts: i64,
    /// Since when it waits.
    pub created_at: Timestamp,
    /// When it is tried next, or its lease runs out.
    pub due_at: Timestamp,
    /// What the last attempt was answered; empty before. It may name a recipient.
    pub last_error: String,
}

/// What waits for one destination.
#[derive(Clone, Debug)]
pub struct QueueCount {
    /// The destination.
    pub destination: String,
    /// How many mails wait.
    pub waiting: i64,
    /// How many of them are held.
    pub held: i64,
    /// Since when the oldest waits.
    pub oldest: Timestamp,
    /// When the next is tried.
    pub next_at: Timestamp,
}

/// What an operator does to a waiting mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueAct {
    /// Nobody carries it until it is released. What is being carried now comes to its end.
    Hold,
    /// Carried again in its turn.
    Release,
    /// Tried at once, unless it is held or being carried, or its sender wants it sent later.
    Retry,
    /// Tried at once, also before its sender's own time (RFC 4865, RFC 8621 §7).
    RetryEarly,
}

/// Where a waiting mail goes instead.
#[derive(Clone, Debug)]
pub struct Readdressed {
    /// Which carrier takes it.
    pub kind: OutboxKind,
    /// Where to.
    pub destination: String,
    /// What the carrier needs to know.
    pub payload: String,
    /// Not before.
    pub due_at: Timestamp,
}

/// Until when a mail waits by its sender's own wish; `None` in what is no mail.
fn not_before(payload: &str) -> Option<Timestamp> {
    let payload: serde_json::Value = serde_json::from_str(payload).ok()?;
    serde_json::from_value(payload.get("not_before")?.clone()).ok()
}

impl QueueAct {
    const fn statement(self) -> &'static str {
        match self {
            Self::Hold => "UPDATE outbox SET is_held = 1 WHERE outbox_id = $1 AND is_held = 0 AND $2 > 0",
            Self::Release => "UPDATE outbox SET is_held = 0 WHERE outbox_id = $1 AND is_held = 1 AND $2 > 0",
            Self::Retry | Self::RetryEarly => {
                "UPDATE outbox SET due_at = $2 WHERE outbox_id = $1 AND is_held = 0 AND lease_holder = '' AND due_at > $2"
            }
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Retry => "retry",
            Self::RetryEarly => "retry early",
        }
    }
}

const LIST: &str = "SELECT outbox_id, owner_id, destination, lane, lease_holder, is_held, attempts, created_at, due_at, \
    last_error, kind FROM outbox WHERE kind IN ('mail', 'local') AND outbox_id > $1 AND ($2 = 0 OR outbox_id = $3) \
    AND ($4 = '' OR destination = $4) AND created_at < $5 AND is_held BETWEEN $6 AND $7 \
    AND ($8 = '' OR LOWER(last_error) LIKE '%' || LOWER($8) || '%') ORDER BY outbox_id LIMIT $9";

fn queued(row: &Row) -> Result<Queued> {
    Ok(Queued {
        outbox_id: row.id(0)?,
        owner: row.id(1)?,
        destination: row.text(2)?,
        is_for_here: row.text(10)? == OutboxKind::Local.name(),
        is_urgent: row.int(3)? > 0,
        is_leased: !row.text(4)?.is_empty(),
        is_held: row.flag(5)?,
        attempts: row.int(6)?,
        created_at: row.moment(7)?,
        due_at: row.moment(8)?,
        last_error: row.text(9)?,
    })
}

impl Tx {
    /// Waiting mail in the order of writing, after `after`; `limit` rows at most.
    pub async fn queue_list(
        &mut self,
        filter: &QueueFilter,
        after: Option<OutboxId>,
        limit: i64,
    ) -> Result<Vec<Queued>> {
        let (least, most) = filter.is_held.map_or((0, 1), |held| (i64::from(held), i64::from(held)));
        let after: &[u8] = after.as_ref().map_or(&[], |id| id.as_bytes().as_slice());
        let one: &[u8] = filter.outbox_id.as_ref().map_or(&[], |id| id.as_bytes().as_slice());
        let input: &[Value<'_>] = values![
            after,
            i64::from(filter.outbox_id.is_some()),
            one,
            filter.destination.as_deref().unwrap_or_default(),
            filter.created_before.map_or(i64::MAX, Timestamp::millis),
            least,
            most,
            filter.error.as_deref().unwrap_or_default(),
            limit
        ];
        self.rows(LIST, input).await?.iter().map(queued).collect()
    }

    /// What waits, by destination: the longest queue first, `limit` of them.
    pub async fn queue_counts(&mut self, limit: i64) -> Result<Vec<QueueCount>> {
        let rows = self
            .rows(
                "SELECT destination, COUNT(*), CAST(SUM(is_held) AS BIGINT), MIN(created_at), MIN(due_at) FROM outbox \
                 WHERE kind IN ('mail', 'local') GROUP BY destination ORDER BY 2 DESC, 1 LIMIT $1",
                values![limit],
            )
            .await?;
        let count = |row: &Row| {
            Ok(QueueCount {
                destination: row.text(0)?,
                waiting: row.int(1)?,
                held: row.int(2)?,
                oldest: row.moment(3)?,
                next_at: row.moment(4)?,
            })
        };
        rows.iter().map(count).collect()
    }

    /// Leases one waiting mail to an operator who drops or redirects it, held or not, with `act` in the audit log; `None` when somebody
    /// carries it now or it is gone.
    pub async fn claim_by_hand(
        &mut self,
        queued: &Queued,
        holder: &str,
        (actor, act): (&str, &str),
        now: Timestamp,
        lasts: Duration,
    ) -> Result<Option<Claimed>> {
        let row = self
            .row(
                "UPDATE outbox SET due_at = $1, lease_until = $1, lease_holder = $2 WHERE outbox_id = $3 \
                 AND kind IN ('mail', 'local') AND (lease_holder = '' OR lease_until <= $4) \
                 RETURNING outbox_id, kind, owner_id, destination, payload, blob_id, attempts, created_at",
                values![now.plus(lasts), holder, &queued.outbox_id, now],
            )
            .await?;
        if row.is_some() {
            let subject = queued.outbox_id.to_string();
            self.audit(queued.owner, now, actor, Audit::QueueChanged, &subject, act).await?;
        }
        row.as_ref().map(claimed).transpose()
    }

    /// Sends a leased row another way and ends the lease; `false` when the lease was lost. Who was held stays held.
    pub async fn readdress_outbox(
        &mut self,
        claimed: &Claimed,
        holder: &str,
        to: &Readdressed,
    ) -> Result<bool> {
        let touched = self
            .exec(
                "UPDATE outbox SET kind = $3, destination = $4, payload = $5, due_at = $6, lease_until = 0, lease_holder = '' \
                 WHERE outbox_id = $1 AND lease_holder = $2",
                values![&claimed.outbox_id, holder, to.kind.name(), &to.destination, &to.payload, to.due_at],
            )
            .await?;
        // An operator wants it tried, whatever was found out there before.
        self.resume_outbox(to.kind, &to.destination).await?;
        self.signals.insert(Signal::Outbox);
        Ok(touched == 1)
    }

    /// What the carrier of a waiting mail needs to know, as JSON; `None` when the mail is not there.
    pub async fn queued_payload(&mut self, outbox_id: OutboxId) -> Result<Option<String>> {
        let row = self
            .row(
                "SELECT payload FROM outbox WHERE outbox_id = $1 AND kind IN ('mail', 'local')",
                values![&outbox_id],
            )
            .await?;
        row.map(|row| row.text(0)).transpose()
    }

    /// An operator's act on one waiting mail, with its line in the audit log; `false` when there was nothing to do.
    pub async fn act_on_queued(
        &mut self,
        queued: &Queued,
        act: QueueAct,
        actor: &str,
        now: Timestamp,
    ) -> Result<bool> {
        if act == QueueAct::Retry {
            let payload = self.queued_payload(queued.outbox_id).await?;
            if payload.as_deref().and_then(not_before).is_some_and(|at| at > now) {
                return Ok(false);
            }
        }
        let touched = self.exec(act.statement(), values![&queued.outbox_id, now]).await?;
        if touched == 1 {
            if matches!(act, QueueAct::Retry | QueueAct::RetryEarly) {
                // Or the mail would be put off again at once.
                self.resume_outbox(OutboxKind::Mail, &queued.destination).await?;
            }
            let subject = queued.outbox_id.to_string();
            self.audit(queued.owner, now, actor, Audit::QueueChanged, &subject, act.word()).await?;
            self.signals.insert(Signal::Outbox);
        }
        Ok(touched == 1)
    }
}
