//! Sender and receiver, end to end.

use std::time::Duration;

use mail::Timestamp;
use smtp::receive::Role;
use smtp::retry::{Next, Schedule};
use smtp::send::{Session, TlsPolicy, Verdict};
use smtp::{Limits, dsn};

use crate::house::{House, morning};
use crate::pair::{deliver, delivery, one_delivery, terms};

#[test]
fn a_mail_goes_through_tls_and_comes_out_as_it_went_in() {
    let text = "Subject: Báo cáo\r\n\r\n.một\r\n..hai\r\n".repeat(5_000);
    let mut house = House::mx();
    let outcome = one_delivery(
        &mut house,
        TlsPolicy::Required,
        delivery(&["an@foo.com", "no@foo.com", "binh@foo.com"], text.as_bytes()),
    );
    let delivered: Vec<bool> = outcome.verdicts.iter().map(|v| matches!(v, Verdict::Delivered(_))).collect();
    assert_eq!(delivered, [true, false, true]);
    assert_eq!(
        outcome.verdicts[1].reply().to_string(),
        "550 5.1.1 Khong co hop thu nay No such mailbox here"
    );
    let [arrived] = &house.stored[..] else { panic!() };
    assert!(arrived.message == text.as_bytes());
    assert!(arrived.trace.contains("with ESMTPS id"), "{}", arrived.trace);
    assert_eq!(house.asked[0], "tls");
}

#[test]
fn one_connection_carries_many_mails() {
    let mut house = House::mx();
    let mut now = morning();
    let mut sender = Session::new(now, terms(TlsPolicy::Opportunistic), Limits::default());
    // The second one is refused for everybody and leaves a transaction behind that the third has to reset.
    for (to, good) in [("an@foo.com", true), ("no@foo.com", false), ("binh@foo.com", true)] {
        let outcome = deliver(&mut house, &mut sender, &mut now, delivery(&[to], b"Subject: a\r\n\r\n"));
        assert_eq!(matches!(outcome.verdicts[..], [Verdict::Delivered(_)]), good, "{to}: {outcome:?}");
        assert!(sender.is_idle());
        // What the house has said so far was heard; the next delivery starts at the new words.
        house.said.clear();
    }
    assert_eq!(house.stored.len(), 2);
}

#[test]
fn m31_a_full_mailbox_four_days_long() {
    let schedule = Schedule::mail();
    let accepted = morning();
    let opens = accepted.plus(Duration::from_secs(4 * 86_400));
    let (mut now, mut attempts, mut warned) = (accepted, 0u32, None);
    let mail = delivery(&["full@foo.com"], b"Subject: a\r\n\r\nb\r\n");
    let left_at = loop {
        attempts += 1;
        let mut house = House::new(now, Role::Mx, Limits::default(), None);
        house.full = now < opens;
        let mut clock = now;
        let mut sender = Session::new(now, terms(TlsPolicy::Opportunistic), Limits::default());
        let outcome = deliver(&mut house, &mut sender, &mut clock, mail.clone());
        match &outcome.verdicts[..] {
            [Verdict::Delivered(_)] => break outcome.at,
            [Verdict::Deferred(reply)] => {
                assert_eq!(reply.status().unwrap().to_string(), "4.2.2");
                if warned.is_none() && clock >= schedule.warn_at(accepted) {
                    warned = Some(warn(clock, reply.clone()));
                }
            }
            other => panic!("{other:?}"),
        }
        let Next::Again(at) = schedule.next(accepted, clock, attempts, 77) else { panic!("given up") };
        now = at;
    };
    assert!(left_at >= opens && left_at < opens.plus(Duration::from_secs(5 * 3_600)));
    assert!((25..40).contains(&attempts), "{attempts} attempts");
    let warning = String::from_utf8(warned.expect("the sender was told of the delay")).unwrap();
    assert!(warning.contains("Action: delayed\r\nStatus: 4.2.2\r\n"), "{warning}");
}

/// The report of a delay, which a mailbox of the sender's house must take like any mail.
fn warn(now: Timestamp, reply: smtp::codec::Reply) -> Vec<u8> {
    let mail = delivery(&["full@foo.com"], b"");
    let report = dsn::build(&dsn::Facts {
        host: &"mx.bar.com".parse().unwrap(),
        id: "r1",
        now,
        reverse_path: &mail.reverse_path,
        envelope_id: None,
        ret: None,
        received_at: morning(),
        deliver_by: None,
        message: b"Subject: a\r\n\r\nb\r\n",
        fates: &[dsn::Fate {
            recipient: mail.recipients[0].clone(),
            action: dsn::Action::Delayed,
            reply,
            remote: None,
            last_attempt: now,
            retry_until: Some(Schedule::mail().give_up_at(morning())),
            is_demanded: false,
        }],
        returned_bytes_max: 1_000,
    })
    .expect("delays are told unless the sender said otherwise");
    let mut house = House::mx();
    let mut back = delivery(&[&report.to.to_string()], &report.message);
    back.reverse_path = report.reverse_path();
    let outcome = one_delivery(&mut house, TlsPolicy::Opportunistic, back);
    assert!(matches!(outcome.verdicts[..], [Verdict::Delivered(_)]), "{outcome:?}");
    assert_eq!(house.stored[0].envelope.reverse_path, smtp::ReversePath::Null);
    assert_eq!(house.stored[0].message, report.message);
    report.message
}
