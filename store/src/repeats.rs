//! Requests that may be repeated: the first answer is kept and given again, and a package that was built for a request is
//! kept before it is accepted, so that a repeat after a crash brings the same bytes.

use mail::{AgencyId, ApiKeyId, BlobId, Timestamp};

use crate::Tx;
use crate::blobs::Sealed;
use crate::error::{Error, Result};
use crate::sql::values;

/// What is known of a request.
#[derive(Clone, Debug)]
pub struct Repeat {
    /// A digest over all that was asked.
    pub fingerprint: [u8; 32],
    /// Whose the kept package is.
    pub agency_id: AgencyId,
    /// The package that was built for it.
    pub package_id: Option<BlobId>,
    /// What it was answered.
    pub answer: Option<String>,
}

impl Tx {
    /// Notes a request at its first coming; answers what is known of it.
    pub async fn begin_repeat(
        &mut self,
        key_id: ApiKeyId,
        repeat_key: &str,
        fingerprint: &[u8; 32],
        agency_id: AgencyId,
        now: Timestamp,
    ) -> Result<Repeat> {
        self.exec(
            "INSERT INTO api_repeat (key_id, repeat_key, fingerprint, agency_id, created_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (key_id, repeat_key) DO NOTHING",
            values![&key_id, repeat_key, fingerprint, &agency_id, now],
        )
        .await?;
        self.repeat(key_id, repeat_key).await?.ok_or(Error::Damaged("a noted request"))
    }

    /// What is known of a request.
    pub async fn repeat(&mut self, key_id: ApiKeyId, repeat_key: &str) -> Result<Option<Repeat>> {
        let row = self
            .row(
                "SELECT fingerprint, agency_id, package_id, answer FROM api_repeat WHERE key_id = $1 AND repeat_key = $2",
                values![&key_id, repeat_key],
            )
            .await?;
        row.map(|row| {
            Ok(Repeat {
                fingerprint: row.bytes(0)?.try_into().map_err(|_| Error::Damaged("a fingerprint"))?,
                agency_id: row.id(1)?,
                package_id: row.opt_id(2)?,
                answer: row.opt_text(3)?,
            })
        })
        .transpose()
    }

    /// Keeps the package built for a request, unless another was kept first: that one counts. Answers which counts.
    pub async fn keep_repeat_package(
        &mut self,
        key_id: ApiKeyId,
        repeat_key: &str,
        package: &Sealed,
        now: Timestamp,
    ) -> Result<BlobId> {
        let blob_id = package.blob_id();
        let touched = self
            .exec(
                "UPDATE api_repeat SET package_id = $3 WHERE key_id = $1 AND repeat_key = $2 AND package_id IS NULL",
                values![&key_id, repeat_key, &blob_id],
            )
            .await?;
        if touched == 1 {
            self.put_blob(package, now).await?;
            return Ok(blob_id);
        }
        let kept = self.repeat(key_id, repeat_key).await?.and_then(|repeat| repeat.package_id);
        kept.ok_or(Error::NotFound("the noted request"))
    }

    /// Keeps the answer to a request, and lets its package go. The first answer stays.
    pub async fn answer_repeat(
        &mut self,
        key_id: ApiKeyId,
        repeat_key: &str,
        answer: &str,
        now: Timestamp,
    ) -> Result<()> {
        let Some(known) = self.repeat(key_id, repeat_key).await? else { return Ok(()) };
        let touched = self
            .exec(
                "UPDATE api_repeat SET answer = $3, package_id = NULL WHERE key_id = $1 AND repeat_key = $2 \
                 AND answer IS NULL",
                values![&key_id, repeat_key, answer],
            )
            .await?;
        match known.package_id {
            Some(blob_id) if touched == 1 => self.drop_blob(known.agency_id, blob_id, now).await,
            _ => Ok(()),
        }
    }

    /// Forgets a request that was refused: its next coming is a first one.
    pub async fn forget_repeat(&mut self, key_id: ApiKeyId, repeat_key: &str, now: Timestamp) -> Result<()> {
        let known = self.repeat(key_id, repeat_key).await?;
        let touched = self
            .exec(
                "DELETE FROM api_repeat WHERE key_id = $1 AND repeat_key = $2 AND answer IS NULL",
                values![&key_id, repeat_key],
            )
            .await?;
        match known {
            Some(Repeat { package_id: Some(blob_id), agency_id, .. }) if touched == 1 => {
                self.drop_blob(agency_id, blob_id, now).await
            }
            _ => Ok(()),
        }
    }

    /// Forgets requests from before `before`; `limit` at a time. Answers how many there were.
    pub async fn expire_repeats(&mut self, before: Timestamp, limit: i64, now: Timestamp) -> Result<usize> {
        let rows = self
            .rows(
                "SELECT key_id, repeat_key, agency_id, package_id FROM api_repeat WHERE created_at < $1 LIMIT $2",
                values![before, limit],
            )
            .await?;
        for row in &rows {
            let (key_id, repeat_key) = (row.id::<ApiKeyId>(0)?, row.text(1)?);
            let gone = self
                .exec(
                    "DELETE FROM api_repeat WHERE key_id = $1 AND repeat_key = $2",
                    values![&key_id, &repeat_key],
                )
                .await?;
            if let (1, Some(blob_id)) = (gone, row.opt_id::<BlobId>(3)?) {
                self.drop_blob(row.id::<AgencyId>(2)?, blob_id, now).await?;
            }
        }
        Ok(rows.len())
    }
}
