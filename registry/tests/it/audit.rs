//! An auditor walks the log and the tables: honest work leaves nothing to find, and whoever changes something at the database
//! is found out.

use mail::Timestamp;
use registry::receipt::{Audit, Auditor, Fault};
use registry::vxp::call::{Acknowledgement, Call, DocId};

use crate::house::{House, LOG, good, stories};
use crate::receipts::{key, sequence, signed, stamp};
use crate::world::NOW;

async fn audit(house: &House) -> Audit {
    Auditor::new(&house.desk.store, &key(LOG)).run().await.unwrap()
}

/// Takes every package that waits for a system.
async fn take_all(house: &House, system: &str) {
    for delivery in house.waiting(system).await {
        let call = Call::UpdateStatus {
            doc_id: DocId::read(&delivery.delivery_id.to_string()).unwrap(),
            acknowledgement: Acknowledgement::Done,
            description: String::new(),
        };
        house.desk.answer(&house.system(system).await, call, NOW).await.unwrap();
    }
}

/// A year with five acts, two of them stamped, and a new one.
async fn history(house: &House) {
    for number in ["1", "2"] {
        house.send("hub.01", "H37.01", &good(number, &["H37.02", "H37.04"])).await.unwrap();
        sequence(house, NOW).await;
        stamp(house).await;
    }
    take_all(house, "hub.02").await;
    sequence(house, NOW).await;
    let new_year = Timestamp::parse_rfc3339("2027-01-01T00:00:00+07:00").unwrap();
    sequence(house, new_year).await;
    house.send("hub.01", "H37.01", &good("3", &["H37.02"])).await.unwrap();
    sequence(house, new_year).await;
    // One more waits while the auditor works.
    house.send("hub.01", "H37.01", &good("4", &["H37.02"])).await.unwrap();
}

/// What an audit finds after somebody was at the database.
async fn after(house: &House, sql: &'static str) -> Vec<Fault> {
    house.run_sql(sql).await;
    let audit = audit(house).await;
    assert!(!audit.is_clean(), "{sql}");
    let mut faults: Vec<Fault> = audit.findings.iter().map(|finding| finding.fault).collect();
    faults.dedup();
    faults
}

macro_rules! tampered {
    ($($name:ident: $sql:expr => $($fault:ident),+;)*) => {
        stories! {
            $(async fn $name(house: House) {
                history(&house).await;
                let faults = after(&house, $sql).await;
                $(assert!(faults.contains(&Fault::$fault), "{faults:?}");)+
            })*
        }
    };
}

mod honest {
    use super::*;

    stories! {
        async fn r52_honest_work_leaves_nothing_to_find(house: House) {
            let empty = audit(&house).await;
            assert!(empty.is_clean() && empty.trees.is_empty());
            history(&house).await;
            let found = audit(&house).await;
            assert_eq!(found.findings, []);
            let trees: Vec<_> = found.trees.iter().map(|tree| (tree.origin.as_str(), tree.leaves)).collect();
            assert_eq!(trees, [("thu.gov.vn/congvan/2026", 4), ("thu.gov.vn/congvan/2027", 2)]);
            assert_eq!(found.trees[0].timestamps, 2, "two timestamps");
            assert_eq!((found.packages, found.deliveries), (4, 2));
        }

        async fn a_checkpoint_kept_elsewhere_tells_a_rewritten_log(house: House) {
            history(&house).await;
            let kept = [("2026", 1), ("2026", 4), ("2027", 2)].map(|(year, size)| (format!("{LOG}/{year}"), size));
            let auditor_key = key(LOG);
            let auditor = Auditor::new(&house.desk.store, &auditor_key);
            let compare = async |note: String| {
                let mut audit = Audit::default();
                auditor.compare(&note, &mut audit).await.unwrap();
                audit.findings.iter().map(|finding| finding.fault).collect::<Vec<_>>()
            };
            for (origin, size) in kept {
                let shard = origin.rsplit('/').next().unwrap().parse::<i64>().unwrap();
                let root = house.desk.store.read((), |tx, ()| Box::pin(async move { tx.root_at(shard, size).await }));
                let root: Result<_, store::Error> = root.await;
                let root = root.unwrap();
                assert_eq!(compare(signed(&origin, size, root)).await, [], "{origin}@{size}");
                assert_eq!(compare(signed(&origin, size, [7; 32])).await, [Fault::Fork], "{origin}@{size}");
                assert_eq!(compare(signed(&origin, size + 9, root)).await, [Fault::Fork], "the log was put back");
                assert_eq!(compare(signed(&origin, size, root).replace("2", "3")).await, [Fault::Signature]);
            }
            let unknown = signed(&format!("{LOG}/2031"), 1, [7; 32]);
            assert_eq!(compare(unknown).await, [Fault::Fork]);
        }

        async fn another_logs_key_agrees_with_nothing(house: House) {
            history(&house).await;
            let found = Auditor::new(&house.desk.store, &key("khac.gov.vn/so")).run().await.unwrap();
            assert!(found.findings.iter().any(|finding| finding.fault == Fault::Signature));
        }
    }
}

