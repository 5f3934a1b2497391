//! A document from one agency's system to another's.

use serde_json::Value;
use tests::{Engine, Exchange, Jmap, Paper, Program};

use crate::on_both_engines;

on_both_engines! {
    a_document_travels => a_document_travels,
    what_is_wrong_is_refused => what_is_wrong_is_refused,
}

struct Province {
    program: Program,
    sender: Exchange,
    receiver: Exchange,
    from: String,
    to: String,
}

async fn province(engine: Engine) -> Province {
    let program = Program::demo(engine).await;
    let (first, second) = program.systems();
    let (sender, receiver) = (Exchange::new(&program, first), Exchange::new(&program, second));
    let (from, to) = (first.agency.clone(), second.agency.clone());
    Province { program, sender, receiver, from, to }
}

async fn a_document_travels(engine: Engine) {
    let Province { mut program, sender, receiver, from, to } = province(engine).await;
    let agencies = sender.call("getAgenciesList", &[]).await;
    assert!(agencies.is_ok(), "{agencies:?}");
    let codes: Vec<String> = agencies.list().iter().map(|a| a["code"].as_str().unwrap().to_owned()).collect();
    assert!(codes.contains(&from) && codes.contains(&to), "{codes:?}");

    // Signed twice by an outside signer, and once more by our own.
    let by_pyhanko = Paper::new(&program, "van-ban-1")
        .await
        .signed_by_pyhanko(&program, "leader1")
        .signed_by_pyhanko(&program, "seal1");
    let by_us = Paper::new(&program, "van-ban-2")
        .await
        .signed_by(&program, "leader1")
        .await
        .signed_by(&program, "seal1")
        .await;
    for (paper, number) in [(by_pyhanko, "05"), (by_us, "06")] {
        let verdict = program
            .must(&[
                "verify",
                paper.path.to_str().unwrap(),
                "--json",
                "--trust",
                program.data.join("pki/root.pem").to_str().unwrap(),
            ])
            .await;
        let verdict: Value = serde_json::from_str(&verdict).unwrap();
        assert_eq!(verdict["verdict"], "valid", "{verdict}");
        assert_eq!(verdict["signatures"].as_array().unwrap().len(), 2);
        let package = paper.packed(&program, &from, &[&to], number).await;
        travels(&program, &sender, &receiver, (&from, &to), &package, number).await;
    }
    // Each journey is seven acts: document and two statuses accepted, each of them delivered, and the document registered (03).
    // Repeats are none.
    program.stop().await;
    let log = program.must(&["ledger", "check"]).await;
    assert!(log.contains("14 leaves"), "{log}");
    let audit = program.must(&["ledger", "audit"]).await;
    assert!(
        audit.contains("6 packages, 6 finished deliveries compared") && audit.contains("All agree"),
        "{audit}"
    );
}

async fn travels(
    program: &Program,
    sender: &Exchange,
    receiver: &Exchange,
    (from, to): (&str, &str),
    package: &[u8],
    number: &str,
) {
    let sent = sender.send(from, package).await;
    assert!(sent.is_ok(), "{sent:?}\n{}", program.log());
    assert!(!sent.doc_id().is_empty());
    // A second sending is the same act (VXP 3.8 step 6).
    let again = sender.send(from, package).await;
    assert!(again.is_ok());
    assert_eq!(again.doc_id(), sent.doc_id());

    let waiting = receiver.received("edoc").await;
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    let doc_id = waiting[0]["docId"].as_str().unwrap();
    assert_eq!(waiting[0]["from"], from);
    let got = receiver.call("getEdoc", &[("docId", doc_id)]).await;
    assert!(got.is_ok(), "{got:?}");
    assert_eq!(got.file(), package, "not one byte is changed");
    // Somebody else's delivery does not exist.
    let foreign = sender.call("getEdoc", &[("docId", doc_id)]).await;
    assert_eq!(foreign.code(), "404");
    let done = receiver.call("updateStatus", &[("docid", doc_id), ("status", "done")]).await;
    assert!(done.is_ok(), "{done:?}");
    assert!(receiver.received("edoc").await.is_empty());

    for code in ["01", "03"] {
        let status = status_package(program, to, from, number, code).await;
        let reported = receiver.send(to, &status).await;
        assert!(reported.is_ok(), "{reported:?}");
    }
    let reports = sender.received("status").await;
    assert_eq!(reports.len(), 2, "{reports:?}");
    for (report, code) in reports.iter().zip(["01", "03"]) {
        let id = report["docId"].as_str().unwrap();
        let file = String::from_utf8(sender.call("getEdoc", &[("docId", id)]).await.file()).unwrap();
        assert!(file.contains(&format!("<edXML:StatusCode>{code}</edXML:StatusCode>")), "{file}");
        assert!(sender.call("updateStatus", &[("docid", id), ("status", "done")]).await.is_ok());
    }
    let rows = sender.call("getSentEdocList", &[("docId", sent.doc_id())]).await.list();
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0]["toCode"], &rows[0]["receiveStatus"]), (&Value::from(to), &Value::from("done")));

    // A clerk of the receiving agency finds the notice in her mailbox.
    let clerk = program.account(to, "clerk").clone();
    let notice = Jmap::sign_in(program, &clerk).await.wait_for(&format!("{number}/SNV-VP")).await;
    assert!(notice["preview"].as_str().is_some_and(|text| !text.is_empty()));
}

