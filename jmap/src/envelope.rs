//! The envelope of a submission, given or taken from the message (RFC 8621 §7), and what of the message goes out.

use std::time::Duration;

use mail::envelope::{DsnReturn, Notify, OutboundRecipient, Priority};
use mail::message::{Facts, Mailbox};
use mail::{EmailAddress, Timestamp};
use serde_json::{Map, Value, json};

use crate::Limits;
use crate::error::SetError;
use crate::headers::{field, lines};

/// Who sends to whom.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub(crate) mail_from: EmailAddress,
    pub(crate) rcpt_to: Vec<OutboundRecipient>,
    pub(crate) envid: Option<String>,
    pub(crate) ret: Option<DsnReturn>,
    /// REQUIRETLS (RFC 8689 §2).
    pub(crate) require_tls: bool,
    /// MT-PRIORITY (RFC 6710).
    pub(crate) priority: Option<Priority>,
    /// When it leaves, if not at once (FUTURERELEASE, RFC 4865).
    pub(crate) leaves_at: Option<Timestamp>,
}

/// `invalidRecipients` (RFC 8621 §7.5).
pub(crate) fn invalid_recipients(addresses: Vec<String>) -> SetError {
    SetError::new("invalidRecipients", "no mail can be sent to these addresses")
        .with("invalidRecipients", addresses)
}

impl Envelope {
    /// Reads a given envelope.
    pub(crate) fn read(value: Value, limits: &Limits, now: Timestamp) -> Result<Self, SetError> {
        let wrong = || {
            SetError::invalid("envelope", "{mailFrom: {email, parameters}, rcptTo: [{email, parameters}]}")
        };
        let Value::Object(mut object) = value else { return Err(wrong()) };
        let (from, to) = (object.remove("mailFrom"), object.remove("rcptTo"));
        if !object.is_empty() {
            return Err(wrong());
        }
        let (from, mut parameters) = address(from.unwrap_or_default()).ok_or_else(wrong)?;
        let mail_from = from.parse().map_err(|_| SetError::invalid("envelope", "mailFrom is no address"))?;
        let mut read = Self::from(mail_from);
        for (name, value) in std::mem::take(&mut parameters) {
            read.take_parameter(&name, &value, limits, now)?;
        }
        let Some(Value::Array(to)) = to else { return Err(wrong()) };
        too_many(to.len(), limits)?;
        let (mut rcpt_to, mut invalid) = (Vec::with_capacity(to.len()), Vec::new());
        for recipient in to {
            let (email, parameters) = address(recipient).ok_or_else(wrong)?;
            match email.parse() {
                Ok(address) => rcpt_to.push(read_recipient(address, parameters)?),
                Err(_) => invalid.push(email),
            }
        }
        read.rcpt_to = rcpt_to;
        read.whole(invalid)
    }

    fn from(mail_from: EmailAddress) -> Self {
        Self {
            mail_from,
            rcpt_to: Vec::new(),
            envid: None,
            ret: None,
            require_tls: false,
            priority: None,
            leaves_at: None,
        }
    }

