//! Documents, statuses and recalls pour in while the program is killed, or the database under it. Whoever is told "later", or nothing,
//! sends the same bytes again, as the protocol wants. At the end each act is there once, each history is what was said, in its order, and
//! the log agrees with the data.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::{ALL_SCOPES, ApiClient, Cluster, Engine, Exchange, Paper, Program};

use crate::crash::{Dice, kills};

/// Nobody waits longer for a program or a database that is started again.
const PATIENCE: Duration = Duration::from_secs(120);
/// Journeys at the same time.
const AT_ONCE: usize = 3;
/// What a receiver says of a document that it works on (RULES 1.4), and of one that it refuses.
const DONE: [&str; 5] = ["01", "03", "04", "05", "06"];
const REFUSED: [&str; 2] = ["01", "02"];
/// And of one that is recalled when it has arrived.
const RECALLED: [&str; 2] = ["01", "15"];

/// The words of one journey, with the number of the sample where its own belongs.
struct Samples {
    document: String,
    recall: String,
    statuses: BTreeMap<&'static str, String>,
}

/// A document that got its id, and the statuses that were acknowledged, in their order.
struct Journey {
    number: u32,
    doc_id: String,
    said: &'static [&'static str],
}

impl Journey {
    fn is_recalled(&self) -> bool {
        self.said == RECALLED
    }
}

/// What the journeys share.
struct World {
    sender: Exchange,
    receiver: Exchange,
    from: String,
    to: String,
    samples: Samples,
    next: AtomicU32,
    stop: AtomicBool,
    /// How often somebody was told to come later, and how often nothing.
    later: AtomicU32,
    silent: AtomicU32,
}

impl World {
    /// Sends until it is taken; only "later" is a no that may be said.
    async fn insist(&self, exchange: &Exchange, from: &str, package: &str) -> String {
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "it is not well again: {package:.200}");
            match exchange.try_send(from, package.as_bytes()).await {
                Some(answer) if answer.is_ok() => return answer.doc_id().to_owned(),
                Some(answer) => {
                    assert!(matches!(answer.code(), "503" | "429"), "{answer:?}");
                    self.later.fetch_add(1, Ordering::Relaxed);
                }
                None => {
                    self.silent.fetch_add(1, Ordering::Relaxed);
                }
            }
            // As a client would; when the other side is well again it cannot hear.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A document, what its receiver says of it, and its recall; as many as there is time for.
    async fn travel(self: Arc<Self>) -> Vec<Journey> {
        let mut done = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let count = self.next.fetch_add(1, Ordering::Relaxed);
            let number = 10_000 + count;
            let said: &[&str] = match count % 4 {
                0 => &RECALLED,
                1 => &REFUSED,
                _ => &DONE,
            };
            let own = |sample: &str| tests::renumbered(sample, "99999", &number.to_string());
            let doc_id = self.insist(&self.sender, &self.from, &own(&self.samples.document)).await;
            for code in said {
                if *code == "15" {
                    let order =
                        tests::renumbered(&own(&self.samples.recall), "88888", &(60_000 + count).to_string());
                    self.insist(&self.sender, &self.from, &order).await;
                }
                self.insist(&self.receiver, &self.to, &own(&self.samples.statuses[code])).await;
            }
            done.push(Journey { number, doc_id, said });
        }
        done
    }
}

async fn packed(program: &Program, arguments: &[&str]) -> String {
    let file = program.data.join("sample.edxml");
    let _ = std::fs::remove_file(&file);
    let out = ["--out", file.to_str().unwrap()];
    program.must(&[&["package"], arguments, &out].concat()).await;
    std::fs::read_to_string(file).unwrap()
}

async fn samples(program: &Program, from: &str, to: &str) -> Samples {
    let paper = Paper::new(program, "tai").await.signed_by(program, "leader1").await;
    let document = paper.signed_by(program, "seal1").await.packed(program, from, &[to], "99999").await;
    let document = String::from_utf8(document).unwrap();
    let id = document.split("<edXML:DocumentId>").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
    let order = ["--from", from, "--to", to, "--number", "88888", "--notation", "SNV-VP", "--subject"];
    let recall =
        packed(program, &[&order[..], &["V/v thu hồi", "--recalls", id, "--reason", "Gửi nhầm"]].concat())
            .await;
    let mut statuses = BTreeMap::new();
    for code in ["01", "02", "03", "04", "05", "06", "15"] {
        let about = ["--status", code, "--from", to, "--to", from, "--code", "99999/SNV-VP"];
        let more = ["--document-id", id, "--description", "theo quy trình"];
        statuses.insert(code, packed(program, &[&about[..], &more[..]].concat()).await);
    }
    Samples { document, recall, statuses }
}

/// What breaks.
enum Fault {
    /// The program is killed and started again.
    Program,
    /// The database is, and the program goes on.
    Database(Cluster),
}

