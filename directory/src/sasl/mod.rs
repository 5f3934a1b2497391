//! Signing in over a connection: SASL (RFC 4422), the same for every protocol that speaks it.
//!
//! ```text
//!   protocol ── mechanism, first message ──► Exchange::begin ─► step ─┬─► Challenge: say this, come back with the answer
//!            ── answer ────────────────────────────────────────► step ─┼─► SignedIn
//!                                                                      └─► Failure: the exchange is over
//! ```
//!
//! A protocol carries the messages and knows nothing of what is in them. Failures are counted by [`SignIn`], whatever the mechanism.

mod bearer;
mod scram;

use std::net::IpAddr;

use mail::{Chance, EmailAddress, Secret, Timestamp};
use store::{Account, Store};

use crate::sign_in::{Checked, Claim, HashWork, Refusal, SignIn, SignedIn};
use crate::tokens::{Held, TokenFault};

pub use bearer::Issuer;
pub use scram::Verifier;

/// Octets of one message, at most: a long token, and far more than any password.
const MESSAGE_MAX: usize = 8 * 1024;

/// How somebody signs in. Only over an encrypted connection (RULES M35).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// The password as it is (RFC 4616).
    Plain,
    /// The same in two messages; never standardised, and the only one that some clients know.
    Login,
    /// The password never leaves the client (RFC 7677).
    ScramSha256,
    /// As before, bound to this very connection, so that nobody in between can pass it on (RFC 5802 §6).
    ScramSha256Plus,
    /// A token of the single sign-on (RFC 7628).
    OAuthBearer,
    /// The same as some clients knew it before there was a standard.
    XOAuth2,
    /// The certificate that TLS has seen (RFC 4422 appendix A).
    External,
}

impl Mechanism {
    /// All, best first.
    pub const ALL: [Self; 7] = [
        Self::External,
        Self::ScramSha256Plus,
        Self::ScramSha256,
        Self::OAuthBearer,
        Self::XOAuth2,
        Self::Plain,
        Self::Login,
    ];

    /// Its registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::OAuthBearer => "OAUTHBEARER",
            Self::XOAuth2 => "XOAUTH2",
            Self::External => "EXTERNAL",
        }
    }

    /// Whether it takes tokens, which only an installation with a single sign-on knows.
    pub const fn takes_tokens(self) -> bool {
        matches!(self, Self::OAuthBearer | Self::XOAuth2)
    }

    /// By its name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }
}

/// What is known of the connection that somebody signs in over.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Where it comes from.
    pub source: IpAddr,
    /// `tls-exporter` (RFC 9266), when TLS gives one.
    pub exporter: Option<[u8; 32]>,
    /// `tls-server-end-point` (RFC 5929 §4): the digest of our certificate.
    pub end_point: Option<Vec<u8>>,
    /// Who the client is by its certificate, if it has shown one.
    pub holder: Option<Holder>,
}

/// What a certificate says that TLS has found good.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The addresses of its subject.
    pub addresses: Vec<EmailAddress>,
    /// Until when it holds.
    pub until: Timestamp,
    /// Its digest.
    pub fingerprint: [u8; 32],
}

impl Holder {
    /// Whom the client wants to be: one of the addresses, or the first where it does not say (RFC 4422 appendix A.1).
    fn acts_as(&self, wanted: &str) -> Option<EmailAddress> {
        if wanted.is_empty() {
            return self.addresses.first().cloned();
        }
        let wanted: EmailAddress = wanted.parse().ok()?;
        self.addresses.iter().any(|one| one.folded() == wanted.folded()).then_some(wanted)
    }
}

/// Why an exchange ended without a sign-in.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The client's message is none of this mechanism's.
    #[error("the message is not one of the mechanism")]
    NotUnderstood,
    /// Somebody is not let in.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// What a message led to.
#[derive(Debug)]
pub enum Step {
    /// Say this to the client, and hand in what it answers.
    Challenge(Vec<u8>),
    /// Let in.
    SignedIn(Box<SignedIn>),
}

/// What an exchange does its work with.
pub struct Means<'a> {
    /// Judges and counts.
    pub door: &'a SignIn,
    /// The memory.
    pub store: &'a Store,
    /// Draws nonces.
    pub chance: &'a dyn Chance,
    /// The present moment.
    pub now: Timestamp,
    /// The single sign-on, if there is one.
    pub issuer: Option<Issuer<'a>>,
}

/// Where an exchange stands.
enum State {
    /// The first message is awaited.
    Begun,
    /// LOGIN: the password of this name is awaited.
    Password(String),
    /// SCRAM: the proof is awaited.
    Proof(Box<scram::Proof>),
    /// SCRAM: our own proof was said; the client's empty answer is awaited (RFC 5802 §5, RFC 4954 §4).
    Proven(Box<SignedIn>),
    /// A token opened nothing, which the client was told; it answers, and is refused (RFC 7628 §3.2.3).
    Told(Refusal),
    /// Nothing more is taken.
    Over,
}

