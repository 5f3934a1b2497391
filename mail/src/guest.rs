//! Time and chance arrive as guests: the one room with windows (`server`) hands them in, a test hands in its own.

use crate::Timestamp;

/// Tells the time. The only real implementation is in `server`; tests set theirs by hand.
pub trait Clock: Send + Sync {
    /// The present moment, UTC.
    fn now(&self) -> Timestamp;
}

/// Draws randomness. The only real implementation is in `server`; simulations hand in a seeded one.
///
/// The real one must be a cryptographically secure generator: ids, nonces and secrets are drawn from it.
pub trait Chance: Send + Sync {
    /// Fills `out` completely.
    fn fill(&self, out: &mut [u8]);
}

impl<T: Clock + ?Sized> Clock for std::sync::Arc<T> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

impl<T: Chance + ?Sized> Chance for std::sync::Arc<T> {
    fn fill(&self, out: &mut [u8]) {
        (**self).fill(out);
    }
}
