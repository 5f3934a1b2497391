//! Distribution lists.

use std::collections::HashSet;

use mail::envelope::OutboundMail;
use mail::{AgencyId, EmailAddress, UnitId};
use store::{
    AccountKind, AccountState, Error, List, ListCopy, ListPart, NewAccount, NewList, OutboxKind, Resolved,
    Unit, WhoMaySend,
};

use crate::house::{House, NOW, account, account_id, agency, agency_id, read, stories, write};

fn address(text: &str) -> EmailAddress {
    text.parse().unwrap()
}

fn unit_id() -> UnitId {
    UnitId::from_bytes([1; 16])
}

fn new_list(text: &str) -> NewList {
    NewList {
        address: address(text),
        agency_id: agency_id(1),
        unit_id: None,
        name: "Phòng Một".into(),
        who_may_send: WhoMaySend::Members,
        is_everybody: false,
        responsible: account_id(1),
    }
}

/// An agency with a unit: An and Bình in the unit, Chi outside of it, the unit's own mailbox; and Dũng of another agency.
async fn furnished(house: &House) {
    let unit = Unit {
        unit_id: unit_id(),
        agency_id: agency_id(1),
        parent_id: None,
        code: "vp".into(),
        name: "VP".into(),
    };
    write!(house, unit, |tx| {
        tx.add_agency(&agency(1, "H37.01", None), NOW).await?;
        tx.add_agency(&agency(2, "H37.02", None), NOW).await?;
        tx.put_unit(unit, NOW).await?;
        tx.put_domain(&"a.gov.vn".parse().unwrap(), Some(agency_id(1)), NOW).await?;
        let people: [(u8, &str, AgencyId, Option<UnitId>, AccountKind); 5] = [
            (1, "an@a.gov.vn", agency_id(1), Some(unit_id()), AccountKind::Person),
            (2, "binh@a.gov.vn", agency_id(1), Some(unit_id()), AccountKind::Person),
            (3, "chi@a.gov.vn", agency_id(1), None, AccountKind::Person),
            (4, "vp@a.gov.vn", agency_id(1), Some(unit_id()), AccountKind::Agency),
            (5, "dung@a.gov.vn", agency_id(2), None, AccountKind::Person),
        ];
        for (n, address, agency_id, unit_id, kind) in people {
            tx.add_account(&NewAccount { agency_id, unit_id, kind, ..account(n, address) }, NOW).await?;
        }
    })
    .unwrap();
}

async fn add(house: &House, new: NewList) -> List {
    let at = new.address.clone();
    write!(house, new, |tx| tx.add_list(new, "cli", NOW).await?).unwrap();
    find(house, at).await
}

async fn find(house: &House, at: EmailAddress) -> List {
    match house
        .store
        .read(at, |tx, at| Box::pin(async move { tx.resolve_address(at, NOW).await }))
        .await
        .unwrap()
    {
        Resolved::List(list) => *list,
        other => panic!("{other:?}"),
    }
}

async fn put(house: &House, list: &List, part: ListPart, who: &str) -> Result<bool, Error> {
    let who = address(who);
    write!(house, list, who, |tx| tx.add_to_list(list, part, who, "cli", NOW).await?)
}

async fn receivers(house: &House, list: &List) -> Vec<String> {
    let list = list.clone();
    let found =
        house.store.read(list, |tx, list| Box::pin(async move { tx.list_receivers(list).await })).await;
    let mut found: Vec<String> = found.unwrap().into_iter().map(|one| one.address.to_string()).collect();
    found.sort();
    found
}

