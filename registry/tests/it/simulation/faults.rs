//! What goes wrong while a package is taken in.

use std::pin::pin;

use mail::Timestamp;
use registry::Error;
use registry::accept::{self, Accepted};
use registry::upstream::Speaker;
use registry::vxp::call::{Declared, SendParameters};

use super::model::{AFAR, Parcel, code, system};
use super::shared::{full_disk, polled, room_again};
use crate::house::House;

/// Where a write breaks: tables that accepting a package writes, early and late in its transaction.
pub(super) const TABLES: [&str; 7] =
    ["document", "delivery", "document_receiver", "document_status", "event", "ledger_leaf", "audit"];

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// The caller goes away after so many steps.
    Gone(u32),
    /// The power goes after so many steps.
    Cut(u32),
    /// The disk is full when this table is written.
    Full(&'static str),
    /// The same bytes come twice at once.
    Twins,
}

/// Through the door that the sender has: its own system's, or the peer's.
pub(super) async fn hand_in(house: &House, parcel: &Parcel, now: Timestamp) -> Result<Accepted, Error> {
    let (system, parameters) = match parcel.from {
        AFAR => {
            let opened = accept::open(&parcel.bytes, &house.desk.limits).package?;
            match house.desk.speaker("bac", &opened, now).await? {
                Speaker::Peer(system, parameters) => (*system, parameters),
                Speaker::Ourselves => panic!("{parcel:?} is not ours"),
            }
        }
        near => {
            let from = code(near);
            let declared = Declared::default();
            let parameters = SendParameters { from, to: Vec::new(), hash_file: None, hint: None, declared };
            let id = system(near).to_owned();
            let found =
                house.desk.store.read(id, move |tx, id| Box::pin(async move { tx.system(id, now).await }));
            (found.await?.unwrap(), parameters)
        }
    };
    house.take_in_at(system, parameters, &parcel.bytes, &signer::Evidence::default(), now).await
}

/// Hands a package in while something goes wrong. `None`: nobody knows what became of it.
pub(super) async fn hand_in_amid(
    house: &mut House,
    parcel: &Parcel,
    now: Timestamp,
    fault: Fault,
) -> Option<Result<Accepted, Error>> {
    match fault {
        Fault::Gone(after) => polled(pin!(hand_in(house, parcel, now)), after).await,
        Fault::Cut(after) => {
            let outcome = {
                let mut sending = pin!(hand_in(house, parcel, now));
                match polled(sending.as_mut(), after).await {
                    Some(outcome) => outcome,
                    None => {
                        house.cut().await;
                        sending.await
                    }
                }
            };
            house.reopen().await;
            Some(outcome)
        }
        Fault::Full(table) => {
            house.run_sql(&full_disk(house.desk.store.engine(), table)).await;
            let outcome = hand_in(house, parcel, now).await;
            house.run_sql(&room_again(house.desk.store.engine(), table)).await;
            Some(outcome)
        }
        Fault::Twins => {
            let twins = (hand_in(house, parcel, now), hand_in(house, parcel, now));
            let (one, other) = tokio::join!(twins.0, twins.1);
            if let (Ok(one), Ok(other)) = (&one, &other) {
                assert_eq!(one.receipt, other.receipt, "twins get one receipt");
                assert_eq!(one.document_id, other.document_id);
                assert!(one.is_repeat || other.is_repeat, "one of two is the first");
            }
            let is_first =
                |outcome: &Result<Accepted, Error>| outcome.as_ref().is_ok_and(|one| !one.is_repeat);
            Some(if is_first(&other) { other } else { one })
        }
    }
}
