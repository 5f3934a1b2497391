//! What the way to a host must be: whether TLS, and which certificates count. It is data: decided before the connection stands,
//! checked by the driver in the handshake.

use std::sync::Arc;

use super::TlsPolicy;

/// Who wants it so. The order of precedence is the caller's; see [`Demand`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demander {
    /// Nobody in particular: what holds for every destination.
    House,
    /// The operator, for this destination (RULES M35).
    Configured,
    /// The destination, by signed DNS records (RFC 7672).
    Dane,
    /// The destination, by a policy in mode `enforce` (RFC 8461 §5).
    MtaSts,
    /// The destination, by a policy in mode `testing`: what fails is counted and delivered (RFC 8461 §5).
    MtaStsTesting,
    /// The mail itself (RFC 8689 §4.2.1).
    Mail,
}

/// Which certificates count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Any: the peer is not known, and encryption is still better than none (RFC 7435).
    Any,
    /// A chain to an anchor, and one of these names in the certificate.
    Names {
        /// Names of hosts.
        names: Vec<String>,
        /// Certificates in PEM that count instead of the usual ones.
        anchors: Option<Arc<str>>,
    },
    /// One of these records fits (RFC 7672 §3).
    Dane {
        /// Usable records, at least one.
        records: Vec<Tlsa>,
        /// Names that count below a trust anchor (RFC 7672 §3.2.2).
        names: Vec<String>,
    },
}

/// What the way to one host must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    tls: TlsPolicy,
    proof: Proof,
    by: Demander,
}

impl Demand {
    /// What holds for every destination.
    pub fn house(tls: TlsPolicy) -> Self {
        Self { tls, proof: Proof::Any, by: Demander::House }
    }

    /// The operator wants TLS as `tls` says, and the certificates that `proof` takes.
    pub fn configured(tls: TlsPolicy, proof: Proof) -> Self {
        Self { tls, proof, by: Demander::Configured }
    }

    /// The destination has signed records for this host. When none is usable, encryption is still wanted, with any certificate
    /// (RFC 7672 §2.2).
    pub fn dane(records: Vec<Tlsa>, names: Vec<String>) -> Self {
        let records = strongest(records);
        let proof = if records.is_empty() { Proof::Any } else { Proof::Dane { records, names } };
        Self { tls: TlsPolicy::Required, proof, by: Demander::Dane }
    }

    /// The destination's policy names this host (RFC 8461 §4.2). In mode `testing` TLS is as it would be `otherwise`.
    pub fn mta_sts(host: &str, enforced: bool, otherwise: TlsPolicy) -> Self {
        let proof = Proof::Names { names: vec![host.to_owned()], anchors: None };
        match enforced {
            true => Self { tls: TlsPolicy::Required, proof, by: Demander::MtaSts },
            false => Self { tls: otherwise, proof, by: Demander::MtaStsTesting },
        }
    }

    /// The one place where a mail's own demand joins. A mail that asks for TLS takes nothing less than a certificate that is
    /// proven, for every host (RFC 8689 §4.2.1); it never makes a demand weaker.
    #[must_use]
    pub fn joined(self, mail_requires_tls: bool, host: &str) -> Self {
        if !mail_requires_tls {
            return self;
        }
        let proof = match self.proof {
            Proof::Any => Proof::Names { names: vec![host.to_owned()], anchors: None },
            proof => proof,
        };
        Self { tls: TlsPolicy::Required, proof, by: Demander::Mail }
    }

    /// TLS always, with whatever certificates count already: the operator said so for this place.
    #[must_use]
    pub fn encrypted(self) -> Self {
        match self.by {
            Demander::House => Self::configured(TlsPolicy::Required, self.proof),
            _ => Self { tls: TlsPolicy::Required, ..self },
        }
    }

    /// A password is said there: TLS always, and with a certificate of that host, unless the operator has said himself which count.
    #[must_use]
    pub fn for_password(self, host: &str) -> Self {
        match self.by {
            Demander::House => {
                let proof = Proof::Names { names: vec![host.to_owned()], anchors: None };
                Self::configured(TlsPolicy::Required, proof)
            }
            _ => self.encrypted(),
        }
    }

    /// Whether a connection that was held to this is good enough for mail that demands `other`: the same was asked of it, or other mail
    /// asks for no certificate in particular, and the connection is as encrypted as it wants.
    pub fn satisfies(&self, other: &Self, is_encrypted: bool) -> bool {
        let is_enough = match other.tls {
            TlsPolicy::None => true,
            // A connection that is plain because the peer's TLS is broken is for the mail that found it out.
            TlsPolicy::Opportunistic => is_encrypted || self.tls != TlsPolicy::None,
            TlsPolicy::Required => is_encrypted,
        };
        self == other || (is_enough && other.proof == Proof::Any)
    }

