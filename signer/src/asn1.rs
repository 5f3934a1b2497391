//! Object identifiers of signatures (RFC 5652, RFC 5035, RFC 3161, ETSI EN 319 122) and a few helpers over
//! `certs::der`.

use crate::message::{Code, Reason};
use certs::algorithm::Digest;
use certs::der::{Element, Error, Oid, Reader};

/// id-data (RFC 5652 §4).
pub(crate) const DATA: Oid = Oid::new(&[1, 2, 840, 113549, 1, 7, 1]);
/// id-signedData (RFC 5652 §5.1).
pub(crate) const SIGNED_DATA: Oid = Oid::new(&[1, 2, 840, 113549, 1, 7, 2]);
/// contentType (RFC 5652 §11.1).
pub(crate) const CONTENT_TYPE: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 3]);
/// messageDigest (RFC 5652 §11.2).
pub(crate) const MESSAGE_DIGEST: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 4]);
/// signingTime (RFC 5652 §11.3).
pub(crate) const SIGNING_TIME: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 5]);
/// signingCertificate (RFC 2634 §5.4).
pub(crate) const SIGNING_CERTIFICATE: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 16, 2, 12]);
/// signingCertificateV2 (RFC 5035 §3).
pub(crate) const SIGNING_CERTIFICATE_V2: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 16, 2, 47]);
/// signature-time-stamp (RFC 3161 appendix A, ETSI EN 319 122-1 §5.3).
pub(crate) const SIGNATURE_TIMESTAMP: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 16, 2, 14]);
/// id-ct-TSTInfo (RFC 3161 §2.4.2).
pub(crate) const TST_INFO: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 16, 1, 4]);
/// id-ri-ocsp-response (RFC 5940 §2.1).
pub(crate) const RI_OCSP: Oid = Oid::new(&[1, 3, 6, 1, 5, 5, 7, 16, 2]);
/// adbe-revocationInfoArchival (ISO 32000-1 §12.8.3.3.2).
pub(crate) const ADOBE_REVOCATION: Oid = Oid::new(&[1, 2, 840, 113583, 1, 1, 8]);

/// id-envelopedData (RFC 5652 §6).
pub(crate) const ENVELOPED_DATA: Oid = Oid::new(&[1, 2, 840, 113549, 1, 7, 3]);
/// id-encryptedData (RFC 5652 §8).
pub(crate) const ENCRYPTED_DATA: Oid = Oid::new(&[1, 2, 840, 113549, 1, 7, 6]);
/// id-ct-authEnvelopedData (RFC 5083 §2.1).
pub(crate) const AUTH_ENVELOPED_DATA: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 16, 1, 23]);
/// id-ct-compressedData (RFC 3274 §1.1).
pub(crate) const COMPRESSED_DATA: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 16, 1, 9]);
/// countersignature (RFC 5652 §11.4).
pub(crate) const COUNTERSIGNATURE: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 6]);
/// CMSAlgorithmProtection (RFC 6211 §2).
pub(crate) const ALGORITHM_PROTECTION: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 52]);
/// content-time-stamp (ETSI EN 319 122-1 §5.2.8).
pub(crate) const CONTENT_TIMESTAMP: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 16, 2, 20]);
/// What archives a signature (ETSI EN 319 122-1 §5.5, annex A): archive-time-stamp v1, v2, v3, and the older
/// time-stamps over references.
pub(crate) const ARCHIVE_TIMESTAMPS: [Oid; 5] = [
    Oid::new(&[1, 2, 840, 113549, 1, 9, 16, 2, 27]),
    Oid::new(&[1, 2, 840, 113549, 1, 9, 16, 2, 48]),
    Oid::new(&[0, 4, 0, 1733, 2, 4]),
    Oid::new(&[1, 2, 840, 113549, 1, 9, 16, 2, 25]),
    Oid::new(&[1, 2, 840, 113549, 1, 9, 16, 2, 26]),
];

/// How many bytes the first element of the input takes, BER allowed; what follows is not looked at.
pub(crate) fn element_len(bytes: &[u8]) -> Option<usize> {
    Reader::ber(bytes).element().ok().map(|e| e.whole().len())
}

/// A damaged structure, with the offset at which it was found to be.
pub(crate) fn broken(error: Error) -> Reason {
    Reason::at(Code::CmsSyntax, error.at)
}

/// The members of a constructed element.
pub(crate) fn members<'a>(element: &Element<'a>, max: usize) -> Result<Vec<Element<'a>>, Reason> {
    let mut reader = element.children().map_err(broken)?;
    let mut found = Vec::new();
    while !reader.is_empty() {
        if found.len() >= max {
            return Err(Reason::of(Code::Budget, "members"));
        }
        found.push(reader.element().map_err(broken)?);
    }
    Ok(found)
}

/// A digest's `AlgorithmIdentifier`, parameters NULL or absent (RFC 5754 §2). `None`: a digest we do not have.
pub(crate) fn digest_of(element: &Element<'_>) -> Result<Option<Digest>, Reason> {
    Digest::from_identifier(element.whole()).map_err(|_| Reason::of(Code::CmsAlgorithm, "digest"))
}
