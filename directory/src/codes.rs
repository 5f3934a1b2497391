//! The shapes of agency codes (RULES I1, I2, I4).
//!
//! `mail::AgencyCode` takes whatever may stand in a code field of the exchange, because what arrives has to be read.
//! What we register ourselves is held to the law's shape, as strictly as the installation wants.

use mail::{AgencyCode, BadAgencyCode};

use crate::words::quoted;
use crate::{Said, Sentence};

/// How strictly codes are held to the shapes of the law.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leniency {
    /// The shapes of RULES I1 and I2, upper case.
    #[default]
    Strict,
    /// Also the short and odd forms seen in real traffic (RULES I1: `01.02.G22`, `001.00.20.TT2`); lower case is raised.
    Tolerant,
    /// Whatever a code field takes: hubs and test systems.
    Free,
}

/// How codes are judged. The permitted length and number of groups of the new scheme were never published in full
/// (RULES I2), so they are configuration.
#[derive(Clone, Copy, Debug)]
pub struct CodeRules {
    /// How strictly.
    pub leniency: Leniency,
    /// Groups after the first (RULES I2: 8).
    pub groups_max: usize,
    /// Characters of each of those groups (RULES I2: 10).
    pub group_chars_max: usize,
    /// Characters in all (QĐ 20/2020, RULES I2: 35).
    pub chars_max: usize,
}

impl Default for CodeRules {
    fn default() -> Self {
        Self { leniency: Leniency::Strict, groups_max: 8, group_chars_max: 10, chars_max: 35 }
    }
}

/// Which scheme a code is of (RULES I3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// QĐ 20/2020, level 1 first: `H37.02.02`.
    Qd20,
    /// QCVN 102:2016, level 1 last: `000.00.02.H37`.
    Qcvn102,
    /// None of the law's.
    Free,
}

/// What is wrong with a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeFault {
    /// It may not even stand in a code field.
    Text(BadAgencyCode),
    /// It has the shape of neither scheme.
    Shape(String),
    /// It should have the shape of QCVN 102 and has not.
    Shape102(String),
    /// Only its letters' case is wrong.
    LowerCase(String),
    /// It is the code of a centre or system, which is no agency (RULES I4).
    System(String),
}

impl CodeRules {
    /// Judges an agency's code, of either scheme.
    ///
    /// # Errors
    /// [`CodeFault`], the caller's.
    pub fn judge(&self, text: &str) -> Result<(AgencyCode, Scheme), CodeFault> {
        let code: AgencyCode = text.parse().map_err(CodeFault::Text)?;
        let folded = code.folded();
        let scheme = self.scheme(&folded);
        let shown = || quoted(code.as_str());
        match (self.leniency, scheme) {
            (Leniency::Free, _) => Ok((code, scheme)),
            (_, Scheme::Free) => Err(CodeFault::Shape(shown())),
            _ if level_1(&folded).starts_with('W') => Err(CodeFault::System(shown())),
            (Leniency::Strict, _) if code.as_str() != folded => Err(CodeFault::LowerCase(shown())),
            _ => Ok((folded.parse().map_err(CodeFault::Text)?, scheme)),
        }
    }

    /// Judges an agency's QCVN 102 code.
    ///
    /// # Errors
    /// [`CodeFault`], the caller's.
    pub fn judge_102(&self, text: &str) -> Result<AgencyCode, CodeFault> {
        let (code, scheme) = self.judge(text)?;
        let fits = match self.leniency {
            Leniency::Strict => scheme == Scheme::Qcvn102,
            Leniency::Tolerant => scheme == Scheme::Qcvn102 || is_level_1(code.as_str(), true),
            Leniency::Free => true,
        };
        match fits {
            true => Ok(code),
            false => Err(CodeFault::Shape102(quoted(code.as_str()))),
        }
    }

    fn scheme(&self, folded: &str) -> Scheme {
        let odd = self.leniency != Leniency::Strict;
        if self.is_qd20(folded) {
            Scheme::Qd20
        } else if is_qcvn102(folded, odd) {
            Scheme::Qcvn102
        } else {
            Scheme::Free
        }
    }