    /// Whether TLS.
    pub fn tls(&self) -> TlsPolicy {
        self.tls
    }

    /// Which certificates count.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// Who wants it so.
    pub fn by(&self) -> Demander {
        self.by
    }

    /// Whether a certificate that does not count ends the connection; otherwise it is only noticed.
    pub fn is_enforced(&self) -> bool {
        self.by != Demander::MtaStsTesting
    }
}

/// What a record is about (RFC 7218 §2.1). The two PKIX usages are of no use between mail servers (RFC 7672 §3.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// DANE-TA(2): an issuer in the chain.
    TrustAnchor,
    /// DANE-EE(3): the server's own certificate; its names and dates do not count (RFC 7672 §3.1.1).
    EndEntity,
}

/// What of a certificate is compared (RFC 7218 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector {
    /// Cert(0): all of it.
    Certificate,
    /// SPKI(1): its public key.
    Key,
}

/// How it is compared (RFC 7218 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// Full(0).
    Full,
    /// SHA2-256(1).
    Sha256,
    /// SHA2-512(2).
    Sha512,
}

/// A TLSA record that can be used (RFC 6698 §2.1, RFC 7672 §3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tlsa {
    usage: Usage,
    selector: Selector,
    matching: Matching,
    data: Vec<u8>,
}

/// Bytes of a record that carries a whole certificate or key. Chains of the web have none above 10 KB.
const TLSA_BYTES_MAX: usize = 16 * 1024;

impl Tlsa {
    /// A record by its numbers; `None` when it is unusable: of another usage, unknown numbers, a digest of the wrong length
    /// (RFC 7671 §5).
    pub fn usable(usage: u8, selector: u8, matching: u8, data: &[u8]) -> Option<Self> {
        let usage = match usage {
            2 => Usage::TrustAnchor,
            3 => Usage::EndEntity,
            _ => return None,
        };
        let selector = match selector {
            0 => Selector::Certificate,
            1 => Selector::Key,
            _ => return None,
        };
        let (matching, fits) = match matching {
            0 => (Matching::Full, !data.is_empty() && data.len() <= TLSA_BYTES_MAX),
            1 => (Matching::Sha256, data.len() == 32),
            2 => (Matching::Sha512, data.len() == 64),
            _ => return None,
        };
        fits.then(|| Self { usage, selector, matching, data: data.to_vec() })
    }

    /// What it is about.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// What of a certificate is compared.
    pub fn selector(&self) -> Selector {
        self.selector
    }

    /// How it is compared.
    pub fn matching(&self) -> Matching {
        self.matching
    }

    /// What it is compared with.
    pub fn data(&self) -> &[u8] {
        &self.data
    }
}

