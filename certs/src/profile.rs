//! Where a certificate departs from the profile of RFC 5280 §4 without making validation impossible.
//!
//! Validation (§6) does not need these rules, and certificates that break them exist; so a lenient judgement reports
//! departures and a strict one refuses them.

use serde::Serialize;

use crate::certificate::Certificate;
use crate::extensions::AuthorityKeyId;
use crate::keys::KeyKind;
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
    // Of an anchor somebody decided what it may do.
    ("authority-key-usage", "an authority has keyUsage (§4.2.1.3)", |c, role| {
        role == Role::Intermediate && c.key_usage().is_none()
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
    ("tls-authority-without-key-usage", "a server is no authority (BR §7.1.2.7.8)", |c, role| {
        role == Role::Leaf && c.is_ca() && !c.key_usage().is_some_and(|usage| usage.certificate_sign())
    }),
    (
        "tls-root-key-id",
        "a root's authorityKeyIdentifier is its own key alone (BR §7.1.2.1.3)",
        |c, role| {
            let odd = |id: &AuthorityKeyId| {
                id.key.as_deref() != c.subject_key_id() || !id.issuer.is_empty() || id.serial.is_some()
            };
            role == Role::Anchor && c.is_self_issued() && c.authority_key_id().is_some_and(odd)
        },
    ),
    (
        "tls-key",
        "keys are RSA of at least 2048 bits in whole octets, or on a listed curve (BR §6.1.5)",
        |c, _| {
            let key = c.public_key();
            !key.is_supported() || key.is_weak() || (key.kind() == KeyKind::Rsa && key.bits() % 8 != 0)
        },
    ),
    ("tls-signature", "signatures use SHA-2 and no DSA (BR §7.1.3.2)", |c, role| {
        role != Role::Anchor && c.signature_algorithm().is_weak()
    }),
    ("tls-crl-points", "distribution points are named by address (BR §7.1.2.11.2)", |c, _| {
        let is_address = |name: &GeneralName| matches!(name, GeneralName::Uri(_));
        c.crl_points().iter().any(|point| point.relative.is_some() || !point.names.iter().all(is_address))
    }),
    (
        "tls-common-name",
        "a common name repeats a name of subjectAltName exactly (BR §7.1.4.3)",
        |c, role| role == Role::Leaf && c.subject().all(oids::COMMON_NAME).any(|name| is_misspelt(name, c)),
    ),
    ("tls-names-missing", "a server has subjectAltName (BR §7.1.2.7.12)", |c, role| {
        role == Role::Leaf && c.alt_names().is_empty()
    }),
];

/// Where these rules contradict RFC 5280, which allows it (§4.2.1.9, §4.2.1.12): not asked of `Profile::Strict`.
const WEB_RULES: &[Rule] = &[
    ("tls-usage-missing", "a server's extKeyUsage says serverAuth (BR §7.1.2.7.10)", |c, role| {
        role == Role::Leaf && !c.extended_key_usage().is_some_and(|list| list.contains(&oids::SERVER_AUTH))
    }),
    ("tls-leaf-is-authority", "a server is not an authority (BR §7.1.2.7.8)", |c, role| {
        role == Role::Leaf && c.is_ca()
    }),
];

/// What mail programs ask beyond RFC 5280 (CA/Browser Forum S/MIME Baseline Requirements §7.1.2). Only a strict question
/// asks for them: public-service certificates serve several purposes (RULES 4.3).
const MAIL_RULES: &[Rule] = &[
    ("mail-key-usage-missing", "a mailbox has keyUsage (S/MIME BR §7.1.2.3 e)", |c, role| {
        role == Role::Leaf && c.key_usage().is_none()
    }),
    ("mail-names-missing", "a mailbox is named in subjectAltName (S/MIME BR §7.1.4.2.1)", |c, role| {
        role == Role::Leaf && !c.alt_names().iter().any(|name| matches!(name, GeneralName::Email(_)))
    }),
    (
        "mail-names-critical",
        "subjectAltName is critical only when the subject is empty (S/MIME BR §7.1.2.3 h)",
        |c, role| role == Role::Leaf && c.is_critical(oids::SUBJECT_ALT_NAME) && !c.subject().is_empty(),
    ),
    ("mail-authority-key-usage", "an authority may sign lists (S/MIME BR §7.1.2.2 e)", |c, role| {
        role == Role::Intermediate && c.key_usage().is_some_and(|usage| !usage.crl_sign())
    }),
    (
        "mail-usage-other",
        "extKeyUsage says nothing about servers, code, time or everything (S/MIME BR §7.1.2.2 g, §7.1.2.3 f)",
        |c, role| {
            let forbidden =
                [oids::SERVER_AUTH, oids::CODE_SIGNING, oids::TIME_STAMPING, oids::ANY_EXTENDED_KEY_USAGE];
            let listed = c.extended_key_usage().unwrap_or_default();
            role != Role::Anchor && listed.iter().any(|usage| forbidden.contains(usage))
        },
    ),
    ("mail-usage-root", "a root has no extKeyUsage (S/MIME BR §7.1.2.1 d)", |c, role| {
        role == Role::Anchor && c.extended_key_usage().is_some()
    }),
];

/// All rules this certificate breaks in this role.
pub(crate) fn departures(certificate: &Certificate, role: Role, question: &Question) -> Vec<Departure> {
    let none: &[Rule] = &[];
    let (more, web) = match (question.purpose, question.profile) {
        (Purpose::Tls, Profile::Strict) => (TLS_RULES, none),
        (Purpose::Tls, Profile::Lenient | Profile::StrictWeb) => (TLS_RULES, WEB_RULES),
        (Purpose::Smime, Profile::Strict | Profile::StrictWeb) => (MAIL_RULES, none),
        _ => (none, none),
    };
    // BR §7.1.2.10.8 takes back what RFC 5280 §4.2.1.10 asks.
    let waived = |code: &str| question.purpose == Purpose::Tls && code == "name-constraints-not-critical";
    let rules = RULES.iter().filter(|(code, _, _)| !waived(code)).chain(more).chain(web);
    let broken = rules.filter(|(_, _, breaks)| breaks(certificate, role));
    broken.map(|&(code, rule, _)| Departure { code, rule }).collect()
}

/// A common name that means a host or an address, and is not exactly one of subjectAltName: other case, another spelling of
/// an address, other scripts. A name that means neither, such as an agency's, is nobody's business here.
fn is_misspelt(name: &str, certificate: &Certificate) -> bool {
    let exact = certificate.dns_names().any(|own| own == name)
        || certificate.ip_addresses().any(|own| own.to_string() == name);
    let other_case = certificate.dns_names().any(|own| own.eq_ignore_ascii_case(name));
    let is_host = name.contains('.') && !name.contains(char::is_whitespace);
    let other_script =
        is_host && (!name.is_ascii() || name.split('.').any(|label| label.starts_with("xn--")));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let address = name.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()))
        || (is_host && name.split('.').all(digits))
        || (name.matches(':').count() > 1
            && name.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')));
    !exact && (other_case || other_script || address)
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
        GeneralName::Email(name) => name.matches('@').count() > 1 || name.starts_with('@'),
        GeneralName::Ip(_) => true,
        _ => false,
    }
}
