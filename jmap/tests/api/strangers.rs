//! Nobody sees or touches what belongs to another account: one row for each method and id.

use serde_json::{Value, json};

use crate::house::{account_id, caller, letter, mailbox_id, stories};

/// How another's ids are tried on each method; the stories below do it. A method that is not here fails the first story.
#[rustfmt::skip]
const TRIED: &[(&str, &[&str])] = &[
    ("ids of objects",             &["Mailbox/get", "Thread/get", "Email/get", "Identity/get", "EmailSubmission/get", "Blob/get", "Blob/lookup", "HeldMail/get", "PushSubscription/get"]),
    ("objects to change",          &["Mailbox/set", "Email/set", "Identity/set", "EmailSubmission/set", "HeldMail/set", "PushSubscription/set"]),
    ("ids inside of objects",      &["Email/import", "Email/parse", "Email/copy", "Blob/copy", "Blob/upload", "OfficialDocument/register"]),
    ("ids in filters, or anchors", &["Email/query", "Email/queryChanges", "EmailSubmission/query", "SearchSnippet/get"]),
    // Nothing but the account names anything.
    ("the account alone",          &["Core/echo", "Quota/get", "Quota/changes", "Quota/query", "Quota/queryChanges", "Mailbox/changes", "Mailbox/query", "Mailbox/queryChanges",
                                     "Thread/changes", "Email/changes", "Identity/changes", "EmailSubmission/changes", "EmailSubmission/queryChanges",
                                     "VacationResponse/get", "VacationResponse/set"]),
];

