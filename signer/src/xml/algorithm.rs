//! Algorithms by the identifiers XML signatures give them (XMLDSig §6, RFC 9231). What is not here is refused by name:
//! MD5, DSA, every HMAC (a secret that verifier and signer share names nobody).

use certs::algorithm::{Digest, SignatureAlgorithm};
use certs::keys::{KeyKind, PublicKey, Scheme, ecdsa_from_fixed};

/// XMLDSig 1.0.
pub(super) const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
/// XMLDSig 1.1 additions.
pub(super) const DSIG11: &str = "http://www.w3.org/2009/xmldsig11#";
/// The exclusive canonicalisation's own elements.
pub(super) const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// The signature is taken out of what it is in.
pub(super) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// Decodes.
pub(super) const BASE64: &str = "http://www.w3.org/2000/09/xmldsig#base64";
/// A reference to a list of further references.
pub(super) const MANIFEST: &str = "http://www.w3.org/2000/09/xmldsig#Manifest";

const DIGESTS: [(&str, Digest); 4] = [
    ("http://www.w3.org/2001/04/xmlenc#sha256", Digest::Sha256),
    ("http://www.w3.org/2001/04/xmldsig-more#sha384", Digest::Sha384),
    ("http://www.w3.org/2001/04/xmlenc#sha512", Digest::Sha512),
    ("http://www.w3.org/2000/09/xmldsig#sha1", Digest::Sha1),
];

/// A digest by its identifier.
pub(super) fn digest(uri: &str) -> Option<Digest> {
    DIGESTS.iter().find(|(known, _)| *known == uri).map(|(_, digest)| *digest)
}

/// The identifier of a digest; SHA-224 has none here.
pub(crate) fn digest_uri(digest: Digest) -> Option<&'static str> {
    DIGESTS.iter().find(|(_, known)| *known == digest).map(|(uri, _)| *uri)
}

const fn pss(digest: Digest, salt: u32) -> SignatureAlgorithm {
    SignatureAlgorithm::RsaPss { digest, mask: digest, salt }
}

const METHODS: [(&str, SignatureAlgorithm); 13] = [
    ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", SignatureAlgorithm::RsaPkcs1(Digest::Sha256)),
    ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha384", SignatureAlgorithm::RsaPkcs1(Digest::Sha384)),
    ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", SignatureAlgorithm::RsaPkcs1(Digest::Sha512)),
    ("http://www.w3.org/2000/09/xmldsig#rsa-sha1", SignatureAlgorithm::RsaPkcs1(Digest::Sha1)),
    ("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", SignatureAlgorithm::Ecdsa(Digest::Sha256)),
    ("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384", SignatureAlgorithm::Ecdsa(Digest::Sha384)),
    ("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512", SignatureAlgorithm::Ecdsa(Digest::Sha512)),
    ("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1", SignatureAlgorithm::Ecdsa(Digest::Sha1)),
    ("http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1", pss(Digest::Sha256, 32)),
    ("http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1", pss(Digest::Sha384, 48)),
    ("http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1", pss(Digest::Sha512, 64)),
    ("http://www.w3.org/2007/05/xmldsig-more#sha1-rsa-MGF1", pss(Digest::Sha1, 20)),
    ("http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519", SignatureAlgorithm::Ed25519),
];

/// A signature algorithm by its identifier.
pub(super) fn method(uri: &str) -> Option<SignatureAlgorithm> {
    METHODS.iter().find(|(known, _)| *known == uri).map(|(_, method)| *method)
}

/// The identifier of one of our own schemes.
pub(crate) fn method_uri(scheme: Scheme) -> Option<&'static str> {
    METHODS.iter().find(|(_, known)| *known == scheme.algorithm()).map(|(uri, _)| *uri)
}

/// Whether `value` is the key's signature over `octets`. XML writes ECDSA as `r || s`, each exactly as long as the
/// curve's field (RFC 9231 §2.3.6): any other length is no signature.
pub(super) fn verifies(
    algorithm: SignatureAlgorithm,
    key: &PublicKey,
    octets: &[u8],
    value: &[u8],
) -> Result<(), certs::Error> {
    let der;
    let value = match algorithm {
        SignatureAlgorithm::Ecdsa(_) => {
            if value.len() != 2 * field_bytes(key.kind()) {
                return Err(certs::Error::BadSignature);
            }
            der = ecdsa_from_fixed(value)?;
            &der
        }
        _ => value,
    };
    algorithm.verify(key, octets, value)
}

/// Bytes of one coordinate. 0: not a curve.
pub(crate) fn field_bytes(kind: KeyKind) -> usize {
    match kind {
        KeyKind::P256 => 32,
        KeyKind::P384 => 48,
        KeyKind::P521 => 66,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_and_digest_has_one_identifier() {
        for scheme in Scheme::ALL {
            assert_eq!(method(method_uri(scheme).unwrap()), Some(scheme.algorithm()));
        }
        for digest_kind in [Digest::Sha1, Digest::Sha256, Digest::Sha384, Digest::Sha512] {
            assert_eq!(digest(digest_uri(digest_kind).unwrap()), Some(digest_kind));
        }
        for refused in [
            "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
            "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
            "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
            "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
            "http://www.w3.org/2001/04/xmldsig-more#RSA-SHA256",
            "",
        ] {
            assert_eq!(method(refused), None);
        }
    }
}
