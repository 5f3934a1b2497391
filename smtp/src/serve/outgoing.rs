//! Carrying what waits in the outbox: what an attempt came to decides what is written, all of it in one transaction.

use std::sync::Arc;

use mail::envelope::{DeliverBy, OutboundMail, OutboundRecipient};
use mail::{Domain, EmailAddress, Timestamp};
use store::{Claimed, NewEmail, NewTrace};

use super::expand::of_list;
use super::payload::{
    delay_told, envelope_id, recipient_in, ret, reverse_path, to_json, without_return_path,
};
use super::record::{After, Progress, Settlement, record};
use super::traced;
use super::{Desk, Refusal};
use crate::codec::{Reply, table};
use crate::dsn::{Action, Fate};
use crate::retry::{Next, Schedule};
use crate::send::{Delivery, Verdict};

/// A row of the outbox under lease, opened: the envelope and the bytes.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub(super) claimed: Claimed,
    pub(super) holder: String,
    pub(super) mail: OutboundMail,
    /// `None` when the bytes are gone for good.
    pub(super) message: Option<Arc<[u8]>>,
}

impl Outgoing {
    /// Where to: a domain for mail that leaves the house.
    pub fn destination(&self) -> &str {
        &self.claimed.destination
    }

    /// The domain of its recipients; where to, unless an operator has sent it elsewhere.
    pub fn domain(&self) -> &str {
        match (&self.mail.via, self.mail.recipients.first()) {
            (Some(_), Some(recipient)) => recipient.address.domain().as_str(),
            _ => &self.claimed.destination,
        }
    }

    /// Where an operator has sent it, `HOST:PORT`.
    pub fn via(&self) -> Option<&str> {
        self.mail.via.as_deref()
    }

    /// How many recipients wait.
    pub fn recipients(&self) -> usize {
        self.mail.recipients.len()
    }

    /// The address of this house by which the message is passed on to others: a list's, or one that has moved. `None` for what its
    /// author sends.
    pub fn passed_on_by(&self) -> Option<&EmailAddress> {
        self.mail.list.as_ref().or(self.mail.forwarded_by.as_ref())
    }

    /// The message as it leaves; `None` when the bytes are gone.
    pub fn message(&self) -> Option<&[u8]> {
        self.message.as_deref()
    }

    /// Puts fields before the message, each with its line's end.
    pub fn put_before(&mut self, fields: &str) {
        if let Some(message) = &self.message {
            self.message = Some(Arc::from([fields.as_bytes(), message].concat()));
        }
    }

    /// What a conversation has to deliver; `None` when the bytes are gone, and then every recipient is to be refused with
    /// [`table::MESSAGE_GONE`].
    pub fn delivery(&self) -> Option<Delivery> {
        Some(Delivery {
            reverse_path: reverse_path(&self.mail),
            recipients: self.mail.recipients.iter().map(recipient_in).collect(),
            message: self.message.clone()?,
            smtputf8: self.mail.smtputf8,
            ret: ret(&self.mail),
            envelope_id: envelope_id(&self.mail),
            require_tls: self.mail.require_tls,
            binary: self.mail.binary,
            deliver_by: self.mail.deliver_by,
            tls_optional: !self.mail.require_tls && self.message.as_deref().is_some_and(need_not_be_safe),
            priority: self.mail.priority,
        })
    }

    /// The verdict of a mail whose time to deliver by is over, which is not offered to anybody any more (RFC 2852 §4.1).
    pub fn over(&self, now: Timestamp) -> Option<Verdict> {
        let by = self.mail.deliver_by.filter(|by| by.is_over(now));
        by.map(|_| Verdict::Refused(table::DELIVER_BY_IS_OVER.reply()))
    }
}

/// Whether a message says `TLS-Required: No`, once and nothing else (RFC 8689 §3).
fn need_not_be_safe(message: &[u8]) -> bool {
    let mut said = mail::fields::fields(message).filter(|field| field.is("TLS-Required"));
    let first = said.next().is_some_and(|field| field.text().eq_ignore_ascii_case("no"));
    first && said.next().is_none()
}

/// What an attempt at an [`Outgoing`] came to.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// One for each recipient, in order.
    pub verdicts: Vec<Verdict>,
    /// The host that gave them, unless they are our own.
    pub remote: Option<Domain>,
    /// Whether the peer reports successes itself (RFC 3461 §5.2.2).
    pub peer_reports: bool,
    /// Whether the peer keeps to the time to deliver by (RFC 2852 §4.1).
    pub keeps_time: bool,
    /// When a peer last said yes: the legal time of sending for those it took (RULES M36). It is before the commit.
    pub taken_at: Option<Timestamp>,
}

impl Attempt {
    /// The same verdict for everybody, by ourselves.
    pub fn same(outgoing: &Outgoing, verdict: &Verdict) -> Self {
        Self {
            verdicts: vec![verdict.clone(); outgoing.recipients()],
            remote: None,
            peer_reports: false,
            keeps_time: false,
            taken_at: None,
        }
    }
}

