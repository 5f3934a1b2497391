//! The public page, in a real browser: what anybody learns about a document in hand.

use std::path::Path;

use serde_json::Value;
use tests::{Browser, Engine, Exchange, Paper, Program};

use crate::on_both_engines;

on_both_engines! {
    anybody_can_check_a_document => anybody_can_check_a_document,
    what_cannot_be_checked_is_told => what_cannot_be_checked_is_told,
    r64_a_phone_checks_a_document => a_phone_checks_a_document,
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
    // The directory says whose certificates these are.
    let agency = format!("{} ({from})", first.name);
    assert_eq!(browser.text("main").await.matches(&agency).count(), 2, "{agency}");
    is_tidy(&browser).await;
    browser.picture("kiem-tra-hop-le", 900).await;
    browser.picture("kiem-tra-hop-le-dien-thoai", 360).await;
    is_tidy(&browser).await;

    // On paper everything stands open, and nothing but the result is printed.
    let paper = browser.paper("kiem-tra-hop-le").await;
    let text = std::process::Command::new("pdftotext").arg(&paper).arg("-").output().expect("pdftotext runs");
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    for words in ["Hợp lệ", "Nguyễn Văn Giám", "Dấu vân tay SHA-256", "TOTAL-PASSED"] {
        assert!(text.contains(words), "{words} is not on paper: {text}");
    }
    assert!(!text.contains("Kiểm tra tệp khác") && !text.contains("English"), "{text}");

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

/// RULES R64: a window as wide as a phone's, and nothing but a browser.
async fn a_phone_checks_a_document(engine: Engine) {
    let program = Program::demo(engine).await;
    let paper = Paper::new(&program, "dien-thoai").await;
    let good = paper.signed_by(&program, "leader1").await.signed_by(&program, "seal1").await;
    let browser = Browser::open().await;
    browser.width(360).await;
    assert_eq!(checked(&browser, &program, &good.path, "vi").await, "Hợp lệ");
    is_tidy(&browser).await;
    browser.close().await;
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
    assert!(
        String::from_utf8_lossy(&told.stderr).contains("chỉ tin gói lấy từ nơi lưu trữ"),
        "nobody stamped it"
    );
    // One made on the command line, stamped: nothing is left to say.
    let own = program.data.join("bang-chung-rieng.json");
    let own = own.to_str().unwrap();
    let tsa = format!("http://127.0.0.1:{}/demo/tsa", program.ports.http);
    program.must(&["verify", file, "--bundle", own, "--tsa", &tsa]).await;
    let root_file = root.to_str().unwrap();
    let again = tests::run(&[
        "--config",
        "/nonexistent",
        "verify",
        file,
        "--with",
        own,
        "--trust",
        root_file,
        "--json",
    ])
    .await;
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(again.status.success() && said.is_empty(), "{said}");
    let report: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(report["verdict"], "valid");
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

/// A form as a browser sends it, with one file.
fn form(file: &[u8]) -> Vec<u8> {
    let head = "--line\r\nContent-Disposition: form-data; name=\"document\"; filename=\"a.pdf\"\r\n\r\n";
    [head.as_bytes(), file, b"\r\n--line--\r\n"].concat()
}

/// Sends a body to the public page, as somebody behind the front at this address.
async fn sent(
    program: &Program,
    from: &str,
    accept: &str,
    kind: &str,
    body: Vec<u8>,
) -> (u16, String, String) {
    let request = program.web_client().post(program.https("/kiem-tra"));
    let request =
        request.header("x-forwarded-for", from).header("accept", accept).header("content-type", kind);
    let answer = request.body(body).send().await.expect("an answer");
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    assert!(header("set-cookie").is_none());
    assert_eq!(header("cache-control").as_deref(), Some("no-store"));
    let policy = header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let retry = header("retry-after").unwrap_or_default();
    (answer.status().as_u16(), retry, answer.text().await.expect("a text"))
}

async fn what_cannot_be_checked_is_told(engine: Engine) {
    let program = Program::demo(engine).await;
    const FORM: &str = "multipart/form-data; boundary=line";
    let mut image = b"\x89PNG\r\n\x1a\n".to_vec();
    image.resize(4000, 7);
    let large = vec![b'%'; 26 * 1024 * 1024];
    let cut = form(b"%PDF-1.7").split_last().unwrap().1[..60].to_vec();
    let rows: [(&str, &str, Vec<u8>, u16, &str); 6] = [
        ("not a form", "text/plain", b"hello".to_vec(), 400, "check.no-form"),
        ("cut short", FORM, cut, 400, "check.no-form"),
        ("empty", FORM, form(b""), 400, "check.no-file"),
        ("too large", FORM, form(&large), 413, "check.too-large"),
        ("a picture", FORM, form(&image), 415, "check.wrong-type"),
        ("a broken PDF", FORM, form(b"%PDF-1.7 and no more"), 200, "pdf-"),
    ];
    for (name, kind, body, status, code) in rows {
        let (answered, _, page) = sent(&program, "192.0.2.1", "text/html", kind, body.clone()).await;
        assert_eq!(answered, status, "{name}: {page}");
        assert!(page.contains(code) && page.contains("<html lang=\"vi\">"), "{name}: {page}");
        let (answered, _, json) = sent(&program, "192.0.2.2", "application/json", kind, body).await;
        let json: Value = serde_json::from_str(&json).expect("JSON when JSON is asked for");
        assert_eq!(answered, status, "{name}");
        match status {
            200 => {
                assert_eq!(json["verdict"], "invalid");
                assert_eq!(json["registry"]["standing"], "unknown");
            }
            _ => assert_eq!(json["type"], format!("urn:congvan:problem:{code}")),
        }
    }
    let (status, _, json) = sent(&program, "192.0.2.3", "application/json", FORM, form(b"{}")).await;
    assert!(status == 200 && json.contains("cannot-tell") && json.contains("receipt.format"), "{json}");

    // One address has its share; others do not suffer.
    let mut refused = None;
    for _ in 0..30 {
        let (status, retry, page) = sent(&program, "198.51.100.7", "text/html", FORM, form(&image)).await;
        if status == 429 {
            refused = Some((retry, page));
            break;
        }
    }
    let (retry, page) = refused.expect("thirty checks at once are too many");
    assert!(
        retry.parse::<u64>().is_ok_and(|seconds| seconds >= 1) && page.contains("check.too-often"),
        "{page}"
    );
    assert_eq!(sent(&program, "198.51.100.8", "text/html", FORM, form(&image)).await.0, 415);
}
