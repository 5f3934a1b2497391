//! Keys that sign mail which leaves (DKIM, RFC 6376): pending until DNS shows them, active, retired.

use mail::{Domain, Secret, Timestamp};

use crate::accounts::words;
use crate::blobs::OWN_KEY;
use crate::error::{Error, Result};
use crate::keyring::KeyName;
use crate::peers::PEER;
use crate::sql::{Row, values};
use crate::{Store, Tx};

words! {
    /// How a key signs.
    DkimAlgorithm, "algorithm is rsa or ed25519" {
        /// `rsa-sha256` (RFC 6376 §3.3.1).
        Rsa = "rsa",
        /// `ed25519-sha256` (RFC 8463).
        Ed25519 = "ed25519",
    }
}

words! {
    /// Where a key is in its life.
    DkimState, "state is pending, active or retired" {
        /// To be published; signs nothing yet.
        Pending = "pending",
        /// Signs.
        Active = "active",
        /// Signs no more.
        Retired = "retired",
    }
}

/// A key without its private half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DkimKey {
    /// Whose mail it signs.
    pub domain: Domain,
    /// Its name in DNS (RFC 6376 §3.1).
    pub selector: String,
    /// How it signs.
    pub algorithm: DkimAlgorithm,
    /// Where it is in its life.
    pub state: DkimState,
    /// What DNS says in `p=` (RFC 6376 §3.6.1).
    pub public_key: String,
    /// Since when it is there.
    pub created_at: Timestamp,
    /// Since when it signs or signed.
    pub active_at: Option<Timestamp>,
    /// Since when it does not any more.
    pub retired_at: Option<Timestamp>,
}

/// A key at work.
#[derive(Clone, Debug)]
pub struct DkimSigner {
    /// Its name in DNS.
    pub selector: String,
    /// How it signs.
    pub algorithm: DkimAlgorithm,
    /// PKCS #8, PEM.
    pub secret: Secret<String>,
}

/// A key to keep.
#[derive(Clone, Debug)]
pub struct NewDkimKey {
    /// Whose mail it is to sign.
    pub domain: Domain,
    /// Its name in DNS.
    pub selector: String,
    /// How it signs.
    pub algorithm: DkimAlgorithm,
    /// What DNS is to say in `p=`.
    pub public_key: String,
    /// PKCS #8, PEM.
    pub secret: Secret<String>,
}

/// What a sealed key opens as: moved to another domain or selector it does not.
fn context(domain: &str, selector: &str) -> Vec<u8> {
    format!("dkim:{selector}._domainkey.{domain}").into_bytes()
}

fn key_of(row: &Row) -> Result<DkimKey> {
    Ok(DkimKey {
        domain: row.text(0)?.parse().map_err(|_| Error::Damaged("the domain of a DKIM key"))?,
        selector: row.text(1)?,
        algorithm: row.text(2)?.parse()?,
        state: row.text(3)?.parse()?,
        public_key: row.text(4)?,
        created_at: row.moment(5)?,
        active_at: row.opt_moment(6)?,
        retired_at: row.opt_moment(7)?,
    })
}

impl Store {
    /// Keeps a new key, pending.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the domain has one of that name.
    pub async fn add_dkim_key(&self, new: NewDkimKey, now: Timestamp) -> Result<()> {
        // Sealing anything makes the key, and a transaction that makes a key cannot also use it.
        self.seal(PEER, b"", now).await?;
        self.write("add a DKIM key", (new, now), |tx, (new, now)| {
            Box::pin(async move { tx.add_dkim_key(new, *now).await })
        })
        .await
    }
}

impl Tx {
    async fn add_dkim_key(&mut self, new: &NewDkimKey, now: Timestamp) -> Result<()> {
        let key = self.data_key(KeyName { owner: PEER, number: OWN_KEY }).await?;
        let key = key.ok_or(Error::Damaged("the house's key"))?;
        let chance = self.shared.chance.clone();
        let secret = new.secret.expose_secret().clone().into_bytes();
        let sealed = key.seal(secret, &context(new.domain.as_str(), &new.selector), &*chance);
        let added = self
            .exec(
                "INSERT INTO dkim_key (domain, selector, algorithm, state, public_key, secret, created_at) \
                 VALUES ($1, $2, $3, 'pending', $4, $5, $6) ON CONFLICT (domain, selector) DO NOTHING",
                values![
                    new.domain.as_str(),
                    &new.selector,
                    new.algorithm.as_str(),
                    &new.public_key,
                    &sealed,
                    now
                ],
            )
            .await?;
        match added {
            0 => Err(Error::Conflict("the domain has a key of that name".to_owned())),
            _ => Ok(()),
        }
    }

    /// The keys of a domain by age. A domain has a handful.
    pub async fn dkim_keys(&mut self, domain: &Domain) -> Result<Vec<DkimKey>> {
        let rows = self
            .rows(
                "SELECT domain, selector, algorithm, state, public_key, created_at, active_at, retired_at FROM dkim_key \
                 WHERE domain = $1 ORDER BY created_at, selector LIMIT 1000",
                values![domain.as_str()],
            )
            .await?;
        rows.iter().map(key_of).collect()
    }

    /// The keys that sign a domain's mail: at most one of each algorithm.
    pub async fn dkim_signers(&mut self, domain: &Domain) -> Result<Vec<DkimSigner>> {
        let rows = self
            .rows(
                "SELECT selector, algorithm, secret FROM dkim_key WHERE domain = $1 AND state = 'active' \
                 ORDER BY algorithm LIMIT 10",
                values![domain.as_str()],
            )
            .await?;
        let mut signers = Vec::with_capacity(rows.len());
        for row in &rows {
            let key = self.data_key(KeyName { owner: PEER, number: OWN_KEY }).await?;
            let key = key.ok_or(Error::Damaged("the house's key"))?;
            let selector = row.text(0)?;
            let secret = key.open(row.bytes(2)?, &context(domain.as_str(), &selector))?;
            let secret = String::from_utf8(secret).map_err(|_| Error::Damaged("a DKIM key"))?;
            signers.push(DkimSigner {
                selector,
                algorithm: row.text(1)?.parse()?,
                secret: Secret::new(secret),
            });
        }
        Ok(signers)
    }

    /// Lets a key sign; the one of its algorithm that did so far retires. `false`: there is no such key.
    pub async fn activate_dkim_key(
        &mut self,
        domain: &Domain,
        selector: &str,
        now: Timestamp,
    ) -> Result<bool> {
        self.exec(
            "UPDATE dkim_key SET state = 'retired', retired_at = $3 WHERE domain = $1 AND state = 'active' AND selector <> $2 \
             AND algorithm = (SELECT k.algorithm FROM dkim_key k WHERE k.domain = $1 AND k.selector = $2)",
            values![domain.as_str(), selector, now],
        )
        .await?;
        let touched = self
            .exec(
                "UPDATE dkim_key SET state = 'active', active_at = $3, retired_at = NULL WHERE domain = $1 AND selector = $2",
                values![domain.as_str(), selector, now],
            )
            .await?;
        Ok(touched == 1)
    }

    /// Lets a key sign no more. `false`: there is no such key, or it is retired already.
    pub async fn retire_dkim_key(&mut self, domain: &Domain, selector: &str, now: Timestamp) -> Result<bool> {
        let touched = self
            .exec(
                "UPDATE dkim_key SET state = 'retired', retired_at = $3 \
                 WHERE domain = $1 AND selector = $2 AND state <> 'retired'",
                values![domain.as_str(), selector, now],
            )
            .await?;
        Ok(touched == 1)
    }
}
