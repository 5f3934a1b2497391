//! Proof: what happened can be shown to a third party, offline.

use serde_json::Value;
use tests::{Engine, Exchange, Paper, Program, run};

use crate::on_both_engines;

on_both_engines! {
    a_receipt_proves_itself => a_receipt_proves_itself,
}

async fn a_receipt_proves_itself(engine: Engine) {
    let mut program = Program::demo(engine).await;
    let (first, second) = program.systems();
    let (from, to) = (first.agency.clone(), second.agency.clone());
    let sender = Exchange::new(&program, first);
    let paper = Paper::new(&program, "bang-chung")
        .await
        .signed_by(&program, "leader1")
        .await
        .signed_by(&program, "seal1")
        .await;
    let sent = sender.send(&from, &paper.packed(&program, &from, &[&to], "21").await).await;
    assert!(sent.is_ok(), "{sent:?}");

    let receipt = program.data.join("receipt.json");
    let receipt = receipt.to_str().unwrap();
    // A stop finishes what was promised: the proof is there when the program is not.
    program.stop().await;
    program.must(&["receipt", "get", sent.doc_id(), "--out", receipt]).await;
    let shown = program.must(&["receipt", "show", receipt]).await;
    assert!(shown.contains(&from) && shown.contains(&to), "{shown}");

    // Nothing but the file and the published key: no configuration, no data, no network.
    let key = program.demo.log_key.clone();
    let verify = |file: &str, key: &str| {
        let (file, key) = (file.to_owned(), key.to_owned());
        async move {
            let output =
                run(&["--config", "/nonexistent", "receipt", "verify", &file, "--log-key", &key, "--json"])
                    .await;
            (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
        }
    };
    let (code, told) = verify(receipt, &key).await;
    assert_eq!(code, Some(0), "{told}");

    let whole: Value = serde_json::from_slice(&std::fs::read(receipt).unwrap()).unwrap();
    let bent = program.data.join("bent.json");
    let bent_path = bent.to_str().unwrap();
    let mut tried = 0;
    // The timestamp's own certificates may change without its words changing; it is tried elsewhere.
    for pointer in leaves(&whole, String::new()).into_iter().filter(|pointer| pointer != "/timestamp") {
        let mut other = whole.clone();
        let value = other.pointer_mut(&pointer).unwrap();
        *value = match value.clone() {
            Value::String(text) => Value::String(bend(&text)),
            Value::Number(number) => Value::from(number.as_i64().unwrap() + 1),
            Value::Bool(flag) => Value::Bool(!flag),
            other => other,
        };
        std::fs::write(&bent, serde_json::to_vec(&other).unwrap()).unwrap();
        let (code, told) = verify(bent_path, &key).await;
        assert_ne!(code, Some(0), "{pointer} was changed and nobody noticed: {told}");
        tried += 1;
    }
    assert!(tried >= 8, "a receipt has more than {tried} facts");
    let stranger = key.replace('A', "B");
    assert_ne!(verify(receipt, &stranger).await.0, Some(0));
}

/// Where the texts, numbers and flags of a JSON value are.
fn leaves(value: &Value, path: String) -> Vec<String> {
    match value {
        Value::Object(members) => {
            members.iter().flat_map(|(key, inner)| leaves(inner, format!("{path}/{key}"))).collect()
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(index, inner)| leaves(inner, format!("{path}/{index}")))
            .collect(),
        Value::Null => Vec::new(),
        _ => vec![path],
    }
}

/// The text with its middle letter changed into another of the same kind.
fn bend(text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let middle = letters.len() / 2;
    match letters.get_mut(middle) {
        Some(letter) => *letter = if *letter == 'a' { 'b' } else { 'a' },
        None => letters.push('a'),
    }
    letters.into_iter().collect()
}
