//! Updates and replacements (RULES R22, R44–R48).

use registry::package::{BusinessType, Priority, write_document};
use store::{DocumentState, LinkKind};

use crate::house::{act, agency_id, document, good, replacement, stories};
use crate::progress::{feed, receivers};
use crate::recalls::{kept, links};
use crate::statuses::status;
use crate::world::World;

stories! {
    async fn r44_an_update_is_asked_of_its_receivers_and_answered(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02", "H37.04"])).await.unwrap();
        let file = World::get().complete();
        let update = act(BusinessType::Update, "05", &["H37.02", "H37.04"], &[("van-ban.pdf", &file)]);
        let update = house.send("hub.01", "H37.01", &write_document(&update).unwrap()).await.unwrap();
        assert!(receivers(&house, &sent).await.iter().all(|at| at.ask == "update" && at.order_id == Some(update.document_id)));
        let links = links(&house, &sent).await;
        assert_eq!((links[0].kind, links[0].act_id), (LinkKind::Update, update.document_id));
        house.send("hub.02", "H37.02", &status("H37.02", "H37.01", "05", "15")).await.unwrap();
        house.send("hub.04", "H37.04", &status("H37.04", "H37.01", "05", "16")).await.unwrap();
        let at = receivers(&house, &sent).await;
        assert_eq!((at[0].ask.as_str(), at[0].version_id), ("", Some(update.document_id)), "updated");
        assert_eq!((at[1].ask.as_str(), at[1].version_id), ("", None), "kept as it was");
        assert_eq!((at[0].state.as_str(), kept(&house, &sent).await.state), ("delivered", DocumentState::Active));
        assert!(feed(&house, 2).await.iter().any(|event| event.kind == "document.updated"));
        // A second update is one of the document, not of the first update.
        let mut second = act(BusinessType::Update, "05", &["H37.02"], &[("van-ban.pdf", &file)]);
        second.subject = "Lần hai".to_owned();
        house.send("hub.01", "H37.01", &write_document(&second).unwrap()).await.unwrap();
        assert!(receivers(&house, &update).await.iter().all(|at| at.ask.is_empty()));
        assert_eq!(receivers(&house, &sent).await[0].version_id, Some(update.document_id), "until it is agreed to");
    }

    async fn r44_a_recall_is_of_every_version(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        let update = act(BusinessType::Update, "05", &["H37.02"], &[("van-ban.pdf", &World::get().complete())]);
        let update = house.send("hub.01", "H37.01", &write_document(&update).unwrap()).await.unwrap();
        house.send("hub.02", "H37.02", &status("H37.02", "H37.01", "05", "15")).await.unwrap();
        let recall = act(BusinessType::Recall, "05", &["H37.02"], &[]);
        house.send("hub.01", "H37.01", &write_document(&recall).unwrap()).await.unwrap();
        // In the same second as the first answer: it is another one all the same.
        let agreed = String::from_utf8(status("H37.02", "H37.01", "05", "15")).unwrap().replace("lý do", "đã hủy");
        house.send("hub.02", "H37.02", agreed.as_bytes()).await.unwrap();
        for version in [&sent, &update] {
            assert_eq!(receivers(&house, version).await[0].state, "cancelled");
            assert_eq!(kept(&house, version).await.state, DocumentState::Frozen);
        }
        assert_eq!(house.waiting("hub.02").await.len(), 1, "only the recall");
    }

    async fn r22_an_update_does_not_change_the_urgency(house: House) {
        let mut urgent = document("05", &["H37.02"], &[("van-ban.pdf", &World::get().complete())]);
        urgent.other_info.priority = Priority::Express;
        house.send("hub.01", "H37.01", &write_document(&urgent).unwrap()).await.unwrap();
        let update = act(BusinessType::Update, "05", &["H37.02"], &[]);
        let update = house.send("hub.01", "H37.01", &write_document(&update).unwrap()).await.unwrap();
        let kept = kept(&house, &update).await;
        assert_eq!((kept.priority, update.warnings[0].oddity.code()), (3, "edxml.warn.urgency-kept"));
        assert!(kept.facts.contains("\"priority\":3"));
    }

    // RULES R48: an act changes the state of its original, it is not only told.
    async fn r45_what_is_replaced_stays_readable_and_says_so(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        let delivery = house.waiting("hub.02").await.remove(0);
        let new = house.send("hub.01", "H37.01", &replacement("06", "05", &["H37.02"])).await.unwrap();
        assert_eq!(kept(&house, &sent).await.state, DocumentState::Replaced);
        let links = links(&house, &sent).await;
        assert_eq!((links[0].kind, links[0].act_id), (LinkKind::Replacement, new.document_id));
        assert!(house.desk.store.read_delivery(&delivery).await.unwrap().is_some());
        assert_eq!(kept(&house, &new).await.state, DocumentState::Active);
        let told = feed(&house, 2).await;
        let replaced = told.iter().find(|event| event.kind == "document.replaced").unwrap();
        assert!(replaced.facts.contains("06/SNV-VP"), "{}", replaced.facts);
        // What was replaced is not updated any more, and can still be recalled.
        let update = act(BusinessType::Update, "05", &["H37.02"], &[]);
        let update = house.send("hub.01", "H37.01", &write_document(&update).unwrap()).await.unwrap();
        assert_eq!(update.warnings[0].oddity.code(), "edxml.warn.target-replaced");
        let recall = act(BusinessType::Recall, "05", &["H37.02"], &[]);
        house.send("hub.01", "H37.01", &write_document(&recall).unwrap()).await.unwrap();
        assert_eq!(kept(&house, &sent).await.state, DocumentState::Frozen);
        let acts = house.desk.store.read(sent.document_id, |tx, id| Box::pin(async move { tx.leaves_of(agency_id(1), id.as_bytes()).await })).await.unwrap();
        let records: Vec<_> = acts.iter().map(|leaf| String::from_utf8_lossy(&leaf.record).into_owned()).collect();
        assert!(records.iter().any(|record| record.contains("document-replaced")));
    }

    async fn r45_only_the_sender_replaces_its_document(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        let foreign = String::from_utf8(replacement("06", "05", &["H37.01"])).unwrap();
        let foreign = foreign.replacen(">H37.01<", ">H37.04<", 1);
        let outcome = house.send("hub.04", "H37.04", foreign.as_bytes()).await;
        // Agency 4 has registered no signers, so its document is refused for those; nothing of agency 1's changes either way.
        assert_eq!(outcome.unwrap_err().code(), "signature.not-registered");
        assert_eq!(kept(&house, &sent).await.state, DocumentState::Active);
    }
}
