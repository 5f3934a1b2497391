//! Revocation: reading CRLs and OCSP responses, and what they say about a certificate at a moment.
//!
//! Judged from what somebody supplies; nothing is fetched here.

mod crl;
mod judge;
mod lists;
mod ocsp;
mod responders;
mod scope;

pub use crl::{Crl, RevokedEntry};
pub(crate) use judge::{Asked, Finding, Proof, look_up};
pub(crate) use ocsp::write_nonce;
pub use ocsp::{CertId, OcspRequest, OcspResponse, OcspStatus, ResponderId, SingleResponse};

use crate::Fingerprint;
use crate::der::Problem;

/// Why a certificate was revoked, RFC 5280 §5.3.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RevocationReason {
    /// No reason given.
    Unspecified,
    /// The private key is in other hands.
    KeyCompromise,
    /// The authority's private key is in other hands.
    CaCompromise,
    /// The subject changed its name or agency.
    AffiliationChanged,
    /// Replaced by another certificate.
    Superseded,
    /// No longer needed.
    CessationOfOperation,
    /// Suspended; may come back.
    CertificateHold,
    /// Came back from suspension (delta CRLs).
    RemoveFromCrl,
    /// The privilege was withdrawn.
    PrivilegeWithdrawn,
    /// The attribute authority's key is in other hands.
    AaCompromise,
}

impl RevocationReason {
    /// By its number. `None` for unused and unknown numbers.
    pub fn from_code(code: i64) -> Option<RevocationReason> {
        Some(match code {
            0 => RevocationReason::Unspecified,
            1 => RevocationReason::KeyCompromise,
            2 => RevocationReason::CaCompromise,
            3 => RevocationReason::AffiliationChanged,
            4 => RevocationReason::Superseded,
            5 => RevocationReason::CessationOfOperation,
            6 => RevocationReason::CertificateHold,
            8 => RevocationReason::RemoveFromCrl,
            9 => RevocationReason::PrivilegeWithdrawn,
            10 => RevocationReason::AaCompromise,
            _ => return None,
        })
    }

    /// Its number.
    pub fn code(self) -> u8 {
        match self {
            RevocationReason::Unspecified => 0,
            RevocationReason::KeyCompromise => 1,
            RevocationReason::CaCompromise => 2,
            RevocationReason::AffiliationChanged => 3,
            RevocationReason::Superseded => 4,
            RevocationReason::CessationOfOperation => 5,
            RevocationReason::CertificateHold => 6,
            RevocationReason::RemoveFromCrl => 8,
            RevocationReason::PrivilegeWithdrawn => 9,
            RevocationReason::AaCompromise => 10,
        }
    }
}

/// When and why a certificate was revoked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
pub struct RevocationFacts {
    /// revocationDate, seconds since 1970.
    pub revoked_at: i64,
    /// invalidityDate: since when the key is suspect, when the authority says so.
    pub invalid_since: Option<i64>,
    /// Why.
    pub reason: RevocationReason,
}

impl RevocationFacts {
    /// The first second at which the certificate is no longer good: the earlier of the two dates, because a
    /// signature made after the key was lost is nobody's.
    pub fn effective_at(&self) -> i64 {
        self.invalid_since.map_or(self.revoked_at, |since| since.min(self.revoked_at))
    }
}

/// Which piece of evidence a status rests on (archived with the document, RULES D31).
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Source {
    /// A CRL.
    Crl {
        /// SHA-256 of the CRL.
        sha256: Fingerprint,
        /// thisUpdate, seconds since 1970.
        this_update: i64,
        /// nextUpdate.
        next_update: Option<i64>,
    },
    /// An OCSP response.
    Ocsp {
        /// SHA-256 of the response.
        sha256: Fingerprint,
        /// producedAt, seconds since 1970.
        produced_at: i64,
        /// thisUpdate.
        this_update: i64,
        /// nextUpdate.
        next_update: Option<i64>,
    },
}

/// Why a piece of evidence that concerns a certificate could not be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Shortfall {
    /// Its time of validity does not reach the moment judged.
    #[error("the evidence is older than the moment judged")]
    Stale,
    /// It was issued after the moment of judging.
    #[error("the evidence comes from the future")]
    FromTheFuture,
    /// Issued after the certificate expired, when authorities may drop it from their lists.
    #[error("the evidence was issued after the certificate had expired")]
    AfterExpiry,
    /// The signature is not the issuer's or its delegate's.
    #[error("the evidence is not signed by the issuer or its delegate")]
    Signature,
    /// The signer may not sign such evidence (key usage, extended key usage, validity).
    #[error("the signer of the evidence may not sign it")]
    SignerNotAllowed,
    /// A CRL of somebody else than the certificate's issuer that does not say it lists others' certificates (§5.2.5).
    #[error("the CRL is somebody else's and does not say that it covers this issuer")]
    Indirect,
    /// A delta CRL that does not list the certificate, and no complete CRL it builds on.
    #[error("a delta CRL without the complete CRL it builds on")]
    Delta,
    /// The CRLs at hand together cover only some reasons for revocation.
    #[error("the CRLs cover only some reasons for revocation")]
    SomeReasons,
    /// The CRL covers other certificates or only some reasons, or another distribution point.
    #[error("the CRL does not cover this certificate")]
    Scope,
    /// A critical extension nobody here understands.
    #[error("the evidence has an unknown critical extension")]
    UnknownCritical,
    /// The responder does not know the certificate.
    #[error("the responder does not know the certificate")]
    Unknown,
    /// It has not the form every list has (nextUpdate, times): as good as none.
    #[error("the evidence has not the form of its kind")]
    Malformed,
    /// Parts of it cannot be read.
    #[error("the evidence is damaged")]
    Damaged,
    /// The limits of the judgement were reached.
    #[error("too much evidence to look at")]
    Budget,
}

/// A problem inside otherwise well-formed evidence.
pub(crate) fn damaged(at: usize) -> crate::der::Error {
    crate::der::Error { at, problem: Problem::BadValue }
}
