//! Keys in tokens and HSMs, through PKCS #11 (OASIS, v2.40 and later).
//!
//! The module is a library of the token's maker, loaded when the key is opened; `cryptoki` wraps it. PKCS #11 has one
//! state per process: a module is initialised once and stays, whoever opens how many tokens through it.
//!
//! What must stay true: a PIN is presented once. When the token refuses it, every later call is refused here, because
//! tokens lock themselves after three to ten wrong ones. And a signature leaves only after it has been verified with the
//! certificate's key: that is what proves that the right key was found, and it keeps a faulty device's broken
//! RSA signatures, which would give the key away, inside.

mod find;
mod pool;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::{Error as Fault, RvError};
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;

use crate::algorithm::{Digest, SignatureAlgorithm};
use crate::certificate::Certificate;
use crate::der::Writer;
use crate::keys::{PublicKey, Scheme, Signature, SigningKey, TokenUri, ecdsa_from_fixed};
use crate::{Error, Limits};
use find::Found;
use pool::{Lent, Pool};

/// A token's PIN. Prints nothing of itself, and is wiped from memory when dropped.
#[derive(Clone)]
pub struct Pin(AuthPin);

impl From<&str> for Pin {
    fn from(text: &str) -> Pin {
        Pin(AuthPin::new(text.into()))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(…)")
    }
}

/// A token whose PIN is known: a bounded number of sessions, opened when needed and shared by all its keys.
pub struct Token {
    pool: Pool,
}

/// A private key in a token.
pub struct TokenKey {
    token: Arc<Token>,
    certificate: Certificate,
    /// What else lies in the token, usually the certificates above.
    others: Vec<Certificate>,
    /// Where the key was found last. Handles die with the sessions of their generation.
    found: Mutex<Option<(u64, Found)>>,
    /// Said by the caller: only keys of this label or id.
    wanted: Wanted,
}

/// Which object of a token.
#[derive(Clone, Default)]
struct Wanted {
    label: Option<String>,
    id: Option<Vec<u8>>,
}

impl Token {
    /// Loads the module, finds the token, opens a session and logs in.
    ///
    /// Errors: [`Error::TokenModule`], [`Error::TokenAbsent`], those of PINs, [`Error::TokenFailed`].
    pub fn open(uri: &TokenUri, pin: Option<Pin>, limits: &Limits) -> Result<Token, Error> {
        let token = Token { pool: Pool::new(module(&uri.module)?, uri.clone(), pin, limits) };
        token.work(|_| Ok(()))?;
        Ok(token)
    }

    /// Sessions that are open now.
    pub fn sessions(&self) -> usize {
        self.pool.sessions()
    }

