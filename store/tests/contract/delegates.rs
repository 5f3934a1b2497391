//! Who may act in an agency's box.

use std::time::Duration;

use store::{AccountKind, AccountState, Delegate, DelegateRights, Error, NewAccount, SendsAs};

use crate::house::{House, NOW, account, account_id, agency_id, read, stories, write};

/// Persons 1 and 2, the box 3 with two addresses, all of agency 1.
async fn with_a_box(house: &House) {
    let a_box = NewAccount { kind: AccountKind::Agency, ..account(3, "vanthu@a.gov.vn") };
    write!(house, a_box, |tx| {
        tx.add_account(&account(1, "an@a.gov.vn"), NOW).await?;
        tx.add_account(&account(2, "binh@a.gov.vn"), NOW).await?;
        tx.add_account(a_box, NOW).await?;
        tx.add_alias(account_id(3), &"so.noi.vu@a.gov.vn".parse().unwrap(), NOW).await?
    })
    .unwrap();
}

fn delegate(person: u8, rights: &str, days: u64) -> Delegate {
    Delegate {
        box_id: account_id(3),
        person_id: account_id(person),
        rights: rights.parse().unwrap(),
        valid_from: NOW,
        valid_to: NOW.plus(Duration::from_secs(days * 86_400)),
        decision: "7/QĐ".into(),
        granted_by: "test".into(),
    }
}

stories! {
    async fn m26_a_delegate_sends_with_the_boxs_addresses_within_the_time_and_by_the_right(house: House) {
        with_a_box(&house).await;
        let (an, binh) = (delegate(1, "send_as,send_on_behalf", 10), delegate(2, "send_on_behalf", 5));
        write!(house, an, binh, |tx| {
            tx.put_delegate(an, agency_id(1), NOW).await?;
            tx.put_delegate(binh, agency_id(1), NOW).await?
        })
        .unwrap();
        let a_box = account_id(3);
        let rows = [
            (1, "vanthu@a.gov.vn", 0, Some(SendsAs::Box(a_box))),
            (1, "So.Noi.Vu@a.gov.vn", 0, Some(SendsAs::Box(a_box))),
            (2, "vanthu@a.gov.vn", 0, Some(SendsAs::BoxOnBehalf(a_box))),
            (1, "an@a.gov.vn", 0, Some(SendsAs::Itself)),
            (3, "vanthu@a.gov.vn", 0, Some(SendsAs::Itself)),
            // A delegate is not the other delegate, and the box is no delegate.
            (1, "binh@a.gov.vn", 0, None),
            (3, "an@a.gov.vn", 0, None),
            (1, "nobody@a.gov.vn", 0, None),
            // The last second, and the one after it.
            (2, "vanthu@a.gov.vn", 5 * 86_400 - 1, Some(SendsAs::BoxOnBehalf(a_box))),
            (2, "vanthu@a.gov.vn", 5 * 86_400, None),
            (1, "vanthu@a.gov.vn", 10 * 86_400, None),
        ];
        for (who, address, seconds, expected) in rows {
            let at = NOW.plus(Duration::from_secs(seconds));
            let found = read!(house, |tx| tx.sends_as(account_id(who), &address.parse().unwrap(), at).await?);
            assert_eq!(found, expected, "{who} {address} {seconds}");
        }
        let early = mail::Timestamp::from_millis(NOW.millis() - 1);
        assert_eq!(read!(house, |tx| tx.delegated(a_box, account_id(1), early).await?), None);
        assert_eq!(read!(house, |tx| tx.delegates_of(a_box).await?), [an.clone(), binh.clone()]);
        assert_eq!(read!(house, |tx| tx.delegations_of(account_id(2)).await?), [binh]);
        assert_eq!(read!(house, |tx| tx.delegates_of(account_id(1)).await?), []);

        // Given again, it is as the last word says; taken away, it is over.
        let less = delegate(1, "send_on_behalf", 10);
        write!(house, less, |tx| tx.put_delegate(less, agency_id(1), NOW).await?).unwrap();
        let now = read!(house, |tx| tx.sends_as(account_id(1), &"vanthu@a.gov.vn".parse().unwrap(), NOW).await?);
        assert_eq!(now, Some(SendsAs::BoxOnBehalf(a_box)));
        write!(house, |tx| tx.remove_delegate(a_box, account_id(1), agency_id(1), "test", NOW).await?).unwrap();
        assert_eq!(read!(house, |tx| tx.delegated(a_box, account_id(1), NOW).await?), None);
        let again = write!(house, |tx| tx.remove_delegate(a_box, account_id(1), agency_id(1), "test", NOW).await?);
        assert!(matches!(again, Err(Error::NotFound(_))), "{again:?}");

        let trail = read!(house, |tx| tx.audit_trail(agency_id(1), 10).await?);
        assert_eq!(trail.len(), 4, "{trail:?}");
        assert!(trail.iter().all(|row| row.subject == a_box.to_string() && row.detail.contains(r#""what":"delegate""#)));
        assert!(trail.iter().any(|row| row.detail.contains("send_as") && row.detail.contains("7/QĐ")));
    }

    async fn m20_nobody_sends_for_a_box_that_is_not_in_use(house: House) {
        with_a_box(&house).await;
        let an = delegate(1, "send_as", 10);
        write!(house, an, |tx| tx.put_delegate(an, agency_id(1), NOW).await?).unwrap();
        for (state, sends) in [(AccountState::Suspended, false), (AccountState::Active, true), (AccountState::Locked, false)] {
            write!(house, |tx| tx.set_account_state(account_id(3), state, NOW).await?).unwrap();
            let found = read!(house, |tx| tx.delegated(account_id(3), account_id(1), NOW).await?);
            assert_eq!(found.is_some(), sends, "{state:?}");
        }
    }

    async fn m26_a_box_has_so_many_delegates_and_no_more(house: House) {
        with_a_box(&house).await;
        let many: Vec<Delegate> = (0..store::DELEGATES_MAX)
            .map(|n| {
                let mut id = [9; 16];
                id[..8].copy_from_slice(&n.to_be_bytes());
                Delegate { person_id: mail::AccountId::from_bytes(id), ..delegate(1, "send_as", 1) }
            })
            .collect();
        write!(house, many, |tx| {
            for one in many {
                tx.put_delegate(one, agency_id(1), NOW).await?;
            }
        })
        .unwrap();
        let one_more = delegate(1, "send_as", 1);
        let full = write!(house, one_more, |tx| tx.put_delegate(one_more, agency_id(1), NOW).await?);
        assert!(matches!(full, Err(Error::Full(_))), "{full:?}");
        // Who is there already may get other rights.
        let known = Delegate { rights: "send_on_behalf".parse().unwrap(), ..many[0].clone() };
        write!(house, known, |tx| tx.put_delegate(known, agency_id(1), NOW).await?).unwrap();
    }
}

#[test]
fn m26_rights_are_words() {
    for (words, back) in [
        ("send_as", "send_as"),
        ("send_on_behalf, send_as", "send_as,send_on_behalf"),
        ("send_as,send_as", "send_as"),
    ] {
        assert_eq!(words.parse::<DelegateRights>().unwrap().words(), back, "{words}");
    }
    for words in ["", "read", "send_as,", "SEND_AS", "all"] {
        assert!(words.parse::<DelegateRights>().is_err(), "{words}");
    }
}
