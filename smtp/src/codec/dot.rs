//! Message text on the wire: dots at the start of lines are doubled, a lone dot ends the text (RFC 5321 §4.5.2).

/// Why a text cannot be taken. The text is still read to its end, so that no line of it becomes a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongText {
    /// A CR without LF, an LF without CR (RFC 5321 §2.3.8), or a NUL (RFC 5322 §3.5).
    LineEnd,
    /// A line beyond the limit.
    LineTooLong,
}

/// What one piece of input held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fed {
    /// Bytes of the input that belong to the text. The rest, after the end, are commands.
    pub consumed: usize,
    /// The lone dot was seen.
    pub ended: bool,
}

/// Where in a line the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    LineStart,
    /// After a dot at a line's start.
    Dot,
    /// After a dot and a CR.
    DotCr,
    Text,
    Cr,
}

/// Takes the stuffing away and finds the end. Only CRLF `.` CRLF ends a text; every near miss makes it wrong.
#[derive(Debug)]
pub struct DotDecoder {
    at: At,
    line_bytes: usize,
    line_bytes_max: usize,
    wrong: Option<WrongText>,
}

impl DotDecoder {
    /// Starts after the CRLF of the DATA command.
    pub fn new(line_bytes_max: usize) -> Self {
        Self { at: At::LineStart, line_bytes: 0, line_bytes_max, wrong: None }
    }

    /// The first thing that was wrong so far.
    pub fn wrong(&self) -> Option<WrongText> {
        self.wrong
    }

    /// Reads `input` up to the end of the text; the text itself goes to `out`. Once the text is wrong, what is written no longer matters
    /// and nothing more is.
    pub fn feed(&mut self, input: &[u8], mut out: impl FnMut(&[u8])) -> Fed {
        let mut read = 0;
        while let Some(rest) = input.get(read..).filter(|rest| !rest.is_empty()) {
            if self.at == At::Text {
                let run = rest.iter().position(|b| matches!(b, b'\r' | b'\n' | 0)).unwrap_or(rest.len());
                self.text(rest.get(..run).unwrap_or_default(), &mut out);
                read += run;
            }
            let Some(&byte) = input.get(read) else { break };
            read += 1;
            if self.step(byte, &mut out) {
                return Fed { consumed: read, ended: true };
            }
        }
        Fed { consumed: read, ended: false }
    }

    /// One byte; true when it is the last of the text.
    fn step(&mut self, byte: u8, out: &mut impl FnMut(&[u8])) -> bool {
        self.at = match (self.at, byte) {
            (At::DotCr, b'\n') => return true,
            (At::Cr, b'\n') => {
                if self.wrong.is_none() {
                    out(b"\r\n");
                }
                self.line_bytes = 0;
                At::LineStart
            }
            (At::Cr | At::DotCr, b'\r') => self.bad(At::Cr),
            (At::Cr | At::DotCr, _) => self.bad(At::Text),
            (_, b'\n' | 0) => self.bad(At::Text),
            (At::Dot, b'\r') => At::DotCr,
            (_, b'\r') => At::Cr,
            (At::LineStart, b'.') => At::Dot,
            (_, other) => {
                self.text(&[other], out);
                At::Text
            }
        };
        false
    }

    fn bad(&mut self, next: At) -> At {
        self.wrong.get_or_insert(WrongText::LineEnd);
        next
    }

    fn text(&mut self, run: &[u8], out: &mut impl FnMut(&[u8])) {
        self.line_bytes += run.len();
        if self.line_bytes > self.line_bytes_max {
            self.wrong.get_or_insert(WrongText::LineTooLong);
        }
        if self.wrong.is_none() {
            out(run);
        }
    }
}

/// Writes text in its wire form. Whatever the text holds, only CRLF ends a line on the wire: a bare CR or LF becomes
/// CRLF, so the next host cannot see another end of the message than we do.
#[derive(Debug)]
pub struct DotEncoder {
    line_start: bool,
    /// The last byte was a CR and has not been written.
    cr: bool,
}

impl Default for DotEncoder {
    fn default() -> Self {
        Self { line_start: true, cr: false }
    }
}

