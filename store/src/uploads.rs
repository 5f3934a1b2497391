//! Files on their way to us in parts: each part is a blob, so an upload goes on after a restart and on another node.

use mail::{AgencyId, ApiKeyId, BlobId, FileUploadId, Timestamp};

use crate::blobs::Sealed;
use crate::error::{Error, Result};
use crate::sql::{Row, Sql, values};
use crate::{Spool, Store, Tx};

/// A file on its way.
#[derive(Clone, Debug)]
pub struct FileUpload {
    /// The system it is for, folded.
    pub system_folded: String,
    /// Its id.
    pub upload_id: FileUploadId,
    /// The key that began it; no other may go on with it.
    pub key_id: ApiKeyId,
    /// Whose the parts are.
    pub agency_id: AgencyId,
    /// How long the file will be.
    pub length: u64,
    /// How much of it is here.
    pub received: u64,
    /// The file's name; may be empty.
    pub name: String,
    /// What the client said of it, in its own spelling.
    pub metadata: String,
    /// When it goes if nothing uses it.
    pub expires_at: Timestamp,
}

/// A part of a file on its way.
#[derive(Clone, Debug)]
pub struct UploadPart {
    /// Where in the file it begins.
    pub begins: u64,
    /// How long it is.
    pub length: u64,
    /// Its bytes.
    pub blob_id: BlobId,
}

/// Parts of one file that are read. Ours: the largest file in the smallest parts a patient client sends.
const PARTS_MAX: i64 = 100_000;

macro_rules! select_upload {
    ($tail:literal) => {
        concat!(
            "SELECT system_folded, upload_id, key_id, agency_id, length, received, name, metadata, expires_at \
             FROM api_upload ",
            $tail
        )
    };
}

fn number(row: &Row, index: usize) -> Result<u64> {
    u64::try_from(row.int(index)?).map_err(|_| Error::Damaged("a length"))
}

fn column(length: u64) -> Result<i64> {
    i64::try_from(length).map_err(|_| Error::Refused("the length is beyond all bounds"))
}

fn upload(row: &Row) -> Result<FileUpload> {
    Ok(FileUpload {
        system_folded: row.text(0)?,
        upload_id: row.id(1)?,
        key_id: row.id(2)?,
        agency_id: row.id(3)?,
        length: number(row, 4)?,
        received: number(row, 5)?,
        name: row.text(6)?,
        metadata: row.text(7)?,
        expires_at: row.moment(8)?,
    })
}

