//! Reports about mail: failed, delayed, delivered (RFC 3461 §5–6, RFC 3462, RFC 3464), in Vietnamese and English.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail::{Domain, EmailAddress, Timestamp};

use crate::codec::{Reply, plain};
use crate::envelope::{EnvelopeId, ForwardPath, Notify, OriginalRecipient, Recipient, Ret, ReversePath};

/// What became of a recipient (RFC 3464 §2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It lies in the recipient's mailbox.
    Delivered,
    /// It was handed to a host that sends no reports of its own.
    Relayed,
    /// Not yet; it is tried again.
    Delayed,
    /// Never.
    Failed,
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
            Self::Delayed => "delayed",
            Self::Failed => "failed",
        }
    }

    /// The class of the status that goes with it (RFC 3463 §3.1).
    fn class(self) -> u8 {
        match self {
            Self::Delivered | Self::Relayed => 2,
            Self::Delayed => 4,
            Self::Failed => 5,
        }
    }

    /// Whether the sender wants to hear it (RFC 3461 §4.1).
    fn is_wanted(self, notify: Option<Notify>) -> bool {
        match (notify.unwrap_or(Notify::USUAL), self) {
            (Notify::Never, _) => false,
            (Notify::On { success, .. }, Self::Delivered | Self::Relayed) => success,
            (Notify::On { delay, .. }, Self::Delayed) => delay,
            (Notify::On { failure, .. }, Self::Failed) => failure,
        }
    }

    fn vietnamese(self) -> &'static str {
        match self {
            Self::Delivered => "Thư đã được chuyển vào hộp thư của người nhận sau:",
            Self::Relayed => {
                "Thư đã được chuyển tới máy chủ của người nhận sau; máy chủ đó không gửi giấy báo nhận:"
            }
            Self::Delayed => {
                "Thư chưa gửi được tới người nhận sau. Hệ thống vẫn đang thử lại, không cần gửi lại thư:"
            }
            Self::Failed => "Thư không gửi được tới người nhận sau. Hệ thống đã ngừng thử lại:",
        }
    }

    fn english(self) -> &'static str {
        match self {
            Self::Delivered => "Your message has been delivered to:",
            Self::Relayed => "Your message has been relayed to a server that sends no delivery reports, for:",
            Self::Delayed => {
                "Your message has not yet been delivered; it will be tried again. No need to resend:"
            }
            Self::Failed => "Your message could not be delivered and will not be tried again:",
        }
    }

    fn subject(self) -> (&'static str, &'static str) {
        match self {
            Self::Delivered => ("Thư đã đến", "Delivered mail"),
            Self::Relayed => ("Thư đã chuyển tiếp", "Relayed mail"),
            Self::Delayed => ("Thư bị chậm", "Delayed mail"),
            Self::Failed => ("Thư không gửi được", "Undelivered mail"),
        }
    }
}

/// What became of one recipient, and how we know.
#[derive(Clone, Debug)]
pub struct Fate {
    /// The recipient, with what the sender wants to hear.
    pub recipient: Recipient,
    /// What became of it.
    pub action: Action,
    /// The words: a peer's, or ours.
    pub reply: Reply,
    /// The host that said them, unless it was this one.
    pub remote: Option<Domain>,
    /// When.
    pub last_attempt: Timestamp,
    /// Until when it is tried again, for a delay.
    pub retry_until: Option<Timestamp>,
    /// Whether the sender asked for it by the time to deliver by, and hears it unless it wants to hear nothing at all (RFC 2852 §4.1).
    pub is_demanded: bool,
}

impl Fate {
    fn is_wanted(&self) -> bool {
        let notify = self.recipient.notify;
        self.action.is_wanted(notify) || (self.is_demanded && notify != Some(Notify::Never))
    }
}

/// All that a report is made of.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The host that reports.
    pub host: &'a Domain,
    /// Unique and not to be guessed; letters and digits. Becomes the `Message-ID` and the boundary.
    pub id: &'a str,
    /// The moment of the report.
    pub now: Timestamp,
    /// Where it goes.
    pub reverse_path: &'a ReversePath,
    /// ENVID of the message.
    pub envelope_id: Option<&'a EnvelopeId>,
    /// RET of the message.
    pub ret: Option<Ret>,
    /// When we accepted it.
    pub received_at: Timestamp,
    /// By when its sender wanted it delivered.
    pub deliver_by: Option<Timestamp>,
    /// The message.
    pub message: &'a [u8],
    /// What became of each recipient there is news of.
    pub fates: &'a [Fate],
    /// [`crate::Limits::returned_bytes_max`].
    pub returned_bytes_max: usize,
}

