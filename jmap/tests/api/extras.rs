//! What other documents add to messages: S/MIME verification (RFC 9219) and official documents.

use serde_json::{Value, json};

use crate::house::{NOW, account_id, caller, letter, stories};

/// A message that says it is signed.
fn signed(id: &str, text: &str) -> Vec<u8> {
    format!(
        "From: c@b.vn\r\nSubject: ký\r\nMessage-ID: <{id}>\r\nContent-Type: multipart/signed; boundary=b;\r\n \
         protocol=\"application/pkcs7-signature\"\r\n\r\n--b\r\n\r\n{text}\r\n--b\r\nContent-Type: application/pkcs7-signature\r\n\r\nx\r\n--b--\r\n"
    )
    .into_bytes()
}

/// A message with something attached.
fn attached(id: &str, subject: &str, text: &str) -> Vec<u8> {
    format!(
        "From: c@b.vn\r\nSubject: {subject}\r\nMessage-ID: <{id}>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\na\r\n\
         --b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment\r\n\r\n{text}\r\n--b--\r\n"
    )
    .into_bytes()
}

const SMIME: [&str; 4] = ["smimeStatus", "smimeStatusAtDelivery", "smimeErrors", "smimeVerifiedAt"];

stories! {
    async fn rfc_9219_4_1_properties(house: House) {
        let good = house.deliver(1, &signed("1@x", "good"), 1).await;
        let bad = house.deliver(1, &signed("2@x", "bad"), 2).await;
        let plain = house.deliver(1, &letter("3@x", "thường", ""), 3).await;
        let before = house.one("Email/get", json!({ "ids": [] })).await["state"].clone();
        let get = house.one("Email/get", json!({ "ids": [good, bad, plain], "properties": SMIME })).await;
        let expected = [
            json!({ "id": good, "smimeStatus": "signed/verified", "smimeStatusAtDelivery": "signed/verified", "smimeErrors": [], "smimeVerifiedAt": "2026-11-22T01:00:00Z" }),
            json!({ "id": bad, "smimeStatus": "signed/failed", "smimeStatusAtDelivery": "signed/failed", "smimeErrors": ["hỏng / broken [x]"], "smimeVerifiedAt": "2026-11-22T01:00:00Z" }),
            json!({ "id": plain, "smimeStatus": null, "smimeStatusAtDelivery": null, "smimeErrors": null, "smimeVerifiedAt": null }),
        ];
        assert_eq!(get["list"], json!(expected));
        // The answer that came is a change of those messages, once.
        let changes = house.one("Email/changes", json!({ "sinceState": before })).await;
        let mut updated = [good.clone(), bad];
        updated.sort();
        let mut told: Vec<_> = changes["updated"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
        told.sort();
        assert_eq!((told.as_slice(), &changes["created"]), (updated.as_slice(), &json!([])));
        let state = house.one("Email/get", json!({ "ids": [good], "properties": SMIME })).await["state"].clone();
        assert_eq!(state, changes["newState"], "what is fresh is not judged again");
        let all = house.one("Email/get", json!({ "ids": [good] })).await;
        assert!(all["list"][0].get("smimeStatus").is_none(), "nobody gets what was not asked for");
    }

    async fn an_extension_is_used_by_who_says_so(house: House) {
        let id = house.deliver(1, &signed("1@x", "good"), 1).await;
        let without = async |property: &str| {
            let body = json!({ "using": ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"],
                "methodCalls": [["Email/get", { "accountId": account_id(1), "ids": [id], "properties": [property] }, "c"]] });
            let response = house.api.call(&caller(1), body.to_string().as_bytes(), NOW).await;
            let answer: Value = serde_json::from_slice(&response.body).unwrap();
            answer["methodResponses"][0][1]["type"].clone()
        };
        for property in SMIME.iter().chain(&["officialDocuments"]) {
            assert_eq!(without(property).await, "invalidArguments", "{property}");
        }
        let session = house.api.session(&caller(1)).await.unwrap();
        for uri in ["urn:ietf:params:jmap:smimeverify", "https://congvan.vn/jmap/official-documents"] {
            assert!(session["capabilities"][uri].is_object() && session["primaryAccounts"][uri] == json!(account_id(1)), "{uri}");
        }
        let own = |session: &Value, n: u8| session["accounts"][account_id(n).to_string()]["accountCapabilities"]["https://congvan.vn/jmap/official-documents"].clone();
        assert_eq!(own(&session, 1), json!({ "mayRegister": true }));
        assert_eq!(own(&house.api.session(&caller(2)).await.unwrap(), 2), json!({ "mayRegister": false }));
    }

    async fn r5_a_document_in_a_mail_is_for_information(house: House) {
        let with = house.deliver(1, &attached("1@x", "kèm", "05/QĐ-UBND"), 1).await;
        let other = house.deliver(1, &attached("2@x", "ảnh", "khác"), 2).await;
        let plain = house.deliver(1, &letter("3@x", "05/QĐ-UBND", ""), 3).await;
        let get = house.one("Email/get", json!({ "ids": [with, other, plain], "properties": ["officialDocuments"] })).await;
        let document = json!({
            "sha256": "05".repeat(32), "symbol": "05/QĐ-UBND", "verdict": "valid", "class": "VALID", "legalValue": "information",
            "isOriginalByExchange": true, "label": { "vi": "để biết, tham khảo", "en": "for information" },
            "reasons": ["mail-channel"], "judgedAt": "2026-11-22T01:00:00Z", "docId": null,
        });
        assert_eq!(get["list"], json!([
            { "id": with, "officialDocuments": [document] }, { "id": other, "officialDocuments": [] }, { "id": plain, "officialDocuments": [] },
        ]));
    }

    async fn r75_the_records_office_registers_what_came_by_mail(house: House) {
        let id = house.deliver(1, &attached("1@x", "kèm", "05/QĐ-UBND"), 1).await;
        let register = async |n: u8, email: &str, sha256: &str| {
            house.one_of(n, "OfficialDocument/register", json!({ "emailId": email, "sha256": sha256 })).await
        };
        let digest = "05".repeat(32);
        assert_eq!(register(1, &id, &digest).await, json!({ "accountId": account_id(1), "emailId": id, "sha256": digest, "book": "incoming", "year": 2026, "number": 7, "line": 9 }));
        let unkept = house.deliver(1, &attached("2@x", "không sổ", "05/QĐ-UBND"), 2).await;
        assert_eq!(register(1, &unkept, &digest).await["type"], "number.not-kept");
        for (email, sha256) in [(id.as_str(), "06".repeat(32)), (id.as_str(), "x".to_owned()), ("x", digest.clone()), (&"0".repeat(32), digest.clone())] {
            assert_eq!(register(1, email, &sha256).await["type"], "notFound", "{email} {sha256}");
        }
        // Somebody else's message is not there; and whoever is not of the records office may not, with a message of their own.
        assert_eq!(register(2, &id, &digest).await["type"], "notFound");
        let own = house.deliver(2, &attached("3@x", "kèm", "05/QĐ-UBND"), 3).await;
        assert_eq!(register(2, &own, &digest).await["type"], "forbidden");
    }

    async fn rfc_9219_4_2_filters(house: House) {
        let good = house.deliver(1, &signed("1@x", "good"), 1).await;
        let bad = house.deliver(1, &signed("2@x", "bad"), 2).await;
        let waiting = house.deliver(1, &signed("3@x", "good later"), 3).await;
        let plain = house.deliver(1, &letter("4@x", "thường", ""), 4).await;
        house.deliver(2, &signed("5@x", "good"), 5).await;
        house.one("Email/get", json!({ "ids": [good, bad], "properties": ["smimeStatus"] })).await;
        let inbox = json!(crate::house::mailbox_id(1, 1));
        let rows = [
            (json!({ "hasSmime": true }), vec![&waiting, &bad, &good]), (json!({ "hasSmime": false }), vec![&plain]),
            (json!({ "hasVerifiedSmime": true }), vec![&good]), (json!({ "hasVerifiedSmimeAtDelivery": true }), vec![&good]),
            (json!({ "hasVerifiedSmime": false, "hasSmime": true }), vec![&waiting, &bad]),
            (json!({ "inMailbox": inbox, "hasVerifiedSmimeAtDelivery": true }), vec![&good]),
            (json!({ "operator": "OR", "conditions": [{ "hasVerifiedSmime": true }, { "hasSmime": false }] }), vec![&plain, &good]),
        ];
        for (filter, expected) in rows {
            let answer = house.one("Email/query", json!({ "filter": filter })).await;
            assert_eq!(answer["ids"], json!(expected), "{filter}: {answer}");
            let body = json!({ "using": ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"],
                "methodCalls": [["Email/query", { "accountId": account_id(1), "filter": filter }, "c"]] });
            let response = house.api.call(&caller(1), body.to_string().as_bytes(), NOW).await;
            let answer: Value = serde_json::from_slice(&response.body).unwrap();
            assert_eq!(answer["methodResponses"][0][1]["type"], "unsupportedFilter", "{filter}");
        }
        let wrong = house.one("Email/query", json!({ "filter": { "hasSmime": "yes" } })).await;
        assert_eq!(wrong["type"], "invalidArguments");
    }
}
