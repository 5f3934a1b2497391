//! Classic mail programs read and change mailboxes: Python's imaplib, mbsync, curl. What they see is what JMAP sees, at once.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use tests::{Account, Engine, Jmap, Program};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::on_both_engines;

on_both_engines! {
    python_reads_and_changes_a_mailbox => python,
    a_flag_travels_between_jmap_and_idle => idle,
    mbsync_keeps_two_sides_alike => mbsync,
    curl_reads_what_jmap_made => curl,
    an_agency_keeps_the_door_closed => closed,
}

fn root(program: &Program) -> PathBuf {
    let root = program.data.join("root.pem");
    std::fs::write(&root, program.root_pem()).unwrap();
    root
}

fn clerk(program: &Program) -> Account {
    let agency = program.systems().0.agency.clone();
    program.account(&agency, "clerk").clone()
}

/// Runs a mail program to its end; answers what it said.
fn runs(program: &mut Command) -> String {
    let output = program.output().expect("the program is installed (make test does)");
    let said = [output.stdout.clone(), output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

async fn python(engine: Engine) {
    let program = Program::demo(engine).await;
    let clerk = clerk(&program);
    runs(
        Command::new("python3")
            .args(["-c", include_str!("imap.py")])
            .args([program.ports.imaps.to_string(), program.ports.imap.to_string()])
            .arg(root(&program))
            .args([&clerk.address, &clerk.password]),
    );
    program.doctor().await;
}

/// Puts a message into the inbox over JMAP; its id.
async fn put(jmap: &Jmap, subject: &str) -> String {
    let inbox = jmap.mailbox("inbox").await;
    let create = json!({ "m": { "mailboxIds": { inbox: true }, "subject": subject, "from": [{ "email": "a@b.test" }],
        "bodyValues": { "1": { "value": "xin chào" } }, "textBody": [{ "partId": "1", "type": "text/plain" }] } });
    let made = jmap.call("Email/set", json!({ "create": create })).await;
    made["created"]["m"]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

/// A program listens; what is done over JMAP is heard, and what it does is seen over JMAP.
async fn idle(engine: Engine) {
    let program = Program::demo(engine).await;
    let clerk = clerk(&program);
    let jmap = Jmap::sign_in(&program, &clerk).await;
    let first = put(&jmap, "một").await;
    let mut listener = tokio::process::Command::new("python3")
        .args(["-c", include_str!("imap_idle.py"), &program.ports.imaps.to_string()])
        .arg(root(&program))
        .args([&clerk.address, &clerk.password, "4"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut heard = BufReader::new(listener.stdout.take().unwrap()).lines();
    assert_eq!(heard.next_line().await.unwrap().unwrap(), "listening");

    let seen = json!({ "update": { first.as_str(): { "keywords/$seen": true } } });
    jmap.call("Email/set", seen).await;
    assert_eq!(heard.next_line().await.unwrap().unwrap(), "* 1 FETCH (UID 1 FLAGS (\\Seen))");
    let second = put(&jmap, "hai").await;
    assert_eq!(heard.next_line().await.unwrap().unwrap(), "* 2 EXISTS");
    assert_eq!(heard.next_line().await.unwrap().unwrap(), "* 0 RECENT");
    jmap.call("Email/set", json!({ "destroy": [first] })).await;
    assert_eq!(heard.next_line().await.unwrap().unwrap(), "* 1 EXPUNGE");
    // Having heard it all, the program marks what is left.
    assert!(listener.wait().await.unwrap().success());
    let left = jmap.call("Email/get", json!({ "ids": [second], "properties": ["keywords"] })).await;
    assert_eq!(left["list"][0]["keywords"], json!({ "$answered": true }), "{left}");
    program.doctor().await;
}

/// Both sides after a sync: every message with its flags, wherever it lies.
async fn mbsync(engine: Engine) {
    let program = Program::demo(engine).await;
    let clerk = clerk(&program);
    let jmap = Jmap::sign_in(&program, &clerk).await;
    for number in 0..20 {
        put(&jmap, &format!("Công văn {number}")).await;
    }
    let here = program.data.join("maildir");
    std::fs::create_dir(&here).unwrap();
    let config = program.data.join("mbsyncrc");
    let root = root(&program);
    let text = format!(
        "IMAPStore far\nHost localhost\nPort {}\nUser {}\nPass {}\nSSLType IMAPS\nCertificateFile {}\n\n\
         MaildirStore near\nPath {here}/\nInbox {here}/INBOX\nSubFolders Verbatim\n\n\
         Channel both\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nSyncState *\n",
        program.ports.imaps,
        clerk.address,
        clerk.password,
        root.display(),
        here = here.display(),
    );
    std::fs::write(&config, text).unwrap();
    let sync = || runs(Command::new("mbsync").arg("-c").arg(&config).args(["-a", "-V"]));
    sync();
    assert_eq!(messages(&here.join("INBOX")).len(), 20);

    // The near side reads one, throws one away and writes one; the far side flags one and loses one.
    let near = messages(&here.join("INBOX"));
    let marked = here.join("INBOX/cur").join(flagged(&near[0], "S"));
    std::fs::rename(&near[0], marked).unwrap();
    std::fs::remove_file(&near[1]).unwrap();
    std::fs::write(here.join("INBOX/new/1.local"), "Subject: tu may nay\n\nxin chao\n").unwrap();
    let listed = jmap.messages("inbox").await;
    let id = |message: &serde_json::Value| message["id"].as_str().unwrap().to_owned();
    let flag = json!({ "update": { id(&listed[3]): { "keywords/$flagged": true } } });
    jmap.call("Email/set", flag).await;
    jmap.call("Email/set", json!({ "destroy": [id(&listed[4])] })).await;
    sync();
    sync();
    compare(&jmap, &here.join("INBOX")).await;
    let subjects = jmap.all_subjects("inbox").await;
    assert!(subjects.iter().any(|subject| subject == "tu may nay"), "{subjects:?}");
    program.doctor().await;
}

/// The files of a maildir.
fn messages(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = ["cur", "new"]
        .iter()
        .flat_map(|part| std::fs::read_dir(folder.join(part)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

/// A file's name with one flag more.
fn flagged(file: &Path, flag: &str) -> String {
    let name = file.file_name().unwrap().to_str().unwrap();
    match name.contains(":2,") {
        true => format!("{name}{flag}"),
        false => format!("{name}:2,{flag}"),
    }
}

/// Every message here is there, byte for byte and with its flags, and the other way round.
async fn compare(jmap: &Jmap, folder: &Path) {
    let mut near: Vec<(String, bool, bool)> = messages(folder)
        .iter()
        .map(|file| {
            let name = file.file_name().unwrap().to_str().unwrap();
            let flags = name.split(":2,").nth(1).unwrap_or_default();
            let text = std::fs::read_to_string(file).unwrap().replace('\r', "");
            // What the program itself writes into its copies is no part of the message.
            let text = text.lines().filter(|line| !line.starts_with("X-TUID")).collect::<Vec<_>>().join("\n");
            (text, flags.contains('S'), flags.contains('F'))
        })
        .collect();
    let mut far = Vec::new();
    for message in jmap.messages("inbox").await {
        let bytes = jmap.download(message["blobId"].as_str().unwrap()).await;
        let text = String::from_utf8(bytes).unwrap().replace('\r', "");
        let text = text.lines().filter(|line| !line.starts_with("X-TUID")).collect::<Vec<_>>().join("\n");
        let is = |keyword: &str| message["keywords"][keyword] == true;
        far.push((text, is("$seen"), is("$flagged")));
    }
    near.sort();
    far.sort();
    assert_eq!(near, far);
}

async fn curl(engine: Engine) {
    let program = Program::demo(engine).await;
    let clerk = clerk(&program);
    let jmap = Jmap::sign_in(&program, &clerk).await;
    put(&jmap, "Giay moi hop").await;
    let curl = |what: &str| {
        runs(
            Command::new("curl")
                .args(["--silent", "--show-error", "--max-time", "20", "--insecure"])
                .args(["--user", &format!("{}:{}", clerk.address, clerk.password)])
                .arg(format!("imaps://127.0.0.1:{}/{what}", program.ports.imaps)),
        )
    };
    assert!(curl("").contains("\"/\" \"INBOX\""));
    assert!(curl("INBOX;UID=1").contains("Subject: Giay moi hop"));
    assert!(curl("INBOX?SUBJECT%20hop").contains("* SEARCH 1"));
}

/// `imap.closed_to`: the right password opens nothing there, and everything else.
async fn closed(engine: Engine) {
    let program = Program::demo_of(engine, "H99", &[("closed_to = []", "closed_to = [\"H99.01\"]")]).await;
    let (first, second) = program.systems();
    let asks = |account: &Account| {
        Command::new("curl")
            .args(["--silent", "--verbose", "--max-time", "20", "--insecure"])
            .args(["--user", &format!("{}:{}", account.address, account.password)])
            .arg(format!("imaps://127.0.0.1:{}/", program.ports.imaps))
            .output()
            .expect("curl is installed")
    };
    let shut = asks(program.account(&first.agency, "clerk"));
    let said = String::from_utf8_lossy(&shut.stderr).into_owned();
    assert!(!shut.status.success() && said.contains("NO [CONTACTADMIN]"), "{said}");
    assert!(asks(program.account(&second.agency, "clerk")).status.success());
    Jmap::sign_in(&program, program.account(&first.agency, "clerk")).await;
}
