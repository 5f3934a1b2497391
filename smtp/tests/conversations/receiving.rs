//! The receiving side: dialogues as rows. Only the codes are compared; the words are ours.

use std::time::Duration;

use crate::house::{House, morning, tls};
use smtp::codec::table;
use smtp::receive::{Answer, Role};
use smtp::{Body, Limits, Notify};

#[test]
fn rfc_5321_appendix_d_1_a_typical_transaction() {
    let mut house = House::mx();
    assert!(house.said.starts_with("220 mx.foo.com ESMTP"));
    house.play(
        "C: EHLO bar.com
         S: 250-mx.foo.com greets bar.com
         C: MAIL FROM:<Smith@bar.com>
         S: 250 2.1.0
         C: RCPT TO:<Jones@foo.com>
         S: 250 2.1.5
         C: RCPT TO:<noGreen@foo.com>
         S: 550-5.1.1
         C: RCPT TO:<Brown@foo.com>
         S: 250 2.1.5
         C: DATA
         S: 354
         C: Blah blah blah...
         C: ...etc. etc. etc.
         C: .
         S: 250 2.0.0 Stored: s1.1
         C: QUIT
         S: 221 2.0.0",
    );
    let [arrived] = &house.stored[..] else { panic!() };
    let to: Vec<String> = arrived.envelope.recipients.iter().map(|r| r.path.to_string()).collect();
    assert_eq!(to, ["<Jones@foo.com>", "<Brown@foo.com>"]);
    assert_eq!(arrived.message, b"Blah blah blah...\r\n..etc. etc. etc.\r\n");
    assert!(house.closed);
}

#[test]
fn rfc_5321_appendix_d_2_an_aborted_transaction() {
    let mut house = House::mx();
    house.play(
        "C: EHLO bar.com
         S: 250-
         C: MAIL FROM:<Smith@bar.com>
         S: 250
         C: RCPT TO:<Jones@foo.com>
         S: 250
         C: RCPT TO:<noGreen@foo.com>
         S: 550-
         C: RSET
         S: 250
         C: QUIT
         S: 221",
    );
    assert!(house.stored.is_empty());
}

#[test]
fn rfc_5321_appendix_d_3_a_source_route_is_dropped() {
    let mut house = House::mx();
    house.play(
        "C: EHLO bar.com
         S: 250-
         C: MAIL FROM:<JQP@bar.com>
         S: 250
         C: RCPT TO:<@foo.com:Jones@XYZ.COM>
         S: 250
         C: DATA
         S: 354
         C: Date: Thu, 21 May 1998 05:33:29 -0700
         C: From: John Q. Public <JQP@bar.com>
         C: Subject: The Next Meeting of the Board
         C: To: Jones@xyz.com
         C:
         C: Bill:
         C: The next meeting of the board of directors will be
         C: on Tuesday.
         C: John.
         C: .
         S: 250
         C: QUIT
         S: 221",
    );
    assert_eq!(house.stored[0].envelope.recipients[0].path.to_string(), "<Jones@xyz.com>");
}

#[test]
fn rfc_5321_appendix_d_4_verifying_and_sending() {
    House::mx().play(
        "C: EHLO bar.com
         S: 250-
         C: VRFY Crispin
         S: 252
         C: MAIL FROM:<EAK@bar.com>
         S: 250
         C: RCPT TO:<Admin.MRC@foo.com>
         S: 250
         C: DATA
         S: 354
         C: Blah blah blah...
         C: .
         S: 250
         C: QUIT
         S: 221",
    );
}

