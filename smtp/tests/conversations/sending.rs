//! The sending side against peers that follow a script.

use std::time::Duration;

use smtp::send::{
    Answer, Ask, Credentials, Delivery, Mechanism, Outcome, Session, Terms, TlsPolicy, Verdict,
};
use smtp::{Error, Limits, Notify, OriginalRecipient, ReversePath};

use crate::house::morning;
use crate::pair::{delivery, terms, to};

/// What a script led to: the outcome and the commands that were sent (text as `<text>`).
pub(crate) struct Told {
    pub(crate) outcome: Outcome,
    pub(crate) sent: Vec<String>,
}

impl Told {
    /// One letter each: Delivered, deferred (W as in wait), Refused.
    pub(crate) fn verdicts(&self) -> String {
        let letter = |verdict: &Verdict| match verdict {
            Verdict::Delivered(_) => 'D',
            Verdict::Deferred(_) => 'W',
            Verdict::Refused(_) => 'R',
        };
        self.outcome.verdicts.iter().map(letter).collect()
    }
}

/// Plays a peer that gives one reply for each command, in order; when it has none left, it hangs up.
pub(crate) fn play(tls: TlsPolicy, replies: &[&str], delivery: Delivery) -> Told {
    let mut session = Session::new(morning(), terms(tls), Limits::default());
    session.deliver(morning(), delivery);
    let mut replies = replies.iter();
    let mut sent = Vec::new();
    let mut text = false;
    let mut say = |session: &mut Session, text: &mut bool| match replies.next() {
        Some(reply) => {
            *text = reply.starts_with("354");
            session.bytes_arrived(morning(), format!("{}\r\n", reply.replace('|', "\r\n")).as_bytes());
        }
        None => session.connection_lost(morning()),
    };
    say(&mut session, &mut text);
    loop {
        match session.next().expect("an outcome comes") {
            Ask::Write(bytes) if text => {
                assert!(bytes.ends_with(b"\r\n.\r\n"));
                sent.push("<text>".to_owned());
                say(&mut session, &mut text);
            }
            Ask::Write(bytes) => {
                for line in String::from_utf8(bytes).unwrap().trim_end().split("\r\n") {
                    sent.push(line.to_owned());
                    say(&mut session, &mut text);
                }
            }
            Ask::StartTls => session.answer_arrived(morning(), Answer::TlsStarted),
            Ask::Done(outcome) => return Told { outcome, sent },
            Ask::WakeAt(_) => {}
            Ask::Close => panic!("closed without an outcome"),
        }
    }
}

const TEXT: &[u8] = b"Subject: a\r\n\r\nb\r\n";
const ALL: &str = "250-foo|250-PIPELINING|250-SIZE 1000|250-8BITMIME|250-SMTPUTF8|250 DSN";

