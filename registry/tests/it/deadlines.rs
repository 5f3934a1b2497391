//! Deadlines: fixed when a document is accepted, watched until they are met, told once (RULES R19, R20, R27, R33, R85; K5, K6).

use mail::Timestamp;
use registry::accept::Accepted;
use registry::calendar::DayKind;
use registry::deadlines::{self, Overdue};
use registry::numbering::{self, Book};
use registry::package::write_document;
use store::{BookState, Deadline, Event, SendingCounts};
use time::macros::date;

use crate::house::{House, agency_id, document, good, stories};
use crate::numbers::{at, open, request, which};
use crate::statuses::status;
use crate::world::{NOW, World, blank};

async fn deadline(house: &House, accepted: &Accepted) -> Option<Deadline> {
    let read = house
        .desk
        .store
        .read(accepted.document_id, |tx, id| Box::pin(async move { tx.deadline(agency_id(1), *id).await }));
    read.await.unwrap()
}

async fn raise(house: &House, now: &str) -> usize {
    deadlines::raise(&house.desk.store, "một", at(now), 100).await.unwrap()
}

/// An agency's events of deadlines: kind and whom they are about.
async fn told(house: &House, agency: u8) -> Vec<(String, String)> {
    let read: Result<Vec<Event>, store::Error> = house
        .desk
        .store
        .write("feed", agency, |tx, agency| {
            Box::pin(async move {
                tx.number_events(10_000).await?;
                tx.events_after(agency_id(*agency), 0, 1_000).await
            })
        })
        .await;
    let of_deadlines = |kind: &str| {
        ["document.receipt-due", "document.receipt-late", "document.due-soon", "document.overdue"]
            .contains(&kind)
    };
    let events = read.unwrap().into_iter().filter(|event| of_deadlines(&event.kind));
    let to = |event: &Event| {
        let facts: serde_json::Value = serde_json::from_str(&event.facts).unwrap();
        facts["to"].as_str().unwrap().to_owned()
    };
    events.map(|event| (event.kind.clone(), to(&event))).collect()
}

fn pair(kind: &str, to: &str) -> (String, String) {
    (format!("document.{kind}"), to.to_owned())
}

async fn lists(house: &House, agency: u8, now: Timestamp) -> Overdue {
    deadlines::overdue(&house.desk.store, agency_id(agency), now).await.unwrap()
}

/// A document that states a date, and bears no signature.
fn dated(number: &str, date: &str) -> Vec<u8> {
    let new = document(number, &["H37.02", "H37.04"], &[("van-ban.pdf", &blank())]);
    let written = String::from_utf8(write_document(&new).unwrap()).unwrap();
    written.replacen("PromulgationDate>2026/11/22<", &format!("PromulgationDate>{date}<"), 1).into_bytes()
}

