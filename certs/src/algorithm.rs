//! Signature and digest algorithms as certificates and CMS name them, and what each is worth ([`standing`]).

use openssl::hash::MessageDigest;
use openssl::pkey::{PKeyRef, Public};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Verifier};

pub use crate::catalogue::{CATALOGUE, Entry, Standing, Subject, Until, standing};
use crate::der::{self, Element, Oid, Reader, Tag, Writer};
use crate::keys::{KeyKind, PublicKey};
use crate::{Error, oids};

/// A digest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Digest {
    /// MD5: recognised and verified, always reported as weak (RULES D29): anybody can make two documents of one digest.
    Md5,
    /// SHA-1: recognised and verified, always reported as weak (RULES D29).
    Sha1,
    /// SHA-224: below the national list, reported as weak.
    Sha224,
    /// SHA-256
    Sha256,
    /// SHA-384
    Sha384,
    /// SHA-512
    Sha512,
}

impl Digest {
    /// By its object identifier. Those this room does not have: `None`.
    pub fn from_oid(oid: Oid) -> Option<Digest> {
        Some(match oid {
            oids::MD5 => Digest::Md5,
            oids::SHA1 => Digest::Sha1,
            oids::SHA224 => Digest::Sha224,
            oids::SHA256 => Digest::Sha256,
            oids::SHA384 => Digest::Sha384,
            oids::SHA512 => Digest::Sha512,
            _ => return None,
        })
    }

    /// Its object identifier.
    pub fn oid(self) -> Oid {
        match self {
            Digest::Md5 => oids::MD5,
            Digest::Sha1 => oids::SHA1,
            Digest::Sha224 => oids::SHA224,
            Digest::Sha256 => oids::SHA256,
            Digest::Sha384 => oids::SHA384,
            Digest::Sha512 => oids::SHA512,
        }
    }

    /// Of these bytes.
    pub fn of(self, bytes: &[u8]) -> Vec<u8> {
        use ring::digest;
        let algorithm = match self {
            Digest::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            // ring has neither; OpenSSL does. A failure there yields an empty digest, which matches nothing.
            Digest::Md5 | Digest::Sha224 => {
                return openssl::hash::hash(self.openssl(), bytes).map(|d| d.to_vec()).unwrap_or_default();
            }
            Digest::Sha256 => &digest::SHA256,
            Digest::Sha384 => &digest::SHA384,
            Digest::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }

    /// Bytes of output.
    pub fn size(self) -> usize {
        match self {
            Digest::Md5 => 16,
            Digest::Sha1 => 20,
            Digest::Sha224 => 28,
            Digest::Sha256 => 32,
            Digest::Sha384 => 48,
            Digest::Sha512 => 64,
        }
    }

    /// Below what RULES D29 allows.
    pub fn is_weak(self) -> bool {
        matches!(self, Digest::Md5 | Digest::Sha1 | Digest::Sha224)
    }

    /// OpenSSL's other form of the same.
    pub(crate) fn md(self) -> &'static openssl::md::MdRef {
        use openssl::md::Md;
        match self {
            Digest::Md5 => Md::md5(),
            Digest::Sha1 => Md::sha1(),
            Digest::Sha224 => Md::sha224(),
            Digest::Sha256 => Md::sha256(),
            Digest::Sha384 => Md::sha384(),
            Digest::Sha512 => Md::sha512(),
        }
    }

    pub(crate) fn openssl(self) -> MessageDigest {
        match self {
            Digest::Md5 => MessageDigest::md5(),
            Digest::Sha1 => MessageDigest::sha1(),
            Digest::Sha224 => MessageDigest::sha224(),
            Digest::Sha256 => MessageDigest::sha256(),
            Digest::Sha384 => MessageDigest::sha384(),
            Digest::Sha512 => MessageDigest::sha512(),
        }
    }
}

