//! A dead destination holds nobody else's mail up, and is asked once in an interval.

use std::time::{Duration, Instant};

use mail::Timestamp;
use store::{Claimed, Lane, NewOutbox, OutboxKind, Patience, Reach, Reachable};

use crate::house::{House, NOW, account_id, read, stories, write};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

async fn enqueue(house: &House, destination: &str, count: usize) {
    let row = NewOutbox {
        kind: OutboxKind::Mail,
        owner: account_id(1).into(),
        lane: Lane::Normal,
        destination: destination.to_owned(),
        payload: "{}".to_owned(),
        blob_id: None,
        due_at: NOW,
    };
    write!(house, row, |tx| {
        for _ in 0..count {
            tx.enqueue(row, NOW).await?;
        }
    })
    .unwrap();
}

/// Pauses of one, two, three … minutes; late after four hours.
async fn claim(house: &House, holder: &str, now: Timestamp) -> Vec<(Claimed, Reach)> {
    claim_past(house, holder, now, &[], "").await.rows
}

/// The same, past the destinations that bear no more.
async fn claim_past(house: &House, holder: &str, now: Timestamp, full: &[&str], after: &str) -> Reachable {
    let full: Vec<String> = full.iter().map(|name| (*name).to_owned()).collect();
    let (holder, after) = (holder.to_owned(), after.to_owned());
    write!(house, holder, full, after, |tx| {
        let pause = |failures| MINUTE * failures;
        let patience = Patience { late_since: now.minus(HOUR * 4), pause: &pause, full, after };
        tx.claim_reachable(OutboxKind::Mail, Lane::Normal, holder, now, HOUR, 16, &patience).await?
    })
    .unwrap()
}

async fn pause(house: &House, destination: &str, now: Timestamp) {
    let destination = destination.to_owned();
    write!(house, destination, |tx| {
        tx.pause_outbox(OutboxKind::Mail, destination, now.plus(MINUTE), "4.4.1 no answer").await?;
    })
    .unwrap();
}

fn reaches(claimed: &[(Claimed, Reach)]) -> Vec<(&str, Reach)> {
    claimed.iter().map(|(row, reach)| (row.destination.as_str(), *reach)).collect()
}

fn places(claimed: &Reachable) -> Vec<&str> {
    let mut places: Vec<&str> = claimed.rows.iter().map(|(row, _)| row.destination.as_str()).collect();
    places.sort_unstable();
    places
}

