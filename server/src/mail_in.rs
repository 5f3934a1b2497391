//! The mail doors: a driver for [`smtp::receive::Session`] over sockets. It reads as much as the session takes, writes what it
//! says, and asks the desk, the directory and the clock on its behalf; what any of it means is the session's business.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use directory::Said;
use directory::sign_in::Refusal as SignInRefusal;
use mail::Timestamp;
use smtp::codec::{Reply, table};
use smtp::receive::{Answer, Ask, Front, Role, Session, SignIn};
use smtp::retry::Schedule;
use smtp::serve::{Desk, Refusal};
use smtp::{Client, Limits, Tls};
use tokio_rustls::TlsAcceptor;

use crate::dns::ask::Asker;
use crate::external;
use crate::front::{self, Fronts};
use crate::house::House;
use crate::keys::OwnKey;
use crate::listen::{self, Admitted, Bounds};
use crate::local_door::{self, LocalDoor};
use crate::mail_path::MailPath;
use crate::mail_path::signing::ReportSigner;
use crate::metrics::Outcome;
use crate::proxy::Relays;
use crate::reverse_name;
use crate::sasl::{self, SigningIn};
use crate::serve::Opened;
use crate::still::Still;
use crate::tls;
use crate::turned_away::Turned;
use crate::wire::Wire;

/// Octets read at a time: a full window of pipelined commands, or a good piece of text; and half of what an idle connection costs.
const READ_BYTES: usize = 8 * 1024;
/// A handshake that takes longer is nobody we know.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Where a program on this machine comes from that uses a socket in the file system.
const THIS_MACHINE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The doors of this room: name, role, and whether TLS begins with the first byte.
const DOORS: [(&str, Role, bool); 4] = [
    ("smtp", Role::Mx, false),
    ("submission", Role::Submission, false),
    ("submissions", Role::Submission, true),
    ("lmtp", Role::Lmtp, false),
];

/// Whether a door is one of this room.
pub(crate) fn is_door(name: &str) -> bool {
    DOORS.iter().any(|(door, ..)| *door == name)
}

/// The sizes of every conversation, as configured.
pub(crate) fn limits(house: &House) -> Limits {
    let config = &house.config.mail;
    Limits {
        message_bytes_max: config.message_bytes_max,
        recipients_max: config.recipients_max,
        told_again_after: Duration::from_secs(config.vacation_days.saturating_mul(86_400)),
        ..Limits::default()
    }
}

/// The verbs of the store for mail, as configured.
pub(crate) fn desk(house: &House) -> Desk {
    let patience = Duration::from_secs(house.config.mail.give_up_hours.saturating_mul(3_600));
    let schedule = Schedule::mail().giving_up_after(patience);
    let signer = Arc::new(ReportSigner::new(house));
    Desk::new(house.store.clone(), house.host.clone(), limits(house), schedule).signing_with(signer)
}

/// Sets the mail doors to work.
pub(crate) fn start(
    house: &Arc<House>,
    path: &Arc<MailPath>,
    (opened, local): (Vec<Opened>, Option<LocalDoor>),
    own: Option<&OwnKey>,
) -> anyhow::Result<()> {
    let config = &house.config.mail;
    let bounds = Bounds::new(config.connections_max, config.connections_per_address_max);
    let relays = Relays::parse("mail.proxy_from", &config.proxy_from)?;
    let asker = Arc::new(Asker::new(&house.config));
    let fronts = Arc::new(Fronts::new(&house.config)?);
    let needs_tls =
        opened.iter().any(|door| door.name.starts_with("submission") && !door.listeners.is_empty());
    let tls = acceptor(house, own, needs_tls)?;
    let server = |role, implicit_tls| {
        Arc::new(Server {
            house: house.clone(),
            path: path.clone(),
            desk: desk(house),
            limits: limits(house),
            tls: tls.clone(),
            end_point: own.and_then(tls::end_point),
            asker: asker.clone(),
            fronts: fronts.clone(),
            bounds: bounds.clone(),
            role,
            implicit_tls,
        })
    };
    for door in opened {
        let Some((_, role, implicit_tls)) = DOORS.into_iter().find(|(name, ..)| *name == door.name) else {
            continue;
        };
        let server = server(role, implicit_tls);
        let serve = move |stream, peer: std::net::SocketAddr| {
            server.clone().visit(Wire::Plain(stream), peer.ip().to_canonical())
        };
        listen::attend_fronts(house, door, &bounds, (&relays, &fronts.networks), serve);
    }
    if let Some(local) = local {
        let server = server(Role::Lmtp, false);
        let serve = move |stream| server.clone().visit(Wire::Local(stream), THIS_MACHINE);
        local_door::attend(house, local, "lmtp", &bounds, serve);
    }
    Ok(())
}

