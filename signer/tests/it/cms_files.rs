//! CMS and CAdES as files, and timestamp tokens as files: ours, OpenSSL's, pyHanko's.

use crate::interop::{check, folder, pyhanko, run, write};
use crate::world::{DAY, NOON, World, YEAR, at, line};
use certs::Serial;
use certs::issue::{Authority, Validity};
use certs::keys::{Key, Scheme, Size};
use signer::judge::{SubIndication, TimeSource};
use signer::make::{self, CmsSigning};
use signer::{Class, Code, Evidence, Format, Input, Integrity, Limits, SignatureKind, Verdict, judge, tst};
use std::sync::OnceLock;

pub(crate) const TEXT: &[u8] = "Kính gửi: Ủy ban nhân dân tỉnh\r\nNội dung: thử nghiệm\r\n".as_bytes();

pub(crate) fn path(name: &str) -> String {
    folder().join(name).to_str().unwrap().to_owned()
}

/// The machine's own clock, which OpenSSL writes into what it makes.
pub(crate) fn today() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_secs()).unwrap()
}

/// Everything known good today.
pub(crate) fn evidence_of_today() -> Evidence {
    World::get().evidence(today() - 60)
}

/// A signer whose certificate is good for as long as the authority's, whatever day it is: `NAME.pem` and `NAME.key`.
pub(crate) fn long_lived(name: &str, size: Size, number: u64) -> [String; 2] {
    let world = World::get();
    let key = Key::generate(size).unwrap();
    let validity = Validity { from: NOON - 4 * YEAR, until: NOON + 19 * YEAR };
    let subject = world.leader.certificate().subject();
    let draft =
        certs::issue::leader(subject, key.public(), Serial::from_u64(number), validity, "a@thunghiem.gov.vn");
    let certificate = draft.signed_by(&world.ca).unwrap();
    [
        write(&format!("{name}.pem"), certificate.to_pem().as_bytes()),
        write(&format!("{name}.key"), &key.to_pem().unwrap()),
    ]
}

/// Two of them, made once.
pub(crate) fn clerks() -> &'static [[String; 2]; 2] {
    static CLERKS: OnceLock<[[String; 2]; 2]> = OnceLock::new();
    CLERKS.get_or_init(|| [long_lived("clerk", Size::Rsa2048, 801), long_lived("clerk-ec", Size::P256, 802)])
}

/// OpenSSL's `cms -sign` over [`TEXT`] as the first clerk, with more options.
pub(crate) fn openssl_sign(name: &str, options: &[&str]) -> Vec<u8> {
    let (content, out) = (write("openssl.txt", TEXT), path(name));
    let ([leader, key], ca) = (&clerks()[0], path("ca.pem"));
    let mut line = vec!["cms", "-sign", "-binary", "-in", &content, "-out", &out, "-certfile", &ca];
    if !options.contains(&"-signer") {
        line.extend(["-signer", leader, "-inkey", key]);
    }
    if !options.contains(&"-outform") {
        line.extend(["-outform", "DER"]);
    }
    line.extend(options);
    check("openssl", &line);
    std::fs::read(out).unwrap()
}

/// OpenSSL's `cms -verify` of a file over content, at the tests' noon.
fn openssl_verify(file: &[u8], content: Option<&[u8]>, options: &[&str]) -> (bool, String) {
    let (file, root, out) = (write("ours.p7m", file), path("root.pem"), path("verified.txt"));
    let time = (NOON + 60).to_string();
    let content = content.map(|content| write("ours.txt", content));
    let mut line = vec!["cms", "-verify", "-binary", "-inform", "DER", "-in", &file, "-CAfile", &root];
    line.extend(["-attime", &time, "-out", &out]);
    if let Some(content) = &content {
        line.extend(["-content", content]);
    }
    line.extend(options);
    run("openssl", &line)
}

