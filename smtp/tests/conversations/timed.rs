//! DELIVERBY (RFC 2852): said, counted, and passed on with the time that is left.

use std::time::Duration;

use mail::envelope::{DeliverBy, WhenLate};
use smtp::send::{Delivery, TlsPolicy};

use crate::house::{House, morning};
use crate::pair::{delivery, one_delivery};
use crate::sending::play;

fn by(seconds: u64, then: WhenLate, trace: bool) -> Option<DeliverBy> {
    Some(DeliverBy { at: morning().plus(Duration::from_secs(seconds)), then, trace, told: false })
}

#[test]
fn rfc_2852_a_message_with_a_time() {
    let mut house = House::mx();
    house.play(
        "C: EHLO acme.net
         S: 250-
         C: MAIL FROM:<eljefe@bigbiz.com> BY=120;R
         S: 250
         C: RCPT TO:<topbanana@other.com>
         S: 250
         C: DATA
         S: 354
         C: Subject: a
         C:
         C: .
         S: 250",
    );
    assert_eq!(house.stored[0].envelope.deliver_by, by(120, WhenLate::Return, false));
    // Time counts from MAIL on, however long the text takes.
    let mut house = House::mx();
    house.play("C: EHLO a\nS: 250-\nC: MAIL FROM:<a@b.vn> BY=60;NT\nS: 250\nC: RCPT TO:<b@foo.com>\nS: 250\nC: DATA\nS: 354");
    house.hear(morning().plus(Duration::from_secs(50)), b"Subject: a\r\n\r\n.\r\n");
    assert_eq!(house.stored[0].envelope.deliver_by, by(60, WhenLate::Notify, true));
}

#[test]
#[rustfmt::skip]
fn rfc_2852_section_3_what_is_too_soon_is_refused_when_it_is_to_be_given_back() {
    let rows = [
        ("BY=5;R",                 "250"),
        ("BY=4;R",                 "554-5.4.7"),
        ("BY=4;N",                 "250"),
        ("BY=-4;N",                "250"),
        ("BY=0;R",                 "501 5.5.4"),
        ("BY=5",                   "501 5.5.4"),
    ];
    for (parameter, expected) in rows {
        let mut house = House::mx();
        house.play(&format!("C: EHLO a\nS: 250-\nC: MAIL FROM:<a@b.vn> {parameter}\nS: {expected}"));
    }
    // RFC 4865: nobody holds back what is wanted before.
    let rows = [("BY=60;R HOLDFOR=59", "250"), ("BY=60;R HOLDFOR=60", "501 5.5.4"), ("BY=60;N HOLDFOR=61", "501 5.5.4")];
    for (parameter, expected) in rows {
        let mut house = House::submission();
        house.play("C: EHLO a\nS: 250-\nC: AUTH PLAIN AGFuAHNlY3JldA==\nS: 235");
        house.play(&format!("C: MAIL FROM:<an@foo.com> {parameter}\nS: {expected}"));
    }
}

#[test]
#[rustfmt::skip]
fn rfc_2852_section_4_1_the_time_left_is_passed_on() {
    use WhenLate::{Notify, Return};
    let rows = [
        // offer            time                    said              verdict  keeps time
        ("DELIVERBY",       by(98, Return, false),  Some(" BY=98;R"),   "D",   true),
        ("DELIVERBY 98",    by(98, Return, true),   Some(" BY=98;RT"),  "D",   true),
        ("DELIVERBY 99",    by(98, Return, false),  None,               "R 5.4.7", true),
        ("DELIVERBY 99",    by(98, Notify, false),  Some(" BY=98;N"),   "D",   true),
        ("DELIVERBY",       by(0, Return, false),   None,               "R 5.4.7", true),
        ("DELIVERBY",       by(0, Notify, true),    Some(" BY=0;NT"),   "D",   true),
        ("DSN",             by(98, Return, false),  None,               "R 5.3.3", false),
        ("DSN",             by(98, Notify, false),  Some(""),           "D",   false),
        ("DELIVERBY",       None,                   Some(""),           "D",   true),
    ];
    for (offer, deliver_by, said, verdict, keeps_time) in rows {
        let wish = Delivery { deliver_by, ..delivery(&["a@b.vn"], b"Subject: a\r\n\r\n") };
        let told = play(TlsPolicy::None, &["220 a", &format!("250-a|250 {offer}"), "250 a", "250 a", "354 a", "250 a"], wish);
        let mail = told.sent.iter().find_map(|line| line.strip_prefix("MAIL FROM:<an@bar.com>"));
        assert_eq!(mail, said, "{offer} {deliver_by:?}");
        let status = told.outcome.verdicts[0].reply().status().filter(|_| told.verdicts() == "R");
        let found = status.map_or_else(|| told.verdicts(), |status| format!("{} {status}", told.verdicts()));
        assert_eq!((found.as_str(), told.outcome.keeps_time), (verdict, keeps_time), "{offer} {deliver_by:?}");
    }
}

#[test]
fn one_of_ours_passes_the_time_on_to_the_other() {
    let mut house = House::mx();
    let wish = Delivery {
        deliver_by: by(600, WhenLate::Return, true),
        ..delivery(&["b@foo.com"], b"Subject: a\r\n\r\n")
    };
    let outcome = one_delivery(&mut house, TlsPolicy::None, wish);
    assert!(outcome.keeps_time, "{outcome:?}");
    let taken = house.stored[0].envelope.deliver_by.unwrap();
    // Whole seconds are passed on, never more than are left.
    let lost = morning().plus(Duration::from_secs(600)).since(taken.at);
    assert!(taken.trace && taken.then == WhenLate::Return && lost < Duration::from_secs(2), "{taken:?}");
}
