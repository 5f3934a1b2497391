//! The one object of absences (RFC 8621 §8).

use serde_json::{Value, json};

use crate::house::stories;

stories! {
    async fn rfc_8621_8_there_is_one_and_it_stays(house: House) {
        let start = house.one("VacationResponse/get", json!({})).await;
        assert_eq!(start["list"], json!([{
            "id": "singleton", "isEnabled": false, "fromDate": null, "toDate": null, "subject": null, "textBody": null, "htmlBody": null,
        }]));
        let set = house.one("VacationResponse/set", json!({ "ifInState": start["state"], "update": { "singleton": {
            "isEnabled": true, "fromDate": "2026-11-20T00:00:00Z", "subject": "Nghỉ phép", "textBody": "Tôi đi công tác.",
        } } })).await;
        assert_eq!(set["updated"], json!({ "singleton": null }), "{set}");
        let got = house.one("VacationResponse/get", json!({ "ids": ["singleton", "x"], "properties": ["isEnabled", "fromDate", "subject"] })).await;
        assert_eq!(got["list"], json!([{ "id": "singleton", "isEnabled": true, "fromDate": "2026-11-20T00:00:00Z", "subject": "Nghỉ phép" }]));
        assert_eq!((&got["notFound"], &got["state"]), (&json!(["x"]), &set["newState"]));
        let others = house.one("VacationResponse/set", json!({ "create": { "k": {} }, "update": { "x": {} }, "destroy": ["singleton", "x"] })).await;
        assert_eq!(others["notCreated"]["k"]["type"], "singleton");
        assert_eq!((&others["notUpdated"]["x"]["type"], &others["notDestroyed"]["singleton"]["type"], &others["notDestroyed"]["x"]["type"]), (&json!("notFound"), &json!("singleton"), &json!("notFound")));
        for patch in [json!({ "isEnabled": 1 }), json!({ "fromDate": "yesterday" }), json!({ "subject": "a\r\nBcc: x" }), json!({ "textBody": 1 }), json!({ "x": 1 }), json!({ "textBody": "x".repeat(60_000) })] {
            let answer = house.one("VacationResponse/set", json!({ "update": { "singleton": patch } })).await;
            assert_eq!(answer["notUpdated"]["singleton"]["type"], "invalidProperties", "{patch}");
        }
        assert_eq!(house.one("VacationResponse/get", json!({ "properties": ["x"] })).await["type"], "invalidArguments");
        assert_eq!(house.one("VacationResponse/set", json!({ "ifInState": start["state"] })).await["type"], "stateMismatch");
        let still = house.one("VacationResponse/get", json!({})).await["list"][0].clone();
        assert_eq!((&still["isEnabled"], &still["textBody"], &still["htmlBody"]), (&json!(true), &json!("Tôi đi công tác."), &Value::Null));
    }
}
