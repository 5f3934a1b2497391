//! A document as it is shown (RULES R31, R32).

use registry::accept::Accepted;
use registry::package::{Answered, BusinessType, NewDocument, Priority, write_document};
use registry::view::{self, DocumentView};
use registry::vxp::call::{Acknowledgement, Call, DocId};
use serde_json::Value;

use crate::house::{House, act, agency_id, document, good, replacement, stories};
use crate::progress::feed;
use crate::statuses::status;
use crate::world::{NOW, World};

async fn sender_s(house: &House, accepted: &Accepted) -> DocumentView {
    let read = house.desk.store.read(accepted.document_id, |tx, id| {
        Box::pin(async move { view::for_sender(tx, agency_id(1), *id).await })
    });
    read.await.unwrap().unwrap()
}

async fn receiver_s(house: &House, agency: u8, accepted: &Accepted) -> DocumentView {
    let read = house.desk.store.read((agency, accepted.document_id), |tx, (agency, id)| {
        Box::pin(async move { view::for_receiver(tx, agency_id(*agency), *id).await })
    });
    read.await.unwrap().unwrap()
}

fn full() -> NewDocument {
    let mut full = document("05", &["H37.02", "H37.04"], &[("van-ban.pdf", &World::get().complete())]);
    full.due_date = "2026/12/01".to_owned();
    full.other_info.priority = Priority::Urgent;
    full.promulgation_info.place = "Hà Nội".to_owned();
    full.response_for =
        vec![Answered { organ_id: "H37.02".to_owned(), code: "12/UBND".to_owned(), ..Answered::default() }];
    full
}

