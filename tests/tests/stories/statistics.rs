//! Statistics of the exchange over the API and by command (RULES R53–R56), and what heads of agencies decide (R62, R81).

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{ApiClient, Engine, Program, said};

use crate::api::{Province, province, signed};
use crate::on_both_engines;

on_both_engines! {
    r53_r55_r56_statistics_are_open_to_staff_and_systems => statistics,
    r62_r81_what_the_head_decides => office,
}

async fn json_of(program: &Program, arguments: &[&str]) -> Value {
    serde_json::from_str(&program.must(arguments).await).unwrap()
}

fn line<'r>(report: &'r Value, code: &str) -> &'r Value {
    report["lines"].as_array().unwrap().iter().find(|line| line["code"] == code).unwrap()
}

async fn statistics(engine: Engine) {
    let Province { program, sender, receiver, from, to } = province(engine).await;
    let paper = signed(&program, "thong-ke").await;
    let first = sender.send(&paper.packed(&program, &from, &[&to], "31").await).await;
    sender.send(&paper.packed(&program, &from, &[&to], "32").await).await;
    let refusal = json!({ "code": "02", "reason": "DUPLICATE: đã nhận" });
    let refused = receiver.post(&format!("/documents/{first}/statuses"), &refusal).await;
    assert!(refused.status().is_success(), "{:?}", refused.text().await);

    let year = program.must(&["calendar", "--json"]).await;
    let year: Value = serde_json::from_str(&year).unwrap();
    let year = year["year"].as_i64().unwrap();
    let report = sender.get(&format!("/statistics?period={year}")).await;
    let sent = &line(&report, &from)["figures"];
    assert_eq!(
        (&sent["sent"], &sent["sentOriginal"], &sent["returned"]),
        (&json!(2), &json!(2), &json!(1)),
        "{report}"
    );
    let received = line(&report, &to);
    assert_eq!(received["figures"]["refusedReasons"], json!({ "DUPLICATE": 1 }), "{report}");
    assert_eq!(received["indicators"]["k9"], json!({ "numerator": 1, "denominator": 2, "percent": 50.0 }));
    // A figure leads to its documents: the agency's own.
    let days = format!("from={year}-01-01&to={year}-12-31");
    let behind = receiver.get(&format!("/statistics/refused?{days}")).await;
    assert_eq!(
        (&behind["facts"][0]["documentId"], &behind["facts"][0]["kind"]),
        (&json!(first), &json!("DUPLICATE"))
    );
    let other =
        receiver.ask(Method::GET, &format!("/statistics/sent?{days}&agency={from}")).send().await.unwrap();
    assert!(matches!(other.status(), StatusCode::FORBIDDEN | StatusCode::NOT_FOUND), "{}", other.status());
    staff_may_look(&program, &sender, &from, year).await;
    wrong_questions_are_refused(&sender, year).await;

    // The command says the same, and so does a recount.
    let period = year.to_string();
    let shown = json_of(&program, &["statistics", "show", &period, "--json"]).await;
    assert_eq!(shown["lines"], sender.get(&format!("/statistics?period={year}")).await["lines"]);
    let levels =
        json_of(&program, &["statistics", "show", &period, "--by", "level", "--under", &from, "--json"])
            .await;
    assert_eq!(
        (&levels["total"]["figures"]["sent"], &levels["total"]["figures"]["received"]),
        (&json!(2), &json!(0))
    );
    let recounted = json_of(&program, &["statistics", "recount", "--json"]).await;
    assert_eq!(
        (&recounted["documents"], &recounted["missing"], &recounted["different"]),
        (&json!(2), &json!(0), &json!(0))
    );
    let file = program.data.join("quy.csv");
    let out = file.to_str().unwrap();
    program.must(&["statistics", "show", &period, "--reporting", "--csv", "--bom", "--out", out]).await;
    let table = std::fs::read_to_string(&file).unwrap();
    assert!(table.starts_with(&format!("\u{FEFF}Kỳ {year},{}-12-15 – {year}-12-14,", year - 1)), "{table}");
    program.doctor().await;
}

