//! The house stays tidy: which room may know which, what may be built on, under which licences, and what never goes
//! into the repository.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn metadata() -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--all-features"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v Vec<Value> {
    value[key].as_array().unwrap()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// Whom each room may know, as `docs/ARCHITECTURE.md` draws it. `server` wires everybody.
const ARROWS: &[(&str, &[&str])] = &[
    ("mail", &[]),
    ("certs", &[]),
    ("store", &["mail"]),
    ("directory", &["mail", "store"]),
    ("smtp", &["mail", "store", "certs"]),
    ("imap", &["mail", "store"]),
    ("jmap", &["mail", "store"]),
    ("signer", &["mail", "certs"]),
    ("registry", &["mail", "store", "signer"]),
    ("web", &["mail", "registry", "directory", "signer"]),
];

#[test]
fn rooms_know_only_whom_the_map_draws() {
    let metadata = metadata();
    let ours: BTreeSet<&str> =
        list(&metadata, "workspace_members").iter().map(|m| m.as_str().unwrap()).collect();
    let rooms: BTreeMap<&str, &Value> = list(&metadata, "packages")
        .iter()
        .filter(|package| ours.contains(text(package, "id")))
        .map(|package| (text(package, "name"), package))
        .collect();
    for (room, may_know) in ARROWS {
        for dependency in list(rooms[room], "dependencies") {
            let name = text(dependency, "name");
            let is_test_only = text(dependency, "kind") == "dev";
            if rooms.contains_key(name) && !is_test_only {
                assert!(may_know.contains(&name), "{room} may not know {name}: see docs/ARCHITECTURE.md");
            }
        }
    }
}

#[test]
fn only_server_has_windows() {
    // Crates that open sockets, and the rooms that may use them.
    let windows = ["hyper", "hyper-util", "axum", "reqwest", "tokio-rustls", "hickory-resolver", "lettre"];
    let allowed = ["server", "tests", "bench"];
    let metadata = metadata();
    for package in list(&metadata, "packages").iter().filter(|p| p["source"].is_null()) {
        let room = text(package, "name");
        for dependency in list(package, "dependencies").iter().filter(|d| text(d, "kind") != "dev") {
            let name = text(dependency, "name");
            assert!(!windows.contains(&name) || allowed.contains(&room), "{room} may not use {name}");
        }
    }
    // And no room but the server asks the machine for the time.
    let asks = ["SystemTime::now(", "Instant::now(", "OffsetDateTime::now", "SystemRandom::new("];
    for room in ["mail", "store", "directory", "smtp", "imap", "jmap", "certs", "signer", "registry", "web"] {
        for file in rust_files(&root().join(room).join("src")) {
            let source = std::fs::read_to_string(&file).unwrap();
            // Tests may ask what they like.
            let source = source.split("#[cfg(test)]").next().unwrap_or_default();
            for ask in asks {
                assert!(!source.contains(ask), "{}: {ask} belongs to server", file.display());
            }
        }
    }
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut waiting = vec![directory.to_owned()];
    let mut files = Vec::new();
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).unwrap().flatten() {
            let path = entry.path();
            match path.extension() {
                _ if path.is_dir() => waiting.push(path),
                Some(extension) if extension == "rs" => files.push(path),
                _ => {}
            }
        }
    }
    files
}

/// Crates that must never be in the program, each with the reason.
const BANNED: &[(&str, &str)] = &[
    ("aws-lc-sys", "a second cryptography provider makes rustls stop at first use"),
    ("aws-lc-rs", "a second cryptography provider makes rustls stop at first use"),
    ("native-tls", "one TLS library"),
    ("rsa", "RUSTSEC-2023-0071, no fix exists"),
    ("sieve-rs", "AGPL"),
    ("milter", "GPL"),
    ("indymilter", "GPL"),
    ("pdf_signer", "GPL"),
];

/// Licences that let us link; a crate may offer any one of them.
const LICENCES: &[&str] = &[
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "CC0-1.0",
    "Unicode-3.0",
    "Unlicense",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
];

/// File-level copyleft, used unmodified.
const MPL_ALLOWED: &[&str] = &[];

#[test]
fn nothing_banned_is_built_on_and_every_licence_lets_us_link() {
    let metadata = metadata();
    let packages: BTreeMap<&str, &Value> =
        list(&metadata, "packages").iter().map(|package| (text(package, "id"), package)).collect();
    for node in reachable(&metadata) {
        let package = packages[node.as_str()];
        let name = text(package, "name");
        if let Some((_, why)) = BANNED.iter().find(|(banned, _)| *banned == name) {
            panic!("{name} is banned: {why}");
        }
        let licence = text(package, "license").replace('/', " OR ");
        assert!(licence_fits(name, &licence), "{name}: licence {licence:?} is not on the list");
    }
}

/// Everything the program is linked from (not what only tests use).
fn reachable(metadata: &Value) -> BTreeSet<String> {
    let nodes: BTreeMap<&str, &Value> =
        list(&metadata["resolve"], "nodes").iter().map(|node| (text(node, "id"), node)).collect();
    let start = nodes.keys().find(|id| id.contains("/server#")).unwrap();
    let mut waiting = vec![*start];
    let mut seen = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if !seen.insert(id.to_owned()) {
            continue;
        }
        for dependency in list(nodes[id], "deps") {
            let linked = list(dependency, "dep_kinds").iter().any(|kind| text(kind, "kind") != "dev");
            if linked {
                waiting.push(text(dependency, "pkg"));
            }
        }
    }
    seen
}

