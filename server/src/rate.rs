//! How often somebody may come: an even rate with some at once (GCRA).

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use mail::Timestamp;

/// Visitors remembered. At 48 bytes each: 5 MB.
const VISITORS_MAX: usize = 100_000;

/// How often each visitor may come.
pub(crate) struct Rate<K> {
    /// Milliseconds one visit costs.
    cost: i64,
    /// Milliseconds that may be owed.
    credit: i64,
    /// Until when each visitor has used up its share, milliseconds since 1970.
    until: Mutex<HashMap<K, i64>>,
}

impl<K: Copy + Eq + Hash> Rate<K> {
    /// So many a minute, half of them at once.
    pub(crate) fn new(per_minute: u32) -> Self {
        let per_minute = i64::from(per_minute.clamp(1, 60_000));
        let cost = 60_000 / per_minute;
        Self { cost, credit: cost * (per_minute / 2).max(1), until: Mutex::default() }
    }

    /// Counts a visit.
    ///
    /// # Errors
    /// Seconds until the next one is welcome.
    pub(crate) fn visit(&self, visitor: K, now: Timestamp) -> Result<(), u64> {
        let now = now.millis();
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.len() >= VISITORS_MAX {
            // Whose share is whole again is as good as forgotten.
            until.retain(|_, used| *used > now);
        }
        let used = until.get(&visitor).copied().unwrap_or(now).max(now);
        let over = used + self.cost - now - self.credit;
        if over > 0 {
            return Err(u64::try_from(over.div_euclid(1000) + 1).unwrap_or(1));
        }
        if until.len() < VISITORS_MAX || until.contains_key(&visitor) {
            until.insert(visitor, used + self.cost);
        }
        Ok(())
    }
}
