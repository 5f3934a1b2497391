//! Other people's programs: what they sign we accept, what we sign they accept.
//!
//! `qpdf`, `pdfsig` and `openssl` come with the distribution and must be there. pyHanko does not: where its programs
//! are is said by `CONGVAN_PYHANKO` (the `bin` folder of a virtual environment); without it those tests fail
//! and say so.

use crate::world::{NOON, World, blank, line};
use certs::der::Reader;
use signer::make;
use signer::pdf::{self, Change};
use signer::{Class, Code, Evidence, Integrity, Limits, Verdict, tst};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Runs a program; its standard output. A missing program is a failure with a name, not a skipped test.
pub(crate) fn run(program: &str, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|e| panic!("{program} is needed for this test: {e}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

pub(crate) fn check(program: &str, arguments: &[&str]) -> String {
    let (good, text) = run(program, arguments);
    assert!(good, "{program} {arguments:?}\n{text}");
    text
}

/// The world's certificates, keys and lists as files.
pub(crate) fn folder() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let world = World::get();
            // In the build directory: nobody cleans up after a static, so it must not lie among other people's files.
            let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            let all = [
                ("root", &world.root),
                ("ca", &world.ca),
                ("leader", &world.leader),
                ("seal", &world.seal),
                ("tsa", &world.tsa),
                ("stranger", &world.stranger),
            ];
            for (name, who) in all {
                std::fs::write(folder.path().join(format!("{name}.pem")), who.certificate().to_pem())
                    .unwrap();
                let key = who.key().to_pem().unwrap();
                std::fs::write(folder.path().join(format!("{name}.key")), &*key).unwrap();
            }
            for (name, crl) in ["ca", "root"].iter().zip(world.crls(NOON - 60, &[])) {
                std::fs::write(folder.path().join(format!("{name}.crl")), crl.der()).unwrap();
            }
            folder
        })
        .path()
}

