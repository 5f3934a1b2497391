//! The outbox: everything leaves once, the urgent first, and a dead worker's work is taken over.

use std::time::Duration;

use store::{Lane, NewOutbox, OutboxKind};

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
}
