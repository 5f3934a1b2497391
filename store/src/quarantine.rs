//! The quarantine: mail that waits for a person before anybody carries it (RULES M33).
//!
//! A held mail is an outbox row that was not written yet. It is put here in the transaction that takes the message in, and leaves by
//! one transaction: into the outbox, or to nothing. So a message is in exactly one of mailbox, outbox, quarantine and bounced.

use mail::envelope::{OutboundMail, OutboundRecipient};
use mail::letter::{Door, Hold, Releaser};
use mail::trace::{Event, Noted};
use mail::{AccountId, BlobId, OwnerId, QuarantineId, Timestamp};

use crate::error::{Error, Result};
use crate::outbox::{Lane, NewOutbox, OutboxKind};
use crate::sql::{Row, values};
use crate::{Audit, List, ListCopy, NewTrace, Tx};

/// A row to hold instead of writing it into the outbox.
#[derive(Clone, Copy, Debug)]
pub struct NewHeld<'a> {
    /// What is carried once somebody lets it go. It has a blob.
    pub row: &'a NewOutbox,
    /// Why it is held.
    pub hold: &'a Hold,
    /// The way it came.
    pub door: Door,
    /// Who sees it in place of who is to get it or sent it: the keeper of a list.
    pub keeper: Option<AccountId>,
}

/// What became of a held mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldState {
    /// It waits.
    Held,
    /// It went on its way.
    Released,
    /// It was deleted, by a person or because its time ran out.
    Deleted,
}

impl HeldState {
    /// The word for it in rows and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Released => "released",
            Self::Deleted => "deleted",
        }
    }

    fn from_name(name: &str) -> Result<Self> {
        [Self::Held, Self::Released, Self::Deleted]
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or(Error::Damaged("a quarantine state"))
    }
}

/// What a person says about the machine's suspicion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The mail is harmless.
    FalsePositive,
    /// It was rightly held.
    Right,
    /// It wants to have something by deceit.
    Phishing,
}

impl Judgement {
    /// What a word means.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::FalsePositive, Self::Right, Self::Phishing].into_iter().find(|one| one.name() == name)
    }

    /// The word for it in rows and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FalsePositive => "false_positive",
            Self::Right => "right",
            Self::Phishing => "phishing",
        }
    }
}

/// A mail in the quarantine.
#[derive(Clone, Debug)]
pub struct HeldMail {
    /// Who sees it: who was to get it, or who sent it.
    pub account_id: AccountId,
    /// Its id.
    pub quarantine_id: QuarantineId,
    /// Whose key seals the blob.
    pub owner: OwnerId,
    /// The message.
    pub blob_id: BlobId,
    /// Which carrier takes it when it is released.
    pub kind: OutboxKind,
    /// Where to: an account or a domain.
    pub destination: String,
    /// The envelope ([`mail::envelope::OutboundMail`]), as JSON; empty once it left.
    pub payload: String,
    /// The message's name in the trace.
    pub trace: String,
    /// The way it came: [`Door::name`].
    pub door: String,
    /// [`Hold::reason`].
    pub reason: String,
    /// [`Hold::detail`].
    pub detail: String,
    /// Who may let it go.
    pub releaser: Releaser,
    /// What became of it.
    pub state: HeldState,
    /// [`Judgement::name`], or empty.
    pub judgement: String,
    /// When it was taken in.
    pub held_at: Timestamp,
    /// When somebody released or deleted it.
    pub acted_at: Option<Timestamp>,
    /// Who did.
    pub acted_by: String,
}

/// Which mails are asked for; what is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub struct QuarantineFilter {
    /// Who sees them.
    pub account_id: Option<AccountId>,
    /// What became of them.
    pub state: Option<HeldState>,
    /// Why they are held.
    pub reason: Option<String>,
    /// The message's name in the trace.
    pub trace: Option<String>,
}

