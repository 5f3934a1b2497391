//! Fills the full-text index behind deliveries, so that a search finds it ready, and reads attachments for it: PDF, Office files and other
//! files with text, one at a time, within a time and a size.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mail::AccountId;
use registry::accept::Desk;
use registry::secrecy::{self, Hit};
use registry::set_aside::Mark;
use store::{Signal, UnreadFiles};
use tokio::sync::broadcast::error::RecvError;

use crate::house::House;

/// After the first news others follow: what arrives within this time is entered together, and a burst of deliveries has the disk for itself.
const GATHER: Duration = Duration::from_secs(1);
/// How often all accounts are looked through: for what other nodes delivered and what was left behind by a stop.
const EVERY: Duration = Duration::from_secs(300);
/// Accounts that are known to have news; with more, all are looked through.
const ACCOUNTS_MAX: usize = 10_000;
/// Accounts, and messages with attachments, asked for at a time.
const AT_ONCE: i64 = 50;
/// Bytes of text taken out of the attachments of one message.
const TEXT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Works until the house stops.
pub(crate) async fn run(house: Arc<House>, desk: Desk) {
    let mut news = house.store.signals();
    let mut look = tokio::time::interval(EVERY);
    let mut accounts = BTreeSet::new();
    loop {
        let mut all = false;
        tokio::select! {
            () = house.stop.cancelled() => return,
            _ = look.tick() => all = true,
            heard = news.recv() => match heard {
                Ok(Signal::Account(account_id)) => {
                    accounts.insert(account_id);
                    tokio::select! {
                        () = house.stop.cancelled() => return,
                        () = tokio::time::sleep(GATHER) => {}
                    }
                }
                Ok(_) => continue,
                Err(RecvError::Lagged(_)) => all = true,
                Err(RecvError::Closed) => return,
            }
        }
        while let Ok(signal) = news.try_recv() {
            if let Signal::Account(account_id) = signal {
                accounts.insert(account_id);
            }
        }
        if accounts.len() > ACCOUNTS_MAX {
            accounts.clear();
            all = true;
        }
        let known = std::mem::take(&mut accounts);
        let outcome = match all {
            true => all_accounts(&house).await,
            false => some_accounts(&house, known).await,
        };
        if let Err(error) = outcome {
            tracing::warn!("the full-text index could not be filled: {error}");
        }
        if let Err(error) = attachments(&house, &desk).await {
            tracing::warn!("attachments could not be read for the full-text index: {error}");
        }
    }
}

async fn some_accounts(
    house: &House,
    accounts: impl IntoIterator<Item = AccountId>,
) -> Result<(), store::Error> {
    for account_id in accounts {
        while !house.stop.is_cancelled() && !house.store.ready_search(account_id).await? {}
    }
    Ok(())
}

async fn all_accounts(house: &House) -> Result<(), store::Error> {
    let mut after = None;
    while !house.stop.is_cancelled() {
        let some = house
            .store
            .read(after, |tx, after| Box::pin(async move { tx.accounts_to_index(*after, AT_ONCE).await }))
            .await?;
        after = some.last().copied();
        if after.is_none() {
            return Ok(());
        }
        some_accounts(house, some).await?;
    }
    Ok(())
}

/// Reads the attachments that wait.
async fn attachments(house: &Arc<House>, desk: &Desk) -> Result<(), store::Error> {
    while !house.stop.is_cancelled() {
        let waiting = house.store.unread_files(AT_ONCE).await?;
        for unread in &waiting {
            let read = match house.config.search.attachments {
                true => read_files(house, unread).await?,
                false => Read::default(),
            };
            if let Some(mark) = &read.mark {
                set_aside(house, desk, unread, &read, mark).await?;
            }
            house.store.enter_files(*unread, &read.text).await?;
            if house.stop.is_cancelled() {
                return Ok(());
            }
        }
        if (waiting.len() as i64) < AT_ONCE {
            return Ok(());
        }
    }
    Ok(())
}

/// What was found in the attachments of a message.
#[derive(Default)]
struct Read {
    text: String,
    /// A mark of secrecy on one of their pages.
    mark: Option<Hit>,
    /// Of the message.
    sha256: [u8; 32],
}

/// A mark that was found after delivery: the mail goes into the quarantine (RULES R11).
async fn set_aside(
    house: &House,
    desk: &Desk,
    unread: &UnreadFiles,
    read: &Read,
    hit: &Hit,
) -> Result<(), store::Error> {
    let mark = Mark { detector: hit.detector.code().to_owned(), by: "indexer".to_owned() };
    let (account_id, blob_id) = (unread.account_id, unread.blob_id);
    match desk.set_mail_aside(account_id, blob_id, read.sha256, &mark, house.now()).await {
        Ok(true) => {
            tracing::error!(detector = mark.detector, account = %account_id, "a mail was set aside (R11)");
            Ok(())
        }
        Ok(false) => Ok(()),
        Err(_) => Err(store::Error::Unavailable("a mail could not be set aside".to_owned())),
    }
}

/// What the attachments of a message say. A file that cannot be read says nothing: nobody waits for it.
async fn read_files(house: &House, unread: &UnreadFiles) -> Result<Read, store::Error> {
    let raw = match house.store.read_blob(unread.account_id, unread.blob_id).await {
        Ok(Some(raw)) => raw,
        Ok(None) | Err(store::Error::Damaged(_)) => return Ok(Read::default()),
        Err(error) => return Err(error),
    };
    let limits = registry::Limits::default();
    let until = Instant::now() + Duration::from_secs(house.config.search.attachment_seconds);
    let bytes_max = house.config.search.attachment_bytes_max;
    let read = tokio::task::spawn_blocking(move || files_read(&raw, &limits, bytes_max, until));
    Ok(read.await.unwrap_or_else(|error| {
        // The name of a message is no name of a person.
        tracing::warn!(blob = %unread.blob_id, "reading attachments for the full-text index failed: {error}");
        Read::default()
    }))
}

fn files_read(raw: &[u8], limits: &registry::Limits, bytes_max: usize, until: Instant) -> Read {
    let go_on = || Instant::now() < until;
    let mail_limits = mail::message::Limits::default();
    let facts = mail::message::read(raw, &mail_limits);
    let (mut text, mut mark) = (String::new(), None);
    for part in facts.attachments.iter().filter_map(|id| facts.part(id)) {
        let is_small = usize::try_from(part.size).is_ok_and(|size| size <= bytes_max);
        // What is a text or a message was read with the message.
        let is_read = part.media_type.starts_with("text/") || part.media_type.starts_with("message/");
        if !go_on() || text.len() >= TEXT_BYTES_MAX {
            break;
        }
        if is_small && !is_read {
            let bytes = mail::message::part_bytes(raw, part);
            mark = mark.or_else(|| secrecy::in_every_page(&bytes, limits, &go_on));
            let found = registry::file_text(&bytes, limits, &go_on).unwrap_or_default();
            text.push_str(mail::text::clip(&found, TEXT_BYTES_MAX.saturating_sub(text.len())));
            text.push('\n');
        }
    }
    let digest = ring::digest::digest(&ring::digest::SHA256, raw);
    Read { text, mark, sha256: digest.as_ref().try_into().unwrap_or_default() }
}
