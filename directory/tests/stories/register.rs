//! The register through an administrator's hands: changes by decision, and whole registers taken in (RULES I5, I6, R61).

use directory::codes::{CodeRules, Leniency};
use directory::register::{self, Act, Applied, Counts, ImportPlan, Limits, Outcome, Rename};
use directory::{Error, Result, Said};
use mail::Timestamp;
use store::CodeScheme;

use crate::house::{House, NOW, read, stories};

fn act(from: &str) -> Act {
    let from = if from.is_empty() { NOW } else { register::day(from).unwrap() };
    Act { from, decision: "12/QĐ-UBND".into(), actor: "test".into(), now: NOW }
}

fn rules() -> CodeRules {
    CodeRules { leniency: Leniency::Free, ..CodeRules::default() }
}

fn code<T: std::fmt::Debug>(outcome: Result<T>) -> &'static str {
    outcome.unwrap_err().said().code
}

async fn plan(house: &House, text: &str) -> ImportPlan {
    register::plan(&house.store, text.as_bytes(), &rules(), &Limits::default(), NOW, &house.chance)
        .await
        .unwrap()
}

async fn import(house: &House, text: &str) -> (Counts, Applied) {
    let plan = plan(house, text).await;
    let counts = plan.counts();
    (counts, register::apply(plan, &house.store, &act("")).await.unwrap())
}

/// Name, superior's code and whether active, of the agency with a code.
async fn of(house: &House, code: &'static str, at: Timestamp) -> Option<(String, Option<String>, bool)> {
    read!(house, |tx| {
        let agency = tx.agency_by_code(&code.parse().unwrap(), at).await?;
        match agency {
            Some(agency) => {
                let parent = match agency.parent_id {
                    Some(parent) => tx.agency(parent, at).await?.map(|parent| parent.code.to_string()),
                    None => None,
                };
                Some((agency.name, parent, agency.is_active))
            }
            None => None,
        }
    })
}

const TABLE: &str = "\
code,code102,old_code,name,parent,mail,valid_from,valid_to,successor,decision
H37.02.01,,,Phòng Một,H37.02,phong1@langson.gov.vn,,,,
H37,000.00.00.H37,,Tỉnh Lạng Sơn,,,2020-09-15,,,
H37.02,000.00.02.H37,00.02.H37,Sở Y tế,H37,soyte@langson.gov.vn,2020-09-15,,,1/QĐ
H37.09,,,Sở Cũ,H37,,2020-09-15,2025-03-01,H37.02,2/QĐ
H37.10,,,Sở Sắp Có,H37,,2030-01-01,,,
";

