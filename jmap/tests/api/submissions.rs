//! Handing in (RFC 8621 §6, §7): what is told, what leaves, and what does not.

use std::time::Duration;

use mail::envelope::OutboundMail;
use serde_json::{Value, json};
use store::OutboxKind;

use crate::house::{House, NOW, account_id, mailbox_id, stories};

async fn identity(house: &House, n: u8) -> Value {
    house.one_of(n, "Identity/get", json!({})).await["list"][0]["id"].clone()
}

/// A draft with these properties over a plain one.
async fn draft(house: &House, more: Value) -> Value {
    let mut object = json!({
        "mailboxIds": { mailbox_id(1, 2).to_string(): true }, "keywords": { "$draft": true },
        "from": [{ "email": "an@a.gov.vn" }], "to": [{ "email": "x@b.vn" }], "subject": "Giấy mời",
        "textBody": [{ "partId": "t" }], "bodyValues": { "t": { "value": "Kính gửi" } },
    });
    for (name, value) in more.as_object().unwrap() {
        object[name] = value.clone();
    }
    let made = house.one("Email/set", json!({ "create": { "d": object } })).await;
    assert!(made["notCreated"].is_null(), "{made}");
    made["created"]["d"]["id"].clone()
}

/// Everything that waits to leave, and its bytes.
async fn outbox(house: &House, kind: OutboxKind) -> Vec<(String, OutboundMail, String)> {
    let claimed = house
        .api
        .store
        .write("claim", (), move |tx, ()| {
            Box::pin(async move { tx.claim_outbox(kind, "t", NOW, Duration::from_secs(60), 100).await })
        })
        .await
        .unwrap();
    let mut rows = Vec::new();
    for row in claimed {
        let bytes = house.api.store.read_blob(row.owner, row.blob_id.unwrap()).await.unwrap().unwrap();
        rows.push((
            row.destination,
            serde_json::from_str(&row.payload).unwrap(),
            String::from_utf8(bytes).unwrap(),
        ));
    }
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows
}

