//! Reports to senders: written here, sent to an inbox of this house or back to where the mail came from.

use std::future::Future;
use std::pin::Pin;

use mail::envelope::{OutboundMail, OutboundRecipient};
use mail::{Domain, Timestamp};
use store::{Lane, MovedPlace, NewEmail, NewOutbox, OutboxKind};

use super::outgoing::Outgoing;
use super::payload::{envelope_id, ret, reverse_path, to_json, with_return_path};
use super::recipient::{Place, place};
use super::record::Telling;
use super::{Desk, Refusal};
use crate::dsn::{self, Fate, Report};
use crate::envelope::{ForwardPath, ReversePath};

/// Signs what the house writes itself (DKIM, RFC 6376): reports, whose author is the house's postmaster.
pub trait Signs: Send + Sync {
    /// The fields to put before a message, with their line ends; empty when nobody signs for the author's domain. A report is due whether or
    /// not it can be signed, so there are no errors here.
    fn fields<'a>(
        &'a self,
        domain: &'a Domain,
        message: &'a [u8],
        now: Timestamp,
    ) -> Pin<Box<dyn Future<Output = String> + Send + 'a>>;
}

impl Desk {
    /// The report about these fates and the way it goes; `None` when nobody is to be told.
    pub(super) async fn telling(
        &self,
        outgoing: &Outgoing,
        fates: &[Fate],
        report_id: &str,
        now: Timestamp,
    ) -> Result<Option<Telling>, Refusal> {
        let mail = &outgoing.mail;
        let (to, envelope_id) = (reverse_path(mail), envelope_id(mail));
        let facts = dsn::Facts {
            host: &self.host,
            id: report_id,
            now,
            reverse_path: &to,
            envelope_id: envelope_id.as_ref(),
            ret: ret(mail),
            received_at: mail.received_at,
            deliver_by: mail.deliver_by.map(|by| by.at),
            message: outgoing.message.as_deref().unwrap_or_default(),
            fates,
            returned_bytes_max: self.limits.returned_bytes_max,
        };
        let Some(report) = dsn::build(&facts) else { return Ok(None) };
        let input = (ForwardPath::Mailbox(report.to.clone()), self.host.clone());
        let sender = self
            .store
            .read(input, |tx, (path, host)| Box::pin(async move { place(tx, host, path, now).await }))
            .await;
        match sender {
            Ok(Place::Here(account)) => self.to_inbox(account.account_id, report, now).await.map(Some),
            Ok(Place::Elsewhere(_)) => self.to_queue(outgoing, report, now).await.map(Some),
            Ok(Place::Moved(moved)) => match moved.place {
                MovedPlace::Here(account) => self.to_inbox(account.account_id, report, now).await.map(Some),
                MovedPlace::Elsewhere(_) => {
                    self.to_queue(outgoing, Report { to: moved.to, ..report }, now).await.map(Some)
                }
            },
            // The sender has an address of ours that no longer leads anywhere, or a list's, which sends nothing: there is nobody to tell.
            Ok(Place::List(_)) | Err(Refusal::Said(_)) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    async fn to_inbox(
        &self,
        account_id: mail::AccountId,
        report: Report,
        now: Timestamp,
    ) -> Result<Telling, Refusal> {
        let message = with_return_path(&ReversePath::Null, report.message);
        let facts = mail::message::read(&message, &self.reading);
        Ok(Telling::Inbox(Box::new(NewEmail {
            account_id,
            blob: self.store.seal(account_id, &message, now).await?,
            facts,
            mailbox_ids: vec![self.inbox(account_id).await?],
            keywords: Vec::new(),
            received_at: now,
            // Who fills a mailbox must still learn that mail was not delivered.
            ask_quota: false,
        })))
    }

    async fn to_queue(
        &self,
        outgoing: &Outgoing,
        report: Report,
        now: Timestamp,
    ) -> Result<Telling, Refusal> {
        let (owner, mail) = (outgoing.claimed.owner, &outgoing.mail);
        let fields = match &self.signer {
            Some(signer) => signer.fields(&self.host, &report.message, now).await,
            None => String::new(),
        };
        let message = [fields.into_bytes(), report.message].concat();
        let blob = self.store.seal(owner, &message, now).await?;
        let destination = report.to.domain().as_str().to_owned();
        let payload = OutboundMail {
            smtputf8: report.smtputf8,
            body_8bit: !message.is_ascii(),
            // RFC 8689 §5: what is told about such a mail travels as it did.
            require_tls: mail.require_tls,
            trace: mail.trace.clone(),
            ..OutboundMail::from_the_house(OutboundRecipient::plain(report.to), now)
        };
        let row = NewOutbox {
            kind: OutboxKind::Mail,
            owner,
            lane: Lane::Normal,
            destination,
            payload: to_json(&payload)?,
            blob_id: Some(blob.blob_id()),
            due_at: now,
        };
        Ok(Telling::Queue { blob: Box::new(blob), row: Box::new(row) })
    }
}
