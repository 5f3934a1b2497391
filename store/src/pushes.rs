//! Where clients far away want to be told that something changed (RFC 8620 §7.2), and the rows of the outbox that tell them.
//!
//! A change of an account with verified subscriptions raises [`Signal::Push`](crate::Signal::Push); whoever hears it calls
//! [`Tx::queue_pushes`]. What a crash loses between the two, [`Tx::pushes_behind`] finds. A subscription has one row of the outbox
//! at most: the row tells everything that changed until it is carried.

use std::time::Duration;

use mail::{AccountId, ModSeq, PushId, Timestamp};
use serde_json::json;

use crate::error::{Error, Result};
use crate::sql::{Row, Sql, values};
use crate::{Claimed, Lane, NewOutbox, OutboxKind, Tx};

/// Subscriptions of one account at once: a person's phones, tablets and programs.
pub const PUSHES_MAX: i64 = 20;
/// And made within an hour, those that are gone again among them: each sends something to an address that anybody may have named.
const MADE_IN_AN_HOUR_MAX: i64 = 40;
/// How long one that is gone counts.
const GONE_COUNTS: Duration = Duration::from_secs(3600);
/// Between two pushes to one subscription: what changes meanwhile is told together.
const PAUSE: Duration = Duration::from_secs(1);

/// No bytes.
const NOTHING: &[u8] = &[];

/// A subscription to be made.
#[derive(Clone, Debug)]
pub struct NewPush {
    /// Whose.
    pub account_id: AccountId,
    /// The client's name for itself.
    pub device_client_id: String,
    /// Where to send.
    pub url: String,
    /// The client's key and secret (RFC 8291 §2.1, §3.2); `None` sends in the clear (over TLS).
    pub keys: Option<([u8; 65], [u8; 16])>,
    /// The types of data to be told of, as the client gave them: JSON.
    pub types: String,
    /// What the client has to give back.
    pub code: String,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A subscription.
#[derive(Clone, Debug)]
pub struct Push {
    /// Its id.
    pub push_id: PushId,
    /// The client's name for itself.
    pub device_client_id: String,
    /// Where to send.
    pub url: String,
    /// The client's key and secret.
    pub keys: Option<([u8; 65], [u8; 16])>,
    /// The types of data to be told of, as the client gave them: JSON.
    pub types: String,
    /// What the client has to give back.
    pub code: String,
    /// Whether it has.
    pub is_verified: bool,
    /// Until when.
    pub expires_at: Timestamp,
    /// The state it was told of last.
    pub told: ModSeq,
}

/// What of a subscription is to be another.
#[derive(Clone, Debug, Default)]
pub struct PushChange {
    /// The client gave the right code back.
    pub is_verified: bool,
    /// Until when.
    pub expires_at: Option<Timestamp>,
    /// The types of data to be told of: JSON.
    pub types: Option<String>,
}

macro_rules! select_push {
    ($tail:literal) => {
        concat!(
            "SELECT push_id, device_client_id, url, p256dh, auth, types, code, is_verified, expires_at, told_modseq \
             FROM push_subscription WHERE account_id = $1 AND gone_at IS NULL ",
            $tail
        )
    };
}

fn push(row: &Row) -> Result<Push> {
    let (key, secret) = (row.bytes(3)?, row.bytes(4)?);
    let keys = match key.is_empty() {
        true => None,
        false => {
            let damaged = || Error::Damaged("the keys of a push subscription");
            Some((key.try_into().map_err(|_| damaged())?, secret.try_into().map_err(|_| damaged())?))
        }
    };
    Ok(Push {
        push_id: row.id(0)?,
        device_client_id: row.text(1)?,
        url: row.text(2)?,
        keys,
        types: row.text(5)?,
        code: row.text(6)?,
        is_verified: row.int(7)? != 0,
        expires_at: row.moment(8)?,
        told: row.modseq(9)?,
    })
}

/// What the carrier has to know of its row.
fn outbox_row(account_id: AccountId, push_id: PushId, verifies: bool, due_at: Timestamp) -> NewOutbox {
    NewOutbox {
        kind: OutboxKind::Push,
        owner: account_id.into(),
        lane: Lane::Normal,
        destination: push_id.to_string(),
        payload: json!({ "verifies": verifies }).to_string(),
        blob_id: None,
        due_at,
    }
}

impl Tx {
    /// Makes a subscription, and queues the code that verifies it.
    ///
    /// # Errors
    /// [`Error::Full`] when the account has as many as it may have, or made so many within the hour.
    pub async fn add_push(&mut self, new: &NewPush, now: Timestamp) -> Result<PushId> {
        let account_id = new.account_id;
        // Whoever counts holds the account's row, so two do not count at once.
        self.hold_account(account_id).await?;
        let row = self
            .row(
                "SELECT COUNT(*), COALESCE(SUM(CASE WHEN gone_at IS NULL AND expires_at > $2 THEN 1 ELSE 0 END), 0), \
                 COALESCE(SUM(CASE WHEN created_at > $3 THEN 1 ELSE 0 END), 0) \
                 FROM push_subscription WHERE account_id = $1",
                values![&account_id, now, now.minus(GONE_COUNTS)],
            )
            .await?
            .ok_or(Error::Internal("a count has a row".to_owned()))?;
        if row.int(1)? >= PUSHES_MAX || row.int(2)? >= MADE_IN_AN_HOUR_MAX {
            return Err(Error::Full("the account's push subscriptions"));
        }
        let push_id = PushId::new(now, &*self.shared.chance);
        let (key, secret) = match &new.keys {
            Some((key, secret)) => (key.as_slice(), secret.as_slice()),
            None => (NOTHING, NOTHING),
        };
        self.exec(
            "INSERT INTO push_subscription (account_id, push_id, device_client_id, url, p256dh, auth, types, code, \
             is_verified, expires_at, told_modseq, is_queued, pushed_at, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, 0, 0, 0, $10)",
            values![
                &account_id,
                &push_id,
                &new.device_client_id,
                &new.url,
                key,
                secret,
                &new.types,
                &new.code,
                new.expires_at,
                now
            ],
        )
        .await?;
        self.enqueue(&outbox_row(account_id, push_id, true, now), now).await?;
        Ok(push_id)
    }

