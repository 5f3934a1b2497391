//! What is there, held against the model.

use std::collections::BTreeMap;

use mail::{DocumentId, Timestamp};
use registry::Error;
use registry::receipt::Auditor;
use registry::statistics;
use registry::status::Progress;
use registry::vxp::call::Acknowledgement;
use store::{Delivery, DeliveryFilter, DeliveryState};

use super::Simulation;
use super::model::{AFAR, Agency, Kept, Model, Version, Word, system};
use crate::house::{House, LOG, agency_id};
use crate::receipts::{key, sequence};

impl House {
    /// What waits for a system at a moment.
    pub(super) async fn waiting_at(&self, system: &str, now: Timestamp) -> Vec<Delivery> {
        let filter = DeliveryFilter {
            system_folded: system.to_owned(),
            kind: None,
            from: None,
            to: None,
            to_code: None,
            offset: 0,
            limit: 1_000,
        };
        let read = self.desk.store.read(filter, move |tx, filter| {
            Box::pin(async move { tx.waiting_deliveries(filter, now).await })
        });
        read.await.unwrap()
    }

    async fn deliveries(&self, sender: Agency, id: DocumentId) -> Vec<Delivery> {
        let read = self
            .desk
            .store
            .read(id, move |tx, id| Box::pin(async move { tx.deliveries_of(agency_id(sender), *id).await }));
        read.await.unwrap()
    }
}

impl Simulation {
    /// The first thing about a document that is not as a model has it.
    pub(super) async fn difference(&self, model: &Model, number: u32) -> Option<String> {
        for version in model.papers.get(&number).into_iter().flatten() {
            let difference = self.version_difference(version).await;
            if difference.is_some() {
                return difference;
            }
        }
        None
    }

    async fn version_difference(&self, version: &Version) -> Option<String> {
        let owner = agency_id(version.sender);
        let read = self.house.desk.store.read(version.id, move |tx, id| {
            Box::pin(async move {
                let document = tx.document(owner, *id).await?;
                let receivers = tx.receivers_of(owner, *id).await?;
                Ok::<_, store::Error>((document, receivers, tx.statuses(owner, *id).await?))
            })
        });
        let (document, receivers, statuses) = read.await.unwrap();
        let Some(document) = document else { return Some(format!("{version:?} is not there")) };
        if document.state != version.state {
            return Some(format!("{version:?} is {:?}", document.state));
        }
        let numbers: Vec<i64> = statuses.iter().map(|entry| entry.status_no).collect();
        let whole: Vec<i64> = (1..).take(numbers.len()).collect();
        assert_eq!(numbers, whole, "a history without gap and repeat");
        let history: Vec<_> = statuses.iter().map(|entry| (entry.reporter_id, entry.code.as_str())).collect();
        if history != version.history {
            return Some(format!("{version:?} has the history {history:?}"));
        }
        let at: BTreeMap<_, _> = receivers.iter().map(|at| (at.receiver_id, Progress::of(at))).collect();
        let wanted: BTreeMap<_, _> =
            version.at.iter().map(|(agency, at)| (agency_id(*agency), *at)).collect();
        (at != wanted).then(|| format!("{version:?} stands at {at:?}"))
    }

    pub(super) async fn check(&mut self) {
        for number in self.model.papers.keys() {
            assert_eq!(self.difference(&self.model, *number).await, None);
        }
        for kept in &self.model.kept {
            self.check_kept(kept).await;
        }
        self.check_nothing_else().await;
        self.check_feeds().await;
        // What a later clock finds due is done before the log is held against it.
        self.house.desk.shred_due(self.now).await.unwrap();
        sequence(&self.house, self.now).await;
        let audit = Auditor::new(&self.house.desk.store, &key(LOG)).run().await.unwrap();
        assert_eq!(audit.findings, [], "the log is consistent");
        assert_eq!(audit.packages, self.model.kept.len() as u64);
        // What was counted as it happened is what the history says (RULES R53).
        let counted = statistics::recount(&self.house.desk.store, false, self.now).await.unwrap();
        assert_eq!((counted.missing, counted.different), (0, 0), "{:?}", counted.documents_found);
        assert!(counted.facts > 0);
    }

