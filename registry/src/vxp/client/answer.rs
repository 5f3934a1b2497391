//! An answer with a package in it, which may be larger than memory: where its base64 lies, and what it decodes to.
//!
//! The package is the string `data` of the answer's object. It is found by the one thing that JSON says of strings: where they begin and
//! end (RFC 8259 §7). Everything else of the answer is small, and is read by the same reader as any answer.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA256};
use serde_json::Value;
use store::Spool;

use super::super::hash::names_digest;
use super::text;
use crate::transport::Failure;

/// The member that holds a package.
const DATA: &[u8] = b"data";
/// Symbols decoded at once; whole groups.
const GROUP: usize = 64 * 1024;

/// An answer without its package.
pub(super) struct Outline {
    /// The answer, with an empty string where the package was.
    pub(super) text: Vec<u8>,
    /// The package as JSON and base64 write it; `None` when there is no string of that name.
    pub(super) data: Option<Spool>,
}

/// Where an answer's package lies. `text_max`: bytes of all the rest.
pub(super) fn outline(body: &Spool, text_max: usize) -> Result<Outline, Failure> {
    let mut scan = Scan { text_max, ..Scan::default() };
    body.each_window(|window| scan.take(window))?;
    let data = scan.data.map(|(begins, ends)| body.part(begins, ends - begins));
    Ok(Outline { text: scan.text, data })
}

#[derive(Default)]
struct Scan {
    text: Vec<u8>,
    text_max: usize,
    /// Bytes that were taken.
    at: u64,
    depth: usize,
    /// In a string: whether it is the package.
    string: Option<bool>,
    /// The next byte of the string is not what it seems.
    is_escaped: bool,
    /// Where the string that was read last begins in the text.
    name: usize,
    /// The value that comes next is the package.
    is_data: bool,
    begins: u64,
    data: Option<(u64, u64)>,
}

impl Scan {
    fn take(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        while let Some(&first) = bytes.first() {
            let many = match self.string {
                // What is between a string's ends is passed over at once.
                Some(_) if !self.is_escaped => memchr::memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len()),
                _ => 0,
            };
            let (some, rest) = bytes.split_at(many.max(1));
            if many > 0 {
                self.keep(some, self.string == Some(true))?;
            } else {
                self.byte(first)?;
            }
            self.at += some.len() as u64;
            bytes = rest;
        }
        Ok(())
    }

    fn keep(&mut self, bytes: &[u8], is_package: bool) -> Result<(), Failure> {
        if is_package {
            return Ok(());
        }
        if self.text.len().saturating_add(bytes.len()) > self.text_max {
            return Err(Failure::line("the answer is larger than any should be"));
        }
        self.text.extend_from_slice(bytes);
        Ok(())
    }

    fn byte(&mut self, byte: u8) -> Result<(), Failure> {
        match self.string {
            Some(is_package) => self.byte_of_string(byte, is_package),
            None => self.byte_outside(byte),
        }
    }

    fn byte_of_string(&mut self, byte: u8, is_package: bool) -> Result<(), Failure> {
        let is_end = byte == b'"' && !self.is_escaped;
        self.is_escaped = byte == b'\\' && !self.is_escaped;
        if is_end {
            self.string = None;
            if is_package {
                self.data = Some((self.begins, self.at));
            }
        }
        self.keep(&[byte], is_package && !is_end)
    }

    fn byte_outside(&mut self, byte: u8) -> Result<(), Failure> {
        match byte {
            b'"' => {
                self.string = Some(self.is_data);
                self.begins = self.at + 1;
                self.name = self.text.len() + 1;
            }
            b':' if self.depth == 1 => {
                let name = self.text.get(self.name..).unwrap_or_default().trim_ascii_end();
                self.is_data = name.strip_suffix(b"\"") == Some(DATA);
            }
            b'{' | b'[' => {
                self.depth += 1;
                self.is_data = false;
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.is_data = false;
            }
            b',' => self.is_data = false,
            _ => {}
        }
        self.keep(&[byte], false)
    }
}

/// A package in an answer.
#[derive(Clone, Debug)]
pub struct Fetched {
    data: Spool,
    said_length: Option<u64>,
    said_digest: String,
}

impl Fetched {
    pub(super) fn new(answer: &Value, data: Option<Spool>) -> Result<Self, Failure> {
        let data = data.filter(|_| answer.get("data").is_some_and(Value::is_string));
        let said_length = match answer.get("contentLength") {
            Some(Value::Number(length)) => length.as_u64(),
            Some(Value::String(length)) => length.trim().parse().ok(),
            _ => None,
        };
        Ok(Self {
            data: data.ok_or_else(no_package)?,
            said_length,
            said_digest: text(answer, "contentSha256").to_owned(),
        })
    }

    /// Writes the package out, held against what the axis says of it where it does (RULES E18); answers its SHA-256. It may take a
    /// while: not for an async thread.
    ///
    /// # Errors
    /// A [`Failure`] when it is not whole.
    pub fn unpack(&self, out: &mut dyn io::Write) -> Result<[u8; 32], Failure> {
        let mut decoding = Decoding {
            out,
            print: Context::new(&SHA256),
            written: 0,
            group: Vec::with_capacity(GROUP),
            plain: Vec::new(),
            escape: None,
            is_padded: false,
        };
        self.data.each_window(|window| decoding.take(window))?;
        let (written, sha256) = decoding.finish()?;
        if self.said_length.is_some_and(|length| length != written) {
            return Err(Failure::line("the package is not as long as contentLength says"));
        }
        match self.said_digest.is_empty() || names_digest(&self.said_digest, &sha256) {
            true => Ok(sha256),
            false => Err(Failure::line("the package is not what contentSha256 says")),
        }
    }
}

