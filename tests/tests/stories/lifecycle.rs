//! What becomes of a document after it has arrived: recalled, cancelled, brought back by two persons; and a package that was
//! wrongly refused, released by two persons (RULES R13, R37–R43).

use std::process::Stdio;

use serde_json::Value;
use tests::{Account, Engine, Exchange, Paper, Program};
use tokio::io::AsyncWriteExt;

use crate::on_both_engines;

on_both_engines! {
    a_recall_is_answered_and_reversed => a_recall_is_answered_and_reversed,
    a_false_alarm_is_released => a_false_alarm_is_released,
}

/// Runs a command with a person's password on its standard input; answers its exit code and what it said.
pub(crate) async fn by(program: &Program, person: &Account, arguments: &[&str]) -> (i32, String) {
    let config = program.config();
    let mut command = tokio::process::Command::new(tests::binary());
    command.args(["--config", config.to_str().unwrap()]).args(arguments);
    command.args(["--by", &person.address, "--reason", "Nhầm lẫn"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("a command");
    let mut input = child.stdin.take().expect("an input");
    input.write_all(person.password.as_bytes()).await.unwrap();
    drop(input);
    let output = child.wait_with_output().await.expect("an end");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), said)
}

async fn packed(program: &Program, arguments: &[&str]) -> Vec<u8> {
    let out = program.data.join("goi.edxml");
    let mut all = vec!["package", "--out", out.to_str().unwrap()];
    all.extend(arguments);
    program.must(&all).await;
    std::fs::read(&out).expect("a package")
}

async fn complete(program: &Program, name: &str) -> Paper {
    Paper::new(program, name).await.signed_by(program, "leader1").await.signed_by(program, "seal1").await
}

async fn a_recall_is_answered_and_reversed(engine: Engine) {
    let program = Program::demo(engine).await;
    let (first, second) = program.systems();
    let (sender, receiver) = (Exchange::new(&program, first), Exchange::new(&program, second));
    let (from, to) = (first.agency.clone(), second.agency.clone());
    let package = complete(&program, "van-ban").await.packed(&program, &from, &[&to], "30").await;
    assert!(sender.send(&from, &package).await.is_ok());
    let original = receiver.received("edoc").await[0]["docId"].as_str().unwrap().to_owned();

    let text = String::from_utf8_lossy(&package);
    let identifier = text.split("<edXML:DocumentId>").nth(1).unwrap().split('<').next().unwrap();
    let order = packed(
        &program,
        &[
            "--from",
            &from,
            "--to",
            &to,
            "--number",
            "31",
            "--notation",
            "SNV-VP",
            "--subject",
            "V/v thu hồi",
            "--recalls",
            identifier,
            "--reason",
            "Ban hành nhầm",
        ],
    )
    .await;
    let order = sender.send(&from, &order).await;
    assert!(order.is_ok(), "{order:?}");
    let waiting = receiver.received("edoc").await;
    assert_eq!(waiting.len(), 2, "the recall behind the original, which stays: {waiting:?}");
    assert_eq!(waiting[0]["docId"], original);
    assert_eq!(receiver.call("getEdoc", &[("docId", &original)]).await.file(), package);

    let agreed =
        packed(&program, &["--status", "15", "--from", &to, "--to", &from, "--code", "30/SNV-VP"]).await;
    assert!(receiver.send(&to, &agreed).await.is_ok());
    let gone = receiver.call("getEdoc", &[("docId", &original)]).await;
    assert_eq!(gone.code(), "410", "{gone:?}");
    let stone = &gone.0["tombstone"][0];
    assert_eq!(
        (&stone["orderId"], &stone["reason"]),
        (&Value::from(order.doc_id()), &Value::from("Ban hành nhầm"))
    );
    assert!(gone.0.get("data").is_none());
    assert_eq!(receiver.received("edoc").await.len(), 1, "only the recall waits");

    let (clerk, leader) = (program.account(&from, "clerk"), program.account(&from, "leader"));
    let reinstate = ["document", "reinstate", order.doc_id()];
    let wrong = Account { password: "sai".to_owned(), ..leader.clone() };
    let (code, said) = by(&program, &wrong, &reinstate).await;
    assert!(code == 3 && said.contains("sign_in_wrong"), "{code} {said}");
    let (code, said) = by(&program, program.account(&to, "leader"), &reinstate).await;
    assert_eq!(code, 3, "the receiver's leader has given no such order: {said}");
    for (person, expected) in [(clerk, 1), (clerk, 1), (leader, 0)] {
        let (code, said) = by(&program, person, &reinstate).await;
        assert_eq!(code, expected, "{said}\n{}", program.log());
    }
    assert_eq!(receiver.call("getEdoc", &[("docId", &original)]).await.file(), package, "as it was");
    program.doctor().await;
}

async fn a_false_alarm_is_released(engine: Engine) {
    let program = Program::demo(engine).await;
    let (first, second) = program.systems();
    let (sender, receiver) = (Exchange::new(&program, first), Exchange::new(&program, second));
    let (from, to) = (first.agency.clone(), second.agency.clone());
    let package = complete(&program, "van-ban").await.packed(&program, &from, &[&to], "40").await;
    let text = String::from_utf8(package).unwrap();
    let package = text.replacen("<edXML:Subject>", "<edXML:Subject>[MẬT] ", 1).into_bytes();
    let digest = ring::digest::digest(&ring::digest::SHA256, &package);
    let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let release = ["secrecy", "release", digest.as_str()];
    let (clerk, leader) = (program.account(&from, "clerk"), program.account(&from, "leader"));
    assert_eq!(by(&program, clerk, &release).await.0, 3, "nothing was refused yet");
    assert_eq!(sender.send(&from, &package).await.code(), "422");
    assert_eq!(by(&program, leader, &release).await.0, 1);
    assert_eq!(sender.send(&from, &package).await.code(), "422", "one person is not enough");
    assert_eq!(by(&program, program.account(&to, "clerk"), &release).await.0, 3, "nobody of another agency");
    let (code, said) = by(&program, clerk, &release).await;
    assert_eq!(code, 0, "{said}");
    let sent = sender.send(&from, &package).await;
    assert!(sent.is_ok(), "{sent:?}");
    assert_eq!(receiver.received("edoc").await.len(), 1);
    program.doctor().await;
}