stories! {
    async fn a_full_destination_with_any_backlog_is_passed_over(house: House) {
        enqueue(&house, "slow.vn", 2_000).await;
        enqueue(&house, "a.vn", 3).await;
        enqueue(&house, "z.vn", 1).await;
        enqueue(&house, "dead.vn", 1).await;
        pause(&house, "dead.vn", NOW).await;
        // Everything else is behind the first stretch of the turn, so it is found from place to place, to each its share.
        let full = ["slow.vn"];
        let first = claim_past(&house, "h1", NOW, &full, "").await;
        assert_eq!((places(&first), first.after.as_str()), (vec!["a.vn", "a.vn", "a.vn", "z.vn"], ""));
        enqueue(&house, "a.vn", 2).await;
        let second = claim_past(&house, "h2", NOW, &["a.vn", "slow.vn"], "").await;
        assert_eq!(places(&second), Vec::<&str>::new());
        // From where the last claim ended: z.vn's turn comes although a.vn has more.
        enqueue(&house, "z.vn", 1).await;
        assert_eq!(places(&claim_past(&house, "h3", NOW, &full, "a.vn").await), ["z.vn"]);
        assert_eq!(places(&claim_past(&house, "h4", NOW, &full, "").await), ["a.vn", "a.vn"]);
        // Within the stretch they are found at once, as many as are wanted.
        let (backlog, holder) = (claim(&house, "h5", NOW).await, "h5".to_owned());
        assert_eq!(reaches(&backlog), vec![("slow.vn", Reach::Open); 16]);
        let rows: Vec<Claimed> = backlog.into_iter().map(|(row, _)| row).collect();
        write!(house, rows, holder, |tx| {
            for row in rows {
                tx.give_back(row, holder, NOW).await?;
            }
        })
        .unwrap();
        let again = claim(&house, "h6", NOW).await;
        assert!(again.iter().all(|(row, _)| row.attempts == 1), "what was given back was not tried");
    }

    async fn who_has_a_connection_gets_more_for_that_place(house: House) {
        enqueue(&house, "a.vn", 5).await;
        enqueue(&house, "b.vn", 5).await;
        let more = async |holder: &str, limit, now| {
            let holder = holder.to_owned();
            write!(house, holder, |tx| tx.claim_place(Lane::Normal, "a.vn", holder, now, MINUTE, limit).await?).unwrap()
        };
        let first = more("h1", 3, NOW).await;
        assert!(first.len() == 3 && first.iter().all(|row| row.destination == "a.vn"));
        assert_eq!((more("h2", 9, NOW).await.len(), more("h3", 9, NOW).await.len()), (2, 0));
        // Kept up, a lease outlives its first minute; one that nobody keeps does not.
        let (half, holders) = (NOW.plus(MINUTE / 2), vec!["h1".to_owned()]);
        write!(house, holders, |tx| tx.keep_leases(holders, half, MINUTE).await?).unwrap();
        assert_eq!(more("h4", 9, NOW.plus(MINUTE)).await.len(), 2);
        assert_eq!(more("h5", 9, half.plus(MINUTE)).await.len(), 3);
        let lost = write!(house, first, |tx| tx.finish_outbox(&first[0], "h1", NOW).await?).unwrap();
        assert!(!lost, "somebody else has it");
    }

    async fn ten_thousand_for_a_dead_domain_do_not_hold_up_ten_for_a_live_one(house: House) {
        enqueue(&house, "dead.vn", 10_000).await;
        enqueue(&house, "live.vn", 10).await;
        pause(&house, "dead.vn", NOW).await;
        let live = claim(&house, "a", NOW).await;
        assert_eq!(reaches(&live), vec![("live.vn", Reach::Open); 10], "in the first claim");
        assert!(claim(&house, "a", NOW).await.is_empty());
        // One probe in an interval, whoever claims however often; the interval grows.
        let mut probes = Vec::new();
        for half_minute in 1..=14 {
            let now = NOW.plus(MINUTE / 2 * half_minute);
            for node in ["a", "b", "a", "b"] {
                for (row, reach) in claim(&house, node, now).await {
                    assert_eq!((row.destination.as_str(), reach, row.attempts), ("dead.vn", Reach::Probe, 1));
                    probes.push(half_minute);
                }
            }
        }
        assert_eq!(probes, [2, 6, 12], "after one minute, two, three");
        write!(house, |tx| tx.resume_outbox(OutboxKind::Mail, "dead.vn").await?).unwrap();
        let back = claim(&house, "a", NOW.plus(MINUTE * 13)).await;
        assert_eq!(reaches(&back), vec![("dead.vn", Reach::Open); 16], "five minutes later at the latest");
    }

    async fn two_nodes_that_find_a_pause_over_send_one_probe(house: House) {
        enqueue(&house, "dead.vn", 100).await;
        pause(&house, "dead.vn", NOW).await;
        let later = NOW.plus(MINUTE);
        let (one, two) = tokio::join!(claim(&house, "a", later), claim(&house, "b", later));
        assert_eq!(reaches(&[one, two].concat()), [("dead.vn", Reach::Probe)]);
    }

    async fn rfc_5321_4_5_4_1_what_is_late_is_carried_to_its_report_without_a_connection(house: House) {
        enqueue(&house, "dead.vn", 3).await;
        let late = NOW.plus(HOUR * 4);
        pause(&house, "dead.vn", late.plus(HOUR)).await;
        assert!(claim(&house, "a", late.minus(MINUTE)).await.is_empty(), "put off before it is late");
        let claimed = claim(&house, "a", late.plus(MINUTE * 4)).await;
        assert_eq!(reaches(&claimed), vec![("dead.vn", Reach::Paused); 3]);
    }

    async fn rfc_2852_what_has_a_time_is_not_put_off(house: House) {
        // Who wants it by a time hears then what became of it, without a connection.
        enqueue(&house, "dead.vn", 2).await;
        let timed = NewOutbox {
            kind: OutboxKind::Mail,
            owner: account_id(1).into(),
            lane: Lane::Normal,
            destination: "dead.vn".to_owned(),
            payload: r#"{"envid":"\"deliver_by\":","deliver_by":{"at":0,"then":"return"}}"#.to_owned(),
            blob_id: None,
            due_at: NOW,
        };
        let named = NewOutbox { payload: r#"{"envid":"\"deliver_by\":"}"#.to_owned(), ..timed.clone() };
        write!(house, timed, named, |tx| {
            tx.enqueue(timed, NOW).await?;
            tx.enqueue(named, NOW).await?;
        })
        .unwrap();
        pause(&house, "dead.vn", NOW).await;
        let claimed = claim(&house, "a", NOW).await;
        assert_eq!(reaches(&claimed), [("dead.vn", Reach::Paused)]);
        assert!(claimed[0].0.payload.contains("\"at\""), "{}", claimed[0].0.payload);
    }

    async fn the_first_failure_counts_and_those_beside_it_do_not(house: House) {
        for at in [NOW, NOW.plus(MINUTE / 2)] {
            pause(&house, "dead.vn", at).await;
        }
        let found = read!(house, |tx| tx.outbox_pause(OutboxKind::Mail, "dead.vn").await?);
        assert_eq!(found, Some((NOW.plus(MINUTE), 1)));
    }
}

/// Prints what a claim costs behind 100,000 rows of a dead destination and in front of them.
async fn figures(house: House, engine: &str) {
    for _ in 0..10 {
        enqueue(&house, "dead.vn", 10_000).await;
    }
    let start = Instant::now();
    let open = claim(&house, "a", NOW).await;
    eprintln!("{engine}: a claim of {} among 100,000: {:?}", open.len(), start.elapsed());
    enqueue(&house, "live.vn", 10).await;
    pause(&house, "dead.vn", NOW).await;
    let (start, mut claims) = (Instant::now(), 0);
    loop {
        claims += 1;
        let found = claim(&house, "a", NOW).await;
        if !found.is_empty() || claims > 20 {
            eprintln!("{engine}: {} live ones after {claims} claims: {:?}", found.len(), start.elapsed());
            break;
        }
    }
    let start = Instant::now();
    assert!(claim(&house, "a", NOW).await.is_empty());
    eprintln!("{engine}: a claim that finds nothing: {:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "figures, not a test"]
async fn figures_of_a_claim_at_100000_rows() {
    figures(House::sqlite().await, "sqlite").await;
    figures(House::postgres().await, "postgres").await;
}
