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

    /// Whether it has the shape of QCVN 102 (RULES I1, odd forms too): groups of digits, the first level last.
    pub fn is_qcvn102(&self) -> bool {
        let Some((below, first)) = self.0.rsplit_once('.') else { return false };
        let digits = |group: &str| matches!(group.len(), 2 | 3) && group.bytes().all(|b| b.is_ascii_digit());
        is_level_1(first) && below.split('.').count() <= 3 && below.split('.').all(digits)
    }

    /// The first-level group of a code of one of the law's schemes, upper case: the province or ministry that all codes below have
    /// in common (RULES I1, I2). `None` for the free words of hubs.
    pub fn level_1(&self) -> Option<String> {
        let first = match self.is_qcvn102() {
            true => self.0.rsplit('.').next(),
            false => self.0.split('.').next(),
        };
        first.filter(|group| is_level_1(group)).map(str::to_ascii_uppercase)
    }

    /// The one form to compare and to index by: ASCII upper case.
    pub fn folded(&self) -> String {
        self.0.to_ascii_uppercase()
    }
}

/// A letter and two digits; QCVN 102 codes in the field also have letters there (`TT2`).
fn is_level_1(group: &str) -> bool {
    matches!(group.as_bytes(), [a, b, c] if a.is_ascii_alphabetic() && b.is_ascii_alphanumeric() && c.is_ascii_digit())
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
    fn i1_i2_the_first_level_of_a_code() {
        for (code, level, is_102) in [
            ("H37.02.02", Some("H37"), false),
            ("h37", Some("H37"), false),
            ("000.00.02.H37", Some("H37"), true),
            ("001.00.20.TT2", Some("TT2"), true),
            ("01.02.g22", Some("G22"), true),
            ("hub.thu.01", None, false),
            ("1.2.3.H37", None, false),
            ("00.00.00.00.H37", None, false),
        ] {
            let code: AgencyCode = code.parse().unwrap();
            assert_eq!((code.level_1().as_deref(), code.is_qcvn102()), (level, is_102), "{code}");
        }
    }

    #[test]
    fn case_does_not_matter_but_is_kept() {
        let code: AgencyCode = "h37.02".parse().unwrap();
        assert_eq!(code, "H37.02".parse().unwrap());
        assert_eq!(code.to_string(), "h37.02");
    }
}
