//! The IMAP doors: a driver for [`imap::Session`] over sockets. It reads as much as the session takes, writes what it says, wakes it when
//! something happens in its account, and asks the desk, the directory and the clock on its behalf; what any of it means is the session's
//! business.
//!
//! Ten thousand of these are idle at any time, so what is large is made when it is needed: the buffer of a message, the state of a
//! handshake, of a sign-in and of a wish.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use directory::Said;
use directory::sign_in::Refusal;
use directory::standing::{Over, Standing};
use futures_util::FutureExt;
use imap::Limits;
use imap::serve::Desk;
use imap::session::{Answer, Ask, Facts, Grant, Session, SignIn, SignInCode, Wish};
use mail::{AccountId, Timestamp};
use smtp::Tls;
use store::AccountWatch;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::external;
use crate::house::House;
use crate::keys::OwnKey;
use crate::listen::{self, Bounds};
use crate::mail_path::MailPath;
use crate::proxy::Relays;
use crate::sasl::{self, SigningIn};
use crate::serve::Opened;
use crate::still::Still;
use crate::tls;
use crate::wire::Wire;

/// Octets read at a time from a client that has little to say: a command.
const READ_BYTES: usize = 512;
/// Octets read at a time from one that has just filled that: a message.
const READ_BYTES_MUCH: usize = 32 * 1024;
/// Octets written at a time, each within its own patience.
const WRITE_BYTES: usize = 64 * 1024;
/// Messages of more octets are read, packed and sealed apart from what serves the other connections.
const APART_BYTES: usize = 1024 * 1024;
/// A handshake that takes longer is nobody we know.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The doors of this room: name, and whether TLS begins with the first byte.
const DOORS: [(&str, bool); 2] = [("imap", false), ("imaps", true)];

/// Whether a door is one of this room.
pub(crate) fn is_door(name: &str) -> bool {
    DOORS.iter().any(|(door, _)| *door == name)
}

/// The sizes of every conversation, as configured, and the memory that all share: made once.
fn limits(house: &House) -> Limits {
    let mut limits = Limits::default();
    let input = &mut limits.input;
    input.append_bytes_max = house.config.imap.append_bytes_max;
    input.append_total_bytes_max = input.append_total_bytes_max.max(input.append_bytes_max);
    // One message of the largest kind has to fit.
    let memory_bytes_max = house.config.imap.append_memory_bytes_max.max(input.append_total_bytes_max);
    input.memory = imap::Memory::new(memory_bytes_max);
    limits
}

/// Sets the IMAP doors to work.
pub(crate) fn start(house: &Arc<House>, opened: Vec<Opened>, own: Option<&OwnKey>) -> anyhow::Result<()> {
    let config = &house.config.imap;
    let bounds = Bounds::new(config.connections_max, config.connections_per_address_max);
    let relays = Relays::parse("mail.proxy_from", &house.config.mail.proxy_from)?;
    let examiner = MailPath::for_appending(house);
    let limits = limits(house);
    for door in opened {
        let Some((_, implicit_tls)) = DOORS.into_iter().find(|(name, _)| *name == door.name) else {
            continue;
        };
        if door.listeners.is_empty() {
            continue;
        }
        let own = own.context("imap needs tls.certificate and tls.key (thiếu chứng thư TLS)")?;
        let desk = Desk::new(house.store.clone(), limits.clone(), house.chance.clone(), examiner.clone());
        let server = Arc::new(Server {
            house: house.clone(),
            desk,
            limits: limits.clone(),
            tls: TlsAcceptor::from(tls::server_asking(own, &[], external::verifier(&house.config)?)?),
            end_point: tls::end_point(own),
            implicit_tls,
        });
        let serve = move |stream, peer| server.clone().visit(stream, peer);
        listen::attend(house, door, &bounds, &relays, serve);
    }
    Ok(())
}

/// What serves the connections of an IMAP door.
struct Server {
    house: Arc<House>,
    desk: Desk,
    limits: Limits,
    tls: TlsAcceptor,
    implicit_tls: bool,
    /// The digest of our certificate, for channel binding.
    end_point: Option<Vec<u8>>,
}

