//! Messages (RFC 8621 §4).

use serde_json::{Value, json};

use crate::house::{account_id, caller, letter, mailbox_id, stories};

/// A letter with two texts and a file, as a stranger sends it.
const WHOLE: &str = "Received: from b.vn by a.gov.vn; Sun, 22 Nov 2026 07:00:00 +0700\r\n\
    From: =?UTF-8?Q?B=C3=ACnh?= <c@b.vn>\r\nTo: an@a.gov.vn\r\nCc: Nhom: x@b.vn, y@b.vn;\r\n\
    Subject: =?UTF-8?B?R2nhuqV5IG3hu51p?=\r\nX-Mark: one\r\nX-Mark: two\r\nMessage-ID: <w@b.vn>\r\n\
    Date: Sun, 22 Nov 2026 08:00:00 +0700\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
    --b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n\
    --c\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Language: vi\r\nContent-Transfer-Encoding: base64\r\n\r\nS8OtbmggbeG7nWkK\r\n\
    --c\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Hello</p>\r\n--c--\r\n\
    --b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\
    Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjcK\r\n--b--\r\n";

stories! {
    async fn a_message_shows_all_its_properties(house: House) {
        let id = house.deliver(1, WHOLE.as_bytes(), 1).await;
        let got = house.one("Email/get", json!({ "ids": [id, id, "nope"], "fetchTextBodyValues": true })).await;
        assert_eq!(got["notFound"], json!(["nope"]));
        let email = &got["list"][0];
        assert_eq!(got["list"].as_array().unwrap().len(), 1);
        assert_eq!(email["subject"], "Giấy mời");
        assert_eq!(email["from"], json!([{ "name": "Bình", "email": "c@b.vn" }]));
        assert_eq!((&email["receivedAt"], &email["sentAt"]), (&json!("2026-11-22T01:00:01Z"), &json!("2026-11-22T01:00:00Z")));
        assert_eq!((&email["bcc"], &email["hasAttachment"]), (&Value::Null, &json!(true)));
        assert_eq!(email["messageId"], json!(["w@b.vn"]));
        let part = email["textBody"][0]["partId"].as_str().unwrap();
        assert_eq!(email["textBody"][0]["language"], json!(["vi"]));
        assert_eq!(email["bodyValues"], json!({ part: { "value": "Kính mời\n", "isEncodingProblem": false, "isTruncated": false } }));
        let pdf = &email["attachments"][0];
        assert_eq!((&pdf["type"], &pdf["name"], &pdf["size"]), (&json!("application/pdf"), &json!("a.pdf"), &json!(9)));
        let door = house.api.download(&caller(1), &account_id(1).to_string(), pdf["blobId"].as_str().unwrap(), "a.pdf", "application/pdf").await.unwrap();
        assert_eq!((door.bytes.as_slice(), door.media_type.as_str()), (b"%PDF-1.7\n".as_slice(), "application/pdf"));
        let whole = house.api.download(&caller(1), &account_id(1).to_string(), email["blobId"].as_str().unwrap(), "a.eml", "x").await.unwrap();
        assert_eq!((whole.bytes.as_slice(), whole.media_type.as_str()), (WHOLE.as_bytes(), "application/octet-stream"));
    }

    async fn header_properties_come_from_the_row_or_the_message(house: House) {
        let id = house.deliver(1, WHOLE.as_bytes(), 1).await;
        let asked = json!([
            "header:X-Mark:asText:all", "header:x-mark", "header:Subject:asText", "header:Cc:asGroupedAddresses",
            "header:From:asAddresses", "header:Date:asDate", "header:None:asText", "bodyStructure",
        ]);
        let got = house.one("Email/get", json!({
            "ids": [id], "properties": asked, "bodyProperties": ["type", "header:Content-Language:asText"], "fetchAllBodyValues": true, "maxBodyValueBytes": 2,
        })).await;
        let email = &got["list"][0];
        assert_eq!(email["header:X-Mark:asText:all"], json!(["one", "two"]));
        assert_eq!(email["header:x-mark"], " two");
        assert_eq!(email["header:Subject:asText"], "Giấy mời");
        assert_eq!(email["header:Cc:asGroupedAddresses"][0]["name"], "Nhom");
        assert_eq!(email["header:From:asAddresses"][0]["name"], "Bình");
        assert_eq!(email["header:Date:asDate"], "2026-11-22T01:00:00Z");
        assert_eq!(email["header:None:asText"], Value::Null);
        assert_eq!(email["bodyStructure"]["subParts"][0]["subParts"][0]["header:Content-Language:asText"], "vi");
        assert!(email.get("subject").is_none() && email.get("bodyValues").is_none());
        for properties in [json!(["header:From:asText"]), json!(["nothing"]), json!([1])] {
            let answer = house.one("Email/get", json!({ "ids": [id], "properties": properties })).await;
            assert_eq!(answer["type"], "invalidArguments", "{properties}");
        }
    }

    async fn the_way_of_a_client_of_rfc_8621_4_10(house: House) {
        for n in 0..6 {
            house.deliver(1, &letter(&format!("{n}@x"), &format!("Thư {}", n / 2), &format!("<{}@x>", n / 2 * 2)), n).await;
        }
        let answers = house.ask(1, json!([
            ["Email/query", { "accountId": account_id(1), "filter": { "inMailbox": mailbox_id(1, 1) }, "sort": [{ "property": "receivedAt", "isAscending": false }], "collapseThreads": true, "position": 0, "limit": 2, "calculateTotal": true }, "0"],
            ["Email/get", { "accountId": account_id(1), "#ids": { "resultOf": "0", "name": "Email/query", "path": "/ids" }, "properties": ["threadId"] }, "1"],
            ["Thread/get", { "accountId": account_id(1), "#ids": { "resultOf": "1", "name": "Email/get", "path": "/list/*/threadId" } }, "2"],
            ["Email/get", { "accountId": account_id(1), "#ids": { "resultOf": "2", "name": "Thread/get", "path": "/list/*/emailIds" }, "properties": ["subject", "preview"] }, "3"],
            ["Email/get", { "accountId": account_id(1), "#ids": { "resultOf": "9", "name": "Thread/get", "path": "" } }, "4"],
            ["Foo/get", {}, "5"],
        ])).await;
        assert_eq!(answers[0][1]["total"], 3);
        assert_eq!(answers[3][1]["list"].as_array().unwrap().len(), 4);
        assert_eq!(answers[3][1]["list"][0]["subject"], "Thư 2");
        assert_eq!((&answers[4][1]["type"], &answers[5][1]["type"]), (&json!("invalidResultReference"), &json!("unknownMethod")));
    }

    async fn windows_over_messages(house: House) {
        let mut ids = Vec::new();
        for n in 0..6 {
            // Two in each second.
            ids.push(house.deliver(1, &letter(&format!("{n}@x"), &n.to_string(), ""), n / 2).await);
        }
        let all = house.one("Email/query", json!({})).await["ids"].clone();
        let all: Vec<&str> = all.as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        assert_eq!(all.len(), 6);
        for oldest_first in [false, true] {
            let sort = json!([{ "property": "receivedAt", "isAscending": oldest_first }]);
            let order: Vec<&str> = if oldest_first { all.iter().rev().copied().collect() } else { all.clone() };
            for (at, anchor) in order.iter().enumerate() {
                let answer = house.one("Email/query", json!({ "sort": sort, "anchor": anchor, "anchorOffset": -1, "limit": 2 })).await;
                let from = at.saturating_sub(1);
                assert_eq!(answer["ids"], json!(order[from..(from + 2).min(6)]), "{at}: {answer}");
                assert_eq!(answer["position"], from);
            }
        }
        let last = house.one("Email/query", json!({ "position": -2 })).await;
        assert_eq!(last["ids"], json!(all[4..]));
        let beyond = house.one("Email/query", json!({ "position": 99, "calculateTotal": true, "limit": 9999 })).await;
        assert_eq!((&beyond["ids"], &beyond["total"], &beyond["limit"]), (&json!([]), &json!(6), &json!(1000)));
        house.one("Email/set", json!({ "update": { &ids[0]: { "keywords/$Flagged": true } } })).await;
        let rows = [
            (json!({ "hasKeyword": "$flagged" }), 1), (json!({ "notKeyword": "$flagged" }), 5), (json!({ "hasKeyword": "_flagged" }), 0),
            (json!({ "after": "2026-11-22T01:00:01Z" }), 4), (json!({ "before": "2026-11-22T01:00:01Z", "inMailbox": mailbox_id(1, 1) }), 2),
            (json!({ "operator": "AND", "conditions": [{ "after": "2026-11-22T01:00:01Z" }, { "before": "2026-11-22T01:00:02Z" }] }), 2),
            (json!({ "inMailbox": mailbox_id(1, 2) }), 0),
        ];
        for (filter, count) in rows {
            let answer = house.one("Email/query", json!({ "filter": filter, "calculateTotal": true })).await;
            assert_eq!((answer["ids"].as_array().unwrap().len(), &answer["total"]), (count, &json!(count)), "{filter}");
        }
        assert_eq!(house.one("Email/query", json!({ "filter": { "colour": "x" } })).await["type"], "unsupportedFilter");
        assert_eq!(house.one("Email/query", json!({ "sort": [{ "property": "colour" }] })).await["type"], "unsupportedSort");
    }

    async fn a_conversation_shows_its_newest_message_that_matches(house: House) {
        let a = house.deliver(1, &letter("a@x", "Họp", ""), 1).await;
        let b = house.deliver(1, &letter("b@x", "Re: Họp", "<a@x>"), 2).await;
        let c = house.deliver(1, &letter("c@x", "Khác", ""), 3).await;
        house.one("Email/set", json!({ "update": { &b: { "keywords/$seen": true } } })).await;
        for in_mailbox in [json!({}), json!({ "inMailbox": mailbox_id(1, 1) })] {
            let mut filter = in_mailbox.clone();
            filter["notKeyword"] = "$seen".into();
            let unseen = house.one("Email/query", json!({ "filter": filter, "collapseThreads": true, "calculateTotal": true })).await;
            assert_eq!((&unseen["ids"], &unseen["total"]), (&json!([c, a]), &json!(2)), "{filter}");
            let mut filter = in_mailbox;
            filter["before"] = "2026-11-22T01:00:02Z".into();
            let early = house.one("Email/query", json!({ "filter": filter, "collapseThreads": true })).await;
            assert_eq!(early["ids"], json!([a]));
        }
    }

    async fn a_draft_is_made_of_properties(house: House) {
        let upload = house.api.upload(&caller(1), &account_id(1).to_string(), "application/pdf", b"%PDF-1.7\n\0", crate::house::NOW).await;
        let upload: Value = serde_json::from_slice(&upload.body).unwrap();
        let made = house.one("Email/set", json!({ "create": { "d": {
            "mailboxIds": { mailbox_id(1, 2).to_string(): true },
            "keywords": { "$draft": true, "$Seen": true },
            "from": [{ "name": "Nguyễn Văn An", "email": "an@a.gov.vn" }],
            "to": [{ "name": "\"Phòng, Một\" <x@y>", "email": "b@b.vn" }],
            "bcc": [{ "email": "c@b.vn" }],
            "subject": "Giấy mời họp giao ban tháng mười một năm hai nghìn không trăm hai mươi sáu",
            "inReplyTo": ["w@b.vn"],
            "header:X-Note:asText": "ghi chú",
            "header:X-Two:asText:all": ["một", "hai"],
            "textBody": [{ "partId": "t", "type": "text/plain" }],
            "htmlBody": [{ "partId": "h", "type": "text/html" }],
            "attachments": [
                { "blobId": upload["blobId"], "type": "application/pdf", "name": "Giấy mời.pdf", "disposition": "attachment" },
                { "blobId": upload["blobId"], "type": "image/png", "cid": "p@x", "disposition": "inline" },
            ],
            "bodyValues": { "t": { "value": "Kính gửi\n.\n\nFrom an" }, "h": { "value": "<p>Kính gửi</p>" } },
        } } })).await;
        let id = made["created"]["d"]["id"].clone();
        assert!(id.is_string(), "{made}");
        let got = house.one("Email/get", json!({ "ids": [id], "fetchAllBodyValues": true, "properties": [
            "from", "to", "bcc", "subject", "keywords", "sentAt", "messageId", "inReplyTo", "header:X-Note:asText",
            "header:X-Two:asText:all", "bodyStructure", "bodyValues", "attachments", "textBody", "htmlBody", "headers",
        ] })).await["list"][0].clone();
        assert_eq!(got["from"], json!([{ "name": "Nguyễn Văn An", "email": "an@a.gov.vn" }]));
        assert_eq!(got["to"], json!([{ "name": "\"Phòng, Một\" <x@y>", "email": "b@b.vn" }]));
        assert_eq!(got["bcc"], json!([{ "name": null, "email": "c@b.vn" }]));
        assert_eq!(got["subject"], "Giấy mời họp giao ban tháng mười một năm hai nghìn không trăm hai mươi sáu");
        assert_eq!(got["keywords"], json!({ "$draft": true, "$seen": true }));
        assert_eq!(got["sentAt"], "2026-11-22T01:00:00Z");
        assert!(got["messageId"][0].as_str().unwrap().ends_with("@mail.a.gov.vn"));
        assert_eq!(got["inReplyTo"], json!(["w@b.vn"]));
        assert_eq!((&got["header:X-Note:asText"], &got["header:X-Two:asText:all"]), (&json!("ghi chú"), &json!(["một", "hai"])));
        assert_eq!(got["bodyStructure"]["type"], "multipart/mixed");
        let texts: Vec<&str> = ["textBody", "htmlBody"].iter().map(|list| {
            got["bodyValues"][got[*list][0]["partId"].as_str().unwrap()]["value"].as_str().unwrap()
        }).collect();
        assert_eq!(texts, ["Kính gửi\n.\n\nFrom an", "<p>Kính gửi</p>"]);
        let pdf = got["attachments"].as_array().unwrap().iter().find(|part| part["type"] == "application/pdf").unwrap();
        assert_eq!(pdf["name"], "Giấy mời.pdf");
        let door = house.api.download(&caller(1), &account_id(1).to_string(), pdf["blobId"].as_str().unwrap(), "x", "").await.unwrap();
        assert_eq!(door.bytes, b"%PDF-1.7\n\0");
        for name in ["Date", "Message-ID", "MIME-Version", "From"] {
            let count = got["headers"].as_array().unwrap().iter().filter(|h| h["name"].as_str().unwrap().eq_ignore_ascii_case(name)).count();
            assert_eq!(count, 1, "{name}");
        }
    }

    async fn drafts_that_are_refused(house: House) {
        let drafts = mailbox_id(1, 2).to_string();
        let rows = [
            (json!({ "mailboxIds": {} }), "invalidProperties"),
            (json!({ "mailboxIds": { "x": true } }), "invalidProperties"),
            (json!({ "mailboxIds": { &drafts: false } }), "invalidProperties"),
            (json!({ "keywords": { "a b": true } }), "invalidProperties"),
            (json!({ "keywords": (0..101).map(|n| (format!("k{n}"), true)).collect::<std::collections::HashMap<_, _>>() }), "tooManyKeywords"),
            (json!({ "headers": [] }), "invalidProperties"),
            (json!({ "subject": "a\r\nBcc: x@b.vn" }), "invalidProperties"),
            (json!({ "from": [{ "email": "a@a.vn>\r\nX: 1" }] }), "invalidProperties"),
            (json!({ "from": [{ "name": "a\nb", "email": "a@a.vn" }] }), "invalidProperties"),
            (json!({ "messageId": ["a>\r\nX: 1"] }), "invalidProperties"),
            (json!({ "header:X-A": " a\r\nX-B: 1" }), "invalidProperties"),
            (json!({ "header:Received": " from x" }), "invalidProperties"),
            (json!({ "header:Content-Type": " text/html" }), "invalidProperties"),
            (json!({ "header:X-A:asText": "1", "header:x-a": "2" }), "invalidProperties"),
            (json!({ "subject": "1", "header:Subject:asText": "2" }), "invalidProperties"),
            (json!({ "header:X\r\nY": "2" }), "invalidProperties"),
            (json!({ "textBody": [{ "partId": "t" }] }), "invalidProperties"),
            (json!({ "textBody": [{ "partId": "t", "type": "text/html" }], "bodyValues": { "t": { "value": "" } } }), "invalidProperties"),
            (json!({ "textBody": [{ "partId": "t" }], "bodyValues": { "t": { "value": "", "isTruncated": true } } }), "invalidProperties"),
            (json!({ "textBody": [], "bodyStructure": {} }), "invalidProperties"),
            (json!({ "bodyStructure": { "type": "multipart/mixed", "subParts": [{ "type": "text/plain\r\nX: 1" }] } }), "invalidProperties"),
            (json!({ "bodyStructure": (0..12).fold(json!({ "blobId": "x" }), |part, _| json!({ "type": "multipart/mixed", "subParts": [part] })) }), "invalidProperties"),
            (json!({ "attachments": vec![json!({ "blobId": "x" }); 300] }), "invalidProperties"),
            (json!({ "attachments": [{ "blobId": "ab".repeat(32) }] }), "blobNotFound"),
            (json!({ "attachments": [{ "blobId": "x", "name": "a\r\nb" }] }), "invalidProperties"),
            (json!({ "attachments": [{ "blobId": "x", "header:Content-Transfer-Encoding": " 8bit" }] }), "invalidProperties"),
            (json!({ "receivedAt": "yesterday" }), "invalidProperties"),
            (json!({ "preview": "x" }), "invalidProperties"),
        ];
        for (mut object, kind) in rows {
            if object.get("mailboxIds").is_none() {
                object["mailboxIds"] = json!({ &drafts: true });
            }
            let made = house.one("Email/set", json!({ "create": { "d": object } })).await;
            assert_eq!(made["notCreated"]["d"]["type"], kind, "{object}: {made}");
        }
        let over = house.one("Email/set", json!({ "destroy": vec!["x"; 51] })).await;
        assert_eq!(over["type"], "requestTooLarge");
        assert_eq!(house.one("Email/set", json!({ "create": { "d": [] } })).await["type"], "invalidArguments");
    }

    async fn patches_change_what_can_change(house: House) {
        let id = house.deliver(1, &letter("1@x", "a", ""), 1).await;
        let set = async |patch: Value| house.one("Email/set", json!({ "update": { &id: patch } })).await;
        let trash = mailbox_id(1, 4).to_string();
        assert!(set(json!({ "keywords/$seen": true, "subject": "a", "mailboxIds": { &trash: true } })).await["notUpdated"].is_null());
        let got = house.one("Email/get", json!({ "ids": [id], "properties": ["keywords", "mailboxIds"] })).await;
        assert_eq!(got["list"][0], json!({ "id": id, "keywords": { "$seen": true }, "mailboxIds": { &trash: true } }));
        let rows = [
            (json!({ "subject": "b" }), "invalidProperties"), (json!({ "keywords/a b": true }), "invalidProperties"),
            (json!({ format!("mailboxIds/{trash}"): null }), "invalidProperties"), (json!({ "keywords/a/b": true }), "invalidPatch"),
        ];
        for (patch, kind) in rows {
            assert_eq!(set(patch.clone()).await["notUpdated"][&id]["type"], kind, "{patch}");
        }
        let made = house.ask(1, json!([
            ["Mailbox/set", { "accountId": account_id(1), "create": { "m": { "name": "Mới" } } }, "0"],
            ["Email/set", { "accountId": account_id(1), "update": { &id: { "mailboxIds": { "#m": true } } } }, "1"],
        ])).await;
        assert!(made[1][1]["notUpdated"].is_null(), "{made:?}");
        let twice = house.one("Email/set", json!({ "destroy": [id, id] })).await;
        assert_eq!((&twice["destroyed"], &twice["notDestroyed"][&id]["type"]), (&json!([id]), &json!("notFound")));
    }

    async fn a_blob_becomes_a_message(house: House) {
        let keep = async |bytes: &[u8]| {
            let response = house.api.upload(&caller(1), &account_id(1).to_string(), "message/rfc822", bytes, crate::house::NOW).await;
            serde_json::from_slice::<Value>(&response.body).unwrap()["blobId"].clone()
        };
        let (good, bad) = (keep(WHOLE.as_bytes()).await, keep(b"\0\0\0").await);
        let place = json!({ mailbox_id(1, 1).to_string(): true });
        let made = house.one("Email/import", json!({ "emails": {
            "a": { "blobId": good, "mailboxIds": place, "keywords": { "$seen": true } }, "b": { "blobId": bad, "mailboxIds": place },
            "c": { "blobId": "ab".repeat(32), "mailboxIds": place }, "d": { "blobId": good, "mailboxIds": {} },
        } })).await;
        let got = house.one("Email/get", json!({ "ids": [made["created"]["a"]["id"]], "properties": ["receivedAt", "blobId"] })).await;
        assert_eq!(got["list"][0]["receivedAt"], "2026-11-22T00:00:00Z", "{made}");
        assert_eq!(got["list"][0]["blobId"], good);
        let kinds: Vec<&Value> = ["b", "c", "d"].iter().map(|name| &made["notCreated"][*name]["type"]).collect();
        assert_eq!(kinds, ["invalidEmail", "blobNotFound", "invalidProperties"]);
    }

    async fn a_hundred_multiparts_in_one_another_are_shown(house: House) {
        let mut bomb = "From: x@b.vn\r\nSubject: sâu\r\nMIME-Version: 1.0\r\n".to_owned();
        for n in 0..300 {
            bomb.push_str(&format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n"));
        }
        bomb.push_str("Content-Type: text/plain\r\n\r\nHello\r\n");
        let id = house.deliver(1, bomb.as_bytes(), 1).await;
        let got = house.one("Email/get", json!({ "ids": [id], "properties": ["subject", "bodyStructure"], "fetchAllBodyValues": true })).await;
        assert_eq!(got["list"][0]["subject"], "sâu", "{got}");
    }
}
