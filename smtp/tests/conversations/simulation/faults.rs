//! What goes wrong while the store works.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use super::shared::{Dice, full_disk, polled, room_again};
use crate::desk::house::Office;

/// Tables that taking in and settling write, early and late in their transactions.
const TABLES: [&str; 6] = ["blob", "email", "placement", "outbox", "audit", "mail_trace"];

#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// Nothing.
    None,
    /// Whoever waits goes away after so many steps.
    Gone(u32),
    /// The power goes after so many steps.
    Cut(u32),
    /// The disk is full when this table is written.
    Full(&'static str),
    /// Somebody else holds the database.
    Busy,
}

impl Fault {
    pub(super) fn drawn(dice: &mut Dice) -> Self {
        let (polls, table) = (dice.polls(), *dice.one(&TABLES));
        match dice.below(24) {
            0..=2 => Self::Gone(polls),
            3..=5 => Self::Cut(polls),
            6..=8 => Self::Full(table),
            9 => Self::Busy,
            _ => Self::None,
        }
    }
}

/// What is known of work that something may have happened to.
pub(super) enum Known<T> {
    /// It said this.
    Said(T),
    /// It may have been done or not.
    Nothing,
}

/// Does work amid a fault. `is_done` says whether an answer is one that holds although the power went.
pub(super) async fn amid<F: Future>(
    office: &mut Office,
    fault: Fault,
    work: F,
    is_done: impl Fn(&F::Output) -> bool,
) -> Known<F::Output> {
    match fault {
        Fault::None => Known::Said(work.await),
        Fault::Gone(polls) => polled(pin!(work), polls).await.map_or(Known::Nothing, Known::Said),
        Fault::Cut(polls) => {
            let outcome = {
                let mut work = Box::pin(work);
                match polled(work.as_mut(), polls).await {
                    Some(outcome) => outcome,
                    None => {
                        office.cut().await;
                        work.await
                    }
                }
            };
            office.reopen().await;
            if is_done(&outcome) { Known::Said(outcome) } else { Known::Nothing }
        }
        Fault::Full(table) => {
            let engine = office.store.engine();
            office.run_sql(&full_disk(engine, table)).await;
            let outcome = work.await;
            office.run_sql(&room_again(engine, table)).await;
            Known::Said(outcome)
        }
        Fault::Busy => {
            let holder = office.busy();
            let outcome = tokio::time::timeout(Duration::from_secs(60), work).await.expect("busy ends");
            drop(holder);
            Known::Said(outcome)
        }
    }
}
