//! Keys that seal what is kept. A master key wraps data keys; a data key seals blobs (AES-256-GCM).

use std::collections::HashMap;
use std::sync::Mutex;

use mail::{BlobId, Chance, OwnerId, Secret};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
pub(crate) use ring::aead::{MAX_TAG_LEN as TAG_LEN, NONCE_LEN};

use crate::error::{Error, Result};

/// Wraps every data key. 32 bytes; kept outside the database.
#[derive(Clone, Debug)]
pub struct MasterKey(Secret<[u8; 32]>);

impl MasterKey {
    /// From its 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }
}

/// Which key seals a blob: its owner's, by number. Number 0 is the owner's own key; a document has one to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeyName {
    pub(crate) owner: OwnerId,
    pub(crate) number: i64,
}

/// A data key in the clear, in memory only.
#[derive(Clone)]
pub(crate) struct DataKey(Secret<[u8; 32]>);

impl DataKey {
    pub(crate) fn draw(chance: &dyn Chance) -> Self {
        let mut bytes = [0; 32];
        chance.fill(&mut bytes);
        Self(Secret::new(bytes))
    }
}

/// The master key at work, and the data keys it has unwrapped lately.
pub(crate) struct Keyring {
    wrap: LessSafeKey,
    /// Keys the digests that name blobs; derived from the master key, so that the name of a blob tells nothing to
    /// somebody who has only the database.
    naming: Secret<[u8; 32]>,
    /// Seals what is remembered of messages; one key for the house, so that no row of the trace asks for another row.
    trace: LessSafeKey,
    /// Keys the digests by which the trace is searched.
    trace_naming: Secret<[u8; 32]>,
    cache: Mutex<HashMap<KeyName, DataKey>>,
    cached_max: usize,
}

fn gcm(key: &[u8; 32]) -> LessSafeKey {
    match UnboundKey::new(&AES_256_GCM, key) {
        Ok(key) => LessSafeKey::new(key),
        // 32 bytes is this algorithm's key length; there is no other failure.
        Err(_) => unreachable!("AES-256-GCM takes 32 bytes"),
    }
}

impl Keyring {
    pub(crate) fn new(master: &MasterKey, cached_max: usize) -> Self {
        let master = master.0.expose_secret();
        Self {
            wrap: gcm(&blake3::derive_key("congvan 2026-11-22 data key wrapping", master)),
            naming: Secret::new(blake3::derive_key("congvan 2026-11-22 blob naming", master)),
            trace: gcm(&blake3::derive_key("congvan 2026-11-28 mail trace", master)),
            trace_naming: Secret::new(blake3::derive_key("congvan 2026-11-28 mail trace naming", master)),
            cache: Mutex::new(HashMap::new()),
            cached_max,
        }
    }

    /// The name of a blob of `owner`'s: the same bytes of two owners have two names.
    pub(crate) fn name_blob(&self, owner: OwnerId, bytes: &[u8]) -> BlobId {
        BlobId::from_bytes(self.naming(owner).update(bytes).finalize().into())
    }

    /// What comes to the name of a blob of `owner`'s when its bytes were put into it.
    pub(crate) fn naming(&self, owner: OwnerId) -> blake3::Hasher {
        let mut naming = blake3::Hasher::new_keyed(self.naming.expose_secret());
        naming.update(owner.as_bytes());
        blake3::Hasher::new_keyed(&naming.finalize().into())
    }

    /// Wraps a data key for keeping. `context` ties it to its place: a wrapped key moved elsewhere does not open.
    pub(crate) fn wrap(&self, key: &DataKey, context: &[u8], chance: &dyn Chance) -> Vec<u8> {
        seal_with(&self.wrap, key.0.expose_secret().to_vec(), context, chance)
    }

    /// Opens a wrapped data key.
    pub(crate) fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<DataKey> {
        let bytes = open_with(&self.wrap, wrapped.to_vec(), context)
            .ok_or(Error::Damaged("a data key does not open: wrong master key?"))?;
        let bytes: [u8; 32] =
            bytes.try_into().map_err(|_| Error::Damaged("a data key has a wrong length"))?;
        Ok(DataKey(Secret::new(bytes)))
    }

