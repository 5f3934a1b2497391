//! A mail from the outside world, and the answer to it.

use serde_json::{Value, json};
use tests::{Account, Engine, Jmap, NO_RECIPIENT, Postfix, Program, Swaks, free_port};

use crate::on_both_engines;

on_both_engines! {
    postfix_delivers_and_gets_the_reply => a_letter_and_its_reply,
    a_refused_recipient_comes_back => a_refusal_comes_back,
    an_administrator_drops_waiting_mail => what_waits_is_dropped,
}

const PDF: &[u8] = b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";

fn letter(from: &str, to: &str, subject: &str) -> String {
    use base64::Engine as _;
    let pdf = base64::engine::general_purpose::STANDARD.encode(PDF);
    let subject = base64::engine::general_purpose::STANDARD.encode(subject);
    format!(
        "From: =?UTF-8?Q?Nguy=E1=BB=85n_V=C4=83n_An?= <{from}>\nTo: <{to}>\nSubject: =?UTF-8?B?{subject}?=\n\
         Message-ID: <letter-1@outside.test>\nDate: Sun, 22 Nov 2026 08:00:00 +0700\nMIME-Version: 1.0\n\
         Content-Type: multipart/mixed; boundary=\"b1\"\n\n--b1\nContent-Type: text/plain; charset=utf-8\n\
         Content-Transfer-Encoding: 8bit\n\nKính gửi quý cơ quan, xin gửi kèm giấy mời họp.\n--b1\n\
         Content-Type: application/pdf; name=\"giay-moi.pdf\"\nContent-Transfer-Encoding: base64\n\
         Content-Disposition: attachment; filename=\"giay-moi.pdf\"\n\n{pdf}\n--b1--\n"
    )
}

fn clerk(program: &Program) -> Account {
    let agency = program.systems().0.agency.clone();
    program.account(&agency, "clerk").clone()
}

/// The outside world: a Postfix whose mail comes to the program, and to which the program's mail goes.
async fn with_outside(engine: Engine) -> (Program, Postfix) {
    let program = Program::demo(engine).await;
    let postfix = Postfix::start("outside.test", program.ports.smtp);
    program.must(&["route", "add", "outside.test", &format!("127.0.0.1:{}", postfix.port)]).await;
    (program, postfix)
}

async fn a_letter_and_its_reply(engine: Engine) {
    let (program, postfix) = with_outside(engine).await;
    let clerk = clerk(&program);
    let jmap = Jmap::sign_in(&program, &clerk).await;
    postfix.send(
        "an@outside.test",
        &clerk.address,
        &letter("an@outside.test", &clerk.address, "Giấy mời họp"),
    );
    let message = jmap.wait_for("Giấy mời họp").await;
    assert_eq!(message["from"][0]["name"], "Nguyễn Văn An");
    assert_eq!(message["hasAttachment"], true);
    assert!(message["preview"].as_str().unwrap().starts_with("Kính gửi quý cơ quan"));
    assert_eq!(message["keywords"], json!({}));
    let attachment = &message["attachments"][0];
    assert_eq!(attachment["name"], "giay-moi.pdf");
    assert_eq!(jmap.download(attachment["blobId"].as_str().unwrap()).await, PDF);
    let whole = jmap.download(message["blobId"].as_str().unwrap()).await;
    let whole = String::from_utf8(whole).unwrap();
    assert!(whole.contains("by localhost") || whole.to_lowercase().contains("received: from"), "{whole}");

    read_and_counted(&jmap, &message).await;
    reply(&program, &clerk, &message, program.ports.submissions, "Trả lời qua cổng 465", "tlsc").await;
    let received = postfix.wait_for("letter-1@outside.test");
    assert!(received.contains("In-Reply-To: <letter-1@outside.test>"), "{received}");
    assert!(received.contains("with ESMTPSA"), "{received}");
    reply(&program, &clerk, &message, program.ports.submission, "Qua cong 587", "tls").await;
    postfix.wait_for("Qua cong 587");
    submitted_over_jmap(&jmap, &clerk, &postfix).await;
    swaks_delivers_too(&program, &jmap, &clerk).await;
    a_letter_inside_the_house(&program, &clerk).await;
    program.doctor().await;
}

