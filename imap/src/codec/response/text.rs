//! Strings as the client can take them (RFC 9051 §4.3, §5.1; RFC 2047; RFC 2231).

use mail::Timestamp;

use super::super::utf7;
use super::Out;

/// Longest quoted string; what is longer goes as a literal. Old clients read quoted strings into buffers of a kilobyte.
const QUOTED_MAX: usize = 1_000;
/// Octets of text in one encoded word, so that each stays below 75 characters with its frame (RFC 2047 §2).
const WORD_BYTES: usize = 45;

impl Out {
    /// A string: quoted where that is safe, a literal otherwise.
    pub fn string(&mut self, text: &str) {
        // No string holds NUL (RFC 9051 §9, CHAR8): what a damaged message has of it is left out.
        if text.contains('\0') {
            return self.string(&text.replace('\0', ""));
        }
        let utf8 = self.utf8;
        let is_plain = |byte: &u8| matches!(byte, 0x20..=0x7e) || (utf8 && *byte >= 0x80);
        if text.len() > QUOTED_MAX || !text.as_bytes().iter().all(is_plain) {
            return self.literal(text.as_bytes());
        }
        self.raw("\"");
        let mut rest = text;
        while let Some(at) = rest.find(['"', '\\']) {
            let (before, special) = rest.split_at(at);
            self.raw(before);
            self.raw("\\");
            self.raw(special.get(..1).unwrap_or_default());
            rest = special.get(1..).unwrap_or_default();
        }
        self.raw(rest);
        self.raw("\"");
    }

