//! Signing in steps: what is to be signed goes to a key elsewhere, the answer comes back, perhaps to another process.

use crate::interop::{check, folder, foreign, foreign_verdict, pyhanko, write};
use crate::paper::{self, A4};
use crate::pictures;
use crate::world::{DAY, NOON, World, YEAR, at, blank, line};
use certs::Serial;
use certs::issue::{Authority, Validity, leader};
use certs::keys::{Key, Scheme, Size, ecdsa_to_fixed};
use signer::make::{self, Prepared, Signing};
use signer::pdf;
use signer::{Class, Code, Evidence, Limits, SignatureKind};
use std::process::Command;

fn prepared(who: &Authority) -> Prepared {
    make::prepare(&blank(), &World::get().signing(who, NOON), &Limits::default()).unwrap()
}

/// Signs bytes with a key in a file, as OpenSSL does it.
fn openssl_signs(key: &str, bytes: &[u8], name: &str) -> Vec<u8> {
    let key = folder().join(format!("{key}.key"));
    let (data, out) = (write(&format!("{name}.dtbs"), bytes), folder().join(format!("{name}.sig")));
    check(
        "openssl",
        &["dgst", "-sha256", "-sign", key.to_str().unwrap(), "-out", out.to_str().unwrap(), &data],
    );
    std::fs::read(out).unwrap()
}

#[test]
fn a_key_elsewhere_signs_and_another_process_finishes() {
    let world = World::get();
    for (who, name) in [(&world.leader, "leader"), (&world.seal, "seal")] {
        let first = prepared(who);
        let (state, to_sign) = (first.to_bytes(), first.to_sign().to_vec());
        assert_eq!(first.digest(), certs::algorithm::Digest::Sha256.of(&to_sign));
        drop(first);
        let value = openssl_signs(name, &to_sign, &format!("elsewhere-{name}"));
        let again = || Prepared::from_bytes(&state, &Limits::default()).unwrap();
        assert_eq!(again().to_sign(), to_sign, "the same is to be signed");
        let stamped = again().signed(value.clone());
        let token = world.token(&stamped.timestamp_request(7), NOON);
        let file = stamped.finish(Some(&token)).unwrap();
        let judged = world.judge(&file, &world.evidence(NOON + 120), NOON + 180);
        assert_eq!(judged.class(), Class::Valid, "{}", line(&judged));
        // A signature by somebody else's key, or over something else, is not released.
        let other = openssl_signs("stranger", &to_sign, "elsewhere-other");
        assert_eq!(again().signed(other).finish(None).unwrap_err().code, Code::MakeCheck);
        let other = openssl_signs(name, b"something else", "elsewhere-else");
        assert_eq!(again().signed(other).finish(None).unwrap_err().code, Code::MakeCheck);
        if again().scheme() == Scheme::EcdsaP256Sha256 {
            let fixed = ecdsa_to_fixed(&value, 32).unwrap();
            assert!(again().signed(fixed).finish(None).is_ok(), "r || s, as tokens give it");
        }
    }
}

/// A state for P-521 was written and could not be taken up, and its `r || s` was not known.
#[test]
fn d28_a_state_is_taken_up_for_every_kind_of_key() {
    let world = World::get();
    for (number, size) in (400..).zip([Size::Rsa2048, Size::P256, Size::P384, Size::P521, Size::Ed25519]) {
        let key = Key::generate(size).unwrap();
        let scheme = key.usual_scheme();
        let validity = Validity { from: NOON - DAY, until: NOON + YEAR };
        let name = world.leader.certificate().subject();
        let draft = leader(name, key.public(), Serial::from_u64(number), validity, "a@b.gov.vn");
        let signing = Signing::new(vec![draft.signed_by(&world.ca).unwrap()], scheme, at(NOON));
        let state = make::prepare(&blank(), &signing, &Limits::default()).unwrap().to_bytes();
        let again = || Prepared::from_bytes(&state, &Limits::default()).unwrap();
        let value = key.sign(scheme, again().to_sign()).unwrap().into_bytes();
        let fixed = match size {
            Size::P256 => Some(32),
            Size::P384 => Some(48),
            Size::P521 => Some(66),
            _ => None,
        };
        let fixed = fixed.map(|bytes| ecdsa_to_fixed(&value, bytes).unwrap());
        for value in fixed.into_iter().chain([value]) {
            assert!(again().signed(value).finish(None).is_ok(), "{scheme:?}");
        }
    }
}

