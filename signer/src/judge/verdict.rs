//! The words of a judgement: three answers, the standard's indications, the classes of the rule book.

use crate::message::Code;
use serde::{Deserialize, Serialize};

/// Yes, no, and not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// In order.
    Valid,
    /// Evidence is missing or does not suffice; asking again may help.
    Indeterminate,
    /// Not in order, and nothing will change that.
    Invalid,
}

/// Whether the bytes are those that were signed, whoever signed them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Integrity {
    /// They are.
    Intact,
    /// They are not.
    Broken,
    /// Nothing was signed, or it could not be compared.
    None,
}

/// ETSI EN 319 102-1 §5.1.3 main indication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Indication {
    /// TOTAL-PASSED
    #[serde(rename = "TOTAL-PASSED")]
    TotalPassed,
    /// TOTAL-FAILED
    #[serde(rename = "TOTAL-FAILED")]
    TotalFailed,
    /// INDETERMINATE
    Indeterminate,
}

/// ETSI EN 319 102-1 §5.1.3 sub-indication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // the standard's own words
pub enum SubIndication {
    FormatFailure,
    HashFailure,
    SigCryptoFailure,
    Revoked,
    Expired,
    NotYetValid,
    SigConstraintsFailure,
    ChainConstraintsFailure,
    CertificateChainGeneralFailure,
    CryptoConstraintsFailure,
    CryptoConstraintsFailureNoPoe,
    TimestampOrderFailure,
    SignedDataNotFound,
    NoSigningCertificateFound,
    NoCertificateChainFound,
    RevokedNoPoe,
    RevokedCaNoPoe,
    OutOfBoundsNoPoe,
    TryLater,
}

/// The class of a signature in the rule book (RULES D30).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Good, at a proven time.
    Valid,
    /// Good, but the time is only claimed.
    ValidNoTimestamp,
    /// Good as far as known; nobody could say whether a certificate is revoked.
    UnknownRevocation,
    /// Good, with an algorithm below what is allowed.
    Weak,
    /// Not good, and why.
    Invalid(Code),
    /// No signature.
    Unsigned,
}

impl Class {
    /// The rule book's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Valid => "VALID",
            Self::ValidNoTimestamp => "VALID_NO_TIMESTAMP",
            Self::UnknownRevocation => "UNKNOWN_REVOCATION",
            Self::Weak => "WEAK",
            Self::Invalid(_) => "INVALID",
            Self::Unsigned => "UNSIGNED",
        }
    }

    /// Gives legal value without anybody deciding (RULES D30).
    pub fn is_good(self) -> bool {
        matches!(self, Self::Valid | Self::ValidNoTimestamp)
    }

    /// May be accepted by a records officer who states a reason (RULES D30).
    pub fn needs_officer(self) -> bool {
        matches!(self, Self::UnknownRevocation | Self::Weak)
    }
}

impl Serialize for Class {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// Whom a signature speaks for (RULES D25).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The competent person.
    Leader,
    /// The agency: its seal.
    Agency,
    /// A timestamp authority.
    Timestamp,
    /// Nobody we can place.
    Unknown,
}

/// What a signature is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureKind {
    /// The usual one: somebody stands for what is signed.
    Approval,
    /// The author's, which says what may still change (PDF DocMDP).
    Certification,
    /// A timestamp over the document.
    Timestamp,
}

/// Where a signature's time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeSource {
    /// A timestamp over this signature.
    Timestamp,
    /// A later document timestamp that covers it.
    DocumentTimestamp,
    /// The signer's own clock.
    Claimed,
    /// Nobody says.
    None,
}