#[test]
fn d12_every_kind_of_key_signs_files_and_openssl_agrees() {
    let world = World::get();
    let sizes = [Size::Rsa2048, Size::P256, Size::P384, Size::P521, Size::Ed25519];
    let mut rows: Vec<(Key, Scheme)> = Vec::new();
    for size in sizes {
        let key = Key::generate(size).unwrap();
        let scheme = key.usual_scheme();
        rows.push((key, scheme));
    }
    for scheme in [Scheme::RsaPssSha256, Scheme::RsaPssSha512, Scheme::RsaPkcs1Sha512] {
        rows.push((Key::from_pem(&rows[0].0.to_pem().unwrap(), None).unwrap(), scheme));
    }
    for (number, (key, scheme)) in (500..).zip(rows) {
        let validity = Validity { from: NOON - DAY, until: NOON + 365 * DAY };
        let name = world.leader.certificate().subject();
        let draft = certs::issue::leader(
            name,
            key.public(),
            Serial::from_u64(number),
            validity,
            "a@thunghiem.gov.vn",
        );
        let who = Authority::new(draft.signed_by(&world.ca).unwrap(), key).unwrap();
        for detached in [true, false] {
            let signing = CmsSigning { detached, ..CmsSigning::new(world.chain(&who), scheme, at(NOON)) };
            let prepared = make::prepare_cms(TEXT, &signing, &Limits::default()).unwrap();
            // In two steps: the key only ever sees what is to be signed.
            let value = who.key().sign(scheme, prepared.to_sign()).unwrap().into_bytes();
            let file = prepared.signed(value).finish(None).unwrap();
            let content = detached.then_some(TEXT);
            let judged = world.judge_file(&file, content);
            assert_eq!(judged.class(), Class::ValidNoTimestamp, "{scheme:?}: {}", line(&judged));
            let signature = &judged.report().signatures[0];
            assert_eq!(signature.profile, Some("CAdES-B-B"), "{scheme:?}");
            assert!(signature.covers_whole_document);
            assert_eq!(judged.require_valid().unwrap().signed_bytes(), TEXT);
            // OpenSSL 3.0 does not know RFC 8419.
            if scheme != Scheme::Ed25519 {
                let (good, said) = openssl_verify(&file, content, &["-cades"]);
                assert!(good, "{scheme:?}: {said}");
            }
        }
    }
}

#[test]
fn a_timestamp_makes_it_cades_b_t_and_proves_the_time() {
    let world = World::get();
    let file = world.sign_cms(TEXT, &world.leader, true, true);
    let judged = world.judge_file(&file, Some(TEXT));
    assert_eq!(judged.class(), Class::Valid, "{}", line(&judged));
    let signature = &judged.report().signatures[0];
    assert_eq!((signature.profile, signature.time_source), (Some("CAdES-B-T"), TimeSource::Timestamp));
    assert_eq!((signature.kind, judged.report().format), (SignatureKind::Approval, Some(Format::Cms)));
    let (good, said) = openssl_verify(&file, Some(TEXT), &["-cades"]);
    assert!(good, "{said}");
}

#[test]
fn the_content_is_inside_or_beside_and_there_is_only_one() {
    let world = World::get();
    let beside = world.sign_cms(TEXT, &world.leader, true, false);
    let inside = world.sign_cms(TEXT, &world.leader, false, false);
    use Verdict::{Indeterminate, Invalid, Valid};
    type Row<'a> = (&'a str, &'a [u8], Option<&'a [u8]>, Verdict, Integrity, Option<Code>);
    let rows: [Row<'_>; 6] = [
        ("beside", &beside, Some(TEXT), Valid, Integrity::Intact, None),
        ("beside, not given", &beside, None, Indeterminate, Integrity::None, Some(Code::ContentMissing)),
        ("beside, another", &beside, Some(b"khac"), Invalid, Integrity::Broken, Some(Code::CmsDigest)),
        ("inside", &inside, None, Valid, Integrity::Intact, None),
        ("inside and the same beside", &inside, Some(TEXT), Valid, Integrity::Intact, None),
        (
            "inside, another beside",
            &inside,
            Some(b"khac"),
            Invalid,
            Integrity::Broken,
            Some(Code::ContentDiffers),
        ),
    ];
    for (what, file, content, verdict, integrity, code) in rows {
        let judged = world.judge_file(file, content);
        let report = judged.report();
        assert_eq!((report.verdict, report.integrity), (verdict, integrity), "{what}: {}", line(&judged));
        assert_eq!(report.signatures[0].reasons.first().map(|r| r.code), code, "{what}");
        assert_eq!(judged.require_valid().is_ok(), verdict == Valid, "{what}");
    }
    let report = world.judge_file(&beside, None);
    assert_eq!(report.report().signatures[0].sub_indication, Some(SubIndication::SignedDataNotFound));
}

