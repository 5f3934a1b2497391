//! To other axes and from them, without a network: what leaves when, what becomes of it, who may speak (RULES R26, R65–R69, E41).

use std::time::Duration;

use mail::{AgencyId, Secret, Timestamp};
use registry::Error;
use registry::accept::{self, Accepted};
use registry::package::{NewDocument, Package, trace, write_document};
use registry::transport::{Announced, Failure, Outlook, Waiting};
use registry::upstream::schedule::Calendar;
use registry::upstream::{Forwarding, Incoming, Learned, Named, Outgoing, Resent, Settled, Speaker};
use registry::vxp::call::{Declared, Kind, SendParameters};
use store::{
    AgencyNames, Delivery, DeliveryState, Event, NewAgency, NewPeer, OutboxKind, Peer, PeerMessage,
    PeerState, PeerWay, PeerWrap,
};

use crate::house::{House, agency_id, document, good, stories};
use crate::statuses::status;
use crate::world::{NOW, World};

pub(crate) fn forwarding() -> Forwarding {
    Forwarding { organ_id: "truc.h37".to_owned(), hops_max: 4, breaks_whole_signatures: false }
}

/// So long after the packages of a story, which come a millisecond after one another.
fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_millis(seconds * 1_000 + 500))
}

fn failure(outlook: Outlook) -> Failure {
    Failure::new(outlook, "peer.422", "không nhận")
}

/// A document from an agency of another province.
fn from_afar(from: &str, number: &str, to: &[&str]) -> NewDocument {
    let mut document = document(number, to, &[("van-ban.pdf", b"%PDF-1.7")]);
    document.from.organ_id = from.parse().unwrap();
    let id = format!("{from},2026/11/22,{number}/SNV-VP");
    document.document_id = registry::document_id::DocumentIdentifier::new(&id).unwrap();
    document
}

fn bytes(document: &NewDocument) -> Vec<u8> {
    write_document(document).unwrap()
}

impl House {
    /// H41 lies behind `bac`, H51 behind `nam`; nothing is required of signatures.
    pub(crate) async fn with_peers(mut self) -> Self {
        self.desk.signatures_required = false;
        self.step = 1;
        for (name, level_1) in [("bac", "H41"), ("nam", "H51")] {
            let peer = NewPeer {
                name: name.to_owned(),
                door: "vxp".to_owned(),
                url: "https://truc.example.vn/vxp".to_owned(),
                system_id: "00.37.W00".to_owned(),
                secret: Secret::from("khoa-bi-mat"),
                ca: String::new(),
                wrap: PeerWrap::Zip,
                trace: true,
                poll_seconds: 60,
                is_default: false,
            };
            self.desk.store.put_peer(peer, NOW).await.unwrap();
            let way = PeerWay::Level1(level_1.to_owned());
            let put = self.desk.store.write("a way", (name, way), |tx, (name, way)| {
                Box::pin(async move { tx.put_peer_way(name, way).await })
            });
            put.await.unwrap();
        }
        for (number, code) in [(41u8, "H41.01"), (42, "H41.02"), (51, "H51.01")] {
            let names = AgencyNames {
                code: code.parse().unwrap(),
                code102: Some(format!("000.00.{number}.H00").parse().unwrap()),
                name: format!("Cơ quan {code}"),
                mail: String::new(),
                parent_id: None,
                decision: String::new(),
            };
            let agency = NewAgency { agency_id: agency_id(number), names, valid_from: NOW };
            let added = self.desk.store.write("an agency", agency, |tx, agency| {
                Box::pin(async move { tx.add_agency(agency, NOW).await })
            });
            added.await.unwrap();
        }
        self
    }

    pub(crate) async fn peer(&self, name: &str) -> Peer {
        let found =
            self.desk.store.read(name.to_owned(), |tx, name| Box::pin(async move { tx.peer(name).await }));
        found.await.unwrap().unwrap()
    }

    async fn next(&self, peer: &str, at: Timestamp) -> Option<Outgoing> {
        let peer = self.peer(peer).await;
        self.desk.next_package(&peer, &forwarding(), "w", at).await.unwrap()
    }

    async fn queued(&self, peer: &str) -> i64 {
        let found = self.desk.store.read(peer.to_owned(), |tx, peer| {
            Box::pin(async move { tx.queue(OutboxKind::Package, peer).await })
        });
        found.await.unwrap().0
    }

    async fn to_peer(&self, accepted: &Accepted, sender: AgencyId) -> Delivery {
        let found = self.desk.store.read((sender, accepted.document_id), |tx, (sender, id)| {
            Box::pin(async move { tx.deliveries_of(*sender, *id).await })
        });
        let found = found.await.unwrap();
        found.into_iter().find(|delivery| delivery.system_folded.starts_with("peer:")).unwrap()
    }

