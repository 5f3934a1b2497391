//! Hostile packages at the exchange's door: each is refused with its code, in bounded time and memory, leaves its act in the log
//! and nothing at any receiver; and who comes slowly keeps nobody else waiting.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tests::{ALL_SCOPES, ApiClient, Engine, Exchange, Paper, Program, thin_hex};

use crate::on_both_engines;

on_both_engines! {
    hostile_packages => every_hostile_package_is_refused,
    slow_packages => a_slow_package_keeps_nobody_waiting,
}

/// How long a refusal may take a debug build on a busy machine; the optimised program stays far below a second.
const PATIENCE: Duration = Duration::from_secs(20);
/// MiB the program may keep after the storm of what it had before it.
const KEPT_MIB: u64 = 192;
/// Bytes of the largest package in these stories: what is too large is found out sooner.
const PACKAGE_MAX: usize = 32 * 1024 * 1024;

struct Province {
    program: Program,
    sender: Exchange,
    receiver: Exchange,
    from: String,
    to: String,
    paper: Paper,
}

async fn province(engine: Engine) -> Province {
    let smaller = format!("package_bytes_max = {PACKAGE_MAX}");
    let program = Program::demo_of(engine, "H99", &[("package_bytes_max = 209715200", &smaller)]).await;
    let (first, second) = program.systems();
    let (sender, receiver) = (Exchange::new(&program, first), Exchange::new(&program, second));
    let (from, to) = (first.agency.clone(), second.agency.clone());
    let paper = Paper::new(&program, "hop-le").await;
    let paper = paper.signed_by(&program, "leader1").await.signed_by(&program, "seal1").await;
    Province { program, sender, receiver, from, to, paper }
}

/// What a line of `/proc/PID/status` says, in MiB.
fn mib(program: &Program, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.pid())).unwrap();
    let said = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
    said.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().unwrap() / 1024
}

/// A package with one thing in it changed.
fn changed(package: &str, from: &str, to: &str) -> Vec<u8> {
    assert!(package.contains(from), "{from}");
    package.replacen(from, to, 1).into_bytes()
}

/// What stands between two marks replaced.
fn between(package: &str, open: &str, close: &str, new: &str) -> String {
    let (head, rest) = package.split_once(open).unwrap();
    let (_, tail) = rest.split_once(close).unwrap();
    format!("{head}{open}{new}{close}{tail}")
}

fn zip(script: &str) -> String {
    let script = format!(
        "import sys,io,zipfile;b=io.BytesIO();z=zipfile.ZipFile(b,'w',zipfile.ZIP_DEFLATED);{script};z.close();\
         sys.stdout.buffer.write(b.getvalue())"
    );
    STANDARD.encode(Command::new("python3").args(["-c", &script]).output().expect("python3 runs").stdout)
}

/// Every package of the storm, and the code it is refused with.
async fn storm(house: &Province) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let Province { program, from, to, paper, .. } = house;
    let good = paper.packed(program, from, &[to], "01").await;
    let good = String::from_utf8(good).unwrap();
    let root = "<edXML ";
    let attached = |name: &str, kind: &str, content: &str| {
        let named = between(&good, "<AttachmentName>", "</AttachmentName>", name);
        let typed = between(&named, "<ContentType>", "</ContentType>", kind);
        between(&typed, "QCVN_102_2016\">", "</edXML:ContentTransferEncoded>", content).into_bytes()
    };
    let bomb = zip("z.writestr('a.pdf',bytes(400<<20))");
    let climbing = zip("z.writestr('../../etc/cron.d/a.pdf','x')");
    let mut laughs = "<!DOCTYPE a [<!ENTITY l0 'ha'>".to_owned();
    for n in 1..30 {
        laughs.push_str(&format!("<!ENTITY l{n} '{}'>", format!("&l{};", n - 1).repeat(10)));
    }
    let receiver = {
        let (_, rest) = good.split_once("<edXML:To>").unwrap();
        format!("<edXML:To>{}</edXML:To>", rest.split_once("</edXML:To>").unwrap().0)
    };
    let wrapped = wrapped(&std::fs::read(&paper.path).unwrap());
    let wrapped_path = paper.path.with_extension("wrapped.pdf");
    std::fs::write(&wrapped_path, wrapped).unwrap();
    let wrapped = Paper { path: wrapped_path }.packed(program, from, &[to], "02").await;
    vec![
        ("XXE", changed(&good, root, "<!DOCTYPE x [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><edXML "), "422"),
        ("an entity bomb", changed(&good, root, &format!("{laughs}]><edXML ")), "422"),
        ("an entity from nowhere", changed(&good, "<edXML:Subject>", "<edXML:Subject>&l29;"), "422"),
        ("elements without end", changed(&good, "<edXML:Subject>", &"<a>".repeat(2_000_000)), "422"),
        ("a zip bomb", attached("van-ban.pdf", "application/zip", &bomb), "422"),
        ("a zip bomb in disguise", attached("van-ban.pdf", "application/pdf", &bomb), "422"),
        ("a path in a zip", attached("van-ban.pdf", "application/zip", &climbing), "422"),
        ("NUL in a name", changed(&good, "<AttachmentName>", "<AttachmentName>a\0"), "422"),
        ("NUL by number in a name", changed(&good, "<AttachmentName>", "<AttachmentName>a&#0;"), "422"),
        ("a later revision over the signed one", wrapped, "422"),
        (
            "100,000 receivers",
            changed(&good, "<edXML:To>", &format!("{}<edXML:To>", receiver.repeat(100_000))),
            "422",
        ),
        ("an agency that speaks for another", paper.packed(program, to, &[from], "03").await, "403"),
    ]
}