#[test]
fn a_helper_makes_the_whole_container() {
    let world = World::get();
    let state = prepared(&world.leader).to_bytes();
    let again = || Prepared::from_bytes(&state, &Limits::default()).unwrap();
    let content = write("helper.content", &again().content().concat());
    let path = |name: &str| folder().join(name).to_str().unwrap().to_owned();
    let (key, certificate, out) = (path("leader.key"), path("leader.pem"), path("helper.cms"));
    let arguments =
        ["cms", "-sign", "-binary", "-cades", "-md", "sha256", "-in", &content, "-outform", "DER"];
    check("openssl", &[&arguments[..], &["-signer", &certificate, "-inkey", &key, "-out", &out]].concat());
    let cms = std::fs::read(&out).unwrap();
    let file = again().embed(&cms).unwrap();
    let judged = world.judge(&file, &world.evidence(NOON + 120), NOON + 180);
    assert_eq!(judged.class(), Class::ValidNoTimestamp, "{}", line(&judged));
    let digest =
        Command::new("openssl").args(["dgst", "-sha256", "-binary", &content]).output().unwrap().stdout;
    assert_eq!(again().content_digest(), digest, "what a helper hashes itself");
    // A container over another document.
    let other =
        make::prepare(&paper::page(A4, ""), &world.signing(&world.leader, NOON), &Limits::default()).unwrap();
    assert_eq!(other.embed(&cms).unwrap_err().code, Code::MakeCheck);
    assert_eq!(again().embed(&vec![0x30; 60_000]).unwrap_err().code, Code::MakeSpace);
}

#[test]
fn a_state_altered_on_the_way_does_not_become_a_signed_file() {
    let world = World::get();
    let first = prepared(&world.seal);
    let state = first.to_bytes();
    let value = openssl_signs("seal", first.to_sign(), "altered");
    assert!(
        Prepared::from_bytes(&state, &Limits::default()).unwrap().signed(value.clone()).finish(None).is_ok()
    );
    let certificates: usize = world.chain(&world.seal).iter().map(|c| c.der().len()).sum();
    for spot in (0..state.len()).step_by(97).chain(0..60) {
        let mut copy = state.clone();
        copy[spot] ^= 1;
        let Ok(taken) = Prepared::from_bytes(&copy, &Limits::default()) else { continue };
        // A bit in a certificate above the signer's changes what is sent along, not what is signed.
        let in_chain = (60..60 + certificates + 40).contains(&spot);
        assert!(taken.signed(value.clone()).finish(None).is_err() || in_chain, "byte {spot}");
    }
    for cut in (0..state.len()).step_by(1009) {
        assert!(Prepared::from_bytes(&state[..cut], &Limits::default()).is_err());
    }
    let small = Limits { file_bytes: 1000, ..Limits::default() };
    assert_eq!(Prepared::from_bytes(&state, &small).err().unwrap().code, Code::FileTooLarge);
}

/// Adds evidence and a document timestamp: what `congvan timestamp` does to anybody's file.
fn archive(file: &[u8], evidence: &Evidence, time: i64) -> Vec<u8> {
    let world = World::get();
    let complete = make::add_evidence(file, evidence, &Limits::default()).unwrap();
    let prepared = make::prepare_timestamp(&complete, &Limits::default()).unwrap();
    let token = world.token(&prepared.timestamp_request(time.unsigned_abs()), time);
    prepared.finish(&token).unwrap()
}

