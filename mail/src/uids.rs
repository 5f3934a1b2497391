//! Sets of UIDs, as runs: a mailbox of a hundred thousand messages is a handful of numbers.

use std::fmt;

/// Numbers from 1 on, as runs in ascending order that neither touch nor overlap. Serves for UIDs and for sequence numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UidSet {
    /// First, last, and how many numbers lie before the run.
    runs: Vec<(u32, u32, u32)>,
}

impl UidSet {
    /// Nothing.
    pub const fn new() -> Self {
        Self { runs: Vec::new() }
    }

    /// From `first` to `last`; nothing when they are the wrong way round or `last` is 0.
    pub fn run(first: u32, last: u32) -> Self {
        [(first, last)].into_iter().collect()
    }

    /// How many.
    pub fn len(&self) -> u32 {
        self.runs.last().map_or(0, |(first, last, before)| before + (last - first + 1))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The runs: first and last of each, ascending.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = (u32, u32)> + ExactSizeIterator + '_ {
        self.runs.iter().map(|(first, last, _)| (*first, *last))
    }

    /// All numbers, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = u32> + '_ {
        self.runs().flat_map(|(first, last)| first..=last)
    }

    /// The smallest.
    pub fn first(&self) -> Option<u32> {
        self.runs.first().map(|(first, ..)| *first)
    }

    /// The largest.
    pub fn last(&self) -> Option<u32> {
        self.runs.last().map(|(_, last, _)| *last)
    }

    /// Whether a number is among them.
    pub fn contains(&self, number: u32) -> bool {
        self.place_of(number).is_some()
    }

    /// The place of a number, from 1: a UID's sequence number.
    pub fn place_of(&self, number: u32) -> Option<u32> {
        let at = self.runs.partition_point(|(_, last, _)| *last < number);
        let (first, _, before) = self.runs.get(at)?;
        (*first <= number).then(|| before + (number - first) + 1)
    }

    /// The number at a place, from 1: a sequence number's UID.
    pub fn at(&self, place: u32) -> Option<u32> {
        if place == 0 || place > self.len() {
            return None;
        }
        let run = self.runs.partition_point(|(.., before)| *before < place) - 1;
        let (first, _, before) = self.runs.get(run)?;
        Some(first + (place - before - 1))
    }

    /// The numbers at these places: what a set of sequence numbers means.
    pub fn at_places(&self, places: &Self) -> Self {
        let mut found = Self::new();
        let mut from = 0;
        for (first, last) in places.runs() {
            while let Some((run_first, run_last, before)) = self.runs.get(from) {
                let after = before + (run_last - run_first + 1);
                if after < first {
                    from += 1;
                    continue;
                }
                if *before >= last {
                    break;
                }
                let low = run_first + (first.max(before + 1) - before - 1);
                let high = run_first + (last.min(after) - before - 1);
                found.append(low, high);
                if after > last {
                    break;
                }
                from += 1;
            }
        }
        found
    }

    /// The places of these numbers: what a set of UIDs is in sequence numbers. Numbers that are not here have none.
    pub fn places_of(&self, numbers: &Self) -> Self {
        let mut found = Self::new();
        for (first, last) in self.intersect(numbers).runs() {
            if let (Some(low), Some(high)) = (self.place_of(first), self.place_of(last)) {
                found.append(low, high);
            }
        }
        found
    }

    /// What is in both.
    pub fn intersect(&self, other: &Self) -> Self {
        let mut found = Self::new();
        let (mut left, mut right) = (self.runs().peekable(), other.runs().peekable());
        while let (Some(a), Some(b)) = (left.peek().copied(), right.peek().copied()) {
            if a.0.max(b.0) <= a.1.min(b.1) {
                found.append(a.0.max(b.0), a.1.min(b.1));
            }
            if a.1 < b.1 {
                left.next()
            } else {
                right.next()
            };
        }
        found
    }

    /// What is here and not there.
    pub fn without(&self, other: &Self) -> Self {
        let mut found = Self::new();
        let mut gone = other.runs().peekable();
        for (first, last) in self.runs() {
            let mut from = first;
            while let Some((gone_first, gone_last)) = gone.peek().copied() {
                if gone_first > last {
                    break;
                }
                if gone_first > from {
                    found.append(from, gone_first - 1);
                }
                from = from.max(gone_last.saturating_add(1));
                if gone_last > last {
                    break;
                }
                gone.next();
            }
            if from <= last {
                found.append(from, last);
            }
        }
        found
    }

    /// Adds what is larger than all that is here; anything else is for [`FromIterator`].
    pub fn append(&mut self, first: u32, last: u32) {
        let before = self.len();
        match self.runs.last_mut() {
            Some((_, end, _)) if *end + 1 == first => *end = last,
            _ => self.runs.push((first, last, before)),
        }
    }
}

