//! One attempt at a mail: the hosts of its destination, one after the other, over a connection that stands or a new one.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mail::{Domain, Timestamp};
use smtp::Error;
use smtp::codec::table;
use smtp::pace::Sign;
use smtp::send::{Delivery, Demand, Outcome, Session, Terms, TlsPolicy, Verdict};
use smtp::serve::{Attempt, Outgoing};
use tokio::net::TcpStream;

use super::Carrier;
use super::conversation::Conversation;
use super::lease::Lease;
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

/// What an attempt found out, beside what became of the mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) answer: Answer,
    /// How much the destination bears; `None` when that was not asked.
    pub(super) sign: Option<Sign>,
}

impl Found {
    const NOTHING: Self = Self { answer: Answer::Unknown, sign: None };
}

/// What goes with one mail to every host that is tried.
#[derive(Clone, Copy)]
struct Trip<'a> {
    lease: &'a Arc<Lease>,
    give_up_at: Timestamp,
}

/// What an attempt comes to where nobody answers.
pub(super) fn no_answer(outgoing: &Outgoing) -> Attempt {
    Attempt::same(outgoing, &Verdict::Deferred(table::NO_ANSWER.reply()))
}

impl Carrier {
    /// Offers a mail to the hosts of its destination, one after the other, until each recipient has a verdict that is not the
    /// fault of a connection. What stands afterwards is left in `standing`.
    pub(super) async fn attempt(
        self: &Arc<Self>,
        outgoing: &Outgoing,
        lease: &Arc<Lease>,
        standing: &mut Option<Conversation>,
    ) -> (Attempt, Found) {
        let Some(delivery) = outgoing.delivery() else {
            let gone = Verdict::Refused(table::MESSAGE_GONE.reply());
            return (Attempt::same(outgoing, &gone), Found::NOTHING);
        };
        let targets = match self.finder.find(outgoing.domain(), outgoing.via(), delivery.tls_optional).await {
            Ok(targets) => targets,
            Err(verdict) => return (Attempt::same(outgoing, &verdict), Found::NOTHING),
        };
        let targets = self.standing_first(targets, delivery.require_tls, standing);
        let trip = Trip { lease, give_up_at: self.house.now().plus(ATTEMPT) };
        let mut attempt = no_answer(outgoing);
        (attempt.peer_reports, attempt.keeps_time) = (true, true);
        let mut waiting: Vec<usize> = (0..outgoing.recipients()).collect();
        let mut found = Found::NOTHING;
        let (hosts, mut unwilling) = (targets.len(), 0);
        for target in targets {
            if waiting.is_empty() || self.house.now() >= trip.give_up_at {
                break;
            }
            let part = Delivery {
                recipients: waiting.iter().filter_map(|n| delivery.recipients.get(*n)).cloned().collect(),
                ..delivery.clone()
            };
            let Some(outcome) = self.offer(&target, part, trip, standing).await else {
                found = Found { answer: found.answer.or_none(), sign: Some(Sign::Away) };
                continue;
            };
            found = Found { answer: Answer::Some, sign: sign(&outcome) };
            attempt.remote = host_name(&target.host);
            waiting = take_verdicts(&mut attempt, &waiting, &outcome);
            self.note_sign_in(&target, &outcome).await;
            unwilling += usize::from(outcome.fault == Some(Error::NoRequireTls));
            if outcome.fault.is_none() {
                break;
            }
        }
        if unwilling == hosts {
            // Nobody there promises TLS, and waiting changes nothing (RFC 8689 §4.2.1).
            refuse_for_good(&mut attempt);
        }
        (attempt, found)
    }

    /// A host to which a connection stands comes before the others; what stands to elsewhere is left to other mail.
    fn standing_first(
        self: &Arc<Self>,
        mut targets: Vec<Target>,
        require_tls: bool,
        standing: &mut Option<Conversation>,
    ) -> Vec<Target> {
        let leads = |conversation: &Conversation| {
            let fits = |target: &Target| {
                conversation.fits(target, &target.way.demand.clone().joined(require_tls, &target.host))
            };
            targets.iter().position(fits)
        };
        if let Some(other) = standing.take_if(|conversation| leads(conversation).is_none()) {
            self.park(other);
        }
        if standing.is_none() {
            *standing = self.parked.take(|conversation| leads(conversation).is_some());
        }
        if let Some(at) = standing.as_ref().and_then(leads) {
            let best = targets.remove(at);
            targets.insert(0, best);
        }
        targets
    }

    /// Offers a mail to one host; `None` when it does not even answer. A peer whose TLS is broken gets the mail in the
    /// clear when policy lets it (RFC 7435 §1.2).
    async fn offer(
        &self,
        target: &Target,
        delivery: Delivery,
        trip: Trip<'_>,
        standing: &mut Option<Conversation>,
    ) -> Option<Outcome> {
        // Where a mail's own demand joins what the way has to be anyway.
        let demand = target.way.demand.clone().joined(delivery.require_tls, &target.host);
        if let Some(conversation) = standing.take_if(|conversation| conversation.fits(target, &demand)) {
            let taken = self.over(conversation, (target, &demand), delivery.clone(), trip, standing).await;
            if taken.is_some() {
                return taken;
            }
        }
        let first = self.converse(target, delivery.clone(), &demand, trip, standing).await?;
        let tls_is_broken = first.fault == Some(Error::NoTls);
        if !tls_is_broken || demand.tls() != TlsPolicy::Opportunistic {
            return Some(first);
        }
        let in_the_clear = Demand::house(TlsPolicy::None);
        self.converse(target, delivery, &in_the_clear, trip, standing).await.or(Some(first))
    }