    /// Holds an account's row to the end of the transaction: its changes and what depends on them are in one order.
    async fn hold_account(&mut self, account_id: AccountId) -> Result<ModSeq> {
        let row = self
            .row(
                Sql {
                    sqlite: "SELECT modseq FROM account WHERE account_id = $1",
                    postgres: "SELECT modseq FROM account WHERE account_id = $1 FOR UPDATE",
                },
                values![&account_id],
            )
            .await?;
        row.ok_or(Error::NotFound("the account"))?.modseq(0)
    }

    /// An account's subscriptions, oldest first; expired ones are not there.
    pub async fn pushes(&mut self, account_id: AccountId, now: Timestamp) -> Result<Vec<Push>> {
        let rows = self
            .rows(select_push!("AND expires_at > $2 ORDER BY push_id LIMIT 1000"), values![&account_id, now])
            .await?;
        rows.iter().map(push).collect()
    }

    /// One of them.
    pub async fn push(
        &mut self,
        account_id: AccountId,
        push_id: PushId,
        now: Timestamp,
    ) -> Result<Option<Push>> {
        let row = self
            .row(select_push!("AND expires_at > $2 AND push_id = $3"), values![&account_id, now, &push_id])
            .await?;
        row.as_ref().map(push).transpose()
    }

    /// Changes a subscription. One that becomes verified is told of what changes from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not there.
    pub async fn change_push(
        &mut self,
        account_id: AccountId,
        push_id: PushId,
        change: &PushChange,
        now: Timestamp,
    ) -> Result<()> {
        let modseq = self.hold_account(account_id).await?;
        let there =
            self.push(account_id, push_id, now).await?.ok_or(Error::NotFound("the push subscription"))?;
        let becomes_verified = change.is_verified && !there.is_verified;
        self.exec(
            "UPDATE push_subscription SET expires_at = $3, types = $4, is_verified = $5, told_modseq = $6 \
             WHERE account_id = $1 AND push_id = $2",
            values![
                &account_id,
                &push_id,
                change.expires_at.unwrap_or(there.expires_at),
                change.types.as_ref().unwrap_or(&there.types),
                there.is_verified || change.is_verified,
                if becomes_verified { modseq } else { there.told }
            ],
        )
        .await?;
        if becomes_verified {
            self.count_pushes(account_id).await?;
        }
        Ok(())
    }

    /// The account's own count is what its subscriptions say.
    async fn count_pushes(&mut self, account_id: AccountId) -> Result<()> {
        self.exec(
            "UPDATE account SET push_subscriptions = (SELECT COUNT(*) FROM push_subscription \
             WHERE account_id = $1 AND is_verified = 1 AND gone_at IS NULL) WHERE account_id = $1",
            values![&account_id],
        )
        .await
        .map(drop)
    }