impl DotEncoder {
    /// Writes a piece.
    pub fn encode(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let mut rest = text;
        while let Some((&first, tail)) = rest.split_first() {
            if std::mem::take(&mut self.cr) {
                self.end_line(out);
                if first == b'\n' {
                    rest = tail;
                    continue;
                }
            }
            match first {
                b'\r' => {
                    self.cr = true;
                    rest = tail;
                }
                b'\n' => {
                    self.end_line(out);
                    rest = tail;
                }
                _ => {
                    if self.line_start && first == b'.' {
                        out.push(b'.');
                    }
                    let run = rest.iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(rest.len());
                    let (line, after) = rest.split_at(run);
                    out.extend_from_slice(line);
                    self.line_start = false;
                    rest = after;
                }
            }
        }
    }

    /// Ends the text with the lone dot.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        if self.cr || !self.line_start {
            self.end_line(out);
        }
        out.extend_from_slice(b".\r\n");
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\r\n");
        self.line_start = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = DotEncoder::default();
        encoder.encode(text, &mut out);
        encoder.finish(&mut out);
        out
    }

    fn decode(wire: &[u8], chunk: usize) -> (Vec<u8>, Option<WrongText>, usize, bool) {
        let mut decoder = DotDecoder::new(998);
        let (mut out, mut consumed) = (Vec::new(), 0);
        for piece in wire.chunks(chunk) {
            let fed = decoder.feed(piece, |run| out.extend_from_slice(run));
            consumed += fed.consumed;
            if fed.ended {
                return (out, decoder.wrong(), consumed, true);
            }
        }
        (out, decoder.wrong(), consumed, false)
    }

    #[test]
    #[rustfmt::skip]
    fn rfc_5321_section_4_5_2_stuffing() {
        let rows: [(&str, &str); 8] = [
            ("",                  ".\r\n"),
            ("a\r\n",             "a\r\n.\r\n"),
            ("a",                 "a\r\n.\r\n"),
            (".\r\n",             "..\r\n.\r\n"),
            ("a\r\n.b\r\n",       "a\r\n..b\r\n.\r\n"),
            // Sending half of the smuggling table: what could end early elsewhere goes out harmless.
            ("a\n.\nMAIL\r\n",    "a\r\n..\r\nMAIL\r\n.\r\n"),
            ("a\r.\rMAIL\r\n",    "a\r\n..\r\nMAIL\r\n.\r\n"),
            ("a\r\r\n.\r\r\n",    "a\r\n\r\n..\r\n\r\n.\r\n"),
        ];
        for (text, wire) in rows {
            assert_eq!(String::from_utf8(encode(text.as_bytes())).unwrap(), wire, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_stuffed_comes_out_again(lines in prop::collection::vec("[.a\u{0}-\u{1}ễ]{0,6}", 0..8), chunk in 1usize..9) {
            let text: String = lines.iter().map(|l| l.replace('\0', "") + "\r\n").collect();
            let mut wire = encode(text.as_bytes());
            wire.extend_from_slice(b"QUIT\r\n");
            let (out, wrong, consumed, ended) = decode(&wire, chunk);
            prop_assert_eq!(out, text.as_bytes());
            prop_assert!(wrong.is_none() && ended);
            prop_assert_eq!(&wire[consumed..], b"QUIT\r\n");
        }

        #[test]
        fn pieces_do_not_matter(wire in prop::collection::vec(prop::sample::select(b"\r\n..a\0".to_vec()), 0..40), chunk in 1usize..9) {
            let (whole, pieces) = (decode(&wire, 64), decode(&wire, chunk));
            prop_assert_eq!(whole, pieces);
        }

        #[test]
        fn nothing_that_is_sent_ends_early(text in prop::collection::vec(prop::sample::select(b"\r\n..ab".to_vec()), 0..60)) {
            let wire = encode(&text);
            let (_, wrong, consumed, ended) = decode(&wire, 64);
            prop_assert!(ended && wrong.is_none());
            prop_assert_eq!(consumed, wire.len());
        }
    }
}
