//! Handing in for an agency's box (RULES M1, M26).

use std::time::Duration;

use mail::AgencyId;
use serde_json::{Value, json};
use store::{AccountKind, Delegate, NewAccount, OutboxKind};

use crate::house::{House, NOW, account_id, mailbox_id, stories};

/// The box 7, as which account 1 may send until tomorrow, or was allowed to until now.
async fn with_a_box(house: &House, rights: &'static str, lasts: Duration) {
    let write = house.api.store.write("a box", (), move |tx, ()| {
        Box::pin(async move {
            let agency_id = AgencyId::from_bytes([1; 16]);
            let new = NewAccount {
                account_id: account_id(7),
                agency_id,
                unit_id: None,
                kind: AccountKind::Agency,
                role: store::Role::Clerk,
                display_name: "Sở Nội vụ".into(),
                position: String::new(),
                password_hash: None,
                must_change_password: false,
                quota_bytes: 10_000,
                address: "so@a.gov.vn".parse().unwrap(),
            };
            tx.add_account(&new, NOW).await?;
            let delegate = Delegate {
                box_id: account_id(7),
                person_id: account_id(1),
                rights: rights.parse()?,
                valid_from: mail::Timestamp::from_secs(0),
                valid_to: NOW.plus(lasts),
                decision: "7/QĐ".into(),
                granted_by: "test".into(),
            };
            tx.put_delegate(&delegate, agency_id, NOW).await
        })
    });
    let written: Result<(), store::Error> = write.await;
    written.unwrap();
}

/// The identity with an address, as one account is told of it.
async fn identity(house: &House, n: u8, address: &str) -> Option<Value> {
    let told = house.one_of(n, "Identity/get", json!({})).await;
    told["list"].as_array().unwrap().iter().find(|one| one["email"] == address).cloned()
}

/// Hands in a draft with these fields: the fault's name, or `null`.
async fn submitted(house: &House, identity: &Value, fields: Value, mail_from: Option<&str>) -> Value {
    let mut draft = json!({
        "mailboxIds": { mailbox_id(1, 2).to_string(): true }, "from": [{ "email": "so@a.gov.vn" }],
        "to": [{ "email": "x@b.vn" }], "subject": "Giấy mời", "bcc": [{ "email": "y@b.vn" }],
        "textBody": [{ "partId": "t" }], "bodyValues": { "t": { "value": "Kính gửi" } },
    });
    for (name, value) in fields.as_object().unwrap() {
        draft[name] = value.clone();
    }
    let made = house.one("Email/set", json!({ "create": { "d": draft } })).await;
    assert!(made["notCreated"].is_null(), "{made}");
    let mut create = json!({ "identityId": identity, "emailId": made["created"]["d"]["id"] });
    if let Some(mail_from) = mail_from {
        create["envelope"] = json!({ "mailFrom": { "email": mail_from }, "rcptTo": [{ "email": "x@b.vn" }] });
    }
    let answer = house.one("EmailSubmission/set", json!({ "create": { "s": create } })).await;
    answer["notCreated"]["s"]["type"].clone()
}

/// What waits to leave: return path and bytes.
async fn left(house: &House) -> Vec<(String, String)> {
    let claimed = house
        .api
        .store
        .write("claim", (), |tx, ()| {
            Box::pin(async move {
                tx.claim_outbox(OutboxKind::Mail, "t", NOW, Duration::from_secs(60), 100).await
            })
        })
        .await
        .unwrap();
    let mut left = Vec::new();
    for row in claimed {
        let bytes = house.api.store.read_blob(row.owner, row.blob_id.unwrap()).await.unwrap().unwrap();
        let payload: Value = serde_json::from_str(&row.payload).unwrap();
        left.push((payload["reverse_path"].as_str().unwrap().to_owned(), String::from_utf8(bytes).unwrap()));
    }
    left
}

const DAY: Duration = Duration::from_secs(86_400);

stories! {
    async fn m26_a_delegate_sends_as_the_box(house: House) {
        with_a_box(&house, "send_as", DAY).await;
        let told = identity(&house, 1, "so@a.gov.vn").await.unwrap();
        assert_eq!(told["name"], "Sở Nội vụ");
        assert!(identity(&house, 2, "so@a.gov.vn").await.is_none(), "nobody else is told of it");
        let id = &told["id"];
        assert_eq!(submitted(&house, id, json!({}), None).await, Value::Null);
        assert_eq!(submitted(&house, id, json!({ "from": [{ "email": "binh@a.gov.vn" }] }), None).await, "forbiddenFrom");
        assert_eq!(submitted(&house, id, json!({}), Some("binh@a.gov.vn")).await, "forbiddenMailFrom");
        let left = left(&house).await;
        let [(path, bytes)] = left.as_slice() else { panic!("{left:?}") };
        assert!(path == "so@a.gov.vn" && !bytes.contains("Sender:"), "{bytes}");
        let trail = house.api.store.read((), |tx, ()| Box::pin(async move { tx.audit_trail(account_id(7), 10).await })).await.unwrap();
        assert_eq!((trail[0].action.as_str(), trail[0].actor.as_str()), ("mail.submitted", account_id(1).to_string().as_str()));
        assert!(trail[0].detail.contains(&account_id(7).to_string()), "{}", trail[0].detail);
    }

    async fn m26_rfc_5322_on_behalf_names_the_person(house: House) {
        with_a_box(&house, "send_on_behalf", DAY).await;
        let id = identity(&house, 1, "so@a.gov.vn").await.unwrap()["id"].clone();
        let own = json!([{ "email": "an@a.gov.vn" }]);
        let a_box = json!([{ "email": "so@a.gov.vn" }]);
        let rows = [
            (json!({}), None, Value::Null),
            (json!({ "sender": own }), None, Value::Null),
            (json!({ "sender": [{ "email": "binh@a.gov.vn" }] }), None, json!("forbiddenFrom")),
            (json!({ "sender": a_box }), None, json!("forbiddenFrom")),
            (json!({ "from": own, "sender": a_box }), None, json!("forbiddenFrom")),
            (json!({}), Some("so@a.gov.vn"), json!("forbiddenMailFrom")),
        ];
        for (fields, mail_from, expected) in rows {
            assert_eq!(submitted(&house, &id, fields.clone(), mail_from).await, expected, "{fields} {mail_from:?}");
        }
        let left = left(&house).await;
        assert_eq!(left.len(), 2);
        for (path, bytes) in left {
            assert_eq!((path.as_str(), bytes.matches("Sender: ").count()), ("an@a.gov.vn", 1), "{bytes}");
            assert!(!bytes.contains("Bcc") && bytes.contains("From: "), "{bytes}");
        }
    }

    async fn m26_what_is_over_is_no_identity(house: House) {
        let id = {
            with_a_box(&house, "send_as,send_on_behalf", Duration::ZERO).await;
            assert!(identity(&house, 1, "so@a.gov.vn").await.is_none());
            identity(&house, 1, "an@a.gov.vn").await.unwrap()["id"].clone()
        };
        assert_eq!(submitted(&house, &id, json!({}), None).await, "forbiddenFrom");
        assert!(left(&house).await.is_empty());
    }
}
