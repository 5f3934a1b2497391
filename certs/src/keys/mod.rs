//! Our own keys: the only place where private keys are used.
//!
//! A [`Key`] signs and says which public key it has; nothing else comes out of it, except [`Key::to_pem`] for
//! writing a key just generated to its file. Keys in tokens and HSMs (PKCS #11) fit behind the same type: what
//! holds the key is private to this module.
//!
//! OpenSSL draws the randomness of key generation, PSS salts and ECDSA nonces itself: handing it in would let a
//! caller repeat a nonce, and one repetition gives the key away.

mod private;
mod public;
mod scheme;

pub use private::{Key, Pkcs12, Size};
pub use public::{KeyKind, PublicKey};
pub use scheme::{Scheme, Signature, ecdsa_from_fixed, ecdsa_to_fixed, verify};