/// A signature algorithm with its parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5
    RsaPkcs1(Digest),
    /// RSASSA-PSS
    RsaPss {
        /// Of the message.
        digest: Digest,
        /// Of the mask generation function.
        mask: Digest,
        /// Bytes of salt.
        salt: u32,
    },
    /// ECDSA, signature as `Ecdsa-Sig-Value`; the curve is the key's.
    Ecdsa(Digest),
    /// DSA: verified so that old paths can be judged, always reported as weak (RULES D29 does not list it).
    Dsa(Digest),
    /// Ed25519
    Ed25519,
    /// Ed448
    Ed448,
    /// rsaEncryption where a signature algorithm stands: PKCS #1 v1.5 with the digest named elsewhere (CMS). See
    /// [`SignatureAlgorithm::with_digest`].
    RsaPkcs1Unnamed,
    /// Anything else; never verifies.
    Unknown(Oid),
}

impl SignatureAlgorithm {
    /// Reads an `AlgorithmIdentifier`. Errors only when it is not one.
    pub fn from_element(element: &Element<'_>) -> der::Result<SignatureAlgorithm> {
        let mut fields = element.of(Tag::SEQUENCE)?.children()?;
        let oid = fields.expect(Tag::OID)?.oid()?;
        let parameters = if fields.is_empty() { None } else { Some(fields.element()?) };
        fields.finish()?;
        let plain = parameters.is_none_or(|p| p.tag() == Tag::NULL);
        Ok(match oid {
            oids::RSASSA_PSS => return pss(parameters),
            _ if !plain => SignatureAlgorithm::Unknown(oid),
            oids::RSA_ENCRYPTION => SignatureAlgorithm::RsaPkcs1Unnamed,
            oids::MD5_WITH_RSA => SignatureAlgorithm::RsaPkcs1(Digest::Md5),
            oids::SHA1_WITH_RSA => SignatureAlgorithm::RsaPkcs1(Digest::Sha1),
            oids::SHA224_WITH_RSA => SignatureAlgorithm::RsaPkcs1(Digest::Sha224),
            oids::SHA256_WITH_RSA => SignatureAlgorithm::RsaPkcs1(Digest::Sha256),
            oids::SHA384_WITH_RSA => SignatureAlgorithm::RsaPkcs1(Digest::Sha384),
            oids::SHA512_WITH_RSA => SignatureAlgorithm::RsaPkcs1(Digest::Sha512),
            oids::ECDSA_SHA1 => SignatureAlgorithm::Ecdsa(Digest::Sha1),
            oids::ECDSA_SHA224 => SignatureAlgorithm::Ecdsa(Digest::Sha224),
            oids::ECDSA_SHA256 => SignatureAlgorithm::Ecdsa(Digest::Sha256),
            oids::ECDSA_SHA384 => SignatureAlgorithm::Ecdsa(Digest::Sha384),
            oids::ECDSA_SHA512 => SignatureAlgorithm::Ecdsa(Digest::Sha512),
            oids::DSA_SHA1 => SignatureAlgorithm::Dsa(Digest::Sha1),
            oids::DSA_SHA224 => SignatureAlgorithm::Dsa(Digest::Sha224),
            oids::DSA_SHA256 => SignatureAlgorithm::Dsa(Digest::Sha256),
            oids::ED25519 => SignatureAlgorithm::Ed25519,
            oids::ED448 => SignatureAlgorithm::Ed448,
            other => SignatureAlgorithm::Unknown(other),
        })
    }

    /// CMS may name the digest apart (RFC 5652 `digestAlgorithm` beside rsaEncryption or id-ecPublicKey).
    pub fn with_digest(self, digest: Digest) -> SignatureAlgorithm {
        match self {
            SignatureAlgorithm::RsaPkcs1Unnamed => SignatureAlgorithm::RsaPkcs1(digest),
            SignatureAlgorithm::Unknown(oids::EC_PUBLIC_KEY) => SignatureAlgorithm::Ecdsa(digest),
            other => other,
        }
    }