#[test]
#[rustfmt::skip]
fn commands_at_the_wrong_moment() {
    let rows = [
        "C: MAIL FROM:<a@b.vn>\nS: 503 5.5.1",
        "C: EHLO a\nS: 250-\nC: RCPT TO:<a@b.vn>\nS: 503 5.5.1",
        "C: EHLO a\nS: 250-\nC: DATA\nS: 503 5.5.1",
        "C: EHLO a\nS: 250-\nC: MAIL FROM:<a@b.vn>\nS: 250\nC: MAIL FROM:<c@b.vn>\nS: 503",
        "C: EHLO a\nS: 250-\nC: MAIL FROM:<a@b.vn>\nS: 250\nC: DATA\nS: 554 5.5.1",
        "C: EHLO a\nS: 250-\nC: MAIL FROM:<a@b.vn>\nS: 250\nC: STARTTLS\nS: 503",
        "C: EHLO a\nS: 250-\nC: MAIL FROM:<a@b.vn>\nS: 250\nC: EHLO a\nS: 250-\nC: RCPT TO:<a@b.vn>\nS: 503",
        "C: STARTTLS\nS: 503",
        "C: EHLO a\nS: 250-\nC: AUTH PLAIN AGEAYg==\nS: 502",          // not at this door
        "C: LHLO a\nS: 500 5.5.1",
        "C: HELO a\nS: 250 mx\nC: NOOP\nS: 250\nC: HELP\nS: 214\nC: EXPN x\nS: 502\nC: WHAT\nS: 500 5.5.1",
        "C: EHLO a\nS: 250-\nC: MAIL FROM:<a@b.vn> SIZE=26214401\nS: 552-5.3.4",
        "C: EHLO a\nS: 250-\nC: MAIL FROM:<a@b.vn>\nS: 250\nC: RCPT TO:<nguyễn@b.vn>\nS: 553 5.6.7",
        "C: EHLO a\nS: 250-\nC: MAIL FROM:<> SMTPUTF8\nS: 250\nC: RCPT TO:<nguyễn@b.vn>\nS: 250\nC: RCPT TO:<no@b.vn>\nS: 550-5.1.1 Không",
        "C: EHLO a\nS: 250-\nC: MAIL FROM:<>\nS: 250\nC: RCPT TO:<no@b.vn>\nS: 550-5.1.1 Khong\nC: RCPT TO:<Postmaster>\nS: 250",
    ];
    for dialogue in rows {
        House::mx().play(dialogue);
    }
}

#[test]
fn only_what_works_is_offered() {
    let offered = |house: &mut House, hello: &str| house.hear(morning(), hello.as_bytes());
    let mx = offered(&mut House::mx(), "EHLO a\r\n");
    for word in [
        "PIPELINING",
        "8BITMIME",
        "CHUNKING",
        "BINARYMIME",
        "DELIVERBY 5",
        "SMTPUTF8",
        "ENHANCEDSTATUSCODES",
        "DSN",
        "SIZE 26214400",
        "STARTTLS",
        "LIMITS",
    ] {
        assert!(mx.contains(&format!("250-{word}")) || mx.contains(&format!("250 {word}")), "{word} in {mx}");
    }
    for word in ["AUTH", "XCLIENT", "VRFY", "ETRN"] {
        assert!(!mx.contains(word), "{word} in {mx}");
    }
    let submission = offered(&mut House::submission(), "EHLO a\r\n");
    assert!(submission.contains("AUTH PLAIN LOGIN") && !submission.contains("STARTTLS"), "{submission}");
}

#[test]
fn rfc_8689_6710_and_4865_are_offered_where_they_work() {
    let mut mx = House::mx();
    let offer = mx.hear(morning(), b"EHLO a\r\n");
    assert!(!offer.contains("REQUIRETLS") && !offer.contains("MT-PRIORITY"), "{offer}");
    mx.play(
        "C: MAIL FROM:<a@b.vn> REQUIRETLS\nS: 555 5.5.4\nC: MAIL FROM:<a@b.vn> MT-PRIORITY=4\nS: 555 5.5.4",
    );
    mx.play("C: MAIL FROM:<a@b.vn> HOLDFOR=1\nS: 555 5.5.4\nC: STARTTLS\nS: 220");
    let offer = mx.hear(morning(), b"EHLO a\r\n");
    assert!(offer.contains("REQUIRETLS") && !offer.contains("MT-PRIORITY"), "{offer}");
    mx.play("C: MAIL FROM:<a@b.vn> MT-PRIORITY=4\nS: 555 5.5.4\nC: MAIL FROM:<a@b.vn> REQUIRETLS\nS: 250");

    let mut submission = House::submission();
    let offer = submission.hear(morning(), b"EHLO a\r\n");
    assert!(offer.contains("REQUIRETLS") && offer.contains("MT-PRIORITY"), "{offer}");
    assert!(offer.contains("FUTURERELEASE 604800 2026-11-30T03:00:00Z"), "{offer}");
    submission.play(
        "C: AUTH PLAIN AGFuAHNlY3JldA==
         S: 235
         C: MAIL FROM:<an@foo.com> HOLDFOR=604801
         S: 501 5.5.4
         C: MAIL FROM:<an@foo.com> HOLDUNTIL=2026-11-30T03:00:01Z
         S: 501 5.5.4
         C: MAIL FROM:<an@foo.com> REQUIRETLS MT-PRIORITY=6 HOLDFOR=3600
         S: 250
         C: RCPT TO:<b@b.vn>
         S: 250
         C: DATA
         S: 354
         C: Subject: a
         C:
         C: .
         S: 250",
    );
    let arrived = &submission.stored[0];
    assert!(arrived.envelope.require_tls);
    assert_eq!(arrived.envelope.priority, "6".parse().ok());
    assert_eq!(arrived.envelope.not_before, Some(morning().plus(std::time::Duration::from_secs(3_600))));
    assert!(arrived.trace.contains("\r\n\tPRIORITY 6;"), "{}", arrived.trace);
}