#[test]
#[rustfmt::skip]
fn each_recipient_has_its_own_verdict() {
    use TlsPolicy::{None, Opportunistic, Required};
    let rows: [(&str, TlsPolicy, &[&str], &str); 17] = [
        ("all is well, pipelined",        None, &["220 a", ALL, "250 a", "250 a", "250 a", "354 a", "250 a"], "DD"),
        ("one by one",                    None, &["220 a", "250 foo", "250 a", "250 a", "250 a", "354 a", "250 a"], "DD"),
        ("one refused",                   None, &["220 a", ALL, "250 a", "550 a", "250 a", "354 a", "250 a"], "RD"),
        ("one later",                     None, &["220 a", ALL, "250 a", "250 a", "452 a", "354 a", "250 a"], "DW"),
        ("all refused: no DATA",          None, &["220 a", ALL, "250 a", "550 a", "450 a"], "RW"),
        ("sender refused",                None, &["220 a", ALL, "553 a", "503 a", "503 a"], "RR"),
        ("DATA put off",                  None, &["220 a", ALL, "250 a", "250 a", "550 a", "451 a"], "WR"),
        ("refused after the dot",         None, &["220 a", ALL, "250 a", "250 a", "250 a", "354 a", "554 a"], "RR"),
        ("lost before the answer",        None, &["220 a", ALL, "250 a", "250 a", "550 a", "354 a"], "WR"),
        ("HELO for an old server",        None, &["220 a", "502 a", "250 a", "250 a", "250 a", "250 a", "354 a", "250 a"], "DD"),
        ("greeting says no",              None, &["554 a"], "WW"),
        ("closing in the middle",         None, &["220 a", ALL, "250 a", "421 a"], "WW"),
        ("TLS offered and taken",         Opportunistic, &["220 a", "250-a|250 STARTTLS", "220 a", ALL, "250 a", "250 a", "250 a", "354 a", "250 a"], "DD"),
        ("TLS offered, then refused",     Opportunistic, &["220 a", "250-a|250 STARTTLS", "454 a", "250 a", "250 a", "250 a", "354 a", "250 a"], "DD"),
        ("m35: TLS required, not there",  Required, &["220 a", ALL], "WW"),
        ("m35: TLS required, refused",    Required, &["220 a", "250-a|250 STARTTLS", "454 a"], "WW"),
        ("nonsense",                      None, &["220 a", ALL, "250 a", "hello"], "WW"),
    ];
    for (story, tls, replies, verdicts) in rows {
        let told = play(tls, replies, delivery(&["a@b.vn", "c@b.vn"], TEXT));
        assert_eq!(told.verdicts(), verdicts, "{story}: {:?}", told.outcome);
    }
}

#[test]
fn a_reply_added_before_tls_is_an_injection() {
    // CVE-2021-33515 and its kin: a man in the middle adds a reply that would be read as the peer's first one inside TLS.
    let told = play(
        TlsPolicy::Opportunistic,
        &["220 a", "250-a|250 STARTTLS", "220 a|250 injected"],
        delivery(&["a@b.vn"], TEXT),
    );
    assert_eq!((told.verdicts().as_str(), told.outcome.fault), ("W", Some(Error::BadReply)));
}

#[test]
fn parameters_are_sent_when_they_are_offered() {
    let mut wish = delivery(&["nguyễn@b.vn"], "Subject: chào\r\n\r\n".as_bytes());
    wish.recipients[0].notify = Some(Notify::On { success: true, failure: true, delay: false });
    wish.recipients[0].original = OriginalRecipient::new("rfc822", "a+b@c.vn");
    wish.ret = Some(smtp::Ret::Full);
    wish.envelope_id = smtp::EnvelopeId::new("x=1");
    let told = play(TlsPolicy::None, &["220 a", ALL, "250 a", "250 a", "354 a", "250 a"], wish);
    assert_eq!(
        told.sent,
        [
            "EHLO mx.bar.com",
            "MAIL FROM:<an@bar.com> SIZE=18 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=x+3D1",
            "RCPT TO:<nguyễn@b.vn> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2Bb@c.vn",
            "DATA",
            "<text>",
        ]
    );
    assert!(told.outcome.peer_reports);

    let mut report = delivery(&["a@b.vn"], TEXT);
    report.reverse_path = ReversePath::Null;
    let told = play(TlsPolicy::None, &["220 a", "250 a", "250 a", "250 a", "354 a", "250 a"], report);
    assert_eq!(told.sent[1..3], ["MAIL FROM:<>", "RCPT TO:<a@b.vn>"]);
}

