//! Names of mailboxes.

use std::fmt;

/// Between the names of a path (RFC 9051 §5.1.1).
pub const DELIMITER: char = '/';

/// A mailbox's whole name: a path in NFC, whatever form it came in. `INBOX`, in whatever case, is `INBOX`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxName(String);

impl MailboxName {
    /// From decoded text.
    pub fn new(text: &str) -> Self {
        let (first, rest) = match text.split_once(DELIMITER) {
            Some((first, rest)) => (first, Some(rest)),
            None => (text, None),
        };
        let first = if first.eq_ignore_ascii_case("INBOX") { "INBOX" } else { first };
        let whole = rest.map_or_else(|| first.to_owned(), |rest| format!("{first}{DELIMITER}{rest}"));
        Self(mail::text::nfc(&whole))
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names of the path, outermost first.
    pub fn levels(&self) -> impl Iterator<Item = &str> {
        self.0.split(DELIMITER)
    }

    /// Whether it is where mail arrives.
    pub fn is_inbox(&self) -> bool {
        self.0 == "INBOX"
    }
}

impl fmt::Debug for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailboxName({:?})", self.0)
    }
}
