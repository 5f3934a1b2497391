//! A message on its way in, and what is found out about it before anything of it is kept.
//!
//! Every door through which mail enters (SMTP, LMTP, submission, JMAP) hands a [`Letter`] to the one [`Examine`] of the house, and
//! keeps the message only with its [`Findings`], or not at all when it is [`Refused`]. What the stages are, the doors need not know.

use std::future::Future;
use std::net::IpAddr;
use std::ops::Range;
use std::pin::Pin;

use crate::authentication::{Authentication, Verdict};
use crate::message::Facts;
use crate::{AccountId, Domain, EmailAddress, PolicyRecord, RecognisedDocument, Timestamp};

/// The keyword of a message that is held for junk (RFC 8621 §4.1.1): it comes in where junk lies.
pub const JUNK: &str = "$junk";

/// Which way a message comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// From another host (port 25).
    Mx,
    /// From a relay of the house (RFC 2033).
    Lmtp,
    /// From one of our people's mail program (RFC 6409).
    Submission,
    /// From one of our people's page or app (RFC 8621 §7).
    Jmap,
    /// Brought by one of our people's mail program into a mailbox (RFC 9051 §6.3.12).
    Imap,
}

impl Door {
    /// The word for it in rows and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mx => "mx",
            Self::Lmtp => "lmtp",
            Self::Submission => "submission",
            Self::Jmap => "jmap",
            Self::Imap => "imap",
        }
    }

    /// Whether one of our own people sends it.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Submission | Self::Jmap | Self::Imap)
    }
}

/// What is known of who hands a message in over a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where it connects from.
    pub ip: IpAddr,
    /// The forward-confirmed name of that address (RFC 8601 §3, `iprev`), when it has one.
    pub reverse_name: Option<Domain>,
    /// What looking for that name came to (RFC 8601 §2.7.3); `None` while nobody has looked.
    pub iprev: Option<Verdict>,
    /// What it calls itself; proves nothing.
    pub name: Option<String>,
    /// Whether it came through TLS.
    pub is_encrypted: bool,
}

/// A message that has arrived whole and of which nothing is kept yet.
#[derive(Clone, Debug)]
pub struct Letter<'a> {
    /// The way it came.
    pub door: Door,
    /// Its name in traces and logs: what the sender is told after `250`.
    pub id: &'a str,
    /// MAIL; `None` is the null path.
    pub reverse_path: Option<&'a EmailAddress>,
    /// RCPT; the postmaster without a domain is named with ours.
    pub recipients: Vec<EmailAddress>,
    /// Which of our accounts sends it, when [`Door::is_ours`].
    pub account: Option<AccountId>,
    /// Who hands it in, when that is a connection.
    pub peer: Option<Peer>,
    /// When its last byte entered the house (RULES M36).
    pub received_at: Timestamp,
    /// The message as it came, before our own `Received`; a submission has its `Date` and `Message-ID`.
    pub message: &'a [u8],
    /// What reading it found; offsets are those of `message`.
    pub facts: &'a Facts,
}

/// What one stage has to say for the trace: ids, codes and numbers, never content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The stage: `auth`, `policy`, `scan`.
    pub stage: &'static str,
    /// What it came to, in words that stay: `spf=pass`, `clean`, `quarantined`.
    pub outcome: String,
}

/// Who may let a held message go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Releaser {
    /// Whose mail it is, and an administrator.
    Person,
    /// Only an administrator: the records officer (RULES M33).
    Administrator,
    /// A records officer and a head together (RULES R13).
    TwoPersons,
}

/// A message is taken and kept, and nobody carries it further before a person says so (RULES M33).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Why, a stable word: `encrypted_archive`, `malware`.
    pub reason: &'static str,
    /// More, for the administrator: codes and names of signatures, never content.
    pub detail: String,
    /// Who may let it go.
    pub releaser: Releaser,
}

/// What the stages found out about a message that is welcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Fields to put before the message, each with its CRLF, the last one put first.
    fields: String,
    /// What is taken out of the message: fields that somebody forged.
    cuts: Vec<Range<usize>>,
    /// Keywords that the message lies in a mailbox with (RFC 8621 §4.1.1).
    pub keywords: Vec<String>,
    /// What happened, for the trace.
    pub steps: Vec<Step>,
    /// Where it really comes from; `None` when the door does not ask.
    pub auth: Option<Authentication>,
    /// Official documents attached to it (RULES R3–R5).
    pub documents: Vec<RecognisedDocument>,
    /// What the rules knew of it and said.
    pub policy: Option<PolicyRecord>,
    /// Why it goes into the quarantine instead of on its way.
    hold: Option<Hold>,
}