    /// An accepted package exists once at each receiver, with its first receipt.
    async fn check_kept(&self, kept: &Kept) {
        let (parcel, accepted) = (&kept.parcel, &kept.accepted);
        let deliveries = self.house.deliveries(parcel.from, accepted.document_id).await;
        let mut found: Vec<&str> =
            deliveries.iter().map(|delivery| delivery.system_folded.as_str()).collect();
        found.sort_unstable();
        let mut wanted: Vec<&str> = parcel.to.iter().map(|to| system(*to)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        assert_eq!(found, wanted, "{parcel:?} once at each receiving system");
        for delivery in &deliveries {
            self.check_delivery(kept, delivery).await;
        }
    }

    async fn check_delivery(&self, kept: &Kept, delivery: &Delivery) {
        let way = delivery.system_folded.as_str();
        if way == system(AFAR) {
            // What was cancelled while it waited does not leave.
            let is_there = delivery.state == DeliveryState::Done || delivery.withdrawn_at.is_some();
            assert!(is_there, "{:?} was handed over", kept.parcel);
            return;
        }
        let said = self.words.get(&delivery.delivery_id).map_or(DeliveryState::Initial, |word| match word {
            Acknowledgement::Processing => DeliveryState::Processing,
            Acknowledgement::Done => DeliveryState::Done,
            Acknowledgement::Fail => DeliveryState::Fail,
        });
        assert_eq!(delivery.state, said, "{:?} at {way}", kept.parcel);
        let receiver = self.house.system(way).await;
        let read = self.house.desk.package_of(&receiver, delivery, self.now).await;
        match self.model.is_withdrawn(kept.accepted.document_id, way) {
            true => {
                assert!(matches!(read, Err(Error::Withdrawn(_))), "{:?} is cancelled at {way}", kept.parcel)
            }
            false => assert!(
                read.unwrap().whole_of_it().await.unwrap() == kept.parcel.bytes,
                "{:?} at {way}",
                kept.parcel
            ),
        }
    }

    /// What was not accepted left no trace.
    async fn check_nothing_else(&self) {
        let kept = &self.model.kept;
        let receivers = |kept: &Kept| {
            let mut systems: Vec<&str> = kept.parcel.to.iter().map(|to| system(*to)).collect();
            systems.sort_unstable();
            systems.dedup();
            systems.len()
        };
        let heard: usize = self.model.papers.values().flatten().map(|version| version.history.len()).sum();
        let places: usize = kept
            .iter()
            .filter(|kept| !matches!(kept.parcel.word, Word::Status(_)))
            .map(|kept| kept.parcel.to.len())
            .sum();
        let wanted = [
            ("SELECT COUNT(*) FROM document", kept.len()),
            ("SELECT COUNT(*) FROM delivery", kept.iter().map(receivers).sum()),
            ("SELECT COUNT(*) FROM document_receiver", places),
            ("SELECT COUNT(*) FROM document_status", heard),
            ("SELECT COUNT(*) FROM document_link", self.model.links),
            ("SELECT COUNT(*) FROM status_unlinked", 0),
            ("SELECT COUNT(*) FROM outbox WHERE kind = 'package'", 0),
            (
                "SELECT COUNT(*) FROM peer_message WHERE state NOT IN ('sent', 'withdrawn') AND direction = 'out'",
                0,
            ),
        ];
        for (sql, count) in wanted {
            assert_eq!(usize::try_from(self.house.count(sql).await).unwrap(), count, "{sql}");
        }
        // A peer that gets a package twice knows it by its bytes: so many different ones, so many packages; and it may have
        // got some before their receivers cancelled them, without our hearing of it.
        let sent = self.house.count("SELECT COUNT(*) FROM peer_message WHERE state = 'sent'").await;
        let withdrawn = self.house.count("SELECT COUNT(*) FROM peer_message WHERE state = 'withdrawn'").await;
        let has = i64::try_from(self.peer_has.len()).unwrap();
        assert!((sent..=sent + withdrawn).contains(&has), "{sent} sent, {withdrawn} withdrawn, {has} there");
    }

    /// Every receiver is told of every document once.
    async fn check_feeds(&self) {
        let numbered = async || {
            let work = self
                .house
                .desk
                .store
                .write("number", (), |tx, ()| Box::pin(async move { tx.number_events(10_000).await }));
            let done: Result<usize, store::Error> = work.await;
            done.unwrap()
        };
        while numbered().await > 0 {}
        for receiver in [1, 2, 3, 4] {
            let read = self.house.desk.store.read(receiver, |tx, agency| {
                Box::pin(async move { tx.events_after(agency_id(*agency), 0, 100_000).await })
            });
            let mut told: Vec<_> = read
                .await
                .unwrap()
                .into_iter()
                .filter(|event| event.kind == "document.arrived")
                .map(|event| event.subject_id)
                .collect();
            told.sort_unstable();
            let documents = self.model.kept.iter().filter(|kept| {
                !matches!(kept.parcel.word, Word::Status(_)) && kept.parcel.to.contains(&receiver)
            });
            let mut wanted: Vec<_> = documents.map(|kept| *kept.accepted.document_id.as_bytes()).collect();
            wanted.sort_unstable();
            assert_eq!(told, wanted, "agency {receiver}");
        }
    }
}