    /// A parameter of MAIL FROM.
    fn take_parameter(
        &mut self,
        name: &str,
        value: &Value,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<(), SetError> {
        match (name.to_ascii_uppercase().as_str(), value.as_str()) {
            ("ENVID", Some(text)) => self.envid = Some(dsn_text(text)?),
            ("RET", Some(text)) => self.ret = Some(text.parse().map_err(|_| bad_parameter(name))?),
            ("REQUIRETLS", None) if value.is_null() => self.require_tls = true,
            ("MT-PRIORITY", Some(text)) => {
                self.priority = Some(text.parse().map_err(|_| bad_parameter(name))?);
            }
            (hold @ ("HOLDFOR" | "HOLDUNTIL"), Some(text)) if self.leaves_at.is_none() => {
                self.leaves_at = Some(held_until(hold, text, limits, now)?);
            }
            // What the message itself says already.
            ("SMTPUTF8", None) | ("BODY" | "SIZE", _) => {}
            _ => return Err(bad_parameter(name)),
        }
        Ok(())
    }

    /// The envelope that a message itself asks for: from its Sender or author to everybody in To, Cc and Bcc.
    pub(crate) fn of(outgoing: &Outgoing, facts: &Facts, limits: &Limits) -> Result<Self, SetError> {
        let everybody = || facts.to.iter().chain(&facts.cc).chain(&facts.bcc);
        too_many(everybody().count(), limits)?;
        let (mut rcpt_to, mut invalid) = (Vec::new(), Vec::new());
        for Mailbox { email, .. } in everybody() {
            match email.parse() {
                Ok(address) => rcpt_to.push(OutboundRecipient::plain(address)),
                Err(_) => invalid.push(email.clone()),
            }
        }
        // `Outgoing::read` found one author at least.
        let mail_from = outgoing.handed_in_by().cloned().ok_or_else(no_author)?;
        Self { rcpt_to, ..Self::from(mail_from) }.whole(invalid)
    }

    /// Every recipient once, and one at least.
    fn whole(mut self, invalid: Vec<String>) -> Result<Self, SetError> {
        if !invalid.is_empty() {
            return Err(invalid_recipients(invalid));
        }
        let mut seen = std::collections::HashSet::new();
        self.rcpt_to.retain(|recipient| seen.insert(recipient.address.clone()));
        match self.rcpt_to.is_empty() {
            true => Err(SetError::new("noRecipients", "nobody to send to")),
            false => Ok(self),
        }
    }

    /// As the submission shows it.
    pub(crate) fn to_value(&self) -> Value {
        let mut from = Map::new();
        from.extend(self.envid.as_ref().map(|envid| ("ENVID".to_owned(), json!(envid))));
        from.extend(self.ret.map(|ret| ("RET".to_owned(), json!(ret))));
        from.extend(self.require_tls.then(|| ("REQUIRETLS".to_owned(), Value::Null)));
        from.extend(self.priority.map(|priority| ("MT-PRIORITY".to_owned(), json!(priority.to_string()))));
        from.extend(self.leaves_at.map(|at| ("HOLDUNTIL".to_owned(), json!(at.to_rfc3339_utc()))));
        let or_null = |map: Map<String, Value>| if map.is_empty() { Value::Null } else { Value::Object(map) };
        let to: Vec<Value> = self
            .rcpt_to
            .iter()
            .map(|recipient| {
                let mut parameters = Map::new();
                parameters.extend(recipient.notify.map(|notify| ("NOTIFY".to_owned(), json!(notify))));
                parameters.extend(recipient.orcpt.as_ref().map(|orcpt| ("ORCPT".to_owned(), json!(orcpt))));
                json!({ "email": recipient.address, "parameters": or_null(parameters) })
            })
            .collect();
        json!({ "mailFrom": { "email": self.mail_from, "parameters": or_null(from) }, "rcptTo": to })
    }
}

fn too_many(count: usize, limits: &Limits) -> Result<(), SetError> {
    match count > limits.recipients_max {
        true => Err(SetError::new("tooManyRecipients", "too many recipients for one submission")
            .with("maxRecipients", limits.recipients_max)),
        false => Ok(()),
    }
}

/// `{email, parameters}`.
fn address(value: Value) -> Option<(String, Map<String, Value>)> {
    let Value::Object(mut object) = value else { return None };
    let Some(Value::String(email)) = object.remove("email") else { return None };
    let parameters = match object.remove("parameters") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(parameters)) => parameters,
        Some(_) => return None,
    };
    object.is_empty().then_some((email, parameters))
}

fn read_recipient(
    address: EmailAddress,
    parameters: Map<String, Value>,
) -> Result<OutboundRecipient, SetError> {
    let mut recipient = OutboundRecipient::plain(address);
    for (name, value) in parameters {
        match (name.to_ascii_uppercase().as_str(), value.as_str()) {
            ("NOTIFY", Some(text)) => {
                recipient.notify = Some(text.parse::<Notify>().map_err(|_| bad_parameter(&name))?);
            }
            ("ORCPT", Some(text)) if text.contains(';') => recipient.orcpt = Some(dsn_text(text)?),
            _ => return Err(bad_parameter(&name)),
        }
    }
    Ok(recipient)
}

