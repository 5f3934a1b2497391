//! Signed mail: ours, OpenSSL's, and what vandals do to it.

use crate::cms_files::{clerks, evidence_of_today, path, today};
use crate::interop::{check, write};
use crate::world::{NOON, World, at, line};
use signer::make::{CmsSigning, MailDraft, MailForm};
use signer::{Class, Code, Evidence, Format, Integrity, Judged, Limits, Verdict, judge};

const LETTER: &str = "From: Nguyen Van A <a@thunghiem.gov.vn>\r\n\
    To: vp@thunghiem.gov.vn\r\n\
    Subject: =?UTF-8?B?VGjhu60=?=\r\n\
    Date: Sun, 22 Nov 2026 08:00:00 +0700\r\n\
    Message-ID: <1@thunghiem.gov.vn>\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    \r\n\
    Dong 1\r\n--\r\nDong 2 \r\n";

fn signed(form: MailForm) -> String {
    String::from_utf8(World::get().sign_mail(LETTER.as_bytes(), &World::get().leader, form)).unwrap()
}

fn judged(mail: &str) -> Judged {
    World::get().judge_file(mail.as_bytes(), None)
}

fn codes(judged: &Judged) -> Vec<Code> {
    let report = judged.report();
    report.reasons.iter().chain(report.signatures.iter().flat_map(|s| &s.reasons)).map(|r| r.code).collect()
}

fn notes(judged: &Judged) -> Vec<Code> {
    judged.report().notes.iter().map(|r| r.code).collect()
}

#[test]
fn m34_mail_we_sign_is_valid_and_openssl_agrees() {
    for form in [MailForm::Clear, MailForm::Opaque] {
        let mail = signed(form);
        let verdict = judged(&mail);
        let report = verdict.report();
        assert_eq!(report.format, Some(Format::Smime));
        assert_eq!(verdict.class(), Class::ValidNoTimestamp, "{}", line(&verdict));
        assert_eq!((report.verdict, report.integrity), (Verdict::Valid, Integrity::Intact));
        assert_eq!(report.signatures[0].profile, Some("S/MIME"));
        // Subject and sender are inside too.
        assert_eq!(notes(&verdict), []);
        let document = verdict.require_valid().unwrap();
        let inside = std::str::from_utf8(document.signed_bytes()).unwrap();
        assert!(inside.ends_with("Dong 1\r\n--\r\nDong 2 \r\n") && inside.contains("Subject: "), "{inside}");

        let (file, root, time) =
            (write("ours.eml", mail.as_bytes()), path("root.pem"), (NOON + 60).to_string());
        let out = path("ours.out");
        for tool in ["cms", "smime"] {
            let said = check(
                "openssl",
                &[tool, "-verify", "-in", &file, "-CAfile", &root, "-attime", &time, "-out", &out],
            );
            assert!(said.to_lowercase().contains("verification successful"), "{said}");
            assert_eq!(std::fs::read_to_string(&out).unwrap(), inside);
        }
    }
}

#[test]
fn rfc_8551_3_1_2_text_that_would_not_travel_is_wrapped() {
    let world = World::get();
    let letter = LETTER.replace("Dong 1", "Dòng 1");
    let mail = world.sign_mail(letter.as_bytes(), &world.leader, MailForm::Clear);
    assert!(mail.is_ascii());
    let verdict = world.judge_file(&mail, None);
    assert_eq!(verdict.verdict(), Verdict::Valid, "{}", line(&verdict));
    let parts = "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nDòng\r\n--x--\r\n";
    let refused = MailDraft::new(parts.as_bytes(), MailForm::Clear, &Limits::default()).err().unwrap();
    assert_eq!(refused.code, Code::MakeMail);
    // Unix text is signed as what goes over the wire.
    let unix = LETTER.replace("\r\n", "\n");
    let mail = world.sign_mail(unix.as_bytes(), &world.leader, MailForm::Clear);
    assert_eq!(String::from_utf8(mail).unwrap(), signed(MailForm::Clear));
    // And in two steps.
    let signing = CmsSigning::new(world.chain(&world.leader), world.leader.key().usual_scheme(), at(NOON));
    let draft = MailDraft::new(LETTER.as_bytes(), MailForm::Clear, &Limits::default()).unwrap();
    let prepared = draft.prepare(&signing).unwrap();
    let value = world.leader.key().sign(signing.scheme, prepared.to_sign()).unwrap().into_bytes();
    let stamped = prepared.signed(value);
    let token = world.token(&stamped.timestamp_request(8), NOON);
    let verdict = world.judge_file(&stamped.finish(Some(&token)).unwrap(), None);
    assert_eq!(verdict.class(), Class::Valid, "{}", line(&verdict));
}

