//! How a backup is sealed. A secret drawn for each repository is wrapped under the passphrase; a chunk is sealed under a key of its
//! own, which comes of that secret and of what the chunk holds.
//!
//! So the same bytes are sealed to the same chunk and are kept once, and a chunk is named by the SHA-256 of its file: whoever has
//! no passphrase can check that all are there and whole.

use anyhow::Context;
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::{Chance, Secret};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Argon2id over the passphrase: 64 MiB, three passes, four lanes (RFC 9106 §4, second recommended option).
const COSTS: (u32, u32, u32) = (64 * 1024, 3, 4);
/// Costs that a repository may ask for, KiB and passes: whoever wrote its file cannot make us fill the memory.
const COSTS_MAX: (u32, u32, u32) = (1024 * 1024, 20, 16);
/// Bytes of a chunk before sealing. Ours have four MiB, or one row.
pub(super) const PLAIN_MAX: usize = 1024 * 1024 * 1024;
/// Bytes of the digest that a sealed chunk begins with.
const DIGEST_LEN: usize = 32;
/// First byte of what is sealed: as it was, or a zstd frame. The length before follows, eight bytes.
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
const HEAD_LEN: usize = 9;
/// zstd's own balance.
const ZSTD_LEVEL: i32 = 3;
/// Shorter ones fall to a dictionary within hours.
pub(super) const PASSPHRASE_MIN: usize = 12;

/// Bytes as lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of bytes, in hexadecimal: a chunk's name.
pub(super) fn digest(bytes: &[u8]) -> String {
    hex(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref())
}

/// The lock of a repository, as its file `congvan-backup.json` has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    /// Always 1.
    format: u32,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    /// The secret, AES-256-GCM under the passphrase's key.
    wrapped: String,
}

/// What chunks are sealed and opened with.
pub(super) struct Vault {
    naming: hmac::Key,
    sealing: hmac::Key,
}

fn gcm(key: &[u8]) -> anyhow::Result<LessSafeKey> {
    let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| anyhow::anyhow!("a key of a wrong length"))?;
    Ok(LessSafeKey::new(key))
}

/// Each key seals one thing, so the nonce never repeats under it.
fn once() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

impl Lock {
    /// Draws a secret and wraps it.
    pub(super) fn make(passphrase: &Secret<String>, chance: &dyn Chance) -> anyhow::Result<(Self, Vault)> {
        anyhow::ensure!(
            passphrase.expose_secret().chars().count() >= PASSPHRASE_MIN,
            "[backup-passphrase-short] mật khẩu sao lưu phải có ít nhất {PASSPHRASE_MIN} ký tự / \
             the passphrase needs at least {PASSPHRASE_MIN} characters"
        );
        let (mut salt, mut secret) = ([0u8; 16], Zeroizing::new(vec![0u8; 32]));
        chance.fill(&mut salt);
        chance.fill(&mut secret);
        let vault = Vault::of(&secret);
        let mut wrapped = secret.to_vec();
        let key = passphrase_key(passphrase, COSTS, &salt)?;
        gcm(&key[..])?
            .seal_in_place_append_tag(once(), Aad::from(b"congvan backup lock 1"), &mut wrapped)
            .map_err(|_| anyhow::anyhow!("the secret could not be wrapped"))?;
        let (memory_kib, passes, lanes) = COSTS;
        let (salt, wrapped) = (STANDARD.encode(salt), STANDARD.encode(wrapped));
        Ok((Self { format: 1, memory_kib, passes, lanes, salt, wrapped }, vault))
    }

    /// Opens the secret.
    pub(super) fn open(&self, passphrase: &Secret<String>) -> anyhow::Result<Vault> {
        let costs = (self.memory_kib, self.passes, self.lanes);
        anyhow::ensure!(
            self.format == 1 && costs.0 <= COSTS_MAX.0 && costs.1 <= COSTS_MAX.1 && costs.2 <= COSTS_MAX.2,
            "[backup-format] kho sao lưu của phiên bản khác / the repository is of another version"
        );
        let unreadable = "[backup-format] kho sao lưu không đọc được / the repository cannot be read";
        let salt = STANDARD.decode(&self.salt).context(unreadable)?;
        let mut wrapped = Zeroizing::new(STANDARD.decode(&self.wrapped).context(unreadable)?);
        let key = passphrase_key(passphrase, costs, &salt)?;
        let secret = gcm(&key[..])?
            .open_in_place(once(), Aad::from(b"congvan backup lock 1"), &mut wrapped)
            .ok()
            .context("[backup-passphrase] mật khẩu sao lưu không đúng / the passphrase is wrong")?;
        Ok(Vault::of(secret))
    }
}

