//! Blobs as objects (RFC 9404), quotas (RFC 9425), and messages that are only read (RFC 8621 §4.9).

use serde_json::{Value, json};

use crate::house::{House, account_id, letter, mailbox_id, stories};

/// A letter with a letter in it, which has a file.
const FORWARDED: &str = "From: c@b.vn\r\nTo: an@a.gov.vn\r\nSubject: ngoài\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: text/plain\r\n\r\nSee\r\n\
    --o\r\nContent-Type: message/rfc822\r\n\r\nFrom: d@d.vn\r\nSubject: =?UTF-8?Q?trong?=\r\nX-Mark: 7\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nK\u{ed}nh\r\n\
    --i\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjcK\r\n--i--\r\n\r\n--o--\r\n";

async fn upload(house: &House, data: Value) -> Value {
    house.one("Blob/upload", json!({ "create": { "a": { "data": data } } })).await
}

stories! {
    /// The example of RFC 9404 §4.1.2 and what is read back.
    async fn rfc_9404_blobs_are_made_of_pieces(house: House) {
        let fox = "The quick brown fox jumped over the lazy dog.";
        let account = json!(account_id(1));
        let answers = house.ask(1, json!([
            ["Blob/upload", { "accountId": account, "create": { "b4": { "data": [{ "data:asText": fox }] } } }, "S4"],
            ["Blob/upload", { "accountId": account, "create": { "cat": { "type": "text/plain", "data": [
                { "data:asText": "How" }, { "blobId": "#b4", "length": 7, "offset": 3 }, { "data:asText": "was t" },
                { "blobId": "#b4", "length": 1, "offset": 1 }, { "data:asBase64": "YXQ/" },
            ] } } }, "CAT"],
            ["Blob/get", { "accountId": account, "properties": ["data:asText", "size"], "ids": ["#cat"] }, "G4"],
            ["Blob/get", { "accountId": account, "properties": ["digest:sha", "digest:sha-256", "data", "size"], "ids": ["#b4"], "offset": 4, "length": 9 }, "D"],
        ])).await;
        assert_eq!((&answers[0][1]["created"]["b4"]["size"], &answers[1][1]["created"]["cat"]["type"]), (&json!(45), &json!("text/plain")));
        let cat = &answers[2][1]["list"][0];
        assert_eq!((&cat["data:asText"], &cat["size"]), (&json!("How quick was that?"), &json!(19)));
        let some = &answers[3][1]["list"][0];
        // printf 'quick bro' | openssl sha1 -binary | base64
        assert_eq!((&some["digest:sha"], &some["digest:sha-256"]), (&json!("QiRAPtfyX8K6tm1iOAtZ87Xj3Ww="), &json!("gdg9INW7lwHK6OQ9u0dwDz2ZY/gubi0En0xlFpKt0OA=")));
        assert_eq!((&some["data:asText"], &some["size"]), (&json!("quick bro"), &json!(45)));
        assert!(some.get("isTruncated").is_none() && some.get("isEncodingProblem").is_none());
    }

    async fn rfc_9404_stretches_and_faults(house: House) {
        let made = upload(&house, json!([{ "data:asBase64": "/wBh" }])).await;
        let id = made["created"]["a"]["id"].clone();
        let rows = [
            (json!({ "ids": [id] }),                                          json!({ "id": id, "data:asBase64": "/wBh", "isEncodingProblem": true, "size": 3 })),
            (json!({ "ids": [id], "properties": ["data:asText"] }),           json!({ "id": id, "data:asText": null, "isEncodingProblem": true })),
            (json!({ "ids": [id], "properties": ["data:asText"], "offset": 2 }), json!({ "id": id, "data:asText": "a" })),
            (json!({ "ids": [id], "properties": ["data:asBase64"], "offset": 2, "length": 9 }), json!({ "id": id, "data:asBase64": "YQ==", "isTruncated": true })),
            (json!({ "ids": [id], "properties": ["data"], "offset": 9 }),     json!({ "id": id, "data:asText": "", "isTruncated": true })),
            (json!({ "ids": [id], "properties": ["size"], "offset": 9 }),     json!({ "id": id, "size": 3 })),
        ];
        for (asked, expected) in rows {
            let answer = house.one("Blob/get", asked.clone()).await;
            assert_eq!(answer["list"], json!([expected]), "{asked}");
        }
        assert_eq!(house.one("Blob/get", json!({ "ids": ["x", "Gff"] })).await["notFound"], json!(["x", "Gff"]));
        for asked in [json!({ "ids": [id], "properties": ["digest:md5"] }), json!({ "ids": [id], "offset": -1 }), json!({ "ids": [id], "x": 1 })] {
            assert_eq!(house.one("Blob/get", asked.clone()).await["type"], "invalidArguments", "{asked}");
        }
        assert_eq!(house.one("Blob/get", json!({})).await["type"], "requestTooLarge");
        let many = vec![json!({ "data:asText": "x" }); 65];
        let faults = [
            (json!("x"),                                                   "invalidProperties"),
            (json!([1]),                                                   "invalidProperties"),
            (json!([{}]),                                                  "invalidProperties"),
            (json!([{ "data:asText": "a", "data:asBase64": "YQ==" }]),     "invalidProperties"),
            (json!([{ "data:asText": "a", "offset": 1 }]),                 "invalidProperties"),
            (json!([{ "data:asBase64": "!" }]),                            "invalidProperties"),
            (json!([{ "blobId": id, "offset": 1, "length": 3 }]),          "invalidProperties"),
            (json!([{ "blobId": id, "offset": 4 }]),                       "invalidProperties"),
            (json!([{ "blobId": id, "offset": "1" }]),                     "invalidProperties"),
            (json!([{ "blobId": "#none" }]),                               "blobNotFound"),
            (json!(many),                                                  "invalidProperties"),
        ];
        for (data, expected) in faults {
            assert_eq!(upload(&house, data.clone()).await["notCreated"]["a"]["type"], expected, "{data}");
        }
        // An account that is full takes no more.
        let big = upload(&house, json!([{ "data:asText": "x".repeat(6_000_000) }])).await;
        assert_eq!(big["notCreated"]["a"]["type"], "overQuota", "{big}");
    }

    /// RFC 9404 §4.3: what a blob is part of, by type.
    async fn rfc_9404_4_3_lookup(house: House) {
        let raw = letter("1@x", "Thư", "");
        let (one, other) = (house.deliver(1, &raw, 1).await, house.deliver(1, &raw, 2).await);
        let (inbox, trash) = (mailbox_id(1, 1).to_string(), mailbox_id(1, 4).to_string());
        house.one("Email/set", json!({ "update": { &other: { "mailboxIds": { &inbox: true, &trash: true } } } })).await;
        let got = house.one("Email/get", json!({ "ids": [one, other], "properties": ["blobId", "threadId"] })).await["list"].clone();
        let blob = got[0]["blobId"].as_str().unwrap().to_owned();
        assert_eq!(got[1]["blobId"], blob, "the same bytes are the same blob");
        let sorted = |ids: &[&Value]| { let mut ids: Vec<_> = ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect(); ids.sort(); ids.dedup(); json!(ids) };
        let loose = upload(&house, json!([{ "data:asText": "x" }])).await["created"]["a"]["id"].clone();
        let answer = house.one("Blob/lookup", json!({ "typeNames": ["Mailbox", "Thread", "Email"], "ids": [blob, loose, "x", blob] })).await;
        assert_eq!(answer["notFound"], json!(["x"]), "{answer}");
        let list = answer["list"].as_array().unwrap();
        let of = |id: &Value| list.iter().find(|one| one["id"] == *id).unwrap()["matchedIds"].clone();
        assert_eq!((list.len(), of(&json!(blob))), (2, json!({
            "Email": sorted(&[&json!(one), &json!(other)]), "Mailbox": sorted(&[&json!(inbox), &json!(trash)]),
            "Thread": sorted(&[&got[0]["threadId"], &got[1]["threadId"]]),
        })));
        assert_eq!(of(&loose), json!({ "Email": [], "Mailbox": [], "Thread": [] }));
        let part = house.one("Blob/lookup", json!({ "typeNames": ["Thread"], "ids": [format!("{blob}-0")] })).await;
        assert_eq!(part["list"][0]["matchedIds"]["Thread"], sorted(&[&got[0]["threadId"], &got[1]["threadId"]]), "{part}");
        // Whoever does not have it learns nothing.
        assert_eq!(house.one_of(2, "Blob/lookup", json!({ "typeNames": ["Email"], "ids": [blob] })).await["notFound"], json!([blob]));
        for (arguments, kind) in [
            (json!({ "typeNames": ["Email", "Colour"], "ids": [blob] }), "unknownDataType"),
            (json!({ "ids": [blob] }), "invalidArguments"),
            (json!({ "typeNames": ["Email"] }), "invalidArguments"),
            (json!({ "typeNames": ["Email"], "ids": vec!["x"; 51] }), "requestTooLarge"),
        ] {
            assert_eq!(house.one("Blob/lookup", arguments.clone()).await["type"], kind, "{arguments}");
        }
    }

    async fn rfc_8621_4_9_a_letter_in_a_letter_is_read(house: House) {
        let id = house.deliver(1, FORWARDED.as_bytes(), 1).await;
        let got = house.one("Email/get", json!({ "ids": [id], "properties": ["attachments", "blobId"] })).await["list"][0].clone();
        let inner = got["attachments"][0]["blobId"].clone();
        let parsed = house.one("Email/parse", json!({
            "blobIds": [inner, got["blobId"], "x"], "fetchTextBodyValues": true,
            "properties": ["subject", "from", "id", "threadId", "mailboxIds", "receivedAt", "blobId", "bodyValues", "attachments", "header:X-Mark:asText:all"],
        })).await;
        assert_eq!(parsed["notFound"], json!(["x"]), "{parsed}");
        let letter = &parsed["parsed"][inner.as_str().unwrap()];
        assert_eq!((&letter["subject"], &letter["from"][0]["email"]), (&json!("trong"), &json!("d@d.vn")));
        for name in ["id", "threadId", "mailboxIds", "receivedAt"] {
            assert_eq!(letter[name], Value::Null, "{name}");
        }
        assert_eq!(letter["header:X-Mark:asText:all"], json!(["7"]));
        assert_eq!(letter["bodyValues"].as_object().unwrap().values().next().unwrap()["value"], "Kính");
        // A part of the letter within can be fetched by its name, at the door and here.
        let pdf = &letter["attachments"][0];
        assert_eq!((&pdf["name"], &pdf["size"]), (&json!("a.pdf"), &json!(9)), "{pdf}");
        let bytes = house.one("Blob/get", json!({ "ids": [pdf["blobId"]] })).await;
        assert_eq!(bytes["list"][0]["data:asText"], "%PDF-1.7\n", "{bytes}");
        let whole = house.one("Email/parse", json!({ "blobIds": [got["blobId"]] })).await;
        assert_eq!(whole["parsed"][got["blobId"].as_str().unwrap()]["subject"], "ngoài");
        let junk = upload(&house, json!([{ "data:asText": "no header here" }])).await["created"]["a"]["id"].clone();
        let answer = house.one("Email/parse", json!({ "blobIds": [junk] })).await;
        assert_eq!((&answer["parsed"], &answer["notParsable"]), (&Value::Null, &json!([junk])));
        assert_eq!(house.one("Email/parse", json!({})).await["type"], "invalidArguments");
    }

    async fn rfc_9425_the_quota_says_what_is_used(house: House) {
        let first = house.one("Quota/get", json!({})).await;
        let quota = &first["list"][0];
        assert_eq!((&quota["used"], &quota["hardLimit"], &quota["resourceType"], &quota["types"]), (&json!(0), &json!(5_000_000), &json!("octets"), &json!(["Mail"])));
        let raw = letter("1@x", "Thư", "");
        house.deliver(1, &raw, 1).await;
        let told = house.one("Quota/changes", json!({ "sinceState": first["state"] })).await;
        assert_eq!((&told["updated"], &told["updatedProperties"]), (&json!([quota["id"]]), &json!(["used"])));
        let now = house.one("Quota/get", json!({ "ids": [quota["id"], "x"], "properties": ["used"] })).await;
        assert_eq!((&now["list"], &now["notFound"]), (&json!([{ "id": quota["id"], "used": raw.len() }]), &json!(["x"])));
        assert_eq!(now["state"], told["newState"]);
        let same = house.one("Quota/changes", json!({ "sinceState": now["state"] })).await;
        assert_eq!((&same["updated"], &same["updatedProperties"]), (&json!([]), &Value::Null));
        for (filter, count) in [(json!({}), 1), (json!({ "type": "Mail", "name": "hop thu" }), 1), (json!({ "scope": "domain" }), 0), (json!({ "resourceType": "count" }), 0)] {
            let answer = house.one("Quota/query", json!({ "filter": filter, "calculateTotal": true })).await;
            assert_eq!((&answer["total"], &answer["canCalculateChanges"]), (&json!(count), &json!(true)), "{filter}");
        }
        let delta = house.one("Quota/queryChanges", json!({ "sinceQueryState": first["state"], "calculateTotal": true })).await;
        assert_eq!((&delta["added"], &delta["removed"], &delta["total"]), (&json!([]), &json!([]), &json!(1)));
        for (method, arguments, expected) in [
            ("Quota/changes", json!({ "sinceState": "1" }), "cannotCalculateChanges"),
            ("Quota/changes", json!({ "sinceState": first["state"], "maxChanges": 0 }), "invalidArguments"),
            ("Quota/get", json!({ "properties": ["x"] }), "invalidArguments"),
            ("Quota/query", json!({ "filter": { "x": "y" } }), "unsupportedFilter"),
            ("Quota/query", json!({ "sort": [{ "property": "x" }] }), "unsupportedSort"),
        ] {
            assert_eq!(house.one(method, arguments.clone()).await["type"], expected, "{method} {arguments}");
        }
    }

    async fn copies_stay_within_the_accounts_one_may_use(house: House) {
        let id = house.deliver(1, &letter("1@x", "Thư", ""), 1).await;
        let blob = house.one("Email/get", json!({ "ids": [id], "properties": ["blobId"] })).await["list"][0]["blobId"].clone();
        let copied = house.one("Blob/copy", json!({ "fromAccountId": account_id(1), "blobIds": [blob] })).await;
        assert_eq!((&copied["copied"][blob.as_str().unwrap()], &copied["notCopied"]), (&blob, &Value::Null));
        let create = json!({ "c": { "id": id, "mailboxIds": { mailbox_id(1, 1).to_string(): true } } });
        let same = house.one("Email/copy", json!({ "fromAccountId": account_id(1), "create": create })).await;
        assert_eq!(same["type"], "invalidArguments");
    }
}
