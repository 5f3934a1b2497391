//! The windows: the real clock and the real dice. Every other room gets them handed in.

use mail::{Chance, Clock, Timestamp};
use ring::rand::{SecureRandom, SystemRandom};

/// The machine's clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_datetime(time::OffsetDateTime::now_utc())
    }
}

/// The machine's random numbers.
pub(crate) struct SystemChance(SystemRandom);

impl SystemChance {
    pub(crate) fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Chance for SystemChance {
    fn fill(&self, out: &mut [u8]) {
        // A machine without random numbers can keep no promise at all: better to stop here than to give out keys and
        // ids that somebody can guess.
        if self.0.fill(out).is_err() {
            tracing::error!("the machine gives no random numbers: stopping");
            std::process::abort();
        }
    }
}
