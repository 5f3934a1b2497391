//! How many connections each destination bears, as a value driven by what became of them.
//!
//! A destination begins with a few connections, gets one more for each round of deliveries that went well, and falls back to one when
//! it turns connections away; then it is left in peace for a moment that doubles. No destination gets a second connection from the last
//! quarter of all places: a slow one with much mail cannot keep a new one from its first.
//!
//! Work that needs no connection takes a place under the empty name, which is no destination and never full.
//!
//! What must stay true: never more work than places; a destination that is left alone is in [`Paces::full`], and nobody takes a place for
//! it; what is remembered is bounded.

use std::collections::HashMap;
use std::time::Duration;

use mail::Timestamp;

/// The first rest of a destination that turns us away; each further one is twice as long.
const REST: Duration = Duration::from_secs(1);
/// The longest: its mail has schedules of its own.
const REST_MAX: Duration = Duration::from_secs(60);
/// Destinations remembered. Those without connections that are as new are not; a house writes to some hundreds at a time.
const KNOWN_MAX: usize = 10_000;

/// The sizes of one carrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Connections at once, to all destinations together.
    pub all: usize,
    /// Connections that a destination begins with. Postfix begins with 5; 2 find out as soon, and hurt nobody.
    pub first: usize,
    /// Connections to one destination at most. Postfix: 20.
    pub each: usize,
    /// Places of `all` from which nobody gets more than a first connection.
    pub kept: usize,
}

impl Bounds {
    /// Of a carrier to other systems.
    pub fn new(all: usize, each: usize) -> Self {
        let all = all.max(1);
        Self { all, first: each.clamp(1, 2), each: each.max(1), kept: all / 4 }
    }
}

/// What became of a delivery, as far as it says how much a destination bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It took it, or refused it for good: it works.
    Well,
    /// It put it off (4xx).
    Slower,
    /// It turned the connection away (421), broke it, or did not answer.
    Away,
}

/// One destination.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pace {
    /// Connections it bears.
    limit: usize,
    /// Connections it has.
    open: usize,
    /// Deliveries that went well since the limit changed.
    well: usize,
    /// Times in a row that it turned us away.
    away: u32,
    rest_until: Option<Timestamp>,
}

impl Pace {
    fn new(bounds: &Bounds) -> Self {
        Self { limit: bounds.first, open: 0, well: 0, away: 0, rest_until: None }
    }

    fn rests(&self, now: Timestamp) -> bool {
        self.rest_until.is_some_and(|until| until > now)
    }
}

/// The connections of one carrier.
#[derive(Clone, Debug)]
pub struct Paces {
    bounds: Bounds,
    /// The sum of all `open`.
    open: usize,
    known: HashMap<String, Pace>,
}

