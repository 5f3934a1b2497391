//! The ledger: leaves made durable, placed and signed per second; how long a lone act waits for its proof; how large a proof is.
//!
//! Appending is measured in the library, with the sequencer's own loop beside it, so that what an act costs otherwise is out of
//! the picture. The wait is measured at the program's doors.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use certs::keys::Key;
use certs::note::{Checkpoint as Body, Note, NoteSigner};
use mail::{AccountId, Chance, Secret, Timestamp};
use store::ledger::{Checkpoint, Place, Turn};
use store::{MasterKey, Store};
use tests::{Engine, Exchange, Paper, Program};
use tokio::time::Instant;

use crate::cost::Cost;

/// Bytes that are kept of an act: a salt, and a document's act with three receivers.
const RECORD_BYTES: usize = 700;
const LOG: &str = "bench.gov.vn/congvan";

/// Numbers that differ; nothing here has to be secret.
struct Counting(AtomicU64);

impl Chance for Counting {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let count =
                self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
            chunk.copy_from_slice(count.get(..chunk.len()).unwrap_or_default());
        }
    }
}

/// Prints what the ledger does on an engine.
pub(crate) async fn measure(engine: Engine, lasts: Duration, leaves: u64) {
    println!("| {engine:?} | leaves | per second | CPU-ms each |");
    println!("| --- | --- | ---: | ---: |");
    for (name, tasks, batch) in [("one an act, 256 acts at once", 256, 1), ("sixteen a transaction", 64, 16)]
    {
        let bench = Bench::open(engine).await;
        let before = Cost::of(std::process::id());
        let (count, took) = bench.fill(tasks, batch, Until::Time(lasts)).await;
        let cpu =
            (Cost::of(std::process::id()).cpu - before.cpu).as_secs_f64() * 1000.0 / count.max(1) as f64;
        println!("| | {name} | {:.0} | {cpu:.3} |", count as f64 / took.as_secs_f64());
    }
    println!();
    proofs(engine, leaves).await;
    waits(engine).await;
}

enum Until {
    Time(Duration),
    Leaves(u64),
}