const fn releaser_name(releaser: Releaser) -> &'static str {
    match releaser {
        Releaser::Person => "person",
        Releaser::Administrator => "administrator",
        Releaser::TwoPersons => "two-persons",
    }
}

macro_rules! select_held {
    ($tail:literal) => {
        concat!(
            "SELECT account_id, quarantine_id, owner_id, blob_id, kind, destination, payload, trace, door, reason, detail, releaser, \
             state, judgement, held_at, acted_at, acted_by FROM quarantine ",
            $tail
        )
    };
}

fn held(row: &Row) -> Result<HeldMail> {
    Ok(HeldMail {
        account_id: row.id(0)?,
        quarantine_id: row.id(1)?,
        owner: row.id(2)?,
        blob_id: row.id(3)?,
        kind: OutboxKind::from_name(row.str(4)?)?,
        destination: row.text(5)?,
        payload: row.text(6)?,
        trace: row.text(7)?,
        door: row.text(8)?,
        reason: row.text(9)?,
        detail: row.text(10)?,
        releaser: match row.text(11)?.as_str() {
            "person" => Releaser::Person,
            "administrator" => Releaser::Administrator,
            "two-persons" => Releaser::TwoPersons,
            _ => return Err(Error::Damaged("who may release a mail")),
        },
        state: HeldState::from_name(row.str(12)?)?,
        judgement: row.text(13)?,
        held_at: row.moment(14)?,
        acted_at: row.opt_moment(15)?,
        acted_by: row.text(16)?,
    })
}

impl Tx {
    /// Holds a row instead of writing it into the outbox; it takes one reference to the blob.
    pub async fn hold_mail(&mut self, new: &NewHeld<'_>, now: Timestamp) -> Result<QuarantineId> {
        let NewHeld { row, hold, door, keeper } = *new;
        let blob_id = row.blob_id.ok_or(Error::Refused("a held mail without a message"))?;
        // Who sent it sees it, or who was to get it; nobody else does.
        let owner = AccountId::from_bytes(*row.owner.as_bytes());
        let receiver =
            row.destination.parse().ok().filter(|_| row.kind == OutboxKind::Local && !door.is_ours());
        let account_id = keeper.or(receiver).unwrap_or(owner);
        let trace = serde_json::from_str::<OutboundMail>(&row.payload)
            .map_err(|_| Error::Refused("a held mail without an envelope"))?
            .trace;
        self.refer_to_blob(row.owner, blob_id).await?;
        let id = QuarantineId::new(now, &*self.shared.chance);
        self.exec(
            "INSERT INTO quarantine (account_id, quarantine_id, owner_id, blob_id, kind, destination, payload, trace, door, \
             reason, detail, releaser, state, judgement, held_at, acted_at, acted_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'held', '', $13, NULL, '')",
            values![
                &account_id,
                &id,
                &row.owner,
                &blob_id,
                row.kind.name(),
                &row.destination,
                &row.payload,
                &trace,
                door.name(),
                hold.reason,
                mail::text::clip(&hold.detail, 500),
                releaser_name(hold.releaser),
                now
            ],
        )
        .await?;
        let detail = serde_json::json!({ "reason": hold.reason, "trace": trace }).to_string();
        self.audit(account_id, now, "scan", Audit::MailQuarantined, &id.to_string(), &detail).await?;
        let told = format!("{id} {}", hold.reason);
        self.note_held(row.owner, trace, "quarantined", "scan", told, now).await?;
        Ok(id)
    }

    /// Holds a mail to a list for who keeps the list: once let go, it is expanded (RULES M33). It takes one reference to the blob.
    pub async fn hold_for_list(
        &mut self,
        list: &List,
        copy: &ListCopy,
        hold: &Hold,
        door: Door,
        now: Timestamp,
    ) -> Result<QuarantineId> {
        let mail = OutboundMail {
            recipients: vec![OutboundRecipient::plain(list.address.clone())],
            submission: None,
            to_list: Some(list.address.clone()),
            ..copy.mail.clone()
        };
        let row = NewOutbox {
            kind: OutboxKind::Local,
            owner: copy.owner,
            lane: Lane::Normal,
            destination: list.responsible.to_string(),
            payload: serde_json::to_string(&mail).map_err(|error| Error::Internal(error.to_string()))?,
            blob_id: Some(copy.blob_id),
            due_at: now,
        };
        self.hold_mail(&NewHeld { row: &row, hold, door, keeper: Some(list.responsible) }, now).await
    }

