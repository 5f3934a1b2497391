//! Mail for a further account of this house: out of the outbox and into its inbox, in one transaction.

use std::sync::Arc;

use mail::Timestamp;
use mail::envelope::{OutboundMail, OutboundRecipient};
use store::{AccountState, MovedPlace, NewEmail, NewOutbox, OutboxKind, Resolved};

use super::outgoing::{Attempt, Dice, Outgoing, Tally};
use super::payload::{lane, reverse_path, to_json, with_return_path};
use super::recipient::{Place, closed, place};
use super::{Desk, Refusal, reply_to};
use crate::codec::{Reply, table};
use crate::envelope::ForwardPath;
use crate::send::Verdict;

impl Desk {
    /// Delivers a row of kind `local`: exactly once, however often it is tried. `None` when the lease was lost.
    ///
    /// # Errors
    /// The store's passing trouble; nothing is written, and the row is carried again when its lease has run out.
    pub async fn deliver_here(
        &self,
        outgoing: &Outgoing,
        dice: &Dice,
        now: Timestamp,
    ) -> Result<Option<Tally>, Refusal> {
        if let Some(list) = &outgoing.mail.to_list {
            return self.expand_released(outgoing, list, dice, now).await;
        }
        let [recipient] = outgoing.mail.recipients.as_slice() else {
            return self.split(outgoing, now).await;
        };
        let letter = match &outgoing.message {
            Some(message) => self.letter(outgoing, recipient, message, now).await,
            None => Err(table::MESSAGE_GONE.into()),
        };
        let delivered = match letter {
            Ok(letter) => {
                let attempt = Attempt::same(outgoing, &Verdict::Delivered(table::STORED.reply()));
                self.settle_with(outgoing, &attempt, Some(letter), dice, now).await
            }
            Err(refusal) => Err(refusal),
        };
        let verdict = match delivered {
            Ok(tally) => return Ok(tally),
            Err(Refusal::Store(error)) if error.is_temporary() => return Err(Refusal::Store(error)),
            // Full, or something an operator has to mend: the sender hears of it if nobody does in time.
            Err(Refusal::Store(error)) => Verdict::Deferred(reply_to(&error)),
            Err(Refusal::Said(reply)) => judged(reply),
        };
        self.settle(outgoing, &Attempt::same(outgoing, &verdict), dice, now).await
    }

    /// The message for one account.
    async fn letter(
        &self,
        outgoing: &Outgoing,
        recipient: &OutboundRecipient,
        message: &Arc<[u8]>,
        now: Timestamp,
    ) -> Result<NewEmail, Refusal> {
        let input = (recipient.clone(), self.host.clone());
        let account_id = self
            .store
            .read(input, |tx, (recipient, host)| {
                Box::pin(async move {
                    if let Some(account_id) = recipient.local_account {
                        let account = tx.account(account_id).await?;
                        return match account {
                            Some(account) if account.state != AccountState::Closed => Ok(account_id),
                            _ => Err(match tx.resolve_closed(account_id, None, now).await? {
                                Resolved::Closed(office) => closed(office.as_ref()),
                                _ => table::NO_SUCH_MAILBOX.into(),
                            }),
                        };
                    }
                    let path = ForwardPath::Mailbox(recipient.address.clone());
                    match place(tx, host, &path, now).await? {
                        Place::Here(account) => Ok(account.account_id),
                        Place::Moved(moved) => match moved.place {
                            MovedPlace::Here(account) => Ok(account.account_id),
                            MovedPlace::Elsewhere(_) => Err(Refusal::from(table::NO_RELAY)),
                        },
                        Place::Elsewhere(_) => Err(Refusal::from(table::NO_RELAY)),
                        // Its sender was not welcome when the message was taken in.
                        Place::List(_) => Err(table::NOT_FOR_LIST.into()),
                    }
                })
            })
            .await?;
        let message = with_return_path(&reverse_path(&outgoing.mail), message.to_vec());
        let facts = mail::message::read(&message, &self.reading);
        Ok(NewEmail {
            account_id,
            blob: self.store.seal(account_id, &message, now).await?,
            facts,
            mailbox_ids: vec![self.arrives_in(account_id, &outgoing.mail.keywords).await?],
            keywords: outgoing.mail.keywords.clone(),
            // A mail that was held back arrives when it is let go.
            received_at: outgoing.mail.starts_at(),
            ask_quota: true,
        })
    }

    /// A row for several recipients becomes a row for each, so that no transaction touches two mailboxes.
    async fn split(&self, outgoing: &Outgoing, now: Timestamp) -> Result<Option<Tally>, Refusal> {
        let one = |recipient: &OutboundRecipient| {
            let mail = OutboundMail { recipients: vec![recipient.clone()], ..outgoing.mail.clone() };
            let destination = recipient.local_account.map_or_else(String::new, |id| id.to_string());
            Ok(NewOutbox {
                kind: OutboxKind::Local,
                owner: outgoing.claimed.owner,
                lane: lane(&mail),
                destination,
                payload: to_json(&mail)?,
                blob_id: outgoing.claimed.blob_id,
                due_at: now,
            })
        };
        let rows = outgoing.mail.recipients.iter().map(one).collect::<Result<Vec<_>, Refusal>>()?;
        let input = (rows, outgoing.claimed.clone(), outgoing.holder.clone());
        let split = self
            .store
            .write("split local mail", input, move |tx, (rows, claimed, holder)| {
                Box::pin(async move {
                    for row in rows {
                        tx.enqueue(row, now).await?;
                    }
                    match tx.finish_outbox(claimed, holder, now).await? {
                        true => Ok(()),
                        // Takes the new rows back.
                        false => Err(store::Error::Conflict("the lease was lost".to_owned())),
                    }
                })
            })
            .await;
        match split {
            Ok(()) => Ok(Some(Tally::default())),
            Err(store::Error::Conflict(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// By the reply's class: only what is permanent is final.
fn judged(reply: Reply) -> Verdict {
    match reply.is_permanent() {
        true => Verdict::Refused(reply),
        false => Verdict::Deferred(reply),
    }
}
