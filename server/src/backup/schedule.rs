//! Backups by the clock, and trying them out: a backup that was never restored is a hope.
//!
//! Any number of nodes may run: a lease lets one of them work. What was done is remembered in the house's settings, so that
//! `congvan doctor`, the metrics and the next start know of it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use mail::{OwnerId, Timestamp};
use registry::receipt::Auditor;
use serde::{Deserialize, Serialize};
use store::Audit;
use store::backup::RESTORED;

use super::{Done, Wanted, create, restore};
use crate::config::Config;
use crate::house::House;
use crate::metrics::Outcome;
use crate::proof::LogVerifier;
use crate::sequencer::LogKey;

/// Where it is remembered.
const SETTING: &str = "backup";
/// How often to look at the clock.
const EVERY: Duration = Duration::from_secs(60);
/// How long one node may take before another may begin.
const LEASE: Duration = Duration::from_secs(6 * 3_600);
/// After one that failed.
const AGAIN: Duration = Duration::from_secs(15 * 60);
const DAY: Duration = Duration::from_secs(86_400);
/// A good backup is never older (RULES A26), with an hour for making it.
const BACKUP_AGE_MAX: Duration = Duration::from_secs(25 * 3_600);
/// A good test of restoring is never older.
const TEST_AGE_MAX: Duration = Duration::from_secs(31 * 86_400);
/// Whose the audit rows are: nobody's, the house's.
const NOBODY: OwnerId = OwnerId::from_bytes([0; 16]);
const ACTOR: &str = "backup";

/// What was done last, moments in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    /// The last good backup: its moment and name.
    pub(crate) good_at: Option<i64>,
    pub(crate) good_id: String,
    /// The last good test of restoring.
    pub(crate) tested_at: Option<i64>,
    /// The last attempt that failed, and its code.
    pub(crate) failed_at: Option<i64>,
    pub(crate) failed_code: String,
}

/// What is remembered.
pub(crate) async fn read_state(house: &House) -> anyhow::Result<State> {
    let read = house.store.read((), |tx, ()| Box::pin(async move { tx.setting(SETTING).await }));
    let state: Option<Vec<u8>> = read.await?;
    Ok(state.and_then(|state| serde_json::from_slice(&state).ok()).unwrap_or_default())
}

/// Remembers what was done, with its row of the audit log.
pub(crate) async fn remember(
    house: &House,
    actor: &'static str,
    action: Audit,
    subject: &str,
    detail: &str,
    change: impl FnOnce(&mut State),
) -> anyhow::Result<()> {
    let mut state = read_state(house).await?;
    change(&mut state);
    let input = (serde_json::to_vec(&state)?, subject.to_owned(), detail.to_owned(), house.now());
    let written = house.store.write("remember a backup", input, move |tx, (state, subject, detail, now)| {
        Box::pin(async move {
            tx.set_setting(SETTING, state).await?;
            tx.audit(NOBODY, *now, actor, action, subject, detail).await
        })
    });
    written.await.map_err(|error: store::Error| error.into())
}

/// A house in which backups are by the clock has none that is young enough: the code, since when, and words.
pub(crate) fn late(
    config: &Config,
    state: &State,
    now: Timestamp,
) -> Vec<(&'static str, String, &'static str, &'static str)> {
    let mut found = Vec::new();
    if !config.backup.is_scheduled() {
        return found;
    }
    let at = |moment: Option<i64>| match moment {
        Some(moment) => Timestamp::from_millis(moment).to_rfc3339_vietnam(),
        None => "-".to_owned(),
    };
    let is_old = |moment: Option<i64>, most: Duration| {
        moment.is_none_or(|moment| now.since(Timestamp::from_millis(moment)) > most)
    };
    if is_old(state.good_at, BACKUP_AGE_MAX) {
        let at = format!("{} {}", at(state.good_at), state.failed_code);
        found.push((
            "backup-late",
            at.trim_end().to_owned(),
            "Không có bản sao lưu tốt trong một ngày qua.",
            "There is no good backup of the last day.",
        ));
    }
    if config.backup.test_days > 0 && is_old(state.tested_at, TEST_AGE_MAX) {
        found.push((
            "backup-untested",
            at(state.tested_at),
            "Đã hơn một tháng chưa phục hồi thử thành công.",
            "No backup was restored as a test for more than a month.",
        ));
    }
    found
}