/// OpenSSL's mail as the first clerk.
fn openssl_mail(tool: &str, options: &[&str]) -> Vec<u8> {
    let [certificate, key] = &clerks()[0];
    let (letter, out, ca) = (write("letter.txt", b"Dong 1\nDong 2\n"), path("theirs.eml"), path("ca.pem"));
    let mut line =
        vec![tool, "-sign", "-in", &letter, "-signer", certificate, "-inkey", key, "-certfile", &ca];
    line.extend(["-from", "a@thunghiem.gov.vn", "-subject", "Thu", "-out", &out]);
    line.extend(options);
    check("openssl", &line);
    std::fs::read(out).unwrap()
}

#[test]
fn we_accept_the_mail_openssl_signs() {
    let world = World::get();
    let rows: [(&str, &[&str]); 8] = [
        ("cms", &["-text"]),
        ("cms", &["-text", "-crlfeol"]),
        ("cms", &["-text", "-nodetach"]),
        ("cms", &["-text", "-stream", "-nodetach"]),
        ("cms", &["-text", "-keyid", "-md", "sha512", "-keyopt", "rsa_padding_mode:pss"]),
        ("cms", &["-text", "-noattr"]),
        ("smime", &["-text"]),
        ("smime", &["-text", "-nodetach"]),
    ];
    for (tool, options) in rows {
        let mail = openssl_mail(tool, options);
        let verdict = judge(mail.clone(), &world.policy(), &evidence_of_today(), at(today() + 60));
        let what = format!("{tool} {options:?}: {}", line(&verdict));
        assert_eq!(verdict.class(), Class::ValidNoTimestamp, "{what}");
        assert_eq!(verdict.report().format, Some(Format::Smime));
        // Subject and sender stand outside only.
        assert!(notes(&verdict).contains(&Code::MailHeadersUnsigned), "{what}");
        let changed = String::from_utf8(mail).unwrap().replacen("Dong 2", "Dong 3", 1);
        if !options.contains(&"-nodetach") {
            let verdict =
                judge(changed.into_bytes(), &world.policy(), &evidence_of_today(), at(today() + 60));
            assert_eq!(
                (verdict.verdict(), verdict.report().integrity),
                (Verdict::Invalid, Integrity::Broken),
                "{what}"
            );
        }
    }
}

#[test]
fn rfc_8551_3_5_unix_text_is_put_back_on_the_wire() {
    let mail = signed(MailForm::Clear).replace("\r\n", "\n");
    let verdict = judged(&mail);
    assert_eq!(verdict.verdict(), Verdict::Valid, "{}", line(&verdict));
    assert_eq!(notes(&verdict), [Code::MailLineEndings]);
    // But a message in wire form is taken as it is.
    let mixed = signed(MailForm::Clear).replacen("Dong 1\r\n", "Dong 1\n", 1);
    let verdict = judged(&mixed);
    assert_eq!(codes(&verdict), [Code::CmsDigest], "{}", line(&verdict));
}

