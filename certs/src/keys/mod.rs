//! Our own keys: the only place where private keys are used.
//!
//! Whoever needs a signature holds a [`SigningKey`] and learns two things from it: its public half, and signatures.
//! [`Key`] keeps the private half in this process (PEM, PKCS #8, PKCS #12 files), [`TokenKey`] asks a token or an HSM
//! through PKCS #11; a signature that somebody else makes (a remote signing service, a SIM card, a browser's helper)
//! enters as [`Signature::made_elsewhere`]. [`KeyName`] is the one way to say which key is meant, in the
//! configuration and on the command line.
//!
//! OpenSSL draws the randomness of key generation, PSS salts and ECDSA nonces itself: handing it in would let a
//! caller repeat a nonce, and one repetition gives the key away. Keys from a seed exist for tests only, and can be had
//! through [`crate::issue::world`] alone.

mod name;
mod private;
mod public;
mod scheme;
mod seeded;
mod token;

use std::fmt;

pub use name::{KeyName, PinSource, TokenUri};
pub use private::{Key, KeyFile, Size};
pub use public::{KeyKind, PublicKey};
pub use scheme::{Scheme, Signature, ecdsa_from_fixed, ecdsa_to_fixed, verify};
pub use token::{Pin, Token, TokenKey};

use crate::Error;

/// A private key wherever it lies: it says which public key it has, and signs. Nothing else comes out of it.
pub trait SigningKey: fmt::Debug + Send + Sync {
    /// Its public half.
    fn public(&self) -> &PublicKey;

    /// The scheme it uses unless asked otherwise.
    fn usual_scheme(&self) -> Scheme {
        // Every implementation lets only kinds with a usual scheme in.
        Scheme::usual(self.public().kind()).unwrap_or(Scheme::RsaPkcs1Sha256)
    }

    /// Signs a message, which is hashed on the way. May block for as long as a token thinks, see
    /// [`SigningKey::is_slow`].
    ///
    /// Errors: [`Error::KeyUnfit`] when scheme and key do not go together, [`Error::Library`], and those of tokens.
    fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Signature, Error>;

    /// Signs a digest made with [`Scheme::digest`].
    ///
    /// Errors: as [`SigningKey::sign`]; [`Error::Unsupported`] for Ed25519, which signs whole messages (RFC 8032 §5.1),
    /// and for tokens that insist on hashing themselves.
    fn sign_digest(&self, scheme: Scheme, digest: &[u8]) -> Result<Signature, Error>;

    /// Signing means waiting for a device: asynchronous callers move to a thread that may block.
    fn is_slow(&self) -> bool {
        false
    }
}

/// Refuses a scheme of another kind of key, and a digest of another length.
fn fits(public: &PublicKey, scheme: Scheme, digest: Option<&[u8]>) -> Result<(), Error> {
    if !scheme.fits(public.kind()) {
        return Err(Error::KeyUnfit("the scheme belongs to another kind of key"));
    }
    if digest.is_some_and(|digest| digest.len() != scheme.digest().size()) {
        return Err(Error::KeyUnfit("the digest is not of the scheme's length"));
    }
    if digest.is_some() && scheme == Scheme::Ed25519 {
        return Err(Error::Unsupported("signing a digest with Ed25519"));
    }
    Ok(())
}
