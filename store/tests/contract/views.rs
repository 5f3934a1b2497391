//! Mailboxes as numbered lists: the same view as a plain model has, whatever is done.

use std::collections::{BTreeMap, BTreeSet};

use mail::{EmailId, MailboxId, ModSeq, Uid, UidSet};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRng, TestRunner};
use store::{
    EmailChange, Error, FlagEdit, FlagMode, FlagsEdited, Imported, MailboxSizes, NewEmail, NewImport,
    OpenedMailbox, ViewChanges, ViewRow,
};

use crate::house::{
    House, NOW, account_id, deliver, facts, letter, mailbox, mailbox_id, read, stories, with_account, write,
};

fn uids(numbers: &[u32]) -> UidSet {
    numbers.iter().copied().collect()
}

fn flags(mode: FlagMode, keywords: &[&str], deleted: bool) -> FlagEdit {
    FlagEdit { mode, keywords: keywords.iter().map(|k| (*k).to_owned()).collect(), deleted }
}

async fn opened(house: &House, n: u8) -> OpenedMailbox {
    read!(house, |tx| tx.open_mailbox(account_id(1), mailbox_id(n)).await?).unwrap()
}

async fn rows(house: &House, n: u8) -> Vec<ViewRow> {
    let all = opened(house, n).await.uids;
    read!(house, |tx| tx.view_rows(account_id(1), mailbox_id(n), &all, 10_000).await?)
}

async fn edit(
    house: &House,
    n: u8,
    at: &[u32],
    edit: FlagEdit,
    since: Option<ModSeq>,
) -> Result<FlagsEdited, Error> {
    let at = uids(at);
    write!(house, at, edit, |tx| tx.edit_flags(account_id(1), mailbox_id(n), at, edit, since).await?)
}

async fn changes(house: &House, n: u8, since: ModSeq, limit: i64) -> ViewChanges {
    read!(house, |tx| tx.view_changes(account_id(1), mailbox_id(n), since, limit).await?).unwrap()
}

async fn sizes(house: &House, n: u8) -> MailboxSizes {
    read!(house, |tx| tx.mailbox_sizes(account_id(1), mailbox_id(n)).await?)
}

/// The consistency checker finds nothing.
async fn sound(house: &House) {
    let mut found = BTreeSet::new();
    let now = NOW.plus(std::time::Duration::from_secs(86_400));
    house
        .store
        .examine(false, now, &mut |finding| {
            found.extend([(finding.fault.code, finding.found, finding.expected)])
        })
        .await
        .unwrap();
    assert_eq!(found, BTreeSet::new());
}

/// So many messages in the inbox, in conversations of two.
async fn filled(house: &House, count: u32) {
    with_account(house, 1).await;
    for n in 0..count {
        let refers = if n % 2 == 1 { format!("<{}@x>", n - 1) } else { String::new() };
        deliver(house, 1, &letter(&format!("{n}@x"), &format!("Họp {}", n / 2), &refers), i64::from(n))
            .await
            .unwrap();
    }
}

