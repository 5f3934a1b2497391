//! Blobs: named by what they hold, compressed, sealed, kept once per owner however often they are referred to.
//!
//! Sealing happens before the transaction ([`Store::seal`]), so that the writer never waits for a cipher or a file;
//! a large blob's file is on the disk before the row that refers to it is committed. A crash in between leaves a
//! file that nothing refers to, never a reference to nothing.

use mail::{AccountId, BlobId, OwnerId, Timestamp};
use object_store::{ObjectStoreExt, path::Path};

use crate::error::{Error, Result};
use crate::keyring::{DataKey, KeyName, NONCE_LEN, TAG_LEN};
use crate::segments::{self, BlobPieces, Sealing};
use crate::spool::Spool;
use crate::sql::values;
use crate::{Store, Tx};

/// Level 3 is zstd's own balance; higher levels gain a few percent on mail for several times the work.
pub(crate) const ZSTD_LEVEL: i32 = 3;
/// First byte of what is sealed: the bytes as they were.
pub(crate) const PLAIN: u8 = 0;
/// First byte of what is sealed: a zstd frame.
pub(crate) const ZSTD: u8 = 1;

/// The number of an owner's own key.
pub(crate) const OWN_KEY: i64 = 0;

/// A blob made ready for keeping; [`Tx::put_blob`] keeps it.
#[derive(Clone, Debug)]
pub struct Sealed {
    owner: OwnerId,
    blob_id: BlobId,
    key_no: i64,
    /// The key's wrapped form, when the key is made with this blob.
    new_key: Option<Vec<u8>>,
    size: i64,
    stored_size: i64,
    /// The sealed bytes, unless they lie in a file already.
    inline: Option<Vec<u8>>,
    /// Segments it was sealed in; 0: in one piece.
    segments: u32,
}

impl Sealed {
    /// Whose key it is sealed with.
    pub fn owner(&self) -> OwnerId {
        self.owner
    }

    /// The blob's name.
    pub fn blob_id(&self) -> BlobId {
        self.blob_id
    }

    /// Length before compression, bytes.
    pub fn size(&self) -> u64 {
        self.size.unsigned_abs()
    }

    /// The wrapped key that was made with this blob, when it is the one the blob is kept under.
    pub(crate) fn key_made_with_it(&self, key_no: i64) -> Option<&[u8]> {
        self.new_key.as_deref().filter(|_| key_no == self.key_no)
    }
}

/// A kept blob's row.
#[derive(Clone, Debug)]
pub struct Blob {
    /// Its owner.
    pub owner: OwnerId,
    /// Its name.
    pub blob_id: BlobId,
    /// Length before compression, bytes.
    pub size: u64,
    pub(crate) key_no: i64,
    pub(crate) is_object: bool,
    /// Segments it was sealed in; 0: in one piece.
    pub(crate) segments: u32,
}

/// A blob that a client uploaded and has not used yet (RFC 8620 §6.1).
#[derive(Clone, Debug)]
pub struct Upload {
    /// Whose.
    pub account_id: AccountId,
    /// The bytes.
    pub blob: Sealed,
    /// What the client said it is.
    pub media_type: String,
    /// When it goes if nothing uses it.
    pub expires_at: Timestamp,
}

pub(crate) fn context(owner: OwnerId, blob_id: BlobId) -> [u8; 48] {
    let mut context = [0; 48];
    context[..16].copy_from_slice(owner.as_bytes());
    context[16..].copy_from_slice(blob_id.as_bytes());
    context
}

/// The column as it is read.
pub(crate) fn segments_in(column: i64) -> Result<u32> {
    u32::try_from(column).map_err(|_| Error::Damaged("a blob's segments"))
}

fn key_context(name: KeyName) -> [u8; 24] {
    let mut context = [0; 24];
    context[..16].copy_from_slice(name.owner.as_bytes());
    context[16..].copy_from_slice(&name.number.to_be_bytes());
    context
}