#[test]
fn rfc_8550_3_from_has_to_be_the_signer() {
    let world = World::get();
    let from =
        |text: &str| signed(MailForm::Clear).replacen("From: Nguyen Van A <a@thunghiem.gov.vn>", text, 1);
    let inside = |text: &str| {
        let letter = LETTER.replace("Nguyen Van A <a@thunghiem.gov.vn>", text);
        String::from_utf8(world.sign_mail(letter.as_bytes(), &world.leader, MailForm::Clear)).unwrap()
    };
    // The header outside is changed: what is signed says otherwise. `sign_mail` puts the outer one first.
    use Verdict::{Indeterminate, Valid};
    let rows: [(&str, String, Verdict, Option<Code>); 9] = [
        ("as signed", inside("a@thunghiem.gov.vn"), Valid, None),
        ("another case", inside("<A@THUNGHIEM.gov.vn>"), Valid, None),
        ("somebody else", inside("b@thunghiem.gov.vn"), Indeterminate, Some(Code::FromNotSigner)),
        (
            "a name that misleads",
            inside("\"sep@gov.vn\" <a@thunghiem.gov.vn>"),
            Indeterminate,
            Some(Code::FromAmbiguous),
        ),
        ("two", inside("a@thunghiem.gov.vn, b@thunghiem.gov.vn"), Indeterminate, Some(Code::FromAmbiguous)),
        ("a comment inside", inside("a@thunghiem.gov.vn(.x)"), Valid, None),
        ("a comment in between", inside("a(x)@thunghiem.gov.vn"), Indeterminate, Some(Code::FromAmbiguous)),
        ("replaced outside", from("From: b@thunghiem.gov.vn"), Indeterminate, Some(Code::MailHeadersDiffer)),
        (
            "added outside",
            format!("From: b@thunghiem.gov.vn\r\n{}", signed(MailForm::Clear)),
            Indeterminate,
            Some(Code::MailHeadersDiffer),
        ),
    ];
    for (what, mail, verdict, code) in rows {
        let found = judged(&mail);
        assert_eq!(found.verdict(), verdict, "{what}: {}", line(&found));
        assert_eq!(found.report().integrity, Integrity::Intact, "{what}");
        assert!(code.is_none_or(|code| codes(&found).contains(&code)), "{what}: {}", line(&found));
        assert_eq!(found.require_valid().is_ok(), verdict == Valid, "{what}");
    }
}

#[test]
fn only_the_whole_message_carries_the_verdict() {
    let whole = signed(MailForm::Clear);
    let (header, body) = whole.split_once("\r\n\r\n").unwrap();
    let kind = &header[header.find("Content-Type").unwrap()..];
    let part = format!("{kind}\r\n\r\n{body}");
    let from = "From: a@thunghiem.gov.vn\r\nMIME-Version: 1.0\r\n";
    let mixed = format!(
        "{from}Content-Type: multipart/mixed; boundary=out\r\n\r\n--out\r\n\r\nTra tien cho toi\r\n--out\r\n{part}\r\n--out--\r\n"
    );
    let forwarded = format!("{from}Content-Type: message/rfc822\r\n\r\n{whole}");
    let deep = format!(
        "{from}Content-Type: multipart/alternative; boundary=o2\r\n\r\n--o2\r\n{mixed}\r\n--o2--\r\n"
    );
    let opaque = signed(MailForm::Opaque);
    let inside =
        format!("{from}Content-Type: multipart/mixed; boundary=out\r\n\r\n--out\r\n{opaque}\r\n--out--\r\n");
    for mail in [&mixed, &forwarded, &deep, &inside] {
        let verdict = judged(mail);
        assert_eq!(
            (verdict.verdict(), verdict.class()),
            (Verdict::Indeterminate, Class::Unsigned),
            "{}",
            line(&verdict)
        );
        assert_eq!(codes(&verdict), [Code::MailPartSigned]);
        assert!(verdict.require_valid().is_err() && verdict.accept_by_officer("vì").is_err());
    }
    let unsigned = judged(LETTER);
    assert_eq!((unsigned.verdict(), codes(&unsigned)), (Verdict::Invalid, vec![Code::Unsigned]));
    // A footer after the signed part is shown by no reader, and said.
    let footer = judged(&format!("{whole}\r\nTra tien cho toi\r\n"));
    assert_eq!((footer.verdict(), notes(&footer)), (Verdict::Valid, vec![Code::MailOutside]));
}