stories! {
    async fn a_mailbox_is_the_numbers_that_were_given_and_are_not_gone(house: House) {
        filled(&house, 6).await;
        let all = opened(&house, 1).await;
        assert_eq!((all.uids.to_string().as_str(), all.mailbox.uid_next), ("1:6", 7));
        for (gone, left) in [(vec![2], "1,3:6"), (vec![4, 5], "1,3,6"), (vec![1, 3], "6"), (vec![6], "")] {
            edit(&house, 1, &gone, flags(FlagMode::Add, &[], true), None).await.unwrap();
            let went = write!(house, |tx| tx.expunge(account_id(1), mailbox_id(1), None, NOW).await?).unwrap();
            assert_eq!((went.uids, went.destroyed.len(), went.has_more), (uids(&gone), gone.len(), false));
            assert_eq!(opened(&house, 1).await.uids.to_string(), left);
            sound(&house).await;
        }
        assert!(read!(house, |tx| tx.open_mailbox(account_id(2), mailbox_id(1)).await?).is_none());
        assert!(read!(house, |tx| tx.view_changes(account_id(1), mailbox_id(9), ModSeq(0), 9).await?).is_none());
    }

    async fn rfc_9051_flags_are_replaced_added_and_removed(house: House) {
        filled(&house, 3).await;
        #[rustfmt::skip]
        let table = [
            (FlagMode::Add,     &["$seen", "$flagged"][..], false, &["$flagged", "$seen"][..], false),
            (FlagMode::Add,     &["$seen"],                 true,  &["$flagged", "$seen"],     true),
            (FlagMode::Remove,  &["$flagged", "$x"],        false, &["$seen"],                 true),
            (FlagMode::Replace, &["$draft"],                false, &["$draft"],                false),
            (FlagMode::Replace, &[],                        true,  &[],                        true),
            (FlagMode::Remove,  &[],                        true,  &[],                        false),
        ];
        for (mode, keywords, deleted, after, is_deleted) in table {
            let done = edit(&house, 1, &[1, 3, 77], flags(mode, keywords, deleted), None).await.unwrap();
            assert_eq!(done.rows.iter().map(|row| row.uid).collect::<Vec<_>>(), [Uid(1), Uid(3)]);
            assert!(done.rows.iter().all(|row| row.keywords == after && row.is_deleted == is_deleted && row.modseq == done.modseq));
            let now = rows(&house, 1).await;
            assert_eq!([&now[0], &now[2]], [&done.rows[0], &done.rows[1]]);
            assert!(now[1].keywords.is_empty() && !now[1].is_deleted && now[1].modseq < done.modseq);
            sound(&house).await;
        }
        for wrong in ["$Seen", "a b", ""] {
            let outcome = edit(&house, 1, &[1], flags(FlagMode::Add, &[wrong], false), None).await;
            assert!(matches!(outcome, Err(Error::Refused(_))), "{wrong:?}");
        }
    }

    async fn rfc_7162_what_changed_since_is_left_alone_and_what_is_so_already_does_not_change(house: House) {
        filled(&house, 3).await;
        let first = edit(&house, 1, &[2], flags(FlagMode::Add, &["$seen"], false), None).await.unwrap();
        let before = ModSeq(first.modseq.0 - 1);
        let second = edit(&house, 1, &[1, 2, 3], flags(FlagMode::Add, &["$flagged"], false), Some(before)).await.unwrap();
        assert_eq!((second.modified.to_string().as_str(), second.rows.len()), ("2", 2));
        let again = edit(&house, 1, &[1], flags(FlagMode::Add, &["$flagged"], false), None).await.unwrap();
        assert_eq!(again.rows[0].modseq, second.modseq);
        let told = changes(&house, 1, second.modseq, 10).await;
        assert_eq!((told.changed.len(), told.expunged.len(), told.has_more), (0, 0, false));
    }

    async fn rfc_8621_deleted_is_of_a_message_in_a_mailbox(house: House) {
        filled(&house, 2).await;
        write!(house, |tx| tx.copy_messages(account_id(1), mailbox_id(1), &uids(&[1]), mailbox_id(2), NOW).await?).unwrap();
        edit(&house, 1, &[1], flags(FlagMode::Add, &["$seen"], true), None).await.unwrap();
        let (here, there) = (rows(&house, 1).await, rows(&house, 2).await);
        assert_eq!((here[0].email_id, here[0].is_deleted, there[0].is_deleted), (there[0].email_id, true, false));
        assert_eq!(there[0].keywords, ["$seen"]);
        let size = here[0].size;
        assert_eq!(sizes(&house, 1).await, MailboxSizes { bytes: size + here[1].size, deleted: 1, deleted_bytes: size, unseen: 1 });
        assert_eq!(sizes(&house, 2).await, MailboxSizes { bytes: size, deleted: 0, deleted_bytes: 0, unseen: 0 });
        let went = write!(house, |tx| tx.expunge(account_id(1), mailbox_id(1), Some(&uids(&[1])), NOW).await?).unwrap();
        assert_eq!((went.uids.to_string().as_str(), went.destroyed), ("1", vec![]));
        assert_eq!(rows(&house, 2).await[0].email_id, there[0].email_id);
        sound(&house).await;
    }

    async fn rfc_6851_a_message_moves_and_one_that_lies_there_already_becomes_two(house: House) {
        filled(&house, 4).await;
        let moved = write!(house, |tx| tx.move_messages(account_id(1), mailbox_id(1), &uids(&[2, 3]), mailbox_id(2), NOW).await?).unwrap();
        assert_eq!(moved.pairs, [(Uid(2), Uid(1)), (Uid(3), Uid(2))]);
        assert_eq!(opened(&house, 1).await.uids.to_string(), "1,4");
        let copied = write!(house, |tx| tx.copy_messages(account_id(1), mailbox_id(2), &uids(&[1, 2]), mailbox_id(1), NOW).await?).unwrap();
        assert_eq!(copied.pairs, [(Uid(1), Uid(5)), (Uid(2), Uid(6))]);
        let (here, there) = (rows(&house, 1).await, rows(&house, 2).await);
        assert_eq!((here[2].email_id, here[3].email_id), (there[0].email_id, there[1].email_id));
        // Copied to where it lies: another message, the same bytes.
        let twice = write!(house, |tx| tx.copy_messages(account_id(1), mailbox_id(2), &uids(&[1]), mailbox_id(2), NOW).await?).unwrap();
        assert_eq!(twice.pairs, [(Uid(1), Uid(3))]);
        let there = rows(&house, 2).await;
        assert_ne!(there[0].email_id, there[2].email_id);
        assert_eq!((there[0].blob_id, there[0].thread_id), (there[2].blob_id, there[2].thread_id));
        sound(&house).await;
        // Moved to where it lies: it is there twice and here no longer.
        let onto = write!(house, |tx| tx.move_messages(account_id(1), mailbox_id(1), &uids(&[5]), mailbox_id(2), NOW).await?).unwrap();
        assert_eq!(onto.pairs, [(Uid(5), Uid(4))]);
        // Moved to where it comes from: another number.
        let same = write!(house, |tx| tx.move_messages(account_id(1), mailbox_id(1), &uids(&[1]), mailbox_id(1), NOW).await?).unwrap();
        assert_eq!(same.pairs, [(Uid(1), Uid(7))]);
        assert_eq!(rows(&house, 1).await.last().unwrap().email_id, here[0].email_id);
        sound(&house).await;
        let nowhere = write!(house, |tx| tx.copy_messages(account_id(1), mailbox_id(1), &uids(&[4]), mailbox_id(9), NOW).await?);
        assert!(matches!(nowhere, Err(Error::NotFound(_))));
    }

    async fn a_second_message_is_asked_for_its_room(house: House) {
        with_account(&house, 1).await;
        let mut big = letter("big@x", "lớn", "");
        big.resize(3_000_000, b'x');
        deliver(&house, 1, &big, 1).await.unwrap();
        let twice = write!(house, |tx| tx.copy_messages(account_id(1), mailbox_id(1), &uids(&[1]), mailbox_id(1), NOW).await?);
        assert!(matches!(twice, Err(Error::Full(_))), "{twice:?}");
        write!(house, |tx| tx.copy_messages(account_id(1), mailbox_id(1), &uids(&[1]), mailbox_id(2), NOW).await?).unwrap();
        assert_eq!(opened(&house, 1).await.uids.to_string(), "1");
        sound(&house).await;
    }

    async fn changes_are_told_in_parts_and_every_act_whole(house: House) {
        filled(&house, 5).await;
        let start = opened(&house, 1).await.modseq;
        edit(&house, 1, &[1, 2, 3], flags(FlagMode::Add, &["$seen"], false), None).await.unwrap();
        edit(&house, 1, &[4], flags(FlagMode::Add, &["$seen"], true), None).await.unwrap();
        write!(house, |tx| tx.expunge(account_id(1), mailbox_id(1), None, NOW).await?).unwrap();
        edit(&house, 1, &[5], flags(FlagMode::Add, &["$seen"], false), None).await.unwrap();
        let first = changes(&house, 1, start, 1).await;
        assert_eq!(first.changed.iter().map(|row| row.uid.0).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!((first.expunged.len(), first.has_more), (0, true));
        let rest = changes(&house, 1, first.modseq, 1).await;
        assert_eq!(rest.changed.iter().map(|row| row.uid.0).collect::<Vec<_>>(), [5]);
        assert_eq!((rest.expunged.to_string().as_str(), rest.has_more, rest.uid_next), ("4", false, 6));
        assert_eq!(rest.modseq, opened(&house, 1).await.modseq);
    }

    async fn more_than_an_act_takes_is_refused(house: House) {
        filled(&house, 2).await;
        let all = || UidSet::run(1, u32::MAX);
        let few = write!(house, |tx| tx.edit_flags(account_id(1), mailbox_id(1), &UidSet::run(1, 1_000), &flags(FlagMode::Add, &["$seen"], false), None).await?);
        assert_eq!(few.unwrap().rows.len(), 2);
        let listed = read!(house, |tx| tx.view_rows(account_id(1), mailbox_id(1), &all(), 1).await?);
        assert_eq!(listed.iter().map(|row| row.uid).collect::<Vec<_>>(), [Uid(1)]);
        let with_facts = read!(house, |tx| tx.view_emails(account_id(1), mailbox_id(1), &all(), 9).await?);
        assert_eq!(with_facts.iter().map(|(row, facts)| (row.uid.0, facts.subject.as_str())).collect::<Vec<_>>(), [(1, "Họp 0"), (2, "Họp 0")]);
    }

    async fn what_is_brought_in_comes_once(house: House) {
        with_account(&house, 1).await;
        let raw = letter("a@x", "Cũ", "");
        let bring = async |occurrence: u32, size: usize| {
            let mut raw = raw.clone();
            raw.resize(raw.len() + size, b'x');
            let email = NewEmail {
                account_id: account_id(1),
                blob: house.store.seal(account_id(1), &raw, NOW).await.unwrap(),
                facts: facts(&raw),
                mailbox_ids: vec![mailbox_id(1)],
                keywords: vec!["$seen".to_owned()],
                received_at: NOW,
                ask_quota: false,
            };
            let mark = house.store.import_mark(account_id(1), &raw, occurrence);
            let new = NewImport { email, mark, is_deleted: occurrence == 1 };
            let came = write!(house, new, |tx| tx.import_email(new, NOW).await?).unwrap();
            let known = read!(house, |tx| tx.imported(account_id(1), mailbox_id(1), &[mark]).await?);
            (came, known.len())
        };
        for (occurrence, size, expected, known) in [(0, 0, "1", 1), (0, 0, "-", 1), (1, 0, "2", 1), (0, 6_000_000, "full", 0)] {
            let (came, marked) = bring(occurrence, size).await;
            let came = match came {
                Imported::Added(placed) => placed.uids[0].1.0.to_string(),
                Imported::Already => "-".to_owned(),
                Imported::NoRoom => "full".to_owned(),
            };
            assert_eq!((came.as_str(), marked), (expected, known));
        }
        assert_eq!(rows(&house, 1).await.iter().map(|row| row.is_deleted).collect::<Vec<_>>(), [false, true]);
        sound(&house).await;
    }

    async fn two_clients_acting_at_random_see_what_a_plain_model_sees(house: House) {
        with_account(&house, 1).await;
        write!(house, |tx| tx.add_mailbox(&mailbox(1, 3, "Dự án", None)).await?).unwrap();
        let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha));
        let mut model = Model::default();
        let mut synced: BTreeMap<u8, (ModSeq, BTreeMap<u32, Seen>)> = BTreeMap::new();
        for step in 0..160 {
            let act = acts().new_tree(&mut runner).unwrap().current();
            model.act(&house, &act, step).await;
            for n in 1..=3u8 {
                let now: BTreeMap<u32, Seen> = rows(&house, n).await.into_iter().map(|row| (row.uid.0, Seen::of(&row))).collect();
                assert_eq!(now, model.view(n), "step {step}: {act:?}");
                assert_eq!(opened(&house, n).await.uids, now.keys().copied().collect());
                assert_eq!(sizes(&house, n).await, model.sizes(n), "step {step}: {act:?}");
                // A client that only hears what changed has the same view.
                let (since, mut view) = synced.remove(&n).unwrap_or((ModSeq(0), BTreeMap::new()));
                let mut since = since;
                loop {
                    let told = changes(&house, n, since, 2).await;
                    told.expunged.iter().for_each(|uid| drop(view.remove(&uid)));
                    view.extend(told.changed.iter().map(|row| (row.uid.0, Seen::of(row))));
                    since = told.modseq;
                    if !told.has_more {
                        break;
                    }
                }
                assert_eq!(view, now, "step {step}: {act:?}");
                synced.insert(n, (since, view));
            }
            if step % 20 == 19 {
                sound(&house).await;
            }
        }
    }
}

