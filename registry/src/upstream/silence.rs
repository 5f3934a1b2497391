//! Systems that do not ask any more (RULES R71).

use std::time::Duration;

use mail::{DocumentId, Timestamp};

use crate::Error;
use crate::accept::Desk;
use crate::events::{Happened, tell};

/// How many are silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Silent {
    /// All.
    pub all: usize,
    /// Those whose agencies were told just now.
    pub told: usize,
}

impl Desk {
    /// Tells the agencies whose systems have asked before and not within `patience`, each once for one silence.
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn tell_silence(&self, patience: Duration, now: Timestamp) -> Result<Silent, Error> {
        let polls = self.store.read((), |tx, ()| Box::pin(async move { tx.system_polls().await })).await?;
        let mut silent = Silent::default();
        for poll in polls.into_iter().filter(|poll| now.since(poll.polled_at) >= patience) {
            silent.all += 1;
            if poll.told_at.is_some() {
                continue;
            }
            let told = self.store.write("tell a silence", poll, move |tx, poll| {
                Box::pin(async move {
                    if !tx.tell_silence(&poll.system_folded, now).await? {
                        return Ok(false);
                    }
                    let facts = serde_json::json!({
                        "system": poll.system_folded,
                        "since": poll.polled_at.to_rfc3339_vietnam(),
                        "waiting": poll.waiting,
                    });
                    // About no document: the id is nobody's.
                    let none = DocumentId::from_bytes([0; 16]);
                    tell(tx, poll.agency_id, Happened::Silent, none, &facts, now).await?;
                    Ok::<_, store::Error>(true)
                })
            });
            silent.told += usize::from(told.await?);
        }
        Ok(silent)
    }
}
