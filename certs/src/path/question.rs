//! What is asked about a certificate.

use std::net::IpAddr;

use crate::der::Oid;
use crate::trust::{Hierarchy, Purpose};

/// Whom the leaf must name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PeerName {
    /// A host name (RFC 9525), in ASCII form.
    Host(String),
    /// An address.
    Ip(IpAddr),
    /// A mailbox (RFC 8398 for its comparison): domain without regard to case, local part exactly.
    Email(String),
}

/// How much revocation matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Revocation {
    /// Not looked at.
    None,
    /// What the evidence says counts; missing evidence does not.
    IfKnown,
    /// As [`Revocation::IfKnown`], but evidence about a certificate that does not suffice leaves the verdict undecided:
    /// whoever supplied it meant it to be heard.
    IfSupplied,
    /// Every certificate below the anchor must be shown good; else the verdict is undecided (RULES D5, D10).
    Require,
}

/// How strictly issuers are held to the profile of RFC 5280 §4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Profile {
    /// Only what the validation algorithm of §6 needs. Departures are reported in the path.
    Lenient,
    /// Departures from RFC 5280 make a path invalid.
    Strict,
    /// So do departures from the CA/Browser Forum's rules for TLS servers.
    StrictWeb,
}

/// The question put to [`super::judge`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// What the leaf is used for: decides key usage, extended key usage and which anchors serve.
    pub purpose: Purpose,
    /// The moment judged, in seconds since 1970: now for a connection, the signing time for a document.
    pub at: i64,
    /// The moment of judging; evidence issued up to here counts. Later than `at` when an old signature is judged
    /// with younger evidence (RULES D34). `None`: the same as `at`.
    pub now: Option<i64>,
    /// All of these must be named by the leaf.
    pub names: Vec<PeerName>,
    /// How much revocation matters.
    pub revocation: Revocation,
    /// Only anchors of this hierarchy serve (RULES D26). `None`: any.
    pub hierarchy: Option<Hierarchy>,
    /// user-initial-policy-set; empty means any policy.
    pub policies: Vec<Oid>,
    /// initial-explicit-policy.
    pub explicit_policy: bool,
    /// initial-policy-mapping-inhibit.
    pub inhibit_mapping: bool,
    /// initial-any-policy-inhibit.
    pub inhibit_any: bool,
    /// Most intermediate certificates between leaf and anchor; `None`: only the limits.
    pub max_depth: Option<usize>,
    /// How strictly issuers are held to the profile.
    pub profile: Profile,
    /// SHA-1 signatures and RSA below 2048 bits make the path invalid instead of being reported.
    pub refuse_weak: bool,
}

impl Question {
    /// A question with the usual answers: revocation required, any name, any policy, lenient, weak ones reported.
    pub fn new(purpose: Purpose, at: i64) -> Question {
        Question {
            purpose,
            at,
            now: None,
            names: Vec::new(),
            revocation: Revocation::Require,
            hierarchy: None,
            policies: Vec::new(),
            explicit_policy: false,
            inhibit_mapping: false,
            inhibit_any: false,
            max_depth: None,
            profile: Profile::Lenient,
            refuse_weak: false,
        }
    }

    /// The latest moment evidence may come from.
    pub fn now(&self) -> i64 {
        self.now.map_or(self.at, |now| now.max(self.at))
    }
}
