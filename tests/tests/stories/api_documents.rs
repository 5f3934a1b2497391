//! Documents over the REST API: what a system has to show, what remains of what was recalled, and what a power cut changes: nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{ApiClient, Engine, Program, said};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::api::{Province, letter, province, settled, signed};
use crate::on_both_engines;

on_both_engines! {
    r31_all_sixteen_items_are_shown => all_sixteen_items_are_shown,
    r39_a_cancelled_document_is_a_tombstone => a_cancelled_document_is_a_tombstone,
    a_send_cut_off_by_the_power_is_one_document => a_send_cut_off_by_the_power_is_one_document,
}

async fn all_sixteen_items_are_shown(engine: Engine) {
    let Province { program, sender, receiver, from, to } = province(engine).await;
    let file = std::fs::read(&signed(&program, "muoi-sau").await.path).unwrap();
    let mut body = letter(&to, "16", &sender.upload(&file).await);
    body["dueDate"] = json!("2030-12-31");
    body["priority"] = json!(1);
    body["answers"] = json!([{ "agency": to, "code": "12/UBND-VP" }]);
    let sent = said(sender.post("/documents", &body).await, 201).await;
    let id = sent["id"].as_str().unwrap();
    let early = receiver.get(&format!("/documents/{id}")).await;
    assert_eq!((&early["receivedAt"], &early["state"]), (&json!(""), &json!("delivered")), "{early}");
    stored(&receiver, id).await;
    said(receiver.post(&format!("/documents/{id}/statuses"), &json!({ "code": "03" })).await, 201).await;
    let (of_receiver, of_sender) =
        (receiver.get(&format!("/documents/{id}")).await, sender.get(&format!("/documents/{id}")).await);
    let identifier = format!("{from},2026/11/28,16/SNV-VP");
    let rows = [
        ("a", "/agencyCode", json!(from)),
        ("b", "/documentId", json!(identifier)),
        ("c", "/code", json!("16/SNV-VP")),
        ("d", "/date", json!("2026/11/28")),
        ("đ", "/typeName", json!("Công văn")),
        ("e", "/subject", json!("V/v phối hợp kiểm tra đường truyền")),
        ("g", "/files/0/name", json!("cong-van.pdf")),
        ("h", "/state", json!("accepted")),
        ("i", "/signer", json!({ "competence": "", "position": "Giám đốc", "name": "Nguyễn Văn Giám" })),
        ("k", "/urgency", json!("Khẩn")),
        ("l", "/from/code", json!(from)),
        ("m", "/to/0/code", json!(to)),
        ("n", "/receivedAt", of_sender["history"][1]["at"].clone()),
        ("o", "/dueDate", json!("2030/12/31")),
        ("p", "/history/2/status", json!("03")),
        ("q", "/other/answers/0", json!("12/UBND-VP")),
        ("q", "/place", json!("Tỉnh Mẫu")),
    ];
    for (side, shown) in [("received", &of_receiver), ("sent", &of_sender)] {
        for (item, place, expected) in &rows {
            match (*item, side) {
                // h) to its sender is the document's own state.
                ("h", "sent") => assert_eq!(shown["state"], "active", "{shown}"),
                _ => assert_eq!(
                    shown.pointer(place),
                    Some(expected),
                    "{side}, item {item} at {place} of {shown}"
                ),
            }
        }
        assert_eq!(shown["box"], side);
        assert_eq!(shown["sentAt"], shown["history"][0]["at"], "{shown}");
        assert!(
            shown["receivedAt"].as_str() >= shown["sentAt"].as_str() && shown["sentAt"].is_string(),
            "{shown}"
        );
        let at = &shown["receivers"][0];
        assert_eq!(
            (&at["code"], &at["state"], &at["delivery"]),
            (&json!(to), &json!("accepted"), &json!("done"))
        );
        assert_eq!(at["stateWords"]["vi"], "Đã tiếp nhận");
        assert!(shown["ledger"].as_array().is_some_and(|places| !places.is_empty()), "{shown}");
    }
    // A status is a package too, and shows what it has.
    let (status, _) = sender.wait_for("document.status", None).await;
    let package = status["data"]["package"].as_str().unwrap();
    let brought = sender.get(&format!("/documents/{package}")).await;
    assert_eq!((&brought["kind"], &brought["agencyCode"]), (&json!("status"), &json!(to)), "{brought}");
    assert!(brought.get("state").is_none());
}

