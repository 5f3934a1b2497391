//! The outbox: everything leaves once, the urgent first, and a dead worker's work is taken over.

use std::time::Duration;

use store::{Lane, NewOutbox, OutboxKind, QueueAct, QueueFilter, Queued, Readdressed};

use crate::house::{NOW, account_id, read, stories, write};

const MINUTE: Duration = Duration::from_secs(60);

fn row(destination: &str, lane: Lane) -> NewOutbox {
    NewOutbox {
        kind: OutboxKind::Mail,
        owner: account_id(1).into(),
        lane,
        destination: destination.to_owned(),
        payload: "{}".to_owned(),
        blob_id: None,
        due_at: NOW,
    }
}

stories! {
    async fn r21_the_urgent_leave_next_whatever_is_queued(house: House) {
        write!(house, |tx| {
            for n in 0..20 {
                tx.enqueue(&row(&format!("n{n}"), Lane::Normal), NOW).await?;
            }
            tx.enqueue(&row("urgent", Lane::Urgent), NOW).await?
        })
        .unwrap();
        let first = write!(house, |tx| tx.claim_outbox(OutboxKind::Mail, "w", NOW, MINUTE, 1).await?).unwrap();
        assert_eq!(first[0].destination, "urgent");
        assert!(write!(house, |tx| tx.claim_outbox(OutboxKind::Local, "w", NOW, MINUTE, 9).await?).unwrap().is_empty());
    }

    async fn many_workers_carry_each_row_once(house: House) {
        write!(house, |tx| {
            for n in 0..200 {
                tx.enqueue(&row(&format!("n{n}"), Lane::Normal), NOW).await?;
            }
        })
        .unwrap();
        let workers = (0..4).map(|w| {
            let store = house.store.clone();
            tokio::spawn(async move {
                let mut carried = Vec::new();
                loop {
                    let claimed = store
                        .write("claim", format!("w{w}"), |tx, holder| Box::pin(async move {
                            tx.claim_outbox(OutboxKind::Mail, holder, NOW, MINUTE, 7).await
                        }))
                        .await
                        .unwrap();
                    if claimed.is_empty() {
                        return carried;
                    }
                    for row in claimed {
                        carried.push(row.destination.clone());
                        let done = store
                            .write("finish", (row, format!("w{w}")), |tx, (row, holder)| Box::pin(async move {
                                tx.finish_outbox(row, holder, NOW).await
                            }))
                            .await;
                        assert!(done.unwrap());
                    }
                }
            })
        });
        let mut all = Vec::new();
        for worker in workers.collect::<Vec<_>>() {
            all.extend(worker.await.unwrap());
        }
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 200);
        assert_eq!(read!(house, |tx| tx.outbox_depth().await?), 0);
    }

    async fn a_dead_workers_row_is_taken_over_and_its_late_word_counts_nothing(house: House) {
        let sealed = house.store.seal(account_id(1), b"mail", NOW).await.unwrap();
        let blob_id = sealed.blob_id();
        write!(house, sealed, |tx| {
            tx.put_blob(sealed, NOW).await?;
            tx.enqueue(&NewOutbox { blob_id: Some(blob_id), ..row("b.vn", Lane::Normal) }, NOW).await?;
            tx.drop_blob(account_id(1), blob_id, NOW).await?
        })
        .unwrap();
        let dead = write!(house, |tx| tx.claim_outbox(OutboxKind::Mail, "dead", NOW, MINUTE, 1).await?).unwrap().remove(0);
        assert!(write!(house, |tx| tx.claim_outbox(OutboxKind::Mail, "live", NOW, MINUTE, 1).await?).unwrap().is_empty());
        let later = NOW.plus(MINUTE);
        assert_eq!(read!(house, |tx| tx.next_outbox_due(OutboxKind::Mail).await?), Some(later));
        let live = write!(house, |tx| tx.claim_outbox(OutboxKind::Mail, "live", later, MINUTE, 1).await?).unwrap().remove(0);
        assert_eq!((live.outbox_id, live.attempts), (dead.outbox_id, 2));
        assert!(!write!(house, dead, |tx| tx.finish_outbox(dead, "dead", later).await?).unwrap());
        let again = live.clone();
        assert!(write!(house, again, |tx| tx.retry_outbox(again, "live", "{\"n\":1}", later.plus(MINUTE), "4.4.1 no route").await?).unwrap());
        assert!(house.store.read_blob(account_id(1), blob_id).await.unwrap().is_some());
        let last = write!(house, |tx| tx.claim_outbox(OutboxKind::Mail, "live", later.plus(MINUTE), MINUTE, 1).await?).unwrap().remove(0);
        assert_eq!(last.payload, "{\"n\":1}");
        assert!(write!(house, last, |tx| tx.finish_outbox(last, "live", later).await?).unwrap());
        assert!(house.store.read_blob(account_id(1), blob_id).await.unwrap().is_none());
    }

    async fn a_program_that_starts_alone_takes_everything_over_at_once(house: House) {
        write!(house, |tx| tx.enqueue(&row("b.vn", Lane::Normal), NOW).await?).unwrap();
        let dead = write!(house, |tx| tx.claim_outbox(OutboxKind::Mail, "dead", NOW, MINUTE, 1).await?).unwrap().remove(0);
        assert_eq!(write!(house, |tx| tx.free_leases().await?).unwrap(), 1);
        let live = write!(house, |tx| tx.claim_outbox(OutboxKind::Mail, "live", NOW, MINUTE, 1).await?).unwrap();
        assert_eq!(live.len(), 1);
        assert!(!write!(house, dead, |tx| tx.finish_outbox(dead, "dead", NOW).await?).unwrap());
        assert_eq!(write!(house, |tx| tx.free_leases().await?).unwrap(), 1);
        assert_eq!(write!(house, |tx| tx.free_leases().await?).unwrap(), 0);
    }

    async fn a_lane_is_claimed_by_itself_and_a_lease_is_folded_into_what_is_due(house: House) {
        write!(house, |tx| {
            tx.enqueue(&row("n", Lane::Normal), NOW).await?;
            tx.enqueue(&row("u", Lane::Urgent), NOW).await?
        })
        .unwrap();
        let urgent = write!(house, |tx| tx.claim_lane(OutboxKind::Mail, Lane::Urgent, "w", NOW, MINUTE, 9).await?).unwrap();
        assert_eq!(urgent.iter().map(|row| row.destination.as_str()).collect::<Vec<_>>(), ["u"]);
        let next = read!(house, |tx| tx.next_due_in_lane(OutboxKind::Mail, Lane::Urgent).await?);
        assert_eq!(next, Some(NOW.plus(MINUTE)));
        let held = urgent[0].clone();
        assert!(write!(house, held, |tx| tx.hold_on(held, "w", NOW, MINUTE * 5).await?).unwrap());
        let early = NOW.plus(MINUTE * 2);
        let stolen = write!(house, |tx| tx.claim_lane(OutboxKind::Mail, Lane::Urgent, "x", early, MINUTE, 9).await?);
        assert!(stolen.unwrap().is_empty(), "a lease that was prolonged is not run out");
    }

    async fn operators_find_hold_release_and_hurry_what_waits(house: House) {
        write!(house, |tx| {
            for destination in ["a.vn", "a.vn", "b.vn"] {
                tx.enqueue(&NewOutbox { due_at: NOW.plus(MINUTE), ..row(destination, Lane::Normal) }, NOW).await?;
            }
        })
        .unwrap();
        let to_a = QueueFilter { destination: Some("a.vn".to_owned()), ..QueueFilter::default() };
        let found = write!(house, to_a, |tx| tx.queue_list(to_a, None, 10).await?).unwrap();
        assert_eq!(found.len(), 2);
        let rest = write!(house, to_a, found, |tx| tx.queue_list(to_a, Some(found[0].outbox_id), 10).await?).unwrap();
        assert_eq!(rest[0].outbox_id, found[1].outbox_id);
        let act = async |queued: &Queued, act| {
            let queued = queued.clone();
            write!(house, queued, |tx| tx.act_on_queued(queued, act, "cli", NOW).await?).unwrap()
        };
        assert!(act(&found[0], QueueAct::Hold).await);
        assert!(!act(&found[0], QueueAct::Hold).await, "held already");
        assert!(!act(&found[0], QueueAct::Retry).await, "a held mail is not hurried");
        assert!(act(&found[1], QueueAct::Retry).await);
        let claim = async |at| write!(house, |tx| tx.claim_outbox(OutboxKind::Mail, "w", at, MINUTE, 10).await?).unwrap();
        let claimed = claim(NOW).await;
        assert_eq!(claimed.iter().map(|row| row.outbox_id).collect::<Vec<_>>(), [found[1].outbox_id]);
        assert!(!act(&found[1], QueueAct::Retry).await, "it is being carried");
        let counts = read!(house, |tx| tx.queue_counts(10).await?);
        let counts: Vec<_> = counts.iter().map(|c| (c.destination.as_str(), c.waiting, c.held)).collect();
        assert_eq!(counts, [("a.vn", 2, 1), ("b.vn", 1, 0)]);
        let held = QueueFilter { is_held: Some(true), ..QueueFilter::default() };
        assert_eq!(write!(house, held, |tx| tx.queue_list(held, None, 10).await?).unwrap().len(), 1);
        assert!(act(&found[0], QueueAct::Release).await);
        assert!(claim(NOW.plus(MINUTE * 2)).await.iter().any(|row| row.outbox_id == found[0].outbox_id));
        let trail = read!(house, |tx| tx.audit_trail(account_id(1), 10).await?);
        // Written at one moment, so in no order.
        let mut words: Vec<_> = trail.iter().map(|entry| entry.detail.as_str()).collect();
        words.sort_unstable();
        assert_eq!(words, ["hold", "release", "retry"]);
    }

    async fn rfc_4865_what_its_sender_wants_sent_later_is_not_hurried(house: House) {
        let later = NOW.plus(MINUTE * 10);
        let mut waits = row("a.vn", Lane::Normal);
        (waits.due_at, waits.payload) = (later, format!(r#"{{"not_before":{}}}"#, later.millis()));
        let mut deferred = row("b.vn", Lane::Normal);
        deferred.due_at = later;
        write!(house, waits, deferred, |tx| {
            tx.enqueue(waits, NOW).await?;
            tx.enqueue(deferred, NOW).await?;
        })
        .unwrap();
        let all = QueueFilter::default();
        let found = write!(house, all, |tx| tx.queue_list(all, None, 10).await?).unwrap();
        let act = async |queued: &Queued, act, now| {
            let queued = queued.clone();
            write!(house, queued, |tx| tx.act_on_queued(queued, act, "cli", now).await?).unwrap()
        };
        let to = |name: &str| found.iter().find(|row| row.destination == name).unwrap();
        assert!(!act(to("a.vn"), QueueAct::Retry, NOW).await);
        assert!(act(to("b.vn"), QueueAct::Retry, NOW).await);
        assert!(act(to("a.vn"), QueueAct::RetryEarly, NOW).await);
        let claimed = write!(house, |tx| tx.claim_outbox(OutboxKind::Mail, "w", NOW, MINUTE, 10).await?).unwrap();
        assert_eq!(claimed.len(), 2);
    }

    async fn a_redirected_row_changes_its_place_and_ends_its_lease(house: House) {
        let new = row("a.vn", Lane::Normal);
        write!(house, new, |tx| tx.enqueue(new, NOW).await?).unwrap();
        let all = QueueFilter::default();
        let found = write!(house, all, |tx| tx.queue_list(all, None, 10).await?).unwrap();
        let queued = found[0].clone();
        let by_hand = async |holder: &str, now| {
            let (queued, holder) = (queued.clone(), holder.to_owned());
            write!(house, queued, holder, |tx| {
                tx.claim_by_hand(queued, holder, ("cli", "redirect"), now, MINUTE).await?
            })
            .unwrap()
        };
        let claimed = by_hand("h1", NOW).await.unwrap();
        assert!(by_hand("h2", NOW).await.is_none(), "one hand at a time");
        let to = Readdressed {
            kind: OutboxKind::Mail,
            destination: "relay.vn:25".into(),
            payload: r#"{"via":"relay.vn:25"}"#.into(),
            due_at: NOW,
        };
        let readdress = async |holder: &str| {
            let (claimed, holder, to) = (claimed.clone(), holder.to_owned(), to.clone());
            write!(house, claimed, holder, to, |tx| tx.readdress_outbox(claimed, holder, to).await?).unwrap()
        };
        assert!(!readdress("h2").await);
        assert!(readdress("h1").await);
        let row = write!(house, |tx| tx.claim_outbox(OutboxKind::Mail, "w", NOW, MINUTE, 10).await?).unwrap().remove(0);
        assert_eq!((row.destination.as_str(), row.payload.as_str(), row.attempts), ("relay.vn:25", r#"{"via":"relay.vn:25"}"#, 1));
        let trail = read!(house, |tx| tx.audit_trail(account_id(1), 10).await?);
        assert!(trail.iter().any(|entry| entry.detail == "redirect"));
    }
}
