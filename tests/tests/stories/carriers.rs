//! Mail on the way out: one connection for many letters, a smart host that wants to know who we are, what an operator sends another way, two
//! nodes on one queue, and reports that are signed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{Account, Engine, Jmap, OtherServer, Paperwork, Postfix, Program};
use tokio::sync::watch;

use crate::mail_auth::dkimpy;
use crate::on_both_engines;

on_both_engines! {
    many_letters_go_over_few_connections => few_connections,
    m35_a_smart_host_wants_a_sign_in => through_a_smart_host,
    what_waits_is_sent_another_way => redirected,
    rfc_3464_reports_that_leave_are_signed => signed_reports,
}

/// Nothing here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Letters that one request hands in.
const AT_ONCE: usize = 20;

fn clerk(program: &Program) -> Account {
    program.account(&program.systems().0.agency, "clerk").clone()
}

/// Hands in letters with these subjects to one address, `leaves` their envelope's parameters.
async fn write(jmap: &Jmap, account: &Account, to: &str, subjects: &[String], leaves: &Value) {
    let identity = jmap.call("Identity/get", json!({ "ids": null })).await;
    let mine = |one: &&Value| one["email"] == account.address.as_str();
    let identity = identity["list"].as_array().unwrap().iter().find(mine).unwrap()["id"].clone();
    let drafts = jmap.mailbox("drafts").await;
    for some in subjects.chunks(AT_ONCE) {
        let letters: serde_json::Map<String, Value> = some
            .iter()
            .enumerate()
            .map(|(n, subject)| {
                let letter = json!({
                    "mailboxIds": { drafts.as_str(): true },
                    "from": [{ "email": account.address }], "to": [{ "email": to }], "subject": subject,
                    "bodyValues": { "1": { "value": "Kính gửi" } },
                    "textBody": [{ "partId": "1", "type": "text/plain" }],
                });
                (format!("d{n}"), letter)
            })
            .collect();
        let sendings: serde_json::Map<String, Value> = (0..some.len())
            .map(|n| {
                let envelope = json!({
                    "mailFrom": { "email": account.address, "parameters": leaves }, "rcptTo": [{ "email": to }],
                });
                let sending = json!({ "emailId": format!("#d{n}"), "identityId": identity, "envelope": envelope });
                (format!("s{n}"), sending)
            })
            .collect();
        let answer = jmap
            .request(json!([
                ["Email/set", { "accountId": jmap.account_id(), "create": letters }, "0"],
                ["EmailSubmission/set", { "accountId": jmap.account_id(), "create": sendings }, "1"],
            ]))
            .await;
        let sent = answer[1][1]["created"].as_object().map_or(0, serde_json::Map::len);
        assert_eq!(sent, some.len(), "{answer}");
    }
}

fn numbered(word: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{word}-{n:04}.")).collect()
}

/// How often each subject is there.
fn times(inbox: &[String], subjects: &[String]) -> Vec<usize> {
    subjects.iter().map(|subject| inbox.iter().filter(|letter| letter.contains(subject)).count()).collect()
}