/// A report, ready for the outbox. Its own reverse path is `<>`, so nothing is ever reported about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whom it goes to.
    pub to: EmailAddress,
    /// The whole message.
    pub message: Vec<u8>,
    /// It needs SMTPUTF8 on the way.
    pub smtputf8: bool,
}

impl Report {
    /// `<>` (RFC 3461 §6.1).
    pub fn reverse_path(&self) -> ReversePath {
        ReversePath::Null
    }
}

/// Writes the report; `None` when there is nobody to tell (the message was a report itself: its reverse path is null) or nothing that
/// the sender wants to hear.
pub fn build(facts: &Facts<'_>) -> Option<Report> {
    let to = facts.reverse_path.mailbox()?;
    let fates: Vec<&Fate> = facts.fates.iter().filter(|fate| fate.is_wanted()).collect();
    let worst = fates.iter().map(|fate| fate.action).max()?;
    let full = worst == Action::Failed
        && facts.ret == Some(Ret::Full)
        && facts.message.len() <= facts.returned_bytes_max;
    let original = if full { facts.message } else { header(facts.message, facts.returned_bytes_max) };
    let boundary = boundary(facts.id, original);

    let mut out = top(facts, to, worst, &boundary, full && !original.is_ascii()).into_bytes();
    let part = |out: &mut Vec<u8>, headers: &str| {
        out.extend_from_slice(format!("\r\n--{boundary}\r\n{headers}\r\n\r\n").as_bytes());
    };
    part(
        &mut out,
        "Content-Description: Notification\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64",
    );
    out.extend_from_slice(base64_lines(text(facts, &fates).as_bytes()).as_bytes());
    part(&mut out, "Content-Description: Delivery report\r\nContent-Type: message/delivery-status");
    out.extend_from_slice(delivery_status(facts, &fates).as_bytes());
    match (full, original.is_ascii()) {
        (true, true) => part(&mut out, "Content-Type: message/rfc822"),
        (true, false) => part(&mut out, "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit"),
        (false, true) => part(&mut out, "Content-Type: text/rfc822-headers"),
        (false, false) => part(
            &mut out,
            "Content-Type: text/rfc822-headers; charset=utf-8\r\nContent-Transfer-Encoding: base64",
        ),
    }
    match full || original.is_ascii() {
        true => out.extend_from_slice(original),
        false => out.extend_from_slice(base64_lines(original).as_bytes()),
    }
    out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    Some(Report { to: to.clone(), message: out, smtputf8: to.needs_smtputf8() })
}

/// The report's own header (RFC 3461 §6.1). Whoever answers it reaches a person (RFC 5321 §4.5.1).
fn top(facts: &Facts<'_>, to: &EmailAddress, worst: Action, boundary: &str, eight_bit: bool) -> String {
    let (vi, en) = worst.subject();
    let Facts { host, now, .. } = facts;
    format!(
        "From: {} <postmaster@{host}>\r\nTo: <{to}>\r\nSubject: {} ({en})\r\nDate: {}\r\nMessage-ID: <{}@{host}>\r\n\
         Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: {}\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"{boundary}\"\r\n",
        encoded_word("Hệ thống thư công vụ"),
        encoded_word(vi),
        now.to_rfc5322(),
        token(facts.id),
        if eight_bit { "8bit" } else { "7bit" },
    )
}

/// The part for people: each language as a whole, recipients grouped by what became of them.
fn text(facts: &Facts<'_>, fates: &[&Fate]) -> String {
    let mut out = String::new();
    let mut tell = |vietnamese: bool| {
        for action in [Action::Failed, Action::Delayed, Action::Relayed, Action::Delivered] {
            let group: Vec<&&Fate> = fates.iter().filter(|fate| fate.action == action).collect();
            if group.is_empty() {
                continue;
            }
            out += if vietnamese { action.vietnamese() } else { action.english() };
            out += "\r\n\r\n";
            for fate in group {
                out += &format!("  {}\r\n    {}\r\n", fate.recipient.path, fate.reply);
                if let Some(until) = fate.retry_until.filter(|_| action == Action::Delayed) {
                    let words = if vietnamese { "Thử lại đến" } else { "Tried again until" };
                    out += &format!("    {words}: {}\r\n", until.to_rfc5322());
                }
            }
            out += "\r\n";
        }
    };
    tell(true);
    tell(false);
    out + &format!("{}\r\n", facts.host)
}

