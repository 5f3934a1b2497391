//! Front ends that say for whom they stand (Postfix XCLIENT_README), and strangers who would like to.

use std::net::IpAddr;

use mail::authentication::Verdict;
use smtp::Limits;
use smtp::receive::{Front, Role};

use crate::house::{House, morning, tls};

fn behind(front: Front, role: Role) -> House {
    let over = (role == Role::Submission).then(tls);
    let mut house = House::behind(front, morning(), role, Limits::default(), over);
    house.settle(morning());
    house
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The client that a message came from, after `talk`.
fn client_after(house: &mut House, talk: &str) -> smtp::Client {
    house.play(talk);
    house.play("C: MAIL FROM:<an@foo.com>\nS: 250\nC: RCPT TO:<b@foo.com>\nS: 250\nC: DATA\nS: 354\nC: Subject: a\nC:\nC: .\nS: 250");
    house.stored.last().unwrap().envelope.client.clone()
}

#[test]
fn xclient_readme_example_a_session_begins_anew_with_the_client() {
    let mut house = behind(Front::Trusted, Role::Mx);
    let offer = house.hear(morning(), b"EHLO spike\r\n");
    assert!(offer.contains("250 XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT\r\n"), "{offer}");
    let talk = "C: XCLIENT NAME=spike.porcupine.org ADDR=168.100.189.2
         S: 220 mx.foo.com ESMTP
         C: MAIL FROM:<an@foo.com>
         S: 503
         C: EHLO spike.porcupine.org
         S: 250-";
    let client = client_after(&mut house, talk);
    assert_eq!((client.ip, client.iprev), (ip("168.100.189.2"), Some(Verdict::Pass)));
    assert_eq!(client.reverse_name.unwrap().as_str(), "spike.porcupine.org");
    assert_eq!(client.name.unwrap().as_str(), "spike.porcupine.org");
    let trace = &house.stored[0].trace;
    assert!(
        trace.starts_with("Received: from spike.porcupine.org (spike.porcupine.org [168.100.189.2])"),
        "{trace}"
    );
}

#[test]
#[rustfmt::skip]
fn what_a_front_end_says_of_its_client_counts_more_than_what_it_says_of_itself() {
    let rows = [
        // said                                     then EHLO    name     extended iprev
        ("ADDR=192.0.2.9 HELO=theirs PROTO=SMTP",   "front",     "theirs", false, None),
        ("ADDR=192.0.2.9 NAME=[UNAVAILABLE]",       "theirs",    "theirs", true,  Some(Verdict::Fail)),
        ("ADDR=192.0.2.9 NAME=[TEMPUNAVAIL]",       "theirs",    "theirs", true,  Some(Verdict::TempError)),
        ("ADDR=192.0.2.9 HELO=[UNAVAILABLE]",       "front",     "front",  true,  None),
    ];
    for (said, hello, name, extended, iprev) in rows {
        let mut house = behind(Front::Trusted, Role::Mx);
        let client = client_after(&mut house, &format!("C: EHLO f\nS: 250-\nC: XCLIENT {said}\nS: 220\nC: EHLO {hello}\nS: 250-"));
        assert_eq!((client.ip, client.iprev, client.extended), (ip("192.0.2.9"), iprev, extended), "{said}");
        assert_eq!(client.name.unwrap().as_str(), name, "{said}");
    }
}

#[test]
#[rustfmt::skip]
fn who_may_not_say_for_whom_he_stands_does_not() {
    let rows = [
        // A stranger, and a front end that says more than it may.
        (Front::Nobody,          Role::Mx,         "XCLIENT ADDR=192.0.2.9",            "550 5.7.0"),
        (Front::Nobody,          Role::Lmtp,       "XCLIENT ADDR=192.0.2.9",            "550 5.7.0"),
        (Front::Nobody,          Role::Submission, "XCLIENT LOGIN=an@foo.com",          "550 5.7.0"),
        (Front::Trusted,         Role::Submission, "XCLIENT LOGIN=an@foo.com",          "550 5.7.0"),
        (Front::TrustedToSignIn, Role::Mx,         "XCLIENT LOGIN=an@foo.com",          "550 5.7.0"),
        (Front::TrustedToSignIn, Role::Submission, "XCLIENT LOGIN=binh@foo.com",        "550 5.7.0"),
        (Front::TrustedToSignIn, Role::Submission, "XCLIENT LOGIN=an@foo.com",          "220 "),
        (Front::Trusted,         Role::Lmtp,       "XCLIENT ADDR=192.0.2.9",            "220 mx.foo.com LMTP"),
        // A stranger's words in its mouth.
        (Front::Trusted,         Role::Mx,         "XCLIENT",                           "501 5.5.4"),
        (Front::Trusted,         Role::Mx,         "XCLIENT ADDR=192.0.2.9+0D+0AMAIL",  "501 5.5.4"),
        (Front::Trusted,         Role::Mx,         "XCLIENT ADDR=192.0.2.9 SECRET=1",   "501 5.5.4"),
    ];
    for (front, role, line, expected) in rows {
        let mut house = behind(front, role);
        let hello = if role == Role::Lmtp { "LHLO" } else { "EHLO" };
        let offer = house.hear(morning(), format!("{hello} a\r\n").as_bytes());
        assert_eq!(offer.contains("XCLIENT"), front != Front::Nobody, "{front:?}: {offer}");
        assert_eq!(offer.contains("LOGIN\r\n"), front == Front::TrustedToSignIn && role == Role::Submission || offer.contains("AUTH PLAIN LOGIN\r\n"), "{offer}");
        let said = house.hear(morning(), format!("{line}\r\n").as_bytes());
        assert!(said.starts_with(expected), "{front:?} {role:?} {line}: {said}");
    }
}

#[test]
fn who_signed_in_at_the_front_end_sends_as_themselves() {
    let mut house = behind(Front::TrustedToSignIn, Role::Submission);
    let talk =
        "C: EHLO f\nS: 250-\nC: XCLIENT ADDR=192.0.2.9 LOGIN=an@foo.com\nS: 220\nC: EHLO theirs\nS: 250-";
    house.play(talk);
    house.play("C: AUTH PLAIN AGFuAHNlY3JldA==\nS: 503\nC: MAIL FROM:<binh@foo.com>\nS: 553-5.7.1");
    let client = client_after(&mut house, "C: NOOP\nS: 250");
    assert_eq!((client.signed_in_as.as_deref(), client.ip), (Some("an"), ip("192.0.2.9")));
    // The way to us is encrypted all the same.
    let mut house =
        House::behind(Front::TrustedToSignIn, morning(), Role::Submission, Limits::default(), None);
    house.settle(morning());
    house.play("C: EHLO f\nS: 250-\nC: XCLIENT LOGIN=an@foo.com\nS: 220\nC: EHLO a\nS: 250-\nC: MAIL FROM:<an@foo.com>\nS: 530-5.7.0");
}

#[test]
fn once_the_client_has_said_hello_nobody_says_anything_for_it() {
    // A front end passes bytes on from then on, and they are a stranger's.
    let mut house = behind(Front::Trusted, Role::Mx);
    house.play(
        "C: EHLO f
         S: 250-
         C: XCLIENT ADDR=192.0.2.9
         S: 220
         C: XCLIENT NAME=a.b
         S: 220",
    );
    let offer = house.hear(morning(), b"EHLO theirs\r\n");
    assert!(!offer.contains("XCLIENT") && !offer.contains("STARTTLS"), "{offer}");
    house.play("C: XCLIENT ADDR=127.0.0.1\nS: 550 5.7.0\nC: STARTTLS\nS: 502");
    let client = client_after(&mut house, "C: NOOP\nS: 250");
    assert_eq!(client.ip, ip("192.0.2.9"));
    assert_eq!(client.reverse_name.unwrap().as_str(), "a.b");
}

#[test]
fn a_message_under_way_has_its_client() {
    let mut house = behind(Front::Trusted, Role::Mx);
    house.play(
        "C: EHLO f
         S: 250-
         C: MAIL FROM:<a@b.vn>
         S: 250
         C: XCLIENT ADDR=192.0.2.9
         S: 503
         C: RSET
         S: 250
         C: XCLIENT ADDR=192.0.2.9
         S: 220",
    );
}

#[test]
fn rfc_4422_appendix_a_external_is_for_who_has_shown_a_certificate() {
    for (is_certified, reply) in [(true, "235"), (false, "504 5.5.4")] {
        let over = smtp::Tls { is_certified, ..tls() };
        let mut house = House::new(morning(), Role::Submission, Limits::default(), Some(over));
        house.settle(morning());
        let offer = house.hear(morning(), b"EHLO a\r\n");
        assert_eq!(offer.contains("AUTH EXTERNAL PLAIN LOGIN"), is_certified, "{offer}");
        assert_eq!(offer.contains("EXTERNAL"), is_certified, "{offer}");
        let said = house.hear(morning(), b"AUTH EXTERNAL =\r\n");
        assert!(said.starts_with(reply), "{said}");
    }
}

#[test]
fn m20_a_sign_in_that_is_over_ends_the_conversation_and_the_message_on_its_way() {
    let mut house = House::submission();
    house.play(
        "C: EHLO a
         S: 250-
         C: AUTH PLAIN AGFuAHNlY3JldA==
         S: 235
         C: MAIL FROM:<an@foo.com>
         S: 250
         C: RCPT TO:<b@b.vn>
         S: 250
         C: DATA
         S: 354
         C: Subject: a",
    );
    house.session.sign_in_is_over(morning(), "Mật khẩu đã đổi", "The password has changed");
    house.settle(morning());
    assert!(
        house.said.contains("421-4.7.0 Mat khau da doi\r\n421 4.7.0 The password has changed\r\n"),
        "{}",
        house.said
    );
    assert!(house.closed && house.stored.is_empty());
}
