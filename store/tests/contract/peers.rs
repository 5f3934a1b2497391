//! Lines to other axes: the queue of each, the ways to agencies, the health, the log (RULES R21, R69, R71, E42, E43).

use std::time::Duration;

use mail::{AgencyId, Secret, Timestamp};
use store::{
    AgencyNames, Direction, DocumentKind, Lane, NewAgency, NewOutbox, NewPeer, OutboxKind, PEER, PeerMessage,
    PeerState, PeerWay, PeerWrap, peer_of_way, way_of_peer,
};

use crate::house::{NOW, read, stories, write};

const MINUTE: Duration = Duration::from_secs(60);

fn row(peer: &str, lane: Lane, payload: &str) -> NewOutbox {
    NewOutbox {
        kind: OutboxKind::Package,
        owner: PEER,
        lane,
        destination: peer.to_owned(),
        payload: payload.to_owned(),
        blob_id: None,
        due_at: NOW,
    }
}

fn peer(name: &str, is_default: bool) -> NewPeer {
    NewPeer {
        name: name.to_owned(),
        door: "vxp".to_owned(),
        url: "https://truc.example.vn/vxp".to_owned(),
        system_id: "00.22.W00".to_owned(),
        secret: Secret::from("khóa của trục"),
        ca: String::new(),
        wrap: PeerWrap::Zip,
        trace: true,
        poll_seconds: 60,
        is_default,
    }
}

fn agency(number: u8, code: &str, code102: Option<&str>) -> NewAgency {
    NewAgency {
        agency_id: AgencyId::from_bytes([number; 16]),
        names: AgencyNames {
            code: code.parse().unwrap(),
            code102: code102.map(|code| code.parse().unwrap()),
            name: format!("Cơ quan {code}"),
            mail: String::new(),
            parent_id: None,
            decision: String::new(),
        },
        valid_from: NOW,
    }
}

fn message(number: u8, id: &str, state: &str) -> PeerMessage {
    PeerMessage {
        owner: PEER,
        message_id: mail::DeliveryId::from_bytes([number; 16]),
        peer: "bac".to_owned(),
        direction: Direction::In,
        peer_doc_id: id.to_owned(),
        document_id: None,
        kind: DocumentKind::Edoc,
        from_code: "H41.01".to_owned(),
        to_codes: "H37.01".to_owned(),
        size: 7,
        sha256: vec![7; 32],
        state: state.to_owned(),
        reason: String::new(),
        attempts: 1,
        resends: 0,
        created_at: NOW,
        settled_at: Some(NOW),
        quarantine_id: None,
    }
}

