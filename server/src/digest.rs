//! What waits in the quarantine, told to whom it waits for (RULES M33): at most once in some hours, and only when something new does. It says
//! when and why, and from whom; never what is in it.

use std::slice;
use std::sync::Arc;
use std::time::Duration;

use mail::envelope::OutboundMail;
use mail::letter::Releaser;
use mail::{AccountId, Timestamp};
use store::{DigestDue, HeldMail};

use crate::house::House;
use crate::house_mail::HouseMail;

/// Accounts told in one go.
const AT_ONCE: i64 = 200;
/// Mails named in one digest; the others are counted.
const NAMED_MAX: usize = 50;

/// Why a mail is held, as people are told.
const LABELS: [(&str, &str, &str); 5] = [
    ("spam", "nghi là thư rác", "suspected spam"),
    ("malware", "nghi có mã độc", "suspected malware"),
    ("macros", "tệp đính kèm có macro", "an attachment has macros"),
    ("encrypted_archive", "tệp nén có mật khẩu", "an encrypted archive"),
    ("opaque_archive", "tệp nén không đọc được", "an archive that cannot be read"),
];

/// Tells everybody for whom something new waits.
///
/// Errors: the store's trouble.
pub(crate) async fn tell_all(house: &Arc<House>) -> anyhow::Result<()> {
    let hours = house.config.scan.digest_hours;
    if hours == 0 {
        return Ok(());
    }
    let now = house.now();
    let again_after = now.minus(Duration::from_secs(hours.saturating_mul(3_600)));
    let mut after = AccountId::from_bytes([0; 16]);
    while !house.stop.is_cancelled() {
        let found = house.store.read((), move |tx, ()| {
            Box::pin(async move { tx.digests_due(again_after, after, AT_ONCE).await })
        });
        let found: store::Result<Vec<DigestDue>> = found.await;
        let found = found?;
        for due in &found {
            after = due.account_id;
            tell(house, due, now).await?;
        }
        if (found.len() as i64) < AT_ONCE {
            break;
        }
    }
    Ok(())
}

async fn tell(house: &House, due: &DigestDue, now: Timestamp) -> anyhow::Result<()> {
    let account_id = due.account_id;
    let read = house.store.read((), move |tx, ()| {
        Box::pin(async move {
            let address = tx.addresses(account_id).await?.into_iter().next().map(|first| first.address);
            Ok::<_, store::Error>((address, tx.held_mails_of(account_id, 1_000).await?))
        })
    });
    let (address, held) = read.await?;
    let Some(address) = address else { return Ok(()) };
    let new: Vec<&HeldMail> = held
        .iter()
        .filter(|mail| mail.held_at > due.told_until && mail.releaser != Releaser::TwoPersons)
        .collect();
    let words = words(&new, house.config.scan.quarantine_days);
    let digest = HouseMail::write(house, (account_id, address), "digest", words, now).await?;
    let sent = house
        .store
        .write("tell what waits in the quarantine", (due.clone(), digest), move |tx, (due, digest)| {
            Box::pin(async move {
                // Whoever notes it first, tells it: once.
                if tx.note_digest(due, now).await? {
                    tx.enqueue_with(&digest.blob, slice::from_ref(&digest.row), now).await?;
                }
                Ok::<_, store::Error>(())
            })
        })
        .await;
    Ok(sent?)
}

/// One line of the digest. Who wrote it stands in its envelope.
fn line(mail: &HeldMail) -> String {
    let envelope: Option<OutboundMail> = serde_json::from_str(&mail.payload).ok();
    let from = envelope.and_then(|envelope| envelope.reverse_path).map(|from| from.to_string());
    let known = LABELS.iter().find(|(reason, ..)| *reason == mail.reason);
    let (_, vi, en) = known.copied().unwrap_or(("", "chờ xem xét", "waits for a decision"));
    let who = match mail.releaser {
        Releaser::Person => "tự quyết định / yours to decide",
        // What takes two persons is not in a digest.
        Releaser::Administrator | Releaser::TwoPersons => "quản trị quyết định / an administrator decides",
    };
    let at = mail.held_at.to_rfc3339_vietnam();
    format!("{at}  {}  {vi} / {en}  ({who})\r\n", from.as_deref().unwrap_or("<>"))
}

/// Subject and text of the digest, in both languages.
fn words(new: &[&HeldMail], days: u64) -> (String, String) {
    let count = new.len();
    let lines: String = new.iter().take(NAMED_MAX).map(|mail| line(mail)).collect();
    let text = format!(
        "Có {count} thư mới đang bị giữ lại, chờ xem xét:\r\n{count} new messages are held back and wait:\r\n\r\n{lines}\r\n\
         Để cho thư đi tiếp, xóa hoặc báo thư lừa đảo: dùng chương trình thư có mục thư bị giữ (JMAP), hoặc đề nghị quản trị, nêu thời điểm ở \
         trên. Thư không được xem xét bị xóa sau {days} ngày.\r\n\
         To let one go, delete it or report phishing, use a mail program that shows held mail (JMAP), or ask your administrator, naming the \
         time above. What nobody looks at is deleted after {days} days.\r\n"
    );
    (format!("{count} thư bị giữ lại / {count} messages held"), text)
}