#[derive(Clone, Debug)]
enum RandomAct {
    Deliver(u8),
    Flags(u8, Vec<u32>, FlagMode, Vec<&'static str>, bool),
    Copy(u8, Vec<u32>, u8),
    Move(u8, Vec<u32>, u8),
    Expunge(u8, Option<Vec<u32>>),
    /// What JMAP does: keywords and mailboxes of one message.
    Change(u8, u32, Vec<&'static str>, Vec<u8>),
    Destroy(u8, u32),
}

fn acts() -> impl Strategy<Value = RandomAct> {
    let numbers = || prop::collection::vec(1..12u32, 1..6);
    let words = || prop::sample::subsequence(vec!["$draft", "$flagged", "$seen", "viec-gap"], 0..4);
    let modes = prop_oneof![Just(FlagMode::Replace), Just(FlagMode::Add), Just(FlagMode::Remove)];
    prop_oneof![
        4 => (0..3u8).prop_map(RandomAct::Deliver),
        4 => (1..=3u8, numbers(), modes, words(), any::<bool>()).prop_map(|(n, at, mode, words, deleted)| RandomAct::Flags(n, at, mode, words, deleted)),
        2 => (1..=3u8, numbers(), 1..=3u8).prop_map(|(n, at, to)| RandomAct::Copy(n, at, to)),
        2 => (1..=3u8, numbers(), 1..=3u8).prop_map(|(n, at, to)| RandomAct::Move(n, at, to)),
        2 => (1..=3u8, prop::option::of(numbers())).prop_map(|(n, only)| RandomAct::Expunge(n, only)),
        2 => (1..=3u8, 1..12u32, words(), prop::sample::subsequence(vec![1, 2, 3], 1..4)).prop_map(|(n, at, words, to)| RandomAct::Change(n, at, words, to)),
        1 => (1..=3u8, 1..12u32).prop_map(|(n, at)| RandomAct::Destroy(n, at)),
    ]
}

/// What a client sees of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    size: u64,
    keywords: BTreeSet<String>,
    is_deleted: bool,
}

impl Seen {
    fn of(row: &ViewRow) -> Self {
        Self { size: row.size, keywords: row.keywords.iter().cloned().collect(), is_deleted: row.is_deleted }
    }
}

/// A message of the model: what it weighs, its keywords, and per mailbox its number and whether it is marked.
#[derive(Clone, Debug, Default)]
struct Plain {
    size: u64,
    keywords: BTreeSet<String>,
    places: BTreeMap<u8, (u32, bool)>,
}

/// Mailboxes without any cleverness.
#[derive(Debug, Default)]
struct Model {
    messages: Vec<Plain>,
    given: BTreeMap<u8, u32>,
}

impl Model {
    fn next(&mut self, n: u8) -> u32 {
        let given = self.given.entry(n).or_default();
        *given += 1;
        *given
    }

