//! Where a certificate departs from the profile of RFC 5280 §4 without making validation impossible.
//!
//! Validation (§6) does not need these rules, and certificates that break them exist; so a lenient judgement reports
//! departures and a strict one refuses them.

use serde::Serialize;

use crate::certificate::Certificate;
use crate::name::GeneralName;
use crate::oids;
use crate::path::{Profile, Question};
use crate::trust::Purpose;

/// A rule of the profile that the issuer did not keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Departure {
    /// Stable code.
    pub code: &'static str,
    /// The rule and its place.
    pub rule: &'static str,
}

impl Departure {
    /// Duties of issuers that NIST's suite (PKITS 4.4.14, 4.6.4, 4.8.6) wants relying parties to bear. Servers, clients and
    /// mail are held to them all the same, as browsers do.
    pub(crate) fn is_borne(&self, purpose: Purpose) -> bool {
        let held = matches!(purpose, Purpose::Tls | Purpose::TlsClient | Purpose::Smime);
        let codes =
            ["serial-not-positive", "basic-constraints-not-critical", "policy-constraints-not-critical"];
        !held && codes.contains(&self.code)
    }
}

/// Where in a path a certificate stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Anchor,
    Intermediate,
    Leaf,
}

type Rule = (&'static str, &'static str, fn(&Certificate, Role) -> bool);

/// Code, rule, and whether the certificate breaks it.
const RULES: &[Rule] = &[
    ("serial-not-positive", "serial numbers are positive (§4.1.2.2)", |c, _| {
        !is_positive(c.serial().content())
    }),
    ("serial-too-long", "serial numbers have at most 20 octets (§4.1.2.2)", |c, _| {
        c.serial().content().len() > 20
    }),
    ("issuer-empty", "the issuer is not empty (§4.1.2.4)", |c, _| c.issuer().is_empty()),
    ("authority-subject-empty", "an authority's subject is not empty (§4.1.2.6)", |c, role| {
        role != Role::Leaf && c.subject().is_empty()
    }),
    ("key-id-critical", "authorityKeyIdentifier is not critical (§4.2.1.1)", |c, _| {
        c.is_critical(oids::AUTHORITY_KEY_IDENTIFIER)
    }),
    ("key-id-missing", "authorityKeyIdentifier is there unless self-signed (§4.2.1.1)", |c, _| {
        !c.is_self_issued() && c.authority_key_id().is_none_or(|id| id.key.is_none())
    }),
    ("subject-key-id-critical", "subjectKeyIdentifier is not critical (§4.2.1.2)", |c, _| {
        c.is_critical(oids::SUBJECT_KEY_IDENTIFIER)
    }),
    ("subject-key-id-missing", "an authority has subjectKeyIdentifier (§4.2.1.2)", |c, role| {
        role != Role::Leaf && c.subject_key_id().is_none()
    }),
    ("authority-key-usage", "an authority has keyUsage (§4.2.1.3)", |c, role| {
        role != Role::Leaf && c.key_usage().is_none()
    }),
    ("key-usage-empty", "keyUsage has at least one bit (§4.2.1.3)", |c, _| {
        c.key_usage().is_some_and(|u| u.0 == 0)
    }),
    ("key-usage-authority", "keyCertSign only with the authority bit (§4.2.1.9)", |c, _| {
        c.key_usage().is_some_and(|usage| usage.certificate_sign()) && !c.is_ca()
    }),
    ("policy-constraints-not-critical", "policyConstraints is critical (§4.2.1.11)", |c, _| {
        c.policy_constraints().is_some() && !c.is_critical(oids::POLICY_CONSTRAINTS)
    }),
    ("alt-name-empty", "subjectAltName is not empty (§4.2.1.6)", |c, _| {
        c.has_alt_names() && c.alt_names().is_empty()
    }),
    ("alt-name-critical", "subjectAltName is critical when the subject is empty (§4.2.1.6)", |c, _| {
        c.subject().is_empty() && !c.is_critical(oids::SUBJECT_ALT_NAME)
    }),
    ("alt-name-malformed", "names in subjectAltName have their proper form (§4.2.1.6)", |c, _| {
        c.alt_names().iter().any(is_malformed)
    }),
    ("basic-constraints-missing", "an authority has basicConstraints (§4.2.1.9)", |c, role| {
        role != Role::Leaf && c.basic_constraints().is_none()
    }),
    ("basic-constraints-not-critical", "an authority's basicConstraints is critical (§4.2.1.9)", |c, _| {
        c.is_ca() && !c.is_critical(oids::BASIC_CONSTRAINTS)
    }),
    (
        "path-length-without-authority",
        "a path length only for authorities with keyCertSign (§4.2.1.9)",
        |c, _| {
            let signs = c.is_ca() && c.key_usage().is_none_or(|usage| usage.certificate_sign());
            c.basic_constraints().is_some_and(|constraints| constraints.path_length.is_some()) && !signs
        },
    ),
    ("name-constraints-leaf", "nameConstraints only for authorities (§4.2.1.10)", |c, _| {
        c.name_constraints().is_some() && !c.is_ca()
    }),
    ("name-constraints-not-critical", "nameConstraints is critical (§4.2.1.10)", |c, _| {
        c.name_constraints().is_some() && !c.is_critical(oids::NAME_CONSTRAINTS)
    }),
    ("name-constraints-malformed", "name constraints have their proper form (§4.2.1.10)", |c, _| {
        let trees = c.name_constraints().map(|n| n.permitted.iter().chain(&n.excluded));
        trees.into_iter().flatten().any(is_malformed_subtree)
    }),
    ("inhibit-any-not-critical", "inhibitAnyPolicy is critical (§4.2.1.14)", |c, _| {
        c.inhibit_any_policy().is_some() && !c.is_critical(oids::INHIBIT_ANY_POLICY)
    }),
    ("access-critical", "authorityInfoAccess is not critical (§4.2.2.1)", |c, _| {
        c.is_critical(oids::AUTHORITY_INFO_ACCESS)
    }),
];