stories! {
    /// R7, R10, M11: JMAP is an entrance like every other.
    async fn r10_a_state_secret_is_refused_and_nothing_leaves(house: House) {
        let identity = identity(&house, 1).await;
        let email = draft(&house, json!({ "subject": "MẬT" })).await;
        let answer = house.one("EmailSubmission/set", json!({
            "create": { "s": { "identityId": identity, "emailId": email } },
        })).await;
        let told = &answer["notCreated"]["s"];
        assert_eq!((&told["type"], &told["reason"]), (&json!("forbiddenToSend"), &json!("state_secret")), "{answer}");
        assert!(outbox(&house, OutboxKind::Mail).await.is_empty());
    }

    /// What is brought into a mailbox is looked at, too.
    async fn r8_r10_a_draft_and_an_import_are_entrances(house: House) {
        let secret = json!({ "mailboxIds": { mailbox_id(1, 2).to_string(): true }, "subject": "TUYỆT MẬT" });
        let answer = house.one("Email/set", json!({ "create": { "d": secret } })).await;
        let told = &answer["notCreated"]["d"];
        assert_eq!((&told["type"], &told["reason"]), (&json!("forbidden"), &json!("state_secret")), "{answer}");
        let raw = "Subject: =?UTF-8?B?VFVZ4buGVCBN4bqsVA==?=\r\n\r\nx\r\n";
        let uploaded = house.one("Blob/upload", json!({ "create": { "b": { "data": [{ "data:asText": raw }] } } })).await;
        let blob = uploaded["created"]["b"]["id"].clone();
        let answer = house.one("Email/import", json!({ "emails": { "i": { "blobId": blob, "mailboxIds": { mailbox_id(1, 2).to_string(): true } } } })).await;
        assert_eq!(answer["notCreated"]["i"]["type"], "forbidden", "{answer}");
    }

    async fn one_row_leaves_for_every_domain_and_account(house: House) {
        let identity = identity(&house, 1).await;
        let email = draft(&house, json!({
            "to": [{ "email": "x@b.vn" }, { "email": "Y@b.vn" }, { "email": "x@B.vn" }], "cc": [{ "email": "binh@a.gov.vn" }, { "email": "vanthu@a.gov.vn" }],
            "bcc": [{ "email": "secret@c.vn" }],
        })).await;
        let answers = house.ask(1, json!([["EmailSubmission/set", {
            "accountId": account_id(1), "create": { "s": { "identityId": identity, "emailId": email } },
            "onSuccessUpdateEmail": { "#s": { "keywords/$draft": null, "keywords/$seen": true, "mailboxIds": { mailbox_id(1, 3).to_string(): true } } },
        }, "c"]])).await;
        let id = answers[0][1]["created"]["s"]["id"].clone();
        assert!(id.is_string(), "{answers:?}");
        assert_eq!((&answers[1][0], &answers[1][2]), (&json!("Email/set"), &json!("c")));
        assert!(answers[1][1]["notUpdated"].is_null(), "{answers:?}");
        let got = house.one("Email/get", json!({ "ids": [email], "properties": ["keywords", "mailboxIds", "bcc"] })).await;
        assert_eq!(got["list"][0]["keywords"], json!({ "$seen": true }));
        assert_eq!(got["list"][0]["mailboxIds"], json!({ mailbox_id(1, 3).to_string(): true }));
        assert_eq!(got["list"][0]["bcc"][0]["email"], "secret@c.vn");

        let abroad = outbox(&house, OutboxKind::Mail).await;
        let to: Vec<(&str, Vec<String>)> = abroad.iter().map(|(to, mail, _)| (to.as_str(), mail.recipients.iter().map(|r| r.address.to_string()).collect())).collect();
        assert_eq!(to, [("b.vn", vec!["x@b.vn".to_owned(), "Y@b.vn".to_owned()]), ("c.vn", vec!["secret@c.vn".to_owned()])]);
        let at_home = outbox(&house, OutboxKind::Local).await;
        let accounts: Vec<String> = at_home.iter().map(|(to, ..)| to.clone()).collect();
        assert_eq!(accounts, [account_id(1).to_string(), account_id(2).to_string()]);
        assert_eq!(at_home[1].1.recipients[0].local_account, Some(account_id(2)));
        for (_, mail, bytes) in abroad.iter().chain(&at_home) {
            assert_eq!(mail.reverse_path.as_ref().unwrap().to_string(), "an@a.gov.vn");
            assert_eq!(mail.submission.unwrap().0, account_id(1));
            assert_eq!(json!(mail.submission.unwrap().1), id);
            assert!(!bytes.to_ascii_lowercase().contains("bcc") && !bytes.contains("secret@"), "{bytes}");
            assert!(bytes.contains("Subject: ") && bytes.contains("MIME-Version"));
            // What the examination found goes out with it.
            assert!(bytes.starts_with("X-Examined: yes\r\n"), "{bytes}");
            assert!(!mail.smtputf8 && mail.body_8bit != bytes.is_ascii());
        }
        let got = house.one("EmailSubmission/get", json!({})).await["list"][0].clone();
        assert_eq!((&got["undoStatus"], &got["sendAt"]), (&json!("final"), &json!("2026-11-22T01:00:00Z")));
        assert_eq!(got["envelope"]["mailFrom"], json!({ "email": "an@a.gov.vn", "parameters": null }));
        assert_eq!(got["envelope"]["rcptTo"].as_array().unwrap().len(), 5);
        assert_eq!(got["deliveryStatus"]["secret@c.vn"]["delivered"], "queued");
        let trail = house.api.store.read((), |tx, ()| Box::pin(async move { tx.audit_trail(account_id(1), 10).await })).await.unwrap();
        assert_eq!(trail[0].action, "mail.submitted");
    }

    async fn an_envelope_goes_before_the_fields(house: House) {
        let identity = identity(&house, 1).await;
        let email = draft(&house, json!({ "from": [{ "email": "vanthu@a.gov.vn" }] })).await;
        let made = house.one("EmailSubmission/set", json!({ "create": { "s": { "identityId": identity, "emailId": email, "envelope": {
            "mailFrom": { "email": "an@a.gov.vn", "parameters": { "RET": "HDRS", "ENVID": "q1" } },
            "rcptTo": [{ "email": "nguyễn@d.vn", "parameters": { "NOTIFY": "NEVER" } }],
        } } } })).await;
        assert!(made["notCreated"].is_null(), "{made}");
        let rows = outbox(&house, OutboxKind::Mail).await;
        assert_eq!((rows.len(), rows[0].0.as_str()), (1, "d.vn"));
        assert_eq!((rows[0].1.envid.as_deref(), rows[0].1.ret), (Some("q1"), Some(mail::envelope::DsnReturn::Hdrs)));
        assert_eq!(rows[0].1.recipients[0].notify, Some(mail::envelope::Notify::NEVER));
        assert!(rows[0].1.smtputf8);
    }

    /// RFC 5233: over JMAP an address leads where it leads over SMTP.
    async fn a_tag_leads_to_the_account_and_is_kept(house: House) {
        let identity = identity(&house, 1).await;
        let email = draft(&house, json!({ "to": [{ "email": "binh+hop@a.gov.vn" }] })).await;
        let answer = house.one("EmailSubmission/set", json!({ "create": { "s": { "identityId": identity, "emailId": email } } })).await;
        assert!(answer["created"]["s"]["id"].is_string(), "{answer}");
        let at_home = outbox(&house, OutboxKind::Local).await;
        let [(destination, mail, _)] = at_home.as_slice() else { panic!("{at_home:?}") };
        assert_eq!(*destination, account_id(2).to_string());
        assert_eq!(mail.recipients[0].local_account, Some(account_id(2)));
        assert_eq!(mail.recipients[0].address.to_string(), "binh+hop@a.gov.vn");
    }

    async fn submissions_that_are_refused_leave_nothing(house: House) {
        let identity = identity(&house, 1).await;
        let to = |address: &str| json!({ "mailFrom": { "email": "an@a.gov.vn" }, "rcptTo": [{ "email": address }] });
        let many: Vec<Value> = (0..501).map(|n| json!({ "email": format!("x{n}@b.vn") })).collect();
        let rows = [
            (json!({ "from": [{ "email": "binh@a.gov.vn" }] }), Value::Null, "forbiddenFrom"),
            (json!({ "from": [{ "email": "an@a.gov.vn" }, { "email": "boss@b.vn" }] }), Value::Null, "forbiddenFrom"),
            (json!({ "sender": [{ "email": "boss@b.vn" }] }), Value::Null, "forbiddenFrom"),
            (json!({ "from": null }), Value::Null, "invalidEmail"),
            (json!({ "from": [{ "email": "an" }] }), Value::Null, "invalidEmail"),
            (json!({ "to": null }), Value::Null, "noRecipients"),
            (json!({ "to": [{ "email": "nobody@a.gov.vn" }] }), Value::Null, "invalidRecipients"),
            (json!({ "to": [{ "email": "nobody+an@a.gov.vn" }] }), Value::Null, "invalidRecipients"),
            (json!({ "to": [{ "email": "half" }] }), Value::Null, "invalidRecipients"),
            (json!({ "to": many }), Value::Null, "tooManyRecipients"),
            (json!({}), to("a b@b.vn"), "invalidRecipients"),
            (json!({}), json!({ "mailFrom": { "email": "binh@a.gov.vn" }, "rcptTo": [{ "email": "x@b.vn" }] }), "forbiddenMailFrom"),
            (json!({}), json!({ "mailFrom": {}, "rcptTo": [] }), "invalidProperties"),
        ];
        for (more, envelope, kind) in rows {
            let email = draft(&house, more.clone()).await;
            let made = house.one("EmailSubmission/set", json!({
                "create": { "s": { "identityId": identity, "emailId": email, "envelope": envelope } }, "onSuccessDestroyEmail": ["#s"],
            })).await;
            assert_eq!(made["notCreated"]["s"]["type"], kind, "{more} {envelope}: {made}");
        }
        assert!(outbox(&house, OutboxKind::Mail).await.is_empty());
        assert!(outbox(&house, OutboxKind::Local).await.is_empty());
        assert_eq!(house.one("EmailSubmission/query", json!({ "calculateTotal": true })).await["total"], 0);
        assert_eq!(house.one("Email/query", json!({ "calculateTotal": true })).await["total"], 13);
    }

    async fn a_suspended_account_sends_nothing(house: House) {
        let (identity, email) = (identity(&house, 1).await, draft(&house, json!({})).await);
        house.api.store.write("suspend", (), |tx, ()| Box::pin(async move {
            tx.set_account_state(account_id(1), store::AccountState::Suspended, NOW).await
        })).await.unwrap();
        let made = house.one("EmailSubmission/set", json!({ "create": { "s": { "identityId": identity, "emailId": email } } })).await;
        assert_eq!(made["notCreated"]["s"]["type"], "forbiddenToSend");
    }

    async fn what_was_sent_is_looked_up_and_forgotten(house: House) {
        let identities = house.one("Identity/get", json!({})).await;
        let addresses: Vec<&Value> = identities["list"].as_array().unwrap().iter().map(|i| &i["email"]).collect();
        assert_eq!(addresses, ["an@a.gov.vn", "vanthu@a.gov.vn"]);
        let same = house.one("Identity/changes", json!({ "sinceState": identities["state"] })).await;
        assert_eq!(same["newState"], identities["state"]);
        let identity = &identities["list"][0]["id"];
        let mut ids = Vec::new();
        for n in 0..3 {
            let email = draft(&house, json!({ "subject": n.to_string() })).await;
            let made = house.one("EmailSubmission/set", json!({
                "create": { "s": { "identityId": identity, "emailId": email } }, "onSuccessDestroyEmail": ["#s"],
            })).await;
            ids.push(made["created"]["s"]["id"].clone());
            let gone = house.one("Email/get", json!({ "ids": [email] })).await;
            assert_eq!(gone["notFound"], json!([email]));
        }
        // The outbox holds the bytes of a message that is gone.
        assert_eq!(outbox(&house, OutboxKind::Mail).await.len(), 3);
        let oldest = house.one("EmailSubmission/query", json!({ "sort": [{ "property": "sentAt" }], "filter": { "identityIds": [identity] } })).await;
        assert_eq!(oldest["ids"].as_array().unwrap().len(), 3);
        assert_eq!(house.one("EmailSubmission/query", json!({ "filter": { "emailIds": [] } })).await["ids"], json!([]));
        assert_eq!(house.one("EmailSubmission/query", json!({ "filter": { "x": 1 } })).await["type"], "unsupportedFilter");
        let id = ids[0].as_str().unwrap();
        let late = house.one("EmailSubmission/set", json!({ "update": { id: { "undoStatus": "canceled" } } })).await;
        assert_eq!(late["notUpdated"][id]["type"], "cannotUnsend");
        let before = house.one("EmailSubmission/get", json!({ "ids": [id] })).await["state"].clone();
        let gone = house.one("EmailSubmission/set", json!({ "destroy": [id] })).await;
        assert_eq!(gone["destroyed"], json!([id]));
        assert_eq!(house.one("EmailSubmission/changes", json!({ "sinceState": before })).await["destroyed"], json!([id]));
    }
}
