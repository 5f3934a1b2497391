//! One element: what it is, what it contains, and which bytes it was.

use std::borrow::Cow;
use std::ops::Range;

use super::reader::INDEFINITE_MEMBERS;
use super::{Class, Error, Oid, Problem, Reader, Result, Rules, Tag, Writer, time};

/// One tag-length-value of the input.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    input: &'a [u8],
    tag: Tag,
    constructed: bool,
    /// start ≤ content start ≤ content end ≤ end ≤ `input.len()`. The last two differ by the two
    /// end-of-contents octets when the length is indefinite.
    marks: [usize; 4],
    rules: Rules,
    depth: u8,
}

impl<'a> Element<'a> {
    pub(super) fn new(
        input: &'a [u8],
        tag: Tag,
        constructed: bool,
        marks: [usize; 4],
        rules: Rules,
        depth: u8,
    ) -> Self {
        Self { input, tag, constructed, marks, rules, depth }
    }

    /// Class and number.
    pub fn tag(&self) -> Tag {
        self.tag
    }

    /// The element is made of elements.
    pub fn is_constructed(&self) -> bool {
        self.constructed
    }

    /// Where the whole element, header included, stands in the outermost input.
    pub fn span(&self) -> Range<usize> {
        self.marks[0]..self.marks[3]
    }

    /// Where its contents stand.
    pub fn content_span(&self) -> Range<usize> {
        self.marks[1]..self.marks[2]
    }

