//! Which mail is carried next when some destinations do not answer.

use std::time::Duration;

use mail::Timestamp;
use store::{Claimed, Lane, OutboxKind, Patience, Reachable};

use super::{Desk, Refusal};
use crate::codec::table;

/// What a carrier asks the queue for.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The name of the lease: one lease, one name.
    pub holder: String,
    /// How long it lasts.
    pub lasts: Duration,
    /// Mails at most.
    pub limit: i64,
    /// A random byte that moves the pauses of dead destinations.
    pub jitter: u8,
    /// Destinations that bear no more; see [`crate::pace::Paces::full`].
    pub full: Vec<String>,
    /// Where the claim before ended; see [`Reachable::after`].
    pub after: String,
}

impl Desk {
    /// Leases mail of one lane that may leave; see [`store::Tx::claim_reachable`]. Pauses grow by the schedule of mail, moved by
    /// `jitter`.
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn claim(&self, lane: Lane, claim: Claim, now: Timestamp) -> Result<Reachable, Refusal> {
        let input = (self.schedule.clone(), claim);
        self.store
            .write("claim mail", input, move |tx, (schedule, claim)| {
                Box::pin(async move {
                    let pause = |failures| schedule.pause(failures, claim.jitter);
                    let patience = Patience {
                        late_since: schedule.late_since(now),
                        pause: &pause,
                        full: &claim.full,
                        after: &claim.after,
                    };
                    let (holder, lasts, limit) = (&claim.holder, claim.lasts, claim.limit);
                    tx.claim_reachable(OutboxKind::Mail, lane, holder, now, lasts, limit, &patience)
                        .await
                        .map_err(Refusal::from)
                })
            })
            .await
    }

    /// Leases more mail of one lane for a destination that takes it; see [`store::Tx::claim_place`].
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn claim_more(
        &self,
        lane: Lane,
        destination: &str,
        holder: &str,
        lasts: Duration,
        limit: i64,
        now: Timestamp,
    ) -> Result<Vec<Claimed>, Refusal> {
        let input = (destination.to_owned(), holder.to_owned());
        self.store
            .write("claim more mail", input, move |tx, (destination, holder)| {
                Box::pin(async move {
                    tx.claim_place(lane, destination, holder, now, lasts, limit).await.map_err(Refusal::from)
                })
            })
            .await
    }

    /// Gives leased mail back that was not tried, due at `until`.
    ///
    /// # Errors
    /// The store's trouble; the leases then run out.
    pub async fn give_back(&self, rows: Vec<Claimed>, holder: &str, until: Timestamp) -> Result<(), Refusal> {
        let input = (rows, holder.to_owned());
        self.store
            .write("give mail back", input, move |tx, (rows, holder)| {
                Box::pin(async move {
                    for row in rows {
                        tx.give_back(row, holder, until).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Keeps up the leases of holders that live; see [`store::Tx::keep_leases`].
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn keep_leases(
        &self,
        holders: Vec<String>,
        lasts: Duration,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.store
            .write("keep leases", holders, move |tx, holders| {
                Box::pin(async move { tx.keep_leases(holders, now, lasts).await.map_err(Refusal::from) })
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
