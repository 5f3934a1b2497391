//! What the server says (RFC 9051 §7, RFC 3501 §7 and the extensions beside each word), as bytes.
//!
//! [`Out`] gathers whole responses. It knows whether the client reads UTF-8 (RFC 6855, RFC 9051): before that it gets names in
//! modified UTF-7 and nothing of eight bits in a quoted string.

mod code;
mod data;
mod item;
mod text;

pub use code::{Code, Condition};
pub use data::{Esearch, ListAttribute, ListRow, Numbers, Quota, StatusValue};
pub use item::Fetch;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Responses waiting to be sent.
#[derive(Debug, Default)]
pub struct Out {
    bytes: Vec<u8>,
    utf8: bool,
}

impl Out {
    /// Nothing yet, for a client that reads seven bits.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on the client reads UTF-8: it said ENABLE UTF8=ACCEPT (RFC 6855 §3) or IMAP4rev2 (RFC 9051 §5.1).
    pub fn set_utf8(&mut self, utf8: bool) {
        self.utf8 = utf8;
    }

    /// Bytes that wait.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes what waits away.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// `tag OK [code] words` (RFC 9051 §7.1).
    pub fn tagged(&mut self, tag: &str, condition: Condition, code: Option<Code<'_>>, words: &str) {
        self.raw(tag);
        self.status(condition, code, words);
    }

    /// `* OK [code] words`: a greeting, a piece of news, BYE.
    pub fn untagged(&mut self, condition: Condition, code: Option<Code<'_>>, words: &str) {
        self.raw("*");
        self.status(condition, code, words);
    }

    /// `+ words`: go on (RFC 9051 §7.6).
    pub fn go_on(&mut self, words: &str) {
        self.raw("+ ");
        self.words(words);
        self.end_line();
    }

    /// `+ base64`: a mechanism's challenge (RFC 9051 §6.2.2).
    pub fn challenge(&mut self, challenge: &[u8]) {
        self.raw("+ ");
        self.raw(&STANDARD.encode(challenge));
        self.end_line();
    }

    fn status(&mut self, condition: Condition, code: Option<Code<'_>>, words: &str) {
        self.raw(" ");
        self.raw(condition.word());
        self.raw(" ");
        if let Some(code) = code {
            self.raw("[");
            self.code(&code);
            self.raw("] ");
        }
        self.words(words);
        self.end_line();
    }

    /// Text for people: never empty (RFC 9051 §9, `text`), one line. A client that reads seven bits gets Vietnamese without its marks.
    fn words(&mut self, words: &str) {
        let mut buffer = [0; 4];
        for c in words.chars() {
            match c {
                _ if c.is_control() => self.raw("?"),
                _ if self.utf8 || c.is_ascii() => self.raw(c.encode_utf8(&mut buffer)),
                _ => {
                    let folded = mail::text::fold(c.encode_utf8(&mut buffer));
                    match folded.is_ascii() {
                        true if c.is_uppercase() => self.raw(&folded.to_ascii_uppercase()),
                        true => self.raw(&folded),
                        false => self.raw("-"),
                    }
                }
            }
        }
        if words.is_empty() {
            self.raw(".");
        }
    }

    pub(crate) fn raw(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn end_line(&mut self) {
        self.raw("\r\n");
    }

    /// A number, without the machinery of `fmt`.
    pub(crate) fn number(&mut self, mut number: u64) {
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            if let Some(digit) = digits.get_mut(at) {
                *digit = b'0' + (number % 10) as u8;
            }
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.bytes.extend_from_slice(digits.get(at..).unwrap_or_default());
    }
}
