//! Push subscriptions (RFC 8620 §7.2): made, verified, prolonged, kept to oneself.

use mail::{PushId, Timestamp};
use serde_json::{Value, json};

use crate::house::{NOW, account_id, letter, stories};

const URL: &str = "https://push.example.vn/p/1";
/// The client's of RFC 8291 appendix A.
const KEY: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const SECRET: &str = "BTBZMqHH6r4Tts7J_aSIgg";

fn wanted() -> Value {
    json!({ "deviceClientId": "d1", "url": URL, "keys": { "p256dh": KEY, "auth": format!("{SECRET}==") }, "types": ["Email", "Unheard"] })
}

/// One call without an account.
async fn call(house: &crate::house::House, n: u8, name: &str, arguments: Value) -> Value {
    house.ask(n, json!([[name, arguments, "c"]])).await.remove(0)[1].take()
}

async fn kept(house: &crate::house::House, id: &str) -> store::Push {
    let id: PushId = id.parse().unwrap();
    let read = house
        .api
        .store
        .read((), move |tx, ()| Box::pin(async move { tx.push(account_id(1), id, NOW).await }));
    read.await.unwrap().unwrap()
}

stories! {
    async fn rfc_8620_7_2_the_code_comes_first(house: House) {
        let set = call(&house, 1, "PushSubscription/set", json!({ "create": { "p": wanted() } })).await;
        let id = set["created"]["p"]["id"].as_str().unwrap_or_else(|| panic!("{set}")).to_owned();
        // Seven days, which nobody asked for and everybody gets at most.
        assert_eq!(set["created"]["p"]["expires"], "2026-11-29T01:00:00Z");
        assert!(set.get("accountId").is_none() && set.get("newState").is_none(), "{set}");
        let get = call(&house, 1, "PushSubscription/get", json!({ "ids": null })).await;
        let expected = json!({ "id": id, "deviceClientId": "d1", "verificationCode": null, "expires": "2026-11-29T01:00:00Z", "types": ["Email", "Unheard"] });
        assert_eq!(get, json!({ "list": [expected], "notFound": [] }));
        let push = kept(&house, &id).await;
        let sent = jmap::subscription::verification(&push);
        assert_eq!(sent, json!({ "@type": "PushVerification", "pushSubscriptionId": id, "verificationCode": push.code }));
        let update = async |patch: Value| call(&house, 1, "PushSubscription/set", json!({ "update": { &id: patch } })).await;
        for wrong in [
            json!({ "verificationCode": "guessed" }), json!({ "verificationCode": 5 }), json!({ "url": URL }), json!({ "keys": null }),
            json!({ "deviceClientId": "d2" }), json!({ "expires": "2026-11-21T01:00:00Z" }), json!({ "expires": "soon" }),
            json!({ "types": [] }), json!({ "types": [1] }), json!({ "types": "Email" }), json!({ "x": 1 }),
        ] {
            assert_eq!(update(wrong.clone()).await["notUpdated"][&id]["type"], "invalidProperties", "{wrong}");
        }
        assert!(!kept(&house, &id).await.is_verified);
        let answer = update(json!({ "verificationCode": push.code })).await;
        assert_eq!(answer["updated"], json!({ &id: null }), "{answer}");
        let get = call(&house, 1, "PushSubscription/get", json!({ "ids": [id, "x"], "properties": ["verificationCode"] })).await;
        assert_eq!(get, json!({ "list": [{ "id": id, "verificationCode": push.code }], "notFound": ["x"] }));
        // What is asked beyond a week is a week, and said.
        let answer = update(json!({ "expires": "2027-11-23T01:00:00Z", "types": null })).await;
        assert_eq!(answer["updated"], json!({ &id: { "expires": "2026-11-29T01:00:00Z" } }));
        let answer = update(json!({ "expires": "2026-11-23T01:00:00Z" })).await;
        assert_eq!(answer["updated"], json!({ &id: null }));
        assert_eq!(kept(&house, &id).await.expires_at, Timestamp::parse_rfc3339("2026-11-23T01:00:00Z").unwrap());
        for hidden in ["url", "keys"] {
            let get = call(&house, 1, "PushSubscription/get", json!({ "ids": null, "properties": [hidden] })).await;
            assert_eq!(get["type"], "forbidden");
        }
        let gone = call(&house, 1, "PushSubscription/set", json!({ "destroy": [id, "x"] })).await;
        assert_eq!((&gone["destroyed"], &gone["notDestroyed"]["x"]["type"]), (&json!([id]), &json!("notFound")));
        assert_eq!(call(&house, 1, "PushSubscription/get", json!({ "ids": null })).await["list"], json!([]));
    }

    async fn rfc_8620_7_2_1_what_is_no_subscription(house: House) {
        let with = |name: &str, value: Value| { let mut wanted = wanted(); wanted[name] = value; wanted };
        let long = format!("https://a.vn/{}", "x".repeat(1_000));
        let rows = [
            ("deviceClientId", json!("")), ("deviceClientId", json!(7)), ("deviceClientId", json!("d".repeat(256))), ("url", Value::Null),
            ("url", json!("http://push.example.vn/")), ("url", json!("https://")), ("url", json!("https:///x")), ("url", json!("https://a:b@c.vn/")),
            ("url", json!("https://a.vn/#x")), ("url", json!("https://a.vn/ x")), ("url", json!("https://a.vn/\r\nx")), ("url", json!(long)), ("url", json!("ftp://a.vn")),
            ("keys", json!({})), ("keys", json!({ "p256dh": KEY })), ("keys", json!({ "p256dh": SECRET, "auth": SECRET })),
            ("keys", json!({ "p256dh": KEY, "auth": KEY })), ("keys", json!({ "p256dh": KEY.replacen('B', "A", 1), "auth": SECRET })), ("keys", json!("x")),
            ("types", json!([])), ("types", json!(["x".repeat(65)])), ("types", json!({})), ("verificationCode", json!("x")),
            ("expires", json!("2026-11-22T00:00:00Z")), ("expires", json!(1)), ("more", json!(1)), ("id", json!("x")),
        ];
        for (name, value) in rows {
            let set = call(&house, 1, "PushSubscription/set", json!({ "create": { "p": with(name, value.clone()) } })).await;
            assert_eq!(set["notCreated"]["p"]["properties"], json!([name]), "{name} {value}: {set}");
        }
        for (name, value) in [("keys", Value::Null), ("types", Value::Null), ("expires", json!("2026-11-23T01:00:00Z"))] {
            let set = call(&house, 1, "PushSubscription/set", json!({ "create": { "p": with(name, value.clone()) } })).await;
            assert!(set["created"]["p"]["id"].is_string(), "{name} {value}: {set}");
        }
        let many: serde_json::Map<String, Value> = (0..30).map(|n| (format!("p{n}"), wanted())).collect();
        let set = call(&house, 1, "PushSubscription/set", json!({ "create": many })).await;
        let full = set["notCreated"].as_object().unwrap();
        assert!(full.len() == 13 && full.values().all(|error| error["type"] == "overQuota"), "{set}");
    }

    async fn a_subscription_of_somebody_else_is_not_there(house: House) {
        let set = call(&house, 2, "PushSubscription/set", json!({ "create": { "p": wanted() } })).await;
        let id = set["created"]["p"]["id"].as_str().unwrap().to_owned();
        let get = call(&house, 1, "PushSubscription/get", json!({ "ids": [id] })).await;
        assert_eq!(get, json!({ "list": [], "notFound": [id] }));
        assert_eq!(call(&house, 1, "PushSubscription/get", json!({})).await["list"], json!([]));
        let set = call(&house, 1, "PushSubscription/set", json!({ "update": { &id: { "types": null } }, "destroy": [id] })).await;
        assert_eq!((&set["notUpdated"][&id]["type"], &set["notDestroyed"][&id]["type"]), (&json!("notFound"), &json!("notFound")));
        assert_eq!(call(&house, 2, "PushSubscription/get", json!({})).await["list"][0]["id"], id);
    }

    async fn rfc_8621_1_5_news_of_a_delivery_are_not_news_of_reading(house: House) {
        let mut wanted = wanted();
        wanted["types"] = json!(["EmailDelivery"]);
        let set = call(&house, 1, "PushSubscription/set", json!({ "create": { "p": wanted } })).await;
        let id = set["created"]["p"]["id"].as_str().unwrap().to_owned();
        let mut push = kept(&house, &id).await;
        let email = house.deliver(1, &letter("1@x", "a", ""), 1).await;
        let news = async |push: &store::Push| {
            let push = push.clone();
            let read = house.api.store.read(push, |tx, push| Box::pin(async move { jmap::subscription::news(tx, account_id(1), push).await }));
            read.await.unwrap()
        };
        let (now, told) = news(&push).await;
        assert_eq!(told, Some(json!({ "@type": "StateChange", "changed": { account_id(1).to_string(): { "EmailDelivery": now.to_string() } } })));
        push.told = now;
        let set = house.one("Email/set", json!({ "update": { email: { "keywords/$seen": true } } })).await;
        let (later, told) = news(&push).await;
        assert_eq!(told, None);
        assert_eq!(later.to_string(), set["newState"].as_str().unwrap());
        push.types = "null".to_owned();
        let (_, told) = news(&push).await;
        let types: Vec<_> = told.unwrap()["changed"][account_id(1).to_string()].as_object().unwrap().keys().cloned().collect();
        assert_eq!(types, ["Email", "Mailbox"]);
    }
}
