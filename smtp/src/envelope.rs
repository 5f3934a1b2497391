//! The words on the envelope: who sent it, who gets it, what is to be reported, and what is known about the client.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use mail::authentication::Verdict;
use mail::envelope::{DeliverBy, Priority};
use mail::{EmailAddress, Timestamp};

/// Where reports about a message go (RFC 5321 §4.1.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReversePath {
    /// `<>`: a report itself; nothing is ever reported about it (RFC 5321 §4.5.5).
    Null,
    /// A mailbox.
    Mailbox(EmailAddress),
}

impl ReversePath {
    /// The mailbox, unless the path is null.
    pub fn mailbox(&self) -> Option<&EmailAddress> {
        match self {
            Self::Null => None,
            Self::Mailbox(address) => Some(address),
        }
    }
}

impl fmt::Display for ReversePath {
    /// With its angle brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("<>"),
            Self::Mailbox(address) => write!(f, "<{address}>"),
        }
    }
}

/// Whom a message is for (RFC 5321 §4.1.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ForwardPath {
    /// `<Postmaster>` without a domain: whoever keeps this house (RFC 5321 §4.5.1).
    Postmaster,
    /// A mailbox.
    Mailbox(EmailAddress),
}

impl ForwardPath {
    /// The mailbox, unless it is the postmaster without a domain.
    pub fn mailbox(&self) -> Option<&EmailAddress> {
        match self {
            Self::Postmaster => None,
            Self::Mailbox(address) => Some(address),
        }
    }
}

impl fmt::Display for ForwardPath {
    /// With its angle brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postmaster => f.write_str("<Postmaster>"),
            Self::Mailbox(address) => write!(f, "<{address}>"),
        }
    }
}

/// BODY (RFC 6152, RFC 3030 §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Body {
    /// `7BIT`, also when nothing is said.
    #[default]
    SevenBit,
    /// `8BITMIME`.
    EightBit,
    /// `BINARYMIME`: it comes by BDAT, and after its header any octet may stand anywhere.
    Binary,
}

/// RET: how much of the message a failure report brings back (RFC 3461 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ret {
    /// The whole message.
    Full,
    /// Its header.
    Headers,
}

/// NOTIFY: what the sender wants to hear about a recipient (RFC 3461 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notify {
    /// `NEVER`.
    Never,
    /// Any of the three, at least one.
    On {
        /// `SUCCESS`.
        success: bool,
        /// `FAILURE`.
        failure: bool,
        /// `DELAY`.
        delay: bool,
    },
}

impl Notify {
    /// What holds when RCPT says nothing: failures, and delays as is customary (RFC 3461 §4.1).
    pub const USUAL: Self = Self::On { success: false, failure: true, delay: true };
}

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::On { success, failure, delay } = *self else {
            return f.write_str("NEVER");
        };
        let words = [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")];
        let words: Vec<&str> = words.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
        f.write_str(&words.join(","))
    }
}

/// ENVID, decoded: the sender's own number for a message (RFC 3461 §4.4). At most 100 characters, printable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnvelopeId(Box<str>);

impl EnvelopeId {
    /// Octets of its encoded form (RFC 3461 §5.4).
    pub const BYTES_MAX: usize = 100;

    /// The decoded text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// From decoded text; `None` when it is empty, too long or not printable ASCII.
    pub fn new(text: &str) -> Option<Self> {
        let printable = text.bytes().all(|b| matches!(b, b' '..=b'~'));
        (printable && matches!(text.len(), 1..=Self::BYTES_MAX)).then(|| Self(text.into()))
    }
}

/// ORCPT, decoded: the address the message was first sent to (RFC 3461 §4.2). Its text holds no control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginalRecipient {
    kind: Box<str>,
    text: Box<str>,
}

impl OriginalRecipient {
    /// Octets of its encoded form (RFC 3461 §5.4).
    pub const BYTES_MAX: usize = 500;

    /// From the address type (`rfc822`, `utf-8`) and the decoded text; `None` when one of them cannot be.
    pub fn new(kind: &str, text: &str) -> Option<Self> {
        let atom = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let fits = kind.len() + text.len() <= Self::BYTES_MAX && !text.is_empty();
        let clean = !text.chars().any(char::is_control);
        (atom && fits && clean).then(|| Self { kind: kind.to_ascii_lowercase().into(), text: text.into() })
    }