    /// Seals a short secret that has no data key to itself. `context` ties it to its place.
    pub(crate) fn seal_secret(&self, plain: Vec<u8>, context: &[u8], chance: &dyn Chance) -> Vec<u8> {
        seal_with(&self.wrap, plain, context, chance)
    }

    /// Opens what [`Keyring::seal_secret`] sealed.
    pub(crate) fn open_secret(&self, sealed: Vec<u8>, context: &[u8]) -> Result<Vec<u8>> {
        open_with(&self.wrap, sealed, context).ok_or(Error::Damaged("a sealed secret does not open"))
    }

    /// Seals an event of the trace so that it opens only as `context`.
    pub(crate) fn seal_trace(&self, plain: Vec<u8>, context: &[u8], chance: &dyn Chance) -> Vec<u8> {
        seal_with(&self.trace, plain, context, chance)
    }

    /// Opens an event of the trace.
    pub(crate) fn open_trace(&self, sealed: Vec<u8>, context: &[u8]) -> Result<Vec<u8>> {
        open_with(&self.trace, sealed, context).ok_or(Error::Damaged("an event of the trace does not open"))
    }

    /// What a word is looked up by in the trace. Eight bytes: whatever two words share them is told apart by what is sealed.
    pub(crate) fn trace_digest(&self, word: &str) -> [u8; 8] {
        let mut digest = [0; 8];
        let mut hasher = blake3::Hasher::new_keyed(self.trace_naming.expose_secret());
        hasher.update(word.as_bytes()).finalize_xof().fill(&mut digest);
        digest
    }

    pub(crate) fn cached(&self, name: KeyName) -> Option<DataKey> {
        self.cache.lock().ok()?.get(&name).cloned()
    }

    pub(crate) fn remember(&self, name: KeyName, key: DataKey) {
        if let Ok(mut cache) = self.cache.lock() {
            if cache.len() >= self.cached_max {
                // Wasteful and rare: one unwrapping each until it is warm again.
                cache.clear();
            }
            cache.insert(name, key);
        }
    }
}

impl DataKey {
    /// Seals `plain` so that it opens only as `context`.
    pub(crate) fn seal(&self, plain: Vec<u8>, context: &[u8], chance: &dyn Chance) -> Vec<u8> {
        seal_with(&gcm(self.0.expose_secret()), plain, context, chance)
    }

    /// Seals what follows the first [`NONCE_LEN`] bytes of `buffer`, which the nonce takes, where it lies.
    pub(crate) fn seal_in_place(&self, mut buffer: Vec<u8>, context: &[u8], chance: &dyn Chance) -> Vec<u8> {
        let mut nonce = [0u8; NONCE_LEN];
        chance.fill(&mut nonce);
        let Some((head, plain)) = buffer.split_at_mut_checked(NONCE_LEN) else {
            unreachable!("the caller left room for the nonce")
        };
        head.copy_from_slice(&nonce);
        let nonce = Nonce::assume_unique_for_key(nonce);
        match gcm(self.0.expose_secret()).seal_in_place_separate_tag(nonce, Aad::from(context), plain) {
            Ok(tag) => buffer.extend_from_slice(tag.as_ref()),
            // Only a plaintext of 64 GiB fails.
            Err(_) => unreachable!("blobs are bounded far below 64 GiB"),
        }
        buffer
    }

    /// Seals a piece of what this key seals and nothing else does: `number` is its nonce, so it comes once.
    pub(crate) fn seal_numbered(&self, number: u32, mut plain: Vec<u8>, context: &[u8]) -> Vec<u8> {
        let key = gcm(self.0.expose_secret());
        match key.seal_in_place_append_tag(numbered(number), Aad::from(context), &mut plain) {
            Ok(()) => plain,
            Err(_) => unreachable!("pieces are bounded far below 64 GiB"),
        }
    }

