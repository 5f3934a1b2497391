//! Messages in chunks (RFC 3030): its own dialogues, chunks that nobody wants, and chunks that would be more than they are.

use std::time::Duration;

use crate::house::{House, morning};
use smtp::Limits;
use smtp::codec::table;
use smtp::receive::{Answer, Role};

const READY: &str = "EHLO bar.com\r\nMAIL FROM:<a@bar.com>\r\nRCPT TO:<b@foo.com>\r\n";

/// A house of small sizes in which the message is about to come.
fn small() -> House {
    let limits = Limits { message_bytes_max: 20, drain_bytes_max: 20, ..Limits::default() };
    let mut house = House::new(morning(), Role::Mx, limits, None);
    house.settle(morning());
    house.hear(morning(), READY.as_bytes());
    house
}

fn ready() -> House {
    let mut house = House::mx();
    house.hear(morning(), READY.as_bytes());
    house
}

/// The codes that are said to `bytes`.
fn codes(house: &mut House, bytes: &[u8]) -> String {
    let said = house.hear(morning(), bytes);
    let codes = said.lines().filter(|line| line.as_bytes().get(3) == Some(&b' '));
    codes.filter_map(|line| line.get(..3)).collect::<Vec<_>>().join(" ")
}

#[test]
fn rfc_3030_section_4_1_simple_chunking() {
    let mut house = House::mx();
    house.play(
        "C: EHLO cnri.reston.va.us
         S: 250-
         C: MAIL FROM:<Sam@Random.com>
         S: 250 2.1.0
         C: RCPT TO:<Susan@Random.com>
         S: 250 2.1.5",
    );
    let message =
        "To: Susan@random.com\r\nFrom: Sam@random.com\r\nSubject: This is a bodyless test message\r\n";
    let said = house.hear(morning(), format!("BDAT {} LAST\r\n{message}", message.len()).as_bytes());
    assert_eq!(said, "250 2.0.0 Stored: s1.1\r\n");
    house.play("C: QUIT\nS: 221");
    assert_eq!(house.stored[0].message, message.as_bytes());
}

#[test]
fn rfc_3030_section_4_2_pipelining() {
    let (front, back) = ("Subject: a\r\n\r\n.\r\n..", "b\r\n.\r\nno end\r\nQUIT\r");
    let wire = format!(
        "{READY}RCPT TO:<no@foo.com>\r\nBDAT {}\r\n{front}BDAT {}\r\n{back}BDAT 1 LAST\r\n\nQUIT\r\n",
        front.len(),
        back.len()
    );
    for pieces in [1, 2, 7, wire.len()] {
        let mut house = House::mx();
        let said: Vec<String> =
            wire.as_bytes().chunks(pieces).map(|piece| house.hear(morning(), piece)).collect();
        let said = said.concat();
        let ends: Vec<&str> =
            said.lines().filter(|line| line.as_bytes()[3] == b' ').map(|line| &line[..3]).collect();
        assert_eq!(ends, ["250", "250", "250", "550", "250", "250", "250", "221"], "{said}");
        // Dots are text here, and nothing in a chunk is a command.
        assert_eq!(house.stored.len(), 1, "{said}");
        assert_eq!(house.stored[0].message, format!("{front}{back}\n").as_bytes());
    }
}

#[test]
#[rustfmt::skip]
fn rfc_3030_section_2_chunks_at_each_moment() {
    let rows: [(&str, &str, usize); 12] = [
        ("BDAT 2 LAST\r\n\r\nNOOP\r\n",                                     "250 250",         1),
        ("BDAT 0 LAST\r\n",                                                 "250",             1),
        ("BDAT 2\r\n\r\nBDAT 0\r\nBDAT 0 LAST\r\n",                         "250 250 250",     1),
        ("BDAT 2\r\n\r\nRSET\r\nNOOP\r\n",                                  "250 250 250",     0),
        ("BDAT 2\r\n\r\nEHLO bar.com\r\nBDAT 6 LAST\r\nRSET\r\n",           "250 250 503",     0),
        // A message comes by the one or by the other.
        ("BDAT 2\r\n\r\nDATA\r\n",                                          "250 503",         0),
        ("BDAT 2\r\n\r\nRCPT TO:<c@foo.com>\r\n",                           "250 503",         0),
        ("BDAT 2\r\n\r\nMAIL FROM:<>\r\n",                                  "250 503",         0),
        // After the last there is no message.
        ("BDAT 2 LAST\r\n\r\nBDAT 6 LAST\r\nRSET\r\n",                      "250 503",         1),
        // Whoever pipelines does not know yet that nobody is there.
        ("RSET\r\nMAIL FROM:<>\r\nBDAT 6\r\nRSET\r\nBDAT 0 LAST\r\n",       "250 250 554 554", 0),
        ("RSET\r\nBDAT 6 LAST\r\nRSET\r\nNOOP\r\n",                         "250 503 250",     0),
        ("BDAT 2\r\n\r\nQUIT\r\n",                                          "250 221",         0),
    ];
    for (talk, expected, stored) in rows {
        let mut house = ready();
        assert_eq!(codes(&mut house, talk.as_bytes()), expected, "{talk:?}");
        assert_eq!(house.stored.len(), stored, "{talk:?}");
    }
}

