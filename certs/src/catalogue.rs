//! Which algorithms are good enough, and until when: the dated catalogue (RULES D12, D29, E32).
//!
//! Every number here is data. When an algorithm's end is decreed, its date is written into its line, and old signatures
//! are still judged by what held at their own time.

use crate::algorithm::{Digest, SignatureAlgorithm};
use crate::keys::{KeyKind, PublicKey};

/// What an algorithm is worth at a moment. Ordered: the worst part of a signature decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "standing", content = "rule")]
pub enum Standing {
    /// On the list.
    Accepted,
    /// Verified and reported, proof of nothing by itself (RULES D30 `WEAK`); the rule that says so.
    Weak(&'static str),
    /// So weak that a signature may be anybody's; the rule that says so.
    Refused(&'static str),
}

/// Until when something holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Until {
    /// It never did, as far as this house is concerned.
    Never,
    /// Up to and including this second since 1970.
    Moment(i64),
    /// No end is decreed.
    Open,
}

/// What a line of the catalogue is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject {
    /// A digest, whatever signs it.
    Digest(Digest),
    /// RSA keys with at least so many bits (v1.5 and PSS) and fewer than the line above.
    Rsa(u32),
    /// Keys on a curve, or of another kind.
    Kind(KeyKind),
}

/// One line of the catalogue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What it is about.
    pub subject: Subject,
    /// Until when it is accepted.
    pub accepted: Until,
    /// Until when it counts as weak after that; refused from then on.
    pub weak: Until,
    /// The rule it comes from.
    pub rule: &'static str,
}

const fn entry(subject: Subject, accepted: Until, weak: Until, rule: &'static str) -> Entry {
    Entry { subject, accepted, weak, rule }
}

/// The catalogue. RSA lines from the longest key to the shortest.
///
/// No end of RSA-2048 is decreed in Vietnam; NIST IR 8547 (draft) proposes to deprecate it after 2030. SHA-224 and Ed448
/// are sound, but stand on no list of RULES D12; whoever meets them decides.
pub const CATALOGUE: [Entry; 17] = [
    entry(Subject::Digest(Digest::Md5), Until::Never, Until::Open, "D29"),
    entry(Subject::Digest(Digest::Sha1), Until::Never, Until::Open, "D29"),
    entry(Subject::Digest(Digest::Sha224), Until::Never, Until::Open, "D29"),
    entry(Subject::Digest(Digest::Sha256), Until::Open, Until::Open, "D12"),
    entry(Subject::Digest(Digest::Sha384), Until::Open, Until::Open, "D12"),
    entry(Subject::Digest(Digest::Sha512), Until::Open, Until::Open, "D12"),
    entry(Subject::Rsa(3072), Until::Open, Until::Open, "D12"),
    entry(Subject::Rsa(2048), Until::Open, Until::Open, "D12"),
    entry(Subject::Rsa(1024), Until::Never, Until::Open, "D12"),
    // 829 bits were factored in 2020 (RSA-250); 768 take a rented hall of machines some weeks.
    entry(Subject::Rsa(0), Until::Never, Until::Never, "D12"),
    entry(Subject::Kind(KeyKind::P256), Until::Open, Until::Open, "D29"),
    entry(Subject::Kind(KeyKind::P384), Until::Open, Until::Open, "D29"),
    entry(Subject::Kind(KeyKind::P521), Until::Open, Until::Open, "D29"),
    entry(Subject::Kind(KeyKind::Ed25519), Until::Open, Until::Open, "D29"),
    entry(Subject::Kind(KeyKind::Ed448), Until::Never, Until::Open, "D29"),
    // Read because NIST tests paths with it; withdrawn by FIPS 186-5.
    entry(Subject::Kind(KeyKind::Dsa), Until::Never, Until::Open, "D29"),
    entry(Subject::Kind(KeyKind::Other), Until::Never, Until::Never, "D12"),
];

impl Until {
    fn holds(self, at: i64) -> bool {
        match self {
            Until::Never => false,
            Until::Moment(last) => at <= last,
            Until::Open => true,
        }
    }
}

impl Entry {
    /// What it says about a moment, in seconds since 1970.
    pub fn standing(&self, at: i64) -> Standing {
        if self.accepted.holds(at) {
            Standing::Accepted
        } else if self.weak.holds(at) {
            Standing::Weak(self.rule)
        } else {
            Standing::Refused(self.rule)
        }
    }
}

/// The line about something. What has none is refused: this is a list of what is allowed.
fn look_up(at: i64, is_it: impl Fn(Subject) -> bool) -> Standing {
    let line = CATALOGUE.iter().find(|line| is_it(line.subject));
    line.map_or(Standing::Refused("D29"), |line| line.standing(at))
}

fn rsa(bits: u32, at: i64) -> Standing {
    look_up(at, |subject| matches!(subject, Subject::Rsa(least) if bits >= least))
}

impl Standing {
    /// On the list.
    pub fn is_accepted(self) -> bool {
        self == Standing::Accepted
    }

    /// The rule that speaks against it.
    pub fn rule(self) -> Option<&'static str> {
        match self {
            Standing::Accepted => None,
            Standing::Weak(rule) | Standing::Refused(rule) => Some(rule),
        }
    }
}

impl Digest {
    /// What the digest is worth at a moment, in seconds since 1970.
    pub fn standing(self, at: i64) -> Standing {
        look_up(at, |subject| subject == Subject::Digest(self))
    }
}

