//! A map that never outgrows its bound: what was least recently touched is forgotten first.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// A map of at most `max` entries.
pub(crate) struct Bounded<K, V> {
    max: usize,
    /// Every entry's `u64` is its key in `order`, and the other way round.
    entries: HashMap<K, (V, u64)>,
    order: BTreeMap<u64, K>,
    touched: u64,
}

impl<K: Copy + Eq + Hash, V> Bounded<K, V> {
    /// An empty map of at most `max` entries (at least one).
    pub(crate) fn new(max: usize) -> Self {
        Self { max: max.max(1), entries: HashMap::new(), order: BTreeMap::new(), touched: 0 }
    }

    /// The entry of a key, which counts as touching it.
    pub(crate) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let (value, place) = self.entries.get_mut(&key)?;
        self.order.remove(place);
        self.touched += 1;
        *place = self.touched;
        self.order.insert(self.touched, key);
        Some(value)
    }

    /// The entry of a key, made when it is missing; the least recently touched one makes room.
    pub(crate) fn entry(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        if !self.entries.contains_key(&key)
            && self.entries.len() >= self.max
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.entries.remove(&oldest);
        }
        self.touched += 1;
        let touched = self.touched;
        let (value, place) = self.entries.entry(key).or_insert_with(|| (make(), touched));
        self.order.remove(place);
        *place = touched;
        self.order.insert(touched, key);
        value
    }

    /// Forgets a key.
    pub(crate) fn remove(&mut self, key: K) {
        if let Some((_, place)) = self.entries.remove(&key) {
            self.order.remove(&place);
        }
    }

    /// Forgets what `keep` does not want.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&V) -> bool) {
        let order = &mut self.order;
        self.entries.retain(|_, (value, place)| {
            let kept = keep(value);
            if !kept {
                order.remove(place);
            }
            kept
        });
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        assert_eq!(self.entries.len(), self.order.len());
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_touched_makes_room() {
        let mut map = Bounded::new(2);
        *map.entry(1, || 10) += 1;
        map.entry(2, || 20);
        assert_eq!(map.get_mut(1), Some(&mut 11));
        map.entry(3, || 30);
        assert_eq!((map.get_mut(2).copied(), map.len()), (None, 2));
        assert_eq!(map.get_mut(1), Some(&mut 11));
        map.retain(|v| *v != 11);
        map.remove(9);
        assert_eq!((map.get_mut(1).copied(), map.len()), (None, 1));
    }

    proptest::proptest! {
        #[test]
        fn it_never_outgrows_its_bound(steps in proptest::collection::vec((0u8..4, 0u8..12), 0..200)) {
            let mut map = Bounded::new(5);
            for (verb, key) in steps {
                match verb {
                    0 | 1 => { map.entry(key, || key); }
                    2 => { map.get_mut(key); }
                    _ => map.remove(key),
                }
                proptest::prop_assert!(map.len() <= 5);
            }
        }
    }
}