    async fn message(&self, delivery: &Delivery) -> PeerMessage {
        let found = self
            .desk
            .store
            .read(delivery.delivery_id, |tx, id| Box::pin(async move { tx.peer_message(*id).await }));
        found.await.unwrap().unwrap()
    }

    async fn events(&self, agency: AgencyId) -> Vec<Event> {
        let told = self.desk.store.write("number", agency, |tx, agency| {
            Box::pin(async move {
                tx.number_events(1000).await?;
                tx.events_after(*agency, 0, 1000).await
            })
        });
        told.await.unwrap()
    }

    /// As a poll does: who speaks, and if it is the peer, taken in.
    async fn bring(&self, peer: &str, package: &[u8]) -> Result<Option<Accepted>, Error> {
        let accept::Opened { package: opened, trace, .. } = accept::open(package, &self.desk.limits);
        match self.desk.speaker(peer, &opened?, NOW).await? {
            Speaker::Ourselves => Ok(None),
            Speaker::Peer(system, parameters) => {
                forwarding().check(&trace)?;
                let evidence = World::get().evidence(&[]);
                self.take_in(*system, parameters, package, &evidence).await.map(Some)
            }
        }
    }
}

/// A package as somebody has handed it on.
fn appended(package: &[u8], organ_id: &str, at: Timestamp) -> Vec<u8> {
    let trace = trace::read(package).unwrap();
    trace.append(&package.to_vec().into(), organ_id, at).whole().unwrap()
}

