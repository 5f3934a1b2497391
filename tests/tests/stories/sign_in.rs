//! Signing in to hand mail in, with mail programs that are not ours; and how much may be sent.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use tests::{Account, Engine, Jmap, Program};

use crate::on_both_engines;

on_both_engines! {
    msmtp_signs_in_by_every_mechanism_it_has => msmtp_signs_in,
    a_sending_limit_is_told_and_lifted => a_limit_is_told,
}

fn clerks(program: &Program) -> (Account, Account) {
    let (ours, theirs) = program.systems();
    (program.account(&ours.agency, "clerk").clone(), program.account(&theirs.agency, "clerk").clone())
}

/// Hands a letter in with msmtp over TLS from the first byte.
fn msmtp(program: &Program, from: &Account, to: &Account, mechanism: &str, subject: &str) -> Output {
    let mut child = Command::new("msmtp")
        .args(["--host=127.0.0.1", &format!("--port={}", program.ports.submissions)])
        .args(["--tls=on", "--tls-starttls=off", "--tls-certcheck=off"])
        .args([&format!("--auth={mechanism}"), &format!("--user={}", from.address)])
        .args([&format!("--passwordeval=echo '{}'", from.password), &format!("--from={}", from.address)])
        .arg(&to.address)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("msmtp is installed (make test does)");
    let letter = format!("From: {}\nTo: {}\nSubject: {subject}\n\nxin chao\n", from.address, to.address);
    child.stdin.take().expect("a pipe").write_all(letter.as_bytes()).expect("msmtp reads");
    child.wait_with_output().expect("msmtp ends")
}

/// RFC 7677, RFC 4616 and LOGIN.
async fn msmtp_signs_in(engine: Engine) {
    let program = Program::demo(engine).await;
    let (an, binh) = clerks(&program);
    let jmap = Jmap::sign_in(&program, &binh).await;
    for mechanism in ["scram-sha-256", "plain", "login"] {
        let subject = format!("Bang {mechanism}");
        let sent = msmtp(&program, &an, &binh, mechanism, &subject);
        assert!(sent.status.success(), "{mechanism}: {}", String::from_utf8_lossy(&sent.stderr));
        jmap.wait_for(&subject).await;
    }
    let guess = Account { password: "Sai-mat-khau-1".to_owned(), ..an };
    for mechanism in ["scram-sha-256", "plain", "login"] {
        let sent = msmtp(&program, &guess, &binh, mechanism, "khong gui duoc");
        let told = String::from_utf8_lossy(&sent.stderr);
        assert!(!sent.status.success() && told.contains("535"), "{mechanism}: {told}");
    }
}

async fn a_limit_is_told(engine: Engine) {
    let program = Program::demo(engine).await;
    let (an, binh) = clerks(&program);
    let jmap = Jmap::sign_in(&program, &binh).await;
    let limit = |verb: &'static str| {
        let address = an.address.clone();
        move |more: &[&str]| {
            let mut words =
                vec!["sending-limit".to_owned(), verb.to_owned(), "--account".to_owned(), address.clone()];
            words.extend(more.iter().map(|word| (*word).to_owned()));
            words
        }
    };
    let run = async |words: Vec<String>| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        program.must(&words).await
    };
    run(limit("set")(&["--messages-per-hour", "2", "--recipients-per-day", "0", "--decision", "1/QĐ"])).await;
    for n in 1..=2 {
        let sent = msmtp(&program, &an, &binh, "plain", &format!("Thu {n}"));
        assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
        jmap.wait_for(&format!("Thu {n}")).await;
    }
    let third = msmtp(&program, &an, &binh, "plain", "Thu 3");
    let told = String::from_utf8_lossy(&third.stderr);
    assert!(!third.status.success() && told.contains("451") && told.contains("gioi han"), "{told}");
    let shown = run(limit("show")(&["--json"])).await;
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(
        (&shown["recipients_in_day"], &shown["own_limit"]["decision"]),
        (&2.into(), &"1/QĐ".into()),
        "{shown}"
    );
    run(limit("remove")(&[])).await;
    let sent = msmtp(&program, &an, &binh, "plain", "Thu 4");
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    jmap.wait_for("Thu 4").await;
}