#[test]
#[rustfmt::skip]
fn rfc_8689_a_mail_that_requires_tls_goes_only_to_who_promises_it() {
    let tls = "250-a|250 STARTTLS";
    let rows: [(&str, &[&str], &str, Option<Error>); 5] = [
        ("promised",             &["220 a", tls, "220 a", "250-a|250 REQUIRETLS", "250 a", "250 a", "354 a", "250 a"], "D", None),
        ("not promised",         &["220 a", tls, "220 a", "250-a|250 DSN"],                              "W", Some(Error::NoRequireTls)),
        ("no TLS",               &["220 a", "250 a"],                                                    "W", Some(Error::NoRequireTls)),
        ("promised in the clear", &["220 a", "250-a|250 REQUIRETLS"],                                    "W", Some(Error::NoRequireTls)),
        ("an old server",        &["220 a", "502 a", "250 a"],                                           "W", Some(Error::NoRequireTls)),
    ];
    for policy in [TlsPolicy::Opportunistic, TlsPolicy::Required] {
        for (story, replies, verdicts, fault) in &rows {
            let wish = Delivery { require_tls: true, ..delivery(&["a@b.vn"], TEXT) };
            let told = play(policy, replies, wish);
            assert_eq!((told.verdicts().as_str(), &told.outcome.fault), (*verdicts, fault), "{story}");
            let mail = told.sent.iter().find(|line| line.starts_with("MAIL"));
            assert!(mail.is_none_or(|line| line == "MAIL FROM:<an@bar.com> REQUIRETLS"), "{story}: {mail:?}");
            assert_eq!(mail.is_some(), *verdicts == "D", "{story}");
        }
    }
}

#[test]
fn rfc_6710_a_priority_goes_on_to_who_knows_it() {
    for (offer, said) in [("250-a|250 MT-PRIORITY", " MT-PRIORITY=-3"), ("250-a|250 DSN", "")] {
        let wish = Delivery { priority: "-3".parse().ok(), ..delivery(&["a@b.vn"], TEXT) };
        let told = play(TlsPolicy::None, &["220 a", offer, "250 a", "250 a", "354 a", "250 a"], wish);
        assert_eq!(told.sent[1], format!("MAIL FROM:<an@bar.com>{said}"));
        assert_eq!(told.verdicts(), "D");
    }
}

#[test]
#[rustfmt::skip]
fn what_the_peer_cannot_carry_is_refused_before_it_is_sent() {
    let utf8 = "Subject: chào\r\n\r\n".as_bytes();
    let large = [b'x'; 1_001];
    let rows: [(&str, &str, &[u8], bool, &str); 4] = [
        ("250-a|250 SMTPUTF8",            "a@b.vn",      utf8,   false, "5.6.3"),
        ("250-a|250 8BITMIME",            "nguyễn@b.vn", TEXT,   false, "5.6.7"),
        ("250-a|250 8BITMIME",            "a@b.vn",      utf8,   true,  "5.6.7"),
        ("250-a|250-8BITMIME|250 SIZE 1000", "a@b.vn",   &large, false, "5.3.4"),
    ];
    for (offer, address, message, smtputf8, status) in rows {
        let wish = Delivery { smtputf8, ..delivery(&[address], message) };
        let told = play(TlsPolicy::None, &["220 a", offer], wish);
        assert_eq!(told.verdicts(), "R", "{status}");
        assert_eq!(told.outcome.verdicts[0].reply().status().unwrap().to_string(), status);
        assert_eq!(told.sent, ["EHLO mx.bar.com"], "nothing was sent");
    }
    // Only the recipient that cannot be reached is refused.
    let mut wish = delivery(&["a@b.vn"], TEXT);
    wish.recipients.push(to("nguyễn@b.vn"));
    let told = play(TlsPolicy::None, &["220 a", "250 a", "250 a", "250 a", "354 a", "250 a"], wish);
    assert_eq!(told.verdicts(), "DR");
}

