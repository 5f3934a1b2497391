//! The markup of a large package without its attachments: long runs of base64 stay where they are, and only where they are is noted.
//!
//! A run begins after `>` or `[` (the end of a tag, or of `<![CDATA[`) and goes on as long as its bytes mean the same to base64 and nothing to
//! XML: the alphabet, white space, and references to white space, which some builders write at the ends of lines. So wherever a run stands,
//! taking bytes out of it changes nothing of the structure. Its first [`KEPT`] symbols stay in the text: whoever reads another element than an
//! attachment sees that it is longer than any may be, however much white space is in it.

use std::ops::Range;

use super::source::Source;
use crate::{Error, Limits};

/// Symbols of a run that stay in the text, white space not counted.
const KEPT: u64 = 64 * 1024;
/// Bytes read at once.
pub(super) const WINDOW: usize = 128 * 1024;
/// White space as references write it (XML 1.0 §4.1).
const REFERENCES: [&[u8]; 9] =
    [b"&#13;", b"&#xD;", b"&#xd;", b"&#10;", b"&#xA;", b"&#xa;", b"&#9;", b"&#x9;", b"&#32;"];
/// The longest of them.
const REFERENCE_MAX: usize = 5;

/// A part of the source that is not in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Before which byte of the text it would be.
    pub(super) at: usize,
    /// Where it is.
    pub(super) source: Range<u64>,
}

/// The text of a package, and what was left out of it.
#[derive(Debug, Default)]
pub(super) struct Skimmed {
    pub(super) text: Vec<u8>,
    pub(super) cuts: Vec<Cut>,
    /// There is more text than is kept, and it was given up.
    pub(super) is_beginning: bool,
}

/// Reads a source through.
pub(super) fn skim(source: &dyn Source, limits: &Limits) -> Result<Skimmed, Error> {
    let mut skimmer = Skimmer::default();
    let mut window = vec![0; WINDOW];
    while skimmer.at < source.len() {
        let read = source.read_at(skimmer.at, &mut window).map_err(|_| Error::Unavailable)?;
        let Some(bytes) = window.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Err(Error::Unavailable);
        };
        skimmer.take(bytes);
        if skimmer.skimmed.text.len() > limits.markup_bytes_max {
            return Ok(skimmer.beginning());
        }
    }
    Ok(skimmer.finish())
}

#[derive(Default)]
struct Skimmer {
    skimmed: Skimmed,
    /// Bytes of the source that were taken.
    at: u64,
    /// Symbols that stay, of the run we are in.
    run: Option<u64>,
    /// Where what is left out of this run begins.
    cut: Option<u64>,
    /// A reference in a run, as far as it was read.
    reference: Vec<u8>,
}

fn is_of_a_run(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'=' | b' ' | b'\t' | b'\r' | b'\n')
}

impl Skimmer {
    fn take(&mut self, mut bytes: &[u8]) {
        while let Some((&first, rest)) = bytes.split_first() {
            if !self.reference.is_empty() {
                self.go_on_with_reference(first);
                bytes = rest;
                continue;
            }
            let (some, more) = match self.run {
                Some(_) => bytes.split_at(bytes.iter().position(|b| !is_of_a_run(*b)).unwrap_or(bytes.len())),
                // What ends a tag is taken with it.
                None => bytes.split_at(memchr::memchr2(b'>', b'[', bytes).map_or(bytes.len(), |at| at + 1)),
            };
            match self.run {
                Some(_) if some.is_empty() && first == b'&' => {
                    self.reference.push(first);
                    self.at += 1;
                    bytes = rest;
                }
                Some(_) if some.is_empty() => self.end_run(),
                Some(_) => {
                    self.of_run(some);
                    bytes = more;
                }
                None => {
                    self.plain(some);
                    bytes = more;
                }
            }
        }
    }

    /// Bytes that are not in a run.
    fn plain(&mut self, bytes: &[u8]) {
        self.skimmed.text.extend_from_slice(bytes);
        self.at += bytes.len() as u64;
        if matches!(bytes.last(), Some(b'>' | b'[')) {
            self.run = Some(0);
        }
    }