    /// RULES I2: `^[A-Z][0-9]{2}(\.[0-9A-Z]{1,10}){0,8}$`, 35 characters at most.
    fn is_qd20(&self, folded: &str) -> bool {
        let mut groups = folded.split('.');
        let first = groups.next().unwrap_or_default();
        let rest: Vec<&str> = groups.collect();
        folded.len() <= self.chars_max
            && is_level_1(first, false)
            && rest.len() <= self.groups_max
            && rest.iter().all(|g| {
                (1..=self.group_chars_max).contains(&g.len()) && g.bytes().all(|b| b.is_ascii_alphanumeric())
            })
    }
}

/// RULES I1: `^[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[A-Z][0-9]{2}$`; odd forms: `^([0-9]{2,3}\.){0,3}[A-Z][0-9A-Z]{2}$`.
fn is_qcvn102(folded: &str, odd: bool) -> bool {
    let Some((above, last)) = folded.rsplit_once('.') else { return false };
    let widths: Vec<usize> = above.split('.').map(str::len).collect();
    let digits = above.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let widths_fit = match odd {
        false => widths == [3, 2, 2],
        true => widths.len() <= 3 && widths.iter().all(|w| matches!(w, 2 | 3)),
    };
    digits && widths_fit && is_level_1(last, odd)
}

/// A letter and two digits; odd forms also have letters there (`TT2`).
fn is_level_1(group: &str, odd: bool) -> bool {
    match group.as_bytes() {
        [a, b, c] => {
            let fits = |x: &u8| x.is_ascii_digit() || (odd && x.is_ascii_uppercase());
            a.is_ascii_uppercase() && fits(b) && fits(c)
        }
        _ => false,
    }
}

/// The level-1 group of a code of either scheme: the province or ministry all of its agencies share. A code of no
/// scheme is its own.
pub(crate) fn level_1(folded: &str) -> &str {
    let first = folded.split('.').next().unwrap_or_default();
    let last = folded.rsplit('.').next().unwrap_or_default();
    match () {
        () if is_level_1(first, false) => first,
        () if is_level_1(last, true) => last,
        () => folded,
    }
}