/// Everybody on the staff may look, with name and password; nobody else.
async fn staff_may_look(program: &Program, sender: &ApiClient, from: &str, year: i64) {
    let url = program.https(&format!("/api/v1/statistics?period={year}&by=level"));
    let ask = |name: &str, password: &str| {
        let request = program.web_client().get(&url).basic_auth(name, Some(password));
        async move { request.send().await.unwrap() }
    };
    let somebody = program.account(from, "clerk");
    let report = said(ask(&somebody.address, &somebody.password).await, 200).await;
    assert_eq!(report["total"]["figures"]["sent"], 2);
    assert_eq!(ask(&somebody.address, "sai mat khau").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(program.web_client().get(&url).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    // Nor somebody whose first password is not changed yet.
    let new = format!("moi.{}", somebody.address);
    let made =
        json_of(program, &["account", "add", &new, "--agency", from, "--role", "staff", "--json"]).await;
    let first = said(ask(&new, made["password"].as_str().unwrap()).await, 403).await;
    assert_eq!(first["code"], "must_change_password", "{first}");
    // With a password nothing else of the API opens.
    let lists =
        program.web_client().get(program.https("/api/v1/statistics/sent?from=2026-01-01&to=2026-12-31"));
    let lists = lists.basic_auth(&somebody.address, Some(&somebody.password)).send().await.unwrap();
    assert_eq!(lists.status(), StatusCode::UNAUTHORIZED);
    let csv = sender.ask(Method::GET, &format!("/statistics?period={year}")).header("accept", "text/csv");
    let csv = csv.send().await.unwrap();
    assert_eq!(csv.headers()["content-type"], "text/csv; charset=utf-8; header=present");
    assert!(csv.text().await.unwrap().lines().nth(1).unwrap().starts_with("Mã cơ quan,Tên cơ quan,"));
}

async fn wrong_questions_are_refused(client: &ApiClient, year: i64) {
    for (query, pointer) in [
        ("period=2026-13".to_owned(), "/period"),
        (format!("period={year}&basis=lunar"), "/basis"),
        (format!("period={year}&basis=reporting&cut_off=31"), "/cut_off"),
        (format!("period={year}&by=person"), "/by"),
        (format!("period={year}&under=x%20y"), "/under"),
    ] {
        let wrong =
            said(client.ask(Method::GET, &format!("/statistics?{query}")).send().await.unwrap(), 400).await;
        assert_eq!(wrong["errors"][0]["pointer"], pointer, "{query}");
    }
    let unknown =
        client.ask(Method::GET, &format!("/statistics?period={year}&under=H98.7")).send().await.unwrap();
    assert_eq!(said(unknown, 404).await["code"], "unknown-agencies");
    let nothing =
        client.ask(Method::GET, "/statistics/mood?from=2026-01-01&to=2026-01-31").send().await.unwrap();
    assert_eq!(said(nothing, 404).await["code"], "no-such-figure");
}

async fn office(engine: Engine) {
    let Province { program, sender, from, to, .. } = province(engine).await;
    let paper = signed(&program, "uy-quyen").await;
    let file = std::fs::read(&paper.path).unwrap();
    let upload = sender.upload(&file).await;
    let mut letter = crate::api::letter(&to, "41", &upload);
    letter["signer"]["competence"] = json!("TUQ. GIÁM ĐỐC");
    let refused = said(sender.post("/documents", &letter).await, 422).await;
    assert_eq!(refused["code"], "signature.not-authorised", "{refused}");
    let add = |from_day: &'static str, to_day: &'static str| {
        [
            "--holder",
            "Nguyễn Văn Giám",
            "--granter",
            "Trần Văn Chủ",
            "--document",
            "12/GUQ-UBND",
            "--content",
            "Công văn",
            "--from",
            from_day,
            "--to",
            to_day,
        ]
    };
    let arguments = |days: [&'static str; 12]| {
        [&["authorisation", "add", "--agency"][..], &[from.as_str()], &days]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let run = async |days: [&'static str; 12]| {
        let words = arguments(days);
        program.command(&words.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    let backwards = run(add("2026-12-31", "2026-01-01")).await;
    let told = String::from_utf8_lossy(&backwards.stderr).into_owned();
    assert!(
        !backwards.status.success() && told.contains("authorisation.period") && told.contains("thời hạn"),
        "{told}"
    );
    assert!(run(add("2020-01-01", "2020-12-31")).await.status.success());
    assert_eq!(said(sender.post("/documents", &letter).await, 422).await["code"], "signature.not-authorised");
    assert!(run(add("2020-01-01", "2099-12-31")).await.status.success());
    said(sender.post("/documents", &letter).await, 201).await;
    let listed = program.must(&["authorisation", "list", "--agency", &from, "--json"]).await;
    assert_eq!(listed.lines().count(), 2, "{listed}");
    program.must(&["authorisation", "end", "--agency", &from, "--no", "2", "--from", "2021-01-01"]).await;
    letter["number"] = json!("42");
    letter["files"][0]["upload"] = json!(sender.upload(&file).await);
    assert_eq!(said(sender.post("/documents", &letter).await, 422).await["code"], "signature.not-authorised");

    letter["signer"]["competence"] = json!("");
    paper_needs_an_item(&program, &sender, letter, &from, &to).await;
}

/// Paper by the head's list needs an item of it.
async fn paper_needs_an_item(program: &Program, sender: &ApiClient, mut letter: Value, from: &str, to: &str) {
    letter["paperReason"] = json!("AGENCY_LIST(7)");
    assert_eq!(said(sender.post("/documents", &letter).await, 422).await["code"], "package.paper-item");
    let list = [
        "regulation",
        "add",
        "--agency",
        from,
        "--kind",
        "paper-list",
        "--number",
        "45/QĐ-UBND",
        "--title",
        "Danh mục",
        "--issued",
        "2020-01-01",
        "--signer",
        "Trần Văn Chủ",
        "--from",
        "2020-01-01",
        "--item",
        "7=Hồ sơ nhân sự",
    ];
    program.must(&list).await;
    said(sender.post("/documents", &letter).await, 201).await;
    let texts = sender.get("/regulations").await;
    assert_eq!(
        (&texts[0]["kind"], &texts[0]["items"]),
        (&json!("paper-list"), &json!([{ "item": "7", "what": "Hồ sơ nhân sự" }]))
    );
    let other = sender.ask(Method::GET, &format!("/regulations?agency={to}")).send().await.unwrap();
    assert!(matches!(other.status(), StatusCode::FORBIDDEN | StatusCode::NOT_FOUND), "{}", other.status());
}
