//! Keys, and what they let a system look through: never more than its agencies', never more than the key's.

use mail::{ApiKeyId, DocumentId, Timestamp};
use registry::Error;
use registry::browse::{self, Look, Page, Seen, Side};
use registry::compose::{self, Draft, Report};
use registry::keys::{self, Caller, KeyToAdd, Scope};
use registry::package::{BusinessType, Staff, write_document};
use registry::status::StatusCode;
use registry::{view, words};
use store::ExchangeSystem;

use crate::house::{House, act, agency_id, good, stories};
use crate::statuses::status;
use crate::world::NOW;

fn look(side: Side, agencies: &[u8]) -> Look {
    Look {
        side,
        agencies: agencies.iter().map(|number| agency_id(*number)).collect(),
        before: None,
        from: None,
        to: None,
        sought: None,
        state: None,
        priority: None,
        limit: 50,
    }
}

async fn list(house: &House, system: &ExchangeSystem, look: Look) -> Page {
    let read = house.desk.store.read((system.clone(), look), |tx, (system, look)| {
        Box::pin(async move { browse::list(tx, system, look).await })
    });
    read.await.unwrap()
}

async fn find(house: &House, system: &ExchangeSystem, id: DocumentId) -> Result<Seen, Error> {
    let read = house.desk.store.read((system.clone(), id), |tx, (system, id)| {
        Box::pin(async move { browse::find(tx, system, *id).await })
    });
    read.await
}

/// Makes a key of hub.02, which speaks for agencies 2 and 3; answers the key and what came of it.
async fn make_key(house: &House, agencies: &[&str], ends: Option<Timestamp>) -> (String, Result<(), Error>) {
    let key = keys::draw(&*house.desk.chance).expose_secret().clone();
    let new = KeyToAdd {
        key_id: ApiKeyId::new(NOW, &*house.desk.chance),
        key_sha256: keys::digest_of(&key).unwrap(),
        system_id: "hub.02".to_owned(),
        name: String::new(),
        scopes: vec![Scope::DocumentsRead, Scope::EventsRead],
        agencies: agencies.iter().map(|code| code.parse().unwrap()).collect(),
        expires_at: ends,
    };
    let made = house
        .desk
        .store
        .write("make a key", new, |tx, new| Box::pin(async move { keys::add(tx, new, "story", NOW).await }));
    let made = made.await;
    (key, made)
}

async fn open(house: &House, key: &str, now: Timestamp) -> Result<Caller, Error> {
    let read = house
        .desk
        .store
        .read(key.to_owned(), |tx, key| Box::pin(async move { keys::open(tx, key, now).await }));
    read.await
}

fn ids(page: &Page) -> Vec<DocumentId> {
    page.seen.iter().map(|seen| seen.document.document_id).collect()
}

