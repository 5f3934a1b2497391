//! Never lost, never doubled: a small house lives through some dozens of letters while callers go away, the power goes, disks are full,
//! the database is busy, clocks jump and peers answer never, late, twice, or lose the line after the dot. A plain model says where each
//! letter has to be afterwards.
//!
//! What was answered `250` is for each recipient in exactly one of mailbox, the peer's hands, or a report to the sender. Where the answer
//! was lost, or a peer's was, it may be there once more for each time that happened, and never otherwise.
//!
//! `CONGVAN_SEED` tells one story again, `CONGVAN_SEEDS` tells so many (`make simulate`).
#![allow(clippy::print_stderr)] // a failing seed is said

mod checks;
mod door;
mod faults;
mod peers;
#[path = "../../../../tests/shared/simulation.rs"]
mod shared;

use std::collections::BTreeMap;
use std::time::Duration;

use mail::{AccountId, AgencyId, MailboxId, Timestamp, UidValidity};
use smtp::ReversePath;
use smtp::send::Verdict;
use smtp::serve::{Attempt, Outgoing};
use store::{AccountKind, AccountState, MailboxRole, NewAccount, NewMailbox, OutboxKind};

use crate::desk::house::{AN, BINH, NOW, Office, dice as report_dice};
use door::{Heard, Visit};
use faults::{Fault, Known, amid};
use peers::{Mood, converse};
use shared::{Dice, Told, seeds};

/// Acts in one story.
const ACTS: u32 = 60;
/// In `make test`.
const SEEDS: u64 = 3;

/// Has room for two letters and no more.
const DUNG: AccountId = AccountId::from_bytes([3; 16]);
/// Leaves in the middle of the story.
const CUONG: AccountId = AccountId::from_bytes([4; 16]);

const HERE: [(&str, AccountId); 4] =
    [("an@a.gov.vn", AN), ("binh@a.gov.vn", BINH), ("dung@a.gov.vn", DUNG), ("cuong@a.gov.vn", CUONG)];
const NOBODY: &str = "nobody@a.gov.vn";
const ELSEWHERE: [&str; 3] = ["one@b.vn", "two@b.vn", "three@c.vn"];

/// A letter as the world remembers it.
struct Letter {
    subject: String,
    /// Its name in the trace, when it was promised.
    name: String,
    from: &'static str,
    to: Vec<&'static str>,
    /// `250` was heard.
    is_promised: bool,
}

