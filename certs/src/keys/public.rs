//! Public keys as certificates carry them.

use std::fmt;
use std::sync::OnceLock;

use openssl::pkey::{PKey, PKeyRef, Public};

use crate::der::{self, Element, Reader, Tag, Writer};
use crate::{Error, Fingerprint, oids};

/// Largest RSA modulus whose signature is verified: 16 384 bits take about 60 times as long as 2048, and nobody
/// honest uses them.
const MAX_RSA_BITS: u32 = 8192;

/// What kind of key it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    /// RSA for any padding.
    Rsa,
    /// RSA restricted to PSS.
    RsaPss,
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
    /// Ed25519.
    Ed25519,
    /// Ed448.
    Ed448,
    /// DSA, whose parameters may be its issuer's (RFC 3279 §2.3.2).
    Dsa,
    /// Everything else: other or explicit curves, agreement-only keys. Never verifies.
    Other,
}

/// A subject's public key.
pub struct PublicKey {
    spki: Vec<u8>,
    /// Contents of the BIT STRING: what key identifiers and OCSP key hashes are made from.
    key: Vec<u8>,
    kind: KeyKind,
    bits: u32,
    /// SHA-256 of `spki`, made at first use.
    id: OnceLock<Fingerprint>,
    /// OpenSSL's own form, made at first use: decoding costs more than verifying with some keys.
    decoded: OnceLock<Option<PKey<Public>>>,
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo`. Unknown kinds are kept as [`KeyKind::Other`].
    pub(crate) fn from_element(element: &Element<'_>) -> der::Result<PublicKey> {
        let mut fields = element.of(Tag::SEQUENCE)?.children()?;
        let mut algorithm = fields.sequence()?;
        let oid = algorithm.expect(Tag::OID)?.oid()?;
        let parameters = if algorithm.is_empty() { None } else { Some(algorithm.element()?) };
        algorithm.finish()?;
        let key = fields.expect(Tag::BIT_STRING)?.bit_bytes()?;
        fields.finish()?;
        let curve = parameters.filter(|p| p.tag() == Tag::OID).and_then(|p| p.oid().ok());
        let (kind, bits) = match (oid, curve) {
            (oids::RSA_ENCRYPTION, _) => {
                rsa_bits(key).map_or((KeyKind::Other, 0), |bits| (KeyKind::Rsa, bits))
            }
            (oids::RSASSA_PSS, _) => {
                rsa_bits(key).map_or((KeyKind::Other, 0), |bits| (KeyKind::RsaPss, bits))
            }
            (oids::EC_PUBLIC_KEY, Some(oids::P256)) => (KeyKind::P256, 256),
            (oids::EC_PUBLIC_KEY, Some(oids::P384)) => (KeyKind::P384, 384),
            (oids::EC_PUBLIC_KEY, Some(oids::P521)) => (KeyKind::P521, 521),
            (oids::DSA, _) => dsa_bits(parameters).map_or((KeyKind::Other, 0), |bits| (KeyKind::Dsa, bits)),
            (oids::ED25519, None) if parameters.is_none() && key.len() == 32 => (KeyKind::Ed25519, 256),
            (oids::ED448, None) if parameters.is_none() && key.len() == 57 => (KeyKind::Ed448, 456),
            _ => (KeyKind::Other, 0),
        };
        let (spki, key) = (element.whole().to_vec(), key.to_vec());
        Ok(PublicKey { spki, key, kind, bits, id: OnceLock::new(), decoded: OnceLock::new() })
    }

    /// Reads a DER `SubjectPublicKeyInfo`.
    pub fn from_spki(spki: &[u8]) -> Result<PublicKey, Error> {
        let read = || Self::from_element(&Reader::der(spki).only()?);
        read().map_err(crate::error::reading("public key"))
    }

    /// `SubjectPublicKeyInfo` as it came.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// SHA-256 of `SubjectPublicKeyInfo`: the same for the same key, whoever certifies it.
    pub fn id(&self) -> Fingerprint {
        *self.id.get_or_init(|| Fingerprint::of(&self.spki))
    }

    /// The key proper: contents of the BIT STRING.
    pub fn key_bytes(&self) -> &[u8] {
        &self.key
    }

    /// What kind of key it is.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Its size in bits as people state it: modulus or field; 0 when unknown.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// One of the kinds and sizes whose signatures are verified here.
    pub fn is_supported(&self) -> bool {
        self.kind != KeyKind::Other && self.bits <= MAX_RSA_BITS && !self.lacks_parameters()
    }

    /// RSA below 2048 bits, or DSA (RULES D12, D29).
    pub fn is_weak(&self) -> bool {
        let short = matches!(self.kind, KeyKind::Rsa | KeyKind::RsaPss) && self.bits < 2048;
        short || self.kind == KeyKind::Dsa
    }

    /// A DSA key that has the parameters of whoever issued its certificate; see [`PublicKey::with_parameters_of`].
    pub fn lacks_parameters(&self) -> bool {
        self.kind == KeyKind::Dsa && self.bits == 0
    }

    /// This DSA key with another's parameters (RFC 5280 §6.1.4 e). `None`: the other is none, or has none itself.
    pub(crate) fn with_parameters_of(&self, other: &PublicKey) -> Option<PublicKey> {
        if !self.lacks_parameters() || other.kind != KeyKind::Dsa || other.lacks_parameters() {
            return None;
        }
        let mut fields = Reader::der(&other.spki).only().ok()?.children().ok()?;
        let algorithm = fields.expect(Tag::SEQUENCE).ok()?.whole();
        let spki = Writer::build(|w| {
            w.sequence(|w| {
                w.raw(algorithm);
                w.bit_bytes(&self.key);
            });
        });
        PublicKey::from_spki(&spki).ok()
    }

    /// SHA-1 of the key proper: the usual subjectKeyIdentifier (RFC 5280 §4.2.1.2) and OCSP `byKey`.
    pub fn sha1_id(&self) -> [u8; 20] {
        let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &self.key);
        let mut id = [0; 20];
        id.copy_from_slice(digest.as_ref());
        id
    }

    pub(crate) fn openssl(&self) -> Result<&PKeyRef<Public>, Error> {
        let unsupported = Error::Unsupported("this kind of key");
        if !self.is_supported() {
            return Err(unsupported);
        }
        let decoded = self.decoded.get_or_init(|| PKey::public_key_from_der(&self.spki).ok());
        decoded.as_deref().ok_or(unsupported)
    }
}

/// Bits of the modulus of `Dss-Parms`; 0 when the parameters are the issuer's. `None`: not such parameters.
fn dsa_bits(parameters: Option<Element<'_>>) -> Option<u32> {
    let Some(parameters) = parameters.filter(|parameters| parameters.tag() != Tag::NULL) else {
        return Some(0);
    };
    let modulus =
        parameters.of(Tag::SEQUENCE).ok()?.children().ok()?.expect(Tag::INTEGER).ok()?.unsigned().ok()?;
    u32::try_from(modulus.len() * 8).ok()?.checked_sub(modulus.first()?.leading_zeros())
}

/// Bits of the modulus of an `RSAPublicKey`. `None`: not one, or an exponent no honest key has (even, one, or
/// beyond 64 bits, which would make verification slow).
fn rsa_bits(key: &[u8]) -> Option<u32> {
    let mut fields = Reader::der(key).only().ok()?.of(Tag::SEQUENCE).ok()?.children().ok()?;
    let modulus = fields.expect(Tag::INTEGER).ok()?.unsigned().ok()?;
    let exponent = fields.expect(Tag::INTEGER).ok()?.unsigned().ok()?;
    fields.finish().ok()?;
    let odd = exponent.last().is_some_and(|last| last & 1 == 1);
    if !odd || exponent == [1] || exponent.len() > 8 {
        return None;
    }
    let first = *modulus.first()?;
    u32::try_from(modulus.len() * 8).ok()?.checked_sub(first.leading_zeros())
}

impl Clone for PublicKey {
    fn clone(&self) -> Self {
        let (spki, key) = (self.spki.clone(), self.key.clone());
        Self {
            spki,
            key,
            kind: self.kind,
            bits: self.bits,
            id: self.id.clone(),
            decoded: self.decoded.clone(),
        }
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki == other.spki
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?}, {} bits)", self.kind, self.bits)
    }
}
