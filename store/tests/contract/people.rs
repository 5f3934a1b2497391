//! Agencies, systems, accounts, addresses.

use std::time::Duration;

use mail::{Secret, UnitId};
use store::{
    AccountKind, AccountState, CLOSED_REPLY, CodeScheme, Error, NewAccount, NewSystem, Resolved, Role,
    SignerCertificate, SignerRole, Unit,
};

use crate::house::{NOW, account, account_id, agency, agency_id, read, stories, write};

stories! {
    async fn i5_an_agency_answers_to_all_its_codes(house: House) {
        write!(house, |tx| tx.add_agency(&agency(1, "H37.02", Some("000.00.02.H37")), NOW).await?).unwrap();
        write!(house, |tx| tx.add_agency_code(agency_id(1), &"00.02.H37".parse().unwrap(), CodeScheme::Old, NOW, "", NOW).await?).unwrap();
        for code in ["H37.02", "h37.02", "000.00.02.H37", "00.02.H37"] {
            let found = read!(house, |tx| tx.agency_by_code(&code.parse().unwrap(), NOW).await?).unwrap();
            assert_eq!(found.agency_id, agency_id(1), "{code}");
            assert_eq!(found.code.as_str(), "H37.02");
            assert_eq!(found.code102.unwrap().as_str(), "000.00.02.H37");
        }
        assert!(read!(house, |tx| tx.agency_by_code(&"H37.03".parse().unwrap(), NOW).await?).is_none());
        assert_eq!(read!(house, |tx| tx.agencies(NOW).await?).len(), 1);
    }

    async fn one_system_speaks_for_an_agency(house: House) {
        write!(house, |tx| {
            tx.add_agency(&agency(1, "H37.01", None), NOW).await?;
            tx.add_agency(&agency(2, "H37.02", None), NOW).await?
        })
        .unwrap();
        let system = |id: &str, n| NewSystem { system_id: id.into(), agency_id: agency_id(n), secret: Secret::from("s3cret") };
        house.store.add_system(system("Hub.01", 1), NOW).await.unwrap();
        let other = house.store.add_system(system("hub.02", 1), NOW).await;
        assert!(matches!(other, Err(Error::Conflict(_))), "{other:?}");
        write!(house, |tx| tx.let_system_speak("hub.01", agency_id(2), NOW).await?).unwrap();
        let found = read!(house, |tx| tx.system("HUB.01", NOW).await?).unwrap();
        assert_eq!((found.system_id.as_str(), found.agencies.len()), ("Hub.01", 2));
        assert_eq!(found.secret, Secret::from("s3cret"));
        assert!(read!(house, |tx| tx.system("hub.02", NOW).await?).is_none());
        let mut speakers = read!(house, |tx| tx.speakers().await?);
        speakers.sort();
        assert_eq!(speakers, [(agency_id(1), "Hub.01".to_owned()), (agency_id(2), "Hub.01".to_owned())]);
    }

    async fn m23_a_closed_address_is_never_given_away(house: House) {
        write!(house, |tx| tx.add_account(&account(1, "an@a.gov.vn"), NOW).await?).unwrap();
        write!(house, |tx| tx.set_account_state(account_id(1), AccountState::Closed, NOW).await?).unwrap();
        let again = write!(house, |tx| tx.add_account(&account(2, "an@a.gov.vn"), NOW).await?);
        assert!(matches!(again, Err(Error::Conflict(_))));
        let found = read!(house, |tx| tx.account_at(&"An@a.gov.vn".parse().unwrap(), NOW).await?).unwrap();
        assert_eq!(found.state, AccountState::Closed);
    }

    async fn m23_a_closed_address_names_its_office_for_twelve_months(house: House) {
        let unit_id = Some(UnitId::from_bytes([8; 16]));
        let mut office = agency(1, "H37.02", None);
        office.names.mail = "so@a.gov.vn".to_owned();
        let unit_box = NewAccount { kind: AccountKind::Agency, unit_id, ..account(3, "phong@a.gov.vn") };
        let in_unit = NewAccount { unit_id, ..account(2, "binh@a.gov.vn") };
        write!(house, office, unit_box, in_unit, |tx| {
            tx.put_domain(&"a.gov.vn".parse().unwrap(), Some(agency_id(1)), NOW).await?;
            tx.add_agency(office, NOW).await?;
            for new in [&account(1, "an@a.gov.vn"), in_unit, unit_box] {
                tx.add_account(new, NOW).await?;
            }
            for n in [1, 2] {
                tx.set_account_state(account_id(n), AccountState::Closed, NOW).await?;
            }
        })
        .unwrap();
        let ask = async |address: &'static str, now| {
            match read!(house, |tx| tx.resolve_address(&address.parse().unwrap(), now).await?) {
                Resolved::Closed(office) => office.map_or("closed".to_owned(), |office| office.to_string()),
                Resolved::Unknown => "unknown".to_owned(),
                other => format!("{other:?}"),
            }
        };
        let last = NOW.plus(CLOSED_REPLY - Duration::from_millis(1));
        assert_eq!(ask("an@a.gov.vn", last).await, "so@a.gov.vn", "no unit: the agency");
        assert_eq!(ask("binh@a.gov.vn", last).await, "phong@a.gov.vn");
        assert_eq!(ask("binh@a.gov.vn", NOW.plus(CLOSED_REPLY)).await, "unknown");
        write!(house, |tx| tx.set_account_state(account_id(3), AccountState::Closed, NOW).await?).unwrap();
        assert_eq!(ask("binh@a.gov.vn", NOW).await, "so@a.gov.vn", "a closed box is nowhere to write to");
    }

    async fn rfc_5233_m20_m23_an_address_leads_to_one_place(house: House) {
        let admin = NewAccount { role: Role::Admin, ..account(4, "keeper@a.gov.vn") };
        write!(house, admin, |tx| {
            tx.put_domain(&"a.gov.vn".parse().unwrap(), Some(agency_id(1)), NOW).await?;
            tx.put_domain(&"b.gov.vn".parse().unwrap(), None, NOW).await?;
            tx.add_account(&account(1, "an@a.gov.vn"), NOW).await?;
            tx.add_alias(account_id(1), &"van.thu@a.gov.vn".parse().unwrap(), NOW).await?;
            tx.add_account(&account(2, "an+hop@a.gov.vn"), NOW).await?;
            tx.add_account(&account(3, "chi@a.gov.vn"), NOW).await?;
            tx.set_account_state(account_id(2), AccountState::Locked, NOW).await?;
            tx.set_account_state(account_id(3), AccountState::Closed, NOW).await?;
            tx.add_account(admin, NOW).await?
        })
        .unwrap();
        let here = |n| format!("here {}", account_id(n));
        let rows = [
            ("an@a.gov.vn", here(1)),
            ("AN@A.gov.vn", here(1)),
            ("van.thu@a.gov.vn", here(1)),
            ("an+tin@a.gov.vn", here(1)),
            ("van.thu+tin+2026@a.gov.vn", here(1)),
            // Somebody's own address is nobody else's tag.
            ("an+hop@a.gov.vn", here(2)),
            ("an+hop+x@a.gov.vn", here(1)),
            ("chi@a.gov.vn", "closed".to_owned()),
            ("chi+x@a.gov.vn", "closed".to_owned()),
            ("nobody@a.gov.vn", "unknown".to_owned()),
            ("nobody+an@a.gov.vn", "unknown".to_owned()),
            ("an@b.gov.vn", "unknown".to_owned()),
            ("an@c.vn", "elsewhere c.vn".to_owned()),
            ("an+hop@c.vn", "elsewhere c.vn".to_owned()),
            ("postmaster@a.gov.vn", here(4)),
            ("Postmaster@b.gov.vn", here(4)),
            ("postmaster@c.vn", "elsewhere c.vn".to_owned()),
        ];
        let shown = |resolved: Resolved| match resolved {
            Resolved::Here(account) => format!("here {}", account.account_id),
            Resolved::List(list) => format!("list {}", list.address),
            Resolved::Elsewhere(domain) => format!("elsewhere {domain}"),
            Resolved::Moved(moved) => format!("moved {}", moved.to),
            Resolved::Closed(_) => "closed".to_owned(),
            Resolved::Unknown => "unknown".to_owned(),
        };
        for (address, expected) in rows {
            let resolved = read!(house, |tx| tx.resolve_address(&address.parse().unwrap(), NOW).await?);
            assert_eq!(shown(resolved), expected, "{address}");
        }
        // RFC 5321 §4.5.1: our own name's postmaster is ours even where no mail for that name ends here.
        let own = read!(house, |tx| tx.resolve_postmaster(&"postmaster@mx.c.vn".parse().unwrap(), NOW).await?);
        assert_eq!(shown(own), here(4));
    }

    async fn a_password_hash_is_kept_and_never_printed(house: House) {
        write!(house, |tx| tx.add_account(&account(1, "an@a.gov.vn"), NOW).await?).unwrap();
        let hash = Secret::from("$argon2id$v=19$…");
        write!(house, |tx| tx.set_password_hash(account_id(1), &Secret::from("$argon2id$v=19$…"), false, NOW).await?).unwrap();
        let found = read!(house, |tx| tx.account(account_id(1)).await?).unwrap();
        assert!(!format!("{found:?}").contains("argon2id"));
        assert_eq!(found.password_hash, Some(hash));
        assert!(!found.must_change_password);
        assert_eq!(read!(house, |tx| tx.accounts_with_role(agency_id(1), Role::Staff, 10).await?).len(), 1);
        assert_eq!(read!(house, |tx| tx.accounts_with_role(agency_id(1), Role::Clerk, 10).await?).len(), 0);
    }

    async fn a_scram_verifier_lies_sealed_and_goes_with_its_password(house: House) {
        write!(house, |tx| tx.add_account(&account(1, "an@a.gov.vn"), NOW).await?).unwrap();
        let verifier = Secret::from("SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy");
        assert_eq!(read!(house, |tx| tx.scram_verifier(account_id(1)).await?), None);
        for _ in 0..2 {
            write!(house, verifier, |tx| tx.set_scram_verifier(account_id(1), verifier).await?).unwrap();
        }
        assert_eq!(read!(house, |tx| tx.scram_verifier(account_id(1)).await?), Some(verifier));
        assert_eq!(read!(house, |tx| tx.scram_verifier(account_id(2)).await?), None);
        write!(house, |tx| tx.set_password_hash(account_id(1), &Secret::from("$argon2id$new"), false, NOW).await?).unwrap();
        assert_eq!(read!(house, |tx| tx.scram_verifier(account_id(1)).await?), None);
    }

    async fn sending_is_counted_for_account_unit_and_agency_by_the_hour(house: House) {
        let unit_id = UnitId::from_bytes([8; 16]);
        let in_unit = store::NewAccount { unit_id: Some(unit_id), ..account(3, "an@a.gov.vn") };
        write!(house, in_unit, |tx| tx.add_account(in_unit, NOW).await?).unwrap();
        write!(house, |tx| tx.add_account(&account(4, "binh@a.gov.vn"), NOW).await?).unwrap();
        let missing = write!(house, |tx| tx.count_sending(account_id(5), 1, NOW).await?);
        assert!(matches!(missing, Err(Error::NotFound(_))));
        // NOW is the beginning of an hour.
        // Each has an id of its own here.
        let at = |minutes: u64| NOW.plus(std::time::Duration::from_secs(minutes * 60));
        for (account, recipients, minute) in [(3, 3, 0), (3, 2, 50), (4, 10, 55), (3, 1, 70)] {
            write!(house, |tx| tx.count_sending(account_id(account), recipients, at(minute)).await?).unwrap();
        }
        let unit = mail::OwnerId::from_bytes(*unit_id.as_bytes());
        let rows: [(mail::OwnerId, u64, i64, i64); 6] = [
            (account_id(3).into(), 75, 1 + 2 * 45 / 60, 6),
            (unit, 75, 1 + 2 * 45 / 60, 6),
            (agency_id(1).into(), 75, 1 + 3 * 45 / 60, 16),
            (account_id(4).into(), 75, 0, 10),
            (account_id(3).into(), 24 * 60 + 59, 0, 6),
            (account_id(3).into(), 25 * 60, 0, 1),
        ];
        for (owner, minute, messages, recipients) in rows {
            let sent = read!(house, |tx| tx.sent_lately(owner, at(minute)).await?);
            assert_eq!((sent.messages_in_hour, sent.recipients_in_day), (messages, recipients), "{owner} {minute}");
        }
        assert_eq!(write!(house, |tx| tx.forget_sending_counts(at(0), 10).await?).unwrap(), 0);
        assert_eq!(write!(house, |tx| tx.forget_sending_counts(at(72 * 60), 10).await?).unwrap(), 7);
    }

    async fn a_sending_limit_of_ones_own_ends_when_it_said(house: House) {
        let owner: mail::OwnerId = account_id(1).into();
        let later = NOW.plus(std::time::Duration::from_secs(60));
        let limit = store::SendingLimit { messages_per_hour: 5, recipients_per_day: 50 };
        let own = store::OwnLimit { limit, until: Some(later), decision: "1/QĐ".into() };
        for _ in 0..2 {
            write!(house, own, |tx| tx.set_sending_limit(owner, Some(own), agency_id(1).into(), "test", NOW).await?).unwrap();
        }
        assert_eq!(read!(house, |tx| tx.sending_limit(owner, NOW).await?), Some(own));
        assert_eq!(read!(house, |tx| tx.sending_limit(owner, later).await?), None);
        write!(house, |tx| tx.set_sending_limit(owner, None, agency_id(1).into(), "test", NOW).await?).unwrap();
        assert_eq!(read!(house, |tx| tx.sending_limit(owner, NOW).await?), None);
        let trail = read!(house, |tx| tx.audit_trail(agency_id(1), 10).await?);
        assert_eq!(trail.len(), 3);
        assert!(trail[1].detail.contains("1/QĐ"), "{}", trail[1].detail);
    }

    async fn units_domains_routes_and_signers(house: House) {
        let unit = Unit { unit_id: UnitId::from_bytes([1; 16]), agency_id: agency_id(1), parent_id: None, code: "vp".into(), name: "Văn phòng".into() };
        let signer = SignerCertificate { agency_id: agency_id(1), fingerprint: [3; 32], role: SignerRole::Seal, holder: "Sở X".into(), account_id: None };
        write!(house, unit, signer, |tx| {
            tx.put_unit(unit, NOW).await?;
            tx.put_domain(&"a.gov.vn".parse().unwrap(), Some(agency_id(1)), NOW).await?;
            tx.put_route("*", "127.0.0.1:25").await?;
            tx.put_route("b.vn", "127.0.0.1:2525").await?;
            tx.put_signer(signer, NOW).await?
        })
        .unwrap();
        assert_eq!(read!(house, |tx| tx.unit_by_code(agency_id(1), "vp").await?).unwrap().name, "Văn phòng");
        assert!(read!(house, |tx| tx.unit_by_code(agency_id(2), "vp").await?).is_none());
        assert!(read!(house, |tx| tx.is_local_domain(&"A.gov.vn".parse().unwrap()).await?));
        assert!(!read!(house, |tx| tx.is_local_domain(&"b.vn".parse().unwrap()).await?));
        assert_eq!(read!(house, |tx| tx.agency_of_domain(&"A.gov.vn".parse().unwrap()).await?), Some(agency_id(1)));
        assert_eq!(read!(house, |tx| tx.agency_of_domain(&"b.vn".parse().unwrap()).await?), None);
        assert_eq!(read!(house, |tx| tx.route("b.vn").await?).as_deref(), Some("127.0.0.1:2525"));
        assert_eq!(read!(house, |tx| tx.route("c.vn").await?).as_deref(), Some("127.0.0.1:25"));
        assert_eq!(read!(house, |tx| tx.signers(agency_id(1), NOW).await?)[0].role, SignerRole::Seal);
    }

    async fn i1_an_agency_with_only_a_qcvn_102_code_has_it_as_such(house: House) {
        write!(house, |tx| tx.add_agency(&agency(1, "000.00.02.H37", Some("000.00.02.H37")), NOW).await?).unwrap();
        let found = read!(house, |tx| tx.agency(agency_id(1), NOW).await?).unwrap();
        assert_eq!(found.code.as_str(), "000.00.02.H37");
        assert_eq!(found.code102, Some(found.code));
    }

    async fn units_and_accounts_of_an_agency_are_listed(house: House) {
        let unit = |n: u8, code: &str| Unit { unit_id: UnitId::from_bytes([n; 16]), agency_id: agency_id(1), parent_id: None, code: code.into(), name: code.into() };
        let (b, a) = (unit(1, "b"), unit(2, "a"));
        write!(house, b, a, |tx| {
            tx.put_unit(b, NOW).await?;
            tx.put_unit(a, NOW).await?;
            for n in 1..=3 {
                tx.add_account(&account(n, &format!("an{n}@a.gov.vn")), NOW).await?;
            }
            tx.set_account_state(account_id(2), AccountState::Closed, NOW).await?
        })
        .unwrap();
        let units = read!(house, |tx| tx.units(agency_id(1)).await?);
        assert_eq!(units.iter().map(|u| u.code.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(read!(house, |tx| tx.units(agency_id(2)).await?).is_empty());
        let first = read!(house, |tx| tx.accounts_of(agency_id(1), None, 2).await?);
        assert_eq!(first.iter().map(|a| a.account_id).collect::<Vec<_>>(), [account_id(1), account_id(2)]);
        let rest = read!(house, |tx| tx.accounts_of(agency_id(1), Some(account_id(2)), 2).await?);
        assert_eq!(rest.iter().map(|a| a.account_id).collect::<Vec<_>>(), [account_id(3)]);
    }

    async fn a_system_is_admitted_with_its_audit_row_or_not_at_all(house: House) {
        write!(house, |tx| tx.add_agency(&agency(1, "H37.01", None), NOW).await?).unwrap();
        house.store.ready_to_seal(agency_id(1), NOW).await.unwrap();
        let failed: Result<(), Error> = write!(house, |tx| {
            let new = NewSystem { system_id: "hub.01".into(), agency_id: agency_id(1), secret: Secret::from("s3cret") };
            tx.add_system(&new, NOW).await?;
            Err(Error::Refused("changed our mind"))?
        });
        assert!(failed.is_err());
        assert!(read!(house, |tx| tx.system("hub.01", NOW).await?).is_none());
        write!(house, |tx| {
            let new = NewSystem { system_id: "hub.01".into(), agency_id: agency_id(1), secret: Secret::from("s3cret") };
            tx.add_system(&new, NOW).await?;
            tx.audit(agency_id(1), NOW, "cli", store::Audit::SystemChanged, "hub.01", "").await?
        })
        .unwrap();
        assert_eq!(read!(house, |tx| tx.system("hub.01", NOW).await?).unwrap().secret, Secret::from("s3cret"));
    }
}
