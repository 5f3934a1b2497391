//! The smuggling table: each row ends a message in an almost-right way and puts a second one behind it. Whoever takes the near
//! miss for an end lets a stranger write with our name (SMTP smuggling, 2023).

use crate::house::{House, morning, tls};
use crate::pair::{delivery, one_delivery};
use smtp::Limits;
use smtp::receive::Role;
use smtp::send::{TlsPolicy, Verdict};

/// What the attacker wants to be read as commands.
const SECOND: &str = "MAIL FROM:<boss@foo.com>\r\nRCPT TO:<an@foo.com>\r\nDATA\r\nPay now.\r\n.\r\n";

#[test]
#[rustfmt::skip]
fn only_crlf_dot_crlf_ends_a_message() {
    let rows = [
        ("a\n.\r",          "An LF before the dot and a CR after it, each of which somebody takes for a line end."),
        ("a\r\n.\n\r",      "A proper line, and the wrong way round after the dot."),
        ("a\r\r\n.\r\r\n", "Doubled CRs on both sides."),
        ("a\r\n.\r\0\n",    "A NUL inside the line end after the dot."),
        ("a\n.\n",          "Servers that take LF for CRLF see an end; the relay before them did not."),
        ("a\n.\r\n",        "Half right: an end for parsers that look for `.CRLF` after any line end."),
        ("a\r\n.\n",        "Half right the other way round, as some readers accept after a proper line."),
        ("a\r.\r",          "Old Macintosh line ends, taken for lines by readers that strip LF."),
        ("a\r\n.\r",        "The CR alone ends a line for readers that skip the LF if it comes."),
        ("a\r\n.\r\r\n",    "A doubled CR, collapsed by relays that clean up line ends after they looked for the dot."),
        ("a\r.\r\n",        "A bare CR before the dot, seen as the start of a line."),
        ("a\n\r.\n\r",      "LF CR, the wrong way round."),
        ("a\r\n\0.\r\n",    "A NUL, dropped by readers in C before they look for the dot."),
        ("a\r\n.\0\r\n",    "The same after the dot."),
    ];
    let doors = [Role::Mx, Role::Submission, Role::Lmtp];
    for ((near_miss, attack), role) in rows.iter().flat_map(|row| doors.map(|role| (*row, role))) {
        let over = (role == Role::Submission).then(tls);
        let mut house = House::new(morning(), role, Limits::default(), over);
        house.settle(morning());
        let hello = if role == Role::Lmtp { "LHLO" } else { "EHLO" };
        house.play(&format!("C: {hello} bar.com\nS: 250-"));
        if role == Role::Submission {
            house.play("C: AUTH PLAIN AGFuAHNlY3JldA==\nS: 235");
        }
        house.play("C: MAIL FROM:<an@foo.com>\nS: 250\nC: RCPT TO:<b@foo.com>\nS: 250\nC: DATA\nS: 354");
        let answer = house.hear(morning(), format!("{near_miss}{SECOND}").as_bytes());
        assert!(answer.starts_with("550 5.5.2 "), "{near_miss:?} {attack} {answer}");
        assert_eq!(answer.matches("\r\n").count(), 1, "{near_miss:?}: one message, one answer");
        assert!(house.stored.is_empty() && house.closed, "{near_miss:?} {attack}");
    }
}

#[test]
fn the_right_end_is_an_end() {
    let mut house = House::mx();
    house.play("C: EHLO bar.com\nS: 250-\nC: MAIL FROM:<a@bar.com>\nS: 250\nC: RCPT TO:<b@foo.com>\nS: 250\nC: DATA\nS: 354");
    let answer = house.hear(morning(), format!("a\r\n.\r\n{SECOND}").as_bytes());
    assert_eq!(house.stored.len(), 2, "a pipelining client said so: {answer}");
}

#[test]
#[rustfmt::skip]
fn command_lines_end_in_crlf() {
    let rows: [(&[u8], &str); 4] = [
        (b"NOOP\nMAIL FROM:<a@b.vn>\r\n",   "An LF in a command is a second command for the next host."),
        (b"NOOP\rMAIL FROM:<a@b.vn>\r\n",   "So is a CR."),
        (b"MAIL FROM:<a@b.vn\n>\r\n",       "An LF in an address goes into headers and logs as a new line."),
        (b"NOOP\r\r\n",                     "A doubled CR is no line end."),
    ];
    for (bytes, attack) in rows {
        let mut house = House::mx();
        house.play("C: EHLO bar.com\nS: 250-");
        let answer = house.hear(morning(), bytes);
        assert!(answer.starts_with("500 5.5.2 "), "{attack} {answer}");
        assert!(house.closed && house.asked.is_empty(), "{attack}");
    }
}

#[test]
fn bytes_after_starttls_are_an_injection() {
    // CVE-2011-0411: a man in the middle adds commands in the clear; they are executed as if they had come through TLS.
    let mut house = House::mx();
    house.play("C: EHLO bar.com\nS: 250-");
    let answer = house.hear(morning(), b"STARTTLS\r\nMAIL FROM:<a@b.vn>\r\n");
    assert!(answer.starts_with("503 5.5.1 "), "{answer}");
    assert!(house.closed && house.asked.is_empty());
}

#[test]
fn text_sent_without_waiting_is_not_read_as_commands() {
    // A relay that writes the text without waiting for 354 would turn a stranger's text into commands when DATA is refused.
    let mut house = House::mx();
    house.play("C: EHLO bar.com\nS: 250-\nC: MAIL FROM:<a@bar.com>\nS: 250\nC: RCPT TO:<no@foo.com>\nS: 550");
    let answer = house.hear(morning(), format!("DATA\r\nRSET\r\n{SECOND}").as_bytes());
    assert!(answer.starts_with("554 5.5.1 "), "{answer}");
    assert!(house.closed && house.stored.is_empty());
}

#[test]
fn chunks_of_unknown_size_and_web_pages_are_not_read_as_commands() {
    // What follows may be a chunk, and is not read as lines. And a form in a browser can be made to talk to port 25.
    let chunk = "\r\nRSET\r\nMAIL FROM:<>\r\n";
    let rows = ["BDAT 20 LOST", "BDAT 0x14", "BDAT -20 LAST", "BDAT", "POST / HTTP/1.1"];
    for bytes in rows.map(|line| format!("{line}{chunk}")) {
        let mut house = House::mx();
        house.play("C: EHLO bar.com\nS: 250-");
        let answer = house.hear(morning(), bytes.as_bytes());
        assert_eq!(answer.matches("\r\n").count(), 1, "{answer}");
        assert!(answer.starts_with("50") && house.closed && house.asked.is_empty(), "{answer}");
    }
}

#[test]
fn what_we_send_is_one_message_for_every_reader() {
    for near_miss in ["a\n.\n", "a\n.\r\n", "a\r\n.\n", "a\r.\r", "a\r\n.\r\r\n", "a\r\n.\r\n"] {
        let mut house = House::mx();
        let text = format!("Subject: a\r\n\r\n{near_miss}{SECOND}");
        let outcome =
            one_delivery(&mut house, TlsPolicy::Opportunistic, delivery(&["an@foo.com"], text.as_bytes()));
        assert!(matches!(outcome.verdicts[..], [Verdict::Delivered(_)]), "{near_miss:?} {outcome:?}");
        let [arrived] = &house.stored[..] else { panic!("{near_miss:?}: {} messages", house.stored.len()) };
        let got = String::from_utf8(arrived.message.clone()).unwrap();
        assert!(got.ends_with(SECOND) && !got.replace("\r\n", "").contains(['\r', '\n']), "{got:?}");
    }
}
