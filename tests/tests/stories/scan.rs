//! Malware, spam, attachments and the quarantine, with the scanners from Debian (RULES M33).

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tests::{Account, Clamd, Engine, Jmap, Program, Rspamd, Swaks};

use crate::on_both_engines;

on_both_engines! {
    m33_malware_is_refused_and_a_dead_scanner_loses_nothing => malware,
    m33_archives_wait_for_the_records_office => quarantine,
    m33_spam_is_refused_by_rspamd => spam,
    m33_whom_it_came_to_lets_it_go => let_go,
    m33_people_are_told_what_waits_for_them => told,
}

/// The harmless file that every scanner takes for malware, made of two halves so that this file is none.
fn eicar() -> String {
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat()
}

fn clerk(program: &Program) -> Account {
    program.account(&program.systems().0.agency.clone(), "clerk").clone()
}

fn zipped(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file(name, zip::write::SimpleFileOptions::default()).expect("a file in a zip");
    writer.write_all(bytes).expect("bytes in a zip");
    writer.finish().expect("a zip").into_inner()
}

/// Sends with swaks; answers whether it was taken, and the conversation.
fn swaks(program: &Program, to: &str, subject: &str, more: &[&str]) -> (bool, String) {
    let letter = Swaks::stranger(program, "an@outside.test", to).subject(subject);
    let talk = letter.args(more.iter().copied()).send();
    (talk.is_taken(), talk.text)
}

fn attached(program: &Program, to: &str, subject: &str, name: &str, bytes: &[u8]) -> (bool, String) {
    let file = program.data.join("attached");
    std::fs::write(&file, bytes).expect("a file");
    let file = format!("@{}", file.display());
    swaks(
        program,
        to,
        subject,
        &["--attach-type", "application/octet-stream", "--attach-name", name, "--attach", &file],
    )
}

async fn malware(engine: Engine) {
    let mut clamd = Clamd::start();
    let place = format!("clamd = \"unix:{}\"", clamd.socket().display());
    let program = Program::demo_of(engine, "H99", &[("clamd = \"\"", &place)]).await;
    let clerk = clerk(&program);
    let inner = zipped("eicar.txt", eicar().as_bytes());
    let rows: [(&str, Vec<u8>); 3] =
        [("a.txt", eicar().into_bytes()), ("a.zip", inner.clone()), ("b.zip", zipped("in.zip", &inner))];
    for (name, bytes) in &rows {
        let (is_taken, talk) = attached(&program, &clerk.address, "Ma doc", name, bytes);
        assert!(!is_taken && talk.contains("554 5.7.1"), "{name}: {talk}\n{}", program.log());
    }
    let (is_taken, talk) = swaks(&program, &clerk.address, "Ma doc", &["--body", &eicar()]);
    assert!(!is_taken && talk.contains("554 5.7.1"), "{talk}");
    handed_in_over_jmap(&program, &clerk).await;

    let jmap = Jmap::sign_in(&program, &clerk).await;
    clamd.kill();
    let (is_taken, talk) = swaks(&program, &clerk.address, "Thu sach", &["--body", "xin chao"]);
    assert!(!is_taken && talk.contains("451 4.7.1"), "{talk}");
    clamd.restart();
    // The house lets a scanner that failed rest for two seconds; a sender comes back until it is heard.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !swaks(&program, &clerk.address, "Thu sach", &["--body", "xin chao"]).0 {
        assert!(std::time::Instant::now() < deadline, "{}", program.log());
    }
    jmap.wait_for("Thu sach").await;
    assert_eq!(jmap.all_subjects("inbox").await, ["Thu sach"]);
}

/// Malware that one of our own people sends is refused with a reason in Vietnamese.
async fn handed_in_over_jmap(program: &Program, clerk: &Account) {
    let jmap = Jmap::sign_in(program, clerk).await;
    let identity = jmap.call("Identity/get", json!({ "ids": null })).await;
    let drafts = jmap.mailbox("drafts").await;
    let blob = jmap.upload("text/plain", eicar().into_bytes()).await;
    let answer = jmap
        .request(json!([
            ["Email/set", { "accountId": jmap.account_id(), "create": { "draft": {
                "mailboxIds": { drafts.as_str(): true }, "from": [{ "email": clerk.address }],
                "to": [{ "email": clerk.address }], "subject": "Ma doc",
                "bodyValues": { "1": { "value": "x" } }, "textBody": [{ "partId": "1", "type": "text/plain" }],
                "attachments": [{ "blobId": blob, "type": "text/plain", "name": "a.txt" }],
            } } }, "0"],
            ["EmailSubmission/set", { "accountId": jmap.account_id(), "create": { "send": {
                "emailId": "#draft", "identityId": identity["list"][0]["id"],
            } } }, "1"],
        ]))
        .await;
    let error = &answer[1][1]["notCreated"]["send"];
    assert_eq!(
        (&error["type"], &error["reason"]),
        (&json!("forbiddenToSend"), &json!("malware")),
        "{answer}"
    );
    assert!(error["description"].as_str().is_some_and(|said| said.contains("mã độc")), "{error}");
}

