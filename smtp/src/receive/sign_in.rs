//! AUTH (RFC 4954), inside TLS only (RULES M35). The messages of the mechanism are carried to whoever judges them and back; what is in
//! them is no business of this room.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail::Secret;

use super::moment::{Awaiting, Greeted, Moment};
use super::{Ask, Role, Session, SignIn};
use crate::Error;
use crate::codec::{Reply, table};

impl Session {
    pub(super) fn auth(&mut self, mechanism: &str, initial: Option<Secret<String>>) -> Result<(), Error> {
        if self.role != Role::Submission {
            return Err(Error::NotImplemented("AUTH"));
        }
        match self.moment {
            _ if self.client.tls.is_none() => {
                self.say(&table::ENCRYPTION_NEEDED.reply());
                return Ok(());
            }
            Moment::Connected => return Err(Error::OutOfSequence("EHLO first")),
            _ if self.client.signed_in_as.is_some() => return Err(Error::OutOfSequence("already signed in")),
            Moment::Greeted(_) => {}
            _ => return Err(Error::OutOfSequence("a message is under way")),
        }
        let offered = self.offered_mechanisms().find(|name| *name == mechanism);
        let mechanism = offered.ok_or(Error::UnknownMechanism)?;
        let initial = match initial.map(|initial| decode(&initial)) {
            Some(None) => {
                self.sign_in_failed();
                return Ok(());
            }
            Some(Some(initial)) => Some(initial),
            None => None,
        };
        self.ask_sign_in(SignIn::Begin { mechanism, initial });
        Ok(())
    }

    /// EXTERNAL only to who has shown a certificate (RFC 4422 appendix A).
    pub(super) fn offered_mechanisms(&self) -> impl Iterator<Item = &'static str> {
        let is_certified = self.client.tls.as_ref().is_some_and(|tls| tls.is_certified);
        self.mechanisms.iter().copied().filter(move |name| is_certified || *name != "EXTERNAL")
    }

    /// The mechanism wants to hear more.
    pub(super) fn challenged(&mut self, challenge: &[u8]) {
        self.say(&Reply::new(334, None, [STANDARD.encode(challenge)]));
        self.moment = Moment::SigningIn;
    }

    /// A line that answers a challenge.
    pub(super) fn sign_in_line(&mut self, line: Vec<u8>) {
        self.moment = Moment::Greeted(Greeted);
        let line = Secret::new(String::from_utf8(line).unwrap_or_default());
        match decode(&line) {
            Some(message) => self.ask_sign_in(SignIn::Message(message)),
            // `*`, or no base64 (RFC 4954 §4).
            None => self.sign_in_failed(),
        }
    }

    fn ask_sign_in(&mut self, step: SignIn) {
        self.wish = Some(Ask::SignIn(step));
        self.awaiting = Awaiting::SignIn;
    }

    fn sign_in_failed(&mut self) {
        self.not_signed_in(table::AUTH_CANCELLED.reply());
    }

    pub(super) fn signed_in(&mut self, name: String) {
        self.client.signed_in_as = Some(name);
        self.say(&table::AUTHENTICATED.reply());
    }

    pub(super) fn not_signed_in(&mut self, reply: Reply) {
        self.auth_failures += 1;
        self.say(&reply);
        if self.auth_failures >= self.limits.auth_failures_max {
            self.close_with(table::TOO_MANY_ERRORS.reply());
        }
    }
}

fn decode(base64: &Secret<String>) -> Option<Secret<Vec<u8>>> {
    STANDARD.decode(base64.expose_secret()).ok().map(Secret::new)
}
