//! From the codes of a string to letters.

use std::collections::HashMap;

use super::super::document::View;
use super::super::object::{Dict, Object, text_string};
use super::super::parse::Parser;
use crate::message::Reason;

/// Codes one font may name: a font has at most 65,536.
const CODES_MAX: usize = 70_000;

/// A font, as far as it says what its codes mean and how wide they are.
#[derive(Debug, Default)]
pub(super) struct Font {
    letters: Letters,
    /// Thousandths of the size by code (§9.2.4), where the font says so.
    widths: HashMap<u32, f64>,
    /// For codes without a width of their own.
    usual_width: Option<f64>,
}

/// How a font's codes read.
#[derive(Debug, Default)]
enum Letters {
    /// Nobody knows.
    #[default]
    Unknown,
    /// By its own table (`ToUnicode`, §9.10.3): bytes of a code, and what each code means.
    Table { bytes: usize, letters: HashMap<u32, String> },
    /// One byte a letter.
    Bytes(Box<[char; 256]>),
}

impl Font {
    pub(super) fn read(view: &View<'_>, named: &Object) -> Result<Self, Reason> {
        let object = view.resolve(named)?;
        let Some(dict) = object.dict() else { return Ok(Self::default()) };
        let letters = Letters::read(view, dict)?;
        let mut font = Self { letters, ..Self::default() };
        match view.array_at(dict, b"DescendantFonts")?.first() {
            Some(descendant) => font.composite_widths(view, descendant)?,
            None => font.simple_widths(view, dict)?,
        }
        Ok(font)
    }

    /// `/FirstChar` and `/Widths` (§9.6.2).
    fn simple_widths(&mut self, view: &View<'_>, dict: &Dict) -> Result<(), Reason> {
        let first = dict.get(b"FirstChar").int().and_then(|first| u32::try_from(first).ok()).unwrap_or(0);
        let widths = view.array_at(dict, b"Widths")?;
        let widths = widths.iter().take(256).zip(first..);
        self.widths = widths.filter_map(|(width, code)| Some((code, width.number()?))).collect();
        Ok(())
    }

    /// `/DW` and `/W`: `code [w w …]` or `from to w` (§9.7.4.3). Codes are taken for glyph numbers, as `Identity-H` has it.
    fn composite_widths(&mut self, view: &View<'_>, descendant: &Object) -> Result<(), Reason> {
        let object = view.resolve(descendant)?;
        let Some(dict) = object.dict() else { return Ok(()) };
        self.usual_width = Some(dict.get(b"DW").number().unwrap_or(1000.0));
        let list = view.array_at(dict, b"W")?;
        let code = |object: &Object| object.int().and_then(|code| u32::try_from(code).ok());
        let mut rest = list.as_slice();
        while let [from, second, tail @ ..] = rest
            && self.widths.len() < CODES_MAX
        {
            let Some(from) = code(from) else { break };
            rest = match (&*view.resolve(second)?, tail) {
                (Object::Array(each), _) => {
                    let each =
                        each.iter().zip(from..).filter_map(|(width, code)| Some((code, width.number()?)));
                    self.widths.extend(each.take(CODES_MAX));
                    tail
                }
                (to, [width, further @ ..]) => {
                    let to = code(to).unwrap_or(from).min(from.saturating_add(0xFFFF));
                    if let Some(width) = width.number() {
                        self.widths.extend((from..=to).map(|code| (code, width)));
                    }
                    further
                }
                _ => break,
            };
        }
        Ok(())
    }

    /// The letters of a string, each with its width as a share of the size, where the font tells.
    pub(super) fn letters<'f>(&'f self, codes: &'f [u8]) -> impl Iterator<Item = (String, Option<f64>)> + 'f {
        codes.chunks(self.letters.bytes()).map(|code| {
            let number = number(code);
            let width = self.widths.get(&number).copied().or(self.usual_width);
            (self.letters.of(number), width.map(|width| width / 1000.0))
        })
    }
}

impl Letters {
    fn read(view: &View<'_>, dict: &Dict) -> Result<Self, Reason> {
        let is_composite = dict.get(b"Subtype").name() == Some(b"Type0");
        if let Object::Stream(stream) = &*view.resolve(dict.get(b"ToUnicode"))?
            && let Ok(table) = view.decode(stream)
        {
            return Ok(table_of(&table, if is_composite { 2 } else { 1 }));
        }
        if is_composite {
            return Ok(Self::Unknown);
        }
        let base = dict.get(b"BaseFont").name().unwrap_or_default();
        Ok(Self::Bytes(Box::new(encoding(view, dict, base)?)))
    }