#[test]
fn d31_b_lta_ours_and_theirs_archived_by_us_stand_for_pyhanko() {
    let Some(python) = pyhanko() else { return };
    let world = World::get();
    let ours = world.sign(&world.sign(&blank(), &world.leader, NOON), &world.seal, NOON + 60);
    let theirs = foreign(&python, "t", "leader", NOON, &blank(), "theirs-t", &["visible"]);
    for (name, file) in [("lta-ours", &ours), ("lta-theirs", &theirs)] {
        let judged = world.judge(file, &world.evidence(NOON + 120), NOON + 180);
        let file = archive(file, judged.used_evidence(), NOON + 240);
        let store = world.judge(&file, &Evidence::default(), NOON + YEAR);
        assert_eq!(store.class(), Class::Valid, "{name}: {}", line(&store));
        assert_eq!(store.report().signatures.last().unwrap().kind, SignatureKind::Timestamp);
        let path = write(&format!("{name}.pdf"), &file);
        check("qpdf", &["--check", &path]);
        for row in foreign_verdict(&python, &path, NOON + 300).as_array().unwrap() {
            assert_eq!(row["bottom_line"], true, "{name}: {row}");
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/pyhanko_archive.py");
        let python3 = python.join("python3");
        // Two days later: the timestamp proves when, the store holds the lists.
        let later = (NOON + 2 * DAY).to_string();
        let arguments = [script, folder().to_str().unwrap(), &later, &path];
        let answer = check(python3.to_str().unwrap(), &arguments);
        let rows: serde_json::Value =
            serde_json::from_str(answer.lines().find(|l| l.starts_with('[')).unwrap()).unwrap();
        assert!(!rows.as_array().unwrap().is_empty());
        for row in rows.as_array().unwrap() {
            assert_eq!((&row["good"], &row["stamped"]), (&true.into(), &true.into()), "{name}: {row}");
        }
    }
}

#[test]
fn d31_an_archive_is_renewed_before_its_timestamp_fades() {
    let world = World::get();
    let signed = world.sign(&blank(), &world.leader, NOON);
    let first = archive(&signed, &world.evidence(NOON + 60), NOON + 120);
    let second = archive(&first, &world.evidence(NOON + YEAR), NOON + YEAR + 60);
    assert!(second.starts_with(&first) && first.starts_with(&signed));
    let judged = world.judge(&second, &Evidence::default(), NOON + 4 * YEAR);
    assert_eq!(
        judged.class(),
        Class::Valid,
        "the leader's certificate ended two years ago: {}",
        line(&judged)
    );
    let facts = pdf::read(&second, &Limits::default()).unwrap();
    assert_eq!(facts.signatures.len(), 3);
}

#[test]
fn iso_32000_12_8_4_3_each_signature_names_its_evidence() {
    let world = World::get();
    let file = world.complete();
    let text = String::from_utf8_lossy(&file);
    let related = text.rfind("/VRI <<").map(|at| &text[at..]).unwrap();
    let facts = pdf::read(&file, &Limits::default()).unwrap();
    for signed in &facts.signatures {
        let [_, first, second, _] = signed.signature.as_ref().unwrap().byte_range;
        let text = std::str::from_utf8(&file[first + 1..second - 1]).unwrap();
        let contents: Vec<u8> =
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect();
        let answer = check("sha1sum", &[&write("vri.bin", &contents)]);
        let key = answer.split_whitespace().next().unwrap();
        let key = key.to_uppercase();
        assert!(related.contains(&format!("/{key} <</Cert [")), "{key}: {related}");
    }
}

#[test]
fn iso_32000_7_5_packed_hybrid_and_linearised_papers_take_signatures_encrypted_ones_do_not() {
    let world = World::get();
    let plain = write("builds.pdf", &blank());
    let through = |name: &str, options: &[&str]| {
        let out = folder().join(format!("builds-{name}.pdf"));
        check("qpdf", &[options, &[&plain, out.to_str().unwrap()]].concat());
        std::fs::read(out).unwrap()
    };
    let papers = [
        ("packed", through("packed", &["--object-streams=generate"])),
        ("linear", through("linear", &["--linearize"])),
        ("linear-packed", through("linear-packed", &["--linearize", "--object-streams=generate"])),
        ("hybrid", hybrid()),
        ("tagged", tagged()),
    ];
    for (name, paper) in papers {
        let led = world.sign(&paper, &world.leader, NOON);
        let file =
            archive(&world.sign(&led, &world.seal, NOON + 60), &world.evidence(NOON + 120), NOON + 180);
        assert!(file.starts_with(&paper));
        let judged = world.judge(&file, &Evidence::default(), NOON + YEAR);
        assert_eq!(judged.class(), Class::Valid, "{name}: {}", line(&judged));
        let path = write(&format!("builds-{name}-signed.pdf"), &file);
        check("qpdf", &["--check", &path]);
        let text = check("pdfsig", &[&path]);
        assert!(text.matches("Signature is Valid.").count() >= 2, "{name}: {text}");
    }
    let locked = through("locked", &["--encrypt", "", "chu", "256", "--"]);
    let refused =
        make::prepare(&locked, &world.signing(&world.leader, NOON), &Limits::default()).err().unwrap();
    assert_eq!(refused.code, Code::PdfEncrypted);
}

/// An older reader's table, and beside it a stream for newer ones that knows the page's font.
fn hybrid() -> Vec<u8> {
    let mut out = b"%PDF-1.5\n%\xE2\xE3\xCF\xD3\n".to_vec();
    let mut at = Vec::new();
    let content = "BT /F 12 Tf 85 770 Td (Hybrid) Tj ET";
    let font = "<</Type/Font/Subtype/Type1/BaseFont/Times-Roman>>";
    let bodies = [
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        format!("<</Type/Page/Parent 2 0 R{A4}/Resources<</Font<</F 5 0 R>>>>/Contents 4 0 R>>"),
        format!("<</Length {}>>\nstream\n{content}\nendstream", content.len()),
        String::new(),
        format!("<</Type/ObjStm/N 1/First 4/Length {}>>\nstream\n5 0 {font}\nendstream", font.len() + 4),
    ];
    for (number, body) in (1..).zip(&bodies) {
        at.push(out.len());
        if !body.is_empty() {
            out.extend_from_slice(format!("{number} 0 obj\n{body}\nendobj\n").as_bytes());
        }
    }
    let stream = out.len();
    // Object 5 is the first in the stream 6.
    let rows = [2u8, 0, 6, 0];
    out.extend_from_slice(
        b"7 0 obj\n<</Type/XRef/W[1 2 1]/Index[5 1]/Size 8/Root 1 0 R/Length 4>>\nstream\n",
    );
    out.extend_from_slice(&rows);
    out.extend_from_slice(b"\nendstream\nendobj\n");
    let table = out.len();
    let mut text = "xref\n0 8\n0000000005 65535 f\r\n".to_owned();
    for (number, at) in (1..).zip(&at) {
        match number {
            5 => text.push_str("0000000000 00000 f\r\n"),
            _ => text.push_str(&format!("{at:010} 00000 n\r\n")),
        }
    }
    text.push_str(&format!("{stream:010} 00000 n\r\n"));
    text.push_str(&format!("trailer\n<</Size 8/Root 1 0 R/XRefStm {stream}>>\nstartxref\n{table}\n%%EOF\n"));
    out.extend_from_slice(text.as_bytes());
    out
}

/// A page whose content belongs to a structure tree.
fn tagged() -> Vec<u8> {
    let content = "/P <</MCID 0>> BDC BT /F 12 Tf 85 770 Td (Tagged) Tj ET EMC";
    paper::pdf(&[
        "<</Type/Catalog/Pages 2 0 R/MarkInfo<</Marked true>>/StructTreeRoot 6 0 R/Lang(vi)>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        &format!(
            "<</Type/Page/Parent 2 0 R{A4}/StructParents 0/Tabs/S/Resources<</Font<</F 5 0 R>>>>/Contents 4 0 R>>"
        ),
        &format!("<</Length {}>>\nstream\n{content}\nendstream", content.len()),
        "<</Type/Font/Subtype/Type1/BaseFont/Times-Roman>>",
        "<</Type/StructTreeRoot/K 7 0 R/ParentTree<</Nums[0[8 0 R]]>>/ParentTreeNextKey 1>>",
        "<</Type/StructElem/S/Document/P 6 0 R/K 8 0 R>>",
        "<</Type/StructElem/S/P/P 7 0 R/Pg 3 0 R/K 0>>",
    ])
}

