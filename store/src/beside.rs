//! What other processes wrote into the same SQLite file: `congvan import` beside a running server. On PostgreSQL the engine tells all nodes
//! (`nodes`); SQLite tells nobody, but its writing connection can be asked whether anybody else has committed.

use std::sync::atomic::Ordering;

use crate::error::Result;
use crate::{Store, Tx};

/// Grows with every commit of another connection, and stays as it is with our own.
const VERSION: &str = "PRAGMA data_version";

impl Store {
    /// Wakes whoever waits for news of any account when another process has written since the last time; says whether it has. Which accounts it
    /// concerns is not known: who is woken for nothing finds nothing. The program asks from time to time.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] when the memory does not answer.
    pub async fn look_beside(&self) -> Result<bool> {
        if self.engine() != "sqlite" {
            return Ok(false);
        }
        // Through the writer, for it is the one that does not count its own commits.
        let now = self
            .write("look beside", (), |tx: &mut Tx, ()| {
                Box::pin(async move { tx.row(VERSION, &[]).await?.map_or(Ok(0), |row| row.int(0)) })
            })
            .await?;
        let before = self.shared.version_beside.swap(now, Ordering::Relaxed);
        let is_news = before != 0 && before != now;
        if is_news {
            self.shared.watches.wake_all();
        }
        Ok(is_news)
    }
}
