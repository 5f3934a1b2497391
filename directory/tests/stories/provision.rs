//! Agencies, units, domains, systems, routes, accounts.

use directory::accounts::{AccountToAdd, MAILBOXES, add_account, set_password, set_state};
use directory::address::AddressPolicy;
use directory::agencies::{AgencyToAdd, add_agency, add_domain, add_route, add_system, add_unit};
use directory::codes::CodeRules;
use directory::{HOUSE, Said};
use mail::Secret;
use store::{AccountKind, AccountState, Role};

use crate::house::{House, NOW, person, read, stories};

fn code<T: std::fmt::Debug>(outcome: directory::Result<T>) -> &'static str {
    outcome.unwrap_err().said().code
}

async fn agency(house: &House, new: AgencyToAdd) -> directory::Result<bool> {
    let rules = CodeRules::default();
    Ok(add_agency(&house.store, &rules, &new, "test", NOW, &house.chance).await?.is_new())
}

fn named(code: &str, code102: Option<&str>, name: &str, domain: Option<&str>) -> AgencyToAdd {
    AgencyToAdd {
        code: code.into(),
        code102: code102.map(str::to_owned),
        name: name.into(),
        domain: domain.map(str::to_owned),
        ..AgencyToAdd::default()
    }
}

stories! {
    async fn i1_i2_i5_agencies_are_added_once_and_conflicts_explained(house: House) {
        let ubnd = || named("H07", Some("000.00.00.H07"), "UBND tỉnh Bến Tre", Some("bentre.gov.vn"));
        assert!(agency(&house, ubnd()).await.unwrap());
        assert!(!agency(&house, ubnd()).await.unwrap(), "a second run changes nothing");
        assert_eq!(code(agency(&house, named("H07", None, "Sở khác", None)).await), "agency_code_taken");
        assert_eq!(code(agency(&house, named("000.00.00.H07", None, "Sở khác", None)).await), "agency_code_taken");
        assert_eq!(code(agency(&house, named("H07.01", Some("000.00.00.H07"), "Sở", None)).await), "agency_code_taken");
        assert_eq!(code(agency(&house, named("H07.01", Some("H07.01"), "Sở", None)).await), "agency_code_shape_102");
        assert_eq!(code(agency(&house, named("h07.01", None, "Sở", None)).await), "agency_code_case");
        assert_eq!(code(agency(&house, named("H07.01", None, " ", None)).await), "name_missing");
        assert_eq!(code(agency(&house, named("H07.01", None, "Sở", Some("a..b"))).await), "domain_bad");
        let taken = agency(&house, named("000.00.00.H07", None, "Sở khác", None)).await.unwrap_err().said();
        assert!(taken.vi.contains("UBND tỉnh Bến Tre (H07)") && taken.en.contains("UBND tỉnh Bến Tre (H07)"), "{taken:?}");
        // An agency with only the older code.
        assert!(agency(&house, named("000.00.05.H07", None, "Sở cũ", None)).await.unwrap());
        let old = read!(house, |tx| tx.agency_by_code(&"000.00.05.H07".parse().unwrap(), NOW).await?).unwrap();
        assert_eq!(old.code102, Some(old.code));
        let first = read!(house, |tx| tx.agency_by_code(&"H07".parse().unwrap(), NOW).await?).unwrap();
        let trail = read!(house, |tx| tx.audit_trail(first.agency_id, 10).await?);
        let mut actions: Vec<_> = trail.iter().map(|row| row.action.as_str()).collect();
        // All in one millisecond: their order is not kept.
        actions.sort_unstable();
        assert_eq!(actions, ["agency.changed", "domain.changed"], "the refused and repeated runs left no trace");
    }

    async fn a_superior_is_named_by_its_code(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        let under = |parent: &str| AgencyToAdd { parent: Some(parent.into()), ..named("G22", None, "Đơn vị", None) };
        assert_eq!(code(agency(&house, under("H99")).await), "agency_unknown");
        assert!(agency(&house, under("H07")).await.unwrap());
        let found = read!(house, |tx| tx.agency_by_code(&"G22".parse().unwrap(), NOW).await?).unwrap();
        let parent = read!(house, |tx| tx.agency_by_code(&"H07".parse().unwrap(), NOW).await?).unwrap();
        assert_eq!(found.parent_id, Some(parent.agency_id));
    }

    async fn a_domain_is_shared_by_relatives_and_kept_from_strangers(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        house.agency("H07.02", "bentre.gov.vn").await.unwrap();
        assert_eq!(code(house.agency("H37", "bentre.gov.vn").await), "domain_taken");
        assert!(read!(house, |tx| tx.agency_by_code(&"H37".parse().unwrap(), NOW).await?).is_none(), "all or nothing");
        house.agency("H37", "langson.gov.vn").await.unwrap();
        assert!(add_domain(&house.store, "chung.gov.vn", None, "test", NOW).await.unwrap().is_new());
        assert!(!add_domain(&house.store, "CHUNG.gov.vn.", None, "test", NOW).await.unwrap().is_new());
        assert_eq!(code(add_domain(&house.store, "bentre.gov.vn", Some("H37"), "test", NOW).await), "domain_taken");
        assert_eq!(code(add_domain(&house.store, "[1.2.3.4]", None, "test", NOW).await), "domain_bad");
        assert_eq!(code(add_domain(&house.store, "x.gov.vn", Some("H99"), "test", NOW).await), "agency_unknown");
        let domains = read!(house, |tx| tx.domains().await?);
        let owner = read!(house, |tx| tx.agency_by_code(&"H07".parse().unwrap(), NOW).await?).unwrap();
        let found = domains.iter().find(|(domain, _)| domain.as_str() == "bentre.gov.vn").unwrap();
        assert_eq!(found.1, Some(owner.agency_id), "the first keeps it");
        assert_eq!(read!(house, |tx| tx.audit_trail(HOUSE, 10).await?).len(), 1);
    }

    async fn units_are_added_and_renamed(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        let add = async |code: &str, name: &str| {
            add_unit(&house.store, "H07", code, name, "test", NOW, &house.chance).await
        };
        let first = add("vp", "Văn phòng").await.unwrap();
        assert!(first.is_new() && !add("vp", "Văn phòng").await.unwrap().is_new());
        let renamed = add("vp", "Văn phòng UBND").await.unwrap();
        assert!(renamed.is_new());
        assert_eq!(renamed.into_inner().unit_id, first.into_inner().unit_id);
        assert_eq!(code(add("Vp", "x").await), "unit_code_shape");
        assert_eq!(code(add("vp", "").await), "name_missing");
    }

    async fn i4_systems_get_a_secret_once_and_speak_for_one_agency_each(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        house.agency("H37", "langson.gov.vn").await.unwrap();
        let add = async |system: &str, agency: &str, secret: Option<&str>| {
            add_system(&house.store, system, agency, secret.map(Secret::from), "test", NOW, &house.chance).await
        };
        let drawn = add("00.22.W00", "H07", None).await.unwrap();
        assert_eq!(drawn.secret.expose_secret().len(), 43, "32 bytes in base64url");
        assert!(!drawn.was_known && !format!("{drawn:?}").contains(drawn.secret.expose_secret().as_str()));
        let kept = read!(house, |tx| tx.system("00.22.w00", NOW).await?).unwrap();
        assert_eq!(kept.secret, drawn.secret);
        let again = add("00.22.w00", "H07", Some("mot-khoa-bi-mat-moi")).await.unwrap();
        assert!(again.was_known);
        let kept = read!(house, |tx| tx.system("00.22.W00", NOW).await?).unwrap();
        assert_eq!(kept.secret, Secret::from("mot-khoa-bi-mat-moi"));
        assert_eq!(code(add("00.22.W00", "H37", None).await), "system_taken");
        assert_eq!(code(add("00.23.W00", "H07", None).await), "system_another_speaks");
        assert_eq!(code(add("00.23.W00", "H99", None).await), "agency_unknown");
        assert_eq!(code(add("a b", "H37", None).await), "system_id_shape");
        assert_eq!(code(add("", "H37", None).await), "system_id_shape");
        for bad in ["ngan", "co khoang trang o day", "mật-khẩu-có-dấu-ở-đây"] {
            assert_eq!(code(add("00.37.W00", "H37", Some(bad)).await), "secret_bad", "{bad}");
        }
        let kept = read!(house, |tx| tx.system("00.22.W00", NOW).await?).unwrap();
        assert_eq!(kept.secret, Secret::from("mot-khoa-bi-mat-moi"), "what was refused changed nothing");
    }

    async fn routes_are_hosts_with_ports(house: House) {
        for (domain, target, expected) in [
            ("b.vn", "127.0.0.1:2525", Ok(true)),
            ("b.vn", "127.0.0.1:2525", Ok(false)),
            ("B.vn.", "Mail.B.vn:25", Ok(true)),
            ("*", "[2001:db8::1]:25", Ok(true)),
            ("*", "[2001:db8::1]:25", Ok(false)),
            ("c.vn", "[2001:db8::1]:25", Ok(true)),
            ("b.vn", "127.0.0.1", Err("route_bad")),
            ("b.vn", "127.0.0.1:0", Err("route_bad")),
            ("b.vn", "127.0.0.1:65536", Err("route_bad")),
            ("b.vn", "127.0.0.1:+25", Err("route_bad")),
            ("b.vn", "2001:db8::1:25x", Err("route_bad")),
            ("b.vn", "a b:25", Err("route_bad")),
            ("b..vn", "127.0.0.1:25", Err("domain_bad")),
        ] {
            let added = add_route(&house.store, domain, target, "test", NOW).await;
            let added = added.map(|added| added.is_new()).map_err(|error| error.said().code);
            assert_eq!(added, expected, "{domain} {target}");
        }
        assert_eq!(read!(house, |tx| tx.route("b.vn").await?).as_deref(), Some("mail.b.vn:25"));
    }

    async fn m1_m4_an_account_comes_with_its_mailboxes_and_its_audit_row(house: House) {
        let of = house.agency("H07", "bentre.gov.vn").await.unwrap();
        add_unit(&house.store, "H07", "vp", "Văn phòng", "test", NOW, &house.chance).await.unwrap();
        let add = AccountToAdd {
            unit: Some("vp".into()),
            role: Role::Leader,
            display_name: Some("Nguye\u{302}\u{303}n  Va\u{306}n An".into()),
            position: "Chánh Văn phòng".into(),
            ..person("AnNV@BenTre.gov.vn")
        };
        let account =
            add_account(&house.store, &AddressPolicy::default(), &add, "cli", NOW, &house.chance).await.unwrap();
        assert_eq!(account.display_name, "Nguyễn Văn An");
        assert_eq!((account.agency_id, account.quota_bytes), (of.agency_id, 10_000_000_000));
        assert!(account.unit_id.is_some() && account.password_hash.is_none());
        let id = account.account_id;
        let boxes = read!(house, |tx| tx.mailboxes(id).await?);
        let found: Vec<_> = boxes.iter().map(|m| (m.role.unwrap(), m.name.as_str())).collect();
        assert_eq!(found, MAILBOXES);
        assert!(boxes.iter().all(|m| i64::from(m.uid_validity.0) >= NOW.secs() && m.is_subscribed));
        let trail = read!(house, |tx| tx.audit_trail(of.agency_id, 10).await?);
        let row = trail.iter().find(|row| row.action == "account.changed").unwrap();
        assert_eq!((row.actor.as_str(), row.subject.as_str()), ("cli", id.to_string().as_str()));
        assert!(!row.detail.contains("annv"), "no address in the audit log");
    }

    async fn accounts_that_cannot_be_added_say_why(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        house.agency("H37", "langson.gov.vn").await.unwrap();
        house.person("annv@bentre.gov.vn", None).await.unwrap();
        let add = async |add: AccountToAdd| {
            let policy = AddressPolicy::default();
            code(add_account(&house.store, &policy, &add, "test", NOW, &house.chance).await)
        };
        assert_eq!(add(person("AnNV@bentre.gov.vn")).await, "address_taken");
        assert_eq!(add(person("binh@langson.gov.vn")).await, "domain_taken");
        assert_eq!(add(person("binh@gmail.com")).await, "domain_unknown");
        assert_eq!(add(person("binh")).await, "address_bad");
        assert_eq!(add(person("root@bentre.gov.vn")).await, "address_reserved");
        assert_eq!(add(AccountToAdd { agency: "H99".into(), ..person("b@bentre.gov.vn") }).await, "agency_unknown");
        assert_eq!(add(AccountToAdd { unit: Some("vp".into()), ..person("b@bentre.gov.vn") }).await, "unit_unknown");
        assert_eq!(
            add(AccountToAdd { display_name: Some("NguyÔn V¨n".into()), ..person("b@bentre.gov.vn") }).await,
            "name_encoding"
        );
        let found = read!(house, |tx| tx.address(&"b@bentre.gov.vn".parse().unwrap()).await?);
        assert!(found.is_none(), "nothing half-made is left");
        let shared = AccountToAdd {
            kind: AccountKind::Agency,
            display_name: Some("UBND tỉnh Bến Tre – Hộp thư & công văn".into()),
            ..person("postmaster@bentre.gov.vn")
        };
        let policy = AddressPolicy::default();
        let shared = add_account(&house.store, &policy, &shared, "test", NOW, &house.chance).await.unwrap();
        assert_eq!(shared.quota_bytes, 20_000_000_000);
    }

    async fn m20_m23_an_account_moves_on_by_decision_and_its_address_is_never_given_again(house: House) {
        house.agency("H07", "bentre.gov.vn").await.unwrap();
        let id = house.person("annv@bentre.gov.vn", None).await.unwrap().account_id;
        let go = async |state, decision: &str| set_state(&house.store, id, state, decision, "test", NOW).await;
        assert_eq!(code(go(AccountState::Locked, " ").await), "decision_missing");
        assert_eq!(code(go(AccountState::Closed, "12/QĐ").await), "account_transition");
        go(AccountState::Suspended, "11/QĐ").await.unwrap();
        go(AccountState::Active, "12/QĐ").await.unwrap();
        go(AccountState::Locked, "13/QĐ").await.unwrap();
        go(AccountState::Closed, "14/QĐ").await.unwrap();
        assert_eq!(code(go(AccountState::Active, "15/QĐ").await), "account_closed");
        let hash = directory::passwords::hash(&Secret::from("x"), &house.chance).unwrap();
        assert_eq!(code(set_password(&house.store, id, &hash, false, "test", NOW).await), "account_closed");
        assert_eq!(code(house.person("annv@bentre.gov.vn", None).await), "address_was_taken");
    }
}