    /// One mail of the quarantine, whoever sees it.
    pub async fn held_mail(&mut self, id: QuarantineId) -> Result<Option<HeldMail>> {
        let row = self.row(select_held!("WHERE quarantine_id = $1"), values![&id]).await?;
        row.as_ref().map(held).transpose()
    }

    /// Mails of the quarantine, newest first, `limit` at most.
    pub async fn held_mails(&mut self, filter: &QuarantineFilter, limit: i64) -> Result<Vec<HeldMail>> {
        let account: Vec<u8> = filter.account_id.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
        let state = filter.state.map(HeldState::name).unwrap_or_default();
        let (reason, trace) = (filter.reason.as_deref(), filter.trace.as_deref());
        let rows = self
            .rows(
                select_held!(
                    "WHERE ($1 = 0 OR account_id = $2) AND ($3 = '' OR state = $3) AND ($4 = '' OR reason = $4) \
                     AND ($5 = '' OR trace = $5) ORDER BY quarantine_id DESC LIMIT $6"
                ),
                values![
                    i64::from(filter.account_id.is_some()),
                    account.as_slice(),
                    state,
                    reason.unwrap_or_default(),
                    trace.unwrap_or_default(),
                    limit
                ],
            )
            .await?;
        rows.iter().map(held).collect()
    }

    /// Lets a mail go: its row is written into the outbox, and its reference to the blob goes along. `false` when it does not wait
    /// any more, so that doing it twice is doing it once.
    ///
    /// # Errors
    /// [`Error::SetAside`] for what takes two persons.
    pub async fn release_mail(&mut self, id: QuarantineId, actor: &str, now: Timestamp) -> Result<bool> {
        self.check_takes_one(id).await?;
        self.release_agreed(id, actor, now).await
    }

    /// Whether one person may decide (RULES R13).
    async fn check_takes_one(&mut self, id: QuarantineId) -> Result<()> {
        match self.held_mail(id).await?.is_some_and(|mail| mail.releaser == Releaser::TwoPersons) {
            true => Err(Error::SetAside),
            false => Ok(()),
        }
    }

    /// [`Tx::release_mail`] for whoever knows that everybody who has to has agreed.
    pub(crate) async fn release_agreed(
        &mut self,
        id: QuarantineId,
        actor: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let Some(mail) = self.settle(id, HeldState::Released, actor, now).await? else { return Ok(false) };
        let row = NewOutbox {
            kind: mail.kind,
            owner: mail.owner,
            lane: Lane::Normal,
            destination: mail.destination,
            payload: mail.payload,
            blob_id: Some(mail.blob_id),
            due_at: now,
        };
        self.enqueue(&row, now).await?;
        self.drop_blob(mail.owner, mail.blob_id, now).await?;
        Ok(true)
    }

    /// Deletes a mail: its reference to the blob goes. `false` when it does not wait any more.
    ///
    /// # Errors
    /// [`Error::SetAside`] for what bears a mark of secrecy: that is never deleted here (RULES R11).
    pub async fn discard_mail(&mut self, id: QuarantineId, actor: &str, now: Timestamp) -> Result<bool> {
        self.check_takes_one(id).await?;
        let Some(mail) = self.settle(id, HeldState::Deleted, actor, now).await? else { return Ok(false) };
        self.drop_blob(mail.owner, mail.blob_id, now).await?;
        Ok(true)
    }