    /// The digest over the message, where there is one.
    pub fn digest(&self) -> Option<Digest> {
        match self {
            SignatureAlgorithm::RsaPkcs1(digest)
            | SignatureAlgorithm::RsaPss { digest, .. }
            | SignatureAlgorithm::Ecdsa(digest)
            | SignatureAlgorithm::Dsa(digest) => Some(*digest),
            _ => None,
        }
    }

    /// Below what RULES D29 allows: by its digest, or DSA.
    pub fn is_weak(&self) -> bool {
        matches!(self, SignatureAlgorithm::Dsa(_)) || self.digest().is_some_and(Digest::is_weak)
    }

    /// Writes the `AlgorithmIdentifier`.
    pub fn write(&self, writer: &mut Writer) {
        let rsa = |writer: &mut Writer, oid: Oid| {
            writer.sequence(|w| {
                w.oid(&oid);
                w.null();
            });
        };
        match *self {
            SignatureAlgorithm::RsaPkcs1(digest) => rsa(
                writer,
                match digest {
                    Digest::Md5 => oids::MD5_WITH_RSA,
                    Digest::Sha1 => oids::SHA1_WITH_RSA,
                    Digest::Sha224 => oids::SHA224_WITH_RSA,
                    Digest::Sha256 => oids::SHA256_WITH_RSA,
                    Digest::Sha384 => oids::SHA384_WITH_RSA,
                    Digest::Sha512 => oids::SHA512_WITH_RSA,
                },
            ),
            SignatureAlgorithm::RsaPkcs1Unnamed => rsa(writer, oids::RSA_ENCRYPTION),
            SignatureAlgorithm::RsaPss { digest, mask, salt } => write_pss(writer, digest, mask, salt),
            SignatureAlgorithm::Ecdsa(digest) => writer.sequence(|w| {
                w.oid(&match digest {
                    // Nothing names ECDSA with MD5; it is never read, and so never written.
                    Digest::Md5 | Digest::Sha1 => oids::ECDSA_SHA1,
                    Digest::Sha224 => oids::ECDSA_SHA224,
                    Digest::Sha256 => oids::ECDSA_SHA256,
                    Digest::Sha384 => oids::ECDSA_SHA384,
                    Digest::Sha512 => oids::ECDSA_SHA512,
                });
            }),
            SignatureAlgorithm::Dsa(digest) => writer.sequence(|w| {
                w.oid(&match digest {
                    Digest::Sha1 => oids::DSA_SHA1,
                    Digest::Sha224 => oids::DSA_SHA224,
                    // No others are read.
                    _ => oids::DSA_SHA256,
                });
            }),
            SignatureAlgorithm::Ed25519 => writer.sequence(|w| w.oid(&oids::ED25519)),
            SignatureAlgorithm::Ed448 => writer.sequence(|w| w.oid(&oids::ED448)),
            SignatureAlgorithm::Unknown(oid) => writer.sequence(|w| w.oid(&oid)),
        }
    }

