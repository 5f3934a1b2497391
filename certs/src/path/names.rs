//! Comparing names: hosts and mailboxes with a leaf, and any name with name constraints.

use std::net::IpAddr;

use super::budget::{Budget, Exhausted};
use crate::certificate::Certificate;
use crate::extensions::NameConstraints;
use crate::name::GeneralName;
use crate::path::PeerName;

/// The leaf names this peer: by subjectAltName alone for hosts and addresses (RFC 9525 §6), also by the subject's
/// e-mail attribute for mailboxes (RFC 8550 §3).
pub(super) fn peer(leaf: &Certificate, wanted: &PeerName) -> bool {
    match wanted {
        PeerName::Host(host) => leaf.dns_names().any(|pattern| host_matches(pattern, host)),
        PeerName::Ip(address) => leaf.ip_addresses().any(|own| own == *address),
        PeerName::Email(mailbox) => leaf.emails().any(|own| same_mailbox(own, mailbox)),
    }
}

/// A DNS name as certificates may carry it: labels of letters, digits, `-` and `_`, without a final dot.
fn is_host(name: &str) -> bool {
    let label = |label: &str| {
        let ends = label.starts_with('-') || label.ends_with('-');
        !label.is_empty()
            && label.len() <= 63
            && !ends
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(label) && name.parse::<std::net::Ipv4Addr>().is_err()
}

/// RFC 9525 §6.3: a wildcard is the whole leftmost label and stands for exactly one label, above at least two.
pub(super) fn host_matches(pattern: &str, host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    if !is_host(host) {
        return false;
    }
    match pattern.strip_prefix("*.") {
        Some(parent) => {
            let rest = host.split_once('.').map(|(_, rest)| rest);
            is_host(parent)
                && parent.contains('.')
                && rest.is_some_and(|rest| rest.eq_ignore_ascii_case(parent))
        }
        None => is_host(pattern) && pattern.eq_ignore_ascii_case(host),
    }
}

/// The domain without regard to case, the local part exactly.
fn same_mailbox(left: &str, right: &str) -> bool {
    match (left.rsplit_once('@'), right.rsplit_once('@')) {
        (Some((local, domain)), Some((other, other_domain))) => {
            local == other && !local.is_empty() && domain.eq_ignore_ascii_case(other_domain)
        }
        _ => false,
    }
}

/// `host` is `base` or below it.
fn within(host: &str, base: &str) -> bool {
    let Some(start) = host.len().checked_sub(base.len()) else { return false };
    let (Some(head), Some(tail)) = (host.get(..start), host.get(start..)) else { return false };
    base.is_empty() || (tail.eq_ignore_ascii_case(base) && (head.is_empty() || head.ends_with('.')))
}

/// `host` lies below `.base` but is not `base` itself.
fn below(host: &str, dotted: &str) -> bool {
    let base = dotted.trim_start_matches('.');
    within(host, base) && host.len() > base.len()
}

/// Whether names covered by `name` lie inside the subtree. `permitting`: all of them must; otherwise any of them.
/// `None`: the two are of different kinds.
fn inside(name: &GeneralName, base: &GeneralName, permitting: bool) -> Option<bool> {
    Some(match (name, base) {
        (GeneralName::Dns(name), GeneralName::Dns(base)) => dns_inside(name, base, permitting),
        (GeneralName::Email(name), GeneralName::Email(base)) => email_inside(name, base, permitting),
        (GeneralName::Uri(name), GeneralName::Uri(base)) => uri_inside(name, base, permitting),
        (GeneralName::Directory(name), GeneralName::Directory(base)) => name.is_within(base),
        (GeneralName::Ip(name), GeneralName::IpBytes(base)) => ip_inside(*name, base)?,
        // A malformed address, or a subtree that is no subtree: nothing is inside when permission is sought, and
        // everything when exclusion is.
        (GeneralName::IpBytes(_), GeneralName::IpBytes(_) | GeneralName::Ip(_))
        | (GeneralName::Ip(_), GeneralName::Ip(_)) => !permitting,
        (GeneralName::Other(left, _), GeneralName::Other(right, _)) if left == right => !permitting,
        _ => return None,
    })
}

fn dns_inside(name: &str, base: &str, permitting: bool) -> bool {
    // Neither side can be trusted to mean what it seems to when it is no host name: nothing is permitted by it, and
    // everything excluded.
    let bare = base.strip_prefix('.').unwrap_or(base);
    if !is_host(name.strip_prefix("*.").unwrap_or(name)) || !(bare.is_empty() || is_host(bare)) {
        return !permitting;
    }
    // A leading dot is not RFC 5280, but real; it then means "below" (as in the e-mail and URI forms).
    if base.starts_with('.') && below(name, base) || !base.starts_with('.') && within(name, base) {
        return true;
    }
    // `*.example.vn` also stands for the excluded `a.example.vn`.
    let parent = name.strip_prefix("*.").filter(|_| !permitting);
    let base_parent = base.trim_start_matches('.').split_once('.').map(|(_, parent)| parent);
    matches!((parent, base_parent), (Some(parent), Some(base)) if parent.eq_ignore_ascii_case(base))
}

fn email_inside(name: &str, base: &str, permitting: bool) -> bool {
    // RFC 5321 would allow an `@` in quotes; no certificate has been seen with one, and forgeries have.
    let Some((_, domain)) = name.split_once('@').filter(|(_, domain)| !domain.contains('@')) else {
        return !permitting;
    };
    if base.contains('@') {
        same_mailbox(name, base)
    } else if base.starts_with('.') {
        below(domain, base)
    } else {
        base.is_empty() || domain.eq_ignore_ascii_case(base)
    }
}

fn uri_inside(name: &str, base: &str, permitting: bool) -> bool {
    // RFC 5280 §4.2.1.10: the constraint applies to the host part; without a host name it must be refused.
    let authority =
        name.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let host = authority.map(|authority| authority.rsplit('@').next().unwrap_or_default());
    let host = host.map(|host| host.split(':').next().unwrap_or_default());
    match host.filter(|host| is_host(host)) {
        None => !permitting,
        Some(host) if base.starts_with('.') => below(host, base),
        Some(host) => base.is_empty() || host.eq_ignore_ascii_case(base),
    }
}

/// Address and mask. `None`: the other family.
fn ip_inside(address: IpAddr, base: &[u8]) -> Option<bool> {
    let bytes: Vec<u8> = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    if base.len() != bytes.len() * 2 {
        return None;
    }
    let (network, mask) = base.split_at(bytes.len());
    Some(bytes.iter().zip(network).zip(mask).all(|((byte, network), mask)| byte & mask == network & mask))
}

/// The constraints of all issuers met so far, from the anchor down.
#[derive(Default, Debug)]
pub(super) struct Constraints<'a> {
    all: Vec<&'a NameConstraints>,
}

