//! What lies behind the rows: sealed bytes, and the files of large blobs.

use std::time::Duration;

use futures_util::StreamExt;
use mail::{BlobId, OwnerId, Timestamp};
use object_store::{ObjectStore, ObjectStoreExt};

use super::{Examined, Fault, Finding};
use crate::Store;
use crate::blobs::{Blob, object_path, segments_in};
use crate::error::{Error, Result};
use crate::sql::{Row, values};

const DAMAGED: Fault = Fault {
    code: "blob-damaged",
    vi: "Nội dung của khối dữ liệu bị hỏng.",
    en: "The bytes of a blob are damaged.",
};
const FILE_MISSING: Fault = Fault {
    code: "file-missing",
    vi: "Tệp của khối dữ liệu không còn.",
    en: "The file of a blob is missing.",
};
const FILE_ORPHAN: Fault =
    Fault {
        code: "file-orphan", vi: "Tệp không thuộc khối dữ liệu nào.", en: "A file belongs to no blob."
    };
pub(super) const FAULTS: [Fault; 3] = [DAMAGED, FILE_MISSING, FILE_ORPHAN];

/// Blobs named at a time.
const BLOBS: i64 = 500;
/// One in so many is opened, by its name: the same ones every time.
const SAMPLE: u8 = 16;
/// A file lies there before the row that refers to it is committed; one so young may still get its row.
const YOUNG: Duration = Duration::from_secs(3_600);

impl Store {
    /// The blobs of an owner: those that are files have theirs, and those that are opened hold what their name says.
    pub(super) async fn examine_blobs(
        &self,
        owner: OwnerId,
        all: bool,
        examined: &mut Examined,
        tell: &mut (dyn FnMut(Finding) + Send),
    ) -> Result<()> {
        let mut after = Vec::new();
        loop {
            let page = self.blobs_after(owner, &after).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.blob_id.as_bytes().to_vec();
            for blob in page {
                let fault = if blob.is_object && !self.has_file(&blob).await? {
                    Some(FILE_MISSING)
                } else if all || blob.blob_id.as_bytes().first().is_some_and(|byte| byte % SAMPLE == 0) {
                    examined.blobs_opened += 1;
                    match self.read_blob(owner, blob.blob_id).await {
                        Ok(_) => None,
                        Err(Error::Damaged(_)) => Some(DAMAGED),
                        Err(trouble) => return Err(trouble),
                    }
                } else {
                    None
                };
                // It may have gone while it was looked at.
                if let Some(fault) = fault
                    && self.row_of(owner, blob.blob_id).await?.is_some()
                {
                    let subject = blob.blob_id.to_string();
                    tell(Finding { fault, owner, subject, found: 0, expected: 1 });
                }
            }
        }
    }

    async fn blobs_after(&self, owner: OwnerId, after: &[u8]) -> Result<Vec<Blob>> {
        self.read((owner, after.to_vec()), |tx, (owner, after)| {
            Box::pin(async move {
                let rows = tx
                    .rows(
                        "SELECT blob_id, size, key_no, is_object, segments FROM blob WHERE owner_id = $1 AND blob_id > $2 \
                         ORDER BY blob_id LIMIT $3",
                        values![owner, after, BLOBS],
                    )
                    .await?;
                let blob = |row: &Row| {
                    Ok(Blob {
                        owner: *owner,
                        blob_id: row.id(0)?,
                        size: row.int(1)?.unsigned_abs(),
                        key_no: row.int(2)?,
                        is_object: row.flag(3)?,
                        segments: segments_in(row.int(4)?)?,
                    })
                };
                rows.iter().map(blob).collect()
            })
        })
        .await
    }

    async fn row_of(&self, owner: OwnerId, blob_id: BlobId) -> Result<Option<Blob>> {
        self.read((owner, blob_id), |tx, (owner, blob_id)| {
            Box::pin(async move { tx.blob(*owner, *blob_id).await })
        })
        .await
    }

    async fn has_file(&self, blob: &Blob) -> Result<bool> {
        match self.shared.objects.head(&object_path(blob.owner, blob.blob_id, blob.key_no)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(Error::Unavailable(error.to_string())),
        }
    }

    /// Every file belongs to a blob, or is so young that its row may still come.
    pub(super) async fn examine_files(
        &self,
        now: Timestamp,
        examined: &mut Examined,
        tell: &mut (dyn FnMut(Finding) + Send),
    ) -> Result<()> {
        let mut files = self.shared.objects.list(None);
        while let Some(file) = files.next().await {
            let file = file.map_err(|e| Error::Unavailable(e.to_string()))?;
            examined.files += 1;
            let changed = Timestamp::from_millis(file.last_modified.timestamp_millis());
            let named = parse(file.location.as_ref());
            let is_known = match named {
                Some((owner, blob_id)) => match self.row_of(owner, blob_id).await? {
                    Some(blob) => blob.is_object && object_path(owner, blob_id, blob.key_no) == file.location,
                    None => false,
                },
                None => false,
            };
            if !is_known && now.since(changed) >= YOUNG {
                let owner = named.map_or(crate::NOBODY, |(owner, _)| owner);
                let size = i64::try_from(file.size).unwrap_or(i64::MAX);
                let subject = file.location.to_string();
                tell(Finding { fault: FILE_ORPHAN, owner, subject, found: size, expected: 0 });
            }
        }
        Ok(())
    }
}

/// Whose file it is by its name: `owner/xx/blob-key`.
fn parse(path: &str) -> Option<(OwnerId, BlobId)> {
    let mut parts = path.split('/');
    let (owner, _, name) = (parts.next()?, parts.next()?, parts.next()?);
    Some((owner.parse().ok()?, name.split_once('-')?.0.parse().ok()?))
}
