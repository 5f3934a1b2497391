//! Keys that sign mail (DKIM): sealed, one of each algorithm at work.

use mail::{Domain, Secret};
use store::{DkimAlgorithm, DkimState, NewDkimKey};

use crate::house::{NOW, read, stories, write};

fn domain(name: &str) -> Domain {
    name.parse().unwrap()
}

fn key(domain_name: &str, selector: &str, algorithm: DkimAlgorithm) -> NewDkimKey {
    NewDkimKey {
        domain: domain(domain_name),
        selector: selector.to_owned(),
        algorithm,
        public_key: "AAAA".to_owned(),
        secret: Secret::from(format!("khóa {selector}").as_str()),
    }
}

stories! {
    async fn rfc_6376_a_key_is_sealed_signs_when_active_and_retires_for_the_next(house: House) {

        for (selector, algorithm) in
            [("r1", DkimAlgorithm::Rsa), ("r2", DkimAlgorithm::Rsa), ("e1", DkimAlgorithm::Ed25519)]
        {
            house.store.add_dkim_key(key("a.gov.vn", selector, algorithm), NOW).await.unwrap();
        }
        let again = house.store.add_dkim_key(key("a.gov.vn", "r1", DkimAlgorithm::Rsa), NOW).await;
        assert!(matches!(again, Err(store::Error::Conflict(_))), "{again:?}");
        assert!(read!(house, |tx| tx.dkim_signers(&domain("a.gov.vn")).await?).is_empty());
        for selector in ["r1", "e1", "r2"] {
            assert!(write!(house, |tx| tx.activate_dkim_key(&domain("a.gov.vn"), selector, NOW).await?).unwrap());
        }
        assert!(!write!(house, |tx| tx.activate_dkim_key(&domain("b.gov.vn"), "r1", NOW).await?).unwrap());
        let house = house.reopen().await;
        let signers = read!(house, |tx| tx.dkim_signers(&domain("a.gov.vn")).await?);
        let signers: Vec<_> =
            signers.iter().map(|one| (one.selector.as_str(), one.secret.expose_secret().as_str())).collect();
        assert_eq!(signers, [("e1", "khóa e1"), ("r2", "khóa r2")]);
        let keys = read!(house, |tx| tx.dkim_keys(&domain("a.gov.vn")).await?);
        let states: Vec<_> = keys.iter().map(|key| (key.selector.as_str(), key.state, key.retired_at)).collect();
        let expected = [
            ("e1", DkimState::Active, None),
            ("r1", DkimState::Retired, Some(NOW)),
            ("r2", DkimState::Active, None),
        ];
        assert_eq!(states, expected);
        assert!(write!(house, |tx| tx.retire_dkim_key(&domain("a.gov.vn"), "e1", NOW).await?).unwrap());
        assert!(!write!(house, |tx| tx.retire_dkim_key(&domain("a.gov.vn"), "e1", NOW).await?).unwrap());
        assert!(read!(house, |tx| tx.dkim_keys(&domain("b.gov.vn")).await?).is_empty());

    }
}