impl PublicKey {
    /// What the key is worth at a moment, in seconds since 1970.
    pub fn standing(&self, at: i64) -> Standing {
        match self.kind() {
            KeyKind::Rsa | KeyKind::RsaPss => rsa(self.bits(), at),
            kind => look_up(at, |subject| subject == Subject::Kind(kind)),
        }
    }
}

impl SignatureAlgorithm {
    /// What the algorithm is worth at a moment, in seconds since 1970, whoever's key signs: its digest, and for PSS that
    /// of its mask too.
    pub fn standing(&self, at: i64) -> Standing {
        match self {
            SignatureAlgorithm::RsaPss { digest, mask, .. } => digest.standing(at).max(mask.standing(at)),
            SignatureAlgorithm::RsaPkcs1(digest) | SignatureAlgorithm::Ecdsa(digest) => digest.standing(at),
            SignatureAlgorithm::Dsa(digest) => {
                digest.standing(at).max(look_up(at, |s| s == Subject::Kind(KeyKind::Dsa)))
            }
            SignatureAlgorithm::Ed25519 => look_up(at, |s| s == Subject::Kind(KeyKind::Ed25519)),
            SignatureAlgorithm::Ed448 => look_up(at, |s| s == Subject::Kind(KeyKind::Ed448)),
            SignatureAlgorithm::RsaPkcs1Unnamed | SignatureAlgorithm::Unknown(_) => Standing::Refused("D29"),
        }
    }
}

/// What a signature by an algorithm with a key of so many bits is worth at a moment, in seconds since 1970. Curves state
/// their field's bits; only RSA is weak by its length.
pub fn standing(algorithm: &SignatureAlgorithm, key_bits: u32, at: i64) -> Standing {
    let by_key = match algorithm {
        SignatureAlgorithm::RsaPkcs1(_)
        | SignatureAlgorithm::RsaPss { .. }
        | SignatureAlgorithm::RsaPkcs1Unnamed => rsa(key_bits, at),
        _ => Standing::Accepted,
    };
    algorithm.standing(at).max(by_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RULES D12, D29, E32.
    #[test]
    fn d12_d29_what_each_algorithm_is_worth() {
        use Digest::{Md5, Sha1, Sha224, Sha256, Sha384, Sha512};
        use SignatureAlgorithm as A;
        use Standing::{Accepted, Refused, Weak};
        let pss = |digest, mask| A::RsaPss { digest, mask, salt: 32 };
        let rows = [
            (A::RsaPkcs1(Sha256), 2048, Accepted),
            (A::RsaPkcs1(Sha384), 3072, Accepted),
            (A::RsaPkcs1(Sha512), 4096, Accepted),
            (A::RsaPkcs1(Sha256), 2047, Weak("D12")),
            (A::RsaPkcs1(Sha256), 1024, Weak("D12")),
            (A::RsaPkcs1(Sha256), 1023, Refused("D12")),
            (A::RsaPkcs1(Sha256), 512, Refused("D12")),
            (A::RsaPkcs1(Sha1), 2048, Weak("D29")),
            (A::RsaPkcs1(Md5), 2048, Weak("D29")),
            (A::RsaPkcs1(Sha224), 2048, Weak("D29")),
            (A::RsaPkcs1(Md5), 512, Refused("D12")),
            (pss(Sha256, Sha256), 2048, Accepted),
            (pss(Sha256, Sha1), 2048, Weak("D29")),
            (pss(Sha1, Sha1), 2048, Weak("D29")),
            (A::Ecdsa(Sha256), 256, Accepted),
            (A::Ecdsa(Sha384), 384, Accepted),
            (A::Ecdsa(Sha512), 521, Accepted),
            (A::Ecdsa(Sha1), 256, Weak("D29")),
            (A::Dsa(Sha256), 2048, Weak("D29")),
            (A::Ed25519, 256, Accepted),
            (A::Ed448, 456, Weak("D29")),
            (A::Unknown(crate::oids::EC_PUBLIC_KEY), 2048, Refused("D29")),
        ];
        for (algorithm, bits, expected) in rows {
            // No end is decreed for any of them, so the moment makes no difference.
            for at in [0, 1_795_309_200, 4_000_000_000] {
                assert_eq!(standing(&algorithm, bits, at), expected, "{algorithm:?} {bits} at {at}");
            }
        }
    }

    #[test]
    fn an_end_that_is_decreed_counts_from_its_second() {
        let line = Entry { accepted: Until::Moment(100), weak: Until::Moment(200), ..CATALOGUE[7] };
        assert_eq!(line.subject, Subject::Rsa(2048));
        for (at, expected) in [
            (100, Standing::Accepted),
            (101, Standing::Weak("D12")),
            (200, Standing::Weak("D12")),
            (201, Standing::Refused("D12")),
        ] {
            assert_eq!(line.standing(at), expected, "{at}");
        }
    }

    /// Every digest and kind of key has its line, and the RSA lines go down.
    #[test]
    fn the_catalogue_is_whole() {
        let lengths: Vec<u32> = CATALOGUE
            .iter()
            .filter_map(|line| if let Subject::Rsa(bits) = line.subject { Some(bits) } else { None })
            .collect();
        assert!(lengths.is_sorted_by(|a, b| a > b) && lengths.last() == Some(&0));
        for (index, line) in CATALOGUE.iter().enumerate() {
            assert!(CATALOGUE.iter().skip(index + 1).all(|other| other.subject != line.subject), "{line:?}");
        }
    }
}
