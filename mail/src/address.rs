//! Mail addresses (RFC 5321 §4.1.2, RFC 6531 for letters beyond ASCII).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is no mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// No `@`, or nothing on one side of it.
    #[error("an address has the form name@domain")]
    Shape,
    /// Longer than RFC 5321 §4.5.3.1 allows (64 for the local part, 255 for the domain, 254 in all).
    #[error("address is too long")]
    TooLong,
    /// A character that may not stand there.
    #[error("address holds a character that may not stand there")]
    Character,
    /// The domain is not one DNS could hold.
    #[error("domain name is not valid")]
    Domain,
}

/// A domain name, kept in lower-case A-label form (`xn--…`), without a final dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(Box<str>);

impl Domain {
    /// The name in A-label form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Domain {
    type Err = BadAddress;

    /// Takes U-labels (`mậu-dịch.vn`) and A-labels. Address literals (`[192.0.2.1]`) are no domains here: no mailbox of ours lives
    /// at one, and policy names domains only.
    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let ascii = idna::domain_to_ascii_strict(text).map_err(|_| BadAddress::Domain)?;
        let labels_fit = ascii.split('.').all(|label| matches!(label.len(), 1..=63));
        match labels_fit && ascii.len() <= 255 {
            true => Ok(Self(ascii.into())),
            false => Err(BadAddress::Domain),
        }
    }
}

impl serde::Serialize for Domain {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Domain {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The part before the `@`, unquoted, in the spelling it came in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LocalPart(Box<str>);

impl LocalPart {
    /// The unquoted text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LocalPart {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        if text.is_empty() {
            return Err(BadAddress::Shape);
        }
        // A submission or relay accepts no control character anywhere: they end lines, and lines end commands.
        if text.chars().any(char::is_control) {
            return Err(BadAddress::Character);
        }
        match text.len() <= 64 {
            true => Ok(Self(text.into())),
            false => Err(BadAddress::TooLong),
        }
    }
}

impl fmt::Display for LocalPart {
    /// As it goes on the wire: a dot-string as it is, anything else quoted (RFC 5321 §4.1.2).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dot_string = self.0.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext));
        if dot_string {
            return f.write_str(&self.0);
        }
        f.write_str("\"")?;
        for c in self.0.chars() {
            if matches!(c, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("\"")
    }
}

/// `atext` of RFC 5322 §3.2.3, with UTF-8 as RFC 6532 §3.2 adds it.
fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii()
}

/// A mailbox address: `local@domain`.
///
/// Two addresses are equal when their domains are and their local parts agree without regard to ASCII case: RFC 5321
/// lets a host decide how its local parts compare, and no host in use tells `An` from `an`.
#[derive(Clone, Debug)]
pub struct EmailAddress {
    local: LocalPart,
    domain: Domain,
}

impl EmailAddress {
    /// Puts the two parts together.
    pub fn new(local: LocalPart, domain: Domain) -> Result<Self, BadAddress> {
        match local.as_str().len() + 1 + domain.as_str().len() <= 254 {
            true => Ok(Self { local, domain }),
            false => Err(BadAddress::TooLong),
        }
    }

    /// The part before the `@`.
    pub fn local(&self) -> &LocalPart {
        &self.local
    }

    /// The part after the `@`.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The one form to compare and to index by: ASCII lower case.
    pub fn folded(&self) -> String {
        self.to_string().to_ascii_lowercase()
    }

    /// Whether the local part needs SMTPUTF8 on the way (RFC 6531).
    pub fn needs_smtputf8(&self) -> bool {
        !self.local.as_str().is_ascii()
    }
}

impl FromStr for EmailAddress {
    type Err = BadAddress;

    /// Reads `local@domain`, with a quoted local part where it is quoted. No display name, no angle brackets, no
    /// source route.
    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let (local, domain) = text.rsplit_once('@').ok_or(BadAddress::Shape)?;
        if domain.is_empty() {
            return Err(BadAddress::Shape);
        }
        let local = match local.strip_prefix('"') {
            Some(rest) => unquote(rest)?,
            None if local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext)) => {
                local.to_owned()
            }
            None if local.is_empty() => return Err(BadAddress::Shape),
            None => return Err(BadAddress::Character),
        };
        Self::new(local.parse()?, domain.parse()?)
    }
}

/// The inside of a quoted string, whose opening quote has been taken off.
fn unquote(rest: &str) -> Result<String, BadAddress> {
    let inside = rest.strip_suffix('"').ok_or(BadAddress::Character)?;
    let mut out = String::with_capacity(inside.len());
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(chars.next().ok_or(BadAddress::Character)?),
            '"' => return Err(BadAddress::Character),
            c => out.push(c),
        }
    }
    Ok(out)
}

impl PartialEq for EmailAddress {
    fn eq(&self, other: &Self) -> bool {
        self.domain == other.domain && self.local.as_str().eq_ignore_ascii_case(other.local.as_str())
    }
}

impl Eq for EmailAddress {}

impl Hash for EmailAddress {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

impl Serialize for EmailAddress {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EmailAddress {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn addresses_of_rfc_5321_and_6531() {
        let long = format!("{}@a.vn", "x".repeat(65));
        let rows = [
            ("annv@bentre.gov.vn",            Ok("annv@bentre.gov.vn")),
            ("An.NV@BenTre.GOV.vn",           Ok("An.NV@bentre.gov.vn")),
            ("annv@bentre.gov.vn.",           Ok("annv@bentre.gov.vn")),
            ("\"van thu\"@a.vn",              Ok("\"van thu\"@a.vn")),
            ("\"annv\"@a.vn",                 Ok("annv@a.vn")),
            ("nguyễn@a.vn",                   Ok("nguyễn@a.vn")),
            ("a@b@c.vn",                      Err(BadAddress::Character)),
            ("annv",                          Err(BadAddress::Shape)),
            ("@a.vn",                         Err(BadAddress::Shape)),
            ("annv@",                         Err(BadAddress::Shape)),
            ("an..nv@a.vn",                   Err(BadAddress::Character)),
            ("an nv@a.vn",                    Err(BadAddress::Character)),
            ("\"a\r\nRCPT TO\"@a.vn",         Err(BadAddress::Character)),
            ("annv@a..vn",                    Err(BadAddress::Domain)),
            ("annv@[127.0.0.1]",              Err(BadAddress::Domain)),
            (long.as_str(),                   Err(BadAddress::TooLong)),
        ];
        for (text, expected) in rows {
            let address = text.parse::<EmailAddress>().map(|a| a.to_string());
            assert_eq!(address, expected.map(str::to_owned), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn an_address_reads_what_it_writes(local in "[ -~]{1,20}") {
            let local: LocalPart = local.parse().unwrap();
            let address = EmailAddress::new(local, "a.gov.vn".parse().unwrap()).unwrap();
            proptest::prop_assert_eq!(address.to_string().parse::<EmailAddress>(), Ok(address));
        }
    }
}
