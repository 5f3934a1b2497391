//! A year that has ended leaves the database, and nothing that was proved stops being so.

use std::path::Path;
use std::sync::Arc;

use mail::{AccountId, Timestamp};
use store::ledger::merkle::{leaf_hash, verify_inclusion};
use store::ledger::{Head, Place};

use super::{export, folder};
use crate::config::Config;
use crate::house::House;
use crate::proof::LogVerifier;
use crate::sequencer::{self, LogKey};

async fn house(data: &Path) -> (Arc<House>, LogVerifier) {
    let mut config = Config::default();
    config.house.data = data.to_owned();
    config.ledger.archive = "archive".into();
    let house = House::open(config).await.unwrap();
    let key = LogVerifier(LogKey::read(&house).unwrap().verifier().unwrap().parse().unwrap());
    (house, key)
}

fn leaf(n: u16) -> Vec<u8> {
    [[1; 31].as_slice(), n.to_be_bytes().as_slice()].concat()
}

async fn append(house: &House, from: u16, upto: u16, at: Timestamp) {
    let written = house.store.write("append", (from, upto), move |tx, (from, upto)| {
        Box::pin(async move {
            for n in *from..*upto {
                tx.append_leaf(AccountId::from_bytes([7; 16]), &[9; 16], &leaf(n), b"record", at).await?;
            }
            Ok::<_, store::Error>(())
        })
    });
    written.await.unwrap();
}

async fn sequence(house: &House, key: &LogKey, now: Timestamp) {
    while sequencer::turn_at(house, key, now).await.unwrap().is_some_and(|turn| turn.more) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_year_is_exported_dropped_and_still_proved() {
    crate::tls::install_provider();
    let data = tempfile::tempdir().unwrap();
    let (house, verifier) = house(data.path()).await;
    let key = LogKey::read(&house).unwrap();
    let this_year = house.now();
    let year = i64::from(this_year.to_vietnam().year()) - 1;
    let last_year = Timestamp::parse_rfc3339(&format!("{year}-07-01T08:00:00+07:00")).unwrap();
    append(&house, 0, 600, last_year).await;
    sequence(&house, &key, last_year).await;
    let archive = data.path().join("archive");
    let archived = |drop: bool| export::run(&house, &verifier, None, Some(year), drop);
    assert!(archived(true).await.is_err(), "the year goes on");
    append(&house, 600, 700, this_year).await;
    sequence(&house, &key, this_year).await;

    let checkpoint = house
        .store
        .read(year, |tx, year| Box::pin(async move { tx.newest_checkpoint_of(*year).await }))
        .await;
    let checkpoint: Option<store::ledger::Checkpoint> = checkpoint.unwrap();
    let checkpoint = checkpoint.unwrap();
    let proof = |index: u64| {
        let place = Place { shard_no: year, index };
        let read = house
            .store
            .read(place, |tx, place| Box::pin(async move { tx.prove_inclusion(*place, 600).await }));
        async move { Result::<Vec<_>, store::Error>::unwrap(read.await) }
    };
    let before = [proof(0).await, proof(599).await];
    // An export that is not whole drops nothing.
    archived(false).await.unwrap();
    let tile = archive.join(format!("{year}/tile/0/000"));
    let whole = std::fs::read(&tile).unwrap();
    std::fs::write(&tile, vec![0; 256 * 32]).unwrap();
    assert!(archived(true).await.is_err(), "a tile was changed");
    std::fs::write(&tile, &whole).unwrap();
    archived(true).await.unwrap();
    std::fs::rename(&archive, data.path().join("away")).unwrap();
    let gone = house.store.read(year, |tx, year| Box::pin(async move { tx.tile(*year, 0, 0).await })).await;
    assert!(gone.is_err(), "the database has it still");
    std::fs::rename(data.path().join("away"), &archive).unwrap();
    assert_eq!([proof(0).await, proof(599).await], before);
    assert!(verify_inclusion(&leaf_hash(&leaf(599)), 599, 600, &before[1], &checkpoint.root));
    // Again, and everything, from what is left here and what is there.
    archived(true).await.unwrap();
    let copy = data.path().join("copy");
    export::run(&house, &verifier, Some(copy.clone()), None, false).await.unwrap();
    let report = folder::check(&copy, &verifier).unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    let sizes: Vec<u64> = report.trees.iter().map(|(_, size, _)| *size).collect();
    assert_eq!(sizes, [600, 101], "the new year begins with the old one");
    // Another tree for the old year, signed by the log itself: the new year does not begin with it.
    let origin = format!("{}/{year}", verifier.0.name());
    let other = Head { shard_no: year, origin, tree_size: 600, root: [0; 32] };
    std::fs::write(copy.join(format!("{year}/checkpoint")), key.sign(&other).unwrap()).unwrap();
    let report = folder::check(&copy, &verifier).unwrap();
    for wrong in ["not of this tree", "does not begin with"] {
        assert!(report.faults.iter().any(|fault| fault.contains(wrong)), "{:?}", report.faults);
    }
    assert!(folder::check(data.path().join("archive/nothing").as_path(), &verifier).is_err());
}