impl Paces {
    /// Nobody has a connection.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, open: 0, known: HashMap::new() }
    }

    /// Places that may still be taken.
    pub fn free(&self) -> usize {
        self.bounds.all.saturating_sub(self.open)
    }

    /// Takes a place for a connection to a destination; `false` when it bears no more, or all places are taken.
    pub fn take(&mut self, destination: &str, now: Timestamp) -> bool {
        if self.free() == 0 || self.is_full(destination, now) {
            return false;
        }
        if !self.known.contains_key(destination) {
            self.make_room(now);
        }
        let fresh = Pace::new(&self.bounds);
        self.known.entry(destination.to_owned()).or_insert(fresh).open += 1;
        self.open += 1;
        true
    }

    /// Gives a place back.
    pub fn leave(&mut self, destination: &str) {
        let Some(pace) = self.known.get_mut(destination).filter(|pace| pace.open > 0) else { return };
        pace.open -= 1;
        self.open -= 1;
        if *pace == Pace::new(&self.bounds) {
            self.known.remove(destination);
        }
    }

    /// Whether a connection that is there may carry more: nobody else waits for its place, and the destination bears as many.
    pub fn goes_on(&self, destination: &str, now: Timestamp) -> bool {
        let bears = |pace: &Pace| pace.open <= pace.limit && !pace.rests(now);
        self.free() > 0 && self.known.get(destination).is_some_and(bears)
    }

    /// Learns from a delivery, before its place is given back.
    pub fn learn(&mut self, destination: &str, sign: Sign, now: Timestamp) {
        let each = self.bounds.each;
        let Some(pace) = self.known.get_mut(destination) else { return };
        match sign {
            Sign::Well => {
                pace.away = 0;
                pace.rest_until = None;
                pace.well += 1;
                if pace.well >= pace.limit && pace.limit < each {
                    pace.limit += 1;
                    pace.well = 0;
                }
            }
            Sign::Slower => {
                pace.limit = (pace.limit / 2).max(1);
                pace.well = 0;
            }
            Sign::Away => {
                // Connections that fail together are one sign.
                if !pace.rests(now) {
                    let rest = REST.saturating_mul(1 << pace.away.min(16)).min(REST_MAX);
                    pace.rest_until = Some(now.plus(rest));
                    pace.away = pace.away.saturating_add(1);
                }
                pace.limit = 1;
                pace.well = 0;
            }
        }
    }

    /// The destinations for which no place can be had now, though there may be free ones.
    pub fn full(&self, now: Timestamp) -> Vec<String> {
        let mut full: Vec<String> =
            self.known.keys().filter(|name| self.is_full(name, now)).cloned().collect();
        full.sort_unstable();
        full
    }

    /// When the next destination has rested.
    pub fn rested_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.known.values().filter_map(|pace| pace.rest_until).filter(|until| *until > now).min()
    }

    fn is_full(&self, destination: &str, now: Timestamp) -> bool {
        let known = self.known.get(destination).filter(|_| !destination.is_empty());
        let Some(pace) = known else { return false };
        let is_kept = pace.open > 0 && self.free() <= self.bounds.kept;
        pace.open >= pace.limit || is_kept || pace.rests(now)
    }

    /// Forgets those that nobody visits, when there are too many: what is forgotten begins anew.
    fn make_room(&mut self, now: Timestamp) {
        if self.known.len() >= KNOWN_MAX {
            self.known.retain(|_, pace| pace.open > 0 || pace.rests(now));
        }
        if self.known.len() >= KNOWN_MAX {
            self.known.retain(|_, pace| pace.open > 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    /// As many connections as a destination can get.
    fn fill(paces: &mut Paces, destination: &str, now: Timestamp) -> usize {
        std::iter::from_fn(|| paces.take(destination, now).then_some(())).count()
    }

    #[test]
    fn a_destination_grows_with_what_it_takes_and_not_beyond_its_bound() {
        let mut paces = Paces::new(Bounds::new(100, 5));
        assert_eq!(fill(&mut paces, "a.vn", at(0)), 2);
        assert_eq!(paces.full(at(0)), ["a.vn"]);
        // A round of deliveries for each connection more: 2, then 3, then 4.
        for (deliveries, more) in [(1, 0), (1, 1), (2, 0), (1, 1), (4, 1), (100, 0)] {
            for _ in 0..deliveries {
                paces.learn("a.vn", Sign::Well, at(0));
            }
            assert_eq!(fill(&mut paces, "a.vn", at(0)), more, "{deliveries}");
        }
    }

    #[test]
    fn a_destination_that_turns_us_away_is_left_in_peace_and_then_gets_one() {
        let mut paces = Paces::new(Bounds::new(100, 20));
        assert_eq!(fill(&mut paces, "a.vn", at(0)), 2);
        let mut now = 0;
        for rest in [1, 2, 4, 8, 16, 32, 60, 60] {
            // Both connections fail: one sign.
            paces.learn("a.vn", Sign::Away, at(now));
            paces.learn("a.vn", Sign::Away, at(now));
            paces.leave("a.vn");
            paces.leave("a.vn");
            assert_eq!(paces.full(at(now)), ["a.vn"], "{rest}");
            assert_eq!(paces.rested_at(at(now)), Some(at(now + rest)));
            assert!(!paces.take("a.vn", at(now + rest - 1)));
            now += rest;
            assert_eq!(fill(&mut paces, "a.vn", at(now)), 1);
        }
        paces.learn("a.vn", Sign::Well, at(now));
        assert_eq!((fill(&mut paces, "a.vn", at(now)), paces.rested_at(at(now))), (1, None));
    }

    #[test]
    fn a_slow_down_halves() {
        let mut paces = Paces::new(Bounds::new(100, 20));
        assert!(paces.take("a.vn", at(0)));
        (0..200).for_each(|_| paces.learn("a.vn", Sign::Well, at(0)));
        for left in [10, 5, 2, 1, 1] {
            paces.learn("a.vn", Sign::Slower, at(0));
            assert_eq!(paces.known["a.vn"].limit, left);
        }
        assert_eq!(paces.rested_at(at(0)), None);
    }

    #[test]
    fn r21_slow_destinations_leave_a_quarter_of_all_places_to_others() {
        let mut paces = Paces::new(Bounds::new(40, 20));
        let slow = ["a.vn", "b.vn", "c.vn"];
        for name in slow {
            assert!(paces.take(name, at(0)));
            (0..500).for_each(|_| paces.learn(name, Sign::Well, at(0)));
        }
        let taken: usize = slow.iter().map(|name| fill(&mut paces, name, at(0))).sum();
        assert_eq!((taken + slow.len(), paces.free()), (30, 10));
        assert_eq!(paces.full(at(0)), slow);
        // Ten others get their first connection, and none a second.
        let others = (0..12).filter(|n| paces.take(&format!("n{n}.vn"), at(0))).count();
        assert_eq!((others, paces.free()), (10, 0));
        assert!(!paces.take("late.vn", at(0)));
        paces.leave("a.vn");
        assert!(paces.take("late.vn", at(0)));
    }

    #[test]
    fn work_without_a_connection_takes_any_place() {
        let mut paces = Paces::new(Bounds::new(7, 2));
        assert_eq!(fill(&mut paces, "", at(0)), 7);
        assert_eq!(paces.full(at(0)), [""; 0]);
        paces.leave("");
        assert!(paces.take("a.vn", at(0)));
    }

    #[test]
    fn a_connection_goes_on_until_others_wait_or_its_destination_bears_less() {
        let mut paces = Paces::new(Bounds::new(8, 4));
        assert_eq!(fill(&mut paces, "a.vn", at(0)), 2);
        assert!(paces.goes_on("a.vn", at(0)) && !paces.goes_on("b.vn", at(0)));
        paces.learn("a.vn", Sign::Slower, at(0));
        assert!(!paces.goes_on("a.vn", at(0)), "one of the two has to end");
        paces.leave("a.vn");
        assert!(paces.goes_on("a.vn", at(0)));
        assert_eq!((fill(&mut paces, "", at(0)), paces.goes_on("a.vn", at(0))), (7, false));
        paces.leave("");
        paces.learn("a.vn", Sign::Away, at(0));
        assert!(!paces.goes_on("a.vn", at(0)) && paces.goes_on("a.vn", at(1)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut paces = Paces::new(Bounds::new(10, 5));
        for n in 0..KNOWN_MAX * 2 {
            let name = format!("n{n}.vn");
            assert!(paces.take(&name, at(0)));
            paces.learn(&name, Sign::Away, at(0));
            paces.leave(&name);
            assert!(paces.known.len() <= KNOWN_MAX);
        }
        assert_eq!(paces.free(), 10);
        // Who is as new is not remembered at all.
        let mut paces = Paces::new(Bounds::new(10, 5));
        assert!(paces.take("a.vn", at(0)));
        paces.leave("a.vn");
        assert!(paces.known.is_empty());
        // A place that nobody has taken cannot be given back.
        paces.leave("a.vn");
        assert_eq!(paces.free(), 10);
    }
}
