//! The records office and the directory over the REST API: agencies, numbers, registers, what is late.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{ALL_SCOPES, ApiClient, Engine, said};

use crate::api::{Province, province, signed};
use crate::on_both_engines;

on_both_engines! {
    agencies_are_found_and_followed => agencies_are_found_and_followed,
    numbers_are_taken_and_registers_read => numbers_are_taken_and_registers_read,
}

fn codes(page: &Value) -> Vec<String> {
    page["agencies"].as_array().unwrap().iter().map(|row| row["code"].as_str().unwrap().to_owned()).collect()
}

async fn refused(client: &ApiClient, path: &str, status: u16) -> Value {
    said(client.ask(Method::GET, path).send().await.unwrap(), status).await
}

async fn agencies_are_found_and_followed(engine: Engine) {
    let Province { program, sender, from, to, .. } = province(engine).await;
    let name = program.systems().1.name.clone();
    // By code, by its beginning, by words without marks.
    let found = sender.get(&format!("/agencies?q={to}")).await;
    assert_eq!(
        (&found["agencies"][0]["code"], &found["agencies"][0]["matched"]),
        (&json!(to), &json!("code"))
    );
    assert_eq!(
        (&found["agencies"][0]["own"], &found["agencies"][0]["connected"]),
        (&json!(false), &json!(true))
    );
    let folded: String = name.split_whitespace().take(2).collect::<Vec<_>>().join("+");
    assert!(codes(&sender.get(&format!("/agencies?q={folded}")).await).contains(&to), "{name}");
    assert_eq!(sender.get("/agencies?q=khongaicotennay").await["agencies"], json!([]));
    // A question in pages: each once, none left out.
    let whole = codes(&sender.get("/agencies?q=H99&limit=100").await);
    assert!(whole.len() > 1, "{whole:?}");
    let (mut paged, mut path) = (Vec::new(), "/agencies?q=H99&limit=1".to_owned());
    loop {
        let page = sender.get(&path).await;
        assert!(codes(&page).len() <= 1);
        paged.extend(codes(&page));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/agencies?q=H99&limit=1&after={next}");
    }
    assert_eq!(paged, whole);
    // R70: all of them from the beginning, then what changes, and only that.
    let (mut known, mut version) = (BTreeSet::new(), 0);
    loop {
        let page = sender.get(&format!("/agencies?changed_after={version}&limit=1")).await;
        known.extend(codes(&page));
        version = page["version"].as_i64().unwrap();
        if page["more"] == json!(false) {
            break;
        }
    }
    assert!(known.contains(&from) && known.contains(&to), "{known:?}");
    let still = sender.get(&format!("/agencies?changed_after={version}")).await;
    assert_eq!((&still["agencies"], &still["version"]), (&json!([]), &json!(version)));
    let new = format!("{from}.77");
    program.must(&["agency", "add", &new, "--name", "Phòng Thử nghiệm", "--parent", &from]).await;
    let news = sender.get(&format!("/agencies?changed_after={version}")).await;
    assert_eq!(codes(&news), [new.as_str()]);
    let row = &news["agencies"][0];
    assert_eq!(
        (&row["parent"], &row["active"], &row["version"]),
        (&json!(from), &json!(true), &news["version"])
    );
    assert_eq!(sender.get(&format!("/agencies/{new}")).await["name"], "Phòng Thử nghiệm");
    // A closed one comes too, and says so.
    let version = news["version"].as_i64().unwrap();
    program.must(&["agency", "close", &new]).await;
    let news = sender.get(&format!("/agencies?changed_after={version}")).await;
    assert_eq!((codes(&news), &news["agencies"][0]["active"]), (vec![new], &json!(false)));
    for (path, pointer) in [
        ("/agencies?q=x&changed_after=1", "/changed_after"),
        ("/agencies?changed_after=-1", "/changed_after"),
        ("/agencies?changed_after=1&after=x", "/after"),
        ("/agencies?q=x&after=x", "/after"),
        ("/agencies?q=", "/q"),
        ("/agencies?limit=201", "/limit"),
    ] {
        assert_eq!(refused(&sender, path, 400).await["errors"][0]["pointer"], pointer, "{path}");
    }
}

