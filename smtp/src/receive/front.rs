//! A front end that ends connections for us and says for whom it stands (XCLIENT, as Postfix defines it).
//!
//! What must stay true: only who is trusted may say it, and only until its client has said hello. Most front ends pass a stranger's bytes on
//! from then on, and a stranger who says XCLIENT would be whoever it likes.

use super::moment::{Awaiting, Moment, Told};
use super::{Ask, Role, Session};
use crate::Error;
use crate::codec::{XCLIENT_ATTRIBUTES, XClient};
use crate::envelope::Client;

/// Who connects, as far as that is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// Somebody, who stands for themselves.
    Nobody,
    /// A front end: it may say for whom it stands.
    Trusted,
    /// The same, and it may say who signed in there.
    TrustedToSignIn,
}

impl Session {
    /// The keyword of the hello (XCLIENT_README); `None` for who is not trusted.
    pub(super) fn offers_xclient(&self) -> Option<String> {
        match self.front {
            Front::Nobody => None,
            _ if self.takes_login() => Some(format!("XCLIENT {XCLIENT_ATTRIBUTES} LOGIN")),
            _ => Some(format!("XCLIENT {XCLIENT_ATTRIBUTES}")),
        }
    }

    fn takes_login(&self) -> bool {
        self.front == Front::TrustedToSignIn && self.role == Role::Submission
    }

    /// What is said counts once the driver has looked at it.
    pub(super) fn xclient(&mut self, told: XClient) -> Result<(), Error> {
        if self.front == Front::Nobody || (told.login.is_some() && !self.takes_login()) {
            return Err(Error::NoFront);
        }
        if !matches!(self.moment, Moment::Connected | Moment::Greeted(_)) {
            return Err(Error::OutOfSequence("a message is under way"));
        }
        let known = &self.client;
        let (reverse_name, iprev) = match (told.name, told.addr) {
            (Some((name, verdict)), _) => (name, Some(verdict)),
            (None, Some(_)) => (None, None),
            (None, None) => (known.reverse_name.clone(), known.iprev),
        };
        let client = Client {
            ip: told.addr.unwrap_or(known.ip),
            reverse_name,
            iprev,
            name: None,
            extended: false,
            tls: known.tls.clone(),
            signed_in_as: None,
        };
        self.wish = Some(Ask::Introduced { client, login: told.login });
        self.awaiting = Awaiting::Introduced(Told { helo: told.helo, extended: told.extended });
        Ok(())
    }

    /// The conversation begins anew, with the client.
    pub(super) fn introduced(&mut self, told: Told, client: Client) {
        self.client = client;
        self.told = Some(told);
        self.moment = Moment::Connected;
        self.greet();
    }
}