/// TLS for the mail doors. Without a certificate port 25 still takes mail, as it must; nobody can sign in.
fn acceptor(house: &House, own: Option<&OwnKey>, is_needed: bool) -> anyhow::Result<Option<TlsAcceptor>> {
    match own {
        Some(own) => {
            let clients = external::verifier(&house.config)?;
            Ok(Some(TlsAcceptor::from(tls::server_asking(own, &[], clients)?)))
        }
        None if is_needed => {
            anyhow::bail!("submission needs tls.certificate and tls.key (thiếu chứng thư TLS)")
        }
        None => Ok(None),
    }
}

/// What serves the connections of a mail door.
struct Server {
    house: Arc<House>,
    path: Arc<MailPath>,
    desk: Desk,
    limits: Limits,
    tls: Option<TlsAcceptor>,
    role: Role,
    implicit_tls: bool,
    /// Tells the names of hosts that connect.
    asker: Arc<Asker>,
    fronts: Arc<Fronts>,
    /// What counts the clients of front ends.
    bounds: Arc<Bounds>,
    /// The digest of our certificate, for channel binding.
    end_point: Option<Vec<u8>>,
}

impl Server {
    /// Serves one connection to its end.
    async fn visit(self: Arc<Self>, mut wire: Wire, ip: IpAddr) {
        let mut agreed = None;
        if self.implicit_tls {
            agreed = self.begin_tls(&mut wire).await;
            if agreed.is_none() {
                return;
            }
        }
        let front = self.fronts.trust(ip);
        // Of a front end nobody wants to know; of the client that it names, it says so.
        let found = match (self.role, front) {
            (Role::Mx, Front::Nobody) => reverse_name::find(&self.asker, ip).await,
            _ => reverse_name::Found::default(),
        };
        let facts = smtp::receive::Facts {
            host: self.house.host.clone(),
            session_id: draw_id(&self.house),
            client: Client {
                ip,
                reverse_name: found.name,
                iprev: found.verdict,
                name: None,
                extended: false,
                tls: agreed,
                signed_in_as: None,
            },
            starttls: self.tls.is_some() && matches!(wire, Wire::Plain(_)),
            mechanisms: sasl::offered(&self.house),
            front,
        };
        let turned = Turned::new(self.role, facts.session_id.clone(), &facts.client);
        let session = Session::new(self.house.now(), self.role, self.limits.clone(), facts);
        let visit = Visit {
            server: &self,
            wire,
            session,
            ip,
            wake: None,
            told_of_stop: false,
            signing_in: None,
            still: None,
            _counted: None,
            turned,
        };
        visit.run().await;
    }

