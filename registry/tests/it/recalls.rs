//! Recall: frozen at the sender, cancelled at the receiver, shredded when its time has come (RULES R37–R43, R47).

use mail::{AccountId, Timestamp};
use registry::accept::Accepted;
use registry::known::{self, Known};
use registry::package::{BusinessType, ReceiverChange, Update, write_document};
use registry::two_persons::{Agreement, Word};
use registry::vxp::answer::Answer;
use registry::vxp::call::{Call, DocId};
use registry::{Error, accept};
use store::{Delivery, Document, DocumentState, Link, Receiver};

use crate::house::{House, act, agency_id, document, good, replacement, stories};
use crate::progress::{feed, receivers};
use crate::statuses::status;
use crate::world::{NOW, World};

const DAY: i64 = 86_400_000;

fn later(days: i64) -> Timestamp {
    Timestamp::from_millis(NOW.millis() + days * DAY)
}

fn recall(number: &str, to: &[&str]) -> Vec<u8> {
    write_document(&act(BusinessType::Recall, number, to, &[])).unwrap()
}

pub(crate) async fn kept(house: &House, accepted: &Accepted) -> Document {
    let read = house
        .desk
        .store
        .read(accepted.document_id, |tx, id| Box::pin(async move { tx.document(agency_id(1), *id).await }));
    read.await.unwrap().unwrap()
}

pub(crate) async fn links(house: &House, accepted: &Accepted) -> Vec<Link> {
    let read = house
        .desk
        .store
        .read(accepted.document_id, |tx, id| Box::pin(async move { tx.acts_upon(agency_id(1), *id).await }));
    read.await.unwrap()
}

async fn deliveries(house: &House, accepted: &Accepted) -> Vec<Delivery> {
    let read = house.desk.store.read(accepted.document_id, |tx, id| {
        Box::pin(async move { tx.deliveries_of(agency_id(1), *id).await })
    });
    read.await.unwrap()
}

async fn call(house: &House, system: &str, call: Call) -> Result<Answer, Error> {
    let system = house.system(system).await;
    house.desk.answer(&system, call, NOW).await?.whole().await
}

/// Both ways of fetching.
pub(crate) async fn fetched(house: &House, system: &str, id: &str) -> [Result<Answer, Error>; 2] {
    let id = DocId::read(id).unwrap();
    [call(house, system, Call::Get(id.clone())).await, call(house, system, Call::Download(id)).await]
}

async fn answers(house: &House, from: u8, code: &str) {
    let (system, from) =
        (if from == 3 { "hub.02".to_owned() } else { format!("hub.0{from}") }, format!("H37.0{from}"));
    house.send(&system, &from, &status(&from, "H37.01", "05", code)).await.unwrap();
}

fn states(receivers: &[Receiver]) -> Vec<(&str, &str)> {
    receivers.iter().map(|at| (at.state.as_str(), at.ask.as_str())).collect()
}

pub(crate) async fn leaf_acts(house: &House, accepted: &Accepted) -> Vec<String> {
    let read = house.desk.store.read(accepted.document_id, |tx, id| {
        Box::pin(async move { tx.leaves_of(agency_id(1), id.as_bytes()).await })
    });
    let leaves = read.await.unwrap();
    let act = |record: &[u8]| {
        let act: serde_json::Value = serde_json::from_slice(&record[16..]).unwrap();
        act["act"].as_str().unwrap().to_owned()
    };
    leaves.iter().map(|leaf| act(&leaf.record)).collect()
}

/// A clerk or a leader of an agency, by name of its number.
pub(crate) async fn person(house: &House, id: u8, agency: u8, role: store::Role) -> AccountId {
    let account_id = AccountId::from_bytes([id; 16]);
    let new = store::NewAccount {
        account_id,
        agency_id: agency_id(agency),
        unit_id: None,
        kind: store::AccountKind::Person,
        role,
        display_name: "Người".to_owned(),
        position: String::new(),
        password_hash: None,
        must_change_password: false,
        quota_bytes: 1,
        address: format!("nguoi{id}@coquan{agency}.gov.vn").parse().unwrap(),
    };
    house
        .desk
        .store
        .write("a person", new, |tx, new| Box::pin(async move { tx.add_account(new, NOW).await }))
        .await
        .unwrap();
    account_id
}

