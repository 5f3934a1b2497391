//! The carriers of the outbox: mail to other systems, and mail to further accounts of this house.
//!
//! A carrier takes a lease, works, and settles in one transaction. Nobody polls: it sleeps until the store signals, a row falls
//! due, or a place comes free.

use std::sync::Arc;
use std::time::Duration;

use mail::{Domain, Timestamp};
use rustls::pki_types::ServerName;
use smtp::codec::table;
use smtp::send::{Answer, Ask, Delivery, Outcome, Session, Terms, TlsPolicy, Verdict};
use smtp::serve::{Attempt, Desk, Dice, Outgoing, Tally};
use smtp::{ClientName, Error, Limits};
use store::{Claimed, OutboxKind, Signal};
use tokio::net::TcpStream;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, Semaphore, broadcast};

use crate::house::House;
use crate::metrics;
use crate::where_to::{Finder, Target};
use crate::wire::Wire;
use crate::{mail_in, tls};

/// How long a carrier that died keeps a mail from others. Longer than [`ATTEMPT`], or two carry the same mail.
const LEASE: Duration = Duration::from_secs(15 * 60);
/// The same for mail to an account here. That is one transaction, which writes nothing without its lease, so it may be short.
const LEASE_HERE: Duration = Duration::from_secs(60);
/// How long one attempt may take, all hosts together; the final dot alone may take ten minutes (RFC 5321 §4.5.3.2.6).
const ATTEMPT: Duration = Duration::from_secs(14 * 60);
/// How long a connection may take to stand.
const CONNECT: Duration = Duration::from_secs(30);
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// Rows claimed at once: the rest are left to other nodes.
const CLAIM_MAX: usize = 16;
/// How long to sleep when nobody signals: what another node queued, or left behind, is found then.
const LOOK_ANYWAY: Duration = Duration::from_secs(5);
/// The shortest sleep: when a row is due and cannot be had, somebody else has it.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Octets read at a time.
const READ_BYTES: usize = 4 * 1024;

/// What all carriers share.
struct Carrier {
    house: Arc<House>,
    desk: Desk,
    finder: Finder,
    limits: Limits,
    name: ClientName,
    tls: Arc<rustls::ClientConfig>,
    policy: TlsPolicy,
    /// Told when a row is settled: it may be due again soon.
    settled: Notify,
}

/// Sets the carriers to work.
pub(crate) fn start(house: &Arc<House>) -> anyhow::Result<()> {
    let policy = match house.config.mail.outbound_tls.as_str() {
        "required" => TlsPolicy::Required,
        _ => TlsPolicy::Opportunistic,
    };
    for kind in [OutboxKind::Mail, OutboxKind::Local] {
        let carrier = Carrier {
            house: house.clone(),
            desk: mail_in::desk(house),
            finder: Finder::new(house.clone()),
            limits: mail_in::limits(house),
            name: house.config.house.hostname.parse()?,
            tls: tls::opportunistic_client()?,
            policy,
            settled: Notify::new(),
        };
        house.inside.spawn(Arc::new(carrier).run(kind));
    }
    Ok(())
}