    /// Opens what [`DataKey::seal_numbered`] sealed, where it lies.
    pub(crate) fn open_numbered<'b>(
        &self,
        number: u32,
        sealed: &'b mut [u8],
        context: &[u8],
    ) -> Result<&'b mut [u8]> {
        let key = gcm(self.0.expose_secret());
        key.open_in_place(numbered(number), Aad::from(context), sealed)
            .map_err(|_| Error::Damaged("a sealed piece does not open"))
    }

    /// Opens what [`DataKey::seal`] and [`DataKey::seal_in_place`] sealed.
    pub(crate) fn open(&self, sealed: Vec<u8>, context: &[u8]) -> Result<Vec<u8>> {
        open_with(&gcm(self.0.expose_secret()), sealed, context)
            .ok_or(Error::Damaged("a sealed blob does not open"))
    }
}

fn numbered(number: u32) -> Nonce {
    let mut nonce = [0u8; NONCE_LEN];
    nonce[NONCE_LEN - 4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

/// `nonce || ciphertext || tag`. A nonce is drawn at random; one key seals far fewer than the 2^32 messages at which
/// that stops being safe (NIST SP 800-38D §8.3).
fn seal_with(key: &LessSafeKey, mut plain: Vec<u8>, context: &[u8], chance: &dyn Chance) -> Vec<u8> {
    let mut nonce = [0u8; NONCE_LEN];
    chance.fill(&mut nonce);
    match key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut plain) {
        Ok(()) => {
            let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len());
            sealed.extend_from_slice(&nonce);
            sealed.append(&mut plain);
            sealed
        }
        // Only a plaintext of 64 GiB fails.
        Err(_) => unreachable!("blobs are bounded far below 64 GiB"),
    }
}

fn open_with(key: &LessSafeKey, mut sealed: Vec<u8>, context: &[u8]) -> Option<Vec<u8>> {
    if sealed.len() < NONCE_LEN {
        return None;
    }
    let mut cipher = sealed.split_off(NONCE_LEN);
    let nonce = Nonce::try_assume_unique_for_key(&sealed).ok()?;
    let plain_len = key.open_in_place(nonce, Aad::from(context), &mut cipher).ok()?.len();
    cipher.truncate(plain_len);
    Some(cipher)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(std::sync::atomic::AtomicU8);
    impl Chance for Counting {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    fn keyring(master: u8) -> (Keyring, Counting) {
        (Keyring::new(&MasterKey::from_bytes([master; 32]), 4), Counting(0.into()))
    }

    #[test]
    fn what_is_sealed_opens_only_in_its_own_place_and_untouched() {
        let (_, chance) = keyring(1);
        let key = DataKey::draw(&chance);
        let sealed = key.seal(b"van ban".to_vec(), b"here", &chance);
        assert_eq!(key.open(sealed.clone(), b"here").unwrap(), b"van ban");
        assert!(key.open(sealed.clone(), b"there").is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(changed, b"here").is_err(), "byte {at}");
        }
        assert!(key.open(sealed[..5].to_vec(), b"here").is_err());
    }

    #[test]
    fn another_master_key_opens_nothing() {
        let (one, chance) = keyring(1);
        let (two, _) = keyring(2);
        let wrapped = one.wrap(&DataKey::draw(&chance), b"owner", &chance);
        assert!(one.unwrap(&wrapped, b"owner").is_ok());
        assert!(one.unwrap(&wrapped, b"other").is_err());
        assert!(two.unwrap(&wrapped, b"owner").is_err());
    }

    #[test]
    fn the_same_bytes_of_two_owners_have_two_names() {
        let (ring, _) = keyring(1);
        let (a, b) = (OwnerId::from_bytes([1; 16]), OwnerId::from_bytes([2; 16]));
        assert_eq!(ring.name_blob(a, b"x"), ring.name_blob(a, b"x"));
        assert_ne!(ring.name_blob(a, b"x"), ring.name_blob(b, b"x"));
    }
}
