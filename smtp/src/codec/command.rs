//! A command line to a typed command (RFC 5321 §4.1.1, RFC 1870, 2033, 2852, 3030, 3207, 3461, 4865, 4954, 6152, 6531, 6710, 8689).
//!
//! The parser is our own and strict. `smtp-proto` reads the same grammar leniently: it takes a SIZE beyond 64 bits for a small one,
//! drops broken `xtext` escapes, takes a parameter twice and ignores what follows DATA. It serves as second opinion in the tests:
//! whatever this parser accepts, that one must read alike.

use mail::envelope::{DeliverBy, Priority, WhenLate};
use mail::{EmailAddress, Secret, Timestamp};

use super::{Chunk, XClient, xtext};
use crate::envelope::{
    Body, ClientName, EnvelopeId, ForwardPath, Notify, OriginalRecipient, Recipient, Ret, ReversePath,
};
use crate::error::Error;

/// A command that a client may give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// RFC 5321 §4.1.1.1.
    Ehlo(ClientName),
    /// RFC 5321 §4.1.1.1.
    Helo(ClientName),
    /// RFC 2033 §4.1.
    Lhlo(ClientName),
    /// RFC 5321 §4.1.1.2.
    Mail(Mail),
    /// RFC 5321 §4.1.1.3.
    Rcpt(Recipient),
    /// RFC 5321 §4.1.1.4.
    Data,
    /// RFC 3030 §2. The chunk follows.
    Bdat(Chunk),
    /// RFC 5321 §4.1.1.5.
    Rset,
    /// RFC 5321 §4.1.1.6. What is asked for is not kept: nobody is told anything.
    Vrfy,
    /// RFC 5321 §4.1.1.8.
    Help,
    /// RFC 5321 §4.1.1.9.
    Noop,
    /// RFC 5321 §4.1.1.10.
    Quit,
    /// RFC 3207 §4.
    StartTls,
    /// A front end says for whom it stands.
    XClient(Box<XClient>),
    /// RFC 4954 §4.
    Auth {
        /// The name of the mechanism asked for, upper case (RFC 4422 §3.1).
        mechanism: Box<str>,
        /// The initial response, still in base64; `=` has become the empty text.
        initial: Option<Secret<String>>,
    },
}

/// MAIL with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Where reports go.
    pub reverse_path: ReversePath,
    /// SIZE, in octets (RFC 1870 §5).
    pub size: Option<u64>,
    /// BODY (RFC 6152 §2).
    pub body: Body,
    /// SMTPUTF8 (RFC 6531 §3.4).
    pub smtputf8: bool,
    /// RET (RFC 3461 §4.3).
    pub ret: Option<Ret>,
    /// ENVID (RFC 3461 §4.4).
    pub envelope_id: Option<EnvelopeId>,
    /// REQUIRETLS (RFC 8689 §2).
    pub require_tls: bool,
    /// MT-PRIORITY (RFC 6710).
    pub priority: Option<Priority>,
    /// HOLDFOR or HOLDUNTIL (RFC 4865 §4).
    pub hold: Option<Hold>,
    /// BY (RFC 2852 §4).
    pub by: Option<By>,
}

/// How soon a message is to be delivered (RFC 2852 §4). With [`WhenLate::Return`] there is time left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By {
    /// From MAIL on; a message may come late already.
    pub seconds: i64,
    /// What becomes of it then.
    pub then: WhenLate,
    /// `T`: hand-overs are reported.
    pub trace: bool,
}

impl By {
    /// As a moment, when MAIL was said at `since`.
    pub fn counted_from(self, since: Timestamp) -> DeliverBy {
        let at = since.millis().saturating_add(self.seconds.saturating_mul(1_000));
        DeliverBy { at: Timestamp::from_millis(at), then: self.then, trace: self.trace, told: false }
    }
}

/// How long a message is held back (RFC 4865 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// HOLDFOR: so many seconds from its arrival on.
    For(u32),
    /// HOLDUNTIL.
    Until(Timestamp),
}

const MAIL_USAGE: &str = "MAIL FROM:<reverse-path> [parameters]";
const RCPT_USAGE: &str = "RCPT TO:<forward-path> [parameters]";

