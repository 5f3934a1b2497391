//! Statuses come back, in order, to the document they are about (RULES R49, VXP 5).

use registry::document_id::DocumentIdentifier;
use registry::package::{BusinessType, NewStatus, Staff, StatusAddress, write_document, write_status};
use registry::status::StatusCode;
use store::{DocumentKind, StatusEntry};

use registry::vxp::call::{Acknowledgement, Call, Declared, DeclaredPaper, DocId};

use crate::house::{House, act, agency_id, document, good, stories};
use crate::progress::{feed, receivers};
use crate::world::{NOW, World};

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

    async fn e21_the_ladder_of_matching(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        let id = "H37.01,2026/11/22,05/SNV-VP";
        // What names it, which date it gives, and the rung it is found on.
        let rows = [
            (id, "2026/11/22", "01", Some("exact")),
            ("h37.01,2026-11-22,05/snv-vp", "2026/11/22", "03", Some("normalised")),
            ("8c6a1b1e", "2026-11-22", "04", Some("number")),
            ("8c6a1b1e", "", "05", Some("number")),
            ("8c6a1b1e", "2025/11/22", "06", None),
        ];
        for (named, date, code, rung) in rows {
            let text = String::from_utf8(status("H37.02", "H37.01", "05", code)).unwrap();
            let text = text.replace("PromulgationDate>2026/11/22<", &format!("PromulgationDate>{date}<")).replace(id, named);
            let accepted = house.send("hub.02", "H37.02", text.as_bytes()).await.unwrap();
            let facts: serde_json::Value = serde_json::from_str(&facts(&house, 2, &accepted).await).unwrap();
            assert_eq!(facts["linkedBy"].as_str(), rung, "{named} of {date}");
        }
        assert_eq!(history(&house, &sent).await.len(), 4);
        let letters = house.desk.store.read((), |tx, ()| Box::pin(async move { tx.unlinked_statuses(agency_id(1), 10).await })).await.unwrap();
        assert_eq!(letters.iter().map(|letter| (letter.reporter_id, letter.code.as_str())).collect::<Vec<_>>(), [(agency_id(2), "06")]);
        assert!(feed(&house, 1).await.iter().any(|event| event.kind == "status.unlinked"), "an alarm");
    }

    async fn e23_the_same_status_in_other_bytes_is_the_same(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02", "H37.03"])).await.unwrap();
        let first = house.send("hub.02", "H37.02", &status("H37.02", "H37.01", "05", "03")).await.unwrap();
        let text = String::from_utf8(status("H37.02", "H37.01", "05", "03")).unwrap();
        let again = house.send("hub.02", "H37.02", text.replace("lý do", "lý do khác").as_bytes()).await.unwrap();
        assert!(again.is_repeat && again.document_id == first.document_id && again.receipt == first.receipt);
        let later = house.send("hub.02", "H37.02", text.replace(" 08:", " 07:").as_bytes()).await.unwrap();
        assert!(!later.is_repeat, "said at another time");
        let other = house.send("hub.02", "H37.03", &status("H37.03", "H37.01", "05", "03")).await.unwrap();
        assert!(!other.is_repeat, "said by another");
        // One request to each of two receivers, in the same second.
        for to in ["H37.02", "H37.03"] {
            assert!(!house.send("hub.01", "H37.01", &status("H37.01", to, "05", "13")).await.unwrap().is_repeat, "{to}");
        }
        assert_eq!(history(&house, &sent).await.len(), 5);
        assert_eq!(house.waiting("hub.01").await.len(), 3);
    }

    async fn t5_a_code_outside_the_list_is_kept_where_a_door_lets_it_in(house: House) {
        let mut house = house;
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        house.desk.limits.unknown_status_codes = true;
        let text = String::from_utf8(status("H37.02", "H37.01", "05", "01")).unwrap();
        house.send("hub.02", "H37.02", text.replace("StatusCode>01<", "StatusCode>14<").as_bytes()).await.unwrap();
        let history = history(&house, &sent).await;
        assert_eq!(history[0].code, "14");
        assert_eq!(receivers(&house, &sent).await[0].state, "delivered", "shown, and changes nothing");
    }

    async fn t5_out_of_order_and_repeated(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        for code in ["05", "03", "01", "02", "06", "05"] {
            house.send("hub.02", "H37.02", &status("H37.02", "H37.01", "05", code)).await.unwrap();
        }
        assert_eq!(receivers(&house, &sent).await[0].state, "done");
        let codes: Vec<String> = history(&house, &sent).await.into_iter().map(|entry| entry.code).collect();
        assert_eq!(codes, ["05", "03", "01", "02", "06"], "each kept, the repeat once");
    }

    async fn r36_who_refused_and_why_is_kept(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        let text = String::from_utf8(status("H37.02", "H37.01", "05", "02")).unwrap();
        let staff = "<edXML:StaffInfo><edXML:Staff>Trần Thị Bình</edXML:Staff><edXML:Department>Văn phòng</edXML:Department></edXML:StaffInfo><edXML:StatusCode>";
        let text = text.replace("lý do", "SIGNATURE_INVALID: con dấu sai");
        let open = text.find("<edXML:StaffInfo").map(|at| (at, text.find("</edXML:StaffInfo>").unwrap() + "</edXML:StaffInfo>".len()));
        let text = match open {
            Some((from, to)) => format!("{}{}", &text[..from], &text[to..]),
            None => text,
        };
        let text = text.replace("<edXML:StatusCode>", staff);
        let refusal = house.send("hub.02", "H37.02", text.as_bytes()).await.unwrap();
        let entry = history(&house, &sent).await.remove(0);
        assert_eq!((entry.code.as_str(), entry.reason_code.as_str(), entry.package_id), ("02", "SIGNATURE_INVALID", refusal.document_id));
        assert!(entry.actor.contains("Trần Thị Bình") && entry.actor.contains("Văn phòng"), "{}", entry.actor);
        assert_eq!(entry.description, "SIGNATURE_INVALID: con dấu sai");
    }

    async fn r28_status_01_is_sent_for_agencies_that_want_it(house: House) {
        let mut house = house;
        house.desk.lifecycle.automatic_arrival = vec!["000.00.03.H37".to_owned(), "h37.03".to_owned()];
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02", "H37.03", "H37.04"])).await.unwrap();
        for system in ["hub.02", "hub.04"] {
            let id = house.waiting(system).await[0].delivery_id.to_string();
            for _ in 0..2 {
                let done = Call::UpdateStatus { doc_id: DocId::read(&id).unwrap(), acknowledgement: Acknowledgement::Done, description: String::new() };
                house.desk.answer(&house.system(system).await, done, NOW).await.unwrap();
            }
        }
        let states: Vec<_> = receivers(&house, &sent).await.into_iter().map(|at| at.state).collect();
        assert_eq!(states, ["delivered", "arrived", "delivered"]);
        let entry = history(&house, &sent).await.remove(0);
        assert_eq!((entry.code.as_str(), entry.reporter_id), ("01", agency_id(3)));
        let waiting = house.waiting("hub.01").await;
        assert_eq!((waiting.len(), waiting[0].kind), (1, DocumentKind::Status), "once, although acknowledged twice");
        // Statuses themselves are not answered.
        let id = waiting[0].delivery_id.to_string();
        house.desk.lifecycle.automatic_arrival = vec!["*".to_owned()];
        let done = Call::UpdateStatus { doc_id: DocId::read(&id).unwrap(), acknowledgement: Acknowledgement::Done, description: String::new() };
        house.desk.answer(&house.system("hub.01").await, done, NOW).await.unwrap();
        assert_eq!(house.waiting("hub.02").await.len(), 0);
    }

    async fn r15_paper_needs_a_reason_where_a_door_asks_for_it(house: House) {
        use registry::package::write_document;
        use registry::reasons::PaperReason;
        let paper = |number: &str, paper: bool| {
            let mut new = document(number, &["H37.02"], &[("van-ban.pdf", &World::get().complete())]);
            new.business.paper = paper;
            write_document(&new).unwrap()
        };
        let listed = crate::office::list(1, &["12"], time::macros::date!(2026 - 11 - 01), None);
        crate::office::record(&house, listed).await.unwrap();
        let reason = || Some(PaperReason::AgencyList("12".to_owned()));
        // Number, whether paper follows, what the door says; what is kept, and whether the sender is warned.
        let rows = [
            ("1", true, DeclaredPaper::Unasked, Some(("unstated", true))),
            ("2", true, DeclaredPaper::Asked(None), None),
            ("3", true, DeclaredPaper::Asked(reason()), Some(("AGENCY_LIST(12)", false))),
            ("4", false, DeclaredPaper::Unasked, Some(("", false))),
            ("5", false, DeclaredPaper::Asked(None), Some(("", false))),
            ("6", false, DeclaredPaper::Asked(reason()), Some(("", false))),
        ];
        for (number, follows, said, expected) in rows {
            let declared = Declared { paper: said, is_digitised: false };
            let evidence = World::get().evidence(&[]);
            let outcome = house.send_declared("hub.01", "H37.01", &paper(number, follows), &evidence, declared).await;
            let Some((reason, warned)) = expected else {
                assert_eq!(outcome.unwrap_err().code(), "package.paper-reason", "{number}");
                continue;
            };
            let accepted = outcome.unwrap();
            let facts: serde_json::Value = serde_json::from_str(&facts(&house, 1, &accepted).await).unwrap();
            assert_eq!((facts["paper"].as_bool(), facts["paperReason"].as_str()), (Some(follows), Some(reason)), "{number}");
            assert_eq!(accepted.warnings.iter().any(|mark| mark.oddity.code() == "edxml.warn.paper-unstated"), warned, "{number}");
        }
        // RULES R16: nothing waits for the paper.
        assert_eq!(house.waiting("hub.02").await.len(), 5);
    }

    async fn r6_r92_a_digitised_original_needs_the_copying_agency_s_signature(house: House) {
        use registry::package::write_document;
        let world = World::get();
        // The file, whether it is declared or named a copy, and the outcome.
        let seal = world.paper(&[&world.seal]);
        let rows = [
            ("1", &seal, true, "Công văn", Ok("digitised")),
            ("2", &seal, false, "Bản sao y", Ok("digitised")),
            ("3", &seal, false, "Công văn", Err("signature.leader-missing")),
            ("4", &world.paper(&[&world.leader]), true, "Công văn", Err("signature.seal-missing")),
            ("5", &world.paper(&[&world.other_seal]), true, "Công văn", Err("signature.not-registered")),
            ("6", &crate::world::blank(), true, "Công văn", Err("signature.unsigned")),
            ("7", &world.complete(), false, "Công văn", Ok("native")),
        ];
        for (number, file, is_digitised, name, expected) in rows {
            let mut new = document(number, &["H37.02"], &[("van-ban.pdf", file)]);
            new.document_type.name = name.to_owned();
            let declared = Declared { is_digitised, ..Declared::default() };
            let package = write_document(&new).unwrap();
            let outcome = house.send_declared("hub.01", "H37.01", &package, &world.evidence(&[]), declared).await;
            match (outcome, expected) {
                (Ok(accepted), Ok(origin)) => {
                    let kept = crate::recalls::kept(&house, &accepted).await;
                    assert!(kept.facts.contains(&format!("\"origin\":\"{origin}\"")), "{number}: {}", kept.facts);
                    assert_eq!(kept.legal_value, "ORIGINAL_EQUIVALENT", "{number}: RULES R92");
                }
                (Err(error), Err(code)) => assert_eq!(error.code(), code, "{number}"),
                (outcome, _) => panic!("{number}: {outcome:?}"),
            }
        }
    }

    async fn e21_a_status_on_a_recalled_document_is_about_the_document_and_not_its_recall(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        // Both bear one identifier; this recall spells it as a status may spell it too.
        let mut recall = act(BusinessType::Recall, "05", &["H37.02"], &[]);
        recall.document_id = DocumentIdentifier::new("h37.01,2026/11/22,05/snv-vp").unwrap();
        let order = house.send("hub.01", "H37.01", &write_document(&recall).unwrap()).await.unwrap();
        let as_original = String::from_utf8(status("H37.02", "H37.01", "05", "03")).unwrap();
        let as_recall = String::from_utf8(status("H37.02", "H37.01", "05", "16")).unwrap();
        let as_recall = as_recall.replace("H37.01,2026/11/22,05/SNV-VP", "h37.01,2026/11/22,05/snv-vp");
        let by_number = String::from_utf8(status("H37.02", "H37.01", "05", "04")).unwrap();
        let by_number = by_number.replace("H37.01,2026/11/22,05/SNV-VP", "KHONG-AI-BIET");
        for (told, count) in [(as_original, 1), (as_recall, 2), (by_number, 3)] {
            house.send("hub.02", "H37.02", told.as_bytes()).await.unwrap();
            assert_eq!((history(&house, &sent).await.len(), history(&house, &order).await.len()), (count, 0), "{told}");
        }
        // Who got the recall alone can only mean the recall.
        let mut wider = act(BusinessType::Recall, "05", &["H37.04"], &[]);
        wider.document_id = DocumentIdentifier::new("H37.01,2026/11/22,05/SNV-VP").unwrap();
        let wider = house.send("hub.01", "H37.01", &write_document(&wider).unwrap()).await.unwrap();
        house.send("hub.04", "H37.04", &status("H37.04", "H37.01", "05", "16")).await.unwrap();
        assert_eq!((history(&house, &sent).await.len(), history(&house, &wider).await.len()), (3, 1));
    }
}
