//! Codes that changed, focal points, and units that systems manage themselves (RULES I5, I6, R2, R60, R61; VXP 3.4–3.6).

use mail::AgencyId;
use registry::Error;
use registry::package::Warning;
use registry::vxp::call::{Call, NewAgency};
use store::{AgencyChange, CodeScheme, ExchangeSystem, Tx, Verb};

use crate::house::{House, agency_id, good, stories};
use crate::statuses::status;
use crate::world::NOW;

/// Changes the register, as the command line does.
async fn change(
    house: &House,
    verb: impl for<'t> Fn(&'t mut Tx) -> Verb<'t, (), store::Error> + Send + Sync + 'static,
) {
    house.desk.store.write("change", (), move |tx, ()| verb(tx)).await.unwrap();
}

async fn close(house: &House, number: u8, successors: &[u8]) {
    let successors: Vec<AgencyId> = successors.iter().map(|n| agency_id(*n)).collect();
    let closed: Result<bool, store::Error> = house
        .desk
        .store
        .write("close", successors, move |tx, successors| {
            Box::pin(async move { tx.close_agency(agency_id(number), successors, NOW, "1/QĐ", NOW).await })
        })
        .await;
    assert!(closed.unwrap());
}

/// Codes each waiting delivery of a system is for.
async fn waiting(house: &House, system: &str) -> Vec<Vec<String>> {
    let waiting = house.waiting(system).await;
    waiting.iter().map(|d| d.to_codes.iter().map(ToString::to_string).collect()).collect()
}

fn unit(code: &str, pcode: &str) -> NewAgency {
    NewAgency {
        code: code.to_owned(),
        pcode: pcode.to_owned(),
        name: "Phòng  Tổ chức".to_owned(),
        mail: "phong@coquan2.gov.vn".to_owned(),
        ..NewAgency::default()
    }
}

async fn call(house: &House, system: &ExchangeSystem, call: Call) -> Result<serde_json::Value, &'static str> {
    let answer =
        house.desk.answer(system, call, NOW).await.map_err(|error| error.code())?.whole().await.unwrap();
    Ok(serde_json::from_slice(&answer.body).unwrap())
}

/// The rows of `getSynchronizeUnit` by code: whether withdrawn, the system, the version.
async fn units(house: &House) -> Vec<(String, bool, String, u64)> {
    let system = house.system("hub.01").await;
    let answer = call(house, &system, Call::SynchronizeUnit).await.unwrap();
    let text = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let rows = answer["data"].as_array().unwrap().iter();
    let mut rows: Vec<_> = rows
        .map(|row| {
            let version = row["version"].as_u64().unwrap();
            (text(row, "code"), row["deleted"].as_bool().unwrap(), text(row, "centerCode"), version)
        })
        .collect();
    rows.sort();
    rows
}

async fn managing(house: &House, system: &str) -> ExchangeSystem {
    let id = system.to_owned();
    let may: Result<bool, store::Error> = house
        .desk
        .store
        .write("allow", id, |tx, id| Box::pin(async move { tx.set_may_manage_units(id, true).await }))
        .await;
    assert!(may.unwrap());
    house.system(system).await
}

