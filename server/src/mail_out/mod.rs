//! The carriers of the outbox: mail to other systems, and mail to further accounts of this house.
//!
//! A carrier takes a lease, works, and settles in one transaction. Nobody polls: it sleeps until the store signals, a row falls
//! due, or a place comes free. Mail for one destination goes over as few connections as it bears ([`smtp::pace`]), one mail after the
//! other; a connection without work is kept for a moment.

mod attempt;
mod conversation;
mod errand;
mod lease;
mod parked;
mod sealing;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use smtp::pace::{Bounds, Paces};
use smtp::serve::{Claim, Desk, Dice, Refusal, Tally};
use smtp::{ClientName, Limits};
use store::{Claimed, Lane, OutboxKind, Reach, Reachable, Signal};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, broadcast};

use self::attempt::Answer;
use self::errand::Errand;
use self::lease::{Lease, Leases};
use self::parked::Parked;
use self::sealing::Sealing;
use crate::house::House;
use crate::mail_in;
use crate::metrics;
use crate::tls_policy::Policies;
use crate::where_to::Finder;

/// How long a carrier that died keeps mail to an account here from others. That is one transaction, which writes nothing without its lease, so
/// it may be short.
const LEASE_HERE: Duration = Duration::from_secs(60);
/// Rows claimed at once: the rest are left to other nodes.
const CLAIM_MAX: usize = 16;
/// Mails for one destination that one claim gives to one connection, before it opens another.
const MAILS_EACH: usize = 4;
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
    /// How many connections each destination bears.
    paces: Mutex<Paces>,
    leases: Leases,
    parked: Parked,
    /// How long a connection is kept without work.
    keep: Duration,
    /// Told when a place comes free: a row may be due again soon.
    settled: Notify,
}

/// Sets the carriers to work.
pub(crate) fn start(house: &Arc<House>) -> anyhow::Result<()> {
    let policies = Policies::new(house.clone())?;
    policies.start();
    for kind in [OutboxKind::Mail, OutboxKind::Local] {
        for lane in [Lane::Urgent, Lane::Normal] {
            let carrier = Arc::new(Carrier::new(house, kind, lane, policies.clone())?);
            if kind == OutboxKind::Mail {
                // It ends when the carrier is gone.
                tokio::spawn(lease::keep(Arc::downgrade(&carrier), carrier.leases.lasts));
            }
            house.inside.spawn(carrier.run());
        }
    }
    Ok(())
}

impl Carrier {
    fn new(
        house: &Arc<House>,
        kind: OutboxKind,
        lane: Lane,
        policies: Arc<Policies>,
    ) -> anyhow::Result<Self> {
        let delivery = &house.config.delivery;
        let places = match lane {
            Lane::Urgent => URGENT_PLACES,
            Lane::Normal => house.config.mail.deliveries_max.clamp(1, 10_000),
        };
        let lasts = match kind {
            OutboxKind::Local => LEASE_HERE,
            _ => Duration::from_secs(delivery.lease_seconds),
        };
        Ok(Self {
            house: house.clone(),
            kind,
            lane,
            desk: mail_in::desk(house),
            finder: Finder::new(house.clone(), policies.clone()),
            limits: mail_in::limits(house),
            name: house.config.house.hostname.parse()?,
            policies,
            sealing: Sealing::new(house),
            paces: Mutex::new(Paces::new(Bounds::new(places, delivery.to_one_max))),
            leases: Leases::new(lasts),
            parked: Parked::default(),
            keep: Duration::from_secs(delivery.keep_seconds.min(600)),
            settled: Notify::new(),
        })
    }

    /// Carries rows until the house stops; what is in flight then finishes by itself or is left to its lease.
    async fn run(self: Arc<Self>) {
        let mut signals = self.house.store.signals();
        let stop = self.house.stop.clone();
        let mut after = String::new();
        while !stop.is_cancelled() {
            let free = self.paces().free();
            if free > 0 && self.send_off(free.min(CLAIM_MAX), &mut after).await {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.wait(&mut signals, free > 0) => {}
            }
        }
    }