impl Command {
    /// Reads one line without its CRLF.
    ///
    /// # Errors
    /// Those of the peer; [`Error::to_reply`] says them.
    pub fn parse(line: &[u8]) -> Result<Self, Error> {
        let line = std::str::from_utf8(line).map_err(|_| Error::Syntax("commands are UTF-8"))?;
        if line.chars().any(char::is_control) {
            return Err(Error::Syntax("commands hold no control characters"));
        }
        // RFC 5321 §4.1.1 asks to tolerate blanks before the CRLF.
        let line = line.trim_end_matches(' ');
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => Ok(Self::Ehlo(client_name(rest, "EHLO domain")?)),
            "HELO" => Ok(Self::Helo(client_name(rest, "HELO domain")?)),
            "LHLO" => Ok(Self::Lhlo(client_name(rest, "LHLO domain")?)),
            "MAIL" => mail(rest).map(Self::Mail),
            "RCPT" => rcpt(rest).map(Self::Rcpt),
            "DATA" => alone(Self::Data, rest, "DATA"),
            "RSET" => alone(Self::Rset, rest, "RSET"),
            "QUIT" => alone(Self::Quit, rest, "QUIT"),
            "STARTTLS" => alone(Self::StartTls, rest, "STARTTLS"),
            "AUTH" => auth(rest),
            "NOOP" => Ok(Self::Noop),
            "HELP" => Ok(Self::Help),
            "VRFY" if rest.is_empty() => Err(Error::Syntax("VRFY string")),
            "VRFY" => Ok(Self::Vrfy),
            "XCLIENT" => XClient::parse(rest).map(|told| Self::XClient(Box::new(told))),
            "BDAT" => bdat(rest).map(Self::Bdat).ok_or(Error::Bdat),
            "EXPN" => Err(Error::NotImplemented("EXPN")),
            "ETRN" => Err(Error::NotImplemented("ETRN")),
            "TURN" => Err(Error::NotImplemented("TURN")),
            "GET" | "HEAD" | "POST" | "PUT" | "CONNECT" | "OPTIONS" => Err(Error::NotSmtp),
            _ => Err(Error::UnknownCommand),
        }
    }
}

fn alone(command: Command, rest: &str, usage: &'static str) -> Result<Command, Error> {
    if rest.is_empty() { Ok(command) } else { Err(Error::Syntax(usage)) }
}

/// `chunk-size [SP "LAST"]` (RFC 3030 §2).
fn bdat(rest: &str) -> Option<Chunk> {
    let (digits, is_last) = match rest.split_once(' ') {
        Some((digits, word)) if word.eq_ignore_ascii_case("LAST") => (digits, true),
        Some(_) => return None,
        None => (rest, false),
    };
    Some(Chunk { bytes: size(digits)?, is_last })
}

fn client_name(rest: &str, usage: &'static str) -> Result<ClientName, Error> {
    rest.parse().map_err(|_| Error::Syntax(usage))
}

fn auth(rest: &str) -> Result<Command, Error> {
    let (name, initial) = match rest.split_once(' ') {
        Some((name, initial)) => (name, Some(initial)),
        None => (rest, None),
    };
    let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if !(1..=20).contains(&name.len()) || !name.bytes().all(letter) {
        return Err(Error::Syntax("AUTH mechanism [initial-response]"));
    }
    let mechanism = name.to_ascii_uppercase().into();
    // RFC 4954 §4: a lone `=` is an empty initial response.
    let initial = initial.map(|text| Secret::from(if text == "=" { "" } else { text }));
    Ok(Command::Auth { mechanism, initial })
}

