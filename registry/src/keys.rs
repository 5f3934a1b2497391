//! Keys to our API: how they look, what they may do, and for whom they speak.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mail::{AgencyCode, ApiKeyId, Chance, Secret, Timestamp};
use ring::digest::{SHA256, digest};
use store::{ApiKey, Audit, ExchangeSystem, NewApiKey, Tx};
use subtle::ConstantTimeEq;

use crate::Error;
use crate::accept::speaks_for;

/// How a key begins, so that a scanner finds one that was left lying about.
const PREFIX: &str = "cvk_";
/// Random bytes of a key: too many to guess, so a plain digest of it is kept.
const KEY_BYTES: usize = 32;

macro_rules! scopes {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal,)*) => {
        /// What a key may do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Scope { $($(#[doc = $doc])+ $name,)* }

        impl Scope {
            /// Every scope, for manuals and tests.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

scopes! {
    /// Read documents sent and received, and acknowledge those received.
    DocumentsRead = "documents:read",
    /// Send documents, recalls, updates and replacements; upload files for them.
    DocumentsSend = "documents:send",
    /// Report statuses.
    StatusesSend = "statuses:send",
    /// Read the directory of agencies.
    AgenciesRead = "agencies:read",
    /// Follow the feed of events.
    EventsRead = "events:read",
    /// Draw numbers for documents.
    NumbersWrite = "numbers:write",
    /// Read the registers of documents.
    RegistersRead = "registers:read",
    /// Read statistics of all agencies.
    StatisticsRead = "statistics:read",
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Scope {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        let found = Self::ALL.iter().find(|scope| scope.as_str() == word);
        found.copied().ok_or(Error::BadParameter { name: "scope", expected: "a scope of the list" })
    }
}

/// A new key. It is shown once; [`digest_of`] is what is kept.
pub fn draw(chance: &dyn Chance) -> Secret<String> {
    let mut random = [0u8; KEY_BYTES];
    chance.fill(&mut random);
    Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random)))
}

/// What is kept of a key; `None` for what has not the form of one.
pub fn digest_of(key: &str) -> Option<[u8; 32]> {
    let random = URL_SAFE_NO_PAD.decode(key.strip_prefix(PREFIX)?).ok()?;
    match random.len() == KEY_BYTES {
        true => digest(&SHA256, key.as_bytes()).as_ref().try_into().ok(),
        false => None,
    }
}

/// A key to make.
#[derive(Clone, Debug)]
pub struct KeyToAdd {
    /// Its id.
    pub key_id: ApiKeyId,
    /// What is kept of it.
    pub key_sha256: [u8; 32],
    /// The system it speaks for.
    pub system_id: String,
    /// What its holder calls it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The agencies it speaks for; empty: all of its system.
    pub agencies: Vec<AgencyCode>,
    /// From when it opens nothing any more.
    pub expires_at: Option<Timestamp>,
}

/// Keeps a key.
///
/// # Errors
/// [`Error::BadParameter`] for an unknown system or no scope, [`Error::NotYourAgency`] for an agency the system does not speak for, or
/// the store's trouble.
pub async fn add(tx: &mut Tx, key: &KeyToAdd, actor: &str, now: Timestamp) -> Result<(), Error> {
    if key.scopes.is_empty() {
        return Err(Error::BadParameter { name: "scope", expected: "one scope at least" });
    }
    let unknown = || Error::BadParameter { name: "system", expected: "an active system of the exchange" };
    let system = tx.system(&key.system_id, now).await?.ok_or_else(unknown)?;
    let mut agencies = Vec::with_capacity(key.agencies.len());
    for code in &key.agencies {
        let found = tx.agency_by_code(code, now).await?;
        let own = found.filter(|agency| speaks_for(&system, agency.agency_id));
        let agency = own.ok_or_else(|| Error::NotYourAgency {
            code: code.as_str().to_owned(),
            system: system.system_id.clone(),
        })?;
        agencies.push(agency.agency_id);
    }
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    let new = NewApiKey {
        key_id: key.key_id,
        key_sha256: key.key_sha256,
        system_id: system.system_id.clone(),
        name: key.name.clone(),
        scopes: scopes.join(" "),
        agencies,
        expires_at: key.expires_at,
    };
    tx.add_api_key(&new, now).await?;
    let detail = serde_json::json!({ "key": key.key_id.to_string(), "scopes": new.scopes, "act": "added" });
    let act = Audit::SystemChanged;
    tx.audit(system.agency_id, now, actor, act, &system.system_id, &detail.to_string()).await?;
    Ok(())
}

