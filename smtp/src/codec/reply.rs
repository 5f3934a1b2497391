//! What a server says: three digits, an enhanced status code, and words (RFC 5321 §4.2, RFC 2034).

use std::fmt;

use super::Status;

/// Octets of text in one reply line that we write: RFC 5321 §4.5.3.1.5 allows 512 with code, status and CRLF.
const TEXT_BYTES_MAX: usize = 480;

/// A reply, ours or a peer's. Its lines hold no control characters, whoever wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    status: Option<Status>,
    lines: Vec<String>,
}

impl Reply {
    /// Puts a reply together; each line is cleaned of control characters and clipped.
    ///
    /// A code outside 200–599 becomes 451: only our own code can get it wrong, and 451 makes nobody lose mail.
    pub fn new<I, S>(code: u16, status: Option<Status>, lines: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        let code = if (200..=599).contains(&code) { code } else { 451 };
        let mut lines: Vec<String> = lines.into_iter().map(|line| clean(line.as_ref())).collect();
        if lines.is_empty() {
            lines.push(String::new());
        }
        Self { code, status, lines }
    }

    /// The three digits.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The enhanced status code, when there is one.
    pub fn status(&self) -> Option<Status> {
        self.status
    }

    /// The enhanced status code, or the undefined one of the code's class (RFC 3463 §3.1): never without.
    pub fn status_or_class(&self) -> Status {
        let class = match self.code / 100 {
            2 | 3 => 2,
            4 => 4,
            _ => 5,
        };
        self.status.unwrap_or(Status::of(class, 0, 0))
    }

    /// The words, without codes.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// 2xx: done.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 4xx: may be better later.
    pub fn is_transient(&self) -> bool {
        self.code / 100 == 4
    }

    /// 5xx: will not get better.
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// Writes the reply as it goes on the wire.
    ///
    /// Before the client has said SMTPUTF8 a reply must be ASCII (RFC 6531 §3.7.4.2), so Vietnamese goes out
    /// without its marks: still readable, still legal.
    pub fn write(&self, utf8: bool, out: &mut Vec<u8>) {
        let last = self.lines.len().saturating_sub(1);
        for (n, line) in self.lines.iter().enumerate() {
            let separator = if n == last { ' ' } else { '-' };
            out.extend_from_slice(format!("{}{separator}", self.code).as_bytes());
            if let Some(status) = self.status {
                out.extend_from_slice(format!("{status} ").as_bytes());
            }
            match utf8 || line.is_ascii() {
                true => out.extend_from_slice(line.as_bytes()),
                false => out.extend_from_slice(plain(line).as_bytes()),
            }
            out.extend_from_slice(b"\r\n");
        }
    }
}

impl fmt::Display for Reply {
    /// One line for a report or a log: `550 5.1.1 No such mailbox`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(status) = self.status {
            write!(f, " {status}")?;
        }
        self.lines.iter().filter(|line| !line.is_empty()).try_for_each(|line| write!(f, " {line}"))
    }
}

/// No control characters (they end lines, and lines end replies), no more than a line may hold.
fn clean(line: &str) -> String {
    let clipped = mail::text::clip(line, TEXT_BYTES_MAX);
    clipped.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// ASCII for clients that read nothing else: Vietnamese letters lose their marks, other letters become `?`.
pub(crate) fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        if c.is_ascii() {
            out.push(c);
            continue;
        }
        let letter = mail::text::fold(c.encode_utf8(&mut [0; 4]));
        match letter.is_ascii() {
            true if c.is_uppercase() => out.push_str(&letter.to_ascii_uppercase()),
            true => out.push_str(&letter), // nothing at all for a mark of its own
            false if matches!(c, '–' | '—') => out.push('-'),
            false => out.push('?'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(reply: &Reply, utf8: bool) -> String {
        let mut out = Vec::new();
        reply.write(utf8, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_line_carries_code_and_status() {
        let reply = Reply::new(550, Some(Status::of(5, 7, 1)), ["Không được – Đ1.2", "Not allowed"]);
        assert_eq!(wire(&reply, true), "550-5.7.1 Không được – Đ1.2\r\n550 5.7.1 Not allowed\r\n");
        assert_eq!(wire(&reply, false), "550-5.7.1 Khong duoc - D1.2\r\n550 5.7.1 Not allowed\r\n");
        assert_eq!(reply.to_string(), "550 5.7.1 Không được – Đ1.2 Not allowed");
    }

    #[test]
    fn words_from_elsewhere_cannot_end_the_line() {
        let reply = Reply::new(250, None, ["a\r\n250 b\0", &"x".repeat(5_000)]);
        let wire = wire(&reply, false);
        assert_eq!(wire.matches("\r\n").count(), 2);
        assert!(wire.starts_with("250-a  250 b \r\n"), "{wire}");
        assert!(wire.split("\r\n").all(|line| line.len() + 2 <= 512));
    }
}
