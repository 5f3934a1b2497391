//! Every error of RFC 8620 §3.6 by name, and the limits a session promises.

use serde_json::{Value, json};

use crate::house::{NOW, account_id, caller, mailbox_id, stories};

stories! {
    async fn rfc_8620_3_6_1_requests_that_are_none(house: House) {
        let limits = house.api.limits.clone();
        let calls = vec![json!(["Core/echo", {}, "c"]); limits.calls_max + 1];
        let too_many = json!({ "using": [], "methodCalls": calls }).to_string();
        let too_large = format!("{{\"using\":[],\"methodCalls\":[]}}{}", " ".repeat(limits.size_request_max));
        let rows = [
            ("{",                                                                   400, "urn:ietf:params:jmap:error:notJSON", None),
            ("{}",                                                                  400, "urn:ietf:params:jmap:error:notRequest", None),
            (r#"{"using":["urn:ietf:params:jmap:contacts"],"methodCalls":[]}"#,     400, "urn:ietf:params:jmap:error:unknownCapability", None),
            (&too_many,                                                             400, "urn:ietf:params:jmap:error:limit", Some("maxCallsInRequest")),
            (&too_large,                                                            400, "urn:ietf:params:jmap:error:limit", Some("maxSizeRequest")),
        ];
        for (body, status, kind, limit) in rows {
            let response = house.api.call(&caller(1), body.as_bytes(), NOW).await;
            let problem: Value = serde_json::from_slice(&response.body).unwrap();
            assert_eq!((response.status, &problem["type"], problem["limit"].as_str()), (status, &json!(kind), limit), "{problem}");
            assert_eq!(response.content_type, "application/problem+json");
        }
    }

    async fn rfc_8620_3_6_2_methods_that_fail(house: House) {
        let state = house.one("Email/get", json!({ "ids": [] })).await["state"].clone();
        let many: Vec<String> = (0..=house.api.limits.objects_in_get_max).map(|n| format!("x{n}")).collect();
        let objects: Value = (0..=house.api.limits.objects_in_set_max).map(|n| (format!("k{n}"), json!({}))).collect();
        let rows = [
            ("Email/none",            json!({}),                                             "unknownMethod"),
            ("email/get",             json!({}),                                             "unknownMethod"),
            ("Email/get",             json!({ "ids": "x" }),                                 "invalidArguments"),
            ("Email/get",             json!({ "ids": [], "more": 1 }),                       "invalidArguments"),
            ("Email/get",             json!({ "#ids": { "resultOf": "z", "name": "a", "path": "" } }), "invalidResultReference"),
            ("Email/get",             json!({ "accountId": account_id(2), "ids": [] }),      "accountNotFound"),
            ("Email/copy",            json!({ "fromAccountId": account_id(2), "create": {} }), "fromAccountNotFound"),
            ("Email/get",             json!({ "ids": many }),                                "requestTooLarge"),
            ("Mailbox/get",           json!({ "ids": many }),                                "requestTooLarge"),
            ("Thread/get",            json!({ "ids": many }),                                "requestTooLarge"),
            ("Identity/get",          json!({ "ids": many }),                                "requestTooLarge"),
            ("EmailSubmission/get",   json!({ "ids": many }),                                "requestTooLarge"),
            ("Blob/get",              json!({ "ids": many }),                                "requestTooLarge"),
            ("Quota/get",             json!({ "ids": many }),                                "requestTooLarge"),
            ("VacationResponse/get",  json!({ "ids": many }),                                "requestTooLarge"),
            ("Email/parse",           json!({ "blobIds": many }),                            "requestTooLarge"),
            ("Email/set",             json!({ "create": objects }),                          "requestTooLarge"),
            ("Email/set",             json!({ "destroy": many }),                            "requestTooLarge"),
            ("Mailbox/set",           json!({ "create": objects }),                          "requestTooLarge"),
            ("Identity/set",          json!({ "create": objects }),                          "requestTooLarge"),
            ("EmailSubmission/set",   json!({ "create": objects }),                          "requestTooLarge"),
            ("VacationResponse/set",  json!({ "create": objects }),                          "requestTooLarge"),
            ("Blob/upload",           json!({ "create": objects }),                          "requestTooLarge"),
            ("Email/import",          json!({ "emails": objects }),                          "requestTooLarge"),
            ("Email/set",             json!({ "ifInState": "999" }),                         "stateMismatch"),
            ("Email/set",             json!({ "ifInState": "not a state" }),                 "stateMismatch"),
            ("Mailbox/set",           json!({ "ifInState": "999" }),                         "stateMismatch"),
            ("Email/import",          json!({ "ifInState": "999", "emails": {} }),           "stateMismatch"),
            ("Identity/set",          json!({ "ifInState": state }),                         "stateMismatch"),
            ("EmailSubmission/set",   json!({ "ifInState": "999" }),                         "stateMismatch"),
            ("Email/changes",         json!({ "sinceState": "999" }),                        "cannotCalculateChanges"),
            ("Email/queryChanges",    json!({ "sinceQueryState": "999" }),                   "cannotCalculateChanges"),
            ("Email/query",           json!({ "filter": { "inMailbox": 1 } }),               "invalidArguments"),
            ("Email/query",           json!({ "sort": [{ "property": "nothing" }] }),        "unsupportedSort"),
            ("Mailbox/query",         json!({ "filter": { "nothing": 1 } }),                 "unsupportedFilter"),
            ("Email/query",           json!({ "anchor": "x" }),                              "anchorNotFound"),
            ("Mailbox/query",         json!({ "anchor": "x" }),                              "anchorNotFound"),
            ("EmailSubmission/query", json!({ "anchor": "x" }),                              "anchorNotFound"),
            ("Quota/query",           json!({ "anchor": "x" }),                              "anchorNotFound"),
        ];
        for (method, arguments, expected) in rows {
            let answer = house.ask(1, json!([[method, with_account(arguments), "c"]])).await;
            assert_eq!((&answer[0][0], &answer[0][1]["type"]), (&json!("error"), &json!(expected)), "{method}: {answer:?}");
            assert!(answer[0][1]["description"].is_string());
        }
    }

    /// RFC 8620 §4.1, §3.7, §5.3: echo, references through lists, states that match, created ids that travel.
    async fn what_a_request_shares(house: House) {
        let state = house.one("Email/get", json!({ "ids": [] })).await["state"].clone();
        let answers = house.ask(1, json!([
            ["Core/echo", { "hello": true, "high": [5, null, { "x": "đ" }] }, "b3ff"],
            ["Mailbox/set", { "accountId": account_id(1), "ifInState": state, "create": { "m": { "name": "Lưu" } } }, "m"],
            ["Email/set", { "accountId": account_id(1), "create": { "a": { "mailboxIds": { "#m": true }, "subject": "một" }, "b": { "mailboxIds": { "#m": true }, "subject": "hai" } } }, "e"],
            ["Email/query", { "accountId": account_id(1), "filter": { "inMailbox": mailbox_id(1, 1) } }, "q"],
            ["Email/get", { "accountId": account_id(1), "ids": ["#a", "#b"], "properties": ["threadId", "mailboxIds"] }, "g"],
            ["Thread/get", { "accountId": account_id(1), "#ids": { "resultOf": "g", "name": "Email/get", "path": "/list/*/threadId" } }, "t"],
            ["Email/get", { "accountId": account_id(1), "#ids": { "resultOf": "t", "name": "Thread/get", "path": "/list/*/emailIds/*" }, "properties": ["subject"] }, "s"],
        ])).await;
        assert_eq!(answers[0], json!(["Core/echo", { "hello": true, "high": [5, null, { "x": "đ" }] }, "b3ff"]));
        let made = answers[1][1]["created"]["m"]["id"].as_str().unwrap();
        let list = answers[4][1]["list"].as_array().unwrap();
        assert!(list.iter().all(|email| email["mailboxIds"] == json!({ made: true })), "{answers:?}");
        let mut subjects: Vec<&str> = answers[6][1]["list"].as_array().unwrap().iter().map(|e| e["subject"].as_str().unwrap()).collect();
        subjects.sort_unstable();
        assert_eq!(subjects, ["hai", "một"]);
        let body = json!({ "using": jmap::request::CAPABILITIES, "createdIds": { "m": made },
            "methodCalls": [["Mailbox/get", { "accountId": account_id(1), "ids": ["#m"], "properties": ["name"] }, "c"]] });
        let response = house.api.call(&caller(1), body.to_string().as_bytes(), NOW).await;
        let response: Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(response["methodResponses"][0][1]["list"], json!([{ "id": made, "name": "Lưu" }]));
        assert_eq!(response["createdIds"], json!({ "m": made }));
    }

    async fn rfc_8620_2_the_session_is_whole(house: House) {
        let session = house.api.session(&caller(1)).await.unwrap();
        for url in ["apiUrl", "downloadUrl", "uploadUrl", "eventSourceUrl"] {
            assert!(session[url].as_str().unwrap().starts_with("https://mail.a.gov.vn/jmap/"), "{url}");
        }
        for variable in ["{accountId}", "{blobId}", "{name}", "{type}"] {
            assert!(session["downloadUrl"].as_str().unwrap().contains(variable), "{variable}");
        }
        let account = &session["accounts"][account_id(1).to_string()]["accountCapabilities"];
        for capability in jmap::request::CAPABILITIES {
            // How to speak with the house is no account's.
            let is_the_houses = capability.ends_with(":websocket") || capability.ends_with(":webpush-vapid");
            assert!(session["capabilities"][capability].is_object(), "{capability}");
            assert_eq!(account[capability].is_object(), !is_the_houses, "{capability}");
        }
        assert_eq!(session["primaryAccounts"]["urn:ietf:params:jmap:mail"], json!(account_id(1)));
        let core = &session["capabilities"]["urn:ietf:params:jmap:core"];
        for limit in ["maxSizeUpload", "maxConcurrentUpload", "maxSizeRequest", "maxConcurrentRequests", "maxCallsInRequest", "maxObjectsInGet", "maxObjectsInSet"] {
            assert!(core[limit].as_u64().unwrap() > 0, "{limit}");
        }
    }
}

fn with_account(mut arguments: Value) -> Value {
    if arguments.get("accountId").is_none() {
        arguments["accountId"] = json!(account_id(1));
    }
    arguments
}