/// The bounds of RFC 3461 §4.2 and §4.4, and nothing that could end a line.
fn dsn_text(text: &str) -> Result<String, SetError> {
    match matches!(text.len(), 1..=400) && !text.chars().any(char::is_control) {
        true => Ok(text.to_owned()),
        false => {
            Err(SetError::invalid("envelope", "a parameter that is too long or holds control characters"))
        }
    }
}

/// When a held mail leaves (RFC 4865 §4): HOLDFOR seconds from now, or HOLDUNTIL a moment; one that has passed is now.
fn held_until(name: &str, text: &str, limits: &Limits, now: Timestamp) -> Result<Timestamp, SetError> {
    let is_number = matches!(text.len(), 1..=9) && text.bytes().all(|b| b.is_ascii_digit());
    let at = match name {
        "HOLDFOR" => {
            let seconds = text.parse().ok().filter(|_| is_number);
            now.plus(Duration::from_secs(seconds.ok_or_else(|| bad_parameter(name))?))
        }
        _ => Timestamp::parse_rfc3339(text).map_err(|_| bad_parameter(name))?,
    };
    match at > now.plus(Duration::from_secs(limits.hold_seconds_max)) {
        true => Err(SetError::invalid("envelope", "later than maxDelayedSend allows")),
        false => Ok(at.max(now)),
    }
}

fn bad_parameter(name: &str) -> SetError {
    SetError::invalid("envelope", format!("the parameter {} is not offered so", mail::text::clip(name, 40)))
}

fn no_author() -> SetError {
    SetError::new("invalidEmail", "the message has no From with an address").with("properties", vec!["from"])
}

/// What of a message matters on its way out.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// Everybody in From.
    pub(crate) authors: Vec<EmailAddress>,
    /// The address in Sender.
    pub(crate) sender: Option<EmailAddress>,
    /// The message as it goes out, when it does not lie there so: without its Bcc fields, with the Sender that it lacked.
    pub(crate) changed: Option<Vec<u8>>,
    /// Whether a header field has bytes beyond ASCII (RFC 6532).
    pub(crate) header_8bit: bool,
    /// Whether the body has.
    pub(crate) body_8bit: bool,
}

impl Outgoing {
    /// Reads a message that is to be sent.
    ///
    /// # Errors
    /// `invalidEmail` when it does not say, once and clearly, whom it is from: what is checked here must be what a
    /// reader is shown.
    pub(crate) fn read(raw: &[u8], facts: &Facts) -> Result<Self, SetError> {
        let (mut from_fields, mut sender_fields) = (0, 0);
        let (mut kept, mut end, mut has_bcc) = (Vec::new(), 0, false);
        for line in lines(raw) {
            end += line.len();
            let name = field(line).map(|field| field.name.to_ascii_lowercase()).unwrap_or_default();
            from_fields += usize::from(name == "from");
            sender_fields += usize::from(name == "sender");
            match name.as_str() {
                "bcc" | "resent-bcc" => has_bcc = true,
                _ => kept.push(line),
            }
        }
        if from_fields != 1 || sender_fields > 1 {
            return Err(no_author());
        }
        let parse = |list: &[Mailbox]| -> Result<Vec<EmailAddress>, SetError> {
            list.iter().map(|m| m.email.parse().map_err(|_| no_author())).collect()
        };
        let authors = parse(&facts.from)?;
        let senders = parse(&facts.sender)?;
        if authors.is_empty() || senders.len() > 1 {
            return Err(no_author());
        }
        let sender = senders.into_iter().next();
        let (head, body) = raw.split_at(end);
        Ok(Self {
            authors,
            sender,
            changed: has_bcc.then(|| [kept.concat().as_slice(), body].concat()),
            header_8bit: !head.is_ascii(),
            body_8bit: !body.is_ascii(),
        })
    }