#[test]
fn m35_nobody_signs_in_without_tls() {
    let mut house = House::new(morning(), Role::Submission, Limits::default(), None);
    house.settle(morning());
    let offer = house.hear(morning(), b"EHLO a\r\n");
    assert!(offer.contains("STARTTLS") && !offer.contains("AUTH"), "{offer}");
    house.play("C: AUTH PLAIN AGFuAHNlY3JldA==\nS: 538-5.7.11\nC: MAIL FROM:<an@foo.com>\nS: 530-5.7.0");
    assert!(house.asked.is_empty(), "the password is not even looked at");
    house.play(
        "C: STARTTLS
         S: 220 2.0.0
         C: MAIL FROM:<an@foo.com>
         S: 503
         C: EHLO a
         S: 250-
         C: STARTTLS
         S: 503
         C: MAIL FROM:<an@foo.com>
         S: 530-5.7.0
         C: AUTH PLAIN AGFuAHNlY3JldA==
         S: 235 2.7.0
         C: AUTH PLAIN AGFuAHNlY3JldA==
         S: 503
         C: MAIL FROM:<binh@foo.com>
         S: 553-5.7.1
         C: MAIL FROM:<an@foo.com>
         S: 250",
    );
}

#[test]
fn rfc_4954_sign_in_step_by_step() {
    let rows = [
        "C: AUTH PLAIN\nS: 334\nC: AGFuAHNlY3JldA==\nS: 235",
        "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: YW4=\nS: 334 UGFzc3dvcmQ6\nC: c2VjcmV0\nS: 235",
        "C: AUTH LOGIN YW4=\nS: 334 UGFzc3dvcmQ6\nC: c2VjcmV0\nS: 235",
        "C: AUTH PLAIN\nS: 334\nC: *\nS: 501\nC: NOOP\nS: 250",
        "C: AUTH PLAIN !!!\nS: 501 5.5.2",
        "C: AUTH PLAIN AGFuAHdyb25n\nS: 535-5.7.8",
        "C: AUTH CRAM-MD5\nS: 504 5.5.4",
    ];
    for dialogue in rows {
        let mut house = House::submission();
        house.play("C: EHLO a\nS: 250-");
        house.play(dialogue);
    }
    let mut house = House::submission();
    house
        .play("C: EHLO a\nS: 250-\nC: AUTH PLAIN AGFuAHdyb25n\nS: 535-\nC: AUTH PLAIN AGFuAHdyb25n\nS: 535-");
    house.play("C: AUTH PLAIN AGFuAHdyb25n\nS: 535-\nS: 421 4.7.0");
    assert!(house.closed, "three guesses are enough");
}

