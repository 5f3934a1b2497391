//! The one typeface text on a page is set in: Tinos, which has the widths of Times New Roman and every Vietnamese letter
//! (RULES D15, D17). See `signer/assets/README.md` for where it comes from.
//!
//! It is embedded as a `CIDFontType2` with `Identity-H` (ISO 32000-1 §9.7.4.2): a code is a glyph's number, and `/ToUnicode`
//! says which letter it is, so that the text can be found and copied.

mod face;
mod subset;

use crate::message::{Code, Reason};
use crate::pdf::{ObjectId, PendingUpdate as Update};
use face::Face;
use std::collections::BTreeMap;

static TINOS: &[u8] = include_bytes!("../../../assets/Tinos-Regular.ttf");

/// Text being set, and the glyphs it needed so far.
pub(crate) struct Typesetter {
    face: Face<'static>,
    /// Glyph and the letter it stands for.
    used: BTreeMap<u16, char>,
}

impl Typesetter {
    pub(crate) fn new() -> Result<Self, Reason> {
        let face = Face::read(TINOS).ok_or(Reason::of(Code::MakeField, "the built-in font"))?;
        Ok(Self { face, used: BTreeMap::new() })
    }

    /// Glyph numbers of a line, letters composed first. Errors: a letter the font does not have; it is not left out.
    fn glyphs(&self, line: &str) -> Result<Vec<(u16, char)>, Reason> {
        let find = |letter: char| match self.face.glyph(letter) {
            Some(glyph) => Ok((glyph, letter)),
            None => Err(Reason::of(Code::MakeLetter, format_args!("U+{:04X}", u32::from(letter)))),
        };
        mail::text::nfc(line).chars().map(find).collect()
    }

    /// How wide a line is at a size, in the size's unit.
    pub(crate) fn width(&self, line: &str, size: f64) -> Result<f64, Reason> {
        let thousandths: u32 = self.glyphs(line)?.iter().map(|(glyph, _)| self.face.advance(*glyph)).sum();
        Ok(f64::from(thousandths) * size / 1000.0)
    }

    /// A line as the operand of `Tj`.
    pub(crate) fn show(&mut self, line: &str) -> Result<String, Reason> {
        let glyphs = self.glyphs(line)?;
        let mut out = String::from("<");
        for (glyph, letter) in glyphs {
            self.used.insert(glyph, letter);
            out.push_str(&format!("{glyph:04x}"));
        }
        out.push('>');
        Ok(out)
    }