/// Read here, and the counters say so; the change is named once.
async fn read_and_counted(jmap: &Jmap, message: &Value) {
    let before = jmap.call("Mailbox/get", json!({ "ids": null })).await;
    let unread = |mailboxes: &Value| {
        mailboxes["list"].as_array().unwrap().iter().map(|m| m["unreadEmails"].as_i64().unwrap()).sum::<i64>()
    };
    assert_eq!(unread(&before), 1);
    let id = message["id"].as_str().unwrap();
    let set = jmap.call("Email/set", json!({ "update": { id: { "keywords/$seen": true } } })).await;
    assert!(set["updated"].as_object().unwrap().contains_key(id), "{set}");
    let after = jmap.call("Mailbox/get", json!({ "ids": null })).await;
    assert_eq!(unread(&after), 0);
    let changes = jmap.call("Email/changes", json!({ "sinceState": set["oldState"] })).await;
    assert_eq!(changes["updated"], json!([id]));
    assert_eq!(changes["created"], json!([]));
}

/// A reply handed in by `swaks`, a mail program that is not ours.
async fn reply(program: &Program, clerk: &Account, message: &Value, port: u16, subject: &str, tls: &str) {
    let original = message["messageId"][0].as_str().unwrap();
    let letter = Swaks::at(port).signed_in_as(clerk).subject(subject).body("Cảm ơn, chúng tôi sẽ dự.");
    let letter = letter.args([&*format!("--{tls}"), "--from", &clerk.address, "--to", "an@outside.test"]);
    let letter = letter.args(["--add-header", &format!("In-Reply-To: <{original}>")]);
    let talk = letter.send().must_be_taken(program);
    // Nobody may sign in before TLS.
    assert!(
        talk.find("STARTTLS").is_none_or(|tls| talk.find("AUTH PLAIN ").is_none_or(|auth| tls < auth)),
        "{talk}"
    );
}

/// A message made, sent and filed by a JMAP client.
async fn submitted_over_jmap(jmap: &Jmap, clerk: &Account, postfix: &Postfix) {
    let identity = jmap.call("Identity/get", json!({ "ids": null })).await;
    let identity =
        identity["list"].as_array().unwrap().iter().find(|i| i["email"] == clerk.address.as_str()).unwrap();
    let (drafts, sent) = (jmap.mailbox("drafts").await, jmap.mailbox("sent").await);
    let blob = jmap.upload("application/pdf", PDF.to_vec()).await;
    let answer = jmap
        .request(json!([
            ["Email/set", { "accountId": jmap.account_id(), "create": { "draft": {
                "mailboxIds": { drafts.as_str(): true },
                "keywords": { "$draft": true, "$seen": true },
                "from": [{ "name": "Văn thư", "email": clerk.address }],
                "to": [{ "email": "an@outside.test" }],
                "subject": "Gửi từ JMAP",
                "bodyValues": { "1": { "value": "Nội dung tiếng Việt có dấu" } },
                "textBody": [{ "partId": "1", "type": "text/plain" }],
                "attachments": [{ "blobId": blob, "type": "application/pdf", "name": "kèm.pdf" }],
            } } }, "0"],
            ["EmailSubmission/set", { "accountId": jmap.account_id(), "create": { "send": {
                "emailId": "#draft", "identityId": identity["id"],
            } }, "onSuccessUpdateEmail": { "#send": {
                format!("mailboxIds/{drafts}"): null, format!("mailboxIds/{sent}"): true, "keywords/$draft": null,
            } } }, "1"],
        ]))
        .await;
    assert!(answer[1][1]["created"]["send"]["id"].is_string(), "{answer}");
    let received = postfix.wait_for("application/pdf");
    assert!(received.contains("an@outside.test"));
    assert_eq!(jmap.messages("sent").await[0]["subject"], "Gửi từ JMAP");
    assert!(jmap.messages("drafts").await.is_empty());
}

/// One person of the demonstration writes to another of the next agency, with a mail library for a program.
async fn a_letter_inside_the_house(program: &Program, clerk: &Account) {
    let other = program.account(&program.systems().1.agency, "clerk").clone();
    let sent = program
        .must(&["demo", "mail", "--from", &clerk.address, "--to", &other.address, "--subject", "Thư nội bộ"])
        .await;
    assert!(!sent.trim().is_empty());
    let letter = Jmap::sign_in(program, &other).await.wait_for("Thư nội bộ").await;
    assert_eq!(letter["from"][0]["email"], clerk.address.as_str());
}

