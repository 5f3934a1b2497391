//! The session, requests as a whole, uploads, and news (RFC 8620 §2, §3, §6, §7).

use jmap::websocket::Heard;
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
        let socket = &session["capabilities"]["urn:ietf:params:jmap:websocket"];
        assert_eq!(*socket, json!({ "url": "wss://mail.a.gov.vn/jmap/ws", "supportsPush": true }));
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
        let mut watch = house.api.store.watch(all.account_id());
        let before = house.one("Email/get", json!({ "ids": [] })).await["state"].as_str().unwrap().to_owned();
        house.deliver(1, &letter("1@x", "a", ""), 1).await;
        watch.changed().await;
        let event = house.api.news(&mut all).await.unwrap().unwrap();
        let data = event.text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        let state = house.one("Email/get", json!({ "ids": [] })).await["state"].clone();
        assert_eq!(data, json!({ "@type": "StateChange", "changed": { account_id(1).to_string(): { "Email": state, "Mailbox": state, "Thread": state, "EmailDelivery": state } } }));
        assert!(event.text.starts_with("event: state\n") && event.text.ends_with("\n\n") && !event.is_last);
        assert_eq!(house.api.news(&mut all).await.unwrap(), None);
        assert_eq!(house.api.news(&mut sent).await.unwrap(), None);
        // Whoever comes back is told what it missed; and once only when it asked for that.
        let mut back = open("Email", "state", "60", Some(&before)).await.unwrap();
        assert!(house.api.news(&mut back).await.unwrap().unwrap().is_last);
        house.one("Mailbox/set", json!({ "create": { "a": { "name": "x" } } })).await;
        assert_eq!(house.api.news(&mut back).await.unwrap(), None);
        let event = house.api.news(&mut all).await.unwrap().unwrap().text;
        assert!(event.contains("Mailbox") && !event.contains("Email"), "{event}");
        assert_eq!(house.one("Mailbox/get", json!({ "ids": [mailbox_id(1, 1)] })).await["list"][0]["totalEmails"], 1);
    }

    async fn rfc_8887_4_3_messages(house: House) {
        let mut socket = house.api.socket(&caller(1));
        let hear = async |socket: &mut jmap::websocket::Socket, text: String| match house.api.hear(socket, &caller(1), &text).await {
            Heard::Request(asked) => house.api.answer_socket(&caller(1), asked, NOW).await,
            Heard::Wrong(error) => error,
            Heard::News => "news".to_owned(),
            Heard::Settled => "settled".to_owned(),
        };
        let json_of = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let echo = json!({ "@type": "Request", "id": "R1", "using": ["urn:ietf:params:jmap:core"], "methodCalls": [["Core/echo", { "a": 1 }, "c"]] });
        let answer = json_of(&hear(&mut socket, echo.to_string()).await);
        assert_eq!((&answer["@type"], &answer["requestId"]), (&json!("Response"), &json!("R1")));
        assert_eq!(answer["methodResponses"], json!([["Core/echo", { "a": 1 }, "c"]]));
        let wrong = [
            ("{", "notJSON", Value::Null), ("[]", "notRequest", Value::Null), ("{}", "notRequest", Value::Null),
            (r#"{"@type":"Wish","id":"x"}"#, "notRequest", json!("x")), (r#"{"@type":"Request","id":7}"#, "notRequest", Value::Null),
            (r#"{"@type":"Request","id":"y","using":["urn:x"],"methodCalls":[]}"#, "unknownCapability", json!("y")),
            (r#"{"@type":"WebSocketPushEnable","dataTypes":"Email"}"#, "notRequest", Value::Null),
            (r#"{"@type":"WebSocketPushEnable","dataTypes":null,"pushState":5}"#, "notRequest", Value::Null),
        ];
        for (text, kind, id) in wrong {
            let error = json_of(&hear(&mut socket, text.to_owned()).await);
            assert_eq!((&error["@type"], &error["requestId"], &error["status"]), (&json!("RequestError"), &id, &json!(400)), "{text}");
            assert_eq!(error["type"], format!("urn:ietf:params:jmap:error:{kind}"), "{text}");
        }
        let large = format!(r#"{{"@type":"Request","id":"{}"}}"#, "x".repeat(11_000_000));
        assert_eq!(json_of(&hear(&mut socket, large).await)["limit"], "maxSizeRequest");
        // Nothing is pushed before it is asked for, and after it is not wanted any more.
        house.deliver(1, &letter("1@x", "a", ""), 1).await;
        assert!(!socket.is_pushing() && house.api.socket_news(&mut socket).await.unwrap().is_none());
        let before = house.one("Email/get", json!({ "ids": [] })).await["state"].clone();
        let enable = |types: Value, state: Value| json!({ "@type": "WebSocketPushEnable", "dataTypes": types, "pushState": state }).to_string();
        assert_eq!(hear(&mut socket, enable(Value::Null, Value::Null)).await, "news");
        assert!(socket.is_pushing() && house.api.socket_news(&mut socket).await.unwrap().is_none());
        house.deliver(1, &letter("2@x", "b", ""), 2).await;
        house.deliver(2, &letter("3@x", "kín", ""), 2).await;
        let told = json_of(&house.api.socket_news(&mut socket).await.unwrap().unwrap());
        let state = house.one("Email/get", json!({ "ids": [] })).await["state"].clone();
        let all = json!({ "Email": state, "Mailbox": state, "Thread": state, "EmailDelivery": state });
        assert_eq!(told, json!({ "@type": "StateChange", "changed": { account_id(1).to_string(): all }, "pushState": state }));
        assert!(house.api.socket_news(&mut socket).await.unwrap().is_none());
        assert_eq!(hear(&mut socket, enable(json!(["Mailbox", "Unheard"]), before)).await, "news");
        let told = json_of(&house.api.socket_news(&mut socket).await.unwrap().unwrap());
        assert_eq!(told["changed"][account_id(1).to_string()], json!({ "Mailbox": state }));
        assert_eq!(hear(&mut socket, r#"{"@type":"WebSocketPushDisable"}"#.to_owned()).await, "settled");
        house.deliver(1, &letter("4@x", "c", ""), 3).await;
        assert!(!socket.is_pushing() && house.api.socket_news(&mut socket).await.unwrap().is_none());
    }
}