/// The key is part of the name: two sealings of the same bytes under two keys never overwrite one another.
pub(crate) fn object_path(owner: OwnerId, blob_id: BlobId, key_no: i64) -> Path {
    let name = blob_id.to_string();
    Path::from(format!("{owner}/{}/{name}-{key_no:x}", &name[..2]))
}

/// What is sealed, after room for the nonce: packed into the one buffer that is then sealed where it lies, because a blob may be
/// large.
fn compress(bytes: &[u8]) -> Vec<u8> {
    let head = NONCE_LEN + 1;
    let mut buffer = Vec::with_capacity(head + bytes.len() + TAG_LEN);
    buffer.resize(head + bytes.len(), 0);
    // The room is as long as the bytes: what does not shrink (a PDF, a ZIP) does not fit and is kept as it is.
    match zstd::bulk::compress_to_buffer(bytes, &mut buffer[head..], ZSTD_LEVEL) {
        Ok(packed) if packed < bytes.len() => {
            buffer[NONCE_LEN] = ZSTD;
            buffer.truncate(head + packed);
        }
        _ => {
            buffer[NONCE_LEN] = PLAIN;
            buffer[head..].copy_from_slice(bytes);
        }
    }
    buffer
}

fn decompress(mut plain: Vec<u8>, size: u64) -> Result<Vec<u8>> {
    let size = usize::try_from(size).map_err(|_| Error::Damaged("a blob's size"))?;
    match plain.first() {
        Some(&PLAIN) => {
            plain.remove(0);
            Ok(plain)
        }
        Some(&ZSTD) => {
            zstd::bulk::decompress(&plain[1..], size).map_err(|_| Error::Damaged("a blob does not unpack"))
        }
        _ => Err(Error::Damaged("a blob of unknown make")),
    }
}

/// Why a blob's file could not be read.
pub(crate) fn unread(error: object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } => Error::Damaged("a blob's file is missing"),
        other => Error::Unavailable(other.to_string()),
    }
}

impl Store {
    /// Makes bytes ready for keeping under the owner's own key.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the disk or database does not answer.
    pub async fn seal(&self, owner: impl Into<OwnerId>, bytes: &[u8], now: Timestamp) -> Result<Sealed> {
        let name = KeyName { owner: owner.into(), number: OWN_KEY };
        let key = self.own_key(name, now).await?;
        self.seal_under(name, &key, None, bytes).await
    }

    /// Makes bytes ready for keeping under a key of their own, so that forgetting the key shreds just them
    /// (RULES R43).
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the disk does not answer.
    pub async fn seal_apart(&self, owner: impl Into<OwnerId>, bytes: &[u8]) -> Result<Sealed> {
        let (name, key, wrapped) = self.draw_apart(owner.into());
        self.seal_under(name, &key, Some(wrapped), bytes).await
    }

    /// The same for bytes that lie in a spool: however many they are, a segment of them is in memory.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the disk does not answer.
    pub async fn seal_spool_apart(&self, owner: impl Into<OwnerId>, spool: &Spool) -> Result<Sealed> {
        if let Some(bytes) = spool.held() {
            return self.seal_apart(owner, bytes).await;
        }
        let (name, key, wrapped) = self.draw_apart(owner.into());
        let blob_id = self.name_spool(name.owner, spool)?;
        let path = object_path(name.owner, blob_id, name.number);
        let sealing = Sealing { key: &key, context: &context(name.owner, blob_id) };
        let (segments, stored) = segments::write(&*self.shared.objects, &path, spool, &sealing).await?;
        let length = |n: u64| i64::try_from(n).map_err(|_| Error::Refused("too large"));
        Ok(Sealed {
            owner: name.owner,
            blob_id,
            key_no: name.number,
            new_key: Some(wrapped),
            size: length(spool.len())?,
            stored_size: length(stored)?,
            inline: None,
            segments,
        })
    }