/// Tells the metrics how old the last ones are.
pub(crate) async fn tell_metrics(house: &House) -> anyhow::Result<()> {
    let state = read_state(house).await?;
    let now = house.now();
    let age = |moment: Option<i64>| match moment {
        Some(moment) => {
            i64::try_from(now.since(Timestamp::from_millis(moment)).as_secs()).unwrap_or(i64::MAX)
        }
        None => -1,
    };
    house.metrics.backup_age_seconds.set(age(state.good_at));
    house.metrics.backup_test_age_seconds.set(age(state.tested_at));
    Ok(())
}

/// A house that was restored says so at each start: its ledger goes on from where it stood then, and whoever has a later
/// checkpoint of it sees two histories.
async fn say_restored(house: &House) -> anyhow::Result<()> {
    let read = house.store.read((), |tx, ()| Box::pin(async move { tx.setting(RESTORED).await }));
    let said: Option<Vec<u8>> = read.await?;
    if let Some(said) = said.and_then(|said| String::from_utf8(said).ok()) {
        tracing::warn!(
            from = said,
            "dữ liệu này được phục hồi từ bản sao lưu / this house was restored from a backup"
        );
    }
    Ok(())
}

/// Works until the house stops; does nothing when no target is configured.
pub(crate) async fn run(house: Arc<House>) {
    if let Err(error) = say_restored(&house).await {
        tracing::warn!("whether this house was restored could not be read: {error:#}");
    }
    if !house.config.backup.is_scheduled() {
        return;
    }
    let mut look = tokio::time::interval(EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = house.stop.cancelled() => return,
            _ = look.tick() => {}
        }
        // What is cut off by a stop is no backup, and the next one uses what it wrote.
        let turn = tokio::select! {
            () = house.stop.cancelled() => return,
            turn = turn(&house) => turn,
        };
        if let Err(error) = turn {
            tracing::error!("sao lưu không thành / the backup failed: {error:#}");
        }
    }
}

/// Whether a backup is due: the hour has come today, and none was made since.
fn is_due(hour: u8, state: &State, now: Timestamp) -> bool {
    if state.failed_at.is_some_and(|at| now.since(Timestamp::from_millis(at)) < AGAIN) {
        return false;
    }
    let local = now.to_vietnam();
    let Ok(opens) = time::Time::from_hms(hour, 0, 0) else { return false };
    let today = Timestamp::from_datetime(local.replace_time(opens));
    let since = if local.time() >= opens { today } else { today.minus(DAY) };
    state.good_at.is_none_or(|at| at < since.millis())
}

/// Whether the newest backup is to be tried out.
fn is_test_due(days: u64, state: &State, now: Timestamp) -> bool {
    let since = |at: i64| now.since(Timestamp::from_millis(at));
    days > 0
        && state.good_at.is_some()
        && state.failed_at.is_none_or(|at| since(at) >= AGAIN)
        && state.tested_at.is_none_or(|at| since(at) >= Duration::from_secs(days.saturating_mul(86_400)))
}

async fn turn(house: &Arc<House>) -> anyhow::Result<()> {
    tell_metrics(house).await?;
    let settings = &house.config.backup;
    let state = read_state(house).await?;
    let now = house.now();
    let (makes, tests) = (is_due(settings.hour, &state, now), is_test_due(settings.test_days, &state, now));
    if !(makes || tests) || !lease(house).await? {
        return Ok(());
    }
    let to = house.config.backup_to();
    if makes {
        let made = async {
            let passphrase = super::passphrase(&house.config.backup_passphrase()?)?;
            create(house, &to, &passphrase, Some(settings.keep)).await
        };
        tell(house, made.await).await?;
    }
    if is_test_due(settings.test_days, &read_state(house).await?, house.now()) {
        let tried = async {
            let passphrase = super::passphrase(&house.config.backup_passphrase()?)?;
            try_out(house, &to, &passphrase, None).await
        };
        tell_tried(house, tried.await).await?;
    }
    tell_metrics(house).await
}