#[test]
fn we_accept_what_openssl_signs() {
    let world = World::get();
    let [leader, seal] = clerks();
    let two =
        ["-signer", &leader[0], "-inkey", &leader[1], "-signer", &seal[0], "-inkey", &seal[1], "-nodetach"];
    #[rustfmt::skip]
    let rows: [(&str, &[&str], usize, &str); 14] = [
        ("detached",         &[], 1, "CMS"),
        ("attached",         &["-nodetach"], 1, "CMS"),
        ("cades",            &["-cades", "-nodetach"], 1, "CAdES-B-B"),
        ("cades-sha512",     &["-cades", "-md", "sha512"], 1, "CAdES-B-B"),
        ("pss",              &["-keyopt", "rsa_padding_mode:pss", "-nodetach"], 1, "CMS"),
        ("pss-sha384",       &["-md", "sha384", "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:20"], 1, "CMS"),
        ("ec",               &["-signer", &seal[0], "-inkey", &seal[1], "-nodetach"], 1, "CMS"),
        ("keyid",            &["-keyid", "-nodetach"], 1, "CMS"),
        ("noattr",           &["-noattr", "-nodetach"], 1, "CMS"),
        ("noattr-detached",  &["-noattr"], 1, "CMS"),
        ("indefinite",       &["-stream", "-nodetach"], 1, "CMS"),
        ("pem",              &["-outform", "PEM", "-nodetach"], 1, "CMS"),
        ("two",              &two, 2, "CMS"),
        ("no-certificates",  &["-nocerts", "-nodetach"], 1, "CMS"),
    ];
    for (name, options, signers, profile) in rows {
        let file = openssl_sign(name, options);
        let content = (!options.contains(&"-nodetach")).then_some(TEXT);
        let mut evidence = evidence_of_today();
        evidence
            .certificates
            .push(certs::Certificate::from_pem(&std::fs::read(&leader[0]).unwrap()).unwrap());
        let now = at(today() + 60);
        let input = Input::from(file.clone()).with_content(content.map(|c| c.to_vec().into()));
        assert_eq!(input.known_format(), Some(Format::Cms), "{name}");
        let judged = judge(input, &world.policy(), &evidence, now);
        assert_eq!(judged.class(), Class::ValidNoTimestamp, "{name}: {}", line(&judged));
        let report = judged.report();
        assert_eq!(report.signatures.len(), signers, "{name}");
        assert!(report.signatures.iter().all(|s| s.profile == Some(profile)), "{name}");
        assert_eq!(judged.require_valid().unwrap().signed_bytes(), TEXT, "{name}");
        if content.is_some() {
            let other = judge(
                Input::from(file).with_content(Some(b"khac"[..].into())),
                &world.policy(),
                &evidence,
                now,
            );
            assert_eq!(
                (other.verdict(), other.report().integrity),
                (Verdict::Invalid, Integrity::Broken),
                "{name}"
            );
        }
    }
}

#[test]
fn a_file_with_several_signers_is_as_good_as_the_worst() {
    let world = World::get();
    let [leader, stranger] =
        ["leader", "stranger"].map(|who| [path(&format!("{who}.pem")), path(&format!("{who}.key"))]);
    let both = [
        "-signer",
        &leader[0],
        "-inkey",
        &leader[1],
        "-signer",
        &stranger[0],
        "-inkey",
        &stranger[1],
        "-nodetach",
    ];
    let file = openssl_sign("strange.p7m", &both);
    let judged = judge(file.clone(), &world.policy(), &evidence_of_today(), at(today() + 60));
    let mut verdicts: Vec<_> = judged.report().signatures.iter().map(|s| s.verdict).collect();
    verdicts.sort();
    assert_eq!(verdicts, [Verdict::Valid, Verdict::Indeterminate], "{}", line(&judged));
    assert_eq!((judged.verdict(), judged.report().integrity), (Verdict::Indeterminate, Integrity::Intact));
    assert!(judged.require_valid().is_err());
    // A PDF or a timestamp demands exactly one.
    assert_eq!(signer::cms::read(&file, &Limits::default()).unwrap_err().code, Code::CmsSigners);
}

