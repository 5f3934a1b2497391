//! Private keys in every place they may lie: files, containers, a token.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tests::{Engine, Paper, Program};

/// Where Debian's `softhsm2` puts its module.
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// A token of SoftHSM2 that the program sees, with these keys of the demonstration in it.
fn make_token(program: &mut Program, keys: &[(&str, &Path)]) {
    let (tokens, configuration) = (program.data.join("tokens"), program.data.join("softhsm2.conf"));
    std::fs::create_dir(&tokens).unwrap();
    std::fs::write(&configuration, format!("directories.tokendir = {}\n", tokens.display())).unwrap();
    std::fs::write(program.data.join("pin"), "123456\n").unwrap();
    let configuration = text(&configuration).to_owned();
    let util = |arguments: &[&str]| {
        let mut command = Command::new("softhsm2-util");
        let done = command.args(arguments).env("SOFTHSM2_CONF", &configuration).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    };
    util(&["--init-token", "--free", "--label", "Con dấu", "--pin", "123456", "--so-pin", "87654321"]);
    for (number, (label, file)) in keys.iter().enumerate() {
        let id = format!("0{number}");
        util(&[
            "--import",
            text(file),
            "--token",
            "Con dấu",
            "--label",
            label,
            "--id",
            &id,
            "--pin",
            "123456",
        ]);
    }
    program.environment.push(("SOFTHSM2_CONF", configuration));
}

/// RULES D28, D32: the same document signed with the key in every place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d28_every_key_signs_documents_and_a_token_opens_the_doors() {
    let mut program = Program::demo(Engine::Sqlite).await;
    let pki = program.data.join("pki");
    let (key, chain, tls) =
        (pki.join("leader1.key"), pki.join("leader1.pem"), program.data.join("tls/key.pem"));
    make_token(&mut program, &[("leader", &key), ("tls", &tls)]);
    let (container, word) = (pki.join("leader1.p12"), program.data.join("word"));
    let packed = Command::new("openssl")
        .args(["pkcs12", "-export", "-inkey", text(&key), "-in", text(&chain), "-out", text(&container)])
        .args(["-passout", "pass:mật khẩu"])
        .status();
    assert!(packed.unwrap().success());
    std::fs::write(&word, "mật khẩu\n").unwrap();
    let token = format!(
        "pkcs11:token=Con%20d%E1%BA%A5u?module-path={MODULE}&pin-source=file:{}",
        program.data.join("pin").display()
    );
    let from_word = format!("file:{}", word.display());
    let tsa = format!("http://127.0.0.1:{}/demo/tsa", program.ports.http);
    let paper = Paper::new(&program, "van-ban").await;
    let ways: [&[&str]; 4] = [
        &["--key", text(&key), "--certificate", text(&chain)],
        &["--key", text(&container), "--key-password", &from_word],
        &["--p12", text(&container), "--key-password", &from_word],
        &["--key", &token, "--certificate", text(&chain)],
    ];
    for (number, way) in ways.into_iter().enumerate() {
        let out = paper.path.with_extension(format!("{number}.pdf"));
        let mut arguments = vec!["sign", text(&paper.path), "--tsa", &tsa, "--out", text(&out)];
        arguments.extend(way);
        program.must(&arguments).await;
        let root = pki.join("root.pem");
        let verdict = program.must(&["verify", text(&out), "--json", "--trust", text(&root)]).await;
        let verdict: Value = serde_json::from_str(&verdict).unwrap();
        assert_eq!(verdict["verdict"], "valid", "{way:?}: {verdict}");
    }
    // A wrong word, and a token that is not there, say so and leave nothing.
    std::fs::write(&word, "sai\n").unwrap();
    let out = paper.path.with_extension("none.pdf");
    let absent = token.replace("token=", "token=x");
    for (way, code) in [
        (&["--key", text(&container), "--key-password", &from_word], "key.locked"),
        (&["--key", &absent, "--certificate", text(&chain)], "key.token-absent"),
    ] {
        let mut arguments = vec!["sign", text(&paper.path), "--out", text(&out)];
        arguments.extend(way);
        let refused = program.command(&arguments).await;
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains(code) && !out.exists(), "{said}");
    }
    // The same token answers for TLS; the key's file is gone.
    program.stop().await;
    std::fs::remove_file(&tls).unwrap();
    let configuration = std::fs::read_to_string(program.config()).unwrap();
    let named = configuration.replacen("\nkey = \"\"\n", &format!("\nkey = {token:?}\n"), 1);
    assert_ne!(named, configuration);
    std::fs::write(program.config(), named).unwrap();
    program.start().await;
    let answer = program.web_client().get(program.https("/")).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    program.stop().await;
}
