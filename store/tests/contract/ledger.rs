//! The ledger: every leaf gets its place, every proof holds, years follow one another, and no two trees of one size are
//! signed.

use mail::Timestamp;
use store::ledger::merkle::{Hash, leaf_hash, verify_consistency, verify_inclusion};
use store::ledger::names::{Kind, TileName};
use store::ledger::walk::Walk;
use store::ledger::{CHAIN_LEAF, Checkpoint, Head, Place, Turn};

use crate::house::{House, NOW, account_id, read, stories, write};

const LOG: &str = "a.gov.vn/congvan";
const YEAR: i64 = 2026;
/// A moment before and at the turn of the year in Hà Nội.
const LAST: Timestamp = Timestamp::from_millis(1_798_736_399_999);
const FIRST: Timestamp = Timestamp::from_millis(1_798_736_400_000);

async fn append_at(house: &House, from: u32, count: u32, at: Timestamp) {
    house
        .store
        .write("append", (from, count), move |tx, (from, count)| {
            Box::pin(async move {
                for n in *from..from + count {
                    tx.append_leaf(account_id(1), &subject(n), &n.to_be_bytes(), b"record", at).await?;
                }
                Ok::<_, store::Error>(())
            })
        })
        .await
        .unwrap();
}

async fn append(house: &House, from: u32, count: u32) {
    append_at(house, from, count, NOW).await;
}

fn subject(n: u32) -> [u8; 16] {
    let mut subject = [0; 16];
    subject[12..].copy_from_slice(&n.to_be_bytes());
    subject
}

fn signed(head: &Head) -> Checkpoint {
    Checkpoint {
        shard_no: head.shard_no,
        tree_size: head.tree_size,
        root: head.root,
        note: format!("{}\n{}\n…\n", head.origin, head.tree_size),
        timestamp_token: None,
        signed_at: NOW,
    }
}

/// A turn and, like the program after its commit, the signature.
async fn turn(house: &House, now: Timestamp, limit: i64) -> Turn {
    let turn = write!(house, |tx| tx.sequence(LOG, now, limit).await?).unwrap();
    if let Some(head) = &turn.unsigned {
        let checkpoint = signed(head);
        write!(house, checkpoint, |tx| tx.put_checkpoint(checkpoint).await?).unwrap();
    }
    turn
}

/// Turns until there is nothing to do.
async fn sequence(house: &House, now: Timestamp) {
    while turn(house, now, 1_000).await.more {}
    assert!(!read!(house, |tx| tx.has_to_sequence(now).await?));
}

async fn root(house: &House, shard: i64, size: u64) -> Hash {
    read!(house, |tx| tx.root_at(shard, size).await?)
}

/// The tables as migration 8 had them, with what is in them now.
const BACK_TO_MIGRATION_8: &[&str] = &[
    "ALTER TABLE ledger_leaf ADD COLUMN leaf_index BIGINT",
    "UPDATE ledger_leaf SET leaf_index = (SELECT leaf_index FROM ledger_place p WHERE p.seq = ledger_leaf.seq)",
    "CREATE UNIQUE INDEX ledger_leaf_by_index ON ledger_leaf (leaf_index)",
    "CREATE INDEX ledger_leaf_pending ON ledger_leaf (seq) WHERE leaf_index IS NULL",
    "CREATE TABLE tile8 AS SELECT level, tile, hashes FROM ledger_tile",
    "CREATE TABLE checkpoint8 AS SELECT tree_size, root, note, timestamp_token, signed_at FROM ledger_checkpoint",
    "DROP TABLE ledger_tile",
    "DROP TABLE ledger_checkpoint",
    "DROP TABLE ledger_place",
    "DROP TABLE ledger_waiting",
    "DROP TABLE ledger_shard",
    "ALTER TABLE tile8 RENAME TO ledger_tile",
    "ALTER TABLE checkpoint8 RENAME TO ledger_checkpoint",
    "DELETE FROM migration WHERE number = 9",
];

