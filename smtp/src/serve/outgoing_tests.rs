use std::time::Duration;

use mail::envelope::Notify;

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

fn mail_for(addresses: &[&str]) -> OutboundMail {
    OutboundMail {
        reverse_path: Some("an@a.gov.vn".parse().unwrap()),
        recipients: addresses.iter().map(|a| OutboundRecipient::plain(a.parse().unwrap())).collect(),
        submission: None,
        envid: None,
        ret: None,
        smtputf8: false,
        body_8bit: false,
        binary: false,
        require_tls: false,
        priority: None,
        not_before: None,
        deliver_by: None,
        via: None,
        received_at: Timestamp::from_secs(0),
        trace: "s1.1".to_owned(),
        keywords: Vec::new(),
        list: None,
        forwarded_by: None,
        to_list: None,
    }
}

fn reply(code: u16) -> Reply {
    Reply::new(code, None, ["words"])
}

fn planned(mail: &OutboundMail, verdict: Verdict, here: bool, peer_reports: bool, after: Duration) -> Plan {
    let attempt =
        Attempt { verdicts: vec![verdict], remote: None, peer_reports, keeps_time: false, taken_at: None };
    let schedule = Schedule::mail();
    let now = mail.received_at.plus(after);
    Case { schedule: &schedule, mail, attempts: 1, attempt: &attempt, here, now, jitter: 128 }.plan()
}

/// Each row: the verdict, how long after acceptance; then what the sender may hear, what the submission says, and whether the
/// recipient waits on.
#[test]
#[rustfmt::skip]
fn outcomes_of_an_attempt() {
    let (ok, later, never) = (reply(250), reply(451), reply(550));
    let hour = Duration::from_secs(3_600);
    let rows = [
        // verdict                    here   reports after     fate                     delivered  waits
        (Verdict::Delivered(ok.clone()), false, false, hour,     Some(Action::Relayed),   "unknown", false),
        (Verdict::Delivered(ok.clone()), false, true,  hour,     None,                    "unknown", false),
        (Verdict::Delivered(ok),         true,  false, hour,     Some(Action::Delivered), "yes",     false),
        (Verdict::Deferred(later.clone()), false, false, hour,   None,                    "queued",  true),
        (Verdict::Deferred(later.clone()), false, false, hour * 5, Some(Action::Delayed), "queued",  true),
        (Verdict::Deferred(later.clone()), true,  false, DAY * 4, Some(Action::Delayed),  "queued",  true),
        (Verdict::Deferred(later),       false, false, DAY * 5,  Some(Action::Failed),    "no",      false),
        (Verdict::Refused(never),        false, false, hour,     Some(Action::Failed),    "no",      false),
    ];
    for (verdict, here, reports, after, fate, delivered, waits) in rows {
        let plan = planned(&mail_for(&["b@b.vn"]), verdict.clone(), here, reports, after);
        let told = plan.fates.first().map(|fate| fate.action);
        assert_eq!(told, fate, "{verdict:?} after {after:?}");
        assert_eq!(plan.progress[0].delivered, delivered, "{verdict:?} after {after:?}");
        assert_eq!((plan.remaining.len() == 1, plan.due_at.is_some()), (waits, waits), "{verdict:?}");
    }
}

#[test]
fn the_sender_hears_of_a_delay_once() {
    let late = Duration::from_secs(5 * 3_600);
    let first = planned(&mail_for(&["b@b.vn"]), Verdict::Deferred(reply(451)), false, false, late);
    let wishes = first.remaining[0].notify;
    assert_eq!(wishes, Some(Notify { failure: true, ..Notify::NEVER }));
    let mut mail = mail_for(&[]);
    mail.recipients = first.remaining;
    let second = planned(&mail, Verdict::Deferred(reply(451)), false, false, late * 2);
    // The fate is there; nobody wants to hear it.
    assert!(
        crate::dsn::build(&crate::dsn::Facts {
            host: &"mx.a.gov.vn".parse().unwrap(),
            id: "r1",
            now: Timestamp::from_secs(0),
            reverse_path: &reverse_path(&mail),
            envelope_id: None,
            ret: None,
            received_at: mail.received_at,
            deliver_by: None,
            message: b"",
            fates: &second.fates,
            returned_bytes_max: 1000,
        })
        .is_none()
    );
}