stories! {
    async fn r19_k5_k6_acceptance_fixes_when_a_document_had_to_be_sent(house: House) {
        let accepted = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        let kept = deadline(&house, &accepted).await.unwrap();
        // Signed on Sunday by the leader, sealed, sent an hour later.
        assert_eq!((kept.signed_on.as_str(), kept.signed_by.as_str()), ("2026-11-22", "signature"));
        assert!(kept.signed_at.is_some() && kept.sealed_at.is_some());
        assert_eq!((kept.sent_at, kept.send_deadline), (NOW, at("2026-11-23T12:00:00+07:00")));
        assert!(kept.is_same_day && !kept.is_late);
        let counts = house.desk.store.read((), |tx, ()| {
            Box::pin(async move {
                tx.sending_counts(agency_id(1), NOW, at("2026-11-23T00:00:00+07:00")).await
            })
        });
        assert_eq!(counts.await.unwrap(), SendingCounts { sent: 1, same_day: 1, late: 0 });
        // A status has no deadline of its own.
        let word = house.send("hub.02", "H37.02", &status("H37.02", "H37.01", "05", "01")).await.unwrap();
        assert_eq!(deadline(&house, &word).await, None);
    }

    async fn r19_k6_a_document_that_comes_late_is_late(house: House) {
        let mut house = house;
        house.desk.signatures_required = false;
        // Friday's has time until Monday noon; Thursday's had it until Friday noon.
        for (number, date, late) in
            [("06", "2026/11/20", Some(false)), ("07", "2026/11/19", Some(true)), ("08", "hôm qua", None)]
        {
            let accepted = house.send("hub.01", "H37.01", &dated(number, date)).await.unwrap();
            let kept = deadline(&house, &accepted).await.map(|kept| (kept.signed_by, kept.is_late));
            assert_eq!(kept, late.map(|late| ("date".to_owned(), late)), "{date}");
        }
    }

    async fn r19_what_the_operator_declares_counts(house: House) {
        let store = &house.desk.store;
        deadlines::declare_day(store, date!(2026 - 11 - 23), DayKind::Holiday, "ngày nghỉ", "cli", NOW).await.unwrap();
        for (minutes, from) in [(690, date!(2026 - 01 - 01)), (600, date!(2026 - 12 - 01))] {
            assert!(deadlines::set_hour(store, "morning-end", minutes, from, "cli", NOW).await.unwrap());
        }
        assert!(!deadlines::set_hour(store, "lunch", 690, date!(2026 - 01 - 01), "cli", NOW).await.unwrap());
        let accepted = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        let kept = deadline(&house, &accepted).await.unwrap();
        assert_eq!(kept.send_deadline, at("2026-11-24T11:30:00+07:00"));
        // What carries a document further tries until then (R26).
        assert_eq!(deadlines::send_until(store, date!(2026 - 11 - 22)).await.unwrap(), kept.send_deadline);
        let (calendar, hours) = deadlines::calendar_of(store, 2026, NOW).await.unwrap();
        assert!(!calendar.is_working(date!(2026 - 11 - 23)) && hours.morning_end == 690);
        assert!(deadlines::withdraw_day(store, date!(2026 - 11 - 23), "cli", NOW).await.unwrap());
        assert!(!deadlines::withdraw_day(store, date!(2026 - 11 - 23), "cli", NOW).await.unwrap());
        // What was judged stays as it was.
        assert_eq!(deadline(&house, &accepted).await.unwrap().send_deadline, kept.send_deadline);
    }

    async fn r33_receivers_are_reminded_and_then_late_once_each(house: House) {
        house.send("hub.01", "H37.01", &good("05", &["H37.02", "H37.03", "H37.04"])).await.unwrap();
        house.send("hub.02", "H37.03", &status("H37.03", "H37.01", "05", "03")).await.unwrap();
        // 01 is no answer.
        house.send("hub.02", "H37.02", &status("H37.02", "H37.01", "05", "01")).await.unwrap();
        // It came on a Sunday: Monday counts.
        assert_eq!(raise(&house, "2026-11-22T23:00:00+07:00").await, 0);
        assert_eq!(raise(&house, "2026-11-23T15:59:59+07:00").await, 0);
        assert_eq!(raise(&house, "2026-11-23T16:00:00+07:00").await, 2);
        assert_eq!(raise(&house, "2026-11-23T16:00:01+07:00").await, 0);
        assert_eq!(told(&house, 2).await, [pair("receipt-due", "H37.02")]);
        assert!(told(&house, 3).await.is_empty() && told(&house, 1).await.is_empty());
        // The fourth refuses: that is an answer too.
        house.send("hub.04", "H37.04", &status("H37.04", "H37.01", "05", "02")).await.unwrap();
        assert_eq!(raise(&house, "2026-11-23T17:00:00+07:00").await, 1);
        assert_eq!(raise(&house, "2026-11-24T09:00:00+07:00").await, 0);
        assert_eq!(told(&house, 2).await, [pair("receipt-due", "H37.02"), pair("receipt-late", "H37.02")]);
        assert_eq!(told(&house, 4).await, [pair("receipt-due", "H37.04")]);
        assert_eq!(told(&house, 1).await, [pair("receipt-late", "H37.02")]);
        let now = at("2026-11-24T09:00:00+07:00");
        let of_sender = lists(&house, 1, now).await;
        assert_eq!((of_sender.slow_receipt[0].to.as_str(), of_sender.slow_receipt.len()), ("H37.02", 1));
        assert_eq!(of_sender.slow_receipt[0].code, "05/SNV-VP");
        assert_eq!((of_sender.returned[0].to.as_str(), of_sender.returned[0].reason.as_str()), ("H37.04", "lý do"));
        assert_eq!(lists(&house, 2, now).await.unanswered.len(), 1);
        assert!(lists(&house, 3, now).await.is_empty());
        house.send("hub.02", "H37.02", &status("H37.02", "H37.01", "05", "03")).await.unwrap();
        assert!(lists(&house, 1, now).await.slow_receipt.is_empty() && lists(&house, 2, now).await.is_empty());
    }

    async fn r33_a_day_of_rest_declared_meanwhile_moves_the_alarm(house: House) {
        house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        let store = &house.desk.store;
        deadlines::declare_day(store, date!(2026 - 11 - 23), DayKind::Holiday, "bão", "cli", NOW).await.unwrap();
        raise(&house, "2026-11-23T16:00:00+07:00").await;
        raise(&house, "2026-11-23T17:00:00+07:00").await;
        assert!(told(&house, 2).await.is_empty());
        raise(&house, "2026-11-24T16:00:00+07:00").await;
        assert_eq!(told(&house, 2).await, [pair("receipt-due", "H37.02")]);
    }

    async fn r33_many_nodes_raise_each_alarm_once(house: House) {
        for number in 10..40 {
            house.send("hub.01", "H37.01", &good(&number.to_string(), &["H37.02"])).await.unwrap();
        }
        let nodes = (0..4).map(|node| {
            let store = house.desk.store.clone();
            tokio::spawn(async move {
                for _ in 0..20 {
                    let now = at("2026-11-23T16:00:00+07:00");
                    deadlines::raise(&store, &format!("n{node}"), now, 7).await.unwrap();
                }
            })
        });
        for node in nodes.collect::<Vec<_>>() {
            node.await.unwrap();
        }
        assert_eq!(told(&house, 2).await.len(), 30);
    }

    async fn r85_a_documents_own_deadline_is_told(house: House) {
        let mut new = document("05", &["H37.02", "H37.04"], &[("van-ban.pdf", &World::get().complete())]);
        "2026/11/25".clone_into(&mut new.due_date);
        house.send("hub.01", "H37.01", &write_document(&new).unwrap()).await.unwrap();
        for (agency, from) in [("hub.02", "H37.02"), ("hub.04", "H37.04")] {
            house.send(agency, from, &status(from, "H37.01", "05", "03")).await.unwrap();
        }
        assert_eq!(raise(&house, "2026-11-23T23:59:59+07:00").await, 0);
        assert_eq!(raise(&house, "2026-11-24T00:00:00+07:00").await, 2);
        house.send("hub.04", "H37.04", &status("H37.04", "H37.01", "05", "06")).await.unwrap();
        assert_eq!(raise(&house, "2026-11-25T23:59:59+07:00").await, 0);
        assert_eq!(raise(&house, "2026-11-26T00:00:00+07:00").await, 1);
        assert_eq!(told(&house, 2).await, [pair("due-soon", "H37.02"), pair("overdue", "H37.02")]);
        assert_eq!(told(&house, 4).await, [pair("due-soon", "H37.04")]);
        assert_eq!(lists(&house, 2, at("2026-11-26T08:00:00+07:00")).await.past_due.len(), 1);
    }

    async fn r20_r27_a_number_whose_document_does_not_come_is_not_sent(house: House) {
        open(&house, 1, Book::Outgoing, BookState::Kept, Some(5)).await.unwrap();
        let store = &house.desk.store;
        let friday = at("2026-11-20T09:00:00+07:00");
        for _ in 0..3 {
            numbering::reserve(store, request(1, Book::Outgoing, None), friday).await.unwrap();
        }
        assert!(lists(&house, 1, at("2026-11-20T16:59:00+07:00")).await.not_sent.is_empty());
        let timers = |lists: Overdue| -> Vec<String> {
            lists.not_sent.iter().map(|row| format!("{} {:?}", row.given.code, row.timer)).collect()
        };
        let warned = timers(lists(&house, 1, at("2026-11-20T17:00:00+07:00")).await);
        assert_eq!(warned, ["05 Warned", "06 Warned", "07 Warned"]);
        numbering::void(store, which(1, 7), "thôi", "vanthu", NOW).await.unwrap();
        house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        let breached = timers(lists(&house, 1, at("2026-11-23T12:00:01+07:00")).await);
        assert_eq!(breached, ["06 Breached"]);
    }
}
