//! Where addresses lead: other names of domains, who takes what is nobody's, and addresses that have moved.

use std::time::Duration;

use mail::{EmailAddress, Timestamp};
use store::{
    AccountKind, AccountState, CLOSED_REPLY, Error, MovedPlace, NewAccount, NewMove, Resolved, Role, SendsAs,
};

use crate::house::{House, NOW, account, account_id, agency_id, read, stories, write};

const DAY: Duration = Duration::from_secs(86_400);

fn at(address: &str) -> EmailAddress {
    address.parse().unwrap()
}

/// Where mail for an address goes, in a word.
async fn asked(house: &House, address: &'static str, now: Timestamp) -> String {
    match read!(house, |tx| tx.resolve_address(&at(address), now).await?) {
        Resolved::Here(account) => format!("here {}", account.account_id.as_bytes()[0]),
        Resolved::List(list) => format!("list {}", list.address),
        Resolved::Elsewhere(domain) => format!("elsewhere {domain}"),
        Resolved::Moved(moved) => match &moved.place {
            MovedPlace::Here(account) => {
                format!("moved here {} {}", account.account_id.as_bytes()[0], moved.to)
            }
            MovedPlace::Elsewhere(domain) => format!("moved {domain} {}", moved.to),
        },
        Resolved::Closed(office) => {
            format!("closed {}", office.map_or("-".to_owned(), |one| one.to_string()))
        }
        Resolved::Unknown => "unknown".to_owned(),
    }
}

async fn sends_as(house: &House, n: u8, address: &'static str) -> Option<SendsAs> {
    read!(house, |tx| tx.sends_as(account_id(n), &at(address), NOW).await?)
}

/// Three domains, An (1) at a.gov.vn, Bình (2) at b.gov.vn, an office (3), one that is closed (4).
async fn furnish(house: &House) {
    let office = NewAccount { kind: AccountKind::Agency, ..account(3, "phong@a.gov.vn") };
    write!(house, office, |tx| {
        for domain in ["a.gov.vn", "b.gov.vn", "c.gov.vn"] {
            tx.put_domain(&domain.parse().unwrap(), Some(agency_id(1)), NOW).await?;
        }
        for new in
            [&account(1, "an@a.gov.vn"), &account(2, "binh@b.gov.vn"), office, &account(4, "chi@a.gov.vn")]
        {
            tx.add_account(new, NOW).await?;
        }
        tx.set_account_state(account_id(4), AccountState::Closed, NOW).await?
    })
    .unwrap();
}

/// A decision that an address moves, for 100 days.
async fn moves(house: &House, from: &str, to: &str) -> Result<(), Error> {
    let new =
        NewMove { from: at(from), to: at(to), until: NOW.plus(DAY * 100), decision: "QĐ 1".to_owned() };
    write!(house, new, |tx| tx.move_address(new, "cli", NOW).await?)
}

async fn names(house: &House, domain: &str, of: Option<&str>) -> Result<(), Error> {
    let input = (domain.parse().unwrap(), of.map(|of| of.parse().unwrap()));
    house
        .store
        .write("name", input, |tx, (domain, of): &(mail::Domain, Option<mail::Domain>)| {
            Box::pin(async move { tx.set_domain_alias(domain, of.as_ref(), "cli", NOW).await })
        })
        .await
}

