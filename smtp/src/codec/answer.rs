//! A peer's replies, read with bounds (RFC 5321 §4.2.1).

use super::{Input, Reply};
use crate::{Error, Limits};

/// Collects the lines of replies. What a peer says is kept within [`Limits::reply_lines_max`] lines of
/// [`Limits::reply_line_bytes_max`] octets.
#[derive(Debug)]
pub struct ReplyReader {
    input: Input,
    code: Option<u16>,
    lines: Vec<String>,
    lines_max: usize,
    line_bytes_max: usize,
}

impl ReplyReader {
    /// With the sizes of `limits`.
    pub fn new(limits: &Limits) -> Self {
        Self {
            input: Input::default(),
            code: None,
            lines: Vec::new(),
            lines_max: limits.reply_lines_max,
            line_bytes_max: limits.reply_line_bytes_max,
        }
    }

    /// Adds what arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.input.push(bytes);
    }

    /// Whether nothing waits, not even the beginning of a reply.
    pub fn is_empty(&self) -> bool {
        self.input.is_empty() && self.code.is_none()
    }

    /// Bytes that wait.
    pub fn len(&self) -> usize {
        self.input.len()
    }

    /// The next whole reply; `None` until one is there.
    ///
    /// # Errors
    /// [`Error::BadReply`] for anything that is none; the conversation cannot go on.
    pub fn next_reply(&mut self) -> Option<Result<Reply, Error>> {
        loop {
            let line = match self.input.next_line(self.line_bytes_max)? {
                Ok(line) => line,
                Err(_) => return Some(Err(Error::BadReply)),
            };
            match self.line(&line) {
                Ok(None) => {}
                Ok(Some(reply)) => return Some(Ok(reply)),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<Option<Reply>, Error> {
        let (digits, rest) = line.split_at_checked(3).ok_or(Error::BadReply)?;
        let code = match digits {
            [a @ b'2'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
                u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0')
            }
            _ => return Err(Error::BadReply),
        };
        let last = match rest.first() {
            None | Some(b' ') => true,
            Some(b'-') => false,
            Some(_) => return Err(Error::BadReply),
        };
        if self.lines.len() >= self.lines_max || self.code.is_some_and(|first| first != code) {
            return Err(Error::BadReply);
        }
        self.code = Some(code);
        let text = rest.get(1..).unwrap_or_default();
        self.lines.push(String::from_utf8_lossy(text).into_owned());
        if !last {
            return Ok(None);
        }
        self.code = None;
        Ok(Some(with_status(code, std::mem::take(&mut self.lines))))
    }
}

/// Takes the enhanced status code off the lines when the first carries one that fits the code (RFC 2034 §4).
fn with_status(code: u16, lines: Vec<String>) -> Reply {
    let status = lines
        .first()
        .and_then(|line| line.split(' ').next())
        .and_then(|word| word.parse::<super::Status>().ok())
        .filter(|status| u16::from(status.class()) == code / 100);
    let Some(status) = status else {
        return Reply::new(code, None, lines);
    };
    let word = status.to_string();
    let words = lines.iter().map(|line| line.strip_prefix(&word).unwrap_or(line).trim_start_matches(' '));
    Reply::new(code, Some(status), words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8], chunk: usize) -> Vec<Result<String, Error>> {
        let mut reader = ReplyReader::new(&Limits { reply_lines_max: 3, ..Limits::default() });
        let mut out = Vec::new();
        for piece in bytes.chunks(chunk) {
            reader.push(piece);
            while let Some(reply) = reader.next_reply() {
                let failed = reply.is_err();
                out.push(reply.map(|r| r.to_string()));
                if failed {
                    return out;
                }
            }
        }
        out
    }

    #[test]
    #[rustfmt::skip]
    fn rfc_5321_section_4_2_1_replies() {
        let ok = |s: &str| Ok(s.to_owned());
        let rows: [(&str, Vec<Result<String, Error>>); 13] = [
            ("250 OK\r\n",                                   vec![ok("250 OK")]),
            ("250\r\n",                                      vec![ok("250")]),
            ("250-a\r\n250-b\r\n250 c\r\n",                  vec![ok("250 a b c")]),
            ("550-5.1.1 No such\r\n550 5.1.1 user\r\n",      vec![ok("550 5.1.1 No such user")]),
            ("550 4.1.1 mixed\r\n",                          vec![ok("550 4.1.1 mixed")]),
            ("250 a\r\n354 b\r\n",                           vec![ok("250 a"), ok("354 b")]),
            ("250-a\r\n251 b\r\n",                           vec![Err(Error::BadReply)]),
            ("250-a\r\n250-b\r\n250-c\r\n250 d\r\n",         vec![Err(Error::BadReply)]),
            ("250 a\n",                                      vec![Err(Error::BadReply)]),
            ("150 a\r\n",                                    vec![Err(Error::BadReply)]),
            ("25\r\n",                                       vec![Err(Error::BadReply)]),
            ("250x\r\n",                                     vec![Err(Error::BadReply)]),
            ("HTTP/1.1 200 OK\r\n",                          vec![Err(Error::BadReply)]),
        ];
        for (bytes, expected) in rows {
            assert_eq!(read(bytes.as_bytes(), 99), expected, "{bytes:?}");
            assert_eq!(read(bytes.as_bytes(), 1), expected, "{bytes:?} byte by byte");
        }
    }

    #[test]
    fn a_status_of_another_class_stays_text() {
        let mut reader = ReplyReader::new(&Limits::default());
        reader.push(b"550 4.1.1 mixed\r\n");
        assert_eq!(reader.next_reply().unwrap().unwrap().status(), None);
    }

    proptest! {
        #[test]
        fn what_we_write_we_read(code in 200u16..600, lines in prop::collection::vec("[a-z ]{0,9}[a-z]", 1..4)) {
            let reply = Reply::new(code, format!("{}.7.1", code / 100).parse().ok(), &lines);
            let mut wire = Vec::new();
            reply.write(true, &mut wire);
            let mut reader = ReplyReader::new(&Limits::default());
            reader.push(&wire);
            let read = reader.next_reply().unwrap().unwrap();
            prop_assert_eq!(read.to_string().replace(' ', ""), reply.to_string().replace(' ', ""));
            prop_assert!(reader.is_empty());
        }
    }
}
