//! What the trace is told (decision 0025): one event for each accepting and each settling transaction, and what was refused.

use std::sync::Mutex;

use mail::letter::Door;
use mail::message::Facts;
use mail::trace::{Arrival, CameTo, Connection, Destination, Event, Goes, Outcome, Settled};
use mail::{Domain, EmailAddress, Timestamp};
use store::NewTrace;

use super::outgoing::{Attempt, Outgoing, Plan};
use super::recipient::postmaster;
use super::record::Telling;
use super::{Desk, Refusal};
use crate::envelope::{Client, Envelope, ForwardPath, Recipient};
use crate::receive::Role;

/// Refusals that are traced in one second. Ours: each costs a commit, and whoever sends rubbish must not be able to buy them.
const REFUSALS_PER_SECOND: u32 = 50;

/// Counts what is traced in this second.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<(i64, u32)>);

impl Pace {
    fn has_room(&self, now: Timestamp) -> bool {
        let Ok(mut counted) = self.0.lock() else { return false };
        if counted.0 != now.secs() {
            *counted = (now.secs(), 0);
        }
        counted.1 += 1;
        counted.1 <= REFUSALS_PER_SECOND
    }
}

/// The door of a role.
pub(super) fn door(role: Role) -> Door {
    match role {
        Role::Mx => Door::Mx,
        Role::Lmtp => Door::Lmtp,
        Role::Submission => Door::Submission,
    }
}

/// What is remembered of a client.
pub fn connection(client: &Client) -> Connection {
    Connection {
        ip: client.ip,
        reverse_name: client.reverse_name.as_ref().map(ToString::to_string),
        name: client.name.as_ref().map(ToString::to_string),
        tls: client.tls.as_ref().map(|tls| format!("{} {}", tls.version, tls.cipher)),
    }
}

/// How a message came.
pub(super) fn arrival(role: Role, envelope: &Envelope, message: &[u8], facts: &Facts) -> Arrival {
    let client = &envelope.client;
    Arrival {
        door: door(role),
        peer: Some(connection(client)),
        from: envelope.reverse_path.mailbox().cloned(),
        account: client.signed_in_as.as_ref().and_then(|id| id.parse().ok()),
        size: message.len() as u64,
        message_id: facts.message_id.first().cloned(),
    }
}

/// The recipients by their addresses; the postmaster without a domain is named with ours.
pub(super) fn addresses<'r>(
    recipients: impl IntoIterator<Item = &'r Recipient>,
    host: &Domain,
) -> Vec<EmailAddress> {
    let address = |recipient: &Recipient| match &recipient.path {
        ForwardPath::Mailbox(address) => Some(address.clone()),
        ForwardPath::Postmaster => postmaster(host).ok(),
    };
    recipients.into_iter().take(mail::trace::RECIPIENTS_MAX).filter_map(address).collect()
}

/// One recipient, and the way the message goes to them.
pub(super) fn destination(
    recipient: &Recipient,
    host: &Domain,
    account: Option<mail::AccountId>,
    goes: Goes,
) -> Option<Destination> {
    let address = addresses([recipient], host).pop()?;
    Some(Destination { address, account, goes })
}

/// What an attempt came to, as it is remembered.
pub(super) fn settled(
    outgoing: &Outgoing,
    attempt: &Attempt,
    plan: &Plan,
    telling: Option<&Telling>,
) -> Event {
    let came_to = |word: &str| match word {
        "yes" => CameTo::Delivered,
        "unknown" => CameTo::Relayed,
        "queued" => CameTo::Deferred,
        _ => CameTo::Bounced,
    };
    // A plan has one line of progress for each recipient, in their order.
    let outcomes = outgoing.mail.recipients.iter().zip(&plan.progress).map(|(recipient, progress)| {
        Outcome::new(recipient.address.clone(), came_to(progress.delivered), &progress.smtp_reply)
    });
    Event::Settled(Settled {
        destination: outgoing.destination().to_owned(),
        attempt: outgoing.claimed.attempts,
        remote: attempt.remote.as_ref().map(ToString::to_string),
        is_report: outgoing.mail.reverse_path.is_none(),
        outcomes: outcomes.take(mail::trace::RECIPIENTS_MAX).collect(),
        taken_at: attempt.taken_at,
        next_at: plan.due_at,
        report: telling.map(|telling| match telling {
            Telling::Inbox(_) => Goes::Mailbox,
            Telling::Queue { .. } => Goes::Elsewhere,
        }),
    })
}

impl Desk {
    /// Remembers what was refused, in a transaction of its own: as well as may be, and no more often than so many times a second.
    pub async fn trace_refusal(&self, trace: NewTrace, now: Timestamp) {
        if !self.pace.has_room(now) {
            return;
        }
        let written: Result<(), Refusal> = self
            .store
            .write("trace a refusal", (trace, now), |tx, (trace, now)| {
                Box::pin(async move { Ok(tx.trace(trace, *now).await?) })
            })
            .await;
        // The refusal stands whether or not it is remembered.
        drop(written);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_rubbish_buys_few_commits() {
        let pace = Pace::default();
        let at = Timestamp::from_secs(9);
        let allowed = (0..1_000).filter(|_| pace.has_room(at)).count();
        assert_eq!(allowed, REFUSALS_PER_SECOND as usize);
        assert!(pace.has_room(Timestamp::from_secs(10)), "a new second");
    }
}
