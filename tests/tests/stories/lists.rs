//! One letter to many, through the doors.

use serde_json::json;
use tests::{Account, Engine, Jmap, Postfix, Program, Swaks, Talk};

use crate::on_both_engines;

on_both_engines! {
    a_list_reaches_three_accounts_and_one_outside => a_list,
}

/// Hands a letter in with a mail program that is not ours.
fn swaks(program: &Program, account: &Account, to: &str, subject: &str) -> Talk {
    Swaks::submit(program, account, to).subject(subject).body("Kinh gui ca phong.").send()
}

fn stranger(program: &Program, to: &str, more: &[&str]) -> Talk {
    Swaks::stranger(program, "binh@outside.test", to).args(more.iter().copied()).send()
}

async fn a_list(engine: Engine) {
    let program = Program::demo(engine).await;
    let postfix = Postfix::start("outside.test", program.ports.smtp);
    program.must(&["route", "add", "outside.test", &format!("127.0.0.1:{}", postfix.port)]).await;
    let (first, second) = (program.systems().0.agency.clone(), program.systems().1.agency.clone());
    let clerk = program.account(&first, "clerk").clone();
    let leader = program.account(&first, "leader").clone();
    let other = program.account(&second, "clerk").clone();
    let domain = clerk.address.split_once('@').unwrap().1;
    let list = format!("phong.mot@{domain}");
    let add = ["list", "add", &list, "--agency", &first, "--name", "Phòng Một", "--who-may-send", "members"];
    program.must(&[&add[..], &["--responsible", &leader.address]].concat()).await;
    let members = [&clerk.address, &leader.address, &other.address, "an@outside.test"];
    program.must(&[&["list", "member", "add", &list][..], &members[..]].concat()).await;

    swaks(&program, &clerk, &list, "Hop phong").must_be_taken(&program);
    let fields = format!("List-Post: <mailto:{list}>");
    for account in [&clerk, &leader, &other] {
        let jmap = Jmap::sign_in(&program, account).await;
        let message = jmap.wait_for("Hop phong").await;
        let whole = jmap.download(message["blobId"].as_str().unwrap()).await;
        let whole = String::from_utf8(whole).unwrap();
        assert!(whole.contains(&fields), "{whole}");
        assert!(whole.starts_with(&format!("Return-Path: <{}>", leader.address)), "{whole}");
    }
    assert!(postfix.wait_for("Hop phong").contains(&fields));
    submitted_over_jmap(&program, &clerk, &other, &list).await;
    postfix.wait_for("Qua JMAP");

    stranger(&program, &list, &[]).must_be_refused(&["550-5.7.2", "danh sach"]);
    named_senders_only(&program, &first, &clerk, domain).await;
    a_loop(&program, &first, domain).await;
    program.must(&["list", "remove", &list]).await;
    stranger(&program, &list, &[]).must_be_refused(&["5.1.6"]);
    program.doctor().await;
}

async fn submitted_over_jmap(program: &Program, clerk: &Account, other: &Account, list: &str) {
    let answer = submit(program, clerk, list).await;
    assert!(answer[1][1]["created"]["send"]["id"].is_string(), "{answer}");
    Jmap::sign_in(program, other).await.wait_for("Qua JMAP").await;
}

async fn submit(program: &Program, clerk: &Account, to: &str) -> serde_json::Value {
    let jmap = Jmap::sign_in(program, clerk).await;
    let identity = jmap.call("Identity/get", json!({ "ids": null })).await;
    let identity =
        identity["list"].as_array().unwrap().iter().find(|i| i["email"] == clerk.address.as_str()).unwrap();
    let drafts = jmap.mailbox("drafts").await;
    jmap.request(json!([
        ["Email/set", { "accountId": jmap.account_id(), "create": { "draft": {
            "mailboxIds": { drafts.as_str(): true },
            "from": [{ "email": clerk.address }], "to": [{ "email": to }], "subject": "Qua JMAP",
            "bodyValues": { "1": { "value": "Nội dung" } }, "textBody": [{ "partId": "1", "type": "text/plain" }],
        } } }, "0"],
        ["EmailSubmission/set", { "accountId": jmap.account_id(), "create": { "send": {
            "emailId": "#draft", "identityId": identity["id"],
        } } }, "1"],
    ]))
    .await
}

/// A member who was not named is refused at either door.
async fn named_senders_only(program: &Program, agency: &str, clerk: &Account, domain: &str) {
    let list = format!("lanh-dao@{domain}");
    let add = ["list", "add", &list, "--agency", agency, "--name", "Lãnh đạo", "--who-may-send", "named"];
    program.must(&[&add[..], &["--responsible", &clerk.address]].concat()).await;
    program.must(&["list", "member", "add", &list, &clerk.address]).await;
    swaks(program, clerk, &list, "Khong duoc").must_be_refused(&["550-5.7.2"]);
    let answer = submit(program, clerk, &list).await;
    assert_eq!(answer[1][1]["notCreated"]["send"]["type"], "forbiddenToSend", "{answer}");
    program.must(&["list", "sender", "add", &list, &clerk.address]).await;
    swaks(program, clerk, &list, "Duoc phep").must_be_taken(program);
    Jmap::sign_in(program, clerk).await.wait_for("Duoc phep").await;
}

/// What came from the list ends there, and the trace says so.
async fn a_loop(program: &Program, agency: &str, domain: &str) {
    let list = format!("moi-nguoi@{domain}");
    let add = [
        "list",
        "add",
        &list,
        "--agency",
        agency,
        "--name",
        "Mọi người",
        "--who-may-send",
        "anyone",
        "--everybody",
    ];
    let responsible = program.account(agency, "clerk").address.clone();
    program.must(&[&add[..], &["--responsible", &responsible]].concat()).await;
    let shown = program.must(&["list", "show", &list, "--json"]).await;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let id = format!("List-Id: <{}>", shown["list_id"].as_str().unwrap());
    let header = ["--header", "Message-ID: <loop-1@outside.test>", "--add-header", &id];
    stranger(program, &list, &header).must_be_taken(program);
    let traced = program.trace(&["<loop-1@outside.test>"]).await;
    assert!(json!(traced).to_string().contains("\"loop\""), "{traced:?}");
}
