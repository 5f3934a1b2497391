//! What was refused can be asked for, by whose it was and by nobody else; and a command whose reader has read enough ends quietly.

use std::process::{Command, Stdio};

use reqwest::Method;
use serde_json::Value;
use tests::{ALL_SCOPES, ApiClient, Engine, Exchange, Paper, Program, said};

use crate::on_both_engines;

on_both_engines! {
    refusals => r12_what_was_refused_is_listed_for_whose_it_was,
}

async fn r12_what_was_refused_is_listed_for_whose_it_was(engine: Engine) {
    let program = Program::demo(engine).await;
    let (first, second) = program.systems();
    let sender = Exchange::new(&program, first);
    let paper = Paper::new(&program, "bi-tu-choi").await;
    let package = paper.packed(&program, &first.agency, &[&second.agency], "05").await;
    let text = String::from_utf8(package).unwrap();
    let secret = text.replacen("<edXML:Subject>", "<edXML:Subject>[MẬT] ", 1);
    let nobody = text.replace(&second.agency, "H99.77");
    for (refused, code) in [("1212<edXML/>", "422"), (secret.as_str(), "422"), (nobody.as_str(), "404")] {
        let answer = sender.send(&first.agency, refused.as_bytes()).await;
        assert_eq!(answer.code(), code, "{answer:?}");
    }

    // The administrator, newest first.
    let listed = async |agency: &str| -> Vec<Value> {
        let printed = program.must(&["quarantine", "packages", "--agency", agency, "--json"]).await;
        serde_json::from_str(&printed).unwrap()
    };
    let rows = listed(&first.agency).await;
    let codes: Vec<&str> = rows.iter().filter_map(|row| row["code"].as_str()).collect();
    assert_eq!(codes, ["vxp.unknown-agencies", "secrecy.refused", "edxml.leading"]);
    assert_eq!(
        (&rows[1]["detector"], &rows[1]["from"]),
        (&Value::from("secrecy.subject"), &Value::from(first.agency.as_str()))
    );
    for row in &rows {
        assert!(!row["vi"].as_str().unwrap().is_empty() && !row["en"].as_str().unwrap().is_empty(), "{row}");
        assert_eq!(row["kept"], false);
        assert!(!row.to_string().contains("thử nghiệm"), "nothing of the content: {row}");
    }
    let shown = program.must(&["quarantine", "packages", "--agency", &first.agency]).await;
    assert!(
        shown.lines().count() == 3 && shown.contains("secrecy.refused") && shown.contains(" / "),
        "{shown}"
    );
    assert!(listed(&second.agency).await.is_empty(), "the other agency was refused nothing");
    for wrong in [&["--agency", "H99.77"][..], &["--peer", "nobody"], &[]] {
        let refused = program.command(&[&["quarantine", "packages"], wrong].concat()).await;
        assert_eq!(refused.status.code(), Some(3), "{wrong:?}");
    }

    // The agency's own system, page by page; another agency's sees nothing of it.
    let api = ApiClient::new(&program, first, "documents:read").await;
    let page = api.get("/refusals?limit=2").await;
    assert_eq!(page["refusals"].as_array().unwrap().len(), 2, "{page}");
    assert_eq!(page["refusals"][0]["code"], "vxp.unknown-agencies");
    let rest = api.get(&format!("/refusals?before={}", page["next"].as_str().unwrap())).await;
    assert_eq!(rest["refusals"][0]["code"], "edxml.leading");
    assert!(rest["refusals"].as_array().unwrap().len() == 1 && rest.get("next").is_none(), "{rest}");
    let other = ApiClient::new(&program, second, ALL_SCOPES).await;
    assert_eq!(other.get("/refusals").await["refusals"], Value::Array(Vec::new()));
    for (path, status) in [("/refusals?limit=0", 400), ("/refusals?before=x", 400), ("/refusals?all=1", 400)]
    {
        said(api.ask(Method::GET, path).send().await.unwrap(), status).await;
    }
}

#[test]
fn a_command_whose_reader_went_away_ends_quietly() {
    let mut child = Command::new(tests::binary())
        .arg("openapi")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr)), (Some(141), "".into()));
}
