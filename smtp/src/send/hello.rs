//! From the greeting to the moment when mail may flow.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Credentials, Expect, Mechanism, Session, TlsPolicy};
use crate::Error;
use crate::codec::Reply;

/// What the peer offers, from its reply to EHLO.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offers {
    pub(super) pipelining: bool,
    /// SIZE was offered; with the limit, unless that is 0 or unsaid (RFC 1870 §3).
    pub(super) size: Option<Option<u64>>,
    pub(super) eight_bit: bool,
    pub(super) smtputf8: bool,
    pub(super) dsn: bool,
    pub(super) require_tls: bool,
    pub(super) priority: bool,
    pub(super) chunking: bool,
    pub(super) binary: bool,
    /// DELIVERBY was offered; with the least time of a message that is given back when late, 0 when that is unsaid (RFC 2852 §3).
    pub(super) deliver_by: Option<i64>,
    pub(super) starttls: bool,
    pub(super) auth_plain: bool,
    pub(super) auth_login: bool,
}

impl Offers {
    /// Reads the lines after the first.
    pub(super) fn read(reply: &Reply) -> Self {
        let mut offers = Self::default();
        for line in reply.lines().iter().skip(1) {
            let line = line.to_ascii_uppercase();
            let mut words = line.split([' ', '=']).filter(|word| !word.is_empty());
            match words.next() {
                Some("PIPELINING") => offers.pipelining = true,
                Some("SIZE") => {
                    let limit = words.next().and_then(|digits| digits.parse().ok());
                    offers.size = Some(limit.filter(|limit| *limit > 0));
                }
                Some("8BITMIME") => offers.eight_bit = true,
                Some("SMTPUTF8") => offers.smtputf8 = true,
                Some("REQUIRETLS") => offers.require_tls = true,
                Some("MT-PRIORITY") => offers.priority = true,
                Some("CHUNKING") => offers.chunking = true,
                Some("BINARYMIME") => offers.binary = true,
                Some("DELIVERBY") => {
                    let least = words.next().and_then(|digits| digits.parse().ok());
                    offers.deliver_by = Some(least.unwrap_or(0).max(0));
                }
                Some("DSN") => offers.dsn = true,
                Some("STARTTLS") => offers.starttls = true,
                // Some servers say it twice, in the old form and in the new.
                Some("AUTH") => {
                    for word in words {
                        offers.auth_plain |= word == "PLAIN";
                        offers.auth_login |= word == "LOGIN";
                    }
                }
                _ => {}
            }
        }
        offers
    }
}

impl Session {
    pub(super) fn greeted(&mut self, reply: Reply) {
        match reply.code() {
            220 => self.ehlo(),
            _ => self.fault(Error::Unwelcome(reply)),
        }
    }

    fn ehlo(&mut self) {
        let line = format!("EHLO {}", self.terms.name);
        self.command(&line, Expect::Ehlo);
    }

    pub(super) fn ehlo_answered(&mut self, reply: Reply) {
        if reply.is_positive() {
            self.offers = Offers::read(&reply);
            self.secure();
        } else if reply.is_permanent() {
            // A server from before 1993 (RFC 5321 §3.2).
            let line = format!("HELO {}", self.terms.name);
            self.command(&line, Expect::Helo);
        } else {
            self.fault(Error::Unwelcome(reply));
        }
    }

    pub(super) fn helo_answered(&mut self, reply: Reply) {
        match reply.is_positive() {
            true => self.secure(),
            false => self.fault(Error::Unwelcome(reply)),
        }
    }

    /// TLS, as policy wants it and the peer offers it.
    fn secure(&mut self) {
        match self.terms.tls {
            _ if self.tls => self.sign_in(),
            // RFC 8689 §4.2.1: not to this host.
            _ if !self.offers.starttls && self.wants_require_tls() => self.fault(Error::NoRequireTls),
            TlsPolicy::None => self.sign_in(),
            _ if self.offers.starttls => self.command("STARTTLS", Expect::StartTls),
            TlsPolicy::Opportunistic => self.sign_in(),
            TlsPolicy::Required => self.fault(Error::NoTls),
        }
    }

    fn wants_require_tls(&self) -> bool {
        self.waiting.as_ref().is_some_and(|delivery| delivery.require_tls)
    }

    pub(super) fn starttls_answered(&mut self, reply: &Reply) {
        match (reply.code(), self.terms.tls) {
            // More bytes after the reply did not come from the peer's TLS: somebody in between added them (CVE-2011-0411).
            (220, _) if !self.reader.is_empty() => self.fault(Error::BadReply),
            (220, _) => {
                self.handshake = true;
                self.ask_tls = true;
            }
            (_, TlsPolicy::Required) => self.fault(Error::NoTls),
            _ => self.sign_in(),
        }
    }

    /// RFC 3207 §4.2: what was offered before TLS is forgotten.
    pub(super) fn tls_started(&mut self) {
        self.tls = true;
        self.offers = Offers::default();
        self.ehlo();
    }

    fn sign_in(&mut self) {
        let Some(Credentials { mechanism, name, password }) = &self.terms.credentials else {
            return self.now_ready();
        };
        let is_offered = match mechanism {
            Mechanism::Plain => self.offers.auth_plain,
            Mechanism::Login => self.offers.auth_login,
        };
        if !self.tls || !is_offered {
            return self.fault(Error::NoAuth);
        }
        match mechanism {
            Mechanism::Plain => {
                let response = STANDARD.encode(format!("\0{name}\0{}", password.expose_secret()));
                self.command(&format!("AUTH PLAIN {response}"), Expect::Auth);
            }
            Mechanism::Login => self.command("AUTH LOGIN", Expect::LoginName),
        }
    }

    /// The name, when it is asked for.
    pub(super) fn login_asked(&mut self, reply: &Reply) {
        let name = self.terms.credentials.as_ref().map(|known| STANDARD.encode(&known.name));
        self.answer_challenge(reply, name, Expect::LoginPassword);
    }

    /// The password, when it is asked for.
    pub(super) fn password_asked(&mut self, reply: &Reply) {
        let known = self.terms.credentials.as_ref();
        let password = known.map(|known| STANDARD.encode(known.password.expose_secret()));
        self.answer_challenge(reply, password, Expect::Auth);
    }

    fn answer_challenge(&mut self, reply: &Reply, response: Option<String>, expect: Expect) {
        match (reply.code(), response) {
            (334, Some(response)) => self.command(&response, expect),
            _ => self.fault(Error::AuthRefused(reply.clone())),
        }
    }

    pub(super) fn auth_answered(&mut self, reply: Reply) {
        match reply.is_positive() {
            true => self.now_ready(),
            false => self.fault(Error::AuthRefused(reply)),
        }
    }

    fn now_ready(&mut self) {
        self.ready = true;
        self.begin_when_ready();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_5321_section_4_1_1_1_offers() {
        let lines =
            ["foo.com greets PIPELINING", "8bitmime", "SIZE 1000", "AUTH=LOGIN PLAIN", "XDSN", "DSN x"];
        let offers = Offers::read(&Reply::new(250, None, lines));
        let expected = Offers {
            eight_bit: true,
            size: Some(Some(1_000)),
            auth_plain: true,
            auth_login: true,
            dsn: true,
            ..Offers::default()
        };
        assert_eq!(offers, expected);
        assert_eq!(Offers::read(&Reply::new(250, None, ["a", "SIZE"])).size, Some(None));
        assert_eq!(Offers::read(&Reply::new(250, None, ["a", "SIZE 0"])).size, Some(None));
    }
}
