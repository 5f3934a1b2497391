//! Messages handed in for sending (RFC 8621 §7).

use mail::{AccountId, EmailId, IdentityId, ModSeq, SubmissionId, ThreadId, Timestamp};

use crate::Tx;
use crate::error::{Error, Result};
use crate::sql::{Row, values};

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
    /// `pending`, `final` or `canceled`.
    pub undo_status: String,
    /// What is known of its delivery, as JSON per recipient.
    pub delivery: String,
    /// When it was made.
    pub created_modseq: ModSeq,
}

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
        undo_status: row.text(6)?,
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
             undo_status, delivery, created_modseq, modseq) VALUES ($1, $2, $3, $4, $5, $6, $7, 'final', $8, $9, $9)",
            values![
                &new.account_id,
                &id,
                &new.email_id,
                &new.thread_id,
                &new.identity_id,
                &new.envelope,
                new.send_at,
                &new.delivery,
                modseq
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
                "UPDATE submission SET delivery = $3, modseq = $4 WHERE account_id = $1 AND submission_id = $2",
                values![&account_id, &submission_id, delivery, modseq],
            )
            .await?;
        if touched == 1 { Ok(()) } else { Err(Error::NotFound("the submission")) }
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
