//! The bytes of several blobs at once: what a page of messages needs is one question to the database, not one for each.

use std::collections::HashMap;

use mail::{BlobId, OwnerId};

use crate::Store;
use crate::blobs::{Blob, segments_in};
use crate::error::{Error, Result};
use crate::keyring::KeyName;
use crate::sql::{Sql, values};

macro_rules! select_blobs {
    ($list:literal) => {
        concat!(
            "SELECT b.blob_id, b.size, b.key_no, b.is_object, b.segments, y.sealed FROM blob b LEFT JOIN blob_bytes y \
             ON y.owner_id = b.owner_id AND y.blob_id = b.blob_id WHERE b.owner_id = $1 AND b.blob_id IN (",
            $list,
            ")"
        )
    };
}

impl Store {
    /// The bytes of an owner's blobs, in the order asked for; `None` for what is not there or was shredded.
    ///
    /// # Errors
    /// [`Error::Damaged`] when what lies there is not what was written.
    pub async fn read_blobs(
        &self,
        owner: impl Into<OwnerId>,
        blob_ids: &[BlobId],
    ) -> Result<Vec<Option<Vec<u8>>>> {
        let owner = owner.into();
        if let [one] = blob_ids {
            return Ok(vec![self.read_blob(owner, *one).await?]);
        }
        let quoted: Vec<String> = blob_ids.iter().map(|id| format!("\"{id}\"")).collect();
        let list = format!("[{}]", quoted.join(","));
        let mut found = self
            .read(list, move |tx, list| {
                Box::pin(async move {
                    let select = Sql {
                        sqlite: select_blobs!("SELECT unhex(value) FROM json_each($2)"),
                        postgres: select_blobs!(
                            "SELECT decode(value, 'hex') FROM json_array_elements_text(CAST($2 AS json)) AS t(value)"
                        ),
                    };
                    let mut found = HashMap::new();
                    for row in &tx.rows(select, values![&owner, list]).await? {
                        let blob_id = BlobId::try_from(row.bytes(0)?.as_slice())
                            .map_err(|_| Error::Damaged("a blob's id"))?;
                        let size = row.int(1)?.unsigned_abs();
                        let (key_no, is_object) = (row.int(2)?, row.flag(3)?);
                        let segments = segments_in(row.int(4)?)?;
                        let blob = Blob { owner, blob_id, size, key_no, is_object, segments };
                        let sealed = if blob.is_object { None } else { row.opt_bytes(5)? };
                        if sealed.is_none() && !blob.is_object {
                            return Err(Error::Damaged("a blob has no bytes"));
                        }
                        let name = KeyName { owner, number: blob.key_no };
                        if let Some(key) = tx.data_key(name).await? {
                            found.insert(blob_id, (blob, key, sealed));
                        }
                    }
                    Ok::<_, Error>(found)
                })
            })
            .await?;
        let mut contents = Vec::with_capacity(blob_ids.len());
        for blob_id in blob_ids {
            contents.push(match found.remove(blob_id) {
                Some((blob, key, sealed)) => Some(self.open_blob(&blob, &key, sealed).await?),
                // Named a second time, or not there.
                None => self.read_blob(owner, *blob_id).await?,
            });
        }
        Ok(contents)
    }
}
