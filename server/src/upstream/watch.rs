//! Watches over the lines and over those who are clients here: numbers for the operator, deadlines, silence (RULES R26, R69, R71).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mail::Timestamp;
use registry::upstream::schedule::Calendar;
use store::OutboxKind;

use crate::house::House;
use crate::intake::Intake;
use crate::metrics::{Line, LineOutcome};

/// How often to look.
const EVERY: Duration = Duration::from_secs(15);
/// Content let go in one transaction.
const AT_ONCE: i64 = 50;
/// A poll is written down when the last one that was is so old: systems poll in loops.
const POLL_NOTED_EVERY: Duration = Duration::from_secs(30);
/// Systems whose polls are remembered; there are no more in a province.
const SYSTEMS_MAX: usize = 10_000;

/// Works until the house stops.
pub(super) async fn run(house: Arc<House>, intake: Arc<Intake>, calendar: Calendar) {
    let mut look = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = house.stop.cancelled() => return,
            _ = look.tick() => {}
        }
        if let Err(error) = lines(&house).await {
            tracing::warn!("the lines could not be counted: {error}");
        }
        match intake.desk().hold_late(&calendar, house.now()).await {
            Ok(0) => {}
            Ok(held) => {
                tracing::error!(
                    held,
                    "packages did not get through by the deadline (R19); their senders were told"
                );
                let label = LineOutcome { peer: String::new(), direction: "out", outcome: "held" };
                house.metrics.line_packages.get_or_create(&label).inc_by(held as u64);
            }
            Err(error) => tracing::warn!("deadlines could not be looked at: {error}"),
        }
        if let Err(error) = silence(&house, &intake, &calendar).await {
            tracing::warn!("the silence of systems could not be looked at: {error}");
        }
        if let Err(error) = let_content_go(&house).await {
            tracing::warn!("content could not be let go: {error}");
        }
    }
}

async fn lines(house: &House) -> Result<(), store::Error> {
    let found = house
        .store
        .read((), |tx, ()| {
            Box::pin(async move {
                let mut lines = Vec::new();
                for peer in tx.peers().await? {
                    let waiting = tx.queue(OutboxKind::Package, &peer.name).await?.0;
                    let health = tx.peer_health(&peer.name).await?;
                    lines.push((peer, waiting, health));
                }
                Ok::<_, store::Error>(lines)
            })
        })
        .await?;
    let now = house.now();
    for (peer, waiting, health) in found {
        let label = Line { peer: peer.name };
        let since = now.since(health.heard_at.unwrap_or(peer.created_at));
        let metrics = &house.metrics;
        metrics.line_backlog.get_or_create(&label).set(waiting);
        metrics.line_silent_seconds.get_or_create(&label).set(since.as_secs() as i64);
        metrics.line_clock_millis.get_or_create(&label).set(health.clock_millis.unwrap_or(0));
    }
    Ok(())
}

/// Tells the agencies whose systems have not asked for long, once each time (RULES R71).
async fn silence(house: &House, intake: &Intake, calendar: &Calendar) -> Result<(), registry::Error> {
    let minutes = house.config.upstream.silent_minutes;
    let now = house.now();
    if minutes == 0 || !calendar.is_office_hour(now) {
        return Ok(());
    }
    let silent = intake.desk().tell_silence(Duration::from_secs(minutes * 60), now).await?;
    house.metrics.silent_systems.set(i64::try_from(silent.all).unwrap_or(i64::MAX));
    if silent.told > 0 {
        tracing::warn!(silent.told, "systems have not asked for what waits for them (R71)");
    }
    Ok(())
}

async fn let_content_go(house: &House) -> Result<(), store::Error> {
    let days = i64::from(house.config.upstream.content_days);
    let now = house.now();
    let before = Timestamp::from_secs(now.secs().saturating_sub(days * 86_400));
    while !house.stop.is_cancelled() {
        let gone = house.store.write("let content go", (before, now), |tx, (before, now)| {
            Box::pin(async move { tx.drop_peer_content(*before, *now, AT_ONCE).await })
        });
        let gone: Result<usize, store::Error> = gone.await;
        if (gone? as i64) < AT_ONCE {
            return Ok(());
        }
    }
    Ok(())
}

/// When each system last asked, so that not every poll is a write.
#[derive(Default)]
pub(crate) struct Polls(Mutex<HashMap<String, Timestamp>>);

impl Polls {
    /// A system has asked what waits for it.
    pub(crate) async fn note(&self, house: &House, system_folded: &str) {
        let now = house.now();
        let is_news = match self.0.lock() {
            Ok(mut known) => {
                let last = known.get(system_folded).copied();
                let is_news = last.is_none_or(|last| now.since(last) >= POLL_NOTED_EVERY);
                if is_news {
                    if known.len() >= SYSTEMS_MAX {
                        known.clear();
                    }
                    known.insert(system_folded.to_owned(), now);
                }
                is_news
            }
            Err(_) => false,
        };
        if !is_news {
            return;
        }
        let noted = house.store.write("a system asked", system_folded.to_owned(), move |tx, system| {
            Box::pin(async move { tx.note_poll(system, now).await })
        });
        let noted: Result<(), store::Error> = noted.await;
        if let Err(error) = noted {
            tracing::warn!("a poll was not noted: {error}");
        }
    }
}
