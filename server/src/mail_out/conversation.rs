//! One conversation with a peer, over a socket.

use std::sync::Arc;
use std::time::Duration;

use mail::Timestamp;
use rustls::pki_types::ServerName;
use smtp::send::{Answer, Ask, Delivery, Demand, Outcome, Session, Verdict};
use smtp::tls_report::Failure;

use super::lease::Lease;
use crate::house::House;
use crate::tls_policy::Seen;
use crate::where_to::Target;
use crate::wire::Wire;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// How long a goodbye may take; nothing depends on it.
const GOODBYE: Duration = Duration::from_secs(10);
/// Octets read at a time.
const READ_BYTES: usize = 4 * 1024;
/// How long a connection is used for one mail after another; policies are looked at anew for each, the way itself with a new connection.
const AGE_MAX: Duration = Duration::from_secs(5 * 60);

/// One conversation with a peer: a driver for [`Session`] over a socket.
pub(super) struct Conversation {
    pub(super) house: Arc<House>,
    pub(super) tls: Arc<rustls::ClientConfig>,
    /// What `tls` saw of the peer's certificate.
    pub(super) seen: Seen,
    /// What became of TLS, once it was tried.
    pub(super) handshake: Option<Result<(), Failure>>,
    /// Where it leads.
    pub(super) target: Target,
    /// What was demanded of the way there.
    pub(super) demand: Demand,
    pub(super) wire: Wire,
    pub(super) session: Session,
    pub(super) wake: Option<Timestamp>,
    /// Of the mail that is carried now; nothing is done for it when it has run out.
    pub(super) lease: Arc<Lease>,
    /// Whatever the session's patience.
    pub(super) give_up_at: Timestamp,
    pub(super) since: Timestamp,
    /// Mails that went over it, whatever became of them.
    pub(super) mails: usize,
}

impl Conversation {
    /// Until the delivery is over; `None` when the connection closed without one.
    pub(super) async fn run(&mut self) -> Option<Outcome> {
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

    /// Whether mail that demands this may go over it to this place.
    pub(super) fn fits(&self, target: &Target, demand: &Demand) -> bool {
        self.session.is_idle()
            && self.target.is_same_place(target)
            && self.demand.satisfies(demand, self.session.is_encrypted())
    }

    /// Whether it has served its time.
    pub(super) fn is_worn(&self, now: Timestamp) -> bool {
        let mails_max = self.house.config.delivery.messages_per_connection;
        self.mails >= mails_max || now >= self.since.plus(AGE_MAX)
    }

    /// The next mail over a connection that stands. `None` when the peer wants no more over it, or has gone meanwhile: it never had anything of
    /// this mail, and another connection may be tried.
    pub(super) async fn take_up(
        &mut self,
        delivery: Delivery,
        lease: &Arc<Lease>,
        give_up_at: Timestamp,
    ) -> Option<Outcome> {
        (self.lease, self.give_up_at, self.wake) = (lease.clone(), give_up_at, None);
        self.mails += 1;
        self.session.deliver(self.house.now(), delivery);
        let outcome = self.run().await?;
        let is_put_off = outcome.verdicts.iter().any(|verdict| matches!(verdict, Verdict::Deferred(_)));
        (outcome.begun || !is_put_off).then_some(outcome)
    }

    /// QUIT, as far as the peer plays along.
    pub(super) async fn goodbye(mut self) {
        self.give_up_at = self.house.now().plus(GOODBYE);
        self.session.quit(self.house.now());
        let _ = self.run().await;
        self.wire.close().await;
    }

    /// How long the session is patient from now on.
    fn patience(&self) -> Duration {
        let end = self.end();
        self.wake.map_or(end, |wake| wake.min(end)).since(self.house.now())
    }

    /// When it is given up, as far as is known now: a lease may be prolonged.
    fn end(&self) -> Timestamp {
        self.give_up_at.min(self.lease.until())
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
        let answer = match ServerName::try_from(self.target.host.trim_end_matches('.').to_owned()) {
            Ok(name) => {
                let handshake = self.wire.connect_tls(&self.tls, name);
                match tokio::time::timeout(HANDSHAKE, handshake).await {
                    Ok(Ok(_)) => Answer::TlsStarted,
                    // The certificate was looked at, and policy did not take it.
                    Ok(Err(_)) | Err(_) if self.seen.has_refused() => Answer::TlsUntrusted,
                    Ok(Err(_)) | Err(_) => Answer::TlsFailed,
                }
            }
            Err(_) => Answer::TlsFailed,
        };
        self.handshake = Some(match (answer, self.seen.get()) {
            (Answer::TlsStarted, seen) => seen.unwrap_or(Ok(())),
            (_, Some(Err(failure))) => Err(failure),
            _ => Err(Failure::ValidationFailure),
        });
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
            Err(_) if now >= self.end() => self.session.connection_lost(now),
            Err(_) => self.session.time_passed(now),
        }
    }
}