    /// Over a connection that stands; `None` when it is of no use any more, which costs the mail nothing.
    async fn over(
        &self,
        mut conversation: Conversation,
        (target, demand): (&Target, &Demand),
        delivery: Delivery,
        trip: Trip<'_>,
        standing: &mut Option<Conversation>,
    ) -> Option<Outcome> {
        let outcome = conversation.take_up(delivery, trip.lease, trip.give_up_at).await;
        if outcome.is_some() && conversation.target.way != target.way {
            // To this destination it is a session as well (RFC 8460 §4.3).
            let tls = match conversation.session.is_encrypted() {
                true if conversation.demand == *demand => conversation.handshake,
                true => Some(Ok(())),
                false => tls_policy::not_offered(demand, None).map(Err),
            };
            if let Some(tls) = tls {
                self.policies.count(&target.way, &target.host, tls);
            }
            conversation.target = target.clone();
        }
        if outcome.is_some() && conversation.session.is_idle() {
            *standing = Some(conversation);
        } else if conversation.session.is_idle() {
            self.house.inside.spawn(conversation.goodbye());
        }
        outcome
    }

    /// Over a new connection.
    async fn converse(
        &self,
        target: &Target,
        delivery: Delivery,
        demand: &Demand,
        trip: Trip<'_>,
        standing: &mut Option<Conversation>,
    ) -> Option<Outcome> {
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
        let terms = Terms {
            name: self.name.clone(),
            tls: demand.tls(),
            implicit_tls: target.is_implicit(),
            credentials: target.credentials(),
        };
        let now = self.house.now();
        let mut session = Session::new(now, terms, self.limits.clone());
        session.deliver(now, delivery);
        let mut conversation = Conversation {
            house: self.house.clone(),
            tls,
            seen,
            handshake: None,
            target: target.clone(),
            demand: demand.clone(),
            wire: Wire::Plain(stream),
            session,
            wake: None,
            lease: trip.lease.clone(),
            give_up_at: trip.give_up_at,
            since: now,
            mails: 1,
        };
        let outcome = conversation.run().await?;
        let failed = tls_policy::not_offered(demand, outcome.fault.as_ref()).map(Err);
        if let Some(tls) = conversation.handshake.or(failed) {
            self.policies.count(&target.way, &target.host, tls);
        }
        if conversation.session.is_idle() {
            *standing = Some(conversation);
        }
        Some(outcome)
    }

    /// A smart host that refuses our sign-in is the operator's business: it is said aloud, kept beside the route, and the host is left alone for
    /// a while. The mail waits.
    async fn note_sign_in(&self, target: &Target, outcome: &Outcome) {
        let Some(route) = &target.route else { return };
        let words = match &outcome.fault {
            Some(Error::AuthRefused(reply)) => reply.to_string(),
            Some(Error::NoAuth) => table::PEER_WITHOUT_AUTH.reply().to_string(),
            None if target.was_refused => String::new(),
            _ => return,
        };
        if !words.is_empty() {
            // A route's domain is the operator's own word.
            tracing::error!(route = route.domain, "the smart host refuses our sign-in; mail waits");
            self.house.metrics.smart_host_refusals.inc();
        }
        let input = (route.domain.clone(), words, self.house.now());
        let noted = self.house.store.write("note a route", input, |tx, (domain, words, now)| {
            Box::pin(async move {
                let refused = (!words.is_empty()).then_some((*now, words.as_str()));
                tx.note_route(domain, refused).await
            })
        });
        let noted: Result<(), store::Error> = noted.await;
        if let Err(error) = noted {
            tracing::warn!("a route's state was not written and is found out again: {error}");
        }
    }
}

/// What an outcome says of how much the destination bears; what TLS or a missing extension puts off, says nothing.
fn sign(outcome: &Outcome) -> Option<Sign> {
    match &outcome.fault {
        Some(Error::NoTls | Error::Untrusted | Error::NoRequireTls | Error::NoAuth) => None,
        Some(_) => Some(Sign::Away),
        None => {
            let is_put_off = |verdict: &Verdict| matches!(verdict, Verdict::Deferred(_));
            let is_slower = !outcome.verdicts.is_empty() && outcome.verdicts.iter().all(is_put_off);
            Some(if is_slower { Sign::Slower } else { Sign::Well })
        }
    }
}

/// Files the verdicts of one host; answers who still waits for a better connection.
fn take_verdicts(attempt: &mut Attempt, waiting: &[usize], outcome: &Outcome) -> Vec<usize> {
    let mut left = Vec::new();
    for (n, verdict) in waiting.iter().zip(&outcome.verdicts) {
        match verdict {
            Verdict::Delivered(_) => {
                attempt.peer_reports &= outcome.peer_reports;
                attempt.keeps_time &= outcome.keeps_time;
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
        let mut attempt = Attempt {
            verdicts: vec![later.clone(); 3],
            remote: None,
            peer_reports: true,
            keeps_time: true,
            taken_at: None,
        };
        let outcome = Outcome {
            verdicts: vec![Verdict::Delivered(reply(250)), Verdict::Refused(reply(550)), later],
            fault: Some(Error::Lost),
            at: Timestamp::from_secs(7),
            peer_reports: false,
            keeps_time: true,
            begun: true,
        };
        assert_eq!(sign(&outcome), Some(Sign::Away));
        assert_eq!(take_verdicts(&mut attempt, &[0, 1, 2], &outcome), [2]);
        assert!(!attempt.peer_reports && attempt.keeps_time);
        // M36: when the peer said yes, not when we wrote it down.
        assert_eq!(attempt.taken_at, Some(Timestamp::from_secs(7)));
        assert!(matches!(attempt.verdicts[0], Verdict::Delivered(_)));
        assert!(matches!(attempt.verdicts[1], Verdict::Refused(_)));
    }
}
