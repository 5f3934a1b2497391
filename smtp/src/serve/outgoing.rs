//! Carrying what waits in the outbox: what an attempt came to decides what is written, all of it in one transaction.

use std::sync::Arc;

use mail::envelope::{OutboundMail, OutboundRecipient};
use mail::{Domain, Timestamp};
use store::{Claimed, NewEmail, NewTrace};

use super::expand::of_list;
use super::payload::{delay_told, envelope_id, recipient_in, ret, reverse_path, to_json};
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
            priority: self.mail.priority,
        })
    }
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
                if self.here || !self.attempt.peer_reports {
                    plan.fates.push(self.fate(recipient, action, reply, None));
                }
            }
            Verdict::Refused(reply) => self.give_up(recipient, reply, plan),
            Verdict::Deferred(reply) => {
                let accepted_at = self.mail.starts_at();
                match self.schedule.next(accepted_at, self.now, self.attempts, self.jitter) {
                    Next::GiveUp => self.give_up(recipient, reply, plan),
                    Next::Again(at) => {
                        plan.tally.deferred += 1;
                        plan.error = reply.to_string();
                        plan.due_at = Some(at);
                        plan.progress.push(progress(recipient, reply, "queued"));
                        let is_late = self.now >= self.schedule.warn_at(accepted_at);
                        if is_late {
                            let until = self.schedule.give_up_at(accepted_at);
                            plan.fates.push(self.fate(recipient, Action::Delayed, reply, Some(until)));
                        }
                        plan.remaining.push(if is_late { delay_told(recipient) } else { recipient.clone() });
                    }
                }
            }
        }
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
        let message = message.map(|message| of_list(mail.list.as_ref(), message));
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
                let left = OutboundMail { recipients: plan.remaining, ..outgoing.mail.clone() };
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
