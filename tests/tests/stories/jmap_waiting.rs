//! What waits and what is answered for somebody: delayed mail that is taken back or survives a power cut, and absences.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{Account, Engine, Jmap, Postfix, Program};

use crate::on_both_engines;

on_both_engines! {
    rfc_4865_delayed_mail_leaves_in_its_time_or_never => delayed_mail,
    rfc_3834_somebody_who_is_away_answers_once => an_absence,
}

async fn with_outside(engine: Engine) -> (Program, Postfix, Account) {
    let program = Program::demo(engine).await;
    let postfix = Postfix::start("outside.test", program.ports.smtp);
    program.must(&["route", "add", "outside.test", &format!("127.0.0.1:{}", postfix.port)]).await;
    let agency = program.systems().0.agency.clone();
    let clerk = program.account(&agency, "clerk").clone();
    (program, postfix, clerk)
}

/// Hands in a mail that leaves some seconds later: the submission.
async fn later(jmap: &Jmap, clerk: &Account, subject: &str, seconds: u32) -> Value {
    let identities = jmap.call("Identity/get", json!({ "ids": null })).await;
    let (account, drafts) = (jmap.account_id(), jmap.mailbox("drafts").await);
    let answers = jmap
        .request(json!([
            ["Email/set", { "accountId": account, "create": { "d": {
                "mailboxIds": { drafts: true }, "keywords": { "$draft": true }, "subject": subject,
                "from": [{ "email": clerk.address }], "to": [{ "email": "an@outside.test" }],
                "bodyValues": { "t": { "value": "sau" } }, "textBody": [{ "partId": "t", "type": "text/plain" }],
            } } }, "0"],
            ["EmailSubmission/set", { "accountId": account, "create": { "s": {
                "emailId": "#d", "identityId": identities["list"][0]["id"],
                "envelope": {
                    "mailFrom": { "email": clerk.address, "parameters": { "HOLDFOR": seconds.to_string() } },
                    "rcptTo": [{ "email": "an@outside.test" }],
                },
            } }, "onSuccessUpdateEmail": { "#s": { "keywords/$draft": null } } }, "1"],
        ]))
        .await;
    assert_eq!(answers[1][1]["created"]["s"]["undoStatus"], "pending", "{answers}");
    assert!(answers[2][1]["notUpdated"].is_null(), "{answers}");
    answers[1][1]["created"]["s"].clone()
}

async fn delayed_mail(engine: Engine) {
    let (mut program, postfix, clerk) = with_outside(engine).await;
    let jmap = Jmap::sign_in(&program, &clerk).await;
    let handed_in = Instant::now();
    let waiting = later(&jmap, &clerk, "Thu gui sau", 8).await;
    let canceled = later(&jmap, &clerk, "Thu lay lai", 8).await;
    let id = canceled["id"].as_str().unwrap();
    let taken_back =
        jmap.call("EmailSubmission/set", json!({ "update": { id: { "undoStatus": "canceled" } } })).await;
    assert_eq!(taken_back["updated"], json!({ id: null }), "{taken_back}");
    program.kill().await;
    program.start().await;
    let jmap = Jmap::sign_in(&program, &clerk).await;
    let shown = jmap.call("EmailSubmission/get", json!({ "ids": [id] })).await;
    assert_eq!(shown["list"][0]["undoStatus"], "canceled", "{shown}");
    postfix.wait_for("Thu gui sau");
    assert!(handed_in.elapsed() >= Duration::from_secs(8), "{:?}", handed_in.elapsed());
    // It was due before this one, which has left.
    later(&jmap, &clerk, "Thu sau cung", 1).await;
    postfix.wait_for("Thu sau cung");
    assert_eq!(postfix.inbox().len(), 2, "what was taken back never leaves");
    let late = jmap
        .call(
            "EmailSubmission/set",
            json!({ "update": { waiting["id"].as_str().unwrap(): { "undoStatus": "canceled" } } }),
        )
        .await;
    assert_eq!(late["notUpdated"][waiting["id"].as_str().unwrap()]["type"], "cannotUnsend", "{late}");
    program.doctor().await;
}

fn letter(from: &str, to: &str, id: &str, more: &str) -> String {
    format!("From: <{from}>\nTo: <{to}>\nSubject: Hoi y kien\nMessage-ID: <{id}>\n{more}\nXin cho biet\n")
}

async fn an_absence(engine: Engine) {
    let (program, postfix, clerk) = with_outside(engine).await;
    let jmap = Jmap::sign_in(&program, &clerk).await;
    let set = jmap
        .call(
            "VacationResponse/set",
            json!({ "update": { "singleton": {
                "isEnabled": true, "subject": "Nghi phep", "textBody": "Toi di cong tac den thu hai.",
            } } }),
        )
        .await;
    assert_eq!(set["updated"], json!({ "singleton": null }), "{set}");
    let to = clerk.address.as_str();
    postfix.send("an@outside.test", to, &letter("an@outside.test", to, "hoi-1@outside.test", ""));
    let answer = postfix.wait_for("<hoi-1@outside.test>");
    for line in [
        "Auto-Submitted: auto-replied (vacation)",
        "Subject: Nghi phep",
        "In-Reply-To: <hoi-1@outside.test>",
        "Return-Path: <>",
        "Toi di cong tac den thu hai.",
    ] {
        assert!(answer.contains(line), "{line} is not in {answer}");
    }
    // The same person again, programs and lists: nobody is answered. The last one is, so all before it were looked at.
    postfix.send("an@outside.test", to, &letter("an@outside.test", to, "hoi-2@outside.test", ""));
    let silent = [
        ("b@outside.test", "Precedence: bulk\n"),
        ("c@outside.test", "List-Id: <nhom.outside.test>\n"),
        ("d@outside.test", "Auto-Submitted: auto-generated\n"),
        ("no-reply@outside.test", ""),
    ];
    for (n, (from, more)) in silent.into_iter().enumerate() {
        postfix.send(from, to, &letter(from, to, &format!("im-{n}@outside.test"), more));
    }
    postfix.send("", to, &letter("MAILER-DAEMON@outside.test", to, "im-9@outside.test", ""));
    let everybody = "To: undisclosed-recipients:;\n";
    let hidden =
        letter("g@outside.test", to, "im-8@outside.test", "").replace(&format!("To: <{to}>\n"), everybody);
    postfix.send("g@outside.test", to, &hidden);
    // All of them are in the inbox before the last one is sent.
    arrived(&jmap, 8).await;
    postfix.send("h@outside.test", to, &letter("h@outside.test", to, "hoi-3@outside.test", ""));
    postfix.wait_for("<hoi-3@outside.test>");
    assert_eq!(postfix.inbox().len(), 2, "{:#?}", postfix.inbox());
    // Back again: nobody is answered any more.
    jmap.call("VacationResponse/set", json!({ "update": { "singleton": { "isEnabled": false } } })).await;
    let got = jmap.call("VacationResponse/get", json!({ "ids": ["singleton"] })).await;
    assert_eq!(
        (&got["list"][0]["isEnabled"], &got["list"][0]["subject"]),
        (&json!(false), &json!("Nghi phep"))
    );
    program.doctor().await;
}

/// Waits, by what the house says of its changes, until so many messages lie in the inbox.
async fn arrived(jmap: &Jmap, count: usize) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    let mut news = jmap.news().await;
    while jmap.messages("inbox").await.len() < count {
        tokio::time::timeout_at(deadline, news.next()).await.expect("messages arrive");
    }
}
