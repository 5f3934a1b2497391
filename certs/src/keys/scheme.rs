//! Signature schemes and signatures.

use crate::Error;
use crate::algorithm::{Digest, SignatureAlgorithm};
use crate::der::{Reader, Tag, Writer};
use crate::keys::{KeyKind, PublicKey};

/// The schemes this house signs with: those RULES D12 and D29 allow. More are verified, see [`SignatureAlgorithm`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5 with SHA-256: what the public-service hierarchy uses throughout (RULES 4.3).
    RsaPkcs1Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RsaPkcs1Sha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RsaPkcs1Sha512,
    /// RSASSA-PSS with SHA-256, MGF1-SHA-256, 32 bytes of salt.
    RsaPssSha256,
    /// RSASSA-PSS with SHA-384, MGF1-SHA-384, 48 bytes of salt.
    RsaPssSha384,
    /// RSASSA-PSS with SHA-512, MGF1-SHA-512, 64 bytes of salt.
    RsaPssSha512,
    /// ECDSA on P-256 with SHA-256, signature in DER.
    EcdsaP256Sha256,
    /// ECDSA on P-384 with SHA-384, signature in DER.
    EcdsaP384Sha384,
    /// ECDSA on P-521 with SHA-512, signature in DER.
    EcdsaP521Sha512,
    /// Ed25519.
    Ed25519,
}

impl Scheme {
    /// All of them.
    pub const ALL: [Scheme; 10] = [
        Scheme::RsaPkcs1Sha256,
        Scheme::RsaPkcs1Sha384,
        Scheme::RsaPkcs1Sha512,
        Scheme::RsaPssSha256,
        Scheme::RsaPssSha384,
        Scheme::RsaPssSha512,
        Scheme::EcdsaP256Sha256,
        Scheme::EcdsaP384Sha384,
        Scheme::EcdsaP521Sha512,
        Scheme::Ed25519,
    ];

    /// The scheme a key of this kind uses unless asked otherwise.
    pub fn usual(kind: KeyKind) -> Option<Scheme> {
        Some(match kind {
            KeyKind::Rsa => Scheme::RsaPkcs1Sha256,
            KeyKind::RsaPss => Scheme::RsaPssSha256,
            KeyKind::P256 => Scheme::EcdsaP256Sha256,
            KeyKind::P384 => Scheme::EcdsaP384Sha384,
            KeyKind::P521 => Scheme::EcdsaP521Sha512,
            KeyKind::Ed25519 => Scheme::Ed25519,
            KeyKind::Ed448 | KeyKind::Dsa | KeyKind::Other => return None,
        })
    }

    /// The algorithm as certificates and CMS name it.
    pub fn algorithm(self) -> SignatureAlgorithm {
        let pss =
            |digest: Digest| SignatureAlgorithm::RsaPss { digest, mask: digest, salt: digest.size() as u32 };
        match self {
            Scheme::RsaPkcs1Sha256 => SignatureAlgorithm::RsaPkcs1(Digest::Sha256),
            Scheme::RsaPkcs1Sha384 => SignatureAlgorithm::RsaPkcs1(Digest::Sha384),
            Scheme::RsaPkcs1Sha512 => SignatureAlgorithm::RsaPkcs1(Digest::Sha512),
            Scheme::RsaPssSha256 => pss(Digest::Sha256),
            Scheme::RsaPssSha384 => pss(Digest::Sha384),
            Scheme::RsaPssSha512 => pss(Digest::Sha512),
            Scheme::EcdsaP256Sha256 => SignatureAlgorithm::Ecdsa(Digest::Sha256),
            Scheme::EcdsaP384Sha384 => SignatureAlgorithm::Ecdsa(Digest::Sha384),
            Scheme::EcdsaP521Sha512 => SignatureAlgorithm::Ecdsa(Digest::Sha512),
            Scheme::Ed25519 => SignatureAlgorithm::Ed25519,
        }
    }

    /// The digest over the message; CMS names SHA-512 for Ed25519 (RFC 8419 §2.3).
    pub fn digest(self) -> Digest {
        self.algorithm().digest().unwrap_or(Digest::Sha512)
    }