/// The part for programs (RFC 3464 §2).
fn delivery_status(facts: &Facts<'_>, fates: &[&Fate]) -> String {
    let mut out = format!("Reporting-MTA: dns; {}\r\n", facts.host);
    if let Some(id) = facts.envelope_id {
        out += &format!("Original-Envelope-Id: {}\r\n", id.as_str());
    }
    out += &format!("Arrival-Date: {}\r\n", facts.received_at.to_rfc5322());
    if let Some(at) = facts.deliver_by {
        out += &format!("Deliver-By-Date: {}\r\n", at.to_rfc5322());
    }
    for fate in fates {
        let Fate { recipient, action, reply, .. } = fate;
        let status = reply.status_or_class();
        out += "\r\n";
        if let Some(original) = &recipient.original {
            out += &format!("Original-Recipient: {}\r\n", original_field(original));
        }
        out += &format!("Final-Recipient: {}\r\n", final_field(&recipient.path, facts.host));
        out += &format!("Action: {}\r\n", action.word());
        out += &format!("Status: {}\r\n", status.with_class(action.class()).unwrap_or(status));
        if let Some(remote) = &fate.remote {
            out += &format!("Remote-MTA: dns; {remote}\r\n");
        }
        let words = plain(&reply.to_string());
        out += &format!("Diagnostic-Code: smtp; {}\r\n", mail::text::clip(&words, 900));
        out += &format!("Last-Attempt-Date: {}\r\n", fate.last_attempt.to_rfc5322());
        if let Some(until) = fate.retry_until.filter(|_| *action == Action::Delayed) {
            out += &format!("Will-Retry-Until: {}\r\n", until.to_rfc5322());
        }
    }
    out
}

fn original_field(original: &OriginalRecipient) -> String {
    match original.text().is_ascii() {
        true => format!("{};{}", original.kind(), original.text()),
        false => format!("utf-8;{}", address_xtext(original.text())),
    }
}

fn final_field(path: &ForwardPath, host: &Domain) -> String {
    match path.mailbox().map(ToString::to_string) {
        Some(address) if address.is_ascii() => format!("rfc822;{address}"),
        Some(address) => format!("utf-8;{}", address_xtext(&address)),
        None => format!("rfc822;postmaster@{host}"),
    }
}

/// `utf-8-addr-xtext` (RFC 6533 §3): an address beyond ASCII in an ASCII field.
fn address_xtext(address: &str) -> String {
    let mut out = String::new();
    for c in address.chars() {
        match c {
            '!'..='~' if !matches!(c, '\\' | '+' | '=') => out.push(c),
            other => out += &format!("\\x{{{:X}}}", u32::from(other)),
        }
    }
    out
}

/// The header with its last CRLF, cut between lines when it is too long to give back.
fn header(message: &[u8], bytes_max: usize) -> &[u8] {
    let end = message.windows(4).position(|w| w == b"\r\n\r\n").map_or(message.len(), |at| at + 2);
    let header = message.get(..end).unwrap_or_default();
    if header.len() <= bytes_max {
        return header;
    }
    let cut = header.get(..bytes_max).unwrap_or_default();
    let end = cut.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    cut.get(..end).unwrap_or_default()
}

/// A boundary that does not stand in the original. The id cannot be guessed, so the first try is nearly always the last.
fn boundary(id: &str, original: &[u8]) -> String {
    let id = token(id);
    let candidate = |n: u32| format!("dsn-{id}-{n}");
    let free = |boundary: &String| !original.windows(boundary.len()).any(|w| w == boundary.as_bytes());
    (0..16).map(candidate).find(free).unwrap_or_else(|| candidate(16))
}

pub(crate) fn token(id: &str) -> String {
    id.chars().filter(char::is_ascii_alphanumeric).take(40).collect()
}

/// RFC 2047 §2, for a text of at most 40 octets.
pub(crate) fn encoded_word(text: &str) -> String {
    format!("=?utf-8?B?{}?=", STANDARD.encode(mail::text::clip(text, 40)))
}

/// RFC 2045 §6.8: lines of 76.
pub(crate) fn base64_lines(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 3 / 2);
    for line in bytes.chunks(57) {
        STANDARD.encode_string(line, &mut out);
        out.push_str("\r\n");
    }
    out
}

#[cfg(test)]
#[path = "dsn_tests.rs"]
mod tests;