stories! {
    async fn i6_a_package_to_a_merged_agency_goes_to_its_successor_and_the_sender_is_told(house: House) {
        close(&house, 4, &[3]).await;
        let package = good("05", &["H37.04", "000.00.04.H37", "H37.03"]);
        let sent = house.send("hub.01", "H37.01", &package).await.unwrap();
        assert_eq!(waiting(&house, "hub.02").await, [["H37.03"]], "once, under the code it has");
        assert!(house.waiting("hub.04").await.is_empty());
        let told: Vec<String> = sent.warnings.iter().map(Warning::vi).collect();
        assert!(told[0].contains("H37.04 → H37.03") && told[1].contains("000.00.04.H37 → H37.03"), "{told:?}");
        let again = house.send("hub.01", "H37.01", &package).await.unwrap();
        assert!(again.is_repeat && again.warnings == sent.warnings, "a repeat is answered the same");
        // What the successor reports reaches the document.
        house.send("hub.02", "H37.03", &status("H37.03", "H37.01", "05", "03")).await.unwrap();
        let history = house.desk.store.read(sent.document_id, |tx, id| Box::pin(async move { tx.statuses(agency_id(1), *id).await }));
        assert_eq!(history.await.unwrap().len(), 1);
        let audit = house.desk.store.read((), |tx, ()| Box::pin(async move { tx.audit_trail(agency_id(1), 10).await })).await.unwrap();
        assert!(audit.iter().any(|entry| entry.detail.contains("H37.04 → H37.03")));
    }

    async fn i6_after_the_period_or_a_split_the_refusal_names_who_followed(house: House) {
        let mut house = house;
        close(&house, 4, &[2, 3]).await;
        let split = house.send("hub.01", "H37.01", &good("05", &["H37.02", "H37.04", "H99"])).await.unwrap_err();
        assert_eq!((split.status(), split.code()), (404, "vxp.gone-agencies"));
        for text in [split.vi(), split.en()] {
            assert!(["H37.04", "H37.02", "H37.03", "H99"].iter().all(|code| text.contains(code)), "{text}");
        }
        // Corrected to one successor it is forwarded, within the period.
        close(&house, 4, &[2]).await;
        house.send("hub.01", "H37.01", &good("06", &["H37.04"])).await.unwrap();
        house.desk.limits.forward_closed_days = 0;
        let late = house.send("hub.01", "H37.01", &good("07", &["H37.04"])).await.unwrap_err();
        let Error::GoneAgencies { gone, unknown } = &late else { panic!("{late:?}") };
        assert_eq!((gone[0].code.as_str(), gone[0].followed[0].as_str(), unknown.len()), ("H37.04", "H37.02", 0));
        assert_eq!(waiting(&house, "hub.02").await.len(), 1, "nothing came of the refused ones");
    }

    async fn i6_an_agency_closed_without_successor_is_refused_by_name(house: House) {
        close(&house, 4, &[]).await;
        let refused = house.send("hub.01", "H37.01", &good("05", &["H37.04"])).await.unwrap_err();
        assert_eq!(refused.code(), "vxp.gone-agencies");
        assert!(refused.en().contains("H37.04 (no code follows)"), "{}", refused.en());
    }

    async fn r2_a_closed_agency_sends_nothing(house: House) {
        close(&house, 1, &[2]).await;
        let refused = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap_err();
        assert_eq!(refused.code(), "vxp.not-your-agency");
    }

    async fn i5_a_replaced_code_still_arrives_and_still_sends_for_a_time(house: House) {
        let mut house = house;
        let sent = house.send("hub.01", "H37.01", &good("04", &["H37.02"])).await.unwrap();
        change(&house, |tx| Box::pin(async move {
            tx.replace_agency_code(agency_id(2), &"H37.22".parse().unwrap(), CodeScheme::Qd20, NOW, "", NOW).await?;
            tx.replace_agency_code(agency_id(1), &"H37.11".parse().unwrap(), CodeScheme::Qd20, NOW, "", NOW).await.map(drop)
        })).await;
        let forwarded = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        assert!(forwarded.warnings[0].en().contains("H37.02 → H37.22"));
        let mut codes = waiting(&house, "hub.02").await;
        codes.sort();
        assert_eq!(codes, [["H37.02"], ["H37.22"]]);
        // Matching is by agency: a status under the new code belongs to the document that went to the old one.
        house.send("hub.02", "H37.22", &status("H37.22", "H37.11", "04", "03")).await.unwrap();
        let history = house.desk.store.read(sent.document_id, |tx, id| Box::pin(async move { tx.statuses(agency_id(1), *id).await }));
        assert_eq!(history.await.unwrap().len(), 1);
        house.desk.limits.forward_closed_days = 0;
        let late = house.send("hub.01", "H37.11", &good("06", &["H37.02"])).await.unwrap_err();
        assert_eq!(late.code(), "vxp.not-your-agency", "the file still names the old code as its sender");
    }

    async fn r60_a_focal_point_takes_packages_in_for_a_unit_without_a_system(house: House) {
        assert_eq!(house.send("hub.01", "H37.01", &good("04", &["H37.05"])).await.unwrap_err().code(), "vxp.unknown-agencies");
        change(&house, |tx| Box::pin(async move {
            let focal = AgencyChange { focal_id: Some(Some(agency_id(2))), ..AgencyChange::default() };
            tx.change_agency(agency_id(5), &focal, NOW, None, NOW).await.map(drop)
        })).await;
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.05", "H37.02"])).await.unwrap();
        assert!(sent.warnings.is_empty());
        assert_eq!(waiting(&house, "hub.02").await, [["H37.05", "H37.02"]]);
        // The receiver is the unit itself; the focal point's system reports for it, and no other.
        let at = house.desk.store.read(sent.document_id, |tx, id| Box::pin(async move { tx.receiver(agency_id(5), *id).await }));
        assert_eq!(at.await.unwrap().unwrap().state, "delivered");
        let report = status("H37.05", "H37.01", "05", "03");
        assert_eq!(house.send("hub.04", "H37.05", &report).await.unwrap_err().code(), "vxp.not-your-agency");
        house.send("hub.02", "H37.05", &report).await.unwrap();
        let at = house.desk.store.read(sent.document_id, |tx, id| Box::pin(async move { tx.receiver(agency_id(5), *id).await }));
        assert_eq!(at.await.unwrap().unwrap().state, "accepted");
        // It sends no documents in the unit's name.
        let forged = String::from_utf8(good("06", &["H37.04"])).unwrap().replacen(">H37.01<", ">H37.05<", 1);
        assert_eq!(house.send("hub.02", "H37.05", forged.as_bytes()).await.unwrap_err().code(), "vxp.not-your-agency");
        // A focal point that was merged hands over to the one that followed.
        close(&house, 2, &[4]).await;
        house.send("hub.01", "H37.01", &good("07", &["H37.05"])).await.unwrap();
        assert_eq!(waiting(&house, "hub.04").await, [["H37.05"]]);
    }

    async fn vxp_3_5_every_denial_of_managing_units(house: House) {
        let system = house.system("hub.02").await;
        let refused = call(&house, &system, Call::RegisterAgency(unit("H37.02.01", "H37.02"))).await;
        assert_eq!(refused, Err("vxp.forbidden"), "without the right");
        let code = "H37.03".parse().unwrap();
        assert_eq!(call(&house, &system, Call::DeleteAgency(code)).await, Err("vxp.forbidden"), "without the right");
        let system = managing(&house, "hub.02").await;
        for (new, expected, why) in [
            (unit("H37.01.01", "H37.01"), "vxp.forbidden", "below another system's unit"),
            (unit("H37.02.01", "H37.99"), "vxp.unknown-agencies", "below nobody"),
            (unit("H37.02.01", ""), "vxp.bad-parameter", "below nothing"),
            (unit("H37.04", "H37.02"), "vxp.forbidden", "another system's agency"),
            (unit("H37.02", "H37.03"), "vxp.forbidden", "the system's own first agency"),
            (unit("H37.03", "H37.02"), "vxp.forbidden", "an agency that was not below one of the system's"),
            (unit("G22.05", "H37.02"), "vxp.forbidden", "a code of another ministry"),
            (unit("000.00.05.G22", "H37.02"), "vxp.forbidden", "the same in the old scheme"),
            (NewAgency { mail: "không".to_owned(), ..unit("H37.02.01", "H37.02") }, "vxp.bad-parameter", "no address"),
        ] {
            assert_eq!(call(&house, &system, Call::RegisterAgency(new)).await, Err(expected), "{why}");
        }
        for (code, expected, why) in [
            ("H37.04", "vxp.forbidden", "another system's"),
            ("H37.02", "vxp.forbidden", "its own first agency"),
            ("H37.03", "vxp.forbidden", "not below one of its own"),
            ("H37.77", "vxp.unknown-agencies", "nobody's"),
        ] {
            assert_eq!(call(&house, &system, Call::DeleteAgency(code.parse().unwrap())).await, Err(expected), "{why}");
        }
        assert_eq!(units(&house).await.len(), 5, "nothing came of it");
    }

    async fn vxp_3_5_3_6_units_are_added_changed_and_withdrawn(house: House) {
        let system = managing(&house, "hub.02").await;
        let before = units(&house).await;
        assert!(call(&house, &system, Call::RegisterAgency(unit("H37.02.01", "h37.02"))).await.unwrap()["status"] == "OK");
        // Below the parent's id, as one integration puts it; and below the new unit.
        let system = house.system("hub.02").await;
        call(&house, &system, Call::RegisterAgency(unit("H37.02.02", &agency_id(2).to_string()))).await.unwrap();
        call(&house, &system, Call::RegisterAgency(unit("H37.02.01.1", "H37.02.01"))).await.unwrap();
        let after = units(&house).await;
        assert_eq!(after.len(), before.len() + 3);
        let new = after.iter().find(|row| row.0 == "H37.02.01").unwrap();
        assert_eq!((new.1, new.2.as_str()), (false, "hub.02"));
        // It can be sent to at once.
        house.send("hub.01", "H37.01", &good("05", &["H37.02.01"])).await.unwrap();
        assert_eq!(waiting(&house, "hub.02").await, [["H37.02.01"]]);
        // Known: changed; unchanged: nothing happens.
        let system = house.system("hub.02").await;
        let renamed = NewAgency { name: "Phòng Mới".to_owned(), ..unit("H37.02.01", "H37.02") };
        call(&house, &system, Call::RegisterAgency(renamed.clone())).await.unwrap();
        let changed = units(&house).await;
        call(&house, &system, Call::RegisterAgency(renamed)).await.unwrap();
        assert_eq!(units(&house).await, changed);
        // Withdrawn: the row stays, says so, and has a new version; twice is once.
        for _ in 0..2 {
            call(&house, &system, Call::DeleteAgency("H37.02.01".parse().unwrap())).await.unwrap();
        }
        let withdrawn = units(&house).await;
        let gone = withdrawn.iter().find(|row| row.0 == "H37.02.01").unwrap();
        assert!(gone.1 && gone.3 > changed.iter().map(|row| row.3).max().unwrap());
        assert_eq!(withdrawn.len(), changed.len());
        let refused = house.send("hub.01", "H37.01", &good("06", &["H37.02.01"])).await.unwrap_err();
        assert_eq!(refused.code(), "vxp.gone-agencies");
        let listed = call(&house, &system, Call::AgenciesList).await.unwrap();
        let codes: Vec<&str> = listed["data"].as_array().unwrap().iter().map(|row| row["code"].as_str().unwrap()).collect();
        assert!(codes.contains(&"H37.02.02") && !codes.contains(&"H37.02.01"), "{codes:?}");
    }

    async fn r70_a_change_for_a_day_to_come_is_in_the_lists_on_that_day(house: House) {
        let later = mail::Timestamp::from_secs(NOW.secs() + 86_400);
        change(&house, move |tx| Box::pin(async move {
            let name = AgencyChange { name: Some("Tên mới".to_owned()), ..AgencyChange::default() };
            tx.change_agency(agency_id(2), &name, later, None, NOW).await.map(drop)
        })).await;
        let system = house.system("hub.01").await;
        let named = async |at| {
            let answer = house.desk.answer(&system, Call::AgenciesListQd20 { first_level_only: true }, at).await.unwrap().whole().await.unwrap();
            String::from_utf8(answer.body).unwrap().contains(r#""name":"T\u00ean m\u1edbi""#)
        };
        let before = house.desk.register_version(NOW).await.unwrap();
        assert!(!named(NOW).await && named(later).await);
        assert_eq!(house.desk.register_version(later).await.unwrap(), before + 1);
    }
}
