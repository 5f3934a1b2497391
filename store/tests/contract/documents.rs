//! Documents: accepted once, delivered to each system once, shredded for one and not for the others.

use mail::{AgencyCode, DeliveryId, DocumentId};
use store::{DeliveryFilter, DeliveryState, DocumentKind, Error, NewDelivery, NewDocument, NewStatus};

use crate::house::{House, NOW, agency, agency_id, read, stories, write};

pub(crate) async fn document(house: &House, id: u8, package: &[u8]) -> NewDocument {
    NewDocument {
        document_id: DocumentId::from_bytes([id; 16]),
        agency_id: agency_id(1),
        system_folded: "hub.01".to_owned(),
        kind: DocumentKind::Edoc,
        from_code: "H37.01".parse().unwrap(),
        package_sha256: [package[0]; 32],
        blob: house.store.seal_apart(agency_id(1), package).await.unwrap(),
        identifier: "H37.01,2026/11/22,05/SX-VP".to_owned(),
        notation: "05/SX-VP".to_owned(),
        promulgated_on: "2026/11/22".to_owned(),
        subject: "V/v phối hợp".to_owned(),
        business_type: 0,
        priority: 0,
        class: "VALID".to_owned(),
        legal_value: "ORIGINAL_EQUIVALENT".to_owned(),
        verdict: "{}".to_owned(),
        facts: "{}".to_owned(),
        receipt: b"receipt".to_vec(),
    }
}

fn delivery(id: u8, agency: u8, system: &str) -> NewDelivery {
    let code: AgencyCode = format!("H37.0{agency}").parse().unwrap();
    NewDelivery {
        delivery_id: DeliveryId::from_bytes([id; 16]),
        agency_id: agency_id(agency),
        system_folded: system.to_owned(),
        to_codes: vec![code],
    }
}

fn filter(system: &str) -> DeliveryFilter {
    DeliveryFilter {
        system_folded: system.to_owned(),
        kind: None,
        from: None,
        to: None,
        to_code: None,
        offset: 0,
        limit: 100,
    }
}

pub(crate) async fn accept(house: &House, new: NewDocument, to: Vec<NewDelivery>) -> Result<(), Error> {
    house
        .store
        .write("accept", (new, to), |tx, (new, to)| {
            Box::pin(async move { tx.add_document(new, to, NOW).await })
        })
        .await
}