    fn view(&self, n: u8) -> BTreeMap<u32, Seen> {
        let here = self.messages.iter().filter_map(|m| m.places.get(&n).map(|place| (m, *place)));
        here.map(|(m, (uid, is_deleted))| {
            (uid, Seen { size: m.size, keywords: m.keywords.clone(), is_deleted })
        })
        .collect()
    }

    fn sizes(&self, n: u8) -> MailboxSizes {
        let view = self.view(n);
        let deleted = || view.values().filter(|seen| seen.is_deleted);
        MailboxSizes {
            bytes: view.values().map(|seen| seen.size).sum(),
            deleted: deleted().count() as i64,
            deleted_bytes: deleted().map(|seen| seen.size).sum(),
            unseen: view.values().filter(|seen| !seen.keywords.contains("$seen")).count() as i64,
        }
    }

    /// The messages at these numbers of a mailbox, ascending: their places in the model.
    fn at(&self, n: u8, numbers: &[u32]) -> Vec<usize> {
        let wanted: BTreeSet<u32> = numbers.iter().copied().collect();
        let mut found: Vec<(u32, usize)> = Vec::new();
        for (index, message) in self.messages.iter().enumerate() {
            found.extend(
                message.places.get(&n).filter(|(uid, _)| wanted.contains(uid)).map(|(uid, _)| (*uid, index)),
            );
        }
        found.sort_unstable();
        found.into_iter().map(|(_, index)| index).collect()
    }

