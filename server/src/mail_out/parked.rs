//! Connections without work, kept for a moment: the next mail for the same place goes over one of them.

use std::sync::{Arc, Mutex, PoisonError};

use super::Carrier;
use super::conversation::Conversation;

/// Connections kept at once; a house that writes to more places at the same moment opens new ones.
const PARKED_MAX: usize = 64;

/// What is kept, the oldest first.
#[derive(Default)]
pub(super) struct Parked {
    kept: Mutex<Vec<(u64, Conversation)>>,
    /// The number of the next one.
    next: std::sync::atomic::AtomicU64,
}

impl Parked {
    /// Takes one out that fits, the newest first: the peer has had the least time to close it.
    pub(super) fn take(&self, fits: impl Fn(&Conversation) -> bool) -> Option<Conversation> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().rposition(|(_, conversation)| fits(conversation))?;
        Some(kept.remove(at).1)
    }

    /// Puts one in; answers its number, and the one that has to leave for it.
    fn put(&self, conversation: Conversation) -> (u64, Option<Conversation>) {
        let number = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = (kept.len() >= PARKED_MAX).then(|| kept.remove(0).1);
        kept.push((number, conversation));
        (number, oldest)
    }

    fn take_number(&self, number: u64) -> Option<Conversation> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(known, _)| *known == number)?;
        Some(kept.remove(at).1)
    }
}

impl Carrier {
    /// Keeps a connection for the next mail, or says goodbye when its time has come.
    pub(super) fn park(self: &Arc<Self>, conversation: Conversation) {
        let (keep, house) = (self.keep, &self.house);
        if keep.is_zero() || house.stop.is_cancelled() || conversation.is_worn(house.now()) {
            house.inside.spawn(conversation.goodbye());
            return;
        }
        let (number, oldest) = self.parked.put(conversation);
        if let Some(oldest) = oldest {
            house.inside.spawn(oldest.goodbye());
        }
        let carrier = self.clone();
        house.inside.spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(keep) => {}
                () = carrier.house.stop.cancelled() => {}
            }
            if let Some(conversation) = carrier.parked.take_number(number) {
                conversation.goodbye().await;
            }
        });
    }
}
