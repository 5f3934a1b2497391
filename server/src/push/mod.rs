//! Pushes to clients that have no connection open (RFC 8620 §7.2): queued after the change, carried through the one outbox.
//!
//! A row names a subscription; what there is to tell is looked up when it is carried, so a push that waited tells everything that
//! changed meanwhile, once.

mod seal;
pub(crate) mod vapid;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use mail::{AccountId, ModSeq, PushId, Timestamp};
use serde_json::Value;
use store::{AccountState, Claimed, OutboxKind, Push, Signal};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, Semaphore, broadcast};

use self::wire::{Answer, Parcel, Wire};
use crate::house::House;
use crate::metrics::Outcome;

/// How long a carrier that died keeps a push from others; longer than an attempt.
const LEASE: Duration = Duration::from_secs(60);
/// Rows claimed at once.
const CLAIM_MAX: i64 = 8;
/// How long to sleep when nobody signals: what another node queued, or left behind, is found then.
const LOOK_ANYWAY: Duration = Duration::from_secs(5);
/// The shortest sleep.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// How often to look for what a crash left between a change and its row.
const LOOK_BEHIND: Duration = Duration::from_secs(60);
/// Accounts looked after in one go.
const BEHIND_MAX: i64 = 500;
/// When a push is tried again after an attempt that came to nothing, seconds; the last one from then on. A phone's news is worth
/// much within minutes.
const TRY_AGAIN: [u64; 6] = [5, 30, 120, 600, 1_800, 3_600];
/// After so long nothing is tried any more: the client asks for itself when it is there again.
const NEWS_LAST: Duration = Duration::from_secs(24 * 3600);
/// The code that verifies is no use to a client that has not got it by then; it makes another subscription.
const CODE_LASTS: Duration = Duration::from_secs(3600);

/// What carries pushes.
struct Carrier {
    house: Arc<House>,
    wire: Wire,
    places: Arc<Semaphore>,
    settled: Notify,
}

/// Sets the carrier to work.
///
/// # Errors
/// The key for pushes or the configuration is of no use.
pub(crate) fn start(house: &Arc<House>) -> anyhow::Result<()> {
    let carrier = Arc::new(Carrier {
        house: house.clone(),
        wire: Wire::new(house)?,
        places: Arc::new(Semaphore::new(house.config.push.at_once.clamp(1, 1_000))),
        settled: Notify::new(),
    });
    house.inside.spawn(queue_all(house.clone()));
    house.inside.spawn(carrier.run());
    Ok(())
}

/// Queues what tells of changes, until the house stops.
async fn queue_all(house: Arc<House>) {
    let mut signals = house.store.signals();
    let mut behind = tokio::time::interval(LOOK_BEHIND);
    loop {
        tokio::select! {
            () = house.stop.cancelled() => return,
            signal = signals.recv() => match signal {
                Ok(Signal::Push(account_id)) => queue(&house, account_id).await,
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => queue_behind(&house).await,
                Err(RecvError::Closed) => return,
            },
            _ = behind.tick() => queue_behind(&house).await,
        }
    }
}

async fn queue(house: &House, account_id: AccountId) {
    let queued: Result<usize, store::Error> = house
        .store
        .write("queue pushes", (account_id, house.now()), |tx, (account_id, now)| {
            Box::pin(async move { tx.queue_pushes(*account_id, *now).await })
        })
        .await;
    if let Err(error) = queued {
        // What is not queued now is found behind.
        tracing::warn!("pushes were not queued: {error}");
    }
}

async fn queue_behind(house: &House) {
    let now = house.now();
    let found =
        house.store.read((), move |tx, ()| Box::pin(async move { tx.pushes_behind(now, BEHIND_MAX).await }));
    match found.await {
        Ok(accounts) => {
            for account_id in accounts {
                queue(house, account_id).await;
            }
        }
        Err(error) => tracing::warn!("nobody knows whom to push to: {error}"),
    }
}

/// What a row turns out to be about.
enum Errand {
    /// The subscription is gone, or its account may not be told of mail any more.
    Nothing,
    /// A body for a subscription, and the state it leads to.
    Tell(Box<Push>, Value, ModSeq),
    /// Nothing that the subscription asked for changed up to a state.
    Settled(ModSeq),
}

/// What became of a row.
enum Fate {
    /// It is done, and the subscription told up to a state.
    Told(ModSeq),
    /// The subscription goes with it.
    Removed,
    /// It is tried again.
    Again(Timestamp),
}