    /// Bytes of a code.
    fn bytes(&self) -> usize {
        match self {
            Self::Table { bytes, .. } => *bytes,
            Self::Unknown | Self::Bytes(_) => 1,
        }
    }

    /// What a code means; empty when nobody knows.
    fn of(&self, code: u32) -> String {
        match self {
            Self::Unknown => String::new(),
            Self::Bytes(table) => usize::try_from(code)
                .ok()
                .and_then(|code| table.get(code))
                .map(char::to_string)
                .unwrap_or_default(),
            Self::Table { letters, .. } => letters.get(&code).cloned().unwrap_or_default(),
        }
    }
}

fn number(code: &[u8]) -> u32 {
    code.iter().fold(0, |number, byte| (number << 8) | u32::from(*byte))
}

/// A character map, of which the sections that lead to letters are read.
fn table_of(map: &[u8], usual: usize) -> Letters {
    let (mut parser, mut operands) = (Parser::new(map, 0, 8), Vec::new());
    let (mut bytes, mut letters) = (usual, HashMap::new());
    for _ in 0..CODES_MAX * 4 {
        parser.skip_space();
        if let Ok(operand) = parser.object() {
            operands.push(operand);
            continue;
        }
        match parser.operator() {
            b"" => break,
            b"endcodespacerange" => {
                bytes = operands.iter().find_map(Object::text).map_or(usual, |code| code.bytes.len());
            }
            b"endbfchar" => operands.as_chunks().0.iter().for_each(|[code, letter]| {
                if let (Some(code), Some(letter)) = (code.text(), letter.text()) {
                    letters.insert(number(&code.bytes), utf16(&letter.bytes));
                }
            }),
            b"endbfrange" => operands.as_chunks().0.iter().for_each(|range| add_range(range, &mut letters)),
            _ => {}
        }
        operands.clear();
        if letters.len() > CODES_MAX {
            break;
        }
    }
    Letters::Table { bytes: bytes.clamp(1, 4), letters }
}

fn add_range([from, to, letters]: &[Object; 3], into: &mut HashMap<u32, String>) {
    let (Some(from), Some(to)) = (from.text(), to.text()) else { return };
    let (from, to) = (number(&from.bytes), number(&to.bytes));
    // A range stays within the last byte of its code (§9.10.3).
    let codes = from..=to.min(from.saturating_add(255));
    match letters {
        Object::Array(each) => {
            for (code, letter) in codes.zip(each.iter().filter_map(Object::text)) {
                into.insert(code, utf16(&letter.bytes));
            }
        }
        Object::Text(first) => {
            for (code, further) in codes.zip(0u32..) {
                let mut letter: Vec<char> = utf16(&first.bytes).chars().collect();
                if let Some(last) = letter.last_mut() {
                    *last = char::from_u32(u32::from(*last) + further).unwrap_or(*last);
                }
                into.insert(code, letter.into_iter().collect());
            }
        }
        _ => {}
    }
}

fn utf16(bytes: &[u8]) -> String {
    text_string(&[&[0xFE, 0xFF], bytes].concat())
}

/// The encoding of a simple font (§9.6.6): the base, then what differs.
fn encoding(view: &View<'_>, font: &Dict, base: &[u8]) -> Result<[char; 256], Reason> {
    let is_tcvn = base.windows(3).any(|w| w == b".Vn");
    let mut table = std::array::from_fn(|code| match u8::try_from(code) {
        Ok(code) if is_tcvn => tcvn(code),
        Ok(code) => latin(code),
        Err(_) => ' ',
    });
    let Some(encoding) = view.dict_at(font, b"Encoding").ok().flatten() else { return Ok(table) };
    let mut code = 0usize;
    for item in view.array_at(&encoding, b"Differences")? {
        if let Some(next) = item.int() {
            code = usize::try_from(next).unwrap_or(256);
        } else if let Some(name) = item.name() {
            if let (Some(place), Some(letter)) = (table.get_mut(code), glyph(name)) {
                // Old fonts name their slots by the Latin letters that stood there.
                *place = match u8::try_from(u32::from(letter)) {
                    Ok(slot) if is_tcvn => tcvn(slot),
                    _ => letter,
                };
            }
            code = code.saturating_add(1);
        }
    }
    Ok(table)
}

/// Windows' Latin alphabet as far as it is Latin-1's; the rest is punctuation.
fn latin(code: u8) -> char {
    if (0x80..0xA0).contains(&code) { '\u{2022}' } else { char::from(code) }
}

