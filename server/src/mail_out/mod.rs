//! The carriers of the outbox: mail to other systems, and mail to further accounts of this house.
//!
//! A carrier takes a lease, works, and settles in one transaction. Nobody polls: it sleeps until the store signals, a row falls
//! due, or a place comes free.

mod attempt;
mod conversation;
mod sealing;

use std::sync::Arc;
use std::time::Duration;

use smtp::serve::{Attempt, Desk, Dice, Refusal, Tally};
use smtp::{ClientName, Limits};
use store::{Claimed, Lane, OutboxKind, Reach, Signal};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, Semaphore, broadcast};

use self::attempt::{Answer, no_answer};
use self::sealing::Sealing;
use crate::house::House;
use crate::mail_in;
use crate::metrics;
use crate::tls_policy::Policies;
use crate::where_to::Finder;

/// How long a carrier that died keeps a mail from others. Longer than an attempt, or two carry the same mail.
const LEASE: Duration = Duration::from_secs(15 * 60);
/// The same for mail to an account here. That is one transaction, which writes nothing without its lease, so it may be short.
const LEASE_HERE: Duration = Duration::from_secs(60);
/// Rows claimed at once: the rest are left to other nodes.
const CLAIM_MAX: usize = 16;
/// Places that the urgent lane has for itself: an urgent mail leaves at once, however slow the peers of all others are (RULES R21).
const URGENT_PLACES: usize = 4;
/// How long to sleep when nobody signals: what another node queued, or left behind, is found then.
const LOOK_ANYWAY: Duration = Duration::from_secs(5);
/// The shortest sleep: when a row is due and cannot be had, somebody else has it.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// The carrier of one lane of one kind. Lanes share no places, so none waits for another.
struct Carrier {
    house: Arc<House>,
    kind: OutboxKind,
    lane: Lane,
    desk: Desk,
    finder: Finder,
    limits: Limits,
    name: ClientName,
    policies: Arc<Policies>,
    sealing: Sealing,
    /// Told when a row is settled: it may be due again soon.
    settled: Notify,
}

/// Sets the carriers to work.
pub(crate) fn start(house: &Arc<House>) -> anyhow::Result<()> {
    let policies = Policies::new(house.clone())?;
    policies.start();
    for kind in [OutboxKind::Mail, OutboxKind::Local] {
        for lane in [Lane::Urgent, Lane::Normal] {
            let carrier = Carrier {
                house: house.clone(),
                kind,
                lane,
                desk: mail_in::desk(house),
                finder: Finder::new(house.clone(), policies.clone()),
                limits: mail_in::limits(house),
                name: house.config.house.hostname.parse()?,
                policies: policies.clone(),
                sealing: Sealing::new(house),
                settled: Notify::new(),
            };
            house.inside.spawn(Arc::new(carrier).run());
        }
    }
    Ok(())
}