async fn take(client: &ApiClient, key: &str, body: &Value) -> (StatusCode, Value) {
    let request = client.ask(Method::POST, "/numbers").header("idempotency-key", key).json(body);
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn numbers_are_taken_and_registers_read(engine: Engine) {
    let Province { program, sender, receiver, from, to } = province(engine).await;
    let own = json!({ "subject": "V/v thử" });
    let (status, closed) = take(&sender, "k0", &own).await;
    assert_eq!((status, &closed["code"]), (StatusCode::NOT_FOUND, &json!("number.not-kept")), "{closed}");
    assert_ne!(closed["detail_vi"], closed["detail_en"]);
    program.must(&["number", "start", "--agency", &from, "--first", "5"]).await;
    program.must(&["number", "start", "--agency", &to, "--book", "incoming"]).await;
    // R75: asked at once, each key has its number; asked again, the same.
    let (a, b, c) =
        tokio::join!(take(&sender, "k1", &own), take(&sender, "k2", &own), take(&sender, "k1", &own));
    assert_eq!((a.0, a.1["number"].clone()), (StatusCode::CREATED, c.1["number"].clone()));
    let numbers: BTreeSet<i64> = [&a.1, &b.1].iter().map(|given| given["number"].as_i64().unwrap()).collect();
    assert_eq!(numbers, BTreeSet::from([5, 6]));
    assert_eq!((&a.1["state"], &a.1["entry"]["subject"]), (&json!("reserved"), &json!("V/v thử")));
    let (_, third) = take(&sender, "k3", &own).await;
    assert_eq!((&third["number"], &third["code"]), (&json!(7), &json!("07")));
    let year = third["year"].as_i64().unwrap();
    // R79: void with a reason, once, and its line stays.
    let void = format!("/numbers/outgoing/{year}/7/void");
    assert_eq!(said(sender.post(&void, &json!({})).await, 400).await["code"], "number.no-reason");
    let gone = said(sender.post(&void, &json!({ "reason": "ghi nhầm" })).await, 200).await;
    assert_eq!((&gone["state"], &gone["reason"]), (&json!("void"), &json!("ghi nhầm")));
    assert!(gone["endedBy"].as_str().unwrap().contains(&sender.key_id), "{gone}");
    assert_eq!(said(sender.post(&void, &json!({ "reason": "x" })).await, 409).await["code"], "number.ended");
    // What is no number here, however it is written.
    for path in ["outgoing/2026/x", "secret/2026/7", "outgoing/x/7", "outgoing/2026/70"] {
        let none = sender.post(&format!("/numbers/{path}/void"), &json!({ "reason": "x" })).await;
        assert_eq!(said(none, 404).await["code"], "number.no-such", "{path}");
    }
    let (_, early) = take(&sender, "k4", &json!({ "day": format!("{year}-01-01") })).await;
    assert_eq!(
        (&early["code"], &early["errors"][0]["pointer"]),
        (&json!("number.backwards"), &json!("/day"))
    );
    let (_, next_year) = take(&sender, "k5", &json!({ "day": format!("{}-01-01", year + 1) })).await;
    assert_eq!(next_year["code"], "number.not-yet");
    for (body, pointer) in [(json!({ "book": "secret" }), "/book"), (json!({ "day": "2026-02-30" }), "/day")]
    {
        let (status, wrong) = take(&sender, "k6", &body).await;
        assert_eq!((status.as_u16(), &wrong["errors"][0]["pointer"]), (422, &json!(pointer)), "{wrong}");
    }
    // The document with number 05 goes, and its number is used.
    let package = signed(&program, "co-so").await.packed(&program, &from, &[&to], "05").await;
    let id = sender.send(&package).await;
    let listed = async |query: &str| {
        let page = sender.get(&format!("/numbers?{query}")).await;
        let rows = page["numbers"].as_array().unwrap().clone();
        rows.iter().map(|row| row["number"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(listed("").await, [5, 6, 7]);
    assert_eq!(listed("state=used").await, [5]);
    assert_eq!(listed("state=reserved&limit=500").await, [6]);
    assert_eq!(listed(&format!("state=void&year={year}&book=outgoing&agency={from}")).await, [7]);
    let page = sender.get("/numbers?limit=2").await;
    assert_eq!(listed(&format!("limit=2&after={}", page["next"].as_str().unwrap())).await, [7]);
    program.must(&["register", "arrive", "--agency", &to, "--document", &id]).await;
    registers_are_read(&sender, &receiver).await;
    nobody_keeps_anothers_books(&program, &receiver, &from, year).await;
}

/// R77: as the law prints them, in CSV and in JSON.
async fn registers_are_read(sender: &ApiClient, receiver: &ApiClient) {
    let csv = sender.ask(Method::GET, "/registers/outgoing?bom=true").header("accept", "text/csv");
    let csv = csv.send().await.unwrap();
    assert_eq!(csv.headers()["content-type"], "text/csv; charset=utf-8; header=present");
    assert!(
        csv.headers()["content-disposition"]
            .to_str()
            .unwrap()
            .starts_with("attachment; filename=\"outgoing-")
    );
    let csv = csv.bytes().await.unwrap();
    let csv = std::str::from_utf8(&csv).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 4, "{csv}");
    assert!(lines[0].starts_with("\u{FEFF}\"Số, ký hiệu văn bản\",Ngày tháng văn bản,Tên loại"), "{csv}");
    assert!(lines[1].starts_with("05/") && lines[3].ends_with("Hủy: ghi nhầm"), "{csv}");
    let page = sender.get("/registers/outgoing?limit=2").await;
    assert_eq!((page["columns"].as_array().unwrap().len(), page["lines"].as_array().unwrap().len()), (10, 2));
    let rest =
        sender.get(&format!("/registers/outgoing?limit=2&after={}", page["next"].as_str().unwrap())).await;
    assert_eq!((rest["lines"].as_array().unwrap().len(), rest.get("next")), (1, None), "{rest}");
    let incoming = receiver.get("/registers/incoming").await;
    assert_eq!(
        (&incoming["lines"][0][1], &incoming["lines"][0][3]),
        (&json!("01"), &json!("05/SNV-VP")),
        "{incoming}"
    );
    assert_eq!(receiver.get("/registers/follow-up").await["lines"][0][0], "01");
    for query in ["from=2100-01-01", "to=2020-01-01", "year=2020"] {
        assert_eq!(
            receiver.get(&format!("/registers/incoming?{query}")).await["lines"],
            json!([]),
            "{query}"
        );
    }
    assert_eq!(refused(sender, "/registers/secret", 404).await["code"], "no-such-register");
    for (query, pointer) in [
        ("from=x", "/from"),
        ("book=x", "/book"),
        ("year=5", "/year"),
        ("limit=0", "/limit"),
        ("after=x", "/after"),
    ] {
        let wrong = refused(sender, &format!("/registers/outgoing?{query}"), 400).await;
        assert_eq!(wrong["errors"][0]["pointer"], pointer, "{wrong}");
    }
    let late = sender.get("/overdue").await;
    for list in ["notSent", "failed", "returned", "slowReceipt", "unanswered", "pastDue"] {
        assert!(late[list].is_array(), "{list} of {late}");
    }
}

/// A key speaks for its own agencies, whatever is asked and however.
async fn nobody_keeps_anothers_books(program: &tests::Program, receiver: &ApiClient, from: &str, year: i64) {
    for path in ["/numbers", "/registers/outgoing", "/registers/incoming", "/registers/follow-up", "/overdue"]
    {
        for other in [from, "KHONG.CO"] {
            let denied = refused(receiver, &format!("{path}?agency={other}"), 403).await;
            assert_eq!(denied["code"], "not-your-agency", "{path} of {other}");
        }
    }
    let csv =
        receiver.ask(Method::GET, &format!("/registers/outgoing?agency={from}")).header("accept", "text/csv");
    said(csv.send().await.unwrap(), 403).await;
    let (status, denied) = take(receiver, "k1", &json!({ "agency": from })).await;
    assert_eq!((status, &denied["code"]), (StatusCode::FORBIDDEN, &json!("not-your-agency")));
    let void = format!("/numbers/outgoing/{year}/6/void");
    let denied = said(receiver.post(&void, &json!({ "agency": from, "reason": "x" })).await, 403).await;
    assert_eq!(denied["code"], "not-your-agency");
    // Its own book has no such number; and what was denied changed nothing.
    assert_eq!(
        said(receiver.post(&void, &json!({ "reason": "x" })).await, 404).await["code"],
        "number.no-such"
    );
    let owner = ApiClient::new(program, program.systems().0, ALL_SCOPES).await;
    let page = owner.get("/numbers?state=reserved").await;
    assert_eq!(page["numbers"][0]["number"], 6, "{page}");
    // Who may read may not write.
    let reader = ApiClient::new(program, program.systems().0, "registers:read").await;
    assert_eq!(take(&reader, "k9", &json!({})).await.1["code"], "out-of-scope");
}