impl Server {
    /// Serves one connection to its end.
    async fn visit(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let mut wire = Wire::Plain(stream);
        let mut agreed = None;
        if self.implicit_tls {
            agreed = Box::pin(self.begin_tls(&mut wire)).await;
            if agreed.is_none() {
                return;
            }
        }
        let facts = Facts {
            host: self.house.host.clone(),
            is_encrypted: self.implicit_tls,
            starttls: !self.implicit_tls,
            mechanisms: sasl::offered(&self.house),
            is_certified: agreed.is_some_and(|tls| tls.is_certified),
        };
        let session = Session::new(self.house.now(), self.limits.clone(), facts);
        let visit = Visit {
            wire,
            session,
            ip: peer.ip().to_canonical(),
            buffer: Vec::new(),
            wake: None,
            told_of_stop: false,
            signing_in: None,
            account: None,
            server: self,
        };
        visit.run().await;
    }

    /// The handshake; `None` when it failed, and then the connection is of no use.
    async fn begin_tls(&self, wire: &mut Wire) -> Option<Tls> {
        match tokio::time::timeout(HANDSHAKE, wire.accept_tls(&self.tls)).await {
            Ok(Ok(tls)) => Some(tls),
            // Scanners and broken clients; the operator sees them at the debug level.
            Ok(Err(error)) => {
                tracing::debug!("a TLS handshake failed: {error}");
                None
            }
            Err(_) => {
                tracing::debug!("a TLS handshake took too long");
                None
            }
        }
    }

    /// Whether the agency of an account keeps this door closed to its people.
    async fn is_closed_to(&self, account_id: AccountId) -> Result<bool, store::Error> {
        let codes = self.house.config.imap.closed_codes();
        if codes.is_empty() {
            return Ok(false);
        }
        let now = self.house.now();
        let read = self.house.store.read(codes, move |tx, codes| {
            Box::pin(async move {
                let Some(account) = tx.account(account_id).await? else { return Ok(true) };
                closes(tx, codes, account.agency_id, now).await
            })
        });
        read.await
    }
}