    /// Puts messages into a mailbox, out of another one perhaps.
    fn put(&mut self, from: u8, numbers: &[u32], to: u8, moves: bool) {
        for index in self.at(from, numbers) {
            let (_, is_deleted) = self.messages[index].places[&from];
            if moves {
                self.messages[index].places.remove(&from);
            }
            let uid = self.next(to);
            if self.messages[index].places.contains_key(&to) {
                let mut second = self.messages[index].clone();
                second.places = [(to, (uid, is_deleted))].into();
                self.messages.push(second);
            } else {
                self.messages[index].places.insert(to, (uid, is_deleted));
            }
        }
    }

    async fn act(&mut self, house: &House, act: &RandomAct, step: i64) {
        match act.clone() {
            RandomAct::Deliver(thread) => {
                let raw =
                    letter(&format!("{step}@x"), &format!("Việc {thread}"), &format!("<{thread}@thread>"));
                deliver(house, 1, &raw, step).await.unwrap();
                let uid = self.next(1);
                self.messages.push(Plain {
                    size: raw.len() as u64,
                    places: [(1, (uid, false))].into(),
                    ..Plain::default()
                });
            }
            RandomAct::Flags(n, at, mode, words, deleted) => {
                edit(house, n, &at, flags(mode, &words, deleted), None).await.unwrap();
                let words: BTreeSet<String> = words.into_iter().map(str::to_owned).collect();
                for index in self.at(n, &at) {
                    let message = &mut self.messages[index];
                    let mark = &mut message.places.get_mut(&n).unwrap().1;
                    (message.keywords, *mark) = match mode {
                        FlagMode::Replace => (words.clone(), deleted),
                        FlagMode::Add => (&message.keywords | &words, *mark || deleted),
                        FlagMode::Remove => (&message.keywords - &words, *mark && !deleted),
                    };
                }
            }
            RandomAct::Copy(n, at, to) => {
                let set = uids(&at);
                write!(house, set, |tx| tx
                    .copy_messages(account_id(1), mailbox_id(n), set, mailbox_id(to), NOW)
                    .await?)
                .unwrap();
                self.put(n, &at, to, false);
            }
            RandomAct::Move(n, at, to) => {
                let set = uids(&at);
                write!(house, set, |tx| tx
                    .move_messages(account_id(1), mailbox_id(n), set, mailbox_id(to), NOW)
                    .await?)
                .unwrap();
                self.put(n, &at, to, true);
            }
            RandomAct::Expunge(n, only) => {
                let set = only.as_deref().map(uids);
                write!(house, set, |tx| tx.expunge(account_id(1), mailbox_id(n), set.as_ref(), NOW).await?)
                    .unwrap();
                for message in &mut self.messages {
                    let goes = |(uid, marked): &(u32, bool)| {
                        *marked && only.as_ref().is_none_or(|only| only.contains(uid))
                    };
                    if message.places.get(&n).is_some_and(goes) {
                        message.places.remove(&n);
                    }
                }
            }
            RandomAct::Change(n, at, words, to) => self.change(house, n, at, words, to).await,
            RandomAct::Destroy(n, at) => {
                if let Some((index, email_id)) = self.one(house, n, at).await {
                    write!(house, |tx| tx.destroy_email(account_id(1), email_id, NOW).await?).unwrap();
                    self.messages[index].places.clear();
                }
            }
        }
        self.messages.retain(|message| !message.places.is_empty());
    }

