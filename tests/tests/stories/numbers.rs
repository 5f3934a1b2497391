//! The records office by command: a calendar, numbers without gap, registers, and what is late.

use serde_json::Value;
use tests::{Engine, Exchange, Paper, Program, run};

use crate::on_both_engines;

on_both_engines! {
    numbers_are_given_and_registers_printed => numbers_are_given_and_registers_printed,
}

async fn json(program: &Program, arguments: &[&str]) -> Value {
    serde_json::from_str(&program.must(arguments).await).unwrap()
}

async fn numbers_are_given_and_registers_printed(engine: Engine) {
    let program = Program::demo(engine).await;
    let (first, second) = program.systems();
    let (from, to) = (first.agency.as_str(), second.agency.as_str());
    let refused = program.command(&["number", "reserve", "--agency", from]).await;
    assert_eq!(refused.status.code(), Some(3));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("not kept here") && told.contains("không mở"), "{told}");

    program.must(&["number", "start", "--agency", from, "--first", "5"]).await;
    program.must(&["number", "start", "--agency", to, "--book", "incoming"]).await;
    // Asked at once by several programs while the server works.
    let asked: Vec<Vec<String>> = (0..6)
        .map(|n| {
            let key = format!("k{}", n % 3);
            ["number", "reserve", "--agency", from, "--key", &key, "--json"].map(str::to_owned).to_vec()
        })
        .collect();
    let asked: Vec<Vec<&str>> =
        asked.iter().map(|words| words.iter().map(String::as_str).collect()).collect();
    let (a, b, c) =
        tokio::join!(json(&program, &asked[0]), json(&program, &asked[1]), json(&program, &asked[2]));
    let mut numbers: Vec<i64> =
        [&a, &b, &c].into_iter().map(|given| given["number"].as_i64().unwrap()).collect();
    for (again, before) in asked[3..].iter().zip([&a, &b, &c]) {
        assert_eq!(json(&program, again).await["number"], before["number"]);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [5, 6, 7]);
    program.must(&["number", "void", "--agency", from, "--number", "7", "--reason", "ghi nhầm"]).await;

    // The document with number 05 goes; its receiver takes it in.
    let paper = Paper::new(&program, "van-ban").await.signed_by(&program, "leader1").await;
    let paper = paper.signed_by(&program, "seal1").await;
    let (sender, receiver) = (Exchange::new(&program, first), Exchange::new(&program, second));
    let sent = sender.send(from, &paper.packed(&program, from, &[to], "05").await).await;
    assert!(sent.is_ok(), "{sent:?}");
    let arrived = ["register", "arrive", "--agency", to, "--document", sent.doc_id(), "--json"];
    assert_eq!(json(&program, &arrived).await["number"], 1);
    assert_eq!(receiver.received("edoc").await.len(), 1);

    let file = program.data.join("di.csv");
    let out = file.to_str().unwrap();
    program.must(&["register", "outgoing", "--agency", from, "--out", out, "--bom"]).await;
    let csv = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 4, "{csv}");
    assert!(lines[0].starts_with("\u{FEFF}\"Số, ký hiệu văn bản\",Ngày tháng văn bản,Tên loại"), "{csv}");
    assert!(lines[1].starts_with("05/"), "{csv}");
    assert!(lines[3].ends_with("Hủy: ghi nhầm"), "{csv}");
    let again = program.command(&["register", "outgoing", "--agency", from, "--out", out]).await;
    assert!(!again.status.success(), "a file is not replaced unasked");
    let incoming = program.must(&["register", "incoming", "--agency", to]).await;
    assert!(incoming.lines().count() == 2 && incoming.contains(",01,"), "{incoming}");
    let due =
        ["register", "note", "--agency", to, "--number", "1", "--handler", "Phòng A", "--due", "2030-01-02"];
    program.must(&due).await;
    let follow_up = program.must(&["register", "follow-up", "--agency", to]).await;
    assert!(follow_up.contains("Phòng A,02/01/2030,"), "{follow_up}");

    let stamp = program.must(&["register", "stamp", "--agency", to, "--number", "1"]).await;
    assert!(stamp.starts_with("<svg") && stamp.contains(">Số: 01<") && stamp.contains("Phòng A"), "{stamp}");

    let lists = json(&program, &["document", "overdue", "--agency", from, "--json"]).await;
    assert_eq!(lists[0]["agency"], from);
    assert!(lists[0]["slowReceipt"].as_array().unwrap().is_empty(), "{lists}");
    a_calendar_is_declared(&program).await;
}

async fn a_calendar_is_declared(program: &Program) {
    program.must(&["calendar", "add", "2027-02-12", "--kind", "holiday", "--why", "Thông báo thử"]).await;
    program.must(&["calendar", "hour", "morning-end", "11:30"]).await;
    let year = json(program, &["calendar", "2027", "--json"]).await;
    assert_eq!(
        (&year["computed"], &year["hours"]["morningEnd"]),
        (&Value::Bool(true), &Value::from("11:30"))
    );
    let days = year["days"].as_array().unwrap();
    let of = |day: &str| days.iter().find(|row| row["day"] == day).map(|row| row["certainty"].clone());
    assert_eq!(of("2027-02-06"), Some("computed".into()));
    assert_eq!(of("2027-02-12"), Some("declared".into()));
    program.must(&["calendar", "remove", "2027-02-12"]).await;
    assert!(!program.command(&["calendar", "remove", "2027-02-12"]).await.status.success());
    assert!(
        !program
            .command(&["calendar", "add", "12/02/2027", "--kind", "holiday", "--why", "x"])
            .await
            .status
            .success()
    );
    // Without an installation the calendar everybody knows is there.
    let known = run(&["--config", "/nonexistent/congvan.toml", "calendar", "2026"]).await;
    let known = String::from_utf8(known.stdout).unwrap();
    assert!(known.contains("2026-08-22 thứ Bảy") && known.contains("9441/TB-BNV"), "{known}");
}
