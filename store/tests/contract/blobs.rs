//! Blobs: kept once, counted exactly, opened only by their owner's key.

use store::{Error, Store};

use crate::house::{NOW, Seeded, account_id, read, stories, write};

fn large(seed: u8) -> Vec<u8> {
    // Incompressible, so that it really goes to a file.
    let mut bytes = vec![0; 300_000];
    mail::Chance::fill(&*Seeded::new(u64::from(seed) << 32), &mut bytes);
    bytes
}

fn files(dir: &std::path::Path) -> usize {
    let mut waiting = vec![dir.to_owned()];
    let mut count = 0;
    while let Some(dir) = waiting.pop() {
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            if entry.path().is_dir() { waiting.push(entry.path()) } else { count += 1 }
        }
    }
    count
}

stories! {
    async fn small_and_large_blobs_come_back_as_they_were(house: House) {
        for bytes in [b"".to_vec(), b"x".to_vec(), "Công văn ".repeat(5_000).into_bytes(), large(1)] {
            let sealed = house.store.seal(account_id(1), &bytes, NOW).await.unwrap();
            let blob_id = sealed.blob_id();
            write!(house, sealed, |tx| tx.put_blob(sealed, NOW).await?).unwrap();
            assert_eq!(house.store.read_blob(account_id(1), blob_id).await.unwrap(), Some(bytes));
            assert_eq!(house.store.read_blob(account_id(2), blob_id).await.unwrap(), None);
        }
        assert_eq!(files(&house.dir.path().join("blobs")), 1);
    }

    async fn the_last_reference_takes_the_blob_with_it(house: House) {
        let sealed = house.store.seal(account_id(1), b"once", NOW).await.unwrap();
        let id = sealed.blob_id();
        write!(house, sealed, |tx| { tx.put_blob(sealed, NOW).await?; tx.put_blob(sealed, NOW).await? }).unwrap();
        write!(house, |tx| tx.drop_blob(account_id(1), id, NOW).await?).unwrap();
        assert!(house.store.read_blob(account_id(1), id).await.unwrap().is_some());
        write!(house, |tx| tx.drop_blob(account_id(1), id, NOW).await?).unwrap();
        assert!(house.store.read_blob(account_id(1), id).await.unwrap().is_none());
    }

    async fn another_master_key_opens_nothing_and_says_why(house: House) {
        let sealed = house.store.seal(account_id(1), b"secret", NOW).await.unwrap();
        let id = sealed.blob_id();
        write!(house, sealed, |tx| tx.put_blob(sealed, NOW).await?).unwrap();
        let mut config = house.config();
        config.master_key = store::MasterKey::from_bytes([8; 32]);
        let (other, _worker) = Store::open(config, Seeded::new(5), NOW).await.unwrap();
        let outcome = other.read_blob(account_id(1), id).await;
        assert!(matches!(outcome, Err(Error::Damaged(_))), "{outcome:?}");
    }

    async fn first_users_of_a_key_at_once_share_one(house: House) {
        let seals = (0..16u8).map(|n| {
            let store = house.store.clone();
            tokio::spawn(async move { store.seal(account_id(9), &[n], NOW).await.unwrap() })
        });
        let seals: Vec<_> = seals.collect();
        for (n, seal) in (0..16u8).zip(seals) {
            let sealed = seal.await.unwrap();
            let id = sealed.blob_id();
            write!(house, sealed, |tx| tx.put_blob(sealed, NOW).await?).unwrap();
            assert_eq!(house.store.read_blob(account_id(9), id).await.unwrap(), Some(vec![n]));
        }
    }

    async fn an_upload_nobody_uses_goes(house: House) {
        let blob = house.store.seal(account_id(1), b"draft.pdf", NOW).await.unwrap();
        let id = blob.blob_id();
        let upload = store::Upload { account_id: account_id(1), blob, media_type: "application/pdf".into(), expires_at: NOW };
        write!(house, upload, |tx| { tx.add_upload(upload, NOW).await?; tx.add_upload(upload, NOW).await? }).unwrap();
        assert!(read!(house, |tx| tx.may_read_blob(account_id(1), id).await?));
        let early = mail::Timestamp::from_millis(NOW.millis() - 1);
        assert_eq!(write!(house, |tx| tx.expire_uploads(early, 10).await?).unwrap(), 0);
        assert!(read!(house, |tx| tx.may_read_blob(account_id(1), id).await?));
        assert_eq!(write!(house, |tx| tx.expire_uploads(NOW, 10).await?).unwrap(), 1);
        assert!(!read!(house, |tx| tx.may_read_blob(account_id(1), id).await?));
    }
}