fn mail(rest: &str) -> Result<Mail, Error> {
    let (path, parameters) = path_and_parameters(rest, "FROM:", MAIL_USAGE)?;
    let reverse_path = match path {
        "" => ReversePath::Null,
        path => ReversePath::Mailbox(mailbox(path).ok_or(Error::BadSender)?),
    };
    let mut mail = Mail {
        reverse_path,
        size: None,
        body: Body::SevenBit,
        smtputf8: false,
        ret: None,
        envelope_id: None,
        require_tls: false,
        priority: None,
        hold: None,
        by: None,
    };
    let mut seen = Seen::default();
    for (name, value) in parameters {
        match (name.to_ascii_uppercase().as_str(), value) {
            ("SIZE", value) => mail.size = seen.once("SIZE", value.and_then(size))?,
            ("BODY", value) => mail.body = seen.once("BODY", value.and_then(body))?.unwrap_or_default(),
            ("SMTPUTF8", value) => {
                seen.once("SMTPUTF8", value.is_none().then_some(()))?;
                mail.smtputf8 = true;
            }
            ("RET", value) => mail.ret = seen.once("RET", value.and_then(ret))?,
            ("ENVID", value) => mail.envelope_id = seen.once("ENVID", value.and_then(envelope_id))?,
            ("REQUIRETLS", value) => {
                seen.once("REQUIRETLS", value.is_none().then_some(()))?;
                mail.require_tls = true;
            }
            ("MT-PRIORITY", value) => {
                mail.priority = seen.once("MT-PRIORITY", value.and_then(|value| value.parse().ok()))?;
            }
            // RFC 4865 §4: one of the two, once.
            ("HOLDFOR", value) => mail.hold = seen.once("HOLDFOR or HOLDUNTIL", value.and_then(hold_for))?,
            ("HOLDUNTIL", value) => {
                mail.hold = seen.once("HOLDFOR or HOLDUNTIL", value.and_then(hold_until))?
            }
            ("BY", value) => mail.by = seen.once("BY", value.and_then(by))?,
            // RFC 4954 §5: whoever does not trust the client's word may treat it as `<>`. We never trust it.
            ("AUTH", value) => drop(seen.once("AUTH", value.and_then(xtext::decode))?),
            _ => return Err(Error::UnknownParameter),
        }
    }
    if !path.is_ascii() && !mail.smtputf8 {
        return Err(Error::NeedsSmtpUtf8);
    }
    Ok(mail)
}

/// An address beyond ASCII is accepted here; whether the transaction said SMTPUTF8 is for the session to know.
fn rcpt(rest: &str) -> Result<Recipient, Error> {
    let (path, parameters) = path_and_parameters(rest, "TO:", RCPT_USAGE)?;
    let path = match path.eq_ignore_ascii_case("postmaster") {
        true => ForwardPath::Postmaster,
        false => ForwardPath::Mailbox(mailbox(path).ok_or(Error::BadRecipient)?),
    };
    let mut recipient = Recipient::new(path);
    let mut seen = Seen::default();
    for (name, value) in parameters {
        match (name.to_ascii_uppercase().as_str(), value) {
            ("NOTIFY", value) => recipient.notify = seen.once("NOTIFY", value.and_then(notify))?,
            ("ORCPT", value) => {
                recipient.original = seen.once("ORCPT", value.and_then(original_recipient))?;
            }
            _ => return Err(Error::UnknownParameter),
        }
    }
    Ok(recipient)
}

/// Which parameters were given: each may stand once (RFC 5321 §4.1.1.11 leaves it open; a parameter with two values has none).
#[derive(Default)]
struct Seen(Vec<&'static str>);

impl Seen {
    fn once<T>(&mut self, name: &'static str, value: Option<T>) -> Result<Option<T>, Error> {
        if value.is_none() || self.0.contains(&name) {
            return Err(Error::BadParameter(name));
        }
        self.0.push(name);
        Ok(value)
    }
}

type Parameters<'a> = Vec<(&'a str, Option<&'a str>)>;

/// Parameters of one command; twice as many as exist. More are nobody's honest work.
const PARAMETERS_MAX: usize = 16;

/// Splits `FROM:<path> NAME=value …`. The path comes back without its brackets.
fn path_and_parameters<'a>(
    rest: &'a str,
    keyword: &str,
    usage: &'static str,
) -> Result<(&'a str, Parameters<'a>), Error> {
    let start = rest.get(..keyword.len()).filter(|start| start.eq_ignore_ascii_case(keyword));
    let after = start.and_then(|_| rest.get(keyword.len()..)).ok_or(Error::Syntax(usage))?;
    // RFC 5321 allows no blank after the colon; too many clients send one, and it can mean nothing else.
    let path = after.trim_start_matches(' ').strip_prefix('<').ok_or(Error::Syntax(usage))?;
    let end = end_of_path(path).ok_or(Error::Syntax(usage))?;
    let (path, parameters) = path.split_at(end);
    let parameters = parameters.strip_prefix('>').unwrap_or_default();
    if !parameters.is_empty() && !parameters.starts_with(' ') {
        return Err(Error::Syntax(usage));
    }
    let words =
        parameters.split(' ').filter(|word| !word.is_empty()).map(|word| match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        });
    let words: Parameters<'_> = words.take(PARAMETERS_MAX + 1).collect();
    if words.len() > PARAMETERS_MAX {
        return Err(Error::UnknownParameter);
    }
    Ok((path, words))
}

