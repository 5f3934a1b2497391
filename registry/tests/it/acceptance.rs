//! What is accepted: once, for each system once, with a notice to the clerks.

use std::time::Duration;

use mail::envelope::OutboundMail;
use mail::{AccountId, AgencyCode};
use registry::receipt::Receipt;
use store::OutboxKind;

use crate::house::{House, agency_id, document, good, stories};
use crate::world::{NOW, World};

stories! {
    async fn r24_a_document_waits_once_for_each_system(house: House) {
        // By any of its codes, in any spelling (RULES I5).
        let package = good("05", &["000.00.02.h37", "h37.03", "H37.04"]);
        let accepted = house.send("hub.01", "H37.01", &package).await.unwrap();
        assert!(!accepted.is_repeat);
        for (system, codes) in [("hub.02", vec!["H37.02", "H37.03"]), ("hub.04", vec!["H37.04"])] {
            let waiting = house.waiting(system).await;
            assert_eq!(waiting.len(), 1, "{system}");
            let found: Vec<&str> = waiting[0].to_codes.iter().map(AgencyCode::as_str).collect();
            assert_eq!(found, codes);
            assert_eq!(house.desk.store.read_delivery(&waiting[0]).await.unwrap().unwrap(), package, "not one byte is changed");
        }
        assert!(house.waiting("hub.01").await.is_empty());
        let kept = house.desk.store.read(accepted.document_id, |tx, id| Box::pin(async move { tx.document(agency_id(1), *id).await }));
        let kept = kept.await.unwrap().unwrap();
        assert_eq!((kept.class.as_str(), kept.legal_value.as_str()), ("VALID", "ORIGINAL_EQUIVALENT"));
        assert_eq!(kept.receipt, accepted.receipt);
        let receipt = Receipt::read(&accepted.receipt).unwrap();
        assert_eq!(receipt.record.to, ["H37.02", "H37.03", "H37.04"]);
        assert_eq!(receipt.record.legal_value, "ORIGINAL_EQUIVALENT");
        // The log learns nothing but a digest.
        let leaves = house.desk.store.read(accepted.document_id, |tx, id| Box::pin(async move { tx.leaves_of(agency_id(1), id.as_bytes()).await }));
        assert_eq!(leaves.await.unwrap()[0].leaf.len(), 33);
    }

    async fn e30_the_signature_of_the_package_is_recorded_and_decides_nothing(house: House) {
        let world = World::get();
        let placeholder = |package: Vec<u8>| {
            let text = String::from_utf8(package).unwrap();
            let signature = "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><SignedInfo/></Signature>";
            text.replacen("</edXML:edXMLHeader>", &format!("{signature}</edXML:edXMLHeader>"), 1).into_bytes()
        };
        let changed = |package: Vec<u8>| {
            let text = String::from_utf8(package).unwrap();
            let changed = text.replacen("<edXML:Subject>", "<edXML:Subject>Sửa: ", 1);
            assert_ne!(changed, text);
            changed.into_bytes()
        };
        let good = |number| good(number, &["H37.02"]);
        let rows = [
            (good("01"), false, false, serde_json::Value::Null),
            (world.sign_package(&good("02"), &world.seal), true, true, "valid".into()),
            (world.sign_package(&good("03"), &world.other_seal), true, true, "valid".into()),
            (world.sign_package(&good("04"), &world.stranger), false, true, "indeterminate".into()),
            (placeholder(good("05")), false, true, "invalid".into()),
            (changed(world.sign_package(&good("06"), &world.seal)), false, true, "invalid".into()),
        ];
        for (row, (package, signed, present, verdict)) in rows.into_iter().enumerate() {
            let accepted = house.send("hub.01", "H37.01", &package).await.unwrap();
            let kept = house.desk.store.read(accepted.document_id, |tx, id| Box::pin(async move { tx.document(agency_id(1), *id).await }));
            let kept = kept.await.unwrap().unwrap();
            assert_eq!(kept.legal_value, "ORIGINAL_EQUIVALENT", "row {row}");
            let facts: serde_json::Value = serde_json::from_str(&kept.facts).unwrap();
            assert_eq!(facts["packageSigned"], signed, "row {row}: {facts}");
            let signature = &facts["packageSignature"];
            assert_eq!((&signature["present"], &signature["verdict"]), (&present.into(), &verdict), "row {row}: {signature}");
            // RULES E33: the sender's own seal, or only a good signature of somebody.
            if signed {
                assert_eq!(signature["signatures"][0]["isSendersSeal"], row == 1);
                assert_eq!(signature["signatures"][0]["covers"][0], "MessageHeader");
            }
            // Not one byte is changed by looking at it.
            let waiting = house.waiting("hub.02").await;
            let mine = waiting.iter().find(|delivery| delivery.document_id == accepted.document_id).unwrap();
            assert_eq!(house.desk.store.read_delivery(mine).await.unwrap().unwrap(), package);
        }
    }

    async fn e38_a_senders_clock_that_is_off_is_told(house: House) {
        for (number, minutes, is_told) in [("41", 0, false), ("42", 10, false), ("43", 11, true)] {
            let system = house.system("hub.01").await;
            let parameters = registry::vxp::call::SendParameters {
                from: "H37.01".to_owned(),
                to: Vec::new(),
                hash_file: None,
                hint: None,
                declared: registry::vxp::call::Declared::default(),
            };
            let now = NOW.plus(Duration::from_secs(minutes * 60));
            let package = good(number, &["H37.02"]);
            let evidence = World::get().evidence(&[]);
            let accepted = house.take_in_at(system, parameters, &package, &evidence, now).await.unwrap();
            let told = accepted.warnings.iter().any(|warning| warning.oddity.code() == "edxml.warn.clock-off");
            assert_eq!(told, is_told, "{minutes} minutes");
        }
    }

    async fn vxp_3_8_step_6_the_same_package_is_the_same_act(house: House) {
        let package = good("05", &["H37.02"]);
        let first = house.send("hub.01", "H37.01", &package).await.unwrap();
        let again = house.send("hub.01", "H37.01", &package).await.unwrap();
        assert!(again.is_repeat);
        assert_eq!((again.document_id, &again.receipt), (first.document_id, &first.receipt), "byte for byte");
        assert_eq!(house.waiting("hub.02").await.len(), 1);
        assert_eq!(notices(&house).await.len(), 1);
    }

    async fn vxp_3_8_step_6_two_calls_at_once_are_one_document(house: House) {
        let package = good("05", &["H37.02"]);
        let calls = (0..4).map(|_| house.send("hub.01", "H37.01", &package));
        let mut answers = Vec::new();
        let mut calls: Vec<_> = calls.map(Box::pin).collect();
        let (a, b, c, d) = {
            let mut next = || calls.pop().unwrap();
            tokio::join!(next(), next(), next(), next())
        };
        for answer in [a, b, c, d] {
            let answer = answer.unwrap();
            answers.push((answer.document_id, answer.receipt));
        }
        answers.dedup();
        assert_eq!(answers.len(), 1);
        assert_eq!(house.waiting("hub.02").await.len(), 1);
        assert_eq!(notices(&house).await.len(), 1);
    }

    async fn vxp_3_8_step_7_another_document_under_the_same_identifier(house: House) {
        house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        let mut other = document("05", &["H37.02"], &[("van-ban.pdf", &World::get().complete())]);
        other.subject = "V/v khác".to_owned();
        let other_bytes = registry::package::write_document(&other).unwrap();
        let refused = house.send("hub.01", "H37.01", &other_bytes).await.unwrap_err();
        assert_eq!(refused.status(), 409);
        // Others may have it.
        let elsewhere = document("05", &["H37.04"], &[("van-ban.pdf", &World::get().complete())]);
        house.send("hub.01", "H37.01", &registry::package::write_document(&elsewhere).unwrap()).await.unwrap();
        // And who refused it may have it anew.
        house.send("hub.02", "H37.02", &crate::statuses::status("H37.02", "H37.01", "05", "02")).await.unwrap();
        house.send("hub.01", "H37.01", &other_bytes).await.unwrap();
        // RULES I10: what they are called here has nothing to do with the one identifier they share.
        let waiting = house.waiting("hub.02").await;
        assert!(waiting.len() == 2 && waiting[0].document_id != waiting[1].document_id);
    }

    async fn r31_r35_clerks_are_told_and_get_no_document(house: House) {
        let mut urgent = document("07", &["H37.02", "H37.04"], &[("van-ban.pdf", &World::get().complete())]);
        urgent.other_info.priority = registry::package::Priority::Express;
        urgent.subject = "V/v phòng, chống bão\u{2028}khẩn".to_owned();
        house.send("hub.01", "H37.01", &registry::package::write_document(&urgent).unwrap()).await.unwrap();
        let notices = notices(&house).await;
        assert_eq!(notices.len(), 2);
        for (row, agency) in notices.iter().zip([2u8, 4]) {
            let mail: OutboundMail = serde_json::from_str(&row.payload).unwrap();
            assert_eq!(mail.reverse_path, None);
            assert_eq!(mail.recipients.len(), 1);
            assert_eq!(mail.recipients[0].local_account, Some(AccountId::from_bytes([agency; 16])));
            assert_eq!(row.owner, agency_id(1).into());
            let bytes = house.desk.store.read_blob(agency_id(1), row.blob_id.unwrap()).await.unwrap().unwrap();
            let facts = mail::message::read(&bytes, &mail::message::Limits::default());
            let json = serde_json::to_value(&facts).unwrap_or_default().to_string();
            let text = format!("{facts:?}{json}");
            assert!(text.contains("Văn bản đến: 07/SNV-VP - V/v phòng, chống bão khẩn"), "{text}");
            assert!(text.contains(&format!("vanthu@coquan{agency}.gov.vn")), "{text}");
            let plain = String::from_utf8(bytes).unwrap();
            assert!(plain.contains("Importance: high") && !plain.contains("application/pdf"));
            assert!(plain.lines().all(|line| line.len() <= 78 || line.starts_with("Message-ID")), "{plain}");
            let body = plain.split("\r\n\r\n").nth(1).unwrap().replace("\r\n", "");
            use base64::Engine as _;
            let body = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
            let body = String::from_utf8(body).unwrap();
            for item in ["H37.01,2026/11/22,07/SNV-VP", "Hỏa tốc", "Cơ quan số 1", "Giám đốc", "van-ban.pdf"] {
                assert!(body.contains(item), "{item} is missing in {body}");
            }
            // Sixteen items (RULES R31).
            assert_eq!(body.lines().filter(|line| line.contains(": ")).count(), 17, "{body}");
        }
    }
}

async fn notices(house: &House) -> Vec<store::Claimed> {
    let claimed = house.desk.store.write("claim", (), |tx, ()| {
        Box::pin(
            async move { tx.claim_outbox(OutboxKind::Local, "w", NOW, Duration::from_secs(60), 100).await },
        )
    });
    let mut claimed = claimed.await.unwrap();
    claimed.sort_by(|a, b| a.destination.cmp(&b.destination));
    claimed
}