impl Tx {
    /// Begins an upload, if the system's uploads stay within `quota` bytes together.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub async fn begin_file_upload(&mut self, new: &FileUpload, quota: u64) -> Result<()> {
        // Two at once: the system's row is held, so that together they stay within the quota too.
        let lock = Sql {
            sqlite: "SELECT 1 FROM exchange_system WHERE system_folded = $1",
            postgres: "SELECT 1 FROM exchange_system WHERE system_folded = $1 FOR UPDATE",
        };
        self.row(lock, values![&new.system_folded]).await?.ok_or(Error::NotFound("the system"))?;
        let row = self
            .row(
                "SELECT CAST(COALESCE(SUM(length), 0) AS BIGINT) FROM api_upload WHERE system_folded = $1",
                values![&new.system_folded],
            )
            .await?;
        let used = row.map_or(Ok(0), |row| number(&row, 0))?;
        if used.saturating_add(new.length) > quota {
            return Err(Error::Full("the system's room for uploads"));
        }
        self.exec(
            "INSERT INTO api_upload (system_folded, upload_id, key_id, agency_id, length, received, name, metadata, \
             expires_at) VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8)",
            values![
                &new.system_folded,
                &new.upload_id,
                &new.key_id,
                &new.agency_id,
                column(new.length)?,
                &new.name,
                &new.metadata,
                new.expires_at
            ],
        )
        .await
        .map(drop)
    }

    /// An upload of a system.
    pub async fn file_upload(
        &mut self,
        system_folded: &str,
        upload_id: FileUploadId,
    ) -> Result<Option<FileUpload>> {
        let row = self
            .row(
                select_upload!("WHERE system_folded = $1 AND upload_id = $2"),
                values![system_folded, &upload_id],
            )
            .await?;
        row.as_ref().map(upload).transpose()
    }

    /// Keeps the part of an upload that begins where the last one ended.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the upload is elsewhere by now: somebody else sent a part, or it is gone.
    pub async fn add_upload_part(
        &mut self,
        upload: &FileUpload,
        begins: u64,
        part: &Sealed,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        let length = part.size();
        let touched = self
            .exec(
                "UPDATE api_upload SET received = received + $4, expires_at = $5 \
                 WHERE system_folded = $1 AND upload_id = $2 AND received = $3 AND received + $4 <= length",
                values![
                    &upload.system_folded,
                    &upload.upload_id,
                    column(begins)?,
                    column(length)?,
                    expires_at
                ],
            )
            .await?;
        if touched != 1 {
            return Err(Error::Conflict("the upload is elsewhere".to_owned()));
        }
        self.put_blob(part, now).await?;
        self.exec(
            "INSERT INTO api_upload_part (system_folded, upload_id, begins, length, blob_id) VALUES ($1, $2, $3, $4, $5)",
            values![
                &upload.system_folded,
                &upload.upload_id,
                column(begins)?,
                column(length)?,
                &part.blob_id()
            ],
        )
        .await
        .map(drop)
    }

    /// The parts of an upload, in their order.
    pub async fn upload_parts(&mut self, upload: &FileUpload) -> Result<Vec<UploadPart>> {
        let rows = self
            .rows(
                "SELECT begins, length, blob_id FROM api_upload_part WHERE system_folded = $1 AND upload_id = $2 \
                 ORDER BY begins LIMIT $3",
                values![&upload.system_folded, &upload.upload_id, PARTS_MAX],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(UploadPart { begins: number(row, 0)?, length: number(row, 1)?, blob_id: row.id(2)? })
            })
            .collect()
    }

    /// Lets an upload and its parts go; answers whether it was there.
    pub async fn drop_file_upload(
        &mut self,
        system_folded: &str,
        upload_id: FileUploadId,
        now: Timestamp,
    ) -> Result<bool> {
        let Some(upload) = self.file_upload(system_folded, upload_id).await? else { return Ok(false) };
        let gone = self
            .exec(
                "DELETE FROM api_upload WHERE system_folded = $1 AND upload_id = $2",
                values![system_folded, &upload_id],
            )
            .await?;
        if gone != 1 {
            return Ok(false);
        }
        for part in self.upload_parts(&upload).await? {
            self.drop_blob(upload.agency_id, part.blob_id, now).await?;
        }
        self.exec(
            "DELETE FROM api_upload_part WHERE system_folded = $1 AND upload_id = $2",
            values![system_folded, &upload_id],
        )
        .await?;
        Ok(true)
    }

    /// Lets uploads go that expired; `limit` at a time. Answers how many there were.
    pub async fn expire_file_uploads(&mut self, now: Timestamp, limit: i64) -> Result<usize> {
        let rows = self.rows(select_upload!("WHERE expires_at <= $1 LIMIT $2"), values![now, limit]).await?;
        for row in &rows {
            let upload = upload(row)?;
            self.drop_file_upload(&upload.system_folded, upload.upload_id, now).await?;
        }
        Ok(rows.len())
    }
}

impl Store {
    /// The bytes of an upload that is complete. One part at a time is in memory.
    ///
    /// # Errors
    /// [`Error::Damaged`] when what lies there is not what was written.
    pub async fn spool_file_upload(&self, upload: &FileUpload) -> Result<Spool> {
        let parts = self
            .read(upload.clone(), |tx, upload| Box::pin(async move { tx.upload_parts(upload).await }))
            .await?;
        let mut spooling = self.spool();
        for part in parts {
            let bytes = self.read_blob(upload.agency_id, part.blob_id).await?;
            spooling.push(&bytes.ok_or(Error::Damaged("a part of an upload"))?)?;
        }
        let file = spooling.finish()?;
        match file.len() == upload.length {
            true => Ok(file),
            false => Err(Error::Damaged("an upload")),
        }
    }
}
