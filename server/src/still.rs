//! Whether whoever keeps a connection open may still be here: asked again at an interval, for IDLE, an event stream or a WebSocket may last
//! for weeks, and an account that was locked in the morning is not to be read until the evening.
//!
//! The interval is the promise: it holds on every node and whoever wrote the change (`congvan provision` in a process of its own, too).

use std::time::Duration;

use directory::standing::{Over, Standing};
use mail::AccountId;
use tokio::time::Instant;

use crate::house::House;

/// The shortest interval: below it ten thousand idle connections would be a load of their own.
const INTERVAL_MIN: u64 = 1;
/// The longest.
const INTERVAL_MAX: u64 = 3_600;

/// Somebody who signed in, and when to ask again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Still {
    standing: Standing,
    due: Instant,
}

impl Still {
    /// Somebody has just signed in.
    pub(crate) fn new(house: &House, standing: Standing) -> Self {
        Self { standing, due: Instant::now() + interval(house) }
    }

    /// Who.
    pub(crate) fn account_id(&self) -> AccountId {
        self.standing.account_id()
    }

    /// Returns when it is time to ask again. Cancelling loses nothing.
    pub(crate) async fn due(&self) {
        tokio::time::sleep_until(self.due).await;
    }

    /// Whether it is time to ask again: for whoever is too busy to wait for it.
    pub(crate) fn is_due(&self) -> bool {
        self.due <= Instant::now()
    }

    /// Asks; the next time is an interval from now. A memory that does not answer decides nothing: without it nothing is read either.
    pub(crate) async fn ask(&mut self, house: &House) -> Result<(), Over> {
        self.due = Instant::now() + interval(house);
        let account_id = self.account_id();
        let read = house.store.read((), |tx, ()| Box::pin(async move { tx.account(account_id).await }));
        let found: Result<_, store::Error> = read.await;
        match found {
            Ok(account) => self.standing.holds(account.as_ref(), house.now()),
            Err(error) => {
                tracing::warn!("whether a connection may stay is not known now: {error}");
                Ok(())
            }
        }
    }
}

fn interval(house: &House) -> Duration {
    Duration::from_secs(house.config.sessions.look_again_seconds.clamp(INTERVAL_MIN, INTERVAL_MAX))
}
