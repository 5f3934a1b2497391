//! Hostile bytes: one entry point per parser and per conversation, for the fuzz targets and for the property tests here.
//!
//! Each takes any bytes at all and panics when a promise is broken. Not for use in the program.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use mail::Timestamp;

use crate::codec::{Command, table};
use crate::envelope::{Client, ForwardPath, Recipient, ReversePath, Tls};
use crate::receive::Front;
use crate::{Limits, receive, send};

/// Small sizes, so that short inputs reach them.
fn limits() -> Limits {
    Limits {
        command_line_bytes_max: 200,
        text_line_bytes_max: 100,
        input_bytes_max: 1_024,
        message_bytes_max: 400,
        drain_bytes_max: 400,
        recipients_max: 3,
        errors_max: 5,
        output_bytes_max: 500,
        reply_line_bytes_max: 100,
        reply_lines_max: 5,
        ..Limits::default()
    }
}

/// One command line: read or refused, and a refusal is one reply of at most 512 octets a line.
pub fn command_line(bytes: &[u8]) {
    if let Err(error) = Command::parse(bytes) {
        let mut out = Vec::new();
        error.to_reply().write(false, &mut out);
        assert_replies(&out);
    }
}

/// What a domain says about TLS to its servers: the policy file, and the records that announce it and ask for reports, a line each.
/// A policy that was read is written as one that reads back the same.
pub fn tls_words(bytes: &[u8]) {
    if let Ok(policy) = crate::mta_sts::Policy::parse(bytes) {
        assert_eq!(crate::mta_sts::Policy::parse(policy.to_string().as_bytes()), Ok(policy));
    }
    let text = String::from_utf8_lossy(bytes);
    let records: Vec<String> = text.lines().map(str::to_owned).collect();
    if let Some(id) = crate::mta_sts::announced(&records) {
        assert!((1..=32).contains(&id.len()));
    }
    assert!(crate::tls_report::places(&records).len() <= 4);
}

/// What a relay says about its client. Taken piece by piece as it is wanted, it comes to the same as at once.
pub fn proxy(bytes: &[u8]) {
    use crate::codec::proxy::{Header, header};
    let mut taken = 0;
    while let Ok(Header::Wants(more)) = header(bytes.get(..taken).unwrap_or_default()) {
        assert!(more > 0 && taken + more <= 8 * 1024);
        taken += more;
        if taken > bytes.len() {
            return;
        }
    }
    let whole = bytes.get(..taken).unwrap_or_default();
    assert_eq!(header(whole), header(whole));
}