/// The receiver's system has stored it.
async fn stored(receiver: &ApiClient, id: &str) {
    let done = receiver.post(&format!("/documents/{id}/acknowledgement"), &json!({ "state": "done" })).await;
    assert_eq!(done.status(), StatusCode::NO_CONTENT);
}

async fn a_cancelled_document_is_a_tombstone(engine: Engine) {
    let Province { program, sender, receiver, from, to } = province(engine).await;
    let package = signed(&program, "bi-thu-hoi").await.packed(&program, &from, &[&to], "70").await;
    let id = sender.send(&package).await;
    let document = |rest: &str| format!("/documents/{id}{rest}");
    let etag = receiver.ask(Method::GET, &document("/package")).send().await.unwrap();
    let etag = etag.headers()["etag"].clone();
    let order = std::fs::read(&signed(&program, "lenh-thu-hoi").await.path).unwrap();
    let files = json!([{ "upload": sender.upload(&order).await, "name": "quyet-dinh.pdf" }]);
    let recall = json!({ "reason": "Ban hành nhầm", "files": files });
    let order = said(sender.post(&document("/recall"), &recall).await, 201).await;
    let open = receiver.get(&document("")).await;
    assert_eq!(
        (&open["receivers"][0]["ask"], &open["links"][0]["kind"]),
        (&json!("recall"), &json!("recalled-by"))
    );
    assert_eq!(open["links"][0]["id"], order["id"]);
    said(receiver.post(&document("/statuses"), &json!({ "code": "15" })).await, 201).await;
    // Every read of it answers with what remains, also to who has the file and asks whether it changed.
    for rest in ["", "/package", "/files/1", "/history", "/verdict"] {
        let read =
            receiver.ask(Method::GET, &document(rest)).header("if-none-match", &etag).send().await.unwrap();
        let gone = said(read, 410).await;
        assert_eq!(gone["code"], "document.withdrawn", "{rest}: {gone}");
        let stone = &gone["tombstone"];
        assert_eq!(
            (&stone["orderId"], &stone["reason"]),
            (&order["id"], &json!("Ban hành nhầm")),
            "{rest}: {gone}"
        );
        assert_eq!((&stone["from"], &stone["to"]), (&json!(from), &json!([to])), "{gone}");
        assert!(!gone.to_string().contains("liên thông"), "what it was about is gone: {gone}");
    }
    // It is in the list as what it is, and no word finds it.
    let list = receiver.get("/documents?box=received&state=cancelled").await;
    let row = &list["documents"][0];
    assert_eq!(
        (&row["id"], &row["cancelled"], &row["code"]),
        (&json!(id), &json!(true), &json!("70/SNV-VP")),
        "{list}"
    );
    assert_eq!(
        (&row["subject"], &row["typeName"], &row["states"]),
        (&json!(""), &json!(""), &json!({ "cancelled": 1 }))
    );
    let found = receiver.get("/documents?box=received&q=lien+thong").await;
    let ids: Vec<&Value> = found["documents"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
    assert!(!ids.contains(&&json!(id)), "{found}");
    // Its sender reads its own for ever.
    let own = sender.get(&document("")).await;
    assert_eq!((&own["state"], &own["cancelled"]), (&json!("frozen"), &json!(false)), "{own}");
    assert_eq!(sender.bytes(&document("/package")).await, package);
    let found = sender.get("/documents?box=sent&q=lien+thong").await;
    assert!(found["documents"].as_array().unwrap().iter().any(|row| row["id"] == json!(id)));
}

/// A form with its description and its file, for keys that are shown again.
fn form(description: &Value, file: &[u8]) -> (String, Vec<u8>) {
    let boundary = "ranh-gioi";
    let mut body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"document\"\r\n\r\n{description}\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"tep\"; filename=\"cong-van.pdf\"\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(file);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

/// Sends under a key; `None` when the line broke.
async fn send_under(sender: &ApiClient, to: &str, number: &str, file: &[u8]) -> Option<(StatusCode, String)> {
    let mut description = letter(to, number, "");
    description["files"] = json!([{ "part": "tep" }]);
    let (kind, body) = form(&description, file);
    let request = sender.ask(Method::POST, "/documents").header("idempotency-key", format!("khoa-{number}"));
    let answer = request.header("content-type", kind).body(body).send().await.ok()?;
    let status = answer.status();
    Some((status, answer.text().await.ok()?))
}

/// The power goes the moment the receiver hears of a document: its sender is about to be answered, and the answer to be kept. Whoever
/// asks again under its key has one document, and the answer it was given if it was given one.
async fn a_send_cut_off_by_the_power_is_one_document(engine: Engine) {
    let Province { mut program, mut sender, mut receiver, to, .. } = province(engine).await;
    let file = std::fs::read(&signed(&program, "cat-dien").await.path).unwrap();
    assert_eq!(send_under(&sender, &to, "100", &file).await.unwrap().0, StatusCode::CREATED);
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    let (mut all, mut accepted_untold) = (vec!["100".to_owned()], 0);
    for round in 0..4u32 {
        let place = receiver.events_now(None).await;
        let stream = receiver.ask(Method::GET, &format!("/events?after={place}"));
        let mut stream = stream.header("accept", "text/event-stream").send().await.unwrap();
        let senders: Vec<_> = (0..4u32)
            .map(|at| {
                let number = (200 + round * 10 + at).to_string();
                let (sender, to, file) = (sender.clone(), to.clone(), file.clone());
                tokio::spawn(async move { (number.clone(), send_under(&sender, &to, &number, &file).await) })
            })
            .collect();
        hears_of(&mut stream, 1 + round as usize % 3).await;
        program.kill().await;
        let mut cut_off = Vec::new();
        for task in senders {
            let (number, answer) = task.await.unwrap();
            match answer {
                Some((StatusCode::CREATED, answer)) => drop(told.insert(number.clone(), answer)),
                Some(other) => panic!("{other:?}"),
                None => cut_off.push(number.clone()),
            }
            all.push(number);
        }
        program.start().await;
        (sender, receiver) = (sender.again(&program), receiver.again(&program));
        let there = codes(&receiver).await;
        accepted_untold +=
            cut_off.iter().filter(|number| there.contains_key(&format!("{number}/SNV-VP"))).count();
        for number in &all[1..] {
            let (status, answer) = send_under(&sender, &to, number, &file).await.unwrap();
            assert_eq!(status, StatusCode::CREATED, "{answer}");
            let first = told.entry(number.clone()).or_insert_with(|| answer.clone());
            assert_eq!(*first, answer, "the same answer, byte for byte");
        }
    }
    println!("{} sends, {accepted_untold} of them accepted and cut off before they were told", all.len() - 1);
    let there = codes(&receiver).await;
    assert_eq!(there.len(), all.len(), "{there:?}");
    for number in &all[1..] {
        let answer: Value = serde_json::from_str(&told[number]).unwrap();
        assert_eq!(there[&format!("{number}/SNV-VP")], [answer["id"].clone()], "number {number}");
    }
}

/// Reads an event stream until it has told of so many arrivals.
async fn hears_of(stream: &mut reqwest::Response, count: usize) {
    let mut told = String::new();
    while told.matches("event: document.arrived").count() < count {
        let chunk = tokio::time::timeout(Duration::from_secs(20), stream.chunk()).await.expect("an event");
        told.push_str(&String::from_utf8_lossy(&chunk.unwrap().expect("the stream goes on")));
    }
}

/// What a receiver has, by number and notation.
async fn codes(receiver: &ApiClient) -> BTreeMap<String, Vec<Value>> {
    let mut there: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let page = receiver.get("/documents?box=received&limit=200").await;
    for row in page["documents"].as_array().unwrap() {
        there.entry(row["code"].as_str().unwrap().to_owned()).or_default().push(row["id"].clone());
    }
    there
}

/// A description that names a small upload needs little room, and does not wait behind a large package that comes slowly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_send_does_not_wait_for_the_room_of_the_largest() {
    let rooms = [("packages_memory_bytes_max = 1073741824", "packages_memory_bytes_max = 67108864")];
    let program = Program::demo_of(Engine::Sqlite, "H99", &rooms).await;
    let Province { program, sender, to, .. } = settled(program).await;
    let file = std::fs::read(&signed(&program, "nho").await.path).unwrap();
    let upload = sender.upload(&file).await;
    // Half of the room for large ones, and not a byte of the package yet.
    let mut slow = TcpStream::connect(("127.0.0.1", program.ports.http)).await.unwrap();
    let head = format!(
        "POST /api/v1/documents HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: application/xml\r\n\
         Content-Length: 16777216\r\nExpect: 100-continue\r\n\r\n",
        sender.key
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut begun = [0; 12];
    slow.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 100", "it has its room, and waits for its bytes");
    let body = letter(&to, "90", &upload);
    let sent = tokio::time::timeout(Duration::from_secs(10), sender.post("/documents", &body)).await;
    said(sent.expect("there is room"), 201).await;
    drop(slow);
}