    /// Names who sends the message on somebody's behalf (RFC 5322 §3.6.2).
    pub(crate) fn name_sender(&mut self, sender: EmailAddress, raw: &[u8]) {
        let line = format!("Sender: <{sender}>\r\n");
        self.header_8bit |= !line.is_ascii();
        self.changed = Some([line.as_bytes(), self.changed.as_deref().unwrap_or(raw)].concat());
        self.sender = Some(sender);
    }

    /// Who hands the message in: Sender, or the first author.
    fn handed_in_by(&self) -> Option<&EmailAddress> {
        self.sender.as_ref().or(self.authors.first())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_309_200);

    fn outgoing(raw: &str) -> Result<Outgoing, String> {
        let facts = mail::message::read(raw.as_bytes(), &mail::message::Limits::default());
        Outgoing::read(raw.as_bytes(), &facts).map_err(|e| e.kind().to_owned())
    }

    #[test]
    #[rustfmt::skip]
    fn the_bcc_field_never_leaves() {
        let rows = [
            ("From: a@a.vn\r\nBcc: x@x.vn\r\nTo: b@b.vn\r\n\r\nBcc: stays\r\n", "From: a@a.vn\r\nTo: b@b.vn\r\n\r\nBcc: stays\r\n"),
            ("bcc: x@x.vn,\r\n y@y.vn,\r\n\tz@z.vn\r\nFrom: a@a.vn\r\n\r\n",      "From: a@a.vn\r\n\r\n"),
            ("From: a@a.vn\r\nBCC : x@x.vn\r\nBcc: y@y.vn\r\n\r\n",              "From: a@a.vn\r\n\r\n"),
            ("From: a@a.vn\nBcc: x@x.vn\n\nHello",                                "From: a@a.vn\n\nHello"),
            ("From: a@a.vn\r\nResent-Bcc: x@x.vn\r\n\r\n",                       "From: a@a.vn\r\n\r\n"),
            ("From: a@a.vn\r\nBcc: x@x.vn",                                      "From: a@a.vn\r\n"),
        ];
        for (raw, expected) in rows {
            let stripped = outgoing(raw).unwrap().changed.unwrap();
            assert_eq!(String::from_utf8(stripped).unwrap(), expected, "{raw:?}");
        }
        assert!(outgoing("From: a@a.vn\r\nX-Bcc: x\r\n\r\n").unwrap().changed.is_none());
        // However many fields stand before it.
        let long = format!("{}From: a@a.vn\r\nBcc: x@x.vn\r\n\r\n", "X-A: 1\r\n".repeat(5_000));
        assert!(!outgoing(&long).unwrap().changed.unwrap().windows(3).any(|w| w == b"Bcc"));
    }