mod rows {
    use super::*;

    tampered! {
        r52_a_documents_class: "UPDATE document SET class = 'UNSIGNED' WHERE identifier LIKE '%1/SNV%'" => Record;
        r52_a_documents_time: "UPDATE document SET accepted_at = accepted_at - 86400000" => Record;
        r52_a_documents_digest: "UPDATE document SET package_sha256 = blob_id WHERE identifier LIKE '%1/SNV%'" => Record;
        r52_a_senders_code: "UPDATE document SET from_code = 'H37.09'" => Record;
        r52_a_receiver_added: "UPDATE delivery SET to_codes = 'H37.02,H37.09' WHERE state = 'initial'" => Record;
        r52_a_document_removed: "DELETE FROM document WHERE identifier LIKE '%1/SNV%'" => NoAct;
        r52_a_delivery_removed: "DELETE FROM delivery WHERE state = 'done'" => NoAct;
        r52_a_delivery_undone: "UPDATE delivery SET state = 'initial' WHERE state = 'done'" => Record;
        r52_a_delivery_that_nobody_took: "UPDATE delivery SET state = 'done'" => NoLeaf;
        r52_a_kept_act: "UPDATE ledger_leaf SET record = leaf WHERE seq = 1" => Opening;
        r52_acts_exchanged: "UPDATE ledger_leaf SET record = (SELECT record FROM ledger_leaf WHERE seq = 2) WHERE seq = 1"
            => Opening;
    }
}

mod log {
    use super::*;

    tampered! {
        a_leaf_deleted: "DELETE FROM ledger_leaf WHERE seq = 2" => Stray, Gap, NoLeaf;
        a_waiting_leaf_deleted: "DELETE FROM ledger_waiting" => Stray;
        a_leaf_deleted_with_its_place: "DELETE FROM ledger_place WHERE leaf_index = 1" => Stray, Gap;
        a_leaf_changed: "UPDATE ledger_leaf SET leaf = (SELECT leaf FROM ledger_leaf WHERE seq = 2) WHERE seq = 1"
            => Opening, Tile, Root;
        two_leaves_exchanged: "UPDATE ledger_place SET seq = -seq" => Stray, Gap;
        a_tile_altered: "UPDATE ledger_tile SET hashes = (SELECT root FROM ledger_checkpoint ORDER BY tree_size LIMIT 1)"
            => Tile;
        a_tile_deleted: "DELETE FROM ledger_tile WHERE shard_no = 2026" => Tile;
        a_checkpoint_forged: "UPDATE ledger_checkpoint SET note = REPLACE(note, '2026', '2025')" => Signature;
        a_checkpoint_of_another_size: "UPDATE ledger_checkpoint SET tree_size = 3 WHERE tree_size = 4" => Root, Unsigned;
        a_checkpoint_moved: "UPDATE ledger_checkpoint SET root = (SELECT root FROM ledger_checkpoint WHERE shard_no = 2027 ORDER BY tree_size LIMIT 1)
            WHERE tree_size = 2" => Root, Signature;
        a_timestamp_forged: "UPDATE ledger_checkpoint SET timestamp_token = root WHERE timestamp_token IS NOT NULL" => Timestamp;
        a_timestamp_of_another_checkpoint: "UPDATE ledger_checkpoint SET timestamp_token =
            (SELECT timestamp_token FROM ledger_checkpoint WHERE tree_size = 1 AND shard_no = 2026)
            WHERE tree_size = 2 AND shard_no = 2026" => Timestamp;
        a_last_checkpoint_deleted: "DELETE FROM ledger_checkpoint WHERE shard_no = 2026 AND tree_size = 4" => Unsigned, Chain;
        a_tree_made_shorter: "UPDATE ledger_shard SET tree_size = 3 WHERE shard_no = 2026" => Gap, Root, Unsigned;
        a_tree_of_another_log: "UPDATE ledger_shard SET origin = 'khac.gov.vn/so/2026' WHERE shard_no = 2026" => Signature;
        an_act_in_the_log_twice: "INSERT INTO ledger_leaf (leaf, owner_id, subject_id, record, accepted_at)
            SELECT leaf, owner_id, subject_id, record, accepted_at FROM ledger_leaf WHERE seq = 1" => Stray, Twice;
    }
}

#[test]
fn faults_have_codes_and_words_of_their_own() {
    let codes: std::collections::BTreeSet<_> = Fault::ALL.iter().map(|fault| fault.code()).collect();
    assert_eq!(codes.len(), Fault::ALL.len());
    assert!(Fault::ALL.iter().all(|fault| !fault.vi().is_empty() && !fault.en().is_empty()));
}
