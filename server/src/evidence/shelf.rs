//! What was fetched and proved good, kept for the next document. One asks, the others wait: a hundred documents of one
//! authority cause one fetch of its list.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use certs::revocation::{Crl, OcspResponse};
use certs::{Certificate, Fingerprint};
use tokio::sync::{Mutex as TurnMutex, OwnedMutexGuard};

/// Entries kept. A list per issuing authority and an answer per signer of a busy day.
const ENTRIES_MAX: usize = 4096;
/// Bytes kept, as received. Room for the largest lists of several authorities.
const BYTES_MAX: usize = 256 * 1024 * 1024;

/// Where something came from, as what, and (for OCSP) to which question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) kind: Kind,
    pub(super) url: String,
    pub(super) question: Option<Fingerprint>,
}

/// What an address is expected to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Certificates of an issuer.
    Issuer,
    /// A revocation list.
    Crl,
    /// An OCSP answer.
    Ocsp,
}

/// Something fetched and found good.
#[derive(Clone, Debug)]
pub(super) enum Find {
    Issuer(Vec<Certificate>),
    Crl(Crl),
    Ocsp(OcspResponse),
}

impl Find {
    fn size(&self) -> usize {
        match self {
            Self::Issuer(all) => all.iter().map(|one| one.der().len()).sum(),
            Self::Crl(crl) => crl.der().len(),
            Self::Ocsp(response) => response.der().len(),
        }
    }
}

/// A find with its times, seconds since 1970.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) find: Find,
    /// Until then nobody asks again.
    pub(super) fresh_until: i64,
    /// Until then it does when nobody answers.
    pub(super) good_until: i64,
}

/// One's turn at a place: whoever holds it looks, fetches, and puts back.
pub(super) type Turn = OwnedMutexGuard<Option<Kept>>;

#[derive(Default)]
struct Slot {
    kept: Arc<TurnMutex<Option<Kept>>>,
    size: usize,
    used: u64,
}

/// The shelf.
#[derive(Default)]
pub(super) struct Shelf(Mutex<Slots>);

#[derive(Default)]
struct Slots {
    by_place: HashMap<Place, Slot>,
    bytes: usize,
    uses: u64,
}

impl Shelf {
    /// Waits for one's turn at a place.
    pub(super) async fn turn(&self, place: &Place) -> Turn {
        let kept = {
            let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            slots.uses += 1;
            let uses = slots.uses;
            let slot = slots.by_place.entry(place.clone()).or_default();
            slot.used = uses;
            let kept = slot.kept.clone();
            slots.make_room();
            kept
        };
        kept.lock_owned().await
    }

    /// Puts something on the shelf; what was used longest ago makes room.
    pub(super) fn keep(&self, place: &Place, turn: &mut Turn, kept: Kept) {
        let size = kept.find.size();
        **turn = Some(kept);
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.by_place.get_mut(place) {
            let before = std::mem::replace(&mut slot.size, size);
            slots.bytes = slots.bytes.saturating_sub(before) + size;
        }
        slots.make_room();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().by_place.len()
    }
}

impl Slots {
    fn make_room(&mut self) {
        while self.by_place.len() > ENTRIES_MAX || self.bytes > BYTES_MAX {
            let oldest =
                self.by_place.iter().min_by_key(|(_, slot)| slot.used).map(|(place, _)| place.clone());
            let Some(slot) = oldest.and_then(|place| self.by_place.remove(&place)) else { return };
            self.bytes = self.bytes.saturating_sub(slot.size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_shelf_has_an_end() {
        let shelf = Shelf::default();
        for number in 0..ENTRIES_MAX + 50 {
            let place = Place { kind: Kind::Crl, url: format!("http://{number}.vn/"), question: None };
            drop(shelf.turn(&place).await);
        }
        assert_eq!(shelf.len(), ENTRIES_MAX);
    }
}