stories! {
    async fn r66_a_large_package_gets_its_line_where_a_small_one_does(house: House) {
        let house = house.with_peers().await;
        let digest = |n: u32| ring::digest::digest(&ring::digest::SHA256, &n.to_be_bytes()).as_ref().to_vec();
        let noise: Vec<u8> = (0..60_000).flat_map(digest).collect();
        let files = [("van-ban.pdf", World::get().complete()), ("kem.bin", noise)];
        let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        let package = registry::package::write_document(&crate::house::document("05", &["H41.01"], &files)).unwrap();
        assert!(package.len() > 1024 * 1024);
        house.send("hub.01", "H37.01", &package).await.unwrap();
        let outgoing = house.next("bac", after(0)).await.unwrap();
        assert!(outgoing.parcel.bytes.spools().iter().any(|spool| spool.held().is_none()), "it is not in memory");
        let whole = outgoing.parcel.bytes.whole().unwrap();
        assert!(whole == appended(&package, "truc.h37", NOW));
        let digest = ring::digest::digest(&ring::digest::SHA256, &whole);
        assert_eq!(digest.as_ref(), outgoing.parcel.sha256);
    }

    async fn r11_what_waits_for_another_axis_and_is_set_aside_waits_on(house: House) {
        let house = house.with_peers().await;
        let package = good("05", &["H41.01"]);
        let sent = house.send("hub.01", "H37.01", &package).await.unwrap();
        let mark = registry::set_aside::Mark { detector: "secrecy.person".to_owned(), by: "thử".to_owned() };
        assert_eq!(house.desk.set_document_aside(agency_id(1), sent.document_id, &mark, NOW).await, Ok(true));
        assert!(house.next("bac", after(0)).await.is_none());
        assert_eq!(house.queued("bac").await, 1, "it is not let go");
        let sha256 = ring::digest::digest(&ring::digest::SHA256, &package).as_ref().try_into().unwrap();
        let leader = crate::recalls::person(&house, 102, 1, store::Role::Leader).await;
        for account_id in [leader, mail::AccountId::from_bytes([1; 16])] {
            let word = registry::two_persons::Word { account_id, reason: "Không mật".to_owned() };
            house.desk.release_secret(sha256, word, NOW).await.unwrap();
        }
        assert!(house.next("bac", after(0)).await.is_none(), "it is asked for again in ten minutes");
        assert!(house.next("bac", after(601)).await.is_some());
    }

    async fn r65_r66_what_is_handed_over_has_our_line_and_is_the_same_each_time(house: House) {
        let house = house.with_peers().await;
        // One of its receivers by another of its codes: the peer is told in the package's own spelling.
        let package = good("05", &["H37.02", "000.00.41.h00", "H41.02"]);
        let accepted = house.send("hub.01", "H37.01", &package).await.unwrap();
        assert_eq!(house.waiting("hub.02").await.len(), 1, "the local system has its own");
        assert_eq!((house.queued("bac").await, house.queued("nam").await), (1, 0), "one row for a document and a peer");
        let first = house.next("bac", after(0)).await.unwrap();
        let to: Vec<&str> = first.parcel.to.iter().map(|code| code.as_str()).collect();
        assert_eq!((first.parcel.from.as_str(), to), ("H37.01", vec!["000.00.41.h00", "H41.02"]));
        let expected = appended(&package, "truc.h37", NOW);
        assert_eq!(first.parcel.bytes.whole().unwrap(), expected[..]);
        // The worker dies before it can say what became of it: another has the same bytes, and the first one's word is late.
        assert!(house.next("bac", after(0)).await.is_none(), "it is being carried");
        assert!(house.desk.hold_on(&first, after(20)).await.unwrap());
        assert!(house.next("bac", after(49)).await.is_none(), "it still is");
        let second = house.next("bac", after(3600)).await.unwrap();
        assert_eq!(second.parcel.bytes.whole().unwrap(), first.parcel.bytes.whole().unwrap());
        assert_eq!(house.desk.package_sent(&second, "p-7", after(3601)).await.unwrap(), Settled::Sent);
        assert_eq!(house.desk.package_failed(&first, &failure(Outlook::Never), after(3602)).await.unwrap(), Settled::LeaseLost);
        assert!(!house.desk.hold_on(&first, after(3602)).await.unwrap());
        let delivery = house.to_peer(&accepted, agency_id(1)).await;
        assert_eq!(delivery.state, DeliveryState::Done);
        let message = house.message(&delivery).await;
        assert_eq!((message.state.as_str(), message.peer_doc_id.as_str(), message.attempts), ("sent", "p-7", 2));
        assert_eq!(message.size as usize, expected.len());
        assert_eq!(house.queued("bac").await, 0);
        let kinds: Vec<String> = house.events(agency_id(1)).await.into_iter().map(|event| event.kind).collect();
        assert_eq!(kinds, ["document.accepted", "document.delivered"]);
        // The ledger has what was handed over.
        let leaves = house.desk.store.read(delivery.delivery_id, |tx, id| {
            Box::pin(async move { tx.leaves_of(agency_id(1), id.as_bytes()).await })
        });
        let record = String::from_utf8_lossy(&leaves.await.unwrap()[0].record).into_owned();
        assert!(record.contains("package-forwarded") && record.contains(&registry::vxp::hash::full_hex(&message.sha256)), "{record}");
    }

    async fn r66_without_trace_not_one_byte_is_changed(house: House) {
        let house = house.with_peers().await;
        let whole = "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><SignedInfo><Reference URI=\"\"/></SignedInfo></Signature></edXML:edXMLHeader>";
        let signed_whole = String::from_utf8(good("06", &["H41.01"])).unwrap().replacen("</edXML:edXMLHeader>", whole, 1).into_bytes();
        let plain = good("05", &["H41.01"]);
        house.send("hub.01", "H37.01", &plain).await.unwrap();
        house.send("hub.01", "H37.01", &signed_whole).await.unwrap();
        let bare = Peer { trace: false, ..house.peer("bac").await };
        let first = house.desk.next_package(&bare, &forwarding(), "w", after(0)).await.unwrap().unwrap();
        assert_eq!(first.parcel.bytes.whole().unwrap(), plain[..]);
        // RULES R67: a signature over everything would break.
        let second = house.next("bac", after(0)).await.unwrap();
        assert_eq!(second.parcel.bytes.whole().unwrap(), signed_whole[..]);
        let insisting = Forwarding { breaks_whole_signatures: true, ..forwarding() };
        let peer = house.peer("bac").await;
        let again = house.desk.next_package(&peer, &insisting, "w", after(3600)).await.unwrap().unwrap();
        let again_too = house.desk.next_package(&peer, &insisting, "w", after(3600)).await.unwrap().unwrap();
        assert!([again, again_too].iter().all(|outgoing| trace::read(&outgoing.parcel.bytes.whole().unwrap()).unwrap().has("truc.h37")));
    }

    async fn e34_a_signed_package_verifies_after_one_and_two_hops(house: House) {
        let house = house.with_peers().await;
        let world = World::get();
        let package = world.sign_package(&good("05", &["H41.01"]), &world.seal);
        house.send("hub.01", "H37.01", &package).await.unwrap();
        let once = house.next("bac", after(0)).await.unwrap().parcel.bytes.whole().unwrap();
        let twice = appended(&once, "truc.h41", after(60));
        for (hops, package) in [(0, package), (1, once), (2, twice)] {
            assert_eq!(trace::read(&package).unwrap().hops.len(), hops + 1);
            let policy = signer::Policy { trust: world.trust(), ..signer::Policy::default() };
            let judged = signer::judge(package, &policy, &world.evidence(&[]), NOW);
            assert_eq!(judged.report().verdict, signer::Verdict::Valid, "after {hops} hops");
        }
    }

    async fn r26_the_schedule_of_a_bad_line_keeps_the_order(house: House) {
        let house = house.with_peers().await;
        for number in ["05", "06"] {
            house.send("hub.01", "H37.01", &good(number, &["H41.01"])).await.unwrap();
        }
        let number = |outgoing: &Outgoing| String::from_utf8_lossy(&outgoing.parcel.bytes.whole().unwrap()).contains(">05<");
        let mut due = 0;
        for pause in [30, 60, 120, 240, 480, 1800, 1800] {
            let outgoing = house.next("bac", after(due)).await.unwrap();
            assert!(number(&outgoing), "what was put off comes before what was written after it");
            let settled = house.desk.package_failed(&outgoing, &Failure::line("refused"), after(due)).await.unwrap();
            assert_eq!(settled, Settled::PutOff);
            assert!(house.next("bac", after(due + pause - 1)).await.is_none(), "nothing goes over a bad line");
            due += pause;
        }
        // RULES R21: the urgent are tried at once, each in its own time.
        let mut urgent = document("07", &["H41.01"], &[("van-ban.pdf", &World::get().complete())]);
        urgent.other_info.priority = registry::package::Priority::Express;
        house.send("hub.01", "H37.01", &bytes(&urgent)).await.unwrap();
        let first = house.next("bac", after(due - 100)).await.unwrap();
        assert!(!number(&first));
        house.desk.package_failed(&first, &Failure::line("refused"), after(due - 100)).await.unwrap();
        assert!(house.next("bac", after(due - 71)).await.is_none());
        assert!(house.next("bac", after(due - 70)).await.is_some());
        // The line is heard again: everything goes at once, in order.
        let heard = house.desk.store.write("heard", after(due - 60), |tx, at| {
            Box::pin(async move { tx.peer_is_well("bac", false, Some(0), *at).await })
        });
        heard.await.unwrap();
        let next = house.next("bac", after(due - 60)).await.unwrap();
        assert!(number(&next));
        house.desk.package_sent(&next, "p-1", after(due - 60)).await.unwrap();
        assert!(!number(&house.next("bac", after(due - 60)).await.unwrap()));
    }

    async fn r26_one_package_that_breaks_a_good_line_is_put_aside(house: House) {
        let house = house.with_peers().await;
        for number in ["05", "06"] {
            house.send("hub.01", "H37.01", &good(number, &["H41.01"])).await.unwrap();
        }
        let is_first = |outgoing: &Outgoing| String::from_utf8_lossy(&outgoing.parcel.bytes.whole().unwrap()).contains(">05<");
        for attempt in 0..3 {
            let outgoing = house.next("bac", after(attempt * 60)).await.unwrap();
            assert!(is_first(&outgoing), "attempt {attempt}");
            house.desk.package_failed(&outgoing, &Failure::line("cut"), after(attempt * 60)).await.unwrap();
            // Polls get through.
            let heard = house.desk.store.write("heard", after(attempt * 60), |tx, at| {
                Box::pin(async move { tx.peer_is_well("bac", false, None, *at).await })
            });
            heard.await.unwrap();
        }
        assert!(!is_first(&house.next("bac", after(121)).await.unwrap()), "the next one has its turn");
    }

    async fn r26_what_the_peer_cannot_now_waits_alone(house: House) {
        let house = house.with_peers().await;
        for number in ["05", "06"] {
            house.send("hub.01", "H37.01", &good(number, &["H41.01"])).await.unwrap();
        }
        let first = house.next("bac", after(0)).await.unwrap();
        assert_eq!(house.desk.package_failed(&first, &failure(Outlook::Later), after(0)).await.unwrap(), Settled::PutOff);
        assert!(house.next("bac", after(0)).await.is_some());
        assert!(house.next("bac", after(29)).await.is_none());
        assert!(house.next("bac", after(30)).await.is_some());
    }

    async fn r26_what_is_refused_for_good_is_not_tried_again_and_its_sender_knows(house: House) {
        let house = house.with_peers().await;
        let accepted = house.send("hub.01", "H37.01", &good("05", &["H37.02", "H41.01"])).await.unwrap();
        let outgoing = house.next("bac", after(0)).await.unwrap();
        assert!(house.desk.refusals(&outgoing, &failure(Outlook::Never), NOW).await.unwrap().is_empty(), "our own sender asks us");
        assert_eq!(house.desk.package_failed(&outgoing, &failure(Outlook::Never), after(0)).await.unwrap(), Settled::Refused);
        assert_eq!(house.queued("bac").await, 0);
        let delivery = house.to_peer(&accepted, agency_id(1)).await;
        assert_eq!(delivery.state, DeliveryState::Fail);
        let places = house.desk.store.read(accepted.document_id, |tx, id| {
            Box::pin(async move { tx.receivers_of(agency_id(1), *id).await })
        });
        let reasons: Vec<(String, String)> = places.await.unwrap().into_iter().map(|at| (at.code.to_string(), at.reason)).collect();
        assert_eq!(reasons, [("H37.02".to_owned(), String::new()), ("H41.01".to_owned(), "peer.422: không nhận".to_owned())]);
        let told = house.events(agency_id(1)).await.pop().unwrap();
        assert!(told.kind == "document.failed" && told.facts.contains("peer.422") && told.facts.contains("H41.01"), "{told:?}");
        // Five times by an operator's word, then somebody has to find out why.
        let id = delivery.delivery_id;
        for _ in 0..5 {
            assert_eq!(house.desk.resend(id, "cli", after(0)).await.unwrap(), Resent::Queued);
            assert_eq!(house.desk.resend(id, "cli", after(0)).await.unwrap(), Resent::NotHeld);
            let outgoing = house.next("bac", after(0)).await.unwrap();
            house.desk.package_failed(&outgoing, &failure(Outlook::Never), after(0)).await.unwrap();
        }
        assert_eq!(house.desk.resend(id, "cli", after(0)).await.unwrap(), Resent::TooOften);
        assert_eq!(house.desk.resend(mail::DeliveryId::from_bytes([9; 16]), "cli", NOW).await.unwrap(), Resent::Unknown);
        assert!(house.next("bac", after(86_400)).await.is_none());
    }

    async fn r39_what_is_cancelled_while_it_waits_waits_no_more(house: House) {
        let house = house.with_peers().await.shredding_after(0);
        let accepted = house.send("hub.01", "H37.01", &good("05", &["H41.01"])).await.unwrap();
        let order = crate::house::act(registry::package::BusinessType::Recall, "05", &["H41.01"], &[]);
        house.send("hub.01", "H37.01", &bytes(&order)).await.unwrap();
        house.bring("bac", &status("H41.01", "H37.01", "05", "15")).await.unwrap();
        let order = house.next("bac", after(0)).await.unwrap();
        assert_eq!(house.desk.package_sent(&order, "p-1", after(0)).await.unwrap(), Settled::Sent);
        assert!(house.next("bac", after(0)).await.is_none(), "the document itself is no more");
        let message = house.message(&house.to_peer(&accepted, agency_id(1)).await).await;
        assert_eq!((message.state.as_str(), message.reason.as_str()), ("withdrawn", "document.withdrawn"));
        assert!(message.settled_at.is_some());
    }

    async fn r26_a_peer_that_does_not_let_us_in_stops_the_line_and_loses_nothing(house: House) {
        let house = house.with_peers().await;
        house.send("hub.01", "H37.01", &good("05", &["H41.01"])).await.unwrap();
        let outgoing = house.next("bac", after(0)).await.unwrap();
        assert_eq!(house.desk.package_failed(&outgoing, &failure(Outlook::Barred), after(0)).await.unwrap(), Settled::Stopped);
        assert_eq!(house.peer("bac").await.state, PeerState::Paused);
        assert!(house.next("bac", after(86_400)).await.is_none());
        let resumed = house.desk.store.write("resume", (), |tx, ()| {
            Box::pin(async move { tx.set_peer_state("bac", PeerState::Active).await })
        });
        assert!(resumed.await.unwrap());
        assert!(house.next("bac", after(0)).await.is_some());
    }

    async fn r26_r19_what_has_not_got_through_by_the_deadline_is_held(house: House) {
        let house = house.with_peers().await;
        let accepted = house.send("hub.01", "H37.01", &good("05", &["H41.01"])).await.unwrap();
        let calendar = Calendar {
            holidays: Default::default(),
            made_up: Default::default(),
            morning_end: time::macros::time!(12:00),
            office: (time::macros::time!(7:30), time::macros::time!(17:00)),
        };
        // Accepted on a Sunday at eight: until Monday noon.
        let deadline = calendar.deadline(NOW);
        assert_eq!(deadline.to_edxml(), "2026/11/23 12:00:00");
        let outgoing = house.next("bac", after(0)).await.unwrap();
        house.desk.package_failed(&outgoing, &Failure::line("refused"), after(0)).await.unwrap();
        assert_eq!(house.desk.hold_late(&calendar, Timestamp::from_millis(deadline.millis() - 1)).await.unwrap(), 0);
        assert_eq!(house.desk.hold_late(&calendar, deadline).await.unwrap(), 1);
        assert_eq!(house.desk.hold_late(&calendar, deadline).await.unwrap(), 0);
        let delivery = house.to_peer(&accepted, agency_id(1)).await;
        assert_eq!((delivery.state, house.message(&delivery).await.state.as_str()), (DeliveryState::Fail, "held"));
        let told = house.events(agency_id(1)).await.pop().unwrap();
        assert!(told.kind == "document.late" && told.facts.contains("line.broken"), "{told:?}");
        assert_eq!(house.desk.resend(delivery.delivery_id, "cli", deadline).await.unwrap(), Resent::Queued);
        assert_eq!(house.desk.hold_late(&calendar, deadline).await.unwrap(), 0, "its time begins anew");
    }

    async fn r51_nothing_is_sent_when_the_clocks_differ_too_much(house: House) {
        let house = house.with_peers().await;
        house.send("hub.01", "H37.01", &good("05", &["H41.01"])).await.unwrap();
        for (off, sends) in [(60_001, false), (-60_001, false), (59_000, true)] {
            let heard = house.desk.store.write("heard", off, |tx, off| {
                Box::pin(async move { tx.peer_is_well("bac", false, Some(*off), NOW).await })
            });
            heard.await.unwrap();
            assert_eq!(house.next("bac", after(0)).await.is_some(), sends, "{off}");
        }
    }

    async fn e41_a_peer_speaks_for_those_behind_it_and_for_nobody_else(house: House) {
        let house = house.with_peers().await;
        let package = bytes(&from_afar("H41.01", "05", &["H37.02", "H41.02", "H99.77"]));
        // Strangers among the receivers, and those behind the same peer, are the peer's business.
        let accepted = house.bring("bac", &package).await.unwrap().unwrap();
        assert_eq!(house.waiting("hub.02").await.len(), 1);
        assert_eq!(house.queued("bac").await, 0, "it does not go back");
        // A crash before the acknowledgement: the same once more is the same.
        let again = house.bring("bac", &package).await.unwrap().unwrap();
        assert!(again.is_repeat && again.document_id == accepted.document_id);
        // Whoever speaks for another is refused: another peer's agency, one of ours, one that nobody knows.
        let rows = [("nam", "H41.01", 403), ("bac", "H51.01", 403), ("bac", "H37.04", 403), ("bac", "H99.01", 403)];
        for (peer, from, code) in rows {
            let forged = bytes(&from_afar(from, "66", &["H37.02"]));
            assert_eq!(house.bring(peer, &forged).await.unwrap_err().status(), code, "{peer} {from}");
        }
        assert_eq!(house.waiting("hub.02").await.len(), 1);
        // Nobody here is meant.
        let foreign = bytes(&from_afar("H41.01", "07", &["H41.02"]));
        assert_eq!(house.bring("bac", &foreign).await.unwrap_err().status(), 404);
    }

    async fn what_we_sent_ourselves_comes_back_to_nobody(house: House) {
        let house = house.with_peers().await;
        house.send("hub.01", "H37.01", &good("05", &["H37.02", "H41.01"])).await.unwrap();
        let outgoing = house.next("bac", after(0)).await.unwrap();
        house.desk.package_sent(&outgoing, "p-1", after(0)).await.unwrap();
        // The peer lists it for all receivers, ours among them, with our line in it.
        assert_eq!(house.bring("bac", &outgoing.parcel.bytes.whole().unwrap()).await.unwrap(), None);
        assert_eq!(house.waiting("hub.02").await.len(), 1);
        // Over another line it never went, and what comes from there is no echo.
        assert_eq!(house.bring("nam", &outgoing.parcel.bytes.whole().unwrap()).await.unwrap_err().code(), "trace.loop");
    }

    async fn r66_a_package_that_goes_in_circles_is_refused(house: House) {
        let house = house.with_peers().await;
        let add = |package: &[u8], hops: &[&str]| {
            hops.iter().fold(package.to_vec(), |package, hop| appended(&package, hop, NOW))
        };
        let package = bytes(&from_afar("H41.01", "05", &["H37.02"]));
        for hops in [&["truc.h41", "TRUC.H37"][..], &["a", "b", "c", "d"]] {
            let refused = house.bring("bac", &add(&package, hops)).await.unwrap_err();
            assert_eq!((refused.status(), refused.code()), (422, "trace.loop"));
        }
        assert!(house.bring("bac", &add(&package, &["a", "b", "c"])).await.is_ok());
    }

    async fn r65_from_one_axis_to_another(house: House) {
        let house = house.with_peers().await;
        let package = bytes(&from_afar("H51.01", "05", &["H41.01", "H37.02"]));
        let package = appended(&package, "truc.h51", NOW);
        let accepted = house.bring("nam", &package).await.unwrap().unwrap();
        assert_eq!((house.queued("bac").await, house.waiting("hub.02").await.len()), (1, 1));
        let outgoing = house.next("bac", after(0)).await.unwrap();
        let hops: Vec<String> = trace::read(&outgoing.parcel.bytes.whole().unwrap()).unwrap().hops.into_iter().flatten().collect();
        assert_eq!(hops, ["H51.01", "truc.h51", "truc.h37"]);
        // RULES R68: what the next axis refuses is told to the sender, who is not ours and asks us nothing; and told once.
        for _ in 0..2 {
            let mut reports = house.desk.refusals(&outgoing, &failure(Outlook::Never), NOW).await.unwrap();
            let report = reports.pop().unwrap();
            assert!(reports.is_empty());
            let parameters = SendParameters { from: report.from.to_string(), to: Vec::new(), hash_file: None, hint: None, declared: Declared::default() };
            house.take_in(report.system, parameters, &report.bytes, &World::get().evidence(&[])).await.unwrap();
        }
        house.desk.package_failed(&outgoing, &failure(Outlook::Never), after(0)).await.unwrap();
        let back = house.next("nam", after(0)).await.unwrap();
        let text = String::from_utf8_lossy(&back.parcel.bytes.whole().unwrap()).into_owned();
        assert!(text.contains("StatusCode>02<") && text.contains("không nhận") && text.contains("H51.01,2026/11/22,05/SNV-VP"), "{text}");
        assert!(house.next("nam", after(0)).await.is_none());
        let place = house.desk.store.read(accepted.document_id, |tx, id| {
            Box::pin(async move { tx.receiver(agency_id(41), *id).await })
        });
        assert_eq!(place.await.unwrap().unwrap().state, "returned");
    }

    async fn r68_statuses_travel_back_the_way_the_document_came(house: House) {
        let house = house.with_peers().await;
        // Out: ours to theirs, and their word back.
        let sent = house.send("hub.01", "H37.01", &good("05", &["H41.01"])).await.unwrap();
        let outgoing = house.next("bac", after(0)).await.unwrap();
        house.desk.package_sent(&outgoing, "p-1", after(0)).await.unwrap();
        for code in ["01", "03"] {
            house.bring("bac", &status("H41.01", "H37.01", "05", code)).await.unwrap().unwrap();
        }
        assert_eq!(house.waiting("hub.01").await.len(), 2);
        let place = house.desk.store.read(sent.document_id, |tx, id| Box::pin(async move { tx.receiver(agency_id(41), *id).await }));
        assert_eq!(place.await.unwrap().unwrap().state, "accepted");
        // In: theirs to ours, and our word to them.
        house.bring("bac", &bytes(&from_afar("H41.02", "09", &["H37.02"]))).await.unwrap().unwrap();
        house.send("hub.02", "H37.02", &status("H37.02", "H41.02", "09", "01")).await.unwrap();
        let word = house.next("bac", after(0)).await.unwrap();
        assert!(word.parcel.kind == Kind::Statuses && word.parcel.to[0].as_str() == "H41.02");
        // Nobody puts words into the mouth of an agency that lies elsewhere.
        let forged = status("H51.01", "H37.01", "05", "02");
        assert_eq!(house.bring("bac", &forged).await.unwrap_err().status(), 403);
    }

    async fn e41_a_refused_document_is_answered_and_kept_apart(house: House) {
        let house = house.with_peers().await;
        let waiting = Waiting { id: "d-1".to_owned(), from: "H41.01".to_owned(), to: vec!["H41.02".to_owned(), "H37.02".to_owned()] };
        let broken = b"1212<?xml version='1.0'?><edXML><DocumentId>H41.01,2026/11/22,05/SNV-VP</DocumentId></edXML>";
        let accept::Opened { package, parties, .. } = accept::open(broken, &house.desk.limits);
        let refused = package.unwrap_err();
        let report = house.desk.refusal_of("bac", &Named::guess(broken, &parties, &waiting), &refused.vi(), NOW).await.unwrap().unwrap();
        assert_eq!((report.from.as_str(), report.system.system_id.as_str()), ("H37.02", "house:congvan"));
        let parameters = SendParameters { from: report.from.to_string(), to: Vec::new(), hash_file: None, hint: None, declared: Declared::default() };
        house.take_in(report.system, parameters, &report.bytes, &World::get().evidence(&[])).await.unwrap();
        let back = house.next("bac", after(0)).await.unwrap();
        assert!(matches!(registry::package::read(&back.parcel.bytes.whole().unwrap(), &house.desk.limits), Ok(Package::Status(said)) if said.code.as_str() == "02"));
        let incoming = Incoming {
            peer: "bac".to_owned(),
            waiting: waiting.clone(),
            kind: Kind::Documents,
            sha256: vec![1; 32],
            size: broken.len(),
            document_id: None,
            state: "refused",
            reason: refused.code().to_owned(),
        };
        house.desk.note_incoming(incoming, Some(&broken.to_vec().into()), NOW).await.unwrap();
        let seen = house.desk.seen("bac", "d-1").await.unwrap().unwrap();
        let kept = house.desk.store.read_blob(store::PEER, seen.quarantine_id.unwrap()).await.unwrap().unwrap();
        assert_eq!((seen.state.as_str(), kept.as_slice()), ("refused", broken.as_slice()));
        // Nobody is told in the name of somebody else, or of what does not say what it is, or a sender who lies elsewhere.
        let rows = [
            (&broken[..], Waiting { to: vec!["H41.02".to_owned()], ..waiting.clone() }, "bac"),
            (&b"<html/>"[..], waiting.clone(), "bac"),
            (&broken[..], waiting.clone(), "nam"),
            (&broken[..], Waiting { from: String::new(), ..waiting.clone() }, "bac"),
        ];
        for (bytes, waiting, peer) in rows {
            assert!(house.desk.refusal_of(peer, &Named::guess(bytes, &parties, &waiting), "x", NOW).await.unwrap().is_none(), "{waiting:?}");
        }
    }

    async fn r69_content_goes_after_its_time_and_the_log_stays(house: House) {
        let house = house.with_peers().await;
        // One that only passes through, and one of ours, who has people here.
        let transit = appended(&bytes(&from_afar("H51.01", "05", &["H41.01"])), "truc.h51", NOW);
        let passing = house.bring("nam", &transit).await.unwrap().unwrap();
        let own = house.send("hub.01", "H37.01", &good("06", &["H41.01"])).await.unwrap();
        for id in ["p-1", "p-2"] {
            let outgoing = house.next("bac", after(0)).await.unwrap();
            house.desk.package_sent(&outgoing, id, after(0)).await.unwrap();
        }
        let drop = async |before: Timestamp| {
            let gone = house.desk.store.write("let go", before, |tx, before| {
                Box::pin(async move { tx.drop_peer_content(*before, after(9), 100).await })
            });
            gone.await.unwrap()
        };
        assert_eq!((drop(after(0)).await, drop(after(1)).await, drop(after(1)).await), (0, 2, 0));
        for (sender, accepted, stays) in [(agency_id(51), &passing, false), (agency_id(1), &own, true)] {
            let delivery = house.to_peer(accepted, sender).await;
            assert!(house.desk.store.read_delivery(&delivery).await.unwrap().is_none(), "the line has had it");
            let content = house.desk.store.read_blob(sender, delivery.blob_id).await.unwrap();
            assert_eq!(content.is_some(), stays, "{sender}");
            assert_eq!(house.message(&delivery).await.state, "sent");
        }
        // What is asked for again later is the same act all the same.
        assert!(house.bring("nam", &transit).await.unwrap().unwrap().is_repeat);
    }

    async fn r70_announced_agencies_become_known_behind_their_peer(house: House) {
        let house = house.with_peers().await;
        let announce = |code: &str, code102: Option<&str>| Announced {
            code: code.parse().unwrap(),
            code102: code102.map(|code| code.parse().unwrap()),
            name: format!("Tên của {code}"),
        };
        let list = [
            announce("G22.01", Some("000.00.01.G22")),
            announce("H37.01", None),
            announce("H37.05", None),
            announce("H51.01", None),
            announce("H41.01", None),
            announce("KHAC.1", Some("000.00.42.H00")),
        ];
        let learned = house.desk.learn("bac", &list, NOW).await.unwrap();
        // H37.01 has a system here, H37.05 people, H51.01 lies behind another; H41.02 answers to the last one's other code.
        assert_eq!(learned, Learned { new: 1, known: 2, elsewhere: 3 });
        let again = house.desk.learn("bac", &list, NOW).await.unwrap();
        assert_eq!(again, Learned { new: 0, known: 3, elsewhere: 3 });
        house.send("hub.01", "H37.01", &good("05", &["000.00.01.G22"])).await.unwrap();
        assert_eq!(house.queued("bac").await, 1);
        let refused = house.send("hub.01", "H37.01", &good("06", &["H37.05"])).await.unwrap_err();
        assert_eq!(refused.status(), 404, "an agency at home without a system is behind nobody");
    }

    async fn r71_an_agency_is_told_of_its_systems_silence(house: House) {
        let polled = house.desk.store.write("poll", (), |tx, ()| {
            Box::pin(async move {
                tx.note_poll("hub.01", after(0)).await?;
                tx.note_poll("hub.02", after(1_700)).await
            })
        });
        polled.await.unwrap();
        let patience = Duration::from_secs(1_800);
        let told = house.desk.tell_silence(patience, after(1_799)).await.unwrap();
        assert_eq!((told.all, told.told), (0, 0));
        for (told_now, at) in [(1, 1_800), (0, 1_900)] {
            let told = house.desk.tell_silence(patience, after(at)).await.unwrap();
            assert_eq!((told.all, told.told), (1, told_now));
        }
        let told = house.events(agency_id(1)).await.pop().unwrap();
        assert!(told.kind == "system.silent" && told.facts.contains("hub.01"), "{told:?}");
        assert!(house.events(agency_id(2)).await.is_empty());
    }
}
