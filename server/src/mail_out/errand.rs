//! One worker: some mail for one destination, one after the other over one connection, and more of it while nobody else waits for the place.

use std::collections::VecDeque;
use std::sync::Arc;

use mail::Timestamp;
use smtp::pace::Sign;
use smtp::serve::Attempt;
use store::{Claimed, OutboxKind, Reach};

use super::conversation::Conversation;
use super::lease::Lease;
use super::{Answer, Carrier};

/// Mails leased at a time by who has a connection.
const MORE_MAX: i64 = 8;

/// What a worker has to do.
pub(super) struct Errand {
    pub(super) carrier: Arc<Carrier>,
    /// Under which name its place was taken; empty for work without a connection.
    pub(super) place: String,
    pub(super) rows: VecDeque<(Claimed, Reach)>,
    pub(super) lease: Arc<Lease>,
}

/// How a mail went, for the mails after it.
enum Then {
    /// They may be tried.
    On,
    /// They would fare the same now.
    Stop,
}

impl Errand {
    pub(super) async fn run(mut self) {
        let mut standing = None;
        let stop = self.carrier.house.stop.clone();
        while let Some((row, reach)) = self.next(standing.as_ref()).await {
            if self.lease.until() <= self.carrier.house.now() {
                tracing::warn!("a lease ran out before its mail was tried");
                continue;
            }
            let then = self.carry(row, reach, &mut standing).await;
            if matches!(then, Then::Stop) || stop.is_cancelled() {
                self.give_back().await;
                break;
            }
        }
        if let Some(conversation) = standing {
            self.carrier.park(conversation);
        }
    }

    /// The next mail: of those that are leased, or more for the same place.
    async fn next(&mut self, standing: Option<&Conversation>) -> Option<(Claimed, Reach)> {
        if let Some(next) = self.rows.pop_front() {
            return Some(next);
        }
        let now = self.carrier.house.now();
        let stands = standing.is_some_and(|conversation| !conversation.is_worn(now));
        if !stands || self.carrier.house.stop.is_cancelled() || !self.carrier.goes_on(&self.place, now) {
            return None;
        }
        let lease = self.carrier.lease();
        let claimed = self.carrier.claim_more(&self.place, &lease).await;
        self.lease = lease;
        self.rows = claimed.into_iter().map(|row| (row, Reach::Open)).collect();
        self.rows.pop_front()
    }

    /// Carries one mail and writes down what came of it.
    async fn carry(&self, row: Claimed, reach: Reach, standing: &mut Option<Conversation>) -> Then {
        let carrier = &self.carrier;
        let mut outgoing = match carrier.desk.open(row, &self.lease.holder).await {
            Ok(outgoing) => outgoing,
            Err(error) => {
                tracing::error!("a row of the outbox cannot be opened: {error}");
                return Then::On;
            }
        };
        let dice = carrier.dice();
        let mut then = Then::On;
        let settled = match (carrier.kind, reach) {
            _ if let Some(verdict) = outgoing.over(carrier.house.now()) => {
                let attempt = Attempt::same(&outgoing, &verdict);
                carrier.desk.settle(&outgoing, &attempt, &dice, carrier.house.now()).await
            }
            (OutboxKind::Local, _) => carrier.desk.deliver_here(&outgoing, &dice, carrier.house.now()).await,
            (_, Reach::Paused) => {
                let attempt = super::attempt::no_answer(&outgoing);
                carrier.desk.settle(&outgoing, &attempt, &dice, carrier.house.now()).await
            }
            (_, Reach::Open | Reach::Probe) => {
                carrier.sealing.seal(&mut outgoing).await;
                let (attempt, found) = carrier.attempt(&outgoing, &self.lease, standing).await;
                carrier.remember(outgoing.destination(), reach, found.answer, &dice).await;
                if let Some(sign) = found.sign {
                    carrier.paces().learn(&self.place, sign, carrier.house.now());
                }
                if found.answer == Answer::None || found.sign == Some(Sign::Away) {
                    then = Then::Stop;
                }
                carrier.desk.settle(&outgoing, &attempt, &dice, carrier.house.now()).await
            }
        };
        match settled {
            Ok(Some(tally)) => carrier.count(tally),
            Ok(None) => tracing::warn!("a lease ran out before its mail was settled"),
            Err(error) => tracing::warn!("mail was not settled and is carried again: {error}"),
        }
        then
    }

    /// What was leased and not tried is anybody's again; it costs no attempt.
    async fn give_back(&mut self) {
        let rows: Vec<Claimed> = self.rows.drain(..).map(|(row, _)| row).collect();
        self.carrier.give_back(rows, &self.lease).await;
    }
}

impl Drop for Errand {
    /// The place is free again, however the work ended.
    fn drop(&mut self) {
        self.carrier.paces().leave(&self.place);
        self.carrier.settled.notify_one();
    }
}

impl Carrier {
    async fn claim_more(&self, destination: &str, lease: &Lease) -> Vec<Claimed> {
        let (lasts, now) = (self.leases.lasts, self.house.now());
        let claimed = self.desk.claim_more(self.lane, destination, &lease.holder, lasts, MORE_MAX, now);
        claimed.await.unwrap_or_else(|error| {
            tracing::warn!("the outbox cannot be read: {error}");
            Vec::new()
        })
    }

    /// Gives leased mail back, due at once; where it cannot be, its lease runs out.
    pub(super) async fn give_back(&self, rows: Vec<Claimed>, lease: &Lease) {
        if rows.is_empty() {
            return;
        }
        let now: Timestamp = self.house.now();
        if let Err(error) = self.desk.give_back(rows, &lease.holder, now).await {
            tracing::warn!("mail was not given back and is carried when its lease has run out: {error}");
        }
    }
}