/// One sign-in under way.
pub struct Exchange {
    mechanism: Mechanism,
    channel: Channel,
    state: State,
}

impl Exchange {
    /// Somebody has named a mechanism.
    pub fn begin(mechanism: Mechanism, channel: Channel) -> Self {
        Self { mechanism, channel, state: State::Begun }
    }

    /// Whether a token is awaited.
    pub fn takes_tokens(&self) -> bool {
        self.mechanism.takes_tokens()
    }

    /// What to say when the client named the mechanism and sent nothing with it.
    pub fn first_challenge(&self) -> Vec<u8> {
        match self.mechanism {
            Mechanism::Login => b"Username:".to_vec(),
            _ => Vec::new(),
        }
    }

    /// The client's next message. `blocking` as for [`SignIn::sign_in`].
    ///
    /// # Errors
    /// [`Failure`]; then the exchange is over.
    pub async fn step<F, Fut>(
        &mut self,
        means: &Means<'_>,
        message: Secret<Vec<u8>>,
        blocking: F,
    ) -> Result<Step, Failure>
    where
        F: FnOnce(HashWork) -> Fut,
        Fut: Future<Output = Option<Checked>>,
    {
        if message.expose_secret().len() > MESSAGE_MAX {
            return Err(Failure::NotUnderstood);
        }
        match (self.mechanism, std::mem::replace(&mut self.state, State::Over)) {
            (Mechanism::Plain, State::Begun) => {
                let (identity, password) = plain(&message).ok_or(Failure::NotUnderstood)?;
                self.by_password(means, &identity, password, blocking).await
            }
            (Mechanism::Login, State::Begun) => {
                let identity = text(&message).filter(|name| !name.expose_secret().is_empty());
                let identity = identity.ok_or(Failure::NotUnderstood)?.expose_secret().clone();
                self.state = State::Password(identity);
                Ok(Step::Challenge(b"Password:".to_vec()))
            }
            (Mechanism::Login, State::Password(identity)) => {
                let password = text(&message).ok_or(Failure::NotUnderstood)?;
                self.by_password(means, &identity, password, blocking).await
            }
            (Mechanism::ScramSha256 | Mechanism::ScramSha256Plus, State::Begun) => {
                let bound = self.mechanism == Mechanism::ScramSha256Plus;
                let first = scram::First::read(text(&message).as_ref(), &self.channel, bound);
                let (proof, challenge) =
                    first.ok_or(Failure::NotUnderstood)?.challenge(means, &self.channel).await?;
                self.state = State::Proof(Box::new(proof));
                Ok(Step::Challenge(challenge))
            }
            (Mechanism::ScramSha256 | Mechanism::ScramSha256Plus, State::Proof(proof)) => {
                let message = text(&message).ok_or(Failure::NotUnderstood)?;
                let (signed_in, ours) = proof.check(means, &message)?;
                self.state = State::Proven(Box::new(signed_in));
                Ok(Step::Challenge(ours))
            }
            (Mechanism::OAuthBearer | Mechanism::XOAuth2, State::Begun) => {
                self.by_token(means, &message).await
            }
            (Mechanism::External, State::Begun) => self.by_certificate(means, &message).await,
            (_, State::Told(refusal)) => Err(refusal.into()),
            (_, State::Proven(signed_in)) if message.expose_secret().is_empty() => {
                Ok(Step::SignedIn(signed_in))
            }
            _ => Err(Failure::NotUnderstood),
        }
    }

    async fn by_token(&mut self, means: &Means<'_>, message: &Secret<Vec<u8>>) -> Result<Step, Failure> {
        let message = text(message).ok_or(Failure::NotUnderstood)?;
        let shown = match self.mechanism {
            Mechanism::OAuthBearer => bearer::oauthbearer(message.expose_secret()),
            _ => bearer::xoauth2(message.expose_secret()),
        };
        let shown = shown.ok_or(Failure::NotUnderstood)?;
        let issuer = means.issuer.as_ref().ok_or(Failure::NotUnderstood)?;
        let token = shown.token.expose_secret().as_bytes();
        let attempt = means.door.attempt(&shown.address, self.channel.source, token, means.now)?;
        let judged = issuer.keys.judge(&shown.token, issuer.rules, means.now);
        let is_holder = |held: &&Held| held.address.folded() == shown.address.folded();
        let account = match judged.as_ref().ok().filter(is_holder) {
            Some(held) => account_at(means, &shown.address).await?.map(|account| (account, held.until)),
            None => None,
        };
        match means.door.shown_token(&attempt, account, shown.address, means.now) {
            Ok(signed_in) => Ok(Step::SignedIn(Box::new(signed_in))),
            Err(refusal) => {
                self.state = State::Told(refusal);
                Ok(Step::Challenge(bearer::told(judged.err().unwrap_or(TokenFault::Nobody))))
            }
        }
    }

