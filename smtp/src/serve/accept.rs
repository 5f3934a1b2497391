//! Taking a message in: one transaction, and then the promise.

use std::collections::{BTreeMap, HashSet};

use mail::envelope::OutboundRecipient;
use mail::message::Facts;
use mail::{AccountId, Domain, MailboxId, Timestamp};
use store::{Audit, Lane, MailboxRole, NewEmail, NewOutbox, OutboxKind, Sealed, Tx};

use super::payload::{outbound, recipient_out, to_json, with_return_path};
use super::recipient::{Place, has_room, place};
use super::sender::{may_say, may_send, signed_in};
use super::{Desk, Refusal};
use crate::codec::{Reply, table};
use crate::envelope::{Envelope, Notify, Recipient};
use crate::receive::{Arrived, Role};

/// Looks at what a message is about before anything of it is kept, and refuses it or not (RULES R7, R10).
pub type Screen<'a> = &'a (dyn Fn(&Facts) -> Option<Reply> + Sync);

/// Where each recipient's mail goes.
#[derive(Default)]
struct Places {
    /// Accounts of this house, each once, with the recipient that led there and whether the message fits.
    here: Vec<(AccountId, Recipient, bool)>,
    /// By destination domain.
    elsewhere: BTreeMap<Domain, Vec<Recipient>>,
    /// Recipients that were welcome at RCPT and no longer are: the sender gets a report about them.
    unwelcome: Vec<(Recipient, Reply)>,
}

/// Everything the accepting transaction writes.
struct Intake {
    bytes: Bytes,
    rows: Vec<NewOutbox>,
    owner: AccountId,
    actor: String,
    act: Audit,
    detail: String,
    now: Timestamp,
}

/// What keeps the message's bytes.
enum Bytes {
    /// A letter in an inbox; rows refer to it.
    Letter(Box<NewEmail>),
    /// Rows of the outbox alone.
    Rows(Box<Sealed>),
}

impl Desk {
    /// Keeps a message for everybody it is for; when this returns `Ok`, it survives a power cut and `250` may be said.
    ///
    /// # Errors
    /// What `screen` says, 5.7.1 when a submission's `From` is somebody else's, 4.2.2 when nobody has room, or the store's
    /// trouble. Then nothing of the message is kept.
    pub async fn accept(
        &self,
        role: Role,
        arrived: Arrived,
        screen: Screen<'_>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let Arrived { envelope, trace, message } = arrived;
        let message = [trace.into_bytes(), message].concat();
        let intake = match role {
            Role::Submission => self.submission(&envelope, message, screen, now).await?,
            Role::Mx | Role::Lmtp => self.delivery(role, &envelope, message, screen, now).await?,
        };
        self.store
            .write("accept mail", intake, |tx, intake| Box::pin(async move { keep(tx, intake).await }))
            .await?;
        // The transaction is committed: from here on a crash loses nothing, and `250` may be said.
        Ok(())
    }

    /// Mail from outside: into the first recipient's inbox, and rows for the others.
    async fn delivery(
        &self,
        role: Role,
        envelope: &Envelope,
        message: Vec<u8>,
        screen: Screen<'_>,
        now: Timestamp,
    ) -> Result<Intake, Refusal> {
        let message = with_return_path(&envelope.reverse_path, message);
        let facts = self.facts(&message, screen)?;
        let mut places = self.places(&envelope.recipients, message.len(), now).await?;
        // What was local at RCPT and is not any more cannot be relayed.
        for recipient in std::mem::take(&mut places.elsewhere).into_values().flatten() {
            places.unwelcome.push((recipient, table::NO_RELAY.reply()));
        }
        let (owner, direct) = first(&mut places)?;
        let blob = self.store.seal(owner, &message, now).await?;
        let rows = self.local_rows(envelope, &message, &places, &blob, owner, now)?;
        let bytes = match direct {
            true => {
                let mailbox_ids = vec![self.inbox(owner).await?];
                Bytes::Letter(Box::new(NewEmail {
                    account_id: owner,
                    blob,
                    facts,
                    mailbox_ids,
                    keywords: Vec::new(),
                    received_at: envelope.received_at,
                    ask_quota: true,
                }))
            }
            false => Bytes::Rows(Box::new(blob)),
        };
        let actor = if role == Role::Lmtp { "lmtp" } else { "smtp" }.to_owned();
        Ok(Intake { bytes, rows, owner, actor, act: Audit::MailReceived, detail: detail(envelope), now })
    }

    /// Mail from our own people: rows only. What they keep of it is their own business.
    async fn submission(
        &self,
        envelope: &Envelope,
        message: Vec<u8>,
        screen: Screen<'_>,
        now: Timestamp,
    ) -> Result<Intake, Refusal> {
        let owner = signed_in(&envelope.client)?;
        let facts = self.facts(&message, screen)?;
        let input = (owner, envelope.reverse_path.clone(), facts);
        self.store
            .read(input, |tx, (owner, path, facts)| {
                Box::pin(async move {
                    may_send(tx, *owner, path, now).await?;
                    may_say(tx, *owner, facts, now).await
                })
            })
            .await?;
        let places = self.places(&envelope.recipients, message.len(), now).await?;
        let blob = self.store.seal(owner, &message, now).await?;
        let mut rows = self.local_rows(envelope, &message, &places, &blob, owner, now)?;
        for (domain, recipients) in &places.elsewhere {
            let recipients = recipients.iter().map(|one| recipient_out(one, None, &self.host));
            let recipients = recipients.collect::<Result<Vec<_>, _>>()?;
            let destination = domain.as_str().to_owned();
            let payload = to_json(&outbound(envelope, &message, recipients))?;
            rows.push(row(OutboxKind::Mail, owner, destination, payload, &blob, now));
        }
        let (bytes, actor) = (Bytes::Rows(Box::new(blob)), owner.to_string());
        Ok(Intake { bytes, rows, owner, actor, act: Audit::MailSubmitted, detail: detail(envelope), now })
    }