#[test]
#[rustfmt::skip]
fn rfc_5321_section_4_5_3_2_patience() {
    // After so many replies the peer falls silent; so many minutes later the session gives up.
    let rows: [(&[&str], u64); 7] = [
        (&[],                                                       5),
        (&["220 a"],                                                5),
        (&["220 a", "250 a"],                                       5),
        (&["220 a", "250 a", "250 a"],                              5),
        (&["220 a", "250 a", "250 a", "250 a"],                     2),
        (&["220 a", "250 a", "250 a", "250 a", "354 a"],            10),
        (&["220 a", "250-a|250 STARTTLS", "220 a"],                 5),
    ];
    for (replies, minutes) in rows {
        let mut session = Session::new(morning(), terms(TlsPolicy::Opportunistic), Limits::default());
        session.deliver(morning(), delivery(&["a@b.vn"], TEXT));
        let (mut wake, mut outcome) = (None, None);
        let mut work = |session: &mut Session, wake: &mut Option<mail::Timestamp>| {
            while let Some(ask) = session.next() {
                match ask {
                    Ask::WakeAt(at) => *wake = Some(at),
                    Ask::Done(done) => outcome = Some(done),
                    Ask::Write(_) => session.written(morning()),
                    Ask::StartTls | Ask::Close => {}
                }
            }
        };
        work(&mut session, &mut wake);
        for reply in replies {
            session.bytes_arrived(morning(), format!("{}\r\n", reply.replace('|', "\r\n")).as_bytes());
            work(&mut session, &mut wake);
        }
        let end = morning().plus(Duration::from_secs(60 * minutes));
        session.time_passed(end.plus(Duration::from_millis(1)).min(end));
        work(&mut session, &mut wake);
        let outcome = outcome.unwrap_or_else(|| panic!("{replies:?}: still waiting"));
        assert_eq!(outcome.fault, Some(Error::Silence), "{replies:?}");
        assert!(wake.is_some_and(|at| at <= end), "{replies:?} {wake:?}");
        assert!(matches!(outcome.verdicts[..], [Verdict::Deferred(_)]));
    }
}

#[test]
fn a_password_is_sent_inside_tls_only() {
    let with = |mechanism, tls, replies: &[&str]| {
        let mut t = terms(tls);
        let password = mail::Secret::from("secret");
        t.credentials = Some(Credentials { mechanism, name: "an".into(), password });
        let mut session = Session::new(morning(), t, Limits::default());
        session.deliver(morning(), delivery(&["a@b.vn"], TEXT));
        let mut sent = String::new();
        for reply in replies {
            session.bytes_arrived(morning(), format!("{}\r\n", reply.replace('|', "\r\n")).as_bytes());
            while let Some(ask) = session.next() {
                match ask {
                    Ask::Write(bytes) => sent += &String::from_utf8(bytes).unwrap(),
                    Ask::StartTls => session.answer_arrived(morning(), Answer::TlsStarted),
                    Ask::Done(outcome) => return (sent, outcome.fault),
                    _ => {}
                }
            }
        }
        (sent, None)
    };
    let (plain, login) = (Mechanism::Plain, Mechanism::Login);
    let (sent, fault) = with(plain, TlsPolicy::Opportunistic, &["220 a", "250-a|250 AUTH PLAIN"]);
    assert!(!sent.contains("AUTH"), "{sent}");
    assert_eq!(fault, Some(Error::NoAuth));
    let inside = ["220 a", "250-a|250 STARTTLS", "220 a", "250-a|250-AUTH=LOGIN PLAIN|250 AUTH LOGIN PLAIN"];
    let (sent, fault) = with(plain, TlsPolicy::Required, &[&inside[..], &["235 a"]].concat());
    assert!(sent.contains("AUTH PLAIN AGFuAHNlY3JldA==\r\nMAIL FROM:") && fault.is_none(), "{sent}");
    let asked = [&inside[..], &["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 a"]].concat();
    let (sent, fault) = with(login, TlsPolicy::Required, &asked);
    assert!(sent.contains("AUTH LOGIN\r\nYW4=\r\nc2VjcmV0\r\nMAIL FROM:") && fault.is_none(), "{sent}");
    // What is no question gets no answer.
    for (mechanism, replies) in
        [(plain, &["535 5.7.8 no"][..]), (login, &["535 5.7.8 no"]), (login, &["334 a", "535 5.7.8 no"])]
    {
        let (sent, fault) = with(mechanism, TlsPolicy::Required, &[&inside[..], replies].concat());
        assert!(!sent.contains("MAIL") && !sent.contains("c2VjcmV0"), "{sent}");
        assert!(matches!(fault, Some(Error::AuthRefused(_))), "{fault:?}");
    }
    let only_login = ["220 a", "250-a|250 STARTTLS", "220 a", "250-a|250 AUTH LOGIN"];
    assert_eq!(with(plain, TlsPolicy::Required, &only_login).1, Some(Error::NoAuth));
}

