//! Searching as a client does it: `Email/query` with words, all its conditions, and `SearchSnippet/get`.

use serde_json::{Value, json};

use crate::house::{House, mailbox_id, stories};

fn letter(fields: &str, body: &str) -> Vec<u8> {
    format!("{fields}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n").into_bytes()
}

async fn found(house: &House, filter: &Value) -> Vec<Value> {
    let answer = house.one("Email/query", json!({ "filter": filter, "calculateTotal": true })).await;
    let ids = answer["ids"].as_array().unwrap_or_else(|| panic!("{filter}: {answer}")).clone();
    assert_eq!(answer["total"], ids.len(), "{filter}");
    assert_eq!(answer["canCalculateChanges"], false);
    ids
}

stories! {
    async fn rfc_8621_4_4_1_every_condition(house: House) {
        let a = house.deliver(1, &letter("From: Văn thư <vt@so.vn>\r\nTo: an@a.gov.vn\r\nSubject: Giấy mời họp\r\nX-Loai: khẩn", "Kính mời dự họp về công văn 12/UBND."), 1).await;
        let b = house.deliver(1, &letter("From: binh@a.gov.vn\r\nCc: vt@so.vn\r\nSubject: Re: Báo cáo\r\nMessage-ID: <b@x>", &"cống rãnh ".repeat(50)), 2).await;
        let c = house.deliver(1, &letter("From: binh@a.gov.vn\r\nBcc: vt@so.vn\r\nSubject: Re: Báo cáo\r\nReferences: <b@x>", "xong"), 3).await;
        house.one("Email/set", json!({ "update": { &b: { "keywords/$flagged": true }, &a: { "mailboxIds": { mailbox_id(1, 4).to_string(): true } } } })).await;
        // Another's message is nobody's hit.
        house.deliver(2, &letter("From: vt@so.vn\r\nSubject: họp", "công văn"), 4).await;
        let inbox = mailbox_id(1, 1);
        let rows: Vec<(Value, Vec<&String>)> = vec![
            (json!({ "text": "cong" }), vec![&b, &a]),
            (json!({ "text": "công" }), vec![&a]),
            (json!({ "text": "\"mời dự\"" }), vec![&a]),
            (json!({ "text": "\"dự mời\"" }), vec![]),
            (json!({ "text": "12/ubnd" }), vec![&a]),
            (json!({ "subject": "hop" }), vec![&a]),
            (json!({ "body": "hop" }), vec![&a]),
            (json!({ "body": "giay" }), vec![]),
            (json!({ "from": "vt@so.vn" }), vec![&a]),
            (json!({ "from": "van thu" }), vec![&a]),
            (json!({ "to": "an@a.gov.vn" }), vec![&a]),
            (json!({ "cc": "vt" }), vec![&b]),
            (json!({ "bcc": "vt" }), vec![&c]),
            (json!({ "header": ["X-Loai"] }), vec![&a]),
            (json!({ "header": ["x-loai", "KHẨN"] }), vec![&a]),
            (json!({ "header": ["x-loai", "thường"] }), vec![]),
            (json!({ "minSize": 400 }), vec![&b]),
            (json!({ "maxSize": 400 }), vec![&c, &a]),
            (json!({ "hasAttachment": true }), vec![]),
            (json!({ "hasAttachment": false }), vec![&c, &b, &a]),
            (json!({ "inMailboxOtherThan": [inbox] }), vec![&a]),
            (json!({ "inMailbox": inbox, "text": "vt" }), vec![&c, &b]),
            (json!({ "someInThreadHaveKeyword": "$flagged" }), vec![&c, &b]),
            (json!({ "allInThreadHaveKeyword": "$flagged" }), vec![]),
            (json!({ "noneInThreadHaveKeyword": "$flagged" }), vec![&a]),
            (json!({ "operator": "OR", "conditions": [{ "text": "giấy" }, { "hasKeyword": "$flagged" }] }), vec![&b, &a]),
            (json!({ "operator": "NOT", "conditions": [{ "text": "giấy" }, { "hasKeyword": "$flagged" }] }), vec![&c]),
            (json!({ "operator": "AND", "conditions": [{ "text": "vt" }, { "operator": "NOT", "conditions": [{ "text": "cống" }] }] }), vec![&c, &a]),
        ];
        for (filter, expected) in rows {
            assert_eq!(found(&house, &filter).await, json!(expected).as_array().unwrap().clone(), "{filter}");
        }
    }

    async fn rfc_8621_4_4_2_sorts_windows_and_conversations(house: House) {
        let mut ids = Vec::new();
        for (n, (from, subject)) in (0..).zip([("Bình <z@x.vn>", "Họp"), ("an@x.vn", "Re: Họp"), ("Châu <c@x.vn>", "An ninh")]) {
            let fields = format!("From: {from}\r\nSubject: {subject}\r\nMessage-ID: <{n}@x>\r\nReferences: <0@x>");
            ids.push(house.deliver(1, &letter(&fields, "chung"), n).await);
        }
        let sorts = [
            (json!([{ "property": "from" }]), [1, 0, 2]),
            (json!([{ "property": "subject" }, { "property": "receivedAt", "isAscending": true }]), [2, 0, 1]),
            (json!([{ "property": "size", "isAscending": false }, { "property": "sentAt" }]), [2, 0, 1]),
        ];
        for (sort, expected) in sorts {
            let expected: Vec<&String> = expected.iter().map(|n| &ids[*n]).collect();
            let answer = house.one("Email/query", json!({ "sort": sort })).await;
            assert_eq!(answer["ids"], json!(expected), "{sort}");
            let window = json!({ "sort": sort, "anchor": expected[1], "anchorOffset": -1, "limit": 2 });
            let answer = house.one("Email/query", window).await;
            assert_eq!((&answer["ids"], &answer["position"]), (&json!(expected[..2]), &json!(0)), "{sort}");
            let last = house.one("Email/query", json!({ "sort": sort, "position": -1 })).await;
            assert_eq!((&last["ids"], &last["position"]), (&json!(expected[2..]), &json!(2)), "{sort}");
        }
        let folded = json!({ "filter": { "text": "chung" }, "collapseThreads": true, "calculateTotal": true });
        let answer = house.one("Email/query", folded).await;
        assert_eq!((&answer["ids"], &answer["total"]), (&json!([ids[2], ids[1]]), &json!(2)));
        let gone = house.one("Email/query", json!({ "filter": { "text": "chung" }, "anchor": "00000000000000000000000000000000" })).await;
        assert_eq!(gone["type"], "anchorNotFound");
        let changes = json!({ "sinceQueryState": "1", "filter": { "text": "chung" } });
        assert_eq!(house.one("Email/queryChanges", changes).await["type"], "cannotCalculateChanges");
    }

    async fn rfc_8621_5_snippets_mark_what_was_found(house: House) {
        let a = house.deliver(1, &letter("From: vt@so.vn\r\nSubject: Công văn <12>", "Kính gửi,\r\n\r\nVề việc cống vẫn chảy & công văn đến."), 1).await;
        let b = house.deliver(1, &letter("From: vt@so.vn\r\nSubject: Khác", "không có gì"), 2).await;
        let theirs = house.deliver(2, &letter("From: vt@so.vn\r\nSubject: Công văn", "kín"), 3).await;
        let asked = |filter: Value| json!({ "filter": filter, "emailIds": [a, b, theirs, "x"] });
        let answer = house.one("SearchSnippet/get", asked(json!({ "text": "cong van" }))).await;
        assert_eq!(answer["notFound"], json!(["x", theirs]));
        assert_eq!(answer["list"], json!([
            { "emailId": a, "subject": "<mark>Công</mark> <mark>văn</mark> &lt;12&gt;",
              "preview": "Kính gửi, Về việc <mark>cống</mark> <mark>vẫn</mark> chảy &amp; <mark>công</mark> <mark>văn</mark> đến." },
            { "emailId": b, "subject": null, "preview": null },
        ]));
        let answer = house.one("SearchSnippet/get", asked(json!({ "subject": "công" }))).await;
        assert_eq!(answer["list"][0], json!({ "emailId": a, "subject": "<mark>Công</mark> văn &lt;12&gt;", "preview": null }));
        let answer = house.one("SearchSnippet/get", json!({ "filter": { "hasAttachment": true }, "emailIds": [a] })).await;
        assert_eq!(answer["list"], json!([{ "emailId": a, "subject": null, "preview": null }]));
        assert_eq!(answer["notFound"], Value::Null);
        assert_eq!(house.one("SearchSnippet/get", json!({ "emailIds": vec![&a; 51] })).await["type"], "requestTooLarge");
    }
}
