//! A backup is made while mail and packages come in, cut off, checked by a stranger, damaged, and put back: everything that was
//! promised before it is there again, and nobody takes a broken one for a whole one (RULES R59, A26, T18).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use tests::{Account, Engine, Exchange, Imap, Jmap, Paper, Program, binary, run};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::crash::say;
use crate::on_both_engines;

on_both_engines! {
    a_house_is_restored => everything_promised_is_restored,
    a_backup_is_cut_off => killed_while_it_is_made,
    a_backup_is_made_by_the_clock => made_and_tried_out_by_itself,
}

/// Looks for something that comes by itself; two minutes are more than it takes on a busy machine.
const LOOKS: u32 = 600;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn passphrase(program: &Program, name: &str, words: &str) -> String {
    let file = program.data.join(name);
    std::fs::write(&file, words).unwrap();
    format!("file:{}", text(&file))
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Letters from outside, one after the other; each that got its 250 is noted.
async fn come_in(port: u16, to: String, promised: Arc<Mutex<BTreeSet<String>>>, stop: Arc<AtomicBool>) {
    let count = AtomicU64::new(0);
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read).lines();
    for line in ["", "EHLO load.test\r\n"] {
        assert_eq!(say(&mut write, &mut read, line).await, Some(2));
    }
    while !stop.load(Ordering::Relaxed) {
        let subject = format!("thu-{}", count.fetch_add(1, Ordering::Relaxed));
        // Some are large, and lie in files.
        let body: String = match count.load(Ordering::Relaxed) % 10 {
            0 => (0..90_000u64)
                .map(|n| {
                    format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
                        + if n % 4 == 3 { "\r\n" } else { "" }
                })
                .collect(),
            _ => "x".repeat(900),
        };
        let letter = format!("Subject: {subject}\r\nMessage-ID: <{subject}@x.test>\r\n\r\n{body}\r\n.\r\n");
        let lines =
            ["MAIL FROM:<load@outside.test>\r\n", &format!("RCPT TO:<{to}>\r\n"), "DATA\r\n", &letter];
        for line in lines {
            assert!(matches!(say(&mut write, &mut read, line).await, Some(2 | 3)), "{line:.80}");
        }
        promised.lock().await.insert(subject);
        // A steady load, not a flood: the machine has the backup to make as well.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What IMAP says of the inbox: UIDs with subjects.
async fn uids(program: &Program, account: &Account) -> BTreeSet<String> {
    let mut imap = Imap::login(program.ports.imaps, &account.address, &account.password).await;
    imap.run("SELECT INBOX").await;
    let lines = imap.ask("UID FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])").await;
    let joined = lines.join("\n");
    let mut found = BTreeSet::new();
    for part in joined.split("FETCH (").skip(1) {
        let uid = part.split("UID ").nth(1).and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
        let subject = part.split("Subject: ").nth(1).and_then(|rest| rest.split(['\r', '\n']).next());
        found.insert(format!("{} {}", uid.unwrap_or_default(), subject.unwrap_or_default()));
    }
    found
}

async fn receipt(program: &Program, doc_id: &str, name: &str) -> (PathBuf, Value) {
    let file = program.data.join(name);
    program.must(&["receipt", "get", doc_id, "--out", text(&file)]).await;
    let value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    (file, value)
}

/// Packages from the first agency to the second; their DocIds.
async fn send_packages(program: &Program, name: &str, numbers: std::ops::Range<u32>) -> Vec<String> {
    let (first, second) = program.systems();
    let sender = Exchange::new(program, first);
    let paper = Paper::new(program, name).await;
    let paper = paper.signed_by(program, "leader1").await.signed_by(program, "seal1").await;
    let template = paper.packed(program, &first.agency, &[&second.agency], "99999").await;
    let template = String::from_utf8(template).unwrap();
    let mut ids = Vec::new();
    for number in numbers {
        let package = tests::renumbered(&template, "99999", &(10_000 + number).to_string());
        let sent = sender.send(&first.agency, package.as_bytes()).await;
        assert!(sent.is_ok(), "{sent:?}\n{}", program.log());
        ids.push(sent.doc_id().to_owned());
    }
    ids
}

fn new_database(engine: Engine) -> String {
    engine.database()
}

struct Backup<'p> {
    program: &'p Program,
    dir: PathBuf,
    source: String,
}

impl Backup<'_> {
    async fn create(&self) -> Value {
        let arguments = ["backup", "create", "--to", text(&self.dir), "--passphrase", &self.source, "--json"];
        serde_json::from_str(&self.program.must(&arguments).await).unwrap()
    }

    /// With nothing of the installation in sight. Answers the exit code and what was said.
    async fn verify(&self, more: &[&str]) -> (Option<i32>, String) {
        let arguments = ["--config", "/nonexistent", "backup", "verify", text(&self.dir)];
        let output = run(&[&arguments, more].concat()).await;
        (output.status.code(), said(&output))
    }

    async fn restore(&self, into: &Path, database: &str, more: &[&str]) -> (Option<i32>, String) {
        let to = ["restore", "--from", text(&self.dir), "--data", text(into), "--database", database];
        let output = run(&[&["--config", "/nonexistent"], to.as_slice(), more].concat()).await;
        (output.status.code(), said(&output))
    }
}

