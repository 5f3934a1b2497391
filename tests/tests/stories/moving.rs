//! Mailboxes come in from what other programs wrote and go out as what they read, beside a running server. Python's own module for
//! mailboxes writes and reads.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tests::{Account, Engine, Imap, Jmap, Program};

use crate::on_both_engines;

on_both_engines! {
    mail_moves_in_and_out => moves,
    an_import_that_was_killed_goes_on => killed,
    an_import_wakes_who_waits => wakes,
}

fn python(arguments: &[&str]) -> String {
    let output =
        Command::new("python3").args(["-c", include_str!("moving.py")]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What Python reads: folder, digest, flags, moment of each message, in order.
fn read(path: &Path, kind: &str) -> Vec<(String, String, String, i64)> {
    let lines = python(&["read", path.to_str().unwrap(), kind]);
    let mut all: Vec<_> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    all.sort();
    all
}

/// The same without folders.
fn messages(all: &[(String, String, String, i64)], folder: &str) -> Vec<(String, String, i64)> {
    let of = all.iter().filter(|(at, ..)| at == folder);
    of.map(|(_, digest, flags, at)| (digest.clone(), flags.clone(), *at)).collect()
}

fn clerk(program: &Program, which: usize) -> Account {
    let (first, second) = program.systems();
    let agency = [&first.agency, &second.agency][which];
    program.account(agency, "clerk").clone()
}

/// Imports; the report and the exit code.
async fn import(
    program: &Program,
    account: &Account,
    format: &str,
    source: &Path,
    into: Option<&str>,
) -> (Value, i32) {
    let mut arguments =
        vec!["import", source.to_str().unwrap(), "--account", &account.address, "--format", format, "--json"];
    arguments.extend(into.into_iter().flat_map(|into| ["--into", into]));
    let output = program.command(&arguments).await;
    let report = serde_json::from_slice(&output.stdout);
    (
        report.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))),
        output.status.code().unwrap(),
    )
}

async fn export(program: &Program, account: &Account, format: &str, to: &Path, folders: &[&str]) -> Value {
    let mut arguments =
        vec!["export", to.to_str().unwrap(), "--account", &account.address, "--format", format, "--json"];
    arguments.extend(folders.iter().flat_map(|folder| ["--folder", folder]));
    serde_json::from_str(&program.must(&arguments).await).unwrap()
}

async fn moves(engine: Engine) {
    const COUNT: usize = 120;
    let program = Program::demo(engine).await;
    let (an, binh) = (clerk(&program, 0), clerk(&program, 1));
    let here = program.data.join("moving");
    std::fs::create_dir(&here).unwrap();
    python(&["make", here.to_str().unwrap(), &COUNT.to_string()]);

    let mbox = here.join("old.mbox");
    let (report, code) = import(&program, &an, "mboxo", &mbox, Some("Lưu trữ/Năm 2017")).await;
    assert_eq!((&report["added"], &report["already"], code), (&json!(COUNT), &json!(0), 0), "{report}");
    let (report, _) = import(&program, &an, "mboxo", &mbox, Some("Lưu trữ/Năm 2017")).await;
    assert_eq!((&report["added"], &report["already"]), (&json!(0), &json!(COUNT)), "{report}");
    let maildir = here.join("old.maildir");
    let (report, code) = import(&program, &an, "maildir", &maildir, Some("Cũ")).await;
    assert_eq!((&report["added"], code), (&json!(2 * COUNT), 0), "{report}");

    // Whatever it goes out as, Python reads what Python wrote.
    let written = read(&maildir, "maildir");
    let from_mbox = messages(&read_one(&mbox), "old");
    for (format, kind, top, sub, year) in [
        ("mbox", "mbox", "Cũ", "Cũ/Công văn", "Lưu trữ/Năm 2017"),
        ("eml", "eml", "Cũ", "Cũ/Công văn", "Lưu trữ/Năm 2017"),
        ("maildir", "maildir", "C&AWk-", "C&AWk-.C&APQ-ng v&AQM-n", "L&AbA-u tr&Hu8-.N&AQM-m 2017"),
    ] {
        let to = here.join(format);
        let report = export(&program, &an, format, &to, &["Cũ", "Cũ/Công văn", "Lưu trữ/Năm 2017"]).await;
        assert_eq!(report["written"], json!(3 * COUNT), "{report}");
        let found = read(&to, kind);
        assert_eq!(messages(&found, top), messages(&written, "INBOX"), "{format}");
        assert_eq!(messages(&found, sub), messages(&written, "C&APQ-ng v&AQM-n"), "{format}");
        assert_eq!(messages(&found, year), from_mbox, "{format}");
        if format != "mbox" {
            let report = export(&program, &an, format, &to, &["Cũ"]).await;
            assert_eq!((&report["written"], &report["already"]), (&json!(0), &json!(COUNT)), "{report}");
        }
    }

    // Somebody else takes it in as it went out, and it goes out the same.
    for (format, kind) in [("mbox", "mbox"), ("eml", "eml"), ("maildir", "maildir")] {
        let (report, code) = import(&program, &binh, format, &here.join(format), Some(format)).await;
        assert_eq!((&report["added"], code), (&json!(3 * COUNT), 0), "{report}");
        let again = here.join(format!("{format}-again"));
        let folders = [
            format.to_owned() + "/Cũ",
            format.to_owned() + "/Cũ/Công văn",
            format.to_owned() + "/Lưu trữ/Năm 2017",
        ];
        export(&program, &binh, "eml", &again, &folders.each_ref().map(String::as_str)).await;
        let names = ["Cũ", "Cũ/Công văn", "Lưu trữ/Năm 2017"];
        let first = read(&here.join("eml"), "eml");
        let second = read(&again, "eml");
        for (name, folder) in names.iter().zip(&folders) {
            assert_eq!(messages(&first, name), messages(&second, folder), "{kind} {name}");
        }
    }

    // What is no message is named and left out.
    let mixed = here.join("mixed");
    std::fs::create_dir(&mixed).unwrap();
    std::fs::write(mixed.join("1.eml"), "Subject: được\n\nxin chào\n").unwrap();
    std::fs::write(mixed.join("2.eml"), "không phải thư").unwrap();
    let (report, code) = import(&program, &an, "eml", &mixed, None).await;
    assert_eq!(
        (&report["added"], &report["left_out"], code),
        (&json!(1), &json!({ "no-message": 1 }), 1),
        "{report}"
    );
    let jmap = Jmap::sign_in(&program, &an).await;
    assert!(jmap.all_subjects("inbox").await.iter().any(|subject| subject == "được"));
    program.doctor().await;
}

