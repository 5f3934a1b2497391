//! Warnings about filling mailboxes (RULES M31): one mail at each mark, and again only after the mailbox has been below it.

use std::slice;
use std::sync::Arc;

use directory::mail_policy::{self, Standing};
use mail::{AccountId, EmailAddress, Timestamp};
use store::Account;

use crate::house::House;
use crate::house_mail::HouseMail;

/// Accounts looked at in one go.
const AT_ONCE: i64 = 200;

/// Looks at every mailbox that fills up.
///
/// Errors: the store's trouble.
pub(crate) async fn warn_all(house: &Arc<House>) -> anyhow::Result<()> {
    let now = house.now();
    let loaded = house.store.read(now, |tx, now| Box::pin(async move { mail_policy::load(tx, *now).await }));
    let (_, book) = loaded.await?;
    let least = book.least_quota_percent();
    let mut after = AccountId::from_bytes([0; 16]);
    while !house.stop.is_cancelled() {
        let found = house.store.read((), move |tx, ()| {
            Box::pin(async move { tx.filling_accounts(least, after, AT_ONCE).await })
        });
        let found: store::Result<Vec<(Account, i64)>> = found.await;
        let found = found?;
        for (account, warned) in &found {
            after = account.account_id;
            let percents = book.rules_for(Standing::from(account), now).quota_warning.percents;
            let mark = mark(account.used_bytes, account.quota_bytes, &percents);
            if mark > *warned {
                warn(house, account, *warned, mark, now).await?;
            } else if mark < *warned {
                note(house, account.account_id, *warned, mark).await?;
            }
        }
        if (found.len() as i64) < AT_ONCE {
            break;
        }
    }
    Ok(())
}

/// The highest mark that a mailbox has reached; 0 is none.
fn mark(used: i64, quota: i64, percents: &[u8]) -> i64 {
    let used = i128::from(used) * 100;
    let reached = |percent: &&u8| used >= i128::from(quota) * i128::from(**percent);
    percents.iter().filter(reached).max().map_or(0, |percent| i64::from(*percent))
}

/// The mailbox has emptied: the next time counts again.
async fn note(house: &House, account: AccountId, was: i64, mark: i64) -> store::Result<()> {
    house
        .store
        .write("note that a mailbox emptied", (), move |tx, ()| {
            Box::pin(async move { tx.note_quota_warning(account, was, mark).await.map(drop) })
        })
        .await
}

async fn warn(house: &House, account: &Account, was: i64, mark: i64, now: Timestamp) -> anyhow::Result<()> {
    let account_id = account.account_id;
    let addresses =
        house.store.read((), move |tx, ()| Box::pin(async move { tx.addresses(account_id).await }));
    let addresses: store::Result<Vec<_>> = addresses.await;
    let Some(address) = addresses?.into_iter().next().map(|first| first.address) else { return Ok(()) };
    let words = words(account, &address, mark);
    let warning = HouseMail::write(house, (account_id, address), "quota", words, now).await?;
    let sent = house
        .store
        .write("warn of a full mailbox", warning, move |tx, warning| {
            Box::pin(async move {
                // Whoever notes it first, tells it: once.
                if tx.note_quota_warning(account_id, was, mark).await? {
                    tx.enqueue_with(&warning.blob, slice::from_ref(&warning.row), now).await?;
                }
                Ok::<_, store::Error>(())
            })
        })
        .await;
    Ok(sent?)
}

/// Subject and text of the warning, in both languages.
fn words(account: &Account, address: &EmailAddress, mark: i64) -> (String, String) {
    let mib = |bytes: i64| bytes.div_euclid(1024 * 1024);
    let (used, quota) = (mib(account.used_bytes), mib(account.quota_bytes));
    let text = format!(
        "Hộp thư {address} đã dùng {used} MiB trong {quota} MiB (từ {mark} %).\r\n\
         Hãy xóa bớt thư không cần lưu. Khi hộp thư đầy, thư đến sẽ bị hoãn lại rồi trả về người gửi.\r\n\r\n\
         Mailbox {address} holds {used} MiB of {quota} MiB ({mark} % or more).\r\n\
         Delete what need not be kept. Mail to a full mailbox is put off, and then returned.\r\n"
    );
    (format!("Hộp thư đã đầy từ {mark} % / Mailbox {mark} % full"), text)
}

#[cfg(test)]
mod tests {
    use super::mark;

    #[test]
    fn m31_the_highest_mark_that_was_reached() {
        let percents = [80, 90, 95];
        for (used, quota, reached) in [
            (0, 100, 0),
            (79, 100, 0),
            (80, 100, 80),
            (89, 100, 80),
            (94, 100, 90),
            (95, 100, 95),
            (200, 100, 95),
            (i64::MAX, i64::MAX, 95),
        ] {
            assert_eq!(mark(used, quota, &percents), reached, "{used} of {quota}");
        }
        assert_eq!(mark(100, 100, &[]), 0);
    }
}