/// A whole conversation with the receiving session. The first byte chooses the door, then each byte that is a length takes that many bytes as
/// one arrival; other bytes are answers to give and time to pass.
pub fn session(bytes: &[u8]) {
    let Some((&door, mut rest)) = bytes.split_first() else { return };
    let role = [receive::Role::Mx, receive::Role::Submission, receive::Role::Lmtp][usize::from(door % 3)];
    let mut now = Timestamp::from_secs(1_000_000_000);
    let tls = Tls {
        version: "TLS1.3".into(),
        cipher: "TLS_AES_128_GCM_SHA256".into(),
        is_certified: door & 8 == 0,
    };
    let facts = receive::Facts {
        host: "mx.a.vn".parse().expect("a domain"),
        session_id: "s1".into(),
        client: Client {
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            reverse_name: None,
            iprev: None,
            name: None,
            extended: false,
            tls: (door & 4 == 0).then(|| tls.clone()),
            signed_in_as: None,
        },
        starttls: true,
        mechanisms: vec!["EXTERNAL", "PLAIN", "LOGIN"],
        front: [Front::Nobody, Front::Trusted, Front::TrustedToSignIn][usize::from(door >> 4) % 3],
    };
    let mut session = receive::Session::new(now, role, limits(), facts);
    let mut answer = 0u8;
    loop {
        let mut closed = false;
        let mut steps = 0;
        while let Some(ask) = session.next() {
            steps += 1;
            assert!(!closed, "something follows Close");
            assert!(steps < 1_000, "the session never rests");
            let refused = answer % 4 == 3;
            let reply = match ask {
                receive::Ask::Write(out) => {
                    assert!(out.len() < 8 * 1_024, "bounded output");
                    assert_replies(&out);
                    continue;
                }
                receive::Ask::WakeAt(_) => continue,
                receive::Ask::Close => {
                    closed = true;
                    continue;
                }
                receive::Ask::StartTls => receive::Answer::TlsStarted(tls.clone()),
                _ if refused => receive::Answer::Refused(table::NO_SUCH_MAILBOX.reply()),
                receive::Ask::SignIn(_) if answer % 4 == 2 => receive::Answer::Challenge(vec![answer; 9]),
                receive::Ask::SignIn(_) => receive::Answer::SignedIn("an".to_owned()),
                receive::Ask::Introduced { client, login } => {
                    assert!(role == receive::Role::Submission || login.is_none());
                    let signed_in_as = login.map(|login| login.to_string());
                    receive::Answer::Introduced(Client { signed_in_as, ..client })
                }
                receive::Ask::Sender { .. } | receive::Ask::Recipient { .. } => receive::Answer::Permitted,
                receive::Ask::Accept(arrived) => {
                    assert!(arrived.message.len() <= limits().message_bytes_max + 200);
                    assert!(matches!(arrived.envelope.recipients.len(), 1..=3));
                    assert!(!arrived.trace.contains("\r\n\r\n"));
                    receive::Answer::Stored
                }
            };
            session.answer_arrived(now, reply);
        }
        let Some((&head, tail)) = rest.split_first().filter(|_| !closed) else { return };
        answer = answer.wrapping_add(head);
        now = now.plus(Duration::from_millis(u64::from(head)));
        if head >= 254 {
            // Time may jump with the session told, or with bytes coming first.
            now = now.plus(Duration::from_secs(4_000));
        }
        if head == 255 {
            session.time_passed(now);
        }
        let count = usize::from(head).min(tail.len()).min(session.room());
        let (piece, after) = tail.split_at(count);
        session.bytes_arrived(now, piece);
        rest = after;
    }
}

/// A peer that says anything to the sending session: every delivery ends in one outcome with a verdict for each recipient.
pub fn peer(bytes: &[u8]) {
    let mut now = Timestamp::from_secs(1_000_000_000);
    let terms = send::Terms {
        name: "mx.a.vn".parse().expect("a name"),
        tls: send::TlsPolicy::Opportunistic,
        implicit_tls: false,
        credentials: None,
    };
    let mut session = send::Session::new(now, terms, limits());
    let to = |text: &str| Recipient::new(ForwardPath::Mailbox(text.parse().expect("an address")));
    session.deliver(
        now,
        send::Delivery {
            reverse_path: ReversePath::Null,
            recipients: vec![to("an@b.vn"), to("nguyễn@b.vn")],
            message: Arc::from(&b"Subject: a\r\n\r\n.\n.\r.\r\n"[..]),
            smtputf8: false,
            ret: None,
            envelope_id: None,
            require_tls: false,
            binary: bytes.first().is_some_and(|byte| byte % 2 == 0),
            deliver_by: None,
            tls_optional: false,
            priority: None,
        },
    );
    let mut outcomes = 0;
    for piece in bytes.chunks(7).chain([&b""[..]]) {
        let mut steps = 0;
        while let Some(ask) = session.next() {
            steps += 1;
            assert!(steps < 100, "the session never rests");
            match ask {
                send::Ask::Write(out) => {
                    assert!(out.len() < 2_000 && out.ends_with(b"\r\n"));
                    session.written(now);
                }
                send::Ask::StartTls => session.answer_arrived(now, send::Answer::TlsStarted),
                send::Ask::Done(outcome) => {
                    outcomes += 1;
                    assert_eq!(outcome.verdicts.len(), 2);
                }
                send::Ask::WakeAt(_) | send::Ask::Close => {}
            }
        }
        match piece {
            [] => session.connection_lost(now),
            piece => session.bytes_arrived(now, piece),
        }
        now = now.plus(Duration::from_secs(1));
    }
    while let Some(ask) = session.next() {
        outcomes += usize::from(matches!(ask, send::Ask::Done(_)));
    }
    assert_eq!(outcomes, 1, "one delivery, one outcome");
}

