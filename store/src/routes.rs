//! Fixed places for outgoing mail, and smart hosts among them that want a sign-in (RFC 4954).

use mail::{Secret, Timestamp};

use crate::accounts::words;
use crate::blobs::OWN_KEY;
use crate::error::{Error, Result};
use crate::keyring::KeyName;
use crate::peers::PEER;
use crate::sql::{Row, values};
use crate::{Audit, Signal, Store, Tx};

words! {
    /// What TLS is on the way to a fixed place.
    RouteTls, "tls is policy, starttls or implicit" {
        /// As the policies say.
        Policy = "policy",
        /// Always, by STARTTLS (RFC 3207).
        Starttls = "starttls",
        /// Always, before anything is said (RFC 8314 §3.3).
        Implicit = "implicit",
    }
}

words! {
    /// How a smart host is signed in at.
    RouteMechanism, "mechanism is plain or login" {
        /// RFC 4616.
        Plain = "plain",
        /// What was there before PLAIN.
        Login = "login",
    }
}

/// A sign-in at a smart host.
#[derive(Clone, Debug)]
pub struct RouteSignIn {
    /// How.
    pub mechanism: RouteMechanism,
    /// Who we are there.
    pub login: String,
    /// The password.
    pub secret: Secret<String>,
}

/// A fixed place for the mail of a domain.
#[derive(Clone, Debug)]
pub struct NewRoute {
    /// The domain; `*` is every one without a route of its own.
    pub domain: String,
    /// `HOST:PORT`.
    pub target: String,
    /// What TLS is on the way there.
    pub tls: RouteTls,
    /// How we sign in there; `None` if nobody asks.
    pub sign_in: Option<RouteSignIn>,
}

/// A fixed place, as it is.
#[derive(Clone, Debug)]
pub struct Route {
    /// What was set.
    pub set: NewRoute,
    /// When the place refused our sign-in last, and nothing went well since.
    pub refused_at: Option<Timestamp>,
    /// In which words; they may name an account of ours.
    pub refused: String,
}

macro_rules! select_route {
    ($tail:literal) => {
        concat!(
            "SELECT domain, target, tls, mechanism, login, secret, refused_at, refused FROM mail_route ",
            $tail
        )
    };
}

/// What a sealed password opens as: moved to another domain or host it does not.
fn context(domain: &str, target: &str) -> Vec<u8> {
    format!("route:{domain}:{target}").into_bytes()
}

impl Store {
    /// Sets a route in place of what was there, with its line in the audit log.
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn set_route(&self, new: NewRoute, actor: &str, now: Timestamp) -> Result<()> {
        // Sealing anything makes the key, and a transaction that makes a key cannot also use it.
        self.seal(PEER, b"", now).await?;
        self.write("set a route", (new, actor.to_owned()), move |tx, (new, actor)| {
            Box::pin(async move {
                tx.set_route(new).await?;
                tx.audit(PEER, now, actor, Audit::DomainChanged, &new.domain, r#"{"what":"route"}"#).await
            })
        })
        .await
    }
}

impl Tx {
    async fn set_route(&mut self, new: &NewRoute) -> Result<()> {
        let (mechanism, login) =
            new.sign_in.as_ref().map_or(("", ""), |known| (known.mechanism.as_str(), known.login.as_str()));
        let sealed = match &new.sign_in {
            None => None,
            Some(known) => {
                let key = self.data_key(KeyName { owner: PEER, number: OWN_KEY }).await?;
                let key = key.ok_or(Error::Damaged("the house's key"))?;
                let secret = known.secret.expose_secret().clone().into_bytes();
                Some(key.seal(secret, &context(&new.domain, &new.target), &*self.shared.chance))
            }
        };
        self.exec(
            "INSERT INTO mail_route (domain, target, tls, mechanism, login, secret) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (domain) DO UPDATE SET target = excluded.target, tls = excluded.tls, mechanism = excluded.mechanism, \
             login = excluded.login, secret = excluded.secret, refused_at = NULL, refused = ''",
            values![&new.domain, &new.target, new.tls.as_str(), mechanism, login, sealed.as_deref()],
        )
        .await?;
        self.resume_route(&new.domain).await
    }

    /// What was found out about a domain's hosts, or about everybody's, holds no more: mail goes elsewhere now.
    pub(crate) async fn resume_route(&mut self, domain: &str) -> Result<()> {
        self.exec(
            "DELETE FROM outbox_pause WHERE kind = 'mail' AND (destination = $1 OR $2 = '*')",
            values![domain, domain],
        )
        .await?;
        self.signals.insert(Signal::Outbox);
        Ok(())
    }

    /// The fixed place for a domain's mail, if there is one, with the sign-in.
    pub async fn next_hop(&mut self, domain: &str) -> Result<Option<Route>> {
        let sql = select_route!("WHERE domain IN ($1, '*') ORDER BY LENGTH(domain) DESC LIMIT 1");
        match self.row(sql, values![domain]).await? {
            Some(row) => self.route_of(&row).await.map(Some),
            None => Ok(None),
        }
    }

    /// All fixed places, by domain. A house has a handful.
    pub async fn routes(&mut self) -> Result<Vec<Route>> {
        let rows = self.rows(select_route!("ORDER BY domain LIMIT 10000"), &[]).await?;
        let mut routes = Vec::with_capacity(rows.len());
        for row in &rows {
            routes.push(self.route_of(row).await?);
        }
        Ok(routes)
    }

    async fn route_of(&mut self, row: &Row) -> Result<Route> {
        let (domain, target, mechanism) = (row.text(0)?, row.text(1)?, row.text(3)?);
        let sign_in = match mechanism.as_str() {
            "" => None,
            mechanism => {
                let key = self.data_key(KeyName { owner: PEER, number: OWN_KEY }).await?;
                let key = key.ok_or(Error::Damaged("the house's key"))?;
                let secret = key.open(row.bytes(5)?, &context(&domain, &target))?;
                let secret = String::from_utf8(secret).map_err(|_| Error::Damaged("a route's password"))?;
                let (mechanism, secret) = (mechanism.parse()?, Secret::new(secret));
                Some(RouteSignIn { mechanism, login: row.text(4)?, secret })
            }
        };
        let set = NewRoute { domain, target, tls: row.text(2)?.parse()?, sign_in };
        Ok(Route { set, refused_at: row.opt_moment(6)?, refused: row.text(7)? })
    }

    /// Takes a route away, with its line in the audit log; `false` when there was none.
    pub async fn remove_route(&mut self, domain: &str, actor: &str, now: Timestamp) -> Result<bool> {
        let gone = self.exec("DELETE FROM mail_route WHERE domain = $1", values![domain]).await?;
        if gone == 1 {
            self.resume_route(domain).await?;
            let what = r#"{"what":"route removed"}"#;
            self.audit(PEER, now, actor, Audit::DomainChanged, domain, what).await?;
        }
        Ok(gone == 1)
    }

    /// Writes down that the smart host of a route refused our sign-in; `None` that it takes it again.
    pub async fn note_route(&mut self, domain: &str, refused: Option<(Timestamp, &str)>) -> Result<()> {
        let (at, words) = refused.map_or((None, String::new()), |(at, words)| {
            (Some(at), mail::text::clip(words, 1000).to_string())
        });
        self.exec(
            "UPDATE mail_route SET refused_at = $2, refused = $3 WHERE domain = $1",
            values![domain, at, &words],
        )
        .await
        .map(drop)
    }
}