    /// Runs `work` in a session. Once more in a fresh one when the token has forgotten us: it was initialised anew,
    /// pulled out and plugged in again, or somebody logged everybody out.
    fn work<T>(&self, work: impl Fn(&Lent<'_>) -> Result<T, Fault>) -> Result<T, Error> {
        let mut lent = self.pool.take()?;
        match work(&lent) {
            Err(fault) if pool::is_stale(&fault) => {
                lent.forget_all();
                drop(lent);
                let lent = self.pool.take()?;
                work(&lent).map_err(pool::told)
            }
            other => other.map_err(pool::told),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The module of this path, loaded and initialised at first use.
fn module(path: &Path) -> Result<Pkcs11, Error> {
    static MODULES: Mutex<BTreeMap<PathBuf, Pkcs11>> = Mutex::new(BTreeMap::new());
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = modules.get(path) {
        return Ok(known.clone());
    }
    let failed = |fault: Fault| Error::TokenModule(format!("{} cannot be used: {fault}", path.display()));
    let module = Pkcs11::new(path).map_err(failed)?;
    initialize(&module).map_err(failed)?;
    modules.insert(path.to_owned(), module.clone());
    Ok(module)
}

/// Several parties of one process may use a module; the first one initialises it.
fn initialize(module: &Pkcs11) -> Result<(), Fault> {
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Err(Fault::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        other => other,
    }
}

/// What is to be signed.
#[derive(Clone, Copy)]
enum Input<'i> {
    Message(&'i [u8]),
    Digest(&'i [u8]),
}

impl TokenKey {
    /// Finds a key by its certificate: the one given, or the one in the token that the URI names. The private key is the
    /// one of the same CKA_ID, or the one with the certificate's public key.
    ///
    /// Errors: [`Error::KeyMissing`], [`Error::KeyUnfit`] when this house does not sign with keys of this kind, and
    /// those of the token.
    pub fn open(
        token: Arc<Token>,
        uri: &TokenUri,
        given: Option<Certificate>,
        limits: &Limits,
    ) -> Result<TokenKey, Error> {
        let wanted = Wanted { label: uri.object.clone(), id: uri.id.clone() };
        let inside = token.work(|session| find::certificates(session, limits))?;
        let certificate = match given {
            Some(certificate) => certificate,
            None => token.work(|session| find::choose(session, &inside, &wanted))??,
        };
        let public = certificate.public_key();
        if Scheme::usual(public.kind()).is_none() || public.is_weak() || !public.is_supported() {
            return Err(Error::KeyUnfit("RSA from 2048 bits, P-256, P-384, P-521 or Ed25519 is needed"));
        }
        let others =
            inside.into_iter().map(|inside| inside.certificate).filter(|c| *c != certificate).collect();
        let key = TokenKey { token, certificate, others, found: Mutex::new(None), wanted };
        key.token.work(|session| key.find(session))??;
        Ok(key)
    }

    /// The key's certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Further certificates in the token, usually those above.
    pub fn others(&self) -> &[Certificate] {
        &self.others
    }

    /// The private key's handle; looked up again for sessions of another generation.
    fn find(&self, session: &Lent<'_>) -> Result<Result<Found, Error>, Fault> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((generation, known)) = *found
            && generation == session.generation()
        {
            return Ok(Ok(known));
        }
        let looked = find::private_key(session, &self.certificate, &self.wanted)?;
        match &looked {
            Ok(handle) => *found = Some((session.generation(), *handle)),
            // Whoever is not logged in sees no private keys, and gets no error either.
            Err(_) if session.is_logged_out()? => {
                return Err(Fault::Pkcs11(RvError::UserNotLoggedIn, Function::FindObjects));
            }
            Err(_) => {}
        }
        Ok(looked)
    }

    fn make(&self, scheme: Scheme, input: Input<'_>) -> Result<Signature, Error> {
        let public = self.certificate.public_key();
        let algorithm = scheme.algorithm();
        let value = self.token.work(|session| {
            let found = match self.find(session)? {
                Ok(found) => found,
                Err(error) => return Ok(Err(error)),
            };
            match sign(session, found, algorithm, input) {
                Err(Fault::Pkcs11(RvError::MechanismInvalid | RvError::KeyFunctionNotPermitted, _))
                    if matches!(input, Input::Digest(_)) =>
                {
                    Ok(Err(Error::Unsupported("signing a digest with this token")))
                }
                other => other.map(Ok),
            }
        })??;
        let value =
            if matches!(algorithm, SignatureAlgorithm::Ecdsa(_)) { ecdsa_from_fixed(&value)? } else { value };
        let is_ours = match input {
            Input::Message(message) => algorithm.verify(public, message, &value),
            Input::Digest(digest) => algorithm.verify_digest(public, digest, &value),
        };
        is_ours.map_err(|_| {
            Error::KeyUnfit("the token's key is not the certificate's, or the token is faulty")
        })?;
        Ok(Signature(value))
    }
}

impl SigningKey for TokenKey {
    fn public(&self) -> &PublicKey {
        self.certificate.public_key()
    }

    fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Signature, Error> {
        super::fits(self.public(), scheme, None)?;
        self.make(scheme, Input::Message(message))
    }

    fn sign_digest(&self, scheme: Scheme, digest: &[u8]) -> Result<Signature, Error> {
        super::fits(self.public(), scheme, Some(digest))?;
        self.make(scheme, Input::Digest(digest))
    }

    fn is_slow(&self) -> bool {
        true
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({:?}, …)", self.public().kind())
    }
}

/// Asks the token. A digest made here is signed where the token allows it: what crosses a slow wire then is short.
/// Tokens that insist on hashing themselves get the message.
fn sign(
    session: &Lent<'_>,
    found: Found,
    algorithm: SignatureAlgorithm,
    input: Input<'_>,
) -> Result<Vec<u8>, Fault> {
    // A key that wants its PIN for every signature wants it between the two halves of an operation, and only the
    // mechanisms that hash come in halves.
    if found.wants_pin_each_time {
        let Input::Message(message) = input else { return Err(Fault::NotSupported) };
        session.sign_init(&hashing(algorithm)?, found.handle)?;
        session.login(UserType::ContextSpecific, session.pin())?;
        session.sign_update(message)?;
        return session.sign_final();
    }
    let (mechanism, data) = match (input, algorithm.digest()) {
        (Input::Message(message), None) => (bare(algorithm)?, message.to_vec()),
        (Input::Message(message), Some(digest)) => (bare(algorithm)?, padded(algorithm, digest.of(message))),
        (Input::Digest(hash), _) => (bare(algorithm)?, padded(algorithm, hash.to_vec())),
    };
    match (session.sign(&mechanism, found.handle, &data), input) {
        (
            Err(Fault::Pkcs11(RvError::MechanismInvalid | RvError::MechanismParamInvalid, _)),
            Input::Message(message),
        ) => session.sign(&hashing(algorithm)?, found.handle, message),
        (result, _) => result,
    }
}

/// What CKM_RSA_PKCS pads: the `DigestInfo` of RFC 8017 §9.2. The others take the digest as it is.
fn padded(algorithm: SignatureAlgorithm, hash: Vec<u8>) -> Vec<u8> {
    let SignatureAlgorithm::RsaPkcs1(digest) = algorithm else { return hash };
    Writer::build(|w| {
        w.sequence(|w| {
            w.sequence(|w| {
                w.oid(&digest.oid());
                w.null();
            });
            w.octets(&hash);
        });
    })
}

/// The mechanism over a digest.
fn bare(algorithm: SignatureAlgorithm) -> Result<Mechanism<'static>, Fault> {
    Ok(match algorithm {
        SignatureAlgorithm::RsaPkcs1(_) => Mechanism::RsaPkcs,
        SignatureAlgorithm::RsaPss { digest, salt, .. } => Mechanism::RsaPkcsPss(pss(digest, salt)?),
        SignatureAlgorithm::Ecdsa(_) => Mechanism::Ecdsa,
        SignatureAlgorithm::Ed25519 => Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure)),
        _ => return Err(Fault::NotSupported),
    })
}

/// The mechanism over a message.
fn hashing(algorithm: SignatureAlgorithm) -> Result<Mechanism<'static>, Fault> {
    use SignatureAlgorithm::{Ecdsa, RsaPkcs1, RsaPss};
    Ok(match algorithm {
        RsaPkcs1(Digest::Sha256) => Mechanism::Sha256RsaPkcs,
        RsaPkcs1(Digest::Sha384) => Mechanism::Sha384RsaPkcs,
        RsaPkcs1(Digest::Sha512) => Mechanism::Sha512RsaPkcs,
        RsaPss { digest: digest @ Digest::Sha256, salt, .. } => {
            Mechanism::Sha256RsaPkcsPss(pss(digest, salt)?)
        }
        RsaPss { digest: digest @ Digest::Sha384, salt, .. } => {
            Mechanism::Sha384RsaPkcsPss(pss(digest, salt)?)
        }
        RsaPss { digest: digest @ Digest::Sha512, salt, .. } => {
            Mechanism::Sha512RsaPkcsPss(pss(digest, salt)?)
        }
        Ecdsa(Digest::Sha256) => Mechanism::EcdsaSha256,
        Ecdsa(Digest::Sha384) => Mechanism::EcdsaSha384,
        Ecdsa(Digest::Sha512) => Mechanism::EcdsaSha512,
        _ => return Err(Fault::NotSupported),
    })
}

fn pss(digest: Digest, salt: u32) -> Result<PkcsPssParams, Fault> {
    let (hash_alg, mgf) = match digest {
        Digest::Sha256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
        Digest::Sha384 => (MechanismType::SHA384, PkcsMgfType::MGF1_SHA384),
        Digest::Sha512 => (MechanismType::SHA512, PkcsMgfType::MGF1_SHA512),
        _ => return Err(Fault::NotSupported),
    };
    Ok(PkcsPssParams { hash_alg, mgf, s_len: u64::from(salt).into() })
}