/// Where the `>` stands that ends a path: not one inside a quoted local part.
fn end_of_path(path: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in path.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// A mailbox; a source route before it is read and dropped, as RFC 5321 appendix C says.
fn mailbox(path: &str) -> Option<EmailAddress> {
    let address = match path.starts_with('@') {
        true => path.split_once(':')?.1,
        false => path,
    };
    address.parse().ok()
}

fn size(value: &str) -> Option<u64> {
    let digits = matches!(value.len(), 1..=20) && value.bytes().all(|b| b.is_ascii_digit());
    // RFC 1870 §3 allows 20 digits, more than 64 bits hold: such a message is simply too large.
    digits.then(|| value.parse().unwrap_or(u64::MAX))
}

/// `future-release-integer`: 1 to 9 digits, no zero before others.
fn hold_for(value: &str) -> Option<Hold> {
    let plain = matches!(value.len(), 1..=9) && value.bytes().all(|b| b.is_ascii_digit());
    let plain = plain && !value.starts_with('0');
    plain.then(|| value.parse().ok().map(Hold::For)).flatten()
}

fn hold_until(value: &str) -> Option<Hold> {
    Timestamp::parse_rfc3339(value).ok().map(Hold::Until)
}

/// `by-time ";" by-mode [by-trace]`; `R` with no time left is refused (RFC 2852 §4).
fn by(value: &str) -> Option<By> {
    let (time, mode) = value.split_once(';')?;
    let digits = time.strip_prefix(['+', '-']).unwrap_or(time);
    let plain = matches!(digits.len(), 1..=9) && digits.bytes().all(|b| b.is_ascii_digit());
    let seconds = time.parse().ok().filter(|_| plain)?;
    let (then, trace) = match mode.to_ascii_uppercase().as_str() {
        "R" => (WhenLate::Return, false),
        "RT" => (WhenLate::Return, true),
        "N" => (WhenLate::Notify, false),
        "NT" => (WhenLate::Notify, true),
        _ => return None,
    };
    (then == WhenLate::Notify || seconds > 0).then_some(By { seconds, then, trace })
}

fn body(value: &str) -> Option<Body> {
    match value.to_ascii_uppercase().as_str() {
        "7BIT" => Some(Body::SevenBit),
        "8BITMIME" => Some(Body::EightBit),
        "BINARYMIME" => Some(Body::Binary),
        _ => None,
    }
}

fn ret(value: &str) -> Option<Ret> {
    match value.to_ascii_uppercase().as_str() {
        "FULL" => Some(Ret::Full),
        "HDRS" => Some(Ret::Headers),
        _ => None,
    }
}

fn envelope_id(value: &str) -> Option<EnvelopeId> {
    (value.len() <= EnvelopeId::BYTES_MAX).then(|| xtext::decode(value))?.as_deref().and_then(EnvelopeId::new)
}

fn notify(value: &str) -> Option<Notify> {
    if value.eq_ignore_ascii_case("NEVER") {
        return Some(Notify::Never);
    }
    let (mut success, mut failure, mut delay) = (false, false, false);
    for word in value.split(',') {
        let flag = match word.to_ascii_uppercase().as_str() {
            "SUCCESS" => &mut success,
            "FAILURE" => &mut failure,
            "DELAY" => &mut delay,
            _ => return None,
        };
        *flag = true;
    }
    Some(Notify::On { success, failure, delay })
}

fn original_recipient(value: &str) -> Option<OriginalRecipient> {
    if value.len() > OriginalRecipient::BYTES_MAX {
        return None;
    }
    let (kind, text) = value.split_once(';')?;
    OriginalRecipient::new(kind, &xtext::decode(text)?)
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