    /// Breaks text between words so that no line is wider than `width`; a word wider than that stays whole.
    pub(crate) fn wrap(&self, text: &str, size: f64, width: f64) -> Result<Vec<String>, Reason> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            let longer = lines.last().map(|line| format!("{line} {word}"));
            match longer {
                Some(longer) if self.width(&longer, size)? <= width => {
                    lines.pop();
                    lines.push(longer);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        Ok(lines)
    }

    /// Puts the font into the update, with the glyphs used and no others.
    pub(crate) fn embed(&self, update: &mut Update<'_, '_>) -> ObjectId {
        let [file, descriptor, descendant, unicode, font] = std::array::from_fn(|_| update.allocate());
        let program = subset::keep(&self.face, self.used.keys().copied());
        let entries = format!("/Filter/FlateDecode/Length1 {}", program.len());
        update.put_stream(file, &entries, &deflated(&program));
        let name = format!("{}+Tinos", self.tag());
        let [left, bottom, right, top] = self.face.bounds;
        let (ascent, descent) = (self.face.ascent, self.face.descent);
        update.put_raw(
            descriptor,
            format!(
                "<</Type/FontDescriptor/FontName/{name}/Flags 6/FontBBox[{left} {bottom} {right} {top}]/ItalicAngle 0\
                /Ascent {ascent}/Descent {descent}/CapHeight 662/StemV 80/FontFile2 {file} R>>"
            )
            .into_bytes(),
        );
        let widths: String =
            self.used.keys().map(|glyph| format!("{glyph}[{}]", self.face.advance(*glyph))).collect();
        update.put_raw(
            descendant,
            format!(
                "<</Type/Font/Subtype/CIDFontType2/BaseFont/{name}/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)\
                /Supplement 0>>/FontDescriptor {descriptor} R/DW 1000/W[{widths}]/CIDToGIDMap/Identity>>"
            )
            .into_bytes(),
        );
        update.put_stream(unicode, "/Filter/FlateDecode", &deflated(self.to_unicode().as_bytes()));
        update.put_raw(
            font,
            format!(
                "<</Type/Font/Subtype/Type0/BaseFont/{name}/Encoding/Identity-H/DescendantFonts[{descendant} R]\
                /ToUnicode {unicode} R>>"
            )
            .into_bytes(),
        );
        font
    }

    /// Six capitals that stand for this choice of glyphs (§9.6.4).
    fn tag(&self) -> String {
        let chosen: Vec<u8> = self.used.keys().flat_map(|glyph| glyph.to_be_bytes()).collect();
        let digest = certs::Fingerprint::of(&chosen);
        digest.to_string().bytes().filter(u8::is_ascii_hexdigit).take(6).map(letter).collect()
    }

    /// The map from codes to letters (§9.10.3).
    fn to_unicode(&self) -> String {
        let mut out = String::from(
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n\
            /CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n/CMapName /Adobe-Identity-UCS def\n\
            /CMapType 2 def\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n",
        );
        let all: Vec<(u16, char)> = self.used.iter().map(|(glyph, letter)| (*glyph, *letter)).collect();
        // At most a hundred in one block.
        for block in all.chunks(100) {
            out.push_str(&format!("{} beginbfchar\n", block.len()));
            for (glyph, letter) in block {
                let mut units = [0u16; 2];
                let text: String =
                    letter.encode_utf16(&mut units).iter().map(|unit| format!("{unit:04X}")).collect();
                out.push_str(&format!("<{glyph:04X}> <{text}>\n"));
            }
            out.push_str("endbfchar\n");
        }
        out.push_str("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n");
        out
    }
}

/// A hexadecimal digit as one of sixteen capitals.
fn letter(digit: u8) -> char {
    let value = match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit.to_ascii_lowercase() - b'a') % 6 + 10,
    };
    char::from(b'A' + value)
}

/// Deflated for `/FlateDecode`.
pub(crate) fn deflated(data: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    // Writing to a vector cannot fail.
    let _ = encoder.write_all(data);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vietnamese_letter_is_there_and_as_wide_as_in_times() {
        let setter = Typesetter::new().unwrap();
        let vowels = "aàáảãạăằắẳẵặâầấẩẫậeèéẻẽẹêềếểễệiìíỉĩịoòóỏõọôồốổỗộơờớởỡợuùúủũụưừứửữựyỳýỷỹỵđ";
        for line in [
            vowels.to_owned(),
            vowels.to_uppercase(),
            "Số: 05/QĐ-BNV; 13/02/2025; 09:15:42 +07:00".to_owned(),
        ] {
            assert!(setter.glyphs(&line).is_ok(), "{line}");
        }
        // Times New Roman: 0 and the space are 500 and 250 thousandths, S is 556.
        for (text, width) in [("0", 500.0), (" ", 250.0), ("S", 556.0), ("", 0.0)] {
            assert!((setter.width(text, 1000.0).unwrap() - width).abs() < 1.0, "{text:?}");
        }
        assert_eq!(
            setter.width("ế", 10.0),
            setter.width("e\u{302}\u{301}", 10.0),
            "decomposed is the same letter"
        );
        assert_eq!(setter.width("漢", 10.0).unwrap_err().code, Code::MakeLetter);
    }

    #[test]
    fn lines_break_between_words() {
        let setter = Typesetter::new().unwrap();
        let lines = setter.wrap("SAO Y; ỦY BAN NHÂN DÂN TỈNH; 13/02/2025", 10.0, 100.0).unwrap();
        assert!(
            lines.len() > 1 && lines.iter().all(|line| setter.width(line, 10.0).unwrap() <= 100.0),
            "{lines:?}"
        );
        assert_eq!(lines.join(" "), "SAO Y; ỦY BAN NHÂN DÂN TỈNH; 13/02/2025");
        assert_eq!(setter.wrap("KHÔNGCÓDẤUCÁCH", 10.0, 1.0).unwrap().len(), 1);
    }
}
