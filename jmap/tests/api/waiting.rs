//! Submissions that leave later, and are taken back (RFC 8621 §7, RFC 4865).

use std::time::Duration;

use mail::Timestamp;
use mail::envelope::OutboundMail;
use serde_json::{Value, json};
use store::OutboxKind;

use crate::house::{House, NOW, account_id, mailbox_id, stories};

/// Hands in a mail that leaves an hour later; the answer to `EmailSubmission/set`.
async fn hand_in(house: &House, to: &[&str], hold: Value) -> Value {
    let identity = house.one("Identity/get", json!({})).await["list"][0]["id"].clone();
    let rcpt_to: Vec<Value> = to.iter().map(|email| json!({ "email": email })).collect();
    let answers = house
        .ask(
            1,
            json!([
                ["Email/set", { "accountId": account_id(1), "create": { "d": {
                    "mailboxIds": { mailbox_id(1, 2).to_string(): true }, "from": [{ "email": "an@a.gov.vn" }], "to": [{ "email": "x@b.vn" }],
                } } }, "0"],
                ["EmailSubmission/set", { "accountId": account_id(1), "create": { "s": {
                    "identityId": identity, "emailId": "#d",
                    "envelope": { "mailFrom": { "email": "an@a.gov.vn", "parameters": hold }, "rcptTo": rcpt_to },
                } } }, "1"],
            ]),
        )
        .await;
    answers[1][1].clone()
}

/// How many rows could leave at a moment; they are leased.
async fn due(house: &House, now: Timestamp) -> Vec<OutboundMail> {
    let mut mails = Vec::new();
    for kind in [OutboxKind::Mail, OutboxKind::Local] {
        let rows = house
            .api
            .store
            .write("claim", (), move |tx, ()| {
                Box::pin(async move { tx.claim_outbox(kind, "t", now, Duration::from_secs(60), 100).await })
            })
            .await;
        let rows: Vec<store::Claimed> = rows.unwrap();
        mails.extend(rows.iter().map(|row| serde_json::from_str::<OutboundMail>(&row.payload).unwrap()));
    }
    mails
}

fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

/// Takes a submission back at a moment: the answer.
async fn cancel(house: &House, at: Timestamp, id: &str) -> Value {
    let arguments = json!({ "accountId": account_id(1), "update": { id: { "undoStatus": "canceled" } } });
    house.ask_at(at, 1, json!([["EmailSubmission/set", arguments, "c"]])).await[0][1].clone()
}

async fn shown(house: &House, at: Timestamp, id: &Value) -> Value {
    let arguments = json!({ "accountId": account_id(1), "ids": [id] });
    house.ask_at(at, 1, json!([["EmailSubmission/get", arguments, "c"]])).await[0][1]["list"][0].clone()
}