impl Said for CodeFault {
    fn said(&self) -> Sentence {
        match self {
            Self::Text(BadAgencyCode::Empty) => Sentence::new(
                "agency_code_empty",
                "Chưa có mã định danh cơ quan.",
                "The agency code is missing.",
            ),
            Self::Text(BadAgencyCode::TooLong) => Sentence::new(
                "agency_code_too_long",
                "Mã định danh cơ quan dài quá 64 ký tự.",
                "The agency code is longer than 64 characters.",
            ),
            Self::Text(BadAgencyCode::Character) => Sentence::new(
                "agency_code_character",
                "Mã định danh cơ quan chỉ gồm chữ cái không dấu A–Z, chữ số và dấu chấm.",
                "An agency code holds letters A–Z, digits and dots only.",
            ),
            Self::Shape(code) => Sentence::new(
                "agency_code_shape",
                format!(
                    "Mã “{code}” không đúng dạng. Mã theo QĐ 20/2020 như H37.02.02 (cấp 1 đứng trước, tối đa 35 ký tự) hoặc theo QCVN 102:2016 như 000.00.02.H37."
                ),
                format!(
                    "Code “{code}” has the wrong shape. Codes are like H37.02.02 (QĐ 20/2020, level 1 first, 35 characters at most) or 000.00.02.H37 (QCVN 102:2016)."
                ),
            ),
            Self::Shape102(code) => Sentence::new(
                "agency_code_shape_102",
                format!("Mã “{code}” không đúng dạng QCVN 102:2016; mã đúng như 000.00.02.H37."),
                format!("Code “{code}” has not the shape of QCVN 102:2016, which is like 000.00.02.H37."),
            ),
            Self::LowerCase(code) => Sentence::new(
                "agency_code_case",
                format!("Mã “{code}” phải viết hoa: {}.", code.to_ascii_uppercase()),
                format!("Code “{code}” must be in capitals: {}.", code.to_ascii_uppercase()),
            ),
            Self::System(code) => Sentence::new(
                "agency_code_is_system",
                format!(
                    "“{code}” là mã của một hệ thống hoặc trung tâm trên trục, không phải mã cơ quan. Dùng lệnh thêm hệ thống."
                ),
                format!(
                    "“{code}” is the code of a system or centre on the exchange, not of an agency. Add it as a system."
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn i1_i2_i4_shapes_by_leniency() {
        use Leniency::{Strict, Tolerant, Free};
        let rules = |leniency| CodeRules { leniency, ..CodeRules::default() };
        // Code; then the scheme or the fault's code: strict, tolerant, free.
        let rows = [
            ("H37.02.02",      ["qd20", "qd20", "qd20"]),
            ("H55.242",        ["qd20", "qd20", "qd20"]),
            ("H37.DN.001",     ["qd20", "qd20", "qd20"]),
            ("G22",            ["qd20", "qd20", "qd20"]),
            (" G22\r\n",       ["qd20", "qd20", "qd20"]),
            ("000.00.00.G22",  ["102", "102", "102"]),
            ("002.00.20.H13",  ["102", "102", "102"]),
            ("001.00.20.TT2",  ["agency_code_shape", "102", "102"]),
            ("01.02.G22",      ["agency_code_shape", "102", "102"]),
            ("99.99.99.G21",   ["agency_code_shape", "102", "102"]),
            ("28.22.H17",      ["agency_code_shape", "102", "102"]),
            ("h37.02",         ["agency_code_case", "qd20", "qd20"]),
            ("000.00.00.h41",  ["agency_code_case", "102", "102"]),
            ("00.22.W00",      ["agency_code_shape", "agency_code_is_system", "102"]),
            ("000.00.22.W00",  ["agency_code_is_system", "agency_code_is_system", "102"]),
            ("W00.22",         ["agency_code_is_system", "agency_code_is_system", "qd20"]),
            ("vxp.saas.01",    ["agency_code_shape", "agency_code_shape", "free"]),
            ("H37.",           ["agency_code_shape", "agency_code_shape", "free"]),
            ("H37..02",        ["agency_code_shape", "agency_code_shape", "free"]),
            ("H37-02",         ["agency_code_shape", "agency_code_shape", "free"]),
            ("H37.12345678901", ["agency_code_shape", "agency_code_shape", "free"]),
            ("H37.1.2.3.4.5.6.7.8.9", ["agency_code_shape", "agency_code_shape", "free"]),
            ("H37.1234567890.1234567890.1234567890", ["agency_code_shape", "agency_code_shape", "free"]),
            ("0000.00.00.G22", ["agency_code_shape", "agency_code_shape", "free"]),
            ("",               ["agency_code_empty"; 3]),
            ("UBND tỉnh",      ["agency_code_character"; 3]),
        ];
        for (text, expected) in rows {
            for (leniency, expected) in [Strict, Tolerant, Free].into_iter().zip(expected) {
                let found = match rules(leniency).judge(text) {
                    Ok((_, Scheme::Qd20)) => "qd20",
                    Ok((_, Scheme::Qcvn102)) => "102",
                    Ok((_, Scheme::Free)) => "free",
                    Err(fault) => fault.said().code,
                };
                assert_eq!(found, expected, "{text:?} {leniency:?}");
            }
        }
        assert_eq!(rules(Tolerant).judge("h37.02").map(|(c, _)| c.to_string()), Ok("H37.02".to_owned()));
    }

    #[test]
    fn i1_a_qcvn_102_code_is_one() {
        let rules = CodeRules::default();
        assert!(rules.judge_102("000.00.02.H37").is_ok());
        assert_eq!(rules.judge_102("G22").map_err(|f| f.said().code), Err("agency_code_shape_102"));
        assert_eq!(rules.judge_102("H37.02").map_err(|f| f.said().code), Err("agency_code_shape_102"));
    }

    #[test]
    fn the_first_level_is_found_in_either_scheme() {
        for (code, level) in
            [("H37.02.02", "H37"), ("000.00.02.H37", "H37"), ("G22", "G22"), ("HUB.01", "HUB.01")]
        {
            assert_eq!(level_1(code), level, "{code}");
        }
        assert_eq!(level_1("001.00.20.TT2"), "TT2");
        assert_eq!(level_1("THU.NGHIEM"), "THU.NGHIEM");
    }

    proptest::proptest! {
        #[test]
        fn judging_never_panics_and_what_it_takes_is_taken_again(text in "\\PC{0,40}|[0-9A-Zahw.]{0,40}") {
            for leniency in [Leniency::Strict, Leniency::Tolerant, Leniency::Free] {
                let rules = CodeRules { leniency, ..CodeRules::default() };
                if let Ok((code, scheme)) = rules.judge(&text) {
                    let again = rules.judge(code.as_str());
                    proptest::prop_assert_eq!(again, Ok((code, scheme)));
                }
            }
        }
    }
}