pub(crate) fn word(account_id: AccountId) -> Word {
    Word { account_id, reason: "Thu hồi nhầm".to_owned() }
}

stories! {
    async fn r37_r38_a_recall_freezes_the_original_and_asks_whom_it_is_addressed_to(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02", "H37.04"])).await.unwrap();
        answers(&house, 2, "03").await;
        let order = house.send("hub.01", "H37.01", &recall("05", &["H37.02"])).await.unwrap();
        assert_eq!(kept(&house, &sent).await.state, DocumentState::Frozen);
        let at = receivers(&house, &sent).await;
        assert_eq!(states(&at), [("accepted", "recall"), ("delivered", "")], "only whom it is addressed to");
        assert_eq!((at[0].order_id, at[1].order_id), (Some(order.document_id), None));
        let links = links(&house, &sent).await;
        assert_eq!((links.len(), links[0].act_id, links[0].reason.as_str()), (1, order.document_id, "Sai thể thức"));
        assert!(links[0].ordered_by.contains("Lê Thị Hoa") && links[0].ordered_by.contains("hub.01"));
        // The recall is queued behind the original, which stays (VXP 4.4).
        let waiting: Vec<_> = house.waiting("hub.02").await.iter().map(|d| d.document_id).collect();
        assert!(waiting.len() == 2 && waiting.contains(&sent.document_id) && waiting.contains(&order.document_id));
        assert!(leaf_acts(&house, &sent).await.contains(&"document-recalled".to_owned()));
        let told: Vec<_> = feed(&house, 2).await.into_iter().map(|event| event.kind).collect();
        assert_eq!(told, ["document.arrived", "document.arrived", "document.recalled"]);
        assert!(feed(&house, 4).await.iter().all(|event| event.kind != "document.recalled"));
    }

    async fn r38_what_is_frozen_goes_to_nobody_new_and_is_not_updated_or_replaced(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        house.send("hub.01", "H37.01", &recall("05", &["H37.02"])).await.unwrap();
        let anew = house.send("hub.01", "H37.01", &good("05", &["H37.04"])).await;
        assert_eq!(anew.unwrap_err(), Error::Frozen);
        let update = act(BusinessType::Update, "05", &["H37.02"], &[]);
        let update = house.send("hub.01", "H37.01", &write_document(&update).unwrap()).await.unwrap();
        assert_eq!(update.warnings.iter().map(|mark| mark.oddity.code()).collect::<Vec<_>>(), ["edxml.warn.target-frozen"]);
        let new = house.send("hub.01", "H37.01", &replacement("06", "05", &["H37.02"])).await.unwrap();
        assert_eq!(new.warnings.len(), 1);
        assert!(kept(&house, &new).await.facts.contains("edxml.warn.target-frozen"));
        assert_eq!((kept(&house, &sent).await.state, links(&house, &sent).await.len()), (DocumentState::Frozen, 1));
        assert_eq!(receivers(&house, &sent).await[0].ask, "recall");
        // Answered by all: what was wrong may be sent anew (VXP 3.8 step 7).
        answers(&house, 2, "15").await;
        house.send("hub.01", "H37.01", &good("05", &["H37.04"])).await.unwrap();
    }

    async fn r39_a_cancelled_document_is_a_tombstone_to_every_read(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        let delivery = house.waiting("hub.02").await.remove(0);
        let doc_id = delivery.delivery_id.to_string();
        assert!(fetched(&house, "hub.02", &doc_id).await.iter().all(Result::is_ok));
        let order = house.send("hub.01", "H37.01", &recall("05", &["H37.02"])).await.unwrap();
        answers(&house, 2, "15").await;
        assert_eq!(states(&receivers(&house, &sent).await), [("cancelled", "")]);
        for outcome in fetched(&house, "hub.02", &doc_id).await {
            let Err(Error::Withdrawn(stone)) = outcome else { panic!("{outcome:?}") };
            assert_eq!((stone.doc_id.as_str(), stone.from.as_str()), (doc_id.as_str(), "H37.01"));
            assert_eq!((stone.order_id.as_str(), stone.reason.as_str()), (order.document_id.to_string().as_str(), "Sai thể thức"));
            assert_eq!(stone.package_sha256.len(), 64);
            let told = serde_json::to_string(&stone).unwrap();
            assert!(!told.contains("phối hợp"), "what it was about is gone: {told}");
            let error = Error::Withdrawn(stone);
            let answer = registry::vxp::answer::refused(Some(registry::vxp::call::Name::Get), &error);
            let body = String::from_utf8(answer.body).unwrap();
            assert!(body.contains("\"tombstone\":[{") && body.contains(&order.document_id.to_string()) && !body.contains("\"data\""), "{body}");
            let answer = registry::vxp::answer::refused(Some(registry::vxp::call::Name::Download), &error);
            assert_eq!((answer.status, answer.body.len()), (410, 0));
        }
        assert!(house.desk.store.read_delivery(&delivery).await.unwrap().is_none());
        // It waits no more; the recall itself does. The sender reads its own for ever.
        let waiting: Vec<_> = house.waiting("hub.02").await.iter().map(|d| d.document_id).collect();
        assert_eq!(waiting, [order.document_id]);
        assert!(fetched(&house, "hub.01", &sent.document_id.to_string()).await.iter().all(Result::is_ok));
        assert!(leaf_acts(&house, &sent).await.contains(&"document-cancelled".to_owned()));
    }

    async fn r39_a_recall_that_repeats_the_file_is_as_unreadable_as_the_original(house: House) {
        let file = World::get().complete();
        house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        let order = act(BusinessType::Recall, "05", &["H37.02"], &[("van-ban.pdf", &file)]);
        house.send("hub.01", "H37.01", &write_document(&order).unwrap()).await.unwrap();
        let ids: Vec<_> = house.waiting("hub.02").await.iter().map(|d| d.delivery_id.to_string()).collect();
        answers(&house, 2, "15").await;
        for id in ids {
            assert!(fetched(&house, "hub.02", &id).await.iter().all(|outcome| matches!(outcome, Err(Error::Withdrawn(_)))));
        }
    }

    async fn r39_a_copy_that_two_agencies_share_goes_when_the_last_has_cancelled(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02", "H37.03"])).await.unwrap();
        let doc_id = house.waiting("hub.02").await[0].delivery_id.to_string();
        house.send("hub.01", "H37.01", &recall("05", &["H37.02", "H37.03"])).await.unwrap();
        answers(&house, 2, "15").await;
        assert!(fetched(&house, "hub.02", &doc_id).await.iter().all(Result::is_ok), "agency 3 has it still");
        let reads = |agency| house.desk.package_for(agency_id(agency), sent.document_id);
        let Err(Error::Withdrawn(stone)) = reads(2).await else { panic!("agency 2 has cancelled it") };
        assert_eq!(stone.reason, "Sai thể thức");
        assert_eq!(reads(3).await.unwrap(), good("05", &["H37.02", "H37.03"]));
        assert_eq!(reads(4).await, Err(Error::NoSuchDocument));
        answers(&house, 3, "15").await;
        assert!(fetched(&house, "hub.02", &doc_id).await.iter().all(Result::is_err));
        assert!(matches!(reads(3).await, Err(Error::Withdrawn(_))));
        assert!(receivers(&house, &sent).await.iter().all(|at| at.state == "cancelled"));
    }

    async fn r43_the_key_is_forgotten_after_the_delay_and_not_before(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02", "H37.04"])).await.unwrap();
        house.send("hub.01", "H37.01", &recall("05", &["H37.02", "H37.04"])).await.unwrap();
        answers(&house, 2, "15").await;
        answers(&house, 4, "15").await;
        let held = deliveries(&house, &sent).await.into_iter().find(|d| d.system_folded == "hub.04").unwrap();
        house.desk.store.write("hold", held, |tx, held| Box::pin(async move { tx.hold_delivery(held, true).await })).await.unwrap();
        assert_eq!(house.desk.shred_due(later(29)).await.unwrap(), 0);
        assert!(deliveries(&house, &sent).await.iter().all(|d| !d.is_shredded && d.shred_at == Some(later(30))));
        assert_eq!(house.desk.shred_due(later(30)).await.unwrap(), 1, "what the law holds stays");
        assert_eq!(house.desk.shred_due(later(31)).await.unwrap(), 0, "and stops nobody else");
        let shredded: Vec<_> = deliveries(&house, &sent).await.iter().map(|d| (d.system_folded.clone(), d.is_shredded)).collect();
        assert!(shredded.contains(&("hub.02".to_owned(), true)) && shredded.contains(&("hub.04".to_owned(), false)), "{shredded:?}");
        let acts = leaf_acts(&house, &sent).await;
        assert_eq!(acts.iter().filter(|act| *act == "document-shredded").count(), 1);
        assert!(fetched(&house, "hub.01", &sent.document_id.to_string()).await.iter().all(Result::is_ok));
    }

    async fn r43_without_a_delay_the_key_goes_with_the_answer(house: House) {
        let house = house.shredding_after(0);
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        house.send("hub.01", "H37.01", &recall("05", &["H37.02"])).await.unwrap();
        answers(&house, 2, "15").await;
        assert!(deliveries(&house, &sent).await[0].is_shredded);
        let told: Vec<_> = feed(&house, 2).await.into_iter().map(|event| event.kind).collect();
        assert!(told.contains(&"document.shredded".to_owned()) && told.contains(&"document.cancelled".to_owned()), "{told:?}");
    }

    async fn r40_a_genuine_recall_is_not_declined(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02", "H37.04"])).await.unwrap();
        let delivery = house.waiting("hub.02").await[0].delivery_id.to_string();
        let done = Call::UpdateStatus { doc_id: DocId::read(&delivery).unwrap(), acknowledgement: registry::vxp::call::Acknowledgement::Done, description: String::new() };
        call(&house, "hub.02", done).await.unwrap();
        house.send("hub.01", "H37.01", &recall("05", &["H37.02", "H37.04"])).await.unwrap();
        answers(&house, 2, "16").await;
        assert_eq!(receivers(&house, &sent).await[0].ask, "recall", "recorded, and changes nothing");
        let said = |from: &str, why: &str| String::from_utf8(status(from, "H37.01", "05", "16")).unwrap().replace("lý do", why);
        // Agency 2 has acknowledged the original: it did find it. Agency 4 has not.
        house.send("hub.02", "H37.02", said("H37.02", "NOT_FOUND: không có").replace("2026/11/22 08", "2026/11/22 07").as_bytes()).await.unwrap();
        house.send("hub.04", "H37.04", said("H37.04", "NOT_FOUND: không có").as_bytes()).await.unwrap();
        assert_eq!(states(&receivers(&house, &sent).await), [("delivered", "recall"), ("delivered", "")]);
        let history = house.desk.store.read(sent.document_id, |tx, id| Box::pin(async move { tx.statuses(agency_id(1), *id).await })).await.unwrap();
        let codes: Vec<_> = history.iter().map(|entry| (entry.code.as_str(), entry.reason_code.as_str())).collect();
        assert_eq!(codes, [("16", "OTHER"), ("16", "NOT_FOUND"), ("16", "NOT_FOUND")]);
    }

    async fn r41_a_request_to_give_it_back_may_be_declined_or_agreed_to(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02", "H37.04"])).await.unwrap();
        for to in ["H37.02", "H37.04"] {
            house.send("hub.01", "H37.01", &status("H37.01", to, "05", "13")).await.unwrap();
        }
        assert_eq!(kept(&house, &sent).await.state, DocumentState::Active, "a request freezes nothing");
        answers(&house, 2, "16").await;
        answers(&house, 4, "15").await;
        assert_eq!(states(&receivers(&house, &sent).await), [("delivered", ""), ("cancelled", "")]);
        let doc_id = deliveries(&house, &sent).await.iter().find(|d| d.system_folded == "hub.04").unwrap().delivery_id.to_string();
        let Err(Error::Withdrawn(stone)) = &fetched(&house, "hub.04", &doc_id).await[0] else { panic!() };
        assert_eq!(stone.reason, "lý do");
    }

    async fn r42_by_number_and_date_when_the_identifier_is_another(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        let mut other_day = act(BusinessType::Recall, "05", &["H37.02"], &[]);
        other_day.document_id = registry::document_id::DocumentIdentifier::new("8c6a1b1e-1111").unwrap();
        other_day.promulgation_info.date = "2025/11/22".to_owned();
        let miss = house.send("hub.01", "H37.01", &write_document(&other_day).unwrap()).await.unwrap();
        assert_eq!(miss.warnings[0].oddity.code(), "edxml.warn.target-unknown");
        assert_eq!(kept(&house, &sent).await.state, DocumentState::Active);
        let mut order = act(BusinessType::Recall, "05", &["H37.02"], &[]);
        order.document_id = registry::document_id::DocumentIdentifier::new("8c6a1b1e-2222").unwrap();
        let order = String::from_utf8(write_document(&order).unwrap()).unwrap();
        let order = order.replace("PromulgationDate>2026/11/22<", "PromulgationDate>22-11-2026<");
        house.send("hub.01", "H37.01", order.as_bytes()).await.unwrap();
        assert_eq!((kept(&house, &sent).await.state, receivers(&house, &sent).await[0].ask.as_str()), (DocumentState::Frozen, "recall"));
        let digest: [u8; 32] = ring::digest::digest(&ring::digest::SHA256, &World::get().complete()).as_ref().try_into().unwrap();
        let known = house.desk.store.read(digest, |tx, digest| Box::pin(async move { known::look_up(tx, digest).await })).await.unwrap();
        assert_eq!(known, Known::Recalled { at: NOW }, "the file is known as recalled too");
    }

    async fn r42_by_the_id_that_sending_answered_with(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        let mut order = act(BusinessType::Recall, "31", &["H37.02"], &[]);
        order.business.document_id = Some(registry::document_id::DocumentIdentifier::new(&sent.document_id.to_string()).unwrap());
        house.send("hub.01", "H37.01", &write_document(&order).unwrap()).await.unwrap();
        assert_eq!(kept(&house, &sent).await.state, DocumentState::Frozen);
    }

    async fn r42_a_document_already_registered_is_cancelled_all_the_same(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        for code in ["01", "03", "04", "05", "06"] {
            answers(&house, 2, code).await;
        }
        house.send("hub.01", "H37.01", &recall("05", &["H37.02"])).await.unwrap();
        answers(&house, 2, "15").await;
        assert_eq!(states(&receivers(&house, &sent).await), [("cancelled", "")]);
        let history = house.desk.store.read(sent.document_id, |tx, id| Box::pin(async move { tx.statuses(agency_id(1), *id).await })).await.unwrap();
        assert_eq!(history.len(), 6, "its history stays");
    }

    async fn r37_another_agency_s_recall_changes_nothing(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        let mut order = act(BusinessType::Recall, "05", &["H37.02"], &[]);
        order.from.organ_id = "H37.04".parse().unwrap();
        let accepted = house.send("hub.04", "H37.04", &write_document(&order).unwrap()).await.unwrap();
        assert_eq!(accepted.warnings[0].oddity.code(), "edxml.warn.target-unknown");
        assert_eq!((kept(&house, &sent).await.state, receivers(&house, &sent).await[0].ask.as_str()), (DocumentState::Active, ""));
        // Nor does agreeing to it.
        house.send("hub.02", "H37.02", &status("H37.02", "H37.04", "05", "15")).await.unwrap();
        assert_eq!(receivers(&house, &sent).await[0].state, "delivered");
        // And who speaks for another is refused.
        let foreign = house.send("hub.04", "H37.01", &recall("05", &["H37.02"])).await;
        assert_eq!(foreign.unwrap_err().status(), 403);
    }

    async fn r47_a_receiver_that_an_update_removes_is_recalled(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02", "H37.04"])).await.unwrap();
        let mut update = act(BusinessType::Update, "05", &["H37.02"], &[]);
        let removed = ReceiverChange { organ_id: "H37.04".to_owned(), added: false };
        update.business.update = Some(Update { content_changed: false, receivers_changed: true, receivers: vec![removed] });
        house.send("hub.01", "H37.01", &write_document(&update).unwrap()).await.unwrap();
        assert_eq!(states(&receivers(&house, &sent).await), [("delivered", "update"), ("delivered", "recall")]);
        assert_eq!(kept(&house, &sent).await.state, DocumentState::Active);
        answers(&house, 4, "15").await;
        assert_eq!(states(&receivers(&house, &sent).await), [("delivered", "update"), ("cancelled", "")]);
        assert!(feed(&house, 4).await.iter().any(|event| event.kind == "document.recalled"));
    }

    async fn r43_two_persons_reverse_a_mistaken_recall(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02", "H37.04"])).await.unwrap();
        answers(&house, 2, "03").await;
        answers(&house, 2, "05").await;
        let order = house.send("hub.01", "H37.01", &recall("05", &["H37.02", "H37.04"])).await.unwrap();
        answers(&house, 2, "15").await;
        let doc_id = deliveries(&house, &sent).await.iter().find(|d| d.system_folded == "hub.02").unwrap().delivery_id.to_string();
        let clerk = AccountId::from_bytes([1; 16]);
        let second = person(&house, 101, 1, store::Role::Clerk).await;
        let leader = person(&house, 102, 1, store::Role::Leader).await;
        let reverse = |account_id, at| house.desk.reverse_recall(order.document_id, word(account_id), at);
        for (id, agency, role) in [(103, 1, store::Role::Admin), (104, 1, store::Role::Staff)] {
            let account = person(&house, id, agency, role).await;
            assert!(matches!(reverse(account, NOW).await, Err(Error::Denied(_))), "{role:?}");
        }
        let foreign = person(&house, 105, 2, store::Role::Leader).await;
        assert_eq!(reverse(foreign, NOW).await, Err(Error::NoSuchDocument));
        assert!(matches!(house.desk.reverse_recall(order.document_id, Word { account_id: clerk, reason: " ".to_owned() }, NOW).await, Err(Error::Denied(_))));
        assert_eq!(reverse(clerk, NOW).await, Ok(Agreement::Waiting));
        assert_eq!(reverse(clerk, NOW).await, Ok(Agreement::Waiting), "one person's word counts once");
        assert_eq!(reverse(second, NOW).await, Ok(Agreement::Waiting), "two clerks are not enough");
        assert_eq!(kept(&house, &sent).await.state, DocumentState::Frozen);
        assert_eq!(reverse(leader, later(29)).await, Ok(Agreement::Done));
        assert_eq!(kept(&house, &sent).await.state, DocumentState::Active);
        assert_eq!(states(&receivers(&house, &sent).await), [("in-work", ""), ("delivered", "")], "as it stood");
        assert!(fetched(&house, "hub.02", &doc_id).await.iter().all(Result::is_ok));
        assert_eq!(house.desk.shred_due(later(60)).await.unwrap(), 0);
        assert!(links(&house, &sent).await[0].undone_at.is_some());
        let digest: [u8; 32] = ring::digest::digest(&ring::digest::SHA256, &World::get().complete()).as_ref().try_into().unwrap();
        let known = house.desk.store.read(digest, |tx, digest| Box::pin(async move { known::look_up(tx, digest).await })).await.unwrap();
        assert_eq!(known, Known::Active);
        assert!(leaf_acts(&house, &sent).await.contains(&"document-reinstated".to_owned()));
    }

    async fn r43_what_is_shredded_cannot_be_brought_back(house: House) {
        let house = house.shredding_after(0);
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02", "H37.04"])).await.unwrap();
        let order = house.send("hub.01", "H37.01", &recall("05", &["H37.02", "H37.04"])).await.unwrap();
        answers(&house, 2, "15").await;
        let leader = person(&house, 102, 1, store::Role::Leader).await;
        house.desk.reverse_recall(order.document_id, word(leader), NOW).await.unwrap();
        let done = house.desk.reverse_recall(order.document_id, word(AccountId::from_bytes([1; 16])), NOW).await;
        assert_eq!(done, Ok(Agreement::Done));
        assert_eq!(states(&receivers(&house, &sent).await), [("cancelled", ""), ("delivered", "")]);
    }

    async fn r13_a_false_alarm_is_released_by_two_persons_and_by_nobody_else(house: House) {
        let mut false_alarm = document("05", &["H37.02"], &[("van-ban.pdf", &World::get().complete())]);
        false_alarm.subject = "[MẬT] khẩu mới của hệ thống".to_owned();
        let package = write_document(&false_alarm).unwrap();
        let sha256: [u8; 32] = ring::digest::digest(&ring::digest::SHA256, &package).as_ref().try_into().unwrap();
        let (clerk, leader) = (AccountId::from_bytes([1; 16]), person(&house, 102, 1, store::Role::Leader).await);
        let release = |account_id| house.desk.release_secret(sha256, word(account_id), NOW);
        assert_eq!(release(clerk).await, Err(Error::NoSuchDocument), "nothing was refused yet");
        let send = || house.send("hub.01", "H37.01", &package);
        assert_eq!(send().await.unwrap_err().code(), "secrecy.refused");
        for (id, role) in [(103, store::Role::Admin), (104, store::Role::Staff)] {
            let account = person(&house, id, 1, role).await;
            assert!(matches!(release(account).await, Err(Error::Denied(_))), "{role:?}");
        }
        let foreign = person(&house, 105, 2, store::Role::Leader).await;
        assert_eq!(release(foreign).await, Err(Error::NoSuchDocument));
        assert_eq!(release(leader).await, Ok(Agreement::Waiting));
        assert_eq!(release(leader).await, Ok(Agreement::Waiting));
        assert_eq!(send().await.unwrap_err().code(), "secrecy.refused");
        assert_eq!(release(clerk).await, Ok(Agreement::Done));
        let sent = send().await.unwrap();
        assert!(!sent.is_repeat);
        let trail = house.desk.store.read((), |tx, ()| Box::pin(async move { tx.audit_trail(agency_id(1), 50).await })).await.unwrap();
        let acts: Vec<_> = trail.iter().map(|entry| entry.action.as_str()).collect();
        assert!(acts.contains(&"secrecy.released") && acts.contains(&"secrecy.passed"), "{acts:?}");
        let subject: [u8; 16] = sha256[..16].try_into().unwrap();
        let leaves = house.desk.store.read(subject, |tx, subject| Box::pin(async move { tx.leaves_of(agency_id(1), subject).await })).await.unwrap();
        for act in ["package-refused", "secrecy-released"] {
            assert!(leaves.iter().any(|leaf| String::from_utf8_lossy(&leaf.record).contains(act)), "{act}");
        }
        assert!(leaves.iter().all(|leaf| !String::from_utf8_lossy(&leaf.record).contains("khẩu")), "RULES R12");
        // That exact file and no other.
        false_alarm.subject = "[MẬT] khẩu khác".to_owned();
        let other = house.send("hub.01", "H37.01", &write_document(&false_alarm).unwrap()).await;
        assert_eq!(other.unwrap_err().code(), "secrecy.refused");
    }

    async fn r13_no_door_gets_what_is_held_without_asking(house: House) {
        let mut secret = document("05", &["H37.02"], &[]);
        secret.subject = "[MẬT] phương án".to_owned();
        let opened = accept::open(&write_document(&secret).unwrap(), &house.desk.limits);
        assert!(matches!(opened.package, Err(Error::Secret(_))));
    }
}