stories! {
    async fn r61_names_codes_and_closings_are_recorded_by_decision(house: House) {
        house.agency("H37", "langson.gov.vn").await.unwrap();
        house.agency("H37.02", "langson.gov.vn").await.unwrap();
        house.agency("H37.03", "langson.gov.vn").await.unwrap();
        let store = &house.store;
        let rename = Rename { name: Some("Sở  Mới".into()), parent: Some(Some("H37".into())), ..Rename::default() };
        assert!(register::rename(store, "H37.02", &rename, &act("")).await.unwrap());
        assert!(!register::rename(store, "h37.02", &rename, &act("")).await.unwrap());
        assert_eq!(of(&house, "H37.02", NOW).await, Some(("Sở Mới".into(), Some("H37".into()), true)));
        assert!(register::give_code(store, &rules(), "H37.02", "000.00.02.H37", CodeScheme::Qcvn102, false, &act("")).await.unwrap());
        assert!(register::give_code(store, &rules(), "H37.02", "H37.22", CodeScheme::Qd20, false, &act("2027-01-01")).await.unwrap());
        let later = register::day("2027-01-01").unwrap();
        assert!(of(&house, "H37.22", NOW).await.is_none() && of(&house, "H37.02", later).await.is_none());
        assert_eq!(of(&house, "H37.22", later).await.unwrap().0, "Sở Mới");
        assert_eq!(register::close(store, &["H37.03".into(), "H37.02".into()], &["H37.02".into()], &act("2027-02-01")).await.unwrap(), 1);
        assert!(!of(&house, "H37.03", register::day("2027-02-01").unwrap()).await.unwrap().2);
        let trail = read!(house, |tx| {
            let agency = tx.agency_by_code(&"H37.03".parse().unwrap(), NOW).await?;
            tx.audit_trail(agency.map(|a| a.agency_id).unwrap(), 10).await?
        });
        // Acts of one millisecond are in no order.
        let closing = trail.iter().find(|entry| entry.detail.contains("closed")).unwrap();
        assert!(closing.detail.contains("12/QĐ-UBND"), "{}", closing.detail);
    }

    async fn i6_what_cannot_be_is_refused_in_words(house: House) {
        house.agency("H37", "langson.gov.vn").await.unwrap();
        house.agency("H37.02", "langson.gov.vn").await.unwrap();
        let store = &house.store;
        let rename = |name: &str| Rename { name: Some(name.into()), ..Rename::default() };
        assert_eq!(code(register::rename(store, "H99", &rename("A"), &act("")).await), "agency_unknown");
        assert_eq!(code(register::rename(store, "H37", &rename("A"), &act("2001-01-01")).await), "agency_not_that_day");
        assert_eq!(code(register::rename(store, "H37", &rename(" "), &act("")).await), "name_missing");
        let itself = Rename { focal: Some(Some("H37".into())), ..Rename::default() };
        assert_eq!(code(register::rename(store, "H37", &itself, &act("")).await), "agency_of_itself");
        let bad = Rename { mail: Some("không".into()), ..Rename::default() };
        assert_eq!(code(register::rename(store, "H37", &bad, &act("")).await), "agency_bad_mail");
        let give = register::give_code(store, &rules(), "H37", "H37.02", CodeScheme::Qd20, false, &act("")).await;
        assert_eq!(code(give), "agency_code_taken");
        let give = register::give_code(store, &CodeRules::default(), "H37", "x", CodeScheme::Qd20, false, &act("")).await;
        assert_eq!(code(give), "agency_code_shape");
        assert_eq!(code(register::close(store, &["H37".into()], &["H37".into()], &act("")).await), "agency_bad_successor");
        assert_eq!(code(register::allow_units(store, "hub.9", true, "test", NOW).await), "system_unknown");
    }

    async fn a_register_is_taken_in_and_taken_in_again(house: House) {
        let dry = plan(&house, TABLE).await;
        assert_eq!(dry.counts(), Counts { add: 5, change: 0, same: 0, refused: 0 });
        drop(dry);
        assert!(read!(house, |tx| tx.agencies(NOW).await?).is_empty(), "a plan writes nothing");
        let (_, applied) = import(&house, TABLE).await;
        assert_eq!(applied, Applied { added: 5, changed: 1, failed: Vec::new() });
        assert_eq!(of(&house, "H37.02.01", NOW).await, Some(("Phòng Một".into(), Some("H37.02".into()), true)));
        for code in ["H37.02", "000.00.02.H37", "00.02.H37"] {
            assert_eq!(of(&house, code, NOW).await.unwrap().0, "Sở Y tế", "{code}");
        }
        assert!(!of(&house, "H37.09", NOW).await.unwrap().2);
        assert!(of(&house, "H37.09", register::day("2025-02-28").unwrap()).await.unwrap().2);
        let followed = read!(house, |tx| {
            let id = tx.agency_by_code(&"H37.09".parse().unwrap(), NOW).await?.map(|a| a.agency_id);
            tx.followed(id.unwrap(), NOW).await?
        });
        assert_eq!((followed.active[0].code.as_str(), followed.is_one), ("H37.02", true));
        assert!(of(&house, "H37.10", NOW).await.is_none() && of(&house, "H37.10", register::day("2030-01-01").unwrap()).await.is_some());
        // Again: nothing.
        let before = read!(house, |tx| tx.register_version().await?);
        let (counts, applied) = import(&house, TABLE).await;
        assert_eq!((counts, applied), (Counts { add: 0, change: 0, same: 5, refused: 0 }, Applied::default()));
        assert_eq!(read!(house, |tx| tx.register_version().await?), before);
        // Changed: only what changed.
        let (counts, applied) = import(&house, &TABLE.replace("Sở Y tế", "Sở Y tế và Dân số").replace(",00.02.H37,", ",,")).await;
        assert_eq!((counts.change, counts.same, applied.changed), (1, 4, 1));
        assert_eq!(of(&house, "00.02.H37", NOW).await.unwrap().0, "Sở Y tế và Dân số", "codes are only ever added");
    }

    async fn lines_that_cannot_be_are_reported_and_the_others_taken_in(house: House) {
        let text = "code,code102,name,parent,valid_from,valid_to\n\
            H37,,Tỉnh,,,\n\
            UBND tỉnh,,Tên,,,\n\
            H38,,,,,\n\
            H37,,Tỉnh nữa,,,\n\
            H37.01,,Sở,H99,,\n\
            H37.02,,Sở,H37,hôm qua,\n\
            H37.03,,Sở,H37,2025-01-02,2025-01-01\n\
            H37.04,,Sở,H37,,\n";
        let plan = plan(&house, text).await;
        assert_eq!(plan.counts(), Counts { add: 2, change: 0, same: 0, refused: 6 });
        let found: Vec<(u64, &str)> = plan.rows().iter().map(|row| (row.line, row.said[0].code)).collect();
        assert_eq!(found, [
            (3, "agency_code_character"), (4, "name_missing"), (5, "import_code_twice"), (6, "import_no_parent"),
            (7, "import_day"), (8, "import_ends_before_it_begins"),
        ]);
        assert!(plan.rows().iter().all(|row| row.outcome == Outcome::Refused));
        register::apply(plan, &house.store, &act("")).await.unwrap();
        assert_eq!(of(&house, "H37.04", NOW).await.unwrap().1.as_deref(), Some("H37"));
        let broken = register::plan(&house.store, b"a,b\n1,2\n", &rules(), &Limits::default(), NOW, &house.chance).await;
        assert!(matches!(broken, Err(Error::File(_))));
    }

    async fn what_one_row_cannot_do_keeps_no_other_back(house: House) {
        let text = "code,name,valid_from,valid_to,successor\n\
            H37.01,Một,2020-01-01,2025-01-01,H37.03\n\
            H37.02,Hai,2020-01-01,2025-01-01,H37.04\n\
            H37.03,Ba,2020-01-01,2024-01-01,H37.04\n\
            H37.04,Bốn,2020-01-01,,\n";
        let (_, applied) = import(&house, text).await;
        // The successor of the first was closed by then.
        assert_eq!((applied.added, applied.changed, applied.failed.len()), (4, 2, 1), "{applied:?}");
        assert_eq!(applied.failed[0].code, "import_failed");
        assert!(of(&house, "H37.01", NOW).await.unwrap().2 && !of(&house, "H37.02", NOW).await.unwrap().2);
    }

    async fn vxp_3_2_the_list_of_another_exchange_is_taken_in(house: House) {
        let list = r#"{"status":"OK","ErrorCode":"0","ErrorDesc":"","data":[
            {"id":"b","pid":"a","code":"H37.02","name":"Sở Y tế","oldCode":"000.00.02.H37","mail":"soyte@langson.gov.vn"},
            {"id":"a","code":"H37","name":"Tỉnh Lạng Sơn","oldCode":"000.00.00.H37"},
            {"id":"c","pid":"a","code":"H37.09","name":"Sở Cũ","deleted":true}]}"#;
        let (counts, _) = import(&house, list).await;
        assert_eq!((counts.add, counts.refused), (3, 0));
        assert_eq!(of(&house, "000.00.02.H37", NOW).await, Some(("Sở Y tế".into(), Some("H37".into()), true)));
        let at = read!(house, |tx| tx.agency_by_code(&"H37.02".parse().unwrap(), NOW).await?).unwrap();
        assert_eq!(at.code102.unwrap().as_str(), "000.00.02.H37");
        assert!(!of(&house, "H37.09", NOW).await.unwrap().2);
        let (counts, _) = import(&house, list).await;
        assert_eq!((counts.same, counts.change), (3, 0));
        // The QĐ 20 list says the same in other words.
        let list = r#"{"data":[{"id":"b","code":"H37.02","name":"Sở Y tế","code102":"000.00.02.H37"}]}"#;
        assert_eq!(import(&house, list).await.0.same, 1);
    }
}
