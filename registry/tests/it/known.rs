//! What the registry knows of a file in somebody's hand, and the evidence it keeps of each judgement.

use registry::known::{self, Known};
use registry::package::{BusinessType, NewBusiness, Replacement, write_document};
use signer::bundle::Bundle;
use signer::{Limits, Policy, Role, Verdict, judge};

use crate::house::{House, agency_id, document, stories};
use crate::world::{NOW, World, blank};

fn sha256(file: &[u8]) -> [u8; 32] {
    ring::digest::digest(&ring::digest::SHA256, file).as_ref().try_into().unwrap()
}

async fn known(house: &House, file: &[u8]) -> Known {
    let asked = house
        .desk
        .store
        .read(sha256(file), |tx, sha256| Box::pin(async move { known::look_up(tx, sha256).await }));
    asked.await.unwrap()
}

stories! {
    async fn r37_a_file_is_known_as_what_its_sender_last_said(house: House) {
        let file = World::get().complete();
        let annex = blank();
        assert_eq!(known(&house, &file).await, Known::Unknown);
        let sent = document("05", &["H37.02"], &[("van-ban.pdf", &file), ("phu-luc.pdf", &annex)]);
        let original = sent.document_id.clone();
        house.send("hub.01", "H37.01", &write_document(&sent).unwrap()).await.unwrap();
        assert_eq!(known(&house, &file).await, Known::Active);
        assert_eq!(known(&house, &annex).await, Known::Active, "every file of a document is known");

        let mut replacement = document("06", &["H37.02"], &[("van-ban.pdf", &World::get().paper(&[&World::get().leader, &World::get().seal]))]);
        replacement.business = NewBusiness {
            kind: BusinessType::Replacement,
            replacements: vec![Replacement { document_id: original.clone(), organ_ids: vec!["H37.02".to_owned()] }],
            ..NewBusiness::default()
        };
        house.send("hub.01", "H37.01", &write_document(&replacement).unwrap()).await.unwrap();
        let by = "H37.01,2026/11/22,06/SNV-VP".to_owned();
        assert_eq!(known(&house, &file).await, Known::Replaced { by, at: NOW });

        // As the vendor's sample has it (RULES E9): the original's identifier in the header, and its file again.
        let mut recall = document("05", &["H37.02"], &[("van-ban.pdf", &file)]);
        recall.business = NewBusiness { kind: BusinessType::Recall, reason: "Sai nội dung".to_owned(), ..NewBusiness::default() };
        house.send("hub.01", "H37.01", &write_document(&recall).unwrap()).await.unwrap();
        assert_eq!(known(&house, &file).await, Known::Recalled { at: NOW });
        assert_eq!(known(&house, b"another file").await, Known::Unknown);
    }

    async fn r37_nobody_recalls_what_is_another_agency_s(house: House) {
        let file = World::get().complete();
        let sent = document("05", &["H37.02"], &[("van-ban.pdf", &file)]);
        house.send("hub.01", "H37.01", &write_document(&sent).unwrap()).await.unwrap();
        let mut recall = document("05", &["H37.01"], &[]);
        recall.from.organ_id = "H37.02".parse().unwrap();
        recall.business = NewBusiness { kind: BusinessType::Recall, reason: "Chiếm quyền".to_owned(), ..NewBusiness::default() };
        house.send("hub.02", "H37.02", &write_document(&recall).unwrap()).await.unwrap();
        assert_eq!(known(&house, &file).await, Known::Active);
    }

    async fn d25_whose_certificate_it_is_says_the_register(house: House) {
        let world = World::get();
        let policy = Policy { trust: world.trust(), ..Policy::default() };
        let judged = judge(world.complete(), &policy, &world.evidence(&[]), NOW);
        let holders = house.desk.store.read(judged, |tx, judged| Box::pin(async move { known::holders(tx, judged.report(), NOW).await }));
        let holders = holders.await.unwrap();
        let told: Vec<_> = holders.iter().map(|holder| (holder.role, holder.agency.as_str())).collect();
        assert!(matches!(told[..], [(Role::Leader, leader), (Role::Agency, seal)] if leader.ends_with("(H37.01)") && seal == leader), "{told:?}");
        let strange = judge(world.paper(&[&world.stranger]), &policy, &world.evidence(&[]), NOW);
        let nobody = house.desk.store.read(strange, |tx, judged| Box::pin(async move { known::holders(tx, judged.report(), NOW).await }));
        assert_eq!(nobody.await.unwrap(), []);
    }

    async fn d33_an_attachment_without_the_agency_s_signature_is_told(house: House) {
        let world = World::get();
        let sealed = world.paper(&[&world.seal]);
        for (number, annex, expected) in [("07", &blank(), true), ("08", &sealed, false)] {
            let sent = document(number, &["H37.02"], &[("van-ban.pdf", &world.complete()), ("phu-luc.pdf", annex)]);
            let accepted = house.send("hub.01", "H37.01", &write_document(&sent).unwrap()).await.unwrap();
            let kept = house.desk.store.read(accepted.document_id, |tx, id| Box::pin(async move { tx.document(agency_id(1), *id).await }));
            let kept = kept.await.unwrap().unwrap();
            assert_eq!(kept.legal_value, "ORIGINAL_EQUIVALENT", "a warning decides nothing");
            assert_eq!(kept.facts.contains("attachment-unsealed"), expected, "{}", kept.facts);
        }
    }

    async fn d31_d34_the_evidence_kept_with_a_document_judges_it_again(house: House) {
        let file = World::get().complete();
        let sent = document("05", &["H37.02"], &[("van-ban.pdf", &file)]);
        let accepted = house.send("hub.01", "H37.01", &write_document(&sent).unwrap()).await.unwrap();
        let store = &house.desk.store;
        let kept = store.read(accepted.document_id, |tx, id| Box::pin(async move { tx.file_evidence(*id).await })).await.unwrap();
        assert_eq!((kept.len(), kept[0].file_no, kept[0].sha256), (1, 0, sha256(&file)));
        let bytes = store.read_blob(agency_id(1), kept[0].evidence_id.unwrap()).await.unwrap().unwrap();
        let bundle = Bundle::read(&bytes, &Limits::default()).unwrap();
        let again = bundle.rejudge(file).unwrap();
        assert_eq!(again.verdict(), Verdict::Valid);
        assert!(bundle.agrees(&again));
    }
}