fn passphrase_key(
    passphrase: &Secret<String>,
    (memory_kib, passes, lanes): (u32, u32, u32),
    salt: &[u8],
) -> anyhow::Result<Zeroizing<[u8; 32]>> {
    let said = |e: argon2::Error| anyhow::anyhow!("[backup-format] {e}");
    let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(said)?;
    let mut key = Zeroizing::new([0u8; 32]);
    // The same words typed on another machine are the same passphrase.
    let words = Zeroizing::new(mail::text::nfc(passphrase.expose_secret().trim_end_matches(['\r', '\n'])));
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(words.as_bytes(), salt, &mut key[..])
        .map_err(said)?;
    Ok(key)
}

impl Vault {
    fn of(secret: &[u8]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derive = |what: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&root, what).as_ref());
        Self { naming: derive(b"congvan backup naming 1"), sealing: derive(b"congvan backup sealing 1") }
    }

    fn key(&self, digest: &[u8]) -> anyhow::Result<LessSafeKey> {
        gcm(hmac::sign(&self.sealing, digest).as_ref())
    }

    /// Seals a chunk: the same bytes always to the same. The key is of what is sealed, packed as it is: another zstd may pack the same bytes
    /// otherwise, and one key must never seal two texts.
    pub(super) fn seal(&self, plain: &[u8]) -> anyhow::Result<Vec<u8>> {
        let packed = zstd::bulk::compress(plain, ZSTD_LEVEL).ok().filter(|packed| packed.len() < plain.len());
        let (flag, body) = match &packed {
            Some(packed) => (ZSTD, packed.as_slice()),
            None => (PLAIN, plain),
        };
        let mut inner = Vec::with_capacity(HEAD_LEN + body.len() + 16);
        inner.push(flag);
        inner.extend_from_slice(&(plain.len() as u64).to_be_bytes());
        inner.extend_from_slice(body);
        let digest = hmac::sign(&self.naming, &inner);
        self.key(digest.as_ref())?
            .seal_in_place_append_tag(once(), Aad::from(b"congvan backup chunk 1"), &mut inner)
            .map_err(|_| anyhow::anyhow!("a chunk could not be sealed"))?;
        Ok([digest.as_ref(), &inner].concat())
    }

    /// Opens a chunk; `None` for one that was not sealed with this secret, or not as it lies there.
    pub(super) fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (digest, inner) = sealed.split_at_checked(DIGEST_LEN)?;
        let mut inner = inner.to_vec();
        let key = self.key(digest).ok()?;
        let opened = key.open_in_place(once(), Aad::from(b"congvan backup chunk 1"), &mut inner).ok()?;
        let (head, body) = opened.split_at_checked(HEAD_LEN)?;
        let (flag, length) = head.split_first()?;
        let length = usize::try_from(u64::from_be_bytes(length.try_into().ok()?)).ok()?;
        match *flag {
            PLAIN if length == body.len() => Some(body.to_vec()),
            ZSTD if length <= PLAIN_MAX => {
                zstd::bulk::decompress(body, length).ok().filter(|plain| plain.len() == length)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::SystemChance;

    #[test]
    fn a26_chunks_open_only_with_their_passphrase_and_untouched() {
        let (lock, vault) = Lock::make(&Secret::from("mật khẩu sao lưu dài"), &SystemChance::new()).unwrap();
        let (plain, noise) = (b"van ban ".repeat(100), b"\x00\x9f\x13\x77".to_vec());
        for plain in [&plain, &noise, &Vec::new()] {
            let sealed = vault.seal(plain).unwrap();
            assert_eq!(sealed, vault.seal(plain).unwrap(), "kept once");
            let again = lock.open(&Secret::from("mật khẩu sao lưu dài\n")).unwrap();
            assert_eq!(again.open(&sealed).as_ref(), Some(plain));
            for at in 0..sealed.len() {
                let mut changed = sealed.clone();
                changed[at] ^= 1;
                assert!(vault.open(&changed).is_none(), "byte {at}");
            }
            assert!(vault.open(&sealed[..sealed.len() - 1]).is_none());
        }
        assert!(vault.open(b"").is_none());
        let wrong = lock.open(&Secret::from("mật khẩu khác, cũng dài")).err().unwrap().to_string();
        assert!(wrong.contains("[backup-passphrase]"), "{wrong}");
        let (_, stranger) = Lock::make(&Secret::from("mật khẩu sao lưu dài"), &SystemChance::new()).unwrap();
        assert!(stranger.open(&vault.seal(&noise).unwrap()).is_none(), "another repository");
        assert!(Lock::make(&Secret::from("ngắn"), &SystemChance::new()).is_err());
    }
}
