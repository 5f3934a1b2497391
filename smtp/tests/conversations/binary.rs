//! BINARYMIME (RFC 3030 §3): taken, kept to the octet, and passed on as it is or in lines.

use smtp::send::{Delivery, TlsPolicy, Verdict};
use smtp::{Body, ReversePath};

use crate::house::{House, morning};
use crate::pair::{delivery, one_delivery};
use crate::sending::play;

/// A picture as it is on a disk.
const MESSAGE: &[u8] = b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: image/png\r\n\
    Content-Transfer-Encoding: binary\r\n\r\n\x89PNG\r\n\x1a\n\0\r\r\n.\r\n\n.\nQUIT\r\n\xff";

fn wish(message: &[u8]) -> Delivery {
    Delivery { binary: true, ..delivery(&["b@foo.com"], message) }
}

#[test]
fn rfc_3030_section_4_3_binarymime() {
    let mut house = House::mx();
    house.play(
        "C: EHLO cnri.reston.va.us
         S: 250-
         C: MAIL FROM:<ned@ymir.claremont.edu> BODY=BINARYMIME
         S: 250 2.1.0
         C: RCPT TO:<gvaudre@cnri.reston.va.us>
         S: 250 2.1.5
         C: RCPT TO:<jstewart@cnri.reston.va.us>
         S: 250 2.1.5",
    );
    let (front, back) = MESSAGE.split_at(MESSAGE.len() - 9);
    let wire = [
        format!("BDAT {}\r\n", front.len()).as_bytes(),
        front,
        format!("BDAT {}\r\n", back.len()).as_bytes(),
        back,
        b"BDAT 0 LAST\r\n",
    ]
    .concat();
    wire.chunks(7).for_each(|piece| drop(house.hear(morning(), piece)));
    assert!(
        house.said.ends_with("250 2.0.0 OK\r\n250 2.0.0 OK\r\n250 2.0.0 Stored: s1.1\r\n"),
        "{}",
        house.said
    );
    assert_eq!(house.stored[0].message, MESSAGE);
    assert_eq!(house.stored[0].envelope.body, Body::Binary);
}

#[test]
#[rustfmt::skip]
fn rfc_3030_section_3_a_binary_message_comes_by_bdat_and_has_a_header_in_lines() {
    let ready = "EHLO a\r\nMAIL FROM:<a@b.vn> BODY=BINARYMIME\r\nRCPT TO:<b@foo.com>\r\n";
    let rows: [(&str, &str, bool); 6] = [
        ("DATA\r\n",                                        "503 5.5.1",  false),
        // Whoever does not wait for 354 has sent text.
        ("DATA\r\nSubject: x\r\n\r\n.\r\n",                 "503 5.5.1",  true),
        ("BDAT 7 LAST\r\na: b\n\r\n",                       "550 5.5.2",  false),
        ("BDAT 6 LAST\r\na\0\r\n\r\n",                      "550 5.5.2",  false),
        ("BDAT 5 LAST\r\na\r\r\nb",                         "550 5.5.2",  false),
        ("BDAT 9 LAST\r\na: b\r\n\r\n\0",                   "250 2.0.0",  false),
    ];
    for (talk, expected, closed) in rows {
        let mut house = House::mx();
        house.hear(morning(), ready.as_bytes());
        let said = house.hear(morning(), talk.as_bytes());
        assert!(said.starts_with(expected), "{talk:?}: {said}");
        assert_eq!(house.closed, closed, "{talk:?}");
        assert_eq!(house.stored.len(), usize::from(expected.starts_with("250")), "{talk:?}");
    }
    // What is wrong is the one message.
    let mut house = House::mx();
    house.hear(morning(), ready.as_bytes());
    house.play("C: DATA\nS: 503\nC: RSET\nS: 250\nC: MAIL FROM:<a@b.vn>\nS: 250");
}

#[test]
fn one_of_ours_takes_from_the_other_what_it_sends() {
    let mut house = House::mx();
    let outcome = one_delivery(&mut house, TlsPolicy::None, wish(MESSAGE));
    assert!(matches!(outcome.verdicts[..], [Verdict::Delivered(_)]), "{outcome:?}");
    assert_eq!(house.stored[0].message, MESSAGE);
    // Nothing at all, and more than a block.
    for message in [Vec::new(), [MESSAGE, &[0; 200_000]].concat()] {
        let mut house = House::mx();
        let outcome = one_delivery(&mut house, TlsPolicy::None, wish(&message));
        assert!(matches!(outcome.verdicts[..], [Verdict::Delivered(_)]), "{outcome:?}");
        assert_eq!(house.stored[0].message, message);
    }
}

#[test]
fn rfc_3030_section_3_a_peer_that_takes_lines_gets_lines() {
    // Both words have to be offered.
    for offer in ["250-a|250-8BITMIME|250 CHUNKING", "250-a|250-BINARYMIME|250 8BITMIME", "250 a"] {
        let told =
            play(TlsPolicy::None, &["220 a", offer, "250 a", "250 a", "354 a", "250 a"], wish(MESSAGE));
        assert_eq!(told.verdicts(), "D", "{offer}");
        assert!(!told.sent[1].contains("BINARYMIME"), "{}", told.sent[1]);
        assert_eq!(told.sent[3..], ["DATA", "<text>"]);
    }
    let mut house = House::mx();
    let lines = mail::recode::to_lines(MESSAGE).unwrap();
    let as_lines = Delivery { binary: false, ..wish(&lines) };
    one_delivery(&mut house, TlsPolicy::None, as_lines);
    assert_eq!(house.stored[0].message.trim_ascii_end(), lines.trim_ascii_end());
}

#[test]
fn rfc_3030_section_3_what_is_signed_is_given_back() {
    let signed = [b"DKIM-Signature: v=1; d=bar.com\r\n", MESSAGE].concat();
    let told = play(TlsPolicy::None, &["220 a", "250-a|250 8BITMIME"], wish(&signed));
    assert_eq!((told.verdicts().as_str(), told.sent.len()), ("R", 1), "{:?}", told.sent);
    assert_eq!(told.outcome.verdicts[0].reply().status().unwrap().to_string(), "5.6.3");
    // To a peer that takes it as it is, it goes as it is.
    let mut house = House::mx();
    let report = Delivery { reverse_path: ReversePath::Null, ..wish(&signed) };
    let outcome = one_delivery(&mut house, TlsPolicy::None, report);
    assert!(matches!(outcome.verdicts[..], [Verdict::Delivered(_)]), "{outcome:?}");
    assert_eq!(house.stored[0].message, signed);
}

#[test]
fn a_peer_that_refuses_the_chunk_refuses_the_message() {
    let offer = "250-a|250-CHUNKING|250 BINARYMIME";
    let told = play(TlsPolicy::None, &["220 a", offer, "250 a", "250 a", "552 5.3.4 a"], wish(b"\r\n\0"));
    assert_eq!(
        told.sent[1..4],
        ["MAIL FROM:<an@bar.com> BODY=BINARYMIME", "RCPT TO:<b@foo.com>", "BDAT 3 LAST"]
    );
}
