//! The session, requests as a whole, uploads, and news (RFC 8620 §2, §3, §6, §7).

use serde_json::{Value, json};

use crate::house::{NOW, account_id, caller, letter, mailbox_id, stories};

stories! {
    async fn the_session_of_rfc_8620_2(house: House) {
        let session = house.api.session(&caller(1)).await.unwrap();
        let id = account_id(1).to_string();
        assert_eq!(session["username"], "an@a.gov.vn");
        assert_eq!(session["accounts"].as_object().unwrap().keys().collect::<Vec<_>>(), [&id]);
        for uri in ["urn:ietf:params:jmap:mail", "urn:ietf:params:jmap:submission"] {
            assert!(session["capabilities"][uri].is_object());
            assert!(session["accounts"][&id]["accountCapabilities"][uri].is_object());
            assert_eq!(session["primaryAccounts"][uri], id);
        }
        assert_eq!(session["capabilities"]["urn:ietf:params:jmap:core"]["maxObjectsInGet"], 50);
        for (url, parts) in [("downloadUrl", vec!["{accountId}", "{blobId}", "{name}", "{type}"]), ("uploadUrl", vec!["{accountId}"]),
            ("eventSourceUrl", vec!["{types}", "{closeafter}", "{ping}"]), ("apiUrl", vec![])] {
            let text = session[url].as_str().unwrap();
            assert!(text.starts_with("https://mail.a.gov.vn/") && parts.iter().all(|part| text.contains(part)), "{url}");
        }
        let body = json!({ "using": ["urn:ietf:params:jmap:core"], "methodCalls": [["Core/echo", { "hello": true }, "b3ff"]], "createdIds": { "k": "x" } });
        let response = house.api.call(&caller(1), body.to_string().as_bytes(), NOW).await;
        let answer: Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(answer, json!({ "methodResponses": [["Core/echo", { "hello": true }, "b3ff"]], "sessionState": session["state"], "createdIds": { "k": "x" } }));
        let gone = house.api.session(&caller(9)).await;
        assert!(matches!(gone, Err(jmap::Error::AccountNotFound)));
    }

    async fn a_method_needs_its_capability(house: House) {
        let body = json!({ "using": ["urn:ietf:params:jmap:core"], "methodCalls": [["Email/query", { "accountId": account_id(1) }, "c"]] });
        let response = house.api.call(&caller(1), body.to_string().as_bytes(), NOW).await;
        let answer: Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(answer["methodResponses"][0][1]["type"], "unknownMethod");
    }

    async fn arguments_of_wrong_types_are_refused_by_name(house: House) {
        let rows = [
            ("Email/get", json!({ "ids": "x" })), ("Email/get", json!({ "ids": [1] })), ("Email/get", json!({ "ids": [], "more": 1 })),
            ("Email/get", json!({ "ids": [], "maxBodyValueBytes": -1 })), ("Email/query", json!({ "position": 1.5 })),
            ("Email/query", json!({ "limit": 1e300 })), ("Email/query", json!({ "filter": [] })), ("Email/query", json!({ "sort": {} })),
            ("Email/set", json!({ "create": [] })), ("Email/set", json!({ "destroy": {} })), ("Thread/get", json!({ "ids": [null] })),
            ("Mailbox/get", json!({ "properties": ["x"] })), ("Mailbox/changes", json!({})), ("Email/changes", json!({ "sinceState": "1", "maxChanges": 0 })),
            ("Email/import", json!({})), ("EmailSubmission/set", json!({ "onSuccessUpdateEmail": [] })),
        ];
        for (method, arguments) in rows {
            assert_eq!(house.one(method, arguments.clone()).await["type"], "invalidArguments", "{method} {arguments}");
        }
        for method in ["Email/get", "Thread/get"] {
            assert_eq!(house.one(method, json!({})).await["type"], "requestTooLarge", "{method}");
            assert_eq!(house.one(method, json!({ "ids": vec!["x"; 51] })).await["type"], "requestTooLarge", "{method}");
        }
    }

    async fn an_upload_is_kept_and_handed_out_to_its_owner(house: House) {
        let me = account_id(1).to_string();
        let response = house.api.upload(&caller(1), &me, "Text/HTML; charset=utf-8", b"<script>", NOW).await;
        let answer: Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!((response.status, &answer["type"], &answer["size"]), (201, &json!("text/html"), &json!(8)));
        let blob = answer["blobId"].as_str().unwrap();
        let door = house.api.download(&caller(1), &me, blob, "a.html", "text/html").await.unwrap();
        assert!(door.bytes == b"<script>" && door.disposition.starts_with("attachment"));
        let too_much = house.api.upload(&caller(1), &me, "x", &vec![0; 6_000_000], NOW).await;
        assert_eq!(too_much.status, 413);
        for wrong in ["", "x", &format!("{blob}-0x"), &"0".repeat(64)] {
            assert!(house.api.download(&caller(1), &me, wrong, "a", "b").await.is_err(), "{wrong}");
        }
    }

    async fn news_of_rfc_8620_7_3(house: House) {
        let open = async |types: &str, close: &str, ping: &str, last: Option<&str>| house.api.event_source(&caller(1), types, close, ping, last).await;
        for (types, close, ping) in [("*", "never", "0"), ("*", "no", "x"), ("*", "no", "-1"), ("*", "no", "")] {
            assert!(open(types, close, ping, None).await.is_err(), "{types} {close} {ping}");
        }
        let mut all = open("*", "no", "1", None).await.unwrap();
        let mut sent = open("EmailSubmission,Unheard", "state", "0", None).await.unwrap();
        assert_eq!(all.ping_event().text, "event: ping\ndata: {\"interval\":5}\n\n");
        assert!(sent.ping().is_none());
        assert_eq!(house.api.news(&mut all).await.unwrap(), None);
        let mut signals = house.api.store.signals();
        let before = house.one("Email/get", json!({ "ids": [] })).await["state"].as_str().unwrap().to_owned();
        house.deliver(1, &letter("1@x", "a", ""), 1).await;
        let mut signal = signals.recv().await.unwrap();
        // A node that begins to listen to others says that everything is to be looked at.
        while !matches!(signal, store::Signal::Account(_)) {
            signal = signals.recv().await.unwrap();
        }
        assert!(all.wants(&signal) && !all.wants(&store::Signal::Outbox) && !all.wants(&store::Signal::Account(account_id(2))));
        let event = house.api.news(&mut all).await.unwrap().unwrap();
        let data = event.text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        let state = house.one("Email/get", json!({ "ids": [] })).await["state"].clone();
        assert_eq!(data, json!({ "@type": "StateChange", "changed": { account_id(1).to_string(): { "Email": state, "Mailbox": state, "Thread": state } } }));
        assert!(event.text.starts_with("event: state\n") && event.text.ends_with("\n\n") && !event.is_last);
        assert_eq!(house.api.news(&mut all).await.unwrap(), None);
        assert_eq!(house.api.news(&mut sent).await.unwrap(), None);
        // Whoever comes back is told what it missed; and once only when it asked for that.
        let mut back = open("Email", "state", "60", Some(&before)).await.unwrap();
        assert!(house.api.news(&mut back).await.unwrap().unwrap().is_last);
        house.one("Mailbox/set", json!({ "create": { "a": { "name": "x" } } })).await;
        assert_eq!(house.api.news(&mut back).await.unwrap(), None);
        assert!(house.api.news(&mut all).await.unwrap().unwrap().text.contains("Mailbox"));
        assert_eq!(house.one("Mailbox/get", json!({ "ids": [mailbox_id(1, 1)] })).await["list"][0]["totalEmails"], 1);
    }
}
