//! Documents as other people's software makes them: what is in order is judged so, what is not is named. pyHanko's own
//! opinion of each stands beside ours.

use crate::interop::{check, folder, pyhanko};
use crate::world::{NOON, World, line};
use signer::pdf;
use signer::{Limits, Verdict};

/// One row of the corpus; see `pyhanko_corpus.py`.
struct Row {
    name: String,
    /// A class, or the code of a fault.
    expect: String,
    /// What pyHanko says: true, false, or an error.
    pyhanko: serde_json::Value,
    file: Vec<u8>,
}

fn rows() -> Vec<Row> {
    let Some(python) = pyhanko() else { return Vec::new() };
    let out = folder().join("corpus");
    std::fs::create_dir_all(&out).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/pyhanko_corpus.py");
    let (from, out_path) = (folder().to_str().unwrap(), out.to_str().unwrap());
    check(python.join("python3").to_str().unwrap(), &[script, from, &NOON.to_string(), out_path]);
    let rows: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("rows.json")).unwrap()).unwrap();
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_owned();
    let rows = rows.as_array().unwrap().iter().map(|row| Row {
        name: text(row, "name"),
        expect: text(row, "expect"),
        pyhanko: row["pyhanko"].clone(),
        file: std::fs::read(out.join(format!("{}.pdf", text(row, "name")))).unwrap(),
    });
    rows.collect()
}

/// Where we are stricter or milder than pyHanko, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "hierarchy",
        "a second field below a name that is there already adds to that name's list of kids, and no more",
    ),
    (
        "certified-2-sealed",
        "the seal's field is made when the seal is set: here that is normal practice (RULES D23)",
    ),
    ("certified-3-sealed", "likewise"),
    ("lock-all-then-seal", "a lock holds the fields that were there; a further signature is another field"),
    ("pkcs7-sha1", "pyHanko passes over it"),
    ("pkcs7-sha1-of-something-else", "likewise"),
    ("pkcs7-sha1-detached", "likewise"),
    ("x509-rsa-sha1", "likewise"),
    ("hybrid-written-later", "it takes the second table for part of the revision that names it"),
    ("tagged-by-hand", "it does not follow the structure tree"),
    ("tabs-added", "the order of the keyboard is nothing a page shows"),
    ("refilled", "what the signer saw filled in is filled in differently, and nobody permitted that"),
];

#[test]
fn d29_2_documents_of_other_peoples_software() {
    let world = World::get();
    let mut wrong = Vec::new();
    for Row { name, expect, pyhanko, file } in rows() {
        let judged = world.judge(&file, &world.evidence(NOON + 120), NOON + 1800);
        let report = judged.report();
        let codes = report.signatures.iter().flat_map(|s| &s.reasons).chain(&report.reasons);
        let codes: Vec<&str> = codes.map(|r| r.code.id()).collect();
        let words: Vec<&str> = report.signatures.iter().map(|s| s.class.word()).collect();
        let good = expect.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        let met = match good {
            true => judged.class().word() == expect && codes.is_empty(),
            false => codes.contains(&expect.as_str()),
        };
        if good {
            no_flip_passes(&name, &file);
        }
        if !met {
            wrong.push(format!("{name}: expected {expect}, got {words:?}: {}", line(&judged)));
        }
        let differs = (pyhanko == serde_json::Value::Bool(true)) != good;
        let told = DIFFERENCES.iter().any(|(row, _)| *row == name);
        if differs != told {
            wrong.push(format!(
                "{name}: we say {expect}, pyHanko {pyhanko}, and the list of differences {told}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

/// In whatever shape the file is: no byte the signatures cover changes unseen.
fn no_flip_passes(name: &str, file: &[u8]) {
    let world = World::get();
    let facts = pdf::read(file, &Limits::default()).unwrap();
    let last =
        facts.signatures.iter().filter_map(|s| s.signature.as_ref().ok()).max_by_key(|s| s.end()).unwrap();
    let [_, first, second, _] = last.byte_range;
    // Another stride for each file, so that all of them together see every kind of place.
    let stride = last.end() / 4 + name.len();
    for spot in (name.len() * 7..last.end()).step_by(stride).filter(|spot| !(first..second).contains(spot)) {
        let mut copy = file.to_vec();
        copy[spot] ^= 1 << (spot % 8);
        let judged = world.judge(&copy, &world.evidence(NOON + 120), NOON + 1800);
        assert_ne!(judged.verdict(), Verdict::Valid, "{name}, byte {spot}: {}", line(&judged));
    }
}
