//! Letters made to hurt: each is answered within time and size, whatever is asked of it.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::house::{NOW, account_id, caller, stories};

/// What one question may take in a debug build on a busy machine; an optimised one takes milliseconds.
const SECONDS: u64 = 60;
/// Octets of one answer: what bodies may come to, and room for the rest.
const ANSWER_MAX: usize = 16 << 20;

/// Multiparts in one another, messages in one another, header fields without end, parts without number, one endless field.
fn letters() -> Vec<(&'static str, String)> {
    let mut deep =
        "From: a@b.vn\r\nSubject: deep\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n".to_owned();
    for n in 0..10_000 {
        deep.push_str(&format!("--b{n}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n", n + 1));
    }
    let within = "Content-Type: message/rfc822\r\n\r\n".repeat(10_000);
    let fields: String = (0..100_000).map(|n| format!("X-{n}: {n}\r\n")).collect();
    let parts = "--b\r\n\r\nx\r\n".repeat(100_000);
    let addresses = "<a@b.vn>, ".repeat(100_000);
    vec![
        ("nested multiparts", deep),
        ("nested messages", format!("Subject: within\r\n{within}")),
        ("header fields", format!("Subject: fields\r\n{fields}\r\nx\r\n")),
        ("parts", format!("Subject: parts\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{parts}")),
        ("addresses", format!("Subject: many\r\nTo: {addresses}\r\n\r\nx\r\n")),
        ("one field", format!("Subject: {}\r\n\r\nx\r\n", "dài ".repeat(200_000))),
        ("references", format!("Subject: refs\r\nReferences: {}\r\n\r\nx\r\n", "<a@b> ".repeat(100_000))),
    ]
}

stories! {
    async fn hostile_letters_are_answered_in_bounds(house: House) {
        for (name, letter) in letters() {
            let begun = Instant::now();
            let id = house.deliver(1, letter.as_bytes(), 1).await;
            let all = json!(["headers", "bodyStructure", "textBody", "attachments", "bodyValues", "preview", "to", "references", "subject", "blobId"]);
            let calls = [
                json!(["Email/get", { "accountId": account_id(1), "ids": [id], "properties": all, "fetchAllBodyValues": true, "maxBodyValueBytes": 10_000 }, "g"]),
                json!(["Email/query", { "accountId": account_id(1), "filter": { "text": "x" } }, "q"]),
                json!(["SearchSnippet/get", { "accountId": account_id(1), "filter": { "text": "x" }, "emailIds": [id] }, "s"]),
                json!(["Email/parse", { "accountId": account_id(1), "#blobIds": { "resultOf": "g", "name": "Email/get", "path": "/list/*/blobId" } }, "p"]),
            ];
            let body = json!({ "using": jmap::request::CAPABILITIES, "methodCalls": calls });
            let answer = house.api.call(&caller(1), body.to_string().as_bytes(), NOW).await;
            assert_eq!(answer.status, 200, "{name}");
            assert!(answer.body.len() < ANSWER_MAX, "{name}: {} octets", answer.body.len());
            let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            for call in answer["methodResponses"].as_array().unwrap() {
                let is_error = call[0] == "error" && call[1]["type"] == "serverFail";
                assert!(!is_error, "{name}: {call}");
            }
            assert_eq!(answer["methodResponses"][0][1]["list"][0]["id"], id, "{name}");
            assert!(begun.elapsed() < Duration::from_secs(SECONDS), "{name}: {:?}", begun.elapsed());
            house.one("Email/set", json!({ "destroy": [id] })).await;
        }
    }
}