#[test]
#[rustfmt::skip]
fn rfc_1870_what_is_too_large_is_read_away_or_not_at_all() {
    let rows: [(&str, &str, bool); 6] = [
        ("BDAT 20 LAST\r\n0123456789012345\r\n\r\nNOOP\r\n",                    "250 250",     false),
        ("BDAT 21 LAST\r\n01234567890123456\r\n\r\nNOOP\r\n",                   "552 250",     false),
        // Each later chunk hears it too, and RSET forgets it.
        ("BDAT 12\r\n0123456789\r\nBDAT 12\r\n0123456789\r\nBDAT 2 LAST\r\n\r\n", "250 552 552", false),
        ("BDAT 22\r\n01234567890123456789\r\nRSET\r\n",                         "552 250",     false),
        ("BDAT 10737418240\r\n",                                                "552",         true),
        ("BDAT 22\r\n01234567890123456789\r\nBDAT 22\r\n",                      "552 552",     true),
    ];
    for (talk, expected, closed) in rows {
        let mut house = small();
        assert_eq!(codes(&mut house, talk.as_bytes()), expected, "{talk:?}");
        assert_eq!(house.closed, closed, "{talk:?}");
    }
    // The same of a chunk that nobody asked for.
    let mut house = small();
    assert_eq!(codes(&mut house, b"RSET\r\nBDAT 99999999999999999999\r\n"), "250 503");
    assert!(house.closed);
}

#[test]
#[rustfmt::skip]
fn a_chunk_holds_what_every_reader_reads_alike() {
    // Whoever takes the message from us by DATA must not see another end of it. Counting goes on, so the conversation can.
    let rows = ["a\n.\n", "a\n.\r\n", "a\r\n.\n", "a\r.\r\n", "a\r\n.\r\r\n", "a\r\n\0.\r\n", "a\n.\r", "a\r\n.\n\r", "a\r"];
    for near_miss in rows {
        let mut house = ready();
        let talk = format!("BDAT {}\r\n{near_miss}BDAT 0 LAST\r\nNOOP\r\n", near_miss.len());
        let expected = if near_miss == "a\r" { "250 550 250" } else { "550 550 250" };
        assert_eq!(codes(&mut house, talk.as_bytes()), expected, "{near_miss:?}");
        assert!(house.stored.is_empty() && !house.closed, "{near_miss:?}");
    }
}

#[test]
fn the_second_message_inside_a_chunk_is_text() {
    let inside = "a\r\n.\r\nMAIL FROM:<boss@foo.com>\r\nRCPT TO:<an@foo.com>\r\nBDAT 2 LAST\r\n\r\n";
    let mut house = ready();
    let talk = format!("BDAT {} LAST\r\n{inside}", inside.len());
    assert_eq!(codes(&mut house, talk.as_bytes()), "250");
    assert_eq!(house.stored.len(), 1);
    assert_eq!(house.stored[0].message, inside.as_bytes());
    // Nor does it become one when nobody wants the chunk.
    let mut house = House::mx();
    assert_eq!(codes(&mut house, format!("EHLO a\r\n{talk}").as_bytes()), "250 503");
    assert_eq!(house.asked, Vec::<String>::new());
}

#[test]
fn rfc_2033_section_4_2_each_recipient_has_an_answer_after_the_last_chunk() {
    let mut house = House::new(morning(), Role::Lmtp, Limits::default(), None);
    house.settle(morning());
    house.store = Answer::StoredEach(vec![Ok(()), Err(table::MAILBOX_FULL.reply())]);
    let talk = "LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@foo.com>\r\nRCPT TO:<b@foo.com>\r\nBDAT 2\r\n\r\nBDAT 0 LAST\r\n";
    assert_eq!(codes(&mut house, talk.as_bytes()), "250 250 250 250 250 250 452");
    let wrong = "MAIL FROM:<>\r\nRCPT TO:<a@foo.com>\r\nRCPT TO:<b@foo.com>\r\nBDAT 1\r\n\nBDAT 0 LAST\r\n";
    assert_eq!(codes(&mut house, wrong.as_bytes()), "250 250 250 550 550 550");
}

#[test]
fn crumbs_end_the_conversation_and_honest_chunks_do_not() {
    let limits = Limits { idle_commands_max: 50, ..Limits::default() };
    let with = |chunk: &str| {
        let mut house = House::new(morning(), Role::Mx, limits.clone(), None);
        house.settle(morning());
        house.hear(morning(), READY.as_bytes());
        house.hear(morning(), chunk.repeat(100).as_bytes());
        house.closed
    };
    assert!(with("BDAT 2\r\n\r\n"));
    assert!(!with(&format!("BDAT 512\r\n{}", "0123456789abcd\r\n".repeat(32))));
}

#[test]
fn rfc_5321_section_4_5_3_2_patience_holds_for_chunks_too() {
    let limits = Limits::default();
    for started in ["BDAT 5\r\nab", "BDAT 2\r\n\r\n", "RSET\r\nBDAT 5\r\nab"] {
        let mut house = ready();
        house.hear(morning(), started.as_bytes());
        let wake = house.wake.expect("a deadline");
        assert!(wake <= morning().plus(limits.text_patience), "{started:?}");
        house.session.time_passed(wake.plus(Duration::from_secs(1)));
        house.settle(wake);
        assert!(house.closed && house.said.contains("421 4.4.2"), "{started:?}");
    }
}