stories! {
    async fn rfc_4865_a_mail_waits_for_its_moment(house: House) {
        let made = hand_in(&house, &["x@b.vn", "binh@a.gov.vn"], json!({ "HOLDFOR": "3600" })).await["created"]["s"].clone();
        assert_eq!((&made["undoStatus"], &made["sendAt"]), (&json!("pending"), &json!("2026-11-22T02:00:00Z")), "{made}");
        assert_eq!(due(&house, after(3_599)).await.len(), 0);
        let pending = house.one("EmailSubmission/query", json!({ "filter": { "undoStatus": "pending" } })).await;
        assert_eq!(pending["ids"], json!([made["id"]]));
        assert_eq!(shown(&house, after(3_600), &made["id"]).await["undoStatus"], "final");
        let id = made["id"].as_str().unwrap();
        assert_eq!(cancel(&house, after(3_600), id).await["notUpdated"][id]["type"], "cannotUnsend");
        let mails = due(&house, after(3_600)).await;
        assert_eq!(mails.len(), 2);
        assert!(mails.iter().all(|mail| mail.not_before == Some(after(3_600)) && mail.starts_at() == after(3_600)));
    }

    async fn rfc_8621_7_5_what_waits_is_taken_back_whole(house: House) {
        let before = house.one("EmailSubmission/get", json!({})).await["state"].clone();
        let made = hand_in(&house, &["x@b.vn", "y@c.vn", "binh@a.gov.vn"], json!({ "HOLDUNTIL": "2026-11-22T02:00:00Z" })).await;
        let other = hand_in(&house, &["x@b.vn"], json!({ "HOLDUNTIL": "2026-11-22T02:00:00Z" })).await;
        let id = made["created"]["s"]["id"].as_str().unwrap().to_owned();
        let answer = house.ask_at(after(60), 1, json!([["EmailSubmission/set", {
            "accountId": account_id(1), "update": { &id: { "undoStatus": "canceled" } },
            "onSuccessUpdateEmail": { &id: { "keywords/$draft": true } },
        }, "c"]])).await;
        assert_eq!(answer[0][1]["updated"], json!({ &id: null }), "{answer:?}");
        assert_eq!((&answer[1][0], &answer[1][1]["notUpdated"]), (&json!("Email/set"), &Value::Null), "{answer:?}");
        let now = shown(&house, after(60), &json!(id)).await;
        assert_eq!((&now["undoStatus"], &now["deliveryStatus"]["x@b.vn"]["delivered"]), (&json!("canceled"), &json!("no")));
        // Once is enough, and what is canceled stays so.
        assert_eq!(cancel(&house, after(60), &id).await["updated"], json!({ &id: null }));
        let changes = house.one("EmailSubmission/changes", json!({ "sinceState": before })).await;
        assert_eq!(changes["created"].as_array().unwrap().len(), 2, "{changes}");
        // Of the other one nothing went.
        let mails = due(&house, after(9_999)).await;
        assert_eq!(mails.len(), 1);
        assert_eq!(json!(mails[0].submission.unwrap().1), other["created"]["s"]["id"]);
        assert_eq!(shown(&house, after(9_999), &json!(id)).await["undoStatus"], "canceled");
        house.api.store.read((), |tx, ()| Box::pin(async move {
            assert_eq!(tx.outbox_depth().await?, 1);
            Ok::<_, store::Error>(())
        })).await.unwrap();
    }

    async fn a_mail_of_which_a_part_is_carried_is_not_taken_back(house: House) {
        let made = hand_in(&house, &["x@b.vn", "y@c.vn"], json!({ "HOLDFOR": "60" })).await["created"]["s"].clone();
        let id = made["id"].as_str().unwrap();
        // A carrier whose clock is ahead has one of the rows.
        let claimed = house.api.store.write("claim", (), |tx, ()| Box::pin(async move {
            tx.claim_outbox(OutboxKind::Mail, "t", after(61), Duration::from_secs(60), 1).await
        })).await;
        let claimed: Vec<store::Claimed> = claimed.unwrap();
        assert_eq!(claimed.len(), 1);
        assert_eq!(cancel(&house, after(1), id).await["notUpdated"][id]["type"], "cannotUnsend");
        assert_eq!(shown(&house, after(1), &made["id"]).await["undoStatus"], "pending");
        assert_eq!(due(&house, after(61)).await.len(), 1, "the other row is still there");
    }

    async fn two_addresses_of_one_account_are_one_copy(house: House) {
        let made = hand_in(&house, &["an@a.gov.vn", "vanthu@a.gov.vn", "binh@a.gov.vn"], Value::Null).await["created"]["s"].clone();
        assert_eq!((&made["undoStatus"], &made["sendAt"]), (&json!("final"), &json!("2026-11-22T01:00:00Z")));
        let mails = due(&house, NOW).await;
        let to: Vec<usize> = mails.iter().map(|mail| mail.recipients.len()).collect();
        assert_eq!(to, [1, 1], "one row for each account, with one recipient");
        let states = made["deliveryStatus"].as_object().unwrap();
        assert_eq!(states.len(), 3);
        assert_eq!(states["vanthu@a.gov.vn"]["delivered"], "unknown");
    }

    async fn a_mail_that_waits_too_long_is_not_taken(house: House) {
        for hold in [json!({ "HOLDFOR": "604801" }), json!({ "HOLDUNTIL": "2027-01-01T00:00:00Z" }), json!({ "HOLDFOR": "1", "HOLDUNTIL": "2026-11-22T02:00:00Z" })] {
            let answer = hand_in(&house, &["x@b.vn"], hold.clone()).await;
            assert_eq!(answer["notCreated"]["s"]["type"], "invalidProperties", "{hold}");
        }
        let session = house.api.session(&crate::house::caller(1)).await.unwrap();
        let account = &session["accounts"][account_id(1).to_string()]["accountCapabilities"];
        assert_eq!(account["urn:ietf:params:jmap:submission"]["maxDelayedSend"], 604_800);
        assert_eq!(account["urn:ietf:params:jmap:submission"]["submissionExtensions"]["FUTURERELEASE"], json!(["604800"]));
    }
}
