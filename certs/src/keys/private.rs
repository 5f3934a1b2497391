//! Private keys.

use std::fmt;

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkcs12;
use openssl::pkey::{Id, PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl::provider::Provider;
use openssl::rsa::{Padding, Rsa};
use openssl::sign::{RsaPssSaltlen, Signer};
use zeroize::Zeroizing;

use crate::algorithm::SignatureAlgorithm;
use crate::certificate::Certificate;
use crate::der::{Reader, Tag};
use crate::keys::{KeyKind, PublicKey, Scheme, Signature, SigningKey, seeded};
use crate::{Error, Limits};

/// Kinds and sizes of keys this house generates (RULES D12: RSA of at least 2048 bits, or a modern curve).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// RSA, 2048 bits.
    Rsa2048,
    /// RSA, 3072 bits.
    Rsa3072,
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// ECDSA on P-521.
    P521,
    /// Ed25519.
    Ed25519,
}

/// A private key in this process. Prints nothing of itself; a clone is the same key in the same place.
#[derive(Clone)]
pub struct Key {
    private: PKey<Private>,
    public: PublicKey,
    /// Signatures repeat: see [`super::seeded`].
    is_seeded: bool,
}

/// What a key's file held.
pub struct KeyFile {
    /// The private key.
    pub key: Key,
    /// Its certificate, when the file has one.
    pub certificate: Option<Certificate>,
    /// Further certificates, usually the issuers.
    pub others: Vec<Certificate>,
}

impl Key {
    /// Makes a new key.
    pub fn generate(size: Size) -> Result<Key, Error> {
        let curve = |nid| EcKey::generate(&*EcGroup::from_curve_name(nid)?).and_then(PKey::from_ec_key);
        let made = match size {
            Size::Rsa2048 => Rsa::generate(2048).and_then(PKey::from_rsa),
            Size::Rsa3072 => Rsa::generate(3072).and_then(PKey::from_rsa),
            Size::P256 => curve(Nid::X9_62_PRIME256V1),
            Size::P384 => curve(Nid::SECP384R1),
            Size::P521 => curve(Nid::SECP521R1),
            Size::Ed25519 => PKey::generate_ed25519(),
        };
        Self::from_openssl(made.map_err(|_| Error::Library)?)
    }

    /// The Ed25519 key of a 32-byte seed (RFC 8032 §5.1.5); the caller guards and drew the seed.
    pub fn ed25519_from_seed(seed: &[u8; 32]) -> Result<Key, Error> {
        let made = PKey::private_key_from_raw_bytes(seed, Id::ED25519);
        Self::from_openssl(made.map_err(|_| Error::Library)?)
    }

    /// Opens a PEM file: PKCS #8 (plain or encrypted), PKCS #1, SEC 1. `password` is used when the file is
    /// encrypted and ignored otherwise.
    ///
    /// Errors: [`Error::KeyLocked`], [`Error::KeyUnfit`].
    pub fn from_pem(text: &[u8], password: Option<&[u8]>) -> Result<Key, Error> {
        // An absent password is an empty one, so that OpenSSL never asks on the terminal.
        let opened = PKey::private_key_from_pem_passphrase(text, password.unwrap_or_default());
        Self::from_openssl(opened.map_err(|_| Error::KeyLocked)?)
    }

    /// Opens a PKCS #8 structure.
    pub fn from_pkcs8(der: &[u8]) -> Result<Key, Error> {
        Self::from_openssl(PKey::private_key_from_pkcs8(der).map_err(|_| Error::KeyLocked)?)
    }