/// The signed file with a revision after it that shows something else.
fn wrapped(signed: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(signed);
    let before = text.rsplit("startxref").next().unwrap().split_whitespace().next().unwrap().to_owned();
    let mut file = signed.to_vec();
    let at = file.len() + 1;
    file.extend_from_slice(b"\n1 0 obj\n<</Type/Catalog/Pages 2 0 R/Lang(vi)>>\nendobj\n");
    let table = file.len();
    let end = format!(
        "xref\n1 1\n{at:010} 00000 n \ntrailer\n<</Size 99/Root 1 0 R/Prev {before}>>\nstartxref\n{table}\n%%EOF\n"
    );
    file.extend_from_slice(end.as_bytes());
    file
}

async fn every_hostile_package_is_refused(engine: Engine) {
    let mut house = province(engine).await;
    // The first one warms what is kept for all.
    let first = house.paper.packed(&house.program, &house.from, &[&house.to], "90").await;
    assert!(house.sender.send(&house.from, &first).await.is_ok());
    house.receiver.take(&house.receiver.received("edoc").await[0]).await;
    let leaves = leaves(&house.program).await;
    let before = mib(&house.program, "VmRSS:");
    let mut acts = 0;
    for (what, package, code) in storm(&house).await {
        let begun = Instant::now();
        let refused = house.sender.send(&house.from, &package).await;
        assert_eq!(refused.code(), code, "{what}: {refused:?}\n{}", house.program.log());
        assert!(refused.description().contains(" / "), "{what}: in both languages: {refused:?}");
        assert!(begun.elapsed() < PATIENCE, "{what} took {:?}", begun.elapsed());
        acts += 1;
    }
    lies(&house, &first).await;
    too_large(&house);
    acts += 1;
    let (after, peak) = (mib(&house.program, "VmRSS:"), mib(&house.program, "VmHWM:"));
    println!("resident: {before} MiB before the storm, {after} after it, {peak} at most");
    assert!(after < before + KEPT_MIB, "{before} MiB before, {after} after, {peak} at most");
    assert_eq!(self::leaves(&house.program).await, leaves + acts, "every refusal is an act in the log");
    assert!(house.receiver.received("edoc").await.is_empty(), "nothing is listed");
    names_are_made_harmless(&house).await;
    house.program.stop().await;
    house.program.must(&["ledger", "audit"]).await;
}

/// Acts in the log, waited for: the sequencer takes them in a moment later.
async fn leaves(program: &Program) -> u64 {
    let count = async || {
        let said = program.must(&["ledger", "check"]).await;
        let (before, _) = said.split_once(" leaves").unwrap_or_default();
        before
            .rsplit(|c: char| !c.is_ascii_digit())
            .next()
            .unwrap_or_default()
            .parse::<u64>()
            .unwrap_or_default()
    };
    let mut last = count().await;
    loop {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let now = count().await;
        if now == last {
            return now;
        }
        last = now;
    }
}