async fn list(program: &Program) -> Vec<Value> {
    let printed = program.must(&["quarantine", "list", "--json"]).await;
    serde_json::from_str(&printed).expect("a list")
}

/// Nobody is told what waits.
const NO_DIGEST: (&str, &str) = ("digest_hours = 24", "digest_hours = 0");

async fn quarantine(engine: Engine) {
    let mut program = Program::demo_of(engine, "H99", &[NO_DIGEST]).await;
    let (first, second) = program.systems();
    let people = [&first.agency, &second.agency].map(|agency| program.account(agency, "clerk").clone());
    let (is_taken, talk) =
        attached(&program, &people[0].address, "Ma thuc thi", "a.zip", &zipped("bao-cao.pdf.exe", b"x"));
    assert!(!is_taken && talk.contains("554 5.7.1"), "{talk}");
    let to = format!("{},{}", people[0].address, people[1].address);
    let (is_taken, talk) = attached(&program, &to, "Thu cach ly", "a.rar", b"Rar!\x1A\x07\x00");
    assert!(is_taken, "{talk}");
    let held = list(&program).await;
    assert_eq!(held.len(), 2, "one for each who is to get it: {held:?}");
    assert!(
        held.iter().all(|mail| mail["reason"] == "opaque_archive" && mail["released_by"] == "administrator")
    );
    let forged =
        ["--body", "x", "--add-header", "X-Spam-Status: No", "--add-header", "X-Congvan-Scan: clean"];
    let (is_taken, talk) = swaks(&program, &people[0].address, "Thu sau", &forged);
    assert!(is_taken, "{talk}");

    let ids: Vec<String> = held.iter().map(|mail| mail["id"].as_str().expect("an id").to_owned()).collect();
    let mine = held.iter().find(|mail| mail["to"][0] == people[0].address.as_str()).expect("the clerk's");
    let mine = mine["id"].as_str().expect("an id").to_owned();
    let other = ids.iter().find(|id| **id != mine).expect("the other's").clone();
    let jmap = Jmap::sign_in(&program, &people[0]).await;
    let later = jmap.wait_for("Thu sau").await;
    let kept = jmap.download(later["blobId"].as_str().expect("a blob")).await;
    let kept = String::from_utf8_lossy(&kept).into_owned();
    assert!(!kept.contains("X-Spam-") && !kept.contains("X-Congvan-Scan"), "forged, and no scanner: {kept}");
    assert_eq!(jmap.all_subjects("inbox").await, ["Thu sau"]);
    // Released while nobody carries, and the power goes: it is in the inbox once, whatever is asked again.
    program.kill().await;
    program.must(&["quarantine", "release", &mine]).await;
    assert_eq!(program.command(&["quarantine", "release", &mine]).await.status.code(), Some(1));
    program.start().await;
    let jmap = Jmap::sign_in(&program, &people[0]).await;
    jmap.wait_for("Thu cach ly").await;
    program.stop().await;
    assert_eq!(program.command(&["quarantine", "release", &mine]).await.status.code(), Some(1));
    program.must(&["quarantine", "report", &other, "right"]).await;
    program.must(&["quarantine", "delete", &other]).await;
    assert!(list(&program).await.is_empty());
    program.start().await;
    let (is_taken, talk) = swaks(&program, &to, "Thu cuoi", &["--body", "x"]);
    assert!(is_taken, "{talk}");
    for (person, expected) in
        people.iter().zip([vec!["Thu cach ly", "Thu cuoi", "Thu sau"], vec!["Thu cuoi"]])
    {
        let jmap = Jmap::sign_in(&program, person).await;
        jmap.wait_for("Thu cuoi").await;
        let mut subjects = jmap.all_subjects("inbox").await;
        subjects.sort();
        assert_eq!(subjects, expected);
    }
}

async fn spam(engine: Engine) {
    let rspamd = Rspamd::start();
    let place = format!("rspamd = \"http://127.0.0.1:{}\"", rspamd.port);
    let program = Program::demo_of(engine, "H99", &[("rspamd = \"\"", &place)]).await;
    let clerk = clerk(&program);
    let gtube = ["XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE", "-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"].concat();
    let (is_taken, talk) = swaks(&program, &clerk.address, "Thu rac", &["--body", &gtube]);
    assert!(!is_taken && talk.contains("554 5.7.1"), "{talk}\n{}", program.log());
    // Wrapped in base64 as well. rspamd 3.4 does not search a text of the pattern's very size, so a line's end follows.
    let wrapped = STANDARD.encode(format!("{gtube}\r\n"));
    let encoded = ["--add-header", "Content-Transfer-Encoding: base64", "--body", &wrapped];
    let (is_taken, talk) = swaks(&program, &clerk.address, "Thu rac", &encoded);
    assert!(!is_taken && talk.contains("554 5.7.1"), "{talk}\n{}", program.log());
    let (is_taken, talk) = swaks(&program, &clerk.address, "Thu sach", &["--body", "xin chao"]);
    assert!(is_taken, "{talk}\n{}", program.log());
    Jmap::sign_in(&program, &clerk).await.wait_for("Thu sach").await;
}