impl Carrier {
    /// Carries rows of one kind until the house stops; what is in flight then finishes by itself or is left to its lease.
    async fn run(self: Arc<Self>, kind: OutboxKind) {
        let places = Arc::new(Semaphore::new(self.house.config.mail.deliveries_max.clamp(1, 10_000)));
        let mut signals = self.house.store.signals();
        let stop = self.house.stop.clone();
        loop {
            let place = tokio::select! {
                () = stop.cancelled() => return,
                place = places.clone().acquire_owned() => place,
            };
            let Ok(place) = place else { return };
            let free = (1 + places.available_permits()).min(CLAIM_MAX);
            // One lease, one name: a row claimed again later is told from this claim.
            let holder = self.house.draw_token(12);
            let claimed = self.claim(kind, &holder, free).await;
            if claimed.is_empty() {
                drop(place);
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.wait(kind, &mut signals) => {}
                }
                continue;
            }
            let mut place = Some(place);
            for row in claimed {
                let own = match place.take() {
                    Some(place) => Ok(place),
                    // Nobody else takes places, so those counted above are still free.
                    None => places.clone().acquire_owned().await,
                };
                let (carrier, holder) = (self.clone(), holder.clone());
                self.house.inside.spawn(async move {
                    carrier.carry(kind, row, &holder).await;
                    carrier.settled.notify_one();
                    drop(own);
                });
            }
        }
    }

    async fn claim(&self, kind: OutboxKind, holder: &str, count: usize) -> Vec<Claimed> {
        let lasts = if kind == OutboxKind::Local { LEASE_HERE } else { LEASE };
        let input = (kind, holder.to_owned(), self.house.now(), count as i64);
        let claimed = self
            .house
            .store
            .write("claim mail", input, move |tx, (kind, holder, now, count)| {
                Box::pin(async move { tx.claim_outbox(*kind, holder, *now, lasts, *count).await })
            })
            .await;
        claimed.unwrap_or_else(|error: store::Error| {
            tracing::warn!("the outbox cannot be read: {error}");
            Vec::new()
        })
    }

    /// Sleeps until there may be something to do.
    async fn wait(&self, kind: OutboxKind, signals: &mut broadcast::Receiver<Signal>) {
        let due = self
            .house
            .store
            .read(kind, |tx, kind| Box::pin(async move { tx.next_outbox_due(*kind).await }))
            .await;
        let pause = match due {
            Ok(Some(due)) => due.since(self.house.now()).clamp(LOOK_AGAIN, LOOK_ANYWAY),
            // Nothing there, or the store has trouble.
            Ok(None) | Err(_) => LOOK_ANYWAY,
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.settled.notified() => {}
            () = signalled(signals) => {}
        }
    }

    async fn carry(&self, kind: OutboxKind, row: Claimed, holder: &str) {
        let outgoing = match self.desk.open(row, holder).await {
            Ok(outgoing) => outgoing,
            Err(error) => return tracing::error!("a row of the outbox cannot be opened: {error}"),
        };
        let dice = self.dice();
        let (settled, conversation) = match kind {
            OutboxKind::Local => (self.desk.deliver_here(&outgoing, &dice, self.house.now()).await, None),
            _ => {
                let (attempt, conversation) = self.attempt(&outgoing).await;
                (self.desk.settle(&outgoing, &attempt, &dice, self.house.now()).await, conversation)
            }
        };
        match settled {
            Ok(Some(tally)) => self.count(tally),
            Ok(None) => tracing::warn!("a lease ran out before its mail was settled"),
            Err(error) => tracing::warn!("mail was not settled and is carried again: {error}"),
        }
        // The peer's 250 is written down; now there is time to be polite.
        if let Some(conversation) = conversation {
            conversation.goodbye().await;
        }
    }

    fn dice(&self) -> Dice {
        let mut jitter = [0u8; 1];
        self.house.chance.fill(&mut jitter);
        let [jitter] = jitter;
        Dice { jitter, report_id: mail_in::draw_id(&self.house) }
    }

    fn count(&self, tally: Tally) {
        let counts =
            [("delivered", tally.delivered), ("deferred", tally.deferred), ("refused", tally.refused)];
        for (outcome, count) in counts {
            self.house.metrics.mail_out.get_or_create(&metrics::Outcome { outcome }).inc_by(count as u64);
        }
    }

    /// Offers a mail to the hosts of its destination, one after the other, until each recipient has a verdict that is not the
    /// fault of a connection.
    async fn attempt(&self, outgoing: &Outgoing) -> (Attempt, Option<Conversation>) {
        let Some(delivery) = outgoing.delivery() else {
            let gone = Verdict::Refused(table::MESSAGE_GONE.reply());
            return (Attempt::same(outgoing, &gone), None);
        };
        let targets = match self.finder.find(outgoing.destination()).await {
            Ok(targets) => targets,
            Err(verdict) => return (Attempt::same(outgoing, &verdict), None),
        };
        let give_up_at = self.house.now().plus(ATTEMPT);
        let mut attempt = Attempt::same(outgoing, &Verdict::Deferred(table::NO_ANSWER.reply()));
        attempt.peer_reports = true;
        let mut waiting: Vec<usize> = (0..outgoing.recipients()).collect();
        let mut conversation = None;
        for target in targets {
            if waiting.is_empty() || self.house.now() >= give_up_at {
                break;
            }
            let part = Delivery {
                recipients: waiting.iter().filter_map(|n| delivery.recipients.get(*n)).cloned().collect(),
                ..delivery.clone()
            };
            let Some((outcome, stands)) = self.offer(&target, part, give_up_at).await else { continue };
            attempt.remote = host_name(&target.host);
            waiting = take_verdicts(&mut attempt, &waiting, &outcome);
            conversation = stands;
            if outcome.fault.is_none() {
                break;
            }
        }
        (attempt, conversation)
    }

    /// Offers a mail to one host; `None` when it does not even answer. A peer whose TLS is broken gets the mail in the
    /// clear when policy lets it (RFC 7435 §1.2).
    async fn offer(
        &self,
        target: &Target,
        delivery: Delivery,
        give_up_at: Timestamp,
    ) -> Option<(Outcome, Option<Conversation>)> {
        let first = self.converse(target, delivery.clone(), self.policy, give_up_at).await?;
        let tls_is_broken = first.0.fault == Some(Error::NoTls);
        if !tls_is_broken || self.policy != TlsPolicy::Opportunistic {
            return Some(first);
        }
        self.converse(target, delivery, TlsPolicy::None, give_up_at).await.or(Some(first))
    }

    async fn converse(
        &self,
        target: &Target,
        delivery: Delivery,
        policy: TlsPolicy,
        give_up_at: Timestamp,
    ) -> Option<(Outcome, Option<Conversation>)> {
        let stream = match tokio::time::timeout(CONNECT, TcpStream::connect(target.address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(_)) | Err(_) => return None,
        };
        let _ = stream.set_nodelay(true);
        let terms = Terms { name: self.name.clone(), tls: policy, implicit_tls: false, credentials: None };
        let now = self.house.now();
        let mut session = Session::new(now, terms, self.limits.clone());
        session.deliver(now, delivery);
        let mut conversation = Conversation {
            house: self.house.clone(),
            tls: self.tls.clone(),
            host: target.host.clone(),
            wire: Wire::Plain(stream),
            session,
            wake: None,
            give_up_at,
        };
        let outcome = conversation.run().await?;
        let stands = conversation.session.is_idle().then_some(conversation);
        Some((outcome, stands))
    }
}