fn no_package() -> Failure {
    Failure::line("data holds no package")
}

/// A JSON string of base64 on its way to what it holds. White space is left out, however it is written.
struct Decoding<'o> {
    out: &'o mut dyn io::Write,
    print: Context,
    written: u64,
    group: Vec<u8>,
    plain: Vec<u8>,
    /// What came of an escape, behind its backslash (RFC 8259 §7).
    escape: Option<Vec<u8>>,
    /// Padding came: nothing may follow.
    is_padded: bool,
}

impl Decoding<'_> {
    fn take(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        for &byte in bytes {
            match &mut self.escape {
                None if byte == b'\\' => self.escape = Some(Vec::new()),
                None => self.symbol(byte)?,
                Some(escape) => {
                    escape.push(byte);
                    if escape.first() == Some(&b'u') && escape.len() < 5 {
                        continue;
                    }
                    let symbol = meant(&self.escape.take().unwrap_or_default()).ok_or_else(no_package)?;
                    self.symbol(symbol)?;
                }
            }
        }
        Ok(())
    }

    fn symbol(&mut self, symbol: u8) -> Result<(), Failure> {
        if !symbol.is_ascii_whitespace() {
            self.group.push(symbol);
        }
        if self.group.len() == GROUP { self.decode() } else { Ok(()) }
    }

    fn decode(&mut self) -> Result<(), Failure> {
        if self.is_padded {
            return Err(no_package());
        }
        self.plain.clear();
        STANDARD.decode_vec(&self.group, &mut self.plain).map_err(|_| no_package())?;
        self.is_padded = self.group.last() == Some(&b'=');
        self.group.clear();
        self.print.update(&self.plain);
        self.written += self.plain.len() as u64;
        self.out.write_all(&self.plain).map_err(|error| store::Error::Unavailable(error.to_string()).into())
    }

    fn finish(mut self) -> Result<(u64, [u8; 32]), Failure> {
        if !self.group.is_empty() {
            self.decode()?;
        }
        if self.written == 0 || self.escape.is_some() {
            return Err(no_package());
        }
        let sha256 = self.print.finish().as_ref().try_into().map_err(|_| no_package())?;
        Ok((self.written, sha256))
    }
}

/// The byte that an escape stands for; what base64 has no use for stands for nothing.
fn meant(escape: &[u8]) -> Option<u8> {
    match escape {
        b"/" => Some(b'/'),
        b"n" | b"r" | b"t" | b"b" | b"f" => Some(b' '),
        [b'u', hex @ ..] => {
            let number = u32::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?;
            u8::try_from(number).ok().filter(u8::is_ascii)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &str) -> Result<Vec<u8>, String> {
        let said = |failure: Failure| failure.words;
        let outline = outline(&answer.as_bytes().to_vec().into(), 4096).map_err(said)?;
        let rest: Value = serde_json::from_slice(&outline.text).map_err(|error| error.to_string())?;
        let mut package = Vec::new();
        Fetched::new(&rest, outline.data).map_err(said)?.unpack(&mut package).map_err(said)?;
        Ok(package)
    }

    /// As libraries in the field write it: slashes escaped, `=` as a number, lines.
    #[test]
    fn vxp_3_10_a_package_is_found_however_its_json_is_written() {
        let file: Vec<u8> = (0..200_000u32).map(|n| (n % 1009 * 7 % 251) as u8).collect();
        let base64 = STANDARD.encode(&file);
        let lines = base64.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned());
        let rows = [
            base64.clone(),
            base64.replace('/', "\\/"),
            base64.replace('=', "\\u003d").replace('+', "\\u002B"),
            lines.collect::<Vec<_>>().join("\\r\\n"),
        ];
        for data in rows {
            for answer in [
                format!("{{\"data\":\"{data}\",\"contentLength\":{}}}", file.len()),
                format!(
                    "{{ \"a\":{{\"data\":\"\"}},\"b\":\"data\", \"data\" :\n\"{data}\" , \"c\":[\"\\\"\"]}}"
                ),
            ] {
                assert!(read(&answer).as_ref() == Ok(&file), "{answer:.80}");
            }
        }
    }

    #[test]
    #[rustfmt::skip]
    fn vxp_3_10_what_holds_no_package_is_refused() {
        let long = "x".repeat(5000);
        let rows = [
            (r#"{}"#.to_owned(), "data holds no package"),
            (r#"{"data":null}"#.to_owned(), "data holds no package"),
            (r#"{"data":""}"#.to_owned(), "data holds no package"),
            (r#"{"data":"YWJj","data":7}"#.to_owned(), "data holds no package"),
            (r#"{"a":{"data":"YWJj"}}"#.to_owned(), "data holds no package"),
            (r#"{"data":"YWJ"}"#.to_owned(), "data holds no package"),
            (r#"{"data":"YW==YWJj"}"#.to_owned(), "data holds no package"),
            (r#"{"data":"YW\"Jj"}"#.to_owned(), "data holds no package"),
            (r#"{"data":"YWJj\u00e1"}"#.to_owned(), "data holds no package"),
            (r#"{"data":"YWJj","contentLength":4}"#.to_owned(), "the package is not as long as contentLength says"),
            (format!("{{\"data\":\"YWJj\",\"a\":\"{long}\"}}"), "the answer is larger than any should be"),
        ];
        for (answer, expected) in rows {
            assert_eq!(read(&answer), Err(expected.to_owned()), "{answer:.80}");
        }
    }
}