async fn tell_tried(house: &House, tried: anyhow::Result<String>) -> anyhow::Result<()> {
    house.metrics.backups.get_or_create(&Outcome { outcome: word(&tried, "tested") }).inc();
    match tried {
        Ok(id) => {
            tracing::info!(id, "phục hồi thử thành công / the newest backup was restored as a test");
            let at = house.now().millis();
            remember(house, ACTOR, Audit::BackupTested, &id, "", |state| state.tested_at = Some(at)).await
        }
        Err(error) => {
            failed(house, &error).await?;
            Err(error)
        }
    }
}

fn word<T>(outcome: &anyhow::Result<T>, good: &'static str) -> &'static str {
    if outcome.is_ok() { good } else { "failed" }
}

async fn tell(house: &House, made: anyhow::Result<Done>) -> anyhow::Result<()> {
    house.metrics.backups.get_or_create(&Outcome { outcome: word(&made, "made") }).inc();
    match made {
        Ok(done) => {
            tracing::info!(
                id = done.id,
                bytes = done.bytes_written,
                millis = done.millis,
                "đã sao lưu / a backup was made"
            );
            let detail = serde_json::to_string(&done)?;
            let (at, id) = (done.taken_at.millis(), done.id.clone());
            remember(house, ACTOR, Audit::BackupMade, &done.id, &detail, |state| {
                (state.good_at, state.good_id) = (Some(at), id);
            })
            .await
        }
        Err(error) => {
            failed(house, &error).await?;
            Err(error)
        }
    }
}

/// The stable code at the head of an error.
fn code_of(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    let code = text.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(code, _)| code);
    code.unwrap_or("backup-failed").chars().take(64).collect()
}

async fn failed(house: &House, error: &anyhow::Error) -> anyhow::Result<()> {
    let (at, code) = (house.now().millis(), code_of(error));
    let said = code.clone();
    remember(house, ACTOR, Audit::BackupFailed, &said, "", |state| {
        (state.failed_at, state.failed_code) = (Some(at), code);
    })
    .await
}

async fn lease(house: &House) -> anyhow::Result<bool> {
    let holder = format!("{}:{}", house.host, std::process::id());
    let taken = house.store.write("take the lease of backups", (holder, house.now()), |tx, (holder, now)| {
        Box::pin(async move { tx.take_lease("backup", holder, *now, LEASE).await })
    });
    taken.await.map_err(|error: store::Error| error.into())
}

/// Restores the newest backup into a scratch directory, looks at everything in it, and takes it away again; answers its name.
/// Whatever engine the house is on, the scratch is a file.
pub(crate) async fn try_out(
    house: &House,
    from: &Path,
    passphrase: &mail::Secret<String>,
    scratch: Option<&Path>,
) -> anyhow::Result<String> {
    let beside = from.join("restore-test");
    let scratch = scratch.unwrap_or(&beside);
    if scratch.exists() {
        std::fs::remove_dir_all(scratch).with_context(|| format!("cannot remove {}", scratch.display()))?;
    }
    let key = LogKey::read(house)?.verifier()?.parse()?;
    let wanted = Wanted {
        from,
        id: None,
        data: scratch,
        database: Some("sqlite"),
        passphrase,
        key: Some(&key),
        hold: false,
    };
    let restored = restore(&wanted, &*house.clock, house.chance.clone()).await?;
    let looked = examine(scratch, &key).await;
    std::fs::remove_dir_all(scratch).with_context(|| format!("cannot remove {}", scratch.display()))?;
    looked?;
    Ok(restored.id)
}

