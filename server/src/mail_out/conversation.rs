//! One conversation with a peer, over a socket.

use std::sync::Arc;
use std::time::Duration;

use mail::Timestamp;
use rustls::pki_types::ServerName;
use smtp::send::{Answer, Ask, Outcome, Session};
use smtp::tls_report::Failure;

use crate::house::House;
use crate::tls_policy::Seen;
use crate::wire::Wire;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// Octets read at a time.
const READ_BYTES: usize = 4 * 1024;

/// One conversation with a peer: a driver for [`Session`] over a socket.
pub(super) struct Conversation {
    pub(super) house: Arc<House>,
    pub(super) tls: Arc<rustls::ClientConfig>,
    /// What `tls` saw of the peer's certificate.
    pub(super) seen: Seen,
    /// What became of TLS, once it was tried.
    pub(super) handshake: Option<Result<(), Failure>>,
    pub(super) host: String,
    pub(super) wire: Wire,
    pub(super) session: Session,
    pub(super) wake: Option<Timestamp>,
    /// Whatever the session's patience, the lease ends soon after.
    pub(super) give_up_at: Timestamp,
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

    /// QUIT, as far as the peer plays along.
    pub(super) async fn goodbye(mut self) {
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
            Err(_) if now >= self.give_up_at => self.session.connection_lost(now),
            Err(_) => self.session.time_passed(now),
        }
    }
}
