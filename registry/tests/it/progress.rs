//! Where documents stand at their receivers, and the feed that tells it (RULES R24, R49, 1.4).

use store::{Event, Receiver};

use crate::house::{House, agency_id, good, stories};
use crate::statuses::status;
use crate::world::NOW;

pub(crate) async fn receivers(house: &House, accepted: &registry::accept::Accepted) -> Vec<Receiver> {
    let read = house.desk.store.read(accepted.document_id, |tx, id| {
        Box::pin(async move { tx.receivers_of(agency_id(1), *id).await })
    });
    read.await.unwrap()
}

/// Takes waiting events into the feed and reads an agency's.
pub(crate) async fn feed(house: &House, agency: u8) -> Vec<Event> {
    let numbered: Result<usize, store::Error> = house
        .desk
        .store
        .write("number", (), |tx, ()| Box::pin(async move { tx.number_events(1_000).await }))
        .await;
    numbered.unwrap();
    let read = house.desk.store.read(agency, |tx, agency| {
        Box::pin(async move { tx.events_after(agency_id(*agency), 0, 100).await })
    });
    read.await.unwrap()
}

stories! {
    async fn r24_every_receiver_has_a_state_of_its_own(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02", "H37.03", "H37.04"])).await.unwrap();
        house.send("hub.02", "H37.02", &status("H37.02", "H37.01", "05", "03")).await.unwrap();
        house.send("hub.02", "H37.03", &status("H37.03", "H37.01", "05", "02")).await.unwrap();
        let at: Vec<(String, String)> =
            receivers(&house, &sent).await.into_iter().map(|at| (at.code.to_string(), at.state)).collect();
        let expected = [("H37.02", "accepted"), ("H37.03", "returned"), ("H37.04", "delivered")];
        assert_eq!(at, expected.map(|(code, state)| (code.to_owned(), state.to_owned())));
    }

    async fn r41_a_request_to_take_back_is_open_until_it_is_answered(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        house.send("hub.01", "H37.01", &status("H37.01", "H37.02", "05", "13")).await.unwrap();
        assert_eq!(receivers(&house, &sent).await[0].ask, "take-back");
        house.send("hub.02", "H37.02", &status("H37.02", "H37.01", "05", "16")).await.unwrap();
        let at = &receivers(&house, &sent).await[0];
        assert_eq!((at.ask.as_str(), at.state.as_str(), at.reason.as_str()), ("", "delivered", "lý do"));
        assert_eq!(at.changed_at, NOW);
    }

    async fn r49_everybody_is_told_in_order(house: House) {
        house.send("hub.01", "H37.01", &good("05", &["H37.02", "H37.03"])).await.unwrap();
        house.send("hub.02", "H37.03", &status("H37.03", "H37.01", "05", "01")).await.unwrap();
        let kinds = |events: Vec<Event>| -> Vec<String> { events.into_iter().map(|event| event.kind).collect() };
        assert_eq!(kinds(feed(&house, 2).await), ["document.arrived"]);
        assert_eq!(kinds(feed(&house, 3).await), ["document.arrived"]);
        let sender = feed(&house, 1).await;
        assert!(sender[1].place > sender[0].place && sender[1].facts.contains("\"state\":\"arrived\""));
        assert_eq!(kinds(sender), ["document.accepted", "document.status"]);
        assert!(feed(&house, 4).await.is_empty());
    }
}