/// Whether an agency is among those that keep these doors closed to their people.
///
/// # Errors
/// The store's trouble.
pub(crate) async fn closes(
    tx: &mut store::Tx,
    codes: &[mail::AgencyCode],
    agency_id: mail::AgencyId,
    now: Timestamp,
) -> store::Result<bool> {
    for code in codes {
        let agency = tx.agency_by_code(code, now).await?;
        if agency.is_some_and(|agency| agency.agency_id == agency_id) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One connection at work.
struct Visit {
    server: Arc<Server>,
    wire: Wire,
    session: Session,
    ip: IpAddr,
    buffer: Vec<u8>,
    wake: Option<Timestamp>,
    told_of_stop: bool,
    signing_in: Option<Box<SigningIn>>,
    /// Who signed in, and news of them.
    account: Option<(Still, AccountWatch)>,
}

impl Visit {
    async fn run(mut self) {
        loop {
            while let Some(ask) = self.session.next() {
                if !Box::pin(self.act(ask)).await {
                    return self.wire.close().await;
                }
            }
            if self.may_stay().await && !self.listen().await {
                return;
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.server.house.now()
    }

    /// Does what the session asks; false ends the connection.
    async fn act(&mut self, ask: Ask) -> bool {
        let answer = match ask {
            Ask::Write(bytes) => return self.write(&bytes).await,
            Ask::WakeAt(at) => {
                self.wake = Some(at);
                return true;
            }
            Ask::Close => return false,
            Ask::StartTls => {
                let server = self.server.clone();
                match server.begin_tls(&mut self.wire).await {
                    Some(tls) => Answer::TlsStarted { is_certified: tls.is_certified },
                    None => return false,
                }
            }
            Ask::SignIn(step) => self.sign_in(step).await,
            Ask::SignOut => {
                self.account = None;
                return true;
            }
            Ask::Wish(wish) => self.grant(*wish).await,
        };
        let now = self.now();
        self.session.answer_arrived(now, answer);
        true
    }

    /// Writes piece by piece; a client that does not read its piece in time is let go.
    async fn write(&mut self, bytes: &[u8]) -> bool {
        let patience = self.server.limits.write_patience;
        for piece in bytes.chunks(WRITE_BYTES) {
            if !matches!(tokio::time::timeout(patience, self.wire.write(piece)).await, Ok(Ok(()))) {
                return false;
            }
        }
        true
    }

    async fn grant(&mut self, wish: Wish) -> Answer {
        let Some((still, _)) = &self.account else {
            return Answer::Failed(imap::Error::NoMailbox);
        };
        let (account_id, now) = (still.account_id(), self.now());
        // A grant is after its commit: what the client hears of it holds.
        let granted = match wish.message_octets() > APART_BYTES {
            false => self.server.desk.grant(account_id, wish, now).await,
            true => self.grant_apart(account_id, wish, now).await,
        };
        match granted {
            Ok(grant) => Answer::Granted(Box::new(grant)),
            Err(error) => {
                if let Some(trouble) = error.trouble() {
                    tracing::warn!("an IMAP command was not carried out: {trouble}");
                }
                Answer::Failed(error)
            }
        }
    }

    /// Grants what takes a processor for long where that holds up nobody else.
    async fn grant_apart(
        &self,
        account_id: AccountId,
        wish: Wish,
        now: Timestamp,
    ) -> Result<Grant, imap::Error> {
        let desk = self.server.desk.clone();
        let runtime = tokio::runtime::Handle::current();
        let apart = move || runtime.block_on(desk.grant(account_id, wish, now));
        match tokio::task::spawn_blocking(apart).await {
            Ok(granted) => granted,
            // It can only have panicked; what was not committed was not done.
            Err(_) => Err(store::Error::Busy.into()),
        }
    }

    /// A step of signing in.
    async fn sign_in(&mut self, step: SignIn) -> Answer {
        let house = self.server.house.clone();
        let outcome = match step {
            SignIn::Begin { mechanism, initial } => {
                let end_point = self.server.end_point.as_deref();
                let begun = SigningIn::begin(mechanism, self.ip, &self.wire, end_point);
                self.signing_in = begun.map(Box::new);
                match &mut self.signing_in {
                    Some(signing_in) => signing_in.first(&house, initial).await,
                    None => sasl::Outcome::NotUnderstood,
                }
            }
            SignIn::Message(message) => match &mut self.signing_in {
                Some(signing_in) => signing_in.step(&house, message).await,
                None => sasl::Outcome::NotUnderstood,
            },
        };
        if !matches!(outcome, sasl::Outcome::Challenge(_)) {
            self.signing_in = None;
        }
        match outcome {
            sasl::Outcome::Challenge(challenge) => Answer::Challenge(challenge),
            sasl::Outcome::SignedIn(standing) => self.let_in(standing).await,
            sasl::Outcome::NotUnderstood => {
                refused(SignInCode::Failed, "Không hiểu yêu cầu đăng nhập", "The sign-in was not understood")
            }
            sasl::Outcome::MustChangePassword => refused(
                SignInCode::Expired,
                "Phải đổi mật khẩu lần đầu trước khi dùng (/mat-khau)",
                "The first password must be changed before use (/mat-khau)",
            ),
            sasl::Outcome::Refused(refusal) => not_signed_in(&refusal),
        }
    }

    /// Somebody has proven who they are; their agency may keep this door closed.
    async fn let_in(&mut self, standing: Standing) -> Answer {
        let account_id = standing.account_id();
        match self.server.is_closed_to(account_id).await {
            Ok(false) => {
                // Listening begins before anything is read, so nothing falls between.
                let house = &self.server.house;
                self.account = Some((Still::new(house, standing), house.store.watch(account_id)));
                Answer::SignedIn(account_id)
            }
            Ok(true) => refused(
                SignInCode::ContactAdmin,
                "Cơ quan không mở IMAP cho tài khoản này",
                "Your agency does not offer IMAP",
            ),
            Err(error) => not_signed_in(&Refusal::Store(error)),
        }
    }

    /// Asks, when it is time to, whether whoever signed in may still be here; if not, the session says so and ends.
    async fn may_stay(&mut self) -> bool {
        let Some((still, _)) = self.account.as_mut().filter(|(still, _)| still.is_due()) else { return true };
        let (house, account_id) = (&self.server.house, still.account_id());
        let mut over = Box::pin(still.ask(house)).await.err();
        if over.is_none()
            && Box::pin(self.server.is_closed_to(account_id)).await.is_ok_and(|is_closed| is_closed)
        {
            over = Some(Over::DoorClosed);
        }
        let Some(over) = over else { return true };
        let code = match over {
            Over::Disabled | Over::DoorClosed => SignInCode::ContactAdmin,
            Over::PasswordChanged | Over::TokenExpired => SignInCode::Expired,
        };
        let said = over.said();
        self.session.sign_in_is_over(house.now(), code, &format!("{} / {}", said.vi, said.en));
        false
    }

    /// Waits for bytes, news, time or the end of the house; false when the client has gone.
    async fn listen(&mut self) -> bool {
        let size = if self.buffer.len() == READ_BYTES_MUCH { READ_BYTES_MUCH } else { READ_BYTES };
        self.buffer.resize(size, 0);
        let room = self.session.room().min(size);
        let now = self.now();
        let wake = self.wake;
        let sleep = async {
            match wake {
                Some(at) => tokio::time::sleep(at.since(now)).await,
                None => std::future::pending().await,
            }
        };
        let listens = self.session.listens();
        let (still, watch) = match &mut self.account {
            Some((still, watch)) => (Some(*still), Some(watch).filter(|_| listens)),
            None => (None, None),
        };
        let look_again = async {
            match still {
                Some(still) => still.due().await,
                None => std::future::pending().await,
            }
        };
        let news = async {
            match watch {
                Some(watch) => watch.changed().await,
                None => std::future::pending().await,
            }
        };
        let house = &self.server.house;
        tokio::select! {
            read = self.wire.read(&mut self.buffer[..room]), if room > 0 => match read {
                Ok(count) if count > 0 => self.heard(count),
                _ => return false,
            },
            () = news => self.session.news_arrived(house.now()),
            () = look_again => {}
            () = sleep => {
                let now = house.now();
                // Clocks differ by a little: who wakes too early sleeps again.
                if wake.is_some_and(|at| at <= now) {
                    self.wake = None;
                    self.session.time_passed(now);
                }
            }
            () = house.stop.cancelled(), if !self.told_of_stop => {
                self.told_of_stop = true;
                self.session.house_closes(house.now());
            }
        }
        true
    }

    /// Bytes came. Who fills the small buffer gets the large one, for as long as it is filled.
    fn heard(&mut self, count: usize) {
        let now = self.now();
        // Both may have come at once: the command shall see the news.
        if let Some((_, watch)) = &mut self.account
            && watch.changed().now_or_never().is_some()
        {
            self.session.news_arrived(now);
        }
        self.session.bytes_arrived(now, &self.buffer[..count]);
        self.buffer = match count == self.buffer.len() {
            true => vec![0; READ_BYTES_MUCH],
            false => Vec::new(),
        };
    }
}

fn refused(code: SignInCode, vi: &str, en: &str) -> Answer {
    Answer::NotSignedIn(code, format!("{vi} / {en}"))
}

/// The one place where a refused sign-in becomes a response code (RFC 5530 §3).
fn not_signed_in(refusal: &Refusal) -> Answer {
    let code = match refusal {
        Refusal::Wrong => SignInCode::Failed,
        Refusal::Disabled(_) => SignInCode::ContactAdmin,
        Refusal::OneTimeExpired => SignInCode::Expired,
        Refusal::LockedUntil(_) | Refusal::Busy => SignInCode::Unavailable,
        Refusal::Store(error) => {
            tracing::warn!("signing in failed in the store: {error}");
            SignInCode::Unavailable
        }
    };
    let said = refusal.said();
    refused(code, &said.vi, &said.en)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_5530_every_refused_sign_in_has_its_code() {
        let rows = [
            (Refusal::Wrong, SignInCode::Failed),
            (Refusal::Disabled(store::AccountState::Locked), SignInCode::ContactAdmin),
            (Refusal::OneTimeExpired, SignInCode::Expired),
            (Refusal::LockedUntil(Timestamp::from_secs(0)), SignInCode::Unavailable),
            (Refusal::Busy, SignInCode::Unavailable),
            (Refusal::Store(store::Error::Busy), SignInCode::Unavailable),
        ];
        for (refusal, expected) in rows {
            let Answer::NotSignedIn(code, words) = not_signed_in(&refusal) else { panic!("{refusal:?}") };
            assert_eq!(code, expected, "{words}");
        }
    }
}