async fn until(what: &str, look: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !look().await {
        assert!(Instant::now() < deadline, "it did not come to {what}");
        // Another program's folders and our own command line tell nobody when something changes.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Every attempt that the trace knows at letters with such subjects.
async fn attempts(program: &Program, account: &Account) -> Vec<i64> {
    let asked = ["--from", &account.address, "--since", "1h", "--limit", "10000"];
    let traced = program.trace(&asked).await;
    let events = traced.iter().flat_map(|message| message["events"].as_array().cloned().unwrap_or_default());
    events
        .filter(|event| event["event"] == "settled")
        .map(|event| event["attempt"].as_i64().unwrap())
        .collect()
}

async fn few_connections(engine: Engine) {
    const LETTERS: usize = 40;
    let program = Program::demo(engine).await;
    let postfix = Postfix::start("outside.test", program.ports.smtp);
    program.must(&["route", "add", "outside.test", &format!("127.0.0.1:{}", postfix.port)]).await;
    let clerk = clerk(&program);
    let jmap = Jmap::sign_in(&program, &clerk).await;
    let subjects = numbered("nhieu", LETTERS);
    write(&jmap, &clerk, "an@outside.test", &subjects, &Value::Null).await;
    until("all letters there", async || times(&postfix.inbox(), &subjects).iter().all(|n| *n > 0)).await;
    assert_eq!(times(&postfix.inbox(), &subjects), vec![1; LETTERS]);
    let connections = postfix.log().matches(" connect from ").count();
    println!("{LETTERS} letters over {connections} connections");
    assert!((1..=LETTERS / 3).contains(&connections), "{connections}\n{}", postfix.log());
    until("all settled", async || attempts(&program, &clerk).await.len() == LETTERS).await;
    assert_eq!(attempts(&program, &clerk).await, vec![1; LETTERS]);
    program.doctor().await;
}

async fn through_a_smart_host(engine: Engine) {
    let paper = Paperwork::new(&["mx.exim.test"]);
    let host = OtherServer::smart_host(&paper, "congvan@nha.test", "Mat khau dung");
    let mut program = Program::demo(engine).await;
    let (clerk, target) = (clerk(&program), format!("127.0.0.1:{}", host.port));
    let jmap = Jmap::sign_in(&program, &clerk).await;
    let route = |mechanism: &'static str| {
        ["route", "set", "*", &target, "--login", "congvan@nha.test", "--mechanism", mechanism]
            .map(str::to_owned)
    };
    let set = async |program: &Program, mechanism| {
        let words = route(mechanism);
        program.must(&words.each_ref().map(String::as_str)).await
    };
    // Its certificate proves another name than 127.0.0.1: nothing is said to it before the operator has said which one counts.
    program.environment.push(("CONGVAN_ROUTE_SECRET", "Sai".to_owned()));
    set(&program, "plain").await;
    write(&jmap, &clerk, "an@xa.test", &numbered("khach", 1), &Value::Null).await;
    let waits = async |reason: &str| {
        let told = program.must(&["queue", "list", "--json", "--errors"]).await;
        let rows: Vec<Value> = serde_json::from_str(&told).unwrap();
        let held = |row: &&Value| row["lastError"].as_str().is_some_and(|error| error.contains(reason));
        rows.iter().filter(held).count()
    };
    until("a certificate that does not count", async || waits("4.7.5").await == 1).await;
    let root = paper.file("root.pem");
    let policy = ["tls-policy", "set", "127.0.0.1", "--require", "--name", "mx.exim.test", "--anchor"];
    program.must(&[&policy[..], &[root.to_str().unwrap()]].concat()).await;
    // Now it is asked, and refuses: the mail waits, the operator hears of it, and nobody knocks again at once.
    program.must(&["queue", "retry", "--all"]).await;
    until("a refused sign-in", async || waits("535").await == 1).await;
    let listed: Value = serde_json::from_str(&program.must(&["route", "list", "--json"]).await).unwrap();
    assert!(listed[0]["refusedAt"].is_string() && listed[0]["refused"] == "535", "{listed}");
    assert!(program.log().contains("the smart host refuses our sign-in"), "{}", program.log());
    let found = program.command(&["doctor", "--json"]).await;
    assert!(String::from_utf8_lossy(&found.stdout).contains("route-refused"), "{found:?}");
    program.must(&["queue", "retry", "--all"]).await;
    until("left in peace", async || waits("4.7.0").await == 1).await;
    assert_eq!(host.log().matches("authenticator failed").count(), 1, "{}", host.log());
    assert!(jmap.messages("inbox").await.is_empty(), "nothing was given back");
    // The right password, in both ways of saying it.
    program.environment = vec![("CONGVAN_ROUTE_SECRET", "Mat khau dung".to_owned())];
    set(&program, "plain").await;
    program.must(&["queue", "retry", "--all"]).await;
    let letter = host.wait_for("khach-0000");
    assert!(letter.contains("with esmtpsa"), "{letter}");
    set(&program, "login").await;
    write(&jmap, &clerk, "an@xa.test", &numbered("login", 1), &Value::Null).await;
    assert!(host.wait_for("login-0000").contains("with esmtpsa"));
    let listed = program.must(&["route", "list", "--json"]).await;
    assert!(!listed.contains("Mat khau"), "{listed}");
    assert!(!program.log().contains("Mat khau"), "{}", program.log());
    program.must(&["route", "remove", "*"]).await;
    assert_eq!(program.command(&["route", "remove", "*"]).await.status.code(), Some(1));
    program.doctor().await;
}

async fn redirected(engine: Engine) {
    let program = Program::demo(engine).await;
    let postfix = Postfix::start("outside.test", program.ports.smtp);
    let clerk = clerk(&program);
    let jmap = Jmap::sign_in(&program, &clerk).await;
    // Nobody answers there.
    let nobody = format!("127.0.0.1:{}", tests::free_port());
    for domain in ["outside.test", "chet.test"] {
        program.must(&["route", "add", domain, &nobody]).await;
    }
    write(&jmap, &clerk, "an@outside.test", &numbered("quamay", 2), &Value::Null).await;
    write(&jmap, &clerk, "ai@chet.test", &numbered("nguoikhac", 1), &Value::Null).await;
    write(&jmap, &clerk, "ai@chet.test", &numbered("vetrong", 1), &Value::Null).await;
    let later = json!({ "HOLDFOR": "3600" });
    write(&jmap, &clerk, "an@outside.test", &numbered("lat-nua", 1), &later).await;
    let queued = async || -> Vec<Value> {
        serde_json::from_str(&program.must(&["queue", "list", "--json"]).await).unwrap()
    };
    until("four tried and one kept", async || {
        let rows = queued().await;
        rows.len() == 5 && rows.iter().filter(|row| row["attempts"] == 0).count() <= 3
    })
    .await;
    let dry = program.must(&["queue", "redirect", "--all", "--to", "127.0.0.1", "--dry-run"]).await;
    assert!(dry.contains('5') && queued().await.len() == 5, "{dry}");
    // What its sender wants sent later is neither hurried nor sent early by another way.
    program.must(&["queue", "retry", "--all"]).await;
    let via = format!("127.0.0.1:{}", postfix.port);
    program.must(&["queue", "redirect", "--destination", "outside.test", "--to", &via]).await;
    let subjects = numbered("quamay", 2);
    until("both over the other host", async || times(&postfix.inbox(), &subjects) == [1, 1]).await;
    let kept: Vec<Value> =
        queued().await.into_iter().filter(|row| row["destination"] == via.as_str()).collect();
    assert_eq!((kept.len(), &kept[0]["attempts"]), (1, &json!(0)), "{kept:?}");
    // One to somebody elsewhere, one to somebody here, none to nobody.
    let ids: Vec<String> = queued()
        .await
        .iter()
        .filter(|row| row["destination"] == "chet.test")
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect();
    let (_, domain) = clerk.address.split_once('@').unwrap();
    let nowhere = format!("khong-co@{domain}");
    let refused = program.command(&["queue", "redirect", "--id", &ids[0], "--to", &nowhere]).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    program.must(&["route", "add", "outside.test", &via]).await;
    program.must(&["queue", "redirect", "--id", &ids[0], "--to", "binh@outside.test"]).await;
    program.must(&["queue", "redirect", "--id", &ids[1], "--to", &clerk.address]).await;
    assert!(postfix.wait_for("nguoikhac-0000").contains("binh@outside.test"));
    jmap.wait_for("vetrong-0000").await;
    let told = program.trace(&["--from", &clerk.address, "--since", "1h"]).await;
    let noted = told.iter().flat_map(|one| one["events"].as_array().unwrap().clone());
    assert_eq!(noted.filter(|event| event["what"] == "redirected").count(), 5);
    // Told to hurry, it goes.
    program.must(&["queue", "retry", "--all", "--early"]).await;
    postfix.wait_for("lat-nua-0000");
    until("an empty queue", async || queued().await.is_empty()).await;
    program.doctor().await;
}

async fn signed_reports(engine: Engine) {
    let mut program = Program::demo(engine).await;
    let postfix = Postfix::start("outside.test", program.ports.smtp);
    program.must(&["route", "add", "outside.test", &format!("127.0.0.1:{}", postfix.port)]).await;
    let clerk = clerk(&program);
    let (_, domain) = clerk.address.split_once('@').unwrap();
    for algorithm in ["rsa", "ed25519"] {
        program.must(&["dkim", "new", domain, "--algorithm", algorithm, "--selector", algorithm]).await;
        program.must(&["dkim", "activate", domain, algorithm, "--force"]).await;
    }
    // The house has a name below its domain, as houses do.
    program.stop().await;
    let config = std::fs::read_to_string(program.config()).unwrap();
    let named = config.replace("hostname = \"localhost\"", &format!("hostname = \"mx.{domain}\""));
    assert_ne!(config, named);
    std::fs::write(program.config(), named).unwrap();
    program.start().await;
    let letter = format!(
        "From: <an@outside.test>\nTo: <{}>\nSubject: Bao phat\nMessage-ID: <bp@outside.test>\n\nx\n",
        clerk.address
    );
    // RFC 3461 §4.1: its sender wants to hear that it was delivered.
    hand_in_wanting_to_know(program.ports.smtp, &clerk.address, &letter);
    let report = postfix.wait_for("report-type=delivery-status");
    assert!(report.contains(&format!("<postmaster@mx.{domain}>")), "{report}");
    assert!(report.contains("Return-Path: <>") || report.contains("Return-path: <>"), "{report}");
    assert!(report.contains(&format!("d={domain};")), "{report}");
    let listed = program.must(&["dkim", "list", domain, "--json"]).await;
    let records: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(dkimpy(&report, domain, &records), "[True, True]", "{report}");
}

/// From outside, with `NOTIFY=SUCCESS`, by Python's smtplib.
fn hand_in_wanting_to_know(port: u16, to: &str, letter: &str) {
    let script = "import sys, smtplib\n\
        s = smtplib.SMTP('127.0.0.1', int(sys.argv[1]), local_hostname='client.test', timeout=30)\ns.ehlo()\n\
        s.sendmail('an@outside.test', [sys.argv[2]], sys.argv[3].replace('\\n', '\\r\\n'), [], ['NOTIFY=SUCCESS'])\ns.quit()\n";
    let output =
        std::process::Command::new("python3").args(["-c", script, &port.to_string(), to, letter]).output();
    let output = output.expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A server that takes everything and outlives every program; it says how often it has had which subject.
struct Sink {
    port: u16,
    taken: watch::Receiver<BTreeMap<String, u32>>,
}

impl Sink {
    async fn start() -> Self {
        let (port, taken) = crate::crash_mail::sink().await;
        let (tell, told) = watch::channel(BTreeMap::new());
        tokio::spawn(async move {
            loop {
                let now = taken.lock().await.clone();
                if tell.send(now).is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        Self { port, taken: told }
    }

    /// Waits until so many different letters with this word are there; answers how often each.
    async fn until(&mut self, word: &str, count: usize) -> Vec<u32> {
        let there = |taken: &BTreeMap<String, u32>| -> Vec<u32> {
            taken.iter().filter(|(subject, _)| subject.starts_with(word)).map(|(_, times)| *times).collect()
        };
        let waited = tokio::time::timeout(PATIENCE, self.taken.wait_for(|taken| there(taken).len() >= count));
        let taken = waited.await.unwrap_or_else(|_| panic!("{word}: not {count} of them")).unwrap();
        there(&taken)
    }
}

/// Recipients that a node has handed over, by its own count.
async fn handed_over(node: &Program) -> u64 {
    let url = format!("http://127.0.0.1:{}/metrics", node.ports.http);
    let page = node.web_client().get(url).send().await.unwrap().text().await.unwrap();
    let line = page.lines().find(|line| line.starts_with("congvan_mail_out_total{outcome=\"delivered\"}"));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}

/// Two programs share one queue: each letter leaves once, whoever carries it; when one dies in the middle, the other carries on as soon as the
/// leases have run out, and only what the dead one had on the wire may be there twice (RFC 5321 §4.5.3.2.6).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_share_one_queue_and_one_of_them_dies() {
    const LETTERS: usize = 200;
    const TO_ONE: u32 = 5;
    let to_one = format!("to_one_max = {TO_ONE}");
    let changes = [
        ("lease_seconds = 120", "lease_seconds = 5"),
        ("to_one_max = 20", &to_one),
        ("person_messages_per_hour = 200", "person_messages_per_hour = 2000"),
    ];
    let one = Program::demo_of(Engine::Postgres, "H99", &changes).await;
    let mut other = one.another_node().await;
    let mut sink = Sink::start().await;
    one.must(&["route", "add", "sink.test", &format!("127.0.0.1:{}", sink.port)]).await;
    let clerk = clerk(&one);
    let jmap = Jmap::sign_in(&one, &clerk).await;
    // Handed in at both doors, carried by whoever is first.
    write(&jmap, &clerk, "an@sink.test", &numbered("song", LETTERS / 2), &Value::Null).await;
    let at_other = Jmap::sign_in(&other, &clerk).await;
    write(&at_other, &clerk, "an@sink.test", &numbered("doi", LETTERS / 2), &Value::Null).await;
    for word in ["song", "doi"] {
        assert_eq!(sink.until(word, LETTERS / 2).await, vec![1; LETTERS / 2], "{word}");
    }
    let shares = (handed_over(&one).await, handed_over(&other).await);
    println!("one node carried {}, the other {}", shares.0, shares.1);
    // In the middle of the next ones the other dies: what it held is carried by the one that is left.
    let writing = tokio::spawn({
        let clerk = clerk.clone();
        async move { write(&jmap, &clerk, "an@sink.test", &numbered("roi", LETTERS), &Value::Null).await }
    });
    sink.until("roi", LETTERS / 4).await;
    other.kill().await;
    writing.await.unwrap();
    let times = sink.until("roi", LETTERS).await;
    let doubled: u32 = times.iter().map(|times| times - 1).sum();
    println!("{LETTERS} letters, a node killed: {doubled} twice");
    // What it had on the wire: at most one letter on each of its connections.
    assert!(doubled <= TO_ONE, "{doubled} of {LETTERS} twice");
    until("an empty queue", async || one.must(&["queue", "list", "--json"]).await.trim() == "[]").await;
    one.doctor().await;
}
