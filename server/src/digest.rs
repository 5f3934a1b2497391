//! What waits in the quarantine, told to whom it waits for (RULES M33): at most once in some hours, and only when something new does. It says
//! when and why, and from whom; never what is in it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use mail::envelope::{OutboundMail, OutboundRecipient};
use mail::letter::Releaser;
use mail::{AccountId, EmailAddress, OwnerId, Timestamp};
use store::{DigestDue, HeldMail, Lane, NewOutbox, OutboxKind};

use crate::house::House;

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
    let new: Vec<&HeldMail> = held.iter().filter(|mail| mail.held_at > due.told_until).collect();
    let message = message(house, &address, &new, now)?;
    let blob = house.store.seal(account_id, &message, now).await?;
    let recipient = OutboundRecipient::in_account(account_id, address);
    let row = NewOutbox {
        kind: OutboxKind::Local,
        owner: OwnerId::from(account_id),
        lane: Lane::Normal,
        destination: account_id.to_string(),
        payload: serde_json::to_string(&OutboundMail::from_the_house(recipient, now))?,
        blob_id: Some(blob.blob_id()),
        due_at: now,
    };
    let sent = house
        .store
        .write("tell what waits in the quarantine", (due.clone(), blob, row), move |tx, (due, blob, row)| {
            Box::pin(async move {
                // Whoever notes it first, tells it: once.
                if tx.note_digest(due, now).await? {
                    tx.put_blob(blob, now).await?;
                    tx.enqueue(row, now).await?;
                    tx.drop_blob(due.account_id, blob.blob_id(), now).await?;
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
        Releaser::Administrator => "quản trị quyết định / an administrator decides",
        Releaser::TwoPersons => "văn thư và lãnh đạo cùng quyết định / a clerk and a leader decide together",
    };
    let at = mail.held_at.to_rfc3339_vietnam();
    format!("{at}  {}  {vi} / {en}  ({who})\r\n", from.as_deref().unwrap_or("<>"))
}

/// The digest, in both languages.
fn message(
    house: &House,
    address: &EmailAddress,
    new: &[&HeldMail],
    now: Timestamp,
) -> anyhow::Result<Vec<u8>> {
    let count = new.len();
    let lines: String = new.iter().take(NAMED_MAX).map(|mail| line(mail)).collect();
    let days = house.config.scan.quarantine_days;
    let url = house.config.public_url();
    let text = format!(
        "Có {count} thư mới đang bị giữ lại, chờ xem xét:\r\n{count} new messages are held back and wait:\r\n\r\n{lines}\r\n\
         Mở mục \"Thư bị giữ\" tại {url}/ để cho thư đi tiếp, xóa, hoặc báo thư lừa đảo. Thư không được xem xét bị xóa sau {days} ngày.\r\n\
         Open \"Held mail\" at {url}/ to let them go, delete them, or report phishing. What nobody looks at is deleted after {days} days.\r\n"
    );
    let host = &house.host;
    let date = std::time::SystemTime::UNIX_EPOCH + Duration::from_millis(now.millis().unsigned_abs());
    let marker = HeaderName::new_from_ascii_str("Auto-Submitted");
    let message = lettre::Message::builder()
        .from(format!("Hệ thống thư công vụ <congvan@{host}>").parse().context("our own address")?)
        .to(address.to_string().parse().context("the holder's address")?)
        .subject(format!("{count} thư bị giữ lại / {count} messages held"))
        .date(date)
        .message_id(Some(format!("<{}.digest@{host}>", house.draw_token(16))))
        .raw_header(HeaderValue::new(marker, "auto-generated".to_owned()))
        .header(ContentType::TEXT_PLAIN)
        .body(text)?;
    Ok(message.formatted())
}