stories! {
    async fn a_package_is_accepted_once_and_waits_once_for_each_system(house: House) {
        write!(house, |tx| tx.add_agency(&agency(1, "H37.01", None), NOW).await?).unwrap();
        let to = || vec![delivery(1, 2, "hub.02"), delivery(2, 3, "hub.03")];
        let first = document(&house, 1, b"<edXML/>").await;
        accept(&house, first, to()).await.unwrap();
        let second = document(&house, 2, b"<edXML/>").await;
        let again = accept(&house, second, vec![delivery(3, 2, "hub.02")]).await;
        assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
        let before = read!(house, |tx| tx.document_sent_before(agency_id(1), "hub.01", &[b'<'; 32]).await?).unwrap();
        assert_eq!((before.document_id, before.receipt.as_slice()), (DocumentId::from_bytes([1; 16]), b"receipt".as_slice()));
        for system in ["hub.02", "hub.03"] {
            let waiting = read!(house, |tx| tx.waiting_deliveries(&filter(system), NOW).await?);
            assert_eq!(waiting.len(), 1, "{system}");
            assert_eq!(house.store.read_delivery(&waiting[0]).await.unwrap().unwrap(), b"<edXML/>");
            assert_eq!(read!(house, |tx| tx.count_waiting(system, DocumentKind::Edoc, NOW).await?), 1);
        }
        assert!(read!(house, |tx| tx.delivery("hub.03", DeliveryId::from_bytes([1; 16])).await?).is_none());
        let sent = read!(house, |tx| tx.sent_rows("hub.01", None, None).await?);
        assert_eq!(sent.len(), 2);
        assert!(read!(house, |tx| tx.sent_rows("hub.02", None, None).await?).is_empty());
        let house = house.reopen().await;
        let waiting = read!(house, |tx| tx.waiting_deliveries(&filter("hub.02"), NOW).await?);
        assert_eq!(house.store.read_delivery(&waiting[0]).await.unwrap().unwrap(), b"<edXML/>");
    }

    async fn done_is_final_and_fail_comes_back(house: House) {
        let first = document(&house, 1, b"a").await;
        accept(&house, first, vec![delivery(1, 2, "hub.02")]).await.unwrap();
        let waiting = |at| {
            let house = &house;
            async move { read!(house, |tx| tx.waiting_deliveries(&filter("hub.02"), at).await?) }
        };
        let found = waiting(NOW).await.remove(0);
        let copy = found.clone();
        assert!(write!(house, copy, |tx| tx.move_delivery(copy, DeliveryState::Processing, NOW).await?).unwrap());
        assert_eq!(waiting(NOW).await[0].state, DeliveryState::Processing);
        let copy = found.clone();
        write!(house, copy, |tx| tx.move_delivery(copy, DeliveryState::Fail, NOW).await?).unwrap();
        assert!(waiting(NOW).await.is_empty());
        let later = NOW.plus(std::time::Duration::from_secs(5 * 60));
        assert_eq!(waiting(later).await[0].failures, 1);
        let copy = found.clone();
        write!(house, copy, |tx| tx.move_delivery(copy, DeliveryState::Done, later).await?).unwrap();
        let copy = found.clone();
        assert!(!write!(house, copy, |tx| tx.move_delivery(copy, DeliveryState::Fail, later).await?).unwrap());
        assert!(waiting(later).await.is_empty());
        assert!(house.store.read_delivery(&found).await.unwrap().is_some());
    }

    async fn r39_shredding_for_one_receiver_leaves_the_others_and_the_sender(house: House) {
        let package = vec![b'x'; 200_000];
        let mut random = package.clone();
        mail::Chance::fill(&*crate::house::Seeded::new(77), &mut random);
        let first = document(&house, 1, &random).await;
        accept(&house, first, vec![delivery(1, 2, "hub.02"), delivery(2, 3, "hub.03")]).await.unwrap();
        let recalled = read!(house, |tx| tx.waiting_deliveries(&filter("hub.02"), NOW).await?).remove(0);
        let kept = read!(house, |tx| tx.waiting_deliveries(&filter("hub.03"), NOW).await?).remove(0);
        let copy = recalled.clone();
        write!(house, copy, |tx| tx.shred_delivery(copy, NOW).await?).unwrap();
        assert_eq!(house.store.read_delivery(&recalled).await.unwrap(), None);
        assert_eq!(house.store.read_delivery(&kept).await.unwrap(), Some(random.clone()));
        let sent = read!(house, |tx| tx.sent_document("hub.01", DocumentId::from_bytes([1; 16])).await?).unwrap();
        assert_eq!(house.store.read_blob(agency_id(1), sent.blob_id).await.unwrap(), Some(random));
    }

    async fn a_list_is_narrowed_by_any_of_its_receiving_codes(house: House) {
        let first = document(&house, 1, b"a").await;
        let both = NewDelivery { to_codes: vec!["H37.02".parse().unwrap(), "H37.0_".parse().unwrap()], ..delivery(1, 2, "hub.02") };
        accept(&house, first, vec![both]).await.unwrap();
        for (code, found) in [("H37.02", 1), ("H37.0_", 1), ("H37.03", 0), ("H37", 0), ("37.02", 0)] {
            let narrow = DeliveryFilter { to_code: Some(vec![code.parse().unwrap()]), ..filter("hub.02") };
            assert_eq!(read!(house, |tx| tx.waiting_deliveries(&narrow, NOW).await?).len(), found, "{code}");
        }
    }

    async fn r49_a_history_has_no_gap_under_concurrency(house: House) {
        let first = document(&house, 1, b"a").await;
        accept(&house, first, vec![]).await.unwrap();
        let reports = (0..20).map(|n| {
            let store = house.store.clone();
            tokio::spawn(async move {
                let status = NewStatus {
                    agency_id: agency_id(1),
                    document_id: DocumentId::from_bytes([1; 16]),
                    reporter_id: agency_id(2),
                    code: "05".to_owned(),
                    description: format!("lần {n}"),
                    reason_code: String::new(),
                    actor: String::new(),
                    package_id: DocumentId::from_bytes([9; 16]),
                    said_at: NOW,
                };
                store.write("status", status, |tx, s| Box::pin(async move { tx.add_status(s, NOW).await })).await.unwrap()
            })
        });
        let mut numbers = Vec::new();
        for report in reports.collect::<Vec<_>>() {
            numbers.push(report.await.unwrap());
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
        let history = read!(house, |tx| tx.statuses(agency_id(1), DocumentId::from_bytes([1; 16])).await?);
        assert_eq!(history.len(), 20);
    }

    async fn r21_an_urgent_document_goes_before_ten_thousand_others(house: House) {
        let later = mail::Timestamp::from_millis(NOW.millis() + 1_000);
        let normal = document(&house, 1, b"a").await;
        let many = (0..10_000u32).map(|n| {
            let mut id = [1u8; 16];
            id[..4].copy_from_slice(&n.to_be_bytes());
            NewDelivery { delivery_id: DeliveryId::from_bytes(id), ..delivery(0, 2, "hub.02") }
        });
        accept(&house, normal, many.collect()).await.unwrap();
        for (id, bytes, priority) in [(2u8, b"b", 0), (3, b"c", 1), (4, b"d", 4)] {
            let new = NewDocument { priority, ..document(&house, id, bytes).await };
            let to = vec![delivery(id, 2, "hub.02")];
            house.store.write("accept", (new, to), move |tx, (new, to)| Box::pin(async move { tx.add_document(new, to, later).await })).await.unwrap();
        }
        let page = DeliveryFilter { limit: 2, ..filter("hub.02") };
        let waiting = { let page = page.clone(); read!(house, |tx| tx.waiting_deliveries(&page, later).await?) };
        let ids: Vec<_> = waiting.iter().map(|d| d.document_id).collect();
        assert_eq!(ids, [3, 4].map(|id| DocumentId::from_bytes([id; 16])), "the urgent ones, the older first");
        let first = DeliveryFilter { limit: 3, ..filter("hub.02") };
        let waiting = { let first = first.clone(); read!(house, |tx| tx.waiting_deliveries(&first, later).await?) };
        assert_eq!(waiting[2].document_id, DocumentId::from_bytes([1; 16]), "then the oldest");
        // An act that is urgent takes its original along (VXP 4.4).
        let sender = agency_id(1);
        house.store.write("hurry", (), move |tx, ()| Box::pin(async move { tx.hurry_deliveries(sender, DocumentId::from_bytes([2; 16])).await })).await.unwrap();
        let waiting = { let first = first.clone(); read!(house, |tx| tx.waiting_deliveries(&first, later).await?) };
        assert!(waiting.iter().all(|d| d.document_id != DocumentId::from_bytes([1; 16])));
    }

    async fn r39_what_is_withdrawn_is_unreadable_at_once_and_can_be_restored_until_it_is_shredded(house: House) {
        let first = document(&house, 1, b"a").await;
        accept(&house, first, vec![delivery(1, 2, "hub.02"), delivery(2, 3, "hub.03")]).await.unwrap();
        let copy = read!(house, |tx| tx.waiting_deliveries(&filter("hub.02"), NOW).await?).remove(0);
        let due = mail::Timestamp::from_millis(NOW.millis() + 1_000);
        { let copy = copy.clone(); write!(house, copy, |tx| tx.withdraw_delivery(copy, mail::Timestamp::from_millis(NOW.millis() + 1_000), NOW).await?).unwrap() };
        assert!(house.store.read_delivery(&copy).await.unwrap().is_none());
        assert!(read!(house, |tx| tx.waiting_deliveries(&filter("hub.02"), NOW).await?).is_empty());
        assert_eq!(read!(house, |tx| tx.count_waiting("hub.02", DocumentKind::Edoc, NOW).await?), 0);
        assert!(read!(house, |tx| tx.deliveries_to_shred(NOW, 10).await?).is_empty());
        assert_eq!(read!(house, |tx| tx.deliveries_to_shred(due, 10).await?).len(), 1);
        assert!({ let copy = copy.clone(); write!(house, copy, |tx| tx.restore_delivery(copy, NOW).await?).unwrap() });
        assert_eq!(house.store.read_delivery(&copy).await.unwrap().unwrap(), b"a");
        { let copy = copy.clone(); write!(house, copy, |tx| tx.withdraw_delivery(copy, NOW, NOW).await?).unwrap() };
        { let copy = copy.clone(); write!(house, copy, |tx| tx.hold_delivery(copy, true).await?).unwrap() };
        assert!(!{ let copy = copy.clone(); write!(house, copy, |tx| tx.shred_delivery(copy, NOW).await?).unwrap() }, "what the law holds stays");
        { let copy = copy.clone(); write!(house, copy, |tx| tx.hold_delivery(copy, false).await?).unwrap() };
        assert!({ let copy = copy.clone(); write!(house, copy, |tx| tx.shred_delivery(copy, NOW).await?).unwrap() });
        assert!(!{ let copy = copy.clone(); write!(house, copy, |tx| tx.restore_delivery(copy, NOW).await?).unwrap() });
        // What is shredded is never due again, however often it is withdrawn.
        { let copy = copy.clone(); write!(house, copy, |tx| tx.withdraw_delivery(copy, NOW, NOW).await?).unwrap() };
        assert!(read!(house, |tx| tx.deliveries_to_shred(due, 10).await?).is_empty());
        assert!(house.store.read_delivery(&copy).await.unwrap().is_none());
    }
}