async fn everything_promised_is_restored(engine: Engine) {
    let mut program = Program::demo(engine).await;
    let clerk = program.account(&program.systems().1.agency.clone(), "clerk").clone();
    let (promised, stop) = (Arc::<Mutex<BTreeSet<String>>>::default(), Arc::new(AtomicBool::new(false)));
    let load =
        tokio::spawn(come_in(program.ports.smtp, clerk.address.clone(), promised.clone(), stop.clone()));
    let documents = send_packages(&program, "truoc", 0..3).await;
    while promised.lock().await.len() < 30 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let source = passphrase(&program, "pass", "một mật khẩu sao lưu\n");
    let dir = program.data.with_file_name("kho");
    let before = promised.lock().await.clone();
    let backup = Backup { program: &program, dir: dir.clone(), source: source.clone() };
    let first = backup.create().await;
    assert!(first["blobs_read"].as_u64().unwrap() >= 30, "{first}");
    stop.store(true, Ordering::Relaxed);
    load.await.unwrap();
    assert!(promised.lock().await.len() > before.len(), "the load went on beside the backup");
    let middle = backup.create().await;
    let mut last = backup.create().await;
    // What is written after an answer, as evidence is, comes to rest.
    for _ in 0..20 {
        if last["blobs_read"] == 0 {
            break;
        }
        last = backup.create().await;
    }
    assert!(middle["blobs_read"].as_u64() < first["blobs_read"].as_u64(), "{middle}");
    assert_eq!(last["blobs_read"], 0, "{last}");
    assert!(
        last["bytes_written"].as_u64().unwrap() * 4 < first["bytes_written"].as_u64().unwrap(),
        "{first} {last}"
    );

    // What the restored house is held against.
    let seen = uids(&program, &clerk).await;
    assert!(seen.len() >= before.len(), "{seen:?}");
    let mut receipts = Vec::new();
    for id in &documents {
        receipts.push(receipt(&program, id, &format!("{id}.json")).await);
    }
    checked_by_strangers(&backup).await;
    let log_key = program.demo.log_key.clone();
    // An act after the last backup is lost by it, and whoever kept a checkpoint sees that.
    let lost = send_packages(&program, "bo-sung", 3..4).await;
    let after = receipt(&program, &lost[0], "lost.json").await.1;
    let kept = program.data.with_file_name("kept.note");
    std::fs::write(&kept, checkpoint_of(&after)).unwrap();

    refused(&backup, &program, engine).await;
    let (data, database) = (program.data.with_file_name("restored"), new_database(engine));
    let more = ["--log-key", &log_key, "--passphrase", &source, "--checkpoint", text(&kept)];
    let (code, told) = backup.restore(&data, &database, &more).await;
    assert!(code == Some(1) && told.contains("THE LEDGER IS BEHIND"), "{code:?} {told}");
    program.stop().await;
    program.data = data;
    program.start().await;

    assert_eq!(uids(&program, &clerk).await, seen);
    let subjects = Jmap::sign_in(&program, &clerk).await.all_subjects("inbox").await;
    let subjects: BTreeSet<String> = subjects.into_iter().collect();
    assert!(before.is_subset(&subjects), "{:?}", before.difference(&subjects));
    for (id, (file, mut value)) in documents.iter().zip(receipts) {
        let mut again = receipt(&program, id, "again.json").await.1;
        // A timestamp may have come since; all else is the same to the byte.
        for value in [&mut value, &mut again] {
            value.as_object_mut().unwrap().remove("timestamp");
        }
        assert_eq!(again, value, "{}", file.display());
    }
    assert!(program.log().contains("was restored from a backup"));
    // The house goes on.
    let next = send_packages(&program, "sau", 4..5).await;
    receipt(&program, &next[0], "next.json").await;
    program.stop().await;
    program.doctor().await;
    program.must(&["ledger", "audit"]).await;
}