impl<'a> Constraints<'a> {
    /// One more issuer's, if it has any.
    pub(super) fn add_from(&mut self, issuer: &'a Certificate) {
        self.all.extend(issuer.name_constraints());
    }

    /// Every name of the certificate lies inside every issuer's constraints (RFC 5280 §6.1.3 b, c).
    pub(super) fn allow(&self, certificate: &Certificate, budget: &mut Budget) -> Result<bool, Exhausted> {
        if self.all.is_empty() {
            return Ok(true);
        }
        let mut names: Vec<GeneralName> = certificate.alt_names().to_vec();
        if !certificate.subject().is_empty() {
            names.push(GeneralName::Directory(certificate.subject().clone()));
        }
        // §4.2.1.10: the subject's e-mail attribute counts as a mailbox.
        names.extend(certificate.subject().emails().map(|email| GeneralName::Email(email.to_owned())));
        for name in &names {
            for constraints in &self.all {
                if !allowed(name, constraints, budget)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

fn allowed(
    name: &GeneralName,
    constraints: &NameConstraints,
    budget: &mut Budget,
) -> Result<bool, Exhausted> {
    for base in &constraints.excluded {
        budget.comparison()?;
        if inside(name, base, false) == Some(true) {
            return Ok(false);
        }
    }
    let mut of_kind = false;
    for base in &constraints.permitted {
        budget.comparison()?;
        of_kind |= same_kind(name, base);
        if inside(name, base, true) == Some(true) {
            return Ok(true);
        }
    }
    Ok(!of_kind)
}

/// Once a kind is listed as permitted, all names of that kind are constrained; for addresses both families.
fn same_kind(name: &GeneralName, base: &GeneralName) -> bool {
    let ip = |name: &GeneralName| matches!(name, GeneralName::Ip(_) | GeneralName::IpBytes(_));
    (ip(name) && ip(base)) || inside(name, base, true).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_match_as_rfc_9525_says() {
        #[rustfmt::skip]
        let rows = [
            // pattern             host                 matches
            ("ubnd.gov.vn",        "ubnd.gov.vn",       true),
            ("ubnd.gov.vn",        "UBND.gov.vn.",      true),
            ("*.gov.vn",           "mail.gov.vn",       true),
            ("*.gov.vn",           "a.mail.gov.vn",     false),
            ("*.gov.vn",           "gov.vn",            false),
            ("*.vn",               "gov.vn",            false),
            ("m*.gov.vn",          "mail.gov.vn",       false),
            ("mail.*.vn",          "mail.gov.vn",       false),
            ("*",                  "vn",                false),
            (".gov.vn",            "mail.gov.vn",       false),
            ("*.gov.vn",           "*.gov.vn",          false),
            ("10.0.0.1",           "10.0.0.1",          false),
            ("",                   "",                  false),
        ];
        for (pattern, host, expected) in rows {
            assert_eq!(host_matches(pattern, host), expected, "{pattern} {host}");
        }
    }

    #[test]
    fn names_lie_inside_constraints_as_rfc_5280_4_2_1_10_says() {
        let dns = |text: &str| GeneralName::Dns(text.to_owned());
        let email = |text: &str| GeneralName::Email(text.to_owned());
        let uri = |text: &str| GeneralName::Uri(text.to_owned());
        let ip = |text: &str| GeneralName::Ip(text.parse().unwrap());
        let net = GeneralName::IpBytes(vec![10, 1, 0, 0, 255, 255, 0, 0]);
        #[rustfmt::skip]
        let rows = [
            // name                        base                    permitted    excluded
            (dns("a.gov.vn"),              dns("gov.vn"),          Some(true),  Some(true)),
            (dns("gov.vn"),                dns("gov.vn"),          Some(true),  Some(true)),
            (dns("notgov.vn"),             dns("gov.vn"),          Some(false), Some(false)),
            (dns("gov.vn"),                dns(".gov.vn"),         Some(false), Some(false)),
            (dns("a.gov.vn"),              dns(".gov.vn"),         Some(true),  Some(true)),
            (dns("*.gov.vn"),              dns("gov.vn"),          Some(true),  Some(true)),
            (dns("*.gov.vn"),              dns("a.gov.vn"),        Some(false), Some(true)),
            (dns("*.gov.vn"),              dns("b.a.gov.vn"),      Some(false), Some(false)),
            (dns("x.vn"),                  dns(""),                Some(true),  Some(true)),
            (email("an@gov.vn"),           email("gov.vn"),        Some(true),  Some(true)),
            (email("an@a.gov.vn"),         email("gov.vn"),        Some(false), Some(false)),
            (email("an@a.gov.vn"),         email(".gov.vn"),       Some(true),  Some(true)),
            (email("an@gov.vn"),           email("an@GOV.vn"),     Some(true),  Some(true)),
            (email("An@gov.vn"),           email("an@gov.vn"),     Some(false), Some(false)),
            (email("an@gov.vn@gov.vn"),    email("gov.vn"),        Some(false), Some(true)),
            (dns(".gov.vn"),               dns("gov.vn"),          Some(false), Some(true)),
            (dns("a.gov.vn"),              dns("*.gov.vn"),        Some(false), Some(true)),
            (email("nobody"),              email("gov.vn"),        Some(false), Some(true)),
            (uri("https://a.gov.vn/x"),    uri("a.gov.vn"),        Some(true),  Some(true)),
            (uri("https://a.gov.vn:1/x"),  uri(".gov.vn"),         Some(true),  Some(true)),
            (uri("https://e.vn/a.gov.vn"), uri(".gov.vn"),         Some(false), Some(false)),
            (uri("https://10.0.0.1/"),     uri(".gov.vn"),         Some(false), Some(true)),
            (ip("10.1.2.3"),               net.clone(),            Some(true),  Some(true)),
            (ip("10.2.2.3"),               net.clone(),            Some(false), Some(false)),
            (ip("::1"),                    net,                    None,        None),
            (dns("gov.vn"),                email("gov.vn"),        None,        None),
        ];
        for (name, base, permitted, excluded) in rows {
            assert_eq!(inside(&name, &base, true), permitted, "{name:?} permitted by {base:?}");
            assert_eq!(inside(&name, &base, false), excluded, "{name:?} excluded by {base:?}");
        }
    }
}
