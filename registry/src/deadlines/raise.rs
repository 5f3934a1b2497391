//! Alarms: raised once each, in the order in which they are due.

use mail::Timestamp;
use serde_json::json;
use store::{Receiver, Stage, Store, Tx, Watch, WatchKind};

use super::keep::is_met;
use super::rules::{Alarms, receipt_alarms};
use super::{Calendar, Hours, load};
use crate::calendar::day_of;
use crate::events::{Happened, tell};
use crate::status::Progress;

/// The lease under which one node at a time raises alarms.
const LEASE: &str = "deadlines";
/// How long a turn may take before another node may take over.
const LEASE_LASTS: std::time::Duration = std::time::Duration::from_secs(60);

/// Raises the alarms that are due, `limit` at most, in one transaction: an alarm and the note that it was raised are one act.
/// Answers how many watches were looked at; 0 when nothing is due or another node does it.
///
/// # Errors
/// The store's own.
pub async fn raise(store: &Store, holder: &str, now: Timestamp, limit: i64) -> Result<usize, store::Error> {
    // A look first: most of the time nothing is due, and a look writes nothing.
    let due: Vec<Watch> =
        store.read(now, |tx, now| Box::pin(async move { tx.due_watches(*now, 1).await })).await?;
    if due.is_empty() {
        return Ok(0);
    }
    store
        .write("raise alarms", (holder.to_owned(), now, limit), |tx, (holder, now, limit)| {
            Box::pin(async move {
                if !tx.take_lease(LEASE, holder, *now, LEASE_LASTS).await? {
                    return Ok(0);
                }
                let due = tx.due_watches(*now, *limit).await?;
                let today = day_of(*now);
                let (calendar, hours) = load(tx, today, today).await?;
                for watch in &due {
                    look(tx, watch, &calendar, &hours, *now).await?;
                }
                Ok(due.len())
            })
        })
        .await
}

async fn look(
    tx: &mut Tx,
    watch: &Watch,
    calendar: &Calendar,
    hours: &Hours,
    now: Timestamp,
) -> Result<(), store::Error> {
    let at = tx.receiver(watch.agency_id, watch.document_id).await?;
    let Some(at) = at.filter(|at| !is_met(watch.watch, Progress::of(at).state)) else {
        return tx.end_watch(watch.agency_id, watch.document_id, watch.watch).await;
    };
    let alarms = current(watch, &at, calendar, hours);
    let next = match watch.stage {
        // A day of rest was declared meanwhile.
        Stage::Ahead if alarms.soon > now => Watch { alarm_at: alarms.soon, deadline: alarms.over, ..*watch },
        Stage::Ahead if alarms.over > now => {
            told(tx, watch, &at, Stage::Soon, alarms.over, now).await?;
            Watch { stage: Stage::Soon, alarm_at: alarms.over, deadline: alarms.over, ..*watch }
        }
        Stage::Soon if alarms.over > now => Watch { alarm_at: alarms.over, deadline: alarms.over, ..*watch },
        _ => {
            told(tx, watch, &at, Stage::Over, alarms.over, now).await?;
            Watch { stage: Stage::Over, alarm_at: alarms.over, deadline: alarms.over, ..*watch }
        }
    };
    tx.set_watch(&next).await
}

/// The alarms by today's calendar. A document's own deadline is a day that somebody wrote: it does not move.
fn current(watch: &Watch, at: &Receiver, calendar: &Calendar, hours: &Hours) -> Alarms {
    match watch.watch {
        WatchKind::Receipt => receipt_alarms(at.accepted_at, calendar, hours),
        WatchKind::Due => Alarms { soon: watch.alarm_at, over: watch.deadline },
    }
}

/// Tells the receiver; and the sender, when a receiver is late with its answer (R27 "Chậm tiếp nhận").
async fn told(
    tx: &mut Tx,
    watch: &Watch,
    at: &Receiver,
    stage: Stage,
    deadline: Timestamp,
    now: Timestamp,
) -> Result<(), store::Error> {
    let happened = match (watch.watch, stage) {
        (WatchKind::Receipt, Stage::Over) => Happened::ReceiptLate,
        (WatchKind::Receipt, _) => Happened::ReceiptDue,
        (WatchKind::Due, Stage::Over) => Happened::Overdue,
        (WatchKind::Due, _) => Happened::DueSoon,
    };
    let deadline = deadline.to_rfc3339_vietnam();
    let facts = json!({ "docId": at.delivery_id.to_string(), "to": at.code.as_str(), "deadline": deadline });
    tell(tx, watch.agency_id, happened, watch.document_id, &facts, now).await?;
    if happened == Happened::ReceiptLate {
        let facts =
            json!({ "docId": watch.document_id.to_string(), "to": at.code.as_str(), "deadline": deadline });
        tell(tx, watch.sender_id, happened, watch.document_id, &facts, now).await?;
    }
    Ok(())
}
