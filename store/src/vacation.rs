//! Absences: what is answered while somebody is away (RFC 8621 §8), and to whom it was (RFC 3834 §2).

use mail::{AccountId, EmailAddress, EmailId, ModSeq, Timestamp};

use crate::error::Result;
use crate::sql::values;
use crate::{Signal, Tx};

/// What is answered while somebody is away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vacation {
    /// Whether anything is answered.
    pub is_enabled: bool,
    /// Not before.
    pub from_at: Option<Timestamp>,
    /// Before this moment.
    pub to_at: Option<Timestamp>,
    /// The subject; `None` leaves it to the house.
    pub subject: Option<String>,
    /// The text.
    pub text_body: Option<String>,
    /// The text as HTML.
    pub html_body: Option<String>,
}

impl Vacation {
    /// Whether mail that arrives at a moment is answered.
    pub fn is_on(&self, now: Timestamp) -> bool {
        self.is_enabled && self.from_at.is_none_or(|from| from <= now) && self.to_at.is_none_or(|to| now < to)
    }
}

/// Mail that may have to be answered.
#[derive(Clone, Debug)]
pub struct VacationDue {
    /// Who may be away.
    pub account_id: AccountId,
    /// The message.
    pub email_id: EmailId,
    /// Where failures of it are told, which is where the answer goes.
    pub reverse_path: String,
}

impl Tx {
    /// What an account answers; `None` when nothing was ever said.
    pub async fn vacation(&mut self, account_id: AccountId) -> Result<Option<Vacation>> {
        let row = self
            .row(
                "SELECT is_enabled, from_at, to_at, subject, text_body, html_body FROM vacation WHERE account_id = $1",
                values![&account_id],
            )
            .await?;
        row.map(|row| {
            Ok(Vacation {
                is_enabled: row.flag(0)?,
                from_at: row.opt_moment(1)?,
                to_at: row.opt_moment(2)?,
                subject: row.opt_text(3)?,
                text_body: row.opt_text(4)?,
                html_body: row.opt_text(5)?,
            })
        })
        .transpose()
    }

    /// Says what an account answers. Switched on anew, everybody is told anew.
    pub async fn put_vacation(&mut self, account_id: AccountId, vacation: &Vacation) -> Result<ModSeq> {
        let modseq = self.next_modseq(account_id, 0).await?;
        let was_on = self.vacation(account_id).await?.is_some_and(|was| was.is_enabled);
        self.exec(
            "INSERT INTO vacation (account_id, is_enabled, from_at, to_at, subject, text_body, html_body) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account_id) DO UPDATE SET is_enabled = excluded.is_enabled, \
             from_at = excluded.from_at, to_at = excluded.to_at, subject = excluded.subject, \
             text_body = excluded.text_body, html_body = excluded.html_body",
            values![
                &account_id,
                vacation.is_enabled,
                vacation.from_at,
                vacation.to_at,
                vacation.subject.as_deref(),
                vacation.text_body.as_deref(),
                vacation.html_body.as_deref()
            ],
        )
        .await?;
        if vacation.is_enabled && !was_on {
            self.exec("DELETE FROM vacation_told WHERE account_id = $1", values![&account_id]).await?;
        }
        Ok(modseq)
    }

    /// Notes, in the transaction that delivers a mail, that it may have to be answered: nothing when nobody is away.
    pub async fn note_for_vacation(
        &mut self,
        account_id: AccountId,
        email_id: EmailId,
        reverse_path: Option<&EmailAddress>,
    ) -> Result<()> {
        // Nobody hears what is sent to the null path (RFC 3834 §2).
        let Some(path) = reverse_path.map(ToString::to_string) else { return Ok(()) };
        let noted = self
            .exec(
                "INSERT INTO vacation_due (account_id, email_id, reverse_path) SELECT $1, $2, $3 \
                 WHERE EXISTS (SELECT 1 FROM vacation WHERE account_id = $1 AND is_enabled = 1)",
                values![&account_id, &email_id, &path],
            )
            .await?;
        if noted > 0 {
            self.signals.insert(Signal::Outbox);
        }
        Ok(())
    }

