//! How long an urgent document takes to the other house when many others wait on the line before it (RULES R21).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use tests::{Engine, Exchange, Paper, Program};
use tokio::time::Instant;

/// Senders at a time while the line is filled.
const SENDERS: usize = 8;
/// Urgent documents that are sent, one after the other.
const URGENT: u64 = 5;

pub(super) async fn measure(engine: Engine, queued: u64) {
    let recorded = ("signatures = \"required\"", "signatures = \"recorded\"");
    let mut here = Program::demo_of(engine, "H98", &[recorded]).await;
    let mut there = Program::demo_of(engine, "H97", &[recorded]).await;
    connect(&mut here, &there).await;
    let (first, second) = (here.systems().0.clone(), there.systems().0.clone());
    there.stop().await;
    let paper = Paper::new(&here, "cho-doi").await;
    let normal = text(paper.packed(&here, &first.agency, &[&second.agency], "99999").await);
    let urgent = normal.replace("<edXML:Priority>0<", "<edXML:Priority>2<");
    assert_ne!(normal, urgent, "the sample says how urgent it is");
    fill(&here, &normal, &first.agency, queued).await;
    there.start().await;
    let receiver = Exchange::new(&there, &second);
    while receiver.received("edoc").await.is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let sender = Exchange::new(&here, &first);
    let mut took = Vec::new();
    for number in 0..URGENT {
        let package = urgent.replace("99999", &(90_000 + number).to_string());
        let began = Instant::now();
        assert!(sender.send(&first.agency, package.as_bytes()).await.is_ok());
        arrived(&there, &second.agency, 90_000 + number).await;
        took.push(began.elapsed());
    }
    let list: Value = serde_json::from_str(&here.must(&["peer", "list", "--json"]).await).expect("JSON");
    println!(
        "{engine:?}: {queued} queued, {} still waiting; an urgent one is in the other house after {took:.0?}",
        list[0]["waiting"]
    );
}

fn text(package: Vec<u8>) -> String {
    String::from_utf8(package).expect("a package is UTF-8")
}

/// `here` becomes a client of `there`.
async fn connect(here: &mut Program, there: &Program) {
    let axis = "truc.h97.client";
    let code = here.systems().0.agency.clone();
    there.must(&["agency", "add", &code, "--name", "Cơ quan bên kia"]).await;
    let admitted = there.must(&["system", "add", axis, "--agency", &code, "--json"]).await;
    let admitted: Value = serde_json::from_str(&admitted).expect("JSON");
    let beyond = there.systems().0.agency.clone();
    here.must(&["agency", "add", &beyond, "--name", "Cơ quan ở xa"]).await;
    let secret = admitted["secret"].as_str().expect("a secret").to_owned();
    here.environment.push(("CONGVAN_PEER_SECRET", secret));
    let url = format!("http://127.0.0.1:{}/vxp", there.ports.http);
    let peer = ["peer", "add", "h97", "--url", &url, "--system-id", axis, "--poll-seconds", "60"];
    here.must(&[&peer[..], &["--level-1", "H97"]].concat()).await;
}

async fn fill(here: &Program, normal: &str, from: &str, queued: u64) {
    let next = Arc::new(AtomicU64::new(0));
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let exchange = Exchange::new(here, here.systems().0);
            let (next, normal, from) = (next.clone(), normal.to_owned(), from.to_owned());
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= queued {
                        return;
                    }
                    let package = normal.replace("99999", &(10_000 + number).to_string());
                    let answer = exchange.try_send(&from, package.as_bytes()).await.expect("an answer");
                    assert!(answer.is_ok(), "{answer:?}");
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.expect("a sender ends");
    }
}

/// Until the other house has it, as its own list says.
async fn arrived(there: &Program, to: &str, number: u64) {
    let wanted = format!("{number}/SNV-VP");
    let began = Instant::now();
    loop {
        let system = there.systems().0;
        assert_eq!(system.agency, to);
        let client = tests::ApiClient::new(there, system, tests::ALL_SCOPES).await;
        let page = client.get("/documents?box=received&limit=20&priority=2").await;
        let rows = page["documents"].as_array().cloned().unwrap_or_default();
        if rows.iter().any(|row| row["code"].as_str().is_some_and(|code| code == wanted)) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "{wanted} does not arrive: {page}");
    }
}
