//! Before official use there is a check-list, and production does not begin without it (RULES R58).

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tests::{Engine, Program};

use crate::on_both_engines;

on_both_engines! {
    r58_production_waits_for_the_check_list => go_live,
}

const HOST: &str = "trao-doi.tinh-mau.gov.vn";

/// What is not in order, by code.
async fn missing(program: &Program) -> Vec<String> {
    let output = program.command(&["go-live", "--json"]).await;
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    let items = list["items"].as_array().unwrap();
    let missing = items.iter().filter(|item| item["ok"] == false);
    let missing: Vec<String> =
        missing.map(|item| item["code"].as_str().unwrap()["go-live.".len()..].to_owned()).collect();
    assert_eq!(output.status.code(), Some(i32::from(!missing.is_empty())));
    assert_eq!(list["ready"], missing.is_empty());
    missing
}

fn change(program: &Program, there: &str, then: &str) {
    let config = program.config();
    let text = std::fs::read_to_string(&config).unwrap();
    assert!(text.contains(there), "{there} is not in the configuration");
    std::fs::write(&config, text.replacen(there, then, 1)).unwrap();
}

/// A certificate for a name by an authority, made by another program.
fn certificate(folder: &Path) {
    let script = format!(
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj '/CN=Thu CA' && \
         openssl req -newkey rsa:2048 -nodes -keyout key.pem -out leaf.csr -subj '/CN={HOST}' && \
         printf 'subjectAltName=DNS:{HOST}' > names && \
         openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -days 30 -extfile names -out cert.pem && rm ca.key"
    );
    let made = Command::new("sh").args(["-c", &script]).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// What the program says when it is to serve, and does not.
async fn refused(program: &Program) -> String {
    let output = program.command(&["serve"]).await;
    assert_eq!(output.status.code(), Some(3));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn go_live(engine: Engine) {
    let mut program = Program::demo(engine).await;
    program.stop().await;
    let host = std::fs::read_to_string(program.config()).unwrap();
    let host = host.lines().find(|line| line.starts_with("hostname = ")).unwrap().to_owned();
    change(&program, &host, &format!("hostname = \"{HOST}\""));
    change(&program, "clock_kept_by = \"\"", "clock_kept_by = \"ntp.vnnic.vn qua máy chủ vật lý\"");
    let mut left = missing(&program).await;
    assert_eq!(left, ["dossier", "level", "backup", "demonstration", "certificate", "regulation"]);
    // In trial nothing of this closes a door; in production each does, and says so in both languages.
    change(&program, "mode = \"trial\"", "mode = \"production\"");
    let told = refused(&program).await;
    for code in &left {
        assert!(told.contains(&format!("go-live.{code}: ")), "{told}");
    }
    assert!(told.contains("Chưa ghi hồ sơ đề xuất cấp độ") && !told.contains("go-live.agency"), "{told}");

    let done = |code: &str, left: &mut Vec<String>| left.retain(|one| one != code);
    change(&program, "dossier = \"\"", "dossier = \"15/HSĐXCĐ\"");
    assert_eq!(missing(&program).await, left, "who approved it is not said");
    change(&program, "approved_by = \"\"", "approved_by = \"345/QĐ-UBND, 12/10/2026\"");
    done("dossier", &mut left);
    assert_eq!(missing(&program).await, left);
    change(&program, "level = 0", "level = 1");
    assert_eq!(missing(&program).await, left, "personal data are of level 2 at least");
    change(&program, "level = 1", "level = 3");
    done("level", &mut left);
    assert_eq!(missing(&program).await, left);
    std::fs::write(program.data.join("backup-passphrase"), "ngựa xanh ăn cỏ trên mái ngói\n").unwrap();
    let source = format!("passphrase = \"file:{}\"", program.data.join("backup-passphrase").display());
    change(&program, "passphrase = \"\"", &source);
    change(&program, "to = \"\"", "to = \"../backups\"");
    done("backup", &mut left);
    assert_eq!(missing(&program).await, left);
    certificate(&program.data.join("tls"));
    done("certificate", &mut left);
    assert_eq!(missing(&program).await, left);
    let agency = program.systems().0.agency.clone();
    let regulation = [
        "regulation",
        "add",
        "--agency",
        &agency,
        "--kind",
        "regulation",
        "--number",
        "12/QĐ-UBND",
        "--title",
        "Quy chế gửi, nhận",
        "--issued",
        "2020-01-01",
        "--signer",
        "Trần Văn Chủ",
        "--from",
        "2020-01-01",
    ];
    program.must(&regulation).await;
    done("regulation", &mut left);
    assert_eq!(missing(&program).await, left);
    let told = refused(&program).await;
    assert!(told.contains("go-live.demonstration") && !told.contains("go-live.level"), "{told}");
    std::fs::remove_file(program.data.join("demo.json")).unwrap();
    assert!(missing(&program).await.is_empty());
    program.start().await;
    program.stop().await;
    // What is no mode is refused, and so is a level that there is not.
    for (there, wrong) in [("mode = \"production\"", "mode = \"live\""), ("level = 3", "level = 6")] {
        change(&program, there, wrong);
        assert_eq!(program.command(&["go-live"]).await.status.code(), Some(3), "{wrong}");
        change(&program, wrong, there);
    }
}