impl Carrier {
    /// Carries rows until the house stops; what is in flight then finishes by itself or is left to its lease.
    async fn run(self: Arc<Self>) {
        let mut signals = self.house.store.signals();
        loop {
            let place = tokio::select! {
                () = self.house.stop.cancelled() => return,
                place = self.places.clone().acquire_owned() => place,
            };
            let Ok(place) = place else { return };
            let holder = self.house.draw_token(12);
            let claimed = self.claim(&holder).await;
            if claimed.is_empty() {
                drop(place);
                tokio::select! {
                    () = self.house.stop.cancelled() => return,
                    () = self.wait(&mut signals) => {}
                }
                continue;
            }
            let mut place = Some(place);
            for row in claimed {
                let own = match place.take() {
                    Some(place) => Ok(place),
                    None => self.places.clone().acquire_owned().await,
                };
                let (carrier, holder) = (self.clone(), holder.clone());
                self.house.inside.spawn(async move {
                    carrier.carry(row, &holder).await;
                    carrier.settled.notify_one();
                    drop(own);
                });
            }
        }
    }

    async fn claim(&self, holder: &str) -> Vec<Claimed> {
        let count = i64::try_from(self.places.available_permits()).unwrap_or(CLAIM_MAX);
        let input = (holder.to_owned(), self.house.now(), count.saturating_add(1).min(CLAIM_MAX));
        let claimed: Result<Vec<Claimed>, store::Error> = self
            .house
            .store
            .write("claim pushes", input, |tx, (holder, now, count)| {
                Box::pin(async move { tx.claim_outbox(OutboxKind::Push, holder, *now, LEASE, *count).await })
            })
            .await;
        claimed.unwrap_or_else(|error| {
            tracing::warn!("the outbox cannot be read: {error}");
            Vec::new()
        })
    }

    /// Sleeps until there may be something to do.
    async fn wait(&self, signals: &mut broadcast::Receiver<Signal>) {
        let due = self
            .house
            .store
            .read((), |tx, ()| Box::pin(async move { tx.next_outbox_due(OutboxKind::Push).await }))
            .await;
        let pause = match due {
            Ok(Some(due)) => due.since(self.house.now()).clamp(LOOK_AGAIN, LOOK_ANYWAY),
            Ok(None) | Err(_) => LOOK_ANYWAY,
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.settled.notified() => {}
            () = queued(signals) => {}
        }
    }

    async fn carry(&self, row: Claimed, holder: &str) {
        let account_id = AccountId::from_bytes(*row.owner.as_bytes());
        let Ok(push_id) = row.destination.parse::<PushId>() else {
            return tracing::error!("a row of the outbox names no push subscription");
        };
        let fate = match self.errand(&row, account_id, push_id).await {
            Ok(Errand::Nothing) => Fate::Removed,
            Ok(Errand::Settled(now)) => Fate::Told(now),
            Ok(Errand::Tell(push, body, now)) => self.tell(&row, &push, &body, now).await,
            Err(error) => return tracing::warn!("a push is carried again: {error}"),
        };
        if let Err(error) = self.settle(&row, holder, (account_id, push_id), fate).await {
            tracing::warn!("a push was not settled and is carried again: {error}");
        }
    }

    /// What a row is about, now.
    async fn errand(
        &self,
        row: &Claimed,
        account_id: AccountId,
        push_id: PushId,
    ) -> Result<Errand, store::Error> {
        let verifies = verifies(row);
        let now = self.house.now();
        self.house
            .store
            .read((), move |tx, ()| {
                Box::pin(async move {
                    let account = tx.account(account_id).await?;
                    let is_active = account.is_some_and(|account| account.state == AccountState::Active);
                    let push = tx.push(account_id, push_id, now).await?;
                    // Whoever may not sign in any more is not told of mail either.
                    let Some(push) = push.filter(|_| is_active) else { return Ok(Errand::Nothing) };
                    if verifies {
                        let body = jmap::subscription::verification(&push);
                        let told = push.told;
                        return Ok(Errand::Tell(Box::new(push), body, told));
                    }
                    let (now, news) = jmap::subscription::news(tx, account_id, &push).await?;
                    Ok(match news {
                        Some(news) => Errand::Tell(Box::new(push), news, now),
                        None => Errand::Settled(now),
                    })
                })
            })
            .await
    }