/// Counts everything again and opens every blob, as `congvan doctor --deep --all` does.
async fn examine(data: &Path, key: &certs::note::VerifierKey) -> anyhow::Result<()> {
    let config = Config::read(&data.join(super::files::CONFIGURATION))?;
    let other = House::open(config).await?;
    let mut found = Vec::new();
    let mut tell = |finding: store::doctor::Finding| found.push(finding.fault.code);
    other.store.examine(true, other.now(), &mut tell).await?;
    let verifier = LogVerifier(key.clone());
    let audit = Auditor::new(&other.store, &verifier).run().await?;
    found.extend(audit.findings.iter().map(|finding| finding.fault.code()));
    let writer = other.writer.clone();
    drop(other);
    writer.wait().await;
    found.sort_unstable();
    found.dedup();
    anyhow::ensure!(
        found.is_empty(),
        "[restore-test] bản phục hồi thử có lỗi / the restored house has findings: {}",
        found.join(", ")
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn a26_a_backup_is_due_once_a_day_from_its_hour_on_in_vietnam() {
        let at = |text: &str| Some(moment(text).millis());
        let rows = [
            // Never made: at once.
            (None, None, "2026-11-28T23:00:00+07:00", true),
            (at("2026-11-28T02:00:10+07:00"), None, "2026-11-28T23:00:00+07:00", false),
            (at("2026-11-28T02:00:10+07:00"), None, "2026-11-29T01:59:59+07:00", false),
            (at("2026-11-28T02:00:10+07:00"), None, "2026-11-29T02:00:00+07:00", true),
            // One made by hand in the afternoon does not stand for that of the night.
            (at("2026-11-28T15:00:00+07:00"), None, "2026-11-29T02:00:00+07:00", true),
            // One that failed is tried again, not at once.
            (
                at("2026-11-28T02:00:10+07:00"),
                at("2026-11-29T02:00:00+07:00"),
                "2026-11-29T02:10:00+07:00",
                false,
            ),
            (
                at("2026-11-28T02:00:10+07:00"),
                at("2026-11-29T02:00:00+07:00"),
                "2026-11-29T02:15:00+07:00",
                true,
            ),
        ];
        for (good_at, failed_at, now, expected) in rows {
            let state = State { good_at, failed_at, ..State::default() };
            assert_eq!(is_due(2, &state, moment(now)), expected, "{now}");
        }
    }

    #[test]
    fn a26_what_is_late_is_said() {
        let mut config = Config::default();
        let now = moment("2026-11-29T08:00:00+07:00");
        let codes = |config: &Config, state: &State| -> Vec<&str> {
            late(config, state, now).into_iter().map(|(code, ..)| code).collect()
        };
        assert!(codes(&config, &State::default()).is_empty(), "nobody asked for backups");
        config.backup.to = "/srv/backup".into();
        assert_eq!(codes(&config, &State::default()), ["backup-late", "backup-untested"]);
        let ago =
            |days: u64, seconds: u64| Some(now.minus(Duration::from_secs(days * 86_400 + seconds)).millis());
        let state = State { good_at: ago(1, 0), tested_at: ago(30, 0), ..State::default() };
        assert!(codes(&config, &state).is_empty());
        let state = State { good_at: ago(1, 3_601), tested_at: ago(32, 0), ..State::default() };
        assert_eq!(codes(&config, &state), ["backup-late", "backup-untested"]);
        config.backup.test_days = 0;
        assert_eq!(codes(&config, &state), ["backup-late"]);
    }

    #[test]
    fn the_code_of_an_error_is_at_its_head() {
        let error = anyhow::anyhow!("[backup-passphrase] sai").context("trong kho");
        assert_eq!(code_of(&error), "backup-passphrase");
        assert_eq!(code_of(&anyhow::anyhow!("đĩa đầy")), "backup-failed");
    }
}
