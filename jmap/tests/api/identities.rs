//! Identities (RFC 8621 §6): what people say about their addresses, and that nobody sends from another.

use serde_json::{Value, json};

use crate::house::{House, account_id, mailbox_id, stories};

async fn all(house: &House) -> Vec<Value> {
    house.one("Identity/get", json!({})).await["list"].as_array().unwrap().clone()
}

stories! {
    async fn rfc_8621_6_identities_are_made_changed_and_forgotten(house: House) {
        let start = house.one("Identity/get", json!({})).await["state"].clone();
        let own = all(&house).await[0].clone();
        let id = own["id"].as_str().unwrap();
        let set = house.one("Identity/set", json!({
            "ifInState": start,
            "update": { id: { "name": "Phòng Văn thư", "email": own["email"], "replyTo": [{ "name": "Văn thư", "email": "vanthu@a.gov.vn" }], "textSignature": "Trân trọng" } },
            "create": { "k": { "email": "vanthu@a.gov.vn", "name": "Trực", "bcc": [{ "email": "an@a.gov.vn" }], "htmlSignature": "<p>Trực</p>" } },
        })).await;
        assert_eq!((&set["notCreated"], &set["notUpdated"], &set["oldState"]), (&Value::Null, &Value::Null, &start), "{set}");
        let made = set["created"]["k"]["id"].clone();
        let list = all(&house).await;
        assert_eq!(list.len(), 3);
        let changed = list.iter().find(|one| one["id"] == own["id"]).unwrap();
        assert_eq!((&changed["name"], &changed["textSignature"], &changed["mayDelete"]), (&json!("Phòng Văn thư"), &json!("Trân trọng"), &json!(false)));
        assert_eq!(changed["replyTo"], json!([{ "name": "Văn thư", "email": "vanthu@a.gov.vn" }]));
        let new = list.iter().find(|one| one["id"] == made).unwrap();
        assert_eq!((&new["email"], &new["bcc"], &new["mayDelete"]), (&json!("vanthu@a.gov.vn"), &json!([{ "name": null, "email": "an@a.gov.vn" }]), &json!(true)));
        let told = house.one("Identity/changes", json!({ "sinceState": start })).await;
        assert_eq!((&told["created"], &told["updated"], &told["destroyed"], &told["newState"]), (&json!([made]), &json!([id]), &json!([]), &set["newState"]));
        let gone = house.one("Identity/set", json!({ "destroy": [made, id] })).await;
        assert_eq!((&gone["destroyed"], &gone["notDestroyed"][id]["type"]), (&json!([made]), &json!("forbidden")));
        let told = house.one("Identity/changes", json!({ "sinceState": set["newState"] })).await;
        assert_eq!((&told["created"], &told["updated"], &told["destroyed"]), (&json!([]), &json!([]), &json!([made])));
        assert_eq!(house.one("Identity/set", json!({ "ifInState": start })).await["type"], "stateMismatch");
        assert_eq!(house.one("Identity/changes", json!({ "sinceState": "zz" })).await["type"], "cannotCalculateChanges");
        assert_eq!(house.one("Identity/changes", json!({ "sinceState": start, "maxChanges": 0 })).await["type"], "invalidArguments");
    }

    async fn m26_nobody_makes_an_identity_of_an_address_that_is_not_theirs(house: House) {
        let own = all(&house).await[0]["id"].clone();
        let own = own.as_str().unwrap();
        let create = [
            (json!({ "email": "binh@a.gov.vn" }),                                    "forbiddenFrom"),
            (json!({ "email": "x@b.vn" }),                                           "forbiddenFrom"),
            (json!({ "email": "*@a.gov.vn" }),                                       "forbiddenFrom"),
            (json!({ "name": "An" }),                                                "invalidProperties"),
            (json!({ "email": "an@a.gov.vn", "name": "A\r\nBcc: x@x.vn" }),          "invalidProperties"),
            (json!({ "email": "an@a.gov.vn", "replyTo": [{ "email": "no address" }] }), "invalidProperties"),
            (json!({ "email": "an@a.gov.vn", "bcc": [{ "email": "x@b.vn", "x": 1 }] }), "invalidProperties"),
            (json!({ "email": "an@a.gov.vn", "mayDelete": true }),                   "invalidProperties"),
            (json!({ "email": "an@a.gov.vn", "textSignature": "x".repeat(60_000) }), "invalidProperties"),
        ];
        for (object, expected) in create {
            let answer = house.one("Identity/set", json!({ "create": { "k": object } })).await;
            assert_eq!(answer["notCreated"]["k"]["type"], expected, "{object}");
        }
        for (patch, expected) in [(json!({ "email": "binh@a.gov.vn" }), "invalidProperties"), (json!({ "mayDelete": true }), "invalidProperties"), (json!({ "x": 1 }), "invalidProperties")] {
            let answer = house.one("Identity/set", json!({ "update": { own: patch } })).await;
            assert_eq!(answer["notUpdated"][own]["type"], expected, "{patch}");
        }
        // With an identity one made, only one's own addresses are sent from.
        let made = house.one("Identity/set", json!({ "create": { "k": { "email": "an@a.gov.vn", "name": "Khác" } } })).await["created"]["k"]["id"].clone();
        for (from, expected) in [("an@a.gov.vn", Value::Null), ("binh@a.gov.vn", json!("forbiddenFrom"))] {
            let answers = house.ask(1, json!([
                ["Email/set", { "accountId": account_id(1), "create": { "d": { "mailboxIds": { mailbox_id(1, 2).to_string(): true }, "from": [{ "email": from }], "to": [{ "email": "x@b.vn" }] } } }, "0"],
                ["EmailSubmission/set", { "accountId": account_id(1), "create": { "s": { "identityId": made, "emailId": "#d" } } }, "1"],
            ])).await;
            assert_eq!(answers[1][1]["notCreated"]["s"]["type"], expected, "{answers:?}");
        }
    }
}
