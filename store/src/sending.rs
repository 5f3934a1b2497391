//! How much is sent, and how much may be: by account, unit and agency.

use mail::{AccountId, OwnerId, Timestamp};

use crate::error::{Error, Result};
use crate::sql::values;
use crate::{Account, Audit, Tx};

const HOUR: i64 = 3_600;
const DAY_HOURS: i64 = 24;

/// What an owner has sent lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Messages in the last sixty minutes; those of the hour before count by the part of it that still lies within.
    pub messages_in_hour: i64,
    /// Recipients in this hour and the 24 before.
    pub recipients_in_day: i64,
}

/// How much an owner may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendingLimit {
    /// Messages an hour.
    pub messages_per_hour: i64,
    /// Recipients a day.
    pub recipients_per_day: i64,
}

/// A limit of one's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnLimit {
    /// How much.
    pub limit: SendingLimit,
    /// Until when; afterwards the ordinary one holds again.
    pub until: Option<Timestamp>,
    /// The decision or ticket it rests on.
    pub decision: String,
}

impl Account {
    /// Whose limits a message of this account is held against: its own, its unit's, its agency's.
    pub fn sends_for(&self) -> impl Iterator<Item = OwnerId> {
        let (account, agency) = (self.account_id.into(), self.agency_id.into());
        [Some(account), self.unit_id.map(|unit| OwnerId::from_bytes(*unit.as_bytes())), Some(agency)]
            .into_iter()
            .flatten()
    }
}

fn hour(now: Timestamp) -> i64 {
    now.secs().div_euclid(HOUR)
}

impl Tx {
    /// Counts a message that an account hands in: for itself, its unit and its agency.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) without the account.
    pub async fn count_sending(
        &mut self,
        account_id: AccountId,
        recipients: usize,
        now: Timestamp,
    ) -> Result<()> {
        let account = self.account(account_id).await?.ok_or(Error::NotFound("the account"))?;
        // Always in one order, so that two submissions never wait for each other in a ring.
        let mut owners: Vec<OwnerId> = account.sends_for().collect();
        owners.sort_unstable();
        let recipients = i64::try_from(recipients).unwrap_or(i64::MAX);
        for owner in &owners {
            self.exec(
                "INSERT INTO sending_count (owner_id, hour, messages, recipients) VALUES ($1, $2, 1, $3) \
                 ON CONFLICT (owner_id, hour) DO UPDATE SET messages = sending_count.messages + 1, \
                 recipients = sending_count.recipients + excluded.recipients",
                values![owner, hour(now), recipients],
            )
            .await?;
        }
        Ok(())
    }

    /// What an owner has sent lately.
    pub async fn sent_lately(&mut self, owner: OwnerId, now: Timestamp) -> Result<Sent> {
        let this = hour(now);
        let rows = self
            .rows(
                "SELECT hour, messages, recipients FROM sending_count WHERE owner_id = $1 AND hour >= $2",
                values![&owner, this - DAY_HOURS],
            )
            .await?;
        let mut sent = Sent::default();
        let left = HOUR - now.secs().rem_euclid(HOUR);
        for row in &rows {
            let (at, messages) = (row.int(0)?, row.int(1)?);
            sent.recipients_in_day = sent.recipients_in_day.saturating_add(row.int(2)?);
            sent.messages_in_hour += match this - at {
                0 => messages,
                1 => messages.saturating_mul(left) / HOUR,
                _ => 0,
            };
        }
        Ok(sent)
    }

    /// The limit of an owner's own, if one holds now.
    pub async fn sending_limit(&mut self, owner: OwnerId, now: Timestamp) -> Result<Option<OwnLimit>> {
        let row = self
            .row(
                "SELECT messages_per_hour, recipients_per_day, until, decision FROM sending_limit \
                 WHERE owner_id = $1 AND (until IS NULL OR until > $2)",
                values![&owner, now],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let limit = SendingLimit { messages_per_hour: row.int(0)?, recipients_per_day: row.int(1)? };
        Ok(Some(OwnLimit { limit, until: row.opt_moment(2)?, decision: row.text(3)? }))
    }

    /// Gives an owner a limit of its own, or takes it away; audited for `audited`, the agency.
    pub async fn set_sending_limit(
        &mut self,
        owner: OwnerId,
        own: Option<&OwnLimit>,
        audited: OwnerId,
        actor: &str,
        now: Timestamp,
    ) -> Result<()> {
        self.exec("DELETE FROM sending_limit WHERE owner_id = $1", values![&owner]).await?;
        let mut detail = r#"{"what":"sending limit","removed":true}"#.to_owned();
        if let Some(OwnLimit { limit, until, decision }) = own {
            self.exec(
                "INSERT INTO sending_limit (owner_id, messages_per_hour, recipients_per_day, until, decision) \
                 VALUES ($1, $2, $3, $4, $5)",
                values![&owner, limit.messages_per_hour, limit.recipients_per_day, *until, decision],
            )
            .await?;
            detail = serde_json::json!({
                "what": "sending limit", "messages_per_hour": limit.messages_per_hour,
                "recipients_per_day": limit.recipients_per_day, "decision": decision,
            })
            .to_string();
        }
        self.audit(audited, now, actor, Audit::AccountChanged, &owner.to_string(), &detail).await
    }

    /// Forgets counts that no limit looks at any more; `limit` rows at most. Answers how many.
    pub async fn forget_sending_counts(&mut self, now: Timestamp, limit: i64) -> Result<u64> {
        let before = hour(now) - 2 * DAY_HOURS;
        let rows = self
            .rows("SELECT owner_id, hour FROM sending_count WHERE hour < $1 LIMIT $2", values![before, limit])
            .await?;
        let mut gone = 0;
        for row in &rows {
            let owner: OwnerId = row.id(0)?;
            gone += self
                .exec(
                    "DELETE FROM sending_count WHERE owner_id = $1 AND hour = $2",
                    values![&owner, row.int(1)?],
                )
                .await?;
        }
        Ok(gone)
    }
}