async fn told(mut program: Program, fault: Fault) {
    let seed = std::env::var("CONGVAN_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_128);
    println!("CONGVAN_SEED={seed} CONGVAN_KILLS={}", kills());
    let mut dice = Dice(seed);
    let (first, second) = program.systems();
    let (from, to) = (first.agency.clone(), second.agency.clone());
    let world = Arc::new(World {
        sender: Exchange::new(&program, first),
        receiver: Exchange::new(&program, second),
        samples: samples(&program, &from, &to).await,
        from,
        to,
        next: AtomicU32::new(0),
        stop: AtomicBool::new(false),
        later: AtomicU32::new(0),
        silent: AtomicU32::new(0),
    });
    let travellers: Vec<_> = (0..AT_ONCE).map(|_| tokio::spawn(world.clone().travel())).collect();
    for _ in 0..kills() {
        // The moment of the fault is what the story is about.
        tokio::time::sleep(Duration::from_millis(300 + dice.below(1_500))).await;
        match &fault {
            Fault::Program => {
                program.kill().await;
                program.start().await;
            }
            Fault::Database(cluster) => {
                let wait = Duration::from_millis(dice.below(800));
                tokio::task::block_in_place(|| cluster.crash());
                tokio::time::sleep(wait).await;
                tokio::task::block_in_place(|| cluster.start());
            }
        }
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.stop.store(true, Ordering::Relaxed);
    let mut journeys = Vec::new();
    for traveller in travellers {
        journeys.extend(traveller.await.unwrap());
    }
    let unheard = (world.later.load(Ordering::Relaxed), world.silent.load(Ordering::Relaxed));
    println!(
        "{} journeys; {} times told to come later, {} times nothing",
        journeys.len(),
        unheard.0,
        unheard.1
    );
    assert!(unheard.0 + unheard.1 > 0, "nobody noticed the faults");
    every_history_is_what_was_said(&program, &journeys).await;
    everything_waits_once(&world, &journeys).await;
    program.doctor().await;
    program.stop().await;
    program.must(&["ledger", "check"]).await;
    program.must(&["ledger", "audit"]).await;
}

/// RULES R49: append-only, complete, in order.
async fn every_history_is_what_was_said(program: &Program, journeys: &[Journey]) {
    let sender = ApiClient::new(program, program.systems().0, ALL_SCOPES).await;
    for journey in journeys {
        let shown = sender.get(&format!("/documents/{}/history", journey.doc_id)).await;
        let codes: Vec<&str> =
            shown["history"].as_array().unwrap().iter().filter_map(|line| line["code"].as_str()).collect();
        assert_eq!(codes, journey.said, "document {}: {shown}", journey.number);
    }
}

/// Documents and recalls at the receiver, statuses at the sender.
async fn everything_waits_once(world: &World, journeys: &[Journey]) {
    let arrived = taken(&world.receiver, "edoc", "CodeNumber").await;
    for journey in journeys {
        let times = u32::from(!journey.is_recalled());
        let number = journey.number.to_string();
        assert_eq!(arrived.get(&number).copied().unwrap_or(0), times, "document {number}");
        let order = (journey.number + 50_000).to_string();
        assert_eq!(arrived.get(&order).copied().unwrap_or(0), 1 - times, "the recall of {number}");
    }
    // Of each journey one thing: its document, or the recall.
    assert_eq!(arrived.len(), journeys.len(), "nothing else came: {arrived:?}");
    let statuses = taken(&world.sender, "status", "Code").await;
    for journey in journeys {
        let about = format!("{}/SNV-VP", journey.number);
        let said = u32::try_from(journey.said.len()).unwrap();
        assert_eq!(statuses.get(&about), Some(&said), "statuses of {about}");
    }
    assert_eq!(statuses.len(), journeys.len());
}

/// How often each content of an element stands in what waits.
async fn taken(exchange: &Exchange, kind: &str, element: &str) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    loop {
        let waiting: Vec<Value> = exchange.received(kind).await;
        if waiting.is_empty() {
            return found;
        }
        for one in &waiting {
            let package = String::from_utf8(exchange.take(one).await).unwrap();
            let open = format!("<edXML:{element}>");
            let name = package.split(&open).nth(1).and_then(|rest| rest.split('<').next()).unwrap();
            *found.entry(name.to_owned()).or_insert(0) += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r49_the_program_is_killed_under_documents_statuses_and_recalls() {
    told(Program::demo(Engine::Sqlite).await, Fault::Program).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r49_the_database_is_killed_under_documents_statuses_and_recalls() {
    let cluster = Cluster::new();
    let program = Program::demo_in(&cluster.database(), "H99", &[]).await;
    told(program, Fault::Database(cluster)).await;
}