    /// Mail that may have to be answered, in one order: what comes after `after`, `limit` at most.
    pub async fn vacations_due(
        &mut self,
        after: Option<&VacationDue>,
        limit: i64,
    ) -> Result<Vec<VacationDue>> {
        let account: &[u8] = after.map_or(&[], |due| due.account_id.as_bytes().as_slice());
        let email: &[u8] = after.map_or(&[], |due| due.email_id.as_bytes().as_slice());
        let rows = self
            .rows(
                "SELECT account_id, email_id, reverse_path FROM vacation_due WHERE (account_id, email_id) > ($1, $2) \
                 ORDER BY account_id, email_id LIMIT $3",
                values![account, email, limit],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(VacationDue { account_id: row.id(0)?, email_id: row.id(1)?, reverse_path: row.text(2)? })
            })
            .collect()
    }

    /// Takes a mail off the list, in the transaction that answers it; `false` when somebody else has.
    pub async fn settle_vacation(&mut self, due: &VacationDue) -> Result<bool> {
        let gone = self
            .exec(
                "DELETE FROM vacation_due WHERE account_id = $1 AND email_id = $2",
                values![&due.account_id, &due.email_id],
            )
            .await?;
        Ok(gone == 1)
    }

    /// Whether somebody was answered since a moment.
    pub async fn was_told_of_vacation(
        &mut self,
        account_id: AccountId,
        sender: &EmailAddress,
        since: Timestamp,
    ) -> Result<bool> {
        let digest = self.told_digest(account_id, sender);
        let row = self
            .row(
                "SELECT 1 FROM vacation_told WHERE account_id = $1 AND sender = $2 AND told_at > $3",
                values![&account_id, &digest, since],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Not the address: whom somebody was written by is nobody's business.
    fn told_digest(&self, account_id: AccountId, sender: &EmailAddress) -> [u8; 8] {
        self.shared.keyring.trace_digest(&format!("vacation {account_id} {}", sender.folded()))
    }

    /// Notes that somebody is answered now, unless they were since `again_after`; `false` then.
    pub async fn tell_of_vacation(
        &mut self,
        account_id: AccountId,
        sender: &EmailAddress,
        again_after: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        let digest = self.told_digest(account_id, sender);
        self.tell(account_id, digest, again_after, now).await
    }

    /// The same for a notice that an address has moved (RULES M5): each old address tells for itself.
    pub async fn tell_of_move(
        &mut self,
        account_id: AccountId,
        (moved, sender): (&EmailAddress, &EmailAddress),
        again_after: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        let told = format!("moved {account_id} {} {}", moved.folded(), sender.folded());
        let digest = self.shared.keyring.trace_digest(&told);
        self.tell(account_id, digest, again_after, now).await
    }

    async fn tell(
        &mut self,
        account_id: AccountId,
        digest: [u8; 8],
        again_after: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        let told = self
            .exec(
                "INSERT INTO vacation_told (account_id, sender, told_at) VALUES ($1, $2, $3) \
                 ON CONFLICT (account_id, sender) DO UPDATE SET told_at = excluded.told_at \
                 WHERE vacation_told.told_at <= $4",
                values![&account_id, &digest, now, again_after],
            )
            .await?;
        Ok(told == 1)
    }

    /// Forgets who was answered before a moment; `limit` at a time. Answers how many there were.
    pub async fn forget_vacations_told(&mut self, before: Timestamp, limit: i64) -> Result<u64> {
        self.exec(
            "DELETE FROM vacation_told WHERE (account_id, sender) IN \
             (SELECT account_id, sender FROM vacation_told WHERE told_at < $1 LIMIT $2)",
            values![before, limit],
        )
        .await
    }
}