stories! {
    async fn r31_all_sixteen_items_are_there(house: House) {
        let sent = house.send("hub.01", "H37.01", &write_document(&full()).unwrap()).await.unwrap();
        let delivery = house.waiting("hub.02").await.remove(0);
        let done = Call::UpdateStatus { doc_id: DocId::read(&delivery.delivery_id.to_string()).unwrap(), acknowledgement: Acknowledgement::Done, description: String::new() };
        house.desk.answer(&house.system("hub.02").await, done, NOW).await.unwrap();
        house.send("hub.02", "H37.02", &status("H37.02", "H37.01", "05", "03")).await.unwrap();
        let moment = "2026-11-22T01:00:00.000Z";
        let rows: [(&str, &str, Value); 16] = [
            ("a", "/agencyCode", "H37.01".into()),
            ("b", "/identifier", "H37.01,2026/11/22,05/SNV-VP".into()),
            ("c", "/code", "05/SNV-VP".into()),
            ("d", "/promulgationDate", "2026/11/22".into()),
            ("đ", "/typeName", "Công văn".into()),
            ("e", "/subject", "V/v phối hợp".into()),
            ("g", "/files/0/name", "van-ban.pdf".into()),
            ("h", "/state/code", "accepted".into()),
            ("i", "/signer", serde_json::json!({ "competence": "", "position": "Giám đốc", "name": "NGUYỄN  Văn A" })),
            ("k", "/urgency", "Khẩn".into()),
            ("l", "/from", serde_json::json!({ "code": "H37.01", "name": "Tên của H37.01" })),
            ("m", "/to/1", serde_json::json!({ "code": "H37.04", "name": "Tên của H37.04" })),
            ("n", "/receivedAt", moment.into()),
            ("o", "/dueDate", "2026/12/01".into()),
            ("p", "/history/2/status", "03".into()),
            ("q", "/other/answers/0", "12/UBND".into()),
        ];
        let of_receiver = serde_json::to_value(receiver_s(&house, 2, &sent).await).unwrap();
        for (item, place, expected) in &rows {
            assert_eq!(of_receiver.pointer(place), Some(expected), "item {item} at {place} of {of_receiver}");
        }
        let of_sender = serde_json::to_value(sender_s(&house, &sent).await).unwrap();
        for (item, place, expected) in &rows {
            match *item {
                "h" => assert_eq!(of_sender["state"]["code"], "active"),
                "n" => assert_eq!((&of_sender["sentAt"], &of_sender["receivedAt"]), (&moment.into(), &"".into()), "agency 4 has it not"),
                _ => assert_eq!(of_sender.pointer(place), Some(expected), "item {item}"),
            }
        }
    }

    async fn r31_a_sender_sees_all_receivers_and_a_receiver_itself(house: House) {
        let sent = house.send("hub.01", "H37.01", &write_document(&full()).unwrap()).await.unwrap();
        house.send("hub.02", "H37.02", &status("H37.02", "H37.01", "05", "03")).await.unwrap();
        house.send("hub.04", "H37.04", &status("H37.04", "H37.01", "05", "02")).await.unwrap();
        let view = sender_s(&house, &sent).await;
        let states: Vec<_> = view.receivers.iter().map(|at| (at.code.as_str(), at.state.code.as_str())).collect();
        assert_eq!(states, [("H37.02", "accepted"), ("H37.04", "returned")]);
        let kinds: Vec<_> = view.history.iter().map(|line| (line.kind.as_str(), line.by.as_str())).collect();
        assert_eq!(kinds, [("sent", "H37.01"), ("status", "H37.02"), ("status", "H37.04")]);
        assert_eq!(view.history[2].reason_code, "OTHER");
        let acts: Vec<_> = view.ledger.iter().map(|leaf| leaf.act.as_str()).collect();
        assert_eq!(acts, ["package-accepted", "document-registered", "document-refused"]);
        assert_eq!((view.legal_value.code.as_str(), view.is_current), ("ORIGINAL_EQUIVALENT", true));
        let own = receiver_s(&house, 2, &sent).await;
        assert_eq!((own.receivers.len(), own.history.len(), own.receivers[0].code.as_str()), (1, 2, "H37.02"));
        let nobody = house.desk.store.read(sent.document_id, |tx, id| Box::pin(async move { view::for_receiver(tx, agency_id(3), *id).await }));
        assert_eq!(nobody.await.unwrap(), None, "who did not get it sees nothing");
        let foreign = house.desk.store.read(sent.document_id, |tx, id| Box::pin(async move { view::for_sender(tx, agency_id(2), *id).await }));
        assert_eq!(foreign.await.unwrap(), None);
    }

    async fn r39_a_cancelled_document_shows_only_what_the_law_leaves(house: House) {
        let sent = house.send("hub.01", "H37.01", &write_document(&full()).unwrap()).await.unwrap();
        let recall = act(BusinessType::Recall, "05", &["H37.02"], &[]);
        let order = house.send("hub.01", "H37.01", &write_document(&recall).unwrap()).await.unwrap();
        let open = receiver_s(&house, 2, &sent).await;
        assert_eq!(open.receivers[0].ask.as_ref().unwrap().code, "recall", "shown as open until it is answered");
        assert!(open.tombstone.is_none() && !open.files.is_empty() && open.is_routable);
        house.send("hub.02", "H37.02", &status("H37.02", "H37.01", "05", "15")).await.unwrap();
        let view = receiver_s(&house, 2, &sent).await;
        let stone = view.tombstone.clone().unwrap();
        assert_eq!((stone.order_id.clone(), stone.reason.as_str()), (order.document_id.to_string(), "Sai thể thức"));
        assert!(!view.is_routable);
        let told = serde_json::to_string(&view).unwrap();
        for gone in ["phối hợp", "van-ban.pdf", "Văn A", "Giám đốc", "12/UBND"] {
            assert!(!told.contains(gone), "{gone} in {told}");
        }
        for left in ["H37.01", "05/SNV-VP", "2026/11/22", "Sai thể thức", stone.package_sha256.as_str()] {
            assert!(told.contains(left), "{left} in {told}");
        }
        let sender = sender_s(&house, &sent).await;
        assert_eq!((sender.state.code.as_str(), sender.subject.as_str()), ("frozen", "V/v phối hợp"));
        let line = sender.links.iter().find(|link| link.kind == "recalled-by").unwrap();
        assert_eq!((line.doc_id.clone(), line.reason.as_str()), (order.document_id.to_string(), "Sai thể thức"));
    }

    async fn r44_r45_versions_and_replacements_are_linked_both_ways(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        let update = act(BusinessType::Update, "05", &["H37.02"], &[("van-ban.pdf", &World::get().complete())]);
        let update = house.send("hub.01", "H37.01", &write_document(&update).unwrap()).await.unwrap();
        let view = sender_s(&house, &sent).await;
        assert_eq!((view.current_version_id.clone(), view.is_current), (update.document_id.to_string(), false));
        assert_eq!(view.receivers[0].version_id, sent.document_id.to_string(), "until the receiver agrees");
        assert_eq!(sender_s(&house, &update).await.links[0].kind, "updates");
        assert!(sender_s(&house, &update).await.is_current);
        let new = house.send("hub.01", "H37.01", &replacement("06", "05", &["H37.02"])).await.unwrap();
        let replaced = receiver_s(&house, 2, &sent).await;
        let by = replaced.links.iter().find(|link| link.kind == "replaced-by").unwrap();
        assert_eq!((by.doc_id.clone(), by.identifier.as_str()), (new.document_id.to_string(), "H37.01,2026/11/22,06/SNV-VP"));
        assert_eq!(sender_s(&house, &new).await.links.iter().filter(|link| link.kind == "replaces").count(), 2, "of every version");
    }

    async fn r32_a_repeated_number_is_told_to_the_records_officer(house: House) {
        let first = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        let mut same_number = document("05", &["H37.02", "H37.04"], &[("van-ban.pdf", &World::get().complete())]);
        same_number.document_id = registry::document_id::DocumentIdentifier::new("8c6a1b1e").unwrap();
        let again = house.send("hub.01", "H37.01", &write_document(&same_number).unwrap()).await.unwrap();
        let warned = receiver_s(&house, 2, &again).await;
        assert_eq!(warned.receivers[0].duplicate_of, Some(first.document_id.to_string()));
        assert!(warned.warnings.contains(&"document.duplicate".to_owned()));
        assert_eq!(receiver_s(&house, 4, &again).await.receivers[0].duplicate_of, None, "agency 4 had nothing");
        assert!(feed(&house, 2).await.iter().any(|event| event.kind == "document.duplicate"));
        assert!(feed(&house, 4).await.iter().all(|event| event.kind != "document.duplicate"));
        // Numbers begin anew every year.
        let mut next_year = document("05", &["H37.04"], &[("van-ban.pdf", &World::get().complete())]);
        next_year.document_id = registry::document_id::DocumentIdentifier::new("9d6a1b1e").unwrap();
        next_year.promulgation_info.date = "2025/11/22".to_owned();
        let other = house.send("hub.01", "H37.01", &write_document(&next_year).unwrap()).await.unwrap();
        assert_eq!(receiver_s(&house, 4, &other).await.receivers[0].duplicate_of, None);
        // The very same package is no second document.
        assert!(house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap().is_repeat);
    }
}
