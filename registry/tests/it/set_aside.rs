//! What is found to bear a mark of secrecy after it was stored (RULES R11): nobody reads it, nothing is deleted, two persons let it go.

use mail::{AccountId, DocumentId};
use registry::accept::{Accepted, Memory};
use registry::package::{Room, write_document};
use registry::set_aside::{BY_EYE, Mark, look_again};
use registry::two_persons::{Agreement, Word};
use registry::{Error, Limits};
use store::Role;

use crate::house::{House, agency_id, document, good, stories};
use crate::progress::feed;
use crate::recalls::{fetched, kept, leaf_acts, person};
use crate::world::{NOW, World};

fn mark() -> Mark {
    Mark { detector: BY_EYE.to_owned(), by: "thử".to_owned() }
}

async fn aside(house: &House, sent: &Accepted) -> Result<bool, Error> {
    house.desk.set_document_aside(agency_id(1), sent.document_id, &mark(), NOW).await
}

async fn doc_id(house: &House, system: &str) -> String {
    house.waiting(system).await.last().unwrap().delivery_id.to_string()
}

async fn queued(house: &House) -> i64 {
    house.desk.store.read((), |tx, ()| Box::pin(async move { tx.outbox_depth().await })).await.unwrap()
}

struct Anybody;

impl Memory for Anybody {
    fn room(&self, _: usize) -> Result<Room, Error> {
        Ok(Box::new(()))
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().try_into().unwrap()
}

stories! {
    async fn r11_what_is_set_aside_is_read_by_nobody_and_stays_whole(house: House) {
        let package = good("05", &["H37.02", "H37.04"]);
        let sent = house.send("hub.01", "H37.01", &package).await.unwrap();
        let id = doc_id(&house, "hub.02").await;
        assert!(fetched(&house, "hub.02", &id).await.iter().all(Result::is_ok));
        let before = queued(&house).await;
        assert_eq!(aside(&house, &sent).await, Ok(true));
        assert_eq!(aside(&house, &sent).await, Ok(false), "once");
        for outcome in fetched(&house, "hub.02", &id).await {
            assert_eq!(outcome.map_err(|error| (error.code(), error.status())), Err(("document.set-aside", 403)));
        }
        // Nothing of it is deleted.
        let document = kept(&house, &sent).await;
        let bytes = house.desk.store.read_blob(agency_id(1), document.blob_id).await.unwrap();
        assert_eq!(bytes.as_deref(), Some(package.as_slice()));
        // Everybody concerned is told, and the record holds no content (RULES R12).
        for agency in [1, 2, 4] {
            let told: Vec<_> = feed(&house, agency).await.into_iter().map(|event| event.kind).collect();
            assert_eq!(told.last().map(String::as_str), Some("document.set-aside"), "{agency}");
        }
        assert_eq!(queued(&house).await, before + 3, "the clerk of each");
        let trail = house.desk.store.read((), |tx, ()| Box::pin(async move { tx.audit_trail(agency_id(2), 50).await })).await.unwrap();
        let record = trail.iter().find(|entry| entry.action == "secrecy.found").unwrap();
        assert!(record.detail.contains(BY_EYE) && !record.detail.contains("phối hợp"), "{}", record.detail);
        assert!(leaf_acts(&house, &sent).await.contains(&"document-set-aside".to_owned()));
        assert_eq!(aside(&house, &Accepted { document_id: DocumentId::from_bytes([9; 16]), ..sent }).await, Err(Error::NoSuchDocument));
    }

    async fn r13_two_persons_of_the_sender_let_it_go_and_nobody_else(house: House) {
        let package = good("05", &["H37.02"]);
        let sent = house.send("hub.01", "H37.01", &package).await.unwrap();
        let id = doc_id(&house, "hub.02").await;
        let release = |account_id| {
            house.desk.release_secret(sha256(&package), Word { account_id, reason: "Không mật".to_owned() }, NOW)
        };
        let (clerk, leader) = (AccountId::from_bytes([1; 16]), person(&house, 102, 1, Role::Leader).await);
        assert_eq!(release(clerk).await, Err(Error::NoSuchDocument), "nothing is set aside yet");
        assert_eq!(aside(&house, &sent).await, Ok(true));
        for (number, role) in [(103, Role::Admin), (104, Role::Staff)] {
            let account = person(&house, number, 1, role).await;
            assert!(matches!(release(account).await, Err(Error::Denied(_))), "{role:?}");
        }
        let receiver = person(&house, 105, 2, Role::Leader).await;
        assert_eq!(release(receiver).await, Err(Error::NoSuchDocument), "a receiver does not decide for a sender who is here");
        assert_eq!(release(leader).await, Ok(Agreement::Waiting));
        assert!(fetched(&house, "hub.02", &id).await.iter().all(Result::is_err), "one is not enough");
        assert_eq!(release(clerk).await, Ok(Agreement::Done));
        assert!(fetched(&house, "hub.02", &id).await.iter().all(Result::is_ok));
        let told: Vec<_> = feed(&house, 2).await.into_iter().map(|event| event.kind).collect();
        assert_eq!(told.last().map(String::as_str), Some("document.let-go"));
        assert_eq!(aside(&house, &sent).await, Ok(false), "those very bytes are released for good");
        assert!(fetched(&house, "hub.02", &id).await.iter().all(Result::is_ok));
    }

    async fn r11_a_stamp_on_a_later_page_is_found_when_there_is_time(house: House) {
        let limits = Limits::default();
        let bound = signer::make::blank_pages("Báo cáo", &[&["Trang bìa"], &["SO NOI VU", "MẬT"]]);
        let plain = signer::make::blank_pages("Báo cáo", &[&["Trang bìa"], &["SO NOI VU", "Mật khẩu mới"]]);
        for (file, hits) in [(bound, true), (plain, false)] {
            let package = write_document(&document("05", &["H37.02"], &[("van-ban.pdf", &World::get().complete()), ("kem.pdf", &file)])).unwrap();
            let opened = registry::accept::open(&package, &limits);
            assert!(opened.package.is_ok(), "no door sees it");
            let found = look_again(&package.as_slice(), &limits, &Anybody, &|| true).unwrap();
            assert_eq!(found.map(|hit| hit.detector.code()), hits.then_some("secrecy.stamp"));
            let cut_short = look_again(&package.as_slice(), &limits, &Anybody, &|| false).unwrap();
            assert_eq!(cut_short, None, "its time is bounded");
        }
        drop(house);
    }

    async fn r17_a_print_out_is_the_signed_file_and_a_sheet_and_is_recorded(house: House) {
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        let print = |agency| house.desk.print_out(agency_id(agency), sent.document_id, "thử", NOW);
        for agency in [1, 2] {
            let printed = print(agency).await.unwrap();
            assert!(printed.content[..] == World::get().complete()[..], "byte for byte");
            assert_eq!(printed.file_name, "van-ban.pdf");
            for words in ["Chỗ đóng dấu ĐẾN", "05/SNV-VP", "An original", &sent.document_id.to_string()] {
                assert!(printed.sheet.contains(words), "{words}: {}", printed.sheet);
            }
            let trail = house.desk.store.read(agency, |tx, agency| Box::pin(async move { tx.audit_trail(agency_id(*agency), 50).await }));
            let record = trail.await.unwrap().into_iter().find(|entry| entry.action == "document.printed").unwrap();
            assert!(record.detail.contains("paper"), "{}", record.detail);
        }
        assert_eq!(print(4).await.map(|_| ()), Err(Error::NoSuchDocument), "it has nothing to do with it");
        assert_eq!(aside(&house, &sent).await, Ok(true));
        assert_eq!(print(1).await.map(|_| ()), Err(Error::SetAside));
    }
}
