//! Mail in the quarantine, seen by whom it is for (RULES M33, docs/JMAP.md).

use mail::QuarantineId;
use mail::envelope::{OutboundMail, OutboundRecipient};
use mail::letter::{Door, Hold, Releaser};
use serde_json::{Value, json};
use store::{Lane, NewHeld, NewOutbox, OutboxKind};

use crate::house::{House, NOW, account_id, stories};

/// Holds a letter, taken in by one account for another.
async fn hold(house: &House, (owner, to): (u8, u8), door: Door, releaser: Releaser) -> String {
    let store = &house.api.store;
    let raw = "From: vt@so.vn\r\nSubject: =?UTF-8?Q?Gi=E1=BA=A5y_m=E1=BB=9Di?=\r\n\r\nkín\r\n".as_bytes();
    let sealed = store.seal(account_id(owner), raw, NOW).await.unwrap();
    let mail = OutboundMail {
        require_tls: false,
        priority: None,
        not_before: None,
        via: None,
        list: None,
        reverse_path: Some("vt@so.vn".parse().unwrap()),
        recipients: vec![OutboundRecipient::plain("an@a.gov.vn".parse().unwrap())],
        submission: None,
        envid: None,
        ret: None,
        smtputf8: false,
        body_8bit: false,
        received_at: NOW,
        trace: "s1.1".to_owned(),
        keywords: vec![],
    };
    let row = NewOutbox {
        kind: OutboxKind::Local,
        owner: account_id(owner).into(),
        lane: Lane::Normal,
        destination: account_id(to).to_string(),
        payload: serde_json::to_string(&mail).unwrap(),
        blob_id: Some(sealed.blob_id()),
        due_at: NOW,
    };
    let hold = Hold { reason: "spam", detail: String::new(), releaser };
    let held: Result<QuarantineId, store::Error> = store
        .write("hold", (sealed, row, hold), move |tx, (sealed, row, hold)| {
            Box::pin(async move {
                tx.put_blob(sealed, NOW).await?;
                let id = tx.hold_mail(&NewHeld { row, hold, door }, NOW).await?;
                tx.drop_blob(account_id(owner), sealed.blob_id(), NOW).await?;
                Ok(id)
            })
        })
        .await;
    held.unwrap().to_string()
}

async fn listed(house: &House, n: u8) -> Vec<Value> {
    let answer = house.one_of(n, "HeldMail/get", json!({})).await;
    answer["list"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"))
        .iter()
        .map(|held| held["id"].clone())
        .collect()
}

async fn waiting(house: &House) -> i64 {
    let read = house.api.store.read((), |tx, ()| Box::pin(async move { tx.outbox_depth().await }));
    let depth: Result<i64, store::Error> = read.await;
    depth.unwrap()
}

stories! {
    async fn m33_held_mail_is_shown_let_go_and_deleted_once(house: House) {
        let spam = hold(&house, (1, 1), Door::Mx, Releaser::Person).await;
        let other = hold(&house, (2, 1), Door::Lmtp, Releaser::Person).await;
        let answer = house.one("HeldMail/get", json!({ "ids": [spam, "x"] })).await;
        assert_eq!((&answer["notFound"], &answer["hasMore"]), (&json!(["x"]), &json!(false)));
        let mut shown = answer["list"][0].clone();
        assert!(shown["heldAt"].is_string());
        shown["heldAt"] = Value::Null;
        assert_eq!(shown, json!({
            "id": spam, "direction": "incoming", "from": "vt@so.vn", "subject": "Giấy mời", "heldAt": null, "reason": "spam",
            "label": { "vi": "nghi là thư rác", "en": "suspected spam" }, "mayRelease": true,
        }));
        assert_eq!(listed(&house, 1).await.len(), 2);
        let few = house.one("HeldMail/get", json!({ "ids": [spam], "properties": ["reason"] })).await;
        assert_eq!(few["list"], json!([{ "id": spam, "reason": "spam" }]));
        let before = waiting(&house).await;
        let done = house.one("HeldMail/set", json!({ "update": { &spam: { "isReleased": true } }, "destroy": [other] })).await;
        assert_eq!((&done["updated"], &done["destroyed"]), (&json!({ &spam: null }), &json!([other])), "{done}");
        assert_eq!((waiting(&house).await, listed(&house, 1).await), (before + 1, vec![]));
        // Twice is once.
        let again = house.one("HeldMail/set", json!({ "update": { &spam: { "isReleased": true } }, "destroy": [spam, other] })).await;
        assert_eq!(again["notUpdated"][&spam]["type"], "notFound");
        assert!(again["notDestroyed"].as_object().unwrap().values().all(|error| error["type"] == "notFound"), "{again}");
        assert_eq!(waiting(&house).await, before + 1);
    }

    async fn m33_what_others_have_to_decide_stays(house: House) {
        let malware = hold(&house, (1, 1), Door::Mx, Releaser::Administrator).await;
        let sent = hold(&house, (1, 2), Door::Jmap, Releaser::Person).await;
        let theirs = hold(&house, (2, 2), Door::Mx, Releaser::Person).await;
        let seen = house.one("HeldMail/get", json!({ "properties": ["direction", "mayRelease"] })).await;
        let of = |id: &str| seen["list"].as_array().unwrap().iter().find(|held| held["id"] == id).cloned().unwrap_or_default();
        assert_eq!(of(&sent), json!({ "id": sent, "direction": "outgoing", "mayRelease": false }));
        assert_eq!(of(&malware), json!({ "id": malware, "direction": "incoming", "mayRelease": false }));
        assert_eq!(seen["list"].as_array().map(Vec::len), Some(2), "{seen}");
        let before = waiting(&house).await;
        for (id, kind) in [(&malware, "forbidden"), (&sent, "forbidden"), (&theirs, "notFound")] {
            let answer = house.one("HeldMail/set", json!({ "update": { id: { "isReleased": true } }, "destroy": [id] })).await;
            assert_eq!((&answer["notUpdated"][id]["type"], &answer["notDestroyed"][id]["type"]), (&json!(kind), &json!(kind)), "{answer}");
            assert_eq!((&answer["updated"], &answer["destroyed"]), (&json!({}), &json!([])));
        }
        assert_eq!(house.one("HeldMail/get", json!({ "ids": [theirs] })).await["notFound"], json!([theirs]));
        assert_eq!((waiting(&house).await, listed(&house, 2).await), (before, vec![json!(theirs)]));
        for patch in [json!({ "isReleased": false }), json!({}), json!({ "isReleased": true, "x": 1 }), json!(1)] {
            let answer = house.one_of(2, "HeldMail/set", json!({ "update": { &theirs: patch } })).await;
            assert_eq!(answer["notUpdated"][&theirs]["type"], "invalidProperties", "{answer}");
        }
        for (method, arguments, kind) in [
            ("HeldMail/get", json!({ "properties": ["body"] }), "invalidArguments"),
            ("HeldMail/get", json!({ "ids": vec!["x"; 51] }), "requestTooLarge"),
            ("HeldMail/set", json!({ "destroy": vec!["x"; 51] }), "requestTooLarge"),
            ("HeldMail/set", json!({ "create": {} }), "invalidArguments"),
        ] {
            assert_eq!(house.one(method, arguments.clone()).await["type"], kind, "{method} {arguments}");
        }
    }
}
