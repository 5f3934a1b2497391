//! Mail to an address that has moved (RULES M5): it goes on to the new one, and its sender is told, once in some days, as RFC 3834 asks of
//! programs that answer.

use mail::authentication::Verdict;
use mail::envelope::{OutboundMail, OutboundRecipient};
use mail::message::Facts;
use mail::{AccountId, Domain, EmailAddress, Findings, Timestamp};
use store::{Lane, Moved, MovedPlace, NewOutbox, OutboxKind, Sealed, Tx};

use super::payload::{lane, outbound, recipient_out, to_json};
use super::recipient::{Place, place};
use super::{Desk, Refusal};
use crate::dsn::{base64_lines, encoded_word, token};
use crate::envelope::{Envelope, ForwardPath, Recipient};

/// Moves that one sender is told of at once; whoever writes to more old addresses is told of the others next time.
const NOTICES_MAX: usize = 3;

/// A recipient whose address has moved.
pub(super) struct ToMoved {
    /// The recipient as it was given.
    pub(super) recipient: Recipient,
    /// Where it has moved to.
    pub(super) moved: Moved,
}

impl ToMoved {
    /// The domain of another system that it goes to, if it does.
    pub(super) fn elsewhere(&self) -> Option<&Domain> {
        match &self.moved.place {
            MovedPlace::Here(_) => None,
            MovedPlace::Elsewhere(domain) => Some(domain),
        }
    }
}

/// A notice to a sender, ready to be kept.
pub(super) struct Notice {
    owner: AccountId,
    moved: EmailAddress,
    to: EmailAddress,
    blob: Sealed,
    row: NewOutbox,
    again_after: Timestamp,
}

impl Notice {
    /// Enqueues it, unless its reader was told lately.
    pub(super) async fn write(&self, tx: &mut Tx, now: Timestamp) -> Result<(), store::Error> {
        let whom = (&self.moved, &self.to);
        if !tx.tell_of_move(self.owner, whom, self.again_after, now).await? {
            return Ok(());
        }
        tx.enqueue_with(&self.blob, std::slice::from_ref(&self.row), now).await
    }
}

/// Whether what is known of a message's way lets its reverse path be believed: nobody is told what they have not asked about.
fn may_be_from(findings: &Findings) -> bool {
    let is_false = |verdict| matches!(verdict, Verdict::Fail | Verdict::SoftFail);
    findings.auth.as_ref().is_none_or(|auth| !is_false(auth.dmarc) && !is_false(auth.spf))
}

impl Desk {
    /// The rows that carry a message on to addresses that have moved to other systems.
    pub(super) fn forward_rows(
        &self,
        moved: &[ToMoved],
        envelope: &Envelope,
        message: &[u8],
        blob: &Sealed,
        now: Timestamp,
    ) -> Result<Vec<NewOutbox>, Refusal> {
        let mut rows = Vec::new();
        for one in moved {
            let Some(domain) = one.elsewhere() else { continue };
            let old = recipient_out(&one.recipient, None, &self.host)?;
            // Reports speak of the address that the sender knows (RFC 3461 §5.2.7.1).
            let orcpt = old.orcpt.or_else(|| Some(format!("rfc822;{}", old.address)));
            let recipient = OutboundRecipient { address: one.moved.to.clone(), orcpt, ..old };
            let smtputf8 = envelope.smtputf8 || recipient.address.needs_smtputf8();
            let mail = outbound(envelope, message, vec![recipient]);
            let mail = OutboundMail { smtputf8, forwarded_by: Some(one.moved.from.clone()), ..mail };
            rows.push(NewOutbox {
                kind: OutboxKind::Mail,
                owner: blob.owner(),
                lane: lane(&mail),
                destination: domain.as_str().to_owned(),
                payload: to_json(&mail)?,
                blob_id: Some(blob.blob_id()),
                due_at: mail.not_before.map_or(now, |at| at.max(now)),
            });
        }
        Ok(rows)
    }

