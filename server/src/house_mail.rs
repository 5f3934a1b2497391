//! What the house writes to its own people by itself: warnings and digests, in both languages.

use std::time::{Duration, SystemTime};

use anyhow::Context;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use mail::envelope::{OutboundMail, OutboundRecipient};
use mail::{AccountId, EmailAddress, OwnerId, Timestamp};
use store::{Lane, NewOutbox, OutboxKind, Sealed};

use crate::house::House;

/// A message to an account: its bytes, and the row that delivers them. [`store::Tx::enqueue_with`] keeps both.
pub(crate) struct HouseMail {
    pub(crate) blob: Sealed,
    pub(crate) row: NewOutbox,
}

impl HouseMail {
    /// Writes it. `kind` is a word of its Message-ID; the subject and the text say everything twice, Vietnamese first.
    ///
    /// # Errors
    /// The store's trouble.
    pub(crate) async fn write(
        house: &House,
        (account_id, address): (AccountId, EmailAddress),
        kind: &str,
        (subject, text): (String, String),
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let host = &house.host;
        let marker = HeaderName::new_from_ascii_str("Auto-Submitted");
        let message = lettre::Message::builder()
            .from(format!("Hệ thống thư công vụ <congvan@{host}>").parse().context("our own address")?)
            .to(address.to_string().parse().context("the holder's address")?)
            .subject(subject)
            .date(SystemTime::UNIX_EPOCH + Duration::from_millis(now.millis().unsigned_abs()))
            .message_id(Some(format!("<{}.{kind}@{host}>", house.draw_token(16))))
            .raw_header(HeaderValue::new(marker, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(text)?;
        let blob = house.store.seal(account_id, &message.formatted(), now).await?;
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
        Ok(Self { blob, row })
    }
}
