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
        require_tls: false,
        priority: None,
        not_before: None,
        via: None,
        received_at: Timestamp::from_secs(0),
        trace: "s1.1".to_owned(),
        keywords: Vec::new(),
        list: None,
    }
}

fn reply(code: u16) -> Reply {
    Reply::new(code, None, ["words"])
}

fn planned(mail: &OutboundMail, verdict: Verdict, here: bool, peer_reports: bool, after: Duration) -> Plan {
    let attempt = Attempt { verdicts: vec![verdict], remote: None, peer_reports, taken_at: None };
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
