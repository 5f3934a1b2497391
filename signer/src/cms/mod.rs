//! CMS `SignedData` (RFC 5652) as documents carry it: read tolerantly in form, strictly in meaning; made in two
//! steps so that a token or another machine can do the signing.
//!
//! A PDF's signature and a timestamp have exactly one signer ([`read`]); a file may have several ([`read_message`]).
//! [`unwrap`] takes a file out of the text forms it travels in.

pub(crate) mod armor;
mod attributes;
mod build;
mod read;
mod signer;

pub use armor::unwrap;
pub use attributes::{Attributes, Binding};
pub(crate) use build::{Parts, Ready};
pub use read::{SignedData, SignedMessage, read, read_message};
pub use signer::{Signer, SignerId};

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
    /// Whether the content is of the type expected and the signed digest is that of the content.
    pub fn check_content(&self, expected_type: certs::der::Oid, pieces: &[&[u8]]) -> Result<(), Reason> {
        match self.content_type == expected_type {
            true => self.signer.check_content(pieces),
            false => Err(Reason::new(Code::CmsContentType)),
        }
    }

    /// [`Signer::check_signature`].
    pub fn check_signature(&self, certificate: &Certificate, pieces: &[&[u8]]) -> Result<(), Reason> {
        self.signer.check_signature(certificate, pieces)
    }

    /// [`Signer::find_certificate`].
    pub fn find_signer<'c>(&self, at_hand: impl Iterator<Item = &'c Certificate>) -> Option<Certificate> {
        self.signer.find_certificate(at_hand)
    }

    /// [`Signer::is_bound_to`].
    pub fn is_bound_to(&self, certificate: &Certificate) -> Option<bool> {
        self.signer.is_bound_to(certificate)
    }
}
