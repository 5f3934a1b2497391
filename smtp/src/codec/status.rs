//! Enhanced mail status codes (RFC 3463).

use std::fmt;
use std::str::FromStr;

/// `class.subject.detail`, such as `5.7.1` (RFC 3463 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Status {
    class: u8,
    subject: u16,
    detail: u16,
}

/// The text is no enhanced status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an enhanced status code")]
pub struct BadStatus;

impl Status {
    /// From its three numbers. For the table of replies, whose test checks each row.
    pub(crate) const fn of(class: u8, subject: u16, detail: u16) -> Self {
        Self { class, subject, detail }
    }

    /// 2 success, 4 persistent transient failure, 5 permanent failure (RFC 3463 §3.1).
    pub const fn class(self) -> u8 {
        self.class
    }

    /// The same subject and detail in another class; `None` unless `class` is 2, 4 or 5. What was put off too long becomes final.
    pub fn with_class(self, class: u8) -> Option<Self> {
        matches!(class, 2 | 4 | 5).then_some(Self { class, ..self })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl FromStr for Status {
    type Err = BadStatus;

    fn from_str(text: &str) -> Result<Self, BadStatus> {
        let mut parts = text.split('.');
        let (Some(class), Some(subject), Some(detail), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(BadStatus);
        };
        let class = match class {
            "2" => 2,
            "4" => 4,
            "5" => 5,
            _ => return Err(BadStatus),
        };
        Ok(Self { class, subject: number(subject)?, detail: number(detail)? })
    }
}

/// One to three digits (RFC 3463 §2).
fn number(text: &str) -> Result<u16, BadStatus> {
    match text.len() {
        1..=3 if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().map_err(|_| BadStatus),
        _ => Err(BadStatus),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn rfc_3463_section_2() {
        let rows = [
            ("5.7.1",    true), ("2.0.0",   true), ("4.999.0", true),
            ("3.1.0",    false), ("5.7",    false), ("5.7.1.1", false),
            ("5.1000.1", false), ("5..1",   false), ("5.+7.1",  false), ("", false),
        ];
        for (text, good) in rows {
            let status = text.parse::<Status>();
            assert_eq!(status.is_ok(), good, "{text}");
            if let Ok(status) = status {
                assert_eq!(status.to_string(), text);
            }
        }
    }
}