    /// Removes a subscription; `false` when it is not there. Its row of the outbox finds nobody and goes.
    pub async fn remove_push(
        &mut self,
        account_id: AccountId,
        push_id: PushId,
        now: Timestamp,
    ) -> Result<bool> {
        self.hold_account(account_id).await?;
        let gone = self
            .exec(
                "UPDATE push_subscription SET gone_at = $3, url = '', p256dh = $4, auth = $4, code = '' \
                 WHERE account_id = $1 AND push_id = $2 AND gone_at IS NULL",
                values![&account_id, &push_id, now, NOTHING],
            )
            .await?;
        self.count_pushes(account_id).await?;
        Ok(gone > 0)
    }

    /// Removes all subscriptions of an account: what they were made with opens nothing any more (RFC 8620 §7.2).
    pub(crate) async fn remove_pushes(&mut self, account_id: AccountId, now: Timestamp) -> Result<()> {
        let gone = self
            .exec(
                "UPDATE push_subscription SET gone_at = $2, url = '', p256dh = $3, auth = $3, code = '' \
                 WHERE account_id = $1 AND gone_at IS NULL",
                values![&account_id, now, NOTHING],
            )
            .await?;
        if gone > 0 { self.count_pushes(account_id).await } else { Ok(()) }
    }

    /// Queues what tells an account's subscriptions of its changes; answers how many rows.
    pub async fn queue_pushes(&mut self, account_id: AccountId, now: Timestamp) -> Result<usize> {
        let modseq = self.hold_account(account_id).await?;
        let rows = self
            .rows(
                "UPDATE push_subscription SET is_queued = 1 WHERE account_id = $1 AND is_verified = 1 \
                 AND is_queued = 0 AND gone_at IS NULL AND expires_at > $2 AND told_modseq < $3 \
                 RETURNING push_id, pushed_at",
                values![&account_id, now, modseq],
            )
            .await?;
        for row in &rows {
            let due_at = row.moment(1)?.plus(PAUSE).max(now);
            self.enqueue(&outbox_row(account_id, row.id(0)?, false, due_at), now).await?;
        }
        Ok(rows.len())
    }

    /// Accounts with subscriptions that have something to be told and nothing queued, `limit` at most: what a crash left.
    pub async fn pushes_behind(&mut self, now: Timestamp, limit: i64) -> Result<Vec<AccountId>> {
        let rows = self
            .rows(
                "SELECT DISTINCT s.account_id FROM push_subscription s JOIN account a ON a.account_id = s.account_id \
                 WHERE s.is_verified = 1 AND s.is_queued = 0 AND s.gone_at IS NULL AND s.expires_at > $1 \
                 AND a.modseq > s.told_modseq LIMIT $2",
                values![now, limit],
            )
            .await?;
        rows.iter().map(|row| row.id(0)).collect()
    }

    /// A subscription was told up to a state (or was given up on): its row of the outbox goes, and what has changed since gets a
    /// new one. `false` when the lease was lost.
    pub async fn pushed(
        &mut self,
        claimed: &Claimed,
        holder: &str,
        push_id: PushId,
        told: ModSeq,
        now: Timestamp,
    ) -> Result<bool> {
        let account_id = AccountId::from_bytes(*claimed.owner.as_bytes());
        // Before the row is touched: a change that commits from here on sees a subscription that is not queued.
        self.hold_account(account_id).await?;
        if !self.finish_outbox(claimed, holder, now).await? {
            return Ok(false);
        }
        self.exec(
            "UPDATE push_subscription SET is_queued = 0, told_modseq = $3, pushed_at = $4 \
             WHERE account_id = $1 AND push_id = $2",
            values![&account_id, &push_id, told, now],
        )
        .await?;
        self.queue_pushes(account_id, now).await?;
        Ok(true)
    }

    /// Lets subscriptions go that expired, or are gone long enough not to count any more; answers how many.
    pub async fn expire_pushes(&mut self, now: Timestamp, limit: i64) -> Result<usize> {
        let rows = self
            .rows(
                "SELECT account_id, push_id FROM push_subscription WHERE expires_at <= $1 \
                 OR gone_at <= $2 ORDER BY expires_at LIMIT $3",
                values![now, now.minus(GONE_COUNTS), limit],
            )
            .await?;
        for row in &rows {
            let account_id: AccountId = row.id(0)?;
            let push_id: PushId = row.id(1)?;
            self.hold_account(account_id).await?;
            self.exec(
                "DELETE FROM push_subscription WHERE account_id = $1 AND push_id = $2",
                values![&account_id, &push_id],
            )
            .await?;
            self.count_pushes(account_id).await?;
        }
        Ok(rows.len())
    }
}