/// Whom a document with macros came to lets it go from their own mail program; an archive that nobody looked into waits for an administrator.
async fn let_go(engine: Engine) {
    let program = Program::demo_of(engine, "H99", &[NO_DIGEST]).await;
    let (first, second) = program.systems();
    let [an, binh] = [&first.agency, &second.agency].map(|agency| program.account(agency, "clerk").clone());
    let macros = zipped("word/vbaProject.bin", b"x");
    assert!(attached(&program, &an.address, "Thu co macro", "a.docm", &macros).0, "{}", program.log());
    assert!(attached(&program, &an.address, "Thu nen", "a.rar", b"Rar!\x1A\x07\x00").0, "{}", program.log());
    let jmap = Jmap::sign_in(&program, &an).await;
    let held = jmap.call("HeldMail/get", json!({ "ids": null })).await;
    let of = |reason: &str| {
        let found = held["list"].as_array().expect("a list").iter().find(|mail| mail["reason"] == reason);
        found.unwrap_or_else(|| panic!("{reason}: {held}")).clone()
    };
    let (open, closed) = (of("macros"), of("opaque_archive"));
    assert_eq!((&open["subject"], &open["mayRelease"]), (&json!("Thu co macro"), &json!(true)), "{held}");
    assert_eq!(closed["mayRelease"], false);
    let id = |mail: &Value| mail["id"].as_str().expect("an id").to_owned();
    let release = |mail: &Value| json!({ "update": { id(mail): { "isReleased": true } } });
    let other = Jmap::sign_in(&program, &binh).await;
    assert_eq!(other.call("HeldMail/get", json!({ "ids": null })).await["list"], json!([]));
    let refused = other.call("HeldMail/set", release(&open)).await;
    assert_eq!(refused["notUpdated"][id(&open)]["type"], "notFound", "{refused}");
    let refused = jmap.call("HeldMail/set", release(&closed)).await;
    assert_eq!(refused["notUpdated"][id(&closed)]["type"], "forbidden", "{refused}");
    let done = jmap.call("HeldMail/set", release(&open)).await;
    assert_eq!(done["updated"], json!({ id(&open): null }), "{done}");
    jmap.wait_for("Thu co macro").await;
    assert_eq!(jmap.all_subjects("inbox").await, ["Thu co macro"]);
    let left = jmap.call("HeldMail/get", json!({ "ids": null, "properties": ["id"] })).await;
    assert_eq!(left["list"], json!([{ "id": id(&closed) }]));
    program.doctor().await;
}

/// A letter says what waits, once; the report counts, and neither shows what is in it.
async fn told(engine: Engine) {
    let mut program = Program::demo(engine).await;
    let an = clerk(&program);
    let macros = zipped("word/vbaProject.bin", b"x");
    assert!(attached(&program, &an.address, "Thu co macro", "a.docm", &macros).0, "{}", program.log());
    assert!(attached(&program, &an.address, "Thu nen", "a.rar", b"Rar!\x1A\x07\x00").0, "{}", program.log());
    let subject = "2 thư bị giữ lại / 2 messages held";
    for round in 0..2 {
        // The house looks when it starts, and then every minute.
        program.stop().await;
        program.start().await;
        let jmap = Jmap::sign_in(&program, &an).await;
        let letter = jmap.wait_for(subject).await;
        let whole = jmap.download(letter["blobId"].as_str().expect("a blob")).await;
        assert!(String::from_utf8_lossy(&whole).contains("Auto-Submitted: auto-generated"), "{whole:?}");
        assert_eq!(jmap.all_subjects("inbox").await, [subject], "round {round}");
    }
    let held = list(&program).await;
    let id = held[0]["id"].as_str().expect("an id");
    let jmap = Jmap::sign_in(&program, &an).await;
    let said = jmap.call("HeldMail/set", json!({ "update": { id: { "judgement": "phishing" } } })).await;
    assert_eq!(said["updated"], json!({ id: null }), "{said}");
    let report = program.must(&["quarantine", "report", "--json"]).await;
    assert!(!report.contains("Thu ") && !report.contains('@'), "{report}");
    let report: Vec<Value> = serde_json::from_str(&report).expect("a list");
    assert_eq!(report.len(), 2, "{report:?}");
    assert!(
        report.iter().all(|line| line["count"] == 1 && line["agency"].is_string() && line["state"] == "held"),
        "{report:?}"
    );
    assert!(report.iter().any(|line| line["judgement"] == "phishing"), "{report:?}");
    program.doctor().await;
}