#[test]
fn what_vandals_do_to_mail() {
    let whole = signed(MailForm::Clear);
    let opaque = signed(MailForm::Opaque);
    let boundary = {
        let at = whole.find("boundary=\"").unwrap() + 10;
        whole[at..].split('"').next().unwrap().to_owned()
    };
    let delimiter = format!("--{boundary}\r\n");
    let edit = |from: &str, to: &str| whole.replacen(from, to, 1);
    let third = format!("\r\n{delimiter}\r\nthem\r\n--{boundary}--");
    #[rustfmt::skip]
    let rows: [(&str, String, &[Code]); 19] = [
        ("another text",            edit("Dong 2", "Dong 3"), &[Code::CmsDigest]),
        ("a blank at a line's end", edit("Dong 2 \r\n", "Dong 2\r\n"), &[Code::CmsDigest]),
        ("another inner header",    edit("Content-Type: text/plain", "Content-Type: text/xplain"), &[Code::CmsDigest]),
        ("a part before",           edit(&delimiter, &format!("{delimiter}\r\nthem\r\n{delimiter}")), &[Code::MailAmbiguous]),
        ("a part after",            edit(&format!("\r\n--{boundary}--"), &third), &[Code::MailAmbiguous]),
        ("no signature",            edit("application/pkcs7-signature; name", "text/plain; name"), &[Code::MailAmbiguous]),
        ("another protocol",        edit("protocol=\"application/pkcs7-signature\"", "protocol=\"text/plain\""), &[Code::MailAmbiguous]),
        ("OpenPGP",                 edit("protocol=\"application/pkcs7-signature\"", "protocol=\"application/pgp-signature\""), &[Code::FormatUnsupported]),
        ("two types",               edit("MIME-Version", "Content-Type: text/plain\r\nMIME-Version"), &[Code::MailAmbiguous]),
        ("two boundaries",          edit("micalg", "boundary=x; micalg"), &[Code::MailAmbiguous]),
        ("a boundary in pieces",    edit("micalg", "boundary*0=x; micalg"), &[Code::MailAmbiguous]),
        ("no boundary",             edit(&format!("; boundary=\"{boundary}\""), ""), &[Code::MailDamaged]),
        ("encoded as a whole",      edit("MIME-Version", "Content-Transfer-Encoding: base64\r\nMIME-Version"), &[Code::MailAmbiguous]),
        ("no end",                  whole[..whole.len() - 30].to_owned(), &[Code::MailDamaged]),
        ("a false delimiter",       edit("Dong 1", &format!("--{boundary}x")), &[Code::MailAmbiguous]),
        ("a damaged signature",     edit("MII", "M!I"), &[Code::MailDamaged]),
        ("a header line of nothing", edit("MIME-Version: 1.0", "xyz"), &[Code::MailDamaged]),
        ("encrypted, it says",      opaque.replacen("signed-data", "enveloped-data", 1), &[]),
        ("opaque, damaged",         opaque.replacen("MII", "MIJ", 1), &[Code::CmsSyntax]),
    ];
    for (what, mail, expected) in rows {
        let verdict = judged(&mail);
        if expected.is_empty() {
            // The label decides nothing; the contents do.
            assert_eq!(verdict.verdict(), Verdict::Valid, "{what}: {}", line(&verdict));
            continue;
        }
        assert_ne!(verdict.verdict(), Verdict::Valid, "{what}");
        assert_eq!(codes(&verdict), expected, "{what}: {}", line(&verdict));
    }
}