    #[test]
    #[rustfmt::skip]
    fn a_message_says_once_whom_it_is_from() {
        let rows = [
            ("From: a@a.vn\r\n\r\n",                          Ok(1)),
            ("From: a@a.vn, b@a.vn\r\nSender: b@a.vn\r\n\r\n", Ok(2)),
            ("To: a@a.vn\r\n\r\n",                            Err("invalidEmail".to_owned())),
            ("From: a@a.vn\r\nFrom: b@b.vn\r\n\r\n",          Err("invalidEmail".to_owned())),
            ("From: a@a.vn\r\nfrom : b@b.vn\r\n\r\n",         Err("invalidEmail".to_owned())),
            ("From: a@a.vn\r\nSender: b@a.vn, c@a.vn\r\n\r\n", Err("invalidEmail".to_owned())),
            ("From: nobody\r\n\r\n",                          Err("invalidEmail".to_owned())),
        ];
        for (raw, expected) in rows {
            assert_eq!(outgoing(raw).map(|o| o.authors.len()), expected, "{raw:?}");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn envelopes_of_rfc_8621_7() {
        let to = |parameters: Value| json!({ "mailFrom": { "email": "a@a.vn" }, "rcptTo": [{ "email": "b@b.vn", "parameters": parameters }] });
        let from = |parameters: Value| json!({ "mailFrom": { "email": "a@a.vn", "parameters": parameters }, "rcptTo": [{ "email": "b@b.vn" }] });
        let rows = [
            (to(Value::Null),                                    "ok"),
            (to(json!({ "NOTIFY": "SUCCESS,DELAY", "ORCPT": "rfc822;b@b.vn" })), "ok"),
            (from(json!({ "RET": "HDRS", "envid": "QQ314159", "SMTPUTF8": null })), "ok"),
            (from(json!({ "REQUIRETLS": null, "mt-priority": "-2" })), "ok"),
            (from(json!({ "REQUIRETLS": "yes" })),               "invalidProperties"),
            (from(json!({ "REQUIRETLS": true })),                "invalidProperties"),
            (from(json!({ "MT-PRIORITY": "10" })),               "invalidProperties"),
            (from(json!({ "MT-PRIORITY": 4 })),                  "invalidProperties"),
            (to(json!({ "NOTIFY": "SOMETIMES" })),               "invalidProperties"),
            (from(json!({ "ENVID": "a\r\nRCPT TO:<x@x.vn>" })),  "invalidProperties"),
            (from(json!({ "HOLDFOR": "3600" })),                 "ok"),
            (from(json!({ "HOLDFOR": "604801" })),               "invalidProperties"),
            (from(json!({ "HOLDFOR": "+5" })),                   "invalidProperties"),
            (from(json!({ "HOLDFOR": 5 })),                      "invalidProperties"),
            (from(json!({ "HOLDFOR": "5", "HOLDUNTIL": "2026-11-22T09:00:00Z" })), "invalidProperties"),
            (from(json!({ "HOLDUNTIL": "2026-11-22T09:00:00Z" })), "ok"),
            (from(json!({ "HOLDUNTIL": "2027-11-22T09:00:00Z" })), "invalidProperties"),
            (from(json!({ "HOLDUNTIL": "tomorrow" })),           "invalidProperties"),
            (json!({ "mailFrom": { "email": "a@a.vn" }, "rcptTo": [] }), "noRecipients"),
            (json!({ "mailFrom": { "email": "a@a.vn" }, "rcptTo": [{ "email": "b@b.vn\r\nDATA" }, { "email": "c" }] }), "invalidRecipients"),
            (json!({ "mailFrom": { "email": "" }, "rcptTo": [{ "email": "b@b.vn" }] }), "invalidProperties"),
            (json!({ "mailFrom": "a@a.vn", "rcptTo": [] }),      "invalidProperties"),
            (json!([]),                                          "invalidProperties"),
            (json!({ "mailFrom": { "email": "a@a.vn" }, "rcptTo": vec![json!({ "email": "b@b.vn" }); 501] }), "tooManyRecipients"),
        ];
        for (value, expected) in rows {
            let read = Envelope::read(value.clone(), &Limits::default(), NOW);
            assert_eq!(read.map_or_else(|e| e.kind().to_owned(), |_| "ok".to_owned()), expected, "{value}");
        }
        let envelope = Envelope::read(from(json!({ "RET": "full", "ENVID": "x" })), &Limits::default(), NOW).unwrap();
        assert_eq!(envelope.to_value()["mailFrom"]["parameters"], json!({ "RET": "FULL", "ENVID": "x" }));
        let envelope = Envelope::read(from(json!({ "requiretls": null, "MT-PRIORITY": "4" })), &Limits::default(), NOW).unwrap();
        assert_eq!(envelope.to_value()["mailFrom"]["parameters"], json!({ "REQUIRETLS": null, "MT-PRIORITY": "4" }));
        for (given, at) in [
            (json!({ "holdfor": "3600" }), "2026-11-22T02:00:00Z"),
            (json!({ "HOLDUNTIL": "2026-11-22T10:00:00+07:00" }), "2026-11-22T03:00:00Z"),
            (json!({ "HOLDUNTIL": "2026-11-21T10:00:00Z" }), "2026-11-22T01:00:00Z"),
        ] {
            let envelope = Envelope::read(from(given), &Limits::default(), NOW).unwrap();
            assert_eq!(envelope.to_value()["mailFrom"]["parameters"], json!({ "HOLDUNTIL": at }));
        }
    }
}