async fn status_package(program: &Program, from: &str, to: &str, number: &str, code: &str) -> Vec<u8> {
    let path = program.data.join(format!("status-{number}-{code}.edxml"));
    let path = path.to_str().unwrap();
    let code_text = format!("{number}/SNV-VP");
    program
        .must(&["package", "--status", code, "--from", from, "--to", to, "--code", &code_text, "--out", path])
        .await;
    std::fs::read(path).unwrap()
}

async fn what_is_wrong_is_refused(engine: Engine) {
    let Province { program, sender, receiver, from, to } = province(engine).await;
    let leader_only = Paper::new(&program, "thieu-dau").await.signed_by(&program, "leader1").await;
    let complete = leader_only.signed_by(&program, "seal1").await;
    let unsigned = Paper::new(&program, "chua-ky").await;
    let foreign = Paper::new(&program, "goc-la").await.signed_by(&program, "foreign").await;
    let other_seal = leader_only.signed_by(&program, "seal2").await;
    let secret = Paper::new(&program, "mat")
        .await
        .signed_by(&program, "leader1")
        .await
        .signed_by(&program, "seal1")
        .await;
    let to: &str = &to;
    let rows = [
        ("a flipped byte", complete.flipped().packed(&program, &from, &[to], "10").await, "422"),
        ("no seal", leader_only.packed(&program, &from, &[to], "11").await, "422"),
        ("no signature", unsigned.packed(&program, &from, &[to], "12").await, "422"),
        ("a foreign root", foreign.packed(&program, &from, &[to], "13").await, "422"),
        ("another agency's seal", other_seal.packed(&program, &from, &[to], "14").await, "422"),
        ("an unknown receiver", complete.packed(&program, &from, &[to, "H99.77"], "15").await, "404"),
        ("not the system's agency", complete.packed(&program, to, &[&from], "16").await, "403"),
        ("no package at all", b"<html/>".to_vec(), "422"),
        ("a state secret", secretly(secret.packed(&program, &from, &[to], "17").await), "422"),
    ];
    let mut told = std::collections::BTreeSet::new();
    for (what, package, code) in rows {
        let refused = sender.send(&from, &package).await;
        assert_eq!(refused.code(), code, "{what}: {refused:?}\n{}", program.log());
        assert_eq!(refused.0["DocId"], "", "{what}: a refusal has an empty DocId (VXP 0 rule 1)");
        // In both languages.
        assert!(refused.description().contains(" / "), "{what}: {}", refused.description());
        assert!(
            told.insert(refused.description().to_owned()),
            "{what} says the same as another: {}",
            refused.description()
        );
    }
    let wrong_secret = Exchange::new(&program, program.systems().0).with_secret("khong-dung");
    let package = complete.packed(&program, &from, &[to], "18").await;
    let refused = wrong_secret.send(&from, &package).await;
    assert_eq!(refused.code(), "401", "{refused:?}");
    // Nothing of all this left a trace at the receiver.
    assert!(receiver.received("edoc").await.is_empty());
    let count = receiver.call("countReceiveEdoc", &[]).await;
    assert_eq!(count.0["count"], 0);
    // And the same document, put right, is welcome.
    assert!(sender.send(&from, &package).await.is_ok());
    assert_eq!(receiver.received("edoc").await.len(), 1);
    program.doctor().await;
}

/// The same package with a mark of secrecy at the head of its subject (RULES R9(d)).
fn secretly(package: Vec<u8>) -> Vec<u8> {
    let text = String::from_utf8(package).unwrap();
    let marked = text.replacen("<edXML:Subject>", "<edXML:Subject>[MẬT] ", 1);
    assert_ne!(marked, text);
    marked.into_bytes()
}