    /// Keeps what a person says about a mail, whatever became of it. `false` when there is none.
    pub async fn judge_mail(
        &mut self,
        id: QuarantineId,
        judgement: Judgement,
        actor: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let Some(mail) = self.held_mail(id).await? else { return Ok(false) };
        self.exec(
            "UPDATE quarantine SET judgement = $3 WHERE account_id = $1 AND quarantine_id = $2",
            values![&mail.account_id, &id, judgement.name()],
        )
        .await?;
        let detail = serde_json::json!({ "judgement": judgement.name() }).to_string();
        self.audit(mail.account_id, now, actor, Audit::MailJudged, &id.to_string(), &detail).await?;
        Ok(true)
    }

    /// Lets go what was held before `before`: mails that still wait are deleted, records of others are swept. Those of accounts under
    /// legal hold stay. `limit` rows at most; answers how many.
    pub async fn expire_quarantine(
        &mut self,
        before: Timestamp,
        limit: i64,
        now: Timestamp,
    ) -> Result<usize> {
        let rows = self
            .rows(
                select_held!(
                    "WHERE held_at < $1 AND NOT (releaser = 'two-persons' AND state = 'held') AND NOT EXISTS (SELECT 1 FROM account \
                     WHERE account.account_id = quarantine.account_id AND account.legal_hold = 1) ORDER BY held_at LIMIT $2"
                ),
                values![before, limit],
            )
            .await?;
        for row in &rows {
            let mail = held(row)?;
            if mail.state == HeldState::Held {
                self.discard_mail(mail.quarantine_id, "housekeeping", now).await?;
            }
            self.exec(
                "DELETE FROM quarantine WHERE account_id = $1 AND quarantine_id = $2",
                values![&mail.account_id, &mail.quarantine_id],
            )
            .await?;
        }
        Ok(rows.len())
    }

    /// Mails of one account that wait, newest first, `limit` at most.
    pub async fn held_mails_of(&mut self, account_id: AccountId, limit: i64) -> Result<Vec<HeldMail>> {
        let rows = self
            .rows(
                select_held!("WHERE account_id = $1 AND state = 'held' ORDER BY quarantine_id DESC LIMIT $2"),
                values![&account_id, limit],
            )
            .await?;
        rows.iter().map(held).collect()
    }

    /// How many mails wait.
    pub async fn quarantine_depth(&mut self) -> Result<i64> {
        let row = self.row("SELECT COUNT(*) FROM quarantine WHERE state = 'held'", &[]).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// Ends the waiting of a mail, once; answers it as it was.
    async fn settle(
        &mut self,
        id: QuarantineId,
        state: HeldState,
        actor: &str,
        now: Timestamp,
    ) -> Result<Option<HeldMail>> {
        let Some(mail) = self.held_mail(id).await? else { return Ok(None) };
        let touched = self
            .exec(
                "UPDATE quarantine SET state = $3, payload = '', acted_at = $4, acted_by = $5 \
                 WHERE account_id = $1 AND quarantine_id = $2 AND state = 'held'",
                values![&mail.account_id, &id, state.name(), now, actor],
            )
            .await?;
        if touched == 0 {
            return Ok(None);
        }
        let act = if state == HeldState::Released { Audit::MailReleased } else { Audit::MailDiscarded };
        let detail = serde_json::json!({ "reason": mail.reason, "trace": mail.trace }).to_string();
        self.audit(mail.account_id, now, actor, act, &id.to_string(), &detail).await?;
        self.note_held(mail.owner, mail.trace.clone(), state.name(), actor, id.to_string(), now).await?;
        Ok(Some(mail))
    }

    /// Tells the trace what was done to a held mail.
    async fn note_held(
        &mut self,
        owner: OwnerId,
        name: String,
        what: &str,
        by: &str,
        detail: String,
        now: Timestamp,
    ) -> Result<()> {
        let event = Event::Noted(Noted { what: what.to_owned(), by: by.to_owned(), detail });
        self.trace(&NewTrace { name, owner, event }, now).await
    }
}