#[test]
fn rfc_6409_section_8_a_submission_gets_what_it_lacks() {
    let mut house = House::submission();
    house.play(
        "C: EHLO [192.0.2.7]
         S: 250-
         C: AUTH PLAIN AGFuAHNlY3JldA==
         S: 235
         C: MAIL FROM:<an@foo.com> BODY=8BITMIME RET=HDRS ENVID=x1
         S: 250
         C: RCPT TO:<b@bar.com> NOTIFY=NEVER
         S: 250
         C: DATA
         S: 354
         C: Subject: Báo cáo
         C:
         C: Kính gửi
         C: .
         S: 250",
    );
    let arrived = &house.stored[0];
    let message = String::from_utf8(arrived.message.clone()).unwrap();
    assert_eq!(
        message,
        "Message-ID: <s1.1@mx.foo.com>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0700\r\nSubject: Báo cáo\r\n\r\nKính gửi\r\n"
    );
    assert_eq!(
        arrived.trace,
        "Received: from [192.0.2.7] ([192.0.2.1])\r\n\tby mx.foo.com with ESMTPSA id s1.1\r\n\tfor <b@bar.com>\r\n\t\
         tls TLS_AES_128_GCM_SHA256;\r\n\tMon, 23 Nov 2026 10:00:00 +0700\r\n"
    );
    let envelope = &arrived.envelope;
    assert_eq!((envelope.body, envelope.ret), (Body::EightBit, Some(smtp::Ret::Headers)));
    assert_eq!(envelope.envelope_id.as_ref().unwrap().as_str(), "x1");
    assert_eq!(envelope.recipients[0].notify, Some(Notify::Never));
    assert_eq!(envelope.client.tls, Some(tls()));
    assert_eq!(envelope.received_at, morning(), "M36: the legal time of receipt");
}

#[test]
fn r10_a_message_refused_by_policy_is_not_promised() {
    let mut house = House::mx();
    house.store = Answer::Refused(table::STATE_SECRET.reply());
    house.play("C: EHLO a\nS: 250-\nC: MAIL FROM:<>\nS: 250\nC: RCPT TO:<an@foo.com>\nS: 250\nC: DATA\nS: 354\nC: x\nC: .\nS: 550-5.7.1");
    house.store = Answer::Permitted; // nonsense from the driver: no promise either
    house.play(
        "C: MAIL FROM:<>\nS: 250\nC: RCPT TO:<an@foo.com>\nS: 250\nC: DATA\nS: 354\nC: x\nC: .\nS: 451 4.3.0",
    );
    assert!(house.stored.is_empty());
}

#[test]
fn rfc_2033_lmtp_answers_each_recipient() {
    let mut house = House::new(morning(), Role::Lmtp, Limits::default(), None);
    house.settle(morning());
    house.store = Answer::StoredEach(vec![Ok(()), Err(table::MAILBOX_FULL.reply())]);
    house.play(
        "C: EHLO a
         S: 500
         C: LHLO a
         S: 250-
         C: MAIL FROM:<a@b.vn>
         S: 250
         C: RCPT TO:<an@foo.com>
         S: 250
         C: RCPT TO:<no@foo.com>
         S: 550-
         C: RCPT TO:<binh@foo.com>
         S: 250
         C: DATA
         S: 354
         C: x
         C: .
         S: 250
         S: 452-4.2.2",
    );
}

#[test]
fn m32_a_message_that_grows_too_large_is_read_to_its_end() {
    let limits = Limits { message_bytes_max: 100, drain_bytes_max: 200, ..Limits::default() };
    let start =
        "C: EHLO a\nS: 250-\nC: MAIL FROM:<>\nS: 250\nC: RCPT TO:<an@foo.com>\nS: 250\nC: DATA\nS: 354";
    for (lines, code, closed) in [(9, "250", false), (11, "552-5.3.4", false), (40, "552-5.3.4", true)] {
        let mut house = House::new(morning(), Role::Mx, limits.clone(), None);
        house.settle(morning());
        house.play(start);
        let answer = house.hear(morning(), ("12345678\r\n".repeat(lines) + ".\r\n").as_bytes());
        assert!(answer.starts_with(code), "{lines} lines: {answer}");
        assert_eq!(house.closed, closed, "{lines} lines");
    }
}

#[test]
fn rfc_5321_section_6_3_a_loop_ends() {
    for (hops, code) in [(99, "250"), (100, "554-5.4.6")] {
        let mut house = House::mx();
        house.play(
            "C: EHLO a\nS: 250-\nC: MAIL FROM:<>\nS: 250\nC: RCPT TO:<an@foo.com>\nS: 250\nC: DATA\nS: 354",
        );
        let answer = house.hear(morning(), ("Received: x\r\n".repeat(hops) + "\r\n.\r\n").as_bytes());
        assert!(answer.starts_with(code), "{hops} hops: {answer}");
    }
}