/// What we write is whole replies: digits, a separator, printable text, CRLF, 512 octets at most.
fn assert_replies(out: &[u8]) {
    let text = String::from_utf8_lossy(out);
    assert!(text.ends_with("\r\n"));
    for line in text.trim_end_matches("\r\n").split("\r\n") {
        assert!(line.len() + 2 <= 512, "{line}");
        assert!(line.bytes().take(3).all(|b| b.is_ascii_digit()), "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    /// Bytes that look like SMTP often enough to get somewhere.
    fn talk() -> impl Strategy<Value = Vec<u8>> {
        let word = prop::sample::select(vec![
            "EHLO a\r\n",
            "LHLO a\r\n",
            "MAIL FROM:<>\r\n",
            "MAIL FROM:<a@b.vn> SIZE=9\r\n",
            "RCPT TO:<an@a.vn>\r\n",
            "DATA\r\n",
            "x\r\n",
            "\r\n.\r\n",
            "\n.\n",
            "MAIL FROM:<a@b.vn> BODY=BINARYMIME BY=9;RT\r\n",
            "XCLIENT ADDR=192.0.2.9 NAME=a.b HELO=c\r\n",
            "XCLIENT LOGIN=an@a.vn\r\n",
            "AUTH EXTERNAL =\r\n",
            "250-BINARYMIME\r\n250-CHUNKING\r\n",
            "RSET\r\n",
            "STARTTLS\r\n",
            "AUTH PLAIN AGEAYg==\r\n",
            "AUTH LOGIN\r\n",
            "YQ==\r\n",
            "QUIT\r\n",
            "\r",
            "\n",
            "\0",
            "BDAT 5\r\n",
            "BDAT 2 LAST\r\n",
            "BDAT 0 LAST\r\n",
            "BDAT 500\r\n",
            "BDAT 4000000000 LAST\r\n",
            "BDAT x\r\n",
            "250 ok\r\n",
            "250-SIZE 5\r\n",
            "354 go\r\n",
            "220 hi\r\n",
            "250-x\r\n",
        ]);
        let piece = prop_oneof![
            6 => word.prop_map(|w| [&[w.len() as u8], w.as_bytes()].concat()),
            1 => prop::collection::vec(any::<u8>(), 0..20),
        ];
        (any::<u8>(), prop::collection::vec(piece, 0..30))
            .prop_map(|(first, rest)| [vec![first], rest.concat()].concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn any_command_line(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            super::command_line(&bytes);
        }

        #[test]
        fn any_conversation(bytes in talk()) {
            super::session(&bytes);
        }

        #[test]
        fn any_peer(bytes in talk()) {
            super::peer(&bytes);
        }

        #[test]
        fn any_tls_words(lines in prop::collection::vec(prop::sample::select(vec![
            "version: STSv1", "mode: enforce", "mode: none", "mx: *.b.vn", "mx: b.vn", "max_age: 99999999999", "max_age: 7",
            "v=STSv1; id=1;", "v=TLSRPTv1; rua=mailto:a@b.vn,https://b.vn/", "x:y", "", ":", "\t",
        ]), 0..12)) {
            super::tls_words(lines.join("\n").as_bytes());
            super::tls_words(lines.join("\r\n").as_bytes());
        }

        #[test]
        fn any_bytes_at_all(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            super::session(&bytes);
            super::peer(&bytes);
        }
    }
}