    fn name_spool(&self, owner: OwnerId, spool: &Spool) -> Result<BlobId> {
        let mut naming = self.shared.keyring.naming(owner);
        spool.each_window(|window| {
            naming.update(window);
            Ok::<_, Error>(())
        })?;
        Ok(BlobId::from_bytes(naming.finalize().into()))
    }

    /// A key for one blob alone, and what it is kept as.
    fn draw_apart(&self, owner: OwnerId) -> (KeyName, DataKey, Vec<u8>) {
        let chance = &*self.shared.chance;
        let mut number = [0; 8];
        chance.fill(&mut number);
        // 62 random bits, never the number of the owner's own key.
        let number = (i64::from_be_bytes(number) & (i64::MAX >> 1)) | 1;
        let name = KeyName { owner, number };
        let key = DataKey::draw(chance);
        let wrapped = self.shared.keyring.wrap(&key, &key_context(name), chance);
        (name, key, wrapped)
    }

    async fn seal_under(
        &self,
        name: KeyName,
        key: &DataKey,
        new_key: Option<Vec<u8>>,
        bytes: &[u8],
    ) -> Result<Sealed> {
        let blob_id = self.shared.keyring.name_blob(name.owner, bytes);
        let sealed = key.seal_in_place(compress(bytes), &context(name.owner, blob_id), &*self.shared.chance);
        let length = |n: usize| i64::try_from(n).map_err(|_| Error::Refused("too large"));
        let (size, stored_size) = (length(bytes.len())?, length(sealed.len())?);
        let inline = if sealed.len() <= self.shared.limits.inline_bytes_max {
            Some(sealed)
        } else {
            let path = object_path(name.owner, blob_id, name.number);
            self.shared
                .objects
                .put(&path, sealed.into())
                .await
                .map_err(|e| Error::Unavailable(e.to_string()))?;
            None
        };
        Ok(Sealed {
            owner: name.owner,
            blob_id,
            key_no: name.number,
            new_key,
            size,
            stored_size,
            inline,
            segments: 0,
        })
    }

    /// The owner's own key, made at first use.
    async fn own_key(&self, name: KeyName, now: Timestamp) -> Result<DataKey> {
        if let Some(key) = self.shared.keyring.cached(name) {
            return Ok(key);
        }
        let found = self.read(name, |tx, name| Box::pin(async move { tx.data_key(*name).await })).await?;
        if let Some(key) = found {
            return Ok(key);
        }
        // Two first users at once: one of the two keys is kept, and both read that one.
        self.write("make a data key", (name, now), |tx, (name, now)| {
            Box::pin(async move {
                let chance = tx.shared.chance.clone();
                let wrapped = tx.shared.keyring.wrap(&DataKey::draw(&*chance), &key_context(*name), &*chance);
                tx.exec(
                    "INSERT INTO data_key (owner_id, key_no, wrapped, created_at) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT (owner_id, key_no) DO NOTHING",
                    values![&name.owner, name.number, &wrapped, *now],
                )
                .await?;
                tx.data_key(*name).await?.ok_or(Error::Damaged("a data key was shredded"))
            })
        })
        .await
    }

    /// The bytes of an owner's blob; `None` when there is no such blob or its key was shredded.
    ///
    /// # Errors
    /// [`Error::Damaged`] when what lies there is not what was written.
    pub async fn read_blob(&self, owner: impl Into<OwnerId>, blob_id: BlobId) -> Result<Option<Vec<u8>>> {
        match self.find_blob(owner.into(), blob_id).await? {
            None => Ok(None),
            Some((blob, key, sealed)) => self.open_blob(&blob, &key, sealed).await.map(Some),
        }
    }