#[test]
fn iso_32000_14_8_4_5_what_is_seen_in_a_tagged_paper_is_read_aloud() {
    let world = World::get();
    let limits = Limits::default();
    let mut leader = world.signing(&world.leader, NOON);
    leader.certify = Some(2);
    leader.appearance = Some(pictures::covering([300.0, 100.0, 400.0, 150.0]));
    let led = make::sign(&tagged(), &leader, world.leader.key(), |_| Ok(None), &limits).unwrap();
    let judged = world.judge(&led, &world.evidence(NOON), NOON + 60);
    let mut seal = world.signing(&world.seal, NOON + 60);
    seal.appearance = Some(pictures::covering([300.0, 100.0, 400.0, 150.0]));
    let prepared = make::prepare_seal(&judged, &make::SealBasis::Leader, &seal, &limits).unwrap();
    let file = prepared.sign(world.seal.key(), seal.scheme).unwrap().finish(None).unwrap();
    let judged = world.judge(&file, &world.evidence(NOON), NOON + 120);
    assert_eq!(judged.class(), Class::ValidNoTimestamp, "{}", line(&judged));
    let path = write("read-aloud.pdf", &file);
    check("qpdf", &["--check", &path]);
    let tree = check("pdfinfo", &["-struct", &path]);
    assert_eq!(tree.matches("Form").count(), 2, "{tree}");
    let text = String::from_utf8_lossy(&file);
    assert!(text.contains("/StructParent 1") && text.contains("/StructParent 2"));
    if let Some(python) = pyhanko() {
        for row in foreign_verdict(&python, &path, NOON + 120).as_array().unwrap() {
            assert_eq!(row["bottom_line"], true, "{row}");
        }
    }
}

#[test]
fn a_broken_signature_is_not_signed_over() {
    let world = World::get();
    let mut file = world.sign(&blank(), &world.leader, NOON);
    let facts = pdf::read(&file, &Limits::default()).unwrap();
    let [_, first, ..] = facts.signatures[0].signature.as_ref().unwrap().byte_range;
    // The range's own text: the hole is no longer where it says.
    let range = file.windows(10).position(|w| w == b"/ByteRange").unwrap();
    assert!(range < first);
    file[range + 12] = b'1';
    let refused = make::prepare(&file, &world.signing(&world.seal, NOON), &Limits::default()).err().unwrap();
    assert_eq!(refused.code, Code::MakeBroken);
    assert_eq!(
        make::release(file, &world.policy(), &Evidence::default(), at(NOON)).unwrap_err().class.word(),
        "INVALID"
    );
}
