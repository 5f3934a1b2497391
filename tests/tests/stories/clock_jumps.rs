//! The machine's clock is set forward and back, by an hour and by a day, while documents and mails go through. Time as the program sees it
//! jumps (libfaketime); time that only passes does not, as on a real machine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use tests::{ALL_SCOPES, ApiClient, Engine, Exchange, Jmap, Paper, Program, Swaks};

use crate::on_both_engines;

on_both_engines! {
    r51_the_clock_jumps => the_clock_jumps,
}

/// Where the clock stands when nobody has set it: three days after the house was made, for what is registered is there from its day on.
const USUAL: &str = "+72h";
/// Where it stands after each jump: an hour and a day forward and back.
const JUMPS: [&str; 9] = [USUAL, "+73h", USUAL, "+71h", USUAL, "+96h", USUAL, "+48h", USUAL];

/// Debian's library for threads; `scripts/install-packages test` brings it.
fn library() -> PathBuf {
    let found = std::fs::read_dir("/usr/lib").expect("/usr/lib").filter_map(Result::ok);
    let found =
        found.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1")).find(|path| path.exists());
    found.expect("libfaketime is not installed (scripts/install-packages test)")
}

/// A program whose clock stands where a file says.
async fn program(engine: Engine) -> Program {
    let recorded = ("signatures = \"required\"", "signatures = \"recorded\"");
    let mut program = Program::demo_of(engine, "H99", &[recorded]).await;
    program.stop().await;
    set_clock(&program, USUAL);
    program.environment.extend([
        ("LD_PRELOAD", library().display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", clock(&program).display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("NO_FAKE_STAT", "1".to_owned()),
    ]);
    program.start().await;
    program
}

fn clock(program: &Program) -> PathBuf {
    program.data.join("clock")
}

/// Written beside and moved into place: the program reads it at any time.
fn set_clock(program: &Program, at: &str) {
    let beside = program.data.join("clock.new");
    std::fs::write(&beside, format!("{at}\n")).unwrap();
    std::fs::rename(beside, clock(program)).unwrap();
}

async fn the_clock_jumps(engine: Engine) {
    let mut program = program(engine).await;
    let (first, second) = program.systems();
    let (from, to) = (first.agency.clone(), second.agency.clone());
    let (sender, receiver) = (Exchange::new(&program, first), Exchange::new(&program, second));
    let api = ApiClient::new(&program, first, ALL_SCOPES).await;
    let clerk = program.account(&from, "clerk").clone();
    let paper = Paper::new(&program, "dong-ho").await;
    let mut sent = Vec::new();
    for (number, jump) in (10..).zip(JUMPS) {
        let package = paper.packed(&program, &from, &[&to], &number.to_string()).await;
        // Accepted before the jump, and repeated after it: the same act, and the same receipt.
        let accepted = sender.send(&from, &package).await;
        assert!(accepted.is_ok(), "{jump}: {accepted:?}\n{}", program.log());
        set_clock(&program, jump);
        let again = sender.send(&from, &package).await;
        assert_eq!(again.doc_id(), accepted.doc_id(), "{jump}: a repeat is a repeat at any time");
        for code in ["01", "03"] {
            let word = status(&program, &to, &from, &number.to_string(), code).await;
            assert!(receiver.send(&to, &word).await.is_ok(), "{jump} {code}");
        }
        let waiting = receiver.wait_for("edoc", 1).await;
        assert_eq!((waiting.len(), receiver.take(&waiting[0]).await), (1, package), "{jump}");
        let letter = Swaks::stranger(&program, "an@outside.test", &clerk.address);
        let talk = letter.subject(&format!("Thu so {number}")).body("xin chao").send();
        assert!(talk.is_taken(), "{jump}: {}", talk.text);
        sent.push((number, accepted.doc_id().to_owned()));
    }
    let jmap = Jmap::sign_in(&program, &clerk).await;
    for (number, id) in &sent {
        jmap.wait_for(&format!("Thu so {number}")).await;
        told_in_order(&api, id).await;
    }
    let subjects = jmap.all_subjects("inbox").await;
    for (number, _) in &sent {
        let wanted = format!("Thu so {number}");
        assert_eq!(
            subjects.iter().filter(|subject| **subject == wanted).count(),
            1,
            "{wanted}: {subjects:?}"
        );
    }
    no_event_twice(&api).await;
    for (_, id) in &sent {
        api.settled_in_the_ledger(id).await;
    }
    program.stop().await;
    let audit: Value = serde_json::from_str(&program.must(&["ledger", "audit", "--json"]).await).unwrap();
    assert_eq!(audit["agrees"], true, "{audit}");
    // Everything is whole; and what was written while the clock stood a day ahead is told as what it is.
    let looked = program.command(&["doctor", "--deep", "--all", "--json"]).await;
    let found: Value = serde_json::from_slice(&looked.stdout).unwrap();
    let codes: Vec<&Value> = found["findings"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["clock-behind"], "{found}");
}

/// A history is in the order in which things were said, whatever the clock showed.
async fn told_in_order(api: &ApiClient, id: &str) {
    let history = api.get(&format!("/documents/{id}/history")).await;
    let codes: Vec<&str> =
        history["history"].as_array().unwrap().iter().filter_map(|line| line["code"].as_str()).collect();
    assert_eq!(codes, ["01", "03"], "{history}");
}

/// Whatever a deadline is held against, it is told once.
async fn no_event_twice(api: &ApiClient) {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/events{after}")).await;
        let events = page["events"].as_array().unwrap();
        if events.is_empty() {
            break;
        }
        all.extend(events.iter().cloned());
        after = format!("?after={}", page["next"].as_str().unwrap());
    }
    let mut told: BTreeMap<(String, String), u32> = BTreeMap::new();
    for event in &all {
        let kind = event["kind"].as_str().unwrap();
        if kind != "document.status" {
            let about = event["document"].as_str().unwrap();
            *told.entry((kind.to_owned(), about.to_owned())).or_default() += 1;
        }
    }
    let accepted = told.keys().filter(|(kind, _)| kind == "document.accepted").count();
    assert_eq!(accepted, JUMPS.len(), "{told:?}");
    assert!(told.values().all(|count| *count == 1), "{told:?}");
}

async fn status(program: &Program, from: &str, to: &str, number: &str, code: &str) -> Vec<u8> {
    let path = program.data.join(format!("status-{number}-{code}.edxml"));
    let about = format!("{number}/SNV-VP");
    let id = format!("{to},{},{number}/SNV-VP", today(program, number));
    let out = ["--description", "theo quy trình", "--out", path.to_str().unwrap()];
    let said =
        ["package", "--status", code, "--from", from, "--to", to, "--code", &about, "--document-id", &id];
    program.must(&[&said[..], &out].concat()).await;
    std::fs::read(path).unwrap()
}

/// The day in the identifier of the package that was made last.
fn today(program: &Program, number: &str) -> String {
    let package = std::fs::read_to_string(program.data.join(format!("dong-ho.{number}.edxml"))).unwrap();
    let id = package.split("<edXML:DocumentId>").nth(1).unwrap().split('<').next().unwrap();
    id.split(',').nth(1).unwrap().to_owned()
}