    async fn tell(&self, row: &Claimed, push: &Push, body: &Value, now: ModSeq) -> Fate {
        let body = body.to_string().into_bytes();
        let sealed = match &push.keys {
            Some((key, secret)) => seal::seal(&body, key, secret),
            None => Ok(body),
        };
        // A key that is no key: the client has made its subscription of nothing.
        let Ok(body) = sealed else { return self.count(Answer::Never, Fate::Removed) };
        let topic = push.push_id.to_string();
        let parcel = Parcel { url: &push.url, body, is_sealed: push.keys.is_some(), topic: &topic };
        let answer = self.wire.send(parcel, self.house.now()).await;
        let fate = match answer {
            Answer::Taken => Fate::Told(now),
            Answer::Gone => Fate::Removed,
            Answer::Never => Fate::Told(now),
            Answer::Later(wait) => later(row, wait, now, self.house.now()),
        };
        self.count(answer, fate)
    }

    fn count(&self, answer: Answer, fate: Fate) -> Fate {
        let outcome = match answer {
            Answer::Taken => "taken",
            Answer::Gone => "gone",
            Answer::Later(_) => "put-off",
            Answer::Never => "refused",
        };
        self.house.metrics.pushes.get_or_create(&Outcome { outcome }).inc();
        fate
    }

    /// Writes down what became of a row, in one transaction with the end of the row.
    async fn settle(
        &self,
        row: &Claimed,
        holder: &str,
        (account_id, push_id): (AccountId, PushId),
        fate: Fate,
    ) -> Result<bool, store::Error> {
        let input = (row.clone(), holder.to_owned(), self.house.now(), fate);
        self.house
            .store
            .write("settle a push", input, move |tx, (row, holder, now, fate)| {
                Box::pin(async move {
                    match fate {
                        // A code leads to no state.
                        Fate::Told(_) if verifies(row) => tx.finish_outbox(row, holder, *now).await,
                        Fate::Told(told) => tx.pushed(row, holder, push_id, *told, *now).await,
                        Fate::Removed => {
                            tx.remove_push(account_id, push_id, *now).await?;
                            tx.finish_outbox(row, holder, *now).await
                        }
                        Fate::Again(due) => {
                            tx.retry_outbox(row, holder, &row.payload, *due, "the push service").await
                        }
                    }
                })
            })
            .await
    }
}

/// Whether a row carries the code that verifies.
fn verifies(row: &Claimed) -> bool {
    let payload: Value = serde_json::from_str(&row.payload).unwrap_or_default();
    payload["verifies"] == true
}

/// When a push that came to nothing is tried again; given up when it has had its time.
fn later(row: &Claimed, wait: Option<Duration>, told: ModSeq, now: Timestamp) -> Fate {
    let lasts = if verifies(row) { CODE_LASTS } else { NEWS_LAST };
    let step = usize::try_from(row.attempts.saturating_sub(1)).unwrap_or_default();
    let pause = TRY_AGAIN.get(step).or(TRY_AGAIN.last()).copied().unwrap_or_default();
    let due = now.plus(Duration::from_secs(pause).max(wait.unwrap_or_default()));
    match due > row.created_at.plus(lasts) {
        true => Fate::Told(told),
        false => Fate::Again(due),
    }
}

/// Until something was queued.
async fn queued(signals: &mut broadcast::Receiver<Signal>) {
    loop {
        match signals.recv().await {
            Ok(Signal::Outbox) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::OutboxId;

    #[test]
    fn a_push_is_tried_for_a_day_and_a_code_for_an_hour() {
        let began = Timestamp::from_secs(1_000_000);
        let row = |attempts, verifies| Claimed {
            outbox_id: OutboxId::from_bytes([1; 16]),
            kind: OutboxKind::Push,
            owner: AccountId::from_bytes([1; 16]).into(),
            destination: String::new(),
            payload: format!("{{\"verifies\":{verifies}}}"),
            blob_id: None,
            attempts,
            created_at: began,
        };
        let after = |seconds| began.plus(Duration::from_secs(seconds));
        let minute = Some(Duration::from_secs(60));
        let rows = [
            (row(1, false), None, 0, Some(5)),
            (row(1, false), minute, 0, Some(60)),
            (row(2, false), None, 5, Some(35)),
            (row(40, false), None, 80_000, Some(83_600)),
            (row(41, false), None, 83_600, None),
            (row(5, true), None, 1_000, Some(2_800)),
            (row(6, true), None, 2_800, None),
        ];
        for (row, wait, now, expected) in rows {
            let due = match later(&row, wait, ModSeq(1), after(now)) {
                Fate::Again(due) => Some(due),
                _ => None,
            };
            assert_eq!(due, expected.map(after), "{row:?}");
        }
    }
}