stories! {
    async fn m23_a_lists_address_is_nobody_elses(house: House) {
        furnished(&house).await;
        let list = add(&house, new_list("Phong.Mot@a.gov.vn")).await;
        let again = write!(house, |tx| tx.add_account(&account(9, "phong.mot@a.gov.vn"), NOW).await?);
        assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
        let alias = write!(house, |tx| tx.add_alias(account_id(2), &address("phong.mot@a.gov.vn"), NOW).await?);
        assert!(matches!(alias, Err(Error::Conflict(_))), "{alias:?}");
        for (text, is_conflict) in [("an@a.gov.vn", true), ("phong+x@a.gov.vn", false), ("p@b.vn", false), ("postmaster@a.gov.vn", false)] {
            let new = new_list(text);
            let outcome = write!(house, new, |tx| tx.add_list(new, "cli", NOW).await?);
            assert_eq!(matches!(outcome, Err(Error::Conflict(_))), is_conflict, "{text} {outcome:?}");
            assert_eq!(matches!(outcome, Err(Error::Refused(_))), !is_conflict, "{text} {outcome:?}");
        }
        assert!(read!(house, |tx| tx.account_at(&address("phong.mot@a.gov.vn"), NOW).await?).is_none());
        write!(house, list, |tx| tx.remove_list(list, "cli", NOW).await?).unwrap();
        let gone = read!(house, |tx| tx.resolve_address(&address("phong.mot@a.gov.vn"), NOW).await?);
        assert!(matches!(gone, Resolved::Closed(_)), "{gone:?}");
        let new = new_list("phong.mot@a.gov.vn");
        let again = write!(house, new, |tx| tx.add_list(new, "cli", NOW).await?);
        assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
        let trail = read!(house, |tx| tx.audit_trail(agency_id(1), 10).await?);
        assert_eq!(trail.iter().filter(|row| row.action == "list.changed").count(), 2);
    }

    async fn who_receives_is_computed_and_each_once(house: House) {
        furnished(&house).await;
        let unit = add(&house, NewList { unit_id: Some(unit_id()), is_everybody: true, ..new_list("vp.all@a.gov.vn") }).await;
        assert_eq!(receivers(&house, &unit).await, ["an@a.gov.vn", "binh@a.gov.vn"]);
        let all = add(&house, NewList { is_everybody: true, ..new_list("all@a.gov.vn") }).await;
        assert_eq!(receivers(&house, &all).await, ["an@a.gov.vn", "binh@a.gov.vn", "chi@a.gov.vn"]);
        for who in ["an@a.gov.vn", "dung@a.gov.vn", "x@outside.vn"] {
            assert!(put(&house, &unit, ListPart::Member, who).await.unwrap(), "{who}");
        }
        assert!(!put(&house, &unit, ListPart::Member, "An@a.gov.vn").await.unwrap());
        let expected = ["an@a.gov.vn", "binh@a.gov.vn", "dung@a.gov.vn", "x@outside.vn"];
        assert_eq!(receivers(&house, &unit).await, expected);
        for who in ["all@a.gov.vn", "nobody@a.gov.vn"] {
            assert!(matches!(put(&house, &unit, ListPart::Member, who).await, Err(Error::Refused(_))), "{who}");
        }
        assert!(matches!(put(&house, &unit, ListPart::Sender, "x@outside.vn").await, Err(Error::Refused(_))));
        let dung = address("dung@a.gov.vn");
        assert!(write!(house, unit, dung, |tx| tx.remove_from_list(unit, ListPart::Member, dung, "cli", NOW).await?).unwrap());
        write!(house, |tx| tx.set_account_state(account_id(2), AccountState::Closed, NOW).await?).unwrap();
        assert_eq!(receivers(&house, &unit).await, ["an@a.gov.vn", "x@outside.vn"]);
    }

    async fn who_may_send_is_a_table(house: House) {
        furnished(&house).await;
        // A stranger, An (of the unit, a member), Bình (of the unit), Chi (of the agency, named), Dũng (of the house).
        let rows = [
            (WhoMaySend::Members, [false, true, false, false, false]),
            (WhoMaySend::Unit, [false, true, true, false, false]),
            (WhoMaySend::Agency, [false, true, true, true, false]),
            (WhoMaySend::House, [false, true, true, true, true]),
            (WhoMaySend::Anyone, [true, true, true, true, true]),
            (WhoMaySend::Named, [false, false, false, true, false]),
        ];
        for (who_may_send, expected) in rows {
            let at = format!("{}@a.gov.vn", who_may_send.as_str());
            let list = add(&house, NewList { who_may_send, unit_id: Some(unit_id()), ..new_list(&at) }).await;
            put(&house, &list, ListPart::Member, "an@a.gov.vn").await.unwrap();
            put(&house, &list, ListPart::Sender, "chi@a.gov.vn").await.unwrap();
            let senders = [None, Some(account_id(1)), Some(account_id(2)), Some(account_id(3)), Some(account_id(5))];
            for (sender, expected) in senders.into_iter().zip(expected) {
                let list = list.clone();
                let may = house.store.read(list, move |tx, list| Box::pin(async move { tx.may_send_to_list(list, sender).await })).await;
                assert_eq!(may.unwrap(), expected, "{who_may_send:?} {sender:?}");
            }
        }
    }

    async fn five_thousand_members_are_one_transaction(house: House) {
        furnished(&house).await;
        let list = add(&house, NewList { is_everybody: true, ..new_list("all@a.gov.vn") }).await;
        write!(house, |tx| {
            for n in 0..4_997_u32 {
                let mut id = [7; 16];
                id[..4].copy_from_slice(&n.to_be_bytes());
                let one = NewAccount { account_id: mail::AccountId::from_bytes(id), ..account(9, &format!("n{n}@a.gov.vn")) };
                tx.add_account(&one, NOW).await?;
            }
        })
        .unwrap();
        let blob = house.store.seal(account_id(1), b"Subject: x\r\n\r\n", NOW).await.unwrap();
        let mail = OutboundMail { require_tls: false, priority: None, not_before: None, deliver_by: None, via: None, binary: false,
            reverse_path: None, recipients: Vec::new(), submission: None, envid: None, ret: None, smtputf8: false,
            body_8bit: false, received_at: NOW, trace: "t1".into(), keywords: Vec::new(), list: None, forwarded_by: None, to_list: None,
        };
        let copy = ListCopy { mail, owner: account_id(1).into(), blob_id: blob.blob_id() };
        let begun = std::time::Instant::now();
        let rows = write!(house, list, copy, blob, |tx| {
            tx.put_blob(blob, NOW).await?;
            // An gets the message anyway.
            let mut seen = HashSet::from([account_id(1)]);
            let rows = tx.enqueue_list(list, copy, &mut seen, NOW).await?;
            tx.drop_blob(account_id(1), blob.blob_id(), NOW).await?;
            rows
        });
        eprintln!("a mail to 5000 members: {} ms", begun.elapsed().as_millis());
        assert_eq!(rows.unwrap(), 4_999);
        assert_eq!(read!(house, |tx| tx.outbox_depth().await?), 4_999);
        let claimed = write!(house, |tx| tx.claim_outbox(OutboxKind::Local, "w", NOW, std::time::Duration::from_secs(9), 1).await?).unwrap();
        let mail: OutboundMail = serde_json::from_str(&claimed[0].payload).unwrap();
        assert_eq!(mail.reverse_path, Some(address("an@a.gov.vn")));
        assert_eq!(mail.list, Some(address("all@a.gov.vn")));
        assert_eq!(claimed[0].destination, mail.recipients[0].local_account.unwrap().to_string());
    }
}
