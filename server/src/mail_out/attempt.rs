//! One attempt at a mail: the hosts of its destination, one after the other.

use std::net::IpAddr;
use std::time::Duration;

use mail::{Domain, Timestamp};
use smtp::Error;
use smtp::codec::table;
use smtp::send::{Delivery, Demand, Outcome, Session, Terms, TlsPolicy, Verdict};
use smtp::serve::{Attempt, Outgoing};
use tokio::net::TcpStream;

use super::Carrier;
use super::conversation::Conversation;
use crate::tls_policy;
use crate::where_to::Target;
use crate::wire::Wire;

/// How long one attempt may take, all hosts together; the final dot alone may take ten minutes (RFC 5321 §4.5.3.2.6).
const ATTEMPT: Duration = Duration::from_secs(14 * 60);
/// How long a connection may take to stand.
const CONNECT: Duration = Duration::from_secs(30);

/// What an attempt found out about a destination as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing: no host was asked.
    Unknown,
    /// No host answered.
    None,
    /// A host answered, whatever it said.
    Some,
}

impl Answer {
    /// After one more host that did not answer.
    fn or_none(self) -> Self {
        if self == Self::Some { self } else { Self::None }
    }
}

/// What an attempt comes to where nobody answers.
pub(super) fn no_answer(outgoing: &Outgoing) -> Attempt {
    Attempt::same(outgoing, &Verdict::Deferred(table::NO_ANSWER.reply()))
}

impl Carrier {
    /// Offers a mail to the hosts of its destination, one after the other, until each recipient has a verdict that is not the
    /// fault of a connection.
    pub(super) async fn attempt(&self, outgoing: &Outgoing) -> (Attempt, Answer, Option<Conversation>) {
        let Some(delivery) = outgoing.delivery() else {
            let gone = Verdict::Refused(table::MESSAGE_GONE.reply());
            return (Attempt::same(outgoing, &gone), Answer::Unknown, None);
        };
        let targets = match self.finder.find(outgoing.destination()).await {
            Ok(targets) => targets,
            Err(verdict) => return (Attempt::same(outgoing, &verdict), Answer::Unknown, None),
        };
        let give_up_at = self.house.now().plus(ATTEMPT);
        let mut attempt = no_answer(outgoing);
        attempt.peer_reports = true;
        let mut waiting: Vec<usize> = (0..outgoing.recipients()).collect();
        let (mut conversation, mut answer) = (None, Answer::Unknown);
        let (hosts, mut unwilling) = (targets.len(), 0);
        for target in targets {
            if waiting.is_empty() || self.house.now() >= give_up_at {
                break;
            }
            let part = Delivery {
                recipients: waiting.iter().filter_map(|n| delivery.recipients.get(*n)).cloned().collect(),
                ..delivery.clone()
            };
            let Some((outcome, stands)) = self.offer(&target, part, give_up_at).await else {
                answer = answer.or_none();
                continue;
            };
            answer = Answer::Some;
            attempt.remote = host_name(&target.host);
            waiting = take_verdicts(&mut attempt, &waiting, &outcome);
            conversation = stands;
            unwilling += usize::from(outcome.fault == Some(Error::NoRequireTls));
            if outcome.fault.is_none() {
                break;
            }
        }
        if unwilling == hosts {
            // Nobody there promises TLS, and waiting changes nothing (RFC 8689 §4.2.1).
            refuse_for_good(&mut attempt);
        }
        (attempt, answer, conversation)
    }

    /// Offers a mail to one host; `None` when it does not even answer. A peer whose TLS is broken gets the mail in the
    /// clear when policy lets it (RFC 7435 §1.2).
    async fn offer(
        &self,
        target: &Target,
        delivery: Delivery,
        give_up_at: Timestamp,
    ) -> Option<(Outcome, Option<Conversation>)> {
        // Where a mail's own demand joins what the way has to be anyway.
        let demand = target.way.demand.clone().joined(delivery.require_tls, &target.host);
        let first = self.converse(target, delivery.clone(), &demand, give_up_at).await?;
        let tls_is_broken = first.0.fault == Some(Error::NoTls);
        if !tls_is_broken || demand.tls() != TlsPolicy::Opportunistic {
            return Some(first);
        }
        let in_the_clear = Demand::house(TlsPolicy::None);
        self.converse(target, delivery, &in_the_clear, give_up_at).await.or(Some(first))
    }

