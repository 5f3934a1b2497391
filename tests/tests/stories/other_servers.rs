//! Exim and OpenSMTPD from Debian, handing mail to us and taking mail from us.

use serde_json::Value;
use tests::{Account, Engine, Jmap, Make, OtherServer, Program};

use crate::on_both_engines;

on_both_engines! {
    exim_and_we_exchange_mail => with_exim,
    opensmtpd_and_we_exchange_mail => with_opensmtpd,
}

/// Our own people's mail, by Python's smtplib over port 465.
fn submit(program: &Program, account: &Account, to: &str, message: &str, mail: &[&str], rcpt: &[&str]) {
    use std::io::Write as _;
    let script = "import sys, smtplib, ssl, json\n\
        port, user, password, to, mail, rcpt = json.loads(sys.argv[1])\n\
        s = smtplib.SMTP_SSL('127.0.0.1', port, local_hostname='client.test', timeout=30, context=ssl._create_unverified_context())\n\
        s.ehlo()\ns.login(user, password)\n\
        s.sendmail(user, [to], sys.stdin.buffer.read(), mail, rcpt)\ns.quit()\n";
    let input =
        serde_json::json!([program.ports.submissions, account.address, account.password, to, mail, rcpt]);
    let mut child = std::process::Command::new("python3")
        .args(["-c", script, &input.to_string()])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let bytes = message.replace('\n', "\r\n");
    child.stdin.take().expect("a pipe").write_all(bytes.as_bytes()).expect("a message");
    assert!(child.wait().is_ok_and(|status| status.success()), "{}", program.log());
}

fn letter(from: &str, to: &str, subject: &str) -> String {
    format!(
        "From: <{from}>\nTo: <{to}>\nSubject: {subject}\nDate: Sun, 22 Nov 2026 08:00:00 +0700\n\
         Message-ID: <{subject}@x.test>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
         Content-Transfer-Encoding: 8bit\n\n.Kính gửi quý cơ quan\n..\n"
    )
}

async fn beside(engine: Engine, make: Make) -> (Program, OtherServer, Account, Jmap) {
    let program = Program::demo(engine).await;
    let server = OtherServer::start(make, program.ports.smtp);
    program.must(&["route", "add", make.domain(), &format!("127.0.0.1:{}", server.port)]).await;
    let clerk = program.account(&program.systems().0.agency, "clerk").clone();
    let jmap = Jmap::sign_in(&program, &clerk).await;
    (program, server, clerk, jmap)
}

async fn whole(jmap: &Jmap, message: &Value) -> String {
    String::from_utf8(jmap.download(message["blobId"].as_str().unwrap()).await).unwrap()
}

