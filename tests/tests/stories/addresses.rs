//! Addresses that change, what is passed on, and what two persons let through, through the doors.

use std::io::{BufRead as _, Write as _};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tests::{Account, Engine, Jmap, Postfix, Program, Swaks};

use crate::on_both_engines;

on_both_engines! {
    m5_addresses_follow_a_reorganisation => reorganised,
    rfc_8617_what_a_list_passes_on_is_sealed => sealed,
    r13_r8_a_mail_is_released_by_two_persons => released,
}

fn domain(account: &Account) -> String {
    account.address.split_once('@').unwrap().1.to_owned()
}

fn stranger(program: &Program, to: &str, subject: &str) -> tests::Talk {
    let to_field = format!("To: <{to}>");
    Swaks::stranger(program, "binh@outside.test", to)
        .subject(subject)
        .args(["--header", &to_field])
        .body("x")
        .send()
}

async fn reorganised(engine: Engine) {
    let program = Program::demo(engine).await;
    let postfix = Postfix::start("outside.test", program.ports.smtp);
    for outside in ["outside.test", "bo.test"] {
        program.must(&["route", "add", outside, &format!("127.0.0.1:{}", postfix.port)]).await;
    }
    let agency = program.systems().0.agency.clone();
    let (clerk, leader) =
        (program.account(&agency, "clerk").clone(), program.account(&agency, "leader").clone());
    let (local, own) = clerk.address.split_once('@').unwrap();
    // Another name of the domain, in both directions.
    program.must(&["domain", "add", "cu.test", "--agency", &agency]).await;
    program.must(&["domain", "alias", "cu.test", "--of", own]).await;
    let renamed = format!("{local}@cu.test");
    stranger(&program, &renamed, "Ten mien cu").must_be_taken(&program);
    let jmap = Jmap::sign_in(&program, &clerk).await;
    jmap.wait_for("Ten mien cu").await;
    let identities = jmap.call("Identity/get", json!({ "ids": null })).await;
    assert!(
        identities["list"].as_array().unwrap().iter().any(|one| one["email"] == renamed.as_str()),
        "{identities}"
    );
    let letter = Swaks::submit(&program, &clerk, "an@outside.test").subject("Gui tu ten cu").body("x");
    letter
        .args(["--from", &renamed, "--header", &format!("From: <{renamed}>")])
        .send()
        .must_be_taken(&program);
    postfix.wait_for("Gui tu ten cu");
    // What is nobody's.
    let nobody = format!("khong-co@{own}");
    stranger(&program, &nobody, "Khong ai").must_be_refused(&["5.1.1"]);
    program.must(&["domain", "catch-all", own, "--to", &leader.address]).await;
    stranger(&program, &nobody, "Nhan thay").must_be_taken(&program);
    Jmap::sign_in(&program, &leader).await.wait_for("Nhan thay").await;
    // One address moves within the house, and then away.
    let new = format!("{local}.moi@{own}");
    program.must(&["address", "move", &clerk.address, &new, "--decision", "QĐ 1"]).await;
    stranger(&program, &clerk.address, "Dia chi cu").must_be_taken(&program);
    jmap.wait_for("Dia chi cu").await;
    let told = postfix.wait_for("address changed");
    assert!(told.contains("Auto-Submitted: auto-replied"), "{told}");
    program.must(&["address", "move", &new, "an@bo.test", "--decision", "QĐ 2"]).await;
    stranger(&program, &new, "Chuyen di").must_be_taken(&program);
    assert!(postfix.wait_for("Chuyen di").contains("x"));
    let again =
        program.command(&["address", "move", &leader.address, &clerk.address, "--decision", "QĐ 3"]).await;
    assert!(String::from_utf8_lossy(&again.stderr).contains("address.refused"), "{again:?}");
    let free = program
        .command(&["address", "move", &leader.address, "lanhdao@gmail.com", "--decision", "QĐ 4"])
        .await;
    assert!(String::from_utf8_lossy(&free.stderr).contains("address.free_mail"), "RULES M7: {free:?}");
    program.doctor().await;
}

/// This machine may send for `outside.test`; the key of the list's domain is asked of dkimpy alone.
const ZONE: &str = r#"{"outside.test": [{"TXT": "v=spf1 ip4:127.0.0.1 -all"}]}"#;

