//! Packages that meet: the same identifier, the same words, at the same moment.

use registry::Error;
use registry::package::write_document;

use crate::house::{document, good, stories};
use crate::statuses::status;
use crate::world::World;

stories! {
    async fn vxp_3_8_7_two_packages_under_one_identifier_at_once(house: House) {
        for round in 0..4 {
            let number = format!("9{round}");
            let packages = ["Bản một", "Bản hai", "Bản ba", "Bản bốn"].map(|subject| {
                let mut new = document(&number, &["H37.02"], &[("van-ban.pdf", &World::get().complete())]);
                new.subject = subject.to_owned();
                write_document(&new).unwrap()
            });
            let [a, b, c, d] = &packages;
            let send = |package| house.send("hub.01", "H37.01", package);
            let outcomes: [_; 4] = tokio::join!(send(a), send(b), send(c), send(d)).into();
            let accepted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
            assert_eq!(accepted, 1, "round {round}: {outcomes:?}");
            let conflicts = outcomes.iter().filter(|outcome| matches!(outcome, Err(Error::Conflict))).count();
            assert_eq!(conflicts, 3, "round {round}: {outcomes:?}");
        }
        assert_eq!(house.waiting("hub.02").await.len(), 4);
    }

    async fn vxp_3_8_7_an_agreed_update_gives_nothing_back(house: House) {
        use crate::house::act;
        use registry::package::BusinessType;
        house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        let update = act(BusinessType::Update, "05", &["H37.02"], &[("van-ban.pdf", &World::get().complete())]);
        house.send("hub.01", "H37.01", &write_document(&update).unwrap()).await.unwrap();
        house.send("hub.02", "H37.02", &status("H37.02", "H37.01", "05", "15")).await.unwrap();
        let mut again = document("05", &["H37.02"], &[("van-ban.pdf", &World::get().complete())]);
        again.subject = "Khác".to_owned();
        let again = house.send("hub.01", "H37.01", &write_document(&again).unwrap()).await;
        assert_eq!(again.unwrap_err(), Error::Conflict);
    }

    async fn r41_a_request_and_its_answer_at_once_are_about_the_same_versions(house: House) {
        use crate::house::{act, agency_id};
        use registry::package::BusinessType;
        for round in 0..8 {
            let number = format!("7{round}");
            let first = house.send("hub.01", "H37.01", &good(&number, &["H37.02"])).await.unwrap();
            let update = act(BusinessType::Update, &number, &["H37.02"], &[("van-ban.pdf", &World::get().complete())]);
            let second = house.send("hub.01", "H37.01", &write_document(&update).unwrap()).await.unwrap();
            let request = status("H37.01", "H37.02", &number, "13");
            let answer = status("H37.02", "H37.01", &number, "15");
            let (asked, answered) =
                tokio::join!(house.send("hub.01", "H37.01", &request), house.send("hub.02", "H37.02", &answer));
            asked.unwrap();
            answered.unwrap();
            let mut states = Vec::new();
            for id in [first.document_id, second.document_id] {
                let read = house.desk.store.read(id, |tx, id| Box::pin(async move { tx.receivers_of(agency_id(1), *id).await }));
                states.push(read.await.unwrap()[0].state.clone());
            }
            // The answer came before the request, or after it; not in the middle of it.
            assert_eq!(states[0], states[1], "round {round}");
        }
    }
}