/// Randomness handed in for one settlement.
#[derive(Clone, Debug)]
pub struct Dice {
    /// Moves the next attempt; see [`Schedule::next`].
    pub jitter: u8,
    /// Names a report, should one be written: unique, not to be guessed, letters and digits.
    pub report_id: String,
}

/// How many recipients came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Handed over.
    pub delivered: usize,
    /// Tried again later.
    pub deferred: usize,
    /// Given up; the sender was told if there is one to tell.
    pub refused: usize,
}

/// What follows from an attempt, before anything is written.
pub(super) struct Plan {
    pub(super) fates: Vec<Fate>,
    pub(super) remaining: Vec<OutboundRecipient>,
    pub(super) due_at: Option<Timestamp>,
    pub(super) progress: Vec<Progress>,
    pub(super) tally: Tally,
    /// The words of the last deferral.
    pub(super) error: String,
    /// The sender hears that the time to deliver by is over (RFC 2852 §4.1).
    pub(super) tells_late: bool,
}

/// What a plan is made from.
pub(super) struct Case<'a> {
    pub(super) schedule: &'a Schedule,
    pub(super) mail: &'a OutboundMail,
    pub(super) attempts: u32,
    pub(super) attempt: &'a Attempt,
    /// Whether delivered means: in a mailbox of this house.
    pub(super) here: bool,
    pub(super) now: Timestamp,
    pub(super) jitter: u8,
}

impl Case<'_> {
    pub(super) fn plan(&self) -> Plan {
        let mut plan = Plan {
            fates: Vec::new(),
            remaining: Vec::new(),
            due_at: None,
            progress: Vec::new(),
            tally: Tally::default(),
            error: String::new(),
            tells_late: false,
        };
        // A recipient without a verdict was not served: later is always safe.
        let unserved = Verdict::Deferred(table::PEER_NONSENSE.reply());
        for (n, recipient) in self.mail.recipients.iter().enumerate() {
            let verdict = self.attempt.verdicts.get(n).unwrap_or(&unserved);
            self.judge(recipient, verdict, &mut plan);
        }
        plan
    }

    fn judge(&self, recipient: &OutboundRecipient, verdict: &Verdict, plan: &mut Plan) {
        match verdict {
            Verdict::Delivered(reply) => {
                plan.tally.delivered += 1;
                // RFC 8621 §7: handed to another system says nothing about the mailbox there.
                let delivered = if self.here { "yes" } else { "unknown" };
                plan.progress.push(progress(recipient, reply, delivered));
                let action = if self.here { Action::Delivered } else { Action::Relayed };
                let is_demanded = !self.here && self.relaying_is_told();
                if self.here || !self.attempt.peer_reports || is_demanded {
                    plan.fates.push(Fate { is_demanded, ..self.fate(recipient, action, reply, None) });
                }
            }
            Verdict::Refused(reply) => self.give_up(recipient, reply, plan),
            Verdict::Deferred(_) if self.mail.deliver_by.is_some_and(|by| by.is_over(self.now)) => {
                self.give_up(recipient, &table::DELIVER_BY_IS_OVER.reply(), plan);
            }
            Verdict::Deferred(reply) => {
                let accepted_at = self.mail.starts_at();
                match self.schedule.next(accepted_at, self.now, self.attempts, self.jitter) {
                    Next::GiveUp => self.give_up(recipient, reply, plan),
                    Next::Again(at) => {
                        plan.tally.deferred += 1;
                        plan.error = reply.to_string();
                        // Whoever is to hear of it at a moment is looked at then.
                        let wakes_at = self.mail.deliver_by.and_then(|by| by.wakes_at(self.now));
                        plan.due_at = Some(wakes_at.map_or(at, |wakes_at| at.min(wakes_at)));
                        plan.progress.push(progress(recipient, reply, "queued"));
                        let is_late = self.now >= self.schedule.warn_at(accepted_at);
                        // Late by what its sender said, which it hears once, whatever else it has heard.
                        let is_demanded =
                            self.mail.deliver_by.is_some_and(|by| by.is_late(self.now) && !by.told);
                        plan.tells_late |= is_demanded;
                        if is_late || is_demanded {
                            let until = self.schedule.give_up_at(accepted_at);
                            let fate = self.fate(recipient, Action::Delayed, reply, Some(until));
                            plan.fates.push(Fate { is_demanded, ..fate });
                        }
                        plan.remaining.push(if is_late { delay_told(recipient) } else { recipient.clone() });
                    }
                }
            }
        }
    }

    /// Hand-overs that are traced, and those to a host that keeps no time (RFC 2852 §4.1).
    fn relaying_is_told(&self) -> bool {
        self.mail.deliver_by.is_some_and(|by| by.trace || !self.attempt.keeps_time)
    }

    fn give_up(&self, recipient: &OutboundRecipient, reply: &Reply, plan: &mut Plan) {
        plan.tally.refused += 1;
        plan.progress.push(progress(recipient, reply, "no"));
        plan.fates.push(self.fate(recipient, Action::Failed, reply, None));
    }

    fn fate(
        &self,
        recipient: &OutboundRecipient,
        action: Action,
        reply: &Reply,
        retry_until: Option<Timestamp>,
    ) -> Fate {
        Fate {
            recipient: recipient_in(recipient),
            action,
            reply: reply.clone(),
            remote: self.attempt.remote.clone(),
            last_attempt: self.now,
            retry_until,
            is_demanded: false,
        }
    }
}

