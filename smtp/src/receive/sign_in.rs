//! AUTH PLAIN (RFC 4616) and AUTH LOGIN, inside TLS only (RFC 4954; RULES M35).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail::Secret;

use super::moment::{Awaiting, Moment, SigningIn};
use super::{Ask, Credentials, Role, Session};
use crate::Error;
use crate::codec::{Mechanism, Reply, table};

/// `Username:` and `Password:` in base64, as clients expect them to the letter.
const LOGIN_NAME: &str = "VXNlcm5hbWU6";
const LOGIN_PASSWORD: &str = "UGFzc3dvcmQ6";

impl Session {
    pub(super) fn auth(
        &mut self,
        mechanism: Mechanism,
        initial: Option<Secret<String>>,
    ) -> Result<(), Error> {
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
        let step = match mechanism {
            Mechanism::Plain => SigningIn::Plain,
            Mechanism::Login => SigningIn::LoginName,
        };
        match initial {
            Some(initial) => self.sign_in_step(step, &initial),
            None => self.challenge(step),
        }
        Ok(())
    }

    fn challenge(&mut self, step: SigningIn) {
        let words = match step {
            SigningIn::Plain => "",
            SigningIn::LoginName => LOGIN_NAME,
            SigningIn::LoginPassword(_) => LOGIN_PASSWORD,
        };
        self.say(&Reply::new(334, None, [words]));
        self.moment = Moment::SigningIn(step);
    }

    /// A line that answers a challenge.
    pub(super) fn sign_in_line(&mut self, step: SigningIn, line: Vec<u8>) {
        let line = Secret::new(String::from_utf8(line).unwrap_or_default());
        if line.expose_secret() == "*" {
            return self.sign_in_failed();
        }
        self.sign_in_step(step, &line);
    }

    fn sign_in_step(&mut self, step: SigningIn, base64: &Secret<String>) {
        let Some(text) = decode(base64) else {
            return self.sign_in_failed();
        };
        match step {
            SigningIn::Plain => match plain(&text) {
                Some(credentials) => self.authenticate(credentials),
                None => self.sign_in_failed(),
            },
            SigningIn::LoginName => {
                self.challenge(SigningIn::LoginPassword(text.expose_secret().clone()));
            }
            SigningIn::LoginPassword(identity) if identity.is_empty() || identity.contains('\0') => {
                self.sign_in_failed();
            }
            SigningIn::LoginPassword(identity) => self.authenticate(Credentials {
                mechanism: Mechanism::Login,
                identity,
                acting_for: None,
                password: text,
            }),
        }
    }

    fn authenticate(&mut self, credentials: Credentials) {
        self.wish = Some(Ask::Authenticate(credentials));
        self.awaiting = Awaiting::Authentication;
    }

    /// Cancelled with `*`, or no base64 (RFC 4954 §4).
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

fn decode(base64: &Secret<String>) -> Option<Secret<String>> {
    let bytes = STANDARD.decode(base64.expose_secret()).ok()?;
    String::from_utf8(bytes).ok().map(Secret::new)
}

/// `[authzid] NUL authcid NUL passwd` (RFC 4616 §2).
fn plain(text: &Secret<String>) -> Option<Credentials> {
    let mut parts = text.expose_secret().split('\0');
    let (Some(acting_for), Some(identity), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    if identity.is_empty() || password.is_empty() {
        return None;
    }
    Some(Credentials {
        mechanism: Mechanism::Plain,
        identity: identity.to_owned(),
        acting_for: (!acting_for.is_empty() && acting_for != identity).then(|| acting_for.to_owned()),
        password: Secret::from(password),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn rfc_4616_section_2_plain() {
        let rows = [
            ("\0tim\0tanstaaftanstaaf",      Some(("tim", None, "tanstaaftanstaaf"))),
            ("Ursel\0Kurt\0xipj3plmq",       Some(("Kurt", Some("Ursel"), "xipj3plmq"))),
            ("tim\0tim\0a",                  Some(("tim", None, "a"))),
            ("tim\0a",                       None),
            ("\0tim\0",                      None),
            ("\0\0a",                        None),
            ("a\0b\0c\0d",                   None),
        ];
        for (text, expected) in rows {
            let found = plain(&Secret::from(text));
            let found = found.as_ref().map(|c| (c.identity.as_str(), c.acting_for.as_deref(), c.password.expose_secret().as_str()));
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
