//! Exactly once, whatever happens: a small world lives through some hundred acts while callers go away, the power goes, disks
//! are full, clocks jump and a peer answers twice, late or never. A plain model says what has to be there afterwards.
//!
//! `CONGVAN_SEED` tells one story again, `CONGVAN_SEEDS` tells so many (`make simulate`).
#![allow(clippy::print_stderr)] // a failing seed is said

mod checks;
mod faults;
mod model;
mod parcels;
#[path = "../../../tests/shared/simulation.rs"]
mod shared;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::time::Duration;

use mail::{DeliveryId, Timestamp};
use registry::Error;
use registry::accept::Accepted;
use registry::transport::{Failure, Outlook};
use registry::upstream::Settled;
use registry::vxp::call::Acknowledgement;

use crate::house::House;
use crate::receipts::sequence;
use crate::upstream::forwarding;
use crate::world::NOW;
use faults::{Fault, TABLES, hand_in, hand_in_amid};
use model::{Model, Parcel};
use shared::{Dice, Told, polled, seeds};

/// Acts in one story.
const ACTS: u32 = 160;
/// In `make test`.
const SEEDS: u64 = 2;

struct Simulation {
    house: House,
    dice: Dice,
    model: Model,
    now: Timestamp,
    /// What was said of deliveries, and whether it was `done` once.
    words: BTreeMap<DeliveryId, Acknowledgement>,
    /// What the peer was handed and may have kept: it knows a repeat by its bytes.
    peer_has: BTreeSet<Vec<u8>>,
    next_number: u32,
    next_second: i64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_once_whatever_happens_on_sqlite() {
    for seed in seeds(SEEDS) {
        Simulation::run(House::sqlite().await, seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_once_whatever_happens_on_postgres() {
    for seed in seeds(SEEDS) {
        Simulation::run(House::postgres().await, seed).await;
    }
}

impl Simulation {
    async fn run(house: House, seed: u64) {
        let _told = Told(seed);
        let days = if seed.is_multiple_of(2) { 0 } else { 30 };
        let mut world = Self {
            house: house.with_peers().await.shredding_after(days),
            dice: Dice(seed),
            model: Model::default(),
            now: NOW.plus(Duration::from_secs(10 * 86_400)),
            words: BTreeMap::new(),
            peer_has: BTreeSet::new(),
            next_number: 1,
            next_second: 1,
        };
        for _ in 0..ACTS {
            world.act().await;
        }
        world.empty_the_queue().await;
        world.check().await;
    }

    async fn act(&mut self) {
        self.now = self.now.plus(Duration::from_millis(self.dice.below(90_000)));
        match self.dice.below(20) {
            0..=10 => {
                let parcel = self.parcel();
                self.send(parcel).await;
            }
            11..=12 => self.two_at_once().await,
            13..=15 => self.acknowledge().await,
            16..=17 => self.carry().await,
            18 => match self.dice.below(4) {
                // A sequencer that dies leaves its turn to the next one.
                0 => drop(polled(pin!(sequence(&self.house, self.now)), self.dice.polls()).await),
                1 => {
                    self.house.desk.shred_due(self.now).await.unwrap();
                }
                2 => self.house.reopen().await,
                _ => sequence(&self.house, self.now).await,
            },
            // The clock jumps, over the end of the year and back.
            _ => self.now = NOW.plus(Duration::from_secs(86_400 + self.dice.below(60 * 86_400))),
        }
    }

    /// Hands a package in, amid a fault or without, and again until there is an answer, as an honest client does.
    async fn send(&mut self, parcel: Parcel) {
        let fault = match self.dice.below(8) {
            0 => Some(Fault::Gone(self.dice.polls())),
            1 => Some(Fault::Cut(self.dice.polls())),
            2 => {
                let table: &&str = self.dice.one(&TABLES);
                Some(Fault::Full(table))
            }
            3 => Some(Fault::Twins),
            _ => None,
        };
        let outcome = match fault {
            Some(fault) => hand_in_amid(&mut self.house, &parcel, self.now, fault).await,
            None => Some(hand_in(&self.house, &parcel, self.now).await),
        };
        let accepted = match outcome {
            Some(Ok(accepted)) => accepted,
            Some(Err(Error::Unavailable)) | None => self.again(&parcel).await,
            Some(Err(error)) => panic!("{parcel:?} amid {fault:?}: {error:?}"),
        };
        self.note(&parcel, accepted, fault.is_none());
    }

    async fn again(&mut self, parcel: &Parcel) -> Accepted {
        // Connections that were cut are found out one by one.
        for _ in 0..20 {
            match hand_in(&self.house, parcel, self.now).await {
                Ok(accepted) => return accepted,
                Err(error) => assert_eq!(error, Error::Unavailable, "{parcel:?}"),
            }
        }
        panic!("{parcel:?} is never accepted");
    }

    /// An answer: the first receipt again, or the model grows.
    fn note(&mut self, parcel: &Parcel, accepted: Accepted, is_sure: bool) {
        if let Some(first) = self.model.before(parcel) {
            assert_eq!(
                accepted.receipt, first.accepted.receipt,
                "the first receipt, byte for byte: {parcel:?}"
            );
            assert_eq!(accepted.document_id, first.accepted.document_id);
            assert!(accepted.is_repeat);
            return;
        }
        if self.model.is_said(parcel) {
            assert!(accepted.is_repeat, "{parcel:?} was said before");
            let known = self.model.kept.iter().any(|kept| kept.accepted.receipt == accepted.receipt);
            assert!(known, "the receipt of what was said before");
            return;
        }
        assert!(!(is_sure && accepted.is_repeat), "{parcel:?} is new");
        self.model.accept(parcel, &accepted);
    }

    /// Two acts about one document at the same moment: it ends as if one had come after the other.
    async fn two_at_once(&mut self) {
        let Some((one, other)) = self.pair() else { return };
        let (first, second) =
            tokio::join!(hand_in(&self.house, &one, self.now), hand_in(&self.house, &other, self.now));
        let (first, second) = (first.unwrap(), second.unwrap());
        let mut in_order = self.model.clone();
        in_order.accept(&one, &first);
        in_order.accept(&other, &second);
        let mut reversed = self.model.clone();
        reversed.accept(&other, &second);
        reversed.accept(&one, &first);
        let difference = self.difference(&in_order, one.number).await;
        self.model = if difference.is_none() { in_order } else { reversed };
        if let Some(reverse) = self.difference(&self.model, one.number).await {
            panic!("neither order of {one:?} and {other:?}: {difference:?}, {reverse}");
        }
    }

    /// A receiving system's word about what waits for it.
    async fn acknowledge(&mut self) {
        let system = *self.dice.one(&["hub.01", "hub.02", "hub.04"]);
        let waiting = self.house.waiting_at(system, self.now).await;
        if waiting.is_empty() {
            return;
        }
        let delivery = self.dice.one(&waiting).delivery_id;
        let word =
            *self.dice.one(&[Acknowledgement::Processing, Acknowledgement::Done, Acknowledgement::Fail]);
        let system = self.house.system(system).await;
        let times = 1 + self.dice.below(2);
        for _ in 0..times {
            let said = self.house.desk.acknowledge_delivery(&system, delivery, word, self.now);
            let mut said = pin!(said);
            if polled(said.as_mut(), self.dice.polls()).await.is_none() {
                // Its system waits for the answer; somebody else asks meanwhile.
                let other = self.house.desk.acknowledge_delivery(&system, delivery, word, self.now);
                let (one, other) = tokio::join!(said, other);
                one.unwrap();
                other.unwrap();
            }
        }
        self.words.insert(delivery, word);
    }

    /// A package's way to the peer, who answers twice, later, with a refusal, or never.
    async fn carry(&mut self) {
        let peer = self.house.peer("bac").await;
        let next = self.house.desk.next_package(&peer, &forwarding(), "một", self.now).await.unwrap();
        let Some(outgoing) = next else { return };
        self.peer_has.insert(outgoing.parcel.bytes.whole().unwrap());
        let desk = &self.house.desk;
        match self.dice.below(6) {
            // Never: the lease runs out.
            0 => {}
            1 | 2 => {
                let outlook = if self.dice.below(2) == 0 { Outlook::Later } else { Outlook::Line };
                let failure = Failure::new(outlook, "cut", "đứt");
                assert_eq!(
                    desk.package_failed(&outgoing, &failure, self.now).await.unwrap(),
                    Settled::PutOff
                );
            }
            // We die before its answer is kept, or after.
            3 => drop(polled(pin!(desk.package_sent(&outgoing, "p", self.now)), self.dice.polls()).await),
            _ => {
                assert_eq!(desk.package_sent(&outgoing, "p", self.now).await.unwrap(), Settled::Sent);
                let again = desk.package_sent(&outgoing, "p", self.now).await.unwrap();
                assert_eq!(again, Settled::LeaseLost, "it answers once more");
            }
        }
    }

    /// Everything leaves in the end.
    async fn empty_the_queue(&mut self) {
        self.now = NOW.plus(Duration::from_secs(80 * 86_400));
        let peer = self.house.peer("bac").await;
        while let Some(outgoing) =
            self.house.desk.next_package(&peer, &forwarding(), "hai", self.now).await.unwrap()
        {
            self.peer_has.insert(outgoing.parcel.bytes.whole().unwrap());
            let sent = self.house.desk.package_sent(&outgoing, "p", self.now).await.unwrap();
            assert_eq!(sent, Settled::Sent);
        }
    }
}