fn progress(recipient: &OutboundRecipient, reply: &Reply, delivered: &'static str) -> Progress {
    let original = recipient.orcpt.as_deref().and_then(|text| text.split_once(';'));
    Progress {
        address: recipient.address.to_string(),
        original: original.map(|(_, address)| address.to_owned()),
        smtp_reply: reply.to_string(),
        delivered,
    }
}

impl Desk {
    /// Opens a row under lease: reads its envelope and its bytes.
    ///
    /// # Errors
    /// The store's trouble, [`store::Error::Damaged`] when the row is none that we wrote. The lease then runs out and the row
    /// stays.
    pub async fn open(&self, claimed: Claimed, holder: &str) -> Result<Outgoing, Refusal> {
        let mail: OutboundMail = serde_json::from_str(&claimed.payload)
            .map_err(|_| store::Error::Damaged("the payload of a mail in the outbox"))?;
        let message = match claimed.blob_id {
            Some(blob_id) => self.store.read_blob(claimed.owner, blob_id).await?,
            None => None,
        };
        let message = message.map(|message| match mail.forwarded_by {
            Some(_) => without_return_path(message),
            None => of_list(mail.list.as_ref(), message),
        });
        Ok(Outgoing { claimed, holder: holder.to_owned(), mail, message: message.map(Arc::from) })
    }

    /// Writes down what an attempt came to, in one transaction: the row goes or waits, reports are on their way, the submission
    /// knows. `None` when the lease was lost and somebody else has carried the row meanwhile; then nothing is written.
    ///
    /// # Errors
    /// The store's trouble; nothing is written, and the row is carried again when its lease has run out. For a mail that a
    /// peer has taken, twice is better than never.
    pub async fn settle(
        &self,
        outgoing: &Outgoing,
        attempt: &Attempt,
        dice: &Dice,
        now: Timestamp,
    ) -> Result<Option<Tally>, Refusal> {
        self.settle_with(outgoing, attempt, None, dice, now).await
    }

    /// As [`Desk::settle`], with a letter for a mailbox of this house.
    pub(super) async fn settle_with(
        &self,
        outgoing: &Outgoing,
        attempt: &Attempt,
        letter: Option<NewEmail>,
        dice: &Dice,
        now: Timestamp,
    ) -> Result<Option<Tally>, Refusal> {
        let case = Case {
            schedule: &self.schedule,
            mail: &outgoing.mail,
            attempts: u32::try_from(outgoing.claimed.attempts).unwrap_or(u32::MAX),
            attempt,
            here: letter.is_some(),
            now,
            jitter: dice.jitter,
        };
        let plan = case.plan();
        let telling = self.telling(outgoing, &plan.fates, &dice.report_id, now).await?;
        let trace = NewTrace {
            name: outgoing.mail.trace.clone(),
            owner: letter.as_ref().map_or(outgoing.claimed.owner, |letter| letter.account_id.into()),
            event: traced::settled(outgoing, attempt, &plan, telling.as_ref()),
        };
        let after = match plan.due_at {
            None => After::Done,
            Some(due_at) => {
                let told = |by: DeliverBy| DeliverBy { told: by.told || plan.tells_late, ..by };
                let left = OutboundMail {
                    recipients: plan.remaining,
                    deliver_by: outgoing.mail.deliver_by.map(told),
                    ..outgoing.mail.clone()
                };
                After::Again { payload: to_json(&left)?, due_at, error: plan.error }
            }
        };
        let settlement = Settlement {
            claimed: outgoing.claimed.clone(),
            holder: outgoing.holder.clone(),
            after,
            letter,
            reverse_path: outgoing.mail.reverse_path.clone(),
            telling,
            tally: plan.tally,
            submission: outgoing.mail.submission,
            progress: plan.progress,
            taken_at: attempt.taken_at,
            trace,
            now,
        };
        let held = self
            .store
            .write("settle mail", settlement, |tx, settlement| {
                Box::pin(async move { record(tx, settlement).await })
            })
            .await?;
        Ok(held.then_some(plan.tally))
    }
}

#[cfg(test)]
#[path = "outgoing_tests.rs"]
mod tests;
