//! The `Received` field (RFC 5321 §4.4), and what a message's header says about its journey.

use std::net::IpAddr;

use mail::{Domain, Timestamp};

use super::Role;
use crate::envelope::{Client, Envelope};

/// The `Received` field with CRLF. `for` is written only for a single recipient: with more it would tell each of the others.
pub(super) fn received(envelope: &Envelope, role: Role, host: &Domain) -> String {
    let client = &envelope.client;
    let name = client.name.as_ref().map_or_else(|| literal(client.ip), ToString::to_string);
    let reverse = client.reverse_name.as_ref().map_or_else(String::new, |name| format!("{name} "));
    let recipient = match envelope.recipients.as_slice() {
        [only] => format!("\r\n\tfor {}", only.path),
        _ => String::new(),
    };
    // RFC 8314 §4.3: the `tls` clause names the cipher suite.
    let tls = match &client.tls {
        Some(tls) => format!("\r\n\ttls {}", token(&tls.cipher)),
        None => String::new(),
    };
    // RFC 6710: what was asked for is in the trace.
    let priority =
        envelope.priority.map_or_else(String::new, |priority| format!("\r\n\tPRIORITY {priority}"));
    format!(
        "Received: from {name} ({reverse}{})\r\n\tby {host} with {} id {}{recipient}{tls}{priority};\r\n\t{}\r\n",
        literal(client.ip),
        protocol(client, role, envelope.smtputf8),
        envelope.id,
        envelope.received_at.to_rfc5322(),
    )
}

/// An address literal (RFC 5321 §4.1.3).
fn literal(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => format!("[{ip}]"),
        IpAddr::V6(ip) => format!("[IPv6:{ip}]"),
    }
}

/// The registered protocol names (RFC 3848, RFC 6531 §4.3): S through TLS, A signed in.
fn protocol(client: &Client, role: Role, smtputf8: bool) -> String {
    let base = match (role, smtputf8) {
        (Role::Lmtp, false) => "LMTP",
        (Role::Lmtp, true) => "UTF8LMTP",
        _ if !client.extended => return "SMTP".to_owned(),
        (_, false) => "ESMTP",
        (_, true) => "UTF8SMTP",
    };
    let secure = if client.tls.is_some() { "S" } else { "" };
    let signed_in = if client.signed_in_as.is_some() { "A" } else { "" };
    format!("{base}{secure}{signed_in}")
}

fn token(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).take(64).collect()
}

/// What one pass over a header finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// `Received` fields: hosts the message has passed.
    pub(super) received: usize,
    date: bool,
    message_id: bool,
    /// The message begins with a field or with the empty line, and not with its body.
    begins: bool,
}

