//! Statuses come back, in order, to the document they are about (RULES R49, VXP 5).

use registry::package::{NewStatus, Staff, StatusAddress, write_status};
use registry::status::StatusCode;
use store::{DocumentKind, StatusEntry};

use crate::house::{House, agency_id, good, stories};
use crate::world::NOW;

/// A status about the document with `number` of agency 1.
pub(crate) fn status(from: &str, to: &str, number: &str, code: &str) -> Vec<u8> {
    let status = NewStatus {
        from: registry::package::NewParty {
            organ_id: from.parse().unwrap(),
            organization_in_charge: String::new(),
            organ_name: "Tên".to_owned(),
            organ_add: String::new(),
            email: String::new(),
            telephone: String::new(),
            fax: String::new(),
            website: String::new(),
        },
        response_for: StatusAddress {
            organ_id: to.parse().unwrap(),
            code: format!("{number}/SNV-VP"),
            document_id: Some(
                registry::document_id::DocumentIdentifier::new(&format!("H37.01,2026/11/22,{number}/SNV-VP"))
                    .unwrap(),
            ),
            promulgation_date: "2026/11/22".to_owned(),
        },
        staff: Staff::default(),
        code: StatusCode::read(code),
        description: "lý do".to_owned(),
        sent: NOW,
    };
    write_status(&status).unwrap()
}

async fn history(house: &House, accepted: &registry::accept::Accepted) -> Vec<StatusEntry> {
    let read = house
        .desk
        .store
        .read(accepted.document_id, |tx, id| Box::pin(async move { tx.statuses(agency_id(1), *id).await }));
    read.await.unwrap()
}

async fn facts(house: &House, agency: u8, accepted: &registry::accept::Accepted) -> String {
    let read = house.desk.store.read((agency, accepted.document_id), |tx, (agency, id)| {
        Box::pin(async move { tx.document(agency_id(*agency), *id).await })
    });
    read.await.unwrap().unwrap().facts
}

stories! {
    async fn r49_statuses_come_back_in_order(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02", "H37.04"])).await.unwrap();
        for code in ["01", "03", "05"] {
            house.send("hub.02", "H37.02", &status("H37.02", "H37.01", "05", code)).await.unwrap();
        }
        // The same once more is the same (VXP 5).
        assert!(house.send("hub.02", "H37.02", &status("H37.02", "H37.01", "05", "03")).await.unwrap().is_repeat);
        let history = history(&house, &sent).await;
        let codes: Vec<&str> = history.iter().map(|entry| entry.code.as_str()).collect();
        assert_eq!(codes, ["01", "03", "05"]);
        assert!(history.iter().all(|entry| entry.reporter_id == agency_id(2) && entry.description == "lý do"));
        let waiting = house.waiting("hub.01").await;
        assert_eq!(waiting.len(), 3);
        assert!(waiting.iter().all(|delivery| delivery.kind == DocumentKind::Status));
    }

    async fn vxp_5_a_status_nobody_can_link_is_delivered_and_marked(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        // No such document; and agency 4 never got number 05.
        for (system, from, number) in [("hub.02", "H37.02", "99"), ("hub.04", "H37.04", "05")] {
            let accepted = house.send(system, from, &status(from, "H37.01", number, "01")).await.unwrap();
            let agency = from.as_bytes()[5] - b'0';
            assert!(facts(&house, agency, &accepted).await.contains("\"linkedTo\":null"));
        }
        assert_eq!(house.waiting("hub.01").await.len(), 2);
        assert!(history(&house, &sent).await.is_empty());
    }

    async fn vxp_5_by_number_when_the_identifier_is_another(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        let by_number = String::from_utf8(status("H37.02", "H37.01", "05", "01")).unwrap();
        let by_number = by_number.replace("H37.01,2026/11/22,05/SNV-VP", "8c6a1b1e-4f3e");
        house.send("hub.02", "H37.02", by_number.as_bytes()).await.unwrap();
        assert_eq!(history(&house, &sent).await.len(), 1);
    }

    async fn vxp_5_the_sender_asks_for_its_document_back(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        house.send("hub.01", "H37.01", &status("H37.01", "H37.02", "05", "13")).await.unwrap();
        let history = history(&house, &sent).await;
        assert_eq!((history[0].code.as_str(), history[0].reporter_id), ("13", agency_id(1)));
        assert_eq!(house.waiting("hub.02").await.len(), 2);
    }

    async fn vxp_5_statuses_are_refused_like_documents(house: House) {
        let rows = [
            (status("H37.02", "H37.99", "05", "01"), 404),
            (status("H37.01", "H37.02", "05", "01"), 403),
        ];
        for (package, code) in rows {
            assert_eq!(house.send("hub.02", "H37.02", &package).await.unwrap_err().status(), code);
        }
        let unknown = String::from_utf8(status("H37.02", "H37.01", "05", "01")).unwrap();
        let unknown = unknown.replace("StatusCode>01<", "StatusCode>77<");
        assert_eq!(house.send("hub.02", "H37.02", unknown.as_bytes()).await.unwrap_err().status(), 422);
        assert!(house.waiting("hub.01").await.is_empty());
    }
}