/// Takes a key back: from now on it opens nothing.
///
/// # Errors
/// [`Error::BadParameter`] when there is no such key, or the store's trouble.
pub async fn revoke(tx: &mut Tx, key_id: ApiKeyId, actor: &str, now: Timestamp) -> Result<ApiKey, Error> {
    let key = tx.revoke_api_key(key_id, now).await.map_err(|error| match error {
        store::Error::NotFound(_) => Error::BadParameter { name: "id", expected: "the id of a key" },
        other => other.into(),
    })?;
    if let Some(system) = tx.system(&key.system_folded, now).await? {
        let detail = serde_json::json!({ "key": key_id.to_string(), "act": "revoked" });
        let act = Audit::SystemChanged;
        tx.audit(system.agency_id, now, actor, act, &system.system_id, &detail.to_string()).await?;
    }
    Ok(key)
}

/// Whoever calls with a key.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The key.
    pub key_id: ApiKeyId,
    /// The system, with those of its agencies only that the key speaks for.
    pub system: Arc<ExchangeSystem>,
    /// What the key may do.
    scopes: Vec<Scope>,
    /// Whether the use of the key is to be written down.
    pub use_is_news: bool,
}

impl Caller {
    /// Whether the key may do something.
    ///
    /// # Errors
    /// [`Error::OutOfScope`].
    pub fn may(&self, scope: Scope) -> Result<(), Error> {
        if self.scopes.contains(&scope) { Ok(()) } else { Err(Error::OutOfScope(scope)) }
    }
}

/// Who shows this key. A key that nobody has, that was taken back, or whose time is over are one and the same.
///
/// # Errors
/// [`Error::NotAuthenticated`], or the store's trouble.
pub async fn open(tx: &mut Tx, key: &str, now: Timestamp) -> Result<Caller, Error> {
    let key_sha256 = digest_of(key).ok_or(Error::NotAuthenticated)?;
    let found = tx.api_key_by_digest(&key_sha256).await?;
    // The index finds by digest, and nobody can steer a digest; the comparison costs nothing and is the rule of the house.
    let is_same = |known: &store::ApiKey| bool::from(known.key_sha256.ct_eq(&key_sha256));
    let known = found.filter(is_same).ok_or(Error::NotAuthenticated)?;
    if known.revoked_at.is_some() || known.expires_at.is_some_and(|end| end <= now) {
        return Err(Error::NotAuthenticated);
    }
    let mut system = tx.system(&known.system_folded, now).await?.ok_or(Error::NotAuthenticated)?;
    if !known.agencies.is_empty() {
        system.agencies.retain(|agency| known.agencies.contains(&agency.agency_id));
        // What is sent in the system's own name is sent for its own agency; this key may not speak for all of them.
        let own = system.agencies.iter().find(|agency| agency.agency_id == system.agency_id);
        system.agency_id =
            own.or(system.agencies.first()).map(|agency| agency.agency_id).ok_or(Error::NotAuthenticated)?;
    }
    let scopes = known.scopes.split(' ').filter_map(|word| word.parse().ok()).collect();
    let use_is_news = known.use_is_news(now);
    Ok(Caller { key_id: known.key_id, system: Arc::new(system), scopes, use_is_news })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;
    impl Chance for Fixed {
        fn fill(&self, out: &mut [u8]) {
            out.fill(0xa5);
        }
    }

    #[test]
    fn keys_are_drawn_and_recognised() {
        let key = draw(&Fixed);
        let key = key.expose_secret();
        assert!(key.starts_with("cvk_") && key.len() == 4 + 43, "{key}");
        assert!(digest_of(key).is_some());
        for wrong in ["", "cvk_", &key[1..], &key[..key.len() - 4], "cvk_ "] {
            assert_eq!(digest_of(wrong), None, "{wrong}");
        }
        assert_ne!(digest_of(key), digest_of(&key.replacen("pa", "pb", 1)));
    }

    #[test]
    fn scopes_are_found_by_their_words() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse::<Scope>().unwrap(), *scope);
        }
        assert!("documents".parse::<Scope>().is_err());
    }
}
