//! Keys that sign mail, read once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use certs::keys::Key;
use ring::digest::{SHA256, digest};

/// Keys kept read. A house has a handful; when there are more, they are read anew.
const KEYS_MAX: usize = 200;

/// Keys that were read, by the hash of their text: which keys sign is asked of the store for each message, so that a key that was
/// replaced is not found here any more. Reading one costs as much as signing with it.
#[derive(Default)]
pub(crate) struct Keys(Mutex<HashMap<[u8; 32], Arc<Key>>>);

impl Keys {
    /// The key of a PEM text; `None` when it is none.
    pub(crate) fn read(&self, pem: &[u8]) -> Option<Arc<Key>> {
        let hash: [u8; 32] = digest(&SHA256, pem).as_ref().try_into().ok()?;
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned();
        if known.is_some() {
            return known;
        }
        let key = Arc::new(Key::from_pem(pem, None).ok()?);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEYS_MAX {
            all.clear();
        }
        all.insert(hash, key.clone());
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use certs::keys::Size;

    use super::*;

    #[test]
    fn keys_are_read_once_and_never_pile_up() {
        let keys = Keys::default();
        let pem = Key::generate(Size::Ed25519).unwrap().to_pem().unwrap();
        let first = keys.read(&pem).unwrap();
        assert!(Arc::ptr_eq(&first, &keys.read(&pem).unwrap()));
        assert!(keys.read(b"no key").is_none());
        for _ in 0..KEYS_MAX + 5 {
            keys.read(&Key::generate(Size::Ed25519).unwrap().to_pem().unwrap()).unwrap();
        }
        assert!(keys.0.lock().unwrap().len() <= KEYS_MAX);
        assert!(!Arc::ptr_eq(&first, &keys.read(&pem).unwrap()));
    }
}