impl Findings {
    /// Puts a field before the message and before those put earlier. A field that is none (no CRLF at its end, or a line in it that
    /// begins another field) is not put: whatever went into it must not become a header of its own.
    pub fn put_field(&mut self, field: &str) {
        let Some(lines) = field.strip_suffix("\r\n") else { return };
        let mut lines = lines.split("\r\n");
        let begins = lines.next().is_some_and(|first| first.find(':').is_some_and(|colon| colon > 0));
        let folded = lines.all(|line| line.starts_with([' ', '\t']));
        let clean = !field.replace("\r\n", "").contains(['\r', '\n', '\0']);
        if begins && folded && clean {
            self.fields.insert_str(0, field);
        }
    }

    /// Takes a range of bytes out of the message.
    pub fn cut(&mut self, range: Range<usize>) {
        self.cuts.push(range);
        self.cuts.sort_by_key(|cut| cut.start);
    }

    /// Sends the message into the quarantine. Of several reasons the first stands, unless a later one is stricter about who may let
    /// it go.
    pub fn hold(&mut self, hold: Hold) {
        if self.hold.as_ref().is_none_or(|there| there.releaser < hold.releaser) {
            self.hold = Some(hold);
        }
    }

    /// Why the message goes into the quarantine, if it does.
    pub fn held(&self) -> Option<&Hold> {
        self.hold.as_ref()
    }

    /// Tells the trace.
    pub fn step(&mut self, stage: &'static str, outcome: impl Into<String>) {
        self.steps.push(Step { stage, outcome: outcome.into() });
    }

    /// The fields to put before the message.
    pub fn fields(&self) -> &str {
        &self.fields
    }

    /// Whether bytes of the message itself change, so that offsets into it do not hold any more.
    pub fn changes_message(&self) -> bool {
        !self.cuts.is_empty()
    }

    /// The message without what is cut out, and without the fields.
    pub fn without_cuts(&self, message: Vec<u8>) -> Vec<u8> {
        if self.cuts.is_empty() {
            return message;
        }
        let mut kept = Vec::with_capacity(message.len());
        let mut from = 0;
        for cut in &self.cuts {
            kept.extend_from_slice(message.get(from..cut.start).unwrap_or_default());
            from = from.max(cut.end);
        }
        kept.extend_from_slice(message.get(from..).unwrap_or_default());
        kept
    }
}

/// A message is not taken, and nothing of it is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code} {}.{}.{} {en}", status.0, status.1, status.2)]
pub struct Refused {
    /// The reply's code: 4xx, try again later; 5xx, never (RFC 5321 §4.2.1).
    pub code: u16,
    /// The enhanced status code (RFC 3463).
    pub status: (u8, u16, u16),
    /// A stable word for programs: `state_secret`.
    pub name: &'static str,
    /// The reason for a person, in Vietnamese.
    pub vi: String,
    /// The same in English.
    pub en: String,
}

impl Refused {
    /// Whether the same message may be welcome later.
    pub fn is_temporary(&self) -> bool {
        self.code / 100 == 4
    }
}

/// What an examination comes to, some time later.
pub type Examination<'a> = Pin<Box<dyn Future<Output = Result<Findings, Refused>> + Send + 'a>>;

/// Looks at messages before they are kept: authentication, policy, secrecy, scanners, signing. The only real one is the program's.
pub trait Examine: Send + Sync {
    /// Examines one message.
    fn examine<'a>(&'a self, letter: &'a Letter<'a>) -> Examination<'a>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_would_become_two_is_not_put() {
        let mut findings = Findings::default();
        for bad in
            ["X: y", "no colon\r\n", ": y\r\n", "X: y\r\nEvil: z\r\n", "X: y\nEvil: z\r\n", "X: \0\r\n"]
        {
            findings.put_field(bad);
            assert_eq!(findings.fields(), "", "{bad:?}");
        }
        findings.put_field("First: a\r\n\tb\r\n");
        findings.put_field("Second: c\r\n");
        assert_eq!(findings.fields(), "Second: c\r\nFirst: a\r\n\tb\r\n");
    }

    #[test]
    fn m33_the_stricter_hold_stands() {
        let hold = |reason, releaser| Hold { reason, detail: String::new(), releaser };
        let mut findings = Findings::default();
        assert_eq!(findings.held(), None);
        findings.hold(hold("spam", Releaser::Person));
        findings.hold(hold("other", Releaser::Person));
        assert_eq!(findings.held().map(|hold| hold.reason), Some("spam"));
        findings.hold(hold("encrypted_archive", Releaser::Administrator));
        findings.hold(hold("spam", Releaser::Person));
        assert_eq!(findings.held().map(|hold| hold.reason), Some("encrypted_archive"));
    }

    #[test]
    fn cuts_may_come_in_any_order_and_lie_over_one_another() {
        let mut findings = Findings::default();
        assert_eq!(findings.without_cuts(b"0123456789".to_vec()), b"0123456789");
        for cut in [6..8, 1..3, 2..4, 9..20] {
            findings.cut(cut);
        }
        assert!(findings.changes_message());
        assert_eq!(findings.without_cuts(b"0123456789".to_vec()), b"0458");
    }
}