    /// The same piece by piece: of a blob in segments one is in memory at a time.
    ///
    /// # Errors
    /// [`Error::Damaged`] when what lies there is not what was written.
    pub async fn read_blob_in_pieces(
        &self,
        owner: impl Into<OwnerId>,
        blob_id: BlobId,
    ) -> Result<Option<BlobPieces>> {
        match self.find_blob(owner.into(), blob_id).await? {
            None => Ok(None),
            Some((blob, key, sealed)) => self.open_pieces(&blob, &key, sealed).await.map(Some),
        }
    }

    async fn find_blob(
        &self,
        owner: OwnerId,
        blob_id: BlobId,
    ) -> Result<Option<(Blob, DataKey, Option<Vec<u8>>)>> {
        self.read((owner, blob_id), |tx, (owner, blob_id)| {
            Box::pin(async move {
                let Some(blob) = tx.blob(*owner, *blob_id).await? else { return Ok(None) };
                let name = KeyName { owner: *owner, number: blob.key_no };
                let Some(key) = tx.data_key(name).await? else { return Ok(None) };
                let sealed = tx.sealed_bytes(&blob).await?;
                Ok(Some((blob, key, sealed)))
            })
        })
        .await
    }

    /// Opens a blob whose row, key and (unless it lies in a file) sealed bytes are at hand, piece by piece.
    pub(crate) async fn open_pieces(
        &self,
        blob: &Blob,
        key: &DataKey,
        sealed: Option<Vec<u8>>,
    ) -> Result<BlobPieces> {
        if blob.segments == 0 {
            return Ok(BlobPieces::whole(self.open_one_piece(blob, key, sealed).await?, blob.size));
        }
        let path = object_path(blob.owner, blob.blob_id, blob.key_no);
        let file = self.shared.objects.get(&path).await.map_err(unread)?;
        let naming = self.shared.keyring.naming(blob.owner);
        Ok(BlobPieces::segments(blob.clone(), key.clone(), naming, file.into_stream()))
    }

    /// Opens a blob whose row, key and (unless it lies in a file) sealed bytes are at hand.
    pub(crate) async fn open_blob(
        &self,
        blob: &Blob,
        key: &DataKey,
        sealed: Option<Vec<u8>>,
    ) -> Result<Vec<u8>> {
        self.open_pieces(blob, key, sealed).await?.whole_of_it().await
    }

    async fn open_one_piece(&self, blob: &Blob, key: &DataKey, sealed: Option<Vec<u8>>) -> Result<Vec<u8>> {
        let sealed = match sealed {
            Some(bytes) => bytes,
            None => {
                let path = object_path(blob.owner, blob.blob_id, blob.key_no);
                let file = self.shared.objects.get(&path).await.map_err(unread)?;
                file.bytes().await.map_err(unread)?.to_vec()
            }
        };
        let plain = decompress(key.open(sealed, &context(blob.owner, blob.blob_id))?, blob.size)?;
        // The name is a digest of the content: this is the end-to-end check of everything below.
        match self.shared.keyring.name_blob(blob.owner, &plain) == blob.blob_id {
            true => Ok(plain),
            false => Err(Error::Damaged("a blob is not what its name says")),
        }
    }
}

impl Tx {
    /// Keeps a blob, or counts one more reference to it when it is there already. Answers the number of the key it
    /// is sealed under.
    pub async fn put_blob(&mut self, sealed: &Sealed, now: Timestamp) -> Result<()> {
        self.put_blob_keyed(sealed, now).await.map(drop)
    }