/// Whole, whoever looks; and whose it is, for who knows the ledger's key.
async fn checked_by_strangers(backup: &Backup<'_>) {
    let (program, source) = (backup.program, &backup.source);
    let log_key = program.demo.log_key.clone();
    let checked = backup.verify(&["--log-key", &log_key, "--passphrase", source]).await;
    assert_eq!(checked.0, Some(0), "{}", checked.1);
    let another = log_key.replace(&log_key[log_key.len() - 8..], "AAAAAAA=");
    for (more, code, word) in [
        (vec!["--log-key", log_key.as_str()], 0, "whole"),
        (vec!["--log-key", another.as_str()], 3, "log-key"),
        (
            vec!["--passphrase", &passphrase(program, "wrong", "một mật khẩu khác hẳn")],
            3,
            "[backup-passphrase]",
        ),
        (vec!["--id", "nothing"], 3, "[backup-none]"),
    ] {
        let (was, told) = backup.verify(&more).await;
        assert!(was == Some(code) && told.contains(word), "{more:?}: {was:?} {told}");
    }
}

/// The checkpoint that a receipt ends with.
fn checkpoint_of(receipt: &Value) -> String {
    let proof = receipt["proof"].as_str().unwrap_or_else(|| panic!("{receipt}"));
    // C2SP tlog-proof: the checkpoint follows an empty line.
    proof.split_once("\n\n").unwrap().1.to_owned()
}