    /// The bytes of the whole element exactly as they came.
    pub fn whole(&self) -> &'a [u8] {
        self.input.get(self.span()).unwrap_or_default()
    }

    /// The bytes between header and end exactly as they came.
    pub fn content(&self) -> &'a [u8] {
        self.input.get(self.content_span()).unwrap_or_default()
    }

    /// A reader over the members. Errors: primitive element, or nested too deeply.
    pub fn children(&self) -> Result<Reader<'a>> {
        if !self.constructed {
            return Err(self.error(Problem::WrongForm));
        }
        let depth = self.depth.checked_sub(1).ok_or(self.error(Problem::TooDeep))?;
        Ok(Reader::inside(self.input, self.marks[1], self.marks[2], self.rules, depth))
    }

    /// This element must have the tag; gives it back for chaining.
    pub fn of(self, tag: Tag) -> Result<Self> {
        if self.tag == tag {
            Ok(self)
        } else {
            Err(self.error(Problem::WrongTag { expected: tag, found: self.tag }))
        }
    }

    /// Treats an implicitly tagged field as if it had its underlying tag: `[0] IMPLICIT OCTET STRING`.
    pub fn implicit(mut self, tag: Tag) -> Self {
        self.tag = tag;
        self
    }

    /// An error at this element, for callers who find the value unfit.
    pub fn error(&self, problem: Problem) -> Error {
        Error { at: self.marks[0], problem }
    }

    /// The contents of a primitive element.
    pub fn primitive(&self) -> Result<&'a [u8]> {
        if self.constructed { Err(self.error(Problem::WrongForm)) } else { Ok(self.content()) }
    }

    /// BOOLEAN.
    pub fn boolean(&self) -> Result<bool> {
        match (self.of(Tag::BOOLEAN)?.primitive()?, self.rules) {
            ([0], _) => Ok(false),
            ([0xff], _) | ([_], Rules::Ber) => Ok(true),
            _ => Err(self.error(Problem::BadValue)),
        }
    }

    /// INTEGER: two's complement, big endian. DER refuses padding (X.690 §8.3.2).
    pub fn integer(&self) -> Result<&'a [u8]> {
        let bytes = self.of(Tag::INTEGER)?.primitive()?;
        self.minimal(bytes)
    }

    fn minimal(&self, bytes: &'a [u8]) -> Result<&'a [u8]> {
        match bytes {
            [] => Err(self.error(Problem::BadValue)),
            [0, next, ..] if next & 0x80 == 0 && self.rules == Rules::Der => {
                Err(self.error(Problem::BadValue))
            }
            [0xff, next, ..] if next & 0x80 != 0 && self.rules == Rules::Der => {
                Err(self.error(Problem::BadValue))
            }
            bytes => Ok(bytes),
        }
    }

    /// INTEGER that is not negative, as its magnitude without leading zeros (zero is empty).
    pub fn unsigned(&self) -> Result<&'a [u8]> {
        let mut bytes = self.integer()?;
        if bytes.first().is_some_and(|first| first & 0x80 != 0) {
            return Err(self.error(Problem::BadValue));
        }
        while let [0, rest @ ..] = bytes {
            bytes = rest;
        }
        Ok(bytes)
    }

    /// INTEGER or ENUMERATED that fits 64 bits.
    pub fn small(&self) -> Result<i64> {
        let tag = if self.tag == Tag::ENUMERATED { Tag::ENUMERATED } else { Tag::INTEGER };
        let bytes = self.minimal(self.of(tag)?.primitive()?)?;
        if bytes.len() > 8 {
            return Err(self.error(Problem::TooLarge));
        }
        let sign = if bytes.first().is_some_and(|first| first & 0x80 != 0) { -1 } else { 0 };
        Ok(bytes.iter().fold(sign, |value, &byte| value << 8 | i64::from(byte)))
    }

    /// BIT STRING: number of unused bits in the last byte (0–7), and the bytes. Strings in pieces are refused.
    pub fn bits(&self) -> Result<(u8, &'a [u8])> {
        let [unused, bytes @ ..] = self.of(Tag::BIT_STRING)?.primitive()? else {
            return Err(self.error(Problem::BadValue));
        };
        let last = bytes.last().copied();
        let padding = (1u16 << (*unused).min(8)) - 1;
        let fits = match last {
            None => *unused == 0,
            Some(last) => *unused < 8 && (self.rules == Rules::Ber || u16::from(last) & padding == 0),
        };
        if fits { Ok((*unused, bytes)) } else { Err(self.error(Problem::BadValue)) }
    }

    /// BIT STRING of whole bytes, such as a signature or a key.
    pub fn bit_bytes(&self) -> Result<&'a [u8]> {
        match self.bits()? {
            (0, bytes) => Ok(bytes),
            _ => Err(self.error(Problem::BadValue)),
        }
    }

    /// BIT STRING that should be a signature. One with stray bits verifies nothing, which is no reason not to read what
    /// it stands under: it becomes an empty signature.
    pub(crate) fn signature_bytes(&self) -> Result<&'a [u8]> {
        self.of(Tag::BIT_STRING)?.primitive()?;
        Ok(self.bit_bytes().unwrap_or_default())
    }

    /// OCTET STRING in one piece.
    pub fn octets(&self) -> Result<&'a [u8]> {
        self.of(Tag::OCTET_STRING)?.primitive()
    }

    /// OCTET STRING, possibly in pieces under [`Rules::Ber`] (X.690 §8.7.3.2); pieces are joined.
    pub fn octets_joined(&self) -> Result<Cow<'a, [u8]>> {
        self.of(Tag::OCTET_STRING)?;
        if !self.constructed {
            return Ok(Cow::Borrowed(self.content()));
        }
        if self.rules == Rules::Der {
            return Err(self.error(Problem::WrongForm));
        }
        let mut joined = Vec::new();
        // Pieces may be in pieces themselves; `open` is bounded by the depth limit through `children`.
        let mut open = vec![self.children()?];
        let mut pieces = 0;
        while let Some(reader) = open.last_mut() {
            pieces += 1;
            if pieces > INDEFINITE_MEMBERS {
                return Err(self.error(Problem::TooLarge));
            }
            if reader.is_empty() {
                open.pop();
                continue;
            }
            let piece = reader.expect(Tag::OCTET_STRING)?;
            if piece.constructed {
                open.push(piece.children()?);
            } else {
                joined.extend_from_slice(piece.content());
            }
        }
        Ok(Cow::Owned(joined))
    }

    /// NULL.
    pub fn null(&self) -> Result<()> {
        if self.of(Tag::NULL)?.primitive()?.is_empty() { Ok(()) } else { Err(self.error(Problem::BadValue)) }
    }

    /// OBJECT IDENTIFIER.
    pub fn oid(&self) -> Result<Oid> {
        Oid::from_content(self.of(Tag::OID)?.primitive()?).ok_or(self.error(Problem::BadValue))
    }

    /// Any of the character string types, as text. Errors: another type, or bytes outside its alphabet
    /// (PrintableString is read as ASCII, TeletexString as Latin-1).
    pub fn text(&self) -> Result<String> {
        let bytes = self.primitive()?;
        let bad = self.error(Problem::BadValue);
        if self.tag.class() != Class::Universal {
            return Err(bad);
        }
        match self.tag {
            Tag::UTF8_STRING => String::from_utf8(bytes.to_vec()).map_err(|_| bad),
            Tag::NUMERIC_STRING | Tag::PRINTABLE_STRING | Tag::IA5_STRING | Tag::VISIBLE_STRING => {
                if bytes.is_ascii() { Ok(bytes.iter().map(|&b| char::from(b)).collect()) } else { Err(bad) }
            }
            Tag::TELETEX_STRING => Ok(bytes.iter().map(|&b| char::from(b)).collect()),
            Tag::BMP_STRING => wide(bytes, 2).ok_or(bad),
            Tag::UNIVERSAL_STRING => wide(bytes, 4).ok_or(bad),
            _ => Err(bad),
        }
    }

    /// UTCTime or GeneralizedTime in whole seconds since 1970, UTC. DER: exactly the forms of RFC 5280 §4.1.2.5.
    pub fn time(&self) -> Result<i64> {
        match time::parse(self.tag, self.primitive()?, self.rules) {
            Some((seconds, 0)) => Ok(seconds),
            Some(_) if self.rules == Rules::Ber => time::parse(self.tag, self.content(), self.rules)
                .map(|t| t.0)
                .ok_or(self.error(Problem::BadValue)),
            _ => Err(self.error(Problem::BadValue)),
        }
    }

    /// GeneralizedTime with an optional fraction: seconds since 1970 and nanoseconds (RFC 3161 §2.4.2 `genTime`).
    pub fn precise_time(&self) -> Result<(i64, u32)> {
        self.of(Tag::GENERALIZED_TIME)?;
        time::parse(self.tag, self.primitive()?, self.rules).ok_or(self.error(Problem::BadValue))
    }

    /// The same value in DER: definite shortest lengths, joined octet strings, sorted sets. What CMS hashes when
    /// `signedAttrs` came in BER (RFC 5652 §5.4). Primitive contents are taken as they are.
    pub fn to_der(&self) -> Result<Vec<u8>> {
        let mut writer = Writer::new();
        self.write_der(&mut writer)?;
        Ok(writer.finish())
    }

    /// Recursion is bounded by `children`, which counts depth down.
    fn write_der(&self, writer: &mut Writer) -> Result<()> {
        if !self.constructed {
            writer.element(self.tag, false, self.content());
            return Ok(());
        }
        if self.tag == Tag::OCTET_STRING {
            writer.element(self.tag, false, &self.octets_joined()?);
            return Ok(());
        }
        let mut members = Vec::new();
        let mut reader = self.children()?;
        while !reader.is_empty() {
            members.push(reader.element()?.to_der()?);
        }
        if self.tag == Tag::SET {
            members.sort();
        }
        writer.element(self.tag, true, &members.concat());
        Ok(())
    }
}

/// UCS-2 (with surrogate pairs, as seen in the wild) and UCS-4, big endian.
fn wide(bytes: &[u8], width: usize) -> Option<String> {
    if !bytes.len().is_multiple_of(width) {
        return None;
    }
    if width == 2 {
        let units = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        return char::decode_utf16(units).collect::<std::result::Result<String, _>>().ok();
    }
    bytes
        .chunks_exact(4)
        .map(|quad| char::from_u32(u32::from_be_bytes([quad[0], quad[1], quad[2], quad[3]])))
        .collect()
}
