//! Who may be a delegate of an agency's box, and who may not (RULES M1, M26).

use std::time::Duration;

use directory::Said;
use directory::accounts::{AccountToAdd, add_account, set_state};
use directory::address::AddressPolicy;
use directory::agencies::{AgencyToAdd, add_agency};
use directory::codes::CodeRules;
use directory::delegates::{DelegateToAdd, add_delegate, remove_delegate};
use mail::EmailAddress;
use store::{AccountKind, AccountState};

use crate::house::{House, NOW, person, read, stories};

const DAY: Duration = Duration::from_secs(86_400);

fn code(outcome: directory::Result<()>) -> &'static str {
    outcome.err().map_or("ok", |error| error.said().code)
}

fn address(text: &str) -> EmailAddress {
    text.parse().unwrap()
}

fn to_add(a_box: &str, person: &str, days: u32, decision: &str) -> DelegateToAdd {
    DelegateToAdd {
        a_box: address(a_box),
        person: address(person),
        rights: "send_as".parse().unwrap(),
        until: NOW.plus(DAY * days),
        decision: decision.into(),
        days_max: 30,
    }
}

/// The province H07 with a box and a person, the office H07.01 below it and a ward below that, and another province.
async fn furnish(house: &House) {
    let below = async |code: &str, parent: &str, domain: &str| {
        let new = AgencyToAdd {
            code: code.into(),
            name: format!("Cơ quan {code}"),
            domain: Some(domain.into()),
            parent: Some(parent.into()),
            ..AgencyToAdd::default()
        };
        add_agency(&house.store, &CodeRules::default(), &new, "test", NOW, &house.chance).await.unwrap();
    };
    house.agency("H07", "bentre.gov.vn").await.unwrap();
    house.agency("H20", "dongthap.gov.vn").await.unwrap();
    below("H07.01", "H07", "snv.bentre.gov.vn").await;
    below("H07.01.05", "H07.01", "to5.bentre.gov.vn").await;
    let rows = [
        ("vanphong@bentre.gov.vn", "H07", AccountKind::Agency),
        ("snv@snv.bentre.gov.vn", "H07.01", AccountKind::Agency),
        ("annv@bentre.gov.vn", "H07", AccountKind::Person),
        ("binh@snv.bentre.gov.vn", "H07.01", AccountKind::Person),
        ("chi@to5.bentre.gov.vn", "H07.01.05", AccountKind::Person),
        ("dung@dongthap.gov.vn", "H20", AccountKind::Person),
    ];
    for (address, agency, kind) in rows {
        let add = AccountToAdd { agency: agency.into(), kind, ..person(address) };
        add_account(&house.store, &AddressPolicy::default(), &add, "test", NOW, &house.chance).await.unwrap();
    }
}

stories! {
    async fn m1_m26_only_persons_of_the_agency_and_below_are_let_into_an_agencys_box(house: House) {
        furnish(&house).await;
        let (top, office) = ("vanphong@bentre.gov.vn", "snv@snv.bentre.gov.vn");
        let rows = [
            (top, "annv@bentre.gov.vn", 30, "7/QĐ", "ok"),
            (top, "binh@snv.bentre.gov.vn", 1, "7/QĐ", "ok"),
            (top, "chi@to5.bentre.gov.vn", 1, "7/QĐ", "ok"),
            (office, "chi@to5.bentre.gov.vn", 1, "7/QĐ", "ok"),
            // Not upwards, not beside.
            (office, "annv@bentre.gov.vn", 1, "7/QĐ", "delegate_other_agency"),
            (top, "dung@dongthap.gov.vn", 1, "7/QĐ", "delegate_other_agency"),
            ("annv@bentre.gov.vn", "binh@snv.bentre.gov.vn", 1, "7/QĐ", "delegate_box_personal"),
            (top, office, 1, "7/QĐ", "delegate_not_person"),
            (top, top, 1, "7/QĐ", "delegate_not_person"),
            (top, "annv@bentre.gov.vn", 31, "7/QĐ", "delegate_too_long"),
            (top, "annv@bentre.gov.vn", 0, "7/QĐ", "delegate_over"),
            (top, "annv@bentre.gov.vn", 1, " ", "decision_missing"),
            (top, "ai@bentre.gov.vn", 1, "7/QĐ", "account_unknown"),
            ("ai@bentre.gov.vn", "annv@bentre.gov.vn", 1, "7/QĐ", "account_unknown"),
        ];
        for (a_box, person, days, decision, expected) in rows {
            let add = to_add(a_box, person, days, decision);
            assert_eq!(code(add_delegate(&house.store, &add, "test", NOW).await), expected, "{a_box} {person} {days}");
        }
        let a_box = read!(house, |tx| tx.account_at(&address("vanphong@bentre.gov.vn"), NOW).await?).unwrap();
        assert_eq!(read!(house, |tx| tx.delegates_of(a_box.account_id).await?).len(), 3, "the refused left nothing");
        let trail = read!(house, |tx| tx.audit_trail(a_box.agency_id, 50).await?);
        assert_eq!(trail.iter().filter(|row| row.detail.contains(r#""what":"delegate""#)).count(), 3);

        let (a_box, an) = (address(top), address("annv@bentre.gov.vn"));
        assert_eq!(code(remove_delegate(&house.store, &a_box, &an, "test", NOW).await), "ok");
        assert_eq!(code(remove_delegate(&house.store, &a_box, &an, "test", NOW).await), "delegate_unknown");
    }

    async fn m20_who_is_out_of_office_is_no_delegate(house: House) {
        furnish(&house).await;
        let an = read!(house, |tx| tx.account_at(&address("annv@bentre.gov.vn"), NOW).await?).unwrap();
        set_state(&house.store, an.account_id, AccountState::Suspended, "8/QĐ", "test", NOW).await.unwrap();
        let add = to_add("vanphong@bentre.gov.vn", "annv@bentre.gov.vn", 1, "7/QĐ");
        assert_eq!(code(add_delegate(&house.store, &add, "test", NOW).await), "delegate_not_person");
    }
}