async fn with_exim(engine: Engine) {
    let (program, exim, clerk, jmap) = beside(engine, Make::Exim).await;
    let us = clerk.address.as_str();
    // To it: STARTTLS, and its report of success comes back (RFC 3461 §5.2.2: who offers DSN reports itself).
    let one = letter(us, "an@exim.test", "toi-exim");
    submit(&program, &clerk, "an@exim.test", &one, &["BODY=8BITMIME"], &["NOTIFY=SUCCESS"]);
    let there = exim.wait_for("toi-exim@x.test");
    assert!(there.contains("with esmtps") && there.contains("\n.Kính gửi quý cơ quan\n..\n"), "{there}");
    let report = jmap.wait_for("Delivery Status Notification").await;
    assert!(whole(&jmap, &report).await.contains("Action: delivered"));
    // An address beyond ASCII (RFC 6531).
    let utf8 = letter(us, "bình@exim.test", "dau-exim");
    submit(&program, &clerk, "bình@exim.test", &utf8, &["SMTPUTF8", "BODY=8BITMIME"], &[]);
    assert!(exim.wait_for("dau-exim@x.test").contains("Envelope-to: bình@exim.test"));
    // It ends a connection after five messages, with 421 in place of MAIL: that costs none of the others an attempt.
    for n in 0..12 {
        let many = letter(us, "an@exim.test", &format!("so-{n:02}"));
        submit(&program, &clerk, "an@exim.test", &many, &["BODY=8BITMIME"], &[]);
    }
    for n in 0..12 {
        exim.wait_for(&format!("so-{n:02}@x.test"));
    }
    // From it: STARTTLS and BDAT (RFC 3030), and our report of success goes back.
    exim.hand_in(
        "an@exim.test",
        us,
        &letter("an@exim.test", us, "tu-exim"),
        &["BODY=8BITMIME"],
        &["NOTIFY=SUCCESS"],
    );
    let here = jmap.wait_for("tu-exim").await;
    assert!(whole(&jmap, &here).await.contains("with ESMTPS"));
    let report = exim.wait_for("report-type=delivery-status");
    assert!(report.contains("Action: delivered") && report.contains("Return-path: <>"), "{report}");
    exim.hand_in(
        "bình@exim.test",
        us,
        &letter("bình@exim.test", us, "dau-ve"),
        &["SMTPUTF8", "BODY=8BITMIME"],
        &[],
    );
    assert_eq!(jmap.wait_for("dau-ve").await["from"][0]["email"], "bình@exim.test");
    exim.wait_for_log(" K C=\"250");
    let attempts = program.trace(&["--from", us, "--since", "1h", "--limit", "1000"]).await;
    let settled = attempts.iter().flat_map(|one| one["events"].as_array().unwrap().clone());
    let settled: Vec<Value> = settled.filter(|event| event["event"] == "settled").collect();
    assert!(settled.len() >= 14 && settled.iter().all(|event| event["attempt"] == 1), "{settled:?}");
    program.doctor().await;
}

async fn with_opensmtpd(engine: Engine) {
    let (program, bsd, clerk, jmap) = beside(engine, Make::OpenSmtpd).await;
    let us = clerk.address.as_str();
    // To it: its TLS breaks in the handshake, so the letter goes in the clear, as nobody demands more (RFC 7435 §1.2).
    let one = letter(us, "an@bsd.test", "toi-bsd");
    submit(&program, &clerk, "an@bsd.test", &one, &["BODY=8BITMIME"], &[]);
    let there = bsd.wait_for("toi-bsd@x.test");
    assert!(there.contains("with ESMTP id") && there.contains("\n.Kính gửi quý cơ quan\n..\n"), "{there}");
    // Where more is demanded it waits.
    program.must(&["tls-policy", "set", "bsd.test", "--encrypt"]).await;
    let two = letter(us, "an@bsd.test", "chi-ma-hoa");
    submit(&program, &clerk, "an@bsd.test", &two, &["BODY=8BITMIME"], &[]);
    let deferred = async |_: &Jmap| {
        let told = program.must(&["queue", "list", "--json"]).await;
        let rows: Vec<Value> = serde_json::from_str(&told).unwrap();
        rows.first().filter(|row| row["attempts"] == 1 && row["lastError"] == "451").map(drop)
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while deferred(&jmap).await.is_none() {
        assert!(std::time::Instant::now() < deadline, "{}", program.log());
        // The queue is asked as an operator asks it.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(!bsd.inbox().iter().any(|letter| letter.contains("chi-ma-hoa")));
    program.must(&["tls-policy", "remove", "bsd.test"]).await;
    program.must(&["queue", "retry", "--all"]).await;
    bsd.wait_for("chi-ma-hoa@x.test");
    // It knows no addresses beyond ASCII: the sender hears so (RFC 6531 §3.5).
    let utf8 = letter(us, "bình@bsd.test", "dau-bsd");
    submit(&program, &clerk, "bình@bsd.test", &utf8, &["SMTPUTF8", "BODY=8BITMIME"], &[]);
    let report = jmap.wait_for("(").await;
    assert!(whole(&jmap, &report).await.contains("5.6.7"), "{report}");
    // From it: STARTTLS as a client works, and our report of success goes back.
    bsd.hand_in(
        "an@bsd.test",
        us,
        &letter("an@bsd.test", us, "tu-bsd"),
        &["BODY=8BITMIME"],
        &["NOTIFY=SUCCESS"],
    );
    let here = jmap.wait_for("tu-bsd").await;
    assert!(whole(&jmap, &here).await.contains("with ESMTPS"));
    program.doctor().await;
}