/// Damage is named, and nothing is restored from it or over anything.
async fn refused(backup: &Backup<'_>, program: &Program, engine: Engine) {
    let pass = ["--passphrase", backup.source.as_str()];
    let nowhere = program.data.with_file_name("nowhere");
    let (code, told) = backup.restore(&program.data, "sqlite", &pass).await;
    assert!(code == Some(3) && told.contains("[restore-not-empty]"), "{told}");
    if engine == Engine::Postgres {
        let config = std::fs::read_to_string(program.config()).unwrap();
        let ours =
            config.lines().find_map(|line| line.strip_prefix("database = ")).unwrap().trim_matches('"');
        let (code, told) = backup.restore(&nowhere, ours, &pass).await;
        assert!(
            code == Some(3) && told.contains("[restore-database]") && told.contains("not empty"),
            "{told}"
        );
    }
    let wrong = ["--passphrase", &passphrase(program, "wrong", "một mật khẩu khác hẳn")];
    let (code, told) = backup.restore(&nowhere, "sqlite", &wrong).await;
    assert!(code == Some(3) && told.contains("[backup-passphrase]"), "{told}");

    let chunk = largest(&backup.dir.join("chunks"));
    let name = chunk.file_name().unwrap().to_str().unwrap();
    let whole = std::fs::read(&chunk).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    for (bytes, word) in [
        (Some(&changed[..]), "backup-chunk-damaged"),
        (Some(&whole[..whole.len() - 1]), "backup-chunk-damaged"),
        (None, "backup-chunk-missing"),
    ] {
        match bytes {
            Some(bytes) => std::fs::write(&chunk, bytes).unwrap(),
            None => std::fs::remove_file(&chunk).unwrap(),
        }
        let (code, told) = backup.verify(&[]).await;
        assert!(code == Some(1) && told.contains(word) && told.contains(name), "{word}: {told}");
        let (code, told) = backup.restore(&nowhere, "sqlite", &pass).await;
        assert!(code == Some(3) && told.contains("[backup-chunk]") && told.contains(name), "{told}");
        assert!(!nowhere.exists(), "half a house");
        std::fs::write(&chunk, &whole).unwrap();
    }
    let (code, told) = backup.verify(&pass).await;
    assert_eq!(code, Some(0), "{told}");

    // A manifest that says something else is not vouched for.
    let manifest =
        std::fs::read_dir(backup.dir.join("snapshots")).unwrap().map(|entry| entry.unwrap().path());
    let manifest = manifest.filter(|path| path.extension().is_some_and(|kind| kind == "json")).max().unwrap();
    let whole = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, whole.replacen("\"rows\":", "\"rows\":1", 1)).unwrap();
    let (code, told) = backup.verify(&[]).await;
    assert!(
        code == Some(1) && told.contains("backup-manifest") && told.contains("[backup-signature]"),
        "{told}"
    );
    let (code, told) = backup.restore(&nowhere, "sqlite", &pass).await;
    assert!(code == Some(3) && told.contains("[backup-signature]"), "{told}");
    std::fs::write(&manifest, whole).unwrap();
}

fn largest(folder: &Path) -> PathBuf {
    let shelves = std::fs::read_dir(folder).unwrap().map(|shelf| shelf.unwrap().path());
    let chunks =
        shelves.flat_map(|shelf| std::fs::read_dir(shelf).unwrap().map(|chunk| chunk.unwrap().path()));
    chunks.max_by_key(|chunk| std::fs::metadata(chunk).unwrap().len()).unwrap()
}

/// Backups that are cut off, later each time, until one is through: every part of the work is cut off somewhere. Answers how many.
async fn cut_off(backup: &Backup<'_>) -> u32 {
    let Backup { program, dir, source } = backup;
    let errors = program.data.join("backup.err");
    let (mut kills, mut patience) = (0, Duration::from_millis(50));
    loop {
        let mut child = tokio::process::Command::new(binary())
            .args(["--config", text(&program.config()), "backup", "create", "--to", text(dir)])
            .args(["--passphrase", source])
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&errors).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        // The moment of the kill is what the story is about.
        let ended = tokio::time::timeout(patience, child.wait()).await;
        patience = patience * 3 / 2;
        if let Ok(status) = ended {
            let told = std::fs::read_to_string(&errors).unwrap();
            assert!(status.unwrap().success(), "{told}\n{}", program.log());
            return kills;
        }
        child.kill().await.unwrap();
        kills += 1;
        if dir.join("congvan-backup.json").exists() && dir.join("snapshots").exists() {
            let (code, told) = backup.verify(&["--passphrase", source]).await;
            let finished = std::fs::read_dir(dir.join("snapshots")).unwrap();
            let finished = finished
                .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|e| e == "note"));
            // It may have been through but for its farewell; then it is whole. Otherwise there is none.
            match finished.count() {
                0 => assert!(code == Some(3) && told.contains("[backup-none]"), "{told}"),
                _ => assert_eq!(code, Some(0), "{told}"),
            }
        }
    }
}

