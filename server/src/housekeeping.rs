//! What is done now and then, so that nothing only grows: uploads that nobody used go when they expire (RFC 8620 §6.1, and those
//! of our API), mail in the quarantine likewise, answers are given again for some days, and events can be read for some months; keys of recalled copies are
//! forgotten when their time has come (RULES R43); what was recorded of agencies for today is taken notice of (RULES R61); and days that are over are counted (RULES R53).

use std::sync::Arc;
use std::time::Duration;

use registry::accept::Desk;

use crate::house::House;

/// How often to look. Uploads live for hours; a minute more is nothing.
const EVERY: Duration = Duration::from_secs(60);
/// Uploads let go in one transaction.
const AT_ONCE: i64 = 200;

/// Works until the house stops.
pub(crate) async fn run(house: Arc<House>, desk: Desk) {
    let mut look = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = house.stop.cancelled() => return,
            _ = look.tick() => {}
        }
        for work in [
            Work::Uploads,
            Work::FileUploads,
            Work::Repeats,
            Work::Events,
            Work::SendingCounts,
            Work::Letters,
            Work::Names,
            Work::Traces,
            Work::Quarantine,
            Work::Vacations,
            Work::Pushes,
            Work::MailRefusals,
        ] {
            if let Err(error) = let_go(&house, work).await {
                tracing::warn!(?work, "what has expired could not be let go: {error}");
            }
        }
        if let Err(error) = crate::quota::warn_all(&house).await {
            tracing::warn!("holders of filling mailboxes could not be warned: {error:#}");
        }
        if let Err(error) = crate::digest::tell_all(&house).await {
            tracing::warn!("people could not be told what waits in the quarantine: {error:#}");
        }
        if let Err(error) = agencies_take_effect(&house).await {
            tracing::warn!("changes of agencies could not take effect in lists and searches: {error}");
        }
        if let Err(error) = registry::statistics::count_finished(&house.store, house.now()).await {
            tracing::warn!("days that are over could not be counted: {error}");
        }
        if let Err(error) = shred_recalled(&house, &desk).await {
            tracing::warn!("recalled copies could not be shredded: {error}");
        }
    }
}

/// What goes in its time.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// Uploads of mail clients.
    Uploads,
    /// Uploads to the API.
    FileUploads,
    /// Answers that were kept to be given again.
    Repeats,
    /// Events of the feed.
    Events,
    /// How much was sent in hours that no limit looks at any more.
    SendingCounts,
    /// Counts of letters.
    Letters,
    /// Names that were kept before names were folded: nothing of them goes, a folded form comes.
    Names,
    /// What happened to messages.
    Traces,
    /// Mail in the quarantine.
    Quarantine,
    /// Who was answered during absences.
    Vacations,
    /// Subscriptions to pushes that nobody prolonged.
    Pushes,
    /// Mails refused as state secrets that nobody released.
    MailRefusals,
}

/// Lets go what has expired, a transaction at a time, until nothing is left or the house stops.
async fn let_go(house: &House, work: Work) -> Result<(), store::Error> {
    let days = |days: u64| Duration::from_secs(days.saturating_mul(86_400));
    let api = &house.config.api;
    let (repeats, events) = (days(api.repeat_days), days(api.event_days));
    let letters = days(house.config.policy.record_days);
    let traces = days(house.config.mail.trace_days);
    let vacations = days(house.config.mail.vacation_days);
    let quarantine = days(house.config.scan.quarantine_days);
    while !house.stop.is_cancelled() {
        let now = house.now();
        let gone = house
            .store
            .write("let what has expired go", now, move |tx, now| {
                Box::pin(async move {
                    match work {
                        Work::Uploads => tx.expire_uploads(*now, AT_ONCE).await,
                        Work::FileUploads => tx.expire_file_uploads(*now, AT_ONCE).await,
                        Work::Repeats => tx.expire_repeats(now.minus(repeats), AT_ONCE, *now).await,
                        Work::Quarantine => tx.expire_quarantine(now.minus(quarantine), AT_ONCE, *now).await,
                        Work::Pushes => tx.expire_pushes(*now, AT_ONCE).await,
                        Work::MailRefusals => {
                            let gone = tx.forget_mail_secrecy_refusals(now.minus(letters), AT_ONCE).await?;
                            Ok(usize::try_from(gone).unwrap_or_default())
                        }
                        Work::Events => {
                            let gone = tx.drop_events(now.minus(events), AT_ONCE).await?;
                            Ok::<_, store::Error>(usize::try_from(gone).unwrap_or_default())
                        }
                        Work::SendingCounts => {
                            let gone = tx.forget_sending_counts(*now, AT_ONCE).await?;
                            Ok(usize::try_from(gone).unwrap_or_default())
                        }
                        Work::Letters => {
                            let gone = tx.drop_policy_letters(now.minus(letters), AT_ONCE).await?;
                            Ok(usize::try_from(gone).unwrap_or_default())
                        }
                        Work::Names => tx.fold_names(AT_ONCE).await,
                        Work::Vacations => {
                            let gone = tx.forget_vacations_told(now.minus(vacations), AT_ONCE).await?;
                            Ok(usize::try_from(gone).unwrap_or_default())
                        }
                        Work::Traces => {
                            let gone = tx.drop_traces(now.minus(traces), AT_ONCE).await?;
                            Ok(usize::try_from(gone).unwrap_or_default())
                        }
                    }
                })
            })
            .await?;
        if (gone as i64) < AT_ONCE {
            return Ok(());
        }
    }
    Ok(())
}

/// Lets what was recorded for a day that has come take its place in lists, the feed and the index.
async fn agencies_take_effect(house: &House) -> Result<(), store::Error> {
    while !house.stop.is_cancelled() {
        let now = house.now();
        let (_, due) =
            house.store.read((), |tx, ()| Box::pin(async move { tx.register_version().await })).await?;
        if due.is_none_or(|due| due > now) {
            return Ok(());
        }
        house
            .store
            .write("let agencies take effect", now, |tx, now| {
                Box::pin(async move { tx.agencies_take_effect(*now, AT_ONCE).await })
            })
            .await?;
    }
    Ok(())
}

/// Forgets the keys of cancelled copies that are due, a transaction at a time.
async fn shred_recalled(house: &House, desk: &Desk) -> Result<(), registry::Error> {
    while !house.stop.is_cancelled() {
        if desk.shred_due(house.now()).await? < Desk::shredded_at_once() {
            return Ok(());
        }
    }
    Ok(())
}