    /// Nobody acts for somebody else: who is wanted is whom the certificate names. Its authority has looked at who it is, and TLS at whether the
    /// client has its key.
    async fn by_certificate(
        &mut self,
        means: &Means<'_>,
        message: &Secret<Vec<u8>>,
    ) -> Result<Step, Failure> {
        let wanted = text(message).ok_or(Failure::NotUnderstood)?;
        let holder = self.channel.holder.as_ref().ok_or(Failure::NotUnderstood)?;
        let address = holder.acts_as(wanted.expose_secret()).ok_or(Refusal::Wrong)?;
        let attempt = means.door.attempt(&address, self.channel.source, &holder.fingerprint, means.now)?;
        let account = account_at(means, &address).await?.filter(|_| holder.until > means.now);
        let shown = account.map(|account| (account, holder.until));
        Ok(Step::SignedIn(Box::new(means.door.shown_token(&attempt, shown, address, means.now)?)))
    }

    async fn by_password<F, Fut>(
        &self,
        means: &Means<'_>,
        identity: &str,
        password: Secret<String>,
        blocking: F,
    ) -> Result<Step, Failure>
    where
        F: FnOnce(HashWork) -> Fut,
        Fut: Future<Output = Option<Checked>>,
    {
        let address = identity.parse().map_err(|_| Refusal::Wrong)?;
        let claim = Claim { address, password, source: self.channel.source };
        let signed_in = means.door.sign_in(means.store, claim, means.now, blocking).await?;
        Ok(Step::SignedIn(Box::new(signed_in)))
    }
}

async fn account_at(means: &Means<'_>, address: &EmailAddress) -> Result<Option<Account>, Refusal> {
    let found = means.store.read((address.clone(), means.now), |tx, (address, now)| {
        Box::pin(async move { tx.account_at(address, *now).await })
    });
    found.await.map_err(Refusal::Store)
}

fn text(message: &Secret<Vec<u8>>) -> Option<Secret<String>> {
    let text = std::str::from_utf8(message.expose_secret()).ok()?;
    (!text.contains('\0')).then(|| Secret::from(text))
}

/// `[authzid] NUL authcid NUL passwd` (RFC 4616 §2). Nobody acts for somebody else here: a delegate signs in as themselves
/// and sends as what is theirs.
fn plain(message: &Secret<Vec<u8>>) -> Option<(String, Secret<String>)> {
    let text = std::str::from_utf8(message.expose_secret()).ok()?;
    let mut parts = text.split('\0');
    let (Some(acting_for), Some(identity), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let is_self = acting_for.is_empty() || acting_for.eq_ignore_ascii_case(identity);
    let is_whole = !identity.is_empty() && !password.is_empty();
    (is_self && is_whole).then(|| (identity.to_owned(), Secret::from(password)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn rfc_4616_section_2_plain() {
        let rows = [
            ("\0tim\0tanstaaftanstaaf",      Some(("tim", "tanstaaftanstaaf"))),
            ("tim\0tim\0a",                  Some(("tim", "a"))),
            ("Tim\0tim\0a",                  Some(("tim", "a"))),
            ("Ursel\0Kurt\0xipj3plmq",       None),  // nobody acts for somebody else
            ("tim\0a",                       None),
            ("\0tim\0",                      None),
            ("\0\0a",                        None),
            ("a\0b\0c\0d",                   None),
        ];
        for (text, expected) in rows {
            let found = plain(&Secret::new(text.as_bytes().to_vec()));
            let found = found.as_ref().map(|(identity, password)| (identity.as_str(), password.expose_secret().as_str()));
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn rfc_4422_appendix_a_who_a_certificate_lets_be() {
        let holder = |addresses: &[&str]| Holder {
            addresses: addresses.iter().map(|one| one.parse().unwrap()).collect(),
            until: Timestamp::from_secs(0),
            fingerprint: [0; 32],
        };
        let two: &[&str] = &["an@a.vn", "vanthu@a.vn"];
        let rows = [
            (two, "",             Some("an@a.vn")),
            (two, "vanthu@a.vn",  Some("vanthu@a.vn")),
            (two, "VanThu@A.vn",  Some("VanThu@a.vn")),
            (two, "binh@a.vn",    None),
            (two, "an",           None),
            (&[], "",             None),
            (&[], "an@a.vn",      None),
        ];
        for (addresses, wanted, expected) in rows {
            let found = holder(addresses).acts_as(wanted).map(|address| address.to_string());
            assert_eq!(found.as_deref(), expected, "{addresses:?} {wanted:?}");
        }
    }

    #[test]
    fn mechanisms_by_name() {
        for mechanism in Mechanism::ALL {
            assert_eq!(Mechanism::from_name(&mechanism.name().to_lowercase()), Some(mechanism));
        }
        assert_eq!(Mechanism::from_name("CRAM-MD5"), None);
    }
}