#[test]
fn certificates_and_encrypted_data_are_no_signatures() {
    let world = World::get();
    let (leader, out, content) = (path("leader.pem"), path("other.der"), write("openssl.txt", TEXT));
    check("openssl", &["crl2pkcs7", "-nocrl", "-certfile", &leader, "-outform", "DER", "-out", &out]);
    let judged = world.judge_file(&std::fs::read(&out).unwrap(), None);
    assert_eq!((judged.verdict(), judged.class()), (Verdict::Invalid, Class::Unsigned));
    assert_eq!(judged.report().reasons[0].code, Code::CertificatesOnly);
    check(
        "openssl",
        &["cms", "-encrypt", "-binary", "-in", &content, "-outform", "DER", "-out", &out, &leader],
    );
    let judged = world.judge_file(&std::fs::read(&out).unwrap(), None);
    assert_eq!(judged.verdict(), Verdict::Indeterminate);
    assert_eq!(judged.report().reasons[0].code, Code::Encrypted);
}

#[test]
fn d34_a_cms_file_and_revocation() {
    let world = World::get();
    let timed = world.sign_cms(TEXT, &world.leader, false, true);
    for (revoked, verdict) in [(NOON + DAY, Verdict::Valid), (NOON - DAY, Verdict::Invalid)] {
        let mut evidence = world.evidence(NOON + 2 * DAY);
        evidence.crls = world.crls(NOON + 2 * DAY, &[(&world.leader, revoked)]);
        let judged = judge(timed.clone(), &world.policy(), &evidence, at(NOON + 3 * DAY));
        assert_eq!(judged.verdict(), verdict, "{}", line(&judged));
    }
    let judged = judge(timed, &world.policy(), &Default::default(), at(NOON + 60));
    assert_eq!(judged.class(), Class::UnknownRevocation, "{}", line(&judged));
    assert!(!judged.lacks().is_empty());
}

#[test]
fn rfc_3161_a_token_is_judged_over_its_content() {
    let world = World::get();
    let request = tst::Request::over(TEXT, 77);
    let token = world.token(&request, NOON);
    let chain = world.chain(&world.tsa);
    let policy = certs::der::Oid::new(&[1, 3, 6, 1, 4, 1, 99999, 1]);
    let authority = tst::Authority { key: world.tsa.key(), certificates: &chain, policy };
    let answer = tst::answer(&request.to_der(), &authority, 9, NOON);
    for file in [&token, &answer] {
        let judged = world.judge_file(file, Some(TEXT));
        let report = judged.report();
        assert_eq!(report.format, Some(Format::Tst));
        assert_eq!(judged.class(), Class::Valid, "{}", line(&judged));
        let signature = &report.signatures[0];
        assert_eq!((signature.kind, signature.profile), (SignatureKind::Timestamp, Some("RFC 3161")));
        assert_eq!(signature.time, Some(at(NOON)));
        assert_eq!(judged.require_valid().unwrap().signed_bytes(), TEXT);

        let judged = world.judge_file(file, None);
        assert_eq!((judged.verdict(), judged.report().integrity), (Verdict::Indeterminate, Integrity::None));
        assert_eq!(judged.report().signatures[0].reasons[0].code, Code::ContentMissing);
        assert_eq!(judged.report().signatures[0].claimed_time, Some(at(NOON)));
        let judged = world.judge_file(file, Some(b"khac"));
        assert_eq!((judged.verdict(), judged.report().integrity), (Verdict::Invalid, Integrity::Broken));
    }
    let refused = tst::answer(b"", &authority, 9, NOON);
    let judged = world.judge_file(&refused, Some(TEXT));
    assert_eq!(judged.report().reasons[0].code, Code::TimestampRefused, "{}", line(&judged));
    // In text form too.
    let text = write("token.der", &token);
    let pem = path("token.pem");
    check("openssl", &["pkcs7", "-inform", "DER", "-in", &text, "-out", &pem]);
    let judged = world.judge_file(&std::fs::read(pem).unwrap(), Some(TEXT));
    assert_eq!(
        (judged.class(), judged.report().format),
        (Class::Valid, Some(Format::Tst)),
        "{}",
        line(&judged)
    );
}