#[test]
fn everything_has_an_end() {
    let limits = Limits {
        errors_max: 2,
        recipients_max: 1,
        refused_recipients_max: 1,
        messages_max: 1,
        idle_commands_max: 6,
        command_line_bytes_max: 64,
        ..Limits::default()
    };
    let long = format!("C: EHLO a\nS: 250-\nC: NOOP {}\nS: 500 5.5.2", "x".repeat(100));
    let mail = "C: EHLO a\nS: 250-\nC: MAIL FROM:<>\nS: 250";
    let rows = [
        ("C: X\nS: 500\nC: X\nS: 500\nC: X\nS: 500\nS: 421 4.7.0".to_owned(), true),
        ("C: NOOP\nS: 250\n".repeat(6) + "C: NOOP\nS: 421 4.7.0", true),
        (format!("{mail}\nC: RCPT TO:<a@b.vn>\nS: 250\nC: RCPT TO:<b@b.vn>\nS: 452 4.5.3"), false),
        (
            format!("{mail}\nC: RCPT TO:<no1@b.vn>\nS: 550-\nC: RCPT TO:<no2@b.vn>\nS: 550-\nS: 421 4.7.0"),
            true,
        ),
        (
            format!(
                "{mail}\nC: RCPT TO:<a@b.vn>\nS: 250\nC: DATA\nS: 354\nC: x\nC: .\nS: 250\nC: MAIL FROM:<>\nS: 421 4.7.0"
            ),
            true,
        ),
        (long, false),
    ];
    for (dialogue, closed) in rows {
        let mut house = House::new(morning(), Role::Mx, limits.clone(), None);
        house.settle(morning());
        house.play(&dialogue);
        assert_eq!(house.closed, closed, "{dialogue}");
    }
}

#[test]
fn a_silent_or_trickling_client_is_let_go_on_time() {
    let five = Duration::from_secs(300);
    let mut house = House::mx();
    assert_eq!(house.wake, Some(morning().plus(five)));
    // A byte of a command now and then buys no time.
    let later = morning().plus(five - Duration::from_secs(1));
    house.hear(later, b"EH");
    house.session.time_passed(morning().plus(five));
    house.settle(morning().plus(five));
    assert!(house.said.ends_with("421 4.4.2 Waited too long\r\n") && house.closed);

    // Text that trickles keeps the line open, but not beyond the time for a whole message.
    let mut house = House::mx();
    house.play(
        "C: EHLO a\nS: 250-\nC: MAIL FROM:<>\nS: 250\nC: RCPT TO:<an@foo.com>\nS: 250\nC: DATA\nS: 354",
    );
    let mut now = morning();
    while !house.closed {
        now = now.plus(Duration::from_secs(240));
        house.hear(now, b"x");
        house.session.time_passed(now);
        house.settle(now);
    }
    assert_eq!(now, morning().plus(Duration::from_secs(3_600)));
    assert!(house.stored.is_empty());
}

#[test]
fn whoever_talks_before_the_greeting_is_turned_away() {
    let limits = Limits { greeting_delay: Duration::from_secs(2), ..Limits::default() };
    let mut house = House::new(morning(), Role::Mx, limits.clone(), None);
    house.settle(morning());
    assert_eq!((house.said.as_str(), house.wake), ("", Some(morning().plus(Duration::from_secs(2)))));
    assert!(house.hear(morning(), b"EHLO a\r\n").starts_with("554 5.5.1") && house.closed);

    let mut house = House::new(morning(), Role::Mx, limits, None);
    house.session.time_passed(morning().plus(Duration::from_secs(2)));
    house.settle(morning());
    assert!(house.said.starts_with("220 "));
}

#[test]
fn a_closing_house_takes_the_message_on_its_way() {
    let mut house = House::mx();
    house.play(
        "C: EHLO a\nS: 250-\nC: MAIL FROM:<>\nS: 250\nC: RCPT TO:<an@foo.com>\nS: 250\nC: DATA\nS: 354\nC: x",
    );
    house.session.house_closes(morning());
    house.play("C: .\nS: 250\nS: 421 4.3.2");
    assert!(house.closed && house.stored.len() == 1);

    let mut house = House::mx();
    house.session.house_closes(morning());
    house.settle(morning());
    assert!(house.said.ends_with("421 4.3.2 Service is shutting down, try again later\r\n") && house.closed);
}