/// Names of glyphs: `A`, `uni1EAC`, `u1EAC`, and Latin letters with their marks.
fn glyph(name: &[u8]) -> Option<char> {
    let name = std::str::from_utf8(name).ok()?;
    let mut letters = name.chars();
    if let (Some(letter), None) = (letters.next(), letters.next()) {
        return Some(letter);
    }
    let hex = name.strip_prefix("uni").or_else(|| name.strip_prefix('u'));
    if let Some(letter) = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32) {
        return Some(letter);
    }
    const MARKS: &[(&str, char)] = &[
        ("grave", '\u{300}'),
        ("acute", '\u{301}'),
        ("circumflex", '\u{302}'),
        ("tilde", '\u{303}'),
        ("dieresis", '\u{308}'),
        ("breve", '\u{306}'),
        ("hookabove", '\u{309}'),
        ("horn", '\u{31B}'),
        ("dotbelow", '\u{323}'),
    ];
    match name {
        "space" => return Some(' '),
        "slash" => return Some('/'),
        "hyphen" => return Some('-'),
        "dcroat" => return Some('đ'),
        "Dcroat" | "Eth" => return Some('Đ'),
        _ => {}
    }
    let (letter, marks) = name.split_at_checked(1)?;
    let mut built = letter.to_owned();
    let mut rest = marks;
    while !rest.is_empty() {
        let (word, mark) = MARKS.iter().find(|(word, _)| rest.starts_with(word))?;
        built.push(*mark);
        rest = rest.get(word.len()..)?;
    }
    let mut composed = mail::text::nfc(&built).chars().collect::<Vec<_>>();
    let letter = composed.pop()?;
    composed.is_empty().then_some(letter)
}

/// TCVN 5712:1993, the code of the fonts before Unicode (VN3): small letters, and the capitals of those that have their own slot.
fn tcvn(code: u8) -> char {
    const FROM: u8 = 0xA1;
    const LETTERS: &str =
        "ĂÂÊÔƠƯĐăâêôơưđ······àảãáạ·ằẳẵắ·······ặầẩẫấậè·ẻẽéẹềểễếệìỉ···ĩíịò·ỏõóọồổỗốộờởỡớợù·ủũúụừửữứựỳỷỹýỵ·";
    let at = usize::from(code.wrapping_sub(FROM));
    match code {
        FROM.. => LETTERS.chars().nth(at).unwrap_or('·'),
        _ => latin(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tcvn_5712_has_its_letters_where_the_fonts_have_them() {
        let word = |bytes: &[u8]| bytes.iter().map(|b| tcvn(*b)).collect::<String>();
        assert_eq!(word(b"M\xcbT"), "MậT");
        assert_eq!(word(b"tuy\xd6t m\xcbt"), "tuyệt mật");
        assert_eq!(word(b"t\xe8i m\xcbt"), "tối mật");
        assert_eq!(
            word(b"c\xe9ng h\xdfa x\xb7 h\xe9i ch\xf1 ngh\xdca vi\xd6t nam"),
            "cộng hòa xã hội chủ nghĩa việt nam"
        );
        assert_eq!(word(b"\xae\xe9c l\xcbp - t\xf9 do - h\xb9nh ph\xf3c"), "độc lập - tự do - hạnh phúc");
        assert_eq!(word(b"\xa7\xa1\xa2\xa3\xa4\xa5\xa6"), "ĐĂÂÊÔƠƯ");
        assert_eq!(word(b"\xbe\xbb\xbc\xbd\xc6"), "ắằẳẵặ");
    }

    #[test]
    fn glyphs_are_known_by_their_names() {
        let rows = [
            ("A", Some('A')),
            ("uni1EAC", Some('Ậ')),
            ("u0111", Some('đ')),
            ("Acircumflex", Some('Â')),
            ("Acircumflexdotbelow", Some('Ậ')),
            ("ohorn", Some('ơ')),
            ("space", Some(' ')),
            ("g17", None),
        ];
        for (name, letter) in rows {
            assert_eq!(glyph(name.as_bytes()), letter, "{name}");
        }
    }

    #[test]
    fn iso_32000_9_10_3_a_character_map() {
        let map = b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n\
            /CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n\
            1 begincodespacerange <0000> <FFFF> endcodespacerange\n\
            2 beginbfchar <0003> <0020> <0010> <1EAC> endbfchar\n\
            2 beginbfrange <0024> <0026> <0041> <0030> <0031> [<004D> <00480301>] endbfrange\n\
            endcmap CMapName currentdict /CMap defineresource pop end end";
        let font = Font { letters: table_of(map, 2), ..Font::default() };
        let letters = font.letters(b"\0\x24\0\x26\0\x10\0\x03\0\x30\0\x31\0\x99");
        assert_eq!(letters.map(|(letters, _)| letters).collect::<String>(), "ACẬ MH\u{301}");
    }
}