struct Bench {
    store: Store,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn open(engine: Engine) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let place = match engine.database().as_str() {
            "sqlite" => store::Place::Sqlite(folder.path().join("congvan.db")),
            url => store::Place::Postgres(Secret::from(url)),
        };
        let config = store::Config {
            place,
            blobs: folder.path().join("blobs"),
            master_key: MasterKey::from_bytes([7; 32]),
            limits: store::Limits::default(),
        };
        let chance = Arc::new(Counting(AtomicU64::new(1)));
        let (store, worker) = Store::open(config, chance, now()).await.expect("a store");
        tokio::spawn(worker.run());
        Self { store, _folder: folder }
    }

    /// Appends from many tasks with a sequencer beside them, to the last leaf's signature; answers how many and how long.
    async fn fill(&self, tasks: u64, batch: u64, until: Until) -> (u64, Duration) {
        let began = Instant::now();
        let (count, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (ends, most) = match until {
            Until::Time(lasts) => (Some(began + lasts), u64::MAX),
            Until::Leaves(most) => (None, most),
        };
        let appending = (0..tasks).map(|_| {
            let (store, count) = (self.store.clone(), count.clone());
            tokio::spawn(async move {
                while ends.is_none_or(|ends| Instant::now() < ends) {
                    let first = count.fetch_add(batch, Ordering::Relaxed);
                    if first >= most {
                        count.fetch_sub(batch, Ordering::Relaxed);
                        return;
                    }
                    append(&store, first, batch).await;
                }
            })
        });
        let appending: Vec<_> = appending.collect();
        let sequencer = {
            let (store, over) = (self.store.clone(), over.clone());
            tokio::spawn(async move {
                loop {
                    let was_over = over.load(Ordering::Acquire);
                    let turn = turn(&store).await;
                    if was_over && !turn.more && turn.taken == 0 {
                        return turn.tree_size;
                    }
                    if !turn.more {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            })
        };
        for task in appending {
            task.await.expect("appending ends");
        }
        over.store(true, Ordering::Release);
        let size = sequencer.await.expect("the sequencer ends");
        assert_eq!(size, count.load(Ordering::Relaxed), "every leaf is in the tree");
        (size, began.elapsed())
    }
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

async fn append(store: &Store, first: u64, count: u64) {
    let written = store.write("append", (first, count), |tx, (first, count)| {
        Box::pin(async move {
            for n in *first..first + count {
                let mut subject = [0; 16];
                subject[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
                let mut leaf = [1; 33];
                leaf[1..9].copy_from_slice(&n.to_be_bytes());
                let owner = AccountId::from_bytes([7; 16]);
                tx.append_leaf(owner, &subject, &leaf, &[b'x'; RECORD_BYTES], now()).await?;
            }
            Ok::<_, store::Error>(())
        })
    });
    written.await.expect("a leaf is written");
}

/// What the program's sequencer does in a turn.
async fn turn(store: &Store) -> Turn {
    let turn =
        store.write("sequence", (), |tx, ()| Box::pin(async move { tx.sequence(LOG, now(), 4_000).await }));
    let turn: Result<Turn, store::Error> = turn.await;
    let turn = turn.expect("a turn");
    if let Some(head) = &turn.unsigned {
        let key = Key::ed25519_from_seed(&[7; 32]).expect("a key");
        let body = Body {
            origin: head.origin.clone(),
            size: head.tree_size,
            root: head.root,
            extensions: Vec::new(),
        };
        let signer = NoteSigner::new(&head.origin, &key).expect("a signer");
        let checkpoint = Checkpoint {
            shard_no: head.shard_no,
            tree_size: head.tree_size,
            root: head.root,
            note: Note::sign(&body.to_string(), &[signer]).expect("a signature"),
            timestamp_token: None,
            signed_at: now(),
        };
        let put =
            store.write("sign", checkpoint, |tx, c| Box::pin(async move { tx.put_checkpoint(c).await }));
        put.await.expect("a checkpoint is kept");
    }
    turn
}

/// Proofs in a large tree.
async fn proofs(engine: Engine, leaves: u64) {
    let bench = Bench::open(engine).await;
    let (size, took) = bench.fill(16, 1_000, Until::Leaves(leaves)).await;
    let checkpoint =
        bench.store.read((), |tx, ()| Box::pin(async move { tx.newest_checkpoint().await })).await;
    let checkpoint: Option<Checkpoint> = checkpoint.expect("an answer");
    let checkpoint = checkpoint.expect("a checkpoint");
    let began = Instant::now();
    let (mut bytes, mut hashes) = (0, 0);
    for n in 0..200u64 {
        let place = Place { shard_no: checkpoint.shard_no, index: n * (size / 200) };
        let proof = bench
            .store
            .read(place, |tx, place| Box::pin(async move { tx.prove_inclusion(*place, size).await }));
        let proof: Result<Vec<_>, store::Error> = proof.await;
        hashes = proof.expect("a proof").len().max(hashes);
        // As C2SP tlog-proof writes it: two lines, 45 bytes a hash, an empty line, the checkpoint.
        bytes = "c2sp.org/tlog-proof@v1\nindex \n\n".len()
            + place.index.to_string().len()
            + 45 * hashes
            + checkpoint.note.len();
    }
    let each = began.elapsed().as_secs_f64() * 1000.0 / 200.0;
    println!(
        "{engine:?}: {size} leaves in {:.0} s; a proof among them has up to {hashes} hashes, {bytes} bytes, and takes {each:.2} ms",
        took.as_secs_f64()
    );
}

/// How long after its answer an act can be proved, at the program's doors, one act at a time.
async fn waits(engine: Engine) {
    let program = Program::demo(engine).await;
    let (first, second) = (program.systems().0.clone(), program.systems().1.clone());
    let paper = Paper::new(&program, "cho").await;
    let paper = paper.signed_by(&program, "leader1").await.signed_by(&program, "seal1").await;
    let template = paper.packed(&program, &first.agency, &[&second.agency], "99999").await;
    let template = String::from_utf8(template).expect("a package is UTF-8");
    let (exchange, web) = (Exchange::new(&program, &first), program.web_client());
    let checkpoint = program.https("/ledger/checkpoint");
    let mut waits = Vec::new();
    for number in 0..100u64 {
        let package = template.replace("99999", &(10_000 + number).to_string());
        assert!(exchange.send(&first.agency, package.as_bytes()).await.is_ok());
        let answered = Instant::now();
        loop {
            let text = web.get(&checkpoint).send().await.expect("an answer").text().await.expect("a text");
            let size: u64 = text.lines().nth(1).and_then(|size| size.parse().ok()).unwrap_or(0);
            if size > number {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        waits.push(answered.elapsed());
    }
    waits.sort();
    println!(
        "{engine:?}: an act can be proved after {:.0} ms (median), {:.0} ms (99 of 100)",
        waits[49].as_secs_f64() * 1000.0,
        waits[98].as_secs_f64() * 1000.0
    );
}
