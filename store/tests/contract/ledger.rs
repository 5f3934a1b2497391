//! The ledger: every leaf gets its place, every proof holds.

use store::ledger::Checkpoint;
use store::ledger::merkle::{leaf_hash, verify_consistency, verify_inclusion};

use crate::house::{House, NOW, account_id, read, stories, write};

async fn append(house: &House, from: u32, count: u32) {
    house
        .store
        .write("append", (from, count), |tx, (from, count)| {
            Box::pin(async move {
                for n in *from..from + count {
                    let mut subject = [0; 16];
                    subject[12..].copy_from_slice(&n.to_be_bytes());
                    tx.append_leaf(account_id(1), &subject, &n.to_be_bytes(), b"record", NOW).await?;
                }
                Ok::<_, store::Error>(())
            })
        })
        .await
        .unwrap();
}

stories! {
    async fn leaves_are_taken_in_and_proved(house: House) {
        let mut heads = Vec::new();
        let mut have = 0;
        for count in [1, 2, 5, 250, 300, 1] {
            append(&house, have, count).await;
            have += count;
            let (head, taken) = write!(house, |tx| tx.integrate(10_000).await?).unwrap();
            assert_eq!((head.tree_size, taken), (u64::from(have), count as usize));
            heads.push(head);
        }
        let house = house.reopen().await;
        let last = *heads.last().unwrap();
        assert_eq!(read!(house, |tx| tx.root_at(last.tree_size).await?), last.root);
        for index in (0..last.tree_size).step_by(37) {
            let (leaf, proof) = read!(house, |tx| {
                let leaf = tx.leaves_from(index, 1).await?.remove(0);
                (leaf, tx.prove_inclusion(index, last.tree_size).await?)
            });
            assert_eq!(leaf.index, Some(index));
            assert!(verify_inclusion(&leaf_hash(&leaf.leaf), index, last.tree_size, &proof, &last.root));
        }
        for old in &heads {
            let old = *old;
            let proof = read!(house, |tx| tx.prove_consistency(old.tree_size, last.tree_size).await?);
            assert!(verify_consistency(old.tree_size, last.tree_size, &old.root, &last.root, &proof));
        }
    }

    async fn taking_in_is_bounded_and_goes_on(house: House) {
        append(&house, 0, 30).await;
        let mut sizes = Vec::new();
        for _ in 0..4 {
            sizes.push(write!(house, |tx| tx.integrate(12).await?).unwrap().0.tree_size);
        }
        assert_eq!(sizes, [12, 24, 30, 30]);
        let mut subject = [0; 16];
        subject[15] = 29;
        let leaf = read!(house, |tx| tx.leaves_of(account_id(1), &subject).await?).remove(0);
        assert_eq!((leaf.index, leaf.record.as_slice()), (Some(29), b"record".as_slice()));
    }

    async fn the_newest_checkpoint_is_kept(house: House) {
        assert!(read!(house, |tx| tx.newest_checkpoint().await?).is_none());
        append(&house, 0, 3).await;
        let (head, _) = write!(house, |tx| tx.integrate(10).await?).unwrap();
        let checkpoint = move || Checkpoint {
            tree_size: head.tree_size,
            root: head.root,
            note: "origin\n3\n…\n".to_owned(),
            timestamp_token: None,
            signed_at: NOW,
        };
        write!(house, |tx| tx.put_checkpoint(&checkpoint()).await?).unwrap();
        write!(house, |tx| tx.put_checkpoint(&checkpoint()).await?).unwrap();
        let found = read!(house, |tx| tx.newest_checkpoint().await?).unwrap();
        assert_eq!((found.tree_size, found.root), (3, head.root));
        assert_eq!(read!(house, |tx| tx.checkpoints_after(2, 10).await?).len(), 1);
        assert!(read!(house, |tx| tx.checkpoints_after(3, 10).await?).is_empty());
    }
}
