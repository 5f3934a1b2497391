//! Number and notation of a document: `05/QĐ-BNV`, `2491/STC-BCTC`, `12/2026/QĐ-UBND` (RULES R79, NĐ 30/2020 PL I.II.3).

use std::fmt;
use std::str::FromStr;

use super::types::DocumentType;

/// Digits of a number, at most (PL VI: `CodeNumber` has 11 characters).
pub const DIGITS_MAX: usize = 11;
/// Characters of a notation, at most (PL VI: `CodeNotation` has 30).
pub const NOTATION_CHARS_MAX: usize = 30;
/// The largest number.
pub const NUMBER_MAX: i64 = 99_999_999_999;
/// Characters of the first group, and of each further one (RULES R79).
const GROUP_CHARS_MAX: (usize, usize) = (12, 20);
/// Groups after the first.
const FURTHER_GROUPS_MAX: usize = 4;

/// Number and notation, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notation {
    /// The number.
    pub number: i64,
    /// A letter after it, which some registers use for what was forgotten.
    pub letter: Option<char>,
    /// The year, which normative documents bear.
    pub year: Option<i32>,
    /// The groups: the type's abbreviation or the issuer, then the issuer or the unit.
    pub groups: Vec<String>,
}

/// The text is no number with notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a number with notation, like 05/QĐ-BNV (không phải số, ký hiệu văn bản)")]
pub struct BadNotation;

impl FromStr for Notation {
    type Err = BadNotation;

    /// Reads with tolerance: `^[0-9]{1,11}[a-zA-Z]?(/[0-9]{4})?/[\p{L}0-9.]{1,12}(-[\p{L}0-9.]{1,20}){0,4}$` over the composed
    /// text, and the notation at most 30 characters.
    fn from_str(text: &str) -> Result<Self, BadNotation> {
        let text = mail::text::nfc(text.trim());
        let mut parts: Vec<&str> = text.split('/').collect();
        let notation = parts.pop().filter(|_| !parts.is_empty()).ok_or(BadNotation)?;
        let mut parts = parts.into_iter();
        let (number, letter) = number(parts.next().ok_or(BadNotation)?).ok_or(BadNotation)?;
        let year = match parts.next() {
            Some(year) if year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit()) => {
                Some(year.parse().map_err(|_| BadNotation)?)
            }
            Some(_) => return Err(BadNotation),
            None => None,
        };
        if parts.next().is_some() || notation.chars().count() > NOTATION_CHARS_MAX {
            return Err(BadNotation);
        }
        Ok(Self { number, letter, year, groups: groups(notation).ok_or(BadNotation)? })
    }
}

fn number(text: &str) -> Option<(i64, Option<char>)> {
    let (digits, letter) = match text.chars().next_back()? {
        letter if letter.is_ascii_alphabetic() => (text.get(..text.len() - 1)?, Some(letter)),
        _ => (text, None),
    };
    let fits = !digits.is_empty() && digits.len() <= DIGITS_MAX && digits.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| digits.parse().ok()).flatten().map(|number| (number, letter))
}

/// The groups of a notation.
fn groups(notation: &str) -> Option<Vec<String>> {
    let groups: Vec<String> = notation.split('-').map(str::to_owned).collect();
    let (first, further) = groups.split_first()?;
    let fits = |group: &str, max: usize| {
        (1..=max).contains(&group.chars().count())
            && group.chars().all(|c| c.is_alphabetic() || c.is_ascii_digit() || c == '.')
    };
    let all = fits(first, GROUP_CHARS_MAX.0)
        && further.len() <= FURTHER_GROUPS_MAX
        && further.iter().all(|group| fits(group, GROUP_CHARS_MAX.1));
    all.then_some(groups)
}

impl Notation {
    /// The notation without the number: `QĐ-BNV`.
    pub fn notation(&self) -> String {
        self.groups.join("-")
    }

    /// The type its first group names; `None` for a công văn.
    pub fn document_type(&self) -> Option<DocumentType> {
        self.groups.first().and_then(|group| DocumentType::of_abbreviation(group))
    }
}

impl fmt::Display for Notation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&number_text(self.number))?;
        if let Some(letter) = self.letter {
            write!(f, "{letter}")?;
        }
        if let Some(year) = self.year {
            write!(f, "/{year:04}")?;
        }
        write!(f, "/{}", self.notation())
    }
}

/// A number as documents bear it: below 10 with a leading zero (PL I.II.3).
pub fn number_text(number: i64) -> String {
    format!("{number:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn r79_number_and_notation_are_read_and_written() {
        let rows = [
            ("05/QĐ-BNV", "05/QĐ-BNV", 5, None, Some("QĐ")),
            ("5/QĐ-BNV", "05/QĐ-BNV", 5, None, Some("QĐ")),
            ("2491/STC-BCTC", "2491/STC-BCTC", 2491, None, None),
            ("12/2026/QĐ-UBND", "12/2026/QĐ-UBND", 12, Some(2026), Some("QĐ")),
            (" 7816/VPCP-TTĐT ", "7816/VPCP-TTĐT", 7816, None, None),
            ("101/SX", "101/SX", 101, None, None),
            ("15a/TB-SNV", "15a/TB-SNV", 15, None, Some("TB")),
            ("3/UBND-TH.1-X", "03/UBND-TH.1-X", 3, None, None),
            ("05/QĐ-BNV", "05/QĐ-BNV", 5, None, Some("QĐ")), // decomposed
        ];
        for (text, written, number, year, abbreviation) in rows {
            let read: Notation = text.parse().unwrap();
            assert_eq!((read.to_string().as_str(), read.number, read.year), (written, number, year), "{text}");
            assert_eq!(read.document_type().and_then(|known| known.abbreviation), abbreviation, "{text}");
        }
    }

    #[test]
    fn r79_what_is_no_notation() {
        let long = format!("1/{}", "Đ".repeat(13));
        let wide = format!("1/A-{}-{}", "B".repeat(20), "C".repeat(10));
        for text in [
            "",
            "/",
            "05",
            "QĐ-BNV",
            "05/",
            "/QĐ",
            "05//QĐ",
            "05/26/QĐ",
            "05/2026/01/QĐ",
            "05/QĐ - BNV",
            "05/QĐ-",
            "123456789012/QĐ",
            "05ab/QĐ",
            "-5/QĐ",
            "05/A-B-C-D-E-F",
            "05/QĐ_BNV",
            &long,
            &wide,
        ] {
            assert_eq!(text.parse::<Notation>(), Err(BadNotation), "{text}");
        }
    }

    #[test]
    fn r79_numbers_below_ten_have_a_leading_zero() {
        let rows = [(1, "01"), (9, "09"), (10, "10"), (2491, "2491")];
        assert!(rows.into_iter().all(|(number, text)| number_text(number) == text));
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back(number in 1i64..NUMBER_MAX, groups in "[A-ZĐ]{1,6}(-[A-ZĐ]{1,6}){0,3}") {
            let notation = Notation { number, letter: None, year: None, groups: groups.split('-').map(str::to_owned).collect() };
            proptest::prop_assert_eq!(notation.to_string().parse::<Notation>(), Ok(notation));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,60}") {
            let _ = text.parse::<Notation>();
        }
    }
}