fn licence_fits(name: &str, licence: &str) -> bool {
    let plain = licence.replace(['(', ')'], "");
    let every_part = |alternative: &str| {
        alternative.split(" AND ").all(|part| {
            let part = part.trim();
            LICENCES.contains(&part) || (part == "MPL-2.0" && MPL_ALLOWED.contains(&name))
        })
    };
    // `(A OR B) AND C` with brackets gone reads as `A OR (B AND C)`: every alternative that passes still has C, unless
    // it stands before the AND; asking that no word is outside the list settles that.
    plain.split(" OR ").any(every_part)
        || plain
            .split(" OR ")
            .flat_map(|part| part.split(" AND "))
            .all(|part| LICENCES.contains(&part.trim()))
}

#[test]
fn licences_are_read_as_they_are_meant() {
    assert!(licence_fits("x", "MIT OR Apache-2.0"));
    assert!(licence_fits("x", "Apache-2.0 OR GPL-2.0-only"));
    assert!(licence_fits("ring", "Apache-2.0 AND ISC"));
    assert!(!licence_fits("x", "GPL-3.0-only"));
    assert!(!licence_fits("x", "MIT AND GPL-3.0-only"));
    assert!(!licence_fits("x", "AGPL-3.0-only"));
    assert!(!licence_fits("x", ""));
}

/// Files git keeps.
fn kept_files() -> Vec<String> {
    let output = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().unwrap();
    assert!(output.status.success());
    let names = String::from_utf8(output.stdout).unwrap();
    names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[test]
fn nothing_secret_and_nothing_unfinished_is_kept() {
    // Spelled in two parts, so that this file does not find itself.
    let secrets = [
        concat!("BEGIN ", "PRIVATE KEY"),
        concat!("BEGIN RSA ", "PRIVATE KEY"),
        concat!("BEGIN EC ", "PRIVATE KEY"),
    ];
    let unfinished = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX:"), concat!("HA", "CK:")];
    for name in kept_files() {
        let Ok(content) = std::fs::read_to_string(root().join(&name)) else { continue };
        for secret in secrets {
            assert!(!content.contains(secret), "{name} holds a private key");
        }
        if name.ends_with(".rs") {
            for mark in unfinished {
                assert!(!content.contains(mark), "{name} says {mark}");
            }
            let lines = content.lines().count();
            assert!(lines <= 1_000, "{name} has {lines} lines: a file should fit in the head");
        }
    }
}

#[test]
fn every_room_forbids_unsafe_code_and_says_what_it_is() {
    for name in
        kept_files().iter().filter(|name| name.ends_with("Cargo.toml") && name.matches('/').count() == 1)
    {
        if name.starts_with("fuzz/") {
            continue;
        }
        let manifest = std::fs::read_to_string(root().join(name)).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{name} does not take the workspace's lints");
        assert!(manifest.contains("description = "), "{name} does not say what it is");
    }
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("unsafe_code = \"forbid\""));
}

/// RULES R93, R94: what was exchanged, what was said of it, and what its acceptance rested on have no statement that deletes them. A
/// destruction decided by law is an act of its own, and there is none yet.
#[test]
fn r93_r94_no_statement_deletes_a_document_its_history_or_its_evidence() {
    let kept = [
        "document",
        "document_file",
        "document_act",
        "document_receiver",
        "document_status",
        "document_link",
        "delivery",
        "register_line",
        "ledger_leaf",
        "ledger_checkpoint",
        "exchange_fact",
        "audit",
        "consent",
        "set_aside",
    ];
    let mut statements = 0;
    for file in rust_files(&root().join("store/src")) {
        let text = std::fs::read_to_string(&file).unwrap();
        for rest in text.split("DELETE FROM ").skip(1) {
            let table: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            assert!(!kept.contains(&table.as_str()), "{} deletes from {table}", file.display());
            statements += 1;
        }
    }
    assert!(statements > 40, "the statements are not found any more: {statements}");
}

/// RULES R63: every rule that software keeps is kept somewhere and held by a test, and the table in `docs` says which.
/// `CONGVAN_WRITE_DOCS=1` writes it anew.
#[test]
fn r63_every_rule_is_held_by_a_test_and_the_table_says_which() {
    let root = root();
    let read = |path: &PathBuf| {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    let rooms = [
        "mail",
        "store",
        "directory",
        "smtp",
        "imap",
        "jmap",
        "certs",
        "signer",
        "registry",
        "web",
        "server",
        "tests",
    ];
    let mut files: Vec<PathBuf> = rooms.iter().flat_map(|room| rust_files(&root.join(room))).collect();
    files.sort();
    let sources: Vec<(String, String)> = files.iter().map(read).collect();
    let (rules, tests) = (tests::conformity::rules(&root), tests::conformity::tests_by_rule(&sources));
    for rule in &rules {
        assert!(root.join(&rule.kept_in).exists(), "{}: {} is not there", rule.id, rule.kept_in);
        let is_left = ["later: ", "by the agency: "].iter().any(|why| rule.left.starts_with(why));
        assert!(rule.left.is_empty() || is_left, "{}: {}", rule.id, rule.left);
        assert!(is_left || tests.contains_key(&rule.id), "no test names {} ({})", rule.id, rule.asks);
    }
    let (kept, table) = (root.join("docs/CONFORMITY.md"), tests::conformity::table(&rules, &tests));
    if std::env::var_os("CONGVAN_WRITE_DOCS").is_some() {
        std::fs::write(&kept, &table).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), table, "make docs writes it anew");
}
