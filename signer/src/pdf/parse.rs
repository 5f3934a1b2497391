//! Bytes to objects (ISO 32000-1 §7.2–7.3). Iterative where a file could nest without end, strict where two
//! readers could disagree, and it never looks beyond the slice it was given: a revision is that slice.

use super::object::{Dict, Object, ObjectId, Stream, Text};
use crate::message::{Code, Reason};
use std::ops::Range;

/// White space (§7.2.2 table 1).
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | 9 | 10 | 12 | 13 | 32)
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

fn is_regular(byte: u8) -> bool {
    !is_space(byte) && !is_delimiter(byte)
}

/// Values of hexadecimal digits; 0xFF for all other bytes. A signature is mostly digits, so this is looked up.
static DIGITS: [u8; 256] = {
    let mut table = [0xFF; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value] as usize] = value as u8;
        table[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    table
};

fn hex_value(byte: u8) -> Option<u8> {
    DIGITS.get(usize::from(byte)).copied().filter(|value| *value != 0xFF)
}

/// An indirect object and the bytes it took.
#[derive(Clone, Debug)]
pub(crate) struct Indirect {
    pub(crate) id: ObjectId,
    pub(crate) object: Object,
    pub(crate) span: Range<usize>,
}

/// A reading position in a slice.
pub(crate) struct Parser<'a> {
    bytes: &'a [u8],
    pos: usize,
    depth_max: usize,
}

/// Values in one object: the widths of a font with every CJK glyph are 65,000. A value takes fifty bytes of memory and two
/// in the file, so this is what keeps a file from growing when it is read.
const VALUES: usize = 500_000;

/// Bytes of one string. A signature's are the longest.
const STRING: usize = 16 << 20;

/// A container that is still open.
enum Open {
    Array(Vec<Object>),
    Dict(Dict, Option<Box<[u8]>>),
}

impl<'a> Parser<'a> {
    pub(crate) fn new(bytes: &'a [u8], pos: usize, depth_max: usize) -> Self {
        Self { bytes, pos, depth_max }
    }

    pub(crate) fn pos(&self) -> usize {
        self.pos
    }