/// What one mbox holds, by Python.
fn read_one(mbox: &Path) -> Vec<(String, String, String, i64)> {
    let alone = mbox.with_file_name("alone");
    std::fs::create_dir(&alone).unwrap();
    std::fs::copy(mbox, alone.join("old.mbox")).unwrap();
    read(&alone, "mbox")
}

async fn killed(engine: Engine) {
    const COUNT: usize = 3_000;
    let program = Program::demo(engine).await;
    let an = clerk(&program, 0);
    let here = program.data.join("moving");
    std::fs::create_dir(&here).unwrap();
    python(&["make", here.to_str().unwrap(), &COUNT.to_string()]);
    let mbox = here.join("old.mbox");
    let jmap = Jmap::sign_in(&program, &an).await;
    let before = total(&jmap).await;
    let mut child = tokio::process::Command::new(tests::binary())
        .args(["--config", program.config().to_str().unwrap(), "import", mbox.to_str().unwrap()])
        .args(["--account", &an.address, "--format", "mboxo"])
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let begun = async { while total(&jmap).await == before {} };
    tokio::time::timeout(Duration::from_secs(60), begun).await.unwrap();
    child.kill().await.unwrap();
    let (report, code) = import(&program, &an, "mboxo", &mbox, None).await;
    let (added, already) = (report["added"].as_u64().unwrap(), report["already"].as_u64().unwrap());
    assert!(already > 0 && added > 0, "{report}");
    assert_eq!((added + already, code), (COUNT as u64, 0), "{report}");
    assert_eq!(total(&jmap).await, before + COUNT as i64);
    program.doctor().await;
}

/// Whoever listens hears of what another process brings, on both engines.
async fn wakes(engine: Engine) {
    let program = Program::demo(engine).await;
    let an = clerk(&program, 0);
    let here = program.data.join("moving");
    std::fs::create_dir(&here).unwrap();
    std::fs::write(here.join("1.eml"), "Subject: chuyển vào\n\nxin chào\n").unwrap();
    let mut imap = Imap::login(program.ports.imaps, &an.address, &an.password).await;
    imap.run("SELECT INBOX").await;
    imap.idle().await;
    let (report, code) = import(&program, &an, "eml", &here, None).await;
    assert_eq!((&report["added"], code), (&json!(1), 0), "{report}");
    tokio::time::timeout(Duration::from_secs(60), imap.wait_for_exists()).await.expect("news of the import");
    imap.done().await;
}

/// Messages in the inbox.
async fn total(jmap: &Jmap) -> i64 {
    let inbox = jmap.mailbox("inbox").await;
    let got = jmap.call("Mailbox/get", json!({ "ids": [inbox], "properties": ["totalEmails"] })).await;
    got["list"][0]["totalEmails"].as_i64().unwrap()
}
