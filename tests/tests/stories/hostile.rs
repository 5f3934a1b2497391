//! Hostile files at the command `verify`: an answer in bounded time and memory, whatever the file is. The machine
//! itself enforces the bounds, so that a reader that forgets one dies here and not at a clerk's desk.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tests::binary;

/// CPU seconds a debug build may take; the optimised program stays below one.
const SECONDS: u32 = 10;
/// KiB of address space beyond what the program itself maps.
const KIB: u32 = 1_000_000;

#[test]
fn every_hostile_file_gets_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files() {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let (code, report) = judged(&path);
        assert!(matches!(code, 1 | 2), "{name}: exit {code}, {report}");
        let verdict = if code == 1 { "invalid" } else { "indeterminate" };
        assert_eq!(report["verdict"], verdict, "{name}: {report}");
        let reasons = report["reasons"].as_array().unwrap().len();
        let signatures = report["signatures"].as_array().unwrap();
        let said = signatures.iter().filter(|s| !s["reasons"].as_array().unwrap().is_empty()).count();
        assert!(reasons + said > 0, "{name}: a verdict without a reason: {report}");
    }
}

fn judged(path: &Path) -> (i32, Value) {
    let limited = format!(
        "ulimit -t {SECONDS} -v {KIB}; exec \"$0\" --config /nonexistent verify --offline --json \"$1\""
    );
    let output = Command::new("bash").args(["-c", &limited]).arg(binary()).arg(path).output();
    let output = output.expect("bash runs");
    let code = output.status.code().unwrap_or(-1);
    let report = serde_json::from_slice(&output.stdout);
    (code, report.unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&output.stderr).into_owned())))
}

fn files() -> Vec<(&'static str, Vec<u8>)> {
    let repeat = |text: &str, times: usize| text.repeat(times).into_bytes();
    vec![
        ("deep-arrays.pdf", pdf(&[&format!("<</Type/Catalog/Pages 2 0 R/X {}>>", "[".repeat(500_000))])),
        ("deep-dictionaries.pdf", pdf(&[&format!("<</Type/Catalog/X {}", "<</A ".repeat(300_000))])),
        (
            "pages-in-a-circle.pdf",
            pdf(&["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[2 0 R 2 0 R]>>"]),
        ),
        (
            "many-references.pdf",
            pdf(&[&format!("<</Type/Catalog/AcroForm<</Fields[{}]>>>>", "1 0 R ".repeat(200_000))]),
        ),
        (
            "xref-loop.pdf",
            b"%PDF-1.7\nxref\n0 0\ntrailer\n<</Size 1/Root 1 0 R/Prev 9>>\nstartxref\n9\n%%EOF\n".to_vec(),
        ),
        ("huge-numbers.pdf", pdf(&[&format!("<</Type/Catalog/Size {}>>", "9".repeat(1_000_000))])),
        ("stream-bomb.pdf", stream_bomb()),
        ("laughs.xml", laughs()),
        ("deep.xml", repeat("<a>", 2_000_000)),
        (
            "attributes.xml",
            [
                b"<a ".to_vec(),
                (0..400_000).flat_map(|n| format!("b{n}='' ").into_bytes()).collect(),
                b"/>".to_vec(),
            ]
            .concat(),
        ),
        ("namespaces.xml", namespaces()),
        ("deep.p7s", deep_ber()),
        ("endless.p7s", [&[0x30, 0x80][..], &[0x24, 0x80].repeat(1_000_000)].concat()),
        ("long-length.p7s", vec![0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ("boundaries.eml", boundaries()),
        ("headers.eml", repeat("Content-Type: multipart/signed; boundary=x\r\n", 300_000)),
        (
            "parameters.eml",
            [b"Content-Type: multipart/signed".to_vec(), repeat("; a=b", 500_000), b"\r\n\r\n".to_vec()]
                .concat(),
        ),
        ("zip.docx", [b"PK\x03\x04".to_vec(), vec![0xff; 1 << 20]].concat()),
        ("nothing", Vec::new()),
        ("zeros", vec![0; 20 << 20]),
    ]
}

/// A file of these objects with a right table.
fn pdf(objects: &[&str]) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (number, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.extend(format!("{} 0 obj\n{object}\nendobj\n", number + 1).bytes());
    }
    let at = file.len();
    let size = objects.len() + 1;
    file.extend(format!("{table}trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{at}\n%%EOF\n").bytes());
    file
}

/// A cross-reference stream that unpacks to a gigabyte, through a filter applied twice.
fn stream_bomb() -> Vec<u8> {
    let script = "import sys,zlib;c=zlib.compressobj(9);z=b'\\0'*(1<<20);\
        d=b''.join(c.compress(z) for _ in range(1024))+c.flush();d=zlib.compress(d,9);o=b'%PDF-1.7\\n';\
        o+=b'1 0 obj\\n<</Type/XRef/Size 9/W[1 2 1]/Root 1 0 R/Filter[/FlateDecode/FlateDecode]/Length %d>>\\nstream\\n'%len(d);\
        o+=d+b'\\nendstream\\nendobj\\nstartxref\\n9\\n%%EOF\\n';sys.stdout.buffer.write(o)";
    Command::new("python3").args(["-c", script]).output().expect("python3 runs").stdout
}

fn laughs() -> Vec<u8> {
    let mut text = "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY l0 'ha'>".to_owned();
    for n in 1..30 {
        text.push_str(&format!("<!ENTITY l{n} '{}'>", format!("&l{};", n - 1).repeat(10)));
    }
    text.push_str("]><a>&l29;</a>");
    text.into_bytes()
}

/// Every element declares a prefix more, and all are in scope below.
fn namespaces() -> Vec<u8> {
    (0..100_000).flat_map(|n| format!("<p{n}:a xmlns:p{n}='urn:{n}'>").into_bytes()).collect()
}

/// Sequences in sequences with right lengths.
fn deep_ber() -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..20_000 {
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        bytes.splice(0..0, [&[0x30, 0x84][..], &length].concat());
    }
    bytes
}

fn boundaries() -> Vec<u8> {
    let mut text =
        "From: a@b.vn\r\nContent-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; \
        boundary=x\r\n\r\n"
            .to_owned();
    text.push_str(&"--x\r\nContent-Type: multipart/signed; boundary=x\r\n\r\n".repeat(100_000));
    text.into_bytes()
}
