//! The leases of one carrier: short, and kept up for as long as the program lives, so that what a dead one held is soon another's.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use mail::Timestamp;

use super::Carrier;

/// One claim of rows.
#[derive(Debug)]
pub(super) struct Lease {
    /// Its name: a row that is claimed again later is told from this claim by it.
    pub(super) holder: String,
    /// Until when the rows are ours; a conversation about them ends by then, or two nodes carry the same mail.
    until: AtomicI64,
}

impl Lease {
    pub(super) fn until(&self) -> Timestamp {
        Timestamp::from_millis(self.until.load(Ordering::Relaxed))
    }
}

/// The leases that are held.
#[derive(Debug)]
pub(super) struct Leases {
    pub(super) lasts: Duration,
    held: Mutex<Vec<Weak<Lease>>>,
}

impl Leases {
    pub(super) fn new(lasts: Duration) -> Self {
        Self { lasts, held: Mutex::default() }
    }

    /// A lease from now on; it is kept up for as long as somebody has it.
    pub(super) fn draw(&self, holder: String, now: Timestamp) -> Arc<Lease> {
        let until = now.plus(self.lasts).millis();
        let lease = Arc::new(Lease { holder, until: AtomicI64::new(until) });
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|lease| lease.strong_count() > 0);
        held.push(Arc::downgrade(&lease));
        lease
    }

    /// Those older than a quarter of their time: what is settled sooner is never written again.
    fn aged(&self, now: Timestamp) -> Vec<Arc<Lease>> {
        let young = now.plus(self.lasts - self.lasts / 4);
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().filter_map(Weak::upgrade).filter(|lease| lease.until() < young).collect()
    }
}

/// Keeps up what a carrier holds until the carrier is gone.
pub(super) async fn keep(carrier: Weak<Carrier>, lasts: Duration) {
    loop {
        tokio::time::sleep(lasts / 4).await;
        let Some(carrier) = carrier.upgrade() else { return };
        let now = carrier.house.now();
        let aged = carrier.leases.aged(now);
        if aged.is_empty() {
            continue;
        }
        let holders = aged.iter().map(|lease| lease.holder.clone()).collect();
        match carrier.desk.keep_leases(holders, lasts, now).await {
            Ok(()) => {
                let until = now.plus(lasts).millis();
                aged.iter().for_each(|lease| lease.until.store(until, Ordering::Relaxed));
            }
            Err(error) => tracing::warn!("leases were not kept up: {error}"),
        }
    }
}