/// What TLS clients ask beyond RFC 5280 (CA/Browser Forum Baseline Requirements §7.1.2).
const TLS_RULES: &[Rule] = &[
    ("tls-usage-missing", "a server's extKeyUsage says serverAuth (BR §7.1.2.7.10)", |c, role| {
        role == Role::Leaf && !c.extended_key_usage().is_some_and(|list| list.contains(&oids::SERVER_AUTH))
    }),
    (
        "tls-usage-other",
        "a server's extKeyUsage says nothing else but clientAuth (BR §7.1.2.7.10)",
        |c, role| {
            let listed = c.extended_key_usage().unwrap_or_default();
            let forbidden = [
                oids::ANY_EXTENDED_KEY_USAGE,
                oids::CODE_SIGNING,
                oids::EMAIL_PROTECTION,
                oids::TIME_STAMPING,
                oids::OCSP_SIGNING,
                oids::PRECERTIFICATE_SIGNING,
            ];
            role == Role::Leaf && listed.iter().any(|usage| forbidden.contains(usage))
        },
    ),
    (
        "tls-names-critical",
        "subjectAltName is critical only when the subject is empty (BR §7.1.2.7.12)",
        |c, role| role == Role::Leaf && c.is_critical(oids::SUBJECT_ALT_NAME) && !c.subject().is_empty(),
    ),
    ("tls-usage-critical", "extKeyUsage is not critical (BR §7.1.2.7.6)", |c, role| {
        role == Role::Leaf && c.is_critical(oids::EXTENDED_KEY_USAGE)
    }),
    ("tls-usage-root", "a root has no extKeyUsage (BR §7.1.2.1.2)", |c, role| {
        role == Role::Anchor && c.extended_key_usage().is_some()
    }),
    ("tls-leaf-is-authority", "a server is not an authority (BR §7.1.2.7.8)", |c, role| {
        role == Role::Leaf && c.is_ca()
    }),
    ("tls-names-missing", "a server has subjectAltName (BR §7.1.2.7.12)", |c, role| {
        role == Role::Leaf && c.alt_names().is_empty()
    }),
];

/// All rules this certificate breaks in this role.
pub(crate) fn departures(certificate: &Certificate, role: Role, question: &Question) -> Vec<Departure> {
    let web = question.purpose == Purpose::Tls && question.profile != Profile::Strict;
    let tls = if web { TLS_RULES } else { &[] };
    let broken = RULES.iter().chain(tls).filter(|(_, _, breaks)| breaks(certificate, role));
    broken.map(|&(code, rule, _)| Departure { code, rule }).collect()
}

fn is_positive(content: &[u8]) -> bool {
    content.first().is_some_and(|first| first & 0x80 == 0) && content.iter().any(|&byte| byte != 0)
}

fn is_malformed(name: &GeneralName) -> bool {
    match name {
        GeneralName::Dns(name) => {
            name.is_empty() || name.starts_with('.') || name.contains(char::is_whitespace)
        }
        GeneralName::Email(name) => name.split('@').count() != 2,
        GeneralName::Uri(name) => !name.contains(':'),
        GeneralName::IpBytes(_) => true,
        GeneralName::Ip(_) | GeneralName::Directory(_) | GeneralName::Other(..) => false,
    }
}

fn is_malformed_subtree(name: &GeneralName) -> bool {
    match name {
        GeneralName::Dns(name) => {
            name.starts_with('.') || name.contains('*') || name.contains(char::is_whitespace)
        }
        GeneralName::IpBytes(bytes) => {
            let (_, mask) = bytes.split_at(bytes.len() / 2);
            let bits = mask.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
            !matches!(bytes.len(), 8 | 32) || !bits.is_sorted_by(|left, right| left >= right)
        }
        GeneralName::Ip(_) => true,
        _ => false,
    }
}
