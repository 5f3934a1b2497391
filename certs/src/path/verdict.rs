//! The three answers, and why.

use crate::certificate::Certificate;
use crate::der::Oid;
use crate::profile::Departure;
use crate::revocation::{RevocationFacts, Shortfall, Source};
use crate::trust::{Anchor, Hierarchy, Window};

/// Yes, no, and not yet.
#[derive(Clone, Debug)]
#[must_use]
pub enum PathVerdict {
    /// There is a path on which everything is in order.
    Valid(Path),
    /// There is none, and no evidence will change that.
    Invalid(Reason),
    /// Evidence is missing; with it the answer may become either.
    Undecided {
        /// What is missing. Not empty.
        lacks: Vec<Lack>,
    },
}

impl PathVerdict {
    /// The path, when valid.
    pub fn path(&self) -> Option<&Path> {
        if let PathVerdict::Valid(path) = self { Some(path) } else { None }
    }

    /// The reason, when invalid.
    pub fn reason(&self) -> Option<&Reason> {
        if let PathVerdict::Invalid(reason) = self { Some(reason) } else { None }
    }
}

/// A path found valid. Only [`super::judge`] makes one.
#[derive(Clone, Debug)]
pub struct Path {
    pub(super) certificates: Vec<Certificate>,
    pub(super) anchor: Anchor,
    pub(super) statuses: Vec<CertificateStatus>,
    pub(super) policies: Vec<Oid>,
    pub(super) weaknesses: Vec<Weakness>,
    pub(super) departures: Vec<(Certificate, Departure)>,
    pub(super) at: i64,
}

impl Path {
    /// From the leaf up, the anchor not included (unless the leaf itself is the anchor).
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The certificate judged.
    pub fn leaf(&self) -> Option<&Certificate> {
        self.certificates.first()
    }

    /// Where the path ends.
    pub fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// One per certificate, in the same order: what is known about its revocation, and from where.
    pub fn statuses(&self) -> &[CertificateStatus] {
        &self.statuses
    }

    /// user-constrained-policy-set; holds `oids::ANY_POLICY` when unconstrained.
    pub fn policies(&self) -> &[Oid] {
        &self.policies
    }

    /// Algorithms below what RULES D29 allows. Not empty means `WEAK`.
    pub fn weaknesses(&self) -> &[Weakness] {
        &self.weaknesses
    }

    /// Where issuers departed from the profile of RFC 5280 §4 without harm to validation.
    pub fn departures(&self) -> &[(Certificate, Departure)] {
        &self.departures
    }

    /// The moment judged.
    pub fn at(&self) -> i64 {
        self.at
    }
}

/// What is known about one certificate's revocation.
#[derive(Clone, Debug)]
pub struct CertificateStatus {
    /// Which certificate.
    pub certificate: Certificate,
    /// Its standing at the moment judged.
    pub standing: Standing,
    /// The evidence it rests on.
    pub source: Option<Source>,
    /// Further pieces it rests on: a delta CRL, other partitions.
    pub more_sources: Vec<Source>,
    /// Certificates of those who signed the evidence and of their issuers, as far as they are not on the path: to be
    /// archived with it (RULES D31).
    pub signers: Vec<Certificate>,
    /// Seconds by which the evidence had outlived its nextUpdate at the moment judged, within the grace the question
    /// allows (RULES D27): worth asking again later. 0: it had not.
    pub late_by: i64,
}

/// Standing at the moment judged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Nobody asked, or nothing was known and nothing was required.
    NotChecked,
    /// Good.
    Good,
    /// Revoked, but only after the moment judged (RULES D34).
    RevokedLater(RevocationFacts),
}

/// An algorithm below what RULES D29 allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// The certificate's signature uses SHA-1 or SHA-224.
    Digest(Certificate),
    /// The certificate's key is RSA below 2048 bits.
    Key(Certificate),
}

/// Why a path is not valid: what is wrong, with which certificate.
#[derive(Clone, Debug)]
pub struct Reason {
    /// What is wrong.
    pub defect: Defect,
    /// With whom.
    pub certificate: Certificate,
    /// Its place in the path: 0 is the leaf.
    pub depth: usize,
}

/// What can be wrong with a certificate in a path.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Defect {
    /// Valid only from this second since 1970.
    NotYetValid(i64),
    /// Valid only until this second since 1970.
    Expired(i64),
    /// Its signature is not its issuer's.
    Signature,
    /// Signed with, or holding, an algorithm this room does not verify.
    Algorithm,
    /// SHA-1 or RSA below 2048 bits, and the question refuses them.
    Weak,
    /// Signs certificates without being a certificate authority.
    NotAuthority,
    /// Signs certificates although its key usage does not allow it.
    MayNotSignCertificates,
    /// More intermediates below it than its path length allows.
    PathLength,
    /// More intermediates than the question allows.
    TooDeep,
    /// Its key usage does not fit the purpose.
    KeyUsage,
    /// Its extended key usage does not fit the purpose.
    ExtendedKeyUsage,
    /// One of its names lies outside an issuer's name constraints, or is of a kind that cannot be compared.
    NameConstraints,
    /// A critical extension nobody here understands.
    UnknownCritical(Oid),
    /// A known extension with damaged contents, or one that appears twice.
    Unreadable(Oid),
    /// No acceptable policy is left.
    Policy,
    /// Does not name whom the question asks for.
    NameMismatch,
    /// Revoked at or before the moment judged.
    Revoked(RevocationFacts),
    /// Self-signed and not an anchor.
    NotTrusted,
    /// Ends at an anchor that does not serve this purpose.
    AnchorPurpose,
    /// Ends at an anchor that is not trusted for the moment judged.
    AnchorWindow(Window),
    /// Ends at an anchor of another hierarchy (RULES D26).
    AnchorHierarchy(Hierarchy),
    /// Departs from the profile, and the question is strict.
    Profile(Departure),
    /// Looking at all candidates would exceed the limits.
    Budget,
}

/// What is missing.
#[derive(Clone, Debug)]
pub enum Lack {
    /// The issuer's certificate.
    Issuer {
        /// Whose issuer.
        of: Certificate,
        /// Where it says its issuer's certificate is (caIssuers). May be empty.
        urls: Vec<String>,
    },
    /// A statement about one certificate's revocation that is fresh for the moment judged.
    Revocation {
        /// Whose.
        of: Certificate,
        /// The certificate of its issuer on this path: what an OCSP request is made from.
        issuer: Certificate,
        /// Where CRLs are published. May be empty.
        crl_urls: Vec<String>,
        /// Where OCSP is asked. May be empty.
        ocsp_urls: Vec<String>,
        /// Why the evidence at hand did not do, one entry per piece that looked relevant.
        shortfalls: Vec<Shortfall>,
    },
}
