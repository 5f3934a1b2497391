//! A clerk looks for what a letter said, and for what was in its attachments.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};
use tests::{Account, Engine, Jmap, Paper, Program, Swaks};

use crate::on_both_engines;

on_both_engines! {
    a_letter_and_its_attachments_are_found => attachments,
}

fn office(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in entries {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).expect("a file in a zip");
        writer.write_all(text.as_bytes()).expect("bytes in a zip");
    }
    writer.finish().expect("a zip").into_inner()
}

/// As Word writes it: a word in two runs.
fn docx() -> Vec<u8> {
    let text = "<w:document><w:body><w:p><w:r><w:t>Kế hoạch tập hu</w:t></w:r><w:r><w:t>ấn năm 2027</w:t></w:r></w:p></w:body></w:document>";
    office(&[("[Content_Types].xml", "<Types/>"), ("word/document.xml", text)])
}

/// As Excel writes it: texts apart from the sheet.
fn xlsx() -> Vec<u8> {
    let texts = "<sst><si><t>Dự toán kinh phí</t></si></sst>";
    let sheet = "<worksheet><sheetData><row><c t=\"s\"><v>0</v></c><c><v>1250000</v></c></row></sheetData></worksheet>";
    office(&[
        ("[Content_Types].xml", "<Types/>"),
        ("xl/workbook.xml", "<workbook/>"),
        ("xl/sharedStrings.xml", texts),
        ("xl/worksheets/sheet1.xml", sheet),
    ])
}

async fn deliver(program: &Program, clerk: &Account) {
    let paper = Paper::new(program, "Quy hoach do thi").await;
    let mut files = vec![("quy-hoach.pdf", paper.path.clone())];
    for (name, bytes) in [("ke-hoach.docx", docx()), ("du-toan.xlsx", xlsx())] {
        let path = program.data.join(name);
        std::fs::write(&path, bytes).expect("a file");
        files.push((name, path));
    }
    let mut letter = Swaks::stranger(program, "an@outside.test", &clerk.address)
        .subject("Giay moi")
        .body("Kính mời dự họp về công văn 12/UBND-VP tại xã Hoà Bình.");
    for (name, path) in &files {
        let file = format!("@{}", path.display());
        letter = letter.args([
            "--attach-type",
            "application/octet-stream",
            "--attach-name",
            name,
            "--attach",
            &file,
        ]);
    }
    letter.send().must_be_taken(program);
}

/// How many messages a search finds.
async fn count(jmap: &Jmap, filter: &Value) -> u64 {
    let answer = jmap.call("Email/query", json!({ "filter": filter, "calculateTotal": true })).await;
    answer["total"].as_u64().unwrap_or_else(|| panic!("{filter}: {answer}"))
}

async fn attachments(engine: Engine) {
    let mut program = Program::demo(engine).await;
    let clerk = program.account(&program.systems().0.agency.clone(), "clerk").clone();
    deliver(&program, &clerk).await;
    let jmap = Jmap::sign_in(&program, &clerk).await;
    // What the letter says is found as soon as it is promised.
    for (text, expected) in [
        ("cong van", 1),
        ("công văn", 1),
        ("cống", 0),
        ("12/ubnd-vp", 1),
        ("xã hòa bình", 1),
        ("\"mời dự họp\"", 1),
        ("\"họp mời\"", 0),
        ("an@outside.test", 1),
        ("quy-hoach.pdf", 1),
    ] {
        assert_eq!(count(&jmap, &json!({ "text": text })).await, expected, "{text}");
    }
    let id = jmap.messages("inbox").await[0]["id"].clone();
    let snippet = json!({ "filter": { "text": "cong van" }, "emailIds": [id] });
    let snippet = jmap.call("SearchSnippet/get", snippet).await;
    let preview = snippet["list"][0]["preview"].as_str().unwrap_or_default();
    assert!(preview.contains("<mark>công</mark> <mark>văn</mark> 12/UBND-VP"), "{snippet}");
    in_attachments(&program, &jmap).await;

    // A search is answered by what was committed before a stop, too.
    program.kill().await;
    program.start().await;
    let jmap = Jmap::sign_in(&program, &clerk).await;
    assert_eq!(count(&jmap, &json!({ "body": "tap huan" })).await, 1);
    let destroyed = jmap.call("Email/set", json!({ "destroy": [id] })).await;
    assert_eq!(destroyed["destroyed"], json!([id]), "{destroyed}");
    assert_eq!(count(&jmap, &json!({ "body": "tap huan" })).await, 0);
    program.doctor().await;
}

/// Attachments are read soon after; nothing tells when.
async fn in_attachments(program: &Program, jmap: &Jmap) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    for (text, expected) in [
        ("\"tập huấn\"", 1),
        ("tap huan 2027", 1),
        ("\"Quy hoach do thi\"", 1),
        ("\"dự toán\" 1250000", 1),
        ("tấp huân", 0),
    ] {
        while count(jmap, &json!({ "body": text })).await != expected {
            assert!(tokio::time::Instant::now() < deadline, "{text}: {}", program.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    // Words of an attachment are in the body and not in the subject.
    assert_eq!(count(jmap, &json!({ "subject": "tập huấn" })).await, 0);
}
