//! Mail in the quarantine, seen by whom it is for (RULES M33, docs/JMAP.md).

use mail::envelope::{OutboundMail, OutboundRecipient};
use mail::letter::{Door, Hold, Releaser};
use mail::{AccountId, QuarantineId};
use serde_json::{Value, json};
use store::{Lane, NewHeld, NewOutbox, OutboxKind};

use crate::house::{House, NOW, account_id, stories};

/// Holds a letter, taken in by one account for another.
async fn hold(house: &House, (owner, to): (u8, u8), door: Door, releaser: Releaser) -> String {
    hold_for(house, (owner, to), door, releaser, None).await
}

/// The same, seen by the keeper of a list.
async fn hold_for(
    house: &House,
    (owner, to): (u8, u8),
    door: Door,
    releaser: Releaser,
    keeper: Option<AccountId>,
) -> String {
    let store = &house.api.store;
    let raw = "From: vt@so.vn\r\nSubject: =?UTF-8?Q?Gi=E1=BA=A5y_m=E1=BB=9Di?=\r\n\r\nkín\r\n".as_bytes();
    let sealed = store.seal(account_id(owner), raw, NOW).await.unwrap();
    let mail = OutboundMail {
        require_tls: false,
        priority: None,
        not_before: None,
        deliver_by: None,
        via: None,
        list: None,
        forwarded_by: None,
        to_list: None,
        reverse_path: Some("vt@so.vn".parse().unwrap()),
        recipients: vec![OutboundRecipient::plain("an@a.gov.vn".parse().unwrap())],
        submission: None,
        envid: None,
        ret: None,
        smtputf8: false,
        body_8bit: false,
        binary: false,
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
                let id = tx.hold_mail(&NewHeld { row, hold, door, keeper }, NOW).await?;
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

    async fn m33_who_keeps_a_list_decides_what_others_send_to_it(house: House) {
        let theirs = hold_for(&house, (2, 2), Door::Jmap, Releaser::Person, Some(account_id(1))).await;
        let own = hold_for(&house, (1, 1), Door::Jmap, Releaser::Person, Some(account_id(1))).await;
        let seen = house.one("HeldMail/get", json!({ "ids": [theirs, own], "properties": ["mayRelease"] })).await;
        assert_eq!(seen["list"], json!([{ "id": theirs, "mayRelease": true }, { "id": own, "mayRelease": false }]), "{seen}");
        assert_eq!(listed(&house, 2).await, Vec::<Value>::new(), "who sent it does not see it");
        let released = house.one("HeldMail/set", json!({ "update": { &theirs: { "isReleased": true }, &own: { "isReleased": true } } })).await;
        assert_eq!((&released["updated"], &released["notUpdated"][&own]["type"]), (&json!({ &theirs: null }), &json!("forbidden")), "{released}");
    }

    async fn m33_what_a_person_says_of_a_mail_is_kept(house: House) {
        let malware = hold(&house, (2, 1), Door::Mx, Releaser::Administrator).await;
        let sent = hold(&house, (1, 2), Door::Jmap, Releaser::Person).await;
        let theirs = hold(&house, (1, 2), Door::Mx, Releaser::Person).await;
        let say = async |id: &String, word: &str| {
            let answer = house.one("HeldMail/set", json!({ "update": { id: { "judgement": word } } })).await;
            answer["notUpdated"][id]["type"].as_str().unwrap_or("kept").to_owned()
        };
        // One may say what a mail is without deciding about it; not of what one sends, nor of others' mail.
        for (id, word, expected) in [(&malware, "phishing", "kept"), (&sent, "right", "forbidden"), (&theirs, "right", "notFound"), (&malware, "x", "invalidProperties")] {
            assert_eq!(say(id, word).await, expected, "{word}");
        }
        let id: QuarantineId = malware.parse().unwrap();
        let read = house.api.store.read(id, |tx, id| Box::pin(async move { tx.held_mail(*id).await }));
        let found: Result<Option<store::HeldMail>, store::Error> = read.await;
        assert_eq!(found.unwrap().unwrap().judgement, "phishing");
        let counted = house.api.store.read((), |tx, ()| Box::pin(async move { tx.quarantine_counts(NOW, NOW.plus(std::time::Duration::from_secs(1))).await }));
        let counted: Result<Vec<store::QuarantineCount>, store::Error> = counted.await;
        let counted: Vec<(String, i64)> = counted.unwrap().into_iter().map(|one| (one.judgement, one.count)).collect();
        assert_eq!(counted, [(String::new(), 2), ("phishing".to_owned(), 1)]);
    }
}