    /// Checks a signature over a message.
    ///
    /// Errors: [`Error::BadSignature`] when it does not match or key and algorithm are of different kinds,
    /// [`Error::Unsupported`] for algorithms and keys this room does not verify.
    pub fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        self.fits(key)?;
        if self.verify_ring(key, message, signature) {
            return Ok(());
        }
        match self.verify_openssl(key.openssl()?, message, signature) {
            Ok(true) => Ok(()),
            // OpenSSL reports malformed signatures as errors; both mean "not signed by this key".
            Ok(false) | Err(_) => Err(Error::BadSignature),
        }
    }

    /// As [`SignatureAlgorithm::verify`], over a digest somebody made with this algorithm's digest.
    ///
    /// Errors: as there; [`Error::Unsupported`] also for algorithms that sign whole messages.
    pub fn verify_digest(&self, key: &PublicKey, digest: &[u8], signature: &[u8]) -> Result<(), Error> {
        self.fits(key)?;
        let pkey = key.openssl()?;
        let whole = Error::Unsupported("a digest with this signature algorithm");
        let hash = self.digest().ok_or(whole)?.md();
        let verify = || -> Result<bool, openssl::error::ErrorStack> {
            let mut context = PkeyCtx::new(pkey)?;
            context.verify_init()?;
            match *self {
                SignatureAlgorithm::RsaPkcs1(_) => context.set_rsa_padding(Padding::PKCS1)?,
                SignatureAlgorithm::RsaPss { mask, .. } => {
                    context.set_rsa_padding(Padding::PKCS1_PSS)?;
                    context.set_rsa_mgf1_md(mask.md())?;
                }
                _ => {}
            }
            context.set_signature_md(hash)?;
            if let SignatureAlgorithm::RsaPss { salt, .. } = *self {
                let salt = i32::try_from(salt).unwrap_or(i32::MAX);
                context.set_rsa_pss_saltlen(RsaPssSaltlen::custom(salt))?;
            }
            context.verify(digest, signature)
        };
        match verify() {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Error::BadSignature),
        }
    }

    /// Whether key and algorithm are of one kind.
    fn fits(&self, key: &PublicKey) -> Result<(), Error> {
        let fits = match self {
            SignatureAlgorithm::RsaPkcs1(_) => key.kind() == KeyKind::Rsa,
            SignatureAlgorithm::RsaPss { .. } => matches!(key.kind(), KeyKind::Rsa | KeyKind::RsaPss),
            SignatureAlgorithm::Ecdsa(_) => {
                matches!(key.kind(), KeyKind::P256 | KeyKind::P384 | KeyKind::P521)
            }
            SignatureAlgorithm::Dsa(_) => key.kind() == KeyKind::Dsa,
            SignatureAlgorithm::Ed25519 => key.kind() == KeyKind::Ed25519,
            SignatureAlgorithm::Ed448 => key.kind() == KeyKind::Ed448,
            SignatureAlgorithm::RsaPkcs1Unnamed | SignatureAlgorithm::Unknown(_) => {
                return Err(Error::Unsupported("this signature algorithm"));
            }
        };
        if !fits {
            return Err(if key.is_supported() {
                Error::BadSignature
            } else {
                Error::Unsupported("this kind of key")
            });
        }
        Ok(())
    }

    /// The usual kinds, several times faster: OpenSSL takes longer to decode a key than to verify with it. `false` only means
    /// that OpenSSL has to say.
    fn verify_ring(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        use ring::signature as with;
        let algorithm: &dyn with::VerificationAlgorithm = match (*self, key.kind()) {
            (SignatureAlgorithm::RsaPkcs1(Digest::Sha256), _) => &with::RSA_PKCS1_2048_8192_SHA256,
            (SignatureAlgorithm::RsaPkcs1(Digest::Sha384), _) => &with::RSA_PKCS1_2048_8192_SHA384,
            (SignatureAlgorithm::RsaPkcs1(Digest::Sha512), _) => &with::RSA_PKCS1_2048_8192_SHA512,
            (SignatureAlgorithm::Ecdsa(Digest::Sha256), KeyKind::P256) => &with::ECDSA_P256_SHA256_ASN1,
            (SignatureAlgorithm::Ecdsa(Digest::Sha384), KeyKind::P256) => &with::ECDSA_P256_SHA384_ASN1,
            (SignatureAlgorithm::Ecdsa(Digest::Sha256), KeyKind::P384) => &with::ECDSA_P384_SHA256_ASN1,
            (SignatureAlgorithm::Ecdsa(Digest::Sha384), KeyKind::P384) => &with::ECDSA_P384_SHA384_ASN1,
            (SignatureAlgorithm::Ed25519, _) => &with::ED25519,
            _ => return false,
        };
        key.is_supported()
            && with::UnparsedPublicKey::new(algorithm, key.key_bytes()).verify(message, signature).is_ok()
    }

    fn verify_openssl(
        &self,
        key: &PKeyRef<Public>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, openssl::error::ErrorStack> {
        let mut verifier = match self.digest() {
            Some(digest) => Verifier::new(digest.openssl(), key)?,
            None => Verifier::new_without_digest(key)?,
        };
        match *self {
            SignatureAlgorithm::RsaPkcs1(_) => verifier.set_rsa_padding(Padding::PKCS1)?,
            SignatureAlgorithm::RsaPss { mask, salt, .. } => {
                verifier.set_rsa_padding(Padding::PKCS1_PSS)?;
                verifier
                    .set_rsa_pss_saltlen(RsaPssSaltlen::custom(i32::try_from(salt).unwrap_or(i32::MAX)))?;
                verifier.set_rsa_mgf1_md(mask.openssl())?;
            }
            _ => {}
        }
        verifier.verify_oneshot(signature, message)
    }
}