    /// A string or NIL.
    pub fn nstring(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.string(text),
            None => self.raw("NIL"),
        }
    }

    /// A literal (RFC 9051 §4.3): any bytes.
    pub fn literal(&mut self, bytes: &[u8]) {
        self.raw("{");
        self.number(bytes.len() as u64);
        self.raw("}\r\n");
        self.bytes.extend_from_slice(bytes);
    }

    /// A literal8 (RFC 3516 §4.4): decoded content, which may hold NUL.
    pub(crate) fn literal8(&mut self, bytes: &[u8]) {
        self.raw("~");
        self.literal(bytes);
    }

    /// A mailbox's name: UTF-8 for who reads it, modified UTF-7 for others (RFC 3501 §5.1.3).
    pub fn mailbox(&mut self, name: &str) {
        match self.utf8 || !utf7::is_needed(name) {
            true => self.string(name),
            false => self.string(&utf7::encode(name)),
        }
    }

    /// Text of a header, decoded: as it is for who reads UTF-8, else in encoded words where it is more than plain ASCII.
    pub(crate) fn header_text(&mut self, text: &str) {
        let is_plain = text.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
        if (is_plain && !text.contains("=?")) || (self.utf8 && !text.contains(char::is_control)) {
            return self.string(text);
        }
        let start = self.len();
        self.encoded_words(text);
        if self.len() - start > QUOTED_MAX {
            let words = self.bytes.split_off(start);
            return self.literal(&words);
        }
        self.bytes.insert(start, b'"');
        self.raw("\"");
    }

    /// RFC 2047: `B` where most of it is foreign to ASCII, `Q` where little is. Words are cut between characters.
    fn encoded_words(&mut self, text: &str) {
        let foreign = text.bytes().filter(|byte| !is_q_plain(*byte)).count();
        let is_b = foreign * 6 > text.len();
        let words_max = if is_b { WORD_BYTES } else { WORD_BYTES / 3 + 5 };
        let mut rest = text;
        let mut is_first = true;
        while !rest.is_empty() {
            let cut = mail::text::clip(rest, words_max);
            self.raw(if std::mem::take(&mut is_first) { "" } else { " " });
            match is_b {
                true => {
                    self.raw("=?utf-8?B?");
                    self.base64(cut.as_bytes());
                }
                false => {
                    self.raw("=?utf-8?Q?");
                    cut.bytes().for_each(|byte| self.q_byte(byte));
                }
            }
            self.raw("?=");
            rest = rest.get(cut.len()..).unwrap_or_default();
        }
    }

    fn q_byte(&mut self, byte: u8) {
        match byte {
            b' ' => self.raw("_"),
            _ if is_q_plain(byte) => self.bytes.push(byte),
            _ => self.escape(b'=', byte),
        }
    }

    fn escape(&mut self, sign: u8, byte: u8) {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
        self.bytes.extend([sign, digit(byte >> 4), digit(byte & 15)]);
    }

    fn base64(&mut self, bytes: &[u8]) {
        use base64::Engine as _;
        // WORD_BYTES are sixty digits.
        let mut digits = [0u8; 64];
        let engine = base64::engine::general_purpose::STANDARD;
        let written = engine.encode_slice(bytes, &mut digits).unwrap_or(0);
        self.bytes.extend_from_slice(digits.get(..written).unwrap_or_default());
    }

    /// A parameter of MIME with its name. What is more than ASCII goes as RFC 2231 wants it (`filename*`), except `name`, which
    /// every client knows as encoded words; a part with a file name carries both.
    pub(crate) fn parameter(&mut self, name: &str, value: &str) {
        let is_plain = value.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
        if is_plain || self.utf8 || name == "name" {
            self.string(name);
            self.raw(" ");
            return match is_plain {
                true => self.string(value),
                false => self.header_text(value),
            };
        }
        let start = self.len();
        self.raw("\"");
        name.bytes().filter(|byte| is_attribute(*byte)).for_each(|byte| self.bytes.push(byte));
        self.raw("*\" ");
        let value_start = self.len();
        self.raw("utf-8''");
        for byte in value.bytes() {
            match is_attribute(byte) {
                true => self.bytes.push(byte),
                false => self.escape(b'%', byte),
            }
        }
        debug_assert!(start < value_start);
        let digits = self.bytes.split_off(value_start);
        self.string(std::str::from_utf8(&digits).unwrap_or_default());
    }

    /// Pairs in parentheses; NIL without any.
    pub(crate) fn pairs<'t>(&mut self, pairs: impl IntoIterator<Item = (&'t str, &'t str)>) {
        let mut is_first = true;
        for (name, value) in pairs {
            self.raw(if std::mem::take(&mut is_first) { "(" } else { " " });
            self.string(name);
            self.raw(" ");
            self.string(value);
        }
        self.raw(if is_first { "NIL" } else { ")" });
    }

    /// INTERNALDATE's form (RFC 9051 §9, `date-time`), in Vietnam time.
    pub(crate) fn date_time(&mut self, moment: Timestamp) {
        let t = moment.to_vietnam();
        self.raw(if t.day() < 10 { "\" " } else { "\"" });
        self.number(u64::from(t.day()));
        self.raw("-");
        self.raw(month(t.month().into()));
        self.raw("-");
        self.year(t.year());
        self.clock(t.hour(), t.minute(), t.second());
        self.raw(" +0700\"");
    }

    /// A Date field's form (RFC 5322 §3.3), in Vietnam time.
    pub(crate) fn header_date(&mut self, moment: Timestamp) {
        const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        let t = moment.to_vietnam();
        self.raw("\"");
        self.raw(DAYS.get(usize::from(t.weekday().number_days_from_sunday())).unwrap_or(&"Sun"));
        self.raw(", ");
        self.number(u64::from(t.day()));
        self.raw(" ");
        self.raw(month(t.month().into()));
        self.raw(" ");
        self.year(t.year());
        self.clock(t.hour(), t.minute(), t.second());
        self.raw(" +0700\"");
    }

    fn year(&mut self, year: i32) {
        let year = u64::try_from(year).unwrap_or(0).min(9_999);
        self.raw(match year {
            1_000.. => "",
            100..1_000 => "0",
            10..100 => "00",
            _ => "000",
        });
        self.number(year);
    }

    fn clock(&mut self, hour: u8, minute: u8, second: u8) {
        for (sign, number) in [(" ", hour), (":", minute), (":", second)] {
            self.raw(sign);
            self.raw(if number < 10 { "0" } else { "" });
            self.number(u64::from(number));
        }
    }
}

/// What stands for itself in a `Q` word of a phrase (RFC 2047 §5).
fn is_q_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'!' | b'*' | b'+' | b'-' | b'/')
}

/// `attribute-char` (RFC 2231 §7).
fn is_attribute(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$&+-.^_`{|}~".contains(&byte)
}

fn month(number: u8) -> &'static str {
    super::super::MONTHS.get(usize::from(number.saturating_sub(1))).copied().unwrap_or("Jan")
}
