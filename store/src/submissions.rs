//! Messages handed in for sending (RFC 8621 §7).

use mail::envelope::OutboundMail;
use mail::trace::{Event, Noted};
use mail::{AccountId, BlobId, EmailId, IdentityId, ModSeq, OutboxId, SubmissionId, ThreadId, Timestamp};

use crate::accounts::words;
use crate::emails::id_list;
use crate::error::{Error, Result};
use crate::sql::{Row, Sql, values};
use crate::{Audit, NewTrace, Tx};

words! {
    /// Whether a submission can be taken back (RFC 8621 §7).
    UndoStatus, "undo status" {
        /// It waits and can be taken back.
        Pending = "pending",
        /// It is on its way.
        Final = "final",
        /// It was taken back.
        Canceled = "canceled",
    }
}

/// A submission to record.
#[derive(Clone, Debug)]
pub struct NewSubmission {
    /// Its account.
    pub account_id: AccountId,
    /// The message.
    pub email_id: EmailId,
    /// Its conversation.
    pub thread_id: ThreadId,
    /// The identity it is sent as.
    pub identity_id: IdentityId,
    /// The envelope, as JSON.
    pub envelope: String,
    /// When it goes, or went.
    pub send_at: Timestamp,
    /// What is known of its delivery, as JSON per recipient.
    pub delivery: String,
}

/// A submission.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Its id.
    pub submission_id: SubmissionId,
    /// The message.
    pub email_id: EmailId,
    /// Its conversation.
    pub thread_id: ThreadId,
    /// The identity it is sent as.
    pub identity_id: IdentityId,
    /// The envelope, as JSON.
    pub envelope: String,
    /// When it goes, or went.
    pub send_at: Timestamp,
    /// Whether it can be taken back, as it was recorded; see [`Submission::undo_status_at`].
    pub undo_status: UndoStatus,
    /// What is known of its delivery, as JSON per recipient.
    pub delivery: String,
    /// When it was made.
    pub created_modseq: ModSeq,
}

impl Submission {
    /// Whether it can be taken back at a moment: what waited is on its way from its moment on, whether or not a carrier has it yet.
    pub fn undo_status_at(&self, now: Timestamp) -> UndoStatus {
        match self.undo_status {
            UndoStatus::Pending if self.send_at <= now => UndoStatus::Final,
            status => status,
        }
    }
}

/// Rows of one submission that are looked through to take it back: those of a list of thousands.
const ROWS_MAX: i64 = 20_000;

/// Takes rows nobody carries; the ids are a JSON list, `$1`.
const TAKE_BACK: Sql = Sql {
    sqlite: "DELETE FROM outbox WHERE lease_holder = '' AND outbox_id IN (SELECT unhex(value) FROM json_each($1)) \
        RETURNING blob_id",
    postgres: "DELETE FROM outbox WHERE lease_holder = '' AND outbox_id IN \
        (SELECT decode(value, 'hex') FROM json_array_elements_text(CAST($1 AS json)) AS t(value)) RETURNING blob_id",
};

macro_rules! select_submission {
    ($tail:literal) => {
        concat!(
            "SELECT submission_id, email_id, thread_id, identity_id, envelope, send_at, undo_status, delivery, created_modseq \
             FROM submission WHERE account_id = $1 ",
            $tail
        )
    };
}

fn submission(row: &Row) -> Result<Submission> {
    Ok(Submission {
        submission_id: row.id(0)?,
        email_id: row.id(1)?,
        thread_id: row.id(2)?,
        identity_id: row.id(3)?,
        envelope: row.text(4)?,
        send_at: row.moment(5)?,
        undo_status: row.text(6)?.parse()?,
        delivery: row.text(7)?,
        created_modseq: row.modseq(8)?,
    })
}

impl Tx {
    /// Records a submission; the message itself leaves through the outbox, in the same transaction.
    pub async fn add_submission(&mut self, new: &NewSubmission, now: Timestamp) -> Result<SubmissionId> {
        let modseq = self.next_modseq(new.account_id, 0).await?;
        let id = SubmissionId::new(now, &*self.shared.chance);
        self.exec(
            "INSERT INTO submission (account_id, submission_id, email_id, thread_id, identity_id, envelope, send_at, \
             undo_status, delivery, created_modseq, modseq, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, 'final', $8, $9, $9, $10)",
            values![
                &new.account_id,
                &id,
                &new.email_id,
                &new.thread_id,
                &new.identity_id,
                &new.envelope,
                new.send_at,
                &new.delivery,
                modseq,
                now
            ],
        )
        .await?;
        Ok(id)
    }

    /// One submission.
    pub async fn submission(
        &mut self,
        account_id: AccountId,
        submission_id: SubmissionId,
    ) -> Result<Option<Submission>> {
        let row = self
            .row(select_submission!("AND submission_id = $2"), values![&account_id, &submission_id])
            .await?;
        row.as_ref().map(submission).transpose()
    }

    /// The newest submissions, newest first.
    pub async fn submissions(&mut self, account_id: AccountId, limit: i64) -> Result<Vec<Submission>> {
        let rows = self
            .rows(select_submission!("ORDER BY submission_id DESC LIMIT $2"), values![&account_id, limit])
            .await?;
        rows.iter().map(submission).collect()
    }