    /// Reads a message once and has it looked at.
    fn facts(&self, message: &[u8], screen: Screen<'_>) -> Result<Facts, Refusal> {
        let facts = mail::message::read(message, &self.reading);
        match screen(&facts) {
            Some(reply) => Err(Refusal::Said(reply)),
            None => Ok(facts),
        }
    }

    async fn places(&self, recipients: &[Recipient], size: usize, now: Timestamp) -> Result<Places, Refusal> {
        let input = (recipients.to_vec(), self.host.clone());
        self.store
            .read(input, |tx, (recipients, host)| {
                Box::pin(async move {
                    let mut places = Places::default();
                    let mut seen = HashSet::new();
                    for recipient in recipients {
                        match place(tx, host, &recipient.path, now).await {
                            // Two addresses of one account: one message.
                            Ok(Place::Here(account)) if !seen.insert(account.account_id) => {}
                            Ok(Place::Here(account)) => {
                                let fits = has_room(&account, size);
                                places.here.push((account.account_id, recipient.clone(), fits));
                            }
                            Ok(Place::Elsewhere(domain)) => {
                                places.elsewhere.entry(domain).or_default().push(recipient.clone());
                            }
                            Err(Refusal::Said(reply)) => places.unwelcome.push((recipient.clone(), reply)),
                            Err(trouble) => return Err(trouble),
                        }
                    }
                    Ok(places)
                })
            })
            .await
    }

    /// The inbox of an account.
    pub(super) async fn inbox(&self, account_id: AccountId) -> Result<MailboxId, Refusal> {
        let inbox = self
            .store
            .read(account_id, |tx, account_id| {
                Box::pin(async move { tx.mailbox_with_role(*account_id, MailboxRole::Inbox).await })
            })
            .await?;
        inbox.map(|inbox| inbox.mailbox_id).ok_or(Refusal::Store(store::Error::NotFound("the inbox")))
    }

    /// One row for each local recipient: each is delivered in a transaction of its own. Those that are unwelcome by now get one
    /// too; whoever carries it finds that out again and tells the sender.
    fn local_rows(
        &self,
        envelope: &Envelope,
        message: &[u8],
        places: &Places,
        blob: &Sealed,
        owner: AccountId,
        now: Timestamp,
    ) -> Result<Vec<NewOutbox>, Refusal> {
        let here = places.here.iter().map(|(account_id, recipient, _)| (recipient, Some(*account_id)));
        let unwelcome = places.unwelcome.iter().map(|(recipient, _)| (recipient, None));
        here.chain(unwelcome)
            .map(|(recipient, account_id)| {
                let recipient: OutboundRecipient = recipient_out(recipient, account_id, &self.host)?;
                let destination = account_id.map_or_else(String::new, |id| id.to_string());
                let payload = to_json(&outbound(envelope, message, vec![recipient]))?;
                Ok(row(OutboxKind::Local, owner, destination, payload, blob, now))
            })
            .collect()
    }
}

/// The account whose key seals the message, and whether it lies in that inbox at once; then it is no longer among the places.
/// Who wants to hear of success (RFC 3461 §4.1) is served by the carrier, which writes such reports.
///
/// # Errors
/// What everybody is told when nobody has room or is welcome.
fn first(places: &mut Places) -> Result<(AccountId, bool), Refusal> {
    let wants_success =
        |recipient: &Recipient| matches!(recipient.notify, Some(Notify::On { success: true, .. }));
    let direct = places.here.iter().position(|(_, recipient, fits)| *fits && !wants_success(recipient));
    if let Some(direct) = direct {
        return Ok((places.here.remove(direct).0, true));
    }
    match (places.here.iter().find(|(.., fits)| *fits), places.here.is_empty()) {
        (Some((owner, ..)), _) => Ok((*owner, false)),
        (None, false) => Err(table::MAILBOX_FULL.into()),
        (None, true) => {
            let reply = places.unwelcome.pop().map_or(table::OUR_FAULT.reply(), |(_, reply)| reply);
            Err(Refusal::Said(reply))
        }
    }
}

fn row(
    kind: OutboxKind,
    owner: AccountId,
    destination: String,
    payload: String,
    blob: &Sealed,
    now: Timestamp,
) -> NewOutbox {
    NewOutbox {
        kind,
        owner: owner.into(),
        lane: Lane::Normal,
        destination,
        payload,
        blob_id: Some(blob.blob_id()),
        due_at: now,
    }
}

/// What the audit log says beside who and what: the id that the client was told.
fn detail(envelope: &Envelope) -> String {
    let recipients = envelope.recipients.len();
    serde_json::json!({ "session": envelope.id, "recipients": recipients }).to_string()
}

async fn keep(tx: &mut Tx, intake: &Intake) -> Result<(), store::Error> {
    let Intake { owner, now, act, .. } = *intake;
    let subject = match &intake.bytes {
        Bytes::Letter(email) => tx.add_email(email, now).await?.email_id.to_string(),
        Bytes::Rows(blob) => {
            // Held while the rows take their own references.
            tx.put_blob(blob, now).await?;
            blob.blob_id().to_string()
        }
    };
    for row in &intake.rows {
        tx.enqueue(row, now).await?;
    }
    if let Bytes::Rows(blob) = &intake.bytes {
        tx.drop_blob(owner, blob.blob_id(), now).await?;
    }
    tx.audit(owner, now, &intake.actor, act, &subject, &intake.detail).await
}