/// `RSASSA-PSS-params`, RFC 4055 §3.1. Absent parameters mean "any", which no signature may say; they become
/// unknown.
fn pss(parameters: Option<Element<'_>>) -> der::Result<SignatureAlgorithm> {
    let unknown = SignatureAlgorithm::Unknown(oids::RSASSA_PSS);
    let Some(parameters) = parameters.filter(|p| p.tag() == Tag::SEQUENCE) else { return Ok(unknown) };
    let mut fields = parameters.children()?;
    let digest = match fields.explicit(0)? {
        Some(id) => digest_identifier(&id)?,
        None => Some(Digest::Sha1),
    };
    let mask = match fields.explicit(1)? {
        Some(id) => {
            let mut inside = id.of(Tag::SEQUENCE)?.children()?;
            let function = inside.expect(Tag::OID)?.oid()?;
            let digest = digest_identifier(&inside.element()?)?;
            inside.finish()?;
            digest.filter(|_| function == oids::MGF1)
        }
        None => Some(Digest::Sha1),
    };
    let salt = match fields.explicit(2)? {
        Some(number) => number.small()?,
        None => 20,
    };
    let trailer = match fields.explicit(3)? {
        Some(number) => number.small()?,
        None => 1,
    };
    fields.finish()?;
    Ok(match (digest, mask, u32::try_from(salt), trailer) {
        (Some(digest), Some(mask), Ok(salt), 1) if salt <= 512 => {
            SignatureAlgorithm::RsaPss { digest, mask, salt }
        }
        _ => unknown,
    })
}

/// An `AlgorithmIdentifier` of a digest; parameters NULL or absent (RFC 5754 §2). `None`: a digest we do not have.
pub(crate) fn digest_identifier(element: &Element<'_>) -> der::Result<Option<Digest>> {
    let mut fields = element.of(Tag::SEQUENCE)?.children()?;
    let oid = fields.expect(Tag::OID)?.oid()?;
    if !fields.is_empty() {
        fields.expect(Tag::NULL)?.null()?;
    }
    fields.finish()?;
    Ok(Digest::from_oid(oid))
}

fn write_pss(writer: &mut Writer, digest: Digest, mask: Digest, salt: u32) {
    let identifier = |w: &mut Writer, digest: Digest| {
        w.sequence(|w| {
            w.oid(&digest.oid());
            w.null();
        });
    };
    writer.sequence(|w| {
        w.oid(&oids::RSASSA_PSS);
        w.sequence(|w| {
            if digest != Digest::Sha1 {
                w.explicit(0, |w| identifier(w, digest));
            }
            if mask != Digest::Sha1 {
                w.explicit(1, |w| {
                    w.sequence(|w| {
                        w.oid(&oids::MGF1);
                        identifier(w, mask);
                    });
                });
            }
            if salt != 20 {
                w.explicit(2, |w| w.integer(i64::from(salt)));
            }
        });
    });
}

impl Digest {
    /// Reads a digest's `AlgorithmIdentifier` given as bytes. `None`: a digest this room does not have.
    pub fn from_identifier(bytes: &[u8]) -> Result<Option<Digest>, Error> {
        let element = Reader::ber(bytes).only().map_err(crate::error::reading("digest algorithm"))?;
        digest_identifier(&element).map_err(crate::error::reading("digest algorithm"))
    }
}
