//! Bytes to lines, strictly: CRLF ends a line and nothing else does (RFC 5321 §2.3.8).

use crate::Error;

/// Bytes that have arrived and were not read yet.
///
/// Invariant: `start <= scanned <= bytes.len()`; no CR or LF stands in `start..scanned`.
#[derive(Debug, Default)]
pub struct Input {
    bytes: Vec<u8>,
    start: usize,
    scanned: usize,
    /// The front of an overlong line was thrown away; its end is still to come.
    skipping: bool,
}

impl Input {
    /// Adds what arrived. The caller keeps the sum below its limit.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes that wait.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether nothing waits, not even half a line.
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && !self.skipping
    }

    /// The waiting bytes as they are, for message text.
    pub fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Takes `count` bytes away.
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.bytes.len());
        self.scanned = self.start;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            (self.start, self.scanned) = (0, 0);
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The next whole line without its CRLF; `None` until one is there.
    ///
    /// # Errors
    /// [`Error::BareCr`], [`Error::BareLf`]: two parsers could disagree about where this line ends; the conversation
    /// must not go on. [`Error::LineTooLong`], [`Error::Nul`]: the line was taken away and the next can be read.
    pub fn next_line(&mut self, bytes_max: usize) -> Option<Result<Vec<u8>, Error>> {
        let rest = self.bytes.get(self.scanned..)?;
        let Some(found) = rest.iter().position(|b| matches!(b, b'\r' | b'\n')) else {
            self.scanned = self.bytes.len();
            if self.len() > bytes_max {
                self.skip();
            }
            return None;
        };
        let end = self.scanned + found;
        self.scanned = end;
        match (self.bytes.get(end), self.bytes.get(end + 1)) {
            (Some(b'\r'), Some(b'\n')) => {}
            (Some(b'\r'), None) => {
                if end - self.start > bytes_max {
                    self.skip_to(end);
                }
                return None;
            }
            (Some(b'\r'), Some(_)) => return Some(Err(Error::BareCr)),
            _ => return Some(Err(Error::BareLf)),
        }
        let line = self.bytes.get(self.start..end).unwrap_or_default().to_vec();
        let skipped = std::mem::take(&mut self.skipping);
        self.consume(end + 2 - self.start);
        Some(if skipped || line.len() > bytes_max {
            Err(Error::LineTooLong)
        } else if line.contains(&0) {
            Err(Error::Nul)
        } else {
            Ok(line)
        })
    }

    fn skip(&mut self) {
        self.skip_to(self.bytes.len());
    }

    fn skip_to(&mut self, end: usize) {
        self.skipping = true;
        self.consume(end - self.start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Lines = Vec<Result<String, Error>>;

    /// All lines of `text` up to the first that ends the conversation.
    fn lines(chunks: &[&[u8]]) -> Lines {
        let mut input = Input::default();
        let mut out = Vec::new();
        for chunk in chunks {
            input.push(chunk);
            while let Some(line) = input.next_line(10) {
                let fatal = matches!(line, Err(Error::BareCr | Error::BareLf));
                out.push(line.map(|l| String::from_utf8_lossy(&l).into_owned()));
                if fatal {
                    return out;
                }
            }
        }
        out
    }

    #[test]
    #[rustfmt::skip]
    fn rfc_5321_section_2_3_8_line_ends() {
        let ok = |s: &str| Ok(s.to_owned());
        let rows: [(&[u8], Lines); 9] = [
            (b"NOOP\r\nQUIT\r\n",         vec![ok("NOOP"), ok("QUIT")]),
            (b"NOOP\r\nQUI",              vec![ok("NOOP")]),
            (b"\r\n",                     vec![ok("")]),
            (b"NOOP\nQUIT\r\n",           vec![Err(Error::BareLf)]),
            (b"NOOP\rQUIT\r\n",           vec![Err(Error::BareCr)]),
            (b"NOOP\r\r\n",               vec![Err(Error::BareCr)]),
            (b"NO\0P\r\nQUIT\r\n",        vec![Err(Error::Nul), ok("QUIT")]),
            (b"01234567890\r\nQUIT\r\n",  vec![Err(Error::LineTooLong), ok("QUIT")]),
            (b"0123456789\r\n",           vec![ok("0123456789")]),
        ];
        for (bytes, expected) in rows {
            assert_eq!(lines(&[bytes]), expected, "{bytes:?}");
            let one_by_one: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(lines(&one_by_one), expected, "{bytes:?} one by one");
        }
    }

    #[test]
    fn an_endless_line_is_not_kept() {
        let mut input = Input::default();
        for _ in 0..1_000 {
            input.push(&[b'x'; 1_000]);
            assert_eq!(input.next_line(512), None);
            assert_eq!(input.len(), 0);
        }
        input.push(b"\r\n");
        assert_eq!(input.next_line(512), Some(Err(Error::LineTooLong)));
    }
}