/// Of digests of the same usage and selector only the strongest counts (RFC 7671 §9, digest algorithm agility).
fn strongest(records: Vec<Tlsa>) -> Vec<Tlsa> {
    let strong: Vec<(Usage, Selector)> = records
        .iter()
        .filter(|record| record.matching == Matching::Sha512)
        .map(|record| (record.usage, record.selector))
        .collect();
    let counts = |record: &Tlsa| {
        record.matching != Matching::Sha256 || !strong.contains(&(record.usage, record.selector))
    };
    records.into_iter().filter(counts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_7672_section_3_1_which_records_are_usable() {
        for (usage, selector, matching, length, usable) in [
            (3, 1, 1, 32, true),
            (2, 0, 2, 64, true),
            (3, 0, 0, 500, true),
            (0, 1, 1, 32, false),
            (1, 1, 1, 32, false),
            (4, 1, 1, 32, false),
            (255, 1, 1, 32, false),
            (3, 2, 1, 32, false),
            (3, 1, 3, 32, false),
            (3, 1, 1, 31, false),
            (3, 1, 2, 32, false),
            (3, 1, 0, 0, false),
            (3, 1, 0, TLSA_BYTES_MAX + 1, false),
        ] {
            let record = Tlsa::usable(usage, selector, matching, &vec![1; length]);
            assert_eq!(record.is_some(), usable, "{usage} {selector} {matching}, {length} bytes");
        }
    }

    #[test]
    fn rfc_7671_section_9_the_strongest_digest_counts() {
        let weak = Tlsa::usable(3, 1, 1, &[1; 32]).unwrap();
        let strong = Tlsa::usable(3, 1, 2, &[2; 64]).unwrap();
        let other = Tlsa::usable(2, 1, 1, &[3; 32]).unwrap();
        let full = Tlsa::usable(3, 1, 0, &[4; 91]).unwrap();
        let kept = strongest(vec![weak.clone(), strong.clone(), other.clone(), full.clone()]);
        assert_eq!(kept, [strong, other.clone(), full]);
        assert_eq!(strongest(vec![weak.clone(), other.clone()]), [weak, other]);
    }

    #[test]
    fn rfc_7672_section_2_2_without_a_usable_record_encryption_is_still_wanted() {
        let demand = Demand::dane(Vec::new(), vec!["mx.a.vn".to_owned()]);
        assert_eq!((demand.tls(), demand.proof()), (TlsPolicy::Required, &Proof::Any));
    }

    #[test]
    fn m35_a_connection_serves_other_mail_only_when_it_is_as_safe() {
        use TlsPolicy::{None, Opportunistic, Required};
        let names = |name: &str| {
            let proof = Proof::Names { names: vec![name.to_owned()], anchors: Option::None };
            Demand::configured(Required, proof)
        };
        let dane = Demand::dane(vec![Tlsa::usable(3, 1, 1, &[1; 32]).unwrap()], Vec::new());
        let any = Demand::configured(Required, Proof::Any);
        let house = Demand::house(Opportunistic);
        #[rustfmt::skip]
        let rows = [
            // connection        encrypted  mail             good enough
            (&house,                 false, &house,              true),
            (&house,                 true,  &any,                true),
            (&house,                 false, &any,                false),
            (&house,                 true,  &names("a.vn"),      false),
            (&house,                 true,  &dane,               false),
            (&names("a.vn"),         true,  &house,              true),
            (&names("a.vn"),         true,  &any,                true),
            (&names("a.vn"),         true,  &names("a.vn"),      true),
            (&names("a.vn"),         true,  &names("b.vn"),      false),
            (&names("a.vn"),         true,  &dane,               false),
            (&dane,                  true,  &dane,               true),
            (&dane,                  true,  &names("a.vn"),      false),
            (&Demand::house(None),   false, &house,              false),
            (&Demand::house(None),   false, &Demand::house(None), true),
            (&house,                 false, &Demand::house(None), true),
        ];
        for (has, is_encrypted, wants, expected) in rows {
            assert_eq!(has.satisfies(wants, is_encrypted), expected, "{has:?} {is_encrypted} {wants:?}");
            // What a mail asks for itself is never less.
            let joined = wants.clone().joined(true, "a.vn");
            assert!(!has.satisfies(&joined, is_encrypted) || is_encrypted, "{has:?} {wants:?}");
        }
    }

    #[test]
    fn m35_a_password_goes_to_the_host_that_proves_its_name() {
        let named =
            |demand: &Demand| matches!(demand.proof(), Proof::Names { names, .. } if names == &["a.vn"]);
        for tls in [TlsPolicy::None, TlsPolicy::Opportunistic, TlsPolicy::Required] {
            let demand = Demand::house(tls).for_password("a.vn");
            assert!(demand.tls() == TlsPolicy::Required && named(&demand) && demand.is_enforced());
            assert_eq!(Demand::house(tls).encrypted().tls(), TlsPolicy::Required);
        }
        // What the operator said of certificates stays; that there is TLS, is not his to waive.
        let may = Demand::configured(TlsPolicy::Opportunistic, Proof::Any).for_password("a.vn");
        assert_eq!((may.tls(), may.proof()), (TlsPolicy::Required, &Proof::Any));
    }

    #[test]
    fn rfc_8689_a_mail_that_asks_for_tls_makes_every_demand_stronger_and_none_weaker() {
        let names = |host: &str| Proof::Names { names: vec![host.to_owned()], anchors: None };
        let record = Tlsa::usable(3, 1, 1, &[1; 32]).unwrap();
        let dane = Demand::dane(vec![record], vec!["mx.a.vn".to_owned()]);
        for (demand, proof) in [
            (Demand::house(TlsPolicy::Opportunistic), names("mx.a.vn")),
            (Demand::house(TlsPolicy::None), names("mx.a.vn")),
            (Demand::mta_sts("mx.a.vn", false, TlsPolicy::Opportunistic), names("mx.a.vn")),
            (Demand::configured(TlsPolicy::Required, names("b.vn")), names("b.vn")),
            (Demand::dane(Vec::new(), Vec::new()), names("mx.a.vn")),
            (dane.clone(), dane.proof().clone()),
        ] {
            assert_eq!(demand.clone().joined(false, "mx.a.vn"), demand);
            let joined = demand.joined(true, "mx.a.vn");
            assert_eq!((joined.tls(), joined.proof()), (TlsPolicy::Required, &proof));
            assert!(joined.is_enforced());
        }
    }
}