#[test]
fn openssl_ts_answers_us_and_accepts_our_answers() {
    let world = World::get();
    let request = tst::Request::over(TEXT, 99);
    let (query, reply, data) = (write("q.tsq", &request.to_der()), path("r.tsr"), write("ts.txt", TEXT));
    let (cert, key, chain, root) = (path("tsa.pem"), path("tsa.key"), path("ca.pem"), path("root.pem"));
    let config = write("ts.cnf", format!("[tsa]\ndefault_tsa=t\n[t]\nserial={}\ndefault_policy=1.2.3.4\ndigests=sha256\naccuracy=secs:1,millisecs:500,microsecs:100\ntsa_name=yes\ness_cert_id_chain=yes\nsigner_digest=sha256\n", path("ts.serial")).as_bytes());
    check(
        "openssl",
        &[
            "ts",
            "-reply",
            "-config",
            &config,
            "-queryfile",
            &query,
            "-signer",
            &cert,
            "-inkey",
            &key,
            "-chain",
            &chain,
            "-out",
            &reply,
        ],
    );
    let theirs = std::fs::read(&reply).unwrap();
    let token = tst::read_response(&theirs, &request, &Limits::default()).unwrap();
    for file in [&theirs, &token] {
        let input = Input::from(file.clone()).with_content(Some(TEXT.into()));
        let judged = judge(input, &world.policy(), &evidence_of_today(), at(today() + 60));
        assert_eq!(judged.class(), Class::Valid, "{}", line(&judged));
    }
    let ours = world.token(&request, NOON);
    let (ours, time) = (write("ours.tst", &ours), (NOON + 60).to_string());
    let said = check(
        "openssl",
        &[
            "ts",
            "-verify",
            "-data",
            &data,
            "-in",
            &ours,
            "-token_in",
            "-CAfile",
            &root,
            "-untrusted",
            &chain,
            "-attime",
            &time,
        ],
    );
    assert!(said.contains("Verification: OK"), "{said}");
}

/// Runs `pyhanko_cms.py`.
fn pyhanko_cms(verb: &str, file: &str, options: &[&str]) -> String {
    let python = pyhanko().unwrap().join("python3");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/pyhanko_cms.py");
    let (dir, content) = (folder().to_str().unwrap().to_owned(), write("pyhanko.txt", TEXT));
    let moment = if verb == "sign" { NOON } else { NOON + 300 }.to_string();
    let mut line = vec![script, &dir, verb, &moment, &content, file];
    line.extend(options);
    check(python.to_str().unwrap(), &line)
}

#[test]
fn we_accept_the_cades_pyhanko_signs() {
    let world = World::get();
    let rows: [(&str, &[&str], &str, Class); 6] = [
        ("b", &["cades"], "CAdES-B-B", Class::ValidNoTimestamp),
        ("attached", &["cades", "attached"], "CAdES-B-B", Class::ValidNoTimestamp),
        ("t", &["cades", "timestamp"], "CAdES-B-T", Class::Valid),
        ("t-attached", &["cades", "timestamp", "attached"], "CAdES-B-T", Class::Valid),
        ("pss", &["cades", "pss", "sha512"], "CAdES-B-B", Class::ValidNoTimestamp),
        ("plain", &["attached", "timestamp"], "CAdES-B-T", Class::Valid),
    ];
    for (name, options, profile, class) in rows {
        let file = path(&format!("pyhanko-{name}.p7s"));
        pyhanko_cms("sign", &file, options);
        let content = (!options.contains(&"attached")).then_some(TEXT);
        let judged = world.judge_file(&std::fs::read(&file).unwrap(), content);
        assert_eq!(judged.class(), class, "{name}: {}", line(&judged));
        assert_eq!(judged.report().signatures[0].profile, Some(profile), "{name}");
    }
}

#[test]
fn pyhanko_accepts_the_cades_we_sign() {
    let world = World::get();
    for stamped in [false, true] {
        let file = world.sign_cms(TEXT, &world.leader, true, stamped);
        let said = pyhanko_cms("verify", &write("ours.p7s", &file), &[]);
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        let expected =
            serde_json::json!({ "valid": true, "intact": true, "trusted": true, "timestamp": stamped });
        assert_eq!(said, expected);
    }
}