    pub(crate) async fn put_blob_keyed(&mut self, sealed: &Sealed, now: Timestamp) -> Result<i64> {
        let Sealed { owner, blob_id, key_no, .. } = sealed;
        let row = self
            .row(
                "INSERT INTO blob (owner_id, blob_id, key_no, size, stored_size, is_object, segments, refs, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8) \
                 ON CONFLICT (owner_id, blob_id) DO UPDATE SET refs = blob.refs + 1 RETURNING refs, key_no",
                values![
                    owner,
                    blob_id,
                    *key_no,
                    sealed.size,
                    sealed.stored_size,
                    sealed.inline.is_none(),
                    i64::from(sealed.segments),
                    now
                ],
            )
            .await?
            .ok_or(Error::Internal("an insert answered nothing".to_owned()))?;
        // A blob that is only held has no references and its bytes all the same.
        let kept_key = row.int(1)?;
        if row.int(0)? > 1 || kept_key != *key_no {
            return Ok(kept_key);
        }
        if let Some(wrapped) = &sealed.new_key {
            self.exec(
                "INSERT INTO data_key (owner_id, key_no, wrapped, created_at) VALUES ($1, $2, $3, $4)",
                values![owner, *key_no, wrapped, now],
            )
            .await?;
        }
        if let Some(bytes) = &sealed.inline {
            self.exec(
                "INSERT INTO blob_bytes (owner_id, blob_id, sealed) VALUES ($1, $2, $3) \
                 ON CONFLICT (owner_id, blob_id) DO NOTHING",
                values![owner, blob_id, bytes],
            )
            .await?;
        }
        Ok(*key_no)
    }

    /// Counts one more reference to a blob that is there already.
    pub async fn refer_to_blob(&mut self, owner: impl Into<OwnerId>, blob_id: BlobId) -> Result<()> {
        self.refer_to_blob_times(owner, blob_id, 1).await
    }

    /// Counts `times` more references to a blob that is there already.
    pub(crate) async fn refer_to_blob_times(
        &mut self,
        owner: impl Into<OwnerId>,
        blob_id: BlobId,
        times: usize,
    ) -> Result<()> {
        let owner = owner.into();
        let times = i64::try_from(times).map_err(|_| Error::Refused("too many references"))?;
        let touched = self
            .exec(
                "UPDATE blob SET refs = refs + $3 WHERE owner_id = $1 AND blob_id = $2",
                values![&owner, &blob_id, times],
            )
            .await?;
        if touched == 1 { Ok(()) } else { Err(Error::NotFound("the blob")) }
    }

    /// Opens a wrapped key of an owner that is at hand.
    pub(crate) fn unwrap_data_key(
        &self,
        owner: impl Into<OwnerId>,
        number: i64,
        wrapped: &[u8],
    ) -> Result<DataKey> {
        self.shared.keyring.unwrap(wrapped, &key_context(KeyName { owner: owner.into(), number }))
    }

    /// Takes one reference away. The last one takes the blob with it, unless it is held.
    pub async fn drop_blob(
        &mut self,
        owner: impl Into<OwnerId>,
        blob_id: BlobId,
        now: Timestamp,
    ) -> Result<()> {
        let owner = owner.into();
        self.exec(
            "UPDATE blob SET refs = refs - 1 WHERE owner_id = $1 AND blob_id = $2",
            values![&owner, &blob_id],
        )
        .await?;
        let gone = self
            .row(
                "DELETE FROM blob WHERE owner_id = $1 AND blob_id = $2 AND refs <= 0 \
                 AND (hold_until IS NULL OR hold_until <= $3) RETURNING key_no",
                values![&owner, &blob_id, now],
            )
            .await?;
        if let Some(gone) = gone {
            self.exec(
                "DELETE FROM blob_bytes WHERE owner_id = $1 AND blob_id = $2",
                values![&owner, &blob_id],
            )
            .await?;
            // A key of its own opens nothing else.
            let key_no = gone.int(0)?;
            if key_no != OWN_KEY {
                self.exec(
                    "DELETE FROM data_key WHERE owner_id = $1 AND key_no = $2",
                    values![&owner, key_no],
                )
                .await?;
            }
            self.forget_judgements(owner, blob_id).await?;
        }
        Ok(())
    }