    /// Opens whatever a file holds: PEM (with certificates beside the key, if any), PKCS #8 or PKCS #12 in DER.
    ///
    /// Errors: [`Error::KeyLocked`], also when a password is needed and none was given; [`Error::KeyUnfit`], also when
    /// there is no key in it; what is wrong with a certificate.
    pub fn from_file(bytes: &[u8], password: Option<&str>) -> Result<KeyFile, Error> {
        if bytes.first() != Some(&0x30) {
            // Somebody who names a certificate by mistake is not asked for a password.
            let mark = b"PRIVATE KEY-----";
            if !bytes.windows(mark.len()).any(|window| window == mark) {
                return Err(Error::KeyUnfit("there is no private key in the file"));
            }
            let key = Self::from_pem(bytes, password.map(str::as_bytes))?;
            let mut others = Certificate::all_from_pem(bytes, &Limits::default())?;
            let own = others.iter().position(|one| one.public_key() == key.public());
            let certificate = own.map(|own| others.remove(own));
            return Ok(KeyFile { key, certificate, others });
        }
        // PKCS #12 is version 3 (RFC 7292 §4), PKCS #8 version 0 or 1 (RFC 5958 §2).
        let version = || Reader::ber(bytes).only()?.children()?.expect(Tag::INTEGER)?.small();
        match version() {
            Ok(3) => Self::from_pkcs12(bytes, password.unwrap_or_default()),
            _ => Ok(KeyFile { key: Self::from_pkcs8(bytes)?, certificate: None, others: Vec::new() }),
        }
    }

    /// Opens a PKCS #12 container, also one in the old ciphers (RC2, 3DES with SHA-1) that authorities still hand out.
    ///
    /// Errors: [`Error::KeyLocked`]; [`Error::KeyUnfit`] when there is no key in it, or when its cipher is an old one and
    /// OpenSSL's module for those is not installed.
    pub fn from_pkcs12(der: &[u8], password: &str) -> Result<KeyFile, Error> {
        let container = pkcs12::Pkcs12::from_der(der).map_err(|_| Error::KeyLocked)?;
        let parts = match container.parse2(password) {
            Err(errors) if is_old_cipher(&errors) => {
                // Unloaded again when this returns: nothing else may use what it brings.
                let _old = Provider::try_load(None, "legacy", true).map_err(|_| {
                    Error::KeyUnfit("the container is in an old cipher this machine does not have")
                })?;
                container.parse2(password)
            }
            other => other,
        };
        let parts = parts.map_err(|_| Error::KeyLocked)?;
        let read = |x509: &openssl::x509::X509Ref| {
            Certificate::from_der(&x509.to_der().map_err(|_| Error::Library)?)
        };
        let certificate = parts.cert.as_deref().map(read).transpose()?;
        let mut others = Vec::new();
        for other in parts.ca.iter().flatten() {
            others.push(read(other)?);
        }
        let key = parts.pkey.ok_or(Error::KeyUnfit("the container has no private key"))?;
        Ok(KeyFile { key: Self::from_openssl(key)?, certificate, others })
    }

    fn from_openssl(key: PKey<Private>) -> Result<Key, Error> {
        let spki = key.public_key_to_der().map_err(|_| Error::Library)?;
        let public = PublicKey::from_spki(&spki)?;
        if Scheme::usual(public.kind()).is_none() || public.is_weak() || !public.is_supported() {
            return Err(Error::KeyUnfit("RSA from 2048 bits, P-256, P-384, P-521 or Ed25519 is needed"));
        }
        Ok(Key { private: key, public, is_seeded: false })
    }

    /// The key of a seed that is no secret: for [`crate::issue::world`].
    pub(crate) fn seeded(size: Size, seed: &str) -> Result<Key, Error> {
        let key = Self::from_openssl(seeded::key(size, seed).map_err(|_| Error::Library)?)?;
        Ok(Key { is_seeded: true, ..key })
    }

    /// As [`Key::seeded`], RSA of any size: defects on demand.
    pub(crate) fn seeded_rsa(bits: u32, seed: &str) -> Result<Key, Error> {
        let private = seeded::rsa(bits, seed).map_err(|_| Error::Library)?;
        let spki = private.public_key_to_der().map_err(|_| Error::Library)?;
        Ok(Key { public: PublicKey::from_spki(&spki)?, private, is_seeded: true })
    }

    /// Its public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// What kind of key it is.
    pub fn kind(&self) -> KeyKind {
        self.public.kind()
    }

    /// The scheme it uses unless asked otherwise.
    pub fn usual_scheme(&self) -> Scheme {
        // `from_openssl` lets only kinds with a usual scheme in.
        Scheme::usual(self.kind()).unwrap_or(Scheme::RsaPkcs1Sha256)
    }