    /// The address type, lower case.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The address.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// One recipient with what the sender wants to hear about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Whom the message is for.
    pub path: ForwardPath,
    /// NOTIFY; [`Notify::USUAL`] holds when nothing was said.
    pub notify: Option<Notify>,
    /// ORCPT.
    pub original: Option<OriginalRecipient>,
}

impl Recipient {
    /// A recipient without wishes.
    pub fn new(path: ForwardPath) -> Self {
        Self { path, notify: None, original: None }
    }
}

/// The name a client gave with EHLO: letters, digits and the few marks of host names and address literals, so that it can
/// stand in a `Received` field as it is. It proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientName(Box<str>);

/// The text is neither a host name nor an address literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a host name or an address literal")]
pub struct BadClientName;

impl ClientName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientName {
    type Err = BadClientName;

    /// Lenient where it harms nobody: real clients say `localhost` and `my_pc`.
    fn from_str(text: &str) -> Result<Self, BadClientName> {
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b));
        let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let good = match inside {
            Some(literal) => !literal.is_empty() && plain(literal),
            None => plain(text) && !text.contains(':'),
        };
        (good && matches!(text.len(), 1..=255)).then(|| Self(text.into())).ok_or(BadClientName)
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What TLS was agreed on, for the trace (RFC 8314 §4.3) and for policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The protocol, such as `TLS1.3`.
    pub version: String,
    /// The registered name of the cipher suite, such as `TLS_AES_128_GCM_SHA256`.
    pub cipher: String,
    /// Whether the client has shown a certificate of an authority that the house takes: then EXTERNAL is offered (RFC 4422 appendix A).
    pub is_certified: bool,
}

/// What is known about the client that handed a message in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Where it connects from.
    pub ip: IpAddr,
    /// The name of that address in DNS, forward-confirmed, when there is one.
    pub reverse_name: Option<mail::Domain>,
    /// What looking for that name came to (RFC 8601 §2.7.3); `None` while nobody has looked.
    pub iprev: Option<Verdict>,
    /// What it calls itself.
    pub name: Option<ClientName>,
    /// Whether it said EHLO or LHLO and so speaks ESMTP.
    pub extended: bool,
    /// The TLS it came through.
    pub tls: Option<Tls>,
    /// Who signed in, as the authenticator names them.
    pub signed_in_as: Option<String>,
}

/// A message's envelope when the message has been taken: everything that the store needs beside the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The id that the `Received` field carries; the caller may use it in logs.
    pub id: String,
    /// MAIL.
    pub reverse_path: ReversePath,
    /// RCPT, those that were accepted, in order; never empty.
    pub recipients: Vec<Recipient>,
    /// BODY, as declared.
    pub body: Body,
    /// SMTPUTF8 was said (RFC 6531).
    pub smtputf8: bool,
    /// RET.
    pub ret: Option<Ret>,
    /// ENVID.
    pub envelope_id: Option<EnvelopeId>,
    /// REQUIRETLS was said (RFC 8689).
    pub require_tls: bool,
    /// MT-PRIORITY (RFC 6710).
    pub priority: Option<Priority>,
    /// Not before this moment (RFC 4865).
    pub not_before: Option<Timestamp>,
    /// DELIVERBY (RFC 2852): by when.
    pub deliver_by: Option<DeliverBy>,
    /// When the last byte of the message entered this system: the legal time of receipt (RULES M36).
    pub received_at: Timestamp,
    /// Who handed it in.
    pub client: Client,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn client_names() {
        let rows = [
            ("mx.bentre.gov.vn", true), ("localhost", true), ("my_pc", true),
            ("[192.0.2.1]", true), ("[IPv6:2001:db8::1]", true),
            ("", false), ("[]", false), ("a b", false), ("a\r\nb", false), ("a(b)", false), ("a:b", false), ("máy", false),
        ];
        for (text, good) in rows {
            assert_eq!(text.parse::<ClientName>().is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn notify_is_written_as_it_is_read() {
        assert_eq!(Notify::Never.to_string(), "NEVER");
        assert_eq!(Notify::USUAL.to_string(), "FAILURE,DELAY");
    }
}