    async fn converse(
        &self,
        target: &Target,
        delivery: Delivery,
        demand: &Demand,
        give_up_at: Timestamp,
    ) -> Option<(Outcome, Option<Conversation>)> {
        let (tls, seen) = self
            .policies
            .client(demand)
            .inspect_err(|error| tracing::error!("no TLS to a mail host: {error:#}"))
            .ok()?;
        let stream = match tokio::time::timeout(CONNECT, TcpStream::connect(target.address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(_)) | Err(_) => return None,
        };
        let _ = stream.set_nodelay(true);
        let terms =
            Terms { name: self.name.clone(), tls: demand.tls(), implicit_tls: false, credentials: None };
        let now = self.house.now();
        let mut session = Session::new(now, terms, self.limits.clone());
        session.deliver(now, delivery);
        let mut conversation = Conversation {
            house: self.house.clone(),
            tls,
            seen,
            handshake: None,
            host: target.host.clone(),
            wire: Wire::Plain(stream),
            session,
            wake: None,
            give_up_at,
        };
        let outcome = conversation.run().await?;
        let failed = tls_policy::not_offered(demand, outcome.fault.as_ref()).map(Err);
        if let Some(tls) = conversation.handshake.or(failed) {
            self.policies.count(&target.way, &target.host, tls);
        }
        let stands = conversation.session.is_idle().then_some(conversation);
        Some((outcome, stands))
    }
}

/// Files the verdicts of one host; answers who still waits for a better connection.
fn take_verdicts(attempt: &mut Attempt, waiting: &[usize], outcome: &Outcome) -> Vec<usize> {
    let mut left = Vec::new();
    for (n, verdict) in waiting.iter().zip(&outcome.verdicts) {
        match verdict {
            Verdict::Delivered(_) => {
                attempt.peer_reports &= outcome.peer_reports;
                attempt.taken_at = Some(outcome.at);
            }
            Verdict::Deferred(_) => left.push(*n),
            Verdict::Refused(_) => {}
        }
        if let Some(slot) = attempt.verdicts.get_mut(*n) {
            *slot = verdict.clone();
        }
    }
    left
}

/// What was put off is refused, in the same words.
fn refuse_for_good(attempt: &mut Attempt) {
    for verdict in &mut attempt.verdicts {
        if let Verdict::Deferred(reply) = verdict {
            *verdict = Verdict::Refused(reply.clone());
        }
    }
}

/// A route to an address has no name to report.
fn host_name(host: &str) -> Option<Domain> {
    let is_address = host.parse::<IpAddr>().is_ok();
    if is_address { None } else { host.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtp::codec::Reply;

    #[test]
    fn a_broken_connection_leaves_only_the_deferred_to_the_next_host() {
        let reply = |code| Reply::new(code, None, ["words"]);
        let later = Verdict::Deferred(reply(451));
        let mut attempt =
            Attempt { verdicts: vec![later.clone(); 3], remote: None, peer_reports: true, taken_at: None };
        let outcome = Outcome {
            verdicts: vec![Verdict::Delivered(reply(250)), Verdict::Refused(reply(550)), later],
            fault: Some(Error::Lost),
            at: Timestamp::from_secs(7),
            peer_reports: false,
            begun: true,
        };
        assert_eq!(take_verdicts(&mut attempt, &[0, 1, 2], &outcome), [2]);
        assert!(!attempt.peer_reports);
        // M36: when the peer said yes, not when we wrote it down.
        assert_eq!(attempt.taken_at, Some(Timestamp::from_secs(7)));
        assert!(matches!(attempt.verdicts[0], Verdict::Delivered(_)));
        assert!(matches!(attempt.verdicts[1], Verdict::Refused(_)));
    }
}
