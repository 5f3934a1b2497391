//! Writing DER.

use super::{Class, Oid, Tag};
use time::OffsetDateTime;

/// Builds DER from the outside in: `w.sequence(|w| { w.integer(1); … })`.
#[derive(Default, Debug)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// Nothing written yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The encoding of one value: `Writer::build(|w| w.integer(5))`.
    pub fn build(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::new();
        write(&mut writer);
        writer.out
    }

    /// What was written.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    /// Bytes that already are elements.
    pub fn raw(&mut self, elements: &[u8]) {
        self.out.extend_from_slice(elements);
    }

    /// One element with these contents.
    pub fn element(&mut self, tag: Tag, constructed: bool, content: &[u8]) {
        let class = match tag.class() {
            Class::Universal => 0x00,
            Class::Application => 0x40,
            Class::Context => 0x80,
            Class::Private => 0xc0,
        };
        let first = class | if constructed { 0x20 } else { 0 };
        if tag.number() < 0x1f {
            self.out.push(first | tag.number() as u8);
        } else {
            self.out.push(first | 0x1f);
            base128(&mut self.out, tag.number());
        }
        length(&mut self.out, content.len());
        self.out.extend_from_slice(content);
    }

    /// A constructed element with any tag.
    pub fn constructed(&mut self, tag: Tag, write: impl FnOnce(&mut Writer)) {
        let content = Writer::build(write);
        self.element(tag, true, &content);
    }

    /// SEQUENCE.
    pub fn sequence(&mut self, write: impl FnOnce(&mut Writer)) {
        self.constructed(Tag::SEQUENCE, write);
    }

    /// SET OF: members are encoded elements and get sorted (X.690 §11.6).
    pub fn set_of(&mut self, mut members: Vec<Vec<u8>>) {
        members.sort();
        self.element(Tag::SET, true, &members.concat());
    }

    /// `[number] EXPLICIT`.
    pub fn explicit(&mut self, number: u32, write: impl FnOnce(&mut Writer)) {
        self.constructed(Tag::context(number), write);
    }

    /// BOOLEAN.
    pub fn boolean(&mut self, value: bool) {
        self.element(Tag::BOOLEAN, false, &[if value { 0xff } else { 0 }]);
    }

    /// INTEGER.
    pub fn integer(&mut self, value: i64) {
        let bytes = value.to_be_bytes();
        let mut skip = 0;
        while skip < 7 {
            let redundant = if value < 0 { 0xff } else { 0x00 };
            let sign = bytes[skip + 1] & 0x80 != 0;
            if bytes[skip] != redundant || sign != (value < 0) {
                break;
            }
            skip += 1;
        }
        self.element(Tag::INTEGER, false, &bytes[skip..]);
    }

    /// ENUMERATED 0–127.
    pub fn enumerated(&mut self, value: u8) {
        self.element(Tag::ENUMERATED, false, &[value & 0x7f]);
    }

    /// INTEGER from a magnitude, big endian; leading zeros are dropped, a sign byte added where needed.
    pub fn unsigned(&mut self, magnitude: &[u8]) {
        let skip = magnitude.iter().take_while(|&&byte| byte == 0).count();
        let rest = magnitude.get(skip..).unwrap_or_default();
        let mut content = Vec::with_capacity(rest.len() + 1);
        if rest.first().is_none_or(|first| first & 0x80 != 0) {
            content.push(0);
        }
        content.extend_from_slice(rest);
        self.element(Tag::INTEGER, false, &content);
    }

    /// OBJECT IDENTIFIER.
    pub fn oid(&mut self, oid: &Oid) {
        self.element(Tag::OID, false, oid.content());
    }

    /// NULL.
    pub fn null(&mut self) {
        self.element(Tag::NULL, false, &[]);
    }

    /// OCTET STRING.
    pub fn octets(&mut self, bytes: &[u8]) {
        self.element(Tag::OCTET_STRING, false, bytes);
    }

    /// BIT STRING of whole bytes.
    pub fn bit_bytes(&mut self, bytes: &[u8]) {
        self.bits(0, bytes);
    }

    /// BIT STRING; the unused low bits of the last byte must already be zero.
    pub fn bits(&mut self, unused: u8, bytes: &[u8]) {
        let mut content = Vec::with_capacity(bytes.len() + 1);
        content.push(unused);
        content.extend_from_slice(bytes);
        self.element(Tag::BIT_STRING, false, &content);
    }

    /// BIT STRING of named bits, lowest number first, trailing zeros dropped (X.690 §11.2.2).
    pub fn named_bits(&mut self, numbers: &[u8]) {
        let Some(&highest) = numbers.iter().max() else {
            return self.bits(0, &[]);
        };
        let mut bytes = vec![0u8; usize::from(highest) / 8 + 1];
        for &number in numbers {
            if let Some(byte) = bytes.get_mut(usize::from(number) / 8) {
                *byte |= 0x80 >> (number % 8);
            }
        }
        self.bits(7 - highest % 8, &bytes);
    }

    /// UTF8String.
    pub fn utf8(&mut self, text: &str) {
        self.element(Tag::UTF8_STRING, false, text.as_bytes());
    }

    /// PrintableString; the caller keeps to its alphabet.
    pub fn printable(&mut self, text: &str) {
        self.element(Tag::PRINTABLE_STRING, false, text.as_bytes());
    }

    /// IA5String; the caller keeps to ASCII.
    pub fn ia5(&mut self, text: &str) {
        self.element(Tag::IA5_STRING, false, text.as_bytes());
    }

    /// Seconds since 1970 as UTCTime up to 2049 and GeneralizedTime from 2050 (RFC 5280 §4.1.2.5). Years outside
    /// 1950–9999 are clamped to that range.
    pub fn time(&mut self, seconds: i64) {
        let when = moment(seconds);
        if when.year() < 2050 {
            let text = digits(when);
            self.element(Tag::UTC_TIME, false, text.as_bytes().get(2..).unwrap_or_default());
        } else {
            self.generalized_time(seconds);
        }
    }

    /// Seconds since 1970 as GeneralizedTime without a fraction (OCSP, RFC 3161).
    pub fn generalized_time(&mut self, seconds: i64) {
        let text = digits(moment(seconds));
        self.element(Tag::GENERALIZED_TIME, false, text.as_bytes());
    }
}

fn moment(seconds: i64) -> OffsetDateTime {
    // 1950-01-01 and 9999-12-31T23:59:59 in seconds since 1970.
    let seconds = seconds.clamp(-631_152_000, 253_402_300_799);
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn digits(when: OffsetDateTime) -> String {
    let (year, month, day) = (when.year(), u8::from(when.month()), when.day());
    format!("{year:04}{month:02}{day:02}{:02}{:02}{:02}Z", when.hour(), when.minute(), when.second())
}

fn length(out: &mut Vec<u8>, length: usize) {
    if length < 0x80 {
        out.push(length as u8);
        return;
    }
    let bytes = length.to_be_bytes();
    let skip = bytes.iter().take_while(|&&byte| byte == 0).count();
    out.push(0x80 | (bytes.len() - skip) as u8);
    out.extend_from_slice(bytes.get(skip..).unwrap_or_default());
}

fn base128(out: &mut Vec<u8>, value: u32) {
    let mut started = false;
    for shift in [28, 21, 14, 7, 0] {
        let part = (value >> shift & 0x7f) as u8;
        started |= part != 0 || shift == 0;
        if started {
            out.push(part | if shift > 0 { 0x80 } else { 0 });
        }
    }
}