    /// Records what became of a submission's recipients.
    pub async fn set_submission_delivery(
        &mut self,
        account_id: AccountId,
        submission_id: SubmissionId,
        delivery: &str,
    ) -> Result<()> {
        let modseq = self.next_modseq(account_id, 0).await?;
        let touched = self
            .exec(
                "UPDATE submission SET delivery = $3, modseq = $4, undo_status = 'final' \
                 WHERE account_id = $1 AND submission_id = $2",
                values![&account_id, &submission_id, delivery, modseq],
            )
            .await?;
        if touched == 1 { Ok(()) } else { Err(Error::NotFound("the submission")) }
    }

    /// Notes, in the transaction that made a submission, that it waits in rows of the outbox under a name in the trace: it can be taken
    /// back until they are due.
    pub async fn submission_waits(
        &mut self,
        account_id: AccountId,
        submission_id: SubmissionId,
        trace: &str,
    ) -> Result<()> {
        let rows = self.waiting_rows(account_id, submission_id, trace).await?.len();
        let rows = i64::try_from(rows).map_err(|_| Error::Refused("too many rows"))?;
        self.exec(
            "UPDATE submission SET undo_status = 'pending', trace = $3, outbox_rows = $4 \
             WHERE account_id = $1 AND submission_id = $2",
            values![&account_id, &submission_id, trace, rows],
        )
        .await
        .map(drop)
    }

    /// The rows of the outbox that a submission waits in: its owner's, of the moment it was made, with its name in the trace.
    async fn waiting_rows(
        &mut self,
        account_id: AccountId,
        submission_id: SubmissionId,
        trace: &str,
    ) -> Result<Vec<OutboxId>> {
        let rows = self
            .rows(
                "SELECT outbox_id, payload FROM outbox WHERE owner_id = $1 AND created_at = \
                 (SELECT created_at FROM submission WHERE account_id = $1 AND submission_id = $2) \
                 AND kind IN ('mail', 'local') LIMIT $3",
                values![&account_id, &submission_id, ROWS_MAX],
            )
            .await?;
        let mut ids = Vec::with_capacity(rows.len());
        for row in &rows {
            let mail: OutboundMail =
                serde_json::from_str(row.str(1)?).map_err(|_| Error::Damaged("a row of the outbox"))?;
            if mail.trace == trace {
                ids.push(row.id(0)?);
            }
        }
        Ok(ids)
    }

    /// Takes a waiting submission back: every row of it goes out of the outbox, or none does.
    ///
    /// # Errors
    /// [`Error::Refused`] when it does not wait, or a part of it is on its way; then nothing may be committed.
    pub async fn cancel_submission(
        &mut self,
        account_id: AccountId,
        submission_id: SubmissionId,
        delivery: &str,
        now: Timestamp,
    ) -> Result<ModSeq> {
        const TOO_LATE: Error = Error::Refused("the message is on its way already");
        let modseq = self.next_modseq(account_id, 0).await?;
        let row = self
            .row(
                "UPDATE submission SET undo_status = 'canceled', delivery = $3, modseq = $4 \
                 WHERE account_id = $1 AND submission_id = $2 AND undo_status = 'pending' AND send_at > $5 \
                 RETURNING trace, outbox_rows",
                values![&account_id, &submission_id, delivery, modseq, now],
            )
            .await?
            .ok_or(TOO_LATE)?;
        let (trace, count) = (row.text(0)?, row.int(1)?);
        let ids = self.waiting_rows(account_id, submission_id, &trace).await?;
        let gone = self.rows(TAKE_BACK, values![&id_list(&ids)]).await?;
        if i64::try_from(gone.len()).unwrap_or(i64::MAX) != count {
            return Err(TOO_LATE);
        }
        for row in &gone {
            if let Some(blob_id) = row.opt_id::<BlobId>(0)? {
                self.drop_blob(account_id, blob_id, now).await?;
            }
        }
        let (actor, subject) = (account_id.to_string(), submission_id.to_string());
        let noted = Noted { what: "canceled".to_owned(), by: actor.clone(), detail: subject.clone() };
        self.trace(&NewTrace { name: trace, owner: account_id.into(), event: Event::Noted(noted) }, now)
            .await?;
        self.audit(account_id, now, &actor, Audit::MailCanceled, &subject, "").await?;
        Ok(modseq)
    }

    /// Forgets a submission; what it sent is sent.
    pub async fn destroy_submission(
        &mut self,
        account_id: AccountId,
        submission_id: SubmissionId,
    ) -> Result<()> {
        let modseq = self.next_modseq(account_id, 0).await?;
        let row = self
            .row(
                "DELETE FROM submission WHERE account_id = $1 AND submission_id = $2 RETURNING created_modseq",
                values![&account_id, &submission_id],
            )
            .await?
            .ok_or(Error::NotFound("the submission"))?;
        self.bury(account_id, "submission", submission_id.as_bytes(), row.modseq(0)?, modseq).await
    }
}