stories! {
    async fn m5_a_domain_has_other_names_in_both_directions(house: House) {
        furnish(&house).await;
        names(&house, "b.gov.vn", Some("a.gov.vn")).await.unwrap();
        names(&house, "c.gov.vn", Some("a.gov.vn")).await.unwrap();
        let rows = [
            ("an@a.gov.vn", "here 1"), ("an@b.gov.vn", "here 1"), ("AN+hop@c.gov.vn", "here 1"),
            ("binh@a.gov.vn", "here 2"), ("binh@c.gov.vn", "here 2"), ("phong@b.gov.vn", "here 3"),
            ("chi@b.gov.vn", "closed -"), ("nobody@b.gov.vn", "unknown"), ("an@d.vn", "elsewhere d.vn"),
        ];
        for (address, expected) in rows {
            assert_eq!(asked(&house, address, NOW).await, expected, "{address}");
        }
        // Who has an address writes as it under every name; nobody else does.
        for (n, address, may) in [(1, "an@b.gov.vn", true), (1, "an@c.gov.vn", true), (2, "binh@a.gov.vn", true), (2, "an@b.gov.vn", false), (4, "chi@b.gov.vn", true)] {
            assert_eq!(sends_as(&house, n, address).await.is_some(), may, "{n} {address}");
        }
        let own = read!(house, |tx| tx.own_addresses(account_id(1), NOW).await?);
        let own: Vec<String> = own.iter().map(ToString::to_string).collect();
        assert_eq!(own, ["an@a.gov.vn", "an@b.gov.vn", "an@c.gov.vn"]);
        // Somebody's own address is theirs, whatever the domain is a name of (RULES M23).
        write!(house, |tx| tx.add_account(&account(5, "an@b.gov.vn"), NOW).await?).unwrap();
        assert_eq!(asked(&house, "an@b.gov.vn", NOW).await, "here 5");
        assert_eq!(sends_as(&house, 1, "an@b.gov.vn").await, None);
        let own = read!(house, |tx| tx.own_addresses(account_id(1), NOW).await?);
        assert_eq!(own.len(), 2, "{own:?}");
        names(&house, "c.gov.vn", None).await.unwrap();
        assert_eq!(asked(&house, "an@c.gov.vn", NOW).await, "unknown");
        assert_eq!(sends_as(&house, 1, "an@c.gov.vn").await, None);
    }

    async fn a_name_of_a_name_is_none(house: House) {
        furnish(&house).await;
        names(&house, "b.gov.vn", Some("a.gov.vn")).await.unwrap();
        for (domain, of) in [("c.gov.vn", "b.gov.vn"), ("a.gov.vn", "c.gov.vn"), ("a.gov.vn", "a.gov.vn")] {
            let named = names(&house, domain, Some(of)).await;
            assert!(matches!(named, Err(Error::Refused(_))), "{domain} {of}: {named:?}");
        }
        for (domain, of) in [("x.vn", "a.gov.vn"), ("c.gov.vn", "x.vn")] {
            let named = names(&house, domain, Some(of)).await;
            assert!(matches!(named, Err(Error::NotFound(_))), "{domain} {of}: {named:?}");
        }
    }

    async fn m23_a_catch_all_takes_what_was_never_anybodys(house: House) {
        furnish(&house).await;
        assert_eq!(asked(&house, "nobody@a.gov.vn", NOW).await, "unknown", "off unless somebody wants it");
        let set = async |account| {
            write!(house, |tx| tx.set_catch_all(&"a.gov.vn".parse().unwrap(), account, "cli", NOW).await?)
        };
        set(Some(account_id(3))).await.unwrap();
        let admin = NewAccount { role: Role::Admin, ..account(6, "keeper@a.gov.vn") };
        write!(house, admin, |tx| tx.add_account(admin, NOW).await?).unwrap();
        let later = NOW.plus(CLOSED_REPLY);
        let rows = [
            ("nobody@a.gov.vn", NOW, "here 3"), ("nobody+x@a.gov.vn", NOW, "here 3"), ("an@a.gov.vn", NOW, "here 1"),
            ("postmaster@a.gov.vn", NOW, "here 6"), ("nobody@b.gov.vn", NOW, "unknown"),
            // Whoever was somebody keeps their answer, and is nobody's afterwards.
            ("chi@a.gov.vn", NOW, "closed -"), ("chi@a.gov.vn", later, "unknown"),
        ];
        for (address, now, expected) in rows {
            assert_eq!(asked(&house, address, now).await, expected, "{address}");
        }
        write!(house, |tx| tx.set_account_state(account_id(3), AccountState::Closed, NOW).await?).unwrap();
        assert_eq!(asked(&house, "nobody@a.gov.vn", NOW).await, "unknown");
        set(None).await.unwrap();
        assert!(matches!(set(Some(account_id(99))).await, Err(Error::NotFound(_))));
        let stranger = NewAccount { agency_id: agency_id(2), ..account(7, "xa@c.gov.vn") };
        write!(house, stranger, |tx| tx.add_account(stranger, NOW).await?).unwrap();
        assert!(matches!(set(Some(account_id(7))).await, Err(Error::Refused(_))));
    }

    async fn m5_mail_follows_an_address_for_its_term_and_is_then_told_where(house: House) {
        furnish(&house).await;
        moves(&house, "an@a.gov.vn", "an.nguyen@b.gov.vn").await.unwrap();
        let end = NOW.plus(DAY * 100);
        let rows = [
            (NOW, "moved here 1 an.nguyen@b.gov.vn"), (end.minus(Duration::from_millis(1)), "moved here 1 an.nguyen@b.gov.vn"),
            (end, "closed an.nguyen@b.gov.vn"), (end.plus(CLOSED_REPLY - DAY), "closed an.nguyen@b.gov.vn"), (end.plus(CLOSED_REPLY), "unknown"),
        ];
        for (now, expected) in rows {
            assert_eq!(asked(&house, "an@a.gov.vn", now).await, expected, "{now}");
        }
        assert_eq!(asked(&house, "an.nguyen@b.gov.vn", NOW).await, "here 1");
        let addresses = read!(house, |tx| tx.addresses(account_id(1)).await?);
        let first: Vec<_> = addresses.iter().filter(|one| one.is_primary).map(|one| one.address.to_string()).collect();
        assert_eq!(first, ["an.nguyen@b.gov.vn"]);
        // Both are theirs to write as while the term runs; nobody else gets the old one, then or later (RULES M23).
        assert_eq!(sends_as(&house, 1, "an@a.gov.vn").await, Some(SendsAs::Itself));
        let again = write!(house, |tx| tx.add_account(&account(8, "an@a.gov.vn"), NOW).await?);
        assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
        // A second reorganisation.
        moves(&house, "an.nguyen@b.gov.vn", "an@c.gov.vn").await.unwrap();
        assert_eq!(asked(&house, "an@a.gov.vn", NOW).await, "moved here 1 an@c.gov.vn");
        // And away, to another system.
        moves(&house, "an@c.gov.vn", "an@bo.gov.vn").await.unwrap();
        assert_eq!(asked(&house, "an@a.gov.vn", NOW).await, "moved bo.gov.vn an@bo.gov.vn");
        assert_eq!(asked(&house, "an@a.gov.vn", end).await, "closed an.nguyen@b.gov.vn");
    }

    async fn m5_m23_what_does_not_move(house: House) {
        furnish(&house).await;
        let other = NewAccount { kind: AccountKind::Agency, ..account(5, "so@b.gov.vn") };
        write!(house, other, |tx| tx.add_account(other, NOW).await?).unwrap();
        for (from, to) in [
            ("an@a.gov.vn", "an@a.gov.vn"), ("an@a.gov.vn", "binh@b.gov.vn"), ("an@a.gov.vn", "phong@a.gov.vn"),
            ("phong@a.gov.vn", "an@a.gov.vn"), ("an@a.gov.vn", "chi@a.gov.vn"), ("chi@a.gov.vn", "chi@b.gov.vn"),
        ] {
            let moved = moves(&house, from, to).await;
            assert!(matches!(moved, Err(Error::Refused(_))), "{from} {to}: {moved:?}");
        }
        let unknown = moves(&house, "nobody@a.gov.vn", "x@b.gov.vn").await;
        assert!(matches!(unknown, Err(Error::NotFound(_))), "{unknown:?}");
        // An office is followed by an office, and its box stays its own.
        moves(&house, "phong@a.gov.vn", "so@b.gov.vn").await.unwrap();
        assert_eq!(asked(&house, "phong@a.gov.vn", NOW).await, "moved here 5 so@b.gov.vn");
        // Moves in a circle lead nowhere.
        moves(&house, "so@b.gov.vn", "so@c.gov.vn").await.unwrap();
        let circle = moves(&house, "so@c.gov.vn", "so@b.gov.vn").await;
        assert!(matches!(circle, Err(Error::Refused(_))), "{circle:?}");
    }

    async fn m5_an_address_of_a_day_to_come_is_nobodys_before(house: House) {
        furnish(&house).await;
        house.run_sql("UPDATE address SET valid_from = 1795309200001 WHERE address_folded = 'an@a.gov.vn'").await;
        assert_eq!(asked(&house, "an@a.gov.vn", NOW).await, "unknown");
        assert_eq!(sends_as(&house, 1, "an@a.gov.vn").await, None);
        assert!(read!(house, |tx| tx.account_at(&at("an@a.gov.vn"), NOW).await?).is_none());
        assert_eq!(asked(&house, "an@a.gov.vn", NOW.plus(DAY)).await, "here 1");
    }

    async fn m5_a_sender_is_told_of_a_move_once_in_some_days(house: House) {
        furnish(&house).await;
        let (old, sender, other) = (at("an@a.gov.vn"), at("x@x.vn"), at("y@x.vn"));
        let told = async |sender: &EmailAddress, now: Timestamp| {
            let whom = (old.clone(), sender.clone());
            write!(house, whom, |tx| tx.tell_of_move(account_id(1), (&whom.0, &whom.1), now.minus(DAY * 7), now).await?).unwrap()
        };
        assert!(told(&sender, NOW).await);
        assert!(!told(&sender, NOW.plus(DAY * 6)).await);
        assert!(told(&other, NOW).await, "each for themselves");
        assert!(told(&sender, NOW.plus(DAY * 7)).await);
    }
}
