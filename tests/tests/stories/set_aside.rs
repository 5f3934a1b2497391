//! A mark of secrecy that is found after everything was accepted and delivered (RULES R11): set aside on all sides, deleted nowhere, and
//! let go by two persons.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::{ALL_SCOPES, Account, ApiClient, Engine, Exchange, Jmap, Paper, Program, Swaks};

use crate::lifecycle::by;
use crate::on_both_engines;

on_both_engines! {
    r11_a_document_and_a_mail_are_set_aside => a_document_and_a_mail_are_set_aside,
}

/// What comes by itself comes within a minute, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

/// A volume: its first page says nothing, its second bears a stamp.
async fn volume(program: &Program) -> PathBuf {
    let (cover, stamped) = (Paper::new(program, "Bìa").await, Paper::new(program, "MẬT").await);
    let bound = program.data.join("kem-theo.pdf");
    let pages = [cover.path.as_path(), &stamped.path, Path::new("--"), &bound];
    let made = Command::new("qpdf").args(["--empty", "--pages"]).args(pages).status();
    assert!(made.expect("qpdf runs").success());
    bound
}

async fn until<T>(program: &Program, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}\n{}", program.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn listed(program: &Program) -> Vec<Value> {
    serde_json::from_str(&program.must(&["secrecy", "list", "--json"]).await).unwrap()
}

async fn a_document_and_a_mail_are_set_aside(engine: Engine) {
    let changes = [
        ("signatures = \"required\"", "signatures = \"recorded\""),
        ("look_again_seconds = 300", "look_again_seconds = 1"),
    ];
    let program = Program::demo_of(engine, "H99", &changes).await;
    let bound = volume(&program).await;
    the_document(&program, &bound).await;
    the_mail(&program, &bound).await;
    program.must(&["ledger", "audit"]).await;
    program.doctor().await;
}

async fn the_document(program: &Program, bound: &Path) {
    let (first, second) = program.systems();
    let (sender, receiver) = (Exchange::new(program, first), Exchange::new(program, second));
    let api = ApiClient::new(program, first, ALL_SCOPES).await;
    let paper = Paper::new(program, "cong-van").await;
    let package = paper.packed_with(program, Some(bound), &first.agency, &[&second.agency], "05").await;
    let sent = sender.send(&first.agency, &package).await;
    assert!(sent.is_ok(), "no door looks at second pages: {sent:?}");
    let id = receiver.wait_for("edoc", 1).await[0]["docId"].as_str().unwrap().to_owned();
    until(program, "it is set aside", async || {
        let answer = receiver.call("getEdoc", &[("docId", &id)]).await;
        (answer.code() == "403").then_some(())
    })
    .await;
    let row = listed(program).await.remove(0);
    assert_eq!((&row["kind"], &row["detector"]), (&"document".into(), &"secrecy.stamp".into()), "{row}");
    assert_eq!(row["id"], sent.doc_id());
    for path in ["", "/package", "/files/1"] {
        let path = format!("/documents/{}{path}", sent.doc_id());
        let answer = api.ask(reqwest::Method::GET, &path).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{path}: its sender reads it no more either");
    }
    // The records officers and heads of both are told.
    for agency in [&first.agency, &second.agency] {
        for role in ["clerk", "leader"] {
            let jmap = Jmap::sign_in(program, program.account(agency, role)).await;
            jmap.wait_for("Tạm giữ văn bản do có dấu hiệu độ mật").await;
        }
    }
    let release = ["secrecy", "release", row["sha256"].as_str().unwrap()];
    let (code, said) = by(program, program.account(&second.agency, "leader"), &release).await;
    assert_eq!(code, 3, "the receiver does not decide: {said}");
    let (code, said) = by(program, program.account(&first.agency, "clerk"), &release).await;
    assert_eq!(code, 1, "{said}");
    assert_eq!(receiver.call("getEdoc", &[("docId", &id)]).await.code(), "403");
    let (code, said) = by(program, program.account(&first.agency, "leader"), &release).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(receiver.call("getEdoc", &[("docId", &id)]).await.file(), package, "whole, as it was");
    assert!(listed(program).await.is_empty());
    // Whoever sees a stamp with his own eyes sets it aside alone.
    let (code, said) =
        by(program, program.account(&second.agency, "clerk"), &["secrecy", "set-aside", sent.doc_id()]).await;
    assert_eq!(code, 1, "two persons have released these very bytes: {said}");
    let other = paper.packed(program, &first.agency, &[&second.agency], "06").await;
    let other = sender.send(&first.agency, &other).await;
    let (code, said) =
        by(program, program.account(&second.agency, "clerk"), &["secrecy", "set-aside", other.doc_id()])
            .await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(listed(program).await[0]["detector"], "secrecy.person");
}

async fn the_mail(program: &Program, bound: &Path) {
    let clerk: Account = program.account(&program.systems().0.agency.clone(), "clerk").clone();
    let jmap = Jmap::sign_in(program, &clerk).await;
    let attach = format!("@{}", bound.display());
    let letter = Swaks::stranger(program, "an@outside.test", &clerk.address).subject("Gui kem tap tai lieu");
    let talk = letter
        .args(["--attach-type", "application/pdf", "--attach-name", "kem-theo.pdf", "--attach", &attach])
        .send();
    assert!(talk.is_taken(), "{}", talk.text);
    let row = until(program, "the mail is set aside", async || {
        listed(program).await.into_iter().find(|row| row["kind"] == "mail")
    })
    .await;
    let subjects = jmap.all_subjects("inbox").await;
    assert!(!subjects.contains(&"Gui kem tap tai lieu".to_owned()), "{subjects:?}");
    jmap.wait_for("Cách ly thư do có dấu hiệu độ mật").await;
    // No administrator lets it go or deletes it.
    for act in ["release", "delete"] {
        let answer = program.command(&["quarantine", act, row["id"].as_str().unwrap()]).await;
        let said = String::from_utf8_lossy(&answer.stdout).into_owned();
        assert!(answer.status.code() == Some(1) && said.contains("congvan secrecy release"), "{said}");
    }
    let release = ["secrecy", "release", row["sha256"].as_str().unwrap()];
    assert_eq!(by(program, program.account(&clerk.agency, "leader"), &release).await.0, 1);
    assert_eq!(by(program, &clerk, &release).await.0, 0);
    jmap.wait_for("Gui kem tap tai lieu").await;
    // It is read for the index once more, and stays.
    let found = until(program, "it is in the index again", async || {
        let query = serde_json::json!({ "filter": { "text": "\"kem-theo.pdf\"" } });
        let found = jmap.call("Email/query", query).await;
        (found["ids"].as_array().is_some_and(|ids| !ids.is_empty())).then_some(())
    });
    found.await;
    assert!(listed(program).await.iter().all(|row| row["kind"] == "document"));
}
