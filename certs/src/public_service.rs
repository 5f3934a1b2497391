//! Certificates of the public-service hierarchy: what RULES 4.3 observed of them, as facts (RULES D24, D25).

use serde::Serialize;

use crate::certificate::Certificate;
use crate::name::GeneralName;
use crate::oids;
use crate::profile::Departure;

/// Who holds a certificate, as its UID says. A registered certificate outweighs this (RULES D25).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holder {
    /// An agency: `MST:`.
    Agency,
    /// A person: `CCCD:` or `CMND:`.
    Person,
    /// The UID says neither, or there is none.
    Unknown,
}

/// What kind of number the UID is. The number itself is personal data and stays in the certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdKind {
    /// Mã số thuế: of an organisation.
    TaxCode,
    /// Căn cước công dân.
    CitizenId,
    /// Chứng minh nhân dân, the older card.
    IdentityCard,
}

/// What a certificate says of its holder and use.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Facts<'c> {
    /// Agency or person.
    pub holder: Holder,
    /// Kind of the UID's number.
    pub id_kind: Option<IdKind>,
    /// CN: the person, or the agency.
    pub name: Option<&'c str>,
    /// O: the province or ministry.
    pub organization: Option<&'c str>,
    /// OU: the way down to the unit, in order.
    pub units: Vec<&'c str>,
    /// L.
    pub locality: Option<&'c str>,
    /// Official mailboxes in subjectAltName.
    pub mailboxes: Vec<&'c str>,
    /// Its key usage and extended key usage allow signing documents.
    pub may_sign_documents: bool,
    /// It may sign mail (RULES D24).
    pub may_sign_mail: bool,
    /// Mail could be encrypted to it; off by default, as nobody can recover the key (RULES D24).
    pub may_be_encrypted_to: bool,
    /// Issued under the public-service policy.
    pub has_policy: bool,
    /// Where it departs from the profile; empty for a certificate as RULES 4.3 shows it.
    pub departures: Vec<Departure>,
}

/// The kind a UID states before its colon, without regard to case and spaces.
fn id_kind(certificate: &Certificate) -> Option<IdKind> {
    let (kind, number) = certificate.subject().user_id()?.split_once(':')?;
    if number.trim().is_empty() {
        return None;
    }
    Some(match kind.trim().to_ascii_uppercase().as_str() {
        "MST" => IdKind::TaxCode,
        "CCCD" => IdKind::CitizenId,
        "CMND" => IdKind::IdentityCard,
        _ => return None,
    })
}

/// Reads the facts of a certificate. Whether it is valid, [`crate::path`] says.
pub fn facts(certificate: &Certificate) -> Facts<'_> {
    let subject = certificate.subject();
    let kind = id_kind(certificate);
    let holder = match kind {
        Some(IdKind::TaxCode) => Holder::Agency,
        Some(IdKind::CitizenId | IdKind::IdentityCard) => Holder::Person,
        None => Holder::Unknown,
    };
    let mailboxes = certificate.alt_names().iter().filter_map(|name| match name {
        GeneralName::Email(mailbox) => Some(mailbox.as_str()),
        _ => None,
    });
    let usage = certificate.key_usage();
    let signs = usage.is_none_or(|usage| usage.digital_signature() || usage.non_repudiation());
    let for_mail = certificate.extended_key_usage().is_none_or(|listed| {
        listed.contains(&oids::EMAIL_PROTECTION) || listed.contains(&oids::ANY_EXTENDED_KEY_USAGE)
    });
    Facts {
        holder,
        id_kind: kind,
        name: subject.common_name(),
        organization: subject.organization(),
        units: subject.organizational_units().collect(),
        locality: subject.last(oids::LOCALITY),
        mailboxes: mailboxes.collect(),
        may_sign_documents: signs && for_mail,
        may_sign_mail: signs && for_mail,
        may_be_encrypted_to: for_mail && usage.is_none_or(|usage| usage.key_encipherment()),
        has_policy: has_policy(certificate),
        departures: departures(certificate),
    }
}

fn has_policy(certificate: &Certificate) -> bool {
    certificate.policies().is_some_and(|policies| policies.contains(&oids::PUBLIC_SERVICE_POLICY))
}

type Rule = (&'static str, &'static str, fn(&Certificate) -> bool);

/// Code, rule of RULES 4.3, and whether the certificate breaks it.
const RULES: &[Rule] = &[
    ("public-service-policy", "the policy 2.16.704.1.1.1.1.1 is stated (RULES 4.3)", |c| !has_policy(c)),
    ("public-service-key-usage", "keyUsage says digitalSignature and nonRepudiation (RULES 4.3)", |c| {
        !c.key_usage().is_some_and(|usage| usage.digital_signature() && usage.non_repudiation())
    }),
    ("public-service-extended-key-usage", "extKeyUsage says emailProtection (RULES 4.3)", |c| {
        !c.extended_key_usage().is_some_and(|listed| listed.contains(&oids::EMAIL_PROTECTION))
    }),
    ("public-service-uid", "UID is MST:, CCCD: or CMND: and a number (RULES D25)", |c| id_kind(c).is_none()),
    ("public-service-mailbox", "subjectAltName has the official mailbox (RULES 4.3)", |c| {
        !c.alt_names().iter().any(|name| matches!(name, GeneralName::Email(_)))
    }),
    ("public-service-organization", "O is stated (RULES 4.3)", |c| c.subject().organization().is_none()),
    ("public-service-country", "C is VN (RULES 4.3)", |c| c.subject().last(oids::COUNTRY) != Some("VN")),
    ("public-service-key", "the key is RSA of at least 2048 bits or better (RULES D12)", |c| {
        !c.public_key().is_supported() || c.public_key().is_weak()
    }),
    ("public-service-signature", "the certificate is signed with SHA-2 (RULES D12)", |c| {
        c.signature_algorithm().is_weak()
    }),
    ("public-service-revocation", "a list or a responder is named (RULES D5)", |c| {
        c.crl_urls().is_empty() && c.ocsp_urls().is_empty()
    }),
];

fn departures(certificate: &Certificate) -> Vec<Departure> {
    let broken = RULES.iter().filter(|(_, _, breaks)| breaks(certificate));
    broken.map(|&(code, rule, _)| Departure { code, rule }).collect()
}