    /// Claims mail and sends workers off with it; whether there was some.
    async fn send_off(self: &Arc<Self>, limit: usize, after: &mut String) -> bool {
        let lease = self.lease();
        let claimed = self.claim(&lease.holder, limit, std::mem::take(after)).await;
        *after = claimed.after;
        let found = !claimed.rows.is_empty();
        let (mut together, mut alone) = (BTreeMap::<String, VecDeque<_>>::new(), Vec::new());
        for (row, reach) in claimed.rows {
            match (self.kind, reach) {
                // Nobody is connected to.
                (OutboxKind::Local, _) | (_, Reach::Paused) => alone.push((row, reach)),
                _ => together.entry(row.destination.clone()).or_default().push_back((row, reach)),
            }
        }
        for row in alone {
            self.send_one(String::new(), VecDeque::from([row]), &lease).await;
        }
        for (destination, rows) in together {
            self.send_some(&destination, rows, &lease).await;
        }
        found
    }

    /// Spreads mail for one destination over as many connections as it needs and bears.
    async fn send_some(
        self: &Arc<Self>,
        destination: &str,
        rows: VecDeque<(Claimed, Reach)>,
        lease: &Arc<Lease>,
    ) {
        let now = self.house.now();
        let wanted = rows.len().div_ceil(MAILS_EACH);
        let taken = (0..wanted).take_while(|_| self.paces().take(destination, now)).count();
        let mut hands = vec![VecDeque::new(); taken];
        let mut left = Vec::new();
        for (n, row) in rows.into_iter().enumerate() {
            match hands.get_mut(n.checked_rem(taken).unwrap_or_default()) {
                Some(hand) => hand.push_back(row),
                None => left.push(row.0),
            }
        }
        for rows in hands {
            self.start(destination.to_owned(), rows, lease);
        }
        // It has come to rest since it was looked for.
        self.give_back(left, lease).await;
    }

    async fn send_one(self: &Arc<Self>, place: String, rows: VecDeque<(Claimed, Reach)>, lease: &Arc<Lease>) {
        // Nobody else takes places, so those counted before the claim are still free.
        let is_taken = self.paces().take(&place, self.house.now());
        match is_taken {
            true => self.start(place, rows, lease),
            false => self.give_back(rows.into_iter().map(|(row, _)| row).collect(), lease).await,
        }
    }

    fn start(self: &Arc<Self>, place: String, rows: VecDeque<(Claimed, Reach)>, lease: &Arc<Lease>) {
        let errand = Errand { carrier: self.clone(), place, rows, lease: lease.clone() };
        self.house.inside.spawn(errand.run());
    }

    fn paces(&self) -> MutexGuard<'_, Paces> {
        self.paces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn goes_on(&self, destination: &str, now: mail::Timestamp) -> bool {
        self.paces().goes_on(destination, now)
    }

    fn lease(&self) -> Arc<Lease> {
        self.leases.draw(self.house.draw_token(12), self.house.now())
    }

    async fn claim(&self, holder: &str, count: usize, after: String) -> Reachable {
        let claimed = match self.kind {
            OutboxKind::Local => self.claim_here(holder, count).await,
            _ => {
                let now = self.house.now();
                let claim = Claim {
                    holder: holder.to_owned(),
                    lasts: self.leases.lasts,
                    limit: count as i64,
                    jitter: self.dice().jitter,
                    full: self.paces().full(now),
                    after,
                };
                self.desk.claim(self.lane, claim, now).await
            }
        };
        claimed.unwrap_or_else(|error| {
            tracing::warn!("the outbox cannot be read: {error}");
            Reachable::default()
        })
    }

    /// Mail for an account here needs nobody to answer.
    async fn claim_here(&self, holder: &str, count: usize) -> Result<Reachable, Refusal> {
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
        let rows = claimed.into_iter().map(|row| (row, Reach::Open)).collect();
        Ok(Reachable { rows, after: String::new() })
    }

    /// Sleeps until there may be something to do. Without a free place that is when one comes free.
    async fn wait(&self, signals: &mut broadcast::Receiver<Signal>, is_free: bool) {
        if !is_free {
            return self.settled.notified().await;
        }
        let due: Result<_, store::Error> = self
            .house
            .store
            .read((self.kind, self.lane), |tx, (kind, lane)| {
                Box::pin(async move { tx.next_due_in_lane(*kind, *lane).await })
            })
            .await;
        let now = self.house.now();
        let rested = self.paces().rested_at(now);
        // Nothing there, or the store has trouble: look anyway.
        let next = [due.ok().flatten(), rested].into_iter().flatten().min();
        let pause = next.map_or(LOOK_ANYWAY, |at| at.since(now).clamp(LOOK_AGAIN, LOOK_ANYWAY));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.settled.notified() => {}
            () = signalled(signals) => {}
        }
    }

    /// Tells all nodes what an attempt found out about a destination.
    async fn remember(&self, destination: &str, reach: Reach, answer: Answer, dice: &Dice) {
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