    /// Keys of this kind can use the scheme.
    pub fn fits(self, kind: KeyKind) -> bool {
        match self {
            Scheme::RsaPkcs1Sha256 | Scheme::RsaPkcs1Sha384 | Scheme::RsaPkcs1Sha512 => kind == KeyKind::Rsa,
            Scheme::RsaPssSha256 | Scheme::RsaPssSha384 | Scheme::RsaPssSha512 => {
                matches!(kind, KeyKind::Rsa | KeyKind::RsaPss)
            }
            Scheme::EcdsaP256Sha256 => kind == KeyKind::P256,
            Scheme::EcdsaP384Sha384 => kind == KeyKind::P384,
            Scheme::EcdsaP521Sha512 => kind == KeyKind::P521,
            Scheme::Ed25519 => kind == KeyKind::Ed25519,
        }
    }

    /// What a signer elsewhere is handed instead of the whole message (CSC API v2 `signatures/signHash`, SIM PKI,
    /// browser helpers). `None` for Ed25519, which signs whole messages.
    pub fn hash(self, message: &[u8]) -> Option<Vec<u8>> {
        Some(self.algorithm().digest()?.of(message))
    }
}

/// A signature's bytes; ECDSA in DER.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature(pub(super) Vec<u8>);

impl Signature {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, owned.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Takes a signature made elsewhere over `message`: by a remote signing service, a SIM card, a browser's helper.
    /// It is verified first, so that nothing is put into a document that does not belong there. ECDSA comes in DER or
    /// as `r || s`, as JOSE and PKCS #11 have it.
    ///
    /// Errors: [`Error::BadSignature`], [`Error::Unsupported`] (of the key).
    pub fn made_elsewhere(
        key: &PublicKey,
        scheme: Scheme,
        message: &[u8],
        value: &[u8],
    ) -> Result<Signature, Error> {
        if !scheme.fits(key.kind()) {
            return Err(Error::BadSignature);
        }
        let algorithm = scheme.algorithm();
        let is_curve = matches!(algorithm, SignatureAlgorithm::Ecdsa(_));
        // Two numbers of the field's size; DER has six bytes more, and less only when both numbers are short.
        if is_curve && value.len() == 2 * (key.bits() as usize).div_ceil(8) {
            let der = ecdsa_from_fixed(value)?;
            if algorithm.verify(key, message, &der).is_ok() {
                return Ok(Signature(der));
            }
        }
        algorithm.verify(key, message, value)?;
        Ok(Signature(value.to_vec()))
    }
}

/// Checks a signature with a public key given as `SubjectPublicKeyInfo`.
///
/// Errors: [`Error::BadSignature`], [`Error::Unsupported`], [`Error::Encoding`] (of the key).
pub fn verify(spki: &[u8], scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<(), Error> {
    let key = PublicKey::from_spki(spki)?;
    if !scheme.fits(key.kind()) {
        return Err(Error::BadSignature);
    }
    scheme.algorithm().verify(&key, message, signature)
}

/// Turns an ECDSA signature from `r || s` (XML Signature RFC 4050, JOSE) into DER. Errors: odd or empty input.
pub fn ecdsa_from_fixed(signature: &[u8]) -> Result<Vec<u8>, Error> {
    // P-521 has 66 bytes each.
    if signature.is_empty() || !signature.len().is_multiple_of(2) || signature.len() > 132 {
        return Err(Error::BadSignature);
    }
    let (r, s) = signature.split_at(signature.len() / 2);
    Ok(Writer::build(|w| {
        w.sequence(|w| {
            w.unsigned(r);
            w.unsigned(s);
        });
    }))
}

/// Turns an ECDSA signature from DER into `r || s`, each `size` bytes. Errors: not DER, or a number too large.
pub fn ecdsa_to_fixed(signature: &[u8], size: usize) -> Result<Vec<u8>, Error> {
    let read = || {
        let mut fields = Reader::der(signature).only()?.of(Tag::SEQUENCE)?.children()?;
        let pair = [fields.expect(Tag::INTEGER)?.unsigned()?, fields.expect(Tag::INTEGER)?.unsigned()?];
        fields.finish()?;
        Ok::<_, crate::der::Error>(pair)
    };
    let mut fixed = Vec::with_capacity(size * 2);
    for number in read().map_err(|_| Error::BadSignature)? {
        let padding = size.checked_sub(number.len()).ok_or(Error::BadSignature)?;
        fixed.resize(fixed.len() + padding, 0);
        fixed.extend_from_slice(number);
    }
    Ok(fixed)
}
