//! What all conversations together hold of messages on their way in: one budget, so that many large APPENDs at once cannot take the machine's
//! memory, however many connections there are.
//!
//! Octets count from when they are here until the message is kept; what was only announced holds nothing. A clone shares the budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The budget.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bytes_max: usize,
    held: AtomicUsize,
}

/// Octets that are held; they are given back when this is dropped.
#[derive(Debug, Default)]
pub struct Held(Option<(Memory, usize)>);

impl Memory {
    /// So many octets for all.
    pub fn new(bytes_max: usize) -> Self {
        Self(Arc::new(Shared { bytes_max, held: AtomicUsize::new(0) }))
    }

    /// How many octets are held now.
    pub fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }

    /// Whether so many octets more would fit now. Nothing is taken.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        self.held().checked_add(bytes).is_some_and(|sum| sum <= self.0.bytes_max)
    }

    fn take(&self, bytes: usize) -> bool {
        let more = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= self.0.bytes_max);
        self.0.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }
}

impl Held {
    /// Holds so many octets more; false when there is no room for them.
    pub(super) fn grow(&mut self, memory: &Memory, bytes: usize) -> bool {
        let is_taken = memory.take(bytes);
        if is_taken {
            let (_, held) = self.0.get_or_insert_with(|| (memory.clone(), 0));
            *held += bytes;
        }
        is_taken
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some((memory, bytes)) = self.0.take() {
            memory.0.held.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_given_back() {
        let memory = Memory::new(10);
        let (mut one, mut other) = (Held::default(), Held::default());
        assert!(one.grow(&memory, 4) && one.grow(&memory, 2) && other.grow(&memory.clone(), 4));
        assert!(!one.grow(&memory, 1) && !memory.fits(1) && !memory.fits(usize::MAX));
        drop(one);
        assert_eq!(memory.held(), 4);
        assert!(memory.fits(6) && !memory.fits(7) && !other.grow(&memory, usize::MAX));
        drop(other);
        assert_eq!(memory.held(), 0);
    }
}