impl FromIterator<(u32, u32)> for UidSet {
    /// From runs in any order, overlapping or not. Zero is nobody's number.
    fn from_iter<I: IntoIterator<Item = (u32, u32)>>(runs: I) -> Self {
        let mut runs: Vec<(u32, u32)> =
            runs.into_iter().map(|(a, b)| (a.max(1), b)).filter(|(a, b)| a <= b).collect();
        runs.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(runs.len());
        for (first, last) in runs {
            match merged.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => merged.push((first, last)),
            }
        }
        let mut set = Self::new();
        merged.into_iter().for_each(|(first, last)| set.append(first, last));
        set
    }
}

impl FromIterator<u32> for UidSet {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        numbers.into_iter().map(|number| (number, number)).collect()
    }
}

impl fmt::Display for UidSet {
    /// As IMAP writes it (RFC 9051 §9): `1:3,7`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.runs().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match first == last {
                true => write!(f, "{comma}{first}")?,
                false => write!(f, "{comma}{first}:{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn plain(set: &UidSet) -> BTreeSet<u32> {
        set.iter().collect()
    }

    #[test]
    fn a_set_is_written_as_imap_writes_it() {
        let set: UidSet = [7, 1, 2, 3].into_iter().collect();
        assert_eq!(set.to_string(), "1:3,7");
        assert_eq!(UidSet::new().to_string(), "");
        assert_eq!([(0, 0), (5, 4)].into_iter().collect::<UidSet>(), UidSet::new());
        assert_eq!(UidSet::run(4_000_000_000, u32::MAX).len(), 294_967_296);
    }

    proptest! {
        #[test]
        fn sets_are_what_sets_of_numbers_are(
            a in prop::collection::btree_set(1u32..60, 0..40),
            b in prop::collection::btree_set(1u32..60, 0..40),
        ) {
            let (left, right): (UidSet, UidSet) = (a.iter().copied().collect(), b.iter().copied().collect());
            prop_assert_eq!(left.len() as usize, a.len());
            prop_assert_eq!(plain(&left.intersect(&right)), &a & &b);
            prop_assert_eq!(plain(&left.without(&right)), &a - &b);
            let numbers: Vec<u32> = a.iter().copied().collect();
            for (index, number) in numbers.iter().enumerate() {
                let place = index as u32 + 1;
                prop_assert_eq!(left.at(place), Some(*number));
                prop_assert_eq!(left.place_of(*number), Some(place));
            }
            prop_assert_eq!(left.at(0), None);
            prop_assert_eq!(left.at(left.len() + 1), None);
            let wanted: BTreeSet<u32> =
                b.iter().filter_map(|place| numbers.get(*place as usize - 1).copied()).collect();
            prop_assert_eq!(plain(&left.at_places(&right)), wanted);
            let places: BTreeSet<u32> = b.iter().filter_map(|number| left.place_of(*number)).collect();
            prop_assert_eq!(plain(&left.places_of(&right)), places);
        }
    }
}
