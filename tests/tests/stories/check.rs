//! The public page, in a real browser: what anybody learns about a document in hand.

use std::path::Path;

use serde_json::Value;
use tests::{Browser, Engine, Exchange, Paper, Program};

use crate::on_both_engines;

on_both_engines! {
    anybody_can_check_a_document => anybody_can_check_a_document,
}

/// Chooses a file on the public page and presses the button; answers the word in large letters.
async fn checked(browser: &Browser, program: &Program, file: &Path, lang: &str) -> String {
    browser.go(&program.https(&format!("/kiem-tra?lang={lang}"))).await;
    browser.choose("#document", file).await;
    browser.press("form button").await;
    browser.text("#verdict").await
}

/// What holds for every page: nothing runs, nothing is kept, nothing is wider than the window, every picture is marked.
async fn is_tidy(browser: &Browser) {
    let complaints = browser.complaints().await;
    let complaints: Vec<&Value> = complaints.iter().filter(|c| !c.to_string().contains("favicon")).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
    let facts = browser
        .look(
            "return {cookies: document.cookie, scripts: document.scripts.length, lang: document.documentElement.lang, \
             headings: document.querySelectorAll('h1').length, wide: document.documentElement.scrollWidth > innerWidth, \
             unlabelled: [...document.querySelectorAll('input')].filter(i => !i.labels.length).length, \
             unmarked: [...document.querySelectorAll('svg')].filter(s => s.getAttribute('aria-hidden') !== 'true').length, \
             small: [...document.querySelectorAll('a, button, summary')].filter(e => { const r = e.getBoundingClientRect(); \
                 return r.width && r.height < 24 && !e.closest('p, li'); }).length}",
        )
        .await;
    assert_eq!(facts["cookies"], "", "{facts}");
    assert!(["vi", "en"].contains(&facts["lang"].as_str().unwrap_or_default()), "{facts}");
    for (fact, expected) in
        [("scripts", 0), ("headings", 1), ("unlabelled", 0), ("unmarked", 0), ("small", 0)]
    {
        assert_eq!(facts[fact], expected, "{fact}: {facts}");
    }
    assert_eq!(facts["wide"], false, "{facts}");
}

