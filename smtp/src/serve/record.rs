//! The one transaction that ends an attempt.

use mail::{AccountId, EmailAddress, SubmissionId, Timestamp};
use serde_json::{Map, Value, json};
use store::{Audit, Claimed, NewEmail, NewOutbox, NewTrace, Sealed, Tx};

use super::outgoing::Tally;

/// What is to be written.
pub(super) struct Settlement {
    pub(super) claimed: Claimed,
    pub(super) holder: String,
    pub(super) after: After,
    /// Into a mailbox of this house.
    pub(super) letter: Option<NewEmail>,
    /// Where the mail says failures are told.
    pub(super) reverse_path: Option<EmailAddress>,
    pub(super) telling: Option<Telling>,
    pub(super) tally: Tally,
    pub(super) submission: Option<(AccountId, SubmissionId)>,
    pub(super) progress: Vec<Progress>,
    /// When a peer took it (RULES M36).
    pub(super) taken_at: Option<Timestamp>,
    pub(super) trace: NewTrace,
    pub(super) now: Timestamp,
}

/// What becomes of the row.
pub(super) enum After {
    /// Nobody waits any more.
    Done,
    /// Somebody does.
    Again { payload: String, due_at: Timestamp, error: String },
}

/// A report, on its way to the sender.
pub(super) enum Telling {
    /// Into the sender's inbox.
    Inbox(Box<NewEmail>),
    /// To the sender's own system.
    Queue { blob: Box<Sealed>, row: Box<NewOutbox> },
}

/// What is known about one recipient of a submission (RFC 8621 §7, DeliveryStatus).
pub(super) struct Progress {
    pub(super) address: String,
    /// As the sender first wrote it, when it was another one.
    pub(super) original: Option<String>,
    pub(super) smtp_reply: String,
    pub(super) delivered: &'static str,
}

/// Who acts, in the audit log.
const ACTOR: &str = "mail-out";

/// Writes everything or nothing; false, and nothing, when the lease was lost.
pub(super) async fn record(tx: &mut Tx, settlement: &Settlement) -> Result<bool, store::Error> {
    let Settlement { claimed, holder, now, .. } = settlement;
    let now = *now;
    if settlement.submission.is_some() {
        lock_message(tx, claimed, now).await?;
    }
    let held = match &settlement.after {
        After::Done => tx.finish_outbox(claimed, holder, now).await?,
        After::Again { payload, due_at, error } => {
            tx.retry_outbox(claimed, holder, payload, *due_at, error).await?
        }
    };
    if !held {
        return Ok(false);
    }
    if let Some(letter) = &settlement.letter {
        let placed = tx.add_email(letter, now).await?;
        tx.note_for_vacation(letter.account_id, placed.email_id, settlement.reverse_path.as_ref()).await?;
        let subject = placed.email_id.to_string();
        tx.audit(letter.account_id, now, ACTOR, Audit::MailReceived, &subject, "").await?;
    }
    match &settlement.telling {
        Some(Telling::Inbox(report)) => {
            tx.add_email(report, now).await?;
        }
        Some(Telling::Queue { blob, row }) => {
            tx.enqueue_with(blob, std::slice::from_ref(row), now).await?;
        }
        None => {}
    }
    write_audit(tx, settlement).await?;
    write_progress(tx, settlement).await?;
    tx.trace(&settlement.trace, now).await?;
    Ok(true)
}

/// Rows of one submission share one blob. Whoever has touched it holds it until the commit, so two carriers that write the
/// progress of the same submission do so one after the other, and neither forgets what the other wrote.
async fn lock_message(tx: &mut Tx, claimed: &Claimed, now: Timestamp) -> Result<(), store::Error> {
    let Some(blob_id) = claimed.blob_id else { return Ok(()) };
    match tx.refer_to_blob(claimed.owner, blob_id).await {
        Ok(()) => tx.drop_blob(claimed.owner, blob_id, now).await,
        // Gone with whoever settled the row before us; the lease will say so.
        Err(store::Error::NotFound(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn write_audit(tx: &mut Tx, settlement: &Settlement) -> Result<(), store::Error> {
    let Settlement { claimed, tally, now, .. } = settlement;
    let subject = claimed.outbox_id.to_string();
    let delivered = if settlement.letter.is_some() { 0 } else { tally.delivered };
    for (act, count) in [(Audit::MailDelivered, delivered), (Audit::MailBounced, tally.refused)] {
        if count > 0 {
            let mut detail = json!({ "recipients": count });
            if let (Audit::MailDelivered, Some(at)) = (act, settlement.taken_at) {
                detail["taken_at"] = at.to_rfc3339_utc().into();
            }
            tx.audit(claimed.owner, *now, ACTOR, act, &subject, &detail.to_string()).await?;
        }
    }
    Ok(())
}

async fn write_progress(tx: &mut Tx, settlement: &Settlement) -> Result<(), store::Error> {
    let Some((account_id, submission_id)) = settlement.submission else { return Ok(()) };
    let Some(submission) = tx.submission(account_id, submission_id).await? else {
        // Its owner has thrown the record away; what it sent is sent.
        return Ok(());
    };
    // Whatever stood there that is no object is none of ours; it is written anew.
    let mut delivery: Map<String, Value> = serde_json::from_str(&submission.delivery).unwrap_or_default();
    for progress in &settlement.progress {
        let status = json!({
            "smtpReply": progress.smtp_reply,
            "delivered": progress.delivered,
            "displayed": "unknown",
        });
        // Whom the sender knows: of a redirected mail that is the first recipient.
        let original = progress.original.as_ref().filter(|original| delivery.contains_key(*original));
        let known = original.filter(|_| !delivery.contains_key(&progress.address));
        delivery.insert(known.unwrap_or(&progress.address).clone(), status);
    }
    let delivery = Value::Object(delivery).to_string();
    tx.set_submission_delivery(account_id, submission_id, &delivery).await
}