/// Files the verdicts of one host; answers who still waits for a better connection.
fn take_verdicts(attempt: &mut Attempt, waiting: &[usize], outcome: &Outcome) -> Vec<usize> {
    let mut left = Vec::new();
    for (n, verdict) in waiting.iter().zip(&outcome.verdicts) {
        match verdict {
            Verdict::Delivered(_) => attempt.peer_reports &= outcome.peer_reports,
            Verdict::Deferred(_) => left.push(*n),
            Verdict::Refused(_) => {}
        }
        if let Some(slot) = attempt.verdicts.get_mut(*n) {
            *slot = verdict.clone();
        }
    }
    left
}

/// A route to an address has no name to report.
fn host_name(host: &str) -> Option<Domain> {
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    if is_address { None } else { host.parse().ok() }
}

async fn signalled(signals: &mut broadcast::Receiver<Signal>) {
    loop {
        match signals.recv().await {
            Ok(Signal::Outbox) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// One conversation with a peer: a driver for [`Session`] over a socket.
struct Conversation {
    house: Arc<House>,
    tls: Arc<rustls::ClientConfig>,
    host: String,
    wire: Wire,
    session: Session,
    wake: Option<Timestamp>,
    /// Whatever the session's patience, the lease ends soon after.
    give_up_at: Timestamp,
}

impl Conversation {
    /// Until the delivery is over; `None` when the connection closed without one.
    async fn run(&mut self) -> Option<Outcome> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            while let Some(ask) = self.session.next() {
                match ask {
                    Ask::Write(bytes) => self.write(&bytes).await,
                    Ask::StartTls => self.start_tls().await,
                    Ask::Done(outcome) => return Some(outcome),
                    Ask::WakeAt(at) => self.wake = Some(at),
                    Ask::Close => return None,
                }
            }
            self.listen(&mut buffer).await;
        }
    }

    /// QUIT, as far as the peer plays along.
    async fn goodbye(mut self) {
        self.session.quit(self.house.now());
        let _ = self.run().await;
        self.wire.close().await;
    }

    /// How long the session is patient from now on.
    fn patience(&self) -> Duration {
        let until = self.wake.map_or(self.give_up_at, |wake| wake.min(self.give_up_at));
        until.since(self.house.now())
    }

    async fn write(&mut self, bytes: &[u8]) {
        let written = tokio::time::timeout(self.patience(), self.wire.write(bytes)).await;
        let now = self.house.now();
        match written {
            Ok(Ok(())) => self.session.written(now),
            Ok(Err(_)) | Err(_) => self.session.connection_lost(now),
        }
    }

    async fn start_tls(&mut self) {
        let answer = match ServerName::try_from(self.host.trim_end_matches('.').to_owned()) {
            Ok(name) => {
                let handshake = self.wire.connect_tls(&self.tls, name);
                match tokio::time::timeout(HANDSHAKE, handshake).await {
                    Ok(Ok(_)) => Answer::TlsStarted,
                    Ok(Err(_)) | Err(_) => Answer::TlsFailed,
                }
            }
            Err(_) => Answer::TlsFailed,
        };
        self.session.answer_arrived(self.house.now(), answer);
    }

    async fn listen(&mut self, buffer: &mut [u8]) {
        let read = tokio::time::timeout(self.patience(), self.wire.read(buffer)).await;
        let now = self.house.now();
        match read {
            Ok(Ok(count)) if count > 0 => {
                self.session.bytes_arrived(now, buffer.get(..count).unwrap_or_default())
            }
            Ok(_) => self.session.connection_lost(now),
            Err(_) if now >= self.give_up_at => self.session.connection_lost(now),
            Err(_) => self.session.time_passed(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtp::codec::Reply;

    #[test]
    fn a_broken_connection_leaves_only_the_deferred_to_the_next_host() {
        let reply = |code| Reply::new(code, None, ["words"]);
        let later = Verdict::Deferred(reply(451));
        let mut attempt = Attempt { verdicts: vec![later.clone(); 3], remote: None, peer_reports: true };
        let outcome = Outcome {
            verdicts: vec![Verdict::Delivered(reply(250)), Verdict::Refused(reply(550)), later],
            fault: Some(Error::Lost),
            at: Timestamp::from_secs(0),
            peer_reports: false,
        };
        assert_eq!(take_verdicts(&mut attempt, &[0, 1, 2], &outcome), [2]);
        assert!(!attempt.peer_reports);
        assert!(matches!(attempt.verdicts[0], Verdict::Delivered(_)));
        assert!(matches!(attempt.verdicts[1], Verdict::Refused(_)));
    }
}
