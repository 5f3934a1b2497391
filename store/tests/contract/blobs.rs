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

fn random(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    mail::Chance::fill(&*Seeded::new(size as u64), &mut bytes);
    bytes
}

fn spooled(store: &Store, bytes: &[u8], piece: usize) -> store::Spool {
    let mut spooling = store.spool();
    for piece in bytes.chunks(piece) {
        spooling.push(piece).unwrap();
    }
    spooling.finish().unwrap()
}

fn only_file(dir: &std::path::Path) -> std::path::PathBuf {
    let mut found = dir.to_owned();
    while found.is_dir() {
        found = std::fs::read_dir(&found).unwrap().flatten().next().unwrap().path();
    }
    found
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

    async fn a_spool_gives_back_what_was_pushed_however_it_came(house: House) {
        for (size, piece) in [(0, 1), (1, 1), (1_048_576, 65_537), (1_048_577, 1_000), (3_000_000, 8_192), (4 * 131_072, 1_048_577)] {
            let bytes = random(size);
            let spool = spooled(&house.store, &bytes, piece);
            assert_eq!(spool.len(), size as u64);
            assert_eq!(spool.held().is_some(), size <= 1_048_576, "{size}");
            assert_eq!(spool.whole().unwrap()[..], bytes, "{size} in pieces of {piece}");
            let part = spool.part(size as u64 / 3, size as u64 / 2);
            let expected = &bytes[size / 3..size / 3 + size / 2];
            assert_eq!(part.whole().unwrap()[..], *expected);
            assert_eq!(part.part(7, u64::MAX).len(), (expected.len() as u64).saturating_sub(7));
            assert_eq!(spool.read_at(size as u64, &mut [0; 8]).unwrap(), 0);
        }
        assert_eq!(files(&house.dir.path().join("blobs")), 0, "a spool has no name that could be found");
    }

    async fn a_large_package_is_sealed_and_opened_in_segments(house: House) {
        let sentence = "Công văn số 05/SNV-VP ".repeat(200_000).into_bytes();
        for bytes in [random(1_048_577), random(5 * 1_048_576), sentence] {
            let spool = spooled(&house.store, &bytes, 100_000);
            let sealed = house.store.seal_spool_apart(account_id(1), &spool).await.unwrap();
            let whole = house.store.seal_apart(account_id(1), &bytes).await.unwrap();
            assert_eq!(sealed.blob_id(), whole.blob_id(), "a blob is named by what it holds, not by how it is sealed");
            let blob_id = sealed.blob_id();
            write!(house, sealed, |tx| tx.put_blob(sealed, NOW).await?).unwrap();
            assert_eq!(house.store.read_blob(account_id(1), blob_id).await.unwrap().unwrap(), bytes);
            assert_eq!(house.store.read_blob(account_id(2), blob_id).await.unwrap(), None);
            let mut pieces = house.store.read_blob_in_pieces(account_id(1), blob_id).await.unwrap().unwrap();
            assert_eq!(pieces.size(), bytes.len() as u64);
            let mut at = 0;
            while let Some(piece) = pieces.next().await.unwrap() {
                assert!(piece.len() <= 1_048_576 && bytes[at..].starts_with(&piece));
                at += piece.len();
            }
            assert_eq!(at, bytes.len());
        }
    }

    async fn a_damaged_segment_opens_nothing(house: House) {
        let spool = spooled(&house.store, &random(2_500_000), 100_000);
        let sealed = house.store.seal_spool_apart(account_id(1), &spool).await.unwrap();
        let blob_id = sealed.blob_id();
        write!(house, sealed, |tx| tx.put_blob(sealed, NOW).await?).unwrap();
        let file = only_file(&house.dir.path().join("blobs"));
        let written = std::fs::read(&file).unwrap();
        let segment = 4 + 1_048_576 + 1 + 16;
        assert_eq!(written.len(), 2_500_000 + 3 * 21);
        let mut flipped = written.clone();
        flipped[segment + 100] ^= 1;
        let swapped = [&written[segment..2 * segment], &written[..segment], &written[2 * segment..]].concat();
        let longer = [&written[..], &written[..segment]].concat();
        for damaged in [&flipped, &swapped, &longer, &written[..2 * segment].to_vec(), &written[..100].to_vec(), &Vec::new()] {
            std::fs::write(&file, damaged).unwrap();
            let outcome = house.store.read_blob(account_id(1), blob_id).await;
            assert!(matches!(outcome, Err(Error::Damaged(_))), "{outcome:?}");
        }
        std::fs::write(&file, &written).unwrap();
        assert!(house.store.read_blob(account_id(1), blob_id).await.unwrap().is_some());
    }
}
