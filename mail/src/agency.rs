//! Agency codes.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The code an agency is addressed by in document exchange, in any of its schemes: QĐ 20/2020 (`H37.02`, RULES I2),
/// QCVN 102:2016 (`000.00.24.H44`, RULES I1) or the free words of hubs and test systems (VXP 4.3).
///
/// Kept in the spelling it came in; compared without regard to case. What agency it names is a question for the
/// directory, never for the text (RULES I5).
#[derive(Clone, Debug)]
pub struct AgencyCode(Box<str>);

/// Why a text is no agency code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAgencyCode {
    /// Nothing there.
    #[error("agency code is empty")]
    Empty,
    /// Longer than [`AgencyCode::BYTES_MAX`].
    #[error("agency code is longer than 64 characters")]
    TooLong,
    /// A character outside `A-Z a-z 0-9 . _ -`.
    #[error("agency code may hold letters A-Z, digits, dot, dash and underscore only")]
    Character,
}

impl AgencyCode {
    /// The longest code found in the field fits (VXP 4.3); the law's own limit is 35 (RULES I2).
    pub const BYTES_MAX: usize = 64;

    /// The code as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The one form to compare and to index by: ASCII upper case.
    pub fn folded(&self) -> String {
        self.0.to_ascii_uppercase()
    }
}

impl FromStr for AgencyCode {
    type Err = BadAgencyCode;

    /// Surrounding blanks are dropped (VXP 4.3).
    fn from_str(text: &str) -> Result<Self, BadAgencyCode> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BadAgencyCode::Empty);
        }
        if text.len() > Self::BYTES_MAX {
            return Err(BadAgencyCode::TooLong);
        }
        match text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) {
            true => Ok(Self(text.into())),
            false => Err(BadAgencyCode::Character),
        }
    }
}

impl PartialEq for AgencyCode {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for AgencyCode {}

impl Hash for AgencyCode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}

impl fmt::Display for AgencyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for AgencyCode {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AgencyCode {
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
    fn i1_i2_codes_of_every_scheme() {
        let long = "A".repeat(65);
        let rows = [
            ("000.00.00.G22",        Ok("000.00.00.G22")),
            (" H37.02.02\r\n",       Ok("H37.02.02")),
            ("hub.thu.01",           Ok("hub.thu.01")),
            ("28.22.H17",            Ok("28.22.H17")),
            ("",                     Err(BadAgencyCode::Empty)),
            ("  ",                   Err(BadAgencyCode::Empty)),
            ("H37/02",               Err(BadAgencyCode::Character)),
            ("UBND tỉnh",            Err(BadAgencyCode::Character)),
            (long.as_str(),          Err(BadAgencyCode::TooLong)),
        ];
        for (text, expected) in rows {
            let code = text.parse::<AgencyCode>();
            assert_eq!(code.as_ref().map(AgencyCode::as_str).map_err(|e| *e), expected, "{text:?}");
        }
    }

    #[test]
    fn case_does_not_matter_but_is_kept() {
        let code: AgencyCode = "h37.02".parse().unwrap();
        assert_eq!(code, "H37.02".parse().unwrap());
        assert_eq!(code.to_string(), "h37.02");
    }
}