pub(crate) fn write(name: &str, bytes: &[u8]) -> String {
    let path = folder().join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

pub(crate) fn pyhanko() -> Option<PathBuf> {
    let found = std::env::var_os("CONGVAN_PYHANKO").map(PathBuf::from);
    assert!(
        found.is_some(),
        "CONGVAN_PYHANKO is not set: scripts/test-tools says where pyHanko is (make test does)"
    );
    found
}

/// Signs with pyHanko.
pub(crate) fn foreign(
    python: &Path,
    level: &str,
    who: &str,
    time: i64,
    input: &[u8],
    name: &str,
    options: &[&str],
) -> Vec<u8> {
    let source = write(&format!("{name}.in.pdf"), input);
    let target = folder().join(format!("{name}.pdf"));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/pyhanko_make.py");
    let dir = folder().to_str().unwrap();
    let time = time.to_string();
    let mut arguments = vec![script, dir, level, who, &time, &source, target.to_str().unwrap(), name];
    arguments.extend(options);
    check(python.join("python3").to_str().unwrap(), &arguments);
    std::fs::read(target).unwrap()
}

pub(crate) fn foreign_verdict(python: &Path, file: &str, time: i64) -> serde_json::Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/pyhanko_verify.py");
    let output = Command::new(python.join("python3"))
        .args([script, folder().to_str().unwrap(), &time.to_string(), file])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn qpdf_and_pdfsig_accept_what_we_sign() {
    let world = World::get();
    let limits = Limits::default();
    let blank_file = write("blank.pdf", &blank());
    check("qpdf", &["--check", &blank_file]);
    let one = write("one.pdf", &world.sign(&blank(), &world.leader, NOON));
    check("qpdf", &["--check", &one]);
    let text = check("pdfsig", &[&one]);
    assert!(text.contains("Signature is Valid.") && text.contains("Total document signed"), "{text}");
    let complete = write("complete.pdf", &world.complete());
    check("qpdf", &["--check", &complete]);
    let text = check("pdfsig", &[&complete]);
    assert_eq!(text.matches("Signature is Valid.").count(), 2, "{text}");

    // The same on a file whose objects and cross-references are packed into streams.
    let packed = folder().join("packed.pdf");
    check("qpdf", &["--object-streams=generate", &blank_file, packed.to_str().unwrap()]);
    let signed = world.sign(&std::fs::read(&packed).unwrap(), &world.leader, NOON);
    let sealed = world.sign(&signed, &world.seal, NOON + 60);
    let sealed = make::add_evidence(&sealed, &world.evidence(NOON + 120), &limits).unwrap();
    let path = write("packed-sealed.pdf", &sealed);
    check("qpdf", &["--check", &path]);
    let text = check("pdfsig", &[&path]);
    assert_eq!(text.matches("Signature is Valid.").count(), 2, "{text}");
    let judged = world.judge(&sealed, &Evidence::default(), NOON + 3600);
    assert_eq!(judged.class(), Class::Valid, "{}", line(&judged));

    // No byte of it changes unseen either, compressed or not.
    let end = judged.require_valid().unwrap().signed_bytes().len();
    let facts = pdf::read(&sealed, &limits).unwrap();
    let [_, first, second, _] = facts.signatures[1].signature.as_ref().unwrap().byte_range;
    for spot in (0..end).step_by(2_003).filter(|spot| !(first..second).contains(spot)) {
        let mut copy = sealed.clone();
        copy[spot] ^= 1 << (spot % 8);
        let judged = world.judge(&copy, &Evidence::default(), NOON + 3600);
        assert_ne!(judged.verdict(), Verdict::Valid, "byte {spot}: {}", line(&judged));
    }

    // And linearized.
    let linear = folder().join("linear.pdf");
    check("qpdf", &["--linearize", &blank_file, linear.to_str().unwrap()]);
    let signed = world.sign(&std::fs::read(&linear).unwrap(), &world.leader, NOON);
    let sealed = world.sign(&signed, &world.seal, NOON + 60);
    check("qpdf", &["--check", &write("linear-sealed.pdf", &sealed)]);
    let judged = world.judge(&sealed, &world.evidence(NOON + 120), NOON + 3600);
    assert_eq!(judged.class(), Class::Valid, "{}", line(&judged));
}

#[test]
fn openssl_cms_verifies_our_container() {
    let world = World::get();
    for (who, name) in [(&world.leader, "rsa"), (&world.seal, "ecdsa")] {
        let file = world.sign(&blank(), who, NOON);
        let facts = pdf::read(&file, &Limits::default()).unwrap();
        let signature = facts.signatures[0].signature.as_ref().unwrap();
        let cms = write(&format!("{name}.p7s"), &signature.contents);
        let content = write(&format!("{name}.content"), &signature.pieces(&file).concat());
        let root = write("root.pem", world.root.certificate().to_pem().as_bytes());
        let moment = NOON.to_string();
        let arguments = [
            "cms",
            "-verify",
            "-binary",
            "-cades",
            "-inform",
            "DER",
            "-in",
            &cms,
            "-content",
            &content,
            "-CAfile",
            &root,
            "-purpose",
            "any",
            "-attime",
            &moment,
            "-out",
            "/dev/null",
        ];
        check("openssl", &arguments);
    }
}

#[test]
fn openssl_ts_and_our_authority_understand_each_other() {
    let world = World::get();
    let data = write("stamped.txt", b"van ban");
    let query = folder().join("q.tsq");
    let query = query.to_str().unwrap();
    check("openssl", &["ts", "-query", "-data", &data, "-sha256", "-cert", "-out", query]);
    let certificates = world.chain(&world.tsa);
    let authority = tst::Authority {
        key: world.tsa.key(),
        certificates: &certificates,
        policy: certs::der::Oid::new(&[1, 3, 6, 1, 4, 1, 99999, 1]),
    };
    let answer = tst::answer(&std::fs::read(query).unwrap(), &authority, u64::MAX, NOON);
    let reply = write("r.tsr", &answer);
    let (root, ca) = (folder().join("root.pem"), folder().join("ca.pem"));
    let (root, ca) = (root.to_str().unwrap(), ca.to_str().unwrap());
    check(
        "openssl",
        &[
            "ts",
            "-verify",
            "-queryfile",
            query,
            "-in",
            &reply,
            "-CAfile",
            root,
            "-untrusted",
            ca,
            "-attime",
            &NOON.to_string(),
        ],
    );

    // The other way round.
    let config = write(
        "tsa.cnf",
        b"[tsa]\ndefault_tsa=a\n[a]\nserial=$ENV::TSA_SERIAL\ncrypto_device=builtin\n\
        digests=sha256\nsigner_digest=sha256\ndefault_policy=1.3.6.1.4.1.99999.2\naccuracy=secs:1\n\
        ess_cert_id_alg=sha256\nordering=no\ntsa_name=no\ness_cert_id_chain=no\n",
    );
    let request = tst::Request::over(b"van ban", 4711);
    let query = write("ours.tsq", &request.to_der());
    let reply = folder().join("theirs.tsr");
    let (certificate, key) = (folder().join("tsa.pem"), folder().join("tsa.key"));
    let made = Command::new("openssl")
        .args([
            "ts",
            "-reply",
            "-config",
            &config,
            "-queryfile",
            &query,
            "-signer",
            certificate.to_str().unwrap(),
        ])
        .args(["-inkey", key.to_str().unwrap(), "-chain", ca, "-out", reply.to_str().unwrap()])
        .env("TSA_SERIAL", folder().join("serial"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let token = tst::read_response(&std::fs::read(&reply).unwrap(), &request, &Limits::default()).unwrap();
    let token = tst::Token::read(&token, &Limits::default()).unwrap();
    assert!(token.is_over(&[b"van ban"]) && !token.is_over(&[b"van bam"]));
    let evidence = world.evidence(token.at);
    let verdict = token.judge(&evidence, &world.policy().trust, token.at + 60, &Default::default());
    assert!(matches!(verdict, tst::TokenVerdict::Valid { .. }), "{verdict:?}");
    // A request for something else must not take this answer.
    let other = tst::Request::over(b"van ban", 4712);
    let refused =
        tst::read_response(&std::fs::read(&reply).unwrap(), &other, &Limits::default()).unwrap_err();
    assert_eq!(refused.code, Code::TimestampImprint);
}

#[test]
fn openssl_reads_our_refusal() {
    let world = World::get();
    let authority = tst::Authority {
        key: world.tsa.key(),
        certificates: &world.chain(&world.tsa),
        policy: certs::der::Oid::new(&[1, 3, 6, 1, 4, 1, 99999, 1]),
    };
    let reply = write("refused.tsr", &tst::answer(b"nonsense", &authority, 1, NOON));
    let text = check("openssl", &["ts", "-reply", "-in", &reply, "-text"]);
    assert!(text.contains("Rejected") && text.contains("the data submitted has the wrong format"), "{text}");
}

/// Name, level, who, options, evidence, expected class.
type ForeignRow<'a> = (&'a str, &'a str, &'a str, &'a [&'a str], &'a Evidence, Class);

#[test]
fn we_accept_what_pyhanko_signs() {
    let Some(python) = pyhanko() else { return };
    let world = World::get();
    let known = world.evidence(NOON + 120);
    let nothing = Evidence::default();
    #[rustfmt::skip]
    let rows: Vec<ForeignRow<'_>> = vec![
        // name     level    who       options                evidence  class
        ("b",       "b",     "leader", &[],                   &known,   Class::ValidNoTimestamp),
        ("bvis",    "b",     "seal",   &["visible"],          &known,   Class::ValidNoTimestamp),
        ("t",       "t",     "leader", &[],                   &known,   Class::Valid),
        ("tnone",   "t",     "leader", &[],                   &nothing, Class::UnknownRevocation),
        ("lt",      "lt",    "seal",   &["visible"],          &nothing, Class::Valid),
        ("lta",     "lta",   "leader", &[],                   &nothing, Class::Valid),
        ("cert1",   "lt",    "leader", &["certify1"],         &nothing, Class::Valid),
        ("pss",     "t",     "leader", &["pss"],              &known,   Class::Valid),
        ("pkcs7",   "pkcs7", "leader", &[],                   &known,   Class::ValidNoTimestamp),
        ("foreign", "b",     "stranger", &[],                 &known,   Class::Invalid(Code::Untrusted)),
    ];
    for (name, level, who, options, evidence, class) in rows {
        let file = foreign(&python, level, who, NOON, &blank(), name, options);
        let judged = world.judge(&file, evidence, NOON + 3600);
        assert_eq!(judged.class(), class, "{name}: {}", line(&judged));
        assert_eq!(judged.report().integrity, Integrity::Intact, "{name}");
    }
}

#[test]
fn mixed_hands_sign_one_document() {
    let Some(python) = pyhanko() else { return };
    let world = World::get();
    let nothing = Evidence::default();
    // They sign as leader, we seal and archive.
    let first = foreign(&python, "lt", "leader", NOON, &blank(), "mixed1", &["visible"]);
    let sealed = world.sign(&first, &world.seal, NOON + 60);
    let sealed = make::add_evidence(&sealed, &world.evidence(NOON + 120), &Limits::default()).unwrap();
    let judged = world.judge(&sealed, &nothing, NOON + 3600);
    assert_eq!(judged.class(), Class::Valid, "{}", line(&judged));
    // We sign as leader, they seal with an archive timestamp.
    let first = world.sign(&blank(), &world.leader, NOON);
    let sealed = foreign(&python, "lta", "seal", NOON + 60, &first, "mixed2", &["visible"]);
    let judged = world.judge(&sealed, &nothing, NOON + 3600);
    assert_eq!(judged.class(), Class::Valid, "{}", line(&judged));
    let facts = pdf::read(&sealed, &Limits::default()).unwrap();
    assert!(facts.signatures[0].changes.contains(&Change::Evidence));
    // They prepare an empty field, we fill it, they sign another.
    let field = foreign(&python, "b", "leader", NOON, &blank(), "cho", &["field-only", "visible"]);
    let signing = world.signing(&world.leader, NOON).field("cho");
    let filled = make::sign(&field, &signing, world.leader.key(), |_| Ok(None), &Limits::default()).unwrap();
    let sealed = foreign(&python, "b", "seal", NOON + 60, &filled, "mixed3", &[]);
    let judged = world.judge(&sealed, &world.evidence(NOON + 120), NOON + 3600);
    assert_eq!(judged.class(), Class::ValidNoTimestamp, "{}", line(&judged));
    // A new empty field that shows nothing is a place for the next signature, and takes nothing from this one.
    let extra = foreign(&python, "b", "leader", NOON, &filled, "rong", &["field-only", "visible"]);
    let judged = world.judge(&extra, &world.evidence(NOON + 120), NOON + 3600);
    assert_eq!(judged.class(), Class::ValidNoTimestamp, "{}", line(&judged));
    assert_eq!(judged.report().empty_fields, ["rong"]);
}

#[test]
fn pyhanko_accepts_what_we_sign() {
    let Some(python) = pyhanko() else { return };
    let world = World::get();
    let limits = Limits::default();
    let untimed = world.sign_untimed(&blank(), &world.leader, NOON);
    let timed = world.sign(&blank(), &world.leader, NOON);
    let complete = world.complete();
    let prepared = make::prepare_timestamp(&complete, &limits).unwrap();
    let token = world.token(&prepared.timestamp_request(5), NOON + 240);
    let archived = prepared.finish(&token).unwrap();
    for (name, file, signatures) in
        [("v1", &untimed, 1), ("v2", &timed, 1), ("v3", &complete, 2), ("v4", &archived, 3)]
    {
        let path = write(&format!("{name}.pdf"), file);
        let rows = foreign_verdict(&python, &path, NOON + 300);
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), signatures, "{name}");
        for row in rows {
            assert_eq!(row["bottom_line"], true, "{name}: {row}");
        }
    }
}