    /// Bytes of the run, of which the first stay.
    fn of_run(&mut self, bytes: &[u8]) {
        if self.cut.is_none() {
            let mut symbols = self.run.unwrap_or(0);
            let first_too_many = bytes.iter().position(|byte| {
                symbols += u64::from(!byte.is_ascii_whitespace());
                symbols > KEPT
            });
            self.run = Some(symbols);
            self.skimmed
                .text
                .extend_from_slice(bytes.get(..first_too_many.unwrap_or(bytes.len())).unwrap_or_default());
            self.cut = first_too_many.map(|at| self.at + at as u64);
        }
        self.at += bytes.len() as u64;
    }

    fn go_on_with_reference(&mut self, byte: u8) {
        self.reference.push(byte);
        self.at += 1;
        if byte != b';' && self.reference.len() < REFERENCE_MAX {
            return;
        }
        let reference = std::mem::take(&mut self.reference);
        match REFERENCES.contains(&reference.as_slice()) {
            true if self.cut.is_none() => self.skimmed.text.extend_from_slice(&reference),
            true => {}
            false => {
                self.at -= reference.len() as u64;
                self.end_run();
                self.take(&reference);
            }
        }
    }

    fn end_run(&mut self) {
        self.run = None;
        if let Some(begins) = self.cut.take() {
            self.skimmed.cuts.push(Cut { at: self.skimmed.text.len(), source: begins..self.at });
        }
    }

    /// What is there of too much: up to the end of a tag, so that no letter is cut in two.
    fn beginning(mut self) -> Skimmed {
        let end = memchr::memrchr(b'>', &self.skimmed.text).map_or(0, |at| at + 1);
        self.skimmed.text.truncate(end);
        self.skimmed.is_beginning = true;
        self.skimmed
    }

    fn finish(mut self) -> Skimmed {
        let reference = std::mem::take(&mut self.reference);
        self.at -= reference.len() as u64;
        self.end_run();
        self.skimmed.text.extend_from_slice(&reference);
        self.skimmed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text with what was cut put back in.
    fn put_back(bytes: &[u8], skimmed: &Skimmed) -> Vec<u8> {
        let (mut whole, mut at) = (Vec::new(), 0);
        for cut in &skimmed.cuts {
            whole.extend_from_slice(&skimmed.text[at..cut.at]);
            whole.extend_from_slice(&bytes[cut.source.start as usize..cut.source.end as usize]);
            at = cut.at;
        }
        whole.extend_from_slice(&skimmed.text[at..]);
        whole
    }

    fn in_windows(bytes: &[u8], window: usize) -> Skimmed {
        let mut skimmer = Skimmer::default();
        bytes.chunks(window).for_each(|window| skimmer.take(window));
        assert_eq!(skimmer.at, bytes.len() as u64);
        skimmer.finish()
    }

    #[test]
    fn only_long_runs_are_left_out_and_nothing_is_lost() {
        let long = "QUJD".repeat(50_000);
        let lines = "QUJD&#13;\nQUJD&#xA;\t".repeat(10_000);
        let rows = [
            (format!("<a>{long}</a>"), 1),
            (format!("<a>{lines}</a><b>{long}</b>"), 2),
            (format!("<a><![CDATA[{long}]]></a>"), 1),
            (format!("<a>{long}&amp;{long}</a>"), 1),
            (format!("<a>{}05{}</a>", " ".repeat(90_000), "\n".repeat(90_000)), 0),
            (format!("<a b='{long}'/>"), 0),
            (format!("<a>{}</a>", "QUJD".repeat(16_384)), 0),
            (format!("<a>{}</a>", "ă".repeat(80_000)), 0),
            (format!("<a>{long}"), 1),
            (format!("<a>{long}&#1"), 1),
            (format!("<a>{long}&&#13;>{long}"), 2),
        ];
        for (text, cuts) in &rows {
            for window in [1, 7, 65_536, usize::MAX >> 1] {
                let skimmed = in_windows(text.as_bytes(), window);
                assert_eq!(skimmed.cuts.len(), *cuts, "{}", &text[..20]);
                assert!(put_back(text.as_bytes(), &skimmed) == text.as_bytes(), "{}", &text[..20]);
                assert!(*cuts == 0 || skimmed.text.len() < 300_000);
            }
        }
    }
}
