//! Mailboxes and conversations (RFC 8621 §2, §3).

use serde_json::{Value, json};

use crate::house::{letter, mailbox_id, stories};

stories! {
    async fn a_tree_is_made_moved_and_taken_down(house: House) {
        let made = house.one("Mailbox/set", json!({ "create": {
            "c": { "name": "Họp", "parentId": "#a" },
            "a": { "name": "Công văn đến", "isSubscribed": true },
            "x": { "name": "u", "parentId": "#y" }, "y": { "name": "v", "parentId": "#x" },
            "bad": { "name": "a\r\nb" }, "twice": { "name": "Công văn đến" }, "own": { "name": "n", "myRights": {} },
        }})).await;
        let (parent, child) = (made["created"]["a"]["id"].clone(), made["created"]["c"]["id"].clone());
        assert_eq!(made["created"]["c"]["parentId"], parent);
        assert_eq!(made["created"].as_object().unwrap().len(), 2, "{made}");
        for name in ["x", "y", "bad", "twice", "own"] {
            assert_eq!(made["notCreated"][name]["type"], "invalidProperties", "{name}");
        }
        let got = house.one("Mailbox/get", json!({ "ids": [child], "properties": ["name", "isSubscribed"] })).await;
        assert_eq!(got["list"], json!([{ "id": child, "name": "Họp", "isSubscribed": false }]));
        let into_itself = house.one("Mailbox/set", json!({ "update": { parent.as_str().unwrap(): { "parentId": child } } })).await;
        assert_eq!(into_itself["notUpdated"][parent.as_str().unwrap()]["type"], "invalidProperties");
        let moved = house.one("Mailbox/set", json!({ "update": { child.as_str().unwrap(): { "parentId": null, "name": "Họp 2026" } } })).await;
        assert_eq!(moved["updated"][child.as_str().unwrap()], Value::Null, "{moved}");
        let back = house.one("Mailbox/set", json!({ "update": { child.as_str().unwrap(): { "parentId": parent } } })).await;
        assert!(back["notUpdated"].is_null(), "{back}");
        // Parents are named first and go last.
        let gone = house.one("Mailbox/set", json!({ "destroy": [parent, child, mailbox_id(1, 1)] })).await;
        assert_eq!(gone["destroyed"].as_array().unwrap().len(), 2, "{gone}");
        assert_eq!(gone["notDestroyed"][mailbox_id(1, 1).to_string()]["type"], "forbidden");
    }

    async fn a_mailbox_with_messages_goes_only_when_asked_twice(house: House) {
        let made = house.one("Mailbox/set", json!({ "create": { "a": { "name": "Tạm" } } })).await;
        let id = made["created"]["a"]["id"].as_str().unwrap().to_owned();
        let (only, both) = (house.deliver(1, &letter("1@x", "a", ""), 1).await, house.deliver(1, &letter("2@x", "b", ""), 2).await);
        house.one("Email/set", json!({ "update": {
            &only: { "mailboxIds": { &id: true } }, &both: { format!("mailboxIds/{id}"): true },
        }})).await;
        let kept = house.one("Mailbox/set", json!({ "destroy": [id] })).await;
        assert_eq!(kept["notDestroyed"][&id]["type"], "mailboxHasEmail");
        let gone = house.one("Mailbox/set", json!({ "destroy": [id], "onDestroyRemoveEmails": true })).await;
        assert_eq!(gone["destroyed"], json!([id]), "{gone}");
        let got = house.one("Email/get", json!({ "ids": [only, both], "properties": ["mailboxIds"] })).await;
        assert_eq!(got["notFound"], json!([only]));
        assert_eq!(got["list"][0]["mailboxIds"], json!({ mailbox_id(1, 1).to_string(): true }));
        let changes = house.one("Mailbox/changes", json!({ "sinceState": kept["newState"] })).await;
        assert_eq!(changes["destroyed"], json!([id]));
    }

    async fn queries_of_rfc_8621_2_3(house: House) {
        let made = house.one("Mailbox/set", json!({ "create": {
            "a": { "name": "Đơn vị", "sortOrder": 9 }, "b": { "name": "Văn phòng", "parentId": "#a", "isSubscribed": true, "sortOrder": 1 },
        }})).await;
        let (a, b) = (&made["created"]["a"]["id"], &made["created"]["b"]["id"]);
        let m = |n| json!(mailbox_id(1, n));
        let rows = [
            (json!({ "filter": { "role": "inbox" } }), json!([m(1)])),
            (json!({ "filter": { "hasAnyRole": false }, "sort": [{ "property": "name" }] }), json!([a, b])),
            (json!({ "filter": { "hasAnyRole": false }, "sort": [{ "property": "name", "isAscending": false }] }), json!([b, a])),
            (json!({ "filter": { "parentId": a } }), json!([b])),
            (json!({ "filter": { "name": "van phong" } }), json!([b])),
            (json!({ "filter": { "isSubscribed": true, "parentId": null }, "sort": [{ "property": "sortOrder" }], "limit": 2 }), json!([m(1), m(2)])),
            (json!({ "filter": { "operator": "NOT", "conditions": [{ "parentId": null }] } }), json!([b])),
            (json!({ "filter": { "operator": "OR", "conditions": [{ "role": "trash" }, { "role": "sent" }] }, "sort": [{ "property": "sortOrder" }] }), json!([m(3), m(4)])),
            (json!({ "sort": [{ "property": "sortOrder" }], "sortAsTree": true, "position": -2 }), json!([a, b])),
            (json!({ "filter": { "name": "van phong" }, "filterAsTree": true }), json!([])),
            (json!({ "sort": [{ "property": "sortOrder" }], "anchor": m(3), "anchorOffset": -1, "limit": 2 }), json!([m(2), m(3)])),
        ];
        for (arguments, expected) in rows {
            let answer = house.one("Mailbox/query", arguments.clone()).await;
            assert_eq!(answer["ids"], expected, "{arguments}: {answer}");
        }
        let wrong = [
            (json!({ "filter": { "color": "red" } }), "unsupportedFilter"),
            (json!({ "filter": { "hasAnyRole": 1 } }), "invalidArguments"),
            (json!({ "sort": [{ "property": "color" }] }), "unsupportedSort"),
            (json!({ "anchor": "x" }), "anchorNotFound"),
            (json!({ "limit": -1 }), "invalidArguments"),
        ];
        for (arguments, expected) in wrong {
            assert_eq!(house.one("Mailbox/query", arguments.clone()).await["type"], expected, "{arguments}");
        }
    }

    async fn changes_lead_from_state_to_state(house: House) {
        let start = house.one("Mailbox/get", json!({ "ids": [] })).await["state"].clone();
        let a = house.deliver(1, &letter("1@x", "Họp", ""), 1).await;
        let b = house.deliver(1, &letter("2@x", "Re: Họp", "<1@x>"), 2).await;
        let emails = house.one("Email/changes", json!({ "sinceState": start })).await;
        assert_eq!(emails["created"], json!([a, b]));
        let first = house.one("Email/changes", json!({ "sinceState": start, "maxChanges": 1 })).await;
        assert_eq!((&first["created"], &first["hasMoreChanges"]), (&json!([a]), &json!(true)));
        let rest = house.one("Email/changes", json!({ "sinceState": first["newState"] })).await;
        assert_eq!((&rest["created"], &rest["newState"]), (&json!([b]), &emails["newState"]));
        let threads = house.one("Thread/changes", json!({ "sinceState": start })).await;
        let thread = threads["created"][0].clone();
        let got = house.one("Thread/get", json!({ "ids": [thread, "none"] })).await;
        assert_eq!(got["list"], json!([{ "id": thread, "emailIds": [a, b] }]));
        assert_eq!(got["notFound"], json!(["none"]));
        for state in ["x", "-1", "01", "999999"] {
            let answer = house.one("Email/changes", json!({ "sinceState": state })).await;
            assert_eq!(answer["type"], "cannotCalculateChanges", "{state}");
        }
        // One act that touches three mailboxes is told whole or not at all.
        house.one("Email/set", json!({ "update": { &a: { format!("mailboxIds/{}", mailbox_id(1, 2)): true, format!("mailboxIds/{}", mailbox_id(1, 3)): true } } })).await;
        let few = house.one("Mailbox/changes", json!({ "sinceState": rest["newState"], "maxChanges": 1 })).await;
        assert_eq!(few["type"], "cannotCalculateChanges", "{few}");
        let enough = house.one("Mailbox/changes", json!({ "sinceState": rest["newState"], "maxChanges": 2 })).await;
        assert_eq!(enough["updated"].as_array().unwrap().len(), 2, "{enough}");
    }

    async fn a_client_is_never_moved_past_somebody_elses_change(house: House) {
        let a = house.deliver(1, &letter("1@x", "a", ""), 1).await;
        let state = house.one("Email/get", json!({ "ids": [a] })).await["state"].clone();
        let stale = house.one("Email/set", json!({ "ifInState": "1", "destroy": [a] })).await;
        assert_eq!(stale["type"], "stateMismatch");
        let alone = house.one("Email/set", json!({ "ifInState": state, "update": { &a: { "keywords/$seen": true } } })).await;
        assert_eq!(alone["oldState"], state);
        let now = house.one("Email/get", json!({ "ids": [] })).await["state"].clone();
        assert_eq!(alone["newState"], now);
    }
}