/// Headers that say something else than what was signed, or than what comes. None is an act: nobody we know, or damage on the way.
async fn lies(house: &Province, package: &[u8]) {
    let Province { sender, from, to, .. } = house;
    let digest = ring::digest::digest(&ring::digest::SHA256, package);
    let hash = thin_hex(digest.as_ref());
    let headers = |from: &str, hash: &str, salt: &str| {
        let parameters = [("from", from), ("messagetype", "edoc"), ("hash-file", hash), ("salt", salt)];
        sender.headers(&parameters, package)
    };
    let mut other = headers(from, &hash, "");
    for (name, value) in &mut other {
        if name == "XroadVnpt-from" {
            value.clone_from(to);
        }
    }
    assert_eq!(sender.send_with(&other, package).await.code(), "401", "another from than was signed");
    // A signature with its zeros dropped, as the client writes hashes of files.
    let thin = (0..).map(|salt: u32| headers(from, &hash, &salt.to_string())).find_map(|mut headers| {
        let mac = &mut headers.last_mut()?.1;
        let pairs: Vec<&str> = (0..32).filter_map(|at| mac.get(at * 2..at * 2 + 2)).collect();
        let thin: String = pairs.iter().map(|pair| pair.strip_prefix('0').unwrap_or(pair)).collect();
        let is_thinner = thin.len() < mac.len();
        *mac = thin;
        is_thinner.then_some(headers)
    });
    assert_eq!(sender.send_with(&thin.unwrap(), package).await.code(), "401", "an unpadded signature");
    let short = headers(from, &hash[..hash.len() - 1], "");
    assert_eq!(sender.send_with(&short, package).await.code(), "422", "a hash that lacks a digit");
}

/// A client that writes as it likes.
struct Raw(rustls::StreamOwned<rustls::ClientConnection, TcpStream>);

impl Raw {
    /// Announces a package of so many bytes.
    fn announce(house: &Province, bytes: u64) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&house.program.root_pem()).unwrap()).unwrap();
        let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        let stream = TcpStream::connect(("127.0.0.1", house.program.ports.https)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let mut raw = Self(rustls::StreamOwned::new(client, stream));
        let parameters = [("from", house.from.as_str()), ("messagetype", "edoc"), ("hash-file", "0")];
        let mut head = "POST /vxp/sendEdoc HTTP/1.1\r\nHost: localhost\r\n".to_owned();
        for (name, value) in house.sender.headers(&parameters, b"x") {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {bytes}\r\n\r\n"));
        raw.0.write_all(head.as_bytes()).unwrap();
        raw.0.flush().unwrap();
        raw
    }
}

/// Ten gibibytes: read away for a while, answered and cut off.
fn too_large(house: &Province) {
    let begun = Instant::now();
    let mut raw = Raw::announce(house, 10 << 30);
    let piece = vec![b'x'; 64 * 1024];
    let mut written = 0;
    while raw.0.write_all(&piece).and_then(|()| raw.0.flush()).is_ok() {
        written += piece.len();
        assert!(written < 4 * PACKAGE_MAX, "it is never told to stop");
    }
    assert!(begun.elapsed() < 3 * PATIENCE, "{:?}", begun.elapsed());
    let mut answer = Vec::new();
    // Whoever is cut off while it writes may or may not read the answer.
    let _ = raw.0.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.contains("413"), "{answer}");
}

/// RULES E15: tricks in the name of a file are no reason to refuse a document that is signed; what shows it shows it without.
async fn names_are_made_harmless(house: &Province) {
    let Province { program, sender, from, to, paper, .. } = house;
    let reader = ApiClient::new(program, program.systems().1, ALL_SCOPES).await;
    let rows = [
        ("50", "../../etc/van-ban.pdf", "van-ban.pdf"),
        ("51", "C:\\Windows\\van-ban.pdf", "van-ban.pdf"),
        ("52", "van-ban\u{202E}xcod.pdf", "van-banxcod.pdf"),
    ];
    for (number, name, shown) in rows {
        let package = String::from_utf8(paper.packed(program, from, &[to], number).await).unwrap();
        let real = package.split_once("<AttachmentName>").unwrap().1.split_once('<').unwrap().0.to_owned();
        let package = package.replace(&format!(">{real}<"), &format!(">{name}<"));
        let sent = sender.send(from, package.as_bytes()).await;
        assert!(sent.is_ok(), "{name}: {sent:?}");
        let document = reader.get(&format!("/documents/{}", sent.doc_id())).await;
        assert_eq!(document["files"][0]["name"], shown, "{name}: {document}");
    }
}

async fn a_slow_package_keeps_nobody_waiting(engine: Engine) {
    let house = province(engine).await;
    let package = house.paper.packed(&house.program, &house.from, &[&house.to], "70").await;
    // More than there is room for, announced and not brought.
    let slow: Vec<Raw> = (0..40).map(|_| Raw::announce(&house, PACKAGE_MAX as u64)).collect();
    let begun = Instant::now();
    let sent = house.sender.send(&house.from, &package).await;
    assert!(sent.is_ok(), "{sent:?}");
    assert!(begun.elapsed() < PATIENCE, "it waited {:?} for those who are slow", begun.elapsed());
    assert_eq!(house.receiver.received("edoc").await.len(), 1);
    drop(slow);
}