    fn fault(&self, code: Code) -> Reason {
        Reason::at(code, self.pos)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.pos).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.pos..).unwrap_or_default()
    }

    /// Skips white space and comments.
    pub(crate) fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            if is_space(byte) {
                self.pos += 1;
            } else if byte == b'%' {
                let line = memchr::memchr2(10, 13, self.rest());
                self.pos = line.map_or(self.bytes.len(), |n| self.pos + n);
            } else {
                break;
            }
        }
    }

    /// Steps over `word` if it stands here and ends here.
    pub(crate) fn keyword(&mut self, word: &[u8]) -> bool {
        let rest = self.rest();
        if rest.starts_with(word) && !rest.get(word.len()).copied().is_some_and(is_regular) {
            self.pos += word.len();
            return true;
        }
        false
    }

    /// A run of regular characters.
    fn word(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let len = rest.iter().position(|b| !is_regular(*b)).unwrap_or(rest.len());
        self.pos += len;
        rest.get(..len).unwrap_or_default()
    }

    /// A content stream's operator; empty at the end of the content.
    pub(crate) fn operator(&mut self) -> &'a [u8] {
        self.skip_space();
        let word = self.word();
        if word.is_empty() && self.pos < self.bytes.len() {
            // A stray delimiter.
            self.pos += 1;
            return self.bytes.get(self.pos - 1..self.pos).unwrap_or_default();
        }
        word
    }

    /// Steps over an image inside a content stream (§8.9.7), up to its `EI`. `false`: there is none.
    pub(crate) fn skip_inline_image(&mut self) -> bool {
        let rest = self.rest();
        let mut from = 0;
        while let Some(at) = memchr::memmem::find(rest.get(from..).unwrap_or_default(), b"EI") {
            let at = from + at;
            let around = [at.checked_sub(1).and_then(|i| rest.get(i)), rest.get(at + 2)];
            if around.into_iter().flatten().all(|byte| is_space(*byte)) {
                self.pos += at + 2;
                return true;
            }
            from = at + 2;
        }
        false
    }

    /// A non-negative decimal number, after white space.
    pub(crate) fn unsigned(&mut self) -> Option<u64> {
        self.skip_space();
        let start = self.pos;
        let word = self.word();
        match word.len() {
            1..=19 if word.iter().all(u8::is_ascii_digit) => {
                Some(word.iter().fold(0u64, |n, d| n * 10 + u64::from(d - b'0')))
            }
            _ => {
                self.pos = start;
                None
            }
        }
    }

    /// `gen R` after an object number that was just read.
    fn reference_tail(&mut self) -> Option<u16> {
        let start = self.pos;
        let tail = self.unsigned().and_then(|g| u16::try_from(g).ok()).filter(|_| {
            self.skip_space();
            self.keyword(b"R")
        });
        if tail.is_none() {
            self.pos = start;
        }
        tail
    }

    /// One direct object, or a reference. Nesting is kept on a list of our own with a limit.
    pub(crate) fn object(&mut self) -> Result<Object, Reason> {
        let mut open: Vec<Open> = Vec::new();
        for _ in 0..VALUES {
            self.skip_space();
            let done = match self.step(&mut open)? {
                Some(object) => object,
                None => continue,
            };
            match open.last_mut() {
                None => return Ok(done),
                Some(Open::Array(items)) => items.push(done),
                Some(Open::Dict(dict, key)) => match key.take() {
                    Some(key) => {
                        let small = dict.len() < 32;
                        dict.push(key, done, small);
                    }
                    None => match done {
                        Object::Name(name) => *key = Some(name),
                        _ => return Err(self.fault(Code::PdfSyntax)),
                    },
                },
            }
        }
        Err(Reason::of(Code::Budget, "values in one object"))
    }

    /// Opens or closes a container (`None` while one is open), or reads a simple object.
    fn step(&mut self, open: &mut Vec<Open>) -> Result<Option<Object>, Reason> {
        let rest = self.rest();
        if rest.starts_with(b"<<") || rest.starts_with(b"[") {
            if open.len() >= self.depth_max {
                return Err(self.fault(Code::PdfDepth));
            }
            let dict = rest.starts_with(b"<<");
            self.pos += if dict { 2 } else { 1 };
            open.push(if dict { Open::Dict(Dict::default(), None) } else { Open::Array(Vec::new()) });
            return Ok(None);
        }
        if rest.starts_with(b">>") || rest.starts_with(b"]") {
            let dict = rest.starts_with(b">>");
            let closed = match (open.pop(), dict) {
                (Some(Open::Dict(mut entries, None)), true) => {
                    if entries.len() > 32 {
                        entries.settle();
                    }
                    Object::Dict(entries)
                }
                (Some(Open::Array(items)), false) => Object::Array(items),
                _ => return Err(self.fault(Code::PdfSyntax)),
            };
            self.pos += if dict { 2 } else { 1 };
            return Ok(Some(closed));
        }
        self.simple().map(Some)
    }

    fn simple(&mut self) -> Result<Object, Reason> {
        match self.peek() {
            Some(b'/') => self.name().map(Object::Name),
            Some(b'(') => self.literal().map(Object::Text),
            Some(b'<') => self.hexadecimal().map(Object::Text),
            Some(b'+' | b'-' | b'.' | b'0'..=b'9') => self.number(),
            _ if self.keyword(b"true") => Ok(Object::Bool(true)),
            _ if self.keyword(b"false") => Ok(Object::Bool(false)),
            _ if self.keyword(b"null") => Ok(Object::Null),
            _ => Err(self.fault(Code::PdfSyntax)),
        }
    }

    fn number(&mut self) -> Result<Object, Reason> {
        let word = self.word();
        let text = std::str::from_utf8(word).unwrap_or_default();
        if word.len() <= 20
            && let Ok(value) = text.parse::<i64>()
        {
            let digits = word.iter().all(u8::is_ascii_digit);
            if digits
                && let Ok(number) = u32::try_from(value)
                && let Some(generation) = self.reference_tail()
            {
                return Ok(Object::Ref(ObjectId { number, generation }));
            }
            return Ok(Object::Int(value));
        }
        let real = word.iter().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.'));
        match real {
            true => Ok(Object::Real(word.into())),
            false => Err(self.fault(Code::PdfSyntax)),
        }
    }

    fn name(&mut self) -> Result<Box<[u8]>, Reason> {
        self.pos += 1;
        let word = self.word();
        if !word.contains(&b'#') {
            return Ok(word.into());
        }
        let mut out = Vec::with_capacity(word.len());
        let mut rest = word;
        while let [first, tail @ ..] = rest {
            match (first, tail) {
                (b'#', [a, b, after @ ..]) if hex_value(*a).is_some() && hex_value(*b).is_some() => {
                    out.push(hex_value(*a).unwrap_or(0) << 4 | hex_value(*b).unwrap_or(0));
                    rest = after;
                }
                _ => {
                    out.push(*first);
                    rest = tail;
                }
            }
        }
        Ok(out.into())
    }

    /// `(…)` with balanced parentheses and escapes (§7.3.4.2).
    fn literal(&mut self) -> Result<Text, Reason> {
        let start = self.pos;
        self.pos += 1;
        let mut bytes = Vec::new();
        let mut level = 1usize;
        loop {
            let Some(byte) = self.peek() else { return Err(self.fault(Code::PdfSyntax)) };
            self.pos += 1;
            match byte {
                b'(' => level += 1,
                b')' => {
                    level -= 1;
                    if level == 0 {
                        return Ok(Text { bytes, span: start..self.pos, hexadecimal: false });
                    }
                }
                b'\\' => {
                    self.escape(&mut bytes);
                    continue;
                }
                _ => {}
            }
            bytes.push(byte);
            if bytes.len() > STRING {
                return Err(Reason::of(Code::Budget, "string"));
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) {
        let Some(byte) = self.peek() else { return };
        self.pos += 1;
        match byte {
            b'n' => out.push(10),
            b'r' => out.push(13),
            b't' => out.push(9),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'\n' => {}
            b'\r' => {
                if self.peek() == Some(b'\n') {
                    self.pos += 1;
                }
            }
            b'0'..=b'7' => {
                let mut value = u32::from(byte - b'0');
                for _ in 0..2 {
                    match self.peek() {
                        Some(digit @ b'0'..=b'7') => {
                            value = value * 8 + u32::from(digit - b'0');
                            self.pos += 1;
                        }
                        _ => break,
                    }
                }
                out.push((value & 0xFF) as u8);
            }
            other => out.push(other),
        }
    }

    fn hexadecimal(&mut self) -> Result<Text, Reason> {
        let start = self.pos;
        self.pos += 1;
        let body = self.rest();
        let Some(len) = memchr::memchr(b'>', body) else {
            return Err(self.fault(Code::PdfSyntax));
        };
        if len / 2 > STRING {
            return Err(Reason::of(Code::Budget, "string"));
        }
        let mut bytes = Vec::with_capacity(len / 2 + 1);
        let digits = body.get(..len).unwrap_or_default();
        // The usual case first: digits in pairs and nothing else.
        let (pairs, _) = digits.as_chunks::<2>();
        for [high, low] in pairs {
            let (Some(high), Some(low)) = (hex_value(*high), hex_value(*low)) else { break };
            bytes.push(high << 4 | low);
        }
        let rest = digits.get(bytes.len() * 2..).unwrap_or_default();
        let mut half: Option<u8> = None;
        for byte in rest {
            match (hex_value(*byte), half) {
                (None, _) if is_space(*byte) => {}
                (None, _) => return Err(self.fault(Code::PdfSyntax)),
                (Some(digit), None) => half = Some(digit),
                (Some(digit), Some(high)) => {
                    bytes.push(high << 4 | digit);
                    half = None;
                }
            }
        }
        bytes.extend(half.map(|high| high << 4));
        self.pos += len + 1;
        Ok(Text { bytes, span: start..self.pos, hexadecimal: true })
    }

    /// `12 0 obj … endobj` here, and only if it is the `expected` one: the cheap check comes first, so that many
    /// entries cannot make us read one large object many times. `length_of` answers an indirect `/Length`.
    pub(crate) fn indirect(
        &mut self,
        expected: Option<ObjectId>,
        length_of: &dyn Fn(ObjectId) -> Option<i64>,
    ) -> Result<Indirect, Reason> {
        self.skip_space();
        let start = self.pos;
        let number = self.unsigned().and_then(|n| u32::try_from(n).ok());
        let generation = self.unsigned().and_then(|g| u16::try_from(g).ok());
        self.skip_space();
        let (Some(number), Some(generation), true) = (number, generation, self.keyword(b"obj")) else {
            return Err(Reason::at(Code::PdfObject, start));
        };
        let id = ObjectId { number, generation };
        if expected.is_some_and(|wanted| wanted != id) {
            return Err(Reason::at(Code::PdfObject, start));
        }
        let object = self.object()?;
        self.skip_space();
        let object = match object {
            Object::Dict(dict) if self.rest().starts_with(b"stream") => {
                self.pos += 6;
                let data = self.stream_data(&dict, length_of);
                Object::Stream(Stream { dict, data })
            }
            other => other,
        };
        self.skip_space();
        if !self.keyword(b"endobj") && !matches!(&object, Object::Stream(s) if s.data.is_none()) {
            return Err(Reason::at(Code::PdfObject, start));
        }
        Ok(Indirect { id, object, span: start..self.pos })
    }

    /// The raw bytes after `stream`, if `/Length` leads to `endstream` (§7.3.8.1).
    fn stream_data(
        &mut self,
        dict: &Dict,
        length_of: &dyn Fn(ObjectId) -> Option<i64>,
    ) -> Option<Range<usize>> {
        match self.rest() {
            [b'\r', b'\n', ..] => self.pos += 2,
            [b'\n', ..] => self.pos += 1,
            _ => return None,
        }
        let length = match dict.get(b"Length") {
            Object::Ref(id) => length_of(*id)?,
            other => other.int()?,
        };
        let end = self.pos.checked_add(usize::try_from(length).ok()?)?;
        let mut after = Parser::new(self.bytes, end, self.depth_max);
        while after.peek().is_some_and(|b| matches!(b, 10 | 13 | 32)) {
            after.pos += 1;
        }
        if end > self.bytes.len() || !after.keyword(b"endstream") {
            return None;
        }
        let data = self.pos..end;
        self.pos = after.pos;
        Some(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str) -> String {
        match Parser::new(input.as_bytes(), 0, 8).object() {
            Ok(object) => format!("{object:?}").replace("Text(Text", "Text"),
            Err(reason) => format!("refused {}", reason.code.id()),
        }
    }

    #[test]
    fn iso_32000_7_3_objects() {
        let rows = [
            ("true", "Bool(true)"),
            ("-17", "Int(-17)"),
            ("12 0 R", "Ref(ObjectId { number: 12, generation: 0 })"),
            ("[1 2 R]", "Array([Ref(ObjectId { number: 1, generation: 2 })])"),
            ("[1 2]", "Array([Int(1), Int(2)])"),
            ("/A#42", "Name([65, 66])"),
            ("(a\\(b\\)(c)\\101)", "{ bytes: [97, 40, 98, 41, 40, 99, 41, 65]"),
            ("<4 1 4>", "{ bytes: [65, 64]"),
            ("<</A 1/A 2>>", "ambiguous: true"),
            ("<</A>>", "refused pdf-syntax"),
            ("[1>>", "refused pdf-syntax"),
            ("<4x>", "refused pdf-syntax"),
            ("(open", "refused pdf-syntax"),
            ("[[[[[[[[[1]]]]]]]]]", "refused pdf-depth"),
            ("1.2.3x", "refused pdf-syntax"),
        ];
        for (input, expected) in rows {
            let got = check(input);
            assert!(got.contains(expected), "{input}: {got}");
        }
    }

    #[test]
    fn a_stream_ends_where_its_length_says_or_has_no_data() {
        let rows = [
            ("1 0 obj<</Length 3>>stream\nabc\nendstream endobj", Some(3)),
            ("1 0 obj<</Length 2>>stream\nabc\nendstream endobj", None),
            ("1 0 obj<</Length 99>>stream\nabc\nendstream endobj", None),
            ("1 0 obj<</Length 9 0 R>>stream\r\nabc\nendstream endobj", Some(3)),
        ];
        for (input, expected) in rows {
            let read = Parser::new(input.as_bytes(), 0, 8).indirect(None, &|_| Some(3)).unwrap();
            let Object::Stream(stream) = read.object else { panic!("{input}") };
            assert_eq!(stream.data.map(|d| d.len()), expected, "{input}");
        }
    }
}