    /// One message by its number: where it is in the model, and its id.
    async fn one(&self, house: &House, n: u8, at: u32) -> Option<(usize, EmailId)> {
        let index = *self.at(n, &[at]).first()?;
        let row = rows(house, n).await.into_iter().find(|row| row.uid.0 == at)?;
        Some((index, row.email_id))
    }

    async fn change(&mut self, house: &House, n: u8, at: u32, words: Vec<&'static str>, to: Vec<u8>) {
        let Some((index, email_id)) = self.one(house, n, at).await else { return };
        let keywords: Vec<String> = words.into_iter().map(str::to_owned).collect();
        let mailbox_ids: Vec<MailboxId> = to.iter().copied().map(mailbox_id).collect();
        let change =
            EmailChange { email_id, keywords: Some(keywords.clone()), mailbox_ids: Some(mailbox_ids) };
        write!(house, change, |tx| tx.change_emails(account_id(1), &[change.clone()], NOW).await?).unwrap();
        self.messages[index].keywords = keywords.into_iter().collect();
        self.messages[index].places.retain(|n, _| to.contains(n));
        for n in to {
            if !self.messages[index].places.contains_key(&n) {
                let uid = self.next(n);
                self.messages[index].places.insert(n, (uid, false));
            }
        }
    }
}