#[test]
fn each_recipient_has_a_fate_of_its_own_and_a_missing_verdict_is_a_deferral() {
    let mail = mail_for(&["a@b.vn", "b@b.vn", "c@b.vn"]);
    let attempt = Attempt {
        verdicts: vec![Verdict::Delivered(reply(250)), Verdict::Refused(reply(550))],
        remote: None,
        peer_reports: true,
        keeps_time: false,
        taken_at: None,
    };
    let schedule = Schedule::mail();
    let case = Case {
        schedule: &schedule,
        mail: &mail,
        attempts: 1,
        attempt: &attempt,
        here: false,
        now: mail.received_at,
        jitter: 0,
    };
    let plan = case.plan();
    assert_eq!(plan.tally, Tally { delivered: 1, deferred: 1, refused: 1 });
    assert_eq!(plan.remaining[0].address, "c@b.vn".parse().unwrap());
    assert_eq!(plan.due_at, Some(Timestamp::from_secs(54)));
}

/// Each row: the mode, whether it was told before, the verdict, what is known of the peer, seconds after the time; then the fate, whether it is
/// demanded, and when the row is due again, from the time on.
#[test]
#[rustfmt::skip]
fn rfc_2852_section_4_1_what_becomes_of_a_mail_with_a_time() {
    let by = |then, trace, told| DeliverBy { at: Timestamp::from_secs(600), then, trace, told };
    let (r, n) = (mail::envelope::WhenLate::Return, mail::envelope::WhenLate::Notify);
    let (ok, later) = (Verdict::Delivered(reply(250)), Verdict::Deferred(reply(451)));
    type Expected = (Option<(Action, bool)>, Option<i64>);
    let rows: [(DeliverBy, &Verdict, bool, i64, Expected); 12] = [
        // Before its time: looked at then, at the latest.
        (by(r, false, false), &later, true,  -30,  (None, Some(0))),
        (by(n, false, false), &later, true,  -30,  (None, Some(0))),
        (by(n, false, false), &later, true,  -590, (None, Some(-530))),
        // Late.
        (by(r, false, false), &later, true,  0,    (Some((Action::Failed, false)), None)),
        (by(n, false, false), &later, true,  0,    (Some((Action::Delayed, true)), Some(60))),
        (by(n, false, true),  &later, true,  0,    (None, Some(60))),
        // Handed to a host that keeps time, and reports.
        (by(n, false, false), &ok,    true,  -30,  (None, None)),
        (by(r, false, false), &ok,    true,  -30,  (None, None)),
        // To one that does not keep it.
        (by(n, false, false), &ok,    false, -30,  (Some((Action::Relayed, true)), None)),
        (by(n, false, true),  &ok,    false, 30,   (Some((Action::Relayed, true)), None)),
        // Traced.
        (by(r, true, false),  &ok,    true,  -30,  (Some((Action::Relayed, true)), None)),
        (by(n, true, false),  &ok,    true,  -30,  (Some((Action::Relayed, true)), None)),
    ];
    for (by, verdict, keeps_time, seconds, expected) in rows {
        let mail = OutboundMail { deliver_by: Some(by), ..mail_for(&["b@b.vn"]) };
        let attempt = Attempt { verdicts: vec![verdict.clone()], remote: None, peer_reports: true, keeps_time, taken_at: None };
        let now = Timestamp::from_secs(600 + seconds);
        let schedule = Schedule::mail();
        let plan = Case { schedule: &schedule, mail: &mail, attempts: 1, attempt: &attempt, here: false, now, jitter: 128 }.plan();
        let fate = plan.fates.first().map(|fate| (fate.action, fate.is_demanded));
        let due = plan.due_at.map(|at| at.secs() - 600);
        assert_eq!((fate, due), expected, "{by:?} {verdict:?} {seconds}");
        assert_eq!(plan.tells_late, fate == Some((Action::Delayed, true)));
        if let Some(failed) = plan.fates.first().filter(|fate| fate.action == Action::Failed) {
            assert!(failed.reply.to_string().starts_with("554 5.4.7"), "{}", failed.reply);
        }
    }
}

#[test]
#[rustfmt::skip]
fn rfc_8689_section_3_a_message_says_once_that_it_need_not_be_safe() {
    let rows = [
        ("TLS-Required: No\r\n\r\n",                       true),
        ("Subject: x\r\ntls-required:  no \r\n\r\n",     true),
        ("TLS-Required: Yes\r\n\r\n",                      false),
        ("TLS-Required: No, thanks\r\n\r\n",               false),
        ("TLS-Required: No\r\nTLS-Required: No\r\n\r\n", false),
        ("Subject: x\r\n\r\nTLS-Required: No\r\n",       false),
    ];
    for (message, expected) in rows {
        assert_eq!(need_not_be_safe(message.as_bytes()), expected, "{message:?}");
    }
}