    /// What the sender of a message is told of the addresses in it that have moved: nothing when a program or a list wrote it, or
    /// nobody knows who did (RFC 3834 §2).
    pub(super) async fn notices(
        &self,
        moved: &[ToMoved],
        envelope: &Envelope,
        (message, facts, findings): (&[u8], &Facts, &Findings),
        now: Timestamp,
    ) -> Result<Vec<Notice>, Refusal> {
        let Some(sender) = envelope.reverse_path.mailbox() else { return Ok(Vec::new()) };
        if moved.is_empty() || findings.held().is_some() || !may_be_from(findings) {
            return Ok(Vec::new());
        }
        let mut notices = Vec::new();
        for one in moved.iter().take(NOTICES_MAX) {
            let own = [one.moved.from.clone()];
            if mail::auto_reply::addressed(message, facts, &findings.keywords, sender, &own).is_err() {
                continue;
            }
            let id = format!("{}{}", token(&envelope.id), notices.len());
            let text = text(&self.host, &id, sender, &one.moved, facts, now);
            notices.extend(self.notice(one.moved.owner, &one.moved.from, sender, text, now).await?);
        }
        Ok(notices)
    }

    /// A notice and the way it goes; `None` when nobody is at its end.
    async fn notice(
        &self,
        owner: AccountId,
        moved: &EmailAddress,
        to: &EmailAddress,
        text: String,
        now: Timestamp,
    ) -> Result<Option<Notice>, Refusal> {
        let input = (ForwardPath::Mailbox(to.clone()), self.host.clone());
        let found = self
            .store
            .read(input, move |tx, (path, host)| Box::pin(async move { place(tx, host, path, now).await }))
            .await;
        let plain = OutboundRecipient::plain(to.clone());
        let (kind, destination, recipient) = match found {
            Ok(Place::Here(account)) => {
                let recipient = OutboundRecipient::in_account(account.account_id, to.clone());
                (OutboxKind::Local, account.account_id.to_string(), recipient)
            }
            Ok(Place::Elsewhere(domain)) => (OutboxKind::Mail, domain.as_str().to_owned(), plain),
            // A list sends nothing itself; who has moved knows what that is.
            Ok(Place::List(_) | Place::Moved(_)) | Err(Refusal::Said(_)) => return Ok(None),
            Err(trouble) => return Err(trouble),
        };
        let blob = self.store.seal(owner, text.as_bytes(), now).await?;
        let mail = OutboundMail::from_the_house(recipient, now);
        let row = NewOutbox {
            kind,
            owner: owner.into(),
            lane: Lane::Normal,
            destination,
            payload: to_json(&mail)?,
            blob_id: Some(blob.blob_id()),
            due_at: now,
        };
        let again_after = now.minus(self.limits.told_again_after);
        Ok(Some(Notice { owner, moved: moved.clone(), to: to.clone(), blob, row, again_after }))
    }
}

/// The notice as a message (RFC 3834 §3), in both languages.
fn text(host: &Domain, id: &str, to: &EmailAddress, moved: &Moved, facts: &Facts, now: Timestamp) -> String {
    let (old, new) = (&moved.from, &moved.to);
    let until = moved.until.map(|until| until.to_rfc3339_vietnam()).unwrap_or_default();
    let until = until.get(..10).unwrap_or_default();
    let body = format!(
        "Địa chỉ {old} đã đổi thành {new}.\r\n\
         Thư của ông/bà đã được chuyển tới địa chỉ mới. Thư gửi tới địa chỉ cũ còn được chuyển đến hết ngày {until}; xin dùng địa chỉ mới \
         từ nay.\r\n\r\n\
         The address {old} has changed to {new}.\r\n\
         Your message has been passed on. Mail for the old address is passed on until {until}; please use the new one from now on.\r\n"
    );
    let about = facts.message_id.first().filter(|id| is_plain(id));
    let about = about.map(|id| format!("In-Reply-To: <{id}>\r\nReferences: <{id}>\r\n")).unwrap_or_default();
    format!(
        "From: {} <MAILER-DAEMON@{host}>\r\nTo: <{to}>\r\nSubject: {} (address changed)\r\nDate: {}\r\n\
         Message-ID: <{id}.moved@{host}>\r\n{about}Auto-Submitted: auto-replied\r\nX-Auto-Response-Suppress: All\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
        encoded_word("Hệ thống thư công vụ"),
        encoded_word("Địa chỉ đã đổi"),
        now.to_rfc5322(),
        base64_lines(body.as_bytes()),
    )
}

/// A message id that may stand in a header line.
fn is_plain(id: &str) -> bool {
    matches!(id.len(), 1..=500) && id.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>'))
}