#[test]
fn rfc_8314_3_3_tls_may_come_before_the_greeting() {
    let t = Terms { implicit_tls: true, ..terms(TlsPolicy::Required) };
    let mut session = Session::new(morning(), t.clone(), Limits::default());
    session.deliver(morning(), delivery(&["a@b.vn"], TEXT));
    assert_eq!(session.next(), Some(Ask::StartTls));
    session.answer_arrived(morning(), Answer::TlsStarted);
    assert!(matches!(session.next(), Some(Ask::WakeAt(_))) && session.is_encrypted());
    session.bytes_arrived(morning(), b"220 a\r\n");
    assert!(matches!(session.next(), Some(Ask::Write(hello)) if hello.starts_with(b"EHLO")));
    session.bytes_arrived(morning(), b"250-a\r\n250 STARTTLS\r\n");
    assert!(matches!(session.next(), Some(Ask::Write(line)) if line.starts_with(b"MAIL FROM")));
    // A greeting in the clear is somebody else's, and TLS that fails ends it.
    for trouble in [None, Some(Answer::TlsFailed), Some(Answer::TlsUntrusted)] {
        let mut session = Session::new(morning(), t.clone(), Limits::default());
        session.deliver(morning(), delivery(&["a@b.vn"], TEXT));
        assert_eq!(session.next(), Some(Ask::StartTls));
        match trouble {
            None => session.bytes_arrived(morning(), b"220 a\r\n"),
            Some(answer) => session.answer_arrived(morning(), answer),
        }
        let Some(Ask::Done(outcome)) = session.next() else { panic!("{trouble:?}") };
        assert!(outcome.fault.is_some() && !outcome.begun, "{trouble:?}");
        assert!(matches!(outcome.verdicts[..], [Verdict::Deferred(_)]));
        assert_eq!(session.next(), Some(Ask::Close));
    }
}

/// RFC 5321 §4.1.1.9, §3.8: a peer may close between two messages, or want no more in this session; the second message has lost nothing.
#[test]
fn what_a_peer_never_began_may_be_tried_elsewhere() {
    let first = ["220 a", ALL, "250 a", "250 a", "354 a", "250 a"];
    #[rustfmt::skip]
    let rows: [(&str, &[&str], bool); 7] = [
        ("it has closed",               &[], false),
        ("421 instead of MAIL",         &["421 a"], false),
        ("no more in this session",     &["452 4.4.5 a", "503 a"], false),
        ("the recipient is put off",    &["250 a", "450 a"], true),
        ("it closes after MAIL",        &["250 a"], true),
        ("it closes after the dot",     &["250 a", "250 a", "354 a"], true),
        ("all is well",                 &["250 a", "250 a", "354 a", "250 a"], true),
    ];
    for (what, second, begun) in rows {
        let mut session = Session::new(morning(), terms(TlsPolicy::None), Limits::default());
        let mut replies = first.iter().chain(second);
        let mut outcomes = Vec::new();
        session.deliver(morning(), delivery(&["a@b.vn"], TEXT));
        for _ in 0..100 {
            match session.next() {
                Some(Ask::Done(outcome)) => {
                    outcomes.push(outcome);
                    if outcomes.len() == 2 {
                        break;
                    }
                    assert!(session.is_idle());
                    session.deliver(morning(), delivery(&["a@b.vn"], TEXT));
                }
                Some(_) => {}
                None => match replies.next() {
                    Some(reply) => {
                        let reply = format!("{}\r\n", reply.replace('|', "\r\n"));
                        session.bytes_arrived(morning(), reply.as_bytes());
                    }
                    None => session.connection_lost(morning()),
                },
            }
        }
        assert_eq!(outcomes.len(), 2, "{what}");
        assert!(outcomes[0].begun && outcomes[0].fault.is_none(), "{what}");
        assert_eq!(outcomes[1].begun, begun, "{what}");
    }
}
