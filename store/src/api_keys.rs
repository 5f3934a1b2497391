//! Keys to the API: what is kept of them is a digest, whom they speak for, and when they were last used.

use mail::{AgencyId, ApiKeyId, Timestamp};

use crate::Tx;
use crate::error::{Error, Result};
use crate::sql::{Row, values};

/// A key to keep.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Its id, for lists and for taking it back.
    pub key_id: ApiKeyId,
    /// SHA-256 of the key.
    pub key_sha256: [u8; 32],
    /// The system it speaks for, in any spelling of its id.
    pub system_id: String,
    /// What its holder calls it.
    pub name: String,
    /// What it may do, in words separated by blanks.
    pub scopes: String,
    /// The agencies it speaks for; empty: all of its system.
    pub agencies: Vec<AgencyId>,
    /// From when it opens nothing any more.
    pub expires_at: Option<Timestamp>,
}

/// A kept key.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Its id.
    pub key_id: ApiKeyId,
    /// SHA-256 of the key.
    pub key_sha256: [u8; 32],
    /// The system it speaks for, folded.
    pub system_folded: String,
    /// What its holder calls it.
    pub name: String,
    /// What it may do.
    pub scopes: String,
    /// The agencies it speaks for; empty: all of its system.
    pub agencies: Vec<AgencyId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when it opens nothing any more.
    pub expires_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// Use of a key is written down at most so often: it is for people who clean up, not for counting.
const USE_NOTED_MILLIS: i64 = 60_000;

macro_rules! select_key {
    ($tail:literal) => {
        concat!(
            "SELECT key_id, key_sha256, system_folded, name, scopes, agencies, created_at, expires_at, revoked_at, \
             last_used_at FROM api_key ",
            $tail
        )
    };
}

fn api_key(row: &Row) -> Result<ApiKey> {
    let agencies = row.text(5)?;
    let agencies = agencies.split(',').filter(|id| !id.is_empty());
    let agencies = agencies.map(|id| id.parse().map_err(|_| Error::Damaged("a key's agencies")));
    Ok(ApiKey {
        key_id: row.id(0)?,
        key_sha256: row.bytes(1)?.try_into().map_err(|_| Error::Damaged("a key's digest"))?,
        system_folded: row.text(2)?,
        name: row.text(3)?,
        scopes: row.text(4)?,
        agencies: agencies.collect::<Result<_>>()?,
        created_at: row.moment(6)?,
        expires_at: row.opt_moment(7)?,
        revoked_at: row.opt_moment(8)?,
        last_used_at: row.opt_moment(9)?,
    })
}

impl Tx {
    /// Keeps a key.
    ///
    /// # Errors
    /// [`Error::NotFound`] when no active system has that id.
    pub async fn add_api_key(&mut self, new: &NewApiKey, now: Timestamp) -> Result<()> {
        let folded = new.system_id.trim().to_ascii_lowercase();
        self.row(
            "SELECT 1 FROM exchange_system WHERE system_folded = $1 AND state = 'active'",
            values![&folded],
        )
        .await?
        .ok_or(Error::NotFound("the system"))?;
        let agencies: Vec<String> = new.agencies.iter().map(ToString::to_string).collect();
        self.exec(
            "INSERT INTO api_key (key_sha256, key_id, system_folded, name, scopes, agencies, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            values![
                &new.key_sha256,
                &new.key_id,
                &folded,
                &new.name,
                &new.scopes,
                &agencies.join(","),
                now,
                new.expires_at
            ],
        )
        .await
        .map(drop)
    }

    /// The key with a digest, whether it still opens anything or not.
    pub async fn api_key_by_digest(&mut self, key_sha256: &[u8; 32]) -> Result<Option<ApiKey>> {
        let row = self.row(select_key!("WHERE key_sha256 = $1"), values![key_sha256]).await?;
        row.as_ref().map(api_key).transpose()
    }

    /// All keys, by system and age; the newest 10,000.
    pub async fn api_keys(&mut self) -> Result<Vec<ApiKey>> {
        let rows = self
            .rows(select_key!("ORDER BY system_folded, created_at DESC, key_id LIMIT 10000"), &[])
            .await?;
        rows.iter().map(api_key).collect()
    }

    /// Takes a key back; answers what it was. A key that was taken back before stays as it is.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn revoke_api_key(&mut self, key_id: ApiKeyId, now: Timestamp) -> Result<ApiKey> {
        self.exec(
            "UPDATE api_key SET revoked_at = $2 WHERE key_id = $1 AND revoked_at IS NULL",
            values![&key_id, now],
        )
        .await?;
        let row = self.row(select_key!("WHERE key_id = $1"), values![&key_id]).await?;
        row.as_ref().map(api_key).transpose()?.ok_or(Error::NotFound("the key"))
    }

    /// Notes that a key was used, once a minute at most.
    pub async fn note_api_key_use(&mut self, key_id: ApiKeyId, now: Timestamp) -> Result<()> {
        self.exec(
            "UPDATE api_key SET last_used_at = $2 WHERE key_id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)",
            values![&key_id, now, now.millis().saturating_sub(USE_NOTED_MILLIS)],
        )
        .await
        .map(drop)
    }
}

impl ApiKey {
    /// Whether its use is worth writing down again.
    pub fn use_is_news(&self, now: Timestamp) -> bool {
        self.last_used_at.is_none_or(|last| last.millis() <= now.millis().saturating_sub(USE_NOTED_MILLIS))
    }
}
