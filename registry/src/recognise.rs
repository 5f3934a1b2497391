//! Official documents outside the exchange: what a file in a mail is, before anybody judges its signatures (RULES R3–R5).

use std::sync::Arc;

use signer::Format;

use crate::Limits;
use crate::package::{self, Package};

/// How far from the top of its page number and notation stand (NĐ 30/2020 PL I, ô 3), as a share of the page.
const SYMBOL_FROM_TOP: f64 = 0.45;
/// Letters of a symbol: eleven of the number, thirty of the notation (NĐ 30/2020 PL VI), the year between them.
const SYMBOL_CHARS_MAX: usize = 48;

/// A file that is an official document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// Number and notation (số, ký hiệu), or empty.
    pub symbol: String,
    /// What is to be judged: the file itself, or the main document of a package; `None` when nothing is signed.
    pub signed: Option<Signed>,
}

/// What is to be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    /// The file itself.
    File,
    /// The document within it.
    Within(Arc<[u8]>),
}

/// What an official document a file is, if it is one: a PDF that is signed or bears a symbol, an edXML package, XML that is signed.
pub fn recognise(file: &[u8], limits: &Limits) -> Option<Recognised> {
    match Format::sniff(file)? {
        Format::Pdf => in_pdf(file),
        Format::Xml => in_xml(file, limits),
        _ => None,
    }
}

fn in_pdf(file: &[u8]) -> Option<Recognised> {
    let limits = signer::Limits::default();
    // The words of a signature dictionary; without them there is nothing to be read as one (ISO 32000-1 §12.8.1).
    let is_signed = file.windows(10).any(|window| window == b"/ByteRange")
        && signer::pdf::read(file, &limits).is_ok_and(|facts| !facts.signatures.is_empty());
    let symbol = symbol_in_pdf(file).unwrap_or_default();
    let signed = is_signed.then_some(Signed::File);
    (is_signed || !symbol.is_empty()).then_some(Recognised { symbol, signed })
}

fn in_xml(file: &[u8], limits: &Limits) -> Option<Recognised> {
    let holds = |word: &[u8]| file.windows(word.len()).any(|window| window == word);
    if holds(b"QCVN_102_2016")
        && let Ok(Package::Document(document)) = package::read(file, limits)
    {
        let main = document.main_attachment().map(|main| Signed::Within(main.content.clone()));
        return Some(Recognised { symbol: document.code.full(), signed: main });
    }
    let is_signed = holds(b"http://www.w3.org/2000/09/xmldsig#") && holds(b"SignatureValue");
    is_signed.then_some(Recognised { symbol: String::new(), signed: Some(Signed::File) })
}

/// The symbol on a PDF's first page, where a document has its own: `Số: 05/QĐ-UBND`.
pub fn symbol_in_pdf(file: &[u8]) -> Option<String> {
    let lines = signer::pdf::first_page(file, &signer::Limits::default()).ok()?;
    let above = |line: &&signer::pdf::Line| (0.0..=SYMBOL_FROM_TOP).contains(&line.from_top);
    lines.iter().filter(above).find_map(|line| symbol_in_line(&line.text))
}

/// The symbol that a line consists of, with or without the word "Số" before it.
///
/// ```
/// use registry::recognise::symbol_in_line;
/// assert_eq!(symbol_in_line("Số: 05/QĐ-UBND").as_deref(), Some("05/QĐ-UBND"));
/// assert_eq!(symbol_in_line("Số 12/2026/TT-BTTTT").as_deref(), Some("12/2026/TT-BTTTT"));
/// assert_eq!(symbol_in_line("Căn cứ Quyết định số 05/QĐ-UBND"), None);
/// ```
pub fn symbol_in_line(line: &str) -> Option<String> {
    let line = mail::text::nfc(line.trim());
    // Text layers lose marks; without them the word is believed only before a colon.
    let words = ["Số", "SỐ", "So:", "SO:"];
    let rest = words.iter().find_map(|word| line.strip_prefix(word)).unwrap_or(&line);
    symbol(rest.trim_start_matches([':', '.', ' ', '\u{a0}']))
}

/// A text that is number and notation and nothing else.
fn symbol(text: &str) -> Option<String> {
    // What is filled in is set apart from what is printed.
    let joined: String = text.chars().filter(|c| !c.is_whitespace()).take(SYMBOL_CHARS_MAX + 1).collect();
    if joined.chars().count() > SYMBOL_CHARS_MAX {
        return None;
    }
    let mut parts = joined.split('/');
    let number = parts.next()?;
    let (mut year, mut notation) = (None, parts.next()?);
    if let Some(third) = parts.next() {
        (year, notation) = (Some(notation), third);
    }
    let digits = number.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let is_number = matches!(digits.len(), 1..=7)
        && digits.bytes().all(|b| b.is_ascii_digit())
        && number.len() - digits.len() <= 1;
    let is_year = year.is_none_or(|year| year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit()));
    let letters = notation.chars().filter(|c| c.is_uppercase()).count();
    let is_notation = letters >= 2
        && notation.chars().next().is_some_and(char::is_uppercase)
        && notation.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '&'))
        && notation.chars().any(|c| !c.is_ascii_digit());
    (is_number && is_year && is_notation && parts.next().is_none()).then_some(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r4_symbols_and_what_only_looks_like_one() {
        for text in [
            "05/QĐ-UBND",
            "Số: 05/QĐ-UBND",
            "Số:   7816 /VPCP-TTĐT",
            "SỐ: 2491/STC-BCTC",
            "15a/TTr-SNV",
            "05/2026/TT-BTTTT",
            "1/MTTQ-BTT",
            "03/KH-BCĐ",
            "22/NQ-CP",
        ] {
            assert!(symbol_in_line(text).is_some(), "{text}");
        }
        for text in [
            "",
            "Số",
            "Số: /QĐ-UBND",
            "Số 5",
            "22/11/2026",
            "1/2",
            "24/7",
            "Số 12/34 Lê Lợi",
            "km/h",
            "05/qd-ubnd",
            "tháng 11/2026",
            "A/B-C",
            "12345678/QĐ-UBND",
            "05/QĐ-UBND ngày 01/11/2026 của Ủy ban nhân dân tỉnh về việc",
        ] {
            assert_eq!(symbol_in_line(text), None, "{text}");
        }
    }

    #[test]
    fn r4_only_what_is_signed_or_has_a_symbol_is_official() {
        let limits = Limits::default();
        for file in [
            b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n".as_slice(),
            b"%PDF-1.7 /ByteRange and no more",
            b"<a/>",
            b"<a xmlns='http://www.mic.gov.vn/TBT/QCVN_102_2016'/>",
            b"PK\x03\x04",
            b"",
        ] {
            assert_eq!(recognise(file, &limits), None, "{}", String::from_utf8_lossy(file));
        }
        let signed =
            b"<a><Signature xmlns='http://www.w3.org/2000/09/xmldsig#'><SignatureValue/></Signature></a>";
        assert_eq!(recognise(signed, &limits).unwrap().signed, Some(Signed::File));
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_a_symbol_or_none(text in "\\PC{0,60}") {
            if let Some(symbol) = symbol_in_line(&text) {
                proptest::prop_assert!(symbol.chars().count() <= SYMBOL_CHARS_MAX && !symbol.contains([' ', '\n', ';']));
            }
        }
    }
}