stories! {
    async fn every_method_is_tried_with_what_is_anothers(_house: House) {
        let mut tried: Vec<&str> = TRIED.iter().flat_map(|(_, methods)| *methods).copied().collect();
        let mut known: Vec<&str> = jmap::METHODS.iter().map(|(method, _)| *method).collect();
        tried.sort_unstable();
        known.sort_unstable();
        assert_eq!(tried, known);
    }

    async fn anothers_push_subscriptions_and_documents_are_not_there(house: House) {
        let call = async |n: u8, name: &str, arguments: Value| house.ask(n, json!([[name, arguments, "c"]])).await.remove(0)[1].take();
        let wanted = json!({ "deviceClientId": "d1", "url": "https://push.example.vn/p/1", "types": null });
        let made = call(2, "PushSubscription/set", json!({ "create": { "p": wanted } })).await;
        let id = made["created"]["p"]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        assert_eq!(call(1, "PushSubscription/get", json!({ "ids": [id] })).await["notFound"], json!([id]));
        assert_eq!(call(1, "PushSubscription/get", json!({ "ids": null })).await["list"], json!([]));
        let set = call(1, "PushSubscription/set", json!({ "update": { &id: { "types": ["Email"] } }, "destroy": [id] })).await;
        assert_eq!((&set["notUpdated"][&id]["type"], &set["notDestroyed"][&id]["type"]), (&json!("notFound"), &json!("notFound")), "{set}");
        assert_eq!(call(2, "PushSubscription/get", json!({ "ids": null })).await["list"][0]["id"], id);
        let theirs = house.deliver(2, &letter("1@x", "05/QĐ-UBND", ""), 1).await;
        let document = json!({ "emailId": theirs, "sha256": "05".repeat(32) });
        assert_eq!(house.one("OfficialDocument/register", document).await["type"], "notFound");
        let snippet = house.one("SearchSnippet/get", json!({ "filter": { "text": "x" }, "emailIds": [theirs] })).await;
        assert_eq!((&snippet["list"], &snippet["notFound"]), (&json!([]), &json!([theirs])), "{snippet}");
    }

    async fn every_method_denies_another_account(house: House) {
        // Arguments that only some methods want: none of them is looked at before the account.
        let theirs = json!(account_id(2));
        for (method, _) in jmap::METHODS.iter().filter(|(method, _)| *method != "Core/echo" && !method.starts_with("PushSubscription")) {
            for account in [theirs.clone(), json!("00000000000000000000000000000000"), json!("x"), json!("../2")] {
                let answer = house.one(method, json!({ "accountId": account, "emails": {}, "sinceState": "1", "blobIds": [] })).await;
                assert_eq!(answer["type"], "accountNotFound", "{method} {account}");
            }
            let answer = house.ask(1, json!([[method, {}, "c"]])).await;
            assert_eq!(answer[0][1]["type"], "invalidArguments", "{method}");
        }
        for (method, more) in [("Email/copy", json!({ "create": {} })), ("Blob/copy", json!({ "blobIds": [] }))] {
            for from in [theirs.clone(), json!("x")] {
                let mut arguments = more.clone();
                arguments["fromAccountId"] = from;
                assert_eq!(house.one(method, arguments).await["type"], "fromAccountNotFound", "{method}");
            }
        }
    }

    /// A method is known under its own capability and no other.
    async fn rfc_8620_3_3_a_method_wants_its_capability(house: House) {
        for (method, capability) in jmap::METHODS {
            for using in jmap::request::CAPABILITIES {
                let body = json!({ "using": [using], "methodCalls": [[method, { "accountId": 1 }, "c"]] });
                let answer = house.api.call(&caller(1), body.to_string().as_bytes(), crate::house::NOW).await;
                let answer: Value = serde_json::from_slice(&answer.body).unwrap();
                let is_unknown = answer["methodResponses"][0][1]["type"] == "unknownMethod";
                assert_eq!(is_unknown, using != *capability, "{method} under {using}: {answer}");
            }
        }
    }

    async fn every_id_of_another_account_is_not_there(house: House) {
        let theirs = house.deliver(2, &letter("1@x", "kín", ""), 1).await;
        let email = house.one_of(2, "Email/get", json!({ "ids": [theirs], "properties": ["blobId", "threadId"] })).await["list"][0].clone();
        let identity = house.one_of(2, "Identity/get", json!({})).await["list"][0]["id"].clone();
        let mailbox = json!(mailbox_id(2, 1));
        let draft = house.one_of(2, "Email/set", json!({ "create": { "d": {
            "mailboxIds": { mailbox_id(2, 2).to_string(): true }, "from": [{ "email": "binh@a.gov.vn" }], "to": [{ "email": "x@b.vn" }],
        } } })).await["created"]["d"]["id"].clone();
        let sent = house.one_of(2, "EmailSubmission/set", json!({ "create": { "s": { "identityId": identity, "emailId": draft } } })).await;
        let submission = sent["created"]["s"]["id"].clone();
        assert!(submission.is_string(), "{sent}");
        let gets = [
            ("Mailbox/get", &mailbox), ("Thread/get", &email["threadId"]), ("Email/get", &email["id"]),
            ("Identity/get", &identity), ("EmailSubmission/get", &submission), ("Blob/get", &email["blobId"]),
        ];
        for (method, id) in gets {
            let answer = house.one(method, json!({ "ids": [id] })).await;
            assert_eq!((&answer["list"], &answer["notFound"]), (&json!([]), &json!([id])), "{method}");
        }
        for (method, id) in [("Mailbox/set", &mailbox), ("Email/set", &email["id"]), ("EmailSubmission/set", &submission), ("Identity/set", &identity)] {
            let id = id.as_str().unwrap();
            let answer = house.one(method, json!({ "update": { id: {} }, "destroy": [id] })).await;
            assert_eq!(answer["notUpdated"][id]["type"], "notFound", "{method}: {answer}");
            assert_eq!(answer["notDestroyed"][id]["type"], "notFound", "{method}");
        }
        let mine = house.deliver(1, &letter("2@x", "mở", ""), 1).await;
        let own = house.one("Identity/get", json!({})).await["list"][0]["id"].clone();
        let blob = email["blobId"].as_str().unwrap();
        let box1 = mailbox_id(1, 1).to_string();
        let refused = [
            ("Email/set", json!({ "update": { &mine: { "mailboxIds": { mailbox_id(2, 1).to_string(): true } } } }), "notUpdated", "invalidProperties"),
            ("Email/set", json!({ "update": { &mine: { format!("mailboxIds/{}", mailbox_id(2, 1)): true } } }), "notUpdated", "invalidProperties"),
            ("Email/set", json!({ "create": { "a": { "mailboxIds": { mailbox_id(2, 1).to_string(): true } } } }), "notCreated", "invalidProperties"),
            ("Email/set", json!({ "create": { "a": { "mailboxIds": { &box1: true }, "attachments": [{ "blobId": blob }] } } }), "notCreated", "blobNotFound"),
            ("Email/set", json!({ "create": { "a": { "mailboxIds": { &box1: true }, "attachments": [{ "blobId": format!("{blob}-0") }] } } }), "notCreated", "blobNotFound"),
            ("Email/import", json!({ "emails": { "a": { "mailboxIds": { &box1: true }, "blobId": blob } } }), "notCreated", "blobNotFound"),
            ("Mailbox/set", json!({ "create": { "a": { "name": "n", "parentId": mailbox } } }), "notCreated", "invalidProperties"),
            ("EmailSubmission/set", json!({ "create": { "a": { "identityId": own, "emailId": email["id"] } } }), "notCreated", "invalidProperties"),
            ("EmailSubmission/set", json!({ "create": { "a": { "identityId": identity, "emailId": mine } } }), "notCreated", "invalidProperties"),
        ];
        for (method, arguments, list, kind) in refused {
            let answer = house.one(method, arguments.clone()).await;
            let errors = answer[list].as_object().unwrap_or_else(|| panic!("{method} {arguments}: {answer}"));
            assert!(errors.values().all(|error| error["type"] == kind), "{method} {arguments}: {answer}");
        }
        let looked_up = house.one("Blob/lookup", json!({ "typeNames": ["Email"], "ids": [blob, format!("{blob}-0")] })).await;
        assert_eq!((&looked_up["list"], looked_up["notFound"].as_array().map(Vec::len)), (&json!([]), Some(2)), "{looked_up}");
        assert_eq!(house.one("Email/query", json!({ "filter": { "inMailbox": mailbox } })).await["ids"], json!([]));
        let delta = house.one("Email/queryChanges", json!({ "filter": { "inMailbox": mailbox }, "sinceQueryState": "1" })).await;
        assert_eq!(delta["added"], json!([]));
        for filter in [json!({ "emailIds": [draft] }), json!({ "identityIds": [identity] })] {
            assert_eq!(house.one("EmailSubmission/query", json!({ "filter": filter })).await["ids"], json!([]));
        }
        let parsed = house.one("Email/parse", json!({ "blobIds": [blob, format!("{blob}-0")] })).await;
        assert_eq!((&parsed["parsed"], parsed["notFound"].as_array().map(Vec::len)), (&Value::Null, Some(2)));
        let copied = house.one("Blob/copy", json!({ "fromAccountId": account_id(1), "blobIds": [blob] })).await;
        assert_eq!((&copied["copied"], &copied["notCopied"][blob]["type"]), (&Value::Null, &json!("notFound")));
        let made = house.one("Blob/upload", json!({ "create": { "a": { "data": [{ "blobId": blob }] } } })).await;
        assert_eq!(made["notCreated"]["a"]["type"], "blobNotFound");
        assert_eq!(house.one("Email/query", json!({ "anchor": email["id"] })).await["type"], "anchorNotFound");
        let (api, me) = (&house.api, caller(1));
        for (account, blob) in [(account_id(1), blob.to_owned()), (account_id(2), blob.to_owned()), (account_id(1), format!("{blob}-0"))] {
            let door = api.download(&me, &account.to_string(), &blob, "x", "text/plain").await;
            assert!(matches!(door, Err(jmap::Error::NotFound)), "{account} {blob}");
        }
        assert_eq!(api.upload(&me, &account_id(2).to_string(), "text/plain", b"x", crate::house::NOW).await.status, 404);
        // Nothing of it happened.
        let still = house.one_of(2, "Email/get", json!({ "ids": [theirs], "properties": ["mailboxIds", "keywords"] })).await;
        assert_eq!(still["list"][0]["mailboxIds"], json!({ mailbox.as_str().unwrap(): true }));
        assert_eq!(house.one_of(2, "Mailbox/get", json!({ "ids": [mailbox] })).await["notFound"], Value::Array(vec![]));
    }
}
