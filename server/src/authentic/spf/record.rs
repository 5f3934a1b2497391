//! Records of SPF: the grammar (RFC 7208 §12).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mail::authentication::Verdict;

use super::macros::{self, Part};

/// A name that is written with macros.
pub(super) type Spec = Vec<Part>;

/// A whole record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// What is tried in turn, and what follows when it matches.
    pub(super) directives: Vec<(Verdict, Mechanism)>,
    /// Whose record holds when nothing matches (RFC 7208 §6.1).
    pub(super) redirect: Option<Spec>,
    /// Where the reason of a refusal stands (RFC 7208 §6.2).
    pub(super) exp: Option<Spec>,
}

/// RFC 7208 §5. A name that is left out is the domain's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    All,
    Include(Spec),
    A(Option<Spec>, Prefixes),
    Mx(Option<Spec>, Prefixes),
    Ptr(Option<Spec>),
    Ip(IpAddr, u8),
    Exists(Spec),
}

/// How many leading bits count, of both versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prefixes {
    four: u8,
    six: u8,
}

impl Prefixes {
    /// Whether two addresses of the same version agree in them.
    pub(super) fn hold(self, one: IpAddr, other: IpAddr) -> bool {
        is_within(one, other, if one.is_ipv4() { self.four } else { self.six })
    }
}

/// Whether two addresses of the same version agree in their first bits.
pub(super) fn is_within(one: IpAddr, other: IpAddr, bits: u8) -> bool {
    let differ = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => u128::from(one.to_bits() ^ other.to_bits()) << 96,
        (IpAddr::V6(one), IpAddr::V6(other)) => one.to_bits() ^ other.to_bits(),
        _ => return false,
    };
    differ.leading_zeros() >= u32::from(bits)
}

/// The record in a text, when it says that it is one (RFC 7208 §4.5).
pub(super) fn version_1(text: &[u8]) -> Option<&[u8]> {
    let (version, rest) = text.split_at_checked(6)?;
    let is_whole = rest.is_empty() || rest.starts_with(b" ");
    (version.eq_ignore_ascii_case(b"v=spf1") && is_whole).then_some(rest)
}

/// Reads what follows the version. `None`: one fault anywhere makes the whole record one (RFC 7208 §4.6).
pub(super) fn read(terms: &[u8]) -> Option<Record> {
    let terms = std::str::from_utf8(terms).ok().filter(|terms| terms.is_ascii())?;
    let mut record = Record::default();
    for term in terms.split(' ').filter(|term| !term.is_empty()) {
        match modifier(term) {
            Some(("redirect", value)) => once(&mut record.redirect, spec(value)?)?,
            Some(("exp", value)) => once(&mut record.exp, spec(value)?)?,
            // Others are left alone, but not what is none (RFC 7208 §6).
            Some((_, value)) => drop(macros::read(value.as_bytes(), false)?),
            None => record.directives.push(directive(term)?),
        }
    }
    Some(record)
}

/// Each modifier that is known stands once (RFC 7208 §6).
fn once(place: &mut Option<Spec>, spec: Spec) -> Option<()> {
    place.replace(spec).is_none().then_some(())
}

/// `NAME=VALUE`; the two names that are known in lower case.
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let known = ["redirect", "exp"].into_iter().find(|known| name.eq_ignore_ascii_case(known));
    is_name.then_some((known.unwrap_or_default(), value))
}

fn directive(term: &str) -> Option<(Verdict, Mechanism)> {
    let qualifiers =
        [('+', Verdict::Pass), ('-', Verdict::Fail), ('~', Verdict::SoftFail), ('?', Verdict::Neutral)];
    let stripped = qualifiers.iter().find_map(|(sign, says)| Some((*says, term.strip_prefix(*sign)?)));
    let (verdict, term) = stripped.unwrap_or((Verdict::Pass, term));
    let end = term.find([':', '/']).unwrap_or(term.len());
    let (name, rest) = term.split_at_checked(end)?;
    let name = name.to_ascii_lowercase();
    let mechanism = match (name.as_str(), rest) {
        ("all", "") => Mechanism::All,
        ("include", _) => Mechanism::Include(spec(rest.strip_prefix(':')?)?),
        ("exists", _) => Mechanism::Exists(spec(rest.strip_prefix(':')?)?),
        ("ptr", _) => Mechanism::Ptr(maybe_spec(rest)?),
        ("a" | "mx", _) => {
            let (rest, prefixes) = prefixes(rest)?;
            let spec = maybe_spec(rest)?;
            if name == "a" { Mechanism::A(spec, prefixes) } else { Mechanism::Mx(spec, prefixes) }
        }
        ("ip4", _) => {
            let (ip, bits) = network(rest, 32)?;
            Mechanism::Ip(ip.parse::<Ipv4Addr>().ok()?.into(), bits)
        }
        ("ip6", _) => {
            let (ip, bits) = network(rest, 128)?;
            Mechanism::Ip(ip.parse::<Ipv6Addr>().ok()?.into(), bits)
        }
        _ => return None,
    };
    Some((verdict, mechanism))
}

/// `:ADDRESS[/BITS]`.
fn network(rest: &str, most: u8) -> Option<(&str, u8)> {
    let rest = rest.strip_prefix(':')?;
    match rest.split_once('/') {
        Some((ip, bits)) => Some((ip, length(bits, most)?)),
        None => Some((rest, most)),
    }
}

/// A prefix's length: no zero before another digit.
fn length(digits: &str, most: u8) -> Option<u8> {
    let is_number = digits.chars().all(|c| c.is_ascii_digit());
    let is_plain = is_number && (digits == "0" || !digits.starts_with('0'));
    digits.parse().ok().filter(|bits| is_plain && *bits <= most)
}

/// Cuts `[/BITS][//BITS]` off the end.
fn prefixes(rest: &str) -> Option<(&str, Prefixes)> {
    let mut all = Prefixes { four: 32, six: 128 };
    let mut rest = rest;
    if let Some((before, digits)) = last_number(rest, "//") {
        all.six = length(digits, 128)?;
        rest = before;
    }
    if let Some((before, digits)) = last_number(rest, "/") {
        all.four = length(digits, 32)?;
        rest = before;
    }
    Some((rest, all))
}

/// What stands before a sign that only digits follow.
fn last_number<'a>(text: &'a str, sign: &str) -> Option<(&'a str, &'a str)> {
    let (before, digits) = text.rsplit_once(sign)?;
    let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
    is_number.then_some((before, digits))
}

/// Nothing, or `:SPEC`.
fn maybe_spec(rest: &str) -> Option<Option<Spec>> {
    match rest {
        "" => Some(None),
        _ => Some(Some(spec(rest.strip_prefix(':')?)?)),
    }
}

/// `domain-spec` (RFC 7208 §7.1): it ends with a macro, or with a label after a dot that can be the last one of a name.
fn spec(text: &str) -> Option<Spec> {
    let parts = macros::read(text.as_bytes(), false)?;
    let ends_well = match parts.as_slice() {
        [.., Part::Macro(_), Part::Text(last)] if last.is_empty() => true,
        // What `%%`, `%_` and `%-` stand for is no letter of a label.
        _ => {
            let text = text.strip_suffix('.').unwrap_or(text);
            text.rsplit_once('.').is_some_and(|(_, label)| is_top_label(label))
        }
    };
    ends_well.then_some(parts)
}

fn is_top_label(label: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let is_number = label.chars().all(|c| c.is_ascii_digit());
    let has_bad_edge = label.starts_with('-') || label.ends_with('-');
    !label.is_empty() && label.chars().all(is_letter) && !is_number && !has_bad_edge
}
