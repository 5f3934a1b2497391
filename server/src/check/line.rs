//! Who may be checked now, who waits, and who came too often.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mail::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A line before a few places: first come, first served, and everybody knows how many are before.
pub(super) struct Line {
    places: Arc<Semaphore>,
    waiting: Mutex<Waiting>,
    waiting_max: usize,
}

#[derive(Default)]
struct Waiting {
    numbers: BTreeSet<u64>,
    next: u64,
}

/// A number drawn in the line; given back when it is dropped, also by whoever hangs up.
struct Number<'l> {
    line: &'l Line,
    number: u64,
}

impl Number<'_> {
    fn ahead(&self) -> usize {
        self.line.waiting.lock().unwrap_or_else(PoisonError::into_inner).numbers.range(..self.number).count()
    }
}

impl Drop for Number<'_> {
    fn drop(&mut self) {
        self.line.waiting.lock().unwrap_or_else(PoisonError::into_inner).numbers.remove(&self.number);
    }
}

impl Line {
    pub(super) fn new(places: usize, waiting_max: usize) -> Self {
        let places = Arc::new(Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS)));
        Self { places, waiting: Mutex::default(), waiting_max }
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).numbers.len()
    }

    /// A place, at once or within `patience`.
    ///
    /// # Errors
    /// How many are before, when there is no room to wait or the wait was too long.
    pub(super) async fn enter(&self, patience: Duration) -> Result<OwnedSemaphorePermit, usize> {
        let number = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.numbers.len() >= self.waiting_max && self.places.available_permits() == 0 {
                return Err(waiting.numbers.len());
            }
            waiting.next += 1;
            let number = waiting.next;
            waiting.numbers.insert(number);
            Number { line: self, number }
        };
        match tokio::time::timeout(patience, self.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(number.ahead()),
        }
    }
}

/// How often an address may come.
pub(super) struct Rate(crate::rate::Rate<IpAddr>);

impl Rate {
    pub(super) fn new(per_minute: u32) -> Self {
        Self(crate::rate::Rate::new(per_minute))
    }

    /// Counts a visit.
    ///
    /// # Errors
    /// Seconds until the next one is welcome.
    pub(super) fn visit(&self, address: IpAddr, now: Timestamp) -> Result<(), u64> {
        self.0.visit(network(address), now)
    }
}

/// Who has one IPv6 address usually has 2^64 of them.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_come_often_but_not_all_the_time() {
        let rate = Rate::new(20);
        let (one, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let at = |seconds: i64| Timestamp::from_secs(1_795_309_200 + seconds);
        for _ in 0..10 {
            assert_eq!(rate.visit(one, at(0)), Ok(()));
        }
        assert!(matches!(rate.visit(one, at(0)), Err(1..=4)));
        assert_eq!(rate.visit(other, at(0)), Ok(()), "others are not hindered");
        assert_eq!(rate.visit(one, at(4)), Ok(()));
        assert!(rate.visit(one, at(4)).is_err());
        let (near, far): (IpAddr, IpAddr) =
            ("2001:db8::1".parse().unwrap(), "2001:db8:0:0:9::9".parse().unwrap());
        for _ in 0..5 {
            assert!(rate.visit(near, at(0)).is_ok() && rate.visit(far, at(0)).is_ok());
        }
        assert!(rate.visit(near, at(0)).is_err(), "one network, one share");
    }

    #[tokio::test]
    async fn whoever_waits_knows_how_many_are_before() {
        let line = Arc::new(Line::new(1, 2));
        let first = line.enter(Duration::ZERO).await.unwrap();
        let waits = |patience| {
            let line = line.clone();
            tokio::spawn(async move { line.enter(patience).await.map(drop) })
        };
        let second = waits(Duration::from_secs(60));
        tokio::task::yield_now().await;
        let third = waits(Duration::from_millis(50));
        tokio::task::yield_now().await;
        assert_eq!(line.enter(Duration::from_secs(60)).await.err(), Some(2), "no room to wait");
        assert_eq!(third.await.unwrap(), Err(1), "one was before");
        assert_eq!(line.waiting(), 1);
        drop(first);
        assert_eq!(second.await.unwrap(), Ok(()));
        assert!(line.enter(Duration::from_secs(60)).await.is_ok());
        // Whoever hangs up leaves the line.
        let place = line.enter(Duration::ZERO).await.unwrap();
        let gone = waits(Duration::from_secs(60));
        tokio::task::yield_now().await;
        assert_eq!(line.waiting(), 1);
        gone.abort();
        assert!(gone.await.is_err());
        assert_eq!(line.waiting(), 0);
        drop(place);
    }
}