#[test]
fn encrypted_mail_says_nothing() {
    let (letter, out, leader) = (write("letter.txt", b"Dong 1\n"), path("secret.eml"), path("leader.pem"));
    check(
        "openssl",
        &["cms", "-encrypt", "-in", &letter, "-from", "a@thunghiem.gov.vn", "-out", &out, &leader],
    );
    let verdict = World::get().judge_file(&std::fs::read(&out).unwrap(), None);
    assert_eq!((verdict.verdict(), codes(&verdict)), (Verdict::Indeterminate, vec![Code::Encrypted]));
    let pgp = judged("From: a@thunghiem.gov.vn\r\nContent-Type: multipart/encrypted; boundary=x\r\n\r\n");
    assert_eq!((pgp.verdict(), codes(&pgp)), (Verdict::Indeterminate, vec![Code::Encrypted]));
    // Certificates sent for others to encrypt with; and what is compressed may be signed inside.
    let mail = |kind: &str, der: &[u8]| {
        let body = base64(der);
        judged(&format!(
            "From: a@thunghiem.gov.vn\r\nContent-Type: application/pkcs7-mime; smime-type={kind}\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{body}\r\n"
        ))
    };
    check("openssl", &["crl2pkcs7", "-nocrl", "-certfile", &leader, "-outform", "DER", "-out", &out]);
    let verdict = mail("certs-only", &std::fs::read(&out).unwrap());
    assert_eq!((verdict.verdict(), codes(&verdict)), (Verdict::Invalid, vec![Code::CertificatesOnly]));
    let compressed = [0x30, 0x0f, 6, 11, 42, 134, 72, 134, 247, 13, 1, 9, 16, 1, 9, 0xa0, 0];
    let verdict = mail("compressed-data", &compressed);
    assert_eq!((verdict.verdict(), codes(&verdict)), (Verdict::Indeterminate, vec![Code::FormatUnsupported]));
}

fn base64(bytes: &[u8]) -> String {
    openssl::base64::encode_block(bytes)
}

#[test]
fn d24_a_certificate_for_something_else_signs_no_mail() {
    let world = World::get();
    // A timestamp authority's certificate, with the sender's address nowhere in it.
    let mail = world.sign_mail(LETTER.as_bytes(), &world.tsa, MailForm::Clear);
    let verdict = world.judge_file(&mail, None);
    assert_eq!(verdict.verdict(), Verdict::Indeterminate, "{}", line(&verdict));
    let found = codes(&verdict);
    assert!(found.contains(&Code::KeyUsage) && found.contains(&Code::FromNotSigner), "{}", line(&verdict));
    // And an installation that trusts a root for documents only does not trust it for mail.
    let mut policy = world.policy();
    policy.trust = certs::trust::TrustStore::new();
    let root = world.root.certificate();
    let purposes = [certs::trust::Purpose::Document];
    let hierarchy = certs::trust::Hierarchy::PublicService;
    policy
        .trust
        .add(certs::trust::Anchor::new(root.clone(), root.sha256(), &purposes, hierarchy, "t").unwrap());
    let evidence: Evidence = world.evidence(NOON + 120);
    let verdict = judge(signed(MailForm::Clear).into_bytes(), &policy, &evidence, at(NOON + 3600));
    assert_eq!(verdict.class(), Class::Invalid(Code::Untrusted), "{}", line(&verdict));
}

#[test]
fn mails_date_far_from_the_signature_is_said() {
    let world = World::get();
    let letter = LETTER.replace("22 Nov 2026", "20 Nov 2026");
    let verdict = world.judge_file(&world.sign_mail(letter.as_bytes(), &world.leader, MailForm::Clear), None);
    assert_eq!((verdict.verdict(), notes(&verdict)), (Verdict::Valid, vec![Code::MailDateDiffers]));
}
