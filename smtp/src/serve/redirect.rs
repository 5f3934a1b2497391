//! Waiting mail that an operator sends another way: over another host, or to another address.

use mail::envelope::{OutboundMail, OutboundRecipient};
use mail::trace::{Event, Noted};
use mail::{AccountId, EmailAddress, Timestamp};
use store::{MovedPlace, NewTrace, OutboxKind, Readdressed};

use super::outgoing::Outgoing;
use super::payload::to_json;
use super::recipient::{Place, place};
use super::{Desk, Refusal};
use crate::codec::table;
use crate::envelope::ForwardPath;

/// Where waiting mail is sent instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirection {
    /// Over this host, `HOST:PORT`, to the same recipients. What is demanded of TLS on the way to their domain stays demanded. Mail for a
    /// mailbox of this house goes over no host.
    Via(String),
    /// To this address, in place of every recipient that waits; the first stays named as the original one (RFC 3461 §5.2.7.1).
    Address(EmailAddress),
}

/// A [`Redirection`] that leads somewhere.
#[derive(Clone, Debug)]
pub struct NewWay(Way);

#[derive(Clone, Debug)]
enum Way {
    Via(String),
    /// To an address, in an account of this house if it is one.
    To(EmailAddress, Option<AccountId>),
}

impl Desk {
    /// Looks where a redirection leads.
    ///
    /// # Errors
    /// The address leads to nobody, or to a list, whose copies are made when mail is taken in; or the store's trouble.
    pub async fn new_way(&self, to: &Redirection, now: Timestamp) -> Result<NewWay, Refusal> {
        let address = match to {
            Redirection::Via(via) => return Ok(NewWay(Way::Via(via.clone()))),
            Redirection::Address(address) => address,
        };
        let input = (ForwardPath::Mailbox(address.clone()), self.host.clone());
        let place = self
            .store
            .read(input, |tx, (path, host)| Box::pin(async move { place(tx, host, path, now).await }))
            .await?;
        match place {
            Place::Here(account) => Ok(NewWay(Way::To(address.clone(), Some(account.account_id)))),
            Place::Elsewhere(_) => Ok(NewWay(Way::To(address.clone(), None))),
            // Straight to where it is now.
            Place::Moved(moved) => match moved.place {
                MovedPlace::Here(account) => Ok(NewWay(Way::To(moved.to, Some(account.account_id)))),
                MovedPlace::Elsewhere(_) => Ok(NewWay(Way::To(moved.to, None))),
            },
            Place::List(_) => Err(table::NOT_FOR_LIST.into()),
        }
    }

    /// Sends mail under lease another way, in one transaction; the lease ends with it. `false` when the lease was lost.
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn redirect(
        &self,
        outgoing: &Outgoing,
        way: &NewWay,
        actor: &str,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        let readdressed = readdressed(&outgoing.mail, &way.0, now)?;
        let what = Noted { what: "redirected".to_owned(), by: actor.to_owned(), detail: String::new() };
        let trace = NewTrace {
            name: outgoing.mail.trace.clone(),
            owner: outgoing.claimed.owner,
            event: Event::Noted(what),
        };
        let input = (outgoing.claimed.clone(), outgoing.holder.clone(), readdressed, trace);
        self.store
            .write("redirect mail", input, move |tx, (claimed, holder, readdressed, trace)| {
                Box::pin(async move {
                    let held = tx.readdress_outbox(claimed, holder, readdressed).await?;
                    if held && !trace.name.is_empty() {
                        tx.trace(trace, now).await?;
                    }
                    Ok(held)
                })
            })
            .await
    }
}

fn readdressed(mail: &OutboundMail, way: &Way, now: Timestamp) -> Result<Readdressed, Refusal> {
    let (kind, destination, mail) = match way {
        Way::Via(via) => {
            (OutboxKind::Mail, via.clone(), OutboundMail { via: Some(via.clone()), ..mail.clone() })
        }
        Way::To(address, account) => {
            let (kind, destination) = match account {
                Some(account) => (OutboxKind::Local, account.to_string()),
                None => (OutboxKind::Mail, address.domain().as_str().to_owned()),
            };
            (kind, destination, to_address(mail, address, *account))
        }
    };
    // What its sender wants sent later still leaves later.
    let due_at = mail.not_before.map_or(now, |at| at.max(now));
    Ok(Readdressed { kind, destination, payload: to_json(&mail)?, due_at })
}

fn to_address(mail: &OutboundMail, address: &EmailAddress, account: Option<AccountId>) -> OutboundMail {
    let first = mail.recipients.first();
    let recipient = OutboundRecipient {
        address: address.clone(),
        // Several become one, who is told of as the first of them wished.
        notify: first.and_then(|first| first.notify),
        orcpt: first.map(original),
        local_account: account,
    };
    let smtputf8 = mail.smtputf8 || address.needs_smtputf8();
    OutboundMail { recipients: vec![recipient], via: None, smtputf8, ..mail.clone() }
}

/// The recipient as the sender first wrote it.
fn original(recipient: &OutboundRecipient) -> String {
    let kind = if recipient.address.needs_smtputf8() { "utf-8" } else { "rfc822" };
    recipient.orcpt.clone().unwrap_or_else(|| format!("{kind};{}", recipient.address))
}