stories! {
    async fn r21_with_ten_thousand_queued_an_urgent_package_leaves_next(house: House) {
        write!(house, |tx| {
            for n in 0..10_000 {
                let at = NOW.plus(Duration::from_millis(n));
                tx.enqueue(&row("bac", Lane::Normal, &n.to_string()), at).await?;
            }
            tx.enqueue(&row("nam", Lane::Urgent, "another line"), NOW).await?;
            tx.enqueue(&row("bac", Lane::Urgent, "urgent"), NOW.plus(MINUTE)).await?
        })
        .unwrap();
        let mut claimed = Vec::new();
        for holder in ["a", "b", "c"] {
            let next = write!(house, |tx| tx.claim_next(OutboxKind::Package, "bac", Lane::Normal, holder, NOW.plus(MINUTE), MINUTE * 9).await?);
            claimed.push(next.unwrap().unwrap());
        }
        let payloads: Vec<&str> = claimed.iter().map(|row| row.payload.as_str()).collect();
        assert_eq!(payloads, ["urgent", "0", "1"]);
        assert_eq!(read!(house, |tx| tx.queue(OutboxKind::Package, "bac").await?), (10_001, Some(NOW)));
        // What is put off keeps its place in the queue, however late it is due.
        let later = NOW.plus(MINUTE * 2);
        let put_off = claimed.remove(1);
        assert!(write!(house, put_off, |tx| tx.retry_outbox(put_off, "b", "0", later, "line").await?).unwrap());
        let take = |lane: Lane, at: Timestamp| (lane, at);
        for ((lane, at), expected) in [(take(Lane::Urgent, later), None), (take(Lane::Normal, NOW.plus(MINUTE)), Some("2")), (take(Lane::Normal, later), Some("0"))] {
            let next = write!(house, |tx| tx.claim_next(OutboxKind::Package, "bac", lane, "d", at, MINUTE * 9).await?).unwrap();
            assert_eq!(next.map(|row| row.payload), expected.map(str::to_owned));
        }
    }

    async fn what_is_withdrawn_is_carried_by_nobody(house: House) {
        write!(house, |tx| {
            tx.enqueue(&row("bac", Lane::Normal, "{\"delivery\":\"aa\"}"), NOW).await?;
            tx.enqueue(&row("bac", Lane::Normal, "{\"delivery\":\"bb\"}"), NOW.plus(MINUTE)).await?
        })
        .unwrap();
        let claimed = write!(house, |tx| tx.claim_next(OutboxKind::Package, "bac", Lane::Normal, "a", NOW, MINUTE).await?).unwrap();
        assert!(claimed.unwrap().payload.contains("aa"));
        // The one that is being carried stays.
        for (word, gone) in [("aa", false), ("bb", true), ("bb", false)] {
            assert_eq!(write!(house, |tx| tx.withdraw(OutboxKind::Package, "bac", word, NOW).await?).unwrap(), gone, "{word}");
        }
    }

    async fn e42_a_peers_secret_is_sealed_and_comes_back(house: House) {
        house.store.put_peer(peer("bac", false), NOW).await.unwrap();
        let found = read!(house, |tx| tx.peer("bac").await?).unwrap();
        assert_eq!(found.secret.expose_secret(), "khóa của trục");
        assert_eq!((found.state, found.wrap, found.trace), (PeerState::Active, PeerWrap::Zip, true));
        assert!(read!(house, |tx| tx.peer("nam").await?).is_none());
        // Nobody can call as a peer: it is no system, and no system's id can look like a way.
        assert!(read!(house, |tx| tx.system(&way_of_peer("bac"), NOW).await?).is_none());
        assert_eq!((peer_of_way("peer:bac"), peer_of_way("bac")), (Some("bac"), None));
        let house = house.reopen().await;
        assert_eq!(read!(house, |tx| tx.peers().await?)[0].secret.expose_secret(), "khóa của trục");
    }

    async fn e43_the_way_is_the_local_system_then_the_announced_peer_then_the_default(house: House) {
        for (name, is_default) in [("bac", false), ("nam", false), ("quoc-gia", true)] {
            house.store.put_peer(peer(name, is_default), NOW).await.unwrap();
        }
        let agencies = [
            agency(1, "H37.01", None),
            agency(2, "H41.02", None),
            agency(3, "H41.03", None),
            agency(4, "000.00.04.H41", Some("000.00.04.H41")),
            agency(5, "G22", None),
            agency(6, "H51.01", Some("000.00.01.H51")),
        ];
        write!(house, agencies, |tx| {
            for agency in agencies {
                tx.add_agency(agency, NOW).await?;
            }
            tx.put_peer_way("bac", &PeerWay::Level1("H41".to_owned())).await?;
            tx.put_peer_way("nam", &PeerWay::Agency(AgencyId::from_bytes([3; 16]))).await?;
            tx.put_peer_way("nam", &PeerWay::Level1("H51".to_owned())).await?
        })
        .unwrap();
        let system = store::NewSystem { system_id: "qlvb.so".to_owned(), agency_id: AgencyId::from_bytes([1; 16]), secret: Secret::from("s") };
        house.store.add_system(system, NOW).await.unwrap();
        let rows = [("H37.01", "qlvb.so"), ("H41.02", "peer:bac"), ("H41.03", "peer:nam"), ("000.00.04.H41", "peer:bac"), ("G22", "peer:quoc-gia"), ("H51.01", "peer:nam")];
        for (code, way) in rows {
            let found = read!(house, |tx| {
                let agency = tx.agency_by_code(&code.parse().unwrap(), NOW).await?.unwrap();
                tx.way_to(&agency).await?
            });
            assert_eq!(found.as_deref(), Some(way), "{code}");
        }
        // A peer speaks for those behind it, and for nobody else.
        for (peer, code, speaks) in [("bac", "H41.02", true), ("bac", "H41.03", false), ("bac", "H37.01", false), ("quoc-gia", "G22", true), ("nam", "G22", false)] {
            let system = read!(house, |tx| {
                let agency = tx.agency_by_code(&code.parse().unwrap(), NOW).await?;
                tx.peer_speaker(peer, agency.as_ref()).await?
            });
            assert_eq!(system.agencies.len(), usize::from(speaks), "{peer} {code}");
        }
        assert_eq!(read!(house, |tx| tx.peer_ways("nam").await?), (1, vec!["H51".to_owned()]));
        // Another default takes the first one's place, and what is waited for keeps its peer.
        house.store.put_peer(peer("moi", true), NOW).await.unwrap();
        assert!(!read!(house, |tx| tx.peer("quoc-gia").await?).unwrap().is_default);
        write!(house, |tx| tx.enqueue(&row("nam", Lane::Normal, "x"), NOW).await?).unwrap();
        assert!(write!(house, |tx| tx.remove_peer("nam").await?).is_err());
        assert!(write!(house, |tx| tx.remove_peer("bac").await?).unwrap());
        assert!(!write!(house, |tx| tx.remove_peer("bac").await?).unwrap());
    }

    async fn r71_how_a_line_does(house: House) {
        house.store.put_peer(peer("bac", false), NOW).await.unwrap();
        let later = NOW.plus(MINUTE);
        write!(house, |tx| {
            tx.peer_failed("bac", "line.broken: refused", false, Some(later), NOW).await?;
            tx.peer_failed("bac", "line.broken: late", true, None, later).await?
        })
        .unwrap();
        let health = read!(house, |tx| tx.peer_health("bac").await?);
        // A poll has a rhythm of its own and moves no schedule.
        assert_eq!((health.failures, health.retry_at, health.polled_at, health.heard_at), (1, Some(later), Some(later), None));
        assert_eq!(health.last_error, "line.broken: late");
        write!(house, |tx| tx.peer_is_well("bac", false, Some(-1_500), later).await?).unwrap();
        let health = read!(house, |tx| tx.peer_health("bac").await?);
        assert_eq!((health.failures, health.retry_at, health.heard_at, health.sent_at), (0, None, Some(later), None));
        write!(house, |tx| tx.peer_is_well("bac", true, None, later).await?).unwrap();
        let health = read!(house, |tx| tx.peer_health("bac").await?);
        assert_eq!((health.sent_at, health.clock_millis), (Some(later), Some(-1_500)), "the clock is remembered");
        assert!(write!(house, |tx| tx.set_peer_state("bac", PeerState::Paused).await?).unwrap());
        assert!(!write!(house, |tx| tx.set_peer_state("nam", PeerState::Paused).await?).unwrap());
    }

    async fn r71_the_silence_of_a_system_is_told_once(house: House) {
        write!(house, |tx| tx.add_agency(&agency(1, "H37.01", None), NOW).await?).unwrap();
        let system = store::NewSystem { system_id: "QLVB.so".to_owned(), agency_id: AgencyId::from_bytes([1; 16]), secret: Secret::from("s") };
        house.store.add_system(system, NOW).await.unwrap();
        assert!(read!(house, |tx| tx.system_polls().await?).is_empty(), "who never asked is not missed");
        write!(house, |tx| tx.note_poll("qlvb.so", NOW).await?).unwrap();
        let polls = read!(house, |tx| tx.system_polls().await?);
        assert_eq!((polls[0].polled_at, polls[0].told_at, polls[0].waiting), (NOW, None, 0));
        assert!(write!(house, |tx| tx.tell_silence("qlvb.so", NOW).await?).unwrap());
        assert!(!write!(house, |tx| tx.tell_silence("qlvb.so", NOW).await?).unwrap());
        write!(house, |tx| tx.note_poll("qlvb.so", NOW.plus(MINUTE)).await?).unwrap();
        assert!(write!(house, |tx| tx.tell_silence("qlvb.so", NOW).await?).unwrap(), "another silence is another word");
    }

    async fn r69_the_log_stays_when_the_content_goes(house: House) {
        let blob = house.store.seal(PEER, b"khong phai goi tin", NOW).await.unwrap();
        write!(house, blob, |tx| {
            tx.quarantine(&message(1, "d-1", "refused"), Some(blob), NOW).await?;
            tx.quarantine(&message(2, "d-2", "taken"), None, NOW).await?
        })
        .unwrap();
        let found = read!(house, |tx| tx.peer_message_in("bac", "d-1").await?).unwrap();
        let kept = found.quarantine_id.unwrap();
        assert_eq!(house.store.read_blob(PEER, kept).await.unwrap().unwrap(), b"khong phai goi tin");
        assert!(read!(house, |tx| tx.peer_message_in("nam", "d-1").await?).is_none());
        let gone = write!(house, |tx| tx.drop_peer_content(NOW, NOW, 10).await?).unwrap();
        assert_eq!(gone, 0, "not before its time");
        let gone = write!(house, |tx| tx.drop_peer_content(NOW.plus(MINUTE), NOW, 10).await?).unwrap();
        assert_eq!(gone, 1);
        assert!(house.store.read_blob(PEER, kept).await.unwrap().is_none());
        let found = read!(house, |tx| tx.peer_messages("bac", None, 10).await?);
        assert_eq!(found.len(), 2);
        assert_eq!(read!(house, |tx| tx.count_peer_messages("bac").await?), [("refused".to_owned(), 1), ("taken".to_owned(), 1)]);
        assert_eq!(write!(house, |tx| tx.drop_peer_content(NOW.plus(MINUTE), NOW, 10).await?).unwrap(), 0);
    }
}