stories! {
    async fn leaves_are_taken_in_and_proved(house: House) {
        assert!(!read!(house, |tx| tx.has_to_sequence(NOW).await?));
        let mut heads = Vec::new();
        let mut have = 0;
        for count in [1, 2, 5, 250, 300, 1] {
            append(&house, have, count).await;
            assert!(read!(house, |tx| tx.has_to_sequence(NOW).await?));
            have += count;
            let turn = turn(&house, NOW, 10_000).await;
            assert_eq!((turn.tree_size, turn.taken, turn.more), (u64::from(have), count as usize, false));
            heads.push(turn.unsigned.unwrap());
        }
        let house = house.reopen().await;
        let last = heads.last().unwrap().clone();
        assert_eq!((last.shard_no, last.origin.as_str()), (YEAR, "a.gov.vn/congvan/2026"));
        assert_eq!(root(&house, YEAR, last.tree_size).await, last.root);
        for index in (0..last.tree_size).step_by(37) {
            let size = last.tree_size;
            let place = Place { shard_no: YEAR, index };
            let (leaf, proof) = read!(house, |tx| {
                let leaf = tx.leaves_from(YEAR, index, 1).await?.remove(0);
                (leaf, tx.prove_inclusion(place, size).await?)
            });
            assert_eq!(leaf.place, Some(place));
            assert!(verify_inclusion(&leaf_hash(&leaf.leaf), index, last.tree_size, &proof, &last.root));
        }
        for old in &heads {
            let (old_size, new_size) = (old.tree_size, last.tree_size);
            let proof = read!(house, |tx| tx.prove_consistency(YEAR, old_size, new_size).await?);
            assert!(verify_consistency(old.tree_size, last.tree_size, &old.root, &last.root, &proof));
        }
        // Bundles and tiles are what somebody finds who walks from the first leaf.
        let mut walk = Walk::default();
        for name in TileName::bundles_of(last.tree_size) {
            let entries = read!(house, |tx| tx.entries(YEAR, name.number).await?);
            assert_eq!(entries.len() as u64, name.width);
            for entry in entries {
                for (name, hashes) in walk.push(leaf_hash(&entry)) {
                    let Kind::Hashes(level) = name.kind else { panic!("{name}") };
                    assert_eq!(read!(house, |tx| tx.tile(YEAR, level, name.number).await?), hashes);
                }
            }
        }
        assert_eq!((walk.root(), walk.size()), (last.root, last.tree_size));
        assert!(read!(house, |tx| tx.entries(YEAR, 1_000).await?).is_empty());
    }

    async fn taking_in_is_bounded_and_goes_on(house: House) {
        append(&house, 0, 30).await;
        let mut sizes = Vec::new();
        for _ in 0..4 {
            let turn = turn(&house, NOW, 12).await;
            sizes.push((turn.tree_size, turn.more));
        }
        assert_eq!(sizes, [(12, true), (24, true), (30, false), (30, false)]);
        let leaf = read!(house, |tx| tx.leaves_of(account_id(1), &subject(29)).await?).remove(0);
        assert_eq!(leaf.place, Some(Place { shard_no: YEAR, index: 29 }));
        assert_eq!(leaf.record, b"record");
    }

    async fn a_root_that_nobody_signed_is_offered_again(house: House) {
        append(&house, 0, 3).await;
        // The power goes between taking in and signing.
        let lost = write!(house, |tx| tx.sequence(LOG, NOW, 10).await?).unwrap().unsigned.unwrap();
        let house = house.reopen().await;
        assert!(read!(house, |tx| tx.has_to_sequence(NOW).await?));
        let found = turn(&house, NOW, 10).await;
        assert_eq!((found.taken, found.unsigned), (0, Some(lost)));
        assert!(!read!(house, |tx| tx.has_to_sequence(NOW).await?));
    }

    async fn a_checkpoint_of_another_tree_is_refused(house: House) {
        append(&house, 0, 3).await;
        let head = turn(&house, NOW, 10).await.unsigned.unwrap();
        let other = [
            Checkpoint { root: [7; 32], ..signed(&head) },
            Checkpoint { tree_size: 4, ..signed(&head) },
            Checkpoint { tree_size: 2, ..signed(&head) },
            Checkpoint { shard_no: 2031, ..signed(&head) },
        ];
        for checkpoint in other {
            assert!(write!(house, checkpoint, |tx| tx.put_checkpoint(checkpoint).await?).is_err());
        }
        let again = signed(&head);
        write!(house, again, |tx| tx.put_checkpoint(again).await?).unwrap();
        let found = read!(house, |tx| tx.newest_checkpoint().await?).unwrap();
        assert_eq!((found.shard_no, found.tree_size, found.root), (YEAR, 3, head.root));
        assert_eq!(read!(house, |tx| tx.checkpoints_after(YEAR, 2, 10).await?).len(), 1);
        assert!(read!(house, |tx| tx.checkpoints_after(YEAR, 3, 10).await?).is_empty());
    }

    async fn r51_a_new_year_is_a_new_tree_that_begins_with_the_old_one(house: House) {
        append_at(&house, 0, 5, LAST).await;
        sequence(&house, LAST).await;
        // Accepted before midnight, taken in after it, and some of the new year between them.
        append_at(&house, 5, 1, LAST).await;
        append_at(&house, 6, 1, FIRST).await;
        append_at(&house, 7, 1, LAST).await;
        sequence(&house, FIRST).await;
        let shards = read!(house, |tx| tx.shards().await?);
        let rows: Vec<_> = shards.iter().map(|s| (s.shard_no, s.origin.as_str(), s.tree_size, s.closed_at)).collect();
        assert_eq!(
            rows,
            [
                (2026, "a.gov.vn/congvan/2026", 7, Some(FIRST)),
                (2027, "a.gov.vn/congvan/2027", 2, None),
            ]
        );
        for (n, expected) in [(5, (2026, 5)), (7, (2026, 6)), (6, (2027, 1))] {
            let leaf = read!(house, |tx| tx.leaves_of(account_id(1), &subject(n)).await?).remove(0);
            assert_eq!(leaf.place.map(|place| (place.shard_no, place.index)), Some(expected), "{n}");
        }
        let last = read!(house, |tx| tx.newest_checkpoint_of(2026).await?).unwrap();
        assert_eq!(last.tree_size, 7);
        let first = read!(house, |tx| tx.leaves_from(2027, 0, 1).await?).remove(0);
        assert_eq!(first.leaf, [&[CHAIN_LEAF], last.note.as_bytes()].concat());
        // Committed too late for its year: in the new tree. A clock that goes back changes nothing.
        append_at(&house, 8, 1, LAST).await;
        sequence(&house, LAST).await;
        let leaf = read!(house, |tx| tx.leaves_of(account_id(1), &subject(8)).await?).remove(0);
        assert_eq!(leaf.place, Some(Place { shard_no: 2027, index: 2 }));
        assert_eq!(read!(house, |tx| tx.shards().await?).len(), 2);
        assert_eq!(read!(house, |tx| tx.newest_checkpoint().await?).unwrap().shard_no, 2027);
    }

    async fn a_year_begins_by_itself(house: House) {
        append_at(&house, 0, 1, LAST).await;
        sequence(&house, LAST).await;
        assert!(read!(house, |tx| tx.has_to_sequence(FIRST).await?), "nobody has to send anything");
        sequence(&house, FIRST).await;
        assert_eq!(read!(house, |tx| tx.newest_shard().await?).unwrap().shard_no, 2027);
    }

    async fn the_tree_from_before_there_were_years_is_closed_and_stays_provable(house: House) {
        append(&house, 0, 300).await;
        sequence(&house, NOW).await;
        // As migration 9 leaves what migration 8 had.
        for sql in [
            "UPDATE ledger_shard SET shard_no = 0, origin = ''",
            "UPDATE ledger_place SET shard_no = 0",
            "UPDATE ledger_tile SET shard_no = 0",
            "UPDATE ledger_checkpoint SET shard_no = 0",
        ] {
            house.run_sql(sql).await;
        }
        append(&house, 300, 2).await;
        sequence(&house, NOW).await;
        let shards = read!(house, |tx| tx.shards().await?);
        let rows: Vec<_> = shards.iter().map(|s| (s.shard_no, s.origin.as_str(), s.tree_size)).collect();
        assert_eq!(rows, [(0, LOG, 300), (2026, "a.gov.vn/congvan/2026", 3)]);
        let place = Place { shard_no: 0, index: 299 };
        let (leaf, proof) = read!(house, |tx| {
            (tx.leaves_from(0, 299, 1).await?.remove(0), tx.prove_inclusion(place, 300).await?)
        });
        assert!(verify_inclusion(&leaf_hash(&leaf.leaf), 299, 300, &proof, &root(&house, 0, 300).await));
    }

    async fn what_was_in_the_log_before_years_is_brought_along(house: House) {
        append(&house, 0, 300).await;
        sequence(&house, NOW).await;
        append(&house, 300, 2).await;
        let before = root(&house, YEAR, 300).await;
        for sql in BACK_TO_MIGRATION_8 {
            house.run_sql(sql).await;
        }
        let house = house.reopen().await;
        let shards = read!(house, |tx| tx.shards().await?);
        assert_eq!(shards.iter().map(|s| (s.shard_no, s.tree_size)).collect::<Vec<_>>(), [(0, 300)]);
        assert_eq!(root(&house, 0, 300).await, before);
        let kept = read!(house, |tx| tx.newest_checkpoint().await?).unwrap();
        assert_eq!((kept.shard_no, kept.tree_size, kept.root), (0, 300, before));
        assert_eq!(read!(house, |tx| (tx.waiting_leaves().await?, tx.stray_leaves().await?)), (2, 0));
        sequence(&house, NOW).await;
        let leaf = read!(house, |tx| tx.leaves_of(account_id(1), &subject(301)).await?).remove(0);
        assert_eq!(leaf.place, Some(Place { shard_no: YEAR, index: 2 }));
        let leaf = read!(house, |tx| tx.leaves_of(account_id(1), &subject(299)).await?).remove(0);
        assert_eq!(leaf.place, Some(Place { shard_no: 0, index: 299 }));
    }

    async fn the_first_stamped_checkpoint_says_most_about_a_leaf(house: House) {
        for n in 0..4 {
            append(&house, n, 1).await;
            sequence(&house, NOW).await;
            let want = read!(house, |tx| tx.checkpoint_to_stamp().await?).unwrap();
            assert_eq!(want.tree_size, u64::from(n) + 1);
            if n == 1 || n == 2 {
                write!(house, |tx| tx.put_timestamp(YEAR, want.tree_size, b"token").await?).unwrap();
                assert!(read!(house, |tx| tx.checkpoint_to_stamp().await?).is_none());
            }
        }
        let rows = [(0, Some(2)), (1, Some(2)), (2, Some(3)), (3, Some(4)), (4, None)];
        for (index, expected) in rows {
            let place = Place { shard_no: YEAR, index };
            let found = read!(house, |tx| tx.checkpoint_for(place).await?);
            assert_eq!(found.map(|found| found.tree_size), expected, "{index}");
        }
        write!(house, |tx| tx.put_timestamp(YEAR, 2, b"another").await?).unwrap();
        let stamped = read!(house, |tx| tx.stamped_checkpoints(YEAR, 0, 10).await?);
        assert_eq!(stamped.iter().map(|c| c.tree_size).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(stamped[0].timestamp_token.as_deref(), Some(b"token".as_slice()), "the first one stays");
    }

    async fn a_dropped_year_is_proved_from_its_archive(house: House) {
        append_at(&house, 0, 300, LAST).await;
        sequence(&house, LAST).await;
        let archive = house.dir.path().join("archive");
        let drop_some = || async { write!(house, |tx| tx.drop_tiles(2026, 2, FIRST).await?) };
        assert!(drop_some().await.is_err(), "it still grows");
        sequence(&house, FIRST).await;
        assert!(drop_some().await.is_err(), "there is no archive");
        for name in TileName::of_tree(300) {
            let Kind::Hashes(level) = name.kind else { panic!("{name}") };
            let hashes = read!(house, |tx| tx.tile(2026, level, name.number).await?);
            let file = archive.join("2026").join(name.to_string());
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, hashes.concat()).unwrap();
        }
        let before = root(&house, 2026, 300).await;
        house.store.set_ledger_archive(archive.clone());
        assert_eq!(drop_some().await.unwrap(), 2);
        assert_eq!(drop_some().await.unwrap(), 1);
        assert_eq!(drop_some().await.unwrap(), 0);
        assert_eq!(root(&house, 2026, 300).await, before);
        let place = Place { shard_no: 2026, index: 17 };
        let proof = read!(house, |tx| tx.prove_inclusion(place, 300).await?);
        assert!(verify_inclusion(&leaf_hash(&17u32.to_be_bytes()), 17, 300, &proof, &before));
        std::fs::remove_dir_all(archive.join("2026/tile/0")).unwrap();
        let lost = house.store.read((), |tx, ()| Box::pin(async move { tx.root_at(2026, 300).await })).await;
        assert!(matches!(lost, Err(store::Error::Damaged(_))), "{lost:?}");
        assert!(read!(house, |tx| tx.tile(2027, 5, 0).await?).is_empty());
    }

    async fn two_sequencers_never_make_two_trees(house: House) {
        // Two nodes with clocks of their own, neither asking the other; one of them signs late, again and again.
        let mut nodes = Vec::new();
        for node in 0..2u32 {
            let store = house.store.clone();
            nodes.push(tokio::spawn(async move {
                let mut heads = Vec::new();
                let mut late: Option<Checkpoint> = None;
                for round in 0..25u32 {
                    let n = 1_000 * (node + 1) + round;
                    let at = Timestamp::from_millis(NOW.millis() + 3_600_000 * i64::from(node));
                    let turn: Result<Turn, store::Error> = store
                        .write("both at once", n, move |tx, n| {
                            Box::pin(async move {
                                tx.append_leaf(account_id(1), &subject(*n), &n.to_be_bytes(), b"record", at).await?;
                                tx.sequence(LOG, at, 100).await
                            })
                        })
                        .await;
                    let head = turn.unwrap().unsigned;
                    heads.extend(head.clone());
                    let ready = if node == 0 { head.as_ref().map(signed) } else { late.take() };
                    late = head.as_ref().map(signed);
                    if let Some(checkpoint) = ready {
                        let put = |checkpoint: Checkpoint| {
                            store.write("sign", checkpoint, |tx, c| Box::pin(async move { tx.put_checkpoint(c).await }))
                        };
                        put(checkpoint).await.unwrap();
                    }
                }
                heads
            }));
        }
        let mut roots = std::collections::BTreeMap::new();
        for node in nodes {
            for head in node.await.unwrap() {
                let before = roots.insert(head.tree_size, head.root);
                assert!(before.is_none_or(|root| root == head.root), "two trees of {} leaves", head.tree_size);
            }
        }
        sequence(&house, NOW).await;
        for (size, expected) in roots {
            assert_eq!(root(&house, YEAR, size).await, expected, "{size}");
        }
        let leaves = read!(house, |tx| tx.leaves_from(YEAR, 0, 100).await?);
        assert_eq!(leaves.len(), 50);
        assert!(leaves.iter().zip(0..).all(|(leaf, index)| leaf.place.unwrap().index == index));
        assert_eq!(read!(house, |tx| tx.stray_leaves().await?), 0);
    }
}