async fn anybody_can_check_a_document(engine: Engine) {
    let program = Program::demo(engine).await;
    let (first, second) = program.systems();
    let (from, to) = (first.agency.clone(), second.agency.clone());
    let sender = Exchange::new(&program, first);
    let led = Paper::new(&program, "van-ban").await.signed_by(&program, "leader1").await;
    let good = led.signed_by(&program, "seal1").await;
    let strange = Paper::new(&program, "nguoi-la").await.signed_by(&program, "foreign").await;

    let browser = Browser::open().await;
    browser.width(900).await;
    browser.go(&program.https("/kiem-tra?lang=vi")).await;
    is_tidy(&browser).await;
    browser.picture("kiem-tra-bieu-mau", 900).await;

    // Valid, and not known here: that is no reproach.
    assert_eq!(checked(&browser, &program, &good.path, "vi").await, "Hợp lệ");
    assert!(browser.text("main").await.contains("không có nghĩa là văn bản giả"));
    assert!(browser.text("#main .verdict").await.contains("Nguyễn Văn Giám"));
    is_tidy(&browser).await;
    browser.picture("kiem-tra-hop-le", 900).await;
    browser.picture("kiem-tra-hop-le-dien-thoai", 360).await;
    is_tidy(&browser).await;

    // Invalid: one byte is another.
    assert_eq!(checked(&browser, &program, &good.flipped().path, "vi").await, "Không hợp lệ");
    assert!(browser.text(".why").await.contains("digest-mismatch"));
    browser.picture("kiem-tra-khong-hop-le", 900).await;

    // Nobody here knows the signer's root: neither yes nor no.
    assert_eq!(checked(&browser, &program, &strange.path, "vi").await, "Chưa đủ căn cứ kết luận");
    browser.picture("kiem-tra-chua-du-can-cu", 900).await;
    assert_eq!(checked(&browser, &program, &strange.path, "en").await, "Cannot tell");
    is_tidy(&browser).await;

    // Sent through the exchange, then recalled by its sender: the signatures stay good, the document does not.
    let package = good.packed(&program, &from, &[&to], "31").await;
    let sent = sender.send(&from, &package).await;
    assert!(sent.is_ok(), "{sent:?}");
    checked(&browser, &program, &good.path, "vi").await;
    assert!(browser.text(".known").await.contains("chưa bị thu hồi"));
    let recall = recall(&program, &package, &from, &to).await;
    assert!(sender.send(&from, &recall).await.is_ok());
    assert_eq!(checked(&browser, &program, &good.path, "vi").await, "Hợp lệ");
    assert_eq!(browser.text("#banner").await, "Đã thu hồi");
    is_tidy(&browser).await;
    browser.picture("kiem-tra-da-thu-hoi", 900).await;
    browser.picture("kiem-tra-da-thu-hoi-dien-thoai", 360).await;

    // The receipt of the same document, and whom this installation trusts.
    let receipt = program.data.join("bien-nhan.json");
    program.must(&["receipt", "get", sent.doc_id(), "--out", receipt.to_str().unwrap()]).await;
    assert_eq!(checked(&browser, &program, &receipt, "vi").await, "Biên nhận đúng");
    assert_eq!(browser.text("#banner").await, "Đã thu hồi");
    browser.picture("kiem-tra-bien-nhan", 900).await;
    browser.go(&program.https("/kiem-tra/cach-doc?lang=vi")).await;
    assert!(browser.text(".trust").await.contains("RootCA trình diễn"));
    is_tidy(&browser).await;
    browser.picture("kiem-tra-cach-doc", 900).await;
    browser.close().await;
    evidence_judges_again(&program, sent.doc_id(), &good.path).await;
}

/// D31, D34: the evidence archived with the document, handed out, judges it again without server and network.
async fn evidence_judges_again(program: &Program, doc_id: &str, file: &Path) {
    let bundle = program.data.join("bang-chung.json");
    let (bundle, file) = (bundle.to_str().unwrap(), file.to_str().unwrap());
    program.must(&["document", "evidence", doc_id, "--out", bundle]).await;
    let root = program.data.join("pki/root.pem");
    let page = program.data.join("bao-cao.html");
    let told = tests::run(&[
        "--config",
        "/nonexistent",
        "verify",
        file,
        "--with",
        bundle,
        "--trust",
        root.to_str().unwrap(),
        "--report",
        page.to_str().unwrap(),
    ])
    .await;
    assert_eq!(told.status.code(), Some(0), "{}", String::from_utf8_lossy(&told.stderr));
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("Hợp lệ") && !page.contains("<script"));
    // Under anchors that nobody here has confirmed it proves nothing.
    let alone = tests::run(&["--config", "/nonexistent", "verify", file, "--with", bundle]).await;
    assert_eq!(alone.status.code(), Some(2), "{}", String::from_utf8_lossy(&alone.stdout));
    assert!(String::from_utf8_lossy(&alone.stderr).contains("--trust-bundle"));
}

async fn recall(program: &Program, package: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(package);
    let start = text.find("<edXML:DocumentId>").expect("an identifier") + "<edXML:DocumentId>".len();
    let identifier = &text[start..start + text[start..].find('<').expect("its end")];
    let out = program.data.join("thu-hoi.edxml");
    let arguments = [
        "package",
        "--from",
        from,
        "--to",
        to,
        "--number",
        "31",
        "--notation",
        "SNV-VP",
        "--subject",
        "V/v thu hồi văn bản",
        "--recalls",
        identifier,
        "--reason",
        "Ban hành nhầm",
        "--out",
        out.to_str().unwrap(),
    ];
    program.must(&arguments).await;
    std::fs::read(&out).expect("a package")
}