    /// The handshake; `None` when it failed, and then the connection is of no use.
    async fn begin_tls(&self, wire: &mut Wire) -> Option<Tls> {
        let acceptor = self.tls.as_ref()?;
        match tokio::time::timeout(HANDSHAKE, wire.accept_tls(acceptor)).await {
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

    fn count(&self, outcome: &'static str) {
        self.house.metrics.mail_in.get_or_create(&Outcome { outcome }).inc();
    }
}

/// Letters and digits that never repeat: it names the conversation in traces and Message-IDs.
pub(crate) fn draw_id(house: &House) -> String {
    let mut random = [0u8; 10];
    house.chance.fill(&mut random);
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One connection at work.
struct Visit<'a> {
    server: &'a Server,
    wire: Wire,
    session: Session,
    ip: IpAddr,
    wake: Option<Timestamp>,
    told_of_stop: bool,
    signing_in: Option<SigningIn>,
    /// Who signed in.
    still: Option<Still>,
    /// The client of a front end counts as long as it is here.
    _counted: Option<Admitted>,
    turned: Turned,
}

impl Visit<'_> {
    async fn run(mut self) {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            while let Some(ask) = self.session.next() {
                if !self.act(ask).await {
                    self.turned.remember(&self.server.desk, self.server.house.now()).await;
                    return self.wire.close().await;
                }
            }
            if self.may_stay().await && !self.listen(&mut buffer).await {
                return self.turned.remember(&self.server.desk, self.server.house.now()).await;
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.server.house.now()
    }

    /// Does what the session asks; false ends the connection.
    async fn act(&mut self, ask: Ask) -> bool {
        let answer = match ask {
            Ask::Write(bytes) => {
                let patience = self.server.limits.command_patience;
                return matches!(tokio::time::timeout(patience, self.wire.write(&bytes)).await, Ok(Ok(())));
            }
            Ask::WakeAt(at) => {
                self.wake = Some(at);
                return true;
            }
            Ask::Close => return false,
            Ask::StartTls => match self.server.begin_tls(&mut self.wire).await {
                Some(tls) => Answer::TlsStarted(tls),
                None => return false,
            },
            Ask::SignIn(step) => {
                let answer = self.sign_in(step).await;
                self.turned.sign_in(answer)
            }
            Ask::Introduced { client, login } => self.introduce(client, login).await,
            Ask::Sender { reverse_path, client } => {
                let desk = &self.server.desk;
                let outcome = desk.sender(self.server.role, &reverse_path, &client, self.now()).await;
                self.turned.sender(permitted(outcome))
            }
            Ask::Recipient { recipient, client, .. } => {
                let desk = &self.server.desk;
                let outcome = desk.recipient(self.server.role, &recipient, &client, self.now()).await;
                self.turned.recipient(permitted(outcome))
            }
            Ask::Accept(arrived) => {
                let server = self.server;
                let kept = server.desk.accept(server.role, *arrived, &*server.path, self.now()).await;
                self.server.count(match &kept {
                    Ok(()) => "accepted",
                    Err(refusal) if refusal.to_reply().is_permanent() => "refused",
                    Err(_) => "deferred",
                });
                // `Ok` only after the commit: this answer leads to `250`.
                kept.map_or_else(|refusal| Answer::Refused(told(&refusal)), |()| Answer::Stored)
            }
        };
        let now = self.now();
        self.session.answer_arrived(now, answer);
        true
    }

    /// A front end says for whom it stands.
    async fn introduce(&mut self, client: Client, login: Option<mail::EmailAddress>) -> Answer {
        let server = self.server;
        let house = &server.house;
        match front::introduce(house, (server.role, &server.asker, &server.bounds), client, login).await {
            Ok(introduced) => {
                self.ip = introduced.client.ip;
                self.still = introduced.signed_in.map(|signed_in| Still::new(house, signed_in.standing()));
                self.turned.is_of(&introduced.client);
                self._counted = Some(introduced.counted);
                Answer::Introduced(introduced.client)
            }
            Err(refused) => refused,
        }
    }

    /// Asks, when it is time to, whether whoever signed in may still be here; if not, the session says so and ends.
    async fn may_stay(&mut self) -> bool {
        let Some(still) = self.still.as_mut().filter(|still| still.is_due()) else { return true };
        let house = &self.server.house;
        let Err(over) = still.ask(house).await else { return true };
        self.still = None;
        let said = over.said();
        self.session.sign_in_is_over(house.now(), &said.vi, &said.en);
        false
    }

    /// A step of AUTH. The answer names the account by its id.
    async fn sign_in(&mut self, step: SignIn) -> Answer {
        let house = &self.server.house;
        let outcome = match step {
            SignIn::Begin { mechanism, initial } => {
                let end_point = self.server.end_point.as_deref();
                self.signing_in = SigningIn::begin(mechanism, self.ip, &self.wire, end_point);
                match &mut self.signing_in {
                    Some(signing_in) => signing_in.first(house, initial).await,
                    None => sasl::Outcome::NotUnderstood,
                }
            }
            SignIn::Message(message) => match &mut self.signing_in {
                Some(signing_in) => signing_in.step(house, message).await,
                None => sasl::Outcome::NotUnderstood,
            },
        };
        match outcome {
            sasl::Outcome::Challenge(challenge) => Answer::Challenge(challenge),
            sasl::Outcome::SignedIn(standing) => {
                self.still = Some(Still::new(house, standing));
                Answer::SignedIn(standing.account_id().to_string())
            }
            sasl::Outcome::NotUnderstood => Answer::Refused(table::AUTH_CANCELLED.reply()),
            sasl::Outcome::MustChangePassword => Answer::Refused(table::PASSWORD_MUST_CHANGE.reply()),
            sasl::Outcome::Refused(refusal) => Answer::Refused(not_signed_in(&refusal)),
        }
    }

    /// Waits for bytes, time or the end of the house; false when the client has gone.
    async fn listen(&mut self, buffer: &mut [u8]) -> bool {
        let room = self.session.room().min(buffer.len());
        let now = self.now();
        let wake = self.wake;
        let sleep = async {
            match wake {
                Some(at) => tokio::time::sleep(at.since(now)).await,
                None => std::future::pending().await,
            }
        };
        let still = self.still;
        let look_again = async {
            match still {
                Some(still) => still.due().await,
                None => std::future::pending().await,
            }
        };
        let stop = &self.server.house.stop;
        tokio::select! {
            read = self.wire.read(&mut buffer[..room]), if room > 0 => match read {
                Ok(count) if count > 0 => {
                    let now = self.server.house.now();
                    self.session.bytes_arrived(now, &buffer[..count]);
                }
                _ => return false,
            },
            () = look_again => {}
            () = sleep => {
                let now = self.server.house.now();
                // Clocks differ by a little: who wakes too early sleeps again.
                if wake.is_some_and(|at| at <= now) {
                    self.wake = None;
                    self.session.time_passed(now);
                }
            }
            () = stop.cancelled(), if !self.told_of_stop => {
                self.told_of_stop = true;
                let now = self.server.house.now();
                self.session.house_closes(now);
            }
        }
        true
    }
}

fn permitted(outcome: Result<(), Refusal>) -> Answer {
    outcome.map_or_else(|refusal| Answer::Refused(told(&refusal)), |()| Answer::Permitted)
}

/// What the client hears; the store's trouble goes to the log.
fn told(refusal: &Refusal) -> Reply {
    if let Some(error) = refusal.trouble() {
        tracing::warn!("mail was not taken: {error}");
    }
    refusal.to_reply()
}

/// The one place where a refused sign-in becomes a reply (RFC 4954 §6; the statuses are RFC 5248's).
fn not_signed_in(refusal: &SignInRefusal) -> Reply {
    let (code, status) = match refusal {
        SignInRefusal::Wrong => return table::BAD_CREDENTIALS.reply(),
        SignInRefusal::Busy => return table::AUTH_UNAVAILABLE.reply(),
        SignInRefusal::Store(error) => {
            tracing::warn!("signing in failed in the store: {error}");
            return table::AUTH_UNAVAILABLE.reply();
        }
        SignInRefusal::Disabled(_) => (525, "5.7.13"),
        SignInRefusal::OneTimeExpired => (535, "5.7.8"),
        SignInRefusal::LockedUntil(_) => (454, "4.7.0"),
    };
    let said = refusal.said();
    Reply::new(code, status.parse().ok(), [said.vi, said.en])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refused_sign_in_has_a_reply_of_its_class() {
        let rows = [
            (SignInRefusal::Wrong, "535 5.7.8"),
            (SignInRefusal::Disabled(store::AccountState::Locked), "525 5.7.13"),
            (SignInRefusal::OneTimeExpired, "535 5.7.8"),
            (SignInRefusal::LockedUntil(Timestamp::from_secs(0)), "454 4.7.0"),
            (SignInRefusal::Busy, "454 4.7.0"),
            (SignInRefusal::Store(store::Error::Busy), "454 4.7.0"),
        ];
        for (refusal, expected) in rows {
            let said = not_signed_in(&refusal).to_string();
            assert!(said.starts_with(expected), "{said}");
        }
    }
}