impl Header {
    /// Looks at each line up to the empty one. A line that is no field ends the header too.
    pub(super) fn scan(message: &[u8]) -> Self {
        let mut found = Self { begins: message.starts_with(b"\r\n"), ..Self::default() };
        for line in message.split(|b| *b == b'\n') {
            if matches!(line.first(), Some(b' ' | b'\t')) && found.begins {
                continue;
            }
            let Some(colon) = line.iter().position(|b| *b == b':') else { break };
            let name = line.get(..colon).unwrap_or_default().trim_ascii_end();
            if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
                break;
            }
            found.begins = true;
            found.received += usize::from(name.eq_ignore_ascii_case(b"Received"));
            found.date |= name.eq_ignore_ascii_case(b"Date");
            found.message_id |= name.eq_ignore_ascii_case(b"Message-ID");
        }
        found
    }

    /// The fields that a submission lacks (RFC 6409 §8.2 and §8.3), to be put before it.
    pub(super) fn missing(&self, now: Timestamp, id: &str, host: &Domain) -> String {
        let mut fields = String::new();
        if !self.message_id {
            fields += &format!("Message-ID: <{id}@{host}>\r\n");
        }
        if !self.date {
            fields += &format!("Date: {}\r\n", now.to_rfc5322());
        }
        if !self.begins {
            fields += "\r\n";
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::{Body, ForwardPath, Recipient, ReversePath, Tls};

    fn envelope(recipients: &[&str], smtputf8: bool) -> Envelope {
        let recipient = |a: &&str| Recipient::new(ForwardPath::Mailbox(a.parse().unwrap()));
        Envelope {
            id: "s1.1".into(),
            reverse_path: ReversePath::Null,
            recipients: recipients.iter().map(recipient).collect(),
            body: Body::SevenBit,
            smtputf8,
            ret: None,
            envelope_id: None,
            require_tls: false,
            priority: None,
            not_before: None,
            deliver_by: None,
            received_at: Timestamp::parse_rfc3339("2026-11-22T01:02:03Z").unwrap(),
            client: Client {
                ip: "192.0.2.1".parse().unwrap(),
                reverse_name: Some("mail.bar.com".parse().unwrap()),
                iprev: None,
                name: Some("bar.com".parse().unwrap()),
                extended: true,
                tls: None,
                signed_in_as: None,
            },
        }
    }

    #[test]
    fn rfc_5321_section_4_4_received() {
        let mut e = envelope(&["an@a.vn"], false);
        let host: Domain = "mx.a.vn".parse().unwrap();
        assert_eq!(
            received(&e, Role::Mx, &host),
            "Received: from bar.com (mail.bar.com [192.0.2.1])\r\n\tby mx.a.vn with ESMTP id s1.1\r\n\tfor <an@a.vn>;\r\n\t\
             Sun, 22 Nov 2026 08:02:03 +0700\r\n"
        );
        e.client.ip = "2001:db8::1".parse().unwrap();
        e.client.reverse_name = None;
        e.client.signed_in_as = Some("an".into());
        e.client.tls = Some(Tls {
            version: "TLS1.3".into(),
            cipher: "TLS_AES_128_GCM_SHA256\r\nX: y".into(),
            is_certified: false,
        });
        e.recipients.push(e.recipients[0].clone());
        assert_eq!(
            received(&e, Role::Submission, &host),
            "Received: from bar.com ([IPv6:2001:db8::1])\r\n\tby mx.a.vn with ESMTPSA id s1.1\r\n\t\
             tls TLS_AES_128_GCM_SHA256Xy;\r\n\tSun, 22 Nov 2026 08:02:03 +0700\r\n"
        );
    }

    #[test]
    fn rfc_3848_and_6531_protocol_names() {
        let mut e = envelope(&["an@a.vn"], true);
        assert_eq!(protocol(&e.client, Role::Mx, true), "UTF8SMTP");
        assert_eq!(protocol(&e.client, Role::Lmtp, false), "LMTP");
        e.client.extended = false;
        assert_eq!(protocol(&e.client, Role::Mx, false), "SMTP");
    }

    #[test]
    #[rustfmt::skip]
    fn headers_are_counted_up_to_the_empty_line() {
        let rows = [
            ("Received: a\r\n b\r\nRECEIVED : c\r\nDate: d\r\n\r\nReceived: e\r\n", 2, true,  false, true),
            ("Message-Id: <a>\r\n\r\n",                                           0, false, true,  true),
            ("\r\nDate: body\r\n",                                                0, false, false, true),
            ("Hello\r\nDate: body\r\n",                                           0, false, false, false),
            ("X-Received: a\r\n\r\n",                                             0, false, false, true),
            ("",                                                                  0, false, false, false),
        ];
        for (text, received, date, message_id, begins) in rows {
            assert_eq!(Header::scan(text.as_bytes()), Header { received, date, message_id, begins }, "{text:?}");
        }
    }

    #[test]
    fn rfc_6409_section_8_fills_in_what_is_missing() {
        let (now, host) = (Timestamp::from_secs(0), "a.vn".parse().unwrap());
        let missing = |text: &str| Header::scan(text.as_bytes()).missing(now, "s1.1", &host);
        assert_eq!(missing("Date: x\r\nMessage-ID: <y>\r\n\r\n"), "");
        assert_eq!(missing("Date: x\r\n\r\n"), "Message-ID: <s1.1@a.vn>\r\n");
        assert_eq!(
            missing("Hello\r\n"),
            "Message-ID: <s1.1@a.vn>\r\nDate: Thu, 1 Jan 1970 07:00:00 +0700\r\n\r\n"
        );
    }
}