async fn killed_while_it_is_made(engine: Engine) {
    let mut program = Program::demo(engine).await;
    let clerk = program.account(&program.systems().1.agency.clone(), "clerk").clone();
    let (promised, stop) = (Arc::<Mutex<BTreeSet<String>>>::default(), Arc::new(AtomicBool::new(false)));
    let load =
        tokio::spawn(come_in(program.ports.smtp, clerk.address.clone(), promised.clone(), stop.clone()));
    while promised.lock().await.len() < 60 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let source = passphrase(&program, "pass", "một mật khẩu sao lưu\n");
    let dir = program.data.with_file_name("kho");
    let backup = Backup { program: &program, dir: dir.clone(), source: source.clone() };
    let kills = cut_off(&backup).await;
    println!("{kills} kills");
    assert!(kills >= 2, "nothing was cut off");
    stop.store(true, Ordering::Relaxed);
    load.await.unwrap();
    let last = backup.create().await;
    assert!(last["chunks_kept"].as_u64().unwrap() > 0, "{last}");
    let (code, told) = backup.verify(&["--passphrase", &source]).await;
    assert_eq!(code, Some(0), "{told}");
    // Chunks that nobody names are swept with the old backups.
    let keep = ["backup", "create", "--to", text(&dir), "--passphrase", &source, "--keep", "1"];
    program.must(&keep).await;
    let listed = run(&["backup", "list", text(&dir), "--json"]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["backups"].as_array().unwrap().len(), 1, "{listed}");
    let data = program.data.with_file_name("restored");
    let (code, told) = backup.restore(&data, &new_database(engine), &["--passphrase", &source]).await;
    assert_eq!(code, Some(0), "{told}");
    program.stop().await;
    program.data = data;
    program.doctor().await;
    program.start().await;
    let subjects = Jmap::sign_in(&program, &clerk).await.all_subjects("inbox").await;
    let subjects: BTreeSet<String> = subjects.into_iter().collect();
    assert!(promised.lock().await.is_subset(&subjects));
    program.stop().await;
}

async fn made_and_tried_out_by_itself(engine: Engine) {
    let dir = tempfile::tempdir().unwrap();
    let kho = dir.path().join("kho");
    let pass = dir.path().join("pass");
    std::fs::write(&pass, "một mật khẩu sao lưu\n").unwrap();
    let changes = [
        ("\nto = \"\"\n", format!("\nto = {:?}\n", text(&kho))),
        ("\npassphrase = \"\"\n", format!("\npassphrase = \"file:{}\"\n", text(&pass))),
    ];
    let changes: Vec<(&str, &str)> = changes.iter().map(|(there, then)| (*there, then.as_str())).collect();
    let mut program = Program::demo_of(engine, "H99", &changes).await;
    // None was ever made, so one is made at once, and tried out.
    let web = program.web_client();
    let mut page = String::new();
    for _ in 0..LOOKS {
        page = web
            .get(format!("http://127.0.0.1:{}/metrics", program.ports.http))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        if page.contains("congvan_backups_total{outcome=\"tested\"} 1") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(page.contains("congvan_backups_total{outcome=\"made\"} 1"), "{page}\n{}", program.log());
    assert!(page.contains("congvan_backups_total{outcome=\"tested\"} 1"), "{}", program.log());
    assert!(!kho.join("restore-test").exists(), "the scratch is taken away");
    let doctor = said(&program.command(&["doctor", "--json"]).await);
    assert!(!doctor.contains("backup-"), "{doctor}");
    program.must(&["backup", "test"]).await;
    program.stop().await;
    // Without a good one the doctor says so.
    let lost = "\nto = \"elsewhere\"\n";
    let config = std::fs::read_to_string(program.config()).unwrap();
    std::fs::write(program.config(), config.replace(changes[0].1, lost)).unwrap();
    let output = program.command(&["backup", "test"]).await;
    assert!(output.status.code() == Some(3) && said(&output).contains("[backup-none]"), "{}", said(&output));
}