stories! {
    async fn a_list_of_two_agencies_is_one_list_in_pages(house: House) {
        let mut sent = Vec::new();
        let routes: [(&str, &[&str]); 5] = [
            ("05", &["H37.02"]), ("06", &["H37.03"]), ("07", &["H37.02", "H37.03"]), ("08", &["H37.04"]), ("09", &["H37.02"]),
        ];
        for (number, to) in routes {
            sent.push(house.send("hub.01", "H37.01", &good(number, to)).await.unwrap().document_id);
        }
        let hub = house.system("hub.02").await;
        let mut expected = vec![sent[0], sent[1], sent[2], sent[4]];
        expected.sort_by(|one, other| other.cmp(one));
        assert_eq!(ids(&list(&house, &hub, look(Side::Received, &[2, 3])).await), expected);
        // Page by page: each once, none left out.
        let (mut paged, mut before) = (Vec::new(), None);
        loop {
            let page = list(&house, &hub, Look { before, limit: 1, ..look(Side::Received, &[2, 3]) }).await;
            paged.extend(ids(&page));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(paged, expected);
        // The document of both is one row, with both places.
        let both = find(&house, &hub, sent[2]).await.unwrap();
        assert_eq!(both.receivers.len(), 2);
        // By words, on either side; and nobody finds another's.
        for (text, count) in [("phối hợp", 4), ("PHOI", 4), ("07 snv", 1), ("phoi khac", 0), ("cơ quan", 0)] {
            let sought = words::of_query(text);
            let page = list(&house, &hub, Look { sought, ..look(Side::Received, &[2, 3]) }).await;
            assert_eq!(page.seen.len(), count, "{text}");
        }
        let sender = house.system("hub.01").await;
        let sought = words::of_query("phoi hop");
        let page = list(&house, &sender, Look { sought, ..look(Side::Sent, &[1]) }).await;
        assert_eq!(page.seen.len(), 5);
        assert!(list(&house, &sender, look(Side::Received, &[1])).await.seen.is_empty());
        assert_eq!(find(&house, &hub, sent[3]).await.unwrap_err(), Error::NoSuchDocument);
        let too_many = Look { agencies: vec![agency_id(2); browse::AGENCIES_MAX + 1], ..look(Side::Received, &[]) };
        let read = house.desk.store.read((hub, too_many), |tx, (system, look)| {
            Box::pin(async move { browse::list(tx, system, look).await })
        });
        assert!(matches!(read.await.unwrap_err(), Error::BadParameter { name: "agency", .. }));
    }

    async fn a_key_speaks_for_no_more_than_it_was_made_for(house: House) {
        let own = house.send("hub.01", "H37.01", &good("05", &["H37.03"])).await.unwrap().document_id;
        let both = house.send("hub.01", "H37.01", &good("06", &["H37.02", "H37.03"])).await.unwrap().document_id;
        let others = house.send("hub.01", "H37.01", &good("07", &["H37.02"])).await.unwrap().document_id;
        let (key, made) = make_key(&house, &["h37.03"], None).await;
        made.unwrap();
        let caller = open(&house, &key, NOW).await.unwrap();
        let agencies: Vec<_> = caller.system.agencies.iter().map(|agency| agency.agency_id).collect();
        assert_eq!((caller.system.agency_id, agencies), (agency_id(3), vec![agency_id(3)]));
        assert!(find(&house, &caller.system, own).await.is_ok());
        let seen = find(&house, &caller.system, both).await.unwrap();
        assert_eq!(seen.receivers.iter().map(|r| r.receiver_id).collect::<Vec<_>>(), [agency_id(3)]);
        assert_eq!(find(&house, &caller.system, others).await.unwrap_err(), Error::NoSuchDocument);
        // Its scopes, and no others.
        assert_eq!(caller.may(Scope::EventsRead), Ok(()));
        for scope in [Scope::DocumentsSend, Scope::StatusesSend, Scope::AgenciesRead, Scope::NumbersWrite, Scope::RegistersRead] {
            assert_eq!(caller.may(scope), Err(Error::OutOfScope(scope)));
        }
        // It cannot be made for somebody else's agency, and ends when it ends.
        let (_, made) = make_key(&house, &["H37.03", "H37.01"], None).await;
        assert!(matches!(made, Err(Error::NotYourAgency { code, .. }) if code == "H37.01"));
        let (short, made) = make_key(&house, &[], Some(Timestamp::from_secs(NOW.secs() + 1))).await;
        made.unwrap();
        assert_eq!(open(&house, &short, NOW).await.unwrap().system.agencies.len(), 2);
        let late = open(&house, &short, Timestamp::from_secs(NOW.secs() + 1)).await;
        assert_eq!(late.unwrap_err(), Error::NotAuthenticated);
        assert_eq!(open(&house, "cvk_x", NOW).await.unwrap_err(), Error::NotAuthenticated);
    }

    async fn who_reports_is_named_where_it_is_not_clear(house: House) {
        let both = house.send("hub.01", "H37.01", &good("05", &["H37.02", "H37.03"])).await.unwrap().document_id;
        let hub = house.system("hub.02").await;
        let received = find(&house, &hub, both).await.unwrap();
        let sent = find(&house, &house.system("hub.01").await, both).await.unwrap();
        let report = |code: StatusCode, agency: Option<&str>, to: Option<&str>| Report {
            code,
            agency: agency.map(|code| code.parse().unwrap()),
            to: to.map(|code| code.parse().unwrap()),
            reason: "lý do".to_owned(),
            staff: Staff::default(),
        };
        let compose = async |seen: &Seen, report: Report| {
            let read = house.desk.store.read((seen.clone(), report), |tx, (seen, report)| {
                Box::pin(async move { compose::status(tx, seen, report, NOW).await })
            });
            read.await
        };
        let unclear = compose(&received, report(StatusCode::Accepted, None, None)).await.unwrap_err();
        assert!(matches!(unclear, Error::BadParameter { name: "agency", .. }));
        let foreign = compose(&received, report(StatusCode::Accepted, Some("H37.04"), None)).await.unwrap_err();
        assert!(matches!(foreign, Error::BadParameter { name: "agency", .. }));
        let said = compose(&received, report(StatusCode::Accepted, Some("h37.03"), None)).await.unwrap();
        assert_eq!((said.from.organ_id.as_str(), said.response_for.organ_id.as_str()), ("H37.03", "H37.01"));
        assert_eq!(said.response_for.code, "05/SNV-VP");
        let asked = compose(&sent, report(StatusCode::TakeBack, None, Some("H37.02"))).await.unwrap();
        assert_eq!((asked.from.organ_id.as_str(), asked.response_for.organ_id.as_str()), ("H37.01", "H37.02"));
        // R30, R41: each side says its own words only.
        assert_eq!(compose(&sent, report(StatusCode::Refused, None, None)).await.unwrap_err(), Error::Forbidden);
        let back = compose(&received, report(StatusCode::TakeBack, None, Some("H37.02"))).await;
        assert_eq!(back.unwrap_err(), Error::Forbidden);
        // R37: only the sender recalls.
        let draft = Draft { reason: "x".to_owned(), from: Some("H37.02".parse().unwrap()), ..Draft::default() };
        let input = (hub, draft, received, house.desk.limits.clone());
        let read = house.desk.store.read(input, |tx, (system, draft, seen, limits)| {
            Box::pin(async move {
                compose::document(tx, system, draft, Some((BusinessType::Recall, seen)), limits, NOW).await
            })
        });
        assert_eq!(read.await.unwrap_err(), Error::Forbidden);
    }

    async fn r39_a_cancelled_document_is_listed_and_neither_found_by_its_words_nor_read(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02", "H37.03"])).await.unwrap().document_id;
        let recall = write_document(&act(BusinessType::Recall, "05", &["H37.02", "H37.03"], &[])).unwrap();
        let order = house.send("hub.01", "H37.01", &recall).await.unwrap().document_id;
        let hub = house.system("hub.02").await;
        let (key, made) = make_key(&house, &["H37.02"], None).await;
        made.unwrap();
        let one = open(&house, &key, NOW).await.unwrap().system;
        let read = async |system: &ExchangeSystem| {
            let seen = find(&house, system, sent).await.unwrap();
            let read = house.desk.store.read(seen, |tx, seen| {
                Box::pin(async move {
                    seen.check_readable(tx).await?;
                    Ok::<_, Error>(view::for_system(tx, seen).await?)
                })
            });
            read.await
        };
        let found = async |system: &ExchangeSystem, agencies: &[u8]| {
            let sought = words::of_query("phoi hop");
            let page = list(&house, system, Look { sought, ..look(Side::Received, agencies) }).await;
            ids(&page).contains(&sent)
        };
        house.send("hub.02", "H37.02", &status("H37.02", "H37.01", "05", "15")).await.unwrap();
        // Agency 3 has it still, and so has the system that speaks for both; a key of agency 2 alone has not.
        let shown = read(&hub).await.unwrap().unwrap();
        assert_eq!((shown.state.code.as_str(), shown.subject.as_str(), shown.receivers.len()), ("delivered", "V/v phối hợp", 2));
        assert!(matches!(read(&one).await, Err(Error::Withdrawn(stone)) if stone.order_id == order.to_string()));
        assert_eq!((found(&hub, &[2, 3]).await, found(&one, &[2]).await), (true, false));
        house.send("hub.02", "H37.03", &status("H37.03", "H37.01", "05", "15")).await.unwrap();
        assert!(matches!(read(&hub).await, Err(Error::Withdrawn(_))));
        assert!(!found(&hub, &[2, 3]).await);
        let page = list(&house, &hub, look(Side::Received, &[2, 3])).await;
        let cancelled: Vec<_> = page.seen.iter().filter(|seen| seen.is_cancelled()).map(|seen| seen.document.document_id).collect();
        assert_eq!((page.seen.len(), cancelled), (2, vec![sent]), "the order stays");
        // Its sender reads it for ever.
        assert_eq!(read(&house.system("hub.01").await).await.unwrap().unwrap().subject, "V/v phối hợp");
    }
}
