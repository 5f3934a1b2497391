//! CMS `SignedData` (RFC 5652) as documents carry it: read tolerantly in form, strictly in meaning; made in two
//! steps so that a token or another machine can do the signing.

mod build;
mod read;

pub(crate) use build::{Parts, Ready};
pub use read::{Binding, SignedData, Signer, SignerId, read};

use crate::message::{Code, Reason};
use certs::Certificate;
use certs::algorithm::Digest;

/// A digest over several pieces, without joining them.
pub(crate) fn digest_pieces(digest: Digest, pieces: &[&[u8]]) -> Vec<u8> {
    use ring::digest as d;
    let algorithm = match digest {
        Digest::Sha1 => &d::SHA1_FOR_LEGACY_USE_ONLY,
        Digest::Sha256 => &d::SHA256,
        Digest::Sha384 => &d::SHA384,
        Digest::Sha512 => &d::SHA512,
        // ring has neither.
        Digest::Md5 | Digest::Sha224 => return digest.of(&pieces.concat()),
    };
    let mut context = d::Context::new(algorithm);
    for piece in pieces {
        context.update(piece);
    }
    context.finish().as_ref().to_vec()
}

impl SignedData {
    /// Whether the signed digest is that of the content.
    pub fn check_content(&self, expected_type: certs::der::Oid, pieces: &[&[u8]]) -> Result<(), Reason> {
        if self.content_type != expected_type {
            return Err(Reason::new(Code::CmsContentType));
        }
        let Some(attributes) = &self.signer.attributes else { return Ok(()) };
        if attributes.content_type != expected_type {
            return Err(Reason::new(Code::CmsContentType));
        }
        match digest_pieces(self.signer.digest, pieces) == attributes.message_digest {
            true => Ok(()),
            false => Err(Reason::new(Code::CmsDigest)),
        }
    }

    /// Whether the signature value is the certificate's key's over the attributes (or, without attributes, over
    /// the content itself).
    pub fn check_signature(&self, certificate: &Certificate, pieces: &[&[u8]]) -> Result<(), Reason> {
        let joined;
        let message = match &self.signer.attributes {
            Some(attributes) => attributes.signed_bytes.as_slice(),
            None => {
                joined = pieces.concat();
                joined.as_slice()
            }
        };
        self.signer
            .algorithm
            .verify(certificate.public_key(), message, &self.signer.signature)
            .map_err(|_| Reason::new(Code::CmsSignature))
    }

    /// The signer's certificate among those at hand: named by the signer, and by its hash if that is bound.
    pub fn find_signer<'c>(&self, at_hand: impl Iterator<Item = &'c Certificate>) -> Option<Certificate> {
        let named: Vec<&Certificate> = at_hand.filter(|c| self.signer.id.names(c)).collect();
        let bound = named.iter().find(|c| self.signer.binding().is_some_and(|b| b.matches(c)));
        bound.or(named.first()).map(|c| (*c).clone())
    }

    /// Whether the signed attributes name this very certificate. `None`: they name none.
    pub fn is_bound_to(&self, certificate: &Certificate) -> Option<bool> {
        self.signer.binding().map(|b| b.matches(certificate))
    }
}