async fn sealed(engine: Engine) {
    let bin = std::env::var("CONGVAN_PYHANKO")
        .expect("CONGVAN_PYHANKO is not set: scripts/test-tools (make test does)");
    let mut names = Command::new(format!("{bin}/python3"))
        .args([crate::mail_auth::NAMES, "serve"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut zone = names.stdin.take().unwrap();
    writeln!(zone, "{ZONE}").unwrap();
    let mut address = String::new();
    std::io::BufReader::new(names.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let servers = format!("\nservers = [\"{}\"]", address.trim());
    let changes = [
        ("\nservers = []", servers.as_str()),
        ("authenticate_loopback = false", "authenticate_loopback = true"),
    ];
    let program = Program::demo_of(engine, "H99", &changes).await;
    let postfix = Postfix::start("outside.test", program.ports.smtp);
    program.must(&["route", "add", "outside.test", &format!("127.0.0.1:{}", postfix.port)]).await;
    let agency = program.systems().0.agency.clone();
    let clerk = program.account(&agency, "clerk").clone();
    let own = domain(&clerk);
    program.must(&["dkim", "new", &own, "--algorithm", "rsa", "--selector", "s"]).await;
    program.must(&["dkim", "activate", &own, "s", "--force"]).await;
    let list = format!("moi.nguoi@{own}");
    let add = ["list", "add", &list, "--agency", &agency, "--name", "Mọi người", "--who-may-send", "anyone"];
    program.must(&[&add[..], &["--responsible", &clerk.address]].concat()).await;
    program.must(&["list", "member", "add", &list, "an@outside.test"]).await;
    stranger(&program, &list, "Qua danh sach").must_be_taken(&program);
    let copy = postfix.wait_for("Qua danh sach");
    assert!(copy.contains("ARC-Authentication-Results: i=1;") && copy.contains("List-Id: "), "{copy}");
    let listed = program.must(&["dkim", "list", &own, "--json"]).await;
    let record: Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    assert_eq!(dkimpy(&copy, "arc", &own, record["record"].as_str().unwrap()), "pass", "{copy}");
    // Our own people's signatures hold behind the fields of the list.
    Swaks::submit(&program, &clerk, &list).subject("Tu trong nha").body("x").send().must_be_taken(&program);
    let copy = postfix.wait_for("Tu trong nha");
    assert!(copy.contains("List-Id: ") && !copy.contains("ARC-Seal"), "{copy}");
    assert_eq!(dkimpy(&copy, "dkim", &own, record["record"].as_str().unwrap()), "True", "{copy}");
    drop(zone);
    names.wait().unwrap();
}

/// dkimpy's word on a message that Postfix kept.
fn dkimpy(message: &str, what: &str, domain: &str, record: &str) -> String {
    let script = "import sys, dkim\n\
        message = sys.stdin.buffer.read()\n\
        find = lambda name, timeout=5: sys.argv[3].encode() if name.decode().rstrip('.') == 's._domainkey.' + sys.argv[2] else None\n\
        print(dkim.arc_verify(message, dnsfunc=find)[0].decode() if sys.argv[1] == 'arc' else dkim.verify(message, dnsfunc=find))";
    let mut child = Command::new("/usr/bin/python3")
        .args(["-c", script, what, domain, record])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    child.stdin.take().unwrap().write_all(message.as_bytes()).unwrap();
    String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).trim().to_owned()
}

async fn released(engine: Engine) {
    let program = Program::demo(engine).await;
    let agency = program.systems().0.agency.clone();
    let role = |role: &str| program.account(&agency, role).clone();
    let (clerk, leader) = (role("clerk"), role("leader"));
    let sends = |body: &str| {
        let letter = Swaks::submit(&program, &clerk, &leader.address).subject("Bao cao");
        letter.args(["--add-header", "Content-Type: text/plain; charset=utf-8"]).body(body).send()
    };
    let refused = sends("TỐI MẬT").must_be_refused(&["550-5.7.1"]);
    let code = refused
        .split(|c: char| !c.is_ascii_hexdigit())
        .find(|word| word.len() == 64)
        .expect("a code")
        .to_owned();
    let speaks = async |who: &Account| {
        let words = ["secrecy", "release-mail", code.as_str()];
        crate::lifecycle::by(&program, who, &words).await.0
    };
    let foreign = program.account(&program.systems().1.agency, "clerk").clone();
    assert_eq!(speaks(&foreign).await, 3, "nobody of another agency");
    assert_eq!(speaks(&leader).await, 1, "the other person has not spoken yet");
    sends("TỐI MẬT").must_be_refused(&["550-5.7.1"]);
    assert_eq!(speaks(&clerk).await, 0);
    sends("TỐI MẬT").must_be_taken(&program);
    Jmap::sign_in(&program, &leader).await.wait_for("Bao cao").await;
    sends("TUYỆT MẬT").must_be_refused(&["550-5.7.1"]);
    // A draft and an import are entrances as well.
    let jmap = Jmap::sign_in(&program, &clerk).await;
    let drafts = jmap.mailbox("drafts").await;
    let answer = jmap
        .call("Email/set", json!({ "create": { "d": { "mailboxIds": { drafts.as_str(): true }, "subject": "[MẬT] Dự thảo" } } }))
        .await;
    assert_eq!(answer["notCreated"]["d"]["type"], "forbidden", "{answer}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("1.eml"), "Subject: =?UTF-8?B?W03huqxUXSBCw6FvIGPDoW8=?=\r\n\r\nx\r\n")
        .unwrap();
    let path = folder.path().to_str().unwrap();
    let imported =
        program.command(&["import", path, "--account", &clerk.address, "--format", "eml", "--json"]).await;
    let report = String::from_utf8_lossy(&imported.stdout).into_owned();
    assert!(
        imported.status.code() == Some(1)
            && report.contains("state-secret")
            && report.contains("\"added\":0"),
        "{report}"
    );
    program.doctor().await;
}
