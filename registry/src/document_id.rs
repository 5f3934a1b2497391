//! The legal identifier of a document (mã định danh văn bản, RULES I7–I9), as agencies compare it.
//!
//! The law composes it of agency code, year and number; packages hold `code,yyyy/MM/dd,number/notation`, a UUID, or
//! anything (VXP 4.1). It may hold an impossible date. So it is never taken apart to learn something: it is only
//! compared, by [`DocumentIdentifier::key`]. RULES I8 would derive one that is missing; VXP 4.2 refuses such a
//! package instead, and VXP wins.

use std::fmt;
use std::hash::{Hash, Hasher};

use unicode_normalization::UnicodeNormalization;

/// A document's identifier, in the spelling it came in. Two are equal when their keys are.
#[derive(Clone, Debug)]
pub struct DocumentIdentifier {
    text: Box<str>,
    key: Box<str>,
}

/// Why a text is no identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDocumentIdentifier {
    /// Nothing there.
    #[error("document identifier is empty")]
    Empty,
    /// Longer than [`DocumentIdentifier::CHARS_MAX`].
    #[error("document identifier is longer than 2000 characters")]
    TooLong,
}

impl DocumentIdentifier {
    /// VXP 4.2: any text we store. RULES I8 knows 100, the field does not.
    pub const CHARS_MAX: usize = 2_000;

    /// Takes an identifier as it came; surrounding blanks do not count.
    pub fn new(text: &str) -> Result<Self, BadDocumentIdentifier> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BadDocumentIdentifier::Empty);
        }
        match text.chars().count() <= Self::CHARS_MAX {
            true => Ok(Self { text: text.into(), key: key_of(text).into() }),
            false => Err(BadDocumentIdentifier::TooLong),
        }
    }

    /// The form our own documents carry (RULES I8): `code,yyyy/MM/dd,number/notation`. The date comes as it is
    /// written into the document.
    pub fn compose(
        organ: &mail::AgencyCode,
        date: &str,
        number: &str,
        notation: &str,
    ) -> Result<Self, BadDocumentIdentifier> {
        Self::new(&format!("{organ},{date},{number}/{notation}"))
    }

    /// The identifier as it came.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The one form to compare and to index by (VXP 4.1, RULES I9): composed letters, single blanks, upper case,
    /// `Ð` (U+00D0) as `Đ`, a date between commas as `yyyy/MM/dd` whatever its separators and order.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl PartialEq for DocumentIdentifier {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for DocumentIdentifier {}

impl Hash for DocumentIdentifier {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl fmt::Display for DocumentIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn key_of(text: &str) -> String {
    let folded = notation_key(text);
    let parts: Vec<String> = folded.split(',').map(|part| date_key(part.trim())).collect();
    parts.join(",")
}

/// The form to compare numbers with notations by (`05/QĐ-UBND`), as statuses name documents (RULES I9).
pub fn notation_key(text: &str) -> String {
    // Upper-casing can decompose (ǰ), so composing comes last.
    let upper: String = text
        .nfc()
        .flat_map(char::to_uppercase)
        .map(|c| if c == '\u{00D0}' { '\u{0110}' } else { c })
        .collect();
    upper.nfc().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A part that has the shape of a date, as `yyyy/MM/dd`; any other part as it is. Impossible days count as dates:
/// they are in the field, and only compared.
pub(crate) fn date_key(part: &str) -> String {
    let digits =
        |range: std::ops::Range<usize>| part.get(range).filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
    let separator = |at: usize| part.as_bytes().get(at).is_some_and(|b| matches!(b, b'/' | b'-'));
    if part.len() != 10 {
        return part.to_owned();
    }
    let year_first = (digits(0..4), digits(5..7), digits(8..10), separator(4) && separator(7));
    let day_first = (digits(6..10), digits(3..5), digits(0..2), separator(2) && separator(5));
    match (year_first, day_first) {
        ((Some(year), Some(month), Some(day), true), _) | (_, (Some(year), Some(month), Some(day), true)) => {
            format!("{year}/{month}/{day}")
        }
        _ => part.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn i9_and_vxp_4_1_what_counts_as_the_same_document() {
        let id = "000.00.00.G22,2015/09/30,7816/VPCP-TTĐT";
        let same = [
            " 000.00.00.G22,2015/09/30,7816/VPCP-TTĐT\r\n",
            "000.00.00.g22,2015/09/30,7816/vpcp-ttđt",
            "000.00.00.G22,2015-09-30,7816/VPCP-TTĐT",
            "000.00.00.G22,30/09/2015,7816/VPCP-TTĐT",
            "000.00.00.G22, 2015/09/30 ,7816/VPCP-TTĐT",
            "000.00.00.G22,2015/09/30,7816/VPCP-TT\u{00D0}T",
            "000.00.00.G22,2015/09/30,7816/VPCP-TTĐT ",
        ];
        let other = [
            "000.00.00.G22,2015/09/30,7816-VPCP-TTĐT",   // only the date's separators do not matter
            "000.00.00.G22,2015/09/30,7816/VPCP-TTDT",
            "000.00.00.G22,2015/09/03,7816/VPCP-TTĐT",
            "000-00-00-G22,2015/09/30,7816/VPCP-TTĐT",
            "000.00.00.G22,2015,7816",
        ];
        let id = DocumentIdentifier::new(id).unwrap();
        for text in same {
            assert_eq!(DocumentIdentifier::new(text).unwrap(), id, "{text}");
        }
        for text in other {
            assert_ne!(DocumentIdentifier::new(text).unwrap(), id, "{text}");
        }
    }

    // RULES I7: the law's form (code, year, ordinal number) is the first of them.
    #[test]
    fn i8_other_forms_are_taken_as_they_are() {
        for text in
            ["000.00.01.H08,2018,10", "8c6a1b1e-4f3e-4e0a-9f43-2f1e3f1f8a11", "VB 12", "a,2014/02/30,b"]
        {
            assert_eq!(DocumentIdentifier::new(text).unwrap().as_str(), text);
        }
        assert_eq!(DocumentIdentifier::new(" \n").unwrap_err(), BadDocumentIdentifier::Empty);
        assert_eq!(DocumentIdentifier::new(&"x".repeat(2001)).unwrap_err(), BadDocumentIdentifier::TooLong);
    }

    #[test]
    fn i8_our_own_form() {
        let id = DocumentIdentifier::compose(&"000.00.01.H07".parse().unwrap(), "2025/02/13", "05", "SX-VP");
        assert_eq!(id.unwrap().as_str(), "000.00.01.H07,2025/02/13,05/SX-VP");
    }

    proptest::proptest! {
        #[test]
        fn a_key_is_its_own_key(text in "\\PC{1,40}|[0-9]{2}[/-][0-9]{2}[/-][0-9]{4}") {
            if let Ok(id) = DocumentIdentifier::new(&text)
                && let Ok(again) = DocumentIdentifier::new(id.key())
            {
                proptest::prop_assert_eq!(again.key(), id.key());
            }
        }
    }
}