async fn swaks_delivers_too(program: &Program, jmap: &Jmap, clerk: &Account) {
    let letter = Swaks::stranger(program, "binh@outside.test", &clerk.address);
    letter.subject("Tu swaks").body("xin chao").send().must_be_taken(program);
    jmap.wait_for("Tu swaks").await;
    // And a stranger's recipient is no reason to relay.
    let relay = Swaks::stranger(program, "binh@outside.test", "ai@noi-khac.test").send();
    assert_eq!(relay.code, NO_RECIPIENT, "{}", relay.text);
}

async fn a_refusal_comes_back(engine: Engine) {
    let (program, postfix) = with_outside(engine).await;
    let clerk = clerk(&program);
    let jmap = Jmap::sign_in(&program, &clerk).await;
    let letter = Swaks::submit(&program, &clerk, "full@outside.test,an@outside.test");
    letter.subject("Cho hai nguoi").body("mot nguoi nhan duoc").send().must_be_taken(&program);
    // The one who can, gets it; of the other the sender is told why, in both languages.
    postfix.wait_for("Cho hai nguoi");
    let report = jmap.wait_for("").await;
    let whole = String::from_utf8(jmap.download(report["blobId"].as_str().unwrap()).await).unwrap();
    for words in ["multipart/report", "Final-Recipient: rfc822;full@outside.test", "Action: failed", "5.2.2"]
    {
        assert!(whole.contains(words), "{words} is missing:\n{whole}");
    }
    assert!(!whole.contains("Final-Recipient: rfc822;an@outside.test"));
    program.doctor().await;
}

async fn what_waits_is_dropped(engine: Engine) {
    let program = Program::demo(engine).await;
    // Nobody listens there.
    program.must(&["route", "add", "outside.test", &format!("127.0.0.1:{}", free_port())]).await;
    let clerk = clerk(&program);
    let jmap = Jmap::sign_in(&program, &clerk).await;
    for to in ["an@outside.test", "binh@outside.test"] {
        let letter = Swaks::submit(&program, &clerk, to).subject("Khong ai nhan").body("x");
        letter.send().must_be_taken(&program);
    }
    let list = async || -> Vec<Value> {
        let printed = program.must(&["queue", "list", "--destination", "outside.test", "--json"]).await;
        serde_json::from_str(&printed).expect("a list")
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    // A carrier may have one in its hands; it is an operator's once it was put down.
    let waiting = loop {
        let rows = list().await;
        let are_down = rows.iter().all(|row| row["state"] == "waiting");
        // The second may rest untried: where nobody answers, one mail knocks for all.
        if rows.len() == 2 && are_down && rows.iter().any(|row| row["attempts"] != 0) {
            break rows;
        }
        assert!(std::time::Instant::now() < deadline, "{rows:?}\n{}", program.log());
    };
    let id = waiting[0]["id"].as_str().unwrap();
    let shown: Value = serde_json::from_str(&program.must(&["queue", "show", id, "--json"]).await).unwrap();
    assert_eq!((&shown["from"], &shown["to"]), (&json!(clerk.address), &json!(["an@outside.test"])));
    program.must(&["queue", "hold", "--id", id]).await;
    program.must(&["queue", "drop", "--id", id, "--dry-run"]).await;
    assert_eq!(list().await.len(), 2, "it was only asked");
    assert_eq!(program.command(&["queue", "drop"]).await.status.code(), Some(3), "which?");
    program.must(&["queue", "drop", "--id", id]).await;
    assert_eq!(list().await.len(), 1);
    assert_eq!(program.command(&["queue", "show", id]).await.status.code(), Some(1));
    let report = jmap.wait_for("").await;
    let whole = String::from_utf8(jmap.download(report["blobId"].as_str().unwrap()).await).unwrap();
    for words in ["Final-Recipient: rfc822;an@outside.test", "Action: failed", "Status: 5.3.0"] {
        assert!(whole.contains(words), "{words} is missing:\n{whole}");
    }
    program.doctor().await;
}
