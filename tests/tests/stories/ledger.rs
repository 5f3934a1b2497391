//! The ledger as a stranger sees it: every part fetched from the doors, walked offline, and found wrong when a bit is.

use std::path::Path;

use reqwest::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::Value;
use tests::{Engine, Exchange, Paper, Program, run};
use tokio::time::{Duration, sleep};

use crate::on_both_engines;

on_both_engines! {
    the_ledger_is_open => the_ledger_is_open,
}

/// Looks for something that comes by itself; a minute is more than it takes on a busy machine.
const LOOKS: u32 = 600;

async fn the_ledger_is_open(engine: Engine) {
    let mut program = Program::demo(engine).await;
    let doc_id = three_acts(&program).await;
    let web = program.web_client();
    let get = |path: String| {
        let (web, url) = (web.clone(), program.https(&path));
        async move { web.get(url).send().await.unwrap() }
    };
    // Within a second the act is in a signed tree.
    let mut checkpoint = String::new();
    for _ in 0..LOOKS {
        checkpoint = get("/ledger/checkpoint".to_owned()).await.text().await.unwrap();
        if checkpoint.lines().nth(1) == Some("3") {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    let origin = checkpoint.lines().next().unwrap().to_owned();
    let year = origin.rsplit('/').next().unwrap().to_owned();
    assert_eq!(checkpoint.lines().nth(1), Some("3"), "{checkpoint}\n{}", program.log());
    let shards: Value = get("/ledger/shards".to_owned()).await.json().await.unwrap();
    assert_eq!(shards["key"], program.demo.log_key.as_str());
    assert_eq!(shards["shards"][0]["origin"], origin.as_str());
    assert_eq!(shards["shards"][0]["prefix"], program.https(&format!("/ledger/{year}")));
    let tree_key = shards["shards"][0]["key"].as_str().unwrap();
    assert!(tree_key.starts_with(&format!("{origin}+")));

    // C2SP tlog-tiles: names, types and how long each may be kept.
    let for_ever = "public, max-age=31536000, immutable";
    #[rustfmt::skip]
    let rows = [
        (format!("/ledger/{year}/checkpoint"),            200, "text/plain; charset=utf-8",  "public, max-age=1"),
        (format!("/ledger/{year}/tile/0/000.p/3"),        200, "application/octet-stream",   for_ever),
        (format!("/ledger/{year}/tile/0/000.p/1"),        200, "application/octet-stream",   for_ever),
        (format!("/ledger/{year}/tile/entries/000.p/3"),  200, "application/octet-stream",   for_ever),
        (format!("/ledger/{year}/inclusion/2"),           200, "text/plain; charset=utf-8",  "public, max-age=1"),
        (format!("/ledger/{year}/consistency/2"),         200, "text/plain; charset=utf-8",  "public, max-age=1"),
        (format!("/ledger/{year}/tile/0/000"),            404, "application/problem+json",   ""),
        (format!("/ledger/{year}/tile/0/000.p/4"),        404, "application/problem+json",   ""),
        (format!("/ledger/{year}/tile/00/000.p/1"),       404, "application/problem+json",   ""),
        (format!("/ledger/{year}/tile/1/000.p/1"),        404, "application/problem+json",   ""),
        (format!("/ledger/{year}/tile/entries/000.p/4"),  404, "application/problem+json",   ""),
        (format!("/ledger/{year}/inclusion/3"),           404, "application/problem+json",   ""),
        (format!("/ledger/{year}/consistency/4"),         404, "application/problem+json",   ""),
        ("/ledger/1999/checkpoint".to_owned(),            404, "application/problem+json",   ""),
    ];
    for (path, status, content_type, kept) in rows {
        let answer = get(path.clone()).await;
        let header =
            |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert_eq!((answer.status().as_u16(), header(CONTENT_TYPE)), (status, content_type), "{path}");
        assert_eq!(header(CACHE_CONTROL), kept, "{path}");
    }
    let packed = web
        .get(program.https(&format!("/ledger/{year}/tile/entries/000.p/3")))
        .header("accept-encoding", "gzip");
    assert_eq!(packed.send().await.unwrap().headers()[CONTENT_ENCODING], "gzip");
    let moved = get("/ledger/tile/0/000.p/3".to_owned()).await;
    assert_eq!(
        (moved.status().as_u16(), moved.url().path()),
        (200, format!("/ledger/{year}/tile/0/000.p/3").as_str())
    );
    let grown = get(format!("/ledger/{year}/consistency/2")).await.text().await.unwrap();
    assert!(grown.starts_with("old 2\n") && grown.ends_with(&checkpoint), "{grown}");

    // A copy made over the doors is whole.
    let copy = program.data.join("copy");
    for name in ["checkpoint", "tile/0/000.p/3", "tile/entries/000.p/3"] {
        let bytes = get(format!("/ledger/{year}/{name}")).await.bytes().await.unwrap();
        put(&copy.join(&year).join(name), &bytes);
    }
    assert_eq!(walked(&copy, &program.demo.log_key).await, Some(0));
    assert_eq!(walked(&copy, &program.demo.log_key.replace('A', "B")).await, Some(3), "no key at all");

    stamped(&program, &doc_id, tree_key).await;
    program.stop().await;
    let kept = program.data.join("kept-checkpoint");
    std::fs::write(&kept, &checkpoint).unwrap();
    let audit = program.must(&["ledger", "audit", "--json", "--checkpoint", kept.to_str().unwrap()]).await;
    let audit: Value = serde_json::from_str(&audit).unwrap();
    assert_eq!((&audit["agrees"], &audit["packages"]), (&Value::Bool(true), &Value::from(3)), "{audit}");
    exported(&program, &year).await;
}

/// Answers the first one's DocId.
async fn three_acts(program: &Program) -> String {
    let (first, second) = program.systems();
    let sender = Exchange::new(program, first);
    let paper = Paper::new(program, "so").await;
    let paper = paper.signed_by(program, "leader1").await.signed_by(program, "seal1").await;
    let mut ids = Vec::new();
    for number in ["31", "32", "33"] {
        let package = paper.packed(program, &first.agency, &[&second.agency], number).await;
        let sent = sender.send(&first.agency, &package).await;
        assert!(sent.is_ok(), "{sent:?}\n{}", program.log());
        ids.push(sent.doc_id().to_owned());
    }
    ids.remove(0)
}

/// The demonstration's authority stamps a checkpoint, and the receipt says by when.
async fn stamped(program: &Program, doc_id: &str, tree_key: &str) {
    let receipt = program.data.join("stamped.json");
    let receipt = receipt.to_str().unwrap();
    let mut file = Value::Null;
    for _ in 0..LOOKS {
        program.must(&["receipt", "get", doc_id, "--out", receipt]).await;
        file = serde_json::from_slice(&std::fs::read(receipt).unwrap()).unwrap();
        if file["timestamp"].is_string() {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    assert!(file["timestamp"].is_string(), "{file}\n{}", program.log());
    let root = program.data.join("pki/root.pem");
    for (key, trust, expected) in [
        (program.demo.log_key.as_str(), root.as_path(), ["valid", "undecided"].as_slice()),
        (tree_key, Path::new("/nonexistent"), ["untrusted"].as_slice()),
    ] {
        let mut arguments =
            vec!["--config", "/nonexistent", "receipt", "verify", receipt, "--log-key", key, "--json"];
        if trust.exists() {
            arguments.extend(["--trust", trust.to_str().unwrap()]);
        }
        let output = run(&arguments).await;
        let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        assert_eq!(output.status.code(), Some(0), "{told}");
        assert!(expected.contains(&told["timestamp"]["verdict"].as_str().unwrap()), "{told}");
    }
    // Nobody has cosigned anything yet, so whoever demands a witness cannot be told.
    let witness = "witness.example/w1+bbfab71d+BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";
    let output =
        run(&["receipt", "verify", receipt, "--log-key", &program.demo.log_key, "--witness", witness]).await;
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The trees as files: whole, and found out when anything in them changes.
async fn exported(program: &Program, year: &str) {
    let dir = program.data.join("export");
    let dir_text = dir.to_str().unwrap();
    program.must(&["ledger", "export", dir_text]).await;
    program.must(&["ledger", "export", dir_text, "--year", year]).await;
    let key = program.demo.log_key.as_str();
    assert_eq!(walked(&dir, key).await, Some(0));
    for (arguments, why) in [
        (
            ["ledger", "export", dir_text, "--year", year, "--drop"].as_slice(),
            "not the archive, and the year goes on",
        ),
        (["ledger", "export", dir_text, "--year", "1999"].as_slice(), "no such year"),
        (["ledger", "export"].as_slice(), "no place"),
    ] {
        assert_eq!(program.command(arguments).await.status.code(), Some(3), "{why}");
    }
    let folder = dir.join(year);
    let mut tried = 0;
    for name in names(&folder, "") {
        let file = folder.join(&name);
        if name == "key" {
            continue;
        }
        let whole = std::fs::read(&file).unwrap();
        let mut bent = whole.clone();
        let middle = bent.len() / 2;
        bent[middle] ^= 1;
        std::fs::write(&file, &bent).unwrap();
        // A bit inside a timestamp's own certificates may change nothing that it says.
        assert!(walked(&dir, key).await == Some(1) || name.ends_with(".tst"), "{name} was changed");
        std::fs::remove_file(&file).unwrap();
        assert_ne!(walked(&dir, key).await, Some(0), "{name} was deleted");
        std::fs::write(&file, &whole).unwrap();
        tried += 1;
    }
    assert!(tried >= 5, "{tried}");
    assert_eq!(walked(&dir, key).await, Some(0));
}

async fn walked(dir: &Path, key: &str) -> Option<i32> {
    let arguments =
        ["--config", "/nonexistent", "ledger", "check", "--dir", dir.to_str().unwrap(), "--log-key", key];
    run(&arguments).await.status.code()
}

fn put(file: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, bytes).unwrap();
}

fn names(folder: &Path, before: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder.join(before)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{before}{}", entry.file_name().to_str().unwrap());
        match entry.path().is_dir() {
            true => found.extend(names(folder, &format!("{name}/"))),
            false => found.push(name),
        }
    }
    found
}