impl Carrier {
    /// Carries rows until the house stops; what is in flight then finishes by itself or is left to its lease.
    async fn run(self: Arc<Self>) {
        let places = Arc::new(Semaphore::new(match self.lane {
            Lane::Urgent => URGENT_PLACES,
            Lane::Normal => self.house.config.mail.deliveries_max.clamp(1, 10_000),
        }));
        let mut signals = self.house.store.signals();
        let stop = self.house.stop.clone();
        loop {
            let place = tokio::select! {
                () = stop.cancelled() => return,
                place = places.clone().acquire_owned() => place,
            };
            let Ok(place) = place else { return };
            let free = (1 + places.available_permits()).min(CLAIM_MAX);
            // One lease, one name: a row claimed again later is told from this claim.
            let holder = self.house.draw_token(12);
            let claimed = self.claim(&holder, free).await;
            if claimed.is_empty() {
                drop(place);
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.wait(&mut signals) => {}
                }
                continue;
            }
            let mut place = Some(place);
            for (row, reach) in claimed {
                let own = match place.take() {
                    Some(place) => Ok(place),
                    // Nobody else takes places, so those counted above are still free.
                    None => places.clone().acquire_owned().await,
                };
                let (carrier, holder) = (self.clone(), holder.clone());
                self.house.inside.spawn(async move {
                    carrier.carry(row, reach, &holder).await;
                    carrier.settled.notify_one();
                    drop(own);
                });
            }
        }
    }

    async fn claim(&self, holder: &str, count: usize) -> Vec<(Claimed, Reach)> {
        let claimed = match self.kind {
            OutboxKind::Local => self.claim_here(holder, count).await,
            _ => {
                let jitter = self.dice().jitter;
                self.desk.claim(self.lane, holder, LEASE, count as i64, jitter, self.house.now()).await
            }
        };
        claimed.unwrap_or_else(|error| {
            tracing::warn!("the outbox cannot be read: {error}");
            Vec::new()
        })
    }

    /// Mail for an account here needs nobody to answer.
    async fn claim_here(&self, holder: &str, count: usize) -> Result<Vec<(Claimed, Reach)>, Refusal> {
        let input = (self.lane, holder.to_owned(), self.house.now(), count as i64);
        let claimed: Vec<Claimed> = self
            .house
            .store
            .write("claim mail", input, move |tx, (lane, holder, now, count)| {
                Box::pin(async move {
                    tx.claim_lane(OutboxKind::Local, *lane, holder, *now, LEASE_HERE, *count).await
                })
            })
            .await?;
        Ok(claimed.into_iter().map(|row| (row, Reach::Open)).collect())
    }

    /// Sleeps until there may be something to do.
    async fn wait(&self, signals: &mut broadcast::Receiver<Signal>) {
        let due = self
            .house
            .store
            .read((self.kind, self.lane), |tx, (kind, lane)| {
                Box::pin(async move { tx.next_due_in_lane(*kind, *lane).await })
            })
            .await;
        let pause = match due {
            Ok(Some(due)) => due.since(self.house.now()).clamp(LOOK_AGAIN, LOOK_ANYWAY),
            // Nothing there, or the store has trouble.
            Ok(None) | Err(_) => LOOK_ANYWAY,
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.settled.notified() => {}
            () = signalled(signals) => {}
        }
    }

    async fn carry(&self, row: Claimed, reach: Reach, holder: &str) {
        let mut outgoing = match self.desk.open(row, holder).await {
            Ok(outgoing) => outgoing,
            Err(error) => return tracing::error!("a row of the outbox cannot be opened: {error}"),
        };
        let dice = self.dice();
        let (settled, conversation) = match self.kind {
            _ if let Some(verdict) = outgoing.over(self.house.now()) => {
                let attempt = Attempt::same(&outgoing, &verdict);
                (self.desk.settle(&outgoing, &attempt, &dice, self.house.now()).await, None)
            }
            OutboxKind::Local => (self.desk.deliver_here(&outgoing, &dice, self.house.now()).await, None),
            _ => {
                let (attempt, conversation) = match reach {
                    Reach::Paused => (no_answer(&outgoing), None),
                    Reach::Open | Reach::Probe => {
                        self.sealing.seal(&mut outgoing).await;
                        let (attempt, answer, conversation) = self.attempt(&outgoing).await;
                        self.learn(outgoing.destination(), reach, answer, &dice).await;
                        (attempt, conversation)
                    }
                };
                (self.desk.settle(&outgoing, &attempt, &dice, self.house.now()).await, conversation)
            }
        };
        match settled {
            Ok(Some(tally)) => self.count(tally),
            Ok(None) => tracing::warn!("a lease ran out before its mail was settled"),
            Err(error) => tracing::warn!("mail was not settled and is carried again: {error}"),
        }
        // The peer's 250 is written down; now there is time to be polite.
        if let Some(conversation) = conversation {
            conversation.goodbye().await;
        }
    }

    /// Tells all nodes what an attempt found out about a destination.
    async fn learn(&self, destination: &str, reach: Reach, answer: Answer, dice: &Dice) {
        let learnt = match (answer, reach) {
            (Answer::None, Reach::Open) => self.desk.pause(destination, dice.jitter, self.house.now()).await,
            // Also when nobody was asked: a domain that is gone for good is to be told to each sender.
            (Answer::Some | Answer::Unknown, Reach::Probe) => self.desk.resume(destination).await,
            // A probe that failed was counted when it was won.
            _ => Ok(()),
        };
        if let Err(error) = learnt {
            tracing::warn!("a pause of the outbox was not written and is found out again: {error}");
        }
    }

    fn dice(&self) -> Dice {
        let mut jitter = [0u8; 1];
        self.house.chance.fill(&mut jitter);
        let [jitter] = jitter;
        Dice { jitter, report_id: mail_in::draw_id(&self.house) }
    }

    fn count(&self, tally: Tally) {
        let counts =
            [("delivered", tally.delivered), ("deferred", tally.deferred), ("refused", tally.refused)];
        for (outcome, count) in counts {
            self.house.metrics.mail_out.get_or_create(&metrics::Outcome { outcome }).inc_by(count as u64);
        }
    }
}

async fn signalled(signals: &mut broadcast::Receiver<Signal>) {
    loop {
        match signals.recv().await {
            Ok(Signal::Outbox) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