struct Simulation {
    office: Office,
    dice: Dice,
    now: Timestamp,
    /// The latest moment there ever was.
    latest: Timestamp,
    letters: Vec<Letter>,
    /// What peers have taken: subject and recipient; of a report, whom it reports.
    peers_have: BTreeMap<(String, String), u32>,
    /// The same, as often as our side cannot know that a peer has taken it.
    unknown: BTreeMap<(String, String), u32>,
    claims: u32,
    visits: u32,
    /// Claimed by carriers that are slow; their leases may run out meanwhile.
    slow: Vec<Outgoing>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_lost_never_doubled_on_sqlite() {
    for seed in seeds(SEEDS) {
        Simulation::run(Office::sqlite().await, seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_lost_never_doubled_on_postgres() {
    for seed in seeds(SEEDS) {
        Simulation::run(Office::postgres().await, seed).await;
    }
}

impl Simulation {
    async fn run(mut office: Office, seed: u64) {
        let _told = Told(seed);
        furnish(&office).await;
        if office.store.engine() == "sqlite" {
            // Who holds the database here holds it for good.
            office.patience = Duration::from_millis(300);
            office.reopen().await;
        }
        let mut world = Self {
            office,
            dice: Dice(seed),
            now: NOW.plus(Duration::from_secs(86_400)),
            latest: NOW,
            letters: Vec::new(),
            peers_have: BTreeMap::new(),
            unknown: BTreeMap::new(),
            claims: 0,
            visits: 0,
            slow: Vec::new(),
        };
        for _ in 0..ACTS {
            world.act().await;
            world.latest = world.latest.max(world.now);
        }
        world.empty_the_queue().await;
        world.check().await;
    }

    async fn act(&mut self) {
        self.now = self.now.plus(Duration::from_millis(self.dice.below(120_000)));
        match self.dice.below(20) {
            0..=5 => self.strangers_write().await,
            6..=9 => self.our_people_write().await,
            10..=12 => self.carry_here(None).await,
            13..=16 => self.carry_away(None).await,
            17 => self.office.reopen().await,
            18 => {
                // Rarely: who leaves does not come back.
                if self.dice.below(4) == 0 {
                    self.office.close(CUONG).await;
                }
            }
            // The clock jumps: some hours on, some back, or past all patience.
            _ => match self.dice.below(6) {
                0 => self.now = self.now.plus(Duration::from_secs(6 * 86_400)),
                1 => self.now = self.now.minus(Duration::from_secs(self.dice.below(86_400))),
                _ => self.now = self.now.plus(Duration::from_secs(self.dice.below(6 * 3_600))),
            },
        }
    }

    async fn strangers_write(&mut self) {
        // Of what has no sender nobody is told: it goes to one who is always there.
        let (from, to) = match self.dice.below(6) {
            0 => ("", vec!["binh@a.gov.vn"]),
            n => {
                let mut everybody: Vec<&str> = HERE.iter().map(|(address, _)| *address).collect();
                everybody.push(NOBODY);
                (if n < 4 { "x@b.vn" } else { "y@c.vn" }, self.some_of(&everybody))
            }
        };
        self.hand_in(None, from, to).await;
    }

    async fn our_people_write(&mut self) {
        let (from, account) = *self.dice.one(&HERE[..2]);
        let everybody: Vec<&str> = HERE.iter().map(|(address, _)| *address).chain(ELSEWHERE).collect();
        let to = self.some_of(&everybody);
        self.hand_in(Some(account), from, to).await;
    }

    fn some_of(&mut self, all: &[&'static str]) -> Vec<&'static str> {
        let mut some: Vec<_> = all.iter().copied().filter(|_| self.dice.below(3) == 0).collect();
        if some.is_empty() {
            some.push(*self.dice.one(all));
        }
        some
    }

    /// An honest client: it tries again when it does not hear an answer.
    async fn hand_in(&mut self, account: Option<AccountId>, from: &'static str, to: Vec<&'static str>) {
        let number = self.visits;
        self.visits += 1;
        let (subject, padding) =
            (format!("m-{number:05}."), "x".repeat(usize::try_from(self.dice.below(900)).unwrap()));
        for again in 0..3 {
            let fault = Fault::drawn(&mut self.dice);
            let id = format!("s{number}n{again}");
            let message = format!(
                "From: <{from}>\r\nSubject: {subject}\r\nMessage-ID: <{subject}{again}@x.vn>\r\n\r\n{padding}"
            );
            let visit = Visit { id: id.clone(), account, from, to: &to, message, fault };
            let heard = visit.run(&mut self.office, self.now).await;
            let (to, is_promised) = match heard {
                Heard::Promised(to) => (to, true),
                Heard::Nothing(to) => (to, false),
                Heard::Refused => return,
            };
            let name = format!("{id}.1");
            self.letters.push(Letter { subject: subject.clone(), name, from, to, is_promised });
            if is_promised || self.dice.below(2) == 0 {
                return;
            }
        }
    }

    async fn claim(&mut self, kind: OutboxKind) -> Vec<Outgoing> {
        self.claims += 1;
        let holder = format!("holder-{}", self.claims);
        self.office.claim(kind, &holder, self.now).await
    }

    /// Carries what waits for mailboxes here; `None` draws what goes wrong.
    async fn carry_here(&mut self, fault: Option<Fault>) {
        let mut rows = std::mem::take(&mut self.slow);
        rows.extend(self.claim(OutboxKind::Local).await);
        for row in rows {
            if fault.is_none() && self.dice.below(5) == 0 {
                self.slow.push(row);
                continue;
            }
            let fault = fault.unwrap_or_else(|| Fault::drawn(&mut self.dice));
            let (desk, now) = (self.office.desk.clone(), self.now);
            let work = Box::pin(async move { desk.deliver_here(&row, &report_dice(), now).await });
            // Whatever is heard: the letter is in one place, and the checks will say so.
            drop(amid(&mut self.office, fault, work, Result::is_ok).await);
        }
    }

    /// Carries what waits for others; `None` draws what goes wrong here and there.
    async fn carry_away(&mut self, good: Option<Mood>) {
        for row in self.claim(OutboxKind::Mail).await {
            let delivery = row.delivery().expect("the bytes are there");
            let fault = if good.is_some() { Fault::None } else { Fault::drawn(&mut self.dice) };
            let mood = good.unwrap_or_else(|| Mood::drawn(&mut self.dice)).towards(&delivery.reverse_path);
            let text = String::from_utf8_lossy(&delivery.message).into_owned();
            let is_report = delivery.reverse_path == ReversePath::Null;
            let recipients: Vec<String> = row_recipients(&delivery);
            let mut now = self.now;
            let (outcome, taken) = converse(mood, delivery, &mut now);
            self.now = now;
            let attempt = Attempt {
                verdicts: outcome.verdicts.clone(),
                remote: "mx.b.vn".parse().ok(),
                peer_reports: true,
                keeps_time: outcome.keeps_time,
                taken_at: Some(outcome.at),
            };
            let desk = self.office.desk.clone();
            let work = Box::pin(async move { desk.settle(&row, &attempt, &report_dice(), now).await });
            let settled = amid(&mut self.office, fault, work, Result::is_ok).await;
            let is_settled = matches!(settled, Known::Said(Ok(Some(_))));
            let knows = |taker: &String| {
                let verdict = recipients.iter().position(|one| one == taker);
                let verdict = verdict.and_then(|n| outcome.verdicts.get(n));
                is_settled && matches!(verdict, Some(Verdict::Delivered(_)))
            };
            for taker in &taken {
                for about in checks::about(&text, is_report.then_some(()), taker) {
                    *self.peers_have.entry(about.clone()).or_default() += 1;
                    if !knows(taker) {
                        *self.unknown.entry(about).or_default() += 1;
                    }
                }
            }
        }
    }

    /// Everything leaves in the end: nothing goes wrong any more, and time passes.
    async fn empty_the_queue(&mut self) {
        // Whoever is still at work in the database is done or gone.
        self.office.cut().await;
        self.office.reopen().await;
        self.now = self.latest.plus(Duration::from_secs(86_400));
        for _ in 0..200 {
            self.carry_here(Some(Fault::None)).await;
            self.carry_away(Some(Mood::Good)).await;
            if self.office.outbox_depth().await == 0 {
                return;
            }
            self.now = self.now.plus(Duration::from_secs(3 * 3_600));
        }
        panic!("the outbox never empties");
    }
}

fn row_recipients(delivery: &smtp::send::Delivery) -> Vec<String> {
    let address = |recipient: &smtp::Recipient| recipient.path.mailbox().map(ToString::to_string);
    delivery.recipients.iter().filter_map(address).collect()
}

/// Two accounts more; An and Bình have room for everything, Dũng for two letters.
async fn furnish(office: &Office) {
    office
        .write(|tx| {
            Box::pin(async move {
                for (address, account_id) in &HERE[2..] {
                    let account = NewAccount {
                        account_id: *account_id,
                        agency_id: AgencyId::from_bytes([9; 16]),
                        unit_id: None,
                        kind: AccountKind::Person,
                        role: store::Role::Staff,
                        display_name: "Người".into(),
                        position: String::new(),
                        password_hash: None,
                        must_change_password: false,
                        quota_bytes: if *account_id == DUNG { 2_000 } else { 100_000_000 },
                        address: address.parse().unwrap(),
                    };
                    tx.add_account(&account, NOW).await?;
                    tx.add_mailbox(&NewMailbox {
                        account_id: *account_id,
                        mailbox_id: MailboxId::from_bytes(*account_id.as_bytes()),
                        parent_id: None,
                        name: "Inbox".into(),
                        role: Some(MailboxRole::Inbox),
                        sort_order: 1,
                        uid_validity: UidValidity(1),
                    })
                    .await?;
                    tx.set_account_state(*account_id, AccountState::Active, NOW).await?;
                }
                Ok(())
            })
        })
        .await;
    office.run_sql("UPDATE account SET quota_bytes = 100000000 WHERE quota_bytes = 10000").await;
}
