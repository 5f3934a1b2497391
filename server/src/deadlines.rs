//! Alarms of deadlines (RULES R33, R85): looked for now and then, raised once each.

use std::sync::Arc;
use std::time::Duration;

use crate::house::House;

/// How often to look. Alarms are due at full hours; half a minute more is nothing.
const EVERY: Duration = Duration::from_secs(30);
/// Alarms raised in one transaction.
const AT_ONCE: i64 = 200;

/// Works until the house stops.
pub(crate) async fn run(house: Arc<House>) {
    let holder = house.draw_token(12);
    let mut look = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = house.stop.cancelled() => return,
            _ = look.tick() => {}
        }
        if let Err(error) = raise(&house, &holder).await {
            tracing::warn!("alarms of deadlines could not be raised: {error}");
        }
    }
}

/// Raises what is due, a transaction at a time, until nothing is left or the house stops.
async fn raise(house: &House, holder: &str) -> Result<(), store::Error> {
    while !house.stop.is_cancelled() {
        let looked = registry::deadlines::raise(&house.store, holder, house.now(), AT_ONCE).await?;
        if (looked as i64) < AT_ONCE {
            return Ok(());
        }
    }
    Ok(())
}
