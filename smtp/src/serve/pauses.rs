//! Which mail is carried next when some destinations do not answer.

use std::time::Duration;

use mail::Timestamp;
use store::{Claimed, Lane, OutboxKind, Patience, Reach};

use super::{Desk, Refusal};
use crate::codec::table;

impl Desk {
    /// Leases mail of one lane that may leave; see [`store::Tx::claim_reachable`]. Pauses grow by the schedule of mail, moved by
    /// `jitter`.
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn claim(
        &self,
        lane: Lane,
        holder: &str,
        lasts: Duration,
        limit: i64,
        jitter: u8,
        now: Timestamp,
    ) -> Result<Vec<(Claimed, Reach)>, Refusal> {
        let input = (self.schedule.clone(), holder.to_owned());
        self.store
            .write("claim mail", input, move |tx, (schedule, holder)| {
                Box::pin(async move {
                    let pause = |failures| schedule.pause(failures, jitter);
                    let patience = Patience { late_since: schedule.late_since(now), pause: &pause };
                    tx.claim_reachable(OutboxKind::Mail, lane, holder, now, lasts, limit, &patience)
                        .await
                        .map_err(Refusal::from)
                })
            })
            .await
    }

    /// Writes down for all nodes that no host of a destination answers.
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn pause(&self, destination: &str, jitter: u8, now: Timestamp) -> Result<(), Refusal> {
        let until = now.plus(self.schedule.pause(1, jitter));
        self.store
            .write("pause a destination", destination.to_owned(), move |tx, destination| {
                Box::pin(async move {
                    let words = table::NO_ANSWER.reply().to_string();
                    tx.pause_outbox(OutboxKind::Mail, destination, until, &words).await.map_err(Refusal::from)
                })
            })
            .await
    }

    /// Writes down for all nodes that a destination answers again.
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn resume(&self, destination: &str) -> Result<(), Refusal> {
        self.store
            .write("resume a destination", destination.to_owned(), |tx, destination| {
                Box::pin(async move {
                    tx.resume_outbox(OutboxKind::Mail, destination).await.map_err(Refusal::from)
                })
            })
            .await
    }
}