/// The same `ContentInfo` with indefinite lengths on its outer three levels (X.690 §8.1.3.6).
fn indefinite(cms: &[u8]) -> Vec<u8> {
    let mut outer = Reader::der(cms).only().unwrap().children().unwrap();
    let kind = outer.element().unwrap();
    let data = outer.element().unwrap().children().unwrap().only().unwrap();
    [&[0x30, 0x80], kind.whole(), &[0xA0, 0x80, 0x30, 0x80], data.content(), &[0; 6]].concat()
}

#[test]
fn a_container_in_ber_or_with_its_content_inside() {
    let world = World::get();
    let signing = world.signing(&world.leader, NOON);
    let prepare = || make::prepare(&blank(), &signing, &Limits::default()).unwrap();
    let content = write("ber.content", &prepare().content().concat());
    let path = |name: &str| folder().join(name).to_str().unwrap().to_owned();
    let sign = |options: &[&str]| {
        let (key, certificate, out) = (path("leader.key"), path("leader.pem"), path("ber.cms"));
        let mut arguments =
            vec!["cms", "-sign", "-binary", "-cades", "-md", "sha256", "-in", &content, "-outform", "DER"];
        arguments.extend(["-signer", &certificate, "-inkey", &key, "-out", &out]);
        arguments.extend(options);
        check("openssl", &arguments);
        std::fs::read(out).unwrap()
    };
    let evidence = world.evidence(NOON + 60);
    let file = prepare().embed(&indefinite(&sign(&[]))).unwrap();
    let judged = world.judge(&file, &evidence, NOON + 120);
    assert_eq!(judged.class(), Class::ValidNoTimestamp, "{}", line(&judged));
    let file = prepare().embed(&sign(&["-nodetach"])).unwrap();
    let judged = world.judge(&file, &evidence, NOON + 120);
    assert_eq!(judged.class(), Class::Invalid(Code::CmsContentType), "{}", line(&judged));
}
