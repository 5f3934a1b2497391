//! Which messages a program answers in somebody's name (RFC 3834): those that a person wrote to this person, and nothing else. Whoever
//! answers more starts two programs writing to one another.

use std::fmt;

use crate::EmailAddress;
use crate::fields::fields;
use crate::message::Facts;

/// Why a message is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// A program wrote it (RFC 3834 §5, and the word of other makers).
    Automatic,
    /// It came through a list, or to very many (RFC 3834 §2, RFC 2369, RFC 2919).
    List,
    /// The address it came from is a program's (RFC 5230 §4.6).
    Program,
    /// It came from the person themselves.
    Self_,
    /// None of the person's addresses is among its recipients (RFC 3834 §2).
    NotNamed,
    /// It was found to be junk.
    Junk,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Automatic => "automatic",
            Self::List => "list",
            Self::Program => "program",
            Self::Self_ => "self",
            Self::NotNamed => "not_named",
            Self::Junk => "junk",
        })
    }
}

/// Which address of a person's a message was written to, when it is one to answer. `sender` is where the answer would go: its reverse path.
///
/// # Errors
/// Why it is not to be answered.
pub fn addressed<'a>(
    message: &[u8],
    facts: &Facts,
    keywords: &[String],
    sender: &EmailAddress,
    own: &'a [EmailAddress],
) -> Result<&'a EmailAddress, Unanswered> {
    if own.contains(sender) {
        return Err(Unanswered::Self_);
    }
    if is_program(sender) {
        return Err(Unanswered::Program);
    }
    if keywords.iter().any(|keyword| keyword == "$junk") {
        return Err(Unanswered::Junk);
    }
    for field in fields(message) {
        let name = field.name.to_ascii_lowercase();
        let value = || field.text().to_ascii_lowercase();
        match name.as_str() {
            "auto-submitted" if !value().starts_with("no") => return Err(Unanswered::Automatic),
            "x-auto-response-suppress" => {
                let asks = |word: &str| matches!(word.trim(), "all" | "oof" | "autoreply");
                if value().split(',').any(asks) {
                    return Err(Unanswered::Automatic);
                }
            }
            "precedence" if matches!(value().as_str(), "bulk" | "list" | "junk") => {
                return Err(Unanswered::List);
            }
            "feedback-id" => return Err(Unanswered::List),
            name if name.starts_with("list-") => return Err(Unanswered::List),
            _ => {}
        }
    }
    let named = || facts.to.iter().chain(&facts.cc).chain(&facts.bcc);
    let is_named = |address: &&EmailAddress| {
        named().any(|to| to.email.parse::<EmailAddress>().is_ok_and(|to| to == **address))
    };
    own.iter().find(is_named).ok_or(Unanswered::NotNamed)
}

/// Addresses that only programs write from (RFC 3834 §2, RFC 5230 §4.6).
fn is_program(address: &EmailAddress) -> bool {
    let local = address.local().as_str().to_ascii_lowercase();
    let plain: String = local.chars().filter(|c| !matches!(c, '-' | '_' | '.')).collect();
    matches!(
        plain.as_str(),
        "mailerdaemon" | "listserv" | "majordomo" | "noreply" | "donotreply" | "postmaster"
    ) || local.starts_with("owner-")
        || local.ends_with("-request")
        || local.ends_with("-owner")
        || local.ends_with("-bounces")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Limits, read};

    fn answered(sender: &str, head: &str, keywords: &[&str]) -> Result<String, Unanswered> {
        let own: Vec<EmailAddress> = ["an@a.vn", "vanthu@a.vn"].iter().map(|a| a.parse().unwrap()).collect();
        let raw = format!("From: b@b.vn\r\n{head}\r\nHello\r\n");
        let facts = read(raw.as_bytes(), &Limits::default());
        let keywords: Vec<String> = keywords.iter().map(|k| (*k).to_owned()).collect();
        let sender = sender.parse().unwrap();
        addressed(raw.as_bytes(), &facts, &keywords, &sender, &own).map(ToString::to_string)
    }

    #[test]
    #[rustfmt::skip]
    fn rfc_3834_2_what_is_answered_and_what_never_is() {
        use Unanswered::*;
        let to = "To: an@a.vn\r\n";
        let rows = [
            ("b@b.vn",               to,                                             Ok("an@a.vn")),
            ("b@b.vn",               "To: x@x.vn\r\nCc: \"Văn thư\" <VanThu@A.vn>\r\n", Ok("vanthu@a.vn")),
            ("b@b.vn",               "To: an@a.vn\r\nAuto-Submitted: no\r\n",         Ok("an@a.vn")),
            ("b@b.vn",               "To: an@a.vn\r\nPrecedence: first-class\r\n",    Ok("an@a.vn")),
            ("b@b.vn",               "To: an@a.vn\r\nX-Auto-Response-Suppress: DR, RN\r\n", Ok("an@a.vn")),
            ("b@b.vn",               "To: an@a.vn\r\nAuto-Submitted: auto-replied (vacation)\r\n", Err(Automatic)),
            ("b@b.vn",               "To: an@a.vn\r\nAUTO-SUBMITTED: auto-generated; owner-email=x\r\n", Err(Automatic)),
            ("b@b.vn",               "To: an@a.vn\r\nX-Auto-Response-Suppress: DR, OOF\r\n", Err(Automatic)),
            ("b@b.vn",               "To: an@a.vn\r\nX-Auto-Response-Suppress: All\r\n", Err(Automatic)),
            ("b@b.vn",               "To: an@a.vn\r\nPrecedence: Bulk\r\n",           Err(List)),
            ("b@b.vn",               "To: an@a.vn\r\nList-Id: <x.y.vn>\r\n",          Err(List)),
            ("b@b.vn",               "To: an@a.vn\r\nList-Unsubscribe: <mailto:x>\r\n", Err(List)),
            ("b@b.vn",               "To: nhom@a.vn\r\n",                             Err(NotNamed)),
            ("b@b.vn",               "Subject: x\r\n",                                Err(NotNamed)),
            ("an@a.vn",              to,                                              Err(Self_)),
            ("VanThu@a.vn",          to,                                              Err(Self_)),
            ("MAILER-DAEMON@b.vn",   to,                                              Err(Program)),
            ("no-reply@b.vn",        to,                                              Err(Program)),
            ("do_not.reply@b.vn",    to,                                              Err(Program)),
            ("owner-l@b.vn",         to,                                              Err(Program)),
            ("l-request@b.vn",       to,                                              Err(Program)),
            ("l-bounces@b.vn",       to,                                              Err(Program)),
        ];
        for (sender, head, expected) in rows {
            assert_eq!(answered(sender, head, &[]), expected.map(str::to_owned), "{sender} {head:?}");
        }
        assert_eq!(answered("b@b.vn", to, &["$seen", "$junk"]), Err(Junk));
    }
}