    /// A blob's row.
    pub async fn blob(&mut self, owner: impl Into<OwnerId>, blob_id: BlobId) -> Result<Option<Blob>> {
        let owner = owner.into();
        let row = self
            .row(
                "SELECT size, key_no, is_object, segments FROM blob WHERE owner_id = $1 AND blob_id = $2",
                values![&owner, &blob_id],
            )
            .await?;
        row.map(|row| {
            Ok(Blob {
                owner,
                blob_id,
                size: row.int(0)?.unsigned_abs(),
                key_no: row.int(1)?,
                is_object: row.flag(2)?,
                segments: segments_in(row.int(3)?)?,
            })
        })
        .transpose()
    }

    /// The sealed bytes of a blob that lies in the database; `None` for one that lies in a file.
    pub(crate) async fn sealed_bytes(&mut self, blob: &Blob) -> Result<Option<Vec<u8>>> {
        if blob.is_object {
            return Ok(None);
        }
        let row = self
            .row(
                "SELECT sealed FROM blob_bytes WHERE owner_id = $1 AND blob_id = $2",
                values![&blob.owner, &blob.blob_id],
            )
            .await?;
        row.ok_or(Error::Damaged("a blob has no bytes"))?.bytes(0).map(Some)
    }

    /// A data key; `None` when there is none or it was shredded.
    pub(crate) async fn data_key(&mut self, name: KeyName) -> Result<Option<DataKey>> {
        if let Some(key) = self.shared.keyring.cached(name) {
            return Ok(Some(key));
        }
        let row = self
            .row(
                "SELECT wrapped FROM data_key WHERE owner_id = $1 AND key_no = $2",
                values![&name.owner, name.number],
            )
            .await?;
        let Some(wrapped) = row.map(|row| row.opt_bytes(0)).transpose()?.flatten() else { return Ok(None) };
        let key = self.shared.keyring.unwrap(&wrapped, &key_context(name))?;
        // Documents' keys are used once or twice; only owners' own keys are worth remembering.
        if name.number == OWN_KEY {
            self.shared.keyring.remember(name, key.clone());
        }
        Ok(Some(key))
    }

    /// Keeps an upload until it expires (RFC 8620 §6.1). A second upload of the same bytes prolongs it.
    pub async fn add_upload(&mut self, upload: &Upload, now: Timestamp) -> Result<()> {
        let blob_id = upload.blob.blob_id;
        let touched = self
            .exec(
                "UPDATE upload SET expires_at = $3, media_type = $4 WHERE account_id = $1 AND blob_id = $2",
                values![&upload.account_id, &blob_id, upload.expires_at, &upload.media_type],
            )
            .await?;
        if touched == 0 {
            self.put_blob(&upload.blob, now).await?;
            self.exec(
                "INSERT INTO upload (account_id, blob_id, media_type, expires_at) VALUES ($1, $2, $3, $4)",
                values![&upload.account_id, &blob_id, &upload.media_type, upload.expires_at],
            )
            .await?;
        }
        Ok(())
    }

    /// Lets uploads go that expired before `now` and that nothing used; `limit` at a time.
    pub async fn expire_uploads(&mut self, now: Timestamp, limit: i64) -> Result<usize> {
        let rows = self
            .rows(
                "SELECT account_id, blob_id FROM upload WHERE expires_at <= $1 LIMIT $2",
                values![now, limit],
            )
            .await?;
        for row in &rows {
            let (account_id, blob_id) = (row.id::<AccountId>(0)?, row.id::<BlobId>(1)?);
            let gone = self
                .exec(
                    "DELETE FROM upload WHERE account_id = $1 AND blob_id = $2 AND expires_at <= $3",
                    values![&account_id, &blob_id, now],
                )
                .await?;
            // Another node may have let it go, or its owner prolonged it, since the list was read: the reference is
            // given back once, by whoever took the row.
            if gone == 1 {
                self.drop_blob(account_id, blob_id, now).await?;
            }
        }
        Ok(rows.len())
    }
}