    /// Signs a message (which is hashed here).
    ///
    /// Errors: [`Error::KeyUnfit`] when scheme and key do not go together, [`Error::Library`].
    pub fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Signature, Error> {
        super::fits(&self.public, scheme, None)?;
        self.sign_algorithm(scheme.algorithm(), message)
    }

    fn sign_hashed(&self, scheme: Scheme, digest: &[u8]) -> Result<Signature, Error> {
        super::fits(&self.public, scheme, Some(digest))?;
        let algorithm = scheme.algorithm();
        let hash = scheme.digest().md();
        let sign = || -> Result<Vec<u8>, openssl::error::ErrorStack> {
            let mut context = PkeyCtx::new(&self.private)?;
            context.sign_init()?;
            match algorithm {
                SignatureAlgorithm::RsaPkcs1(_) => context.set_rsa_padding(Padding::PKCS1)?,
                SignatureAlgorithm::RsaPss { .. } => {
                    context.set_rsa_padding(Padding::PKCS1_PSS)?;
                    context.set_rsa_mgf1_md(hash)?;
                }
                _ => {}
            }
            context.set_signature_md(hash)?;
            if matches!(algorithm, SignatureAlgorithm::RsaPss { .. }) {
                // Only now does the context know how long a digest is.
                context.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
            }
            let mut signature = Vec::new();
            context.sign_to_vec(digest, &mut signature)?;
            Ok(signature)
        };
        sign().map(Signature).map_err(|_| Error::Library)
    }

    /// As [`Key::sign`], also with algorithms this house verifies only to report them as weak: defects on demand
    /// for [`crate::issue`].
    pub(crate) fn sign_algorithm(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
    ) -> Result<Signature, Error> {
        let key = &self.private;
        if let (true, SignatureAlgorithm::Ecdsa(digest)) = (self.is_seeded, algorithm) {
            return seeded::ecdsa(key, digest, message).map(Signature).map_err(|_| Error::Library);
        }
        let sign = || -> Result<Vec<u8>, openssl::error::ErrorStack> {
            let mut signer = match algorithm.digest() {
                Some(digest) => Signer::new(digest.openssl(), key)?,
                None => Signer::new_without_digest(key)?,
            };
            if let SignatureAlgorithm::RsaPss { mask, .. } = algorithm {
                signer.set_rsa_padding(Padding::PKCS1_PSS)?;
                signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
                signer.set_rsa_mgf1_md(mask.openssl())?;
            }
            signer.sign_oneshot_to_vec(message)
        };
        sign().map(Signature).map_err(|_| Error::Library)
    }

    /// PKCS #8 PEM for writing a newly made key to its file; wiped from memory when dropped.
    pub fn to_pem(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.private.private_key_to_pem_pkcs8().map(Zeroizing::new).map_err(|_| Error::Library)
    }

    /// PKCS #12 with this key, its certificate and the issuers, for handing a key to its owner.
    pub fn to_pkcs12(
        &self,
        name: &str,
        password: &str,
        certificate: &Certificate,
        others: &[Certificate],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let build = || -> Result<Vec<u8>, openssl::error::ErrorStack> {
            let own = openssl::x509::X509::from_der(certificate.der())?;
            let mut stack = openssl::stack::Stack::new()?;
            for other in others {
                stack.push(openssl::x509::X509::from_der(other.der())?)?;
            }
            let mut builder = pkcs12::Pkcs12::builder();
            builder.name(name).pkey(&self.private).cert(&own).ca(stack);
            builder.build2(password)?.to_der()
        };
        build().map(Zeroizing::new).map_err(|_| Error::Library)
    }
}

/// OpenSSL knows the cipher and does not have it loaded.
fn is_old_cipher(errors: &openssl::error::ErrorStack) -> bool {
    errors.errors().iter().any(|error| error.reason().is_some_and(|reason| reason.contains("unsupported")))
}

impl SigningKey for Key {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Signature, Error> {
        Key::sign(self, scheme, message)
    }

    fn sign_digest(&self, scheme: Scheme, digest: &[u8]) -> Result<Signature, Error> {
        self.sign_hashed(scheme, digest)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?}, …)", self.kind())
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFile({:?}, {:?})", self.key, self.certificate)
    }
}
