//! What was found out about where a message really comes from (RFC 8601): results only, no opinion about what follows from them.

use crate::Domain;

/// What one method came to, in the words of RFC 8601 §2.7.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Nothing to check: no signature, no record.
    #[default]
    None,
    /// It is as it says.
    Pass,
    /// It is not.
    Fail,
    /// The domain thinks it is not, and does not want to say so aloud (RFC 7208 §8.5).
    SoftFail,
    /// The domain says nothing either way, or a signature cannot be judged.
    Neutral,
    /// It would pass, and our rules do not let it (RFC 8601 §2.4).
    Policy,
    /// It could not be found out now.
    TempError,
    /// What is published, or the signature itself, is wrong; trying again does not help.
    PermError,
}

impl Verdict {
    /// The word in Authentication-Results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::Neutral => "neutral",
            Self::Policy => "policy",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

/// What the domain of From asks for when a message that says to be from it is not (RFC 7489 §6.3, `p`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DmarcPolicy {
    /// Nothing.
    #[default]
    None,
    /// To be treated as suspicious.
    Quarantine,
    /// To be refused.
    Reject,
}

impl DmarcPolicy {
    /// The word in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Quarantine => "quarantine",
            Self::Reject => "reject",
        }
    }
}

/// One DKIM signature, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureVerdict {
    /// Who signed, `d=`; whatever text stood there.
    pub domain: String,
    /// With which key, `s=`.
    pub selector: String,
    /// What it came to.
    pub verdict: Verdict,
}

/// All methods together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authentication {
    /// Whether the address has the name it says it has (RFC 8601 §3).
    pub iprev: Verdict,
    /// SPF of the name in HELO (RFC 7208 §2.3).
    pub helo: Verdict,
    /// SPF of MAIL FROM (RFC 7208 §2.4); that of HELO when the path is null.
    pub spf: Verdict,
    /// The domain that `spf` is about.
    pub spf_domain: String,
    /// DKIM (RFC 6376), each signature.
    pub dkim: Vec<SignatureVerdict>,
    /// DMARC (RFC 7489).
    pub dmarc: Verdict,
    /// What the domain of From asks for.
    pub dmarc_policy: DmarcPolicy,
    /// The chain of ARC seals (RFC 8617).
    pub arc: Verdict,
    /// The domain of From when the message is proven to be from it, by DMARC or by a signature or path of exactly that domain.
    pub from_domain: Option<Domain>,
}
