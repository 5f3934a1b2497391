//! News that another process wrote into the same SQLite file, for those who wait here: IDLE and the push channels hear of an import within
//! a second. On PostgreSQL the engine tells.

use std::sync::Arc;
use std::time::Duration;

use crate::house::House;

/// How often to look: what a person notices, and one statement that writes nothing.
const EVERY: Duration = Duration::from_secs(1);

/// Looks until the house stops.
pub(crate) async fn run(house: Arc<House>) {
    if house.store.engine() != "sqlite" {
        return;
    }
    let mut look = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = house.stop.cancelled() => return,
            _ = look.tick() => {}
        }
        if let Err(error) = house.store.look_beside().await {
            tracing::warn!("what other processes wrote is not known now: {error}");
        }
    }
}
